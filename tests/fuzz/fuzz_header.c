/*
 * Any bytes as the value of a header that is read by a function of its own:
 * a range, the three kinds of time, numbers, sizes, an ETag, base64 and hex,
 * a URL.  No crash; and what was read lies where its header file says.
 *
 * Input: eight bytes, the size of an object; the rest, the value.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/clock.h"
#include "libvt/base/hex.h"
#include "libvt/base/num.h"
#include "libvt/base/uri.h"
#include "libvt/proto/s3client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int truth)
{
	if (!truth)
		abort();
}

static void
range(const char *text, uint64_t size_bytes)
{
	uint64_t first = 0, len = 0;

	if (vt_num_range(text, size_bytes, &first, &len) == VT_OK)
		must(len >= 1 && first < size_bytes &&
		    len <= size_bytes - first);
}

/* What is written of a time that was read is read as the same again. */
static void
times(const char *text, size_t len)
{
	char out[32];
	int64_t us, again;

	if (vt_time_parse_rfc3339(text, len, &us) == 0) {
		vt_time_rfc3339_ms(us, out);
		must(vt_time_parse_rfc3339(out, strlen(out), &again) == 0);
		must(us - us % 1000 == again || us < 0);
	}
	if (vt_time_parse_http(text, &us) == 0) {
		vt_time_http(us, out);
		must(vt_time_parse_http(out, &again) == 0 && again == us);
	}
	if (vt_time_parse_amz(text, &us) == 0) {
		vt_time_amz(us, out);
		must(vt_time_parse_amz(out, &again) == 0 && again == us);
	}
	if (vt_time_parse_clf(text, len, &us) == 0)
		must(us % 1000000 == 0);
}

static void
numbers(const char *text, size_t len)
{
	uint64_t n;
	int64_t ms;
	double d;

	if (vt_num_u64(text, 10, 1000, "it", &n, NULL) == VT_OK)
		must(n >= 10 && n <= 1000);
	if (vt_num_size(text, 1 << 20, "it", &n, NULL) == VT_OK)
		must(n <= 1 << 20);
	if (vt_num_duration(text, 1000000, "it", &ms, NULL) == VT_OK)
		must(ms >= 0 && ms <= 1000000);
	if (vt_num_double(text, -1, 1, "it", &d, NULL) == VT_OK)
		must(d >= -1 && d <= 1);
	if (vt_num_scan_double(text, len, &d) == 0)
		must(d == d);
	(void)!vt_num_scan_u64(text, len, &n);
}

static void
codes(const char *text, size_t len)
{
	uint8_t raw[64], md5[16];
	char out[129];
	long n;

	n = (long)vt_b64_decode(text, len, raw, sizeof(raw));
	must(n <= (long)sizeof(raw));
	if (n > 0) {
		vt_b64_encode(raw, (size_t)n, out);
		/* One form for each value: what is signed can be compared. */
		must(strlen(out) == len && memcmp(out, text, len) == 0);
	}
	if (vt_s3_etag_md5(text, md5)) {
		vt_hex_encode(md5, 16, out);
		must(len >= 32);
	}
}

static void
url(const char *text)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_url u;

	if (a != NULL && vt_uri_split(a, text, &u, NULL) == VT_OK) {
		must(u.port >= 0 && u.port <= 65535);
		must(u.path[0] == '\0' || u.path[0] == '/');
	}
	vt_arena_free(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t object;
	char *text;

	if (size < sizeof(object))
		return 0;
	memcpy(&object, data, sizeof(object));
	data += sizeof(object);
	size -= sizeof(object);
	text = malloc(size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	range(text, object);
	times(text, strlen(text));
	numbers(text, strlen(text));
	codes(text, strlen(text));
	url(text);
	free(text);
	return 0;
}
