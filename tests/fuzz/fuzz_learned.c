/*
 * A kept model in which numbers are replaced by any others, its checksum made
 * good: it is refused, or all that is asked of it are tiers and engines that
 * there are.
 *
 * The input is pairs of eight bytes, where and what; with an odd one behind
 * them the model is cut there.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "libvt/base/hash.h"
#include "libvt/base/packed.h"

#include "libvt/work/learned.h"

#include "tests/unit/made_past.h"

#define HEAD 24			/* magic, version, length */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vt_cost_model m;

/* One with statistics in charge, and one with prefixes that the guard took
 * back. */
static void
learn(unsigned kind, struct vt_buf *out)
{
	struct vt_contest_options o = { .self_moving = -1, .min_history = 30,
	    .score_from = 200, .only = 1u << kind };
	struct vt_learned_facts f = { .tiers = m.count, .log_days = 400 };
	struct vt_sample *s = vt_sample_new(100, 100000);
	struct vt_contest *k;
	struct vt_err err;
	char key[32];
	size_t i;

	for (i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "%zu/o", i);
		add(s, key, i % 2 ? SIZE : 20000000, i % 3 ? 3 : 390,
		    i % 3 ? 20 : 1);
	}
	vt_sample_finish(s);
	if (vt_contest_new(&m, s, &o, &k, &err) != VT_OK)
		abort();
	while (vt_contest_step(k))
		;
	vt_buf_init(out, VT_LEARNED_MAX);
	vt_learned_format(k, s, &f, out);
	vt_contest_free(k);
	vt_sample_free(s);
}

static void
ask(const struct vt_learned *l)
{
	unsigned last = vt_hazard_group(UINT64_MAX, 1e9, 30, INFINITY), g;
	const struct vt_engine *e = vt_learned_engine(l, "b", "7/x", 3);
	double idle;
	size_t k;

	for (; e != NULL; e = e != vt_learned_winner(l) ?
	    vt_learned_winner(l) : NULL) {
		if (e->kind > VT_ENGINE_PLAN || e->name == NULL ||
		    e->self_moving >= (int)m.count || !isfinite(e->down))
			abort();
		for (g = 0; e->kind == VT_ENGINE_HAZARD && g <= last; g += 7)
			for (idle = 0; idle < 900; idle += 97)
				for (k = 0; k < m.count; k++)
					if (vt_hazard_want(e->table, SIZE, g,
					    idle, k) >= m.count ||
					    !(vt_hazard_within(e->hazard, g,
					    idle, 30) >= 0))
						abort();
	}
}

static void
try(const struct vt_buf *whole, const uint8_t *data, size_t size)
{
	const char *start = (const char *)data;
	struct vt_exact in = { start, start + size, 0 };
	size_t len = whole->len, at;
	char *copy = malloc(len);
	struct vt_learned *l;
	struct vt_err err;

	memcpy(copy, whole->data, len);
	while (in.end - in.p >= 16) {
		at = HEAD + vt_exact_get(&in) % (len - HEAD - 16);
		(void)vt_packed_put_eight(copy + at, vt_exact_get(&in));
	}
	if (in.end - in.p >= 8)
		len = HEAD + 8 + vt_exact_get(&in) % (len - HEAD - 8);
	(void)vt_packed_put_eight(copy + 16, len);
	(void)vt_packed_put_eight(copy + len - 8,
	    vt_crc64nvme(0, copy, len - 8));
	if (vt_learned_parse(copy, len, &m, &l, &err) == VT_OK) {
		ask(l);
		vt_learned_free(l);
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vt_buf statistics, prefixes;

	if (m.count == 0) {
		make_model(&m);
		learn(VT_ENGINE_HAZARD, &statistics);
		learn(VT_ENGINE_HOT, &prefixes);
	}
	try(&statistics, data, size);
	try(&prefixes, data, size);
	return 0;
}
