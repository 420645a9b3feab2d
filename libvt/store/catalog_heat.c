/*
 * heat.db: see catalog_heat.h.  A rollback journal and full syncs: it is
 * written once a scan, by the one process that holds the lock.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/fs.h"

#include "libvt/store/catalog_heat.h"
#include "libvt/store/catalog_sqlite.h"

#define SCHEMA 1

struct vt_heatdb {
	sqlite3 *db;
	char *path, *folder;	/* of the file, and of the runs */
	int lock_fd;		/* the folder, locked */
	int64_t last_run;
	/* whom the folder belongs to, when root works for somebody else */
	int for_other;
	uid_t uid;
	gid_t gid;
};

static const char schema[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE log(id INTEGER PRIMARY KEY, dev INTEGER NOT NULL,"
    " ino INTEGER NOT NULL, size INTEGER NOT NULL,"
    " mtime_ns INTEGER NOT NULL, done INTEGER NOT NULL,"
    " pos INTEGER NOT NULL, lines INTEGER NOT NULL,"
    " head_len INTEGER NOT NULL, head BLOB NOT NULL,"
    " tail_len INTEGER NOT NULL, tail BLOB NOT NULL);"
    "CREATE INDEX log_file ON log(ino, dev);"
    "CREATE INDEX log_head ON log(head, head_len);"
    "CREATE TABLE run(id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL);"
    "PRAGMA user_version = 1;";

#define LOG_COLUMNS \
	"id, dev, ino, size, mtime_ns, done, pos, lines, head_len, head," \
	" tail_len, tail"

static enum vt_code
fail(struct vt_heatdb *db, const char *doing, struct vt_err *err)
{
	return vt_fail(err, vt_sqlite_code(db->db), "'%s': cannot %s: %s",
	    db->path, doing, sqlite3_errmsg(db->db));
}

static enum vt_code
execute(struct vt_heatdb *db, const char *sql, const char *doing,
    struct vt_err *err)
{
	return sqlite3_exec(db->db, sql, NULL, NULL, NULL) == SQLITE_OK ?
	    VT_OK : fail(db, doing, err);
}

static enum vt_code
prepare(struct vt_heatdb *db, const char *sql, sqlite3_stmt **out,
    struct vt_err *err)
{
	return sqlite3_prepare_v2(db->db, sql, -1, out, NULL) == SQLITE_OK ?
	    VT_OK : fail(db, "prepare a statement", err);
}

/* Run a statement that gives no row, and end it. */
static enum vt_code
run(struct vt_heatdb *db, sqlite3_stmt *s, const char *doing,
    struct vt_err *err)
{
	enum vt_code rc = sqlite3_step(s) == SQLITE_DONE ? VT_OK :
	    fail(db, doing, err);

	sqlite3_finalize(s);
	return rc;
}

/* --- open and close ------------------------------------------------------- */

static enum vt_code
lock(struct vt_heatdb *db, const volatile int *cancel, struct vt_err *err)
{
	db->lock_fd = open(db->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (db->lock_fd < 0)
		return vt_fail_errno(err, "cannot open '%s'", db->folder);
	while (flock(db->lock_fd, LOCK_EX | (cancel == NULL ? LOCK_NB : 0)) <
	    0) {
		if (errno == EWOULDBLOCK)
			return vt_fail(err, VT_BUSY, "'%s' is in use",
			    db->folder);
		if (errno != EINTR)
			return vt_fail_errno(err, "cannot lock '%s'",
			    db->folder);
		if (cancel != NULL && *cancel)
			return vt_fail(err, VT_CANCELLED, "stopped");
	}
	return VT_OK;
}

static enum vt_code
integer(struct vt_heatdb *db, const char *sql, int64_t *out,
    struct vt_err *err)
{
	sqlite3_stmt *s;
	enum vt_code rc = prepare(db, sql, &s, err);

	*out = 0;
	if (rc != VT_OK)
		return rc;
	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		*out = sqlite3_column_int64(s, 0);
		break;
	case SQLITE_DONE:
		break;
	default:
		rc = fail(db, "read", err);
	}
	sqlite3_finalize(s);
	return rc;
}

/* Is it about these logs?  A new one is from now on. */
static enum vt_code
check_source(struct vt_heatdb *db, const char *source, struct vt_err *err)
{
	sqlite3_stmt *s;
	enum vt_code rc = prepare(db,
	    "SELECT value FROM meta WHERE name = 'source'", &s, err);
	const char *known;

	if (rc != VT_OK)
		return rc;
	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		known = (const char *)sqlite3_column_text(s, 0);
		if (known == NULL || strcmp(known, source) != 0)
			rc = vt_fail(err, VT_INVALID, "'%s' is of logs '%s', "
			    "not '%s'", db->path, known != NULL ? known : "",
			    source);
		sqlite3_finalize(s);
		return rc;
	case SQLITE_DONE:
		break;
	default:
		rc = fail(db, "read", err);
	}
	sqlite3_finalize(s);
	if (rc == VT_OK)
		rc = prepare(db, "INSERT INTO meta(name, value)"
		    " VALUES('source', ?1)", &s, err);
	if (rc != VT_OK)
		return rc;
	sqlite3_bind_text(s, 1, source, -1, SQLITE_STATIC);
	return run(db, s, "begin", err);
}

static enum vt_code
set_up(struct vt_heatdb *db, const char *source, int fresh,
    struct vt_err *err)
{
	int64_t version;
	enum vt_code rc;

	if (sqlite3_open_v2(db->path, &db->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return fail(db, "open", err);
	sqlite3_extended_result_codes(db->db, 1);
	rc = execute(db, "PRAGMA journal_mode = DELETE;"
	    "PRAGMA synchronous = EXTRA; PRAGMA temp_store = MEMORY;"
	    "PRAGMA trusted_schema = OFF; BEGIN IMMEDIATE;", "open", err);
	if (rc == VT_OK)
		rc = integer(db, "PRAGMA user_version", &version, err);
	if (rc == VT_OK && version > SCHEMA)
		rc = vt_fail(err, VT_INVALID, "'%s' has schema %lld, this "
		    "program knows up to %d: use the newer program", db->path,
		    (long long)version, SCHEMA);
	if (rc == VT_OK && version == 0)
		rc = execute(db, schema, "begin", err);
	if (rc == VT_OK && fresh)
		rc = execute(db, "DELETE FROM log; DELETE FROM run;"
		    "DELETE FROM meta;", "begin anew", err);
	if (rc == VT_OK)
		rc = check_source(db, source, err);
	if (rc == VT_OK)
		rc = execute(db, "COMMIT", "begin", err);
	return rc;
}

/* `runs` ascend. */
static int
is_listed(const struct vt_heatdb_run *runs, size_t count, int64_t id)
{
	size_t low = 0, high = count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (runs[middle].id == id)
			return 1;
		if (runs[middle].id > id)
			high = middle;
		else
			low = middle + 1;
	}
	return 0;
}

/* Remove what a crash left: runs that were never committed, or that were
 * dropped and not removed yet. */
static enum vt_code
remove_strays(struct vt_heatdb *db, struct vt_err *err)
{
	struct vt_heatdb_run *runs;
	struct dirent *e;
	enum vt_code rc;
	long long id;
	size_t count;
	char tail;
	DIR *d;

	rc = vt_heatdb_runs(db, &runs, &count, err);
	if (rc != VT_OK)
		return rc;
	if (count > 0)
		db->last_run = runs[count - 1].id;
	d = opendir(db->folder);
	if (d == NULL)
		rc = vt_fail_errno(err, "cannot read '%s'", db->folder);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (sscanf(e->d_name, "%lld.hea%c", &id, &tail) == 2 &&
		    !is_listed(runs, count, id))
			/* one that stays takes space and no more */
			(void)unlinkat(db->lock_fd, e->d_name, 0);
	if (d != NULL)
		closedir(d);
	free(runs);
	return rc;
}

/* What root makes in another's folder is the other's: it must stay able to
 * write there. */
static enum vt_code
give(struct vt_heatdb *db, int fd, struct vt_err *err)
{
	if (db->for_other && fchown(fd, db->uid, db->gid) < 0)
		return vt_fail_errno(err, "cannot give a file in '%s' to its "
		    "owner", db->folder);
	return VT_OK;
}

static enum vt_code
give_all(struct vt_heatdb *db, const char *folder, struct vt_err *err)
{
	struct stat st;

	if (geteuid() != 0 || stat(folder, &st) < 0 || st.st_uid == 0)
		return VT_OK;
	db->for_other = 1;
	db->uid = st.st_uid;
	db->gid = st.st_gid;
	if (chown(db->path, db->uid, db->gid) < 0)
		return vt_fail_errno(err, "cannot give '%s' to its owner",
		    db->path);
	return give(db, db->lock_fd, err);
}

enum vt_code
vt_heatdb_open(const char *folder, const char *source, int fresh,
    const volatile int *cancel, struct vt_heatdb **out, struct vt_err *err)
{
	struct vt_heatdb *db = calloc(1, sizeof(*db));
	enum vt_code rc;

	*out = NULL;
	if (db == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	db->lock_fd = -1;
	if (asprintf(&db->path, "%s/heat.db", folder) < 0)
		db->path = NULL;
	if (asprintf(&db->folder, "%s/heat", folder) < 0)
		db->folder = NULL;
	rc = db->path == NULL || db->folder == NULL ?
	    vt_fail(err, VT_NOMEM, "out of memory") :
	    vt_fs_mkdirs(db->folder, err);
	if (rc == VT_OK)
		rc = lock(db, cancel, err);
	if (rc == VT_OK)
		rc = set_up(db, source, fresh, err);
	if (rc == VT_OK)
		rc = give_all(db, folder, err);
	if (rc == VT_OK)
		rc = remove_strays(db, err);
	if (rc != VT_OK) {
		vt_heatdb_close(db);
		return rc;
	}
	*out = db;
	return VT_OK;
}

void
vt_heatdb_close(struct vt_heatdb *db)
{
	if (db == NULL)
		return;
	sqlite3_close(db->db);
	if (db->lock_fd >= 0)
		close(db->lock_fd);
	free(db->path);
	free(db->folder);
	free(db);
}

const char *
vt_heatdb_folder(const struct vt_heatdb *db)
{
	return db->folder;
}

/* --- logs ----------------------------------------------------------------- */

static void
get_digest(sqlite3_stmt *s, int column, uint8_t out[VT_HEATDB_DIGEST])
{
	memset(out, 0, VT_HEATDB_DIGEST);
	if (sqlite3_column_bytes(s, column) == VT_HEATDB_DIGEST)
		memcpy(out, sqlite3_column_blob(s, column), VT_HEATDB_DIGEST);
}

static void
get_log(sqlite3_stmt *s, struct vt_heatdb_log *l)
{
	l->id = sqlite3_column_int64(s, 0);
	l->dev = (uint64_t)sqlite3_column_int64(s, 1);
	l->ino = (uint64_t)sqlite3_column_int64(s, 2);
	l->size_bytes = (uint64_t)sqlite3_column_int64(s, 3);
	l->mtime_ns = sqlite3_column_int64(s, 4);
	l->is_done = sqlite3_column_int(s, 5);
	l->pos = (uint64_t)sqlite3_column_int64(s, 6);
	l->lines = (uint64_t)sqlite3_column_int64(s, 7);
	l->head_len = (uint32_t)sqlite3_column_int64(s, 8);
	get_digest(s, 9, l->head);
	l->tail_len = (uint32_t)sqlite3_column_int64(s, 10);
	get_digest(s, 11, l->tail);
}

enum vt_code
vt_heatdb_find_file(struct vt_heatdb *db, uint64_t dev, uint64_t ino,
    uint64_t size_bytes, int64_t mtime_ns, struct vt_heatdb_log *out,
    struct vt_err *err)
{
	sqlite3_stmt *s;
	enum vt_code rc = prepare(db, "SELECT " LOG_COLUMNS " FROM log"
	    " WHERE ino = ?1 AND dev = ?2 AND size = ?3 AND mtime_ns = ?4"
	    " ORDER BY id DESC", &s, err);

	if (rc != VT_OK)
		return rc;
	sqlite3_bind_int64(s, 1, (int64_t)ino);
	sqlite3_bind_int64(s, 2, (int64_t)dev);
	sqlite3_bind_int64(s, 3, (int64_t)size_bytes);
	sqlite3_bind_int64(s, 4, mtime_ns);
	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		get_log(s, out);
		break;
	case SQLITE_DONE:
		rc = VT_ABSENT;
		break;
	default:
		rc = fail(db, "find a log", err);
	}
	sqlite3_finalize(s);
	return rc;
}

enum vt_code
vt_heatdb_find_head(struct vt_heatdb *db, uint32_t head_len,
    const uint8_t head[VT_HEATDB_DIGEST],
    int (*visit)(void *ctx, const struct vt_heatdb_log *l), void *ctx,
    struct vt_err *err)
{
	struct vt_heatdb_log l;
	sqlite3_stmt *s;
	enum vt_code rc = prepare(db, "SELECT " LOG_COLUMNS " FROM log"
	    " WHERE head = ?1 AND head_len = ?2 ORDER BY pos DESC, id", &s,
	    err);
	int step;

	if (rc != VT_OK)
		return rc;
	sqlite3_bind_blob(s, 1, head, VT_HEATDB_DIGEST, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, head_len);
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		get_log(s, &l);
		if (visit(ctx, &l) != 0)
			break;
	}
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		rc = fail(db, "find a log", err);
	sqlite3_finalize(s);
	return rc;
}

static enum vt_code
keep_log(struct vt_heatdb *db, struct vt_heatdb_log *l, struct vt_err *err)
{
	sqlite3_stmt *s;
	enum vt_code rc = prepare(db, "INSERT OR REPLACE INTO log("
	    LOG_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
	    " ?11, ?12)", &s, err);

	if (rc != VT_OK)
		return rc;
	if (l->id != 0)
		sqlite3_bind_int64(s, 1, l->id);
	sqlite3_bind_int64(s, 2, (int64_t)l->dev);
	sqlite3_bind_int64(s, 3, (int64_t)l->ino);
	sqlite3_bind_int64(s, 4, (int64_t)l->size_bytes);
	sqlite3_bind_int64(s, 5, l->mtime_ns);
	sqlite3_bind_int(s, 6, l->is_done);
	sqlite3_bind_int64(s, 7, (int64_t)l->pos);
	sqlite3_bind_int64(s, 8, (int64_t)l->lines);
	sqlite3_bind_int64(s, 9, l->head_len);
	sqlite3_bind_blob(s, 10, l->head, VT_HEATDB_DIGEST, SQLITE_STATIC);
	sqlite3_bind_int64(s, 11, l->tail_len);
	sqlite3_bind_blob(s, 12, l->tail, VT_HEATDB_DIGEST, SQLITE_STATIC);
	rc = run(db, s, "keep the place in a log", err);
	if (rc == VT_OK && l->id == 0)
		l->id = sqlite3_last_insert_rowid(db->db);
	return rc;
}

/* --- runs ----------------------------------------------------------------- */

enum vt_code
vt_heatdb_runs(struct vt_heatdb *db, struct vt_heatdb_run **out,
    size_t *count, struct vt_err *err)
{
	struct vt_heatdb_run *runs = NULL, *more;
	size_t n = 0, cap = 0;
	sqlite3_stmt *s;
	enum vt_code rc;
	int step;

	*out = NULL;
	*count = 0;
	rc = prepare(db, "SELECT id, bytes FROM run ORDER BY id", &s, err);
	if (rc != VT_OK)
		return rc;
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		if (n == cap) {
			cap = cap != 0 ? cap * 2 : 16;
			more = realloc(runs, cap * sizeof(*runs));
			if (more == NULL) {
				rc = vt_fail(err, VT_NOMEM, "out of memory");
				break;
			}
			runs = more;
		}
		runs[n].id = sqlite3_column_int64(s, 0);
		runs[n++].bytes = (uint64_t)sqlite3_column_int64(s, 1);
	}
	if (rc == VT_OK && step != SQLITE_DONE)
		rc = fail(db, "list the files of heat", err);
	sqlite3_finalize(s);
	if (rc != VT_OK) {
		free(runs);
		return rc;
	}
	*out = runs;
	*count = n;
	return VT_OK;
}

static void
run_name(int64_t id, char out[32])
{
	snprintf(out, 32, "%lld.heat", (long long)id);
}

enum vt_code
vt_heatdb_run_open(struct vt_heatdb *db, int64_t id, int *fd,
    struct vt_err *err)
{
	char name[32];

	run_name(id, name);
	*fd = openat(db->lock_fd, name, O_RDONLY | O_CLOEXEC);
	if (*fd >= 0)
		return VT_OK;
	if (errno == ENOENT)
		return vt_fail(err, VT_CORRUPT, "'%s/%s' is missing: "
		    "'--rescan' reads all logs again", db->folder, name);
	return vt_fail_errno(err, "cannot open '%s/%s'", db->folder, name);
}

enum vt_code
vt_heatdb_run_create(struct vt_heatdb *db, int64_t *id, int *fd,
    struct vt_err *err)
{
	char name[32];

	*id = ++db->last_run;
	run_name(*id, name);
	*fd = openat(db->lock_fd, name, O_RDWR | O_CREAT | O_TRUNC |
	    O_CLOEXEC, 0600);
	return *fd >= 0 ? give(db, *fd, err) : vt_fail_errno(err,
	    "cannot make '%s/%s'", db->folder, name);
}

static enum vt_code
keep_run(struct vt_heatdb *db, int64_t id, uint64_t bytes, struct vt_err *err)
{
	sqlite3_stmt *s;
	enum vt_code rc = prepare(db, "INSERT INTO run(id, bytes)"
	    " VALUES(?1, ?2)", &s, err);

	if (rc != VT_OK)
		return rc;
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int64(s, 2, (int64_t)bytes);
	return run(db, s, "keep a file of heat", err);
}

static enum vt_code
drop_run(struct vt_heatdb *db, int64_t id, struct vt_err *err)
{
	sqlite3_stmt *s;
	enum vt_code rc = prepare(db, "DELETE FROM run WHERE id = ?1", &s,
	    err);

	if (rc != VT_OK)
		return rc;
	sqlite3_bind_int64(s, 1, id);
	return run(db, s, "drop a file of heat", err);
}

static enum vt_code
change(struct vt_heatdb *db, int64_t run_id, int fd, uint64_t run_bytes,
    const int64_t *dropped, size_t dropped_count,
    struct vt_heatdb_log *const *logs, size_t log_count, struct vt_err *err)
{
	enum vt_code rc = execute(db, "BEGIN IMMEDIATE", "begin", err);
	size_t i;

	if (rc == VT_OK && fd >= 0)
		rc = keep_run(db, run_id, run_bytes, err);
	for (i = 0; i < dropped_count && rc == VT_OK; i++)
		rc = drop_run(db, dropped[i], err);
	for (i = 0; i < log_count && rc == VT_OK; i++)
		rc = keep_log(db, logs[i], err);
	if (rc == VT_OK)
		rc = execute(db, "COMMIT", "keep the place", err);
	if (rc != VT_OK)
		(void)execute(db, "ROLLBACK", "go back", NULL);
	return rc;
}

enum vt_code
vt_heatdb_commit(struct vt_heatdb *db, int64_t run_id, int fd,
    uint64_t run_bytes, const int64_t *dropped, size_t dropped_count,
    struct vt_heatdb_log *const *logs, size_t log_count, struct vt_err *err)
{
	enum vt_code rc;
	char name[32];
	size_t i;

	if (fd >= 0 && (fsync(fd) < 0 || fsync(db->lock_fd) < 0))
		return vt_fail_errno(err, "cannot sync a file in '%s'",
		    db->folder);
	rc = change(db, run_id, fd, run_bytes, dropped, dropped_count, logs,
	    log_count, err);
	for (i = 0; i < dropped_count && rc == VT_OK; i++) {
		run_name(dropped[i], name);
		/* one that stays is removed when next somebody opens */
		(void)unlinkat(db->lock_fd, name, 0);
	}
	return rc;
}
