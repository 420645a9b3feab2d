/* What a contest has taught: see learned.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/exact.h"
#include "libvt/base/hash.h"

#include "libvt/work/learned.h"

#define MAGIC "VTMODEL\n"
#define MAGIC_LEN 8
/* Of the bytes, and of what engines make of them: another one for each change
 * of either. */
#define VERSION 1
#define NAME_MAX 32

/* An engine, and room for its name. */
struct kept {
	struct vt_engine e;
	char name[NAME_MAX];
};

struct vt_learned {
	struct vt_learned_facts facts;
	struct kept winner, guard;
	struct vt_hazard *hazard;
	struct vt_hazard_table *table;
	/* digests of prefixes, ascending: those the guard took back, or with
	 * `takes_rest` those that it did not */
	uint64_t *prefix;
	size_t prefixes;
	int takes_rest;
};

/* --- writing -------------------------------------------------------------- */

static void
put_facts(const struct vt_learned_facts *f, struct vt_buf *out)
{
	(void)vt_buf_add(out, f->terms, sizeof(f->terms));	/* sticks */
	vt_exact_put(out, f->tiers);
	vt_exact_put(out, (uint64_t)f->as_of_us);
	vt_exact_put(out, (uint64_t)f->covered_from_us);
	vt_exact_put(out, (uint64_t)f->covered_to_us);
	vt_exact_put_double(out, f->log_days);
	vt_exact_put(out, f->versions);
	vt_exact_put(out, f->sampled);
	vt_exact_put_double(out, f->plan_usd);
	vt_exact_put_double(out, f->hot_usd);
	vt_exact_put_double(out, f->best_usd);
}

static void
put_engine(const struct vt_engine *e, struct vt_buf *out)
{
	char name[NAME_MAX] = { 0 };

	memcpy(name, e->name, strnlen(e->name, NAME_MAX - 1));
	vt_exact_put(out, (uint64_t)e->kind);
	(void)vt_buf_add(out, name, sizeof(name));	/* sticks */
	vt_exact_put_double(out, e->down);
	vt_exact_put(out, (uint64_t)(e->self_moving + 1));
	vt_exact_put(out, e->self_moving_min_bytes);
}

static int
ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The prefixes that are not the winner's; where those that share the last place
 * are not, those that are. */
static void
put_prefixes(const struct vt_contest *k, const struct vt_sample *s,
    struct vt_buf *out)
{
	size_t count = vt_sample_prefix_count(s), n = 0, i;
	const struct vt_engine *winner = vt_contest_winner(k), *guard = winner;
	uint64_t *list = calloc(count + 1, sizeof(*list));
	int rest = count > 0 &&
	    vt_sample_prefix_is_shared(s, count - 1) &&
	    vt_contest_prefix(k, count - 1) != winner;

	for (i = 0; list != NULL && i < count; i++) {
		const struct vt_engine *e = vt_contest_prefix(k, i);

		if (e != winner)
			guard = e;
		if (!vt_sample_prefix_is_shared(s, i) &&
		    (e != winner) != rest)
			list[n++] = vt_sample_prefix_hash_at(s, i);
	}
	if (list == NULL)
		out->failed = VT_NOMEM;
	else
		qsort(list, n, sizeof(*list), ascending);
	put_engine(guard, out);
	vt_exact_put(out, (uint64_t)rest);
	vt_exact_put(out, n);
	for (i = 0; i < n; i++)
		vt_exact_put(out, list[i]);
	free(list);
}

void
vt_learned_format(const struct vt_contest *k, const struct vt_sample *s,
    const struct vt_learned_facts *f, struct vt_buf *out)
{
	const struct vt_engine *e = vt_contest_winner(k);
	size_t start = out->len, len;
	struct vt_buf body;

	vt_buf_init(&body, VT_LEARNED_MAX);
	put_facts(f, &body);
	put_engine(e, &body);
	vt_exact_put(&body, e->kind == VT_ENGINE_HAZARD);
	if (e->kind == VT_ENGINE_HAZARD) {
		vt_hazard_put(e->hazard, &body);
		vt_hazard_table_put(e->table, &body);
	}
	put_prefixes(k, s, &body);
	len = MAGIC_LEN + 3 * sizeof(uint64_t) + body.len;
	(void)vt_buf_add(out, MAGIC, MAGIC_LEN);	/* sticks, as all do */
	vt_exact_put(out, VERSION);
	vt_exact_put(out, len);
	(void)vt_buf_add(out, body.data, body.len);
	if (body.failed)
		out->failed = body.failed;
	if (!out->failed)
		vt_exact_put(out, vt_crc64nvme(0, out->data + start,
		    out->len - start));
	vt_buf_release(&body);
}

/* --- reading -------------------------------------------------------------- */

static void
get_facts(struct vt_exact *in, struct vt_learned_facts *f)
{
	const char *terms = vt_exact_bytes(in, sizeof(f->terms));

	if (terms != NULL)
		memcpy(f->terms, terms, sizeof(f->terms));
	f->tiers = vt_exact_get_to(in, VT_COST_TIERS);
	f->as_of_us = (int64_t)vt_exact_get(in);
	f->covered_from_us = (int64_t)vt_exact_get(in);
	f->covered_to_us = (int64_t)vt_exact_get(in);
	f->log_days = vt_exact_get_double(in);
	f->versions = vt_exact_get(in);
	f->sampled = vt_exact_get(in);
	f->plan_usd = vt_exact_get_double(in);
	f->hot_usd = vt_exact_get_double(in);
	f->best_usd = vt_exact_get_double(in);
	if (!isfinite(f->log_days))
		in->failed = 1;
}

static void
get_engine(struct vt_exact *in, const struct vt_cost_model *m, struct kept *to)
{
	uint64_t kind = vt_exact_get_to(in, VT_ENGINE_PLAN);
	const char *name = vt_exact_bytes(in, NAME_MAX);

	if (name != NULL)
		memcpy(to->name, name, NAME_MAX - 1);
	to->e.kind = (enum vt_engine_kind)kind;
	to->e.name = to->name;
	to->e.down = vt_exact_get_double(in);
	to->e.self_moving = (int)vt_exact_get_to(in, m->count) - 1;
	to->e.self_moving_min_bytes = vt_exact_get(in);
	/* those that may be in charge */
	if ((kind != VT_ENGINE_HOT && kind != VT_ENGINE_AUTO &&
	    kind != VT_ENGINE_WORK && kind != VT_ENGINE_HAZARD) ||
	    (kind == VT_ENGINE_AUTO && to->e.self_moving < 0) ||
	    !isfinite(to->e.down))
		in->failed = 1;
}

static enum vt_code
get_statistics(struct vt_exact *in, const struct vt_cost_model *m,
    struct vt_learned *l, struct vt_err *err)
{
	struct vt_engine *e = &l->winner.e;
	enum vt_code rc;

	if (vt_exact_get_to(in, 1) != (e->kind == VT_ENGINE_HAZARD) ||
	    in->failed)
		return vt_fail(err, VT_CORRUPT, "an engine lacks its "
		    "statistics");
	if (e->kind != VT_ENGINE_HAZARD)
		return VT_OK;
	rc = vt_hazard_get(in, &l->hazard, err);
	if (rc == VT_OK)
		rc = vt_hazard_table_get(in, m, &l->table, err);
	e->hazard = l->hazard;
	e->table = l->table;
	return rc;
}

static enum vt_code
get_prefixes(struct vt_exact *in, struct vt_learned *l, struct vt_err *err)
{
	size_t i;

	l->takes_rest = (int)vt_exact_get_to(in, 1);
	l->prefixes = vt_exact_get_to(in, VT_SAMPLE_PREFIXES);
	l->prefix = calloc(l->prefixes + 1, sizeof(*l->prefix));
	if (l->prefix == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for prefixes");
	for (i = 0; i < l->prefixes; i++) {
		l->prefix[i] = vt_exact_get(in);
		if (i > 0 && l->prefix[i] <= l->prefix[i - 1])
			in->failed = 1;
	}
	return VT_OK;
}

static enum vt_code
get_all(struct vt_exact *in, const struct vt_cost_model *m,
    struct vt_learned *l, struct vt_err *err)
{
	enum vt_code rc;

	get_facts(in, &l->facts);
	if (!in->failed && l->facts.tiers != m->count)
		return vt_fail(err, VT_PRECONDITION, "it is of %zu tiers, not "
		    "%zu", l->facts.tiers, m->count);
	get_engine(in, m, &l->winner);
	rc = get_statistics(in, m, l, err);
	if (rc != VT_OK)
		return rc;
	get_engine(in, m, &l->guard);
	/* its statistics would be the winner's: it is the winner, then */
	if (l->guard.e.kind == VT_ENGINE_HAZARD) {
		l->guard.e.hazard = l->hazard;
		l->guard.e.table = l->table;
		if (l->hazard == NULL)
			in->failed = 1;
	}
	rc = get_prefixes(in, l, err);
	if (rc == VT_OK && (in->failed || in->p != in->end))
		return vt_fail(err, VT_CORRUPT, "its numbers are none");
	return rc;
}

/* All of it, or else: what it is. */
static enum vt_code
check(const char *data, size_t len, struct vt_exact *in, struct vt_err *err)
{
	struct vt_exact all = { data, data + len, 0 }, end;
	uint64_t version, long_;

	if (memcmp(data, MAGIC, len < MAGIC_LEN ? len : MAGIC_LEN) != 0)
		return vt_fail(err, VT_INVALID, "it is no model of vt-plan");
	(void)vt_exact_bytes(&all, MAGIC_LEN);
	version = vt_exact_get(&all);
	long_ = vt_exact_get(&all);
	if (all.failed || long_ != len || all.end - all.p < 8)
		return vt_fail(err, VT_CORRUPT, "it is cut, or more than a "
		    "model");
	end = (struct vt_exact){ data + len - 8, data + len, 0 };
	if (vt_exact_get(&end) != vt_crc64nvme(0, data, len - 8))
		return vt_fail(err, VT_CORRUPT, "it is damaged: its checksum "
		    "is not that of its bytes");
	if (version != VERSION)
		return vt_fail(err, VT_PRECONDITION, "it is of version %llu, "
		    "not %d", (unsigned long long)version, VERSION);
	*in = (struct vt_exact){ all.p, data + len - 8, 0 };
	return VT_OK;
}

enum vt_code
vt_learned_parse(const char *data, size_t len, const struct vt_cost_model *m,
    struct vt_learned **out, struct vt_err *err)
{
	struct vt_learned *l;
	struct vt_exact in;
	enum vt_code rc;

	*out = NULL;
	rc = check(data, len, &in, err);
	if (rc != VT_OK)
		return rc;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for a model");
	rc = get_all(&in, m, l, err);
	if (rc != VT_OK) {
		vt_learned_free(l);
		return rc;
	}
	*out = l;
	return VT_OK;
}

void
vt_learned_free(struct vt_learned *l)
{
	if (l == NULL)
		return;
	vt_hazard_free(l->hazard);
	vt_hazard_table_free(l->table);
	free(l->prefix);
	free(l);
}

/* --- asking --------------------------------------------------------------- */

const struct vt_learned_facts *
vt_learned_facts(const struct vt_learned *l)
{
	return &l->facts;
}

const struct vt_engine *
vt_learned_winner(const struct vt_learned *l)
{
	return &l->winner.e;
}

const struct vt_engine *
vt_learned_engine(const struct vt_learned *l, const char *bucket,
    const char *key, size_t key_len)
{
	uint64_t h;
	int is_listed;

	if (l->prefixes == 0 && !l->takes_rest)
		return &l->winner.e;
	h = vt_sample_prefix_hash(bucket, key, key_len);
	is_listed = bsearch(&h, l->prefix, l->prefixes, sizeof(h),
	    ascending) != NULL;
	return is_listed != l->takes_rest ? &l->guard.e : &l->winner.e;
}
