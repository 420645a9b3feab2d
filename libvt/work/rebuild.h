/*
 * A catalog made anew from its newest snapshot and the tiers (P11): all is as
 * it was at the snapshot, with what came to the tiers later; a version whose
 * bytes moved since is found where they are, one whose bytes are gone is
 * told of and goes.  Nothing that was deleted before the snapshot comes back.
 * And the salvage of objects from tiers alone, into buckets of their own.
 *
 * The tiers are only read.  A rebuild becomes true with one rename: killed
 * before it, it has done nothing.
 */
#ifndef VT_WORK_REBUILD_H
#define VT_WORK_REBUILD_H

#include "libvt/work/recreate.h"

struct vt_rebuild_options {
	const struct vt_config *config;
	const struct vt_clock *clock;
	char *const *env;	/* for what prints master keys */
	/* A file, or "TIER:NAME"; NULL: the newest that is whole. */
	const char *from;
	int accept_loss;	/* although a tier has nothing that it should */
	int force;		/* put the catalog that is there aside */
	void (*tell)(void *ctx, const struct vt_finding *f);
	int (*stop)(void *ctx);	/* not 0: VT_CANCELLED */
	void *ctx;		/* of both */
};
/*
 * Nobody may have the catalog open.  VT_EXISTS: there is one; VT_ABSENT: no
 * snapshot anywhere; VT_PRECONDITION: versions would be lost with a tier that
 * has none of what it should, or snapshots of several stores are there and
 * none was named.  Blocks.
 */
enum vt_code vt_rebuild_run(const struct vt_rebuild_options *o,
    struct vt_recreate_result *out, struct vt_err *err) VT_MUST_CHECK;

/*
 * Register what no row of `catalog` refers to, in the order in which it was
 * written: `into` a bucket, or with "" into one "salvage-NAME" for each; never
 * into one that does not keep versions.
 */
enum vt_code vt_salvage_run(struct vt_recreate *r, const char *scratch_path,
    struct vt_err *err) VT_MUST_CHECK;

#endif
