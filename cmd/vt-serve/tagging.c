/*
 * Tags: their rules, and the operations on those of objects.  See tagging.h.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/proto/xml.h"

#include "digest.h"
#include "documents.h"
#include "authz.h"
#include "meta.h"
#include "object.h"
#include "ops.h"
#include "tagging.h"

#define OBJECT_TAGS_MAX 10
#define BUCKET_TAGS_MAX 50
#define KEY_MAX 128		/* characters, as S3 counts them */
#define VALUE_MAX 256
#define TAGS_BYTES_MAX (1 << 17)

/* --- what a tag may be ---------------------------------------------------- */

/* Characters of UTF-8, or -1 when one is not allowed: those of other scripts
 * are, of ASCII letters, digits, space and + - = . _ : / @. */
static long
characters(const char *s)
{
	long n = 0;

	if (!vt_utf8_valid(s, strlen(s)))
		return -1;
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x80 && !(c >= '0' && c <= '9') &&
		    !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
		    strchr(" +-=._:/@", c) == NULL)
			return -1;
		n += (c & 0xc0) != 0x80;
	}
	return n;
}

static int
bad_tag(struct req *r, const struct vt_query *q, int with_value,
    const char *text)
{
	req_error_detail(r, "TagKey", q->name);
	if (with_value)
		req_error_detail(r, "TagValue", q->value);
	req_error(r, "InvalidTag", "%s", text);
	return -1;
}

/* The first tag that is wrong is told, too many of them last: as on AWS. */
static int
check_tags(struct req *r, const struct vt_query *q, size_t count)
{
	size_t i, j;
	long n;

	for (i = 0; i < count; i++) {
		n = characters(q[i].name);
		if (n < 1 || n > KEY_MAX)
			return bad_tag(r, &q[i], 0,
			    "The TagKey you have provided is invalid");
		if (strncasecmp(q[i].name, "aws:", 4) == 0)
			return bad_tag(r, &q[i], 0, "System tags cannot be "
			    "added/updated by requester");
		n = characters(q[i].value);
		if (n < 0 || n > VALUE_MAX)
			return bad_tag(r, &q[i], 1,
			    "The TagValue you have provided is invalid");
		for (j = 0; j < i; j++)
			if (strcmp(q[i].name, q[j].name) == 0)
				return bad_tag(r, &q[i], 0, "Cannot provide "
				    "multiple Tags with the same key");
	}
	return 0;
}

static int
bad_header(struct req *r, const char *header)
{
	req_error_detail(r, "ArgumentName", "x-amz-tagging");
	req_error_detail(r, "ArgumentValue", header);
	req_error(r, "InvalidArgument", "The header 'x-amz-tagging' shall be "
	    "encoded as UTF-8 then URLEncoded URL query parameters without "
	    "tag name duplicates.");
	return -1;
}

static int
too_many(struct req *r)
{
	req_error(r, "BadRequest", "Object tags cannot be greater than %d",
	    OBJECT_TAGS_MAX);
	return -1;
}

int
tags_read(struct req *r, const char *header, const char **out)
{
	struct vt_query *q;
	size_t count, i, j;
	struct vt_err err;
	enum vt_code rc;

	*out = "";
	if (header == NULL || *header == '\0')
		return 0;
	rc = vt_uri_query(r->arena, header, strlen(header), BUCKET_TAGS_MAX,
	    &q, &count, &err);
	if (rc == VT_TOO_LARGE)
		return too_many(r);
	if (rc != VT_OK)
		return bad_header(r, header);
	for (i = 1; i < count; i++)
		for (j = 0; j < i; j++)
			if (strcmp(q[i].name, q[j].name) == 0)
				return bad_header(r, header);
	if (check_tags(r, q, count) < 0)
		return -1;
	if (count > OBJECT_TAGS_MAX)
		return too_many(r);
	*out = header;
	return 0;
}

/* --- as XML --------------------------------------------------------------- */

/* The tags of a <Tagging>, in arena memory, in their order. */
static int
read_set(struct req *r, const struct vt_xml *root, struct vt_query **out,
    size_t *count)
{
	const struct vt_xml *set = vt_xml_child(root, "TagSet"), *x;
	size_t n = 0;

	*count = 0;
	if (set == NULL) {
		req_error(r, "MalformedXML", "There is no TagSet");
		return -1;
	}
	for (x = set->child; x != NULL; x = x->next)
		n++;
	/* what is far too many is not compared with each other */
	if (n > 4 * BUCKET_TAGS_MAX) {
		req_error(r, "BadRequest", "There are %zu tags, over %d", n,
		    BUCKET_TAGS_MAX);
		return -1;
	}
	*out = req_alloc(r, (n + 1) * sizeof(**out));
	if (*out == NULL)
		return -1;
	for (x = set->child; x != NULL; x = x->next) {
		struct vt_query *q = &(*out)[*count];

		q->name = vt_xml_child_text(x, "Key");
		q->value = vt_xml_child_text(x, "Value");
		if (strcmp(x->name, "Tag") != 0 || q->name == NULL ||
		    q->value == NULL) {
			req_error(r, "MalformedXML", "A TagSet holds Tag "
			    "elements, each with Key and Value");
			return -1;
		}
		(*count)++;
	}
	return check_tags(r, *out, *count);
}

static void
write_set(struct vt_buf *b, const struct vt_query *q, size_t count)
{
	vt_xml_decl(b);
	vt_xml_open_ns(b, "Tagging");
	vt_xml_open(b, "TagSet");
	for (size_t i = 0; i < count; i++) {
		vt_xml_open(b, "Tag");
		vt_xml_text(b, "Key", q[i].name);
		vt_xml_text(b, "Value", q[i].value);
		vt_xml_close(b, "Tag");
	}
	vt_xml_close(b, "TagSet");
	vt_xml_close(b, "Tagging");
}

int
tags_parse(struct req *r, const char *xml, size_t len, const char **out)
{
	struct vt_xml *root = meta_xml_of(r, xml, len, "Tagging",
	    "MalformedXML");
	struct vt_query *q;
	struct vt_buf b;
	size_t count, i;

	if (root == NULL || read_set(r, root, &q, &count) < 0)
		return -1;
	if (count > OBJECT_TAGS_MAX)
		return too_many(r);
	vt_buf_init(&b, TAGS_BYTES_MAX);
	for (i = 0; i < count; i++) {
		if (i > 0)
			vt_buf_char(&b, '&');
		vt_uri_encode(&b, q[i].name, strlen(q[i].name), 0);
		vt_buf_char(&b, '=');
		vt_uri_encode(&b, q[i].value, strlen(q[i].value), 0);
	}
	if (b.failed)
		req_fail(r, VT_NOMEM, NULL);
	else
		*out = req_dup(r, b.data != NULL ? b.data : "", b.len);
	vt_buf_release(&b);
	return req_answered(r) ? -1 : 0;
}

int
tags_check_bucket(struct req *r, struct vt_cat_doc *d)
{
	const struct vt_xml *root = meta_xml(r, "Tagging", "MalformedXML");
	struct vt_query *q;
	struct vt_buf b;
	size_t count;

	if (root == NULL || read_set(r, root, &q, &count) < 0)
		return -1;
	if (count > BUCKET_TAGS_MAX) {
		req_error(r, "BadRequest", "Bucket tag count cannot be "
		    "greater than %d", BUCKET_TAGS_MAX);
		return -1;
	}
	if (count == 0)		/* none left: there is no tag set */
		return 0;
	vt_buf_init(&b, DOCUMENT_MAX);
	write_set(&b, q, count);
	if (b.failed)
		req_fail(r, VT_NOMEM, NULL);
	else {
		d->len = b.len;
		d->body = req_dup(r, b.data, b.len);
	}
	vt_buf_release(&b);
	return req_answered(r) ? -1 : 0;
}

/* --- of an object --------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct vt_query *)a)->name,
	    ((const struct vt_query *)b)->name);
}

void
op_get_object_tagging(struct req *r)
{
	struct vt_version *v;
	struct vt_query *q = NULL;
	size_t count = 0;
	struct vt_err err;
	struct vt_buf b;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	v = object_find(r, 0);
	if (v == NULL)
		return;
	if (*v->tags != '\0' && vt_uri_query(r->arena, v->tags,
	    strlen(v->tags), BUCKET_TAGS_MAX, &q, &count, &err) != VT_OK) {
		req_fail(r, VT_CORRUPT, &err);
		return;
	}
	if (count > 0)
		qsort(q, count, sizeof(*q), compare);
	vt_buf_init(&b, TAGS_BYTES_MAX);
	write_set(&b, q, count);
	meta_version_header(r, v);
	req_reply_xml(r, 200, &b);
	vt_buf_release(&b);
}

static void
change_tags(struct req *r, const char *tags, int status)
{
	const struct vt_version *v = object_find(r, 0);
	struct vt_cat_op *op = v != NULL ? object_change(r, v) : NULL;

	if (op == NULL)
		return;
	op->u.meta.tags = tags;
	object_change_submit(r, status);
}

void
op_put_object_tagging(struct req *r)
{
	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") == 0 &&
	    digest_body(r, 0) == 0 && tags_parse(r, r->body, r->body_len,
	    &r->brings.tags) == 0 && authz_body(r) == 0)
		change_tags(r, r->brings.tags, 200);
}

void
op_delete_object_tagging(struct req *r)
{
	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") == 0)
		change_tags(r, "", 204);
}
