/*
 * The planner: the work function against its definition and its bound, and the
 * promises that a plan must keep.
 */
#include <math.h>
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/work/expect.h"
#include "libvt/work/levels.h"
#include "libvt/work/optimum.h"
#include "libvt/work/plan.h"

#include "tests/unit/bills.h"
#include "tests/unit/test.h"
#include "tests/unit/walk.h"

#define DAY_US INT64_C(86400000000)

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

/* The reads of a fold are no whole number a day: the one that brings an object
 * back is found all the same, a whole one or the last part. */
static void
test_part_reads(struct vt_past *p)
{
	unsigned found = 0, parts = 0, other = 0;
	double size, n, gets;
	struct vt_cost c;
	struct walk w;
	int i;

	for (i = 0; i < 400; i++) {
		random_cost(&c, 2 + i % 3, i % 2 ? 30 : 0);
		size = (double)c.size_bytes;
		walk_begin(&w, &work, &c, p);
		walk_idle(&w, 400, 0);
		for (gets = 4.0 / 3; gets < 40; gets++) {
			n = vt_seat_promote(&work, &c, &w.t, &w.s, gets,
			    gets * size / 8, w.t.clock);
			if (!(n <= gets))
				continue;
			found++;
			parts += same(n, gets);
			other += !same(n, gets) && n != floor(n);
		}
	}
	ok(found > parts && parts > 0, "%u come back, %u with the last part "
	    "of a read", found, parts);
	is_int(other, 0, "and none in the middle of one");
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

/* A sentence that is made later is the same one. */
static void
test_later_text(const struct vt_engine *e, struct vt_past *p,
    const struct vt_scan_record *r, const char *what)
{
	struct vt_policy o = { .min_history_days = 30 };
	struct vt_decision now, later;
	char text[VT_PLAN_TOLD];
	struct vt_cost c;

	vt_cost_of(&model, r->size_bytes, &c);
	vt_plan_decide(&model, &o, e, &c, r, p, NULL, &now);
	o.moves_only = 1;
	vt_plan_decide(&model, &o, e, &c, r, p, NULL, &later);
	vt_plan_told_text(later.told, later.idle_days, later.choice.share,
	    later.choice.payback_days, text);
	ok(now.verdict == VT_PLAN_MOVE && later.verdict == VT_PLAN_MOVE &&
	    later.told != VT_TOLD_REASON &&
	    *later.reason == '\0', "%s moves it", what);
	is_str(text, now.reason, "P7 and why is told later as it is now");
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
	test_later_text(&e, p, &r, "that class");
	e.kind = VT_ENGINE_HOT;
	r.tier = "warm";
	model.tier[1].price.storage_gb_month = 0.05;
	model.tier[1].price.level[0].storage_gb_month = 0.05;
	test_later_text(&e, p, &r, "staying hot");
	model.tier[1].price.storage_gb_month = 0.0125;
	model.tier[1].price.level_count = 0;
}

static void
set_levels(struct vt_price *price)
{
	price->level_count = 3;
	price->level[0].storage_gb_month = 0.023;
	price->level[1].storage_gb_month = 0.0125;
	price->level[1].idle_days = 30;
	price->level[2].storage_gb_month = 0.004;
	price->level[2].idle_days = 90;
	price->monitor_month = 0.001;
}

/* What a class that moves by itself would have billed, in the mean of the days
 * there were. */
static void
test_levels(struct vt_past *p)
{
	static const struct vt_engine e = { .kind = VT_ENGINE_AUTO,
	    .self_moving = 1 };
	struct vt_price *price = &model.tier[1].price, was = *price;
	struct vt_track t = { .next = 0 };
	struct vt_choice h;
	struct vt_cost c;

	set_levels(price);
	vt_cost_of(&model, GIB, &c);
	vt_expect(&model, &e, &c, p, &t, 0, 1, 400, &h);
	ok(same(h.saving_day, 0) && h.why == VT_WAIT_PAYBACK,
	    "of no day at all: its first level");
	p->e[0].idle = 10;
	p->e[1].idle = 45;
	t.next = 2;
	t.idle = 120;
	vt_expect(&model, &e, &c, p, &t, 0, 1, 400, &h);
	ok(same(h.saving_day, c.day[0] - ((10 + 30 + 30) * 0.023 +
	    (15 + 60) * 0.0125 + 30 * 0.004 + 175 * 0.001) / 175 /
	    model.month_days), "of 175 days: level by level");
	*price = was;
}

/* What it bills for the last month. */
static void
test_levels_month(struct vt_past *p)
{
	struct vt_price *price = &model.tier[1].price, was = *price;
	double m = model.month_days;

	set_levels(price);
	price->level[2].back = 0.01;
	p->from = 0;
	p->to = 200;
	p->count = 2;
	p->e[0].at = 50;
	p->e[1].at = 190;
	ok(same(vt_levels_month(&model, 1, GIB, p, -INFINITY),
	    (10 * 0.023 + (m - 10) * 0.004) / m + 0.011),
	    "its level at the month's begin, a read, the first level again");
	ok(same(vt_levels_month(&model, 1, GIB, p, 150),
	    ((m - 10) * 0.023 + 10 * 0.0125) / m + 0.001),
	    "it counts from when it came");
	ok(same(vt_levels_month(&model, 1, GIB, p, 195), 0.024),
	    "that was in the month: the first level");
	p->count = 1;
	ok(same(vt_levels_month(&model, 1, GIB, p, -INFINITY), 0.005),
	    "nothing since: the last level");
	p->count = 0;
	p->from = 150;
	ok(same(vt_levels_month(&model, 1, GIB, p, -INFINITY),
	    ((m - 20) * 0.023 + 20 * 0.0125) / m + 0.001),
	    "P12 what the log did not see counts from where it begins");
	p->from = 190;
	ok(same(vt_levels_month(&model, 1, GIB, p, -INFINITY), 0.024),
	    "a month of what is younger");
	*price = was;
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

/* The numbers of a reason are those of printf. */
static void
test_told(void)
{
	static const double some[] = {
		0, 0.05, 0.15, 0.25, 0.949999, 0.95, 9.85, 9.94, 9.949999,
		9.95, 10, 10.5, 11.5, 99.4, 99.5, 99.9, 100.5, 999.5, 1000,
		9998.5, 9999, 1e6, 1e300
	};
	char text[VT_PLAN_TOLD], want[VT_PLAN_TOLD + 300];
	unsigned wrong = 0, i, n = sizeof(some) / sizeof(some[0]);
	size_t len;
	double d;

	for (i = 0; i < 200000; i++) {
		d = i < n ? some[i] : i % 2 == 0 ? i / 1024.0 : i / 12345.0;
		len = vt_plan_told_text(VT_TOLD_IDLE, 12, 0.5, d, text);
		snprintf(want, sizeof(want), d >= 9.95 ? "%.0f" : "%.1f", d);
		if (strlen(want) > 26)
			want[31] = '\0';
		else
			strcat(want, " days");
		wrong += len != strlen(text) ||
		    strcmp(strstr(text, "back in ") + 8, want) != 0;
	}
	is_int(wrong, 0, "days are written as printf does");
	vt_plan_told_text(VT_TOLD_IDLE, 12, 0.5, 3, text);
	is_str(text, "idle for 12 days; of objects like it 50 % are read "
	    "within 30 days; pays back in 3.0 days", "of survival");
	vt_plan_told_text(VT_TOLD_IDLE, 1, 0.98, 16, text);
	is_str(text, "idle for 1.0 days; of objects like it 98 % are read "
	    "within 30 days; with reads like theirs it costs less there; pays "
	    "back in 16 days", "of reads that are cheap");
	vt_plan_told_text(VT_TOLD_AUTO, 0, 0, 3, text);
	is_str(text, "the class that moves objects by itself would have been "
	    "cheapest of all ways; pays back in 3.0 days", "of the class");
	vt_plan_told_text(VT_TOLD_HOT, 0, 0, 3, text);
	is_str(text, "no way of moving would have been cheaper than staying "
	    "hot; pays back in 3.0 days", "of staying");
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
	test_told();
	test_bound(&p, o);
	test_idle();
	test_part_reads(&p);
	small_model();
	test_rest(&p);
	test_constraints(&p);
	test_reads(&p);
	test_engines(&p);
	test_tail(&p);
	test_levels(&p);
	test_levels_month(&p);
	test_rest_usd(&p, o);
	vt_past_release(&p);
	vt_optimum_free(o);
	return test_done();
}
