/*
 * Any bytes as a log of any format: no crash, and what is told of an object
 * can be read and has a name.
 *
 * Input: first byte, the format (low four bits) and whether versions are kept
 * apart; the rest, records or lines, of an inventory its schema in the first.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/foreignlog.h"
#include "libvt/proto/jsonsplit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sum;

static void
touch(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum += (unsigned char)s[i];
}

static void
touch_name(const struct vt_log_name *n)
{
	if (n->bucket_len == 0 || n->key_len == 0)
		abort();
	touch(n->bucket, n->bucket_len);
	touch(n->key, n->key_len);
	touch(n->version, n->version_len);
}

static void
feed(struct vt_logparser *p, const char *line, size_t len)
{
	struct vt_log_event e;
	struct vt_err err;
	enum vt_code rc;
	char *copy = malloc(len + 1);

	if (copy == NULL)
		abort();
	/* not a byte more than the line is the parser's */
	memcpy(copy, line, len);
	copy = realloc(copy, len > 0 ? len : 1);
	rc = vt_logparser_line(p, copy, len, &e, &err);
	if (rc != VT_OK && rc != VT_ABSENT && rc != VT_INVALID)
		abort();
	if (rc == VT_OK && e.kind != VT_LOG_COVERAGE) {
		touch_name(&e.object);
		if (e.has_source)
			touch_name(&e.source);
		touch(vt_log_class_name(e.storage_class), 1);
		touch(vt_log_class_tier(e.storage_class), 1);
	}
	free(copy);
}

static void
feed_records(struct vt_logparser *p, const char *s, size_t len)
{
	struct vt_jsonsplit split;
	size_t at = 0, begin = 0, used;

	memset(&split, 0, sizeof(split));
	while (at < len) {
		enum vt_jsonsplit_event event = vt_jsonsplit_next(&split,
		    s + at, len - at, &used);

		at += used;
		if (event == VT_SPLIT_BEGIN)
			begin = at;
		else if (event == VT_SPLIT_END)
			feed(p, s + begin, at - begin);
	}
}

static void
feed_lines(struct vt_logparser *p, const char *s, size_t len)
{
	const char *end = s + len, *stop;

	for (; s < end; s = stop + 1) {
		stop = memchr(s, '\n', (size_t)(end - s));
		if (stop == NULL)
			stop = end;
		feed(p, s, (size_t)(stop - s));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum vt_log_format format;
	struct vt_logparser *p;
	const char *s = (const char *)data + 1, *stop;
	char *schema;

	if (size < 2)
		return 0;
	size--;
	format = (enum vt_log_format)((data[0] & 15) % VT_LOG_FORMATS);
	p = vt_logparser_new(format, "site");
	if (p == NULL)
		abort();
	vt_logparser_versions(p, data[0] & 16);
	stop = memchr(s, '\n', size);
	if (format == VT_LOG_INVENTORY && stop != NULL) {
		schema = strndup(s, (size_t)(stop - s));
		if (schema == NULL)
			abort();
		if (vt_logparser_schema(p, schema, 0, NULL, NULL) != VT_OK)
			vt_logparser_file(p);
		free(schema);
		size -= (size_t)(stop + 1 - s);
		s = stop + 1;
	}
	if (vt_log_format_is_json(format) && size > 0 &&
	    (*s == '{' || *s == '['))
		feed_records(p, s, size);
	else
		feed_lines(p, s, size);
	vt_logparser_free(p);
	return 0;
}
