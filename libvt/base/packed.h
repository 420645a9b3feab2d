/*
 * Records packed into bytes: numbers that take few bytes when they are small,
 * fractions whole, strings with their length before and a NUL behind them.
 *
 * Who puts has made room and gets back where it ends.  Who gets never reads
 * beyond the end (see exact.h): what is not there is 0 or "", and `failed`
 * says so.
 */
#ifndef VT_BASE_PACKED_H
#define VT_BASE_PACKED_H

#include "libvt/base/exact.h"
#include "libvt/base/varint.h"

/* What a string of `len` bytes takes at most. */
#define VT_PACKED_TEXT(len) ((size_t)(len) + VT_VARINT_MAX + 1)

static inline char *
vt_packed_put(char *p, uint64_t n)
{
	return p + vt_varint_put(p, n);
}

/* Small numbers of either sign are short: 0, -1, 1, -2, 2 and so on. */
static inline uint64_t
vt_packed_fold(int64_t n)
{
	return (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
}

static inline int64_t
vt_packed_unfold(uint64_t n)
{
	return (int64_t)(n >> 1 ^ (0 - (n & 1)));
}

static inline char *
vt_packed_put_signed(char *p, int64_t n)
{
	return vt_packed_put(p, vt_packed_fold(n));
}

static inline char *
vt_packed_put_eight(char *p, uint64_t n)
{
	n = htole64(n);
	memcpy(p, &n, sizeof(n));
	return p + sizeof(n);
}

static inline char *
vt_packed_put_double(char *p, double d)
{
	uint64_t n;

	memcpy(&n, &d, sizeof(n));
	return vt_packed_put_eight(p, n);
}

static inline char *
vt_packed_put_text(char *p, const char *s, size_t len)
{
	p = vt_packed_put(p, len);
	p = (char *)mempcpy(p, s, len);
	*p++ = '\0';
	return p;
}

/* `behind`: bytes from the end on that can be read. */
static inline uint64_t
vt_packed_get_within(struct vt_exact *x, size_t behind)
{
	uint64_t n = 0;

	if (x->failed ||
	    vt_varint_get_within(&x->p, x->end, behind, &n) < 0) {
		x->failed = 1;
		return 0;
	}
	return n;
}

static inline uint64_t
vt_packed_get(struct vt_exact *x)
{
	return vt_packed_get_within(x, 0);
}

static inline int64_t
vt_packed_get_signed(struct vt_exact *x)
{
	return vt_packed_unfold(vt_packed_get(x));
}

/* Borrowed; `len` may be NULL. */
static inline const char *
vt_packed_get_text(struct vt_exact *x, size_t *len)
{
	uint64_t n = vt_packed_get(x);
	const char *s = NULL;

	if (n < SIZE_MAX)
		s = vt_exact_bytes(x, (size_t)n + 1);
	if (s == NULL || s[n] != '\0') {
		x->failed = 1;
		s = "";
		n = 0;
	}
	if (len != NULL)
		*len = (size_t)n;
	return s;
}

#endif
