/*
 * The guard round a backend: turns, breaker, rate, reads that go on.  What
 * fails below is a fault wrapper round mem:, what time it is a clock that is
 * set.  The contract of backend.h through a guard is in test_backend.c.
 */
#include <pthread.h>
#include <sched.h>

#include "libvt/base/clock.h"

#include "libvt/store/backend.h"
#include "libvt/store/backend_guard_state.h"
#include "tests/unit/test.h"

#define SECOND INT64_C(1000000)

static struct vt_err err;
static uint64_t next_id = 1;

/* --- the breaker, alone --- */

static void
test_breaker(void)
{
	struct vt_breaker b;
	uint64_t t, late;
	int i, opened = 0;
	int64_t now = 0, pause;

	vt_breaker_init(&b, 3, SECOND);
	late = vt_breaker_enter(&b, 0);
	for (i = 0; i < 100; i++) {
		t = vt_breaker_enter(&b, 0);
		opened += vt_breaker_leave(&b, t, i % 3 == 2 ?
		    VT_CALL_ANSWERED : VT_CALL_FAILED, 0);
	}
	is_int(opened, 0, "failures that are not in a row do not open it");
	vt_breaker_init(&b, 3, SECOND);
	for (i = 0; i < 3; i++) {
		ok(vt_breaker_passes(&b, 0), "it is closed");
		t = vt_breaker_enter(&b, 0);
		opened += vt_breaker_leave(&b, t, VT_CALL_FAILED, 0);
		/* neither here nor there */
		t = vt_breaker_enter(&b, 0);
		opened += vt_breaker_leave(&b, t, VT_CALL_UNKNOWN, 0);
	}
	is_int(opened, 1, "three in a row open it once");
	ok(vt_breaker_enter(&b, 0) == 0 &&
	    vt_breaker_enter(&b, SECOND - 1) == 0, "nobody passes");
	vt_breaker_leave(&b, late, VT_CALL_ANSWERED, 0);
	ok(vt_breaker_enter(&b, SECOND - 1) == 0,
	    "whatever began before says nothing");
	for (i = 0, now = SECOND, pause = SECOND; i < 10; i++) {
		t = vt_breaker_enter(&b, now);
		ok(t != 0 && vt_breaker_enter(&b, now) == 0 &&
		    vt_breaker_enter(&b, now + 3600 * SECOND) == 0,
		    "one probe at a time");
		vt_breaker_leave(&b, t, VT_CALL_FAILED, now);
		pause = pause * 2 < 60 * SECOND ? pause * 2 : 60 * SECOND;
		ok(!vt_breaker_passes(&b, now + pause - 1) &&
		    vt_breaker_passes(&b, now + pause),
		    "the pause is %lld s now", (long long)(pause / SECOND));
		now += pause;
	}
	t = vt_breaker_enter(&b, now);
	vt_breaker_leave(&b, t, VT_CALL_UNKNOWN, now);
	t = vt_breaker_enter(&b, now);
	ok(t != 0, "a probe that tells nothing is followed by another");
	vt_breaker_leave(&b, t, VT_CALL_ANSWERED, now);
	ok(vt_breaker_enter(&b, now) != 0 && vt_breaker_enter(&b, now) != 0,
	    "an answer closes it");
	for (i = 0; i < 3; i++)
		vt_breaker_leave(&b, vt_breaker_enter(&b, now),
		    VT_CALL_FAILED, now);
	ok(!vt_breaker_passes(&b, now + SECOND - 1) &&
	    vt_breaker_passes(&b, now + SECOND), "and the pause is short "
	    "again");
}

static void
test_codes(void)
{
	int code;

	for (code = VT_OK; code <= VT_NOMEM; code++) {
		enum vt_call_end end = vt_call_end_of(code);

		if (code == VT_BUSY || code == VT_IO)
			is_int(end, VT_CALL_FAILED, "%s is a failure",
			    vt_code_name(code));
		else if (code == VT_INVALID || code == VT_CANCELLED ||
		    code == VT_NOMEM)
			is_int(end, VT_CALL_UNKNOWN, "%s tells nothing",
			    vt_code_name(code));
		else
			is_int(end, VT_CALL_ANSWERED, "%s is an answer",
			    vt_code_name(code));
	}
}

static void
test_pace(void)
{
	struct vt_pace p = { .per_s = 1000 };
	int64_t now = 3600 * SECOND, end;
	uint64_t i;

	is_int(vt_pace_take(&p, 1000, now), 0, "a second's worth is free");
	is_int(vt_pace_take(&p, 1, now), 1000, "one more waits its time");
	is_int(vt_pace_take(&p, 500, now), 501000, "and the next for both");
	is_int(vt_pace_take(&p, 0, now + 501000), 0, "then all has passed");
	is_int(vt_pace_take(&p, 2000, now + 3600 * SECOND), SECOND,
	    "what is kept is a second's worth");
	/* Drops of a rate at which one takes no microsecond. */
	p = (struct vt_pace){ .per_s = 3000000 };
	for (i = 0; i < 3000000; i++)
		(void)vt_pace_take(&p, 1, now);
	end = vt_pace_take(&p, 3000000, now);
	is_int(end, SECOND, "nothing is lost in rounding");
	p = (struct vt_pace){ .per_s = UINT64_C(1) << 40 };
	is_int(vt_pace_take(&p, UINT64_C(1) << 44, now), 15 * SECOND,
	    "the largest of both");
	p = (struct vt_pace){ .per_s = 0 };
	is_int(vt_pace_take(&p, UINT64_C(1) << 44, now), 0, "no limit");
}

/* --- a guard --- */

struct fixture {
	struct vt_clock clock;
	struct vt_backend *fault;	/* inside */
	struct vt_backend *b;		/* the guard */
};

static void
set_up(struct fixture *f, const char *url, const struct vt_guard_options *o)
{
	struct vt_backend_options open = { .clock = &f->clock, .create = 1 };
	struct vt_backend *mem;

	f->clock = VT_CLOCK_FIXED(0);
	if (vt_backend_open(url, &open, &mem, &err) != VT_OK)
		abort();
	f->fault = vt_backend_faults(mem, NULL, 0, NULL);
	f->b = vt_backend_guard(f->fault, o);
	if (f->b == NULL)
		abort();
}

static void
faults(struct fixture *f, const char *text)
{
	struct vt_fault rules[VT_FAULTS_MAX];
	size_t n = 0;

	if (*text != '\0' && vt_fault_parse(text, rules, &n, &err) != VT_OK)
		abort();
	vt_backend_faults_set(f->fault, rules, n);
}

static void
new_name(struct vt_backend *b, char name[VT_BLOB_NAME_MAX])
{
	if (vt_backend_name(b, next_id++, 7, NULL, NULL, 0, name, &err) !=
	    VT_OK)
		abort();
}

static void
fill(unsigned char *p, size_t len, uint64_t offset)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (unsigned char)((offset + i) * 2654435761u >> 13);
}

static enum vt_code
put(struct vt_backend *b, const char *name, size_t size, struct vt_err *e)
{
	struct vt_backend_put *p;
	unsigned char *data;
	enum vt_code rc;

	rc = vt_backend_put_begin(b, name, NULL, &p, e);
	if (rc != VT_OK)
		return rc;
	data = malloc(size + 1);
	fill(data, size, 0);
	rc = vt_backend_put_write(p, data, size, e);
	free(data);
	if (rc != VT_OK) {
		vt_backend_put_abort(p);
		return rc;
	}
	return vt_backend_put_commit(p, NULL, e);
}

/* Read on to the end; VT_PRECONDITION: other bytes than were put. */
static enum vt_code
read_on(struct vt_backend_get *g, uint64_t offset, uint64_t length,
    struct vt_err *e)
{
	unsigned char got[777], want[777];
	uint64_t done = 0;
	enum vt_code rc;
	size_t n;

	for (;;) {
		rc = vt_backend_get_read(g, got, sizeof(got), &n, e);
		if (rc != VT_OK || n == 0)
			break;
		fill(want, n, offset + done);
		done += n;
		if (memcmp(got, want, n) != 0 || done > length)
			return VT_PRECONDITION;
	}
	return rc == VT_OK && done != length ? VT_PRECONDITION : rc;
}

static enum vt_code
get(struct vt_backend *b, const char *name, uint64_t offset, uint64_t length,
    struct vt_err *e)
{
	struct vt_backend_get *g;
	enum vt_code rc;

	rc = vt_backend_get_begin(b, name, NULL, offset, length, &g, e);
	if (rc != VT_OK)
		return rc;
	rc = read_on(g, offset, length, e);
	vt_backend_get_end(g);
	return rc;
}

static struct vt_backend_health
health(struct vt_backend *b)
{
	struct vt_backend_health h;

	vt_backend_health(b, &h);
	return h;
}

static enum vt_code
head(struct vt_backend *b)
{
	struct vt_backend_head h;

	return vt_backend_head(b, "nothing/here", &h, &err);
}

static void
test_opens(void)
{
	struct fixture f;
	uint64_t before;
	int i;

	printf("# the breaker in a guard\n");
	set_up(&f, "mem:opens", NULL);
	faults(&f, "busy@1+1");
	for (i = 0; i < 5; i++) {
		ok(!health(f.b).is_open, "closed after %d failures", i);
		is_int(head(f.b), VT_BUSY, "a failure");
	}
	before = vt_backend_fault_calls(f.fault);
	ok(health(f.b).is_open && health(f.b).retry_ms == 1000 &&
	    health(f.b).failures == 5, "open after five");
	is_int(head(f.b), VT_BUSY, "then refused");
	ok(strstr(err.text, "head failed as asked") != NULL,
	    "saying why: %s", err.text);
	is_int(put(f.b, "a", 1, &err), VT_BUSY, "so is a put");
	is_int(get(f.b, "a", 0, 1, &err), VT_BUSY, "and a get");
	is_int(vt_backend_delete(f.b, "a", NULL, &err), VT_BUSY,
	    "and a delete");
	is_int(vt_backend_fault_calls(f.fault) - before, 0,
	    "P8 a tier that fails is not asked");
	is_int(health(f.b).refused, 4, "they are counted");
	f.clock.offset_us = SECOND - 1;
	is_int(health(f.b).retry_ms, 1, "a while later");
	is_int(head(f.b), VT_BUSY, "still refused");
	f.clock.offset_us = SECOND;
	is_int(head(f.b), VT_BUSY, "one is let through");
	is_int(vt_backend_fault_calls(f.fault) - before, 1, "just one");
	is_int(health(f.b).retry_ms, 2000, "the pause doubles");
	faults(&f, "");
	f.clock.offset_us = 3 * SECOND;
	is_int(head(f.b), VT_ABSENT, "one is answered");
	ok(!health(f.b).is_open, "which closes it");
	vt_backend_close(f.b);
}

static void
test_answers(void)
{
	static const char *const rules[] = {
		"absent@1+1", "exists@1+1", "denied@1+1", "precondition@1+1",
		"corrupt@1+1", "needs-restore@1+1", "no-space@1+1",
		"too-large@1+1", "cancelled@1+1", "invalid@1+1",
	};
	struct fixture f;
	size_t i;
	int k;

	set_up(&f, "mem:answers", NULL);
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		faults(&f, rules[i]);
		for (k = 0; k < 20; k++)
			if (head(f.b) == VT_BUSY)
				break;
		ok(k == 20 && !health(f.b).is_open,
		    "P8 %s does not open the breaker", rules[i]);
	}
	/* What only one side knows must not hide failures either. */
	faults(&f, "busy:head@1+1,cancelled:delete@1+1");
	for (k = 0; k < 5; k++)
		if (head(f.b) != VT_BUSY ||
		    vt_backend_delete(f.b, "a", NULL, &err) == VT_OK)
			break;
	ok(k == 5 && health(f.b).is_open, "nor does what was cancelled "
	    "close it");
	vt_backend_close(f.b);
}

static void
test_probes(void)
{
	struct vt_guard_options o = { .open_after = 1 };
	char name[VT_BLOB_NAME_MAX];
	struct fixture f;
	uint64_t calls;

	set_up(&f, "mem:probes", &o);
	new_name(f.b, name);
	faults(&f, "busy:head@1+1");
	is_int(head(f.b), VT_BUSY, "it opens");
	f.clock.offset_us = SECOND;
	calls = vt_backend_fault_calls(f.fault);
	is_int(put(f.b, name, 10, &err), VT_BUSY, "a put looks first");
	ok(vt_backend_fault_calls(f.fault) == calls + 1 &&
	    health(f.b).is_open, "and goes no further");
	is_int(health(f.b).puts, 0, "its place is free");
	faults(&f, "");
	f.clock.offset_us = 4 * SECOND;
	is_int(put(f.b, name, 10, &err), VT_OK, "or goes on");
	ok(!health(f.b).is_open, "with the breaker closed");
	vt_backend_close(f.b);
}

static void
test_under_way(void)
{
	struct vt_guard_options o = { .open_after = 1 };
	char name[2][VT_BLOB_NAME_MAX];
	struct vt_backend_get *g;
	struct vt_backend_put *p;
	struct vt_backend_head h;
	struct fixture f;

	set_up(&f, "mem:underway", &o);
	new_name(f.b, name[0]);
	new_name(f.b, name[1]);
	is_int(put(f.b, name[0], 100000, &err), VT_OK, "put");
	is_int(vt_backend_get_begin(f.b, name[0], NULL, 5, 90000, &g, &err),
	    VT_OK, "a read is under way");
	is_int(vt_backend_put_begin(f.b, name[1], NULL, &p, &err), VT_OK,
	    "and a put");
	faults(&f, "io:head@1");
	is_int(head(f.b), VT_IO, "the breaker opens");
	is_int(read_on(g, 5, 90000, &err), VT_OK, "the read ends well");
	vt_backend_get_end(g);
	is_int(vt_backend_put_write(p, "x", 1, &err), VT_BUSY,
	    "the put does not");
	vt_backend_put_abort(p);
	is_int(vt_backend_head(f.fault, name[1], &h, &err), VT_ABSENT,
	    "and leaves nothing");
	is_int(health(f.b).puts, 0, "nor holds its place");
	vt_backend_close(f.b);
}

static void
test_resumes(void)
{
	static const char *const breaks[] = {
		"busy:read@1+4", "io:read@7", "cut:read@3", "drip:read@1+2",
		"busy:read@1,busy:read@3,cut:read@5,io:read@7,busy:read@9",
	};
	struct vt_guard_options o = { .resumes = 40 };
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend_get *g;
	struct vt_backend_head h;
	struct fixture f;
	uint64_t calls;
	char byte;
	size_t i, n;

	printf("# reads that go on\n");
	set_up(&f, "mem:resumes", &o);
	new_name(f.b, name);
	is_int(put(f.b, name, 100000, &err), VT_OK, "put");
	for (i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		faults(&f, breaks[i]);
		is_int(get(f.b, name, 12345, 80000, &err), VT_OK,
		    "P5 the right bytes after %s", breaks[i]);
	}
	vt_backend_close(f.b);

	set_up(&f, "mem:resumes2", NULL);
	new_name(f.b, name);
	is_int(put(f.b, name, 100000, &err), VT_OK, "put");
	faults(&f, "busy:read@1+1");
	calls = vt_backend_fault_calls(f.fault);
	is_int(get(f.b, name, 0, 100000, &err), VT_BUSY,
	    "a read that breaks for ever");
	is_int(vt_backend_fault_calls(f.fault) - calls, 2 * 6,
	    "goes on five times");
	faults(&f, "cut:read@1+1");
	is_int(get(f.b, name, 0, 100000, &err), VT_BUSY, "or ends early");
	faults(&f, "corrupt:read@2");
	calls = vt_backend_fault_calls(f.fault);
	is_int(get(f.b, name, 0, 100000, &err), VT_CORRUPT,
	    "what is corrupt stays so");
	is_int(vt_backend_fault_calls(f.fault) - calls, 3, "and is not tried "
	    "again");

	/* Another blob under the name: the token tells. */
	faults(&f, "busy:read@2");
	is_int(vt_backend_head(f.b, name, &h, &err), VT_OK, "head");
	is_int(vt_backend_get_begin(f.b, name, h.token, 0, 100000, &g, &err),
	    VT_OK, "a read by its token");
	is_int(vt_backend_get_read(g, &byte, 1, &n, &err), VT_OK, "begins");
	is_int(vt_backend_delete(f.b, name, NULL, &err), VT_OK,
	    "someone deletes the blob");
	is_int(put(f.b, name, 100000, &err), VT_OK, "and puts another");
	is_int(vt_backend_get_read(g, &byte, 1, &n, &err), VT_CORRUPT,
	    "P5 it does not go on with that");
	is_int(vt_backend_get_read(g, &byte, 1, &n, &err), VT_INVALID,
	    "and has ended");
	vt_backend_get_end(g);
	vt_backend_close(f.b);
}

/* --- threads --- */

struct caller {
	pthread_t thread;
	struct vt_backend *b;
	struct vt_err err;
	enum vt_code rc;
};

static void *
call_head(void *ctx)
{
	struct caller *c = ctx;
	struct vt_backend_head h;

	c->rc = vt_backend_head(c->b, "nothing/here", &h, &c->err);
	return NULL;
}

static void *
call_close(void *ctx)
{
	struct caller *c = ctx;

	vt_backend_close(c->b);
	return NULL;
}

static void
start(struct caller *c, struct vt_backend *b, void *(*run)(void *))
{
	c->b = b;
	c->rc = VT_OK;
	if (pthread_create(&c->thread, NULL, run, c) != 0)
		abort();
}

/* Until so many hang below and wait above. */
static void
settle(struct fixture *f, unsigned hanging, unsigned waiting)
{
	while (vt_backend_fault_hanging(f->fault) != hanging ||
	    health(f->b).waiting != waiting)
		sched_yield();
}

static void
test_turns(void)
{
	struct vt_guard_options o = { .calls_max = 2, .waiting_max = 6,
	    .open_after = 100 };
	struct caller c[8];
	struct fixture f;
	int i, answered = 0;

	printf("# turns\n");
	set_up(&f, "mem:turns", &o);
	faults(&f, "slow:head@1+1");
	for (i = 0; i < 8; i++)
		start(&c[i], f.b, call_head);
	settle(&f, 2, 6);
	is_int(health(f.b).calls, 2, "two of eight have their turn");
	is_int(head(f.b), VT_BUSY, "more than six may not wait");
	ok(strstr(err.text, "6 others wait") != NULL, "says why: %s",
	    err.text);
	faults(&f, "");
	for (i = 0; i < 8; i++) {
		pthread_join(c[i].thread, NULL);
		answered += c[i].rc == VT_ABSENT;
	}
	is_int(answered, 8, "then all have had it");
	is_int(health(f.b).calls + health(f.b).waiting, 0, "nobody is left");
	vt_backend_close(f.b);
}

static void
test_waits_end(void)
{
	volatile int cancel = 0;
	struct vt_guard_options o = { .calls_max = 1, .open_after = 1,
	    .wait_ms = 1, .cancel = &cancel };
	struct caller c[3], closer;
	struct fixture f;
	int i;

	set_up(&f, "mem:waits", &o);
	faults(&f, "slow:head@1+1");
	start(&c[0], f.b, call_head);
	settle(&f, 1, 0);
	is_int(head(f.b), VT_BUSY, "a wait ends by its deadline");
	ok(!health(f.b).is_open, "which is no failure of the tier");
	faults(&f, "");
	pthread_join(c[0].thread, NULL);
	vt_backend_close(f.b);

	o.wait_ms = 3600000;
	set_up(&f, "mem:waits", &o);
	faults(&f, "slow:head@1+1");
	start(&c[0], f.b, call_head);
	settle(&f, 1, 0);
	start(&c[1], f.b, call_head);
	settle(&f, 1, 1);
	__atomic_store_n(&cancel, 1, __ATOMIC_RELAXED);
	pthread_join(c[1].thread, NULL);
	is_int(c[1].rc, VT_CANCELLED, "by a signal");
	__atomic_store_n(&cancel, 0, __ATOMIC_RELAXED);
	faults(&f, "");
	pthread_join(c[0].thread, NULL);
	is_int(c[0].rc, VT_ABSENT, "the one below went on");

	faults(&f, "hang:head@1");
	for (i = 0; i < 3; i++) {
		start(&c[i], f.b, call_head);
		settle(&f, 1, (unsigned)i);
	}
	faults(&f, "");
	for (i = 0; i < 3; i++)
		pthread_join(c[i].thread, NULL);
	ok(c[0].rc == VT_BUSY && c[1].rc == VT_BUSY && c[2].rc == VT_BUSY &&
	    strstr(c[2].err.text, "left alone") != NULL,
	    "P8 when the breaker opens: %s", c[2].err.text);
	vt_backend_close(f.b);

	set_up(&f, "mem:waits", &o);
	faults(&f, "slow:head@1+1");
	start(&c[0], f.b, call_head);
	settle(&f, 1, 0);
	start(&c[1], f.b, call_head);
	settle(&f, 1, 1);
	start(&closer, f.b, call_close);
	pthread_join(c[1].thread, NULL);
	is_int(c[1].rc, VT_CANCELLED, "and by close");
	faults(&f, "");
	pthread_join(c[0].thread, NULL);
	pthread_join(closer.thread, NULL);
	is_int(c[0].rc, VT_ABSENT, "which waits for whoever is below");
}

static void
test_puts(void)
{
	struct vt_guard_options o = { .calls_max = 1, .puts_max = 2,
	    .wait_ms = 1 };
	struct vt_backend_put *p[3];
	struct vt_backend_get *g[50];
	char name[3][VT_BLOB_NAME_MAX];
	struct fixture f;
	int i, opened = 0;

	set_up(&f, "mem:puts", &o);
	for (i = 0; i < 3; i++)
		new_name(f.b, name[i]);
	is_int(put(f.b, name[0], 1000, &err), VT_OK, "put");
	for (i = 0; i < 50; i++)
		opened += vt_backend_get_begin(f.b, name[0], NULL, 0, 1000,
		    &g[i], &err) == VT_OK;
	is_int(opened, 50, "open readers hold no turn");
	is_int(vt_backend_put_begin(f.b, name[1], NULL, &p[0], &err), VT_OK,
	    "a put");
	is_int(vt_backend_put_begin(f.b, name[2], NULL, &p[1], &err), VT_OK,
	    "another");
	is_int(vt_backend_put_begin(f.b, "c", NULL, &p[2], &err), VT_BUSY,
	    "P9 no third: each may keep a part in memory");
	is_int(health(f.b).puts, 2, "two are open");
	is_int(head(f.b), VT_ABSENT, "other requests go on");
	vt_backend_put_abort(p[0]);
	is_int(vt_backend_put_begin(f.b, "c", NULL, &p[2], &err), VT_OK,
	    "one goes, one comes");
	is_int(vt_backend_put_commit(p[1], NULL, &err), VT_OK, "commit");
	is_int(vt_backend_put_commit(p[2], NULL, &err), VT_OK, "commit");
	is_int(health(f.b).puts, 0, "none is open");
	for (i = 0; i < 50; i++) {
		opened -= read_on(g[i], 0, 1000, &err) == VT_OK;
		vt_backend_get_end(g[i]);
	}
	is_int(opened, 0, "the readers read");
	vt_backend_close(f.b);
}

/* Copies from one tier to another, blob by blob. */
struct mover {
	pthread_t thread;
	struct vt_backend *from, *to;
	uint64_t id;
	int failures;
};

static enum vt_code
copy(struct mover *m, const char *name, const char *new, struct vt_err *e)
{
	struct vt_backend_get *g;
	struct vt_backend_put *p;
	char block[300];
	enum vt_code rc;
	size_t n;

	rc = vt_backend_put_begin(m->to, new, NULL, &p, e);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_get_begin(m->from, name, NULL, 0, 2000, &g, e);
	while (rc == VT_OK) {
		rc = vt_backend_get_read(g, block, sizeof(block), &n, e);
		if (rc != VT_OK || n == 0)
			break;
		rc = vt_backend_put_write(p, block, n, e);
	}
	if (g != NULL)
		vt_backend_get_end(g);
	if (rc == VT_OK)
		return vt_backend_put_commit(p, NULL, e);
	vt_backend_put_abort(p);
	return rc;
}

static void *
move(void *ctx)
{
	struct mover *m = ctx;
	char name[VT_BLOB_NAME_MAX], new[VT_BLOB_NAME_MAX];
	struct vt_err e;

	for (uint64_t i = 0; i < 50; i++, m->id++) {
		if (vt_backend_name(m->from, m->id, 1, NULL, NULL, 0, name,
		    &e) != VT_OK || vt_backend_name(m->to, m->id, 2, NULL,
		    NULL, 0, new, &e) != VT_OK)
			abort();
		if (put(m->from, name, 2000, &e) != VT_OK ||
		    copy(m, name, new, &e) != VT_OK ||
		    vt_backend_delete(m->from, name, NULL, &e) != VT_OK ||
		    get(m->to, new, 0, 2000, &e) != VT_OK)
			m->failures++;
	}
	return NULL;
}

static void
test_no_deadlock(void)
{
	struct vt_guard_options o = { .calls_max = 1, .wait_ms = 3600000 };
	struct fixture a, b;
	struct mover m[8];
	int i, failures = 0;

	set_up(&a, "mem:a", &o);
	set_up(&b, "mem:b", &o);
	for (i = 0; i < 8; i++) {
		m[i] = (struct mover){ .from = i % 2 ? a.b : b.b,
		    .to = i % 2 ? b.b : a.b, .id = (uint64_t)i * 1000 };
		if (pthread_create(&m[i].thread, NULL, move, &m[i]) != 0)
			abort();
	}
	for (i = 0; i < 8; i++) {
		pthread_join(m[i].thread, NULL);
		failures += m[i].failures;
	}
	is_int(failures, 0, "eight threads move both ways, one turn each");
	vt_backend_close(a.b);
	vt_backend_close(b.b);
}

static void
test_rate(void)
{
	volatile int cancel = 1;
	struct vt_guard_options o = { .bytes_per_s = 1000, .cancel = &cancel };
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend_put *p;
	char data[2000] = "";
	struct fixture f;

	printf("# the rate\n");
	set_up(&f, "mem:rate", &o);
	new_name(f.b, name);
	f.clock.offset_us = 3600 * SECOND;
	is_int(vt_backend_put_begin(f.b, name, NULL, &p, &err), VT_OK, "put");
	is_int(vt_backend_put_write(p, data, 1000, &err), VT_OK,
	    "what fits the rate does not wait");
	f.clock.offset_us += SECOND;
	is_int(vt_backend_put_write(p, data, 1000, &err), VT_OK,
	    "nor a second later");
	is_int(vt_backend_put_write(p, data, 1, &err), VT_CANCELLED,
	    "what does not is held back, until someone stops it");
	vt_backend_put_abort(p);
	vt_backend_close(f.b);
}

int
main(void)
{
	test_breaker();
	test_codes();
	test_pace();
	test_opens();
	test_answers();
	test_probes();
	test_under_way();
	test_resumes();
	test_turns();
	test_waits_end();
	test_puts();
	test_no_deadlock();
	test_rate();
	return test_done();
}
