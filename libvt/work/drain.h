/*
 * Emptying a tier, so that it can be taken out of the configuration: a plan of
 * moves for all that lies on it, whatever they save.
 */
#ifndef VT_WORK_DRAIN_H
#define VT_WORK_DRAIN_H

#include "libvt/proto/records.h"
#include "libvt/store/catalog.h"
#include "libvt/work/config.h"

struct vt_drain_options {
	struct vt_catalog *catalog;
	const struct vt_config *config;
	const struct vt_clock *clock;
	const char *tier;	/* to be emptied */
	const char *to;		/* where everything goes; NULL: to the nearest
				   hotter tier that policies allow, in the order
				   of the configuration, else the nearest
				   colder one */
};

struct vt_drain_result {
	uint64_t moves, bytes;
	uint64_t stuck;		/* policies leave no other tier */
};

/* Takes each move, borrowed during the call; not 0 stops (VT_CANCELLED). */
typedef int vt_drain_visit(void *ctx, const struct vt_move *m);

/*
 * Walk all versions.  VT_INVALID: a tier is not configured, or both are one.
 * Blocks on the catalog, a page at a time.
 */
enum vt_code vt_drain_plan(const struct vt_drain_options *o,
    vt_drain_visit *visit, void *ctx, struct vt_drain_result *out,
    struct vt_err *err) VT_MUST_CHECK;

#endif
