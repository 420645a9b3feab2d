/*
 * Replays of the past under one policy or another.  The bill of
 * [score_from, past->to] (score_from at least past->from), the object being on
 * tier 0 at its start, its creation not billed.  What was before score_from is
 * known to the policy and not billed.
 *
 * Pure.  Times are in days since 1970-01-01 UTC, money in dollars.
 */
#ifndef VT_WORK_REPLAY_H
#define VT_WORK_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/work/cost.h"
#include "libvt/work/past.h"
#include "libvt/work/workfn.h"

struct vt_replay {
	double usd;
	double storage, reads, moving;	/* of it; moving with early leaving */
	uint64_t moves;
	size_t end;			/* tier at the end */
};

/* Everything stays on tier 0. */
void vt_replay_hot(const struct vt_cost *c, const struct vt_past *p,
    double score_from, struct vt_replay *out);

/* By age alone, as provider rules do: at `days[i]` after creation to tier
 * `tiers[i]`, both ascending.  Objects under `min_size` never move. */
void vt_replay_age(const struct vt_cost *c, const struct vt_past *p,
    double score_from, const double *days, const size_t *tiers, size_t count,
    uint64_t min_size, struct vt_replay *out);

/* In a class that moves objects itself (Intelligent-Tiering); what exists at
 * score_from pays the transition into it, its idle time before that counts. */
void vt_replay_auto(const struct vt_cost_model *m, const struct vt_price *p,
    uint64_t size_bytes, const struct vt_past *past, double score_from,
    struct vt_replay *out);

struct vt_replay_options {
	double minimums;	/* as vt_work_init */
	double min_history;	/* covered days before anything moves */
	double tick;		/* days between plans; 0: at any moment */
	int promote;		/* a read may leave the object hot at once */
	int plain;		/* the bare algorithm: no payback filter */
};
/* This planner, run every `tick` days. */
void vt_replay_plan(const struct vt_cost *c, const struct vt_past *p,
    double score_from, const struct vt_replay_options *o,
    struct vt_replay *out);

#endif
