/*
 * vt-scan: what is stored and how warm it is, one JSON line per version.  From
 * the catalog and its access logs, or from another system's logs alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/buf.h"
#include "libvt/base/clock.h"
#include "libvt/proto/foreignlog.h"
#include "libvt/proto/records.h"
#include "libvt/proto/zstream.h"
#include "libvt/store/catalog.h"
#include "libvt/work/config.h"
#include "libvt/work/heat.h"

#include "cmd/cli.h"

#define LINE_MAX_BYTES ((size_t)64 << 10)
#define OUT_BLOCK ((size_t)256 << 10)
#define OUT_MAX ((size_t)64 << 20)
#define PAGE_ROWS 4096
#define HISTORY_DAYS 64

static const char usage[] =
"usage: vt-scan [options]\n"
"       vt-scan [options] --from FORMAT [LOG...]\n"
"Print one JSON line per stored version: where it is and how it was read.\n"
"\n"
"With a server's data folder, of all versions in its catalog:\n"
"      --config FILE      configuration (vaultaire.json in the data folder)\n"
"      --data DIR         data folder ($VAULTAIRE_DATA, ./vaultaire-data)\n"
"      --log FILE         read this access log, not the configured ones; may\n"
"                         be repeated\n"
"Without a server, of the objects that logs speak of ('-': standard input):\n"
"      --from FORMAT      vaultaire, s3-access-log, combined or csv\n"
"      --bucket NAME      bucket to put objects of web and csv logs in (log)\n"
"Both:\n"
"      --history N        days with reads told exactly for each version, the\n"
"                         older ones folded; or 'all' (64)\n"
"      --now TIME         as if it were then (RFC 3339)\n"
"  -q, --quiet            no progress\n"
"  -h, --help             this text\n"
"  -V, --version          version\n"
"\n"
"Logs may be compressed (gzip, zstd, xz, bzip2, lz4).\n"
"Status 1: some lines were malformed and left out.\n";

enum {
	OPT_BUCKET = 256, OPT_CONFIG, OPT_DATA, OPT_FROM, OPT_HISTORY,
	OPT_LOG, OPT_NOW
};

static const struct option options[] = {
	{ "bucket", required_argument, NULL, OPT_BUCKET },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "data", required_argument, NULL, OPT_DATA },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "help", no_argument, NULL, 'h' },
	{ "history", required_argument, NULL, OPT_HISTORY },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "now", required_argument, NULL, OPT_NOW },
	{ "quiet", no_argument, NULL, 'q' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

struct run {
	const char *data, *config_path, *bucket;
	int foreign;
	enum vt_log_format format;
	char **logs;
	size_t log_count;
	int has_now;
	int64_t now_us;
	uint32_t history;
	int quiet;

	struct vt_heat *heat;
	struct vt_buf out;
	uint64_t lines, bad_lines;
	int failed;		/* a log could not be read to its end */
	int stop;		/* output is gone */
};

static void
die(const struct vt_err *err)
{
	int status = cli_status_of(err->code);

	/* what a command cannot do without is no item that failed */
	cli_die(status == CLI_SOME ? CLI_FAILED : status, "%s", err->text);
}

/* --- logs ----------------------------------------------------------------- */

/* The first malformed line is shown; the rest are counted. */
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
read_lines(struct run *r, struct vt_logparser *p, struct vt_zlines *z,
    const char *path)
{
	struct vt_log_event event;
	uint64_t number = 0, told = 0;
	const char *line;
	enum vt_code rc;
	struct vt_err err;
	size_t len;

	while (!cli_stopping()) {
		rc = vt_zlines_next(z, &line, &len, &number, &err);
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
		r->lines++;
		if ((number & 0xffff) == 0) {
			cli_progress_add(0, number - told);
			told = number;
		}
		rc = vt_logparser_line(p, line, len, &event, &err);
		if (rc == VT_INVALID)
			note_bad(r, path, number, line, len, &err);
		if (rc != VT_OK)
			continue;
		rc = vt_heat_add(r->heat, &event, &err);
		if (rc != VT_OK)
			die(&err);
	}
	cli_progress_add(0, number - told);
}

static void
read_log(struct run *r, struct vt_logparser *p, const char *path)
{
	int is_stdin = strcmp(path, "-") == 0;
	struct vt_zlines *z;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		cli_warn("cannot open '%s': %s", path, strerror(errno));
		r->failed = CLI_FAILED;
		return;
	}
	z = vt_zlines_open(fd, LINE_MAX_BYTES);
	if (z == NULL)
		cli_die(CLI_FAILED, "out of memory");
	vt_logparser_file(p);
	read_lines(r, p, z, is_stdin ? "standard input" : path);
	vt_zlines_close(z);
	if (!is_stdin)
		close(fd);
}

static void
read_logs(struct run *r)
{
	struct vt_logparser *p = vt_logparser_new(r->format, r->bucket);
	size_t i;

	if (p == NULL)
		cli_die(CLI_FAILED, "out of memory");
	cli_progress_start(r->quiet, "reading logs");
	for (i = 0; i < r->log_count && !cli_stopping(); i++)
		read_log(r, p, r->logs[i]);
	cli_progress_stop();
	vt_logparser_free(p);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
add_log(struct run *r, char *path)
{
	r->logs = realloc(r->logs, (r->log_count + 1) * sizeof(*r->logs));
	if (r->logs == NULL)
		cli_die(CLI_FAILED, "out of memory");
	r->logs[r->log_count++] = path;
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
			cli_die(CLI_FAILED, "out of memory");
		add_log(r, path);
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

/* --- output --------------------------------------------------------------- */

static void
put(struct run *r, const struct vt_scan_record *rec)
{
	struct vt_err err;

	vt_scan_record_format(rec, &r->out);
	if (vt_buf_check(&r->out, "the output", &err) != VT_OK)
		die(&err);
	if (r->out.len >= OUT_BLOCK && cli_out_buf(&r->out) < 0)
		r->stop = 1;
}

static void
end_output(struct run *r)
{
	if (r->out.len > 0)
		(void)cli_out_buf(&r->out);	/* sticks; cli_finish tells */
	vt_buf_release(&r->out);
}

/* --- without a server ----------------------------------------------------- */

/* A log that tells no coverage covers the time from its first read to its
 * last line: writes before that are an inventory of what there was. */
static void
assume_coverage(struct run *r)
{
	int64_t from, to, first, last;
	struct vt_err err;
	double days;

	vt_heat_span(r->heat, &first, &last);
	if (r->has_now && r->now_us > last)
		last = r->now_us;
	vt_heat_coverage(r->heat, &from, &to, &days);
	if (days == 0 && first != 0 && last > first) {
		if (vt_heat_cover(r->heat, "", 0, first, last, 0, &err) !=
		    VT_OK)
			die(&err);
	}
	if (!r->has_now)
		r->now_us = last;
}

static void
put_foreign(struct run *r)
{
	const struct vt_heat_object *o;
	struct vt_scan_record rec;
	struct vt_err err;
	uint64_t unsized = 0;
	size_t i, n = vt_heat_count(r->heat);

	for (i = 0; i < n && !r->stop && !cli_stopping(); i++) {
		o = vt_heat_at(r->heat, i);
		if (o->deleted)
			continue;
		if (!o->has_size) {
			unsized++;
			continue;
		}
		memset(&rec, 0, sizeof(rec));
		rec.bucket = o->name;
		rec.key = o->name + o->bucket_len + 1;
		rec.key_len = o->key_len;
		rec.version = rec.key + o->key_len + 1;
		rec.is_current = 1;
		rec.size_bytes = rec.stored_bytes = o->size_bytes;
		rec.mtime_us = o->has_created ? o->created_us : o->first_us;
		rec.copy_since_us = rec.mtime_us;
		rec.tier = "hot";
		if (rec.mtime_us > r->now_us)
			continue;
		if (vt_heat_fill(r->heat, &o, 1, r->now_us, &rec, &err) !=
		    VT_OK)
			die(&err);
		put(r, &rec);
	}
	if (unsized > 0)
		cli_warn("%llu objects whose size no line tells were left "
		    "out", (unsigned long long)unsized);
}

static void
scan_foreign(struct run *r)
{
	struct vt_err err;

	read_logs(r);
	if (cli_stopping())
		return;
	/* what the log itself covers is known only once it is joined */
	if (vt_heat_finish(r->heat, &err) != VT_OK)
		die(&err);
	assume_coverage(r);
	if (vt_heat_finish(r->heat, &err) != VT_OK)
		die(&err);
	put_foreign(r);
}

/* --- the catalog ---------------------------------------------------------- */

static const char *
lock_name(const struct vt_version *v)
{
	switch (v->lock_mode) {
	case VT_LOCK_GOVERNANCE:
		return "governance";
	case VT_LOCK_COMPLIANCE:
		return "compliance";
	default:
		return "";
	}
}

/* Describe the copy that listings speak of; name the tiers of the others.
 * What a restore left for some days is nobody's to plan with. */
static void
describe_copies(const struct vt_version *v, struct vt_scan_record *rec,
    const char **also, size_t max)
{
	const struct vt_copy *c = NULL;
	size_t i;

	for (i = 0; i < v->copy_count; i++)
		if (v->copies[i].until_us == 0 && (c == NULL ||
		    strcmp(v->copies[i].tier, v->tier) == 0))
			c = &v->copies[i];
	rec->tier = v->tier != NULL ? v->tier : "";
	rec->also = also;
	if (c == NULL)
		return;
	rec->tier = c->tier;
	rec->copy = c->id;
	rec->copy_since_us = c->created_us;
	for (i = 0; i < c->extent_count; i++) {
		rec->stored_bytes += c->extents[i].length;
		if (!c->extents[i].blob.owned && !c->extents[i].blob.is_inline)
			rec->adopted = 1;
	}
	for (i = 0; i < v->copy_count && rec->also_count < max; i++)
		if (&v->copies[i] != c && v->copies[i].until_us == 0)
			also[rec->also_count++] = v->copies[i].tier;
}

/* --- lifecycle rules ------------------------------------------------------ *
 * Of a bucket that has some, also what they ask: the rules themselves, delete
 * markers and uploads in progress.  What they mean is vt-plan's business.
 */

struct visit {
	struct run *r;
	const struct vt_config *config;
	struct vt_catalog *catalog;
	/* buckets with rules, in order; those from `next` on are to come */
	struct vt_arena *arena;
	const struct vt_bucket **ruled;
	size_t ruled_count, next;
	/* the version before this one */
	int64_t bucket_id;
	char key[VT_KEY_MAX];
	size_t key_len;
	int64_t mtime_us;
	uint32_t newer;		/* noncurrent ones of this key so far */
	/* a current delete marker waits for the next line: does it hide
	 * anything? */
	int has_marker;
	struct vt_scan_record marker;
	char marker_version[VT_ID_LEN + 1], marker_bucket[64];
};

static int
has_rules(const struct vt_bucket *b)
{
	return (b->docs >> VT_DOC_LIFECYCLE) & 1;
}

static int
note_ruled(void *ctx, const struct vt_bucket *b)
{
	struct visit *n = ctx;
	struct vt_bucket *copy;

	if (!has_rules(b))
		return 0;
	if (n->ruled_count % 64 == 0)
		n->ruled = realloc(n->ruled,
		    (n->ruled_count + 64) * sizeof(*n->ruled));
	copy = vt_arena_alloc(n->arena, sizeof(*copy));
	if (n->ruled == NULL || copy == NULL)
		cli_die(CLI_FAILED, "out of memory");
	*copy = *b;
	n->ruled[n->ruled_count++] = copy;
	return 0;
}

struct uploads {
	struct visit *n;
	const struct vt_bucket *b;
	char key[VT_KEY_MAX];
	size_t key_len;
	char id[VT_ID_LEN + 1];
};

/* What an upload's parts take. */
static uint64_t
upload_bytes(struct visit *n, const char *id)
{
	struct vt_arena *a = vt_arena_new(16 << 20);
	struct vt_upload_part *parts;
	uint64_t sum = 0;
	size_t count = 0, i;
	int truncated;

	if (a == NULL)
		cli_die(CLI_FAILED, "out of memory");
	/* over by now is as good as empty */
	if (vt_catalog_upload_parts(n->catalog, a, id, 0, 10000, &parts,
	    &count, &truncated, NULL) == VT_OK)
		for (i = 0; i < count; i++)
			sum += parts[i].size_bytes;
	vt_arena_free(a);
	return sum;
}

static int
visit_upload(void *ctx, int is_prefix, const struct vt_upload *u)
{
	struct uploads *s = ctx;
	struct vt_scan_record rec;

	(void)is_prefix;
	memcpy(s->key, u->key, u->key_len);
	s->key_len = u->key_len;
	memcpy(s->id, u->id, sizeof(s->id));
	memset(&rec, 0, sizeof(rec));
	rec.kind = VT_SCAN_UPLOAD;
	rec.is_ruled = 1;
	rec.bucket = s->b->name;
	rec.bucket_generation = s->b->generation;
	rec.key = u->key;
	rec.key_len = u->key_len;
	rec.upload = u->id;
	rec.mtime_us = u->created_us;
	rec.tier = u->tier;
	rec.size_bytes = upload_bytes(s->n, u->id);
	put(s->n->r, &rec);
	return s->n->r->stop || cli_stopping();
}

static void
put_uploads(struct visit *n, const struct vt_bucket *b)
{
	struct uploads s = { .n = n, .b = b };
	struct vt_list l = { .bucket_id = b->id, .prefix = "",
	    .delimiter = "", .max = 1000 };
	struct vt_err err;
	int more = 1;

	while (more && !n->r->stop && !cli_stopping()) {
		l.after = s.key;
		l.after_len = s.key_len;
		l.has_after = s.id[0] != '\0';
		if (vt_catalog_uploads(n->catalog, &l, s.id, visit_upload, &s,
		    &more, &err) != VT_OK)
			die(&err);
	}
}

/* The bucket's rules, and its uploads; nothing when they are gone by now. */
static void
put_rules(struct visit *n, const struct vt_bucket *b)
{
	struct vt_arena *a = vt_arena_new(8 << 20);
	struct vt_scan_record rec;
	struct vt_err err;
	enum vt_code rc;

	if (a == NULL)
		cli_die(CLI_FAILED, "out of memory");
	memset(&rec, 0, sizeof(rec));
	rec.kind = VT_SCAN_BUCKET;
	rec.bucket = b->name;
	rec.bucket_generation = b->generation;
	rec.versioning = b->versioning == 1 ? "enabled" :
	    b->versioning == 2 ? "suspended" : "";
	rec.at_us = n->r->now_us;
	rec.day_ms = n->config->lifecycle_day_ms;
	rec.has_min_bytes = 1;
	rec.min_bytes = n->config->lifecycle_min_bytes;
	rc = vt_catalog_doc(n->catalog, a, b->id, VT_DOC_LIFECYCLE,
	    &rec.lifecycle, &rec.lifecycle_len, &err);
	if (rc == VT_OK) {
		put(n->r, &rec);
		put_uploads(n, b);
	} else if (rc != VT_ABSENT) {
		die(&err);
	}
	vt_arena_free(a);
}

static void
flush_marker(struct visit *n, int is_alone)
{
	if (!n->has_marker)
		return;
	n->has_marker = 0;
	n->marker.is_alone = is_alone;
	n->marker.bucket = n->marker_bucket;
	n->marker.key = n->key;
	n->marker.version = n->marker_version;
	put(n->r, &n->marker);
}

/* Rules of buckets up to and with `name` (NULL: all) come before its
 * versions. */
static void
put_rules_before(struct visit *n, const char *name)
{
	for (; n->next < n->ruled_count && (name == NULL ||
	    strcmp(n->ruled[n->next]->name, name) <= 0); n->next++)
		put_rules(n, n->ruled[n->next]);
}

/* Where a version stands among those of its key, newest first. */
static void
follow_key(struct visit *n, const struct vt_version *v,
    struct vt_scan_record *rec)
{
	int same = n->bucket_id == v->bucket_id &&
	    n->key_len == v->key_len &&
	    memcmp(n->key, v->key, v->key_len) == 0;

	flush_marker(n, !same);
	if (!same)
		n->newer = 0;
	rec->is_ruled = 1;
	rec->tags = v->tags;
	if (!v->is_current) {
		rec->newer = n->newer;
		rec->noncurrent_since_us = same ? n->mtime_us : 0;
		n->newer += !v->is_marker;
	}
	n->bucket_id = v->bucket_id;
	memcpy(n->key, v->key, v->key_len);
	n->key_len = v->key_len;
	n->mtime_us = v->mtime_us;
}

static void
put_marker(struct visit *n, const struct vt_bucket *b,
    const struct vt_version *v, const struct vt_scan_record *standing)
{
	struct vt_scan_record rec = *standing;

	rec.kind = VT_SCAN_MARKER;
	rec.bucket = b->name;
	rec.key = v->key;
	rec.key_len = v->key_len;
	rec.version = v->version_id;
	rec.seq = v->seq;
	rec.generation = v->generation;
	rec.bucket_generation = b->generation;
	rec.is_current = v->is_current;
	rec.mtime_us = v->mtime_us;
	if (!v->is_current) {
		put(n->r, &rec);
		return;
	}
	n->has_marker = 1;
	n->marker = rec;
	n->marker.tags = "";
	memcpy(n->marker_version, v->version_id, sizeof(n->marker_version));
	snprintf(n->marker_bucket, sizeof(n->marker_bucket), "%s", b->name);
}

/* --- versions ------------------------------------------------------------- */

static int
visit_version(void *ctx, const struct vt_bucket *b, const struct vt_version *v)
{
	struct visit *visit = ctx;
	struct run *r = visit->r;
	const struct vt_heat_object *parts[3] = { NULL, NULL, NULL };
	const char *also[VT_TIERS_MAX];
	const struct vt_tier *tier;
	size_t bucket_len = strlen(b->name);
	struct vt_scan_record rec;
	struct vt_err err;

	memset(&rec, 0, sizeof(rec));
	if (v->bucket_id != visit->bucket_id)
		flush_marker(visit, 1);
	if (visit->next < visit->ruled_count)
		put_rules_before(visit, b->name);
	if (has_rules(b))
		follow_key(visit, v, &rec);
	if (v->is_marker) {
		if (has_rules(b))
			put_marker(visit, b, v, &rec);
		return r->stop || cli_stopping();
	}
	rec.bucket = b->name;
	rec.key = v->key;
	rec.key_len = v->key_len;
	rec.version = v->version_id;
	rec.seq = v->seq;
	rec.generation = v->generation;
	rec.bucket_generation = b->generation;
	rec.is_current = v->is_current;
	rec.size_bytes = v->size_bytes;
	rec.mtime_us = v->mtime_us;
	rec.pin = v->pin;
	rec.lock = lock_name(v);
	rec.retain_until_us = v->retain_until_us;
	rec.legal_hold = v->legal_hold == VT_HOLD_ON;
	describe_copies(v, &rec, also, VT_TIERS_MAX);
	tier = vt_config_tier(visit->config, rec.tier);
	rec.storage_class = tier != NULL ? tier->storage_class : "";

	/* A line may name the version, call it null, or mean the current. */
	parts[0] = vt_heat_find(r->heat, b->name, bucket_len, v->key,
	    v->key_len, v->version_id, strlen(v->version_id));
	if (v->is_null)
		parts[1] = vt_heat_find(r->heat, b->name, bucket_len, v->key,
		    v->key_len, "null", 4);
	if (v->is_current)
		parts[2] = vt_heat_find(r->heat, b->name, bucket_len, v->key,
		    v->key_len, "", 0);
	if (vt_heat_fill(r->heat, parts, 3, r->now_us, &rec, &err) != VT_OK)
		die(&err);
	put(r, &rec);
	cli_progress_add(0, 1);
	return r->stop || cli_stopping();
}

static void
walk_catalog(struct run *r, const struct vt_config *config)
{
	struct vt_catalog_options co;
	struct vt_scan_pos *pos = cli_alloc(sizeof(*pos));
	struct visit *visit = cli_alloc(sizeof(*visit));
	struct vt_clock clock = VT_CLOCK_REAL;
	struct vt_catalog *catalog;
	struct vt_err err;
	enum vt_code rc;
	int more = 1;

	memset(&co, 0, sizeof(co));
	co.clock = &clock;
	co.read_only = 1;
	if (vt_catalog_open(config->catalog_path, &co, &catalog, &err) !=
	    VT_OK)
		die(&err);
	visit->r = r;
	visit->config = config;
	visit->catalog = catalog;
	visit->arena = vt_arena_new(SIZE_MAX / 2);
	if (visit->arena == NULL)
		cli_die(CLI_FAILED, "out of memory");
	if (vt_catalog_buckets(catalog, visit->arena, note_ruled, visit,
	    &err) != VT_OK)
		die(&err);
	cli_progress_start(r->quiet, "reading the catalog");
	while (more && !r->stop && !cli_stopping()) {
		rc = vt_catalog_scan(catalog, pos, PAGE_ROWS, visit_version,
		    visit, &more, &err);
		if (rc == VT_CANCELLED)
			break;
		if (rc != VT_OK)
			die(&err);
	}
	if (!more && !r->stop && !cli_stopping()) {
		flush_marker(visit, 1);
		put_rules_before(visit, NULL);
	}
	cli_progress_stop();
	vt_catalog_close(catalog);
	vt_arena_free(visit->arena);
	free(visit->ruled);
	free(visit);
	free(pos);
}

static void
scan_catalog(struct run *r)
{
	struct vt_clock clock = VT_CLOCK_REAL;
	struct vt_config *config;
	struct vt_err err;

	if (cli_config_load(r->config_path, r->data, &config, &err) != VT_OK)
		die(&err);
	if (!r->has_now)
		r->now_us = vt_clock_now_us(&clock);
	if (r->log_count == 0)
		find_logs(r, config->access_log);
	read_logs(r);
	if (vt_heat_finish(r->heat, &err) != VT_OK)
		die(&err);
	if (!cli_stopping())
		walk_catalog(r, config);
	vt_config_free(config);
}

/* --- main ----------------------------------------------------------------- */

static int
parse(struct run *r, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "+hqV", options, NULL)) != -1) {
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
		case OPT_CONFIG:
			r->config_path = optarg;
			break;
		case OPT_DATA:
			r->data = optarg;
			break;
		case OPT_FROM:
			if (vt_log_format_find(optarg, &r->format) < 0)
				return cli_usage_error("--from: unknown format "
				    "'%s'", optarg);
			r->foreign = 1;
			break;
		case OPT_HISTORY:
			r->history = strcmp(optarg, "all") == 0 ? UINT32_MAX :
			    (uint32_t)cli_opt_u64("--history", optarg, 1,
			    1000000);
			break;
		case OPT_LOG:
			add_log(r, cli_strdup(optarg));
			break;
		case OPT_NOW:
			r->now_us = cli_opt_time("--now", optarg);
			r->has_now = 1;
			break;
		default:
			return cli_usage();
		}
	}
	if (r->foreign && (r->data != NULL || r->config_path != NULL ||
	    r->log_count > 0))
		return cli_usage_error("--from needs no server: not with "
		    "--data, --config or --log");
	if (!r->foreign && optind < argc)
		return cli_usage_error("'%s': logs of other systems need "
		    "--from", argv[optind]);
	if (*r->bucket == '\0')
		return cli_usage_error("--bucket: the name is empty");
	for (; optind < argc; optind++)
		add_log(r, cli_strdup(argv[optind]));
	if (r->foreign && r->log_count == 0)
		add_log(r, cli_strdup("-"));
	return CLI_OK;
}

int
main(int argc, char **argv)
{
	struct run r;
	int status;
	size_t i;

	cli_init(argv, usage);
	memset(&r, 0, sizeof(r));
	r.bucket = "log";
	r.history = HISTORY_DAYS;
	status = parse(&r, argc, argv);
	if (status != CLI_OK)
		return status;
	cli_catch_signals(-1);
	vt_buf_init(&r.out, OUT_MAX);
	r.heat = vt_heat_new(r.history);
	if (r.heat == NULL)
		cli_die(CLI_FAILED, "out of memory");
	if (r.foreign)
		scan_foreign(&r);
	else
		scan_catalog(&r);
	end_output(&r);
	if (r.bad_lines > 1)
		cli_warn("%llu malformed lines of %llu were left out",
		    (unsigned long long)r.bad_lines,
		    (unsigned long long)r.lines);
	vt_heat_free(r.heat);
	for (i = 0; i < r.log_count; i++)
		free(r.logs[i]);
	free(r.logs);
	return cli_finish(r.failed != 0 ? r.failed :
	    r.bad_lines > 0 ? CLI_SOME : CLI_OK);
}
