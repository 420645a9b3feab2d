/*
 * GetObjectTagging, PutObjectTagging, DeleteObjectTagging.  Tags are kept as
 * x-amz-tagging sends them, query-encoded.
 */
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/xml.h"

#include "authz.h"
#include "meta.h"
#include "object.h"
#include "notify.h"
#include "ops.h"

#define TAGS_BYTES_MAX (1 << 16)

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
	    strlen(v->tags), 64, &q, &count, &err) != VT_OK) {
		req_fail(r, VT_CORRUPT, &err);
		return;
	}
	if (count > 0)
		qsort(q, count, sizeof(*q), compare);
	vt_buf_init(&b, TAGS_BYTES_MAX);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, "Tagging");
	vt_xml_open(&b, "TagSet");
	for (size_t i = 0; i < count; i++) {
		vt_xml_open(&b, "Tag");
		vt_xml_text(&b, "Key", q[i].name);
		vt_xml_text(&b, "Value", q[i].value);
		vt_xml_close(&b, "Tag");
	}
	vt_xml_close(&b, "TagSet");
	vt_xml_close(&b, "Tagging");
	meta_version_header(r, v);
	req_reply_xml(r, 200, &b);
	vt_buf_release(&b);
}

/* --- changing ------------------------------------------------------------- */

struct change {
	struct vt_cat_op op;
	struct vt_version *v;
	int status;
};

static void
change_done(struct vt_cat_op *op)
{
	struct req *r = op->ctx;
	struct change *c = r->state;

	if (op->code == VT_ABSENT)
		req_error(r, "NoSuchKey", NULL);
	else if (op->code != VT_OK)
		req_fail(r, op->code, &op->err);
	else {
		meta_version_header(r, c->v);
		req_reply_empty(r, c->status);
	}
	req_resume(r);
}

static void
change_tags(struct req *r, const char *tags, int status)
{
	struct change *c = req_alloc(r, sizeof(*c));

	if (c == NULL)
		return;
	c->v = object_find(r, 0);
	if (c->v == NULL)
		return;
	r->state = c;
	c->status = status;
	c->op.kind = VT_CAT_META_SET;
	c->op.u.meta.seq = c->v->seq;
	c->op.u.meta.tags = tags;
	c->op.u.meta.lock_mode = c->op.u.meta.legal_hold = -1;
	c->op.u.meta.retain_until_us = -1;
	c->op.done = change_done;
	c->op.ctx = r;
	if (notify_prepare(r, &c->op, c->v) < 0)
		return;
	req_async(r);
	vt_catalog_submit(r->srv->catalog, &c->op);
}

/* The tags of the body, query-encoded; NULL after answering. */
static const char *
read_body(struct req *r)
{
	struct vt_xml *root;
	const struct vt_xml *x;
	struct vt_buf b;
	const char *tags = NULL;

	root = meta_xml(r, "Tagging", "MalformedXML");
	if (root == NULL)
		return NULL;
	if (vt_xml_child(root, "TagSet") == NULL) {
		req_error(r, "MalformedXML", "There is no TagSet");
		return NULL;
	}
	vt_buf_init(&b, TAGS_BYTES_MAX);
	x = vt_xml_child(root, "TagSet")->child;
	for (; x != NULL; x = x->next) {
		const struct vt_xml *key = vt_xml_child(x, "Key");
		const struct vt_xml *value = vt_xml_child(x, "Value");

		if (strcmp(x->name, "Tag") != 0 || key == NULL ||
		    value == NULL) {
			req_error(r, "MalformedXML", "A TagSet holds Tag "
			    "elements, each with Key and Value");
			goto out;
		}
		if (b.len > 0)
			vt_buf_char(&b, '&');
		vt_uri_encode(&b, key->text, key->text_len, 0);
		vt_buf_char(&b, '=');
		vt_uri_encode(&b, value->text, value->text_len, 0);
	}
	if (b.failed)
		req_error(r, "MalformedXML", "The tags are longer than %d "
		    "bytes", TAGS_BYTES_MAX);
	else if (meta_tags(r, req_dup(r, b.data, b.len), &tags) < 0)
		tags = NULL;
out:
	vt_buf_release(&b);
	return req_answered(r) ? NULL : tags;
}

void
op_put_object_tagging(struct req *r)
{
	const char *tags;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	tags = read_body(r);
	if (tags != NULL && authz_tags(r, tags) == 0)
		change_tags(r, tags, 200);
}

void
op_delete_object_tagging(struct req *r)
{
	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") == 0)
		change_tags(r, "", 204);
}
