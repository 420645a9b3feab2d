/* Buckets and the documents that belong to them. */
#include <string.h>

#include "libvt/store/catalog_row.h"

/* --- reading -------------------------------------------------------------- */

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

enum vt_code
vt_cat_read_bucket(struct vt_conn *k, struct vt_arena *a, sqlite3_stmt *s,
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
	rc = vt_cat_read_bucket(k, a, vt_conn_st(k, ST_BUCKET_GET), name, out,
	    err);
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

/* --- operations ----------------------------------------------------------- */

/* The numbers of a bucket as they are in this transaction. */
enum vt_code
vt_cat_bucket_now(struct vt_catalog *c, int64_t bucket, struct vt_bucket *b,
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

enum vt_code
vt_cat_bucket_state(struct vt_catalog *c, int64_t bucket, int *versioning,
    int64_t *generation, struct vt_err *err)
{
	struct vt_bucket b;
	enum vt_code rc = vt_cat_bucket_now(c, bucket, &b, err);

	if (rc != VT_OK)
		return rc;
	*versioning = b.versioning;
	if (generation != NULL)
		*generation = b.generation;
	return VT_OK;
}

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

enum vt_code
vt_cat_op_bucket_create(struct vt_catalog *c, struct vt_cat_op *op,
    int64_t now_us, struct vt_err *err)
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
	rc = vt_cat_owner_id(c, b->owner, &owner, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_BUCKET_ADD);
	if (s == NULL)
		return vt_conn_fail(k, "add a bucket", err);
	b->id = vt_cat_next_id(c);
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

enum vt_code
vt_cat_op_bucket_delete(struct vt_catalog *c, struct vt_cat_op *op,
    int64_t now_us, struct vt_err *err)
{
	int64_t id = op->u.bucket_delete.id, used, upload;
	int versioning;
	enum vt_code rc;

	rc = vt_cat_bucket_state(c, id, &versioning, NULL, err);
	if (rc == VT_OK)
		rc = vt_cat_first_id(c, ST_BUCKET_USED, id, &used, err);
	if (rc != VT_OK)
		return rc;
	if (used)
		return vt_fail(err, VT_PRECONDITION,
		    "the bucket is not empty");
	for (;;) {
		rc = vt_cat_first_id(c, ST_UPLOADS_OF_BUCKET, id, &upload, err);
		if (rc != VT_OK || upload == 0)
			break;
		rc = vt_cat_upload_remove(c, upload, now_us, err);
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

enum vt_code
vt_cat_op_doc(struct vt_catalog *c, struct vt_cat_op *op, struct vt_err *err)
{
	int versioning;
	enum vt_code rc;

	rc = vt_cat_bucket_state(c, op->u.doc.bucket_id, &versioning, NULL,
	    err);
	if (rc == VT_OK)
		rc = doc_set(c, op->u.doc.bucket_id, &op->u.doc.d, err);
	return rc;
}

enum vt_code
vt_cat_op_versioning(struct vt_catalog *c, struct vt_cat_op *op,
    struct vt_err *err)
{
	struct vt_bucket b;
	enum vt_code rc;

	rc = vt_cat_bucket_now(c, op->u.versioning.bucket_id, &b, err);
	if (rc != VT_OK)
		return rc;
	/* An overwrite of a null version would be the end of it. */
	if (b.object_lock && op->u.versioning.state != 1)
		return vt_fail(err, VT_PRECONDITION, "the bucket has object "
		    "lock: versioning stays enabled");
	return run_i(c, ST_BUCKET_VERSIONING, 2, op->u.versioning.bucket_id,
	    op->u.versioning.state, 0, "change a bucket", err);
}

enum vt_code
vt_cat_op_lock(struct vt_catalog *c, struct vt_cat_op *op, struct vt_err *err)
{
	int64_t id = op->u.lock.bucket_id;
	struct vt_bucket b;
	enum vt_code rc;

	rc = vt_cat_bucket_now(c, id, &b, err);
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
