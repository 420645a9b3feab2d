/* Streams of record blocks: see recordstream.h. */
#include <string.h>

#include "libvt/base/fs.h"

#include "libvt/proto/recordstream.h"

int
vt_record_stream_begin(struct vt_record_stream *s, int fd, struct vt_err *err)
{
	size_t len = strlen(VT_BLOCK_MAGIC);
	ssize_t n;

	memset(s, 0, sizeof(*s));
	s->fd = fd;
	/* no more than there is of a short line */
	n = vt_fs_read_all(fd, s->first, 1);
	if (n == 1 && s->first[0] == VT_BLOCK_MAGIC[0])
		n = vt_fs_read_all(fd, s->first + 1, len - 1);
	else
		len = 1;
	if (n < 0) {
		(void)vt_fail_errno(err, "cannot read");
		return -1;
	}
	s->first_len = len == 1 ? (size_t)n : (size_t)n + 1;
	/* which format it is of is told when it is read */
	return s->first_len == len && len > 1 &&
	    memcmp(s->first, VT_BLOCK_MAGIC, len - 1) == 0;
}

static enum vt_code
cut_short(const struct vt_record_stream *s, struct vt_err *err)
{
	return vt_fail(err, VT_CORRUPT, "the records end before their last "
	    "block, after block %llu (%llu records)",
	    (unsigned long long)s->blocks, (unsigned long long)s->records);
}

/* A header, if there is one. */
static enum vt_code
read_head(struct vt_record_stream *s, char header[VT_BLOCK_HEADER],
    struct vt_block_head *h, struct vt_err *err)
{
	ssize_t n;

	memcpy(header, s->first, s->first_len);
	n = vt_fs_read_all(s->fd, header + s->first_len,
	    VT_BLOCK_HEADER - s->first_len);
	if (n < 0)
		return vt_fail_errno(err, "cannot read block %llu of records",
		    (unsigned long long)s->blocks + 1);
	n += (ssize_t)s->first_len;
	s->first_len = 0;
	if (n == 0 && !s->is_open)
		return VT_ABSENT;
	if (n < VT_BLOCK_HEADER)
		return cut_short(s, err);
	return vt_block_parse_head(header, h, err);
}

enum vt_code
vt_record_stream_next(struct vt_record_stream *s, struct vt_block *out,
    struct vt_err *err)
{
	char header[VT_BLOCK_HEADER], *p;
	struct vt_block_head h;
	enum vt_code rc;
	ssize_t n;

	do {
		vt_block_reset(out);
		rc = read_head(s, header, &h, err);
		if (rc != VT_OK)
			return rc;
		if (h.before != s->records)
			return vt_fail(err, VT_CORRUPT, "block %llu of records "
			    "comes after %llu, where %llu were read",
			    (unsigned long long)s->blocks + 1,
			    (unsigned long long)h.before,
			    (unsigned long long)s->records);
		p = vt_buf_reserve(&out->bytes, VT_BLOCK_HEADER + h.len +
		    VT_BLOCK_BEHIND);
		if (p == NULL)
			return vt_buf_check(&out->bytes, "a block of records",
			    err);
		memcpy(p, header, VT_BLOCK_HEADER);
		n = vt_fs_read_all(s->fd, p + VT_BLOCK_HEADER, h.len);
		if (n < 0)
			return vt_fail_errno(err,
			    "cannot read block %llu of records",
			    (unsigned long long)s->blocks + 1);
		if ((size_t)n < h.len)
			return cut_short(s, err);
		memset(p + VT_BLOCK_HEADER + h.len, 0, VT_BLOCK_BEHIND);
		out->bytes.len = VT_BLOCK_HEADER + h.len;
		out->count = h.count;
		s->is_open = h.count > 0;
		s->blocks = s->is_open ? s->blocks + 1 : 0;
		s->records = s->is_open ? s->records + h.count : 0;
		if (!s->is_open && (h.len > 0 || vt_block_verify(out) < 0))
			return vt_fail(err, VT_CORRUPT, "the last block of "
			    "records is not what was written");
	} while (h.count == 0);
	return VT_OK;
}
