/*
 * The planner: the optimum against brute force, the work function against its
 * definition and its bound, and the promises that a plan must keep.
 */
#include <math.h>
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/work/plan.h"

#include "tests/unit/test.h"

#define DAY_US INT64_C(86400000000)

static uint64_t seed = 88172645463325252u;

static unsigned
rnd(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % below;
}

static double
least(double a, double b)
{
	return a < b ? a : b;
}

static double
money(unsigned steps, double step)
{
	return rnd(steps) * step;
}

/* --- brute force ---------------------------------------------------------- */

/* A bill with small whole minimums, so that a grid of days is exact. */
static void
random_cost(struct vt_cost *c, size_t tiers, unsigned min_max)
{
	size_t i, j, k;

	memset(c, 0, sizeof(*c));
	c->count = tiers;
	c->size_bytes = 1000;
	for (i = 0; i < tiers; i++) {
		c->day[i] = i == 0 ? 10 : 1 + money(9, 1);
		c->min_days[i] = i == 0 || min_max == 0 ? 0 : rnd(min_max + 1);
		c->get[i] = i == 0 ? 0.1 : money(20, 0.1);
		c->byte[i] = i == 0 ? 0 : money(20, 0.002);
		c->needs_restore[i] = i > 0 && rnd(6) == 0;
		c->restore[i] = c->needs_restore[i] ? money(30, 0.5) : 0;
		c->promote[i] = i == 0 ? 0 : money(4, 8);
	}
	for (i = 0; i < tiers; i++)
		for (j = 0; j < tiers; j++)
			c->move[i][j] = i == j ? 0 : c->restore[i] +
			    c->get[i] + c->byte[i] * 1000 + 0.5 +
			    money(10, 0.2);
	/* going over a third tier at once is never cheaper */
	for (k = 0; k < tiers; k++)
		for (i = 0; i < tiers; i++)
			for (j = 0; j < tiers; j++)
				c->move[i][j] = least(c->move[i][j],
				    c->move[i][k] + c->move[k][j]);
}

static void
random_past(struct vt_past *p, unsigned days, unsigned one_in, int partial)
{
	unsigned d;

	p->created = p->from = 0;
	p->to = days;
	p->count = 0;
	for (d = 0; d < days; d++)
		if (rnd(one_in) == 0) {
			struct vt_event *e = &p->e[p->count++];

			e->at = d;
			e->gets = 1 + rnd(3);
			e->bytes = e->gets * (partial && rnd(2) ? 10 : 1000);
			e->idle = p->count > 1 ? d - p->e[p->count - 2].at : d;
		}
	p->tail_idle = days - (p->count ? p->e[p->count - 1].at : 0);
}

/* Each whole day any move, before and after the day's reads: every sequence
 * of decisions is walked, nothing remembered. */
static double
try_all(const struct vt_cost *c, const struct vt_past *p, unsigned day,
    size_t at, double stayed, int phase, size_t event, double spent,
    double *best)
{
	size_t j;

	if (spent >= *best)
		return *best;
	if (phase == 0 || phase == 2)		/* maybe move */
		for (j = 0; j < c->count; j++)
			if (j != at)
				try_all(c, p, day, j, 0, phase + 1, event,
				    spent + c->move[at][j] +
				    vt_cost_early(c, at, stayed), best);
	if (phase <= 1) {			/* the reads */
		if (event == p->count || p->e[event].at != day)
			return try_all(c, p, day, at, stayed, 2, event, spent,
			    best);
		if (at != 0)
			try_all(c, p, day, 0, 0, 2, event + 1, spent +
			    vt_cost_serve_promote(c, at, p->e[event].gets,
			    p->e[event].bytes) + vt_cost_early(c, at, stayed),
			    best);
		return try_all(c, p, day, at, stayed, 2, event + 1, spent +
		    vt_cost_serve(c, at, p->e[event].gets,
		    p->e[event].bytes), best);
	}
	spent += c->day[at];
	stayed += 1;
	if (day + 1 == (unsigned)p->to) {
		if (spent < *best)
			*best = spent;
		return *best;
	}
	return try_all(c, p, day + 1, at, stayed, 0, event, spent, best);
}

/* The same, day by day over (tier, days stayed): for longer pasts. */
#define STAY 40
typedef double grid[VT_COST_TIERS][STAY + 1];

static void
grid_move(const struct vt_cost *c, grid v, grid n)
{
	size_t i, j;
	int s;

	for (i = 0; i < c->count; i++)
		for (s = 0; s <= STAY; s++)
			for (j = 0; j < c->count; j++)
				if (j != i)
					n[j][0] = least(n[j][0], v[i][s] +
					    vt_cost_early(c, i, s) +
					    c->move[i][j]);
}

static void
grid_read(const struct vt_cost *c, const struct vt_event *e, grid v, grid n)
{
	size_t i;
	int s;

	for (i = 0; i < c->count; i++)
		for (s = 0; s <= STAY; s++)
			n[i][s] = v[i][s] +
			    vt_cost_serve(c, i, e->gets, e->bytes);
	for (i = 1; i < c->count; i++)
		for (s = 0; s <= STAY; s++)
			n[0][0] = least(n[0][0], v[i][s] +
			    vt_cost_early(c, i, s) +
			    vt_cost_serve_promote(c, i, e->gets, e->bytes));
}

static double
by_grid(const struct vt_cost *c, const struct vt_past *p)
{
	static grid v, n;
	double best = INFINITY;
	size_t i, e = 0;
	unsigned day;
	int s, step;

	for (i = 0; i < c->count; i++)
		for (s = 0; s <= STAY; s++)
			v[i][s] = INFINITY;
	v[0][STAY] = 0;
	for (day = 0; day < (unsigned)p->to; day++) {
		int read = e < p->count && p->e[e].at == day;

		for (step = 0; step < 3; step++) {
			memcpy(n, v, sizeof(n));
			if (step == 1 && read)
				grid_read(c, &p->e[e++], v, n);
			else if (step != 1)
				grid_move(c, v, n);
			memcpy(v, n, sizeof(n));
		}
		for (i = 0; i < c->count; i++) {
			for (s = 0; s <= STAY; s++)
				n[i][s] = INFINITY;
			for (s = 0; s <= STAY; s++) {
				int to = s < STAY ? s + 1 : STAY;

				n[i][to] = least(n[i][to], v[i][s] +
				    c->day[i]);
			}
		}
		memcpy(v, n, sizeof(n));
	}
	for (i = 0; i < c->count; i++)
		for (s = 0; s <= STAY; s++)
			best = least(best, v[i][s]);
	return best;
}

static int
same(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (1 + fabs(a) + fabs(b));
}

static void
test_optimum(struct vt_past *p, struct vt_optimum *o)
{
	struct vt_cost c;
	int i, bad = 0, bad_grid = 0;
	double best, got;

	for (i = 0; i < 3000; i++) {
		random_cost(&c, 2 + rnd(2), 4);
		random_past(p, 4 + rnd(c.count == 2 ? 3 : 2), 2, 1);
		best = INFINITY;
		try_all(&c, p, 0, 0, 100, 0, 0, 0, &best);
		got = vt_optimum_usd(o, &c, p, 0);
		if (!same(got, best))
			bad++;
		if (!same(by_grid(&c, p), best))
			bad_grid++;
	}
	is_int(bad, 0, "the optimum equals every-decision search, 3000 cases");
	is_int(bad_grid, 0, "so does the grid of days");
	for (i = bad = 0; i < 8000; i++) {
		random_cost(&c, 2 + rnd(3), 1 + rnd(30));
		random_past(p, 10 + rnd(90), 1 + rnd(20), 1);
		got = vt_optimum_usd(o, &c, p, 0);
		if (!same(got, by_grid(&c, p)) && bad++ == 0)
			printf("# tiers %zu days %g reads %zu: %.9g, "
			    "grid %.9g\n", c.count, p->to, p->count, got,
			    by_grid(&c, p));
	}
	is_int(bad, 0, "and the grid over up to 100 days, 8000 cases");
}

int
main(void)
{
	struct vt_optimum *o = vt_optimum_new();
	struct vt_past p;

	vt_past_init(&p);
	p.cap = 4096;
	p.e = calloc(p.cap, sizeof(*p.e));
	if (p.e == NULL || o == NULL)
		return 1;
	test_optimum(&p, o);
	vt_past_release(&p);
	vt_optimum_free(o);
	return test_done();
}
