/* Tiers, moves and collection over real folders. */
#include <dirent.h>
#include <stdint.h>
#include <unistd.h>

#include "libvt/base/hash.h"
#include "libvt/work/gc.h"
#include "libvt/work/migrate.h"
#include "libvt/work/verify.h"

#include "tests/unit/test.h"

static char dir[256];
static struct vt_err err;
static struct vt_clock now = { 1, 1800000000LL * 1000000 };
static struct vt_config *config;
static struct vt_catalog *catalog;
static struct vt_tiers *tiers;
static int64_t bucket;

static struct vt_catalog *
open_catalog(void)
{
	struct vt_catalog_options o;
	struct vt_catalog *c = NULL;

	memset(&o, 0, sizeof(o));
	o.clock = &now;
	o.create = 1;
	o.checkpointer = 1;
	if (vt_catalog_open(config->catalog_path, &o, &c, &err) != VT_OK)
		printf("# %s\n", err.text);
	return c;
}

static void
fill(char *data, size_t len, unsigned seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		seed = seed * 1103515245u + 12345u;
		data[i] = (char)(seed >> 16);
	}
}

/* Store an object of `len` seeded bytes in `parts` extents on `tier`. */
static enum vt_code
store(const char *key, const char *tier, size_t len, int parts, unsigned seed)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_cat_extent *x = vt_arena_alloc(a, 8 * sizeof(*x));
	struct vt_blob_writer *w;
	struct vt_cat_op op;
	char *data = malloc(len + 1);
	size_t n = 0, piece = parts > 0 ? len / (size_t)parts : 0;
	enum vt_code rc = VT_OK;
	int i;

	fill(data, len, seed);
	memset(&op, 0, sizeof(op));
	for (i = 0; i < parts && rc == VT_OK; i++) {
		size_t k = i == parts - 1 ? len - n : piece;

		rc = vt_blob_writer_open(tiers, tier, "b", key, strlen(key),
		    k, NULL, &w, &err);
		if (rc == VT_OK) {
			rc = vt_blob_writer_write(w, data + n, k, &err);
			if (rc == VT_OK)
				rc = vt_blob_writer_commit(w, a, &x[i], &err);
		}
		n += k;
	}
	op.kind = VT_CAT_PUT;
	op.u.put.v.bucket_id = bucket;
	op.u.put.v.key = key;
	op.u.put.v.key_len = strlen(key);
	op.u.put.v.size_bytes = len;
	op.u.put.v.crc64 = vt_crc64nvme(0, data, len);
	op.u.put.v.etag = "etag";
	op.u.put.tier = tier;
	op.u.put.extents = x;
	op.u.put.extent_count = (size_t)parts;
	if (rc == VT_OK)
		rc = vt_catalog_run(catalog, &op, &err);
	free(data);
	vt_arena_free(a);
	return rc;
}

static struct vt_version *
look(struct vt_arena *a, const char *key)
{
	struct vt_version *v = NULL;

	if (vt_catalog_lookup(catalog, a, bucket, key, strlen(key), NULL, 1,
	    &v, &err) != VT_OK)
		return NULL;
	return v;
}

/* 1 when the object holds `len` seeded bytes, also read in a range. */
static int
holds(const char *key, size_t len, unsigned seed)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_version *v = look(a, key);
	struct vt_copy_reader *r = NULL;
	char *want = malloc(len + 1), *got = malloc(len + 1);
	size_t n, done = 0, from = len / 3;
	int good = v != NULL && v->size_bytes == len;

	fill(want, len, seed);
	good = good && vt_copy_reader_open(tiers, v, vt_tiers_best_copy(tiers,
	    v), 0, len, &r, &err) == VT_OK;
	while (good && done < len) {
		good = vt_copy_reader_read(r, got + done, len - done, &n,
		    &err) == VT_OK && n > 0;
		done += n;
	}
	vt_copy_reader_close(r);
	good = good && memcmp(got, want, len) == 0;
	r = NULL;
	good = good && vt_copy_reader_open(tiers, v, vt_tiers_best_copy(tiers,
	    v), from, len - from, &r, &err) == VT_OK;
	for (done = 0; good && done < len - from; done += n)
		good = vt_copy_reader_read(r, got + done, len - from - done,
		    &n, &err) == VT_OK && n > 0;
	vt_copy_reader_close(r);
	good = good && memcmp(got, want + from, len - from) == 0;
	if (!good)
		printf("# %s: %s\n", key, err.text);
	free(want);
	free(got);
	vt_arena_free(a);
	return good;
}

static struct vt_move
move_of(struct vt_arena *a, const char *key, const char *to)
{
	struct vt_version *v = look(a, key);
	struct vt_bucket b;
	struct vt_move m;

	memset(&m, 0, sizeof(m));
	if (v == NULL || vt_catalog_bucket(catalog, a, "b", &b, &err) !=
	    VT_OK)
		abort();
	m.plan = m.prices = m.reason = "";
	m.bucket = "b";
	m.key = v->key;
	m.key_len = v->key_len;
	m.version = v->version_id;
	m.seq = v->seq;
	m.generation = v->generation;
	m.bucket_generation = b.generation;
	m.copy = v->copies[0].id;
	m.from = v->copies[0].tier;
	m.to = to;
	m.size_bytes = v->size_bytes;
	return m;
}

static struct vt_migrate_options
options(void)
{
	struct vt_migrate_options o;

	memset(&o, 0, sizeof(o));
	o.catalog = catalog;
	o.tiers = tiers;
	o.config = config;
	o.clock = &now;
	o.grace_ms = 3600000;
	return o;
}

static int
count_blob(void *ctx, const char *name, uint64_t size, int64_t mtime_us)
{
	(void)name;
	(void)size;
	(void)mtime_us;
	++*(int *)ctx;
	return 0;
}

static int
files_on(const char *tier)
{
	int n = 0;

	if (vt_backend_list(vt_tiers_backend(tiers, tier), "", count_blob, &n,
	    &err) != VT_OK)
		return -1;
	return n;
}

static struct vt_gc_result
collect(int ignore_grace)
{
	struct vt_gc_options g;
	struct vt_gc_result r;

	memset(&g, 0, sizeof(g));
	g.catalog = catalog;
	g.tiers = tiers;
	g.config = config;
	g.ignore_grace = ignore_grace;
	ok(vt_gc_run(&g, &r, &err) == VT_OK, "collection: %s", err.text);
	return r;
}

static void
test_moves(void)
{
	struct vt_migrate_options o = options();
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_move_result r;
	struct vt_move m;
	struct vt_version *v;

	is_int(store("plain", "hot", 300000, 1, 1), VT_OK, "stores: %s",
	    err.text);
	is_int(store("parts", "hot", 300001, 4, 2), VT_OK, "in parts");
	is_int(store("empty", "hot", 0, 0, 3), VT_OK, "nothing");
	ok(holds("plain", 300000, 1) && holds("parts", 300001, 2),
	    "reads whole and by range");
	m = move_of(a, "plain", "cold");
	o.dry_run = 1;
	is_int(vt_migrate_move(&o, &m, &r, &err), VT_OK, "a dry run");
	is_int(files_on("cold"), 0, "writes nothing");
	o.dry_run = 0;
	is_int(vt_migrate_move(&o, &m, &r, &err), VT_OK, "moves: %s",
	    err.text);
	is_int(r.status, VT_MOVE_DONE, "done");
	is_int(files_on("cold"), 1, "a blob on the new tier");
	is_int(files_on("hot"), 5, "P2 the source stays for its grace");
	ok(holds("plain", 300000, 1), "P5 the same bytes");
	is_int(vt_migrate_move(&o, &m, &r, &err), VT_OK, "again");
	is_int(r.status, VT_MOVE_ALREADY, "is found done");
	m = move_of(a, "parts", "archive");
	is_int(vt_migrate_move(&o, &m, &r, &err), VT_OK, "parts move: %s",
	    err.text);
	v = look(a, "parts");
	ok(v->copies[0].extent_count == 1, "into one extent");
	ok(holds("parts", 300001, 2), "P5 with the same bytes");
	m = move_of(a, "empty", "cold");
	is_int(vt_migrate_move(&o, &m, &r, &err), VT_OK,
	    "an empty object moves: %s", err.text);
	collect(0);
	is_int(files_on("hot"), 5, "P2 nothing is collected in the grace");
	now.offset_us += 3601LL * 1000000;
	is_int(collect(0).blobs, 5, "then all the old blobs are");
	is_int(files_on("hot"), 0, "and are gone");
	ok(holds("plain", 300000, 1) && holds("parts", 300001, 2),
	    "reads from where it lies");
	is_int(vt_catalog_check(catalog, &err), VT_OK, "check: %s", err.text);
	vt_arena_free(a);
}

static void
test_stale(void)
{
	struct vt_migrate_options o = options();
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_move_result r;
	struct vt_move m, edited;
	struct vt_cat_op op;

	is_int(store("race", "hot", 5000, 1, 4), VT_OK, "stores");
	m = move_of(a, "race", "warm");
	is_int(store("race", "hot", 6000, 1, 5), VT_OK, "overwrites");
	is_int(vt_migrate_move(&o, &m, &r, &err), VT_ABSENT,
	    "P3 a move never beats a concurrent PUT");
	is_int(r.status, VT_MOVE_SKIPPED, "it is skipped");
	ok(holds("race", 6000, 5), "the newer object stays");
	m = move_of(a, "race", "warm");
	edited = m;
	edited.key = "plain";
	edited.key_len = 5;
	is_int(vt_migrate_move(&o, &edited, &r, &err), VT_PRECONDITION,
	    "P3 an edited plan is checked: another key");
	edited = m;
	edited.to = "moon";
	is_int(vt_migrate_move(&o, &edited, &r, &err), VT_INVALID,
	    "another tier");
	edited = m;
	edited.copy++;
	is_int(vt_migrate_move(&o, &edited, &r, &err), VT_PRECONDITION,
	    "another copy");
	edited = m;
	edited.action = "pack-member";
	is_int(vt_migrate_move(&o, &edited, &r, &err), VT_INVALID,
	    "P3 a member of a pack is no move: %s", err.text);
	is_int(r.status, VT_MOVE_FAILED, "and is not done");
	edited = m;
	edited.not_after_us = now.offset_us - 1;
	is_int(vt_migrate_move(&o, &edited, &r, &err), VT_PRECONDITION,
	    "a plan too old");
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_META_SET;
	op.u.meta.seq = m.seq;
	op.u.meta.legal_hold = 1;
	op.u.meta.lock_mode = -1;
	op.u.meta.retain_until_us = -1;
	is_int(vt_catalog_run(catalog, &op, &err), VT_OK, "a legal hold");
	is_int(vt_migrate_move(&o, &m, &r, &err), VT_PRECONDITION,
	    "P3 a move never beats a new legal hold");
	ok(holds("race", 6000, 5), "nothing happened");
	vt_arena_free(a);
}

/* A byte changed on disk must not be carried to another tier. */
static void
test_corrupt(void)
{
	struct vt_migrate_options o = options();
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_version *v;
	struct vt_move_result r;
	struct vt_move m;
	char path[1600];
	FILE *f;
	int before = files_on("cold");

	is_int(store("rot", "hot", 5000, 1, 6), VT_OK, "stores");
	v = look(a, "rot");
	snprintf(path, sizeof(path), "%s/tiers/hot/%s", dir,
	    v->copies[0].extents[0].blob.name);
	f = fopen(path, "r+");
	if (!ok(f != NULL, "finds the blob"))
		return;
	fseek(f, 2500, SEEK_SET);
	fputc(v->crc64 & 1 ? 'a' : 'b', f);
	fputc('?', f);
	fputc('!', f);
	fclose(f);
	m = move_of(a, "rot", "cold");
	is_int(vt_migrate_move(&o, &m, &r, &err), VT_CORRUPT,
	    "P5 rot is not moved: %s", err.text);
	is_int(r.status, VT_MOVE_FAILED, "it fails");
	is_int(files_on("cold"), before, "and leaves nothing behind");
	vt_arena_free(a);
}

/* A second lasting copy, on `tier`. */
static enum vt_code
add_copy(const struct vt_migrate_options *o, const char *key,
    const char *tier)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_version *v = look(a, key);
	struct vt_move_result r;
	struct vt_new_copy n;
	struct vt_bucket b;
	struct vt_cat_op op;
	enum vt_code rc;

	memset(&r, 0, sizeof(r));
	rc = vt_migrate_copy(o, "b", v, &v->copies[0], tier, a, &n, &r, &err);
	if (rc == VT_OK)
		rc = vt_catalog_bucket(catalog, a, "b", &b, &err);
	if (rc == VT_OK) {
		memset(&op, 0, sizeof(op));
		op.kind = VT_CAT_SWAP;
		op.u.swap.seq = v->seq;
		op.u.swap.source_copy_id = v->copies[0].id;
		op.u.swap.version_generation = v->generation;
		op.u.swap.bucket_generation = b.generation;
		op.u.swap.min_copies = 2;
		op.u.swap.tier = tier;
		op.u.swap.extents = n.x;
		op.u.swap.extent_count = n.count;
		rc = vt_catalog_run(catalog, &op, &err);
		vt_new_copy_release(&n);
	}
	vt_arena_free(a);
	return rc;
}

/* The copy on a tier, and the path of its first blob. */
static const struct vt_copy *
copy_on(const struct vt_version *v, const char *tier, char path[600])
{
	for (size_t i = 0; v != NULL && i < v->copy_count; i++)
		if (strcmp(v->copies[i].tier, tier) == 0) {
			snprintf(path, 600, "%s/tiers/%s/%s", dir, tier,
			    v->copies[i].extents[0].blob.name);
			return &v->copies[i];
		}
	return NULL;
}

static void
scratch_byte(const char *path)
{
	FILE *f = fopen(path, "r+");
	int c;

	if (f == NULL)
		return;
	fseek(f, 1000, SEEK_SET);
	c = fgetc(f);
	fseek(f, 1000, SEEK_SET);
	fputc(c ^ 1, f);
	fclose(f);
}

static void
test_verify(void)
{
	char hot[600], cold[600], fresh[600], scratch[300], place[300];
	struct vt_verify_options o = { .m = { .catalog = catalog,
	    .tiers = tiers, .config = config, .clock = &now,
	    .grace_ms = 3600000 }, .scratch = scratch, .place = place };
	struct vt_arena *a = vt_arena_new(1 << 20);
	const struct vt_copy *c;
	struct vt_verify_result r;
	struct vt_version *v;
	int64_t was;

	snprintf(scratch, sizeof(scratch), "%s/scratch", dir);
	snprintf(place, sizeof(place), "%s/place", dir);
	is_int(store("twice", "hot", 9000, 1, 21), VT_OK, "an object");
	is_int(add_copy(&o.m, "twice", "cold"), VT_OK, "of two copies: %s",
	    err.text);
	v = look(a, "twice");
	c = copy_on(v, "hot", hot);
	if (!ok(c != NULL && copy_on(v, "cold", cold) != NULL,
	    "are on two tiers"))
		return;
	was = c->id;
	scratch_byte(hot);
	o.no_repair = 1;
	o.tier = "hot";
	is_int(vt_verify_run(&o, &r, &err), VT_OK, "P5 verifies");
	ok(r.corrupt >= 1 && r.repaired == 0, "finds the byte, repairs none");
	o.no_repair = 0;
	is_int(vt_verify_run(&o, &r, &err), VT_OK, "and again");
	is_int(r.repaired, 1, "P2 repairs from the other copy");
	v = look(a, "twice");
	is_int(v->copy_count, 2, "there are two copies as before");
	c = copy_on(v, "hot", fresh);
	ok(c != NULL && c->id != was && strcmp(fresh, hot) != 0,
	    "one is another, under a name never used before");
	is_int(access(hot, F_OK), 0, "the old bytes wait for the collector");
	ok(holds("twice", 9000, 21), "the object is whole");
	/* both gone: nothing can be done, and nothing is forgotten */
	scratch_byte(fresh);
	if (unlink(cold) < 0)
		ok(0, "removes a blob");
	o.tier = NULL;
	is_int(vt_verify_run(&o, &r, &err), VT_OK, "verifies all tiers");
	ok(r.missing == 1 && r.corrupt >= 1 && r.repaired == 0,
	    "P2 without a good copy there is no repair");
	is_int(look(a, "twice")->copy_count, 2, "nothing is forgotten");
	is_int(vt_catalog_check(catalog, &err), VT_OK, "the catalog is sound");
	vt_arena_free(a);
}

static void
test_recovery(void)
{
	struct vt_blob_writer *w;
	struct vt_cat_extent x;
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_gc_result r;
	int before = files_on("warm");

	/* Bytes committed under a leased name that never get a row, and a
	 * process that ends without a word: its leases stay. */
	is_int(vt_blob_writer_open(tiers, "warm", "b", "k", 1, 3, NULL, &w,
	    &err), VT_OK, "writes");
	is_int(vt_blob_writer_write(w, "abc", 3, &err), VT_OK, "bytes");
	is_int(vt_blob_writer_commit(w, a, &x, &err), VT_OK, "commits");
	is_int(files_on("warm"), before + 1, "a name without a row");
	vt_tiers_close(tiers);
	vt_catalog_close(catalog);
	catalog = open_catalog();
	if (vt_tiers_open(config, catalog, &now, 1, &tiers, &err) != VT_OK)
		abort();
	r = collect(0);
	is_int(r.leaked, 1, "P4 recovery finds the name");
	is_int(files_on("warm"), before, "and removes it");
	ok(holds("plain", 300000, 1), "and nothing else");
	vt_arena_free(a);
}

int
main(void)
{
	char cmd[300];
	struct vt_cat_op op;

	snprintf(dir, sizeof(dir), "%s/vt-migrate-XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(dir) == NULL)
		return 1;
	if (vt_config_load(NULL, dir, &config, &err) != VT_OK) {
		printf("# %s\n", err.text);
		return 1;
	}
	catalog = open_catalog();
	if (catalog == NULL || vt_tiers_open(config, catalog, &now, 1, &tiers,
	    &err) != VT_OK) {
		printf("# %s\n", err.text);
		return 1;
	}
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_BUCKET_CREATE;
	op.u.bucket_create.b.name = "b";
	if (vt_catalog_run(catalog, &op, &err) != VT_OK)
		return 1;
	bucket = op.u.bucket_create.b.id;
	test_moves();
	test_stale();
	test_corrupt();
	test_verify();
	test_recovery();
	vt_tiers_close(tiers);
	vt_catalog_close(catalog);
	vt_config_free(config);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	if (system(cmd) != 0)
		printf("# cannot remove %s\n", dir);
	return test_done();
}
