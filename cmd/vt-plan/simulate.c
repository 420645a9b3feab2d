#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libvt/base/clock.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/num.h"

#include "plan.h"

/* --- the contest ---------------------------------------------------------- */

/* "hot,work": the engines that may be in charge, a bit each; 0: any. */
static unsigned
engine_mask(const char *list)
{
	static const struct {
		const char *name;
		enum vt_engine_kind kind;
	} names[] = {
		{ "hot", VT_ENGINE_HOT }, { "auto", VT_ENGINE_AUTO },
		{ "work", VT_ENGINE_WORK }, { "hazard", VT_ENGINE_HAZARD }
	};
	char *copy, *one, *save;
	unsigned mask = 0;
	size_t i;

	if (list == NULL)
		return 0;
	copy = cli_strdup(list);
	for (one = strtok_r(copy, ",", &save); one != NULL;
	    one = strtok_r(NULL, ",", &save)) {
		for (i = 0; i < 4 && strcmp(names[i].name, one) != 0; i++)
			;
		if (i == 4)
			exit(cli_usage_error("--engines: '%s' is none of hot, "
			    "auto, work, hazard", one));
		mask |= 1u << names[i].kind;
	}
	free(copy);
	return mask;
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Try the engines on what was sampled. */
void
hold_contest(struct run *r)
{
	struct vt_contest_options o;
	double begun = seconds();
	struct vt_err err;
	size_t weeks = 0;

	memset(&o, 0, sizeof(o));
	o.only = engine_mask(r->engines);
	vt_sample_finish(r->sample);
	if (vt_sample_count(r->sample) == 0)
		return;
	o.score_from = (double)r->split_us / (double)DAY_US;
	o.min_history = r->policy.min_history_days;
	o.payback_max = r->policy.payback_max_days;
	o.age_days[0] = AGE_FIRST;
	o.age_days[1] = AGE_SECOND;
	memcpy(o.age_tier, r->age_tier, sizeof(o.age_tier));
	o.age_count = r->age_count;
	o.age_min_bytes = AGE_MIN_SIZE;
	o.self_moving = r->self_moving;
	o.allow_self_moving = r->may_self_move;
	o.baselines = r->simulate || r->report != NULL;
	if (vt_contest_new(&r->model, r->sample, &o, &r->contest, &err) !=
	    VT_OK)
		plan_die(&err);
	cli_progress_start(r->quiet, "trying engines on the past, weeks");
	while (vt_contest_step(r->contest) && !cli_stopping())
		if (++weeks % 16 == 0)
			cli_progress_add(0, 16);
	cli_progress_stop();
	r->contest_seconds = seconds() - begun;
	model_learn(r);
	if (r->simulate || r->report != NULL)
		return;
	/* nothing else is asked of them */
	vt_contest_free(r->contest);
	vt_sample_free(r->sample);
	r->contest = NULL;
	r->sample = NULL;
}

const struct vt_engine *
engine_for(const struct run *r, const struct vt_scan_record *rec)
{
	if (r->learned == NULL)
		return NULL;
	return vt_learned_engine(r->learned, rec->bucket, rec->key,
	    rec->key_len);
}

double
engine_usd(const struct run *r, enum vt_engine_kind kind)
{
	struct vt_score s;
	size_t i;

	for (i = 0; r->contest != NULL && i < vt_contest_count(r->contest);
	    i++) {
		vt_contest_score(r->contest, i, &s);
		if (s.kind == kind)
			return s.usd;
	}
	return 0;
}

double
ratio(double a, double b)
{
	return b > 0 ? a / b : 1;
}

/* The part of the possible saving, 0 when there is none. */
static double
saving_share(double usd, double hot, double best)
{
	return hot > best ? (hot - usd) / (hot - best) : 0;
}

/* Processor time of trying the engines on a million versions. */
static double
seconds_million(const struct run *r)
{
	return r->contest_seconds * 1e6 / (double)vt_sample_count(r->sample);
}

/* --- text ----------------------------------------------------------------- */

const char *
engine_label(const struct run *r, const struct vt_score *s, char out[80])
{
	const struct vt_cost_model *m = &r->model;

	switch (s->kind) {
	case VT_ENGINE_HOT:
		return "everything hot";
	case VT_ENGINE_AGE:
		snprintf(out, 80, "by age: %s after %d days, %s after %d",
		    m->tier[r->age_tier[0]].name, AGE_FIRST,
		    m->tier[r->age_tier[r->age_count - 1]].name,
		    r->age_count > 1 ? AGE_SECOND : AGE_FIRST);
		return out;
	case VT_ENGINE_IDLE:
		return "break-even by idle time";
	case VT_ENGINE_AUTO:
		return m->tier[r->self_moving].price.name;
	case VT_ENGINE_WORK:
		return strcmp(s->name, "work") == 0 ? "the work function" :
		    "the work function, quick to go cold";
	case VT_ENGINE_HAZARD:
		return strcmp(s->name, "hazard") == 0 ?
		    "survival statistics" :
		    "survival statistics, with that class";
	case VT_ENGINE_PLAN:
		return "this plan";
	}
	return s->name;
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

/* Days that are billed. */
static double
scored_days(const struct run *r)
{
	int64_t from = r->split_us > r->covered_from ? r->split_us :
	    r->covered_from;

	return (double)(r->covered_to - from) / (double)DAY_US;
}

/* The prefix that did worst against leaving everything hot. */
static double
worst_prefix(const struct run *r, const char **name)
{
	double plan, hot, work, worst = 0;
	size_t i;

	*name = "";
	for (i = 0; i < vt_sample_prefix_count(r->sample); i++) {
		vt_contest_prefix_usd(r->contest, i, &plan, &hot, &work);
		if (hot > 0 && plan / hot > worst) {
			worst = plan / hot;
			*name = vt_sample_prefix(r->sample, i);
		}
	}
	return worst;
}

static void
print_foot(const struct run *r)
{
	const char *prefix;
	double worst = worst_prefix(r, &prefix), best, plan, hot;
	double guard = vt_contest_guard(r->contest);
	char size[16];

	best = vt_contest_optimum(r->contest);
	plan = engine_usd(r, VT_ENGINE_PLAN);
	hot = engine_usd(r, VT_ENGINE_HOT);
	cli_printf("\nIn charge by now: %s.  Share of the possible saving: "
	    "%.1f%%.\n", vt_contest_winner(r->contest)->name,
	    100 * saving_share(plan, hot, best));
	cli_printf("Worst prefix: '%s', %.2f times its bill if hot; at most "
	    "%.2f times what the guard allows.\n", prefix, worst, guard);
	if (guard > 1)
		cli_printf("It looks once a week, and what is cold by then "
		    "comes back with its reads: that much more\nmay be "
		    "paid.\n");
	if (r->bound > 0)
		cli_printf("%llu versions are bound by policies, pins or "
		    "locks: in each line, the best\npossible too, they are "
		    "only where they may be.\n",
		    (unsigned long long)r->bound);
	if (r->ruled > 0)
		cli_printf("%llu versions are bound by lifecycle rules: in "
		    "each line they go where these\nask on the day, and no "
		    "colder before.\n", (unsigned long long)r->ruled);
	if (r->ended > 0)
		cli_printf("%llu versions, %s, are removed by lifecycle "
		    "rules: from then on nobody\npays for them.\n",
		    (unsigned long long)r->ended,
		    vt_num_human_bytes(r->ended_bytes, size));
	if (vt_sample_count(r->sample) < vt_sample_offered(r->sample))
		cli_printf("From a sample of %zu of %llu versions, the "
		    "largest in it for sure.\n", vt_sample_count(r->sample),
		    (unsigned long long)vt_sample_offered(r->sample));
}

/* Of the bill of another engine, if it has one. */
static const char *
over_text(double usd, double other, char out[16])
{
	if (other <= 0)
		return "-";
	/* lifecycle rules by age may have cost a thousand times as much */
	snprintf(out, 16, "%.*f", usd < other / 100 ? 5 : 3, usd / other);
	return out;
}

static void
print_line(const struct run *r, const char *label, double usd, double moves)
{
	double hot = engine_usd(r, VT_ENGINE_HOT);
	double best = vt_contest_optimum(r->contest);
	char a[16], b[16];

	cli_printf("%-41s %11.*f %7.3f %6.1f%% %7s %7s %6.1f%%", label,
	    usd < 10 ? 4 : 2, usd, ratio(usd, best), 100 * ratio(usd, hot),
	    over_text(usd, engine_usd(r, VT_ENGINE_AUTO), a),
	    over_text(usd, engine_usd(r, VT_ENGINE_AGE), b),
	    100 * saving_share(usd, hot, best));
	if (moves >= 0)
		cli_printf(" %9.1f", moves /
		    (scored_days(r) > 1 ? scored_days(r) : 1));
	cli_printf("\n");
}

static void
print_text(const struct run *r)
{
	char from[11], to[11], size[16], name[80];
	struct vt_score s;
	size_t i;

	day_text(r->split_us > r->covered_from ? r->split_us :
	    r->covered_from, from);
	day_text(r->covered_to, to);
	cli_printf("%llu versions, %s, %s to %s (%.0f days)\n",
	    (unsigned long long)r->sum.versions,
	    vt_num_human_bytes(r->sum.bytes, size), from, to, scored_days(r));
	cli_printf("Prices: %s\n\n", vt_prices_title(r->prices));
	cli_printf("%-41s %11s %7s %7s %7s %7s %7s %9s\n", "", "dollars",
	    "x best", "of hot", "x auto", "x age", "saved", "moves/day");
	for (i = 0; i < vt_contest_count(r->contest); i++) {
		vt_contest_score(r->contest, i, &s);
		print_line(r, engine_label(r, &s, name), s.usd, s.moves);
	}
	print_line(r, "the best possible, in hindsight",
	    vt_contest_optimum(r->contest), -1);
	print_foot(r);
	packs_simulated(r);
}

/* --- JSON ----------------------------------------------------------------- */

static void
common_json(const struct run *r, struct vt_buf *b, double usd, double best)
{
	double hot = engine_usd(r, VT_ENGINE_HOT);
	double other = engine_usd(r, VT_ENGINE_AUTO);
	double age = engine_usd(r, VT_ENGINE_AGE);

	vt_json_double(b, "usd", usd);
	vt_json_double(b, "of_optimum", ratio(usd, best));
	vt_json_double(b, "of_hot", ratio(usd, hot));
	if (other > 0)
		vt_json_double(b, "of_auto", usd / other);
	if (age > 0)
		vt_json_double(b, "of_age", usd / age);
	if (hot > best)
		vt_json_double(b, "share_of_saving",
		    saving_share(usd, hot, best));
}

static void
print_json(struct run *r)
{
	double best = vt_contest_optimum(r->contest), worst;
	const char *prefix;
	struct vt_score s;
	struct vt_buf b;
	size_t i, n = vt_contest_count(r->contest);

	vt_buf_init(&b, 1 << 20);
	for (i = 0; i <= n; i++) {
		memset(&s, 0, sizeof(s));
		s.name = "optimum";
		s.usd = best;
		if (i < n)
			vt_contest_score(r->contest, i, &s);
		vt_json_begin(&b);
		vt_json_i64(&b, "v", 1);
		vt_json_str(&b, "policy", s.name);
		common_json(r, &b, s.usd, best);
		if (i < n) {
			vt_json_double(&b, "storage_usd", s.storage);
			vt_json_double(&b, "reads_usd", s.reads);
			vt_json_double(&b, "moving_usd", s.moving);
			vt_json_u64(&b, "moves", (uint64_t)(s.moves + 0.5));
			vt_json_double(&b, "moves_day", s.moves /
			    (scored_days(r) > 1 ? scored_days(r) : 1));
			vt_json_double(&b, "weeks_in_charge",
			    s.weeks_in_charge);
		}
		if (s.kind == VT_ENGINE_PLAN && i < n) {
			worst = worst_prefix(r, &prefix);
			vt_json_str(&b, "in_charge",
			    vt_contest_winner(r->contest)->name);
			vt_json_str(&b, "worst_prefix", prefix);
			vt_json_double(&b, "worst_prefix_of_hot", worst);
			vt_json_double(&b, "worst_of_guard",
			    vt_contest_guard(r->contest));
			/* the one figure that no second run repeats */
			if (!r->quiet)
				vt_json_double(&b, "seconds_million",
				    seconds_million(r));
		}
		vt_json_u64(&b, "versions", r->sum.versions);
		vt_json_u64(&b, "bound", r->bound);
		if (r->rules_count > 0) {
			vt_json_u64(&b, "ruled", r->ruled);
			vt_json_u64(&b, "ended", r->ended);
		}
		vt_json_u64(&b, "sampled", vt_sample_count(r->sample));
		vt_json_u64(&b, "bytes", r->sum.bytes);
		vt_json_double(&b, "days", scored_days(r));
		vt_json_str(&b, "prices", vt_prices_digest(r->prices));
		packs_json(r, &b);
		vt_json_end(&b);
	}
	(void)cli_out_buf(&b);	/* sticks; cli_finish tells */
	vt_buf_release(&b);
}

void
print_simulation(struct run *r)
{
	if (r->contest == NULL)
		cli_warn("no log covers any of their time: nothing to "
		    "simulate");
	else if (r->json)
		print_json(r);
	else
		print_text(r);
	if (r->contest != NULL && !r->quiet && r->sum.versions > 0)
		cli_warn("trying engines took %.1f seconds of a core, %.0f "
		    "for a million versions", r->contest_seconds,
		    seconds_million(r));
}
