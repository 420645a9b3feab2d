/*
 * Random bills and pasts, small enough that a grid of days is exact.
 */
#ifndef BILLS_H
#define BILLS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "libvt/work/cost.h"
#include "libvt/work/past.h"

static uint64_t seed = 88172645463325252u;

static unsigned
rnd(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % below;
}

static double
least(double a, double b)
{
	return a < b ? a : b;
}

static double
money(unsigned steps, double step)
{
	return rnd(steps) * step;
}

/* A bill with small whole minimums, so that a grid of days is exact. */
static void
random_cost(struct vt_cost *c, size_t tiers, unsigned min_max)
{
	size_t i, j, k;

	memset(c, 0, sizeof(*c));
	c->count = tiers;
	c->size_bytes = 1000;
	for (i = 0; i < tiers; i++) {
		c->day[i] = i == 0 ? 10 : 1 + money(9, 1);
		c->min_days[i] = i == 0 || min_max == 0 ? 0 : rnd(min_max + 1);
		c->get[i] = i == 0 ? 0.1 : money(20, 0.1);
		c->byte[i] = i == 0 ? 0 : money(20, 0.002);
		c->needs_restore[i] = i > 0 && rnd(6) == 0;
		c->restore[i] = c->needs_restore[i] ? money(30, 0.5) : 0;
		c->promote[i] = i == 0 ? 0 : money(4, 8);
	}
	for (i = 0; i < tiers; i++)
		for (j = 0; j < tiers; j++)
			c->move[i][j] = i == j ? 0 : c->restore[i] +
			    c->get[i] + c->byte[i] * 1000 + 0.5 +
			    money(10, 0.2);
	/* going over a third tier at once is never cheaper */
	for (k = 0; k < tiers; k++)
		for (i = 0; i < tiers; i++)
			for (j = 0; j < tiers; j++)
				c->move[i][j] = least(c->move[i][j],
				    c->move[i][k] + c->move[k][j]);
}

static void
random_past(struct vt_past *p, unsigned days, unsigned one_in, int partial)
{
	unsigned d;

	p->created = p->from = 0;
	p->to = days;
	p->count = 0;
	for (d = 0; d < days; d++)
		if (rnd(one_in) == 0) {
			struct vt_event *e = &p->e[p->count++];

			e->at = d;
			e->gets = 1 + rnd(3);
			e->bytes = e->gets * (partial && rnd(2) ? 10 : 1000);
			e->idle = p->count > 1 ? d - p->e[p->count - 2].at : d;
		}
	p->tail_idle = days - (p->count ? p->e[p->count - 1].at : 0);
}

static int
same(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (1 + fabs(a) + fabs(b));
}

#endif
