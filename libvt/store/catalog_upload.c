/* Multipart uploads and their parts. */
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/store/catalog_row.h"

/* Remove an upload with its parts; the bytes become garbage. */
enum vt_code
vt_cat_upload_remove(struct vt_catalog *c, int64_t upload, int64_t now_us,
    struct vt_err *err)
{
	int64_t part;
	enum vt_code rc;

	for (;;) {
		rc = vt_cat_first_id(c, ST_PARTS_OF_UPLOAD, upload, &part, err);
		if (rc != VT_OK || part == 0)
			break;
		rc = vt_cat_extents_drop(c, part,
		    now_us + c->o.delete_grace_ms * 1000, err);
		if (rc == VT_OK)
			rc = run_i(c, ST_PART_DEL, 1, part, 0, 0,
			    "remove a part", err);
		if (rc != VT_OK)
			break;
	}
	if (rc == VT_OK)
		rc = run_i(c, ST_UPLOAD_DEL, 1, upload, 0, 0,
		    "remove an upload", err);
	return rc;
}

enum vt_code
vt_cat_op_upload_create(struct vt_catalog *c, struct vt_cat_op *op,
    int64_t now_us, struct vt_err *err)
{
	struct vt_upload *u = &op->u.upload_create.u;
	struct vt_conn *k = c->w;
	sqlite3_stmt *s;
	uint8_t id[16];
	int64_t owner, tier;
	int versioning;
	enum vt_code rc;

	rc = vt_cat_bucket_state(c, u->bucket_id, &versioning, NULL, err);
	if (rc != VT_OK)
		return rc;
	if (vt_random(id, sizeof(id)) < 0)
		return vt_fail(err, VT_BUSY, "no random numbers");
	rc = vt_cat_owner_id(c, u->owner, &owner, err);
	if (rc == VT_OK)
		rc = vt_cat_tier_id(c, u->tier, &tier, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_UPLOAD_ADD);
	if (s == NULL)
		return vt_conn_fail(k, "add an upload", err);
	vt_hex_encode(id, sizeof(id), u->id);
	u->created_us = now_us;
	sqlite3_bind_int64(s, 1, vt_cat_next_id(c));
	bind_bytes(s, 2, id, sizeof(id));
	sqlite3_bind_int64(s, 3, u->bucket_id);
	bind_bytes(s, 4, u->key, u->key_len);
	sqlite3_bind_int64(s, 5, now_us);
	sqlite3_bind_int64(s, 6, owner);
	bind_bytes(s, 7, u->meta, u->meta_len);
	bind_str(s, 8, u->checksum_alg);
	bind_str(s, 9, u->checksum_type);
	sqlite3_bind_int64(s, 10, tier);
	bind_str(s, 11, u->tags);
	sqlite3_bind_int(s, 12, (int)u->lock_mode);
	sqlite3_bind_int64(s, 13, u->retain_until_us);
	sqlite3_bind_int(s, 14, u->legal_hold);
	bind_str(s, 15, u->acl);
	bind_str(s, 16, u->sse);
	return vt_conn_run(k, s, "add an upload", err);
}

/* The row number and state of an upload id. */
static enum vt_code
find_upload(struct vt_catalog *c, const char *upload_id, int64_t *id,
    int *complete, int64_t *result_seq, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_UPLOAD_GET);
	uint8_t raw[16];
	int r;

	if (strlen(upload_id) != VT_ID_LEN ||
	    vt_hex_decode(upload_id, raw, sizeof(raw)) < 0)
		return vt_fail(err, VT_ABSENT, "no upload '%.40s'",
		    upload_id);
	if (s == NULL)
		return vt_conn_fail(c->w, "read an upload", err);
	bind_bytes(s, 1, raw, sizeof(raw));
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		*id = sqlite3_column_int64(s, 0);
		*complete = sqlite3_column_int(s, 14);
		*result_seq = sqlite3_column_int64(s, 15);
	}
	sqlite3_reset(s);
	if (r == SQLITE_DONE)
		return vt_fail(err, VT_ABSENT, "no upload '%s'", upload_id);
	if (r != SQLITE_ROW)
		return vt_conn_fail(c->w, "read an upload", err);
	return VT_OK;
}

enum vt_code
vt_cat_op_part_put(struct vt_catalog *c, struct vt_cat_part *p, int64_t now_us,
    struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s;
	int64_t upload, old, seq, there = 0;
	int complete, r;
	enum vt_code rc;

	rc = find_upload(c, p->upload_id, &upload, &complete, &seq, err);
	if (rc == VT_OK && complete)
		rc = vt_fail(err, VT_ABSENT, "upload '%s' is complete",
		    p->upload_id);
	if (rc == VT_OK && p->extent_count > 1)
		rc = vt_cat_first_id(c, ST_EXTENTS_OF_UPLOAD, upload, &there,
		    err);
	if (rc == VT_OK && p->extent_count > 1 &&
	    (uint64_t)there + p->extent_count > VT_SHARED_MAX)
		rc = vt_fail(err, VT_TOO_LARGE, "upload '%s' has parts of "
		    "%lld blobs: with %zu more it were over %d", p->upload_id,
		    (long long)there, p->extent_count, VT_SHARED_MAX);
	if (rc == VT_OK)
		rc = vt_cat_extents_take(c, p->extents, p->extent_count,
		    p->size_bytes, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_PART_GET);
	if (s == NULL)
		return vt_conn_fail(k, "read a part", err);
	sqlite3_bind_int64(s, 1, upload);
	sqlite3_bind_int64(s, 2, p->number);
	r = sqlite3_step(s);
	old = r == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	sqlite3_reset(s);
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		return vt_conn_fail(k, "read a part", err);
	if (old != 0) {
		rc = vt_cat_extents_drop(c, old,
		    now_us + c->o.delete_grace_ms * 1000, err);
		if (rc == VT_OK)
			rc = run_i(c, ST_PART_DEL, 1, old, 0, 0,
			    "replace a part", err);
		if (rc != VT_OK)
			return rc;
	}
	s = vt_conn_st(k, ST_PART_ADD);
	if (s == NULL)
		return vt_conn_fail(k, "add a part", err);
	p->part_id = vt_cat_next_id(c);
	p->mtime_us = now_us;
	sqlite3_bind_int64(s, 1, p->part_id);
	sqlite3_bind_int64(s, 2, upload);
	sqlite3_bind_int64(s, 3, p->number);
	sqlite3_bind_int64(s, 4, (int64_t)p->size_bytes);
	sqlite3_bind_int64(s, 5, now_us);
	bind_str(s, 6, p->etag);
	sqlite3_bind_int64(s, 7, (int64_t)p->crc64);
	bind_str(s, 8, p->checksum);
	rc = vt_conn_run(k, s, "add a part", err);
	if (rc == VT_OK)
		rc = vt_cat_extents_add(c, p->part_id, p->extents,
		    p->extent_count, err);
	return rc;
}

enum vt_code
vt_cat_op_complete(struct vt_catalog *c, struct vt_cat_complete *m,
    int64_t now_us, struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s;
	int64_t upload, seq, tier, copy, extents = 0, n;
	int complete, r;
	enum vt_code rc;
	size_t i;

	rc = find_upload(c, m->upload_id, &upload, &complete, &seq, err);
	if (rc != VT_OK)
		return rc;
	if (complete) {
		m->put.seq = seq;
		return vt_fail(err, VT_EXISTS, "upload '%s' is complete",
		    m->upload_id);
	}
	for (i = 0; i < m->part_count; i++) {
		s = vt_conn_st(k, ST_PART_BY_ID);
		if (s == NULL)
			return vt_conn_fail(k, "read a part", err);
		sqlite3_bind_int64(s, 1, m->part_ids[i]);
		r = sqlite3_step(s);
		n = r == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
		sqlite3_reset(s);
		if (r != SQLITE_ROW && r != SQLITE_DONE)
			return vt_conn_fail(k, "read a part", err);
		if (n != upload)
			return vt_fail(err, VT_PRECONDITION,
			    "part %zu was replaced meanwhile", i + 1);
	}
	rc = vt_cat_version_new(c, &m->put, now_us, &tier, err);
	if (rc == VT_OK)
		rc = vt_cat_copy_add(c, m->put.seq, tier, 0, now_us, &copy,
		    err);
	for (i = 0; i < m->part_count && rc == VT_OK; i++) {
		rc = vt_cat_first_id(c, ST_EXTENT_COUNT, m->part_ids[i], &n,
		    err);
		if (rc == VT_OK)
			rc = run_i(c, ST_EXTENTS_MOVE, 3, m->part_ids[i],
			    copy, extents, "join parts", err);
		extents += n;
		if (rc == VT_OK)
			rc = run_i(c, ST_PART_DEL, 1, m->part_ids[i], 0, 0,
			    "join parts", err);
	}
	/* Parts that the list does not name go away. */
	while (rc == VT_OK) {
		rc = vt_cat_first_id(c, ST_PARTS_OF_UPLOAD, upload, &n, err);
		if (rc != VT_OK || n == 0)
			break;
		rc = vt_cat_extents_drop(c, n,
		    now_us + c->o.delete_grace_ms * 1000, err);
		if (rc == VT_OK)
			rc = run_i(c, ST_PART_DEL, 1, n, 0, 0,
			    "remove a part", err);
	}
	if (rc == VT_OK)
		rc = run_i(c, ST_UPLOAD_COMPLETE, 3, upload, m->put.seq,
		    now_us, "complete an upload", err);
	return rc;
}

enum vt_code
vt_cat_op_upload_abort(struct vt_catalog *c, const char *upload_id,
    int64_t now_us, struct vt_err *err)
{
	int64_t upload, seq;
	int complete;
	enum vt_code rc;

	rc = find_upload(c, upload_id, &upload, &complete, &seq, err);
	if (rc != VT_OK)
		return rc;
	if (complete)
		return vt_fail(err, VT_ABSENT, "upload '%s' is complete",
		    upload_id);
	return vt_cat_upload_remove(c, upload, now_us, err);
}
