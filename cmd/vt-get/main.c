/*
 * vt-get: S3 objects into files, directories or a stream; listings.
 *
 * One thread, main, finds the work: it takes the arguments, pages through
 * listings and fills a bounded queue, or writes a stream in order.  The
 * others do it: whole small objects from the queue, and ranges of the large
 * ones that are open.  Ranges go first, so that few objects are open at a
 * time.
 *
 * A large object grows in NAME.vtpart.  Behind its bytes that file holds a
 * record of the ranges that are there with their CRC64NVME, so that an
 * interrupted run is taken up, and what is found is checked before it counts.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/clock.h"
#include "libvt/base/fs.h"
#include "libvt/base/jsonl.h"
#include "libvt/proto/s3client.h"

#include "cmd/cli.h"

#include "get.h"

#define MIB (1024ull * 1024)
#define QUEUE_MAX 1024
#define JOBS_MAX 256
#define SMALL_MAX (1024 * 1024)	/* kept in memory until it is whole */
#define PART_SUFFIX ".vtpart"

static const char usage[] =
"usage: vt-get [options] s3://bucket/key ... [file | directory/ | -]\n"
"       vt-get [options] --recursive s3://bucket/prefix/ [directory]\n"
"       vt-get --list [--recursive] [s3://bucket/prefix]\n"
"       vt-get --decode [--key-file FILE] stored-file [file | -]\n"
"Get S3 objects into files, a directory or standard output, or list them.\n"
"\n"
"What:\n"
"  -r, --recursive          all keys under the prefix\n"
"  -l, --list               list instead: keys, or buckets without a name\n"
"      --range RANGE        of one object: 0-99, 100- or -100\n"
"      --version-id ID      of one object\n"
"      --decode             what a tier stores of a blob, a file or an s3://\n"
"                           object: without its compression and encryption\n"
"      --key-file FILE      the master keys for that\n"
"      --no-overwrite       an existing file is status 1\n"
"      --skip-same          skip what is there with the same size and time\n"
"  -n, --dry-run            say what would be got, get nothing\n"
"How it is got:\n"
"  -j, --jobs N             requests at a time (8)\n"
"      --part-size SIZE     of ranges of a large object (8M)\n"
"      --no-resume          do not go on with an interrupted file\n"
"      --no-check           do not compare checksums\n"
"Where:\n"
"      --endpoint URL       instead of AWS; see ENVIRONMENT in vt-get(1)\n"
"      --region NAME\n"
"      --profile NAME       of the AWS configuration and credential files\n"
"      --no-sign-request    be anonymous\n"
"      --virtual-host       bucket in the host name, not in the path\n"
"      --ca-file FILE       certificates to trust, PEM\n"
"      --retries N          of a request that may work later (5)\n"
"Talk:\n"
"      --json               one line of JSON for each object\n"
"  -0, --null               lines of --list end in NUL\n"
"  -q, --quiet              no progress line\n"
"      --verbose            tell of each object and each retry\n"
"  -h, --help               this text\n"
"  -V, --version            the version\n";

static struct {
	struct cli_s3 s3;
	int recursive, list, no_overwrite, skip_same, dry_run, no_resume;
	int no_check, json, null, quiet, verbose;
	int decode;
	const char *range, *version, *key_file;
	uint64_t part_size;
	unsigned jobs;
} opt = { .part_size = 8 * MIB, .jobs = 8 };

static struct vt_s3 *client;
static atomic_uint temp_number;

/* --- what there is to do -------------------------------------------------- */

struct item {
	struct item *next;
	char *bucket, *key;
	char *path;		/* of the file; "-" is standard output */
	int known;		/* from a listing: the next three */
	uint64_t size;
	int64_t modified_us;
	char etag[128];
	int64_t start_us;
};

/* What lies behind the bytes of a NAME.vtpart. */
struct part_head {
	char magic[8];
	uint64_t size_bytes, part_bytes;
	char etag[128];
};
struct part_entry {
	uint64_t crc64;
	uint64_t done;		/* 1 */
};
static const char part_magic[8] = "vtget1\n";

struct slot {			/* a part of a stream, in memory */
	char *data;
	size_t len;
	int ready;
};

/* An object that is got in ranges. */
struct download {
	struct download *next;
	struct item *item;
	struct vt_s3_head head;
	uint64_t part_size;
	uint64_t parts;
	uint64_t next_part;	/* the next to hand out */
	uint64_t written;	/* of a stream: parts that main has written */
	unsigned running;
	uint64_t stored, resumed;
	struct part_entry *entry;
	int fd;			/* -1: a stream */
	char *temp;
	struct slot *slot;	/* of a stream: opt.jobs of them, in a ring */
	int ended;
	enum vt_code rc;
	struct vt_err err;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work, room;
	struct item *first, **last;
	unsigned queued;
	int closed;
	unsigned beginning;
	struct download *active;
	struct cli_tally tally;
} state = {
	.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER,
	.room = PTHREAD_COND_INITIALIZER, .last = &state.first
};

static void
free_item(struct item *it)
{
	if (it == NULL)
		return;
	free(it->bucket);
	free(it->key);
	free(it->path);
	free(it);
}

static const char *
alg_name(enum vt_hash_alg alg)
{
	static const char *const names[] = { "md5", "sha1", "sha256", "crc32",
	    "crc32c", "crc64nvme" };

	return alg < VT_HASH_ALGS ? names[alg] : "none";
}

/* --- results -------------------------------------------------------------- */

struct outcome {
	const char *result;	/* "stored", "same", "planned" */
	uint64_t bytes;
	const struct vt_s3_head *head;	/* or NULL */
	enum vt_hash_alg checked;	/* VT_HASH_ALGS: nothing to check by */
	uint64_t parts, resumed;
};

static void
report_json(const struct item *it, const struct outcome *o, enum vt_code rc,
    const struct vt_err *err)
{
	struct vt_buf b;

	vt_buf_init(&b, 1024 * 1024);
	vt_json_begin(&b);
	vt_json_u64(&b, "v", 1);
	vt_json_str(&b, "op", "get");
	vt_json_str(&b, "result", rc == VT_OK ? o->result : "failed");
	vt_json_str(&b, "bucket", it->bucket);
	vt_json_bytes(&b, "key", it->key, strlen(it->key));
	vt_json_bytes(&b, "target", it->path, strlen(it->path));
	vt_json_u64(&b, "bytes", o->bytes);
	if (rc == VT_OK && o->head != NULL) {
		vt_json_str(&b, "etag", o->head->etag);
		if (o->head->version[0] != '\0')
			vt_json_str(&b, "version", o->head->version);
		vt_json_str(&b, "checked", alg_name(o->checked));
	}
	if (o->parts > 1) {
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

static void
count(enum vt_code rc)
{
	pthread_mutex_lock(&state.lock);
	cli_tally_add(&state.tally, rc);
	pthread_mutex_unlock(&state.lock);
}

/* An item is done with, well or not: tell, count, free. */
static void
finish_item(struct item *it, const struct outcome *o, enum vt_code rc,
    const struct vt_err *err)
{
	const char *hint = rc == VT_NEEDS_RESTORE ?
	    " (archived: ask for a restore first)" : "";

	if (opt.json)
		report_json(it, o, rc, err);
	else if (rc == VT_OK && opt.dry_run)
		cli_printf("s3://%s/%s -> %s\n", it->bucket, it->key,
		    it->path);
	/* After a signal one line at the end says it all. */
	if (rc != VT_OK && rc != VT_CANCELLED)
		cli_warn("s3://%s/%s: '%s': %s%s", it->bucket, it->key,
		    it->path, err->text, hint);
	else if (rc == VT_OK && opt.verbose)
		cli_warn("s3://%s/%s: '%s': %s, checked: %s", it->bucket,
		    it->key, it->path, o->result, alg_name(o->checked));
	cli_progress_add(0, 1);
	count(rc);
	free_item(it);
}

static void
fail_item(struct item *it, enum vt_code rc, const struct vt_err *err)
{
	struct outcome o = { "failed", it->size, NULL, VT_HASH_ALGS, 0, 0 };

	finish_item(it, &o, rc, err);
}

/* --- files ---------------------------------------------------------------- */

/* Make the directories above `path`, as mkdir -p does. */
static enum vt_code
make_parents(const char *path, struct vt_err *err)
{
	char *copy = cli_strdup(path), *p;
	enum vt_code rc = VT_OK;

	for (p = copy + 1; rc == VT_OK; p++) {
		p = strchr(p, '/');
		if (p == NULL)
			break;
		*p = '\0';
		if (mkdir(copy, 0777) < 0 && errno != EEXIST)
			rc = vt_fail_errno(err, "cannot make '%s'", copy);
		*p = '/';
	}
	free(copy);
	return rc;
}

static int
open_making(const char *path, int flags, enum vt_code *rc, struct vt_err *err)
{
	int fd = open(path, flags | O_CLOEXEC, 0666);

	*rc = VT_OK;
	if (fd < 0 && errno == ENOENT) {
		*rc = make_parents(path, err);
		if (*rc != VT_OK)
			return -1;
		fd = open(path, flags | O_CLOEXEC, 0666);
	}
	if (fd < 0)
		*rc = vt_fail_errno(err, "cannot create '%s'", path);
	return fd;
}

char *
temp_name(const char *path, int unique)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	int dir = (int)(base - path), n;
	char number[48] = "", *out = NULL;

	if (unique)
		snprintf(number, sizeof(number), ".%ld-%u", (long)getpid(),
		    atomic_fetch_add(&temp_number, 1));
	/* Beside a name of 255 bytes there is no longer one. */
	if (strlen(base) + strlen(number) + sizeof(PART_SUFFIX) > NAME_MAX)
		n = asprintf(&out, "%.*s.%016llx%s%s", dir, path,
		    (unsigned long long)vt_crc64nvme(0, base, strlen(base)),
		    number, PART_SUFFIX);
	else
		n = asprintf(&out, "%s%s%s", path, number, PART_SUFFIX);
	if (n < 0)
		cli_die(CLI_FAILED, "out of memory");
	return out;
}

static struct timespec
object_time(const struct vt_s3_head *head)
{
	struct timespec t;

	if (cli_parse_mtime(head->mtime, &t) < 0) {
		t.tv_sec = head->modified_us / 1000000;
		t.tv_nsec = head->modified_us % 1000000 * 1000;
	}
	return t;
}

static void
set_time(int fd, const struct vt_s3_head *head)
{
	struct timespec t[2];

	t[0].tv_sec = 0;
	t[0].tv_nsec = UTIME_OMIT;
	t[1] = object_time(head);
	/* A time before 1970 or a file system without times: no reason to
	 * call the copy failed. */
	if (t[1].tv_sec != 0 || t[1].tv_nsec != 0)
		(void)!futimens(fd, t);
}

enum vt_code
publish(const char *temp, const char *path, struct vt_err *err)
{
	struct stat st;

	if (opt.no_overwrite) {
		/* link fails where rename would replace. */
		if (link(temp, path) == 0) {
			unlink(temp);
			return VT_OK;
		}
		if (errno == EEXIST)
			return vt_fail(err, VT_EXISTS, "exists already");
		/* A file system without links: look, then rename. */
		if (lstat(path, &st) == 0)
			return vt_fail(err, VT_EXISTS, "exists already");
	}
	if (rename(temp, path) < 0)
		return vt_fail_errno(err, "cannot rename '%s'", temp);
	return VT_OK;
}

/* --- checking ------------------------------------------------------------- */

/* By what this object can be checked when all bytes pass by in order. */
static enum vt_hash_alg
check_by(const struct vt_s3_head *head)
{
	if (opt.no_check || opt.range != NULL)
		return VT_HASH_ALGS;
	if (head->checksum.alg != VT_HASH_ALGS)
		return head->checksum.alg;
	return head->etag_is_md5 ? VT_MD5 : VT_HASH_ALGS;
}

static enum vt_code
compare(const struct vt_s3_head *head, enum vt_hash_alg alg,
    const uint8_t *sum, struct vt_err *err)
{
	uint8_t md5[16];
	const uint8_t *want = head->checksum.value;

	if (alg == VT_HASH_ALGS)
		return VT_OK;
	if (alg == VT_MD5) {
		if (!vt_s3_etag_md5(head->etag, md5))
			return VT_OK;
		want = md5;
	}
	if (memcmp(sum, want, vt_hash_len(alg)) == 0)
		return VT_OK;
	return vt_fail(err, VT_CORRUPT, "what arrived does not match the "
	    "object's %s", alg_name(alg));
}

/* --- a small object ------------------------------------------------------- */

struct small {
	struct item *item;
	struct vt_s3_head head;
	struct vt_hash hash;
	enum vt_hash_alg alg;
	char *data;		/* or, when it is too large: */
	char *temp;
	int fd;
	int out;		/* to standard output, by cli_out */
	uint64_t len, got;
};

static enum vt_code
small_start(void *ctx, const struct vt_s3_head *head, uint64_t offset,
    uint64_t len, struct vt_err *err)
{
	struct small *s = ctx;
	enum vt_code rc;

	(void)offset;
	s->head = *head;
	s->len = len;
	s->alg = check_by(head);
	if (!s->item->known)
		cli_progress_expect(len, 0);
	else if (len != s->item->size)
		cli_progress_expect(len - s->item->size, 0);
	s->item->size = len;
	s->item->known = 1;
	if (s->alg != VT_HASH_ALGS && vt_hash_init(&s->hash, s->alg) < 0)
		return vt_fail(err, VT_NOMEM, "out of memory");
	if (s->out)
		return VT_OK;
	if (len <= SMALL_MAX) {
		s->data = malloc(len > 0 ? len : 1);
		return s->data != NULL ? VT_OK :
		    vt_fail(err, VT_NOMEM, "out of memory");
	}
	s->temp = temp_name(s->item->path, 1);
	s->fd = open_making(s->temp, O_RDWR | O_CREAT | O_EXCL, &rc, err);
	return rc;
}

static enum vt_code
small_sink(void *ctx, const char *data, size_t len, struct vt_err *err)
{
	struct small *s = ctx;

	if (s->alg != VT_HASH_ALGS)
		vt_hash_update(&s->hash, data, len);
	if (s->out) {
		/* cli_finish says why. */
		if (cli_out(data, len) < 0)
			return vt_fail(err, VT_IO, "output lost");
	} else if (s->data != NULL) {
		memcpy(s->data + s->got, data, len);
	} else if (vt_fs_write_all(s->fd, data, len) < 0) {
		return vt_fail_errno(err, "cannot write '%s'", s->temp);
	}
	s->got += len;
	cli_progress_add((int64_t)len, 0);
	return VT_OK;
}

static enum vt_code
small_finish(struct small *s, struct vt_err *err)
{
	uint8_t sum[VT_HASH_MAX];
	enum vt_code rc = VT_OK;

	if (s->alg != VT_HASH_ALGS) {
		vt_hash_final(&s->hash, sum);
		rc = compare(&s->head, s->alg, sum, err);
	}
	if (rc != VT_OK || s->out)
		return rc;
	if (s->data != NULL) {
		s->temp = temp_name(s->item->path, 1);
		s->fd = open_making(s->temp, O_RDWR | O_CREAT | O_EXCL, &rc,
		    err);
		if (rc != VT_OK)
			return rc;
		if (vt_fs_write_all(s->fd, s->data, s->len) < 0)
			return vt_fail_errno(err, "cannot write '%s'",
			    s->temp);
	}
	set_time(s->fd, &s->head);
	rc = close(s->fd) < 0 ?
	    vt_fail_errno(err, "cannot write '%s'", s->temp) : VT_OK;
	s->fd = -1;
	if (rc == VT_OK)
		rc = publish(s->temp, s->item->path, err);
	if (rc == VT_OK) {
		free(s->temp);
		s->temp = NULL;
	}
	return rc;
}

static void
get_small(struct item *it, const char *if_match, int to_stdout)
{
	struct small s = { .item = it, .fd = -1, .alg = VT_HASH_ALGS,
	    .out = to_stdout };
	struct vt_s3_get g;
	struct vt_err err = { VT_OK, "" };
	struct outcome o = { "stored", 0, &s.head, VT_HASH_ALGS, 0, 0 };
	char range[96];
	enum vt_code rc;

	memset(&g, 0, sizeof(g));
	g.bucket = it->bucket;
	g.key = it->key;
	g.version = opt.version;
	g.if_match = if_match;
	g.len = UINT64_MAX;
	if (opt.range != NULL) {
		snprintf(range, sizeof(range), "bytes=%s", opt.range);
		g.range = range;
	}
	g.start = small_start;
	g.sink = small_sink;
	g.ctx = &s;
	rc = vt_s3_get_object(client, &g, NULL, &err);
	if (rc == VT_OK)
		rc = small_finish(&s, &err);
	if (s.fd >= 0)
		close(s.fd);
	if (s.temp != NULL)
		unlink(s.temp);
	vt_hash_release(&s.hash);
	free(s.temp);
	free(s.data);
	o.bytes = s.got;
	o.checked = s.alg;
	finish_item(it, &o, rc, &err);
}

/* --- a large object ------------------------------------------------------- */

static uint64_t
record_offset(const struct download *d)
{
	return (d->head.size_bytes + 4095) / 4096 * 4096;
}

static uint64_t
part_len(const struct download *d, uint64_t index)
{
	uint64_t at = index * d->part_size, left = d->head.size_bytes - at;

	return left < d->part_size ? left : d->part_size;
}

static int
write_at(int fd, const void *data, size_t len, uint64_t offset)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, p, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* Is there a record of this very object?  Then take its entries. */
static int
read_record(struct download *d)
{
	struct part_head h;
	uint64_t at = record_offset(d), parts;
	size_t bytes;

	if (opt.no_resume || vt_fs_pread_all(d->fd, &h, sizeof(h), at) !=
	    (ssize_t)sizeof(h))
		return 0;
	h.etag[sizeof(h.etag) - 1] = '\0';
	if (memcmp(h.magic, part_magic, sizeof(h.magic)) != 0 ||
	    h.size_bytes != d->head.size_bytes || h.part_bytes < 65536 ||
	    h.part_bytes > VT_S3_PART_MAX || d->head.etag[0] == '\0' ||
	    strcmp(h.etag, d->head.etag) != 0)
		return 0;
	parts = (h.size_bytes + h.part_bytes - 1) / h.part_bytes;
	if (parts > SIZE_MAX / sizeof(*d->entry))
		return 0;
	bytes = (size_t)parts * sizeof(*d->entry);
	d->entry = cli_alloc(bytes);
	if (vt_fs_pread_all(d->fd, d->entry, bytes, at + sizeof(h)) !=
	    (ssize_t)bytes) {
		free(d->entry);
		d->entry = NULL;
		return 0;
	}
	d->part_size = h.part_bytes;
	d->parts = parts;
	return 1;
}

/* Make room for the whole object now, so that a full disk is told now. */
static enum vt_code
new_record(struct download *d, struct vt_err *err)
{
	struct part_head h;
	uint64_t at = record_offset(d);
	off_t total;

	d->entry = cli_alloc((size_t)d->parts * sizeof(*d->entry));
	total = (off_t)(at + sizeof(h) + d->parts * sizeof(*d->entry));
	if (ftruncate(d->fd, 0) < 0 || ftruncate(d->fd, total) < 0)
		return vt_fail_errno(err, "cannot write '%s'", d->temp);
	/* Not every file system can; ENOSPC is the answer we are after. */
	if (fallocate(d->fd, 0, 0, total) < 0 && errno == ENOSPC) {
		enum vt_code rc = vt_fail_errno(err, "no room for '%s'",
		    d->temp);

		unlink(d->temp);
		return rc;
	}
	memset(&h, 0, sizeof(h));
	memcpy(h.magic, part_magic, sizeof(h.magic));
	h.size_bytes = d->head.size_bytes;
	h.part_bytes = d->part_size;
	memcpy(h.etag, d->head.etag, sizeof(h.etag));
	if (write_at(d->fd, &h, sizeof(h), at) < 0)
		return vt_fail_errno(err, "cannot write '%s'", d->temp);
	return VT_OK;
}

/* Open NAME.vtpart for this process alone. */
static enum vt_code
open_part_file(struct download *d, struct vt_err *err)
{
	struct stat a, b;
	enum vt_code rc;

	d->temp = temp_name(d->item->path, 0);
	d->fd = open_making(d->temp, O_RDWR | O_CREAT | O_NOFOLLOW, &rc, err);
	if (rc != VT_OK)
		return rc;
	/* The other run may have renamed or removed it since we opened it. */
	if (flock(d->fd, LOCK_EX | LOCK_NB) < 0 || fstat(d->fd, &a) < 0 ||
	    stat(d->temp, &b) < 0 || a.st_ino != b.st_ino)
		return vt_fail(err, VT_BUSY, "another vt-get is writing '%s'",
		    d->temp);
	if (read_record(d))
		return VT_OK;
	return new_record(d, err);
}

static void
free_download(struct download *d)
{
	unsigned i;

	if (d->fd >= 0)
		close(d->fd);
	if (d->slot != NULL)
		for (i = 0; i < opt.jobs; i++)
			free(d->slot[i].data);
	free(d->slot);
	free(d->entry);
	free(d->temp);
	free(d);
}

/* The CRC of the whole from those of its parts. */
static uint64_t
whole_crc(const struct download *d)
{
	uint64_t i, crc = 0;

	for (i = 0; i < d->parts; i++)
		crc = vt_crc_combine(VT_CRC64NVME, crc, d->entry[i].crc64,
		    part_len(d, i));
	return crc;
}

static enum vt_code
check_file(const struct download *d, enum vt_hash_alg *by, struct vt_err *err)
{
	uint8_t sum[VT_HASH_MAX];
	uint64_t crc;
	enum vt_code rc;
	int i;

	*by = check_by(&d->head);
	if (*by == VT_HASH_ALGS)
		return VT_OK;
	if (*by == VT_CRC64NVME) {
		crc = whole_crc(d);
		for (i = 7; i >= 0; i--, crc >>= 8)
			sum[i] = (uint8_t)crc;
	} else {
		/* Once more through the page cache, in order. */
		rc = cli_hash_range(d->fd, 0, d->head.size_bytes, *by, sum,
		    err);
		if (rc != VT_OK)
			return rc;
	}
	return compare(&d->head, *by, sum, err);
}

/* The last worker of a file ends it. */
static void
end_download(struct download *d)
{
	struct outcome o = { "stored", d->head.size_bytes, &d->head,
	    VT_HASH_ALGS, d->parts, d->resumed };
	struct vt_err why;
	int keep;

	if (d->rc == VT_OK && d->stored < d->parts)
		d->rc = vt_fail(&d->err, VT_CANCELLED, "interrupted");
	keep = !opt.no_resume && (d->rc == VT_CANCELLED || d->rc == VT_BUSY);
	if (d->rc == VT_OK)
		d->rc = check_file(d, &o.checked, &d->err);
	if (d->rc == VT_OK) {
		if (ftruncate(d->fd, (off_t)d->head.size_bytes) < 0)
			d->rc = vt_fail_errno(&d->err, "cannot write '%s'",
			    d->temp);
		set_time(d->fd, &d->head);
	}
	if (d->rc == VT_OK)
		d->rc = publish(d->temp, d->item->path, &d->err);
	if (d->rc != VT_OK && keep) {
		why = d->err;
		vt_fail(&d->err, d->rc, "%.200s; what came is in '%.200s', "
		    "the same command goes on from there", why.text, d->temp);
		/* One of the few things worth saying after a signal. */
		if (d->rc == VT_CANCELLED)
			cli_warn("s3://%s/%s: %s", d->item->bucket,
			    d->item->key, d->err.text);
	} else if (d->rc != VT_OK) {
		unlink(d->temp);
	}
	finish_item(d->item, &o, d->rc, &d->err);
	d->item = NULL;
}

static int
download_over(const struct download *d)
{
	if (d->running > 0)
		return 0;
	return d->rc != VT_OK || cli_stopping() ||
	    (d->next_part >= d->parts && d->stored >= d->parts);
}

static int
download_has_part(const struct download *d)
{
	if (d->rc != VT_OK || cli_stopping() || d->next_part >= d->parts)
		return 0;
	/* A stream is at most so many parts ahead of what main has written. */
	return d->fd >= 0 || d->next_part < d->written + opt.jobs;
}

/* Take it off the list and end it.  Called and returns locked. */
static void
retire(struct download *d)
{
	struct download **pp;
	int is_stream = d->fd < 0;

	for (pp = &state.active; *pp != d; pp = &(*pp)->next)
		assert(*pp != NULL);
	*pp = d->next;
	if (is_stream) {
		/* Main reports and frees it: it may be writing still. */
		if (d->rc == VT_OK && d->stored < d->parts)
			d->rc = vt_fail(&d->err, VT_CANCELLED, "interrupted");
		d->ended = 1;
		pthread_cond_broadcast(&state.room);
		pthread_cond_broadcast(&state.work);
		return;
	}
	state.beginning++;	/* keeps the others from leaving */
	pthread_mutex_unlock(&state.lock);
	end_download(d);
	free_download(d);
	pthread_mutex_lock(&state.lock);
	state.beginning--;
	pthread_cond_broadcast(&state.work);
}

struct range_sink {
	struct download *d;
	uint64_t at;		/* in the file */
	char *data;		/* of a stream, or NULL */
	size_t got;
	uint64_t crc;
};

static enum vt_code
range_sink(void *ctx, const char *data, size_t len, struct vt_err *err)
{
	struct range_sink *s = ctx;

	s->crc = vt_crc64nvme(s->crc, data, len);
	if (s->data != NULL)
		memcpy(s->data + s->got, data, len);
	else if (write_at(s->d->fd, data, len, s->at + s->got) < 0)
		return vt_fail_errno(err, "cannot write '%s'", s->d->temp);
	s->got += len;
	cli_progress_add((int64_t)len, 0);
	return VT_OK;
}

static enum vt_code
get_range(struct download *d, uint64_t index, char *data, uint64_t *crc,
    struct vt_err *err)
{
	struct range_sink s = { d, index * d->part_size, data, 0, 0 };
	struct vt_s3_get g;
	enum vt_code rc;

	memset(&g, 0, sizeof(g));
	g.bucket = d->item->bucket;
	g.key = d->item->key;
	g.version = opt.version;
	g.if_match = d->head.etag[0] != '\0' ? d->head.etag : NULL;
	g.offset = s.at;
	g.len = part_len(d, index);
	g.sink = range_sink;
	g.ctx = &s;
	rc = vt_s3_get_object(client, &g, NULL, err);
	if (rc == VT_PRECONDITION)
		rc = vt_fail(err, VT_BUSY,
		    "the object changed while it was read");
	if (rc == VT_OK && s.got != g.len)
		rc = vt_fail(err, VT_BUSY,
		    "the object changed while it was read");
	if (rc != VT_OK)
		cli_progress_add(-(int64_t)s.got, 0);
	*crc = s.crc;
	return rc;
}

/* A range that an earlier run wrote: is it still what it was? */
static int
range_matches(const struct download *d, uint64_t index)
{
	uint8_t sum[VT_HASH_MAX];
	uint64_t crc = 0;
	int i;

	if (cli_hash_range(d->fd, index * d->part_size, part_len(d, index),
	    VT_CRC64NVME, sum, NULL) != VT_OK)
		return 0;
	for (i = 0; i < 8; i++)
		crc = crc << 8 | sum[i];
	return crc == d->entry[index].crc64;
}

/* One range.  Called and returns locked. */
static void
work_on_part(struct download *d)
{
	uint64_t index = d->next_part++, crc = 0;
	struct part_entry e;
	struct slot *slot = NULL;
	struct vt_err err = { VT_OK, "" };
	enum vt_code rc = VT_OK;
	int resumed = 0;

	d->running++;
	pthread_mutex_unlock(&state.lock);
	if (d->fd < 0) {
		slot = &d->slot[index % opt.jobs];
		if (slot->data == NULL)
			slot->data = malloc((size_t)d->part_size);
		if (slot->data == NULL)
			rc = vt_fail(&err, VT_NOMEM, "out of memory");
		else
			rc = get_range(d, index, slot->data, &crc, &err);
		slot->len = (size_t)part_len(d, index);
	} else if (d->entry[index].done == 1 && range_matches(d, index)) {
		resumed = 1;
		cli_progress_add((int64_t)part_len(d, index), 0);
	} else {
		rc = get_range(d, index, NULL, &crc, &err);
		e.crc64 = crc;
		e.done = 1;
		/* Only now, behind the bytes it speaks of. */
		if (rc == VT_OK && write_at(d->fd, &e, sizeof(e),
		    record_offset(d) + sizeof(struct part_head) +
		    index * sizeof(e)) < 0)
			rc = vt_fail_errno(&err, "cannot write '%s'", d->temp);
		if (rc == VT_OK)
			d->entry[index] = e;
	}
	pthread_mutex_lock(&state.lock);
	d->running--;
	if (rc == VT_OK) {
		d->stored++;
		d->resumed += (unsigned)resumed;
		if (slot != NULL) {
			slot->ready = 1;
			pthread_cond_broadcast(&state.room);
		}
	} else if (d->rc == VT_OK || d->rc == VT_CANCELLED) {
		d->rc = rc;
		d->err = err;
	}
	if (download_over(d))
		retire(d);
}

static void
make_active(struct download *d)
{
	pthread_mutex_lock(&state.lock);
	d->next = state.active;
	state.active = d;
	pthread_cond_broadcast(&state.work);
	pthread_mutex_unlock(&state.lock);
}

static struct download *
new_download(struct item *it, const struct vt_s3_head *head)
{
	struct download *d = cli_alloc(sizeof(*d));

	d->item = it;
	d->head = *head;
	d->fd = -1;
	d->part_size = opt.part_size;
	d->parts = (head->size_bytes + d->part_size - 1) / d->part_size;
	return d;
}

/* --- an item of the queue ------------------------------------------------- */

/* Is the file there with the same contents?  1, 0, or -1 with rc. */
static int
is_same(struct item *it, struct vt_s3_head *head, enum vt_code *rc,
    struct vt_err *err)
{
	struct stat st;
	struct timespec t;
	uint8_t sum[VT_HASH_MAX];
	enum vt_hash_alg alg;
	int fd;

	*rc = VT_OK;
	if (stat(it->path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (it->known && (uint64_t)st.st_size != it->size)
		return 0;
	if (head->etag[0] == '\0') {
		*rc = vt_s3_head(client, it->bucket, it->key, opt.version,
		    head, err);
		if (*rc != VT_OK)
			return -1;
	}
	if ((uint64_t)st.st_size != head->size_bytes)
		return 0;
	t = object_time(head);
	if (t.tv_sec == st.st_mtim.tv_sec && t.tv_nsec == st.st_mtim.tv_nsec)
		return 1;
	alg = check_by(head);
	if (alg == VT_HASH_ALGS)
		return 0;
	fd = open(it->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	*rc = cli_hash_range(fd, 0, head->size_bytes, alg, sum, err);
	close(fd);
	return *rc != VT_OK ? -1 : compare(head, alg, sum, NULL) == VT_OK;
}

static void
begin_item(struct item *it)
{
	struct outcome o = { "same", 0, NULL, VT_HASH_ALGS, 0, 0 };
	struct vt_err err = { VT_OK, "" };
	struct vt_s3_head head;
	struct download *d;
	struct stat st;
	enum vt_code rc = VT_OK;
	int same = 0;

	it->start_us = vt_clock_mono_us();
	memset(&head, 0, sizeof(head));
	if (stat(it->path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			rc = vt_fail(&err, VT_INVALID, "is a directory");
		else if (opt.no_overwrite)
			rc = vt_fail(&err, VT_EXISTS, "exists already");
		else if (opt.skip_same)
			same = is_same(it, &head, &rc, &err);
	}
	if (rc == VT_OK && same == 0 && opt.dry_run)
		o.result = "planned";
	if (rc != VT_OK || same == 1 || opt.dry_run) {
		o.bytes = head.etag[0] != '\0' ? head.size_bytes : it->size;
		cli_progress_add((int64_t)it->size, 0);
		finish_item(it, &o, rc, &err);
		return;
	}
	/* One request is enough for what is known to be small, and for a
	 * range of the user's. */
	if (opt.range != NULL ||
	    (it->known && it->size <= opt.part_size)) {
		get_small(it, head.etag[0] != '\0' ? head.etag : NULL, 0);
		return;
	}
	if (head.etag[0] == '\0')
		rc = vt_s3_head(client, it->bucket, it->key, opt.version,
		    &head, &err);
	if (rc != VT_OK) {
		fail_item(it, rc, &err);
		return;
	}
	if (head.size_bytes <= opt.part_size) {
		get_small(it, head.etag[0] != '\0' ? head.etag : NULL, 0);
		return;
	}
	cli_progress_expect(head.size_bytes - it->size, 0);
	it->size = head.size_bytes;
	d = new_download(it, &head);
	rc = open_part_file(d, &err);
	if (rc != VT_OK) {
		free_download(d);
		fail_item(it, rc, &err);
		return;
	}
	make_active(d);
}

static void *
worker(void *unused)
{
	struct download *d;
	struct item *it;
	struct vt_err err = { VT_OK, "" };

	(void)unused;
	pthread_mutex_lock(&state.lock);
	for (;;) {
		for (d = state.active; d != NULL; d = d->next)
			if (download_has_part(d) || download_over(d))
				break;
		if (d != NULL) {
			if (download_has_part(d))
				work_on_part(d);
			else
				retire(d);
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

/* --- main's side: a stream ------------------------------------------------ */

/* Write the parts in order as they come. */
static enum vt_code
drain(struct download *d, struct vt_hash *hash, enum vt_hash_alg alg,
    struct vt_err *err)
{
	struct slot *slot;
	enum vt_code rc = VT_OK;
	uint64_t i;

	for (i = 0; i < d->parts && rc == VT_OK; i++) {
		slot = &d->slot[i % opt.jobs];
		pthread_mutex_lock(&state.lock);
		while (!slot->ready && !d->ended)
			pthread_cond_wait(&state.room, &state.lock);
		if (!slot->ready) {
			rc = d->rc;
			*err = d->err;
		}
		pthread_mutex_unlock(&state.lock);
		if (rc != VT_OK)
			break;
		if (alg != VT_HASH_ALGS)
			vt_hash_update(hash, slot->data, slot->len);
		/* cli_finish says why. */
		if (cli_out(slot->data, slot->len) < 0)
			rc = vt_fail(err, VT_IO, "output lost");
		pthread_mutex_lock(&state.lock);
		slot->ready = 0;
		d->written++;
		pthread_cond_broadcast(&state.work);
		pthread_mutex_unlock(&state.lock);
	}
	pthread_mutex_lock(&state.lock);
	if (rc != VT_OK && d->rc == VT_OK)
		d->rc = rc;
	pthread_cond_broadcast(&state.work);
	while (!d->ended)
		pthread_cond_wait(&state.room, &state.lock);
	pthread_mutex_unlock(&state.lock);
	return rc;
}

static void
get_stream(struct item *it)
{
	struct outcome o = { "stored", 0, NULL, VT_HASH_ALGS, 0, 0 };
	struct vt_err err = { VT_OK, "" };
	struct vt_s3_head head;
	struct vt_hash hash = { 0 };
	struct download *d;
	uint8_t sum[VT_HASH_MAX];
	enum vt_code rc;

	it->start_us = vt_clock_mono_us();
	if (opt.dry_run) {
		o.result = "planned";
		finish_item(it, &o, VT_OK, &err);
		return;
	}
	if (opt.range != NULL) {
		get_small(it, NULL, 1);
		return;
	}
	rc = vt_s3_head(client, it->bucket, it->key, opt.version, &head,
	    &err);
	if (rc != VT_OK) {
		fail_item(it, rc, &err);
		return;
	}
	if (head.size_bytes <= opt.part_size) {
		get_small(it, head.etag[0] != '\0' ? head.etag : NULL, 1);
		return;
	}
	cli_progress_expect(head.size_bytes, 0);
	o.bytes = head.size_bytes;
	o.head = &head;
	o.checked = check_by(&head);
	if (o.checked != VT_HASH_ALGS && vt_hash_init(&hash, o.checked) < 0)
		cli_die(CLI_FAILED, "out of memory");
	d = new_download(it, &head);
	o.parts = d->parts;
	d->slot = cli_alloc(opt.jobs * sizeof(*d->slot));
	make_active(d);
	rc = drain(d, &hash, o.checked, &err);
	free_download(d);
	if (rc == VT_OK && o.checked != VT_HASH_ALGS) {
		vt_hash_final(&hash, sum);
		rc = compare(&head, o.checked, sum, &err);
	}
	vt_hash_release(&hash);
	finish_item(it, &o, rc, &err);
}

/* --- main's side: finding ------------------------------------------------- */

static struct item *
new_item(const char *bucket, const char *key, char *path)
{
	struct item *it = cli_alloc(sizeof(*it));

	it->bucket = cli_strdup(bucket);
	it->key = cli_strdup(key);
	it->path = path;
	return it;
}

static void
enqueue(struct item *it)
{
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

/*
 * Whoever wrote the bucket must not choose where we write: every component
 * has to be a plain name.  NULL, or what is wrong with it.
 */
static const char *
unsafe(const char *name)
{
	const char *s, *p;

	if (name[0] == '/')
		return "starts with '/'";
	for (s = name; ; s = p + 1) {
		p = strchrnul(s, '/');
		if (p == s)
			return "holds '//'";
		if (p - s == 1 && s[0] == '.')
			return "holds the component '.'";
		if (p - s == 2 && s[0] == '.' && s[1] == '.')
			return "holds the component '..'";
		if (*p == '\0' || p[1] == '\0')
			return NULL;
	}
}

struct tree {
	const char *bucket, *dir, *prefix;
	uint64_t found;
};

static int
visit_tree(void *ctx, const struct vt_s3_entry *e)
{
	struct tree *t = ctx;
	const char *name, *wrong;
	struct vt_err err = { VT_OK, "" };
	struct item *it;
	char *path = NULL;
	size_t n = strlen(t->prefix);

	if (cli_stopping())
		return 1;
	t->found++;
	/* A server that lists what was not asked for. */
	if (strncmp(e->key, t->prefix, n) != 0) {
		cli_warn("s3://%s/%s: not under '%s', skipped", t->bucket,
		    e->key, t->prefix);
		count(VT_INVALID);
		return 0;
	}
	name = e->key + n;
	n = strlen(name);
	/* The marker of the prefix itself. */
	if (n == 0)
		return 0;
	if (asprintf(&path, "%s/%s", t->dir, name) < 0)
		cli_die(CLI_FAILED, "out of memory");
	it = new_item(t->bucket, e->key, path);
	it->known = 1;
	it->size = e->size_bytes;
	it->modified_us = e->modified_us;
	snprintf(it->etag, sizeof(it->etag), "%s", e->etag);
	wrong = unsafe(name);
	if (wrong == NULL && name[n - 1] == '/') {
		/* Consoles make directories of empty objects. */
		if (e->size_bytes > 0) {
			wrong = "ends in '/'";
		} else {
			if (!opt.dry_run &&
			    make_parents(path, &err) != VT_OK)
				fail_item(it, err.code, &err);
			else
				free_item(it);
			return 0;
		}
	}
	if (wrong != NULL) {
		fail_item(it, vt_fail(&err, VT_INVALID, "the key %s and is no "
		    "safe file name", wrong), &err);
		return 0;
	}
	enqueue(it);
	return 0;
}

static void
get_tree(const char *bucket, const char *prefix, const char *dir)
{
	struct vt_err err = { VT_OK, "" };
	struct tree t = { bucket, dir, NULL, 0 };
	char *full = NULL;
	size_t n = strlen(prefix);
	enum vt_code rc;

	if (asprintf(&full, "%s%s", prefix,
	    n > 0 && prefix[n - 1] != '/' ? "/" : "") < 0)
		cli_die(CLI_FAILED, "out of memory");
	t.prefix = full;
	rc = vt_s3_list(client, bucket, full, NULL, NULL, visit_tree, &t,
	    &err);
	if (rc == VT_OK && t.found == 0)
		rc = vt_fail(&err, VT_ABSENT, "no key begins like that");
	if (rc != VT_OK && rc != VT_CANCELLED)
		cli_warn("s3://%s/%s: %s", bucket, full, err.text);
	if (rc != VT_OK)
		count(rc);
	free(full);
}

static const char *
base_name(const char *key)
{
	const char *slash = strrchr(key, '/');

	return slash != NULL ? slash + 1 : key;
}

static void
get_one(const char *bucket, const char *key, const char *dest, int into_dir)
{
	struct vt_err err = { VT_OK, "" };
	const char *name = base_name(key), *wrong;
	struct item *it;
	struct stat st;
	char *path = NULL, *real;

	if (into_dir) {
		if (asprintf(&path, "%s%s%s", dest,
		    dest[strlen(dest) - 1] == '/' ? "" : "/", name) < 0)
			cli_die(CLI_FAILED, "out of memory");
		wrong = name[0] == '\0' ? "ends in '/'" : unsafe(name);
		if (wrong != NULL) {
			it = new_item(bucket, key, path);
			fail_item(it, vt_fail(&err, VT_INVALID,
			    "the key %s and is no safe file name", wrong),
			    &err);
			return;
		}
	} else {
		/* Through a link, as cp does, not in its place. */
		real = lstat(dest, &st) == 0 && S_ISLNK(st.st_mode) ?
		    realpath(dest, NULL) : NULL;
		path = real != NULL ? real : cli_strdup(dest);
	}
	it = new_item(bucket, key, path);
	if (strcmp(dest, "-") == 0) {
		cli_progress_expect(0, 1);
		get_stream(it);
	} else {
		enqueue(it);
	}
}

/* --- listing -------------------------------------------------------------- */

struct listing {
	const char *bucket;
	uint64_t found;
	struct vt_buf b;
};

/* Names are other people's: no control characters to a terminal. */
static void
add_name(struct vt_buf *b, const char *name)
{
	static int terminal = -1;
	size_t at = b->len;

	if (terminal < 0)
		terminal = isatty(STDOUT_FILENO);
	vt_buf_str(b, name);
	for (; terminal && at < b->len; at++)
		if ((unsigned char)b->data[at] < 0x20 || b->data[at] == 0x7f)
			b->data[at] = '?';
}

static int
visit_listing(void *ctx, const struct vt_s3_entry *e)
{
	struct listing *l = ctx;
	char when[25];

	if (cli_stopping())
		return 1;
	l->found++;
	vt_time_rfc3339_ms(e->modified_us, when);
	if (opt.json) {
		vt_json_begin(&l->b);
		vt_json_u64(&l->b, "v", 1);
		vt_json_str(&l->b, "op", "list");
		vt_json_str(&l->b, "bucket", l->bucket);
		vt_json_bytes(&l->b, e->is_prefix ? "prefix" : "key", e->key,
		    strlen(e->key));
		if (!e->is_prefix) {
			vt_json_u64(&l->b, "bytes", e->size_bytes);
			vt_json_str(&l->b, "modified", when);
			vt_json_str(&l->b, "etag", e->etag);
			vt_json_str(&l->b, "class", e->storage_class[0] !=
			    '\0' ? e->storage_class : "STANDARD");
		}
		vt_json_end(&l->b);
	} else {
		if (e->is_prefix)
			vt_buf_printf(&l->b, "%15s  %-24s  %-20s  ", "-", "-",
			    "-");
		else
			vt_buf_printf(&l->b, "%15llu  %s  %-20s  ",
			    (unsigned long long)e->size_bytes, when,
			    e->storage_class[0] != '\0' ? e->storage_class :
			    "STANDARD");
		add_name(&l->b, e->key);
		vt_buf_char(&l->b, opt.null ? '\0' : '\n');
	}
	return cli_out_buf(&l->b) < 0;
}

static int
visit_bucket(void *ctx, const char *name, int64_t created_us)
{
	struct listing *l = ctx;
	char when[25];

	l->found++;
	vt_time_rfc3339_ms(created_us, when);
	if (opt.json) {
		vt_json_begin(&l->b);
		vt_json_u64(&l->b, "v", 1);
		vt_json_str(&l->b, "op", "list");
		vt_json_str(&l->b, "bucket", name);
		vt_json_str(&l->b, "created", when);
		vt_json_end(&l->b);
	} else {
		vt_buf_printf(&l->b, "%s  ", when);
		add_name(&l->b, name);
		vt_buf_char(&l->b, opt.null ? '\0' : '\n');
	}
	return cli_out_buf(&l->b) < 0;
}

/* `url` NULL: the buckets. */
static void
list(const char *url)
{
	struct vt_err err = { VT_OK, "" };
	struct listing l = { .found = 0 };
	char *bucket = NULL, *prefix = NULL;
	enum vt_code rc;

	vt_buf_init(&l.b, 65536);
	if (url == NULL) {
		rc = vt_s3_list_buckets(client, visit_bucket, &l, &err);
	} else {
		cli_s3_url(url, &bucket, &prefix);
		l.bucket = bucket;
		rc = vt_s3_list(client, bucket, prefix, opt.recursive ? NULL :
		    "/", NULL, visit_listing, &l, &err);
		/* An empty bucket is an answer; a name that nothing bears is
		 * the answer no. */
		if (rc == VT_OK && l.found == 0 && prefix[0] != '\0')
			rc = vt_fail(&err, VT_ABSENT,
			    "no key begins like that");
	}
	if (rc != VT_OK && rc != VT_CANCELLED)
		cli_warn("%s: %s", url != NULL ? url : "the buckets",
		    err.text);
	/* Once more for lost output, which cli_finish tells. */
	count(rc);
	vt_buf_release(&l.b);
	free(bucket);
	free(prefix);
}

/* --- arguments ------------------------------------------------------------ */

enum {
	OPT_DECODE = 256, OPT_JSON, OPT_KEY_FILE, OPT_NO_CHECK,
	OPT_NO_OVERWRITE, OPT_NO_RESUME, OPT_PART_SIZE, OPT_RANGE,
	OPT_SKIP_SAME, OPT_VERBOSE, OPT_VERSION_ID
};

static const struct option options[] = {
	{ "decode", no_argument, NULL, OPT_DECODE },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "key-file", required_argument, NULL, OPT_KEY_FILE },
	{ "list", no_argument, NULL, 'l' },
	{ "no-check", no_argument, NULL, OPT_NO_CHECK },
	{ "no-overwrite", no_argument, NULL, OPT_NO_OVERWRITE },
	{ "no-resume", no_argument, NULL, OPT_NO_RESUME },
	{ "null", no_argument, NULL, '0' },
	{ "part-size", required_argument, NULL, OPT_PART_SIZE },
	{ "quiet", no_argument, NULL, 'q' },
	{ "range", required_argument, NULL, OPT_RANGE },
	{ "recursive", no_argument, NULL, 'r' },
	{ "skip-same", no_argument, NULL, OPT_SKIP_SAME },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "version", no_argument, NULL, 'V' },
	{ "version-id", required_argument, NULL, OPT_VERSION_ID },
	CLI_S3_OPTIONS,
	{ NULL, 0, NULL, 0 }
};

static int
is_range(const char *s)
{
	size_t a = strspn(s, "0123456789"), b;

	if (s[a] != '-' || a > 19)
		return 0;
	b = strspn(s + a + 1, "0123456789");
	return s[a + 1 + b] == '\0' && b <= 19 && a + b > 0;
}

/* -1, or the status to exit with. */
static int
parse(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "+0hj:lnqrV", options, NULL)) !=
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
		case 'l':
			opt.list = 1;
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
		case OPT_DECODE:
			opt.decode = 1;
			break;
		case OPT_JSON:
			opt.json = 1;
			break;
		case OPT_KEY_FILE:
			opt.key_file = optarg;
			break;
		case OPT_NO_CHECK:
			opt.no_check = 1;
			break;
		case OPT_NO_OVERWRITE:
			opt.no_overwrite = 1;
			break;
		case OPT_NO_RESUME:
			opt.no_resume = 1;
			break;
		case OPT_PART_SIZE:
			opt.part_size = cli_opt_size("--part-size", optarg,
			    65536, VT_S3_PART_MAX);
			break;
		case OPT_RANGE:
			if (!is_range(optarg))
				return cli_usage_error("--range '%s' is not "
				    "of the form 0-99, 100- or -100", optarg);
			opt.range = optarg;
			break;
		case OPT_SKIP_SAME:
			opt.skip_same = 1;
			break;
		case OPT_VERBOSE:
			opt.verbose = opt.s3.verbose = 1;
			break;
		case OPT_VERSION_ID:
			opt.version = optarg;
			break;
		default:
			if (!cli_s3_option(&opt.s3, c, optarg))
				return cli_usage();
			break;
		}
	}
	return -1;
}

static int
is_dir(const char *path)
{
	struct stat st;
	size_t n = strlen(path);

	return (n > 0 && path[n - 1] == '/') ||
	    (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

static int
is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode) &&
	    !S_ISDIR(st.st_mode);
}

/* Exits with 2 unless it is one: before credentials are looked for. */
static void
check_url(const char *text)
{
	char *bucket, *key;

	cli_s3_url(text, &bucket, &key);
	free(bucket);
	free(key);
}

/* The same of what is to be decoded. */
static int
check_decode(int n, char **arg, const char **dest)
{
	if (opt.list || opt.recursive || opt.range != NULL || opt.dry_run ||
	    opt.skip_same || opt.json)
		return cli_usage_error("--decode takes no --list, --recursive, "
		    "--range, --dry-run, --skip-same or --json");
	if (n < 1 || n > 2)
		return cli_usage_error("--decode takes what is stored and "
		    "where its bytes go");
	*dest = n == 2 ? arg[1] : "-";
	if (**dest == '\0' || is_dir(*dest))
		return cli_usage_error("--decode into '%s': name a file",
		    *dest);
	if (strncmp(arg[0], "s3://", 5) == 0)
		check_url(arg[0]);
	else if (opt.version != NULL)
		return cli_usage_error("--version-id is of an s3:// object");
	return -1;
}

/* Sources and destination; -1, or the status to exit with. */
static int
check_arguments(int n, char **arg, int *sources, const char **dest)
{
	int i;

	*dest = NULL;
	*sources = n;
	if (opt.null && !opt.list)
		return cli_usage_error("--null is for --list");
	if (opt.decode)
		return check_decode(n, arg, dest);
	if (opt.key_file != NULL)
		return cli_usage_error("--key-file is for --decode");
	if (opt.list) {
		if (opt.range != NULL || opt.version != NULL || opt.dry_run)
			return cli_usage_error("--list takes no --range, "
			    "--version-id or --dry-run");
		for (i = 0; i < n; i++)
			check_url(arg[i]);
		return -1;
	}
	if (n == 0)
		return cli_usage_error("what is to be got?");
	if (strncmp(arg[n - 1], "s3://", 5) != 0) {
		*dest = arg[n - 1];
		*sources = n - 1;
	}
	if (*sources == 0)
		return cli_usage_error("what is to be got into '%s'?", *dest);
	for (i = 0; i < *sources; i++)
		check_url(arg[i]);
	if (*dest != NULL && (*dest)[0] == '\0')
		return cli_usage_error("the destination is empty");
	if ((opt.range != NULL || opt.version != NULL) &&
	    (*sources > 1 || opt.recursive))
		return cli_usage_error("--range and --version-id are for one "
		    "object");
	if (*dest != NULL && strcmp(*dest, "-") == 0) {
		if (opt.json)
			return cli_usage_error("--json would stand among the "
			    "bytes on standard output");
		if (opt.recursive)
			return cli_usage_error("--recursive needs a "
			    "directory");
	} else if (*dest != NULL && *sources > 1 && !is_dir(*dest)) {
		return cli_usage_error("several objects need a directory or "
		    "'-', not '%s'", *dest);
	}
	return -1;
}

/* Bytes for a device or a pipe take the way of standard output. */
static const char *
divert(const char *dest)
{
	int fd;

	if (dest == NULL || strcmp(dest, "-") == 0 || !is_special(dest))
		return dest;
	if (opt.json)
		cli_die(CLI_USAGE, "--json would stand among the bytes in "
		    "'%s'", dest);
	fd = open(dest, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		cli_die(CLI_FAILED, "cannot open '%s': %s", dest,
		    strerror(errno));
	close(fd);
	return "-";
}

static void
get_arguments(int sources, char **arg, const char *dest)
{
	char *bucket, *key, *dir;
	size_t n;
	int i;

	for (i = 0; i < sources && !cli_stopping(); i++) {
		cli_s3_url(arg[i], &bucket, &key);
		if (opt.recursive) {
			dir = cli_strdup(dest != NULL ? dest : ".");
			n = strlen(dir);
			while (n > 1 && dir[n - 1] == '/')
				dir[--n] = '\0';
			get_tree(bucket, key, dir);
			free(dir);
		} else if (key[0] == '\0') {
			cli_warn("'%s' names no key: --recursive gets all, "
			    "--list shows them", arg[i]);
			count(VT_INVALID);
		} else if (dest == NULL) {
			get_one(bucket, key, "./", 1);
		} else {
			get_one(bucket, key, dest, strcmp(dest, "-") != 0 &&
			    is_dir(dest));
		}
		free(bucket);
		free(key);
	}
}

static void
run(int sources, char **arg, const char *dest)
{
	pthread_t thread[JOBS_MAX];
	sigset_t all, old;
	unsigned i, threads = 0;
	int n = 0;

	cli_progress_start(opt.quiet || opt.dry_run, "got");
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
	get_arguments(sources, arg, dest);
	pthread_mutex_lock(&state.lock);
	state.closed = 1;
	pthread_cond_broadcast(&state.work);
	pthread_mutex_unlock(&state.lock);
	for (i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
}

int
main(int argc, char **argv)
{
	struct vt_err err = { VT_OK, "" };
	const char *dest;
	enum vt_code rc;
	int status, sources, is_local, i;

	cli_init(argv, usage);
	status = parse(argc, argv);
	if (status >= 0)
		return status;
	argc -= optind;
	argv += optind;
	status = check_arguments(argc, argv, &sources, &dest);
	if (status >= 0)
		return status;
	is_local = opt.decode && strncmp(argv[0], "s3://", 5) != 0;
	rc = is_local ? VT_OK : cli_s3_load(&opt.s3, &err);
	if (rc == VT_OK && !is_local)
		rc = cli_s3_connect(&opt.s3, cli_cancel_flag(), &client, &err);
	if (rc != VT_OK) {
		cli_warn("%s", err.text);
		return cli_finish(CLI_FAILED);
	}
	dest = divert(dest);
	cli_catch_signals(-1);
	if (opt.decode)
		count(decode(client, argv[0], opt.version, opt.key_file,
		    dest));
	else if (opt.list && sources == 0)
		list(NULL);
	else if (opt.list)
		for (i = 0; i < sources && !cli_stopping(); i++)
			list(argv[i]);
	else
		run(sources, argv, dest);
	status = cli_tally_status(&state.tally);
	vt_s3_close(client);
	cli_s3_release(&opt.s3);
	return cli_finish(status);
}
