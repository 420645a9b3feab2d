/*
 * What is computed over a body, and what the client said it would be: MD5
 * (the ETag), CRC64NVME (always, P5), the checksum asked for, Content-MD5.
 * Pure but for the answers to a request; a digest belongs to one thread at a
 * time.
 */
#ifndef VT_SERVE_DIGEST_H
#define VT_SERVE_DIGEST_H

#include "http.h"

#define DIGEST_TEXT_MAX 48	/* base64 of 32 bytes and a NUL */

/* --- the names of the algorithms ------------------------------------------ */
/* "CRC32C"; NULL for those that are no checksums of S3 (MD5). */
const char *sum_name(enum vt_hash_alg alg);
/* Any case; -1: not one of S3's. */
int sum_by_name(const char *name);
/* "x-amz-checksum-crc32c" and "ChecksumCRC32C". */
const char *sum_header(enum vt_hash_alg alg);
const char *sum_element(enum vt_hash_alg alg);
/* The value is base64 of the right length. */
int sum_valid(enum vt_hash_alg alg, const char *value);
/* 1 when checksums of parts combine into that of the whole. */
int sum_combines(enum vt_hash_alg alg);
void sum_text(enum vt_hash_alg alg, const uint8_t *digest,
    char out[DIGEST_TEXT_MAX]);
void sum_text_u64(enum vt_hash_alg alg, uint64_t crc,
    char out[DIGEST_TEXT_MAX]);
/* The CRC that a base64 text stands for. */
uint64_t sum_value(enum vt_hash_alg alg, const char *text);

/*
 * A stored checksum ("CRC32C FULL_OBJECT base64" of a version, "CRC32C
 * base64" of a part) taken apart; 0, or -1 for "".  value points into it.
 */
struct sum_stored {
	enum vt_hash_alg alg;
	const char *type;	/* FULL_OBJECT COMPOSITE, or "" of a part */
	const char *value;
};
int sum_parse(const char *stored, struct sum_stored *out);
/* The checksum of a version; the CRC64NVME that every version has when the
 * client asked for none, as on AWS.  `text` holds that one.  -1: of what was
 * adopted it is not known. */
int sum_of_version(const struct vt_version *v, struct sum_stored *out,
    char text[DIGEST_TEXT_MAX]);
/* Response headers; the type is left out when it is "". */
void sum_send(struct req *r, const struct sum_stored *s);
/* <ChecksumCRC32C>; with the type after it when there is one. */
void sum_xml(struct vt_buf *b, const struct sum_stored *s);

/* The one x-amz-checksum-* header of a request: 1 and its algorithm and
 * value, 0 for none, -1 after answering (several, or not a value). */
int sum_from_headers(struct req *r, enum vt_hash_alg *alg,
    const char **value);
/* The header that names an algorithm: 1, 0 for none, -1 after answering. */
int sum_alg_header(struct req *r, const char *header, enum vt_hash_alg *alg);

/* --- over a body ---------------------------------------------------------- */
struct digest {
	/* what the client said */
	int has_sum;
	enum vt_hash_alg alg;
	const char *expected;	/* base64, or NULL */
	const char *trailer;	/* the trailer that will say it, or NULL */
	int has_md5;
	uint8_t expected_md5[16];
	/* running */
	struct vt_hash md5, sum;
	/* results, after digest_end */
	uint64_t size_bytes;
	uint64_t crc64;
	uint8_t md5_bytes[16];
	char etag[33];
	char text[DIGEST_TEXT_MAX];	/* of the checksum, "" for none */
};
/* Read what the headers promise of the body; -1 after answering. */
int digest_promises(struct req *r, struct digest *d);
/* Compute this one too, unless the client promised one. */
void digest_want(struct digest *d, enum vt_hash_alg alg);
/* 0, or -1: no memory. */
int digest_begin(struct digest *d);
void digest_update(struct digest *d, const void *data, size_t len);
/* The two halves of digest_update, for two threads: MD5, and the rest. */
void digest_update_md5(struct digest *d, const void *data, size_t len);
void digest_update_sums(struct digest *d, const void *data, size_t len);
void digest_end(struct digest *d);
/* Compare with what was promised; -1 after answering. */
int digest_check(struct req *r, struct digest *d);
/* All of it over a collected body, which must come with a digest when it is
 * `required`. */
int digest_body(struct req *r, int required);
/* 1 when the client promised something, in a header or a trailer. */
static inline int
digest_promised(const struct digest *d)
{
	return d->has_md5 || d->expected != NULL || d->trailer != NULL;
}
/* May be repeated. */
void digest_release(struct digest *d);

#endif
