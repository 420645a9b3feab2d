/*
 * Lean scans of a bucket's versions.
 *
 * They come from the index of (bucket, key, seq), which covers what is told of
 * each, in its own order: a key whose versions are all at hand is turned round
 * in memory, one with very many is read backwards.  What belongs to a version
 * is in tables in the order of a number that was given at commit.  Names and
 * numbers often rise together, so each table has a window of rows read ahead:
 * the next one is mostly that which is wanted, and costs a fraction of a
 * look-up.  Extents and blobs are read for copies that are not plain, the
 * version's own row for what few have.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/clear.h"
#include "libvt/base/hex.h"

#include "libvt/store/catalog_window.h"

#define GROUP_MAX 256		/* versions of a key turned round in memory */
#define SEEN_MAX 64		/* blobs kept at hand */

/* What is told of a blob. */
struct seen {
	int64_t id;		/* 0: of none */
	uint64_t size_bytes, live_bytes;
	int is_ours;
	char form[VT_COPY_FORM];
};

struct walk {
	struct vt_catalog *c;
	struct vt_conn *k;
	struct vt_window version, rare, copy, extent, blob;
	const char *tier_name[TIER_CACHE];	/* those seen */
	/* by id, as members of several packs come by turns */
	struct seen seen[SEEN_MAX];
	struct vt_version v;
	struct vt_copy *copies;
	size_t copy_cap;
	/* the key, with room for what follows it; some of its versions */
	char key[VT_KEY_MAX + 1];
	size_t key_len;
	struct vt_version_row group[GROUP_MAX];
	int64_t seqs[GROUP_MAX];
	size_t count;
	int is_newest;		/* the next to show is its key's */
	unsigned rows, limit;
	int stopped;
	int (*row)(void *ctx, const struct vt_version *v);
	void *ctx;
};

/* Those that last as long as the call. */
static enum vt_code
windows_open(struct walk *w, struct vt_err *err)
{
	enum vt_code rc;

	rc = vt_window_init(&w->rare, w->k, ST_LEAN_RARE, err);
	if (rc == VT_OK)
		rc = vt_window_init(&w->copy, w->k, ST_LEAN_COPIES, err);
	if (rc == VT_OK)
		rc = vt_window_init(&w->extent, w->k, ST_LEAN_EXTENTS, err);
	if (rc == VT_OK)
		rc = vt_window_init(&w->blob, w->k, ST_LEAN_BLOBS, err);
	return rc;
}

static void
windows_close(struct walk *w)
{
	vt_window_release(&w->rare);
	vt_window_release(&w->copy);
	vt_window_release(&w->extent);
	vt_window_release(&w->blob);
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

/* *out is NULL when there is none. */
static enum vt_code
find_blob(struct walk *w, int64_t id, const struct seen **out,
    struct vt_err *err)
{
	struct seen *seen = &w->seen[(uint64_t)id % SEEN_MAX];
	const struct vt_blob_row *row;
	enum vt_code rc;
	int found;

	*out = seen;
	if (seen->id == id)
		return VT_OK;
	*out = NULL;
	rc = vt_window_seek(&w->blob, id, &found, err);
	if (rc != VT_OK || !found)
		return rc;
	row = &w->blob.row.blob[w->blob.at];
	seen->id = id;
	seen->size_bytes = (uint64_t)row->size_bytes;
	seen->live_bytes = (uint64_t)row->live_bytes;
	seen->is_ours = row->is_ours;
	snprintf(seen->form, sizeof(seen->form), "%s",
	    w->blob.text.data + row->transform);
	*out = seen;
	return VT_OK;
}

/* What the copy's extents come to. */
static enum vt_code
sum_extents(struct walk *w, struct vt_copy *copy, struct vt_err *err)
{
	const struct vt_extent_row *x;
	const struct seen *b = NULL;
	size_t count = 0;
	enum vt_code rc;
	int has_row;

	rc = vt_window_seek(&w->extent, copy->id, &has_row, err);
	while (rc == VT_OK && has_row) {
		x = &w->extent.row.extent[w->extent.at];
		copy->stored_bytes += (uint64_t)x->length;
		rc = find_blob(w, x->blob, &b, err);
		if (b != NULL && !b->is_ours)
			copy->is_adopted = 1;
		count++;
		if (rc == VT_OK)
			rc = vt_window_next(&w->extent, &has_row, err);
	}
	/* most blobs are as they were sent */
	if (rc == VT_OK && count == 1 && b != NULL && *b->form != '\0') {
		memcpy(copy->form, b->form, sizeof(copy->form));
		copy->blob_id = (uint64_t)b->id;
		copy->blob_bytes = b->size_bytes;
		copy->blob_live = b->live_bytes;
	}
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
	vt_clear(more);
	return more;
}

static enum vt_code
find_copies(struct walk *w, struct vt_err *err)
{
	const struct vt_copy_row *row;
	struct vt_copy *copy;
	enum vt_code rc;
	int has_row;

	rc = vt_window_seek(&w->copy, w->v.seq, &has_row, err);
	while (rc == VT_OK && has_row) {
		copy = next_copy(w);
		if (copy == NULL)
			return nomem(err);
		row = &w->copy.row.copy[w->copy.at];
		copy->tier = tier_name(w, row->tier);
		copy->id = row->id;
		copy->created_us = row->created_us;
		copy->until_us = row->until_us;
		if (row->is_plain)
			copy->stored_bytes = w->v.size_bytes;
		else
			rc = sum_extents(w, copy, err);
		if (rc == VT_OK)
			rc = vt_window_next(&w->copy, &has_row, err);
	}
	w->v.copies = w->copies;
	return rc;
}

/* What few versions have. */
static enum vt_code
find_rare(struct walk *w, struct vt_err *err)
{
	struct vt_version *v = &w->v;
	const struct vt_rare_row *row;
	enum vt_code rc;
	int found;

	rc = vt_window_seek(&w->rare, v->seq, &found, err);
	if (rc != VT_OK)
		return rc;
	if (!found)
		return vt_fail(err, VT_CORRUPT,
		    "catalog: a key without its version");
	row = &w->rare.row.rare[w->rare.at];
	v->is_null = row->is_null;
	v->is_marker = row->is_marker;
	v->tags = w->rare.text.data + row->tags;
	v->pin = w->rare.text.data + row->pin;
	v->lock_mode = (enum vt_lock_mode)row->lock_mode;
	v->retain_until_us = row->retain_until_us;
	v->legal_hold = (enum vt_hold)row->legal_hold;
	return VT_OK;
}

/* What is always the same is set. */
static enum vt_code
fill(struct walk *w, const struct vt_version_row *row, int64_t seq,
    struct vt_err *err)
{
	struct vt_version *v = &w->v;

	if (!row->has_id)
		return vt_fail(err, VT_CORRUPT,
		    "catalog: a version without an id");
	vt_hex_encode(row->id, sizeof(row->id), v->version_id);
	v->key = w->key;
	v->key_len = w->key_len;
	v->seq = seq;
	v->is_null = (row->rare & VT_CAT_IS_NULL) != 0;
	v->is_marker = (row->rare & VT_CAT_IS_MARKER) != 0;
	v->is_current = w->is_newest;
	v->generation = row->generation;
	v->size_bytes = (uint64_t)row->size_bytes;
	v->mtime_us = row->mtime_us;
	v->tier = tier_name(w, row->tier);
	v->tags = v->pin = "";
	v->lock_mode = VT_LOCK_NONE;
	v->retain_until_us = 0;
	v->legal_hold = VT_HOLD_NONE;
	v->copy_count = 0;
	return row->rare & VT_CAT_HAS_RARE ? find_rare(w, err) : VT_OK;
}

static enum vt_code
show(struct walk *w, const struct vt_version_row *row, int64_t seq,
    struct vt_err *err)
{
	enum vt_code rc = fill(w, row, seq, err);

	if (rc == VT_OK)
		rc = find_copies(w, err);
	if (rc != VT_OK)
		return rc;
	w->is_newest = 0;
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

/* Open w->version for the statement, at w->key. */
static enum vt_code
begin_keys(struct walk *w, enum vt_st which, int64_t seq, struct vt_err *err)
{
	enum vt_code rc = vt_window_init(&w->version, w->k, which, err);

	if (rc != VT_OK)
		return rc;
	sqlite3_bind_int64(w->version.s, 1, w->v.bucket_id);
	sqlite3_bind_blob64(w->version.s, 2, w->key, w->key_len,
	    SQLITE_TRANSIENT);
	if (which == ST_LEAN_OLDER)
		sqlite3_bind_int64(w->version.s, 3, seq);
	return vt_window_more(&w->version, err);
}

/* Versions of the key that are older than `seq`. */
static enum vt_code
show_older(struct walk *w, int64_t seq, struct vt_err *err)
{
	struct vt_window *n = &w->version;
	enum vt_code rc = begin_keys(w, ST_LEAN_OLDER, seq, err);

	w->is_newest = seq == INT64_MAX;
	while (rc == VT_OK && n->at < n->count && !is_full(w)) {
		rc = show(w, &n->row.version[n->at], n->number[n->at], err);
		if (rc == VT_OK && ++n->at == n->count && !is_full(w))
			rc = vt_window_more(n, err);
	}
	vt_window_release(n);
	return rc;
}

/* The versions that are at hand, newest first. */
static enum vt_code
show_group(struct walk *w, struct vt_err *err)
{
	enum vt_code rc = VT_OK;

	w->is_newest = 1;
	while (rc == VT_OK && w->count > 0 && !is_full(w)) {
		w->count--;
		rc = show(w, &w->group[w->count], w->seqs[w->count], err);
	}
	w->count = 0;
	return rc;
}

/*
 * The row of the index at hand.  *is_deep: it is one more than is kept of its
 * key, which must be read backwards.
 */
static enum vt_code
take_version(struct walk *w, int *is_deep, struct vt_err *err)
{
	const struct vt_window *n = &w->version;
	const struct vt_version_row *row = &n->row.version[n->at];
	const char *key = n->text.data + row->key;
	size_t len = row->key_len;
	enum vt_code rc = VT_OK;

	if (len > VT_KEY_MAX)
		return vt_fail(err, VT_CORRUPT, "catalog: a key of %zu bytes",
		    len);
	if (w->count > 0 && (len != w->key_len ||
	    memcmp(key, w->key, len) != 0))
		rc = show_group(w, err);
	if (rc != VT_OK || is_full(w))
		return rc;
	*is_deep = w->count == GROUP_MAX;
	if (*is_deep)
		return VT_OK;
	if (w->count == 0)
		memcpy(w->key, key, len);
	w->key_len = len;
	w->group[w->count] = *row;
	w->seqs[w->count++] = n->number[n->at];
	return VT_OK;
}

/* Keys from w->key on, up to the end or to one with very many versions, which
 * is then w->key. */
static enum vt_code
show_keys(struct walk *w, int *is_deep, struct vt_err *err)
{
	struct vt_window *n = &w->version;
	enum vt_code rc = begin_keys(w, ST_LEAN_VERSIONS, 0, err);

	*is_deep = 0;
	w->count = 0;
	while (rc == VT_OK && n->at < n->count && !is_full(w)) {
		rc = take_version(w, is_deep, err);
		if (*is_deep)
			break;
		if (rc == VT_OK && ++n->at == n->count && !is_full(w))
			rc = vt_window_more(n, err);
	}
	if (rc == VT_OK && n->at == n->count)
		rc = show_group(w, err);
	vt_window_release(n);
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
	rc = windows_open(w, err);
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
	windows_close(w);
	*rows = w->rows;
	*stopped = w->stopped;
	free(w->copies);
	free(w);
	return rc;
}
