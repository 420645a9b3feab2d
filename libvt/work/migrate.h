/*
 * Carrying out one move of a plan: copy, verify, swap in the catalog, leave
 * the old bytes as garbage for the grace period.  A plan is a proposal: all it
 * says is checked against the catalog as it is now, first here to save work
 * and then, in one transaction with the change, by the swap (P3).
 */
#ifndef VT_WORK_MIGRATE_H
#define VT_WORK_MIGRATE_H

#include "libvt/proto/records.h"
#include "libvt/store/catalog.h"
#include "libvt/work/rulebook.h"
#include "libvt/work/tiers.h"

struct vt_migrate_options {
	struct vt_catalog *catalog;
	struct vt_tiers *tiers;
	const struct vt_config *config;
	const struct vt_clock *clock;
	/* by which locks end; NULL: `clock` */
	const struct vt_clock *lock_clock;
	int64_t grace_ms;	/* the source's bytes stay this long */
	int no_verify;		/* do not read the new copy back */
	int dry_run;		/* all the checks, no byte */
	struct vt_rules *rules;	/* of this thread; NULL: read for each */
	/* Called before each block is read: may sleep to keep a bandwidth;
	 * not 0 gives the move up with VT_CANCELLED.  May be NULL. */
	int (*pace)(void *ctx, size_t bytes);
	void *pace_ctx;
};

enum vt_move_status {
	VT_MOVE_DONE,		/* moved, or would be in a dry run */
	VT_MOVE_ALREADY,	/* was done by an earlier run */
	VT_MOVE_SKIPPED,	/* no longer true: the store has changed */
	VT_MOVE_REFUSED,	/* a policy does not let it lie there (P6) */
	VT_MOVE_WAITING,	/* its archive was asked for it */
	VT_MOVE_FAILED		/* err says why; may be tried again */
};
/* "moved", "already", "skipped", "refused", "restoring", "failed". */
const char *vt_move_status_name(enum vt_move_status s);

struct vt_move_result {
	enum vt_move_status status;
	int64_t copy_id;	/* of the new copy */
	uint64_t bytes;		/* read and written */
	uint64_t backend_requests;
};

/* A copy that is written and that no row refers to yet. */
struct vt_new_copy {
	struct vt_cat_extent *x;
	size_t count;		/* of extents; none for an empty object */
	char **memory;		/* inline bytes, until the operation is done */
	size_t max;		/* that there is room for */
};
/* The operation was refused: remove the bytes. */
void vt_new_copy_discard(struct vt_tiers *t, struct vt_new_copy *n);
/* May be repeated. */
void vt_new_copy_release(struct vt_new_copy *n);
/*
 * Write what `source` holds to `tier` and read it back (P5), for a catalog
 * operation to make it true; extents and strings live in `a`.  What a client
 * had encrypted is copied blob by blob as it is stored, without a key; what
 * the tier did to the bytes is undone, and what the other does is done.  After
 * a failure there is nothing to discard or release.  Adds to
 * out->backend_requests.  Blocks.
 */
enum vt_code vt_migrate_copy(const struct vt_migrate_options *o,
    const char *bucket, const struct vt_version *v,
    const struct vt_copy *source, const char *tier, struct vt_arena *a,
    struct vt_new_copy *n, struct vt_move_result *out, struct vt_err *err)
    VT_MUST_CHECK;

/*
 * Carry out one move.  Threads may run moves of one plan at once.  Blocks on
 * disks and network.  VT_OK goes with DONE and ALREADY; VT_PRECONDITION or
 * VT_ABSENT with SKIPPED; VT_DENIED with REFUSED; VT_BUSY with WAITING: a
 * source in an archive was asked for, as cheaply as it can be, and the same
 * move is to be tried again when it is back; another code, and
 * sometimes that one, with FAILED.  The store is then as it
 * was, apart from bytes under a name that recovery knows.
 */
enum vt_code vt_migrate_move(const struct vt_migrate_options *o,
    const struct vt_move *m, struct vt_move_result *out, struct vt_err *err)
    VT_MUST_CHECK;
/*
 * The same with bytes that have been written to m->to already, as one extent
 * that no row refers to: they are read back and swapped in, or, whatever else
 * comes of it, removed.  Adds to *out; `n` is borrowed, and its memory stays
 * the caller's.
 */
enum vt_code vt_migrate_take(const struct vt_migrate_options *o,
    const struct vt_move *m, const struct vt_new_copy *n,
    struct vt_move_result *out, struct vt_err *err) VT_MUST_CHECK;

#endif
