/*
 * An adversary: whoever moves an object to cheaper storage finds it read right
 * then, until it is back.  Against the work function, whose bound is proved,
 * and against the plan, which the guard binds to it.
 *
 * What is proved of the work function.  Be d the distances of K states, which
 * need not be symmetric, and psi the largest ratio of the length of a cycle of
 * states to that of the same cycle gone the other way round.  Then the cost is
 * at most (2K - 1) psi times the least possible one, and a constant.  For it
 * leaves s for t when w(s) = w(t) + d(t, s), w being the least that one who
 * ends there could have paid; so the tasks and the ways back, summed, are at
 * most (2K - 1) times the least, as they are for symmetric d, and the ways that
 * it goes at most psi times the ways back.
 *
 * Where vt-migrate copies, d(s, t) is what leaving s costs and what entering t
 * costs: every cycle is as long both ways, psi = 1, and 2K - 1 is proved for
 * any number of tiers, 3 for two.  Where the provider's transitions go down,
 * those differ, and psi is what the prices make of it: K - 1 at most, by the
 * triangle inequality, which is the O(K^2) that Borodin, Linial and Saks prove
 * for every task system ("An optimal on-line algorithm for metrical task
 * system", J. ACM 39(4), 1992).
 *
 * Conditions: each stay pays its minimum duration when it begins (d has it), so
 * the least is that of this metric, as w has it.  It is at most twice the
 * optimum, since of a stay of L days and a minimum of m it counts m + L and not
 * the larger one; so against the optimum twice the bound is proved.
 */
#ifndef ADVERSARY_H
#define ADVERSARY_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/work/contest.h"
#include "libvt/work/optimum.h"

#include "tests/unit/walk.h"

#define ADVERSARY_EVENTS 20000

struct adversary {
	unsigned demotions;
	size_t tiers;
	double usd, least, best;	/* its cost, least of the metric,
					   optimum */
	double psi, proved;		/* (2K - 1) psi */
	double constant;		/* dollars, beside it */
};

static double
adversary_distance(const struct vt_cost *c, size_t i, size_t j)
{
	return c->move[i][j] + c->day[j] * c->min_days[j];
}

/* The largest ratio over the simple cycles that go on from `path`. */
static double
adversary_psi(const struct vt_cost *c, size_t path[VT_COST_TIERS], size_t n,
    double there, double back)
{
	double worst = 1, x;
	size_t i, j, last = path[n - 1];

	if (n > 1) {
		x = (there + adversary_distance(c, last, path[0])) /
		    (back + adversary_distance(c, path[0], last));
		worst = x > worst ? x : worst;
	}
	for (j = 0; j < c->count; j++) {
		for (i = 0; i < n && path[i] != j; i++)
			;
		if (i < n || c->excluded[j])
			continue;
		path[n] = j;
		x = adversary_psi(c, path, n + 1,
		    there + adversary_distance(c, last, j),
		    back + adversary_distance(c, j, last));
		worst = x > worst ? x : worst;
	}
	return worst;
}

static void
adversary_bound(const struct vt_cost *c, struct adversary *a)
{
	size_t path[VT_COST_TIERS], i, j;
	double x;

	a->tiers = 0;
	a->psi = 1;
	a->constant = 0;
	for (i = 0; i < c->count; i++) {
		a->tiers += !c->excluded[i];
		path[0] = i;
		x = c->excluded[i] ? 1 : adversary_psi(c, path, 1, 0, 0);
		a->psi = x > a->psi ? x : a->psi;
		for (j = 0; j < c->count; j++)
			if (j != i && !c->excluded[i] && !c->excluded[j])
				a->constant += adversary_distance(c, i, j);
	}
	a->proved = (double)(2 * a->tiers - 1) * a->psi;
}

/* `rounds` demotions of an object under the work function, each followed by
 * reads of `part` of it, `gets` at a time, until it is back or `most` days
 * with reads have passed. */
static void
adversary_work(const struct vt_engine *e, const struct vt_cost *c,
    unsigned rounds, double part, double gets, unsigned most,
    struct vt_past *p, struct vt_optimum *o, struct adversary *a)
{
	double bytes = part * (double)c->size_bytes * gets;
	struct walk w;
	unsigned n;
	size_t k;

	memset(a, 0, sizeof(*a));
	adversary_bound(c, a);
	walk_begin(&w, e, c, p);
	while (a->demotions < rounds && p->count + most < ADVERSARY_EVENTS &&
	    walk_idle(&w, 36525, 1)) {
		a->demotions++;
		/* it may go up by itself after any of them */
		for (n = 0; n < most && w.s.at != 0; n++) {
			walk_read(&w, gets, bytes);
			walk_settle(&w);
		}
	}
	a->usd = w.usd;
	a->least = INFINITY;
	for (k = 0; k < c->count; k++)
		a->least = w.s.w[k] < a->least ? w.s.w[k] : a->least;
	a->best = vt_optimum_usd(o, c, p, 0, 0);
}

/* The same against the plan: objects all alike, read whenever a week ends in
 * which they were anywhere but on tier 0. */
struct adversary_plan {
	double plan, work, allowed, step, hot, best;
	double worst;		/* vt_contest_guard */
	unsigned reads;
};

#define ADVERSARY_WEEKS 156
#define ADVERSARY_OBJECTS 40

static enum vt_code
adversary_plan(const struct vt_cost_model *m, uint64_t size_bytes,
    double part, struct adversary_plan *a, struct vt_err *err)
{
	struct vt_past p = { .to = 7 * ADVERSARY_WEEKS,
	    .tail_idle = 7 * ADVERSARY_WEEKS };
	struct vt_sample *s = vt_sample_new(ADVERSARY_OBJECTS, 1000000);
	double bytes = part * (double)size_bytes, before = 0, day, dearest = 0;
	struct vt_contest_options o;
	struct vt_contest *k = NULL;
	struct vt_score plan;
	struct vt_cost c;
	enum vt_code rc = s == NULL ? VT_NOMEM : VT_OK;
	char key[16];
	size_t i, j, week = 0;
	int on;

	memset(a, 0, sizeof(*a));
	memset(&o, 0, sizeof(o));
	o.self_moving = -1;
	vt_cost_of(m, size_bytes, &c);
	for (i = 0; i < ADVERSARY_OBJECTS && rc == VT_OK; i++) {
		snprintf(key, sizeof(key), "p/%zu", i);
		rc = vt_sample_add(s, &p, size_bytes, "b", key, strlen(key), 0,
		    NULL, err);
	}
	if (rc == VT_OK) {
		vt_sample_finish(s);
		rc = vt_contest_new(m, s, &o, &k, err);
	}
	for (i = 0; i < ADVERSARY_OBJECTS && rc == VT_OK; i++) {
		struct vt_past *to = &vt_sample_at(s, i)->past;

		to->e = calloc(ADVERSARY_WEEKS, sizeof(*to->e));
		to->cap = ADVERSARY_WEEKS;
		rc = to->e == NULL ? VT_NOMEM : VT_OK;
	}
	for (on = rc == VT_OK; on; ) {
		on = vt_contest_step(k);
		vt_contest_score(k, vt_contest_count(k) - 1, &plan);
		day = (plan.storage - before) / 7 / ADVERSARY_OBJECTS;
		before = plan.storage;
		week++;
		if (!on || day > c.day[0] * 0.999)
			continue;
		a->reads++;
		for (i = 0; i < ADVERSARY_OBJECTS; i++) {
			struct vt_past *to = &vt_sample_at(s, i)->past;
			struct vt_event *v = &to->e[to->count];

			v->at = 7 * (double)week;
			v->idle = v->at - (to->count > 0 ?
			    to->e[to->count - 1].at : 0);
			v->gets = 1;
			v->bytes = bytes;
			to->count++;
			to->tail_idle = to->to - v->at;
		}
	}
	if (rc == VT_OK) {
		a->worst = vt_contest_guard(k);
		a->best = vt_contest_optimum(k);
		vt_contest_prefix_usd(k, 0, &a->plan, &a->hot, &a->work);
		for (i = 0; i < c.count; i++)
			for (j = 0; j < c.count; j++)
				if (!c.excluded[i] && !c.excluded[j] &&
				    adversary_distance(&c, i, j) > dearest)
					dearest = adversary_distance(&c, i, j);
		/* the guard's grace is a month and a move; what it cannot
		 * hinder is what one object does until it looks again, and
		 * that each finds its way to where the work function is */
		a->allowed = 1.2 * a->work + ADVERSARY_OBJECTS *
		    (c.day[0] * m->month_days + dearest);
		a->step = ADVERSARY_OBJECTS * 2 * dearest + 7 * c.day[0];
	}
	vt_contest_free(k);
	vt_sample_free(s);
	return rc;
}

#endif
