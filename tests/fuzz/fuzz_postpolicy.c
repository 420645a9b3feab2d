/* Any bytes as the policy of a form: no crash, whether they are JSON or
 * not, and a policy that was read can be asked. */
#include <stdint.h>
#include <stdlib.h>

#include "libvt/base/hex.h"
#include "libvt/proto/postpolicy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vt_form_field fields[] = {
	    { "key", "user/x", 6 }, { "Content-Type", "image/png, a/b", 14 },
	    { "x-amz-meta-a", "", 0 }, { "policy", "x", 1 } };
	struct vt_arena *a = vt_arena_new(16 << 20);
	struct vt_post_policy *p;
	struct vt_err err;
	char *text;

	if (a == NULL || size > (1 << 20))
		goto out;
	text = vt_arena_alloc(a, 4 * ((size + 2) / 3) + 1);
	if (text == NULL)
		goto out;
	vt_b64_encode(data, size, text);
	if (vt_post_policy_parse(a, text, 4 * ((size + 2) / 3), &p, &err) ==
	    VT_OK) {
		if (p->count > VT_POST_CONDITIONS_MAX)
			abort();
		if (vt_post_policy_check(p, 0, "bucket", fields, 4, &err) ==
		    VT_NOMEM)
			abort();
	}
	/* and as base64 that need not be any */
	if (vt_post_policy_parse(a, (const char *)data, size, &p, &err) ==
	    VT_OK && p->count > VT_POST_CONDITIONS_MAX)
		abort();
out:
	vt_arena_free(a);
	return 0;
}
