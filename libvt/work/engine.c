#include <math.h>
#include <string.h>

#include "libvt/work/engine.h"
#include "libvt/work/workfn.h"

/* The hazard engine brings an object back when what it expects to save is so
 * many times what that costs: bursts end sooner than their middle suggests. */
#define PROMOTE_GAIN 2
/* ... or when reads have cost so many times that, whatever it expects: the
 * rent that bounds its loss. */
#define PROMOTE_RENT 3

/* --- tracks --------------------------------------------------------------- */

static unsigned
group_of(const struct vt_track *t, const struct vt_past *p,
    uint64_t size_bytes, double now)
{
	return vt_hazard_group(size_bytes, now - p->created,
	    (unsigned)(t->next - t->first30), t->bytes30);
}

void
vt_track_begin(struct vt_track *t, const struct vt_past *p,
    uint64_t size_bytes)
{
	memset(t, 0, sizeof(*t));
	t->clock = p->from;
	t->group = group_of(t, p, size_bytes, p->from);
}

void
vt_track_read(struct vt_track *t, const struct vt_past *p,
    uint64_t size_bytes)
{
	const struct vt_event *e = &p->e[t->next++];

	t->bytes30 += e->bytes;
	for (; p->e[t->first30].at < e->at - 30; t->first30++)
		t->bytes30 -= p->e[t->first30].bytes;
	t->idle = 0;
	t->clock = e->at;
	t->group = group_of(t, p, size_bytes, e->at);
}

void
vt_track_at(struct vt_track *t, const struct vt_past *p, uint64_t size_bytes,
    size_t first30)
{
	memset(t, 0, sizeof(*t));
	t->clock = p->count > 0 ? p->e[p->count - 1].at : p->from;
	t->next = p->count;
	t->first30 = first30;
	for (; first30 < p->count; first30++)
		t->bytes30 += p->e[first30].bytes;
	t->group = group_of(t, p, size_bytes, t->clock);
}

/* --- the work function ---------------------------------------------------- */

/* To tier 0 and no other dearer one: who wants to be there waits for a move,
 * or would soon be sent down again, and read, and up. */
static int
work_goes_hot(const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_seat *s, double gets, double each)
{
	double w[VT_COST_TIERS];

	memcpy(w, s->w, sizeof(w));
	vt_workfn_read(c, w, gets, gets * each, !c->excluded[0], NULL);
	return vt_workfn_want(c, w, s->at, e->down) == 0;
}

/* The first read after which it would go there, by bisection: each read adds
 * the same to every tier.  The reads of a fold are no whole number a day: what
 * all of them together have done alone, the last part of one did. */
static double
work_promote(const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_seat *s, double gets, double each)
{
	double lo = 1, hi = gets, mid;

	if (work_goes_hot(e, c, s, 1, each))
		return 1;
	if (gets <= 1 || !work_goes_hot(e, c, s, gets, each))
		return INFINITY;
	for (;;) {
		mid = floor((lo + hi) / 2);
		if (mid <= lo)
			return hi;
		if (work_goes_hot(e, c, s, mid, each))
			hi = mid;
		else
			lo = mid;
	}
}

/* --- hazard --------------------------------------------------------------- */

static double
early_due(const struct vt_cost *c, const struct vt_seat *s, double now)
{
	return vt_cost_early(c, s->at, now - s->entered);
}

static double
hazard_promote(const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_track *t, const struct vt_seat *s, double each,
    double now)
{
	double here = vt_cost_serve(c, s->at, 1, each), excess, price, gain, n;

	if ((int)s->at == e->self_moving)
		return INFINITY;
	excess = here - vt_cost_serve(c, 0, 1, each);
	price = vt_cost_serve_promote(c, s->at, 1, each) - here +
	    early_due(c, s, now);
	gain = vt_hazard_value(e->table, c->size_bytes, t->group, 0, s->at) -
	    vt_hazard_value(e->table, c->size_bytes, t->group, 0, 0);
	/* the rest of the day as well */
	n = vt_hazard_gets(e->hazard, t->group) - 1;
	if (n > 0)
		gain += n * excess;
	if (gain > price * PROMOTE_GAIN)
		return 1;
	if (excess <= 0)
		return INFINITY;
	n = ceil((price * PROMOTE_RENT - s->rent) / excess);
	return n < 1 ? 1 : n;
}

static size_t
hazard_want(const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_track *t, const struct vt_seat *s, double now)
{
	size_t to;

	/* a minimum is paid for whether it is used or not */
	if (!vt_hazard_solved(e->table) ||
	    now - s->entered < c->min_days[s->at])
		return s->at;
	to = vt_hazard_want(e->table, c->size_bytes, t->group, t->idle,
	    s->at);
	return c->excluded[to] && (int)to != e->self_moving ? s->at : to;
}

/* To the next bin of idle time. */
static double
hazard_patience(const struct vt_track *t)
{
	return vt_hazard_next_edge(t->idle + 1e-9) - t->idle;
}

/* --- tier 0 and the class that moves objects by itself -------------------- */

/* An object that another engine left on a colder tier comes back when reads
 * have cost as much there as bringing it back does. */
static double
rent_promote(const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_seat *s, double each, double now)
{
	double here = vt_cost_serve(c, s->at, 1, each), excess, price, n;

	excess = here - vt_cost_serve(c, 0, 1, each);
	if ((int)s->at == e->self_moving || excess <= 0)
		return INFINITY;
	price = vt_cost_serve_promote(c, s->at, 1, each) - here +
	    early_due(c, s, now);
	n = ceil((price - s->rent) / excess);
	return n < 1 ? 1 : n;
}

/* --- baselines ------------------------------------------------------------ */

static size_t
age_want(const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_past *p, const struct vt_seat *s, double now)
{
	size_t i, to = s->at;

	for (i = 0; i < e->age_count && c->size_bytes >= e->age_min_bytes; i++)
		if (now - p->created >= e->age_days[i] - 1e-9 &&
		    !(c->excluded[e->age_tier[i]] & VT_COST_BARRED))
			to = e->age_tier[i];
	return to;
}

/* What going to k and coming back with the next whole read costs. */
static double
round_trip(const struct vt_cost *c, size_t k)
{
	double size = (double)c->size_bytes;

	return k == 0 ? 0 : c->move[0][k] +
	    vt_cost_serve_promote(c, k, 1, size) - vt_cost_serve(c, 0, 1, size);
}

/* The tier on which the idle time so far would have been cheapest, its round
 * trip and its minimum included. */
static size_t
idle_want(const struct vt_cost *c, double idle)
{
	double best = c->day[0] * idle, x, days;
	size_t to = 0, k;

	for (k = 1; k < c->count; k++) {
		if (c->excluded[k])
			continue;
		days = idle > c->min_days[k] ? idle : c->min_days[k];
		x = round_trip(c, k) + c->day[k] * days;
		if (x < best) {
			best = x;
			to = k;
		}
	}
	return to;
}

/* --- the interface -------------------------------------------------------- */

void
vt_seat_begin(const struct vt_engine *e, const struct vt_cost *c,
    struct vt_seat *s, size_t at, double entered)
{
	(void)e;
	memset(s, 0, sizeof(*s));
	s->at = (unsigned char)at;
	s->entered = entered;
	vt_workfn_begin(c, at, s->w);
}

void
vt_seat_idle(const struct vt_engine *e, const struct vt_cost *c,
    struct vt_seat *s, double days)
{
	if (s->at > 0 && s->rent > 0) {
		s->rent -= (c->day[0] - c->day[s->at]) * days;
		if (s->rent < 0)
			s->rent = 0;
	}
	if (e->kind == VT_ENGINE_WORK)
		vt_workfn_idle(c, s->w, days);
}

double
vt_seat_patience(const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_track *t, const struct vt_seat *s)
{
	double days;

	switch (e->kind) {
	case VT_ENGINE_WORK:
		days = vt_workfn_patience(c, s->w, s->at, e->down);
		break;
	case VT_ENGINE_HAZARD:
		days = hazard_patience(t);
		break;
	case VT_ENGINE_AGE:
	case VT_ENGINE_IDLE:
		days = 1;
		break;
	default:
		return INFINITY;
	}
	/* moves happen once a day at most */
	return days > 1e-6 ? days : 1;
}

size_t
vt_seat_want(const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_past *p, const struct vt_track *t,
    const struct vt_seat *s, double now)
{
	size_t to;

	switch (e->kind) {
	case VT_ENGINE_AGE:
		return age_want(e, c, p, s, now);
	case VT_ENGINE_IDLE:
		to = idle_want(c, t->idle);
		return to != 0 ? to : s->at;
	case VT_ENGINE_AUTO:
		return c->size_bytes < e->self_moving_min_bytes ? s->at :
		    (size_t)e->self_moving;
	case VT_ENGINE_WORK:
		return vt_workfn_want(c, s->w, s->at, e->down);
	case VT_ENGINE_HAZARD:
		return hazard_want(e, c, t, s, now);
	default:
		return 0;
	}
}

double
vt_seat_promote(const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_track *t, const struct vt_seat *s, double gets,
    double bytes, double now)
{
	if (s->at == 0 || c->excluded[0] || gets <= 0)
		return INFINITY;
	switch (e->kind) {
	case VT_ENGINE_IDLE:
		return 1;
	case VT_ENGINE_WORK:
		return work_promote(e, c, s, gets, bytes / gets);
	case VT_ENGINE_HAZARD:
		return vt_hazard_solved(e->table) ?
		    hazard_promote(e, c, t, s, bytes / gets, now) : INFINITY;
	case VT_ENGINE_HOT:
	case VT_ENGINE_AUTO:
		return rent_promote(e, c, s, bytes / gets, now);
	default:
		return INFINITY;
	}
}

void
vt_seat_read(const struct vt_engine *e, const struct vt_cost *c,
    struct vt_seat *s, double gets, double bytes)
{
	if (gets <= 0)
		return;
	if (s->at > 0)
		s->rent += vt_cost_serve(c, s->at, gets, bytes) -
		    vt_cost_serve(c, 0, gets, bytes);
	if (e->kind == VT_ENGINE_WORK)
		vt_workfn_read(c, s->w, gets, bytes, !c->excluded[0], NULL);
}

void
vt_seat_move(struct vt_seat *s, size_t to, double now)
{
	s->at = (unsigned char)to;
	s->entered = now;
	s->rent = 0;
	s->level_idle = 0;
}
