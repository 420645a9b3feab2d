/*
 * AWS Signature Version 4: sign and verify, strings in and strings out.
 * Knows neither clock nor network nor where secrets are kept.
 * Sources: AWS "Create a signed AWS API request", "Authenticating Requests:
 * Using the Authorization Header", "... Query Parameters", "Signature
 * Calculations for the Authorization Header: Transferring Payload in
 * Multiple Chunks", "... trailing headers" (Amazon S3 API Reference).
 */
#ifndef VT_PROTO_SIGV4_H
#define VT_PROTO_SIGV4_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/base/uri.h"

struct vt_header {
	const char *name;	/* any case */
	const char *value;
};

/* 1 when the two could be a line of HTTP: what comes as a form's field or in
 * a query need not. */
int vt_header_valid(const char *name, const char *value);

/* What both sides sign.  Nothing is copied or kept. */
struct vt_sig_request {
	const char *method;
	const char *raw_path;	/* as on the wire, percent-encoded, no query */
	const char *raw_query;	/* as on the wire, without '?', or "" */
	const struct vt_header *headers;
	size_t header_count;
};

enum vt_sig_payload {
	VT_PAYLOAD_HASHED,		/* 64 hex digits */
	VT_PAYLOAD_UNSIGNED,		/* UNSIGNED-PAYLOAD */
	VT_PAYLOAD_CHUNKED,		/* STREAMING-AWS4-HMAC-SHA256-PAYLOAD */
	VT_PAYLOAD_CHUNKED_TRAILER,	/* ...-PAYLOAD-TRAILER */
	VT_PAYLOAD_UNSIGNED_TRAILER	/* STREAMING-UNSIGNED-PAYLOAD-TRAILER */
};

/* Taken from the Authorization header or the query of a request. */
struct vt_sig_auth {
	int version;		/* 4, or 2 for the old presigned/header form */
	int presigned;
	const char *access_key;
	const char *date;	/* yyyymmdd of the scope (v4) */
	const char *region, *service;
	const char *signed_headers;	/* lower case, ';' between (v4) */
	const char *signature;	/* as received */
	const char *security_token;	/* X-Amz-Security-Token or NULL */
	int64_t time_us;	/* X-Amz-Date or Date; 0 for v2 presigned */
	int64_t expires_s;	/* v4 presigned: seconds after time;
				   v2 presigned: seconds since the epoch */
	enum vt_sig_payload payload;
	const char *content_sha256;	/* as received, "" if absent */
};

/*
 * Find and parse the authentication of a request; strings in arena memory.
 * VT_ABSENT: none given (anonymous).  VT_INVALID: given but malformed, or both
 * header and query; err says what.  `s3_code` (may be NULL) gets the S3 error
 * code to answer with (static string: AuthorizationHeaderMalformed,
 * AuthorizationQueryParametersError, InvalidArgument, AccessDenied...), and
 * err the message S3 gives with it, in S3's own capitals.
 * After VT_ABSENT `payload` and `content_sha256` are set all the same: an
 * anonymous body may be chunked.  Whether service, region and time are right
 * is the caller's to check; that the scope's day is the request's is not.
 */
enum vt_code vt_sig_parse(struct vt_arena *a, const struct vt_sig_request *r,
    struct vt_sig_auth *out, const char **s3_code, struct vt_err *err)
    VT_MUST_CHECK;

/*
 * HMAC key of a day, region and service: derive once, keep as long as the
 * secret; wipe with explicit_bzero.  0; -1 when memory is short or the secret
 * is longer than 512 bytes: `out` then holds nothing to sign or verify with.
 */
int vt_sig_key(const char *secret, const char *date, const char *region,
    const char *service, uint8_t out[32]) VT_MUST_CHECK;

/*
 * Verify a v4 request.  VT_OK and the seed signature (64 hex and NUL) for
 * chunk verification; VT_DENIED: SignatureDoesNotMatch; `detail` (may be
 * NULL) then gets the canonical request, a NUL, and the string to sign, for
 * the error document.  Headers the signature must cover (host, every x-amz-*)
 * are required: VT_INVALID names the one that is missing; S3 answers
 * AccessDenied.  Takes about ten times the request's size from the arena.
 */
enum vt_code vt_sig_verify(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_auth *auth, const uint8_t key[32], char seed[65],
    struct vt_buf *detail, struct vt_err *err) VT_MUST_CHECK;

/*
 * Verify a signature version 2 (presigned query or Authorization: AWS k:s).
 * `resource_bucket`: the bucket when virtual-host style put it into Host,
 * else NULL; a path that is a bucket alone may be signed with a slash at its
 * end.  Source: AWS "Signing and authenticating REST requests" (SigV2).
 */
enum vt_code vt_sig_verify_v2(struct vt_arena *a,
    const struct vt_sig_request *r, const struct vt_sig_auth *auth,
    const char *secret, const char *resource_bucket, struct vt_err *err)
    VT_MUST_CHECK;

/* Verify one chunk: previous signature, SHA-256 of the chunk, and what the
 * chunk claims.  On VT_OK `prev` becomes the chunk's signature. */
enum vt_code vt_sig_chunk(const struct vt_sig_auth *auth,
    const uint8_t key[32], char prev[65], const uint8_t sha256[32],
    const char *claimed) VT_MUST_CHECK;
/* The same for trailing headers: SHA-256 of "name:value\n"... */
enum vt_code vt_sig_trailer(const struct vt_sig_auth *auth,
    const uint8_t key[32], char prev[65], const uint8_t sha256[32],
    const char *claimed) VT_MUST_CHECK;

/* What a form says of its signer (RFC 7578 fields; any may be NULL). */
struct vt_sig_form {
	const char *policy;		/* base64: what is signed */
	const char *algorithm, *credential, *date, *signature;	/* v4 */
	const char *access_key, *signature_v2;
	const char *security_token;
};
/*
 * The authentication of a form, as vt_sig_parse has that of a request.
 * VT_ABSENT: none, and no policy either; VT_INVALID: a part of it is missing
 * or malformed.  Sources: AWS "Authenticating Requests in Browser-Based
 * Uploads Using POST (AWS Signature Version 4)", and its version 2.
 */
enum vt_code vt_sig_parse_form(struct vt_arena *a,
    const struct vt_sig_form *form, struct vt_sig_auth *out,
    const char **s3_code, struct vt_err *err) VT_MUST_CHECK;
/* Verify its policy's signature of version 4 (`key`) or 2 (`secret`):
 * VT_OK, VT_DENIED, VT_NOMEM. */
enum vt_code vt_sig_verify_form(const struct vt_sig_auth *auth,
    const uint8_t key[32], const char *policy, struct vt_err *err)
    VT_MUST_CHECK;
enum vt_code vt_sig_verify_form_v2(const struct vt_sig_auth *auth,
    const char *secret, const char *policy, struct vt_err *err)
    VT_MUST_CHECK;

/* Credentials for signing; borrowed. */
struct vt_sig_cred {
	const char *access_key, *secret_key;
	const char *session_token;	/* or NULL */
	const char *region, *service;
};
/*
 * Sign: *out are the headers to add, in arena memory: Authorization first,
 * then x-amz-date, x-amz-content-sha256 (for S3) and x-amz-security-token,
 * each unless `r->headers` has it (x-amz-date must then say `now_us`).
 * `content_sha256`: hex or one of the fixed words.  `r->headers` must hold
 * Host and every header that is to be signed.  `s3_path`: 1 = the path is
 * signed as it is (S3), 0 = normalised and encoded twice (other services,
 * used by the published vectors).
 */
enum vt_code vt_sig_sign(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_cred *cred, int64_t now_us,
    const char *content_sha256, int s3_path, struct vt_header **out,
    size_t *out_count, struct vt_err *err) VT_MUST_CHECK;
/* A presigned URL's query for S3: appends it (without '?') to `out`, that of
 * `r` first.  The payload is UNSIGNED-PAYLOAD unless `r` has a header
 * x-amz-content-sha256.  `expires_s`: 1 to 604800. */
enum vt_code vt_sig_presign(struct vt_arena *a,
    const struct vt_sig_request *r, const struct vt_sig_cred *cred,
    int64_t now_us, int64_t expires_s, struct vt_buf *out,
    struct vt_err *err) VT_MUST_CHECK;

/* Exposed for the vectors: the canonical request and the string to sign. */
enum vt_code vt_sig_canonical(struct vt_arena *a,
    const struct vt_sig_request *r, const char *signed_headers,
    const char *content_sha256, int s3_path, int presigned,
    struct vt_buf *out, struct vt_err *err) VT_MUST_CHECK;

#endif
