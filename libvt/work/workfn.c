#include <float.h>
#include <math.h>
#include <string.h>

#include "libvt/work/workfn.h"

/* Sums of dollars differ in the last bits by the order of adding: equality
 * within this share of the larger. */
#define CLOSE 1e-9

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

double
vt_work_payback(double cost, double saving_day, double day, double min_days)
{
	/* Until the new tier's minimum is over the old one's storage is
	 * saved, the new one's is not to be had back. */
	double all = saving_day + day;
	double days = all > 0 ? (cost + day * min_days) / all : INFINITY;

	if (days > min_days)
		days = saving_day > 0 ? cost / saving_day : INFINITY;
	return days;
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
	out->payback_days = vt_work_payback(out->cost, out->saving_day,
	    c->day[to], c->min_days[to]);
	if (early > 0 && c->day[to] < c->day[at])
		out->why = VT_WAIT_MINIMUM;
	else if (out->payback_days > out->evidence_days * (1 + CLOSE))
		out->why = VT_WAIT_PAYBACK;
	else
		out->why = VT_GO;
}
