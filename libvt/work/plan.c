#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/work/plan.h"
#include "libvt/work/promote.h"

#define DAY_US 86400e6

/* Sums of dollars differ in the last bits by the order of adding: equality
 * within this share of the larger. */
#define CLOSE 1e-9

/* --- the past ------------------------------------------------------------- */

/* Of days, which are far from the limits of an int64_t. */
static double
whole_below(double x)
{
	double n = (double)(int64_t)x;

	return n > x ? n - 1 : n;
}

void
vt_past_init(struct vt_past *p)
{
	memset(p, 0, sizeof(*p));
}

void
vt_past_release(struct vt_past *p)
{
	free(p->e);
	memset(p, 0, sizeof(*p));
}

/* Days of [a, b] that the log covered. */
static double
covered(const struct vt_scan_record *r, double a, double b)
{
	double days = b - a, from, to;
	size_t i;

	for (i = 0; i < r->gap_count; i++) {
		from = (double)r->gaps[i].from_us / DAY_US;
		to = from + (double)r->gaps[i].length_us / DAY_US;
		if (from < a)
			from = a;
		if (to > b)
			to = b;
		if (to > from)
			days -= to - from;
	}
	return days > 0 ? days : 0;
}

static int
add_event(struct vt_past *p, const struct vt_scan_record *r, double at,
    double gets, double bytes)
{
	double before = p->count > 0 ? p->e[p->count - 1].at : p->from;
	struct vt_event *e;

	if (p->count == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 256;

		e = realloc(p->e, cap * sizeof(*e));
		if (e == NULL)
			return -1;
		p->e = e;
		p->cap = cap;
	}
	if (at < before)
		at = before;
	if (at > p->to)
		at = p->to;
	e = &p->e[p->count++];
	e->at = at;
	e->idle = covered(r, before, at);
	e->gets = gets;
	e->bytes = bytes;
	return 0;
}

enum vt_code
vt_past_fill(struct vt_past *p, const struct vt_scan_record *r,
    int64_t until_us, struct vt_err *err)
{
	int64_t to = r->covered_to_us < until_us ? r->covered_to_us : until_us;
	int64_t from = r->covered_from_us;
	const struct vt_heat_day *h;
	double last_day, span, last;
	size_t i;
	uint32_t k;

	p->count = 0;
	p->created = (double)r->mtime_us / DAY_US;
	if (from < r->mtime_us)
		from = r->mtime_us;
	if (to < from)
		to = from;
	p->from = (double)from / DAY_US;
	p->to = (double)to / DAY_US;
	last_day = whole_below(p->to);
	for (i = 0; i < r->h_count; i++) {
		h = &r->h[i];
		span = h->days > 1 ?
		    (double)(h->last - h->day) / (h->days - 1) : 0;
		/* Accesses of days before the log's first whole one are
		 * heat all the same; they happened at its start. */
		for (k = 0; k < h->days; k++) {
			double day = whole_below(h->day + span * k + 0.5);

			if (day > last_day)
				break;
			if (add_event(p, r, day + 0.5,
			    (double)h->gets / h->days,
			    (double)h->bytes / h->days) < 0)
				return vt_fail(err, VT_NOMEM,
				    "no memory for a history");
		}
	}
	last = p->count > 0 ? p->e[p->count - 1].at : p->from;
	p->tail_idle = covered(r, last, p->to);
	return VT_OK;
}

/* --- the work function ---------------------------------------------------- */

static int
reaches(double a, double b)
{
	return a >= b - CLOSE * (fabs(a) + fabs(b)) - DBL_MIN;
}

static void
note_evidence(struct vt_work *w)
{
	size_t n = w->cost->count, i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			if (reaches(w->w[j], w->w[i] + w->d[i][j])) {
				w->since[i][j] = w->clock;
				w->base[i][j] = w->spent[i] - w->spent[j];
			}
}

static void
close_over(struct vt_work *w)
{
	size_t n = w->cost->count, i, j;
	double v[VT_COST_TIERS];

	/* One step is enough: going over a third tier is never cheaper. */
	memcpy(v, w->w, sizeof(v));
	for (j = 0; j < n; j++)
		for (i = 0; i < n; i++)
			if (v[i] + w->d[i][j] < w->w[j])
				w->w[j] = v[i] + w->d[i][j];
	note_evidence(w);
}

/* May it leave `at` for j, ever?  Where going and coming back is free, only
 * cheaper storage is a reason, or it would never come to rest. */
static int
may_leave(const struct vt_work *w, size_t at, size_t j)
{
	return j != at && !w->cost->excluded[j] &&
	    (w->d[at][j] + w->d[j][at] > 0 ||
	    w->cost->day[j] < w->cost->day[at]);
}

/* Go where the work function says by now. */
static void
settle(struct vt_work *w)
{
	size_t n = w->cost->count, at = w->at, to = at, j;
	double best = INFINITY;

	for (j = 0; j < n; j++)
		if (may_leave(w, at, j) &&
		    reaches(w->w[at] - w->w[j], w->d[j][at]) &&
		    w->w[j] + w->d[at][j] < best) {
			best = w->w[j] + w->d[at][j];
			to = j;
		}
	w->at = to;
}

void
vt_work_init(struct vt_work *w, const struct vt_cost *c, size_t start,
    double minimums)
{
	size_t i, j;

	memset(w, 0, sizeof(*w));
	w->cost = c;
	w->at = start;
	for (i = 0; i < c->count; i++)
		for (j = 0; j < c->count; j++) {
			if (i == j)
				continue;
			if (c->excluded[j])
				w->d[i][j] = INFINITY;
			else
				w->d[i][j] = c->move[i][j] + minimums *
				    c->day[j] * c->min_days[j];
		}
	for (i = 0; i < c->count; i++)
		w->w[i] = w->d[start][i];
}

double
vt_work_patience(const struct vt_work *w)
{
	const struct vt_cost *c = w->cost;
	size_t at = w->at, j;
	double days = INFINITY, rate, t;

	/* The w grow linearly while idle, so each tier's turn comes at a
	 * time that can be told; over a third tier it never comes sooner. */
	for (j = 0; j < c->count; j++) {
		rate = c->day[at] - c->day[j];
		if (rate <= 0 || !may_leave(w, at, j))
			continue;
		t = (w->d[j][at] - (w->w[at] - w->w[j])) / rate;
		if (t < days)
			days = t;
	}
	return days > 0 ? days : 0;
}

static void
pass_days(struct vt_work *w, double days)
{
	size_t i;

	w->clock += days;
	for (i = 0; i < w->cost->count; i++) {
		w->w[i] += w->cost->day[i] * days;
		w->spent[i] += w->cost->day[i] * days;
	}
	close_over(w);
}

void
vt_work_idle(struct vt_work *w, double days)
{
	double wait;
	size_t moves;

	/* It only goes to cheaper storage while idle, so each tier once. */
	for (moves = 0; days > 0 && moves < w->cost->count; moves++) {
		wait = vt_work_patience(w);
		if (!(wait < days))
			break;
		pass_days(w, wait);
		settle(w);
		days -= wait;
	}
	if (days > 0) {
		pass_days(w, days);
		settle(w);
	}
}

void
vt_work_read(struct vt_work *w, double gets, double bytes, int promote)
{
	const struct vt_cost *c = w->cost;
	double hot = INFINITY, cost;
	size_t i;

	if (gets <= 0)
		return;
	for (i = 0; i < c->count; i++) {
		if (promote && i != 0) {
			cost = w->w[i] +
			    vt_cost_serve_promote(c, i, gets, bytes);
			if (cost < hot)
				hot = cost;
		}
		cost = vt_cost_serve(c, i, gets, bytes);
		w->w[i] += cost;
		w->spent[i] += cost;
	}
	if (hot < w->w[0])
		w->w[0] = hot;
	w->last_read = w->clock;
	close_over(w);
	settle(w);
}

void
vt_work_choose(const struct vt_work *w, size_t at, double stayed,
    struct vt_choice *out)
{
	const struct vt_cost *c = w->cost;
	size_t to = w->at;
	double early, saved, rest;

	memset(out, 0, sizeof(*out));
	out->to = to;
	if (to == at)
		return;
	early = vt_cost_early(c, at, stayed);
	out->cost = c->move[at][to] + early;
	saved = w->spent[at] - w->spent[to] - w->base[at][to];
	out->evidence_days = w->clock - w->since[at][to];
	/* The rest since the last read may be the better evidence. */
	rest = w->clock - w->last_read;
	if ((c->day[at] - c->day[to]) * rest > saved) {
		saved = (c->day[at] - c->day[to]) * rest;
		out->evidence_days = rest;
	}
	/* A burst of reads is no shorter than the day it is known by. */
	if (out->evidence_days < 1)
		out->evidence_days = 1;
	out->saving_day = saved / out->evidence_days;
	/* Until the new tier's minimum is over the old one's storage is
	 * saved, the new one's is not to be had back. */
	out->payback_days = (out->cost + c->day[to] * c->min_days[to]) /
	    (out->saving_day + c->day[to]);
	if (out->payback_days > c->min_days[to])
		out->payback_days = out->saving_day > 0 ?
		    out->cost / out->saving_day : INFINITY;
	if (early > 0 && c->day[to] < c->day[at])
		out->why = VT_WAIT_MINIMUM;
	else if (out->payback_days > out->evidence_days * (1 + CLOSE))
		out->why = VT_WAIT_PAYBACK;
	else
		out->why = VT_GO;
}

/* --- replays -------------------------------------------------------------- */

/* The tier an object is on in a replay, and its bill. */
struct stay {
	const struct vt_cost *c;
	struct vt_replay *r;
	size_t at;
	double entered, paid_to;
	double rent;		/* of reads since it came, see promote.h */
};

static void
stay_begin(struct stay *s, const struct vt_cost *c, double from,
    struct vt_replay *r)
{
	memset(r, 0, sizeof(*r));
	s->c = c;
	s->r = r;
	s->rent = 0;
	s->at = 0;
	/* whatever minimum tier 0 has was served before */
	s->entered = from - c->min_days[0];
	s->paid_to = from;
}

static void
stay_until(struct stay *s, double t)
{
	if (t <= s->paid_to)
		return;
	s->r->storage += s->c->day[s->at] * (t - s->paid_to);
	s->paid_to = t;
}

static void
stay_move(struct stay *s, double t, size_t to, double cost)
{
	stay_until(s, t);
	s->r->moving += cost + vt_cost_early(s->c, s->at, t - s->entered);
	s->r->moves++;
	s->at = to;
	s->entered = t;
	s->rent = 0;
}

static void
stay_end(struct stay *s, double t)
{
	stay_until(s, t);
	s->r->end = s->at;
	s->r->usd = s->r->storage + s->r->reads + s->r->moving;
}

void
vt_replay_hot(const struct vt_cost *c, const struct vt_past *p,
    double score_from, struct vt_replay *out)
{
	struct stay s;
	size_t i;

	stay_begin(&s, c, score_from > p->from ? score_from : p->from, out);
	for (i = 0; i < p->count; i++)
		if (p->e[i].at >= score_from)
			out->reads += vt_cost_serve(c, 0, p->e[i].gets,
			    p->e[i].bytes);
	stay_end(&s, p->to);
}

void
vt_replay_age(const struct vt_cost *c, const struct vt_past *p,
    double score_from, const double *days, const size_t *tiers, size_t count,
    uint64_t min_size, struct vt_replay *out)
{
	double from = score_from > p->from ? score_from : p->from, t;
	struct stay s;
	size_t i, k;

	if (c->size_bytes < min_size)
		count = 0;
	stay_begin(&s, c, from, out);
	/* What is past the second age at the start goes there directly. */
	for (k = 0; k + 1 < count && p->created + days[k + 1] <= from; )
		k++;
	for (i = 0; i <= p->count; i++) {
		double until = i < p->count ? p->e[i].at : p->to;

		for (; k < count; k++) {
			t = p->created + days[k];
			if (t < from)
				t = from;
			if (t >= until)
				break;
			stay_move(&s, t, tiers[k], c->move[s.at][tiers[k]]);
		}
		if (i < p->count && until >= score_from) {
			stay_until(&s, until);
			out->reads += vt_cost_serve(c, s.at, p->e[i].gets,
			    p->e[i].bytes);
		}
	}
	stay_end(&s, p->to);
}

/* Storage of [a, b] in a self-moving class, idle since `since`. */
static double
auto_storage(const struct vt_price *p, double gb, double month_days,
    double since, double a, double b)
{
	double usd = 0, from, to;
	size_t i;

	for (i = 0; i < p->level_count; i++) {
		from = since + p->level[i].idle_days;
		to = i + 1 < p->level_count ?
		    since + p->level[i + 1].idle_days : INFINITY;
		if (from < a)
			from = a;
		if (to > b)
			to = b;
		if (to > from)
			usd += p->level[i].storage_gb_month * gb *
			    (to - from) / month_days;
	}
	return usd;
}

void
vt_replay_auto(const struct vt_cost_model *m, const struct vt_price *price,
    uint64_t size_bytes, const struct vt_past *p, double score_from,
    struct vt_replay *out)
{
	double from = score_from > p->from ? score_from : p->from;
	double gb = (double)size_bytes / m->bytes_per_gb;
	double since = p->from, t = from;
	struct vt_price flat = *price;
	size_t i;

	memset(out, 0, sizeof(*out));
	if (p->created < from) {
		out->moving += price->transition;
		out->moves++;
	}
	if (size_bytes < price->monitor_min_bytes)
		flat.level_count = 1;
	else
		out->storage += price->monitor_month * (p->to - from) /
		    m->month_days;
	for (i = 0; i < p->count; i++) {
		if (p->e[i].at < score_from) {
			since = p->e[i].at;
			continue;
		}
		out->storage += auto_storage(&flat, gb, m->month_days, since,
		    t, p->e[i].at);
		out->reads += p->e[i].gets * price->get + p->e[i].bytes *
		    (price->retrieval_gb + m->tier[0].read_gb) /
		    m->bytes_per_gb;
		since = t = p->e[i].at;
	}
	out->storage += auto_storage(&flat, gb, m->month_days, since, t,
	    p->to);
	out->usd = out->storage + out->reads + out->moving;
}

/* A plan is run at time `t`. */
static void
replay_tick(const struct vt_work *w, struct stay *s,
    const struct vt_replay_options *o, double t)
{
	struct vt_choice c;

	if (w->at == s->at || w->clock < o->min_history)
		return;
	vt_work_choose(w, s->at, t - s->entered, &c);
	if (c.why == VT_GO || o->plain)
		stay_move(s, t, c.to, s->c->move[s->at][c.to]);
}

/*
 * Plans run while nobody reads: from `a` to `b`, `idle` of it covered, the
 * uncovered part first.  While the object is where the algorithm is, nothing
 * happens until that moves on.
 */
static void
replay_idle(struct vt_work *w, struct stay *s,
    const struct vt_replay_options *o, double a, double b, double idle)
{
	double left = idle, t = b - idle, wait;

	if (t < a)
		t = a;
	while (left > 0) {
		wait = w->at == s->at ? vt_work_patience(w) : 0;
		if (wait >= left)
			break;
		if (o->tick > 0)
			wait = (whole_below((t + wait) / o->tick) + 1) *
			    o->tick - t;
		else if (w->at != s->at)
			wait = 1;	/* refused: asked again a day later */
		if (wait > left)
			break;
		vt_work_idle(w, wait);
		left -= wait;
		t += wait;
		replay_tick(w, s, o, t);
	}
	vt_work_idle(w, left);
}

/* The reads of a day: served from where the object is until, with `promote`,
 * they have paid for bringing it back, as vt-serve does (promote.h). */
static void
replay_read(struct vt_work *w, struct stay *s,
    const struct vt_replay_options *o, const struct vt_event *e)
{
	double n, each = e->gets > 0 ? e->bytes / e->gets : 0;

	stay_until(s, e->at);
	vt_work_read(w, e->gets, e->bytes, o->promote);
	if (o->promote && s->at != 0) {
		n = vt_rent_reads_until(s->c, s->at, e->gets, each,
		    vt_cost_early(s->c, s->at, e->at - s->entered), &s->rent);
		if (n <= e->gets) {
			s->r->reads += vt_cost_serve(s->c, s->at, n,
			    n * each) + vt_cost_serve(s->c, 0, e->gets - n,
			    (e->gets - n) * each);
			stay_move(s, e->at, 0, s->c->move[s->at][0]);
			return;
		}
	}
	s->r->reads += vt_cost_serve(s->c, s->at, e->gets, e->bytes);
	/* the textbook does not wait for a plan */
	if (o->tick <= 0)
		replay_tick(w, s, o, e->at);
}

void
vt_replay_plan(const struct vt_cost *c, const struct vt_past *p,
    double score_from, const struct vt_replay_options *o,
    struct vt_replay *out)
{
	double before = p->from, at, idle, head;
	struct vt_work w;
	struct stay s;
	size_t i;

	vt_work_init(&w, c, 0, o->minimums);
	stay_begin(&s, c, score_from > p->from ? score_from : p->from, out);
	for (i = 0; i <= p->count; i++) {
		at = i < p->count ? p->e[i].at : p->to;
		idle = i < p->count ? p->e[i].idle : p->tail_idle;
		head = idle;
		if (at >= score_from)
			head = before < score_from ?
			    idle - (at - score_from) : 0;
		if (head > 0) {
			/* known, but not billed */
			vt_work_idle(&w, head);
			idle -= head;
		}
		if (at >= score_from)
			replay_idle(&w, &s, o, before < score_from ?
			    score_from : before, at, idle);
		before = at;
		if (i == p->count)
			break;
		if (at >= score_from)
			replay_read(&w, &s, o, &p->e[i]);
		else
			vt_work_read(&w, p->e[i].gets, p->e[i].bytes,
			    o->promote);
	}
	stay_end(&s, p->to);
}

/* --- the optimum ---------------------------------------------------------- *
 * Forward over time, per tier the Pareto set of (paid until, cost): entering
 * a tier pays its minimum at once and storage is free until then, so waiting
 * costs nothing while the minimum lasts.  Moving is best at one of: after a
 * read, when a minimum has passed, just before a read, or so that the
 * minimum of the new tier ends with a read (moves to dearer storage alone).
 */

/* Far beyond what traces need (1 to 5); when it is reached the longest-paid
 * state is dropped, and the result is what somebody really could pay, which
 * may be more than the least. */
#define STATES 256

struct state {
	double until, cost;
};

struct vt_optimum {
	const struct vt_cost *c;
	struct state s[VT_COST_TIERS][STATES];	/* both ascending */
	size_t n[VT_COST_TIERS];
};

struct vt_optimum *
vt_optimum_new(void)
{
	return calloc(1, sizeof(struct vt_optimum));
}

void
vt_optimum_free(struct vt_optimum *o)
{
	free(o);
}

/* Add a state of tier k unless another is as good; drop those it beats.  A
 * state paid for less time is as good when paying as it goes costs no more. */
static void
offer(struct vt_optimum *o, size_t k, double until, double cost)
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

			s[i].cost += o->c->day[k] * (t - paid);
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
	size_t i, j, x;

	for (i = 0; i < c->count; i++) {
		double least = INFINITY;

		for (x = 0; x < o->n[i]; x++)
			if (o->s[i][x].cost < least)
				least = o->s[i][x].cost;
		if (!isfinite(least))
			continue;
		for (j = 0; j < c->count; j++)
			if (j != i && !c->excluded[j] &&
			    (!up || c->day[j] > c->day[i]))
				offer(o, j, t + c->min_days[j], least +
				    c->move[i][j] +
				    c->day[j] * c->min_days[j]);
	}
}

/* From `a` to `b` with no read between; `ahead` walks the reads whose
 * distance to some minimum may make them the end of one. */
static void
pass(struct vt_optimum *o, const struct vt_past *p, size_t ahead[],
    double a, double b)
{
	const struct vt_cost *c = o->c;
	double t = a, next;
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
			while (ahead[k] < p->count &&
			    p->e[ahead[k]].at - c->min_days[k] <= t)
				ahead[k]++;
			if (ahead[k] < p->count &&
			    p->e[ahead[k]].at - c->min_days[k] < next) {
				next = p->e[ahead[k]].at - c->min_days[k];
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
	double hot = INFINITY, serve, promote, cost;
	size_t k, i;

	for (k = 0; k < c->count; k++) {
		serve = vt_cost_serve(c, k, e->gets, e->bytes);
		promote = vt_cost_serve_promote(c, k, e->gets, e->bytes);
		for (i = 0; i < o->n[k]; i++) {
			cost = o->s[k][i].cost + promote;
			if (k != 0 && cost < hot)
				hot = cost;
			o->s[k][i].cost += serve;
		}
	}
	if (isfinite(hot) && !c->excluded[0])
		offer(o, 0, e->at + c->min_days[0],
		    hot + c->day[0] * c->min_days[0]);
}

double
vt_optimum_usd(struct vt_optimum *o, const struct vt_cost *c,
    const struct vt_past *p, double score_from)
{
	double from = score_from > p->from ? score_from : p->from, t = from;
	double least = INFINITY, cost;
	size_t ahead[VT_COST_TIERS] = { 0 }, i, k;

	o->c = c;
	memset(o->n, 0, sizeof(o->n));
	offer(o, 0, from, 0);
	for (i = 0; i < p->count; i++) {
		if (p->e[i].at < score_from)
			continue;
		pass(o, p, ahead, t, p->e[i].at);
		read_day(o, &p->e[i]);
		t = p->e[i].at;
	}
	pass(o, p, ahead, t, p->to > t ? p->to : t);
	for (k = 0; k < c->count; k++)
		for (i = 0; i < o->n[k]; i++) {
			cost = o->s[k][i].cost;
			/* no minimum is charged past the end */
			if (o->s[k][i].until > p->to)
				cost -= c->day[k] *
				    (o->s[k][i].until - p->to);
			if (cost < least)
				least = cost;
		}
	return least;
}

/* --- planning ------------------------------------------------------------- */

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
	explain_choice(m, r, out);
}
