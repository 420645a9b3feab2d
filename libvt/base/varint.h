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

/* As vt_varint_get_within, byte by byte: for the last ones, and large ones. */
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

/* The number that eight bytes begin with, of which the bits of `last` are the
 * high ones of bytes that end a number. */
static inline __attribute__((always_inline)) uint64_t
vt_varint_of(uint64_t eight, uint64_t last)
{
	uint64_t n = eight & (last ^ (last - 1)) &
	    UINT64_C(0x7f7f7f7f7f7f7f7f);

	/* sevens of bits are put together: pairs, then fours, then all */
	n = (n & UINT64_C(0x007f007f007f007f)) |
	    (n & UINT64_C(0x7f007f007f007f00)) >> 1;
	n = (n & UINT64_C(0x00003fff00003fff)) |
	    (n & UINT64_C(0x3fff00003fff0000)) >> 2;
	return (n & UINT64_C(0x0fffffff)) | n >> 32 << 28;
}

/* Read one at *p and step over it; 0, or -1 when it does not end before `end`
 * or does not fit.  `behind`: bytes from `end` on that can be read. */
static inline __attribute__((always_inline)) int
vt_varint_get_within(const char **p, const char *end, size_t behind,
    uint64_t *out)
{
	const char *at = *p;
	uint64_t n, last;
	size_t len;

	/* most are of one byte */
	if (at != end && (uint8_t)*at < 0x80) {
		*out = (uint8_t)*at;
		*p = at + 1;
		return 0;
	}
	if (behind < 8 && end - at < 8)
		return vt_varint_get_slow(p, end, out);
	memcpy(&n, at, 8);
	n = le64toh(n);
	last = ~n & UINT64_C(0x8080808080808080);
	len = last != 0 ? (size_t)(__builtin_ctzll(last) >> 3) + 1 : 8;
	if (last == 0 || len > (size_t)(end - at))
		return vt_varint_get_slow(p, end, out);
	*out = vt_varint_of(n, last);
	*p = at + len;
	return 0;
}

static inline __attribute__((always_inline)) int
vt_varint_get(const char **p, const char *end, uint64_t *out)
{
	return vt_varint_get_within(p, end, 0, out);
}

#endif
