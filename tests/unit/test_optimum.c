/*
 * The optimum against brute force, of what may be everywhere, of what policies
 * bind, and of what lifecycle rules bar and force day by day.
 */
#include <stdlib.h>

#include "libvt/work/optimum.h"
#include "libvt/work/rules.h"

#include "tests/unit/bills.h"
#include "tests/unit/test.h"

#define DAY_US INT64_C(86400000000)
#define DAYS 128

/* --- brute force ---------------------------------------------------------- */

/* What holds from the morning of a day on, beside the bill's own. */
static struct {
	uint32_t barred;
	int must;		/* -1: none */
	int changes;		/* it is not as it was the day before */
} calendar[DAYS];
static int removed;		/* at the end of the past */

static void
no_rules(void)
{
	size_t d;

	memset(calendar, 0, sizeof(calendar));
	for (d = 0; d < DAYS; d++)
		calendar[d].must = -1;
	removed = 0;
}

static int
shut(const struct vt_cost *c, unsigned day, size_t k)
{
	return c->excluded[k] || (calendar[day].barred >> k & 1);
}

/* May or must it go from `i` to `j` when the day's rules come into force? */
static int
forced(const struct vt_cost *c, unsigned day, size_t i, size_t j)
{
	return (int)i < calendar[day].must && ((int)j == calendar[day].must ||
	    ((int)j > calendar[day].must && !shut(c, day, j)));
}

enum phase { DAWN, FORCED, MORNING, READS, NIGHT, OVER };

struct search {
	const struct vt_cost *c;
	const struct vt_past *p;
	double best;
};

static void try_all(struct search *s, unsigned day, size_t at, double stayed,
    enum phase phase, size_t event, double spent);

static void
try_moves(struct search *s, unsigned day, size_t at, double stayed,
    enum phase phase, size_t event, double spent)
{
	const struct vt_cost *c = s->c;
	int may;
	size_t j;

	for (j = 0; j < c->count; j++) {
		may = phase == FORCED ? forced(c, day, at, j) :
		    !shut(c, phase == DAWN ? day - 1 : day, j);
		if (j != at && may)
			try_all(s, day, j, 0, phase + 1, event, spent +
			    c->move[at][j] + vt_cost_early(c, at, stayed));
	}
}

/* Each whole day any move, before and after the day's reads, and before the
 * rules are others: every sequence of decisions is walked, nothing
 * remembered. */
static void
try_all(struct search *s, unsigned day, size_t at, double stayed,
    enum phase phase, size_t event, double spent)
{
	const struct vt_past *p = s->p;
	const struct vt_cost *c = s->c;
	const struct vt_event *e = &p->e[event];

	if (spent >= s->best)
		return;
	if (phase == DAWN && !calendar[day].changes)
		phase = MORNING;
	if (phase != READS && phase != OVER)
		try_moves(s, day, at, stayed, phase, event, spent);
	if (phase == FORCED && (int)at < calendar[day].must)
		return;
	if (phase == READS && event < p->count && e->at == day) {
		/* after it comes another one of that day, or none */
		if (at != 0 && !shut(c, day, 0))
			try_all(s, day, 0, 0, MORNING, event + 1, spent +
			    vt_cost_serve_promote(c, at, e->gets, e->bytes) +
			    vt_cost_early(c, at, stayed));
		try_all(s, day, at, stayed, MORNING, event + 1, spent +
		    vt_cost_serve(c, at, e->gets, e->bytes));
		return;
	}
	if (phase != OVER) {
		try_all(s, day, at, stayed, phase + 1, event, spent);
		return;
	}
	spent += c->day[at];
	stayed += 1;
	if (day + 1 < (unsigned)p->to) {
		try_all(s, day + 1, at, stayed, DAWN, event, spent);
		return;
	}
	if (removed)
		spent += vt_cost_early(c, at, stayed);
	s->best = least(s->best, spent);
}

static double
search(const struct vt_cost *c, const struct vt_past *p, size_t start)
{
	struct search s = { c, p, INFINITY };

	try_all(&s, 0, start, 100, MORNING, 0, 0);
	return s.best;
}

/* The same, day by day over (tier, days stayed): for longer pasts. */
#define STAY 40
typedef double grid[VT_COST_TIERS][STAY + 1];

static void
grid_move(const struct vt_cost *c, unsigned day, grid v)
{
	size_t i, j;
	grid n;
	int s;

	memcpy(n, v, sizeof(n));
	for (i = 0; i < c->count; i++)
		for (s = 0; s <= STAY; s++)
			for (j = 0; j < c->count; j++)
				if (j != i && !shut(c, day, j))
					n[j][0] = least(n[j][0], v[i][s] +
					    vt_cost_early(c, i, s) +
					    c->move[i][j]);
	memcpy(v, n, sizeof(n));
}

static void
grid_force(const struct vt_cost *c, unsigned day, grid v)
{
	size_t i, j;
	int s;

	for (i = 0; (int)i < calendar[day].must; i++)
		for (s = 0; s <= STAY; s++) {
			for (j = i + 1; j < c->count; j++)
				if (forced(c, day, i, j))
					v[j][0] = least(v[j][0], v[i][s] +
					    vt_cost_early(c, i, s) +
					    c->move[i][j]);
			v[i][s] = INFINITY;
		}
}

static void
grid_read(const struct vt_cost *c, unsigned day, const struct vt_event *e,
    grid v)
{
	double hot = INFINITY;
	size_t i;
	int s;

	for (i = 0; i < c->count; i++)
		for (s = 0; s <= STAY; s++) {
			if (i > 0 && !shut(c, day, 0))
				hot = least(hot, v[i][s] +
				    vt_cost_early(c, i, s) +
				    vt_cost_serve_promote(c, i, e->gets,
				    e->bytes));
			v[i][s] += vt_cost_serve(c, i, e->gets, e->bytes);
		}
	v[0][0] = least(v[0][0], hot);
}

static void
grid_night(const struct vt_cost *c, grid v)
{
	size_t i;
	int s;

	for (i = 0; i < c->count; i++) {
		v[i][STAY] = least(v[i][STAY], v[i][STAY - 1]);
		for (s = STAY - 1; s > 0; s--)
			v[i][s] = v[i][s - 1];
		v[i][0] = INFINITY;
		for (s = 0; s <= STAY; s++)
			v[i][s] += c->day[i];
	}
}

static double
by_grid(const struct vt_cost *c, const struct vt_past *p, size_t start,
    unsigned from)
{
	static grid v;
	double best = INFINITY;
	size_t i, e = 0;
	unsigned day;
	int s;

	while (e < p->count && p->e[e].at < from)
		e++;
	for (i = 0; i < c->count; i++)
		for (s = 0; s <= STAY; s++)
			v[i][s] = INFINITY;
	v[start][STAY] = 0;
	for (day = from; day < (unsigned)p->to; day++) {
		if (day > from && calendar[day].changes) {
			grid_move(c, day - 1, v);
			grid_force(c, day, v);
		}
		/* moves, and then a read and moves, again and again */
		grid_move(c, day, v);
		for (; e < p->count && p->e[e].at == day; e++) {
			grid_read(c, day, &p->e[e], v);
			grid_move(c, day, v);
		}
		grid_night(c, v);
	}
	for (i = 0; i < c->count; i++)
		for (s = 0; s <= STAY; s++)
			best = least(best, v[i][s] +
			    (removed ? vt_cost_early(c, i, s) : 0));
	return best;
}

/* --- what is told --------------------------------------------------------- */

/* What it tells of how it pays must be sane, and add up to the result. */
static void
add_told(void *ctx, double from, double to, double usd)
{
	double *sum = ctx;

	if (from > to || usd < 0)
		*sum = NAN;
	*sum += usd;
}

/* NAN: that was not so. */
static double
bound_usd(struct vt_optimum *o, const struct vt_cost *c,
    const struct vt_past *p, const struct vt_reach *r, double score_from)
{
	double sum = 0, usd, quiet;
	struct vt_spending told = { add_told, &sum };
	struct vt_err err;

	if (vt_optimum_bound(o, c, p, r, score_from, &told, &usd, &err) !=
	    VT_OK || vt_optimum_bound(o, c, p, r, score_from, NULL, &quiet,
	    &err) != VT_OK)
		return NAN;
	return usd == quiet && same(sum, usd) ? usd : NAN;
}

static int
tells_all(struct vt_optimum *o, const struct vt_cost *c,
    const struct vt_past *p, size_t start, double score_from)
{
	struct vt_reach r = { .home = (unsigned char)start };
	size_t k;

	for (k = 0; k < c->count; k++)
		if (c->excluded[k] & VT_COST_BARRED)
			r.barred |= UINT32_C(1) << k;
	return bound_usd(o, c, p, &r, score_from) ==
	    vt_optimum_usd(o, c, p, start, score_from);
}

/* --- cases ---------------------------------------------------------------- */

/* Up to three reads on some of the days; on the last, too. */
static void
more_reads(struct vt_past *p)
{
	struct vt_event e[40];
	size_t i, n = 0;
	unsigned k;

	for (i = 0; i < p->count; i++)
		for (k = rnd(4) ? 1 : 1 + rnd(3); k > 0 && n < 40; k--) {
			e[n] = p->e[i];
			e[n].bytes = e[n].gets * (rnd(2) ? 1000 : rnd(1000));
			n++;
		}
	memcpy(p->e, e, n * sizeof(*e));
	p->count = n;
}

/* Another of the things that a bill can have: a minimum on tier 0 as well, a
 * tier that nothing may go to. */
static void
complicate(struct vt_cost *c, unsigned min_max)
{
	if (rnd(4) == 0)
		c->min_days[0] = rnd(min_max + 1);
	if (rnd(4) == 0)
		c->excluded[rnd((unsigned)c->count)] = 1;
}

/* As a policy or a pin leaves it: on one tier, and what others it may go to;
 * the least of those at hand is where it begins.  Tier 0 is one of them or
 * not. */
static size_t
bound(struct vt_cost *c)
{
	unsigned count = (unsigned)c->count;
	unsigned allowed = 1 + rnd((1u << count) - 1);
	size_t start = 0, k;

	while (!(allowed >> start & 1))
		start++;
	for (k = 0; k < count; k++)
		c->excluded[k] = allowed >> k & 1 ? 0 : VT_COST_BARRED;
	return start;
}

static void
test_optimum(struct vt_past *p, struct vt_optimum *o)
{
	struct vt_cost c;
	int i, bad = 0, bad_grid = 0, untold = 0;
	int restores = 0, excluded = 0, many = 0;
	unsigned from;
	double best, got;
	size_t k;

	for (i = 0; i < 6000; i++) {
		random_cost(&c, 2 + rnd(2), 4);
		random_past(p, 4 + rnd(c.count == 2 ? 3 : 2), 2, 1);
		if (i % 2) {
			complicate(&c, 4);
			more_reads(p);
			if (p->count > 6)
				p->count = 6;
		}
		for (k = 0; k < c.count; k++) {
			restores += c.needs_restore[k];
			excluded += c.excluded[k];
		}
		for (k = 1; k < p->count; k++)
			many += p->e[k].at == p->e[k - 1].at;
		best = search(&c, p, 0);
		got = vt_optimum_usd(o, &c, p, 0, 0);
		if (!same(got, best) && bad++ == 0)
			printf("# tiers %zu days %g reads %zu: %.9g, all "
			    "%.9g\n", c.count, p->to, p->count, got, best);
		if (!same(by_grid(&c, p, 0, 0), best))
			bad_grid++;
	}
	is_int(bad, 0, "the optimum equals every-decision search, 6000 cases");
	is_int(bad_grid, 0, "so does the grid of days");
	ok(restores > 500 && excluded > 300 && many > 300,
	    "restores, excluded tiers and several reads a day among them "
	    "(%d, %d, %d)", restores, excluded, many);
	for (i = bad = 0; i < 8000; i++) {
		random_cost(&c, 2 + rnd(3), 1 + rnd(30));
		random_past(p, 10 + rnd(90), 1 + rnd(20), 1);
		if (i % 2)
			complicate(&c, 30);
		/* every fourth is a window that begins inside a stay */
		from = i % 4 == 3 ? rnd((unsigned)p->to - 1) : 0;
		got = vt_optimum_usd(o, &c, p, 0, from);
		if (!tells_all(o, &c, p, 0, i % 3 == 0 ? p->to / 2 : 0))
			untold++;
		best = by_grid(&c, p, 0, from);
		if (!same(got, best) && bad++ == 0)
			printf("# tiers %zu days %g from %u reads %zu: %.9g, "
			    "grid %.9g\n", c.count, p->to, from, p->count, got,
			    best);
	}
	is_int(bad, 0, "and the grid over up to 100 days, 8000 cases");
	is_int(untold, 0, "it tells what is paid when, to the last cent");
}

/* Bound to some of the tiers, from the first of them on. */
static void
test_bound_optimum(struct vt_past *p, struct vt_optimum *o)
{
	int i, bad = 0, untold = 0, elsewhere = 0, alone = 0;
	double best, got, free;
	struct vt_cost c;
	unsigned from;
	size_t start;

	for (i = 0; i < 3000; i++) {
		random_cost(&c, 2 + rnd(2), 4);
		random_past(p, 4 + rnd(c.count == 2 ? 3 : 2), 2, 1);
		start = bound(&c);
		best = search(&c, p, start);
		got = vt_optimum_usd(o, &c, p, start, 0);
		if (!same(got, best) && bad++ == 0)
			printf("# from tier %zu of %zu: %.9g, all %.9g\n",
			    start, c.count, got, best);
		elsewhere += start > 0;
	}
	is_int(bad, 0, "P6 the optimum of what is bound equals the search of "
	    "all decisions that policies leave, 3000 cases");
	for (i = bad = 0; i < 4000; i++) {
		random_cost(&c, 2 + rnd(3), 1 + rnd(30));
		random_past(p, 10 + rnd(90), 1 + rnd(20), 1);
		from = i % 4 == 3 ? rnd((unsigned)p->to - 1) : 0;
		free = vt_optimum_usd(o, &c, p, 0, from);
		start = bound(&c);
		elsewhere += start > 0;
		got = vt_optimum_usd(o, &c, p, start, from);
		/* what is bound costs no less, but for where it begins */
		if (!same(got, by_grid(&c, p, start, from)) ||
		    (start == 0 && got < free * (1 - 1e-12)))
			bad++;
		if (!tells_all(o, &c, p, start, from))
			untold++;
		alone += start + 1 == c.count;
	}
	is_int(bad, 0, "and the grid, 4000 cases");
	is_int(untold, 0, "it tells what is paid when");
	ok(elsewhere > 1000 && alone > 300,
	    "barred from the hot tier, and from all but one, among them "
	    "(%d, %d)", elsewhere, alone);
}

/* --- lifecycle rules ------------------------------------------------------ */

static const char *const classes[] = { "A", "B", "C", "D" };

/* Rules as they come: several for a class, out of order, of noncurrent ones. */
struct drawn {
	struct vt_lifecycle lc;
	struct vt_lc_rule rule[3];
	struct vt_lc_transition transition[3], noncurrent[3];
	const char *classes[VT_COST_TIERS];
	struct vt_reach_rules rules;
	struct vt_cost_model m;
	struct vt_reach r;
	struct vt_reach_step step[VT_REACH_STEPS];
	int bound;
};

static void
draw_transition(struct vt_lc_transition *t, size_t tiers, unsigned days)
{
	memset(t, 0, sizeof(*t));
	t->storage_class = classes[rnd((unsigned)tiers)];
	t->when.has_days = 1;
	t->when.days = rnd(days + 2);
	/* it is among the newest that stay, or not */
	t->keep_newer = rnd(6) == 0 ? 2 : 0;
}

static void
draw_rules(struct drawn *d, struct vt_cost *c, const struct vt_past *p)
{
	struct vt_lc_subject *v = &d->rules.version;
	unsigned days = (unsigned)p->to;
	size_t i;

	memset(d, 0, sizeof(*d));
	d->lc.rule = d->rule;
	d->lc.count = 1 + rnd(3);
	d->lc.day_us = DAY_US;
	for (i = 0; i < d->lc.count; i++) {
		d->rule[i].id = d->rule[i].prefix = "";
		d->rule[i].enabled = 1;
		draw_transition(&d->transition[i], c->count, days);
		draw_transition(&d->noncurrent[i], c->count, days / 2);
		d->rule[i].transition = &d->transition[i];
		d->rule[i].transition_count = rnd(4) != 0;
		d->rule[i].noncurrent_transition = &d->noncurrent[i];
		d->rule[i].noncurrent_transition_count = 1;
	}
	v->key = "";
	v->is_current = rnd(3) != 0;
	v->newer = 1;
	v->noncurrent_since_us = v->is_current ? 0 : rnd(days) * DAY_US;
	d->m.count = c->count;
	for (i = 0; i < c->count; i++) {
		d->m.tier[i].excluded = c->excluded[i] & 1;
		d->classes[i] = d->r.barred >> i & 1 ? "" : classes[i];
	}
	d->rules.lc = &d->lc;
	d->rules.classes = d->classes;
	d->rules.wait = rnd(5) == 0 ? 1u << rnd((unsigned)c->count) : 0;
}

/* What policies leave, from where it begins. */
static void
draw_place(struct drawn *d, const struct vt_cost *c)
{
	unsigned allowed = 1 + rnd((1u << c->count) - 1);
	size_t k;

	for (k = 0; k < c->count; k++)
		if (!(allowed >> k & 1)) {
			d->r.barred |= 1u << k;
			d->classes[k] = "";
		}
	while (!(allowed >> d->r.home & 1))
		d->r.home++;
}

/* What a plan of that morning would be bound to. */
static void
fill_calendar(const struct drawn *d, const struct vt_past *p, uint32_t barred)
{
	struct vt_lc_subject s = d->rules.version;
	struct vt_bounds b;
	unsigned day;
	size_t k;

	no_rules();
	for (day = 0; day <= (unsigned)p->to; day++) {
		s.is_current = d->rules.version.is_current ||
		    day * DAY_US < s.noncurrent_since_us;
		vt_rules_bounds(&d->lc, &s, d->classes, d->m.count,
		    day * DAY_US, &b);
		if (b.must >= 0 && !(d->rules.wait >> b.must & 1))
			calendar[day].must = b.must;
		calendar[day].barred = barred;
		for (k = 0; k < d->m.count; k++)
			if (b.barred[k])
				calendar[day].barred |= 1u << k;
		calendar[day].changes = day > 0 && (calendar[day].barred !=
		    calendar[day - 1].barred || calendar[day].must !=
		    calendar[day - 1].must);
	}
}

/* Where it is when the bill begins on that day. */
static size_t
home_on(const struct drawn *d, unsigned day)
{
	size_t home = d->r.home, i;

	for (i = 0; i < d->r.steps && d->r.step[i].at <= day; i++)
		home = d->r.step[i].home;
	return home;
}

static void
test_ruled_optimum(struct vt_past *p, struct vt_optimum *o)
{
	int i, bad = 0, bad_grid = 0, less = 0, forced_moves = 0, bars = 0;
	int ends = 0, unbound = 0;
	double best, got, free;
	struct vt_cost c;
	struct drawn d;
	unsigned from;
	uint32_t own;
	size_t k;

	for (i = 0; i < 20000; i++) {
		random_cost(&c, 2 + rnd(3), i % 2 ? 30 : 4);
		if (i % 2)
			random_past(p, 10 + rnd(90), 1 + rnd(20), 1);
		else
			random_past(p, 4 + rnd(c.count == 2 ? 3 : 2), 2, 1);
		if (i % 3 == 0)
			complicate(&c, 4);
		draw_rules(&d, &c, p);
		if (i % 5 == 0)
			draw_place(&d, &c);
		own = d.r.barred;
		fill_calendar(&d, p, own);
		d.bound = vt_reach_rules_of(&d.r, &d.m, &d.rules, p, d.step);
		removed = d.r.ends = rnd(3) == 0;
		for (k = 0; k < d.r.steps; k++) {
			forced_moves += d.r.step[k].must > 0;
			bars += d.r.step[k].must < 0;
		}
		ends += removed;
		unbound += !d.bound;
		from = i % 4 == 3 ? rnd((unsigned)p->to - 1) : 0;
		got = bound_usd(o, &c, p, &d.r, from);
		best = by_grid(&c, p, home_on(&d, from), from);
		if (!same(got, best) && bad_grid++ == 0)
			printf("# case %d tiers %zu days %g from %u reads "
			    "%zu: %.9g, grid %.9g\n", i, c.count, p->to, from,
			    p->count, got, best);
		if (i % 2 == 0 && from == 0 && !same(search(&c, p,
		    d.r.home), best))
			bad++;
		/* what is bound costs no less, from the same place on,
		 * unless it is sent to where else nothing may go */
		d.r.barred = own;
		d.r.steps = 0;
		free = bound_usd(o, &c, p, &d.r, from);
		less += from == 0 && i % 3 != 0 && got < free * (1 - 1e-12);
	}
	no_rules();
	is_int(bad_grid, 0, "P6 the optimum of what lifecycle rules bar and "
	    "force is the grid's, 20000 cases");
	is_int(bad, 0, "and the search of all decisions that they leave");
	is_int(less, 0, "it is never less than without rules");
	ok(forced_moves > 2000 && bars > 1000 && ends > 2000 && unbound > 100,
	    "moves forced, bars alone, removals, and rules that bind nothing "
	    "among them (%d, %d, %d, %d)", forced_moves, bars, ends, unbound);
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
	no_rules();
	test_optimum(&p, o);
	test_bound_optimum(&p, o);
	test_ruled_optimum(&p, o);
	vt_past_release(&p);
	vt_optimum_free(o);
	return test_done();
}
