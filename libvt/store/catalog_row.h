/*
 * Inside the catalog: what is done with a statement again and again.
 */
#ifndef VT_STORE_CATALOG_ROW_H
#define VT_STORE_CATALOG_ROW_H

#include "libvt/store/catalog_sqlite.h"

static inline enum vt_code
nomem(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "out of memory reading the catalog");
}

/* A column copied into the arena; NULL: no memory. */
static inline char *
col_str(struct vt_arena *a, sqlite3_stmt *s, int i)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return vt_arena_str(a, text != NULL ? text : "");
}

static inline char *
col_bytes(struct vt_arena *a, sqlite3_stmt *s, int i, size_t *len)
{
	const void *data = sqlite3_column_blob(s, i);

	*len = (size_t)sqlite3_column_bytes(s, i);
	return vt_arena_dup(a, data != NULL ? data : "", *len);
}

/* Run a statement of the committer's with up to three integers. */
static inline enum vt_code
run_i(struct vt_catalog *c, enum vt_st which, int n, int64_t a, int64_t b,
    int64_t d, const char *doing, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, which);

	if (s == NULL)
		return vt_conn_fail(c->w, doing, err);
	if (n > 0)
		sqlite3_bind_int64(s, 1, a);
	if (n > 1)
		sqlite3_bind_int64(s, 2, b);
	if (n > 2)
		sqlite3_bind_int64(s, 3, d);
	return vt_conn_run(c->w, s, doing, err);
}

/* Bind a text, NULL being "", or bytes.  They are not copied. */
static inline void
bind_str(sqlite3_stmt *s, int i, const char *text)
{
	sqlite3_bind_text(s, i, text != NULL ? text : "", -1, SQLITE_STATIC);
}

static inline void
bind_bytes(sqlite3_stmt *s, int i, const void *data, size_t len)
{
	sqlite3_bind_blob64(s, i, data != NULL ? data : "", len,
	    SQLITE_STATIC);
}

#endif
