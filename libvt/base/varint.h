/*
 * Numbers of few bytes when they are small: seven bits a byte from the low end
 * on, the high bit set on all but the last.  At most ten bytes.
 */
#ifndef VT_BASE_VARINT_H
#define VT_BASE_VARINT_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VT_VARINT_MAX 10

/* Write `n` to `out`, which has room for VT_VARINT_MAX; the bytes used. */
static inline size_t
vt_varint_put(char *out, uint64_t n)
{
	size_t len = 0;

	while (n >= 0x80) {
		out[len++] = (char)(n | 0x80);
		n >>= 7;
	}
	out[len++] = (char)n;
	return len;
}

/* As vt_varint_get, byte by byte: for the last ones, and very large ones. */
static int __attribute__((noinline, unused))
vt_varint_get_slow(const char **p, const char *end, uint64_t *out)
{
	const char *at = *p;
	unsigned shift;
	uint64_t n = 0;
	uint8_t c = 0x80;

	for (shift = 0; (c & 0x80) && shift < 63; shift += 7) {
		if (at == end)
			return -1;
		c = (uint8_t)*at++;
		n |= (uint64_t)(c & 0x7f) << shift;
	}
	/* the tenth byte has room for one bit */
	if (c & 0x80) {
		if (at == end || (uint8_t)*at > 1)
			return -1;
		n |= (uint64_t)(uint8_t)*at++ << 63;
	}
	*p = at;
	*out = n;
	return 0;
}

/* Read one at *p and step over it; 0, or -1 when it does not end before `end`
 * or does not fit. */
static inline __attribute__((always_inline)) int
vt_varint_get(const char **p, const char *end, uint64_t *out)
{
	const char *at = *p;
	uint64_t n, last;

	/* most are of one byte */
	if (at != end && (uint8_t)*at < 0x80) {
		*out = (uint8_t)*at;
		*p = at + 1;
		return 0;
	}
	if (end - at < 8)
		return vt_varint_get_slow(p, end, out);
	memcpy(&n, at, 8);
	n = le64toh(n);
	/* the high bit of each byte that ends a number, the first being ours */
	last = ~n & UINT64_C(0x8080808080808080);
	if (last == 0)
		return vt_varint_get_slow(p, end, out);
	n &= (last ^ (last - 1)) & UINT64_C(0x7f7f7f7f7f7f7f7f);
	/* sevens of bits are put together: pairs, then fours, then all */
	n = (n & UINT64_C(0x007f007f007f007f)) |
	    (n & UINT64_C(0x7f007f007f007f00)) >> 1;
	n = (n & UINT64_C(0x00003fff00003fff)) |
	    (n & UINT64_C(0x3fff00003fff0000)) >> 2;
	*out = (n & UINT64_C(0x0fffffff)) | n >> 32 << 28;
	*p = at + (__builtin_ctzll(last) >> 3) + 1;
	return 0;
}

#endif
