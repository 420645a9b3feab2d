/*
 * Numbers in a file that mean the same on every machine: eight bytes each, the
 * low one first; fractions by their IEEE 754 bits, so that what comes back is
 * what was put, to the last digit.
 *
 * Who reads never reads beyond the end: a number that is not there is 0, and
 * so is all that follows it, which one look at `failed` at the end tells.
 */
#ifndef VT_BASE_EXACT_H
#define VT_BASE_EXACT_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "libvt/base/buf.h"

/* Append.  As vt_buf_add: sticky failure. */
static inline void
vt_exact_put(struct vt_buf *out, uint64_t n)
{
	n = htole64(n);
	(void)vt_buf_add(out, &n, sizeof(n));	/* sticks */
}

static inline void
vt_exact_put_double(struct vt_buf *out, double d)
{
	uint64_t n;

	memcpy(&n, &d, sizeof(n));
	vt_exact_put(out, n);
}

/* What is left to be read. */
struct vt_exact {
	const char *p, *end;
	int failed;
};

/* `len` bytes, borrowed; NULL: they are not there. */
static inline const char *
vt_exact_bytes(struct vt_exact *x, size_t len)
{
	const char *p = x->p;

	if (x->failed || len > (size_t)(x->end - p)) {
		x->failed = 1;
		return NULL;
	}
	x->p += len;
	return p;
}

static inline uint64_t
vt_exact_get(struct vt_exact *x)
{
	const char *p = vt_exact_bytes(x, sizeof(uint64_t));
	uint64_t n;

	if (p == NULL)
		return 0;
	memcpy(&n, p, sizeof(n));
	return le64toh(n);
}

/* What is more than `max` is a failure as well. */
static inline uint64_t
vt_exact_get_to(struct vt_exact *x, uint64_t max)
{
	uint64_t n = vt_exact_get(x);

	if (n <= max)
		return n;
	x->failed = 1;
	return 0;
}

static inline double
vt_exact_get_double(struct vt_exact *x)
{
	uint64_t n = vt_exact_get(x);
	double d;

	memcpy(&d, &n, sizeof(d));
	return d;
}

#endif
