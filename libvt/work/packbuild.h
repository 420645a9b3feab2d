/*
 * A pack that is being written to a tier, read back and put into the catalog.
 * Shared by migrate_pack.c and migrate_repack.c; included by them only.
 */
#ifndef VT_WORK_PACKBUILD_H
#define VT_WORK_PACKBUILD_H

#include "libvt/store/pack.h"
#include "libvt/work/migrate_internal.h"
#include "libvt/work/migrate_pack.h"

/* A frame in the pack, and what comes out of it. */
struct vt_pack_place {
	uint64_t offset, length;
	uint64_t plain_bytes;
	uint64_t crc64;
};

/* A version that is to refer to one. */
struct vt_pack_slot {
	struct vt_cat_swap swap;	/* without extents */
	size_t place;		/* SIZE_MAX: it is empty */
	size_t job;		/* the caller's */
	uint64_t size_bytes;
	enum vt_code code;	/* out */
	char *reason;		/* out, malloc'ed; NULL: none */
};

struct vt_pack_build {
	const struct vt_migrate_options *o;
	const char *to;
	struct vt_arena *a;
	struct vt_blob_writer *blob;
	struct vt_pack_writer *w;
	struct vt_pack_place *places;	/* in the order of offsets */
	struct vt_pack_slot *slots;
	size_t place_count, slot_count, max;
	struct vt_cat_extent whole;	/* the blob, once it is there */
	int is_there;
	struct vt_pack_sum sum;
	struct vt_pack_result *out;
};

/* `max`: slots and places.  VT_NOMEM. */
enum vt_code vt_pack_build_init(struct vt_pack_build *b,
    const struct vt_migrate_options *o, const char *to, size_t max,
    struct vt_arena *a, struct vt_pack_result *out, struct vt_err *err)
    VT_MUST_CHECK;
/* Begin the blob, when it has not been. */
enum vt_code vt_pack_build_open(struct vt_pack_build *b, const char *bucket,
    const char *prefix, size_t prefix_len, struct vt_err *err) VT_MUST_CHECK;
/* What the pack is to say of a version. */
void vt_pack_build_entry(const struct vt_bucket *bucket,
    const struct vt_version *v, int is_odd, struct vt_pack_entry *out);
/* Finish and commit the blob, and read it back (P5). */
enum vt_code vt_pack_build_commit(struct vt_pack_build *b,
    struct vt_err *err) VT_MUST_CHECK;
/* Swap the slots; each has its code then.  The blob is removed when none of
 * them may be. */
enum vt_code vt_pack_build_swap(struct vt_pack_build *b, struct vt_err *err)
    VT_MUST_CHECK;
/* Gives up what has not been swapped. */
void vt_pack_build_release(struct vt_pack_build *b);

/* A part of what a reader gives, for vt_pack_frame_read. */
struct vt_pack_span {
	const struct vt_migrate_options *o;
	struct vt_copy_reader *r;
	uint64_t left;
	/* called with each block, may be NULL */
	enum vt_code (*take)(void *ctx, const void *data, size_t len,
	    struct vt_err *err);
	void *ctx;
};
enum vt_code vt_pack_span_get(void *ctx, void *data, size_t len, size_t *got,
    struct vt_err *err) VT_MUST_CHECK;
/* Read the frame in it to its end, against its checksum. */
enum vt_code vt_pack_span_check(struct vt_pack_span *s,
    const struct vt_pack_place *p, struct vt_err *err) VT_MUST_CHECK;
/* Read what is left of it, and forget it. */
enum vt_code vt_pack_span_skip(struct vt_pack_span *s, struct vt_err *err)
    VT_MUST_CHECK;

#endif
