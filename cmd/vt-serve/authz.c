#include "authz.h"

int
authz_check(struct req *r)
{
	if (r->who.is_root)
		return 0;
	req_error(r, "AccessDenied", NULL);
	return -1;
}
