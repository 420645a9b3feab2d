/*
 * The policy language of AWS: bucket policies, and the policies of users,
 * which are the same without a Principal.  A document is parsed once, checked
 * as AWS checks it, and kept in a compact form that is matched against the
 * facts of a request.  It knows no HTTP and no storage: who asks for what
 * comes in a struct, the values of condition keys through a callback.
 *
 * Reference: AWS IAM User Guide, "IAM JSON policy element reference";
 * Amazon S3 User Guide, "The meaning of public".
 *
 * A struct vt_policy never changes after vt_policy_parse: threads share it.
 */
#ifndef VT_PROTO_POLICY_H
#define VT_PROTO_POLICY_H

#include <stddef.h>

#include "libvt/base/err.h"

#define VT_POLICY_BYTES_MAX 20480	/* of a document, as on AWS */
#define VT_POLICY_STEPS_MAX (1 << 20)	/* characters compared for a question */

struct vt_policy;

/*
 * Parse and check a document.  `bucket` is the bucket whose policy it is:
 * every statement then needs a principal, its actions must be actions of S3,
 * its condition keys known ones, its resources that bucket or objects in it
 * ("": any bucket, for a policy that was checked when it came).  NULL: the
 * policy of a user, whose statements name no principal.
 *
 * VT_INVALID with words that name statement and element; VT_TOO_LARGE;
 * VT_NOMEM.
 */
enum vt_code vt_policy_parse(const char *text, size_t len,
    const char *bucket, struct vt_policy **out, struct vt_err *err)
    VT_MUST_CHECK;
void vt_policy_free(struct vt_policy *p);

/* Whether anybody is allowed something without a condition that fixes who or
 * where they are: what AWS calls a public policy. */
int vt_policy_is_public(const struct vt_policy *p);

/* Who asks.  Anonymous: all NULL. */
struct vt_policy_caller {
	const char *account;	/* "123456789012" */
	const char *arn;	/* "arn:aws:iam::123456789012:user/ann" */
	const char *canonical_id;
	int is_root;		/* the account itself, not a user of it */
};

struct vt_policy_request {
	struct vt_policy_caller caller;
	const char *action;	/* "s3:GetObject" */
	const char *resource;	/* "arn:aws:s3:::bucket/key"; any bytes */
	size_t resource_len;
	/*
	 * The values of a condition key, which comes as written in the
	 * policy: names have no case.  NULL when the request has no such key;
	 * *count may be 0 for a set that is empty.  They must live until
	 * vt_policy_eval returns.
	 */
	const char *const *(*values)(void *ctx, const char *key,
	    size_t *count);
	void *ctx;
};

enum vt_policy_result {
	VT_POLICY_NOTHING,	/* no statement applies */
	VT_POLICY_ALLOW_ACCOUNT,	/* allowed to the caller's account,
				   which must have let this user do it */
	VT_POLICY_ALLOW,
	VT_POLICY_DENY		/* also when memory ran out, or more than
				   VT_POLICY_STEPS_MAX were needed */
};
enum vt_policy_result vt_policy_eval(const struct vt_policy *p,
    const struct vt_policy_request *q);

#endif
