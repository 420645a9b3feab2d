/*
 * What the catalog knows of master keys (their names and a proof of each, never
 * a key) and the wrapping of data keys in the blobs' transforms.  The texts
 * are opaque here.
 */
#include <string.h>

#include "libvt/store/catalog_sqlite.h"


enum vt_code
vt_cat_master_key_note(struct vt_catalog *c,
    const struct vt_cat_master_key *key, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_MASTER_KEY_GET);
	const char *known;
	enum vt_code rc = VT_ABSENT;
	int r;

	if (s == NULL)
		return vt_conn_fail(c->w, "look for a master key", err);
	sqlite3_bind_text(s, 1, key->name, -1, SQLITE_STATIC);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		known = (const char *)sqlite3_column_text(s, 0);
		rc = known != NULL && strcmp(known, key->proof) == 0 ?
		    VT_OK : vt_fail(err, VT_PRECONDITION, "the master key "
		    "'%s' is not the one that was used before under that "
		    "name", key->name);
	} else if (r != SQLITE_DONE) {
		rc = vt_conn_fail(c->w, "look for a master key", err);
	}
	sqlite3_reset(s);
	if (rc != VT_ABSENT)
		return rc;
	s = vt_conn_st(c->w, ST_MASTER_KEY_ADD);
	if (s == NULL)
		return vt_conn_fail(c->w, "note a master key", err);
	sqlite3_bind_text(s, 1, key->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, key->proof, -1, SQLITE_STATIC);
	return vt_conn_run(c->w, s, "note a master key", err);
}

enum vt_code
vt_cat_rewrap(struct vt_catalog *c, struct vt_cat_rewrap *w,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	sqlite3_stmt *s;

	w->changed = 0;
	for (size_t i = 0; i < w->count && rc == VT_OK; i++) {
		s = vt_conn_st(c->w, ST_BLOB_REWRAP);
		if (s == NULL)
			return vt_conn_fail(c->w, "wrap a key anew", err);
		sqlite3_bind_int64(s, 1, (int64_t)w->rows[i].blob_id);
		sqlite3_bind_text(s, 2, w->rows[i].from, -1, SQLITE_STATIC);
		sqlite3_bind_text(s, 3, w->rows[i].to, -1, SQLITE_STATIC);
		rc = vt_conn_run(c->w, s, "wrap a key anew", err);
		if (rc == VT_OK)
			w->changed += (size_t)sqlite3_changes(c->w->db);
	}
	return rc;
}

enum vt_code
vt_catalog_master_keys(struct vt_catalog *c,
    int (*visit)(void *ctx, const struct vt_cat_master_key *key), void *ctx,
    struct vt_err *err)
{
	struct vt_cat_master_key key;
	struct vt_conn *k;
	sqlite3_stmt *s;
	enum vt_code rc;
	int r = SQLITE_DONE;

	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_MASTER_KEYS);
	if (s == NULL)
		rc = vt_conn_fail(k, "read master keys", err);
	while (rc == VT_OK && (r = sqlite3_step(s)) == SQLITE_ROW) {
		key.name = (const char *)sqlite3_column_text(s, 0);
		key.proof = (const char *)sqlite3_column_text(s, 1);
		if (key.name != NULL && key.proof != NULL &&
		    visit(ctx, &key) != 0)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
	}
	if (rc == VT_OK && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read master keys", err);
	if (s != NULL)
		sqlite3_reset(s);
	vt_conn_give(c, k);
	return rc;
}

enum vt_code
vt_catalog_transforms(struct vt_catalog *c, struct vt_arena *a,
    uint64_t after, struct vt_cat_rewrap_row *rows, size_t max,
    size_t *count, struct vt_err *err)
{
	struct vt_conn *k;
	sqlite3_stmt *s;
	enum vt_code rc;
	int r = SQLITE_DONE;

	*count = 0;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_BLOBS_TRANSFORMED);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read transforms", err);
		goto out;
	}
	sqlite3_bind_int64(s, 1, (int64_t)after);
	sqlite3_bind_int64(s, 2, (int64_t)max);
	while (rc == VT_OK && (r = sqlite3_step(s)) == SQLITE_ROW) {
		struct vt_cat_rewrap_row *row = &rows[(*count)++];

		row->blob_id = (uint64_t)sqlite3_column_int64(s, 0);
		row->from = vt_arena_str(a,
		    (const char *)sqlite3_column_text(s, 1));
		row->to = NULL;
		if (row->from == NULL)
			rc = vt_fail(err, VT_NOMEM, "out of memory");
	}
	if (rc == VT_OK && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read transforms", err);
	sqlite3_reset(s);
out:
	vt_conn_give(c, k);
	return rc;
}
