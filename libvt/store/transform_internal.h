/* What the files behind transform.h share.  Included by them only. */
#ifndef VT_STORE_TRANSFORM_INTERNAL_H
#define VT_STORE_TRANSFORM_INTERNAL_H

#include "libvt/store/transform.h"

/* Where the fields of a head are. */
enum {
	AT_VERSION = 8, AT_CODEC, AT_CIPHER, AT_BY, AT_CHUNK, AT_ZERO,
	AT_ID = 16, AT_NAME = 32, AT_SALT = 64, AT_WRAPPED = 80
};
#define SEAL_MAX 16
#define LENGTH 4		/* bytes of a body's length */
#define INDEX UINT64_MAX	/* the number it is sealed under */

/* Numbers, big-endian, in `len` bytes. */
static inline void
vt_stored_put(uint8_t *out, unsigned len, uint64_t n)
{
	while (len-- > 0) {
		out[len] = (uint8_t)n;
		n >>= 8;
	}
}

static inline uint64_t
vt_stored_get(const uint8_t *in, unsigned len)
{
	uint64_t n = 0;

	while (len-- > 0)
		n = n << 8 | *in++;
	return n;
}

uint64_t vt_stored_chunks(uint64_t plain, unsigned chunk_bytes);
/* Bytes of a seal, and of a compressed blob's index with its own. */
unsigned vt_stored_seal(const struct vt_stored_head *h);
uint64_t vt_stored_index(const struct vt_stored_head *h, uint64_t plain);

/* What stands behind each chunk, and encrypts it. */
struct vt_seal;
/* Make a head, and what seals the chunks of its blob. */
enum vt_code vt_seal_begin(const struct vt_encoder_options *o,
    const uint8_t id[VT_STORED_ID], struct vt_stored_head *head,
    struct vt_seal **out, struct vt_err *err) VT_MUST_CHECK;
/* What opens those of this one. */
enum vt_code vt_seal_open(const struct vt_stored_head *h,
    const struct vt_wrap_key *key, struct vt_seal **out, struct vt_err *err)
    VT_MUST_CHECK;
/* NULL is accepted. */
void vt_seal_free(struct vt_seal *s);
/* Of `len` bytes in place; the seal stands behind them: written, or checked.
 * 0, or -1: it does not fit, or libcrypto failed. */
int vt_seal_make(const struct vt_seal *s, uint64_t number, int last,
    uint8_t *data, size_t len);
int vt_seal_check(const struct vt_seal *s, uint64_t number, int last,
    uint8_t *data, size_t len);

/* A zstd frame of at most `max` bytes; 0: it would be longer. */
size_t vt_frame_make(const uint8_t *data, size_t len, int level, uint8_t *out,
    size_t max);
/* Back to `size` bytes, no more and no fewer; else -1. */
int vt_frame_open(const uint8_t *data, size_t len, uint8_t *out, size_t size);

#endif
