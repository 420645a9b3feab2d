/*
 * Deciding: from a version's past and its bill to the tier it should be on.
 * Pure: no clock, no catalog, no file.
 *
 * The engine is the work-function algorithm, untuned: for each tier k it keeps
 * w[k], the least that could have been paid so far by one who ends on k, and
 * leaves a tier once another has been so much cheaper that going there and
 * coming back would have been paid for.  Minimum durations are inside the
 * distance between tiers, so that the worst-case bound speaks of them too.
 * The same past gives the exact optimum in hindsight, against which every
 * policy, this one included, is judged.
 *
 * Times are in days since 1970-01-01 UTC, as double.  Money is in dollars.
 */
#ifndef VT_WORK_PLAN_H
#define VT_WORK_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"
#include "libvt/proto/records.h"
#include "libvt/work/cost.h"
#include "libvt/work/rules.h"

/* --- the past of one version ---------------------------------------------- */

/* The reads of one day. */
struct vt_event {
	double at;		/* noon of the day, or creation if later */
	double idle;		/* days covered by the log since the event
				   before, or since `from` */
	double gets, bytes;
};

/* What the log saw of one version.  Re-used from object to object. */
struct vt_past {
	double created;		/* may lie before `from` */
	double from, to;	/* covered by the log, within its life */
	double tail_idle;	/* covered days between the last event and to */
	struct vt_event *e;
	size_t count, cap;
};

/* Cannot fail; release may be repeated. */
void vt_past_init(struct vt_past *p);
void vt_past_release(struct vt_past *p);
/*
 * Read a record's history up to `until_us` (INT64_MAX: all of it).  Time the
 * log did not cover never counts as idle (P12).  VT_NOMEM.
 */
enum vt_code vt_past_fill(struct vt_past *p, const struct vt_scan_record *r,
    int64_t until_us, struct vt_err *err) VT_MUST_CHECK;

/* --- the work function ---------------------------------------------------- */

struct vt_work {
	const struct vt_cost *cost;	/* borrowed */
	size_t at;			/* where the algorithm is by now */
	double w[VT_COST_TIERS];
	double d[VT_COST_TIERS][VT_COST_TIERS];
	double clock;			/* covered days replayed */
	double last_read;		/* on that clock */
	double spent[VT_COST_TIERS];	/* by one who is always there */
	/* [i][j]: when j was last as dear, against i, as going there makes
	 * it; the evidence for j over i began then, spent[i] - spent[j] being
	 * `base` */
	double since[VT_COST_TIERS][VT_COST_TIERS];
	double base[VT_COST_TIERS][VT_COST_TIERS];
};

/*
 * Begin on tier `start`.  `minimums`: the share of each tier's minimum
 * duration that counts as the price of going there, 1 as published.
 */
void vt_work_init(struct vt_work *w, const struct vt_cost *c, size_t start,
    double minimums);
void vt_work_idle(struct vt_work *w, double days);
/* A day's reads.  `promote`: they could also have rewritten it hot. */
void vt_work_read(struct vt_work *w, double gets, double bytes, int promote);
/* Covered days of further idleness until it leaves w->at; INFINITY. */
double vt_work_patience(const struct vt_work *w);

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
};
/*
 * What to do with an object that is on `at`, for `stayed` days.  It may lag
 * behind w->at: plans run now and then, and wait.
 */
void vt_work_choose(const struct vt_work *w, size_t at, double stayed,
    struct vt_choice *out);

/* --- replays -------------------------------------------------------------- *
 * The bill of [score_from, past->to] (score_from at least past->from), the
 * object being on tier 0 at its start, its creation not billed.  What was
 * before score_from is known to the policy and not billed.
 */

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

/*
 * The least that anyone could have paid who knew the future: exact, over all
 * times of moving.  Not for threads to share; NULL: no memory.
 */
struct vt_optimum;
struct vt_optimum *vt_optimum_new(void);
void vt_optimum_free(struct vt_optimum *o);
double vt_optimum_usd(struct vt_optimum *o, const struct vt_cost *c,
    const struct vt_past *p, double score_from);

/* --- planning ------------------------------------------------------------- */

/* What the user asks for, before cost has a say (P6). */
struct vt_policy {
	double min_history_days;	/* covered; 30 */
	double payback_max_days;	/* 0: any */
	double minimums;		/* 1 */
	int64_t now_us;			/* for locks; 0: the record's
					   covered_to */
};

enum vt_verdict {
	VT_PLAN_MOVE,
	VT_PLAN_KEEP,		/* it is where it should be */
	VT_PLAN_WAIT,		/* soon, see the reason */
	VT_PLAN_HISTORY,	/* too little covered time (P12) */
	VT_PLAN_PINNED,
	VT_PLAN_LOCKED,
	VT_PLAN_ADOPTED,
	VT_PLAN_COPIED,		/* the target has a copy already */
	VT_PLAN_UNKNOWN_TIER,
	VT_PLAN_VERDICTS
};

struct vt_decision {
	enum vt_verdict verdict;
	int from, to;			/* tiers of the model; -1 unknown */
	struct vt_choice choice;
	struct vt_work work;		/* as it stands at the end */
	double stayed_days;		/* on `from` */
	double idle_days;		/* covered days since the last read */
	const struct vt_lc_rule *rule;	/* that asks for the move, or NULL */
	char reason[VT_RULES_TEXT + 64];	/* a sentence */
};

/* What lifecycle rules bar is no target: for the bill vt_plan_decide gets. */
void vt_plan_bar(const struct vt_bounds *b, struct vt_cost *c);

/*
 * Decide one version.  `c` is the bill of its size, `past` its history; both
 * are borrowed by out->work.  `bounds`: what lifecycle rules ask (its tiers
 * are the model's), or NULL; a transition that is due is made whatever it
 * costs, and whatever history there is.
 */
void vt_plan_decide(const struct vt_cost_model *m, const struct vt_policy *o,
    const struct vt_cost *c, const struct vt_scan_record *r,
    const struct vt_past *past, const struct vt_bounds *bounds,
    struct vt_decision *out);

#endif
