/*
 * Lean scans of a bucket's versions.
 *
 * The names come from the index of (bucket, key, seq), in its own order: a key
 * whose versions are all at hand is turned round in memory, one with very many
 * is read backwards.  What belongs to a name is in four tables, each in the
 * order of a number that was given at commit.  Names and numbers often rise
 * together, so each table has a cursor that stays where it is: the next row
 * is mostly the one that is wanted, and costs a fraction of a look-up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hex.h"

#include "libvt/store/catalog_sqlite.h"

#define GROUP_MAX 256		/* versions of a key turned round in memory */
/* So far ahead it costs less to step over what is between than to seek; a
 * version takes two numbers. */
#define STEP_IDS 12

/* A statement of rows with number >= ?1, in order; the first column is it. */
struct cursor {
	sqlite3_stmt *s;
	int64_t at;
	int has_row;
};

struct walk {
	struct vt_catalog *c;
	struct vt_conn *k;
	struct cursor version, copy, extent, blob;
	const char *tier_name[TIER_CACHE];	/* those seen */
	struct vt_version v;
	struct vt_copy *copies;
	size_t copy_cap;
	/* the key, with room for what follows it; some of its versions */
	char key[VT_KEY_MAX + 1];
	size_t key_len;
	int64_t seqs[GROUP_MAX];
	size_t count;
	unsigned rows, limit;
	int stopped;
	int (*row)(void *ctx, const struct vt_version *v);
	void *ctx;
};

/* --- cursors -------------------------------------------------------------- */

static enum vt_code
cursor_step(struct walk *w, struct cursor *p, struct vt_err *err)
{
	int r = sqlite3_step(p->s);

	p->has_row = r == SQLITE_ROW;
	if (p->has_row)
		p->at = sqlite3_column_int64(p->s, 0);
	else if (r != SQLITE_DONE)
		return vt_conn_fail(w->k, "scan", err);
	return VT_OK;
}

/* To the first row with number `id`; *found 0: there is none. */
static enum vt_code
cursor_seek(struct walk *w, struct cursor *p, int64_t id, int *found,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;

	if (!p->has_row || id < p->at || id - p->at > STEP_IDS) {
		sqlite3_reset(p->s);
		sqlite3_bind_int64(p->s, 1, id);
		rc = cursor_step(w, p, err);
	}
	while (rc == VT_OK && p->has_row && p->at < id)
		rc = cursor_step(w, p, err);
	*found = rc == VT_OK && p->has_row && p->at == id;
	return rc;
}

static enum vt_code
cursors_open(struct walk *w, struct vt_err *err)
{
	w->version.s = vt_conn_st(w->k, ST_LEAN_VERSIONS);
	w->copy.s = vt_conn_st(w->k, ST_LEAN_COPIES);
	w->extent.s = vt_conn_st(w->k, ST_LEAN_EXTENTS);
	w->blob.s = vt_conn_st(w->k, ST_LEAN_BLOBS);
	if (w->version.s == NULL || w->copy.s == NULL ||
	    w->extent.s == NULL || w->blob.s == NULL)
		return vt_conn_fail(w->k, "scan", err);
	return VT_OK;
}

/* No statement may outlive the transaction of the call. */
static void
cursors_close(struct walk *w)
{
	sqlite3_reset(w->version.s);
	sqlite3_reset(w->copy.s);
	sqlite3_reset(w->extent.s);
	sqlite3_reset(w->blob.s);
}

/* --- a version ------------------------------------------------------------ */

static const char *
tier_name(struct walk *w, int64_t id)
{
	if (id <= 0 || id >= TIER_CACHE)
		return "";
	if (w->tier_name[id] == NULL)
		w->tier_name[id] = vt_cat_tier_name(w->c, w->k, id);
	return w->tier_name[id];
}

static enum vt_code
nomem(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "out of memory reading the catalog");
}

/* Until the next step; NULL: no memory.  Asking for the text makes a copy of
 * it, which most, being empty, do not need. */
static const char *
column_text(sqlite3_stmt *s, int i)
{
	return sqlite3_column_bytes(s, i) == 0 ? "" :
	    (const char *)sqlite3_column_text(s, i);
}

/* The blob of its only extent is at hand. */
static enum vt_code
note_form(struct walk *w, struct vt_copy *copy, struct vt_err *err)
{
	sqlite3_stmt *s = w->blob.s;
	const char *transform = column_text(s, 2);

	if (transform == NULL)
		return nomem(err);
	snprintf(copy->form, sizeof(copy->form), "%s", transform);
	copy->blob_id = (uint64_t)w->blob.at;
	copy->blob_bytes = (uint64_t)sqlite3_column_int64(s, 3);
	copy->blob_live = (uint64_t)sqlite3_column_int64(s, 4);
	return VT_OK;
}

/* What the copy's extents come to. */
static enum vt_code
sum_extents(struct walk *w, struct vt_copy *copy, struct vt_err *err)
{
	size_t count = 0;
	enum vt_code rc;
	int found = 0;

	rc = cursor_seek(w, &w->extent, copy->id, &found, err);
	while (rc == VT_OK && w->extent.has_row &&
	    w->extent.at == copy->id) {
		copy->stored_bytes += (uint64_t)sqlite3_column_int64(
		    w->extent.s, 1);
		rc = cursor_seek(w, &w->blob,
		    sqlite3_column_int64(w->extent.s, 2), &found, err);
		if (found && !sqlite3_column_int(w->blob.s, 1))
			copy->is_adopted = 1;
		count++;
		if (rc == VT_OK)
			rc = cursor_step(w, &w->extent, err);
	}
	/* most blobs are as they were sent */
	if (rc == VT_OK && count == 1 && found &&
	    sqlite3_column_bytes(w->blob.s, 2) != 0)
		rc = note_form(w, copy, err);
	return rc;
}

static struct vt_copy *
next_copy(struct walk *w)
{
	struct vt_copy *more;
	size_t cap;

	if (w->v.copy_count == w->copy_cap) {
		cap = w->copy_cap != 0 ? w->copy_cap * 2 : 4;
		more = realloc(w->copies, cap * sizeof(*more));
		if (more == NULL)
			return NULL;
		w->copies = more;
		w->copy_cap = cap;
	}
	more = &w->copies[w->v.copy_count++];
	memset(more, 0, sizeof(*more));
	return more;
}

static enum vt_code
find_copies(struct walk *w, struct vt_err *err)
{
	sqlite3_stmt *s = w->copy.s;
	struct vt_copy *copy;
	enum vt_code rc;
	int found;

	rc = cursor_seek(w, &w->copy, w->v.seq, &found, err);
	while (rc == VT_OK && w->copy.has_row && w->copy.at == w->v.seq) {
		copy = next_copy(w);
		if (copy == NULL)
			return nomem(err);
		copy->tier = tier_name(w, sqlite3_column_int64(s, 1));
		copy->id = sqlite3_column_int64(s, 2);
		copy->created_us = sqlite3_column_int64(s, 3);
		copy->until_us = sqlite3_column_int64(s, 4);
		rc = sum_extents(w, copy, err);
		if (rc == VT_OK)
			rc = cursor_step(w, &w->copy, err);
	}
	w->v.copies = w->copies;
	return rc;
}

/* The columns of ST_LEAN_VERSIONS; what is always the same is set. */
static enum vt_code
fill(struct walk *w, struct vt_err *err)
{
	struct vt_version *v = &w->v;
	sqlite3_stmt *s = w->version.s;
	const void *id = sqlite3_column_blob(s, 1);

	if (id == NULL || sqlite3_column_bytes(s, 1) != VT_ID_LEN / 2)
		return vt_fail(err, VT_CORRUPT,
		    "catalog: a version without an id");
	vt_hex_encode(id, VT_ID_LEN / 2, v->version_id);
	v->key = w->key;
	v->key_len = w->key_len;
	v->is_null = sqlite3_column_int(s, 2);
	v->is_marker = sqlite3_column_int(s, 3);
	v->is_current = sqlite3_column_int(s, 4);
	v->generation = sqlite3_column_int64(s, 5);
	v->size_bytes = (uint64_t)sqlite3_column_int64(s, 6);
	v->mtime_us = sqlite3_column_int64(s, 7);
	v->tags = column_text(s, 8);
	v->pin = column_text(s, 9);
	v->tier = tier_name(w, sqlite3_column_int64(s, 10));
	v->lock_mode = (enum vt_lock_mode)sqlite3_column_int(s, 11);
	v->retain_until_us = sqlite3_column_int64(s, 12);
	v->legal_hold = (enum vt_hold)sqlite3_column_int(s, 13);
	v->copy_count = 0;
	return v->tags != NULL && v->pin != NULL ? VT_OK : nomem(err);
}

static enum vt_code
show(struct walk *w, int64_t seq, struct vt_err *err)
{
	enum vt_code rc;
	int found;

	rc = cursor_seek(w, &w->version, seq, &found, err);
	if (rc == VT_OK && !found)
		rc = vt_fail(err, VT_CORRUPT,
		    "catalog: a key without its version");
	if (rc == VT_OK)
		rc = fill(w, err);
	w->v.seq = seq;
	if (rc == VT_OK)
		rc = find_copies(w, err);
	if (rc != VT_OK)
		return rc;
	w->rows++;
	w->stopped = w->row(w->ctx, &w->v) != 0;
	return VT_OK;
}

static int
is_full(const struct walk *w)
{
	return w->stopped || w->rows == w->limit;
}

/* --- keys ----------------------------------------------------------------- */

/* Versions of the key that are older than `seq`. */
static enum vt_code
show_older(struct walk *w, int64_t seq, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(w->k, ST_LEAN_OLDER);
	enum vt_code rc = VT_OK;
	int r = SQLITE_DONE;

	if (s == NULL)
		return vt_conn_fail(w->k, "scan", err);
	sqlite3_bind_int64(s, 1, w->v.bucket_id);
	sqlite3_bind_blob64(s, 2, w->key, w->key_len, SQLITE_TRANSIENT);
	sqlite3_bind_int64(s, 3, seq);
	while (rc == VT_OK && !is_full(w)) {
		r = sqlite3_step(s);
		if (r != SQLITE_ROW)
			break;
		rc = show(w, sqlite3_column_int64(s, 0), err);
	}
	if (rc == VT_OK && r != SQLITE_ROW && r != SQLITE_DONE)
		rc = vt_conn_fail(w->k, "scan", err);
	sqlite3_reset(s);
	return rc;
}

/* The versions that are at hand, newest first. */
static enum vt_code
show_group(struct walk *w, struct vt_err *err)
{
	enum vt_code rc = VT_OK;

	while (rc == VT_OK && w->count > 0 && !is_full(w))
		rc = show(w, w->seqs[--w->count], err);
	w->count = 0;
	return rc;
}

/*
 * One row of the index.  *is_deep: it is one more than is kept of its key,
 * which must be read backwards.
 */
static enum vt_code
take_name(struct walk *w, sqlite3_stmt *s, int *is_deep, struct vt_err *err)
{
	const void *key = sqlite3_column_blob(s, 0);
	size_t len = (size_t)sqlite3_column_bytes(s, 0);
	enum vt_code rc = VT_OK;

	if (key == NULL && len > 0)
		return nomem(err);
	if (len > VT_KEY_MAX)
		return vt_fail(err, VT_CORRUPT, "catalog: a key of %zu bytes",
		    len);
	if (w->count > 0 && (len != w->key_len ||
	    (len > 0 && memcmp(key, w->key, len) != 0)))
		rc = show_group(w, err);
	if (rc != VT_OK || is_full(w))
		return rc;
	*is_deep = w->count == GROUP_MAX;
	if (*is_deep)
		return VT_OK;
	if (w->count == 0 && len > 0)
		memcpy(w->key, key, len);
	w->key_len = len;
	w->seqs[w->count++] = sqlite3_column_int64(s, 1);
	return VT_OK;
}

/* Keys from w->key on, up to the end or to one with very many versions, which
 * is then w->key. */
static enum vt_code
show_keys(struct walk *w, int *is_deep, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(w->k, ST_LEAN_KEYS);
	enum vt_code rc = VT_OK;
	int r = SQLITE_DONE;

	*is_deep = 0;
	w->count = 0;
	if (s == NULL)
		return vt_conn_fail(w->k, "scan", err);
	sqlite3_bind_int64(s, 1, w->v.bucket_id);
	sqlite3_bind_blob64(s, 2, w->key, w->key_len, SQLITE_TRANSIENT);
	while (rc == VT_OK && !is_full(w) && !*is_deep) {
		r = sqlite3_step(s);
		if (r != SQLITE_ROW)
			break;
		rc = take_name(w, s, is_deep, err);
	}
	if (rc == VT_OK && r != SQLITE_ROW && r != SQLITE_DONE)
		rc = vt_conn_fail(w->k, "scan", err);
	sqlite3_reset(s);
	if (rc == VT_OK && r == SQLITE_DONE)
		rc = show_group(w, err);
	return rc;
}

enum vt_code
vt_cat_scan_lean(struct vt_catalog *c, struct vt_conn *k, int64_t bucket,
    const char *key, size_t key_len, int64_t seq, unsigned limit,
    int (*row)(void *ctx, const struct vt_version *v), void *ctx,
    unsigned *rows, int *stopped, struct vt_err *err)
{
	struct walk *w = calloc(1, sizeof(*w));
	enum vt_code rc;
	int go_on = 1;

	*rows = 0;
	*stopped = 0;
	if (w == NULL)
		return nomem(err);
	w->c = c;
	w->k = k;
	w->row = row;
	w->ctx = ctx;
	w->limit = limit;
	w->v.bucket_id = bucket;
	w->v.etag = w->v.meta = w->v.checksum = w->v.owner = w->v.acl =
	    w->v.sse = "";
	memcpy(w->key, key, key_len);
	w->key_len = key_len;
	rc = cursors_open(w, err);
	if (rc == VT_OK && seq > 0) {
		rc = show_older(w, seq, err);
		/* behind a key comes that with a NUL more */
		w->key[w->key_len++] = '\0';
	}
	while (rc == VT_OK && go_on && !is_full(w)) {
		rc = show_keys(w, &go_on, err);
		if (rc != VT_OK || !go_on)
			break;
		rc = show_older(w, INT64_MAX, err);
		w->key[w->key_len++] = '\0';
	}
	cursors_close(w);
	*rows = w->rows;
	*stopped = w->stopped;
	free(w->copies);
	free(w);
	return rc;
}
