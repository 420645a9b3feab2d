/*
 * A large object, in ranges.
 *
 * It grows in NAME.vtpart.  Behind its bytes that file holds a record of the
 * ranges that are there with their CRC64NVME, so that an interrupted run is
 * taken up, and what is found is checked before it counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/fs.h"

#include "cmd/cli.h"

#include "get.h"

/* What lies behind the bytes of a NAME.vtpart. */
struct part_head {
	char magic[8];
	uint64_t size_bytes, part_bytes;
	char etag[128];
};

static const char part_magic[8] = "vtget1\n";

/* --- the record ----------------------------------------------------------- */

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
enum vt_code
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

/* --- the end of it -------------------------------------------------------- */

void
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

int
download_over(const struct cli_open *o)
{
	const struct download *d = (const struct download *)o;

	if (d->running > 0)
		return 0;
	return d->rc != VT_OK || cli_stopping() ||
	    (d->next_part >= d->parts && d->stored >= d->parts);
}

int
download_has_part(const struct cli_open *o)
{
	const struct download *d = (const struct download *)o;

	if (d->rc != VT_OK || cli_stopping() || d->next_part >= d->parts)
		return 0;
	/* A stream is at most so many parts ahead of what main has written. */
	return d->fd >= 0 || d->next_part < d->written + opt.jobs;
}

/* Take it off the list and end it.  Called and returns locked. */
void
retire(struct cli_open *o)
{
	struct download *d = (struct download *)o;
	int is_stream = d->fd < 0;

	cli_work_remove(&work, o);
	if (is_stream) {
		/* Main reports and frees it: it may be writing still. */
		if (d->rc == VT_OK && d->stored < d->parts)
			d->rc = vt_fail(&d->err, VT_CANCELLED, "interrupted");
		d->ended = 1;
		pthread_cond_broadcast(&work.room);
		pthread_cond_broadcast(&work.todo);
		return;
	}
	work.beginning++;	/* keeps the others from leaving */
	pthread_mutex_unlock(&work.lock);
	end_download(d);
	free_download(d);
	pthread_mutex_lock(&work.lock);
	work.beginning--;
	pthread_cond_broadcast(&work.todo);
}

/* --- a range -------------------------------------------------------------- */

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
void
work_on_part(struct cli_open *o)
{
	struct download *d = (struct download *)o;
	uint64_t index = d->next_part++, crc = 0;
	struct part_entry e;
	struct slot *slot = NULL;
	struct vt_err err = { VT_OK, "" };
	enum vt_code rc = VT_OK;
	int resumed = 0;

	d->running++;
	pthread_mutex_unlock(&work.lock);
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
	pthread_mutex_lock(&work.lock);
	d->running--;
	if (rc == VT_OK) {
		d->stored++;
		d->resumed += (unsigned)resumed;
		if (slot != NULL) {
			slot->ready = 1;
			pthread_cond_broadcast(&work.room);
		}
	} else if (d->rc == VT_OK || d->rc == VT_CANCELLED) {
		d->rc = rc;
		d->err = err;
	}
	if (download_over(o))
		retire(o);
}

struct download *
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
