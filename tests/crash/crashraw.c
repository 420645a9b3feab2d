/* Requests that s3client does not make: see crash.h. */
#include <stdio.h>
#include <string.h>

#include "libvt/base/hex.h"
#include "libvt/base/uri.h"
#include "libvt/proto/xml.h"

#include "tests/crash/crash.h"

static const struct vt_clock real_clock = { 0, 0 };

void
raw_header(struct raw *q, const char *name, const char *value)
{
	q->headers[q->header_count++] = (struct vt_header){ name, value };
}

enum vt_code
raw_send(struct client *c, const struct raw *q, struct vt_err *err)
{
	struct load *l = c->load;
	struct vt_sig_cred cred = { l->cred.access_key, l->cred.secret_key,
	    NULL, "us-east-1", "s3" };
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_header h[16], *added;
	struct vt_sig_request sig;
	struct vt_httpc_request r;
	uint8_t sum[VT_HASH_MAX];
	char hex[65];
	struct vt_buf path;
	const char *sha = q->sha256;
	size_t n = 0, added_count;
	enum vt_code rc;

	if (a == NULL)
		give_up("out of memory");
	vt_buf_init(&path, 8192);
	vt_buf_printf(&path, "/%s", q->bucket);
	if (q->key != NULL) {
		vt_buf_char(&path, '/');
		vt_uri_encode(&path, q->key, strlen(q->key), 1);
	}
	if (sha == NULL) {
		sha = NOTHING_SHA256;
		if (q->body_len > 0 && vt_hash_once(VT_SHA256, q->body,
		    (size_t)q->body_len, sum) == 0) {
			vt_hex_encode(sum, 32, hex);
			sha = hex;
		}
	}
	h[n++] = (struct vt_header){ "Host", strstr(l->world->endpoint,
	    "//") + 2 };
	memcpy(h + n, q->headers, q->header_count * sizeof(*h));
	n += q->header_count;
	sig = (struct vt_sig_request){ q->method, path.data,
	    q->query != NULL ? q->query : "", h, n };
	rc = vt_sig_sign(a, &sig, &cred, vt_clock_now_us(&real_clock), sha, 1,
	    &added, &added_count, err);
	if (rc != VT_OK || n + added_count > 16)
		give_up("cannot sign: %s", err->text);
	memcpy(h + n, added, added_count * sizeof(*h));
	n += added_count;
	memset(&r, 0, sizeof(r));
	r.method = q->method;
	r.url = vt_arena_printf(a, "%s%s%s%s", l->world->endpoint, path.data,
	    q->query != NULL ? "?" : "", q->query != NULL ? q->query : "");
	r.headers = h;
	r.header_count = n;
	r.body = q->body;
	r.body_fd = q->body_fd;
	r.body_len = q->body_len;
	r.max_body = 1 << 20;
	rc = vt_httpc_perform(c->http, &r, &c->resp, err);
	vt_buf_release(&path);
	vt_arena_free(a);
	return rc;
}

void
raw_text(struct client *c, const char *element, char *out, size_t size)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_xml *root;
	const char *text = NULL;

	if (a != NULL && vt_xml_parse(a, c->resp.body.data, c->resp.body.len,
	    &root, NULL) == VT_OK)
		text = vt_xml_child_text(root, element);
	snprintf(out, size, "%s", text != NULL ? text : "");
	vt_arena_free(a);
}

void
raw_etag(struct client *c, char out[128])
{
	char text[128];
	size_t n;

	raw_text(c, "ETag", text, sizeof(text));
	n = strlen(text);
	if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
		text[n - 1] = '\0';
		snprintf(out, 128, "%s", text + 1);
	} else
		snprintf(out, 128, "%s", text);
}

enum vt_code
raw_status(struct client *c, struct vt_err *err)
{
	char code[64];

	if (c->resp.status >= 200 && c->resp.status < 300 &&
	    memmem(c->resp.body.data, c->resp.body.len, "<Error>", 7) == NULL)
		return VT_OK;
	raw_text(c, "Code", code, sizeof(code));
	return vt_fail(err, c->resp.status == 503 ? VT_BUSY : VT_INVALID,
	    "HTTP %d %s", c->resp.status, code);
}
