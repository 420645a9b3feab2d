/* The catalog: versions, conditions, moves, garbage, leases, listings. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libvt/base/buf.h"
#include "libvt/base/fs.h"
#include "libvt/base/hash.h"
#include "libvt/store/catalog.h"

#include "tests/unit/made_catalog.h"
#include "tests/unit/test.h"

static struct vt_version *
get(struct vt_catalog *c, struct vt_arena *a, int64_t bucket,
    const char *key, const char *id)
{
	struct vt_version *v = NULL;

	if (vt_catalog_lookup(c, a, bucket, key, strlen(key), id, 1, &v,
	    &err) != VT_OK)
		return NULL;
	return v;
}

static void
test_versions(void)
{
	struct vt_catalog *c = open_catalog("versions.db", 1);
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_cat_put first, p;
	struct vt_cat_delete d;
	struct vt_cat_cond cond;
	struct vt_version *v;
	struct vt_cat_op op;
	int64_t b;

	ok(c != NULL, "opens");
	b = make_bucket(c, "bucket");
	ok(b > 0, "makes a bucket");
	is_int(make_bucket(c, "bucket"), -1, "a second one is refused");
	is_int(err.code, VT_EXISTS, "as existing");
	is_int(put(c, b, "k", "one", NULL, &first), VT_OK, "puts");
	v = get(c, a, b, "k", NULL);
	ok(v != NULL && v->copy_count == 1 && v->copies[0].extent_count == 1,
	    "reads back one copy of one extent");
	ok(v != NULL && memcmp(v->copies[0].extents[0].data, "one", 3) == 0,
	    "with its inline bytes");
	ok(v != NULL && v->is_null && strcmp(v->copies[0].tier, "hot") == 0,
	    "a null version on its tier");
	ok(get(c, a, b, "k", first.version_id) == NULL,
	    "a null version goes by null alone");
	is_int(put(c, b, "k", "two", NULL, &p), VT_OK, "overwrites");
	ok(p.replaced && p.seq > first.seq, "replacing, with a higher seq");
	memset(&cond, 0, sizeof(cond));
	cond.if_none_match_any = 1;
	is_int(put(c, b, "k", "three", &cond, NULL), VT_PRECONDITION,
	    "If-None-Match: * meets an object");
	is_int(put(c, b, "new", "x", &cond, NULL), VT_OK,
	    "If-None-Match: * meets none");
	memset(&cond, 0, sizeof(cond));
	cond.if_match = "one";
	is_int(put(c, b, "k", "three", &cond, NULL), VT_PRECONDITION,
	    "If-Match meets another ETag");
	is_int(put(c, b, "absent", "three", &cond, NULL), VT_ABSENT,
	    "If-Match meets nothing");
	cond.if_match = "two";
	is_int(put(c, b, "k", "three", &cond, NULL), VT_OK,
	    "If-Match meets its ETag");
	is_int(del(c, b, "k", NULL, &d), VT_OK, "deletes");
	ok(d.found && !d.made_marker, "what was there");
	ok(get(c, a, b, "k", NULL) == NULL, "it is gone");
	is_int(del(c, b, "k", NULL, &d), VT_OK, "deletes again");
	ok(!d.found, "nothing");

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_VERSIONING_SET;
	op.u.versioning.bucket_id = b;
	op.u.versioning.state = 1;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "versioning on");
	is_int(put(c, b, "v", "v1", NULL, &first), VT_OK, "v1");
	is_int(put(c, b, "v", "v2", NULL, &p), VT_OK, "v2");
	ok(!p.replaced && !p.is_null, "adds a version");
	v = get(c, a, b, "v", first.version_id);
	ok(v != NULL && strcmp(v->etag, "v1") == 0 && !v->is_current,
	    "the old one can be read");
	is_int(del(c, b, "v", NULL, &d), VT_OK, "delete without version");
	ok(d.made_marker, "adds a marker");
	v = get(c, a, b, "v", NULL);
	ok(v != NULL && v->is_marker, "which is current");
	is_int(del(c, b, "v", d.out_version_id, &d), VT_OK,
	    "removing the marker");
	ok(d.was_marker, "says so");
	v = get(c, a, b, "v", NULL);
	ok(v != NULL && strcmp(v->etag, "v2") == 0 && v->is_current,
	    "brings v2 back");
	is_int(vt_catalog_check(c, &err), VT_OK, "check: %s", err.text);
	vt_catalog_close(c);
	vt_arena_free(a);
}

static int
count_key(void *ctx, const struct vt_list_item *item)
{
	char *out = ctx;
	size_t n = strlen(out);

	snprintf(out + n, 400 - n, "%s%.*s ", item->is_prefix ? "+" : "",
	    (int)item->key_len, item->key);
	return 0;
}

static const char *
list(struct vt_catalog *c, int64_t b, const char *prefix, const char *delim,
    const char *after, unsigned max, int *truncated)
{
	static char out[400];
	struct vt_list l;

	memset(&l, 0, sizeof(l));
	out[0] = '\0';
	l.bucket_id = b;
	l.prefix = prefix;
	l.prefix_len = strlen(prefix);
	l.delimiter = delim;
	l.delimiter_len = strlen(delim);
	l.after = after;
	l.has_after = after != NULL;
	l.after_len = after != NULL ? strlen(after) : 0;
	l.max = max;
	if (vt_catalog_list(c, &l, count_key, out, truncated, &err) != VT_OK)
		return err.text;
	return out;
}

static void
test_lists(void)
{
	static const char *keys[] = { "a", "a/1", "a/2", "b/x/1", "b/x/2",
	    "b/y", "c", "\xff", "\xff\xff" };
	struct vt_catalog *c = open_catalog("lists.db", 1);
	int64_t b = make_bucket(c, "bucket"), other = make_bucket(c, "c2");
	int t;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (put(c, b, keys[i], "x", NULL, NULL) != VT_OK)
			abort();
	if (put(c, other, "other", "x", NULL, NULL) != VT_OK)
		abort();
	is_str(list(c, b, "", "", NULL, 1000, &t),
	    "a a/1 a/2 b/x/1 b/x/2 b/y c \xff \xff\xff ", "all keys in order");
	is_int(t, 0, "not truncated");
	is_str(list(c, b, "", "/", NULL, 1000, &t),
	    "a +a/ +b/ c \xff \xff\xff ", "with a delimiter");
	is_str(list(c, b, "b/", "/", NULL, 1000, &t), "+b/x/ b/y ",
	    "below a prefix");
	is_str(list(c, b, "", "/", NULL, 2, &t), "a +a/ ", "a first page");
	is_int(t, 1, "truncated");
	is_str(list(c, b, "", "/", "a/", 2, &t), "+b/ c ", "the next page");
	is_int(t, 1, "truncated");
	is_str(list(c, b, "", "/", "c", 2, &t), "\xff \xff\xff ",
	    "the last page");
	is_int(t, 0, "not truncated, being exact");
	is_str(list(c, b, "a", "", "a", 10, &t), "a/1 a/2 ", "after a key");
	is_str(list(c, b, "zzz", "", NULL, 10, &t), "", "no match");
	is_str(list(c, b, "", "", NULL, 0, &t), "", "no room");
	is_int(t, 0, "is not truncated");
	is_str(list(c, b, "b", "", "a/9", 10, &t), "b/x/1 b/x/2 b/y ",
	    "a marker before the prefix");
	vt_catalog_close(c);
}

static int
count_version(void *ctx, const struct vt_list_item *item)
{
	char *out = ctx;
	size_t n = strlen(out);

	snprintf(out + n, 400 - n, "%.*s%s%s ", (int)item->key_len, item->key,
	    item->is_prefix ? "+" : item->v->is_marker ? "!" : "=",
	    item->is_prefix ? "" : item->v->etag);
	return 0;
}

static void
test_list_versions(void)
{
	struct vt_catalog *c = open_catalog("lv.db", 1);
	int64_t b = make_bucket(c, "bucket");
	struct vt_cat_op op;
	struct vt_cat_put p;
	struct vt_list l;
	char out[400] = "";
	int t;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_VERSIONING_SET;
	op.u.versioning.bucket_id = b;
	op.u.versioning.state = 1;
	if (vt_catalog_run(c, &op, &err) != VT_OK ||
	    put(c, b, "k", "1", NULL, NULL) != VT_OK ||
	    put(c, b, "k", "2", NULL, &p) != VT_OK ||
	    put(c, b, "k", "3", NULL, NULL) != VT_OK ||
	    put(c, b, "d/x", "9", NULL, NULL) != VT_OK ||
	    del(c, b, "z", NULL, NULL) != VT_OK)
		abort();
	memset(&l, 0, sizeof(l));
	l.bucket_id = b;
	l.versions = 1;
	l.prefix = "";
	l.delimiter = "/";
	l.delimiter_len = 1;
	l.max = 100;
	is_int(vt_catalog_list(c, &l, count_version, out, &t, &err), VT_OK,
	    "lists versions");
	is_str(out, "d/+ k=3 k=2 k=1 z! ", "newest first");
	out[0] = '\0';
	l.has_after = 1;
	l.after = "k";
	l.after_len = 1;
	l.after_seq = p.seq;
	is_int(vt_catalog_list(c, &l, count_version, out, &t, &err), VT_OK,
	    "from a marker");
	is_str(out, "k=1 z! ", "goes on inside a key");
	vt_catalog_close(c);
}

static enum vt_code
swap(struct vt_catalog *c, const struct vt_version *v, const char *tier,
    int64_t bucket_generation, struct vt_cat_extent *x)
{
	struct vt_cat_op op;

	blob_extent(c, x, tier, v->size_bytes);
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_SWAP;
	op.u.swap.seq = v->seq;
	op.u.swap.source_copy_id = v->copies[0].id;
	op.u.swap.version_generation = v->generation;
	op.u.swap.bucket_generation = bucket_generation;
	op.u.swap.drop_source = 1;
	op.u.swap.tier = tier;
	op.u.swap.extents = x;
	op.u.swap.extent_count = 1;
	op.u.swap.grace_ms = 1000;
	return vt_catalog_run(c, &op, &err);
}

static void
test_swap(void)
{
	struct vt_catalog *c = open_catalog("swap.db", 1);
	struct vt_arena *a = vt_arena_new(1 << 20);
	int64_t b = make_bucket(c, "bucket");
	struct vt_version *v, *again;
	struct vt_cat_extent x, y;
	struct vt_cat_op op;
	struct vt_catalog_stats st;

	/* An object on a blob of its own, not inline. */
	blob_extent(c, &x, "hot", 5);
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_PUT;
	op.u.put.v.bucket_id = b;
	op.u.put.v.key = "k";
	op.u.put.v.key_len = 1;
	op.u.put.v.size_bytes = 5;
	op.u.put.tier = "hot";
	op.u.put.extents = &x;
	op.u.put.extent_count = 1;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "puts: %s", err.text);
	v = get(c, a, b, "k", NULL);
	is_int(swap(c, v, "cold", 1, &y), VT_OK, "moves: %s", err.text);
	again = get(c, a, b, "k", NULL);
	ok(again != NULL && again->copy_count == 1 &&
	    strcmp(again->copies[0].tier, "cold") == 0 &&
	    strcmp(again->tier, "cold") == 0, "to the other tier");
	ok(again->seq == v->seq && again->mtime_us == v->mtime_us,
	    "the version stays the same");
	is_int(swap(c, v, "warm", 1, &y), VT_PRECONDITION,
	    "P3 a second move of the same source is refused");
	is_int(swap(c, again, "warm", 2, &y), VT_PRECONDITION,
	    "P3 a changed rule is noticed");
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_META_SET;
	op.u.meta.seq = v->seq;
	op.u.meta.pin = "cold";
	op.u.meta.lock_mode = op.u.meta.legal_hold = -1;
	op.u.meta.retain_until_us = -1;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "pins");
	is_int(swap(c, again, "warm", 1, &y), VT_PRECONDITION,
	    "P3 a move planned before a pin is refused");
	again = get(c, a, b, "k", NULL);
	is_int(swap(c, again, "warm", 1, &y), VT_PRECONDITION,
	    "P6 a pinned version does not leave its tier");
	is_int(vt_catalog_stats(c, &st, &err), VT_OK, "stats");
	is_int(st.garbage, 1, "the source's bytes are garbage");
	is_int(st.garbage_bytes, 5, "of its size");

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_GARBAGE_CLAIM;
	op.u.garbage.arena = a;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "claims");
	is_int(op.u.garbage.count, 0, "P2 nothing before the grace is over");
	fixed.offset_us += 2000000;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "claims later");
	is_int(op.u.garbage.count, 1, "the old blob");
	is_str(op.u.garbage.rows[0].name, x.e.blob.name, "by name");
	op.kind = VT_CAT_GARBAGE_DONE;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "forgets it");
	/* P3: an overwrite between planning and swap. */
	v = get(c, a, b, "k", NULL);
	is_int(put(c, b, "k", "newer", NULL, NULL), VT_OK, "overwrites");
	is_int(swap(c, v, "warm", 1, &y), VT_ABSENT,
	    "P3 a move never beats a concurrent PUT");
	is_int(vt_catalog_check(c, &err), VT_OK, "check: %s", err.text);
	vt_catalog_close(c);
	vt_arena_free(a);
}

/* Move the copy `k` of a version to `tier`, as it was decided by the others. */
static enum vt_code
swap_copy(struct vt_catalog *c, const struct vt_version *v, size_t k,
    const char *tier, unsigned min_copies, struct vt_cat_extent *x)
{
	struct vt_cat_op op;

	blob_extent(c, x, tier, v->size_bytes);
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_SWAP;
	op.u.swap.seq = v->seq;
	op.u.swap.source_copy_id = v->copies[k].id;
	op.u.swap.version_generation = v->generation;
	op.u.swap.bucket_generation = 1;
	op.u.swap.drop_source = 1;
	op.u.swap.min_copies = min_copies;
	for (size_t i = 0; i < v->copy_count; i++)
		if (i != k)
			op.u.swap.others[op.u.swap.other_count++] =
			    v->copies[i].id;
	op.u.swap.tier = tier;
	op.u.swap.extents = x;
	op.u.swap.extent_count = 1;
	return vt_catalog_run(c, &op, &err);
}

/* A version that is born with two copies. */
static void
test_copies(void)
{
	struct vt_catalog *c = open_catalog("copies.db", 1);
	struct vt_arena *a = vt_arena_new(1 << 20);
	int64_t b = make_bucket(c, "bucket");
	struct vt_cat_extent x, y, z;
	struct vt_cat_more more = { "far", &y, 1 };
	struct vt_version *v, *again;
	struct vt_catalog_stats st;
	struct vt_cat_op op;

	blob_extent(c, &x, "hot", 5);
	blob_extent(c, &y, "far", 5);
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_PUT;
	op.u.put.v.bucket_id = b;
	op.u.put.v.key = "k";
	op.u.put.v.key_len = 1;
	op.u.put.v.size_bytes = 5;
	op.u.put.tier = "hot";
	op.u.put.extents = &x;
	op.u.put.extent_count = 1;
	op.u.put.more = &more;
	op.u.put.more_count = 1;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "puts: %s", err.text);
	v = get(c, a, b, "k", NULL);
	ok(v->copy_count == 2 && strcmp(v->tier, "hot") == 0,
	    "P1 with both copies at once");
	is_int(swap_copy(c, v, 1, "cold", 3, &z), VT_PRECONDITION,
	    "P2 fewer copies than asked for");
	is_int(swap_copy(c, v, 1, "cold", 2, &z), VT_OK,
	    "one of them moves: %s", err.text);
	is_int(swap_copy(c, v, 0, "warm", 2, &z), VT_PRECONDITION,
	    "P2 P3 not the other, which was decided by the one before");
	ok(strstr(err.text, "another copy") != NULL, "says so: %s", err.text);
	again = get(c, a, b, "k", NULL);
	is_int(swap_copy(c, again, 0, "warm", 2, &z), VT_OK,
	    "when it is looked at again: %s", err.text);
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_DELETE;
	op.u.del.bucket_id = b;
	op.u.del.key = "k";
	op.u.del.key_len = 1;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "deleted");
	is_int(vt_catalog_stats(c, &st, &err), VT_OK, "stats");
	ok(st.blobs == 0 && st.garbage == 4, "all of its blobs are garbage");
	is_int(vt_catalog_check(c, &err), VT_OK, "check: %s", err.text);
	vt_catalog_close(c);
	vt_arena_free(a);
}

static void
test_multipart(void)
{
	struct vt_catalog *c = open_catalog("mp.db", 1);
	struct vt_arena *a = vt_arena_new(1 << 20);
	int64_t b = make_bucket(c, "bucket"), ids[2];
	struct vt_cat_extent x[3];
	struct vt_cat_op op;
	struct vt_upload_part *parts;
	struct vt_part_info info[2] = { { 1, 10, "" }, { 3, 7, "abc" } };
	struct vt_part_info *got;
	struct vt_version *v;
	struct vt_upload *u;
	char id[VT_ID_LEN + 1];
	size_t n;
	int t, i;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_UPLOAD_CREATE;
	op.u.upload_create.u.bucket_id = b;
	op.u.upload_create.u.key = "big";
	op.u.upload_create.u.key_len = 3;
	op.u.upload_create.u.tier = "hot";
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "creates: %s", err.text);
	memcpy(id, op.u.upload_create.u.id, sizeof(id));
	for (i = 0; i < 3; i++) {
		memset(&op, 0, sizeof(op));
		blob_extent(c, &x[i], "hot", i == 2 ? 7 : 10);
		op.kind = VT_CAT_PART_PUT;
		op.u.part.upload_id = id;
		op.u.part.number = i == 2 ? 3 : 1;	/* 1 is replaced */
		op.u.part.size_bytes = x[i].e.length;
		op.u.part.etag = "e";
		op.u.part.extents = &x[i];
		op.u.part.extent_count = 1;
		is_int(vt_catalog_run(c, &op, &err), VT_OK, "part %d", i);
	}
	is_int(vt_catalog_upload_parts(c, a, id, 0, 10, &parts, &n, &t, &err),
	    VT_OK, "lists parts");
	is_int(n, 2, "two of them");
	ids[0] = parts[0].id;
	ids[1] = parts[1].id;
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_UPLOAD_COMPLETE;
	op.u.complete.upload_id = id;
	op.u.complete.part_ids = ids;
	op.u.complete.part_count = 2;
	op.u.complete.put.v.bucket_id = b;
	op.u.complete.put.v.key = "big";
	op.u.complete.put.v.key_len = 3;
	op.u.complete.put.v.size_bytes = 17;
	op.u.complete.put.v.part_count = 2;
	op.u.complete.put.parts = info;
	op.u.complete.put.tier = "hot";
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "completes: %s",
	    err.text);
	v = get(c, a, b, "big", NULL);
	ok(v != NULL && v->copies[0].extent_count == 2 &&
	    v->copies[0].extents[0].blob.id == x[1].e.blob.id &&
	    v->copies[0].extents[1].blob.id == x[2].e.blob.id,
	    "its extents are the parts in order");
	is_int(vt_catalog_parts_of(c, a, v->seq, &got, &n, &err), VT_OK,
	    "its parts");
	ok(n == 2 && got[1].number == 3 && got[1].size_bytes == 7 &&
	    strcmp(got[1].checksum, "abc") == 0, "are remembered");
	is_int(vt_catalog_run(c, &op, &err), VT_EXISTS,
	    "a second Complete finds the result");
	is_int(op.u.complete.put.seq, v->seq, "of the first");
	fixed.offset_us += 25LL * 3600 * 1000000;
	op.kind = VT_CAT_EXPIRE;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "a day later");
	is_int(vt_catalog_upload(c, a, id, &u, &err), VT_ABSENT,
	    "it is forgotten");
	is_int(vt_catalog_check(c, &err), VT_OK, "check: %s", err.text);
	vt_catalog_close(c);
	vt_arena_free(a);
}

struct load {
	struct vt_catalog *c;
	int64_t bucket;
	int thread, failures;
};

static void *
load(void *arg)
{
	struct load *l = arg;
	char key[32];
	int i;

	for (i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "k%d", (i * 7 + l->thread) % 40);
		if (i % 3 == 2) {
			if (del(l->c, l->bucket, key, NULL, NULL) != VT_OK)
				l->failures++;
		} else if (put(l->c, l->bucket, key, "body", NULL, NULL) !=
		    VT_OK) {
			printf("# %s\n", err.text);
			l->failures++;
		}
	}
	return NULL;
}

static void
test_concurrent(void)
{
	struct vt_catalog *c = open_catalog("many.db", 1);
	struct vt_catalog *d = open_catalog("many.db", 0);
	int64_t b = make_bucket(c, "bucket");
	struct load l[8];
	pthread_t t[8];
	struct vt_catalog_stats st;
	int i, failures = 0;

	for (i = 0; i < 8; i++) {
		l[i] = (struct load){ i % 2 ? c : d, b, i, 0 };
		pthread_create(&t[i], NULL, load, &l[i]);
	}
	for (i = 0; i < 8; i++) {
		pthread_join(t[i], NULL);
		failures += l[i].failures;
	}
	is_int(failures, 0, "two handles write at once");
	is_int(vt_catalog_check(c, &err), VT_OK, "check: %s", err.text);
	is_int(vt_catalog_stats(c, &st, &err), VT_OK, "stats");
	ok(st.commits < st.operations, "operations share commits");
	vt_catalog_close(d);
	vt_catalog_close(c);
}

static void
test_leases(void)
{
	struct vt_catalog *c;
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_dead_lease *dead;
	uint64_t id = 0, first;
	size_t n;
	pid_t pid;
	int status, fd[2];

	if (pipe(fd) < 0)
		abort();
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		c = open_catalog("lease.db", 0);
		if (c == NULL || vt_catalog_blob_id(c, &id, &err) != VT_OK ||
		    write(fd[1], &id, sizeof(id)) != sizeof(id))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status), "a process dies holding a lease");
	if (read(fd[0], &first, sizeof(first)) != sizeof(first))
		abort();
	c = open_catalog("lease.db", 1);
	is_int(vt_catalog_blob_id(c, &id, &err), VT_OK, "another one");
	ok(id >= first + 4096, "never gets its ids");
	is_int(vt_catalog_dead_leases(c, a, &dead, &n, &err), VT_OK,
	    "recovery");
	ok(n >= 1 && dead[0].first_id == first && dead[0].count == 4096,
	    "P4 finds the dead lease and not the living one");
	is_int(vt_catalog_blob_known(c, first, &err), 0,
	    "whose id has no row");
	vt_catalog_close(c);
	close(fd[0]);
	close(fd[1]);
	vt_arena_free(a);
}

static void
test_snapshot(void)
{
	struct vt_catalog *c = open_catalog("snap.db", 1), *s;
	struct vt_catalog_options o;
	struct vt_arena *a = vt_arena_new(1 << 20);
	int64_t b = make_bucket(c, "bucket");
	char path[600];

	if (put(c, b, "k", "body", NULL, NULL) != VT_OK)
		abort();
	snprintf(path, sizeof(path), "%s/copy.db", dir);
	is_int(vt_catalog_snapshot(c, path, &err), VT_OK, "snapshot: %s",
	    err.text);
	is_int(vt_catalog_snapshot(c, path, &err), VT_EXISTS,
	    "an existing file is not overwritten");
	memset(&o, 0, sizeof(o));
	o.clock = &fixed;
	o.read_only = 1;
	is_int(vt_catalog_open(path, &o, &s, &err), VT_OK, "opens: %s",
	    err.text);
	ok(get(s, a, b, "k", NULL) != NULL, "holds the object");
	ok(vt_catalog_incarnation(s) == vt_catalog_incarnation(c),
	    "and the identity");
	vt_catalog_close(s);
	vt_catalog_close(c);
	vt_arena_free(a);
}

static int
scan_visit(void *ctx, const struct vt_bucket *b, const struct vt_version *v)
{
	char *out = ctx;
	size_t n = strlen(out);

	snprintf(out + n, 400 - n, "%s/%.*s:%zu ", b->name, (int)v->key_len,
	    v->key, v->copy_count);
	return 0;
}

static void
test_scan(void)
{
	struct vt_catalog *c = open_catalog("scan.db", 1);
	int64_t b = make_bucket(c, "bb"), a = make_bucket(c, "aa");
	struct vt_scan_pos pos;
	char out[400] = "";
	int more;

	make_bucket(c, "empty");
	if (put(c, b, "2", "x", NULL, NULL) != VT_OK ||
	    put(c, b, "1", "x", NULL, NULL) != VT_OK ||
	    put(c, a, "3", "", NULL, NULL) != VT_OK)
		abort();
	memset(&pos, 0, sizeof(pos));
	do
		if (vt_catalog_scan(c, &pos, 1, scan_visit, out, &more,
		    &err) != VT_OK)
			abort();
	while (more);
	is_str(out, "aa/3:1 bb/1:1 bb/2:1 ", "scans a row at a time");
	vt_catalog_close(c);
}

/* A scan goes on behind the last version it told of, whatever has changed. */
static void
test_scan_changes(void)
{
	struct vt_catalog *c = open_catalog("changes.db", 1);
	int64_t b = make_versioned(c, "bb");
	struct vt_scan_pos pos;
	char out[400] = "";
	int more;

	if (b < 0 ||
	    put(c, b, "1", "x", NULL, NULL) != VT_OK ||
	    put(c, b, "1", "x", NULL, NULL) != VT_OK ||
	    put(c, b, "3", "x", NULL, NULL) != VT_OK)
		abort();
	memset(&pos, 0, sizeof(pos));
	pos.is_lean = 1;
	is_int(vt_catalog_scan(c, &pos, 1, scan_visit, out, &more, &err),
	    VT_OK, "a page within a key");
	/* a newer one of that key, one behind it, one before it */
	if (put(c, b, "1", "x", NULL, NULL) != VT_OK ||
	    put(c, b, "2", "", NULL, NULL) != VT_OK ||
	    put(c, b, "0", "x", NULL, NULL) != VT_OK)
		abort();
	while (more)
		if (vt_catalog_scan(c, &pos, 1, scan_visit, out, &more,
		    &err) != VT_OK)
			abort();
	is_str(out, "bb/1:1 bb/1:1 bb/2:1 bb/3:1 ",
	    "goes on behind the version");
	vt_catalog_close(c);
}

struct standing {
	unsigned count, current;
	int64_t seq;		/* of the one before */
	int is_sorted;
};

static int
note_standing(void *ctx, const struct vt_bucket *b,
    const struct vt_version *v)
{
	struct standing *s = ctx;

	(void)b;
	s->is_sorted = s->is_sorted && (s->count == 0 || v->seq < s->seq);
	/* only the first can be it */
	s->current += v->is_current ? s->count == 0 ? 1 : 1000 : 0;
	s->seq = v->seq;
	s->count++;
	return 0;
}

/* A key of `versions`, read by pages of `page` rows. */
static void
test_scan_versions(unsigned versions, unsigned page)
{
	char name[32];
	struct vt_catalog *c;
	int64_t b;
	struct standing s = { .is_sorted = 1 };
	struct vt_scan_pos pos;
	int more = 1;

	snprintf(name, sizeof(name), "versions%u-%u.db", versions, page);
	c = open_catalog(name, 1);
	b = make_versioned(c, "bb");
	if (b < 0)
		abort();
	for (unsigned i = 0; i < versions; i++)
		if (put(c, b, "k", "x", NULL, NULL) != VT_OK)
			abort();
	memset(&pos, 0, sizeof(pos));
	pos.is_lean = 1;
	while (more)
		if (vt_catalog_scan(c, &pos, page, note_standing, &s, &more,
		    &err) != VT_OK)
			abort();
	ok(s.count == versions && s.is_sorted && s.current == 1,
	    "%u versions of a key by pages of %u: newest first, which alone "
	    "is current", versions, page);
	vt_catalog_close(c);
}

/* Events that nobody takes, as their webhook is no more. */
static void
test_events(void)
{
	struct vt_catalog *c = open_catalog("events.db", 1);
	struct vt_cat_event e[2500];
	struct vt_cat_op op;
	uint64_t waiting;
	int64_t oldest_us;

	memset(e, 0, sizeof(e));
	for (size_t i = 0; i < 2500; i++) {
		e[i].e.dest = "gone";
		e[i].e.name = "ObjectCreated:Put";
		e[i].e.key = "k";
		e[i].e.key_len = 1;
	}
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_NOTHING;
	op.events = e;
	op.event_count = 2500;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "events are noted");
	fixed.offset_us += (VT_EVENT_KEEP_DAYS * 24LL - 1) * 3600 * 1000000;
	op.event_count = 3;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "some more later");
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_EXPIRE;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "before their time");
	is_int(vt_catalog_event_count(c, "gone", &waiting, &oldest_us, &err),
	    VT_OK, "counted");
	is_int(waiting, 2503, "all wait");
	fixed.offset_us += 2LL * 3600 * 1000000;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "after it");
	is_int(vt_catalog_event_count(c, "gone", &waiting, &oldest_us, &err),
	    VT_OK, "counted");
	is_int(waiting, 3, "P9 the old ones are forgotten, and no others");
	vt_catalog_close(c);
}

int
main(void)
{
	if (begin_folder() < 0)
		return 1;
	test_versions();
	test_lists();
	test_list_versions();
	test_swap();
	test_copies();
	test_multipart();
	test_concurrent();
	test_leases();
	test_snapshot();
	test_scan();
	test_scan_changes();
	test_scan_versions(5, 100);
	test_scan_versions(300, 100);
	test_scan_versions(300, 1000);
	test_scan_versions(300, 7);
	test_events();
	end_folder();
	return test_done();
}
