/* Notification rules: what is accepted is written, read again and written the
 * same. */
#include <stdlib.h>
#include <string.h>

#include "libvt/work/notify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct vt_notify *n, *again;
	struct vt_buf a, b;
	struct vt_err err;

	if (vt_notify_parse((const char *)data, len, NULL, &n, &err) != VT_OK)
		return 0;
	vt_buf_init(&a, 64 << 20);
	vt_buf_init(&b, 64 << 20);
	vt_notify_xml(n, "5eed", &a);
	if (vt_notify_parse(a.data, a.len, NULL, &again, &err) != VT_OK)
		abort();
	vt_notify_xml(again, "other", &b);
	if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
		abort();
	vt_notify_free(again);
	vt_notify_free(n);
	vt_buf_release(&a);
	vt_buf_release(&b);
	return 0;
}
