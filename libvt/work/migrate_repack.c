/* Writing a pack anew: see migrate_pack.h. */
#include <stdlib.h>
#include <string.h>

#include "libvt/work/packbuild.h"

/* A version that is in the old pack. */
struct live {
	int64_t seq;
	uint64_t offset;	/* of its frame there */
	size_t slot;
	char *key;		/* malloc'ed */
	size_t key_len;
	int is_odd;
};

struct run {
	struct vt_pack_build b;
	uint64_t blob_id;
	struct vt_cat_extent old;	/* all of it, as bytes of a pack */
	struct vt_pack_form form;
	int has_old;
	struct live *live;
	size_t count;
	struct vt_arena *a;	/* of one version */
};

/* The copy that is one member of the pack, or NULL. */
static const struct vt_copy *
member_copy(const struct run *r, const struct vt_version *v)
{
	for (size_t i = 0; i < v->copy_count; i++) {
		const struct vt_copy *c = &v->copies[i];

		if (c->until_us == 0 && c->extent_count == 1 &&
		    c->extents[0].blob.id == r->blob_id &&
		    strcmp(c->tier, r->b.to) == 0)
			return c;
	}
	return NULL;
}

static enum vt_code
keep_old(struct run *r, const struct vt_extent *e, struct vt_err *err)
{
	struct vt_arena *a = r->b.a;
	struct vt_blob *b = &r->old.e.blob;

	r->old.e = *e;
	b->tier = r->b.to;
	b->name = vt_arena_str(a, e->blob.name);
	b->token = vt_arena_str(a, e->blob.token);
	b->transform = vt_arena_str(a, e->blob.transform);
	if (b->name == NULL || b->token == NULL || b->transform == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	if (!vt_pack_parse_text(b->transform, b->size_bytes, &r->form))
		return vt_fail(err, VT_INVALID, "blob %llu is no pack",
		    (unsigned long long)r->blob_id);
	if (!b->owned)
		return vt_fail(err, VT_PRECONDITION, "the pack was adopted "
		    "and is not ours to remove");
	b->transform = r->form.form;
	r->old.e.offset = 0;
	r->old.e.length = b->size_bytes;
	r->old.e.plain_length = r->form.pack_bytes;
	r->has_old = 1;
	return VT_OK;
}

/* Note what is to become of a version, when it is in the pack. */
static enum vt_code
look(struct run *r, int64_t seq, struct vt_err *err)
{
	struct vt_pack_slot *slot = &r->b.slots[r->b.slot_count];
	struct live *l = &r->live[r->count];
	/* it stays on its tier: no policy counts another copy for it */
	struct vt_subject s = { .copies = 1 };
	enum vt_code rc;

	/* it stays on its tier: there are as many copies as before */
	memset(&s, 0, sizeof(s));
	s.copies = 1;
	vt_arena_reset(r->a);
	memset(&s, 0, sizeof(s));
	s.copies = 1;	/* it stays where it is */
	rc = vt_catalog_lookup_seq(r->b.o->catalog, r->a, seq, 0, &s.v, err);
	if (rc == VT_ABSENT)
		return VT_OK;
	if (rc == VT_OK)
		rc = vt_catalog_bucket_by_id(r->b.o->catalog, r->a,
		    s.v->bucket_id, &s.bucket, err);
	if (rc != VT_OK)
		return rc == VT_ABSENT ? VT_OK : rc;
	s.source = member_copy(r, s.v);
	if (s.source == NULL)
		return VT_OK;
	if (!r->has_old) {
		rc = keep_old(r, &s.source->extents[0], err);
		if (rc != VT_OK)
			return rc;
	}
	l->seq = seq;
	l->offset = s.source->extents[0].offset;
	l->slot = r->b.slot_count;
	l->key = malloc(s.v->key_len + 1);
	if (l->key == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	memcpy(l->key, s.v->key, s.v->key_len);
	l->key_len = s.v->key_len;
	r->count++;
	vt_migrate_swap(r->b.o, &s, r->b.to, &slot->swap);
	slot->swap.in_place = 1;
	slot->place = SIZE_MAX;
	slot->size_bytes = s.v->size_bytes;
	r->b.slot_count++;
	return VT_OK;
}

/* --- names ---------------------------------------------------------------- */

static int
by_key(const void *a, const void *b)
{
	const struct live *x = a, *y = b;
	size_t n = x->key_len < y->key_len ? x->key_len : y->key_len;
	int c = memcmp(x->key, y->key, n);

	if (c != 0)
		return c;
	if (x->key_len != y->key_len)
		return x->key_len < y->key_len ? -1 : 1;
	return x->seq > y->seq ? -1 : x->seq < y->seq;
}

/* Versions that share a frame: the oldest, which was there first, names it. */
static int
by_offset(const void *a, const void *b)
{
	const struct live *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static enum vt_code
find_odd_names(struct run *r, struct vt_err *err)
{
	struct vt_pack_key *keys = calloc(r->count, sizeof(*keys));
	unsigned char *is_odd = calloc(r->count, 1);
	size_t i;

	if (keys == NULL || is_odd == NULL) {
		free(keys);
		free(is_odd);
		return vt_fail(err, VT_NOMEM, "out of memory");
	}
	qsort(r->live, r->count, sizeof(*r->live), by_key);
	for (i = 0; i < r->count; i++) {
		keys[i].key = r->live[i].key;
		keys[i].len = r->live[i].key_len;
	}
	vt_pack_odd_keys(keys, r->count, is_odd);
	for (i = 0; i < r->count; i++)
		r->live[i].is_odd = is_odd[i];
	free(keys);
	free(is_odd);
	qsort(r->live, r->count, sizeof(*r->live), by_offset);
	return VT_OK;
}

/* --- frames --------------------------------------------------------------- */

static enum vt_code
take_frame(void *ctx, const void *data, size_t len, struct vt_err *err)
{
	struct run *r = ctx;

	return vt_pack_writer_frame(r->b.w, data, len, err);
}

/* The frame of the `i`-th, which s->r is to give next, into the new pack;
 * *place SIZE_MAX: that version is gone or changed by now. */
static enum vt_code
copy_frame(struct run *r, size_t i, struct vt_pack_span *s, size_t *place,
    struct vt_err *err)
{
	struct vt_pack_place *p = &r->b.places[r->b.place_count];
	const struct live *l = &r->live[i];
	const struct vt_copy *c;
	struct vt_pack_entry e;
	struct vt_bucket bucket;
	struct vt_version *v;
	enum vt_code rc;

	*place = SIZE_MAX;
	vt_arena_reset(r->a);
	rc = vt_catalog_lookup_seq(r->b.o->catalog, r->a, l->seq, 0, &v, err);
	if (rc == VT_OK)
		rc = vt_catalog_bucket_by_id(r->b.o->catalog, r->a,
		    v->bucket_id, &bucket, err);
	c = rc == VT_OK ? member_copy(r, v) : NULL;
	if (rc == VT_ABSENT || (rc == VT_OK && (c == NULL ||
	    c->extents[0].offset != l->offset)))
		return VT_OK;
	if (rc != VT_OK)
		return rc;
	rc = vt_pack_build_open(&r->b, bucket.name, "", 0, err);
	vt_pack_build_entry(&bucket, v, l->is_odd, &e);
	if (rc == VT_OK)
		rc = vt_pack_writer_begin(r->b.w, &e, err);
	p->plain_bytes = v->size_bytes;
	p->crc64 = v->crc64;
	s->left = c->extents[0].length;
	s->take = take_frame;
	s->ctx = r;
	if (rc == VT_OK)
		rc = vt_pack_span_check(s, p, err);
	s->take = NULL;
	if (rc == VT_OK)
		rc = vt_pack_writer_end(r->b.w, &p->offset, &p->length, err);
	if (rc == VT_OK)
		*place = r->b.place_count++;
	return rc;
}

/* Frames in order, each once, whoever refers to it. */
static enum vt_code
copy_frames(struct run *r, struct vt_err *err)
{
	struct vt_version v = { .size_bytes = r->form.pack_bytes, .sse = "" };
	struct vt_copy c = { .tier = r->b.to, .extents = &r->old.e,
	    .extent_count = 1 };
	struct vt_pack_span s = { .o = r->b.o };
	uint64_t at = 0;
	enum vt_code rc;
	size_t i, place;

	/* as it is stored it has a checksum; what was encrypted has seals */
	if (*r->form.form == '\0')
		v.crc64 = r->old.e.blob.crc64;
	r->b.out->backend_requests++;
	rc = vt_copy_reader_open(r->b.o->tiers, &v, &c, 0, v.size_bytes, &s.r,
	    err);
	for (i = 0; i < r->count && rc == VT_OK; i++) {
		const struct live *l = &r->live[i];
		int is_shared = i > 0 && l->offset == r->live[i - 1].offset;

		place = SIZE_MAX;
		if (is_shared && r->b.slots[r->live[i - 1].slot].place !=
		    SIZE_MAX) {
			place = r->b.slots[r->live[i - 1].slot].place;
		} else if (l->offset >= at) {
			s.left = l->offset - at;
			rc = vt_pack_span_skip(&s, err);
			at = l->offset;
			if (rc == VT_OK)
				rc = copy_frame(r, i, &s, &place, err);
			if (rc == VT_OK && place != SIZE_MAX)
				at += r->b.places[place].length;
		}
		r->b.slots[l->slot].place = place;
	}
	s.left = v.size_bytes - at;
	if (rc == VT_OK)
		rc = vt_pack_span_skip(&s, err);
	vt_copy_reader_close(s.r);
	return rc;
}

/* Slots without a frame are of versions that have gone. */
static void
drop_empty_slots(struct vt_pack_build *b)
{
	size_t i, n = 0;

	for (i = 0; i < b->slot_count; i++)
		if (b->slots[i].place != SIZE_MAX)
			b->slots[n++] = b->slots[i];
	b->slot_count = n;
}

static enum vt_code
rewrite(struct run *r, struct vt_err *err)
{
	enum vt_code rc;

	rc = find_odd_names(r, err);
	if (rc == VT_OK)
		rc = copy_frames(r, err);
	if (rc != VT_OK)
		return rc;
	drop_empty_slots(&r->b);
	if (r->b.slot_count == 0)
		return vt_fail(err, VT_PRECONDITION,
		    "no version is in the pack any more");
	rc = vt_pack_build_commit(&r->b, err);
	if (rc == VT_OK)
		rc = vt_pack_build_swap(&r->b, err);
	if (rc == VT_OK && r->b.out->members == 0)
		rc = vt_fail(err, VT_PRECONDITION, "%s",
		    r->b.slots[0].reason != NULL ? r->b.slots[0].reason :
		    "its members have changed");
	return rc;
}

enum vt_code
vt_migrate_repack(const struct vt_migrate_options *o, uint64_t blob_id,
    const char *to, const int64_t *seqs, size_t count,
    struct vt_pack_result *out, struct vt_err *err)
{
	struct vt_arena *kept = vt_arena_new(1 << 20);
	struct run r;
	enum vt_code rc;
	size_t i;

	memset(&r, 0, sizeof(r));
	r.blob_id = blob_id;
	if (kept == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_pack_build_init(&r.b, o, to, count, kept, out, err);
	if (rc != VT_OK) {
		vt_arena_free(kept);
		return rc;
	}
	r.a = vt_arena_new(64 << 20);
	r.live = calloc(count + 1, sizeof(*r.live));
	if (r.a == NULL || r.live == NULL)
		rc = vt_fail(err, VT_NOMEM, "out of memory");
	for (i = 0; i < count && rc == VT_OK; i++)
		rc = look(&r, seqs[i], err);
	if (rc == VT_OK && r.count == 0)
		rc = vt_fail(err, VT_PRECONDITION,
		    "no version is in the pack any more");
	if (rc == VT_OK && vt_tiers_backend(o->tiers, to) == NULL)
		rc = vt_fail(err, VT_INVALID, "no tier '%.32s' is configured",
		    to);
	if (rc == VT_OK && o->dry_run) {
		out->members = r.count;
	} else if (rc == VT_OK) {
		rc = rewrite(&r, err);
	}
	vt_pack_build_release(&r.b);
	for (i = 0; i < r.count; i++)
		free(r.live[i].key);
	free(r.live);
	vt_arena_free(r.a);
	vt_arena_free(kept);
	return rc;
}
