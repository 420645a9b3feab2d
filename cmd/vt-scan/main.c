/*
 * vt-scan: what is stored and how warm it is, one JSON line per version.  From
 * the catalog and its access logs, or from another system's logs alone; scan.h
 * lists the files of the folder.
 */
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/clock.h"

#include "scan.h"

#define HISTORY_DAYS 64
#define MEMORY_BYTES ((size_t)512 << 20)
#define MEMORY_MIN ((size_t)4 << 20)
#define COMMIT_LINES 64000000

static const char usage[] =
"usage: vt-scan [options] [--merge FILE...]\n"
"       vt-scan [options] --from FORMAT [LOG...]\n"
"Print one JSON line per stored version: where it is and how it was read.\n"
"\n"
"With a server's data folder, of all versions in its catalog:\n"
"      --config FILE      configuration (vaultaire.json in the data folder)\n"
"      --data DIR         data folder ($VAULTAIRE_DATA, ./vaultaire-data)\n"
"      --log FILE         read this access log, not the configured ones, and\n"
"                         keep no place in it; may be repeated\n"
"Without a server, of the objects that logs speak of ('-': standard input):\n"
"      --from FORMAT      vaultaire, s3-access-log, combined or csv\n"
"      --bucket NAME      bucket to put objects of web and csv logs in (log)\n"
"      --state DIR        keep there what was read, and read what is new\n"
"Both:\n"
"      --commit-lines N   keep the place after so many lines at least\n"
"                         (64000000) and in the end\n"
"      --history N        days with reads told exactly for each version, the\n"
"                         older ones folded; or 'all' (64)\n"
"      --memory SIZE      memory for heat; the rest is on disk (512M)\n"
"      --merge FILE       take in a partial result too; may be repeated\n"
"      --now TIME         as if it were then (RFC 3339)\n"
"      --partial FILE     write a partial result, not records ('-': to\n"
"                         standard output)\n"
"  -q, --quiet            no progress\n"
"      --rescan           forget what was read before\n"
"      --threads N        threads that read logs (one a core, at most 8)\n"
"  -h, --help             this text\n"
"  -V, --version          version\n"
"\n"
"Logs may be compressed (gzip, zstd, xz, bzip2, lz4).\n"
"Status 1: some lines were malformed and left out.\n";

enum {
	OPT_BUCKET = 256, OPT_COMMIT_LINES, OPT_CONFIG, OPT_DATA, OPT_FROM,
	OPT_HISTORY, OPT_LOG, OPT_MEMORY, OPT_MERGE, OPT_NOW, OPT_PARTIAL,
	OPT_RESCAN, OPT_STATE, OPT_THREADS
};

static const struct option options[] = {
	{ "bucket", required_argument, NULL, OPT_BUCKET },
	{ "commit-lines", required_argument, NULL, OPT_COMMIT_LINES },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "data", required_argument, NULL, OPT_DATA },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "help", no_argument, NULL, 'h' },
	{ "history", required_argument, NULL, OPT_HISTORY },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "merge", required_argument, NULL, OPT_MERGE },
	{ "now", required_argument, NULL, OPT_NOW },
	{ "partial", required_argument, NULL, OPT_PARTIAL },
	{ "quiet", no_argument, NULL, 'q' },
	{ "rescan", no_argument, NULL, OPT_RESCAN },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

void
die(const struct vt_err *err)
{
	int status = cli_status_of(err->code);

	/* what a command cannot do without is no item that failed */
	cli_die(status == CLI_SOME ? CLI_FAILED : status, "%s", err->text);
}

void
out_of_memory(void)
{
	cli_die(CLI_FAILED, "out of memory");
}

void
add_path(char ***list, size_t *count, char *path)
{
	*list = realloc(*list, (*count + 1) * sizeof(**list));
	if (*list == NULL)
		out_of_memory();
	(*list)[(*count)++] = path;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The log and what it was rotated to: access.jsonl, access.jsonl.1,
 * access.jsonl-20261122.zst... */
static void
find_logs(struct run *r, const char *access_log)
{
	const char *slash = strrchr(access_log, '/');
	char *folder = cli_strdup(access_log), *path;
	const char *base = slash != NULL ? slash + 1 : access_log;
	size_t len = strlen(base);
	struct dirent *e;
	DIR *d;

	folder[base - access_log] = '\0';
	d = opendir(*folder != '\0' ? folder : ".");
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, base, len) != 0 ||
		    (e->d_name[len] != '\0' && e->d_name[len] != '.' &&
		    e->d_name[len] != '-'))
			continue;
		if (asprintf(&path, "%s%s", folder, e->d_name) < 0)
			out_of_memory();
		add_path(&r->logs, &r->log_count, path);
	}
	if (d != NULL)
		closedir(d);
	free(folder);
	if (r->log_count == 0)
		cli_warn("no access log at '%s': nothing is known of reads",
		    access_log);
	else
		qsort(r->logs, r->log_count, sizeof(*r->logs), by_text);
}

/* --- what is done --------------------------------------------------------- */

/* Places are kept in `folder` from now on. */
static void
open_state(struct run *r, const char *folder, const char *source)
{
	struct vt_err err;
	enum vt_code rc;

	rc = vt_heatdb_open(folder, source, r->rescan, cli_cancel_flag(),
	    &r->db, &err);
	/* who may read a server's folder need not be able to write there */
	if (rc == VT_DENIED && !r->foreign) {
		cli_warn("%s: no place is kept, all logs are read", err.text);
		return;
	}
	if (rc == VT_CANCELLED)
		exit(cli_finish(CLI_OK));
	if (rc != VT_OK)
		die(&err);
	r->tmp = vt_heatdb_folder(r->db);
}

static void
read_all(struct run *r)
{
	size_t memory = r->memory_bytes / r->threads;
	unsigned i;

	for (i = 0; i < r->threads; i++) {
		r->heats[i] = vt_heat_new(r->tmp, memory);
		if (r->heats[i] == NULL)
			out_of_memory();
	}
	read_logs(r);
	if (cli_stopping())
		return;
	join_heat(r);
}

static void
scan_foreign(struct run *r)
{
	char *source;

	if (asprintf(&source, "%s %s", r->from, r->bucket) < 0)
		out_of_memory();
	if (r->state != NULL)
		open_state(r, r->state, source);
	free(source);
	read_all(r);
	if (cli_stopping())
		return;
	if (r->partial != NULL)
		put_partial(r);
	else
		put_foreign(r);
}

static void
scan_catalog(struct run *r)
{
	struct vt_clock clock = VT_CLOCK_REAL;
	struct vt_config *config;
	struct vt_err err;
	char *folder, *slash;

	if (cli_config_load(r->config_path, r->data, &config, &err) != VT_OK)
		die(&err);
	if (!r->has_now)
		r->now_us = vt_clock_now_us(&clock);
	if (r->log_count == 0) {
		find_logs(r, config->access_log);
		folder = cli_absolute(config->catalog_path);
		slash = strrchr(folder, '/');
		*slash = '\0';
		/* no server's folder: walk_catalog says so */
		if (access(config->catalog_path, F_OK) == 0)
			open_state(r, folder, "access log");
		free(folder);
	}
	read_all(r);
	if (!cli_stopping() && r->partial != NULL)
		put_partial(r);
	else if (!cli_stopping())
		walk_catalog(r, config);
	vt_config_free(config);
}

/* --- main ----------------------------------------------------------------- */

static int
take_option(struct run *r, int c)
{
	switch (c) {
	case 'h':
		exit(cli_help());
	case 'q':
		r->quiet = 1;
		break;
	case 'V':
		exit(cli_version());
	case OPT_BUCKET:
		r->bucket = optarg;
		break;
	case OPT_COMMIT_LINES:
		r->commit_lines = cli_opt_u64("--commit-lines", optarg, 1,
		    UINT64_MAX);
		break;
	case OPT_CONFIG:
		r->config_path = optarg;
		break;
	case OPT_DATA:
		r->data = optarg;
		break;
	case OPT_FROM:
		if (vt_log_format_find(optarg, &r->format) < 0)
			return cli_usage_error("--from: unknown format '%s'",
			    optarg);
		r->foreign = 1;
		r->from = optarg;
		break;
	case OPT_HISTORY:
		r->history = strcmp(optarg, "all") == 0 ? UINT32_MAX :
		    (uint32_t)cli_opt_u64("--history", optarg, 1, 1000000);
		break;
	case OPT_LOG:
		add_path(&r->logs, &r->log_count, cli_strdup(optarg));
		break;
	case OPT_MEMORY:
		r->memory_bytes = (size_t)cli_opt_size("--memory", optarg,
		    MEMORY_MIN, (uint64_t)1 << 40);
		break;
	case OPT_MERGE:
		add_path(&r->merges, &r->merge_count, cli_strdup(optarg));
		break;
	case OPT_NOW:
		r->now_us = cli_opt_time("--now", optarg);
		r->has_now = 1;
		break;
	case OPT_PARTIAL:
		r->partial = optarg;
		break;
	case OPT_RESCAN:
		r->rescan = 1;
		break;
	case OPT_STATE:
		r->state = optarg;
		break;
	case OPT_THREADS:
		r->threads = (unsigned)cli_opt_u64("--threads", optarg, 1,
		    THREADS_MAX);
		break;
	default:
		return cli_usage();
	}
	return CLI_OK;
}

static int
check_options(const struct run *r, const char *argument)
{
	if (r->foreign && (r->data != NULL || r->config_path != NULL ||
	    r->log_count > 0))
		return cli_usage_error("--from needs no server: not with "
		    "--data, --config or --log");
	if (!r->foreign && argument != NULL && r->merge_count == 0)
		return cli_usage_error("'%s': logs of other systems need "
		    "--from", argument);
	if (!r->foreign && r->state != NULL)
		return cli_usage_error("--state is for --from: a server's "
		    "data folder keeps the place in its log");
	if (r->rescan && ((r->foreign && r->state == NULL) ||
	    (!r->foreign && r->log_count > 0)))
		return cli_usage_error("--rescan: no place is kept");
	if (*r->bucket == '\0')
		return cli_usage_error("--bucket: the name is empty");
	return CLI_OK;
}

static int
parse(struct run *r, int argc, char **argv)
{
	int c, status;

	while ((c = getopt_long(argc, argv, "+hqV", options, NULL)) != -1) {
		status = take_option(r, c);
		if (status != CLI_OK)
			return status;
	}
	status = check_options(r, argv[optind]);
	if (status != CLI_OK)
		return status;
	for (; optind < argc; optind++)
		if (r->foreign && !is_partial(argv[optind]))
			add_path(&r->logs, &r->log_count,
			    cli_strdup(argv[optind]));
		else
			add_path(&r->merges, &r->merge_count,
			    cli_strdup(argv[optind]));
	/* what is kept, or comes from elsewhere, may be all there is */
	if (r->foreign && r->log_count == 0 && r->merge_count == 0 &&
	    r->state == NULL)
		add_path(&r->logs, &r->log_count, cli_strdup("-"));
	return CLI_OK;
}

/* A thread a core, none with too little memory. */
static void
choose_threads(struct run *r)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (r->threads == 0)
		r->threads = cores < 1 ? 1 : cores > THREADS_MAX ?
		    THREADS_MAX : (unsigned)cores;
	if (r->memory_bytes / VT_HEAT_MEMORY_MIN < r->threads)
		r->threads = (unsigned)(r->memory_bytes / VT_HEAT_MEMORY_MIN);
}

static void
free_paths(char **list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

int
main(int argc, char **argv)
{
	struct run r;
	char *tmp;
	int status;

	cli_init(argv, usage);
	memset(&r, 0, sizeof(r));
	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.changed, NULL);
	r.bucket = "log";
	r.history = HISTORY_DAYS;
	r.memory_bytes = MEMORY_BYTES;
	r.commit_lines = COMMIT_LINES;
	status = parse(&r, argc, argv);
	if (status != CLI_OK)
		return status;
	choose_threads(&r);
	tmp = cli_env("TMPDIR");
	r.tmp = tmp != NULL ? tmp : "/var/tmp";
	cli_catch_signals(-1);
	vt_buf_init(&r.out, OUT_MAX);
	if (r.foreign)
		scan_foreign(&r);
	else
		scan_catalog(&r);
	end_output(&r);
	release_heat(&r);
	free_paths(r.logs, r.log_count);
	free_paths(r.merges, r.merge_count);
	free(r.bad.path);
	free(tmp);
	return cli_finish(r.failed != 0 ? r.failed :
	    r.bad_lines > 0 ? CLI_SOME : CLI_OK);
}
