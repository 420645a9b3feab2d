/*
 * Scrubbing (P5): every blob of the catalog against what lies on its tier, by
 * its bytes; a copy that is missing or corrupt is written anew from another;
 * names on a tier that nothing refers to are told of, and removed only when
 * that is asked for and they are older than the grace period.
 *
 * Bytes that a restore would have to bring back are only looked for by name
 * and size.  What was adopted is checked and never deleted or written.
 */
#ifndef VT_WORK_VERIFY_H
#define VT_WORK_VERIFY_H

#include "libvt/work/migrate.h"
#include "libvt/work/recreate.h"

struct vt_verify_options {
	struct vt_migrate_options m;	/* catalog, tiers, config, clock,
					   grace_ms, pace: of repairs, and
					   pace of all that is read */
	const char *tier;	/* NULL: all */
	int no_repair, delete_orphans;
	int dry_run;		/* neither */
	const char *scratch;	/* a file, replaced and removed */
	/* Where it stands is kept in this file; with `resume` it goes on from
	 * there. */
	const char *place;
	int resume;
	void (*tell)(void *ctx, const struct vt_finding *f);
	int (*stop)(void *ctx);	/* not 0: VT_CANCELLED, the place is kept */
	void *ctx;		/* of both */
};

struct vt_verify_result {
	uint64_t blobs, bytes;	/* looked at; read */
	uint64_t unread;	/* of those, only by name and size */
	uint64_t missing, corrupt;	/* copies */
	uint64_t repaired;	/* of these */
	uint64_t failed;	/* blobs that could not be looked at */
	uint64_t orphans, orphan_bytes;	/* older than the grace period */
	uint64_t deleted;	/* of these */
	uint64_t young;		/* names nothing refers to, not so old */
	uint64_t foreign;	/* names that this catalog never made */
};

/*
 * VT_OK also when much was found, and when a tier could not be asked: see
 * `failed`.  Any number of programs may work on the store meanwhile.  Blocks.
 */
enum vt_code vt_verify_run(const struct vt_verify_options *o,
    struct vt_verify_result *out, struct vt_err *err) VT_MUST_CHECK;

#endif
