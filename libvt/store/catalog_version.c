/*
 * Versions: what a PUT adds, a DELETE or a lifecycle rule removes, and what of
 * one can be changed.
 */
#include <stdio.h>
#include <string.h>

#include "libvt/base/buf.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/store/catalog_row.h"

/* --- the versions of a key ------------------------------------------------ */

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
int64_t
vt_cat_lock_now(const struct vt_catalog *c, int64_t now_us)
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
	if (t->retain_until_us > vt_cat_lock_now(c, now_us) &&
	    (t->lock_mode == VT_LOCK_COMPLIANCE ||
	    (t->lock_mode == VT_LOCK_GOVERNANCE && !bypass_governance)))
		return vt_fail(err, VT_DENIED,
		    "the version is locked against deletion");
	return VT_OK;
}

/* --- removing ------------------------------------------------------------- */

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
		rc = vt_cat_extents_drop(c, ids[i], due_us, err);
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
	rc = vt_cat_tier_id(c, tier, &id, err);
	return rc != VT_OK ? rc : run_i(c, ST_VERSION_TIER, 2, v->seq, id, 0,
	    "move a version", err);
}

/* --- adding --------------------------------------------------------------- */

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

	rc = vt_cat_owner_id(c, v->owner, &owner, err);
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
enum vt_code
vt_cat_version_new(struct vt_catalog *c, struct vt_cat_put *p, int64_t now_us,
    int64_t *tier, struct vt_err *err)
{
	struct vt_bucket b;
	struct top t, null;
	uint8_t id[16];
	enum vt_code rc;

	rc = vt_cat_bucket_now(c, p->v.bucket_id, &b, err);
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
	rc = vt_cat_tier_id(c, p->tier, tier, err);
	if (rc != VT_OK)
		return rc;
	p->seq = vt_cat_next_id(c);
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

/* --- operations ----------------------------------------------------------- */

enum vt_code
vt_cat_op_put(struct vt_catalog *c, struct vt_cat_put *p, int64_t now_us,
    struct vt_err *err)
{
	int64_t tier, copy;
	enum vt_code rc;

	if (p->v.key_len > VT_KEY_MAX)
		return vt_fail(err, VT_TOO_LARGE,
		    "key is longer than %d bytes", VT_KEY_MAX);
	rc = vt_cat_extents_take(c, p->extents, p->extent_count,
	    p->v.size_bytes, err);
	if (rc == VT_OK)
		rc = vt_cat_version_new(c, p, now_us, &tier, err);
	if (rc == VT_OK)
		rc = vt_cat_copy_add(c, p->seq, tier,
		    vt_cat_is_plain(p->extents, p->extent_count,
		    p->v.size_bytes), now_us, &copy, err);
	if (rc == VT_OK)
		rc = vt_cat_extents_add(c, copy, p->extents, p->extent_count,
		    err);
	if (rc == VT_OK)
		rc = vt_cat_copies_more(c, p, now_us, err);
	return rc;
}

enum vt_code
vt_cat_op_delete(struct vt_catalog *c, struct vt_cat_delete *d, int64_t now_us,
    struct vt_err *err)
{
	struct top t, one;
	struct vt_cat_put marker;
	int versioning;
	int64_t tier;
	enum vt_code rc;

	d->found = d->made_marker = d->was_marker = d->out_is_null = 0;
	d->out_version_id[0] = '\0';
	rc = vt_cat_bucket_state(c, d->bucket_id, &versioning, NULL, err);
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
		rc = vt_cat_version_new(c, &marker, now_us, &tier, err);
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

enum vt_code
vt_cat_op_meta(struct vt_catalog *c, struct vt_cat_op *op, int64_t now_us,
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
	rc = vt_cat_read_seq(c, k, a, op->u.meta.seq, 0, &v, err);
	if (rc != VT_OK)
		goto out;
	mode = op->u.meta.lock_mode >= 0 ? op->u.meta.lock_mode :
	    (int)v->lock_mode;
	until = op->u.meta.retain_until_us >= 0 ?
	    op->u.meta.retain_until_us : v->retain_until_us;
	/* Retention in force may only be made longer, in its own mode. */
	if (v->lock_mode != VT_LOCK_NONE &&
	    v->retain_until_us > vt_cat_lock_now(c, now_us) &&
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
	rc = vt_cat_op_delete(c, &d, now_us, err);
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
enum vt_code
vt_cat_op_lifecycle(struct vt_catalog *c, struct vt_cat_lifecycle *l,
    int64_t now_us, struct vt_err *err)
{
	struct vt_arena *a;
	struct vt_version *v = NULL;
	int64_t generation;
	int versioning;
	enum vt_code rc;

	l->made_marker = 0;
	rc = vt_cat_bucket_state(c, l->bucket_id, &versioning, &generation,
	    err);
	if (rc == VT_OK && generation != l->bucket_generation)
		rc = vt_fail(err, VT_PRECONDITION,
		    "the bucket's rules were changed meanwhile");
	if (rc != VT_OK)
		return rc;
	if (l->action == VT_LC_ABORT_UPLOAD)
		return vt_cat_op_upload_abort(c, l->upload_id, now_us, err);
	a = vt_arena_new(VERSION_ARENA_MAX);
	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_cat_read_seq(c, c->w, a, l->seq, 0, &v, err);
	if (rc == VT_ABSENT)
		rc = vt_fail(err, VT_ABSENT, "the version is gone");
	if (rc == VT_OK)
		rc = lifecycle_version(c, l, v, now_us, err);
	vt_arena_free(a);
	return rc;
}
