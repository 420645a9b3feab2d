/*
 * Packs over real folders: what changes while one is being written is never
 * undone by it (P3), the catalog adds up, and a version is read back whatever
 * became of its neighbours.
 */
#include <dirent.h>
#include <unistd.h>

#include "libvt/base/hash.h"
#include "libvt/work/gc.h"
#include "libvt/work/migrate_pack.h"

#include "tests/unit/test.h"

#define COUNT 280		/* more than one transaction takes */

static char dir[256];
static struct vt_err err;
static struct vt_clock now = { 1, 1800000000LL * 1000000 };
static struct vt_config *config;
static struct vt_catalog *catalog;
static struct vt_tiers *tiers;
static int64_t bucket;
static struct vt_move moves[COUNT];
static char keys[COUNT][32];

/* Bytes of an object: some shrink, some do not. */
static size_t
fill(char *data, unsigned n)
{
	size_t len = n % 7 == 6 ? 0 : 100 + n * 37 % 5000, i;
	unsigned seed = n + 1;

	for (i = 0; i < len; i++) {
		seed = seed * 1103515245u + 12345u;
		data[i] = n % 2 != 0 ? (char)(seed >> 16) : 'x';
	}
	return len;
}

static enum vt_code
put(const char *key, unsigned n)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	static char data[8192];
	size_t len = fill(data, n);
	struct vt_cat_extent x;
	struct vt_blob_writer *w;
	struct vt_cat_op op;
	enum vt_code rc = VT_OK;

	memset(&op, 0, sizeof(op));
	if (len > 0) {
		rc = vt_blob_writer_open(tiers, "hot", "b", key, strlen(key),
		    len, NULL, &w, &err);
		if (rc == VT_OK)
			rc = vt_blob_writer_write(w, data, len, &err);
		if (rc == VT_OK)
			rc = vt_blob_writer_commit(w, a, &x, &err);
	}
	op.kind = VT_CAT_PUT;
	op.u.put.v.bucket_id = bucket;
	op.u.put.v.key = key;
	op.u.put.v.key_len = strlen(key);
	op.u.put.v.size_bytes = len;
	op.u.put.v.crc64 = vt_crc64nvme(0, data, len);
	op.u.put.v.etag = "etag";
	op.u.put.tier = "hot";
	op.u.put.extents = &x;
	op.u.put.extent_count = len > 0;
	if (rc == VT_OK)
		rc = vt_catalog_run(catalog, &op, &err);
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

/* On this tier, and what was put? */
static int
holds(const char *key, const char *tier, unsigned n)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	static char want[8192], got[8192];
	struct vt_version *v = look(a, key);
	struct vt_copy_reader *r = NULL;
	size_t len = fill(want, n), done = 0, k = 1;
	int good = v != NULL && v->size_bytes == len && v->copy_count == 1 &&
	    strcmp(v->copies[0].tier, tier) == 0 &&
	    strcmp(v->tier, tier) == 0;

	good = good && vt_copy_reader_open(tiers, v, &v->copies[0], 0, len,
	    &r, &err) == VT_OK;
	while (good && done < len && k > 0) {
		good = vt_copy_reader_read(r, got + done, sizeof(got) - done,
		    &k, &err) == VT_OK;
		done += k;
	}
	vt_copy_reader_close(r);
	vt_arena_free(a);
	return good && done == len && memcmp(got, want, len) == 0;
}

static int
all_hold(const char *prefix, unsigned from, unsigned step, const char *tier)
{
	char key[32];
	int good = 1;

	for (unsigned i = from; i < COUNT && good; i += step) {
		snprintf(key, sizeof(key), "%s%04u", prefix, i);
		good = holds(key, tier, i);
		if (!good)
			printf("# %s: %s\n", key, err.text);
	}
	return good;
}

/* COUNT objects, and a plan to pack them. */
static int
begin(const char *prefix, struct vt_pack_job *jobs)
{
	struct vt_arena *a = vt_arena_new(64 << 20);
	int good = 1;

	memset(jobs, 0, COUNT * sizeof(*jobs));
	for (unsigned i = 0; i < COUNT && good; i++) {
		struct vt_move *m = &moves[i];
		struct vt_version *v;

		snprintf(keys[i], sizeof(keys[i]), "%s%04u", prefix, i);
		good = put(keys[i], i) == VT_OK;
		v = good ? look(a, keys[i]) : NULL;
		if (v == NULL)
			break;
		memset(m, 0, sizeof(*m));
		m->action = "pack-member";
		m->bucket = "b";
		m->key = keys[i];
		m->key_len = strlen(keys[i]);
		m->version = "";
		m->seq = v->seq;
		m->generation = v->generation;
		m->copy = v->copies[0].id;
		m->from = "hot";
		m->to = "cold";
		m->size_bytes = v->size_bytes;
		jobs[i].move = m;
		vt_arena_reset(a);
	}
	vt_arena_free(a);
	return good;
}

static void
options(struct vt_migrate_options *o)
{
	memset(o, 0, sizeof(*o));
	o->catalog = catalog;
	o->tiers = tiers;
	o->config = config;
	o->clock = &now;
}

static unsigned
with(const struct vt_pack_job *jobs, enum vt_move_status status)
{
	unsigned n = 0;

	for (int i = 0; i < COUNT; i++)
		n += jobs[i].res.status == status;
	return n;
}

static int
files_on(const char *tier)
{
	char cmd[400], line[64] = "-1";
	FILE *f;

	snprintf(cmd, sizeof(cmd), "find '%s/tiers/%s' -type f | wc -l", dir,
	    tier);
	f = popen(cmd, "r");
	if (f == NULL || fgets(line, sizeof(line), f) == NULL)
		printf("# %s\n", cmd);
	if (f != NULL)
		pclose(f);
	return atoi(line);
}

static void
collect(void)
{
	struct vt_gc_options g;
	struct vt_gc_result res;

	memset(&g, 0, sizeof(g));
	g.catalog = catalog;
	g.tiers = tiers;
	g.config = config;
	g.ignore_grace = 1;
	if (vt_gc_run(&g, &res, &err) != VT_OK)
		printf("# %s\n", err.text);
}

static void
test_pack(void)
{
	static struct vt_pack_job jobs[COUNT];
	struct vt_arena *a = vt_arena_new(64 << 20);
	struct vt_migrate_options o;
	struct vt_pack_result out;

	options(&o);
	ok(begin("p", jobs), "objects are put");
	is_int(vt_migrate_pack(&o, "b", "cold", "p", 1, 0, jobs, COUNT, a,
	    &out, &err), VT_OK, "they are packed: %s", err.text);
	ok(with(jobs, VT_MOVE_DONE) == COUNT && out.members == COUNT &&
	    out.blob_id != 0, "every one of them");
	is_int(out.backend_requests, 2, "with a PUT, and a GET to verify");
	ok(all_hold("p", 0, 1, "cold"), "and they are read back");
	is_int(vt_catalog_check(catalog, &err), VT_OK, "check: %s", err.text);
	collect();
	is_int(files_on("hot"), 0, "the sources are garbage");
	is_int(files_on("cold"), 1, "one blob holds them");
	is_int(vt_migrate_pack(&o, "b", "cold", "p", 1, 0, jobs, COUNT, a,
	    &out, &err), VT_OK, "again");
	ok(with(jobs, VT_MOVE_ALREADY) == COUNT && out.blob_id == 0,
	    "nothing is done twice");
	vt_arena_free(a);
}

/* --- what happens meanwhile ----------------------------------------------- */

static int64_t calls, at_call;

static void
change(unsigned i, int how)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_version *v = look(a, keys[i]);
	struct vt_cat_op op;
	enum vt_code rc;

	memset(&op, 0, sizeof(op));
	switch (how) {
	case 0:
		rc = put(keys[i], i + 1);
		break;
	case 1:
		op.kind = VT_CAT_DELETE;
		op.u.del.bucket_id = bucket;
		op.u.del.key = keys[i];
		op.u.del.key_len = strlen(keys[i]);
		rc = vt_catalog_run(catalog, &op, &err);
		break;
	default:
		op.kind = VT_CAT_META_SET;
		op.u.meta.seq = v->seq;
		op.u.meta.pin = "hot";
		op.u.meta.lock_mode = op.u.meta.legal_hold = -1;
		op.u.meta.retain_until_us = -1;
		rc = vt_catalog_run(catalog, &op, &err);
		break;
	}
	if (rc != VT_OK)
		printf("# %s\n", err.text);
	vt_arena_free(a);
}

/* All was read; what follows is reading the pack back: change every third. */
static int
meddle(void *ctx, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	if (++calls == at_call)
		for (unsigned i = 0; i < COUNT; i += 3)
			change(i, (int)(i / 3 % 3));
	return 0;
}

static int
stop(void *ctx, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	return ++calls == at_call ? -1 : 0;
}

static int
untouched(void)
{
	int good = 1;

	for (unsigned i = 0; i < COUNT && good; i++) {
		int how = i % 3 != 0 ? -1 : (int)(i / 3 % 3);
		struct vt_arena *a = vt_arena_new(1 << 20);

		if (how == 1)
			good = look(a, keys[i]) == NULL;
		else
			good = holds(keys[i], how < 0 ? "cold" : "hot",
			    how == 0 ? i + 1 : i);
		if (!good)
			printf("# %s is not as it should be\n", keys[i]);
		vt_arena_free(a);
	}
	return good;
}

static void
test_meanwhile(void)
{
	static struct vt_pack_job jobs[COUNT];
	struct vt_arena *a = vt_arena_new(64 << 20);
	struct vt_migrate_options o;
	struct vt_pack_result out;

	options(&o);
	o.pace = meddle;
	ok(begin("m", jobs), "objects are put");
	calls = 0;
	at_call = COUNT + 1;
	is_int(vt_migrate_pack(&o, "b", "cold", "m", 1, 0, jobs, COUNT, a,
	    &out, &err), VT_OK, "they are packed: %s", err.text);
	ok(calls > at_call, "while some changed");
	is_int(out.members, COUNT - (COUNT + 2) / 3, "P3 the others moved");
	is_int(with(jobs, VT_MOVE_SKIPPED), (COUNT + 2) / 3,
	    "and those did not");
	ok(untouched(), "P3 a pack never beats a PUT, a DELETE or a pin");
	is_int(vt_catalog_check(catalog, &err), VT_OK, "check: %s", err.text);
	vt_arena_free(a);
}

static void
test_stopped(void)
{
	static struct vt_pack_job jobs[COUNT];
	struct vt_arena *a = vt_arena_new(64 << 20);
	struct vt_migrate_options o;
	struct vt_pack_result out;
	int before, bad = 0;

	ok(begin("s", jobs), "objects are put");
	before = files_on("cold");
	options(&o);
	o.pace = stop;
	for (at_call = 1; at_call < COUNT + 10; at_call += 48) {
		calls = 0;
		bad |= vt_migrate_pack(&o, "b", "cold", "s", 1, 0, jobs,
		    COUNT, a, &out, &err) != VT_CANCELLED || out.members != 0;
	}
	ok(!bad, "P4 stopped at any time, no pack comes of it");
	is_int(files_on("cold"), before, "and no bytes are left");
	ok(all_hold("s", 0, 1, "hot"), "and all is as it was");
	is_int(vt_catalog_check(catalog, &err), VT_OK, "check: %s", err.text);
	vt_arena_free(a);
}

/* --- written anew --------------------------------------------------------- */

static int64_t seqs[COUNT];

static void
test_repack(void)
{
	static struct vt_pack_job jobs[COUNT];
	struct vt_arena *a = vt_arena_new(64 << 20);
	struct vt_migrate_options o;
	struct vt_pack_result first, out;
	uint64_t blob;
	int before;

	options(&o);
	ok(begin("r", jobs), "objects are put");
	is_int(vt_migrate_pack(&o, "b", "cold", "r", 1, 0, jobs, COUNT, a,
	    &first, &err), VT_OK, "they are packed: %s", err.text);
	blob = first.blob_id;
	for (unsigned i = 0; i < COUNT; i++) {
		seqs[i] = moves[i].seq;
		if (i % 4 != 0)
			change(i, 1);
	}
	collect();
	before = files_on("cold");
	is_int(vt_migrate_repack(&o, blob, "cold", seqs, COUNT, &out, &err),
	    VT_OK, "what lives is written anew: %s", err.text);
	/* every seventh is empty, and in no pack */
	ok(out.members > COUNT / 4 - COUNT / 28 - 2 &&
	    out.members < COUNT / 4 && out.bytes < first.bytes / 2,
	    "and takes less: %llu of %llu bytes",
	    (unsigned long long)out.bytes, (unsigned long long)first.bytes);
	is_int(out.backend_requests, 3, "read, written and read back at once");
	ok(all_hold("r", 0, 4, "cold"), "and is read back");
	is_int(vt_catalog_check(catalog, &err), VT_OK, "check: %s", err.text);
	collect();
	is_int(files_on("cold"), before, "the old pack is garbage");
	is_int(vt_migrate_repack(&o, blob, "cold", seqs, COUNT, &out, &err),
	    VT_PRECONDITION, "it is not there to be written anew again");

	vt_arena_free(a);
}

static void
test_repack_meanwhile(void)
{
	static struct vt_pack_job jobs[COUNT];
	struct vt_arena *a = vt_arena_new(64 << 20);
	struct vt_migrate_options o;
	struct vt_pack_result out;
	int good = 1;

	options(&o);
	ok(begin("n", jobs), "objects are put");
	is_int(vt_migrate_pack(&o, "b", "cold", "n", 1, 0, jobs, COUNT, a,
	    &out, &err), VT_OK, "they are packed: %s", err.text);
	for (unsigned i = 0; i < COUNT; i++)
		seqs[i] = moves[i].seq;
	o.pace = meddle;
	calls = 0;
	at_call = 2;
	is_int(vt_migrate_repack(&o, out.blob_id, "cold", seqs, COUNT, &out,
	    &err), VT_OK, "it is written anew: %s", err.text);
	ok(calls > at_call, "while some changed");
	for (unsigned i = 6; i < COUNT; i += 9)
		good = good && holds(keys[i], "cold", i);
	ok(good, "P3 pinned ones are where they were");
	ok(all_hold("n", 1, 3, "cold") && all_hold("n", 2, 3, "cold"),
	    "the others are read back");
	is_int(vt_catalog_check(catalog, &err), VT_OK, "check: %s", err.text);
	vt_arena_free(a);
}

int
main(void)
{
	char cmd[300];
	struct vt_catalog_options co;
	struct vt_cat_op op;

	snprintf(dir, sizeof(dir), "%s/vt-packs-XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(dir) == NULL)
		return 1;
	memset(&co, 0, sizeof(co));
	co.clock = &now;
	co.create = 1;
	co.checkpointer = 1;
	if (vt_config_load(NULL, dir, &config, &err) != VT_OK ||
	    vt_catalog_open(config->catalog_path, &co, &catalog, &err) !=
	    VT_OK || vt_tiers_open(config, catalog, &now, 1, &tiers, &err) !=
	    VT_OK) {
		printf("# %s\n", err.text);
		return 1;
	}
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_BUCKET_CREATE;
	op.u.bucket_create.b.name = "b";
	if (vt_catalog_run(catalog, &op, &err) != VT_OK)
		return 1;
	bucket = op.u.bucket_create.b.id;
	test_pack();
	test_meanwhile();
	test_stopped();
	test_repack();
	test_repack_meanwhile();
	vt_tiers_close(tiers);
	vt_catalog_close(catalog);
	vt_config_free(config);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	if (system(cmd) != 0)
		printf("# cannot remove %s\n", dir);
	return test_done();
}
