/*
 * Lean scans: whatever the order of names and numbers, and whatever is known
 * of a row, they tell what a whole scan tells.
 */
#include <sqlite3.h>
#include <stdint.h>

#include "libvt/base/buf.h"

#include "tests/unit/made_catalog.h"
#include "tests/unit/test.h"

/* Change what the catalog has written, behind its back. */
static void
change(const char *name, const char *sql)
{
	char path[600];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		printf("# %s\n", sqlite3_errmsg(db));
		abort();
	}
	sqlite3_close(db);
}

/* Everything that a lean scan tells of a version. */
static int
describe_visit(void *ctx, const struct vt_bucket *b,
    const struct vt_version *v)
{
	const struct vt_copy *y;
	struct vt_buf *out = ctx;
	size_t i;

	vt_buf_printf(out, "%s/%.*s %lld %s %d%d%d %lld %llu %lld '%s' '%s' "
	    "%s %d %lld %d:", b->name, (int)v->key_len, v->key,
	    (long long)v->seq, v->version_id, v->is_null, v->is_marker,
	    v->is_current, (long long)v->generation,
	    (unsigned long long)v->size_bytes, (long long)v->mtime_us,
	    v->tags, v->pin, v->tier, (int)v->lock_mode,
	    (long long)v->retain_until_us, (int)v->legal_hold);
	for (i = 0; i < v->copy_count; i++) {
		y = &v->copies[i];
		vt_buf_printf(out, " %s %lld %lld %lld %llu %d", y->tier,
		    (long long)y->id, (long long)y->created_us,
		    (long long)y->until_us,
		    (unsigned long long)y->stored_bytes, y->is_adopted);
	}
	vt_buf_printf(out, "\n");
	return 0;
}

static void
describe(struct vt_catalog *c, int is_lean, unsigned rows,
    struct vt_buf *out)
{
	struct vt_scan_pos pos;
	int more = 1;

	vt_buf_reset(out);
	memset(&pos, 0, sizeof(pos));
	pos.is_lean = is_lean;
	while (more)
		if (vt_catalog_scan(c, &pos, rows, describe_visit, out, &more,
		    &err) != VT_OK || out->failed)
			abort();
}

/* An object of two blobs, the second ours or adopted. */
static void
put_ranges(struct vt_catalog *c, int64_t bucket, const char *key, int owned)
{
	struct vt_cat_extent x[2];
	struct vt_cat_op op;

	blob_extent(c, &x[0], "hot", 5);
	blob_extent(c, &x[1], "hot", 7);
	x[1].e.blob.owned = owned;
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_PUT;
	op.u.put.v.bucket_id = bucket;
	op.u.put.v.key = key;
	op.u.put.v.key_len = strlen(key);
	op.u.put.v.size_bytes = 12;
	op.u.put.v.etag = "e";
	op.u.put.v.tags = "a=b";
	op.u.put.v.pin = "hot";
	op.u.put.tier = "hot";
	op.u.put.extents = x;
	op.u.put.extent_count = 2;
	if (vt_catalog_run(c, &op, &err) != VT_OK)
		abort();
}

/* Versions of keys by turns, so that no key's numbers are in a row; more of
 * one key than a scan holds in memory, and as many as that of another. */
static void
fill_for_scan(struct vt_catalog *c)
{
	int64_t a = make_bucket(c, "aa"), b = make_versioned(c, "bb");
	int i;

	if (b < 0)
		abort();
	for (i = 0; i < 300; i++) {
		if (put(c, b, "many", i % 3 != 0 ? "x" : "", NULL, NULL) !=
		    VT_OK || (i < 256 && put(c, b, "edge", "yy", NULL, NULL) !=
		    VT_OK))
			abort();
		if (i % 100 == 0)
			put_ranges(c, b, "few", i == 0);
	}
	if (del(c, b, "few", NULL, NULL) != VT_OK ||
	    del(c, b, "many", NULL, NULL) != VT_OK)
		abort();
	put_ranges(c, b, "many0", 1);
	put_ranges(c, a, "z", 0);
	put_ranges(c, a, "b", 1);
}

/* An object of one blob of five bytes. */
static void
begin_put(struct vt_catalog *c, struct vt_cat_op *op, int64_t bucket,
    const char *key, struct vt_cat_extent *x)
{
	blob_extent(c, x, "hot", 5);
	memset(op, 0, sizeof(*op));
	op->kind = VT_CAT_PUT;
	op->u.put.v.bucket_id = bucket;
	op->u.put.v.key = key;
	op->u.put.v.key_len = strlen(key);
	op->u.put.v.size_bytes = 5;
	op->u.put.tier = "hot";
	op->u.put.extents = x;
	op->u.put.extent_count = 1;
}

/* Keys that do not rise with their numbers; every seventh version has what few
 * have, every fifth a second copy, every third no plain one. */
static void
fill_scrambled(struct vt_catalog *c, int64_t bucket)
{
	struct vt_cat_extent x, y;
	struct vt_cat_more more = { "far", &y, 1 };
	struct vt_cat_op op;
	char key[16];
	int i;

	for (i = 0; i < 500; i++) {
		snprintf(key, sizeof(key), "%05d",
		    i < 250 ? i : 250 + i * 7919 % 10007);
		blob_extent(c, &y, "far", 5);
		begin_put(c, &op, bucket, key, &x);
		op.u.put.more = &more;
		op.u.put.more_count = i % 5 == 0;
		x.e.blob.transform = i % 3 == 0 ? "zstd:1" : NULL;
		x.e.blob.owned = i % 4 != 0;
		switch (i % 42) {
		case 0:
			op.u.put.v.tags = "t=1";
			break;
		case 7:
			op.u.put.v.pin = "hot";
			break;
		case 14:
			op.u.put.v.lock_mode = VT_LOCK_GOVERNANCE;
			break;
		case 21:
			op.u.put.v.retain_until_us = 77;
			break;
		case 28:
			op.u.put.v.legal_hold = VT_HOLD_ON;
			break;
		}
		if (vt_catalog_run(c, &op, &err) != VT_OK)
			abort();
	}
}

static void
compare(struct vt_catalog *c, const struct vt_buf *all, const char *what)
{
	static const unsigned pages[] = { 1, 7, 255, 256, 257, 10000 };
	struct vt_buf lean;
	size_t i;

	vt_buf_init(&lean, 1 << 20);
	for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		describe(c, 1, pages[i], &lean);
		ok(lean.len == all->len &&
		    memcmp(lean.data, all->data, all->len) == 0,
		    "%s, in pages of %u: the same", what, pages[i]);
	}
	vt_buf_release(&lean);
}

static void
test_lean_scan(void)
{
	struct vt_catalog *c = open_catalog("lean.db", 1);
	struct vt_buf all;
	size_t i, lines = 0;

	fill_for_scan(c);
	fill_scrambled(c, make_bucket(c, "cc"));
	vt_buf_init(&all, 1 << 20);
	describe(c, 0, 10000, &all);
	for (i = 0; i < all.len; i++)
		lines += all.data[i] == '\n';
	is_int((long)lines, 300 + 256 + 3 + 2 + 1 + 2 + 500,
	    "all are scanned");
	ok(memmem(all.data, all.len, " 12 1\n", 6) != NULL &&
	    memmem(all.data, all.len, " 12 0\n", 6) != NULL,
	    "with what is adopted and what is not");
	compare(c, &all, "lean");
	is_int(vt_catalog_check(c, &err), VT_OK, "it is sound: %s", err.text);
	/* rows as an older program wrote them: some, then all */
	change("lean.db", "UPDATE version SET rare = -1 WHERE seq % 3 = 0;"
	    "UPDATE copy SET plain = 0 WHERE id % 5 = 0");
	compare(c, &all, "with old rows");
	change("lean.db", "UPDATE version SET rare = -1;"
	    "UPDATE copy SET plain = 0");
	compare(c, &all, "of old rows");
	is_int(vt_catalog_check(c, &err), VT_OK, "still sound: %s", err.text);
	vt_buf_release(&all);
	vt_catalog_close(c);
}

static int
rare_visit(void *ctx, const struct vt_bucket *b, const struct vt_version *v)
{
	struct vt_version *out = ctx;

	(void)b;
	out->seq = v->seq;
	out->lock_mode = v->lock_mode;
	return 0;
}

/* The only version, by a lean scan. */
static void
see(struct vt_catalog *c, struct vt_version *out)
{
	struct vt_scan_pos pos;
	int more;

	memset(&pos, 0, sizeof(pos));
	pos.is_lean = 1;
	if (vt_catalog_scan(c, &pos, 10, rare_visit, out, &more, &err) !=
	    VT_OK)
		abort();
}

/* What is said beside a row of what it has is what it has. */
static void
test_said(void)
{
	static const struct {
		const char *wrong, *right, *what;
	} said[] = {
		{ "UPDATE version SET rare = 4", "UPDATE version SET rare = 1",
		    "wrongly what they have" },
		{ "UPDATE version SET rare = 0", "UPDATE version SET rare = 1",
		    "wrongly what they have" },
		{ "UPDATE blob SET owned = 0", "UPDATE blob SET owned = 1",
		    "plain" },
		{ "UPDATE blob SET transform = 'x'",
		    "UPDATE blob SET transform = ''", "plain" },
		{ "UPDATE extent SET length = 4; UPDATE blob SET live_bytes"
		    " = 4", "UPDATE extent SET length = 5; UPDATE blob SET"
		    " live_bytes = 5", "plain" },
	};
	struct vt_catalog *c = open_catalog("said.db", 1);
	int64_t b = make_bucket(c, "b");
	struct vt_version v;
	struct vt_cat_extent x;
	struct vt_cat_op op;
	size_t i;

	begin_put(c, &op, b, "k", &x);
	if (vt_catalog_run(c, &op, &err) != VT_OK)
		abort();
	is_int(vt_catalog_check(c, &err), VT_OK, "sound: %s", err.text);
	for (i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		change("said.db", said[i].wrong);
		is_int(vt_catalog_check(c, &err), VT_CORRUPT, "%s: %s",
		    said[i].wrong, err.text);
		ok(strstr(err.text, said[i].what) != NULL, "it says so");
		change("said.db", said[i].right);
	}
	change("said.db", "UPDATE version SET rare = -1");
	see(c, &v);
	is_int(v.lock_mode, VT_LOCK_NONE, "not locked");
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_META_SET;
	op.u.meta.seq = v.seq;
	op.u.meta.lock_mode = VT_LOCK_COMPLIANCE;
	op.u.meta.retain_until_us = fixed.offset_us + 1000000;
	op.u.meta.legal_hold = -1;
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "locked: %s", err.text);
	is_int(vt_catalog_check(c, &err), VT_OK, "sound: %s", err.text);
	see(c, &v);
	is_int(v.lock_mode, VT_LOCK_COMPLIANCE, "P3 a scan sees the lock");
	vt_catalog_close(c);
}

int
main(void)
{
	if (begin_folder() < 0)
		return 1;
	test_lean_scan();
	test_said();
	end_folder();
	return test_done();
}
