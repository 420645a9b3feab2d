/*
 * Files of heat: see heatfile.h and vt-heat(5).
 *
 * Behind the magic come blocks: four bytes of length, eight of CRC64NVME,
 * data.  The first tells the time covered, the others objects, the end is a
 * length of 0 and the number of objects in eight bytes.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/hash.h"
#include "libvt/base/varint.h"

#include "libvt/work/heatfile.h"

#define BLOCK_BYTES ((size_t)64 << 10)
#define BLOCK_MAX ((size_t)256 << 20)
#define READ_BYTES ((size_t)256 << 10)

struct block_head {
	uint32_t len;
	uint32_t crc[2];	/* low half first */
};

static enum vt_code
no_memory(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "no memory for a file of heat");
}

/* --- writing -------------------------------------------------------------- */

struct vt_heatfile_writer {
	int fd;
	char *path;
	struct vt_buf block, last;
	uint64_t count, written;
};

static enum vt_code
put(struct vt_heatfile_writer *w, const void *data, size_t len,
    struct vt_err *err)
{
	if (vt_fs_write_all(w->fd, data, len) < 0)
		return vt_fail_errno(err, "cannot write '%s'", w->path);
	w->written += len;
	return VT_OK;
}

static enum vt_code
put_block(struct vt_heatfile_writer *w, struct vt_err *err)
{
	struct block_head h;
	enum vt_code rc;
	uint64_t crc;

	if (w->block.failed)
		return vt_buf_check(&w->block, "a block of heat", err);
	crc = vt_crc64nvme(0, w->block.data, w->block.len);
	h.len = htole32((uint32_t)w->block.len);
	h.crc[0] = htole32((uint32_t)crc);
	h.crc[1] = htole32((uint32_t)(crc >> 32));
	rc = put(w, &h, sizeof(h), err);
	if (rc == VT_OK)
		rc = put(w, w->block.data, w->block.len, err);
	vt_buf_reset(&w->block);
	vt_buf_reset(&w->last);
	return rc;
}

enum vt_code
vt_heatfile_begin(int fd, const char *path, struct vt_coverage *c,
    struct vt_heatfile_writer **out, struct vt_err *err)
{
	struct vt_heatfile_writer *w = calloc(1, sizeof(*w));
	enum vt_code rc;

	*out = NULL;
	if (w == NULL)
		return no_memory(err);
	vt_buf_init(&w->block, BLOCK_MAX);
	vt_buf_init(&w->last, BLOCK_MAX);
	w->fd = fd;
	w->path = strdup(path);
	rc = w->path == NULL ? no_memory(err) : put(w, VT_HEATFILE_MAGIC,
	    VT_HEATFILE_MAGIC_LEN, err);
	if (rc == VT_OK)
		rc = vt_coverage_encode(c, &w->block, err);
	if (rc == VT_OK)
		rc = put_block(w, err);
	if (rc != VT_OK) {
		vt_heatfile_writer_free(w);
		return rc;
	}
	*out = w;
	return VT_OK;
}

void
vt_heatfile_writer_free(struct vt_heatfile_writer *w)
{
	if (w == NULL)
		return;
	vt_buf_release(&w->block);
	vt_buf_release(&w->last);
	free(w->path);
	free(w);
}

static void
put_length(struct vt_buf *b, size_t n)
{
	char text[VT_VARINT_MAX];

	vt_buf_add(b, text, vt_varint_put(text, n));
}

enum vt_code
vt_heatfile_add(struct vt_heatfile_writer *w,
    const struct vt_sorter_record *o, struct vt_err *err)
{
	size_t shared = 0, max = w->last.len < o->key_len ? w->last.len :
	    o->key_len;

	/* what a name begins with like the one before is not written again */
	while (shared < max && w->last.data[shared] == o->key[shared])
		shared++;
	w->last.len = shared;
	vt_buf_add(&w->last, o->key + shared, o->key_len - shared);
	if (w->last.failed)
		return no_memory(err);
	put_length(&w->block, shared);
	put_length(&w->block, o->key_len - shared);
	vt_buf_add(&w->block, o->key + shared, o->key_len - shared);
	put_length(&w->block, o->payload_len);
	vt_buf_add(&w->block, o->payload, o->payload_len);
	w->count++;
	return w->block.len >= BLOCK_BYTES || w->block.failed ?
	    put_block(w, err) : VT_OK;
}

enum vt_code
vt_heatfile_end(struct vt_heatfile_writer *w, uint64_t *written_bytes,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	struct block_head end;

	if (w->block.len > 0)
		rc = put_block(w, err);
	end.len = 0;
	end.crc[0] = htole32((uint32_t)w->count);
	end.crc[1] = htole32((uint32_t)(w->count >> 32));
	if (rc == VT_OK)
		rc = put(w, &end, sizeof(end), err);
	*written_bytes = w->written;
	return rc;
}

/* --- reading -------------------------------------------------------------- */

struct vt_heatfile {
	int fd;
	char *path;
	char *raw;		/* read, not yet taken: [raw_at, raw_len) */
	size_t raw_at, raw_len;
	char *block;
	size_t block_cap;
	const char *p, *end;	/* of the block what is not given out */
	struct vt_buf name;
	uint64_t count;
	int at_end;
};

static enum vt_code
broken(const struct vt_heatfile *f, const char *what, struct vt_err *err)
{
	return vt_fail(err, VT_CORRUPT, "'%s' %s", f->path, what);
}

static enum vt_code
take(struct vt_heatfile *f, char *out, size_t len, struct vt_err *err)
{
	size_t part;
	ssize_t n;

	for (; len > 0; out += part, len -= part) {
		if (f->raw_at == f->raw_len) {
			do
				n = read(f->fd, f->raw, READ_BYTES);
			while (n < 0 && errno == EINTR);
			if (n < 0)
				return vt_fail_errno(err, "cannot read '%s'",
				    f->path);
			if (n == 0)
				return broken(f, "lacks its end", err);
			f->raw_at = 0;
			f->raw_len = (size_t)n;
		}
		part = f->raw_len - f->raw_at < len ? f->raw_len - f->raw_at :
		    len;
		memcpy(out, f->raw + f->raw_at, part);
		f->raw_at += part;
	}
	return VT_OK;
}

/* The next block into memory; VT_ABSENT at the file's end. */
static enum vt_code
take_block(struct vt_heatfile *f, struct vt_err *err)
{
	struct block_head h;
	enum vt_code rc;
	uint64_t crc;
	size_t len;

	rc = take(f, (char *)&h, sizeof(h), err);
	if (rc != VT_OK)
		return rc;
	len = le32toh(h.len);
	crc = (uint64_t)le32toh(h.crc[1]) << 32 | le32toh(h.crc[0]);
	if (len == 0) {
		f->at_end = 1;
		return crc == f->count ? VT_ABSENT :
		    broken(f, "lacks some objects", err);
	}
	if (len > BLOCK_MAX)
		return broken(f, "is damaged", err);
	if (len > f->block_cap) {
		free(f->block);
		f->block_cap = 0;
		f->block = malloc(len);
		if (f->block == NULL)
			return no_memory(err);
		f->block_cap = len;
	}
	rc = take(f, f->block, len, err);
	if (rc != VT_OK)
		return rc;
	if (vt_crc64nvme(0, f->block, len) != crc)
		return broken(f, "is damaged", err);
	f->p = f->block;
	f->end = f->block + len;
	return VT_OK;
}

static enum vt_code
begin(struct vt_heatfile *f, struct vt_coverage *c, struct vt_err *err)
{
	char magic[VT_HEATFILE_MAGIC_LEN];
	enum vt_code rc;

	f->raw = malloc(READ_BYTES);
	if (f->path == NULL || f->raw == NULL)
		return no_memory(err);
	rc = take(f, magic, sizeof(magic), err);
	if (rc == VT_CORRUPT || (rc == VT_OK &&
	    memcmp(magic, VT_HEATFILE_MAGIC, sizeof(magic)) != 0))
		return vt_fail(err, VT_INVALID, "'%s' is no file of heat, or "
		    "of a later version", f->path);
	if (rc == VT_OK)
		rc = take_block(f, err);
	if (rc == VT_ABSENT)
		return broken(f, "tells no coverage", err);
	if (rc == VT_OK)
		rc = vt_coverage_decode(c, f->p, (size_t)(f->end - f->p),
		    err);
	f->p = f->end;
	return rc;
}

enum vt_code
vt_heatfile_open(int fd, const char *path, struct vt_coverage *c,
    struct vt_heatfile **out, struct vt_err *err)
{
	struct vt_heatfile *f = calloc(1, sizeof(*f));
	enum vt_code rc;

	*out = NULL;
	if (f == NULL)
		return no_memory(err);
	vt_buf_init(&f->name, BLOCK_MAX);
	f->fd = fd;
	f->path = strdup(path);
	rc = begin(f, c, err);
	if (rc != VT_OK) {
		vt_heatfile_close(f);
		return rc;
	}
	*out = f;
	return VT_OK;
}

void
vt_heatfile_close(struct vt_heatfile *f)
{
	if (f == NULL)
		return;
	vt_buf_release(&f->name);
	free(f->path);
	free(f->raw);
	free(f->block);
	free(f);
}

static enum vt_code
next(void *ctx, struct vt_sorter_record *out, struct vt_err *err)
{
	struct vt_heatfile *f = ctx;
	uint64_t shared, rest, len;
	enum vt_code rc;

	if (f->at_end)
		return VT_ABSENT;
	if (f->p == f->end) {
		rc = take_block(f, err);
		if (rc != VT_OK)
			return rc;
		vt_buf_reset(&f->name);
	}
	if (vt_varint_get(&f->p, f->end, &shared) < 0 ||
	    shared > f->name.len ||
	    vt_varint_get(&f->p, f->end, &rest) < 0 ||
	    rest > (size_t)(f->end - f->p))
		return broken(f, "is damaged", err);
	f->name.len = (size_t)shared;
	if (vt_buf_add(&f->name, f->p, (size_t)rest) < 0)
		return no_memory(err);
	f->p += rest;
	if (vt_varint_get(&f->p, f->end, &len) < 0 ||
	    len > (size_t)(f->end - f->p))
		return broken(f, "is damaged", err);
	out->key = f->name.data;
	out->key_len = f->name.len;
	out->payload = f->p;
	out->payload_len = (size_t)len;
	f->p += len;
	f->count++;
	return VT_OK;
}

struct vt_heat_source
vt_heatfile_as_source(struct vt_heatfile *f)
{
	struct vt_heat_source source = { next, f };

	return source;
}
