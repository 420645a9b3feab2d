/* Carrying out one move: see migrate.h. */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"

#include "libvt/work/migrate_internal.h"
#include "libvt/work/note.h"
#include "libvt/work/notify.h"
#include "libvt/work/replicate.h"
#include "libvt/work/rules.h"

#define BLOCK (1 << 20)

const char *
vt_move_status_name(enum vt_move_status s)
{
	switch (s) {
	case VT_MOVE_DONE:
		return "moved";
	case VT_MOVE_ALREADY:
		return "already";
	case VT_MOVE_SKIPPED:
		return "skipped";
	case VT_MOVE_REFUSED:
		return "refused";
	case VT_MOVE_WAITING:
		return "restoring";
	case VT_MOVE_FAILED:
		break;
	}
	return "failed";
}

/*
 * What the plan says against what is: the version, the source copy, rules and
 * pins.  VT_EXISTS: the move was done before.
 */
static enum vt_code
check_move(const struct vt_migrate_options *o, const struct vt_move *m,
    const struct vt_bucket *b, const struct vt_version *v,
    const struct vt_copy **source, struct vt_err *err)
{
	const struct vt_copy *c;
	const struct vt_tier *to = vt_tiers_tier(o->tiers, m->to);
	size_t i;
	int there = 0;

	*source = NULL;
	for (i = 0; i < v->copy_count; i++) {
		c = &v->copies[i];
		if (c->id == m->copy)
			*source = c;
		/* what a restore left for some days gives way */
		if (strcmp(c->tier, m->to) == 0 && c->until_us == 0)
			there = 1;
	}
	if (v->bucket_id != b->id || v->key_len != m->key_len ||
	    memcmp(v->key, m->key, m->key_len) != 0 ||
	    (m->version[0] != '\0' && strcmp(m->version, v->version_id) != 0))
		return vt_fail(err, VT_PRECONDITION, "the plan's version %lld "
		    "is not of this bucket and key", (long long)m->seq);
	if (to == NULL)
		return vt_fail(err, VT_INVALID, "no tier '%.32s' is configured",
		    m->to);
	if (there && *source == NULL)
		return vt_fail(err, VT_EXISTS, "is on '%s' already", m->to);
	if (there)
		return vt_fail(err, VT_PRECONDITION,
		    "has a copy on '%s' already", m->to);
	if (*source == NULL)
		return vt_fail(err, VT_PRECONDITION,
		    "the copy that was to move is no longer there");
	if (strcmp((*source)->tier, m->from) != 0)
		return vt_fail(err, VT_PRECONDITION,
		    "the copy is on '%s' and not on '%.32s'",
		    (*source)->tier, m->from);
	if (m->not_after_us != 0 &&
	    vt_clock_now_us(o->clock) > m->not_after_us)
		return vt_fail(err, VT_PRECONDITION, "the plan is too old");
	if (m->generation != 0 && m->generation != v->generation)
		return vt_fail(err, VT_PRECONDITION,
		    "the version was changed after the plan");
	if (m->bucket_generation != 0 &&
	    m->bucket_generation != b->generation)
		return vt_fail(err, VT_PRECONDITION,
		    "the bucket's rules were changed after the plan");
	if (v->pin[0] != '\0' && strcmp(v->pin, m->to) != 0)
		return vt_fail(err, VT_PRECONDITION, "is pinned to '%s'",
		    v->pin);
	for (i = 0; i < (*source)->extent_count; i++)
		if (!(*source)->extents[i].blob.owned)
			return vt_fail(err, VT_PRECONDITION,
			    "its bytes were adopted and are not ours to "
			    "remove");
	return VT_OK;
}

int
vt_migrate_needs_restore(const struct vt_migrate_options *o, const char *tier)
{
	struct vt_backend *b = vt_tiers_backend(o->tiers, tier);

	return b != NULL && vt_backend_caps(b)->restore;
}

/* As the swap asks for locked versions, but before the bytes are written. */
static enum vt_code
check_lock(const struct vt_migrate_options *o, const struct vt_move *m,
    const struct vt_version *v, struct vt_err *err)
{
	if (v->size_bytes == 0 || !vt_migrate_needs_restore(o, m->to) ||
	    (v->legal_hold != VT_HOLD_ON && (v->lock_mode == VT_LOCK_NONE ||
	    v->retain_until_us <= vt_clock_now_us(o->lock_clock != NULL ?
	    o->lock_clock : o->clock))))
		return VT_OK;
	return vt_fail(err, VT_PRECONDITION, "the version is locked: a copy "
	    "of it goes only when the new one was read back, which '%s' does "
	    "not do without a restore", m->to);
}

/* What policies say of the target, as they are now. */
static enum vt_code
check_place(const struct vt_migrate_options *o, const struct vt_move *m,
    const struct vt_place *place, struct vt_err *err)
{
	char text[VT_PLACE_TEXT];
	size_t i;

	for (i = 0; i < o->config->tier_count; i++)
		if (strcmp(o->config->tier[i].name, m->to) == 0 &&
		    !vt_place_allows(place, i))
			return vt_fail(err, VT_DENIED, "%s", vt_place_why(
			    o->config->places, place, i, text));
	return VT_OK;
}

/* What the bucket's lifecycle rules say of the target, as they are now: a
 * move is not to come before its day, nor to undo a transition. */
static enum vt_code
check_rules(const struct vt_migrate_options *o, const struct vt_move *m,
    const struct vt_bucket *b, const struct vt_version *v,
    const struct vt_place *place, struct vt_err *err)
{
	struct vt_rules *own = NULL, *rules = o->rules;
	const struct vt_lifecycle *lc;
	const char *classes[VT_TIERS_MAX];
	char text[VT_RULES_TEXT];
	struct vt_standing st;
	struct vt_lc_subject s;
	struct vt_bounds bounds;
	enum vt_code rc;
	size_t n, i;

	if (!((b->docs >> VT_DOC_LIFECYCLE) & 1))
		return VT_OK;
	if (rules == NULL)
		rules = own = vt_rules_new(o->catalog, o->config);
	if (rules == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_rules_of(rules, b, &lc, err);
	if (rc == VT_OK && lc != NULL)
		rc = vt_catalog_standing(o->catalog, v, &st, err);
	if (rc == VT_OK && lc != NULL) {
		n = vt_rules_classes(o->config, classes);
		vt_place_classes(place, classes, n, classes);
		vt_rules_version(v, &st, &s);
		vt_rules_bounds(lc, &s, classes, n, vt_clock_now_us(o->clock),
		    &bounds);
		for (i = 0; i < n; i++)
			if (strcmp(o->config->tier[i].name, m->to) == 0 &&
			    bounds.barred[i]) {
				vt_rules_barred_text(&bounds,
				    o->config->tier[i].storage_class, text);
				rc = vt_fail(err, VT_PRECONDITION, "%s",
				    text);
			}
	}
	vt_rules_free(own);
	return rc;
}

/* Read `size` bytes of `r` to its end, giving the blocks to `w` or to memory,
 * and close it. */
static enum vt_code
pump(const struct vt_migrate_options *o, struct vt_copy_reader *r,
    uint64_t size, struct vt_blob_writer *w, char *memory, struct vt_err *err)
{
	char *block = malloc(BLOCK);
	size_t got;
	uint64_t done = 0;
	enum vt_code rc = VT_OK;

	if (block == NULL)
		rc = vt_fail(err, VT_NOMEM, "out of memory");
	while (rc == VT_OK && done < size) {
		got = size - done < BLOCK ? (size_t)(size - done) : BLOCK;
		if (o->pace != NULL && o->pace(o->pace_ctx, got) != 0) {
			rc = vt_fail(err, VT_CANCELLED, "interrupted");
			break;
		}
		rc = vt_copy_reader_read(r, block, BLOCK, &got, err);
		if (rc != VT_OK)
			break;
		if (w != NULL)
			rc = vt_blob_writer_write(w, block, got, err);
		else if (memory != NULL)
			memcpy(memory + done, block, got);
		done += got;
	}
	vt_copy_reader_close(r);
	free(block);
	return rc;
}

/* Read from `r`, of a copy or of one extent, and write a blob of `size` bytes
 * to `tier`, with this note: n->x[n->count]. */
static enum vt_code
write_blob(const struct vt_migrate_options *o, const struct vt_move *m,
    struct vt_copy_reader *r, uint64_t size, const struct vt_blob_form *form,
    const struct vt_note *note, int is_inline, struct vt_arena *a,
    struct vt_new_copy *n, struct vt_move_result *out, struct vt_err *err)
{
	struct vt_blob_writer *w = NULL;
	char *memory = NULL;
	enum vt_code rc;

	if (is_inline) {
		memory = malloc((size_t)size);
		n->memory[n->count] = memory;
		if (memory == NULL) {
			vt_copy_reader_close(r);
			return vt_fail(err, VT_NOMEM, "out of memory");
		}
		rc = pump(o, r, size, NULL, memory, err);
		if (rc == VT_OK)
			rc = vt_blob_inline_as(o->tiers, m->to, memory,
			    (size_t)size, form, a, &n->x[n->count], err);
	} else {
		rc = vt_blob_writer_open(o->tiers, m->to, m->bucket,
		    m->key, m->key_len, size, form, &w, err);
		if (rc != VT_OK) {
			vt_copy_reader_close(r);
			return rc;
		}
		rc = pump(o, r, size, w, NULL, err);
		if (rc == VT_OK)
			rc = vt_blob_writer_note(w, note, err);
		if (rc != VT_OK) {
			vt_blob_writer_abort(w);
			return rc;
		}
		out->backend_requests++;
		rc = vt_blob_writer_commit(w, a, &n->x[n->count], err);
	}
	n->count += rc == VT_OK;
	return rc;
}

/* What was written is what was read (P5). */
static enum vt_code
arrived(const struct vt_move *m, const struct vt_blob *b, uint64_t crc64,
    uint64_t size, struct vt_err *err)
{
	if (b->crc64 == crc64 && b->size_bytes == size)
		return VT_OK;
	return vt_fail(err, VT_CORRUPT, "what arrived on '%s' is not what "
	    "was read", m->to);
}

/* Bytes that a client had encrypted stay as they are: no key is needed. */
static int
is_opaque(const struct vt_version *v, const struct vt_copy *c)
{
	if (*v->sse == '\0')
		return 0;
	for (size_t i = 0; i < c->extent_count; i++)
		if (*c->extents[i].blob.transform == '\0')
			return 0;
	return 1;
}

/*
 * The stored bytes of each extent as a blob of its own, without a key: the
 * form stays, and with it the id that the blob was born with.
 */
static enum vt_code
write_stored(const struct vt_migrate_options *o, const struct vt_move *m,
    const struct vt_version *v, const struct vt_copy *source, int is_inline,
    struct vt_arena *a, struct vt_new_copy *n, struct vt_move_result *out,
    struct vt_err *err)
{
	uint64_t offset = 0;
	struct vt_note note;
	enum vt_code rc = VT_OK;

	for (size_t i = 0; i < source->extent_count && rc == VT_OK; i++) {
		const struct vt_extent *e = &source->extents[i];
		struct vt_blob_form form = {
		    .transform = e->blob.transform,
		    .plain_bytes = e->plain_length };
		struct vt_copy_reader *r;

		rc = vt_stored_reader_open(o->tiers, e, &r, err);
		if (rc != VT_OK)
			break;
		out->backend_requests++;
		vt_note_of_version(m->bucket, v, offset, e->plain_length,
		    source->extent_count == 1 ? v->crc64 : 0, &note);
		offset += e->plain_length;
		rc = write_blob(o, m, r, e->length, &form, &note, is_inline,
		    a, n, out, err);
		if (rc == VT_OK)
			n->x[n->count - 1].form_of = e->blob.id;
		if (rc == VT_OK && e->length == e->blob.size_bytes)
			rc = arrived(m, &n->x[n->count - 1].e.blob,
			    e->blob.crc64, e->length, err);
	}
	return rc;
}

/* Write the new copy of a version: extents for each of the source's when a
 * client had its bytes encrypted, else one. */
static enum vt_code
write_copy(const struct vt_migrate_options *o, const struct vt_move *m,
    const struct vt_version *v, const struct vt_copy *source,
    struct vt_arena *a, struct vt_new_copy *n, struct vt_move_result *out,
    struct vt_err *err)
{
	const struct vt_tier *to = vt_tiers_tier(o->tiers, m->to), *placed;
	size_t max = source->extent_count + 1;
	struct vt_copy_reader *r;
	struct vt_note note;
	int is_inline = 0;
	enum vt_code rc;

	/* that it may lie there was asked before */
	rc = vt_tiers_place(o->tiers, NULL, to->storage_class, v->size_bytes,
	    &placed, &is_inline, err);
	if (rc != VT_OK)
		return rc;
	is_inline = is_inline && placed == to;
	n->x = vt_arena_alloc(a, max * sizeof(*n->x));
	n->memory = vt_arena_alloc(a, max * sizeof(*n->memory));
	if (n->x == NULL || n->memory == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	memset(n->memory, 0, max * sizeof(*n->memory));
	n->max = max;
	if (is_opaque(v, source))
		return write_stored(o, m, v, source, is_inline, a, n, out,
		    err);
	rc = vt_copy_reader_open(o->tiers, v, source, 0, v->size_bytes, &r,
	    err);
	if (rc != VT_OK)
		return rc;
	out->backend_requests += source->extent_count;
	vt_note_of_version(m->bucket, v, 0, v->size_bytes, v->crc64, &note);
	rc = write_blob(o, m, r, v->size_bytes, NULL, &note, is_inline, a, n,
	    out, err);
	/* of other bytes the reader knows, who reads them back */
	if (rc == VT_OK && *n->x[0].e.blob.transform == '\0')
		rc = arrived(m, &n->x[0].e.blob, vt_crc_known(v) ? v->crc64 :
		    n->x[0].e.blob.crc64, v->size_bytes, err);
	return rc;
}

void
vt_new_copy_discard(struct vt_tiers *t, struct vt_new_copy *n)
{
	for (size_t i = 0; i < n->count; i++)
		vt_blob_discard(t, &n->x[i]);
	n->count = 0;
}

void
vt_new_copy_release(struct vt_new_copy *n)
{
	for (size_t i = 0; i < n->max; i++)
		free(n->memory[i]);
	n->max = 0;
}

enum vt_code
vt_migrate_verify_there(const struct vt_migrate_options *o,
    const struct vt_blob *b, struct vt_err *err)
{
	struct vt_backend_head head;
	enum vt_code rc;

	rc = vt_backend_head(vt_tiers_backend(o->tiers, b->tier), b->name,
	    &head, err);
	if (rc == VT_OK && head.size_bytes != b->size_bytes)
		rc = vt_fail(err, VT_CORRUPT, "'%s' on '%s' has %llu bytes "
		    "instead of %llu", b->name, b->tier,
		    (unsigned long long)head.size_bytes,
		    (unsigned long long)b->size_bytes);
	return rc;
}

/* Read one blob back, against the checksum it was written with; one that is
 * transformed on the way here also through that, against the version's. */
static enum vt_code
verify_blob(const struct vt_migrate_options *o, const struct vt_version *v,
    int opaque, const struct vt_extent *e, struct vt_err *err)
{
	struct vt_copy c = { .tier = e->blob.tier, .extents = e,
	    .extent_count = 1 };
	struct vt_copy_reader *r;
	enum vt_code rc;

	if (opaque || *e->blob.transform == '\0') {
		rc = vt_stored_reader_open(o->tiers, e, &r, err);
		return rc == VT_OK ? pump(o, r, e->length, NULL, NULL, err) :
		    rc;
	}
	rc = vt_copy_reader_open(o->tiers, v, &c, 0, v->size_bytes, &r, err);
	return rc == VT_OK ? pump(o, r, v->size_bytes, NULL, NULL, err) : rc;
}

/* Read it back whole. */
/*
 * Was the copy compared with a digest as the tier stored it?  To read it back
 * would tell no more, and cost what the provider takes for reads.  What is
 * locked is read all the same, and what was transformed on the way here.
 */
static int
was_compared(const struct vt_migrate_options *o, const struct vt_version *v,
    const struct vt_blob *b)
{
	struct vt_backend *be = vt_tiers_backend(o->tiers, b->tier);

	return be != NULL && vt_backend_caps(be)->compares &&
	    *b->transform == '\0' && v->lock_mode == VT_LOCK_NONE &&
	    v->legal_hold != VT_HOLD_ON;
}

static enum vt_code
verify(const struct vt_migrate_options *o, const struct vt_version *v,
    int opaque, const struct vt_new_copy *n, struct vt_move_result *out,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;

	for (size_t i = 0; i < n->count && rc == VT_OK; i++) {
		if (n->x[i].e.blob.is_inline ||
		    was_compared(o, v, &n->x[i].e.blob))
			continue;
		if (vt_migrate_needs_restore(o, n->x[i].e.blob.tier))
			rc = vt_migrate_verify_there(o, &n->x[i].e.blob, err);
		else
			rc = verify_blob(o, v, opaque, &n->x[i].e, err);
		out->backend_requests++;
	}
	if (rc != VT_OK)
		vt_err_prefix(err, "verifying the new copy");
	return rc;
}

enum vt_code
vt_migrate_copy(const struct vt_migrate_options *o, const char *bucket,
    const struct vt_version *v, const struct vt_copy *source,
    const char *tier, struct vt_arena *a, struct vt_new_copy *n,
    struct vt_move_result *out, struct vt_err *err)
{
	struct vt_move m = { .bucket = bucket, .key = v->key,
	    .key_len = v->key_len, .to = tier };
	enum vt_code rc;

	memset(n, 0, sizeof(*n));
	if (v->size_bytes == 0)
		return VT_OK;
	rc = write_copy(o, &m, v, source, a, n, out, err);
	/* Before anything points to it. */
	if (rc == VT_OK && !o->no_verify)
		rc = verify(o, v, is_opaque(v, source), n, out, err);
	if (rc != VT_OK) {
		vt_new_copy_discard(o->tiers, n);
		vt_new_copy_release(n);
	}
	return rc;
}

/* Days that an archive keeps what it brought back: a move that was asked for
 * at night comes by again. */
#define WAIT_DAYS 3

enum vt_code
vt_migrate_ask_archive(const struct vt_migrate_options *o,
    const struct vt_copy *source, struct vt_err *err)
{
	const struct vt_blob *blob;
	struct vt_backend *b;
	enum vt_code rc;
	size_t i;

	for (i = 0; i < source->extent_count; i++) {
		blob = &source->extents[i].blob;
		b = blob->is_inline ? NULL :
		    vt_tiers_backend(o->tiers, blob->tier);
		if (b == NULL || !vt_backend_caps(b)->restore)
			continue;
		rc = vt_backend_restore(b, blob->name, WAIT_DAYS, VT_BULK,
		    err);
		if (rc != VT_OK && rc != VT_BUSY)
			return rc;
	}
	return vt_fail(err, VT_BUSY, "is being restored from '%s'",
	    source->tier);
}

enum vt_code
vt_migrate_tell(const struct vt_migrate_options *o, const struct vt_bucket *b,
    const struct vt_version *v, const char *to, struct vt_arena *a,
    const struct vt_cat_event **out, size_t *count, struct vt_err *err)
{
	struct vt_cat_event *events = NULL;
	const char *detail;

	detail = vt_arena_printf(a, ",\"lifecycleEventData\":"
	    "{\"transitionEventData\":{\"destinationStorageClass\":\"%s\"}}",
	    vt_tiers_tier(o->tiers, to)->storage_class);
	if (detail == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	*count = 0;
	if (vt_notify_version(o->catalog, a, b, v, "LifecycleTransition",
	    detail, &events, count, err) != VT_OK)
		return err->code;
	*out = events;
	return VT_OK;
}

/* What a copy's plain blobs add up to; 0: it has others. */
static uint64_t
crc_of(const struct vt_new_copy *n)
{
	const struct vt_blob *b;
	uint64_t crc = 0;
	size_t i;

	for (i = 0; i < n->count; i++) {
		b = &n->x[i].e.blob;
		if (*b->transform != '\0')
			return 0;
		crc = i == 0 ? b->crc64 : vt_crc_combine(VT_CRC64NVME, crc,
		    b->crc64, b->size_bytes);
	}
	return crc;
}

enum vt_code
vt_migrate_check(const struct vt_migrate_options *o, const struct vt_move *m,
    struct vt_arena *a, struct vt_subject *s, enum vt_move_status *status,
    struct vt_err *err)
{
	const struct vt_place *place;
	enum vt_code rc;

	memset(s, 0, sizeof(*s));
	*status = VT_MOVE_FAILED;
	rc = vt_catalog_bucket(o->catalog, a, m->bucket, &s->bucket, err);
	if (rc == VT_OK)
		rc = vt_catalog_lookup_seq(o->catalog, a, m->seq, 1, &s->v,
		    err);
	if (rc == VT_ABSENT)
		rc = vt_fail(err, VT_ABSENT, "the version is gone");
	if (rc == VT_OK)
		rc = check_move(o, m, &s->bucket, s->v, &s->source, err);
	if (rc == VT_EXISTS)
		*status = VT_MOVE_ALREADY;
	if (rc == VT_OK)
		rc = check_lock(o, m, s->v, err);
	if (rc == VT_OK) {
		place = vt_places_find(o->config->places, s->bucket.name,
		    s->v->key, s->v->key_len);
		rc = check_place(o, m, place, err);
		if (rc == VT_OK)
			rc = vt_replica_keeps(o->config, place, s->v,
			    s->source, m->to, s->others, &s->other_count,
			    err);
		s->copies = place != NULL ? place->copies : 1;
		if (rc != VT_OK)
			*status = VT_MOVE_REFUSED;
		else
			rc = check_rules(o, m, &s->bucket, s->v, place, err);
	}
	if (rc == VT_PRECONDITION || rc == VT_ABSENT)
		*status = VT_MOVE_SKIPPED;
	if (rc == VT_OK)
		*status = VT_MOVE_DONE;
	return rc;
}

void
vt_migrate_swap(const struct vt_migrate_options *o,
    const struct vt_subject *s, const char *to, struct vt_cat_swap *out)
{
	memset(out, 0, sizeof(*out));
	out->seq = s->v->seq;
	out->source_copy_id = s->source->id;
	out->version_generation = s->v->generation;
	out->bucket_generation = s->bucket.generation;
	out->drop_source = 1;
	out->min_copies = s->copies;
	memcpy(out->others, s->others, sizeof(out->others));
	out->other_count = s->other_count;
	out->verified = !o->no_verify && !vt_migrate_needs_restore(o, to);
	out->tier = to;
	out->grace_ms = o->grace_ms;
}

/* Bytes that were written already: as vt_migrate_copy leaves them. */
static enum vt_code
take_copy(const struct vt_migrate_options *o, const struct vt_move *m,
    const struct vt_version *v, const struct vt_new_copy *n,
    struct vt_move_result *out, struct vt_err *err)
{
	enum vt_code rc = VT_OK;

	if (n->count != 1 || !vt_crc_known(v))
		return vt_fail(err, VT_INVALID, "what was written cannot be "
		    "compared with the version");
	if (*n->x[0].e.blob.transform == '\0')
		rc = arrived(m, &n->x[0].e.blob, v->crc64, v->size_bytes,
		    err);
	return rc == VT_OK && !o->no_verify ? verify(o, v, 0, n, out, err) :
	    rc;
}

/* `given`: the new copy, when it is there already, or NULL. */
static enum vt_code
carry_out(const struct vt_migrate_options *o, const struct vt_move *m,
    const struct vt_new_copy *given, struct vt_move_result *out,
    struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(64 << 20);
	struct vt_subject s;
	struct vt_new_copy n;
	struct vt_cat_op op;
	enum vt_code rc;

	memset(&n, 0, sizeof(n));
	if (given != NULL)
		n = *given;
	out->status = VT_MOVE_FAILED;
	/* what is to go into a pack was not weighed for going alone */
	if (m->action != NULL && *m->action != '\0')
		rc = vt_fail(err, VT_INVALID, "'%.32s' is no move", m->action);
	else if (a == NULL)
		rc = vt_fail(err, VT_NOMEM, "out of memory");
	else
		rc = vt_migrate_check(o, m, a, &s, &out->status, err);
	if (rc == VT_EXISTS && out->status == VT_MOVE_ALREADY)
		rc = VT_OK;
	if (rc != VT_OK || out->status == VT_MOVE_ALREADY || o->dry_run)
		goto out;
	out->status = VT_MOVE_FAILED;
	rc = given != NULL ? take_copy(o, m, s.v, &n, out, err) :
	    vt_migrate_copy(o, m->bucket, s.v, s.source, m->to, a, &n, out,
	    err);
	if (rc == VT_NEEDS_RESTORE) {
		rc = vt_migrate_ask_archive(o, s.source, err);
		if (rc == VT_BUSY)
			out->status = VT_MOVE_WAITING;
	}
	if (rc != VT_OK)
		goto out;
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_SWAP;
	vt_migrate_swap(o, &s, m->to, &op.u.swap);
	/* inline bytes were checked in memory, an empty object has none */
	if (n.count == 0 || n.x[0].e.blob.is_inline)
		op.u.swap.verified = 1;
	if (!vt_crc_known(s.v))
		op.u.swap.crc64 = crc_of(&n);
	op.u.swap.extents = n.x;
	op.u.swap.extent_count = n.count;
	rc = vt_migrate_tell(o, &s.bucket, s.v, m->to, a, &op.events,
	    &op.event_count, err);
	if (rc != VT_OK)
		goto out;
	rc = vt_catalog_run(o->catalog, &op, err);
	if (rc == VT_OK) {
		out->status = VT_MOVE_DONE;
		out->copy_id = op.u.swap.copy_id;
		out->bytes = s.v->size_bytes;
		n.count = 0;
	}
out:
	vt_new_copy_discard(o->tiers, &n);
	if (rc == VT_PRECONDITION || rc == VT_ABSENT)
		out->status = VT_MOVE_SKIPPED;
	vt_new_copy_release(&n);
	vt_arena_free(a);
	return rc;
}

enum vt_code
vt_migrate_move(const struct vt_migrate_options *o, const struct vt_move *m,
    struct vt_move_result *out, struct vt_err *err)
{
	memset(out, 0, sizeof(*out));
	return carry_out(o, m, NULL, out, err);
}

enum vt_code
vt_migrate_take(const struct vt_migrate_options *o, const struct vt_move *m,
    const struct vt_new_copy *n, struct vt_move_result *out,
    struct vt_err *err)
{
	return carry_out(o, m, n, out, err);
}
