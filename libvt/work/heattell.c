/* Heat put into the records of the pipe: see heat.h. */
#include <stdlib.h>
#include <string.h>

#include "libvt/work/heat.h"

#define DAY_US INT64_C(86400000000)

/* Spans into which days older than the exact ones are folded. */
#define FOLD_DAYS 30
#define FOLD_FAR_DAYS 360

struct vt_heat_teller {
	uint32_t exact;
	struct vt_coverage *coverage;
	struct vt_heat_object all;	/* days of all parts */
};

struct vt_heat_teller *
vt_heat_teller_new(uint32_t exact_days, struct vt_coverage *c)
{
	struct vt_heat_teller *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->exact = exact_days;
	t->coverage = c;
	return t;
}

void
vt_heat_teller_free(struct vt_heat_teller *t)
{
	if (t == NULL)
		return;
	vt_heat_release(&t->all);
	free(t);
}

/* --- days ----------------------------------------------------------------- */

static int32_t
floor_to(int32_t day, int32_t unit)
{
	int32_t n = day / unit;

	return (day < 0 && day % unit != 0 ? n - 1 : n) * unit;
}

/* Which fold an entry belongs to when it is `back` places from the newest
 * day; 0: none, it stays exact. */
static int32_t
fold_unit(size_t back, uint32_t exact)
{
	if (exact == UINT32_MAX || back < exact)
		return 0;
	/* as many spans of a month again, then of a year */
	return back < 2 * (size_t)exact + 24 ? FOLD_DAYS : FOLD_FAR_DAYS;
}

static void
join(struct vt_heat_day *into, const struct vt_heat_day *d)
{
	if (d->last > into->last)
		into->last = d->last;
	if (d->day < into->day)
		into->day = d->day;
	into->days += d->days;
	into->gets += d->gets;
	into->bytes += d->bytes;
}

/*
 * Fold what lies before the exact days: first into months, and when there are
 * many of those, the older into years.  Returns the new count.
 */
static size_t
fold(struct vt_heat_day *d, size_t n, uint32_t exact)
{
	size_t old, keep = 0, i, months;
	int32_t unit;

	if (exact == UINT32_MAX || n <= exact)
		return n;
	old = n - exact;
	for (i = 0; i < old; i++) {
		if (keep > 0 && floor_to(d[keep - 1].day, FOLD_DAYS) ==
		    floor_to(d[i].day, FOLD_DAYS))
			join(&d[keep - 1], &d[i]);
		else
			d[keep++] = d[i];
	}
	months = keep;
	for (i = keep = 0; i < months; i++) {
		unit = fold_unit(exact + months - 1 - i, exact);
		if (unit == FOLD_FAR_DAYS && keep > 0 &&
		    floor_to(d[keep - 1].day, unit) ==
		    floor_to(d[i].day, unit))
			join(&d[keep - 1], &d[i]);
		else
			d[keep++] = d[i];
	}
	memmove(&d[keep], &d[old], exact * sizeof(*d));
	return keep + exact;
}

/* Days with reads of all parts since creation, joined. */
static int
join_days(struct vt_heat_object *all,
    const struct vt_heat_object *const *parts, size_t count, int32_t born)
{
	size_t n = 0, i, k;

	for (i = 0; i < count; i++)
		n += parts[i] != NULL ? parts[i]->day_count : 0;
	if (n > all->day_cap) {
		free(all->days);
		all->day_cap = 0;
		all->days = malloc(n * 2 * sizeof(*all->days));
		if (all->days == NULL)
			return -1;
		all->day_cap = n * 2;
	}
	all->day_count = 0;
	for (i = 0; i < count; i++)
		for (k = 0; parts[i] != NULL && k < parts[i]->day_count; k++)
			if (parts[i]->days[k].day >= born)
				all->days[all->day_count++] =
				    parts[i]->days[k];
	vt_heat_settle(all);
	return 0;
}

/* Do the record's days come as they are from one part at most?  Then those
 * since creation are told, unless they must be folded: 0. */
static int
take_days(const struct vt_heat_object *const *parts, size_t count,
    int32_t born, uint32_t exact, struct vt_scan_record *r)
{
	const struct vt_heat_object *one = NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		if (parts[i] == NULL || parts[i]->day_count == 0)
			continue;
		if (one != NULL)
			return 0;
		one = parts[i];
	}
	r->h = NULL;
	r->h_count = 0;
	if (one == NULL)
		return 1;
	for (i = 0; i < one->day_count && one->days[i].day < born; i++)
		;
	r->h = one->days + i;
	r->h_count = one->day_count - i;
	return r->h_count <= exact;
}

static void
sum_days(const struct vt_heat_day *d, size_t count, int32_t today,
    struct vt_scan_record *r)
{
	const struct vt_heat_day *end = d + count;

	r->reads = r->bytes_read = r->r30 = r->r90 = 0;
	for (; d < end; d++) {
		r->reads += d->gets;
		r->bytes_read += d->bytes;
		r->r30 += d->day > today - 30 ? d->gets : 0;
		r->r90 += d->day > today - 90 ? d->gets : 0;
	}
}

enum vt_code
vt_heat_tell(struct vt_heat_teller *t,
    const struct vt_heat_object *const *parts, size_t count, int64_t now_us,
    struct vt_scan_record *r, struct vt_err *err)
{
	int32_t today = (int32_t)(now_us / DAY_US);
	int32_t born = (int32_t)(r->mtime_us / DAY_US);
	size_t i;

	vt_coverage_fill(t->coverage, r->mtime_us, now_us, r);
	if (take_days(parts, count, born, t->exact, r)) {
		sum_days(r->h, r->h_count, today, r);
	} else {
		if (join_days(&t->all, parts, count, born) < 0)
			return vt_fail(err, VT_NOMEM, "no memory for heat");
		sum_days(t->all.days, t->all.day_count, today, r);
		r->h_count = fold(t->all.days, t->all.day_count, t->exact);
		r->h = t->all.days;
	}
	r->last_read_us = 0;
	for (i = 0; i < count; i++)
		if (parts[i] != NULL &&
		    parts[i]->last_read_us > r->last_read_us &&
		    parts[i]->last_read_us >= r->mtime_us)
			r->last_read_us = parts[i]->last_read_us;
	return VT_OK;
}
