/*
 * Carrying out a pack of a plan: its members, copied into one blob that is
 * read back whole, are swapped in the catalog with the checks of a move each
 * (migrate.h).  And writing a pack anew that has lost many of its members.
 */
#ifndef VT_WORK_MIGRATE_PACK_H
#define VT_WORK_MIGRATE_PACK_H

#include "libvt/work/migrate.h"

#define VT_PACK_MEMBER_MAX (16u << 20)	/* bytes of one: it is held whole */

/* A member: a line of the plan, and what became of it. */
struct vt_pack_job {
	const struct vt_move *move;	/* borrowed */
	struct vt_move_result res;
	enum vt_code code;	/* as vt_migrate_move returns it */
	const char *reason;	/* in words, in the arena; NULL: none */
};

struct vt_pack_result {
	uint64_t blob_id;	/* 0: no pack came of it */
	uint64_t bytes;		/* that it is stored in */
	uint64_t members;	/* that were swapped */
	uint64_t member_bytes;	/* of those, before */
	uint64_t backend_requests;	/* for the pack itself */
};

/*
 * Pack `count` versions of `bucket` to the tier `to`.  `prefix`: what their
 * keys begin with, for the blob's name.  Versions that fail a check, that a
 * client had encrypted or that are larger than VT_PACK_MEMBER_MAX are left
 * out; when less than half of `size_bytes` (0: two members) is left, all are.
 * `jobs` is put in order.  Strings live in `a`.  Blocks.
 *
 * VT_OK: each job has its status; VT_CANCELLED: those without code and reason
 * are as they were; another code: the pack failed, and so did its jobs.
 */
enum vt_code vt_migrate_pack(const struct vt_migrate_options *o,
    const char *bucket, const char *to, const char *prefix,
    size_t prefix_len, uint64_t size_bytes, struct vt_pack_job *jobs,
    size_t count, struct vt_arena *a, struct vt_pack_result *out,
    struct vt_err *err) VT_MUST_CHECK;

/*
 * Write what lives of the pack `blob_id` on the tier `to` as a new one: of the
 * versions `seqs`, those whose copy there is a member of it.  The old pack is
 * read whole, with one request, and frames are taken over as they are.
 * VT_PRECONDITION: none of them is; VT_NEEDS_RESTORE.  Blocks.
 */
enum vt_code vt_migrate_repack(const struct vt_migrate_options *o,
    uint64_t blob_id, const char *to, const int64_t *seqs, size_t count,
    struct vt_pack_result *out, struct vt_err *err) VT_MUST_CHECK;

#endif
