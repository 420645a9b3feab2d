#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hex.h"
#include "libvt/base/num.h"

#include "libvt/work/bill.h"

#include "plan.h"

#define OUT_BLOCK ((size_t)256 << 10)

/* What rules ask for before what pays. */
static int
rank(const struct proposal *p)
{
	return p->removal != VT_LC_NONE ? 0 : *p->m.rule != '\0' ? 1 : 2;
}

/* Saving per dollar of moving, free moves first; names decide the rest, so
 * that the same input makes the same plan. */
static int
by_worth(const void *a, const void *b)
{
	const struct vt_move *x = &((const struct proposal *)a)->m;
	const struct vt_move *y = &((const struct proposal *)b)->m;
	double left, right;
	size_t n;
	int c;

	c = rank(a) - rank(b);
	if (c != 0)
		return c;
	if ((x->cost_usd <= 0) != (y->cost_usd <= 0))
		return x->cost_usd <= 0 ? -1 : 1;
	left = x->saving_usd_month * (x->cost_usd <= 0 ? 1 : y->cost_usd);
	right = y->saving_usd_month * (y->cost_usd <= 0 ? 1 : x->cost_usd);
	if (left != right)
		return left > right ? -1 : 1;
	c = strcmp(x->bucket, y->bucket);
	if (c != 0)
		return c;
	n = x->key_len < y->key_len ? x->key_len : y->key_len;
	c = memcmp(x->key, y->key, n);
	if (c != 0)
		return c;
	if (x->key_len != y->key_len)
		return x->key_len < y->key_len ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* The plan's name: of all that it follows from. */
static void
name_plan(struct run *r)
{
	uint8_t sum[VT_HASH_MAX];
	struct vt_buf b;
	size_t i;

	vt_buf_init(&b, 1 << 16);
	vt_buf_printf(&b, "1 %s %d %d %.17g %lld %llu %llu %.17g %lld %.17g "
	    "%.17g %.17g", vt_prices_digest(r->prices), (int)r->how,
	    r->allow_restore, r->minimums, (long long)r->now_us,
	    (unsigned long long)r->max_bytes,
	    (unsigned long long)r->max_objects, r->max_usd,
	    (long long)r->valid_ms, r->policy.min_history_days,
	    r->policy.payback_max_days, r->policy.minimums);
	for (i = 0; i < r->model.count; i++)
		vt_buf_printf(&b, " %s %s %d %.17g %.17g",
		    r->model.tier[i].name, r->model.tier[i].price.name,
		    r->model.tier[i].excluded, r->model.tier[i].volume_gb,
		    r->model.tier[i].price.restore);
	vt_hash_update(&r->id, b.data, b.len);
	vt_hash_final(&r->id, sum);
	vt_hex_encode(sum, 8, r->plan_id);
	vt_buf_release(&b);
}

static int
fits(const struct run *r, const struct proposal *p)
{
	if (r->lines_out >= r->max_objects)
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

	r->lines_out++;
	r->bill_after += p->after_month - p->now_month;
	if (p->removal != VT_LC_NONE) {
		r->removals[p->removal]++;
		if (p->after_month == 0)
			r->removed_bytes += m->size_bytes;
		return;
	}
	r->moves++;
	r->asked += *m->rule != '\0';
	r->moved_bytes += m->size_bytes;
	r->moving += m->cost_usd;
	r->saving += m->saving_usd_month;
	r->payback += m->payback_days * m->saving_usd_month;
}

void
print_plan(struct run *r)
{
	int64_t now = r->now_us != INT64_MAX ? r->now_us : r->covered_to;
	struct vt_buf b;
	struct vt_err err;
	size_t i;

	name_plan(r);
	if (r->count > 0)
		qsort(r->p, r->count, sizeof(*r->p), by_worth);
	vt_buf_init(&b, VT_RECORD_LINE_MAX * 4);
	for (i = 0; i < r->count && !cli_stopping(); i++) {
		struct vt_move *m = &r->p[i].m;

		if (!fits(r, &r->p[i])) {
			r->capped++;
			continue;
		}
		m->plan = r->plan_id;
		m->prices = vt_prices_digest(r->prices);
		m->not_after_us = (r->p[i].asked_us != 0 ?
		    r->p[i].asked_us : now) + r->valid_ms * 1000;
		vt_move_format(m, &b);
		if (vt_buf_check(&b, "the plan", &err) != VT_OK)
			plan_die(&err);
		if (b.len >= OUT_BLOCK && cli_out_buf(&b) < 0)
			break;
		count_out(r, &r->p[i]);
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
		"on a tier that is not configured"
	};
	char text[400];
	size_t used = 0;
	int i;

	for (i = 0; i < VT_PLAN_VERDICTS; i++)
		if (words[i] != NULL && r->verdicts[i] > 0)
			used += (size_t)snprintf(text + used,
			    sizeof(text) - used, "%s%llu %s",
			    used > 0 ? ", " : "",
			    (unsigned long long)r->verdicts[i], words[i]);
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
	if (r->locked > 0)
		cli_warn("lifecycle rules would remove %llu more, but they "
		    "are locked", (unsigned long long)r->locked);
	if (r->asked > 0)
		cli_warn("lifecycle rules ask for %llu of the moves",
		    (unsigned long long)r->asked);
}

/* What is paid wherever the objects lie: no move changes it. */
static void
summarize_beside(const struct run *r)
{
	double month = r->model.month_days, usd;
	char text[32], size[16];
	const char *name;
	struct vt_bill b;
	size_t i;

	for (i = 0; vt_prices_fixed(r->prices, i, &name, &usd) == 0; i++)
		cli_warn("beside it %s dollars a month for %s",
		    usd_text(usd, text), name);
	if (r->clients == NULL)
		return;
	vt_bill_init(&b, &r->model, month);
	vt_bill_keep(&b, 0, r->bytes, month);
	vt_bill_clients(&b, r->read_day * month);
	cli_warn("beside it %s dollars a month for %s that clients at '%s' "
	    "read", usd_text(vt_bill_usd(&b, 0, VT_BILL_CLIENTS), text),
	    vt_num_human_bytes((uint64_t)(r->read_day * month), size),
	    r->clients);
}

void
summarize(const struct run *r)
{
	char size[16], from[11], to[11], now[32], after[32];

	if (r->quiet)
		return;
	summarize_rules(r);
	if (r->versions == 0) {
		cli_warn("no versions in the input: nothing to plan");
		return;
	}
	day_text(r->covered_from, from);
	day_text(r->covered_to, to);
	if (r->covered_days > 0)
		cli_warn("%llu versions, %s; the log covers %.1f days "
		    "(%s to %s)", (unsigned long long)r->versions,
		    vt_num_human_bytes(r->bytes, size), r->covered_days,
		    from, to);
	else
		cli_warn("%llu versions, %s; no log covers any of their time",
		    (unsigned long long)r->versions,
		    vt_num_human_bytes(r->bytes, size));
	if (r->moves == 0)
		cli_warn("no move pays for itself; the bill is %s dollars a "
		    "month", usd_text(r->bill_now, now));
	else
		cli_warn("bill %s dollars a month, %s after %llu moves of "
		    "%s", usd_text(r->bill_now, now),
		    usd_text(r->bill_after, after),
		    (unsigned long long)r->moves,
		    vt_num_human_bytes(r->moved_bytes, size));
	if (r->moves > 0)
		cli_warn("moving costs %s dollars, paid back in %.0f days",
		    usd_text(r->moving, now),
		    r->saving > 0 ? r->payback / r->saving : 0);
	summarize_beside(r);
	summarize_held(r);
	if (r->covered_days > 0 && r->sim[SIM_BEST] > 0)
		cli_warn("over that time this planner would have paid %.3f "
		    "times the least possible, all hot %.3f times",
		    ratio(r->sim[SIM_PROMOTE], r->sim[SIM_BEST]),
		    ratio(r->sim[SIM_HOT], r->sim[SIM_BEST]));
}
