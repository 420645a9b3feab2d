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
"       vt-scan [options] --from FORMAT [LOG...] [--from FORMAT LOG...]...\n"
"       vt-scan [options] --adopt TIER --bucket NAME\n"
"       vt-scan --show FILE\n"
"       vt-scan --snapshot WHERE | --rebuild | --salvage | --verify [options]\n"
"Print one JSON line per stored version: where it is and how it was read.\n"
"\n"
"With a server's data folder, of all versions in its catalog:\n"
"      --config FILE      configuration (vaultaire.json in the data folder)\n"
"      --data DIR         data folder ($VAULTAIRE_DATA, ./vaultaire-data)\n"
"      --log FILE         read this access log, not the configured ones, and\n"
"                         keep no place in it; may be repeated\n"
"Without a server, of the objects that logs speak of ('-': standard input):\n"
"      --from FORMAT      what the logs behind it are: azure-storage-log,\n"
"                         cloudfront, cloudtrail, combined, csv,\n"
"                         gcs-storage-log, s3-access-log, s3-inventory\n"
"                         or vaultaire; may be repeated\n"
"      --bucket NAME      bucket of objects from logs that name none (log)\n"
"      --covered FROM..TO the time for which the logs are complete (from the\n"
"                         first read to the last line); may be repeated\n"
"      --schema COLUMNS   of an inventory in CSV: 'Bucket, Key, Size, ...'\n"
"      --state DIR        keep there what was read, and read what is new\n"
"No scan, but what others keep on a tier becomes a bucket's, in place:\n"
"      --adopt TIER       whose backend holds it; no byte moves\n"
"      --bucket NAME      the bucket, which exists\n"
"      --dry-run          tell what would be done; salvage, verify: too\n"
"      --jobs N           requests at once (16)\n"
"      --prefix TEXT      only names that begin so\n"
"      --prune            remove versions of what is gone there\n"
"      --take-ownership   the objects are ours from now on: moved, deleted\n"
"Scans of both kinds:\n"
"      --binary           write records in binary, for vt-plan: three times\n"
"                         less to write and to read\n"
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
"      --update           read what is new, keep it, and write no records\n"
"\n"
"No scan, but the lines of what --binary wrote:\n"
"      --show FILE        that file ('-': standard input)\n"
"No scan, but the catalog itself (vt-scan(1) tells more); of these one:\n"
"      --snapshot WHERE   copy it to a file, or with 'TIER:' to a tier\n"
"      --rebuild          make it anew from a snapshot and the tiers\n"
"      --salvage          without one: objects of tiers into new buckets\n"
"      --verify           compare the tiers with it, read all bytes, repair\n"
"                         from other copies\n"
"and with them:\n"
"      --accept-loss      rebuild although a tier has nothing that it should\n"
"      --delete-orphans   verify: remove names that nothing refers to\n"
"      --force            rebuild: put the catalog that is there aside\n"
"      --from-snapshot WHERE  rebuild from that file, or TIER:NAME\n"
"      --into BUCKET      salvage all into that one\n"
"      --keep N           snapshots to keep on the tier\n"
"      --no-repair        verify: only tell\n"
"      --rate SIZE        verify: bytes to read a second, at most\n"
"      --resume           verify: go on where it was interrupted\n"
"      --tier TIER        verify: only that one\n"
"\n"
"  -h, --help             this text\n"
"  -V, --version          version\n"
"\n"
"Logs may be compressed (gzip, zstd, xz, bzip2, lz4).\n"
"Status 1: some lines were malformed and left out.\n";

enum {
	OPT_BINARY = 256, OPT_BUCKET, OPT_COMMIT_LINES, OPT_CONFIG,
	OPT_COVERED, OPT_DATA, OPT_FROM, OPT_HISTORY, OPT_LOG, OPT_MEMORY,
	OPT_MERGE, OPT_NOW, OPT_PARTIAL, OPT_RESCAN, OPT_SCHEMA, OPT_SHOW,
	OPT_STATE, OPT_THREADS, OPT_UPDATE
};

static const struct option options[] = {
	{ "accept-loss", no_argument, NULL, TASK_OPT_ACCEPT_LOSS },
	{ "binary", no_argument, NULL, OPT_BINARY },
	{ "bucket", required_argument, NULL, OPT_BUCKET },
	{ "commit-lines", required_argument, NULL, OPT_COMMIT_LINES },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "covered", required_argument, NULL, OPT_COVERED },
	{ "data", required_argument, NULL, OPT_DATA },
	{ "delete-orphans", no_argument, NULL, TASK_OPT_DELETE_ORPHANS },
	{ "dry-run", no_argument, NULL, TASK_OPT_DRY_RUN },
	{ "force", no_argument, NULL, TASK_OPT_FORCE },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "from-snapshot", required_argument, NULL, TASK_OPT_FROM_SNAPSHOT },
	{ "help", no_argument, NULL, 'h' },
	{ "history", required_argument, NULL, OPT_HISTORY },
	{ "into", required_argument, NULL, TASK_OPT_INTO },
	{ "keep", required_argument, NULL, TASK_OPT_KEEP },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "merge", required_argument, NULL, OPT_MERGE },
	{ "no-repair", no_argument, NULL, TASK_OPT_NO_REPAIR },
	{ "now", required_argument, NULL, OPT_NOW },
	{ "partial", required_argument, NULL, OPT_PARTIAL },
	{ "quiet", no_argument, NULL, 'q' },
	{ "rate", required_argument, NULL, TASK_OPT_RATE },
	{ "rebuild", no_argument, NULL, TASK_OPT_REBUILD },
	{ "rescan", no_argument, NULL, OPT_RESCAN },
	{ "resume", no_argument, NULL, TASK_OPT_RESUME },
	{ "salvage", no_argument, NULL, TASK_OPT_SALVAGE },
	{ "schema", required_argument, NULL, OPT_SCHEMA },
	{ "show", required_argument, NULL, OPT_SHOW },
	{ "snapshot", required_argument, NULL, TASK_OPT_SNAPSHOT },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "tier", required_argument, NULL, TASK_OPT_TIER },
	{ "update", no_argument, NULL, OPT_UPDATE },
	{ "verify", no_argument, NULL, TASK_OPT_VERIFY },
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
		add_log(r, path);
	}
	if (d != NULL)
		closedir(d);
	free(folder);
	if (r->log_count == 0)
		cli_warn("no access log at '%s': nothing %sis known of reads",
		    access_log, r->db != NULL ? "new " : "");
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
	if (rc == VT_DENIED && !r->foreign && !r->update) {
		cli_warn("%s: no place is kept, all logs are read", err.text);
		return;
	}
	if (rc == VT_CANCELLED)
		exit(cli_finish(CLI_OK));
	if (rc != VT_OK)
		die(&err);
	r->kept_in = cli_strdup(folder);
	r->tmp = vt_heatdb_folder(r->db);
}

static void
read_all(struct run *r)
{
	size_t memory = r->memory_bytes / r->threads;
	unsigned i;

	if (r->db == NULL)
		drop_twins(r);
	for (i = 0; i < r->threads; i++) {
		r->heats[i] = vt_heat_new(r->tmp, memory);
		if (r->heats[i] == NULL)
			out_of_memory();
	}
	read_logs(r);
	if (!cli_stopping() && !r->update)
		join_heat(r);
}

static void
scan_foreign(struct run *r)
{
	char *source = describe_sources(r);

	expand_manifests(r);
	if (r->state != NULL)
		open_state(r, r->state, source);
	free(source);
	read_all(r);
	if (cli_stopping() || r->update)
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
		folder = cli_absolute(config->catalog_path);
		slash = strrchr(folder, '/');
		*slash = '\0';
		/* no server's folder: walk_catalog says so */
		if (r->update || access(config->catalog_path, F_OK) == 0) {
			check_catalog(config);
			open_state(r, folder, OWN_LOG);
		}
		free(folder);
		find_logs(r, config->access_log);
	}
	read_all(r);
	if (cli_stopping() || r->update)
		;
	else if (r->partial != NULL)
		put_partial(r);
	else
		walk_catalog(r, config);
	vt_config_free(config);
}

/* --- main ----------------------------------------------------------------- */

/* FROM..TO, one of which may be left out. */
static int
take_covered(struct run *r, const char *text)
{
	const char *to = strstr(text, "..");
	struct covered *c;
	char *from;

	if (to == NULL || strcmp(text, "..") == 0)
		return cli_usage_error("--covered '%s' is not of the form "
		    "FROM..TO", text);
	r->covered = realloc(r->covered,
	    (r->covered_count + 1) * sizeof(*r->covered));
	from = strndup(text, (size_t)(to - text));
	if (r->covered == NULL || from == NULL)
		out_of_memory();
	to += 2;
	c = &r->covered[r->covered_count++];
	c->from_us = *from != '\0' ? cli_opt_time("--covered", from) : 0;
	c->to_us = *to != '\0' ? cli_opt_time("--covered", to) : 0;
	free(from);
	if (c->from_us != 0 && c->to_us != 0 && c->to_us <= c->from_us)
		return cli_usage_error("--covered '%s' ends before it begins",
		    text);
	return CLI_OK;
}

/* What belongs to the last --from, or with none before it to all. */
static int
take_source_option(struct run *r, int c)
{
	struct source *s = r->source_count > 0 ?
	    &r->sources[r->source_count - 1] : NULL;
	enum vt_log_format format;

	switch (c) {
	case OPT_BUCKET:
		if (*optarg == '\0')
			return cli_usage_error("--bucket: the name is empty");
		*(s != NULL ? &s->bucket : &r->bucket) = optarg;
		return CLI_OK;
	case OPT_SCHEMA:
		if (s == NULL || s->format != VT_LOG_INVENTORY)
			return cli_usage_error("--schema comes behind --from "
			    "s3-inventory");
		s->schema = optarg;
		return CLI_OK;
	default:
		if (vt_log_format_find(optarg, &format) < 0)
			return cli_usage_error("--from: unknown format '%s'",
			    optarg);
		add_source(r, format);
		r->foreign = 1;
		return CLI_OK;
	}
}

static int
take_operand(struct run *r, const char *path)
{
	if (is_partial(path) || (!r->foreign && r->merge_count > 0))
		add_path(&r->merges, &r->merge_count, cli_strdup(path));
	else if (r->foreign)
		add_operand(r, path);
	else
		return cli_usage_error("'%s': logs of other systems need "
		    "--from", path);
	return CLI_OK;
}

static int
take_option(struct run *r, int c)
{
	switch (c) {
	case 1:
		return take_operand(r, optarg);
	case 'h':
		exit(cli_help());
	case 'q':
		r->quiet = 1;
		break;
	case 'V':
		exit(cli_version());
	case OPT_BINARY:
		r->binary = 1;
		break;
	case OPT_BUCKET:
	case OPT_FROM:
	case OPT_SCHEMA:
		return take_source_option(r, c);
	case OPT_COMMIT_LINES:
		r->commit_lines = cli_opt_u64("--commit-lines", optarg, 1,
		    UINT64_MAX);
		break;
	case OPT_CONFIG:
		r->config_path = optarg;
		break;
	case OPT_COVERED:
		return take_covered(r, optarg);
	case OPT_DATA:
		r->data = optarg;
		break;
	case OPT_HISTORY:
		r->history = strcmp(optarg, "all") == 0 ? UINT32_MAX :
		    (uint32_t)cli_opt_u64("--history", optarg, 1, 1000000);
		break;
	case OPT_LOG:
		add_path(&r->own_logs, &r->own_count, cli_strdup(optarg));
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
	case OPT_SHOW:
		r->show = optarg;
		break;
	case OPT_STATE:
		r->state = optarg;
		break;
	case OPT_THREADS:
		r->threads = (unsigned)cli_opt_u64("--threads", optarg, 1,
		    THREADS_MAX);
		break;
	case OPT_UPDATE:
		r->update = 1;
		break;
	default:
		c = task_option(&r->task, c, optarg);
		return c > 0 ? CLI_OK : c < 0 ? CLI_USAGE : cli_usage();
	}
	return CLI_OK;
}

static int
check_sources(struct run *r)
{
	const struct source *s;
	size_t i;

	/* what is kept, or comes from elsewhere, may be all there is */
	if (r->source_count == 1 && r->log_count == 0 &&
	    !r->sources->is_folder && r->merge_count == 0 && r->state == NULL)
		add_log(r, cli_strdup("-"));
	for (i = 0; i < r->source_count; i++) {
		s = &r->sources[i];
		if (s->log_count == 0 && !s->is_folder && r->source_count > 1)
			return cli_usage_error("no log is named behind one "
			    "of several --from");
		if (r->state != NULL && s->format == VT_LOG_INVENTORY)
			return cli_usage_error("an inventory is read anew "
			    "each time: not with --state");
		r->log_source_count += s->format != VT_LOG_INVENTORY;
	}
	if (r->log_source_count > 1 && r->state != NULL)
		return cli_usage_error("--state keeps the place in logs of "
		    "one format");
	/* what several cover together is not told by what is merged */
	if (r->log_source_count > 1 && r->covered_count == 0 &&
	    (r->partial != NULL || r->merge_count > 0))
		return cli_usage_error("partial results of several formats "
		    "need --covered");
	return CLI_OK;
}

static int
check_options(struct run *r)
{
	size_t i;

	if (r->show != NULL && (r->foreign || r->data != NULL ||
	    r->config_path != NULL || r->own_count > 0 || r->binary ||
	    r->update || r->partial != NULL || r->merge_count > 0))
		return cli_usage_error("--show is no scan: it takes no "
		    "options of scans");
	if (r->foreign && (r->data != NULL || r->config_path != NULL ||
	    r->own_count > 0))
		return cli_usage_error("--from needs no server: not with "
		    "--data, --config or --log");
	if (!r->foreign && r->state != NULL)
		return cli_usage_error("--state is for --from: a server's "
		    "data folder keeps the place in its log");
	if (!r->foreign && r->covered_count > 0)
		return cli_usage_error("--covered is for --from: a server's "
		    "log tells which time it covers");
	if (r->rescan && ((r->foreign && r->state == NULL) ||
	    (!r->foreign && r->own_count > 0)))
		return cli_usage_error("--rescan: no place is kept");
	if (r->update && ((r->foreign && r->state == NULL) ||
	    (!r->foreign && r->own_count > 0)))
		return cli_usage_error("--update: no place is kept");
	if (r->update && (r->partial != NULL || r->merge_count > 0))
		return cli_usage_error("--update keeps what logs say: not "
		    "with --partial or --merge");
	if (r->binary && (r->partial != NULL || r->update))
		return cli_usage_error("--binary is of records, which "
		    "--partial and --update do not write");
	if (r->binary && isatty(STDOUT_FILENO))
		return cli_usage_error("--binary: standard output is a "
		    "terminal; it is for vt-plan, or a file");
	if (r->foreign)
		return check_sources(r);
	add_source(r, VT_LOG_VAULTAIRE);
	for (i = 0; i < r->own_count; i++)
		add_log(r, r->own_logs[i]);
	free(r->own_logs);
	return CLI_OK;
}

static int
parse(struct run *r, int argc, char **argv)
{
	int c, status;

	/* operands in their places: they belong to the --from before them */
	while ((c = getopt_long(argc, argv, "-hqV", options, NULL)) != -1) {
		status = take_option(r, c);
		if (status != CLI_OK)
			return status;
	}
	for (; optind < argc; optind++) {
		status = take_operand(r, argv[optind]);
		if (status != CLI_OK)
			return status;
	}
	return check_options(r);
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
	if (is_adoption(argc, argv))
		return adopt_main(argc, argv);
	memset(&r, 0, sizeof(r));
	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.changed, NULL);
	r.bucket = "log";
	r.history = HISTORY_DAYS;
	r.memory_bytes = MEMORY_BYTES;
	r.commit_lines = COMMIT_LINES;
	status = parse(&r, argc, argv);
	if (status == CLI_OK)
		status = task_check(&r.task);
	if (status != CLI_OK) {
		free_sources(&r);
		return status;
	}
	if (r.task.kind != TASK_NONE) {
		cli_catch_signals(-1);
		r.task.data = r.data;
		r.task.config_path = r.config_path;
		status = task_run(&r.task);
		free_sources(&r);
		return cli_finish(status);
	}
	if (r.show != NULL) {
		cli_catch_signals(-1);
		status = show(r.show);
		free_sources(&r);
		return cli_finish(status);
	}
	choose_threads(&r);
	tmp = cli_env("TMPDIR");
	r.tmp = tmp != NULL ? tmp : "/var/tmp";
	cli_catch_signals(-1);
	vt_buf_init(&r.out, OUT_MAX);
	vt_block_init(&r.block);
	if (r.foreign)
		scan_foreign(&r);
	else
		scan_catalog(&r);
	end_output(&r);
	release_heat(&r);
	free_sources(&r);
	free_paths(r.merges, r.merge_count);
	free(r.bad.path);
	free(tmp);
	return cli_finish(r.failed != 0 ? r.failed :
	    r.bad_lines > 0 ? CLI_SOME : CLI_OK);
}
