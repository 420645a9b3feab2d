/*
 * Contests by hand, for the tests of them.
 *
 * An object is a GB: a day costs 1 dollar hot, 0.2 warm, 0.01 cold; 5 to go
 * anywhere, 10 or 40 a whole read from warm or cold; 0.001 a read.  The class
 * that moves objects by itself, where there is one: 1 a day, after 30 idle
 * days 0.4.
 */
#ifndef CONTESTS_H
#define CONTESTS_H

#include <math.h>
#include <stdint.h>

#include "libvt/work/contest.h"

#include "tests/unit/test.h"

#define SIZE UINT64_C(1000000000)

static struct vt_cost_model m;

static void
make_model(size_t tiers)
{
	static const double storage[] = { 30, 6, 0.3, 30 };
	static const double retrieval[] = { 0, 10, 40, 0 };
	size_t i;

	memset(&m, 0, sizeof(m));
	m.bytes_per_gb = 1e9;
	m.month_days = 30;
	m.count = tiers;
	for (i = 0; i < tiers; i++) {
		struct vt_price *p = &m.tier[i].price;

		p->storage_gb_month = storage[i];
		p->retrieval_gb = retrieval[i];
		p->put = p->transition = 5;
		p->get = 0.001;
	}
	if (tiers < 4)
		return;
	m.tier[3].price.level_count = 2;
	m.tier[3].price.level[0].storage_gb_month = 30;
	m.tier[3].price.level[1].storage_gb_month = 12;
	m.tier[3].price.level[1].idle_days = 30;
}

/* --- one contest ---------------------------------------------------------- */

static struct vt_sample *sample;
static struct vt_contest *contest;
static struct vt_contest_options options;
static const struct vt_reach *reach;	/* of what is added */

static void
fresh(void)
{
	vt_contest_free(contest);
	contest = NULL;
	reach = NULL;
	vt_sample_free(sample);
	sample = vt_sample_new(10000, 1000000);
	memset(&options, 0, sizeof(options));
	options.self_moving = -1;
	options.min_history = 30;
	options.age_days[0] = 30;
	options.age_days[1] = 90;
	options.age_tier[0] = 1;
	options.age_tier[1] = 2;
	options.age_count = 2;
	options.baselines = 1;
}

/* Read whole on the given days, which ascend. */
static void
add_sized(const char *key, uint64_t size_bytes, double created, double from,
    double to, const double *days, size_t count)
{
	struct vt_event e[400];
	struct vt_past p = { created, from, to, to - from, e, count, 400, 0 };
	struct vt_err err;
	size_t i;

	for (i = 0; i < count; i++) {
		e[i].at = days[i];
		e[i].idle = days[i] - (i > 0 ? days[i - 1] : from);
		e[i].gets = 1;
		e[i].bytes = (double)size_bytes;
		p.tail_idle = to - days[i];
	}
	if (!vt_sample_wants(sample, size_bytes, "b", key, strlen(key), 0) ||
	    vt_sample_add(sample, &p, size_bytes, "b", key, strlen(key), 0,
	    reach, &err) != VT_OK)
		exit(1);
}

static void
add(const char *key, double from, double to, const double *days, size_t count)
{
	add_sized(key, SIZE, from, from, to, days, count);
}

static void
begin(void)
{
	struct vt_err err;

	vt_sample_finish(sample);
	if (vt_contest_new(&m, sample, &options, &contest, &err) != VT_OK)
		exit(1);
}

static void
run(void)
{
	begin();
	while (vt_contest_step(contest))
		;
}

static struct vt_score
score(const char *name)
{
	struct vt_score s;
	size_t i;

	for (i = 0; i < vt_contest_count(contest); i++) {
		vt_contest_score(contest, i, &s);
		if (strcmp(s.name, name) == 0)
			return s;
	}
	memset(&s, 0, sizeof(s));
	s.usd = NAN;
	return s;
}

static int
same(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (1 + fabs(a) + fabs(b));
}

#define costs(name, usd_, what) do {					\
	double got_ = score(name).usd;					\
	if (!ok(same(got_, usd_), "%s: %s", name, what))		\
		printf("# got %.9g, want %.9g\n", got_, (double)(usd_));\
} while (0)

/* 60 objects: read daily, at rest, or now and then. */
static void
crowd(void)
{
	double days[400];
	char key[32];
	size_t n;
	int i, d;

	for (i = 0; i < 60; i++) {
		for (n = 0, d = 1 + i % 7; d < 390; d += 1 + i % 3 * (i + 9))
			days[n++] = 1000 + d + 0.5;
		snprintf(key, sizeof(key), "p%d/%d", i % 4, i);
		add_sized(key, SIZE / 10 * (1 + (uint64_t)i % 20), 1000, 1000,
		    1400, days, i % 3 == 1 ? 1 : n);
	}
}

#endif
