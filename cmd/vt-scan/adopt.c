/*
 * vt-scan --adopt: what another store holds becomes versions of a bucket of
 * ours, in place.  A JSON line for each object that is not as it was; where it
 * stopped, and when the last whole run began, is kept in the data folder.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/clock.h"
#include "libvt/base/fs.h"
#include "libvt/base/hex.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/num.h"
#include "libvt/work/adopt.h"

#include "scan.h"
#include "task.h"

#define STATE_MAX 8192
#define SAVE_EVERY 10000	/* objects */

enum {
	OPT_ADOPT = 256, OPT_BUCKET, OPT_CONFIG, OPT_DATA, OPT_DRY_RUN,
	OPT_JOBS, OPT_PREFIX, OPT_PRUNE, OPT_TAKE
};

static const struct option options[] = {
	{ "adopt", required_argument, NULL, OPT_ADOPT },
	{ "bucket", required_argument, NULL, OPT_BUCKET },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "data", required_argument, NULL, OPT_DATA },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "help", no_argument, NULL, 'h' },
	{ "jobs", required_argument, NULL, OPT_JOBS },
	{ "prefix", required_argument, NULL, OPT_PREFIX },
	{ "prune", no_argument, NULL, OPT_PRUNE },
	{ "quiet", no_argument, NULL, 'q' },
	{ "take-ownership", no_argument, NULL, OPT_TAKE },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

struct adoption {
	struct vt_adopt_options o;
	const char *data, *config_path;
	int quiet;
	/* state: see state_load */
	char *path;
	int64_t began_us;	/* this run, or the one that it goes on with */
	int64_t last_us;
	char after[VT_KEY_MAX + 1];
	uint64_t told;
	int has_failed;		/* the place stays before what did */
};

int
is_adoption(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--adopt") == 0 ||
		    strncmp(argv[i], "--adopt=", 8) == 0)
			return 1;
	return 0;
}

/* --- where it stopped ----------------------------------------------------- */

/*
 * One line: "1 BEGAN LAST AFTER": when the run in hand began, when the last
 * whole one did, the name it came to in hex ("-": to the end).
 */
static void
state_load(struct adoption *a)
{
	char *text = NULL, after[2 * VT_KEY_MAX + 1] = "";
	int64_t began, last;
	struct vt_err err;
	size_t len, n;
	enum vt_code rc;

	rc = vt_fs_read(a->path, STATE_MAX, &text, &len, &err);
	if (rc == VT_ABSENT)
		return;
	if (rc != VT_OK)
		die(&err);
	if (sscanf(text, "1 %" SCNd64 " %" SCNd64 " %2048[0-9a-f-]", &began,
	    &last, after) != 3)
		cli_die(CLI_FAILED, "'%s' is not what an adoption leaves",
		    a->path);
	free(text);
	n = strlen(after) / 2;
	if (strcmp(after, "-") == 0) {
		a->last_us = began;
	} else if (strlen(after) % 2 == 0 &&
	    vt_hex_decode(after, a->after, n) == 0) {
		a->after[n] = '\0';
		a->began_us = began;
		a->last_us = last;
	} else {
		cli_die(CLI_FAILED, "'%s' is not what an adoption leaves",
		    a->path);
	}
}

/* `after` NULL: it came to the end. */
static void
state_save(struct adoption *a, const char *after)
{
	char text[2 * VT_KEY_MAX + 64], hex[2 * VT_KEY_MAX + 1] = "-";
	struct vt_err err;
	int n;

	if (a->o.dry_run)
		return;
	if (after != NULL)
		vt_hex_encode((const uint8_t *)after, strlen(after), hex);
	n = snprintf(text, sizeof(text), "1 %" PRId64 " %" PRId64 " %s\n",
	    a->began_us, a->last_us, hex);
	if (vt_fs_replace(a->path, 0600, text, (size_t)n, &err) != VT_OK)
		die(&err);
}

/* --- what is told --------------------------------------------------------- */

static int
told(void *ctx, const struct vt_adopted *x)
{
	struct adoption *a = ctx;
	struct vt_buf b;

	cli_progress_add((int64_t)x->size_bytes, 1);
	if (x->status != VT_ADOPT_KNOWN && x->status != VT_ADOPT_DELETED) {
		vt_buf_init(&b, 64 << 10);
		vt_json_begin(&b);
		vt_json_u64(&b, "v", 1);
		vt_json_str(&b, "bucket", a->o.bucket);
		vt_json_bytes(&b, "key", x->key, x->key_len);
		vt_json_u64(&b, "size", x->size_bytes);
		vt_json_str(&b, "tier", a->o.tier);
		if (*x->object_class != '\0')
			vt_json_str(&b, "class", x->object_class);
		vt_json_str(&b, "status", vt_adopt_status_name(x->status));
		if (a->o.dry_run)
			vt_json_bool(&b, "dry_run", 1);
		if (x->err != NULL)
			vt_json_str(&b, "reason", x->err->text);
		vt_json_end(&b);
		(void)cli_out_buf(&b);	/* sticks; told by cli_finish */
		vt_buf_release(&b);
	}
	if (x->status == VT_ADOPT_FAILED) {
		cli_warn("%s/%s: %s", a->o.bucket, x->key, x->err->text);
		a->has_failed = 1;
	}
	if (x->status != VT_ADOPT_GONE && ++a->told % SAVE_EVERY == 0 &&
	    !a->has_failed && *a->o.prefix == '\0')
		state_save(a, x->key);
	return cli_stopping();
}

static void
summary(const struct adoption *a, const struct vt_adopt_result *r)
{
	char size[16];
	int s;

	cli_warn("%s %" PRIu64 " objects (%s) of '%s' as bucket '%s'",
	    a->o.dry_run ? "would adopt" : "adopted",
	    r->count[VT_ADOPT_NEW] + r->count[VT_ADOPT_CHANGED],
	    vt_num_human_bytes(r->bytes, size), a->o.tier, a->o.bucket);
	for (s = VT_ADOPT_KNOWN; s < VT_ADOPT_STATUSES; s++)
		if (r->count[s] > 0)
			cli_warn("%" PRIu64 " %s", r->count[s],
			    s == VT_ADOPT_KNOWN ? "are as they were adopted" :
			    s == VT_ADOPT_KEPT ? "were written here since: "
			    "left alone" :
			    s == VT_ADOPT_DELETED ? "were deleted here since: "
			    "left alone" :
			    s == VT_ADOPT_GONE ? (a->o.prune ?
			    "are gone there, and here" :
			    "are gone there: their versions cannot be read "
			    "(--prune removes them)") :
			    s == VT_ADOPT_TAKEN ? "are ours now" :
			    s == VT_ADOPT_UNFIT ? "have names that cannot be "
			    "adopted" : "failed");
}

/* --- main ----------------------------------------------------------------- */

static int
parse(struct adoption *a, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "+hqV", options, NULL)) != -1)
		switch (c) {
		case OPT_ADOPT:
			a->o.tier = optarg;
			break;
		case OPT_BUCKET:
			a->o.bucket = optarg;
			break;
		case OPT_CONFIG:
			a->config_path = optarg;
			break;
		case OPT_DATA:
			a->data = optarg;
			break;
		case OPT_DRY_RUN:
			a->o.dry_run = 1;
			break;
		case OPT_JOBS:
			a->o.jobs = (unsigned)cli_opt_u64("--jobs", optarg, 1,
			    256);
			break;
		case OPT_PREFIX:
			a->o.prefix = optarg;
			break;
		case OPT_PRUNE:
			a->o.prune = 1;
			break;
		case OPT_TAKE:
			a->o.take = 1;
			break;
		case 'q':
			a->quiet = 1;
			break;
		case 'h':
			exit(cli_help());
		case 'V':
			exit(cli_version());
		default:
			return cli_usage();
		}
	if (a->o.bucket == NULL)
		return cli_usage_error("--adopt needs --bucket: whose objects "
		    "they become");
	if (optind < argc)
		return cli_usage_error("'%s': --adopt takes no file",
		    argv[optind]);
	return CLI_OK;
}

static int
run_it(struct adoption *a)
{
	struct vt_adopt_result r;
	struct vt_err err;
	enum vt_code rc;
	uint64_t bad;

	cli_progress_start(a->quiet, a->o.dry_run ? "listed" : "adopted");
	rc = vt_adopt_run(&a->o, &r, &err);
	cli_progress_stop();
	/* what failed has no version, and was not deleted here: then this run
	 * does not count */
	if (rc == VT_OK && *a->o.prefix == '\0') {
		if (a->has_failed)
			a->began_us = a->last_us;
		state_save(a, NULL);
	}
	if (!a->quiet && (rc == VT_OK || rc == VT_CANCELLED))
		summary(a, &r);
	if (rc != VT_OK && rc != VT_CANCELLED) {
		cli_warn_err(&err, "adopting '%s'", a->o.tier);
		return rc == VT_ABSENT ? CLI_FAILED : cli_status_of(rc);
	}
	bad = r.count[VT_ADOPT_FAILED] + r.count[VT_ADOPT_UNFIT] +
	    (a->o.prune ? 0 : r.count[VT_ADOPT_GONE]);
	return bad > 0 ? CLI_SOME : CLI_OK;
}

int
adopt_main(int argc, char **argv)
{
	struct adoption a = { .o = { .prefix = "", .told = told } };
	struct task t;
	int status;

	status = parse(&a, argc, argv);
	if (status != CLI_OK)
		return status;
	cli_catch_signals(-1);
	memset(&t, 0, sizeof(t));
	t.data = a.data;
	t.config_path = a.config_path;
	task_open(&t);
	task_config(&t);
	task_catalog(&t, 0);
	task_tiers(&t);
	if (asprintf(&a.path, "%s/adopted-%s-%s", t.config->data_dir,
	    a.o.bucket, a.o.tier) < 0)
		out_of_memory();
	state_load(&a);
	/* of a part no place is kept */
	if (*a.o.prefix == '\0' && *a.after != '\0')
		a.o.after = a.after;
	if (a.o.after == NULL)
		a.began_us = vt_clock_now_us(&t.clock);
	a.o.last_us = a.last_us;
	a.o.catalog = t.catalog;
	a.o.config = t.config;
	a.o.tiers = t.tiers;
	a.o.ctx = &a;
	status = run_it(&a);
	task_close(&t);
	free(a.path);
	return cli_finish(status);
}
