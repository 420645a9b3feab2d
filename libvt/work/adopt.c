/*
 * Adopting a bucket in place: see adopt.h.  The store's listing and that of
 * the catalog are walked side by side, both in order of their bytes: what is
 * only in the one is new, what is only in the other is gone.  A crew asks the
 * store about what is new while the listing goes on.
 */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/buf.h"
#include "libvt/base/crew.h"

#include "libvt/work/adopt.h"

#define JOBS 16
#define PAGE 1000
#define SECOND_US 1000000
#define META_MAX (16 << 10)	/* of headers that come along */

struct item {
	char *name;
	size_t len;
	uint64_t size_bytes;
	int64_t mtime_us;
	char etag[128], object_class[64];
	enum vt_adopt_status status;
	struct vt_err err;
};

struct run {
	const struct vt_adopt_options *o;
	struct vt_adopt_result *out;
	struct vt_backend *backend;
	struct vt_bucket bucket;
	struct vt_arena *arena;		/* of the bucket */
	struct vt_crew *crew;
	size_t depth;
	/* a page of the catalog's keys, those from `at` on not met yet */
	struct {
		char *key;
		size_t len;
		int is_here;		/* on the tier in question */
	} page[PAGE];
	size_t at, count;
	int more;
	struct vt_err err;		/* of the visit that stopped */
	enum vt_code code;
};

const char *
vt_adopt_status_name(enum vt_adopt_status s)
{
	static const char *const name[VT_ADOPT_STATUSES] = {
		"adopted", "changed", "known", "kept", "deleted", "gone",
		"taken", "unfit", "failed"
	};

	return name[s];
}

/* --- one object ----------------------------------------------------------- */

/* Its copy on the tier whose bytes are those of `name` there, or NULL. */
static const struct vt_copy *
copy_here(const struct run *r, const struct vt_version *v, const char *name)
{
	const struct vt_copy *c;
	size_t i;

	for (i = 0; i < v->copy_count; i++) {
		c = &v->copies[i];
		if (strcmp(c->tier, r->o->tier) == 0 && c->extent_count == 1 &&
		    strcmp(c->extents[0].blob.name, name) == 0)
			return c;
	}
	return NULL;
}

static int
add_header(void *ctx, const char *name, const char *value)
{
	struct vt_buf *b = ctx;

	vt_buf_str(b, name);
	vt_buf_char(b, '\0');
	vt_buf_str(b, value);
	return vt_buf_char(b, '\0') != 0;
}

/* What the store says of it; its headers into `meta`. */
static enum vt_code
describe(struct run *r, struct item *i, struct vt_backend_described *d,
    struct vt_buf *meta)
{
	enum vt_code rc;

	memset(d, 0, sizeof(*d));
	d->head.size_bytes = i->size_bytes;
	d->head.mtime_us = i->mtime_us;
	memcpy(d->etag, i->etag, sizeof(d->etag));
	if (!vt_blob_name_ok(i->name))
		return VT_OK;	/* of an empty object: no blob is needed */
	rc = vt_backend_describe(r->backend, i->name, d, add_header, meta,
	    &i->err);
	if (rc == VT_CANCELLED)
		rc = vt_fail(&i->err, VT_TOO_LARGE, "its headers are over %d "
		    "bytes", META_MAX);
	return rc;
}

/* Make the version, in place of `old` or of none. */
static enum vt_code
put(struct run *r, struct item *i, const struct vt_version *old,
    const struct vt_backend_described *d, const struct vt_buf *meta)
{
	struct vt_cat_extent x;
	struct vt_cat_op op;
	struct vt_version *v = &op.u.put.v;
	enum vt_code rc = VT_OK;

	memset(&x, 0, sizeof(x));
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_PUT;
	v->bucket_id = r->bucket.id;
	v->key = i->name;
	v->key_len = i->len;
	v->size_bytes = d->head.size_bytes;
	v->mtime_us = d->head.mtime_us;
	v->etag = d->etag;
	v->crc64 = d->has_crc64 ? d->crc64 : 0;
	v->meta = meta->data;
	v->meta_len = meta->len;
	v->checksum = v->tags = v->pin = v->acl = v->sse = "";
	v->owner = r->bucket.owner;
	v->tier = op.u.put.tier = r->o->tier;
	op.u.put.keep_mtime = 1;
	if (old == NULL) {
		op.u.put.cond.if_none_match_any = 1;
	} else {
		op.u.put.cond.has_if_seq = 1;
		op.u.put.cond.if_seq = old->seq;
	}
	if (v->size_bytes > 0) {
		rc = vt_catalog_blob_id(r->o->catalog, &x.e.blob.id, &i->err);
		x.e.blob.tier = r->o->tier;
		x.e.blob.name = i->name;
		x.e.blob.token = d->head.token;
		x.e.blob.size_bytes = v->size_bytes;
		x.e.blob.crc64 = v->crc64;
		x.e.blob.owned = r->o->take;
		x.e.blob.transform = "";
		x.e.length = x.e.plain_length = v->size_bytes;
		op.u.put.extents = &x;
		op.u.put.extent_count = 1;
	}
	if (rc == VT_OK)
		rc = vt_catalog_run(r->o->catalog, &op, &i->err);
	if (rc != VT_OK && x.e.blob.id != 0)
		vt_catalog_blob_done(r->o->catalog, x.e.blob.id);
	if (rc == VT_OK)
		i->size_bytes = v->size_bytes;
	return rc;
}

/* Whatever of the copy is not ours becomes it. */
static enum vt_code
take_over(struct run *r, struct item *i, const struct vt_copy *c)
{
	struct vt_cat_op op;
	enum vt_code rc;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_OWN;
	op.u.own.blobs = &c->extents[0].blob.id;
	op.u.own.count = 1;
	rc = vt_catalog_run(r->o->catalog, &op, &i->err);
	if (rc == VT_OK)
		i->status = VT_ADOPT_TAKEN;
	return rc;
}

/* Is what is there what was found there before?  By its ETag, which the
 * listing tells: tokens are the driver's. */
static int
is_same(const struct item *i, const struct vt_version *v)
{
	return i->size_bytes == v->size_bytes &&
	    strcmp(i->etag, v->etag) == 0;
}

/* Decide: NULL, or the version that a change replaces. */
static enum vt_code
judge(struct run *r, struct item *i, struct vt_arena *a,
    struct vt_version **old)
{
	const struct vt_copy *c;
	struct vt_version *v;
	enum vt_code rc;

	*old = NULL;
	rc = vt_catalog_lookup(r->o->catalog, a, r->bucket.id, i->name,
	    i->len, NULL, 0, &v, &i->err);
	if (rc == VT_ABSENT) {
		/* times there may be in whole seconds, rounded down */
		i->status = i->mtime_us + SECOND_US <= r->o->last_us ?
		    VT_ADOPT_DELETED : VT_ADOPT_NEW;
		return VT_OK;
	}
	if (rc != VT_OK)
		return rc;
	c = copy_here(r, v, i->name);
	if (v->is_marker)
		i->status = VT_ADOPT_DELETED;
	else if (v->size_bytes == 0 && i->size_bytes == 0)
		i->status = VT_ADOPT_KNOWN;
	else if (c == NULL)
		i->status = VT_ADOPT_KEPT;
	else if (!is_same(i, v))
		i->status = VT_ADOPT_CHANGED;
	else
		i->status = VT_ADOPT_KNOWN;
	if (i->status == VT_ADOPT_CHANGED)
		*old = v;
	if (i->status == VT_ADOPT_KNOWN && c != NULL && c->is_adopted &&
	    r->o->take && !r->o->dry_run)
		return take_over(r, i, c);
	return VT_OK;
}

static enum vt_code
adopt(struct run *r, struct item *i, struct vt_arena *a)
{
	struct vt_backend_described d;
	struct vt_version *old;
	struct vt_buf meta;
	enum vt_code rc;

	if (i->len > VT_KEY_MAX || (i->size_bytes > 0 &&
	    !vt_blob_name_ok(i->name))) {
		i->status = VT_ADOPT_UNFIT;
		return vt_fail(&i->err, VT_INVALID, "no blob can have such a "
		    "name: over %d bytes, an empty, '.' or '..' component, or "
		    "control bytes", VT_BLOB_NAME_MAX - 1);
	}
	rc = judge(r, i, a, &old);
	if (rc != VT_OK || r->o->dry_run || (i->status != VT_ADOPT_NEW &&
	    i->status != VT_ADOPT_CHANGED))
		return rc;
	vt_buf_init(&meta, META_MAX);
	rc = describe(r, i, &d, &meta);
	if (rc == VT_OK)
		rc = put(r, i, old, &d, &meta);
	vt_buf_release(&meta);
	/* a client was faster */
	if (rc == VT_PRECONDITION) {
		i->status = VT_ADOPT_KEPT;
		rc = VT_OK;
	}
	return rc;
}

static void
work(void *ctx, void *item)
{
	struct run *r = ctx;
	struct item *i = item;
	struct vt_arena *a = vt_arena_new(16 << 20);
	enum vt_code rc;

	rc = a == NULL ? vt_fail(&i->err, VT_NOMEM, "out of memory") :
	    adopt(r, i, a);
	i->err.code = rc;
	if (rc != VT_OK && i->status != VT_ADOPT_UNFIT)
		i->status = VT_ADOPT_FAILED;
	vt_arena_free(a);
}

/* --- what is gone --------------------------------------------------------- */

static int
see_key(void *ctx, const struct vt_list_item *item)
{
	struct run *r = ctx;

	r->page[r->count].key = malloc(item->key_len + 1);
	if (r->page[r->count].key == NULL)
		return -1;
	memcpy(r->page[r->count].key, item->key, item->key_len);
	r->page[r->count].key[item->key_len] = '\0';
	r->page[r->count].len = item->key_len;
	r->page[r->count].is_here = strcmp(item->v->tier, r->o->tier) == 0;
	r->count++;
	return 0;
}

static void
drop_page(struct run *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->page[i].key);
	r->count = r->at = 0;
}

/* The next page of the catalog's keys, behind the last one of this. */
static enum vt_code
next_page(struct run *r, struct vt_err *err)
{
	char last[VT_KEY_MAX + 1];
	struct vt_list l;
	enum vt_code rc;

	memset(&l, 0, sizeof(l));
	l.bucket_id = r->bucket.id;
	l.prefix = r->o->prefix;
	l.prefix_len = strlen(r->o->prefix);
	l.delimiter = "";
	l.max = PAGE;
	if (r->count > 0) {
		l.after_len = r->page[r->count - 1].len;
		memcpy(last, r->page[r->count - 1].key, l.after_len);
		l.after = last;
		l.has_after = 1;
	} else if (r->o->after != NULL) {
		l.after = r->o->after;
		l.after_len = strlen(r->o->after);
		l.has_after = 1;
	}
	drop_page(r);
	rc = vt_catalog_list(r->o->catalog, &l, see_key, r, &r->more, err);
	return rc;
}

static int
tell(struct run *r, const struct vt_adopted *a)
{
	r->out->count[a->status]++;
	if (a->status == VT_ADOPT_NEW || a->status == VT_ADOPT_CHANGED)
		r->out->bytes += a->size_bytes;
	return r->o->told != NULL ? r->o->told(r->o->ctx, a) : 0;
}

/* The object of a key was not listed: if it was adopted, it is gone. */
static enum vt_code
missing(struct run *r, const char *key, size_t len, struct vt_err *err)
{
	struct vt_adopted told = { .status = VT_ADOPT_GONE, .key = key,
	    .key_len = len, .object_class = "" };
	struct vt_arena *a = vt_arena_new(16 << 20);
	const struct vt_copy *c;
	struct vt_version *v;
	struct vt_cat_op op;
	enum vt_code rc;

	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_catalog_lookup(r->o->catalog, a, r->bucket.id, key, len, NULL,
	    0, &v, err);
	c = rc == VT_OK && !v->is_marker ? copy_here(r, v, key) : NULL;
	if (c != NULL && c->is_adopted) {
		told.size_bytes = v->size_bytes;
		if (r->o->prune && !r->o->dry_run) {
			memset(&op, 0, sizeof(op));
			op.kind = VT_CAT_DELETE;
			op.u.del.bucket_id = r->bucket.id;
			op.u.del.key = key;
			op.u.del.key_len = len;
			op.u.del.version_id = v->is_null ? "null" :
			    v->version_id;
			op.u.del.cond.has_if_seq = 1;
			op.u.del.cond.if_seq = v->seq;
			rc = vt_catalog_run(r->o->catalog, &op, err);
			if (rc != VT_OK) {
				told.status = VT_ADOPT_FAILED;
				told.err = err;
			}
		}
		if (tell(r, &told) != 0)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
		else
			rc = VT_OK;
	} else if (rc == VT_ABSENT) {
		rc = VT_OK;
	}
	vt_arena_free(a);
	return rc;
}

/* Pass over the catalog's keys before `key` (NULL: all), and over it. */
static enum vt_code
pass(struct run *r, const char *key, size_t len, struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	size_t n;
	int c;

	while (rc == VT_OK) {
		if (r->at == r->count) {
			if (!r->more)
				return VT_OK;
			rc = next_page(r, err);
			continue;
		}
		if (key != NULL) {
			n = r->page[r->at].len;
			c = memcmp(r->page[r->at].key, key, n < len ? n : len);
			if (c > 0 || (c == 0 && n > len))
				return VT_OK;
			if (c == 0 && n == len) {
				r->at++;
				return VT_OK;
			}
		}
		if (r->page[r->at].is_here)
			rc = missing(r, r->page[r->at].key,
			    r->page[r->at].len, err);
		r->at++;
	}
	return rc;
}

/* --- the listing ---------------------------------------------------------- */

/* Take the oldest item: tell of it, and of what is gone before it. */
static enum vt_code
take_one(struct run *r, struct vt_err *err)
{
	struct item *i = vt_crew_take(r->crew);
	struct vt_adopted a;
	enum vt_code rc;

	rc = pass(r, i->name, i->len, err);
	if (rc == VT_OK) {
		a.status = i->status;
		a.key = i->name;
		a.key_len = i->len;
		a.size_bytes = i->size_bytes;
		a.object_class = i->object_class;
		a.err = i->err.code != VT_OK ? &i->err : NULL;
		if (tell(r, &a) != 0)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
	}
	free(i->name);
	free(i);
	return rc;
}

static int
see_object(void *ctx, const struct vt_backend_object *o)
{
	struct run *r = ctx;
	struct item *i = calloc(1, sizeof(*i));

	if (i != NULL)
		i->name = strdup(o->name);
	if (i == NULL || i->name == NULL) {
		free(i);
		r->code = vt_fail(&r->err, VT_NOMEM, "out of memory");
		return -1;
	}
	i->len = strlen(i->name);
	i->size_bytes = o->size_bytes;
	i->mtime_us = o->mtime_us;
	strncpy(i->etag, o->etag, sizeof(i->etag) - 1);
	strncpy(i->object_class, o->object_class,
	    sizeof(i->object_class) - 1);
	vt_crew_give(r->crew, i);
	while (r->code == VT_OK && vt_crew_pending(r->crew) >= r->depth)
		r->code = take_one(r, &r->err);
	return r->code != VT_OK;
}

static enum vt_code
walk(struct run *r, struct vt_err *err)
{
	enum vt_code rc;

	rc = vt_backend_objects(r->backend, r->o->prefix, r->o->after,
	    see_object, r, err);
	if (r->code != VT_OK) {
		if (err != NULL)
			*err = r->err;
		rc = r->code;
	}
	while (vt_crew_pending(r->crew) > 0) {
		if (rc == VT_OK) {
			rc = take_one(r, err);
		} else {
			struct item *i = vt_crew_take(r->crew);

			free(i->name);
			free(i);
		}
	}
	if (rc == VT_OK)
		rc = pass(r, NULL, 0, err);
	return rc;
}

enum vt_code
vt_adopt_run(const struct vt_adopt_options *o, struct vt_adopt_result *out,
    struct vt_err *err)
{
	unsigned jobs = o->jobs > 0 ? o->jobs : JOBS;
	struct run *r = calloc(1, sizeof(*r));
	enum vt_code rc = VT_OK;

	memset(out, 0, sizeof(*out));
	if (r == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	r->o = o;
	r->out = out;
	r->more = 1;
	r->depth = 4 * (size_t)jobs;
	r->arena = vt_arena_new(1 << 20);
	r->backend = vt_tiers_backend(o->tiers, o->tier);
	if (r->arena == NULL)
		rc = vt_fail(err, VT_NOMEM, "out of memory");
	else if (r->backend == NULL)
		rc = vt_fail(err, VT_INVALID, "no tier '%.32s' is configured",
		    o->tier);
	else
		rc = vt_catalog_bucket(o->catalog, r->arena, o->bucket,
		    &r->bucket, err);
	if (rc == VT_ABSENT)
		vt_err_prefix(err, "bucket '%s'", o->bucket);
	if (rc == VT_OK)
		rc = vt_crew_start(jobs, r->depth, work, r, &r->crew, err);
	if (rc == VT_OK)
		rc = walk(r, err);
	vt_crew_stop(r->crew);
	drop_page(r);
	vt_arena_free(r->arena);
	free(r);
	return rc;
}
