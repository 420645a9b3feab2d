/* One signed S3 request, tried again when that may help: see s3req.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <stdio.h>

#include "libvt/base/hash.h"
#include "libvt/base/uri.h"
#include "libvt/proto/sigv4.h"
#include "libvt/proto/xml.h"

#include "libvt/proto/s3req.h"

#define EMPTY_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define REQUEST_ARENA (1024 * 1024)	/* headers and URL, a few times over */
#define ERROR_ARENA (1024 * 1024)
#define XML_ARENA (64 * 1024 * 1024)

static char *
dup_or_null(const char *s, int *bad)
{
	char *p;

	if (s == NULL)
		return NULL;
	p = strdup(s);
	if (p == NULL)
		*bad = 1;
	return p;
}

static void
wipe_free(char *s)
{
	if (s == NULL)
		return;
	explicit_bzero(s, strlen(s));
	free(s);
}

/* Nobody stands between us and this machine. */
static int
is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	    (strncmp(host, "127.", 4) == 0 &&
	    strspn(host, "0123456789.") == strlen(host));
}

static enum vt_code
split_endpoint(struct vt_s3 *s, const char *endpoint, struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(65536);
	struct vt_url u;
	enum vt_code rc;
	size_t n;
	int bad = 0;

	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_uri_split(a, endpoint, &u, err);
	if (rc == VT_OK && strcmp(u.scheme, "http") != 0 &&
	    strcmp(u.scheme, "https") != 0)
		rc = vt_fail(err, VT_INVALID,
		    "the endpoint '%s' is neither http:// nor https://",
		    endpoint);
	if (rc == VT_OK && u.host[0] == '\0')
		rc = vt_fail(err, VT_INVALID, "the endpoint '%s' has no host",
		    endpoint);
	if (rc == VT_OK) {
		s->scheme = dup_or_null(u.scheme, &bad);
		s->host = dup_or_null(u.host, &bad);
		s->base = dup_or_null(u.path, &bad);
		s->https = strcmp(u.scheme, "https") == 0;
		s->sign_payload = !s->https && !is_loopback(u.host);
		s->port = u.port;
		/* curl leaves out the scheme's own port, so the signed Host
		 * must too. */
		if (s->port == (s->https ? 443 : 80))
			s->port = 0;
		if (bad)
			rc = vt_fail(err, VT_NOMEM, "out of memory");
	}
	if (rc == VT_OK) {
		n = strlen(s->base);
		while (n > 0 && s->base[n - 1] == '/')
			s->base[--n] = '\0';
	}
	vt_arena_free(a);
	return rc;
}

enum vt_code
vt_s3_open(const struct vt_s3_options *o, struct vt_s3 **out,
    struct vt_err *err)
{
	struct vt_s3 *s;
	struct vt_s3_conn *c = NULL;
	enum vt_code rc = VT_OK;
	int bad = 0;

	*out = NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	pthread_mutex_init(&s->lock, NULL);
	if (o->endpoint != NULL) {
		rc = split_endpoint(s, o->endpoint, err);
	} else {
		s->scheme = dup_or_null("https", &bad);
		s->base = dup_or_null("", &bad);
		s->https = 1;
	}
	if (rc == VT_OK &&
	    (strlen(o->region) >= sizeof(s->region) || o->region[0] == '\0'))
		rc = vt_fail(err, VT_INVALID, "'%s' is not a region",
		    o->region);
	if (rc != VT_OK) {
		vt_s3_close(s);
		return rc;
	}
	strcpy(s->region, o->region);
	s->access_key = dup_or_null(o->access_key, &bad);
	s->secret_key = dup_or_null(o->secret_key, &bad);
	if (o->session_token != NULL && o->session_token[0] != '\0')
		s->session_token = dup_or_null(o->session_token, &bad);
	s->ca_file = dup_or_null(o->ca_file, &bad);
	s->user_agent = dup_or_null(o->user_agent, &bad);
	s->virtual_host = o->virtual_host;
	s->requester_pays = o->requester_pays;
	s->clock = o->clock;
	s->retry = vt_retry_policy(o->tries, o->backoff_ms,
	    o->backoff_max_ms);
	s->connect_ms = o->connect_timeout_ms;
	s->stall_ms = o->stall_ms;
	s->cancel = o->cancel;
	s->retrying = o->retrying;
	s->retrying_ctx = o->retrying_ctx;
	if (bad)
		rc = vt_fail(err, VT_NOMEM, "out of memory");
	/* The first handle, now: libcurl is set up before threads start. */
	if (rc == VT_OK) {
		struct vt_httpc_options h = { s->user_agent, s->ca_file,
		    s->connect_ms, s->stall_ms, s->cancel };

		c = calloc(1, sizeof(*c));
		rc = c == NULL ? vt_fail(err, VT_NOMEM, "out of memory") :
		    vt_httpc_open(&h, &c->http, err);
	}
	if (rc != VT_OK) {
		free(c);
		vt_s3_close(s);
		return rc;
	}
	s->idle = c;
	*out = s;
	return VT_OK;
}

void
vt_s3_close(struct vt_s3 *s)
{
	struct vt_s3_conn *c;

	if (s == NULL)
		return;
	while (s->idle != NULL) {
		c = s->idle;
		s->idle = c->next;
		vt_httpc_close(c->http);
		vt_httpc_response_release(&c->resp);
		free(c);
	}
	pthread_mutex_destroy(&s->lock);
	free(s->scheme);
	free(s->host);
	free(s->base);
	wipe_free(s->access_key);
	wipe_free(s->secret_key);
	wipe_free(s->session_token);
	free(s->ca_file);
	free(s->user_agent);
	free(s);
}

static enum vt_code
take_conn(struct vt_s3 *s, struct vt_s3_conn **out, struct vt_err *err)
{
	struct vt_httpc_options h = { s->user_agent, s->ca_file,
	    s->connect_ms, s->stall_ms, s->cancel };
	struct vt_s3_conn *c;
	enum vt_code rc;

	*out = NULL;
	pthread_mutex_lock(&s->lock);
	c = s->idle;
	if (c != NULL)
		s->idle = c->next;
	pthread_mutex_unlock(&s->lock);
	if (c == NULL) {
		c = calloc(1, sizeof(*c));
		if (c == NULL)
			return vt_fail(err, VT_NOMEM, "out of memory");
		rc = vt_httpc_open(&h, &c->http, err);
		if (rc != VT_OK) {
			free(c);
			return rc;
		}
	}
	c->next = NULL;
	*out = c;
	return VT_OK;
}

void
vt_s3_release(struct vt_s3 *s, struct vt_s3_conn *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	c->next = s->idle;
	s->idle = c;
	pthread_mutex_unlock(&s->lock);
}

enum vt_code
vt_s3_pause(struct vt_s3 *s, const char *what, unsigned attempt,
    int64_t retry_after_ms, const struct vt_err *why, struct vt_err *err)
{
	uint64_t dice = 0;
	int64_t pause;

	if (vt_random(&dice, sizeof(dice)) < 0)
		dice = UINT64_MAX / 2;
	pause = vt_retry_pause_ms(&s->retry, attempt, retry_after_ms, dice);
	if (s->retrying != NULL)
		s->retrying(s->retrying_ctx, what, attempt, pause, why);
	return vt_retry_wait(pause, s->cancel, err);
}

/* --- building ------------------------------------------------------------- */

struct target {
	char *url, *host, *path;
};

static int
bucket_in_host(const struct vt_s3 *s, const char *bucket)
{
	if (bucket == NULL)
		return 0;
	/* A wildcard certificate does not cover a name with dots. */
	if (s->https && strchr(bucket, '.') != NULL)
		return 0;
	return s->virtual_host || s->host == NULL;
}

static enum vt_code
build_target(struct vt_s3 *s, struct vt_arena *a, const struct vt_s3_call *q,
    const char *region, struct target *t, struct vt_err *err)
{
	struct vt_buf b;
	const char *aws;
	int in_host = bucket_in_host(s, q->bucket);

	/* Partitions other than `aws` have their own domain. */
	aws = strncmp(region, "cn-", 3) == 0 ? "amazonaws.com.cn" :
	    "amazonaws.com";
	vt_buf_init(&b, 16384);
	if (in_host) {
		vt_buf_str(&b, q->bucket);
		vt_buf_char(&b, '.');
	}
	if (s->host != NULL) {
		vt_buf_str(&b, s->host);
		if (s->port != 0)
			vt_buf_printf(&b, ":%d", s->port);
	} else {
		vt_buf_printf(&b, "s3.%s.%s", region, aws);
	}
	t->host = vt_arena_dup(a, b.data, b.len);

	vt_buf_reset(&b);
	vt_buf_str(&b, s->base);
	vt_buf_char(&b, '/');
	if (q->bucket != NULL && !in_host) {
		vt_uri_encode(&b, q->bucket, strlen(q->bucket), 0);
		if (q->key != NULL)
			vt_buf_char(&b, '/');
	}
	if (q->key != NULL)
		vt_uri_encode(&b, q->key, strlen(q->key), 1);
	t->path = vt_arena_dup(a, b.data, b.len);
	if (b.failed || t->host == NULL || t->path == NULL) {
		vt_buf_release(&b);
		return vt_fail(err, VT_INVALID, "the key is too long");
	}
	vt_buf_release(&b);
	t->url = vt_arena_printf(a, "%s://%s%s%s%s", s->scheme, t->host,
	    t->path, q->query != NULL && q->query[0] != '\0' ? "?" : "",
	    q->query != NULL ? q->query : "");
	if (t->url == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	return VT_OK;
}

/* --- reading refusals ----------------------------------------------------- */

static const struct {
	const char *code;
	enum vt_code means;
} s3_codes[] = {
	{ "BadDigest", VT_CORRUPT },
	{ "XAmzContentSHA256Mismatch", VT_CORRUPT },
	{ "XAmzContentChecksumMismatch", VT_CORRUPT },
	{ "BucketAlreadyExists", VT_EXISTS },
	{ "BucketAlreadyOwnedByYou", VT_EXISTS },
	{ "ConditionalRequestConflict", VT_BUSY },
	{ "EntityTooLarge", VT_TOO_LARGE },
	{ "IncompleteBody", VT_BUSY },
	{ "InternalError", VT_BUSY },
	{ "InvalidObjectState", VT_NEEDS_RESTORE },
	{ "KeyTooLongError", VT_INVALID },
	{ "OperationAborted", VT_BUSY },
	{ "PreconditionFailed", VT_PRECONDITION },
	{ "QuotaExceeded", VT_NOSPACE },
	{ "RequestTimeout", VT_BUSY },
	{ "RestoreAlreadyInProgress", VT_BUSY },
	{ "ServiceUnavailable", VT_BUSY },
	{ "SlowDown", VT_BUSY },
	{ "ThrottlingException", VT_BUSY },
};

static enum vt_code
code_of(int status, const char *code)
{
	size_t i;

	for (i = 0; i < sizeof(s3_codes) / sizeof(s3_codes[0]); i++)
		if (strcmp(code, s3_codes[i].code) == 0)
			return s3_codes[i].means;
	return vt_http_code(status);
}

static void
printable(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
}

/* The <Error> in the body, if there is one: code and message. */
static void
read_error(struct vt_s3_conn *c, char *message, size_t size, char *region,
    size_t region_size)
{
	struct vt_arena *a = NULL;
	struct vt_xml *root = NULL;
	const char *text;

	c->code[0] = message[0] = region[0] = '\0';
	if (c->resp.body.len > 0)
		a = vt_arena_new(ERROR_ARENA);
	/* An answer that is no XML says nothing more than its status. */
	if (a != NULL && vt_xml_parse(a, c->resp.body.data, c->resp.body.len,
	    &root, NULL) == VT_OK && strcmp(root->name, "Error") == 0) {
		text = vt_xml_child_text(root, "Code");
		snprintf(c->code, sizeof(c->code), "%s", text ? text : "");
		text = vt_xml_child_text(root, "Message");
		snprintf(message, size, "%s", text ? text : "");
		text = vt_xml_child_text(root, "Region");
		snprintf(region, region_size, "%s", text ? text : "");
		printable(c->code);
		printable(message);
	}
	vt_arena_free(a);
}

enum vt_code
vt_s3_error_document(struct vt_s3_conn *c, struct vt_err *err)
{
	char message[300], region[64];

	read_error(c, message, sizeof(message), region, sizeof(region));
	if (c->code[0] == '\0')
		return VT_OK;
	/* The status was sent before the work was done: the code decides. */
	return vt_fail(err, code_of(strcmp(c->code, "InternalError") == 0 ?
	    500 : 400, c->code), "%s%s%s", c->code,
	    message[0] != '\0' ? ": " : "", message);
}

/* The bucket lives elsewhere and the answer says where: sign for that. */
static int
learn_region(struct vt_s3 *s, const struct vt_s3_conn *c, const char *tried,
    const char *from_body)
{
	const char *r = vt_httpc_header(&c->resp, "x-amz-bucket-region");
	int changed = 0;

	if (r == NULL || r[0] == '\0')
		r = from_body;
	if (r[0] == '\0' || strlen(r) >= sizeof(s->region) ||
	    strcmp(r, tried) == 0 ||
	    r[strspn(r, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
		return 0;
	pthread_mutex_lock(&s->lock);
	strcpy(s->region, r);
	changed = 1;
	pthread_mutex_unlock(&s->lock);
	return changed;
}

/* --- sending -------------------------------------------------------------- */

struct meter {
	struct vt_s3 *s;
	const struct vt_s3_call *q;
	int64_t sum;
};

static void
measure(void *ctx, int64_t bytes)
{
	struct meter *m = ctx;

	/* What is sent again was sent. */
	if (bytes > 0)
		vt_s3_count_bytes(m->s, m->q->body.len > 0, (uint64_t)bytes);
	m->sum += bytes;
	if (m->q->moved != NULL)
		m->q->moved(m->q->moved_ctx, bytes);
}

void
vt_s3_count_bytes(struct vt_s3 *s, int sent, uint64_t bytes)
{
	__atomic_fetch_add(sent ? &s->counts.bytes_out : &s->counts.bytes_in,
	    bytes, __ATOMIC_RELAXED);
}

/* Count a request that was answered.  A failure of the server is not billed
 * (AWS, "Billing for Amazon S3 error responses"). */
static void
count_request(struct vt_s3 *s, const struct vt_s3_call *q, int status)
{
	uint64_t *counter = &s->counts.writes;

	if (status >= 500)
		return;
	if (strcmp(q->method, "DELETE") == 0)
		counter = &s->counts.deletes;
	else if (strcmp(q->method, "HEAD") == 0 ||
	    (strcmp(q->method, "GET") == 0 && q->key != NULL))
		counter = &s->counts.reads;
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

void
vt_s3_counts(const struct vt_s3 *s, struct vt_s3_counts *out)
{
	out->writes = __atomic_load_n(&s->counts.writes, __ATOMIC_RELAXED);
	out->reads = __atomic_load_n(&s->counts.reads, __ATOMIC_RELAXED);
	out->deletes = __atomic_load_n(&s->counts.deletes, __ATOMIC_RELAXED);
	out->bytes_in = __atomic_load_n(&s->counts.bytes_in,
	    __ATOMIC_RELAXED);
	out->bytes_out = __atomic_load_n(&s->counts.bytes_out,
	    __ATOMIC_RELAXED);
}

static enum vt_code
send_once(struct vt_s3 *s, struct vt_s3_conn *c, const struct vt_s3_call *q,
    const char *region, struct meter *m, struct vt_err *err)
{
	struct vt_sig_cred cred = { s->access_key, s->secret_key,
	    s->session_token, region, "s3" };
	struct vt_sig_request sig;
	struct vt_httpc_request r;
	struct vt_header *all, *added = NULL;
	struct vt_arena *a;
	struct target t = { NULL, NULL, NULL };
	size_t n = 0, added_count = 0;
	const char *sha = q->sha256 != NULL ? q->sha256 : EMPTY_SHA256;
	enum vt_code rc;

	a = vt_arena_new(REQUEST_ARENA);
	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = build_target(s, a, q, region, &t, err);
	if (rc != VT_OK)
		goto out;
	all = vt_arena_alloc(a, (q->header_count + 9) * sizeof(*all));
	if (all == NULL) {
		rc = vt_fail(err, VT_NOMEM, "out of memory");
		goto out;
	}
	all[n++] = (struct vt_header){ "Host", t.host };
	if (q->header_count > 0)
		memcpy(all + n, q->headers, q->header_count * sizeof(*all));
	n += q->header_count;
	if (s->requester_pays)
		all[n++] = (struct vt_header){ "x-amz-request-payer",
		    "requester" };
	if (s->access_key != NULL) {
		sig = (struct vt_sig_request){ q->method, t.path,
		    q->query != NULL ? q->query : "", all, n };
		rc = vt_sig_sign(a, &sig, &cred, vt_clock_now_us(s->clock),
		    sha, 1, &added, &added_count, err);
		if (rc != VT_OK)
			goto out;
		if (added_count > 7) {
			rc = vt_fail(err, VT_INVALID, "too many headers");
			goto out;
		}
		memcpy(all + n, added, added_count * sizeof(*all));
		n += added_count;
	}
	memset(&r, 0, sizeof(r));
	r.method = q->method;
	r.url = t.url;
	r.headers = all;
	r.header_count = n;
	r.body = q->body.data;
	r.body_fd = q->body.fd;
	r.body_offset = q->body.offset;
	r.body_len = q->body.len;
	r.sink = q->sink;
	r.sink_ctx = q->sink_ctx;
	r.max_body = q->max_body;
	r.stall_ms = q->stall_ms;
	/* Of what is pulled, the reader counts. */
	if (!q->pull) {
		r.moved = measure;
		r.moved_ctx = m;
	}
	rc = q->pull ? vt_httpc_begin(c->http, &r, &c->resp, err) :
	    vt_httpc_perform(c->http, &r, &c->resp, err);
out:
	vt_arena_free(a);
	return rc;
}

enum vt_code
vt_s3_run(struct vt_s3 *s, struct vt_s3_call *q, struct vt_s3_conn **out,
    struct vt_err *err)
{
	struct meter m = { s, q, 0 };
	struct vt_s3_conn *c;
	struct vt_err own = { VT_OK, "" };
	char region[64], message[300], elsewhere[64];
	int moved_region = 0;
	enum vt_code rc;

	*out = NULL;
	rc = take_conn(s, &c, err);
	if (rc != VT_OK)
		return rc;
	q->attempts = 0;
	q->resent = 0;
	q->conn = c;
	for (;;) {
		q->attempts++;
		q->status = 0;
		q->code[0] = '\0';
		c->code[0] = '\0';
		q->retry_after_ms = -1;
		pthread_mutex_lock(&s->lock);
		strcpy(region, s->region);
		pthread_mutex_unlock(&s->lock);
		rc = send_once(s, c, q, region, &m, &own);
		q->resent |= c->resp.resent;
		if (rc == VT_OK)
			count_request(s, q, c->resp.status);
		/* A sink that has taken bytes cannot take them twice: its
		 * owner goes on, not we. */
		if (rc == VT_OK && c->resp.status >= 200 &&
		    c->resp.status < 300) {
			q->status = c->resp.status;
			*out = c;
			return VT_OK;
		}
		if (rc == VT_OK) {
			q->status = c->resp.status;
			read_error(c, message, sizeof(message), elsewhere,
			    sizeof(elsewhere));
			strcpy(q->code, c->code);
			q->retry_after_ms = vt_retry_after_ms(vt_httpc_header(
			    &c->resp, "retry-after"),
			    vt_clock_now_us(s->clock));
			rc = code_of(c->resp.status, c->code);
			if (c->code[0] != '\0')
				vt_fail(&own, rc, "%s%s%s", c->code,
				    message[0] != '\0' ? ": " : "", message);
			else
				vt_fail(&own, rc, "%s (HTTP %d)",
				    vt_http_words(c->resp.status),
				    c->resp.status);
			if ((q->status == 301 || q->status == 307 ||
			    q->status == 400 || q->status == 403) &&
			    !moved_region &&
			    learn_region(s, c, region, elsewhere)) {
				moved_region = 1;
				rc = VT_BUSY;
				q->retry_after_ms = 0;
			}
			if (q->pull)
				vt_httpc_end(c->http);
		}
		if (m.sum != 0 && q->body.len > 0) {
			if (q->moved != NULL)
				q->moved(q->moved_ctx, -m.sum);
			m.sum = 0;
		}
		if (rc != VT_BUSY || q->once || q->attempts >= s->retry.tries)
			break;
		rc = vt_s3_pause(s, q->what, q->attempts, q->retry_after_ms,
		    &own, &own);
		if (rc != VT_OK)
			break;
	}
	q->conn = NULL;
	vt_s3_release(s, c);
	if (err != NULL) {
		*err = own;
		err->code = rc;
	}
	return rc;
}

/* --- what the operations share -------------------------------------------- */

void
vt_s3_copy_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text != NULL ? text : "");
}

void
vt_s3_copy_etag(char *out, size_t size, const char *etag)
{
	size_t n;

	out[0] = '\0';
	if (etag == NULL)
		return;
	if (strncmp(etag, "W/", 2) == 0)
		etag += 2;
	if (*etag == '"')
		etag++;
	snprintf(out, size, "%s", etag);
	n = strlen(out);
	if (n > 0 && out[n - 1] == '"')
		out[n - 1] = '\0';
}

uint64_t
vt_s3_crc64_number(const uint8_t in[8])
{
	uint64_t crc = 0;
	int i;

	for (i = 0; i < 8; i++)
		crc = crc << 8 | in[i];
	return crc;
}

void
vt_s3_query_add(struct vt_buf *b, const char *name, const char *value)
{
	if (b->len > 0)
		vt_buf_char(b, '&');
	vt_buf_str(b, name);
	vt_buf_char(b, '=');
	vt_uri_encode(b, value, strlen(value), 0);
}

void
vt_s3_query_version(struct vt_buf *b, const char *version)
{
	if (version != NULL && version[0] != '\0')
		vt_s3_query_add(b, "versionId", version);
}

enum vt_code
vt_s3_parse_body(const struct vt_s3_conn *c, const char *root_name,
    struct vt_arena **a, struct vt_xml **root, struct vt_err *err)
{
	enum vt_code rc;

	*a = vt_arena_new(XML_ARENA);
	if (*a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_xml_parse(*a, c->resp.body.data, c->resp.body.len, root, err);
	if (rc == VT_OK && strcmp((*root)->name, root_name) != 0)
		rc = vt_fail(err, VT_INVALID, "the answer is a <%s>, not a "
		    "<%s>: is this an S3 endpoint?", (*root)->name, root_name);
	else if (rc != VT_OK)
		vt_err_prefix(err, "the answer is not XML");
	if (rc != VT_OK) {
		vt_arena_free(*a);
		*a = NULL;
	}
	return rc;
}
