#include <string.h>
#include <stdio.h>

#include "libvt/base/clock.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/num.h"

#include "plan.h"

static void
add_sim(struct run *r, enum sim which, const struct vt_replay *a)
{
	r->sim[which] += a->usd;
	r->sim_storage[which] += a->storage;
	r->sim_reads[which] += a->reads;
	r->sim_moving[which] += a->moving;
	r->sim_moves[which] += a->moves;
}

void
simulate_record(struct run *r, const struct vt_scan_record *rec,
    const struct vt_cost *cost)
{
	static const double ages[2] = { AGE_FIRST, AGE_SECOND };
	struct vt_replay_options o;
	double from = r->past.from;
	struct vt_replay a;
	struct vt_cost life;

	if (r->split_us != 0 && (double)r->split_us / (double)DAY_US > from)
		from = (double)r->split_us / (double)DAY_US;
	if (from > r->past.to)
		return;
	vt_replay_hot(cost, &r->past, from, &a);
	add_sim(r, SIM_HOT, &a);
	memset(&o, 0, sizeof(o));
	o.minimums = r->minimums;
	o.min_history = r->policy.min_history_days;
	o.tick = 1;
	vt_replay_plan(cost, &r->past, from, &o, &a);
	add_sim(r, SIM_PLAN, &a);
	o.promote = 1;
	vt_replay_plan(cost, &r->past, from, &o, &a);
	add_sim(r, SIM_PROMOTE, &a);
	r->sim[SIM_BEST] += vt_optimum_usd(r->optimum, cost, &r->past, from);
	if (!r->simulate)
		return;
	if (r->plain) {
		o.tick = o.min_history = 0;
		o.plain = 1;
		vt_replay_plan(cost, &r->past, from, &o, &a);
		add_sim(r, SIM_PLAIN, &a);
	}
	vt_cost_at(&r->lifecycle_rates, rec->size_bytes, &life);
	vt_replay_age(&life, &r->past, from, ages, r->age_tier, r->age_count,
	    AGE_MIN_SIZE, &a);
	add_sim(r, SIM_AGE, &a);
	if (r->autoclass == NULL)
		return;
	vt_replay_auto(&r->model, r->autoclass, rec->size_bytes, &r->past,
	    from, &a);
	add_sim(r, SIM_AUTO, &a);
}

double
ratio(double a, double b)
{
	return b > 0 ? a / b : 1;
}

static int
simulated(const struct run *r, enum sim which)
{
	return (which != SIM_AGE || r->age_count > 0) &&
	    (which != SIM_AUTO || r->autoclass != NULL) &&
	    (which != SIM_PLAIN || r->plain);
}

static const char *
sim_label(const struct run *r, enum sim which, char out[80])
{
	switch (which) {
	case SIM_HOT:
		return "everything hot";
	case SIM_AGE:
		snprintf(out, 80, "by age: %s after %d days, %s after %d",
		    r->model.tier[r->age_tier[0]].name, AGE_FIRST,
		    r->model.tier[r->age_tier[r->age_count - 1]].name,
		    r->age_count > 1 ? AGE_SECOND : AGE_FIRST);
		return out;
	case SIM_AUTO:
		return r->autoclass->name;
	case SIM_PROMOTE:
		return "this plan, run daily, with vt-serve";
	case SIM_PLAN:
		return "the same, but reads bring nothing back";
	case SIM_PLAIN:
		return "the bare work-function algorithm";
	default:
		return "the best possible, in hindsight";
	}
}

/* Cents for sums that have some, more digits for those that have not. */
char *
usd_text(double usd, char out[32])
{
	snprintf(out, 32, "%.*f", usd >= 1 || usd <= 0 ? 2 :
	    usd >= 0.01 ? 4 : 6, usd);
	return out;
}

void
day_text(int64_t us, char out[11])
{
	char t[25];

	vt_time_rfc3339_ms(us, t);
	memcpy(out, t, 10);
	out[10] = '\0';
}

static void
print_simulation_json(struct run *r)
{
	static const char *const names[SIMS] = {
		"hot", "age", "auto", "plan+promote", "plan",
		"work-function", "optimum"
	};
	struct vt_buf b;
	int i;

	vt_buf_init(&b, 1 << 20);
	for (i = 0; i < SIMS; i++) {
		if (!simulated(r, i))
			continue;
		vt_json_begin(&b);
		vt_json_i64(&b, "v", 1);
		vt_json_str(&b, "policy", names[i]);
		vt_json_double(&b, "usd", r->sim[i]);
		vt_json_double(&b, "of_optimum",
		    ratio(r->sim[i], r->sim[SIM_BEST]));
		vt_json_double(&b, "of_hot",
		    ratio(r->sim[i], r->sim[SIM_HOT]));
		if (i != SIM_BEST) {
			vt_json_double(&b, "storage_usd", r->sim_storage[i]);
			vt_json_double(&b, "reads_usd", r->sim_reads[i]);
			vt_json_double(&b, "moving_usd", r->sim_moving[i]);
			vt_json_u64(&b, "moves", r->sim_moves[i]);
		}
		vt_json_u64(&b, "versions", r->versions);
		vt_json_u64(&b, "bytes", r->bytes);
		vt_json_str(&b, "prices", vt_prices_digest(r->prices));
		vt_json_end(&b);
	}
	(void)cli_out_buf(&b);	/* sticks; cli_finish tells */
	vt_buf_release(&b);
}

void
print_simulation(struct run *r)
{
	char from[11], to[11], size[16], label[80];
	int i;

	if (r->json) {
		print_simulation_json(r);
		return;
	}
	day_text(r->split_us > r->covered_from ? r->split_us :
	    r->covered_from, from);
	day_text(r->covered_to, to);
	cli_printf("%llu versions, %s, %s to %s (%.0f days)\n",
	    (unsigned long long)r->versions,
	    vt_num_human_bytes(r->bytes, size), from, to,
	    (double)(r->covered_to - (r->split_us > r->covered_from ?
	    r->split_us : r->covered_from)) / (double)DAY_US);
	cli_printf("Prices: %s\n\n", vt_prices_title(r->prices));
	cli_printf("%-45s %12s %8s %8s\n", "", "dollars", "x best",
	    "of hot");
	for (i = 0; i < SIMS; i++) {
		if (!simulated(r, i))
			continue;
		cli_printf("%-45s %12.2f %8.3f %7.1f%%\n",
		    sim_label(r, i, label), r->sim[i],
		    ratio(r->sim[i], r->sim[SIM_BEST]),
		    100 * ratio(r->sim[i], r->sim[SIM_HOT]));
	}
	if (!r->quiet && r->removed_bytes > 0)
		cli_warn("these figures include %llu versions, %s, that "
		    "lifecycle rules remove by now",
		    (unsigned long long)(r->removals[VT_LC_EXPIRE] +
		    r->removals[VT_LC_EXPIRE_VERSION]),
		    vt_num_human_bytes(r->removed_bytes, size));
}
