/*
 * Catalogs in a folder of their own, and what tests put into them.
 */
#ifndef TESTS_UNIT_MADE_CATALOG_H
#define TESTS_UNIT_MADE_CATALOG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/store/catalog.h"

static char dir[256];
static struct vt_clock fixed = { 1, 1000000000LL * 1000000 };
static struct vt_err err;

static inline struct vt_catalog *
open_catalog(const char *name, int checkpointer)
{
	struct vt_catalog_options o;
	struct vt_catalog *c = NULL;
	char path[600];

	memset(&o, 0, sizeof(o));
	o.clock = &fixed;
	o.create = 1;
	o.checkpointer = checkpointer;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (vt_catalog_open(path, &o, &c, &err) != VT_OK)
		printf("# open: %s\n", err.text);
	return c;
}

/* An operation that makes a bucket, or deletes a version (`id`) or what is
 * current; to be changed before it is run. */
static inline struct vt_cat_op
bucket_op(const char *name)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_BUCKET_CREATE;
	op.u.bucket_create.b.name = name;
	op.u.bucket_create.b.owner = "root";
	op.u.bucket_create.b.location = "here";
	return op;
}

static inline struct vt_cat_op
delete_op(int64_t bucket, const char *key, const char *id)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_DELETE;
	op.u.del.bucket_id = bucket;
	op.u.del.key = key;
	op.u.del.key_len = strlen(key);
	op.u.del.version_id = id;
	return op;
}

static inline int64_t
make_bucket(struct vt_catalog *c, const char *name)
{
	struct vt_cat_op op = bucket_op(name);

	if (vt_catalog_run(c, &op, &err) != VT_OK)
		return -1;
	return op.u.bucket_create.b.id;
}

/* One that keeps versions. */
static inline int64_t
make_versioned(struct vt_catalog *c, const char *name)
{
	int64_t bucket = make_bucket(c, name);
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_VERSIONING_SET;
	op.u.versioning.bucket_id = bucket;
	op.u.versioning.state = 1;
	return vt_catalog_run(c, &op, &err) == VT_OK ? bucket : -1;
}

/* An inline object of text. */
static inline enum vt_code
put(struct vt_catalog *c, int64_t bucket, const char *key, const char *body,
    const struct vt_cat_cond *cond, struct vt_cat_put *result)
{
	struct vt_cat_op op;
	struct vt_cat_extent x;
	enum vt_code rc;

	memset(&op, 0, sizeof(op));
	memset(&x, 0, sizeof(x));
	op.kind = VT_CAT_PUT;
	op.u.put.v.bucket_id = bucket;
	op.u.put.v.key = key;
	op.u.put.v.key_len = strlen(key);
	op.u.put.v.size_bytes = strlen(body);
	op.u.put.v.etag = body;
	op.u.put.v.meta = "content-type\0text/plain";
	op.u.put.v.meta_len = 24;
	op.u.put.tier = "hot";
	if (cond != NULL)
		op.u.put.cond = *cond;
	if (body[0] != '\0') {
		rc = vt_catalog_blob_id(c, &x.e.blob.id, &err);
		if (rc != VT_OK)
			return rc;
		x.e.blob.tier = "hot";
		x.e.blob.size_bytes = x.e.length = x.e.plain_length =
		    strlen(body);
		x.e.blob.owned = x.e.blob.is_inline = 1;
		x.e.data = body;
		op.u.put.extents = &x;
		op.u.put.extent_count = 1;
	}
	rc = vt_catalog_run(c, &op, &err);
	if (result != NULL)
		*result = op.u.put;
	return rc;
}

static inline enum vt_code
del(struct vt_catalog *c, int64_t bucket, const char *key, const char *id,
    struct vt_cat_delete *result)
{
	struct vt_cat_op op = delete_op(bucket, key, id);
	enum vt_code rc;

	rc = vt_catalog_run(c, &op, &err);
	if (result != NULL)
		*result = op.u.del;
	return rc;
}

/* A file-like blob on a tier. */
static inline void
blob_extent(struct vt_catalog *c, struct vt_cat_extent *x, const char *tier,
    uint64_t size)
{
	static char names[64][32];
	static int n;

	memset(x, 0, sizeof(*x));
	if (vt_catalog_blob_id(c, &x->e.blob.id, &err) != VT_OK)
		abort();
	snprintf(names[n % 64], sizeof(names[0]), "b%llu",
	    (unsigned long long)x->e.blob.id);
	x->e.blob.name = names[n++ % 64];
	x->e.blob.tier = tier;
	x->e.blob.size_bytes = x->e.length = x->e.plain_length = size;
	x->e.blob.owned = 1;
}

static inline int
begin_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/vt-catalog-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static inline void
end_folder(void)
{
	char cmd[300];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	if (system(cmd) != 0)
		printf("# cannot remove %s\n", dir);
}

#endif
