/*
 * The contract of backend.h, run over every driver, bare, inside a fault
 * wrapper that never fails, and inside a guard of few turns; then what only
 * one driver has.  With arguments, over the backends of those URLs instead,
 * which must be empty and are left so.  What a driver of another machine has
 * to know beside its URL is in the environment, see scripts/standins/common.
 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/clock.h"
#include "libvt/base/hash.h"

#include "libvt/store/backend.h"
#include "tests/unit/test.h"

#define DAY_US (86400 * INT64_C(1000000))

static struct vt_err err;
static uint64_t next_id = 0x1234fff0;	/* crosses into a new directory */
static const uint64_t incarnation = 0xfeedface01234567;

/* --- helpers ---------------------------------------------------------------*/

/* The environment is read here alone; NULL where nothing is said. */
static struct vt_backend *
open_at(const char *url, const struct vt_clock *clock, int64_t delay_ms)
{
	const char *part = getenv("VT_TEST_PART");
	struct vt_backend_remote remote = {
		.endpoint = getenv("VT_TEST_ENDPOINT"),
		.region = getenv("VT_TEST_REGION"),
		.access_key = getenv("VT_TEST_KEY"),
		.secret_key = getenv("VT_TEST_SECRET"),
		.session_token = getenv("VT_TEST_TOKEN"),
		.object_class = getenv("VT_TEST_CLASS"),
		.part_bytes = part != NULL ?
		    strtoull(part, NULL, 10) : UINT64_C(5) << 20,
	};
	struct vt_backend_options o = {
		.clock = clock, .create = 1, .restore_delay_ms = delay_ms,
		.remote = &remote,
	};
	struct vt_backend *b;

	if (vt_backend_open(url, &o, &b, &err) != VT_OK) {
		printf("# %s\n", err.text);
		exit(1);
	}
	return b;
}

static void
new_name(struct vt_backend *b, char name[VT_BLOB_NAME_MAX])
{
	if (vt_backend_name(b, next_id++, incarnation, "bucket", "key/é", 6,
	    name, &err) != VT_OK)
		abort();
}

/* Byte i of the blob `seed`. */
static unsigned char
pattern(unsigned seed, uint64_t i)
{
	uint64_t x = (i ^ (uint64_t)seed << 32) * UINT64_C(0x9e3779b97f4a7c15);

	return (unsigned char)(x >> 56);
}

static void
fill(unsigned char *p, size_t len, unsigned seed, uint64_t offset)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = pattern(seed, offset + i);
}

/* Put `size` bytes of `seed` in pieces; the handle is always freed. */
static enum vt_code
put(struct vt_backend *b, const char *name, unsigned seed, uint64_t size,
    uint64_t declared, struct vt_backend_put_result *result,
    struct vt_err *e)
{
	struct vt_backend_put_info info = { .size_bytes = declared };
	static const size_t piece = 100000;
	struct vt_backend_put *p;
	unsigned char *buf;
	enum vt_code rc;
	uint64_t at;
	size_t n;

	rc = vt_backend_put_begin(b, name, &info, &p, e);
	if (rc != VT_OK)
		return rc;
	buf = malloc(piece);
	for (at = 0; rc == VT_OK && at < size; at += n) {
		n = size - at < piece ? (size_t)(size - at) : piece;
		fill(buf, n, seed, at);
		rc = vt_backend_put_write(p, buf, n, e);
	}
	free(buf);
	if (rc != VT_OK) {
		vt_backend_put_abort(p);
		return rc;
	}
	return vt_backend_put_commit(p, result, e);
}

/* Read a range and compare it with `seed`; VT_PRECONDITION: differs. */
static enum vt_code
get(struct vt_backend *b, const char *name, const char *token, unsigned seed,
    uint64_t offset, uint64_t length, struct vt_err *e)
{
	unsigned char buf[70001];
	struct vt_backend_get *g;
	enum vt_code rc;
	uint64_t done = 0;
	size_t got, i;

	rc = vt_backend_get_begin(b, name, token, offset, length, &g, e);
	if (rc != VT_OK)
		return rc;
	for (;;) {
		rc = vt_backend_get_read(g, buf, sizeof(buf), &got, e);
		if (rc != VT_OK || got == 0)
			break;
		for (i = 0; i < got; i++)
			if (buf[i] != pattern(seed, offset + done + i)) {
				rc = VT_PRECONDITION;
				goto out;
			}
		done += got;
	}
	if (rc == VT_OK && done != length)
		rc = VT_PRECONDITION;
out:
	vt_backend_get_end(g);
	return rc;
}

struct seen {
	unsigned count, stop_after;
	uint64_t bytes;
	char last[VT_BLOB_NAME_MAX];
	int64_t mtime_us;
};

static int
see(void *ctx, const char *name, uint64_t size_bytes, int64_t mtime_us)
{
	struct seen *s = ctx;

	s->count++;
	s->bytes += size_bytes;
	s->mtime_us = mtime_us;
	snprintf(s->last, sizeof(s->last), "%s", name);
	return s->count == s->stop_after;
}

/* Blobs that list shows under a prefix, or -1. */
static long
count(struct vt_backend *b, const char *prefix)
{
	struct seen s = { 0 };

	if (vt_backend_list(b, prefix, see, &s, &err) != VT_OK)
		return -1;
	return s.count;
}

struct sweep {
	struct vt_backend *b;
	int failures;
};

static int
sweep_one(void *ctx, const char *name, uint64_t size_bytes, int64_t mtime_us)
{
	struct sweep *s = ctx;
	struct vt_err e;

	(void)size_bytes, (void)mtime_us;
	if (vt_backend_delete(s->b, name, NULL, &e) != VT_OK)
		s->failures++;
	return 0;
}

/* Delete everything, from within list: that must be allowed. */
static void
empty(struct vt_backend *b)
{
	struct sweep s = { b, 0 };

	ok(vt_backend_list(b, "", sweep_one, &s, &err) == VT_OK &&
	    s.failures == 0, "list lets the visitor delete");
	is_int(count(b, ""), 0, "the backend is empty");
}

/* --- the contract ----------------------------------------------------------*/

static void
test_round_trip(struct vt_backend *b)
{
	static const uint64_t sizes[] = { 0, 1, 4096, 1 << 20, 20 << 20 };
	struct vt_backend_put_result r;
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend_head h;
	unsigned char *all;
	enum vt_code rc;
	size_t i;

	all = malloc(20 << 20);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned seed = (unsigned)i;
		uint64_t n = sizes[i], declared = i % 2 ? n : UINT64_MAX;

		new_name(b, name);
		fill(all, n, seed, 0);
		is_int(put(b, name, seed, n, declared, &r, &err), VT_OK,
		    "put %llu bytes", (unsigned long long)n);
		ok(r.size_bytes == n && r.crc64 == vt_crc64nvme(0, all, n),
		    "the result tells size and CRC");
		is_int(get(b, name, r.token, seed, 0, n, &err), VT_OK,
		    "get gives them back");
		is_int(get(b, name, NULL, seed, n / 3, n / 2, &err), VT_OK,
		    "get a range");
		is_int(get(b, name, "", seed, n, 0, &err), VT_OK,
		    "get nothing at the end");
		rc = get(b, name, NULL, seed, n, 1, &err);
		is_int(rc, VT_CORRUPT, "get past the end");
		is_int(vt_backend_head(b, name, &h, &err), VT_OK, "head");
		ok(h.size_bytes == n && strcmp(h.token, r.token) == 0 &&
		    !h.archived, "head tells size and token");
		ok(h.mtime_us > INT64_C(1600000000000000), "and the time");
	}
	is_int(get(b, name, NULL, 4, (20 << 20) - 1, 1, &err), VT_OK,
	    "get the last byte of a large blob");
	is_int(get(b, name, NULL, 4, 1, UINT64_MAX, &err), VT_INVALID,
	    "a range that overflows");
	free(all);
}

static void
test_absent(struct vt_backend *b)
{
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend_get *g;
	struct vt_backend_head h;
	uint64_t size;
	int fd;

	new_name(b, name);
	is_int(vt_backend_get_begin(b, name, NULL, 0, 0, &g, &err), VT_ABSENT,
	    "get what is absent");
	ok(g == NULL, "no handle");
	is_int(vt_backend_head(b, name, &h, &err), VT_ABSENT, "head too");
	is_int(vt_backend_delete(b, name, NULL, &err), VT_ABSENT,
	    "delete too");
	if (vt_backend_caps(b)->fd)
		is_int(vt_backend_get_fd(b, name, &fd, &size, &err),
		    VT_ABSENT, "and get_fd");
	/* A name in a directory that exists: the one above does not yet. */
	is_int(put(b, name, 1, 10, 10, NULL, &err), VT_OK, "put it");
	is_int(vt_backend_delete(b, name, NULL, &err), VT_OK, "delete it");
	is_int(vt_backend_delete(b, name, NULL, &err), VT_ABSENT,
	    "delete it again");
	is_int(vt_backend_head(b, name, &h, &err), VT_ABSENT, "it is gone");
}

static void
test_exists(struct vt_backend *b)
{
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend_put *p, *q;

	new_name(b, name);
	is_int(put(b, name, 1, 1000, 1000, NULL, &err), VT_OK, "put");
	if (vt_backend_caps(b)->late_exists) {
		if (getenv("VT_TEST_REPLACES") != NULL)
			return;
		is_int(put(b, name, 2, 500, 500, NULL, &err), VT_EXISTS,
		    "a name that is taken");
		is_int(get(b, name, NULL, 1, 0, 1000, &err), VT_OK,
		    "the first is as it was");
		return;
	}
	is_int(vt_backend_put_begin(b, name, NULL, &p, &err), VT_EXISTS,
	    "a name that is taken");
	ok(p == NULL, "no handle");
	is_int(get(b, name, NULL, 1, 0, 1000, &err), VT_OK,
	    "the first is as it was");
	new_name(b, name);
	is_int(vt_backend_put_begin(b, name, NULL, &p, &err), VT_OK,
	    "begin a put");
	is_int(vt_backend_put_begin(b, name, NULL, &q, &err), VT_EXISTS,
	    "its name is taken");
	vt_backend_put_abort(p);
	is_int(put(b, name, 2, 5, 5, NULL, &err), VT_OK,
	    "free again after the abort");
	is_int(get(b, name, NULL, 2, 0, 5, &err), VT_OK, "and readable");
}

static void
test_invisible(struct vt_backend *b)
{
	struct vt_backend_put_info info = { .size_bytes = 3 << 20 };
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend_head h;
	struct vt_backend_put *p;
	unsigned char buf[4096];
	long before;
	int i;

	before = count(b, "");
	fill(buf, sizeof(buf), 3, 0);
	for (i = 0; i < 2; i++) {
		new_name(b, name);
		is_int(vt_backend_put_begin(b, name, &info, &p, &err), VT_OK,
		    "begin");
		is_int(vt_backend_put_write(p, buf, sizeof(buf), &err), VT_OK,
		    "write");
		is_int(vt_backend_head(b, name, &h, &err), VT_ABSENT,
		    "head does not see it");
		is_int(get(b, name, NULL, 3, 0, 1, &err), VT_ABSENT,
		    "nor get");
		is_int(count(b, ""), before, "nor list");
		if (i == 0)
			vt_backend_put_abort(p);
		else
			is_int(vt_backend_put_commit(p, NULL, &err),
			    VT_INVALID, "fewer bytes than declared");
		is_int(vt_backend_head(b, name, &h, &err), VT_ABSENT,
		    "and nothing is left");
		is_int(vt_backend_delete(b, name, NULL, &err), VT_ABSENT,
		    "not even to delete");
	}
	vt_backend_put_abort(NULL);
	vt_backend_get_end(NULL);
}

static void
test_declared(struct vt_backend *b)
{
	struct vt_backend_put_info info = { .size_bytes = 10 };
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend_put *p;
	struct vt_backend_head h;

	new_name(b, name);
	is_int(vt_backend_put_begin(b, name, &info, &p, &err), VT_OK, "begin");
	is_int(vt_backend_put_write(p, "12345678", 8, &err), VT_OK, "write");
	is_int(vt_backend_put_write(p, "123", 3, &err), VT_INVALID,
	    "more bytes than declared");
	is_int(vt_backend_put_write(p, "12", 2, &err), VT_INVALID,
	    "a failed put stays failed");
	is_int(vt_backend_put_commit(p, NULL, &err), VT_INVALID,
	    "and is not committed");
	is_int(vt_backend_head(b, name, &h, &err), VT_ABSENT,
	    "nothing is left");
	info.size_bytes = UINT64_MAX - 1;
	is_int(vt_backend_put_begin(b, name, &info, &p, &err), VT_TOO_LARGE,
	    "a size that nothing can hold");
}

static void
test_names(struct vt_backend *b)
{
	static const char *const bad[] = {
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..",
		"a/../b", "./a", "a/./b", "a\nb", "a\001", "\177",
	};
	char name[VT_BLOB_NAME_MAX], again[VT_BLOB_NAME_MAX];
	char longest[VT_BLOB_NAME_MAX + 1];
	struct vt_backend_put *p;
	struct vt_backend_get *g;
	struct vt_backend_head h;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(vt_backend_put_begin(b, bad[i], NULL, &p, &err) ==
		    VT_INVALID && p == NULL &&
		    vt_backend_get_begin(b, bad[i], NULL, 0, 0, &g, &err) ==
		    VT_INVALID && g == NULL &&
		    vt_backend_head(b, bad[i], &h, &err) == VT_INVALID &&
		    vt_backend_delete(b, bad[i], NULL, &err) == VT_INVALID,
		    "bad name %zu is refused", i);
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	is_int(vt_backend_head(b, longest, &h, &err), VT_INVALID,
	    "a name that is too long");
	is_int(vt_backend_name(b, 7, incarnation, NULL, NULL, 0, name, &err),
	    VT_OK, "hints may be NULL");
	is_int(vt_backend_name(b, 7, incarnation + 1, NULL, NULL, 0, again,
	    &err), VT_OK, "another incarnation");
	ok(strcmp(name, again) != 0, "makes another name");
}

static void
test_token(struct vt_backend *b)
{
	struct vt_backend_put_result r;
	char name[VT_BLOB_NAME_MAX];

	new_name(b, name);
	is_int(put(b, name, 9, 100, 100, &r, &err), VT_OK, "put");
	is_int(get(b, name, "another", 9, 0, 100, &err), VT_CORRUPT,
	    "get by a wrong token");
	is_int(vt_backend_delete(b, name, "another", &err), VT_CORRUPT,
	    "delete by a wrong token");
	is_int(get(b, name, r.token, 9, 0, 100, &err), VT_OK,
	    "it is still there");
	is_int(vt_backend_delete(b, name, r.token, &err), VT_OK,
	    "delete by the right one");
}

static void
test_list(struct vt_backend *b)
{
	char name[VT_BLOB_NAME_MAX], part[VT_BLOB_NAME_MAX];
	uint64_t base;
	struct seen s = { 0 };
	int i;

	empty(b);
	/* 300 in two directories, one elsewhere. */
	base = next_id = (next_id & ~UINT64_C(0xffff)) + 0x10000;
	for (i = 0; i < 300; i++) {
		new_name(b, name);
		if (put(b, name, 1, 10, 10, NULL, &err) != VT_OK)
			ok(0, "put %d: %s", i, err.text);
	}
	next_id = base + 0x20000;
	new_name(b, name);
	is_int(put(b, name, 1, 7, 7, NULL, &err), VT_OK, "put one elsewhere");
	is_int(vt_backend_list(b, NULL, see, &s, &err), VT_OK, "list all");
	ok(s.count == 301 && s.bytes == 3007, "sees each once");
	memset(&s, 0, sizeof(s));
	is_int(vt_backend_list(b, name, see, &s, &err), VT_OK,
	    "list by a whole name");
	ok(s.count == 1 && strcmp(s.last, name) == 0 && s.bytes == 7 &&
	    s.mtime_us > INT64_C(1600000000000000), "sees name, size, time");
	is_int(vt_backend_name(b, base, incarnation, "bucket", "key/é", 6,
	    part, &err), VT_OK, "a name of the first 256");
	part[strlen(part) - strlen("00-feedface01234567")] = '\0';
	is_int(count(b, part), 256, "list by a prefix of names");
	is_int(count(b, "nothing/like/it"), 0, "or by one that is nowhere");
	memset(&s, 0, sizeof(s));
	s.stop_after = 5;
	is_int(vt_backend_list(b, "", see, &s, &err), VT_CANCELLED,
	    "the visitor stops");
	is_int(s.count, 5, "where it wanted");
	empty(b);
}

static void
test_fd(struct vt_backend *b)
{
	char name[VT_BLOB_NAME_MAX];
	unsigned char byte;
	uint64_t size;
	int fd;

	new_name(b, name);
	is_int(put(b, name, 6, 5000, 5000, NULL, &err), VT_OK, "put");
	if (!vt_backend_caps(b)->fd) {
		is_int(vt_backend_get_fd(b, name, &fd, &size, &err),
		    VT_INVALID, "no descriptors here");
		return;
	}
	is_int(vt_backend_get_fd(b, name, &fd, &size, &err), VT_OK, "get_fd");
	is_int(vt_backend_delete(b, name, NULL, &err), VT_OK,
	    "outlives the blob");
	ok(size == 5000 && pread(fd, &byte, 1, 4321) == 1 &&
	    byte == pattern(6, 4321), "and reads");
	ok(write(fd, "x", 1) < 0, "and does not write");
	close(fd);
}

static void
test_reader_outlives(struct vt_backend *b)
{
	char name[VT_BLOB_NAME_MAX];
	unsigned char buf[100];
	struct vt_backend_get *g;
	size_t got;

	if (vt_backend_caps(b)->remote)
		return;
	new_name(b, name);
	is_int(put(b, name, 8, 100, 100, NULL, &err), VT_OK, "put");
	is_int(vt_backend_get_begin(b, name, NULL, 0, 100, &g, &err), VT_OK,
	    "get");
	is_int(vt_backend_delete(b, name, NULL, &err), VT_OK,
	    "delete under the reader");
	ok(vt_backend_get_read(g, buf, sizeof(buf), &got, &err) == VT_OK &&
	    got > 0 && buf[0] == pattern(8, 0), "who reads on");
	vt_backend_get_end(g);
}

/* Threads put, read and delete at once; all meet in few directories. */
struct worker {
	struct vt_backend *b;
	pthread_t thread;
	uint64_t first_id;
	int failures;
};

#define WORKERS 16
#define PER_WORKER 24

static void *
work(void *ctx)
{
	struct worker *w = ctx;
	char name[VT_BLOB_NAME_MAX];
	struct vt_err e;
	uint64_t i;

	for (i = 0; i < PER_WORKER; i++) {
		uint64_t id = w->first_id + i * WORKERS;
		unsigned seed = (unsigned)id;

		if (vt_backend_name(w->b, id, incarnation, NULL, NULL, 0,
		    name, &e) != VT_OK ||
		    put(w->b, name, seed, 3000 + i, 3000 + i, NULL, &e) !=
		    VT_OK ||
		    get(w->b, name, NULL, seed, 0, 3000 + i, &e) != VT_OK ||
		    (i % 2 && vt_backend_delete(w->b, name, NULL, &e) !=
		    VT_OK))
			w->failures++;
	}
	return NULL;
}

static void
test_threads(struct vt_backend *b)
{
	struct worker w[WORKERS];
	int i, failures = 0;

	empty(b);
	next_id = (next_id & ~UINT64_C(0xff)) + 0x100;
	for (i = 0; i < WORKERS; i++) {
		w[i].b = b;
		w[i].first_id = next_id + (uint64_t)i;
		w[i].failures = 0;
		if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0)
			abort();
	}
	for (i = 0; i < WORKERS; i++) {
		pthread_join(w[i].thread, NULL);
		failures += w[i].failures;
	}
	next_id += WORKERS * PER_WORKER;
	is_int(failures, 0, "%d threads put, get and delete", WORKERS);
	is_int(count(b, ""), WORKERS * PER_WORKER / 2, "half remain");
	empty(b);
}

/* Both threads race for one name; exactly one gets it. */
static void *
race(void *ctx)
{
	struct worker *w = ctx;
	char name[VT_BLOB_NAME_MAX];
	enum vt_code rc;
	struct vt_err e;
	uint64_t i;

	for (i = 0; i < 50; i++) {
		if (vt_backend_name(w->b, w->first_id + i, incarnation, NULL,
		    NULL, 0, name, &e) != VT_OK)
			abort();
		rc = put(w->b, name, 1, 10, 10, NULL, &e);
		if (rc != VT_OK)
			w->failures += rc == VT_EXISTS ? 1 : 1000;
	}
	return NULL;
}

static void
test_race(struct vt_backend *b)
{
	struct worker w[2];
	int i;

	if (getenv("VT_TEST_REPLACES") != NULL)
		return;
	for (i = 0; i < 2; i++) {
		w[i].b = b;
		w[i].first_id = next_id;
		w[i].failures = 0;
		if (pthread_create(&w[i].thread, NULL, race, &w[i]) != 0)
			abort();
	}
	for (i = 0; i < 2; i++)
		pthread_join(w[i].thread, NULL);
	next_id += 50;
	is_int(w[0].failures + w[1].failures, 50,
	    "of two puts of one name one wins");
	empty(b);
}

struct pairs {
	unsigned count, stop_after;
	size_t bytes;
	char first[64];
};

static int
see_pair(void *ctx, const char *name, const char *value)
{
	struct pairs *p = ctx;

	if (p->count++ == 0)
		snprintf(p->first, sizeof(p->first), "%s=%.40s", name, value);
	p->bytes += strlen(name) + strlen(value);
	return p->count == p->stop_after;
}

/* Metadata of a few bytes, and of as many as there may be. */
static void
test_meta(struct vt_backend *b)
{
	static char big[VT_BLOB_META_MAX];
	struct vt_header_kv meta[2] = { { "key", "a%2Fb c" }, { "etag", "1" } };
	char name[2][VT_BLOB_NAME_MAX];
	struct vt_backend_put *p;
	struct pairs got;
	int i;

	empty(b);
	memset(big, 'v', sizeof(big) - 14);
	for (i = 0; i < 2; i++) {
		if (i == 1)
			meta[1].value = big;
		new_name(b, name[i]);
		if (vt_backend_put_begin(b, name[i], NULL, &p, &err) != VT_OK)
			abort();
		ok(vt_backend_put_write(p, "abc", 3, &err) == VT_OK &&
		    vt_backend_put_meta(p, meta, 2, &err) == VT_OK,
		    i ? "much metadata" : "a little metadata");
		is_int(vt_backend_put_meta(p, meta, 2, &err), VT_INVALID,
		    "once at most");
		is_int(vt_backend_put_commit(p, NULL, &err), VT_OK, "commit");
		memset(&got, 0, sizeof(got));
		is_int(vt_backend_meta(b, name[i], see_pair, &got, &err),
		    VT_OK, "read it back");
		is_int(got.count, 2, "all of it");
		is_int(got.bytes, 3 + 7 + 4 + strlen(meta[1].value),
		    "every byte");
		ok(strcmp(got.first, "key=a%2Fb c") == 0 ||
		    strncmp(got.first, "etag=", 5) == 0, "in any order");
	}
	got.count = 0;
	got.stop_after = 1;
	is_int(vt_backend_meta(b, name[0], see_pair, &got, &err),
	    VT_CANCELLED, "a visitor can stop");
	is_int(count(b, ""), 2, "list shows the blobs alone");
	for (i = 0; i < 2; i++)
		is_int(vt_backend_delete(b, name[i], NULL, &err), VT_OK,
		    "delete");
	is_int(vt_backend_meta(b, name[1], see_pair, &got, &err), VT_ABSENT,
	    "it is gone with the blob");
	new_name(b, name[0]);
	is_int(put(b, name[0], 1, 10, 10, NULL, &err), VT_OK, "put without");
	memset(&got, 0, sizeof(got));
	ok(vt_backend_meta(b, name[0], see_pair, &got, &err) == VT_OK &&
	    got.count == 0, "and there is none");
	if (vt_backend_put_begin(b, name[1], NULL, &p, &err) == VT_OK) {
		meta[1].value = "a\nb";
		is_int(vt_backend_put_meta(p, meta, 2, &err), VT_INVALID,
		    "a line break in it");
		is_int(vt_backend_put_commit(p, NULL, &err), VT_INVALID,
		    "fails the put");
	}
	empty(b);
}

static void
contract(struct vt_backend *b)
{
	printf("# %s\n", vt_backend_url(b));
	test_round_trip(b);
	test_absent(b);
	test_exists(b);
	test_invisible(b);
	test_declared(b);
	test_names(b);
	test_token(b);
	test_list(b);
	test_fd(b);
	test_meta(b);
	test_reader_outlives(b);
	test_threads(b);
	test_race(b);
	if (!vt_backend_caps(b)->restore)
		is_int(vt_backend_restore(b, "a", 1, VT_STANDARD,
	    &err), VT_INVALID,
		    "no restore where none is needed");
	empty(b);
}

/* --- what only other machines have -----------------------------------------*/

#define PARTS_BYTES (UINT64_C(23) << 20)	/* more than four parts */

struct told {
	int calls;
	enum vt_code answer;
	char upload[2048];
};

static enum vt_code
tell(void *ctx, const char *upload, struct vt_err *e)
{
	struct told *t = ctx;

	t->calls++;
	snprintf(t->upload, sizeof(t->upload), "%s", upload);
	if (t->answer != VT_OK)
		return vt_fail(e, t->answer, "not wanted");
	return VT_OK;
}

/* Begin a blob of several parts and write all of it. */
static enum vt_code
put_parts(struct vt_backend *b, const char *name, struct told *told,
    struct vt_backend_put **p, struct vt_err *e)
{
	struct vt_backend_put_info info = { .size_bytes = PARTS_BYTES,
	    .begun = tell, .begun_ctx = told };
	static unsigned char buf[1 << 20];
	enum vt_code rc;
	uint64_t at;

	rc = vt_backend_put_begin(b, name, &info, p, e);
	for (at = 0; rc == VT_OK && at < PARTS_BYTES; at += sizeof(buf)) {
		fill(buf, sizeof(buf), 11, at);
		rc = vt_backend_put_write(*p, buf, sizeof(buf), e);
	}
	return rc;
}

/* There is none of that id; MinIO does not say so. */
static int
no_upload(struct vt_backend *b, const char *name, const char *upload)
{
	enum vt_code rc = vt_backend_abort_upload(b, name, upload, &err);

	return rc == VT_ABSENT || (rc == VT_OK && upload[0] != '\0');
}

/* Many parts, with metadata, and who is told of it. */
static void
test_parts(struct vt_backend *b)
{
	struct vt_header_kv meta[2] = { { "key", "a" }, { "empty", "" } };
	struct vt_backend_put_result r;
	char name[VT_BLOB_NAME_MAX];
	struct told told = { 0 };
	struct vt_backend_put *p;
	struct vt_backend_head h;
	struct pairs got;

	new_name(b, name);
	ok(put_parts(b, name, &told, &p, &err) == VT_OK &&
	    vt_backend_put_meta(p, meta, 2, &err) == VT_OK, "many parts");
	ok(told.calls == 1 && told.upload[0] != '\0',
	    "the upload was told, once");
	is_int(vt_backend_head(b, name, &h, &err), VT_ABSENT,
	    "nothing is visible");
	is_int(vt_backend_put_commit(p, &r, &err), VT_OK, "commit");
	is_int(get(b, name, r.token, 11, 0, PARTS_BYTES, &err), VT_OK,
	    "all of it is there");
	is_int(get(b, name, r.token, 11, (6 << 20) - 5, 10 << 20, &err),
	    VT_OK, "and a range over parts");
	ok(vt_backend_head(b, name, &h, &err) == VT_OK &&
	    strcmp(h.token, r.token) == 0, "head tells the same token");
	memset(&got, 0, sizeof(got));
	ok(vt_backend_meta(b, name, see_pair, &got, &err) == VT_OK &&
	    got.count == 2 && got.bytes == 3 + 1 + 5, "and its metadata");
	is_int(count(b, ""), 1, "list shows one blob");
	ok(no_upload(b, name, told.upload), "the upload is no more");
	is_int(vt_backend_delete(b, name, r.token, &err), VT_OK, "delete");
	is_int(vt_backend_delete(b, name, NULL, &err), VT_ABSENT,
	    "removes all");
}

/* P4: whoever comes after a crash ends what was begun. */
static void
test_left_upload(struct vt_backend *b, const char *url)
{
	struct vt_backend *other = open_at(url, NULL, 0);
	struct told told = { 0 };
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend_put *p;
	struct vt_backend_head h;
	int i, ways = vt_backend_caps(b)->find_uploads ? 2 : 1;

	if (getenv("VT_TEST_KEEPS_UPLOADS") != NULL) {
		vt_backend_close(other);
		return;
	}
	for (i = 0; i < ways; i++) {
		new_name(b, name);
		is_int(put_parts(b, name, &told, &p, &err), VT_OK,
		    "parts are on their way");
		is_int(vt_backend_abort_upload(other, name,
		    i == 0 ? told.upload : "", &err), VT_OK,
		    i == 0 ? "another ends that upload" :
		    "or any of that name");
		ok(no_upload(other, name, i == 0 ? told.upload : ""), "once");
		ok(vt_backend_put_commit(p, NULL, &err) != VT_OK,
		    "no commit after that");
		is_int(vt_backend_head(b, name, &h, &err), VT_ABSENT,
		    "nothing is there");
	}
	told.answer = VT_IO;
	told.calls = 0;
	new_name(b, name);
	is_int(put_parts(b, name, &told, &p, &err), VT_IO,
	    "who is told may refuse");
	vt_backend_put_abort(p);
	is_int(told.calls, 1, "once is enough");
	is_int(vt_backend_abort_upload(other, name, "", &err), VT_ABSENT,
	    "and nothing is left");
	vt_backend_close(other);
}

static void
test_copy(struct vt_backend *b, const char *url)
{
	static const uint64_t sizes[] = { 1000, PARTS_BYTES };
	struct vt_header_kv meta[2] = { { "key", "a b" }, { "more", "1" } };
	char from[VT_BLOB_NAME_MAX], to[VT_BLOB_NAME_MAX];
	struct vt_backend *other = open_at(url, NULL, 0);
	struct vt_backend *mem = open_at("mem:other", NULL, 0);
	struct vt_backend_put_result r, copied;
	struct vt_backend_copy c;
	struct vt_backend_put *p;
	struct vt_backend_head h;
	struct pairs got;
	struct told told = { 0 };
	size_t i;

	if (!vt_backend_caps(b)->copy)
		goto out;
	for (i = 0; i < 2; i++) {
		new_name(other, from);
		if (i == 1) {
			ok(put_parts(other, from, &told, &p, &err) == VT_OK &&
			    vt_backend_put_meta(p, meta, 2, &err) == VT_OK &&
			    vt_backend_put_commit(p, &r, &err) == VT_OK,
			    "put parts");
		} else {
			is_int(put(other, from, 11, sizes[i], sizes[i], &r,
			    &err), VT_OK, "put");
		}
		memset(&c, 0, sizeof(c));
		c.from = other;
		c.from_name = from;
		c.from_token = r.token;
		c.size_bytes = sizes[i];
		c.crc64 = r.crc64;
		c.meta = i == 0 ? meta : NULL;
		c.meta_count = i == 0 ? 2 : 0;
		new_name(b, to);
		is_int(vt_backend_copy(b, to, &c, &copied, &err), VT_OK,
		    "copy %llu bytes", (unsigned long long)sizes[i]);
		ok(copied.size_bytes == sizes[i] && copied.crc64 == r.crc64,
		    "what is told of it");
		is_int(get(b, to, copied.token, 11, 0, sizes[i], &err), VT_OK,
		    "has the same bytes");
		ok(vt_backend_head(b, to, &h, &err) == VT_OK &&
		    strcmp(h.token, copied.token) == 0, "head agrees");
		memset(&got, 0, sizeof(got));
		ok(vt_backend_meta(b, to, see_pair, &got, &err) == VT_OK &&
		    got.count == 2 && got.bytes == 11, "with its metadata");
		c.from_token = "E-0123";
		new_name(b, to);
		ok(vt_backend_copy(b, to, &c, &copied, &err) == VT_CORRUPT,
		    "not of what was replaced");
		c.from_token = NULL;
		c.from_name = to;
		is_int(vt_backend_copy(b, "copy/of/nothing", &c, &copied,
		    &err), VT_ABSENT, "nor of what is absent");
		c.from = mem;
		is_int(vt_backend_copy(b, to, &c, &copied, &err), VT_INVALID,
		    "nor from elsewhere");
	}
out:
	vt_backend_close(other);
	vt_backend_close(mem);
	empty(b);
}

struct shown {
	unsigned count;
	int sorted;
	char first[VT_BLOB_NAME_MAX], last[VT_BLOB_NAME_MAX];
	char etag[128];
};

static int
show(void *ctx, const struct vt_backend_object *o)
{
	struct shown *s = ctx;

	s->sorted = s->count++ == 0 || (s->sorted &&
	    strcmp(s->last, o->name) < 0);
	if (s->count == 1)
		snprintf(s->first, sizeof(s->first), "%s", o->name);
	snprintf(s->last, sizeof(s->last), "%s", o->name);
	snprintf(s->etag, sizeof(s->etag), "%s", o->etag);
	return 0;
}

static int
see_header(void *ctx, const char *name, const char *value)
{
	(void)value;
	*(int *)ctx += strcmp(name, "content-type") == 0;
	return 0;
}

/* What lies there, as it looks to who wants to adopt it. */
static void
test_objects(struct vt_backend *b)
{
	struct vt_backend_described d;
	struct shown s = { 0 };
	char name[VT_BLOB_NAME_MAX];
	int i, typed = 0;

	if (!vt_backend_caps(b)->objects)
		return;
	for (i = 0; i < 3; i++) {
		new_name(b, name);
		is_int(put(b, name, 1, 10, 10, NULL, &err), VT_OK, "put");
	}
	is_int(vt_backend_objects(b, "bucket/", NULL, show, &s, &err), VT_OK,
	    "objects");
	ok(s.count == 3 && s.sorted && strcmp(s.last, name) == 0,
	    "all, in order");
	is_int(vt_backend_describe(b, name, &d, see_header, &typed, &err),
	    VT_OK, "describe");
	ok(typed == 1 && strcmp(d.etag, s.etag) == 0 &&
	    d.head.size_bytes == 10, "type, ETag and size");
	snprintf(name, sizeof(name), "%s", s.first);
	memset(&s, 0, sizeof(s));
	ok(vt_backend_objects(b, "", name, show, &s, &err) == VT_OK &&
	    s.count == 2 && s.sorted, "those behind a name");
	is_int(vt_backend_describe(b, "not/there", &d, see_header, &typed,
	    &err), VT_ABSENT, "nothing to describe");
	empty(b);
}

/* What is billed. */
static void
test_counts(struct vt_backend *b)
{
	struct vt_backend_counts before, c;
	char name[VT_BLOB_NAME_MAX];

	new_name(b, name);
	vt_backend_counts(b, &before);
	is_int(put(b, name, 1, 5000, 5000, NULL, &err), VT_OK, "put");
	vt_backend_counts(b, &c);
	ok(c.writes > before.writes && c.bytes_out >= before.bytes_out + 5000,
	    "a write and its bytes are counted");
	before = c;
	is_int(get(b, name, NULL, 1, 1000, 2000, &err), VT_OK, "get");
	vt_backend_counts(b, &c);
	ok(c.reads == before.reads + 1 && c.writes == before.writes &&
	    c.bytes_in == before.bytes_in + 2000, "a ranged read is one");
	before = c;
	is_int(vt_backend_delete(b, name, NULL, &err), VT_OK, "delete");
	vt_backend_counts(b, &c);
	is_int(c.deletes, before.deletes + 1, "a removal is one");
}

/* A place that is not there, keys that are not known. */
static void
test_refused(const char *url)
{
	struct vt_backend_remote r = {
		.endpoint = getenv("VT_TEST_ENDPOINT"), .tries = 1,
		.region = getenv("VT_TEST_REGION"), .access_key = "nobody",
		.secret_key = "bm90IHRoZSBzZWNyZXQ=",
	};
	struct vt_backend_options o = { .remote = &r };
	struct vt_backend *b;

	if (strncmp(url, "s3:", 3) != 0)
		return;
	is_int(vt_backend_open(url, &o, &b, &err), VT_DENIED,
	    "keys that nobody knows");
	r.access_key = getenv("VT_TEST_KEY");
	r.secret_key = getenv("VT_TEST_SECRET");
	is_int(vt_backend_open("s3://vt-no-such-bucket-here/x", &o, &b, &err),
	    VT_ABSENT, "no such bucket");
	is_int(vt_backend_open("s3://x", &o, &b, &err), VT_INVALID,
	    "no name of a bucket");
	r.secret_key = NULL;
	is_int(vt_backend_open(url, &o, &b, &err), VT_INVALID,
	    "no credentials");
	ok(strstr(err.text, "credentials") != NULL, "says so");
	r.secret_key = "x";
	r.endpoint = "127.0.0.1:9";
	is_int(vt_backend_open(url, &o, &b, &err), VT_INVALID,
	    "an endpoint that is none");
	/* P8: one that is away is no reason not to start. */
	r.endpoint = "http://127.0.0.1:9";
	is_int(vt_backend_open(url, &o, &b, &err), VT_OK,
	    "one that is away");
	if (b != NULL) {
		struct vt_backend_head h;

		is_int(vt_backend_head(b, "a", &h, &err), VT_BUSY,
		    "is busy when it is needed");
	}
	vt_backend_close(b);
}

static void
contract_remote(struct vt_backend *b, const char *url)
{
	test_parts(b);
	test_left_upload(b, url);
	test_copy(b, url);
	test_objects(b);
	test_counts(b);
	test_refused(url);
	empty(b);
}

/* --- tiers that need a restore ---------------------------------------------*/

static void
test_restore(const char *url)
{
	struct vt_clock clock = VT_CLOCK_FIXED(INT64_C(1700000000000000));
	int64_t start = clock.offset_us, hour = DAY_US / 24, until;
	struct vt_backend *b = open_at(url, &clock, 4 * 3600 * 1000);
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend_head h;
	struct vt_backend_get *g;
	uint64_t size;
	int fd;

	printf("# restore on %s\n", url);
	ok(vt_backend_caps(b)->restore, "caps say so");
	new_name(b, name);
	is_int(vt_backend_restore(b, name, 1, VT_STANDARD,
	    &err), VT_ABSENT,
	    "restore what is absent");
	is_int(put(b, name, 5, 1000, 1000, NULL, &err), VT_OK, "put");
	is_int(vt_backend_get_begin(b, name, NULL, 0, 1000, &g, &err),
	    VT_NEEDS_RESTORE, "it is archived at once");
	if (vt_backend_caps(b)->fd)
		is_int(vt_backend_get_fd(b, name, &fd, &size, &err),
		    VT_NEEDS_RESTORE, "for get_fd too");
	ok(vt_backend_head(b, name, &h, &err) == VT_OK && h.archived &&
	    !h.restoring && h.restored_until_us == 0 && h.size_bytes == 1000,
	    "head works and says so");
	is_int(vt_backend_restore(b, name, 0, VT_STANDARD,
	    &err), VT_INVALID, "no days");
	is_int(vt_backend_restore(b, name, VT_RESTORE_DAYS_MAX + 1, VT_STANDARD,
	    &err),
	    VT_INVALID, "too many days");
	is_int(vt_backend_restore(b, name, 2, VT_STANDARD,
	    &err), VT_BUSY, "started");
	clock.offset_us = start + hour;
	is_int(vt_backend_restore(b, name, 9, VT_STANDARD,
	    &err), VT_BUSY, "under way");
	ok(vt_backend_head(b, name, &h, &err) == VT_OK && h.archived &&
	    h.restoring && h.restored_until_us == 0, "head says so");
	is_int(get(b, name, NULL, 5, 0, 1000, &err), VT_NEEDS_RESTORE,
	    "not yet");
	clock.offset_us = start + 4 * hour;
	is_int(get(b, name, NULL, 5, 0, 1000, &err), VT_OK, "readable");
	until = start + 4 * hour + 2 * DAY_US;
	ok(vt_backend_head(b, name, &h, &err) == VT_OK && h.archived &&
	    !h.restoring && h.restored_until_us == until,
	    "head says until when");
	clock.offset_us += hour;
	is_int(vt_backend_restore(b, name, 5, VT_STANDARD,
	    &err), VT_OK,
	    "the expiry is moved");
	until = clock.offset_us + 5 * DAY_US;
	ok(vt_backend_head(b, name, &h, &err) == VT_OK &&
	    h.restored_until_us == until, "as head says");
	if (strncmp(url, "file:", 5) == 0) {
		/* mem: forgets; the rest lasts over a restart. */
		vt_backend_close(b);
		b = open_at(url, &clock, 4 * 3600 * 1000);
	}
	clock.offset_us = until - 1;
	is_int(get(b, name, NULL, 5, 10, 20, &err), VT_OK, "to the last");
	clock.offset_us = until;
	is_int(get(b, name, NULL, 5, 10, 20, &err), VT_NEEDS_RESTORE,
	    "then it is archived again");
	is_int(vt_backend_restore(b, name, 1, VT_STANDARD,
	    &err), VT_BUSY,
	    "and can be asked for again");
	is_int(count(b, ""), 1, "list shows one blob");
	is_int(vt_backend_delete(b, name, NULL, &err), VT_OK,
	    "an archived blob can be deleted");
	is_int(count(b, ""), 0, "and leaves nothing");
	vt_backend_close(b);
}

/* --- every failing call in turn --------------------------------------------*/

static const char *fault_url;
static unsigned walk_files;

static int
count_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path, (void)st, (void)ftw;
	walk_files += type != FTW_D && type != FTW_DP;
	return 0;
}

/* Files on disk below the backend, whatever they are. */
static unsigned
files_below(const char *url)
{
	walk_files = 0;
	if (strncmp(url, "file:", 5) == 0)
		nftw(url + 5, count_file, 16, FTW_PHYS);
	return walk_files;
}

/*
 * Put two blobs, read them, look, delete the first.  What succeeded is told
 * in kept[]: 1 certainly there, 0 certainly not, -1 either.
 */
static void
scenario(struct vt_backend *b, char names[2][VT_BLOB_NAME_MAX], int kept[2])
{
	struct vt_backend_head h;
	struct vt_err e;
	struct seen s = { 0 };
	enum vt_code rc;
	int i;

	for (i = 0; i < 2; i++) {
		new_name(b, names[i]);
		kept[i] = put(b, names[i], (unsigned)i, 250000, UINT64_MAX,
		    NULL, &e) == VT_OK;
		rc = get(b, names[i], NULL, (unsigned)i, 1, 200000, &e);
		if (rc == VT_OK && !kept[i])
			ok(0, "a failed put can be read");
		rc = vt_backend_head(b, names[i], &h, &e);
		if (rc == VT_OK && !kept[i])
			ok(0, "a failed put can be seen");
	}
	rc = vt_backend_list(b, "", see, &s, &e);
	if (rc == VT_OK && (int)s.count != kept[0] + kept[1])
		ok(0, "list shows %u", s.count);
	rc = vt_backend_delete(b, names[0], NULL, &e);
	if (rc == VT_OK || rc == VT_ABSENT)
		kept[0] = 0;
	/* The wrapper fails before the driver: then it is still there. */
}

static void
test_faults(void)
{
	char names[2][VT_BLOB_NAME_MAX];
	struct vt_backend *bare, *b;
	struct vt_backend_head h;
	uint64_t at, calls = 0;
	int kept[2], i, bad = 0;

	printf("# faults on %s\n", fault_url);
	bare = open_at(fault_url, NULL, 0);
	for (at = 1; at == 1 || calls >= at - 1; at++) {
		b = vt_backend_fault(open_at(fault_url, NULL, 0), at, VT_IO);
		scenario(b, names, kept);
		calls = vt_backend_fault_calls(b);
		vt_backend_close(b);
		for (i = 0; i < 2; i++) {
			enum vt_code rc = vt_backend_head(bare, names[i], &h,
			    &err);

			if (rc != (kept[i] ? VT_OK : VT_ABSENT))
				bad++;
			if (kept[i] && get(bare, names[i], NULL, (unsigned)i,
			    0, 250000, &err) != VT_OK)
				bad++;
		}
		if (count(bare, "") != kept[0] + kept[1])
			bad++;
		if (strncmp(fault_url, "file:", 5) == 0 &&
		    files_below(fault_url) != (unsigned)(kept[0] + kept[1]))
			bad++;
		for (i = 0; i < 2; i++)
			if (kept[i] && vt_backend_delete(bare, names[i], NULL,
			    &err) != VT_OK)
				bad++;
	}
	ok(at > 15, "%llu calls failed in turn", (unsigned long long)at - 2);
	is_int(bad, 0, "no half blob, no leftover, after any");
	is_int(files_below(fault_url), 0, "nothing is left");
	vt_backend_close(bare);
}

/* --- opening ---------------------------------------------------------------*/

static void
test_open(const char *dir)
{
	static const char *const bad[] = {
		"", "file", "file:", "file://host/x", "mem:", "ftp:x", "s3",
	};
	struct vt_backend_options o = { .base_dir = dir };
	struct vt_backend *b;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		is_int(vt_backend_open(bad[i], &o, &b, &err), VT_INVALID,
		    "URL '%s' is refused", bad[i]);
		ok(b == NULL, "no handle");
	}
	is_int(vt_backend_open("file:deep/er", &o, &b, &err), VT_ABSENT,
	    "a place that is missing");
	is_int(vt_backend_open("mem:deeper", &o, &b, &err), VT_ABSENT,
	    "in memory too");
	o.create = 1;
	is_int(vt_backend_open("file:deep/er", &o, &b, &err), VT_OK,
	    "is made when asked");
	is_str(vt_backend_url(b), "file:deep/er", "url");
	vt_backend_close(b);
	vt_backend_close(NULL);
	o.create = 0;
	is_int(vt_backend_open("file:deep/er", &o, &b, &err), VT_OK,
	    "below base_dir, and stays");
	vt_backend_close(b);
	o.restore_delay_ms = -1;
	is_int(vt_backend_open("file:deep/er", &o, &b, &err), VT_INVALID,
	    "a delay that is none");
}

static void
test_mem_shared(void)
{
	struct vt_backend *a = open_at("mem:shared", NULL, 0);
	struct vt_backend *b = open_at("mem:shared", NULL, 0);
	struct vt_backend *c = open_at("mem:other", NULL, 0);
	char name[VT_BLOB_NAME_MAX];

	new_name(a, name);
	is_int(put(a, name, 1, 10, 10, NULL, &err), VT_OK, "put by one");
	is_int(get(b, name, NULL, 1, 0, 10, &err), VT_OK, "get by another");
	is_int(get(c, name, NULL, 1, 0, 10, &err), VT_ABSENT,
	    "and not elsewhere");
	vt_backend_close(a);
	is_int(get(b, name, NULL, 1, 0, 10, &err), VT_OK,
	    "it outlives the first");
	vt_backend_close(b);
	vt_backend_close(c);
}

/* --- file: alone -----------------------------------------------------------*/

static void
touch(const char *dir, const char *name, mode_t mode, const char *text)
{
	char path[2048];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 ||
	    fchmod(fd, mode) < 0)
		abort();
	close(fd);
}

static void
test_file_shape(const char *dir)
{
	struct vt_backend_options o = { .base_dir = dir, .create = 1 };
	char name[VT_BLOB_NAME_MAX], root[1024], path[2048];
	struct vt_backend *b;
	struct vt_backend_head h;
	uint64_t size;
	int fd;

	printf("# file: shape\n");
	snprintf(root, sizeof(root), "%s/shape", dir);
	if (vt_backend_open("file:shape", &o, &b, &err) != VT_OK)
		abort();
	is_int(vt_backend_name(b, 0xabcdef, 0x1f, NULL, NULL, 0, name, &err),
	    VT_OK, "name");
	is_str(name, "ab/cd/0000000000abcdef-000000000000001f", "its shape");
	is_int(put(b, name, 1, 10, 10, NULL, &err), VT_OK, "put");
	is_int(put(b, "plain", 1, 10, 10, NULL, &err), VT_OK,
	    "a name without directories");
	is_int(put(b, "a/b/c/d.e", 1, 10, 10, NULL, &err), VT_OK,
	    "or with many");
	is_int(vt_backend_head(b, "a/b", &h, &err), VT_ABSENT,
	    "a directory is no blob");
	is_int(vt_backend_delete(b, "a/b", NULL, &err), VT_ABSENT,
	    "and is not deleted");
	is_int(vt_backend_head(b, ".hidden", &h, &err), VT_INVALID,
	    "hidden names");
	is_int(vt_backend_head(b, "x.vtm", &h, &err), VT_INVALID,
	    "names of ours");
	is_int(vt_backend_head(b, "a/x y", &h, &err), VT_INVALID,
	    "odd characters");
	is_int(count(b, "a/"), 1, "list by directory");
	is_int(count(b, "a/b/c/d"), 1, "list by part of a leaf");
	is_int(count(b, "a/x"), 0, "list by what is not there");

	/* What others leave is not ours. */
	snprintf(path, sizeof(path), "%s/ab/cd", root);
	touch(root, ".hidden", 0600, "x");
	touch(path, "README (old)", 0600, "x");
	snprintf(path, sizeof(path), "%s/lost+found", root);
	mkdir(path, 0700);
	touch(path, "inode", 0600, "x");
	snprintf(path, sizeof(path), "%s/link", root);
	if (symlink("/etc/passwd", path) < 0)
		abort();
	snprintf(path, sizeof(path), "%s/out", root);
	if (symlink("/etc", path) < 0)
		abort();
	snprintf(path, sizeof(path), "%s/pipe", root);
	mkfifo(path, 0600);
	is_int(count(b, ""), 3, "list ignores what is foreign");
	is_int(vt_backend_get_fd(b, "link", &fd, &size, &err), VT_CORRUPT,
	    "a symlink is not followed");
	ok(vt_backend_get_fd(b, "out/passwd", &fd, &size, &err) != VT_OK,
	    "nor one to a directory");
	ok(put(b, "out/vaultaire-test", 1, 1, 1, NULL, &err) != VT_OK,
	    "nor for a put");
	is_int(vt_backend_get_fd(b, "pipe", &fd, &size, &err), VT_CORRUPT,
	    "a FIFO does not hold us");

	/* What a crash leaves in the middle of a put. */
	snprintf(path, sizeof(path), "%s/ab/cd", root);
	touch(path, "unfinished", 0200, "half");
	is_int(vt_backend_head(b, "ab/cd/unfinished", &h, &err), VT_ABSENT,
	    "an unfinished blob is not seen");
	is_int(vt_backend_get_fd(b, "ab/cd/unfinished", &fd, &size, &err),
	    VT_ABSENT, "nor read");
	is_int(count(b, ""), 3, "nor listed");
	is_int(put(b, "ab/cd/unfinished", 1, 1, 1, NULL, &err), VT_EXISTS,
	    "nor overwritten");
	is_int(vt_backend_delete(b, "ab/cd/unfinished", NULL, &err), VT_OK,
	    "but deleted");

	/* Bytes that were lost. */
	snprintf(path, sizeof(path), "%s/%s", root, name);
	if (truncate(path, 9) < 0)
		abort();
	is_int(get(b, name, NULL, 1, 0, 10, &err), VT_CORRUPT,
	    "a blob that lost bytes");
	is_int(get(b, name, NULL, 1, 0, 9, &err), VT_OK, "the rest reads");
	vt_backend_close(b);
}

static void
test_file_meta(const char *dir)
{
	struct vt_backend_options o = { .base_dir = dir, .create = 1 };
	struct vt_header_kv meta[2] = { { "key", "a/b" }, { "etag", "\"1\"" } };
	struct vt_backend_put_info info = { .size_bytes = 3 };
	char path[4096], value[64], *big, name[VT_BLOB_NAME_MAX];
	struct vt_backend_put *p;
	struct vt_backend *b;
	struct stat st;
	ssize_t n;
	int i;

	printf("# file: metadata\n");
	if (vt_backend_open("file:meta", &o, &b, &err) != VT_OK)
		abort();
	big = malloc(9000);
	memset(big, 'v', 9000);
	big[8999] = '\0';
	for (i = 0; i < 3; i++) {
		if (i == 1)
			meta[1].value = big;
		new_name(b, name);
		is_int(vt_backend_put_begin(b, name, &info, &p, &err), VT_OK,
		    "begin");
		if (i < 2) {
			ok(vt_backend_put_write(p, "abc", 3, &err) == VT_OK &&
			    vt_backend_put_meta(p, meta, 2, &err) == VT_OK &&
			    vt_backend_put_commit(p, NULL, &err) == VT_OK,
			    "put with metadata");
		} else {
			is_int(vt_backend_put_meta(p, meta, 2, &err), VT_OK,
			    "metadata of what is given up");
			vt_backend_put_abort(p);
		}
		snprintf(path, sizeof(path), "%s/meta/%s", dir, name);
		n = getxattr(path, "user.vaultaire", value, sizeof(value));
		strcat(path, ".vtm");
		/* tmpfs before Linux 6.6 knows no such attributes. */
		if (i == 0)
			ok((n == 17 && memcmp(value, "key\0a/b\0etag\0\"1\"",
			    17) == 0) || stat(path, &st) == 0,
			    "a little is in an attribute");
		else if (i == 1)
			ok(stat(path, &st) == 0 && st.st_size == 13 + 9000,
			    "much is in a file beside it");
		else
			ok(stat(path, &st) < 0, "an abort removes both");
		is_int(count(b, name), i < 2, "list shows the blob alone");
		if (i < 2)
			is_int(vt_backend_delete(b, name, NULL, &err), VT_OK,
			    "delete");
		ok(stat(path, &st) < 0, "nothing is left beside it");
	}
	free(big);
	snprintf(path, sizeof(path), "file:%s/meta", dir);
	is_int(files_below(path), 0, "nothing is left at all");
	vt_backend_close(b);
}

/* Two processes and a hand that removes directories under us. */
static void
test_file_others(const char *dir)
{
	struct vt_backend_options o = { .base_dir = dir, .create = 1 };
	char name[VT_BLOB_NAME_MAX], path[4096];
	struct vt_backend *b, *mine;
	int i, status, failed = 0;
	pid_t pid[4];

	printf("# file: other processes\n");
	if (vt_backend_open("file:others", &o, &b, &err) != VT_OK)
		abort();
	fflush(stdout);
	for (i = 0; i < 4; i++) {
		pid[i] = fork();
		if (pid[i] != 0)
			continue;
		if (vt_backend_open("file:others", &o, &mine, &err) != VT_OK)
			_exit(1);
		next_id = 0x5500;
		for (; next_id < 0x5500 + 2000; ) {
			next_id += 97;
			if (vt_backend_name(mine, next_id, (uint64_t)i, NULL,
			    NULL, 0, name, &err) != VT_OK ||
			    put(mine, name, 1, 50, 50, NULL, &err) != VT_OK)
				_exit(2);
		}
		vt_backend_close(mine);
		_exit(0);
	}
	for (i = 0; i < 4; i++)
		failed += waitpid(pid[i], &status, 0) < 0 || status != 0;
	is_int(failed, 0, "four processes put into the same directories");
	is_int(count(b, ""), 4 * 21, "and all is there");
	empty(b);
	new_name(b, name);
	is_int(put(b, name, 1, 50, 50, NULL, &err), VT_OK, "put");
	is_int(vt_backend_delete(b, name, NULL, &err), VT_OK, "delete");
	snprintf(path, sizeof(path), "%s/others/%.5s", dir, name);
	ok(rmdir(path) == 0, "someone removes the directory");
	is_int(put(b, name, 1, 50, 50, NULL, &err), VT_OK,
	    "put makes it again");
	is_int(get(b, name, NULL, 1, 0, 50, &err), VT_OK, "and get finds it");
	vt_backend_close(b);
}

static int
remove_file(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int
main(int argc, char **argv)
{
	static const struct vt_guard_options few = { .calls_max = 1,
	    .puts_max = 4 };
	const char *tmp = getenv("TMPDIR");
	char dir[512], url[2][600];
	struct vt_backend *b;
	int i, wrapped;

	for (i = 1; i < argc; i++) {
		b = open_at(argv[i], NULL, 0);
		contract(b);
		if (vt_backend_caps(b)->remote)
			contract_remote(b, argv[i]);
		vt_backend_close(b);
	}
	if (argc > 1)
		return test_done();

	snprintf(dir, sizeof(dir), "%s/vt-backend-XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	if (mkdtemp(dir) == NULL) {
		perror(dir);
		return 1;
	}
	snprintf(url[0], sizeof(url[0]), "mem:contract");
	snprintf(url[1], sizeof(url[1]), "file:%s/contract", dir);
	for (i = 0; i < 2; i++)
		for (wrapped = 0; wrapped < 3; wrapped++) {
			b = open_at(url[i], NULL, 0);
			if (wrapped == 1)
				b = vt_backend_fault(b, 0, VT_IO);
			else if (wrapped == 2)
				b = vt_backend_guard(b, &few);
			contract(b);
			vt_backend_close(b);
		}
	snprintf(url[1], sizeof(url[1]), "file:%s/restore", dir);
	test_restore("mem:restore");
	test_restore(url[1]);
	fault_url = "mem:fault";
	test_faults();
	snprintf(url[1], sizeof(url[1]), "file:%s/fault", dir);
	fault_url = url[1];
	test_faults();
	test_open(dir);
	test_mem_shared();
	test_file_shape(dir);
	test_file_meta(dir);
	test_file_others(dir);
	nftw(dir, remove_file, 16, FTW_DEPTH | FTW_PHYS);
	return test_done();
}
