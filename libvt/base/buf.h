/*
 * Bytes that grow up to a set maximum.  Whatever a peer can size is held in
 * one of these.  The contents are always followed by a NUL that is not
 * counted, so that text can be used as a C string.
 */
#ifndef VT_BASE_BUF_H
#define VT_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

struct vt_buf {
	char *data;		/* never NULL after vt_buf_init */
	size_t len;
	size_t cap;		/* 0: data is a static empty string */
	size_t max;
	int failed;		/* enum vt_code of the append that failed first:
				   sticky until reset */
};

/* Prepare an empty buffer that may hold `max` bytes.  Cannot fail. */
void vt_buf_init(struct vt_buf *b, size_t max);
/* Free what is inside; may be repeated; the buffer is empty and usable. */
void vt_buf_release(struct vt_buf *b);
/* Forget the contents and the sticky failure, keep the memory. */
void vt_buf_reset(struct vt_buf *b);

/*
 * Append.  Returns 0, or -1 when the maximum or memory is exhausted: then
 * nothing is appended, `failed` is set and every later append fails too,
 * so that a run of appends needs one check, at its end (vt_buf_check).
 */
int vt_buf_add(struct vt_buf *b, const void *data, size_t len);
int vt_buf_str(struct vt_buf *b, const char *s);
int vt_buf_char(struct vt_buf *b, char c);
int vt_buf_u64(struct vt_buf *b, uint64_t n);
int vt_buf_i64(struct vt_buf *b, int64_t n);
int vt_buf_printf(struct vt_buf *b, const char *fmt, ...) VT_PRINTF(2, 3);
/* Make room for `len` more bytes and a NUL; NULL on failure (sticky as above).
 * Who writes there adds to `len` what was written and puts the NUL. */
char *vt_buf_reserve(struct vt_buf *b, size_t len);
/* VT_OK, or VT_TOO_LARGE / VT_NOMEM naming `what` when an append failed. */
enum vt_code vt_buf_check(const struct vt_buf *b, const char *what,
    struct vt_err *err) VT_MUST_CHECK;
/* Ownership of the (NUL-terminated, malloc'ed) bytes leaves `b`; NULL on
 * exhausted memory or after a failed append.  `len` may be NULL. */
char *vt_buf_take(struct vt_buf *b, size_t *len);

#endif
