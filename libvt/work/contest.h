/*
 * The contest of engines: replays of the past in which each engine keeps each
 * object of a sample where it wants it, week by week, knowing no more than
 * was known then.  What it would have cost decides which engine is in charge
 * next (TIME SPLIT: an engine is fitted on what came before a week and billed
 * for that week), and the same bookkeeping gives the figures that a report
 * prints.
 *
 * Engines, all behind one small interface (engine.h):
 *
 *	hot		everything on tier 0: the bill without us
 *	age		by age alone, as lifecycle rules do: a baseline
 *	idle		break-even by idle time alone: a baseline
 *	auto		the provider's class that moves objects by itself
 *	work		the work-function algorithm, with its proved bound
 *	work-quick	the same, trusting cold more readily
 *	hazard		survival statistics and a dynamic programme (hazard.h)
 *	hazard+auto	the same, with the self-moving class as one more tier
 *	plan		whichever of those is in charge, under the guard
 *
 * The guard: where a prefix has cost more under the plan than GUARD times what
 * the plain work function would have paid, and a month of tier 0 and a move of
 * each object more, the prefix is the work function's until that is no longer
 * so.
 *
 * What policies, pins, locks and lifecycle rules say of an object (reach.h)
 * holds for every engine, the baselines and the optimum; an engine that would
 * have the object where it may not be leaves it to the work function, as the
 * plan does.  On the day of a transition each has it moved, at its own cost; on
 * that of a removal the bill ends, with what leaving early costs.
 *
 * The bill begins at `score_from`, every object then being on tier 0, or the
 * first that it may be on, with its true idle time; where the self-moving
 * class is used it is taken to have been there before, for the automatic
 * engine as for the plan.  Creation is not billed.  Moves happen at the whole
 * days of a segment between reads; the first read of a day, or a later one,
 * may bring the object back with the bytes it pays for anyway.
 *
 * Pure: no clock, no file.  Times are in days since 1970-01-01 UTC, money in
 * dollars.  Not for threads to share.
 */
#ifndef VT_WORK_CONTEST_H
#define VT_WORK_CONTEST_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"
#include "libvt/work/cost.h"
#include "libvt/work/engine.h"
#include "libvt/work/sample.h"
#include "libvt/work/spending.h"

#define VT_CONTEST_WEEK 7.0	/* days between fits */

struct vt_contest_options {
	double score_from;	/* 0: from the first day */
	double min_history;	/* covered days before anything moves */
	double payback_max;	/* days; 0: any */
	double age_days[2];	/* of the age baseline */
	size_t age_tier[2], age_count;
	uint64_t age_min_bytes;
	int self_moving;	/* tier of that kind in the model, or -1 */
	int allow_self_moving;	/* the plan may use it */
	unsigned only;		/* engines that may be in charge, a bit each
				   (1 << enum vt_engine_kind); 0: all */
	int baselines;		/* replay those as well that never are in
				   charge, for who prints their bills */
};

/* What an engine would have paid from score_from on. */
struct vt_score {
	const char *name;
	enum vt_engine_kind kind;
	double usd, storage, reads, moving;
	double moves;		/* objects that moved, each time counted */
	double before;		/* usd from the first day to score_from */
	const double *week;	/* dollars of each week; borrowed */
	double weeks_in_charge;	/* of the scored ones, by what they cost */
};

struct vt_contest;
/* Borrows the model and the sample, whose tiers must be set.  VT_NOMEM. */
enum vt_code vt_contest_new(const struct vt_cost_model *m,
    struct vt_sample *s, const struct vt_contest_options *o,
    struct vt_contest **out, struct vt_err *err) VT_MUST_CHECK;
/* NULL is accepted. */
void vt_contest_free(struct vt_contest *k);
/* Replay one week; 0 when the past is over.  For progress and interrupts. */
int vt_contest_step(struct vt_contest *k);
/* Of all. */
size_t vt_contest_weeks(const struct vt_contest *k);
/* The day a week begins. */
double vt_contest_week_at(const struct vt_contest *k, size_t week);

/* --- when it is over ------------------------------------------------------ */

size_t vt_contest_count(const struct vt_contest *k);
void vt_contest_score(const struct vt_contest *k, size_t i,
    struct vt_score *out);
/* The engine in charge of what comes next, and of a prefix of the sample that
 * the guard took back. */
const struct vt_engine *vt_contest_winner(const struct vt_contest *k);
const struct vt_engine *vt_contest_prefix(const struct vt_contest *k,
    size_t prefix);
/* The least possible, in hindsight, from score_from on, over the tiers that
 * are not excluded and not self-moving, but where rules have it.  Computed when
 * first asked for; blocks for about as long as a replay.  A negative number: no
 * memory. */
double vt_contest_optimum(struct vt_contest *k);
/* The same, and what is paid when; it adds up to that.  VT_NOMEM. */
enum vt_code vt_contest_optimum_told(struct vt_contest *k,
    const struct vt_spending *told, struct vt_err *err) VT_MUST_CHECK;
/* Of a prefix: what the plan, tier 0 and the plain work function paid. */
void vt_contest_prefix_usd(const struct vt_contest *k, size_t prefix,
    double *plan, double *hot, double *work);
/* The largest ratio of what a prefix paid to what the guard allows it:
 * GUARD times the work function's bill and the grace beside it: above 1 by
 * what the reads of a day or a rest of a week cost at most. */
double vt_contest_guard(const struct vt_contest *k);

#endif
