/*
 * Zeroing structures of some hundred bytes, often.  Of a size it knows a
 * compiler makes a string instruction, whose start alone takes as long as the
 * C library needs for all of it: so the function is in a file of its own, where
 * no size is known.
 */
#ifndef VT_BASE_CLEAR_H
#define VT_BASE_CLEAR_H

#include <stddef.h>

/* `len` bytes.  Never blocks, never fails. */
void vt_clear_bytes(void *p, size_t len);

/* What `p` points to. */
#define vt_clear(p) vt_clear_bytes(p, sizeof(*(p)))

#endif
