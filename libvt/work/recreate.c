/* Names, notes and pieces that lie on tiers, and copies that moved: see
 * recreate.h; recreate_object.c makes versions of them. */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/work/recreate.h"
#include "libvt/work/snapshot.h"

#define BLOCK ((size_t)1 << 20)

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

enum vt_code
vt_recreate_visited(struct vt_recreate *r, enum vt_code rc, struct vt_err *err)
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
		rc = vt_backend_list(vt_tiers_backend(r->tiers, t.tier), "",
		    see_name, &t, err);
		rc = vt_recreate_visited(r, rc, err);
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
		rc = vt_catalog_blobs(r->catalog, t.tier, claim_blob, &t, err);
		rc = vt_recreate_visited(r, rc, err);
		if (rc == VT_OK) {
			rc = vt_catalog_garbage_names(r->catalog, t.tier,
			    claim_garbage, &t, err);
			rc = vt_recreate_visited(r, rc, err);
		}
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
	a = vt_arena_new(VT_RECREATE_ARENA);
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
	return vt_recreate_visited(r, vt_scratch_unclaimed(r->scratch,
	    read_note, r, err), err);
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
	a = vt_arena_new(VT_RECREATE_ARENA);
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

	rc = vt_recreate_visited(r, vt_scratch_rows(r->scratch,
	    VT_SCRATCH_MOVED, group_row, &g, err), err);
	if (rc == VT_OK) {
		(void)group_end(&g);
		rc = vt_recreate_visited(r, VT_OK, err);
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
