/* --explain: one object's heat, its group, its bills, and why it is where it
 * is. */
#include <stdio.h>
#include <string.h>

#include "libvt/base/clock.h"
#include "libvt/base/num.h"
#include "libvt/work/expect.h"

#include "plan.h"

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

struct told {
	const struct run *r;
	const struct bucket_rules *rules;
};

static void
explain_transition(void *ctx, const struct vt_lc_move *m)
{
	const struct told *t = ctx;
	char text[VT_RULES_TEXT], due[25];

	vt_rules_move_text(m, text);
	vt_time_rfc3339_ms(m->due_us, due);
	cli_printf("  lifecycle  transition: %s (%s)\n", text,
	    m->due_us == INT64_MAX ? "not while so few are newer" :
	    m->due_us > rules_now(t->r, t->rules) ? due : "due");
}

static void
explain_rules(const struct run *r, const struct decided *p)
{
	struct told told = { r, rules_of(p) };
	struct vt_lc_removal removal;
	struct vt_lc_subject s;
	enum removal_state state;

	if (told.rules == NULL)
		return;
	state = find_removal(r, told.rules, &p->rec, &removal);
	explain_removal(&removal, state);
	vt_rules_record(&p->rec, &s);
	vt_lifecycle_transitions(told.rules->lc, &s, explain_transition,
	    &told);
}

/* "bucket/key", the key being everything behind the first slash. */
int
is_explained(const struct run *r, const struct vt_scan_record *rec)
{
	size_t n = strlen(rec->bucket);

	return strncmp(r->explain, rec->bucket, n) == 0 &&
	    r->explain[n] == '/' &&
	    strlen(r->explain + n + 1) == rec->key_len &&
	    memcmp(r->explain + n + 1, rec->key, rec->key_len) == 0;
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

/* A delete marker or an upload: only rules have a say. */
static void
explain_other(const struct run *r, const struct decided *p)
{
	const struct vt_scan_record *rec = &p->rec;
	char t[25];

	vt_time_rfc3339_ms(rec->mtime_us, t);
	cli_printf("%s/%.*s %s\n  %s since %s\n", rec->bucket,
	    (int)rec->key_len, rec->key,
	    rec->kind == VT_SCAN_UPLOAD ? rec->upload : rec->version,
	    rec->kind == VT_SCAN_UPLOAD ? "upload" : "delete marker", t);
	explain_rules(r, p);
}

static void
explain_version(const struct run *r, const struct decided *p)
{
	const struct vt_scan_record *rec = &p->rec;
	const struct vt_cost *cost = &p->cost;
	const struct vt_decision *d = &p->d;
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
		double stay = month_keep(r, p, i);

		cli_printf("%c %-16s %13.6g %13.6g ",
		    (int)i == d->from ? '*' : ' ', r->model.tier[i].name,
		    stay, month_bill(r, p, i) - stay);
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
		cli_printf("%14.6g\n", r->model.tier[i].price.level_count > 0 ?
		    vt_expect_always(&r->model, cost, &p->past, i) :
		    d->work.spent[i]);
	}
	if (r->self_moving >= 0)
		cli_printf("  %s is priced by the levels that these reads kept "
		    "it on\n",
		    r->model.tier[r->self_moving].name);
	explain_policies(r, p->place);
	if (rules_of(p) != NULL)
		cli_printf("\n");
	explain_rules(r, p);
	cli_printf("\n  %s%s%s: %s\n", verdicts[d->verdict],
	    d->verdict == VT_PLAN_MOVE ? " to " : "",
	    d->verdict == VT_PLAN_MOVE ? r->model.tier[d->to].name : "",
	    d->reason);
	packs_explain(r, p);
}

void
explain(struct run *r, const struct decided *p)
{
	if (!is_explained(r, &p->rec))
		return;
	if (r->found++ > 0)
		cli_printf("\n");
	if (p->rec.kind == VT_SCAN_VERSION)
		explain_version(r, p);
	else
		explain_other(r, p);
}
