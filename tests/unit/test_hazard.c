/*
 * Survival statistics by hand, and a policy whose threshold can be told
 * without a computer.
 */
#include <math.h>
#include <stdint.h>

#include "libvt/work/hazard.h"

#include "tests/unit/test.h"

#define SIZE 1000000000		/* a GB of the model below */
#define MANY 1e9		/* so much that nothing leans on the others */

/* A day hot is 1 dollar, cold 0.01; there 5 dollars, back 5 and 20 for
 * reading. */
static struct vt_cost_model m;

static void
make_model(void)
{
	struct vt_price *hot = &m.tier[0].price, *cold = &m.tier[1].price;

	memset(&m, 0, sizeof(m));
	m.bytes_per_gb = SIZE;
	m.month_days = 30;
	m.count = 2;
	hot->storage_gb_month = 30;
	hot->put = 5;
	cold->storage_gb_month = 0.3;
	cold->put = 5;
	cold->retrieval_gb = 20;
}

static void
test_groups(void)
{
	char text[160];
	double idle, next;
	int ascending = 1, bins = 0;

	is_int(vt_hazard_group(SIZE, 40, 4, SIZE / 10),
	    vt_hazard_group(SIZE / 2, 100, 3, SIZE / 30),
	    "alike in days, part, age and size: one group");
	ok(vt_hazard_group(SIZE, 40, 4, 1e8) !=
	    vt_hazard_group(SIZE, 40, 6, 1e8), "days with reads tell apart");
	ok(vt_hazard_group(SIZE, 40, 4, 1e8) !=
	    vt_hazard_group(SIZE, 40, 4, 1e9), "parts do");
	ok(vt_hazard_group(SIZE, 40, 4, 1e8) !=
	    vt_hazard_group(SIZE, 400, 4, 1e8), "ages do");
	ok(vt_hazard_group(1000, 40, 4, 100) !=
	    vt_hazard_group(SIZE, 40, 4, 1e8), "sizes do");
	vt_hazard_group_text(vt_hazard_group(SIZE, 40, 4, 1e8), text);
	is_str(text, "read on 3 to 5 of 30 days, 3 to 15 % of it, 1 to 4 "
	    "months old, up to 4 GB", "in words");
	vt_hazard_group_text(vt_hazard_group(0, -5, 0, 0), text);
	is_str(text, "not read in 30 days, less than a month old, under "
	    "128 KiB", "nothing is small, and what is to come young");
	vt_hazard_group_text(vt_hazard_group(UINT64_MAX, 1e9, 4000000, 1e30),
	    text);
	is_str(text, "read on 13 or more of 30 days, more than 1.5 times its "
	    "size, more than a year old, over 4 GB", "the last of all");
	for (idle = 0; isfinite(idle); idle = next, bins++) {
		next = vt_hazard_next_edge(idle);
		ascending &= next > idle &&
		    vt_hazard_next_edge(nextafter(next, 0)) == next;
	}
	ok(ascending && bins == 34, "bins of idle time ascend");
}

static int
near(double a, double b)
{
	return fabs(a - b) < 1e-5;
}

static void
test_rates(void)
{
	unsigned g = vt_hazard_group(SIZE, 40, 1, SIZE);
	unsigned other = vt_hazard_group(SIZE, 40, 2, SIZE);
	struct vt_hazard *h = vt_hazard_new();

	/* 10 objects: 2 are read at half a day, 8 wait for 9.5 days and are
	 * read no more: 9 days in the first bin, 8 in each after it */
	vt_hazard_idle(h, g, 0, 0.5, 2 * MANY);
	vt_hazard_read(h, g, 0.5, other, 3, 1.5, 2 * MANY);
	vt_hazard_idle(h, g, 0, 4.25, 8 * MANY);
	vt_hazard_idle(h, g, 4.25, 9.5, 8 * MANY);
	/* 4 of them are read on the fourth day */
	vt_hazard_read(h, g, 3.5, other, 1, 7, 4 * MANY);
	vt_hazard_fit(h);
	ok(near(vt_hazard_within(h, g, 0, 1), 1 - exp(-2 / 9.0)),
	    "events over exposure: 2 in 9 days");
	ok(near(vt_hazard_within(h, g, 0.5, 0.5), 1 - exp(-1 / 9.0)),
	    "half of it in half a day");
	ok(near(vt_hazard_within(h, g, 1, 2), 0), "none in two days");
	ok(near(vt_hazard_within(h, g, 3, 1), 1 - exp(-0.5)), "4 in 8");
	ok(near(vt_hazard_within(h, g, 0, 9), 1 - exp(-2 / 9.0 - 0.5)),
	    "bins add up");
	ok(near(vt_hazard_gets(h, g), (6 + 4) / 6.0), "reads a day");
	/* 7 of one read is an error of sizes: 1 */
	ok(near(vt_hazard_part(h, g), (3 + 4) / 6.0), "and their part");
	ok(vt_hazard_within(h, other, 0, 1000) > 0 &&
	    vt_hazard_within(h, other, 0, 1e9) <= 1,
	    "a group that nothing is known of leans on all");
	vt_hazard_free(h);
	h = vt_hazard_new();
	vt_hazard_fit(h);
	ok(vt_hazard_within(h, g, 3, 30) > 0 &&
	    vt_hazard_within(h, g, 3, 30) < 1 &&
	    isfinite(vt_hazard_gets(h, g)), "nothing known at all: no NaN");
	vt_hazard_free(h);
}

/* Objects are read at `rate` a day in their first 7 idle days, never after. */
static struct vt_hazard *
learned(unsigned g, double rate)
{
	struct vt_hazard *h = vt_hazard_new();
	int day;

	vt_hazard_idle(h, g, 0, 2000, MANY);
	for (day = 0; day < 7; day++)
		vt_hazard_read(h, g, day + 0.5, g, 1, 1, MANY * rate);
	vt_hazard_fit(h);
	return h;
}

/* Days of idleness after which the table leaves the hot tier. */
static double
threshold(const struct vt_hazard_table *t, unsigned g)
{
	double day = 0;

	while (day < 1000 && vt_hazard_want(t, SIZE, g, day, 0) == 0)
		day++;
	return day;
}

static void
test_table(void)
{
	unsigned g = vt_hazard_group(SIZE, 40, 1, SIZE), i;
	struct vt_hazard *h = learned(g, 0.5);
	struct vt_hazard_table *t = vt_hazard_table_new(&m, 0);
	struct vt_hazard_table *u = vt_hazard_table_new(&m, 0);
	struct vt_hazard_table *barred = vt_hazard_table_new(&m, 1u << 1);
	int same = 1, stays = 1;
	double day;

	vt_hazard_table_size(t, SIZE);
	is_int(vt_hazard_solved(t), 0, "not solved yet");
	vt_hazard_solve(h, t, 500);
	is_int(vt_hazard_solved(t), 1, "solved");
	/* A day of waiting costs 0.99; going a day too soon costs, with a
	 * chance of 0.4, 20 dollars of retrieval.  After the seventh nobody
	 * reads it, and 5 dollars are earned back in 5 days. */
	ok(threshold(t, g) == 7, "read every other day for a week: it goes "
	    "cold when the week is over (%g)", threshold(t, g));
	is_int(vt_hazard_want(t, SIZE, g, 100, 1), 1, "and stays there");
	is_int(vt_hazard_want(t, SIZE, g, 100, 0), 1, "also from day 100 on");
	ok(vt_hazard_value(t, SIZE, g, 100, 1) <
	    vt_hazard_value(t, SIZE, g, 100, 0),
	    "where it is worth less to be hot");
	vt_hazard_table_size(u, SIZE);
	vt_hazard_solve(h, u, 500);
	for (day = 0; day < 1000; day++)
		for (i = 0; i < 2; i++)
			same &= vt_hazard_want(t, SIZE, g, day, i) ==
			    vt_hazard_want(u, SIZE, g, day, i) &&
			    vt_hazard_value(t, SIZE, g, day, i) ==
			    vt_hazard_value(u, SIZE, g, day, i);
	ok(same, "the same statistics make the same table");
	for (i = 0; i < 2; i++) {
		stays &= vt_hazard_want(t, SIZE, vt_hazard_group(SIZE, 999, 9,
		    SIZE), 50, i) == i;
		stays &= vt_hazard_want(t, 5000, g, 50, i) == i;
	}
	ok(stays, "what nothing is known of stays where it is");
	vt_hazard_table_size(barred, SIZE);
	vt_hazard_solve(h, barred, 500);
	ok(threshold(barred, g) == 1000, "P6 a barred tier is no target");
	vt_hazard_free(h);
	/* A day of waiting still costs 0.99, too soon 0.01 times 20. */
	h = learned(g, 0.01);
	vt_hazard_solve(h, t, 500);
	ok(threshold(t, g) == 0, "read on one day of a hundred: it goes cold "
	    "at once (%g)", threshold(t, g));
	vt_hazard_free(h);
	vt_hazard_table_free(t);
	vt_hazard_table_free(u);
	vt_hazard_table_free(barred);
}

/* What was seen long ago counts less than what was seen since. */
static void
test_fade(void)
{
	struct vt_hazard *h = vt_hazard_new();
	unsigned g = vt_hazard_group(SIZE, 40, 1, SIZE);

	vt_hazard_idle(h, g, 3, 4, 8 * MANY);
	vt_hazard_read(h, g, 3.5, g, 4, 1, 4 * MANY);
	vt_hazard_fade(h, 0.25);
	vt_hazard_idle(h, g, 3, 4, 2 * MANY);
	vt_hazard_read(h, g, 3.5, g, 1, 1, MANY);
	vt_hazard_fit(h);
	ok(near(vt_hazard_within(h, g, 3, 1), 1 - exp(-0.5)),
	    "as many reads of as many days: the same rate");
	ok(near(vt_hazard_gets(h, g), 2.5), "a quarter of four times as much "
	    "counts like what came after");
	vt_hazard_free(h);
}

/* Between tier 0 and a tier that moves by itself, for objects that are read
 * each day and are hot on both: `percent` dearer there. */
static void
wants_hedged(double percent, unsigned barred, size_t want)
{
	unsigned g = vt_hazard_group(SIZE, 40, 1, SIZE);
	struct vt_hazard *h = learned(g, 3);
	struct vt_cost_model with = m;
	struct vt_price *p = &with.tier[2].price;
	struct vt_hazard_table *t;

	with.count = 3;
	p->level_count = 2;
	p->level[0].storage_gb_month = 30;
	p->level[1].storage_gb_month = 0.3;
	p->level[1].idle_days = 30;
	p->monitor_month = 0.3 * percent;
	t = vt_hazard_table_new(&with, barred);
	vt_hazard_table_size(t, SIZE);
	ok(!vt_hazard_rather(t, SIZE, g, 0), "unsolved: nowhere");
	vt_hazard_solve(h, t, 500);
	is_int(vt_hazard_want(t, SIZE, g, 0, 0), (int)want,
	    "%g %% dearer, from tier 0 to tier %zu", percent, want);
	is_int(vt_hazard_rather(t, SIZE, g, 0), want == 2, "and begun there");
	vt_hazard_table_free(t);
	vt_hazard_free(h);
}

int
main(void)
{
	make_model();
	test_groups();
	test_rates();
	test_table();
	test_fade();
	wants_hedged(0.5, 0, 2);
	wants_hedged(3, 0, 0);
	wants_hedged(0.5, 1u << 2, 0);
	return test_done();
}
