/*
 * vt-migrate: a plan in, moves and removals done, a JSON line per result out.
 * Run again after any interruption it goes on: what was moved is found moved.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libvt/base/jsonl.h"
#include "libvt/base/lines.h"
#include "libvt/base/num.h"
#include "libvt/proto/accesslog.h"
#include "libvt/work/expire.h"
#include "libvt/work/gc.h"
#include "libvt/work/migrate.h"

#include "cmd/cli.h"

#include "drain.h"
#include "run.h"

#define JOBS_MAX 64

static const char usage[] =
"usage: vt-migrate [options] [PLAN...]\n"
"       vt-migrate [options] --drain TIER [--to TIER]\n"
"       vt-migrate [options] --gc\n"
"       vt-migrate [options] --repair\n"
"       vt-migrate [options] --rewrap\n"
"\n"
"Carry out the moves and removals of a plan (vt-plan) and print one JSON line\n"
"each.\n"
"PLAN is a file, or - for standard input (the default).\n"
"\n"
"  --config FILE        configuration (default: vaultaire.json in the data\n"
"                       folder)\n"
"  --data DIR           data folder (default: $VAULTAIRE_DATA, else\n"
"                       ./vaultaire-data)\n"
"  --drain TIER         no plan: move everything off this tier, so that it\n"
"                       can be taken out of the configuration\n"
"  --dry-run            check every move, move nothing\n"
"  --gc                 no plan: remove garbage whose grace is over, and what\n"
"                       processes that died have left\n"
"  --grace DURATION     keep a moved object's old bytes this long\n"
"                       (default: of the configuration, 24h)\n"
"  -h, --help           this text\n"
"  --ignore-grace       with --gc: remove all garbage now\n"
"  -j, --jobs N         moves at once (default 4)\n"
"  --max-bandwidth SIZE read at most SIZE bytes a second in all\n"
"  --no-verify          do not read new copies back before dropping the old\n"
"  --now TIME           act as if it were TIME (RFC 3339)\n"
"  -q, --quiet          no progress, no summary\n"
"  --repair             no plan: make the copies that policies ask for and\n"
"                       that are missing\n"
"  --rewrap             no plan: after a new master key, wrap the keys of all\n"
"                       encrypted objects by it; no object's bytes change\n"
"  --to TIER            with --drain: where it all goes (default: the nearest\n"
"                       hotter tier that policies allow, else a colder one)\n"
"  -V, --version        version\n";

enum {
	OPT_CONFIG = 256, OPT_DATA, OPT_DRAIN, OPT_DRY_RUN, OPT_GC, OPT_GRACE,
	OPT_IGNORE_GRACE, OPT_MAX_BANDWIDTH, OPT_NO_VERIFY, OPT_NOW,
	OPT_REPAIR, OPT_REWRAP, OPT_TO
};

static const struct option options[] = {
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "data", required_argument, NULL, OPT_DATA },
	{ "drain", required_argument, NULL, OPT_DRAIN },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "gc", no_argument, NULL, OPT_GC },
	{ "grace", required_argument, NULL, OPT_GRACE },
	{ "help", no_argument, NULL, 'h' },
	{ "ignore-grace", no_argument, NULL, OPT_IGNORE_GRACE },
	{ "jobs", required_argument, NULL, 'j' },
	{ "max-bandwidth", required_argument, NULL, OPT_MAX_BANDWIDTH },
	{ "no-verify", no_argument, NULL, OPT_NO_VERIFY },
	{ "now", required_argument, NULL, OPT_NOW },
	{ "quiet", no_argument, NULL, 'q' },
	{ "repair", no_argument, NULL, OPT_REPAIR },
	{ "rewrap", no_argument, NULL, OPT_REWRAP },
	{ "to", required_argument, NULL, OPT_TO },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

static int
pace(void *ctx, size_t bytes)
{
	struct run *r = ctx;
	struct timespec ts;
	int64_t now, wait_us = 0;

	if (cli_stopping())
		return -1;
	if (r->bandwidth == 0)
		return 0;
	pthread_mutex_lock(&r->pace_lock);
	now = vt_clock_mono_us();
	if (r->ready_us < now)
		r->ready_us = now;
	wait_us = r->ready_us - now;
	r->ready_us += (int64_t)((double)bytes * 1e6 / (double)r->bandwidth);
	pthread_mutex_unlock(&r->pace_lock);
	ts.tv_sec = wait_us / 1000000;
	ts.tv_nsec = wait_us % 1000000 * 1000;
	while (wait_us > 0 && nanosleep(&ts, &ts) < 0 && errno == EINTR)
		if (cli_stopping())
			return -1;
	return 0;
}

static const char *
name_of(const struct run *r)
{
	return r->fd == STDIN_FILENO ? "plan" : r->path;
}

int
read_line(struct run *r, struct vt_buf *out, char where[WHERE_MAX])
{
	struct vt_err err;
	const char *line;
	uint64_t number;
	size_t len;
	enum vt_code rc;
	int found = 0;

	if (r->has_ahead && !cli_stopping()) {
		r->has_ahead = 0;
		vt_buf_reset(out);
		memmove(where, r->ahead_where, WHERE_MAX);
		return vt_buf_add(out, r->ahead.data, r->ahead.len) == 0;
	}
	while (!found && !cli_stopping() && !r->broken) {
		if (r->lines == NULL) {
			if (r->next_path == r->path_count)
				break;
			r->path = r->paths[r->next_path++];
			r->fd = strcmp(r->path, "-") == 0 ? STDIN_FILENO :
			    open(r->path, O_RDONLY | O_CLOEXEC);
			if (r->fd < 0) {
				cli_warn("cannot open '%s': %s", r->path,
				    strerror(errno));
				r->broken = 1;
				break;
			}
			r->lines = vt_lines_open(r->fd, VT_RECORD_LINE_MAX);
			if (r->lines == NULL) {
				cli_warn("out of memory");
				r->broken = 1;
				break;
			}
		}
		rc = vt_lines_next(r->lines, &line, &len, &number, &err);
		if (rc == VT_OK) {
			vt_buf_reset(out);
			if (len == 0)
				continue;
			found = vt_buf_add(out, line, len) == 0;
			snprintf(where, WHERE_MAX, "%.250s:%llu", name_of(r),
			    (unsigned long long)number);
		} else if (rc == VT_TOO_LARGE) {
			cli_warn("%s:%llu: the line is over %u bytes",
			    name_of(r), (unsigned long long)number,
			    VT_RECORD_LINE_MAX);
			r->bad_lines++;
		} else {
			if (rc != VT_ABSENT) {
				cli_warn_err(&err, "%s", name_of(r));
				r->broken = 1;
			}
			vt_lines_close(r->lines);
			r->lines = NULL;
			if (r->fd != STDIN_FILENO)
				close(r->fd);
		}
	}
	return found;
}

static int
is_removal(const struct vt_move *m)
{
	return *m->action != '\0' && !vt_move_is_packing(m) &&
	    m->blob == 0 && strcmp(m->action, "copy") != 0;
}

/* "moved"... and for removals "expired", "aborted". */
static const char *
status_name(const struct vt_move *m, enum vt_move_status status)
{
	if (is_removal(m) && status == VT_MOVE_DONE)
		return *m->upload != '\0' ? "aborted" : "expired";
	if (strcmp(m->action, "copy") == 0 && status == VT_MOVE_DONE)
		return "copied";
	return vt_move_status_name(status);
}

/* What the line is of, and where that was to go. */
static void
report_subject(const struct vt_move *m, struct vt_buf *b)
{
	vt_json_bytes(b, "key", m->key, m->key_len);
	if (*m->upload != '\0') {
		vt_json_str(b, "upload", m->upload);
	} else {
		vt_json_str(b, "version", m->version);
		vt_json_i64(b, "seq", m->seq);
	}
	if (!is_removal(m)) {
		vt_json_str(b, "from", m->from);
		vt_json_str(b, "to", m->to);
	}
}

void
report_move(struct run *r, const struct vt_move *m,
    const struct vt_move_result *res, const struct vt_expire_result *gone,
    const struct vt_err *err)
{
	struct vt_buf b;

	vt_buf_init(&b, 64 << 10);
	vt_json_begin(&b);
	vt_json_u64(&b, "v", 1);
	vt_json_str(&b, "plan", m->plan);
	if (*m->action != '\0')
		vt_json_str(&b, "action", m->action);
	if (*m->pack != '\0')
		vt_json_str(&b, "pack", m->pack);
	if (*m->rule != '\0')
		vt_json_str(&b, "rule", m->rule);
	vt_json_str(&b, "bucket", m->bucket);
	report_subject(m, &b);
	vt_json_u64(&b, "size", m->size_bytes);
	vt_json_str(&b, "status", status_name(m, res->status));
	if (gone->made_marker)
		vt_json_str(&b, "marker", gone->marker_id);
	if (res->copy_id != 0)
		vt_json_i64(&b, "copy", res->copy_id);
	if (r->o.dry_run)
		vt_json_bool(&b, "dry_run", 1);
	if (err != NULL)
		vt_json_str(&b, "reason", err->text);
	vt_json_end(&b);
	(void)cli_out_buf(&b);	/* sticks; told by cli_finish */
	vt_buf_release(&b);
}

/* As AWS's server access logs call it. */
static const char *
operation(const struct vt_move *m, const struct vt_expire_result *gone)
{
	if (!is_removal(m))
		return strcmp(m->action, "copy") == 0 ? "Copy" : "Move";
	if (*m->upload != '\0')
		return "S3.DELETE.UPLOAD";
	return gone->made_marker ? "S3.CREATE.DELETEMARKER" :
	    "S3.EXPIRE.OBJECT";
}

/* Moves are not heat, but they are bill: each leaves a line in the log. */
void
log_move(struct run *r, const struct vt_move *m,
    const struct vt_move_result *res, const struct vt_expire_result *gone,
    const struct vt_err *err, int64_t start_us, int64_t start_mono_us)
{
	struct vt_access a;

	if (r->log == NULL || r->o.dry_run ||
	    res->status == VT_MOVE_ALREADY)
		return;
	memset(&a, 0, sizeof(a));
	a.time_us = start_us;
	a.node = r->node;
	a.actor = is_removal(m) ? "lifecycle" :
	    strcmp(m->action, "copy") == 0 ? "replicate" : "migrate";
	a.op = operation(m, gone);
	a.bucket = m->bucket;
	a.key = m->key;
	a.key_len = m->key_len;
	a.version = m->version;
	if (is_removal(m)) {
		a.tier = m->from;
	} else {
		a.source = m->from;
		a.tier = m->to;
	}
	a.error = err != NULL ? vt_code_name(err->code) : NULL;
	a.range_first = a.range_length = -1;
	a.size = (int64_t)m->size_bytes;
	a.copy_id = res->copy_id != 0 ? res->copy_id : -1;
	a.backend_bytes = (int64_t)res->bytes;
	a.backend_requests = (int64_t)res->backend_requests;
	a.ttfb_us = -1;
	a.total_us = vt_clock_mono_us() - start_mono_us;
	vt_accesslog_write(r->log, &a);
}

void
count_move(struct run *r, const struct vt_move *m, enum vt_move_status status,
    enum vt_code rc)
{
	pthread_mutex_lock(&r->lock);
	switch (status) {
	case VT_MOVE_DONE:
		if (is_removal(m)) {
			r->removed++;
			break;
		}
		r->moved++;
		r->bytes += m->size_bytes;
		break;
	case VT_MOVE_ALREADY:
		r->already++;
		break;
	case VT_MOVE_SKIPPED:
		r->skipped++;
		break;
	case VT_MOVE_REFUSED:
		r->refused++;
		break;
	case VT_MOVE_WAITING:
		r->waiting++;
		break;
	case VT_MOVE_FAILED:
		r->failed++;
		r->later |= rc == VT_BUSY || rc == VT_NOSPACE;
		break;
	}
	pthread_mutex_unlock(&r->lock);
}

static void
one_line(struct run *r, const struct vt_migrate_options *o,
    const struct vt_buf *line, const char *where)
{
	struct vt_arena *a = vt_arena_new(64 << 20);
	struct vt_move_result res;
	struct vt_expire_result gone;
	struct vt_move m;
	struct vt_err err;
	int64_t start_us, start_mono_us;
	enum vt_code rc;

	memset(&err, 0, sizeof(err));
	rc = a == NULL ? vt_fail(&err, VT_NOMEM, "out of memory") :
	    vt_move_parse(line->data, line->len, a, &m, &err);
	if (rc != VT_OK) {
		cli_warn_err(&err, "%s", where);
		pthread_mutex_lock(&r->lock);
		r->bad_lines++;
		pthread_mutex_unlock(&r->lock);
		vt_arena_free(a);
		return;
	}
	if (vt_move_is_packing(&m)) {
		pack_stray(r, &m);
		vt_arena_free(a);
		return;
	}
	if (m.blob != 0) {
		repack_note(r, &m);
		vt_arena_free(a);
		return;
	}
	cli_progress_expect(m.size_bytes, 1);
	start_us = vt_clock_now_us(o->clock);
	start_mono_us = vt_clock_mono_us();
	memset(&res, 0, sizeof(res));
	memset(&gone, 0, sizeof(gone));
	if (is_removal(&m)) {
		rc = vt_expire(o, &m, &gone, &err);
		res.status = gone.status;
	} else {
		rc = vt_migrate_move(o, &m, &res, &err);
	}
	err.code = rc;
	if (rc != VT_CANCELLED) {
		report_move(r, &m, &res, &gone, rc != VT_OK ? &err : NULL);
		log_move(r, &m, &res, &gone, rc != VT_OK ? &err : NULL,
		    start_us, start_mono_us);
	}
	if ((res.status == VT_MOVE_FAILED && rc != VT_CANCELLED) ||
	    res.status == VT_MOVE_REFUSED)
		cli_warn_err(&err, "%s: %s/%s", where, m.bucket, m.key);
	cli_progress_add((int64_t)m.size_bytes, 1);
	count_move(r, &m, res.status, rc);
	vt_arena_free(a);
}

static void *
worker(void *arg)
{
	struct run *r = arg;
	struct vt_migrate_options o = r->o;
	struct vt_buf line;
	struct pack *pack;
	char where[WHERE_MAX];
	int found;

	/* without memory for them the rules are read for each line */
	o.rules = vt_rules_new(o.catalog, o.config);
	vt_buf_init(&line, VT_RECORD_LINE_MAX);
	for (;;) {
		pthread_mutex_lock(&r->lock);
		found = read_line(r, &line, where);
		pack = found ? pack_take(r, &line, where) : NULL;
		pthread_mutex_unlock(&r->lock);
		if (!found)
			break;
		if (pack != NULL)
			pack_run(r, &o, pack);
		else
			one_line(r, &o, &line, where);
	}
	vt_buf_release(&line);
	vt_rules_free(o.rules);
	return NULL;
}

static int
gc_stop(void *ctx)
{
	(void)ctx;
	return cli_stopping() != 0;
}

static int
run_gc(struct run *r, int ignore_grace, int quiet)
{
	struct vt_gc_options g;
	struct vt_gc_result res;
	struct vt_err err;
	enum vt_code rc;
	char size[16];

	memset(&g, 0, sizeof(g));
	g.catalog = r->o.catalog;
	g.tiers = r->o.tiers;
	g.config = r->o.config;
	g.ignore_grace = ignore_grace;
	g.dry_run = r->o.dry_run;
	g.stop = gc_stop;
	rc = vt_gc_run(&g, &res, &err);
	if (!quiet)
		cli_warn("%s %llu blobs (%s), %llu leaked names, "
		    "%llu leases of dead processes",
		    r->o.dry_run ? "would remove" : "removed",
		    (unsigned long long)res.blobs,
		    vt_num_human_bytes(res.bytes, size),
		    (unsigned long long)res.leaked,
		    (unsigned long long)res.leases);
	if (rc == VT_OK || rc == VT_CANCELLED)
		return CLI_OK;
	cli_warn_err(&err, "collecting garbage");
	return rc == VT_BUSY ? CLI_LATER : CLI_FAILED;
}

static int
run_rewrap(struct run *r, int quiet)
{
	struct vt_rewrap_result res = { 0, 0, 0 };
	struct vt_err err;
	enum vt_code rc;

	rc = vt_keyring_rewrap(r->keyring, gc_stop, NULL, &res, &err);
	if (!quiet)
		cli_warn("%llu blobs are encrypted by a master key; %llu were "
		    "wrapped anew, %llu failed",
		    (unsigned long long)res.seen,
		    (unsigned long long)res.rewrapped,
		    (unsigned long long)res.failed);
	if (rc == VT_CANCELLED)
		return CLI_OK;
	if (rc == VT_OK && res.failed == 0)
		return CLI_OK;
	cli_warn_err(&err, "wrapping keys anew");
	if (rc == VT_OK)
		return CLI_SOME;
	return rc == VT_BUSY ? CLI_LATER : CLI_FAILED;
}

static int
run_plan(struct run *r, unsigned jobs, int quiet)
{
	pthread_t thread[JOBS_MAX];
	unsigned i, started;
	char size[16];

	cli_progress_start(quiet, r->o.dry_run ? "checked" : "moved");
	for (started = 0; started < jobs; started++)
		if (pthread_create(&thread[started], NULL, worker, r) != 0)
			break;
	if (started == 0)
		worker(r);
	for (i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	repacks_run(r);
	cli_progress_stop();
	if (!quiet && r->removed > 0)
		cli_warn("%s %llu versions, markers and uploads for lifecycle "
		    "rules", r->o.dry_run ? "would remove" : "removed",
		    (unsigned long long)r->removed);
	if (!quiet && r->refused > 0)
		cli_warn("%llu moves were refused, as policies do not let "
		    "the objects lie there", (unsigned long long)r->refused);
	if (r->waiting > 0)
		cli_warn("%llu objects are being restored from an archive, to "
		    "be moved then: run this again later",
		    (unsigned long long)r->waiting);
	if (!quiet && r->packs > 0)
		cli_warn("%llu objects are in %llu new pack%s, %s",
		    (unsigned long long)r->packed,
		    (unsigned long long)r->packs, r->packs == 1 ? "" : "s",
		    vt_num_human_bytes(r->pack_bytes, size));
	if (!quiet && r->repacked > 0)
		cli_warn("%s %llu pack%s anew",
		    r->o.dry_run ? "would write" : "wrote",
		    (unsigned long long)r->repacked,
		    r->repacked == 1 ? "" : "s");
	if (!quiet && r->moved + r->removed + r->already + r->skipped +
	    r->failed + r->refused + r->bad_lines + r->repacked +
	    r->waiting == 0)
		cli_warn("the plan has no moves");
	else if (!quiet && r->moved + r->already + r->skipped + r->failed > 0)
		cli_warn("%s %llu objects (%s); %llu were moved already, "
		    "%llu skipped as the store has changed, %llu failed",
		    r->o.dry_run ? "would move" : "moved",
		    (unsigned long long)r->moved,
		    vt_num_human_bytes(r->bytes, size),
		    (unsigned long long)r->already,
		    (unsigned long long)r->skipped,
		    (unsigned long long)r->failed);
	if (r->broken)
		return CLI_FAILED;
	if (r->waiting > 0 && r->failed + r->refused == 0)
		return CLI_LATER;
	if (r->failed > 0 && r->moved + r->removed + r->already == 0)
		return r->later ? CLI_LATER : CLI_FAILED;
	return r->failed + r->refused + r->bad_lines > 0 ?
	    CLI_SOME : CLI_OK;
}

static int
run_drain(struct run *r, const char *tier, const char *to, unsigned jobs,
    int quiet)
{
	struct vt_drain_options o = { .catalog = r->o.catalog,
	    .config = r->o.config, .clock = r->o.clock, .tier = tier,
	    .to = to };
	struct drain *d;
	int status, rest;

	d = drain_start(&o, &r->fd);
	r->path = "drain";
	r->path_count = 0;
	r->lines = vt_lines_open(r->fd, VT_RECORD_LINE_MAX);
	if (r->lines == NULL)
		cli_die(CLI_FAILED, "out of memory");
	status = run_plan(r, jobs, quiet);
	rest = drain_finish(d, quiet, r->o.dry_run);
	return status != CLI_OK ? status : rest;
}

int
main(int argc, char **argv)
{
	static char *from_stdin[] = { (char *)"-" };
	struct vt_catalog_options co;
	struct vt_accesslog_options lo;
	struct vt_catalog *catalog = NULL;
	struct vt_tiers *tiers = NULL;
	struct vt_config *config = NULL;
	struct vt_clock clock = VT_CLOCK_REAL;
	const struct vt_clock real = VT_CLOCK_REAL;
	struct vt_err err;
	struct run r;
	char *data = NULL, *config_path = NULL;
	const char *drain = NULL, *to = NULL;
	int64_t grace_ms = -1;
	unsigned jobs = 4;
	int c, gc = 0, repair = 0, rewrap = 0, ignore_grace = 0, quiet = 0;
	int status = CLI_FAILED;
	enum vt_code rc;

	memset(&r, 0, sizeof(r));
	memset(&err, 0, sizeof(err));
	pthread_mutex_init(&r.lock, NULL);
	pthread_mutex_init(&r.pace_lock, NULL);
	pthread_cond_init(&r.pack_done, NULL);
	vt_buf_init(&r.ahead, VT_RECORD_LINE_MAX);
	r.fd = -1;
	cli_init(argv, usage);
	while ((c = getopt_long(argc, argv, "+hj:qV", options, NULL)) != -1)
		switch (c) {
		case OPT_CONFIG:
			config_path = cli_absolute(optarg);
			break;
		case OPT_DATA:
			data = cli_absolute(optarg);
			break;
		case OPT_DRAIN:
			drain = optarg;
			break;
		case OPT_DRY_RUN:
			r.o.dry_run = 1;
			break;
		case OPT_GC:
			gc = 1;
			break;
		case OPT_GRACE:
			grace_ms = cli_opt_duration("--grace", optarg,
			    3650LL * 86400000);
			break;
		case OPT_IGNORE_GRACE:
			ignore_grace = 1;
			break;
		case OPT_MAX_BANDWIDTH:
			r.bandwidth = cli_opt_size("--max-bandwidth", optarg,
			    1, UINT64_MAX / 2);
			break;
		case OPT_NO_VERIFY:
			r.o.no_verify = 1;
			break;
		case OPT_NOW:
			clock = VT_CLOCK_FIXED(cli_opt_time("--now", optarg));
			break;
		case OPT_REPAIR:
			repair = 1;
			break;
		case OPT_REWRAP:
			rewrap = 1;
			break;
		case OPT_TO:
			to = optarg;
			break;
		case 'j':
			jobs = (unsigned)cli_opt_u64("--jobs", optarg, 1,
			    JOBS_MAX);
			break;
		case 'q':
			quiet = 1;
			break;
		case 'h':
			return cli_help();
		case 'V':
			return cli_version();
		default:
			return cli_usage();
		}
	if (gc && optind < argc)
		return cli_usage_error("--gc takes no plan");
	if (rewrap && (gc || r.o.dry_run || optind < argc))
		return cli_usage_error("--rewrap takes no plan, and neither "
		    "--gc nor --dry-run");
	if (drain != NULL && (gc || rewrap || optind < argc))
		return cli_usage_error("--drain takes no plan, and neither "
		    "--gc nor --rewrap");
	if (repair && (gc || rewrap || drain != NULL || optind < argc))
		return cli_usage_error("--repair takes no plan, and neither "
		    "--gc, --rewrap nor --drain");
	if (to != NULL && drain == NULL)
		return cli_usage_error("--to goes with --drain");
	if (ignore_grace && !gc)
		return cli_usage_error("--ignore-grace goes with --gc");
	r.paths = optind < argc ? argv + optind : from_stdin;
	r.path_count = optind < argc ? argc - optind : 1;
	if (!gc && !repair && !rewrap && drain == NULL && optind == argc &&
	    isatty(STDIN_FILENO))
		return cli_usage_error("no plan: name a file, or pipe "
		    "vt-scan | vt-plan into it");

	rc = cli_config_load(config_path, data, &config, &err);
	if (rc != VT_OK)
		goto out;
	memset(&co, 0, sizeof(co));
	co.clock = &clock;
	co.lock_clock = &real;
	co.fatal = cli_catalog_fatal;
	co.delete_grace_ms = VT_DELETE_GRACE_MS;
	rc = vt_catalog_open(config->catalog_path, &co, &catalog, &err);
	if (rc != VT_OK)
		goto out;
	rc = vt_tiers_open(config, catalog, &clock, 1, &tiers, &err);
	if (rc == VT_OK)
		rc = vt_keyring_open(config, catalog, environ, cli_tell_keys,
		    &r.keyring, &err);
	if (rc != VT_OK)
		goto out;
	vt_tiers_use_keyring(tiers, r.keyring);
	if (!r.o.dry_run && !gc && !rewrap) {
		memset(&lo, 0, sizeof(lo));
		lo.path = config->access_log;
		lo.node = config->node;
		lo.clock = &clock;
		lo.queue_bytes = 4 << 20;
		lo.coverage_ms = -1;	/* only vt-serve covers time */
		rc = vt_accesslog_open(&lo, &r.log, &err);
		if (rc != VT_OK)
			goto out;
	}
	r.o.catalog = catalog;
	r.o.tiers = tiers;
	r.o.config = config;
	r.o.clock = &clock;
	r.o.lock_clock = &real;
	r.o.grace_ms = grace_ms >= 0 ? grace_ms : config->grace_ms;
	r.o.pace = pace;
	r.o.pace_ctx = &r;
	r.node = config->node;
	cli_catch_signals(-1);
	status = gc ? run_gc(&r, ignore_grace, quiet) :
	    rewrap ? run_rewrap(&r, quiet) : repair ?
	    run_repair(&r, quiet) : drain != NULL ?
	    run_drain(&r, drain, to, jobs, quiet) : run_plan(&r, jobs, quiet);
out:
	if (rc != VT_OK) {
		cli_warn_err(&err, "cannot start");
		/* A store that is not there is no item that is not there. */
		status = rc == VT_ABSENT ? CLI_FAILED : cli_status_of(rc);
	}
	if (vt_accesslog_close(r.log, &err) != VT_OK) {
		cli_warn_err(&err, "access log");
		status = CLI_FAILED;
	}
	vt_lines_close(r.lines);
	vt_tiers_close(tiers);
	vt_keyring_close(r.keyring);
	vt_catalog_close(catalog);
	vt_config_free(config);
	pthread_mutex_destroy(&r.lock);
	pthread_mutex_destroy(&r.pace_lock);
	pthread_cond_destroy(&r.pack_done);
	vt_buf_release(&r.ahead);
	free(data);
	free(config_path);
	return cli_finish(status);
}
