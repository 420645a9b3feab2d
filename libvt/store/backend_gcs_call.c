/* Requests to Google Cloud Storage's JSON API: see backend_gcs.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/num.h"
#include "libvt/base/uri.h"
#include "libvt/proto/httpretry.h"

#include "libvt/store/backend_gcs.h"

#define URL_MAX 65536
#define BODY_MAX 65536
/* A token is got anew so long before its end, or half its life. */
#define TOKEN_SPARE_MS 300000

struct vt_gcs *
vt_gcs_of(struct vt_cloud *c)
{
	return (struct vt_gcs *)c;
}

/* --- tokens --------------------------------------------------------------- */

static void
wipe(struct vt_buf *b)
{
	if (b->cap > 0)
		explicit_bzero(b->data, b->cap);
	vt_buf_reset(b);
}

/* Exchange the key for a token; under the lock, so that one does it for all. */
static enum vt_code
fetch_token(struct vt_gcs *g, struct vt_err *err)
{
	struct vt_header form = { "Content-Type",
	    "application/x-www-form-urlencoded" };
	struct vt_call q = { .method = "POST", .url = g->key.token_uri,
	    .headers = &form, .header_count = 1, .plain = 1, .once = 1 };
	int64_t now_us = vt_clock_now_us(g->c.base.clock), life_ms, spare;
	struct vt_buf body;
	enum vt_code rc;

	wipe(&g->token);
	g->token_until_us = 0;
	vt_buf_init(&body, BODY_MAX);
	rc = vt_gcs_token_request(&g->key, now_us, &body, err);
	q.body = body.data;
	q.body_len = body.len;
	if (rc == VT_OK)
		rc = vt_call_run(g->c.caller, &q, err);
	if (rc == VT_OK)
		rc = vt_gcs_token_read(q.resp->body.data, q.resp->body.len,
		    &g->token, &life_ms, err);
	if (rc == VT_OK) {
		spare = life_ms / 2 < TOKEN_SPARE_MS ? life_ms / 2 :
		    TOKEN_SPARE_MS;
		g->token_until_us = now_us + (life_ms - spare) * 1000;
	}
	vt_call_end(g->c.caller, &q);
	wipe(&body);
	vt_buf_release(&body);
	if (rc == VT_INVALID || rc == VT_ABSENT)
		rc = VT_DENIED;		/* invalid_grant and its like */
	if (rc != VT_OK) {
		vt_err_prefix(err, "no token from %.100s", g->key.token_uri);
		if (err != NULL)
			err->code = rc;
	}
	return rc;
}

enum vt_code
vt_gcs_sign(void *ctx, const struct vt_call *q, struct vt_arena *a,
    struct vt_header *added, size_t *count, struct vt_err *err)
{
	struct vt_gcs *g = ctx;
	const char *value = NULL;
	enum vt_code rc = VT_OK;

	(void)q;
	*count = 0;
	if (g->credential == NULL)
		return VT_OK;
	pthread_mutex_lock(&g->lock);
	if (!g->is_bearer &&
	    vt_clock_now_us(g->c.base.clock) >= g->token_until_us)
		rc = fetch_token(g, err);
	if (rc == VT_OK)
		value = vt_arena_printf(a, "Bearer %s", g->is_bearer ?
		    g->credential : g->token.data);
	pthread_mutex_unlock(&g->lock);
	if (rc != VT_OK)
		return rc;
	if (value == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	added[0] = (struct vt_header){ "Authorization", value };
	*count = 1;
	return VT_OK;
}

/* --- refusals ------------------------------------------------------------- */

const struct vt_json_field *
vt_gcs_field(const struct vt_gcs_call *k, const char *name)
{
	return vt_json_find(k->f, k->field_count, name);
}

int
vt_gcs_text(const struct vt_json_field *x, char *out, size_t size)
{
	struct vt_buf b;
	int rc = -1;

	out[0] = '\0';
	if (x == NULL || x->type != 's')
		return -1;
	vt_buf_init(&b, size - 1);
	if (vt_json_unescape(x, &b) == 0 && !b.failed &&
	    strlen(b.data) == b.len) {
		memcpy(out, b.data, b.len + 1);
		rc = 0;
	}
	vt_buf_release(&b);
	return rc;
}

int
vt_gcs_number(const struct vt_json_field *x, uint64_t *out)
{
	if (x == NULL || (x->type != 's' && x->type != 'n'))
		return -1;
	return vt_num_scan_u64(x->value, x->value_len, out);
}

/*
 * {"error":{"code":404,"message":"...","errors":[{"reason":"notFound"}]}} of
 * the store, {"error":"invalid_grant","error_description":"..."} of tokens.
 */
static void
read_error(const struct vt_httpc_response *r, char code[64],
    char message[300])
{
	struct vt_json_field top[32], in[32], list[4], one[32];
	const struct vt_json_field *x;
	int n, m;

	code[0] = message[0] = '\0';
	n = vt_json_scan(r->body.data, r->body.len, top, 32);
	x = n < 0 ? NULL : vt_json_find(top, n, "error");
	if (x == NULL)
		return;
	if (x->type == 's') {
		if (vt_gcs_text(x, code, 64) == 0 && vt_gcs_text(vt_json_find(
		    top, n, "error_description"), message, 300) < 0)
			message[0] = '\0';
	} else if (x->type == 'o') {
		n = vt_json_scan(x->value, x->value_len, in, 32);
		if (n < 0 || vt_gcs_text(vt_json_find(in, n, "message"),
		    message, 300) < 0)
			message[0] = '\0';
		x = n < 0 ? NULL : vt_json_find(in, n, "errors");
		m = x == NULL ? -1 : vt_json_items(x->value, x->value_len,
		    list, 4);
		m = m < 1 ? -1 : vt_json_scan(list[0].value,
		    list[0].value_len, one, 32);
		if (m < 0 || vt_gcs_text(vt_json_find(one, m, "reason"),
		    code, 64) < 0)
			code[0] = '\0';
	}
	vt_call_words(code);
	vt_call_words(message);
}

enum vt_code
vt_gcs_refused(void *ctx, struct vt_call *q, struct vt_err *err)
{
	struct vt_gcs *g = ctx;
	char message[300];
	enum vt_code means;

	read_error(q->resp, q->code, message);
	means = vt_http_code(q->status);
	if (strcmp(q->code, "rateLimitExceeded") == 0 ||
	    strcmp(q->code, "userRateLimitExceeded") == 0)
		means = VT_BUSY;
	else if (q->status == 409)
		means = VT_EXISTS;
	else if (means == VT_ABSENT && strstr(message, "bucket") != NULL &&
	    strstr(message, "object") == NULL)
		means = VT_IO;	/* the tier is broken, not one blob absent */
	/* The token's time was up before we thought: once more with another. */
	if (q->status == 401 && !q->plain && !g->is_bearer &&
	    g->credential != NULL && q->attempts == 1) {
		pthread_mutex_lock(&g->lock);
		g->token_until_us = 0;
		pthread_mutex_unlock(&g->lock);
		means = VT_BUSY;
	}
	if (q->code[0] == '\0')
		return vt_fail(err, means, "%s (HTTP %d)", message[0] != '\0' ?
		    message : vt_http_words(q->status), q->status);
	return vt_fail(err, means, "%s: %s", q->code, message[0] != '\0' ?
	    message : vt_http_words(q->status));
}

/* --- requests ------------------------------------------------------------- */

void
vt_gcs_begin(struct vt_gcs *g, struct vt_gcs_call *k, const char *method,
    const char *path, enum vt_call_bill bill)
{
	memset(&k->q, 0, sizeof(k->q));
	k->field_count = 0;
	vt_buf_init(&k->url, URL_MAX);
	vt_buf_init(&k->body, BODY_MAX);
	vt_buf_printf(&k->url, "%s%s", g->c.endpoint, path);
	k->q.method = method;
	k->q.bill = bill;
}

void
vt_gcs_end(struct vt_gcs *g, struct vt_gcs_call *k)
{
	vt_call_end(g->c.caller, &k->q);
	vt_buf_release(&k->url);
	vt_buf_release(&k->body);
}

void
vt_gcs_add(struct vt_gcs_call *k, const char *text, const char *encode)
{
	vt_buf_str(&k->url, text);
	if (encode != NULL)
		vt_uri_encode(&k->url, encode, strlen(encode), 0);
}

void
vt_gcs_header(struct vt_gcs_call *k, const char *name, const char *value)
{
	k->h[k->q.header_count++] = (struct vt_header){ name, value };
}

enum vt_code
vt_gcs_run(struct vt_gcs *g, struct vt_gcs_call *k, struct vt_err *err)
{
	enum vt_code rc;

	rc = vt_buf_check(&k->url, "the URL", err);
	if (rc == VT_OK)
		rc = vt_buf_check(&k->body, "the request", err);
	if (rc != VT_OK)
		return rc;
	if (k->body.len > 0) {
		k->q.body = k->body.data;
		k->q.body_len = k->body.len;
		vt_gcs_header(k, "Content-Type",
		    "application/json; charset=UTF-8");
	}
	k->q.url = k->url.data;
	k->q.headers = k->h;
	return vt_call_run(g->c.caller, &k->q, err);
}

enum vt_code
vt_gcs_fields(struct vt_gcs_call *k, struct vt_err *err)
{
	k->field_count = vt_json_scan(k->q.resp->body.data,
	    k->q.resp->body.len, k->f, VT_GCS_FIELDS_MAX);
	if (k->field_count >= 0)
		return VT_OK;
	k->field_count = 0;
	return vt_fail(err, VT_INVALID, "the answer is not JSON: is this "
	    "Google Cloud Storage?");
}
