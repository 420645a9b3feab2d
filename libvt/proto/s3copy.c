/* What the server does by itself with objects it has: copies and restores:
 * see s3client.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hex.h"
#include "libvt/base/uri.h"

#include "libvt/proto/s3req.h"

/* The server may copy for minutes before it answers. */
#define COPY_STALL_MS 600000
#define COPY_HEADERS 6		/* of our own */

/* "bucket/key?versionId=..." of the source. */
static enum vt_code
source_value(const struct vt_s3_source *from, struct vt_buf *b,
    struct vt_err *err)
{
	vt_uri_encode(b, from->bucket, strlen(from->bucket), 0);
	vt_buf_char(b, '/');
	vt_uri_encode(b, from->key, strlen(from->key), 1);
	if (from->version != NULL && from->version[0] != '\0') {
		vt_buf_str(b, "?versionId=");
		vt_uri_encode(b, from->version, strlen(from->version), 0);
	}
	return vt_buf_check(b, "the source of a copy", err);
}

/* Copy, once or again without what the server does not know. */
static enum vt_code
run_copy(struct vt_s3 *s, struct vt_s3_call *q, struct vt_header *h, size_t n,
    int with_crc, struct vt_s3_conn **c, struct vt_err *err)
{
	unsigned attempt;
	int ask;
	enum vt_code rc;

	q->headers = h;
	q->stall_ms = COPY_STALL_MS;
	q->once = 1;
	for (attempt = 1;; attempt++) {
		ask = with_crc && !vt_s3_flag(s, &s->no_crc);
		if (ask)
			h[n] = (struct vt_header){
			    "x-amz-checksum-algorithm", "CRC64NVME" };
		q->header_count = n + (size_t)ask;
		rc = vt_s3_run(s, q, c, err);
		if (rc == VT_OK) {
			/* A 200 may turn into an error on its way. */
			rc = vt_s3_error_document(*c, err);
			if (rc == VT_OK)
				return VT_OK;
			vt_s3_release(s, *c);
			*c = NULL;
		} else if (ask && vt_s3_refuses_checksum(q, err)) {
			vt_s3_flag_set(s, &s->no_crc);
			continue;
		}
		if (rc != VT_BUSY || attempt >= s->retry.tries)
			return rc;
		rc = vt_s3_pause(s, q->what, attempt, q->retry_after_ms, err,
		    err);
		if (rc != VT_OK)
			return rc;
	}
}

static enum vt_code
read_copied(const struct vt_s3_conn *c, const char *root_name, char etag[128],
    uint64_t *crc64, int *has_crc64, struct vt_err *err)
{
	struct vt_arena *a;
	struct vt_xml *root;
	const char *v;
	uint8_t sum[8];
	enum vt_code rc;

	rc = vt_s3_parse_body(c, root_name, &a, &root, err);
	if (rc != VT_OK)
		return rc;
	vt_s3_copy_etag(etag, 128, vt_xml_child_text(root, "ETag"));
	v = vt_xml_child_text(root, "ChecksumCRC64NVME");
	if (v != NULL && vt_b64_decode(v, strlen(v), sum, 8) == 8) {
		*crc64 = vt_s3_crc64_number(sum);
		*has_crc64 = 1;
	}
	vt_arena_free(a);
	return VT_OK;
}

/* The headers of either copy; `range` "" for none. */
static size_t
source_headers(const struct vt_s3_source *from, const struct vt_buf *source,
    const char *range, char match[160], struct vt_header *h)
{
	size_t n = 0;

	h[n++] = (struct vt_header){ "x-amz-copy-source", source->data };
	if (range[0] != '\0')
		h[n++] = (struct vt_header){ "x-amz-copy-source-range",
		    range };
	if (from->if_match != NULL && from->if_match[0] != '\0') {
		snprintf(match, 160, "\"%s\"", from->if_match);
		h[n++] = (struct vt_header){ "x-amz-copy-source-if-match",
		    match };
	}
	return n;
}

enum vt_code
vt_s3_copy_object(struct vt_s3 *s, const struct vt_s3_put *p,
    const struct vt_s3_source *from, int own_meta, struct vt_s3_copied *out,
    struct vt_err *err)
{
	struct vt_s3_call q = { .what = "CopyObject", .method = "PUT",
	    .bucket = p->bucket, .key = p->key };
	struct vt_s3_conn *c = NULL;
	struct vt_header *h;
	struct vt_buf source;
	char match[160];
	size_t n;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	h = calloc(p->header_count + COPY_HEADERS, sizeof(*h));
	if (h == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	vt_buf_init(&source, 8192);
	rc = source_value(from, &source, err);
	if (rc == VT_OK) {
		n = source_headers(from, &source, "", match, h);
		h[n++] = (struct vt_header){ "x-amz-metadata-directive",
		    own_meta ? "REPLACE" : "COPY" };
		if (p->header_count > 0)
			memcpy(h + n, p->headers,
			    p->header_count * sizeof(*h));
		rc = run_copy(s, &q, h, n + p->header_count, 1, &c, err);
	}
	if (rc == VT_OK) {
		vt_s3_copy_text(out->version, sizeof(out->version),
		    vt_httpc_header(&c->resp, "x-amz-version-id"));
		rc = read_copied(c, "CopyObjectResult", out->etag,
		    &out->crc64, &out->has_crc64, err);
		vt_s3_release(s, c);
	}
	vt_buf_release(&source);
	free(h);
	return rc;
}

enum vt_code
vt_s3_copy_part(struct vt_s3 *s, const struct vt_s3_put *p,
    const struct vt_s3_source *from, const char *upload_id, unsigned number,
    uint64_t offset, uint64_t len, struct vt_s3_part *out,
    struct vt_err *err)
{
	struct vt_s3_call q = { .what = "UploadPartCopy", .method = "PUT",
	    .bucket = p->bucket, .key = p->key };
	struct vt_s3_conn *c = NULL;
	struct vt_header h[COPY_HEADERS];
	struct vt_buf source, query;
	char match[160], range[64];
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	vt_buf_init(&source, 8192);
	vt_buf_init(&query, 16384);
	vt_buf_printf(&query, "partNumber=%u", number);
	vt_s3_query_add(&query, "uploadId", upload_id);
	snprintf(range, sizeof(range), "bytes=%llu-%llu",
	    (unsigned long long)offset, (unsigned long long)(offset + len - 1));
	rc = source_value(from, &source, err);
	if (rc == VT_OK)
		rc = vt_buf_check(&query, "the request", err);
	q.query = query.data;
	if (rc == VT_OK)
		rc = run_copy(s, &q, h, source_headers(from, &source, range,
		    match, h), 0, &c, err);
	if (rc == VT_OK) {
		rc = read_copied(c, "CopyPartResult", out->etag, &out->crc64,
		    &out->has_crc64, err);
		vt_s3_release(s, c);
	}
	if (rc == VT_OK && out->etag[0] == '\0')
		rc = vt_fail(err, VT_INVALID, "the answer has no ETag");
	out->number = number;
	out->size_bytes = len;
	vt_buf_release(&source);
	vt_buf_release(&query);
	return rc;
}

enum vt_code
vt_s3_restore_object(struct vt_s3 *s, const char *bucket, const char *key,
    const char *version, unsigned days, const char *tier, int *started,
    struct vt_err *err)
{
	struct vt_s3_call q = { .what = "RestoreObject", .method = "POST",
	    .bucket = bucket, .key = key, .once = 1 };
	struct vt_buf query, body;
	unsigned attempt;
	enum vt_code rc;

	*started = 0;
	vt_buf_init(&query, 4096);
	vt_buf_init(&body, 4096);
	vt_buf_str(&query, "restore=");
	vt_s3_query_version(&query, version);
	vt_xml_decl(&body);
	vt_xml_open_ns(&body, "RestoreRequest");
	vt_xml_u64(&body, "Days", days);
	vt_xml_open(&body, "GlacierJobParameters");
	vt_xml_text(&body, "Tier", tier != NULL ? tier : "Standard");
	vt_xml_close(&body, "GlacierJobParameters");
	vt_xml_close(&body, "RestoreRequest");
	rc = vt_buf_check(&query, "the request", err);
	q.query = query.data;
	/* Not run's own tries: "under way" is an answer, and no reason to ask
	 * six times. */
	for (attempt = 1; rc == VT_OK; attempt++) {
		rc = vt_s3_send_xml(s, &q, &body, err);
		if (rc == VT_OK && q.status == 202) {
			*started = 1;
			rc = vt_fail(err, VT_BUSY,
			    "the restore has been started");
		} else if (strcmp(q.code, "RestoreAlreadyInProgress") == 0) {
			*started = 1;
		}
		if (rc != VT_BUSY || *started || attempt >= s->retry.tries)
			break;
		rc = vt_s3_pause(s, q.what, attempt, q.retry_after_ms, err,
		    err);
	}
	vt_buf_release(&query);
	vt_buf_release(&body);
	return rc;
}

enum vt_code
vt_s3_probe_bucket(struct vt_s3 *s, const char *bucket,
    struct vt_s3_head *out, struct vt_err *err)
{
	struct vt_s3_call q = { .what = "ListObjectsV2", .method = "GET",
	    .bucket = bucket, .query = "list-type=2&max-keys=1", .once = 1 };
	struct vt_s3_conn *c;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	rc = vt_s3_run(s, &q, &c, err);
	/* An answer that is to be tried again named another region. */
	if (rc == VT_BUSY && q.status >= 300 && q.status < 500)
		rc = vt_s3_run(s, &q, &c, err);
	if (rc == VT_OK) {
		struct vt_arena *a;
		struct vt_xml *root;

		/* Something else may listen there. */
		rc = vt_s3_parse_body(c, "ListBucketResult", &a, &root, err);
		if (rc == VT_OK)
			vt_arena_free(a);
		vt_s3_release(s, c);
	}
	out->status = q.status;
	vt_s3_copy_text(out->code, sizeof(out->code), q.code);
	return rc;
}
