/* When reads pay for bringing an object back: see promote.h. */
#include <stdlib.h>

#include "libvt/work/promote.h"

struct slot {
	int64_t copy_id;
	double rent;
	double at;		/* day of the last read */
	double early;		/* to be paid beside the move */
};

struct vt_rent {
	size_t mask;
	struct slot slot[];
};

struct vt_rent *
vt_rent_new(size_t slots)
{
	struct vt_rent *r;
	size_t n = 16;

	while (n < slots && n < (SIZE_MAX >> 6))
		n *= 2;
	r = calloc(1, sizeof(*r) + n * sizeof(struct slot));
	if (r != NULL)
		r->mask = n - 1;
	return r;
}

void
vt_rent_free(struct vt_rent *r)
{
	free(r);
}

/* What one read costs more from tier k than from tier 0. */
static double
extra(const struct vt_cost *c, size_t k, double bytes)
{
	return vt_cost_serve(c, k, 1, bytes) - vt_cost_serve(c, 0, 1, bytes);
}

static int
is_paid(const struct slot *s, const struct vt_cost *c, size_t k,
    double early)
{
	return s->rent >= VT_RENT_TIMES * (c->move[k][0] + early);
}

/* Days went by in which it was cheaper there. */
static void
drain(struct slot *s, const struct vt_cost *c, size_t k, double at)
{
	if (at <= s->at)
		return;
	s->rent -= (c->day[0] - c->day[k]) * (at - s->at);
	if (s->rent < 0)
		s->rent = 0;
	s->at = at;
}

/* The copy's slot with one read more. */
static struct slot
read_more(const struct vt_rent *r, const struct vt_cost *c, size_t k,
    int64_t copy_id, double at, double bytes)
{
	/* Ids are given one after the other: their low bits spread well. */
	struct slot s = r->slot[(size_t)copy_id & r->mask];

	if (s.copy_id != copy_id) {
		s.copy_id = copy_id;
		s.rent = s.early = 0;
		s.at = at;
	}
	drain(&s, c, k, at);
	s.rent += extra(c, k, bytes);
	return s;
}

int
vt_rent_would(const struct vt_rent *r, const struct vt_cost *c, size_t k,
    int64_t copy_id, double at, double bytes, double early)
{
	struct slot s;

	if (k == 0 || k >= c->count || c->excluded[0])
		return 0;
	s = read_more(r, c, k, copy_id, at, bytes);
	return is_paid(&s, c, k, early > s.early ? early : s.early);
}

int
vt_rent_read(struct vt_rent *r, const struct vt_cost *c, size_t k,
    int64_t copy_id, double at, double bytes, double early)
{
	struct slot *s = &r->slot[(size_t)copy_id & r->mask];
	int pays = vt_rent_would(r, c, k, copy_id, at, bytes, early);

	if (k != 0 && k < c->count && !c->excluded[0])
		*s = read_more(r, c, k, copy_id, at, bytes);
	return pays;
}

int
vt_rent_early(struct vt_rent *r, const struct vt_cost *c, size_t k,
    int64_t copy_id, double early)
{
	struct slot *s = &r->slot[(size_t)copy_id & r->mask];

	if (s->copy_id != copy_id)
		return 0;
	s->early = early;
	return is_paid(s, c, k, early);
}
