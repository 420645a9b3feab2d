/*
 * Scan records in blocks: see recordblock.h.  A record is 32 bits that say what
 * follows, and what follows; what is as in the record before it in its block is
 * not said again.  Numbers are varints (varint.h), those with a sign folded
 * into them (0, -1, 1, -2...); times and fractions are eight bytes, the low one
 * first; strings have their length before and a NUL behind them.
 */
#include <sys/types.h>

#include <endian.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/clear.h"
#include "libvt/base/hash.h"
#include "libvt/base/packed.h"

#include "libvt/proto/recordblock.h"

/* What follows, or need not. */
enum {
	KIND		= 3,		/* the kind itself */
	SAME_BUCKET	= 1 << 2,
	SAME_TIER	= 1 << 3,
	SAME_CLASS	= 1 << 4,
	SAME_COVERED	= 1 << 5,	/* its end, and the gaps in it */
	SAME_DAYS	= 1 << 6,	/* how much of it is covered */
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
	HAS_PACK	= 1 << 23,
	HAS_MIN_BYTES	= 1 << 24,	/* of a bucket */
	ALL_FLAGS	= (1 << 25) - 1
};

/* Times of lines have four digits for a year. */
#define TIME_MIN INT64_C(-100000000000000000)
#define TIME_MAX INT64_C(300000000000000000)
#define GAP_MAX_S INT64_C(1000000000000)
/* Days beyond these are no dates, and would overflow sums. */
#define DAY_MIN (-1000000)
#define DAY_MAX 10000000

/* --- a block -------------------------------------------------------------- */

void
vt_block_init(struct vt_block *k)
{
	memset(k, 0, sizeof(*k));
	vt_buf_init(&k->bytes, VT_BLOCK_HEADER + VT_BLOCK_MAX +
	    VT_BLOCK_BEHIND);
	vt_block_reset(k);
}

void
vt_block_release(struct vt_block *k)
{
	vt_buf_release(&k->bytes);
}

void
vt_block_reset(struct vt_block *k)
{
	vt_buf_reset(&k->bytes);
	k->count = 0;
	k->bucket = k->tier = k->class_name = k->gaps = 0;
	k->covered_days = NAN;
}

size_t
vt_block_len(const struct vt_block *k)
{
	return k->bytes.len > 0 ? k->bytes.len - VT_BLOCK_HEADER : 0;
}

/* --- bytes ---------------------------------------------------------------- */

static inline char *
put_eight(char *p, uint64_t n)
{
	n = htole64(n);
	memcpy(p, &n, sizeof(n));
	return p + sizeof(n);
}

/* A time, as it is said. */
static inline int64_t
milliseconds(int64_t us)
{
	return us / 1000 * 1000 - (us % 1000 < 0 ? 1000 : 0);
}

static inline char *
put_time(char *p, int64_t us)
{
	return put_eight(p, (uint64_t)milliseconds(us));
}

static inline const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

/* Most strings are empty. */
static inline size_t
length(const char *s)
{
	return s == NULL || *s == '\0' ? 0 : strlen(s);
}

static inline char *
put_text(char *p, const char *s)
{
	return vt_packed_put_text(p, or_empty(s), length(s));
}

/* --- adding a record ------------------------------------------------------ */

/* Is the string that was put at `at` this one? */
static inline int
is_same(const struct vt_block *k, size_t at, const char *text)
{
	return at != 0 && strcmp(k->bytes.data + at, or_empty(text)) == 0;
}

static char *
put_gaps(char *p, const struct vt_scan_record *r)
{
	const struct vt_heat_gap *g;

	for (g = r->gaps; g < r->gaps + r->gap_count; g++) {
		p = vt_packed_put(p, (uint64_t)(g->from_us / 1000000));
		p = vt_packed_put(p, (uint64_t)(g->length_us / 1000000));
	}
	return p;
}

/* Most are as those before: they are packed behind the block to be compared. */
static int
has_same_gaps(const struct vt_block *k, const struct vt_scan_record *r)
{
	const char *before = k->bytes.data + k->gaps;
	char *mine = k->bytes.data + k->bytes.len;
	char *end;

	if (r->gap_count != k->gap_count)
		return 0;
	if (r->gap_count == 0)
		return 1;
	end = put_gaps(mine, r);
	return memcmp(before, mine, (size_t)(end - mine)) == 0;
}

static uint32_t
flags_of(const struct vt_block *k, const struct vt_scan_record *r)
{
	uint32_t f = (uint32_t)r->kind;

	f |= is_same(k, k->bucket, r->bucket) ? SAME_BUCKET : 0;
	if (r->kind == VT_SCAN_BUCKET)
		return f | (r->has_min_bytes ? HAS_MIN_BYTES : 0);
	f |= is_same(k, k->tier, r->tier) ? SAME_TIER : 0;
	f |= is_same(k, k->class_name, r->storage_class) ? SAME_CLASS : 0;
	f |= k->gaps != 0 &&
	    k->covered_to_us == milliseconds(r->covered_to_us) &&
	    has_same_gaps(k, r) ? SAME_COVERED : 0;
	f |= k->covered_days == r->covered_days ? SAME_DAYS : 0;
	f |= length(r->version) > 0 ? HAS_VERSION : 0;
	f |= r->seq != 0 || r->generation != 0 || r->bucket_generation != 0 ?
	    HAS_SEQ : 0;
	f |= r->is_current ? IS_CURRENT : 0;
	f |= r->adopted ? IS_ADOPTED : 0;
	f |= r->also_count > 0 ? HAS_ALSO : 0;
	f |= r->is_ruled ? IS_RULED : 0;
	f |= r->noncurrent_since_us != 0 || r->newer != 0 ||
	    length(r->tags) > 0 || length(r->upload) > 0 ? HAS_RULED : 0;
	f |= r->is_alone ? IS_ALONE : 0;
	f |= length(r->pin) > 0 || length(r->lock) > 0 ||
	    r->retain_until_us != 0 ? HAS_BOUNDS : 0;
	f |= r->legal_hold ? HAS_HOLD : 0;
	f |= r->copy != 0 ? HAS_COPY : 0;
	f |= r->copy_since_us == r->mtime_us ? CAME_AT_BIRTH : 0;
	f |= r->stored_bytes == r->size_bytes ? STORED_PLAIN : 0;
	f |= r->reads != 0 || r->bytes_read != 0 || r->r30 != 0 ||
	    r->r90 != 0 || r->last_read_us != 0 ? HAS_READS : 0;
	f |= r->covered_from_us == r->mtime_us ? FROM_BIRTH : 0;
	f |= r->h_count > 0 ? HAS_HEAT : 0;
	return f | (r->pack != 0 ? HAS_PACK : 0);
}

/* What a record takes at most, and its gaps once more to be compared. */
static size_t
most_bytes(const struct vt_scan_record *r)
{
	size_t n = 512, i;

	n += length(r->bucket) + r->key_len + length(r->version) +
	    length(r->tier) + length(r->storage_class) + length(r->tags) +
	    length(r->upload) + length(r->pin) + length(r->lock) +
	    r->lifecycle_len + length(r->versioning);
	for (i = 0; i < r->also_count; i++)
		n += strlen(r->also[i]) + VT_VARINT_MAX + 1;
	return n + r->gap_count * 4 * VT_VARINT_MAX +
	    r->h_count * 5 * VT_VARINT_MAX;
}

/* A string that the next record may share: it is behind its length. */
static char *
put_shared(struct vt_block *k, char *p, const char *text, size_t *at)
{
	size_t len = length(text);

	p = vt_packed_put_text(p, or_empty(text), len);
	*at = (size_t)(p - k->bytes.data) - len - 1;
	return p;
}

static char *
put_bucket(char *p, const struct vt_scan_record *r, uint32_t f)
{
	p = vt_packed_put_signed(p, r->bucket_generation);
	p = put_text(p, r->versioning);
	p = put_time(p, r->at_us);
	p = vt_packed_put(p, (uint64_t)r->day_ms);
	if (f & HAS_MIN_BYTES)
		p = vt_packed_put(p, r->min_bytes);
	return vt_packed_put_text(p, or_empty(r->lifecycle), r->lifecycle_len);
}

static char *
put_names(char *p, const struct vt_scan_record *r, uint32_t f)
{
	p = vt_packed_put_text(p, r->key, r->key_len);
	if (f & HAS_VERSION)
		p = put_text(p, r->version);
	if (f & HAS_SEQ) {
		p = vt_packed_put_signed(p, r->seq);
		p = vt_packed_put_signed(p, r->generation);
		p = vt_packed_put_signed(p, r->bucket_generation);
	}
	return p;
}

static char *
put_place(struct vt_block *k, char *p, const struct vt_scan_record *r,
    uint32_t f)
{
	size_t i;

	p = vt_packed_put(p, r->size_bytes);
	p = put_time(p, r->mtime_us);
	if (!(f & SAME_TIER))
		p = put_shared(k, p, r->tier, &k->tier);
	if (!(f & SAME_CLASS))
		p = put_shared(k, p, r->storage_class, &k->class_name);
	if (f & HAS_COPY)
		p = vt_packed_put_signed(p, r->copy);
	if (!(f & CAME_AT_BIRTH))
		p = put_time(p, r->copy_since_us);
	if (!(f & STORED_PLAIN))
		p = vt_packed_put(p, r->stored_bytes);
	if (f & HAS_PACK) {
		p = vt_packed_put_signed(p, r->pack);
		p = vt_packed_put(p, r->pack_bytes);
		p = vt_packed_put_double(p, r->pack_dead);
	}
	if (f & HAS_ALSO) {
		p = vt_packed_put(p, r->also_count);
		for (i = 0; i < r->also_count; i++)
			p = put_text(p, r->also[i]);
	}
	return p;
}

static char *
put_rules(char *p, const struct vt_scan_record *r, uint32_t f)
{
	if (f & HAS_RULED) {
		p = put_text(p, r->tags);
		p = put_text(p, r->upload);
		p = put_time(p, r->noncurrent_since_us);
		p = vt_packed_put(p, r->newer);
	}
	if (f & HAS_BOUNDS) {
		p = put_text(p, r->pin);
		p = put_text(p, r->lock);
		p = put_time(p, r->retain_until_us);
	}
	return p;
}

/* What a day is, in 16 bits with how many days it lies before the one that was
 * told before it; MANY_DAYS: that follows. */
enum {
	IS_SPAN		= 1 << 0,	/* of some days, not one */
	IS_PART		= 1 << 1,	/* not all was read each time: bytes */
	IS_MANY		= 1 << 2,	/* reads, not one */
	IS_ALIKE	= 1 << 3,	/* bytes are those told last */
	DAYS_SHIFT	= 4,
	MANY_DAYS	= 0xfff
};

/* From the newest to the oldest, so that the last ones are at hand; with their
 * length before, so that they can be left for later. */
static char *
put_days(char *p, const struct vt_scan_record *r)
{
	const struct vt_heat_day *h = r->h + r->h_count - 1;
	char *start = p + sizeof(uint32_t);
	uint64_t days, bytes = 0;
	int64_t day = h->last;
	uint16_t token;
	uint32_t len;

	p = vt_packed_put(start, r->h_count);
	p = vt_packed_put_signed(p, day);
	for (; h >= r->h; day = h->day, h--) {
		days = (uint64_t)(day - h->last);
		token = (uint16_t)((h->last != h->day ? IS_SPAN : 0) |
		    (h->bytes != h->gets * r->size_bytes ? IS_PART : 0) |
		    (h->gets != 1 ? IS_MANY : 0));
		token |= (token & IS_PART) && h->bytes == bytes ? IS_ALIKE : 0;
		token |= (uint16_t)((days < MANY_DAYS ? days : MANY_DAYS) <<
		    DAYS_SHIFT);
		token = htole16(token);
		p = (char *)mempcpy(p, &token, sizeof(token));
		token = le16toh(token);
		if (days >= MANY_DAYS)
			p = vt_packed_put(p, days);
		if (token & IS_MANY)
			p = vt_packed_put(p, h->gets);
		if ((token & (IS_PART | IS_ALIKE)) == IS_PART) {
			bytes = h->bytes;
			p = vt_packed_put(p, bytes);
		}
		if (token & IS_SPAN) {
			p = vt_packed_put(p, h->days);
			p = vt_packed_put(p,
			    (uint64_t)((int64_t)h->last - h->day));
		}
	}
	len = htole32((uint32_t)(p - start));
	memcpy(start - sizeof(len), &len, sizeof(len));
	return p;
}

static char *
put_heat(struct vt_block *k, char *p, const struct vt_scan_record *r,
    uint32_t f)
{
	if (f & HAS_READS) {
		p = vt_packed_put(p, r->reads);
		p = vt_packed_put(p, r->bytes_read);
		p = vt_packed_put(p, r->r30);
		p = vt_packed_put(p, r->r90);
		p = put_time(p, r->last_read_us);
	}
	if (!(f & FROM_BIRTH))
		p = put_time(p, r->covered_from_us);
	if (!(f & SAME_DAYS)) {
		k->covered_days = r->covered_days;
		p = vt_packed_put_double(p, r->covered_days);
	}
	if (!(f & SAME_COVERED)) {
		p = put_time(p, r->covered_to_us);
		p = vt_packed_put(p, r->gap_count);
		k->covered_to_us = milliseconds(r->covered_to_us);
		k->gaps = (size_t)(p - k->bytes.data);
		k->gap_count = r->gap_count;
		p = put_gaps(p, r);
	}
	return f & HAS_HEAT ? put_days(p, r) : p;
}

int
vt_block_add(struct vt_block *k, const struct vt_scan_record *r)
{
	uint32_t f, flags;
	char *p;

	if (k->bytes.len == 0) {
		if (vt_buf_reserve(&k->bytes, VT_BLOCK_HEADER) == NULL)
			return -1;
		k->bytes.len = VT_BLOCK_HEADER;
	}
	p = vt_buf_reserve(&k->bytes, most_bytes(r));
	if (p == NULL)
		return -1;
	f = flags_of(k, r);
	flags = htole32(f);
	memcpy(p, &flags, sizeof(flags));
	p += sizeof(flags);
	if (!(f & SAME_BUCKET))
		p = put_shared(k, p, r->bucket, &k->bucket);
	if (r->kind == VT_SCAN_BUCKET) {
		p = put_bucket(p, r, f);
	} else {
		p = put_names(p, r, f);
		p = put_place(k, p, r, f);
		p = put_rules(p, r, f);
		p = put_heat(k, p, r, f);
	}
	k->bytes.len = (size_t)(p - k->bytes.data);
	k->count++;
	return 0;
}

/* --- the header ----------------------------------------------------------- */

/* Of all but the eight bytes that say it. */
static uint64_t
crc_of(const char *block, size_t len)
{
	uint64_t crc = vt_crc64nvme(0, block, VT_BLOCK_HEADER - 8);

	return vt_crc64nvme(crc, block + VT_BLOCK_HEADER, len);
}

int
vt_block_seal(struct vt_block *k, uint64_t before)
{
	uint32_t len = (uint32_t)vt_block_len(k), n;
	char *p;

	if (k->bytes.len == 0) {
		if (vt_buf_reserve(&k->bytes, VT_BLOCK_HEADER) == NULL)
			return -1;
		k->bytes.len = VT_BLOCK_HEADER;
	}
	p = (char *)mempcpy(k->bytes.data, VT_BLOCK_MAGIC, 8);
	n = htole32(len);
	p = (char *)mempcpy(p, &n, sizeof(n));
	n = htole32(k->count);
	p = (char *)mempcpy(p, &n, sizeof(n));
	p = put_eight(p, before);
	(void)put_eight(p, crc_of(k->bytes.data, len));
	return 0;
}

/* Where a header's eight bytes are. */
#define AT_LEN 8
#define AT_COUNT 12
#define AT_BEFORE 16
#define AT_CRC 24

static uint64_t
eight_at(const char *p)
{
	uint64_t n;

	memcpy(&n, p, sizeof(n));
	return le64toh(n);
}

static uint32_t
four_at(const char *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return le32toh(n);
}

enum vt_code
vt_block_parse_head(const char *header, struct vt_block_head *out,
    struct vt_err *err)
{
	if (memcmp(header, VT_BLOCK_MAGIC, 7) != 0)
		return vt_fail(err, VT_INVALID, "no block of records");
	if (header[7] != VT_BLOCK_MAGIC[7])
		return vt_fail(err, VT_INVALID, "a block of records of format "
		    "%u, where %u is known", (unsigned)(uint8_t)header[7],
		    (unsigned)VT_BLOCK_MAGIC[7]);
	out->len = four_at(header + AT_LEN);
	out->count = four_at(header + AT_COUNT);
	out->before = eight_at(header + AT_BEFORE);
	if (out->len > VT_BLOCK_MAX)
		return vt_fail(err, VT_TOO_LARGE, "a block of %zu bytes of "
		    "records, over %zu", out->len, VT_BLOCK_MAX);
	return VT_OK;
}

int
vt_block_verify(const struct vt_block *k)
{
	const char *p = k->bytes.data;

	return k->bytes.len >= VT_BLOCK_HEADER &&
	    crc_of(p, vt_block_len(k)) == eight_at(p + AT_CRC) ? 0 : -1;
}

/* --- reading -------------------------------------------------------------- */

#define LISTS_MAX ((size_t)16 * VT_BLOCK_MAX)

static const char nothing[VT_BLOCK_BEHIND];

int
vt_block_reader_init(struct vt_block_reader *r)
{
	memset(r, 0, sizeof(*r));
	r->lists = vt_arena_new(LISTS_MAX);
	if (r->lists == NULL)
		return -1;
	vt_block_open(r, nothing, 0);
	return 0;
}

void
vt_block_reader_release(struct vt_block_reader *r)
{
	vt_arena_free(r->lists);
	r->lists = NULL;
}

void
vt_block_open(struct vt_block_reader *r, const char *records, size_t len)
{
	r->p = records;
	r->end = records + len;
	r->is_bad = 0;
	vt_arena_reset(r->lists);
	r->bucket = r->tier = r->class_name = "";
	r->gaps = NULL;
	r->gap_count = 0;
	r->covered_to_us = 0;
	r->covered_days = 0;
}

/* A block that is not what it should be is at its end, and all that follows is
 * nothing: one look at the end of a record tells. */
static void __attribute__((noinline, cold))
is_wrong(struct vt_block_reader *r)
{
	r->is_bad = 1;
	r->p = r->end;
}

static inline size_t
left(const struct vt_block_reader *r)
{
	return (size_t)(r->end - r->p);
}

static inline uint64_t
get_bits(struct vt_block_reader *r)
{
	uint64_t n = 0;

	if (vt_varint_get_within(&r->p, r->end, VT_BLOCK_BEHIND, &n) < 0)
		is_wrong(r);
	return n;
}

static inline int64_t
get_signed(struct vt_block_reader *r)
{
	uint64_t n = get_bits(r);

	return (int64_t)((n >> 1) ^ (n & 1 ? UINT64_MAX : 0));
}

static inline uint64_t
get_eight(struct vt_block_reader *r)
{
	uint64_t n;

	if (left(r) < sizeof(n)) {
		is_wrong(r);
		return 0;
	}
	memcpy(&n, r->p, sizeof(n));
	r->p += sizeof(n);
	return le64toh(n);
}

/* What is not within becomes 0: a failure. */
static inline double
get_double(struct vt_block_reader *r, double max)
{
	uint64_t n = get_eight(r);
	double d;

	memcpy(&d, &n, sizeof(d));
	if (d >= 0 && d <= max)
		return d;
	is_wrong(r);
	return 0;
}

static inline int64_t
get_time(struct vt_block_reader *r)
{
	int64_t us = (int64_t)get_eight(r);

	if (us >= TIME_MIN && us <= TIME_MAX)
		return us;
	is_wrong(r);
	return 0;
}

static inline const char *
get_text(struct vt_block_reader *r, size_t *len)
{
	size_t n = get_bits(r);
	const char *s = r->p;

	if (n >= left(r) || s[n] != '\0') {
		is_wrong(r);
		n = 0;
		s = "";
	} else {
		r->p += n + 1;
	}
	if (len != NULL)
		*len = n;
	return s;
}

static void
get_bucket(struct vt_block_reader *r, struct vt_scan_record *o, uint32_t f)
{
	uint64_t day_ms;

	o->key = o->version = o->tier = o->storage_class = "";
	o->pin = o->lock = "";
	o->bucket_generation = get_signed(r);
	o->versioning = get_text(r, NULL);
	o->at_us = get_time(r);
	day_ms = get_bits(r);
	if (day_ms > 86400000)
		is_wrong(r);
	o->day_ms = (int64_t)day_ms;
	o->has_min_bytes = (f & HAS_MIN_BYTES) != 0;
	if (f & HAS_MIN_BYTES)
		o->min_bytes = get_bits(r);
	o->lifecycle = get_text(r, &o->lifecycle_len);
}

static inline void
get_place(struct vt_block_reader *r, struct vt_scan_record *o, uint32_t f)
{
	o->size_bytes = get_bits(r);
	o->mtime_us = get_time(r);
	if (!(f & SAME_TIER))
		r->tier = get_text(r, NULL);
	if (!(f & SAME_CLASS))
		r->class_name = get_text(r, NULL);
	o->tier = r->tier;
	o->storage_class = r->class_name;
	if (f & HAS_COPY)
		o->copy = get_signed(r);
	o->copy_since_us = f & CAME_AT_BIRTH ? o->mtime_us : get_time(r);
	o->stored_bytes = f & STORED_PLAIN ? o->size_bytes : get_bits(r);
	if (f & HAS_PACK) {
		o->pack = get_signed(r);
		o->pack_bytes = get_bits(r);
		o->pack_dead = get_double(r, 1);
		if (o->pack == 0)
			is_wrong(r);
	}
}

/* -1: no memory. */
static int
get_also(struct vt_block_reader *r, struct vt_scan_record *o)
{
	uint64_t count = get_bits(r);
	const char **also;
	size_t i;

	/* each takes two bytes at least */
	if (count > left(r) / 2) {
		is_wrong(r);
		return 0;
	}
	also = vt_arena_alloc(r->lists, (size_t)count * sizeof(*also));
	if (also == NULL)
		return -1;
	for (i = 0; i < count; i++)
		also[i] = get_text(r, NULL);
	o->also = also;
	o->also_count = (size_t)count;
	return 0;
}

static inline void
get_rules(struct vt_block_reader *r, struct vt_scan_record *o, uint32_t f)
{
	uint64_t newer;

	o->tags = o->upload = o->pin = o->lock = "";
	if (f & HAS_RULED) {
		o->tags = get_text(r, NULL);
		o->upload = get_text(r, NULL);
		o->noncurrent_since_us = get_time(r);
		newer = get_bits(r);
		o->newer = newer < UINT32_MAX ? (uint32_t)newer : UINT32_MAX;
	}
	if (f & HAS_BOUNDS) {
		o->pin = get_text(r, NULL);
		o->lock = get_text(r, NULL);
		o->retain_until_us = get_time(r);
	}
}

/* The end of the covered time, and the gaps in it.  -1: no memory. */
static int
get_covered(struct vt_block_reader *r)
{
	struct vt_heat_gap *gaps;
	uint64_t count, from, len;
	int64_t before = 0;
	size_t i;

	r->covered_to_us = get_time(r);
	count = get_bits(r);
	r->gaps = NULL;
	r->gap_count = 0;
	if (count > left(r) / 2) {
		is_wrong(r);
		return 0;
	}
	if (count == 0)
		return 0;
	gaps = vt_arena_alloc(r->lists, (size_t)count * sizeof(*gaps));
	if (gaps == NULL)
		return -1;
	for (i = 0; i < count; i++) {
		from = get_bits(r);
		len = get_bits(r);
		if (from > GAP_MAX_S || len > GAP_MAX_S ||
		    (int64_t)from < before) {
			is_wrong(r);
			return 0;
		}
		gaps[i].from_us = (int64_t)from * 1000000;
		gaps[i].length_us = (int64_t)len * 1000000;
		before = (int64_t)(from + len);
	}
	r->gaps = gaps;
	r->gap_count = (size_t)count;
	return 0;
}

/* Days are left as they are, to be looked at when they are asked for. */
static inline void
get_packed(struct vt_block_reader *r, struct vt_scan_record *o)
{
	uint32_t len;

	if (left(r) < sizeof(len)) {
		is_wrong(r);
		return;
	}
	memcpy(&len, r->p, sizeof(len));
	len = le32toh(len);
	r->p += sizeof(len);
	if (len > left(r)) {
		is_wrong(r);
		return;
	}
	o->packed_days = r->p;
	o->packed_len = len;
	r->p += len;
}

static inline int
get_heat(struct vt_block_reader *r, struct vt_scan_record *o, uint32_t f)
{
	if (f & HAS_READS) {
		o->reads = get_bits(r);
		o->bytes_read = get_bits(r);
		o->r30 = get_bits(r);
		o->r90 = get_bits(r);
		o->last_read_us = get_time(r);
	}
	o->covered_from_us = f & FROM_BIRTH ? o->mtime_us : get_time(r);
	if (!(f & SAME_DAYS))
		r->covered_days = get_double(r, DBL_MAX);
	if (!(f & SAME_COVERED) && get_covered(r) < 0)
		return -1;
	o->covered_days = r->covered_days;
	o->covered_to_us = r->covered_to_us;
	o->gap_count = r->gap_count;
	o->gaps = r->gaps;
	if (f & HAS_HEAT)
		get_packed(r, o);
	return 0;
}

/* -1: no memory. */
static inline int
get_version(struct vt_block_reader *r, struct vt_scan_record *o, uint32_t f)
{
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
	if (o->kind == VT_SCAN_VERSION &&
	    o->covered_to_us < o->covered_from_us)
		is_wrong(r);
	return 0;
}

enum vt_code
vt_block_next(struct vt_block_reader *r, struct vt_scan_record *o)
{
	uint32_t f;

	if (r->p == r->end)
		return r->is_bad ? VT_CORRUPT : VT_ABSENT;
	if (left(r) < sizeof(f)) {
		is_wrong(r);
		return VT_CORRUPT;
	}
	memcpy(&f, r->p, sizeof(f));
	f = le32toh(f);
	r->p += sizeof(f);
	vt_clear(o);
	o->kind = (enum vt_scan_kind)(f & KIND);
	if (!(f & SAME_BUCKET))
		r->bucket = get_text(r, NULL);
	o->bucket = r->bucket;
	if (o->kind == VT_SCAN_BUCKET)
		get_bucket(r, o, f);
	else if (get_version(r, o, f) < 0)
		return VT_NOMEM;
	return r->is_bad || f > ALL_FLAGS ? VT_CORRUPT : VT_OK;
}

/* --- days ----------------------------------------------------------------- */

static int
make_room(struct vt_days_room *room, size_t count)
{
	struct vt_heat_day *h;

	if (count <= room->cap)
		return 0;
	h = malloc(count * 2 * sizeof(*h));
	if (h == NULL)
		return -1;
	free(room->h);
	room->h = h;
	room->cap = count * 2;
	return 0;
}

/* What is at hand of an object's days. */
struct days {
	struct vt_block_reader r;
	uint64_t size_bytes, bytes;	/* the latter told last */
};

/* What is told of a day beside its token, and of `h` not known by that.  0; -1:
 * it is no day. */
static int __attribute__((noinline))
get_rest(struct days *d, unsigned token, struct vt_heat_day *h)
{
	uint64_t days, back;

	if (token & IS_MANY)
		h->gets = get_bits(&d->r);
	h->bytes = h->gets * d->size_bytes;
	if (token & IS_PART) {
		if (!(token & IS_ALIKE))
			d->bytes = get_bits(&d->r);
		h->bytes = d->bytes;
	}
	if (token & IS_SPAN) {
		days = get_bits(&d->r);
		back = get_bits(&d->r);
		if (back > DAY_MAX || days < 1 || days > back + 1)
			return -1;
		h->days = (uint32_t)days;
		h->day = h->last - (int32_t)back;
	}
	return 0;
}

/* Days from the newest one, which is `day`, back to `oldest`, into `h` from its
 * end: how many are left out; -1: they are no days. */
static inline ssize_t
get_days(struct days *d, int64_t day, int64_t oldest, struct vt_heat_day *h,
    size_t count)
{
	uint16_t token;
	uint64_t back;
	size_t i;

	for (i = count; i > 0; i--) {
		if (left(&d->r) < sizeof(token))
			return -1;
		memcpy(&token, d->r.p, sizeof(token));
		token = le16toh(token);
		d->r.p += sizeof(token);
		back = token >> DAYS_SHIFT;
		if (back == MANY_DAYS)
			back = get_bits(&d->r);
		if (back > DAY_MAX - DAY_MIN || (back == 0 && i < count))
			return -1;
		day -= (int64_t)back;
		if (day < oldest)
			break;
		h[i - 1].day = h[i - 1].last = (int32_t)day;
		h[i - 1].days = 1;
		h[i - 1].gets = 1;
		h[i - 1].bytes = d->size_bytes;
		if (token & (IS_SPAN | IS_PART | IS_MANY)) {
			if (day < DAY_MIN ||
			    get_rest(d, token, &h[i - 1]) < 0)
				return -1;
			day = h[i - 1].day;
		}
	}
	return day < DAY_MIN || d->r.is_bad ? -1 : (ssize_t)i;
}

enum vt_code
vt_record_days(struct vt_scan_record *rec, double within,
    struct vt_days_room *room)
{
	int64_t day, oldest = INT64_MIN;
	struct days d;
	uint64_t count;
	ssize_t out;

	rec->h = NULL;
	rec->h_count = 0;
	if (rec->packed_days == NULL)
		return VT_OK;
	d.r.p = rec->packed_days;
	d.r.end = d.r.p + rec->packed_len;
	d.r.is_bad = 0;
	d.size_bytes = rec->size_bytes;
	d.bytes = 0;
	count = get_bits(&d.r);
	day = get_signed(&d.r);
	if (count > rec->packed_len / sizeof(uint16_t) || day < DAY_MIN ||
	    day > DAY_MAX)
		return VT_CORRUPT;
	if (within < DAY_MAX - DAY_MIN)
		oldest = day - (int64_t)within;
	if (make_room(room, (size_t)count) < 0)
		return VT_NOMEM;
	out = get_days(&d, day, oldest, room->h, (size_t)count);
	if (out < 0)
		return VT_CORRUPT;
	rec->h = room->h + out;
	rec->h_count = (size_t)count - (size_t)out;
	return VT_OK;
}
