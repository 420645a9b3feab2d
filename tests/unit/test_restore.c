/*
 * Restores in the catalog: what a move, another restore and the size of an
 * object do to the copy that is left for some days.
 */
#include <stdlib.h>

#include "libvt/store/catalog.h"

#include "tests/unit/test.h"

#define DAY INT64_C(86400000000)
#define START INT64_C(1800000000000000)
#define PARTS 10000

static struct vt_err err;
static struct vt_clock now = { 1, START };
static struct vt_catalog *catalog;
static int64_t bucket;

static void
run(struct vt_cat_op *op, const char *what)
{
	if (vt_catalog_run(catalog, op, &err) != VT_OK) {
		printf("# %s: %s\n", what, err.text);
		exit(1);
	}
}

/* `n` blobs of a byte each, in the form that encrypted ones have. */
static struct vt_cat_extent *
extents(const char *tier, size_t n)
{
	static char form[190], name[48];
	struct vt_cat_extent *x = calloc(n, sizeof(*x));

	memset(form, 'A', sizeof(form) - 1);
	memset(name, 'n', sizeof(name) - 1);
	for (size_t i = 0; i < n; i++) {
		struct vt_blob *b = &x[i].e.blob;

		if (vt_catalog_blob_id(catalog, &b->id, &err) != VT_OK)
			exit(1);
		b->tier = tier;
		b->name = name;
		b->token = "";
		b->transform = form;
		b->size_bytes = x[i].e.length = 145;
		x[i].e.plain_length = 1;
		b->owned = 1;
	}
	return x;
}

static int64_t
put(const char *key, size_t parts)
{
	struct vt_cat_extent *x = extents("archive", parts);
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_PUT;
	op.u.put.v.bucket_id = bucket;
	op.u.put.v.key = key;
	op.u.put.v.key_len = strlen(key);
	op.u.put.v.size_bytes = parts;
	op.u.put.v.etag = "etag";
	op.u.put.tier = "archive";
	op.u.put.extents = x;
	op.u.put.extent_count = parts;
	run(&op, "put");
	free(x);
	return op.u.put.seq;
}

static struct vt_version *
look(struct vt_arena *a, int64_t seq)
{
	struct vt_version *v;

	if (vt_catalog_lookup_seq(catalog, a, seq, 0, &v, &err) != VT_OK) {
		printf("# look: %s\n", err.text);
		exit(1);
	}
	return v;
}

/* The copy on a tier, or NULL. */
static const struct vt_copy *
copy_on(const struct vt_version *v, const char *tier)
{
	for (size_t i = 0; i < v->copy_count; i++)
		if (strcmp(v->copies[i].tier, tier) == 0)
			return &v->copies[i];
	return NULL;
}

static int64_t
id_on(int64_t seq, const char *tier)
{
	struct vt_arena *a = vt_arena_new(64 << 20);
	const struct vt_copy *c = copy_on(look(a, seq), tier);
	int64_t id = c != NULL ? c->id : 0;

	vt_arena_free(a);
	return id;
}

/* *until_us: of a restored copy that there is, else 0. */
static enum vt_code
ask(int64_t seq, unsigned days, int64_t *until_us)
{
	struct vt_cat_op op;
	enum vt_code rc;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_RESTORE_ASK;
	op.u.restore.seq = seq;
	op.u.restore.source_copy_id = id_on(seq, "archive");
	op.u.restore.days = days;
	rc = vt_catalog_run(catalog, &op, &err);
	*until_us = op.u.restore.until_us;
	return rc;
}

static enum vt_code
done(int64_t seq, size_t parts)
{
	struct vt_cat_extent *x = extents("hot", parts);
	struct vt_cat_op op;
	enum vt_code rc;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_RESTORE_DONE;
	op.u.restore.seq = seq;
	op.u.restore.source_copy_id = id_on(seq, "archive");
	op.u.restore.tier = "hot";
	op.u.restore.extents = x;
	op.u.restore.extent_count = parts;
	rc = vt_catalog_run(catalog, &op, &err);
	free(x);
	return rc;
}

static enum vt_code
end(int64_t seq, int64_t until_us)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_RESTORE_END;
	op.u.restore.seq = seq;
	op.u.restore.until_us = until_us;
	return vt_catalog_run(catalog, &op, &err);
}

static enum vt_code
move(int64_t seq, const char *from, const char *to, size_t parts)
{
	struct vt_cat_extent *x = extents(to, parts);
	struct vt_arena *a = vt_arena_new(64 << 20);
	struct vt_version *v = look(a, seq);
	struct vt_bucket b;
	struct vt_cat_op op;
	enum vt_code rc;

	if (vt_catalog_bucket(catalog, a, "b", &b, &err) != VT_OK)
		exit(1);
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_SWAP;
	op.u.swap.seq = seq;
	op.u.swap.source_copy_id = copy_on(v, from)->id;
	op.u.swap.version_generation = v->generation;
	op.u.swap.bucket_generation = b.generation;
	op.u.swap.drop_source = op.u.swap.verified = 1;
	op.u.swap.min_copies = 1;
	op.u.swap.tier = to;
	op.u.swap.extents = x;
	op.u.swap.extent_count = parts;
	rc = vt_catalog_run(catalog, &op, &err);
	vt_arena_free(a);
	free(x);
	return rc;
}

/* A restored version moves to where its restored copy is, and back. */
static void
test_moved(void)
{
	int64_t seq = put("moved", 1), until_us;
	struct vt_restored r;

	is_int(ask(seq, 30, &until_us), VT_OK, "a restore is asked for");
	is_int(done(seq, 1), VT_OK, "and done");
	is_int(move(seq, "archive", "hot", 1), VT_OK,
	    "P2 a move takes the place of the restored copy: %s", err.text);
	is_int(vt_catalog_restored(catalog, seq, &r, &err), VT_ABSENT,
	    "which ends the restore");
	is_int(move(seq, "hot", "archive", 1), VT_OK, "back to the archive");
	is_int(ask(seq, 1, &until_us), VT_OK, "asked for again");
	is_int(until_us, 0, "it is under way: no copy is there to prolong");
	is_int(done(seq, 1), VT_OK, "and done: %s", err.text);
	is_int(vt_catalog_check(catalog, &err), VT_OK, "check: %s",
	    err.text);
}

/* Asked for anew in the moment in which the first one ends. */
static void
test_anew(void)
{
	int64_t seq = put("anew", 1), until_us, first_us;
	struct vt_restored r;

	ask(seq, 1, &until_us);
	done(seq, 1);
	if (vt_catalog_restored(catalog, seq, &r, &err) != VT_OK)
		exit(1);
	first_us = r.until_us;
	now.offset_us = first_us + 1;
	is_int(ask(seq, 1, &until_us), VT_OK, "asked for anew at its end");
	is_int(end(seq, first_us), VT_PRECONDITION,
	    "the end of the first is not the end of the second");
	is_int(vt_catalog_restored(catalog, seq, &r, &err), VT_OK,
	    "which is under way still");
	is_int(done(seq, 1), VT_OK, "and is done: %s", err.text);
	is_int(vt_catalog_check(catalog, &err), VT_OK, "check: %s",
	    err.text);
}

/* As many blobs as an object can have, twice. */
static void
test_parts(void)
{
	int64_t seq = put("parts", PARTS), until_us;
	struct vt_restored r;

	is_int(ask(seq, 1, &until_us), VT_OK, "%d encrypted parts", PARTS);
	is_int(done(seq, PARTS), VT_OK, "are restored: %s", err.text);
	is_int(ask(seq, 2, &until_us), VT_OK, "and prolonged: %s", err.text);
	if (vt_catalog_restored(catalog, seq, &r, &err) != VT_OK)
		exit(1);
	is_int(move(seq, "archive", "cold", PARTS), VT_OK,
	    "P3 their archived copy moves meanwhile: %s", err.text);
	now.offset_us = r.until_us + 1;
	is_int(end(seq, r.until_us), VT_OK, "P4 the time of the restored one "
	    "ends: %s", err.text);
	is_int(id_on(seq, "hot"), 0, "it is gone");
	is_int(vt_catalog_check(catalog, &err), VT_OK, "check: %s",
	    err.text);
}

static int
count(void *ctx, const struct vt_bucket *b, const struct vt_version *v)
{
	(void)b;
	*(size_t *)ctx += v->copies[0].extent_count;
	return 0;
}

/* More of such objects than fit in memory at once. */
static void
test_scan(void)
{
	struct vt_scan_pos pos;
	size_t blobs = 0;
	char key[24];
	int more;

	for (int i = 0; i < 15; i++) {
		snprintf(key, sizeof(key), "scan %02d", i);
		put(key, PARTS);
	}
	memset(&pos, 0, sizeof(pos));
	is_int(vt_catalog_scan(catalog, &pos, 0, count, &blobs, &more, &err),
	    VT_OK, "P9 they are scanned: %s", err.text);
	ok(blobs >= 15 * PARTS, "all of them");
}

int
main(void)
{
	char dir[] = "/tmp/vt-test-restore-XXXXXX", path[64], command[64];
	struct vt_catalog_options o = { .clock = &now, .create = 1,
	    .checkpointer = 1, .delete_grace_ms = 1000 };
	struct vt_cat_op op;

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/catalog.db", dir);
	if (vt_catalog_open(path, &o, &catalog, &err) != VT_OK) {
		printf("# %s\n", err.text);
		return 1;
	}
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_BUCKET_CREATE;
	op.u.bucket_create.b.name = "b";
	op.u.bucket_create.b.owner = "me";
	op.u.bucket_create.b.location = "";
	run(&op, "create");
	bucket = op.u.bucket_create.b.id;
	test_moved();
	test_anew();
	test_parts();
	test_scan();
	vt_catalog_close(catalog);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return test_done();
}
