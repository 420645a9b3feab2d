/* Versions made anew from what lies on tiers: see recreate.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/work/recreate.h"
#include "libvt/work/snapshot.h"

#define ARENA_MAX ((size_t)64 << 20)
#define BLOCK ((size_t)1 << 20)
/* A version that moved and the bytes it was made of are one version when they
 * were written no further apart. */
#define SAME_US (60LL * 1000000)

void
vt_recreate_tell(struct vt_recreate *r, const struct vt_finding *f)
{
	if (r->tell != NULL)
		r->tell(r->tell_ctx, f);
}

int
vt_recreate_stopped(struct vt_recreate *r)
{
	if (r->stop == NULL || r->stop(r->stop_ctx) == 0)
		return 0;
	r->failed = vt_fail(&r->err, VT_CANCELLED, "interrupted");
	return 1;
}

/* A visit was stopped by what is in r->failed, or has failed itself. */
static enum vt_code
visited(struct vt_recreate *r, enum vt_code rc, struct vt_err *err)
{
	if (r->failed == VT_OK)
		return rc;
	*err = r->err;
	rc = r->failed;
	r->failed = VT_OK;
	return rc;
}

/* --- names ---------------------------------------------------------------- */

int
vt_name_incarnation(const char *name, uint64_t *out)
{
	const char *leaf = strrchr(name, '/');
	uint8_t bytes[8];
	int i;

	leaf = leaf != NULL ? leaf + 1 : name;
	if (strlen(leaf) != 33 || leaf[16] != '-' ||
	    vt_hex_decode(leaf, bytes, 8) < 0 ||
	    vt_hex_decode(leaf + 17, bytes, 8) < 0)
		return 0;
	*out = 0;
	for (i = 0; i < 8; i++)
		*out = *out << 8 | bytes[i];
	return 1;
}

/* A name of this store. */
static int
is_ours(struct vt_recreate *r, const char *name)
{
	uint64_t incarnation;

	if (!vt_name_incarnation(name, &incarnation))
		return 0;
	if (incarnation == r->incarnation || incarnation == r->related)
		return 1;
	if (!vt_catalog_descends(r->catalog, incarnation))
		return 0;
	r->related = incarnation;
	return 1;
}

struct tier_visit {
	struct vt_recreate *r;
	const char *tier;
	size_t index;
	int (*gone)(void *ctx, const struct vt_blob *b);
	void *ctx;
	uint64_t blobs, found;
};

static int
see_name(void *ctx, const char *name, uint64_t size_bytes, int64_t mtime_us)
{
	struct tier_visit *t = ctx;
	struct vt_recreate *r = t->r;

	if (strncmp(name, VT_SNAPSHOTS, strlen(VT_SNAPSHOTS)) == 0)
		return 0;
	r->ours[t->index] += is_ours(r, name);
	r->failed = vt_scratch_seen(r->scratch, t->tier, name, size_bytes,
	    mtime_us, &r->err);
	return r->failed != VT_OK || vt_recreate_stopped(r);
}

enum vt_code
vt_recreate_list(struct vt_recreate *r, struct vt_err *err)
{
	struct tier_visit t = { .r = r };
	enum vt_code rc = VT_OK;
	size_t i;

	for (i = 0; i < r->config->tier_count && rc == VT_OK; i++) {
		t.tier = r->config->tier[i].name;
		t.index = i;
		rc = visited(r, vt_backend_list(vt_tiers_backend(r->tiers,
		    t.tier), "", see_name, &t, err), err);
		if (rc != VT_OK)
			vt_err_prefix(err, "tier '%s'", t.tier);
	}
	return rc;
}

static int
claim_blob(void *ctx, const struct vt_blob *b)
{
	struct tier_visit *t = ctx;
	struct vt_recreate *r = t->r;
	uint64_t size;
	enum vt_code rc;

	if (b->is_inline)
		return 0;
	t->blobs++;
	rc = vt_scratch_claim(r->scratch, t->tier, b->name, &size, &r->err);
	if (rc != VT_OK && rc != VT_ABSENT) {
		r->failed = rc;
		return 1;
	}
	if (rc == VT_OK)
		t->found++;
	/* what is not ours may have been changed: no reason to forget it */
	if (rc == VT_OK && (size == b->size_bytes || !b->owned))
		return vt_recreate_stopped(r);
	return (t->gone != NULL && t->gone(t->ctx, b) != 0) ||
	    vt_recreate_stopped(r);
}

static int
claim_garbage(void *ctx, const char *name)
{
	struct tier_visit *t = ctx;
	struct vt_recreate *r = t->r;
	uint64_t size;
	enum vt_code rc;

	rc = vt_scratch_claim(r->scratch, t->tier, name, &size, &r->err);
	if (rc == VT_OK || rc == VT_ABSENT)
		return 0;
	r->failed = rc;
	return 1;
}

enum vt_code
vt_recreate_claim(struct vt_recreate *r,
    int (*gone)(void *ctx, const struct vt_blob *b), void *ctx,
    struct vt_err *err)
{
	struct tier_visit t = { .r = r, .gone = gone, .ctx = ctx };
	enum vt_code rc = VT_OK;
	size_t i;

	for (i = 0; i < r->config->tier_count && rc == VT_OK; i++) {
		t.tier = r->config->tier[i].name;
		t.blobs = t.found = 0;
		rc = visited(r, vt_catalog_blobs(r->catalog, t.tier,
		    claim_blob, &t, err), err);
		if (rc == VT_OK)
			rc = visited(r, vt_catalog_garbage_names(r->catalog,
			    t.tier, claim_garbage, &t, err), err);
		if (t.found == 0 && r->ours[i] == 0)
			r->is_empty[i] = t.blobs;
	}
	return rc;
}

/* --- notes ---------------------------------------------------------------- */

static int
read_note(void *ctx, const struct vt_scratch_row *seen)
{
	struct vt_recreate *r = ctx;
	struct vt_scratch_row row = *seen;
	struct vt_arena *a;
	struct vt_note n;
	uint64_t incarnation;
	enum vt_code rc;

	if (vt_recreate_stopped(r))
		return 1;
	/* no catalog made it: there is no need to ask for its note */
	if (!vt_name_incarnation(seen->name, &incarnation)) {
		r->n.foreign++;
		return 0;
	}
	a = vt_arena_new(ARENA_MAX);
	if (a == NULL) {
		r->failed = vt_fail(&r->err, VT_NOMEM, "out of memory");
		return 1;
	}
	rc = vt_note_read(vt_tiers_backend(r->tiers, seen->tier), seen->name,
	    a, &n, &r->err);
	if (rc == VT_ABSENT || rc == VT_INVALID)
		r->n.foreign++;
	else if (rc != VT_OK)
		r->failed = rc;
	else if (!r->wanted(r, &n))
		;	/* and it was counted why */
	else if (n.is_pack)
		r->failed = vt_recreate_pack(r, seen, &n, &r->err);
	else {
		row.upload = n.seq == 0 ? n.upload : "";
		row.written_us = n.seq != 0 ? n.mtime_us : n.written_us;
		row.blob_id = n.blob_id;
		row.seq = n.seq;
		row.offset = n.offset;
		row.part_number = n.part_number;
		r->failed = vt_scratch_add(r->scratch, &row, &r->err);
	}
	vt_arena_free(a);
	return r->failed != VT_OK;
}

enum vt_code
vt_recreate_notes(struct vt_recreate *r, struct vt_err *err)
{
	return visited(r, vt_scratch_unclaimed(r->scratch, read_note, r, err),
	    err);
}

/* --- pieces --------------------------------------------------------------- */

void
vt_pieces_release(struct vt_pieces *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->p[i].name);
	free(p->p);
	memset(p, 0, sizeof(*p));
}

int
vt_pieces_add(struct vt_pieces *p, const struct vt_scratch_row *row)
{
	void *grown;

	if (p->count == p->cap) {
		p->cap = p->cap != 0 ? p->cap * 2 : 4;
		grown = realloc(p->p, p->cap * sizeof(*p->p));
		if (grown == NULL)
			return -1;
		p->p = grown;
	}
	p->p[p->count].name = strdup(row->name);
	if (p->p[p->count].name == NULL)
		return -1;
	p->p[p->count].size_bytes = row->size_bytes;
	p->p[p->count++].part_number = row->part_number;
	return 0;
}

enum vt_code
vt_recreate_sum(struct vt_recreate *r, struct vt_backend *b, const char *name,
    const char *token, uint64_t size, uint64_t *crc64, struct vt_err *err)
{
	struct vt_backend_get *g = NULL;
	char *block = malloc(BLOCK);
	size_t got = 1;
	enum vt_code rc;

	*crc64 = 0;
	rc = block == NULL ? vt_fail(err, VT_NOMEM, "out of memory") :
	    vt_backend_get_begin(b, name, token, 0, size, &g, err);
	while (rc == VT_OK && got > 0) {
		if (vt_recreate_stopped(r)) {
			*err = r->err;
			rc = VT_CANCELLED;
			break;
		}
		rc = vt_backend_get_read(g, block, BLOCK, &got, err);
		if (rc == VT_OK)
			*crc64 = vt_crc64nvme(*crc64, block, got);
	}
	vt_backend_get_end(g);
	free(block);
	return rc;
}

/*
 * One name as an extent.  *is_plain: its checksum is that of the note, or
 * cannot be read and is taken from there.
 */
static enum vt_code
extent(struct vt_recreate *r, const char *tier, const char *name,
    uint64_t size, struct vt_arena *a, struct vt_cat_extent *x,
    struct vt_note *n, int *is_plain, struct vt_err *err)
{
	struct vt_backend *b = vt_tiers_backend(r->tiers, tier);
	struct vt_backend_head head;
	enum vt_code rc;

	memset(x, 0, sizeof(*x));
	rc = vt_note_read(b, name, a, n, err);
	if (rc == VT_OK)
		rc = vt_backend_head(b, name, &head, err);
	if (rc != VT_OK)
		return rc;
	if (head.size_bytes != size ||
	    (*n->form == '\0' && size != n->plain_bytes))
		return vt_fail(err, VT_CORRUPT, "it has %llu bytes instead "
		    "of %llu", (unsigned long long)head.size_bytes,
		    (unsigned long long)n->plain_bytes);
	*is_plain = *n->form == '\0' && (n->crc64 != 0 || n->seq == 0);
	x->e.blob.tier = vt_tiers_tier(r->tiers, tier)->name;
	x->e.blob.name = vt_arena_str(a, name);
	x->e.blob.token = vt_arena_str(a, head.token);
	x->e.blob.size_bytes = x->e.length = size;
	x->e.blob.owned = 1;
	x->e.blob.transform = n->form;
	x->e.plain_length = n->plain_bytes;
	if (x->e.blob.name == NULL || x->e.blob.token == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	if (head.archived && *is_plain)
		x->e.blob.crc64 = n->crc64;
	else
		rc = vt_recreate_sum(r, b, name, head.token, size,
		    &x->e.blob.crc64, err);
	if (rc == VT_OK && *is_plain && x->e.blob.crc64 != n->crc64)
		rc = vt_fail(err, VT_CORRUPT,
		    "its bytes are not those that were written");
	return rc;
}

enum vt_code
vt_recreate_prove(struct vt_recreate *r, const struct vt_version *v,
    const struct vt_cat_extent *x, size_t count, struct vt_arena *a,
    struct vt_err *err)
{
	struct vt_extent *e = vt_arena_alloc(a, count * sizeof(*e));
	struct vt_copy copy = { .tier = x->e.blob.tier, .extents = e,
	    .extent_count = count };
	struct vt_copy_reader *c = NULL;
	char *block = malloc(BLOCK);
	struct vt_stored_head h;
	size_t got = 1, i;
	enum vt_code rc = VT_OK;

	if (e == NULL || block == NULL) {
		free(block);
		return vt_fail(err, VT_NOMEM, "out of memory");
	}
	for (i = 0; i < count; i++) {
		e[i] = x[i].e;
		/* whose key nobody here has: each chunk proves itself when
		 * its owner reads it */
		if (*e[i].blob.transform != '\0' &&
		    vt_stored_parse_text(e[i].blob.transform, &h, NULL) ==
		    VT_OK && h.by_customer)
			got = 0;
	}
	if (got != 0)
		rc = vt_copy_reader_open(r->tiers, v, &copy, 0, v->size_bytes,
		    &c, err);
	while (rc == VT_OK && got > 0)
		rc = vt_copy_reader_read(c, block, BLOCK, &got, err);
	vt_copy_reader_close(c);
	free(block);
	return rc;
}

void
vt_extents_forget(struct vt_recreate *r, const struct vt_cat_extent *x,
    size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!x[i].is_ref)
			vt_catalog_blob_done(r->catalog, x[i].e.blob.id);
}

enum vt_code
vt_recreate_extents(struct vt_recreate *r, const struct vt_pieces *p,
    const struct vt_version *v, struct vt_arena *a,
    struct vt_cat_extent **out, struct vt_err *err)
{
	struct vt_cat_extent *x;
	struct vt_note n;
	uint64_t at = 0, crc64 = 0;
	int is_plain = 0, all_plain = 1;
	enum vt_code rc = VT_OK;
	size_t i;

	*out = NULL;
	x = vt_arena_alloc(a, (p->count + 1) * sizeof(*x));
	if (x == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	for (i = 0; i < p->count && rc == VT_OK; i++) {
		rc = extent(r, p->tier, p->p[i].name, p->p[i].size_bytes, a,
		    &x[i], &n, &is_plain, err);
		if (rc != VT_OK)
			vt_err_prefix(err, "'%s'", p->p[i].name);
		else if (n.seq != 0 && n.offset != at)
			rc = vt_fail(err, VT_INVALID, "its bytes at %llu "
			    "were not found", (unsigned long long)at);
		at += n.plain_bytes;
		all_plain &= is_plain;
		crc64 = vt_crc_combine(VT_CRC64NVME, crc64, n.crc64,
		    n.plain_bytes);
	}
	if (rc == VT_OK && at != v->size_bytes)
		rc = vt_fail(err, VT_INVALID, "%llu of its %llu bytes were "
		    "found", (unsigned long long)at,
		    (unsigned long long)v->size_bytes);
	if (rc == VT_OK && all_plain && crc64 != v->crc64)
		rc = vt_fail(err, VT_CORRUPT, "its bytes do not have its "
		    "checksum");
	if (rc == VT_OK && !all_plain)
		rc = vt_recreate_prove(r, v, x, p->count, a, err);
	for (i = 0; i < p->count && rc == VT_OK; i++) {
		rc = vt_catalog_blob_id(r->catalog, &x[i].e.blob.id, err);
		if (rc != VT_OK)
			vt_extents_forget(r, x, i);
	}
	if (rc == VT_OK)
		*out = x;
	return rc;
}

/* --- copies of versions --------------------------------------------------- */

struct group {
	struct vt_recreate *r;
	int (*known)(struct vt_recreate *r, const struct vt_version *v,
	    const struct vt_pieces *p);
	struct vt_scratch_row first;	/* strings are copies */
	uint64_t last_offset;
	struct vt_pieces p;
};

static void
group_release(struct group *g)
{
	free((char *)g->first.tier);
	free((char *)g->first.name);
	memset(&g->first, 0, sizeof(g->first));
	vt_pieces_release(&g->p);
}

/* All names of one copy are there. */
static int
group_end(struct group *g)
{
	struct vt_recreate *r = g->r;
	struct vt_version *v;
	struct vt_arena *a;
	enum vt_code rc;

	if (g->p.count == 0)
		return 0;
	a = vt_arena_new(ARENA_MAX);
	if (a == NULL) {
		r->failed = vt_fail(&r->err, VT_NOMEM, "out of memory");
		return 1;
	}
	rc = vt_catalog_lookup_seq(r->catalog, a, g->first.seq, 0, &v,
	    &r->err);
	if (rc == VT_OK) {
		if (g->known(r, v, &g->p) != 0 && r->failed == VT_OK)
			r->failed = VT_CANCELLED;
	} else if (rc == VT_ABSENT) {
		/* in its turn */
		g->first.upload = "";
		g->first.is_group = 1;
		r->failed = vt_scratch_add(r->scratch, &g->first, &r->err);
	} else
		r->failed = rc;
	vt_arena_free(a);
	group_release(g);
	return r->failed != VT_OK;
}

static int
group_row(void *ctx, const struct vt_scratch_row *row)
{
	struct group *g = ctx;
	struct vt_recreate *r = g->r;

	if (g->p.count > 0 && (row->seq != g->first.seq ||
	    strcmp(row->tier, g->first.tier) != 0) && group_end(g) != 0)
		return 1;
	if (g->p.count == 0) {
		g->first = *row;
		g->first.tier = strdup(row->tier);
		g->first.name = strdup(row->name);
		g->p.tier = g->first.tier;
	} else if (row->offset == g->last_offset) {
		/* a move that was carried out again */
		r->n.unneeded++;
		return 0;
	}
	g->last_offset = row->offset;
	if (g->first.tier == NULL || g->first.name == NULL ||
	    vt_pieces_add(&g->p, row) < 0)
		r->failed = vt_fail(&r->err, VT_NOMEM, "out of memory");
	return r->failed != VT_OK || vt_recreate_stopped(r);
}

enum vt_code
vt_recreate_moved(struct vt_recreate *r,
    int (*known)(struct vt_recreate *r, const struct vt_version *v,
    const struct vt_pieces *p), struct vt_err *err)
{
	struct group g = { .r = r, .known = known };
	enum vt_code rc;

	rc = visited(r, vt_scratch_rows(r->scratch, VT_SCRATCH_MOVED,
	    group_row, &g, err), err);
	if (rc == VT_OK) {
		(void)group_end(&g);
		rc = visited(r, VT_OK, err);
	}
	group_release(&g);
	return rc;
}

const struct vt_copy *
vt_recreate_broken(struct vt_recreate *r, const struct vt_version *v)
{
	const struct vt_copy *c;
	size_t i, k;

	for (i = 0; i < v->copy_count; i++) {
		c = &v->copies[i];
		for (k = 0; k < c->extent_count && c->until_us == 0; k++)
			if (vt_scratch_is_marked(r->scratch,
			    c->extents[k].blob.id))
				return c;
	}
	return NULL;
}

enum vt_code
vt_recreate_attach(struct vt_recreate *r, const struct vt_version *v,
    const struct vt_copy *broken, const char *tier,
    const struct vt_cat_extent *x, size_t count, struct vt_err *err)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_REPAIR;
	op.u.repair.seq = v->seq;
	op.u.repair.copy_id = broken->id;
	op.u.repair.tier = tier;
	op.u.repair.extents = x;
	op.u.repair.extent_count = count;
	op.u.repair.grace_ms = r->config->grace_ms;
	return vt_catalog_run(r->catalog, &op, err);
}

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
	struct object o = { .a = vt_arena_new(ARENA_MAX) };
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
	return visited(r, vt_scratch_rows(r->scratch, VT_SCRATCH_WHOLE,
	    make_object, r, err), err);
}
