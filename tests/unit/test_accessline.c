/* The quick way to read a line of our log: it reads what the slow one reads,
 * or leaves it alone. */
#include <stdint.h>

#include "libvt/proto/accessline.h"
#include "libvt/proto/accesslog.h"
#include "libvt/proto/foreignlog.h"

#include "tests/unit/test.h"

static struct vt_logparser *quick, *slow;
static uint32_t dice = 7;

static uint32_t
chance(uint32_t n)
{
	dice = dice * 1664525 + 1013904223;
	return (dice >> 8) % n;
}

static int
same_name(const struct vt_log_name *a, const struct vt_log_name *b)
{
	return a->bucket_len == b->bucket_len && a->key_len == b->key_len &&
	    a->version_len == b->version_len &&
	    (a->bucket_len == 0 ||
	    memcmp(a->bucket, b->bucket, a->bucket_len) == 0) &&
	    (a->key_len == 0 || memcmp(a->key, b->key, a->key_len) == 0) &&
	    (a->version_len == 0 ||
	    memcmp(a->version, b->version, a->version_len) == 0);
}

/* Read it as it is, and with a blank that is none of the quick way's. */
static int
agree(const char *line, size_t len)
{
	struct vt_log_event a, b;
	struct vt_err err;
	enum vt_code x, y;
	char text[2048];

	if (len == 0 || len > sizeof(text) - 1)
		return 1;
	text[0] = line[0];
	text[1] = ' ';
	memcpy(text + 2, line + 1, len - 1);
	x = vt_logparser_line(quick, line, len, &a, &err);
	y = vt_logparser_line(slow, text, len + 1, &b, &err);
	if (x != y)
		return 0;
	return x != VT_OK || (a.kind == b.kind && a.time_us == b.time_us &&
	    a.has_size == b.has_size && a.size_bytes == b.size_bytes &&
	    a.count == b.count && a.bytes == b.bytes &&
	    a.has_source == b.has_source &&
	    (a.kind == VT_LOG_COVERAGE || same_name(&a.object, &b.object)) &&
	    (!a.has_source || same_name(&a.source, &b.source)));
}

/* A line as vt-serve writes it, with some fields left out. */
static size_t
make(char *out, size_t size)
{
	static const char *const ops[] = { "GetObject", "PutObject",
		"DeleteObject", "HeadObject", "CopyObject", "UploadPartCopy",
		"CompleteMultipartUpload", "ListObjectsV2", "PostObject" };
	static const char *const keys[] = { "a/key", "", "\303\274ml",
		"quo\"te", "\377", "x\\y", "tab\t" };
	struct vt_access a;
	struct vt_buf line;
	size_t len;

	memset(&a, 0, sizeof(a));
	a.time_us = INT64_C(1790000000123000) + chance(3) * 1000000;
	a.request_id = chance(3) ? "6f1c" : NULL;
	a.node = chance(3) ? "local" : NULL;
	a.actor = chance(5) ? "client" : "migrate";
	a.remote = chance(3) ? "127.0.0.1" : NULL;
	a.key_id = chance(3) ? "VAULTAIRE" : NULL;
	a.op = ops[chance(3) ? 0 : chance(9)];
	a.bucket = chance(9) ? "photos" : NULL;
	a.key = chance(9) ? keys[chance(3) ? 0 : chance(7)] : NULL;
	a.key_len = a.key != NULL ? strlen(a.key) : 0;
	a.version = chance(3) ? "0123456789abcdef0123456789abcdef" : NULL;
	a.source = strstr(a.op, "Copy") != NULL ? "b/k?versionId=x" : NULL;
	a.status = chance(5) ? 200 : (int)chance(600);
	a.error = chance(9) ? NULL : "NoSuchKey";
	a.range_first = a.range_length = chance(5) ? -1 : (int)chance(99);
	a.bytes_in = chance(9) ? 0 : -5;
	a.bytes_out = (int64_t)chance(100000) << chance(40);
	a.size = chance(9) ? (int64_t)chance(100000) : -1;
	a.copy_id = chance(9) ? 17 : -1;
	a.tier = chance(9) ? "hot" : NULL;
	a.aborted = chance(2) != 0;
	a.agent = chance(5) ? "Boto3/1.35" : chance(2) ? "a \"b\"" : NULL;
	vt_buf_init(&line, size);
	vt_accesslog_format(&a, &line);
	len = line.len - 1;
	memcpy(out, line.data, len);
	vt_buf_release(&line);
	return len;
}

static void
test_written(void)
{
	struct vt_accessline a;
	char line[2048];
	int i, bad = 0, taken = 0;
	size_t len;

	for (i = 0; i < 20000; i++) {
		len = make(line, sizeof(line));
		bad += !agree(line, len);
		taken += vt_accessline_read(line, len, &a);
	}
	is_int(bad, 0, "20,000 lines as they are written: both agree");
	ok(taken > 10000, "most of them are read the quick way (%d)", taken);
}

static void
test_changed(void)
{
	static const char bytes[] = "\"\\{}[],:0123456789 abc\0\n-.e\377";
	char line[2048];
	int i, bad = 0;
	size_t len, at;

	for (i = 0; i < 300000; i++) {
		len = make(line, sizeof(line));
		at = chance((uint32_t)len);
		switch (chance(4)) {
		case 0:
			len = at;
			break;
		case 1:
			memmove(line + at, line + at + 1, len - at - 1);
			len--;
			break;
		case 2:
			memmove(line + at + 1, line + at, len - at);
			len++;
			/* fall through */
		default:
			line[at] = bytes[chance(sizeof(bytes) - 1)];
		}
		if (!agree(line, len) && bad++ == 0)
			printf("# %.*s\n", (int)len, line);
	}
	is_int(bad, 0, "300,000 damaged ones: both agree");
}

int
main(void)
{
	quick = vt_logparser_new(VT_LOG_VAULTAIRE, "log");
	slow = vt_logparser_new(VT_LOG_VAULTAIRE, "log");
	if (quick == NULL || slow == NULL)
		return 1;
	test_written();
	test_changed();
	vt_logparser_free(quick);
	vt_logparser_free(slow);
	return test_done();
}
