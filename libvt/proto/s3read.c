/* Reading objects by the S3 API: see s3client.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hex.h"
#include "libvt/base/num.h"

#include "libvt/proto/s3req.h"

/* The object's checksum as the headers tell it; whole-object ones only. */
static void
read_checksum(const struct vt_httpc_response *r, struct vt_s3_checksum *out)
{
	static const struct {
		const char *header;
		enum vt_hash_alg alg;
	} known[] = {	/* the cheapest to check first */
		{ "x-amz-checksum-crc64nvme", VT_CRC64NVME },
		{ "x-amz-checksum-crc32c", VT_CRC32C },
		{ "x-amz-checksum-crc32", VT_CRC32 },
		{ "x-amz-checksum-sha256", VT_SHA256 },
		{ "x-amz-checksum-sha1", VT_SHA1 },
	};
	const char *type = vt_httpc_header(r, "x-amz-checksum-type"), *v;
	size_t i;

	out->alg = VT_HASH_ALGS;
	if (type != NULL && strcmp(type, "COMPOSITE") == 0)
		return;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		v = vt_httpc_header(r, known[i].header);
		/* "value-parts" is a composite: base64 has no '-'. */
		if (v != NULL && vt_b64_decode(v, strlen(v), out->value,
		    sizeof(out->value)) == (int)vt_hash_len(known[i].alg)) {
			out->alg = known[i].alg;
			return;
		}
	}
}

/* "bytes 0-99/1234"; 0 or -1. */
static int
content_range(const char *v, uint64_t *first, uint64_t *last, uint64_t *size)
{
	const char *dash, *slash;

	if (strncmp(v, "bytes ", 6) != 0)
		return -1;
	v += 6;
	dash = strchr(v, '-');
	slash = strchr(v, '/');
	if (dash == NULL || slash == NULL || slash < dash)
		return -1;
	if (vt_num_scan_u64(v, (size_t)(dash - v), first) < 0 ||
	    vt_num_scan_u64(dash + 1, (size_t)(slash - dash - 1), last) < 0 ||
	    vt_num_scan_u64(slash + 1, strlen(slash + 1), size) < 0 ||
	    *last < *first || *last >= *size)
		return -1;
	return 0;
}

/* Describe the object; *first and *len are what the body holds. */
static enum vt_code
read_head(const struct vt_s3_conn *c, struct vt_s3_head *out,
    uint64_t *first, uint64_t *len, struct vt_err *err)
{
	const struct vt_httpc_response *r = &c->resp;
	const char *v;
	uint8_t md5[16];
	uint64_t last;

	memset(out, 0, sizeof(*out));
	vt_s3_copy_etag(out->etag, sizeof(out->etag),
	    vt_httpc_header(r, "etag"));
	vt_s3_copy_text(out->version, sizeof(out->version),
	    vt_httpc_header(r, "x-amz-version-id"));
	vt_s3_copy_text(out->content_type, sizeof(out->content_type),
	    vt_httpc_header(r, "content-type"));
	vt_s3_copy_text(out->storage_class, sizeof(out->storage_class),
	    vt_httpc_header(r, "x-amz-storage-class"));
	vt_s3_copy_text(out->restore, sizeof(out->restore),
	    vt_httpc_header(r, "x-amz-restore"));
	vt_s3_copy_text(out->archive_status, sizeof(out->archive_status),
	    vt_httpc_header(r, "x-amz-archive-status"));
	vt_s3_copy_text(out->mtime, sizeof(out->mtime),
	    vt_httpc_header(r, "x-amz-meta-mtime"));
	v = vt_httpc_header(r, "last-modified");
	if (v == NULL || vt_time_parse_http(v, &out->modified_us) < 0)
		out->modified_us = 0;
	read_checksum(r, &out->checksum);
	v = vt_httpc_header(r, "x-amz-server-side-encryption");
	out->etag_is_md5 = vt_s3_etag_md5(out->etag, md5) &&
	    (v == NULL || strcmp(v, "AES256") == 0) && vt_httpc_header(r,
	    "x-amz-server-side-encryption-customer-algorithm") == NULL;
	v = vt_httpc_header(r, "content-range");
	if (r->status == 206) {
		if (v == NULL || content_range(v, first, &last,
		    &out->size_bytes) < 0)
			return vt_fail(err, VT_INVALID, "the answer's "
			    "Content-Range cannot be read");
		*len = last - *first + 1;
		return VT_OK;
	}
	v = vt_httpc_header(r, "content-length");
	if (v == NULL || vt_num_scan_u64(v, strlen(v), &out->size_bytes) < 0)
		return vt_fail(err, VT_INVALID,
		    "the answer has no Content-Length");
	*first = 0;
	*len = out->size_bytes;
	return VT_OK;
}

/* Why the answer was no. */
static void
read_refusal(const struct vt_s3_call *q, struct vt_s3_head *out)
{
	out->status = q->status;
	vt_s3_copy_text(out->code, sizeof(out->code), q->code);
}

enum vt_code
vt_s3_head_each(struct vt_s3 *s, const char *bucket, const char *key,
    const char *version, vt_s3_visit_header *visit, void *ctx,
    struct vt_s3_head *out, struct vt_err *err)
{
	static const struct vt_header mode = { "x-amz-checksum-mode",
	    "ENABLED" };
	struct vt_s3_call q = { .what = "HeadObject", .method = "HEAD",
	    .bucket = bucket, .key = key, .headers = &mode,
	    .header_count = 1 };
	struct vt_s3_conn *c = NULL;
	struct vt_buf query;
	const char *name, *value;
	uint64_t first, len;
	size_t pos = 0;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	vt_buf_init(&query, 4096);
	vt_s3_query_version(&query, version);
	rc = vt_buf_check(&query, "the request", err);
	q.query = query.data;
	if (rc == VT_OK)
		rc = vt_s3_run(s, &q, &c, err);
	if (rc == VT_OK)
		rc = read_head(c, out, &first, &len, err);
	read_refusal(&q, out);
	while (rc == VT_OK && visit != NULL &&
	    vt_httpc_header_next(&c->resp, &pos, &name, &value))
		if (visit(ctx, name, value) != 0)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
	vt_s3_release(s, c);
	vt_buf_release(&query);
	return rc;
}

enum vt_code
vt_s3_head(struct vt_s3 *s, const char *bucket, const char *key,
    const char *version, struct vt_s3_head *out, struct vt_err *err)
{
	return vt_s3_head_each(s, bucket, key, version, NULL, NULL, out, err);
}

/* One object being read, over as many requests as it takes. */
struct reading {
	struct vt_s3 *s;
	const struct vt_s3_get *g;
	struct vt_s3_call *q;
	struct vt_s3_head head;
	uint64_t first, len;		/* of the whole answer, once started */
	uint64_t got;			/* bytes the sink has taken */
	int started;			/* start was called */
	int checked;			/* this answer's headers were read */
	/* Of each request: */
	struct vt_header h[3];
	char range[64], match[160];
	struct vt_buf query;
};

static enum vt_code
reading_init(struct reading *r, struct vt_s3 *s, const struct vt_s3_get *g,
    struct vt_s3_call *q, struct vt_err *err)
{
	memset(r, 0, sizeof(*r));
	r->s = s;
	r->g = g;
	r->q = q;
	memset(q, 0, sizeof(*q));
	q->what = "GetObject";
	q->method = "GET";
	q->bucket = g->bucket;
	q->key = g->key;
	vt_buf_init(&r->query, 4096);
	vt_s3_query_version(&r->query, g->version);
	return vt_buf_check(&r->query, "the request", err);
}

/* The headers of the next request: from where we are, of the same object. */
static void
reading_headers(struct reading *r)
{
	const struct vt_s3_get *g = r->g;
	const char *etag = g->if_match;
	size_t n = 0;

	r->h[n++] = (struct vt_header){ "x-amz-checksum-mode", "ENABLED" };
	if (r->started && r->head.etag[0] != '\0')
		etag = r->head.etag;
	if (etag != NULL) {
		snprintf(r->match, sizeof(r->match), "\"%s\"", etag);
		r->h[n++] = (struct vt_header){ "If-Match", r->match };
	}
	if (r->started && r->got > 0)
		snprintf(r->range, sizeof(r->range), "bytes=%llu-%llu",
		    (unsigned long long)(r->first + r->got),
		    (unsigned long long)(r->first + r->len - 1));
	else if (g->range != NULL)
		vt_s3_copy_text(r->range, sizeof(r->range), g->range);
	else if (g->len != UINT64_MAX)
		snprintf(r->range, sizeof(r->range), "bytes=%llu-%llu",
		    (unsigned long long)g->offset,
		    (unsigned long long)(g->offset + g->len - 1));
	else if (g->offset > 0)
		snprintf(r->range, sizeof(r->range), "bytes=%llu-",
		    (unsigned long long)g->offset);
	else
		r->range[0] = '\0';
	if (r->range[0] != '\0')
		r->h[n++] = (struct vt_header){ "Range", r->range };
	r->q->headers = r->h;
	r->q->header_count = n;
	r->q->query = r->query.data;
	r->checked = 0;
}

/* The answer began: is it what was asked for? */
static enum vt_code
reading_check(struct reading *r, const struct vt_s3_conn *c,
    struct vt_err *err)
{
	struct vt_s3_head head;
	uint64_t first, len;
	enum vt_code rc;

	rc = read_head(c, &head, &first, &len, err);
	if (rc != VT_OK)
		return rc;
	r->checked = 1;
	if (r->started) {
		if (first != r->first + r->got || len != r->len - r->got)
			return vt_fail(err, VT_INVALID,
			    "the server sent another range than was asked for");
		if (strcmp(head.etag, r->head.etag) != 0)
			return vt_fail(err, VT_PRECONDITION,
			    "the object changed while it was read");
		return VT_OK;
	}
	if (c->resp.status != 206 && r->range[0] != '\0' &&
	    (r->g->range != NULL || r->g->offset > 0 || len > r->g->len))
		return vt_fail(err, VT_INVALID,
		    "the server does not answer ranges");
	if (r->g->range == NULL && first != r->g->offset)
		return vt_fail(err, VT_INVALID,
		    "the server sent another range than was asked for");
	r->head = head;
	r->first = first;
	r->len = len;
	r->started = 1;
	if (r->g->start != NULL)
		return r->g->start(r->g->ctx, &r->head, first, len, err);
	return VT_OK;
}

static enum vt_code
reading_sink(void *ctx, const char *data, size_t len, struct vt_err *err)
{
	struct reading *r = ctx;
	enum vt_code rc;

	if (!r->checked) {
		rc = reading_check(r, r->q->conn, err);
		if (rc != VT_OK)
			return rc;
	}
	if (len > r->len - r->got)
		return vt_fail(err, VT_INVALID,
		    "the server sent more than it announced");
	rc = r->g->sink(r->g->ctx, data, len, err);
	if (rc == VT_OK)
		r->got += len;
	return rc;
}

enum vt_code
vt_s3_get_object(struct vt_s3 *s, const struct vt_s3_get *g,
    struct vt_s3_head *out, struct vt_err *err)
{
	struct vt_s3_call q;
	struct vt_s3_conn *c;
	struct reading r;
	struct vt_err own = { VT_OK, "" };
	uint64_t before;
	unsigned attempt = 0;
	enum vt_code rc;

	rc = reading_init(&r, s, g, &q, &own);
	q.sink = reading_sink;
	q.sink_ctx = &r;
	q.once = 1;
	while (rc == VT_OK) {
		before = r.got;
		attempt++;
		reading_headers(&r);
		rc = vt_s3_run(s, &q, &c, &own);
		if (rc == VT_OK) {
			/* An empty body never met the sink. */
			if (!r.checked)
				rc = reading_check(&r, c, &own);
			vt_s3_release(s, c);
			if (rc == VT_OK && r.got < r.len)
				rc = vt_fail(&own, VT_BUSY, "the answer ended "
				    "%llu bytes early",
				    (unsigned long long)(r.len - r.got));
			if (rc == VT_OK)
				break;
		}
		/* All is there, whatever broke after the last byte. */
		if (rc == VT_BUSY && r.started && r.len > 0 && r.got == r.len) {
			rc = VT_OK;
			break;
		}
		/* Any step forward starts the count of tries again: a limit
		 * on the whole would be a limit on the size. */
		if (r.got > before)
			attempt = 1;
		if (rc == VT_BUSY && attempt < s->retry.tries)
			rc = vt_s3_pause(s, q.what, attempt,
			    q.retry_after_ms, &own, &own);
	}
	if (out != NULL) {
		*out = r.head;
		read_refusal(&q, out);
	}
	vt_buf_release(&r.query);
	if (rc != VT_OK && err != NULL) {
		*err = own;
		err->code = rc;
	}
	return rc;
}

struct vt_s3_stream {
	struct vt_s3 *s;
	struct vt_s3_conn *c;
	uint64_t left;
};

enum vt_code
vt_s3_stream_open(struct vt_s3 *s, const struct vt_s3_get *g,
    struct vt_s3_head *head, struct vt_s3_stream **out, struct vt_err *err)
{
	struct vt_s3_stream *t;
	struct vt_s3_call q;
	struct reading r;
	enum vt_code rc;

	*out = NULL;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	t->s = s;
	rc = reading_init(&r, s, g, &q, err);
	q.pull = 1;
	reading_headers(&r);
	if (rc == VT_OK)
		rc = vt_s3_run(s, &q, &t->c, err);
	if (rc == VT_OK)
		rc = reading_check(&r, t->c, err);
	vt_buf_release(&r.query);
	if (head != NULL) {
		*head = r.head;
		read_refusal(&q, head);
	}
	if (rc != VT_OK) {
		vt_s3_stream_close(t);
		return rc;
	}
	t->left = r.len;
	*out = t;
	return VT_OK;
}

enum vt_code
vt_s3_stream_read(struct vt_s3_stream *t, void *data, size_t len,
    size_t *got, struct vt_err *err)
{
	enum vt_code rc;

	rc = vt_httpc_read(t->c->http, data, len, got, err);
	if (rc != VT_OK)
		return rc;
	if (*got > t->left)
		return vt_fail(err, VT_INVALID,
		    "the server sent more than it announced");
	t->left -= *got;
	vt_s3_count_bytes(t->s, 0, *got);
	if (*got == 0 && len > 0 && t->left > 0)
		return vt_fail(err, VT_BUSY, "the answer ended %llu bytes "
		    "early", (unsigned long long)t->left);
	return VT_OK;
}

void
vt_s3_stream_close(struct vt_s3_stream *t)
{
	if (t == NULL)
		return;
	if (t->c != NULL)
		vt_httpc_end(t->c->http);
	vt_s3_release(t->s, t->c);
	free(t);
}
