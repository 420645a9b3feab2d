/*
 * Scan records of blocks: see recordblock.h.  A block may be anybody's:
 * whatever its bytes are, nothing beyond them is read but what may be read
 * there, and no time or day comes out that would overflow sums.
 */
#include <sys/types.h>

#include <endian.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/clear.h"
#include "libvt/base/varint.h"

#include "libvt/proto/recordblock.h"
#include "libvt/proto/recordblock_internal.h"

/* Times of lines have four digits for a year. */
#define TIME_MIN INT64_C(-100000000000000000)
#define TIME_MAX INT64_C(300000000000000000)
#define GAP_MAX_S INT64_C(1000000000000)
/* Days beyond these are no dates, and would overflow sums. */
#define DAY_MIN (-1000000)
#define DAY_MAX 10000000

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
	vt_arena_reset(r->lists);
	vt_block_follow(r, records, len);
}

void
vt_block_follow(struct vt_block_reader *r, const char *records, size_t len)
{
	r->p = records;
	r->end = records + len;
	r->is_bad = 0;
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
