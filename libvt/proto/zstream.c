#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "libvt/base/fs.h"

#include "libvt/proto/jsonsplit.h"

#include "libvt/proto/zstream.h"

#define BLOCK ((size_t)256 << 10)

struct vt_zlines {
	int fd;
	size_t max_line;
	uint64_t number;
	/* lines not given out: [start, end); before them some that were, and
	 * before all `base` bytes of the stream */
	char *data;
	size_t cap, start, end, looked;
	uint64_t base;
	int is_part;		/* of a file: `left` bytes from `at` on */
	uint64_t at, left;
	int at_end, skipping, sniffed, whole;
	/* records in the place of lines: asked for, and found to be so */
	int wants_records, is_json;
	int in_record;
	struct vt_jsonsplit split;
	/* compressed streams alone */
	struct archive *archive;
	char *raw;		/* what libarchive is given */
	size_t raw_first;	/* bytes of it read while sniffing */
	int read_errno;
};

struct vt_zlines *
vt_zlines_open(int fd, size_t max_line)
{
	struct vt_zlines *z = calloc(1, sizeof(*z));

	if (z == NULL)
		return NULL;
	z->fd = fd;
	z->max_line = max_line;
	z->cap = BLOCK;
	z->data = malloc(z->cap);
	if (z->data == NULL) {
		free(z);
		return NULL;
	}
	return z;
}

struct vt_zlines *
vt_zlines_open_part(int fd, size_t max_line, uint64_t start,
    uint64_t bytes)
{
	struct vt_zlines *z = vt_zlines_open(fd, max_line);

	if (z == NULL)
		return NULL;
	z->sniffed = z->is_part = 1;
	z->base = z->at = start;
	z->left = bytes;
	return z;
}

void
vt_zlines_close(struct vt_zlines *z)
{
	if (z == NULL)
		return;
	if (z->archive != NULL)
		archive_read_free(z->archive);
	free(z->raw);
	free(z->data);
	free(z);
}

static ssize_t
read_fd(int fd, void *data, size_t len)
{
	ssize_t n;

	do
		n = read(fd, data, len);
	while (n < 0 && errno == EINTR);
	return n;
}

static ssize_t
read_part(struct vt_zlines *z)
{
	size_t room = z->cap - z->end;
	ssize_t n;

	if (room > z->left)
		room = (size_t)z->left;
	n = vt_fs_pread_all(z->fd, z->data + z->end, room, z->at);
	if (n > 0) {
		z->at += (uint64_t)n;
		z->left -= (uint64_t)n;
	}
	return n;
}

static la_ssize_t
feed(struct archive *a, void *ctx, const void **data)
{
	struct vt_zlines *z = ctx;
	ssize_t n = (ssize_t)z->raw_first;

	*data = z->raw;
	z->raw_first = 0;
	if (n == 0)
		n = read_fd(z->fd, z->raw, BLOCK);
	if (n < 0) {
		z->read_errno = errno;
		archive_set_error(a, errno, "read");
		return ARCHIVE_FATAL;
	}
	return n;
}

static enum vt_code
broken(struct vt_zlines *z, struct vt_err *err)
{
	if (z->read_errno != 0) {
		errno = z->read_errno;
		return vt_fail_errno(err, "cannot read");
	}
	return vt_fail(err, VT_CORRUPT, "broken compressed data: %s",
	    archive_error_string(z->archive) != NULL ?
	    archive_error_string(z->archive) : "unknown");
}

static enum vt_code
start_archive(struct vt_zlines *z, struct vt_err *err)
{
	struct archive_entry *entry;

	z->archive = archive_read_new();
	z->raw = malloc(BLOCK);
	if (z->archive == NULL || z->raw == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to decompress");
	memcpy(z->raw, z->data, z->end);
	z->raw_first = z->end;
	z->end = 0;
	archive_read_support_filter_gzip(z->archive);
	archive_read_support_filter_zstd(z->archive);
	archive_read_support_filter_xz(z->archive);
	archive_read_support_filter_bzip2(z->archive);
	archive_read_support_filter_lz4(z->archive);
	archive_read_support_format_raw(z->archive);
	archive_read_support_format_empty(z->archive);
	if (archive_read_open(z->archive, z, NULL, feed, NULL) != ARCHIVE_OK)
		return broken(z, err);
	switch (archive_read_next_header(z->archive, &entry)) {
	case ARCHIVE_OK:
		return VT_OK;
	case ARCHIVE_EOF:
		z->at_end = 1;
		return VT_OK;
	default:
		return broken(z, err);
	}
}

/* Read the first bytes, through pipes that give them one by one, and see
 * whether they are compressed. */
static enum vt_code
sniff(struct vt_zlines *z, struct vt_err *err)
{
	static const struct {
		size_t len;
		const char *bytes;
	} magics[] = {
		{ 2, "\x1f\x8b" },			/* gzip */
		{ 4, "\x28\xb5\x2f\xfd" },		/* zstd */
		{ 6, "\xfd" "7zXZ\0" },
		{ 3, "BZh" },
		{ 4, "\x04\x22\x4d\x18" },		/* lz4 */
	};
	ssize_t n;
	size_t i;

	z->sniffed = 1;
	while (z->end < 6) {
		n = read_fd(z->fd, z->data + z->end, z->cap - z->end);
		if (n < 0)
			return vt_fail_errno(err, "cannot read");
		if (n == 0)
			break;
		z->end += (size_t)n;
	}
	for (i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (z->end >= magics[i].len && memcmp(z->data,
		    magics[i].bytes, magics[i].len) == 0)
			return start_archive(z, err);
	return VT_OK;
}

/* Forget `n` bytes at the front. */
static void
drop(struct vt_zlines *z, size_t n)
{
	memmove(z->data, z->data + n, z->end - n);
	z->base += n;
	z->start -= n;
	z->end -= n;
	z->looked -= n;
}

/* Room behind `end`: what is kept moves to the front, then the block grows;
 * never beyond a line and a block. */
static int
make_room(struct vt_zlines *z)
{
	char *data;

	if (z->start > VT_ZLINES_SEEN)
		drop(z, z->start - VT_ZLINES_SEEN);
	if (z->end < z->cap)
		return 0;
	data = realloc(z->data, z->cap * 2);
	if (data == NULL)
		return -1;
	z->data = data;
	z->cap *= 2;
	return 0;
}

static enum vt_code
fill(struct vt_zlines *z, struct vt_err *err)
{
	ssize_t n;

	if (!z->sniffed)
		return sniff(z, err);
	if (make_room(z) < 0)
		return vt_fail(err, VT_NOMEM, "no memory for a line");
	if (z->archive == NULL) {
		n = z->is_part ? read_part(z) :
		    read_fd(z->fd, z->data + z->end, z->cap - z->end);
		if (n < 0)
			return vt_fail_errno(err, "cannot read");
	} else {
		n = archive_read_data(z->archive, z->data + z->end,
		    z->cap - z->end);
		if (n < 0)
			return broken(z, err);
	}
	if (n == 0)
		z->at_end = 1;
	z->end += (size_t)n;
	return VT_OK;
}

static enum vt_code
too_large(struct vt_zlines *z, const char *what, uint64_t *number,
    struct vt_err *err)
{
	z->number++;
	if (number != NULL)
		*number = z->number;
	return vt_fail(err, VT_TOO_LARGE, "%s %llu is over %zu bytes", what,
	    (unsigned long long)z->number, z->max_line);
}

/* --- records -------------------------------------------------------------- */

void
vt_zlines_records(struct vt_zlines *z)
{
	z->wants_records = 1;
}

/* Look at the first byte that is no blank, once. */
static enum vt_code
look_for_json(struct vt_zlines *z, struct vt_err *err)
{
	enum vt_code rc;
	size_t i = 0;

	if (!z->wants_records)
		return VT_OK;
	for (;;) {
		z->wants_records = 0;
		/* a mark of the byte order is no part of the text */
		if (i == 0 && z->end >= 3 &&
		    memcmp(z->data, "\xef\xbb\xbf", 3) == 0)
			z->start = z->looked = i = 3;
		for (; i < z->end; i++)
			if (strchr(" \t\r\n", z->data[i]) == NULL ||
			    z->data[i] == '\0') {
				z->is_json = z->data[i] == '{' ||
				    z->data[i] == '[';
				return VT_OK;
			}
		if (z->at_end || i > z->max_line)
			return VT_OK;
		z->wants_records = 1;
		rc = fill(z, err);
		if (rc != VT_OK)
			return rc;
	}
}

/* The record from `start` to `looked`, unless it was found too large. */
static int
give_record(struct vt_zlines *z, const char **line, size_t *len,
    uint64_t *number)
{
	int is_skipped = z->skipping;

	*line = z->data + z->start;
	*len = z->looked - z->start;
	z->start = z->looked;
	z->whole = !z->at_end || z->looked < z->end;
	z->in_record = z->skipping = 0;
	if (is_skipped)
		return 0;
	z->number++;
	if (number != NULL)
		*number = z->number;
	return 1;
}

static enum vt_code
next_record(struct vt_zlines *z, const char **line, size_t *len,
    uint64_t *number, struct vt_err *err)
{
	enum vt_code rc;
	size_t used;

	for (;;) {
		switch (vt_jsonsplit_next(&z->split, z->data + z->looked,
		    z->end - z->looked, &used)) {
		case VT_SPLIT_BEGIN:
			z->looked += used;
			z->start = z->looked;
			z->in_record = 1;
			continue;
		case VT_SPLIT_DROP:
			z->looked += used;
			z->start = z->looked;
			z->in_record = z->skipping = 0;
			continue;
		case VT_SPLIT_END:
			z->looked += used;
			if (!z->skipping &&
			    z->looked - z->start > z->max_line) {
				z->start = z->looked;
				z->in_record = 0;
				return too_large(z, "record", number, err);
			}
			if (give_record(z, line, len, number))
				return VT_OK;
			continue;
		case VT_SPLIT_MORE:
			z->looked += used;
			break;
		}
		if (z->in_record && !z->skipping &&
		    z->looked - z->start > z->max_line) {
			z->skipping = 1;
			return too_large(z, "record", number, err);
		}
		/* nothing is kept but the record at hand */
		if (!z->in_record || z->skipping)
			z->start = z->looked;
		if (z->at_end)
			break;
		rc = fill(z, err);
		if (rc != VT_OK)
			return rc;
	}
	if (z->in_record && give_record(z, line, len, number))
		return VT_OK;
	if (!vt_jsonsplit_is_whole(&z->split)) {
		memset(&z->split, 0, sizeof(z->split));
		return vt_fail(err, VT_CORRUPT, "the JSON document is cut "
		    "short");
	}
	return VT_ABSENT;
}

enum vt_code
vt_zlines_next(struct vt_zlines *z, const char **line, size_t *len,
    uint64_t *number, struct vt_err *err)
{
	const char *newline;
	enum vt_code rc;
	size_t have;

	*line = NULL;
	*len = 0;
	rc = look_for_json(z, err);
	if (rc != VT_OK)
		return rc;
	if (z->is_json)
		return next_record(z, line, len, number, err);
	for (;;) {
		newline = memchr(z->data + z->looked, '\n',
		    z->end - z->looked);
		have = (newline != NULL ? (size_t)(newline - z->data) :
		    z->end) - z->start;
		if (newline == NULL && !z->at_end) {
			z->looked = z->end;
			if (!z->skipping && have > z->max_line) {
				z->skipping = 1;
				z->start = z->looked = z->end;
				goto large;
			}
			if (z->skipping)
				z->start = z->end;
			rc = fill(z, err);
			if (rc != VT_OK)
				return rc;
			continue;
		}
		if (newline == NULL && (have == 0 || z->skipping))
			return VT_ABSENT;
		*line = z->data + z->start;
		*len = have;
		z->start += have + (newline != NULL);
		z->looked = z->start;
		z->whole = newline != NULL;
		if (z->skipping) {
			z->skipping = 0;
			continue;
		}
		if (have > z->max_line)
			goto large;
		z->number++;
		if (number != NULL)
			*number = z->number;
		return VT_OK;
	}
large:
	*line = NULL;
	*len = 0;
	return too_large(z, "line", number, err);
}

int
vt_zlines_is_whole(const struct vt_zlines *z)
{
	return z->whole;
}

uint64_t
vt_zlines_offset(const struct vt_zlines *z)
{
	return z->base + z->start;
}

enum vt_code
vt_zlines_peek(struct vt_zlines *z, const char **data, size_t *len,
    int *is_compressed, struct vt_err *err)
{
	enum vt_code rc;

	while (z->end - z->start < VT_ZLINES_SEEN && !z->at_end) {
		rc = fill(z, err);
		if (rc != VT_OK)
			return rc;
	}
	*data = z->data + z->start;
	*len = z->end - z->start < VT_ZLINES_SEEN ? z->end - z->start :
	    VT_ZLINES_SEEN;
	*is_compressed = z->archive != NULL;
	return VT_OK;
}

enum vt_code
vt_zlines_skip(struct vt_zlines *z, uint64_t bytes, struct vt_err *err)
{
	enum vt_code rc = look_for_json(z, err);
	size_t n, i;

	if (rc != VT_OK)
		return rc;
	while (bytes > 0) {
		if (z->start == z->end) {
			if (z->at_end)
				return VT_ABSENT;
			rc = fill(z, err);
			if (rc != VT_OK)
				return rc;
		}
		n = z->end - z->start < bytes ? z->end - z->start :
		    (size_t)bytes;
		for (i = z->start; i < z->start + n; i++)
			z->number += z->data[i] == '\n';
		z->start += n;
		z->looked = z->start;
		bytes -= n;
	}
	return VT_OK;
}

const char *
vt_zlines_tail(const struct vt_zlines *z, size_t *len)
{
	*len = z->start < VT_ZLINES_SEEN ? z->start : VT_ZLINES_SEEN;
	return z->data + z->start - *len;
}
