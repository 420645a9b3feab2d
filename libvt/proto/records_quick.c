/*
 * The lines of versions, read as vt-scan writes them (records_write.c): their
 * fields in order, no spaces, no escapes.  Ten million of them go from vt-scan
 * to vt-plan, so nothing is looked up and nothing converted twice.  Whatever is
 * otherwise goes the plain way: see records_internal.h.
 */
#include <endian.h>
#include <string.h>

#include "libvt/base/clear.h"
#include "libvt/base/clock.h"
#include "libvt/base/jsonrun.h"
#include "libvt/base/num.h"

#include "libvt/proto/records_internal.h"

/*
 * Where in a line, which is cut into its strings where they end: where a quote
 * was there is a NUL.  Nothing steps over the newline that ends it, so what is
 * behind it is looked at and never believed.
 */
struct quick {
	char *p;
	const char *end;	/* of what is read, lines behind it included */
	struct vt_arena *a;
	int odd;		/* sticks: this line goes the plain way */
};

/* A text whose length is known: eight bytes at once. */
static inline int
is_next(const char *p, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i + 8 <= len; i += 8)
		if (memcmp(p + i, text + i, 8) != 0)
			return 0;
	return memcmp(p + i, text + i, len - i) == 0;
}

static inline int
step(struct quick *q, const char *text, size_t len)
{
	if (!is_next(q->p, text, len))
		return 0;
	q->p += len;
	return 1;
}

/* Do these bytes come next? */
#define AT(q, text) is_next((q)->p, text, sizeof(text) - 1)
/* Step over them if they do. */
#define IS(q, text) step(q, text, sizeof(text) - 1)
/* They must. */
#define MUST(q, text) do { if (!IS(q, text)) (q)->odd = 1; } while (0)

/* A string behind its first quote. */
static inline const char *
text(struct quick *q, size_t *len)
{
	char *start = q->p;
	char *stop = start + (vt_json_stop(start) - start);

	if (*stop != '"') {
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

/* The high bit of the first byte that is none of '0' to '9'; of those behind
 * it too, or not. */
static inline uint64_t
no_digits(uint64_t v)
{
	return ((v + EACH(0x46)) | (v - EACH(0x30))) & EACH(0x80);
}

/* The digits before the first bit that no_digits() gave, up to seven. */
static inline uint64_t
first_digits(uint64_t v, uint64_t other)
{
	/* the bit is the last of its byte */
	return eight_digits(v << (__builtin_ctzll(other) ^ 63) << 8);
}

/* The digits behind eight, which make n: how many those are with them. */
static unsigned __attribute__((noinline))
long_natural(const char *p, uint64_t *n)
{
	unsigned digit, len;

	for (len = 8; len < 19; len++) {
		digit = (unsigned)(uint8_t)p[len] - '0';
		if (digit > 9)
			break;
		*n = *n * 10 + digit;
	}
	return len;
}

/* A number of at most 18 digits, which no sum overflows; no sign, no leading
 * zero: how many there are; 0: none that is such. */
static inline unsigned
digits(const char *p, uint64_t *n)
{
	uint64_t v, other;
	unsigned len = 8;

	memcpy(&v, p, 8);
	v = le64toh(v);
	other = no_digits(v);
	if (other != 0) {
		len = (unsigned)__builtin_ctzll(other) >> 3;
		*n = first_digits(v, other);
	} else {
		*n = eight_digits(v);
		len = long_natural(p, n);
	}
	return len > 18 || (*p == '0' && len > 1) ? 0 : len;
}

static inline uint64_t
natural(struct quick *q)
{
	uint64_t n;
	unsigned len = digits(q->p, &n);

	if (len == 0)
		q->odd = 1;
	q->p += len;
	return n;
}

static inline int64_t
when(struct quick *q)
{
	int64_t us = 0;

	if (vt_time_parse_rfc3339(q->p, 24, &us) < 0 || q->p[24] != '"')
		q->odd = 1;
	else
		q->p += 25;
	return us;
}

/*
 * What one line said, which the next mostly says again, byte for byte: found at
 * once, and read anew when it changes.
 */
struct known {
	size_t len;		/* 0: nothing */
	char text[VT_RECORD_BEHIND];
	size_t at[2], end[2];	/* strings in it */
};

/* Does it come next? */
static inline int
is_known(const struct quick *q, const struct known *k)
{
	return k->len > 0 && memcmp(q->p, k->text, k->len) == 0;
}

/* What was read from `start` on is it from now on, unless it is too long. */
static void __attribute__((noinline))
know(const struct quick *q, const char *start, struct known *k)
{
	size_t len = (size_t)(q->p - start), i, string = 0, count = 0;

	k->len = 0;
	if (q->odd || len > sizeof(k->text))
		return;
	for (i = 0; i < len; i++) {
		k->text[i] = start[i];
		if (start[i] == '"')
			string = i + 1;
		if (start[i] != '\0')
			continue;
		/* where a string was cut off */
		k->text[i] = '"';
		k->at[count] = string;
		k->end[count++] = i;
	}
	k->len = len;
}

/* A string in it, where it begins at `start`. */
static inline const char *
known_text(const struct known *k, int number, char *start)
{
	start[k->end[number]] = '\0';
	return start + k->at[number];
}

/* A time, with the quote behind it. */
struct known_time {
	struct known in;
	int64_t us;
};

static inline int64_t
when_known(struct quick *q, struct known_time *k)
{
	const char *start = q->p;

	if (is_known(q, &k->in)) {
		q->p += k->in.len;
	} else {
		k->us = when(q);
		know(q, start, &k->in);
	}
	return k->us;
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
	other = no_digits(v);
	if (other != 0) {
		*n = first_digits(v, other);
		return (unsigned)__builtin_ctzll(other) >> 3;
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

/* The numbers of a row, in brackets or one alone: how many. */
static inline int
any_row(struct quick *q, int64_t n[5])
{
	if (*q->p == '[') {
		q->p++;
		return row(q, n);
	}
	n[0] = (int64_t)natural(q);
	return 1;
}

/* Five digits and what ends them: the day, from 1997 to 2243 if it is not under
 * FIRST_DAY; or -1. */
#define FIRST_DAY 10000

static inline int32_t
plain_day(const char *p)
{
	uint64_t v, other;

	memcpy(&v, p, 8);
	v = le64toh(v);
	other = no_digits(v);
	/* of the first six bytes the last is the first that is no digit */
	if ((other & UINT64_C(0xffffffffffff)) != UINT64_C(0x80) << 40)
		return -1;
	/* As eight_digits, of a digit and two pairs 16 bits apart.  What they
	 * come to takes the 17 bits on top, of which the last overlaps what
	 * even multiples come to. */
	v = (v << 24 & EACH(0x0f)) * (1 + (10 << 8)) >> 9;
	return (int32_t)((v & UINT64_C(0x007f807f807f8000)) *
	    (1 + (UINT64_C(100) << 16) + (UINT64_C(10000) << 32)) >> 47);
}

/* Rows that are begun where they are to lie. */
struct rows {
	struct vt_heat_day *h, *end;
	int is_kept;		/* they have their own memory */
};

/* There is no more room where they are begun: as much as the rest of the line
 * can need, of which a plain row takes six bytes with its comma.  Where they
 * are shorter there may be too many for this way.  Where the next one goes; or
 * NULL. */
static struct vt_heat_day * __attribute__((noinline))
move_rows(struct quick *q, struct rows *r)
{
	const char *stop = memchr(q->p, '\n', (size_t)(q->end - q->p));
	size_t count = (size_t)(r->end - r->h), max = count;
	struct vt_heat_day *h = NULL;

	if (!r->is_kept && stop != NULL) {
		vt_arena_keep(q->a, count * sizeof(*h));
		max += (size_t)(stop - q->p) / 6 + 1;
		h = vt_arena_alloc(q->a, max * sizeof(*h));
	}
	if (h == NULL) {
		q->odd = 1;
		return NULL;
	}
	if (count > 0)
		memcpy(h, r->h, count * sizeof(*h));
	r->h = h;
	r->end = h + max;
	r->is_kept = 1;
	return h + count;
}

/* Any row behind `before`, the first or the one before it. */
static void __attribute__((noinline))
read_row(struct quick *q, uint64_t size_bytes,
    const struct vt_heat_day *before, struct vt_heat_day *h)
{
	int64_t n[5];
	int count = any_row(q, n);

	if (q->odd || vt_heat_day_row(n, count, size_bytes, before, h) < 0)
		q->odd = 1;
}

/* A plain day alone, behind `last`: what is behind it; NULL: any other row. */
static inline char *
read_alone(char *p, int32_t last, uint64_t size_bytes, struct vt_heat_day *h)
{
	int32_t day = plain_day(p);

	if (day <= last)
		return NULL;
	h->day = h->last = day;
	h->days = 1;
	h->gets = 1;
	h->bytes = size_bytes;
	return p + 5;
}

/* "[day,reads,bytes]" of such a day. */
static inline char *
read_part(char *p, int32_t last, struct vt_heat_day *h)
{
	int32_t day = plain_day(p + 1);
	unsigned len = 1;

	if (day <= last || p[6] != ',')
		return NULL;
	h->day = h->last = day;
	h->days = 1;
	p += 7;
	h->gets = (uint64_t)((unsigned)(uint8_t)*p - '0');
	if (p[1] != ',' || h->gets > 9)
		len = digits(p, &h->gets);
	if (len == 0 || p[len] != ',')
		return NULL;
	p += len + 1;
	len = digits(p, &h->bytes);
	return len == 0 || p[len] != ']' ? NULL : p + len + 1;
}

/* Behind "[": rows up to "]". */
static void
read_days(struct quick *q, struct vt_scan_record *out)
{
	const uint64_t size_bytes = out->size_bytes;
	struct rows r = { NULL, NULL, 0 };
	int32_t last = FIRST_DAY - 1;
	char *p = q->p, *next;
	struct vt_heat_day *h;
	size_t room;

	h = r.h = vt_arena_room(q->a, &room);
	r.end = h + room / sizeof(*h);
	for (;; p++) {
		if (h == r.end) {
			q->p = p;
			h = move_rows(q, &r);
			if (h == NULL)
				return;
		}
		next = *p == '[' ? read_part(p, last, h) :
		    read_alone(p, last, size_bytes, h);
		if (next == NULL) {
			q->p = p;
			read_row(q, size_bytes, h > r.h ? h - 1 : NULL, h);
			if (q->odd)
				return;
			next = q->p;
		}
		p = next;
		last = h->last > last ? h->last : last;
		h++;
		if (*p != ',')
			break;
	}
	q->p = p;
	MUST(q, "]");
	if (!r.is_kept)
		vt_arena_keep(q->a, (size_t)((char *)h - (char *)r.h));
	out->h = r.h;
	out->h_count = (size_t)(h - r.h);
}

/* The same of gaps, which few have: at least six bytes a row. */
static void
read_gaps(struct quick *q, struct vt_scan_record *out)
{
	const char *stop = memchr(q->p, '\n', (size_t)(q->end - q->p));
	size_t max = stop != NULL ? (size_t)(stop - q->p) / 6 + 1 : 0, at = 0;
	struct vt_heat_gap *g = vt_arena_alloc(q->a, max * sizeof(*g));
	int64_t n[5] = { 0 };
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

/* What is behind the number of most versions: written once, and not replaced
 * since. */
#define ONLY_ONE ",\"generation\":1,\"bucket_generation\":1," \
	"\"current\":true,\"size\":"

/* Up to the key. */
static inline void
read_bucket(struct quick *q, struct vt_scan_record *out)
{
	static __thread struct known head;
	char *start = q->p;

	if (is_known(q, &head)) {
		out->bucket = known_text(&head, 0, start);
		q->p += head.len;
		return;
	}
	MUST(q, "{\"v\":1,\"bucket\":\"");
	out->bucket = text(q, NULL);
	MUST(q, ",\"key\":\"");
	know(q, start, &head);
}

/* Which version of what. */
static inline void
read_name(struct quick *q, struct vt_scan_record *out)
{
	read_bucket(q, out);
	out->key = text(q, &out->key_len);
	if (IS(q, ",\"version\":\""))
		out->version = text(q, NULL);
	if (IS(q, ",\"seq\":"))
		out->seq = (int64_t)natural(q);
	if (IS(q, ONLY_ONE)) {
		out->generation = out->bucket_generation = 1;
		out->is_current = 1;
	} else {
		if (out->seq != 0) {
			MUST(q, ",\"generation\":");
			out->generation = (int64_t)natural(q);
			MUST(q, ",\"bucket_generation\":");
			out->bucket_generation = (int64_t)natural(q);
		}
		MUST(q, ",\"current\":");
		out->is_current = truth(q);
		MUST(q, ",\"size\":");
	}
	out->size_bytes = natural(q);
	if (IS(q, ",\"mtime\":\""))
		out->mtime_us = when(q);
}

/* Where it is, up to the number of its copy. */
static void __attribute__((noinline))
read_other_tier(struct quick *q, struct known *k, struct vt_scan_record *out)
{
	const char *start = q->p;
	int is_classed;

	MUST(q, ",\"tier\":\"");
	out->tier = text(q, NULL);
	is_classed = IS(q, ",\"class\":\"");
	if (is_classed)
		out->storage_class = text(q, NULL);
	if (!IS(q, ",\"copy\":"))
		return;
	if (is_classed)
		know(q, start, k);
	out->copy = (int64_t)natural(q);
}

/* Where it is, as all say. */
static inline void
read_tier(struct quick *q, struct vt_scan_record *out)
{
	static __thread struct known place;
	char *start = q->p;

	if (is_known(q, &place)) {
		out->tier = known_text(&place, 0, start);
		out->storage_class = known_text(&place, 1, start);
		q->p += place.len;
		out->copy = (int64_t)natural(q);
	} else {
		read_other_tier(q, &place, out);
	}
	out->copy_since_us = vt_scan_usual_since(out);
	out->stored_bytes = vt_scan_usual_stored(out);
}

/* And as few do. */
static void
read_place(struct quick *q, struct vt_scan_record *out)
{
	if (IS(q, ",\"copy_since\":\""))
		out->copy_since_us = when(q);
	if (IS(q, ",\"stored_bytes\":"))
		out->stored_bytes = natural(q);
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

/* How much of its life the log covers, from its birth on or not. */
static void __attribute__((noinline))
read_other_cover(struct quick *q, struct vt_scan_record *out)
{
	static __thread struct known_time from, to;
	int is_from = IS(q, ",\"covered_from\":\"");

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
}

/* The same: all that are older than the log say the same. */
static inline void
read_cover(struct quick *q, struct vt_scan_record *out)
{
	static __thread struct known cover;
	static __thread int64_t from_us, to_us;
	static __thread double days;
	const char *start = q->p;
	int is_from = AT(q, ",\"covered_from\"");

	if (is_from && is_known(q, &cover) && (start[cover.len] == ',' ||
	    start[cover.len] == '}')) {
		q->p += cover.len;
		out->covered_from_us = from_us;
		out->covered_to_us = to_us;
		out->covered_days = days;
		return;
	}
	read_other_cover(q, out);
	if (!is_from)
		return;
	know(q, start, &cover);
	from_us = out->covered_from_us;
	to_us = out->covered_to_us;
	days = out->covered_days;
}

static inline void
read_heat(struct quick *q, struct vt_scan_record *out)
{
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
	read_cover(q, out);
	if (IS(q, ",\"gaps\":["))
		read_gaps(q, out);
	if (IS(q, ",\"h\":["))
		read_days(q, out);
}

void
vt_scan_record_mend(char *line, const char *stop)
{
	for (; line < stop; line++)
		if (*line == '\0')
			*line = '"';
}

char *
vt_scan_record_parse_quick(char *lines, size_t len, struct vt_arena *a,
    struct vt_scan_record *out)
{
	struct quick q = { lines, lines + len, a, 0 };

	vt_clear(out);
	out->version = out->storage_class = out->pin = out->lock = "";
	out->tags = out->upload = "";
	read_name(&q, out);
	if (!q.odd)
		read_tier(&q, out);
	if (!q.odd && !AT(&q, ",\"reads\":")) {
		read_place(&q, out);
		if (!q.odd)
			read_bounds(&q, out);
	}
	if (!q.odd)
		read_heat(&q, out);
	if (!q.odd && IS(&q, "}") && *q.p == '\n')
		return q.p;
	vt_scan_record_mend(lines, q.p);
	return NULL;
}
