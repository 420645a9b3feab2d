/*
 * vt-plan: versions with their heat in (vt-scan), moves that pay for
 * themselves out, and what lifecycle rules ask for, one JSON line each.  It
 * changes nothing; vt-migrate does.
 */
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan.h"

/* Objects that engines are tried on, and days with reads of them.  Of 20,000
 * bills are known to 1 %, and what is decided hardly changes with more; a
 * simulation is for who wants to know, and takes about 300 MiB. */
#define SAMPLE_OBJECTS 20000
#define SAMPLE_SIMULATED 50000
#define SAMPLE_EVENTS 6000000

#define THREADS_MAX 256
#define THREADS_DEFAULT 8

static const char usage[] =
"usage: vt-plan [options] [SCAN...]\n"
"       vt-plan [options] --report FILE [SCAN...] >PLAN\n"
"       vt-plan [options] --explain BUCKET/KEY [SCAN...]\n"
"       vt-plan [options] --simulate [SCAN...]\n"
"       vt-plan [--json] --list-prices\n"
"Read what vt-scan wrote and print one JSON line for each move that pays for\n"
"itself, and for what lifecycle rules ask for.  Nothing is changed: see\n"
"vt-migrate.  '-': standard input (default).\n"
"\n"
"Where things can be:\n"
"      --clients LOCATION tell what carrying reads there costs, as 'internet'\n"
"      --config FILE      configuration with the tiers\n"
"      --data DIR         data folder with vaultaire.json ($VAULTAIRE_DATA)\n"
"      --prices FILE      price file, or the name of one that comes along (of\n"
"                         the configuration; aws-us-east-1)\n"
"      --prices-max-age D how old prices may be when the log ends (400d)\n"
"      --stale-prices     plan with older ones all the same\n"
"      --restore-speed S  of tiers that need restores, as 'bulk' (standard)\n"
"      --volume TIER=SIZE,...  held there: which volume band prices are of\n"
"      --moves HOW        copy: vt-migrate reads and writes; transition: the\n"
"                         provider's lifecycle moves down (copy)\n"
"What may move:\n"
"      --allow-restore    also to tiers whose reads need a restore first\n"
"      --engines A,B...   choose among these alone: hot, auto, work, hazard\n"
"      --max-bytes SIZE   at most so much, best moves first; also\n"
"      --max-objects N\n"
"      --max-usd DOLLARS  of the cost of moving\n"
"      --min-history D    covered days (30d) before anything is moved\n"
"      --payback-max D    leave out what takes longer to pay back\n"
"      --packs            put small objects together where that pays, with\n"
"      --pack-max SIZE    only objects up to this size (1M)\n"
"      --pack-size SIZE   of a full pack (64M)\n"
"      --pack-ratio R     of stored to plain bytes, when compressed (1)\n"
"      --pack-dead SHARE  of dead bytes before one is written anew (0.3)\n"
"      --policy FILE      placement policies, in place of the configuration's\n"
"      --tiers A,B...     only to these tiers\n"
"      --valid D          how long the moves may wait (7d)\n"
"Beside the plan:\n"
"      --report FILE      an HTML page for the person who pays; -: in place\n"
"                         of the plan\n"
"Instead of a plan:\n"
"      --explain BUCKET/KEY   heat, what each tier costs, and why\n"
"      --json             simulate and list: JSON lines\n"
"      --list-prices      the price files that come along\n"
"      --simulate         what the past would have cost: hot, by age, by each\n"
"                         engine, by this plan, at best\n"
"      --split WHEN       simulate: 'half' or a time; score what is after it\n"
"Else:\n"
"      --memory SIZE      for versions and moves; more of them go to files in\n"
"                         $TMPDIR (64M)\n"
"      --model FILE       keep what engines learn here, for a week of plans\n"
"      --now TIME         plan as of then (RFC 3339; the end of the logs)\n"
"      --threads N        that read and decide (one a core, at most 8)\n"
"  -q, --quiet            no summary, no progress\n"
"  -h, --help             this text\n"
"  -V, --version          version\n"
"\n"
"Status 1: malformed lines were left out, --explain found nothing, or FILE of\n"
"--model is somebody's or could not be written.\n";

enum {
	OPT_ALLOW_RESTORE = 256, OPT_CLIENTS, OPT_CONFIG, OPT_DATA,
	OPT_ENGINES, OPT_EXPLAIN, OPT_JSON, OPT_LIST_PRICES, OPT_MAX_BYTES,
	OPT_MAX_OBJECTS, OPT_MAX_USD, OPT_MEMORY, OPT_MIN_HISTORY, OPT_MODEL,
	OPT_MOVES, OPT_NOW, OPT_PACK_DEAD, OPT_PACK_MAX, OPT_PACK_RATIO,
	OPT_PACK_SIZE, OPT_PACKS, OPT_PAYBACK_MAX, OPT_POLICY, OPT_PRICES,
	OPT_PRICES_MAX_AGE, OPT_REPORT, OPT_RESTORE_SPEED, OPT_SIMULATE,
	OPT_SPLIT, OPT_STALE_PRICES, OPT_THREADS, OPT_TIERS, OPT_VALID,
	OPT_VOLUME
};

static const struct option options[] = {
	{ "allow-restore", no_argument, NULL, OPT_ALLOW_RESTORE },
	{ "clients", required_argument, NULL, OPT_CLIENTS },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "data", required_argument, NULL, OPT_DATA },
	{ "engines", required_argument, NULL, OPT_ENGINES },
	{ "explain", required_argument, NULL, OPT_EXPLAIN },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "list-prices", no_argument, NULL, OPT_LIST_PRICES },
	{ "max-bytes", required_argument, NULL, OPT_MAX_BYTES },
	{ "max-objects", required_argument, NULL, OPT_MAX_OBJECTS },
	{ "max-usd", required_argument, NULL, OPT_MAX_USD },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "min-history", required_argument, NULL, OPT_MIN_HISTORY },
	{ "model", required_argument, NULL, OPT_MODEL },
	{ "moves", required_argument, NULL, OPT_MOVES },
	{ "now", required_argument, NULL, OPT_NOW },
	{ "pack-dead", required_argument, NULL, OPT_PACK_DEAD },
	{ "pack-max", required_argument, NULL, OPT_PACK_MAX },
	{ "pack-ratio", required_argument, NULL, OPT_PACK_RATIO },
	{ "pack-size", required_argument, NULL, OPT_PACK_SIZE },
	{ "packs", no_argument, NULL, OPT_PACKS },
	{ "payback-max", required_argument, NULL, OPT_PAYBACK_MAX },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "prices", required_argument, NULL, OPT_PRICES },
	{ "prices-max-age", required_argument, NULL, OPT_PRICES_MAX_AGE },
	{ "quiet", no_argument, NULL, 'q' },
	{ "report", required_argument, NULL, OPT_REPORT },
	{ "restore-speed", required_argument, NULL, OPT_RESTORE_SPEED },
	{ "simulate", no_argument, NULL, OPT_SIMULATE },
	{ "split", required_argument, NULL, OPT_SPLIT },
	{ "stale-prices", no_argument, NULL, OPT_STALE_PRICES },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "tiers", required_argument, NULL, OPT_TIERS },
	{ "valid", required_argument, NULL, OPT_VALID },
	{ "version", no_argument, NULL, 'V' },
	{ "volume", required_argument, NULL, OPT_VOLUME },
	{ NULL, 0, NULL, 0 }
};

void
plan_die(const struct vt_err *err)
{
	int status = cli_status_of(err->code);

	/* what a command cannot do without is no item that failed */
	cli_die(status == CLI_SOME ? CLI_FAILED : status, "%s", err->text);
}

void
plan_no_memory(void)
{
	cli_die(CLI_FAILED, "out of memory");
}

static double
days_option(const char *name, const char *text)
{
	size_t digits = strspn(text, "0123456789");

	/* seconds are nobody's wish here, and 30 of them are no evidence */
	if (digits > 0 && text[digits] == '\0' && strspn(text, "0") != digits)
		exit(cli_usage_error("%s '%s' has no unit: such as %sd", name,
		    text, text));
	return (double)cli_opt_duration(name, text,
	    INT64_C(100) * 366 * 86400000) / 86400e3;
}

static int
parse_prices(struct run *r, int c)
{
	switch (c) {
	case OPT_CLIENTS:
		r->clients = optarg;
		break;
	case OPT_LIST_PRICES:
		r->list_prices = 1;
		break;
	case OPT_PRICES:
		r->price_path = optarg;
		break;
	case OPT_PRICES_MAX_AGE:
		r->prices_max_age = days_option("--prices-max-age", optarg);
		break;
	case OPT_RESTORE_SPEED:
		r->restore_speed = optarg;
		break;
	case OPT_STALE_PRICES:
		r->stale_prices = 1;
		break;
	case OPT_VOLUME:
		r->volumes = optarg;
		break;
	default:
		return cli_usage();
	}
	return CLI_OK;
}

static int
parse_packs(struct run *r, int c)
{
	switch (c) {
	case OPT_PACKS:
		r->packs = 1;
		return 1;
	case OPT_PACK_DEAD:
		r->pack.dead_max = cli_opt_double("--pack-dead", optarg, 0,
		    0.95);
		return 1;
	case OPT_PACK_MAX:
		r->pack.max_bytes = cli_opt_size("--pack-max", optarg, 0,
		    UINT64_C(1) << 30);
		return 1;
	case OPT_PACK_RATIO:
		r->pack.ratio = cli_opt_double("--pack-ratio", optarg, 0.01,
		    1);
		return 1;
	case OPT_PACK_SIZE:
		r->pack.pack_bytes = cli_opt_size("--pack-size", optarg,
		    UINT64_C(1) << 20, UINT64_C(5) << 30);
		return 1;
	default:
		return 0;
	}
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
	case OPT_ENGINES:
		r->engines = optarg;
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
	case OPT_MEMORY:
		r->memory_bytes = cli_opt_size("--memory", optarg, 1 << 20,
		    UINT64_C(1) << 40);
		break;
	case OPT_MIN_HISTORY:
		r->policy.min_history_days =
		    days_option("--min-history", optarg);
		break;
	case OPT_MODEL:
		r->model_path = optarg;
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
	case OPT_POLICY:
		r->policy_path = optarg;
		break;
	case OPT_SIMULATE:
		r->simulate = 1;
		break;
	case OPT_SPLIT:
		r->split_half = strcmp(optarg, "half") == 0;
		if (!r->split_half)
			r->split_us = cli_opt_time("--split", optarg);
		break;
	case OPT_THREADS:
		r->threads = (unsigned)cli_opt_u64("--threads", optarg, 1,
		    THREADS_MAX);
		break;
	case OPT_TIERS:
		r->tiers = optarg;
		break;
	case OPT_VALID:
		r->valid_ms = cli_opt_duration("--valid", optarg,
		    INT64_C(3650) * 86400000);
		break;
	default:
		return parse_prices(r, c);
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
		case OPT_REPORT:
			r->report_path = optarg;
			r->report_last = optind - 1;
			r->report_first = optarg == argv[optind - 1] ?
			    optind - 2 : optind - 1;
			break;
		default:
			status = parse_packs(r, c) ? CLI_OK :
			    parse_more(r, c);
			if (status != CLI_OK)
				return status;
			break;
		}
	}
	if (!r->simulate && (r->split_half || r->split_us != 0))
		return cli_usage_error("--split belongs to --simulate");
	if (!r->simulate && !r->list_prices && r->json)
		return cli_usage_error("--json belongs to --simulate and "
		    "--list-prices");
	if (r->simulate && r->explain != NULL)
		return cli_usage_error("--simulate and --explain exclude "
		    "each other");
	if (r->model_path != NULL && r->simulate)
		return cli_usage_error("--model is for plans: --simulate "
		    "tries the engines anew");
	if (r->report_path != NULL && (r->simulate || r->explain != NULL))
		return cli_usage_error("--report is of a plan: neither "
		    "--simulate nor --explain makes one");
	r->report_only = r->report_path != NULL &&
	    strcmp(r->report_path, "-") == 0;
	r->policy.moves_only = r->explain == NULL;
	r->paths = argv + optind;
	r->path_count = argc - optind;
	return CLI_OK;
}

static void
init(struct run *r)
{
	memset(r, 0, sizeof(*r));
	r->now_us = r->learned_until_us = INT64_MAX;
	r->max_bytes = r->max_objects = UINT64_MAX;
	r->max_usd = INFINITY;
	r->memory_bytes = UINT64_C(64) << 20;
	r->valid_ms = INT64_C(7) * 86400000;
	r->prices_max_age = VT_PRICE_MAX_AGE;
	r->policy.min_history_days = 30;
	vt_pack_defaults(&r->pack);
}

static void
prepare(struct run *r)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (r->threads == 0)
		r->threads = cores < 1 ? 1 :
		    cores > THREADS_DEFAULT ? THREADS_DEFAULT :
		    (unsigned)cores;
	vt_buf_init(&r->packed, SIZE_MAX / 2);
	r->temp_folder = cli_temp_folder();
	r->sample = vt_sample_new(r->simulate ? SAMPLE_SIMULATED :
	    SAMPLE_OBJECTS, SAMPLE_EVENTS);
	r->proposals = vt_sorter_new(r->temp_folder,
	    (size_t)(r->memory_bytes / 8 * 7));
	if (r->sample == NULL || r->proposals == NULL)
		plan_no_memory();
}

static int
finish(struct run *r)
{
	int status;

	model_end(r);
	status = r->failed != 0 ? r->failed :
	    r->bad_lines > 0 ? CLI_SOME : CLI_OK;

	if (r->bad_lines > 1)
		cli_warn("%llu malformed lines of %llu were left out",
		    (unsigned long long)r->bad_lines,
		    (unsigned long long)r->lines);
	if (r->bad_lines > 0 && r->bad_lines == r->lines)
		cli_warn("nothing was a record of vt-scan, which logs and "
		    "lists go through first: vt-scan --help");
	if (r->explain != NULL && r->found == 0) {
		cli_warn("'%s' is not in the input", r->explain);
		if (status == CLI_OK)
			status = CLI_SOME;
	}
	if (status == CLI_OK && r->model_failed)
		status = CLI_SOME;
	rules_forget(r);
	report_end(r);
	vt_contest_free(r->contest);
	vt_sample_free(r->sample);
	vt_spool_free(r->spool);
	vt_sorter_free(r->proposals);
	vt_buf_release(&r->packed);
	vt_places_free(r->own_places);
	vt_config_free(r->config);
	vt_prices_free(r->prices);
	free(r->temp_folder);
	return cli_finish(status);
}

int
main(int argc, char **argv)
{
	struct run r;
	int status;

	cli_init(argv, usage);
	init(&r);
	status = parse(&r, argc, argv);
	if (status != CLI_OK)
		return status;
	if (r.list_prices)
		return cli_finish(list_prices(&r));
	prepare(&r);
	report_note_command(&r, argc, argv);
	cli_catch_signals(-1);
	r.config = load_config(&r);
	load_prices(&r, r.config);
	make_model(&r, r.config);
	load_policies(&r);
	set_volumes(&r);
	exclude(&r);
	choose_rivals(&r);
	packs_begin(&r);
	report_start(&r);
	model_open(&r);
	read_input(&r);
	packs_end(&r);
	repacks_end(&r);
	if (r.simulate && !cli_stopping()) {
		print_simulation(&r);
	} else if (r.explain == NULL && !cli_stopping()) {
		print_plan(&r);
		report_write(&r);
		summarize(&r);
	}
	return finish(&r);
}
