/* Listings of the S3 API: see s3client.h.  Each pages to its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hex.h"
#include "libvt/base/num.h"
#include "libvt/base/uri.h"
#include "libvt/proto/xml.h"

#include "libvt/proto/s3req.h"

#define LIST_BODY_MAX (16 * 1024 * 1024)

static int
is_true(const struct vt_xml *x, const char *name)
{
	const char *t = vt_xml_child_text(x, name);

	return t != NULL && strcmp(t, "true") == 0;
}

static uint64_t
number_of(const struct vt_xml *x, const char *name)
{
	const char *t = vt_xml_child_text(x, name);
	uint64_t n;

	if (t == NULL || vt_num_scan_u64(t, strlen(t), &n) < 0)
		return 0;
	return n;
}

static int64_t
time_of(const struct vt_xml *x, const char *name)
{
	const char *t = vt_xml_child_text(x, name);
	int64_t us;

	if (t == NULL || vt_time_parse_rfc3339(t, strlen(t), &us) < 0)
		return 0;
	return us;
}

/*
 * A key of a listing, decoded in place when the server says it encoded.
 * VT_INVALID for a key that no C string holds.
 */
static enum vt_code
key_of(const struct vt_xml *x, const char *name, int encoded,
    const char **out, struct vt_err *err)
{
	const struct vt_xml *k = vt_xml_child(x, name);
	char *text;
	long n;

	*out = NULL;
	if (k == NULL || k->text == NULL)
		return vt_fail(err, VT_INVALID, "an entry of the listing has "
		    "no %s", name);
	/* The tree is ours alone and dies with the page. */
	text = (char *)(uintptr_t)k->text;
	n = (long)strlen(text);
	if (encoded) {
		/* AWS writes a space as '+', and a plus as %2B. */
		n = vt_uri_decode(text, (size_t)n, 1);
		if (n >= 0)
			text[n] = '\0';
	}
	if (n < 0 || memchr(text, '\0', (size_t)n) != NULL)
		return vt_fail(err, VT_INVALID,
		    "the listing holds a key that cannot be read");
	*out = text;
	return VT_OK;
}

/* Fetch one page. */
static enum vt_code
fetch_page(struct vt_s3 *s, const char *what, const char *bucket,
    const char *key, const char *query, const char *root_name,
    struct vt_arena **a, struct vt_xml **root, struct vt_err *err)
{
	struct vt_s3_call q = { .what = what, .method = "GET",
	    .bucket = bucket, .key = key, .query = query,
	    .max_body = LIST_BODY_MAX };
	struct vt_s3_conn *c;
	enum vt_code rc;

	rc = vt_s3_run(s, &q, &c, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_s3_parse_body(c, root_name, a, root, err);
	vt_s3_release(s, c);
	return rc;
}

static enum vt_code
visit_entries(const struct vt_xml *root, vt_s3_visit_entry *visit, void *ctx,
    struct vt_err *err)
{
	const struct vt_xml *x;
	struct vt_s3_entry e;
	const char *enc = vt_xml_child_text(root, "EncodingType");
	int encoded = enc != NULL && strcmp(enc, "url") == 0;
	char etag[128];
	enum vt_code rc;

	for (x = root->child; x != NULL; x = x->next) {
		memset(&e, 0, sizeof(e));
		if (strcmp(x->name, "Contents") == 0) {
			rc = key_of(x, "Key", encoded, &e.key, err);
			e.size_bytes = number_of(x, "Size");
			e.modified_us = time_of(x, "LastModified");
			vt_s3_copy_etag(etag, sizeof(etag),
			    vt_xml_child_text(x, "ETag"));
			e.etag = etag;
			e.storage_class = vt_xml_child_text(x, "StorageClass");
		} else if (strcmp(x->name, "CommonPrefixes") == 0) {
			rc = key_of(x, "Prefix", encoded, &e.key, err);
			e.is_prefix = 1;
			e.etag = "";
		} else {
			continue;
		}
		if (rc != VT_OK)
			return rc;
		if (e.storage_class == NULL)
			e.storage_class = "";
		if (visit(ctx, &e) != 0)
			return vt_fail(err, VT_CANCELLED, "stopped");
	}
	return VT_OK;
}

enum vt_code
vt_s3_list(struct vt_s3 *s, const char *bucket, const char *prefix,
    const char *delimiter, const char *start_after, vt_s3_visit_entry *visit,
    void *ctx, struct vt_err *err)
{
	struct vt_buf query;
	struct vt_arena *a;
	struct vt_xml *root;
	char *token = NULL;
	const char *next;
	int more = 1;
	enum vt_code rc = VT_OK;

	vt_buf_init(&query, 65536);
	while (rc == VT_OK && more) {
		vt_buf_reset(&query);
		if (token != NULL)
			vt_s3_query_add(&query, "continuation-token", token);
		if (delimiter != NULL && delimiter[0] != '\0')
			vt_s3_query_add(&query, "delimiter", delimiter);
		vt_s3_query_add(&query, "encoding-type", "url");
		vt_s3_query_add(&query, "list-type", "2");
		if (prefix != NULL && prefix[0] != '\0')
			vt_s3_query_add(&query, "prefix", prefix);
		if (start_after != NULL && start_after[0] != '\0')
			vt_s3_query_add(&query, "start-after", start_after);
		rc = vt_buf_check(&query, "the request", err);
		if (rc != VT_OK)
			break;
		rc = fetch_page(s, "ListObjectsV2", bucket, NULL, query.data,
		    "ListBucketResult", &a, &root, err);
		if (rc != VT_OK)
			break;
		more = is_true(root, "IsTruncated");
		next = vt_xml_child_text(root, "NextContinuationToken");
		/* Without a token, or with the same again, the loop would
		 * never end and the caller never know. */
		if (more && (next == NULL || next[0] == '\0' ||
		    (token != NULL && strcmp(token, next) == 0)))
			rc = vt_fail(err, VT_INVALID, "the listing is cut but "
			    "says not where it goes on");
		free(token);
		token = NULL;
		if (more && rc == VT_OK) {
			token = strdup(next);
			if (token == NULL)
				rc = vt_fail(err, VT_NOMEM, "out of memory");
		}
		if (rc == VT_OK)
			rc = visit_entries(root, visit, ctx, err);
		vt_arena_free(a);
	}
	free(token);
	vt_buf_release(&query);
	return rc;
}

static enum vt_code
visit_uploads(const struct vt_xml *root, vt_s3_visit_upload *visit, void *ctx,
    struct vt_err *err)
{
	const struct vt_xml *x;
	const char *enc = vt_xml_child_text(root, "EncodingType"), *key, *id;
	int encoded = enc != NULL && strcmp(enc, "url") == 0;
	enum vt_code rc;

	for (x = root->child; x != NULL; x = x->next) {
		if (strcmp(x->name, "Upload") != 0)
			continue;
		rc = key_of(x, "Key", encoded, &key, err);
		if (rc != VT_OK)
			return rc;
		id = vt_xml_child_text(x, "UploadId");
		if (id == NULL)
			continue;
		if (visit(ctx, key, id, time_of(x, "Initiated")) != 0)
			return vt_fail(err, VT_CANCELLED, "stopped");
	}
	return VT_OK;
}

enum vt_code
vt_s3_list_uploads(struct vt_s3 *s, const char *bucket, const char *prefix,
    vt_s3_visit_upload *visit, void *ctx, struct vt_err *err)
{
	struct vt_buf query;
	struct vt_arena *a;
	struct vt_xml *root;
	char *key = NULL, *id = NULL;
	const char *next_key, *next_id, *enc;
	int more = 1;
	enum vt_code rc = VT_OK;

	vt_buf_init(&query, 65536);
	while (rc == VT_OK && more) {
		vt_buf_reset(&query);
		vt_s3_query_add(&query, "encoding-type", "url");
		if (key != NULL)
			vt_s3_query_add(&query, "key-marker", key);
		if (prefix != NULL && prefix[0] != '\0')
			vt_s3_query_add(&query, "prefix", prefix);
		if (id != NULL)
			vt_s3_query_add(&query, "upload-id-marker", id);
		vt_s3_query_add(&query, "uploads", "");
		rc = vt_buf_check(&query, "the request", err);
		if (rc != VT_OK)
			break;
		rc = fetch_page(s, "ListMultipartUploads", bucket, NULL,
		    query.data, "ListMultipartUploadsResult", &a, &root, err);
		if (rc != VT_OK)
			break;
		more = is_true(root, "IsTruncated");
		free(id);
		id = NULL;
		if (more) {
			char *old = key;

			enc = vt_xml_child_text(root, "EncodingType");
			rc = key_of(root, "NextKeyMarker",
			    enc != NULL && strcmp(enc, "url") == 0, &next_key,
			    err);
			next_id = vt_xml_child_text(root,
			    "NextUploadIdMarker");
			key = rc == VT_OK ? strdup(next_key) : NULL;
			id = next_id != NULL && next_id[0] != '\0' ?
			    strdup(next_id) : NULL;
			/* No progress: see vt_s3_list. */
			if (key == NULL || (id == NULL && old != NULL &&
			    strcmp(old, key) == 0))
				rc = vt_fail(err, VT_INVALID, "the listing is "
				    "cut but says not where it goes on");
			free(old);
		}
		if (rc == VT_OK)
			rc = visit_uploads(root, visit, ctx, err);
		vt_arena_free(a);
	}
	free(key);
	free(id);
	vt_buf_release(&query);
	return rc;
}

static enum vt_code
visit_parts(const struct vt_xml *root, vt_s3_visit_part *visit, void *ctx,
    struct vt_err *err)
{
	const struct vt_xml *x;
	struct vt_s3_part p;
	uint64_t number;
	uint8_t sum[8];
	const char *v;

	for (x = root->child; x != NULL; x = x->next) {
		if (strcmp(x->name, "Part") != 0)
			continue;
		memset(&p, 0, sizeof(p));
		number = number_of(x, "PartNumber");
		if (number < 1 || number > VT_S3_PARTS_MAX)
			return vt_fail(err, VT_INVALID,
			    "the listing holds a part without a number");
		p.number = (unsigned)number;
		p.size_bytes = number_of(x, "Size");
		vt_s3_copy_etag(p.etag, sizeof(p.etag),
		    vt_xml_child_text(x, "ETag"));
		v = vt_xml_child_text(x, "ChecksumCRC64NVME");
		if (v != NULL && vt_b64_decode(v, strlen(v), sum, 8) == 8) {
			p.crc64 = vt_s3_crc64_number(sum);
			p.has_crc64 = 1;
		}
		if (visit(ctx, &p) != 0)
			return vt_fail(err, VT_CANCELLED, "stopped");
	}
	return VT_OK;
}

enum vt_code
vt_s3_list_parts(struct vt_s3 *s, const char *bucket, const char *key,
    const char *upload_id, vt_s3_visit_part *visit, void *ctx,
    struct vt_err *err)
{
	struct vt_buf query;
	struct vt_arena *a;
	struct vt_xml *root;
	uint64_t marker = 0, next;
	int more = 1;
	enum vt_code rc = VT_OK;

	vt_buf_init(&query, 16384);
	while (rc == VT_OK && more) {
		vt_buf_reset(&query);
		if (marker > 0)
			vt_buf_printf(&query, "part-number-marker=%llu",
			    (unsigned long long)marker);
		vt_s3_query_add(&query, "uploadId", upload_id);
		rc = vt_buf_check(&query, "the request", err);
		if (rc != VT_OK)
			break;
		rc = fetch_page(s, "ListParts", bucket, key, query.data,
		    "ListPartsResult", &a, &root, err);
		if (rc != VT_OK)
			break;
		more = is_true(root, "IsTruncated");
		next = number_of(root, "NextPartNumberMarker");
		if (more && next <= marker)
			rc = vt_fail(err, VT_INVALID, "the listing is cut but "
			    "says not where it goes on");
		marker = next;
		if (rc == VT_OK)
			rc = visit_parts(root, visit, ctx, err);
		vt_arena_free(a);
	}
	vt_buf_release(&query);
	return rc;
}

enum vt_code
vt_s3_list_buckets(struct vt_s3 *s, vt_s3_visit_bucket *visit, void *ctx,
    struct vt_err *err)
{
	struct vt_arena *a;
	struct vt_xml *root;
	const struct vt_xml *x;
	const char *name;
	enum vt_code rc;

	rc = fetch_page(s, "ListBuckets", NULL, NULL, NULL,
	    "ListAllMyBucketsResult", &a, &root, err);
	if (rc != VT_OK)
		return rc;
	x = vt_xml_child(root, "Buckets");
	for (x = x != NULL ? x->child : NULL; x != NULL; x = x->next) {
		name = vt_xml_child_text(x, "Name");
		if (name == NULL || strcmp(x->name, "Bucket") != 0)
			continue;
		if (visit(ctx, name, time_of(x, "CreationDate")) != 0) {
			rc = vt_fail(err, VT_CANCELLED, "stopped");
			break;
		}
	}
	vt_arena_free(a);
	return rc;
}
