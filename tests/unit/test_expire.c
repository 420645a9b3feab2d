/*
 * libvt/work/expire.c: removals asked for by lifecycle rules, against a
 * catalog that changes under them.
 */
#include <stdlib.h>

#include "libvt/work/expire.h"

#include "tests/unit/test.h"

#define DAY INT64_C(86400000000)
#define START INT64_C(1800000000000000)

static struct vt_err err;
static struct vt_clock now = { 1, START };
static struct vt_config *config;
static struct vt_catalog *catalog;
static struct vt_tiers *tiers;
static int64_t bucket;

static void
run(struct vt_cat_op *op, const char *what)
{
	if (vt_catalog_run(catalog, op, &err) != VT_OK) {
		printf("# %s: %s\n", what, err.text);
		exit(1);
	}
}

static void
make_bucket(void)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_BUCKET_CREATE;
	op.u.bucket_create.b.name = "b";
	op.u.bucket_create.b.owner = "me";
	op.u.bucket_create.b.location = "";
	run(&op, "create");
	bucket = op.u.bucket_create.b.id;
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_VERSIONING_SET;
	op.u.versioning.bucket_id = bucket;
	op.u.versioning.state = 1;
	run(&op, "versioning");
}

/* NULL: none. */
static void
set_rules(const char *inside)
{
	char text[1024];
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_DOC_SET;
	op.u.doc.bucket_id = bucket;
	op.u.doc.d.doc = VT_DOC_LIFECYCLE;
	if (inside != NULL) {
		snprintf(text, sizeof(text), "<LifecycleConfiguration><Rule>"
		    "<ID>r</ID><Status>Enabled</Status><Filter/>%s</Rule>"
		    "</LifecycleConfiguration>", inside);
		op.u.doc.d.body = text;
		op.u.doc.d.len = strlen(text);
	}
	run(&op, "rules");
}

static int64_t
put(const char *key, enum vt_lock_mode mode, int64_t until_us,
    enum vt_hold held)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_PUT;
	op.u.put.v.bucket_id = bucket;
	op.u.put.v.key = key;
	op.u.put.v.key_len = strlen(key);
	op.u.put.v.etag = "etag";
	op.u.put.v.lock_mode = mode;
	op.u.put.v.retain_until_us = until_us;
	op.u.put.v.legal_hold = held;
	op.u.put.tier = "hot";
	run(&op, "put");
	return op.u.put.seq;
}

static void
hold(int64_t seq, enum vt_hold on)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_META_SET;
	op.u.meta.seq = seq;
	op.u.meta.lock_mode = -1;
	op.u.meta.legal_hold = (int)on;
	op.u.meta.retain_until_us = -1;
	run(&op, "hold");
}

static int
exists(int64_t seq)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_version *v;
	int there = vt_catalog_lookup_seq(catalog, a, seq, 0, &v,
	    &err) == VT_OK;

	vt_arena_free(a);
	return there;
}

/* Carry out one removal as a plan would have it. */
static struct vt_expire_result
expire(const char *action, const char *key, int64_t seq, int64_t generation,
    int64_t bucket_generation, enum vt_code want, const char *name)
{
	struct vt_migrate_options o;
	struct vt_expire_result res;
	struct vt_move m;
	enum vt_code rc;

	memset(&o, 0, sizeof(o));
	o.catalog = catalog;
	o.tiers = tiers;
	o.config = config;
	o.clock = &now;
	memset(&m, 0, sizeof(m));
	m.action = action;
	m.rule = "r";
	m.upload = m.version = m.plan = "";
	m.bucket = "b";
	m.key = key;
	m.key_len = strlen(key);
	m.seq = seq;
	m.generation = generation;
	m.bucket_generation = bucket_generation;
	rc = vt_expire(&o, &m, &res, &err);
	is_int(rc, want, "%s%s%s", name, rc != VT_OK ? ": " : "",
	    rc != VT_OK ? err.text : "");
	return res;
}

static void
test_locks(void)
{
	struct vt_expire_result res;
	int64_t seq, kept;

	set_rules("<NoncurrentVersionExpiration><NoncurrentDays>1"
	    "</NoncurrentDays></NoncurrentVersionExpiration>"
	    "<Expiration><Days>1</Days></Expiration>");
	seq = put("held", VT_LOCK_NONE, 0, VT_HOLD_ON);
	put("held", VT_LOCK_NONE, 0, VT_HOLD_NONE);
	kept = put("kept", VT_LOCK_COMPLIANCE, START + 30 * DAY,
	    VT_HOLD_NONE);
	put("kept", VT_LOCK_NONE, 0, VT_HOLD_NONE);
	now.offset_us = START + 5 * DAY;
	expire("expire-version", "held", seq, 0, 0, VT_DENIED,
	    "P3 a legal hold wins over a rule");
	expire("expire-version", "kept", kept, 0, 0, VT_DENIED,
	    "P3 so does retention");
	ok(exists(seq) && exists(kept), "P3 both are there");
	hold(seq, VT_HOLD_OFF);
	res = expire("expire-version", "held", seq, 1, 0, VT_PRECONDITION,
	    "P3 a plan made before the hold was changed is not followed");
	is_int(res.status, VT_MOVE_SKIPPED, "it is skipped");
	res = expire("expire-version", "held", seq, 0, 0, VT_OK,
	    "without a hold it goes");
	is_int(res.status, VT_MOVE_DONE, "it is done");
	ok(!exists(seq), "and is gone");
	now.offset_us = START + 29 * DAY;
	expire("expire-version", "kept", kept, 0, 0, VT_DENIED,
	    "P3 retention lasts to its end");
	now.offset_us = START + 31 * DAY;
	expire("expire-version", "kept", kept, 0, 0, VT_OK,
	    "and no longer");
	/* a marker hides a locked version and removes nothing */
	now.offset_us = START + 40 * DAY;
	seq = put("now", VT_LOCK_GOVERNANCE, START + 400 * DAY,
	    VT_HOLD_ON);
	now.offset_us = START + 45 * DAY;
	res = expire("expire", "now", seq, 0, 0, VT_OK,
	    "a locked current version gets a marker");
	ok(res.made_marker && exists(seq), "P3 and stays");
}

static void
test_races(void)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	int64_t first, second, third;
	struct vt_bucket b;

	set_rules("<NoncurrentVersionExpiration><NoncurrentDays>1"
	    "</NoncurrentDays><NewerNoncurrentVersions>1"
	    "</NewerNoncurrentVersions></NoncurrentVersionExpiration>"
	    "<Expiration><ExpiredObjectDeleteMarker>true"
	    "</ExpiredObjectDeleteMarker></Expiration>");
	first = put("k", VT_LOCK_NONE, 0, VT_HOLD_NONE);
	second = put("k", VT_LOCK_NONE, 0, VT_HOLD_NONE);
	third = put("k", VT_LOCK_NONE, 0, VT_HOLD_NONE);
	now.offset_us += 5 * DAY;
	expire("expire-version", "k", third, 0, 0, VT_PRECONDITION,
	    "P3 the current version is no noncurrent one");
	expire("expire-version", "k", second, 0, 0, VT_PRECONDITION,
	    "P3 the newest noncurrent version is kept");
	expire("expire-version", "other", first, 0, 0, VT_PRECONDITION,
	    "P3 a version is of its key");
	expire("expire", "k", third, 0, 0, VT_PRECONDITION,
	    "P3 no rule expires the current one");
	expire("expire-marker", "k", third, 0, 0, VT_PRECONDITION,
	    "P3 an object is no marker");
	if (vt_catalog_bucket(catalog, a, "b", &b, &err) != VT_OK)
		exit(1);
	expire("expire-version", "k", first, 1, b.generation, VT_OK,
	    "the older one goes");
	expire("expire-version", "k", first, 1, b.generation, VT_ABSENT,
	    "once");
	expire("expire-version", "k", second, 1, b.generation,
	    VT_PRECONDITION, "P3 which makes the other no older");
	put("k", VT_LOCK_NONE, 0, VT_HOLD_NONE);
	expire("expire-version", "k", second, 1, b.generation + 1,
	    VT_PRECONDITION, "P3 not by rules that are not those");
	set_rules(NULL);
	expire("expire-version", "k", second, 0, 0, VT_PRECONDITION,
	    "P3 nor by none");
	ok(exists(second) && exists(third), "P3 all is there");
	vt_arena_free(a);
}

/* The transaction itself, with what was true when the rules were asked. */
static void
test_transaction(void)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_bucket b;
	struct vt_cat_op op;
	struct vt_cat_lifecycle *l = &op.u.lifecycle;
	int64_t seq = put("t", VT_LOCK_NONE, 0, VT_HOLD_NONE);

	if (vt_catalog_bucket(catalog, a, "b", &b, &err) != VT_OK)
		exit(1);
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_LIFECYCLE;
	l->action = VT_LC_EXPIRE;
	l->bucket_id = bucket;
	l->bucket_generation = b.generation - 1;
	l->seq = seq;
	l->version_generation = 1;
	is_int(vt_catalog_run(catalog, &op, &err), VT_PRECONDITION,
	    "P3 rules that changed: %s", err.text);
	l->bucket_generation = b.generation;
	hold(seq, VT_HOLD_ON);
	is_int(vt_catalog_run(catalog, &op, &err), VT_PRECONDITION,
	    "P3 a hold that came between: %s", err.text);
	l->version_generation = 2;
	put("t", VT_LOCK_NONE, 0, VT_HOLD_NONE);
	is_int(vt_catalog_run(catalog, &op, &err), VT_PRECONDITION,
	    "P3 an overwrite that came between: %s", err.text);
	l->action = VT_LC_EXPIRE_VERSION;
	is_int(vt_catalog_run(catalog, &op, &err), VT_DENIED,
	    "P3 a hold on the version itself: %s", err.text);
	hold(seq, VT_HOLD_OFF);
	l->version_generation = 3;
	l->keep_newer = 1;
	is_int(vt_catalog_run(catalog, &op, &err), VT_PRECONDITION,
	    "P3 a newer one that was deleted between: %s", err.text);
	ok(exists(seq), "it is there");
	l->keep_newer = 0;
	is_int(vt_catalog_run(catalog, &op, &err), VT_OK, "all as it was");
	ok(!exists(seq), "it is gone");
	is_int(vt_catalog_check(catalog, &err), VT_OK,
	    "the catalog is sound");
	vt_arena_free(a);
}

int
main(void)
{
	char dir[] = "/tmp/vt-test-expire-XXXXXX", command[64];
	struct vt_catalog_options o;

	if (mkdtemp(dir) == NULL || vt_config_load(NULL, dir, &config,
	    &err) != VT_OK)
		return 1;
	memset(&o, 0, sizeof(o));
	o.clock = &now;
	o.create = o.checkpointer = 1;
	if (vt_catalog_open(config->catalog_path, &o, &catalog,
	    &err) != VT_OK || vt_tiers_open(config, catalog, &now, 1, &tiers,
	    &err) != VT_OK) {
		printf("# %s\n", err.text);
		return 1;
	}
	make_bucket();
	test_locks();
	test_races();
	test_transaction();
	vt_tiers_close(tiers);
	vt_catalog_close(catalog);
	vt_config_free(config);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return test_done();
}
