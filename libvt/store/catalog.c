/* The catalog's handle: opening, schema, closing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/hash.h"

#include "libvt/store/catalog_sqlite.h"

#define GROUP_MAX 256

/* --- schema --------------------------------------------------------------- */

/* The schema of the file; VT_INVALID when it is a later program's. */
static enum vt_code
read_schema(struct vt_catalog *c, struct vt_conn *k, int *version,
    struct vt_err *err)
{
	sqlite3_stmt *s = NULL;
	enum vt_code rc;

	if (sqlite3_prepare_v2(k->db, "PRAGMA user_version", -1, &s,
	    NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW) {
		rc = vt_conn_fail(k, "read the schema number", err);
		sqlite3_finalize(s);
		return rc;
	}
	*version = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	if (*version <= vt_cat_migration_count)
		return VT_OK;
	return vt_fail(err, VT_INVALID, "catalog '%s' has schema %d, this "
	    "program knows up to %d: use the newer program", c->path,
	    *version, vt_cat_migration_count);
}

/* Reading changes nothing, and so cannot bring an old file up to date. */
static enum vt_code
check_schema(struct vt_catalog *c, struct vt_conn *k, struct vt_err *err)
{
	enum vt_code rc;
	int version;

	rc = read_schema(c, k, &version, err);
	if (rc == VT_OK && version < vt_cat_migration_count)
		rc = vt_fail(err, VT_INVALID, "catalog '%s' has schema %d, "
		    "not %d: let vt-serve open it once", c->path, version,
		    vt_cat_migration_count);
	return rc;
}

static enum vt_code
migrate_schema(struct vt_catalog *c, struct vt_err *err)
{
	struct vt_conn *k = c->w;
	char sql[64];
	sqlite3_stmt *s;
	uint64_t incarnation;
	enum vt_code rc;
	int version, i;

	rc = read_schema(c, k, &version, err);
	if (rc != VT_OK)
		return rc;
	if (sqlite3_exec(k->db, "PRAGMA journal_mode = WAL", NULL, NULL,
	    NULL) != SQLITE_OK)
		return vt_conn_fail(k, "switch to write-ahead logging", err);
	/* an index of many versions is not sorted in memory */
	if (version < vt_cat_migration_count && sqlite3_exec(k->db,
	    "PRAGMA temp_store = FILE", NULL, NULL, NULL) != SQLITE_OK)
		return vt_conn_fail(k, "upgrade the schema", err);
	for (i = version; i < vt_cat_migration_count; i++) {
		snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", i + 1);
		if (sqlite3_exec(k->db, "BEGIN IMMEDIATE", NULL, NULL,
		    NULL) != SQLITE_OK ||
		    sqlite3_exec(k->db, vt_cat_migrations[i], NULL, NULL,
		    NULL) != SQLITE_OK ||
		    sqlite3_exec(k->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
			rc = vt_conn_fail(k, "upgrade the schema", err);
			sqlite3_exec(k->db, "ROLLBACK", NULL, NULL, NULL);
			return rc;
		}
		if (i == 0) {
			if (vt_random(&incarnation, sizeof(incarnation)) < 0)
				return vt_fail(err, VT_IO,
				    "no random numbers");
			s = vt_conn_st(k, ST_META_SET);
			if (s == NULL)
				return vt_conn_fail(k, "set up", err);
			sqlite3_bind_text(s, 1, "incarnation", -1,
			    SQLITE_STATIC);
			sqlite3_bind_int64(s, 2, (int64_t)incarnation);
			rc = vt_conn_run(k, s, "set up", err);
			if (rc != VT_OK)
				return rc;
		}
		if (sqlite3_exec(k->db, "COMMIT", NULL, NULL, NULL) !=
		    SQLITE_OK)
			return vt_conn_fail(k, "upgrade the schema", err);
	}
	return sqlite3_exec(k->db, "PRAGMA temp_store = MEMORY", NULL, NULL,
	    NULL) == SQLITE_OK ? VT_OK :
	    vt_conn_fail(k, "upgrade the schema", err);
}

static enum vt_code
read_incarnation(struct vt_catalog *c, struct vt_conn *k, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, ST_META_GET);

	if (s == NULL)
		return vt_conn_fail(k, "read its identity", err);
	sqlite3_bind_text(s, 1, "incarnation", -1, SQLITE_STATIC);
	if (sqlite3_step(s) != SQLITE_ROW) {
		sqlite3_reset(s);
		return vt_fail(err, VT_CORRUPT,
		    "catalog '%s' has no identity", c->path);
	}
	c->incarnation = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return VT_OK;
}

/* --- opening -------------------------------------------------------------- */

static enum vt_code
open_beside(const char *path, const char *suffix, int *fd, struct vt_err *err)
{
	char name[4096];

	if ((size_t)snprintf(name, sizeof(name), "%s%s", path, suffix) >=
	    sizeof(name))
		return vt_fail(err, VT_INVALID, "path too long: '%s'", path);
	*fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return vt_fail_errno(err, "cannot open '%s'", name);
	return VT_OK;
}

static int
count_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct vt_catalog *c = ctx;

	(void)db;
	(void)name;
	c->wal_bytes = (uint64_t)pages * 4120;
	return SQLITE_OK;
}

static enum vt_code
open_file(struct vt_catalog *c, struct vt_err *err)
{
	enum vt_code rc;

	rc = vt_conn_open(c->path, SQLITE_OPEN_READWRITE, &c->w, err);
	if (rc == VT_OK)
		rc = migrate_schema(c, err);
	return rc;
}

static enum vt_code
open_writer(struct vt_catalog *c, struct vt_err *err)
{
	enum vt_code rc;
	int existed = access(c->path, F_OK) == 0;
	int fd;

	rc = open_beside(c->path, "-turn", &c->turn_fd, err);
	if (rc == VT_OK)
		rc = open_beside(c->path, "-lock", &c->lock_fd, err);
	if (rc == VT_OK)
		rc = vt_cat_become_owner(c, err);
	if (rc != VT_OK)
		return rc;
	if (!existed) {
		/* SQLite would make it readable by all. */
		fd = open(c->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			return vt_fail_errno(err, "cannot create '%s'",
			    c->path);
		close(fd);
	}
	rc = vt_cat_write_lock(c, err);
	if (rc != VT_OK)
		return rc;
	rc = open_file(c, err);
	/* The index of the log needs a little, even to read. */
	while (rc == VT_NOSPACE && vt_cat_reserve_give(c)) {
		vt_conn_close(c->w);
		c->w = NULL;
		rc = open_file(c, err);
	}
	if (rc == VT_OK && !existed) {
		/* The name itself must survive a power cut (P1). */
		char dir[4096], *slash;

		snprintf(dir, sizeof(dir), "%s", c->path);
		slash = strrchr(dir, '/');
		if (slash == NULL)
			strcpy(dir, ".");
		else
			slash[slash == dir] = '\0';
		rc = vt_fs_sync_dir(dir, err);
	}
	vt_cat_write_unlock(c);
	if (rc != VT_OK)
		return rc;
	sqlite3_wal_hook(c->w->db, count_wal, c);
	rc = vt_cat_ids_load(c, err);
	if (rc != VT_OK)
		return rc;
	vt_cat_forget_dead_owners(c);
	vt_cat_reserve_take(c);
	return read_incarnation(c, c->w, err);
}

/*
 * Before SQLite's first use in the process: without its count of memory, which
 * takes a global lock for every allocation of every thread.
 */
static void
configure_sqlite(void)
{
	/* Refused when somebody was first: slower then, not wrong. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum vt_code
vt_catalog_open(const char *path, const struct vt_catalog_options *o,
    struct vt_catalog **out, struct vt_err *err)
{
	struct vt_catalog *c;
	struct vt_conn *k;
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	enum vt_code rc;

	pthread_once(&once, configure_sqlite);
	*out = NULL;
	if (strlen(path) > 3900)
		return vt_fail(err, VT_INVALID, "path too long: '%s'", path);
	if (!o->create && access(path, F_OK) < 0)
		return vt_fail(err, errno == ENOENT ? VT_ABSENT : VT_DENIED,
		    "no catalog at '%s': %s", path, strerror(errno));
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	c->o = *o;
	if (c->o.group_max == 0)
		c->o.group_max = GROUP_MAX;
	c->owner_fd = c->turn_fd = c->lock_fd = -1;
	c->tail = &c->head;
	pthread_mutex_init(&c->pool_lock, NULL);
	pthread_mutex_init(&c->queue_lock, NULL);
	pthread_cond_init(&c->queue_cond, NULL);
	pthread_mutex_init(&c->names_lock, NULL);
	pthread_mutex_init(&c->bucket_lock, NULL);
	pthread_mutex_init(&c->lease_lock, NULL);
	pthread_cond_init(&c->lease_cond, NULL);
	c->path = strdup(path);
	if (c->path == NULL)
		rc = vt_fail(err, VT_NOMEM, "out of memory");
	else if (o->read_only) {
		rc = vt_conn_take(c, &k, err);
		if (rc == VT_OK) {
			rc = check_schema(c, k, err);
			if (rc == VT_OK)
				rc = read_incarnation(c, k, err);
			vt_conn_give(c, k);
		}
	} else
		rc = open_writer(c, err);
	if (rc == VT_OK && !o->read_only) {
		if (pthread_create(&c->thread, NULL, vt_cat_committer, c) != 0)
			rc = vt_fail(err, VT_NOMEM,
			    "cannot start the committer");
		else
			c->thread_started = 1;
	}
	if (rc != VT_OK) {
		vt_catalog_close(c);
		return rc;
	}
	*out = c;
	return VT_OK;
}

/* --- closing -------------------------------------------------------------- */

void
vt_catalog_close(struct vt_catalog *c)
{
	struct vt_conn *k, *next;
	int i;

	if (c == NULL)
		return;
	if (c->thread_started) {
		/* A lease request may still be on its way to us. */
		pthread_mutex_lock(&c->lease_lock);
		while (c->lease_wanted)
			pthread_cond_wait(&c->lease_cond, &c->lease_lock);
		pthread_mutex_unlock(&c->lease_lock);
		vt_cat_end_leases(c);
		pthread_mutex_lock(&c->queue_lock);
		c->stopping = 1;
		pthread_cond_broadcast(&c->queue_cond);
		pthread_mutex_unlock(&c->queue_lock);
		pthread_join(c->thread, NULL);
		if (!c->broken && c->o.checkpointer)
			vt_cat_checkpoint(c, SQLITE_CHECKPOINT_TRUNCATE);
		else if (!c->broken && c->wal_bytes > WAL_CHECKPOINT_BYTES)
			vt_cat_checkpoint(c, SQLITE_CHECKPOINT_PASSIVE);
	}
	for (k = c->pool; k != NULL; k = next) {
		next = k->next;
		vt_conn_close(k);
	}
	vt_conn_close(c->w);
	if (c->owner_fd >= 0) {
		/* With leases left the file must stay for recovery to find
		 * unlocked; an absent file says the same, so remove it. */
		unlink(c->owner_path);
		close(c->owner_fd);
	}
	if (c->turn_fd >= 0)
		close(c->turn_fd);
	if (c->lock_fd >= 0)
		close(c->lock_fd);
	for (i = 0; i < TIER_CACHE; i++)
		free(c->tier_name[i]);
	free(c->owner);
	free(c->owner_path);
	free(c->path);
	pthread_mutex_destroy(&c->pool_lock);
	pthread_mutex_destroy(&c->queue_lock);
	pthread_cond_destroy(&c->queue_cond);
	pthread_mutex_destroy(&c->names_lock);
	pthread_mutex_destroy(&c->bucket_lock);
	pthread_mutex_destroy(&c->lease_lock);
	pthread_cond_destroy(&c->lease_cond);
	free(c);
}

/* --- asking --------------------------------------------------------------- */

uint64_t
vt_catalog_incarnation(const struct vt_catalog *c)
{
	return c->incarnation;
}

uint64_t
vt_catalog_inline_bytes(const struct vt_catalog *c)
{
	return (uint64_t)c->inline_bytes;
}
