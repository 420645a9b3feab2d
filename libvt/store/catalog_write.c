/*
 * The catalog's operations, each run by the committer inside its transaction.
 * Every operation checks all it can before its first change: one that fails
 * then needs no undoing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/buf.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/store/catalog_sqlite.h"

#define COMPLETED_KEEP_US (24LL * 3600 * 1000000)
#define CLAIM_STALE_US (3600LL * 1000000)
#define DAY_US (24LL * 3600 * 1000000)

/* --- counters ------------------------------------------------------------- */

static enum vt_code
meta_get(struct vt_conn *k, const char *name, int64_t def, int64_t *out,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, ST_META_GET);
	int rc;

	if (s == NULL)
		return vt_conn_fail(k, "read a counter", err);
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	rc = sqlite3_step(s);
	*out = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : def;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		vt_conn_fail(k, "read a counter", err);
		sqlite3_reset(s);
		return VT_IO;
	}
	sqlite3_reset(s);
	return VT_OK;
}

static enum vt_code
meta_set(struct vt_conn *k, const char *name, int64_t value,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, ST_META_SET);

	if (s == NULL)
		return vt_conn_fail(k, "write a counter", err);
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, value);
	return vt_conn_run(k, s, "write a counter", err);
}

enum vt_code
vt_cat_ids_load(struct vt_catalog *c, struct vt_err *err)
{
	int64_t inline_bytes;
	enum vt_code rc;

	rc = meta_get(c->w, "next_id", 1, &c->next_id, err);
	if (rc == VT_OK)
		rc = meta_get(c->w, "next_blob", 1, &c->next_blob, err);
	if (rc == VT_OK)
		rc = meta_get(c->w, "inline_bytes", 0, &inline_bytes, err);
	if (rc == VT_OK)
		c->inline_bytes = inline_bytes;
	c->ids_dirty = 0;
	return rc;
}

enum vt_code
vt_cat_ids_store(struct vt_catalog *c, struct vt_err *err)
{
	enum vt_code rc;

	if (!c->ids_dirty)
		return VT_OK;
	rc = meta_set(c->w, "next_id", c->next_id, err);
	if (rc == VT_OK)
		rc = meta_set(c->w, "next_blob", c->next_blob, err);
	if (rc == VT_OK)
		rc = meta_set(c->w, "inline_bytes", c->inline_bytes, err);
	return rc;
}

static int64_t
next_id(struct vt_catalog *c)
{
	c->ids_dirty = 1;
	return c->next_id++;
}

int64_t
vt_cat_next_id(struct vt_catalog *c)
{
	return next_id(c);
}

static void
inline_change(struct vt_catalog *c, int64_t bytes)
{
	c->inline_bytes += bytes;
	c->ids_dirty = 1;
}

/* --- small helpers -------------------------------------------------------- */

/* Run a statement with up to three integers. */
static enum vt_code
run_i(struct vt_catalog *c, enum vt_st which, int n, int64_t a, int64_t b,
    int64_t d, const char *doing, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, which);

	if (s == NULL)
		return vt_conn_fail(c->w, doing, err);
	if (n > 0)
		sqlite3_bind_int64(s, 1, a);
	if (n > 1)
		sqlite3_bind_int64(s, 2, b);
	if (n > 2)
		sqlite3_bind_int64(s, 3, d);
	return vt_conn_run(c->w, s, doing, err);
}

/* The number of a name in a table of names, adding it when new. */
static enum vt_code
name_id(struct vt_catalog *c, enum vt_st find, enum vt_st add,
    const char *name, int64_t *out, struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s = vt_conn_st(k, find);
	enum vt_code rc;
	int r;

	*out = 0;
	if (name == NULL || name[0] == '\0')
		return VT_OK;
	if (s == NULL)
		return vt_conn_fail(k, "look up a name", err);
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		*out = sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
		return VT_OK;
	}
	sqlite3_reset(s);
	if (r != SQLITE_DONE)
		return vt_conn_fail(k, "look up a name", err);
	s = vt_conn_st(k, add);
	if (s == NULL)
		return vt_conn_fail(k, "add a name", err);
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	rc = vt_conn_run(k, s, "add a name", err);
	if (rc == VT_OK)
		*out = sqlite3_last_insert_rowid(k->db);
	return rc;
}

static enum vt_code
tier_id(struct vt_catalog *c, const char *name, int64_t *out,
    struct vt_err *err)
{
	enum vt_code rc;

	rc = name_id(c, ST_TIER_ID, ST_TIER_ADD, name, out, err);
	if (rc == VT_OK && *out >= TIER_CACHE)
		return vt_fail(err, VT_TOO_LARGE,
		    "more than %d tiers: '%s'", TIER_CACHE - 1, name);
	return rc;
}

static enum vt_code
owner_id(struct vt_catalog *c, const char *name, int64_t *out,
    struct vt_err *err)
{
	return name_id(c, ST_OWNER_ID, ST_OWNER_ADD,
	    name != NULL && name[0] != '\0' ? name : "root", out, err);
}

static void
bind_str(sqlite3_stmt *s, int i, const char *text)
{
	sqlite3_bind_text(s, i, text != NULL ? text : "", -1, SQLITE_STATIC);
}

static void
bind_bytes(sqlite3_stmt *s, int i, const void *data, size_t len)
{
	sqlite3_bind_blob64(s, i, data != NULL ? data : "", len,
	    SQLITE_STATIC);
}

/* --- blobs ---------------------------------------------------------------- */

static enum vt_code
garbage_add(struct vt_catalog *c, uint64_t blob, int64_t tier,
    const char *name, const char *token, uint64_t size, int64_t due_us,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_GARBAGE_ADD);

	if (s == NULL)
		return vt_conn_fail(c->w, "add garbage", err);
	sqlite3_bind_int64(s, 1, next_id(c));
	sqlite3_bind_int64(s, 2, (int64_t)blob);
	sqlite3_bind_int64(s, 3, tier);
	bind_str(s, 4, name);
	bind_str(s, 5, token);
	sqlite3_bind_int64(s, 6, (int64_t)size);
	sqlite3_bind_int64(s, 7, due_us);
	return vt_conn_run(c->w, s, "add garbage", err);
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
		rc = garbage_add(c, blob, tier, name, token, size, due_us,
		    err);
	return rc;
}

/* Drop all extents of a copy or part. */
static enum vt_code
extents_drop(struct vt_catalog *c, int64_t copy, int64_t due_us,
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
static enum vt_code
extents_take(struct vt_catalog *c, const struct vt_cat_extent *x, size_t n,
    uint64_t size_bytes, struct vt_err *err)
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

/* A new blob with one reference of `length` bytes. */
static enum vt_code
blob_add(struct vt_catalog *c, const struct vt_blob *b, uint64_t length,
    struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s;
	int64_t tier;
	enum vt_code rc;

	rc = tier_id(c, b->tier, &tier, err);
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

static enum vt_code
extents_add(struct vt_catalog *c, int64_t copy, const struct vt_cat_extent *x,
    size_t n, struct vt_err *err)
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

/*
 * Does a copy of a version of `size_bytes` take just these, in one extent that
 * is ours and as it was sent?  Said beside the copy, so that a scan need not
 * look for its extents; it stays so as long as the copy is there: extents of
 * a copy do not change, what is ours stays ours, and a transform is only
 * written anew where there was one.
 */
static int
is_plain(const struct vt_cat_extent *x, size_t n, uint64_t size_bytes)
{
	const struct vt_blob *b;

	if (n != 1 || x->is_ref || x->form_of != 0)
		return 0;
	b = &x->e.blob;
	return (b->owned || b->is_inline) && x->e.length == size_bytes &&
	    (b->transform == NULL || *b->transform == '\0');
}

static enum vt_code
copy_add(struct vt_catalog *c, int64_t seq, int64_t tier, int plain,
    int64_t now_us, int64_t *copy, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_COPY_ADD);

	if (s == NULL)
		return vt_conn_fail(c->w, "add a copy", err);
	*copy = next_id(c);
	sqlite3_bind_int64(s, 1, seq);
	sqlite3_bind_int64(s, 2, tier);
	sqlite3_bind_int64(s, 3, *copy);
	sqlite3_bind_int64(s, 4, now_us);
	sqlite3_bind_int(s, 5, plain);
	return vt_conn_run(c->w, s, "add a copy", err);
}

/* --- versions ------------------------------------------------------------- */

/* The newest version of a key, or a null version of it. */
struct top {
	int found;
	int64_t seq, mtime_us, retain_until_us, generation;
	uint64_t size;
	int is_null, marker, lock_mode, legal_hold;
	char etag[80];
};

static enum vt_code
read_top(struct vt_catalog *c, int64_t bucket, const char *key,
    size_t key_len, struct top *t, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_VERSION_TOP);
	int r;

	memset(t, 0, sizeof(*t));
	if (s == NULL)
		return vt_conn_fail(c->w, "read a version", err);
	sqlite3_bind_int64(s, 1, bucket);
	bind_bytes(s, 2, key, key_len);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		t->found = 1;
		t->seq = sqlite3_column_int64(s, 0);
		t->is_null = sqlite3_column_int(s, 1);
		t->marker = sqlite3_column_int(s, 2);
		t->mtime_us = sqlite3_column_int64(s, 3);
		snprintf(t->etag, sizeof(t->etag), "%s",
		    (const char *)sqlite3_column_text(s, 4));
		t->size = (uint64_t)sqlite3_column_int64(s, 5);
		t->lock_mode = sqlite3_column_int(s, 6);
		t->retain_until_us = sqlite3_column_int64(s, 7);
		t->legal_hold = sqlite3_column_int(s, 8);
		t->generation = sqlite3_column_int64(s, 9);
	}
	sqlite3_reset(s);
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		return vt_conn_fail(c->w, "read a version", err);
	return VT_OK;
}

/* The null version or the one of that id, as a top. */
static enum vt_code
read_one(struct vt_catalog *c, int64_t bucket, const char *key,
    size_t key_len, const char *version_id, struct top *t,
    struct vt_err *err)
{
	sqlite3_stmt *s;
	uint8_t id[16];
	int r, is_null = strcmp(version_id, "null") == 0;

	memset(t, 0, sizeof(*t));
	if (!is_null && (strlen(version_id) != VT_ID_LEN ||
	    vt_hex_decode(version_id, id, sizeof(id)) < 0))
		return VT_OK;
	s = vt_conn_st(c->w, is_null ? ST_VERSION_NULL : ST_VERSION_ID);
	if (s == NULL)
		return vt_conn_fail(c->w, "read a version", err);
	sqlite3_bind_int64(s, 1, bucket);
	bind_bytes(s, 2, key, key_len);
	if (!is_null)
		bind_bytes(s, 3, id, sizeof(id));
	r = sqlite3_step(s);
	if (r == SQLITE_ROW &&
	    (is_null || !sqlite3_column_int(s, 4))) {
		t->found = 1;
		t->seq = sqlite3_column_int64(s, 2);
		t->is_null = sqlite3_column_int(s, 4);
		t->marker = sqlite3_column_int(s, 5);
		t->generation = sqlite3_column_int64(s, 7);
		t->size = (uint64_t)sqlite3_column_int64(s, 8);
		t->mtime_us = sqlite3_column_int64(s, 9);
		snprintf(t->etag, sizeof(t->etag), "%s",
		    (const char *)sqlite3_column_text(s, 10));
		t->lock_mode = sqlite3_column_int(s, 19);
		t->retain_until_us = sqlite3_column_int64(s, 20);
		t->legal_hold = sqlite3_column_int(s, 21);
	}
	sqlite3_reset(s);
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		return vt_conn_fail(c->w, "read a version", err);
	return VT_OK;
}

static enum vt_code
check_cond(const struct vt_cat_cond *cond, const struct top *t,
    struct vt_err *err)
{
	int exists = t->found && !t->marker;

	if (cond->if_none_match_any && exists)
		return vt_fail(err, VT_PRECONDITION,
		    "an object of that key exists");
	if (!exists && (cond->if_match != NULL || cond->has_if_seq ||
	    cond->has_if_mtime || cond->has_if_size))
		return vt_fail(err, VT_ABSENT, "no object of that key exists");
	if (cond->if_match != NULL && strcmp(cond->if_match, "*") != 0 &&
	    strcmp(cond->if_match, t->etag) != 0)
		return vt_fail(err, VT_PRECONDITION,
		    "the object's ETag is another one");
	if (cond->has_if_mtime &&
	    cond->if_mtime_us / 1000000 != t->mtime_us / 1000000)
		return vt_fail(err, VT_PRECONDITION,
		    "the object was modified at another time");
	if (cond->has_if_size && cond->if_size_bytes != t->size)
		return vt_fail(err, VT_PRECONDITION,
		    "the object has another size");
	if (cond->has_if_seq && (cond->if_seq != t->seq ||
	    (cond->if_generation != 0 &&
	    cond->if_generation != t->generation)))
		return vt_fail(err, VT_PRECONDITION,
		    "the object is another version by now");
	return VT_OK;
}

/* The time as locks know it. */
static int64_t
lock_now(const struct vt_catalog *c, int64_t now_us)
{
	return c->o.lock_clock != NULL ? vt_clock_now_us(c->o.lock_clock) :
	    now_us;
}

static enum vt_code
check_lock(const struct vt_catalog *c, const struct top *t,
    int bypass_governance, int64_t now_us, struct vt_err *err)
{
	if (t->legal_hold == VT_HOLD_ON)
		return vt_fail(err, VT_DENIED,
		    "the version is under a legal hold");
	if (t->retain_until_us > lock_now(c, now_us) &&
	    (t->lock_mode == VT_LOCK_COMPLIANCE ||
	    (t->lock_mode == VT_LOCK_GOVERNANCE && !bypass_governance)))
		return vt_fail(err, VT_DENIED,
		    "the version is locked against deletion");
	return VT_OK;
}

/* Remove a version with its copies; the bytes become garbage at `due_us`. */
static enum vt_code
version_remove_at(struct vt_catalog *c, int64_t seq, int64_t due_us,
    struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s;
	int64_t tiers[TIER_CACHE], ids[TIER_CACHE];
	int n = 0, i, r;
	enum vt_code rc = VT_OK;

	s = vt_conn_st(k, ST_COPIES);
	if (s == NULL)
		return vt_conn_fail(k, "read copies", err);
	sqlite3_bind_int64(s, 1, seq);
	while ((r = sqlite3_step(s)) == SQLITE_ROW && n < TIER_CACHE) {
		tiers[n] = sqlite3_column_int64(s, 0);
		ids[n++] = sqlite3_column_int64(s, 1);
	}
	sqlite3_reset(s);
	if (r != SQLITE_DONE)
		return vt_conn_fail(k, "read copies", err);
	for (i = 0; i < n && rc == VT_OK; i++) {
		rc = extents_drop(c, ids[i], due_us, err);
		if (rc == VT_OK)
			rc = run_i(c, ST_COPY_DEL, 2, seq, tiers[i], 0,
			    "remove a copy", err);
	}
	if (rc == VT_OK)
		rc = run_i(c, ST_PARTS_DEL, 1, seq, 0, 0, "remove parts",
		    err);
	if (rc == VT_OK)
		rc = run_i(c, ST_VERSION_DEL, 1, seq, 0, 0,
		    "remove a version", err);
	return rc;
}

static enum vt_code
version_remove(struct vt_catalog *c, int64_t seq, int64_t now_us,
    struct vt_err *err)
{
	return version_remove_at(c, seq,
	    now_us + c->o.delete_grace_ms * 1000, err);
}

enum vt_code
vt_cat_version_forget(struct vt_catalog *c, const struct vt_version *v,
    int64_t due_us, struct vt_err *err)
{
	struct top t;
	enum vt_code rc;

	rc = version_remove_at(c, v->seq, due_us, err);
	if (rc == VT_OK)
		rc = vt_cat_restore_forget(c, v->seq, err);
	if (rc == VT_OK)
		rc = read_top(c, v->bucket_id, v->key, v->key_len, &t, err);
	if (rc == VT_OK && v->is_current && t.found)
		rc = run_i(c, ST_VERSION_SET_CURRENT, 2, t.seq, 1, 0,
		    "promote a version", err);
	return rc;
}

enum vt_code
vt_cat_restore_forget(struct vt_catalog *c, int64_t seq, struct vt_err *err)
{
	return run_i(c, ST_RESTORE_DEL, 1, seq, 0, 0, "end a restore", err);
}

enum vt_code
vt_cat_version_on(struct vt_catalog *c, const struct vt_version *v,
    const char *tier, const struct vt_copy *not, struct vt_err *err)
{
	int64_t id;
	enum vt_code rc;
	size_t i;

	for (i = 0; tier == NULL && i < v->copy_count; i++)
		if (&v->copies[i] != not && v->copies[i].until_us == 0)
			tier = v->copies[i].tier;
	if (tier == NULL)
		return VT_OK;
	rc = tier_id(c, tier, &id, err);
	return rc != VT_OK ? rc : run_i(c, ST_VERSION_TIER, 2, v->seq, id, 0,
	    "move a version", err);
}

/* The numbers of a bucket as they are in this transaction. */
static enum vt_code
bucket_now(struct vt_catalog *c, int64_t bucket, struct vt_bucket *b,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_BUCKET_BY_ID);
	int r;

	if (s == NULL)
		return vt_conn_fail(c->w, "read a bucket", err);
	sqlite3_bind_int64(s, 1, bucket);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		b->versioning = sqlite3_column_int(s, 5);
		b->object_lock = sqlite3_column_int(s, 6);
		b->generation = sqlite3_column_int64(s, 7);
		b->lock_mode = (enum vt_lock_mode)sqlite3_column_int(s, 9);
		b->lock_days = (unsigned)sqlite3_column_int64(s, 10);
	}
	sqlite3_reset(s);
	if (r == SQLITE_DONE)
		return vt_fail(err, VT_ABSENT, "the bucket is gone");
	if (r != SQLITE_ROW)
		return vt_conn_fail(c->w, "read a bucket", err);
	return VT_OK;
}

static enum vt_code
bucket_state(struct vt_catalog *c, int64_t bucket, int *versioning,
    int64_t *generation, struct vt_err *err)
{
	struct vt_bucket b;
	enum vt_code rc = bucket_now(c, bucket, &b, err);

	if (rc != VT_OK)
		return rc;
	*versioning = b.versioning;
	if (generation != NULL)
		*generation = b.generation;
	return VT_OK;
}

/* The bucket's retention, for a version that comes without its own.  Counted
 * from the commit: an upload of a day is kept as long as one of a second. */
static void
lock_by_default(struct vt_version *v, const struct vt_bucket *b,
    int64_t now_us)
{
	if (v->is_marker || v->lock_mode != VT_LOCK_NONE ||
	    b->lock_mode == VT_LOCK_NONE)
		return;
	v->lock_mode = b->lock_mode;
	/* whole milliseconds, up: what clients are told is never less */
	v->retain_until_us = (now_us + b->lock_days * DAY_US + 999) / 1000 *
	    1000;
}

static void
checksum_kind(const char *checksum, char out[48])
{
	const char *space = NULL;

	out[0] = '\0';
	if (checksum == NULL)
		return;
	space = strchr(checksum, ' ');
	if (space != NULL)
		space = strchr(space + 1, ' ');
	if (space != NULL && space - checksum < 47) {
		memcpy(out, checksum, (size_t)(space - checksum));
		out[space - checksum] = '\0';
	}
}

static enum vt_code
version_add(struct vt_catalog *c, const struct vt_version *v, int64_t seq,
    const uint8_t id[16], int is_null, int64_t mtime_us, int64_t tier,
    struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s;
	char kind[48];
	int64_t owner;
	enum vt_code rc;

	rc = owner_id(c, v->owner, &owner, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_VERSION_ADD);
	if (s == NULL)
		return vt_conn_fail(k, "add a version", err);
	checksum_kind(v->checksum, kind);
	sqlite3_bind_int64(s, 1, seq);
	sqlite3_bind_int64(s, 2, v->bucket_id);
	bind_bytes(s, 3, v->key, v->key_len);
	bind_bytes(s, 4, id, 16);
	sqlite3_bind_int(s, 5, is_null);
	sqlite3_bind_int(s, 6, v->is_marker);
	sqlite3_bind_int64(s, 7, (int64_t)v->size_bytes);
	sqlite3_bind_int64(s, 8, mtime_us);
	bind_str(s, 9, v->etag);
	sqlite3_bind_int64(s, 10, (int64_t)v->crc64);
	bind_bytes(s, 11, v->meta, v->meta_len);
	bind_str(s, 12, v->checksum);
	bind_str(s, 13, kind);
	bind_str(s, 14, v->tags);
	sqlite3_bind_int64(s, 15, owner);
	bind_str(s, 16, v->pin);
	sqlite3_bind_int64(s, 17, tier);
	sqlite3_bind_int64(s, 18, v->part_count);
	sqlite3_bind_int(s, 19, (int)v->lock_mode);
	sqlite3_bind_int64(s, 20, v->retain_until_us);
	sqlite3_bind_int(s, 21, v->legal_hold);
	bind_str(s, 22, v->acl);
	bind_str(s, 23, v->sse);
	return vt_conn_run(k, s, "add a version", err);
}

static enum vt_code
store_parts(struct vt_catalog *c, int64_t seq,
    const struct vt_part_info *parts, size_t n, struct vt_err *err)
{
	struct vt_buf b;
	sqlite3_stmt *s;
	enum vt_code rc;
	size_t i;

	vt_buf_init(&b, 4 << 20);
	for (i = 0; i < n; i++)
		vt_buf_printf(&b, "%u %llu %s\n", parts[i].number,
		    (unsigned long long)parts[i].size_bytes,
		    parts[i].checksum != NULL ? parts[i].checksum : "");
	rc = vt_buf_check(&b, "parts", err);
	s = vt_conn_st(c->w, ST_PARTS_SET);
	if (rc == VT_OK && s == NULL)
		rc = vt_conn_fail(c->w, "store parts", err);
	if (rc == VT_OK) {
		sqlite3_bind_int64(s, 1, seq);
		bind_bytes(s, 2, b.data, b.len);
		rc = vt_conn_run(c->w, s, "store parts", err);
	}
	vt_buf_release(&b);
	return rc;
}

/*
 * A new version of a key: conditions, the null version it replaces, the old
 * current one, the row.  `*seq` and `*tier` for the caller to add its copy.
 */
static enum vt_code
new_version(struct vt_catalog *c, struct vt_cat_put *p, int64_t now_us,
    int64_t *tier, struct vt_err *err)
{
	struct vt_bucket b;
	struct top t, null;
	uint8_t id[16];
	enum vt_code rc;

	rc = bucket_now(c, p->v.bucket_id, &b, err);
	if (rc == VT_OK)
		rc = read_top(c, p->v.bucket_id, p->v.key, p->v.key_len, &t,
		    err);
	if (rc == VT_OK)
		rc = check_cond(&p->cond, &t, err);
	if (rc != VT_OK)
		return rc;
	p->is_null = b.versioning != 1;
	null = t;
	if (p->is_null && t.found && !t.is_null)
		rc = read_one(c, p->v.bucket_id, p->v.key, p->v.key_len,
		    "null", &null, err);
	if (rc == VT_OK && p->is_null && null.found)
		rc = check_lock(c, &null, 0, now_us, err);
	if (rc != VT_OK)
		return rc;
	if (p->keep_version_id ? vt_hex_decode(p->v.version_id, id,
	    sizeof(id)) < 0 : vt_random(id, sizeof(id)) < 0)
		return vt_fail(err, VT_BUSY, "no random numbers");

	/* From here on the transaction changes. */
	rc = tier_id(c, p->tier, tier, err);
	if (rc != VT_OK)
		return rc;
	p->seq = next_id(c);
	p->mtime_us = p->keep_mtime ? p->v.mtime_us : now_us;
	if (t.found && p->mtime_us < t.mtime_us && !p->keep_mtime)
		p->mtime_us = t.mtime_us;
	vt_hex_encode(id, sizeof(id), p->version_id);
	lock_by_default(&p->v, &b, now_us);
	p->replaced = 0;
	if (p->is_null && null.found) {
		rc = version_remove(c, null.seq, now_us, err);
		p->replaced = 1;
	}
	if (rc == VT_OK && t.found && !(p->replaced && t.seq == null.seq))
		rc = run_i(c, ST_VERSION_SET_CURRENT, 2, t.seq, 0, 0,
		    "retire a version", err);
	if (rc == VT_OK)
		rc = version_add(c, &p->v, p->seq, id, p->is_null,
		    p->mtime_us, *tier, err);
	if (rc == VT_OK && p->v.part_count > 0 && p->parts != NULL)
		rc = store_parts(c, p->seq, p->parts, p->v.part_count, err);
	return rc;
}

static enum vt_code
op_put(struct vt_catalog *c, struct vt_cat_put *p, int64_t now_us,
    struct vt_err *err)
{
	int64_t tier, copy;
	enum vt_code rc;

	if (p->v.key_len > VT_KEY_MAX)
		return vt_fail(err, VT_TOO_LARGE,
		    "key is longer than %d bytes", VT_KEY_MAX);
	rc = extents_take(c, p->extents, p->extent_count, p->v.size_bytes,
	    err);
	if (rc == VT_OK)
		rc = new_version(c, p, now_us, &tier, err);
	if (rc == VT_OK)
		rc = copy_add(c, p->seq, tier, is_plain(p->extents,
		    p->extent_count, p->v.size_bytes), now_us, &copy, err);
	if (rc == VT_OK)
		rc = extents_add(c, copy, p->extents, p->extent_count, err);
	if (rc == VT_OK)
		rc = vt_cat_copies_more(c, p, now_us, err);
	return rc;
}

static enum vt_code
op_delete(struct vt_catalog *c, struct vt_cat_delete *d, int64_t now_us,
    struct vt_err *err)
{
	struct top t, one;
	struct vt_cat_put marker;
	int versioning;
	int64_t tier;
	enum vt_code rc;

	d->found = d->made_marker = d->was_marker = d->out_is_null = 0;
	d->out_version_id[0] = '\0';
	rc = bucket_state(c, d->bucket_id, &versioning, NULL, err);
	if (rc == VT_OK)
		rc = read_top(c, d->bucket_id, d->key, d->key_len, &t, err);
	if (rc != VT_OK)
		return rc;
	if (d->version_id == NULL && versioning != 0) {
		/* S3: a delete without version adds a marker. */
		rc = check_cond(&d->cond, &t, err);
		if (rc != VT_OK)
			return rc;
		memset(&marker, 0, sizeof(marker));
		marker.v.bucket_id = d->bucket_id;
		marker.v.key = d->key;
		marker.v.key_len = d->key_len;
		marker.v.is_marker = 1;
		rc = new_version(c, &marker, now_us, &tier, err);
		if (rc != VT_OK)
			return rc;
		d->found = d->made_marker = 1;
		d->out_is_null = marker.is_null;
		memcpy(d->out_version_id, marker.version_id,
		    sizeof(d->out_version_id));
		return VT_OK;
	}
	one = t;
	if (d->version_id != NULL) {
		rc = read_one(c, d->bucket_id, d->key, d->key_len,
		    d->version_id, &one, err);
		if (rc != VT_OK)
			return rc;
	}
	rc = check_cond(&d->cond, &one, err);
	if (rc == VT_OK && one.found)
		rc = check_lock(c, &one, d->bypass_governance, now_us, err);
	if (rc != VT_OK || !one.found)
		return rc;
	d->found = 1;
	d->was_marker = one.marker;
	d->out_is_null = one.is_null;
	if (d->version_id != NULL && !one.is_null)
		snprintf(d->out_version_id, sizeof(d->out_version_id), "%s",
		    d->version_id);
	rc = version_remove(c, one.seq, now_us, err);
	if (rc != VT_OK || one.seq != t.seq)
		return rc;
	rc = read_top(c, d->bucket_id, d->key, d->key_len, &t, err);
	if (rc == VT_OK && t.found)
		rc = run_i(c, ST_VERSION_SET_CURRENT, 2, t.seq, 1, 0,
		    "promote a version", err);
	return rc;
}

static enum vt_code
op_meta(struct vt_catalog *c, struct vt_cat_op *op, int64_t now_us,
    struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s;
	struct vt_version *v = NULL;
	struct vt_arena *a = vt_arena_new(VERSION_ARENA_MAX);
	enum vt_code rc;
	int mode;
	int64_t until;

	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	s = vt_conn_st(k, ST_VERSION_SEQ);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read a version", err);
		goto out;
	}
	sqlite3_bind_int64(s, 1, op->u.meta.seq);
	rc = vt_cat_read_version(c, k, a, s, 0, &v, err);
	if (rc != VT_OK)
		goto out;
	mode = op->u.meta.lock_mode >= 0 ? op->u.meta.lock_mode :
	    (int)v->lock_mode;
	until = op->u.meta.retain_until_us >= 0 ?
	    op->u.meta.retain_until_us : v->retain_until_us;
	/* Retention in force may only be made longer, in its own mode. */
	if (v->lock_mode != VT_LOCK_NONE &&
	    v->retain_until_us > lock_now(c, now_us) &&
	    (until < v->retain_until_us || mode != (int)v->lock_mode) &&
	    (v->lock_mode == VT_LOCK_COMPLIANCE ||
	    !op->u.meta.bypass_governance)) {
		rc = vt_fail(err, VT_DENIED, "the version's retention cannot "
		    "be shortened, nor its mode changed");
		goto out;
	}
	s = vt_conn_st(k, ST_VERSION_META);
	if (s == NULL) {
		rc = vt_conn_fail(k, "change a version", err);
		goto out;
	}
	sqlite3_bind_int64(s, 1, v->seq);
	bind_str(s, 2, op->u.meta.tags != NULL ? op->u.meta.tags : v->tags);
	bind_str(s, 3, op->u.meta.pin != NULL ? op->u.meta.pin : v->pin);
	sqlite3_bind_int(s, 4, mode);
	sqlite3_bind_int64(s, 5, until);
	sqlite3_bind_int(s, 6, op->u.meta.legal_hold >= 0 ?
	    op->u.meta.legal_hold : (int)v->legal_hold);
	bind_str(s, 7, op->u.meta.acl != NULL ? op->u.meta.acl : v->acl);
	rc = vt_conn_run(k, s, "change a version", err);
out:
	vt_arena_free(a);
	return rc;
}

/* --- buckets -------------------------------------------------------------- */

/* Store a document (`body` NULL: remove it) and note whether it is there. */
static enum vt_code
doc_set(struct vt_catalog *c, int64_t bucket, const struct vt_cat_doc *d,
    struct vt_err *err)
{
	int64_t bit = INT64_C(1) << d->doc;
	sqlite3_stmt *s;
	enum vt_code rc;

	s = vt_conn_st(c->w, d->body != NULL ? ST_DOC_SET : ST_DOC_DEL);
	if (s == NULL)
		return vt_conn_fail(c->w, "store a document", err);
	sqlite3_bind_int64(s, 1, bucket);
	bind_str(s, 2, vt_doc_name(d->doc));
	if (d->body != NULL)
		bind_bytes(s, 3, d->body, d->len);
	rc = vt_conn_run(c->w, s, "store a document", err);
	if (rc == VT_OK)
		rc = run_i(c, ST_BUCKET_DOCS, 3, bucket,
		    d->body != NULL ? bit : 0, d->body != NULL ? 0 : bit,
		    "change a bucket", err);
	return rc;
}

static enum vt_code
op_bucket_create(struct vt_catalog *c, struct vt_cat_op *op, int64_t now_us,
    struct vt_err *err)
{
	struct vt_bucket *b = &op->u.bucket_create.b;
	struct vt_conn *k = c->w;
	sqlite3_stmt *s = vt_conn_st(k, ST_BUCKET_GET);
	int64_t owner;
	enum vt_code rc;
	size_t i;
	int r;

	if (s == NULL)
		return vt_conn_fail(k, "look up a bucket", err);
	bind_str(s, 1, b->name);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW && b->owner != NULL)
		op->u.bucket_create.same_owner = strcmp(b->owner,
		    (const char *)sqlite3_column_text(s, 2)) == 0;
	sqlite3_reset(s);
	if (r == SQLITE_ROW)
		return vt_fail(err, VT_EXISTS, "bucket '%s' exists", b->name);
	if (r != SQLITE_DONE)
		return vt_conn_fail(k, "look up a bucket", err);
	rc = owner_id(c, b->owner, &owner, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_BUCKET_ADD);
	if (s == NULL)
		return vt_conn_fail(k, "add a bucket", err);
	b->id = next_id(c);
	b->created_us = now_us;
	b->generation = 1;
	sqlite3_bind_int64(s, 1, b->id);
	bind_str(s, 2, b->name);
	sqlite3_bind_int64(s, 3, owner);
	bind_str(s, 4, b->location);
	sqlite3_bind_int64(s, 5, now_us);
	sqlite3_bind_int(s, 6, b->versioning);
	sqlite3_bind_int(s, 7, b->object_lock);
	rc = vt_conn_run(k, s, "add a bucket", err);
	for (i = 0; i < op->u.bucket_create.doc_count && rc == VT_OK; i++)
		rc = doc_set(c, b->id, &op->u.bucket_create.docs[i], err);
	return rc;
}

/* The first id that a statement over one number yields, 0 for none. */
static enum vt_code
first_id(struct vt_catalog *c, enum vt_st which, int64_t arg, int64_t *out,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, which);
	int r;

	*out = 0;
	if (s == NULL)
		return vt_conn_fail(c->w, "read", err);
	sqlite3_bind_int64(s, 1, arg);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		*out = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		return vt_conn_fail(c->w, "read", err);
	return VT_OK;
}

/* Remove an upload with its parts; the bytes become garbage. */
static enum vt_code
upload_remove(struct vt_catalog *c, int64_t upload, int64_t now_us,
    struct vt_err *err)
{
	int64_t part;
	enum vt_code rc;

	for (;;) {
		rc = first_id(c, ST_PARTS_OF_UPLOAD, upload, &part, err);
		if (rc != VT_OK || part == 0)
			break;
		rc = extents_drop(c, part,
		    now_us + c->o.delete_grace_ms * 1000, err);
		if (rc == VT_OK)
			rc = run_i(c, ST_PART_DEL, 1, part, 0, 0,
			    "remove a part", err);
		if (rc != VT_OK)
			break;
	}
	if (rc == VT_OK)
		rc = run_i(c, ST_UPLOAD_DEL, 1, upload, 0, 0,
		    "remove an upload", err);
	return rc;
}

static enum vt_code
op_bucket_delete(struct vt_catalog *c, struct vt_cat_op *op, int64_t now_us,
    struct vt_err *err)
{
	int64_t id = op->u.bucket_delete.id, used, upload;
	int versioning;
	enum vt_code rc;

	rc = bucket_state(c, id, &versioning, NULL, err);
	if (rc == VT_OK)
		rc = first_id(c, ST_BUCKET_USED, id, &used, err);
	if (rc != VT_OK)
		return rc;
	if (used)
		return vt_fail(err, VT_PRECONDITION,
		    "the bucket is not empty");
	for (;;) {
		rc = first_id(c, ST_UPLOADS_OF_BUCKET, id, &upload, err);
		if (rc != VT_OK || upload == 0)
			break;
		rc = upload_remove(c, upload, now_us, err);
		if (rc != VT_OK)
			break;
	}
	if (rc == VT_OK)
		rc = run_i(c, ST_DOCS_DEL, 1, id, 0, 0, "remove documents",
		    err);
	if (rc == VT_OK)
		rc = run_i(c, ST_BUCKET_DEL, 1, id, 0, 0, "remove a bucket",
		    err);
	return rc;
}

static enum vt_code
op_doc(struct vt_catalog *c, struct vt_cat_op *op, struct vt_err *err)
{
	int versioning;
	enum vt_code rc;

	rc = bucket_state(c, op->u.doc.bucket_id, &versioning, NULL, err);
	if (rc == VT_OK)
		rc = doc_set(c, op->u.doc.bucket_id, &op->u.doc.d, err);
	return rc;
}

static enum vt_code
op_versioning(struct vt_catalog *c, struct vt_cat_op *op, struct vt_err *err)
{
	struct vt_bucket b;
	enum vt_code rc;

	rc = bucket_now(c, op->u.versioning.bucket_id, &b, err);
	if (rc != VT_OK)
		return rc;
	/* An overwrite of a null version would be the end of it. */
	if (b.object_lock && op->u.versioning.state != 1)
		return vt_fail(err, VT_PRECONDITION, "the bucket has object "
		    "lock: versioning stays enabled");
	return run_i(c, ST_BUCKET_VERSIONING, 2, op->u.versioning.bucket_id,
	    op->u.versioning.state, 0, "change a bucket", err);
}

static enum vt_code
op_lock(struct vt_catalog *c, struct vt_cat_op *op, struct vt_err *err)
{
	int64_t id = op->u.lock.bucket_id;
	struct vt_bucket b;
	enum vt_code rc;

	rc = bucket_now(c, id, &b, err);
	if (rc != VT_OK)
		return rc;
	if (b.versioning != 1)
		return vt_fail(err, VT_PRECONDITION, "object lock needs "
		    "versioning to be enabled");
	rc = run_i(c, ST_BUCKET_LOCK, 3, id, (int64_t)op->u.lock.mode,
	    op->u.lock.days, "lock a bucket", err);
	if (rc == VT_OK)
		rc = doc_set(c, id, &op->u.lock.d, err);
	return rc;
}

/* --- uploads -------------------------------------------------------------- */

static enum vt_code
op_upload_create(struct vt_catalog *c, struct vt_cat_op *op, int64_t now_us,
    struct vt_err *err)
{
	struct vt_upload *u = &op->u.upload_create.u;
	struct vt_conn *k = c->w;
	sqlite3_stmt *s;
	uint8_t id[16];
	int64_t owner, tier;
	int versioning;
	enum vt_code rc;

	rc = bucket_state(c, u->bucket_id, &versioning, NULL, err);
	if (rc != VT_OK)
		return rc;
	if (vt_random(id, sizeof(id)) < 0)
		return vt_fail(err, VT_BUSY, "no random numbers");
	rc = owner_id(c, u->owner, &owner, err);
	if (rc == VT_OK)
		rc = tier_id(c, u->tier, &tier, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_UPLOAD_ADD);
	if (s == NULL)
		return vt_conn_fail(k, "add an upload", err);
	vt_hex_encode(id, sizeof(id), u->id);
	u->created_us = now_us;
	sqlite3_bind_int64(s, 1, next_id(c));
	bind_bytes(s, 2, id, sizeof(id));
	sqlite3_bind_int64(s, 3, u->bucket_id);
	bind_bytes(s, 4, u->key, u->key_len);
	sqlite3_bind_int64(s, 5, now_us);
	sqlite3_bind_int64(s, 6, owner);
	bind_bytes(s, 7, u->meta, u->meta_len);
	bind_str(s, 8, u->checksum_alg);
	bind_str(s, 9, u->checksum_type);
	sqlite3_bind_int64(s, 10, tier);
	bind_str(s, 11, u->tags);
	sqlite3_bind_int(s, 12, (int)u->lock_mode);
	sqlite3_bind_int64(s, 13, u->retain_until_us);
	sqlite3_bind_int(s, 14, u->legal_hold);
	bind_str(s, 15, u->acl);
	bind_str(s, 16, u->sse);
	return vt_conn_run(k, s, "add an upload", err);
}

/* The row number and state of an upload id. */
static enum vt_code
find_upload(struct vt_catalog *c, const char *upload_id, int64_t *id,
    int *complete, int64_t *result_seq, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_UPLOAD_GET);
	uint8_t raw[16];
	int r;

	if (strlen(upload_id) != VT_ID_LEN ||
	    vt_hex_decode(upload_id, raw, sizeof(raw)) < 0)
		return vt_fail(err, VT_ABSENT, "no upload '%.40s'",
		    upload_id);
	if (s == NULL)
		return vt_conn_fail(c->w, "read an upload", err);
	bind_bytes(s, 1, raw, sizeof(raw));
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		*id = sqlite3_column_int64(s, 0);
		*complete = sqlite3_column_int(s, 14);
		*result_seq = sqlite3_column_int64(s, 15);
	}
	sqlite3_reset(s);
	if (r == SQLITE_DONE)
		return vt_fail(err, VT_ABSENT, "no upload '%s'", upload_id);
	if (r != SQLITE_ROW)
		return vt_conn_fail(c->w, "read an upload", err);
	return VT_OK;
}

static enum vt_code
op_part_put(struct vt_catalog *c, struct vt_cat_part *p, int64_t now_us,
    struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s;
	int64_t upload, old, seq, there = 0;
	int complete, r;
	enum vt_code rc;

	rc = find_upload(c, p->upload_id, &upload, &complete, &seq, err);
	if (rc == VT_OK && complete)
		rc = vt_fail(err, VT_ABSENT, "upload '%s' is complete",
		    p->upload_id);
	if (rc == VT_OK && p->extent_count > 1)
		rc = first_id(c, ST_EXTENTS_OF_UPLOAD, upload, &there, err);
	if (rc == VT_OK && p->extent_count > 1 &&
	    (uint64_t)there + p->extent_count > VT_SHARED_MAX)
		rc = vt_fail(err, VT_TOO_LARGE, "upload '%s' has parts of "
		    "%lld blobs: with %zu more it were over %d", p->upload_id,
		    (long long)there, p->extent_count, VT_SHARED_MAX);
	if (rc == VT_OK)
		rc = extents_take(c, p->extents, p->extent_count,
		    p->size_bytes, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_PART_GET);
	if (s == NULL)
		return vt_conn_fail(k, "read a part", err);
	sqlite3_bind_int64(s, 1, upload);
	sqlite3_bind_int64(s, 2, p->number);
	r = sqlite3_step(s);
	old = r == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	sqlite3_reset(s);
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		return vt_conn_fail(k, "read a part", err);
	if (old != 0) {
		rc = extents_drop(c, old,
		    now_us + c->o.delete_grace_ms * 1000, err);
		if (rc == VT_OK)
			rc = run_i(c, ST_PART_DEL, 1, old, 0, 0,
			    "replace a part", err);
		if (rc != VT_OK)
			return rc;
	}
	s = vt_conn_st(k, ST_PART_ADD);
	if (s == NULL)
		return vt_conn_fail(k, "add a part", err);
	p->part_id = next_id(c);
	p->mtime_us = now_us;
	sqlite3_bind_int64(s, 1, p->part_id);
	sqlite3_bind_int64(s, 2, upload);
	sqlite3_bind_int64(s, 3, p->number);
	sqlite3_bind_int64(s, 4, (int64_t)p->size_bytes);
	sqlite3_bind_int64(s, 5, now_us);
	bind_str(s, 6, p->etag);
	sqlite3_bind_int64(s, 7, (int64_t)p->crc64);
	bind_str(s, 8, p->checksum);
	rc = vt_conn_run(k, s, "add a part", err);
	if (rc == VT_OK)
		rc = extents_add(c, p->part_id, p->extents, p->extent_count,
		    err);
	return rc;
}

static enum vt_code
op_complete(struct vt_catalog *c, struct vt_cat_complete *m, int64_t now_us,
    struct vt_err *err)
{
	struct vt_conn *k = c->w;
	sqlite3_stmt *s;
	int64_t upload, seq, tier, copy, extents = 0, n;
	int complete, r;
	enum vt_code rc;
	size_t i;

	rc = find_upload(c, m->upload_id, &upload, &complete, &seq, err);
	if (rc != VT_OK)
		return rc;
	if (complete) {
		m->put.seq = seq;
		return vt_fail(err, VT_EXISTS, "upload '%s' is complete",
		    m->upload_id);
	}
	for (i = 0; i < m->part_count; i++) {
		s = vt_conn_st(k, ST_PART_BY_ID);
		if (s == NULL)
			return vt_conn_fail(k, "read a part", err);
		sqlite3_bind_int64(s, 1, m->part_ids[i]);
		r = sqlite3_step(s);
		n = r == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
		sqlite3_reset(s);
		if (r != SQLITE_ROW && r != SQLITE_DONE)
			return vt_conn_fail(k, "read a part", err);
		if (n != upload)
			return vt_fail(err, VT_PRECONDITION,
			    "part %zu was replaced meanwhile", i + 1);
	}
	rc = new_version(c, &m->put, now_us, &tier, err);
	if (rc == VT_OK)
		rc = copy_add(c, m->put.seq, tier, 0, now_us, &copy, err);
	for (i = 0; i < m->part_count && rc == VT_OK; i++) {
		rc = first_id(c, ST_EXTENT_COUNT, m->part_ids[i], &n, err);
		if (rc == VT_OK)
			rc = run_i(c, ST_EXTENTS_MOVE, 3, m->part_ids[i],
			    copy, extents, "join parts", err);
		extents += n;
		if (rc == VT_OK)
			rc = run_i(c, ST_PART_DEL, 1, m->part_ids[i], 0, 0,
			    "join parts", err);
	}
	/* Parts that the list does not name go away. */
	while (rc == VT_OK) {
		rc = first_id(c, ST_PARTS_OF_UPLOAD, upload, &n, err);
		if (rc != VT_OK || n == 0)
			break;
		rc = extents_drop(c, n,
		    now_us + c->o.delete_grace_ms * 1000, err);
		if (rc == VT_OK)
			rc = run_i(c, ST_PART_DEL, 1, n, 0, 0,
			    "remove a part", err);
	}
	if (rc == VT_OK)
		rc = run_i(c, ST_UPLOAD_COMPLETE, 3, upload, m->put.seq,
		    now_us, "complete an upload", err);
	return rc;
}

static enum vt_code
op_upload_abort(struct vt_catalog *c, const char *upload_id, int64_t now_us,
    struct vt_err *err)
{
	int64_t upload, seq;
	int complete;
	enum vt_code rc;

	rc = find_upload(c, upload_id, &upload, &complete, &seq, err);
	if (rc != VT_OK)
		return rc;
	if (complete)
		return vt_fail(err, VT_ABSENT, "upload '%s' is complete",
		    upload_id);
	return upload_remove(c, upload, now_us, err);
}

static enum vt_code
op_expire(struct vt_catalog *c, int64_t now_us, struct vt_err *err)
{
	int64_t upload;
	enum vt_code rc = VT_OK;
	int i;

	for (i = 0; i < 1000; i++) {
		rc = first_id(c, ST_UPLOADS_OLD, now_us - COMPLETED_KEEP_US,
		    &upload, err);
		if (rc != VT_OK || upload == 0)
			break;
		rc = run_i(c, ST_UPLOAD_DEL, 1, upload, 0, 0,
		    "forget an upload", err);
		if (rc != VT_OK)
			break;
	}
	for (i = 0; i < 100 && rc == VT_OK; i++) {
		rc = run_i(c, ST_EVENTS_OLD, 1,
		    now_us - VT_EVENT_KEEP_DAYS * DAY_US, 0, 0,
		    "forget events", err);
		if (sqlite3_changes(c->w->db) == 0)
			break;
	}
	return rc;
}

/* --- moves ---------------------------------------------------------------- */

/*
 * Whether the swap may be (P3): all that a concurrent PUT, DELETE, move, pin
 * or hold can change.  `there`: the copy that it takes the place of on its
 * tier.
 */
static enum vt_code
swap_check(struct vt_catalog *c, const struct vt_cat_swap *w,
    const struct vt_version *v, int64_t now_us, const struct vt_copy **source,
    const struct vt_copy **there, struct vt_err *err)
{
	int64_t generation;
	unsigned lasting = 0;
	int versioning;
	enum vt_code rc;
	size_t i;

	rc = bucket_state(c, v->bucket_id, &versioning, &generation, err);
	if (rc != VT_OK)
		return rc;
	for (i = 0; i < v->copy_count; i++) {
		/* what a restore left for some days is no copy to count on */
		lasting += v->copies[i].until_us == 0;
		if (v->copies[i].id == w->source_copy_id &&
		    v->copies[i].until_us == 0)
			*source = &v->copies[i];
		if (strcmp(v->copies[i].tier, w->tier) == 0)
			*there = &v->copies[i];
	}
	if (!w->in_place && *there != NULL && (*there)->until_us == 0)
		return vt_fail(err, VT_PRECONDITION,
		    "the version has a copy on '%s' already", w->tier);
	if (*source == NULL || (w->in_place && *there != *source))
		return vt_fail(err, VT_PRECONDITION,
		    "the copy that was to move is no longer there");
	if (v->generation != w->version_generation)
		return vt_fail(err, VT_PRECONDITION,
		    "the version was changed meanwhile");
	if (generation != w->bucket_generation)
		return vt_fail(err, VT_PRECONDITION,
		    "the bucket's rules were changed meanwhile");
	if (v->pin[0] != '\0' && strcmp(v->pin, w->tier) != 0)
		return vt_fail(err, VT_PRECONDITION,
		    "the version is pinned to '%s'", v->pin);
	if (w->drop_source && !w->verified &&
	    (v->legal_hold == VT_HOLD_ON || (v->lock_mode != VT_LOCK_NONE &&
	    v->retain_until_us > lock_now(c, now_us))))
		return vt_fail(err, VT_PRECONDITION, "the version is locked: "
		    "a copy of it goes only when the new one was read back");
	if (lasting + 1 - (w->drop_source ? 1 : 0) <
	    (w->min_copies > 0 ? w->min_copies : 1))
		return vt_fail(err, VT_PRECONDITION,
		    "fewer than %u copies would be left", w->min_copies);
	return vt_cat_copies_there(v, w, err);
}

/* The copy's bytes lie elsewhere on its tier from now on. */
static enum vt_code
swap_in_place(struct vt_catalog *c, struct vt_cat_swap *w,
    const struct vt_version *v, const struct vt_copy *source, int64_t now_us,
    struct vt_err *err)
{
	int64_t tier;
	enum vt_code rc;

	/* some of the blobs may be those that the old copy refers to */
	rc = extents_take(c, w->extents, w->extent_count, v->size_bytes, err);
	if (rc == VT_OK)
		rc = vt_cat_copy_drop(c, w->seq, source,
		    now_us + w->grace_ms * 1000, err);
	if (rc == VT_OK)
		rc = tier_id(c, w->tier, &tier, err);
	if (rc == VT_OK)
		rc = copy_add(c, v->seq, tier, is_plain(w->extents,
		    w->extent_count, v->size_bytes), now_us, &w->copy_id,
		    err);
	if (rc == VT_OK)
		rc = extents_add(c, w->copy_id, w->extents, w->extent_count,
		    err);
	return rc;
}

static enum vt_code
swap_to(struct vt_catalog *c, struct vt_cat_swap *w,
    const struct vt_version *v, const struct vt_copy *source,
    const struct vt_copy *there, int64_t now_us, struct vt_err *err)
{
	int64_t tier;
	enum vt_code rc = VT_OK;

	if (there != NULL) {
		rc = vt_cat_copy_drop(c, w->seq, there,
		    now_us + w->grace_ms * 1000, err);
		/* there is no restore any more, to be prolonged */
		if (rc == VT_OK)
			rc = run_i(c, ST_RESTORE_DEL, 1, w->seq, 0, 0,
			    "end a restore", err);
	}
	if (rc == VT_OK)
		rc = vt_cat_copy_put(c, v, w->tier, w->extents,
		    w->extent_count, now_us, &w->copy_id, err);
	if (rc == VT_OK && w->drop_source) {
		rc = vt_cat_copy_drop(c, w->seq, source,
		    now_us + w->grace_ms * 1000, err);
		if (rc == VT_OK)
			rc = tier_id(c, w->tier, &tier, err);
		if (rc == VT_OK)
			rc = run_i(c, ST_VERSION_TIER, 2, w->seq, tier, 0,
			    "move a version", err);
	}
	return rc;
}

enum vt_code
vt_cat_swap(struct vt_catalog *c, struct vt_cat_swap *w, int64_t now_us,
    int *has_changed, struct vt_err *err)
{
	struct vt_conn *k = c->w;
	struct vt_arena *a = vt_arena_new(VERSION_ARENA_MAX);
	struct vt_version *v = NULL;
	const struct vt_copy *source = NULL, *there = NULL;
	sqlite3_stmt *s;
	enum vt_code rc;

	*has_changed = 0;
	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	s = vt_conn_st(k, ST_VERSION_SEQ);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read a version", err);
		goto out;
	}
	sqlite3_bind_int64(s, 1, w->seq);
	rc = vt_cat_read_version(c, k, a, s, 0, &v, err);
	if (rc == VT_ABSENT)
		rc = vt_fail(err, VT_ABSENT, "the version is gone");
	if (rc == VT_OK)
		rc = swap_check(c, w, v, now_us, &source, &there, err);
	if (rc != VT_OK)
		goto out;
	/* From here on the transaction changes. */
	*has_changed = 1;
	rc = w->in_place ? swap_in_place(c, w, v, source, now_us, err) :
	    swap_to(c, w, v, source, there, now_us, err);
	if (rc == VT_OK && w->crc64 != 0 && !vt_crc_known(v))
		rc = run_i(c, ST_VERSION_CRC, 2, w->seq, (int64_t)w->crc64, 0,
		    "note a checksum", err);
out:
	vt_arena_free(a);
	return rc;
}

static enum vt_code
op_swap(struct vt_catalog *c, struct vt_cat_swap *w, int64_t now_us,
    struct vt_err *err)
{
	int has_changed;

	return vt_cat_swap(c, w, now_us, &has_changed, err);
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
vt_cat_copy_put(struct vt_catalog *c, const struct vt_version *v,
    const char *tier, const struct vt_cat_extent *x, size_t n,
    int64_t now_us, int64_t *copy_id, struct vt_err *err)
{
	int64_t id;
	enum vt_code rc;

	rc = extents_take(c, x, n, v->size_bytes, err);
	if (rc == VT_OK)
		rc = tier_id(c, tier, &id, err);
	if (rc == VT_OK)
		rc = copy_add(c, v->seq, id, is_plain(x, n, v->size_bytes),
		    now_us, copy_id, err);
	if (rc == VT_OK)
		rc = extents_add(c, *copy_id, x, n, err);
	return rc;
}

enum vt_code
vt_cat_copy_drop(struct vt_catalog *c, int64_t seq, const struct vt_copy *copy,
    int64_t due_us, struct vt_err *err)
{
	int64_t tier;
	enum vt_code rc;

	rc = tier_id(c, copy->tier, &tier, err);
	if (rc == VT_OK)
		rc = extents_drop(c, copy->id, due_us, err);
	if (rc == VT_OK)
		rc = run_i(c, ST_COPY_DEL, 2, seq, tier, 0, "drop a copy",
		    err);
	return rc;
}

/* --- lifecycle ------------------------------------------------------------ */

static enum vt_code
lifecycle_version(struct vt_catalog *c, struct vt_cat_lifecycle *l,
    const struct vt_version *v, int64_t now_us, struct vt_err *err)
{
	struct vt_cat_delete d;
	struct vt_standing st;
	enum vt_code rc;

	if (v->bucket_id != l->bucket_id ||
	    v->generation != l->version_generation)
		return vt_fail(err, VT_PRECONDITION,
		    "the version was changed meanwhile");
	rc = vt_cat_standing(c->w, v, &st, err);
	if (rc != VT_OK)
		return rc;
	if (v->is_current != (l->action != VT_LC_EXPIRE_VERSION))
		return vt_fail(err, VT_PRECONDITION, v->is_current ?
		    "the version is the current one by now" :
		    "the version is not the current one any more");
	if (l->action != VT_LC_EXPIRE_VERSION &&
	    v->is_marker != (l->action == VT_LC_EXPIRE_MARKER))
		return vt_fail(err, VT_PRECONDITION, v->is_marker ?
		    "the version is a delete marker" :
		    "the version is no delete marker");
	if (l->action == VT_LC_EXPIRE_MARKER && !st.is_alone)
		return vt_fail(err, VT_PRECONDITION,
		    "the delete marker hides versions");
	if (l->action == VT_LC_EXPIRE_VERSION && st.newer < l->keep_newer)
		return vt_fail(err, VT_PRECONDITION,
		    "the version is one of the %u newest noncurrent ones",
		    l->keep_newer);
	memset(&d, 0, sizeof(d));
	d.bucket_id = v->bucket_id;
	d.key = v->key;
	d.key_len = v->key_len;
	if (l->action != VT_LC_EXPIRE)
		d.version_id = v->is_null ? "null" : v->version_id;
	rc = op_delete(c, &d, now_us, err);
	l->made_marker = d.made_marker;
	l->marker_is_null = d.out_is_null;
	memcpy(l->marker_id, d.out_version_id, sizeof(l->marker_id));
	return rc;
}

/*
 * As the swap: what a concurrent PUT, DELETE, hold or change of the rules can
 * make untrue is checked in the transaction that removes (P3); locks by the
 * deletion itself.
 */
static enum vt_code
op_lifecycle(struct vt_catalog *c, struct vt_cat_lifecycle *l, int64_t now_us,
    struct vt_err *err)
{
	struct vt_arena *a;
	struct vt_version *v = NULL;
	sqlite3_stmt *s;
	int64_t generation;
	int versioning;
	enum vt_code rc;

	l->made_marker = 0;
	rc = bucket_state(c, l->bucket_id, &versioning, &generation, err);
	if (rc == VT_OK && generation != l->bucket_generation)
		rc = vt_fail(err, VT_PRECONDITION,
		    "the bucket's rules were changed meanwhile");
	if (rc != VT_OK)
		return rc;
	if (l->action == VT_LC_ABORT_UPLOAD)
		return op_upload_abort(c, l->upload_id, now_us, err);
	a = vt_arena_new(VERSION_ARENA_MAX);
	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	s = vt_conn_st(c->w, ST_VERSION_SEQ);
	if (s == NULL) {
		rc = vt_conn_fail(c->w, "read a version", err);
	} else {
		sqlite3_bind_int64(s, 1, l->seq);
		rc = vt_cat_read_version(c, c->w, a, s, 0, &v, err);
	}
	if (rc == VT_ABSENT)
		rc = vt_fail(err, VT_ABSENT, "the version is gone");
	if (rc == VT_OK)
		rc = lifecycle_version(c, l, v, now_us, err);
	vt_arena_free(a);
	return rc;
}

/* --- leases, intents, garbage --------------------------------------------- */

static enum vt_code
op_lease(struct vt_catalog *c, struct vt_cat_lease *l, int64_t now_us,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_LEASE_ADD);

	if (l->count == 0)
		l->count = 4096;
	if (l->count > 1000000)
		return vt_fail(err, VT_INVALID, "a lease of %u ids is over "
		    "1000000", l->count);
	if (s == NULL)
		return vt_conn_fail(c->w, "take a lease", err);
	l->first_id = (uint64_t)c->next_blob;
	c->next_blob += l->count;
	c->ids_dirty = 1;
	sqlite3_bind_int64(s, 1, (int64_t)l->first_id);
	sqlite3_bind_int64(s, 2, l->count);
	bind_str(s, 3, c->owner);
	sqlite3_bind_int64(s, 4, now_us);
	return vt_conn_run(c->w, s, "take a lease", err);
}

static enum vt_code
op_intent(struct vt_catalog *c, const struct vt_cat_intent *in,
    struct vt_err *err)
{
	sqlite3_stmt *s;
	int64_t tier;
	enum vt_code rc;

	rc = tier_id(c, in->tier, &tier, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(c->w, ST_INTENT_ADD);
	if (s == NULL)
		return vt_conn_fail(c->w, "note an intent", err);
	sqlite3_bind_int64(s, 1, (int64_t)in->blob_id);
	sqlite3_bind_int64(s, 2, tier);
	bind_str(s, 3, in->name);
	bind_str(s, 4, in->upload);
	return vt_conn_run(c->w, s, "note an intent", err);
}

static enum vt_code
op_garbage_add(struct vt_catalog *c, const struct vt_cat_garbage *g,
    struct vt_err *err)
{
	int64_t tier;
	enum vt_code rc = VT_OK;
	size_t i;

	for (i = 0; i < g->count && rc == VT_OK; i++) {
		rc = tier_id(c, g->rows[i].tier, &tier, err);
		if (rc == VT_OK)
			rc = garbage_add(c, g->rows[i].blob_id, tier,
			    g->rows[i].name, g->rows[i].token,
			    g->rows[i].size_bytes, g->rows[i].not_before_us,
			    err);
	}
	return rc;
}

/* The tiers to skip as ",1,5,", for the statement. */
static enum vt_code
skipped_tiers(struct vt_catalog *c, const struct vt_cat_garbage *g,
    char *out, size_t size, struct vt_err *err)
{
	enum vt_code rc;
	size_t at = 0, i;
	int64_t tier;

	*out = '\0';
	for (i = 0; i < g->skip_count; i++) {
		rc = tier_id(c, g->skip[i], &tier, err);
		if (rc != VT_OK)
			return rc;
		at += (size_t)snprintf(out + at, size - at, "%s%lld,",
		    i == 0 ? "," : "", (long long)tier);
		if (at >= size)
			return vt_fail(err, VT_INVALID, "too many tiers");
	}
	return VT_OK;
}

static enum vt_code
op_garbage_claim(struct vt_catalog *c, struct vt_cat_garbage *g,
    int64_t now_us, struct vt_err *err)
{
	struct vt_conn *k = c->w;
	unsigned max = g->max > 0 && g->max <= 1000 ? g->max : 1000;
	struct vt_garbage *row;
	sqlite3_stmt *s;
	enum vt_code rc;
	char skip[512];
	size_t i;
	int r;

	g->count = 0;
	rc = skipped_tiers(c, g, skip, sizeof(skip), err);
	if (rc != VT_OK)
		return rc;
	g->rows = vt_arena_alloc(g->arena, max * sizeof(*g->rows));
	if (g->rows == NULL)
		return vt_fail(err, VT_BUSY, "out of memory for garbage");
	s = vt_conn_st(k, ST_GARBAGE_DUE);
	if (s == NULL)
		return vt_conn_fail(k, "read garbage", err);
	sqlite3_bind_int64(s, 1, g->ignore_grace ? INT64_MAX : now_us);
	bind_str(s, 2, c->owner);
	/* Deleting twice is harmless: names are never used again. */
	sqlite3_bind_int64(s, 3, g->ignore_grace ? INT64_MAX :
	    now_us - CLAIM_STALE_US);
	sqlite3_bind_int64(s, 4, max);
	bind_str(s, 5, skip);
	while ((r = sqlite3_step(s)) == SQLITE_ROW) {
		row = &g->rows[g->count];
		row->id = sqlite3_column_int64(s, 0);
		row->blob_id = (uint64_t)sqlite3_column_int64(s, 1);
		row->tier = vt_cat_tier_name(c, k,
		    sqlite3_column_int64(s, 2));
		row->name = vt_arena_str(g->arena,
		    (const char *)sqlite3_column_text(s, 3));
		row->token = vt_arena_str(g->arena,
		    (const char *)sqlite3_column_text(s, 4));
		row->size_bytes = (uint64_t)sqlite3_column_int64(s, 5);
		row->not_before_us = sqlite3_column_int64(s, 6);
		if (row->name == NULL || row->token == NULL)
			break;
		g->count++;
	}
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read garbage", err);
	sqlite3_reset(s);
	for (i = 0; i < g->count && rc == VT_OK; i++) {
		s = vt_conn_st(k, ST_GARBAGE_CLAIM);
		if (s == NULL)
			return vt_conn_fail(k, "claim garbage", err);
		sqlite3_bind_int64(s, 1, g->rows[i].id);
		bind_str(s, 2, c->owner);
		sqlite3_bind_int64(s, 3, now_us);
		rc = vt_conn_run(k, s, "claim garbage", err);
	}
	return rc;
}

static enum vt_code
op_garbage_done(struct vt_catalog *c, const struct vt_cat_garbage *g,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	size_t i;

	for (i = 0; i < g->count && rc == VT_OK; i++) {
		rc = run_i(c, ST_GARBAGE_DEL, 1, g->rows[i].id, 0, 0,
		    "forget garbage", err);
		if (rc == VT_OK)
			rc = run_i(c, ST_INTENT_DEL, 1,
			    (int64_t)g->rows[i].blob_id, 0, 0,
			    "end an intent", err);
	}
	return rc;
}

static enum vt_code
op_own(struct vt_catalog *c, const struct vt_cat_op *op, struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	size_t i;

	for (i = 0; i < op->u.own.count && rc == VT_OK; i++)
		rc = run_i(c, ST_BLOB_OWN, 1, (int64_t)op->u.own.blobs[i], 0,
		    0, "take a blob over", err);
	return rc;
}

static enum vt_code
apply(struct vt_catalog *c, struct vt_cat_op *op, int64_t now_us,
    struct vt_err *err)
{
	switch (op->kind) {
	case VT_CAT_BUCKET_CREATE:
		return op_bucket_create(c, op, now_us, err);
	case VT_CAT_BUCKET_DELETE:
		return op_bucket_delete(c, op, now_us, err);
	case VT_CAT_DOC_SET:
		return op_doc(c, op, err);
	case VT_CAT_VERSIONING_SET:
		return op_versioning(c, op, err);
	case VT_CAT_LOCK_SET:
		return op_lock(c, op, err);
	case VT_CAT_PUT:
		return op_put(c, &op->u.put, now_us, err);
	case VT_CAT_DELETE:
		return op_delete(c, &op->u.del, now_us, err);
	case VT_CAT_META_SET:
		return op_meta(c, op, now_us, err);
	case VT_CAT_UPLOAD_CREATE:
		return op_upload_create(c, op, now_us, err);
	case VT_CAT_PART_PUT:
		return op_part_put(c, &op->u.part, now_us, err);
	case VT_CAT_UPLOAD_COMPLETE:
		return op_complete(c, &op->u.complete, now_us, err);
	case VT_CAT_UPLOAD_ABORT:
		return op_upload_abort(c, op->u.upload_abort.upload_id,
		    now_us, err);
	case VT_CAT_MASTER_KEY:
		return vt_cat_master_key_note(c, &op->u.master_key, err);
	case VT_CAT_OWN:
		return op_own(c, op, err);
	case VT_CAT_REWRAP:
		return vt_cat_rewrap(c, &op->u.rewrap, err);
	case VT_CAT_REPAIR:
		return vt_cat_repair(c, &op->u.repair, now_us, err);
	case VT_CAT_SWAP:
		return op_swap(c, &op->u.swap, now_us, err);
	case VT_CAT_PACK:
		return vt_cat_pack_apply(c, &op->u.pack, now_us, err);
	case VT_CAT_RESTORE_ASK:
	case VT_CAT_RESTORE_DONE:
	case VT_CAT_RESTORE_END:
		return vt_cat_restore_apply(c, op, now_us, err);
	case VT_CAT_LIFECYCLE:
		return op_lifecycle(c, &op->u.lifecycle, now_us, err);
	case VT_CAT_LEASE:
		return op_lease(c, &op->u.lease, now_us, err);
	case VT_CAT_LEASE_END:
		return run_i(c, ST_LEASE_DEL, 1,
		    (int64_t)op->u.lease_end.first_id, 0, 0, "end a lease",
		    err);
	case VT_CAT_INTENT:
		return op_intent(c, &op->u.intent, err);
	case VT_CAT_INTENT_END:
		return run_i(c, ST_INTENT_DEL, 1,
		    (int64_t)op->u.intent.blob_id, 0, 0, "end an intent",
		    err);
	case VT_CAT_GARBAGE_ADD:
		return op_garbage_add(c, &op->u.garbage, err);
	case VT_CAT_GARBAGE_CLAIM:
		return op_garbage_claim(c, &op->u.garbage, now_us, err);
	case VT_CAT_GARBAGE_DONE:
		return op_garbage_done(c, &op->u.garbage, err);
	case VT_CAT_EVENTS_DONE:
	case VT_CAT_EVENT_RETRY:
		return vt_cat_events_apply(c, op, err);
	case VT_CAT_NOTHING:
		return VT_OK;
	case VT_CAT_EXPIRE:
		return op_expire(c, now_us, err);
	case VT_CAT_USER_CREATE:
	case VT_CAT_USER_SET:
	case VT_CAT_USER_DELETE:
	case VT_CAT_KEY_ADD:
	case VT_CAT_KEY_SET:
	case VT_CAT_KEY_DELETE:
		return vt_cat_apply_user(c, op, now_us, err);
	case VT_CAT_KINDS:
		break;
	}
	return vt_fail(err, VT_INVALID, "unknown catalog operation %d",
	    (int)op->kind);
}

enum vt_code
vt_cat_apply(struct vt_catalog *c, struct vt_cat_op *op, int64_t now_us,
    struct vt_err *err)
{
	enum vt_code rc;

	rc = apply(c, op, now_us, err);
	if (rc == VT_OK && op->event_count > 0)
		rc = vt_cat_events_add(c, op, now_us, err);
	return rc;
}

static void
settle_extents(struct vt_catalog *c, const struct vt_cat_extent *x, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!x[i].is_ref)
			vt_catalog_blob_done(c, x[i].e.blob.id);
}

void
vt_cat_settle(struct vt_catalog *c, const struct vt_cat_op *op)
{
	size_t i;

	if (op->code != VT_OK)
		return;
	if (op->kind == VT_CAT_PUT) {
		settle_extents(c, op->u.put.extents, op->u.put.extent_count);
		for (i = 0; i < op->u.put.more_count; i++)
			settle_extents(c, op->u.put.more[i].extents,
			    op->u.put.more[i].extent_count);
	} else if (op->kind == VT_CAT_PART_PUT)
		settle_extents(c, op->u.part.extents,
		    op->u.part.extent_count);
	else if (op->kind == VT_CAT_SWAP)
		settle_extents(c, op->u.swap.extents,
		    op->u.swap.extent_count);
	else if (op->kind == VT_CAT_PACK && op->u.pack.is_new)
		vt_catalog_blob_done(c, op->u.pack.blob.id);
	else if (op->kind == VT_CAT_REPAIR)
		settle_extents(c, op->u.repair.extents,
		    op->u.repair.extent_count);
	else if (op->kind == VT_CAT_RESTORE_DONE)
		settle_extents(c, op->u.restore.extents,
		    op->u.restore.extent_count);
	else if (op->kind == VT_CAT_GARBAGE_ADD)
		for (i = 0; i < op->u.garbage.count; i++)
			vt_catalog_blob_done(c, op->u.garbage.rows[i].blob_id);
}
