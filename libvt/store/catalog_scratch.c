/* Names found on tiers, in a scratch file: see catalog_rebuild.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/store/catalog_rebuild.h"
#include "libvt/store/catalog_sqlite.h"

#define COLUMNS "tier, name, upload, size, mtime_us, written_us, blob, seq," \
	" start, part, is_group, detail"

enum {
	SEEN, LOOK, CLAIM, MARK, MARKED, MARKS, ADD, UNCLAIMED, WHOLE, MOVED,
	PARTS, OF_VERSION, OF_UPLOAD, STATEMENTS
};

static const char *const sql[STATEMENTS] = {
	[SEEN] = "INSERT OR REPLACE INTO seen(tier, name, size, mtime_us,"
	    " claimed) VALUES(?1, ?2, ?3, ?4, 0)",
	[LOOK] = "SELECT size FROM seen WHERE tier = ?1 AND name = ?2",
	[CLAIM] = "UPDATE seen SET claimed = 1 WHERE tier = ?1 AND name = ?2",
	[MARK] = "INSERT OR IGNORE INTO mark(id) VALUES(?1)",
	[MARKED] = "SELECT 1 FROM mark WHERE id = ?1",
	[MARKS] = "SELECT id FROM mark WHERE id > ?1 ORDER BY id",
	[ADD] = "INSERT INTO note(" COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6,"
	    " ?7, ?8, ?9, ?10, ?11, ?12)",
	[UNCLAIMED] = "SELECT tier, name, '', size, mtime_us, 0, 0, 0, 0, 0,"
	    " 0, NULL"
	    " FROM seen WHERE claimed = 0 ORDER BY tier, name",
	[WHOLE] = "SELECT " COLUMNS " FROM note WHERE is_group"
	    " OR (seq = 0 AND upload = '') ORDER BY written_us, is_group,"
	    " blob, tier, name",
	[MOVED] = "SELECT " COLUMNS " FROM note WHERE seq <> 0"
	    " AND NOT is_group ORDER BY seq, tier, start, written_us, name",
	[PARTS] = "SELECT " COLUMNS " FROM note WHERE seq = 0"
	    " AND upload <> '' AND NOT is_group"
	    " ORDER BY upload, part, written_us, name",
	[OF_VERSION] = "SELECT " COLUMNS " FROM note WHERE seq = ?1"
	    " AND upload = '' AND NOT is_group"
	    " ORDER BY tier, start, written_us, name",
	[OF_UPLOAD] = "SELECT " COLUMNS " FROM note WHERE seq = 0"
	    " AND upload = ?1 AND NOT is_group"
	    " ORDER BY part, written_us, name",
};

struct vt_scratch {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *st[STATEMENTS];
};

static enum vt_code
fail(struct vt_scratch *s, struct vt_err *err)
{
	return vt_fail(err, vt_sqlite_code(s->db), "scratch file '%s': %s",
	    s->path, sqlite3_errmsg(s->db));
}

static void
remove_files(const char *path)
{
	char journal[4200];

	unlink(path);
	snprintf(journal, sizeof(journal), "%s-journal", path);
	unlink(journal);
}

enum vt_code
vt_scratch_open(const char *path, struct vt_scratch **out, struct vt_err *err)
{
	struct vt_scratch *s = calloc(1, sizeof(*s));
	enum vt_code rc = VT_OK;
	int fd;

	*out = NULL;
	if (s == NULL || (s->path = strdup(path)) == NULL) {
		free(s);
		return vt_fail(err, VT_NOMEM, "out of memory");
	}
	remove_files(path);
	/* SQLite would make it readable by all. */
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		rc = vt_fail_errno(err, "cannot create '%s'", path);
	else
		close(fd);
	if (rc == VT_OK && (sqlite3_open_v2(path, &s->db,
	    SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
	    sqlite3_exec(s->db, "PRAGMA journal_mode = OFF;"
	    "PRAGMA synchronous = OFF; PRAGMA cache_size = -32000;"
	    "CREATE TABLE seen(tier TEXT NOT NULL, name TEXT NOT NULL,"
	    " size INTEGER NOT NULL, mtime_us INTEGER NOT NULL,"
	    " claimed INTEGER NOT NULL, PRIMARY KEY(tier, name))"
	    " WITHOUT ROWID; CREATE TABLE mark(id INTEGER PRIMARY KEY);"
	    "CREATE TABLE note(tier TEXT NOT NULL, name TEXT NOT NULL,"
	    " upload TEXT NOT NULL, size INTEGER NOT NULL,"
	    " mtime_us INTEGER NOT NULL, written_us INTEGER NOT NULL,"
	    " blob INTEGER NOT NULL, seq INTEGER NOT NULL,"
	    " start INTEGER NOT NULL, part INTEGER NOT NULL,"
	    " is_group INTEGER NOT NULL, detail TEXT);"
	    "CREATE INDEX note_seq ON note(seq) WHERE seq <> 0;"
	    "CREATE INDEX note_upload ON note(upload) WHERE upload <> '';"
	    "BEGIN",
	    NULL, NULL, NULL) != SQLITE_OK))
		rc = fail(s, err);
	if (rc != VT_OK) {
		vt_scratch_close(s);
		return rc;
	}
	*out = s;
	return VT_OK;
}

void
vt_scratch_close(struct vt_scratch *s)
{
	int i;

	if (s == NULL)
		return;
	for (i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(s->st[i]);
	sqlite3_close(s->db);
	remove_files(s->path);
	free(s->path);
	free(s);
}

static sqlite3_stmt *
statement(struct vt_scratch *s, int which)
{
	if (s->st[which] == NULL && sqlite3_prepare_v2(s->db, sql[which], -1,
	    &s->st[which], NULL) != SQLITE_OK)
		return NULL;
	sqlite3_reset(s->st[which]);
	return s->st[which];
}

static enum vt_code
run(struct vt_scratch *s, sqlite3_stmt *st, struct vt_err *err)
{
	if (st == NULL || sqlite3_step(st) != SQLITE_DONE)
		return fail(s, err);
	sqlite3_reset(st);
	return VT_OK;
}

enum vt_code
vt_scratch_seen(struct vt_scratch *s, const char *tier, const char *name,
    uint64_t size_bytes, int64_t mtime_us, struct vt_err *err)
{
	sqlite3_stmt *st = statement(s, SEEN);

	if (st != NULL) {
		sqlite3_bind_text(st, 1, tier, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 2, name, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 3, (int64_t)size_bytes);
		sqlite3_bind_int64(st, 4, mtime_us);
	}
	return run(s, st, err);
}

enum vt_code
vt_scratch_claim(struct vt_scratch *s, const char *tier, const char *name,
    uint64_t *size_bytes, struct vt_err *err)
{
	sqlite3_stmt *st = statement(s, LOOK);
	int r;

	if (st == NULL)
		return fail(s, err);
	sqlite3_bind_text(st, 1, tier, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, name, -1, SQLITE_STATIC);
	r = sqlite3_step(st);
	if (r == SQLITE_DONE)
		return VT_ABSENT;
	if (r != SQLITE_ROW)
		return fail(s, err);
	*size_bytes = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	st = statement(s, CLAIM);
	if (st != NULL) {
		sqlite3_bind_text(st, 1, tier, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 2, name, -1, SQLITE_STATIC);
	}
	return run(s, st, err);
}

enum vt_code
vt_scratch_mark(struct vt_scratch *s, uint64_t id, struct vt_err *err)
{
	sqlite3_stmt *st = statement(s, MARK);

	if (st != NULL)
		sqlite3_bind_int64(st, 1, (int64_t)id);
	return run(s, st, err);
}

int
vt_scratch_is_marked(struct vt_scratch *s, uint64_t id)
{
	sqlite3_stmt *st = statement(s, MARKED);
	int marked;

	if (st == NULL)
		return 0;
	sqlite3_bind_int64(st, 1, (int64_t)id);
	marked = sqlite3_step(st) == SQLITE_ROW;
	sqlite3_reset(st);
	return marked;
}

enum vt_code
vt_scratch_add(struct vt_scratch *s, const struct vt_scratch_row *row,
    struct vt_err *err)
{
	sqlite3_stmt *st = statement(s, ADD);

	if (st != NULL) {
		sqlite3_bind_text(st, 1, row->tier, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 2, row->name, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 3, row->upload, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 4, (int64_t)row->size_bytes);
		sqlite3_bind_int64(st, 5, row->mtime_us);
		sqlite3_bind_int64(st, 6, row->written_us);
		sqlite3_bind_int64(st, 7, (int64_t)row->blob_id);
		sqlite3_bind_int64(st, 8, row->seq);
		sqlite3_bind_int64(st, 9, (int64_t)row->offset);
		sqlite3_bind_int64(st, 10, row->part_number);
		sqlite3_bind_int(st, 11, row->is_group);
		if (row->detail != NULL)
			sqlite3_bind_text(st, 12, row->detail, -1,
			    SQLITE_STATIC);
		else
			sqlite3_bind_null(st, 12);
	}
	return run(s, st, err);
}

enum vt_code
vt_scratch_marked(struct vt_scratch *s, uint64_t after, uint64_t *ids,
    size_t max, size_t *count, struct vt_err *err)
{
	sqlite3_stmt *st = statement(s, MARKS);
	int r = SQLITE_ROW;

	*count = 0;
	if (st == NULL)
		return fail(s, err);
	sqlite3_bind_int64(st, 1, (int64_t)after);
	while (*count < max && (r = sqlite3_step(st)) == SQLITE_ROW)
		ids[(*count)++] = (uint64_t)sqlite3_column_int64(st, 0);
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		return fail(s, err);
	sqlite3_reset(st);
	return VT_OK;
}

/* Visit what a statement gives whose parameters are bound. */
static enum vt_code
visit_rows(struct vt_scratch *s, sqlite3_stmt *st, vt_scratch_visit *visit,
    void *ctx, struct vt_err *err)
{
	struct vt_scratch_row row;
	enum vt_code rc = VT_OK;
	int r = SQLITE_DONE;

	if (st == NULL)
		return fail(s, err);
	while (rc == VT_OK && (r = sqlite3_step(st)) == SQLITE_ROW) {
		memset(&row, 0, sizeof(row));
		row.tier = (const char *)sqlite3_column_text(st, 0);
		row.name = (const char *)sqlite3_column_text(st, 1);
		row.upload = (const char *)sqlite3_column_text(st, 2);
		row.size_bytes = (uint64_t)sqlite3_column_int64(st, 3);
		row.mtime_us = sqlite3_column_int64(st, 4);
		row.written_us = sqlite3_column_int64(st, 5);
		row.blob_id = (uint64_t)sqlite3_column_int64(st, 6);
		row.seq = sqlite3_column_int64(st, 7);
		row.offset = (uint64_t)sqlite3_column_int64(st, 8);
		row.part_number = (uint32_t)sqlite3_column_int64(st, 9);
		row.is_group = sqlite3_column_int(st, 10);
		row.detail = (const char *)sqlite3_column_text(st, 11);
		if (row.tier == NULL || row.name == NULL ||
		    row.upload == NULL)
			rc = vt_fail(err, VT_NOMEM, "out of memory");
		else if (visit(ctx, &row) != 0)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
	}
	if (rc == VT_OK && r != SQLITE_DONE)
		rc = fail(s, err);
	sqlite3_reset(st);
	return rc;
}

enum vt_code
vt_scratch_unclaimed(struct vt_scratch *s, vt_scratch_visit *visit, void *ctx,
    struct vt_err *err)
{
	return visit_rows(s, statement(s, UNCLAIMED), visit, ctx, err);
}

enum vt_code
vt_scratch_rows(struct vt_scratch *s, enum vt_scratch_order order,
    vt_scratch_visit *visit, void *ctx, struct vt_err *err)
{
	return visit_rows(s, statement(s, order == VT_SCRATCH_WHOLE ? WHOLE :
	    order == VT_SCRATCH_MOVED ? MOVED : PARTS), visit, ctx, err);
}

enum vt_code
vt_scratch_pieces(struct vt_scratch *s, const char *upload, int64_t seq,
    vt_scratch_visit *visit, void *ctx, struct vt_err *err)
{
	sqlite3_stmt *st = statement(s, *upload != '\0' ? OF_UPLOAD :
	    OF_VERSION);

	if (st != NULL && *upload != '\0')
		sqlite3_bind_text(st, 1, upload, -1, SQLITE_STATIC);
	else if (st != NULL)
		sqlite3_bind_int64(st, 1, seq);
	return visit_rows(s, st, visit, ctx, err);
}
