/* Multipart uploads and their parts. */
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/store/catalog_row.h"

/* --- reading -------------------------------------------------------------- */

enum vt_code
vt_cat_fill_upload(struct vt_catalog *c, struct vt_conn *k, struct vt_arena *a,
    sqlite3_stmt *s, struct vt_upload *u, struct vt_err *err)
{
	const void *id = sqlite3_column_blob(s, 1);

	memset(u, 0, sizeof(*u));
	if (id == NULL || sqlite3_column_bytes(s, 1) != VT_ID_LEN / 2)
		return vt_fail(err, VT_CORRUPT,
		    "catalog: an upload without an id");
	vt_hex_encode(id, VT_ID_LEN / 2, u->id);
	u->bucket_id = sqlite3_column_int64(s, 2);
	u->key = col_bytes(a, s, 3, &u->key_len);
	u->created_us = sqlite3_column_int64(s, 4);
	u->owner = col_str(a, s, 5);
	u->meta = col_bytes(a, s, 6, &u->meta_len);
	u->checksum_alg = col_str(a, s, 7);
	u->checksum_type = col_str(a, s, 8);
	u->tier = vt_cat_tier_name(c, k, sqlite3_column_int64(s, 9));
	u->tags = col_str(a, s, 10);
	u->lock_mode = (enum vt_lock_mode)sqlite3_column_int(s, 11);
	u->retain_until_us = sqlite3_column_int64(s, 12);
	u->legal_hold = sqlite3_column_int(s, 13);
	u->is_complete = sqlite3_column_int(s, 14);
	u->result_seq = sqlite3_column_int64(s, 15);
	u->acl = col_str(a, s, 16);
	u->sse = col_str(a, s, 17);
	if (u->key == NULL || u->owner == NULL || u->meta == NULL ||
	    u->checksum_alg == NULL || u->checksum_type == NULL ||
	    u->tags == NULL || u->acl == NULL || u->sse == NULL)
		return nomem(err);
	return VT_OK;
}

/* With a read transaction begun: an upload, and its row number. */
enum vt_code
vt_cat_get_upload(struct vt_catalog *c, struct vt_conn *k, struct vt_arena *a,
    const char *upload_id, struct vt_upload *u, int64_t *row,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, ST_UPLOAD_GET);
	uint8_t id[VT_ID_LEN / 2];
	enum vt_code rc;
	int r;

	if (strlen(upload_id) != VT_ID_LEN ||
	    vt_hex_decode(upload_id, id, sizeof(id)) < 0)
		return vt_fail(err, VT_ABSENT, "no upload '%.40s'",
		    upload_id);
	if (s == NULL)
		return vt_conn_fail(k, "read an upload", err);
	sqlite3_bind_blob64(s, 1, id, sizeof(id), SQLITE_STATIC);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		*row = sqlite3_column_int64(s, 0);
		rc = vt_cat_fill_upload(c, k, a, s, u, err);
	} else if (r == SQLITE_DONE)
		rc = vt_fail(err, VT_ABSENT, "no upload '%s'", upload_id);
	else
		rc = vt_conn_fail(k, "read an upload", err);
	sqlite3_reset(s);
	return rc;
}

enum vt_code
vt_catalog_upload(struct vt_catalog *c, struct vt_arena *a,
    const char *upload_id, struct vt_upload **out, struct vt_err *err)
{
	struct vt_upload *u;
	struct vt_conn *k;
	int64_t row;
	enum vt_code rc;

	*out = NULL;
	u = vt_arena_alloc(a, sizeof(*u));
	if (u == NULL)
		return nomem(err);
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_cat_get_upload(c, k, a, upload_id, u, &row, err);
	vt_conn_give(c, k);
	if (rc == VT_OK)
		*out = u;
	return rc;
}

enum vt_code
vt_catalog_upload_parts(struct vt_catalog *c, struct vt_arena *a,
    const char *upload_id, uint32_t after, unsigned max,
    struct vt_upload_part **out, size_t *count, int *truncated,
    struct vt_err *err)
{
	struct vt_upload u;
	struct vt_upload_part *p, *grown;
	struct vt_conn *k;
	sqlite3_stmt *s;
	size_t cap = 0;
	int64_t row;
	enum vt_code rc;
	int r = SQLITE_DONE;

	*out = NULL;
	*count = 0;
	*truncated = 0;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_cat_get_upload(c, k, a, upload_id, &u, &row, err);
	if (rc != VT_OK)
		goto out;
	s = vt_conn_st(k, ST_PART_LIST);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read parts", err);
		goto out;
	}
	sqlite3_bind_int64(s, 1, row);
	sqlite3_bind_int64(s, 2, after);
	sqlite3_bind_int64(s, 3, (int64_t)max + 1);
	while (rc == VT_OK && (r = sqlite3_step(s)) == SQLITE_ROW) {
		if (*count == max) {
			*truncated = 1;
			r = SQLITE_DONE;
			break;
		}
		if (*count == cap) {
			cap = cap != 0 ? cap * 2 : 16;
			grown = vt_arena_alloc(a, cap * sizeof(*grown));
			if (grown == NULL) {
				rc = nomem(err);
				break;
			}
			if (*count > 0)
				memcpy(grown, *out, *count * sizeof(*grown));
			*out = grown;
		}
		p = &(*out)[*count];
		p->id = sqlite3_column_int64(s, 0);
		p->number = (uint32_t)sqlite3_column_int64(s, 1);
		p->size_bytes = (uint64_t)sqlite3_column_int64(s, 2);
		p->mtime_us = sqlite3_column_int64(s, 3);
		p->etag = col_str(a, s, 4);
		p->crc64 = (uint64_t)sqlite3_column_int64(s, 5);
		p->checksum = col_str(a, s, 6);
		p->extent_count = (size_t)sqlite3_column_int64(s, 7);
		if (p->etag == NULL || p->checksum == NULL)
			rc = nomem(err);
		(*count)++;
	}
	if (rc == VT_OK && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read parts", err);
	sqlite3_reset(s);
out:
	vt_conn_give(c, k);
	return rc;
}

/* --- operations ----------------------------------------------------------- */

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
