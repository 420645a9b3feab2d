#include <math.h>
#include <string.h>

#include "libvt/work/expect.h"

/* Dollars a month on each level of a self-moving tier, and when it ends. */
struct levels {
	double usd[VT_PRICE_LEVELS], end[VT_PRICE_LEVELS];
};

/* A rest of `idle` days, added to a bill. */
static inline double
add_rest(const struct levels *v, double usd, double idle)
{
	double from = 0;
	size_t l;

	/* most end on the first level */
	for (l = 0; idle > v->end[l]; l++) {
		usd += v->usd[l] * (v->end[l] - from);
		from = v->end[l];
	}
	return idle > from ? usd + v->usd[l] * (idle - from) : usd;
}

/* Dollars a month times days, of keeping alone, that the first `count` events
 * and a rest behind them take on a self-moving tier priced so; and their
 * days. */
static double
self_moving_kept(const struct vt_cost_model *m, const struct vt_price *p,
    const struct vt_past *past, size_t count, double rest,
    uint64_t size_bytes, double *days)
{
	double gb = (double)size_bytes / m->bytes_per_gb, usd = 0;
	const struct vt_event *v = past->e, *end = v + count;
	struct levels levels;
	size_t l;

	for (l = 0; l < p->level_count; l++) {
		levels.usd[l] = p->level[l].storage_gb_month * gb;
		levels.end[l] = l + 1 < p->level_count ?
		    p->level[l + 1].idle_days : INFINITY;
	}
	*days = 0;
	for (; v < end; v++) {
		*days += v->idle;
		usd = add_rest(&levels, usd, v->idle);
	}
	*days += rest;
	usd = add_rest(&levels, usd, rest);
	return usd + p->monitor_month * *days;
}

/* What a day on the self-moving tier would have cost in the past, in the
 * mean; of the level prices alone. */
static double
self_moving_day(const struct vt_cost_model *m, const struct vt_engine *e,
    const struct vt_past *past, const struct vt_track *t, uint64_t size_bytes)
{
	const struct vt_price *p = &m->tier[e->self_moving].price;
	double gb = (double)size_bytes / m->bytes_per_gb, days, usd;

	usd = self_moving_kept(m, p, past, t->next, t->idle, size_bytes,
	    &days);
	return (days > 0 ? usd / days : p->level[0].storage_gb_month * gb) /
	    m->month_days;
}

double
vt_expect_always(const struct vt_cost_model *m, const struct vt_cost *c,
    const struct vt_past *past, size_t k)
{
	const struct vt_price *p = &m->tier[k].price;
	double days = past->tail_idle, usd = 0;
	size_t i;

	for (i = 0; i < past->count; i++) {
		days += past->e[i].idle;
		usd += vt_cost_serve(c, k, past->e[i].gets, past->e[i].bytes);
	}
	if (p->level_count == 0 || c->size_bytes < p->monitor_min_bytes)
		return usd + c->day[k] * days;
	return usd + self_moving_kept(m, p, past, past->count,
	    past->tail_idle, c->size_bytes, &days) / m->month_days;
}

/* Dollars of the reads of a day on which it is read, as days go. */
static double
day_with_reads(const struct vt_hazard *h, const struct vt_track *t,
    const struct vt_cost *c, size_t k)
{
	return vt_cost_serve(c, k, vt_hazard_gets(h, t->group),
	    vt_hazard_part(h, t->group) * (double)c->size_bytes);
}

void
vt_expect(const struct vt_cost_model *m, const struct vt_engine *e,
    const struct vt_cost *c, const struct vt_past *past,
    const struct vt_track *t, size_t from, size_t to, double stayed,
    struct vt_choice *out)
{
	double left = c->day[from], keep = c->day[to], often;

	memset(out, 0, sizeof(*out));
	out->to = to;
	if (to == from)
		return;
	if ((int)to == e->self_moving)
		keep = self_moving_day(m, e, past, t, c->size_bytes);
	if ((int)from == e->self_moving)
		left = self_moving_day(m, e, past, t, c->size_bytes);
	out->why = VT_GO;
	out->cost = c->move[from][to] + vt_cost_early(c, from, stayed);
	out->saving_day = left - keep;
	if (e->hazard != NULL) {
		out->share = vt_hazard_within(e->hazard, t->group, t->idle, 30);
		often = out->share / 30;
		out->saving_day +=
		    often * day_with_reads(e->hazard, t, c, from) -
		    often * day_with_reads(e->hazard, t, c, to);
	}
	out->evidence_days = t->idle;
	if (out->saving_day <= 0) {
		out->payback_days = INFINITY;
		out->why = VT_WAIT_PAYBACK;
		return;
	}
	out->payback_days = vt_work_payback(out->cost, out->saving_day, keep,
	    c->min_days[to]);
}
