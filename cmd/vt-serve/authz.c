#include "authz.h"

int
authz_check(struct req *r)
{
	if (r->who.is_root)
		return 0;
	req_error(r, "AccessDenied", "%s", r->anonymous ?
	    "The request is not signed" :
	    "The access key is not allowed to do this");
	return -1;
}
