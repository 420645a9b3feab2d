/*
 * What is done to a blob's bytes between the object and the tier: compression
 * and encryption, chunk by chunk, in a stored form that explains itself.  Knows
 * no backend, no catalog and no configuration: bytes come and go through
 * callbacks.
 *
 * The stored form.  A head of 128 bytes, numbers big-endian:
 *
 *	  0   8  89 56 54 58 0d 0a 1a 0a
 *	  8   1  format version: 1
 *	  9   1  codec: 0 none, 1 zstd
 *	 10   1  cipher: 0 none, 1 AES-256-GCM; not both are none
 *	 11   1  whose key wraps the data key: 1 a master key, 2 a customer's;
 *		 0 with cipher 0
 *	 12   1  plain bytes in a chunk, as a power of two
 *	 13   3  zero
 *	 16  16  id of the blob: incarnation of the catalog, number in it
 *	 32  32  name of the master key, zeros after it; zeros for a customer's
 *	 64  16  salt
 *	 80  48  the data key, wrapped: 32 bytes and a tag of 16; this, the
 *		 name and the salt are zeros with cipher 0
 *
 * then the chunks; of the plain bytes all but the last hold a full chunk, and
 * there is always a last.
 *
 * With codec 0 a chunk is its plain bytes encrypted (as long as they are) and
 * its seal.  With codec 1 it is the length of its body in 4 bytes, the body,
 * and its seal: the body is a zstd frame when that is shorter than the plain
 * bytes, else these themselves, and is what is encrypted.  The last chunk is
 * followed by the index, which spares a range the chunks before it: the
 * lengths of all bodies, 4 bytes each, sealed (and encrypted) as chunk number
 * 2^64 - 1, and that by the count of plain bytes in 8.
 *
 * The seal is with cipher 1 the tag of 16 bytes, with cipher 0 the CRC64NVME
 * of the additional data and the body.
 *
 *	wrapping key	HMAC-SHA256(master or customer's key,
 *			"vaultaire wrap 1" salt)
 *	data key	AES-256-GCM, that key, nonce 12 zero bytes,
 *			additional data: the first 64 bytes of the head
 *	chunk n		AES-256-GCM, the data key, nonce: 4 zero bytes and n
 *			in 8; additional data: the blob's id, n in 8 bytes,
 *			1 byte that is 1 for the last chunk and the index and
 *			else 0
 *
 * A data key is random and belongs to one blob, a wrapping key to one salt, so
 * that no nonce meets a key twice.  The id stays what the blob was born with
 * when its stored bytes move under another name.  Wrapping the data key anew
 * (a rotation of master keys) changes only the last 96 bytes of the head; the
 * catalog keeps the head in force, a stored blob the one it was written with.
 *
 * New blobs: 64 KiB a chunk when they are only encrypted.  Compressed ones of
 * at most 64 MiB, or of unknown size, have 256 KiB and larger ones 1 MiB, so
 * that a reader and a writer, who hold one chunk each whatever the number of
 * clients, hold little; above 64 GiB more, so that the index stays small.
 *
 * Keys are wiped when a handle is freed.  A handle belongs to one thread at a
 * time; nothing here blocks but in the callbacks.
 */
#ifndef VT_STORE_TRANSFORM_H
#define VT_STORE_TRANSFORM_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

#define VT_STORED_HEAD 128
#define VT_STORED_TAIL 8	/* of a compressed blob, at its end */
#define VT_STORED_ID 16
#define VT_WRAP_NAME_MAX 33	/* bytes of a key's name, NUL included */
#define VT_TRANSFORM_MAX 192	/* bytes of a transform text, NUL included */

/* A key that wraps data keys: a master key, or with name "" a customer's.
 * Wipe it with explicit_bzero. */
struct vt_wrap_key {
	char name[VT_WRAP_NAME_MAX];	/* [A-Za-z0-9._-]{1,32} or "" */
	uint8_t key[32];
};

/* A head, taken apart. */
struct vt_stored_head {
	uint8_t bytes[VT_STORED_HEAD];
	int is_compressed, is_encrypted;
	int by_customer;		/* a customer's key wraps */
	unsigned chunk_bytes;
	char key_name[VT_WRAP_NAME_MAX];	/* of the master key, or "" */
};

/* Do these VT_STORED_HEAD bytes begin as a head does? */
int vt_stored_is_head(const void *bytes);
/* VT_INVALID: no head, or one of a newer version. */
enum vt_code vt_stored_parse(const void *bytes, size_t len,
    struct vt_stored_head *out, struct vt_err *err) VT_MUST_CHECK;
/* The same of the text that a catalog keeps for a blob ("" is not one). */
enum vt_code vt_stored_parse_text(const char *transform,
    struct vt_stored_head *out, struct vt_err *err) VT_MUST_CHECK;
void vt_stored_text(const struct vt_stored_head *h,
    char out[VT_TRANSFORM_MAX]);
/*
 * Wrap the data key by `to` (a master key) instead of `from`, changing `h`.
 * VT_DENIED: `from` is not the key; VT_NOMEM; VT_IO: no random bytes.
 */
enum vt_code vt_stored_rewrap(struct vt_stored_head *h,
    const struct vt_wrap_key *from, const struct vt_wrap_key *to,
    struct vt_err *err) VT_MUST_CHECK;

/* Stored bytes of a new blob of `plain` bytes, at least 1, that is encrypted
 * and not compressed. */
uint64_t vt_stored_size(uint64_t plain);
/*
 * The reverse for a blob of this head.  `tail` is the last VT_STORED_TAIL
 * bytes of a compressed one, else not looked at.  VT_CORRUPT: no blob is that
 * long.
 */
enum vt_code vt_stored_plain_size(const struct vt_stored_head *h,
    uint64_t stored, const uint8_t *tail, uint64_t *plain,
    struct vt_err *err) VT_MUST_CHECK;

/* --- writing -------------------------------------------------------------- */
struct vt_encoder;
typedef enum vt_code vt_encoder_put(void *ctx, const void *data, size_t len,
    struct vt_err *err);
struct vt_encoder_options {
	const struct vt_wrap_key *key;	/* that wraps the data key, not kept;
					   NULL: not encrypted */
	int level;		/* of zstd, 1..19; 0: not compressed */
	uint64_t size_bytes;	/* that will come; UINT64_MAX: unknown */
};
/*
 * Begin a blob with a fresh data key; one of the two is asked for.  `put` takes
 * the stored bytes; its failures come back as they are.  `head` is what the
 * catalog has to keep.  VT_NOMEM; VT_IO: no random bytes.
 */
enum vt_code vt_encoder_open(const struct vt_encoder_options *o,
    const uint8_t id[VT_STORED_ID], vt_encoder_put *put, void *ctx,
    struct vt_encoder **out, struct vt_stored_head *head,
    struct vt_err *err) VT_MUST_CHECK;
/*
 * Is compressing worth it, as far as the first bytes tell?  They, with what
 * the form adds, must lose an eighth.  VT_ENCODER_SAMPLE bytes are enough.
 */
#define VT_ENCODER_SAMPLE (64 * 1024)
int vt_encoder_shrinks(const void *sample, size_t len, int level);
/* Pieces of any size. */
enum vt_code vt_encoder_write(struct vt_encoder *e, const void *data,
    size_t len, struct vt_err *err) VT_MUST_CHECK;
/* The last chunk, and the index.  Without it nobody can read the blob to its
 * end. */
enum vt_code vt_encoder_finish(struct vt_encoder *e, struct vt_err *err)
    VT_MUST_CHECK;
/* NULL is accepted. */
void vt_encoder_close(struct vt_encoder *e);

/* --- reading -------------------------------------------------------------- */
struct vt_decoder;
/* Up to `len` stored bytes; *got 0 only at the end of the range. */
typedef enum vt_code vt_decoder_get(void *ctx, void *data, size_t len,
    size_t *got, struct vt_err *err);
/*
 * Open a blob of `stored` bytes that are `plain` ones.  `key` (not kept) is
 * NULL for one that is not encrypted.  VT_DENIED: the data key is not wrapped
 * by `key`, or the head was changed; VT_CORRUPT: one of the lengths is wrong.
 */
enum vt_code vt_decoder_open(const struct vt_stored_head *h,
    const struct vt_wrap_key *key, uint64_t stored, uint64_t plain,
    struct vt_decoder **out, struct vt_err *err) VT_MUST_CHECK;
/*
 * Where the index is that this plain range needs, to be read before
 * vt_decoder_range; *stored_length 0: none, as of whole blobs and of those
 * that are not compressed.  Reading it takes all of those bytes; VT_CORRUPT:
 * they are not what was written there.
 */
void vt_decoder_index(const struct vt_decoder *d, uint64_t offset,
    uint64_t length, uint64_t *stored_offset, uint64_t *stored_length);
enum vt_code vt_decoder_index_read(struct vt_decoder *d, vt_decoder_get *get,
    void *ctx, struct vt_err *err) VT_MUST_CHECK;
/*
 * The plain range that is read next, and which stored range `get` will be
 * asked for, from its first byte to its last: whole chunks, and the head when
 * the first chunk is among them.  VT_INVALID: past the end.
 */
enum vt_code vt_decoder_range(struct vt_decoder *d, uint64_t offset,
    uint64_t length, uint64_t *stored_offset, uint64_t *stored_length,
    struct vt_err *err) VT_MUST_CHECK;
/*
 * Up to `len` plain bytes; *got 0 only at the end of the range.  VT_CORRUPT:
 * the stored bytes are not those that were written for this place; no byte of
 * such a chunk is given out.
 */
enum vt_code vt_decoder_read(struct vt_decoder *d, vt_decoder_get *get,
    void *ctx, void *data, size_t len, size_t *got, struct vt_err *err)
    VT_MUST_CHECK;
/* NULL is accepted. */
void vt_decoder_close(struct vt_decoder *d);

#endif
