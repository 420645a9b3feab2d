/*
 * Copies on several tiers, as policies ask for them (place.h): where the next
 * one goes, that a move leaves enough of them (P2), and making those that are
 * missing.
 */
#ifndef VT_WORK_REPLICATE_H
#define VT_WORK_REPLICATE_H

#include "libvt/work/migrate.h"

/* 1 << tier of those where the version has a copy that stays. */
uint32_t vt_replica_tiers(const struct vt_config *c,
    const struct vt_version *v);
/*
 * The tier for one more copy beside those on `have`, none of `without`: one
 * whose copy counts; of the class of tier `like` rather than of another,
 * readable at once rather than not.  SIZE_MAX: there is none.
 */
size_t vt_replica_next(const struct vt_config *c, const struct vt_place *w,
    uint32_t have, uint32_t without, size_t like);

/*
 * May `source` go when there is a copy on `to` instead?  VT_DENIED: not as
 * many would be left, or not at as many places, as the policy asks for.  The
 * ids of the other copies that this was decided by, which the swap has to find
 * again, go into `others`.
 */
enum vt_code vt_replica_keeps(const struct vt_config *c,
    const struct vt_place *w, const struct vt_version *v,
    const struct vt_copy *source, const char *to,
    int64_t others[VT_SWAP_OTHERS], size_t *count, struct vt_err *err)
    VT_MUST_CHECK;

struct vt_replicate_result {
	uint64_t versions;	/* that the policies ask more copies for */
	uint64_t lacking;	/* of them, that had not got them */
	uint64_t copies;	/* made, or in a dry run to be made */
	uint64_t bytes;
	uint64_t failed;	/* versions that lack some still */
};
/* One copy that was made, or not. */
struct vt_replica_made {
	const char *bucket;
	const struct vt_version *v;
	const char *from, *to;	/* NULL: no tier was to be found */
	const struct vt_move_result *result;
	const struct vt_err *err;	/* NULL: it was made */
};
struct vt_replicate_options {
	const struct vt_migrate_options *migrate;
	/* told of each, in the order it happens; may be NULL */
	void (*tell)(void *ctx, const struct vt_replica_made *made);
	int (*stop)(void *ctx);	/* of a run; may be NULL; not 0:
				   VT_CANCELLED */
	void *ctx;
};
/*
 * Make copies of a version until `want` of them count; adds to *out.  VT_OK
 * also when there is nothing to do.  VT_ABSENT: it is gone.  VT_BUSY: no tier
 * is left to try; other codes: of the last one that failed.  Blocks.
 */
enum vt_code vt_replicate_version(const struct vt_replicate_options *o,
    const char *bucket, int64_t seq, unsigned want,
    struct vt_replicate_result *out, struct vt_err *err) VT_MUST_CHECK;

/* The same for all versions, each as its policy has it; what fails is counted
 * and the run goes on. */
enum vt_code vt_replicate_run(const struct vt_replicate_options *o,
    struct vt_replicate_result *out, struct vt_err *err) VT_MUST_CHECK;

#endif
