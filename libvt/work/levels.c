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
