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

/* --- the function alone --------------------------------------------------- */

static double
distance(const struct vt_cost *c, size_t i, size_t j)
{
	return i == j ? 0 : c->excluded[j] ? INFINITY :
	    c->move[i][j] + c->day[j] * c->min_days[j];
}

/* One step is enough: going over a third tier is never cheaper. */
static void
close_over(const struct vt_cost *c, double w[VT_COST_TIERS])
{
	double v[VT_COST_TIERS], enter[VT_COST_TIERS], x;
	size_t i, j;

	memcpy(v, w, sizeof(v));
	/* loops of a known length are what a compiler makes vectors of; to
	 * stay costs nothing, and changes nothing */
	for (j = 0; j < VT_COST_TIERS; j++)
		enter[j] = c->excluded[j] ? INFINITY :
		    c->day[j] * c->min_days[j];
	for (i = 0; i < c->count; i++) {
		/* nobody can be there */
		if (v[i] > DBL_MAX)
			continue;
		for (j = 0; j < VT_COST_TIERS; j++) {
			x = v[i] + (c->move[i][j] + enter[j]);
			w[j] = x < w[j] ? x : w[j];
		}
	}
}

/* By how much w[at] must exceed w[j] before `at` is left for j; INFINITY:
 * never.  Where going and coming back is free, only cheaper storage is a
 * reason, or it would never come to rest. */
static double
threshold(const struct vt_cost *c, size_t at, size_t j, double down)
{
	double go = distance(c, at, j), back = distance(c, j, at);

	if (j == at || c->excluded[j])
		return INFINITY;
	if (c->excluded[at])
		back = c->move[j][at];
	if (c->day[j] < c->day[at])
		return down * back - (1 - down) * go;
	return go + back > 0 ? back : INFINITY;
}

void
vt_workfn_begin(const struct vt_cost *c, size_t at, double w[VT_COST_TIERS])
{
	size_t k;

	for (k = 0; k < c->count; k++)
		w[k] = distance(c, at, k);
}

void
vt_workfn_idle(const struct vt_cost *c, double w[VT_COST_TIERS], double days)
{
	size_t k;

	for (k = 0; k < c->count; k++)
		w[k] += c->day[k] * days;
	close_over(c, w);
}

void
vt_workfn_read(const struct vt_cost *c, double w[VT_COST_TIERS], double gets,
    double bytes, int promote, double *spent)
{
	double hot = INFINITY, x;
	size_t k;

	for (k = 0; k < c->count; k++) {
		if (spent == NULL && w[k] > DBL_MAX)
			continue;
		if (promote && k > 0) {
			x = w[k] + vt_cost_serve_promote(c, k, gets, bytes);
			hot = x < hot ? x : hot;
		}
		x = vt_cost_serve(c, k, gets, bytes);
		w[k] += x;
		if (spent != NULL)
			spent[k] += x;
	}
	if (hot < w[0])
		w[0] = hot;
	close_over(c, w);
}

void
vt_workfn_force(const struct vt_cost *c, double w[VT_COST_TIERS],
    size_t must)
{
	double x;
	size_t i;

	close_over(c, w);
	for (i = 0; i < must; i++) {
		x = w[i] + c->move[i][must] +
		    c->day[must] * c->min_days[must];
		w[must] = x < w[must] ? x : w[must];
		w[i] = INFINITY;
	}
}

size_t
vt_workfn_want(const struct vt_cost *c, const double w[VT_COST_TIERS],
    size_t at, double down)
{
	double best = INFINITY, x;
	size_t to = at, j;

	for (j = 0; j < c->count; j++) {
		if (j == at || c->excluded[j] ||
		    !reaches(w[at] - w[j], threshold(c, at, j, down)))
			continue;
		x = w[j] + distance(c, at, j);
		if (x < best) {
			best = x;
			to = j;
		}
	}
	return to;
}

double
vt_workfn_patience(const struct vt_cost *c, const double w[VT_COST_TIERS],
    size_t at, double down)
{
	double days = INFINITY, rate, t;
	size_t j;

	/* The w grow linearly while idle, so each tier's turn comes at a
	 * time that can be told; over a third tier it never comes sooner. */
	for (j = 0; j < c->count; j++) {
		rate = c->day[at] - c->day[j];
		if (j == at || c->excluded[j] || rate <= 0)
			continue;
		t = (threshold(c, at, j, down) - (w[at] - w[j])) / rate;
		days = t < days ? t : days;
	}
	return days;
}

/* --- with reasons --------------------------------------------------------- */

static void
note_evidence(struct vt_work *w)
{
	size_t n = w->cost->count, i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			if (reaches(w->w[j], w->w[i] +
			    distance(w->cost, i, j))) {
				w->since[i][j] = w->clock;
				w->base[i][j] = w->spent[i] - w->spent[j];
			}
}

void
vt_work_init(struct vt_work *w, const struct vt_cost *c, size_t start)
{
	memset(w, 0, sizeof(*w));
	w->cost = c;
	w->at = start;
	vt_workfn_begin(c, start, w->w);
}

static void
pass_days(struct vt_work *w, double days)
{
	size_t i;

	w->clock += days;
	for (i = 0; i < w->cost->count; i++)
		w->spent[i] += w->cost->day[i] * days;
	vt_workfn_idle(w->cost, w->w, days);
	note_evidence(w);
	w->at = vt_workfn_want(w->cost, w->w, w->at, 1);
}

void
vt_work_idle(struct vt_work *w, double days)
{
	double wait;
	size_t moves;

	/* It only goes to cheaper storage while idle, so each tier once. */
	for (moves = 0; days > 0 && moves < w->cost->count; moves++) {
		wait = vt_workfn_patience(w->cost, w->w, w->at, 1);
		if (wait < 0)
			wait = 0;
		if (!(wait < days))
			break;
		pass_days(w, wait);
		days -= wait;
	}
	if (days > 0)
		pass_days(w, days);
}

void
vt_work_read(struct vt_work *w, double gets, double bytes)
{
	if (gets <= 0)
		return;
	vt_workfn_read(w->cost, w->w, gets, bytes, 0, w->spent);
	w->last_read = w->clock;
	note_evidence(w);
	w->at = vt_workfn_want(w->cost, w->w, w->at, 1);
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
