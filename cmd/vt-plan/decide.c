/*
 * What is decided of one version, and what comes of it.  It hangs on the run's
 * options and on what was read first, and on no other version.
 */
#include <math.h>
#include <string.h>

#include "libvt/base/clear.h"
#include "libvt/base/num.h"
#include "libvt/work/levels.h"

#include "plan.h"

/* --- bills ---------------------------------------------------------------- */

double
month_keep(const struct run *r, const struct decided *p, size_t k)
{
	const struct vt_scan_record *rec = &p->rec;
	int is_there = (int)k == p->d.from;

	if (r->model.tier[k].price.level_count == 0)
		return p->cost.day[k] * r->model.month_days;
	return vt_levels_month(&r->model, k, is_there &&
	    rec->stored_bytes != 0 ? rec->stored_bytes : rec->size_bytes,
	    &p->past, is_there ? (double)rec->copy_since_us / DAY_US :
	    -INFINITY);
}

double
month_bill(const struct run *r, const struct decided *p, size_t k)
{
	const struct vt_past *past = &p->past;
	double usd = month_keep(r, p, k);
	size_t i;

	for (i = past->count; i > 0 && past->e[i - 1].at > past->to -
	    r->model.month_days; i--)
		usd += vt_cost_serve(&p->cost, k, past->e[i - 1].gets,
		    past->e[i - 1].bytes);
	return usd;
}

/* What a person reads, and the same on every machine. */
double
rounded(double d)
{
	return vt_num_six_digits(d);
}

/* What keeping its other copies costs in a month. */
static double
others_bill(const struct run *r, const struct vt_scan_record *rec,
    const struct vt_cost *cost)
{
	double usd = 0;
	int k;

	for (size_t i = 0; i < rec->also_count; i++) {
		k = vt_cost_model_tier(&r->model, rec->also[i]);
		if (k >= 0)
			usd += cost->day[k] * r->model.month_days;
	}
	return usd;
}

/* --- deciding ------------------------------------------------------------- */

/* What rules ask of the place of a version: into `bounds`, and into its bill.
 * What policies bar, no rule asks for. */
static void
bind_to_rules(const struct run *r, const struct bucket_rules *b,
    struct decided *p, struct vt_bounds *bounds)
{
	const char *classes[VT_COST_TIERS];
	struct vt_lc_subject s;

	vt_rules_record(&p->rec, &s);
	rules_classes(r, p->place, classes);
	vt_rules_bounds(b->lc, &s, classes, r->model.count,
	    rules_now(r, b), bounds);
	if (bounds->must >= 0 && rules_wait(r) >> bounds->must & 1)
		bounds->must = -1;
	vt_plan_bar(bounds, &p->cost);
}

/* What policies ask of the place of a version: into its options and its bill.
 * A pin is a wish for that tier, restores or not; --tiers is for this run. */
static void
bind_to_policies(const struct run *r, const struct vt_place *w,
    struct vt_policy *o, struct vt_cost *cost)
{
	vt_policy_narrow(o, r->places, w);
	if (w->pin >= 0 && (size_t)w->pin < cost->count && r->tiers == NULL)
		cost->excluded[w->pin] = 0;
	vt_plan_bar_place(w, cost);
}

/* The one in charge, unless it would have a version where it may not be: then
 * the work function, which knows of every tier what is excluded. */
static const struct vt_engine *
engine_within(const struct run *r, const struct vt_engine *e,
    const struct vt_place *w)
{
	size_t i;

	if (w == NULL || e == NULL || e->kind == VT_ENGINE_HOT)
		return e;
	for (i = 0; i < r->model.count; i++)
		if (!r->model.tier[i].excluded && !vt_place_allows(w, i))
			return NULL;
	return e;
}

/* The same of what lifecycle rules bar by now. */
static const struct vt_engine *
engine_ruled(const struct run *r, const struct vt_engine *e,
    const struct vt_bounds *b)
{
	size_t i;

	for (i = 0; i < b->count; i++)
		if (b->barred[i] && !r->model.tier[i].excluded)
			return e != NULL && e->kind == VT_ENGINE_HOT ? e :
			    NULL;
	return e;
}

/* An object of foreign logs is on the tier of its class, if there is one; else
 * on the one that is called as its own, else where everything begins. */
void
place_foreign(const struct run *r, struct vt_scan_record *rec)
{
	const struct vt_cost_model *m = &r->model;
	size_t i;

	for (i = 0; rec->storage_class[0] != '\0' && i < m->count; i++)
		if (strcmp(r->classes[i], rec->storage_class) == 0) {
			rec->tier = m->tier[i].name;
			return;
		}
	if (vt_cost_model_tier(m, rec->tier) < 0)
		rec->tier = m->tier[0].name;
}

/* What it costs, by its size and by what lies of it where: it is on tier `from`
 * or, if that is -1, on none that is known.  With all moves, or those from
 * there alone, which is what most ask for, one after the other. */
static void
price(const struct run *r, int all, int from, struct decided *p)
{
	const struct vt_scan_record *rec = &p->rec;

	if (all || from < 0)
		vt_cost_at(&r->rates, rec->size_bytes, &p->cost);
	else if (!p->is_priced)
		vt_cost_leaving(&r->rates, rec->size_bytes, (size_t)from,
		    &p->cost);
	else
		vt_cost_leaving_next(&r->rates, rec->size_bytes, (size_t)from,
		    &p->cost);
	p->is_priced = 1;
	if (from >= 0 && rec->pack != 0)
		vt_cost_packed(&r->model, &r->rates, (size_t)from,
		    (double)rec->stored_bytes, (double)rec->pack_bytes,
		    &p->cost);
	else if (from >= 0 && rec->stored_bytes != 0 &&
	    rec->stored_bytes != rec->size_bytes)
		vt_cost_stored(&r->rates, (size_t)from, rec->stored_bytes,
		    &p->cost);
}

/* As vt_record_days, of a record that has all its days. */
static void
last_days(struct decided *p, double within)
{
	const struct vt_heat_day *h = p->all_days;
	size_t i = isfinite(within) ? p->all_day_count : 0;

	for (; i > 0 && (double)h[p->all_day_count - 1].last -
	    (double)h[i - 1].last <= within; i--)
		;
	p->rec.h = h + i;
	p->rec.h_count = p->all_day_count - i;
}

static void
fill_past(const struct run *r, struct vt_days_room *room, double within,
    struct decided *p)
{
	struct vt_scan_record *rec = &p->rec;
	enum vt_code rc = VT_OK;

	if (rec->packed_days == NULL)
		last_days(p, within);
	else
		rc = vt_record_days(rec, within, room);
	if (rc != VT_OK) {
		(void)vt_fail(&p->err, rc, rc == VT_NOMEM ?
		    "no memory for the reads of an object" :
		    "the reads of an object are not what was written");
		return;
	}
	/* days behind the covered time are left out, and may be all of them */
	if (isfinite(within) && rec->h_count > 0 &&
	    rec->h[rec->h_count - 1].last >
	    vt_days_floor((double)rec->covered_to_us / DAY_US)) {
		fill_past(r, room, INFINITY, p);
		return;
	}
	if (vt_past_fill(&p->past, rec, r->now_us, &p->err) == VT_OK)
		p->past.is_tail = isfinite(within);
}

/* Days before the last one with reads that tell all that most decisions ask:
 * the last month's bill, and the reads of the 30 days before. */
static double
tail_days(const struct run *r)
{
	double days = r->model.month_days;

	return (days > 30 ? days : 30) + 2;
}

/* All else that may be in charge: hot, the class that moves objects by itself,
 * and survival statistics. */
static int
goes_by_work(const struct vt_engine *e)
{
	return e == NULL || e->kind == VT_ENGINE_WORK;
}

/*
 * Does an engine ask for the whole past of what is on tier `from`?  Others than
 * the work function do not, unless the object would go to the class that moves
 * objects by itself: what that would have cost hangs on all.
 */
static int
looks_back(const struct vt_engine *e, const struct vt_scan_record *rec,
    int from)
{
	return goes_by_work(e) || (e->kind == VT_ENGINE_AUTO &&
	    from != e->self_moving &&
	    rec->size_bytes >= e->self_moving_min_bytes);
}

/* What is on a class that moves objects by itself is billed by its rests. */
static int
has_levels(const struct run *r, int tier)
{
	return tier >= 0 && r->model.tier[tier].price.level_count > 0;
}

/* With what rules and policies ask of its place: its whole past is there. */
static void
decide_bound(const struct run *r, const struct vt_engine *e,
    const struct bucket_rules *rules, struct decided *p)
{
	struct vt_policy options = r->policy;
	struct vt_bounds bounds;

	/* they bar tiers in its bill */
	p->is_priced = 0;
	if (p->place != NULL)
		bind_to_policies(r, p->place, &options, &p->cost);
	if (rules != NULL) {
		bind_to_rules(r, rules, p, &bounds);
		e = engine_ruled(r, e, &bounds);
	}
	(void)vt_plan_decide(&r->model, &options, e, &p->cost, &p->rec,
	    &p->past, rules != NULL ? &bounds : NULL, &p->d);
}

/* As most are: nothing has a say but what it costs. */
static void
decide_free(const struct run *r, struct vt_days_room *room,
    const struct vt_engine *e, struct decided *p)
{
	while (p->err.code == VT_OK && vt_plan_decide(&r->model, &r->policy, e,
	    &p->cost, &p->rec, &p->past, NULL, &p->d) != 0)
		fill_past(r, room, INFINITY, p);
}

void
decide(const struct run *r, struct vt_days_room *room, struct decided *p)
{
	struct vt_scan_record *rec = &p->rec;
	const struct bucket_rules *rules = rules_of(p);
	const struct vt_engine *e;
	int tier, is_bound, whole;

	p->err.code = VT_OK;
	p->place = NULL;
	p->is_beyond = 0;
	p->all_days = rec->h;
	p->all_day_count = rec->h_count;
	if (rec->kind != VT_SCAN_VERSION ||
	    (r->explain != NULL && !is_explained(r, rec)))
		return;
	if (rec->seq == 0)
		place_foreign(r, rec);
	if (r->places != NULL)
		p->place = vt_places_find(r->places, rec->bucket, rec->key,
		    rec->key_len);
	p->is_beyond = is_beyond(r, rec);
	e = engine_within(r, p->is_beyond ? NULL : engine_for(r, rec),
	    p->place);
	tier = vt_cost_model_tier(&r->model, rec->tier);
	/* whose name is found at once from now on */
	if (tier >= 0)
		rec->tier = r->model.tier[tier].name;
	is_bound = rules != NULL || p->place != NULL;
	whole = r->one_by_one || is_bound || r->now_us != INT64_MAX ||
	    looks_back(e, rec, tier) || has_levels(r, tier);
	price(r, r->one_by_one || is_bound || goes_by_work(e), tier, p);
	fill_past(r, room, whole ? INFINITY : tail_days(r), p);
	/* of what is simulated only packing is decided */
	if (p->err.code != VT_OK ||
	    (r->simulate && rec->size_bytes > r->pack.max_bytes))
		return;
	if (is_bound)
		decide_bound(r, e, rules, p);
	else
		decide_free(r, room, e, p);
	if (p->err.code == VT_OK && p->d.from >= 0)
		p->now_month = month_bill(r, p, (size_t)p->d.from) +
		    others_bill(r, rec, &p->cost);
}

/* --- what comes of it ----------------------------------------------------- */

/* A proposal for what the record speaks of; its strings are borrowed. */
static void
begin_proposal(struct proposal *p, const struct vt_scan_record *rec,
    const char *reason)
{
	vt_clear(p);
	p->m.bucket = rec->bucket;
	p->m.key = rec->key;
	p->m.key_len = rec->key_len;
	p->m.version = rec->version;
	p->m.action = p->m.rule = p->m.policy = "";
	p->m.reason = reason;
	p->m.seq = rec->seq;
	p->m.generation = rec->generation;
	p->m.bucket_generation = rec->bucket_generation;
	p->m.size_bytes = rec->size_bytes;
}

/* The move that was decided; when there is none, what it has of one. */
static void
make_move(const struct run *r, const struct decided *d, double after_month,
    struct proposal *p)
{
	const struct vt_scan_record *rec = &d->rec;
	const struct vt_decision *w = &d->d;

	begin_proposal(p, rec, w->reason);
	p->m.copy = rec->copy;
	p->m.from = r->model.tier[w->from].name;
	p->from_tier = 1 + (unsigned)w->from;
	p->now_month = d->now_month;
	p->after_month = after_month;
	if (w->verdict != VT_PLAN_MOVE)
		return;
	if (w->policy != NULL) {
		p->m.policy = w->policy;
		p->asked_us = r->now_us != INT64_MAX ? r->now_us :
		    rec->covered_to_us;
	}
	if (w->rule != NULL) {
		p->m.rule = w->rule->id;
		p->asked_us = rules_now(r, d->rules);
	}
	p->m.to = r->model.tier[w->to].name;
	p->to_tier = 1 + (unsigned)w->to;
	p->m.saving_usd_month = rounded(w->choice.saving_day *
	    r->model.month_days);
	p->m.cost_usd = rounded(w->choice.cost);
	p->m.payback_days = rounded(w->choice.payback_days);
	p->evidence_days = w->choice.evidence_days;
	p->told = w->told;
	p->idle_days = w->idle_days;
	p->share = w->choice.share;
}

/* Free of charge: what is due for leaving a tier early is due for staying as
 * well. */
static void
make_removal(const struct run *r, const struct decided *d,
    const struct vt_lc_removal *removal, struct outcome *o)
{
	int marks = removal->action == VT_LC_EXPIRE && d->rules->marks;
	struct proposal *p = &o->p;

	vt_rules_removal_text(removal, o->text);
	begin_proposal(p, &d->rec, o->text);
	p->removal = removal->action;
	p->asked_us = rules_now(r, d->rules);
	p->m.action = vt_lc_action_name(removal->action);
	p->m.rule = removal->rule->id;
	if (d->rec.kind == VT_SCAN_UPLOAD)
		p->m.upload = d->rec.upload;
	p->m.from = d->rec.tier;
	p->now_month = o->now_month;
	p->after_month = marks ? o->now_month : 0;
	p->m.saving_usd_month = rounded(p->now_month - p->after_month);
	o->is_proposed = 1;
}

double
expires_days(const struct run *r, const struct decided *p)
{
	const struct bucket_rules *b = rules_of(p);
	struct vt_lc_removal removal;

	if (b == NULL ||
	    find_removal(r, b, &p->rec, &removal) == REMOVAL_NONE ||
	    (removal.action == VT_LC_EXPIRE && b->marks))
		return INFINITY;
	return fmax(0, (double)(removal.due_us - rules_now(r, b)) /
	    (double)DAY_US);
}

/* The least that keeping it a day there comes to: with a class that moves
 * objects by itself what its last level costs. */
static double
least_day(const struct run *r, const struct decided *p)
{
	size_t to = (size_t)p->d.to;
	const struct vt_price *price = &r->model.tier[to].price;

	if (price->level_count == 0)
		return p->cost.day[to];
	return vt_levels_storage(&r->model, to, p->rec.size_bytes,
	    price->level[price->level_count - 1].idle_days, 1);
}

void
work_out(const struct run *r, const struct decided *p, struct outcome *out)
{
	const struct vt_decision *d = &p->d;
	const struct bucket_rules *b = rules_of(p);
	struct vt_lc_removal removal;
	double after;

	out->now_month = d->from >= 0 ? p->now_month : 0;
	out->is_proposed = 0;
	out->state = b != NULL ? find_removal(r, b, &p->rec, &removal) :
	    REMOVAL_NONE;
	if (out->state == REMOVAL_DUE) {
		make_removal(r, p, &removal, out);
		return;
	}
	out->is_proposed = d->verdict == VT_PLAN_MOVE;
	if (d->from < 0 || (!out->is_proposed && !r->one_by_one))
		return;
	after = out->now_month;
	/* what is moved is expected to be read otherwise than it was */
	if (out->is_proposed)
		after = fmax(least_day(r, p), after / r->model.month_days -
		    d->choice.saving_day) * r->model.month_days;
	make_move(r, p, after, &out->p);
}

void
work_out_other(const struct run *r, const struct decided *p,
    struct outcome *out, int *k)
{
	const struct bucket_rules *b = rules_of(p);
	struct vt_lc_removal removal;
	struct vt_cost cost;

	out->is_proposed = 0;
	out->now_month = 0;
	*k = -1;
	out->state = b != NULL ? find_removal(r, b, &p->rec, &removal) :
	    REMOVAL_NONE;
	if (out->state != REMOVAL_DUE)
		return;
	*k = vt_cost_model_tier(&r->model, p->rec.tier);
	if (p->rec.size_bytes > 0 && *k >= 0) {
		vt_cost_at(&r->rates, p->rec.size_bytes, &cost);
		out->now_month = cost.day[*k] * r->model.month_days;
	}
	make_removal(r, p, &removal, out);
}

void
count_one(struct tally *t, const struct decided *p, const struct outcome *o)
{
	const struct vt_scan_record *rec = &p->rec;

	t->bill_now += o->now_month;
	t->bill_after += o->now_month;
	if (rec->kind != VT_SCAN_VERSION)
		return;
	t->versions++;
	t->bytes += rec->size_bytes;
	if (rec->covered_days > 0)
		t->read_day += (double)rec->bytes_read / rec->covered_days;
	if (o->state == REMOVAL_DUE)
		return;
	t->locked += o->state == REMOVAL_LOCKED;
	t->verdicts[p->d.verdict]++;
}

void
add_tally(struct tally *to, const struct tally *t)
{
	size_t i;

	to->versions += t->versions;
	to->bytes += t->bytes;
	to->locked += t->locked;
	to->bill_now += t->bill_now;
	to->bill_after += t->bill_after;
	to->read_day += t->read_day;
	to->proposed += t->proposed;
	to->beyond += t->beyond;
	for (i = 0; i < VT_PLAN_VERDICTS; i++)
		to->verdicts[i] += t->verdicts[i];
}
