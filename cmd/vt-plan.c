/*
 * vt-plan: versions with their heat in (vt-scan), moves that pay for
 * themselves out, and what lifecycle rules ask for, one JSON line each.  It
 * changes nothing; vt-migrate does.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/base/clock.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/num.h"
#include "libvt/proto/records.h"
#include "libvt/work/config.h"
#include "libvt/work/cost.h"
#include "libvt/work/plan.h"
#include "libvt/work/rules.h"

#include "cmd/cli.h"

#define PRICE_FILE "aws-us-east-1.json"
#define ARENA_MAX ((size_t)64 << 20)
#define OUT_BLOCK ((size_t)256 << 10)
#define DAY_US INT64_C(86400000000)
#define RULES_BYTES_MAX ((size_t)32 << 20)	/* of one bucket, parsed */

/* The age rule that plans are compared with: what most buckets have. */
#define AGE_FIRST 30
#define AGE_SECOND 90
#define AGE_MIN_SIZE 131072	/* smaller ones are not moved by default */

static const char usage[] =
"usage: vt-plan [options] [SCAN...]\n"
"       vt-plan [options] --explain BUCKET/KEY [SCAN...]\n"
"       vt-plan [options] --simulate [SCAN...]\n"
"Read what vt-scan wrote and print one JSON line for each move that pays for\n"
"itself, and for what lifecycle rules ask for.  Nothing is changed: see\n"
"vt-migrate.  '-': standard input (default).\n"
"\n"
"Where things can be:\n"
"      --config FILE      configuration with the tiers\n"
"      --data DIR         data folder with vaultaire.json ($VAULTAIRE_DATA)\n"
"      --prices FILE      price file (of the configuration; AWS us-east-1)\n"
"      --moves HOW        copy: vt-migrate reads and writes; transition: the\n"
"                         provider's lifecycle moves down (copy)\n"
"What may move:\n"
"      --allow-restore    also to tiers whose reads need a restore first\n"
"      --max-bytes SIZE   at most so much, best moves first; also\n"
"      --max-objects N\n"
"      --max-usd DOLLARS  of the cost of moving\n"
"      --min-history D    covered days (30d) before anything is moved\n"
"      --payback-max D    leave out what takes longer to pay back\n"
"      --tiers A,B...     only to these tiers\n"
"      --valid D          how long the moves may wait (7d)\n"
"Instead of a plan:\n"
"      --explain BUCKET/KEY   heat, what each tier costs, and why\n"
"      --simulate         what the past would have cost: hot, by age, by this\n"
"                         plan, at best\n"
"      --split WHEN       simulate: 'half' or a time; score what is after it\n"
"      --plain            simulate: also the bare work-function algorithm\n"
"      --minimums SHARE   of minimum durations in its distances (1)\n"
"      --json             simulate: JSON lines\n"
"Else:\n"
"      --now TIME         plan as of then (RFC 3339; the end of the logs)\n"
"  -q, --quiet            no summary, no progress\n"
"  -h, --help             this text\n"
"  -V, --version          version\n"
"\n"
"Status 1: malformed lines were left out, or --explain found nothing.\n";

enum {
	OPT_ALLOW_RESTORE = 256, OPT_CONFIG, OPT_DATA, OPT_EXPLAIN, OPT_JSON,
	OPT_MAX_BYTES, OPT_MAX_OBJECTS, OPT_MAX_USD, OPT_MIN_HISTORY,
	OPT_MINIMUMS, OPT_MOVES, OPT_NOW, OPT_PAYBACK_MAX, OPT_PLAIN,
	OPT_PRICES, OPT_SIMULATE, OPT_SPLIT, OPT_TIERS, OPT_VALID
};

static const struct option options[] = {
	{ "allow-restore", no_argument, NULL, OPT_ALLOW_RESTORE },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "data", required_argument, NULL, OPT_DATA },
	{ "explain", required_argument, NULL, OPT_EXPLAIN },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "max-bytes", required_argument, NULL, OPT_MAX_BYTES },
	{ "max-objects", required_argument, NULL, OPT_MAX_OBJECTS },
	{ "max-usd", required_argument, NULL, OPT_MAX_USD },
	{ "min-history", required_argument, NULL, OPT_MIN_HISTORY },
	{ "minimums", required_argument, NULL, OPT_MINIMUMS },
	{ "moves", required_argument, NULL, OPT_MOVES },
	{ "now", required_argument, NULL, OPT_NOW },
	{ "payback-max", required_argument, NULL, OPT_PAYBACK_MAX },
	{ "plain", no_argument, NULL, OPT_PLAIN },
	{ "prices", required_argument, NULL, OPT_PRICES },
	{ "quiet", no_argument, NULL, 'q' },
	{ "simulate", no_argument, NULL, OPT_SIMULATE },
	{ "split", required_argument, NULL, OPT_SPLIT },
	{ "tiers", required_argument, NULL, OPT_TIERS },
	{ "valid", required_argument, NULL, OPT_VALID },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

enum sim { SIM_HOT, SIM_AGE, SIM_AUTO, SIM_PROMOTE, SIM_PLAN, SIM_PLAIN,
	SIM_BEST, SIMS };

/* A move that may be printed, and what the summary needs of it. */
struct proposal {
	struct vt_move m;	/* strings in run.kept */
	enum vt_lc_action removal;
	int64_t asked_us;	/* by rules, then; 0: it is the log that asks */
	double now_month, after_month;
};

struct run {
	/* options */
	const char *config_path, *data, *price_path, *tiers, *explain;
	int allow_restore, simulate, json, plain, quiet, split_half;
	double minimums;
	enum vt_move_how how;
	int64_t now_us, split_us;
	uint64_t max_bytes, max_objects;
	double max_usd;
	int64_t valid_ms;
	struct vt_policy policy;
	char **paths;
	int path_count;

	/* the installation */
	struct vt_prices *prices;
	const struct vt_price *autoclass;
	struct vt_cost_model model, lifecycle;
	size_t age_tier[2], age_count;

	/* the lifecycle rules of the bucket whose line came last */
	struct vt_arena *rules_arena;
	struct vt_lifecycle *lc;
	char rules_bucket[64];
	int64_t rules_generation, rules_at_us;
	int rules_marks;	/* expiring adds a delete marker */
	char class_name[VT_COST_TIERS][VT_PRICE_NAME];
	const char *classes[VT_COST_TIERS];

	/* the input */
	struct vt_hash id;
	char plan_id[17];
	struct vt_past past;
	struct vt_optimum *optimum;
	struct vt_arena *kept;
	struct proposal *p;
	size_t count, cap;
	struct vt_buf held;	/* lines waiting for --split half */
	uint64_t lines, bad_lines, found;
	int failed;

	/* sums */
	uint64_t versions, bytes, verdicts[VT_PLAN_VERDICTS];
	uint64_t lines_out, moves, moved_bytes, capped;
	uint64_t asked;		/* moves that rules ask for */
	uint64_t removals[VT_LC_ACTIONS], removed_bytes, locked;
	double bill_now, bill_after, moving, saving;
	double payback;		/* days, weighed by saving */
	int64_t covered_from, covered_to;
	double covered_days;
	double sim[SIMS], sim_storage[SIMS], sim_reads[SIMS], sim_moving[SIMS];
	uint64_t sim_moves[SIMS];
};

static void
die(const struct vt_err *err)
{
	int status = cli_status_of(err->code);

	/* what a command cannot do without is no item that failed */
	cli_die(status == CLI_SOME ? CLI_FAILED : status, "%s", err->text);
}

static void
no_memory(void)
{
	cli_die(CLI_FAILED, "out of memory");
}

/* --- tiers and prices ----------------------------------------------------- */

static char *
file_in(const char *folder, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		no_memory();
	if (access(path, R_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* The price file that came with this program: $VAULTAIRE_SHARE, beside the
 * folder the program lies in, or in the source tree it was built in. */
static char *
shipped_prices(void)
{
	static const char *const places[] = {
		"../share/vaultaire/prices", "../../../scripts/prices"
	};
	char exe[4096], *slash, *path, *folder, *share;
	ssize_t n;
	size_t i;

	share = cli_env("VAULTAIRE_SHARE");
	if (share != NULL) {
		if (asprintf(&folder, "%s/prices", share) < 0)
			no_memory();
		path = file_in(folder, PRICE_FILE);
		free(folder);
		free(share);
		if (path != NULL)
			return path;
	}
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n <= 0)
		return NULL;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (slash == NULL)
		return NULL;
	*slash = '\0';
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (asprintf(&folder, "%s/%s", exe, places[i]) < 0)
			no_memory();
		path = file_in(folder, PRICE_FILE);
		free(folder);
		if (path != NULL)
			return path;
	}
	return NULL;
}

static struct vt_config *
load_config(struct run *r)
{
	struct vt_config *config;
	char *path, *data, *env;
	struct vt_err err;

	env = cli_env("VAULTAIRE_DATA");
	if (r->data == NULL && r->config_path == NULL && env == NULL)
		return NULL;
	data = cli_absolute(r->data != NULL ? r->data :
	    env != NULL ? env : "vaultaire-data");
	path = r->config_path != NULL ? cli_strdup(r->config_path) :
	    file_in(data, "vaultaire.json");
	if (vt_config_load(path, data, &config, &err) != VT_OK)
		die(&err);
	free(env);
	free(path);
	free(data);
	return config;
}

static void
load_prices(struct run *r, const struct vt_config *config)
{
	char *path = NULL;
	const char *slash;
	struct vt_err err;

	if (r->price_path != NULL) {
		path = cli_strdup(r->price_path);
	} else if (config != NULL) {
		/* the standard one may lie elsewhere than where it would be
		 * installed; one that the user named may not */
		slash = strrchr(config->price_file, '/');
		if (access(config->price_file, R_OK) == 0 || slash == NULL ||
		    strcmp(slash + 1, PRICE_FILE) != 0)
			path = cli_strdup(config->price_file);
	}
	if (path == NULL)
		path = shipped_prices();
	if (path == NULL)
		cli_die(CLI_FAILED, "no price file: name one with --prices");
	if (vt_prices_load(path, &r->prices, &err) != VT_OK)
		die(&err);
	free(path);
}

/* The tiers of the configuration, or those the price file offers. */
static void
make_model(struct run *r, const struct vt_config *config)
{
	const char *here = vt_prices_location(r->prices), *tier, *class_name;
	struct vt_cost_model *m = &r->model;
	struct vt_err err;
	size_t i;

	if (config != NULL) {
		if (vt_cost_model_config(m, r->prices, config, &err) != VT_OK)
			die(&err);
	} else {
		vt_cost_model_init(m, r->prices);
		for (i = 0; vt_prices_default_tier(r->prices, i, &tier,
		    &class_name) == 0; i++)
			if (vt_cost_model_add(m, r->prices, tier, class_name,
			    here, here, &err) != VT_OK)
				die(&err);
	}
	if (m->count == 0)
		cli_die(CLI_FAILED, "there are no tiers to plan for");
	m->how = r->how;
	for (i = 0; i < m->count; i++) {
		r->classes[i] = r->class_name[i];
		snprintf(r->class_name[i], sizeof(r->class_name[i]), "%s",
		    config != NULL ? config->tier[i].storage_class :
		    m->tier[i].price.name);
	}
}

/* P6: what the user rules out is out before cost is asked. */
static void
exclude(struct run *r)
{
	struct vt_cost_model *m = &r->model;
	char *list, *name, *save;
	size_t i;
	int k;

	for (i = 0; i < m->count; i++)
		m->tier[i].excluded = r->tiers != NULL ||
		    (m->tier[i].price.needs_restore && !r->allow_restore);
	if (r->tiers == NULL)
		return;
	list = cli_strdup(r->tiers);
	for (name = strtok_r(list, ",", &save); name != NULL;
	    name = strtok_r(NULL, ",", &save)) {
		k = vt_cost_model_tier(m, name);
		if (k < 0)
			exit(cli_usage_error("--tiers: no tier '%s'", name));
		m->tier[k].excluded = m->tier[k].price.needs_restore &&
		    !r->allow_restore;
	}
	free(list);
}

/* The tiers that the age rule goes down by, and the self-moving class. */
static void
choose_rivals(struct run *r)
{
	const struct vt_cost_model *m = &r->model;
	double above = m->tier[0].price.storage_gb_month;
	size_t i;

	while (r->age_count < 2) {
		size_t best = 0;

		for (i = 1; i < m->count; i++) {
			double usd = m->tier[i].price.storage_gb_month;

			if (!m->tier[i].price.needs_restore && usd < above &&
			    (best == 0 ||
			    usd > m->tier[best].price.storage_gb_month))
				best = i;
		}
		if (best == 0)
			break;
		r->age_tier[r->age_count++] = best;
		above = m->tier[best].price.storage_gb_month;
	}
	r->autoclass = vt_prices_find(r->prices, "INTELLIGENT_TIERING");
	if (r->autoclass != NULL && r->autoclass->level_count == 0)
		r->autoclass = NULL;
	r->lifecycle = r->model;
	r->lifecycle.how = VT_MOVE_TRANSITION;
	for (i = 0; i < m->count; i++)
		r->lifecycle.tier[i].excluded = 0;
}

/* --- simulation ----------------------------------------------------------- */

static void
add_sim(struct run *r, enum sim which, const struct vt_replay *a)
{
	r->sim[which] += a->usd;
	r->sim_storage[which] += a->storage;
	r->sim_reads[which] += a->reads;
	r->sim_moving[which] += a->moving;
	r->sim_moves[which] += a->moves;
}

static void
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
	vt_cost_of(&r->lifecycle, rec->size_bytes, &life);
	vt_replay_age(&life, &r->past, from, ages, r->age_tier, r->age_count,
	    AGE_MIN_SIZE, &a);
	add_sim(r, SIM_AGE, &a);
	if (r->autoclass == NULL)
		return;
	vt_replay_auto(&r->model, r->autoclass, rec->size_bytes, &r->past,
	    from, &a);
	add_sim(r, SIM_AUTO, &a);
}

static double
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
		return "INTELLIGENT_TIERING";
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
static char *
usd_text(double usd, char out[32])
{
	snprintf(out, 32, "%.*f", usd >= 1 || usd <= 0 ? 2 :
	    usd >= 0.01 ? 4 : 6, usd);
	return out;
}

static void
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

static void
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

/* --- proposals ------------------------------------------------------------ */

/* What a month on tier `k` costs, reads being as in the last one. */
static double
month_bill(const struct run *r, const struct vt_cost *c, size_t k)
{
	const struct vt_past *p = &r->past;
	double days = r->model.month_days, usd = c->day[k] * days;
	size_t i;

	for (i = p->count; i > 0 && p->e[i - 1].at > p->to - days; i--)
		usd += vt_cost_serve(c, k, p->e[i - 1].gets,
		    p->e[i - 1].bytes);
	return usd;
}

/* Six digits: what a person reads, and the same on every machine. */
static double
rounded(double d)
{
	char text[40];
	double out = d;

	snprintf(text, sizeof(text), "%.6g", d);
	if (vt_num_scan_double(text, strlen(text), &out) < 0)
		return d;
	return out;
}

static const char *
keep(struct run *r, const char *s, size_t len)
{
	const char *p = vt_arena_dup(r->kept, s, len);

	if (p == NULL)
		no_memory();
	return p;
}

/* A proposal for what the record speaks of. */
static struct proposal *
new_proposal(struct run *r, const struct vt_scan_record *rec,
    const char *reason)
{
	struct proposal *p;

	if (r->count == r->cap) {
		r->cap = r->cap != 0 ? r->cap * 2 : 1024;
		p = realloc(r->p, r->cap * sizeof(*p));
		if (p == NULL)
			no_memory();
		r->p = p;
	}
	p = &r->p[r->count++];
	memset(p, 0, sizeof(*p));
	p->m.bucket = keep(r, rec->bucket, strlen(rec->bucket));
	p->m.key = keep(r, rec->key, rec->key_len);
	p->m.key_len = rec->key_len;
	p->m.version = keep(r, rec->version, strlen(rec->version));
	p->m.action = p->m.rule = "";
	p->m.reason = keep(r, reason, strlen(reason));
	p->m.seq = rec->seq;
	p->m.generation = rec->generation;
	p->m.bucket_generation = rec->bucket_generation;
	p->m.size_bytes = rec->size_bytes;
	return p;
}

static int64_t
rules_now(const struct run *r)
{
	return r->now_us != INT64_MAX ? r->now_us : r->rules_at_us;
}

static void
propose(struct run *r, const struct vt_scan_record *rec,
    const struct vt_decision *d, double now_month, double after_month)
{
	struct proposal *p = new_proposal(r, rec, d->reason);

	if (d->rule != NULL) {
		p->m.rule = keep(r, d->rule->id, strlen(d->rule->id));
		p->asked_us = rules_now(r);
	}
	p->m.copy = rec->copy;
	p->m.from = r->model.tier[d->from].name;
	p->m.to = r->model.tier[d->to].name;
	p->m.saving_usd_month = rounded(d->choice.saving_day *
	    r->model.month_days);
	p->m.cost_usd = rounded(d->choice.cost);
	p->m.payback_days = rounded(d->choice.payback_days);
	p->now_month = now_month;
	p->after_month = after_month;
}

/* --- lifecycle rules ------------------------------------------------------ */

static void
rules_forget(struct run *r)
{
	vt_arena_free(r->rules_arena);
	r->rules_arena = NULL;
	r->lc = NULL;
}

/* A bucket's rules come before its versions. */
static enum vt_code
take_bucket(struct run *r, const struct vt_scan_record *rec,
    struct vt_err *err)
{
	enum vt_code rc;

	rules_forget(r);
	r->rules_arena = vt_arena_new(RULES_BYTES_MAX);
	if (r->rules_arena == NULL)
		no_memory();
	rc = vt_lifecycle_parse(r->rules_arena, rec->lifecycle,
	    rec->lifecycle_len, &r->lc, NULL, err);
	if (rc != VT_OK)
		return rc;
	if (rec->day_ms != 0)
		r->lc->day_us = rec->day_ms * 1000;
	if (rec->has_min_bytes)
		r->lc->min_bytes = rec->min_bytes;
	snprintf(r->rules_bucket, sizeof(r->rules_bucket), "%s", rec->bucket);
	r->rules_generation = rec->bucket_generation;
	r->rules_at_us = rec->at_us;
	r->rules_marks = *rec->versioning != '\0';
	return VT_OK;
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
	struct proposal *p;

	vt_rules_removal_text(removal, text);
	p = new_proposal(r, rec, text);
	p->removal = removal->action;
	p->asked_us = rules_now(r);
	p->m.action = vt_lc_action_name(removal->action);
	p->m.rule = keep(r, removal->rule->id, strlen(removal->rule->id));
	if (rec->kind == VT_SCAN_UPLOAD)
		p->m.upload = keep(r, rec->upload, strlen(rec->upload));
	p->m.from = keep(r, rec->tier, strlen(rec->tier));
	p->now_month = now_month;
	p->after_month = marks ? now_month : 0;
	p->m.saving_usd_month = rounded(p->now_month - p->after_month);
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
static void
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
		vt_cost_of(&r->model, rec->size_bytes, &cost);
		now = cost.day[k] * r->model.month_days;
	}
	r->bill_now += now;
	r->bill_after += now;
	propose_removal(r, rec, &removal, now);
}

/* What rules ask of the place of a version: into `bounds`, and into a copy of
 * its bill.  0: nothing. */
static int
bind_to_rules(const struct run *r, const struct vt_scan_record *rec,
    struct vt_cost *cost, struct vt_bounds *bounds)
{
	const struct vt_lifecycle *lc = rules_for(r, rec);
	struct vt_lc_subject s;

	if (lc == NULL)
		return 0;
	vt_rules_record(rec, &s);
	vt_rules_bounds(lc, &s, r->classes, r->model.count, rules_now(r),
	    bounds);
	/* --tiers is for this run; a rule must wait for another */
	if (bounds->must >= 0 && r->tiers != NULL &&
	    r->model.tier[bounds->must].excluded)
		bounds->must = -1;
	vt_plan_bar(bounds, cost);
	return 1;
}

/* --- planning ------------------------------------------------------------- */

static void
explain(struct run *r, const struct vt_scan_record *rec,
    const struct vt_cost *cost, const struct vt_decision *d)
{
	static const char *const verdicts[VT_PLAN_VERDICTS] = {
		"move", "stay", "wait", "too little is known", "stay", "stay",
		"stay", "stay", "unknown tier"
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
	cli_printf("\n  %-16s %13s %13s %13s %14s\n", "tier", "keep $/month",
	    "reads $/month", "go there $", "always there $");
	for (i = 0; i < cost->count; i++) {
		double stay = cost->day[i] * r->model.month_days;

		cli_printf("%c %-16s %13.6g %13.6g ",
		    (int)i == d->from ? '*' : ' ', r->model.tier[i].name,
		    stay, month_bill(r, cost, i) - stay);
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
	if (rules_for(r, rec) != NULL)
		cli_printf("\n");
	explain_rules(r, rec);
	cli_printf("\n  %s%s%s: %s\n", verdicts[d->verdict],
	    d->verdict == VT_PLAN_MOVE ? " to " : "",
	    d->verdict == VT_PLAN_MOVE ? r->model.tier[d->to].name : "",
	    d->reason);
}

static void
plan_record(struct run *r, const struct vt_scan_record *rec,
    const struct vt_cost *cost)
{
	const struct vt_lifecycle *lc = rules_for(r, rec);
	struct vt_lc_removal removal;
	struct vt_bounds bounds;
	struct vt_cost bound;
	struct vt_decision d;
	double now = 0, after;

	if (lc != NULL) {
		bound = *cost;
		cost = &bound;
		bind_to_rules(r, rec, &bound, &bounds);
	}
	vt_plan_decide(&r->model, &r->policy, cost, rec, &r->past,
	    lc != NULL ? &bounds : NULL, &d);
	if (r->explain != NULL) {
		if (is_explained(r, rec)) {
			if (r->found++ > 0)
				cli_printf("\n");
			explain(r, rec, cost, &d);
		}
		return;
	}
	if (d.from >= 0)
		now = month_bill(r, cost, (size_t)d.from);
	r->bill_now += now;
	r->bill_after += now;
	if (lc != NULL)
		switch (find_removal(r, lc, rec, &removal)) {
		case REMOVAL_DUE:
			propose_removal(r, rec, &removal, now);
			return;
		case REMOVAL_LOCKED:
			r->locked++;
			break;
		default:
			break;
		}
	r->verdicts[d.verdict]++;
	if (d.verdict != VT_PLAN_MOVE)
		return;
	after = month_bill(r, cost, (size_t)d.to);
	propose(r, rec, &d, now, after);
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

static void
take_record(struct run *r, struct vt_scan_record *rec)
{
	struct vt_cost cost;
	struct vt_err err;

	if (vt_past_fill(&r->past, rec, r->now_us, &err) != VT_OK)
		die(&err);
	/* Objects of foreign logs are where everything begins. */
	if (rec->seq == 0 && vt_cost_model_tier(&r->model, rec->tier) < 0)
		rec->tier = r->model.tier[0].name;
	vt_cost_of(&r->model, rec->size_bytes, &cost);
	r->versions++;
	r->bytes += rec->size_bytes;
	if (rec->covered_days > 0) {
		if (r->covered_from == 0 ||
		    rec->covered_from_us < r->covered_from)
			r->covered_from = rec->covered_from_us;
		if (rec->covered_to_us > r->covered_to)
			r->covered_to = rec->covered_to_us;
		if (rec->covered_days > r->covered_days)
			r->covered_days = rec->covered_days;
	}
	if (!r->simulate)
		plan_record(r, rec, &cost);
	else
		count_due(r, rec);
	if (r->explain == NULL)
		simulate_record(r, rec, &cost);
}

/* --- input ---------------------------------------------------------------- */

static void
note_bad(struct run *r, const char *path, uint64_t number, const char *line,
    size_t len, const struct vt_err *err)
{
	char shown[61];
	size_t i, n = len < sizeof(shown) - 1 ? len : sizeof(shown) - 1;

	if (r->bad_lines++ > 0)
		return;
	for (i = 0; i < n; i++)
		shown[i] = line[i] >= ' ' && line[i] < 127 ? line[i] : '?';
	shown[n] = '\0';
	cli_warn("%s:%llu: %s%s%s%s", path, (unsigned long long)number,
	    err->text, n > 0 ? ": " : "", shown, n < len ? "..." : "");
}

static void
take_line(struct run *r, const char *path, uint64_t number, const char *line,
    size_t len)
{
	struct vt_arena *a = vt_arena_new(ARENA_MAX);
	struct vt_scan_record rec;
	struct vt_err err;
	enum vt_code rc;

	if (a == NULL)
		no_memory();
	rc = vt_scan_record_parse(line, len, a, &rec, &err);
	if (rc == VT_OK && rec.kind == VT_SCAN_BUCKET)
		rc = take_bucket(r, &rec, &err);
	else if (rc == VT_OK && rec.kind != VT_SCAN_VERSION && !r->simulate)
		take_other(r, &rec);
	else if (rc == VT_OK && rec.kind == VT_SCAN_VERSION)
		take_record(r, &rec);
	if (rc != VT_OK)
		note_bad(r, path, number, line, len, &err);
	vt_arena_free(a);
}

/* With --split half the range must be known before anything is replayed. */
static void
hold_line(struct run *r, const char *path, uint64_t number, const char *line,
    size_t len)
{
	struct vt_arena *a = vt_arena_new(ARENA_MAX);
	struct vt_scan_record rec;
	struct vt_err err;

	if (a == NULL)
		no_memory();
	if (vt_scan_record_parse(line, len, a, &rec, &err) != VT_OK) {
		note_bad(r, path, number, line, len, &err);
	} else {
		if (rec.covered_from_us != 0 && (r->covered_from == 0 ||
		    rec.covered_from_us < r->covered_from))
			r->covered_from = rec.covered_from_us;
		if (rec.covered_to_us > r->covered_to)
			r->covered_to = rec.covered_to_us;
		if (vt_buf_add(&r->held, line, len) < 0 ||
		    vt_buf_char(&r->held, '\n') < 0)
			no_memory();
	}
	vt_arena_free(a);
}

static void
read_lines(struct run *r, struct vt_lines *l, const char *path)
{
	uint64_t number = 0;
	const char *line;
	struct vt_err err;
	enum vt_code rc;
	size_t len;

	while (!cli_stopping()) {
		rc = vt_lines_next(l, &line, &len, &number, &err);
		if (rc == VT_ABSENT)
			break;
		if (rc == VT_TOO_LARGE) {
			note_bad(r, path, number, "", 0, &err);
			continue;
		}
		if (rc != VT_OK) {
			cli_warn("%s: %s", path, err.text);
			r->failed = cli_status_of(rc);
			break;
		}
		if (len == 0)
			continue;
		r->lines++;
		vt_hash_update(&r->id, line, len);
		vt_hash_update(&r->id, "\n", 1);
		if ((number & 0x3ff) == 0)
			cli_progress_add(0, 0x400);
		if (r->split_half)
			hold_line(r, path, number, line, len);
		else
			take_line(r, path, number, line, len);
	}
}

static void
read_input(struct run *r)
{
	static char dash[] = "-";
	static char *standard[] = { dash };
	char **paths = r->path_count > 0 ? r->paths : standard;
	int n = r->path_count > 0 ? r->path_count : 1, i, fd, is_stdin;
	struct vt_lines *l;
	const char *p, *end, *line;

	cli_progress_start(r->quiet, "planning");
	for (i = 0; i < n && !cli_stopping(); i++) {
		is_stdin = strcmp(paths[i], "-") == 0;
		fd = is_stdin ? STDIN_FILENO :
		    open(paths[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			cli_warn("cannot open '%s': %s", paths[i],
			    strerror(errno));
			r->failed = CLI_FAILED;
			continue;
		}
		l = vt_lines_open(fd, VT_RECORD_LINE_MAX);
		if (l == NULL)
			no_memory();
		read_lines(r, l, is_stdin ? "standard input" : paths[i]);
		vt_lines_close(l);
		if (!is_stdin)
			close(fd);
	}
	if (r->split_half) {
		r->split_us = r->covered_from +
		    (r->covered_to - r->covered_from) / 2;
		end = r->held.data + r->held.len;
		for (line = r->held.data; line < end; line = p + 1) {
			p = memchr(line, '\n', (size_t)(end - line));
			take_line(r, "input", 0, line, (size_t)(p - line));
		}
	}
	cli_progress_stop();
}

/* --- output --------------------------------------------------------------- */

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
		vt_buf_printf(&b, " %s %s %d", r->model.tier[i].name,
		    r->model.tier[i].price.name, r->model.tier[i].excluded);
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

static void
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
			die(&err);
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

static void
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
	summarize_held(r);
	if (r->covered_days > 0 && r->sim[SIM_BEST] > 0)
		cli_warn("over that time this planner would have paid %.3f "
		    "times the least possible, all hot %.3f times",
		    ratio(r->sim[SIM_PROMOTE], r->sim[SIM_BEST]),
		    ratio(r->sim[SIM_HOT], r->sim[SIM_BEST]));
}

/* --- main ----------------------------------------------------------------- */

static double
days_option(const char *name, const char *text)
{
	return (double)cli_opt_duration(name, text,
	    INT64_C(100) * 366 * 86400000) / 86400e3;
}

static int
parse_more(struct run *r, int c)
{
	switch (c) {
	case OPT_ALLOW_RESTORE:
		r->allow_restore = 1;
		break;
	case OPT_CONFIG:
		r->config_path = optarg;
		break;
	case OPT_DATA:
		r->data = optarg;
		break;
	case OPT_EXPLAIN:
		if (strchr(optarg, '/') == NULL)
			return cli_usage_error("--explain: '%s' is not of the "
			    "form BUCKET/KEY", optarg);
		r->explain = optarg;
		break;
	case OPT_JSON:
		r->json = 1;
		break;
	case OPT_MAX_BYTES:
		r->max_bytes = cli_opt_size("--max-bytes", optarg, 0,
		    UINT64_MAX);
		break;
	case OPT_MAX_OBJECTS:
		r->max_objects = cli_opt_u64("--max-objects", optarg, 0,
		    UINT64_MAX);
		break;
	case OPT_MAX_USD:
		r->max_usd = cli_opt_double("--max-usd", optarg, 0, 1e15);
		break;
	case OPT_MIN_HISTORY:
		r->policy.min_history_days =
		    days_option("--min-history", optarg);
		break;
	case OPT_MINIMUMS:
		r->minimums = cli_opt_double("--minimums", optarg, 0, 1);
		break;
	case OPT_MOVES:
		if (strcmp(optarg, "copy") == 0)
			r->how = VT_MOVE_COPY;
		else if (strcmp(optarg, "transition") == 0)
			r->how = VT_MOVE_TRANSITION;
		else
			return cli_usage_error("--moves: '%s' is neither "
			    "'copy' nor 'transition'", optarg);
		break;
	case OPT_NOW:
		r->now_us = cli_opt_time("--now", optarg);
		r->policy.now_us = r->now_us;
		break;
	case OPT_PAYBACK_MAX:
		r->policy.payback_max_days =
		    days_option("--payback-max", optarg);
		break;
	case OPT_PLAIN:
		r->plain = 1;
		break;
	case OPT_PRICES:
		r->price_path = optarg;
		break;
	case OPT_SIMULATE:
		r->simulate = 1;
		break;
	case OPT_SPLIT:
		r->split_half = strcmp(optarg, "half") == 0;
		if (!r->split_half)
			r->split_us = cli_opt_time("--split", optarg);
		break;
	case OPT_TIERS:
		r->tiers = optarg;
		break;
	case OPT_VALID:
		r->valid_ms = cli_opt_duration("--valid", optarg,
		    INT64_C(3650) * 86400000);
		break;
	default:
		return cli_usage();
	}
	return CLI_OK;
}

static int
parse(struct run *r, int argc, char **argv)
{
	int c, status;

	while ((c = getopt_long(argc, argv, "+hqV", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			exit(cli_help());
		case 'q':
			r->quiet = 1;
			break;
		case 'V':
			exit(cli_version());
		default:
			status = parse_more(r, c);
			if (status != CLI_OK)
				return status;
			break;
		}
	}
	if (!r->simulate && (r->split_half || r->split_us != 0 ||
	    r->plain || r->json))
		return cli_usage_error("--split, --plain and --json belong to "
		    "--simulate");
	if (r->simulate && r->explain != NULL)
		return cli_usage_error("--simulate and --explain exclude "
		    "each other");
	r->policy.minimums = r->minimums;
	r->paths = argv + optind;
	r->path_count = argc - optind;
	return CLI_OK;
}

static void
init(struct run *r)
{
	memset(r, 0, sizeof(*r));
	r->now_us = INT64_MAX;
	r->max_bytes = r->max_objects = UINT64_MAX;
	r->max_usd = INFINITY;
	r->minimums = 1;
	r->valid_ms = INT64_C(7) * 86400000;
	r->policy.min_history_days = 30;
}

static void
prepare(struct run *r)
{
	vt_past_init(&r->past);
	vt_buf_init(&r->held, SIZE_MAX / 2);
	r->optimum = vt_optimum_new();
	r->kept = vt_arena_new(SIZE_MAX / 2);
	if (r->optimum == NULL || r->kept == NULL ||
	    vt_hash_init(&r->id, VT_SHA256) < 0)
		no_memory();
}

static int
finish(struct run *r)
{
	int status = r->failed != 0 ? r->failed :
	    r->bad_lines > 0 ? CLI_SOME : CLI_OK;

	if (r->bad_lines > 1)
		cli_warn("%llu malformed lines of %llu were left out",
		    (unsigned long long)r->bad_lines,
		    (unsigned long long)r->lines);
	if (r->explain != NULL && r->found == 0) {
		cli_warn("'%s' is not in the input", r->explain);
		if (status == CLI_OK)
			status = CLI_SOME;
	}
	rules_forget(r);
	vt_past_release(&r->past);
	vt_buf_release(&r->held);
	vt_optimum_free(r->optimum);
	vt_arena_free(r->kept);
	vt_prices_free(r->prices);
	vt_hash_release(&r->id);
	free(r->p);
	return cli_finish(status);
}

int
main(int argc, char **argv)
{
	struct vt_config *config;
	struct run r;
	int status;

	cli_init(argv, usage);
	init(&r);
	status = parse(&r, argc, argv);
	if (status != CLI_OK)
		return status;
	prepare(&r);
	cli_catch_signals(-1);
	config = load_config(&r);
	load_prices(&r, config);
	make_model(&r, config);
	vt_config_free(config);
	exclude(&r);
	choose_rivals(&r);
	read_input(&r);
	if (r.simulate && !cli_stopping()) {
		print_simulation(&r);
	} else if (r.explain == NULL && !cli_stopping()) {
		print_plan(&r);
		summarize(&r);
	}
	return finish(&r);
}
