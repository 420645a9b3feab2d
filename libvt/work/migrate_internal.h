/* What a move alone and moves into a pack share.  Included by migrate*.c
 * only. */
#ifndef VT_WORK_MIGRATE_INTERNAL_H
#define VT_WORK_MIGRATE_INTERNAL_H

#include "libvt/work/migrate.h"

/* What a line of a plan is about, as it is now. */
struct vt_subject {
	struct vt_bucket bucket;
	struct vt_version *v;
	const struct vt_copy *source;
	/* what its policy asks for, and the copies that this is found in */
	unsigned copies;
	int64_t others[VT_SWAP_OTHERS];
	size_t other_count;
};

/*
 * Look up what `m` is about and check all that the plan says of it, locks,
 * policies and rules, as they are now.  VT_OK goes with DONE; VT_EXISTS with
 * ALREADY; the rest as of vt_migrate_move.  The subject lives in `a`.
 */
enum vt_code vt_migrate_check(const struct vt_migrate_options *o,
    const struct vt_move *m, struct vt_arena *a, struct vt_subject *s,
    enum vt_move_status *status, struct vt_err *err) VT_MUST_CHECK;
/* The swap of what was checked, without the new extents. */
void vt_migrate_swap(const struct vt_migrate_options *o,
    const struct vt_subject *s, const char *to, struct vt_cat_swap *out);
/* The events of a transition, as the bucket's owner asked for them. */
enum vt_code vt_migrate_tell(const struct vt_migrate_options *o,
    const struct vt_bucket *b, const struct vt_version *v, const char *to,
    struct vt_arena *a, const struct vt_cat_event **out, size_t *count,
    struct vt_err *err) VT_MUST_CHECK;
/* Nothing on such a tier can be read back at once. */
int vt_migrate_needs_restore(const struct vt_migrate_options *o,
    const char *tier);
/* The source lies in an archive: ask for it.  VT_BUSY: it is on its way. */
enum vt_code vt_migrate_ask_archive(const struct vt_migrate_options *o,
    const struct vt_copy *source, struct vt_err *err) VT_MUST_CHECK;
/* Is it there, as far as such a tier says? */
enum vt_code vt_migrate_verify_there(const struct vt_migrate_options *o,
    const struct vt_blob *b, struct vt_err *err) VT_MUST_CHECK;

#endif
