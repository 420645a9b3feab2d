/* Scan records put into blocks: see recordblock.h; they are read again by
 * recordblock_read.c. */
#include <endian.h>
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
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
	k->text = 0;
	k->bucket = k->tier = k->class_name = k->gaps = 0;
	k->generation = k->bucket_generation = k->seq = 0;
	k->mtime_ms = k->from_ms = k->to_ms = k->gaps_us = 0;
	k->gap_count = 0;
	k->covered_days = 0;
	k->key_len = 0;
}

size_t
vt_block_len(const struct vt_block *k)
{
	return k->bytes.len > 0 ? k->bytes.len - VT_BLOCK_HEADER : 0;
}

/* --- bytes ---------------------------------------------------------------- */

/* A time, as it is said. */
static inline int64_t
milliseconds(int64_t us)
{
	return us / 1000 - (us % 1000 < 0);
}

/* One that few have. */
static inline char *
put_time(char *p, int64_t us)
{
	return vt_packed_put_eight(p, (uint64_t)(milliseconds(us) * 1000));
}

static inline const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

static inline int
has_text(const char *s)
{
	return s != NULL && *s != '\0';
}

/* Most strings are empty. */
static inline size_t
length(const char *s)
{
	return has_text(s) ? strlen(s) : 0;
}

static inline char *
put_text(char *p, const char *s)
{
	return vt_packed_put_text(p, or_empty(s), length(s));
}

/* What two numbers are apart, as one without a sign. */
static inline uint64_t
apart(int64_t a, int64_t b)
{
	return vt_packed_fold((int64_t)((uint64_t)a - (uint64_t)b));
}

/* --- what is told of a record --------------------------------------------- */

/* What it begins with, and what was found out to make that. */
struct told {
	uint64_t head;		/* but for the bytes of numbers */
	unsigned more;
	char version[VERSION_BYTES];
	size_t shared, rest;	/* of the key */
	int64_t mtime_ms, last_ms;
	int64_t from_ms, to_ms;	/* covered */
	uint64_t beyond;	/* of covered_days: DAYS_NEAR */
};

/* Is the string that was put at `at` this one? */
static inline int
is_same(const struct vt_block *k, size_t at, const char *text)
{
	return at != 0 && strcmp(k->bytes.data + at, or_empty(text)) == 0;
}

/* Is there nothing of what few have? */
static inline int
is_plain(const struct vt_scan_record *r)
{
	return ((uint64_t)r->adopted | r->also_count | r->newer |
	    (uint64_t)r->noncurrent_since_us | (uint64_t)r->is_alone |
	    (uint64_t)r->retain_until_us | (uint64_t)r->legal_hold |
	    (uint64_t)r->pack) == 0 && !has_text(r->tags) &&
	    !has_text(r->upload) && !has_text(r->pin) && !has_text(r->lock);
}

static unsigned __attribute__((noinline))
few_of(const struct vt_scan_record *r)
{
	unsigned m = r->adopted ? IS_ADOPTED : 0;

	m |= r->also_count > 0 ? HAS_ALSO : 0;
	m |= r->noncurrent_since_us != 0 || r->newer != 0 ||
	    has_text(r->tags) || has_text(r->upload) ? HAS_RULED : 0;
	m |= r->is_alone ? IS_ALONE : 0;
	m |= has_text(r->pin) || has_text(r->lock) ||
	    r->retain_until_us != 0 ? HAS_BOUNDS : 0;
	m |= r->legal_hold ? HAS_HOLD : 0;
	return m | (r->pack != 0 ? HAS_PACK : 0);
}

static inline unsigned
more_of(const struct vt_block *k, const struct vt_scan_record *r)
{
	unsigned m = is_same(k, k->bucket, r->bucket) ? 0 : NEW_BUCKET;

	if (r->kind == VT_SCAN_BUCKET)
		return m | (r->has_min_bytes ? HAS_MIN_BYTES : 0);
	m |= is_same(k, k->tier, r->tier) ? 0 : NEW_TIER;
	m |= is_same(k, k->class_name, r->storage_class) ? 0 : NEW_CLASS;
	m |= r->generation != k->generation ||
	    r->bucket_generation != k->bucket_generation ? NEW_GENERATION : 0;
	return is_plain(r) ? m : m | few_of(r);
}

static inline uint64_t
eight_at(const char *p)
{
	uint64_t n;

	memcpy(&n, p, sizeof(n));
	return le64toh(n);
}

/* How many bytes two have in common, of `len`. */
static inline size_t
common(const char *a, const char *b, size_t len)
{
	uint64_t other;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		other = eight_at(a + i) ^ eight_at(b + i);
		if (other != 0)
			return i + (size_t)__builtin_ctzll(other) / 8;
	}
	while (i < len && a[i] == b[i])
		i++;
	return i;
}

static inline void
tell_names(const struct vt_block *k, const struct vt_scan_record *r,
    struct told *t)
{
	size_t len = length(r->version);

	if (len == (size_t)2 * VERSION_BYTES &&
	    vt_hex_decode_own(r->version, len, t->version) == 0)
		t->head |= HAS_VERSION;
	else if (len > 0)
		t->more |= TEXT_VERSION;
	t->shared = common(k->key, r->key, r->key_len < k->key_len ?
	    r->key_len : k->key_len);
	t->rest = r->key_len - t->shared;
	if (t->rest > REST_MAX) {
		t->more |= WHOLE_KEY;
		t->shared = t->rest = 0;
	}
	t->head |= (uint64_t)t->shared << SHARED_SHIFT |
	    (uint64_t)t->rest << REST_SHIFT;
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

/* They last so long, as they are said. */
static int64_t
sum_gaps(const struct vt_scan_record *r)
{
	const struct vt_heat_gap *g;
	uint64_t sum = 0;

	for (g = r->gaps; g < r->gaps + r->gap_count; g++)
		sum += (uint64_t)(g->length_us / 1000000 * 1000000);
	return (int64_t)sum;
}

/* How covered_days are told, when the rest of the covered time is. */
static inline unsigned
days_of(const struct vt_block *k, const struct vt_scan_record *r,
    struct told *t)
{
	double days = r->covered_days;
	int64_t n;

	if (days == k->covered_days)
		return DAYS_SAME;
	/* as vt-scan has them: whole billionths */
	if (!(days >= 0 && days < 4e6))
		return DAYS_TOLD;
	n = (int64_t)(days * 1e9 + 0.5);
	if ((double)n / 1e9 != days)
		return DAYS_TOLD;
	t->beyond = apart(n, billionths(t->from_ms, t->to_ms, k->gaps_us));
	return DAYS_NEAR;
}

/* What was told last of the time that is covered becomes this. */
static inline void
tell_covered(struct vt_block *k, const struct vt_scan_record *r,
    struct told *t)
{
	unsigned from = FROM_TOLD, days;

	t->from_ms = r->covered_from_us == r->mtime_us ? t->mtime_ms :
	    milliseconds(r->covered_from_us);
	t->to_ms = milliseconds(r->covered_to_us);
	if (t->from_ms == 0 && t->to_ms == 0 && r->gap_count == 0 &&
	    r->covered_days == 0) {
		t->head |= FROM_NOTHING << FROM_SHIFT;
		return;
	}
	if (k->gaps == 0 || k->to_ms != t->to_ms || !has_same_gaps(k, r)) {
		t->more |= NEW_COVERED;
		k->to_ms = t->to_ms;
		k->gaps_us = sum_gaps(r);
	}
	if (r->covered_from_us == r->mtime_us) {
		from = FROM_BIRTH;
	} else {
		from = k->from_ms == t->from_ms ? FROM_SAME : FROM_TOLD;
		k->from_ms = t->from_ms;
	}
	days = days_of(k, r, t);
	k->covered_days = r->covered_days;
	t->head |= from << FROM_SHIFT | days << DAYS_SHIFT;
}

/* --- putting it ----------------------------------------------------------- */

/* What a record takes at most, and its gaps once more to be compared. */
static size_t
most_bytes(const struct vt_scan_record *r, unsigned more)
{
	size_t n = 512, i;

	n += r->key_len + r->gap_count * 4 * VT_VARINT_MAX +
	    r->h_count * 5 * VT_VARINT_MAX;
	if (more == 0 && r->kind != VT_SCAN_BUCKET)
		return n;
	if (more & TEXT_VERSION)
		n += length(r->version);
	if (more & NEW_BUCKET)
		n += length(r->bucket);
	if (more & NEW_TIER)
		n += length(r->tier);
	if (more & NEW_CLASS)
		n += length(r->storage_class);
	if (more & HAS_RULED)
		n += length(r->tags) + length(r->upload);
	if (more & HAS_BOUNDS)
		n += length(r->pin) + length(r->lock);
	if (r->kind == VT_SCAN_BUCKET)
		n += r->lifecycle_len + length(r->versioning);
	for (i = 0; i < r->also_count; i++)
		n += strlen(r->also[i]) + VT_VARINT_MAX + 1;
	return n;
}

/* Of up to eight bytes, which `head` says: there is room for eight. */
static inline char *
put_number(char *p, uint64_t *head, unsigned shift, uint64_t n)
{
	/* one more than the highest bit, or 63, is set of these */
	uint64_t len = (uint64_t)(63 - __builtin_clzll(n | n << 1 | 1) + 7) / 8;

	*head |= len << shift;
	(void)vt_packed_put_eight(p, n);
	return p + len;
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
put_bucket(char *p, const struct vt_scan_record *r, unsigned more)
{
	p = vt_packed_put_signed(p, r->bucket_generation);
	p = put_text(p, r->versioning);
	p = put_time(p, r->at_us);
	p = vt_packed_put(p, (uint64_t)r->day_ms);
	if (more & HAS_MIN_BYTES)
		p = vt_packed_put(p, r->min_bytes);
	return vt_packed_put_text(p, or_empty(r->lifecycle), r->lifecycle_len);
}

/* Copy few bytes, mostly. */
static inline void
copy_few(char *to, const char *from, size_t len)
{
	uint64_t first, last;

	if (len < sizeof(first) || len > 2 * sizeof(first)) {
		memcpy(to, from, len);
		return;
	}
	memcpy(&first, from, sizeof(first));
	memcpy(&last, from + len - sizeof(last), sizeof(last));
	memcpy(to, &first, sizeof(first));
	memcpy(to + len - sizeof(last), &last, sizeof(last));
}

/* The rest of a key, which is also kept for the next to be compared with. */
static inline char *
put_rest(struct vt_block *k, char *p, const struct vt_scan_record *r,
    const struct told *t)
{
	k->key_len = r->key_len < VT_BLOCK_SHARED ? r->key_len :
	    VT_BLOCK_SHARED;
	copy_few(k->key + t->shared, r->key + t->shared,
	    k->key_len - t->shared);
	copy_few(p, r->key + t->shared, t->rest);
	return p + t->rest;
}

static char *
put_names(struct vt_block *k, char *p, const struct vt_scan_record *r,
    unsigned more)
{
	if (more & NEW_BUCKET)
		p = put_shared(k, p, r->bucket, &k->bucket);
	if (more & NEW_TIER)
		p = put_shared(k, p, r->tier, &k->tier);
	if (more & NEW_CLASS)
		p = put_shared(k, p, r->storage_class, &k->class_name);
	if (more & NEW_GENERATION) {
		p = vt_packed_put_signed(p, r->generation);
		p = vt_packed_put_signed(p, r->bucket_generation);
		k->generation = r->generation;
		k->bucket_generation = r->bucket_generation;
	}
	if (more & TEXT_VERSION)
		p = put_text(p, r->version);
	if (more & WHOLE_KEY)
		p = vt_packed_put_text(p, r->key, r->key_len);
	return p;
}

static char *
put_few(char *p, const struct vt_scan_record *r, unsigned more)
{
	size_t i;

	if (more & HAS_PACK) {
		p = vt_packed_put_signed(p, r->pack);
		p = vt_packed_put(p, r->pack_bytes);
		p = vt_packed_put_double(p, r->pack_dead);
	}
	if (more & HAS_ALSO) {
		p = vt_packed_put(p, r->also_count);
		for (i = 0; i < r->also_count; i++)
			p = put_text(p, r->also[i]);
	}
	if (more & HAS_RULED) {
		p = put_text(p, r->tags);
		p = put_text(p, r->upload);
		p = put_time(p, r->noncurrent_since_us);
		p = vt_packed_put(p, r->newer);
	}
	if (more & HAS_BOUNDS) {
		p = put_text(p, r->pin);
		p = put_text(p, r->lock);
		p = put_time(p, r->retain_until_us);
	}
	return p;
}

static char *
put_covered(struct vt_block *k, char *p, const struct vt_scan_record *r,
    const struct told *t)
{
	if (t->more & NEW_COVERED) {
		p = put_time(p, r->covered_to_us);
		p = vt_packed_put(p, r->gap_count);
		k->gaps = (size_t)(p - k->bytes.data);
		k->gap_count = r->gap_count;
		p = put_gaps(p, r);
	}
	if ((t->head >> FROM_SHIFT & 3) == FROM_TOLD)
		p = vt_packed_put(p, apart(t->to_ms, t->from_ms));
	return (t->head >> DAYS_SHIFT & 3) == DAYS_TOLD ?
	    vt_packed_put_double(p, r->covered_days) : p;
}

/* --- days ----------------------------------------------------------------- */

/* One that is not read whole and once, or lies far from the one before; *bytes
 * are those told last. */
static char * __attribute__((noinline))
put_day(char *p, const struct vt_heat_day *h, uint64_t size, uint64_t back,
    uint64_t *bytes)
{
	unsigned token;

	token = (h->last != h->day ? IS_SPAN : 0) |
	    (h->bytes != h->gets * size ? IS_PART : 0) |
	    (h->gets != 1 ? IS_MANY : 0);
	token |= (token & IS_PART) && h->bytes != *bytes ? IS_OTHER : 0;
	token |= (unsigned)(back < MANY_DAYS ? back : MANY_DAYS) << BACK_SHIFT;
	*p++ = (char)token;
	*p++ = (char)(token >> 8);
	if (back >= MANY_DAYS)
		p = vt_packed_put(p, back);
	if (token & IS_MANY)
		p = vt_packed_put(p, h->gets);
	if (token & IS_OTHER) {
		*bytes = h->bytes;
		p = vt_packed_put(p, h->bytes);
	}
	if (token & IS_SPAN) {
		p = vt_packed_put(p, h->days);
		p = vt_packed_put(p, (uint64_t)((int64_t)h->last - h->day));
	}
	return p;
}

/* From the newest to the oldest, so that the last ones are at hand; with their
 * length before, so that they can be left for later. */
static char *
put_days(char *p, const struct vt_scan_record *r, int64_t last_ms)
{
	const struct vt_heat_day *h = r->h + r->h_count;
	char *start = p + 1, len[VT_VARINT_MAX];
	uint64_t size = r->size_bytes, back, bytes = 0;
	int64_t day = (int64_t)h[-1].last + 1;
	uint16_t token;
	size_t n;

	p = vt_packed_put(start, r->h_count);
	p = vt_packed_put_signed(p, day - 1 -
	    last_day(last_ms * 1000));
	for (; h > r->h; day = h->day) {
		h--;
		back = (uint64_t)(day - h->last);
		if (h->gets == 1 && h->bytes == size && h->last == h->day &&
		    back < MANY_DAYS) {
			token = htole16((uint16_t)(back << BACK_SHIFT));
			memcpy(p, &token, sizeof(token));
			p += sizeof(token);
		} else {
			p = put_day(p, h, size, back, &bytes);
		}
	}
	/* room for a length of one byte was left, as most are */
	n = vt_varint_put(len, (size_t)(p - start));
	if (n > 1)
		memmove(start + n - 1, start, (size_t)(p - start));
	memcpy(start - 1, len, n);
	return p + n - 1;
}

/* --- adding a record ------------------------------------------------------ */

/* The eight numbers, whose lengths are told by the head. */
static inline char *
put_numbers(struct vt_block *k, char *p, const struct vt_scan_record *r,
    struct told *t)
{
	uint64_t head = t->head, last = 0, bytes = r->bytes_read;

	if (t->last_ms != 0)
		last = apart(t->to_ms, t->last_ms) + 1;
	if (bytes == r->reads * r->size_bytes) {
		head |= READ_WHOLE;
		bytes = 0;
	}
	p = put_number(p, &head, SIZE_SHIFT, r->size_bytes);
	p = put_number(p, &head, MTIME_SHIFT, apart(t->mtime_ms, k->mtime_ms));
	p = put_number(p, &head, SEQ_SHIFT, apart(r->seq, k->seq));
	p = put_number(p, &head, COPY_SHIFT, apart(r->copy, r->seq));
	p = put_number(p, &head, LAST_SHIFT, last);
	p = put_number(p, &head, READS_SHIFT, r->reads);
	p = put_number(p, &head, BYTES_SHIFT, bytes);
	p = put_number(p, &head, BEYOND_SHIFT, t->beyond);
	t->head = head;
	k->mtime_ms = t->mtime_ms;
	k->seq = r->seq;
	return p;
}

static inline void
tell_flags(const struct vt_scan_record *r, struct told *t)
{
	t->head |= t->more != 0 ? HAS_MORE : 0;
	t->head |= r->is_current ? IS_CURRENT : 0;
	t->head |= r->is_ruled ? IS_RULED : 0;
	t->head |= r->copy_since_us == r->mtime_us ? CAME_AT_BIRTH : 0;
	t->head |= r->stored_bytes == r->size_bytes ? STORED_PLAIN : 0;
	t->head |= r->r30 != 0 || r->r90 != 0 ? HAS_RECENT : 0;
	t->head |= r->h_count > 0 ? HAS_HEAT : 0;
}

static inline char *
put_more(char *p, unsigned more)
{
	uint16_t n = htole16((uint16_t)more);

	memcpy(p, &n, sizeof(n));
	return more != 0 ? p + sizeof(n) : p;
}

/* A record of anything but a bucket, whose names are told. */
static char *
put_version(struct vt_block *k, char *start, const struct vt_scan_record *r,
    struct told *t)
{
	char *p = start + sizeof(t->head);

	t->mtime_ms = milliseconds(r->mtime_us);
	t->last_ms = milliseconds(r->last_read_us);
	tell_covered(k, r, t);
	tell_flags(r, t);
	p = put_more(p, t->more);
	p = put_numbers(k, p, r, t);
	(void)vt_packed_put_eight(start, t->head);
	if (t->head & HAS_VERSION) {
		memcpy(p, t->version, VERSION_BYTES);
		p += VERSION_BYTES;
	}
	p = put_rest(k, p, r, t);
	if (t->more != 0)
		p = put_names(k, p, r, t->more);
	if (!(t->head & CAME_AT_BIRTH))
		p = vt_packed_put(p, apart(milliseconds(r->copy_since_us),
		    k->mtime_ms));
	if (!(t->head & STORED_PLAIN))
		p = vt_packed_put(p, r->stored_bytes);
	if (t->head & HAS_RECENT) {
		p = vt_packed_put(p, r->r30);
		p = vt_packed_put(p, r->r90);
	}
	if (t->more != 0)
		p = put_few(p, r, t->more);
	p = put_covered(k, p, r, t);
	return t->head & HAS_HEAT ? put_days(p, r, t->last_ms) : p;
}

int
vt_block_add(struct vt_block *k, const struct vt_scan_record *r)
{
	struct told t;
	size_t text;
	char *p;

	if (k->bytes.len == 0) {
		if (vt_buf_reserve(&k->bytes, VT_BLOCK_HEADER) == NULL)
			return -1;
		k->bytes.len = VT_BLOCK_HEADER;
	}
	t.head = (uint64_t)r->kind;
	t.more = more_of(k, r);
	t.beyond = 0;
	text = k->text;
	if (r->kind != VT_SCAN_BUCKET) {
		tell_names(k, r, &t);
		text += TEXT_OF(t.shared + t.rest);
	}
	p = vt_buf_reserve(&k->bytes, most_bytes(r, t.more));
	if (p == NULL || text > TEXT_MAX)
		return -1;
	k->text = text;
	if (r->kind == VT_SCAN_BUCKET) {
		t.head |= t.more != 0 ? HAS_MORE : 0;
		p = vt_packed_put_eight(p, t.head);
		p = put_more(p, t.more);
		if (t.more & NEW_BUCKET)
			p = put_shared(k, p, r->bucket, &k->bucket);
		p = put_bucket(p, r, t.more);
	} else {
		p = put_version(k, p, r, &t);
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
	p = vt_packed_put_eight(p, before);
	(void)vt_packed_put_eight(p, crc_of(k->bytes.data, len));
	return 0;
}

/* Where a header's eight bytes are. */
#define AT_LEN 8
#define AT_COUNT 12
#define AT_BEFORE 16
#define AT_CRC 24

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
