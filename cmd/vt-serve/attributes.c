/*
 * GetObjectAttributes.
 */
#include <string.h>
#include <strings.h>

#include "libvt/base/num.h"
#include "libvt/proto/xml.h"

#include "digest.h"
#include "meta.h"
#include "object.h"
#include "ops.h"
#include "sse.h"

#define PARTS_PAGE_MAX 1000
#define ANSWER_MAX (1 << 20)

enum attribute {
	ATTR_ETAG = 1, ATTR_CHECKSUM = 2, ATTR_PARTS = 4, ATTR_CLASS = 8,
	ATTR_SIZE = 16
};

/* The attributes asked for, 0 after answering. */
static unsigned
asked(struct req *r)
{
	static const char *const names[] = { "ETag", "Checksum",
	    "ObjectParts", "StorageClass", "ObjectSize" };
	unsigned out = 0;
	size_t i, k, len;

	for (i = 0; i < r->header_count; i++) {
		const char *p = r->headers[i].value;

		if (strcasecmp(r->headers[i].name,
		    "x-amz-object-attributes") != 0)
			continue;
		for (p += strspn(p, ", "); *p != '\0';
		    p += len, p += strspn(p, ", ")) {
			len = strcspn(p, ", ");
			for (k = 0; k < 5; k++)
				if (strlen(names[k]) == len &&
				    strncmp(names[k], p, len) == 0)
					break;
			if (k == 5) {
				req_error(r, "InvalidArgument",
				    "Invalid attribute name specified.");
				return 0;
			}
			out |= 1u << k;
		}
	}
	if (out == 0)
		req_error(r, "InvalidRequest",
		    "The x-amz-object-attributes header is missing.");
	return out;
}

/* A number of a header within [0, max]. */
static int
header_count(struct req *r, const char *name, uint64_t fallback,
    uint64_t max, uint64_t *out)
{
	const char *text = req_header(r, name);

	*out = fallback;
	if (text == NULL || *text == '\0')
		return 0;
	if (vt_num_scan_u64(text, strlen(text), out) < 0) {
		req_error_detail(r, "ArgumentName", name);
		req_error_detail(r, "ArgumentValue", text);
		req_error(r, "InvalidArgument", NULL);
		return -1;
	}
	if (*out > max)
		*out = max;
	return 0;
}

static int
parts_xml(struct req *r, struct vt_buf *b, const struct vt_version *v)
{
	struct vt_part_info *parts;
	struct sum_stored sum;
	struct vt_err err;
	enum vt_code rc;
	uint64_t max, after, last = 0;
	size_t count, i, shown = 0;
	int has_sum = sum_parse(v->checksum, &sum) == 0, more = 0;

	if (header_count(r, "x-amz-max-parts", PARTS_PAGE_MAX,
	    PARTS_PAGE_MAX, &max) < 0 ||
	    header_count(r, "x-amz-part-number-marker", 0, UINT32_MAX,
	    &after) < 0)
		return -1;
	rc = vt_catalog_parts_of(r->srv->catalog, r->arena, v->seq, &parts,
	    &count, &err);
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return -1;
	}
	vt_xml_open(b, "ObjectParts");
	for (i = 0; i < count; i++) {
		if (parts[i].number <= after)
			continue;
		if (shown == max) {
			more = 1;
			break;
		}
		shown++;
		last = parts[i].number;
		vt_xml_open(b, "Part");
		vt_xml_u64(b, "PartNumber", parts[i].number);
		vt_xml_u64(b, "Size", parts[i].size_bytes);
		if (has_sum && *parts[i].checksum != '\0')
			vt_xml_text(b, sum_element(sum.alg),
			    parts[i].checksum);
		vt_xml_close(b, "Part");
	}
	vt_xml_text(b, "IsTruncated", more ? "true" : "false");
	vt_xml_u64(b, "MaxParts", max);
	vt_xml_u64(b, "NextPartNumberMarker", last);
	vt_xml_u64(b, "PartNumberMarker", after);
	vt_xml_u64(b, "PartsCount", count);
	vt_xml_close(b, "ObjectParts");
	return 0;
}

void
op_get_object_attributes(struct req *r)
{
	const struct sse *sse;
	struct vt_version *v;
	struct sum_stored s;
	char text[DIGEST_TEXT_MAX], date[30];
	struct vt_buf b;
	unsigned want;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	want = asked(r);
	v = want != 0 ? object_find(r, 0) : NULL;
	r->says_sse = 1;	/* nobody looked: it may */
	if (v == NULL || sse_read(r, v->sse, &sse) < 0)
		return;
	vt_buf_init(&b, ANSWER_MAX);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, "GetObjectAttributesResponse");
	if (want & ATTR_ETAG)
		vt_xml_text(&b, "ETag", v->etag);
	if ((want & ATTR_CHECKSUM) && sum_of_version(v, &s, text) == 0) {
		vt_xml_open(&b, "Checksum");
		sum_xml(&b, &s);
		vt_xml_close(&b, "Checksum");
	}
	if ((want & ATTR_PARTS) && v->part_count > 0 &&
	    parts_xml(r, &b, v) < 0)
		goto out;
	if (want & ATTR_CLASS)
		vt_xml_text(&b, "StorageClass", meta_class(r, v->tier));
	if (want & ATTR_SIZE)
		vt_xml_u64(&b, "ObjectSize", v->size_bytes);
	vt_xml_close(&b, "GetObjectAttributesResponse");
	vt_time_http(v->mtime_us, date);
	req_set_header(r, "Last-Modified", date);
	meta_version_header(r, v);
	req_reply_xml(r, 200, &b);
out:
	vt_buf_release(&b);
}
