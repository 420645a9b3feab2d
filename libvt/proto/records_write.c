/*
 * The lines of versions and of moves, written: those that need no escape, and
 * no list that few have, without a call for each field.  The rest goes the
 * plain way: see records_internal.h.
 */
#include <math.h>
#include <string.h>

#include "libvt/base/clock.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/jsonrun.h"
#include "libvt/base/num.h"

#include "libvt/proto/records_internal.h"

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

static inline char *
put_when(char *p, int64_t us)
{
	*p = '"';
	vt_time_rfc3339_ms(us, p + 1);
	p[25] = '"';
	return p + 26;
}

/* One that is the same in most lines, or in all. */
static inline char *
put_known(char *p, int64_t us, struct written *last)
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

/* A string, with its length. */
struct plain {
	const char *s;
	size_t len;
};

/* Its length is added to *bytes. */
static inline void
find_bytes(const char *s, size_t len, struct plain *t, size_t *bytes)
{
	t->s = s;
	t->len = len;
	*bytes += len;
}

/* The same of one that ends in a NUL; NULL is "".  Most are empty in most
 * lines. */
static inline void
find_string(const char *s, struct plain *t, size_t *bytes)
{
	find_bytes(s, s == NULL || *s == '\0' ? 0 : strlen(s), t, bytes);
}

/* Of one whose length may be known. */
static inline void
find_known(const char *s, size_t known, struct plain *t, size_t *bytes)
{
	if (known == 0)
		find_string(s, t, bytes);
	else
		find_bytes(s, known, t, bytes);
}

/* *odd sticks: it must be escaped, and the line goes the plain way. */
static inline char *
put_plain(char *p, const struct plain *t, uint64_t *odd)
{
	*p++ = '"';
	*odd |= vt_json_copy(p, t->s, t->len);
	p += t->len;
	*p++ = '"';
	return p;
}

/* A field that is left out when it is empty. */
static inline char *
put_some(char *p, const char *name, size_t name_len, const struct plain *t,
    uint64_t *odd)
{
	if (t->len == 0)
		return p;
	return put_plain(put(p, name, name_len), t, odd);
}

#define PUT_SOME(p, name, t, odd) put_some(p, name, sizeof(name) - 1, t, odd)

/* A fraction, as the plain way writes it; room for it is reserved. */
static inline char *
put_double(char *p, struct vt_buf *out, const char *field, size_t field_len,
    const char *name, double d)
{
	size_t len = vt_num_put_six(p + field_len, d);

	if (len > 0)
		return put(p, field, field_len) + len;
	*p = '\0';
	out->len = (size_t)(p - out->data);
	vt_json_double(out, name, d);
	return out->data + out->len;
}

#define PUT_DOUBLE(p, out, name, d) put_double(p, out, ",\"" name "\":", \
	sizeof(",\"" name "\":") - 1, name, d)

/* 1; 0: something is odd, and all is as it was when there were `before`
 * bytes. */
static int
put_end(char *p, struct vt_buf *out, size_t before, uint64_t odd)
{
	p = odd == 0 ? PUT(p, "}\n") : out->data + before;
	*p = '\0';
	out->len = (size_t)(p - out->data);
	return odd == 0;
}

/* --- versions ------------------------------------------------------------- */

enum { BUCKET, KEY, VERSION, TIER, CLASS, PIN, LOCK, TAGS, STRINGS };

static inline char *
put_name(char *p, const struct vt_scan_record *r, const struct plain *s,
    uint64_t *odd)
{
	p = PUT(p, "{\"v\":1,\"bucket\":");
	p = put_plain(p, &s[BUCKET], odd);
	p = PUT(p, ",\"key\":");
	p = put_plain(p, &s[KEY], odd);
	p = PUT_SOME(p, ",\"version\":", &s[VERSION], odd);
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
		p = put_when(PUT(p, ",\"mtime\":"), r->mtime_us);
	return p;
}

/* Where it is; room for the pack's fraction is reserved, too. */
static inline char *
put_place(char *p, struct vt_buf *out, const struct vt_scan_record *r,
    const struct plain *s, uint64_t *odd)
{
	p = put_plain(PUT(p, ",\"tier\":"), &s[TIER], odd);
	p = PUT_SOME(p, ",\"class\":", &s[CLASS], odd);
	if (r->copy != 0)
		p = put_i64(PUT(p, ",\"copy\":"), r->copy);
	if (!vt_scan_same_time(r->copy_since_us, vt_scan_usual_since(r)))
		p = put_when(PUT(p, ",\"copy_since\":"), r->copy_since_us);
	if (r->stored_bytes != vt_scan_usual_stored(r))
		p = put_u64(PUT(p, ",\"stored_bytes\":"), r->stored_bytes);
	if (r->adopted)
		p = PUT(p, ",\"adopted\":true");
	if (r->pack != 0) {
		p = put_i64(PUT(p, ",\"pack\":"), r->pack);
		p = put_u64(PUT(p, ",\"pack_bytes\":"), r->pack_bytes);
		p = PUT_DOUBLE(p, out, "pack_dead", r->pack_dead);
	}
	return p;
}

/* What may not, or must, be done to it. */
static inline char *
put_bounds(char *p, const struct vt_scan_record *r, const struct plain *s,
    uint64_t *odd)
{
	if (r->is_ruled) {
		p = PUT(p, ",\"ruled\":true");
		p = PUT_SOME(p, ",\"tags\":", &s[TAGS], odd);
		if (r->noncurrent_since_us != 0)
			p = put_when(PUT(p, ",\"noncurrent_since\":"),
			    r->noncurrent_since_us);
		if (r->newer > 0)
			p = put_u64(PUT(p, ",\"newer\":"), r->newer);
		if (r->is_alone)
			p = PUT(p, ",\"alone\":true");
	}
	p = PUT_SOME(p, ",\"pin\":", &s[PIN], odd);
	p = PUT_SOME(p, ",\"lock\":", &s[LOCK], odd);
	if (r->retain_until_us != 0)
		p = put_when(PUT(p, ",\"retain_until\":"),
		    r->retain_until_us);
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
		return PUT_DOUBLE(p, out, "covered_days", days);
	p = put_u64(PUT(p, ",\"covered_days\":"), n / 1000000000);
	n %= 1000000000;
	return n != 0 ? put_fraction(p, (uint32_t)n) : p;
}

static inline char *
put_heat(char *p, const struct vt_scan_record *r)
{
	static __thread struct written from, to;

	p = put_u64(PUT(p, ",\"reads\":"), r->reads);
	p = put_u64(PUT(p, ",\"bytes_read\":"), r->bytes_read);
	if (r->last_read_us != 0)
		p = put_when(PUT(p, ",\"last_read\":"), r->last_read_us);
	if (r->r30 != 0)
		p = put_u64(PUT(p, ",\"r30\":"), r->r30);
	if (r->r90 != 0)
		p = put_u64(PUT(p, ",\"r90\":"), r->r90);
	if (!vt_scan_same_time(r->covered_from_us, vt_scan_usual_from(r)))
		p = put_known(PUT(p, ",\"covered_from\":"),
		    r->covered_from_us, &from);
	if (r->covered_to_us != 0)
		p = put_known(PUT(p, ",\"covered_to\":"), r->covered_to_us,
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

static char *
put_gaps(char *p, const struct vt_scan_record *r)
{
	const struct vt_heat_gap *g = r->gaps, *end = g + r->gap_count;

	for (p = PUT(p, ",\"gaps\":["); g < end; g++) {
		*p++ = '[';
		p = put_i64(p, g->from_us / 1000000);
		*p++ = ',';
		p = put_i64(p, g->length_us / 1000000);
		p = PUT(p, "],");
	}
	p[-1] = ']';
	return p;
}

/* Names, numbers and times of a line, at most; and of a row of "h", of a gap.
 */
#define FRAME_MAX 1536
#define ROW_MAX 80
#define GAP_MAX 48

/* Where a line goes of which the strings take `bytes`, or NULL: it is more
 * than may be reserved, which is more than it takes. */
static char *
begin_line(struct vt_buf *out, size_t bytes)
{
	if (out->failed || bytes + FRAME_MAX > out->max - out->len)
		return NULL;
	return vt_buf_reserve(out, bytes + FRAME_MAX);
}

static inline void
find_strings(const struct vt_scan_record *r, struct plain *s, size_t *bytes)
{
	find_string(r->bucket, &s[BUCKET], bytes);
	find_bytes(r->key, r->key_len, &s[KEY], bytes);
	find_string(r->version, &s[VERSION], bytes);
	find_string(r->tier, &s[TIER], bytes);
	find_string(r->storage_class, &s[CLASS], bytes);
	find_string(r->pin, &s[PIN], bytes);
	find_string(r->lock, &s[LOCK], bytes);
	find_string(r->is_ruled ? r->tags : "", &s[TAGS], bytes);
}

int
vt_scan_record_format_quick(const struct vt_scan_record *r,
    struct vt_buf *out)
{
	size_t bytes = 0, before = out->len;
	struct plain s[STRINGS];
	uint64_t odd = 0;
	char *p;

	if (r->kind != VT_SCAN_VERSION || r->also_count > 0)
		return 0;
	find_strings(r, s, &bytes);
	p = begin_line(out, bytes + r->h_count * ROW_MAX +
	    r->gap_count * GAP_MAX);
	if (p == NULL)
		return 0;
	p = put_name(p, r, s, &odd);
	if (odd != 0)
		return put_end(p, out, before, odd);
	p = put_place(p, out, r, s, &odd);
	p = put_bounds(p, r, s, &odd);
	p = put_heat(p, r);
	p = put_covered(p, out, r->covered_days);
	if (r->gap_count > 0)
		p = put_gaps(p, r);
	if (r->h_count > 0)
		p = put_days(p, r);
	return put_end(p, out, before, odd);
}

/* --- moves ---------------------------------------------------------------- */

/* Those up to the policy are mostly the same in a whole plan. */
enum { M_RULE, M_PLAN, M_PRICES, M_POLICIES, M_POLICY, M_BUCKET, M_KEY,
	M_VERSION, M_FROM, M_TO, M_REASON, M_STRINGS };

static void
find_head(const struct vt_move *m, struct plain *s, size_t *bytes)
{
	find_string(m->rule, &s[M_RULE], bytes);
	find_string(m->plan, &s[M_PLAN], bytes);
	find_string(m->prices, &s[M_PRICES], bytes);
	find_string(m->policies, &s[M_POLICIES], bytes);
	find_string(m->policy, &s[M_POLICY], bytes);
}

/* A line up to its bucket. */
static char *
put_head(char *p, const struct plain *s, uint64_t *odd)
{
	p = PUT(p, "{\"v\":1");
	p = PUT_SOME(p, ",\"rule\":", &s[M_RULE], odd);
	p = PUT_SOME(p, ",\"plan\":", &s[M_PLAN], odd);
	p = PUT_SOME(p, ",\"prices\":", &s[M_PRICES], odd);
	p = PUT_SOME(p, ",\"policies\":", &s[M_POLICIES], odd);
	return PUT_SOME(p, ",\"policy\":", &s[M_POLICY], odd);
}

void
vt_move_frame_init(struct vt_move_frame *f, const char *plan,
    const char *prices, const char *policies)
{
	struct vt_move m = { .plan = plan, .prices = prices,
	    .policies = policies };
	struct plain s[M_STRINGS];
	uint64_t odd = 0;
	size_t bytes = 0;
	char *p;

	f->plan = plan;
	f->prices = prices;
	f->policies = policies;
	f->head_len = 0;
	find_head(&m, s, &bytes);
	/* the names of the fields take less than half of it */
	if (bytes > sizeof(f->head) / 2)
		return;
	p = put_head(f->head, s, &odd);
	if (odd == 0)
		f->head_len = (size_t)(p - f->head);
}

static int
is_empty(const char *s)
{
	return s == NULL || *s == '\0';
}

static int
has_head(const struct vt_move_frame *f, const struct vt_move *m)
{
	return f->head_len > 0 && m->plan == f->plan &&
	    m->prices == f->prices && m->policies == f->policies &&
	    is_empty(m->rule) && is_empty(m->policy);
}

/* The strings behind the head. */
static inline void
find_rest(const struct vt_move *m, const struct vt_move_known *known,
    struct plain *s, size_t *bytes)
{
	find_string(m->bucket, &s[M_BUCKET], bytes);
	find_bytes(m->key, m->key_len, &s[M_KEY], bytes);
	find_known(m->version, known->version, &s[M_VERSION], bytes);
	find_known(m->from, known->from, &s[M_FROM], bytes);
	find_known(m->to, known->to, &s[M_TO], bytes);
	find_known(m->reason, known->reason, &s[M_REASON], bytes);
}

int
vt_move_format_quick(const struct vt_move_frame *f, const struct vt_move *m,
    const struct vt_move_known *known, struct vt_buf *out)
{
	/* the same in all lines of a plan, but where rules ask */
	static __thread struct written last;
	size_t bytes = 0, before = out->len;
	int is_framed = has_head(f, m);
	struct plain s[M_STRINGS];
	uint64_t odd = 0;
	char *p;

	if (!is_empty(m->action) || !is_empty(m->upload))
		return 0;
	find_rest(m, known, s, &bytes);
	if (!is_framed)
		find_head(m, s, &bytes);
	p = begin_line(out, bytes);
	if (p == NULL)
		return 0;
	p = is_framed ? put(p, f->head, f->head_len) : put_head(p, s, &odd);
	p = put_plain(PUT(p, ",\"bucket\":"), &s[M_BUCKET], &odd);
	p = put_plain(PUT(p, ",\"key\":"), &s[M_KEY], &odd);
	p = PUT_SOME(p, ",\"version\":", &s[M_VERSION], &odd);
	p = put_i64(PUT(p, ",\"seq\":"), m->seq);
	p = put_i64(PUT(p, ",\"generation\":"), m->generation);
	p = put_i64(PUT(p, ",\"bucket_generation\":"),
	    m->bucket_generation);
	p = put_i64(PUT(p, ",\"copy\":"), m->copy);
	p = put_plain(PUT(p, ",\"from\":"), &s[M_FROM], &odd);
	p = put_plain(PUT(p, ",\"to\":"), &s[M_TO], &odd);
	p = put_u64(PUT(p, ",\"size\":"), m->size_bytes);
	p = PUT_DOUBLE(p, out, "saving_usd_month", m->saving_usd_month);
	p = PUT_DOUBLE(p, out, "cost_usd", m->cost_usd);
	p = PUT_DOUBLE(p, out, "payback_days", m->payback_days);
	p = PUT_SOME(p, ",\"reason\":", &s[M_REASON], &odd);
	if (m->not_after_us != 0)
		p = put_known(PUT(p, ",\"not_after\":"), m->not_after_us,
		    &last);
	return put_end(p, out, before, odd);
}
