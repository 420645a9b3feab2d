/*
 * An object is read right after each demotion: what the work function pays
 * stays within what is proved of it, and the plan within its guard, at the
 * prices of two providers.
 */
#include "tests/unit/adversary.h"
#include "tests/unit/test.h"

#define GIB (UINT64_C(1) << 30)

static const struct vt_engine work = {
	.kind = VT_ENGINE_WORK, .name = "work", .down = 1, .self_moving = -1
};

static struct vt_past past;
static struct vt_optimum *optimum;

static void
load(const char *path, struct vt_cost_model *m)
{
	const char *tier, *class_name, *here;
	struct vt_prices *p;
	struct vt_err err;
	size_t i;

	if (vt_prices_load(path, &p, &err) != VT_OK)
		exit(1);
	here = vt_prices_location(p);
	vt_cost_model_init(m, p);
	for (i = 0; vt_prices_default_tier(p, i, &tier, &class_name) == 0; i++)
		if (vt_cost_model_add(m, p, tier, class_name, here, here,
		    &err) != VT_OK)
			exit(1);
	vt_prices_free(p);
}

/* All tiers that `mask` has a bit for. */
static void
test_work(struct vt_cost_model *m, unsigned mask)
{
	static const double parts[] = { 1, 0.3, 0.01 };
	struct adversary a;
	struct vt_cost c;
	double worst = 0, optimal = 0, proved = 0;
	size_t i, s, demotions = 0;
	uint64_t size = 1 << 20;
	int within = 1;

	for (i = 1; i < m->count; i++)
		m->tier[i].excluded = !(mask >> i & 1);
	for (s = 0; s < 2; s++, size = 5 * GIB)
		for (i = 0; i < 6; i++) {
			vt_cost_of(m, size, &c);
			adversary_work(&work, &c, 60, parts[i / 2], 1,
			    i % 2 ? 1 : 300, &past, optimum, &a);
			demotions += a.demotions;
			proved = a.proved > proved ? a.proved : proved;
			within &= a.usd <= a.proved * a.least + a.constant &&
			    a.usd <= 2 * (a.proved * a.best + a.constant);
			worst = fmax(worst, a.usd / a.least);
			optimal = fmax(optimal, a.usd / a.best);
		}
	ok(within && demotions > 60, "%zu tiers, %s: %.3f times the least, "
	    "%.3f are proved; %.3f times the optimum", a.tiers,
	    m->how == VT_MOVE_COPY ? "copied" : "by transitions", worst,
	    proved, optimal);
}

static void
test_plan(struct vt_cost_model *m, double part)
{
	struct adversary_plan a;
	struct vt_err err;

	m->how = VT_MOVE_COPY;
	if (adversary_plan(m, GIB, part, &a, &err) != VT_OK)
		exit(1);
	ok(a.reads > 5 && a.plan <= a.allowed + a.step,
	    "the plan: %.3f times the work function, the guard allows %.3f",
	    a.plan / a.work, (a.allowed + a.step) / a.work);
}

/* Distances that differ by the way round: hot to cold by a transition. */
static void
test_psi(void)
{
	struct adversary a;
	struct vt_cost c;

	memset(&c, 0, sizeof(c));
	c.count = 3;
	c.move[0][1] = c.move[1][2] = c.move[0][2] = 1;
	c.move[1][0] = 10;
	c.move[2][0] = c.move[2][1] = 30;
	adversary_bound(&c, &a);
	/* 0 2 1 0: 1 + 30 + 10; 0 1 2 0: 1 + 1 + 30 */
	ok(fabs(a.psi - 41.0 / 32) < 1e-12 &&
	    fabs(a.proved - 5 * 41.0 / 32) < 1e-12,
	    "three tiers, two ways round");
	c.excluded[2] = 1;
	adversary_bound(&c, &a);
	ok(a.psi == 1 && a.proved == 3, "two tiers have one");
}

int
main(void)
{
	static const char *const files[] = {
		"scripts/prices/aws-us-east-1.json",
		"scripts/prices/gcs-us-central1.json"
	};
	struct vt_cost_model m;
	unsigned how, mask;
	size_t i;

	vt_past_init(&past);
	past.e = calloc(ADVERSARY_EVENTS, sizeof(*past.e));
	past.cap = ADVERSARY_EVENTS;
	optimum = vt_optimum_new();
	if (past.e == NULL || optimum == NULL)
		return 1;
	test_psi();
	for (i = 0; i < 2; i++) {
		load(files[i], &m);
		for (how = 0; how < 2; how++)
			for (mask = 2; mask < 1u << m.count; mask += 2) {
				m.how = how ? VT_MOVE_TRANSITION :
				    VT_MOVE_COPY;
				test_work(&m, mask);
			}
		test_plan(&m, 1);
		test_plan(&m, 0.1);
	}
	vt_past_release(&past);
	vt_optimum_free(optimum);
	return test_done();
}
