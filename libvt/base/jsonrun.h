/*
 * What a string of JSON holds as it is, many bytes at once: for jsonl.c and
 * for those who read and write millions of lines in a form that they know.
 */
#ifndef VT_BASE_JSONRUN_H
#define VT_BASE_JSONRUN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What may be read behind the byte at which vt_json_stop stops. */
#define VT_JSON_BEHIND 16

#define VT_JSON_EACH(byte) (UINT64_C(0x0101010101010101) * (uint8_t)(byte))

/*
 * The high bit of each byte of `v` that is a control, a quote or a backslash;
 * bytes after the first may be marked wrongly (a borrow crosses over them).
 * With `high` also bytes over 0x7f: next to which nothing has to tell small
 * ones from large.
 */
static inline uint64_t
vt_json_stops_of_8(uint64_t v, int high)
{
	uint64_t quote = v ^ VT_JSON_EACH('"'), slash = v ^ VT_JSON_EACH('\\');
	uint64_t control = v - VT_JSON_EACH(0x20);

	quote = (quote - VT_JSON_EACH(1)) & (high ? ~UINT64_C(0) : ~quote);
	slash = (slash - VT_JSON_EACH(1)) & (high ? ~UINT64_C(0) : ~slash);
	control = high ? control | v : control & ~v;
	return (quote | slash | control) & VT_JSON_EACH(0x80);
}

/* One to seven bytes as a word; what is left of it is blank or
 * holds one of them twice. */
static inline uint64_t
vt_json_short(const char *p, size_t len)
{
	uint32_t low, high;

	if (len < 4)
		return VT_JSON_EACH(' ') ^ ((uint64_t)(' ' ^ (uint8_t)p[0]) |
		    (uint64_t)(' ' ^ (uint8_t)p[len / 2]) << 8 |
		    (uint64_t)(' ' ^ (uint8_t)p[len - 1]) << 16);
	memcpy(&low, p, 4);
	memcpy(&high, p + len - 4, 4);
	return (uint64_t)high << 32 | low;
}

#ifdef __SSE2__
/* Of sixteen bytes a bit for each that is a control, a quote or a backslash;
 * with `high` also for each over 0x7f. */
static inline unsigned
vt_json_stops_of_16(__m128i v, int high)
{
	__m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
	    _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));

	/* what is not above the last control is one */
	stop = _mm_or_si128(stop, _mm_cmpeq_epi8(v,
	    _mm_min_epu8(v, _mm_set1_epi8(' ' - 1))));
	if (high)
		stop = _mm_or_si128(stop, v);
	return (unsigned)_mm_movemask_epi8(stop);
}
#endif

/* The first control, quote or backslash from `p` on: there is one. */
static inline const char *
vt_json_stop(const char *p)
{
#ifdef __SSE2__
	unsigned bits;

	for (;; p += 16) {
		bits = vt_json_stops_of_16(_mm_loadu_si128(
		    (const __m128i *)(const void *)p), 0);
		if (bits != 0)
			return p + __builtin_ctz(bits);
	}
#else
	while ((uint8_t)*p >= ' ' && *p != '"' && *p != '\\')
		p++;
	return p;
#endif
}

/* Copy eight bytes: 0; else there is one that is not ASCII or would be
 * escaped. */
static inline uint64_t
vt_json_copy_8(char *to, const char *from)
{
	uint64_t v;

	memcpy(&v, from, 8);
	memcpy(to, &v, 8);
	return vt_json_stops_of_8(v, 1);
}

/* The same of `len` bytes.  What does not fill eight or sixteen overlaps. */
static inline uint64_t
vt_json_copy(char *to, const char *from, size_t len)
{
	uint64_t stops = 0;
	size_t i;
#ifdef __SSE2__
	__m128i v;

	if (len >= 16) {
		for (i = 0; i < len; i += 16) {
			i = i < len - 16 ? i : len - 16;
			v = _mm_loadu_si128(
			    (const __m128i *)(const void *)(from + i));
			_mm_storeu_si128((__m128i *)(void *)(to + i), v);
			stops |= vt_json_stops_of_16(v, 1);
		}
		return stops;
	}
#endif
	if (len == 0)
		return 0;
	if (len < 8) {
		if (len < 4) {
			to[0] = from[0];
			to[len / 2] = from[len / 2];
			to[len - 1] = from[len - 1];
		} else {
			memcpy(to, from, 4);
			memcpy(to + len - 4, from + len - 4, 4);
		}
		return vt_json_stops_of_8(vt_json_short(from, len), 1);
	}
	for (i = 0; i + 8 < len; i += 8)
		stops |= vt_json_copy_8(to + i, from + i);
	return stops | vt_json_copy_8(to + len - 8, from + len - 8);
}

#endif
