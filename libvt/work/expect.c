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

/* What a day on the self-moving tier would have cost in the past, in the
 * mean; of the level prices alone. */
static double
self_moving_day(const struct vt_cost_model *m, const struct vt_engine *e,
    const struct vt_past *past, const struct vt_track *t, uint64_t size_bytes)
{
	const struct vt_price *p = &m->tier[e->self_moving].price;
	double gb = (double)size_bytes / m->bytes_per_gb, usd = 0, days = 0;
	const struct vt_event *v = past->e, *end = v + t->next;
	struct levels levels;
	size_t l;

	for (l = 0; l < p->level_count; l++) {
		levels.usd[l] = p->level[l].storage_gb_month * gb;
		levels.end[l] = l + 1 < p->level_count ?
		    p->level[l + 1].idle_days : INFINITY;
	}
	for (; v < end; v++) {
		days += v->idle;
		usd = add_rest(&levels, usd, v->idle);
	}
	days += t->idle;
	usd = add_rest(&levels, usd, t->idle);
	usd += p->monitor_month * days;
	return (days > 0 ? usd / days : levels.usd[0]) / m->month_days;
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
