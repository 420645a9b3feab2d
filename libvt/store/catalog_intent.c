/* Intents: names on other machines that may hold bytes which no row refers to
 * yet, noted before the first byte leaves (P4). */
#include <string.h>

#include "libvt/store/catalog_row.h"

#define PAGE 1000
#define LATE_US (3600LL * 1000000)

enum vt_code
vt_catalog_intents(struct vt_catalog *c, struct vt_arena *a, uint64_t first,
    uint64_t count, struct vt_cat_intent **out, size_t *n,
    struct vt_err *err)
{
	struct vt_cat_intent *x;
	struct vt_conn *k;
	sqlite3_stmt *s;
	enum vt_code rc;
	int r = SQLITE_DONE;

	*n = 0;
	*out = x = vt_arena_alloc(a, PAGE * sizeof(*x));
	if (x == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_INTENTS);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read intents", err);
		goto out;
	}
	sqlite3_bind_int64(s, 1, (int64_t)first);
	sqlite3_bind_int64(s, 2, (int64_t)(first + count));
	sqlite3_bind_int64(s, 3, PAGE);
	while (rc == VT_OK && (r = sqlite3_step(s)) == SQLITE_ROW) {
		x[*n].blob_id = (uint64_t)sqlite3_column_int64(s, 0);
		x[*n].tier = vt_cat_tier_name(c, k,
		    sqlite3_column_int64(s, 1));
		x[*n].name = vt_arena_str(a,
		    (const char *)sqlite3_column_text(s, 2));
		x[*n].upload = vt_arena_str(a,
		    (const char *)sqlite3_column_text(s, 3));
		if (x[*n].name == NULL || x[*n].upload == NULL)
			rc = vt_fail(err, VT_NOMEM, "out of memory");
		++*n;
	}
	if (rc == VT_OK && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read intents", err);
	sqlite3_reset(s);
out:
	vt_conn_give(c, k);
	return rc;
}

enum vt_code
vt_catalog_give_up(struct vt_catalog *c, uint64_t blob_id, const char *tier,
    const char *name, struct vt_err *err)
{
	struct vt_garbage g = { .blob_id = blob_id, .tier = tier,
	    .name = name, .token = "",
	    .not_before_us = vt_clock_now_us(c->o.clock) + LATE_US };
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_GARBAGE_ADD;
	op.u.garbage.rows = &g;
	op.u.garbage.count = 1;
	return vt_catalog_run(c, &op, err);
}

enum vt_code
vt_cat_op_intent(struct vt_catalog *c, const struct vt_cat_intent *in,
    struct vt_err *err)
{
	sqlite3_stmt *s;
	int64_t tier;
	enum vt_code rc;

	rc = vt_cat_tier_id(c, in->tier, &tier, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(c->w, ST_INTENT_ADD);
	if (s == NULL)
		return vt_conn_fail(c->w, "note an intent", err);
	sqlite3_bind_int64(s, 1, (int64_t)in->blob_id);
	sqlite3_bind_int64(s, 2, tier);
	bind_str(s, 3, in->name);
	bind_str(s, 4, in->upload);
	return vt_conn_run(c->w, s, "note an intent", err);
}
