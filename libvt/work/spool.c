/* Blocks of records that wait: see spool.h. */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/bigmem.h"
#include "libvt/base/buf.h"
#include "libvt/base/hash.h"
#include "libvt/base/spill.h"

#include "libvt/work/spool.h"

/* One that was put. */
struct block {
	size_t len;
	char *data;		/* NULL: in the file, or on its way there */
	uint64_t tag;
};

/* The blocks from `first` on up to those of the next one. */
struct extent {
	size_t first;
	size_t len, count;	/* bytes, records */
	int is_for_file;
	uint64_t at;		/* there */
	uint64_t crc64;
};

/* What goes to the file and comes from it: whole pages. */
struct pages {
	char *data;
	size_t cap;
};

struct vt_spool {
	char *folder;
	struct vt_spill file;
	size_t memory_max, memory, extent_bytes;
	uint64_t count;
	struct vt_buf blocks, extents;
	int is_open;		/* the last extent takes more blocks */
	struct pages out;	/* it, if it is for the file; it is written
				   when it is full, and else stays here */
};

struct vt_spool *
vt_spool_new(const char *folder, size_t memory_bytes, size_t extent_bytes)
{
	struct vt_spool *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->memory_max = memory_bytes;
	s->extent_bytes = extent_bytes;
	vt_buf_init(&s->blocks, SIZE_MAX / 2);
	vt_buf_init(&s->extents, SIZE_MAX / 2);
	s->folder = strdup(folder);
	if (s->folder == NULL) {
		free(s);
		return NULL;
	}
	vt_spill_init(&s->file, s->folder);
	return s;
}

static size_t
block_count(const struct vt_spool *s)
{
	return s->blocks.len / sizeof(struct block);
}

static struct block *
block_at(const struct vt_spool *s, size_t i)
{
	return (struct block *)(void *)s->blocks.data + i;
}

static struct extent *
extent_at(const struct vt_spool *s, size_t i)
{
	return (struct extent *)(void *)s->extents.data + i;
}

void
vt_spool_free(struct vt_spool *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < block_count(s); i++)
		free(block_at(s, i)->data);
	vt_spill_release(&s->file);
	free(s->out.data);
	vt_buf_release(&s->blocks);
	vt_buf_release(&s->extents);
	free(s->folder);
	free(s);
}

uint64_t
vt_spool_count(const struct vt_spool *s)
{
	return s->count;
}

size_t
vt_spool_extents(const struct vt_spool *s)
{
	return s->extents.len / sizeof(struct extent);
}

size_t
vt_spool_extent_count(const struct vt_spool *s, size_t extent)
{
	return extent_at(s, extent)->count;
}

uint64_t
vt_spool_file_bytes(const struct vt_spool *s)
{
	return s->file.len;
}

/* Room for `len` bytes, of which the first `kept` stay, and for what may be
 * read behind them.  -1: no memory. */
static int
make_room(struct pages *b, size_t len, size_t kept)
{
	size_t cap = b->cap != 0 ? b->cap : VT_BIGMEM_PAGE;
	char *more;

	len = vt_spill_whole(len + VT_BLOCK_BEHIND);
	if (len <= b->cap)
		return 0;
	while (cap < len)
		cap *= 2;
	more = vt_bigmem_alloc(cap);
	if (more == NULL)
		return -1;
	if (kept > 0)
		memcpy(more, b->data, kept);
	free(b->data);
	b->data = more;
	b->cap = cap;
	return 0;
}

/* --- putting ------------------------------------------------------------- */

static enum vt_code
spill(struct vt_spool *s, struct extent *x, struct vt_err *err)
{
	size_t len = vt_spill_whole(x->len);

	memset(s->out.data + x->len, 0, len - x->len);
	x->crc64 = vt_crc64nvme(0, s->out.data, x->len);
	x->at = s->file.len;
	return vt_spill_write(&s->file, s->out.data, len, err);
}

static int
keep(struct vt_spool *s, const char *data, struct block *k)
{
	k->data = malloc(k->len + VT_BLOCK_BEHIND);
	if (k->data == NULL)
		return -1;
	memcpy(k->data, data, k->len);
	memset(k->data + k->len, 0, VT_BLOCK_BEHIND);
	s->memory += k->len;
	return 0;
}

static int
put_aside(struct vt_spool *s, const char *data, const struct block *k,
    const struct extent *x)
{
	if (make_room(&s->out, x->len + k->len, x->len) < 0)
		return -1;
	memcpy(s->out.data + x->len, data, k->len);
	return 0;
}

/* The last extent, or a new one that begins with the block.  All of it is in
 * memory or none, so that they are the same whatever memory there is.  NULL: no
 * memory. */
static struct extent *
extent_for(struct vt_spool *s, size_t len)
{
	size_t most = len > s->extent_bytes ? len : s->extent_bytes;
	struct extent x = { .first = block_count(s) };

	if (s->is_open)
		return extent_at(s, vt_spool_extents(s) - 1);
	x.is_for_file = s->out.data != NULL || most > s->memory_max ||
	    s->memory > s->memory_max - most;
	if (vt_buf_add(&s->extents, &x, sizeof(x)) < 0)
		return NULL;
	s->is_open = 1;
	return extent_at(s, vt_spool_extents(s) - 1);
}

enum vt_code
vt_spool_put(struct vt_spool *s, struct vt_block *k, uint64_t tag,
    struct vt_err *err)
{
	const char *data = k->bytes.data + VT_BLOCK_HEADER;
	struct block b = { vt_block_len(k), NULL, tag };
	struct extent *x;

	if (k->count == 0)
		return VT_OK;
	x = extent_for(s, b.len);
	if (x == NULL || (x->is_for_file ? put_aside(s, data, &b, x) :
	    keep(s, data, &b)) < 0 ||
	    vt_buf_add(&s->blocks, &b, sizeof(b)) < 0) {
		free(b.data);
		return vt_fail(err, VT_NOMEM, "no memory for %zu bytes of "
		    "versions", b.len);
	}
	x->len += b.len;
	x->count += k->count;
	s->count += k->count;
	vt_block_reset(k);
	if (x->len < s->extent_bytes)
		return VT_OK;
	s->is_open = 0;
	return x->is_for_file ? spill(s, x, err) : VT_OK;
}

/* --- reading -------------------------------------------------------------- */

struct vt_spool_reader {
	const struct vt_spool *s;
	struct pages in;		/* an extent of the file */
	size_t next, end;		/* blocks of the extent at hand */
	const char *data;		/* of the next, if it is of the file */
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
	free(r->in.data);
	vt_block_reader_release(&r->records);
	free(r);
}

static enum vt_code
read_back(struct vt_spool_reader *r, const struct extent *x,
    struct vt_err *err)
{
	enum vt_code rc;

	if (make_room(&r->in, x->len, 0) < 0)
		return vt_fail(err, VT_NOMEM, "no memory for %zu bytes of "
		    "versions", x->len);
	rc = vt_spill_read(&r->s->file, r->in.data,
	    vt_spill_whole(x->len), x->at, err);
	if (rc != VT_OK)
		return rc;
	if (vt_crc64nvme(0, r->in.data, x->len) != x->crc64)
		return vt_fail(err, VT_CORRUPT, "a file of versions in '%s' "
		    "reads back otherwise than it was written",
		    r->s->folder);
	memset(r->in.data + x->len, 0, VT_BLOCK_BEHIND);
	return VT_OK;
}

/* To the next block of the extent. */
static const struct block *
next_block(struct vt_spool_reader *r, const char **data)
{
	const struct block *k = block_at(r->s, r->next++);

	*data = k->data;
	if (k->data == NULL) {
		*data = r->data;
		r->data += k->len;
	}
	r->tag = k->tag;
	return k;
}

enum vt_code
vt_spool_open(struct vt_spool_reader *r, size_t extent, struct vt_err *err)
{
	const struct vt_spool *s = r->s;
	const struct extent *x = extent_at(s, extent);
	int is_last = extent + 1 == vt_spool_extents(s);
	const struct block *k;
	const char *data;
	enum vt_code rc;

	r->next = x->first;
	r->end = is_last ? block_count(s) : x[1].first;
	r->data = s->out.data;
	if (x->is_for_file && !(is_last && s->is_open)) {
		rc = read_back(r, x, err);
		if (rc != VT_OK)
			return rc;
		r->data = r->in.data;
	}
	k = next_block(r, &data);
	vt_block_open(&r->records, data, k->len);
	return VT_OK;
}

enum vt_code
vt_spool_next(struct vt_spool_reader *r, struct vt_scan_record *out,
    uint64_t *tag)
{
	const struct block *k;
	const char *data;
	enum vt_code rc;

	for (;;) {
		rc = vt_block_next(&r->records, out);
		if (rc == VT_ABSENT && r->next < r->end) {
			k = next_block(r, &data);
			vt_block_follow(&r->records, data, k->len);
		} else if (rc == VT_OK && out->kind == VT_SCAN_BUCKET) {
			r->tag++;
		} else {
			break;
		}
	}
	*tag = r->tag;
	return rc;
}
