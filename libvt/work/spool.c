/*
 * Records, packed: see spool.h.  A record is 32 bits that say what follows,
 * and what follows; what is as in the record before it in its block is not
 * said again.  Numbers are varints, times and fractions eight bytes; strings
 * have their length before and a NUL behind them.  Blocks live in this process
 * and its file, never longer.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/base/clear.h"
#include "libvt/base/fs.h"
#include "libvt/base/hash.h"
#include "libvt/base/varint.h"

#include "libvt/work/spool.h"

/* What follows, or need not. */
enum {
	KIND		= 3,		/* the kind itself */
	SAME_TAG	= 1 << 2,
	SAME_BUCKET	= 1 << 3,
	SAME_TIER	= 1 << 4,
	SAME_CLASS	= 1 << 5,
	SAME_COVERED	= 1 << 6,	/* its end, and the gaps in it */
	HAS_VERSION	= 1 << 7,
	HAS_SEQ		= 1 << 8,	/* with its generations */
	IS_CURRENT	= 1 << 9,
	IS_ADOPTED	= 1 << 10,
	HAS_ALSO	= 1 << 11,
	IS_RULED	= 1 << 12,
	HAS_RULED	= 1 << 13,	/* what rules ask of it */
	IS_ALONE	= 1 << 14,
	HAS_BOUNDS	= 1 << 15,	/* pin, lock, retention */
	HAS_HOLD	= 1 << 16,
	HAS_COPY	= 1 << 17,
	CAME_AT_BIRTH	= 1 << 18,	/* copy_since is mtime */
	STORED_PLAIN	= 1 << 19,	/* stored_bytes is the size */
	HAS_READS	= 1 << 20,
	FROM_BIRTH	= 1 << 21,	/* covered_from is mtime */
	HAS_HEAT	= 1 << 22,
	HAS_PACK	= 1 << 23
};

struct vt_spool_block {
	struct vt_buf b;
	size_t count;		/* records in it */
	/* where in it what the last record said is */
	size_t bucket, tier, class_name, gaps, gaps_len;
	int64_t covered_to_us;
	uint64_t tag;
};

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

/* --- packing -------------------------------------------------------------- */

struct vt_spool_block *
vt_spool_block_new(void)
{
	struct vt_spool_block *k = calloc(1, sizeof(*k));

	if (k != NULL)
		vt_buf_init(&k->b, SIZE_MAX / 2);
	return k;
}

void
vt_spool_block_free(struct vt_spool_block *k)
{
	if (k == NULL)
		return;
	vt_buf_release(&k->b);
	free(k);
}

static char *
put_bits(char *p, uint64_t n)
{
	return p + vt_varint_put(p, n);
}

/* Small ones of either sign are short. */
static char *
put_signed(char *p, int64_t n)
{
	return put_bits(p, ((uint64_t)n << 1) ^ (n < 0 ? UINT64_MAX : 0));
}

static char *
put_eight(char *p, const void *eight)
{
	memcpy(p, eight, 8);
	return p + 8;
}

static char *
put_text(char *p, const char *s, size_t len)
{
	p = put_bits(p, len);
	memcpy(p, s, len);
	p[len] = '\0';
	return p + len + 1;
}

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

/* Is the string that was put at `at` this one? */
static int
is_same(const struct vt_spool_block *k, size_t at, const char *text)
{
	return at != 0 && strcmp(k->b.data + at, text) == 0;
}

static int
is_covered_same(const struct vt_spool_block *k, const struct vt_scan_record *r)
{
	return k->gaps != 0 && k->covered_to_us == r->covered_to_us &&
	    k->gaps_len == r->gap_count * sizeof(*r->gaps) &&
	    (k->gaps_len == 0 ||
	    memcmp(k->b.data + k->gaps, r->gaps, k->gaps_len) == 0);
}

static uint32_t
flags_of(const struct vt_spool_block *k, const struct vt_scan_record *r,
    uint64_t tag)
{
	uint32_t f = (uint32_t)r->kind;

	f |= k->b.len > 0 && k->tag == tag ? SAME_TAG : 0;
	f |= is_same(k, k->bucket, r->bucket) ? SAME_BUCKET : 0;
	f |= is_same(k, k->tier, or_empty(r->tier)) ? SAME_TIER : 0;
	f |= is_same(k, k->class_name, or_empty(r->storage_class)) ?
	    SAME_CLASS : 0;
	f |= is_covered_same(k, r) ? SAME_COVERED : 0;
	f |= *or_empty(r->version) != '\0' ? HAS_VERSION : 0;
	f |= r->seq != 0 || r->generation != 0 || r->bucket_generation != 0 ?
	    HAS_SEQ : 0;
	f |= r->is_current ? IS_CURRENT : 0;
	f |= r->adopted ? IS_ADOPTED : 0;
	f |= r->also_count > 0 ? HAS_ALSO : 0;
	f |= r->is_ruled ? IS_RULED : 0;
	f |= r->noncurrent_since_us != 0 || r->newer != 0 ||
	    *or_empty(r->tags) != '\0' || *or_empty(r->upload) != '\0' ?
	    HAS_RULED : 0;
	f |= r->is_alone ? IS_ALONE : 0;
	f |= *or_empty(r->pin) != '\0' || *or_empty(r->lock) != '\0' ||
	    r->retain_until_us != 0 ? HAS_BOUNDS : 0;
	f |= r->legal_hold ? HAS_HOLD : 0;
	f |= r->copy != 0 ? HAS_COPY : 0;
	f |= r->copy_since_us == r->mtime_us ? CAME_AT_BIRTH : 0;
	f |= r->stored_bytes == r->size_bytes ? STORED_PLAIN : 0;
	f |= r->reads != 0 || r->bytes_read != 0 || r->r30 != 0 ||
	    r->r90 != 0 || r->last_read_us != 0 ? HAS_READS : 0;
	f |= r->covered_from_us == r->mtime_us ? FROM_BIRTH : 0;
	f |= r->h_count > 0 ? HAS_HEAT : 0;
	f |= r->pack != 0 ? HAS_PACK : 0;
	return f;
}

/* Most strings are empty. */
static size_t
length(const char *s)
{
	return s == NULL || *s == '\0' ? 0 : strlen(s);
}

/* What a record takes at most. */
static size_t
most_bytes(const struct vt_scan_record *r)
{
	size_t n = 512, i;

	n += length(r->bucket) + r->key_len + length(r->version) +
	    length(r->tier) + length(r->storage_class) + length(r->tags) +
	    length(r->upload) + length(r->pin) + length(r->lock);
	for (i = 0; i < r->also_count; i++)
		n += strlen(r->also[i]) + 12;
	return n + r->gap_count * sizeof(*r->gaps) + r->h_count * 50;
}

/* A string that the next record may share: it is behind its length. */
static char *
put_shared(struct vt_spool_block *k, char *p, const char *text, size_t *at)
{
	size_t len = strlen(text);

	p = put_text(p, text, len);
	*at = (size_t)(p - k->b.data) - len - 1;
	return p;
}

static char *
put_names(struct vt_spool_block *k, char *p, const struct vt_scan_record *r,
    uint32_t f)
{
	if (!(f & SAME_BUCKET))
		p = put_shared(k, p, r->bucket, &k->bucket);
	p = put_text(p, r->key, r->key_len);
	if (f & HAS_VERSION)
		p = put_text(p, r->version, strlen(r->version));
	if (f & HAS_SEQ) {
		p = put_signed(p, r->seq);
		p = put_signed(p, r->generation);
		p = put_signed(p, r->bucket_generation);
	}
	return p;
}

static char *
put_place(struct vt_spool_block *k, char *p, const struct vt_scan_record *r,
    uint32_t f)
{
	size_t i;

	p = put_bits(p, r->size_bytes);
	p = put_eight(p, &r->mtime_us);
	if (!(f & SAME_TIER))
		p = put_shared(k, p, or_empty(r->tier), &k->tier);
	if (!(f & SAME_CLASS))
		p = put_shared(k, p, or_empty(r->storage_class),
		    &k->class_name);
	if (f & HAS_COPY)
		p = put_signed(p, r->copy);
	if (!(f & CAME_AT_BIRTH))
		p = put_eight(p, &r->copy_since_us);
	if (!(f & STORED_PLAIN))
		p = put_bits(p, r->stored_bytes);
	if (f & HAS_PACK) {
		p = put_signed(p, r->pack);
		p = put_bits(p, r->pack_bytes);
		p = put_eight(p, &r->pack_dead);
	}
	if (f & HAS_ALSO) {
		p = put_bits(p, r->also_count);
		for (i = 0; i < r->also_count; i++)
			p = put_text(p, r->also[i], strlen(r->also[i]));
	}
	return p;
}

static char *
put_rules(char *p, const struct vt_scan_record *r, uint32_t f)
{
	if (f & HAS_RULED) {
		p = put_text(p, or_empty(r->tags), strlen(or_empty(r->tags)));
		p = put_text(p, or_empty(r->upload),
		    strlen(or_empty(r->upload)));
		p = put_eight(p, &r->noncurrent_since_us);
		p = put_bits(p, r->newer);
	}
	if (f & HAS_BOUNDS) {
		p = put_text(p, or_empty(r->pin), strlen(or_empty(r->pin)));
		p = put_text(p, or_empty(r->lock), strlen(or_empty(r->lock)));
		p = put_eight(p, &r->retain_until_us);
	}
	return p;
}

/* From the newest to the oldest, so that the last ones are at hand. */
static char *
put_days(char *p, const struct vt_scan_record *r)
{
	char *start = p + sizeof(uint32_t);
	uint32_t len;
	int64_t day = 0;
	size_t i;
	int span, part;

	p = start;
	p = put_bits(p, r->h_count);
	for (i = r->h_count; i > 0; i--) {
		const struct vt_heat_day *h = &r->h[i - 1];

		/* one day, as most are, or a span of some; read whole, as
		 * most are, or not */
		span = h->last != h->day;
		part = h->bytes != h->gets * r->size_bytes;
		p = put_signed(p, (day - h->last) * 4 + span * 2 + part);
		p = put_bits(p, h->gets);
		if (part)
			p = put_bits(p, h->bytes);
		if (span) {
			p = put_bits(p, h->days);
			p = put_bits(p, (uint64_t)((int64_t)h->last - h->day));
		}
		day = h->day;
	}
	len = (uint32_t)(p - start);
	memcpy(start - sizeof(len), &len, sizeof(len));
	return p;
}

static char *
put_heat(struct vt_spool_block *k, char *p, const struct vt_scan_record *r,
    uint32_t f)
{
	if (f & HAS_READS) {
		p = put_bits(p, r->reads);
		p = put_bits(p, r->bytes_read);
		p = put_bits(p, r->r30);
		p = put_bits(p, r->r90);
		p = put_eight(p, &r->last_read_us);
	}
	if (!(f & FROM_BIRTH))
		p = put_eight(p, &r->covered_from_us);
	p = put_eight(p, &r->covered_days);
	if (!(f & SAME_COVERED)) {
		p = put_eight(p, &r->covered_to_us);
		p = put_bits(p, r->gap_count);
		k->covered_to_us = r->covered_to_us;
		k->gaps = (size_t)(p - k->b.data);
		k->gaps_len = r->gap_count * sizeof(*r->gaps);
		if (k->gaps_len > 0)
			memcpy(p, r->gaps, k->gaps_len);
		p += k->gaps_len;
	}
	return f & HAS_HEAT ? put_days(p, r) : p;
}

/* --- blocks --------------------------------------------------------------- */

int
vt_spool_pack(struct vt_spool_block *k, const struct vt_scan_record *r,
    uint64_t tag)
{
	uint32_t f;
	char *p;

	p = vt_buf_reserve(&k->b, most_bytes(r));
	if (p == NULL)
		return -1;
	f = flags_of(k, r, tag);
	memcpy(p, &f, sizeof(f));
	p += sizeof(f);
	if (!(f & SAME_TAG))
		p = put_bits(p, tag);
	p = put_names(k, p, r, f);
	p = put_place(k, p, r, f);
	p = put_rules(p, r, f);
	p = put_heat(k, p, r, f);
	k->b.len = (size_t)(p - k->b.data);
	k->tag = tag;
	k->count++;
	return 0;
}

/* --- blocks --------------------------------------------------------------- */

static enum vt_code
spill(struct vt_spool *s, const struct vt_buf *b, struct block *to,
    struct vt_err *err)
{
	enum vt_code rc;

	if (s->fd < 0) {
		rc = vt_fs_nameless(s->folder, &s->fd, err);
		if (rc != VT_OK)
			return rc;
	}
	if (vt_fs_write_all(s->fd, b->data, b->len) < 0)
		return vt_fail_errno(err, "cannot write %zu bytes of versions "
		    "to a file in '%s'", b->len, s->folder);
	to->crc64 = vt_crc64nvme(0, b->data, b->len);
	to->at = s->file_bytes;
	s->file_bytes += b->len;
	return VT_OK;
}

static enum vt_code
keep(struct vt_spool *s, const struct vt_buf *b, struct block *to,
    struct vt_err *err)
{
	to->data = malloc(b->len);
	if (to->data == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for %zu bytes of "
		    "versions", b->len);
	memcpy(to->data, b->data, b->len);
	s->memory += b->len;
	return VT_OK;
}

enum vt_code
vt_spool_put(struct vt_spool *s, struct vt_spool_block *k, uint64_t tag,
    struct vt_err *err)
{
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
	to->len = k->b.len;
	to->count = k->count;
	to->tag = tag;
	rc = s->fd < 0 && to->len <= s->memory_max - s->memory ?
	    keep(s, &k->b, to, err) : spill(s, &k->b, to, err);
	if (rc != VT_OK)
		return rc;
	s->block_count++;
	s->count += k->count;
	vt_buf_reset(&k->b);
	k->count = 0;
	k->bucket = k->tier = k->class_name = k->gaps = 0;
	return VT_OK;
}

/* --- reading -------------------------------------------------------------- */

struct vt_spool_reader {
	const struct vt_spool *s;
	struct vt_buf b;		/* a block of the file */
	const char *p, *end;
	/* what the last record said */
	const char *bucket, *tier, *class_name;
	int64_t covered_to_us;
	uint64_t tag, block_tag;
	const struct vt_heat_gap *gaps;
	size_t gap_count;
	struct vt_arena *lists;		/* of the block's records */
	const char *heat, *heat_end;	/* of the last record */
	struct vt_heat_day *days;	/* room for some, filled from its end */
	size_t days_cap;
};

struct vt_spool_reader *
vt_spool_reader_new(const struct vt_spool *s)
{
	struct vt_spool_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->s = s;
	vt_buf_init(&r->b, SIZE_MAX / 2);
	r->lists = vt_arena_new(SIZE_MAX / 2);
	if (r->lists == NULL) {
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
	vt_arena_free(r->lists);
	free(r->days);
	free(r);
}

enum vt_code
vt_spool_open(struct vt_spool_reader *r, size_t block, struct vt_err *err)
{
	const struct block *k = &r->s->blocks[block];
	char *to;
	ssize_t n;

	r->bucket = r->tier = r->class_name = "";
	vt_arena_reset(r->lists);
	r->gaps = NULL;
	r->gap_count = 0;
	r->covered_to_us = 0;
	r->tag = 0;
	r->block_tag = k->tag;
	r->heat = NULL;
	r->p = r->end = k->data;
	if (k->data != NULL) {
		r->end += k->len;
		return VT_OK;
	}
	vt_buf_reset(&r->b);
	to = vt_buf_reserve(&r->b, k->len);
	if (to == NULL)
		return vt_buf_check(&r->b, "a block of versions", err);
	n = vt_fs_pread_all(r->s->fd, to, k->len, k->at);
	if (n < 0)
		return vt_fail_errno(err, "cannot read a file of versions in "
		    "'%s'", r->s->folder);
	if ((size_t)n != k->len || vt_crc64nvme(0, to, k->len) != k->crc64)
		return vt_fail(err, VT_CORRUPT, "a file of versions in '%s' "
		    "reads back otherwise than it was written",
		    r->s->folder);
	r->p = to;
	r->end = to + k->len;
	return VT_OK;
}

/* Blocks of the file were checked whole, so each number is there. */
static inline uint64_t
get_bits(struct vt_spool_reader *r)
{
	uint64_t n = 0;

	if (vt_varint_get(&r->p, r->end, &n) < 0)
		r->p = r->end;
	return n;
}

static inline int64_t
get_signed(struct vt_spool_reader *r)
{
	uint64_t n = get_bits(r);

	return (int64_t)((n >> 1) ^ (n & 1 ? UINT64_MAX : 0));
}

static inline void
get_eight(struct vt_spool_reader *r, void *out)
{
	memcpy(out, r->p, 8);
	r->p += 8;
}

static const char *
get_text(struct vt_spool_reader *r, size_t *len)
{
	size_t n = get_bits(r);
	const char *s = r->p;

	r->p += n + 1;
	if (len != NULL)
		*len = n;
	return s;
}

static void
get_place(struct vt_spool_reader *r, struct vt_scan_record *o, uint32_t f)
{
	o->size_bytes = get_bits(r);
	get_eight(r, &o->mtime_us);
	if (!(f & SAME_TIER))
		r->tier = get_text(r, NULL);
	if (!(f & SAME_CLASS))
		r->class_name = get_text(r, NULL);
	o->tier = r->tier;
	o->storage_class = r->class_name;
	if (f & HAS_COPY)
		o->copy = get_signed(r);
	o->copy_since_us = o->mtime_us;
	if (!(f & CAME_AT_BIRTH))
		get_eight(r, &o->copy_since_us);
	o->stored_bytes = f & STORED_PLAIN ? o->size_bytes : get_bits(r);
	if (f & HAS_PACK) {
		o->pack = get_signed(r);
		o->pack_bytes = get_bits(r);
		get_eight(r, &o->pack_dead);
	}
}

static int
get_also(struct vt_spool_reader *r, struct vt_scan_record *o)
{
	const char **also;
	size_t i;

	o->also_count = get_bits(r);
	also = vt_arena_alloc(r->lists, o->also_count * sizeof(*also));
	if (also == NULL)
		return -1;
	for (i = 0; i < o->also_count; i++)
		also[i] = get_text(r, NULL);
	o->also = also;
	return 0;
}

static void
get_rules(struct vt_spool_reader *r, struct vt_scan_record *o, uint32_t f)
{
	o->tags = o->upload = o->pin = o->lock = "";
	if (f & HAS_RULED) {
		o->tags = get_text(r, NULL);
		o->upload = get_text(r, NULL);
		get_eight(r, &o->noncurrent_since_us);
		o->newer = (uint32_t)get_bits(r);
	}
	if (f & HAS_BOUNDS) {
		o->pin = get_text(r, NULL);
		o->lock = get_text(r, NULL);
		get_eight(r, &o->retain_until_us);
	}
}

static int
get_heat(struct vt_spool_reader *r, struct vt_scan_record *o, uint32_t f)
{
	struct vt_heat_gap *gaps;

	if (f & HAS_READS) {
		o->reads = get_bits(r);
		o->bytes_read = get_bits(r);
		o->r30 = get_bits(r);
		o->r90 = get_bits(r);
		get_eight(r, &o->last_read_us);
	}
	o->covered_from_us = o->mtime_us;
	if (!(f & FROM_BIRTH))
		get_eight(r, &o->covered_from_us);
	get_eight(r, &o->covered_days);
	if (!(f & SAME_COVERED)) {
		get_eight(r, &r->covered_to_us);
		r->gap_count = get_bits(r);
		gaps = vt_arena_alloc(r->lists,
		    r->gap_count * sizeof(*gaps));
		if (gaps == NULL)
			return -1;
		if (r->gap_count > 0)
			memcpy(gaps, r->p, r->gap_count * sizeof(*gaps));
		r->p += r->gap_count * sizeof(*gaps);
		r->gaps = r->gap_count > 0 ? gaps : NULL;
	}
	o->covered_to_us = r->covered_to_us;
	o->gap_count = r->gap_count;
	o->gaps = r->gaps;
	r->heat = NULL;
	if (f & HAS_HEAT) {
		uint32_t len;

		memcpy(&len, r->p, sizeof(len));
		r->heat = r->p + sizeof(len);
		r->p = r->heat_end = r->heat + len;
	}
	return 0;
}

int
vt_spool_next(struct vt_spool_reader *r, struct vt_scan_record *o,
    uint64_t *tag)
{
	uint32_t f;

	if (r->p == r->end)
		return 0;
	vt_clear(o);
	memcpy(&f, r->p, sizeof(f));
	r->p += sizeof(f);
	if (!(f & SAME_TAG))
		r->tag = get_bits(r);
	*tag = r->block_tag + r->tag;
	if (!(f & SAME_BUCKET))
		r->bucket = get_text(r, NULL);
	o->kind = (enum vt_scan_kind)(f & KIND);
	o->bucket = r->bucket;
	o->key = get_text(r, &o->key_len);
	o->version = f & HAS_VERSION ? get_text(r, NULL) : "";
	if (f & HAS_SEQ) {
		o->seq = get_signed(r);
		o->generation = get_signed(r);
		o->bucket_generation = get_signed(r);
	}
	o->is_current = (f & IS_CURRENT) != 0;
	o->adopted = (f & IS_ADOPTED) != 0;
	o->is_ruled = (f & IS_RULED) != 0;
	o->is_alone = (f & IS_ALONE) != 0;
	o->legal_hold = (f & HAS_HOLD) != 0;
	get_place(r, o, f);
	if ((f & HAS_ALSO) && get_also(r, o) < 0)
		return -1;
	get_rules(r, o, f);
	if (get_heat(r, o, f) < 0)
		return -1;
	return 1;
}

int
vt_spool_days(struct vt_spool_reader *r, double within,
    struct vt_scan_record *out)
{
	const char *behind = r->p, *end = r->end;
	struct vt_heat_day *h;
	size_t count, i;
	int64_t day = 0, step;
	double newest = 0;

	out->h = NULL;
	out->h_count = 0;
	if (r->heat == NULL)
		return 0;
	r->p = r->heat;
	r->end = r->heat_end;
	count = get_bits(r);
	if (count > r->days_cap) {
		h = calloc(count, sizeof(*h));
		if (h == NULL)
			return -1;
		free(r->days);
		r->days = h;
		r->days_cap = count;
	}
	for (i = count; i > 0; i--) {
		h = &r->days[i - 1];
		step = get_signed(r);
		day -= (step - (step & 3)) / 4;
		if (i == count)
			newest = (double)day;
		if (newest - (double)day > within)
			break;
		h->day = h->last = (int32_t)day;
		h->days = 1;
		h->gets = get_bits(r);
		h->bytes = step & 1 ? get_bits(r) : h->gets * out->size_bytes;
		if (step & 2) {
			h->days = (uint32_t)get_bits(r);
			day -= (int64_t)get_bits(r);
			h->day = (int32_t)day;
		}
	}
	out->h = r->days + i;
	out->h_count = count - i;
	r->p = behind;
	r->end = end;
	return 0;
}
