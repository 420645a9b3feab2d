/*
 * How requests to Azure Blob Storage are authorized: SharedKey, a signature
 * by the account's key over the request, made here; or a SAS, a query string
 * that somebody made with that key, which only has to be put behind the URL.
 * And what its headers can hold.  Pure: no clock, no network.
 *
 * The rules are those of "Authorize with Shared Key" for version 2015-02-21
 * and later.
 */
#ifndef VT_PROTO_AZUREAUTH_H
#define VT_PROTO_AZUREAUTH_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/base/err.h"
#include "libvt/proto/sigv4.h"		/* struct vt_header, nothing else */

#define VT_AZURE_KEY_MAX 128	/* bytes of an account key, decoded */

struct vt_azure_request {
	const char *method;
	const char *account;
	const char *url;	/* as it is sent; what is behind the host, path
				   and query, is signed */
	const struct vt_header *headers;	/* with x-ms-date or Date */
	size_t header_count;
	uint64_t body_len;
};

/* What is signed.  VT_INVALID (a URL that is none), VT_TOO_LARGE. */
enum vt_code vt_azure_string_to_sign(const struct vt_azure_request *r,
    struct vt_arena *a, struct vt_buf *out, struct vt_err *err)
    VT_MUST_CHECK;
/* The value of Authorization, in `a`.  `key` as Azure shows it, base64: one
 * that is none is VT_INVALID. */
enum vt_code vt_azure_authorization(const struct vt_azure_request *r,
    const char *key, struct vt_arena *a, const char **out,
    struct vt_err *err) VT_MUST_CHECK;

/*
 * Names of metadata there must be identifiers and values are trimmed: ours,
 * of a-z, 0-9 and '-', become "x-ms-meta-vt_..." with '_' for '-'; a value
 * that would not come back as it went is percent-encoded behind a '='.
 * Both buffers are appended to.
 */
#define VT_AZURE_META "x-ms-meta-vt_"
void vt_azure_meta_name(struct vt_buf *out, const char *name);
void vt_azure_meta_value(struct vt_buf *out, const char *value);
/* Back, from a header as it came: 1 when it is one of ours, else 0.  *name
 * and *value are in `a`; -1 when that is full. */
int vt_azure_meta_read(const char *header, const char *text,
    struct vt_arena *a, const char **name, const char **value);

#endif
