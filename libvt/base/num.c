/* Numbers from text and text from numbers: see num.h. */
#include <endian.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/num.h"

const char vt_num_pairs[201] =
    "00010203040506070809101112131415161718192021222324"
    "25262728293031323334353637383940414243444546474849"
    "50515253545556575859606162636465666768697071727374"
    "75767778798081828384858687888990919293949596979899";

/* Digits at *p up to `end`: their value, stopping at what is no digit.  -1
 * when there is none, 1 when the value is over 64 bits (then UINT64_MAX). */
static int
digits(const char **p, const char *end, uint64_t *out)
{
	const char *start = *p;
	uint64_t n = 0;
	int over = 0;

	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
		over |= __builtin_mul_overflow(n, (uint64_t)10, &n);
		over |= __builtin_add_overflow(n, (uint64_t)(**p - '0'), &n);
	}
	*out = over ? UINT64_MAX : n;
	if (*p == start)
		return -1;
	return over;
}

int
vt_num_scan_u64(const char *text, size_t len, uint64_t *out)
{
	const char *p = text, *end = text + len;
	uint64_t n;

	if (digits(&p, end, &n) != 0 || p != end)
		return -1;
	*out = n;
	return 0;
}

enum vt_code
vt_num_u64(const char *text, uint64_t min, uint64_t max, const char *what,
    uint64_t *out, struct vt_err *err)
{
	uint64_t n;

	if (vt_num_scan_u64(text, strlen(text), &n) < 0 || n < min || n > max)
		return vt_fail(err, VT_INVALID,
		    "%s '%s' is not a number from %llu to %llu", what, text,
		    (unsigned long long)min, (unsigned long long)max);
	*out = n;
	return VT_OK;
}

/*
 * The slow way of strtod, for what the fast way below cannot do exactly.  The
 * C locale, as a program may have set another, with a decimal comma.
 */
static int
scan_slow(const char *text, size_t len, double *out)
{
	char stack[64], *copy = stack;
	locale_t c;
	double d;

	if (len >= sizeof(stack)) {
		copy = malloc(len + 1);
		if (copy == NULL)
			return -1;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (c == (locale_t)0) {
		if (copy != stack)
			free(copy);
		return -1;
	}
	d = strtod_l(copy, NULL, c);
	freelocale(c);
	if (copy != stack)
		free(copy);
	if (!isfinite(d))
		return -1;
	*out = d;
	return 0;
}

/* Powers of ten that a double holds exactly. */
static const double ten[] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
	1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};

int
vt_num_scan_double(const char *text, size_t len, double *out)
{
	const char *p = text, *end = text + len, *start;
	int negative, count, more_exp;
	uint64_t n, exp_digits;
	long exp10 = 0;
	double d;

	negative = p < end && *p == '-';
	if (negative)
		p++;
	start = p;
	n = 0;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	count = (int)(p - start);
	if (count == 0 || (count > 1 && *start == '0'))
		return -1;
	if (p < end && *p == '.') {
		start = ++p;
		for (; p < end && *p >= '0' && *p <= '9'; p++)
			n = n * 10 + (uint64_t)(*p - '0');
		if (p == start)
			return -1;
		count += (int)(p - start);
		exp10 = -(long)(p - start);
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		int minus;

		p++;
		minus = p < end && *p == '-';
		if (p < end && (*p == '-' || *p == '+'))
			p++;
		more_exp = digits(&p, end, &exp_digits);
		if (more_exp < 0)
			return -1;
		if (exp_digits > 100000)
			exp_digits = 100000;
		exp10 += minus ? -(long)exp_digits : (long)exp_digits;
	}
	if (p != end)
		return -1;
	/* Both operands exact, so the one rounding is the right one. */
	if (count <= 19 && n <= (uint64_t)1 << 53 && exp10 >= -22 &&
	    exp10 <= 22) {
		d = (double)n;
		d = exp10 < 0 ? d / ten[-exp10] : d * ten[exp10];
		*out = negative ? -d : d;
		return 0;
	}
	return scan_slow(text, len, out);
}

/* The power of ten that makes six digits before the point of a number over
 * 1e-15 and under 1e20; beside a power of ten it may make five or seven. */
static inline int
six_scale(double size, double *scaled)
{
	static const double from[] = {
		1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7,
		1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4,
		1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
		1e16, 1e17, 1e18, 1e19, 1e20
	};
	uint64_t bits;
	int k;

	memcpy(&bits, &size, sizeof(bits));
	/* 1233 / 4096 is a little less than log10(2) */
	k = 5 - (((int)(bits >> 52) - 1023) * 1233 >> 12);
	/* no branch: nobody could guess it */
	k -= size >= from[21 - k];
	*scaled = k >= 0 ? size * ten[k] : size / ten[-k];
	return k;
}

double
vt_num_six_digits(double d)
{
	double size = fabs(d), scaled, rest, out = d;
	uint32_t digits;
	char text[40];
	int k;

	if (!(size > 1e-15 && size < 1e20))
		goto slow;
	k = six_scale(size, &scaled);
	digits = (uint32_t)scaled;
	rest = scaled - digits;
	/* where the scaling's own rounding might tell, printf decides */
	if (digits < 100000 || digits >= 1000000 || fabs(rest - 0.5) < 1e-6)
		goto slow;
	digits += rest > 0.5;
	/* both exact, so the one rounding is the right one */
	size = k >= 0 ? digits / ten[k] : digits * ten[-k];
	return signbit(d) ? -size : size;
slow:
	snprintf(text, sizeof(text), "%.6g", d);
	if (vt_num_scan_double(text, strlen(text), &out) < 0)
		return d;
	return out;
}

static inline uint64_t
pair_of(uint32_t n)
{
	uint16_t two;

	memcpy(&two, vt_num_pairs + 2 * n, sizeof(two));
	return le16toh(two);
}

/* Eight characters, the first in the low byte: in one piece, as they are read
 * again before they have arrived in memory. */
static inline void
put_eight(char *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

#define ZEROS UINT64_C(0x3030303030303030)	/* "00000000" */

size_t
vt_num_put_six(char *p, double d)
{
	double size = fabs(d), scaled;
	int k, count, whole;
	char *start = p;
	uint64_t digits;
	uint32_t n;

	if (!(size > 1e-15 && size < 1e15))
		return 0;
	k = six_scale(size, &scaled);
	n = (uint32_t)(scaled + 0.5);
	/* both exact: is it this number, and no other? */
	if (n < 100000 || n >= 1000000 ||
	    (k >= 0 ? n / ten[k] : n * ten[-k]) != size)
		return 0;
	digits = pair_of(n / 10000) | pair_of(n / 100 % 100) << 16 |
	    pair_of(n % 100) << 32 | (ZEROS & UINT64_C(0xffff) << 48);
	/* those left without the zeros at the end; the first is not 0 */
	count = 8 - (__builtin_clzll(digits ^ ZEROS) >> 3);
	whole = 6 - k;		/* digits before the point; or zeros behind */
	if (signbit(d))
		*p++ = '-';
	/* nine decimals, and of what is not that small never more */
	if (k - (6 - count) > 9) {
		*p++ = (char)digits;
		if (count > 1) {
			*p++ = '.';
			put_eight(p, digits >> 8);
			p += count - 1;
		}
		*p++ = 'e';
		*p++ = '-';
		p = (char *)mempcpy(p, vt_num_pairs + 2 * (1 - whole), 2);
	} else if (whole <= 0) {
		memcpy(p, "0.00000000", 10);
		put_eight(p + 2 - whole, digits);
		p += 2 - whole + count;
	} else if (whole >= count) {
		put_eight(p, digits);
		put_eight(p + 8, ZEROS);
		p += whole;
	} else {
		put_eight(p, digits);
		p[whole] = '.';
		put_eight(p + whole + 1, digits >> 8 * whole);
		p += count + 1;
	}
	return (size_t)(p - start);
}

enum vt_code
vt_num_size(const char *text, uint64_t max, const char *what,
    uint64_t *out_bytes, struct vt_err *err)
{
	static const char units[] = "KMGT";
	const char *p = text, *end = text + strlen(text), *unit;
	uint64_t n, scale = 1;
	int bad;

	bad = digits(&p, end, &n) != 0;
	if (!bad && p < end) {
		unit = strchr(units, *p == 'k' ? 'K' : *p);
		bad = unit == NULL;
		if (!bad) {
			scale = (uint64_t)1 << (10 * (unit - units + 1));
			p++;
			bad = *p != '\0' && strcmp(p, "iB") != 0;
		}
	}
	if (bad || __builtin_mul_overflow(n, scale, &n) || n > max)
		return vt_fail(err, VT_INVALID,
		    "%s '%s' is not a size up to %llu bytes (such as 64, 4K "
		    "or 16MiB)", what, text, (unsigned long long)max);
	*out_bytes = n;
	return VT_OK;
}

enum vt_code
vt_num_duration(const char *text, int64_t max_ms, const char *what,
    int64_t *out_ms, struct vt_err *err)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {
		{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
		{ "h", 3600000 }, { "d", 86400000 }, { "w", 604800000 },
		{ "y", 365 * (uint64_t)86400000 }
	};
	const char *p = text, *end = text + strlen(text);
	uint64_t n;
	size_t i;

	if (digits(&p, end, &n) != 0)
		goto bad;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(p, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(n, units[i].ms, &n) ||
		    n > (uint64_t)max_ms)
			goto bad;
		*out_ms = (int64_t)n;
		return VT_OK;
	}
bad:
	return vt_fail(err, VT_INVALID,
	    "%s '%s' is not a duration up to %lld s (such as 500ms, 30s, 12h "
	    "or 7d)", what, text, (long long)(max_ms / 1000));
}

enum vt_code
vt_num_double(const char *text, double min, double max, const char *what,
    double *out, struct vt_err *err)
{
	double d;

	if (vt_num_scan_double(text, strlen(text), &d) < 0 || d < min ||
	    d > max)
		return vt_fail(err, VT_INVALID,
		    "%s '%s' is not a number from %g to %g", what, text, min,
		    max);
	*out = d;
	return VT_OK;
}

char *
vt_num_human_bytes(uint64_t bytes, char out[16])
{
	static const char units[] = "KMGTPE";
	uint64_t whole, tenths;
	int i = 0;

	if (bytes < 1024) {
		snprintf(out, 16, "%u B", (unsigned)bytes);
		return out;
	}
	/* Integers, so that no locale writes a decimal comma. */
	while (i < 5 && bytes >> (10 * (i + 2)) != 0)
		i++;
	whole = bytes >> (10 * (i + 1));
	tenths = (bytes >> (10 * i)) & 1023;
	tenths = (tenths * 10 + 512) / 1024;
	if (tenths == 10) {
		tenths = 0;
		whole++;
		if (whole == 1024 && i < 5) {
			whole = 1;
			i++;
		}
	}
	snprintf(out, 16, "%u.%u %ciB", (unsigned)whole, (unsigned)tenths,
	    units[i]);
	return out;
}

enum vt_code
vt_num_range(const char *header, uint64_t size_bytes, uint64_t *first,
    uint64_t *length_bytes)
{
	const char *p = header, *end;
	uint64_t from, to;

	while (*p == ' ' || *p == '\t')
		p++;
	/* Range units are case-insensitive: RFC 9110 section 14.1. */
	if (strncasecmp(p, "bytes=", 6) != 0)
		return VT_ABSENT;
	p += 6;
	while (*p == ' ' || *p == '\t')
		p++;
	end = p + strlen(p);
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (p < end && *p == '-') {
		p++;
		if (digits(&p, end, &to) < 0 || p != end)
			return VT_ABSENT;
		if (to == 0 || size_bytes == 0)
			return VT_PRECONDITION;
		if (to > size_bytes)
			to = size_bytes;
		*first = size_bytes - to;
		*length_bytes = to;
		return VT_OK;
	}
	/* Numbers over 64 bits are valid and beyond every object. */
	if (digits(&p, end, &from) < 0 || p == end || *p++ != '-')
		return VT_ABSENT;
	to = UINT64_MAX;
	if (p < end && (digits(&p, end, &to) < 0 || p != end))
		return VT_ABSENT;
	if (to < from)
		return VT_ABSENT;
	if (from >= size_bytes)
		return VT_PRECONDITION;
	if (to >= size_bytes)
		to = size_bytes - 1;
	*first = from;
	*length_bytes = to - from + 1;
	return VT_OK;
}
