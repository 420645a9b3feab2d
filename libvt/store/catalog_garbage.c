/* Garbage: names on tiers whose bytes nobody refers to any more. */
#include <stdio.h>

#include "libvt/store/catalog_row.h"

#define CLAIM_STALE_US (3600LL * 1000000)

enum vt_code
vt_cat_garbage_add(struct vt_catalog *c, uint64_t blob, int64_t tier,
    const char *name, const char *token, uint64_t size, int64_t due_us,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_GARBAGE_ADD);

	if (s == NULL)
		return vt_conn_fail(c->w, "add garbage", err);
	sqlite3_bind_int64(s, 1, vt_cat_next_id(c));
	sqlite3_bind_int64(s, 2, (int64_t)blob);
	sqlite3_bind_int64(s, 3, tier);
	bind_str(s, 4, name);
	bind_str(s, 5, token);
	sqlite3_bind_int64(s, 6, (int64_t)size);
	sqlite3_bind_int64(s, 7, due_us);
	return vt_conn_run(c->w, s, "add garbage", err);
}

enum vt_code
vt_cat_op_garbage_add(struct vt_catalog *c, const struct vt_cat_garbage *g,
    struct vt_err *err)
{
	int64_t tier;
	enum vt_code rc = VT_OK;
	size_t i;

	for (i = 0; i < g->count && rc == VT_OK; i++) {
		rc = vt_cat_tier_id(c, g->rows[i].tier, &tier, err);
		if (rc == VT_OK)
			rc = vt_cat_garbage_add(c, g->rows[i].blob_id, tier,
			    g->rows[i].name, g->rows[i].token,
			    g->rows[i].size_bytes, g->rows[i].not_before_us,
			    err);
	}
	return rc;
}

/* The tiers to skip as ",1,5,", for the statement. */
static enum vt_code
skipped_tiers(struct vt_catalog *c, const struct vt_cat_garbage *g,
    char *out, size_t size, struct vt_err *err)
{
	enum vt_code rc;
	size_t at = 0, i;
	int64_t tier;

	*out = '\0';
	for (i = 0; i < g->skip_count; i++) {
		rc = vt_cat_tier_id(c, g->skip[i], &tier, err);
		if (rc != VT_OK)
			return rc;
		at += (size_t)snprintf(out + at, size - at, "%s%lld,",
		    i == 0 ? "," : "", (long long)tier);
		if (at >= size)
			return vt_fail(err, VT_INVALID, "too many tiers");
	}
	return VT_OK;
}

enum vt_code
vt_cat_op_garbage_claim(struct vt_catalog *c, struct vt_cat_garbage *g,
    int64_t now_us, struct vt_err *err)
{
	struct vt_conn *k = c->w;
	unsigned max = g->max > 0 && g->max <= 1000 ? g->max : 1000;
	struct vt_garbage *row;
	sqlite3_stmt *s;
	enum vt_code rc;
	char skip[512];
	size_t i;
	int r;

	g->count = 0;
	rc = skipped_tiers(c, g, skip, sizeof(skip), err);
	if (rc != VT_OK)
		return rc;
	g->rows = vt_arena_alloc(g->arena, max * sizeof(*g->rows));
	if (g->rows == NULL)
		return vt_fail(err, VT_BUSY, "out of memory for garbage");
	s = vt_conn_st(k, ST_GARBAGE_DUE);
	if (s == NULL)
		return vt_conn_fail(k, "read garbage", err);
	sqlite3_bind_int64(s, 1, g->ignore_grace ? INT64_MAX : now_us);
	bind_str(s, 2, c->owner);
	/* Deleting twice is harmless: names are never used again. */
	sqlite3_bind_int64(s, 3, g->ignore_grace ? INT64_MAX :
	    now_us - CLAIM_STALE_US);
	sqlite3_bind_int64(s, 4, max);
	bind_str(s, 5, skip);
	while ((r = sqlite3_step(s)) == SQLITE_ROW) {
		row = &g->rows[g->count];
		row->id = sqlite3_column_int64(s, 0);
		row->blob_id = (uint64_t)sqlite3_column_int64(s, 1);
		row->tier = vt_cat_tier_name(c, k,
		    sqlite3_column_int64(s, 2));
		row->name = vt_arena_str(g->arena,
		    (const char *)sqlite3_column_text(s, 3));
		row->token = vt_arena_str(g->arena,
		    (const char *)sqlite3_column_text(s, 4));
		row->size_bytes = (uint64_t)sqlite3_column_int64(s, 5);
		row->not_before_us = sqlite3_column_int64(s, 6);
		if (row->name == NULL || row->token == NULL)
			break;
		g->count++;
	}
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read garbage", err);
	sqlite3_reset(s);
	for (i = 0; i < g->count && rc == VT_OK; i++) {
		s = vt_conn_st(k, ST_GARBAGE_CLAIM);
		if (s == NULL)
			return vt_conn_fail(k, "claim garbage", err);
		sqlite3_bind_int64(s, 1, g->rows[i].id);
		bind_str(s, 2, c->owner);
		sqlite3_bind_int64(s, 3, now_us);
		rc = vt_conn_run(k, s, "claim garbage", err);
	}
	return rc;
}

enum vt_code
vt_cat_op_garbage_done(struct vt_catalog *c, const struct vt_cat_garbage *g,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	size_t i;

	for (i = 0; i < g->count && rc == VT_OK; i++) {
		rc = run_i(c, ST_GARBAGE_DEL, 1, g->rows[i].id, 0, 0,
		    "forget garbage", err);
		if (rc == VT_OK)
			rc = run_i(c, ST_INTENT_DEL, 1,
			    (int64_t)g->rows[i].blob_id, 0, 0,
			    "end an intent", err);
	}
	return rc;
}
