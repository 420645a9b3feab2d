/*
 * The contest of engines: bills by hand, the guard, and the promises that a
 * replay keeps as a plan does.  What lifecycle rules make of it is
 * test_ruled.c's.
 */
#include "tests/unit/contests.h"

/* --- bills ---------------------------------------------------------------- */

static void
test_rest(void)
{
	fresh();
	make_model(3);
	add("a/x", 1000, 1400, NULL, 0);
	run();
	costs("hot", 400, "400 days");
	costs("age", 30 + 5 + 60 * 0.2 + 5 + 310 * 0.01,
	    "30 days hot, 60 warm, the rest cold, by transitions");
	/* 20 there and back to warm, 50 to cold: 20 + 0.2 x < x from day 25
	 * on; it goes on day 30, when it may.  50 + 0.01 x < 20 + 0.2 x after
	 * 157.9 days */
	costs("idle", 30 + 5.001 + 128 * 0.2 + 15.001 + 242 * 0.01,
	    "break-even by idle time");
	ok(same(vt_contest_optimum(contest), 5.001 + 400 * 0.01),
	    "the optimum: cold from the first day");
	ok(score("work").usd < 400 && score("work").usd > 5 + 400 * 0.01,
	    "the work function is between");
	ok(same(score("plan").usd, score("work").usd),
	    "of few objects, the plan is the work function's");
	ok(same(score("work").storage + score("work").reads +
	    score("work").moving, score("work").usd), "parts add up");
	is_int(vt_contest_winner(contest)->kind, VT_ENGINE_WORK,
	    "which is in charge");
	is_int(score("hot").moves, 0, "hot moves nothing");
	is_int(score("age").moves, 2, "age moves twice");
}

static void
test_reads(void)
{
	static const double days[] = { 1010, 1200, 1390 };

	fresh();
	make_model(3);
	add("a/x", 1000, 1400, days, 3);
	run();
	costs("hot", 400 + 3 * 0.001, "each read a request");
	/* after 1010: on day 1090 cold; reads at 1200 and 1390 from there */
	costs("age", 30 + 5 + 60 * 0.2 + 5 + 310 * 0.01 +
	    2 * 40 + 3 * 0.001, "reads are paid where it is");
	fresh();
	make_model(3);
	options.score_from = 1200;
	add("a/x", 1000, 1400, days, 3);
	run();
	costs("hot", 200 + 2 * 0.001, "from the split on");
	ok(same(score("hot").before, 200 + 0.001), "what was before is told");
	/* already 200 days old: cold after the read that begins it */
	costs("age", 5 + 200 * 0.01 + 40 + 2 * 0.001,
	    "age: where it should be by then");
}

/* Two tiers: w[0] - w[2] reaches the way back, 45.001, when 5.001 of going
 * are saved as well; from then on a read pays for 40 dollars of the way back,
 * and it takes another one before it has been worth it. */
static void
test_work(void)
{
	static const double days[] = { 1200, 1201 };
	double gone = 50.002 / 0.99;

	fresh();
	make_model(3);
	m.tier[1].excluded = 1;
	add("a/x", 1000, 1400, NULL, 0);
	run();
	costs("work", gone + 5.001 + (400 - gone) * 0.01,
	    "at rest it goes when there and back are saved");
	fresh();
	add("a/x", 1000, 1200, days, 1);
	run();
	costs("work", gone + 5.001 + (200 - gone) * 0.01 + 40.001,
	    "one read leaves it there");
	fresh();
	add("a/x", 1000, 1201, days, 2);
	run();
	/* w[0] was closed at w[2] + 45.001 by day 1200; the first read adds
	 * 40 to w[2] alone, the second brings it over w[0] + 5.001 */
	costs("work", gone + 5.001 + (201 - gone) * 0.01 + 40.001 + 45.001,
	    "a second one brings it back");
}

static void
test_self_moving(void)
{
	static const double days[] = { 1100 };

	fresh();
	make_model(4);
	options.self_moving = 3;
	options.allow_self_moving = 1;
	add("a/x", 1000, 1200, days, 1);
	run();
	costs("auto", 30 + 70 * 0.4 + 0.001 + 30 + 70 * 0.4,
	    "created there: two times 30 days of 1, 70 of 0.4");
	fresh();
	make_model(4);
	options.self_moving = 3;
	options.allow_self_moving = 1;
	options.score_from = 1150;
	add("a/x", 1000, 1200, days, 1);
	run();
	costs("auto", 5 + 50 * 0.4,
	    "split: the way in, and idle for 50 days already");
	fresh();
	make_model(4);
	/* the guard has nothing better */
	m.tier[1].excluded = m.tier[2].excluded = 1;
	options.self_moving = 3;
	options.allow_self_moving = 1;
	options.only = 1u << VT_ENGINE_AUTO;
	add("a/x", 1000, 1400, days, 1);
	run();
	ok(same(score("plan").usd, score("auto").usd),
	    "who asks for it alone gets it");
}

/* --- one engine alone ----------------------------------------------------- */

static void
test_alone(void)
{
	static const struct {
		enum vt_engine_kind kind;
		const char *name;
	} alone[] = {
		{ VT_ENGINE_HOT, "hot" }, { VT_ENGINE_WORK, "work" },
		{ VT_ENGINE_HAZARD, "hazard" }
	};
	size_t i;

	for (i = 0; i < 3; i++) {
		fresh();
		make_model(3);
		crowd();
		options.only = 1u << alone[i].kind;
		run();
		is_int(vt_contest_winner(contest)->kind, alone[i].kind,
		    "%s alone is in charge", alone[i].name);
		if (vt_contest_guard(contest) <= 1)
			ok(same(score("plan").usd, score(alone[i].name).usd),
			    "and the plan's bill is its");
		else
			ok(score("plan").usd < score(alone[i].name).usd,
			    "and the guard made it cheaper");
	}
}

static void
test_same_bytes(void)
{
	struct vt_score a[9], b[9];
	double week[60];
	size_t i, n, weeks;
	int same_bits = 1;

	fresh();
	make_model(3);
	crowd();
	run();
	n = vt_contest_count(contest);
	weeks = vt_contest_weeks(contest);
	for (i = 0; i < n; i++)
		vt_contest_score(contest, i, &a[i]);
	memcpy(week, a[n - 1].week, weeks * sizeof(*week));
	fresh();
	crowd();
	run();
	for (i = 0; i < n; i++) {
		vt_contest_score(contest, i, &b[i]);
		same_bits &= a[i].usd == b[i].usd && a[i].moves == b[i].moves &&
		    a[i].weeks_in_charge == b[i].weeks_in_charge;
	}
	same_bits &= memcmp(week, b[n - 1].week, weeks * sizeof(*week)) == 0;
	ok(same_bits, "the same past makes the same contest, bit by bit");
	ok(score("plan").usd <= score("hot").usd &&
	    score("plan").usd >= vt_contest_optimum(contest),
	    "between the optimum and doing nothing");
}

/* --- promises ------------------------------------------------------------- */

static void
test_promises(void)
{
	static const char *const ours[] = {
		"idle", "work", "work-quick", "hazard", "plan"
	};
	struct vt_event e = { 1360, 5, 1, 1e9 };
	struct vt_past gap = { 1000, 1000, 1400, 3, &e, 1, 1, 0 };
	struct vt_err err;
	size_t i;
	int still = 1, none = 1, gaps = 1;

	fresh();
	make_model(3);
	options.min_history = 401;
	crowd();
	run();
	for (i = 0; i < 5; i++)
		still &= score(ours[i]).moves == 0;
	ok(still, "P12 nothing moves before there is enough history");
	fresh();
	m.tier[1].excluded = m.tier[2].excluded = 1;
	crowd();
	run();
	for (i = 0; i < 5; i++)
		none &= score(ours[i]).moves == 0;
	ok(none, "P6 nothing goes where nothing may go");
	ok(same(vt_contest_optimum(contest), score("hot").usd),
	    "P6 not even the optimum");
	fresh();
	make_model(3);
	if (vt_sample_add(sample, &gap, SIZE, "b", "g", 1, 0, NULL, &err) !=
	    VT_OK)
		exit(1);
	run();
	for (i = 0; i < 5; i++)
		gaps &= score(ours[i]).moves == 0;
	ok(gaps && same(score("hot").usd, 400.001),
	    "P12 8 covered days of 400 are 8 days of idleness, and 400 of "
	    "storage");
}

/* --- where policies, pins and locks leave it ------------------------------ */

/* 400 days of all that is in the sample, at so much a day for a GB. */
static double
kept_at(double day)
{
	double usd = 0;
	size_t i;

	for (i = 0; i < vt_sample_count(sample); i++)
		usd += (double)vt_sample_at(sample, i)->size_bytes / 1e9 *
		    day * 400;
	return usd;
}

/* On that tier whatever is wanted, of objects that are read. */
static void
held_on(unsigned char tier, double day)
{
	const struct vt_reach held = {
		.barred = ~(UINT32_C(1) << tier), .home = tier
	};
	double moves = 0;
	struct vt_score s;
	size_t i;

	fresh();
	reach = &held;
	crowd();
	run();
	for (i = 0; i < vt_contest_count(contest); i++) {
		vt_contest_score(contest, i, &s);
		moves += s.moves;
		if (!same(s.storage, kept_at(day)) ||
		    !same(s.usd, score("hot").usd))
			moves = NAN;
	}
	ok(moves == 0 && same(vt_contest_optimum(contest), score("hot").usd),
	    "P6 a replay, the best possible too, leaves it on tier %d where "
	    "it is held", tier);
}

/* What the tiers that are left cost alone is what they cost beside another
 * that is barred, however cheap: with everybody, and with the optimum. */
static void
test_bounds(void)
{
	static const char *const names[] = {
		"hot", "age", "idle", "work", "work-quick"
	};
	const struct vt_reach not_cold = { .barred = 1u << 2 };
	const struct vt_reach not_hot = { .barred = 1u << 0, .home = 1 };
	double alone[5], best, free;
	int same_bills = 1, better = 1, never_less = 1;
	struct vt_score s;
	size_t i;

	fresh();
	make_model(2);
	options.age_count = 1;
	crowd();
	run();
	for (i = 0; i < 5; i++)
		alone[i] = score(names[i]).usd;
	best = vt_contest_optimum(contest);
	fresh();
	make_model(3);
	/* nobody who may would be anywhere else */
	memset(&m.tier[2].price, 0, sizeof(m.tier[2].price));
	crowd();
	run();
	for (i = 1; i < 5; i++)
		better &= score(names[i]).usd < alone[i] * 0.9;
	free = vt_contest_optimum(contest);
	ok(better && free < best * 0.9,
	    "the tier to be barred is what all would go to");
	fresh();
	reach = &not_cold;
	crowd();
	run();
	for (i = 0; i < 5; i++)
		same_bills &= score(names[i]).usd == alone[i];
	ok(same_bills, "P6 a replay puts nothing where its policy forbids");
	ok(same(vt_contest_optimum(contest), best),
	    "P6 nor does the best possible");
	ok(score("hazard").usd == score("work").usd &&
	    score("plan").usd == score("work").usd,
	    "what engines know nothing of is the work function's, as in a "
	    "plan");
	fresh();
	make_model(3);
	/* who is on tier 0 is paid for it */
	m.tier[0].price.storage_gb_month = 0;
	reach = &not_hot;
	crowd();
	run();
	best = vt_contest_optimum(contest);
	for (i = 0; i < vt_contest_count(contest); i++) {
		vt_contest_score(contest, i, &s);
		never_less &= s.usd >= best * (1 - 1e-9) && s.usd > free;
	}
	ok(never_less && same(score("hot").storage, kept_at(0.2)),
	    "P6 barred from the hot tier, it begins on the next one");
	make_model(3);
	held_on(0, 1);
	held_on(1, 0.2);
}

/* What policies ask beside the place. */
static void
test_narrowed(void)
{
	static const char *const ours[] = { "work", "hazard", "plan" };
	const struct vt_reach known = { .min_history = 401 };
	const struct vt_reach soon = { .payback_max = 10 };
	const struct vt_reach no_class = { .barred = 1u << 3 };
	double moves = 0, free = 0;
	size_t i;

	fresh();
	make_model(3);
	reach = &known;
	crowd();
	run();
	for (i = 0; i < 3; i++)
		moves += score(ours[i]).moves;
	ok(moves == 0, "P12 nor before there is as much history as is asked");
	ok(vt_contest_optimum(contest) < score("hot").usd * 0.9,
	    "the best possible knows the future, and waits for none");
	fresh();
	crowd();
	run();
	for (i = 0; i < 3; i++)
		free += score(ours[i]).moves;
	/* 5 for a saving of 0.8 a day: to warm within 10 days, to cold too */
	fresh();
	reach = &soon;
	crowd();
	run();
	for (i = 0; i < 3; i++)
		moves += score(ours[i]).moves;
	ok(free > 0 && moves > 0, "what pays back soon enough is moved");
	fresh();
	options.payback_max = 1;
	crowd();
	run();
	for (moves = 0, i = 0; i < 3; i++)
		moves += score(ours[i]).moves;
	ok(moves == 0 && score("age").moves > 0,
	    "what takes longer to pay back is not, but by the provider");
	fresh();
	make_model(4);
	options.self_moving = 3;
	options.allow_self_moving = 1;
	reach = &no_class;
	crowd();
	run();
	ok(score("auto").usd == score("hot").usd &&
	    score("hazard+auto").usd == score("work").usd,
	    "P6 nor is the class that moves by itself used where it may not");
}

/* 40 objects, read each day or not at all, of which the log saw a day of
 * twenty, so that 20 of 400: statistics would know. */
static void
test_gaps(void)
{
	static const char *const ours[] = {
		"idle", "work", "work-quick", "hazard", "plan"
	};
	struct vt_event e[20];
	struct vt_past p = { 1000, 1000, 1400, 0, e, 20, 20, 0 };
	struct vt_err err;
	char key[16];
	size_t i, j;
	int still = 1, moved = 0;

	for (j = 0; j < 2; j++) {
		fresh();
		make_model(3);
		for (i = 0; i < 20; i++) {
			e[i].at = 1000 + 20 * (double)(i + 1);
			e[i].idle = j == 0 ? 1 : 20;
			e[i].gets = 1;
			e[i].bytes = 1e9;
		}
		for (i = 0; i < 40; i++) {
			snprintf(key, sizeof(key), "g/%zu", i);
			p.count = i % 2 ? 0 : 20;
			p.tail_idle = i % 2 ? j == 0 ? 20 : 400 : 0;
			if (vt_sample_add(sample, &p, SIZE, "b", key,
			    strlen(key), 0, NULL, &err) != VT_OK)
				exit(1);
		}
		run();
		for (i = 0; i < 5; i++) {
			still &= j > 0 || score(ours[i]).moves == 0;
			moved += j > 0 && score(ours[i]).moves > 0;
		}
	}
	ok(still, "P12 nothing moves on 20 covered days of 400");
	is_int(moved, 5, "on 400 of them, all do");
}

/* What hardly happens. */
static void
test_edges(void)
{
	double day = -40;

	fresh();
	make_model(3);
	add("a/x", -100, 100, &day, 1);
	run();
	costs("hot", 200.001, "a past before 1970");
	fresh();
	make_model(3);
	add("a/x", 0, 100, NULL, 0);
	run();
	costs("hot", 100, "one that begins with it");
	ok(score("age").moves == 2, "in which age moves");
	fresh();
	make_model(3);
	options.min_history = 0;
	add_sized("a/0", 0, 0, 0, 100, &day, 0);
	add_sized("a/max", UINT64_MAX, -1e6, 5, 100, &day, 0);
	add("a/tiny", 5, 5.001, NULL, 0);
	run();
	ok(isfinite(score("plan").usd) && isfinite(score("work").usd) &&
	    isfinite(vt_contest_optimum(contest)) &&
	    isfinite(vt_contest_guard(contest)), "sizes 0 and 2^64 - 1");
	fresh();
	make_model(3);
	m.tier[0].excluded = 1;
	crowd();
	run();
	ok(isfinite(score("plan").usd) && isfinite(score("hazard").usd) &&
	    score("plan").usd <= score("hot").usd,
	    "P6 the first tier excluded: away from it, never back");
	fresh();
	make_model(3);
	add("a/x", 1000, 1000 + 6000 * 7.0, NULL, 0);
	run();
	costs("hot", 6000 * 7.0, "more than a century of weeks");
	fresh();
	begin();
	ok(vt_contest_step(contest) == 0 && vt_contest_optimum(contest) == 0,
	    "a contest about nothing");
}

/* --- the guard ------------------------------------------------------------ */

/*
 * "good/": 300 objects that are read once in each age and are at rest then.
 * "bad/": 5 that look like them and are read whole every 31 days: too often
 * to be cold, and seldom enough that statistics of all take them for good
 * ones.
 */
static void
test_guard(void)
{
	double days[400], plan, hot, work, week = 0, slack, was;
	size_t bad, good, i, n;
	int taken = 0, kept = 1, within = 1;
	char key[32];

	fresh();
	make_model(3);
	m.tier[1].excluded = 1;		/* hot and cold alone */
	options.only = 1u << VT_ENGINE_HAZARD | 1u << VT_ENGINE_WORK;
	for (i = 0; i < 300; i++) {
		double from = 1000 + (double)(i % 150);

		days[0] = from + 5;
		days[1] = from + 60;
		days[2] = from + 200;
		snprintf(key, sizeof(key), "good/%zu", i);
		add(key, from, 2100, days, 3);
	}
	for (i = 0; i < 5; i++) {
		for (n = 0; n < 35; n++)
			days[n] = 1010 + (double)(i + n * 31);
		snprintf(key, sizeof(key), "bad/%zu", i);
		add(key, 1000, 2100, days, n);
	}
	begin();
	bad = vt_sample_prefix_of(sample, "b", "bad/", 4);
	good = vt_sample_prefix_of(sample, "b", "good/", 5);
	/* there and back with each of them */
	slack = 5 * (5 + 5 + 40);
	was = 0;
	do {
		n = (size_t)vt_contest_step(contest);
		vt_contest_prefix_usd(contest, bad, &plan, &hot, &work);
		week = plan - was > week ? plan - was : week;
		was = plan;
		within &= plan <= 1.2 * work + 5 * 30 + week + slack;
		if (vt_contest_winner(contest)->kind != VT_ENGINE_HAZARD)
			continue;
		taken += vt_contest_prefix(contest, bad)->kind ==
		    VT_ENGINE_WORK;
		kept &= vt_contest_prefix(contest, good)->kind ==
		    VT_ENGINE_HAZARD;
	} while (n);
	ok(taken > 0, "a prefix where statistics lose is the work function's "
	    "(%d weeks)", taken);
	ok(kept, "one where they win is not");
	ok(within, "at no time has it cost more than 1.2 times as much, a "
	    "month, a week and a way there and back");
	ok(score("plan").usd < score("hazard").usd,
	    "and the guard has paid (%.0f dollars for %.0f)",
	    score("plan").usd, score("hazard").usd);
	vt_contest_prefix_usd(contest, SIZE_MAX, &plan, &hot, &work);
	is_int(vt_contest_prefix(contest, SIZE_MAX)->kind,
	    vt_contest_winner(contest)->kind,
	    "a prefix that was not sampled is the winner's");
}

/* Of the same bytes at rest, in so many objects, beside four times as many that
 * are read each day, so that the class saves 12 %: who is in charge? */
static enum vt_engine_kind
winner_of(unsigned resting)
{
	static double days[400];
	char key[16];
	unsigned i;

	fresh();
	make_model(4);
	options.self_moving = 3;
	options.allow_self_moving = 1;
	options.only = 1u << VT_ENGINE_HOT | 1u << VT_ENGINE_AUTO;
	for (i = 0; i < 400; i++)
		days[i] = 1000 + i;
	for (i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "a/%u", i);
		add_sized(key, SIZE / 10, 1000, 1000, 1400, days, 400);
	}
	for (i = 0; i < resting; i++) {
		snprintf(key, sizeof(key), "b/%u", i);
		add_sized(key, (uint64_t)SIZE / resting, 1000, 1000, 1400,
		    NULL, 0);
	}
	run();
	return vt_contest_winner(contest)->kind;
}

static void
test_evidence(void)
{
	double saved;

	is_int(winner_of(1), VT_ENGINE_HOT,
	    "a lead that one object makes puts nobody in charge");
	saved = score("hot").usd - score("auto").usd;
	ok(saved > 0.05 * score("hot").usd && saved < 0.25 *
	    score("hot").usd, "though it is more than a twentieth");
	is_int(winner_of(10), VT_ENGINE_AUTO, "the same of ten objects does");
	ok(same(score("hot").usd - score("auto").usd, saved),
	    "and it is the same");
}

/* Who only plans pays for no baseline, and gets the same plan. */
static void
test_baselines(void)
{
	static const double days[] = { 1010, 1200, 1390 };
	double work, plan;

	fresh();
	make_model(3);
	add("a/x", 1000, 1400, days, 3);
	run();
	ok(!isnan(score("age").usd) && !isnan(score("idle").usd),
	    "baselines are replayed when asked for");
	work = score("work").usd;
	plan = score("plan").usd;
	fresh();
	options.baselines = 0;
	add("a/x", 1000, 1400, days, 3);
	run();
	ok(isnan(score("age").usd) && isnan(score("idle").usd) &&
	    isnan(score("work-quick").usd), "and else not");
	ok(score("work").usd == work && score("plan").usd == plan,
	    "which changes no other bill");
}

int
main(void)
{
	test_baselines();
	test_evidence();
	test_rest();
	test_reads();
	test_work();
	test_self_moving();
	test_alone();
	test_same_bytes();
	test_promises();
	test_bounds();
	test_narrowed();
	test_gaps();
	test_edges();
	test_guard();
	vt_contest_free(contest);
	vt_sample_free(sample);
	return test_done();
}
