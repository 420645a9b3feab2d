/*
 * Deciding: from a version's past and its bill to the tier it should be on.
 * Pure: no clock, no catalog, no file.
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
#include "libvt/work/engine.h"
#include "libvt/work/past.h"
#include "libvt/work/place.h"
#include "libvt/work/rules.h"
#include "libvt/work/workfn.h"

/* What the user asks for, before cost has a say (P6). */
struct vt_policy {
	double min_history_days;	/* covered; 30 */
	double log_days;		/* that the log covers in all, for
					   those younger than that: their
					   whole life must be covered */
	double payback_max_days;	/* 0: any */
	int64_t now_us;			/* for locks; 0: the record's
					   covered_to */
	int moves_only;			/* no reason for what is not moved */
	/* what policies ask of this version's place, or NULL; barred tiers
	 * are excluded in its bill */
	const struct vt_places *places;
	const struct vt_place *place;
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
	VT_PLAN_REPLICATED,	/* its policy asks for several: left alone */
	VT_PLAN_UNKNOWN_TIER,
	VT_PLAN_VERDICTS
};

/* Who tells the reason of a move. */
enum vt_told {
	VT_TOLD_REASON,		/* it is there, as a sentence */
	VT_TOLD_IDLE,		/* survival statistics */
	VT_TOLD_AUTO,		/* the class that moves objects by itself */
	VT_TOLD_HOT		/* what would have left all hot */
};

struct vt_decision {
	enum vt_verdict verdict;
	int from, to;			/* tiers of the model; -1 unknown */
	struct vt_choice choice;
	const struct vt_engine *engine;	/* that was asked; NULL: none was */
	unsigned group;			/* of hazard.h; unless moves_only, of
					   what is held as well, and if no
					   engine asks */
	double stayed_days;		/* on `from` */
	double idle_days;		/* covered days since the last read */
	const struct vt_lc_rule *rule;	/* that asks for the move, or NULL */
	const char *policy;		/* the one that does, or NULL */
	/* With moves_only, of a move that an engine other than the work
	 * function asks for: the reason is empty, and vt_plan_told_text tells
	 * it of these, choice.share and what the plan says of its payback. */
	enum vt_told told;
	/* Last, as they are large and few decisions need them whole.  Of the
	 * work only its bill is set, unless the work function decided, or is
	 * asked by rules, by policies, or for explaining: then it is as it
	 * stands at the end. */
	struct vt_work work;
	char reason[VT_RULES_TEXT + 64];	/* a sentence, or "" */
};

/* What no saving may overrule, of a version on tier `from` (-1: on none of the
 * model): why it is held where it is; VT_PLAN_MOVE: it is not. */
enum vt_verdict vt_plan_hold(const struct vt_policy *o,
    const struct vt_scan_record *r, int from);
/* The reason of a move, into VT_PLAN_TOLD bytes, and its length: printable
 * ASCII without quotes and backslashes.  `idle_days` and `share` are of
 * VT_TOLD_IDLE; `payback_days` has six digits, as in the plan. */
#define VT_PLAN_TOLD 208
size_t vt_plan_told_text(enum vt_told told, double idle_days, double share,
    double payback_days, char *out);
/* Has it a copy there, beside the one described? */
int vt_plan_has_copy(const struct vt_scan_record *r, const char *tier);
/* What lifecycle rules bar is no target: for the bill vt_plan_decide gets. */
void vt_plan_bar(const struct vt_bounds *b, struct vt_cost *c);
/* The same of what policies do. */
void vt_plan_bar_place(const struct vt_place *w, struct vt_cost *c);
/* A version's own options: those of the run, and what policies ask of it,
 * which only ever narrows them. */
void vt_policy_narrow(struct vt_policy *o, const struct vt_places *places,
    const struct vt_place *w);

/*
 * Decide one version as engine `e` would have it (NULL: the work function).
 * `c` is the bill of its size, `past` its history; both are borrowed by
 * out->work.  `bounds`: what lifecycle rules ask (its tiers are the model's),
 * or NULL; a transition that is due is made whatever it costs, and whatever
 * history there is.  So is a move from where o->place does not allow it to
 * lie: to the cheapest tier that is left.
 *
 * Returns 1 when `past` is a tail and the whole of it must be known: nothing is
 * decided then.  Only the work function, bounds, places and explaining need it
 * from the start.
 */
int vt_plan_decide(const struct vt_cost_model *m, const struct vt_policy *o,
    const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_scan_record *r, const struct vt_past *past,
    const struct vt_bounds *bounds, struct vt_decision *out);

#endif
