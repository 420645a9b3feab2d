/*
 * Versions made anew from what lies on the tiers: names are listed, those that
 * the catalog speaks of are set aside, the notes of the others are read, and
 * what they prove becomes versions again, in the order in which it was
 * written.  What a rebuild and a salvage share; rebuild.h and salvage.h are
 * what commands call.
 */
#ifndef VT_WORK_RECREATE_H
#define VT_WORK_RECREATE_H

#include "libvt/store/catalog_rebuild.h"
#include "libvt/work/note.h"
#include "libvt/work/tiers.h"

#define VT_RECREATE_ARENA ((size_t)64 << 20)	/* of one version at most */

/* Something a person should know of; strings are borrowed during the call and
 * NULL where they say nothing. */
struct vt_finding {
	const char *what;	/* one word or two, of a manual page */
	const char *bucket, *key, *version, *tier, *name, *upload, *why;
	size_t key_len;
	uint64_t size_bytes;
	int64_t time_us;	/* 0: none */
};

struct vt_recreate_result {
	uint64_t added;		/* versions, bytes that were not known */
	uint64_t moved;		/* copies found where they had moved to */
	uint64_t parts;		/* put back into their uploads */
	uint64_t lost;		/* versions without bytes, removed */
	uint64_t copies_lost;	/* of versions that have others */
	uint64_t unproved;	/* names whose bytes could not be proved */
	uint64_t former;	/* names that were dead at the snapshot */
	uint64_t foreign;	/* names without a note, or of others */
	uint64_t unneeded;	/* more copies of what there is */
};

struct vt_found_pack;
struct vt_recreate {
	struct vt_catalog *catalog;
	struct vt_tiers *tiers;
	const struct vt_config *config;
	const struct vt_clock *clock;
	struct vt_scratch *scratch;
	void (*tell)(void *ctx, const struct vt_finding *f);
	void *tell_ctx;
	int (*stop)(void *ctx);	/* not 0: VT_CANCELLED; may be NULL */
	void *stop_ctx;
	/* Which unclaimed names count: 1 yes, 0 no, having counted why. */
	int (*wanted)(struct vt_recreate *r, const struct vt_note *n);
	/* A salvage: all into this bucket, or with "" into one for each; NULL:
	 * a rebuild, into the bucket of the note. */
	const char *into;
	int dry_run;		/* tell, change nothing */
	const struct vt_id_block *open_ids;	/* of a rebuild: see wanted */
	size_t open_count;
	uint64_t incarnation, next_blob;
	int64_t since_us;
	/* blobs that a tier should have which has none of them, nor any
	 * other of this store; names of a tier that are this store's */
	uint64_t is_empty[VT_TIERS_MAX], ours[VT_TIERS_MAX];
	uint64_t related;	/* an incarnation that the catalog was, too */
	struct vt_found_pack *packs;	/* see recreate_pack.c */
	struct vt_recreate_result n;
	enum vt_code failed;	/* of a visit */
	struct vt_err err;
};

/* 1: a catalog made the name, ".../<blob>-<incarnation>" of 16 digits of hex
 * each, and which. */
int vt_name_incarnation(const char *name, uint64_t *out);
/* 1 when it was asked to stop, with r->failed set. */
int vt_recreate_stopped(struct vt_recreate *r);
/* List all tiers into the scratch file.  A tier that cannot be listed whole
 * fails: what it has must not be taken for lost. */
enum vt_code vt_recreate_list(struct vt_recreate *r, struct vt_err *err)
    VT_MUST_CHECK;
/*
 * Set aside what the catalog speaks of, garbage too.  `gone` is told of each
 * blob that is not there, or not of its size; not 0 stops.  Of tiers that have
 * none of what they should r->is_empty is set.
 */
enum vt_code vt_recreate_claim(struct vt_recreate *r,
    int (*gone)(void *ctx, const struct vt_blob *b), void *ctx,
    struct vt_err *err) VT_MUST_CHECK;
/* Read the notes of all other names. */
enum vt_code vt_recreate_notes(struct vt_recreate *r, struct vt_err *err)
    VT_MUST_CHECK;

/* The names that hold one copy of a version, or one part, in order. */
struct vt_pieces {
	const char *tier;
	struct {
		char *name;
		uint64_t size_bytes;
		uint32_t part_number;
	} *p;
	size_t count, cap;
};
/* May be repeated. */
void vt_pieces_release(struct vt_pieces *p);
int vt_pieces_add(struct vt_pieces *p, const struct vt_scratch_row *row);
/*
 * Prove the bytes of pieces that make up `v` (size_bytes, crc64), each by its
 * note and all by the checksum of the whole, and describe them as extents in
 * arena memory, with fresh ids.  VT_CORRUPT: they are not what they were;
 * VT_INVALID: they do not make it up; another code: it cannot be told.  After a
 * failure there is nothing to give back; else vt_extents_forget, when they
 * reach no row.
 */
enum vt_code vt_recreate_extents(struct vt_recreate *r,
    const struct vt_pieces *p, const struct vt_version *v,
    struct vt_arena *a, struct vt_cat_extent **out, struct vt_err *err)
    VT_MUST_CHECK;
void vt_extents_forget(struct vt_recreate *r, const struct vt_cat_extent *x,
    size_t count);

/*
 * Copies of versions: `known` is asked of each that the catalog has (0 to go
 * on); the others are kept for vt_recreate_objects.
 */
enum vt_code vt_recreate_moved(struct vt_recreate *r,
    int (*known)(struct vt_recreate *r, const struct vt_version *v,
    const struct vt_pieces *p), struct vt_err *err) VT_MUST_CHECK;
/* recreate_object.c: versions, oldest first. */
enum vt_code vt_recreate_objects(struct vt_recreate *r, struct vt_err *err)
    VT_MUST_CHECK;

/* recreate_pack.c: a row for each member of the pack that `seen` is. */
enum vt_code vt_recreate_pack(struct vt_recreate *r,
    const struct vt_scratch_row *seen, const struct vt_note *n,
    struct vt_err *err) VT_MUST_CHECK;
/* What such a row says, strings in `a`; and the range of the pack that holds
 * it.  VT_INVALID. */
enum vt_code vt_recreate_member(const struct vt_scratch_row *row,
    struct vt_arena *a, struct vt_note *out, uint64_t *offset,
    uint64_t *length, struct vt_err *err) VT_MUST_CHECK;
/*
 * The extents of that version, proved: codes as of vt_recreate_extents.  *count
 * is 0 of an empty object.  vt_recreate_packed, when a row refers to them.
 */
enum vt_code vt_recreate_packed_extents(struct vt_recreate *r,
    const struct vt_scratch_row *row, uint64_t offset, uint64_t length,
    const struct vt_version *v, struct vt_arena *a,
    struct vt_cat_extent **out, size_t *count, struct vt_err *err)
    VT_MUST_CHECK;
void vt_recreate_packed(struct vt_recreate *r,
    const struct vt_cat_extent *x);
/* May be repeated. */
void vt_recreate_packs_release(struct vt_recreate *r);
/* Read a whole version and compare, decrypting where that is possible. */
enum vt_code vt_recreate_prove(struct vt_recreate *r,
    const struct vt_version *v, const struct vt_cat_extent *x, size_t count,
    struct vt_arena *a, struct vt_err *err) VT_MUST_CHECK;
/* The checksum of what lies under a name, all of it. */
enum vt_code vt_recreate_sum(struct vt_recreate *r, struct vt_backend *b,
    const char *name, const char *token, uint64_t size, uint64_t *crc64,
    struct vt_err *err) VT_MUST_CHECK;
/* A copy of `v` that is gone, and has moved to `x`. */
enum vt_code vt_recreate_attach(struct vt_recreate *r,
    const struct vt_version *v, const struct vt_copy *broken,
    const char *tier, const struct vt_cat_extent *x, size_t count,
    struct vt_err *err) VT_MUST_CHECK;
/* A lasting copy of it some of whose blobs are marked as gone, or NULL. */
const struct vt_copy *vt_recreate_broken(struct vt_recreate *r,
    const struct vt_version *v);

void vt_recreate_tell(struct vt_recreate *r, const struct vt_finding *f);
/* What a visit returned: it was stopped by what is in r->failed, or has failed
 * itself. */
enum vt_code vt_recreate_visited(struct vt_recreate *r, enum vt_code rc,
    struct vt_err *err) VT_MUST_CHECK;

#endif
