/*
 * Blobs, the extents that refer to them, and the copies that extents make up.
 * The last reference to go makes a blob garbage, in the same transaction.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/store/catalog_row.h"

/* --- reading -------------------------------------------------------------- */

enum vt_code
vt_catalog_blobs(struct vt_catalog *c, const char *tier,
    int (*visit)(void *ctx, const struct vt_blob *b), void *ctx,
    struct vt_err *err)
{
	struct vt_conn *k;
	struct vt_blob b;
	sqlite3_stmt *s;
	int64_t last = 0, tier_id = 0;
	unsigned rows;
	int r;
	enum vt_code rc = VT_OK;

	do {
		rc = vt_conn_take(c, &k, err);
		if (rc != VT_OK)
			return rc;
		rows = 0;
		s = vt_conn_st(k, ST_TIER_ID);
		if (s != NULL) {
			sqlite3_bind_text(s, 1, tier, -1, SQLITE_STATIC);
			if (sqlite3_step(s) == SQLITE_ROW)
				tier_id = sqlite3_column_int64(s, 0);
			sqlite3_reset(s);
		}
		s = vt_conn_st(k, ST_BLOBS_OF_TIER);
		if (s == NULL) {
			rc = vt_conn_fail(k, "read blobs", err);
			vt_conn_give(c, k);
			break;
		}
		sqlite3_bind_int64(s, 1, last);
		sqlite3_bind_int64(s, 2, tier_id);
		while (rc == VT_OK && (r = sqlite3_step(s)) == SQLITE_ROW) {
			rows++;
			last = sqlite3_column_int64(s, 0);
			memset(&b, 0, sizeof(b));
			b.id = (uint64_t)last;
			b.tier = tier;
			b.name = (const char *)sqlite3_column_text(s, 2);
			b.token = (const char *)sqlite3_column_text(s, 3);
			b.size_bytes = (uint64_t)sqlite3_column_int64(s, 4);
			b.crc64 = (uint64_t)sqlite3_column_int64(s, 5);
			b.owned = sqlite3_column_int(s, 6);
			b.is_inline = sqlite3_column_int(s, 7);
			b.transform = (const char *)sqlite3_column_text(s, 8);
			if (visit(ctx, &b) != 0)
				rc = vt_fail(err, VT_CANCELLED, "stopped");
		}
		sqlite3_reset(s);
		vt_conn_give(c, k);
	} while (rc == VT_OK && rows > 0);
	return rc;
}

int
vt_catalog_blob_known(struct vt_catalog *c, uint64_t id, struct vt_err *err)
{
	struct vt_conn *k;
	sqlite3_stmt *s;
	int r, known = -1;

	if (vt_conn_take(c, &k, err) != VT_OK)
		return -1;
	s = vt_conn_st(k, ST_BLOB_KNOWN);
	if (s != NULL) {
		sqlite3_bind_int64(s, 1, (int64_t)id);
		r = sqlite3_step(s);
		if (r == SQLITE_ROW || r == SQLITE_DONE)
			known = r == SQLITE_ROW;
	}
	if (known < 0)
		vt_conn_fail(k, "look up a blob", err);
	if (s != NULL)
		sqlite3_reset(s);
	vt_conn_give(c, k);
	return known;
}

/* --- blobs ---------------------------------------------------------------- */

static void
inline_change(struct vt_catalog *c, int64_t bytes)
{
	c->inline_bytes += bytes;
	c->ids_dirty = 1;
}

/* Take one reference of `length` bytes off a blob; the last one makes it
 * garbage in this very transaction. */
static enum vt_code
blob_unref(struct vt_catalog *c, uint64_t blob, uint64_t length,
    int64_t due_us, struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s = vt_conn_st(k, ST_BLOB_UNREF);
	char name[1100], token[300];
	int64_t refs, tier;
	uint64_t size;
	int owned, is_inline, r;
	enum vt_code rc;

	if (s == NULL)
		return vt_conn_fail(k, "release a blob", err);
	sqlite3_bind_int64(s, 1, (int64_t)blob);
	sqlite3_bind_int64(s, 2, (int64_t)length);
	r = sqlite3_step(s);
	if (r != SQLITE_ROW) {
		sqlite3_reset(s);
		if (r == SQLITE_DONE)
			return vt_fail(err, VT_CORRUPT,
			    "catalog: extent without blob %llu",
			    (unsigned long long)blob);
		return vt_conn_fail(k, "release a blob", err);
	}
	refs = sqlite3_column_int64(s, 0);
	tier = sqlite3_column_int64(s, 1);
	snprintf(name, sizeof(name), "%s",
	    (const char *)sqlite3_column_text(s, 2));
	snprintf(token, sizeof(token), "%s",
	    (const char *)sqlite3_column_text(s, 3));
	size = (uint64_t)sqlite3_column_int64(s, 4);
	owned = sqlite3_column_int(s, 5);
	is_inline = sqlite3_column_int(s, 6);
	rc = vt_conn_run(k, s, "release a blob", err);
	if (rc != VT_OK || refs > 0)
		return rc;
	rc = run_i(c, ST_BLOB_DEL, 1, (int64_t)blob, 0, 0, "remove a blob",
	    err);
	if (rc == VT_OK && is_inline) {
		inline_change(c, -(int64_t)size);
		return run_i(c, ST_INLINE_DEL, 1, (int64_t)blob, 0, 0,
		    "remove inline bytes", err);
	}
	if (rc == VT_OK && owned)
		rc = vt_cat_garbage_add(c, blob, tier, name, token, size,
		    due_us, err);
	return rc;
}

/* A new blob with one reference of `length` bytes. */
static enum vt_code
blob_add(struct vt_catalog *c, const struct vt_blob *b, uint64_t length,
    struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s;
	int64_t tier;
	enum vt_code rc;

	rc = vt_cat_tier_id(c, b->tier, &tier, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_BLOB_ADD);
	if (s == NULL)
		return vt_conn_fail(k, "add a blob", err);
	sqlite3_bind_int64(s, 1, (int64_t)b->id);
	sqlite3_bind_int64(s, 2, tier);
	bind_str(s, 3, b->name);
	bind_str(s, 4, b->token);
	sqlite3_bind_int64(s, 5, (int64_t)b->size_bytes);
	sqlite3_bind_int64(s, 6, (int64_t)b->crc64);
	sqlite3_bind_int(s, 7, b->owned);
	sqlite3_bind_int(s, 8, b->is_inline);
	bind_str(s, 9, b->transform);
	sqlite3_bind_int64(s, 10, (int64_t)length);
	rc = vt_conn_run(k, s, "add a blob", err);
	/* only what lies elsewhere is called anything */
	if (rc == VT_OK && b->token != NULL && *b->token != '\0')
		rc = run_i(c, ST_INTENT_DEL, 1, (int64_t)b->id, 0, 0,
		    "end an intent", err);
	return rc;
}

enum vt_code
vt_cat_blob_hold(struct vt_catalog *c, const struct vt_blob *b,
    struct vt_err *err)
{
	return blob_add(c, b, 0, err);
}

enum vt_code
vt_cat_blob_let_go(struct vt_catalog *c, const struct vt_blob *b,
    int64_t due_us, struct vt_err *err)
{
	return blob_unref(c, b->id, 0, due_us, err);
}

enum vt_code
vt_cat_op_own(struct vt_catalog *c, const struct vt_cat_op *op,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	size_t i;

	for (i = 0; i < op->u.own.count && rc == VT_OK; i++)
		rc = run_i(c, ST_BLOB_OWN, 1, (int64_t)op->u.own.blobs[i], 0,
		    0, "take a blob over", err);
	return rc;
}

/* --- extents -------------------------------------------------------------- */

/* Drop all extents of a copy or part. */
enum vt_code
vt_cat_extents_drop(struct vt_catalog *c, int64_t copy, int64_t due_us,
    struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s;
	struct ref {
		uint64_t blob, length;
	} *refs = NULL, *more;
	size_t n = 0, cap = 0, i;
	enum vt_code rc = VT_OK;
	int r;

	s = vt_conn_st(k, ST_EXTENTS_OF);
	if (s == NULL)
		return vt_conn_fail(k, "read extents", err);
	sqlite3_bind_int64(s, 1, copy);
	while ((r = sqlite3_step(s)) == SQLITE_ROW) {
		if (n == cap) {
			cap = cap != 0 ? cap * 2 : 4;
			more = realloc(refs, cap * sizeof(*refs));
			if (more == NULL) {
				rc = vt_fail(err, VT_NOMEM, "out of memory");
				break;
			}
			refs = more;
		}
		refs[n].blob = (uint64_t)sqlite3_column_int64(s, 0);
		refs[n++].length = (uint64_t)sqlite3_column_int64(s, 1);
	}
	sqlite3_reset(s);
	if (rc == VT_OK && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read extents", err);
	if (rc == VT_OK && n > 0)
		rc = run_i(c, ST_EXTENTS_DEL, 1, copy, 0, 0,
		    "remove extents", err);
	for (i = 0; i < n && rc == VT_OK; i++)
		rc = blob_unref(c, refs[i].blob, refs[i].length, due_us, err);
	free(refs);
	return rc;
}

/*
 * Before any change: the extents must make up the object, or nobody could
 * read it (P5); every blob referred to must still be there, and counts one
 * more from now on: what the change removes may be its last other user.
 */
enum vt_code
vt_cat_extents_take(struct vt_catalog *c, const struct vt_cat_extent *x,
    size_t n, uint64_t size_bytes, struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s;
	uint64_t plain = 0;
	size_t i;
	enum vt_code rc;
	int r;

	for (i = 0; i < n; i++)
		plain += x[i].e.plain_length;
	if (plain != size_bytes)
		return vt_fail(err, VT_INVALID, "the extents have %llu bytes "
		    "of an object of %llu", (unsigned long long)plain,
		    (unsigned long long)size_bytes);
	for (i = 0; i < n; i++) {
		if (!x[i].is_ref)
			continue;
		if (x[i].ref_seq != 0) {
			s = vt_conn_st(k, ST_REF_CHECK);
			if (s == NULL)
				return vt_conn_fail(k, "check a source", err);
			sqlite3_bind_int64(s, 1, x[i].ref_seq);
			sqlite3_bind_int64(s, 2, (int64_t)x[i].e.blob.id);
			r = sqlite3_step(s);
			sqlite3_reset(s);
			if (r == SQLITE_DONE)
				return vt_fail(err, VT_PRECONDITION,
				    "the source of the copy has changed");
			if (r != SQLITE_ROW)
				return vt_conn_fail(k, "check a source", err);
		}
		rc = run_i(c, ST_BLOB_REF, 2, (int64_t)x[i].e.blob.id,
		    (int64_t)x[i].e.length, 0, "share a blob", err);
		if (rc == VT_OK && sqlite3_changes(k->db) != 1)
			rc = vt_fail(err, VT_PRECONDITION,
			    "the blob to refer to is gone");
		if (rc != VT_OK)
			return rc;
	}
	return VT_OK;
}

enum vt_code
vt_cat_extents_add(struct vt_catalog *c, int64_t copy,
    const struct vt_cat_extent *x, size_t n, struct vt_err *err)
{
	struct vt_conn *k = c->w;
	const struct vt_blob *b;
	sqlite3_stmt *s;
	enum vt_code rc;
	size_t i;

	for (i = 0; i < n; i++) {
		b = &x[i].e.blob;
		rc = VT_OK;
		if (!x[i].is_ref) {
			rc = blob_add(c, b, x[i].e.length, err);
			if (rc == VT_OK && x[i].form_of != 0)
				rc = run_i(c, ST_BLOB_FORM, 2,
				    (int64_t)b->id, (int64_t)x[i].form_of, 0,
				    "take a transform over", err);
			if (rc == VT_OK && b->is_inline) {
				s = vt_conn_st(k, ST_INLINE_ADD);
				if (s == NULL)
					return vt_conn_fail(k,
					    "add inline bytes", err);
				sqlite3_bind_int64(s, 1, (int64_t)b->id);
				bind_bytes(s, 2, x[i].e.data,
				    (size_t)b->size_bytes);
				rc = vt_conn_run(k, s, "add inline bytes",
				    err);
				inline_change(c, (int64_t)b->size_bytes);
			}
		}
		if (rc != VT_OK)
			return rc;
		s = vt_conn_st(k, ST_EXTENT_ADD);
		if (s == NULL)
			return vt_conn_fail(k, "add an extent", err);
		sqlite3_bind_int64(s, 1, copy);
		sqlite3_bind_int64(s, 2, (int64_t)i);
		sqlite3_bind_int64(s, 3, (int64_t)b->id);
		sqlite3_bind_int64(s, 4, (int64_t)x[i].e.offset);
		sqlite3_bind_int64(s, 5, (int64_t)x[i].e.length);
		sqlite3_bind_int64(s, 6, (int64_t)x[i].e.plain_length);
		rc = vt_conn_run(k, s, "add an extent", err);
		if (rc != VT_OK)
			return rc;
	}
	return VT_OK;
}

/* --- copies --------------------------------------------------------------- */

/*
 * Does a copy of a version of `size_bytes` take just these, in one extent that
 * is ours and as it was sent?  Said beside the copy, so that a scan need not
 * look for its extents; it stays so as long as the copy is there: extents of
 * a copy do not change, what is ours stays ours, and a transform is only
 * written anew where there was one.
 */
int
vt_cat_is_plain(const struct vt_cat_extent *x, size_t n, uint64_t size_bytes)
{
	const struct vt_blob *b;

	if (n != 1 || x->is_ref || x->form_of != 0)
		return 0;
	b = &x->e.blob;
	return (b->owned || b->is_inline) && x->e.length == size_bytes &&
	    (b->transform == NULL || *b->transform == '\0');
}

enum vt_code
vt_cat_copy_add(struct vt_catalog *c, int64_t seq, int64_t tier, int plain,
    int64_t now_us, int64_t *copy, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_COPY_ADD);

	if (s == NULL)
		return vt_conn_fail(c->w, "add a copy", err);
	*copy = vt_cat_next_id(c);
	sqlite3_bind_int64(s, 1, seq);
	sqlite3_bind_int64(s, 2, tier);
	sqlite3_bind_int64(s, 3, *copy);
	sqlite3_bind_int64(s, 4, now_us);
	sqlite3_bind_int(s, 5, plain);
	return vt_conn_run(c->w, s, "add a copy", err);
}

enum vt_code
vt_cat_copy_put(struct vt_catalog *c, const struct vt_version *v,
    const char *tier, const struct vt_cat_extent *x, size_t n,
    int64_t now_us, int64_t *copy_id, struct vt_err *err)
{
	int64_t id;
	enum vt_code rc;

	rc = vt_cat_extents_take(c, x, n, v->size_bytes, err);
	if (rc == VT_OK)
		rc = vt_cat_tier_id(c, tier, &id, err);
	if (rc == VT_OK)
		rc = vt_cat_copy_add(c, v->seq, id, vt_cat_is_plain(x, n,
		    v->size_bytes), now_us, copy_id, err);
	if (rc == VT_OK)
		rc = vt_cat_extents_add(c, *copy_id, x, n, err);
	return rc;
}

enum vt_code
vt_cat_copy_drop(struct vt_catalog *c, int64_t seq, const struct vt_copy *copy,
    int64_t due_us, struct vt_err *err)
{
	int64_t tier;
	enum vt_code rc;

	rc = vt_cat_tier_id(c, copy->tier, &tier, err);
	if (rc == VT_OK)
		rc = vt_cat_extents_drop(c, copy->id, due_us, err);
	if (rc == VT_OK)
		rc = run_i(c, ST_COPY_DEL, 2, seq, tier, 0, "drop a copy",
		    err);
	return rc;
}
