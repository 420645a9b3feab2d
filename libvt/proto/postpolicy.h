/*
 * The policy of a form upload: what its signer lets the fields and the size
 * of the file be.  Strings in and strings out; the signature over it is
 * sigv4.h's.
 * Sources: Amazon S3 API Reference, "POST Policy" (sigv4), "Browser-based
 * uploads using POST (AWS signature version 2)".
 */
#ifndef VT_PROTO_POSTPOLICY_H
#define VT_PROTO_POSTPOLICY_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/err.h"
#include "libvt/proto/formdata.h"

#define VT_POST_CONDITIONS_MAX 256

struct vt_post_policy {
	int64_t expires_us;
	/* all content-length-ranges together: 0 and UINT64_MAX when there is
	 * none */
	uint64_t min_bytes, max_bytes;
	struct vt_post_condition *conditions;
	size_t count;
};

/*
 * Read a policy as the form has it, base64 of JSON, into arena memory.
 * VT_INVALID: err is S3's message of an InvalidPolicyDocument, in S3's own
 * capitals.  VT_NOMEM.
 */
enum vt_code vt_post_policy_parse(struct vt_arena *a, const char *base64,
    size_t len, struct vt_post_policy **out, struct vt_err *err)
    VT_MUST_CHECK;

/*
 * Does the policy let these fields pass, and does it name all of them?  A
 * field that is not there counts as empty; "bucket" is the bucket the form
 * was sent to.  The size is the caller's to hold against min_bytes and
 * max_bytes.  VT_DENIED: err is S3's message of an AccessDenied.
 */
enum vt_code vt_post_policy_check(const struct vt_post_policy *p,
    int64_t now_us, const char *bucket, const struct vt_form_field *fields,
    size_t count, struct vt_err *err) VT_MUST_CHECK;

#endif
