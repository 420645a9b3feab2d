/* Any bytes as a CORS configuration: no crash, and rules that were read can
 * be asked. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/cors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const origins[] = { "https://www.example.com",
	    "null", "", "http://a" };
	static const char *const methods[] = { "GET", "PUT", "DELETE" };
	const char *code = NULL;
	struct vt_cors *c;
	struct vt_err err;
	enum vt_code rc;
	size_t i;
	int any;

	rc = vt_cors_parse((const char *)data, size, &c, &code, &err);
	if ((rc == VT_OK) != (c != NULL) ||
	    (rc == VT_INVALID && code == NULL))
		abort();
	for (i = 0; c != NULL && i < 12; i++)
		if (vt_cors_match(c, origins[i % 4], methods[i % 3],
		    i < 6 ? NULL : "x-amz-date, Content-Type,,a", &any) !=
		    NULL && any != 0 && any != 1)
			abort();
	vt_cors_free(c);
	return 0;
}
