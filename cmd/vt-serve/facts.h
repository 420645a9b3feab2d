/*
 * What a policy may ask about a request: who the caller is, in the words of
 * policies, and the values of condition keys.
 *
 * Reference: AWS IAM User Guide, "AWS global condition context keys"; Service
 * Authorization Reference, "Condition keys for Amazon S3".
 */
#ifndef VT_SERVE_FACTS_H
#define VT_SERVE_FACTS_H

#include "libvt/proto/policy.h"

#include "http.h"

struct facts {
	struct req *r;
	const struct vt_bucket *bucket;	/* NULL: the service */
	const char *version_id;		/* of the version asked for, or NULL */
	const char *prefix;		/* NULL: as in the request's query */
	/* the tags, query-encoded, of the object asked for; NULL: there is
	 * none.  Called at most when a policy asks. */
	const char *(*tags)(struct facts *f);
	void *ctx;			/* the caller's own */
};

void facts_caller(struct req *r, struct vt_policy_caller *out);
/* As vt_policy_request wants it; ctx is a struct facts. */
const char *const *facts_values(void *ctx, const char *key, size_t *count);

#endif
