/*
 * gcs://BUCKET[/PREFIX]: objects of Google Cloud Storage, by its JSON API.
 *
 * Up to a part's size a blob is one request with its metadata and CRC32C,
 * which the server compares; larger ones are a resumable upload, whose session
 * URI is what abort_upload gets, and which is billed as one request.  Its
 * metadata is set behind it, before commit returns.  Names are claimed by
 * ifGenerationMatch=0 and a blob's generation is its token.  No class needs a
 * restore.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/store/backend_gcs.h"

#define SIZE_MAX_BYTES (UINT64_C(5) << 40)
#define CHUNK (256u * 1024)	/* parts but the last are of whole ones */
#define META_MAX 8192
#define LIST_MAX 1000		/* of a page */
#define LIST_BODY (16u << 20)
#define STEP_STALL_MS 300000	/* the server may write before it answers */
#define HEAD_FIELDS "fields=size%2Cgeneration%2CtimeCreated%2Cmetadata"

/* The object's own URL. */
static void
begin_object(struct vt_gcs *g, struct vt_gcs_call *k, const char *method,
    const char *key, enum vt_call_bill bill)
{
	vt_gcs_begin(g, k, method, "/storage/v1/b/", bill);
	vt_gcs_add(k, "", g->c.bucket);
	vt_gcs_add(k, "/o/", key);
}

static int
is_generation(const char *token)
{
	return *token != '\0' && token[strspn(token, "0123456789")] == '\0';
}

/* A token that no generation is is another blob's. */
static enum vt_code
check_token(const char *key, const char *token, struct vt_err *err)
{
	if (*token != '\0' && !is_generation(token))
		return vt_fail(err, VT_CORRUPT, "'%s' is another blob", key);
	return VT_OK;
}

/* --- reading -------------------------------------------------------------- */

/* Visit the pairs of "metadata". */
static enum vt_code
visit_pairs(const struct vt_json_field *meta, vt_backend_visit_meta *visit,
    void *ctx, int *mark, struct vt_err *err)
{
	struct vt_json_field *f;
	struct vt_buf name, value;
	enum vt_code rc = VT_OK;
	int n, i;

	f = calloc(256, sizeof(*f));
	if (f == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	vt_buf_init(&name, 65536);
	vt_buf_init(&value, 65536);
	n = vt_json_scan(meta->value, meta->value_len, f, 256);
	if (n < 0)
		rc = vt_fail(err, VT_INVALID, "its metadata cannot be read");
	for (i = 0; i < n && rc == VT_OK; i++) {
		vt_buf_reset(&name);
		vt_buf_reset(&value);
		vt_buf_add(&name, f[i].name, f[i].name_len);
		if (strcmp(name.data, VT_CLOUD_MARK) == 0)
			*mark = 1;
		/* Ours begin with "vt-"; others' are their business. */
		if (visit == NULL || strncmp(name.data, "vt-", 3) != 0 ||
		    f[i].type != 's')
			continue;
		if (vt_json_unescape(&f[i], &value) < 0)
			rc = vt_fail(err, VT_INVALID,
			    "its metadata cannot be read");
		else
			rc = vt_buf_check(&value, "metadata", err);
		if (rc == VT_OK && visit(ctx, name.data + 3, value.data) != 0)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
	}
	vt_buf_release(&name);
	vt_buf_release(&value);
	free(f);
	return rc;
}

/* What an object resource says of itself. */
static enum vt_code
read_facts(const struct vt_gcs_call *k, struct vt_cloud_facts *out,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
{
	const struct vt_json_field *x;

	memset(out, 0, sizeof(*out));
	if (vt_gcs_number(vt_gcs_field(k, "size"), &out->size_bytes) < 0 ||
	    vt_gcs_text(vt_gcs_field(k, "generation"), out->token,
	    sizeof(out->token)) < 0)
		return vt_fail(err, VT_INVALID,
		    "the answer tells no size and generation");
	x = vt_gcs_field(k, "timeCreated");
	if (x == NULL || x->type != 's' || vt_time_parse_rfc3339(x->value,
	    x->value_len, &out->mtime_us) < 0)
		out->mtime_us = 0;
	x = vt_gcs_field(k, "metadata");
	if (x == NULL || x->type != 'o')
		return VT_OK;
	return visit_pairs(x, visit, ctx, &out->mark, err);
}

static enum vt_code
gcs_head(struct vt_cloud *c, const char *key, struct vt_cloud_facts *out,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
{
	struct vt_gcs *g = vt_gcs_of(c);
	struct vt_gcs_call k;
	enum vt_code rc;

	begin_object(g, &k, "GET", key, VT_CALL_READ);
	vt_gcs_add(&k, "?" HEAD_FIELDS, NULL);
	rc = vt_gcs_run(g, &k, err);
	if (rc == VT_OK)
		rc = vt_gcs_fields(&k, err);
	if (rc == VT_OK)
		rc = read_facts(&k, out, visit, ctx, err);
	vt_gcs_end(g, &k);
	return rc;
}

static enum vt_code
gcs_get(struct vt_cloud *c, const char *key, const char *token,
    uint64_t offset, uint64_t length, struct vt_call *q, struct vt_err *err)
{
	struct vt_gcs *g = vt_gcs_of(c);
	uint64_t first, last, size;
	struct vt_gcs_call k;
	const char *there;
	char range[64];
	enum vt_code rc;

	rc = check_token(key, token, err);
	if (rc != VT_OK)
		return rc;
	begin_object(g, &k, "GET", key, VT_CALL_READ);
	vt_gcs_add(&k, "?alt=media", NULL);
	if (*token != '\0')
		vt_gcs_add(&k, "&ifGenerationMatch=", token);
	snprintf(range, sizeof(range), "bytes=%" PRIu64 "-%" PRIu64, offset,
	    offset + length - 1);
	vt_gcs_header(&k, "Range", range);
	k.q.pull = 1;
	rc = vt_gcs_run(g, &k, err);
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
	there = rc == VT_OK ? vt_httpc_header(k.q.resp, "x-goog-generation") :
	    NULL;
	if (there != NULL && *token != '\0' && strcmp(there, token) != 0)
		rc = vt_fail(err, VT_CORRUPT, "'%s' is another blob", key);
	if (rc == VT_OK) {
		/* The answer stays open: the connection is theirs now. */
		*q = k.q;
		q->url = NULL;
		q->headers = NULL;
		q->header_count = 0;
		k.q.conn = NULL;
	}
	vt_gcs_end(g, &k);
	return rc;
}

/* --- writing -------------------------------------------------------------- */

static enum vt_code
gcs_del(struct vt_cloud *c, const char *key, const char *token,
    struct vt_err *err)
{
	struct vt_gcs *g = vt_gcs_of(c);
	struct vt_gcs_call k;
	enum vt_code rc;

	rc = check_token(key, token, err);
	if (rc != VT_OK)
		return rc;
	/* Deleting is free there; what is counted are blobs. */
	begin_object(g, &k, "DELETE", key, vt_cloud_is_companion(key,
	    strlen(key)) ? VT_CALL_FREE : VT_CALL_DELETE);
	if (*token != '\0')
		vt_gcs_add(&k, "?ifGenerationMatch=", token);
	rc = vt_gcs_run(g, &k, err);
	/* It went with a try whose answer was lost. */
	if (rc == VT_ABSENT && k.q.attempts > 1)
		rc = VT_OK;
	vt_gcs_end(g, &k);
	return rc == VT_PRECONDITION ? vt_fail(err, VT_CORRUPT,
	    "'%s' is another blob", key) : rc;
}

static void
crc32c_text(const uint8_t sum[VT_HASH_MAX], char out[9])
{
	vt_b64_encode(sum, 4, out);
}

/* Metadata as JSON's "metadata", when there is any. */
static void
add_metadata(struct vt_buf *out, const struct vt_cloud_meta *m)
{
	struct vt_buf pairs, name;
	size_t i;

	if (m->count == 0 && !m->mark)
		return;
	vt_buf_init(&pairs, 8 * VT_BLOB_META_MAX);
	vt_buf_init(&name, 4 * VT_BLOB_META_MAX);
	vt_json_begin(&pairs);
	for (i = 0; i < m->count; i++) {
		vt_buf_reset(&name);
		vt_buf_printf(&name, "vt-%s", m->pair[i].name);
		vt_json_str(&pairs, name.data, m->pair[i].value);
	}
	if (m->mark)
		vt_json_str(&pairs, VT_CLOUD_MARK, "1");
	vt_json_end(&pairs);
	if (pairs.failed || name.failed)
		out->failed = VT_TOO_LARGE;
	else
		vt_json_raw(out, "metadata", pairs.data, pairs.len - 1);
	vt_buf_release(&pairs);
	vt_buf_release(&name);
}

/*
 * The description of a new object.  `key` NULL: it is in the URL; `crc` NULL:
 * not known yet.
 */
static void
add_resource(struct vt_buf *out, const struct vt_gcs *g, const char *key,
    const char *crc, const struct vt_cloud_meta *m)
{
	vt_json_begin(out);
	if (key != NULL)
		vt_json_str(out, "name", key);
	vt_json_str(out, "contentType", "application/octet-stream");
	if (g->c.object_class != NULL)
		vt_json_str(out, "storageClass", g->c.object_class);
	if (crc != NULL)
		vt_json_str(out, "crc32c", crc);
	add_metadata(out, m);
	vt_json_end(out);
}

/* Is what the server says it stored what was sent?  Takes its token. */
static enum vt_code
check_stored(const struct vt_gcs_call *k, uint64_t size_bytes,
    const char *crc, char token[VT_BLOB_TOKEN_MAX], struct vt_err *err)
{
	uint64_t size = 0;
	char there[16];

	if (vt_gcs_text(vt_gcs_field(k, "generation"), token,
	    VT_BLOB_TOKEN_MAX) < 0 || !is_generation(token))
		return vt_fail(err, VT_INVALID,
		    "the answer tells no generation");
	if (vt_gcs_number(vt_gcs_field(k, "size"), &size) < 0 ||
	    size != size_bytes)
		return vt_fail(err, VT_CORRUPT, "the server stored %" PRIu64
		    " bytes, sent were %" PRIu64, size, size_bytes);
	if (vt_gcs_text(vt_gcs_field(k, "crc32c"), there, sizeof(there)) < 0 ||
	    strcmp(there, crc) != 0)
		return vt_fail(err, VT_CORRUPT, "the server stored other "
		    "bytes: CRC32C '%s', sent %s", there, crc);
	return VT_OK;
}

/* The name is taken: by ourselves, when an answer was lost? */
static enum vt_code
is_ours(struct vt_gcs *g, const char *key, unsigned attempts,
    uint64_t size_bytes, const char *crc, char token[VT_BLOB_TOKEN_MAX],
    struct vt_err *err)
{
	struct vt_gcs_call k;
	enum vt_code rc;

	if (attempts < 2)
		return vt_fail(err, VT_EXISTS, "'%s' exists already", key);
	begin_object(g, &k, "GET", key, VT_CALL_READ);
	rc = vt_gcs_run(g, &k, err);
	if (rc == VT_OK)
		rc = vt_gcs_fields(&k, err);
	/* Names are never used twice: the same bytes are ours. */
	if (rc == VT_OK && check_stored(&k, size_bytes, crc, token, err) !=
	    VT_OK)
		rc = vt_fail(err, VT_EXISTS, "'%s' exists already", key);
	vt_gcs_end(g, &k);
	return rc;
}

/* The URL that new objects go to. */
static void
begin_upload(struct vt_gcs *g, struct vt_gcs_call *k, const char *type)
{
	vt_gcs_begin(g, k, "POST", "/upload/storage/v1/b/", VT_CALL_WRITE);
	vt_gcs_add(k, "", g->c.bucket);
	vt_gcs_add(k, "/o?uploadType=", type);
	vt_gcs_add(k, "&ifGenerationMatch=0", NULL);
}

/* Put the description before the bytes and the end behind them. */
static enum vt_code
wrap_body(struct vt_cloud_bytes *b, const struct vt_buf *resource,
    const char *boundary, struct vt_call *q, struct vt_err *err)
{
	char tail[VT_CLOUD_TAIL];
	struct vt_buf head;
	enum vt_code rc;
	int n;

	vt_buf_init(&head, VT_CLOUD_HEAD);
	vt_buf_printf(&head, "--%s\r\nContent-Type: application/json; "
	    "charset=UTF-8\r\n\r\n", boundary);
	vt_buf_add(&head, resource->data, resource->len);
	vt_buf_printf(&head, "\r\n--%s\r\nContent-Type: "
	    "application/octet-stream\r\n\r\n", boundary);
	rc = vt_buf_check(&head, "metadata", err);
	if (rc == VT_OK) {
		memcpy(b->data - head.len, head.data, head.len);
		n = snprintf(tail, sizeof(tail), "\r\n--%s--\r\n", boundary);
		memcpy(b->data + b->len, tail, (size_t)n);
		q->body = b->data - head.len;
		q->body_len = head.len + b->len + (size_t)n;
	}
	vt_buf_release(&head);
	return rc;
}

static enum vt_code
gcs_put(struct vt_cloud *c, const char *key, struct vt_cloud_bytes *b,
    const struct vt_cloud_meta *m, char token[VT_BLOB_TOKEN_MAX],
    struct vt_err *err)
{
	struct vt_gcs *g = vt_gcs_of(c);
	char boundary[33], type[96], crc[9];
	uint8_t dice[16], sum[VT_HASH_MAX];
	struct vt_buf resource;
	struct vt_gcs_call k;
	unsigned attempts;
	enum vt_code rc;

	if (vt_random(dice, sizeof(dice)) < 0 ||
	    vt_hash_once(VT_CRC32C, b->data, b->len, sum) < 0)
		return vt_fail(err, VT_IO, "no random bytes to be had");
	vt_hex_encode(dice, sizeof(dice), boundary);
	snprintf(type, sizeof(type), "multipart/related; boundary=%s",
	    boundary);
	crc32c_text(sum, crc);
	begin_upload(g, &k, "multipart");
	vt_buf_init(&resource, VT_CLOUD_HEAD);
	add_resource(&resource, g, key, crc, m);
	vt_gcs_header(&k, "Content-Type", type);
	rc = vt_buf_check(&resource, "metadata", err);
	if (rc == VT_OK)
		rc = wrap_body(b, &resource, boundary, &k.q, err);
	if (rc == VT_OK)
		rc = vt_gcs_run(g, &k, err);
	attempts = k.q.attempts;
	if (rc == VT_OK)
		rc = vt_gcs_fields(&k, err);
	if (rc == VT_OK) {
		rc = check_stored(&k, b->len, crc, token, err);
		/* It is under its name and cannot be vouched for. */
		if (rc != VT_OK && gcs_del(c, key, token, NULL) != VT_OK)
			attempts = 1;
	}
	vt_buf_release(&resource);
	vt_gcs_end(g, &k);
	if (rc == VT_PRECONDITION)
		rc = is_ours(g, key, attempts, b->len, crc, token, err);
	return rc;
}

static enum vt_code
gcs_begin(struct vt_cloud *c, const char *key, struct vt_cloud_upload *u,
    struct vt_err *err)
{
	static const struct vt_cloud_meta none;
	struct vt_gcs *g = vt_gcs_of(c);
	struct vt_gcs_call k;
	const char *at;
	enum vt_code rc;

	begin_upload(g, &k, "resumable");
	vt_gcs_add(&k, "&name=", key);
	add_resource(&k.body, g, key, NULL, &none);
	rc = vt_gcs_run(g, &k, err);
	if (rc == VT_OK) {
		at = vt_httpc_header(k.q.resp, "location");
		if (at == NULL || strlen(at) >= sizeof(u->id))
			rc = vt_fail(err, VT_INVALID,
			    "the answer names no session");
		else
			strcpy(u->id, at);
	}
	vt_gcs_end(g, &k);
	return rc == VT_PRECONDITION ? vt_fail(err, VT_EXISTS,
	    "'%s' exists already", key) : rc;
}

/* "bytes=0-41" of a 308: how many bytes the session has; none without it. */
static uint64_t
persisted(const struct vt_gcs_call *k)
{
	const char *v = vt_httpc_header(k->q.resp, "range");
	unsigned long long last;
	char end;

	if (v == NULL || sscanf(v, "bytes=0-%llu%c", &last, &end) != 1)
		return 0;
	return (uint64_t)last + 1;
}

/*
 * Send bytes [u->sent_bytes + from, + len) of the upload, of which `b` are
 * the last when `total` is known (else UINT64_MAX).  VT_OK with k->q.status
 * 308: the session has so many by now; else the object is complete, its
 * fields in `k`.
 */
static enum vt_code
send_chunk(struct vt_gcs *g, struct vt_gcs_call *k,
    const struct vt_cloud_upload *u, const struct vt_cloud_bytes *b,
    size_t from, uint64_t total, struct vt_err *err)
{
	char range[96], whole[24];
	enum vt_code rc;

	vt_gcs_begin(g, k, "PUT", "", VT_CALL_FREE);
	/* The session's own address, which is all the right that it needs. */
	vt_buf_reset(&k->url);
	vt_buf_str(&k->url, u->id);
	if (total == UINT64_MAX)
		snprintf(whole, sizeof(whole), "*");
	else
		snprintf(whole, sizeof(whole), "%" PRIu64, total);
	snprintf(range, sizeof(range), "bytes %" PRIu64 "-%" PRIu64 "/%s",
	    u->sent_bytes + from, u->sent_bytes + b->len - 1, whole);
	vt_gcs_header(k, "Content-Range", range);
	k->q.body = b->data + from;
	k->q.body_len = b->len - from;
	k->q.plain = 1;
	k->q.accept = 308;
	k->q.stall_ms = STEP_STALL_MS;
	rc = vt_gcs_run(g, k, err);
	if (rc == VT_OK && k->q.status != 308)
		rc = vt_gcs_fields(k, err);
	return rc;
}

/*
 * Have the session take all of `b`: what it has not kept is sent again.  With
 * `total` the object is complete then, and *k is left for its fields.
 */
static enum vt_code
send_all(struct vt_gcs *g, struct vt_gcs_call *k,
    const struct vt_cloud_upload *u, const struct vt_cloud_bytes *b,
    uint64_t total, struct vt_err *err)
{
	uint64_t has;
	size_t from = 0;
	unsigned idle = 0;
	enum vt_code rc;

	for (;;) {
		rc = send_chunk(g, k, u, b, from, total, err);
		if (rc != VT_OK || k->q.status != 308)
			return rc;
		has = persisted(k);
		if (has < u->sent_bytes || has > u->sent_bytes + b->len)
			return vt_fail(err, VT_IO, "the session has %" PRIu64
			    " bytes, sent were %" PRIu64, has,
			    u->sent_bytes + b->len);
		if (has == u->sent_bytes + b->len && total == UINT64_MAX)
			return VT_OK;
		idle = has == u->sent_bytes + from ? idle + 1 : 0;
		if (idle == 5 || has == u->sent_bytes + b->len)
			return vt_fail(err, VT_BUSY,
			    "the session takes no more bytes");
		from = (size_t)(has - u->sent_bytes);
		vt_gcs_end(g, k);
		rc = idle > 0 ? vt_call_pause(g->c.caller, idle, err) : VT_OK;
		if (rc != VT_OK)
			return rc;
	}
}

static enum vt_code
gcs_part(struct vt_cloud *c, const char *key, struct vt_cloud_upload *u,
    struct vt_cloud_bytes *b, struct vt_err *err)
{
	struct vt_gcs *g = vt_gcs_of(c);
	struct vt_gcs_call k = { .field_count = 0 };
	enum vt_code rc;

	(void)key;
	rc = send_all(g, &k, u, b, UINT64_MAX, err);
	if (rc == VT_OK && k.q.status != 308)
		rc = vt_fail(err, VT_IO, "the session ended too early");
	else if (rc == VT_ABSENT)
		rc = vt_fail(err, VT_IO, "the session is gone");
	vt_gcs_end(g, &k);
	return rc;
}

/* Metadata of an object that has none yet. */
static enum vt_code
set_metadata(struct vt_gcs *g, const char *key, const char *token,
    const struct vt_cloud_meta *m, struct vt_err *err)
{
	struct vt_gcs_call k;
	enum vt_code rc;

	if (m->count == 0 && !m->mark)
		return VT_OK;
	begin_object(g, &k, "PATCH", key, VT_CALL_WRITE);
	vt_gcs_add(&k, "?ifGenerationMatch=", token);
	vt_json_begin(&k.body);
	add_metadata(&k.body, m);
	vt_json_end(&k.body);
	rc = vt_gcs_run(g, &k, err);
	vt_gcs_end(g, &k);
	return rc;
}

static enum vt_code
gcs_finish(struct vt_cloud *c, const char *key, struct vt_cloud_upload *u,
    struct vt_cloud_bytes *last, const struct vt_cloud_meta *m,
    char token[VT_BLOB_TOKEN_MAX], struct vt_err *err)
{
	struct vt_gcs *g = vt_gcs_of(c);
	struct vt_gcs_call k = { .field_count = 0 };
	uint8_t sum[VT_HASH_MAX];
	char crc[9];
	enum vt_code rc;

	vt_hash_update(&u->sum, last->data, last->len);
	vt_hash_final(&u->sum, sum);
	crc32c_text(sum, crc);
	token[0] = '\0';
	rc = send_all(g, &k, u, last, u->sent_bytes + last->len, err);
	if (rc == VT_OK)
		rc = check_stored(&k, u->sent_bytes + last->len, crc, token,
		    err);
	vt_gcs_end(g, &k);
	if (rc == VT_PRECONDITION)
		return vt_fail(err, VT_EXISTS, "'%s' exists already", key);
	if (rc == VT_ABSENT)
		return vt_fail(err, VT_IO, "the session is gone");
	if (rc == VT_OK)
		rc = set_metadata(g, key, token, m, err);
	/* It is under its name and not what it should be. */
	if (rc != VT_OK && token[0] != '\0' &&
	    gcs_del(c, key, token, NULL) != VT_OK)
		return rc;
	return rc;
}

static enum vt_code
gcs_abort(struct vt_cloud *c, const char *key, const char *upload,
    struct vt_err *err)
{
	struct vt_gcs *g = vt_gcs_of(c);
	struct vt_gcs_call k;
	enum vt_code rc;

	/* Sessions cannot be found by name: who has none ends none, and they
	 * die by themselves after a week, unbilled. */
	if (strncmp(upload, "http", 4) != 0)
		return vt_fail(err, VT_ABSENT, "'%s' has no such upload", key);
	vt_gcs_begin(g, &k, "DELETE", "", VT_CALL_FREE);
	vt_buf_reset(&k.url);
	vt_buf_str(&k.url, upload);
	k.q.plain = 1;
	k.q.accept = 499;	/* "client closed request": that is success */
	rc = vt_gcs_run(g, &k, err);
	if (rc == VT_INVALID && k.q.status == 410)
		rc = vt_fail(err, VT_ABSENT, "'%s' has no such upload", key);
	vt_gcs_end(g, &k);
	return rc;
}

/* --- copying -------------------------------------------------------------- */

static int
same_access(const struct vt_gcs *a, const struct vt_gcs *b)
{
	if (strcmp(a->c.endpoint, b->c.endpoint) != 0)
		return 0;
	if (a->credential == NULL || b->credential == NULL)
		return a->credential == b->credential;
	return strcmp(a->credential, b->credential) == 0;
}

/* The field `name` of the answer's object `outer`; -1: none. */
static int
inner_text(const struct vt_gcs_call *k, const char *outer, const char *name,
    char *out, size_t size)
{
	const struct vt_json_field *x = vt_gcs_field(k, outer);
	struct vt_json_field f[VT_GCS_FIELDS_MAX];
	int n;

	n = x == NULL ? -1 : vt_json_scan(x->value, x->value_len, f,
	    VT_GCS_FIELDS_MAX);
	return n < 0 ? -1 : vt_gcs_text(vt_json_find(f, n, name), out, size);
}

/* Either end of a copy did not hold: which?  One look tells. */
static enum vt_code
copy_refused(struct vt_gcs *g, const char *key, const char *from_key,
    struct vt_err *err)
{
	struct vt_cloud_facts f;
	enum vt_code rc = gcs_head(&g->c, key, &f, NULL, NULL, err);

	if (rc == VT_OK)
		return vt_fail(err, VT_EXISTS, "'%s' exists already", key);
	if (rc == VT_ABSENT)
		return vt_fail(err, VT_CORRUPT, "'%s' is another blob",
		    from_key);
	return rc;
}

static enum vt_code
gcs_copy(struct vt_cloud *c, const char *key, struct vt_cloud *from,
    const char *from_key, const char *from_token, uint64_t size_bytes,
    const struct vt_cloud_meta *m, char token[VT_BLOB_TOKEN_MAX],
    struct vt_err *err)
{
	struct vt_gcs *g = vt_gcs_of(c);
	char next[2048] = "", size[24], there[24];
	const struct vt_json_field *x;
	struct vt_gcs_call k;
	enum vt_code rc;
	int done;

	if (!same_access(g, vt_gcs_of(from)))
		return vt_fail(err, VT_INVALID, "'%s' cannot copy from '%s'",
		    c->base.url, from->base.url);
	rc = check_token(from_key, from_token, err);
	snprintf(size, sizeof(size), "%" PRIu64, size_bytes);
	/* Between classes a large one takes several rounds. */
	for (done = 0; rc == VT_OK && !done;) {
		begin_object(vt_gcs_of(from), &k, "POST", from_key,
		    VT_CALL_WRITE);
		vt_gcs_add(&k, "/rewriteTo/b/", c->bucket);
		vt_gcs_add(&k, "/o/", key);
		vt_gcs_add(&k, "?ifGenerationMatch=0", NULL);
		if (*from_token != '\0')
			vt_gcs_add(&k, "&ifSourceGenerationMatch=",
			    from_token);
		if (next[0] != '\0')
			vt_gcs_add(&k, "&rewriteToken=", next);
		add_resource(&k.body, g, NULL, NULL, m);
		k.q.stall_ms = STEP_STALL_MS;
		rc = vt_gcs_run(g, &k, err);
		if (rc == VT_OK)
			rc = vt_gcs_fields(&k, err);
		x = rc == VT_OK ? vt_gcs_field(&k, "done") : NULL;
		done = x != NULL && x->type == 't';
		if (rc == VT_OK && !done && vt_gcs_text(vt_gcs_field(&k,
		    "rewriteToken"), next, sizeof(next)) < 0)
			rc = vt_fail(err, VT_INVALID,
			    "the answer tells not how to go on");
		if (done && (inner_text(&k, "resource", "generation", token,
		    VT_BLOB_TOKEN_MAX) < 0 || !is_generation(token) ||
		    inner_text(&k, "resource", "size", there,
		    sizeof(there)) < 0))
			rc = vt_fail(err, VT_INVALID,
			    "the answer does not describe the copy");
		if (rc == VT_OK && done && strcmp(there, size) != 0) {
			rc = vt_fail(err, VT_CORRUPT, "the copy of '%s' has "
			    "%s bytes, not %s", from_key, there, size);
			if (gcs_del(c, key, token, NULL) != VT_OK)
				done = 1;	/* the name is recorded */
		}
		vt_gcs_end(g, &k);
	}
	return rc == VT_PRECONDITION ? copy_refused(g, key, from_key,
	    err) : rc;
}

/* --- listing -------------------------------------------------------------- */

static enum vt_code
visit_items(const struct vt_json_field *items, vt_backend_visit *visit,
    void *ctx, struct vt_err *err)
{
	struct vt_json_field *list, f[VT_GCS_FIELDS_MAX];
	const struct vt_json_field *x;
	char key[VT_CLOUD_KEY_MAX];
	int64_t mtime_us;
	uint64_t size;
	enum vt_code rc = VT_OK;
	int count, n, i;

	list = calloc(LIST_MAX, sizeof(*list));
	if (list == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	count = vt_json_items(items->value, items->value_len, list, LIST_MAX);
	if (count < 0)
		rc = vt_fail(err, VT_INVALID, "the listing cannot be read");
	for (i = 0; i < count && rc == VT_OK; i++) {
		n = vt_json_scan(list[i].value, list[i].value_len, f,
		    VT_GCS_FIELDS_MAX);
		if (n < 0 || vt_gcs_text(vt_json_find(f, n, "name"), key,
		    sizeof(key)) < 0 ||
		    vt_gcs_number(vt_json_find(f, n, "size"), &size) < 0) {
			rc = vt_fail(err, VT_INVALID,
			    "the listing cannot be read");
			break;
		}
		x = vt_json_find(f, n, "timeCreated");
		if (x == NULL || x->type != 's' ||
		    vt_time_parse_rfc3339(x->value, x->value_len,
		    &mtime_us) < 0)
			mtime_us = 0;
		if (visit(ctx, key, size, mtime_us) != 0)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
	}
	free(list);
	return rc;
}

static void
begin_list(struct vt_gcs *g, struct vt_gcs_call *k, const char *prefix,
    unsigned most)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", most);
	vt_gcs_begin(g, k, "GET", "/storage/v1/b/", VT_CALL_WRITE);
	vt_gcs_add(k, "", g->c.bucket);
	vt_gcs_add(k, "/o?fields=nextPageToken%2Citems(name%2Csize%2C"
	    "timeCreated)&maxResults=", number);
	if (*prefix != '\0')
		vt_gcs_add(k, "&prefix=", prefix);
	k->q.max_body = LIST_BODY;
}

static enum vt_code
gcs_list(struct vt_cloud *c, const char *prefix, vt_backend_visit *visit,
    void *ctx, struct vt_err *err)
{
	struct vt_gcs *g = vt_gcs_of(c);
	const struct vt_json_field *items;
	struct vt_gcs_call k;
	char *next;
	enum vt_code rc;

	next = calloc(1, 8192);
	if (next == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	do {
		begin_list(g, &k, prefix, LIST_MAX);
		if (next[0] != '\0')
			vt_gcs_add(&k, "&pageToken=", next);
		next[0] = '\0';
		rc = vt_gcs_run(g, &k, err);
		if (rc == VT_OK)
			rc = vt_gcs_fields(&k, err);
		items = rc == VT_OK ? vt_gcs_field(&k, "items") : NULL;
		if (rc == VT_OK && vt_gcs_field(&k, "nextPageToken") != NULL &&
		    vt_gcs_text(vt_gcs_field(&k, "nextPageToken"), next,
		    8192) < 0)
			rc = vt_fail(err, VT_INVALID,
			    "the listing's marker cannot be read");
		if (rc == VT_OK && items != NULL)
			rc = visit_items(items, visit, ctx, err);
		vt_gcs_end(g, &k);
	} while (rc == VT_OK && next[0] != '\0');
	free(next);
	return rc;
}

/* --- opening -------------------------------------------------------------- */

static void
gcs_release(struct vt_cloud *c)
{
	struct vt_gcs *g = vt_gcs_of(c);

	if (g->credential != NULL)
		explicit_bzero(g->credential, strlen(g->credential));
	free(g->credential);
	vt_gcs_key_release(&g->key);
	if (g->token.cap > 0)
		explicit_bzero(g->token.data, g->token.cap);
	vt_buf_release(&g->token);
	pthread_mutex_destroy(&g->lock);
}

static const struct vt_cloud_ops ops = {
	.release = gcs_release,
	.put = gcs_put,
	.begin = gcs_begin,
	.part = gcs_part,
	.finish = gcs_finish,
	.abort = gcs_abort,
	.get = gcs_get,
	.head = gcs_head,
	.del = gcs_del,
	.list = gcs_list,
	.copy = gcs_copy,
};

static enum vt_code
set_credential(struct vt_gcs *g, const char *given, struct vt_err *err)
{
	if (given == NULL || *given == '\0')
		return VT_OK;
	g->credential = strdup(given);
	if (g->credential == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	given += strspn(given, " \t\r\n");
	g->is_bearer = *given != '{';
	if (!g->is_bearer)
		return vt_gcs_key_parse(given, strlen(given), &g->key, err);
	if (given[strcspn(given, " \t\r\n")] != '\0')
		return vt_fail(err, VT_INVALID, "gcs: wants a key file's text "
		    "or a token");
	return VT_OK;
}

static enum vt_code
set_class(struct vt_gcs *g, struct vt_err *err)
{
	static const char *const classes[] = { "STANDARD", "NEARLINE",
	    "COLDLINE", "ARCHIVE" };
	char *given = g->c.object_class;
	size_t i;

	if (given == NULL)
		return VT_OK;
	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strcasecmp(given, classes[i]) == 0) {
			memcpy(given, classes[i], strlen(classes[i]));
			return VT_OK;
		}
	return vt_fail(err, VT_INVALID, "'%.40s' is no storage class of "
	    "Google: STANDARD, NEARLINE, COLDLINE or ARCHIVE", given);
}

static enum vt_code
make_bucket(struct vt_gcs *g, const char *region, struct vt_err *err)
{
	struct vt_gcs_call k;
	enum vt_code rc;

	if (g->key.project == NULL && g->credential != NULL)
		return vt_fail(err, VT_ABSENT, "there is no bucket '%s', and "
		    "the credentials name no project to make it in",
		    g->c.bucket);
	vt_gcs_begin(g, &k, "POST", "/storage/v1/b?project=", VT_CALL_WRITE);
	vt_gcs_add(&k, "", g->key.project != NULL ? g->key.project : "none");
	vt_json_begin(&k.body);
	vt_json_str(&k.body, "name", g->c.bucket);
	if (region != NULL)
		vt_json_str(&k.body, "location", region);
	vt_json_end(&k.body);
	rc = vt_gcs_run(g, &k, err);
	vt_gcs_end(g, &k);
	return rc == VT_EXISTS ? VT_OK : rc;
}

/* A listing of one shows that it is there: who may use objects may not look
 * at the bucket itself.  A tier that is away may be back when it is needed. */
static enum vt_code
check_bucket(struct vt_gcs *g, const struct vt_backend_options *o,
    const char *region, struct vt_err *err)
{
	struct vt_gcs_call k;
	enum vt_code rc;
	int absent;

	begin_list(g, &k, "", 1);
	rc = vt_gcs_run(g, &k, err);
	absent = rc != VT_OK && k.q.status == 404;
	vt_gcs_end(g, &k);
	if (!absent)
		return rc == VT_BUSY ? VT_OK : rc;
	if (o->create)
		return make_bucket(g, region, err);
	return vt_fail(err, VT_ABSENT, "there is no bucket '%s' at %s",
	    g->c.bucket, g->c.endpoint);
}

enum vt_code
vt_backend_gcs_open(const char *url, const struct vt_backend_options *o,
    struct vt_backend **out, struct vt_err *err)
{
	static const struct vt_backend_remote defaults;
	const struct vt_backend_remote *r = o->remote != NULL ? o->remote :
	    &defaults;
	struct vt_caller_options call = vt_cloud_caller(o->clock, r);
	struct vt_gcs *g;
	enum vt_code rc;

	*out = NULL;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	pthread_mutex_init(&g->lock, NULL);
	vt_buf_init(&g->token, 16384);
	g->c.ops = &ops;
	rc = set_credential(g, r->session_token, err);
	if (rc == VT_OK)
		rc = vt_cloud_init(&g->c, url, "gcs://",
		    "https://storage.googleapis.com", o->clock, r, err);
	if (rc == VT_OK)
		rc = set_class(g, err);
	g->c.part_bytes -= g->c.part_bytes % CHUNK;
	if (g->c.part_bytes == 0)
		g->c.part_bytes = CHUNK;
	g->c.base.caps.max_size_bytes = SIZE_MAX_BYTES;
	g->c.meta_max = META_MAX - 64;
	g->c.meta_each = strlen("vt-");
	call.sign = vt_gcs_sign;
	call.refused = vt_gcs_refused;
	call.ctx = g;
	if (rc == VT_OK)
		rc = vt_caller_open(&call, &g->c.caller, err);
	if (rc == VT_OK)
		rc = check_bucket(g, o, r->region, err);
	if (rc != VT_OK) {
		vt_cloud_close(&g->c.base);
		return rc;
	}
	*out = &g->c.base;
	return VT_OK;
}
