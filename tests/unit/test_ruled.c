/*
 * Lifecycle rules in a contest: what they make of the past of a version, and
 * that everybody is bound by it, the best possible too.
 */
#include "libvt/work/place.h"
#include "libvt/work/plan.h"

#include "tests/unit/contests.h"

#define DAY_US INT64_C(86400000000)

/* --- reach ---------------------------------------------------------------- */

static const char *const classes[] = { "A", "B", "C" };

/* A past of days 1000 to 1400 with reads on days 1100 and 1200, of which the
 * log saw the half. */
static struct vt_event event[2];
static struct vt_past
some_past(void)
{
	struct vt_past p = { 900, 1000, 1400, 100, event, 2, 2, 0 };

	event[0] = (struct vt_event){ 1100, 50, 1, 1 };
	event[1] = (struct vt_event){ 1200, 50, 1, 1 };
	return p;
}

static void
test_reach_end(void)
{
	struct vt_reach r = { 0 };
	struct vt_past p = some_past();

	ok(!vt_reach_end(&r, &p, 1400) && !r.ends && p.to == 1400,
	    "what is not due yet ends nothing");
	ok(vt_reach_end(&r, &p, 1250) && r.ends && p.to == 1250 &&
	    p.count == 2 && same(p.tail_idle, 25),
	    "a rest that a removal cuts was covered as evenly as before");
	ok(vt_reach_end(&r, &p, 1200) && p.to == 1200 && p.count == 1 &&
	    same(p.tail_idle, 50), "a read then comes too late");
	ok(vt_reach_end(&r, &p, 1050) && p.count == 0 &&
	    same(p.tail_idle, 25), "before the first, none is left");
	ok(vt_reach_end(&r, &p, 950) && p.to == 1000 && p.tail_idle == 0,
	    "nor is any time, of what was due before");
}

/* To B 200 days after creation on day 900, to C after 400; noncurrent since
 * day 1150, to C 100 days later. */
static struct vt_lc_transition down[] = {
	{ { 1, 0, 200, 0 }, 0, "B" }, { { 1, 0, 400, 0 }, 0, "C" },
	{ { 1, 0, 100, 0 }, 0, "C" }
};
static struct vt_lc_rule down_rule = {
	.id = "", .prefix = "", .enabled = 1, .transition = down,
	.transition_count = 2, .noncurrent_transition = down + 2,
	.noncurrent_transition_count = 1
};
static const struct vt_lifecycle lifecycle = {
	.rule = &down_rule, .count = 1, .day_us = DAY_US
};

static int
is_step(const struct vt_reach_step *s, double at, uint32_t barred, int must,
    int home)
{
	return s->at == at && s->barred == barred && s->must == must &&
	    s->home == home;
}

static void
test_reach(void)
{
	struct vt_reach_rules rules = { .lc = &lifecycle, .classes = classes };
	struct vt_reach_step step[VT_REACH_STEPS];
	struct vt_past p = some_past();
	struct vt_reach r = { 0 };

	make_model(3);
	rules.version.key = "";
	rules.version.created_us = 900 * DAY_US;
	rules.version.is_current = 1;
	ok(vt_reach_rules_of(&r, &m, &rules, &p, step) && r.barred == 6 &&
	    r.home == 0 && r.steps == 2, "P6 before its day a rule bars its "
	    "class and colder ones");
	ok(is_step(&step[0], 1100, 5, 1, 1), "P6 then it forces it there, "
	    "and another bars what is colder");
	ok(is_step(&step[1], 1300, 3, 2, 2), "until it is due itself");
	memset(&r, 0, sizeof(r));
	p.from = 1100;
	ok(vt_reach_rules_of(&r, &m, &rules, &p, step) && r.barred == 5 &&
	    r.home == 1 && r.steps == 1, "what was due when a past begins "
	    "was done");
	memset(&r, 0, sizeof(r));
	p.from = 1000;
	rules.version.is_current = 0;
	rules.version.noncurrent_since_us = 1150 * DAY_US;
	ok(vt_reach_rules_of(&r, &m, &rules, &p, step) && r.steps == 3 &&
	    is_step(&step[0], 1100, 5, 1, 1) &&
	    is_step(&step[1], 1150, 4, -1, 0) &&
	    is_step(&step[2], 1250, 3, 2, 2),
	    "a noncurrent version had the rules of current ones until it was "
	    "none");
	memset(&r, 0, sizeof(r));
	rules.version.is_current = 1;
	rules.wait = 1u << 1;
	ok(vt_reach_rules_of(&r, &m, &rules, &p, step) && r.steps == 2 &&
	    is_step(&step[0], 1100, 5, -1, 0),
	    "a rule waits where --tiers leaves its tier out");
	memset(&r, 0, sizeof(r));
	r.is_held = 1;
	ok(!vt_reach_rules_of(&r, &m, &rules, &p, step) && r.steps == 0 &&
	    r.barred == 0, "P6 what is held no rule moves");
	memset(&r, 0, sizeof(r));
	p.to = 1050;
	m.tier[1].excluded = m.tier[2].excluded = 1;
	ok(!vt_reach_rules_of(&r, &m, &rules, &p, step),
	    "what options bar anyway does not count as bound");
}

/* --- bills ---------------------------------------------------------------- */

static const char *const all[] = {
	"hot", "idle", "work", "work-quick", "hazard", "plan"
};

/* Everybody pays that, and no one could pay less. */
static void
all_pay(double usd, const char *what)
{
	int paid = 1;
	size_t i;

	for (i = 0; i < 6; i++)
		paid &= same(score(all[i]).usd, usd);
	if (!ok(paid && same(vt_contest_optimum(contest), usd), "%s", what))
		for (i = 0; i < 6; i++)
			printf("# %s %.9g of %.9g, at best %.9g\n", all[i],
			    score(all[i]).usd, usd,
			    vt_contest_optimum(contest));
}

/* To cold on day 1100, and not before. */
static struct vt_reach_step to_cold = { 1100, 1u << 0 | 1u << 1, 2, 2 };
static const struct vt_reach cold_rule = {
	.barred = 1u << 1 | 1u << 2, .step = &to_cold, .steps = 1
};

static void
test_rule(void)
{
	static double daily[400];
	static const double two[] = { 1050, 1200 };
	size_t i;

	fresh();
	make_model(3);
	reach = &cold_rule;
	add("a/x", 1000, 1400, NULL, 0);
	run();
	all_pay(100 + 5.001 + 300 * 0.01,
	    "P6 what would go cold waits for the day of its rule");
	costs("age", 100 + 5 + 300 * 0.01, "so does the age rule");
	fresh();
	reach = &cold_rule;
	for (i = 0; i < 400; i++)
		daily[i] = 1000.5 + (double)i;
	add("a/x", 1000, 1400, daily, 400);
	run();
	all_pay(100 * 1.001 + 5.001 + 300 * 40.011,
	    "P6 what would stay hot goes, whatever that costs, and is not "
	    "brought back");
	is_int(score("hot").moves, 1, "by one move");
	fresh();
	reach = &cold_rule;
	options.min_history = 1000;
	options.score_from = 1100;
	add("a/x", 1000, 1400, two, 2);
	run();
	all_pay(300 * 0.01 + 40.001,
	    "a bill that begins with that day has it cold by then");
	ok(same(score("plan").before, 100.001 + 5.001),
	    "the move, which needs no history, was before");
}

/* To warm on day 1200: what could have been paid by one who were hot still is
 * no measure any more. */
static void
test_work_after(void)
{
	static struct vt_reach_step to_warm = { 1200, 1u << 0, 1, 1 };
	const struct vt_reach rule = {
		.barred = 1u << 1 | 1u << 2, .step = &to_warm, .steps = 1
	};
	const struct vt_reach open = { .step = &to_warm, .steps = 1 };
	static double daily[250];
	/* 15.001 there and 45.001 back */
	double gone = 1249.5 + 60.002 / 0.19;
	size_t i;

	for (i = 0; i < 250; i++)
		daily[i] = 1000.5 + (double)i;
	fresh();
	make_model(3);
	reach = &rule;
	add("a/x", 1000, 2000, daily, 250);
	run();
	costs("work", 200 * 1.001 + 5.001 + 50 * 10.001 +
	    (gone - 1200) * 0.2 + 15.001 + (2000 - gone) * 0.01,
	    "after its day the work function goes on without the hot tier");
	fresh();
	options.min_history = 200;
	reach = &open;
	add("a/x", 1000, 2000, NULL, 0);
	run();
	ok(score("work").moves == 2 &&
	    same(score("hazard").usd, score("work").usd) &&
	    same(score("plan").usd, score("work").usd),
	    "who leaves it to the work function then, has all that this "
	    "learned");
}

/* What was barred may be gone to from its day on. */
static void
test_until(void)
{
	static struct vt_reach_step free = { 1300, 0, 0, -1 };
	const struct vt_reach until = {
		.barred = 1u << 2, .step = &free, .steps = 1
	};
	const struct vt_reach always = { .barred = 1u << 2 };
	static const char *const names[] = {
		"hot", "age", "idle", "work", "work-quick", "hazard"
	};
	double before[6], after[6], best;
	int same_before = 1, less_after = 1;
	size_t i;

	fresh();
	make_model(3);
	memset(&m.tier[2].price, 0, sizeof(m.tier[2].price));
	options.score_from = 1300;
	reach = &always;
	crowd();
	run();
	for (i = 0; i < 6; i++) {
		before[i] = score(names[i]).before;
		after[i] = score(names[i]).usd;
	}
	best = vt_contest_optimum(contest);
	fresh();
	options.score_from = 1300;
	reach = &until;
	crowd();
	run();
	for (i = 0; i < 6; i++) {
		same_before &= score(names[i]).before == before[i];
		less_after &= i == 0 || score(names[i]).usd < after[i] * 0.9;
	}
	ok(same_before, "P6 nobody goes to a tier before rules leave it");
	ok(less_after && vt_contest_optimum(contest) < best * 0.9,
	    "then who would be there is");
}

/* Removed on day 1110. */
static void
test_end(void)
{
	static const double days[] = { 1050, 1105, 1110, 1300 };
	struct vt_reach ends = { .ends = 1 };

	fresh();
	make_model(3);
	m.tier[2].price.min_days = 90;
	ends.barred = cold_rule.barred;
	ends.step = cold_rule.step;
	ends.steps = 1;
	reach = &ends;
	add("a/x", 1000, 1110, days, 2);
	/* an old one outlives it */
	reach = NULL;
	add_sized("a/0", 0, 1000, 1000, 1400, NULL, 0);
	run();
	all_pay(100.001 + 5.001 + 10 * 0.01 + 40.001 + 80 * 0.01,
	    "P6 what a rule removes costs no more than the rest of a "
	    "minimum");
	fresh();
	make_model(3);
	reach = &cold_rule;
	add("a/x", 1000, 1110, days, 2);
	run();
	all_pay(100.001 + 5.001 + 10 * 0.01 + 40.001,
	    "what the log ends with is not charged for it");
}

/* A rule may ask for the class that moves by itself: then the best possible is
 * billed as that is. */
static void
test_rule_self_moving(void)
{
	static struct vt_reach_step there = {
		1100, 1u << 0 | 1u << 1 | 1u << 2, 3, 3
	};
	const struct vt_reach rule = {
		.barred = 1u << 1 | 1u << 2 | 1u << 3, .step = &there,
		.steps = 1
	};
	static const double read = 1200;

	fresh();
	make_model(4);
	m.tier[3].price.level[1].back = 2;
	options.self_moving = 3;
	options.allow_self_moving = 1;
	reach = &rule;
	add("a/x", 1000, 1400, &read, 1);
	run();
	all_pay(100 + 5.001 + 30 + 70 * 0.4 + 2.001 + 30 + 170 * 0.4,
	    "P6 and who must be in the self-moving class pays for its "
	    "levels");
	ok(score("auto").usd == score("hot").usd &&
	    same(score("hazard+auto").usd, score("hot").usd),
	    "that class, as a baseline, too");
	fresh();
	options.self_moving = 3;
	options.allow_self_moving = 1;
	options.score_from = 1150;
	reach = &rule;
	add("a/x", 1000, 1400, &read, 1);
	run();
	/* 50 days after it came there, and 150 since it was made */
	all_pay(50 * 0.4 + 2.001 + 30 + 170 * 0.4,
	    "who begins there has rested for as long as the log says");
	ok(score("auto").usd == score("hot").usd, "and pays for no way in");
}

static unsigned
drawn(unsigned below)
{
	static uint64_t seed = 42;

	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(seed >> 40) % below;
}

/* Up to four days on which something changes, as rules may have it or not. */
static void
draw_reach(struct vt_reach *r, struct vt_reach_step step[4])
{
	unsigned day = 1000, must = 0, count = drawn(5), i;

	memset(r, 0, sizeof(*r));
	r->step = step;
	r->barred = drawn(8) & 6;
	r->ends = drawn(2) == 0;
	for (i = 0; i < count; i++) {
		day += 1 + drawn(120);
		if (day >= 1400)
			break;
		must += drawn(3 - must);
		step[i].at = day;
		step[i].must = must > 0 ? (signed char)must : -1;
		step[i].home = (unsigned char)must;
		step[i].barred = (drawn(8) & ~(1u << must)) |
		    ((1u << must) - 1);
		r->steps++;
	}
}

/* Whatever is barred and forced when, nobody pays less than the optimum. */
static void
test_never_less(void)
{
	struct vt_reach_step step[4];
	struct vt_reach r;
	double days[60], best;
	int less = 0, i, x;
	char key[8];
	unsigned d;
	size_t n;

	for (i = 0; i < 40; i++) {
		fresh();
		make_model(3);
		m.tier[1].price.min_days = drawn(40);
		m.tier[2].price.min_days = drawn(100);
		options.min_history = drawn(2) * 30;
		options.score_from = drawn(2) ? 1000 + drawn(390) : 0;
		for (x = 0; x < 4; x++) {
			for (n = 0, d = drawn(100); d < 400 && n < 60;
			    d += 1 + drawn(1u << drawn(8)))
				days[n++] = 1000 + d + 0.5;
			draw_reach(&r, step);
			reach = &r;
			snprintf(key, sizeof(key), "k%d/", x);
			add(key, 1000, 1400, days, n);
		}
		run();
		best = vt_contest_optimum(contest);
		for (x = 0; x < 6; x++)
			less += !(score(all[x]).usd >= best * (1 - 1e-9));
	}
	is_int(less, 0, "P6 whatever rules do, nobody pays less than the best "
	    "possible, 40 contests");
}

int
main(void)
{
	test_reach_end();
	test_reach();
	test_rule();
	test_work_after();
	test_until();
	test_end();
	test_rule_self_moving();
	test_never_less();
	vt_contest_free(contest);
	vt_sample_free(sample);
	return test_done();
}
