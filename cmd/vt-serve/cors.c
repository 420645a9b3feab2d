#include "cors.h"

#include <ctype.h>
#include <string.h>

#include "libvt/proto/cors.h"

#include "documents.h"
#include "meta.h"
#include "ops.h"

#define VARY "Origin, Access-Control-Request-Headers, " \
	"Access-Control-Request-Method"
#define LIST_MAX (HEADERS_MAX + VT_CORS_BYTES_MAX)
#define VALUE_MAX 8192		/* of one header: they share 32 KiB */

/* --- the document --------------------------------------------------------- */

int
cors_check(struct req *r, struct vt_cat_doc *d)
{
	const char *s3_code = NULL;
	struct vt_cors *c;
	struct vt_err err;
	enum vt_code rc;

	rc = vt_cors_parse(r->body, r->body_len, &c, &s3_code, &err);
	if (rc == VT_INVALID)
		req_error(r, s3_code, "%s", err.text);
	else if (rc == VT_TOO_LARGE)
		req_error(r, "MaxMessageLengthExceeded", "%s", err.text);
	else if (rc != VT_OK)
		req_fail(r, rc, &err);
	vt_cors_free(c);
	d->body = r->body;
	d->len = r->body_len;
	return rc == VT_OK ? 0 : -1;
}

void *
cors_parse(const char *body, size_t len, struct vt_err *err)
{
	struct vt_cors *c;

	return vt_cors_parse(body, len, &c, NULL, err) == VT_OK ? c : NULL;
}

void
cors_free(void *rules)
{
	vt_cors_free(rules);
}

/* --- headers -------------------------------------------------------------- */

static void
list_header(struct req *r, const char *name, const struct vt_cors_list *list)
{
	struct vt_buf b;
	size_t i;

	if (list->count == 0)
		return;
	vt_buf_init(&b, VALUE_MAX);
	for (i = 0; i < list->count; i++)
		vt_buf_printf(&b, i > 0 ? ", %s" : "%s", list->text[i]);
	/* half a list is worse than none */
	if (!b.failed)
		req_set_header(r, name, b.data);
	vt_buf_release(&b);
}

/* The names asked for, as the browser wants to hear them. */
static void
allow_headers(struct req *r, const char *names)
{
	struct vt_buf b;
	size_t len;

	vt_buf_init(&b, LIST_MAX);
	while (*names != '\0') {
		names += strspn(names, " \t,");
		len = strcspn(names, " \t,");
		if (len > 0 && b.len > 0)
			vt_buf_str(&b, ", ");
		for (; len > 0; len--, names++)
			vt_buf_char(&b, (char)tolower((unsigned char)*names));
	}
	if (!b.failed && b.len > 0)
		req_set_header(r, "Access-Control-Allow-Headers", b.data);
	vt_buf_release(&b);
}

/* 1: a rule lets the request's origin use `method`, and its headers are
 * set. */
static int
allowed(struct req *r, const struct vt_cors *c, const char *method)
{
	const char *origin = req_header(r, "Origin");
	const char *names = req_header(r, "Access-Control-Request-Headers");
	const struct vt_cors_rule *rule;
	int any;

	rule = vt_cors_match(c, origin, method, names, &any);
	if (rule == NULL)
		return 0;
	req_set_header(r, "Access-Control-Allow-Origin", any ? "*" : origin);
	list_header(r, "Access-Control-Allow-Methods", &rule->methods);
	if (names != NULL)
		allow_headers(r, names);
	list_header(r, "Access-Control-Expose-Headers", &rule->expose);
	if (rule->max_age_s >= 0)
		req_set_headerf(r, "Access-Control-Max-Age", "%ld",
		    rule->max_age_s);
	/* no browser takes it together with "*" */
	if (!any)
		req_set_header(r, "Access-Control-Allow-Credentials", "true");
	return 1;
}

void
cors_headers(struct req *r)
{
	const char *method = req_header(r, "Access-Control-Request-Method");
	const struct vt_cors *c;

	/* What is wrong with the bucket is told where it is looked up. */
	if (vt_catalog_bucket(r->srv->catalog, r->arena, r->bucket_name,
	    &r->bucket, NULL) != VT_OK)
		return;
	c = doc_get(r, VT_DOC_CORS);
	if (c == NULL)
		return;
	/* Also without a rule: for another origin the answer is another. */
	req_set_header(r, "Vary", VARY);
	(void)allowed(r, c, method != NULL ? method : r->method);
}

/* --- OPTIONS -------------------------------------------------------------- */

static void
forbid(struct req *r, const char *method, const char *why)
{
	req_error_detail(r, "Method", method);
	req_error_detail(r, "ResourceType", r->key != NULL ? "OBJECT" :
	    "BUCKET");
	req_error(r, "AccessForbidden", "CORSResponse: %s", why);
}

void
op_preflight(struct req *r)
{
	const char *method = req_header(r, "Access-Control-Request-Method");
	const struct vt_cors *c;

	if (req_header(r, "Origin") == NULL) {
		req_error(r, "BadRequest", "Insufficient information. Origin "
		    "request header needed.");
		return;
	}
	if (method == NULL || *method == '\0') {
		req_error(r, "BadRequest", "Invalid "
		    "Access-Control-Request-Method: %.64s",
		    method == NULL ? "null" : method);
		return;
	}
	req_set_header(r, "Vary", VARY);
	c = doc_get(r, VT_DOC_CORS);
	if (req_answered(r))
		return;
	if (c == NULL)
		forbid(r, method, "CORS is not enabled for this bucket.");
	else if (!allowed(r, c, method))
		forbid(r, method, "This CORS request is not allowed. This is "
		    "usually because the evalution of Origin, request method "
		    "/ Access-Control-Request-Method or "
		    "Access-Control-Request-Headers are not whitelisted by "
		    "the resource's CORS spec.");
	else
		req_reply_empty(r, 200);
}
