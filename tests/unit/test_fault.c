/* Faults for tests: that they strike when they should, and do what they say;
 * rules as text. */
#include <sys/wait.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "libvt/store/backend.h"
#include "tests/unit/test.h"

static struct vt_err err;
static struct vt_backend *b;

static void
faults(const char *text)
{
	struct vt_fault rules[VT_FAULTS_MAX];
	size_t n = 0;

	if (*text != '\0' && vt_fault_parse(text, rules, &n, &err) != VT_OK)
		abort();
	vt_backend_faults_set(b, rules, n);
}

static enum vt_code
head(const char *name)
{
	struct vt_backend_head h;

	return vt_backend_head(b, name, &h, &err);
}

static enum vt_code
put(const char *name, const char *text)
{
	struct vt_backend_put *p;
	enum vt_code rc;

	rc = vt_backend_put_begin(b, name, NULL, &p, &err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_put_write(p, text, strlen(text), &err);
	if (rc == VT_OK)
		return vt_backend_put_commit(p, NULL, &err);
	vt_backend_put_abort(p);
	return rc;
}

/* What is read of a blob, at most 99 bytes, before it fails or ends. */
static enum vt_code
get(const char *name, uint64_t len, char out[100], unsigned *reads)
{
	struct vt_backend_get *g;
	enum vt_code rc;
	size_t n, at = 0;

	*reads = 0;
	rc = vt_backend_get_begin(b, name, NULL, 0, len, &g, &err);
	if (rc != VT_OK)
		return rc;
	do {
		rc = vt_backend_get_read(g, out + at, 99 - at, &n, &err);
		at += n;
		++*reads;
	} while (rc == VT_OK && n > 0);
	out[at] = '\0';
	vt_backend_get_end(g);
	return rc;
}

static void
test_parse(void)
{
	static const char *const bad[] = {
		"", "busy", "busy@", "busy@0", "busy@x", "busy@1+0",
		"busy@1+", "what@1", "ok@1", "busy:what@1", "busy:@1",
		"slow-late@1", "cut-late@1", "hang=x@1", "hang=3600001@1",
		"busy@1,", ",busy@1", "busy@1,busy@1,busy@1,busy@1,busy@1,"
		"busy@1,busy@1,busy@1,busy@1",
		"needs-restore-late=3600000:metadata@18446744073709551615+18446"
		"744073709551615", "-late@1",
	};
	struct vt_fault r[VT_FAULTS_MAX];
	size_t n, i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(vt_fault_parse(bad[i], r, &n, &err), VT_INVALID,
		    "'%s' is no fault", bad[i]);
	is_int(vt_fault_parse("kill-late:commit@1,needs-restore@2+3,"
	    "hang=20:read@4", r, &n, &err), VT_OK, "three rules");
	is_int(n, 3, "are three");
	ok(r[0].act == VT_FAULT_KILL && r[0].is_late && r[0].at == 1 &&
	    r[0].every == 0 && strcmp(r[0].op, "commit") == 0, "the first");
	ok(r[1].act == VT_FAULT_FAIL && r[1].code == VT_NEEDS_RESTORE &&
	    !r[1].is_late && r[1].at == 2 && r[1].every == 3 &&
	    r[1].op[0] == '\0', "the second");
	ok(r[2].act == VT_FAULT_HANG && r[2].ms == 20 && r[2].at == 4 &&
	    strcmp(r[2].op, "read") == 0, "the third");
}

static void
test_when(void)
{
	char struck[20] = "";
	int i;

	faults("busy:head@3+4,denied:delete@2,io@9");
	for (i = 0; i < 12; i++)
		strcat(struck, head("no") == VT_BUSY ? "b" :
		    err.code == VT_IO ? "i" : "-");
	is_str(struck, "--b---b-i-b-", "rules strike when they say");
	is_int(vt_backend_delete(b, "no", NULL, &err), VT_ABSENT,
	    "each counts its own calls");
	is_int(vt_backend_delete(b, "no", NULL, &err), VT_DENIED,
	    "and fails as it says");
	faults("");
	is_int(head("no"), VT_ABSENT, "none strikes any more");
}

static void
test_late(void)
{
	char text[100];
	unsigned n;

	faults("busy-late:commit@1,busy:commit@2");
	is_int(put("late", "text"), VT_BUSY, "a commit whose answer is lost");
	is_int(put("not", "text"), VT_BUSY, "one that never was");
	is_int(get("late", 4, text, &n), VT_OK, "the first is there");
	is_str(text, "text", "whole");
	is_int(head("not"), VT_ABSENT, "the second is not");
	faults("busy-late:put@1,busy-late:get@1,busy-late:delete@1");
	is_int(put("x", "x"), VT_BUSY, "a put that began");
	is_int(put("x", "x"), VT_OK, "has left the name free");
	is_int(get("x", 1, text, &n), VT_BUSY, "a get that began");
	is_int(vt_backend_delete(b, "x", NULL, &err), VT_BUSY, "a delete");
	is_int(head("x"), VT_ABSENT, "that was done");
	is_int(vt_backend_delete(b, "late", NULL, &err), VT_OK, "another");
}

static void
test_harm(void)
{
	char text[100];
	unsigned n;

	faults("flip:write@2");
	is_int(put("a", "abcdef"), VT_OK, "put");
	is_int(put("b", "abcdef"), VT_OK, "and with a wrong bit");
	is_int(get("b", 6, text, &n), VT_OK, "get");
	is_str(text, "`bcdef", "which is there");
	faults("flip:read@1");
	is_int(get("a", 6, text, &n), VT_OK, "get with a wrong bit");
	is_str(text, "abcdeg", "which was not there");
	faults("drip:read@1,drip:read@2,cut:read@4");
	is_int(get("a", 6, text, &n), VT_OK, "get in drops");
	ok(n == 4 && strcmp(text, "abcdef") == 0, "two, and the rest");
	faults("drip:read@1,cut:read@2");
	is_int(get("a", 6, text, &n), VT_CORRUPT, "get what ends early");
	is_str(text, "a", "is told");
	faults("drip:read@1,io:read@2");
	is_int(get("a", 6, text, &n), VT_IO, "get what breaks");
	is_str(text, "a", "in the middle");
	faults("");
	is_int(vt_backend_delete(b, "a", NULL, &err), VT_OK, "delete");
	is_int(vt_backend_delete(b, "b", NULL, &err), VT_OK, "both");
}

static void *
call_head(void *ctx)
{
	*(enum vt_code *)ctx = head("no");
	return NULL;
}

static void
test_hang(void)
{
	static const char *const text[] = { "hang@1", "slow@1", "hang@1" };
	static const enum vt_code want[] = { VT_BUSY, VT_ABSENT,
	    VT_CANCELLED };
	volatile int cancel = 0;
	enum vt_code rc;
	pthread_t t;
	int i;

	b = vt_backend_faults(b, NULL, 0, &cancel);
	for (i = 0; i < 3; i++) {
		faults(text[i]);
		if (pthread_create(&t, NULL, call_head, &rc) != 0)
			abort();
		while (vt_backend_fault_hanging(b) != 1)
			sched_yield();
		if (i < 2)
			faults("");
		else
			__atomic_store_n(&cancel, 1, __ATOMIC_RELAXED);
		pthread_join(t, NULL);
		is_int(rc, want[i], "%s ends as it should", text[i]);
		is_int(vt_backend_fault_hanging(b), 0, "and ends");
	}
	__atomic_store_n(&cancel, 0, __ATOMIC_RELAXED);
	faults("hang=1@1,slow=1@2");
	is_int(head("no"), VT_BUSY, "or by itself");
	is_int(head("no"), VT_ABSENT, "in both ways");
}

/* Kills this process, in a child. */
static void
test_kill(void)
{
	static const char *const text[] = { "kill:put@1", "kill:commit@1",
	    "kill-late:commit@1", "kill:delete@1" };
	int status, i;
	pid_t pid;

	fflush(stdout);
	for (i = 0; i < 4; i++) {
		pid = fork();
		if (pid == 0) {
			faults(text[i]);
			(void)!put("killed", "x");
			_exit(1);
		}
		if (pid < 0 || waitpid(pid, &status, 0) < 0)
			abort();
		if (i < 3)
			ok(WIFSIGNALED(status) && WTERMSIG(status) ==
			    SIGKILL, "%s kills", text[i]);
		else
			ok(WIFEXITED(status), "what is not called does not");
	}
}

int
main(void)
{
	struct vt_backend_options o = { .create = 1 };

	if (vt_backend_open("mem:fault", &o, &b, &err) != VT_OK)
		return 1;
	b = vt_backend_faults(b, NULL, 0, NULL);
	test_parse();
	test_when();
	test_late();
	test_harm();
	test_kill();
	test_hang();
	vt_backend_close(b);
	return test_done();
}
