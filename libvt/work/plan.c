#include <stdio.h>
#include <string.h>

#include "libvt/work/plan.h"

#define DAY_US 86400e6

static void
explain_hold(const struct vt_policy *o, const struct vt_scan_record *r,
    struct vt_decision *d)
{
	switch (d->verdict) {
	case VT_PLAN_HISTORY:
		snprintf(d->reason, sizeof(d->reason),
		    "the log covers %.1f days of its life, %.0f are asked for",
		    r->covered_days, o->min_history_days);
		break;
	case VT_PLAN_PINNED:
		snprintf(d->reason, sizeof(d->reason), "pinned to '%s'",
		    r->pin);
		break;
	case VT_PLAN_LOCKED:
		snprintf(d->reason, sizeof(d->reason), "%s",
		    r->legal_hold ? "under a legal hold" :
		    "under retention");
		break;
	case VT_PLAN_ADOPTED:
		snprintf(d->reason, sizeof(d->reason),
		    "its bytes are adopted, not ours to move");
		break;
	case VT_PLAN_UNKNOWN_TIER:
		snprintf(d->reason, sizeof(d->reason),
		    "tier '%s' is not configured", r->tier);
		break;
	default:
		break;
	}
}

/* Whole days when they are many, so that a sentence reads well. */
static const char *
days_text(double days, char out[32])
{
	if (days >= 9.95)
		snprintf(out, 32, "%.0f days", days);
	else
		snprintf(out, 32, "%.1f days", days);
	return out;
}

static void
explain_choice(const struct vt_cost_model *m, const struct vt_scan_record *r,
    struct vt_decision *d)
{
	const struct vt_choice *c = &d->choice;
	const char *to = d->to >= 0 ? m->tier[d->to].name : "";
	char idle[32], back[32], seen[32];
	const struct vt_cost *bill = d->work.cost;

	days_text(d->idle_days, idle);
	days_text(c->payback_days, back);
	days_text(c->evidence_days, seen);
	switch (d->verdict) {
	case VT_PLAN_MOVE:
		if (bill->day[d->to] > bill->day[d->from])
			snprintf(d->reason, sizeof(d->reason),
			    "read so much in the last %s that '%s' would have "
			    "been cheaper; pays back in %s", seen, to, back);
		else if (d->idle_days + 1 >= c->evidence_days)
			snprintf(d->reason, sizeof(d->reason),
			    "no read in %s; pays back in %s if it rests as "
			    "long again", idle, back);
		else
			snprintf(d->reason, sizeof(d->reason),
			    "read so little in the last %s that '%s' would "
			    "have been cheaper; pays back in %s", seen, to,
			    back);
		break;
	case VT_PLAN_WAIT:
		if (c->why == VT_WAIT_MINIMUM)
			snprintf(d->reason, sizeof(d->reason),
			    "'%s' is better, but the minimum of '%s' is paid "
			    "for until %.0f days have passed", to,
			    m->tier[d->from].name, bill->min_days[d->from]);
		else
			snprintf(d->reason, sizeof(d->reason),
			    "'%s' is better, but would take %s to pay back",
			    to, back);
		break;
	case VT_PLAN_COPIED:
		snprintf(d->reason, sizeof(d->reason),
		    "'%s' has a copy already", to);
		break;
	default:
		if (r->reads == 0 && d->idle_days > 0)
			snprintf(d->reason, sizeof(d->reason),
			    "no read in %s, but no tier would have been "
			    "cheaper by the cost of going and coming back",
			    idle);
		else
			snprintf(d->reason, sizeof(d->reason),
			    "no tier would have been cheaper by the cost of "
			    "going and coming back");
		break;
	}
}

/* What no saving may overrule; returns 1 when it is held. */
static int
constrained(const struct vt_policy *o, const struct vt_scan_record *r,
    struct vt_decision *d)
{
	int64_t now = o->now_us != 0 ? o->now_us : r->covered_to_us;

	if (d->from < 0)
		d->verdict = VT_PLAN_UNKNOWN_TIER;
	else if (*r->pin != '\0')
		d->verdict = VT_PLAN_PINNED;
	else if (r->legal_hold ||
	    (*r->lock != '\0' && r->retain_until_us > now))
		d->verdict = VT_PLAN_LOCKED;
	else if (r->adopted)
		d->verdict = VT_PLAN_ADOPTED;
	else
		return 0;
	return 1;
}

static int
has_copy(const struct vt_scan_record *r, const char *tier)
{
	size_t i;

	for (i = 0; i < r->also_count; i++)
		if (strcmp(r->also[i], tier) == 0)
			return 1;
	return 0;
}

void
vt_plan_bar(const struct vt_bounds *b, struct vt_cost *c)
{
	size_t i;

	for (i = 0; i < c->count && i < b->count; i++)
		if (b->barred[i])
			c->excluded[i] = 1;
}

/* A transition that is due: made at the latest now, if it pays or not. */
static void
follow_rule(const struct vt_cost_model *m, const struct vt_scan_record *r,
    const struct vt_bounds *b, struct vt_decision *d)
{
	const struct vt_cost *c = d->work.cost;
	size_t from = (size_t)d->from, to = (size_t)b->must, used;
	struct vt_choice *h = &d->choice;

	d->to = b->must;
	d->rule = b->why.rule;
	d->verdict = has_copy(r, m->tier[to].name) ? VT_PLAN_COPIED :
	    VT_PLAN_MOVE;
	h->why = VT_GO;
	h->to = to;
	h->cost = c->move[from][to] + vt_cost_early(c, from, d->stayed_days);
	h->evidence_days = d->work.clock;
	h->saving_day = c->day[from] - c->day[to];
	if (d->work.clock > 0)
		h->saving_day = (d->work.spent[from] - d->work.spent[to]) /
		    d->work.clock;
	h->payback_days = h->saving_day > 0 ? h->cost / h->saving_day : 0;
	vt_rules_move_text(&b->why, d->reason);
	used = strlen(d->reason);
	if (h->saving_day < 0)
		snprintf(d->reason + used, sizeof(d->reason) - used,
		    "; costs %.3g dollars a month more",
		    -h->saving_day * m->month_days);
}

void
vt_plan_decide(const struct vt_cost_model *m, const struct vt_policy *o,
    const struct vt_cost *c, const struct vt_scan_record *r,
    const struct vt_past *past, const struct vt_bounds *bounds,
    struct vt_decision *out)
{
	double since = (double)r->copy_since_us / DAY_US;
	size_t start = 0, i;

	memset(out, 0, sizeof(*out));
	out->from = vt_cost_model_tier(m, r->tier);
	out->to = -1;
	if (since < past->created)
		since = past->created;
	out->stayed_days = past->to > since ? past->to - since : 0;
	/* Where it was when the log began: here if it came before, else it is
	 * taken to have been hot. */
	if (out->from > 0 && since <= past->from &&
	    past->created < past->from)
		start = (size_t)out->from;
	vt_work_init(&out->work, c, start, o->minimums);
	for (i = 0; i < past->count; i++) {
		vt_work_idle(&out->work, past->e[i].idle);
		vt_work_read(&out->work, past->e[i].gets, past->e[i].bytes, 0);
	}
	vt_work_idle(&out->work, past->tail_idle);
	out->idle_days = past->tail_idle;
	if (!constrained(o, r, out)) {
		if (bounds != NULL && out->from < bounds->must) {
			follow_rule(m, r, bounds, out);
			return;
		}
		if (r->covered_days < o->min_history_days)
			out->verdict = VT_PLAN_HISTORY;
	}
	if (out->verdict != VT_PLAN_MOVE) {
		if (!o->moves_only)
			explain_hold(o, r, out);
		return;
	}
	vt_work_choose(&out->work, (size_t)out->from, out->stayed_days,
	    &out->choice);
	out->to = (int)out->choice.to;
	if (out->choice.why == VT_STAY)
		out->verdict = VT_PLAN_KEEP;
	else if (out->choice.why != VT_GO || (o->payback_max_days > 0 &&
	    out->choice.payback_days > o->payback_max_days))
		out->verdict = VT_PLAN_WAIT;
	else if (has_copy(r, m->tier[out->to].name))
		out->verdict = VT_PLAN_COPIED;
	if (!o->moves_only || out->verdict == VT_PLAN_MOVE)
		explain_choice(m, r, out);
}
