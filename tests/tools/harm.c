/*
 * Drivers of other machines under harm: harm URL, with flaky.py between the
 * driver and the server.  What the URL wants beside it is in the environment,
 * as for test_backend: VT_TEST_ENDPOINT, _KEY, _SECRET, _REGION.  TAP.
 *
 * What a driver may do: succeed, or say what is wrong with the right code.
 * What it may not: give or store wrong bytes, take for ever, leave something
 * behind that its user cannot find.
 */
#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>

#include "libvt/base/hash.h"

#include "libvt/store/backend.h"
#include "tests/unit/test.h"

#define SMALL 100000
#define LARGE (12u << 20)	/* three parts */
#define PART (UINT64_C(5) << 20)

static struct vt_err err;
static struct {
	pid_t pid;
	FILE *to, *from;
	char url[128];
} proxy;
static const char *url;
static uint64_t next_id;
static unsigned char *bytes;		/* LARGE of them */

/* --- the proxy ----------------------------------------------------------- */

static void
give_up(const char *what)
{
	printf("Bail out! %s: %s\n", what, err.text);
	exit(1);
}

/* A line of the proxy. */
static void
answer(char line[128])
{
	if (fgets(line, 128, proxy.from) == NULL)
		give_up("the proxy ended");
	line[strcspn(line, "\n")] = '\0';
}

static void
start_proxy(const char *script, const char *upstream)
{
	int in[2], out[2];

	if (pipe(in) < 0 || pipe(out) < 0)
		give_up("no pipe");
	proxy.pid = fork();
	if (proxy.pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execlp("python3", "python3", script, upstream, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	proxy.to = fdopen(in[1], "w");
	proxy.from = fdopen(out[0], "r");
	answer(proxy.url);
}

/* "rules RULE...", "down", "up" */
static void
tell(const char *command)
{
	char line[128];

	fprintf(proxy.to, "%s\n", command);
	fflush(proxy.to);
	answer(line);
}

/* --- a backend ----------------------------------------------------------- */

enum way { CLEAN, HARMED, GUARDED };

static struct vt_backend *
open_tier(enum way way)
{
	struct vt_backend_remote remote = {
		.endpoint = way == CLEAN ? getenv("VT_TEST_ENDPOINT") :
		    proxy.url,
		.region = getenv("VT_TEST_REGION"),
		.access_key = getenv("VT_TEST_KEY"),
		.secret_key = getenv("VT_TEST_SECRET"),
		.session_token = getenv("VT_TEST_TOKEN"),
		.part_bytes = PART, .tries = 3,
		/* a server that is asked straight may take its time */
		.connect_ms = way == CLEAN ? 0 : 1000,
		.stall_ms = way == CLEAN ? 0 : 1000,
	};
	static const struct vt_guard_options guard = { .open_after = 1000 };
	struct vt_backend_options o = { .create = 1, .remote = &remote };
	struct vt_backend *b;

	if (vt_backend_open(url, &o, &b, &err) != VT_OK)
		give_up("cannot open the tier");
	if (way == GUARDED)
		b = vt_backend_guard(b, &guard);
	return b;
}

static enum vt_code
put(struct vt_backend *b, const char *name, size_t len,
    struct vt_backend_put_result *r)
{
	struct vt_backend_put_info info = { .size_bytes = len };
	static const struct vt_header_kv meta = { "key", "value" };
	struct vt_backend_put *p;
	enum vt_code rc;
	size_t at, n;

	rc = vt_backend_put_begin(b, name, &info, &p, &err);
	if (rc != VT_OK)
		return rc;
	for (at = 0; at < len && rc == VT_OK; at += n) {
		n = len - at < 1000000 ? len - at : 1000000;
		rc = vt_backend_put_write(p, bytes + at, n, &err);
	}
	if (rc == VT_OK)
		rc = vt_backend_put_meta(p, &meta, 1, &err);
	if (rc == VT_OK)
		return vt_backend_put_commit(p, r, &err);
	vt_backend_put_abort(p);
	return rc;
}

/* Read a blob; VT_PRECONDITION: other bytes than those that were put, and no
 * word of it. */
static enum vt_code
get(struct vt_backend *b, const char *name, const char *token, size_t len)
{
	static unsigned char block[300000];
	struct vt_backend_get *g;
	enum vt_code rc;
	size_t at = 0, n;
	int wrong = 0;

	rc = vt_backend_get_begin(b, name, token, 0, len, &g, &err);
	if (rc != VT_OK)
		return rc;
	for (;;) {
		rc = vt_backend_get_read(g, block, sizeof(block), &n, &err);
		if (rc != VT_OK || n == 0)
			break;
		wrong |= memcmp(block, bytes + at, n) != 0;
		at += n;
	}
	vt_backend_get_end(g);
	return rc == VT_OK && (wrong || at != len) ? VT_PRECONDITION : rc;
}

static void
new_name(struct vt_backend *b, char name[VT_BLOB_NAME_MAX])
{
	if (vt_backend_name(b, next_id++, 1, "harm", "key", 3, name, &err) !=
	    VT_OK)
		give_up("no name");
}

/* --- reads --------------------------------------------------------------- */

static const struct {
	const char *rules;
	enum vt_code bare, guarded;
} reads[] = {
	{ "GET:1:503", VT_OK, VT_OK },
	{ "GET:1:503=none", VT_OK, VT_OK },
	{ "GET:1:500", VT_OK, VT_OK },
	{ "GET:1:429=0", VT_OK, VT_OK },
	{ "GET:1:refuse", VT_OK, VT_OK },
	{ "GET:1:drop", VT_OK, VT_OK },
	{ "GET:1:hold", VT_OK, VT_OK },
	{ "GET:1:drip=300000", VT_OK, VT_OK },
	/* a transfer that breaks is its user's, or the guard's, to go on */
	{ "GET:1:cut", VT_BUSY, VT_OK },
	{ "GET:1:reset", VT_BUSY, VT_OK },
	{ "GET:1:stall", VT_BUSY, VT_OK },
	{ "GET:1:cut GET:2:reset GET:3:503 GET:4:cut GET:5:drop", VT_BUSY,
	    VT_OK },
	/* what stays so */
	{ "GET:all:503", VT_BUSY, VT_BUSY },
	{ "GET:all:429=0", VT_BUSY, VT_BUSY },
	{ "GET:all:refuse", VT_BUSY, VT_BUSY },
	{ "GET:all:403", VT_DENIED, VT_DENIED },
	{ "GET:all:412", VT_CORRUPT, VT_CORRUPT },
};

static void
test_reads(enum way way)
{
	struct vt_backend *clean = open_tier(CLEAN), *b;
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend_put_result r;
	size_t i;

	printf("# reads%s\n", way == GUARDED ? " through a guard" : "");
	tell("rules");
	new_name(clean, name);
	if (put(clean, name, SMALL, &r) != VT_OK)
		give_up("cannot put");
	b = open_tier(way);
	for (i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		char command[200];

		snprintf(command, sizeof(command), "rules %s",
		    reads[i].rules);
		tell(command);
		is_int(get(b, name, r.token, SMALL), way == GUARDED ?
		    reads[i].guarded : reads[i].bare, "get under %s",
		    reads[i].rules);
	}
	if (way == HARMED) {
		tell("rules GET:all:hold");
		is_int(get(b, name, r.token, SMALL), VT_BUSY,
		    "get of what hangs");
	}
	tell("down");
	is_int(get(b, name, r.token, SMALL), VT_BUSY,
	    "get with connections refused");
	tell("up");
	tell("rules");
	is_int(get(b, name, r.token, SMALL), VT_OK, "get afterwards");
	if (vt_backend_delete(clean, name, r.token, &err) != VT_OK)
		give_up("cannot delete");
	vt_backend_close(b);
	vt_backend_close(clean);
}

/* --- writes -------------------------------------------------------------- */

static const struct {
	const char *rules;
	int large;		/* -1: empty */
	enum vt_code rc;
} writes[] = {
	{ "PUT:1:503", 0, VT_OK },
	{ "PUT:1:503=none", 0, VT_OK },
	{ "PUT:1:500", 0, VT_OK },
	{ "PUT:1:429=0", 0, VT_OK },
	{ "PUT:1:refuse", 0, VT_OK },
	{ "PUT:1:reset-up", 0, VT_OK },
	{ "PUT:1:drop", 0, VT_OK },	/* it was done, the answer is lost */
	{ "PUT:1:hold", 0, VT_OK },
	{ "PUT:1:drop", -1, VT_OK },	/* of no bytes */
	{ "POST:1:503", 1, VT_OK },
	{ "POST:1:drop", 1, VT_OK },	/* an upload that nobody knows */
	{ "POST:2:503", 1, VT_OK },
	{ "POST:2:drop", 1, VT_OK },	/* completed, the answer is lost */
	{ "PUT:1:503 PUT:2:drop PUT:3:reset-up", 1, VT_OK },
	{ "PUT:2:hold", 1, VT_OK },
	{ "PUT:all:503", 0, VT_BUSY },
	{ "PUT:all:503", 1, VT_BUSY },
	{ "PUT:all:hold", 1, VT_BUSY },
	{ "PUT:all:refuse", 1, VT_BUSY },
	{ "POST:all:503", 1, VT_BUSY },
	{ "POST:all:drop", 1, VT_BUSY },
	{ "PUT:all:403", 0, VT_DENIED },
};

static int
count_one(void *ctx, const char *name, uint64_t size_bytes, int64_t mtime_us)
{
	(void)name, (void)size_bytes, (void)mtime_us;
	++*(unsigned *)ctx;
	return 0;
}

/* Whatever the put said is so; then what may be left is removed by its name,
 * as the collector does it. */
static void
look_after(struct vt_backend *clean, const char *name, size_t size,
    enum vt_code said, const char *token, const char *rules)
{
	struct vt_backend_head h;
	enum vt_code rc;
	unsigned n = 0;

	rc = vt_backend_head(clean, name, &h, &err);
	if (said == VT_OK)
		ok(rc == VT_OK && h.size_bytes == size &&
		    get(clean, name, token, size) == VT_OK,
		    "P5 and the bytes are there after %s", rules);
	else
		/* late, but never half */
		ok(rc == VT_ABSENT || (rc == VT_OK && h.size_bytes == size &&
		    get(clean, name, NULL, size) == VT_OK),
		    "P4 nothing torn is there after %s", rules);
	rc = vt_backend_abort_upload(clean, name, "", &err);
	ok(rc == VT_OK || rc == VT_ABSENT, "uploads are ended");
	rc = vt_backend_abort_upload(clean, name, "", &err);
	is_int(rc, VT_ABSENT, "P4 none is left");
	rc = vt_backend_delete(clean, name, NULL, &err);
	ok(rc == VT_OK || (rc == VT_ABSENT && said != VT_OK), "delete");
	if (vt_backend_list(clean, "", count_one, &n, &err) != VT_OK)
		give_up("cannot list");
	is_int(n, 0, "P4 and nothing is left");
}

static void
test_writes(void)
{
	struct vt_backend *clean = open_tier(CLEAN), *b;
	char name[VT_BLOB_NAME_MAX], command[200];
	struct vt_backend_put_result r;
	enum vt_code rc;
	size_t i;

	printf("# writes\n");
	tell("rules");
	b = open_tier(HARMED);
	for (i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		size_t size = writes[i].large > 0 ? LARGE :
		    writes[i].large == 0 ? SMALL : 0;

		snprintf(command, sizeof(command), "rules %s",
		    writes[i].rules);
		tell(command);
		new_name(b, name);
		rc = put(b, name, size, &r);
		is_int(rc, writes[i].rc, "put %zu bytes under %s", size,
		    writes[i].rules);
		if (rc != writes[i].rc)
			printf("# %s\n", err.text);
		look_after(clean, name, size, rc, r.token, writes[i].rules);
	}
	/* A wrong bit on the way: refused by the server, or by the driver. */
	for (i = 0; i < 2; i++) {
		tell("rules PUT:all:flip-up");
		new_name(b, name);
		rc = put(b, name, i ? LARGE : SMALL, &r);
		ok(rc != VT_OK, "P5 a wrong bit is noticed (%s)",
		    vt_code_name(rc));
		tell("rules");
		if (vt_backend_abort_upload(clean, name, "", &err) == VT_IO ||
		    vt_backend_delete(clean, name, NULL, &err) == VT_IO)
			give_up("cannot delete");
	}
	tell("down");
	new_name(b, name);
	is_int(put(b, name, SMALL, &r), VT_BUSY,
	    "put with connections refused");
	tell("up");
	tell("rules");
	is_int(put(b, name, SMALL, &r), VT_OK, "put afterwards");
	if (vt_backend_delete(clean, name, r.token, &err) != VT_OK)
		give_up("cannot delete");
	vt_backend_close(b);
	vt_backend_close(clean);
}

/* --- the rest ------------------------------------------------------------ */

static void
test_others(void)
{
	static const char *const harm[] = { "503", "drop", "refuse", "hold" };
	struct vt_backend *clean = open_tier(CLEAN), *b;
	char name[VT_BLOB_NAME_MAX], command[200];
	struct vt_backend_put_result r;
	struct vt_backend_head h;
	unsigned n = 0;
	enum vt_code rc;
	size_t i;

	printf("# other requests\n");
	tell("rules");
	b = open_tier(HARMED);
	for (i = 0; i < sizeof(harm) / sizeof(harm[0]); i++) {
		new_name(b, name);
		if (put(clean, name, SMALL, &r) != VT_OK)
			give_up("cannot put");
		snprintf(command, sizeof(command), "rules HEAD:1:%s "
		    "GET:1:%s DELETE:1:%s POST:1:%s", harm[i], harm[i],
		    harm[i], harm[i]);
		tell(command);
		is_int(vt_backend_head(b, name, &h, &err), VT_OK,
		    "head under %s", harm[i]);
		n = 0;
		ok(vt_backend_list(b, "", count_one, &n, &err) == VT_OK &&
		    n == 1, "list");
		/* whose answer was lost may find nothing the second time */
		rc = vt_backend_delete(b, name, NULL, &err);
		ok(rc == VT_OK || rc == VT_ABSENT, "delete");
		is_int(vt_backend_head(clean, name, &h, &err), VT_ABSENT,
		    "which did it");
	}
	tell("rules ANY:all:503");
	is_int(vt_backend_head(b, name, &h, &err), VT_BUSY, "head at last");
	is_int(vt_backend_list(b, "", count_one, &n, &err), VT_BUSY, "list");
	is_int(vt_backend_delete(b, name, NULL, &err), VT_BUSY, "delete");
	vt_backend_close(b);
	vt_backend_close(clean);
}

int
main(int argc, char **argv)
{
	size_t i;

	if (argc != 3 || getenv("VT_TEST_ENDPOINT") == NULL) {
		fputs("usage: harm FLAKY.PY URL\n", stderr);
		return 2;
	}
	url = argv[2];
	signal(SIGPIPE, SIG_IGN);
	bytes = malloc(LARGE);
	for (i = 0; i < LARGE; i++)
		bytes[i] = (unsigned char)(i * 2654435761u >> 13);
	/* no name is ever used twice, in other runs neither */
	if (vt_random(&next_id, sizeof(next_id)) != 0)
		return 1;
	next_id >>= 8;
	start_proxy(argv[1], getenv("VT_TEST_ENDPOINT"));
	test_reads(HARMED);
	test_reads(GUARDED);
	test_writes();
	test_others();
	fclose(proxy.to);
	waitpid(proxy.pid, NULL, 0);
	free(bytes);
	return test_done();
}
