/*
 * Lines of a stream that may be compressed: gzip, zstd, xz, bzip2, lz4 by
 * their first bytes (libarchive), else as it is.  Several compressed members
 * behind each other are one stream, as `cat a.gz b.gz` makes them.
 */
#ifndef VT_PROTO_ZSTREAM_H
#define VT_PROTO_ZSTREAM_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

struct vt_zlines;

/* Read lines of at most `max_line` bytes from `fd`, which stays the caller's
 * and may be a pipe.  NULL: no memory.  Nothing is read yet. */
struct vt_zlines *vt_zlines_open(int fd, size_t max_line);
/* NULL is accepted. */
void vt_zlines_close(struct vt_zlines *z);
/*
 * The next line without its newline, borrowed until the next call; not
 * NUL-terminated.  VT_OK; VT_ABSENT at the end; VT_TOO_LARGE for a line over
 * the maximum, which is skipped (call again for the next); VT_CORRUPT for
 * broken compression; VT_IO; VT_NOMEM.  May block.  `number` (may be NULL)
 * gets the line's number from 1.
 */
enum vt_code vt_zlines_next(struct vt_zlines *z, const char **line,
    size_t *len, uint64_t *number, struct vt_err *err) VT_MUST_CHECK;

#endif
