/*
 * Lines of a stream, one by one or many at a time, of bounded length.  Knows
 * nothing of what they say.  A handle belongs to one thread at a time.
 */
#ifndef VT_BASE_LINES_H
#define VT_BASE_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/base/err.h"

struct vt_lines;
/* Read lines from `fd` (not closed by us) of at most `max_line` bytes. */
struct vt_lines *vt_lines_open(int fd, size_t max_line);
void vt_lines_close(struct vt_lines *l);
/* Bytes that were read of it already, fewer than 256 KiB, come first: before
 * anything is read here. */
void vt_lines_begin(struct vt_lines *l, const char *data, size_t len);
/*
 * The next line without its newline, borrowed until the next call; not
 * NUL-terminated.  VT_OK; VT_ABSENT at the end; VT_TOO_LARGE for a line over
 * the maximum, which is skipped (call again for the next); VT_IO or another
 * code of errno, VT_BUSY for a non-blocking `fd` with nothing to read: then
 * calling again goes on.  A CR before the newline stays (vt_json_scan ignores
 * it).
 * `number` (may be NULL) gets the line's number from 1.
 */
enum vt_code vt_lines_next(struct vt_lines *l, const char **line, size_t *len,
    uint64_t *number, struct vt_err *err) VT_MUST_CHECK;
/*
 * For those who take many at once: the next whole lines, `most` bytes of them
 * or the one line that is longer, appended to `out` with their newlines; a
 * last line gets one if it has none.  Which lines they are hangs on the stream
 * alone, not on how its bytes arrive.  `most` is at most the maximum of a line.
 * They are not counted, and errors name no number: who reads them finds where
 * they end.  Codes as above; VT_NOMEM when `out` is full.
 */
enum vt_code vt_lines_block(struct vt_lines *l, size_t most,
    struct vt_buf *out, struct vt_err *err) VT_MUST_CHECK;

#endif
