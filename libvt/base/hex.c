/* Hexadecimal and base64: see hex.h. */
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "libvt/base/hex.h"

/* "00" to "ff" */
#define ROW(h) h "0" h "1" h "2" h "3" h "4" h "5" h "6" h "7" \
	h "8" h "9" h "a" h "b" h "c" h "d" h "e" h "f"
static const char hex_pairs[] =
    ROW("0") ROW("1") ROW("2") ROW("3") ROW("4") ROW("5") ROW("6") ROW("7")
    ROW("8") ROW("9") ROW("a") ROW("b") ROW("c") ROW("d") ROW("e") ROW("f");
static const char b64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#ifdef __SSE2__
/* Eight bytes: sixteen digits at once. */
static inline void
encode_eight(const uint8_t *p, char *out)
{
	const __m128i four = _mm_set1_epi8(0x0f);
	__m128i v, n, letters;

	v = _mm_loadl_epi64((const __m128i *)(const void *)p);
	n = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(v, 4), four),
	    _mm_and_si128(v, four));
	letters = _mm_and_si128(_mm_cmpgt_epi8(n, _mm_set1_epi8(9)),
	    _mm_set1_epi8('a' - '0' - 10));
	n = _mm_add_epi8(_mm_add_epi8(n, _mm_set1_epi8('0')), letters);
	_mm_storeu_si128((__m128i *)(void *)out, n);
}

/* Where all bytes of `v` are from 0 to `max`. */
static inline __m128i
up_to(__m128i v, char max)
{
	return _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(max)), v);
}

/* Sixteen digits, the letters small; 0 or -1. */
static inline int
decode_eight(const char *text, uint8_t *out)
{
	__m128i c, digit, letter, is_digit, is_letter, n;

	c = _mm_loadu_si128((const __m128i *)(const void *)text);
	digit = _mm_sub_epi8(c, _mm_set1_epi8('0'));
	letter = _mm_sub_epi8(c, _mm_set1_epi8('a'));
	is_digit = up_to(digit, 9);
	is_letter = up_to(letter, 5);
	if (_mm_movemask_epi8(_mm_or_si128(is_digit, is_letter)) != 0xffff)
		return -1;
	n = _mm_or_si128(_mm_and_si128(is_digit, digit),
	    _mm_and_si128(is_letter,
	    _mm_add_epi8(letter, _mm_set1_epi8(10))));
	/* the first digit of a pair is in the low byte, and is the high one */
	n = _mm_and_si128(_mm_or_si128(_mm_slli_epi16(n, 4),
	    _mm_srli_epi16(n, 8)), _mm_set1_epi16(0xff));
	n = _mm_packus_epi16(n, n);
	_mm_storel_epi64((__m128i *)(void *)out, n);
	return 0;
}
#endif

void
vt_hex_encode(const void *data, size_t len, char *out)
{
	const uint8_t *p = data;
	size_t i = 0;

#ifdef __SSE2__
	for (; i + 8 <= len; i += 8)
		encode_eight(p + i, out + 2 * i);
#endif
	for (; i < len; i++)
		memcpy(out + 2 * i, hex_pairs + 2 * p[i], 2);
	out[2 * len] = '\0';
}

/* One more than the digit that a character is; 0: none. */
static const uint8_t digit_of[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6,
	['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
	['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16
};

int
vt_hex_digit(char c)
{
	return digit_of[(uint8_t)c] - 1;
}

int
vt_hex_decode(const char *text, void *out, size_t len)
{
	uint8_t *p = out;
	int high, low;
	size_t i;

	for (i = 0; i < len; i++) {
		/* The first digit is looked at alone: it may be the NUL. */
		high = digit_of[(uint8_t)text[2 * i]];
		if (high == 0)
			return -1;
		low = digit_of[(uint8_t)text[2 * i + 1]];
		if (low == 0)
			return -1;
		p[i] = (uint8_t)((high - 1) << 4 | (low - 1));
	}
	return 0;
}

int
vt_hex_decode_own(const char *text, size_t text_len, void *out)
{
	size_t i = 0, len = text_len / 2;
	uint8_t *p = out;

	if (text_len % 2 != 0)
		return -1;
#ifdef __SSE2__
	for (; i + 8 <= len; i += 8)
		if (decode_eight(text + 2 * i, p + i) < 0)
			return -1;
#endif
	for (; i < len; i++)
		if (vt_hex_decode(text + 2 * i, p + i, 1) < 0 ||
		    memcmp(hex_pairs + 2 * p[i], text + 2 * i, 2) != 0)
			return -1;
	return 0;
}

void
vt_b64_encode(const void *data, size_t len, char *out)
{
	const uint8_t *p = data;
	uint32_t v;

	for (; len >= 3; len -= 3, p += 3) {
		v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*out++ = b64_digits[v >> 18];
		*out++ = b64_digits[v >> 12 & 63];
		*out++ = b64_digits[v >> 6 & 63];
		*out++ = b64_digits[v & 63];
	}
	if (len != 0) {
		v = (uint32_t)p[0] << 16;
		if (len == 2)
			v |= (uint32_t)p[1] << 8;
		*out++ = b64_digits[v >> 18];
		*out++ = b64_digits[v >> 12 & 63];
		*out++ = len == 2 ? b64_digits[v >> 6 & 63] : '=';
		*out++ = '=';
	}
	*out = '\0';
}

static int
b64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return -1;
}

int
vt_b64_decode(const char *text, size_t text_len, void *out, size_t max)
{
	uint8_t *p = out;
	size_t i, j, pad = 0, len;
	uint32_t v;
	int d;

	if (text_len == 0)
		return 0;
	if (text_len % 4 != 0 || text_len / 4 > INT32_MAX / 3)
		return -1;
	if (text[text_len - 1] == '=')
		pad = text[text_len - 2] == '=' ? 2 : 1;
	len = text_len / 4 * 3 - pad;
	if (len > max)
		return -1;
	for (i = 0; i < text_len; i += 4) {
		size_t skip = i + 4 == text_len ? pad : 0;

		v = 0;
		for (j = 0; j < 4 - skip; j++) {
			d = b64_digit(text[i + j]);
			if (d < 0)
				return -1;
			v = v << 6 | (uint32_t)d;
		}
		v <<= 6 * skip;
		/* Bits under the padding must be 0: RFC 4648 section 3.5. */
		if ((skip == 1 && (v & 0xff) != 0) ||
		    (skip == 2 && (v & 0xffff) != 0))
			return -1;
		*p++ = (uint8_t)(v >> 16);
		if (skip < 2)
			*p++ = (uint8_t)(v >> 8);
		if (skip < 1)
			*p++ = (uint8_t)v;
	}
	return (int)len;
}
