/*
 * Blocks of scan records (recordblock.h) as they come from a file or a pipe.
 * Several streams may stand one behind the other.  A handle belongs to one
 * thread at a time.
 */
#ifndef VT_PROTO_RECORDSTREAM_H
#define VT_PROTO_RECORDSTREAM_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"
#include "libvt/proto/recordblock.h"

struct vt_record_stream {
	int fd;
	char first[VT_BLOCK_HEADER];	/* read and not used yet */
	size_t first_len;
	uint64_t blocks, records;	/* read of this stream */
	int is_open;			/* its last block is to come */
};

/*
 * What `fd`, borrowed, begins with decides whether it is a stream.  1: it is;
 * 0: it is not, and s->first are the `first_len` bytes that were read to find
 * out, which come before what can be read of it.  -1: `err` has a code of
 * errno.  Blocks until some bytes are there.
 */
int vt_record_stream_begin(struct vt_record_stream *s, int fd,
    struct vt_err *err);
/*
 * The next block with records, into `out`, which is emptied before; what it
 * holds is not verified (vt_block_verify), so that another thread can do that.
 * VT_ABSENT at the end of the last whole stream.  VT_CORRUPT: it ends before
 * its last block, as one does whose writer was stopped, or blocks are missing;
 * VT_INVALID, VT_TOO_LARGE as vt_block_parse_head; VT_NOMEM, and codes of
 * errno: then nothing more can be read of it.  Blocks.
 */
enum vt_code vt_record_stream_next(struct vt_record_stream *s,
    struct vt_block *out, struct vt_err *err) VT_MUST_CHECK;

#endif
