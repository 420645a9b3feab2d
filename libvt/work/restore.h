/*
 * Bringing versions back from an archive for some days: what clients asked for
 * (VT_CAT_RESTORE_ASK) is asked of the tier, and when the tier has the bytes
 * ready they are copied to the first tier, verified, and noted as a copy whose
 * time is up one day; then it is dropped.  One of the places where backends
 * and the catalog meet.  Every step may be repeated: after a crash the next
 * run goes on, and any number of processes may run it at once.
 */
#ifndef VT_WORK_RESTORE_H
#define VT_WORK_RESTORE_H

#include "libvt/work/migrate.h"

struct vt_restore_options {
	/* catalog, tiers, config, clock, pace: as for a move */
	struct vt_migrate_options migrate;
	/* A version has been brought back, or its time was up: `kind` is
	 * VT_CAT_RESTORE_DONE or _END.  May be NULL. */
	void (*told)(void *ctx, enum vt_cat_kind kind, const char *bucket,
	    const struct vt_version *v, const struct vt_restored *r);
	void *ctx;
};

struct vt_restore_result {
	uint64_t waiting, done, ended, failed;
	uint64_t left;		/* blobs whose restored copy an archive kept
				   and bills: removing it failed */
	int64_t next_us;	/* when there may be more to do; INT64_MAX */
};

/*
 * Run once over all restores.  One that fails is tried again next time and
 * does not stop the others, nor does a tier elsewhere that does not work, of
 * which no more is asked in this run; then the first failure's code and words.
 * Blocks on disks and networks.  VT_CANCELLED when `pace` said so.
 */
enum vt_code vt_restore_run(const struct vt_restore_options *o,
    struct vt_restore_result *out, struct vt_err *err) VT_MUST_CHECK;

#endif
