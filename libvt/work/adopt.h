/*
 * Adopting a bucket in place: what others put on a tier becomes versions of a
 * bucket of ours, and no byte moves.  The bytes stay theirs: they are never
 * deleted, nor moved from, until somebody says that they are taken over; each
 * read holds the store to what was found here, and a change behind our back is
 * an error there and a difference here, when this is run again.
 */
#ifndef VT_WORK_ADOPT_H
#define VT_WORK_ADOPT_H

#include "libvt/store/catalog.h"
#include "libvt/work/tiers.h"

enum vt_adopt_status {
	VT_ADOPT_NEW,		/* is a version now */
	VT_ADOPT_CHANGED,	/* was changed: a newer version now */
	VT_ADOPT_KNOWN,		/* as it was adopted */
	VT_ADOPT_KEPT,		/* written here since: left alone */
	VT_ADOPT_DELETED,	/* deleted here since: left alone */
	VT_ADOPT_GONE,		/* no longer there; its version stays, or is
				   removed when that was asked for */
	VT_ADOPT_TAKEN,		/* ours from now on */
	VT_ADOPT_UNFIT,		/* its name cannot be one of ours: see err */
	VT_ADOPT_FAILED,
	VT_ADOPT_STATUSES
};
/* "adopted", "changed", "known", "kept", "deleted", "gone", "taken", "unfit",
 * "failed". */
const char *vt_adopt_status_name(enum vt_adopt_status s);

struct vt_adopted {
	enum vt_adopt_status status;
	const char *key;
	size_t key_len;
	uint64_t size_bytes;
	const char *object_class;	/* of the store, or "" */
	const struct vt_err *err;	/* of UNFIT and FAILED, else NULL */
};

struct vt_adopt_options {
	struct vt_catalog *catalog;
	const struct vt_config *config;
	struct vt_tiers *tiers;
	const char *tier;	/* whose backend holds them */
	const char *bucket;	/* ours, which exists */
	const char *prefix;	/* of names there, and of keys; "" for all */
	int dry_run;		/* list, ask and write nothing */
	int prune;		/* remove versions of what is gone */
	int take;		/* what is adopted becomes ours */
	unsigned jobs;		/* requests at once; 0: 16 */
	const char *after;	/* go on behind this name, or NULL */
	/* When the last run began that came to its end with nothing FAILED, or
	 * 0: what is older and has no version was deleted here.  So what
	 * failed must not be counted as met. */
	int64_t last_us;
	/* Called in order, by the caller's thread; not 0 stops the run with
	 * VT_CANCELLED. */
	int (*told)(void *ctx, const struct vt_adopted *a);
	void *ctx;
};

struct vt_adopt_result {
	uint64_t count[VT_ADOPT_STATUSES];
	uint64_t bytes;		/* of NEW and CHANGED */
};

/*
 * Run to the end.  VT_INVALID: no such tier, or one that others cannot put
 * anything on; VT_ABSENT: no such bucket.  An object that fails is told and
 * does not stop the rest.  Blocks on the network; asks the store once for each
 * thousand names, and once for each object that is new or changed.
 */
enum vt_code vt_adopt_run(const struct vt_adopt_options *o,
    struct vt_adopt_result *out, struct vt_err *err) VT_MUST_CHECK;

#endif
