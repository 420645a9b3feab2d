#include <string.h>

#include "authz.h"

/* A user without a policy is the owner of what it makes, and nothing else.
 * Another bucket may be meant by a copy's source: not before it is asked. */
static int
is_own(const struct req *r)
{
	return *r->who.id != '\0' && *r->who.policy == '\0' &&
	    req_header(r, "x-amz-copy-source") == NULL &&
	    (r->bucket.owner == NULL ||
	    strcmp(r->bucket.owner, r->who.id) == 0);
}

int
authz_check(struct req *r)
{
	if (r->who.is_root || is_own(r))
		return 0;
	req_error(r, "AccessDenied", NULL);
	return -1;
}
