/*
 * Carrying out one removal that a lifecycle rule asks for.  A plan is a
 * proposal, edited or not: the rules are asked again, of the catalog as it is,
 * and what they were told is checked once more in the transaction that
 * removes (P3).  Locks always win.
 */
#ifndef VT_WORK_EXPIRE_H
#define VT_WORK_EXPIRE_H

#include "libvt/work/migrate.h"

struct vt_expire_result {
	enum vt_move_status status;
	int made_marker;	/* a delete marker was added, nothing removed */
	char marker_id[VT_ID_LEN + 1];
};

/*
 * `m` has an action.  Threads may do so at once, each with its own `rules`.
 * VT_OK goes with DONE; VT_PRECONDITION, VT_ABSENT and VT_DENIED (locked) with
 * SKIPPED; another code with FAILED.  The bytes become garbage.
 */
enum vt_code vt_expire(const struct vt_migrate_options *o,
    const struct vt_move *m, struct vt_expire_result *out,
    struct vt_err *err) VT_MUST_CHECK;

#endif
