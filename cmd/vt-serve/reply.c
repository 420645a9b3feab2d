/*
 * Answers, as operations record them: see http.h.  Nothing is sent here;
 * http.c makes a response of what is recorded, on the connection's thread.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "libvt/proto/xml.h"

#include "request.h"
#include "s3error.h"

#define DETAILS_MAX (256 * 1024)
#define ERROR_MAX (512 * 1024)

void
reply_init(struct req *r)
{
	struct req_private *p = r->priv;

	p->headers_tail = &p->headers;
	p->fd = -1;
	vt_buf_init(&p->details, DETAILS_MAX);
}

void
reply_release(struct req *r)
{
	struct req_private *p = r->priv;

	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	free(p->owned);
	p->owned = NULL;
	if (p->close != NULL)
		p->close(p->ctx);
	p->close = NULL;
	vt_buf_release(&p->details);
}

int
req_answered(const struct req *r)
{
	return r->priv->reply != REPLY_NONE;
}

/* 1: this is the request's one answer; 0: it has one, keep that. */
static int
begin(struct req *r, int status, enum reply_kind kind)
{
	struct req_private *p = r->priv;

	if (p->reply != REPLY_NONE)
		return 0;
	p->reply = kind;
	p->status = status;
	return 1;
}

/* --- headers -------------------------------------------------------------- */

static int
is_text(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return 0;
	return 1;
}

static int
is_token(const char *s)
{
	if (*s == '\0')
		return 0;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= 0x20 || *s == 0x7f || *s == ':')
			return 0;
	return 1;
}

void
req_set_header(struct req *r, const char *name, const char *value)
{
	struct req_private *p = r->priv;
	struct reply_header *h;

	/* A value with a line break would be a header of the peer's own. */
	if (!is_token(name) || !is_text(value))
		return;
	for (h = p->headers; h != NULL; h = h->next)
		if (strcasecmp(h->name, name) == 0)
			break;
	if (h == NULL) {
		h = vt_arena_alloc(r->arena, sizeof(*h));
		if (h == NULL)
			goto no_memory;
		h->name = vt_arena_str(r->arena, name);
		if (h->name == NULL)
			goto no_memory;
		*p->headers_tail = h;
		p->headers_tail = &h->next;
	}
	h->value = vt_arena_str(r->arena, value);
	if (h->value != NULL)
		return;
	h->value = "";
no_memory:
	req_error(r, "SlowDown", NULL);
}

void
req_set_headerf(struct req *r, const char *name, const char *fmt, ...)
{
	char text[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Half a value is worse than none. */
	if (n >= 0 && (size_t)n < sizeof(text))
		req_set_header(r, name, text);
}

/* What described the body that is not sent now. */
static void
drop_body_headers(struct req *r)
{
	static const char *const names[] = { "Content-Type",
	    "Content-Encoding", "Content-Disposition", "Content-Language",
	    "Cache-Control", "Expires", "ETag" };
	struct req_private *p = r->priv;
	struct reply_header **at, *h;
	size_t i;

	for (at = &p->headers; (h = *at) != NULL;) {
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (strcasecmp(h->name, names[i]) == 0)
				break;
		if (i < sizeof(names) / sizeof(names[0]))
			*at = h->next;
		else
			at = &h->next;
	}
	p->headers_tail = at;
}

/* --- answers -------------------------------------------------------------- */

void
req_reply_bytes(struct req *r, int status, const void *data, size_t len)
{
	struct req_private *p = r->priv;

	if (!begin(r, status, REPLY_BYTES))
		return;
	p->data = data;
	p->length = len;
}

void
req_reply_empty(struct req *r, int status)
{
	req_reply_bytes(r, status, "", 0);
}

/* malloc'ed bytes; takes them over. */
static void
reply_owned(struct req *r, int status, char *data, size_t len)
{
	struct req_private *p = r->priv;

	if (!begin(r, status, REPLY_OWNED)) {
		free(data);
		return;
	}
	p->owned = data;
	p->length = len;
}

void
req_reply_xml(struct req *r, int status, struct vt_buf *body)
{
	char *data;
	size_t len;

	if (body->failed) {
		vt_buf_release(body);
		req_complain(r, "the answer outgrew its limit");
		req_error(r, "InternalError", NULL);
		return;
	}
	data = vt_buf_take(body, &len);
	if (data == NULL) {
		req_error(r, "SlowDown", NULL);
		return;
	}
	req_set_header(r, "Content-Type", "application/xml");
	reply_owned(r, status, data, len);
}

void
req_reply_fd(struct req *r, int status, int fd, uint64_t offset,
    uint64_t length)
{
	struct req_private *p = r->priv;

	if (!begin(r, status, REPLY_FD)) {
		close(fd);
		return;
	}
	p->fd = fd;
	p->offset = offset;
	p->length = length;
}

void
req_reply_stream(struct req *r, int status, uint64_t length,
    ssize_t (*read)(void *ctx, void *data, size_t len),
    void (*close)(void *ctx), void *ctx)
{
	struct req_private *p = r->priv;

	if (!begin(r, status, REPLY_STREAM)) {
		if (close != NULL)
			close(ctx);
		return;
	}
	p->length = length;
	p->read = read;
	p->close = close;
	p->ctx = ctx;
}

void
req_reply_head(struct req *r, int status, uint64_t length)
{
	if (begin(r, status, REPLY_HEAD))
		r->priv->length = length;
}

/* --- errors --------------------------------------------------------------- */

void
req_error_detail(struct req *r, const char *element, const char *value)
{
	vt_xml_text(&r->priv->details, element, value);
}

void
req_error(struct req *r, const char *s3_code, const char *fmt, ...)
{
	struct req_private *p = r->priv;
	char message[1024];
	struct vt_buf body;
	char *data;
	size_t len;
	va_list ap;
	int status;

	if (p->reply != REPLY_NONE)
		return;
	message[0] = '\0';
	if (fmt != NULL) {
		va_start(ap, fmt);
		vsnprintf(message, sizeof(message), fmt, ap);
		va_end(ap);
	}
	drop_body_headers(r);
	status = s3error_status(s3_code);
	r->log.error = s3_code;
	vt_buf_init(&body, ERROR_MAX);
	s3error_xml(&body, s3_code, message, r->raw_path, r->id,
	    p->details.failed ? NULL : p->details.data);
	data = body.failed ? NULL : vt_buf_take(&body, &len);
	if (data == NULL) {
		vt_buf_release(&body);
		req_reply_empty(r, 503);
		return;
	}
	reply_owned(r, status, data, len);
	/* After the answer is set: a failure in these is not one of it. */
	req_set_header(r, "Content-Type", "application/xml");
	if (status == 503)
		req_set_header(r, "Retry-After", "1");
}

void
req_fail(struct req *r, enum vt_code code, const struct vt_err *err)
{
	const char *s3_code = s3error_of(code);

	switch (code) {
	case VT_OK:
	case VT_IO:
	case VT_CORRUPT:
	case VT_NOMEM:
	case VT_NOSPACE:
		/* The words name files and hosts: they are ours alone. */
		req_complain(r, "%s: %s", vt_code_name(code),
		    err != NULL ? err->text : "");
		req_error(r, s3_code, NULL);
		return;
	default:
		req_error(r, s3_code, "%s", err != NULL ? err->text : "");
	}
}

void
req_later(struct req *r, const char *s3_code, int64_t retry_ms)
{
	if (req_answered(r))
		return;
	req_error(r, s3_code, NULL);
	if (retry_ms > 1000)
		req_set_headerf(r, "Retry-After", "%lld",
		    (long long)((retry_ms + 999) / 1000));
}

void
req_fail_tier(struct req *r, const char *tier, enum vt_code code,
    const struct vt_err *err)
{
	struct vt_backend_health h;

	if (tier == NULL || !vt_tiers_is_remote(r->srv->tiers, tier)) {
		req_fail(r, code, err);
		return;
	}
	vt_backend_health(vt_tiers_backend(r->srv->tiers, tier), &h);
	switch (code) {
	case VT_BUSY:
	case VT_IO:
	case VT_DENIED:
	case VT_INVALID:
	case VT_EXISTS:
	case VT_CANCELLED:
		/* the words name hosts and their troubles: ours alone */
		if (!h.is_open)
			req_complain(r, "tier '%s': %s: %s", tier,
			    vt_code_name(code), err != NULL ? err->text : "");
		req_later(r, code == VT_BUSY && !h.is_open ? "SlowDown" :
		    "ServiceUnavailable", h.retry_ms);
		return;
	default:
		req_fail(r, code, err);
	}
}
