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

/* Room for so many more events. */
static int
make_room(struct vt_past *p, size_t more)
{
	size_t cap = p->cap != 0 ? p->cap : 256;
	struct vt_event *e;

	if (p->cap - p->count >= more)
		return 0;
	while (cap - p->count < more)
		cap *= 2;
	e = realloc(p->e, cap * sizeof(*e));
	if (e == NULL)
		return -1;
	p->e = e;
	p->cap = cap;
	return 0;
}

/* On `day` at noon, but not before `before`; when it was. */
static inline double
set_event(struct vt_event *e, const struct vt_scan_record *r, double before,
    double to, double day, double gets, double bytes)
{
	double at = day + 0.5;

	at = at < before ? before : at;
	at = at > to ? to : at;
	e->at = at;
	e->idle = r->gap_count > 0 ? covered(r, before, at) : at - before;
	e->gets = gets;
	e->bytes = bytes;
	return at;
}

/* As most days are, each by itself and none behind the last one that counts:
 * up to one that is not, or the end.  There is room. */
static const struct vt_heat_day *
add_days(struct vt_past *p, const struct vt_scan_record *r,
    const struct vt_heat_day *h, double last_day, double *before)
{
	const struct vt_heat_day *end = r->h + r->h_count;
	struct vt_event *e = p->e + p->count;
	double at = *before, to = p->to;

	for (; h < end && h->days == 1 && h->day <= last_day; h++)
		at = set_event(e++, r, at, to, h->day, (double)h->gets,
		    (double)h->bytes);
	p->count = (size_t)(e - p->e);
	*before = at;
	return h;
}

/* The days of a fold, or what is behind the last day; there is room for as many
 * days as come from there. */
static int
unfold(struct vt_past *p, const struct vt_scan_record *r,
    const struct vt_heat_day *h, double last_day, double *before)
{
	size_t behind = (size_t)(r->h + r->h_count - h);
	double span, day;
	uint32_t k;

	span = h->days > 1 ? (double)(h->last - h->day) / (h->days - 1) : 0;
	/* Accesses of days before the log's first whole one are heat all the
	 * same; they happened at its start. */
	for (k = 0; k < h->days; k++) {
		day = vt_days_floor(h->day + span * k + 0.5);
		if (day > last_day)
			break;
		if (make_room(p, behind) < 0)
			return -1;
		*before = set_event(&p->e[p->count++], r, *before, p->to, day,
		    (double)h->gets / h->days, (double)h->bytes / h->days);
	}
	return make_room(p, behind);
}

enum vt_code
vt_past_fill(struct vt_past *p, const struct vt_scan_record *r,
    int64_t until_us, struct vt_err *err)
{
	int64_t to = r->covered_to_us < until_us ? r->covered_to_us : until_us;
	int64_t from = r->covered_from_us;
	const struct vt_heat_day *h, *end;
	double last_day, last;

	p->count = 0;
	p->is_tail = 0;
	p->created = (double)r->mtime_us / DAY_US;
	if (from < r->mtime_us)
		from = r->mtime_us;
	if (to < from)
		to = from;
	p->from = from == r->mtime_us ? p->created : (double)from / DAY_US;
	p->to = (double)to / DAY_US;
	last = p->from;
	if (r->h_count > 0) {
		last_day = vt_days_floor(p->to);
		if (make_room(p, r->h_count) < 0)
			goto no_memory;
		end = r->h + r->h_count;
		for (h = add_days(p, r, r->h, last_day, &last); h < end;
		    h = add_days(p, r, h + 1, last_day, &last))
			if (unfold(p, r, h, last_day, &last) < 0)
				goto no_memory;
	}
	p->tail_idle = covered(r, last, p->to);
	return VT_OK;

no_memory:
	return vt_fail(err, VT_NOMEM, "no memory for a history");
}
