/* Versions, and their buckets, made anew of the pieces that are found: see
 * recreate.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/work/recreate.h"

/* A version that moved and the bytes it was made of are one version when they
 * were written no further apart. */
#define SAME_US (60LL * 1000000)

/* --- buckets -------------------------------------------------------------- */

static enum vt_code
create_bucket(struct vt_recreate *r, const char *name, const char *owner,
    struct vt_err *err)
{
	struct vt_finding f = { .what = "bucket", .bucket = name };
	struct vt_cat_op op;
	enum vt_code rc;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_BUCKET_CREATE;
	op.u.bucket_create.b.name = name;
	op.u.bucket_create.b.owner = owner;
	op.u.bucket_create.b.location = r->config->region;
	rc = vt_catalog_run(r->catalog, &op, err);
	if (rc != VT_OK)
		return rc;
	vt_recreate_tell(r, &f);
	if (r->into == NULL)
		return VT_OK;
	/* nothing that is registered there hides what was before */
	op.kind = VT_CAT_VERSIONING_SET;
	op.u.versioning.bucket_id = op.u.bucket_create.b.id;
	op.u.versioning.state = 1;
	return vt_catalog_run(r->catalog, &op, err);
}

/* The bucket for what this note speaks of, made when it is missing. */
static enum vt_code
find_bucket(struct vt_recreate *r, const struct vt_note *n,
    struct vt_arena *a, struct vt_bucket *out, struct vt_err *err)
{
	char root[VT_CANONICAL_LEN + 1], name[64];
	enum vt_code rc;

	if (vt_user_root(root) < 0)
		return vt_fail(err, VT_NOMEM, "out of memory");
	if (r->into == NULL)
		snprintf(name, sizeof(name), "%s", n->bucket);
	else if (*r->into != '\0')
		snprintf(name, sizeof(name), "%s", r->into);
	else
		snprintf(name, sizeof(name), "salvage-%.55s", n->bucket);
	rc = vt_catalog_bucket(r->catalog, a, name, out, err);
	if (rc == VT_ABSENT) {
		rc = create_bucket(r, name, r->into == NULL &&
		    *n->owner != '\0' ? n->owner : root, err);
		if (rc == VT_OK)
			rc = vt_catalog_bucket(r->catalog, a, name, out, err);
	}
	if (rc == VT_OK && r->into != NULL && out->versioning != 1)
		rc = vt_fail(err, VT_PRECONDITION, "bucket '%s' keeps no "
		    "versions: salvage goes into a bucket of its own", name);
	return rc;
}

/* --- versions ------------------------------------------------------------- */

/* What becomes of one row: its names, and what they are to make up. */
struct object {
	struct vt_arena *a;
	struct vt_pieces p;
	struct vt_note n;	/* of the first */
	struct vt_version v;
	int is_group;
	uint64_t last_offset;
	struct vt_part_info *parts;
	/* of a pack's member */
	const struct vt_scratch_row *member;
	uint64_t pack_offset, pack_length;
};

static int
add_piece(void *ctx, const struct vt_scratch_row *row)
{
	struct object *o = ctx;

	/* one name of each offset, or of each part the newest */
	if (strcmp(row->tier, o->p.tier) != 0)
		return 0;
	if (o->p.count > 0 && *row->upload == '\0' &&
	    row->offset == o->last_offset)
		return 0;
	o->last_offset = row->offset;
	if (*row->upload != '\0' && o->p.count > 0 &&
	    o->p.p[o->p.count - 1].part_number == row->part_number)
		free(o->p.p[--o->p.count].name);
	return vt_pieces_add(&o->p, row);
}

/* The ETag of an object of parts: the MD5 of theirs. */
static const char *
join_etags(struct vt_arena *a, const uint8_t *md5s, size_t count)
{
	uint8_t digest[VT_HASH_MAX];
	char hex[33];

	if (vt_hash_once(VT_MD5, md5s, 16 * count, digest) < 0)
		return NULL;
	vt_hex_encode(digest, 16, hex);
	return vt_arena_printf(a, "%s-%zu", hex, count);
}

/* An upload that nobody knows to be complete, from the parts that there
 * are. */
static enum vt_code
assemble(struct vt_recreate *r, struct object *o, struct vt_err *err)
{
	struct vt_backend *b = vt_tiers_backend(r->tiers, o->p.tier);
	uint8_t *md5s = vt_arena_alloc(o->a, 16 * o->p.count);
	struct vt_note n;
	enum vt_code rc = VT_OK;
	size_t i;

	o->parts = vt_arena_alloc(o->a, o->p.count * sizeof(*o->parts));
	if (md5s == NULL || o->parts == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	for (i = 0; i < o->p.count && rc == VT_OK; i++) {
		rc = vt_note_read(b, o->p.p[i].name, o->a, &n, err);
		if (rc != VT_OK)
			break;
		if (vt_hex_decode(n.etag, md5s + 16 * i, 16) < 0)
			rc = vt_fail(err, VT_INVALID, "part %u has no ETag",
			    n.part_number);
		o->v.crc64 = vt_crc_combine(VT_CRC64NVME, o->v.crc64,
		    n.crc64, n.plain_bytes);
		o->v.size_bytes += n.plain_bytes;
		o->parts[i].number = n.part_number;
		o->parts[i].size_bytes = n.plain_bytes;
		o->parts[i].checksum = "";
	}
	if (rc == VT_OK) {
		o->v.part_count = (uint32_t)o->p.count;
		o->v.etag = join_etags(o->a, md5s, o->p.count);
		o->v.checksum = "";
		if (o->v.etag == NULL)
			rc = vt_fail(err, VT_NOMEM, "out of memory");
	}
	return rc;
}

/* The version that the notes describe. */
static enum vt_code
describe(struct vt_recreate *r, const struct vt_scratch_row *row,
    struct object *o, struct vt_err *err)
{
	const struct vt_note *n = &o->n;
	struct vt_version *v = &o->v;
	enum vt_code rc;

	if (o->member != NULL)
		rc = vt_recreate_member(row, o->a, &o->n, &o->pack_offset,
		    &o->pack_length, err);
	else if (o->p.count == 0)
		rc = vt_fail(err, VT_INVALID, "none of its bytes is left");
	else
		rc = vt_note_read(vt_tiers_backend(r->tiers, o->p.tier),
		    o->p.p[0].name, o->a, &o->n, err);
	if (rc != VT_OK)
		return rc;
	v->key = n->key;
	v->key_len = n->key_len;
	v->mtime_us = row->written_us;
	v->meta = n->meta;
	v->meta_len = n->meta_len;
	v->tags = n->tags;
	v->owner = n->owner;
	v->acl = n->acl;
	v->sse = n->sse;
	v->pin = "";
	v->tier = o->p.tier;
	if (*row->upload != '\0')
		return assemble(r, o, err);
	memcpy(v->version_id, n->version_id, sizeof(v->version_id));
	v->etag = n->etag;
	v->checksum = n->checksum;
	v->size_bytes = n->seq != 0 ? n->size_bytes : n->plain_bytes;
	v->crc64 = n->seq != 0 ? n->version_crc64 : n->crc64;
	v->part_count = n->part_count;
	return VT_OK;
}

/* The newest version of the key is the same, of other bytes? */
static int
is_twin(const struct object *o, const struct vt_version *top)
{
	int64_t apart = top->mtime_us - o->v.mtime_us;

	return o->is_group && strcmp(top->etag, o->v.etag) == 0 &&
	    top->crc64 == o->v.crc64 &&
	    top->size_bytes == o->v.size_bytes && apart <= SAME_US &&
	    apart >= -SAME_US;
}

/* In a bucket for all, the key begins with the bucket's name. */
static enum vt_code
salvage_key(struct vt_recreate *r, struct object *o, struct vt_err *err)
{
	size_t len = strlen(o->n.bucket) + 1;
	char *key;

	if (r->into == NULL || *r->into == '\0')
		return VT_OK;
	if (len + o->v.key_len > VT_KEY_MAX)
		return vt_fail(err, VT_TOO_LARGE, "its key with the bucket's "
		    "name before it would be over %d bytes", VT_KEY_MAX);
	key = vt_arena_alloc(o->a, len + o->v.key_len + 1);
	if (key == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	memcpy(key, o->n.bucket, len - 1);
	key[len - 1] = '/';
	memcpy(key + len, o->v.key, o->v.key_len);
	o->v.key = key;
	o->v.key_len += len;
	return VT_OK;
}

/* The newest version of the key is this very one, and this is a copy of it on
 * another tier: they are written with one note, but for the blob. */
static int
is_replica(const struct vt_recreate *r, const struct object *o,
    const struct vt_version *top)
{
	if (o->is_group || o->member != NULL || o->parts != NULL ||
	    top->copy_count == 0)
		return 0;
	for (size_t i = 0; i < top->copy_count; i++)
		if (strcmp(top->copies[i].tier, o->p.tier) == 0)
			return 0;
	if (r->into == NULL && o->v.version_id[0] != '\0')
		return strcmp(top->version_id, o->v.version_id) == 0;
	return top->mtime_us == o->v.mtime_us &&
	    strcmp(top->etag, o->v.etag) == 0 &&
	    top->crc64 == o->v.crc64 && top->size_bytes == o->v.size_bytes;
}

static enum vt_code
add_replica(struct vt_recreate *r, struct object *o,
    const struct vt_bucket *b, const struct vt_version *top,
    struct vt_err *err)
{
	struct vt_cat_extent *x;
	struct vt_cat_op op;
	enum vt_code rc;

	rc = vt_recreate_extents(r, &o->p, &o->v, o->a, &x, err);
	if (rc != VT_OK)
		return rc;
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_SWAP;
	op.u.swap.seq = top->seq;
	op.u.swap.source_copy_id = top->copies[0].id;
	op.u.swap.version_generation = top->generation;
	op.u.swap.bucket_generation = b->generation;
	op.u.swap.tier = o->p.tier;
	op.u.swap.extents = x;
	op.u.swap.extent_count = o->p.count;
	rc = vt_catalog_run(r->catalog, &op, err);
	if (rc != VT_OK)
		vt_extents_forget(r, x, o->p.count);
	return rc;
}

/* The row.  VT_EXISTS: the version is there already. */
static enum vt_code
add_version(struct vt_recreate *r, struct object *o,
    const struct vt_bucket *b, char version[VT_ID_LEN + 1],
    struct vt_err *err)
{
	struct vt_cat_extent *x;
	struct vt_version *top;
	char root[VT_CANONICAL_LEN + 1];
	struct vt_cat_op op;
	enum vt_code rc;
	size_t count = o->p.count;

	rc = vt_catalog_lookup(r->catalog, o->a, b->id, o->v.key,
	    o->v.key_len, NULL, 0, &top, err);
	if (rc == VT_OK && is_twin(o, top))
		return VT_EXISTS;
	if (rc == VT_OK && is_replica(r, o, top)) {
		memcpy(version, top->version_id, VT_ID_LEN + 1);
		return add_replica(r, o, b, top, err);
	}
	if (rc == VT_OK && top->mtime_us > o->v.mtime_us)
		o->v.mtime_us = top->mtime_us;
	if (rc != VT_OK && rc != VT_ABSENT)
		return rc;
	rc = o->member != NULL ? vt_recreate_packed_extents(r, o->member,
	    o->pack_offset, o->pack_length, &o->v, o->a, &x, &count, err) :
	    vt_recreate_extents(r, &o->p, &o->v, o->a, &x, err);
	if (rc != VT_OK)
		return rc;
	if (vt_user_root(root) < 0)
		return vt_fail(err, VT_NOMEM, "out of memory");
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_PUT;
	op.u.put.v = o->v;
	op.u.put.v.bucket_id = b->id;
	/* users of a salvage are not there to own anything */
	if (r->into != NULL || *o->v.owner == '\0') {
		op.u.put.v.owner = root;
		op.u.put.v.acl = "";
	}
	if (r->into == NULL && b->object_lock) {
		op.u.put.v.lock_mode = o->n.lock_mode;
		op.u.put.v.retain_until_us = o->n.retain_until_us;
		op.u.put.v.legal_hold = o->n.legal_hold;
	}
	op.u.put.tier = o->p.tier;
	op.u.put.extents = x;
	op.u.put.extent_count = count;
	op.u.put.parts = o->parts;
	op.u.put.keep_mtime = 1;
	/* in its own bucket it is the version that clients know */
	op.u.put.keep_version_id = r->into == NULL &&
	    op.u.put.v.version_id[0] != '\0';
	rc = vt_catalog_run(r->catalog, &op, err);
	if (rc != VT_OK)
		vt_extents_forget(r, x, count);
	else if (o->member != NULL && count > 0)
		vt_recreate_packed(r, x);
	memcpy(version, op.u.put.version_id, VT_ID_LEN + 1);
	return rc;
}

/*
 * A member of a pack is of a version that the catalog has: the pack is where
 * it moved.  VT_ABSENT: it has none; VT_EXISTS: it is where it was.
 */
static enum vt_code
attach_member(struct vt_recreate *r, struct object *o,
    struct vt_bucket *bucket, struct vt_err *err)
{
	const struct vt_copy *broken;
	struct vt_cat_extent *x;
	struct vt_version *v;
	size_t count;
	enum vt_code rc;

	if (o->member == NULL)
		return VT_ABSENT;
	rc = vt_catalog_bucket(r->catalog, o->a, o->n.bucket, bucket, err);
	if (rc == VT_OK)
		rc = vt_catalog_lookup(r->catalog, o->a, bucket->id,
		    o->n.key, o->n.key_len, o->n.is_null ? "null" :
		    o->n.version_id, 0, &v, err);
	/* another one may be the null version by now */
	if (rc == VT_OK && strcmp(v->version_id, o->n.version_id) != 0)
		rc = VT_ABSENT;
	if (rc != VT_OK)
		return rc;
	broken = vt_recreate_broken(r, v);
	if (broken == NULL)
		return VT_EXISTS;
	rc = vt_recreate_packed_extents(r, o->member, o->pack_offset,
	    o->pack_length, v, o->a, &x, &count, err);
	if (rc == VT_OK) {
		rc = vt_recreate_attach(r, v, broken, o->p.tier, x, count,
		    err);
		if (rc == VT_OK && count > 0)
			vt_recreate_packed(r, x);
		else if (rc != VT_OK)
			vt_extents_forget(r, x, count);
	}
	return rc == VT_ABSENT || rc == VT_EXISTS ? VT_INVALID : rc;
}

/* What a failure to make one version means for the whole run: most concern
 * that version alone. */
static int
is_fatal(enum vt_code rc)
{
	return rc == VT_NOMEM || rc == VT_NOSPACE || rc == VT_CANCELLED ||
	    rc == VT_BUSY;
}

static void
finish(struct vt_recreate *r, const struct vt_scratch_row *row,
    struct object *o, const char *bucket, const char *version, int is_moved,
    enum vt_code rc, const struct vt_err *err)
{
	struct vt_finding f = { .what = "added", .tier = o->p.tier,
	    .bucket = bucket, .key = o->v.key, .key_len = o->v.key_len,
	    .version = version, .size_bytes = o->v.size_bytes,
	    .time_us = o->v.mtime_us };

	if (rc == VT_EXISTS) {
		r->n.unneeded += o->member != NULL ? 1 : o->p.count;
		return;
	}
	if (rc == VT_OK && is_moved) {
		r->n.moved++;
		f.what = "moved";
		f.version = o->n.version_id;
	} else if (rc == VT_OK) {
		r->n.added++;
		if (*row->upload != '\0')
			f.what = "assembled";
		if (o->n.is_cut)
			f.why = "not all of its headers were kept";
	} else {
		r->n.unproved += o->member != NULL ? 1 : o->p.count;
		f.what = "unproved";
		f.name = row->name;
		f.why = err->text;
		f.bucket = o->n.bucket;
		f.version = NULL;
	}
	vt_recreate_tell(r, &f);
}

static int
make_object(void *ctx, const struct vt_scratch_row *row)
{
	struct vt_recreate *r = ctx;
	char version[VT_ID_LEN + 1] = "";
	struct object o = { .a = vt_arena_new(VT_RECREATE_ARENA) };
	struct vt_bucket b = { .name = NULL };
	struct vt_err err;
	enum vt_code rc = VT_OK;
	int is_moved = 0;

	if (vt_recreate_stopped(r))
		goto out;
	if (o.a == NULL) {
		r->failed = vt_fail(&r->err, VT_NOMEM, "out of memory");
		goto out;
	}
	memset(&err, 0, sizeof(err));
	o.p.tier = vt_tiers_tier(r->tiers, row->tier)->name;
	o.is_group = row->is_group;
	if (row->detail != NULL)
		o.member = row;
	else if (!row->is_group)
		rc = vt_pieces_add(&o.p, row) < 0 ? vt_fail(&err, VT_NOMEM,
		    "out of memory") : VT_OK;
	else
		rc = vt_scratch_pieces(r->scratch, row->upload, row->seq,
		    add_piece, &o, &err);
	if (rc == VT_OK)
		rc = describe(r, row, &o, &err);
	if (rc == VT_OK) {
		rc = attach_member(r, &o, &b, &err);
		is_moved = rc == VT_OK;
	}
	if (rc == VT_ABSENT)
		rc = salvage_key(r, &o, &err);
	if (rc == VT_OK && !r->dry_run && !is_moved) {
		rc = find_bucket(r, &o.n, o.a, &b, &err);
		if (rc == VT_OK)
			rc = add_version(r, &o, &b, version, &err);
	}
	if (is_fatal(rc)) {
		r->failed = rc;
		r->err = err;
	} else
		finish(r, row, &o, b.name != NULL ? b.name : o.n.bucket,
		    version, is_moved, rc, &err);
out:
	vt_pieces_release(&o.p);
	vt_arena_free(o.a);
	return r->failed != VT_OK;
}

enum vt_code
vt_recreate_objects(struct vt_recreate *r, struct vt_err *err)
{
	return vt_recreate_visited(r, vt_scratch_rows(r->scratch,
	    VT_SCRATCH_WHOLE, make_object, r, err), err);
}
