/*
 * A class that moves objects itself, replayed by hand: SELF of
 * tests/data/prices.json, a GB at 0.001 dollars a day, 0.0005 after 30 idle
 * days, 0.0002 after 90, from where a read costs 5e-6 to come back; 3e-6 for
 * 30 days of being watched, 1e-5 to get in, 4e-7 a read.
 */
#include <math.h>
#include <stdint.h>

#include "libvt/work/replay.h"

#include "tests/unit/test.h"

#define GB UINT64_C(1000000000)

static int
close_to(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b)) + 1e-15;
}

int
main(void)
{
	struct vt_event reads[] = {
		{ 110, 10, 1, 1e9 }, { 150, 40, 1, 1e9 }, { 250, 100, 1, 1e9 }
	};
	struct vt_past past = {
		.created = 50, .from = 100, .to = 300, .tail_idle = 50,
		.e = reads, .count = 3
	};
	const struct vt_price *self;
	struct vt_cost_model m;
	struct vt_prices *p;
	struct vt_replay r;
	struct vt_err err;

	if (!ok(vt_prices_load("tests/data/prices.json", &p, &err) == VT_OK,
	    "the prices of the tests")) {
		printf("# %s\n", err.text);
		return test_done();
	}
	vt_cost_model_init(&m, p);
	ok(vt_cost_model_add(&m, p, "hot", "HOT", "here", "here", &err) ==
	    VT_OK, "a hot tier");
	self = vt_prices_auto(p);

	vt_replay_auto(&m, self, GB, &past, 100, &r);
	/* day 100-110 and 30 more at 0.001, 10 at 0.0005, read at 150; 30 at
	 * 0.001, 60 at 0.0005, 10 at 0.0002, read at 250; 30 and 20 */
	ok(close_to(r.storage, 0.001 * (40 + 30 + 30) + 0.0005 * (10 + 60 +
	    20) + 0.0002 * 10 + 3e-6 * 200 / 30),
	    "levels by idle days, and being watched");
	ok(close_to(r.reads, 3 * 4e-7), "reads, nothing retrieved");
	ok(close_to(r.moving, 1e-5 + 5e-6),
	    "getting in, and once back from the last level");
	ok(close_to(r.usd, r.storage + r.reads + r.moving), "in all");

	/* the second half knows how long it was idle before */
	vt_replay_auto(&m, self, GB, &past, 200, &r);
	ok(close_to(r.storage, 0.0005 * 40 + 0.0002 * 10 + 0.001 * 30 +
	    0.0005 * 20 + 3e-6 * 100 / 30), "from the middle on");
	ok(close_to(r.moving, 1e-5 + 5e-6), "with the same way back");

	vt_replay_auto(&m, self, 99999, &past, 100, &r);
	ok(close_to(r.storage, 200 * 9.9999e-8),
	    "a small object stays where it is and is not watched");
	vt_prices_free(p);
	return test_done();
}
