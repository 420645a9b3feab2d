#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/work/levels.h"
#include "libvt/work/optimum.h"

/*
 * Forward over time, per tier the Pareto set of (paid until, cost): entering
 * a tier pays its minimum at once and storage is free until then, so waiting
 * costs nothing while the minimum lasts.  Moving is best at one of: after a
 * read, when a minimum has passed, just before a read, or so that the
 * minimum of the new tier ends with a read (moves to dearer storage alone).
 * What rules change is as good a reason to be elsewhere as a read, and so is
 * the end of what they remove.
 */

/* Far beyond what traces need (1 to 5); when it is reached the longest-paid
 * state is dropped, and the result is what somebody really could pay, which
 * may be more than the least. */
#define STATES 256

struct state {
	double until, cost;
	size_t step;		/* how it came here; when that is asked for */
};

/* Going to a tier, or being on the first one when it begins. */
struct step {
	size_t before;		/* the step that led there; itself: none */
	size_t tier;
	double at;
	size_t seen;		/* reads before it */
	int promoted;		/* by the last of these */
};

struct vt_optimum {
	const struct vt_cost *c;
	const struct vt_reach *r;
	struct vt_cost bound;	/* *c, as the reach leaves it by now */
	const struct vt_cost_model *m;	/* NULL: no tier has levels */
	size_t levels;		/* the one that has */
	double rested, idle;	/* what lies there was read or came then, or
				   had rested for so long by then */
	struct state s[VT_COST_TIERS][STATES];	/* both ascending */
	size_t n[VT_COST_TIERS];
	int steps_wanted, failed;
	struct step *steps;
	size_t step_count, step_cap;
	size_t seen;		/* reads so far */
};

struct vt_optimum *
vt_optimum_new(void)
{
	return calloc(1, sizeof(struct vt_optimum));
}

void
vt_optimum_free(struct vt_optimum *o)
{
	if (o != NULL)
		free(o->steps);
	free(o);
}

void
vt_optimum_levels(struct vt_optimum *o, const struct vt_cost_model *m,
    size_t k)
{
	o->m = m;
	o->levels = k;
}

static int
has_levels(const struct vt_optimum *o, size_t k)
{
	return o->m != NULL && k == o->levels;
}

/* Keeping it on a tier, from `from` to `to`; `rested`, `idle`: as above. */
static double
keep(const struct vt_optimum *o, size_t k, double rested, double idle,
    double from, double to)
{
	if (!has_levels(o, k))
		return o->c->day[k] * (to - from);
	return vt_levels_storage(o->m, k, o->c->size_bytes,
	    idle + from - rested, to - from);
}

/* A day's reads of what lies on a tier. */
static double
serve(const struct vt_optimum *o, size_t k, double rested, double idle,
    const struct vt_event *e)
{
	double usd = vt_cost_serve(o->c, k, e->gets, e->bytes);

	return has_levels(o, k) ? usd + vt_levels_back(o->m, k,
	    o->c->size_bytes, idle + e->at - rested) : usd;
}

/* Note how a state comes about; its step. */
static size_t
note_step(struct vt_optimum *o, size_t before, size_t tier, double at,
    int promoted)
{
	struct step *s;
	size_t cap;

	if (!o->steps_wanted || o->failed)
		return 0;
	if (o->step_count == o->step_cap) {
		cap = o->step_cap != 0 ? o->step_cap * 2 : 256;
		s = realloc(o->steps, cap * sizeof(*s));
		if (s == NULL) {
			o->failed = 1;
			return 0;
		}
		o->steps = s;
		o->step_cap = cap;
	}
	s = &o->steps[o->step_count];
	s->before = before;
	s->tier = tier;
	s->at = at;
	s->seen = o->seen;
	s->promoted = promoted;
	return o->step_count++;
}

/* Add a state of tier k unless another is as good; drop those it beats.  A
 * state paid for less time is as good when paying as it goes costs no more. */
static void
offer(struct vt_optimum *o, size_t k, double until, double cost,
    size_t before, double at, int promoted)
{
	struct state *s = o->s[k];
	size_t n = o->n[k], i, keep;
	double day = o->c->day[k];

	for (i = 0; i < n; i++) {
		if (s[i].until >= until ? s[i].cost <= cost :
		    s[i].cost + day * (until - s[i].until) <= cost)
			return;
	}
	for (i = keep = 0; i < n; i++)
		if (!(until >= s[i].until ? cost <= s[i].cost :
		    cost + day * (s[i].until - until) <= s[i].cost))
			s[keep++] = s[i];
	n = keep;
	for (i = n; i > 0 && s[i - 1].until > until; i--)
		;
	if (n == STATES) {
		if (i == n) {
			o->n[k] = n;
			return;
		}
		n--;
	}
	memmove(&s[i + 1], &s[i], (n - i) * sizeof(*s));
	s[i].until = until;
	s[i].cost = cost;
	s[i].step = note_step(o, before, k, at, promoted);
	o->n[k] = n + 1;
}

/* Time passes to `t` on every tier. */
static void
advance(struct vt_optimum *o, double from, double t)
{
	size_t k, i, best;

	for (k = 0; k < o->c->count; k++) {
		struct state *s = o->s[k];
		size_t n = o->n[k], first = 0;

		for (i = 0; i < n && s[i].until <= t; i++) {
			double paid = s[i].until > from ? s[i].until : from;

			s[i].cost += keep(o, k, o->rested, o->idle, paid, t);
			s[i].until = t;
		}
		/* all those whose minimum has passed are alike now */
		for (best = 0, first = 1; first < i; first++)
			if (s[first].cost < s[best].cost)
				best = first;
		if (i > 1) {
			s[0] = s[best];
			memmove(&s[1], &s[i], (n - i) * sizeof(*s));
			o->n[k] = n = n - i + 1;
		}
		/* paying as it goes, it may have become the dearer one */
		if (i > 0 && n > 1 && s[1].cost <= s[0].cost) {
			memmove(&s[0], &s[1], (n - 1) * sizeof(*s));
			o->n[k] = n - 1;
		}
	}
}

/* All moves at time `t`; to dearer storage alone when `up`. */
static void
move_all(struct vt_optimum *o, double t, int up)
{
	const struct vt_cost *c = o->c;
	size_t i, j, x, step = 0;

	for (i = 0; i < c->count; i++) {
		double least = INFINITY;

		for (x = 0; x < o->n[i]; x++)
			if (o->s[i][x].cost < least) {
				least = o->s[i][x].cost;
				step = o->s[i][x].step;
			}
		if (!isfinite(least))
			continue;
		for (j = 0; j < c->count; j++)
			if (j != i && !c->excluded[j] &&
			    (!up || c->day[j] > c->day[i]))
				offer(o, j, t + c->min_days[j], least +
				    c->move[i][j] +
				    c->day[j] * c->min_days[j], step, t, 0);
	}
}

/* What rules change that may end a minimum, in time. */
static double
change_at(const struct vt_reach *r, const struct vt_past *p, size_t i)
{
	return i < r->steps ? r->step[i].at :
	    i == r->steps && r->ends ? p->to : INFINITY;
}

/* Of each tier the reads, and the changes, whose distance to its minimum may
 * make them the end of one. */
struct ahead {
	size_t read[VT_COST_TIERS], change[VT_COST_TIERS];
};

/* The first time after `t` to go to tier `k` so that its minimum is over when
 * it is left. */
static double
ahead_at(const struct vt_optimum *o, const struct vt_past *p,
    struct ahead *h, size_t k, double t)
{
	double days = o->c->min_days[k], read, change;
	size_t *i = &h->read[k], *j = &h->change[k];

	while (*i < p->count && p->e[*i].at - days <= t)
		++*i;
	while (change_at(o->r, p, *j) - days <= t)
		++*j;
	read = *i < p->count ? p->e[*i].at : INFINITY;
	change = change_at(o->r, p, *j);
	return (read < change ? read : change) - days;
}

/* From `a` to `b` with no read or change between. */
static void
pass(struct vt_optimum *o, const struct vt_past *p, struct ahead *h,
    double a, double b)
{
	const struct vt_cost *c = o->c;
	double t = a, next, at;
	size_t k, i;
	int up;

	move_all(o, t, 0);
	while (t < b) {
		next = b;
		up = 0;
		for (k = 0; k < c->count; k++)
			for (i = 0; i < o->n[k]; i++)
				if (o->s[k][i].until > t) {
					if (o->s[k][i].until < next)
						next = o->s[k][i].until;
					break;
				}
		for (k = 0; k < c->count; k++) {
			if (c->min_days[k] <= 0 || c->excluded[k])
				continue;
			at = ahead_at(o, p, h, k, t);
			if (at < next) {
				next = at;
				up = 1;
			}
		}
		advance(o, t, next);
		t = next;
		move_all(o, t, up);
	}
}

static void
read_day(struct vt_optimum *o, const struct vt_event *e)
{
	const struct vt_cost *c = o->c;
	double hot = INFINITY, here, promote, cost;
	size_t k, i, step = 0;

	for (k = 0; k < c->count; k++) {
		here = serve(o, k, o->rested, o->idle, e);
		promote = vt_cost_serve_promote(c, k, e->gets, e->bytes);
		for (i = 0; i < o->n[k]; i++) {
			cost = o->s[k][i].cost + promote;
			if (k != 0 && cost < hot) {
				hot = cost;
				step = o->s[k][i].step;
			}
			o->s[k][i].cost += here;
		}
	}
	o->rested = e->at;
	o->idle = 0;
	o->seen++;
	if (isfinite(hot) && !c->excluded[0])
		offer(o, 0, e->at + c->min_days[0],
		    hot + c->day[0] * c->min_days[0], step, e->at, 1);
}

/* What rules leave is another now.  From tiers before `must` everything goes
 * there, or farther. */
static void
change(struct vt_optimum *o, const struct vt_reach_step *s)
{
	const struct vt_cost *c = o->c;
	size_t must = s->must > 0 ? (size_t)s->must : 0, i, x;

	vt_reach_bar(s->barred, &o->bound);
	if (must == 0)
		return;
	if (has_levels(o, must)) {
		o->rested = s->at;
		o->idle = 0;
	}
	move_all(o, s->at, 0);
	for (i = 0; i < must; i++) {
		for (x = 0; x < o->n[i]; x++)
			offer(o, must, s->at + c->min_days[must],
			    o->s[i][x].cost + c->move[i][must] +
			    c->day[must] * c->min_days[must],
			    o->s[i][x].step, s->at, 0);
		o->n[i] = 0;
	}
}

/* Covered days since it was read, by `from`: what was covered of a rest is
 * spread over it. */
static double
idle_at(const struct vt_past *p, size_t seen, double from)
{
	double before = seen > 0 ? p->e[seen - 1].at : p->from;
	double next = seen < p->count ? p->e[seen].at : p->to;
	double covered = seen < p->count ? p->e[seen].idle : p->tail_idle;

	return next > before ? covered * (from - before) / (next - before) :
	    0;
}

/* The least there is, and the step it came by last. */
static double
least_bill(struct vt_optimum *o, const struct vt_cost *c,
    const struct vt_past *p, const struct vt_reach *r, double score_from,
    size_t *step)
{
	double from = score_from > p->from ? score_from : p->from, t = from;
	double least = INFINITY, cost, next;
	size_t start = r->home, i, k, n;
	struct ahead ahead;

	memset(&ahead, 0, sizeof(ahead));
	memset(o->n, 0, sizeof(o->n));
	o->bound = *c;
	vt_reach_bar(r->barred, &o->bound);
	o->c = &o->bound;
	o->r = r;
	o->step_count = o->seen = 0;
	while (o->seen < p->count && p->e[o->seen].at < score_from)
		o->seen++;
	for (n = 0; n < r->steps && r->step[n].at <= from; n++) {
		vt_reach_bar(r->step[n].barred, &o->bound);
		start = r->step[n].home;
	}
	o->rested = from;
	o->idle = idle_at(p, o->seen, from);
	offer(o, start, from, 0, 0, from, 0);
	for (i = o->seen; i <= p->count; i++) {
		next = i < p->count ? p->e[i].at : p->to > t ? p->to : t;
		for (; n < r->steps && r->step[n].at <= next; n++) {
			pass(o, p, &ahead, t, r->step[n].at);
			change(o, &r->step[n]);
			t = r->step[n].at;
		}
		pass(o, p, &ahead, t, next);
		if (i < p->count)
			read_day(o, &p->e[i]);
		t = next;
	}
	for (k = 0; k < c->count; k++)
		for (i = 0; i < o->n[k]; i++) {
			cost = o->s[k][i].cost;
			/* no minimum is charged past the end, unless it
			 * is removed then */
			if (o->s[k][i].until > p->to && !r->ends)
				cost -= c->day[k] *
				    (o->s[k][i].until - p->to);
			if (cost < least) {
				least = cost;
				*step = o->s[k][i].step;
			}
		}
	return least;
}

/* Keeping and reading it on the step's tier, where that is billed by levels. */
static void
tell_levels(const struct vt_optimum *o, const struct vt_past *p,
    const struct step *s, size_t last, double end,
    const struct vt_spending *told)
{
	int is_first = s->before == (size_t)(s - o->steps);
	double idle = is_first ? idle_at(p, s->seen, s->at) : 0, t = s->at;
	const struct vt_event *e;
	size_t i;

	for (i = s->seen; i < last; i++) {
		e = &p->e[i];
		told->spend(told->ctx, t, e->at, keep(o, s->tier, t, idle, t,
		    e->at));
		told->spend(told->ctx, e->at, e->at, serve(o, s->tier, t,
		    idle, e));
		t = e->at;
		idle = 0;
	}
	told->spend(told->ctx, t, end, keep(o, s->tier, t, idle, t, end));
}

/* The stay that begins with a step and ends with `next`, or with the past. */
static void
tell_stay(const struct vt_optimum *o, const struct vt_past *p,
    const struct step *s, const struct step *next,
    const struct vt_spending *told)
{
	const struct vt_cost *c = o->c;
	double end = next != NULL ? next->at : p->to, least = 0, usd;
	size_t last = next != NULL ? next->seen - (size_t)next->promoted :
	    p->count, from = o->steps[s->before].tier, i;
	const struct vt_event *e;

	if (s->promoted) {
		e = &p->e[s->seen - 1];
		told->spend(told->ctx, s->at, s->at, vt_cost_serve_promote(c,
		    from, e->gets, e->bytes));
	} else if (s->before != (size_t)(s - o->steps)) {
		told->spend(told->ctx, s->at, s->at,
		    c->move[from][s->tier]);
	}
	if (s->before != (size_t)(s - o->steps))
		least = c->min_days[s->tier];
	if (has_levels(o, s->tier)) {
		tell_levels(o, p, s, last, end, told);
		return;
	}
	told->spend(told->ctx, s->at, end, c->day[s->tier] * (end - s->at));
	/* the rest of a minimum, but for what lies past the end */
	if ((next != NULL || o->r->ends) && least > end - s->at)
		told->spend(told->ctx, end, end,
		    c->day[s->tier] * (least - (end - s->at)));
	for (i = s->seen; i < last; i++) {
		e = &p->e[i];
		usd = vt_cost_serve(c, s->tier, e->gets, e->bytes);
		told->spend(told->ctx, e->at, e->at, usd);
	}
}

enum vt_code
vt_optimum_bound(struct vt_optimum *o, const struct vt_cost *c,
    const struct vt_past *p, const struct vt_reach *r, double score_from,
    const struct vt_spending *told, double *usd, struct vt_err *err)
{
	const struct step *next = NULL;
	size_t step = 0;

	o->steps_wanted = told != NULL;
	o->failed = 0;
	*usd = least_bill(o, c, p, r, score_from, &step);
	if (o->failed)
		return vt_fail(err, VT_NOMEM, "no memory for the optimum");
	while (told != NULL) {
		tell_stay(o, p, &o->steps[step], next, told);
		next = &o->steps[step];
		if (next->before == step)
			break;
		step = next->before;
	}
	return VT_OK;
}

double
vt_optimum_usd(struct vt_optimum *o, const struct vt_cost *c,
    const struct vt_past *p, size_t start, double score_from)
{
	struct vt_reach r = { .home = (unsigned char)start };
	size_t step, k;

	for (k = 0; k < c->count; k++)
		if (c->excluded[k] & VT_COST_BARRED)
			r.barred |= UINT32_C(1) << k;
	o->steps_wanted = 0;
	return least_bill(o, c, p, &r, score_from, &step);
}
