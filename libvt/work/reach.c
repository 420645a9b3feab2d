#include <string.h>

#include "libvt/work/plan.h"
#include "libvt/work/reach.h"

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

void
vt_reach_bar(const struct vt_reach *r, struct vt_cost *c)
{
	size_t k;

	for (k = 0; k < c->count; k++)
		if (r->barred >> k & 1)
			c->excluded[k] = VT_COST_BARRED;
}
