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
#include "libvt/base/hex.h"
#include "libvt/base/packed.h"

#include "libvt/proto/recordblock.h"
#include "libvt/proto/recordblock_internal.h"

/* Times of lines have four digits for a year. */
#define TIME_MIN_MS INT64_C(-100000000000000)
#define TIME_MAX_MS INT64_C(300000000000000)
#define GAP_MAX_S INT64_C(1000000000000)
/* Days beyond these are no dates, and would overflow sums. */
#define DAY_MIN (-1000000)
#define DAY_MAX 10000000

#define LISTS_MAX ((size_t)16 * VT_BLOCK_MAX)

static const char nothing[VT_BLOCK_BEHIND];

/* --- memory for keys and versions ----------------------------------------- */

/* What is at hand at least for those of a record. */
#define TEXT_ROOM ((size_t)1024)
#define TEXT_CHUNK ((size_t)64 << 10)

struct vt_block_text {
	struct vt_block_text *next;
	char data[TEXT_CHUNK];
};

/* On to more of it, which may be there from a block before.  -1: no memory. */
static int __attribute__((noinline))
more_text(struct vt_block_reader *r)
{
	struct vt_block_text **next = r->text != NULL ? &r->text->next :
	    &r->first;

	if (*next == NULL) {
		*next = malloc(sizeof(**next));
		if (*next == NULL)
			return -1;
		(*next)->next = NULL;
	}
	r->text = *next;
	r->at = r->text->data;
	return 0;
}

static inline int
make_text(struct vt_block_reader *r)
{
	if ((size_t)(r->text->data + TEXT_CHUNK - r->at) >= TEXT_ROOM)
		return 0;
	return more_text(r);
}

/* --- a block -------------------------------------------------------------- */

int
vt_block_reader_init(struct vt_block_reader *r)
{
	memset(r, 0, sizeof(*r));
	r->lists = vt_arena_new(LISTS_MAX);
	if (r->lists == NULL)
		return -1;
	if (more_text(r) < 0) {
		vt_block_reader_release(r);
		return -1;
	}
	vt_block_open(r, nothing, 0);
	return 0;
}

void
vt_block_reader_release(struct vt_block_reader *r)
{
	struct vt_block_text *t, *next;

	vt_arena_free(r->lists);
	for (t = r->first; t != NULL; t = next) {
		next = t->next;
		free(t);
	}
	memset(r, 0, sizeof(*r));
}

void
vt_block_open(struct vt_block_reader *r, const char *records, size_t len)
{
	vt_arena_reset(r->lists);
	r->text = r->first;
	r->at = r->text->data;
	vt_block_follow(r, records, len);
}

void
vt_block_follow(struct vt_block_reader *r, const char *records, size_t len)
{
	r->in.p = records;
	r->in.end = records + len;
	r->in.failed = 0;
	r->text_len = 0;
	r->bucket = r->tier = r->class_name = "";
	r->key = nothing;
	r->key_len = 0;
	r->generation = r->bucket_generation = r->seq = 0;
	r->mtime_ms = r->from_ms = r->to_ms = r->gaps_us = 0;
	r->gaps = NULL;
	r->gap_count = 0;
	r->covered_days = 0;
}

/* --- bytes ---------------------------------------------------------------- */

/* What is wrong makes all that is read after it nothing: one look at the end of
 * a record tells. */
static void __attribute__((noinline, cold))
is_wrong(struct vt_block_reader *r)
{
	r->in.failed = 1;
}

static inline unsigned
two_at(const char *p)
{
	uint16_t n;

	memcpy(&n, p, sizeof(n));
	return le16toh(n);
}

static inline uint64_t
number(struct vt_exact *in)
{
	return vt_packed_get_within(in, VT_BLOCK_BEHIND);
}

static inline int64_t
number_signed(struct vt_exact *in)
{
	return vt_packed_unfold(number(in));
}

/* `b` that is `apart` from it. */
static inline int64_t
beside(int64_t b, uint64_t apart)
{
	return (int64_t)((uint64_t)b + (uint64_t)vt_packed_unfold(apart));
}

/* What is no time becomes 0, and so does a fraction beyond its limits. */
static inline int64_t
time_of(struct vt_block_reader *r, int64_t ms)
{
	if (ms >= TIME_MIN_MS && ms <= TIME_MAX_MS)
		return ms;
	is_wrong(r);
	return 0;
}

static int64_t
get_time(struct vt_block_reader *r)
{
	int64_t us = (int64_t)vt_exact_get(&r->in);

	return time_of(r, us / 1000) * 1000;
}

static double
get_double(struct vt_block_reader *r, double max)
{
	double d = vt_exact_get_double(&r->in);

	if (d >= 0 && d <= max)
		return d;
	is_wrong(r);
	return 0;
}

static inline const char *
get_text(struct vt_block_reader *r, size_t *len)
{
	return vt_packed_get_text(&r->in, len);
}

/* Numbers of up to eight bytes, whose lengths the head tells. */
struct numbers {
	const char *p;
	uint64_t head;
};

static inline uint64_t
get_number(struct numbers *n, unsigned shift)
{
	static const uint64_t bits[16] = {
		0, 0xff, 0xffff, 0xffffff, UINT64_C(0xffffffff),
		UINT64_C(0xffffffffff), UINT64_C(0xffffffffffff),
		UINT64_C(0xffffffffffffff), UINT64_MAX
	};
	unsigned len = n->head >> shift & 15;
	uint64_t v;

	memcpy(&v, n->p, sizeof(v));
	n->p += len;
	return le64toh(v) & bits[len];
}

/* --- a record ------------------------------------------------------------- */

static void
get_bucket(struct vt_block_reader *r, struct vt_scan_record *o, unsigned more)
{
	uint64_t day_ms;

	o->key = o->version = o->tier = o->storage_class = "";
	o->pin = o->lock = "";
	o->bucket_generation = number_signed(&r->in);
	o->versioning = get_text(r, NULL);
	o->at_us = get_time(r);
	day_ms = number(&r->in);
	if (day_ms > 86400000)
		is_wrong(r);
	o->day_ms = (int64_t)day_ms;
	o->has_min_bytes = (more & HAS_MIN_BYTES) != 0;
	if (more & HAS_MIN_BYTES)
		o->min_bytes = number(&r->in);
	o->lifecycle = get_text(r, &o->lifecycle_len);
}

/* Copy `len` bytes, by whole pieces of which there must be room on both
 * sides. */
#define PIECE 32
static inline void
copy_pieces(char *to, const char *from, size_t len)
{
	char piece[PIECE];
	size_t i;

	for (i = 0; i < len; i += PIECE) {
		memcpy(piece, from + i, PIECE);
		memcpy(to + i, piece, PIECE);
	}
}

/* The key and a version of ours, put together again.  The pieces end in what
 * may be read behind the block, and in the room that there is. */
static inline void
get_key(struct vt_block_reader *r, struct vt_scan_record *o, uint64_t head)
{
	size_t shared = head >> SHARED_SHIFT & 0xff;
	size_t rest = head >> REST_SHIFT & 0xff;
	char *to = r->at;

	o->version = "";
	if (head & HAS_VERSION) {
		vt_hex_encode(r->in.p, VERSION_BYTES, to);
		r->in.p += VERSION_BYTES;
		o->version = to;
		to += 2 * VERSION_BYTES + 1;
	}
	if (shared > r->key_len ||
	    (ptrdiff_t)rest > r->in.end - r->in.p) {
		is_wrong(r);
		shared = rest = 0;
		r->in.p = r->in.end;
	}
	copy_pieces(to, r->key, shared);
	copy_pieces(to + shared, r->in.p, rest);
	r->in.p += rest;
	o->key = r->key = to;
	o->key_len = r->key_len = shared + rest;
	to += shared + rest;
	*to++ = '\0';
	r->at = to;
	r->text_len += TEXT_OF(shared + rest);
	if (r->text_len > TEXT_MAX)
		is_wrong(r);
}

static void
get_names(struct vt_block_reader *r, struct vt_scan_record *o, unsigned more)
{
	if (more & NEW_BUCKET)
		r->bucket = get_text(r, NULL);
	if (more & NEW_TIER)
		r->tier = get_text(r, NULL);
	if (more & NEW_CLASS)
		r->class_name = get_text(r, NULL);
	if (more & NEW_GENERATION) {
		r->generation = number_signed(&r->in);
		r->bucket_generation = number_signed(&r->in);
	}
	if (more & TEXT_VERSION)
		o->version = get_text(r, NULL);
	if (more & WHOLE_KEY) {
		o->key = r->key = get_text(r, &r->key_len);
		o->key_len = r->key_len;
	}
}

/* -1: no memory. */
static int
get_also(struct vt_block_reader *r, struct vt_scan_record *o)
{
	uint64_t count = number(&r->in);
	const char **also;
	size_t i;

	/* each takes two bytes at least */
	if (count > (size_t)(r->in.end - r->in.p) / 2) {
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

/* -1: no memory. */
static int
get_few(struct vt_block_reader *r, struct vt_scan_record *o, unsigned more)
{
	uint64_t newer;

	o->adopted = (more & IS_ADOPTED) != 0;
	o->is_alone = (more & IS_ALONE) != 0;
	o->legal_hold = (more & HAS_HOLD) != 0;
	if (more & HAS_PACK) {
		o->pack = number_signed(&r->in);
		o->pack_bytes = number(&r->in);
		o->pack_dead = get_double(r, 1);
		if (o->pack == 0)
			is_wrong(r);
	}
	if ((more & HAS_ALSO) && get_also(r, o) < 0)
		return -1;
	if (more & HAS_RULED) {
		o->tags = get_text(r, NULL);
		o->upload = get_text(r, NULL);
		o->noncurrent_since_us = get_time(r);
		newer = number(&r->in);
		o->newer = newer < UINT32_MAX ? (uint32_t)newer : UINT32_MAX;
	}
	if (more & HAS_BOUNDS) {
		o->pin = get_text(r, NULL);
		o->lock = get_text(r, NULL);
		o->retain_until_us = get_time(r);
	}
	return 0;
}

/* The end of the covered time, and the gaps in it.  -1: no memory. */
static int
get_covered(struct vt_block_reader *r)
{
	struct vt_heat_gap *gaps;
	uint64_t count, from, len, before = 0, sum = 0;
	size_t i;

	r->to_ms = get_time(r) / 1000;
	count = number(&r->in);
	r->gaps = NULL;
	r->gap_count = 0;
	r->gaps_us = 0;
	if (count > (size_t)(r->in.end - r->in.p) / 2) {
		is_wrong(r);
		return 0;
	}
	if (count == 0)
		return 0;
	gaps = vt_arena_alloc(r->lists, (size_t)count * sizeof(*gaps));
	if (gaps == NULL)
		return -1;
	for (i = 0; i < count; i++) {
		from = number(&r->in);
		len = number(&r->in);
		if (from > GAP_MAX_S || len > GAP_MAX_S || from < before) {
			is_wrong(r);
			return 0;
		}
		gaps[i].from_us = (int64_t)from * 1000000;
		gaps[i].length_us = (int64_t)len * 1000000;
		sum += len * 1000000;
		before = from + len;
	}
	r->gaps = gaps;
	r->gap_count = (size_t)count;
	r->gaps_us = (int64_t)sum;
	return 0;
}

/* The rest of what is covered, of which the end is known. */
static inline void
get_days_covered(struct vt_block_reader *r, struct vt_scan_record *o,
    uint64_t head, uint64_t beyond)
{
	int64_t ms = r->mtime_ms;
	double days = r->covered_days;
	int64_t n;

	switch (head >> FROM_SHIFT & 3) {
	case FROM_NOTHING:
		return;
	case FROM_TOLD:
		ms = r->from_ms = time_of(r, (int64_t)((uint64_t)r->to_ms -
		    (uint64_t)number_signed(&r->in)));
		break;
	case FROM_SAME:
		ms = r->from_ms;
		break;
	}
	switch (head >> DAYS_SHIFT & 3) {
	case DAYS_NEAR:
		n = beside(billionths(ms, r->to_ms, r->gaps_us), beyond);
		if (n < 0) {
			is_wrong(r);
			n = 0;
		}
		days = (double)n / 1e9;
		break;
	case DAYS_TOLD:
		days = get_double(r, DBL_MAX);
		break;
	}
	r->covered_days = o->covered_days = days;
	o->covered_from_us = ms * 1000;
	o->covered_to_us = r->to_ms * 1000;
	o->gap_count = r->gap_count;
	o->gaps = r->gaps;
	if (o->kind == VT_SCAN_VERSION && r->to_ms < ms)
		is_wrong(r);
}

/* Days are left as they are, to be looked at when they are asked for. */
static inline void
get_packed(struct vt_block_reader *r, struct vt_scan_record *o)
{
	uint64_t len = number(&r->in);

	if (len > (size_t)(r->in.end - r->in.p)) {
		is_wrong(r);
		return;
	}
	o->packed_days = r->in.p;
	o->packed_len = (size_t)len;
	r->in.p += len;
}

/* What is behind the numbers.  -1: no memory. */
static inline int
get_rest(struct vt_block_reader *r, struct vt_scan_record *o, uint64_t head,
    unsigned more)
{
	get_key(r, o, head);
	if (more != 0)
		get_names(r, o, more);
	o->bucket = r->bucket;
	o->tier = r->tier;
	o->storage_class = r->class_name;
	o->generation = r->generation;
	o->bucket_generation = r->bucket_generation;
	o->copy_since_us = o->mtime_us;
	if (!(head & CAME_AT_BIRTH))
		o->copy_since_us = time_of(r, beside(r->mtime_ms,
		    number(&r->in))) * 1000;
	o->stored_bytes = head & STORED_PLAIN ? o->size_bytes :
	    number(&r->in);
	if (head & HAS_RECENT) {
		o->r30 = number(&r->in);
		o->r90 = number(&r->in);
	}
	if (more == 0)
		return 0;
	if (get_few(r, o, more) < 0)
		return -1;
	return more & NEW_COVERED ? get_covered(r) : 0;
}

/* -1: no memory. */
static inline int
get_version(struct vt_block_reader *r, struct vt_scan_record *o,
    uint64_t head, unsigned more)
{
	struct numbers n = { r->in.p, head };
	uint64_t last, bytes, beyond;

	if (make_text(r) < 0)
		return -1;
	o->is_current = (head & IS_CURRENT) != 0;
	o->is_ruled = (head & IS_RULED) != 0;
	o->tags = o->upload = o->pin = o->lock = "";
	o->size_bytes = get_number(&n, SIZE_SHIFT);
	r->mtime_ms = time_of(r, beside(r->mtime_ms,
	    get_number(&n, MTIME_SHIFT)));
	o->mtime_us = r->mtime_ms * 1000;
	o->seq = r->seq = beside(r->seq, get_number(&n, SEQ_SHIFT));
	o->copy = beside(o->seq, get_number(&n, COPY_SHIFT));
	last = get_number(&n, LAST_SHIFT);
	o->reads = get_number(&n, READS_SHIFT);
	bytes = get_number(&n, BYTES_SHIFT);
	o->bytes_read = head & READ_WHOLE ? o->reads * o->size_bytes : bytes;
	beyond = get_number(&n, BEYOND_SHIFT);
	r->in.p = n.p;
	if (get_rest(r, o, head, more) < 0)
		return -1;
	get_days_covered(r, o, head, beyond);
	if (last != 0)
		o->last_read_us = time_of(r, (int64_t)((uint64_t)
		    (o->covered_to_us / 1000) - (uint64_t)
		    vt_packed_unfold(last - 1))) * 1000;
	if (head & HAS_HEAT)
		get_packed(r, o);
	return 0;
}

/* Is a number to be of more than eight bytes? */
static inline int
is_long(uint64_t head)
{
	const uint64_t eights = UINT64_C(0x8888888800000000);

	return (((head & eights) >> 3) * 7 & head) != 0;
}

enum vt_code
vt_block_next(struct vt_block_reader *r, struct vt_scan_record *o)
{
	unsigned more = 0;
	uint64_t head;
	int rc = 0;

	if (r->in.p >= r->in.end)
		return r->in.failed ? VT_CORRUPT : VT_ABSENT;
	/* what it begins with ends in what may be read behind the block */
	memcpy(&head, r->in.p, sizeof(head));
	head = le64toh(head);
	r->in.p += sizeof(head);
	if (head & HAS_MORE) {
		more = two_at(r->in.p);
		r->in.p += 2;
	}
	vt_clear(o);
	o->kind = (enum vt_scan_kind)(head & KIND);
	if (r->in.p > r->in.end || is_long(head) ||
	    (head & 0xffff) > ALL_FLAGS || more > ALL_MORE) {
		is_wrong(r);
	} else if (o->kind != VT_SCAN_BUCKET) {
		rc = get_version(r, o, head, more);
	} else {
		if (more & NEW_BUCKET)
			r->bucket = get_text(r, NULL);
		o->bucket = r->bucket;
		get_bucket(r, o, more);
	}
	if (rc < 0)
		return VT_NOMEM;
	if (!r->in.failed && r->in.p <= r->in.end)
		return VT_OK;
	r->in.failed = 1;
	r->in.p = r->in.end;
	return VT_CORRUPT;
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
	struct vt_exact in;
	uint64_t bytes[2];	/* of a read: the size, or as told last */
};

/* Days before the one told before it that a token does not hold, or that are
 * not there: none are of one day.  UINT64_MAX: it is no day. */
static uint64_t __attribute__((noinline))
get_back(struct days *d, uint64_t back)
{
	if (back == MANY_DAYS)
		back = number(&d->in);
	return back > 0 && back <= DAY_MAX - DAY_MIN ? back : UINT64_MAX;
}

/* What is told of a day beside its token, and of `h` not known by that.  0; -1:
 * it is no day. */
static int __attribute__((noinline))
get_told(struct days *d, unsigned token, struct vt_heat_day *h)
{
	uint64_t days, back;

	if (token & IS_MANY) {
		h->gets = number(&d->in);
		if (!(token & IS_PART))
			h->bytes = h->gets * d->bytes[0];
	}
	if (token & IS_OTHER)
		h->bytes = d->bytes[1] = number(&d->in);
	if (token & IS_SPAN) {
		days = number(&d->in);
		back = number(&d->in);
		if (back > DAY_MAX || days < 1 || days > back + 1)
			return -1;
		h->days = (uint32_t)days;
		h->day = h->last - (int32_t)back;
	}
	return 0;
}

/* Days from the newest one, before which lie `day`, back to `oldest`, into `h`
 * from its end: how many are left out; -1: they are no days. */
static inline ssize_t
get_days(struct days *d, int64_t day, int64_t oldest, struct vt_heat_day *first,
    size_t count)
{
	const char *p = d->in.p, *end = d->in.end;
	struct vt_heat_day *h = first + count;
	uint64_t back;
	unsigned token;

	while (h > first) {
		if (p + sizeof(uint16_t) > end)
			return -1;
		token = two_at(p);
		p += sizeof(uint16_t);
		back = token >> BACK_SHIFT;
		if (back - 1 >= MANY_DAYS - 1) {
			d->in.p = p;
			back = get_back(d, back);
			if (back == UINT64_MAX)
				return -1;
			p = d->in.p;
		}
		day -= (int64_t)back;
		if (day < oldest)
			break;
		h--;
		h->day = h->last = (int32_t)day;
		h->days = 1;
		h->gets = 1;
		h->bytes = d->bytes[(token & IS_PART) != 0];
		if (token & (IS_SPAN | IS_MANY | IS_OTHER)) {
			d->in.p = p;
			if (day < DAY_MIN || get_told(d, token, h) < 0)
				return -1;
			p = d->in.p;
			day = h->day;
		}
	}
	return day < DAY_MIN || d->in.failed ? -1 : h - first;
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
	d.in.p = rec->packed_days;
	d.in.end = d.in.p + rec->packed_len;
	d.in.failed = 0;
	d.bytes[0] = rec->size_bytes;
	d.bytes[1] = 0;
	count = number(&d.in);
	day = (int64_t)((uint64_t)last_day(rec->last_read_us) +
	    (uint64_t)vt_packed_unfold(number(&d.in)));
	if (count > rec->packed_len / sizeof(uint16_t) || day < DAY_MIN ||
	    day > DAY_MAX)
		return VT_CORRUPT;
	if (count == 0)
		return d.in.failed ? VT_CORRUPT : VT_OK;
	if (within < DAY_MAX - DAY_MIN)
		oldest = day - (int64_t)within;
	day++;
	if (make_room(room, (size_t)count) < 0)
		return VT_NOMEM;
	out = get_days(&d, day, oldest, room->h, (size_t)count);
	if (out < 0)
		return VT_CORRUPT;
	rec->h = room->h + out;
	rec->h_count = (size_t)count - (size_t)out;
	return VT_OK;
}
