/* Blocks of records that wait: see spool.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/buf.h"
#include "libvt/base/fs.h"
#include "libvt/base/hash.h"

#include "libvt/work/spool.h"

/* One that was put. */
struct block {
	size_t len, count;	/* bytes, records */
	char *data;		/* NULL: in the file */
	uint64_t at;		/* there */
	uint64_t crc64;
	uint64_t tag;
};

struct vt_spool {
	char *folder;
	int fd;
	size_t memory_max, memory;
	uint64_t file_bytes, count;
	struct block *blocks;
	size_t block_count, block_cap;
};

struct vt_spool *
vt_spool_new(const char *folder, size_t memory_bytes)
{
	struct vt_spool *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->fd = -1;
	s->memory_max = memory_bytes;
	s->folder = strdup(folder);
	if (s->folder == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void
vt_spool_free(struct vt_spool *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->block_count; i++)
		free(s->blocks[i].data);
	if (s->fd >= 0)
		close(s->fd);
	free(s->blocks);
	free(s->folder);
	free(s);
}

uint64_t
vt_spool_count(const struct vt_spool *s)
{
	return s->count;
}

size_t
vt_spool_blocks(const struct vt_spool *s)
{
	return s->block_count;
}

size_t
vt_spool_block_count(const struct vt_spool *s, size_t block)
{
	return s->blocks[block].count;
}

uint64_t
vt_spool_file_bytes(const struct vt_spool *s)
{
	return s->file_bytes;
}

/* --- putting ------------------------------------------------------------- */

static enum vt_code
spill(struct vt_spool *s, const char *data, struct block *to,
    struct vt_err *err)
{
	enum vt_code rc;

	if (s->fd < 0) {
		rc = vt_fs_nameless(s->folder, &s->fd, err);
		if (rc != VT_OK)
			return rc;
	}
	if (vt_fs_write_all(s->fd, data, to->len) < 0)
		return vt_fail_errno(err, "cannot write %zu bytes of versions "
		    "to a file in '%s'", to->len, s->folder);
	to->crc64 = vt_crc64nvme(0, data, to->len);
	to->at = s->file_bytes;
	s->file_bytes += to->len;
	return VT_OK;
}

static enum vt_code
keep(struct vt_spool *s, const char *data, struct block *to,
    struct vt_err *err)
{
	to->data = malloc(to->len + VT_BLOCK_BEHIND);
	if (to->data == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for %zu bytes of "
		    "versions", to->len);
	memcpy(to->data, data, to->len);
	memset(to->data + to->len, 0, VT_BLOCK_BEHIND);
	s->memory += to->len;
	return VT_OK;
}

enum vt_code
vt_spool_put(struct vt_spool *s, struct vt_block *k, uint64_t tag,
    struct vt_err *err)
{
	const char *data = k->bytes.data + VT_BLOCK_HEADER;
	struct block *to;
	enum vt_code rc;
	size_t cap;

	if (k->count == 0)
		return VT_OK;
	if (s->block_count == s->block_cap) {
		cap = s->block_cap != 0 ? s->block_cap * 2 : 64;
		to = realloc(s->blocks, cap * sizeof(*to));
		if (to == NULL)
			return vt_fail(err, VT_NOMEM,
			    "no memory for %zu blocks of versions", cap);
		s->blocks = to;
		s->block_cap = cap;
	}
	to = &s->blocks[s->block_count];
	memset(to, 0, sizeof(*to));
	to->len = vt_block_len(k);
	to->count = k->count;
	to->tag = tag;
	rc = s->fd < 0 && to->len <= s->memory_max - s->memory ?
	    keep(s, data, to, err) : spill(s, data, to, err);
	if (rc != VT_OK)
		return rc;
	s->block_count++;
	s->count += k->count;
	vt_block_reset(k);
	return VT_OK;
}

/* --- reading -------------------------------------------------------------- */

struct vt_spool_reader {
	const struct vt_spool *s;
	struct vt_buf b;		/* a block of the file */
	struct vt_block_reader records;
	uint64_t tag;
};

struct vt_spool_reader *
vt_spool_reader_new(const struct vt_spool *s)
{
	struct vt_spool_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->s = s;
	vt_buf_init(&r->b, VT_BLOCK_MAX + VT_BLOCK_BEHIND);
	if (vt_block_reader_init(&r->records) < 0) {
		free(r);
		return NULL;
	}
	return r;
}

void
vt_spool_reader_free(struct vt_spool_reader *r)
{
	if (r == NULL)
		return;
	vt_buf_release(&r->b);
	vt_block_reader_release(&r->records);
	free(r);
}

static enum vt_code
read_back(struct vt_spool_reader *r, const struct block *k,
    struct vt_err *err)
{
	char *to;
	ssize_t n;

	vt_buf_reset(&r->b);
	to = vt_buf_reserve(&r->b, k->len + VT_BLOCK_BEHIND);
	if (to == NULL)
		return vt_buf_check(&r->b, "a block of versions", err);
	memset(to + k->len, 0, VT_BLOCK_BEHIND);
	n = vt_fs_pread_all(r->s->fd, to, k->len, k->at);
	if (n < 0)
		return vt_fail_errno(err, "cannot read a file of versions in "
		    "'%s'", r->s->folder);
	if ((size_t)n != k->len || vt_crc64nvme(0, to, k->len) != k->crc64)
		return vt_fail(err, VT_CORRUPT, "a file of versions in '%s' "
		    "reads back otherwise than it was written",
		    r->s->folder);
	return VT_OK;
}

enum vt_code
vt_spool_open(struct vt_spool_reader *r, size_t block, struct vt_err *err)
{
	const struct block *k = &r->s->blocks[block];
	enum vt_code rc;

	r->tag = k->tag;
	rc = k->data == NULL ? read_back(r, k, err) : VT_OK;
	if (rc == VT_OK)
		vt_block_open(&r->records, k->data != NULL ? k->data :
		    r->b.data, k->len);
	return rc;
}

enum vt_code
vt_spool_next(struct vt_spool_reader *r, struct vt_scan_record *out,
    uint64_t *tag)
{
	enum vt_code rc;

	while ((rc = vt_block_next(&r->records, out)) == VT_OK &&
	    out->kind == VT_SCAN_BUCKET)
		r->tag++;
	*tag = r->tag;
	return rc;
}
