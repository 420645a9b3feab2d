/* The catalog's reads: lookups, listings, scans, recovery's questions. */
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
#include "libvt/base/hex.h"
#include "libvt/base/num.h"

#include "libvt/store/catalog_sqlite.h"

#define PAGE_ARENA_MAX (64 << 20)
#define PAGE_EXTENTS 20000	/* in one such arena, and the last version's */
#define SNAPSHOT_RESTARTS 20
#define BUSY_TIMEOUT_SNAPSHOT_MS 10000

static enum vt_code
nomem(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "out of memory reading the catalog");
}

/* Copies of a column into the arena; NULL: no memory. */
static char *
col_str(struct vt_arena *a, sqlite3_stmt *s, int i)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return vt_arena_str(a, text != NULL ? text : "");
}

static char *
col_bytes(struct vt_arena *a, sqlite3_stmt *s, int i, size_t *len)
{
	const void *data = sqlite3_column_blob(s, i);

	*len = (size_t)sqlite3_column_bytes(s, i);
	return vt_arena_dup(a, data != NULL ? data : "", *len);
}

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

/* --- buckets -------------------------------------------------------------- */

static enum vt_code
fill_bucket(struct vt_arena *a, sqlite3_stmt *s, struct vt_bucket *b,
    struct vt_err *err)
{
	b->id = sqlite3_column_int64(s, 0);
	b->name = col_str(a, s, 1);
	b->owner = col_str(a, s, 2);
	b->location = col_str(a, s, 3);
	b->created_us = sqlite3_column_int64(s, 4);
	b->versioning = sqlite3_column_int(s, 5);
	b->object_lock = sqlite3_column_int(s, 6);
	b->generation = sqlite3_column_int64(s, 7);
	b->docs = (unsigned)sqlite3_column_int64(s, 8);
	b->lock_mode = (enum vt_lock_mode)sqlite3_column_int(s, 9);
	b->lock_days = (unsigned)sqlite3_column_int64(s, 10);
	if (b->name == NULL || b->owner == NULL || b->location == NULL)
		return nomem(err);
	return VT_OK;
}

static enum vt_code
read_bucket(struct vt_conn *k, struct vt_arena *a, sqlite3_stmt *s,
    const char *name, struct vt_bucket *out, struct vt_err *err)
{
	enum vt_code rc;
	int r;

	if (s == NULL)
		return vt_conn_fail(k, "read a bucket", err);
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		rc = fill_bucket(a, s, out, err);
	else if (r == SQLITE_DONE)
		rc = vt_fail(err, VT_ABSENT, "no bucket '%.80s'", name);
	else
		rc = vt_conn_fail(k, "read a bucket", err);
	sqlite3_reset(s);
	return rc;
}

static struct vt_bucket_slot *
bucket_slot(struct vt_catalog *c, const char *name)
{
	unsigned h = 5381;

	for (; *name != '\0'; name++)
		h = h * 33 + (unsigned char)*name;
	return &c->bucket[h % BUCKET_CACHE];
}

/* A bucket that was read a moment ago: 1, 0 for none, -1 for no memory. */
static int
bucket_recall(struct vt_catalog *c, struct vt_arena *a, const char *name,
    struct vt_bucket *out, uint64_t *epoch)
{
	struct vt_bucket_slot *s = bucket_slot(c, name);
	int64_t now_us = vt_clock_mono_us();
	int found = 0;

	pthread_mutex_lock(&c->bucket_lock);
	*epoch = c->bucket_epoch;
	if (s->read_us != 0 && s->epoch == *epoch &&
	    now_us - s->read_us < BUCKET_CACHE_US &&
	    strcmp(s->name, name) == 0) {
		*out = s->b;
		out->name = vt_arena_str(a, s->name);
		out->owner = vt_arena_str(a, s->owner);
		out->location = vt_arena_str(a, s->location);
		found = out->name != NULL && out->owner != NULL &&
		    out->location != NULL ? 1 : -1;
	}
	pthread_mutex_unlock(&c->bucket_lock);
	return found;
}

/* Keep what was read in `epoch`, if that is still the one. */
static void
bucket_keep(struct vt_catalog *c, const struct vt_bucket *b, uint64_t epoch)
{
	struct vt_bucket_slot *s = bucket_slot(c, b->name);

	if (strlen(b->name) >= sizeof(s->name) ||
	    strlen(b->owner) >= sizeof(s->owner) ||
	    strlen(b->location) >= sizeof(s->location))
		return;
	pthread_mutex_lock(&c->bucket_lock);
	if (epoch == c->bucket_epoch) {
		s->b = *b;
		strcpy(s->name, b->name);
		strcpy(s->owner, b->owner);
		strcpy(s->location, b->location);
		s->epoch = epoch;
		s->read_us = vt_clock_mono_us();
	}
	pthread_mutex_unlock(&c->bucket_lock);
}

enum vt_code
vt_catalog_bucket(struct vt_catalog *c, struct vt_arena *a, const char *name,
    struct vt_bucket *out, struct vt_err *err)
{
	struct vt_conn *k;
	uint64_t epoch;
	enum vt_code rc;

	switch (bucket_recall(c, a, name, out, &epoch)) {
	case 1:
		return VT_OK;
	case -1:
		return nomem(err);
	}
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	rc = read_bucket(k, a, vt_conn_st(k, ST_BUCKET_GET), name, out, err);
	vt_conn_give(c, k);
	if (rc == VT_OK)
		bucket_keep(c, out, epoch);
	return rc;
}

enum vt_code
vt_catalog_bucket_by_id(struct vt_catalog *c, struct vt_arena *a, int64_t id,
    struct vt_bucket *out, struct vt_err *err)
{
	struct vt_conn *k;
	sqlite3_stmt *s;
	enum vt_code rc;
	int r;

	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_BUCKET_BY_ID);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read a bucket", err);
		goto out;
	}
	sqlite3_bind_int64(s, 1, id);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		rc = fill_bucket(a, s, out, err);
	else if (r == SQLITE_DONE)
		rc = vt_fail(err, VT_ABSENT, "the bucket is gone");
	else
		rc = vt_conn_fail(k, "read a bucket", err);
	sqlite3_reset(s);
out:
	vt_conn_give(c, k);
	return rc;
}

enum vt_code
vt_catalog_buckets(struct vt_catalog *c, struct vt_arena *a,
    int (*visit)(void *ctx, const struct vt_bucket *b), void *ctx,
    struct vt_err *err)
{
	struct vt_conn *k;
	struct vt_bucket b;
	sqlite3_stmt *s;
	enum vt_code rc;
	int r = SQLITE_DONE;

	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_BUCKET_NEXT);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read buckets", err);
		goto out;
	}
	sqlite3_bind_text(s, 1, "", -1, SQLITE_STATIC);
	while (rc == VT_OK && (r = sqlite3_step(s)) == SQLITE_ROW) {
		rc = fill_bucket(a, s, &b, err);
		if (rc == VT_OK && visit(ctx, &b) != 0)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
	}
	if (rc == VT_OK && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read buckets", err);
	sqlite3_reset(s);
out:
	vt_conn_give(c, k);
	return rc;
}

enum vt_code
vt_catalog_doc(struct vt_catalog *c, struct vt_arena *a, int64_t bucket_id,
    enum vt_doc doc, const char **body, size_t *len, struct vt_err *err)
{
	struct vt_conn *k;
	sqlite3_stmt *s;
	enum vt_code rc;
	int r;

	*body = NULL;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_DOC_GET);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read a document", err);
		goto out;
	}
	sqlite3_bind_int64(s, 1, bucket_id);
	sqlite3_bind_text(s, 2, vt_doc_name(doc), -1, SQLITE_STATIC);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		*body = col_bytes(a, s, 0, len);
		rc = *body != NULL ? VT_OK : nomem(err);
	} else if (r == SQLITE_DONE)
		rc = vt_fail(err, VT_ABSENT, "no %s document",
		    vt_doc_name(doc));
	else
		rc = vt_conn_fail(k, "read a document", err);
	sqlite3_reset(s);
out:
	vt_conn_give(c, k);
	return rc;
}

const char *
vt_doc_name(enum vt_doc doc)
{
	static const char *const names[VT_DOCS] = {
		[VT_DOC_ACL] = "acl", [VT_DOC_CORS] = "cors",
		[VT_DOC_ENCRYPTION] = "encryption",
		[VT_DOC_LIFECYCLE] = "lifecycle",
		[VT_DOC_NOTIFICATION] = "notification",
		[VT_DOC_OBJECT_LOCK] = "object-lock",
		[VT_DOC_OWNERSHIP] = "ownershipControls",
		[VT_DOC_POLICY] = "policy",
		[VT_DOC_PUBLIC_ACCESS] = "publicAccessBlock",
		[VT_DOC_TAGGING] = "tagging"
	};

	return names[doc];
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
	sqlite3_stmt *s;
	enum vt_code rc;

	*out = NULL;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_VERSION_SEQ);
	if (s == NULL)
		rc = vt_conn_fail(k, "read a version", err);
	else {
		sqlite3_bind_int64(s, 1, seq);
		rc = vt_cat_read_version(c, k, a, s, inline_data, out, err);
	}
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

/* --- listings ------------------------------------------------------------- */

/* The least byte string that is greater than all that start with `p`; the
 * new length, 0 when there is none. */
static size_t
successor(const char *p, size_t len, char *out)
{
	memcpy(out, p, len);
	while (len > 0 && (unsigned char)out[len - 1] == 0xff)
		len--;
	if (len > 0)
		out[len - 1] = (char)((unsigned char)out[len - 1] + 1);
	return len;
}

static int
compare(const char *a, size_t an, const char *b, size_t bn)
{
	int d = memcmp(a, b, an < bn ? an : bn);

	return d != 0 ? d : (an > bn) - (an < bn);
}

static int
has_prefix(const char *key, size_t key_len, const char *p, size_t len)
{
	return key_len >= len && memcmp(key, p, len) == 0;
}

/* The length of the common prefix that `key` rolls up into, 0 for none. */
static size_t
rolled(const struct vt_list *l, const char *key, size_t key_len)
{
	const char *hit;

	if (l->delimiter_len == 0 || key_len < l->prefix_len)
		return 0;
	hit = memmem(key + l->prefix_len, key_len - l->prefix_len,
	    l->delimiter, l->delimiter_len);
	return hit != NULL ? (size_t)(hit - key) + l->delimiter_len : 0;
}

/*
 * Where a listing begins: at the prefix, or after the marker.  A marker that
 * lies in a common prefix skips all of it.  0: nothing can follow.
 */
static int
list_start(const struct vt_list *l, char *pos, size_t *pos_len,
    int *inclusive)
{
	size_t roll;

	*inclusive = 1;
	*pos_len = 0;
	if (l->prefix_len > VT_KEY_MAX || l->after_len > VT_KEY_MAX)
		return 0;
	if (l->prefix_len > 0)
		memcpy(pos, l->prefix, l->prefix_len);
	*pos_len = l->prefix_len;
	if (!l->has_after || compare(l->after, l->after_len, l->prefix,
	    l->prefix_len) < 0)
		return 1;
	if (has_prefix(l->after, l->after_len, l->prefix, l->prefix_len)) {
		roll = rolled(l, l->after, l->after_len);
		if (roll > 0) {
			*pos_len = successor(l->after, roll, pos);
			return *pos_len > 0;
		}
	}
	memcpy(pos, l->after, l->after_len);
	*pos_len = l->after_len;
	*inclusive = 0;
	return 1;
}

/* Names of owners seen in one listing: mostly one. */
struct owner_cache {
	int64_t id;
	char name[128];
};

static const char *
owner_name(struct vt_conn *k, struct owner_cache *oc, int64_t id)
{
	sqlite3_stmt *s;

	if (oc->id == id)
		return oc->name;
	oc->id = id;
	oc->name[0] = '\0';
	s = vt_conn_st(k, ST_OWNER_NAME);
	if (s == NULL)
		return "";
	sqlite3_bind_int64(s, 1, id);
	if (sqlite3_step(s) == SQLITE_ROW)
		snprintf(oc->name, sizeof(oc->name), "%s",
		    (const char *)sqlite3_column_text(s, 0));
	sqlite3_reset(s);
	return oc->name;
}

/* State of one listing, shared by both kinds. */
struct listing {
	const struct vt_list *l;
	int (*visit)(void *ctx, const struct vt_list_item *item);
	void *ctx;
	unsigned count;
	int truncated, done;
	char pos[VT_KEY_MAX + 1];	/* the key to go on at */
	size_t pos_len;
	int inclusive;
};

/*
 * One row of a listing.  1: seek to `pos` and go on there; 0: next row; -1:
 * the listing is over (done or truncated), -2: the visitor stopped it.
 */
static int
list_row(struct listing *g, const char *key, size_t key_len,
    const struct vt_version *v)
{
	struct vt_list_item item;
	size_t roll;

	if (!has_prefix(key, key_len, g->l->prefix, g->l->prefix_len)) {
		g->done = 1;
		return -1;
	}
	if (g->count == g->l->max) {
		g->truncated = 1;
		g->done = 1;
		return -1;
	}
	roll = rolled(g->l, key, key_len);
	memset(&item, 0, sizeof(item));
	item.key = key;
	item.key_len = roll > 0 ? roll : key_len;
	item.is_prefix = roll > 0;
	item.v = roll > 0 ? NULL : v;
	g->count++;
	if (roll > 0) {
		/* Keys below a common prefix are skipped, not walked. */
		g->pos_len = successor(key, roll, g->pos);
		g->inclusive = 1;
	}
	if (g->visit(g->ctx, &item) != 0) {
		g->done = 1;
		return -2;
	}
	if (roll > 0) {
		if (g->pos_len == 0)
			g->done = 1;
		return g->done ? -1 : 1;
	}
	return 0;
}

static enum vt_code
list_current(struct vt_conn *k, struct vt_catalog *c, struct listing *g,
    struct vt_err *err)
{
	struct owner_cache oc = { -1, "" };
	struct vt_version v;
	sqlite3_stmt *s;
	unsigned limit, rows;
	int r, next = 0;

	while (!g->done) {
		limit = g->l->max - g->count + 1;
		s = vt_conn_st(k, g->inclusive ? ST_LIST_INCLUSIVE : ST_LIST);
		if (s == NULL)
			return vt_conn_fail(k, "list", err);
		sqlite3_bind_int64(s, 1, g->l->bucket_id);
		sqlite3_bind_blob64(s, 2, g->pos, g->pos_len,
		    SQLITE_TRANSIENT);
		sqlite3_bind_int64(s, 3, limit);
		rows = 0;
		next = 0;
		while (next == 0 && (r = sqlite3_step(s)) == SQLITE_ROW) {
			rows++;
			memset(&v, 0, sizeof(v));
			v.bucket_id = g->l->bucket_id;
			v.key = sqlite3_column_blob(s, 0);
			v.key_len = (size_t)sqlite3_column_bytes(s, 0);
			v.seq = sqlite3_column_int64(s, 1);
			v.size_bytes = (uint64_t)sqlite3_column_int64(s, 2);
			v.mtime_us = sqlite3_column_int64(s, 3);
			v.etag = (const char *)sqlite3_column_text(s, 4);
			v.tier = vt_cat_tier_name(c, k,
			    sqlite3_column_int64(s, 5));
			v.owner = owner_name(k, &oc,
			    sqlite3_column_int64(s, 6));
			v.checksum = (const char *)sqlite3_column_text(s, 7);
			v.is_null = v.is_current = 1;
			v.meta = v.tags = v.pin = v.acl = v.sse = "";
			next = list_row(g, v.key, v.key_len, &v);
		}
		if (next == 0 && r != SQLITE_DONE) {
			enum vt_code rc = vt_conn_fail(k, "list", err);

			sqlite3_reset(s);
			return rc;
		}
		sqlite3_reset(s);
		if (next == -2)
			return vt_fail(err, VT_CANCELLED, "stopped");
		/* A limit larger than what remains: the table is at its end. */
		if (next == 0 && rows < limit)
			g->done = 1;
	}
	return VT_OK;
}

/*
 * Rows of versions from (key, seq): what is left of the key, then the next
 * keys, at most `limit`.  `row` returns 0 to go on.
 */
static enum vt_code
walk_versions(struct vt_catalog *c, struct vt_conn *k, int64_t bucket,
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

struct version_row {
	struct listing *g;
	int next;
};

static int
version_row(void *ctx, const struct vt_version *v)
{
	struct version_row *vr = ctx;

	vr->next = list_row(vr->g, v->key, v->key_len, v);
	return vr->next;
}

static enum vt_code
list_versions(struct vt_conn *k, struct vt_catalog *c, struct listing *g,
    struct vt_err *err)
{
	struct version_row vr = { g, 0 };
	int64_t seq = g->l->has_after && !g->inclusive ? g->l->after_seq : 0;
	unsigned rows, limit;
	int stopped;
	enum vt_code rc = VT_OK;

	while (!g->done && rc == VT_OK) {
		limit = g->l->max - g->count + 1;
		vr.next = 0;
		rc = walk_versions(c, k, g->l->bucket_id, g->pos, g->pos_len,
		    g->inclusive, seq, limit, 0, version_row, &vr,
		    &rows, &stopped, err);
		seq = 0;
		if (rc == VT_OK && vr.next == -2)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
		if (!stopped && rows < limit)
			g->done = 1;
	}
	return rc;
}

enum vt_code
vt_catalog_list(struct vt_catalog *c, const struct vt_list *l,
    int (*visit)(void *ctx, const struct vt_list_item *item), void *ctx,
    int *truncated, struct vt_err *err)
{
	struct listing g;
	struct vt_conn *k;
	enum vt_code rc;

	*truncated = 0;
	memset(&g, 0, sizeof(g));
	g.l = l;
	g.visit = visit;
	g.ctx = ctx;
	if (l->max == 0 || !list_start(l, g.pos, &g.pos_len, &g.inclusive))
		return VT_OK;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	rc = l->versions ? list_versions(k, c, &g, err) :
	    list_current(k, c, &g, err);
	vt_conn_give(c, k);
	*truncated = g.truncated;
	return rc;
}

/* --- uploads -------------------------------------------------------------- */

static enum vt_code
fill_upload(struct vt_catalog *c, struct vt_conn *k, struct vt_arena *a,
    sqlite3_stmt *s, struct vt_upload *u, struct vt_err *err)
{
	const void *id = sqlite3_column_blob(s, 1);

	memset(u, 0, sizeof(*u));
	if (id == NULL || sqlite3_column_bytes(s, 1) != VT_ID_LEN / 2)
		return vt_fail(err, VT_CORRUPT,
		    "catalog: an upload without an id");
	vt_hex_encode(id, VT_ID_LEN / 2, u->id);
	u->bucket_id = sqlite3_column_int64(s, 2);
	u->key = col_bytes(a, s, 3, &u->key_len);
	u->created_us = sqlite3_column_int64(s, 4);
	u->owner = col_str(a, s, 5);
	u->meta = col_bytes(a, s, 6, &u->meta_len);
	u->checksum_alg = col_str(a, s, 7);
	u->checksum_type = col_str(a, s, 8);
	u->tier = vt_cat_tier_name(c, k, sqlite3_column_int64(s, 9));
	u->tags = col_str(a, s, 10);
	u->lock_mode = (enum vt_lock_mode)sqlite3_column_int(s, 11);
	u->retain_until_us = sqlite3_column_int64(s, 12);
	u->legal_hold = sqlite3_column_int(s, 13);
	u->is_complete = sqlite3_column_int(s, 14);
	u->result_seq = sqlite3_column_int64(s, 15);
	u->acl = col_str(a, s, 16);
	u->sse = col_str(a, s, 17);
	if (u->key == NULL || u->owner == NULL || u->meta == NULL ||
	    u->checksum_alg == NULL || u->checksum_type == NULL ||
	    u->tags == NULL || u->acl == NULL || u->sse == NULL)
		return nomem(err);
	return VT_OK;
}

/* With a read transaction begun: an upload, and its row number. */
static enum vt_code
get_upload(struct vt_catalog *c, struct vt_conn *k, struct vt_arena *a,
    const char *upload_id, struct vt_upload *u, int64_t *row,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, ST_UPLOAD_GET);
	uint8_t id[VT_ID_LEN / 2];
	enum vt_code rc;
	int r;

	if (strlen(upload_id) != VT_ID_LEN ||
	    vt_hex_decode(upload_id, id, sizeof(id)) < 0)
		return vt_fail(err, VT_ABSENT, "no upload '%.40s'",
		    upload_id);
	if (s == NULL)
		return vt_conn_fail(k, "read an upload", err);
	sqlite3_bind_blob64(s, 1, id, sizeof(id), SQLITE_STATIC);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		*row = sqlite3_column_int64(s, 0);
		rc = fill_upload(c, k, a, s, u, err);
	} else if (r == SQLITE_DONE)
		rc = vt_fail(err, VT_ABSENT, "no upload '%s'", upload_id);
	else
		rc = vt_conn_fail(k, "read an upload", err);
	sqlite3_reset(s);
	return rc;
}

enum vt_code
vt_catalog_upload(struct vt_catalog *c, struct vt_arena *a,
    const char *upload_id, struct vt_upload **out, struct vt_err *err)
{
	struct vt_upload *u;
	struct vt_conn *k;
	int64_t row;
	enum vt_code rc;

	*out = NULL;
	u = vt_arena_alloc(a, sizeof(*u));
	if (u == NULL)
		return nomem(err);
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	rc = get_upload(c, k, a, upload_id, u, &row, err);
	vt_conn_give(c, k);
	if (rc == VT_OK)
		*out = u;
	return rc;
}

enum vt_code
vt_catalog_upload_parts(struct vt_catalog *c, struct vt_arena *a,
    const char *upload_id, uint32_t after, unsigned max,
    struct vt_upload_part **out, size_t *count, int *truncated,
    struct vt_err *err)
{
	struct vt_upload u;
	struct vt_upload_part *p, *grown;
	struct vt_conn *k;
	sqlite3_stmt *s;
	size_t cap = 0;
	int64_t row;
	enum vt_code rc;
	int r = SQLITE_DONE;

	*out = NULL;
	*count = 0;
	*truncated = 0;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	rc = get_upload(c, k, a, upload_id, &u, &row, err);
	if (rc != VT_OK)
		goto out;
	s = vt_conn_st(k, ST_PART_LIST);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read parts", err);
		goto out;
	}
	sqlite3_bind_int64(s, 1, row);
	sqlite3_bind_int64(s, 2, after);
	sqlite3_bind_int64(s, 3, (int64_t)max + 1);
	while (rc == VT_OK && (r = sqlite3_step(s)) == SQLITE_ROW) {
		if (*count == max) {
			*truncated = 1;
			r = SQLITE_DONE;
			break;
		}
		if (*count == cap) {
			cap = cap != 0 ? cap * 2 : 16;
			grown = vt_arena_alloc(a, cap * sizeof(*grown));
			if (grown == NULL) {
				rc = nomem(err);
				break;
			}
			if (*count > 0)
				memcpy(grown, *out, *count * sizeof(*grown));
			*out = grown;
		}
		p = &(*out)[*count];
		p->id = sqlite3_column_int64(s, 0);
		p->number = (uint32_t)sqlite3_column_int64(s, 1);
		p->size_bytes = (uint64_t)sqlite3_column_int64(s, 2);
		p->mtime_us = sqlite3_column_int64(s, 3);
		p->etag = col_str(a, s, 4);
		p->crc64 = (uint64_t)sqlite3_column_int64(s, 5);
		p->checksum = col_str(a, s, 6);
		p->extent_count = (size_t)sqlite3_column_int64(s, 7);
		if (p->etag == NULL || p->checksum == NULL)
			rc = nomem(err);
		(*count)++;
	}
	if (rc == VT_OK && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read parts", err);
	sqlite3_reset(s);
out:
	vt_conn_give(c, k);
	return rc;
}

/* One page of upload rows; as list_row for the state of the listing. */
static enum vt_code
uploads_page(struct vt_catalog *c, struct vt_conn *k, struct listing *g,
    sqlite3_stmt *s, int (*visit)(void *ctx, int is_prefix,
    const struct vt_upload *u), unsigned *rows, int *next,
    struct vt_err *err)
{
	struct vt_arena *a;
	struct vt_upload u;
	enum vt_code rc = VT_OK;
	size_t roll;
	int r = SQLITE_DONE;

	*rows = 0;
	*next = 0;
	a = vt_arena_new(PAGE_ARENA_MAX);
	if (a == NULL)
		return nomem(err);
	while (*next == 0 && (r = sqlite3_step(s)) == SQLITE_ROW) {
		(*rows)++;
		rc = fill_upload(c, k, a, s, &u, err);
		if (rc != VT_OK)
			break;
		/* Where the next page goes on. */
		memcpy(g->pos, u.key, u.key_len);
		g->pos_len = u.key_len;
		g->inclusive = 0;
		if (!has_prefix(u.key, u.key_len, g->l->prefix,
		    g->l->prefix_len)) {
			*next = -1;
			break;
		}
		if (g->count == g->l->max) {
			g->truncated = 1;
			*next = -1;
			break;
		}
		roll = rolled(g->l, u.key, u.key_len);
		g->count++;
		if (roll > 0) {
			g->pos_len = successor(u.key, roll, g->pos);
			g->inclusive = 1;
			u.key_len = roll;
			u.id[0] = '\0';
			*next = g->pos_len > 0 ? 1 : -1;
		}
		if (visit(g->ctx, roll > 0, &u) != 0)
			*next = -1;
	}
	if (rc == VT_OK && *next == 0 && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "list uploads", err);
	sqlite3_reset(s);
	vt_arena_free(a);
	if (*next == -1)
		g->done = 1;
	return rc;
}

enum vt_code
vt_catalog_uploads(struct vt_catalog *c, const struct vt_list *l,
    const char *after_upload_id,
    int (*visit)(void *ctx, int is_prefix, const struct vt_upload *u),
    void *ctx, int *truncated, struct vt_err *err)
{
	struct listing g;
	struct vt_arena *a = NULL;
	struct vt_upload u;
	struct vt_conn *k;
	sqlite3_stmt *s;
	unsigned rows;
	int64_t row = 0;
	int next = 0;
	enum vt_code rc;

	*truncated = 0;
	memset(&g, 0, sizeof(g));
	g.l = l;
	g.ctx = ctx;
	if (l->max == 0 || !list_start(l, g.pos, &g.pos_len, &g.inclusive))
		return VT_OK;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	if (after_upload_id != NULL && after_upload_id[0] != '\0' &&
	    l->has_after && !g.inclusive) {
		/* The rest of the marker's key; an id that is gone by now
		 * starts at the next key. */
		a = vt_arena_new(1 << 20);
		if (a == NULL)
			rc = nomem(err);
		else if (get_upload(c, k, a, after_upload_id, &u, &row,
		    NULL) != VT_OK)
			row = 0;
	}
	if (rc == VT_OK && row > 0) {
		s = vt_conn_st(k, ST_UPLOAD_LIST_FROM);
		if (s == NULL)
			rc = vt_conn_fail(k, "list uploads", err);
		else {
			sqlite3_bind_int64(s, 1, l->bucket_id);
			sqlite3_bind_blob64(s, 2, g.pos, g.pos_len,
			    SQLITE_TRANSIENT);
			sqlite3_bind_int64(s, 3, row);
			rc = uploads_page(c, k, &g, s, visit, &rows, &next,
			    err);
		}
	}
	while (rc == VT_OK && !g.done) {
		/* After a key: its successor is the key and one NUL more. */
		if (!g.inclusive && g.pos_len <= VT_KEY_MAX)
			g.pos[g.pos_len++] = '\0';
		s = vt_conn_st(k, ST_UPLOAD_LIST);
		if (s == NULL) {
			rc = vt_conn_fail(k, "list uploads", err);
			break;
		}
		sqlite3_bind_int64(s, 1, l->bucket_id);
		sqlite3_bind_blob64(s, 2, g.pos, g.pos_len,
		    SQLITE_TRANSIENT);
		rc = uploads_page(c, k, &g, s, visit, &rows, &next, err);
		if (next == 0 && rows < 1001)
			g.done = 1;
	}
	vt_conn_give(c, k);
	vt_arena_free(a);
	*truncated = g.truncated;
	return rc;
}

/* --- scans ---------------------------------------------------------------- */

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
		rc = read_bucket(k, a, vt_conn_st(k, ST_BUCKET_NEXT),
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
		    walk_versions(c, k, b.id, pos->key, pos->key_len,
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

/* --- recovery, statistics, snapshot, check -------------------------------- */

/* A process is gone when nobody holds the lock of its owner file. */
static int
owner_alive(struct vt_catalog *c, const char *owner)
{
	char path[4096];
	int fd, alive;

	if (c->owner != NULL && strcmp(owner, c->owner) == 0)
		return 1;
	snprintf(path, sizeof(path), "%s-owners/%s", c->path, owner);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT;
	alive = flock(fd, LOCK_EX | LOCK_NB) < 0;
	close(fd);
	return alive;
}

enum vt_code
vt_catalog_dead_leases(struct vt_catalog *c, struct vt_arena *a,
    struct vt_dead_lease **out, size_t *count, struct vt_err *err)
{
	struct vt_dead_lease *l, *grown;
	struct vt_conn *k;
	sqlite3_stmt *s;
	size_t cap = 0;
	const char *owner;
	enum vt_code rc;
	int r = SQLITE_DONE;

	*out = NULL;
	*count = 0;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_LEASES);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read leases", err);
		goto out;
	}
	while (rc == VT_OK && (r = sqlite3_step(s)) == SQLITE_ROW) {
		owner = (const char *)sqlite3_column_text(s, 2);
		if (owner_alive(c, owner))
			continue;
		if (*count == cap) {
			cap = cap != 0 ? cap * 2 : 8;
			grown = vt_arena_alloc(a, cap * sizeof(*grown));
			if (grown == NULL) {
				rc = nomem(err);
				break;
			}
			if (*count > 0)
				memcpy(grown, *out, *count * sizeof(*grown));
			*out = grown;
		}
		l = &(*out)[(*count)++];
		l->first_id = (uint64_t)sqlite3_column_int64(s, 0);
		l->count = (unsigned)sqlite3_column_int64(s, 1);
		l->owner = vt_arena_str(a, owner);
		if (l->owner == NULL)
			rc = nomem(err);
	}
	if (rc == VT_OK && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read leases", err);
	sqlite3_reset(s);
out:
	vt_conn_give(c, k);
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
