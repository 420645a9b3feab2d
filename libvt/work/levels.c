#include <math.h>

#include "libvt/work/levels.h"

double
vt_levels_storage(const struct vt_cost_model *m, size_t tier,
    uint64_t size_bytes, double idle, double days)
{
	const struct vt_price *p = &m->tier[tier].price;
	double gb = (double)size_bytes / m->bytes_per_gb, usd = 0, a, b;
	size_t n = size_bytes < p->monitor_min_bytes ? 1 : p->level_count, l;

	for (l = 0; l < n; l++) {
		a = p->level[l].idle_days;
		b = l + 1 < n ? p->level[l + 1].idle_days : INFINITY;
		a = a > idle ? a : idle;
		b = b < idle + days ? b : idle + days;
		if (b > a)
			usd += p->level[l].storage_gb_month * gb * (b - a);
	}
	if (size_bytes >= p->monitor_min_bytes)
		usd += p->monitor_month * days;
	return usd / m->month_days;
}

double
vt_levels_back(const struct vt_cost_model *m, size_t tier,
    uint64_t size_bytes, double idle)
{
	const struct vt_price *p = &m->tier[tier].price;
	size_t l;

	if (size_bytes < p->monitor_min_bytes)
		return 0;
	for (l = p->level_count - 1; l > 0; l--)
		if (idle >= p->level[l].idle_days)
			break;
	return p->level[l].back;
}

double
vt_levels_month(const struct vt_cost_model *m, size_t tier,
    uint64_t size_bytes, const struct vt_past *past, double since)
{
	double end = past->to, begin = end - m->month_days;
	double at, start, idle, usd = 0;
	size_t i = past->count + 1;

	/* from the newest rest to that which the month begins in */
	while (end > begin && i-- > 0) {
		at = fmax(since, i > 0 ? past->e[i - 1].at : past->from);
		start = fmin(end, fmax(at, begin));
		usd += vt_levels_storage(m, tier, size_bytes,
		    fmax(start - at, 0), end - start);
		end = start;
		if (i == 0 || past->e[i - 1].at <= begin)
			continue;
		idle = past->e[i - 1].at - fmax(since, i > 1 ?
		    past->e[i - 2].at : past->from);
		usd += vt_levels_back(m, tier, size_bytes, fmax(idle, 0));
	}
	/* of what was not there for a month */
	return end > begin ? usd + vt_levels_storage(m, tier, size_bytes, 0,
	    end - begin) : usd;
}
