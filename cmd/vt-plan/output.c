#include <stdio.h>
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/base/num.h"

#include "plan.h"

#define OUT_BLOCK ((size_t)256 << 10)

/* --- the plan ------------------------------------------------------------- */

/* The plan's name: of what it proposes, of how much, under which options. */
static void
name_plan(struct run *r)
{
	uint8_t sum[VT_HASH_MAX];
	struct vt_buf b;
	size_t i;

	vt_buf_init(&b, 1 << 16);
	vt_buf_printf(&b, "4 %016llx %llu %llu %llu %lld ",
	    (unsigned long long)r->sum.proposed,
	    (unsigned long long)r->lines,
	    (unsigned long long)r->sum.versions,
	    (unsigned long long)r->sum.bytes, (long long)r->covered_to);
	vt_buf_printf(&b, "%s %d %d %s %lld %llu %llu %.17g %lld %.17g "
	    "%.17g", vt_prices_digest(r->prices), (int)r->how,
	    r->allow_restore, r->engines != NULL ? r->engines : "-",
	    (long long)r->now_us,
	    (unsigned long long)r->max_bytes,
	    (unsigned long long)r->max_objects, r->max_usd,
	    (long long)r->valid_ms, r->policy.min_history_days,
	    r->policy.payback_max_days);
	if (r->places != NULL)
		vt_buf_printf(&b, " %s", vt_places_digest(r->places));
	for (i = 0; i < r->model.count; i++)
		vt_buf_printf(&b, " %s %s %d %.17g %.17g",
		    r->model.tier[i].name, r->model.tier[i].price.name,
		    r->model.tier[i].excluded, r->model.tier[i].volume_gb,
		    r->model.tier[i].price.restore);
	if (r->packs)
		vt_buf_printf(&b, " packs %llu %llu %.17g %.17g",
		    (unsigned long long)r->pack.pack_bytes,
		    (unsigned long long)r->pack.max_bytes, r->pack.ratio,
		    r->pack.dead_max);
	if (vt_hash_once(VT_SHA256, b.data, b.len, sum) < 0)
		plan_no_memory();
	vt_hex_encode(sum, 8, r->plan_id);
	vt_buf_release(&b);
}

/* A pack comes with all its members or not at all. */
static int
fits(const struct run *r, const struct proposal *p)
{
	uint64_t objects = is_pack(p) ? p->m.objects : 1;

	if (p->pack != 0 && !is_pack(p))
		return p->pack == r->pack_out;
	if (objects > r->max_objects - r->lines_out)
		return 0;
	/* a removal moves no byte and costs nothing */
	return p->removal != VT_LC_NONE ||
	    (p->m.size_bytes <= r->max_bytes - r->moved_bytes &&
	    r->moving + p->m.cost_usd <= r->max_usd);
}

/* A line was written: into the sums. */
static void
count_out(struct run *r, const struct proposal *p)
{
	const struct vt_move *m = &p->m;

	if (is_pack(p)) {
		r->pack_out = p->pack;
		packs_count(r, p);
		return;
	}
	if (is_repack(p)) {
		r->repack_sums.packs++;
		r->repack_sums.bytes += m->size_bytes;
		r->repack_sums.saving += m->saving_usd_month;
	}
	r->lines_out++;
	r->sum.bill_after += p->after_month - p->now_month;
	if (p->removal != VT_LC_NONE) {
		r->removals[p->removal]++;
		if (p->after_month == 0)
			r->removed_bytes += m->size_bytes;
		return;
	}
	r->moves += !is_repack(p);
	r->asked += *m->rule != '\0';
	r->placed += *m->policy != '\0';
	r->moved_bytes += m->size_bytes;
	r->moving += m->cost_usd;
	r->saving += m->saving_usd_month;
	r->payback += m->payback_days * m->saving_usd_month;
}

void
print_plan(struct run *r)
{
	int64_t now = r->now_us != INT64_MAX ? r->now_us : r->covered_to;
	struct vt_move_frame common;
	struct proposal p;
	struct vt_buf b;
	struct vt_err err;

	name_plan(r);
	vt_move_frame_init(&common, r->plan_id, vt_prices_digest(r->prices),
	    vt_places_digest(r->places));
	proposals_end(r);
	vt_buf_init(&b, VT_RECORD_LINE_MAX * 4);
	while (!cli_stopping() && next_proposal(r, &p)) {
		if (!fits(r, &p)) {
			r->capped += !is_pack(&p);
			if (!is_pack(&p) && !is_repack(&p))
				report_proposal(r, &p, 1);
			continue;
		}
		p.m.plan = common.plan;
		p.m.prices = common.prices;
		p.m.policies = common.policies;
		p.m.not_after_us = p.asked_us != 0 ? p.asked_us : now;
		/* of a time that no log tells nothing can be said */
		if (p.m.not_after_us != 0)
			p.m.not_after_us += r->valid_ms * 1000;
		/* of packs the members are told */
		if (!is_pack(&p) && !is_repack(&p))
			report_proposal(r, &p, 0);
		if (!r->report_only)
			vt_move_format_in(&common, &p.m, &p.known, &b);
		if (vt_buf_check(&b, "the plan", &err) != VT_OK)
			plan_die(&err);
		if (b.len >= OUT_BLOCK && cli_out_buf(&b) < 0)
			break;
		count_out(r, &p);
	}
	if (b.len > 0)
		(void)cli_out_buf(&b);	/* sticks; cli_finish tells */
	vt_buf_release(&b);
}

static void
summarize_held(const struct run *r)
{
	static const char *const words[VT_PLAN_VERDICTS] = {
		NULL, NULL, "wait", "too little covered time", "pinned",
		"locked", "adopted", "copied there already",
		"kept in several copies", "on a tier that is not configured"
	};
	char text[400];
	size_t used = 0;
	int i;

	for (i = 0; i < VT_PLAN_VERDICTS; i++)
		if (words[i] != NULL && r->sum.verdicts[i] > 0)
			used += (size_t)snprintf(text + used,
			    sizeof(text) - used, "%s%llu %s",
			    used > 0 ? ", " : "",
			    (unsigned long long)r->sum.verdicts[i], words[i]);
	if (r->capped > 0)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "%s%llu over the caps", used > 0 ? ", " : "",
		    (unsigned long long)r->capped);
	if (used > 0)
		cli_warn("not moved: %s", text);
}

static void
summarize_rules(const struct run *r)
{
	char size[16];

	if (r->lines_out > r->moves)
		cli_warn("lifecycle rules remove %llu current and %llu "
		    "noncurrent versions, %llu delete markers and %llu "
		    "uploads, %s in all",
		    (unsigned long long)r->removals[VT_LC_EXPIRE],
		    (unsigned long long)r->removals[VT_LC_EXPIRE_VERSION],
		    (unsigned long long)r->removals[VT_LC_EXPIRE_MARKER],
		    (unsigned long long)r->removals[VT_LC_ABORT_UPLOAD],
		    vt_num_human_bytes(r->removed_bytes, size));
	if (r->sum.locked > 0)
		cli_warn("lifecycle rules would remove %llu more, but they "
		    "are locked", (unsigned long long)r->sum.locked);
	if (r->asked > 0)
		cli_warn("lifecycle rules ask for %llu of the moves",
		    (unsigned long long)r->asked);
	if (r->placed > 0)
		cli_warn("policies ask for %llu of the moves",
		    (unsigned long long)r->placed);
}

int
beside_text(const struct run *r, size_t i, char out[BESIDE_TEXT])
{
	double month = r->model.month_days, usd;
	char text[32], size[16];
	const char *name;
	size_t fixed;

	if (vt_prices_fixed(r->prices, i, &name, &usd) == 0) {
		snprintf(out, BESIDE_TEXT, "beside it %s dollars a month for "
		    "%s", usd_text(usd, text), name);
		return 0;
	}
	for (fixed = 0; vt_prices_fixed(r->prices, fixed, &name, &usd) == 0; )
		fixed++;
	if (i > fixed || r->clients == NULL)
		return -1;
	usd = vt_cost_clients(&r->model, (double)r->sum.bytes,
	    r->sum.read_day * month);
	snprintf(out, BESIDE_TEXT, "beside it %s dollars a month for %s that "
	    "clients at '%s' read",
	    usd_text(usd, text),
	    vt_num_human_bytes((uint64_t)(r->sum.read_day * month), size),
	    r->clients);
	return 0;
}

void
summarize(const struct run *r)
{
	char size[16], from[11], to[11], now[32], after[32];
	const struct vt_learned_facts *f;
	char beside[BESIDE_TEXT];
	size_t i;

	if (r->quiet)
		return;
	summarize_rules(r);
	if (r->sum.versions == 0) {
		cli_warn("no versions in the input: nothing to plan");
		return;
	}
	day_text(r->covered_from, from);
	day_text(r->covered_to, to);
	if (r->policy.min_history_days < 30)
		cli_warn("--min-history lets versions move that the log has "
		    "covered for less than 30 days");
	if (r->covered_days > 0)
		cli_warn("%llu versions, %s; the log covers %.1f days "
		    "(%s to %s)", (unsigned long long)r->sum.versions,
		    vt_num_human_bytes(r->sum.bytes, size), r->covered_days,
		    from, to);
	else
		cli_warn("%llu versions, %s; no log covers any of their time",
		    (unsigned long long)r->sum.versions,
		    vt_num_human_bytes(r->sum.bytes, size));
	if (r->moves == 0)
		cli_warn("no move pays for itself; the bill is %s dollars a "
		    "month", usd_text(r->sum.bill_now, now));
	else
		cli_warn("bill %s dollars a month, %s after %llu moves of "
		    "%s", usd_text(r->sum.bill_now, now),
		    usd_text(r->sum.bill_after, after),
		    (unsigned long long)r->moves,
		    vt_num_human_bytes(r->moved_bytes, size));
	if (r->moves > 0)
		cli_warn("moving costs %s dollars, paid back in %.0f days",
		    usd_text(r->moving, now),
		    r->saving > 0 ? r->payback / r->saving : 0);
	for (i = 0; beside_text(r, i, beside) == 0; i++)
		cli_warn("%s", beside);
	packs_summarize(r);
	repacks_summarize(r);
	summarize_held(r);
	model_summarize(r);
	f = r->learned != NULL ? vt_learned_facts(r->learned) : NULL;
	if (f != NULL && f->best_usd > 0)
		cli_warn("over the last half of %s time this planner would "
		    "have paid %.3f times the least possible, all hot %.3f "
		    "times", r->is_kept ? "its" : "that",
		    ratio(f->plan_usd, f->best_usd),
		    ratio(f->hot_usd, f->best_usd));
}
