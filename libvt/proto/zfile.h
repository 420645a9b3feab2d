/*
 * A whole file as one zstd frame with a checksum, on its way to and from
 * somewhere that takes and gives bytes by callback.  Memory does not grow with
 * the file.
 */
#ifndef VT_PROTO_ZFILE_H
#define VT_PROTO_ZFILE_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

typedef enum vt_code vt_zfile_put(void *ctx, const void *data, size_t len,
    struct vt_err *err);
/* Up to `len` bytes; *got 0 only at the end. */
typedef enum vt_code vt_zfile_get(void *ctx, void *data, size_t len,
    size_t *got, struct vt_err *err);

/* Compress `fd` from where it stands to its end; failures of `put` come back
 * as they are.  VT_NOMEM, or a code of errno. */
enum vt_code vt_zfile_pack(int fd, vt_zfile_put *put, void *ctx,
    struct vt_err *err) VT_MUST_CHECK;
/* The reverse, `fd` -1: only look whether it could be done.  VT_CORRUPT: no
 * whole frame, or its checksum is wrong. */
enum vt_code vt_zfile_unpack(vt_zfile_get *get, void *ctx, int fd,
    uint64_t *bytes, struct vt_err *err) VT_MUST_CHECK;

#endif
