/*
 * The catalog's operations, each run by the committer inside its transaction.
 * Every operation checks all it can before its first change: one that fails
 * then needs no undoing.
 */
#include "libvt/store/catalog_row.h"

#define COMPLETED_KEEP_US (24LL * 3600 * 1000000)

/* --- counters ------------------------------------------------------------- */

static enum vt_code
meta_get(struct vt_conn *k, const char *name, int64_t def, int64_t *out,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, ST_META_GET);
	int rc;

	if (s == NULL)
		return vt_conn_fail(k, "read a counter", err);
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	rc = sqlite3_step(s);
	*out = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : def;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		vt_conn_fail(k, "read a counter", err);
		sqlite3_reset(s);
		return VT_IO;
	}
	sqlite3_reset(s);
	return VT_OK;
}

static enum vt_code
meta_set(struct vt_conn *k, const char *name, int64_t value,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, ST_META_SET);

	if (s == NULL)
		return vt_conn_fail(k, "write a counter", err);
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, value);
	return vt_conn_run(k, s, "write a counter", err);
}

enum vt_code
vt_cat_ids_load(struct vt_catalog *c, struct vt_err *err)
{
	int64_t inline_bytes;
	enum vt_code rc;

	rc = meta_get(c->w, "next_id", 1, &c->next_id, err);
	if (rc == VT_OK)
		rc = meta_get(c->w, "next_blob", 1, &c->next_blob, err);
	if (rc == VT_OK)
		rc = meta_get(c->w, "inline_bytes", 0, &inline_bytes, err);
	if (rc == VT_OK)
		c->inline_bytes = inline_bytes;
	c->ids_dirty = 0;
	return rc;
}

enum vt_code
vt_cat_ids_store(struct vt_catalog *c, struct vt_err *err)
{
	enum vt_code rc;

	if (!c->ids_dirty)
		return VT_OK;
	rc = meta_set(c->w, "next_id", c->next_id, err);
	if (rc == VT_OK)
		rc = meta_set(c->w, "next_blob", c->next_blob, err);
	if (rc == VT_OK)
		rc = meta_set(c->w, "inline_bytes", c->inline_bytes, err);
	return rc;
}

int64_t
vt_cat_next_id(struct vt_catalog *c)
{
	c->ids_dirty = 1;
	return c->next_id++;
}

/* --- small helpers -------------------------------------------------------- */

/* The number of a name in a table of names, adding it when new. */
static enum vt_code
name_id(struct vt_catalog *c, enum vt_st find, enum vt_st add,
    const char *name, int64_t *out, struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s = vt_conn_st(k, find);
	enum vt_code rc;
	int r;

	*out = 0;
	if (name == NULL || name[0] == '\0')
		return VT_OK;
	if (s == NULL)
		return vt_conn_fail(k, "look up a name", err);
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		*out = sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
		return VT_OK;
	}
	sqlite3_reset(s);
	if (r != SQLITE_DONE)
		return vt_conn_fail(k, "look up a name", err);
	s = vt_conn_st(k, add);
	if (s == NULL)
		return vt_conn_fail(k, "add a name", err);
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	rc = vt_conn_run(k, s, "add a name", err);
	if (rc == VT_OK)
		*out = sqlite3_last_insert_rowid(k->db);
	return rc;
}

enum vt_code
vt_cat_tier_id(struct vt_catalog *c, const char *name, int64_t *out,
    struct vt_err *err)
{
	enum vt_code rc;

	rc = name_id(c, ST_TIER_ID, ST_TIER_ADD, name, out, err);
	if (rc == VT_OK && *out >= TIER_CACHE)
		return vt_fail(err, VT_TOO_LARGE,
		    "more than %d tiers: '%s'", TIER_CACHE - 1, name);
	return rc;
}

enum vt_code
vt_cat_owner_id(struct vt_catalog *c, const char *name, int64_t *out,
    struct vt_err *err)
{
	return name_id(c, ST_OWNER_ID, ST_OWNER_ADD,
	    name != NULL && name[0] != '\0' ? name : "root", out, err);
}

/* The first id that a statement over one number yields, 0 for none. */
enum vt_code
vt_cat_first_id(struct vt_catalog *c, enum vt_st which, int64_t arg,
    int64_t *out, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, which);
	int r;

	*out = 0;
	if (s == NULL)
		return vt_conn_fail(c->w, "read", err);
	sqlite3_bind_int64(s, 1, arg);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		*out = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		return vt_conn_fail(c->w, "read", err);
	return VT_OK;
}

/* --- operations ----------------------------------------------------------- */

static enum vt_code
op_expire(struct vt_catalog *c, int64_t now_us, struct vt_err *err)
{
	int64_t upload;
	enum vt_code rc = VT_OK;
	int i;

	for (i = 0; i < 1000; i++) {
		rc = vt_cat_first_id(c, ST_UPLOADS_OLD, now_us -
		    COMPLETED_KEEP_US, &upload, err);
		if (rc != VT_OK || upload == 0)
			break;
		rc = run_i(c, ST_UPLOAD_DEL, 1, upload, 0, 0,
		    "forget an upload", err);
		if (rc != VT_OK)
			break;
	}
	for (i = 0; i < 100 && rc == VT_OK; i++) {
		rc = run_i(c, ST_EVENTS_OLD, 1,
		    now_us - VT_EVENT_KEEP_DAYS * DAY_US, 0, 0,
		    "forget events", err);
		if (sqlite3_changes(c->w->db) == 0)
			break;
	}
	return rc;
}

static enum vt_code
op_swap(struct vt_catalog *c, struct vt_cat_swap *w, int64_t now_us,
    struct vt_err *err)
{
	int has_changed;

	return vt_cat_swap(c, w, now_us, &has_changed, err);
}

static enum vt_code
apply(struct vt_catalog *c, struct vt_cat_op *op, int64_t now_us,
    struct vt_err *err)
{
	switch (op->kind) {
	case VT_CAT_BUCKET_CREATE:
		return vt_cat_op_bucket_create(c, op, now_us, err);
	case VT_CAT_BUCKET_DELETE:
		return vt_cat_op_bucket_delete(c, op, now_us, err);
	case VT_CAT_DOC_SET:
		return vt_cat_op_doc(c, op, err);
	case VT_CAT_VERSIONING_SET:
		return vt_cat_op_versioning(c, op, err);
	case VT_CAT_LOCK_SET:
		return vt_cat_op_lock(c, op, err);
	case VT_CAT_PUT:
		return vt_cat_op_put(c, &op->u.put, now_us, err);
	case VT_CAT_DELETE:
		return vt_cat_op_delete(c, &op->u.del, now_us, err);
	case VT_CAT_META_SET:
		return vt_cat_op_meta(c, op, now_us, err);
	case VT_CAT_UPLOAD_CREATE:
		return vt_cat_op_upload_create(c, op, now_us, err);
	case VT_CAT_PART_PUT:
		return vt_cat_op_part_put(c, &op->u.part, now_us, err);
	case VT_CAT_UPLOAD_COMPLETE:
		return vt_cat_op_complete(c, &op->u.complete, now_us, err);
	case VT_CAT_UPLOAD_ABORT:
		return vt_cat_op_upload_abort(c, op->u.upload_abort.upload_id,
		    now_us, err);
	case VT_CAT_MASTER_KEY:
		return vt_cat_master_key_note(c, &op->u.master_key, err);
	case VT_CAT_OWN:
		return vt_cat_op_own(c, op, err);
	case VT_CAT_REWRAP:
		return vt_cat_rewrap(c, &op->u.rewrap, err);
	case VT_CAT_REPAIR:
		return vt_cat_repair(c, &op->u.repair, now_us, err);
	case VT_CAT_SWAP:
		return op_swap(c, &op->u.swap, now_us, err);
	case VT_CAT_PACK:
		return vt_cat_pack_apply(c, &op->u.pack, now_us, err);
	case VT_CAT_RESTORE_ASK:
	case VT_CAT_RESTORE_DONE:
	case VT_CAT_RESTORE_END:
		return vt_cat_restore_apply(c, op, now_us, err);
	case VT_CAT_LIFECYCLE:
		return vt_cat_op_lifecycle(c, &op->u.lifecycle, now_us, err);
	case VT_CAT_LEASE:
		return vt_cat_op_lease(c, &op->u.lease, now_us, err);
	case VT_CAT_LEASE_END:
		return run_i(c, ST_LEASE_DEL, 1,
		    (int64_t)op->u.lease_end.first_id, 0, 0, "end a lease",
		    err);
	case VT_CAT_INTENT:
		return vt_cat_op_intent(c, &op->u.intent, err);
	case VT_CAT_INTENT_END:
		return run_i(c, ST_INTENT_DEL, 1,
		    (int64_t)op->u.intent.blob_id, 0, 0, "end an intent",
		    err);
	case VT_CAT_GARBAGE_ADD:
		return vt_cat_op_garbage_add(c, &op->u.garbage, err);
	case VT_CAT_GARBAGE_CLAIM:
		return vt_cat_op_garbage_claim(c, &op->u.garbage, now_us, err);
	case VT_CAT_GARBAGE_DONE:
		return vt_cat_op_garbage_done(c, &op->u.garbage, err);
	case VT_CAT_EVENTS_DONE:
	case VT_CAT_EVENT_RETRY:
		return vt_cat_events_apply(c, op, err);
	case VT_CAT_NOTHING:
		return VT_OK;
	case VT_CAT_EXPIRE:
		return op_expire(c, now_us, err);
	case VT_CAT_USER_CREATE:
	case VT_CAT_USER_SET:
	case VT_CAT_USER_DELETE:
	case VT_CAT_KEY_ADD:
	case VT_CAT_KEY_SET:
	case VT_CAT_KEY_DELETE:
		return vt_cat_apply_user(c, op, now_us, err);
	case VT_CAT_KINDS:
		break;
	}
	return vt_fail(err, VT_INVALID, "unknown catalog operation %d",
	    (int)op->kind);
}

enum vt_code
vt_cat_apply(struct vt_catalog *c, struct vt_cat_op *op, int64_t now_us,
    struct vt_err *err)
{
	enum vt_code rc;

	rc = apply(c, op, now_us, err);
	if (rc == VT_OK && op->event_count > 0)
		rc = vt_cat_events_add(c, op, now_us, err);
	return rc;
}

static void
settle_extents(struct vt_catalog *c, const struct vt_cat_extent *x, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!x[i].is_ref)
			vt_catalog_blob_done(c, x[i].e.blob.id);
}

void
vt_cat_settle(struct vt_catalog *c, const struct vt_cat_op *op)
{
	size_t i;

	if (op->code != VT_OK)
		return;
	if (op->kind == VT_CAT_PUT) {
		settle_extents(c, op->u.put.extents, op->u.put.extent_count);
		for (i = 0; i < op->u.put.more_count; i++)
			settle_extents(c, op->u.put.more[i].extents,
			    op->u.put.more[i].extent_count);
	} else if (op->kind == VT_CAT_PART_PUT)
		settle_extents(c, op->u.part.extents,
		    op->u.part.extent_count);
	else if (op->kind == VT_CAT_SWAP)
		settle_extents(c, op->u.swap.extents,
		    op->u.swap.extent_count);
	else if (op->kind == VT_CAT_PACK && op->u.pack.is_new)
		vt_catalog_blob_done(c, op->u.pack.blob.id);
	else if (op->kind == VT_CAT_REPAIR)
		settle_extents(c, op->u.repair.extents,
		    op->u.repair.extent_count);
	else if (op->kind == VT_CAT_RESTORE_DONE)
		settle_extents(c, op->u.restore.extents,
		    op->u.restore.extent_count);
	else if (op->kind == VT_CAT_GARBAGE_ADD)
		for (i = 0; i < op->u.garbage.count; i++)
			vt_catalog_blob_done(c, op->u.garbage.rows[i].blob_id);
}
