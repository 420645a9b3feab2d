/*
 * The work-function algorithm: for each tier k it keeps w[k], the least that
 * could have been paid so far by one who ends on k, and leaves a tier once
 * another has been so much cheaper that going there and coming back would
 * have been paid for.  Minimum durations are inside the distance between
 * tiers, so that the worst-case bound speaks of them too.
 *
 * Pure.  Times are in covered days, money in dollars.
 */
#ifndef VT_WORK_WORKFN_H
#define VT_WORK_WORKFN_H

#include <stddef.h>

#include "libvt/work/cost.h"

/* --- the function alone, for who keeps many ------------------------------- */

/* Nothing was paid yet, and it is on `at`. */
void vt_workfn_begin(const struct vt_cost *c, size_t at,
    double w[VT_COST_TIERS]);
void vt_workfn_idle(const struct vt_cost *c, double w[VT_COST_TIERS],
    double days);
/* A day's reads.  `promote`: they could also have rewritten it hot.  `spent`
 * (may be NULL) is what one has paid who is always on each tier. */
void vt_workfn_read(const struct vt_cost *c, double w[VT_COST_TIERS],
    double gets, double bytes, int promote, double *spent);
/* From now on it is on tier `must` or a later one, of those that are targets,
 * and nobody is on the others any more. */
void vt_workfn_force(const struct vt_cost *c, double w[VT_COST_TIERS],
    size_t must);
/*
 * The tier that one should be on who is on `at`.  `down`: the part of going to
 * a cheaper tier and back that must have been lost, 1 as published.  From a
 * tier that is no target the way back is counted without what it would commit
 * to.
 */
size_t vt_workfn_want(const struct vt_cost *c,
    const double w[VT_COST_TIERS], size_t at, double down);
/* Covered days of further idleness until that is a cheaper one; INFINITY. */
double vt_workfn_patience(const struct vt_cost *c,
    const double w[VT_COST_TIERS], size_t at, double down);

/* --- with reasons --------------------------------------------------------- */

/* The same as one goes by it, down 1, and what speaks for it. */
struct vt_work {
	const struct vt_cost *cost;	/* borrowed */
	size_t at;			/* where the algorithm is by now */
	double w[VT_COST_TIERS];
	double clock;			/* covered days replayed */
	double last_read;		/* on that clock */
	double spent[VT_COST_TIERS];	/* by one who is always there */
	/* [i][j]: when j was last as dear, against i, as going there makes
	 * it; the evidence for j over i began then, spent[i] - spent[j] being
	 * `base` */
	double since[VT_COST_TIERS][VT_COST_TIERS];
	double base[VT_COST_TIERS][VT_COST_TIERS];
};

/* Begin on tier `start`. */
void vt_work_init(struct vt_work *w, const struct vt_cost *c, size_t start);
void vt_work_idle(struct vt_work *w, double days);
void vt_work_read(struct vt_work *w, double gets, double bytes);

enum vt_choice_why {
	VT_STAY,		/* it is where the algorithm is */
	VT_GO,
	VT_WAIT_MINIMUM,	/* the tier's minimum is paid for anyway */
	VT_WAIT_PAYBACK		/* would not pay back in the expected stay */
};
struct vt_choice {
	enum vt_choice_why why;
	size_t to;		/* w->at */
	double cost;		/* moving, with what early leaving costs */
	double saving_day;	/* as it was over the evidence */
	double evidence_days;	/* also how long it is expected to stay so */
	double payback_days;	/* of the cost and of the minimum that going
				   there commits to */
	double share;		/* of vt_expect, by survival statistics: of
				   objects like it that are read within 30
				   days, 0 to 1 */
};
/*
 * Days until a move is paid for that costs `cost` and saves so much: also of
 * the minimum that going where a day costs `day` commits to.  INFINITY: never.
 */
double vt_work_payback(double cost, double saving_day, double day,
    double min_days);
/*
 * What to do with an object that is on `at`, for `stayed` days.  It may lag
 * behind w->at: plans run now and then, and wait.
 */
void vt_work_choose(const struct vt_work *w, size_t at, double stayed,
    struct vt_choice *out);

#endif
