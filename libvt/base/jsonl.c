/* JSON lines, written and read: see jsonl.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/jsonrun.h"
#include "libvt/base/num.h"

#include "libvt/base/jsonl.h"

#define MAX_DEPTH 32
#define DOCUMENT_MAX ((size_t)64 << 20)

/*
 * What the byte scanners stop at: 1 a byte that JSON escapes (RFC 8259
 * section 7: controls, quote, backslash), 2 a byte of a longer UTF-8 sequence.
 */
static const uint8_t class[256] = {
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	['"'] = 1, ['\\'] = 1,
	[0x80 ... 0xff] = 2
};

/* The first byte of [p, end) that is a control, a quote or a backslash; with
 * `high` also the first over 0x7f.  Eight or sixteen bytes a step. */
static inline const char *
plain_run(const char *p, const char *end, int high)
{
	const char *start = p;
	uint64_t v, found;
#ifdef __SSE2__
	unsigned bits;

	for (; end - p >= 16; p += 16) {
		bits = vt_json_stops_of_16(_mm_loadu_si128(
		    (const __m128i *)(const void *)p), high);
		if (bits != 0)
			return p + __builtin_ctz(bits);
	}
#endif
	for (; end - p >= 8; p += 8) {
		memcpy(&v, p, 8);
		found = vt_json_stops_of_8(v, high);
		if (found == 0)
			continue;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		return p + (__builtin_ctzll(found) >> 3);
#else
		break;
#endif
	}
	if (p == end)
		return p;
	/* the last eight once more, or all of a short one */
	if (end - start >= 8)
		memcpy(&v, end - 8, 8);
	else
		v = vt_json_short(p, (size_t)(end - p));
	if (vt_json_stops_of_8(v, high) == 0)
		return end;
	for (; p < end; p++)
		if (class[(uint8_t)*p] == 1 ||
		    (high && class[(uint8_t)*p] != 0))
			break;
	return p;
}

/* --- writing ------------------------------------------------------------- */

/* Length of the valid UTF-8 sequence (RFC 3629) at p, or 0. */
static int
utf8_len(const uint8_t *p, const uint8_t *end)
{
	uint8_t low = 0x80, high = 0xbf;
	int n, i;

	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (end - p < n)
		return 0;
	/* No longer forms, no surrogates, nothing over U+10FFFF. */
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static void
escape(struct vt_buf *b, uint8_t c)
{
	static const char digits[] = "0123456789abcdef";
	static const char letters[32] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
		['\r'] = 'r'
	};
	char text[6] = { '\\', 'u', '0', '0', 0, 0 };

	if (c < 0x20 && letters[c] != 0) {
		text[1] = letters[c];
		vt_buf_add(b, text, 2);
		return;
	}
	if (c == '"' || c == '\\') {
		text[1] = (char)c;
		vt_buf_add(b, text, 2);
		return;
	}
	if (c >= 0x80)
		memcpy(text + 2, "dc", 2);
	text[4] = digits[c >> 4];
	text[5] = digits[c & 15];
	vt_buf_add(b, text, 6);
}

void
vt_json_quote(struct vt_buf *b, const void *s, size_t len)
{
	const char *p = s, *end = p + len, *run = p, *stop;
	char *out;
	int n;

	/* Most strings need no escape: one copy with both quotes. */
	stop = plain_run(p, end, 1);
	if (stop == end) {
		out = vt_buf_reserve(b, len + 2);
		if (out == NULL)
			return;
		out[0] = '"';
		if (len != 0)
			memcpy(out + 1, s, len);
		memcpy(out + 1 + len, "\"", 2);
		b->len += len + 2;
		return;
	}
	vt_buf_char(b, '"');
	while (stop < end) {
		if (class[(uint8_t)*stop] == 2) {
			n = utf8_len((const uint8_t *)stop,
			    (const uint8_t *)end);
			if (n > 0) {
				stop = plain_run(stop + n, end, 1);
				continue;
			}
		}
		vt_buf_add(b, run, (size_t)(stop - run));
		escape(b, (uint8_t)*stop);
		run = stop + 1;
		stop = plain_run(run, end, 1);
	}
	vt_buf_add(b, run, (size_t)(end - run));
	vt_buf_char(b, '"');
}

int
vt_json_is_ascii(const char *s, size_t len)
{
	return len == 0 || plain_run(s, s + len, 1) == s + len;
}

/* The comma, when it is not the first field, the name and the colon. */
static void
begin_field(struct vt_buf *b, const char *name)
{
	size_t len = strlen(name);
	char *p;

	if (plain_run(name, name + len, 1) != name + len) {
		if (b->len != 0 && b->data[b->len - 1] != '{')
			vt_buf_char(b, ',');
		vt_json_quote(b, name, len);
		vt_buf_char(b, ':');
		return;
	}
	/* Names are short and many: one growth, one copy. */
	p = vt_buf_reserve(b, len + 4);
	if (p == NULL)
		return;
	if (b->len != 0 && p[-1] != '{')
		*p++ = ',';
	*p++ = '"';
	memcpy(p, name, len);
	memcpy(p + len, "\":", 3);
	b->len = (size_t)(p + len + 2 - b->data);
}

void
vt_json_begin(struct vt_buf *b)
{
	vt_buf_char(b, '{');
}

void
vt_json_end(struct vt_buf *b)
{
	vt_buf_add(b, "}\n", 2);
}

void
vt_json_str(struct vt_buf *b, const char *name, const char *s)
{
	vt_json_bytes(b, name, s, strlen(s));
}

void
vt_json_bytes(struct vt_buf *b, const char *name, const void *s, size_t len)
{
	begin_field(b, name);
	vt_json_quote(b, s, len);
}

void
vt_json_u64(struct vt_buf *b, const char *name, uint64_t n)
{
	begin_field(b, name);
	vt_buf_u64(b, n);
}

void
vt_json_i64(struct vt_buf *b, const char *name, int64_t n)
{
	begin_field(b, name);
	vt_buf_i64(b, n);
}

void
vt_json_bool(struct vt_buf *b, const char *name, int v)
{
	begin_field(b, name);
	vt_buf_str(b, v ? "true" : "false");
}

/*
 * Write `d` when it is a decimal of at most 15 digits, 9 of them behind the
 * point, as prices and ratios mostly are: several times faster than printf.
 * An integer below 2^53 over an exact power of ten is rounded once, as a
 * reader of the text rounds; so equal here is equal there, and as two
 * decimals of 15 digits never share a double, it is the shortest text.
 */
static int
short_decimal(struct vt_buf *b, double d)
{
	static const double scales[] = { 1, 1e3, 1e6, 1e9 };
	static const double limits[] = { 0x1p53, 1e15, 1e15, 1e15 };
	uint64_t n, whole, power = 1;
	char text[32], *p, *point;
	double scaled, size = fabs(d);
	size_t i;

	for (i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
		scaled = size * scales[i];
		if (scaled >= limits[i])
			return 0;
		n = (uint64_t)(i == 0 ? scaled : scaled + 0.5);
		if ((double)n / scales[i] != size) {
			power *= 1000;
			continue;
		}
		p = text + sizeof(text);
		whole = n / power;
		n -= whole * power;
		for (; power > 1; power /= 10, n /= 10)
			*--p = (char)('0' + n % 10);
		point = --p;
		*point = '.';
		do {
			*--p = (char)('0' + whole % 10);
			whole /= 10;
		} while (whole != 0);
		if (signbit(d))
			*--p = '-';
		n = (size_t)(text + sizeof(text) - p);
		while (p[n - 1] == '0' && p + n - 1 > point)
			n--;
		if (p + n - 1 == point)
			n--;
		vt_buf_add(b, p, n);
		return 1;
	}
	return 0;
}

/* The same of what is less than 0.0001, which printf writes as "1.5e-05". */
static int
short_exponent(struct vt_buf *b, double d)
{
	static const double scales[] = {
		1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
		1e20, 1e21, 1e22
	};
	double size = fabs(d), scaled;
	char digits[20], text[32], *p, *t = text;
	uint64_t n;
	size_t i;
	int exponent;

	if (!(size < 1e-4))
		return 0;
	for (i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
		scaled = size * scales[i];
		if (scaled >= 1e15)
			return 0;
		n = (uint64_t)(scaled + 0.5);
		if (n != 0 && (double)n / scales[i] == size)
			break;
	}
	if (i == sizeof(scales) / sizeof(scales[0]))
		return 0;
	/* the first scale that fits leaves no zero at the end */
	p = digits + sizeof(digits);
	exponent = -(int)i - 11;
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
		exponent++;
	} while (n != 0);
	if (signbit(d))
		*t++ = '-';
	*t++ = *p++;
	if (p < digits + sizeof(digits))
		*t++ = '.';
	while (p < digits + sizeof(digits))
		*t++ = *p++;
	memcpy(t, "e-", 2);
	memcpy(t + 2, vt_num_pairs + -exponent * 2, 2);
	vt_buf_add(b, text, (size_t)(t + 4 - text));
	return 1;
}

void
vt_json_double(struct vt_buf *b, const char *name, double d)
{
	char text[40], *p;
	double back;
	int digits;

	begin_field(b, name);
	if (!isfinite(d)) {
		vt_buf_str(b, "null");
		return;
	}
	if (short_decimal(b, d) || short_exponent(b, d))
		return;
	for (digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, d);
		/* A program may have set a locale with a decimal comma. */
		for (p = text; *p != '\0'; p++)
			if (*p == ',')
				*p = '.';
		if (vt_num_scan_double(text, (size_t)(p - text), &back) == 0 &&
		    back == d)
			break;
	}
	vt_buf_str(b, text);
}

void
vt_json_raw(struct vt_buf *b, const char *name, const char *json, size_t len)
{
	begin_field(b, name);
	vt_buf_add(b, json, len);
}

/* --- scanning ------------------------------------------------------------ */

static inline const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' ||
	    *p == '\r'))
		p++;
	return p;
}

/* The closing quote of the string whose text starts at p, or NULL. */
static inline const char *
string_end(const char *p, const char *end, char *escaped)
{
	*escaped = 0;
	for (;;) {
		p = plain_run(p, end, 0);
		if (p == end)
			return NULL;
		if (*p == '"')
			return p;
		if (*p != '\\' || end - p < 2 || (uint8_t)p[1] < 0x20)
			return NULL;
		*escaped = 1;
		p += 2;
	}
}

static inline int
is_digit(const char *p, const char *end)
{
	return p < end && *p >= '0' && *p <= '9';
}

/* The end of the number at p, or NULL. */
static const char *
number_end(const char *p, const char *end)
{
	if (p < end && *p == '-')
		p++;
	if (!is_digit(p, end))
		return NULL;
	if (*p == '0')
		p++;
	else
		while (is_digit(p, end))
			p++;
	if (p < end && *p == '.') {
		p++;
		if (!is_digit(p, end))
			return NULL;
		while (is_digit(p, end))
			p++;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (!is_digit(p, end))
			return NULL;
		while (is_digit(p, end))
			p++;
	}
	return p;
}

static const char *
word_end(const char *p, const char *end, const char *word, size_t len)
{
	if ((size_t)(end - p) < len || memcmp(p, word, len) != 0)
		return NULL;
	return p + len;
}

/*
 * The end of the value at p, or NULL; sets its type and whether a string
 * holds a backslash.  `depth` is what nesting is still allowed: the recursion
 * is bounded by MAX_DEPTH, whatever the line holds.
 */
static const char *
value_end(const char *p, const char *end, int depth, char *type,
    char *escaped)
{
	char inner_type, inner_escaped, close;

	*escaped = 0;
	if (p == end)
		return NULL;
	switch (*p) {
	case '"':
		*type = 's';
		p = string_end(p + 1, end, escaped);
		return p == NULL ? NULL : p + 1;
	case 't':
		*type = 't';
		return word_end(p, end, "true", 4);
	case 'f':
		*type = 'f';
		return word_end(p, end, "false", 5);
	case 'n':
		*type = '0';
		return word_end(p, end, "null", 4);
	case '{':
	case '[':
		break;
	default:
		*type = 'n';
		return number_end(p, end);
	}
	if (depth == 0)
		return NULL;
	*type = *p == '{' ? 'o' : 'a';
	close = *p == '{' ? '}' : ']';
	p = skip_space(p + 1, end);
	if (p < end && *p == close)
		return p + 1;
	for (;;) {
		if (close == '}') {
			if (p == end || *p != '"')
				return NULL;
			p = string_end(p + 1, end, &inner_escaped);
			if (p == NULL)
				return NULL;
			p = skip_space(p + 1, end);
			if (p == end || *p != ':')
				return NULL;
			p = skip_space(p + 1, end);
		}
		p = value_end(p, end, depth - 1, &inner_type, &inner_escaped);
		if (p == NULL)
			return NULL;
		p = skip_space(p, end);
		if (p == end)
			return NULL;
		if (*p == close)
			return p + 1;
		if (*p != ',')
			return NULL;
		p = skip_space(p + 1, end);
	}
}

/* The value at p into a field; its end, or NULL. */
static const char *
take_value(const char *p, const char *end, struct vt_json_field *f)
{
	const char *stop = value_end(p, end, MAX_DEPTH, &f->type,
	    &f->escaped);

	if (stop == NULL)
		return NULL;
	f->value = p;
	f->value_len = (size_t)(stop - p);
	if (f->type == 's') {
		f->value++;
		f->value_len -= 2;
	}
	return stop;
}

int
vt_json_scan(const char *line, size_t len, struct vt_json_field *f, int max)
{
	const char *p = line, *end = line + len, *stop;
	char escaped;
	int n = 0;

	p = skip_space(p, end);
	if (p == end || *p != '{')
		return -1;
	p = skip_space(p + 1, end);
	if (p < end && *p == '}') {
		p++;
		goto tail;
	}
	for (;;) {
		if (n == max || p == end || *p != '"')
			return -1;
		stop = string_end(p + 1, end, &escaped);
		if (stop == NULL)
			return -1;
		f[n].name = p + 1;
		f[n].name_len = (size_t)(stop - p - 1);
		p = skip_space(stop + 1, end);
		if (p == end || *p != ':')
			return -1;
		p = skip_space(p + 1, end);
		stop = take_value(p, end, &f[n]);
		if (stop == NULL)
			return -1;
		n++;
		p = skip_space(stop, end);
		if (p == end)
			return -1;
		if (*p == '}') {
			p++;
			break;
		}
		if (*p != ',')
			return -1;
		p = skip_space(p + 1, end);
	}
tail:
	return skip_space(p, end) == end ? n : -1;
}

const char *
vt_json_plain_end(const char *p, const char *end)
{
	return plain_run(p, end, 0);
}

int
vt_json_items(const char *text, size_t len, struct vt_json_field *f, int max)
{
	const char *p = text, *end = text + len;
	int n = 0;

	p = skip_space(p, end);
	if (p == end || *p != '[')
		return -1;
	p = skip_space(p + 1, end);
	if (p < end && *p == ']')
		return skip_space(p + 1, end) == end ? 0 : -1;
	for (;;) {
		if (n == max)
			return -1;
		f[n].name = NULL;
		f[n].name_len = 0;
		p = take_value(p, end, &f[n]);
		if (p == NULL)
			return -1;
		n++;
		p = skip_space(p, end);
		if (p == end || (*p != ',' && *p != ']'))
			return -1;
		if (*p == ']')
			return skip_space(p + 1, end) == end ? n : -1;
		p = skip_space(p + 1, end);
	}
}

const struct vt_json_field *
vt_json_find(const struct vt_json_field *f, int count, const char *name)
{
	size_t len = strlen(name);
	int i;

	for (i = 0; i < count; i++)
		if (f[i].name_len == len && memcmp(f[i].name, name, len) == 0)
			return &f[i];
	return NULL;
}

/* Four hex digits, or -1. */
static long
hex4(const char *p, const char *end)
{
	long v = 0;
	int i;

	if (end - p < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		v <<= 4;
		if (p[i] >= '0' && p[i] <= '9')
			v |= p[i] - '0';
		else if ((p[i] | 32) >= 'a' && (p[i] | 32) <= 'f')
			v |= (p[i] | 32) - 'a' + 10;
		else
			return -1;
	}
	return v;
}

/* Write what the four digits after \u at *p stand for, step over them and
 * over the second half of a pair.  The bytes written, or -1. */
static int
unescape_u(const char **p, const char *end, char out[4])
{
	long c, low;

	c = hex4(*p, end);
	if (c < 0)
		return -1;
	*p += 4;
	if (c >= 0xdc80 && c <= 0xdcff) {
		/* A byte that was not UTF-8: see vt_json_bytes. */
		out[0] = (char)(c & 0xff);
		return 1;
	}
	if (c >= 0xd800 && c <= 0xdbff) {
		if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
			return -1;
		low = hex4(*p + 2, end);
		if (low < 0xdc00 || low > 0xdfff)
			return -1;
		*p += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xdc00 && c <= 0xdfff) {
		return -1;
	}
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

int
vt_json_unescape(const struct vt_json_field *f, struct vt_buf *out)
{
	const char *p, *end, *slash;
	size_t old;
	char *to, *start;
	int n;

	if (f == NULL || f->type != 's')
		return -1;
	if (!f->escaped)
		return vt_buf_add(out, f->value, f->value_len);
	/* No escape is shorter than what it stands for. */
	start = vt_buf_reserve(out, f->value_len);
	if (start == NULL)
		return -1;
	old = out->len;
	to = start;
	p = f->value;
	end = p + f->value_len;
	while (p < end) {
		slash = memchr(p, '\\', (size_t)(end - p));
		if (slash == NULL)
			slash = end;
		memcpy(to, p, (size_t)(slash - p));
		to += slash - p;
		p = slash;
		if (p == end)
			break;
		if (end - p < 2)
			goto bad;
		p += 2;
		switch (p[-1]) {
		case '"':
		case '\\':
		case '/':
			*to++ = p[-1];
			break;
		case 'b':
			*to++ = '\b';
			break;
		case 'f':
			*to++ = '\f';
			break;
		case 'n':
			*to++ = '\n';
			break;
		case 'r':
			*to++ = '\r';
			break;
		case 't':
			*to++ = '\t';
			break;
		case 'u':
			n = unescape_u(&p, end, to);
			if (n < 0)
				goto bad;
			to += n;
			break;
		default:
			goto bad;
		}
	}
	*to = '\0';
	out->len += (size_t)(to - start);
	return 0;
bad:
	out->data[old] = '\0';
	return -1;
}

int
vt_json_get_u64(const struct vt_json_field *f, uint64_t *out)
{
	if (f == NULL || f->type != 'n')
		return -1;
	return vt_num_scan_u64(f->value, f->value_len, out);
}

int
vt_json_get_i64(const struct vt_json_field *f, int64_t *out)
{
	uint64_t n;
	size_t minus;

	if (f == NULL || f->type != 'n')
		return -1;
	minus = f->value[0] == '-';
	if (vt_num_scan_u64(f->value + minus, f->value_len - minus, &n) < 0 ||
	    n > (uint64_t)INT64_MAX + minus)
		return -1;
	*out = minus ? (int64_t)(0 - n) : (int64_t)n;
	return 0;
}

int
vt_json_get_double(const struct vt_json_field *f, double *out)
{
	if (f == NULL || f->type != 'n')
		return -1;
	return vt_num_scan_double(f->value, f->value_len, out);
}

/* --- whole documents ----------------------------------------------------- */

enum vt_code
vt_json_load(const char *path, json_t **out, struct vt_err *err)
{
	json_error_t where;
	enum vt_code rc;
	char *text;
	size_t len;

	*out = NULL;
	rc = vt_fs_read(path, DOCUMENT_MAX, &text, &len, err);
	if (rc != VT_OK)
		return rc;
	/* A name given twice in a configuration is a mistake to be told. */
	*out = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	free(text);
	if (*out != NULL)
		return VT_OK;
	if (json_error_code(&where) == json_error_out_of_memory)
		return vt_fail(err, VT_NOMEM, "no memory to parse '%s'", path);
	return vt_fail(err, VT_INVALID, "'%s' line %d column %d: %s", path,
	    where.line, where.column, where.text);
}
