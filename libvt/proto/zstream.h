/*
 * Lines, or records, of a stream that may be compressed: gzip, zstd, xz, bzip2,
 * lz4 by its first bytes (libarchive), else as it is.  Several compressed
 * members behind each other are one stream, as `cat a.gz b.gz` makes them.
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
/* The same for a part of an uncompressed file, which threads may share: at
 * most `bytes` from `start` on. */
struct vt_zlines *vt_zlines_open_part(int fd, size_t max_line, uint64_t start,
    uint64_t bytes);
/*
 * Before the first line: when the stream turns out to be JSON, its first byte
 * being '{' or '[', give records as jsonsplit.h finds them in the place of
 * lines.  Then a document that ends early is VT_CORRUPT, after its records.
 */
void vt_zlines_records(struct vt_zlines *z);
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

/* Was the last line ended by a newline?  The last of a stream need not be.  Of
 * a record: was there more behind it? */
int vt_zlines_is_whole(const struct vt_zlines *z);
/* Where the next line begins, counted in uncompressed bytes. */
uint64_t vt_zlines_offset(const struct vt_zlines *z);

/* The most that peek and tail give. */
#define VT_ZLINES_SEEN 4096
/*
 * The first bytes not given out yet, VT_ZLINES_SEEN of them or what there is;
 * borrowed until the next call.  Also tells whether the stream is compressed.
 * Codes as of vt_zlines_next.
 */
enum vt_code vt_zlines_peek(struct vt_zlines *z, const char **data,
    size_t *len, int *is_compressed, struct vt_err *err) VT_MUST_CHECK;
/* Step over so many uncompressed bytes, which end a line, and whose lines
 * count; VT_ABSENT when there are not as many.  Codes as above. */
enum vt_code vt_zlines_skip(struct vt_zlines *z, uint64_t bytes,
    struct vt_err *err) VT_MUST_CHECK;
/* The last bytes given out or stepped over, VT_ZLINES_SEEN of them or less;
 * borrowed until the next call. */
const char *vt_zlines_tail(const struct vt_zlines *z, size_t *len);

#endif
