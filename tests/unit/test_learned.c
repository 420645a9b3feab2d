/*
 * What a contest has taught, kept and read again: the same engine for each key,
 * the same wishes; and nothing that was changed, cut or made by somebody else.
 */
#include <math.h>
#include <stdint.h>

#include "libvt/base/hash.h"

#include "libvt/work/learned.h"

#include "tests/unit/made_past.h"
#include "tests/unit/test.h"

static struct vt_cost_model m;
static struct vt_sample *sample;
static struct vt_contest *contest;
static struct vt_learned_facts facts;
static struct vt_buf bytes;
static struct vt_err err;

static void
begin(void)
{
	vt_contest_free(contest);
	vt_sample_free(sample);
	contest = NULL;
	sample = vt_sample_new(100000, 1000000);
	if (sample == NULL)
		exit(1);
}

static void
hold(unsigned only)
{
	struct vt_contest_options o;

	memset(&o, 0, sizeof(o));
	o.self_moving = -1;
	o.min_history = 30;
	o.score_from = 200;
	o.only = only;
	vt_sample_finish(sample);
	if (vt_contest_new(&m, sample, &o, &contest, &err) != VT_OK)
		exit(1);
	while (vt_contest_step(contest))
		;
	memset(&facts, 0, sizeof(facts));
	memset(facts.terms, 7, sizeof(facts.terms));
	facts.tiers = m.count;
	facts.as_of_us = INT64_C(1790000000000000);
	facts.covered_from_us = -5;
	facts.covered_to_us = INT64_C(1790000000000001);
	facts.log_days = 400.1;
	facts.versions = UINT64_MAX;
	facts.sampled = 3;
	facts.plan_usd = 1.0 / 3;
	facts.hot_usd = 0.1;
	facts.best_usd = -1;
	vt_buf_reset(&bytes);
	vt_learned_format(contest, sample, &facts, &bytes);
}

static struct vt_learned *
again(void)
{
	struct vt_learned *l;

	if (!ok(vt_learned_parse(bytes.data, bytes.len, &m, &l, &err) ==
	    VT_OK, "what was written is read"))
		exit(test_done());
	return l;
}

/* Is one engine the other, as far as an object of the group can tell? */
static int
alike(const struct vt_engine *a, const struct vt_engine *b, uint64_t size,
    unsigned group, double idle)
{
	size_t k;

	if (a->kind != b->kind || strcmp(a->name, b->name) != 0 ||
	    a->down != b->down || a->self_moving != b->self_moving)
		return 0;
	if (a->kind != VT_ENGINE_HAZARD)
		return 1;
	if (vt_hazard_gets(a->hazard, group) !=
	    vt_hazard_gets(b->hazard, group) ||
	    vt_hazard_part(a->hazard, group) !=
	    vt_hazard_part(b->hazard, group) ||
	    vt_hazard_within(a->hazard, group, idle, 30) !=
	    vt_hazard_within(b->hazard, group, idle, 30) ||
	    vt_hazard_solved(a->table) != vt_hazard_solved(b->table))
		return 0;
	for (k = 0; k < m.count; k++)
		if (vt_hazard_want(a->table, size, group, idle, k) !=
		    vt_hazard_want(b->table, size, group, idle, k))
			return 0;
	return 1;
}

static void
test_statistics(void)
{
	static const uint64_t sizes[] = { 0, 100000, 30000000, SIZE,
	    UINT64_C(1) << 42 };
	unsigned last = vt_hazard_group(UINT64_MAX, 1e9, 30, INFINITY), g;
	const struct vt_engine *a, *b;
	struct vt_learned *l;
	char key[32];
	int same = 1;
	size_t i, want = 0, k;
	double idle;

	begin();
	for (i = 0; i < 60; i++) {
		snprintf(key, sizeof(key), "%zu/o", i);
		add(sample, key, i % 2 ? SIZE : 20000000,
		    i % 3 ? 3 : 390, i % 3 ? 20 : 1);
	}
	hold(1u << VT_ENGINE_HAZARD);
	l = again();
	a = vt_contest_winner(contest);
	b = vt_learned_winner(l);
	ok(a->kind == VT_ENGINE_HAZARD, "statistics are in charge");
	for (g = 0; g <= last; g++)
		for (idle = 0; idle < 1200; idle += 13)
			for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
				same &= alike(a, b, sizes[i], g, idle);
				for (k = 0; k < m.count; k++)
					want += vt_hazard_want(b->table,
					    sizes[i], g, idle, k) != k;
			}
	ok(same, "each group of any size and rest is wanted where it was");
	ok(want > 0, "and not all of them where they are");
	ok(memcmp(vt_learned_facts(l), &facts, sizeof(facts)) == 0,
	    "the facts are as they were, to the last digit");
	vt_learned_free(l);
}

/* As the guard leaves it: one prefix of these is the work function's. */
static void
test_prefixes(void)
{
	size_t i, count, guarded = 0, free = 0;
	struct vt_learned *l;
	char key[32];
	int same = 1;

	begin();
	/* hot for all, where two prefixes hold what is never read */
	for (i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "%zu/o", i);
		add(sample, key, SIZE, i < 2 ? 0 : 390, 1);
	}
	hold(1u << VT_ENGINE_HOT);
	l = again();
	count = vt_sample_prefix_count(sample);
	for (i = 0; i < count + 5; i++) {
		const struct vt_engine *a, *b;

		snprintf(key, sizeof(key), "%zu/other", i);
		a = vt_contest_prefix(contest, vt_sample_prefix_of(sample,
		    "b", key, strlen(key)));
		b = vt_learned_engine(l, "b", key, strlen(key));
		same &= alike(a, b, SIZE, 0, 0);
		guarded += b->kind == VT_ENGINE_WORK;
		free += b->kind == VT_ENGINE_HOT;
	}
	ok(same, "each prefix has the engine that it had");
	is_int(guarded, 2, "the guard's have the work function");
	is_int(free, count + 3, "others, known or not, that in charge");
	vt_learned_free(l);
}

/* More prefixes than are told apart: what shares the last place. */
static void
test_shared(void)
{
	size_t n = VT_SAMPLE_PREFIXES + 40, i, guarded = 0;
	struct vt_learned *l;
	char key[32];
	int same = 1;

	begin();
	for (i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "%zu/o", i);
		add(sample, key, SIZE, i % 7 == 3 || i > n - 50 ? 0 : 2, 1);
	}
	hold(1u << VT_ENGINE_HOT);
	l = again();
	for (i = 0; i < n + 100; i++) {
		const struct vt_engine *a, *b;

		snprintf(key, sizeof(key), "%zu/other", i);
		a = vt_contest_prefix(contest, vt_sample_prefix_of(sample,
		    "b", key, strlen(key)));
		b = vt_learned_engine(l, "b", key, strlen(key));
		same &= alike(a, b, SIZE, 0, 0);
		guarded += b->kind == VT_ENGINE_WORK;
	}
	ok(same, "so has each of more prefixes than are told apart");
	ok(guarded > 100 && vt_learned_engine(l, "c", "none", 4)->kind ==
	    vt_contest_prefix(contest, vt_sample_prefix_of(sample, "c",
	    "none", 4))->kind, "and those that nobody has seen");
	vt_learned_free(l);
}

static enum vt_code
parse(const char *data, size_t len)
{
	struct vt_learned *l;
	enum vt_code rc = vt_learned_parse(data, len, &m, &l, &err);

	vt_learned_free(l);
	return rc;
}

/* Each bit of a small one, each length; of a large one some. */
static void
test_damage(size_t step, const char *what)
{
	char *copy = malloc(bytes.len + 8);
	size_t i, whole = 0, foreign = 0;
	unsigned bit;

	memcpy(copy, bytes.data, bytes.len);
	for (i = 0; i < bytes.len; i += step)
		for (bit = 0; bit < 8; bit++) {
			copy[i] ^= (char)(1 << bit);
			whole += parse(copy, bytes.len) == VT_OK;
			foreign += err.code == VT_INVALID;
			copy[i] ^= (char)(1 << bit);
		}
	for (i = 0; i < bytes.len; i += step)
		whole += parse(copy, i) == VT_OK;
	memset(copy + bytes.len, 0, 8);
	for (i = 1; i <= 8; i++)
		whole += parse(copy, bytes.len + i) == VT_OK;
	is_int(whole, 0, "%s with a bit changed, cut, or with more behind is "
	    "none", what);
	ok(step > 1 || foreign == 64, "%s that does not begin so is "
	    "somebody's", what);
	ok(parse(copy, bytes.len) == VT_OK, "%s as it was is one", what);
	free(copy);
}

/* With its checksum made good. */
static enum vt_code
forged(size_t at, uint64_t value)
{
	char *copy = malloc(bytes.len);
	uint64_t crc;
	enum vt_code rc;

	memcpy(copy, bytes.data, bytes.len);
	memcpy(copy + at, &value, sizeof(value));
	crc = vt_crc64nvme(0, copy, bytes.len - 8);
	memcpy(copy + bytes.len - 8, &crc, sizeof(crc));
	rc = parse(copy, bytes.len);
	free(copy);
	return rc;
}

static void
test_others(void)
{
	size_t tiers = 8 + 8 + 8 + 32, engine = tiers + 10 * 8;

	ok(parse("", 0) == VT_CORRUPT, "an empty one is cut");
	ok(parse("{\"v\":1}", 7) == VT_INVALID, "a line is no model");
	ok(forged(8, 1) == VT_OK, "(numbers are where they are looked for)");
	ok(forged(8, 2) == VT_PRECONDITION, "another version is told");
	ok(forged(tiers, 2) == VT_PRECONDITION, "so are other tiers");
	ok(forged(tiers, 1000) == VT_CORRUPT, "and those that cannot be");
	ok(forged(engine, VT_ENGINE_AGE) == VT_CORRUPT,
	    "an engine that is never in charge is none");
	ok(forged(engine, UINT64_MAX) == VT_CORRUPT, "nor is any number");
	ok(forged(engine, VT_ENGINE_HAZARD) == VT_CORRUPT,
	    "nor are statistics that are not there");
	ok(forged(engine + 8 + 32 + 8, 100) == VT_CORRUPT,
	    "nor one that moves to a tier that is not there");
	ok(forged(bytes.len - 16, UINT64_MAX / 8) == VT_CORRUPT,
	    "nor are there so many prefixes");
}

int
main(void)
{
	vt_buf_init(&bytes, VT_LEARNED_MAX);
	make_model(&m);
	test_statistics();
	test_damage(997, "a large one");
	test_shared();
	test_prefixes();
	begin();
	add(sample, "o", SIZE, 0, 0);
	hold(0);
	ok(bytes.len < 400, "one of few objects is small");
	test_damage(1, "a small one");
	test_others();
	vt_contest_free(contest);
	vt_sample_free(sample);
	vt_buf_release(&bytes);
	return test_done();
}
