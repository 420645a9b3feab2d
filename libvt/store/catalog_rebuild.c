/* What a rebuild wants of the catalog: see catalog_rebuild.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/store/catalog_rebuild.h"
#include "libvt/store/catalog_sqlite.h"

/* No catalog gives so many ids between two snapshots. */
#define IDS_BEYOND "4294967296"
/* Former incarnations that are remembered, 17 characters each. */
#define LINEAGE_MAX 64

/* One text or number by a statement that nobody keeps; VT_ABSENT: no row. */
static enum vt_code
ask_text(sqlite3 *db, const char *sql, char *out, size_t size,
    struct vt_err *err)
{
	sqlite3_stmt *s = NULL;
	const unsigned char *text;
	enum vt_code rc = VT_OK;
	int r = SQLITE_ERROR;

	*out = '\0';
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK)
		r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		text = sqlite3_column_text(s, 0);
		snprintf(out, size, "%s", text != NULL ?
		    (const char *)text : "");
	} else {
		rc = r == SQLITE_DONE ? VT_ABSENT : vt_fail(err,
		    vt_sqlite_code(db), "catalog: %s", sqlite3_errmsg(db));
	}
	sqlite3_finalize(s);
	return rc;
}

int
vt_catalog_descends(struct vt_catalog *c, uint64_t incarnation)
{
	char lineage[LINEAGE_MAX * 17 + 1], hex[17];
	struct vt_conn *k;
	int is = 0;

	if (incarnation == vt_catalog_incarnation(c))
		return 1;
	if (vt_conn_take(c, &k, NULL) != VT_OK)
		return 0;
	if (ask_text(k->db, "SELECT value FROM meta WHERE name = 'lineage'",
	    lineage, sizeof(lineage), NULL) == VT_OK) {
		snprintf(hex, sizeof(hex), "%016" PRIx64, incarnation);
		is = strstr(lineage, hex) != NULL;
	}
	vt_conn_give(c, k);
	return is;
}

enum vt_code
vt_catalog_open_ids(struct vt_catalog *c, struct vt_arena *a,
    uint64_t *next_blob, struct vt_id_block **leases, size_t *count,
    struct vt_err *err)
{
	struct vt_id_block *grown;
	struct vt_conn *k;
	sqlite3_stmt *s;
	char text[32];
	size_t cap = 0;
	enum vt_code rc;
	int r = SQLITE_DONE;

	*leases = NULL;
	*count = 0;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	rc = ask_text(k->db, "SELECT value FROM meta WHERE"
	    " name = 'next_blob'", text, sizeof(text), err);
	*next_blob = rc == VT_OK ? strtoull(text, NULL, 10) : 1;
	if (rc == VT_ABSENT)
		rc = VT_OK;
	s = rc == VT_OK ? vt_conn_st(k, ST_LEASES) : NULL;
	if (rc == VT_OK && s == NULL)
		rc = vt_conn_fail(k, "read leases", err);
	while (rc == VT_OK && (r = sqlite3_step(s)) == SQLITE_ROW) {
		if (*count == cap) {
			cap = cap != 0 ? cap * 2 : 16;
			grown = vt_arena_alloc(a, cap * sizeof(*grown));
			if (grown == NULL) {
				rc = vt_fail(err, VT_NOMEM, "out of memory");
				break;
			}
			if (*count > 0)
				memcpy(grown, *leases,
				    *count * sizeof(*grown));
			*leases = grown;
		}
		(*leases)[*count].first = (uint64_t)sqlite3_column_int64(s,
		    0);
		(*leases)[(*count)++].count =
		    (uint64_t)sqlite3_column_int64(s, 1);
	}
	if (rc == VT_OK && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read leases", err);
	if (s != NULL)
		sqlite3_reset(s);
	vt_conn_give(c, k);
	return rc;
}

static enum vt_code
change_identity(sqlite3 *db, struct vt_err *err)
{
	char former[LINEAGE_MAX * 17 + 1], was[32], sql[2048];
	uint64_t incarnation;
	enum vt_code rc;

	rc = ask_text(db, "SELECT value FROM meta WHERE name = 'incarnation'",
	    was, sizeof(was), err);
	if (rc == VT_ABSENT)
		return vt_fail(err, VT_CORRUPT, "it has no identity");
	if (rc != VT_OK)
		return rc;
	rc = ask_text(db, "SELECT value FROM meta WHERE name = 'lineage'",
	    former, sizeof(former), err);
	if (rc != VT_OK && rc != VT_ABSENT)
		return rc;
	former[(LINEAGE_MAX - 1) * 17] = '\0';
	if (vt_random(&incarnation, sizeof(incarnation)) < 0)
		return vt_fail(err, VT_IO, "no random numbers");
	snprintf(sql, sizeof(sql), "BEGIN IMMEDIATE;"
	    "INSERT OR REPLACE INTO meta(name, value) VALUES"
	    "('incarnation', %" PRId64 "), ('lineage', '%016" PRIx64 " %s');"
	    "INSERT INTO meta(name, value) VALUES('next_blob', 1 + "
	    IDS_BEYOND "), ('next_id', 1 + " IDS_BEYOND ")"
	    " ON CONFLICT(name) DO UPDATE SET value = value + " IDS_BEYOND ";"
	    "DELETE FROM lease; DELETE FROM intent; COMMIT",
	    (int64_t)incarnation, (uint64_t)strtoll(was, NULL, 10), former);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return vt_fail(err, vt_sqlite_code(db), "%s",
		    sqlite3_errmsg(db));
	return VT_OK;
}

enum vt_code
vt_catalog_reborn(const char *path, struct vt_err *err)
{
	sqlite3 *db = NULL;
	enum vt_code rc;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) !=
	    SQLITE_OK)
		rc = vt_fail(err, VT_IO, "cannot open it");
	else
		rc = change_identity(db, err);
	sqlite3_close(db);
	if (rc != VT_OK)
		vt_err_prefix(err, "a new identity for '%s'", path);
	return rc;
}

/* --- names that are spoken for -------------------------------------------- */

#define NAMES_PAGE 256
#define NAME_BYTES 1024	/* of a blob's name, NUL included */
enum vt_code
vt_catalog_garbage_names(struct vt_catalog *c, const char *tier,
    int (*visit)(void *ctx, const char *name), void *ctx, struct vt_err *err)
{
	char (*names)[NAME_BYTES];
	int64_t after = 0;
	struct vt_conn *k;
	sqlite3_stmt *s;
	enum vt_code rc;
	int r = SQLITE_DONE, n, i;

	names = calloc(NAMES_PAGE, sizeof(*names));
	if (names == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	/* a page at a time: no read transaction is held while they are
	 * visited */
	do {
		n = 0;
		rc = vt_conn_take(c, &k, err);
		if (rc != VT_OK)
			break;
		s = vt_conn_st(k, ST_GARBAGE_NAMES);
		if (s == NULL) {
			rc = vt_conn_fail(k, "read garbage", err);
		} else {
			sqlite3_bind_int64(s, 1, after);
			sqlite3_bind_text(s, 2, tier, -1, SQLITE_STATIC);
			while (n < NAMES_PAGE && (r = sqlite3_step(s)) ==
			    SQLITE_ROW) {
				after = sqlite3_column_int64(s, 0);
				snprintf(names[n++], sizeof(names[0]), "%s",
				    (const char *)sqlite3_column_text(s, 1));
			}
			if (n < NAMES_PAGE && r != SQLITE_DONE)
				rc = vt_conn_fail(k, "read garbage", err);
			sqlite3_reset(s);
		}
		vt_conn_give(c, k);
		for (i = 0; i < n && rc == VT_OK; i++)
			if (visit(ctx, names[i]) != 0)
				rc = vt_fail(err, VT_CANCELLED, "stopped");
	} while (rc == VT_OK && n == NAMES_PAGE);
	free(names);
	return rc;
}

#define BLOBS_PAGE 1000		/* the statement's own limit */
static enum vt_code
take_blob(sqlite3_stmt *s, const char *tier, struct vt_arena *a,
    struct vt_blob *b, struct vt_err *err)
{
	b->id = (uint64_t)sqlite3_column_int64(s, 0);
	b->tier = tier;
	b->name = vt_arena_str(a, (const char *)sqlite3_column_text(s, 2));
	b->token = vt_arena_str(a, (const char *)sqlite3_column_text(s, 3));
	b->size_bytes = (uint64_t)sqlite3_column_int64(s, 4);
	b->crc64 = (uint64_t)sqlite3_column_int64(s, 5);
	b->owned = sqlite3_column_int(s, 6);
	b->is_inline = sqlite3_column_int(s, 7);
	b->transform = vt_arena_str(a,
	    (const char *)sqlite3_column_text(s, 8));
	if (b->name == NULL || b->token == NULL || b->transform == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	return VT_OK;
}

enum vt_code
vt_catalog_blob_page(struct vt_catalog *c, const char *tier, uint64_t after,
    struct vt_arena *a, struct vt_blob **out, size_t *count,
    struct vt_err *err)
{
	int64_t tier_id = 0;
	struct vt_conn *k;
	sqlite3_stmt *s;
	enum vt_code rc;
	int r = SQLITE_DONE;

	*count = 0;
	*out = vt_arena_alloc(a, BLOBS_PAGE * sizeof(**out));
	if (*out == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_TIER_ID);
	if (s != NULL) {
		sqlite3_bind_text(s, 1, tier, -1, SQLITE_STATIC);
		if (sqlite3_step(s) == SQLITE_ROW)
			tier_id = sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
	}
	s = vt_conn_st(k, ST_BLOBS_OF_TIER);
	if (s == NULL)
		rc = vt_conn_fail(k, "read blobs", err);
	else {
		sqlite3_bind_int64(s, 1, (int64_t)after);
		sqlite3_bind_int64(s, 2, tier_id);
		while (rc == VT_OK && *count < BLOBS_PAGE &&
		    (r = sqlite3_step(s)) == SQLITE_ROW)
			rc = take_blob(s, tier, a, &(*out)[(*count)++], err);
		if (rc == VT_OK && r != SQLITE_ROW && r != SQLITE_DONE)
			rc = vt_conn_fail(k, "read blobs", err);
		sqlite3_reset(s);
	}
	vt_conn_give(c, k);
	return rc;
}

static int
has_id(const uint64_t *ids, size_t count, uint64_t id)
{
	size_t low = 0, high = count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (ids[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < count && ids[low] == id;
}

#define USERS_PAGE 4096
enum vt_code
vt_catalog_blob_users(struct vt_catalog *c, const uint64_t *ids,
    size_t count, int (*visit)(void *ctx, const struct vt_blob_user *u),
    void *ctx, struct vt_err *err)
{
	struct vt_blob_user *found;
	int64_t copy = INT64_MIN, index = 0;
	struct vt_conn *k;
	sqlite3_stmt *s, *of;
	size_t n, i, rows;
	enum vt_code rc;
	int r = SQLITE_DONE;

	if (count == 0)
		return VT_OK;
	found = calloc(USERS_PAGE, sizeof(*found));
	if (found == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	do {
		n = rows = 0;
		rc = vt_conn_take(c, &k, err);
		if (rc != VT_OK)
			break;
		s = vt_conn_st(k, ST_EXTENTS_FROM);
		of = vt_conn_st(k, ST_COPY_SEQ);
		if (s == NULL || of == NULL)
			rc = vt_conn_fail(k, "read extents", err);
		else {
			sqlite3_bind_int64(s, 1, copy);
			sqlite3_bind_int64(s, 2, index);
		}
		while (rc == VT_OK && rows < USERS_PAGE &&
		    (r = sqlite3_step(s)) == SQLITE_ROW) {
			rows++;
			copy = sqlite3_column_int64(s, 0);
			index = sqlite3_column_int64(s, 1);
			found[n].blob_id = (uint64_t)sqlite3_column_int64(s,
			    2);
			if (!has_id(ids, count, found[n].blob_id))
				continue;
			found[n].copy_id = copy;
			found[n++].seq = 0;
		}
		if (rc == VT_OK && rows < USERS_PAGE && r != SQLITE_DONE)
			rc = vt_conn_fail(k, "read extents", err);
		for (i = 0; i < n && rc == VT_OK; i++) {
			sqlite3_reset(of);
			sqlite3_bind_int64(of, 1, found[i].copy_id);
			if (sqlite3_step(of) != SQLITE_ROW)
				continue;
			found[i].seq = sqlite3_column_int64(of, 0);
			if (sqlite3_column_bytes(of, 1) == VT_ID_LEN / 2)
				vt_hex_encode(sqlite3_column_blob(of, 1),
				    VT_ID_LEN / 2, found[i].upload_id);
		}
		if (s != NULL)
			sqlite3_reset(s);
		if (of != NULL)
			sqlite3_reset(of);
		vt_conn_give(c, k);
		for (i = 0; i < n && rc == VT_OK; i++)
			if (visit(ctx, &found[i]) != 0)
				rc = vt_fail(err, VT_CANCELLED, "stopped");
	} while (rc == VT_OK && rows == USERS_PAGE);
	free(found);
	return rc;
}

/* --- a copy whose bytes are gone, or wrong -------------------------------- */

static const struct vt_copy *
find_copy(const struct vt_version *v, const struct vt_cat_repair *p)
{
	for (size_t i = 0; i < v->copy_count; i++)
		if (v->copies[i].id == p->copy_id)
			return &v->copies[i];
	return NULL;
}

/* May the change be made?  `v` as it is in this transaction. */
static enum vt_code
check_repair(const struct vt_version *v, const struct vt_cat_repair *p,
    const struct vt_copy *broken, struct vt_err *err)
{
	size_t i;

	if (broken == NULL)
		return vt_fail(err, VT_PRECONDITION,
		    "the copy that was to be repaired is no longer there");
	if (p->is_lost)
		return VT_OK;
	for (i = 0; i < v->copy_count; i++)
		if (&v->copies[i] != broken &&
		    strcmp(v->copies[i].tier, p->tier) == 0)
			return vt_fail(err, VT_PRECONDITION,
			    "the version has a copy on '%s' already",
			    p->tier);
	return VT_OK;
}

/* Nothing of the version is left but what is dropped now? */
static int
is_last(const struct vt_version *v, const struct vt_copy *broken)
{
	for (size_t i = 0; i < v->copy_count; i++)
		if (&v->copies[i] != broken && v->copies[i].until_us == 0)
			return 0;
	return 1;
}

static enum vt_code
apply_repair(struct vt_catalog *c, const struct vt_version *v,
    struct vt_cat_repair *p, const struct vt_copy *broken, int64_t now_us,
    struct vt_err *err)
{
	int64_t due_us = now_us + p->grace_ms * 1000;
	int was_temporary = broken->until_us != 0;
	enum vt_code rc;

	if (p->is_lost && is_last(v, broken) && !was_temporary) {
		p->version_gone = 1;
		return vt_cat_version_forget(c, v, due_us, err);
	}
	rc = vt_cat_copy_drop(c, v->seq, broken, due_us, err);
	if (rc == VT_OK && was_temporary)
		rc = vt_cat_restore_forget(c, v->seq, err);
	if (rc == VT_OK && !p->is_lost && !was_temporary)
		rc = vt_cat_copy_put(c, v, p->tier, p->extents,
		    p->extent_count, now_us, &p->new_copy_id, err);
	/* LIST speaks of one that there is */
	if (rc == VT_OK && strcmp(v->tier, broken->tier) == 0 &&
	    !was_temporary)
		rc = vt_cat_version_on(c, v, p->is_lost ? NULL : p->tier,
		    broken, err);
	return rc;
}

enum vt_code
vt_cat_repair(struct vt_catalog *c, struct vt_cat_repair *p, int64_t now_us,
    struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(VERSION_ARENA_MAX);
	const struct vt_copy *broken;
	struct vt_version *v = NULL;
	enum vt_code rc;

	p->version_gone = 0;
	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_cat_read_seq(c, c->w, a, p->seq, 0, &v, err);
	if (rc == VT_ABSENT)
		rc = vt_fail(err, VT_ABSENT, "the version is gone");
	if (rc == VT_OK) {
		broken = find_copy(v, p);
		rc = check_repair(v, p, broken, err);
		if (rc == VT_OK)
			rc = apply_repair(c, v, p, broken, now_us, err);
	}
	vt_arena_free(a);
	return rc;
}
