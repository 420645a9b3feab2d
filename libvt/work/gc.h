/*
 * Collection: bytes that no row refers to any more are removed, leases of
 * processes that died are walked for names that never got a row (P4), and
 * completed uploads are forgotten after a day.  One of the places where
 * backends and the catalog meet.  Any number of processes may run it at once:
 * names are never used twice, so deleting twice is harmless.
 */
#ifndef VT_WORK_GC_H
#define VT_WORK_GC_H

#include "libvt/store/catalog.h"
#include "libvt/work/tiers.h"

struct vt_gc_options {
	struct vt_catalog *catalog;
	struct vt_tiers *tiers;
	const struct vt_config *config;
	int ignore_grace;	/* also garbage whose grace is not over */
	int dry_run;		/* count, remove nothing */
	/* Asked between batches; not 0 ends the run with VT_CANCELLED.  May be
	 * NULL. */
	int (*stop)(void *ctx);
	void *stop_ctx;
};

struct vt_gc_result {
	uint64_t blobs, bytes;		/* removed */
	uint64_t leaked;		/* names of dead leases removed, or
					   made garbage for later */
	uint64_t leases;		/* dead leases ended */
	uint64_t failed;		/* stay garbage, tried again later */
	unsigned skipped;		/* tiers that do not work */
};

/*
 * Run once to the end.  A tier that fails keeps its garbage and does not stop
 * the others: one on another machine whose breaker is open, or that fails in
 * this run, is left alone for the rest of it.  Then VT_BUSY with the first
 * failure's words.  Blocks on disks and networks.
 */
enum vt_code vt_gc_run(const struct vt_gc_options *o,
    struct vt_gc_result *out, struct vt_err *err) VT_MUST_CHECK;

#endif
