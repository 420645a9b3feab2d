/*
 * Numbers from text, with their range, and text from numbers.  No locale.
 */
#ifndef VT_BASE_NUM_H
#define VT_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

/* Decimal digits only, whole string, within [min, max].  VT_INVALID names
 * `what`, the text and the range. */
enum vt_code vt_num_u64(const char *text, uint64_t min, uint64_t max,
    const char *what, uint64_t *out, struct vt_err *err) VT_MUST_CHECK;
/* The same over bytes that need not end in NUL; no err: 0 or -1. */
int vt_num_scan_u64(const char *text, size_t len, uint64_t *out);
/* A number as JSON writes it ("-1.5e3", no leading '+' or '.'), finite, over
 * the whole of `len` bytes, whatever the locale; 0 or -1. */
int vt_num_scan_double(const char *text, size_t len, double *out);

/* "000102" to "99", for who writes digits two at a time. */
extern const char vt_num_pairs[201];

/* `d` in six significant digits: the double that "%.6g" of it reads back as,
 * the same on every machine. */
double vt_num_six_digits(double d);

/* Write such a number at `p`, shortest, as vt_json_double does: how many bytes,
 * no NUL; 0: it has more digits, or is 0, not finite, or 1e15 and more. */
#define VT_NUM_SIX_MAX 24
size_t vt_num_put_six(char *p, double d);

/* A size: digits with an optional K, M, G, T (powers of 1024, also KiB..). */
enum vt_code vt_num_size(const char *text, uint64_t max, const char *what,
    uint64_t *out_bytes, struct vt_err *err) VT_MUST_CHECK;
/* A duration: digits with ms, s, m, h, d, w or y (365 d).  A bare number is
 * seconds. */
enum vt_code vt_num_duration(const char *text, int64_t max_ms,
    const char *what, int64_t *out_ms, struct vt_err *err) VT_MUST_CHECK;
/* A decimal number, finite, within [min, max]. */
enum vt_code vt_num_double(const char *text, double min, double max,
    const char *what, double *out, struct vt_err *err) VT_MUST_CHECK;

/* "12.3 MiB", "980 B" into out[16]; returns out. */
char *vt_num_human_bytes(uint64_t bytes, char out[16]);

/*
 * An HTTP byte range (RFC 9110 section 14.1.2) against an object of
 * `size_bytes`.  VT_OK: *first and *length_bytes are set, length >= 1.
 * VT_ABSENT: not a single valid byte range, to be ignored as the RFC says.
 * VT_PRECONDITION: unsatisfiable (416).
 */
enum vt_code vt_num_range(const char *header, uint64_t size_bytes,
    uint64_t *first, uint64_t *length_bytes);

#endif
