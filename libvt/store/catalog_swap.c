/* Swaps: what a move commits, unless somebody was faster (P3). */
#include <string.h>

#include "libvt/store/catalog_row.h"

/*
 * Whether the swap may be (P3): all that a concurrent PUT, DELETE, move, pin
 * or hold can change.  `there`: the copy that it takes the place of on its
 * tier.
 */
static enum vt_code
swap_check(struct vt_catalog *c, const struct vt_cat_swap *w,
    const struct vt_version *v, int64_t now_us, const struct vt_copy **source,
    const struct vt_copy **there, struct vt_err *err)
{
	int64_t generation;
	unsigned lasting = 0;
	int versioning;
	enum vt_code rc;
	size_t i;

	rc = vt_cat_bucket_state(c, v->bucket_id, &versioning, &generation,
	    err);
	if (rc != VT_OK)
		return rc;
	for (i = 0; i < v->copy_count; i++) {
		/* what a restore left for some days is no copy to count on */
		lasting += v->copies[i].until_us == 0;
		if (v->copies[i].id == w->source_copy_id &&
		    v->copies[i].until_us == 0)
			*source = &v->copies[i];
		if (strcmp(v->copies[i].tier, w->tier) == 0)
			*there = &v->copies[i];
	}
	if (!w->in_place && *there != NULL && (*there)->until_us == 0)
		return vt_fail(err, VT_PRECONDITION,
		    "the version has a copy on '%s' already", w->tier);
	if (*source == NULL || (w->in_place && *there != *source))
		return vt_fail(err, VT_PRECONDITION,
		    "the copy that was to move is no longer there");
	if (v->generation != w->version_generation)
		return vt_fail(err, VT_PRECONDITION,
		    "the version was changed meanwhile");
	if (generation != w->bucket_generation)
		return vt_fail(err, VT_PRECONDITION,
		    "the bucket's rules were changed meanwhile");
	if (v->pin[0] != '\0' && strcmp(v->pin, w->tier) != 0)
		return vt_fail(err, VT_PRECONDITION,
		    "the version is pinned to '%s'", v->pin);
	if (w->drop_source && !w->verified &&
	    (v->legal_hold == VT_HOLD_ON || (v->lock_mode != VT_LOCK_NONE &&
	    v->retain_until_us > vt_cat_lock_now(c, now_us))))
		return vt_fail(err, VT_PRECONDITION, "the version is locked: "
		    "a copy of it goes only when the new one was read back");
	if (lasting + 1 - (w->drop_source ? 1 : 0) <
	    (w->min_copies > 0 ? w->min_copies : 1))
		return vt_fail(err, VT_PRECONDITION,
		    "fewer than %u copies would be left", w->min_copies);
	return vt_cat_copies_there(v, w, err);
}

/* The copy's bytes lie elsewhere on its tier from now on. */
static enum vt_code
swap_in_place(struct vt_catalog *c, struct vt_cat_swap *w,
    const struct vt_version *v, const struct vt_copy *source, int64_t now_us,
    struct vt_err *err)
{
	int64_t tier;
	enum vt_code rc;

	/* some of the blobs may be those that the old copy refers to */
	rc = vt_cat_extents_take(c, w->extents, w->extent_count, v->size_bytes,
	    err);
	if (rc == VT_OK)
		rc = vt_cat_copy_drop(c, w->seq, source,
		    now_us + w->grace_ms * 1000, err);
	if (rc == VT_OK)
		rc = vt_cat_tier_id(c, w->tier, &tier, err);
	if (rc == VT_OK)
		rc = vt_cat_copy_add(c, v->seq, tier,
		    vt_cat_is_plain(w->extents, w->extent_count, v->size_bytes),
		    now_us, &w->copy_id, err);
	if (rc == VT_OK)
		rc = vt_cat_extents_add(c, w->copy_id, w->extents,
		    w->extent_count, err);
	return rc;
}

static enum vt_code
swap_to(struct vt_catalog *c, struct vt_cat_swap *w,
    const struct vt_version *v, const struct vt_copy *source,
    const struct vt_copy *there, int64_t now_us, struct vt_err *err)
{
	int64_t tier;
	enum vt_code rc = VT_OK;

	if (there != NULL) {
		rc = vt_cat_copy_drop(c, w->seq, there,
		    now_us + w->grace_ms * 1000, err);
		/* there is no restore any more, to be prolonged */
		if (rc == VT_OK)
			rc = run_i(c, ST_RESTORE_DEL, 1, w->seq, 0, 0,
			    "end a restore", err);
	}
	if (rc == VT_OK)
		rc = vt_cat_copy_put(c, v, w->tier, w->extents,
		    w->extent_count, now_us, &w->copy_id, err);
	if (rc == VT_OK && w->drop_source) {
		rc = vt_cat_copy_drop(c, w->seq, source,
		    now_us + w->grace_ms * 1000, err);
		if (rc == VT_OK)
			rc = vt_cat_tier_id(c, w->tier, &tier, err);
		if (rc == VT_OK)
			rc = run_i(c, ST_VERSION_TIER, 2, w->seq, tier, 0,
			    "move a version", err);
	}
	return rc;
}

enum vt_code
vt_cat_swap(struct vt_catalog *c, struct vt_cat_swap *w, int64_t now_us,
    int *has_changed, struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(VERSION_ARENA_MAX);
	struct vt_version *v = NULL;
	const struct vt_copy *source = NULL, *there = NULL;
	enum vt_code rc;

	*has_changed = 0;
	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_cat_read_seq(c, c->w, a, w->seq, 0, &v, err);
	if (rc == VT_ABSENT)
		rc = vt_fail(err, VT_ABSENT, "the version is gone");
	if (rc == VT_OK)
		rc = swap_check(c, w, v, now_us, &source, &there, err);
	if (rc != VT_OK)
		goto out;
	/* From here on the transaction changes. */
	*has_changed = 1;
	rc = w->in_place ? swap_in_place(c, w, v, source, now_us, err) :
	    swap_to(c, w, v, source, there, now_us, err);
	if (rc == VT_OK && w->crc64 != 0 && !vt_crc_known(v))
		rc = run_i(c, ST_VERSION_CRC, 2, w->seq, (int64_t)w->crc64, 0,
		    "note a checksum", err);
out:
	vt_arena_free(a);
	return rc;
}
