/* What there is on a tier, counted. */
#include <string.h>

#include "libvt/store/catalog_sqlite.h"

/* The three numbers of a statement about a tier. */
static enum vt_code
count(struct vt_conn *k, enum vt_st which, int64_t tier, uint64_t n[3],
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, which);
	enum vt_code rc = VT_OK;
	int i;

	if (s == NULL)
		return vt_conn_fail(k, "count what is on a tier", err);
	sqlite3_bind_int64(s, 1, tier);
	if (sqlite3_step(s) == SQLITE_ROW)
		for (i = 0; i < 3; i++)
			n[i] = (uint64_t)sqlite3_column_int64(s, i);
	else
		rc = vt_conn_fail(k, "count what is on a tier", err);
	sqlite3_reset(s);
	return rc;
}

/* Its number; 0: the catalog has never met it. */
static int64_t
find(struct vt_conn *k, const char *name)
{
	sqlite3_stmt *s = vt_conn_st(k, ST_TIER_ID);
	int64_t id = 0;

	if (s == NULL)
		return 0;
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW)
		id = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return id;
}

enum vt_code
vt_catalog_tier_use(struct vt_catalog *c, const char *tier,
    struct vt_tier_use *out, struct vt_err *err)
{
	uint64_t blobs[3] = { 0 }, garbage[3] = { 0 }, intents[3] = { 0 };
	struct vt_conn *k;
	enum vt_code rc;
	int64_t id;

	memset(out, 0, sizeof(*out));
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	id = find(k, tier);
	if (id != 0)
		rc = count(k, ST_TIER_BLOBS, id, blobs, err);
	if (id != 0 && rc == VT_OK)
		rc = count(k, ST_TIER_GARBAGE, id, garbage, err);
	if (id != 0 && rc == VT_OK)
		rc = count(k, ST_TIER_UPLOADS, id, intents, err);
	vt_conn_give(c, k);
	out->blobs = blobs[0];
	out->bytes = blobs[1];
	out->adopted = blobs[2];
	out->garbage = garbage[0];
	out->garbage_bytes = garbage[1];
	out->intents = intents[0];
	return rc;
}
