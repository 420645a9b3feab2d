/* Connections to SQLite: their statements, their failures, the reading pool. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/store/catalog_window.h"

#define BUSY_TIMEOUT_MS 10000

sqlite3_stmt *
vt_conn_st(struct vt_conn *k, enum vt_st which)
{
	if (k->st[which] == NULL &&
	    sqlite3_prepare_v3(k->db, vt_cat_sql[which], -1,
	    SQLITE_PREPARE_PERSISTENT, &k->st[which], NULL) != SQLITE_OK)
		return NULL;
	sqlite3_reset(k->st[which]);
	return k->st[which];
}

enum vt_code
vt_sqlite_code(sqlite3 *db)
{
	int system;

	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return VT_BUSY;
	case SQLITE_FULL:
		return VT_NOSPACE;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return VT_CORRUPT;
	case SQLITE_NOMEM:
		return VT_NOMEM;
	case SQLITE_CONSTRAINT:
		return VT_EXISTS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
		return VT_DENIED;
	case SQLITE_TOOBIG:
		return VT_TOO_LARGE;
	case SQLITE_IOERR:
		/* SQLITE_FULL is for ENOSPC on the file and its log alone: the
		 * log's index cannot grow either, and quotas end too. */
		system = sqlite3_system_errno(db);
		return sqlite3_extended_errcode(db) == SQLITE_IOERR_SHMSIZE ||
		    system == ENOSPC || system == EDQUOT ? VT_NOSPACE : VT_IO;
	default:
		return VT_IO;
	}
}

enum vt_code
vt_conn_fail(struct vt_conn *k, const char *doing, struct vt_err *err)
{
	return vt_fail(err, vt_sqlite_code(k->db), "catalog: cannot %s: %s",
	    doing, sqlite3_errmsg(k->db));
}

enum vt_code
vt_conn_run(struct vt_conn *k, sqlite3_stmt *s, const char *doing,
    struct vt_err *err)
{
	int rc;

	if (s == NULL)
		return vt_conn_fail(k, doing, err);
	rc = sqlite3_step(s);
	if (rc == SQLITE_DONE) {
		sqlite3_reset(s);
		return VT_OK;
	}
	vt_conn_fail(k, doing, err);
	sqlite3_reset(s);
	return err != NULL ? err->code : VT_IO;
}

void
vt_conn_close(struct vt_conn *k)
{
	int i;

	if (k == NULL)
		return;
	for (i = 0; i < ST_STATEMENTS; i++)
		sqlite3_finalize(k->st[i]);
	sqlite3_close(k->db);
	free(k);
}

enum vt_code
vt_conn_open(const char *path, int flags, struct vt_conn **out,
    struct vt_err *err)
{
	struct vt_conn *k;
	enum vt_code rc;

	*out = NULL;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	if (sqlite3_open_v2(path, &k->db, flags | SQLITE_OPEN_NOMUTEX,
	    NULL) != SQLITE_OK) {
		rc = vt_fail(err, VT_IO, "cannot open catalog '%s': %s", path,
		    k->db != NULL ? sqlite3_errmsg(k->db) : "out of memory");
		vt_conn_close(k);
		return rc;
	}
	sqlite3_extended_result_codes(k->db, 1);
	sqlite3_busy_timeout(k->db, BUSY_TIMEOUT_MS);
	/*
	 * Only a holder of the write lock may checkpoint: closing must not do
	 * it on the side.
	 */
	sqlite3_db_config(k->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (vt_conn_add_take_row(k) != SQLITE_OK ||
	    sqlite3_exec(k->db, "PRAGMA wal_autocheckpoint = 0;"
	    "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"
	    "PRAGMA cache_size = -8000; PRAGMA trusted_schema = OFF;",
	    NULL, NULL, NULL) != SQLITE_OK) {
		rc = vt_conn_fail(k, "configure a connection", err);
		vt_err_prefix(err, "'%s'", path);
		vt_conn_close(k);
		return rc;
	}
	*out = k;
	return VT_OK;
}

/* --- reading pool --------------------------------------------------------- */

enum vt_code
vt_conn_take(struct vt_catalog *c, struct vt_conn **out, struct vt_err *err)
{
	struct vt_conn *k;
	enum vt_code rc;

	pthread_mutex_lock(&c->pool_lock);
	k = c->pool;
	if (k != NULL)
		c->pool = k->next;
	pthread_mutex_unlock(&c->pool_lock);
	if (k == NULL) {
		rc = vt_conn_open(c->path, SQLITE_OPEN_READONLY, &k, err);
		if (rc != VT_OK) {
			*out = NULL;
			return rc;
		}
	}
	/* One snapshot for all statements of a call. */
	rc = vt_conn_run(k, vt_conn_st(k, ST_BEGIN), "begin reading", err);
	if (rc != VT_OK) {
		vt_conn_close(k);
		k = NULL;
	}
	*out = k;
	return rc;
}

void
vt_conn_give(struct vt_catalog *c, struct vt_conn *k)
{
	if (vt_conn_run(k, vt_conn_st(k, ST_COMMIT), "end reading",
	    NULL) != VT_OK) {
		vt_conn_close(k);
		return;
	}
	pthread_mutex_lock(&c->pool_lock);
	k->next = c->pool;
	c->pool = k;
	pthread_mutex_unlock(&c->pool_lock);
}

const char *
vt_cat_tier_name(struct vt_catalog *c, struct vt_conn *k, int64_t id)
{
	const char *name = "";
	sqlite3_stmt *s;

	if (id <= 0 || id >= TIER_CACHE)
		return "";
	pthread_mutex_lock(&c->names_lock);
	if (c->tier_name[id] == NULL) {
		s = vt_conn_st(k, ST_TIER_NAME);
		if (s != NULL) {
			sqlite3_bind_int64(s, 1, id);
			if (sqlite3_step(s) == SQLITE_ROW)
				c->tier_name[id] = strdup(
				    (const char *)sqlite3_column_text(s, 0));
			sqlite3_reset(s);
		}
	}
	if (c->tier_name[id] != NULL)
		name = c->tier_name[id];
	pthread_mutex_unlock(&c->names_lock);
	return name;
}
