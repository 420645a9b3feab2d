/*
 * vt-put: files, directories or a stream into S3 objects.
 *
 * One thread, main, finds the work: it walks the arguments and fills a
 * bounded queue, or reads a stream into buffers.  The others do it: whole
 * files from the queue, and parts of the large files and streams that are
 * open.  Parts go first, so that few large files are open at a time.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/clock.h"
#include "libvt/base/fs.h"
#include "libvt/base/hex.h"
#include "libvt/base/jsonl.h"
#include "libvt/proto/s3client.h"

#include "cmd/cli.h"

#define MIB (1024ull * 1024)
#define QUEUE_MAX 1024		/* files found and not yet begun */
#define JOBS_MAX 256
#define HEADERS_MAX 48
#define OBJECT_MAX (5 * 1024 * 1024 * MIB)
#define SMALL_MAX (1024 * 1024)	/* read into memory at once: one read */
#define NAME_MAX_BYTES (64 * 1024)	/* of a line of --files-from */

static const char usage[] =
"usage: vt-put [options] file ... s3://bucket/key\n"
"       vt-put [options] - s3://bucket/key\n"
"       vt-put [options] --recursive directory ... s3://bucket/prefix/\n"
"       vt-put [options] --files-from list s3://bucket/prefix/\n"
"Put files, directories or standard input into S3 objects.\n"
"\n"
"What:\n"
"  -r, --recursive          put what lies in directories\n"
"      --files-from FILE    names, one a line; '-' is standard input\n"
"  -0, --null               names of --files-from end in NUL\n"
"      --follow             follow symbolic links instead of skipping them\n"
"      --make-bucket        make the bucket first if there is none\n"
"      --if-none-match      do not overwrite: an existing object is status 1\n"
"      --skip-same          skip what is there with the same size and time\n"
"  -n, --dry-run            say what would be put, put nothing\n"
"How it is stored:\n"
"      --content-type TYPE  instead of a guess from the name\n"
"      --header NAME=VALUE  another request header, such as cache-control\n"
"      --meta NAME=VALUE    user metadata\n"
"      --storage-class CLASS\n"
"How it is sent:\n"
"  -j, --jobs N             requests at a time (8)\n"
"      --part-size SIZE     of a multipart upload (8M); a larger file is sent\n"
"                           in parts\n"
"      --expected-size SIZE of a stream, when over 10,000 parts\n"
"      --no-resume          do not go on with an interrupted upload\n"
"Where:\n"
"      --endpoint URL       instead of AWS; see ENVIRONMENT in vt-put(1)\n"
"      --region NAME\n"
"      --profile NAME       of the AWS configuration and credential files\n"
"      --no-sign-request    be anonymous\n"
"      --virtual-host       bucket in the host name, not in the path\n"
"      --ca-file FILE       certificates to trust, PEM\n"
"      --retries N          of a request that may work later (5)\n"
"Talk:\n"
"      --json               one line of JSON for each object\n"
"  -q, --quiet              no progress line\n"
"      --verbose            tell of each object and each retry\n"
"  -h, --help               this text\n"
"  -V, --version            the version\n";

/* --- what was asked for --------------------------------------------------- */

static struct {
	struct cli_s3 s3;
	char *bucket, *prefix;
	int recursive, null, follow, skip_same, if_none_match, dry_run;
	int no_resume, make_bucket, json, quiet, verbose;
	const char *files_from, *content_type, *storage_class;
	uint64_t part_size, expected_size;
	unsigned jobs;
	struct vt_header header[HEADERS_MAX];	/* --header and --meta */
	size_t header_count;
} opt = { .part_size = 8 * MIB, .jobs = 8 };

static struct vt_s3 *client;

/* --- what there is to do -------------------------------------------------- */

struct item {
	struct item *next;
	char *path, *key;
	uint64_t size;
	struct timespec mtime;
	int has_mtime;
	int follow;		/* named by the user: a link may be followed */
	int64_t start_us;
	char mtime_text[48];
	struct vt_header header[HEADERS_MAX + 8];
	size_t header_count;
};

struct chunk {			/* a part of a stream, in memory */
	struct chunk *next;
	unsigned number;
	size_t len;
	char *data;
};

/* An object that is sent in parts. */
struct upload {
	struct upload *next;
	struct item *item;
	int fd;			/* -1: a stream */
	char *id;
	uint64_t part_size, size;
	unsigned parts;		/* as many as there are, or as were read */
	struct vt_s3_part *part;	/* number 0: not stored yet */
	unsigned next_part;	/* index of the next to hand out */
	unsigned running, stored, resumed;
	struct chunk *first, **last;	/* of a stream: waiting */
	int eof;		/* nothing more will come */
	int ended;		/* completed or given up */
	enum vt_code rc;
	struct vt_err err;
};

/* Everything here is under the lock. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t work, room;	/* for workers; for main */
	struct item *first, **last;
	unsigned queued;
	int closed;		/* main has found everything */
	unsigned beginning;	/* workers that may yet open an upload */
	struct upload *active;
	struct chunk *spare;	/* buffers not in use */
	unsigned buffers;	/* made so far */
	struct cli_tally tally;
} state = {
	.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER,
	.room = PTHREAD_COND_INITIALIZER, .last = &state.first
};

static void
moved(void *ctx, int64_t bytes)
{
	(void)ctx;
	cli_progress_add(bytes, 0);
}

static void
free_item(struct item *it)
{
	if (it == NULL)
		return;
	free(it->path);
	free(it->key);
	free(it);
}

/* --- results -------------------------------------------------------------- */

struct outcome {
	const char *result;	/* "stored", "same", "planned" */
	uint64_t bytes;
	const struct vt_s3_put_result *put;	/* or NULL */
	unsigned parts, resumed;
};

static void
report_json(const struct item *it, const struct outcome *o, enum vt_code rc,
    const struct vt_err *err)
{
	struct vt_buf b;
	uint8_t crc[8];
	char text[16];
	int i;

	vt_buf_init(&b, 1024 * 1024);
	vt_json_begin(&b);
	vt_json_u64(&b, "v", 1);
	vt_json_str(&b, "op", "put");
	vt_json_str(&b, "result", rc == VT_OK ? o->result : "failed");
	vt_json_bytes(&b, "source", it->path, strlen(it->path));
	vt_json_str(&b, "bucket", opt.bucket);
	vt_json_bytes(&b, "key", it->key, strlen(it->key));
	vt_json_u64(&b, "bytes", o->bytes);
	if (rc == VT_OK && o->put != NULL) {
		vt_json_str(&b, "etag", o->put->etag);
		if (o->put->version[0] != '\0')
			vt_json_str(&b, "version", o->put->version);
		for (i = 0; i < 8; i++)
			crc[i] = (uint8_t)(o->put->crc64 >> (56 - 8 * i));
		vt_b64_encode(crc, 8, text);
		vt_json_str(&b, "crc64nvme", text);
	}
	if (o->parts > 0) {
		vt_json_u64(&b, "parts", o->parts);
		vt_json_u64(&b, "resumed_parts", o->resumed);
	}
	if (it->start_us > 0)
		vt_json_u64(&b, "ms",
		    (uint64_t)(vt_clock_mono_us() - it->start_us) / 1000);
	if (rc != VT_OK) {
		vt_json_str(&b, "code", vt_code_name(rc));
		vt_json_str(&b, "error", err->text);
	}
	vt_json_end(&b);
	/* A lost line is told by cli_finish; the copy goes on. */
	(void)!cli_out_buf(&b);
	vt_buf_release(&b);
}

/* An item is done with, well or not: tell, count, free. */
static void
finish_item(struct item *it, const struct outcome *o, enum vt_code rc,
    const struct vt_err *err)
{
	if (opt.json)
		report_json(it, o, rc, err);
	else if (rc == VT_OK && opt.dry_run)
		cli_printf("%s -> s3://%s/%s\n", it->path, opt.bucket,
		    it->key);
	/* After a signal one line at the end says it all. */
	if (rc != VT_OK && rc != VT_CANCELLED)
		cli_warn("'%s': s3://%s/%s: %s", it->path, opt.bucket,
		    it->key, err->text);
	else if (rc == VT_OK && opt.verbose)
		cli_warn("'%s': s3://%s/%s: %s", it->path, opt.bucket,
		    it->key, o->result);
	cli_progress_add(0, 1);
	pthread_mutex_lock(&state.lock);
	cli_tally_add(&state.tally, rc);
	pthread_mutex_unlock(&state.lock);
	free_item(it);
}

static void
fail_item(struct item *it, enum vt_code rc, const struct vt_err *err)
{
	struct outcome o = { "failed", it->size, NULL, 0, 0 };

	finish_item(it, &o, rc, err);
}

/* --- headers of an object ------------------------------------------------- */

/* What browsers and tools tell apart; everything else is bytes. */
static const char *
guess_type(const char *name)
{
	static const struct {
		const char *ext, *type;
	} types[] = {
		{ "7z", "application/x-7z-compressed" },
		{ "avif", "image/avif" },
		{ "bz2", "application/x-bzip2" },
		{ "css", "text/css" },
		{ "csv", "text/csv" },
		{ "gif", "image/gif" },
		{ "gz", "application/gzip" },
		{ "htm", "text/html" },
		{ "html", "text/html" },
		{ "ico", "image/vnd.microsoft.icon" },
		{ "ics", "text/calendar" },
		{ "jpeg", "image/jpeg" },
		{ "jpg", "image/jpeg" },
		{ "js", "text/javascript" },
		{ "json", "application/json" },
		{ "jsonl", "application/jsonl" },
		{ "log", "text/plain" },
		{ "m4a", "audio/mp4" },
		{ "md", "text/markdown" },
		{ "mjs", "text/javascript" },
		{ "mov", "video/quicktime" },
		{ "mp3", "audio/mpeg" },
		{ "mp4", "video/mp4" },
		{ "ogg", "audio/ogg" },
		{ "otf", "font/otf" },
		{ "parquet", "application/vnd.apache.parquet" },
		{ "pdf", "application/pdf" },
		{ "png", "image/png" },
		{ "svg", "image/svg+xml" },
		{ "tar", "application/x-tar" },
		{ "tif", "image/tiff" },
		{ "tiff", "image/tiff" },
		{ "ttf", "font/ttf" },
		{ "txt", "text/plain" },
		{ "wasm", "application/wasm" },
		{ "wav", "audio/wav" },
		{ "webm", "video/webm" },
		{ "webp", "image/webp" },
		{ "woff", "font/woff" },
		{ "woff2", "font/woff2" },
		{ "xml", "application/xml" },
		{ "xz", "application/x-xz" },
		{ "yaml", "application/yaml" },
		{ "yml", "application/yaml" },
		{ "zip", "application/zip" },
		{ "zst", "application/zstd" },
	};
	const char *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
	size_t i;

	if (dot != NULL && (slash == NULL || dot > slash))
		for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
			if (strcasecmp(dot + 1, types[i].ext) == 0)
				return types[i].type;
	return "application/octet-stream";
}

/* Did the user give this header, so that ours would be a second one? */
static int
is_given(const char *name)
{
	size_t i;

	for (i = 0; i < opt.header_count; i++)
		if (strcasecmp(opt.header[i].name, name) == 0)
			return 1;
	return 0;
}

static void
make_headers(struct item *it)
{
	struct vt_header *h = it->header;
	size_t n = 0;

	if (!is_given("content-type"))
		h[n++] = (struct vt_header){ "content-type",
		    opt.content_type != NULL ? opt.content_type :
		    guess_type(it->key) };
	if (opt.storage_class != NULL)
		h[n++] = (struct vt_header){ "x-amz-storage-class",
		    opt.storage_class };
	if (it->has_mtime && !is_given("x-amz-meta-mtime")) {
		/* As rclone writes and reads it. */
		snprintf(it->mtime_text, sizeof(it->mtime_text), "%lld.%09ld",
		    (long long)it->mtime.tv_sec, it->mtime.tv_nsec);
		h[n++] = (struct vt_header){ "x-amz-meta-mtime",
		    it->mtime_text };
	}
	if (opt.header_count > 0)
		memcpy(h + n, opt.header, opt.header_count * sizeof(*h));
	it->header_count = n + opt.header_count;
}

static struct vt_s3_put
put_of(struct item *it)
{
	struct vt_s3_put p;

	memset(&p, 0, sizeof(p));
	p.bucket = opt.bucket;
	p.key = it->key;
	p.headers = it->header;
	p.header_count = it->header_count;
	p.body.fd = -1;
	p.moved = moved;
	return p;
}

/* The condition belongs to the request that makes the object visible. */
static const struct vt_header only_new = { "If-None-Match", "*" };

static void
add_condition(struct vt_s3_put *p, struct item *it)
{
	if (opt.if_none_match) {
		it->header[it->header_count] = only_new;
		p->header_count = it->header_count + 1;
	}
}

static enum vt_code
explain(enum vt_code rc, struct vt_err *err)
{
	if (rc == VT_PRECONDITION && opt.if_none_match)
		return vt_fail(err, VT_EXISTS, "exists already");
	return rc;
}

/* --- one file ------------------------------------------------------------- */

static int
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Has the file changed since `it` was made from it? */
static enum vt_code
check_unchanged(int fd, const struct item *it, struct vt_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return vt_fail_errno(err, "cannot stat");
	if ((uint64_t)st.st_size != it->size ||
	    !same_time(&st.st_mtim, &it->mtime))
		return vt_fail(err, VT_BUSY, "changed while it was read");
	return VT_OK;
}

/* Is the object there with the same contents?  1, 0, or -1 with rc. */
static int
is_same(struct item *it, int fd, enum vt_code *rc, struct vt_err *err)
{
	struct vt_s3_head head;
	struct timespec t;
	uint8_t sum[VT_HASH_MAX], md5[16];

	*rc = vt_s3_head(client, opt.bucket, it->key, NULL, &head, err);
	if (*rc == VT_ABSENT)
		return 0;
	if (*rc != VT_OK)
		return -1;
	if (head.size_bytes != it->size)
		return 0;
	if (cli_parse_mtime(head.mtime, &t) == 0 && same_time(&t, &it->mtime))
		return 1;
	/* The times say nothing: compare what is inside. */
	if (head.checksum.alg != VT_HASH_ALGS) {
		*rc = cli_hash_range(fd, 0, it->size, head.checksum.alg,
		    sum, err);
		return *rc != VT_OK ? -1 : memcmp(sum, head.checksum.value,
		    vt_hash_len(head.checksum.alg)) == 0;
	}
	if (!head.etag_is_md5 || !vt_s3_etag_md5(head.etag, md5))
		return 0;
	*rc = cli_hash_range(fd, 0, it->size, VT_MD5, sum, err);
	return *rc != VT_OK ? -1 : memcmp(sum, md5, 16) == 0;
}

static void
put_whole(struct item *it, int fd)
{
	struct vt_s3_put p = put_of(it);
	struct vt_s3_put_result res;
	struct vt_err err = { VT_OK, "" };
	struct outcome o = { "stored", it->size, &res, 0, 0 };
	char *data = NULL;
	ssize_t n;
	enum vt_code rc = VT_OK;

	p.body.len = it->size;
	p.body.fd = fd;
	if (it->size <= SMALL_MAX) {
		data = malloc(it->size > 0 ? it->size : 1);
		n = data == NULL ? -1 : vt_fs_pread_all(fd, data, it->size, 0);
		if (n < 0)
			rc = vt_fail_errno(&err, "cannot read");
		else if ((uint64_t)n < it->size)
			rc = vt_fail(&err, VT_BUSY,
			    "changed while it was read");
		else
			rc = check_unchanged(fd, it, &err);
		p.body.data = data;
	}
	if (rc == VT_OK) {
		add_condition(&p, it);
		rc = vt_s3_put_object(client, &p, &res, &err);
		rc = explain(rc, &err);
		if (rc == VT_OK && data == NULL)
			rc = check_unchanged(fd, it, &err);
	}
	free(data);
	close(fd);
	finish_item(it, &o, rc, &err);
}

/* --- in parts ------------------------------------------------------------- */

static uint64_t
part_size_for(uint64_t size)
{
	uint64_t part = opt.part_size;
	uint64_t least = (size + VT_S3_PARTS_MAX - 1) / VT_S3_PARTS_MAX;

	if (part < least)
		part = (least + MIB - 1) / MIB * MIB;
	return part;
}

static uint64_t
part_len(const struct upload *u, unsigned index)
{
	uint64_t at = (uint64_t)index * u->part_size;

	return u->size - at < u->part_size ? u->size - at : u->part_size;
}

struct found {
	const struct item *item;
	char *id;
	int64_t initiated_us;
	struct vt_s3_part *part;	/* VT_S3_PARTS_MAX of them */
	unsigned count;
};

static int
visit_upload(void *ctx, const char *key, const char *id, int64_t initiated_us)
{
	struct found *f = ctx;
	int64_t mtime_us = (int64_t)f->item->mtime.tv_sec * 1000000 +
	    f->item->mtime.tv_nsec / 1000;

	if (strcmp(key, f->item->key) != 0)
		return 0;
	/* Perhaps begun before the file got its present contents: not of this
	 * file.  Servers tell whole seconds or milliseconds, cut off, so that
	 * an upload begun right after a change is begun again: its bytes cost
	 * less than a mix of old and new ones. */
	if (initiated_us <= mtime_us)
		return 0;
	if (f->id != NULL && initiated_us <= f->initiated_us)
		return 0;
	free(f->id);
	f->id = cli_strdup(id);
	f->initiated_us = initiated_us;
	return 0;
}

static int
visit_part(void *ctx, const struct vt_s3_part *p)
{
	struct found *f = ctx;

	f->part[p->number - 1] = *p;
	f->count++;
	return 0;
}

/* The size of the parts that are stored, if the whole file can be cut so:
 * the run that was interrupted may have had another --part-size. */
static uint64_t
layout_of(const struct found *f, uint64_t size)
{
	uint64_t part = 0, last;
	unsigned i, parts;

	for (i = 0; i < VT_S3_PARTS_MAX; i++)
		if (f->part[i].size_bytes > part)
			part = f->part[i].size_bytes;
	/* One part alone may be the last, which is no measure. */
	if (f->count == 1 && f->part[0].number == 0)
		return 0;
	if (part < VT_S3_PART_MIN || part > size ||
	    (size + part - 1) / part > VT_S3_PARTS_MAX)
		return 0;
	parts = (unsigned)((size + part - 1) / part);
	last = size - (uint64_t)(parts - 1) * part;
	for (i = 0; i < VT_S3_PARTS_MAX; i++) {
		if (f->part[i].number == 0)
			continue;
		if (i >= parts ||
		    f->part[i].size_bytes != (i == parts - 1 ? last : part))
			return 0;
	}
	return part;
}

/*
 * Look for an upload of this file that was interrupted.  Whatever goes wrong
 * here, a new upload is always right.
 */
static int
find_upload(struct upload *u)
{
	struct found f;
	uint64_t part;

	memset(&f, 0, sizeof(f));
	f.item = u->item;
	/* Not all servers list uploads, and not all keys may. */
	if (vt_s3_list_uploads(client, opt.bucket, u->item->key, visit_upload,
	    &f, NULL) != VT_OK || f.id == NULL) {
		free(f.id);
		return 0;
	}
	f.part = cli_alloc(VT_S3_PARTS_MAX * sizeof(*f.part));
	if (vt_s3_list_parts(client, opt.bucket, u->item->key, f.id,
	    visit_part, &f, NULL) != VT_OK || f.count == 0)
		goto none;
	part = layout_of(&f, u->size);
	if (part == 0)
		goto none;
	u->id = f.id;
	u->part = f.part;
	u->part_size = part;
	return 1;
none:
	free(f.id);
	free(f.part);
	return 0;
}

/* Remove what was sent, also when a signal has stopped the client. */
static void
abort_upload(const struct upload *u)
{
	unsigned tries = opt.s3.tries;
	struct vt_s3 *c;

	opt.s3.tries = 1;
	if (cli_s3_connect(&opt.s3, NULL, &c, NULL) == VT_OK) {
		/* Best effort: the reason is being told already. */
		if (vt_s3_abort_upload(c, opt.bucket, u->item->key, u->id,
		    NULL) != VT_OK && opt.verbose)
			cli_warn("'%s': parts of s3://%s/%s may be left on "
			    "the server", u->item->path, opt.bucket,
			    u->item->key);
		vt_s3_close(c);
	}
	opt.s3.tries = tries;
}

/* Parts the server keeps, of this run and of earlier ones. */
static unsigned
parts_kept(const struct upload *u)
{
	unsigned i, n = 0;

	for (i = 0; i < u->parts && u->fd >= 0; i++)
		n += u->part[i].number != 0;
	return n;
}

/* The last worker of an upload ends it. */
static void
end_upload(struct upload *u)
{
	struct vt_s3_put p = put_of(u->item);
	struct vt_s3_put_result res;
	struct outcome o = { "stored", u->size, &res, u->parts, u->resumed };
	unsigned kept = opt.no_resume ? 0 : parts_kept(u);
	struct vt_err err = { VT_OK, "" };

	if (u->rc == VT_OK && u->stored < u->parts)
		u->rc = vt_fail(&u->err, VT_CANCELLED, "interrupted");
	/* Parts of contents that are no more help nobody. */
	if (u->fd >= 0 && check_unchanged(u->fd, u->item, &err) != VT_OK) {
		kept = 0;
		if (u->rc == VT_OK) {
			u->rc = err.code;
			u->err = err;
		}
	}
	if (u->rc == VT_OK) {
		p.headers = &only_new;
		p.header_count = opt.if_none_match ? 1 : 0;
		u->rc = vt_s3_complete_upload(client, &p, u->id, u->part,
		    u->parts, &res, &u->err);
		u->rc = explain(u->rc, &u->err);
	}
	if (kept > 0 && (u->rc == VT_CANCELLED || u->rc == VT_BUSY)) {
		err = u->err;
		vt_fail(&u->err, u->rc, "%.300s; %u of %u parts are stored, "
		    "the same command goes on from there", err.text, kept,
		    u->parts);
		/* One of the few things worth saying after a signal. */
		if (u->rc == VT_CANCELLED)
			cli_warn("'%s': s3://%s/%s: %s", u->item->path,
			    opt.bucket, u->item->key, u->err.text);
	} else if (u->rc != VT_OK) {
		abort_upload(u);
	}
	if (u->fd >= 0)
		close(u->fd);
	finish_item(u->item, &o, u->rc, &u->err);
	u->item = NULL;
}

static void
free_upload(struct upload *u)
{
	free(u->id);
	free(u->part);
	free(u);
}

/* Nothing is left to hand out or to wait for.  Under the lock. */
static int
upload_over(const struct upload *u)
{
	if (u->running > 0)
		return 0;
	if (u->rc != VT_OK || cli_stopping())
		return 1;
	return u->eof && u->next_part >= u->parts && u->first == NULL;
}

static int
upload_has_part(const struct upload *u)
{
	if (u->rc != VT_OK || cli_stopping())
		return 0;
	return u->fd >= 0 ? u->next_part < u->parts : u->first != NULL;
}

/* Take the upload off the list and end it.  Called and returns locked. */
static void
retire(struct upload *u)
{
	struct upload **pp;
	struct chunk *c;
	int is_stream = u->fd < 0;

	for (pp = &state.active; *pp != u; pp = &(*pp)->next)
		assert(*pp != NULL);
	*pp = u->next;
	state.beginning++;	/* keeps the others from leaving */
	while (u->first != NULL) {
		c = u->first;
		u->first = c->next;
		c->next = state.spare;
		state.spare = c;
	}
	pthread_mutex_unlock(&state.lock);
	end_upload(u);
	pthread_mutex_lock(&state.lock);
	state.beginning--;
	u->ended = 1;
	pthread_cond_broadcast(&state.work);
	pthread_cond_broadcast(&state.room);
	/* A stream is main's to free: it waits for it. */
	if (!is_stream)
		free_upload(u);
}

/* A part that an earlier run stored: is it this file's? */
static int
part_matches(const struct upload *u, const struct vt_s3_part *p,
    struct vt_s3_part *out)
{
	uint64_t at = (uint64_t)(p->number - 1) * u->part_size;
	uint8_t sum[VT_HASH_MAX], md5[16];
	uint64_t crc = 0;
	int i;

	*out = *p;
	if (p->has_crc64) {
		if (cli_hash_range(u->fd, at, p->size_bytes, VT_CRC64NVME,
		    sum, NULL) != VT_OK)
			return 0;
		for (i = 0; i < 8; i++)
			crc = crc << 8 | sum[i];
		return crc == p->crc64;
	}
	if (!vt_s3_etag_md5(p->etag, md5) ||
	    cli_hash_range(u->fd, at, p->size_bytes, VT_MD5, sum,
	    NULL) != VT_OK)
		return 0;
	return memcmp(sum, md5, 16) == 0;
}

/* One part.  Called and returns locked. */
static void
work_on_part(struct upload *u)
{
	struct vt_s3_put p;
	struct vt_s3_part stored, was;
	struct vt_err err = { VT_OK, "" };
	struct chunk *c = NULL;
	unsigned number;
	enum vt_code rc = VT_OK;
	int resumed = 0;

	memset(&was, 0, sizeof(was));
	p = put_of(u->item);
	if (u->fd >= 0) {
		number = ++u->next_part;
		p.body.fd = u->fd;
		p.body.offset = (uint64_t)(number - 1) * u->part_size;
		p.body.len = part_len(u, number - 1);
		was = u->part[number - 1];
	} else {
		c = u->first;
		u->first = c->next;
		if (u->first == NULL)
			u->last = &u->first;
		u->next_part++;
		number = c->number;
		p.body.data = c->data;
		p.body.len = c->len;
	}
	u->running++;
	pthread_mutex_unlock(&state.lock);
	if (was.number != 0 && part_matches(u, &was, &stored)) {
		resumed = 1;
		cli_progress_add((int64_t)p.body.len, 0);
	} else {
		rc = vt_s3_upload_part(client, &p, u->id, number, &stored,
		    &err);
	}
	pthread_mutex_lock(&state.lock);
	u->running--;
	if (c != NULL) {
		c->next = state.spare;
		state.spare = c;
		pthread_cond_broadcast(&state.room);
	}
	if (rc == VT_OK) {
		u->part[number - 1] = stored;
		u->stored++;
		u->resumed += (unsigned)resumed;
	} else {
		/* What was not disproved may still serve the next run. */
		u->part[number - 1] = was;
		if (u->rc == VT_OK || u->rc == VT_CANCELLED) {
			u->rc = rc;
			u->err = err;
		}
	}
	if (upload_over(u))
		retire(u);
}

static void
begin_upload(struct item *it, int fd)
{
	struct vt_s3_put p = put_of(it);
	struct vt_s3_head head;
	struct vt_err err = { VT_OK, "" };
	struct upload *u;
	enum vt_code rc = VT_OK;

	u = cli_alloc(sizeof(*u));
	u->item = it;
	u->fd = fd;
	u->size = it->size;
	u->part_size = part_size_for(it->size);
	u->eof = 1;
	u->last = &u->first;
	if (opt.if_none_match) {
		/* Complete will decide; this saves sending it all. */
		rc = vt_s3_head(client, opt.bucket, it->key, NULL, &head,
		    &err);
		rc = rc == VT_ABSENT ? VT_OK : rc != VT_OK ? rc :
		    vt_fail(&err, VT_EXISTS, "exists already");
	}
	if (rc == VT_OK && (opt.no_resume || !find_upload(u)))
		rc = vt_s3_create_upload(client, &p, &u->id, &err);
	if (rc != VT_OK) {
		free_upload(u);
		close(fd);
		fail_item(it, rc, &err);
		return;
	}
	u->parts = (unsigned)((u->size + u->part_size - 1) / u->part_size);
	if (u->part == NULL)
		u->part = cli_alloc(u->parts * sizeof(*u->part));
	pthread_mutex_lock(&state.lock);
	u->next = state.active;
	state.active = u;
	pthread_cond_broadcast(&state.work);
	pthread_mutex_unlock(&state.lock);
}

/* A file from the queue: look at it again and send it. */
static void
begin_item(struct item *it)
{
	struct vt_err err = { VT_OK, "" };
	struct outcome same = { "same", 0, NULL, 0, 0 };
	struct stat st;
	enum vt_code rc;
	int fd, yes;

	it->start_us = vt_clock_mono_us();
	fd = open(it->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
	    (it->follow ? 0 : O_NOFOLLOW));
	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = vt_fail_errno(&err, "cannot open");
		if (fd >= 0)
			close(fd);
		fail_item(it, rc, &err);
		return;
	}
	/* It may have grown since the directory was read. */
	cli_progress_expect((uint64_t)st.st_size - it->size, 0);
	it->size = (uint64_t)st.st_size;
	it->mtime = st.st_mtim;
	it->has_mtime = 1;
	make_headers(it);
	rc = VT_OK;
	if (!S_ISREG(st.st_mode))
		rc = vt_fail(&err, VT_INVALID, "is no longer a regular file");
	else if (it->size > OBJECT_MAX)
		rc = vt_fail(&err, VT_TOO_LARGE, "is over 5 TiB");
	yes = 0;
	if (rc == VT_OK && opt.skip_same) {
		yes = is_same(it, fd, &rc, &err);
		/* Absent is what makes it worth putting. */
		if (yes == 0)
			rc = VT_OK;
	}
	if (rc != VT_OK || yes == 1) {
		close(fd);
		cli_progress_add((int64_t)it->size, 0);
		same.bytes = it->size;
		finish_item(it, &same, rc, &err);
	} else if (opt.dry_run) {
		close(fd);
		same.result = "planned";
		same.bytes = it->size;
		finish_item(it, &same, VT_OK, &err);
	} else if (it->size > part_size_for(it->size)) {
		begin_upload(it, fd);
	} else {
		put_whole(it, fd);
	}
}

/* --- the workers ---------------------------------------------------------- */

static void *
worker(void *unused)
{
	struct upload *u;
	struct item *it;
	struct vt_err err = { VT_OK, "" };

	(void)unused;
	pthread_mutex_lock(&state.lock);
	for (;;) {
		for (u = state.active; u != NULL; u = u->next)
			if (upload_has_part(u) || upload_over(u))
				break;
		if (u != NULL) {
			if (upload_has_part(u))
				work_on_part(u);
			else
				retire(u);
			continue;
		}
		it = state.first;
		if (it != NULL) {
			state.first = it->next;
			if (state.first == NULL)
				state.last = &state.first;
			state.queued--;
			state.beginning++;
			pthread_cond_signal(&state.room);
			pthread_mutex_unlock(&state.lock);
			if (cli_stopping())
				fail_item(it, vt_fail(&err, VT_CANCELLED,
				    "interrupted"), &err);
			else
				begin_item(it);
			pthread_mutex_lock(&state.lock);
			state.beginning--;
			pthread_cond_broadcast(&state.work);
			continue;
		}
		if (state.closed && state.active == NULL &&
		    state.beginning == 0)
			break;
		pthread_cond_wait(&state.work, &state.lock);
	}
	pthread_cond_broadcast(&state.work);
	pthread_mutex_unlock(&state.lock);
	return NULL;
}

/* --- main's side: finding ------------------------------------------------- */

static void
count_failure(enum vt_code rc)
{
	pthread_mutex_lock(&state.lock);
	cli_tally_add(&state.tally, rc);
	pthread_mutex_unlock(&state.lock);
}

static struct item *
new_item(const char *path, const char *key_tail)
{
	struct item *it = cli_alloc(sizeof(*it));

	it->path = cli_strdup(path);
	if (asprintf(&it->key, "%s%s", opt.prefix, key_tail) < 0)
		cli_die(CLI_FAILED, "out of memory");
	if (strlen(it->key) > VT_S3_KEY_MAX || it->key[0] == '\0') {
		struct vt_err err;

		fail_item(it, vt_fail(&err, VT_INVALID, it->key[0] == '\0' ?
		    "the key is empty" : "the key is over %d bytes",
		    VT_S3_KEY_MAX), &err);
		return NULL;
	}
	return it;
}

static void
enqueue(const char *path, const char *key_tail, const struct stat *st,
    int follow)
{
	struct item *it = new_item(path, key_tail);

	if (it == NULL)
		return;
	it->size = (uint64_t)st->st_size;
	it->follow = follow;
	cli_progress_expect(it->size, 1);
	pthread_mutex_lock(&state.lock);
	while (state.queued >= QUEUE_MAX && !cli_stopping())
		pthread_cond_wait(&state.room, &state.lock);
	*state.last = it;
	state.last = &it->next;
	state.queued++;
	pthread_cond_signal(&state.work);
	pthread_mutex_unlock(&state.lock);
}

static void
walk(const char *dir)
{
	char *paths[2], *root = cli_strdup(dir);
	const char *tail;
	struct vt_err err = { VT_OK, "" };
	size_t n = strlen(root);
	FTS *fts;
	FTSENT *e;

	/* fts gives "dir//file" for "dir/". */
	while (n > 1 && root[n - 1] == '/')
		root[--n] = '\0';
	paths[0] = root;
	paths[1] = NULL;
	fts = fts_open(paths, FTS_NOCHDIR | FTS_COMFOLLOW |
	    (opt.follow ? FTS_LOGICAL : FTS_PHYSICAL), NULL);
	if (fts == NULL)
		cli_die(CLI_FAILED, "cannot walk '%s': %s", dir,
		    strerror(errno));
	while (!cli_stopping()) {
		errno = 0;
		e = fts_read(fts);
		if (e == NULL)
			break;
		tail = e->fts_path + n;
		while (*tail == '/')
			tail++;
		switch (e->fts_info) {
		case FTS_F:
			enqueue(e->fts_path, tail, e->fts_statp, opt.follow);
			break;
		case FTS_SL:
			cli_warn("'%s': symbolic link skipped", e->fts_path);
			break;
		case FTS_DEFAULT:
			cli_warn("'%s': not a regular file, skipped",
			    e->fts_path);
			break;
		case FTS_DC:
			cli_warn("'%s': links make a loop, skipped",
			    e->fts_path);
			break;
		case FTS_DNR:
		case FTS_ERR:
		case FTS_NS:
		case FTS_SLNONE:
			errno = e->fts_info == FTS_SLNONE ? ENOENT :
			    e->fts_errno;
			count_failure(vt_fail_errno(&err, "cannot read"));
			cli_warn_err(&err, "'%s'", e->fts_path);
			break;
		default:
			break;
		}
	}
	if (errno != 0 && !cli_stopping()) {
		count_failure(vt_fail_errno(&err, "cannot walk"));
		cli_warn_err(&err, "'%s'", dir);
	}
	fts_close(fts);
	free(root);
}

/* --- main's side: a stream ------------------------------------------------ */

/* Up to `len` bytes, less only at the end; -1 with rc in `err`. */
static ssize_t
read_stream(int fd, char *data, size_t len, struct vt_err *err)
{
	struct pollfd p = { fd, POLLIN, 0 };
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		/* poll, as a read would go on after a signal. */
		n = poll(&p, 1, 250);
		if (cli_stopping()) {
			vt_fail(err, VT_CANCELLED, "interrupted");
			return -1;
		}
		if (n == 0)
			continue;
		n = read(fd, data + got, len - got);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0) {
			vt_fail_errno(err, "cannot read");
			return -1;
		}
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* A buffer, when the workers leave one; NULL when the upload has failed. */
static struct chunk *
take_chunk(size_t size, const struct upload *u)
{
	struct chunk *c = NULL;

	pthread_mutex_lock(&state.lock);
	for (;;) {
		if (u != NULL && (u->rc != VT_OK || u->ended))
			break;
		c = state.spare;
		if (c != NULL) {
			state.spare = c->next;
			break;
		}
		/* One for each worker, and one being filled. */
		if (state.buffers <= opt.jobs) {
			state.buffers++;
			c = cli_alloc(sizeof(*c));
			c->data = malloc(size);
			if (c->data == NULL)
				cli_die(CLI_FAILED, "no memory for a part of "
				    "%zu bytes", size);
			break;
		}
		pthread_cond_wait(&state.room, &state.lock);
	}
	pthread_mutex_unlock(&state.lock);
	if (c != NULL)
		c->next = NULL;
	return c;
}

static void
give_chunk(struct chunk *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&state.lock);
	c->next = state.spare;
	state.spare = c;
	pthread_mutex_unlock(&state.lock);
}

static void
submit_chunk(struct upload *u, struct chunk *c)
{
	pthread_mutex_lock(&state.lock);
	c->number = ++u->parts;
	u->size += c->len;
	c->next = NULL;
	*u->last = c;
	u->last = &c->next;
	cli_progress_expect(c->len, 0);
	pthread_cond_signal(&state.work);
	pthread_mutex_unlock(&state.lock);
}

/* The whole stream is in one buffer. */
static void
put_buffer(struct item *it, const struct chunk *c)
{
	struct vt_s3_put p = put_of(it);
	struct vt_s3_put_result res;
	struct outcome o = { "stored", c->len, &res, 0, 0 };
	struct vt_err err = { VT_OK, "" };
	enum vt_code rc;

	cli_progress_expect(c->len, 0);
	p.body.data = c->data;
	p.body.len = c->len;
	add_condition(&p, it);
	rc = vt_s3_put_object(client, &p, &res, &err);
	rc = explain(rc, &err);
	finish_item(it, &o, rc, &err);
}

static void
put_stream(int fd, const char *name, const char *key_tail)
{
	struct item *it = new_item(name, key_tail);
	struct upload *u = NULL;
	struct chunk *c, *next;
	struct vt_err err = { VT_OK, "" };
	struct vt_s3_put p;
	size_t part;
	ssize_t n;
	enum vt_code rc;

	if (it == NULL)
		return;
	it->start_us = vt_clock_mono_us();
	cli_progress_expect(0, 1);
	make_headers(it);
	if (opt.dry_run) {
		struct outcome o = { "planned", 0, NULL, 0, 0 };

		finish_item(it, &o, VT_OK, &err);
		return;
	}
	part = (size_t)part_size_for(opt.expected_size);
	c = take_chunk(part, NULL);
	n = read_stream(fd, c->data, part, &err);
	next = n == (ssize_t)part ? take_chunk(part, NULL) : NULL;
	c->len = n < 0 ? 0 : (size_t)n;
	if (next != NULL) {
		n = read_stream(fd, next->data, part, &err);
		next->len = n < 0 ? 0 : (size_t)n;
	}
	if (n < 0) {
		give_chunk(c);
		give_chunk(next);
		fail_item(it, err.code, &err);
		return;
	}
	if (next == NULL || next->len == 0) {
		put_buffer(it, c);
		give_chunk(c);
		give_chunk(next);
		return;
	}

	u = cli_alloc(sizeof(*u));
	u->item = it;
	u->fd = -1;
	u->last = &u->first;
	u->part_size = part;
	u->part = cli_alloc(VT_S3_PARTS_MAX * sizeof(*u->part));
	p = put_of(it);
	rc = vt_s3_create_upload(client, &p, &u->id, &err);
	if (rc != VT_OK) {
		give_chunk(c);
		give_chunk(next);
		free_upload(u);
		fail_item(it, rc, &err);
		return;
	}
	pthread_mutex_lock(&state.lock);
	u->next = state.active;
	state.active = u;
	pthread_mutex_unlock(&state.lock);
	submit_chunk(u, c);
	submit_chunk(u, next);
	rc = VT_OK;
	while (next->len == part) {
		next = take_chunk(part, u);
		if (next == NULL)
			break;
		n = read_stream(fd, next->data, part, &err);
		if (n > 0 && u->parts >= VT_S3_PARTS_MAX) {
			vt_fail(&err, VT_TOO_LARGE, "the stream is over %d "
			    "parts of %zu bytes: give --expected-size",
			    VT_S3_PARTS_MAX, part);
			n = -1;
		}
		if (n <= 0) {
			rc = n < 0 ? err.code : VT_OK;
			give_chunk(next);
			break;
		}
		next->len = (size_t)n;
		submit_chunk(u, next);
	}
	pthread_mutex_lock(&state.lock);
	u->eof = 1;
	if (rc != VT_OK && u->rc == VT_OK) {
		u->rc = rc;
		u->err = err;
	}
	pthread_cond_broadcast(&state.work);
	while (!u->ended)
		pthread_cond_wait(&state.room, &state.lock);
	pthread_mutex_unlock(&state.lock);
	free_upload(u);
}

/* --- main's side: arguments ----------------------------------------------- */

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* `tail`: what to put behind the prefix, or NULL: the file's own name. */
static void
put_argument(const char *path, const char *tail)
{
	struct vt_err err = { VT_OK, "" };
	struct stat st;
	int fd;

	if (stat(path, &st) < 0) {
		count_failure(vt_fail_errno(&err, "cannot open"));
		cli_warn_err(&err, "'%s'", path);
	} else if (S_ISDIR(st.st_mode)) {
		if (opt.recursive) {
			walk(path);
		} else {
			count_failure(VT_INVALID);
			cli_warn("'%s' is a directory: --recursive puts what "
			    "lies in it", path);
		}
	} else if (S_ISREG(st.st_mode)) {
		enqueue(path, tail != NULL ? tail : base_name(path), &st, 1);
	} else {
		/* A pipe, such as a shell's <(command). */
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			count_failure(vt_fail_errno(&err, "cannot open"));
			cli_warn_err(&err, "'%s'", path);
			return;
		}
		put_stream(fd, path, tail != NULL ? tail : base_name(path));
		close(fd);
	}
}

/* A name of a list becomes a key: no "./" before it, no "..", no "//". */
static const char *
listed_tail(const char *name)
{
	const char *s, *p;

	while (strncmp(name, "./", 2) == 0 || *name == '/')
		name += *name == '/' ? 1 : 2;
	for (s = name; ; s = p + 1) {
		p = strchrnul(s, '/');
		if (p - s == 2 && s[0] == '.' && s[1] == '.')
			return NULL;
		if (*p == '\0')
			break;
	}
	return name;
}

static void
put_listed(void)
{
	FILE *f = stdin;
	struct vt_err err = { VT_OK, "" };
	char *line = NULL;
	const char *tail;
	size_t cap = 0;
	ssize_t n;
	int delim = opt.null ? '\0' : '\n';

	if (strcmp(opt.files_from, "-") != 0)
		f = fopen(opt.files_from, "re");
	if (f == NULL)
		cli_die(CLI_FAILED, "cannot open '%s': %s", opt.files_from,
		    strerror(errno));
	while (!cli_stopping()) {
		errno = 0;
		n = getdelim(&line, &cap, delim, f);
		if (n < 0)
			break;
		if (n > 0 && line[n - 1] == delim)
			line[--n] = '\0';
		if (n == 0)
			continue;
		tail = n <= NAME_MAX_BYTES ? listed_tail(line) : NULL;
		if (tail == NULL || strlen(line) != (size_t)n) {
			count_failure(VT_INVALID);
			cli_warn("'%s' of the list makes no key", line);
			continue;
		}
		put_argument(line, tail);
	}
	if (ferror(f)) {
		count_failure(vt_fail_errno(&err, "cannot read"));
		cli_warn_err(&err, "'%s'", opt.files_from);
	}
	free(line);
	if (f != stdin)
		fclose(f);
}

static void
add_header(const char *name, char *value)
{
	const char *s;

	for (s = value; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			cli_usage_error("the value of '%s' holds a control "
			    "character", name);
			exit(CLI_USAGE);
		}
	for (s = name; *s != '\0'; s++)
		if (strchr("!#$%&'*+-.^_`|~", *s) == NULL &&
		    !(*s >= '0' && *s <= '9') && !(*s >= 'A' && *s <= 'Z') &&
		    !(*s >= 'a' && *s <= 'z')) {
			cli_usage_error("'%s' is not a header's name", name);
			exit(CLI_USAGE);
		}
	if (opt.header_count == HEADERS_MAX) {
		cli_usage_error("over %d headers", HEADERS_MAX);
		exit(CLI_USAGE);
	}
	opt.header[opt.header_count++] = (struct vt_header){ name, value };
}

enum {
	OPT_CONTENT_TYPE = 256, OPT_EXPECTED_SIZE, OPT_FILES_FROM, OPT_FOLLOW,
	OPT_HEADER, OPT_IF_NONE_MATCH, OPT_JSON, OPT_MAKE_BUCKET, OPT_META,
	OPT_NO_RESUME, OPT_PART_SIZE, OPT_SKIP_SAME, OPT_STORAGE_CLASS,
	OPT_VERBOSE
};

static const struct option options[] = {
	{ "content-type", required_argument, NULL, OPT_CONTENT_TYPE },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "expected-size", required_argument, NULL, OPT_EXPECTED_SIZE },
	{ "files-from", required_argument, NULL, OPT_FILES_FROM },
	{ "follow", no_argument, NULL, OPT_FOLLOW },
	{ "header", required_argument, NULL, OPT_HEADER },
	{ "help", no_argument, NULL, 'h' },
	{ "if-none-match", no_argument, NULL, OPT_IF_NONE_MATCH },
	{ "jobs", required_argument, NULL, 'j' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "make-bucket", no_argument, NULL, OPT_MAKE_BUCKET },
	{ "meta", required_argument, NULL, OPT_META },
	{ "no-resume", no_argument, NULL, OPT_NO_RESUME },
	{ "null", no_argument, NULL, '0' },
	{ "part-size", required_argument, NULL, OPT_PART_SIZE },
	{ "quiet", no_argument, NULL, 'q' },
	{ "recursive", no_argument, NULL, 'r' },
	{ "skip-same", no_argument, NULL, OPT_SKIP_SAME },
	{ "storage-class", required_argument, NULL, OPT_STORAGE_CLASS },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "version", no_argument, NULL, 'V' },
	CLI_S3_OPTIONS,
	{ NULL, 0, NULL, 0 }
};

/* -1, or the status to exit with. */
static int
parse(int argc, char **argv)
{
	char *name, *value, *full;
	int c;

	while ((c = getopt_long(argc, argv, "+0hj:nqrV", options, NULL)) !=
	    -1) {
		switch (c) {
		case '0':
			opt.null = 1;
			break;
		case 'h':
			return cli_help();
		case 'j':
			opt.jobs = (unsigned)cli_opt_u64("--jobs", optarg, 1,
			    JOBS_MAX);
			break;
		case 'n':
			opt.dry_run = 1;
			break;
		case 'q':
			opt.quiet = 1;
			break;
		case 'r':
			opt.recursive = 1;
			break;
		case 'V':
			return cli_version();
		case OPT_CONTENT_TYPE:
			opt.content_type = optarg;
			break;
		case OPT_EXPECTED_SIZE:
			opt.expected_size = cli_opt_size("--expected-size",
			    optarg, 0, OBJECT_MAX);
			break;
		case OPT_FILES_FROM:
			opt.files_from = optarg;
			break;
		case OPT_FOLLOW:
			opt.follow = 1;
			break;
		case OPT_HEADER:
			cli_opt_pair("--header", optarg, &name, &value);
			add_header(name, value);
			break;
		case OPT_IF_NONE_MATCH:
			opt.if_none_match = 1;
			break;
		case OPT_JSON:
			opt.json = 1;
			break;
		case OPT_MAKE_BUCKET:
			opt.make_bucket = 1;
			break;
		case OPT_META:
			cli_opt_pair("--meta", optarg, &name, &value);
			if (asprintf(&full, "x-amz-meta-%s", name) < 0)
				cli_die(CLI_FAILED, "out of memory");
			free(name);
			add_header(full, value);
			break;
		case OPT_NO_RESUME:
			opt.no_resume = 1;
			break;
		case OPT_PART_SIZE:
			opt.part_size = cli_opt_size("--part-size", optarg,
			    VT_S3_PART_MIN, VT_S3_PART_MAX);
			break;
		case OPT_SKIP_SAME:
			opt.skip_same = 1;
			break;
		case OPT_STORAGE_CLASS:
			opt.storage_class = optarg;
			break;
		case OPT_VERBOSE:
			opt.verbose = opt.s3.verbose = 1;
			break;
		default:
			if (!cli_s3_option(&opt.s3, c, optarg))
				return cli_usage();
			break;
		}
	}
	return -1;
}

/* Is the destination a place for many, or one key? */
static int
is_prefix(const char *key)
{
	size_t n = strlen(key);

	return n == 0 || key[n - 1] == '/';
}

static int
check_arguments(int sources, char **source)
{
	char *longer;
	struct stat st;
	int i, many;

	if (opt.files_from == NULL && sources == 0)
		return cli_usage_error("what is to be put, and where?");
	if (opt.files_from != NULL && sources > 0)
		return cli_usage_error("--files-from takes no other files");
	if (opt.null && opt.files_from == NULL)
		return cli_usage_error("--null is for --files-from");
	many = sources > 1 || opt.files_from != NULL;
	for (i = 0; i < sources; i++) {
		if (strcmp(source[i], "-") == 0) {
			if (many || is_prefix(opt.prefix))
				return cli_usage_error("'-' has no name: give "
				    "it a key of its own");
		} else if (opt.recursive && stat(source[i], &st) == 0 &&
		    S_ISDIR(st.st_mode)) {
			many = 1;
		}
	}
	if (many && !is_prefix(opt.prefix)) {
		/* "--recursive dir s3://b/p" cannot mean anything else. */
		if (asprintf(&longer, "%s/", opt.prefix) < 0)
			cli_die(CLI_FAILED, "out of memory");
		if (sources > 1 && !opt.recursive) {
			free(longer);
			return cli_usage_error("several files need a prefix "
			    "that ends in '/'");
		}
		free(opt.prefix);
		opt.prefix = longer;
	}
	return -1;
}

int
main(int argc, char **argv)
{
	pthread_t thread[JOBS_MAX];
	struct vt_err err = { VT_OK, "" };
	sigset_t all, old;
	unsigned i, threads = 0;
	struct chunk *c;
	enum vt_code rc;
	int status, n;

	cli_init(argv, usage);
	status = parse(argc, argv);
	if (status >= 0)
		return status;
	argc -= optind;
	argv += optind;
	if (argc < 1)
		return cli_usage_error("what is to be put, and where?");
	cli_s3_url(argv[argc - 1], &opt.bucket, &opt.prefix);
	status = check_arguments(argc - 1, argv);
	if (status >= 0)
		return status;
	rc = cli_s3_load(&opt.s3, &err);
	if (rc == VT_OK)
		rc = cli_s3_connect(&opt.s3, cli_cancel_flag(), &client, &err);
	if (rc != VT_OK) {
		cli_warn("%s", err.text);
		return cli_finish(CLI_FAILED);
	}
	cli_catch_signals(-1);
	if (opt.make_bucket && !opt.dry_run) {
		rc = vt_s3_create_bucket(client, opt.bucket, &err);
		/* Someone else's bucket will tell when it is written to. */
		if (rc != VT_OK && rc != VT_EXISTS) {
			cli_warn("cannot make the bucket '%s': %s", opt.bucket,
			    err.text);
			return cli_finish(cli_status_of(rc));
		}
	}
	cli_progress_start(opt.quiet || opt.dry_run, "put");

	/* Signals reach main alone: it may be waiting in poll. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (i = 0; i < opt.jobs; i++) {
		n = pthread_create(&thread[i], NULL, worker, NULL);
		if (n != 0)
			break;
		threads++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (threads == 0)
		cli_die(CLI_FAILED, "cannot start a thread: %s", strerror(n));

	if (opt.files_from != NULL)
		put_listed();
	for (n = 0; n < argc - 1 && !cli_stopping(); n++) {
		if (strcmp(argv[n], "-") == 0)
			put_stream(STDIN_FILENO, "-", "");
		else
			put_argument(argv[n],
			    is_prefix(opt.prefix) ? NULL : "");
	}
	pthread_mutex_lock(&state.lock);
	state.closed = 1;
	pthread_cond_broadcast(&state.work);
	pthread_mutex_unlock(&state.lock);
	for (i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);

	status = cli_tally_status(&state.tally);
	while (state.spare != NULL) {
		c = state.spare;
		state.spare = c->next;
		free(c->data);
		free(c);
	}
	vt_s3_close(client);
	cli_s3_release(&opt.s3);
	free(opt.bucket);
	free(opt.prefix);
	return cli_finish(status);
}
