/*
 * Digests and checksums, streamed: libcrypto for MD5, SHA-1, SHA-256, HMAC;
 * ISA-L for CRC32 and CRC32C; CRC64NVME is ours (no Debian library has it;
 * polynomial of the NVMe base specification, reflected, as AWS uses it).
 * Algorithms are fetched once per process, at the first use.  All functions
 * are thread-safe; a struct vt_hash belongs to one thread at a time.
 */
#ifndef VT_BASE_HASH_H
#define VT_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

enum vt_hash_alg {
	VT_MD5, VT_SHA1, VT_SHA256, VT_CRC32, VT_CRC32C, VT_CRC64NVME,
	VT_HASH_ALGS
};

#define VT_HASH_MAX 32

/* Bytes of a digest: 16, 20, 32, 4, 4, 8.  CRCs are big-endian, as S3 sends
 * them in base64. */
size_t vt_hash_len(enum vt_hash_alg alg);

/* A running digest.  vt_hash_init may be called again after final; release
 * frees what libcrypto holds and may be repeated.  Not thread-safe. */
struct vt_hash {
	enum vt_hash_alg alg;
	uint64_t crc;
	void *md;		/* EVP_MD_CTX, kept across init */
};
/* The struct must be zeroed before its first init.  0, or -1: no memory. */
int vt_hash_init(struct vt_hash *h, enum vt_hash_alg alg);
void vt_hash_update(struct vt_hash *h, const void *data, size_t len);
/* Writes vt_hash_len() bytes. */
void vt_hash_final(struct vt_hash *h, uint8_t out[VT_HASH_MAX]);
void vt_hash_release(struct vt_hash *h);
/* One call; 0 or -1. */
int vt_hash_once(enum vt_hash_alg alg, const void *data, size_t len,
    uint8_t out[VT_HASH_MAX]);

int vt_hmac_sha256(const void *key, size_t key_len, const void *data,
    size_t len, uint8_t out[32]);
int vt_hmac_sha1(const void *key, size_t key_len, const void *data,
    size_t len, uint8_t out[20]);

/* CRC64NVME of `len` more bytes after `crc` (0 at the start). */
uint64_t vt_crc64nvme(uint64_t crc, const void *data, size_t len);
/* The same without carry-less multiplication: what machines without it use,
 * public so that tests can hold the two together. */
uint64_t vt_crc64nvme_sliced(uint64_t crc, const void *data, size_t len);
/* The CRC of A followed by B from crc(A), crc(B) and the length of B; for
 * VT_CRC32, VT_CRC32C, VT_CRC64NVME. */
uint64_t vt_crc_combine(enum vt_hash_alg alg, uint64_t a, uint64_t b,
    uint64_t b_len);

/*
 * 64 bits of some bytes, the same on every machine, in a few instructions for
 * eight of them: to tell apart what nobody makes to be taken for one another.
 * Their sums are as good.
 */
uint64_t vt_fingerprint(const void *data, size_t len);

/* Compare secrets without telling where they differ: 1 when equal. */
int vt_equal_secret(const void *a, const void *b, size_t len);
/* Cryptographically random bytes; 0 or -1. */
int vt_random(void *out, size_t len);

#endif
