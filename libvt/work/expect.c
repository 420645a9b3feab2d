#include <math.h>
#include <string.h>

#include "libvt/work/expect.h"

/* What a day on the self-moving tier would have cost in the past, in the
 * mean; of the level prices alone. */
static double
self_moving_day(const struct vt_cost_model *m, const struct vt_engine *e,
    const struct vt_past *past, const struct vt_track *t, uint64_t size_bytes)
{
	const struct vt_price *p = &m->tier[e->self_moving].price;
	double gb = (double)size_bytes / m->bytes_per_gb, usd = 0, days = 0;
	double idle, from, to;
	size_t i, l;

	for (i = 0; i <= t->next; i++) {
		idle = i < t->next ? past->e[i].idle : t->idle;
		days += idle;
		for (l = 0; l < p->level_count; l++) {
			from = p->level[l].idle_days;
			to = l + 1 < p->level_count &&
			    p->level[l + 1].idle_days < idle ?
			    p->level[l + 1].idle_days : idle;
			if (to > from)
				usd += p->level[l].storage_gb_month * gb *
				    (to - from);
		}
	}
	usd += p->monitor_month * days;
	return days > 0 ? usd / days / m->month_days :
	    p->level[0].storage_gb_month * gb / m->month_days;
}

/* Dollars of reads in a day, expected in the next 30. */
static double
reads_day(const struct vt_hazard *h, const struct vt_track *t,
    const struct vt_cost *c, size_t k)
{
	double gets, bytes;

	gets = vt_hazard_gets(h, t->group);
	bytes = vt_hazard_part(h, t->group) * (double)c->size_bytes;
	return vt_hazard_within(h, t->group, t->idle, 30) / 30 *
	    vt_cost_serve(c, k, gets, bytes);
}

void
vt_expect(const struct vt_cost_model *m, const struct vt_engine *e,
    const struct vt_cost *c, const struct vt_past *past,
    const struct vt_track *t, size_t from, size_t to, double stayed,
    struct vt_choice *out)
{
	double keep = c->day[to];

	memset(out, 0, sizeof(*out));
	out->to = to;
	if (to == from)
		return;
	if ((int)to == e->self_moving)
		keep = self_moving_day(m, e, past, t, c->size_bytes);
	out->why = VT_GO;
	out->cost = c->move[from][to] + vt_cost_early(c, from, stayed);
	out->saving_day = c->day[from] - keep;
	if (e->hazard != NULL)
		out->saving_day += reads_day(e->hazard, t, c, from) -
		    reads_day(e->hazard, t, c, to);
	out->evidence_days = t->idle;
	if (out->saving_day <= 0) {
		out->payback_days = INFINITY;
		out->why = VT_WAIT_PAYBACK;
		return;
	}
	out->payback_days = vt_work_payback(out->cost, out->saving_day, keep,
	    c->min_days[to]);
}
