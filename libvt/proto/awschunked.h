/*
 * The aws-chunked content coding: signed or unsigned chunks, with or without
 * trailers (AWS "Signature Calculations for the Authorization Header:
 * Transferring Payload in Multiple Chunks" and "... Trailing Headers").
 * A push decoder: bytes in as they arrive, decoded bytes out, never more
 * than the caller offers room for, so that back-pressure works.
 */
#ifndef VT_PROTO_AWSCHUNKED_H
#define VT_PROTO_AWSCHUNKED_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/hash.h"
#include "libvt/proto/sigv4.h"

#define VT_CHUNK_TRAILERS 8	/* trailing headers kept, at most */

struct vt_chunked;

/*
 * `auth` and `key` (for signed forms; NULL for unsigned) are borrowed until
 * free; `seed` is the request's signature.  `decoded_length`: what
 * x-amz-decoded-content-length says, UINT64_MAX when it was not sent.
 * NULL: no memory.
 */
struct vt_chunked *vt_chunked_new(const struct vt_sig_auth *auth,
    const uint8_t key[32], const char seed[65], uint64_t decoded_length);
void vt_chunked_free(struct vt_chunked *c);

/*
 * Decode.  *in_len: bytes offered, then bytes consumed; *out_len: room, then
 * bytes written.  Decoding stops when either is used up.  VT_OK; VT_INVALID
 * (broken framing, more than declared, line too long: err), VT_DENIED (chunk
 * or trailer signature).  A failure is final.  Bytes after the end are an
 * error.  Note: bytes of a signed chunk come out before its signature is
 * known to be right; the caller must not make them visible before
 * vt_chunked_finish says VT_OK.
 */
enum vt_code vt_chunked_push(struct vt_chunked *c, const char *in,
    size_t *in_len, char *out, size_t *out_len, struct vt_err *err)
    VT_MUST_CHECK;
/* The input has ended: VT_OK when the last chunk and trailers were seen and
 * the length is as declared, else VT_INVALID. */
enum vt_code vt_chunked_finish(struct vt_chunked *c, struct vt_err *err)
    VT_MUST_CHECK;
/* A trailer's value (name in lower case) or NULL; borrowed until free. */
const char *vt_chunked_trailer(const struct vt_chunked *c, const char *name);
/* 1 once the terminating chunk and the trailers have been consumed. */
int vt_chunked_done(const struct vt_chunked *c);

#endif
