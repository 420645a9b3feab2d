/*
 * --drain: the moves that empty a tier, as the lines of a plan that come
 * through a pipe, so that they are carried out like any other.
 */
#ifndef VT_MIGRATE_DRAIN_H
#define VT_MIGRATE_DRAIN_H

#include "libvt/work/drain.h"

struct drain;

/* Begin; *fd is where the lines come from, the caller's to close.  `o` is
 * borrowed until drain_finish.  Dies when it cannot. */
struct drain *drain_start(const struct vt_drain_options *o, int *fd);
/*
 * Wait for the end, after the lines were read or their descriptor closed, and
 * tell what is left on the tier.  The exit status that this alone asks for.
 */
int drain_finish(struct drain *d, int quiet, int dry_run);

#endif
