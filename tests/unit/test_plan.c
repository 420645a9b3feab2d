/*
 * The planner: the optimum against brute force, the work function against its
 * definition and its bound, and the promises that a plan must keep.
 */
#include <math.h>
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/work/optimum.h"
#include "libvt/work/plan.h"

#include "tests/unit/test.h"
#include "tests/unit/walk.h"

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
			if (j != at && !c->excluded[j])
				try_all(c, p, day, j, 0, phase + 1, event,
				    spent + c->move[at][j] +
				    vt_cost_early(c, at, stayed), best);
	if (phase <= 1) {			/* the reads */
		if (event == p->count || p->e[event].at != day)
			return try_all(c, p, day, at, stayed, 2, event, spent,
			    best);
		/* after it comes another one of that day, or none */
		if (at != 0 && !c->excluded[0])
			try_all(c, p, day, 0, 0, 0, event + 1, spent +
			    vt_cost_serve_promote(c, at, p->e[event].gets,
			    p->e[event].bytes) + vt_cost_early(c, at, stayed),
			    best);
		return try_all(c, p, day, at, stayed, 0, event + 1, spent +
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
				if (j != i && !c->excluded[j])
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
	for (i = 1; i < c->count && !c->excluded[0]; i++)
		for (s = 0; s <= STAY; s++)
			n[0][0] = least(n[0][0], v[i][s] +
			    vt_cost_early(c, i, s) +
			    vt_cost_serve_promote(c, i, e->gets, e->bytes));
}

static double
by_grid(const struct vt_cost *c, const struct vt_past *p, size_t start,
    unsigned from)
{
	static grid v, n;
	double best = INFINITY;
	size_t i, e = 0;
	unsigned day;
	int s, step, more;

	while (e < p->count && p->e[e].at < from)
		e++;

	for (i = 0; i < c->count; i++)
		for (s = 0; s <= STAY; s++)
			v[i][s] = INFINITY;
	v[start][STAY] = 0;
	for (day = from; day < (unsigned)p->to; day++) {
		/* moves, and then a read and moves, again and again */
		for (step = more = 1; more; step = !step) {
			more = !step || (e < p->count && p->e[e].at == day);
			memcpy(n, v, sizeof(n));
			if (step)
				grid_move(c, v, n);
			else
				grid_read(c, &p->e[e++], v, n);
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

/* What it tells of how it pays must be sane, and add up to the result. */
static void
add_told(void *ctx, double from, double to, double usd)
{
	double *sum = ctx;

	if (from > to || usd < 0)
		*sum = NAN;
	*sum += usd;
}

static int
tells_all(struct vt_optimum *o, const struct vt_cost *c,
    const struct vt_past *p, size_t start, double score_from)
{
	double sum = 0, usd;
	struct vt_spending told = { add_told, &sum };
	struct vt_err err;

	return vt_optimum_told(o, c, p, start, score_from, &told, &usd,
	    &err) == VT_OK &&
	    usd == vt_optimum_usd(o, c, p, start, score_from) &&
	    same(sum, usd);
}

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
		best = INFINITY;
		try_all(&c, p, 0, 0, 100, 0, 0, 0, &best);
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
		best = INFINITY;
		try_all(&c, p, 0, start, 100, 0, 0, 0, &best);
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

/* --- the work function ---------------------------------------------------- */

static const struct vt_engine work = {
	.kind = VT_ENGINE_WORK, .name = "work", .down = 1, .self_moving = -1
};

/* Two tiers: three times the least in the metric in which every stay pays its
 * minimum, and a constant (2K - 1 with a distance that is symmetric up to a
 * potential, TIERING 3.2), however the reads come.  Without minimums that is
 * the optimum. */
static void
test_bound(struct vt_past *p, struct vt_optimum *o)
{
	double worst = 0, exact = 0, best, slack, day;
	struct vt_past drawn;
	struct vt_cost c;
	struct walk w;
	size_t k;
	int i;

	vt_past_init(&drawn);
	drawn.e = calloc(p->cap, sizeof(*drawn.e));
	for (i = 0; i < 5000; i++) {
		random_cost(&c, 2, i % 2 ? 30 : 0);
		random_past(&drawn, 50 + rnd(400), 1 + rnd(60), 1);
		walk_begin(&w, &work, &c, p);
		for (k = 0, day = 0; k < drawn.count; k++) {
			walk_idle(&w, drawn.e[k].at - day, 0);
			walk_read(&w, drawn.e[k].gets, drawn.e[k].bytes);
			day = drawn.e[k].at;
		}
		walk_idle(&w, drawn.to - day, 0);
		slack = c.move[0][1] + c.move[1][0] +
		    c.day[1] * c.min_days[1];
		best = least(w.s.w[0], w.s.w[1]);
		if (best > 0 && (w.usd - 2 * slack) / best > worst)
			worst = (w.usd - 2 * slack) / best;
		best = vt_optimum_usd(o, &c, p, 0, 0);
		if (i % 2 == 0 && best > 0 &&
		    (w.usd - 2 * slack) / best > exact)
			exact = (w.usd - 2 * slack) / best;
	}
	printf("# worst measured ratio %.3f, of the optimum %.3f\n", worst,
	    exact);
	ok(worst <= 3 && exact <= 3,
	    "the work function stays within its bound, 5000 cases");
	vt_past_release(&drawn);
}

/* The closed form of idling equals idling in small steps. */
static void
test_idle(void)
{
	struct vt_cost c;
	struct vt_work a, b;
	int i, k, bad = 0;

	for (i = 0; i < 2000; i++) {
		random_cost(&c, 2 + rnd(3), 30);
		vt_work_init(&a, &c, 0);
		vt_work_init(&b, &c, 0);
		vt_work_idle(&a, 400);
		for (k = 0; k < 1600; k++)
			vt_work_idle(&b, 0.25);
		if (a.at != b.at || !same(a.w[0], b.w[0]))
			bad++;
	}
	is_int(bad, 0, "400 days at once are 1600 quarters of one");
}

/* --- decisions ------------------------------------------------------------ */

static struct vt_cost_model model;

static void
small_model(void)
{
	static const struct {
		const char *name;
		double storage, put, get, retrieval, days;
		uint64_t min;
	} t[] = {
		{ "hot", 0.023, 5e-6, 4e-7, 0, 0, 0 },
		{ "warm", 0.0125, 1e-5, 1e-6, 0.01, 30, 131072 },
		{ "cold", 0.004, 2e-5, 1e-5, 0.03, 90, 131072 },
	};
	size_t i;

	memset(&model, 0, sizeof(model));
	model.bytes_per_gb = 1073741824;
	model.month_days = 30.4375;
	model.count = 3;
	for (i = 0; i < 3; i++) {
		struct vt_price *p = &model.tier[i].price;

		strcpy(model.tier[i].name, t[i].name);
		p->storage_gb_month = t[i].storage;
		p->put = p->transition = t[i].put;
		p->get = t[i].get;
		p->retrieval_gb = t[i].retrieval;
		p->min_days = t[i].days;
		p->min_size_bytes = t[i].min;
	}
}

static struct vt_scan_record
record(uint64_t size, int days)
{
	struct vt_scan_record r;

	memset(&r, 0, sizeof(r));
	r.bucket = "b";
	r.key = "k";
	r.key_len = 1;
	r.version = r.pin = r.lock = r.storage_class = "";
	r.seq = 1;
	r.copy = 7;
	r.size_bytes = size;
	r.tier = "hot";
	r.mtime_us = r.copy_since_us = r.covered_from_us = 20000 * DAY_US;
	r.covered_to_us = (20000 + days) * DAY_US;
	r.covered_days = days;
	return r;
}

static double log_days;	/* that the log covers, for decide_as */

static struct vt_decision
decide_as(const struct vt_engine *e, struct vt_past *p,
    const struct vt_scan_record *r)
{
	struct vt_policy policy = { .min_history_days = 30,
	    .log_days = log_days };
	static struct vt_cost c;
	struct vt_decision d;

	if (vt_past_fill(p, r, INT64_MAX, NULL) != VT_OK)
		exit(1);
	vt_cost_of(&model, r->size_bytes, &c);
	vt_plan_decide(&model, &policy, e, &c, r, p, NULL, &d);
	return d;
}

static struct vt_decision
decide(struct vt_past *p, const struct vt_scan_record *r)
{
	return decide_as(NULL, p, r);
}

#define GIB (UINT64_C(1) << 30)

static void
test_rest(struct vt_past *p)
{
	struct vt_scan_record r = record(GIB, 20);
	struct vt_heat_gap gap = { 20001 * DAY_US, 190 * DAY_US };
	struct vt_decision d;

	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_HISTORY,
	    "P12 nothing moves on less than 30 covered days");
	log_days = 200;
	d = decide(p, &r);
	ok(d.verdict != VT_PLAN_HISTORY,
	    "P12 but all of a young one's life, in a longer log, is enough");
	r.covered_days = 19;
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_HISTORY, "P12 19 days of 20 are not all");
	log_days = 0;
	r = record(GIB, 200);
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_MOVE, "a GiB at rest for 200 days moves");
	is_int(d.to, 2, "to the coldest instant tier");
	ok(d.choice.payback_days > 10 && d.choice.payback_days < 30,
	    "and pays back in weeks (%.1f days)", d.choice.payback_days);
	ok(strstr(d.reason, "no read in 200 days") != NULL,
	    "P7 the reason says why: %s", d.reason);
	r.gaps = &gap;
	r.gap_count = 1;
	r.covered_days = 10;
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_HISTORY,
	    "P12 time the log did not cover is no history");
	ok(d.idle_days < 11, "P12 nor is it idleness (%.1f days)",
	    d.idle_days);
	gap.length_us = 150 * DAY_US;
	r.covered_days = 50;
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_KEEP,
	    "P12 50 covered days of 200 count as 50");
	r = record(4096, 2000);
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_KEEP, "4 KiB never move");
	r = record(100 * 1024, 300);
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_KEEP,
	    "100 KiB are billed as 128 and wait for a year");
}

static void
test_constraints(struct vt_past *p)
{
	struct vt_scan_record r = record(GIB, 200);
	const char *also[] = { "cold" };
	struct vt_decision d;

	r.pin = "hot";
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_PINNED, "P6 a pin comes before cost");
	r = record(GIB, 200);
	r.legal_hold = 1;
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_LOCKED, "P6 so does a legal hold");
	r = record(GIB, 200);
	r.lock = "compliance";
	r.retain_until_us = r.covered_to_us + 1;
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_LOCKED, "P6 so does retention");
	r.retain_until_us = r.covered_to_us - 1;
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_MOVE, "P6 until it is over");
	r = record(GIB, 200);
	r.adopted = 1;
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_ADOPTED, "P6 adopted bytes stay");
	r = record(GIB, 200);
	r.also = also;
	r.also_count = 1;
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_COPIED, "no second copy on a tier");
	r = record(GIB, 200);
	r.tier = "gone";
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_UNKNOWN_TIER, "an unknown tier is told");
	r = record(GIB, 200);
	model.tier[2].excluded = 1;
	d = decide(p, &r);
	is_int(d.to, 1, "P6 an excluded tier is never the target");
	r.tier = "cold";
	d = decide(p, &r);
	is_int(d.from, 2, "though an object may lie there");
	ok(d.verdict != VT_PLAN_MOVE || d.to != 2, "and may leave it");
	model.tier[2].excluded = 0;
}

static void
test_reads(struct vt_past *p)
{
	struct vt_heat_day h[200];
	struct vt_scan_record r = record(GIB, 200);
	struct vt_decision d;
	int i;

	r.tier = "cold";
	for (i = 0; i < 200; i++) {
		h[i].day = h[i].last = 20000 + i;
		h[i].days = 1;
		h[i].gets = 1;
		h[i].bytes = GIB;
	}
	r.h = h;
	r.h_count = 200;
	r.mtime_us -= 400 * DAY_US;	/* there before the log began */
	r.copy_since_us = r.mtime_us;
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_MOVE, "read whole each day, cold comes back");
	is_int(d.to, 0, "to hot");
	ok(strstr(d.reason, "read so much") != NULL, "P7 %s", d.reason);
	for (i = 0; i < 200; i++)
		h[i].bytes = GIB / 1000;
	r.tier = "cold";
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_KEEP,
	    "a thousandth of it each day leaves it cold");
	r.tier = "hot";
	r.size_bytes = 1000 * GIB;
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_MOVE,
	    "and sends a thousand times as much there from hot");
	/* the same reads as three folds */
	for (i = 0; i < 3; i++) {
		h[i].day = 20000 + 60 * i;
		h[i].last = h[i].day + 59;
		h[i].days = 60;
		h[i].gets = 60;
		h[i].bytes = 60 * GIB / 1000;
	}
	r.h_count = 3;
	d = decide(p, &r);
	is_int(d.verdict, VT_PLAN_MOVE, "folded history decides alike");
	is_int(p->count, 180, "a fold of 60 days is 60 days of reads");
}

/* As engines other than the work function would have it. */
static void
test_engines(struct vt_past *p)
{
	struct vt_engine e = { .kind = VT_ENGINE_HOT, .self_moving = -1 };
	struct vt_scan_record r = record(GIB, 200);
	struct vt_hazard *h = vt_hazard_new();
	struct vt_hazard_table *t = vt_hazard_table_new(&model, 0);
	struct vt_decision d;
	unsigned g = vt_hazard_group(GIB, 0, 0, 0);

	is_int(decide_as(&e, p, &r).verdict, VT_PLAN_KEEP,
	    "hot keeps what is hot");
	r.tier = "cold";
	d = decide_as(&e, p, &r);
	is_int(d.verdict, VT_PLAN_WAIT,
	    "and brings nothing back that does not pay");
	ok(strstr(d.reason, "would not pay back") != NULL, "P7 %s", d.reason);
	e.kind = VT_ENGINE_HAZARD;
	e.hazard = h;
	e.table = t;
	r.tier = "hot";
	is_int(decide_as(&e, p, &r).verdict, VT_PLAN_KEEP,
	    "statistics that are not there move nothing");
	/* a table made of other sizes, and other groups */
	vt_hazard_table_size(t, 1 << 20);
	vt_hazard_idle(h, vt_hazard_group(1 << 20, 0, 0, 0), 0, 2000, 1e6);
	vt_hazard_fit(h);
	vt_hazard_solve(h, t, 300);
	r.tier = "cold";
	is_int(decide_as(&e, p, &r).verdict, VT_PLAN_KEEP,
	    "nor do those of other objects");
	vt_hazard_table_size(t, GIB);
	vt_hazard_idle(h, g, 0, 2000, 1e6);
	vt_hazard_fit(h);
	vt_hazard_solve(h, t, 300);
	r.tier = "hot";
	d = decide_as(&e, p, &r);
	is_int(d.verdict, VT_PLAN_MOVE, "what is never read moves");
	is_int(d.to, 2, "to the coldest");
	ok(strstr(d.reason, "of objects like it") != NULL && d.group == g,
	    "P7 %s", d.reason);
	ok(d.choice.cost > 0 && d.choice.payback_days > 0 &&
	    d.choice.payback_days < 90, "it pays back in %.1f days",
	    d.choice.payback_days);
	r.covered_days = 29;
	is_int(decide_as(&e, p, &r).verdict, VT_PLAN_HISTORY,
	    "P12 not on 29 covered days");
	r = record(GIB, 200);
	model.tier[2].excluded = 1;
	d = decide_as(&e, p, &r);
	ok(d.verdict != VT_PLAN_MOVE || d.to != 2,
	    "P6 not to a tier that is excluded by now");
	model.tier[2].excluded = 0;
	r.pin = "hot";
	is_int(decide_as(&e, p, &r).verdict, VT_PLAN_PINNED,
	    "P6 a pin holds for every engine");
	r.pin = "";
	r.legal_hold = 1;
	is_int(decide_as(&e, p, &r).verdict, VT_PLAN_LOCKED,
	    "P6 so does a lock");
	r = record(0, 200);
	is_int(decide_as(&e, p, &r).verdict, VT_PLAN_KEEP,
	    "an object without a byte stays");
	vt_hazard_free(h);
	vt_hazard_table_free(t);
}

/* Of a past whose end alone is known as much is decided, or nothing. */
static void
test_tail(struct vt_past *p)
{
	struct vt_engine e = { .kind = VT_ENGINE_HOT, .self_moving = -1 };
	struct vt_scan_record r = record(GIB, 200);
	struct vt_event *all = p->e;
	struct vt_policy o = { .min_history_days = 30, .moves_only = 1 };
	struct vt_decision d;
	struct vt_cost c;
	size_t count;

	random_past(p, 200, 10, 1);
	count = p->count;
	vt_cost_of(&model, GIB, &c);
	model.tier[1].price.level_count = 1;
	model.tier[1].price.level[0].storage_gb_month = 0.0125;
	/* the last 40 days */
	while (p->count > 1 && p->e[0].at < all[count - 1].at - 40) {
		p->e++;
		p->count--;
	}
	ok(p->count < count && p->count > 1, "%zu of %zu events", p->count,
	    count);
	p->is_tail = 1;
	is_int(vt_plan_decide(&model, &o, &e, &c, &r, p, NULL, &d), 0,
	    "hot needs no more than the last days");
	e.kind = VT_ENGINE_AUTO;
	e.self_moving = 1;
	is_int(vt_plan_decide(&model, &o, &e, &c, &r, p, NULL, &d), 1,
	    "what a class that moves by itself would have cost hangs on all");
	p->e = all;
	p->count = count;
	p->is_tail = 0;
	is_int(vt_plan_decide(&model, &o, &e, &c, &r, p, NULL, &d), 0,
	    "which is enough");
	model.tier[1].price.level_count = 0;
}

/* Two years of a GiB at rest. */
static void
test_rest_usd(struct vt_past *p, struct vt_optimum *o)
{
	double month = 365.25 / 12, best;
	struct vt_cost c;
	struct walk w;

	vt_cost_of(&model, GIB, &c);
	walk_begin(&w, &work, &c, p);
	walk_idle(&w, 730, 0);
	best = vt_optimum_usd(o, &c, p, 0, 0);
	is_int(w.s.at, 2, "at rest for two years it ends cold");
	ok(same(best, 0.004 * 730 / month + c.move[0][2]),
	    "the optimum is cold from the first day");
	ok(w.usd >= best && w.usd / best < 3,
	    "and the work function within 3 times (%.2f)", w.usd / best);
	best = vt_optimum_usd(o, &c, p, 0, 365);
	ok(same(best, 0.004 * 365 / month + c.move[0][2]),
	    "a split bills its part");
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
	test_bound_optimum(&p, o);
	test_bound(&p, o);
	test_idle();
	small_model();
	test_rest(&p);
	test_constraints(&p);
	test_reads(&p);
	test_engines(&p);
	test_tail(&p);
	test_rest_usd(&p, o);
	vt_past_release(&p);
	vt_optimum_free(o);
	return test_done();
}
