/* The catalog's versions, read: look-ups and scans. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hex.h"

#include "libvt/store/catalog_row.h"

#define PAGE_EXTENTS 20000	/* in a page's arena, and the last version's */

/* A row of VERSION_COLUMNS. */
static enum vt_code
fill_version(struct vt_catalog *c, struct vt_conn *k, struct vt_arena *a,
    sqlite3_stmt *s, struct vt_version *v, struct vt_err *err)
{
	const void *id;

	memset(v, 0, sizeof(*v));
	v->bucket_id = sqlite3_column_int64(s, 0);
	v->key = col_bytes(a, s, 1, &v->key_len);
	v->seq = sqlite3_column_int64(s, 2);
	id = sqlite3_column_blob(s, 3);
	if (id == NULL || sqlite3_column_bytes(s, 3) != VT_ID_LEN / 2)
		return vt_fail(err, VT_CORRUPT,
		    "catalog: a version without an id");
	vt_hex_encode(id, VT_ID_LEN / 2, v->version_id);
	v->is_null = sqlite3_column_int(s, 4);
	v->is_marker = sqlite3_column_int(s, 5);
	v->is_current = sqlite3_column_int(s, 6);
	v->generation = sqlite3_column_int64(s, 7);
	v->size_bytes = (uint64_t)sqlite3_column_int64(s, 8);
	v->mtime_us = sqlite3_column_int64(s, 9);
	v->etag = col_str(a, s, 10);
	v->crc64 = (uint64_t)sqlite3_column_int64(s, 11);
	v->meta = col_bytes(a, s, 12, &v->meta_len);
	v->checksum = col_str(a, s, 13);
	v->tags = col_str(a, s, 14);
	v->owner = col_str(a, s, 15);
	v->pin = col_str(a, s, 16);
	v->tier = vt_cat_tier_name(c, k, sqlite3_column_int64(s, 17));
	v->part_count = (uint32_t)sqlite3_column_int64(s, 18);
	v->lock_mode = (enum vt_lock_mode)sqlite3_column_int(s, 19);
	v->retain_until_us = sqlite3_column_int64(s, 20);
	v->legal_hold = sqlite3_column_int(s, 21);
	v->acl = col_str(a, s, 22);
	v->sse = col_str(a, s, 23);
	if (v->key == NULL || v->etag == NULL || v->meta == NULL ||
	    v->checksum == NULL || v->tags == NULL || v->owner == NULL ||
	    v->pin == NULL || v->acl == NULL || v->sse == NULL)
		return nomem(err);
	return VT_OK;
}

static enum vt_code
load_copies(struct vt_catalog *c, struct vt_conn *k, struct vt_arena *a,
    struct vt_version *v, enum vt_st which, struct vt_err *err)
{
	sqlite3_stmt *s;
	struct vt_copy *copies = NULL, *copy = NULL, *more;
	struct vt_extent *x = NULL, *grown;
	size_t n = 0, cap = 0, xcap = 0, len;
	int64_t last_id = -1;
	int r;

	s = vt_conn_st(k, which);
	if (s == NULL)
		return vt_conn_fail(k, "read copies", err);
	sqlite3_bind_int64(s, 1, v->seq);
	while ((r = sqlite3_step(s)) == SQLITE_ROW) {
		if (sqlite3_column_int64(s, 0) != last_id) {
			if (n == cap) {
				cap = cap != 0 ? cap * 2 : 2;
				more = vt_arena_alloc(a,
				    cap * sizeof(*copies));
				if (more == NULL)
					goto out_nomem;
				if (n > 0)
					memcpy(more, copies,
					    n * sizeof(*copies));
				copies = more;
			}
			copy = &copies[n++];
			last_id = copy->id = sqlite3_column_int64(s, 0);
			copy->tier = vt_cat_tier_name(c, k,
			    sqlite3_column_int64(s, 1));
			copy->created_us = sqlite3_column_int64(s, 2);
			copy->until_us = sqlite3_column_int64(s, 16);
			copy->stored_bytes = 0;
			copy->is_adopted = 0;
			copy->extent_count = 0;
			x = NULL;
			xcap = 0;
		}
		if (sqlite3_column_type(s, 3) == SQLITE_NULL)
			continue;	/* an empty object has no extents */
		if (copy->extent_count == xcap) {
			xcap = xcap != 0 ? xcap * 2 : 1;
			grown = vt_arena_alloc(a, xcap * sizeof(*x));
			if (grown == NULL)
				goto out_nomem;
			if (x != NULL)
				memcpy(grown, x,
				    copy->extent_count * sizeof(*x));
			x = grown;
			copy->extents = x;
		}
		grown = &x[copy->extent_count++];
		grown->offset = (uint64_t)sqlite3_column_int64(s, 4);
		grown->length = (uint64_t)sqlite3_column_int64(s, 5);
		grown->plain_length = (uint64_t)sqlite3_column_int64(s, 6);
		grown->blob.id = (uint64_t)sqlite3_column_int64(s, 7);
		grown->blob.tier = vt_cat_tier_name(c, k,
		    sqlite3_column_int64(s, 8));
		grown->blob.name = col_str(a, s, 9);
		grown->blob.token = col_str(a, s, 10);
		grown->blob.size_bytes = (uint64_t)sqlite3_column_int64(s,
		    11);
		grown->blob.crc64 = (uint64_t)sqlite3_column_int64(s, 12);
		grown->blob.owned = sqlite3_column_int(s, 13);
		grown->blob.is_inline = sqlite3_column_int(s, 14);
		grown->blob.transform = col_str(a, s, 15);
		copy->stored_bytes += grown->length;
		if (!grown->blob.owned && !grown->blob.is_inline)
			copy->is_adopted = 1;
		grown->data = NULL;
		if (sqlite3_column_type(s, 17) == SQLITE_BLOB) {
			grown->data = col_bytes(a, s, 17, &len);
			if (grown->data == NULL)
				goto out_nomem;
		}
		if (grown->blob.name == NULL || grown->blob.token == NULL ||
		    grown->blob.transform == NULL)
			goto out_nomem;
	}
	sqlite3_reset(s);
	if (r != SQLITE_DONE)
		return vt_conn_fail(k, "read copies", err);
	v->copies = copies;
	v->copy_count = n;
	return VT_OK;
out_nomem:
	sqlite3_reset(s);
	return nomem(err);
}

enum vt_code
vt_cat_read_version(struct vt_catalog *c, struct vt_conn *k,
    struct vt_arena *a, sqlite3_stmt *s, int inline_data,
    struct vt_version **out, struct vt_err *err)
{
	struct vt_version *v;
	enum vt_code rc;
	int r;

	*out = NULL;
	r = sqlite3_step(s);
	if (r != SQLITE_ROW) {
		rc = r == SQLITE_DONE ? vt_fail(err, VT_ABSENT,
		    "no such object or version") :
		    vt_conn_fail(k, "read a version", err);
		sqlite3_reset(s);
		return rc;
	}
	v = vt_arena_alloc(a, sizeof(*v));
	rc = v == NULL ? nomem(err) : fill_version(c, k, a, s, v, err);
	sqlite3_reset(s);
	if (rc == VT_OK)
		rc = load_copies(c, k, a, v, inline_data ?
		    ST_COPY_EXTENTS_INLINE : ST_COPY_EXTENTS, err);
	if (rc == VT_OK)
		*out = v;
	return rc;
}

enum vt_code
vt_cat_read_seq(struct vt_catalog *c, struct vt_conn *k, struct vt_arena *a,
    int64_t seq, int inline_data, struct vt_version **out, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, ST_VERSION_SEQ);

	*out = NULL;
	if (s == NULL)
		return vt_conn_fail(k, "read a version", err);
	sqlite3_bind_int64(s, 1, seq);
	return vt_cat_read_version(c, k, a, s, inline_data, out, err);
}

/* --- one version ---------------------------------------------------------- */

enum vt_code
vt_catalog_lookup(struct vt_catalog *c, struct vt_arena *a, int64_t bucket_id,
    const char *key, size_t key_len, const char *version_id, int inline_data,
    struct vt_version **out, struct vt_err *err)
{
	struct vt_conn *k;
	enum vt_st which = ST_VERSION_CURRENT;
	sqlite3_stmt *s;
	uint8_t id[VT_ID_LEN / 2];
	enum vt_code rc;

	*out = NULL;
	if (version_id != NULL && strcmp(version_id, "null") == 0)
		which = ST_VERSION_NULL;
	else if (version_id != NULL) {
		which = ST_VERSION_ID;
		if (strlen(version_id) != VT_ID_LEN ||
		    vt_hex_decode(version_id, id, sizeof(id)) < 0)
			return vt_fail(err, VT_ABSENT, "no version '%.40s'",
			    version_id);
	}
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, which);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read a version", err);
		goto out;
	}
	sqlite3_bind_int64(s, 1, bucket_id);
	sqlite3_bind_blob64(s, 2, key, key_len, SQLITE_STATIC);
	if (which == ST_VERSION_ID)
		sqlite3_bind_blob64(s, 3, id, sizeof(id), SQLITE_STATIC);
	rc = vt_cat_read_version(c, k, a, s, inline_data, out, err);
	/* A null version has an id of its own, which is not its name. */
	if (rc == VT_OK && which == ST_VERSION_ID && (*out)->is_null) {
		*out = NULL;
		rc = vt_fail(err, VT_ABSENT, "no version '%s'", version_id);
	}
out:
	vt_conn_give(c, k);
	return rc;
}

enum vt_code
vt_catalog_lookup_seq(struct vt_catalog *c, struct vt_arena *a, int64_t seq,
    int inline_data, struct vt_version **out, struct vt_err *err)
{
	struct vt_conn *k;
	enum vt_code rc;

	*out = NULL;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_cat_read_seq(c, k, a, seq, inline_data, out, err);
	vt_conn_give(c, k);
	return rc;
}

enum vt_code
vt_cat_standing(struct vt_conn *k, const struct vt_version *v,
    struct vt_standing *out, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, ST_VERSION_STANDING);
	int r;

	memset(out, 0, sizeof(*out));
	if (s == NULL)
		return vt_conn_fail(k, "read a key's versions", err);
	sqlite3_bind_int64(s, 1, v->bucket_id);
	sqlite3_bind_blob64(s, 2, v->key, v->key_len, SQLITE_STATIC);
	sqlite3_bind_int64(s, 3, v->seq);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		out->after_us = sqlite3_column_int64(s, 0);
		out->newer = (unsigned)sqlite3_column_int64(s, 1);
		out->is_alone = sqlite3_column_int(s, 2);
	}
	sqlite3_reset(s);
	return r == SQLITE_ROW ? VT_OK :
	    vt_conn_fail(k, "read a key's versions", err);
}

enum vt_code
vt_catalog_standing(struct vt_catalog *c, const struct vt_version *v,
    struct vt_standing *out, struct vt_err *err)
{
	struct vt_conn *k;
	enum vt_code rc = vt_conn_take(c, &k, err);

	if (rc != VT_OK)
		return rc;
	rc = vt_cat_standing(k, v, out, err);
	vt_conn_give(c, k);
	return rc;
}

enum vt_code
vt_catalog_parts_of(struct vt_catalog *c, struct vt_arena *a, int64_t seq,
    struct vt_part_info **out, size_t *count, struct vt_err *err)
{
	struct vt_conn *k;
	sqlite3_stmt *s;
	char *text, *line, *end, *sum;
	size_t len, n = 0;
	enum vt_code rc;
	int r;

	*out = NULL;
	*count = 0;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_PARTS_GET);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read parts", err);
		goto out;
	}
	sqlite3_bind_int64(s, 1, seq);
	r = sqlite3_step(s);
	text = r == SQLITE_ROW ? col_bytes(a, s, 0, &len) : NULL;
	sqlite3_reset(s);
	if (r == SQLITE_DONE)
		rc = vt_fail(err, VT_ABSENT, "not a multipart object");
	else if (r != SQLITE_ROW)
		rc = vt_conn_fail(k, "read parts", err);
	else if (text == NULL)
		rc = nomem(err);
	if (rc != VT_OK)
		goto out;
	for (line = text; *line != '\0'; line++)
		n += *line == '\n';
	*out = vt_arena_alloc(a, (n + 1) * sizeof(**out));
	if (*out == NULL) {
		rc = nomem(err);
		goto out;
	}
	for (line = text; *count < n; line = end + 1, (*count)++) {
		end = strchr(line, '\n');
		*end = '\0';
		(*out)[*count].number = (uint32_t)strtoul(line, &sum, 10);
		(*out)[*count].size_bytes = strtoull(sum, &sum, 10);
		(*out)[*count].checksum = *sum == ' ' ? sum + 1 : sum;
	}
out:
	vt_conn_give(c, k);
	return rc;
}

/* --- scans ---------------------------------------------------------------- */

/*
 * Rows of versions from (key, seq): what is left of the key, then the next
 * keys, at most `limit`.  `row` returns 0 to go on.
 */
enum vt_code
vt_cat_walk_versions(struct vt_catalog *c, struct vt_conn *k, int64_t bucket,
    const char *key, size_t key_len, int inclusive, int64_t seq,
    unsigned limit, int with_copies,
    int (*row)(void *ctx, const struct vt_version *v), void *ctx,
    unsigned *rows, int *stopped, struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(PAGE_ARENA_MAX);
	struct vt_version v;
	sqlite3_stmt *s;
	enum vt_st st;
	enum vt_code rc = VT_OK;
	size_t extents = 0, i;
	int r, phase;

	*rows = 0;
	*stopped = 0;
	for (phase = seq > 0 ? 0 : 1; phase < 2 && rc == VT_OK && !*stopped;
	    phase++) {
		st = phase == 0 ? ST_SCAN : inclusive && seq <= 0 ?
		    ST_SCAN_FROM : ST_SCAN_AFTER;
		s = vt_conn_st(k, st);
		if (s == NULL) {
			rc = vt_conn_fail(k, "list versions", err);
			break;
		}
		sqlite3_bind_int64(s, 1, bucket);
		sqlite3_bind_blob64(s, 2, key, key_len, SQLITE_TRANSIENT);
		if (phase == 0)
			sqlite3_bind_int64(s, 3, seq);
		sqlite3_bind_int64(s, phase == 0 ? 4 : 3, limit - *rows);
		r = SQLITE_DONE;
		while (*rows < limit && (r = sqlite3_step(s)) == SQLITE_ROW) {
			if (*rows % 256 == 255 || extents > PAGE_EXTENTS) {
				vt_arena_free(a);
				a = vt_arena_new(PAGE_ARENA_MAX);
				extents = 0;
			}
			rc = a == NULL ? nomem(err) :
			    fill_version(c, k, a, s, &v, err);
			if (rc == VT_OK && with_copies)
				rc = load_copies(c, k, a, &v,
				    ST_COPY_EXTENTS, err);
			if (rc != VT_OK)
				break;
			for (i = 0; i < v.copy_count; i++)
				extents += v.copies[i].extent_count;
			(*rows)++;
			if (row(ctx, &v) != 0) {
				*stopped = 1;
				break;
			}
		}
		if (rc == VT_OK && !*stopped && r != SQLITE_DONE &&
		    r != SQLITE_ROW)
			rc = vt_conn_fail(k, "list versions", err);
		sqlite3_reset(s);
	}
	vt_arena_free(a);
	return rc;
}

struct scan {
	struct vt_scan_pos *pos;
	const struct vt_bucket *bucket;
	int (*visit)(void *ctx, const struct vt_bucket *b,
	    const struct vt_version *v);
	void *ctx;
};

static int
scan_row(void *ctx, const struct vt_version *v)
{
	struct scan *n = ctx;

	memcpy(n->pos->key, v->key, v->key_len);
	n->pos->key_len = v->key_len;
	n->pos->seq = v->seq;
	return n->visit(n->ctx, n->bucket, v);
}

enum vt_code
vt_catalog_scan(struct vt_catalog *c, struct vt_scan_pos *pos,
    unsigned max_rows,
    int (*visit)(void *ctx, const struct vt_bucket *b,
    const struct vt_version *v), void *ctx, int *more, struct vt_err *err)
{
	struct scan n = { pos, NULL, visit, ctx };
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_bucket b;
	struct vt_conn *k = NULL;
	unsigned rows;
	int stopped;
	enum vt_code rc;

	*more = 0;
	if (a == NULL)
		return nomem(err);
	if (max_rows == 0 || max_rows > 10000)
		max_rows = 10000;	/* no long read transactions */
	rc = vt_conn_take(c, &k, err);
	while (rc == VT_OK) {
		rc = vt_cat_read_bucket(k, a, vt_conn_st(k, ST_BUCKET_NEXT),
		    pos->bucket, &b, err);
		if (rc == VT_ABSENT) {
			rc = VT_OK;
			break;
		}
		if (rc != VT_OK)
			break;
		n.bucket = &b;
		if (!pos->started || strcmp(pos->bucket, b.name) != 0) {
			snprintf(pos->bucket, sizeof(pos->bucket), "%s",
			    b.name);
			pos->key_len = 0;
			pos->seq = 0;
			pos->started = 1;
		}
		rc = pos->is_lean ?
		    vt_cat_scan_lean(c, k, b.id, pos->key, pos->key_len,
		    pos->seq, max_rows, scan_row, &n, &rows, &stopped, err) :
		    vt_cat_walk_versions(c, k, b.id, pos->key, pos->key_len,
		    pos->seq == 0, pos->seq, max_rows, 1, scan_row, &n,
		    &rows, &stopped, err);
		if (rc == VT_OK && stopped)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
		if (rc != VT_OK)
			break;
		if (rows == max_rows) {
			*more = 1;
			break;
		}
		max_rows -= rows;
		/* No bucket name sorts between this and the next one. */
		snprintf(pos->bucket, sizeof(pos->bucket), "%.60s\x01",
		    b.name);
		pos->key_len = 0;
		pos->seq = 0;
	}
	if (k != NULL)
		vt_conn_give(c, k);
	vt_arena_free(a);
	return rc;
}
