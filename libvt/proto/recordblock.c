/* Scan records put into blocks: see recordblock.h; they are read again by
 * recordblock_read.c. */
#include <endian.h>
#include <math.h>
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/base/packed.h"

#include "libvt/proto/recordblock.h"
#include "libvt/proto/recordblock_internal.h"

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

/* From the newest to the oldest, so that the last ones are at hand; with their
 * length before, so that they can be left for later. */
static char *
put_days(char *p, const struct vt_scan_record *r)
{
	const struct vt_heat_day *h;
	char *start = p + sizeof(uint32_t);
	int64_t day = r->h[r->h_count - 1].last;
	uint64_t days, bytes = 0;
	uint16_t token;
	uint32_t len;
	size_t i;

	p = vt_packed_put(start, r->h_count);
	p = vt_packed_put_signed(p, day);
	for (i = r->h_count; i > 0; i--, day = h->day) {
		h = &r->h[i - 1];
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
