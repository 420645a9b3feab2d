/*
 * Listings, of keys, versions and uploads: with a prefix, a delimiter, from a
 * marker on.
 */
#include <stdio.h>
#include <string.h>

#include "libvt/store/catalog_row.h"

/* The least byte string that is greater than all that start with `p`; the
 * new length, 0 when there is none. */
static size_t
successor(const char *p, size_t len, char *out)
{
	memcpy(out, p, len);
	while (len > 0 && (unsigned char)out[len - 1] == 0xff)
		len--;
	if (len > 0)
		out[len - 1] = (char)((unsigned char)out[len - 1] + 1);
	return len;
}

static int
compare(const char *a, size_t an, const char *b, size_t bn)
{
	int d = memcmp(a, b, an < bn ? an : bn);

	return d != 0 ? d : (an > bn) - (an < bn);
}

static int
has_prefix(const char *key, size_t key_len, const char *p, size_t len)
{
	return key_len >= len && memcmp(key, p, len) == 0;
}

/* The length of the common prefix that `key` rolls up into, 0 for none. */
static size_t
rolled(const struct vt_list *l, const char *key, size_t key_len)
{
	const char *hit;

	if (l->delimiter_len == 0 || key_len < l->prefix_len)
		return 0;
	hit = memmem(key + l->prefix_len, key_len - l->prefix_len,
	    l->delimiter, l->delimiter_len);
	return hit != NULL ? (size_t)(hit - key) + l->delimiter_len : 0;
}

/*
 * Where a listing begins: at the prefix, or after the marker.  A marker that
 * lies in a common prefix skips all of it.  0: nothing can follow.
 */
static int
list_start(const struct vt_list *l, char *pos, size_t *pos_len,
    int *inclusive)
{
	size_t roll;

	*inclusive = 1;
	*pos_len = 0;
	if (l->prefix_len > VT_KEY_MAX || l->after_len > VT_KEY_MAX)
		return 0;
	if (l->prefix_len > 0)
		memcpy(pos, l->prefix, l->prefix_len);
	*pos_len = l->prefix_len;
	if (!l->has_after || compare(l->after, l->after_len, l->prefix,
	    l->prefix_len) < 0)
		return 1;
	if (has_prefix(l->after, l->after_len, l->prefix, l->prefix_len)) {
		roll = rolled(l, l->after, l->after_len);
		if (roll > 0) {
			*pos_len = successor(l->after, roll, pos);
			return *pos_len > 0;
		}
	}
	memcpy(pos, l->after, l->after_len);
	*pos_len = l->after_len;
	*inclusive = 0;
	return 1;
}

/* State of one listing, shared by both kinds. */
struct listing {
	const struct vt_list *l;
	int (*visit)(void *ctx, const struct vt_list_item *item);
	void *ctx;
	unsigned count;
	int truncated, done;
	char pos[VT_KEY_MAX + 1];	/* the key to go on at */
	size_t pos_len;
	int inclusive;
};

/* --- keys and versions ---------------------------------------------------- */

/* Names of owners seen in one listing: mostly one. */
struct owner_cache {
	int64_t id;
	char name[128];
};

static const char *
owner_name(struct vt_conn *k, struct owner_cache *oc, int64_t id)
{
	sqlite3_stmt *s;

	if (oc->id == id)
		return oc->name;
	oc->id = id;
	oc->name[0] = '\0';
	s = vt_conn_st(k, ST_OWNER_NAME);
	if (s == NULL)
		return "";
	sqlite3_bind_int64(s, 1, id);
	if (sqlite3_step(s) == SQLITE_ROW)
		snprintf(oc->name, sizeof(oc->name), "%s",
		    (const char *)sqlite3_column_text(s, 0));
	sqlite3_reset(s);
	return oc->name;
}

/*
 * One row of a listing.  1: seek to `pos` and go on there; 0: next row; -1:
 * the listing is over (done or truncated), -2: the visitor stopped it.
 */
static int
list_row(struct listing *g, const char *key, size_t key_len,
    const struct vt_version *v)
{
	struct vt_list_item item;
	size_t roll;

	if (!has_prefix(key, key_len, g->l->prefix, g->l->prefix_len)) {
		g->done = 1;
		return -1;
	}
	if (g->count == g->l->max) {
		g->truncated = 1;
		g->done = 1;
		return -1;
	}
	roll = rolled(g->l, key, key_len);
	memset(&item, 0, sizeof(item));
	item.key = key;
	item.key_len = roll > 0 ? roll : key_len;
	item.is_prefix = roll > 0;
	item.v = roll > 0 ? NULL : v;
	g->count++;
	if (roll > 0) {
		/* Keys below a common prefix are skipped, not walked. */
		g->pos_len = successor(key, roll, g->pos);
		g->inclusive = 1;
	}
	if (g->visit(g->ctx, &item) != 0) {
		g->done = 1;
		return -2;
	}
	if (roll > 0) {
		if (g->pos_len == 0)
			g->done = 1;
		return g->done ? -1 : 1;
	}
	return 0;
}

static enum vt_code
list_current(struct vt_conn *k, struct vt_catalog *c, struct listing *g,
    struct vt_err *err)
{
	struct owner_cache oc = { -1, "" };
	struct vt_version v;
	sqlite3_stmt *s;
	unsigned limit, rows;
	int r, next = 0;

	while (!g->done) {
		limit = g->l->max - g->count + 1;
		s = vt_conn_st(k, g->inclusive ? ST_LIST_INCLUSIVE : ST_LIST);
		if (s == NULL)
			return vt_conn_fail(k, "list", err);
		sqlite3_bind_int64(s, 1, g->l->bucket_id);
		sqlite3_bind_blob64(s, 2, g->pos, g->pos_len,
		    SQLITE_TRANSIENT);
		sqlite3_bind_int64(s, 3, limit);
		rows = 0;
		next = 0;
		while (next == 0 && (r = sqlite3_step(s)) == SQLITE_ROW) {
			rows++;
			memset(&v, 0, sizeof(v));
			v.bucket_id = g->l->bucket_id;
			v.key = sqlite3_column_blob(s, 0);
			v.key_len = (size_t)sqlite3_column_bytes(s, 0);
			v.seq = sqlite3_column_int64(s, 1);
			v.size_bytes = (uint64_t)sqlite3_column_int64(s, 2);
			v.mtime_us = sqlite3_column_int64(s, 3);
			v.etag = (const char *)sqlite3_column_text(s, 4);
			v.tier = vt_cat_tier_name(c, k,
			    sqlite3_column_int64(s, 5));
			v.owner = owner_name(k, &oc,
			    sqlite3_column_int64(s, 6));
			v.checksum = (const char *)sqlite3_column_text(s, 7);
			v.is_null = v.is_current = 1;
			v.meta = v.tags = v.pin = v.acl = v.sse = "";
			next = list_row(g, v.key, v.key_len, &v);
		}
		if (next == 0 && r != SQLITE_DONE) {
			enum vt_code rc = vt_conn_fail(k, "list", err);

			sqlite3_reset(s);
			return rc;
		}
		sqlite3_reset(s);
		if (next == -2)
			return vt_fail(err, VT_CANCELLED, "stopped");
		/* A limit larger than what remains: the table is at its end. */
		if (next == 0 && rows < limit)
			g->done = 1;
	}
	return VT_OK;
}

struct version_row {
	struct listing *g;
	int next;
};

static int
version_row(void *ctx, const struct vt_version *v)
{
	struct version_row *vr = ctx;

	vr->next = list_row(vr->g, v->key, v->key_len, v);
	return vr->next;
}

static enum vt_code
list_versions(struct vt_conn *k, struct vt_catalog *c, struct listing *g,
    struct vt_err *err)
{
	struct version_row vr = { g, 0 };
	int64_t seq = g->l->has_after && !g->inclusive ? g->l->after_seq : 0;
	unsigned rows, limit;
	int stopped;
	enum vt_code rc = VT_OK;

	while (!g->done && rc == VT_OK) {
		limit = g->l->max - g->count + 1;
		vr.next = 0;
		rc = vt_cat_walk_versions(c, k, g->l->bucket_id, g->pos,
		    g->pos_len, g->inclusive, seq, limit, 0, version_row, &vr,
		    &rows, &stopped, err);
		seq = 0;
		if (rc == VT_OK && vr.next == -2)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
		if (!stopped && rows < limit)
			g->done = 1;
	}
	return rc;
}

enum vt_code
vt_catalog_list(struct vt_catalog *c, const struct vt_list *l,
    int (*visit)(void *ctx, const struct vt_list_item *item), void *ctx,
    int *truncated, struct vt_err *err)
{
	struct listing g;
	struct vt_conn *k;
	enum vt_code rc;

	*truncated = 0;
	memset(&g, 0, sizeof(g));
	g.l = l;
	g.visit = visit;
	g.ctx = ctx;
	if (l->max == 0 || !list_start(l, g.pos, &g.pos_len, &g.inclusive))
		return VT_OK;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	rc = l->versions ? list_versions(k, c, &g, err) :
	    list_current(k, c, &g, err);
	vt_conn_give(c, k);
	*truncated = g.truncated;
	return rc;
}

/* --- uploads -------------------------------------------------------------- */

/* One page of upload rows; as list_row for the state of the listing. */
static enum vt_code
uploads_page(struct vt_catalog *c, struct vt_conn *k, struct listing *g,
    sqlite3_stmt *s, int (*visit)(void *ctx, int is_prefix,
    const struct vt_upload *u), unsigned *rows, int *next,
    struct vt_err *err)
{
	struct vt_arena *a;
	struct vt_upload u;
	enum vt_code rc = VT_OK;
	size_t roll;
	int r = SQLITE_DONE;

	*rows = 0;
	*next = 0;
	a = vt_arena_new(PAGE_ARENA_MAX);
	if (a == NULL)
		return nomem(err);
	while (*next == 0 && (r = sqlite3_step(s)) == SQLITE_ROW) {
		(*rows)++;
		rc = vt_cat_fill_upload(c, k, a, s, &u, err);
		if (rc != VT_OK)
			break;
		/* Where the next page goes on. */
		memcpy(g->pos, u.key, u.key_len);
		g->pos_len = u.key_len;
		g->inclusive = 0;
		if (!has_prefix(u.key, u.key_len, g->l->prefix,
		    g->l->prefix_len)) {
			*next = -1;
			break;
		}
		if (g->count == g->l->max) {
			g->truncated = 1;
			*next = -1;
			break;
		}
		roll = rolled(g->l, u.key, u.key_len);
		g->count++;
		if (roll > 0) {
			g->pos_len = successor(u.key, roll, g->pos);
			g->inclusive = 1;
			u.key_len = roll;
			u.id[0] = '\0';
			*next = g->pos_len > 0 ? 1 : -1;
		}
		if (visit(g->ctx, roll > 0, &u) != 0)
			*next = -1;
	}
	if (rc == VT_OK && *next == 0 && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "list uploads", err);
	sqlite3_reset(s);
	vt_arena_free(a);
	if (*next == -1)
		g->done = 1;
	return rc;
}

enum vt_code
vt_catalog_uploads(struct vt_catalog *c, const struct vt_list *l,
    const char *after_upload_id,
    int (*visit)(void *ctx, int is_prefix, const struct vt_upload *u),
    void *ctx, int *truncated, struct vt_err *err)
{
	struct listing g;
	struct vt_arena *a = NULL;
	struct vt_upload u;
	struct vt_conn *k;
	sqlite3_stmt *s;
	unsigned rows;
	int64_t row = 0;
	int next = 0;
	enum vt_code rc;

	*truncated = 0;
	memset(&g, 0, sizeof(g));
	g.l = l;
	g.ctx = ctx;
	if (l->max == 0 || !list_start(l, g.pos, &g.pos_len, &g.inclusive))
		return VT_OK;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	if (after_upload_id != NULL && after_upload_id[0] != '\0' &&
	    l->has_after && !g.inclusive) {
		/* The rest of the marker's key; an id that is gone by now
		 * starts at the next key. */
		a = vt_arena_new(1 << 20);
		if (a == NULL)
			rc = nomem(err);
		else if (vt_cat_get_upload(c, k, a, after_upload_id, &u, &row,
		    NULL) != VT_OK)
			row = 0;
	}
	if (rc == VT_OK && row > 0) {
		s = vt_conn_st(k, ST_UPLOAD_LIST_FROM);
		if (s == NULL)
			rc = vt_conn_fail(k, "list uploads", err);
		else {
			sqlite3_bind_int64(s, 1, l->bucket_id);
			sqlite3_bind_blob64(s, 2, g.pos, g.pos_len,
			    SQLITE_TRANSIENT);
			sqlite3_bind_int64(s, 3, row);
			rc = uploads_page(c, k, &g, s, visit, &rows, &next,
			    err);
		}
	}
	while (rc == VT_OK && !g.done) {
		/* After a key: its successor is the key and one NUL more. */
		if (!g.inclusive && g.pos_len <= VT_KEY_MAX)
			g.pos[g.pos_len++] = '\0';
		s = vt_conn_st(k, ST_UPLOAD_LIST);
		if (s == NULL) {
			rc = vt_conn_fail(k, "list uploads", err);
			break;
		}
		sqlite3_bind_int64(s, 1, l->bucket_id);
		sqlite3_bind_blob64(s, 2, g.pos, g.pos_len,
		    SQLITE_TRANSIENT);
		rc = uploads_page(c, k, &g, s, visit, &rows, &next, err);
		if (next == 0 && rows < 1001)
			g.done = 1;
	}
	vt_conn_give(c, k);
	vt_arena_free(a);
	*truncated = g.truncated;
	return rc;
}
