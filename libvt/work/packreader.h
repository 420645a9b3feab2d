/*
 * Reading one member of a pack: its frame, decompressed; of a pack that is
 * encrypted, what the decoder makes of the range that holds it.  Used by
 * copyreader.c, which opens backends and finds keys.
 */
#ifndef VT_WORK_PACKREADER_H
#define VT_WORK_PACKREADER_H

#include "libvt/store/pack.h"
#include "libvt/store/transform.h"

struct vt_pack_reader;
/* Begin a member of `plain_bytes` bytes at `skip` of them.  `decoder`, which
 * gives its frame, becomes the reader's; NULL: it is stored as it is. */
enum vt_code vt_pack_reader_open(uint64_t plain_bytes, uint64_t skip,
    struct vt_decoder *decoder, struct vt_pack_reader **out,
    struct vt_err *err) VT_MUST_CHECK;
/* Up to `len` bytes; *got 0 only at the end.  The whole frame is checked
 * before its last bytes are given out. */
enum vt_code vt_pack_reader_read(struct vt_pack_reader *r,
    vt_decoder_get *get, void *ctx, void *data, size_t len, size_t *got,
    struct vt_err *err) VT_MUST_CHECK;
/* NULL is accepted. */
void vt_pack_reader_close(struct vt_pack_reader *r);

#endif
