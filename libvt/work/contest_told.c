/* What came of a contest: see contest.h. */
#include <math.h>
#include <stdlib.h>

#include "libvt/work/contest_internal.h"
#include "libvt/work/optimum.h"

size_t
vt_contest_count(const struct vt_contest *k)
{
	return k->sides;
}

void
vt_contest_score(const struct vt_contest *k, size_t i, struct vt_score *out)
{
	const struct side *d = &k->side[i];

	out->name = d->e.name;
	out->kind = d->e.kind;
	out->usd = d->usd;
	out->storage = d->storage;
	out->reads = d->reads;
	out->moving = d->moving;
	out->moves = d->moves;
	out->before = d->before;
	out->week = d->week;
	out->weeks_in_charge = d->weeks_in_charge;
}

const struct vt_engine *
vt_contest_winner(const struct vt_contest *k)
{
	return &k->side[k->in_charge].e;
}

const struct vt_engine *
vt_contest_prefix(const struct vt_contest *k, size_t prefix)
{
	return prefix < k->marks && k->mark[prefix].guarded ?
	    &k->side[k->work].e : vt_contest_winner(k);
}

/* Each object of the sample stands for some. */
struct scaled {
	const struct vt_spending *told;
	double by;
};

static void
tell_scaled(void *ctx, double from, double to, double usd)
{
	const struct scaled *s = ctx;

	s->told->spend(s->told->ctx, from, to, usd * s->by);
}

/* Object by object; `told` may be NULL. */
static enum vt_code
add_optimum(struct vt_contest *k, const struct vt_spending *told,
    struct vt_err *err)
{
	struct scaled scaled = { told, 1 };
	const struct vt_spending each = { tell_scaled, &scaled };
	struct vt_optimum *o = vt_optimum_new();
	enum vt_code rc = VT_OK;
	double usd, sum = 0;
	size_t i;

	if (o == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for the optimum");
	if (k->o.self_moving >= 0)
		vt_optimum_levels(o, k->m, (size_t)k->o.self_moving);
	for (i = 0; i < k->count && rc == VT_OK; i++) {
		const struct vt_object *b = vt_sample_at(k->sample, i);

		if (b->past.to < k->o.score_from)
			continue;
		scaled.by = b->stands_for;
		rc = vt_optimum_bound(o, &k->cost[i], &b->past, &b->reach,
		    k->o.score_from, told != NULL ? &each : NULL, &usd, err);
		if (rc == VT_OK)
			sum += b->stands_for * usd;
	}
	vt_optimum_free(o);
	if (rc == VT_OK)
		k->optimum = sum;
	return rc;
}

double
vt_contest_optimum(struct vt_contest *k)
{
	struct vt_err err;

	if (k->optimum < 0 && add_optimum(k, NULL, &err) != VT_OK)
		return -1;
	return k->optimum;
}

enum vt_code
vt_contest_optimum_told(struct vt_contest *k, const struct vt_spending *told,
    struct vt_err *err)
{
	return add_optimum(k, told, err);
}

void
vt_contest_prefix_usd(const struct vt_contest *k, size_t prefix,
    double *plan, double *hot, double *work)
{
	const struct mark *m = &k->mark[prefix < k->marks ? prefix : 0];

	*plan = m->plan;
	*hot = m->hot;
	*work = m->work;
}

double
vt_contest_guard(const struct vt_contest *k)
{
	return k->worst_guard;
}
