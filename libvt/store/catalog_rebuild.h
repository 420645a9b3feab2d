/*
 * What a rebuild and a verification want of the catalog and nobody else does:
 * whose child it is, what a snapshot was in the middle of, a new identity, and
 * every name that is spoken for.
 */
#ifndef VT_STORE_CATALOG_REBUILD_H
#define VT_STORE_CATALOG_REBUILD_H

#include "libvt/store/catalog.h"

/* 1: it is the catalog's own incarnation, or one that it was rebuilt from; 0
 * also when it cannot be read. */
int vt_catalog_descends(struct vt_catalog *c, uint64_t incarnation);

/* What a catalog was in the middle of: ids that may have become blobs after
 * it was copied.  In arena memory. */
struct vt_id_block {
	uint64_t first, count;
};
enum vt_code vt_catalog_open_ids(struct vt_catalog *c, struct vt_arena *a,
    uint64_t *next_blob, struct vt_id_block **leases, size_t *count,
    struct vt_err *err) VT_MUST_CHECK;

/*
 * Give the catalog in the file `path`, which nobody has open, another
 * identity: a new incarnation, the former one remembered; ids of blobs, copies
 * and versions beyond all that can have been used (P4); no leases and no
 * intents, whose names belong to the former one.
 */
enum vt_code vt_catalog_reborn(const char *path, struct vt_err *err)
    VT_MUST_CHECK;

/* Names of blobs that are garbage on a tier. */
enum vt_code vt_catalog_garbage_names(struct vt_catalog *c, const char *tier,
    int (*visit)(void *ctx, const char *name), void *ctx,
    struct vt_err *err) VT_MUST_CHECK;

/* Blobs of a tier with ids over `after`, in order, at most 1,000, with all
 * they have but inline bytes; none: there are no more. */
enum vt_code vt_catalog_blob_page(struct vt_catalog *c, const char *tier,
    uint64_t after, struct vt_arena *a, struct vt_blob **out, size_t *count,
    struct vt_err *err) VT_MUST_CHECK;

/* A copy of a version that has bytes of one of some blobs. */
struct vt_blob_user {
	uint64_t blob_id;
	int64_t copy_id, seq;	/* seq 0: it is a part of an upload */
	char upload_id[VT_ID_LEN + 1];	/* that one, when it is in progress */
};
/* Of `count` blobs, ids rising, those who use them, in no order; one walk over
 * all extents. */
enum vt_code vt_catalog_blob_users(struct vt_catalog *c, const uint64_t *ids,
    size_t count, int (*visit)(void *ctx, const struct vt_blob_user *u),
    void *ctx, struct vt_err *err) VT_MUST_CHECK;

/*
 * Names found on tiers, in a scratch file, so that memory does not grow with
 * the store.  Not for threads to share; nothing in it survives a crash, and
 * nobody reads it then.
 */
struct vt_scratch;
/* Replaces `path`, which is removed again by close. */
enum vt_code vt_scratch_open(const char *path, struct vt_scratch **out,
    struct vt_err *err) VT_MUST_CHECK;
void vt_scratch_close(struct vt_scratch *s);
/* A name was found on a tier. */
enum vt_code vt_scratch_seen(struct vt_scratch *s, const char *tier,
    const char *name, uint64_t size_bytes, int64_t mtime_us,
    struct vt_err *err) VT_MUST_CHECK;
/* The name is spoken for; *size_bytes as it was found; VT_ABSENT: it was
 * not. */
enum vt_code vt_scratch_claim(struct vt_scratch *s, const char *tier,
    const char *name, uint64_t *size_bytes, struct vt_err *err)
    VT_MUST_CHECK;
/* Remember a number / was it remembered? / those over `after`, rising, at most
 * `max`. */
enum vt_code vt_scratch_mark(struct vt_scratch *s, uint64_t id,
    struct vt_err *err) VT_MUST_CHECK;
int vt_scratch_is_marked(struct vt_scratch *s, uint64_t id);
enum vt_code vt_scratch_marked(struct vt_scratch *s, uint64_t after,
    uint64_t *ids, size_t max, size_t *count, struct vt_err *err)
    VT_MUST_CHECK;

/* What a name's note says, as far as it decides the order of work. */
struct vt_scratch_row {
	const char *tier, *name, *upload;	/* "": of no upload */
	uint64_t size_bytes;
	int64_t mtime_us;	/* of the name on the tier */
	int64_t written_us;
	uint64_t blob_id;
	int64_t seq;		/* of the version, 0: not known */
	uint64_t offset;	/* of a version's bytes */
	uint32_t part_number;
	int is_group;		/* stands for a version's, or an upload's,
				   other rows */
	const char *detail;	/* of a pack's member what its index says;
				   NULL: of none */
};
/* Nobody has claimed these: `visit` returns 0 to go on (else VT_CANCELLED) and
 * may add rows; of each tier, name, size_bytes and mtime_us are set. */
typedef int vt_scratch_visit(void *ctx, const struct vt_scratch_row *row);
enum vt_code vt_scratch_unclaimed(struct vt_scratch *s,
    vt_scratch_visit *visit, void *ctx, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_scratch_add(struct vt_scratch *s,
    const struct vt_scratch_row *row, struct vt_err *err) VT_MUST_CHECK;
/* Rows of one version, or of one upload, by offset or part, then time. */
enum vt_code vt_scratch_pieces(struct vt_scratch *s, const char *upload,
    int64_t seq, vt_scratch_visit *visit, void *ctx, struct vt_err *err)
    VT_MUST_CHECK;
enum vt_scratch_order {
	VT_SCRATCH_WHOLE,	/* of no version, and whole: by time */
	VT_SCRATCH_MOVED,	/* of versions: by seq, tier, offset, time */
	VT_SCRATCH_PARTS	/* by upload, part, time */
};
enum vt_code vt_scratch_rows(struct vt_scratch *s,
    enum vt_scratch_order order, vt_scratch_visit *visit, void *ctx,
    struct vt_err *err) VT_MUST_CHECK;

#endif
