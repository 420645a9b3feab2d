/* Object lock in the catalog: every operation that can destroy a version asks
 * it, in its own transaction. */
#include <unistd.h>

#include "tests/unit/made_catalog.h"
#include "tests/unit/test.h"

#define DAY_US (24LL * 3600 * 1000000)
#define START_US (1000000000LL * 1000000)

static struct vt_catalog *c;
static struct vt_arena *a;

static int64_t
lock_bucket(const char *name, int versioning, int object_lock)
{
	struct vt_cat_op op = bucket_op(name);

	op.u.bucket_create.b.versioning = versioning;
	op.u.bucket_create.b.object_lock = object_lock;
	if (vt_catalog_run(c, &op, &err) != VT_OK)
		printf("# bucket: %s\n", err.text);
	return op.u.bucket_create.b.id;
}

/* An empty object with that lock; its seq, 0 when it was refused. */
static int64_t
put_locked(int64_t bucket, const char *key, enum vt_lock_mode mode,
    int64_t until_us, enum vt_hold hold)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_PUT;
	op.u.put.v.bucket_id = bucket;
	op.u.put.v.key = key;
	op.u.put.v.key_len = strlen(key);
	op.u.put.v.lock_mode = mode;
	op.u.put.v.retain_until_us = until_us;
	op.u.put.v.legal_hold = hold;
	op.u.put.tier = "hot";
	if (vt_catalog_run(c, &op, &err) != VT_OK)
		return 0;
	return op.u.put.seq;
}

static struct vt_version *
find(int64_t seq)
{
	struct vt_version *v;

	if (vt_catalog_lookup_seq(c, a, seq, 0, &v, &err) != VT_OK)
		return NULL;
	return v;
}

static enum vt_code
erase(int64_t bucket, const char *key, const char *version_id, int bypass)
{
	struct vt_cat_op op = delete_op(bucket, key, version_id);

	op.u.del.bypass_governance = bypass;
	return vt_catalog_run(c, &op, &err);
}

static enum vt_code
relock(int64_t seq, int mode, int64_t until_us, int hold, int bypass)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_META_SET;
	op.u.meta.seq = seq;
	op.u.meta.lock_mode = mode;
	op.u.meta.retain_until_us = until_us;
	op.u.meta.legal_hold = hold;
	op.u.meta.bypass_governance = bypass;
	return vt_catalog_run(c, &op, &err);
}

static enum vt_code
set_versioning(int64_t bucket, int state)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_VERSIONING_SET;
	op.u.versioning.bucket_id = bucket;
	op.u.versioning.state = state;
	return vt_catalog_run(c, &op, &err);
}

static enum vt_code
set_default(int64_t bucket, enum vt_lock_mode mode, unsigned days)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_LOCK_SET;
	op.u.lock.bucket_id = bucket;
	op.u.lock.mode = mode;
	op.u.lock.days = days;
	op.u.lock.d.doc = VT_DOC_OBJECT_LOCK;
	op.u.lock.d.body = "<x/>";
	op.u.lock.d.len = 4;
	return vt_catalog_run(c, &op, &err);
}

static void
test_delete(void)
{
	static const struct {
		const char *what;
		enum vt_lock_mode mode;
		enum vt_hold hold;
		int bypassed, expires;
	} t[] = {
		{ "nothing", VT_LOCK_NONE, VT_HOLD_NONE, 1, 1 },
		{ "a hold that is off", VT_LOCK_NONE, VT_HOLD_OFF, 1, 1 },
		{ "governance", VT_LOCK_GOVERNANCE, VT_HOLD_NONE, 1, 1 },
		{ "compliance", VT_LOCK_COMPLIANCE, VT_HOLD_NONE, 0, 1 },
		{ "a hold", VT_LOCK_NONE, VT_HOLD_ON, 0, 0 },
		{ "governance and a hold", VT_LOCK_GOVERNANCE, VT_HOLD_ON, 0,
		    0 },
		{ "compliance, the hold off", VT_LOCK_COMPLIANCE, VT_HOLD_OFF,
		    0, 1 }
	};
	int64_t b = lock_bucket("deletes", 1, 1), seq;
	struct vt_version *v;
	size_t i;
	int free_now;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int64_t until = t[i].mode != VT_LOCK_NONE ?
		    START_US + DAY_US : 0;

		fixed.offset_us = START_US;
		free_now = t[i].mode == VT_LOCK_NONE &&
		    t[i].hold != VT_HOLD_ON;
		seq = put_locked(b, "k", t[i].mode, until, t[i].hold);
		v = find(seq);
		fixed.offset_us = START_US + DAY_US - 1;
		is_int(erase(b, "k", v->version_id, 0),
		    free_now ? VT_OK : VT_DENIED, "P3 %s: a delete",
		    t[i].what);
		is_int(find(seq) != NULL, !free_now, "P3 %s: is it there",
		    t[i].what);
		seq = put_locked(b, "k", t[i].mode, until, t[i].hold);
		v = find(seq);
		is_int(erase(b, "k", v->version_id, 1),
		    t[i].bypassed ? VT_OK : VT_DENIED,
		    "P3 %s: a delete that may pass over governance",
		    t[i].what);
		seq = put_locked(b, "k", t[i].mode, until, t[i].hold);
		v = find(seq);
		is_int(erase(b, "k", NULL, 0), VT_OK,
		    "%s: a marker hides it", t[i].what);
		ok(find(seq) != NULL, "P3 %s: and nothing else", t[i].what);
		fixed.offset_us = START_US + DAY_US;
		is_int(erase(b, "k", v->version_id, 0),
		    t[i].expires ? VT_OK : VT_DENIED,
		    "P3 %s: a delete when the time has come", t[i].what);
	}
	fixed.offset_us = START_US;
}

/* A null version that a write would replace: a bucket with object lock cannot
 * have one that way, and the lock is asked all the same. */
static void
test_overwrite(void)
{
	int64_t b = lock_bucket("nulls", 0, 0), seq;
	struct vt_cat_op op;

	seq = put_locked(b, "k", VT_LOCK_COMPLIANCE, START_US + DAY_US,
	    VT_HOLD_NONE);
	is_int(put_locked(b, "k", VT_LOCK_NONE, 0, VT_HOLD_NONE), 0,
	    "P3 no overwrite of a locked null version");
	is_int(erase(b, "k", NULL, 1), VT_DENIED,
	    "P3 no delete where there are no markers");
	is_int(set_versioning(b, 2), VT_OK, "suspends");
	is_int(erase(b, "k", NULL, 1), VT_DENIED,
	    "P3 no null marker in its place");
	is_int(erase(b, "k", "null", 0), VT_DENIED, "P3 nor by its name");
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_UPLOAD_CREATE;
	op.u.upload_create.u.bucket_id = b;
	op.u.upload_create.u.key = "k";
	op.u.upload_create.u.key_len = 1;
	op.u.upload_create.u.tier = "hot";
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "an upload");
	{
		struct vt_cat_op done;

		memset(&done, 0, sizeof(done));
		done.kind = VT_CAT_UPLOAD_COMPLETE;
		done.u.complete.upload_id = op.u.upload_create.u.id;
		done.u.complete.put.v.bucket_id = b;
		done.u.complete.put.v.key = "k";
		done.u.complete.put.v.key_len = 1;
		done.u.complete.put.tier = "hot";
		is_int(vt_catalog_run(c, &done, &err), VT_DENIED,
		    "P3 no upload completed over it");
	}
	ok(find(seq) != NULL, "P3 it is there");
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_BUCKET_DELETE;
	op.u.bucket_delete.id = b;
	is_int(vt_catalog_run(c, &op, &err), VT_PRECONDITION,
	    "P3 its bucket stays");
	fixed.offset_us = START_US + DAY_US;
	ok(put_locked(b, "k", VT_LOCK_NONE, 0, VT_HOLD_NONE) != 0,
	    "when its time has come it may be replaced");
	fixed.offset_us = START_US;
}

static void
test_retention(void)
{
	int64_t b = lock_bucket("retention", 1, 1), seq;
	int64_t near = START_US + DAY_US, far = START_US + 2 * DAY_US;

	seq = put_locked(b, "k", VT_LOCK_GOVERNANCE, far, VT_HOLD_NONE);
	is_int(relock(seq, VT_LOCK_GOVERNANCE, near, -1, 0), VT_DENIED,
	    "P3 governance is not shortened");
	is_int(relock(seq, VT_LOCK_COMPLIANCE, far, -1, 0), VT_DENIED,
	    "P3 nor its mode changed");
	is_int(relock(seq, VT_LOCK_NONE, 0, -1, 0), VT_DENIED,
	    "P3 nor taken away");
	is_int(relock(seq, VT_LOCK_GOVERNANCE, far + 1, -1, 0), VT_OK,
	    "it is made longer");
	is_int(relock(seq, VT_LOCK_NONE, 0, -1, 1), VT_OK,
	    "who may pass over it takes it away");
	is_int(find(seq)->lock_mode, VT_LOCK_NONE, "it is away");
	is_int(relock(seq, VT_LOCK_COMPLIANCE, far, -1, 0), VT_OK, "again");
	is_int(relock(seq, VT_LOCK_COMPLIANCE, near, -1, 1), VT_DENIED,
	    "P3 nobody shortens compliance");
	is_int(relock(seq, VT_LOCK_GOVERNANCE, far, -1, 1), VT_DENIED,
	    "P3 nobody changes its mode");
	is_int(relock(seq, VT_LOCK_NONE, 0, -1, 1), VT_DENIED,
	    "P3 nobody takes it away");
	is_int(relock(seq, -1, -1, VT_HOLD_ON, 0), VT_OK, "a hold beside it");
	is_int(relock(seq, -1, -1, VT_HOLD_OFF, 0), VT_OK, "and off");
	fixed.offset_us = far;
	is_int(relock(seq, VT_LOCK_NONE, 0, -1, 0), VT_OK,
	    "when its time has come it is anybody's");
	fixed.offset_us = START_US;
}

static void
test_bucket(void)
{
	int64_t b = lock_bucket("defaults", 0, 0), seq;
	struct vt_bucket out;
	struct vt_version *v;

	is_int(set_default(b, VT_LOCK_GOVERNANCE, 1), VT_PRECONDITION,
	    "no object lock without versioning");
	is_int(set_versioning(b, 2), VT_OK, "suspended");
	is_int(set_default(b, VT_LOCK_GOVERNANCE, 1), VT_PRECONDITION,
	    "nor when it is suspended");
	is_int(set_versioning(b, 1), VT_OK, "enabled");
	is_int(set_default(b, VT_LOCK_GOVERNANCE, 3), VT_OK, "a default");
	is_int(vt_catalog_bucket(c, a, "defaults", &out, &err), VT_OK,
	    "reads it");
	ok(out.object_lock && out.lock_mode == VT_LOCK_GOVERNANCE &&
	    out.lock_days == 3 && ((out.docs >> VT_DOC_OBJECT_LOCK) & 1),
	    "is in the bucket");
	is_int(set_versioning(b, 2), VT_PRECONDITION,
	    "P3 versioning is not suspended any more");
	is_int(set_versioning(b, 1), VT_OK, "enabling it again is fine");
	fixed.offset_us = START_US + 1;
	seq = put_locked(b, "k", VT_LOCK_NONE, 0, VT_HOLD_NONE);
	v = find(seq);
	is_int(v->lock_mode, VT_LOCK_GOVERNANCE, "on a new version");
	is_int(v->retain_until_us, START_US + 3 * DAY_US + 1000,
	    "from its commit, in milliseconds, up");
	fixed.offset_us = START_US;
	v = find(put_locked(b, "k", VT_LOCK_COMPLIANCE, START_US + DAY_US,
	    VT_HOLD_NONE));
	ok(v->lock_mode == VT_LOCK_COMPLIANCE &&
	    v->retain_until_us == START_US + DAY_US,
	    "a lock of its own goes before");
	is_int(erase(b, "k", NULL, 0), VT_OK, "a marker");
	is_int(vt_catalog_lookup(c, a, b, "k", 1, NULL, 0, &v, &err), VT_OK,
	    "finds it");
	ok(v->is_marker && v->lock_mode == VT_LOCK_NONE, "has no lock");
	is_int(set_default(b, VT_LOCK_NONE, 0), VT_OK, "no default");
	v = find(put_locked(b, "k", VT_LOCK_NONE, 0, VT_HOLD_NONE));
	is_int(v->lock_mode, VT_LOCK_NONE, "then none on new versions");
	is_int(set_versioning(b, 2), VT_PRECONDITION,
	    "P3 the lock of the bucket stays");
}

static void
test_move(void)
{
	int64_t b = lock_bucket("moves", 1, 1), seq;
	struct vt_version *v;
	struct vt_cat_op op;

	seq = put_locked(b, "k", VT_LOCK_NONE, 0, VT_HOLD_ON);
	v = find(seq);
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_SWAP;
	op.u.swap.seq = seq;
	op.u.swap.source_copy_id = v->copies[0].id;
	op.u.swap.version_generation = v->generation;
	op.u.swap.bucket_generation = 1;
	op.u.swap.drop_source = 1;
	op.u.swap.tier = "cold";
	is_int(vt_catalog_run(c, &op, &err), VT_PRECONDITION,
	    "P3 a copy of a locked version is not replaced unread");
	op.u.swap.drop_source = 0;
	is_int(vt_catalog_run(c, &op, &err), VT_OK,
	    "it may have another beside it");
	v = find(seq);
	op.u.swap.source_copy_id = v->copies[0].id;
	op.u.swap.drop_source = op.u.swap.verified = 1;
	op.u.swap.tier = "warm";
	is_int(vt_catalog_run(c, &op, &err), VT_OK,
	    "and move when the new one was read: %s", err.text);
	is_int(find(seq)->legal_hold, VT_HOLD_ON, "P3 and stays locked");
	is_int(vt_catalog_check(c, &err), VT_OK, "check: %s", err.text);
}

int
main(void)
{
	if (begin_folder() < 0)
		return 1;
	a = vt_arena_new(8 << 20);
	c = open_catalog("catalog.db", 1);
	test_delete();
	test_overwrite();
	test_retention();
	test_bucket();
	test_move();
	vt_catalog_close(c);
	vt_arena_free(a);
	end_folder();
	return test_done();
}
