#include <stdlib.h>
#include <string.h>

#include "libvt/work/plan.h"
#include "libvt/work/reach.h"
#include "libvt/work/rules.h"

#define DAY_US 86400e6

int
vt_reach_of(const struct vt_cost_model *m, const struct vt_policy *o,
    const struct vt_places *places, const struct vt_scan_record *r,
    struct vt_reach *out)
{
	const struct vt_place *w = vt_places_find(places, r->bucket, r->key,
	    r->key_len);
	struct vt_policy own = *o;
	int from = vt_cost_model_tier(m, r->tier), held, bound;
	size_t k;

	if (w != NULL)
		vt_policy_narrow(&own, places, w);
	held = from >= 0 && vt_plan_hold(&own, r, from) != VT_PLAN_MOVE;
	memset(out, 0, sizeof(*out));
	out->is_held = (unsigned char)held;
	out->home = (unsigned char)(held ? (size_t)from : vt_place_first(w));
	bound = out->home != 0;
	for (k = 0; k < m->count; k++)
		if (held ? k != (size_t)from : !vt_place_allows(w, k)) {
			out->barred |= UINT32_C(1) << k;
			bound |= !m->tier[k].excluded;
		}
	if (own.min_history_days > o->min_history_days) {
		out->min_history = own.min_history_days;
		bound = 1;
	}
	if (own.payback_max_days != o->payback_max_days) {
		out->payback_max = own.payback_max_days;
		bound = 1;
	}
	return bound;
}

/* --- lifecycle rules ------------------------------------------------------ */

int
vt_reach_end(struct vt_reach *r, struct vt_past *p, double at)
{
	double before, next, covered;
	size_t i;

	if (at >= p->to)
		return 0;
	if (at < p->from)
		at = p->from;
	for (i = 0; i < p->count && p->e[i].at < at; i++)
		;
	/* what was covered of a rest is taken to be spread over it */
	before = i > 0 ? p->e[i - 1].at : p->from;
	next = i < p->count ? p->e[i].at : p->to;
	covered = i < p->count ? p->e[i].idle : p->tail_idle;
	p->tail_idle = next > before ?
	    covered * (at - before) / (next - before) : 0;
	p->count = i;
	p->to = at;
	r->ends = 1;
	return 1;
}

/* When what rules say of the place of a version changes: of each tier the first
 * and the last day count. */
struct days {
	const struct vt_reach_rules *rules;
	size_t tiers;
	int64_t first[VT_COST_TIERS], last[VT_COST_TIERS];
};

static void
note_day(void *ctx, const struct vt_lc_move *m)
{
	struct days *d = ctx;
	size_t i;

	for (i = 0; i < d->tiers; i++)
		if (strcmp(d->rules->classes[i], m->storage_class) == 0)
			break;
	if (i == d->tiers)
		return;
	if (m->due_us < d->first[i])
		d->first[i] = m->due_us;
	if (m->due_us > d->last[i])
		d->last[i] = m->due_us;
}

/* Of a version that was current all along, or was not. */
static size_t
add_days(const struct vt_reach_rules *rules, size_t tiers, int is_current,
    int64_t *at)
{
	struct vt_lc_subject s = rules->version;
	struct days d = { .rules = rules, .tiers = tiers };
	size_t i, n = 0;

	for (i = 0; i < tiers; i++) {
		d.first[i] = INT64_MAX;
		d.last[i] = INT64_MIN;
	}
	s.is_current = is_current;
	vt_lifecycle_transitions(rules->lc, &s, note_day, &d);
	for (i = 0; i < tiers; i++) {
		if (d.last[i] == INT64_MIN)
			continue;
		at[n++] = d.first[i];
		at[n++] = d.last[i];
	}
	return n;
}

static int
by_day(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Was it current then?  Without that day it is taken never to have been. */
static int
was_current(const struct vt_lc_subject *s, int64_t at_us)
{
	return s->is_current || (s->noncurrent_since_us < INT64_MAX / 4 &&
	    at_us < s->noncurrent_since_us);
}

/* What rules and `own`, which knows none, leave at a time, as a plan has it
 * then.  1: rules take something. */
static int
state_at(const struct vt_reach *own, const struct vt_cost_model *m,
    const struct vt_reach_rules *rules, int64_t at_us,
    struct vt_reach_step *out)
{
	struct vt_lc_subject s = rules->version;
	struct vt_bounds b;
	int bound;
	size_t i;

	s.is_current = was_current(&s, at_us);
	vt_rules_bounds(rules->lc, &s, rules->classes, m->count, at_us, &b);
	if (b.must >= 0 && rules->wait >> b.must & 1)
		b.must = -1;
	bound = b.must >= 0;
	out->at = (double)at_us / DAY_US;
	out->must = (signed char)b.must;
	out->home = b.must >= 0 ? (unsigned char)b.must : own->home;
	out->barred = own->barred;
	for (i = 0; i < m->count; i++)
		if (b.barred[i]) {
			bound |= !m->tier[i].excluded &&
			    !(own->barred >> i & 1);
			out->barred |= UINT32_C(1) << i;
		}
	return bound;
}

int
vt_reach_rules_of(struct vt_reach *r, const struct vt_cost_model *m,
    const struct vt_reach_rules *rules, const struct vt_past *p,
    struct vt_reach_step step[VT_REACH_STEPS])
{
	const struct vt_reach own = *r;
	int64_t at[VT_REACH_STEPS];
	struct vt_reach_step now, last;
	size_t n = 0, i = 0;
	int bound;

	if (r->is_held)
		return 0;
	n = add_days(rules, m->count, 1, at);
	if (!rules->version.is_current) {
		n += add_days(rules, m->count, 0, at + n);
		at[n++] = rules->version.noncurrent_since_us;
	}
	qsort(at, n, sizeof(*at), by_day);
	while (i < n && (double)at[i] / DAY_US <= p->from)
		i++;
	bound = state_at(&own, m, rules, i > 0 ? at[i - 1] : INT64_MIN,
	    &last);
	r->barred = last.barred;
	r->home = last.home;
	r->step = step;
	for (; i < n && (double)at[i] / DAY_US < p->to; i++) {
		bound |= state_at(&own, m, rules, at[i], &now);
		/* what it may not go to it need not leave */
		if (now.must < 0 && now.barred >> now.home & 1)
			now.home = last.home;
		if (now.barred == last.barred && now.must == last.must)
			continue;
		step[r->steps++] = last = now;
	}
	return bound;
}

void
vt_reach_bar(uint32_t barred, struct vt_cost *c)
{
	size_t k;

	for (k = 0; k < c->count; k++) {
		c->excluded[k] &= ~VT_COST_BARRED;
		if (barred >> k & 1)
			c->excluded[k] |= VT_COST_BARRED;
	}
}
