/*
 * ListParts and ListMultipartUploads, on workers.
 */
#include <string.h>

#include "libvt/proto/xml.h"

#include "expiration.h"
#include "meta.h"
#include "multipart.h"
#include "ops.h"

#define PAGE_MAX 1000
#define PAGE_BYTES_MAX (PAGE_MAX * (VT_KEY_MAX * 6 + 2048))

/* --- ListParts ------------------------------------------------------------ */

static void
part_xml(struct vt_buf *b, const struct vt_upload_part *p)
{
	struct sum_stored s;

	vt_xml_open(b, "Part");
	vt_xml_u64(b, "PartNumber", p->number);
	meta_time_xml(b, "LastModified", p->mtime_us);
	meta_etag_xml(b, p->etag);
	vt_xml_u64(b, "Size", p->size_bytes);
	if (sum_parse(p->checksum, &s) == 0)
		sum_xml(b, &s);
	vt_xml_close(b, "Part");
}

static void
upload_sums_xml(struct vt_buf *b, const struct vt_upload *u)
{
	if (*u->checksum_alg == '\0')
		return;
	vt_xml_text(b, "ChecksumAlgorithm", u->checksum_alg);
	vt_xml_text(b, "ChecksumType", u->checksum_type);
}

void
op_list_parts(struct req *r)
{
	struct vt_upload *u = upload_find(r, 0);
	struct vt_upload_part *parts = NULL;
	unsigned max, after;
	size_t count = 0;
	int truncated = 0, url;
	struct vt_buf b;
	struct vt_err err;
	enum vt_code rc = VT_OK;

	if (u == NULL ||
	    meta_count(r, "max-parts", PAGE_MAX, PAGE_MAX, &max) < 0 ||
	    meta_count(r, "part-number-marker", 0, PART_NUMBER_MAX,
	    &after) < 0 || meta_encoding(r, &url) < 0 ||
	    expiration_ready(r) < 0)
		return;
	expiration_abort_headers(r, u->created_us);
	if (max > 0)
		rc = vt_catalog_upload_parts(r->srv->catalog, r->arena,
		    u->id, after, max, &parts, &count, &truncated, &err);
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return;
	}
	vt_buf_init(&b, PAGE_BYTES_MAX);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, "ListPartsResult");
	vt_xml_text(&b, "Bucket", r->bucket_name);
	meta_key_xml(&b, "Key", r->key, r->key_len, url);
	vt_xml_text(&b, "UploadId", u->id);
	vt_xml_u64(&b, "PartNumberMarker", after);
	vt_xml_u64(&b, "NextPartNumberMarker",
	    count > 0 ? parts[count - 1].number : 0);
	vt_xml_u64(&b, "MaxParts", max);
	if (url)
		vt_xml_text(&b, "EncodingType", "url");
	vt_xml_text(&b, "IsTruncated", truncated ? "true" : "false");
	upload_sums_xml(&b, u);
	for (size_t i = 0; i < count; i++)
		part_xml(&b, &parts[i]);
	meta_owner_xml(&b, "Initiator", r->srv, u->owner);
	meta_owner_xml(&b, "Owner", r->srv, u->owner);
	vt_xml_text(&b, "StorageClass", meta_class(r, u->tier));
	vt_xml_close(&b, "ListPartsResult");
	req_reply_xml(r, 200, &b);
	vt_buf_release(&b);
}

/* --- ListMultipartUploads ------------------------------------------------- */

struct uploads {
	struct req *r;
	int url;
	struct vt_buf items, prefixes;
	char last[VT_KEY_MAX];
	size_t last_len;
	char last_id[VT_ID_LEN + 1];
};

static int
visit_upload(void *ctx, int is_prefix, const struct vt_upload *u)
{
	struct uploads *s = ctx;
	struct vt_buf *b = &s->items;

	s->last_len = u->key_len < sizeof(s->last) ? u->key_len :
	    sizeof(s->last);
	memcpy(s->last, u->key, s->last_len);
	memcpy(s->last_id, u->id, sizeof(s->last_id));
	if (is_prefix) {
		vt_xml_open(&s->prefixes, "CommonPrefixes");
		meta_key_xml(&s->prefixes, "Prefix", u->key, u->key_len,
		    s->url);
		vt_xml_close(&s->prefixes, "CommonPrefixes");
		return 0;
	}
	vt_xml_open(b, "Upload");
	meta_key_xml(b, "Key", u->key, u->key_len, s->url);
	vt_xml_text(b, "UploadId", u->id);
	meta_owner_xml(b, "Initiator", s->r->srv, u->owner);
	meta_owner_xml(b, "Owner", s->r->srv, u->owner);
	vt_xml_text(b, "StorageClass", meta_class(s->r, u->tier));
	meta_time_xml(b, "Initiated", u->created_us);
	upload_sums_xml(b, u);
	vt_xml_close(b, "Upload");
	return 0;
}

static void
uploads_reply(struct uploads *s, const struct vt_list *l,
    const char *id_marker, int truncated)
{
	struct vt_buf b;

	vt_buf_init(&b, 2 * PAGE_BYTES_MAX);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, "ListMultipartUploadsResult");
	vt_xml_text(&b, "Bucket", s->r->bucket_name);
	meta_key_xml(&b, "KeyMarker", l->after, l->after_len, s->url);
	vt_xml_text(&b, "UploadIdMarker", id_marker);
	if (truncated) {
		meta_key_xml(&b, "NextKeyMarker", s->last, s->last_len,
		    s->url);
		vt_xml_text(&b, "NextUploadIdMarker", s->last_id);
	}
	meta_key_xml(&b, "Prefix", l->prefix, l->prefix_len, s->url);
	if (l->delimiter_len > 0)
		meta_key_xml(&b, "Delimiter", l->delimiter,
		    l->delimiter_len, s->url);
	vt_xml_u64(&b, "MaxUploads", l->max);
	if (s->url)
		vt_xml_text(&b, "EncodingType", "url");
	vt_xml_text(&b, "IsTruncated", truncated ? "true" : "false");
	vt_buf_add(&b, s->items.data, s->items.len);
	vt_buf_add(&b, s->prefixes.data, s->prefixes.len);
	vt_xml_close(&b, "ListMultipartUploadsResult");
	if (s->items.failed || s->prefixes.failed)
		req_fail(s->r, VT_NOMEM, NULL);
	else
		req_reply_xml(s->r, 200, &b);
	vt_buf_release(&b);
}

static const char *
query_or_empty(struct req *r, const char *name)
{
	const char *value = req_query(r, name);

	return value != NULL ? value : "";
}

void
op_list_uploads(struct req *r)
{
	struct vt_list l = { .bucket_id = r->bucket.id };
	struct uploads s = { .r = r };
	const char *id_marker = query_or_empty(r, "upload-id-marker");
	struct vt_err err;
	enum vt_code rc = VT_OK;
	int truncated = 0;

	l.prefix = query_or_empty(r, "prefix");
	l.prefix_len = strlen(l.prefix);
	l.delimiter = query_or_empty(r, "delimiter");
	l.delimiter_len = strlen(l.delimiter);
	l.after = query_or_empty(r, "key-marker");
	l.after_len = strlen(l.after);
	l.has_after = l.after_len > 0;
	/* AWS: without a key marker the upload id marker is ignored */
	if (!l.has_after)
		id_marker = "";
	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0 ||
	    meta_count(r, "max-uploads", PAGE_MAX, PAGE_MAX, &l.max) < 0 ||
	    meta_encoding(r, &s.url) < 0)
		return;
	vt_buf_init(&s.items, PAGE_BYTES_MAX);
	vt_buf_init(&s.prefixes, PAGE_BYTES_MAX);
	if (l.max > 0)
		rc = vt_catalog_uploads(r->srv->catalog, &l, id_marker,
		    visit_upload, &s, &truncated, &err);
	if (rc != VT_OK)
		req_fail(r, rc, &err);
	else
		uploads_reply(&s, &l, id_marker, truncated);
	vt_buf_release(&s.items);
	vt_buf_release(&s.prefixes);
}
