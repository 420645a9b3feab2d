/*
 * Who we are for Google: the key file of a service account, as `gcloud iam
 * service-accounts keys create` writes it, or the credentials of a person, as
 * `gcloud auth application-default login` does.  Either is exchanged for a
 * token that lives an hour; this module makes the request and reads the
 * answer.  Pure: the time is an argument, sending is its caller's.
 */
#ifndef VT_PROTO_GCSAUTH_H
#define VT_PROTO_GCSAUTH_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/base/err.h"

/* Strings are malloc'ed, and wiped by release. */
struct vt_gcs_key {
	char *token_uri;
	char *project;		/* or NULL */
	/* of a service account; or NULL */
	char *email, *key_id, *private_key;
	/* of a person; or NULL */
	char *client_id, *client_secret, *refresh_token;
};

/* Read a file's text.  VT_INVALID names the field that is missing. */
enum vt_code vt_gcs_key_parse(const char *text, size_t len,
    struct vt_gcs_key *out, struct vt_err *err) VT_MUST_CHECK;
/* May be repeated. */
void vt_gcs_key_release(struct vt_gcs_key *k);

/* The signed claim that a service account shows for a token (RFC 7523):
 * three parts of base64url, good for an hour from `now_us`. */
enum vt_code vt_gcs_jwt(const struct vt_gcs_key *k, int64_t now_us,
    struct vt_buf *out, struct vt_err *err) VT_MUST_CHECK;
/* The form to be posted to k->token_uri. */
enum vt_code vt_gcs_token_request(const struct vt_gcs_key *k, int64_t now_us,
    struct vt_buf *out, struct vt_err *err) VT_MUST_CHECK;
/* Its answer: the token is appended to `out`, *life_ms is how long it is
 * good. */
enum vt_code vt_gcs_token_read(const char *text, size_t len,
    struct vt_buf *out, int64_t *life_ms, struct vt_err *err) VT_MUST_CHECK;

#endif
