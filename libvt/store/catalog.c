/*
 * The catalog's handle: opening, the reading pool, the committer thread with
 * its group commit, the write lock behind a turnstile, leases in memory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/store/catalog_window.h"

#define GROUP_MAX 256
#define LEASE_DEFAULT 4096
#define BUSY_TIMEOUT_MS 10000
#define WAL_REFUSE_BYTES (4ULL << 30)
#define WAL_CHECKPOINT_BYTES (32ULL << 20)
#define RESERVE_STEP_BYTES (256 << 10)
#define RESERVE_MIN_BYTES (64 << 10)
#define RESERVE_RETRY_US 1000000

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

static void
conn_close(struct vt_conn *k)
{
	int i;

	if (k == NULL)
		return;
	for (i = 0; i < ST_STATEMENTS; i++)
		sqlite3_finalize(k->st[i]);
	sqlite3_close(k->db);
	free(k);
}

static enum vt_code
conn_open(const char *path, int flags, struct vt_conn **out,
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
		conn_close(k);
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
		conn_close(k);
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
		rc = conn_open(c->path, SQLITE_OPEN_READONLY, &k, err);
		if (rc != VT_OK) {
			*out = NULL;
			return rc;
		}
	}
	/* One snapshot for all statements of a call. */
	rc = vt_conn_run(k, vt_conn_st(k, ST_BEGIN), "begin reading", err);
	if (rc != VT_OK) {
		conn_close(k);
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
		conn_close(k);
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

/* --- the write lock ------------------------------------------------------- */

static int
lock_file(int fd, int op)
{
	int rc;

	do
		rc = flock(fd, op);
	while (rc < 0 && errno == EINTR);
	return rc;
}

/*
 * One writer at a time over all processes.  The turnstile keeps a process
 * that commits without pause from starving others: the next one in line
 * already holds it, so the last holder must queue behind.
 */
static enum vt_code
write_lock(struct vt_catalog *c, struct vt_err *err)
{
	int rc;

	if (lock_file(c->turn_fd, LOCK_EX) < 0)
		return vt_fail_errno(err, "cannot lock '%s'", c->path);
	rc = lock_file(c->lock_fd, LOCK_EX);
	lock_file(c->turn_fd, LOCK_UN);
	if (rc < 0)
		return vt_fail_errno(err, "cannot lock '%s'", c->path);
	return VT_OK;
}

static void
write_unlock(struct vt_catalog *c)
{
	lock_file(c->lock_fd, LOCK_UN);
}

/* --- opening -------------------------------------------------------------- */

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
	return VT_OK;
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

/*
 * Make this handle's owner file and lock it.  Its lock is what tells others
 * that we live: it ends with the process, whatever ends that.  It gets its
 * name when it is locked, so that one without a lock is of nobody.
 */
static enum vt_code
become_owner(struct vt_catalog *c, struct vt_err *err)
{
	uint8_t id[8];
	char hex[17], path[4096], fresh[4096];
	enum vt_code rc;

	if (vt_random(id, sizeof(id)) < 0)
		return vt_fail(err, VT_IO, "no random numbers");
	vt_hex_encode(id, sizeof(id), hex);
	snprintf(path, sizeof(path), "%s-owners", c->path);
	rc = vt_fs_mkdirs(path, err);
	if (rc != VT_OK)
		return rc;
	snprintf(path, sizeof(path), "%s-owners/%s", c->path, hex);
	snprintf(fresh, sizeof(fresh), "%s-owners/%s.new", c->path, hex);
	c->owner = strdup(hex);
	c->owner_path = strdup(path);
	if (c->owner == NULL || c->owner_path == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	for (;;) {
		c->owner_fd = open(fresh,
		    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (c->owner_fd < 0)
			return vt_fail_errno(err, "cannot create '%s'",
			    fresh);
		if (lock_file(c->owner_fd, LOCK_EX) < 0)
			return vt_fail_errno(err, "cannot lock '%s'", fresh);
		if (rename(fresh, path) == 0)
			return VT_OK;
		if (errno != ENOENT)
			return vt_fail_errno(err, "cannot name '%s'", path);
		/* Taken for a dead one's before it was locked: again. */
		close(c->owner_fd);
	}
}

/* Remove the owner files of processes that were killed: an absent one says the
 * same of their leases.  Best effort. */
static void
forget_dead_owners(struct vt_catalog *c)
{
	struct dirent *e;
	char path[4096];
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%s-owners", c->path);
	dir = opendir(path);
	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, c->owner) == 0)
			continue;
		fd = openat(dirfd(dir), e->d_name,
		    O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			unlinkat(dirfd(dir), e->d_name, 0);
		close(fd);
	}
	closedir(dir);
}

/* The file beside the catalog that keeps room for it, or -1. */
static int
reserve_open(const struct vt_catalog *c, int flags, off_t *size)
{
	char path[4096];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s-reserve", c->path);
	fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
	if (fd >= 0 && fstat(fd, &st) < 0) {
		close(fd);
		return -1;
	}
	*size = fd >= 0 ? st.st_size : 0;
	return fd;
}

/*
 * Keep some disk back, so that deletes work when it is full: as much of
 * `reserve_bytes` as there is.  Looked at now and then only, because on a full
 * disk a failed attempt is as dear as a good one.
 */
static void
reserve_take(struct vt_catalog *c)
{
	off_t have, more, most = (off_t)c->o.reserve_bytes;
	int fd;

	if (c->o.reserve_bytes == 0 ||
	    vt_clock_mono_us() < c->reserve_retry_us)
		return;
	c->reserve_retry_us = vt_clock_mono_us() + RESERVE_RETRY_US;
	fd = reserve_open(c, O_CREAT, &have);
	if (fd < 0)
		return;
	for (more = most - have; have < most &&
	    more >= RESERVE_MIN_BYTES; more /= 2) {
		if (posix_fallocate(fd, have, more) == 0)
			have += more;
		/* A failed attempt may leave some behind it. */
		else if (ftruncate(fd, have) < 0)
			break;
	}
	close(fd);
}

/*
 * Give back a slice, for the catalog to grow into: not all at once, or bodies
 * would take it.  Whoever put it aside: the disk is one.  0: there is no more.
 */
static int
reserve_give(struct vt_catalog *c)
{
	off_t have, slice;
	int fd, given;

	fd = reserve_open(c, 0, &have);
	if (fd < 0)
		return 0;
	slice = have / 64 > RESERVE_STEP_BYTES ? have / 64 :
	    RESERVE_STEP_BYTES;
	given = have > 0 &&
	    ftruncate(fd, have > slice ? have - slice : 0) == 0;
	close(fd);
	return given;
}

static void *committer(void *arg);

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

	rc = conn_open(c->path, SQLITE_OPEN_READWRITE, &c->w, err);
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
		rc = become_owner(c, err);
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
	rc = write_lock(c, err);
	if (rc != VT_OK)
		return rc;
	rc = open_file(c, err);
	/* The index of the log needs a little, even to read. */
	while (rc == VT_NOSPACE && reserve_give(c)) {
		conn_close(c->w);
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
	write_unlock(c);
	if (rc != VT_OK)
		return rc;
	sqlite3_wal_hook(c->w->db, count_wal, c);
	rc = vt_cat_ids_load(c, err);
	if (rc != VT_OK)
		return rc;
	forget_dead_owners(c);
	reserve_take(c);
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
		if (pthread_create(&c->thread, NULL, committer, c) != 0)
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

static void
checkpoint(struct vt_catalog *c, int mode)
{
	int log_pages = 0, done_pages = 0;

	if (write_lock(c, NULL) != VT_OK)
		return;
	if (sqlite3_wal_checkpoint_v2(c->w->db, NULL, mode, &log_pages,
	    &done_pages) == SQLITE_OK) {
		c->checkpoints++;
		if (log_pages == done_pages)
			c->wal_bytes = 0;
	}
	write_unlock(c);
}

static void
end_leases(struct vt_catalog *c)
{
	struct vt_lease_block *b, *older;
	struct vt_cat_op op;

	for (b = c->leases; b != NULL; b = older) {
		older = b->older;
		if (!c->broken) {
			memset(&op, 0, sizeof(op));
			op.kind = VT_CAT_LEASE_END;
			op.u.lease_end.first_id = b->first;
			/*
			 * A lease that stays is found dead by the next
			 * process and ended there.
			 */
			if (b->resolved == b->next - b->first &&
			    vt_catalog_run(c, &op, NULL) != VT_OK)
				c->broken = 1;
		}
		free(b);
	}
	if (c->spare != NULL && !c->broken) {
		memset(&op, 0, sizeof(op));
		op.kind = VT_CAT_LEASE_END;
		op.u.lease_end.first_id = c->spare->first;
		if (vt_catalog_run(c, &op, NULL) != VT_OK)
			c->broken = 1;
	}
	free(c->spare);
	c->leases = c->spare = NULL;
}

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
		end_leases(c);
		pthread_mutex_lock(&c->queue_lock);
		c->stopping = 1;
		pthread_cond_broadcast(&c->queue_cond);
		pthread_mutex_unlock(&c->queue_lock);
		pthread_join(c->thread, NULL);
		if (!c->broken && c->o.checkpointer)
			checkpoint(c, SQLITE_CHECKPOINT_TRUNCATE);
		else if (!c->broken && c->wal_bytes > WAL_CHECKPOINT_BYTES)
			checkpoint(c, SQLITE_CHECKPOINT_PASSIVE);
	}
	for (k = c->pool; k != NULL; k = next) {
		next = k->next;
		conn_close(k);
	}
	conn_close(c->w);
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

/* --- the committer -------------------------------------------------------- */

/* Operations that need room; the others make some, or are small. */
static int
needs_space(enum vt_cat_kind kind)
{
	return kind == VT_CAT_PUT || kind == VT_CAT_PART_PUT ||
	    kind == VT_CAT_UPLOAD_CREATE || kind == VT_CAT_BUCKET_CREATE ||
	    kind == VT_CAT_DOC_SET || kind == VT_CAT_LOCK_SET;
}

static void
fatal(struct vt_catalog *c, const struct vt_err *err)
{
	if (!c->broken && c->o.fatal != NULL)
		c->o.fatal(c->o.fatal_ctx, err->text);
	c->broken = 1;
}

/*
 * Run a group inside one transaction.  Without savepoints first: they copy
 * every page an operation touches, and operations check before they write.
 * Returns VT_OK when committed; VT_PRECONDITION when an operation failed after
 * it had written (run the group again with savepoints); else the failure of
 * the whole.
 */
static enum vt_code
run_group(struct vt_catalog *c, struct vt_cat_op *first, int savepoints,
    struct vt_err *err)
{
	struct vt_conn *k = c->w;
	struct vt_cat_op *op;
	int64_t now_us = vt_clock_now_us(c->o.clock);
	enum vt_code rc;
	sqlite3_int64 changes;
	int64_t inline_bytes;

	rc = vt_conn_run(k, vt_conn_st(k, ST_BEGIN_IMMEDIATE), "begin", err);
	if (rc != VT_OK)
		return rc;
	rc = vt_cat_ids_load(c, err);
	for (op = first; op != NULL && rc == VT_OK; op = op->next) {
		op->err.text[0] = '\0';
		changes = sqlite3_total_changes64(k->db);
		inline_bytes = c->inline_bytes;
		if (savepoints) {
			rc = vt_conn_run(k, vt_conn_st(k, ST_SAVEPOINT),
			    "begin", err);
			if (rc != VT_OK)
				break;
		}
		op->code = vt_cat_apply(c, op, now_us, &op->err);
		op->err.code = op->code;
		if (op->code == VT_NOSPACE || op->code == VT_IO ||
		    op->code == VT_CORRUPT || op->code == VT_NOMEM) {
			/* The transaction itself may be gone by now. */
			*err = op->err;
			rc = op->code;
			break;
		}
		if (op->code != VT_OK &&
		    sqlite3_total_changes64(k->db) != changes) {
			if (!savepoints) {
				rc = VT_PRECONDITION;
				break;
			}
			rc = vt_conn_run(k, vt_conn_st(k, ST_ROLLBACK_TO),
			    "undo", err);
			if (rc != VT_OK)
				break;
			/* Ids may be lost, bytes are counted. */
			c->inline_bytes = inline_bytes;
		}
		if (savepoints)
			rc = vt_conn_run(k, vt_conn_st(k, ST_RELEASE),
			    "release", err);
	}
	if (rc == VT_OK)
		rc = vt_cat_ids_store(c, err);
	if (rc == VT_OK)
		rc = vt_conn_run(k, vt_conn_st(k, ST_COMMIT), "commit", err);
	if (rc != VT_OK && !sqlite3_get_autocommit(k->db)) {
		struct vt_err ignored;	/* the first failure counts */

		if (vt_conn_run(k, vt_conn_st(k, ST_ROLLBACK), "roll back",
		    &ignored) != VT_OK && rc == VT_PRECONDITION) {
			*err = ignored;
			rc = ignored.code;
		}
	}
	return rc;
}

static void
fail_all(struct vt_cat_op *first, enum vt_code rc, const struct vt_err *err)
{
	struct vt_cat_op *op;

	for (op = first; op != NULL; op = op->next) {
		op->code = rc;
		op->err = *err;
		op->err.code = rc;
	}
}

/*
 * On a full disk: an operation that makes room, on its own and with the help
 * of the reserve.
 */
static enum vt_code
run_in_reserve(struct vt_catalog *c, struct vt_cat_op *op, struct vt_err *err)
{
	enum vt_code rc;
	int given = 0;

	do {
		/* The log's pages move home while there is room for them: it
		 * then begins anew in the space it has. */
		if (given && c->wal_bytes > 0)
			checkpoint(c, SQLITE_CHECKPOINT_PASSIVE);
		rc = write_lock(c, err);
		if (rc == VT_OK) {
			rc = run_group(c, op, 1, err);
			write_unlock(c);
		}
		given = rc == VT_NOSPACE && reserve_give(c);
	} while (given);
	return rc;
}

/* Before anybody is told that a bucket changed. */
static void
forget_buckets(struct vt_catalog *c, const struct vt_cat_op *op)
{
	for (; op != NULL; op = op->next)
		if (op->kind == VT_CAT_BUCKET_CREATE ||
		    op->kind == VT_CAT_BUCKET_DELETE ||
		    op->kind == VT_CAT_DOC_SET ||
		    op->kind == VT_CAT_LOCK_SET ||
		    op->kind == VT_CAT_VERSIONING_SET) {
			pthread_mutex_lock(&c->bucket_lock);
			c->bucket_epoch++;
			pthread_mutex_unlock(&c->bucket_lock);
			return;
		}
}

static void
commit_group(struct vt_catalog *c, struct vt_cat_op *first)
{
	struct vt_err err;
	struct vt_cat_op *op, *next;
	enum vt_code rc;

	memset(&err, 0, sizeof(err));
	if (c->broken) {
		vt_fail(&err, VT_IO, "the catalog stopped after a failure");
		fail_all(first, VT_IO, &err);
		goto complete;
	}
	rc = write_lock(c, &err);
	if (rc == VT_OK) {
		rc = run_group(c, first, 0, &err);
		if (rc == VT_PRECONDITION)
			rc = run_group(c, first, 1, &err);
		write_unlock(c);
	}
	if (rc == VT_NOSPACE) {
		/* What does not make room waits for it. */
		for (op = first; op != NULL; op = next) {
			next = op->next;
			op->next = NULL;
			if (needs_space(op->kind)) {
				op->code = VT_NOSPACE;
				op->err = err;
				op->err.code = VT_NOSPACE;
			} else {
				rc = run_in_reserve(c, op, &err);
				if (rc != VT_OK)
					fail_all(op, rc, &err);
			}
			op->next = next;
		}
	} else if (rc != VT_OK) {
		fail_all(first, rc, &err);
		if (rc == VT_IO || rc == VT_CORRUPT)
			fatal(c, &err);
	}
complete:
	c->commits++;
	forget_buckets(c, first);
	for (op = first; op != NULL; op = next) {
		next = op->next;
		c->operations++;
		vt_cat_settle(c, op);
		op->done(op);	/* op may be gone after this */
	}
}

static void *
committer(void *arg)
{
	struct vt_catalog *c = arg;
	struct vt_cat_op *first, **last;
	struct vt_err err;
	unsigned n;

	for (;;) {
		pthread_mutex_lock(&c->queue_lock);
		while (c->head == NULL && !c->stopping)
			pthread_cond_wait(&c->queue_cond, &c->queue_lock);
		first = c->head;
		last = &first;
		for (n = 0; *last != NULL && n < c->o.group_max; n++)
			last = &(*last)->next;
		c->head = *last;
		if (c->head == NULL)
			c->tail = &c->head;
		*last = NULL;
		pthread_mutex_unlock(&c->queue_lock);
		if (first == NULL)
			break;
		if (c->wal_bytes > WAL_REFUSE_BYTES) {
			/* A reader that never ends keeps the log growing. */
			checkpoint(c, SQLITE_CHECKPOINT_PASSIVE);
			if (c->wal_bytes > WAL_REFUSE_BYTES) {
				struct vt_cat_op *op, *next;

				vt_fail(&err, VT_BUSY, "catalog log is over "
				    "%llu bytes", WAL_REFUSE_BYTES);
				fail_all(first, VT_BUSY, &err);
				for (op = first; op != NULL; op = next) {
					next = op->next;
					op->done(op);
				}
				continue;
			}
		}
		commit_group(c, first);
		if (c->o.checkpointer && !c->broken &&
		    c->wal_bytes > WAL_CHECKPOINT_BYTES)
			checkpoint(c, SQLITE_CHECKPOINT_PASSIVE);
		reserve_take(c);
	}
	return NULL;
}

void
vt_catalog_submit(struct vt_catalog *c, struct vt_cat_op *op)
{
	op->next = NULL;
	op->code = VT_OK;
	op->err.text[0] = '\0';
	if (c->o.read_only) {
		op->code = vt_fail(&op->err, VT_DENIED,
		    "the catalog is open for reading only");
		op->done(op);
		return;
	}
	pthread_mutex_lock(&c->queue_lock);
	*c->tail = op;
	c->tail = &op->next;
	pthread_cond_signal(&c->queue_cond);
	pthread_mutex_unlock(&c->queue_lock);
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int done;
};

static void
wake(struct vt_cat_op *op)
{
	struct waiter *w = op->ctx;

	pthread_mutex_lock(&w->lock);
	w->done = 1;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

enum vt_code
vt_catalog_run(struct vt_catalog *c, struct vt_cat_op *op, struct vt_err *err)
{
	struct waiter w = { PTHREAD_MUTEX_INITIALIZER,
	    PTHREAD_COND_INITIALIZER, 0 };

	op->done = wake;
	op->ctx = &w;
	vt_catalog_submit(c, op);
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.cond, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_mutex_destroy(&w.lock);
	pthread_cond_destroy(&w.cond);
	if (op->code != VT_OK && err != NULL) {
		*err = op->err;
		err->code = op->code;
	}
	return op->code;
}

/* --- leases in memory ----------------------------------------------------- */

static void
lease_arrived(struct vt_cat_op *op)
{
	struct vt_catalog *c = op->ctx;
	struct vt_lease_block *b = NULL;

	if (op->code == VT_OK)
		b = calloc(1, sizeof(*b));
	if (b != NULL) {
		b->first = b->next = op->u.lease.first_id;
		b->end = b->first + op->u.lease.count;
	}
	pthread_mutex_lock(&c->lease_lock);
	c->spare = b;
	c->lease_wanted = 0;
	pthread_cond_broadcast(&c->lease_cond);
	pthread_mutex_unlock(&c->lease_lock);
	free(op);
}

/* With the lock held: ask for another block, not waiting for it. */
static int
lease_ask(struct vt_catalog *c)
{
	struct vt_cat_op *op;

	if (c->spare != NULL || c->lease_wanted)
		return 0;
	op = calloc(1, sizeof(*op));
	if (op == NULL)
		return -1;
	op->kind = VT_CAT_LEASE;
	op->u.lease.count = LEASE_DEFAULT;
	op->done = lease_arrived;
	op->ctx = c;
	c->lease_wanted = 1;
	vt_catalog_submit(c, op);
	return 0;
}

enum vt_code
vt_catalog_blob_id(struct vt_catalog *c, uint64_t *out, struct vt_err *err)
{
	struct vt_lease_block *b;

	if (c->o.read_only)
		return vt_fail(err, VT_DENIED,
		    "the catalog is open for reading only");
	pthread_mutex_lock(&c->lease_lock);
	while (c->leases == NULL || c->leases->next == c->leases->end) {
		if (c->spare != NULL) {
			c->spare->older = c->leases;
			c->leases = c->spare;
			c->spare = NULL;
			continue;
		}
		if (lease_ask(c) < 0) {
			pthread_mutex_unlock(&c->lease_lock);
			return vt_fail(err, VT_NOMEM, "out of memory");
		}
		while (c->lease_wanted)
			pthread_cond_wait(&c->lease_cond, &c->lease_lock);
		/* Another waiter may have taken the block that came. */
		if (c->spare == NULL && (c->leases == NULL ||
		    c->leases->next == c->leases->end)) {
			pthread_mutex_unlock(&c->lease_lock);
			return vt_fail(err, VT_BUSY,
			    "no lease on blob names could be had");
		}
	}
	b = c->leases;
	*out = b->next++;
	/* The next block comes before this one runs out. */
	if (b->end - b->next == (b->end - b->first) / 2)
		(void)lease_ask(c);
	pthread_mutex_unlock(&c->lease_lock);
	return VT_OK;
}

static void
lease_ended(struct vt_cat_op *op)
{
	/* One that could not be ended is found by recovery later. */
	free(op);
}

void
vt_catalog_blob_done(struct vt_catalog *c, uint64_t id)
{
	struct vt_lease_block *b, **link;
	struct vt_cat_op *op = NULL;

	pthread_mutex_lock(&c->lease_lock);
	for (link = &c->leases; *link != NULL; link = &(*link)->older) {
		b = *link;
		if (id < b->first || id >= b->end)
			continue;
		b->resolved++;
		if (b->resolved == b->end - b->first) {
			op = calloc(1, sizeof(*op));
			if (op != NULL) {
				op->kind = VT_CAT_LEASE_END;
				op->u.lease_end.first_id = b->first;
				op->done = lease_ended;
				*link = b->older;
				free(b);
			}
		}
		break;
	}
	pthread_mutex_unlock(&c->lease_lock);
	if (op != NULL)
		vt_catalog_submit(c, op);
}
