/*
 * A class that moves objects itself, replayed by hand: SELF of
 * tests/data/prices.json, a GB at 0.001 dollars a day, 0.0005 after 30 idle
 * days, 0.0002 after 90, from where a read costs 5e-6 to come back; 3e-6 for
 * 30 days of being watched, 1e-5 to get in, 4e-7 a read.
 */
#include <math.h>
#include <stdint.h>

#include "libvt/work/contest.h"

#include "tests/unit/test.h"

#define GB UINT64_C(1000000000)

static int
close_to(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b)) + 1e-15;
}

static struct vt_cost_model m;

/* One object's past under the class, billed from `score_from` on. */
static int
replay(const struct vt_past *past, uint64_t size_bytes, double score_from,
    struct vt_score *out)
{
	struct vt_contest_options o;
	struct vt_sample *s = vt_sample_new(10, 100);
	struct vt_contest *k = NULL;
	struct vt_err err;
	size_t i;
	int found = 0;

	memset(&o, 0, sizeof(o));
	o.score_from = score_from;
	o.self_moving = 1;
	if (s != NULL && vt_sample_wants(s, size_bytes, "b", "k", 1, 0) &&
	    vt_sample_add(s, past, size_bytes, "b", "k", 1, 0, NULL, &err) ==
	    VT_OK) {
		vt_sample_finish(s);
		if (vt_contest_new(&m, s, &o, &k, &err) != VT_OK)
			k = NULL;
	}
	while (k != NULL && vt_contest_step(k))
		;
	for (i = 0; k != NULL && i < vt_contest_count(k) && !found; i++) {
		vt_contest_score(k, i, out);
		found = out->kind == VT_ENGINE_AUTO;
		out->name = "";
		out->week = NULL;
	}
	vt_contest_free(k);
	vt_sample_free(s);
	return found;
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
	struct vt_prices *p;
	struct vt_score r;
	struct vt_err err;

	if (!ok(vt_prices_load("tests/data/prices.json", &p, &err) == VT_OK,
	    "the prices of the tests")) {
		printf("# %s\n", err.text);
		return test_done();
	}
	vt_cost_model_init(&m, p);
	ok(vt_cost_model_add(&m, p, "hot", "HOT", "here", "here", &err) ==
	    VT_OK, "a hot tier");
	ok(vt_cost_model_add(&m, p, "auto", "SELF", "here", "here", &err) ==
	    VT_OK, "one that moves objects by itself");

	ok(replay(&past, GB, 100, &r), "a replay");
	/* day 100-110 and 30 more at 0.001, 10 at 0.0005, read at 150; 30 at
	 * 0.001, 60 at 0.0005, 10 at 0.0002, read at 250; 30 and 20 */
	ok(close_to(r.storage, 0.001 * (40 + 30 + 30) + 0.0005 * (10 + 60 +
	    20) + 0.0002 * 10 + 3e-6 * 200 / 30),
	    "levels by idle days, and being watched");
	ok(close_to(r.reads, 3 * 4e-7 + 5e-6),
	    "reads, nothing retrieved, once back from the last level");
	ok(close_to(r.moving, 1e-5), "getting in");
	ok(close_to(r.usd, r.storage + r.reads + r.moving), "in all");

	/* the second half knows how long it was idle before */
	ok(replay(&past, GB, 200, &r), "a replay of a part");
	ok(close_to(r.storage, 0.0005 * 40 + 0.0002 * 10 + 0.001 * 30 +
	    0.0005 * 20 + 3e-6 * 100 / 30), "from the middle on");
	ok(close_to(r.reads, 4e-7 + 5e-6), "with the same way back");

	ok(replay(&past, 99999, 100, &r), "a replay of a small object");
	ok(close_to(r.storage, 200 * 9.9999e-8),
	    "a small object stays where it is and is not watched");
	vt_prices_free(p);
	return test_done();
}
