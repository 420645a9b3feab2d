/* Hexadecimal and base64: see hex.h. */
#include <string.h>

#include "libvt/base/hex.h"

/* "00" to "ff" */
#define ROW(h) h "0" h "1" h "2" h "3" h "4" h "5" h "6" h "7" \
	h "8" h "9" h "a" h "b" h "c" h "d" h "e" h "f"
static const char hex_pairs[] =
    ROW("0") ROW("1") ROW("2") ROW("3") ROW("4") ROW("5") ROW("6") ROW("7")
    ROW("8") ROW("9") ROW("a") ROW("b") ROW("c") ROW("d") ROW("e") ROW("f");
static const char b64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
vt_hex_encode(const void *data, size_t len, char *out)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i + 2 <= len; i += 2) {
		memcpy(out + 2 * i, hex_pairs + 2 * p[i], 2);
		memcpy(out + 2 * i + 2, hex_pairs + 2 * p[i + 1], 2);
	}
	if (i < len)
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
