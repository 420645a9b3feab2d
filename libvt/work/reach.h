/*
 * Where a version may be while the past is replayed (P6): what policies, pins
 * and locks leave of the tiers, taken as they are now for all of that time.
 * Pure; knows no engine.
 */
#ifndef VT_WORK_REACH_H
#define VT_WORK_REACH_H

#include <stdint.h>

#include "libvt/work/cost.h"

struct vt_places;
struct vt_policy;
struct vt_scan_record;

struct vt_reach {
	uint32_t barred;	/* 1 << tier: it may not be there */
	unsigned char home;	/* where it begins */
	double min_history;	/* covered days before it is moved, and */
	double payback_max;	/* days that a move may take to pay back (0:
				   any), if these are more or less than the
				   run's own */
};

/*
 * `o`: the options of the run.  What is held where it is (a pin, a legal hold,
 * retention, adopted bytes, several copies) may be nowhere else, whatever
 * policies say of the place.  1: something binds it that the run's own options
 * do not; `places` may be NULL.
 */
int vt_reach_of(const struct vt_cost_model *m, const struct vt_policy *o,
    const struct vt_places *places, const struct vt_scan_record *r,
    struct vt_reach *out);
/* What is barred is no target in the bill, of nobody. */
void vt_reach_bar(const struct vt_reach *r, struct vt_cost *c);

#endif
