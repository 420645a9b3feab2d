#include <stdlib.h>
#include <string.h>

#include "libvt/work/past.h"

#define DAY_US 86400e6

double
vt_days_floor(double x)
{
	double n = (double)(int64_t)x;

	return n > x ? n - 1 : n;
}

void
vt_past_init(struct vt_past *p)
{
	memset(p, 0, sizeof(*p));
}

void
vt_past_release(struct vt_past *p)
{
	free(p->e);
	memset(p, 0, sizeof(*p));
}

/* Days of [a, b] that the log covered. */
static double
covered(const struct vt_scan_record *r, double a, double b)
{
	double days = b - a, from, to;
	size_t i;

	for (i = 0; i < r->gap_count; i++) {
		from = (double)r->gaps[i].from_us / DAY_US;
		to = from + (double)r->gaps[i].length_us / DAY_US;
		if (from < a)
			from = a;
		if (to > b)
			to = b;
		if (to > from)
			days -= to - from;
	}
	return days > 0 ? days : 0;
}

static int
add_event(struct vt_past *p, const struct vt_scan_record *r, double at,
    double gets, double bytes)
{
	double before = p->count > 0 ? p->e[p->count - 1].at : p->from;
	struct vt_event *e;

	if (p->count == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 256;

		e = realloc(p->e, cap * sizeof(*e));
		if (e == NULL)
			return -1;
		p->e = e;
		p->cap = cap;
	}
	if (at < before)
		at = before;
	if (at > p->to)
		at = p->to;
	e = &p->e[p->count++];
	e->at = at;
	e->idle = covered(r, before, at);
	e->gets = gets;
	e->bytes = bytes;
	return 0;
}

enum vt_code
vt_past_fill(struct vt_past *p, const struct vt_scan_record *r,
    int64_t until_us, struct vt_err *err)
{
	int64_t to = r->covered_to_us < until_us ? r->covered_to_us : until_us;
	int64_t from = r->covered_from_us;
	const struct vt_heat_day *h;
	double last_day, span, last;
	size_t i;
	uint32_t k;

	p->count = 0;
	p->is_tail = 0;
	p->created = (double)r->mtime_us / DAY_US;
	if (from < r->mtime_us)
		from = r->mtime_us;
	if (to < from)
		to = from;
	p->from = (double)from / DAY_US;
	p->to = (double)to / DAY_US;
	last_day = vt_days_floor(p->to);
	for (i = 0; i < r->h_count; i++) {
		h = &r->h[i];
		/* as most are; the same as below of one day */
		if (h->days == 1 && h->day <= last_day) {
			if (add_event(p, r, h->day + 0.5, (double)h->gets,
			    (double)h->bytes) < 0)
				goto no_memory;
			continue;
		}
		span = h->days > 1 ?
		    (double)(h->last - h->day) / (h->days - 1) : 0;
		/* Accesses of days before the log's first whole one are
		 * heat all the same; they happened at its start. */
		for (k = 0; k < h->days; k++) {
			double day = vt_days_floor(h->day + span * k + 0.5);

			if (day > last_day)
				break;
			if (add_event(p, r, day + 0.5,
			    (double)h->gets / h->days,
			    (double)h->bytes / h->days) < 0)
				goto no_memory;
		}
	}
	last = p->count > 0 ? p->e[p->count - 1].at : p->from;
	p->tail_idle = covered(r, last, p->to);
	return VT_OK;

no_memory:
	return vt_fail(err, VT_NOMEM, "no memory for a history");
}
