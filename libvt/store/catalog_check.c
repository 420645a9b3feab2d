/* The catalog as a whole: its figures, a snapshot and a check of it. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "libvt/store/catalog_row.h"

#define SNAPSHOT_RESTARTS 20
#define BUSY_TIMEOUT_SNAPSHOT_MS 10000

static enum vt_code
query_u64(struct vt_conn *k, const char *sql, uint64_t *out,
    struct vt_err *err)
{
	sqlite3_stmt *s = NULL;
	enum vt_code rc = VT_OK;

	if (sqlite3_prepare_v2(k->db, sql, -1, &s, NULL) != SQLITE_OK ||
	    sqlite3_step(s) != SQLITE_ROW)
		rc = vt_conn_fail(k, "count", err);
	else
		*out = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return rc;
}

enum vt_code
vt_catalog_stats(struct vt_catalog *c, struct vt_catalog_stats *out,
    struct vt_err *err)
{
	struct vt_conn *k;
	struct {
		const char *sql;
		uint64_t *to;
	} q[] = {
		{ "SELECT count(*) FROM bucket", &out->buckets },
		{ "SELECT count(*) FROM version WHERE marker = 0",
		    &out->versions },
		{ "SELECT count(*) FROM version WHERE marker = 1",
		    &out->markers },
		{ "SELECT count(*) FROM blob", &out->blobs },
		{ "SELECT count(*) FROM upload WHERE complete = 0",
		    &out->uploads },
		{ "SELECT count(*) FROM lease", &out->leases },
		{ "SELECT count(*) FROM garbage", &out->garbage },
		{ "SELECT coalesce(sum(size), 0) FROM garbage",
		    &out->garbage_bytes },
		{ "SELECT coalesce(max(value), 0) FROM meta"
		    " WHERE name = 'inline_bytes'", &out->inline_bytes },
	};
	enum vt_code rc;
	size_t i;

	memset(out, 0, sizeof(*out));
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	for (i = 0; i < sizeof(q) / sizeof(q[0]) && rc == VT_OK; i++)
		rc = query_u64(k, q[i].sql, q[i].to, err);
	vt_conn_give(c, k);
	out->wal_bytes = c->wal_bytes;
	out->commits = c->commits;
	out->operations = c->operations;
	out->checkpoints = c->checkpoints;
	return rc;
}

enum vt_code
vt_catalog_snapshot(struct vt_catalog *c, const char *path,
    struct vt_err *err)
{
	sqlite3 *to = NULL, *from = NULL;
	sqlite3_backup *b = NULL;
	enum vt_code rc = VT_OK;
	int r, left, last_left, restarts = 0, fd;

	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return vt_fail_errno(err, "cannot create '%s'", path);
	close(fd);
	r = sqlite3_open_v2(c->path, &from, SQLITE_OPEN_READONLY, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL);
	if (r != SQLITE_OK) {
		rc = vt_fail(err, VT_IO, "cannot write a snapshot to '%s'",
		    path);
		goto out;
	}
	sqlite3_busy_timeout(from, BUSY_TIMEOUT_SNAPSHOT_MS);
	b = sqlite3_backup_init(to, "main", from, "main");
	if (b == NULL) {
		rc = vt_fail(err, VT_IO, "cannot write a snapshot to '%s': "
		    "%s", path, sqlite3_errmsg(to));
		goto out;
	}
	/*
	 * A writer starts the copy anew; after some restarts the rest is
	 * taken in one step, which no writer can disturb.
	 */
	last_left = INT32_MAX;
	do {
		r = sqlite3_backup_step(b,
		    restarts < SNAPSHOT_RESTARTS ? 1000 : -1);
		left = sqlite3_backup_remaining(b);
		if (left >= last_left)
			restarts++;
		last_left = left;
	} while (r == SQLITE_OK || r == SQLITE_BUSY || r == SQLITE_LOCKED);
	sqlite3_backup_finish(b);
	if (r != SQLITE_DONE)
		rc = vt_fail(err, VT_IO, "cannot write a snapshot to '%s': "
		    "%s", path, sqlite3_errstr(r));
	else if (sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL,
	    NULL) != SQLITE_OK)
		rc = vt_fail(err, VT_IO, "cannot finish snapshot '%s': %s",
		    path, sqlite3_errmsg(to));
out:
	sqlite3_close(to);
	sqlite3_close(from);
	if (rc == VT_OK) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fsync(fd) < 0)
			rc = vt_fail_errno(err, "cannot sync '%s'", path);
		if (fd >= 0)
			close(fd);
	}
	if (rc != VT_OK)
		unlink(path);
	return rc;
}

enum vt_code
vt_catalog_check(struct vt_catalog *c, struct vt_err *err)
{
	static const struct {
		const char *sql, *what;
	} checks[] = {
		{ "SELECT count(*) FROM extent e LEFT JOIN blob b"
		    " ON b.id = e.blob WHERE b.id IS NULL",
		    "extents without their blob" },
		{ "SELECT count(*) FROM blob b LEFT JOIN (SELECT blob,"
		    " count(*) n, sum(length) l FROM extent GROUP BY blob) e"
		    " ON e.blob = b.id WHERE b.refs IS NOT e.n"
		    " OR b.live_bytes IS NOT e.l",
		    "blobs with a wrong count of references or live bytes" },
		{ "SELECT count(*) FROM extent WHERE copy NOT IN (SELECT id"
		    " FROM copy UNION ALL SELECT id FROM part)",
		    "extents of no copy or part" },
		{ "SELECT count(*) FROM copy c WHERE NOT EXISTS (SELECT 1"
		    " FROM version v WHERE v.seq = c.seq)",
		    "copies of no version" },
		{ "SELECT count(*) FROM version v WHERE marker = 0 AND NOT"
		    " EXISTS (SELECT 1 FROM copy c WHERE c.seq = v.seq"
		    " AND c.until_us = 0)", "versions without a lasting copy" },
		{ "SELECT count(*) FROM copy c WHERE until_us <> 0 AND NOT"
		    " EXISTS (SELECT 1 FROM restore r WHERE r.seq = c.seq)",
		    "temporary copies that no restore ends" },
		{ "SELECT count(*) FROM (SELECT 1 FROM version"
		    " GROUP BY bucket, key HAVING sum(current) <> 1 OR"
		    " max(seq) <> max(seq * current))",
		    "keys without exactly one current version" },
		{ "SELECT count(*) FROM blob b WHERE (b.inline = 1) <>"
		    " EXISTS (SELECT 1 FROM inline_data d"
		    " WHERE d.blob = b.id)", "blobs without inline bytes" },
		{ "SELECT count(*) FROM inline_data d WHERE NOT EXISTS"
		    " (SELECT 1 FROM blob b WHERE b.id = d.blob)",
		    "inline bytes of no blob" },
		{ "SELECT (SELECT coalesce(sum(size), 0) FROM blob WHERE"
		    " inline = 1) <> (SELECT coalesce(max(value), 0) FROM"
		    " meta WHERE name = 'inline_bytes')",
		    "wrong total of inline bytes" },
		{ "SELECT count(*) FROM garbage g JOIN blob b"
		    " ON b.id = g.blob", "blobs that are garbage" },
		{ "SELECT count(*) FROM copy c JOIN version v"
		    " ON v.seq = c.seq LEFT JOIN (SELECT copy,"
		    " sum(plain_length) n FROM extent GROUP BY copy) e"
		    " ON e.copy = c.id WHERE coalesce(e.n, 0) <> v.size",
		    "copies that do not add up to their version" },
		{ "SELECT count(*) FROM copy c JOIN version v"
		    " ON v.seq = c.seq LEFT JOIN extent e ON e.copy = c.id"
		    " LEFT JOIN blob b ON b.id = e.blob"
		    " WHERE c.plain <> 0 AND (e.idx IS NOT 0"
		    " OR e.length <> v.size OR b.transform <> ''"
		    " OR NOT (b.owned OR b.inline))",
		    "copies that are said to be plain and are not" },
		{ "SELECT count(*) FROM version WHERE rare <> -1 AND rare <> "
		    VT_CAT_RARE("is_null", "marker", "tags", "pin",
		    "lock_mode", "retain_until_us", "legal_hold"),
		    "versions of which it is said wrongly what they have" },
	};
	struct vt_conn *k;
	sqlite3_stmt *s = NULL;
	uint64_t n;
	enum vt_code rc;
	size_t i;

	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	if (sqlite3_prepare_v2(k->db, "PRAGMA integrity_check(1)", -1, &s,
	    NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
		rc = vt_conn_fail(k, "check", err);
	else if (strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0)
		rc = vt_fail(err, VT_CORRUPT, "catalog: %s",
		    (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]) && rc == VT_OK;
	    i++) {
		rc = query_u64(k, checks[i].sql, &n, err);
		if (rc == VT_OK && n != 0)
			rc = vt_fail(err, VT_CORRUPT, "catalog: %llu %s",
			    (unsigned long long)n, checks[i].what);
	}
	vt_conn_give(c, k);
	return rc;
}
