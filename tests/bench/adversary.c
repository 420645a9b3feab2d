/*
 * The adversary's figures: `adversary PRICES...` prints a JSON line for each
 * set of tiers and each way of reading, the measured ratio beside the proved
 * one.  Status 1 if one is beyond.  See tests/unit/adversary.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/adversary.h"

#define GIB (UINT64_C(1) << 30)

static const struct vt_engine work = {
	.kind = VT_ENGINE_WORK, .name = "work", .down = 1, .self_moving = -1
};

static const struct {
	double part, gets;
	unsigned most;
	const char *name;
} ways[] = {
	{ 1, 1, 1, "whole once" }, { 1, 1, 400, "whole until back" },
	{ 0.1, 1, 400, "tenths until back" },
	{ 0.1, 25, 400, "25 tenths a day" },
	{ 0.1, 1, 1, "a tenth once" }
};

static void
tier_names(const struct vt_cost_model *m, char out[256])
{
	size_t i, used = 0;

	out[0] = '\0';
	for (i = 0; i < m->count; i++)
		if (!m->tier[i].excluded)
			used += (size_t)snprintf(out + used, 256 - used, "%s%s",
			    used > 0 ? "," : "", m->tier[i].name);
}

static int
report(const struct vt_prices *prices, const struct vt_cost_model *m,
    struct vt_past *p, struct vt_optimum *o)
{
	struct adversary_plan plan;
	struct adversary a;
	struct vt_err err;
	struct vt_cost c;
	char tiers[256];
	size_t i;
	const char *how = m->how == VT_MOVE_COPY ? "copy" : "transition";
	int beyond = 0;

	tier_names(m, tiers);
	vt_cost_of(m, GIB, &c);
	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		adversary_work(&work, &c, 200, ways[i].part, ways[i].gets,
		    ways[i].most, p, o, &a);
		beyond |= a.usd - a.constant > a.proved * a.least;
		printf("{\"bench\":\"adversary\",\"prices\":\"%s\","
		    "\"engine\":\"work\",\"tiers\":\"%s\",\"reads\":\"%s\","
		    "\"moves\":\"%s\",\"demotions\":%u,\"measured\":%.3f,"
		    "\"proved\":%.3f,\"psi\":%.4f,\"of_optimum\":%.3f,"
		    "\"proved_of_optimum\":%.3f}\n",
		    vt_prices_title(prices), tiers, ways[i].name, how,
		    a.demotions, a.usd / a.least, a.proved, a.psi,
		    a.usd / a.best, 2 * a.proved);
	}
	for (i = 0; i < 2; i++) {
		if (adversary_plan(m, GIB, i == 0 ? 1 : 0.1, &plan, &err) !=
		    VT_OK)
			exit(3);
		beyond |= plan.plan > plan.allowed + plan.step;
		printf("{\"bench\":\"adversary\",\"prices\":\"%s\","
		    "\"engine\":\"plan\",\"tiers\":\"%s\",\"reads\":\"%s\","
		    "\"moves\":\"%s\",\"demotions\":%u,\"measured\":%.3f,"
		    "\"proved\":%.3f,\"of_optimum\":%.3f,\"of_hot\":%.3f,"
		    "\"worst_of_guard\":%.3f}\n",
		    vt_prices_title(prices), tiers,
		    i == 0 ? "whole, weekly" : "a tenth, weekly", how,
		    plan.reads,
		    plan.plan / plan.work,
		    (plan.allowed + plan.step) / plan.work,
		    plan.plan / plan.best, plan.plan / plan.hot, plan.worst);
	}
	return beyond;
}

/* All tiers of the price file that need no restores, each of them with the
 * first alone, and all there are. */
static int
all_tiers(const char *path, struct vt_past *p, struct vt_optimum *o)
{
	const char *tier, *class_name, *here;
	struct vt_prices *prices;
	struct vt_cost_model m;
	struct vt_err err;
	size_t i, k, only;
	int beyond = 0;

	if (vt_prices_load(path, &prices, &err) != VT_OK)
		goto bad;
	here = vt_prices_location(prices);
	vt_cost_model_init(&m, prices);
	for (i = 0; vt_prices_default_tier(prices, i, &tier, &class_name) == 0;
	    i++)
		if (vt_cost_model_add(&m, prices, tier, class_name, here, here,
		    &err) != VT_OK)
			goto bad;
	for (k = 1; k <= 2 * (m.count + 1); k++) {
		m.how = k > m.count + 1 ? VT_MOVE_TRANSITION : VT_MOVE_COPY;
		only = k > m.count + 1 ? k - m.count - 1 : k;
		for (i = 1; i < m.count; i++)
			m.tier[i].excluded = only < m.count ? i != only :
			    only == m.count && m.tier[i].price.needs_restore;
		beyond |= report(prices, &m, p, o);
	}
	vt_prices_free(prices);
	return beyond;
bad:
	fprintf(stderr, "adversary: %s\n", err.text);
	exit(3);
}

int
main(int argc, char **argv)
{
	struct vt_optimum *o = vt_optimum_new();
	struct vt_past p;
	int i, beyond = 0;

	vt_past_init(&p);
	p.e = calloc(ADVERSARY_EVENTS, sizeof(*p.e));
	p.cap = ADVERSARY_EVENTS;
	if (p.e == NULL || o == NULL)
		return 3;
	for (i = 1; i < argc; i++)
		beyond |= all_tiers(argv[i], &p, o);
	vt_past_release(&p);
	vt_optimum_free(o);
	return beyond;
}
