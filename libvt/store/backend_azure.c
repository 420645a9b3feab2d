/*
 * azure://CONTAINER[/PREFIX]: block blobs of Azure Blob Storage.
 *
 * Up to a part's size a blob is one Put Blob; larger ones are Put Block and
 * Put Block List, which is atomic and takes the metadata.  Blocks that no list
 * ever named die by themselves after a week; abort makes that now.  What is
 * sent carries its CRC64, which is the CRC64NVME we have anyway with its bytes
 * in the other order, and what the answer repeats is compared; a server that
 * does not repeat it gets Content-MD5 from then on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/base/num.h"
#include "libvt/base/uri.h"
#include "libvt/proto/azureauth.h"
#include "libvt/proto/httpretry.h"
#include "libvt/proto/xml.h"

#include "libvt/store/backend_azure.h"

#define VERSION "2021-12-02"	/* the first with the tier Cold */
#define SIZE_MAX_BYTES (UINT64_C(5) << 40)	/* of one object of ours */
#define META_MAX 8192
#define CALL_ARENA (2u << 20)
#define COMMIT_STALL_MS 600000	/* it may put 50,000 blocks together */

struct vt_azure *
vt_azure_of(struct vt_cloud *c)
{
	return (struct vt_azure *)c;
}

/* --- requests ------------------------------------------------------------- */

static enum vt_code
sign(void *ctx, const struct vt_call *q, struct vt_arena *a,
    struct vt_header *added, size_t *count, struct vt_err *err)
{
	struct vt_azure *z = ctx;
	struct vt_azure_request r = { q->method, z->account, q->url, NULL, 0,
	    q->body_len };
	struct vt_header *all;
	const char *authorization;
	char date[30];
	enum vt_code rc;

	vt_time_http(vt_clock_now_us(z->c.base.clock), date);
	added[0] = (struct vt_header){ "x-ms-version", VERSION };
	added[1] = (struct vt_header){ "x-ms-date", vt_arena_str(a, date) };
	*count = 2;
	all = vt_arena_alloc(a, (q->header_count + 2) * sizeof(*all));
	if (added[1].value == NULL || all == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	if (z->key == NULL)
		return VT_OK;
	if (q->header_count > 0)
		memcpy(all, q->headers, q->header_count * sizeof(*all));
	memcpy(all + q->header_count, added, 2 * sizeof(*all));
	r.headers = all;
	r.header_count = q->header_count + 2;
	rc = vt_azure_authorization(&r, z->key, a, &authorization, err);
	if (rc == VT_OK)
		added[(*count)++] = (struct vt_header){ "Authorization",
		    authorization };
	return rc;
}

static const struct {
	const char *code;
	enum vt_code means;
} codes[] = {
	{ "BlobAlreadyExists", VT_EXISTS },
	{ "BlobArchived", VT_NEEDS_RESTORE },
	{ "BlobBeingRehydrated", VT_NEEDS_RESTORE },
	{ "BlobImmutableDueToPolicy", VT_DENIED },
	{ "ContainerAlreadyExists", VT_EXISTS },
	{ "ContainerBeingDeleted", VT_BUSY },
	/* The tier is broken, not one blob absent. */
	{ "ContainerNotFound", VT_IO },
	{ "Crc64Mismatch", VT_CORRUPT },
	{ "InvalidMd5", VT_CORRUPT },
	{ "Md5Mismatch", VT_CORRUPT },
	{ "LeaseIdMissing", VT_DENIED },
	{ "PendingCopyOperation", VT_BUSY },
	{ "AccountIsDisabled", VT_DENIED },
	{ "ServerBusy", VT_BUSY },
	{ "FeatureNotSupported", VT_INVALID },
	{ "OperationTimedOut", VT_BUSY },
};

/* "Code: message" of the error document. */
static void
read_message(const struct vt_httpc_response *r, char code[64],
    char message[300])
{
	struct vt_arena *a = NULL;
	struct vt_xml *root = NULL;
	const char *text = vt_httpc_header(r, "x-ms-error-code");

	snprintf(code, 64, "%s", text != NULL ? text : "");
	message[0] = '\0';
	if (r->body.len > 0)
		a = vt_arena_new(1024 * 1024);
	/* An answer that is no XML says nothing more than its status. */
	if (a != NULL && vt_xml_parse(a, r->body.data, r->body.len, &root,
	    NULL) == VT_OK) {
		text = vt_xml_child_text(root, "Code");
		if (code[0] == '\0' && text != NULL)
			snprintf(code, 64, "%s", text);
		text = vt_xml_child_text(root, "Message");
		/* The lines behind are the request's id and the time. */
		snprintf(message, 300, "%s", text != NULL ? text : "");
	}
	vt_arena_free(a);
	vt_call_words(code);
	vt_call_words(message);
}

static enum vt_code
refused(void *ctx, struct vt_call *q, struct vt_err *err)
{
	char message[300];
	enum vt_code means;
	size_t i;

	(void)ctx;
	read_message(q->resp, q->code, message);
	means = vt_http_code(q->status);
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(q->code, codes[i].code) == 0)
			means = codes[i].means;
	if (q->code[0] == '\0')
		return vt_fail(err, means, "%s (HTTP %d)",
		    vt_http_words(q->status), q->status);
	return vt_fail(err, means, "%s: %s", q->code, message[0] != '\0' ?
	    message : vt_http_words(q->status));
}

const char *
vt_azure_url(struct vt_azure *z, struct vt_azure_call *k, const char *key,
    const char *query)
{
	const char *url = NULL;
	struct vt_buf b;

	vt_buf_init(&b, 65536);
	vt_buf_printf(&b, "%s/%s", z->c.endpoint, z->c.bucket);
	if (key != NULL) {
		vt_buf_char(&b, '/');
		vt_uri_encode(&b, key, strlen(key), 1);
	}
	if (*query != '\0')
		vt_buf_printf(&b, "?%s", query);
	if (z->sas != NULL)
		vt_buf_printf(&b, "%c%s", *query != '\0' ? '&' : '?', z->sas);
	if (!b.failed)
		url = vt_arena_dup(k->a, b.data, b.len);
	vt_buf_release(&b);
	return url;
}

enum vt_code
vt_azure_begin(struct vt_azure *z, struct vt_azure_call *k,
    const char *method, const char *key, const char *query,
    enum vt_call_bill bill, struct vt_err *err)
{
	memset(&k->q, 0, sizeof(k->q));
	k->n = 0;
	k->a = vt_arena_new(CALL_ARENA);
	if (k->a != NULL)
		k->q.url = vt_azure_url(z, k, key, query);
	if (k->q.url == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	k->q.method = method;
	k->q.bill = bill;
	return VT_OK;
}

void
vt_azure_end(struct vt_azure *z, struct vt_azure_call *k)
{
	vt_call_end(z->c.caller, &k->q);
	vt_arena_free(k->a);
	k->a = NULL;
}

void
vt_azure_header(struct vt_azure_call *k, const char *name, const char *value)
{
	if (k->n < VT_AZURE_HEADERS_MAX)
		k->h[k->n] = (struct vt_header){ name, value };
	k->n++;
}

void
vt_azure_if_match(struct vt_azure_call *k, const char *name,
    const char *token)
{
	if (*token != '\0')
		vt_azure_header(k, name, vt_arena_printf(k->a, "\"%s\"",
		    token));
}

enum vt_code
vt_azure_run(struct vt_azure *z, struct vt_azure_call *k, struct vt_err *err)
{
	size_t i;

	if (k->n > VT_AZURE_HEADERS_MAX)
		return vt_fail(err, VT_TOO_LARGE, "over %d headers",
		    VT_AZURE_HEADERS_MAX);
	for (i = 0; i < k->n; i++)
		if (k->h[i].value == NULL)
			return vt_fail(err, VT_NOMEM, "out of memory");
	k->q.headers = k->h;
	k->q.header_count = k->n;
	return vt_call_run(z->c.caller, &k->q, err);
}

/* --- reading what a blob is ----------------------------------------------- */

static void
copy_etag(char out[VT_BLOB_TOKEN_MAX], const char *etag)
{
	size_t n;

	if (etag == NULL)
		etag = "";
	snprintf(out, VT_BLOB_TOKEN_MAX, "%s", *etag == '"' ? etag + 1 : etag);
	n = strlen(out);
	if (n > 0 && out[n - 1] == '"')
		out[n - 1] = '\0';
}

void
vt_azure_facts(const struct vt_httpc_response *r, struct vt_cloud_facts *out)
{
	const char *v = vt_httpc_header(r, "content-length");

	memset(out, 0, sizeof(*out));
	if (v == NULL || vt_num_scan_u64(v, strlen(v), &out->size_bytes) < 0)
		out->size_bytes = 0;
	v = vt_httpc_header(r, "last-modified");
	if (v == NULL || vt_time_parse_http(v, &out->mtime_us) < 0)
		out->mtime_us = 0;
	copy_etag(out->token, vt_httpc_header(r, "etag"));
	out->mark = vt_httpc_header(r, "x-ms-meta-" VT_CLOUD_MARK) != NULL;
	v = vt_httpc_header(r, "x-ms-access-tier");
	out->archived = v != NULL && strcasecmp(v, "Archive") == 0;
	out->restoring = vt_httpc_header(r, "x-ms-archive-status") != NULL;
}

/* Visit the metadata among the headers. */
static enum vt_code
visit_headers(struct vt_azure_call *k, vt_backend_visit_meta *visit,
    void *ctx, struct vt_err *err)
{
	const char *name, *value, *own, *text;
	size_t pos = 0;
	int is;

	while (vt_httpc_header_next(k->q.resp, &pos, &name, &value)) {
		is = vt_azure_meta_read(name, value, k->a, &own, &text);
		if (is < 0)
			return vt_fail(err, VT_NOMEM, "out of memory");
		if (is && visit(ctx, own, text) != 0)
			return vt_fail(err, VT_CANCELLED, "stopped");
	}
	return VT_OK;
}

static enum vt_code
azure_head(struct vt_cloud *c, const char *key, struct vt_cloud_facts *out,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
{
	struct vt_azure *z = vt_azure_of(c);
	struct vt_azure_call k;
	enum vt_code rc;

	rc = vt_azure_begin(z, &k, "HEAD", key, "", VT_CALL_READ, err);
	if (rc == VT_OK)
		rc = vt_azure_run(z, &k, err);
	if (rc == VT_OK)
		vt_azure_facts(k.q.resp, out);
	if (rc == VT_OK && visit != NULL)
		rc = visit_headers(&k, visit, ctx, err);
	vt_azure_end(z, &k);
	if (rc == VT_OK && visit == NULL && out->archived && !out->restoring)
		rc = vt_azure_restored(z, key, out, err);
	return rc;
}

enum vt_code
vt_azure_get_range(struct vt_azure *z, const char *key, const char *token,
    uint64_t offset, uint64_t length, struct vt_call *q, struct vt_err *err)
{
	uint64_t first, last, size;
	struct vt_azure_call k;
	enum vt_code rc;

	rc = vt_azure_begin(z, &k, "GET", key, "", VT_CALL_READ, err);
	if (rc == VT_OK) {
		vt_azure_header(&k, "x-ms-range", vt_arena_printf(k.a,
		    "bytes=%" PRIu64 "-%" PRIu64, offset,
		    offset + length - 1));
		vt_azure_if_match(&k, "If-Match", token);
		k.q.pull = 1;
		rc = vt_azure_run(z, &k, err);
	}
	if (rc == VT_PRECONDITION)
		rc = vt_fail(err, VT_CORRUPT, "'%s' is another blob", key);
	else if (rc == VT_INVALID && k.q.status == 416)
		rc = vt_fail(err, VT_CORRUPT, "'%s' is shorter than %" PRIu64
		    " bytes", key, offset + length);
	if (rc == VT_OK && (vt_call_range(vt_httpc_header(k.q.resp,
	    "content-range"), &first, &last, &size) < 0 || first != offset ||
	    last - first + 1 != length))
		rc = vt_fail(err, VT_CORRUPT, "'%s' is shorter than %" PRIu64
		    " bytes, or the server answers no ranges", key,
		    offset + length);
	if (rc == VT_OK) {
		/* The answer stays open: the connection is theirs now. */
		*q = k.q;
		q->url = NULL;
		q->headers = NULL;
		q->header_count = 0;
		k.q.conn = NULL;
	}
	vt_azure_end(z, &k);
	return rc;
}

static enum vt_code
azure_get(struct vt_cloud *c, const char *key, const char *token,
    uint64_t offset, uint64_t length, struct vt_call *q, struct vt_err *err)
{
	struct vt_azure *z = vt_azure_of(c);
	enum vt_code rc;

	rc = vt_azure_get_range(z, key, token, offset, length, q, err);
	if (rc == VT_NEEDS_RESTORE)
		rc = vt_azure_get_restored(z, key, token, offset, length, q,
		    err);
	return rc;
}

/* --- writing -------------------------------------------------------------- */

enum vt_code
vt_azure_put_id(char out[19], struct vt_err *err)
{
	uint8_t dice[9];

	if (vt_random(dice, sizeof(dice)) < 0)
		return vt_fail(err, VT_IO, "no random bytes to be had");
	vt_hex_encode(dice, sizeof(dice), out);
	return VT_OK;
}

enum vt_code
vt_azure_meta_headers(struct vt_azure_call *k, const struct vt_cloud_meta *m,
    const char *put_id, struct vt_err *err)
{
	struct vt_buf name, value;
	enum vt_code rc;
	size_t i;

	vt_buf_init(&name, 4 * VT_BLOB_META_MAX);
	vt_buf_init(&value, 4 * VT_BLOB_META_MAX);
	for (i = 0; i < m->count; i++) {
		vt_buf_reset(&name);
		vt_buf_reset(&value);
		vt_azure_meta_name(&name, m->pair[i].name);
		vt_azure_meta_value(&value, m->pair[i].value);
		if (name.failed || value.failed)
			break;
		vt_azure_header(k, vt_arena_dup(k->a, name.data, name.len),
		    vt_arena_dup(k->a, value.data, value.len));
	}
	rc = vt_buf_check(&name, "metadata", err);
	if (rc == VT_OK)
		rc = vt_buf_check(&value, "metadata", err);
	vt_buf_release(&name);
	vt_buf_release(&value);
	if (m->mark)
		vt_azure_header(k, "x-ms-meta-" VT_CLOUD_MARK, "1");
	vt_azure_header(k, "x-ms-meta-vtput", put_id);
	return rc;
}

enum vt_code
vt_azure_is_ours(struct vt_azure *z, const char *key, unsigned attempts,
    const char *put_id, char token[VT_BLOB_TOKEN_MAX], struct vt_err *err)
{
	struct vt_azure_call k;
	const char *v = NULL;
	enum vt_code rc;

	rc = vt_azure_begin(z, &k, "HEAD", key, "", VT_CALL_READ, err);
	if (rc == VT_OK)
		rc = vt_azure_run(z, &k, err);
	if (rc == VT_OK)
		v = vt_httpc_header(k.q.resp, "x-ms-meta-vtput");
	if (rc == VT_OK && (attempts < 2 || v == NULL ||
	    strcmp(v, put_id) != 0))
		rc = vt_fail(err, VT_EXISTS, "'%s' exists already", key);
	if (rc == VT_OK)
		copy_etag(token, vt_httpc_header(k.q.resp, "etag"));
	vt_azure_end(z, &k);
	return rc;
}

/* Both, in base64: the CRC64's lowest byte comes first. */
static void
crc64_text(const void *data, size_t len, char out[16])
{
	uint64_t crc = vt_crc64nvme(0, data, len);
	uint8_t bytes[8];
	int i;

	for (i = 0; i < 8; i++, crc >>= 8)
		bytes[i] = (uint8_t)crc;
	vt_b64_encode(bytes, 8, out);
}

static enum vt_code
md5_text(const void *data, size_t len, char out[32], struct vt_err *err)
{
	uint8_t sum[VT_HASH_MAX];

	if (vt_hash_once(VT_MD5, data, len, sum) < 0)
		return vt_fail(err, VT_NOMEM, "out of memory");
	vt_b64_encode(sum, 16, out);
	return VT_OK;
}

/* What the server says of what it stored by a CRC64 that it may not know. */
static enum vt_code
check_stored(struct vt_azure *z, const struct vt_azure_call *k,
    const char *crc, struct vt_err *err)
{
	const char *v = vt_httpc_header(k->q.resp, "x-ms-content-crc64");
	char md5[32];
	enum vt_code rc;

	if (v != NULL)
		return strcmp(v, crc) == 0 ? VT_OK : vt_fail(err, VT_CORRUPT,
		    "the server stored other bytes: CRC64 %s, sent %s", v,
		    crc);
	z->md5 = 1;
	v = vt_httpc_header(k->q.resp, "content-md5");
	if (v == NULL)
		return vt_fail(err, VT_BUSY,
		    "the server says nothing of what it stored");
	rc = md5_text(k->q.body, (size_t)k->q.body_len, md5, err);
	if (rc == VT_OK && strcmp(v, md5) != 0)
		rc = vt_fail(err, VT_CORRUPT, "the server stored other bytes: "
		    "MD5 %s, sent %s", v, md5);
	return rc;
}

/*
 * Send bytes with a checksum that the server compares.  VT_BUSY and z->md5
 * newly set: it cannot be told what came of it; send again.
 */
static enum vt_code
send_checked(struct vt_azure *z, struct vt_azure_call *k, const void *data,
    size_t len, struct vt_err *err)
{
	char crc[16], md5[32];
	size_t at = k->n;
	enum vt_code rc = VT_OK;

	k->q.body = data;
	k->q.body_len = len;
	if (!z->md5) {
		crc64_text(data, len, crc);
		vt_azure_header(k, "x-ms-content-crc64", crc);
		rc = vt_azure_run(z, k, err);
		if (rc == VT_OK)
			return check_stored(z, k, crc, err);
		/* Azurite refuses it.  What MD5 refuses too is wrong. */
		if (rc != VT_INVALID)
			return rc;
		k->n = at;
	}
	rc = md5_text(data, len, md5, err);
	vt_azure_header(k, "Content-MD5", md5);
	if (rc == VT_OK)
		rc = vt_azure_run(z, k, err);
	if (rc == VT_OK)
		z->md5 = 1;
	return rc;
}

/* A companion must be readable where its blob needs a restore. */
static void
tier_header(struct vt_azure *z, struct vt_azure_call *k, const char *key)
{
	const char *tier = z->c.object_class;

	if (tier != NULL)
		vt_azure_header(k, "x-ms-access-tier", vt_cloud_is_companion(
		    key, strlen(key)) ? "Hot" : tier);
}

static enum vt_code
azure_put(struct vt_cloud *c, const char *key, struct vt_cloud_bytes *b,
    const struct vt_cloud_meta *m, char token[VT_BLOB_TOKEN_MAX],
    struct vt_err *err)
{
	struct vt_azure *z = vt_azure_of(c);
	struct vt_azure_call k;
	unsigned attempts;
	char id[19];
	enum vt_code rc;

	rc = vt_azure_put_id(id, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_azure_begin(z, &k, "PUT", key, "", VT_CALL_WRITE, err);
	vt_azure_header(&k, "x-ms-blob-type", "BlockBlob");
	vt_azure_header(&k, "Content-Type", "application/octet-stream");
	vt_azure_header(&k, "If-None-Match", "*");
	tier_header(z, &k, key);
	if (rc == VT_OK)
		rc = vt_azure_meta_headers(&k, m, id, err);
	if (rc == VT_OK)
		rc = send_checked(z, &k, b->data, b->len, err);
	attempts = k.q.attempts;
	/* It is under its name and cannot be vouched for. */
	if (k.q.conn != NULL && rc != VT_OK &&
	    vt_azure_delete(z, key, "", NULL) != VT_OK)
		attempts = 1;
	if (rc == VT_OK)
		copy_etag(token, vt_httpc_header(k.q.resp, "etag"));
	vt_azure_end(z, &k);
	if (rc == VT_PRECONDITION || rc == VT_EXISTS)
		rc = vt_azure_is_ours(z, key, attempts, id, token, err);
	return rc;
}

static enum vt_code
azure_begin(struct vt_cloud *c, const char *key, struct vt_cloud_upload *u,
    struct vt_err *err)
{
	(void)c, (void)key;
	/* Blocks need no beginning: their ids begin with this. */
	return vt_azure_put_id(u->id, err);
}

/* Ids must be of one length; 24 bytes are 32 characters. */
static void
block_id(const char *upload, unsigned number, char out[33])
{
	char text[25];

	snprintf(text, sizeof(text), "%.18s%06u", upload,
	    number % 1000000);
	vt_b64_encode(text, 24, out);
}

static enum vt_code
azure_part(struct vt_cloud *c, const char *key, struct vt_cloud_upload *u,
    struct vt_cloud_bytes *b, struct vt_err *err)
{
	struct vt_azure *z = vt_azure_of(c);
	struct vt_azure_call k;
	struct vt_buf query;
	char id[33];
	unsigned round;
	enum vt_code rc = VT_OK;

	block_id(u->id, u->parts, id);
	vt_buf_init(&query, 256);
	vt_buf_str(&query, "comp=block&blockid=");
	vt_uri_encode(&query, id, strlen(id), 0);
	/* A second time when the first showed what the server checks by. */
	for (round = 0; round < 2; round++) {
		int knew = z->md5;

		rc = vt_azure_begin(z, &k, "PUT", key, query.data,
		    VT_CALL_WRITE, err);
		if (rc == VT_OK)
			rc = send_checked(z, &k, b->data, b->len, err);
		vt_azure_end(z, &k);
		if (rc == VT_OK || knew || !z->md5)
			break;
	}
	vt_buf_release(&query);
	return rc;
}

/* Make a blob of the upload's first `blocks`; other blocks are gone then. */
static enum vt_code
put_list(struct vt_azure *z, const char *key, const char *upload,
    unsigned blocks, const struct vt_cloud_meta *m,
    char token[VT_BLOB_TOKEN_MAX], struct vt_err *err)
{
	struct vt_azure_call k;
	struct vt_buf list;
	unsigned i, attempts;
	char id[33];
	enum vt_code rc;

	vt_buf_init(&list, 100 * (VT_AZURE_BLOCKS_MAX + 10));
	vt_xml_decl(&list);
	vt_xml_open(&list, "BlockList");
	for (i = 0; i < blocks; i++) {
		block_id(upload, i, id);
		vt_xml_text(&list, "Latest", id);
	}
	vt_xml_close(&list, "BlockList");
	rc = vt_azure_begin(z, &k, "PUT", key, "comp=blocklist",
	    VT_CALL_WRITE, err);
	vt_azure_header(&k, "x-ms-blob-content-type",
	    "application/octet-stream");
	vt_azure_header(&k, "If-None-Match", "*");
	if (blocks > 0)
		tier_header(z, &k, key);
	if (rc == VT_OK)
		rc = vt_buf_check(&list, "the list of blocks", err);
	if (rc == VT_OK)
		rc = vt_azure_meta_headers(&k, m, upload, err);
	k.q.body = list.data;
	k.q.body_len = list.len;
	k.q.stall_ms = COMMIT_STALL_MS;
	if (rc == VT_OK)
		rc = vt_azure_run(z, &k, err);
	attempts = k.q.attempts;
	if (rc == VT_OK)
		copy_etag(token, vt_httpc_header(k.q.resp, "etag"));
	vt_azure_end(z, &k);
	vt_buf_release(&list);
	if (rc == VT_PRECONDITION || rc == VT_EXISTS)
		rc = vt_azure_is_ours(z, key, attempts, upload, token, err);
	return rc;
}

static enum vt_code
azure_finish(struct vt_cloud *c, const char *key, struct vt_cloud_upload *u,
    struct vt_cloud_bytes *last, const struct vt_cloud_meta *m,
    char token[VT_BLOB_TOKEN_MAX], struct vt_err *err)
{
	enum vt_code rc = azure_part(c, key, u, last, err);

	if (rc == VT_OK)
		rc = put_list(vt_azure_of(c), key, u->id, u->parts + 1, m,
		    token, err);
	return rc;
}

/* Has the key blocks of this upload ("": of any) that no list has named? */
static enum vt_code
find_blocks(struct vt_azure *z, const char *key, const char *upload,
    struct vt_err *err)
{
	struct vt_azure_call k;
	char id[33] = "<Name>";
	enum vt_code rc;

	rc = vt_azure_begin(z, &k, "GET", key,
	    "comp=blocklist&blocklisttype=uncommitted", VT_CALL_READ, err);
	k.q.max_body = VT_AZURE_LIST_MAX;
	if (rc == VT_OK)
		rc = vt_azure_run(z, &k, err);
	/* 24 characters of base64 are the upload's 18, whatever the number. */
	if (*upload != '\0') {
		block_id(upload, 0, id);
		id[24] = '\0';
	}
	if (rc == VT_OK && strstr(k.q.resp->body.data, id) == NULL)
		rc = vt_fail(err, VT_ABSENT, "'%s' has no such upload", key);
	vt_azure_end(z, &k);
	return rc;
}

/*
 * Blocks cannot be deleted; but a blob that is made of none of them discards
 * them, and that can be.
 */
static enum vt_code
azure_abort(struct vt_cloud *c, const char *key, const char *upload,
    struct vt_err *err)
{
	static const struct vt_cloud_meta none;
	struct vt_azure *z = vt_azure_of(c);
	char token[VT_BLOB_TOKEN_MAX], id[19];
	enum vt_code rc;

	if (*upload != '\0' && strlen(upload) != 18)
		return vt_fail(err, VT_ABSENT, "'%s' is no upload of ours",
		    upload);
	rc = find_blocks(z, key, upload, err);
	if (rc == VT_OK)
		rc = vt_azure_put_id(id, err);
	if (rc == VT_OK)
		rc = put_list(z, key, id, 0, &none, token, err);
	/* Somebody committed it meanwhile: then there is no upload. */
	if (rc == VT_EXISTS)
		return vt_fail(err, VT_ABSENT, "'%s' is a blob", key);
	if (rc == VT_OK)
		rc = vt_azure_delete(z, key, token, err);
	return rc;
}

/* --- the rest ------------------------------------------------------------- */

/* Is this what lies beside a blob? */
static int
is_beside(const struct vt_azure *z, const char *key)
{
	return vt_cloud_is_companion(key, strlen(key)) ||
	    vt_azure_is_restored(key + strlen(z->c.prefix));
}

enum vt_code
vt_azure_delete(struct vt_azure *z, const char *key, const char *token,
    struct vt_err *err)
{
	struct vt_azure_call k;
	enum vt_code rc;

	/* Deleting is free there; what is counted are blobs. */
	rc = vt_azure_begin(z, &k, "DELETE", key, "", is_beside(z, key) ?
	    VT_CALL_FREE : VT_CALL_DELETE, err);
	if (rc == VT_OK) {
		vt_azure_if_match(&k, "If-Match", token);
		rc = vt_azure_run(z, &k, err);
	}
	/* It went with a try whose answer was lost. */
	if (rc == VT_ABSENT && k.q.attempts > 1)
		rc = VT_OK;
	vt_azure_end(z, &k);
	return rc == VT_PRECONDITION ? vt_fail(err, VT_CORRUPT,
	    "'%s' is another blob", key) : rc;
}

static enum vt_code
azure_del(struct vt_cloud *c, const char *key, const char *token,
    struct vt_err *err)
{
	struct vt_azure *z = vt_azure_of(c);
	enum vt_code rc = vt_azure_delete(z, key, token, err), restored;

	/* Of others restore_end is called when the copy has been read. */
	if ((rc != VT_OK && rc != VT_ABSENT) || c->object_class == NULL ||
	    strcmp(c->object_class, "Archive") != 0 ||
	    vt_cloud_is_companion(key, strlen(key)))
		return rc;
	restored = vt_azure_restore_end(c, key, err);
	return restored != VT_OK ? restored : rc;
}

/* --- opening -------------------------------------------------------------- */

static void
wipe_free(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

static void
azure_release(struct vt_cloud *c)
{
	struct vt_azure *z = vt_azure_of(c);

	free(z->account);
	wipe_free(z->key);
	wipe_free(z->sas);
}

static const struct vt_cloud_ops ops = {
	.release = azure_release,
	.put = azure_put,
	.begin = azure_begin,
	.part = azure_part,
	.finish = azure_finish,
	.abort = azure_abort,
	.get = azure_get,
	.head = azure_head,
	.del = azure_del,
	.list = vt_azure_list,
	.copy = vt_azure_copy,
	.restore = vt_azure_restore,
	.restore_end = vt_azure_restore_end,
};

static enum vt_code
set_account(struct vt_azure *z, const struct vt_backend_remote *r,
    char standard[96], struct vt_err *err)
{
	const char *account = r->access_key, *sas = r->session_token;
	int bad = 0;

	if (sas != NULL && *sas == '?')
		sas++;
	if (sas != NULL && *sas != '\0') {
		z->sas = strdup(sas);
		bad |= z->sas == NULL;
	} else if (r->secret_key != NULL && *r->secret_key != '\0') {
		z->key = strdup(r->secret_key);
		bad |= z->key == NULL;
	}
	if (account != NULL && *account != '\0') {
		z->account = strdup(account);
		bad |= z->account == NULL;
	}
	if (bad)
		return vt_fail(err, VT_NOMEM, "out of memory");
	if ((z->key != NULL || r->endpoint == NULL) && (account == NULL ||
	    *account == '\0'))
		return vt_fail(err, VT_INVALID, "azure: wants the name of the "
		    "account");
	/* 3 to 24 of a-z and 0-9; it becomes a part of the host's name */
	if (z->account != NULL && (strlen(account) > 24 || account[strspn(
	    account, "abcdefghijklmnopqrstuvwxyz0123456789")] != '\0'))
		return vt_fail(err, VT_INVALID, "'%.40s' is not the name of a "
		    "storage account", account);
	snprintf(standard, 96, "https://%s.blob.core.windows.net",
	    z->account != NULL ? z->account : "");
	return VT_OK;
}

/* As Azure spells it. */
static enum vt_code
set_tier(struct vt_azure *z, struct vt_err *err)
{
	static const char *const tiers[] = { "Hot", "Cool", "Cold",
	    "Archive" };
	char *given = z->c.object_class;
	size_t i;

	if (given == NULL)
		return VT_OK;
	for (i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++)
		if (strcasecmp(given, tiers[i]) == 0) {
			memcpy(given, tiers[i], strlen(tiers[i]));
			return VT_OK;
		}
	return vt_fail(err, VT_INVALID, "'%.40s' is no access tier of Azure: "
	    "Hot, Cool, Cold or Archive", given);
}

static enum vt_code
make_container(struct vt_azure *z, struct vt_err *err)
{
	struct vt_azure_call k;
	enum vt_code rc;

	rc = vt_azure_begin(z, &k, "PUT", NULL, "restype=container",
	    VT_CALL_WRITE, err);
	if (rc == VT_OK)
		rc = vt_azure_run(z, &k, err);
	vt_azure_end(z, &k);
	return rc == VT_EXISTS ? VT_OK : rc;
}

/* A listing of one shows that it is there, whatever else we may do.  A tier
 * that is away may be back when it is needed. */
static enum vt_code
check_container(struct vt_azure *z, int create, struct vt_err *err)
{
	struct vt_azure_call k;
	enum vt_code rc;
	int absent;

	rc = vt_azure_begin(z, &k, "GET", NULL,
	    "restype=container&comp=list&maxresults=1", VT_CALL_WRITE, err);
	if (rc == VT_OK)
		rc = vt_azure_run(z, &k, err);
	absent = rc != VT_OK && (k.q.status == 404 ||
	    strcmp(k.q.code, "ContainerNotFound") == 0);
	vt_azure_end(z, &k);
	if (!absent)
		return rc == VT_BUSY ? VT_OK : rc;
	if (create)
		return make_container(z, err);
	return vt_fail(err, VT_ABSENT, "there is no container '%s' at %s",
	    z->c.bucket, z->c.endpoint);
}

enum vt_code
vt_backend_azure_open(const char *url, const struct vt_backend_options *o,
    struct vt_backend **out, struct vt_err *err)
{
	static const struct vt_backend_remote defaults;
	const struct vt_backend_remote *r = o->remote != NULL ? o->remote :
	    &defaults;
	struct vt_caller_options call = vt_cloud_caller(o->clock, r);
	char standard[96];
	struct vt_azure *z;
	enum vt_code rc;

	*out = NULL;
	z = calloc(1, sizeof(*z));
	if (z == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	z->c.ops = &ops;
	rc = set_account(z, r, standard, err);
	if (rc == VT_OK)
		rc = vt_cloud_init(&z->c, url, "azure://", standard, o->clock,
		    r, err);
	if (rc == VT_OK)
		rc = set_tier(z, err);
	z->c.base.caps.max_size_bytes = SIZE_MAX_BYTES;
	z->c.base.caps.find_uploads = 1;
	/* Whoever may set rules on the account may archive any blob. */
	z->c.base.caps.restore = 1;
	z->c.base.caps.find_uploads = 1;
	z->c.parts_max = VT_AZURE_BLOCKS_MAX;
	z->c.meta_max = META_MAX - 64;	/* the mark, and whose put it is */
	z->c.meta_each = strlen("vt_");
	call.sign = sign;
	call.refused = refused;
	call.ctx = z;
	if (rc == VT_OK)
		rc = vt_caller_open(&call, &z->c.caller, err);
	if (rc == VT_OK)
		rc = check_container(z, o->create, err);
	if (rc != VT_OK) {
		vt_cloud_close(&z->c.base);
		return rc;
	}
	*out = &z->c.base;
	return VT_OK;
}
