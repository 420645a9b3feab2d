/*
 * Numbers of few bytes when they are small: seven bits a byte from the low end
 * on, the high bit set on all but the last.  At most ten bytes.
 */
#ifndef VT_BASE_VARINT_H
#define VT_BASE_VARINT_H

#include <stddef.h>
#include <stdint.h>

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

/* Read one at *p and step over it; 0, or -1 when it does not end before `end`
 * or does not fit. */
static inline int
vt_varint_get(const char **p, const char *end, uint64_t *out)
{
	const char *at = *p;
	unsigned shift;
	uint64_t n = 0;
	uint8_t c = 0x80;

	/* most are of one byte */
	if (at < end && (uint8_t)*at < 0x80) {
		*out = (uint8_t)*at;
		*p = at + 1;
		return 0;
	}
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

#endif
