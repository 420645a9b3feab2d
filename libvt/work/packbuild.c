/* A pack, written, read back and put into the catalog: see packbuild.h. */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"

#include "libvt/work/note.h"
#include "libvt/work/packbuild.h"

#define BLOCK ((size_t)64 << 10)

enum vt_code
vt_pack_build_init(struct vt_pack_build *b,
    const struct vt_migrate_options *o, const char *to, size_t max,
    struct vt_arena *a, struct vt_pack_result *out, struct vt_err *err)
{
	memset(b, 0, sizeof(*b));
	memset(out, 0, sizeof(*out));
	b->o = o;
	b->to = to;
	b->a = a;
	b->out = out;
	b->max = max;
	b->places = calloc(max + 1, sizeof(*b->places));
	b->slots = calloc(max + 1, sizeof(*b->slots));
	if (b->places == NULL || b->slots == NULL) {
		vt_pack_build_release(b);
		return vt_fail(err, VT_NOMEM, "out of memory");
	}
	return VT_OK;
}

void
vt_pack_build_release(struct vt_pack_build *b)
{
	vt_pack_writer_close(b->w);
	b->w = NULL;
	vt_blob_writer_abort(b->blob);
	b->blob = NULL;
	if (b->is_there)
		vt_blob_discard(b->o->tiers, &b->whole);
	b->is_there = 0;
	for (size_t i = 0; i < b->slot_count; i++)
		free(b->slots[i].reason);
	free(b->places);
	free(b->slots);
	b->places = NULL;
	b->slots = NULL;
	b->slot_count = 0;
}

static enum vt_code
put_blob(void *ctx, const void *data, size_t len, struct vt_err *err)
{
	struct vt_pack_build *b = ctx;

	return vt_blob_writer_write(b->blob, data, len, err);
}

enum vt_code
vt_pack_build_open(struct vt_pack_build *b, const char *bucket,
    const char *prefix, size_t prefix_len, struct vt_err *err)
{
	static const char last[] = "pack.tar.zst";
	const struct vt_blob_form form = { .is_packed = 1 };
	char name[VT_KEY_MAX + sizeof(last)];
	enum vt_code rc;

	if (b->w != NULL)
		return VT_OK;
	if (prefix_len > VT_KEY_MAX)
		prefix_len = VT_KEY_MAX;
	if (prefix_len > 0)
		memcpy(name, prefix, prefix_len);
	memcpy(name + prefix_len, last, sizeof(last));
	rc = vt_blob_writer_open(b->o->tiers, b->to, bucket, name,
	    prefix_len + sizeof(last) - 1, UINT64_MAX, &form, &b->blob, err);
	if (rc == VT_OK)
		rc = vt_pack_writer_open(put_blob, b, &b->w, err);
	return rc;
}

void
vt_pack_build_entry(const struct vt_bucket *bucket,
    const struct vt_version *v, int is_odd, struct vt_pack_entry *out)
{
	memset(out, 0, sizeof(*out));
	out->bucket = bucket->name;
	out->key = v->key;
	out->key_len = v->key_len;
	out->is_odd = is_odd;
	out->version_id = v->version_id;
	out->is_null = v->is_null;
	out->size_bytes = v->size_bytes;
	out->crc64 = v->crc64;
	out->mtime_us = v->mtime_us;
	out->etag = v->etag;
	out->checksum = v->checksum;
	out->tags = v->tags;
	out->owner = v->owner;
	out->meta = v->meta;
	out->meta_len = v->meta_len;
}

/* --- reading back --------------------------------------------------------- */

enum vt_code
vt_pack_span_get(void *ctx, void *data, size_t len, size_t *got,
    struct vt_err *err)
{
	struct vt_pack_span *s = ctx;
	enum vt_code rc;

	*got = 0;
	if (len > s->left)
		len = (size_t)s->left;
	if (len == 0)
		return VT_OK;
	if (s->o->pace != NULL && s->o->pace(s->o->pace_ctx, len) != 0)
		return vt_fail(err, VT_CANCELLED, "interrupted");
	rc = vt_copy_reader_read(s->r, data, len, got, err);
	if (rc == VT_OK && *got == 0)
		rc = vt_fail(err, VT_CORRUPT, "the pack ends too early");
	if (rc == VT_OK && s->take != NULL)
		rc = s->take(s->ctx, data, *got, err);
	s->left -= *got;
	return rc;
}

enum vt_code
vt_pack_span_skip(struct vt_pack_span *s, struct vt_err *err)
{
	char *block = malloc(BLOCK);
	enum vt_code rc = VT_OK;
	size_t got;

	if (block == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	while (rc == VT_OK && s->left > 0)
		rc = vt_pack_span_get(s, block, BLOCK, &got, err);
	free(block);
	return rc;
}

enum vt_code
vt_pack_span_check(struct vt_pack_span *s, const struct vt_pack_place *p,
    struct vt_err *err)
{
	char *block = malloc(BLOCK);
	struct vt_pack_frame *f = NULL;
	uint64_t crc64 = 0;
	enum vt_code rc;
	size_t got = 1;

	rc = block == NULL ? vt_fail(err, VT_NOMEM, "out of memory") :
	    vt_pack_frame_open(p->plain_bytes, &f, err);
	while (rc == VT_OK && got > 0) {
		rc = vt_pack_frame_read(f, vt_pack_span_get, s, block, BLOCK,
		    &got, err);
		if (rc == VT_OK)
			crc64 = vt_crc64nvme(crc64, block, got);
	}
	if (rc == VT_OK && (crc64 != p->crc64 || s->left > 0))
		rc = vt_fail(err, VT_CORRUPT, "a member of the pack is not "
		    "what was read");
	vt_pack_frame_close(f);
	free(block);
	return rc;
}

/* All of it in one request, each member against its own checksum. */
static enum vt_code
read_back(struct vt_pack_build *b, struct vt_err *err)
{
	struct vt_version v = { .size_bytes = b->sum.bytes,
	    .crc64 = b->sum.crc64, .sse = "" };
	struct vt_copy c = { .tier = b->to, .extents = &b->whole.e,
	    .extent_count = 1 };
	struct vt_pack_span s = { .o = b->o };
	uint64_t at = 0;
	enum vt_code rc;
	size_t i;

	rc = vt_copy_reader_open(b->o->tiers, &v, &c, 0, v.size_bytes, &s.r,
	    err);
	for (i = 0; i < b->place_count && rc == VT_OK; i++) {
		const struct vt_pack_place *p = &b->places[i];

		s.left = p->offset - at;
		rc = vt_pack_span_skip(&s, err);
		s.left = p->length;
		if (rc == VT_OK)
			rc = vt_pack_span_check(&s, p, err);
		at = p->offset + p->length;
	}
	s.left = v.size_bytes - at;
	if (rc == VT_OK)
		rc = vt_pack_span_skip(&s, err);
	vt_copy_reader_close(s.r);
	return rc;
}

enum vt_code
vt_pack_build_commit(struct vt_pack_build *b, struct vt_err *err)
{
	struct vt_blob_writer *blob = b->blob;
	struct vt_note note = { .is_pack = 1 };
	struct vt_pack_form form;
	char text[VT_PACK_TEXT];
	enum vt_code rc;

	rc = vt_pack_writer_finish(b->w, &b->sum, err);
	if (rc != VT_OK)
		return rc;
	/* its members say whose bytes they are */
	note.plain_bytes = b->sum.bytes;
	note.crc64 = b->sum.crc64;
	rc = vt_blob_writer_note(blob, &note, err);
	if (rc != VT_OK)
		return rc;
	b->blob = NULL;
	b->out->backend_requests++;
	rc = vt_blob_writer_commit(blob, b->a, &b->whole, err);
	if (rc != VT_OK)
		return rc;
	b->is_there = 1;
	if (*b->whole.e.blob.transform == '\0' &&
	    (b->whole.e.blob.crc64 != b->sum.crc64 ||
	    b->whole.e.blob.size_bytes != b->sum.bytes))
		return vt_fail(err, VT_CORRUPT, "what arrived on '%s' is not "
		    "the pack that was written", b->to);
	if (!b->o->no_verify) {
		b->out->backend_requests++;
		rc = vt_migrate_needs_restore(b->o, b->to) ?
		    vt_migrate_verify_there(b->o, &b->whole.e.blob, err) :
		    read_back(b, err);
		if (rc != VT_OK) {
			vt_err_prefix(err, "verifying the new pack");
			return rc;
		}
	}
	form.frame_bytes = b->sum.frame_bytes;
	form.pack_bytes = b->sum.bytes;
	form.form = b->whole.e.blob.transform;
	if (vt_pack_text(&form, text) < 0)
		return vt_fail(err, VT_INVALID, "the transform of '%s' is too "
		    "long for a pack", b->to);
	b->whole.e.blob.transform = vt_arena_str(b->a, text);
	return b->whole.e.blob.transform != NULL ? VT_OK :
	    vt_fail(err, VT_NOMEM, "out of memory");
}

/* --- the catalog ---------------------------------------------------------- */

/* What one operation takes, and its memory. */
struct chunk {
	struct vt_cat_pack_member member[VT_CAT_PACK_MAX];
	struct vt_cat_extent extent[VT_CAT_PACK_MAX];
	struct vt_arena *a;	/* of events */
};

/* The events of a version; in the arena of the chunk. */
static enum vt_code
tell(struct vt_pack_build *b, struct chunk *c, int64_t seq,
    struct vt_cat_pack_member *m, struct vt_err *err)
{
	struct vt_bucket bucket;
	struct vt_version *v;
	enum vt_code rc;

	rc = vt_catalog_lookup_seq(b->o->catalog, c->a, seq, 0, &v, err);
	if (rc == VT_ABSENT)	/* the swap will say so */
		return VT_OK;
	if (rc == VT_OK)
		rc = vt_catalog_bucket_by_id(b->o->catalog, c->a,
		    v->bucket_id, &bucket, err);
	if (rc == VT_ABSENT)
		return VT_OK;
	if (rc == VT_OK && ((bucket.docs >> VT_DOC_NOTIFICATION) & 1))
		rc = vt_migrate_tell(b->o, &bucket, v, b->to, c->a,
		    &m->events, &m->event_count, err);
	return rc;
}

static void
fill(const struct vt_pack_build *b, const struct vt_pack_slot *s,
    struct vt_cat_pack_member *m, struct vt_cat_extent *x)
{
	const struct vt_pack_place *p;

	memset(m, 0, sizeof(*m));
	m->swap = s->swap;
	if (s->place == SIZE_MAX)
		return;
	p = &b->places[s->place];
	*x = b->whole;
	x->e.offset = p->offset;
	x->e.length = p->length;
	x->e.plain_length = p->plain_bytes;
	x->is_ref = 1;
	m->swap.extents = x;
	m->swap.extent_count = 1;
}

static void
note(struct vt_pack_slot *s, enum vt_code code, const struct vt_err *err)
{
	s->code = code;
	if (code != VT_OK)
		s->reason = strdup(err->text);
}

/* `n` slots from `first` on, in one transaction. */
static enum vt_code
swap_chunk(struct vt_pack_build *b, struct chunk *c, size_t first, size_t n,
    struct vt_err *err)
{
	struct vt_cat_op op;
	enum vt_code rc = VT_OK;
	size_t i;

	memset(&op, 0, sizeof(op));
	vt_arena_reset(c->a);
	for (i = 0; i < n && rc == VT_OK; i++) {
		struct vt_pack_slot *s = &b->slots[first + i];

		fill(b, s, &c->member[i], &c->extent[i]);
		/* a pack written anew is where its members were */
		if (!s->swap.in_place)
			rc = tell(b, c, s->swap.seq, &c->member[i], err);
	}
	if (rc != VT_OK)
		return rc;
	op.kind = VT_CAT_PACK;
	op.u.pack.blob = b->whole.e.blob;
	op.u.pack.is_new = b->is_there;
	op.u.pack.members = c->member;
	op.u.pack.count = n;
	rc = vt_catalog_run(b->o->catalog, &op, err);
	/* the first that is done makes the blob the catalog's */
	if (rc == VT_OK)
		b->is_there = 0;
	if (rc != VT_OK && rc != VT_PRECONDITION)
		return rc;
	for (i = 0; i < n; i++) {
		struct vt_pack_slot *s = &b->slots[first + i];

		note(s, c->member[i].code, &c->member[i].err);
		s->swap.copy_id = c->member[i].swap.copy_id;
		if (s->code == VT_OK) {
			b->out->members++;
			b->out->member_bytes += s->size_bytes;
		}
	}
	return VT_OK;
}

enum vt_code
vt_pack_build_swap(struct vt_pack_build *b, struct vt_err *err)
{
	struct chunk *c = calloc(1, sizeof(*c));
	struct vt_err e = { VT_NOMEM, "out of memory" };
	enum vt_code rc = VT_NOMEM;
	size_t i = 0, n;

	if (c != NULL)
		c->a = vt_arena_new(64 << 20);
	if (c != NULL && c->a != NULL)
		rc = VT_OK;
	for (; i < b->slot_count && rc == VT_OK; i += n) {
		n = b->slot_count - i;
		if (n > VT_CAT_PACK_MAX)
			n = VT_CAT_PACK_MAX;
		rc = swap_chunk(b, c, i, n, &e);
		if (rc != VT_OK)
			break;
	}
	for (; i < b->slot_count; i++)
		note(&b->slots[i], rc, &e);
	if (c != NULL)
		vt_arena_free(c->a);
	free(c);
	if (b->out->members > 0) {
		b->out->blob_id = b->whole.e.blob.id;
		b->out->bytes = b->whole.e.blob.size_bytes;
	}
	if (rc != VT_OK && err != NULL)
		*err = e;
	return rc;
}
