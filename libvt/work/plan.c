#include <math.h>
#include <stdio.h>
#include <string.h>

#include "libvt/base/clear.h"
#include "libvt/base/num.h"

#include "libvt/work/expect.h"
#include "libvt/work/plan.h"

#define DAY_US 86400e6

/* A life is covered when so much of it is: a restart is no gap. */
#define WHOLE_LIFE 0.99

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
		if (*r->pin != '\0')
			snprintf(d->reason, sizeof(d->reason),
			    "pinned to '%s'", r->pin);
		else
			snprintf(d->reason, sizeof(d->reason),
			    "pinned to '%s' by policy '%s'", r->tier,
			    o->place->by[VT_PLACE_PIN]->name);
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
	case VT_PLAN_REPLICATED:
		snprintf(d->reason, sizeof(d->reason),
		    "kept in %u copies by policy '%s': what has several is "
		    "not planned for", o->place->copies,
		    o->place->by[VT_PLACE_COPIES]->name);
		break;
	case VT_PLAN_UNKNOWN_TIER:
		snprintf(d->reason, sizeof(d->reason),
		    "tier '%s' is not configured", r->tier);
		break;
	default:
		break;
	}
}

#define DAYS_TEXT 32

/* Whole days when they are many, so that a sentence reads well; of small
 * numbers without printf, which would take longer than deciding.  At most
 * DAYS_TEXT bytes with a NUL; where that is. */
static char *
put_days(char *p, double days)
{
	int is_whole = days >= 9.95;
	double n, rest;
	unsigned u;

	if (!(days >= 0 && days < 9999))
		goto slow;
	n = is_whole ? days : days * 10;
	u = (unsigned)n;
	rest = n - u;
	/* beside a half the product may lie on its wrong side */
	if (!is_whole && fabs(rest - 0.5) < 1e-6)
		goto slow;
	u += rest > 0.5 || (rest == 0.5 && u % 2 != 0);
	if (is_whole) {
		if (u >= 1000)
			*p++ = (char)('0' + u / 1000);
		if (u >= 100)
			*p++ = (char)('0' + u / 100 % 10);
		memcpy(p, vt_num_pairs + 2 * (u % 100), 2);
		p += 2;
	} else {
		p[0] = (char)('0' + u / 10);
		p[1] = '.';
		p[2] = (char)('0' + u % 10);
		p += 3;
	}
	memcpy(p, " days", 6);
	return p + 5;
slow:
	snprintf(p, DAYS_TEXT, is_whole ? "%.0f days" : "%.1f days", days);
	return p + strlen(p);
}

static const char *
days_text(double days, char out[DAYS_TEXT])
{
	(void)put_days(out, days);
	return out;
}

/* As "%.3g" writes it, in the same way. */
static const char *
three_digits(double d, char out[32])
{
	static const double ten[] = { 1, 10, 100, 1e3, 1e4, 1e5, 1e6 };
	unsigned places = 0, n, i;
	char *p = out + 31;
	double scaled;

	while (places < 6 && d * ten[places] < 100)
		places++;
	scaled = d * ten[places];
	if (!(scaled >= 100 && scaled < 999) ||
	    fabs(scaled - (double)(int)scaled - 0.5) < 1e-6) {
		snprintf(out, 32, "%.3g", d);
		return out;
	}
	n = (unsigned)rint(scaled);
	for (; places > 0 && n % 10 == 0; places--)
		n /= 10;
	*p = '\0';	/* from the last digit to the first */
	for (i = 0; i < places; i++, n /= 10)
		*--p = (char)('0' + n % 10);
	if (places > 0)
		*--p = '.';
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return p;
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

enum vt_verdict
vt_plan_hold(const struct vt_policy *o, const struct vt_scan_record *r,
    int from)
{
	int64_t now = o->now_us != 0 ? o->now_us : r->covered_to_us;

	if (from < 0)
		return VT_PLAN_UNKNOWN_TIER;
	if (*r->pin != '\0')
		return VT_PLAN_PINNED;
	if (r->legal_hold || (*r->lock != '\0' && r->retain_until_us > now))
		return VT_PLAN_LOCKED;
	if (r->adopted)
		return VT_PLAN_ADOPTED;
	if (o->place != NULL && o->place->pin == from)
		return VT_PLAN_PINNED;
	if (o->place != NULL && o->place->copies > 1)
		return VT_PLAN_REPLICATED;
	return VT_PLAN_MOVE;
}

int
vt_plan_has_copy(const struct vt_scan_record *r, const char *tier)
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

void
vt_plan_bar_place(const struct vt_place *w, struct vt_cost *c)
{
	size_t i;

	for (i = 0; i < c->count; i++)
		if (!vt_place_allows(w, i))
			c->excluded[i] = 1;
}

void
vt_policy_narrow(struct vt_policy *o, const struct vt_places *places,
    const struct vt_place *w)
{
	o->places = places;
	o->place = w;
	if (w->min_history_days > o->min_history_days)
		o->min_history_days = w->min_history_days;
	if (w->payback_max_days > 0 && (o->payback_max_days <= 0 ||
	    w->payback_max_days < o->payback_max_days))
		o->payback_max_days = w->payback_max_days;
}

/* A move that is asked for: made now, if it pays or not; the reason, which is
 * there, is told its price. */
static void
must_move(const struct vt_cost_model *m, const struct vt_scan_record *r,
    size_t to, struct vt_decision *d)
{
	const struct vt_cost *c = d->work.cost;
	size_t from = (size_t)d->from, used = strlen(d->reason);
	struct vt_choice *h = &d->choice;

	d->to = (int)to;
	d->verdict = vt_plan_has_copy(r, m->tier[to].name) ? VT_PLAN_COPIED :
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
	if (h->saving_day < 0)
		snprintf(d->reason + used, sizeof(d->reason) - used,
		    "; costs %.3g dollars a month more",
		    -h->saving_day * m->month_days);
}

/* A transition that is due. */
static void
follow_rule(const struct vt_cost_model *m, const struct vt_scan_record *r,
    const struct vt_bounds *b, struct vt_decision *d)
{
	d->rule = b->why.rule;
	vt_rules_move_text(&b->why, d->reason);
	must_move(m, r, (size_t)b->must, d);
}

/* Of the tiers that are left the cheapest for a month or for what must be paid
 * there, if reads go on as they were; while little is known of them (P12) the
 * first.  c->count: there is none. */
static size_t
refuge(const struct vt_policy *o, const struct vt_cost_model *m,
    const struct vt_scan_record *r, const struct vt_decision *d)
{
	const struct vt_cost *c = d->work.cost;
	size_t best = c->count, k;
	double days, usd, least = INFINITY;

	for (k = 0; k < c->count; k++) {
		if (c->excluded[k] || !vt_place_allows(o->place, k))
			continue;
		if (r->covered_days < o->min_history_days ||
		    d->work.clock <= 0)
			return k;
		days = c->min_days[k] > m->month_days ? c->min_days[k] :
		    m->month_days;
		usd = c->move[d->from][k] +
		    d->work.spent[k] / d->work.clock * days;
		if (usd < least) {
			least = usd;
			best = k;
		}
	}
	return best;
}

/* Where it is, it must not be. */
static void
leave(const struct vt_policy *o, const struct vt_cost_model *m,
    const struct vt_scan_record *r, struct vt_decision *d)
{
	size_t to = refuge(o, m, r, d), used;

	d->policy = o->place->name;
	vt_place_why(o->places, o->place, (size_t)d->from, d->reason);
	if (to < d->work.cost->count) {
		must_move(m, r, to, d);
		return;
	}
	d->verdict = VT_PLAN_WAIT;
	d->to = d->from;
	used = strlen(d->reason);
	snprintf(d->reason + used, sizeof(d->reason) - used,
	    "; what policies leave is excluded or barred by lifecycle rules");
}

/* The work function over the whole past. */
static void
replay_work(const struct vt_cost *c, const struct vt_past *past, size_t start,
    struct vt_work *w)
{
	size_t i;

	vt_work_init(w, c, start);
	for (i = 0; i < past->count; i++) {
		vt_work_idle(w, past->e[i].idle);
		vt_work_read(w, past->e[i].gets, past->e[i].bytes);
	}
	vt_work_idle(w, past->tail_idle);
}

/* Where the last read left it: as vt_track_read from event to event, of which
 * the last alone is asked for. */
static void
track_end(const struct vt_past *past, uint64_t size_bytes,
    struct vt_track *t)
{
	size_t i;

	/* what is older than 30 days before the last event says nothing */
	for (i = past->count; i > 0 &&
	    past->e[i - 1].at >= past->e[past->count - 1].at - 30; i--)
		;
	vt_track_at(t, past, size_bytes, i);
	t->idle = past->tail_idle;
	t->clock = past->to;
}

/* Without printf; each returns where it ends.  A text of known length: */
#define PUT(p, text) ((char *)mempcpy(p, text, sizeof(text) - 1))

static char *
put_expected(char *p, enum vt_told told, double idle_days, double share)
{
	char text[32];

	if (told == VT_TOLD_AUTO)
		return PUT(p, "the class that moves objects by itself would "
		    "have been cheapest of all ways");
	if (told == VT_TOLD_HOT)
		return PUT(p, "no way of moving would have been cheaper than "
		    "staying hot");
	p = put_days(PUT(p, "idle for "), idle_days);
	p = PUT(p, "; of objects like it ");
	/* nobody knows a ten-thousandth better than that */
	p = stpcpy(p, share < 1e-4 ? "under 0.01" :
	    three_digits(100 * share, text));
	return PUT(p, " % are read within 30 days");
}

/* Of a number that has six digits, as the plan has it; with a NUL.  A move that
 * is made although most are read soon says that their reads were thought of. */
static char *
put_payback(char *p, enum vt_told told, double share, double payback_days)
{
	if (told == VT_TOLD_IDLE && share > 0.5)
		p = PUT(p, "; with reads like theirs it costs less there");
	return put_days(PUT(p, "; pays back in "), payback_days);
}

size_t
vt_plan_told_text(enum vt_told told, double idle_days, double share,
    double payback_days, char *out)
{
	return (size_t)(put_payback(put_expected(out, told, idle_days, share),
	    told, share, payback_days) - out);
}

/* How what engine `e` expects is told. */
static enum vt_told
told_of(const struct vt_engine *e)
{
	return e->hazard != NULL ? VT_TOLD_IDLE :
	    e->kind == VT_ENGINE_AUTO ? VT_TOLD_AUTO : VT_TOLD_HOT;
}

static void
explain_told(const struct vt_cost_model *m, const struct vt_engine *e,
    const struct vt_track *t, struct vt_decision *d)
{
	const char *to = d->to >= 0 ? m->tier[d->to].name : "";
	char back[DAYS_TEXT], *end;
	double share = e->hazard == NULL ? 0 :
	    vt_hazard_within(e->hazard, t->group, t->idle, 30);
	size_t used;

	/* there is room for all of it */
	end = put_expected(d->reason, told_of(e), t->idle, share);
	*end = '\0';
	used = (size_t)(end - d->reason);
	if (d->verdict == VT_PLAN_MOVE)
		(void)put_payback(end, told_of(e), share,
		    vt_num_six_digits(d->choice.payback_days));
	else if (d->verdict == VT_PLAN_WAIT)
		snprintf(d->reason + used, sizeof(d->reason) - used,
		    isfinite(d->choice.payback_days) ?
		    "; '%s' would take %s to pay back" :
		    "; '%s' would not pay back", to,
		    days_text(d->choice.payback_days, back));
	else if (d->verdict == VT_PLAN_COPIED)
		snprintf(d->reason + used, sizeof(d->reason) - used,
		    "; '%s' has a copy already", to);
}

/* As an engine other than the work function would have it; 1: more of the past
 * must be known.  With moves_only `t` has not been followed yet: only survival
 * statistics ask for more of it than how long it rests. */
static int
look_ahead(const struct vt_cost_model *m, const struct vt_policy *o,
    const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_past *past, struct vt_decision *d, struct vt_track *t)
{
	struct vt_seat s;
	size_t to;

	if (o->moves_only && e->hazard != NULL) {
		track_end(past, c->size_bytes, t);
		d->group = t->group;
	} else if (o->moves_only) {
		t->next = past->count;
		t->idle = past->tail_idle;
	}
	s.at = (unsigned char)d->from;
	s.entered = past->to - d->stayed_days;
	s.level_idle = s.rent = 0;
	to = vt_seat_want(e, c, past, t, &s, past->to);
	if (c->excluded[to])
		to = s.at;
	d->choice.to = to;
	if (to == s.at)
		return 0;
	if (past->is_tail && ((int)to == e->self_moving ||
	    (int)s.at == e->self_moving))
		return 1;
	vt_expect(m, e, c, past, t, s.at, to, d->stayed_days, &d->choice);
	return 0;
}

/* VT_PLAN_MOVE stands, unless something holds it. */
static void
judge(const struct vt_cost_model *m, const struct vt_policy *o,
    const struct vt_scan_record *r, struct vt_decision *d)
{
	d->to = (int)d->choice.to;
	if (d->choice.why == VT_STAY)
		d->verdict = VT_PLAN_KEEP;
	else if (d->choice.why != VT_GO || (o->payback_max_days > 0 &&
	    d->choice.payback_days > o->payback_max_days))
		d->verdict = VT_PLAN_WAIT;
	else if (vt_plan_has_copy(r, m->tier[d->to].name))
		d->verdict = VT_PLAN_COPIED;
}

static size_t
start_tier(const struct vt_past *past, const struct vt_scan_record *r,
    const struct vt_decision *d)
{
	/* Where it was when the log began: here if it came before, else it is
	 * taken to have been hot. */
	return d->from > 0 && (double)r->copy_since_us / DAY_US <=
	    past->from && past->created < past->from ? (size_t)d->from : 0;
}

/* P12: so many covered days, or of one that was born while the log covered as
 * many and more, its whole life. */
static int
known_enough(const struct vt_policy *o, const struct vt_scan_record *r,
    const struct vt_past *past)
{
	double life = past->to - past->created;

	if (r->covered_days >= o->min_history_days)
		return 1;
	return o->log_days >= o->min_history_days && r->covered_days > 0 &&
	    life < o->min_history_days &&
	    r->covered_days >= life * WHOLE_LIFE;
}

/* All but the reason and the work. */
static void
begin(const struct vt_cost_model *m, const struct vt_engine *e,
    const struct vt_cost *c, const struct vt_scan_record *r,
    const struct vt_past *past, struct vt_decision *d)
{
	double since = past->created;

	if (r->copy_since_us > r->mtime_us)
		since = (double)r->copy_since_us / DAY_US;
	d->from = vt_cost_model_tier(m, r->tier);
	d->to = -1;
	memset(&d->choice, 0, sizeof(d->choice));
	d->engine = e;
	d->group = 0;
	d->stayed_days = past->to > since ? past->to - since : 0;
	d->idle_days = past->tail_idle;
	d->rule = NULL;
	d->policy = NULL;
	d->told = VT_TOLD_REASON;
	d->work.cost = c;
	*d->reason = '\0';
}

/* What holds it where it is, if anything does; of what rules and policies ask
 * for, its move.  VT_PLAN_MOVE without a tier to go to: an engine is asked. */
static void
bind(const struct vt_cost_model *m, const struct vt_policy *o,
    const struct vt_scan_record *r, const struct vt_past *past,
    const struct vt_bounds *bounds, struct vt_decision *d)
{
	d->verdict = vt_plan_hold(o, r, d->from);
	if (d->verdict != VT_PLAN_MOVE)
		return;
	if (o->place != NULL && !vt_place_allows(o->place, (size_t)d->from))
		leave(o, m, r, d);
	else if (bounds != NULL && d->from < bounds->must)
		follow_rule(m, r, bounds, d);
	else if (!known_enough(o, r, past))
		d->verdict = VT_PLAN_HISTORY;
}

/* Why it is moved, or where it is; of the usual move what that is made of. */
static void
explain(const struct vt_cost_model *m, const struct vt_policy *o,
    const struct vt_scan_record *r, const struct vt_track *t,
    struct vt_decision *d)
{
	const struct vt_engine *e = d->engine;

	if (e == NULL || e->kind == VT_ENGINE_WORK)
		explain_choice(m, r, d);
	else if (o->moves_only)
		d->told = told_of(e);
	else
		explain_told(m, e, t, d);
}

int
vt_plan_decide(const struct vt_cost_model *m, const struct vt_policy *o,
    const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_scan_record *r, const struct vt_past *past,
    const struct vt_bounds *bounds, struct vt_decision *out)
{
	int by_work = e == NULL || e->kind == VT_ENGINE_WORK;
	struct vt_track t;

	begin(m, e, c, r, past, out);
	if (by_work || bounds != NULL || o->place != NULL || !o->moves_only)
		replay_work(c, past, start_tier(past, r, out), &out->work);
	if (!o->moves_only) {
		track_end(past, c->size_bytes, &t);
		out->group = t.group;
	}
	bind(m, o, r, past, bounds, out);
	if (out->verdict != VT_PLAN_MOVE) {
		if (!o->moves_only)
			explain_hold(o, r, out);
		return 0;
	}
	if (out->to >= 0)
		return 0;
	if (by_work)
		vt_work_choose(&out->work, (size_t)out->from,
		    out->stayed_days, &out->choice);
	else if (look_ahead(m, o, e, c, past, out, &t))
		return 1;
	judge(m, o, r, out);
	if (!o->moves_only || out->verdict == VT_PLAN_MOVE)
		explain(m, o, r, &t, out);
	return 0;
}
