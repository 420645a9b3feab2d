/*
 * The lines of versions, read and written as vt-scan writes them: their fields
 * in order, no spaces, no escapes; and those of moves, written.  Ten million of
 * them go from vt-scan to vt-plan, so nothing is looked up and nothing
 * converted twice.  Whatever is otherwise goes the plain way: see
 * records_internal.h.
 */
#include <endian.h>
#include <math.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "libvt/base/clear.h"
#include "libvt/base/clock.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/num.h"

#include "libvt/proto/records_internal.h"

/* --- reading -------------------------------------------------------------- */

/* The line, cut into strings where they end: where a quote was there is a
 * NUL. */
struct quick {
	char *p, *end;
	struct vt_arena *a;
	int odd;		/* sticks: this line goes the plain way */
	const char *time;	/* the first: most lines have it again */
	int64_t time_us;
};

static inline int
step(struct quick *q, const char *text, size_t len)
{
	if ((size_t)(q->end - q->p) < len || memcmp(q->p, text, len) != 0)
		return 0;
	q->p += len;
	return 1;
}

/* Step over these bytes if they come next. */
#define IS(q, text) step(q, text, sizeof(text) - 1)
/* They must. */
#define MUST(q, text) do { if (!IS(q, text)) (q)->odd = 1; } while (0)

/* A string behind its first quote. */
static inline const char *
text(struct quick *q, size_t *len)
{
	char *start = q->p;
	char *stop = start + (vt_json_plain_end(start, q->end) - start);

	if (stop == q->end || *stop != '"') {
		q->odd = 1;
		return "";
	}
	*stop = '\0';
	q->p = stop + 1;
	if (len != NULL)
		*len = (size_t)(stop - start);
	return start;
}

/* Each byte of eight, at once. */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight digits, the first of them in the lowest byte; a byte of 0 is one as
 * well.  Neighbours are put together: pairs, then fours, then all. */
static inline uint64_t
eight_digits(uint64_t v)
{
	v = (v & EACH(0x0f)) * (1 + (10 << 8)) >> 8;
	v = (v & UINT64_C(0x00ff00ff00ff00ff)) * (1 + (100 << 16)) >> 16;
	return (v & UINT64_C(0x0000ffff0000ffff)) *
	    (1 + (UINT64_C(10000) << 32)) >> 32;
}

/* At most 18 digits, which no sum overflows; no sign, no leading zero.  What
 * is behind the line is no digit. */
static inline uint64_t
natural(struct quick *q)
{
	const char *p = q->p;
	uint64_t v, other, n = 0;
	unsigned digit, len = 0;

	memcpy(&v, p, 8);
	v = le64toh(v);
	/* the high bit of the first byte that is none of '0' to '9' */
	other = ((v + EACH(0x46)) | (v - EACH(0x30))) & EACH(0x80);
	if (other != 0) {
		len = (unsigned)__builtin_ctzll(other) >> 3;
		if (len > 0)
			n = eight_digits(v << (64 - 8 * len));
	} else {
		n = eight_digits(v);
		len = 8;
		while ((digit = (unsigned)(uint8_t)p[len] - '0') < 10 &&
		    len < 19) {
			n = n * 10 + digit;
			len++;
		}
	}
	if (len == 0 || len > 18 || (*p == '0' && len > 1))
		q->odd = 1;
	q->p += len;
	return n;
}

static int64_t
when(struct quick *q)
{
	const char *start = q->p;
	int64_t us;

	if (q->end - start < 25 || start[24] != '"') {
		q->odd = 1;
		return 0;
	}
	if (q->time != NULL && memcmp(start, q->time, 24) == 0) {
		q->p += 25;
		return q->time_us;
	}
	if (vt_time_parse_rfc3339(start, 24, &us) < 0) {
		q->odd = 1;
		return 0;
	}
	q->p += 25;
	if (q->time == NULL) {
		q->time = start;
		q->time_us = us;
	}
	return us;
}

/* A time that is the same in most lines, or in all: read anew when it
 * changes. */
struct known_time {
	char text[24];		/* "": none yet */
	int64_t us;
};

static int64_t
when_known(struct quick *q, struct known_time *k)
{
	const char *start = q->p;
	int64_t us;

	if (*k->text != '\0' && q->end - start >= 25 && start[24] == '"' &&
	    memcmp(start, k->text, 24) == 0) {
		q->p += 25;
		return k->us;
	}
	us = when(q);
	/* not one that is the version's own */
	if (!q->odd && us != q->time_us) {
		memcpy(k->text, start, 24);
		k->us = us;
	}
	return us;
}

static int
truth(struct quick *q)
{
	int yes = IS(q, "true");

	if (!yes)
		MUST(q, "false");
	return yes;
}

/* The digits behind a point, nine at most: how many, and in *n their value;
 * 0: there are none or more. */
static inline unsigned
decimals(const char *p, uint64_t *n)
{
	uint64_t v, other;
	unsigned len = 8, digit;

	memcpy(&v, p, 8);
	v = le64toh(v);
	other = ((v + EACH(0x46)) | (v - EACH(0x30))) & EACH(0x80);
	if (other != 0) {
		len = (unsigned)__builtin_ctzll(other) >> 3;
		*n = len > 0 ? eight_digits(v << (64 - 8 * len)) : 0;
		return len;
	}
	*n = eight_digits(v);
	digit = (unsigned)(uint8_t)p[8] - '0';
	if (digit > 9)
		return len;
	*n = *n * 10 + digit;
	return (unsigned)(uint8_t)p[9] - '0' > 9 ? 9 : 0;
}

static double
number(struct quick *q)
{
	static const uint64_t ten[] = { 1, 10, 100, 1000, 10000, 100000,
		1000000, 10000000, 100000000, 1000000000 };
	char *start = q->p;
	uint64_t n, part;
	double d = 0;
	unsigned len;

	/* mostly whole days */
	n = natural(q);
	if (*q->p == ',' || *q->p == '}')
		return (double)n;
	/* fifteen digits over a power of ten, both exact: one rounding */
	if (*q->p == '.' && n < 1000000 &&
	    (len = decimals(q->p + 1, &part)) > 0 &&
	    (q->p[len + 1] == ',' || q->p[len + 1] == '}')) {
		q->p += len + 1;
		return (double)(n * ten[len] + part) / (double)ten[len];
	}
	q->p = start;
	while ((*q->p >= '0' && *q->p <= '9') || *q->p == '.')
		q->p++;
	if (vt_num_scan_double(start, (size_t)(q->p - start), &d) < 0)
		q->odd = 1;
	return d;
}

/* The numbers of a row behind its '[', up to its ']': how many.  One alone has
 * no brackets. */
static inline int
row(struct quick *q, int64_t n[5])
{
	int count = 0;

	for (;;) {
		n[count++] = (int64_t)natural(q);
		if (*q->p != ',' || count == 5 || q->odd)
			break;
		q->p++;
	}
	if (*q->p == ']' && count > 1)
		q->p++;
	else
		q->odd = 1;
	return count;
}

#ifdef __SSE2__
/* The bytes of 32 that are no digits, a bit for each. */
static inline uint32_t
others(const char *p)
{
	const __m128i zero = _mm_set1_epi8('0'), nine = _mm_set1_epi8(9);
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(p + 16));

	/* taken from '0' on, unsigned, no digit is over 9 */
	a = _mm_sub_epi8(a, zero);
	b = _mm_sub_epi8(b, zero);
	a = _mm_cmpeq_epi8(_mm_min_epu8(a, nine), a);
	b = _mm_cmpeq_epi8(_mm_min_epu8(b, nine), b);
	return ~((uint32_t)_mm_movemask_epi8(a) |
	    (uint32_t)_mm_movemask_epi8(b) << 16);
}

/* Up to eight digits; without zeros in front, or 0: else -1. */
static inline int64_t
short_number(const char *p, unsigned len)
{
	uint64_t v;

	if (len == 1)
		return *p - '0';
	if (len - 1 > 7 || *p == '0')
		return -1;
	memcpy(&v, p, 8);
	return (int64_t)eight_digits(v << (64 - 8 * len));
}

/* Three short numbers behind a '[', up to its ']', whose ends are found all at
 * once: as most rows of days are.  3, or 0: another row. */
static inline int
short_row(struct quick *q, int64_t n[5])
{
	const char *p = q->p;
	uint32_t ends = others(p);
	unsigned a, b, c;

	a = (unsigned)__builtin_ctz(ends | 1u << 31);
	ends &= ends - 1;
	b = (unsigned)__builtin_ctz(ends | 1u << 31);
	ends &= ends - 1;
	c = (unsigned)__builtin_ctz(ends | 1u << 31);
	if (p[a] != ',' || p[b] != ',' || p[c] != ']' || b <= a || c <= b)
		return 0;
	n[0] = short_number(p, a);
	n[1] = short_number(p + a + 1, b - a - 1);
	n[2] = short_number(p + b + 1, c - b - 1);
	if ((n[0] | n[1] | n[2]) < 0)
		return 0;
	q->p += c + 1;
	return 3;
}
#else
#define short_row(q, n) 0
#endif

/* The numbers of a row, in brackets or one alone: how many. */
static inline int
any_row(struct quick *q, int64_t n[5])
{
	int count;

	if (*q->p != '[') {
		n[0] = (int64_t)natural(q);
		return 1;
	}
	q->p++;
	count = short_row(q, n);
	return count != 0 ? count : row(q, n);
}

/* Five digits, which is a day from 1997 to 2243, and what ends them: the day,
 * or -1. */
static inline int64_t
plain_day(const char *p)
{
	uint64_t v, other;

	memcpy(&v, p, 8);
	v = le64toh(v);
	other = ((v + EACH(0x46)) | (v - EACH(0x30))) & EACH(0x80);
	/* of the first six bytes the last is the first that is no digit */
	if ((other & UINT64_C(0xffffffffffff)) != UINT64_C(0x80) << 40 ||
	    *p == '0')
		return -1;
	return (int64_t)eight_digits(v << 24);
}

/* Behind "[": rows up to "]", of which a plain one takes six bytes with its
 * comma; where they are shorter there may be too many for this way. */
static void
read_days(struct quick *q, struct vt_scan_record *out)
{
	size_t max = (size_t)(q->end - q->p) / 6 + 1, at = 0;
	struct vt_heat_day *h = vt_arena_alloc(q->a, max * sizeof(*h));
	int64_t n[5];
	int count;

	if (h == NULL)
		q->odd = 1;
	while (!q->odd) {
		count = 1;
		n[0] = plain_day(q->p);
		if (n[0] >= 0)
			q->p += 5;
		else
			count = any_row(q, n);
		if (q->odd || at == max || vt_heat_day_row(n, count,
		    out->size_bytes, at > 0 ? &h[at - 1] : NULL, &h[at]) < 0) {
			q->odd = 1;
			break;
		}
		at++;
		if (*q->p != ',')
			break;
		q->p++;
	}
	MUST(q, "]");
	out->h = h;
	out->h_count = at;
}

/* The same of gaps: at least six bytes a row. */
static void
read_gaps(struct quick *q, struct vt_scan_record *out)
{
	size_t max = (size_t)(q->end - q->p) / 6 + 1, at = 0;
	struct vt_heat_gap *g = vt_arena_alloc(q->a, max * sizeof(*g));
	int64_t n[5];
	int count;

	if (g == NULL)
		q->odd = 1;
	while (!q->odd) {
		count = any_row(q, n);
		if (q->odd || at == max || vt_heat_gap_row(n, count, at > 0 ?
		    &g[at - 1] : NULL, &g[at]) < 0) {
			q->odd = 1;
			break;
		}
		at++;
		if (*q->p != ',')
			break;
		q->p++;
	}
	MUST(q, "]");
	out->gaps = g;
	out->gap_count = at;
}

/* Behind "[": tiers up to "]". */
static void
read_also(struct quick *q, struct vt_scan_record *out)
{
	size_t max = 8;
	const char **list = vt_arena_alloc(q->a, max * sizeof(*list));

	if (list == NULL)
		q->odd = 1;
	while (!q->odd) {
		if (out->also_count == max) {
			q->odd = 1;
			break;
		}
		MUST(q, "\"");
		list[out->also_count++] = text(q, NULL);
		if (!IS(q, ","))
			break;
	}
	MUST(q, "]");
	out->also = list;
}

/* Which version of what. */
static void
read_name(struct quick *q, struct vt_scan_record *out)
{
	MUST(q, "{\"v\":1,\"bucket\":\"");
	out->bucket = text(q, NULL);
	MUST(q, ",\"key\":\"");
	out->key = text(q, &out->key_len);
	if (IS(q, ",\"version\":\""))
		out->version = text(q, NULL);
	if (IS(q, ",\"seq\":")) {
		out->seq = (int64_t)natural(q);
		MUST(q, ",\"generation\":");
		out->generation = (int64_t)natural(q);
		MUST(q, ",\"bucket_generation\":");
		out->bucket_generation = (int64_t)natural(q);
	}
	MUST(q, ",\"current\":");
	out->is_current = truth(q);
	MUST(q, ",\"size\":");
	out->size_bytes = natural(q);
	if (IS(q, ",\"mtime\":\""))
		out->mtime_us = when(q);
}

/* Where it is. */
static void
read_place(struct quick *q, struct vt_scan_record *out)
{
	MUST(q, ",\"tier\":\"");
	out->tier = text(q, NULL);
	if (IS(q, ",\"class\":\""))
		out->storage_class = text(q, NULL);
	if (IS(q, ",\"copy\":"))
		out->copy = (int64_t)natural(q);
	out->copy_since_us = IS(q, ",\"copy_since\":\"") ? when(q) :
	    vt_scan_usual_since(out);
	out->stored_bytes = IS(q, ",\"stored_bytes\":") ? natural(q) :
	    vt_scan_usual_stored(out);
	out->adopted = IS(q, ",\"adopted\":true");
	if (IS(q, ",\"pack\":")) {
		out->pack = (int64_t)natural(q);
		MUST(q, ",\"pack_bytes\":");
		out->pack_bytes = natural(q);
		MUST(q, ",\"pack_dead\":");
		out->pack_dead = number(q);
		if (!(out->pack_dead <= 1))
			q->odd = 1;
	}
	if (IS(q, ",\"also\":["))
		read_also(q, out);
}

/* What may not, or must, be done to it. */
static void
read_bounds(struct quick *q, struct vt_scan_record *out)
{
	uint64_t newer;

	if (IS(q, ",\"ruled\":true")) {
		out->is_ruled = 1;
		if (IS(q, ",\"tags\":\""))
			out->tags = text(q, NULL);
		if (IS(q, ",\"noncurrent_since\":\""))
			out->noncurrent_since_us = when(q);
		if (IS(q, ",\"newer\":")) {
			newer = natural(q);
			out->newer = newer < UINT32_MAX ? (uint32_t)newer :
			    UINT32_MAX;
		}
		out->is_alone = IS(q, ",\"alone\":true");
	}
	if (IS(q, ",\"pin\":\""))
		out->pin = text(q, NULL);
	if (IS(q, ",\"lock\":\""))
		out->lock = text(q, NULL);
	if (IS(q, ",\"retain_until\":\""))
		out->retain_until_us = when(q);
	out->legal_hold = IS(q, ",\"legal_hold\":true");
}

static void
read_heat(struct quick *q, struct vt_scan_record *out)
{
	static __thread struct known_time from, to;
	int is_from;

	MUST(q, ",\"reads\":");
	out->reads = natural(q);
	MUST(q, ",\"bytes_read\":");
	out->bytes_read = natural(q);
	if (IS(q, ",\"last_read\":\""))
		out->last_read_us = when(q);
	if (IS(q, ",\"r30\":"))
		out->r30 = natural(q);
	if (IS(q, ",\"r90\":"))
		out->r90 = natural(q);
	is_from = IS(q, ",\"covered_from\":\"");
	if (is_from)
		out->covered_from_us = when_known(q, &from);
	if (IS(q, ",\"covered_to\":\""))
		out->covered_to_us = when_known(q, &to);
	if (!is_from)
		out->covered_from_us = vt_scan_usual_from(out);
	MUST(q, ",\"covered_days\":");
	out->covered_days = number(q);
	if (out->covered_to_us < out->covered_from_us)
		q->odd = 1;
	if (IS(q, ",\"gaps\":["))
		read_gaps(q, out);
	if (IS(q, ",\"h\":["))
		read_days(q, out);
}

/* The quotes that were cut off are put back; a line that has a NUL of its own
 * was never read beyond it. */
static void
mend(char *line, const char *stop)
{
	for (; line < stop; line++)
		if (*line == '\0')
			*line = '"';
}

int
vt_scan_record_parse_quick(char *line, size_t len, struct vt_arena *a,
    struct vt_scan_record *out)
{
	struct quick q = { line, line + len, a, 0, NULL, 0 };

	vt_clear(out);
	out->version = out->storage_class = out->pin = out->lock = "";
	out->tags = out->upload = "";
	read_name(&q, out);
	if (!q.odd)
		read_place(&q, out);
	if (!q.odd)
		read_bounds(&q, out);
	if (!q.odd)
		read_heat(&q, out);
	if (!q.odd)
		MUST(&q, "}");
	if (!q.odd && q.p == q.end)
		return 1;
	mend(line, q.p < q.end ? q.p : q.end);
	return 0;
}

/* --- writing -------------------------------------------------------------- */

static inline char *
put(char *p, const char *text, size_t len)
{
	memcpy(p, text, len);
	return p + len;
}

#define PUT(p, text) put(p, text, sizeof(text) - 1)

/* How many digits `n` has. */
static inline unsigned
count_digits(uint64_t n)
{
	static const uint64_t power[] = {
		0, 10, 100, 1000, 10000, 100000, 1000000, 10000000,
		100000000, 1000000000, 10000000000, 100000000000,
		1000000000000, 10000000000000, 100000000000000,
		1000000000000000, 10000000000000000, 100000000000000000,
		1000000000000000000, 10000000000000000000u
	};
	/* 1233 / 4096 is the logarithm of 2 as nearly as 64 bits need */
	unsigned d = (unsigned)(64 - __builtin_clzll(n | 1)) * 1233 >> 12;

	return d + (n >= power[d]);
}

static inline void
put_pair(char *p, uint32_t n)
{
	memcpy(p, vt_num_pairs + 2 * n, 2);
}

static inline char *
put_u64(char *p, uint64_t n)
{
	char *end, *t;
	uint32_t four;

	if (n < 10) {
		*p = (char)('0' + n);
		return p + 1;
	}
	end = t = p + count_digits(n);
	while (n >= 10000) {
		four = (uint32_t)(n % 10000);
		n /= 10000;
		t -= 4;
		put_pair(t, four / 100);
		put_pair(t + 2, four % 100);
	}
	four = (uint32_t)n;
	if (four >= 100) {
		t -= 2;
		put_pair(t, four % 100);
		four /= 100;
	}
	if (four >= 10)
		put_pair(t - 2, four);
	else
		t[-1] = (char)('0' + four);
	return end;
}

static inline char *
put_i64(char *p, int64_t n)
{
	if (n < 0)
		*p++ = '-';
	return put_u64(p, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

/* The last time that was written. */
struct written {
	int64_t us;
	char text[25];		/* "": none was */
};

static char *
put_when(char *p, int64_t us, struct written *last)
{
	if (us != last->us || *last->text == '\0') {
		vt_time_rfc3339_ms(us, last->text);
		last->us = us;
	}
	*p++ = '"';
	p = put(p, last->text, 24);
	*p++ = '"';
	return p;
}

/* A string that needs no escape, with its length. */
struct plain {
	const char *s;
	size_t len;
};

static char *
put_plain(char *p, const struct plain *t)
{
	*p++ = '"';
	p = put(p, t->s, t->len);
	*p++ = '"';
	return p;
}

/* The strings of a line, and the bytes that they take; 0: one has to be
 * escaped.  All but that numbered `key` end in a NUL; NULL is "". */
static int
find_strings(const char *const *from, size_t count, size_t key,
    size_t key_len, struct plain *s, size_t *bytes)
{
	size_t i;

	*bytes = 0;
	for (i = 0; i < count; i++) {
		s[i].s = from[i] != NULL ? from[i] : "";
		s[i].len = i == key ? key_len : 0;
		/* most are empty in most lines */
		if (i != key && *s[i].s != '\0')
			s[i].len = strlen(s[i].s);
		if (s[i].len > 0 && !vt_json_is_ascii(s[i].s, s[i].len))
			return 0;
		*bytes += s[i].len;
	}
	return 1;
}

/* A field that is left out when it is empty. */
static char *
put_some(char *p, const char *name, size_t name_len, const struct plain *t)
{
	if (t->len == 0)
		return p;
	return put_plain(put(p, name, name_len), t);
}

#define PUT_SOME(p, name, t) put_some(p, name, sizeof(name) - 1, t)

/* A fraction, as the plain way writes it; room for it is reserved. */
static char *
put_double(char *p, struct vt_buf *out, const char *name, double d)
{
	size_t name_len = strlen(name), len;

	len = vt_num_put_six(p + name_len + 4, d);
	if (len > 0) {
		*p++ = ',';
		*p++ = '"';
		p = put(p, name, name_len);
		*p++ = '"';
		*p++ = ':';
		return p + len;
	}
	*p = '\0';
	out->len = (size_t)(p - out->data);
	vt_json_double(out, name, d);
	return out->data + out->len;
}

static void
put_end(char *p, struct vt_buf *out)
{
	p = PUT(p, "}\n");
	*p = '\0';
	out->len = (size_t)(p - out->data);
}

/* --- versions ------------------------------------------------------------- */

enum { BUCKET, KEY, VERSION, TIER, CLASS, PIN, LOCK, TAGS, STRINGS };

static char *
put_name(char *p, const struct vt_scan_record *r, const struct plain *s,
    struct written *last)
{
	p = PUT(p, "{\"v\":1,\"bucket\":");
	p = put_plain(p, &s[BUCKET]);
	p = PUT(p, ",\"key\":");
	p = put_plain(p, &s[KEY]);
	p = PUT_SOME(p, ",\"version\":", &s[VERSION]);
	if (r->seq != 0) {
		p = put_i64(PUT(p, ",\"seq\":"), r->seq);
		p = put_i64(PUT(p, ",\"generation\":"), r->generation);
		p = put_i64(PUT(p, ",\"bucket_generation\":"),
		    r->bucket_generation);
	}
	p = r->is_current ? PUT(p, ",\"current\":true") :
	    PUT(p, ",\"current\":false");
	p = put_u64(PUT(p, ",\"size\":"), r->size_bytes);
	if (r->mtime_us != 0)
		p = put_when(PUT(p, ",\"mtime\":"), r->mtime_us, last);
	return p;
}

/* Where it is; room for the pack's fraction is reserved, too. */
static char *
put_place(char *p, struct vt_buf *out, const struct vt_scan_record *r,
    const struct plain *s, struct written *last)
{
	p = put_plain(PUT(p, ",\"tier\":"), &s[TIER]);
	p = PUT_SOME(p, ",\"class\":", &s[CLASS]);
	if (r->copy != 0)
		p = put_i64(PUT(p, ",\"copy\":"), r->copy);
	if (!vt_scan_same_time(r->copy_since_us, vt_scan_usual_since(r)))
		p = put_when(PUT(p, ",\"copy_since\":"), r->copy_since_us,
		    last);
	if (r->stored_bytes != vt_scan_usual_stored(r))
		p = put_u64(PUT(p, ",\"stored_bytes\":"), r->stored_bytes);
	if (r->adopted)
		p = PUT(p, ",\"adopted\":true");
	if (r->pack != 0) {
		p = put_i64(PUT(p, ",\"pack\":"), r->pack);
		p = put_u64(PUT(p, ",\"pack_bytes\":"), r->pack_bytes);
		p = put_double(p, out, "pack_dead", r->pack_dead);
	}
	return p;
}

/* What may not, or must, be done to it. */
static char *
put_bounds(char *p, const struct vt_scan_record *r, const struct plain *s,
    struct written *last)
{
	if (r->is_ruled) {
		p = PUT(p, ",\"ruled\":true");
		p = PUT_SOME(p, ",\"tags\":", &s[TAGS]);
		if (r->noncurrent_since_us != 0)
			p = put_when(PUT(p, ",\"noncurrent_since\":"),
			    r->noncurrent_since_us, last);
		if (r->newer > 0)
			p = put_u64(PUT(p, ",\"newer\":"), r->newer);
		if (r->is_alone)
			p = PUT(p, ",\"alone\":true");
	}
	p = PUT_SOME(p, ",\"pin\":", &s[PIN]);
	p = PUT_SOME(p, ",\"lock\":", &s[LOCK]);
	if (r->retain_until_us != 0)
		p = put_when(PUT(p, ",\"retain_until\":"),
		    r->retain_until_us, last);
	if (r->legal_hold)
		p = PUT(p, ",\"legal_hold\":true");
	return p;
}

/* Nine digits of a fraction, without the zeros that it ends with. */
static char *
put_fraction(char *p, uint32_t billionths)
{
	uint32_t rest = billionths % 10000000;

	*p++ = '.';
	put_pair(p, billionths / 10000000);
	put_pair(p + 2, rest / 100000);
	put_pair(p + 4, rest / 1000 % 100);
	rest %= 1000;
	put_pair(p + 6, rest / 10);
	p[8] = (char)('0' + rest % 10);
	for (p += 9; p[-1] == '0'; p--)
		;
	return p;
}

/* A number of days: nine digits behind the point at most, as a rule.  Two
 * decimals of 15 digits are never one double, so what is equal has the same
 * text as the plain way's. */
static char *
put_covered(char *p, struct vt_buf *out, double days)
{
	uint64_t n;

	n = days >= 0 && days < 1e6 ? (uint64_t)(days * 1e9 + 0.5) : 0;
	if (signbit(days) || (double)n / 1e9 != days)
		return put_double(p, out, "covered_days", days);
	p = put_u64(PUT(p, ",\"covered_days\":"), n / 1000000000);
	n %= 1000000000;
	return n != 0 ? put_fraction(p, (uint32_t)n) : p;
}

static char *
put_heat(char *p, const struct vt_scan_record *r, struct written *last)
{
	/* the same in most lines, or in all */
	static __thread struct written from, to;

	p = put_u64(PUT(p, ",\"reads\":"), r->reads);
	p = put_u64(PUT(p, ",\"bytes_read\":"), r->bytes_read);
	if (r->last_read_us != 0)
		p = put_when(PUT(p, ",\"last_read\":"), r->last_read_us,
		    last);
	if (r->r30 != 0)
		p = put_u64(PUT(p, ",\"r30\":"), r->r30);
	if (r->r90 != 0)
		p = put_u64(PUT(p, ",\"r90\":"), r->r90);
	if (!vt_scan_same_time(r->covered_from_us, vt_scan_usual_from(r)))
		p = put_when(PUT(p, ",\"covered_from\":"),
		    r->covered_from_us, &from);
	if (r->covered_to_us != 0)
		p = put_when(PUT(p, ",\"covered_to\":"), r->covered_to_us,
		    &to);
	return p;
}

/* Five digits, as days from 1997 to 2243 have, or however many. */
static inline char *
put_day(char *p, int32_t day)
{
	uint32_t n = (uint32_t)day, high = n / 10000;

	if (day < 10000 || day > 99999)
		return put_i64(p, day);
	n -= high * 10000;
	*p = (char)('0' + high);
	put_pair(p + 1, n / 100);
	put_pair(p + 3, n % 100);
	return p + 5;
}

static char *
put_days(char *p, const struct vt_scan_record *r)
{
	const struct vt_heat_day *h = r->h, *end = h + r->h_count;

	for (p = PUT(p, ",\"h\":["); h < end; h++) {
		if (vt_heat_day_is_plain(h, r->size_bytes)) {
			p = put_day(p, h->day);
			*p++ = ',';
			continue;
		}
		*p++ = '[';
		p = put_day(p, h->day);
		*p++ = ',';
		p = put_u64(p, h->gets);
		*p++ = ',';
		p = put_u64(p, h->bytes);
		if (h->last > h->day) {
			*p++ = ',';
			p = put_u64(p, h->days);
			*p++ = ',';
			p = put_i64(p, h->last);
		}
		p = PUT(p, "],");
	}
	p[-1] = ']';
	return p;
}

/* Names, numbers and times of a line, at most; and of a row of "h". */
#define FRAME_MAX 1536
#define ROW_MAX 80

/* Where a line goes of which the strings take `bytes`, or NULL: it is more
 * than may be reserved, which is more than it takes. */
static char *
begin_line(struct vt_buf *out, size_t bytes)
{
	if (out->failed || bytes + FRAME_MAX > out->max - out->len)
		return NULL;
	return vt_buf_reserve(out, bytes + FRAME_MAX);
}

int
vt_scan_record_format_quick(const struct vt_scan_record *r,
    struct vt_buf *out)
{
	const char *const from[STRINGS] = {
		r->bucket, r->key, r->version, r->tier, r->storage_class,
		r->pin, r->lock, r->is_ruled ? r->tags : ""
	};
	struct plain s[STRINGS];
	struct written last;
	size_t bytes;
	char *p;

	if (r->kind != VT_SCAN_VERSION || r->also_count > 0 ||
	    r->gap_count > 0 ||
	    !find_strings(from, STRINGS, KEY, r->key_len, s, &bytes))
		return 0;
	p = begin_line(out, bytes + r->h_count * ROW_MAX);
	if (p == NULL)
		return 0;
	*last.text = '\0';
	p = put_name(p, r, s, &last);
	p = put_place(p, out, r, s, &last);
	p = put_bounds(p, r, s, &last);
	p = put_heat(p, r, &last);
	p = put_covered(p, out, r->covered_days);
	if (r->h_count > 0)
		p = put_days(p, r);
	put_end(p, out);
	return 1;
}

/* --- moves ---------------------------------------------------------------- */

enum { M_RULE, M_PLAN, M_PRICES, M_POLICIES, M_POLICY, M_BUCKET, M_KEY,
	M_VERSION, M_FROM, M_TO, M_REASON, M_STRINGS };

int
vt_move_format_quick(const struct vt_move *m, struct vt_buf *out)
{
	const char *const from[M_STRINGS] = {
		m->rule, m->plan, m->prices, m->policies, m->policy,
		m->bucket, m->key, m->version, m->from, m->to, m->reason
	};
	/* the same in all lines of a plan, but where rules ask */
	static __thread struct written last;
	struct plain s[M_STRINGS];
	size_t bytes;
	char *p;

	if ((m->action != NULL && *m->action != '\0') ||
	    (m->upload != NULL && *m->upload != '\0') ||
	    !find_strings(from, M_STRINGS, M_KEY, m->key_len, s, &bytes))
		return 0;
	p = begin_line(out, bytes);
	if (p == NULL)
		return 0;
	p = PUT(p, "{\"v\":1");
	p = PUT_SOME(p, ",\"rule\":", &s[M_RULE]);
	p = PUT_SOME(p, ",\"plan\":", &s[M_PLAN]);
	p = PUT_SOME(p, ",\"prices\":", &s[M_PRICES]);
	p = PUT_SOME(p, ",\"policies\":", &s[M_POLICIES]);
	p = PUT_SOME(p, ",\"policy\":", &s[M_POLICY]);
	p = put_plain(PUT(p, ",\"bucket\":"), &s[M_BUCKET]);
	p = put_plain(PUT(p, ",\"key\":"), &s[M_KEY]);
	p = PUT_SOME(p, ",\"version\":", &s[M_VERSION]);
	p = put_i64(PUT(p, ",\"seq\":"), m->seq);
	p = put_i64(PUT(p, ",\"generation\":"), m->generation);
	p = put_i64(PUT(p, ",\"bucket_generation\":"),
	    m->bucket_generation);
	p = put_i64(PUT(p, ",\"copy\":"), m->copy);
	p = put_plain(PUT(p, ",\"from\":"), &s[M_FROM]);
	p = put_plain(PUT(p, ",\"to\":"), &s[M_TO]);
	p = put_u64(PUT(p, ",\"size\":"), m->size_bytes);
	p = put_double(p, out, "saving_usd_month", m->saving_usd_month);
	p = put_double(p, out, "cost_usd", m->cost_usd);
	p = put_double(p, out, "payback_days", m->payback_days);
	p = PUT_SOME(p, ",\"reason\":", &s[M_REASON]);
	if (m->not_after_us != 0)
		p = put_when(PUT(p, ",\"not_after\":"), m->not_after_us,
		    &last);
	put_end(p, out);
	return 1;
}
