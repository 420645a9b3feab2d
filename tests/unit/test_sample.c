/*
 * The sample of objects: its sums are right in the mean, it does not depend on
 * the order of what it is offered, and it stays within its bounds.
 */
#include <math.h>
#include <stdint.h>

#include "libvt/work/sample.h"

#include "tests/unit/test.h"

#define OBJECTS 400
#define ROUNDS 2000

static struct vt_event events[64];

static void
offer(struct vt_sample *s, unsigned i, uint64_t size_bytes, size_t reads,
    int64_t version)
{
	struct vt_past p = { 0, 0, 100, 100, events, reads, 64, 0 };
	struct vt_err err;
	char key[32];
	size_t len = (size_t)snprintf(key, sizeof(key), "dir%u/%u", i % 7, i);

	if (vt_sample_wants(s, size_bytes, "b", key, len, version) &&
	    vt_sample_add(s, &p, size_bytes, "b", key, len, version, NULL,
	    &err) != VT_OK)
		exit(1);
}

/* From 1 to 200 MB, a few of them most of it. */
static uint64_t
size_of(unsigned i)
{
	return 1000000 + UINT64_C(200000000) / (i + 1);
}

/*
 * The standard error of one round is about total / sqrt(k) at most; that of
 * the mean of 2000 rounds with k = 50 below 0.4 %: 1.5 % is four of them, and
 * the rounds are the same ones each time.
 */
static void
test_unbiased(void)
{
	double bytes = 0, odd = 0, count = 0, all = 0, all_odd = 0;
	struct vt_sample *s;
	unsigned i, round;
	size_t k;

	for (i = 0; i < OBJECTS; i++) {
		all += (double)size_of(i);
		all_odd += i % 2 ? (double)size_of(i) : 0;
	}
	for (round = 0; round < ROUNDS; round++) {
		s = vt_sample_new(50, 100000);
		for (i = 0; i < OBJECTS; i++)
			offer(s, i, size_of(i), i % 2, round);
		vt_sample_finish(s);
		for (k = 0; k < vt_sample_count(s); k++) {
			const struct vt_object *o = vt_sample_at(s, k);
			double n = o->stands_for;

			bytes += n * (double)o->size_bytes;
			count += n;
			odd += o->past.count > 0 ? n * (double)o->size_bytes :
			    0;
		}
		vt_sample_free(s);
	}
	ok(fabs(bytes / ROUNDS / all - 1) < 0.015,
	    "bytes are right in the mean (%+.2f %%)",
	    100 * (bytes / ROUNDS / all - 1));
	ok(fabs(odd / ROUNDS / all_odd - 1) < 0.015,
	    "so are those of every other object (%+.2f %%)",
	    100 * (odd / ROUNDS / all_odd - 1));
	ok(fabs(count / ROUNDS / OBJECTS - 1) < 0.015,
	    "and their number (%+.2f %%)",
	    100 * (count / ROUNDS / OBJECTS - 1));
}

/* Objects of few and of many events, so that both bounds have their turn. */
static struct vt_sample *
in_order(unsigned factor, size_t max_objects, size_t max_events)
{
	struct vt_sample *s = vt_sample_new(max_objects, max_events);
	unsigned i, j;

	for (i = 0; i < OBJECTS; i++) {
		j = i * factor % OBJECTS;
		offer(s, j, size_of(j * 37 % OBJECTS), j % 5 ? 2 : 60, 7);
	}
	vt_sample_finish(s);
	return s;
}

static int
alike(struct vt_sample *a, struct vt_sample *b)
{
	size_t i;

	if (vt_sample_count(a) != vt_sample_count(b))
		return 0;
	for (i = 0; i < vt_sample_count(a); i++) {
		const struct vt_object *x = vt_sample_at(a, i);
		const struct vt_object *y = vt_sample_at(b, i);

		if (x->name != y->name || x->stands_for != y->stands_for ||
		    strcmp(vt_sample_prefix(a, x->prefix),
		    vt_sample_prefix(b, y->prefix)) != 0)
			return 0;
	}
	return 1;
}

static void
test_order(void)
{
	/* none has a divisor in common with 400 */
	static const unsigned factors[] = { 399, 7, 11, 123, 201, 333 };
	static const size_t bounds[][2] = {
		{ 50, 100000 }, { 1000, 300 }, { 40, 300 }, { 1000, 50 }
	};
	size_t b, f, i, sum;
	int same = 1, bounded = 1;

	for (b = 0; b < 4; b++) {
		struct vt_sample *s = in_order(1, bounds[b][0], bounds[b][1]);

		for (i = sum = 0; i < vt_sample_count(s); i++)
			sum += vt_sample_at(s, i)->past.count;
		/* one object is kept whatever it has */
		bounded &= vt_sample_count(s) <= bounds[b][0] &&
		    vt_sample_count(s) > 0 &&
		    (sum <= bounds[b][1] || vt_sample_count(s) == 1);
		for (f = 0; f < 6; f++) {
			struct vt_sample *t = in_order(factors[f],
			    bounds[b][0], bounds[b][1]);

			same &= alike(s, t);
			vt_sample_free(t);
		}
		vt_sample_free(s);
	}
	ok(bounded, "bounds of objects and events hold");
	ok(same, "the order of adding does not matter");
}

/* Objects that a floor keeps away from the sample, in batches, are the ones it
 * would not have taken. */
static void
test_floor(void)
{
	struct vt_sample *all = in_order(1, 40, 100000);
	struct vt_sample *some = vt_sample_new(40, 100000);
	double floor = 0;
	uint64_t passed = 0, in_all = 0;
	unsigned i;
	char key[32];
	size_t len;

	for (i = 0; i < OBJECTS; i++) {
		if (i % 50 == 0) {
			vt_sample_passed(some, passed);
			in_all += passed;
			passed = 0;
			floor = vt_sample_floor(some);
		}
		len = (size_t)snprintf(key, sizeof(key), "dir%u/%u", i % 7, i);
		if (vt_sample_rank(size_of(i * 37 % OBJECTS), "b", key, len,
		    7) < floor)
			passed++;
		else
			offer(some, i, size_of(i * 37 % OBJECTS),
			    i % 5 ? 2 : 60, 7);
	}
	vt_sample_passed(some, passed);
	in_all += passed;
	vt_sample_finish(some);
	ok(in_all > OBJECTS / 2, "a floor keeps %d of %d objects away",
	    (int)in_all, OBJECTS);
	ok(alike(all, some), "and the sample is the same");
	is_int(vt_sample_offered(some), OBJECTS, "they count as offered");
	vt_sample_free(all);
	vt_sample_free(some);
}

static void
test_few(void)
{
	struct vt_sample *s = vt_sample_new(10, 1000);
	struct vt_past empty = { 0, 5, 5, 0, NULL, 0, 0, 0 };
	double from, to;
	struct vt_err err;
	size_t i;
	int ones = 1;

	vt_sample_span(s, &from, &to);
	ok(from == 0 && to == 0, "no time in an empty one");
	ok(vt_sample_add(s, &empty, 1, "b", "k", 1, 0, NULL, &err) == VT_OK &&
	    vt_sample_count(s) == 0, "what has no past is left out");
	offer(s, 1, 0, 3, 0);
	offer(s, 2, UINT64_MAX, 0, 0);
	offer(s, 2, 5, 1, -1);
	vt_sample_finish(s);
	for (i = 0; i < vt_sample_count(s); i++)
		ones &= vt_sample_at(s, i)->stands_for == 1;
	ok(ones && vt_sample_count(s) == 3,
	    "while all are in it each stands for itself, of any size");
	is_int(vt_sample_prefix_of(s, "b", "dir1/x", 6),
	    vt_sample_prefix_of(s, "b", "dir1/y/z", 8),
	    "a prefix is a bucket's first folder");
	ok(vt_sample_prefix_of(s, "c", "dir1/x", 6) == SIZE_MAX,
	    "another bucket's is none");
	vt_sample_free(s);
}

static void
test_prefixes(void)
{
	struct vt_sample *s = vt_sample_new(100000, 1000);
	struct vt_past p = { 0, 0, 1, 1, NULL, 0, 0, 0 };
	struct vt_err err;
	char key[32];
	unsigned i;
	size_t len;

	for (i = 0; i < VT_SAMPLE_PREFIXES + 100; i++) {
		len = (size_t)snprintf(key, sizeof(key), "%u/k", i);
		if (vt_sample_add(s, &p, 1, "b", key, len, 0, NULL,
		    &err) != VT_OK)
			exit(1);
	}
	is_int(vt_sample_prefix_count(s), VT_SAMPLE_PREFIXES,
	    "prefixes are bounded");
	is_int(vt_sample_prefix_of(s, "b", "65600/k", 7),
	    vt_sample_prefix_of(s, "b", "65620/k", 7),
	    "those beyond share the last");
	is_str(vt_sample_prefix(s, VT_SAMPLE_PREFIXES - 1), "other prefixes/",
	    "which says so");
	ok(vt_sample_prefix_of(s, "b", "65534/k", 7) == 65534,
	    "those before have their own");
	vt_sample_free(s);
}

int
main(void)
{
	test_unbiased();
	test_order();
	test_floor();
	test_few();
	test_prefixes();
	return test_done();
}
