/* A client of the S3 API: see s3client.h.  Requests are made in s3req.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/fs.h"
#include "libvt/base/hex.h"
#include "libvt/base/num.h"
#include "libvt/base/uri.h"
#include "libvt/proto/xml.h"

#include "libvt/proto/s3req.h"

#define DIGEST_BYTES (256 * 1024)	/* stays in the second-level cache */
/* The server may copy for minutes before it answers. */
#define COMPLETE_STALL_MS 600000
#define HEADERS_MAX 64

/* --- small things --------------------------------------------------------- */

int
vt_s3_etag_md5(const char *etag, uint8_t md5[16])
{
	return strlen(etag) == 32 && vt_hex_decode(etag, md5, 16) == 0;
}

static void
crc64_bytes(uint64_t crc, uint8_t out[8])
{
	int i;

	for (i = 7; i >= 0; i--, crc >>= 8)
		out[i] = (uint8_t)crc;
}

void
vt_s3_crc64_base64(uint64_t crc, char out[16])
{
	uint8_t bytes[8];

	crc64_bytes(crc, bytes);
	vt_b64_encode(bytes, 8, out);
}

int
vt_s3_flag(struct vt_s3 *s, const int *flag)
{
	int v;

	pthread_mutex_lock(&s->lock);
	v = *flag;
	pthread_mutex_unlock(&s->lock);
	return v;
}

void
vt_s3_flag_set(struct vt_s3 *s, int *flag)
{
	pthread_mutex_lock(&s->lock);
	*flag = 1;
	pthread_mutex_unlock(&s->lock);
}

/* --- the digests of a body ------------------------------------------------ */

struct digests {
	uint64_t crc64;
	uint8_t md5[16];
	char sha256[65];
	int has_md5, has_sha256;
};

static enum vt_code
digest_body(const struct vt_s3_body *body, struct digests *d,
    struct vt_err *err)
{
	struct vt_hash md5 = { 0 }, sha = { 0 };
	uint8_t out[VT_HASH_MAX];
	const char *p;
	char *buf = NULL;
	uint64_t pos;
	size_t n;
	ssize_t got;
	enum vt_code rc = VT_OK;

	d->crc64 = body->has_crc64 ? body->crc64 : 0;
	if (body->has_crc64 && !d->has_md5 && !d->has_sha256)
		return VT_OK;
	if (body->data == NULL && body->len > 0) {
		buf = malloc(body->len < DIGEST_BYTES ? (size_t)body->len :
		    DIGEST_BYTES);
		if (buf == NULL)
			return vt_fail(err, VT_NOMEM, "out of memory");
	}
	if ((d->has_md5 && vt_hash_init(&md5, VT_MD5) < 0) ||
	    (d->has_sha256 && vt_hash_init(&sha, VT_SHA256) < 0)) {
		rc = vt_fail(err, VT_NOMEM, "out of memory");
		goto out;
	}
	for (pos = 0; pos < body->len; pos += n) {
		n = body->len - pos < DIGEST_BYTES ?
		    (size_t)(body->len - pos) : DIGEST_BYTES;
		if (body->data != NULL) {
			p = (const char *)body->data + pos;
		} else {
			got = vt_fs_pread_all(body->fd, buf, n,
			    body->offset + pos);
			if (got < 0) {
				rc = vt_fail_errno(err, "cannot read");
				goto out;
			}
			if ((size_t)got < n) {
				rc = vt_fail(err, VT_INVALID,
				    "became shorter while it was read");
				goto out;
			}
			p = buf;
		}
		if (!body->has_crc64)
			d->crc64 = vt_crc64nvme(d->crc64, p, n);
		if (d->has_md5)
			vt_hash_update(&md5, p, n);
		if (d->has_sha256)
			vt_hash_update(&sha, p, n);
	}
	if (d->has_md5) {
		vt_hash_final(&md5, out);
		memcpy(d->md5, out, 16);
	}
	if (d->has_sha256) {
		vt_hash_final(&sha, out);
		vt_hex_encode(out, 32, d->sha256);
	}
out:
	vt_hash_release(&md5);
	vt_hash_release(&sha);
	free(buf);
	return rc;
}

/* --- writing -------------------------------------------------------------- */

/*
 * Did the server take what was sent?  VT_OK; VT_CORRUPT; VT_BUSY: it cannot
 * be told, send again with Content-MD5 (which the server checks).
 */
static enum vt_code
check_stored(struct vt_s3 *s, const struct vt_s3_conn *c,
    const struct vt_s3_body *body, const struct digests *d,
    struct vt_err *err)
{
	const char *v = vt_httpc_header(&c->resp, "x-amz-checksum-crc64nvme");
	struct digests again = { .has_md5 = 1 };
	char want[16], etag[128];
	uint8_t md5[16];
	enum vt_code rc;

	if (v != NULL) {
		vt_s3_crc64_base64(d->crc64, want);
		if (strcmp(v, want) == 0)
			return VT_OK;
		return vt_fail(err, VT_CORRUPT, "the server stored other "
		    "bytes: CRC64NVME %s, sent %s", v, want);
	}
	if (d->has_md5)		/* Content-MD5 was sent and accepted */
		return VT_OK;
	vt_s3_flag_set(s, &s->md5);
	vt_s3_copy_etag(etag, sizeof(etag), vt_httpc_header(&c->resp, "etag"));
	if (!vt_s3_etag_md5(etag, md5))
		return VT_BUSY;
	rc = digest_body(body, &again, err);
	if (rc != VT_OK)
		return rc;
	/* An ETag may look like an MD5 and be none (encryption): no verdict
	 * from a difference. */
	return memcmp(md5, again.md5, 16) == 0 ? VT_OK : VT_BUSY;
}

/* Is the refusal about a checksum header that the server does not know? */
int
vt_s3_refuses_checksum(const struct vt_s3_call *q, const struct vt_err *err)
{
	if (q->status != 400 && q->status != 501)
		return 0;
	return strcmp(q->code, "NotImplemented") == 0 ||
	    strstr(err->text, "hecksum") != NULL ||
	    strstr(err->text, "CRC64") != NULL;
}

/*
 * Is it about the condition, which a server may not know?  Only asked after a
 * refusal, and it costs one request more if it was not.
 */
static int
refuses_condition(const struct vt_s3_call *q, const struct vt_err *err)
{
	return q->status == 501 || (q->status == 400 &&
	    (strstr(err->text, "If-None-Match") != NULL ||
	    strstr(err->text, "if-none-match") != NULL));
}

/* If-None-Match: *, where it was asked for and the server knows it. */
static size_t
add_condition(struct vt_s3 *s, const struct vt_s3_put *p,
    struct vt_header *h)
{
	if (!p->exclusive || vt_s3_flag(s, &s->no_condition))
		return 0;
	h[0] = (struct vt_header){ "If-None-Match", "*" };
	return 1;
}

/* Send a body with its digests: PutObject and UploadPart. */
static enum vt_code
send_body(struct vt_s3 *s, struct vt_s3_call *q, const struct vt_s3_put *p,
    int own_headers, struct digests *d, struct vt_s3_conn **out,
    struct vt_err *err)
{
	struct vt_header h[HEADERS_MAX];
	char crc[16], md5[32];
	struct vt_err own;
	size_t n;
	enum vt_code rc = VT_BUSY;
	unsigned round, corrupt = 0;
	int no_crc, conditional;

	*out = NULL;
	if (own_headers && p->header_count > HEADERS_MAX - 5)
		return vt_fail(err, VT_INVALID, "over %d headers",
		    HEADERS_MAX - 5);
	/* The second round is for a file that changed between digest and
	 * sending, and others for what was learnt of the server before. */
	for (round = 0; corrupt < 3 && round < 6; round++) {
		memset(d, 0, sizeof(*d));
		no_crc = vt_s3_flag(s, &s->no_crc);
		d->has_md5 = no_crc || vt_s3_flag(s, &s->md5);
		d->has_sha256 = s->sign_payload && s->access_key != NULL;
		rc = digest_body(&p->body, d, err);
		if (rc != VT_OK)
			return rc;
		n = 0;
		if (own_headers && p->header_count > 0) {
			memcpy(h, p->headers, p->header_count * sizeof(*h));
			n = p->header_count;
		}
		conditional = own_headers && add_condition(s, p, h + n);
		n += (size_t)conditional;
		vt_s3_crc64_base64(d->crc64, crc);
		if (!no_crc)
			h[n++] = (struct vt_header){
			    "x-amz-checksum-crc64nvme", crc };
		if (d->has_md5) {
			vt_b64_encode(d->md5, 16, md5);
			h[n++] = (struct vt_header){ "Content-MD5", md5 };
		}
		q->headers = h;
		q->header_count = n;
		q->body = p->body;
		q->sha256 = d->has_sha256 ? d->sha256 : "UNSIGNED-PAYLOAD";
		q->moved = p->moved;
		q->moved_ctx = p->moved_ctx;
		rc = vt_s3_run(s, q, out, &own);
		if (rc == VT_OK) {
			rc = check_stored(s, *out, &p->body, d, &own);
			if (rc == VT_OK)
				return VT_OK;
			vt_s3_release(s, *out);
			*out = NULL;
			if (p->moved != NULL)
				p->moved(p->moved_ctx,
				    -(int64_t)p->body.len);
			if (rc == VT_BUSY)
				vt_fail(&own, VT_CORRUPT, "the server says "
				    "nothing of what it stored");
			else if (rc != VT_CORRUPT)
				break;
			rc = VT_CORRUPT;
			corrupt++;
		} else if (conditional && refuses_condition(q, &own)) {
			vt_s3_flag_set(s, &s->no_condition);
		} else if (!no_crc && vt_s3_refuses_checksum(q, &own)) {
			/* It was not the condition, or not it alone. */
			pthread_mutex_lock(&s->lock);
			s->no_crc = 1;
			s->no_condition = 0;
			pthread_mutex_unlock(&s->lock);
		} else if (rc == VT_CORRUPT) {
			corrupt++;
		} else {
			break;
		}
	}
	if (err != NULL) {
		*err = own;
		err->code = rc;
	}
	return rc;
}

static void
read_put_result(const struct vt_s3_conn *c, struct vt_s3_put_result *out)
{
	vt_s3_copy_etag(out->etag, sizeof(out->etag),
	    vt_httpc_header(&c->resp, "etag"));
	vt_s3_copy_text(out->version, sizeof(out->version),
	    vt_httpc_header(&c->resp, "x-amz-version-id"));
}

/* Did a request whose answer was lost make the object?  By its checksum, or
 * by `etag` (NULL: none is expected). */
static int
is_stored(struct vt_s3 *s, const struct vt_s3_put *p, uint64_t size,
    uint64_t crc, const char *etag, struct vt_s3_put_result *out)
{
	struct vt_s3_head head;

	if (vt_s3_head(s, p->bucket, p->key, NULL, &head, NULL) != VT_OK ||
	    head.size_bytes != size)
		return 0;
	if (!(head.checksum.alg == VT_CRC64NVME &&
	    vt_s3_crc64_number(head.checksum.value) == crc) &&
	    !(etag != NULL && strcasecmp(etag, head.etag) == 0))
		return 0;
	vt_s3_copy_text(out->etag, sizeof(out->etag), head.etag);
	vt_s3_copy_text(out->version, sizeof(out->version), head.version);
	out->crc64 = crc;
	return 1;
}

/* The same of a body, where the server keeps no CRC64NVME by its MD5. */
static int
is_body_stored(struct vt_s3 *s, const struct vt_s3_put *p, uint64_t crc,
    struct vt_s3_put_result *out)
{
	struct digests d = { .has_md5 = 1 };
	char etag[33];

	if (digest_body(&p->body, &d, NULL) != VT_OK)
		return 0;
	vt_hex_encode(d.md5, 16, etag);
	return is_stored(s, p, p->body.len, crc, etag, out);
}

enum vt_code
vt_s3_put_object(struct vt_s3 *s, const struct vt_s3_put *p,
    struct vt_s3_put_result *out, struct vt_err *err)
{
	struct vt_s3_call q = { .what = "PutObject", .method = "PUT",
	    .bucket = p->bucket, .key = p->key };
	struct vt_s3_conn *c;
	struct digests d;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	rc = send_body(s, &q, p, 1, &d, &c, err);
	/* If-None-Match refused by our own object, whose answer was lost; of
	 * an empty body nobody sees that it went out again. */
	if (rc == VT_PRECONDITION && (q.attempts > 1 || q.resent ||
	    (p->exclusive && p->body.len == 0)) &&
	    is_body_stored(s, p, d.crc64, out))
		return VT_OK;
	if (rc != VT_OK)
		return rc;
	read_put_result(c, out);
	out->crc64 = d.crc64;
	vt_s3_release(s, c);
	return VT_OK;
}

enum vt_code
vt_s3_create_upload(struct vt_s3 *s, const struct vt_s3_put *p,
    char **upload_id, struct vt_err *err)
{
	struct vt_s3_call q = { .what = "CreateMultipartUpload",
	    .method = "POST", .bucket = p->bucket, .key = p->key,
	    .query = "uploads=" };
	struct vt_header h[HEADERS_MAX];
	struct vt_s3_conn *c = NULL;
	struct vt_arena *a;
	struct vt_xml *root;
	const char *id;
	size_t n;
	int no_crc;
	enum vt_code rc;

	*upload_id = NULL;
	if (p->header_count > HEADERS_MAX - 5)
		return vt_fail(err, VT_INVALID, "over %d headers",
		    HEADERS_MAX - 5);
	for (;;) {
		n = p->header_count;
		if (n > 0)
			memcpy(h, p->headers, n * sizeof(*h));
		no_crc = vt_s3_flag(s, &s->no_crc);
		if (!no_crc) {
			h[n++] = (struct vt_header){
			    "x-amz-checksum-algorithm", "CRC64NVME" };
			h[n++] = (struct vt_header){
			    "x-amz-checksum-type", "FULL_OBJECT" };
		}
		q.headers = h;
		q.header_count = n;
		rc = vt_s3_run(s, &q, &c, err);
		if (rc == VT_OK)
			break;
		if (no_crc || !vt_s3_refuses_checksum(&q, err))
			return rc;
		vt_s3_flag_set(s, &s->no_crc);
	}
	rc = vt_s3_parse_body(c, "InitiateMultipartUploadResult", &a, &root,
	    err);
	vt_s3_release(s, c);
	if (rc != VT_OK)
		return rc;
	id = vt_xml_child_text(root, "UploadId");
	if (id == NULL || id[0] == '\0') {
		rc = vt_fail(err, VT_INVALID, "the answer has no UploadId");
	} else {
		*upload_id = strdup(id);
		if (*upload_id == NULL)
			rc = vt_fail(err, VT_NOMEM, "out of memory");
	}
	vt_arena_free(a);
	return rc;
}

enum vt_code
vt_s3_upload_part(struct vt_s3 *s, const struct vt_s3_put *p,
    const char *upload_id, unsigned number, struct vt_s3_part *out,
    struct vt_err *err)
{
	struct vt_s3_call q = { .what = "UploadPart", .method = "PUT",
	    .bucket = p->bucket, .key = p->key };
	struct vt_s3_conn *c;
	struct digests d;
	struct vt_buf query;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	vt_buf_init(&query, 16384);
	vt_buf_printf(&query, "partNumber=%u", number);
	vt_s3_query_add(&query, "uploadId", upload_id);
	rc = vt_buf_check(&query, "the request", err);
	if (rc == VT_OK) {
		q.query = query.data;
		rc = send_body(s, &q, p, 0, &d, &c, err);
	}
	vt_buf_release(&query);
	if (rc != VT_OK)
		return rc;
	out->number = number;
	out->size_bytes = p->body.len;
	out->crc64 = d.crc64;
	out->has_crc64 = 1;
	vt_s3_copy_etag(out->etag, sizeof(out->etag),
	    vt_httpc_header(&c->resp, "etag"));
	if (out->etag[0] == '\0')
		rc = vt_fail(err, VT_INVALID, "the answer has no ETag");
	vt_s3_release(s, c);
	return rc;
}

/* The ETag S3 gives to these parts; 0, or -1 when theirs are not MD5s. */
static int
expected_etag(const struct vt_s3_part *parts, size_t count, char out[64])
{
	struct vt_hash h = { 0 };
	uint8_t md5[VT_HASH_MAX];
	char hex[33];
	size_t i;
	int rc = -1;

	if (vt_hash_init(&h, VT_MD5) < 0)
		return -1;
	for (i = 0; i < count; i++) {
		if (!vt_s3_etag_md5(parts[i].etag, md5))
			goto out;
		vt_hash_update(&h, md5, 16);
	}
	vt_hash_final(&h, md5);
	vt_hex_encode(md5, 16, hex);
	snprintf(out, 64, "%s-%zu", hex, count);
	rc = 0;
out:
	vt_hash_release(&h);
	return rc;
}

static void
complete_body(struct vt_buf *b, const struct vt_s3_part *parts, size_t count,
    int with_crc)
{
	char crc[16], etag[132];
	size_t i;

	vt_xml_decl(b);
	vt_xml_open_ns(b, "CompleteMultipartUpload");
	for (i = 0; i < count; i++) {
		vt_xml_open(b, "Part");
		if (with_crc) {
			vt_s3_crc64_base64(parts[i].crc64, crc);
			vt_xml_text(b, "ChecksumCRC64NVME", crc);
		}
		snprintf(etag, sizeof(etag), "\"%s\"", parts[i].etag);
		vt_xml_text(b, "ETag", etag);
		vt_xml_u64(b, "PartNumber", parts[i].number);
		vt_xml_close(b, "Part");
	}
	vt_xml_close(b, "CompleteMultipartUpload");
}

/* What the object is called that an upload has become. */
static enum vt_code
find_completed(struct vt_s3 *s, const struct vt_s3_put *p, uint64_t size,
    struct vt_s3_put_result *out, struct vt_err *err)
{
	struct vt_s3_head head;
	enum vt_code rc;

	rc = vt_s3_head(s, p->bucket, p->key, NULL, &head, err);
	if (rc == VT_OK && head.size_bytes != size)
		rc = vt_fail(err, VT_CORRUPT, "the server put together %llu "
		    "bytes and not %llu", (unsigned long long)head.size_bytes,
		    (unsigned long long)size);
	if (rc != VT_OK)
		return rc;
	vt_s3_copy_text(out->etag, sizeof(out->etag), head.etag);
	vt_s3_copy_text(out->version, sizeof(out->version), head.version);
	return VT_OK;
}

enum vt_code
vt_s3_complete_upload(struct vt_s3 *s, const struct vt_s3_put *p,
    const char *upload_id, const struct vt_s3_part *parts, size_t count,
    struct vt_s3_put_result *out, struct vt_err *err)
{
	struct vt_s3_call q = { .what = "CompleteMultipartUpload",
	    .method = "POST", .bucket = p->bucket, .key = p->key,
	    .stall_ms = COMPLETE_STALL_MS, .once = 1 };
	struct vt_header h[HEADERS_MAX];
	struct vt_s3_conn *c = NULL;
	struct vt_buf query, body;
	struct vt_err own = { VT_OK, "" };
	uint8_t sum[VT_HASH_MAX];
	char sha[65], crc[16], etag[64];
	const char *v;
	uint64_t size = 0, whole = 0;
	int has_crc, conditional, lost = 0;
	unsigned attempt;
	size_t i, n;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	if (p->header_count > HEADERS_MAX - 5)
		return vt_fail(err, VT_INVALID, "over %d headers",
		    HEADERS_MAX - 5);
	has_crc = !vt_s3_flag(s, &s->no_crc) && !vt_s3_flag(s, &s->md5);
	for (i = 0; i < count; i++) {
		has_crc = has_crc && parts[i].has_crc64;
		whole = vt_crc_combine(VT_CRC64NVME, whole, parts[i].crc64,
		    parts[i].size_bytes);
		size += parts[i].size_bytes;
	}
	out->crc64 = whole;
	n = p->header_count;
	if (n > 0)
		memcpy(h, p->headers, n * sizeof(*h));
	if (has_crc) {
		vt_s3_crc64_base64(whole, crc);
		h[n++] = (struct vt_header){ "x-amz-checksum-crc64nvme", crc };
		h[n++] = (struct vt_header){ "x-amz-checksum-type",
		    "FULL_OBJECT" };
	}
	vt_buf_init(&query, 16384);
	vt_buf_init(&body, 4 * 1024 * 1024);
	vt_s3_query_add(&query, "uploadId", upload_id);
	complete_body(&body, parts, count, has_crc);
	rc = vt_buf_check(&query, "the request", &own);
	if (rc == VT_OK)
		rc = vt_buf_check(&body, "the list of parts", &own);
	if (rc == VT_OK &&
	    vt_hash_once(VT_SHA256, body.data, body.len, sum) < 0)
		rc = vt_fail(&own, VT_NOMEM, "out of memory");
	if (rc != VT_OK)
		goto out;
	vt_hex_encode(sum, 32, sha);
	q.query = query.data;
	q.headers = h;
	q.body.data = body.data;
	q.body.len = body.len;
	q.sha256 = sha;
	for (attempt = 1; ; attempt++) {
		conditional = (int)add_condition(s, p, h + n);
		q.header_count = n + (size_t)conditional;
		rc = vt_s3_run(s, &q, &c, &own);
		if (conditional && rc != VT_OK &&
		    refuses_condition(&q, &own)) {
			vt_s3_flag_set(s, &s->no_condition);
			continue;
		}
		if (rc == VT_OK) {
			/* A 200 may turn into an error on its way. */
			rc = vt_s3_error_document(c, &own);
			if (rc == VT_OK)
				break;
			vt_s3_release(s, c);
			c = NULL;
		} else if ((rc == VT_ABSENT || rc == VT_PRECONDITION) &&
		    (lost || q.resent) && is_stored(s, p, size, whole,
		    expected_etag(parts, count, etag) == 0 ? etag : NULL,
		    out)) {
			/* NoSuchUpload after an answer that never came. */
			rc = VT_OK;
			goto out;
		}
		if (rc != VT_BUSY || attempt >= s->retry.tries)
			goto out;
		lost = 1;
		rc = vt_s3_pause(s, q.what, attempt, -1, &own, &own);
		if (rc != VT_OK)
			goto out;
	}
	read_put_result(c, out);
	if (out->etag[0] == '\0') {
		struct vt_arena *a;
		struct vt_xml *root;

		rc = vt_s3_parse_body(c, "CompleteMultipartUploadResult", &a,
		    &root, &own);
		if (rc != VT_OK)
			goto out;
		vt_s3_copy_etag(out->etag, sizeof(out->etag),
		    vt_xml_child_text(root, "ETag"));
		v = vt_xml_child_text(root, "ChecksumCRC64NVME");
		if (has_crc && v != NULL && strcmp(v, crc) != 0)
			rc = vt_fail(&own, VT_CORRUPT, "the server put "
			    "together other bytes: CRC64NVME %s, sent %s", v,
			    crc);
		vt_arena_free(a);
	}
	/* Ceph 16 forgets to tell the ETag, and versions. */
	if (rc == VT_OK && out->etag[0] == '\0')
		rc = find_completed(s, p, size, out, &own);
out:
	vt_s3_release(s, c);
	vt_buf_release(&query);
	vt_buf_release(&body);
	if (rc != VT_OK && err != NULL) {
		*err = own;
		err->code = rc;
	}
	return rc;
}

/* A request without a body whose answer is only its status. */
static enum vt_code
simple(struct vt_s3 *s, struct vt_s3_call *q, struct vt_err *err)
{
	struct vt_s3_conn *c;
	enum vt_code rc = vt_s3_run(s, q, &c, err);

	if (rc == VT_OK)
		vt_s3_release(s, c);
	return rc;
}

enum vt_code
vt_s3_abort_upload(struct vt_s3 *s, const char *bucket, const char *key,
    const char *upload_id, struct vt_err *err)
{
	struct vt_s3_call q = { .what = "AbortMultipartUpload",
	    .method = "DELETE", .bucket = bucket, .key = key };
	struct vt_buf query;
	enum vt_code rc;

	vt_buf_init(&query, 16384);
	vt_s3_query_add(&query, "uploadId", upload_id);
	rc = vt_buf_check(&query, "the request", err);
	q.query = query.data;
	if (rc == VT_OK)
		rc = simple(s, &q, err);
	vt_buf_release(&query);
	return rc;
}

/* --- the rest ------------------------------------------------------------- */

enum vt_code
vt_s3_delete_object(struct vt_s3 *s, const char *bucket, const char *key,
    const char *version, struct vt_err *err)
{
	struct vt_s3_call q = { .what = "DeleteObject", .method = "DELETE",
	    .bucket = bucket, .key = key };
	struct vt_buf query;
	enum vt_code rc;

	vt_buf_init(&query, 4096);
	vt_s3_query_version(&query, version);
	rc = vt_buf_check(&query, "the request", err);
	q.query = query.data;
	if (rc == VT_OK)
		rc = simple(s, &q, err);
	vt_buf_release(&query);
	return rc;
}

enum vt_code
vt_s3_send_xml(struct vt_s3 *s, struct vt_s3_call *q, const struct vt_buf *body,
    struct vt_err *err)
{
	struct vt_header md5_header;
	uint8_t sum[VT_HASH_MAX];
	char sha[65], md5[32];
	enum vt_code rc;

	rc = vt_buf_check(body, "the request", err);
	if (rc != VT_OK)
		return rc;
	if (vt_hash_once(VT_SHA256, body->data, body->len, sum) < 0)
		return vt_fail(err, VT_NOMEM, "out of memory");
	vt_hex_encode(sum, 32, sha);
	if (vt_hash_once(VT_MD5, body->data, body->len, sum) < 0)
		return vt_fail(err, VT_NOMEM, "out of memory");
	vt_b64_encode(sum, 16, md5);
	md5_header = (struct vt_header){ "Content-MD5", md5 };
	q->headers = &md5_header;
	q->header_count = 1;
	q->body.data = body->data;
	q->body.len = body->len;
	q->sha256 = sha;
	return simple(s, q, err);
}

enum vt_code
vt_s3_create_bucket(struct vt_s3 *s, const char *bucket, struct vt_err *err)
{
	struct vt_s3_call q = { .what = "CreateBucket", .method = "PUT",
	    .bucket = bucket };
	struct vt_buf body;
	char region[64];
	enum vt_code rc;

	pthread_mutex_lock(&s->lock);
	strcpy(region, s->region);
	pthread_mutex_unlock(&s->lock);
	/* us-east-1 is the one region that must not be named. */
	if (strcmp(region, "us-east-1") == 0)
		return simple(s, &q, err);
	vt_buf_init(&body, 4096);
	vt_xml_decl(&body);
	vt_xml_open_ns(&body, "CreateBucketConfiguration");
	vt_xml_text(&body, "LocationConstraint", region);
	vt_xml_close(&body, "CreateBucketConfiguration");
	rc = vt_s3_send_xml(s, &q, &body, err);
	vt_buf_release(&body);
	return rc;
}

enum vt_code
vt_s3_delete_bucket(struct vt_s3 *s, const char *bucket, struct vt_err *err)
{
	struct vt_s3_call q = { .what = "DeleteBucket", .method = "DELETE",
	    .bucket = bucket };

	return simple(s, &q, err);
}
