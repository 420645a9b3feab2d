#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/clock.h"
#include "libvt/base/num.h"

#include "plan.h"

#define RULES_BYTES_MAX ((size_t)32 << 20)	/* of one bucket, parsed */

/* --- proposals ------------------------------------------------------------ */

double
month_bill(const struct run *r, const struct vt_past *p,
    const struct vt_cost *c, size_t k)
{
	double days = r->model.month_days, usd = c->day[k] * days;
	size_t i;

	for (i = p->count; i > 0 && p->e[i - 1].at > p->to - days; i--)
		usd += vt_cost_serve(c, k, p->e[i - 1].gets,
		    p->e[i - 1].bytes);
	return usd;
}

/* What a person reads, and the same on every machine. */
double
rounded(double d)
{
	return vt_num_six_digits(d);
}

/* A proposal for what the record speaks of; its strings are borrowed. */
static void
begin_proposal(struct proposal *p, const struct vt_scan_record *rec,
    const char *reason)
{
	memset(p, 0, sizeof(*p));
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

static int64_t
rules_now(const struct run *r)
{
	return r->now_us != INT64_MAX ? r->now_us : r->rules_at_us;
}

/* The move that was decided; when there is none, what it has of one. */
static void
make_move(const struct run *r, const struct vt_scan_record *rec,
    const struct vt_decision *d, double now_month, double after_month,
    struct proposal *p)
{
	begin_proposal(p, rec, d->reason);
	p->m.copy = rec->copy;
	p->m.from = r->model.tier[d->from].name;
	p->now_month = now_month;
	p->after_month = after_month;
	if (d->verdict != VT_PLAN_MOVE)
		return;
	if (d->policy != NULL) {
		p->m.policy = d->policy;
		p->asked_us = r->now_us != INT64_MAX ? r->now_us :
		    rec->covered_to_us;
	}
	if (d->rule != NULL) {
		p->m.rule = d->rule->id;
		p->asked_us = rules_now(r);
	}
	p->m.to = r->model.tier[d->to].name;
	p->m.saving_usd_month = rounded(d->choice.saving_day *
	    r->model.month_days);
	p->m.cost_usd = rounded(d->choice.cost);
	p->m.payback_days = rounded(d->choice.payback_days);
	p->evidence_days = d->choice.evidence_days;
	p->place = r->place;
}

/* --- lifecycle rules ------------------------------------------------------ */

void
rules_forget(struct run *r)
{
	size_t i;

	for (i = 0; i < r->rules_count; i++)
		vt_arena_free(r->rules[i].arena);
	free(r->rules);
	r->rules = NULL;
	r->rules_count = 0;
	r->lc = NULL;
}

/* A bucket's rules come before its versions. */
enum vt_code
take_bucket(struct run *r, const struct vt_scan_record *rec,
    struct vt_err *err)
{
	struct bucket_rules *b;
	enum vt_code rc;

	b = realloc(r->rules, (r->rules_count + 1) * sizeof(*b));
	if (b == NULL)
		plan_no_memory();
	r->rules = b;
	b += r->rules_count++;
	memset(b, 0, sizeof(*b));
	b->arena = vt_arena_new(RULES_BYTES_MAX);
	if (b->arena == NULL)
		plan_no_memory();
	rc = vt_lifecycle_parse(b->arena, rec->lifecycle, rec->lifecycle_len,
	    &b->lc, NULL, err);
	if (rc != VT_OK) {
		b->lc = NULL;
		return rc;
	}
	if (rec->day_ms != 0)
		b->lc->day_us = rec->day_ms * 1000;
	if (rec->has_min_bytes)
		b->lc->min_bytes = rec->min_bytes;
	snprintf(b->bucket, sizeof(b->bucket), "%s", rec->bucket);
	b->generation = rec->bucket_generation;
	b->at_us = rec->at_us;
	b->marks = *rec->versioning != '\0';
	return VT_OK;
}

/* Those of the line that was the `count`th; 0: there was none. */
void
use_rules(struct run *r, size_t count)
{
	const struct bucket_rules *b;

	r->lc = NULL;
	if (count == 0)
		return;
	b = &r->rules[count - 1];
	r->lc = b->lc;
	r->rules_bucket = b->bucket;
	r->rules_generation = b->generation;
	r->rules_at_us = b->at_us;
	r->rules_marks = b->marks;
}

/* The rules that hold for a line: those of its bucket, unless they were
 * changed while it was scanned. */
static const struct vt_lifecycle *
rules_for(const struct run *r, const struct vt_scan_record *rec)
{
	return r->lc != NULL && rec->is_ruled &&
	    strcmp(r->rules_bucket, rec->bucket) == 0 &&
	    r->rules_generation == rec->bucket_generation ? r->lc : NULL;
}

/* The same before its turn has come. */
static const struct vt_lifecycle *
rules_of(const struct run *r, const struct decided *p, int64_t *now_us)
{
	const struct bucket_rules *b;

	if (p->rules == 0)
		return NULL;
	b = &r->rules[p->rules - 1];
	*now_us = r->now_us != INT64_MAX ? r->now_us : b->at_us;
	return b->lc != NULL && p->rec.is_ruled &&
	    strcmp(b->bucket, p->rec.bucket) == 0 &&
	    b->generation == p->rec.bucket_generation ? b->lc : NULL;
}

/* A lock always wins; a marker that is added removes nothing. */
static int
removal_locked(const struct run *r, const struct vt_scan_record *rec,
    const struct vt_lc_removal *removal)
{
	if (removal->action == VT_LC_EXPIRE && r->rules_marks)
		return 0;
	return rec->legal_hold || (rec->lock != NULL && *rec->lock != '\0' &&
	    rec->retain_until_us > rules_now(r));
}

enum removal_state { REMOVAL_NONE, REMOVAL_LATER, REMOVAL_LOCKED,
	REMOVAL_DUE };

static enum removal_state
find_removal(const struct run *r, const struct vt_lifecycle *lc,
    const struct vt_scan_record *rec, struct vt_lc_removal *out)
{
	struct vt_lc_subject s;

	vt_rules_record(rec, &s);
	vt_lifecycle_removal(lc, &s, out);
	if (out->action == VT_LC_NONE || out->due_us >= INT64_MAX / 4)
		return REMOVAL_NONE;
	if (out->due_us > rules_now(r))
		return REMOVAL_LATER;
	return removal_locked(r, rec, out) ? REMOVAL_LOCKED : REMOVAL_DUE;
}

/* Free of charge: what is due for leaving a tier early is due for staying as
 * well. */
static void
propose_removal(struct run *r, const struct vt_scan_record *rec,
    const struct vt_lc_removal *removal, double now_month)
{
	int marks = removal->action == VT_LC_EXPIRE && r->rules_marks;
	char text[VT_RULES_TEXT];
	struct proposal p;

	vt_rules_removal_text(removal, text);
	begin_proposal(&p, rec, text);
	p.removal = removal->action;
	p.asked_us = rules_now(r);
	p.m.action = vt_lc_action_name(removal->action);
	p.m.rule = removal->rule->id;
	if (rec->kind == VT_SCAN_UPLOAD)
		p.m.upload = rec->upload;
	p.m.from = rec->tier;
	p.now_month = now_month;
	p.after_month = marks ? now_month : 0;
	p.place = r->place;
	p.m.saving_usd_month = rounded(p.now_month - p.after_month);
	keep_proposal(r, &p);
}

/* Days until its bytes are removed, as far as rules tell. */
static double
expires_days(const struct run *r, const struct vt_lifecycle *lc,
    const struct vt_scan_record *rec)
{
	struct vt_lc_removal removal;

	if (lc == NULL ||
	    find_removal(r, lc, rec, &removal) == REMOVAL_NONE ||
	    (removal.action == VT_LC_EXPIRE && r->rules_marks))
		return INFINITY;
	return fmax(0, (double)(removal.due_us - rules_now(r)) /
	    (double)DAY_US);
}

static void
explain_removal(const struct vt_lc_removal *removal, enum removal_state state)
{
	char text[VT_RULES_TEXT], due[25];

	if (state == REMOVAL_NONE)
		return;
	vt_rules_removal_text(removal, text);
	vt_time_rfc3339_ms(removal->due_us, due);
	cli_printf("  lifecycle  %s: %s (%s)\n",
	    vt_lc_action_name(removal->action), text,
	    state == REMOVAL_DUE ? "due" :
	    state == REMOVAL_LOCKED ? "due, but locked" : due);
}

static void
explain_transition(void *ctx, const struct vt_lc_move *m)
{
	const struct run *r = ctx;
	char text[VT_RULES_TEXT], due[25];

	vt_rules_move_text(m, text);
	vt_time_rfc3339_ms(m->due_us, due);
	cli_printf("  lifecycle  transition: %s (%s)\n", text,
	    m->due_us == INT64_MAX ? "not while so few are newer" :
	    m->due_us > rules_now(r) ? due : "due");
}

static void
explain_rules(struct run *r, const struct vt_scan_record *rec)
{
	const struct vt_lifecycle *lc = rules_for(r, rec);
	struct vt_lc_removal removal;
	struct vt_lc_subject s;
	enum removal_state state;

	if (lc == NULL)
		return;
	state = find_removal(r, lc, rec, &removal);
	explain_removal(&removal, state);
	vt_rules_record(rec, &s);
	vt_lifecycle_transitions(lc, &s, explain_transition, r);
}

/* "bucket/key", the key being everything behind the first slash. */
static int
is_explained(const struct run *r, const struct vt_scan_record *rec)
{
	size_t n = strlen(rec->bucket);

	return strncmp(r->explain, rec->bucket, n) == 0 &&
	    r->explain[n] == '/' &&
	    strlen(r->explain + n + 1) == rec->key_len &&
	    memcmp(r->explain + n + 1, rec->key, rec->key_len) == 0;
}

/* A delete marker or an upload: only rules have a say. */
void
take_other(struct run *r, const struct vt_scan_record *rec)
{
	const struct vt_lifecycle *lc = rules_for(r, rec);
	struct vt_lc_removal removal;
	struct vt_cost cost;
	char t[25];
	double now = 0;
	int k;

	if (r->explain != NULL) {
		if (!is_explained(r, rec))
			return;
		if (r->found++ > 0)
			cli_printf("\n");
		vt_time_rfc3339_ms(rec->mtime_us, t);
		cli_printf("%s/%.*s %s\n  %s since %s\n", rec->bucket,
		    (int)rec->key_len, rec->key,
		    rec->kind == VT_SCAN_UPLOAD ? rec->upload : rec->version,
		    rec->kind == VT_SCAN_UPLOAD ? "upload" : "delete marker",
		    t);
		explain_rules(r, rec);
		return;
	}
	if (lc == NULL || find_removal(r, lc, rec, &removal) != REMOVAL_DUE)
		return;
	k = vt_cost_model_tier(&r->model, rec->tier);
	if (rec->size_bytes > 0 && k >= 0) {
		vt_cost_at(&r->rates, rec->size_bytes, &cost);
		now = cost.day[k] * r->model.month_days;
	}
	r->bill_now += now;
	r->bill_after += now;
	report_other(r, rec, k, now);
	propose_removal(r, rec, &removal, now);
}

/* What rules ask of the place of a version: into `bounds`, and into its bill.
 * What policies bar, no rule asks for. */
static void
bind_to_rules(const struct run *r, const struct vt_lifecycle *lc,
    int64_t now_us, const struct vt_scan_record *rec,
    const struct vt_place *place, struct vt_cost *cost,
    struct vt_bounds *bounds)
{
	const char *classes[VT_COST_TIERS];
	struct vt_lc_subject s;

	vt_rules_record(rec, &s);
	vt_place_classes(place, r->classes, r->model.count, classes);
	vt_rules_bounds(lc, &s, classes, r->model.count, now_us, bounds);
	/* --tiers is for this run; a rule must wait for another */
	if (bounds->must >= 0 && r->tiers != NULL &&
	    r->model.tier[bounds->must].excluded)
		bounds->must = -1;
	vt_plan_bar(bounds, cost);
}

/* --- policies ------------------------------------------------------------- */

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
engine_within(const struct run *r, const struct vt_scan_record *rec,
    const struct vt_place *w)
{
	const struct vt_engine *e = engine_for(r, rec);
	size_t i;

	if (w == NULL || e == NULL || e->kind == VT_ENGINE_HOT)
		return e;
	for (i = 0; i < r->model.count; i++)
		if (!r->model.tier[i].excluded && !vt_place_allows(w, i))
			return NULL;
	return e;
}

static void
explain_policies(const struct run *r, const struct vt_place *w)
{
	char text[VT_PLACE_TEXT];
	size_t i;

	if (w == NULL)
		return;
	cli_printf("\n  policy     %s\n", w->name);
	for (i = 0; i < r->model.count; i++)
		if (!vt_place_allows(w, i))
			cli_printf("  policy     not on '%s': %s\n",
			    r->model.tier[i].name,
			    vt_place_why(r->places, w, i, text));
	if (w->min_history_days > 0)
		cli_printf("  policy     '%s' asks for %u covered days\n",
		    w->by[VT_PLACE_HISTORY]->name, w->min_history_days);
	if (w->payback_max_days > 0)
		cli_printf("  policy     '%s' asks to be paid back within %u "
		    "days\n", w->by[VT_PLACE_PAYBACK]->name,
		    w->payback_max_days);
}

/* --- planning ------------------------------------------------------------- */

/* How soon objects like it are read again, as the log has it. */
static void
explain_group(const struct vt_decision *d)
{
	const struct vt_hazard *h = d->engine != NULL ? d->engine->hazard :
	    NULL;
	char text[160];

	vt_hazard_group_text(d->group, text);
	cli_printf("  group      when last read: %s\n", text);
	if (h != NULL)
		cli_printf("             of those idle as long %.3g %% are "
		    "read within 30 days, %.3g %% within 90\n",
		    100 * vt_hazard_within(h, d->group, d->idle_days, 30),
		    100 * vt_hazard_within(h, d->group, d->idle_days, 90));
	cli_printf("  engine     %s\n", d->engine != NULL ?
	    d->engine->name : "work");
}

static void
explain(struct run *r, const struct vt_scan_record *rec,
    const struct vt_place *place, const struct vt_cost *cost,
    const struct vt_decision *d)
{
	static const char *const verdicts[VT_PLAN_VERDICTS] = {
		"move", "stay", "wait", "too little is known", "stay", "stay",
		"stay", "stay", "stay", "unknown tier"
	};
	char size[16], t[25], from[25];
	size_t i;

	cli_printf("%s/%.*s %s\n", rec->bucket, (int)rec->key_len, rec->key,
	    rec->version);
	vt_time_rfc3339_ms(rec->mtime_us, t);
	cli_printf("  size       %s (%llu bytes), created %s\n",
	    vt_num_human_bytes(rec->size_bytes, size),
	    (unsigned long long)rec->size_bytes, t);
	vt_time_rfc3339_ms(rec->copy_since_us, t);
	cli_printf("  tier       %s since %s (%.1f days)\n", rec->tier, t,
	    d->stayed_days);
	cli_printf("  reads      %llu, %llu bytes; %llu in 30 days, %llu in "
	    "90\n", (unsigned long long)rec->reads,
	    (unsigned long long)rec->bytes_read,
	    (unsigned long long)rec->r30, (unsigned long long)rec->r90);
	if (rec->last_read_us != 0) {
		vt_time_rfc3339_ms(rec->last_read_us, t);
		cli_printf("  last read  %s (%.1f covered days ago)\n", t,
		    d->idle_days);
	} else {
		cli_printf("  last read  never seen in %.1f covered days\n",
		    d->idle_days);
	}
	vt_time_rfc3339_ms(rec->covered_from_us, from);
	vt_time_rfc3339_ms(rec->covered_to_us, t);
	cli_printf("  the log    covers %.1f days of its life, %s to %s\n",
	    rec->covered_days, from, t);
	explain_group(d);
	cli_printf("\n  %-16s %13s %13s %13s %14s\n", "tier", "keep $/month",
	    "reads $/month", "go there $", "always there $");
	for (i = 0; i < cost->count; i++) {
		double stay = cost->day[i] * r->model.month_days;

		cli_printf("%c %-16s %13.6g %13.6g ",
		    (int)i == d->from ? '*' : ' ', r->model.tier[i].name,
		    stay, month_bill(r, &r->past, cost, i) - stay);
		if ((int)i == d->from)
			cli_printf("%13s ", "-");
		else if (cost->excluded[i])
			cli_printf("%13s ", "excluded");
		else if (d->from >= 0)
			cli_printf("%13.6g ", cost->move[d->from][i] +
			    vt_cost_early(cost, (size_t)d->from,
			    d->stayed_days));
		else
			cli_printf("%13s ", "?");
		cli_printf("%14.6g\n", d->work.spent[i]);
	}
	explain_policies(r, place);
	if (rules_for(r, rec) != NULL)
		cli_printf("\n");
	explain_rules(r, rec);
	cli_printf("\n  %s%s%s: %s\n", verdicts[d->verdict],
	    d->verdict == VT_PLAN_MOVE ? " to " : "",
	    d->verdict == VT_PLAN_MOVE ? r->model.tier[d->to].name : "",
	    d->reason);
}

/* An object of foreign logs is on the tier of its class, if there is one; else
 * on the one that is called as its own, else where everything begins. */
static void
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

/*
 * What is decided of a version hangs on the run's options and on what was read
 * first, and on no other version: several threads may be at it.
 */
void
decide(const struct run *r, struct decided *p)
{
	struct vt_scan_record *rec = &p->rec;
	const struct vt_lifecycle *lc;
	const struct vt_cost *cost = &p->cost;
	struct vt_policy options = r->policy;
	struct vt_bounds bounds;
	int64_t now_us = 0;
	int from;

	p->err.code = VT_OK;
	p->place = NULL;
	p->is_bound = 0;
	if (rec->kind != VT_SCAN_VERSION ||
	    vt_past_fill(&p->past, rec, r->now_us, &p->err) != VT_OK)
		return;
	if (rec->seq == 0)
		place_foreign(r, rec);
	vt_cost_at(&r->rates, rec->size_bytes, &p->cost);
	from = vt_cost_model_tier(&r->model, rec->tier);
	if (from >= 0 && rec->pack != 0)
		vt_cost_packed(&r->model, &r->rates, (size_t)from,
		    (double)rec->stored_bytes, (double)rec->pack_bytes,
		    &p->cost);
	else if (from >= 0 && rec->stored_bytes != 0 &&
	    rec->stored_bytes != rec->size_bytes)
		vt_cost_stored(&r->rates, (size_t)from, rec->stored_bytes,
		    &p->cost);
	/* of what is simulated only packing is decided */
	if (r->simulate && rec->size_bytes > r->pack.max_bytes)
		return;
	lc = rules_of(r, p, &now_us);
	p->place = vt_places_find(r->places, rec->bucket, rec->key,
	    rec->key_len);
	if (lc != NULL || p->place != NULL) {
		p->bound = p->cost;
		p->is_bound = 1;
		cost = &p->bound;
	}
	if (p->place != NULL)
		bind_to_policies(r, p->place, &options, &p->bound);
	if (lc != NULL)
		bind_to_rules(r, lc, now_us, rec, p->place, &p->bound,
		    &bounds);
	vt_plan_decide(&r->model, &options, engine_within(r, rec, p->place),
	    cost, rec, &p->past, lc != NULL ? &bounds : NULL, &p->d);
	if (p->d.from >= 0)
		p->now_month = month_bill(r, &p->past, cost,
		    (size_t)p->d.from) + others_bill(r, rec, cost);
}

static void
plan_record(struct run *r, const struct decided *p)
{
	const struct vt_scan_record *rec = &p->rec;
	const struct vt_decision *d = &p->d;
	const struct vt_lifecycle *lc = rules_for(r, rec);
	const struct vt_cost *cost = p->is_bound ? &p->bound : &p->cost;
	struct proposal move;
	enum removal_state state = REMOVAL_NONE;
	struct vt_lc_removal removal;
	double now = 0, after;

	if (r->simulate) {
		packs_take(r, rec, cost, d, expires_days(r, lc, rec), NULL);
		return;
	}
	if (r->explain != NULL) {
		if (is_explained(r, rec)) {
			if (r->found++ > 0)
				cli_printf("\n");
			explain(r, rec, p->place, cost, d);
			packs_explain(r, rec, cost, d,
			    expires_days(r, lc, rec));
		}
		return;
	}
	if (d->from >= 0)
		now = p->now_month;
	r->bill_now += now;
	r->bill_after += now;
	if (lc != NULL)
		state = find_removal(r, lc, rec, &removal);
	report_version(r, rec, cost, d, state == REMOVAL_DUE, now);
	if (rec->pack != 0 && d->from >= 0)
		repacks_saw(r, rec, d);
	if (state == REMOVAL_DUE) {
		propose_removal(r, rec, &removal, now);
		return;
	}
	if (state == REMOVAL_LOCKED)
		r->locked++;
	r->verdicts[d->verdict]++;
	if (d->from < 0)
		return;
	after = now;
	/* what is moved is expected to be read otherwise than it was */
	if (d->verdict == VT_PLAN_MOVE)
		after = fmax(cost->day[d->to], now / r->model.month_days -
		    d->choice.saving_day) * r->model.month_days;
	make_move(r, rec, d, now, after, &move);
	if (!packs_take(r, rec, cost, d, expires_days(r, lc, rec), &move) &&
	    d->verdict == VT_PLAN_MOVE)
		keep_proposal(r, &move);
}

/* The past that is simulated is of what is there still; of what will not be
 * for long the reader is told. */
static void
count_due(struct run *r, const struct vt_scan_record *rec)
{
	const struct vt_lifecycle *lc = rules_for(r, rec);
	struct vt_lc_removal removal;

	if (lc == NULL || find_removal(r, lc, rec, &removal) != REMOVAL_DUE)
		return;
	r->removals[removal.action]++;
	r->removed_bytes += rec->size_bytes;
}

/* In the order of the input. */
void
take_record(struct run *r, const struct decided *p)
{
	const struct vt_scan_record *rec = &p->rec;

	r->past = p->past;
	r->versions++;
	r->bytes += rec->size_bytes;
	if (rec->covered_days > 0)
		r->read_day += (double)rec->bytes_read / rec->covered_days;
	if (r->simulate)
		count_due(r, rec);
	if (!r->simulate || rec->size_bytes <= r->pack.max_bytes)
		plan_record(r, p);
}
