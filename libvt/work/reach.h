/*
 * Where a version may be while the past is replayed (P6): what policies, pins,
 * locks and lifecycle rules leave of the tiers, taken as they are now for all
 * of that time, and when rules end its life.  Pure; knows no engine.
 */
#ifndef VT_WORK_REACH_H
#define VT_WORK_REACH_H

#include <stdint.h>

#include "libvt/proto/lifecycle.h"

#include "libvt/work/cost.h"
#include "libvt/work/past.h"

struct vt_places;
struct vt_policy;
struct vt_scan_record;

/* From a day on, when a transition comes due. */
struct vt_reach_step {
	double at;
	uint32_t barred;	/* as below, and in its place */
	unsigned char home;
	signed char must;	/* it is there or on a colder one from now on,
				   whatever is excluded; -1: where it was */
};
/* The most that rules make of a version: two of each tier while it is current
 * and two after it was, and the day between. */
#define VT_REACH_STEPS (4 * VT_COST_TIERS + 1)

struct vt_reach {
	uint32_t barred;	/* 1 << tier: nothing goes there */
	unsigned char home;	/* where it begins */
	unsigned char is_held;	/* where it is; rules move it no more */
	unsigned char ends;	/* with the past, by a rule: what leaving a
				   tier early costs is due then */
	double min_history;	/* covered days before it is moved, and */
	double payback_max;	/* days that a move may take to pay back (0:
				   any), if these are more or less than the
				   run's own */
	struct vt_reach_step *step;	/* ascending, inside the past; whose
					   they are says who has the reach */
	size_t steps;
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
/*
 * A rule removes it on this day: its past ends then, and may be left without
 * any time.  Before vt_reach_rules.  1: it lay in the past.
 */
int vt_reach_end(struct vt_reach *r, struct vt_past *p, double at);

/* Rules of a bucket, as one version of it meets them. */
struct vt_reach_rules {
	const struct vt_lifecycle *lc;
	struct vt_lc_subject version;	/* noncurrent: it was current before */
	const char *const *classes;	/* of the model's tiers, hot to cold;
					   "": a rule asks for nothing there */
	uint32_t wait;			/* 1 << tier: rules must wait for it */
};
/*
 * What their transitions leave of the tiers while past `p` goes by, beside what
 * the reach says already; of what is held, nothing.  The reach borrows `step`.
 * 1: they bind it in that time.
 */
int vt_reach_rules_of(struct vt_reach *r, const struct vt_cost_model *m,
    const struct vt_reach_rules *rules, const struct vt_past *p,
    struct vt_reach_step step[VT_REACH_STEPS]);

/* What is barred is no target in the bill, of nobody; what was and is not
 * any more is one if options leave it. */
void vt_reach_bar(uint32_t barred, struct vt_cost *c);

#endif
