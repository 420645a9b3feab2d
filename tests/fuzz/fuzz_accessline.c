/* Any line of an access log: the quick way to read it and the slow one, which
 * a blank makes it take, say the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/foreignlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
differ(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len != b_len || (a_len > 0 && memcmp(a, b, a_len) != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vt_logparser *quick, *slow;
	struct vt_log_event a, b;
	struct vt_err err;
	enum vt_code x, y;
	char *text;

	if (quick == NULL)
		quick = vt_logparser_new(VT_LOG_VAULTAIRE, "log");
	if (slow == NULL)
		slow = vt_logparser_new(VT_LOG_VAULTAIRE, "log");
	text = malloc(size + 2);
	if (size == 0 || quick == NULL || slow == NULL || text == NULL) {
		free(text);
		return 0;
	}
	text[0] = (char)data[0];
	text[1] = ' ';
	memcpy(text + 2, data + 1, size - 1);
	x = vt_logparser_line(quick, (const char *)data, size, &a, &err);
	y = vt_logparser_line(slow, text, size + 1, &b, &err);
	if (x != y || (x == VT_OK && (a.kind != b.kind ||
	    a.time_us != b.time_us || a.size_bytes != b.size_bytes ||
	    a.bytes != b.bytes || a.has_source != b.has_source ||
	    differ(a.object.bucket, a.object.bucket_len, b.object.bucket,
	    b.object.bucket_len) ||
	    differ(a.object.key, a.object.key_len, b.object.key,
	    b.object.key_len) ||
	    differ(a.object.version, a.object.version_len, b.object.version,
	    b.object.version_len))))
		abort();
	free(text);
	return 0;
}
