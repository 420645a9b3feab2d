#include "expiration.h"

#include <stdlib.h>
#include <string.h>

#include "libvt/proto/lifecycle.h"

#include "documents.h"
#include "meta.h"

#define MIN_SIZE "x-amz-transition-default-minimum-object-size"
#define PARSED_MAX ((size_t)32 << 20)

/* --- the document --------------------------------------------------------- */

/* A class that no tier answers for can be kept by nobody: refused now, rather
 * than silently not done later. */
static int
classes_exist(struct req *r, const struct vt_lc_transition *t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (vt_config_class(r->srv->config,
		    t[i].storage_class) == NULL) {
			req_error_detail(r, "StorageClassRequested",
			    t[i].storage_class);
			req_error(r, "InvalidStorageClass", NULL);
			return 0;
		}
	return 1;
}

int
lifecycle_check(struct req *r, struct vt_cat_doc *d)
{
	const char *min = req_header(r, MIN_SIZE), *body, *code;
	int varies = min != NULL && strcmp(min, VT_LC_VARIES) == 0;
	struct vt_lifecycle *lc;
	struct vt_err err;
	enum vt_code rc;
	size_t i;

	if (min != NULL && !varies && strcmp(min, VT_LC_ALL_CLASSES) != 0) {
		req_error_detail(r, "ArgumentName", MIN_SIZE);
		req_error_detail(r, "ArgumentValue", min);
		req_error(r, "InvalidRequest", "The " MIN_SIZE " header is "
		    "either " VT_LC_ALL_CLASSES " or " VT_LC_VARIES);
		return -1;
	}
	rc = vt_lifecycle_complete(r->arena, r->body, r->body_len, varies,
	    &body, &d->len, &lc, &code, &err);
	if (rc == VT_INVALID) {
		req_error(r, code, "%s", err.text);
		return -1;
	}
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return -1;
	}
	for (i = 0; i < lc->count; i++)
		if (!classes_exist(r, lc->rule[i].transition,
		    lc->rule[i].transition_count) ||
		    !classes_exist(r, lc->rule[i].noncurrent_transition,
		    lc->rule[i].noncurrent_transition_count))
			return -1;
	d->body = body;
	req_set_header(r, MIN_SIZE, varies ? VT_LC_VARIES :
	    VT_LC_ALL_CLASSES);
	return 0;
}

int
lifecycle_send(struct req *r, const char **body, size_t *len)
{
	int varies;
	size_t skip = vt_lifecycle_xml(*body, *len, &varies);

	*body += skip;
	*len -= skip;
	req_set_header(r, MIN_SIZE, varies ? VT_LC_VARIES :
	    VT_LC_ALL_CLASSES);
	return 0;
}

struct parsed {
	struct vt_arena *arena;
	struct vt_lifecycle *lc;
};

void *
lifecycle_parse(const char *body, size_t len, struct vt_err *err)
{
	struct parsed *p = calloc(1, sizeof(*p));

	if (p != NULL)
		p->arena = vt_arena_new(PARSED_MAX);
	if (p == NULL || p->arena == NULL) {
		vt_fail(err, VT_NOMEM, "out of memory");
		free(p);
		return NULL;
	}
	if (vt_lifecycle_parse(p->arena, body, len, &p->lc, NULL,
	    err) == VT_OK)
		return p;
	lifecycle_free(p);
	return NULL;
}

void
lifecycle_free(void *parsed)
{
	struct parsed *p = parsed;

	vt_arena_free(p->arena);
	free(p);
}

/* --- headers -------------------------------------------------------------- */

int
expiration_ready(struct req *r)
{
	if (!doc_exists(r, VT_DOC_LIFECYCLE))
		return 0;
	/* gone by now is as good as never there */
	(void)doc_get(r, VT_DOC_LIFECYCLE);
	return req_answered(r) ? -1 : 0;
}

/* The rule's ID as it goes into a header, in arena memory. */
static const char *
encoded_id(struct req *r, const struct vt_lc_rule *rule)
{
	struct vt_buf b;
	char *text;

	vt_buf_init(&b, VT_LC_ID_MAX * 3 + 1);
	vt_uri_encode(&b, rule->id, strlen(rule->id), 0);
	text = vt_arena_dup(r->arena, b.data, b.len);
	vt_buf_release(&b);
	return text != NULL ? text : "";
}

static int
removal_of(struct req *r, const struct vt_lc_subject *s,
    struct vt_lc_removal *out)
{
	const struct parsed *p = doc_get(r, VT_DOC_LIFECYCLE);

	if (p == NULL)
		return 0;
	vt_lifecycle_removal(p->lc, s, out);
	return out->action != VT_LC_NONE && out->due_us != INT64_MAX;
}

void
expiration_header(struct req *r, const struct vt_version *v, int64_t mtime_us)
{
	struct vt_lc_subject s = { .key = v->key, .key_len = v->key_len,
	    .tags = v->tags, .size_bytes = v->size_bytes,
	    .created_us = mtime_us, .is_current = 1 };
	struct vt_lc_removal removal;
	char date[30];

	if (!doc_exists(r, VT_DOC_LIFECYCLE) || !removal_of(r, &s, &removal))
		return;
	vt_time_http(removal.due_us, date);
	req_set_headerf(r, "x-amz-expiration",
	    "expiry-date=\"%s\", rule-id=\"%s\"", date,
	    encoded_id(r, removal.rule));
}

void
expiration_abort_headers(struct req *r, int64_t created_us)
{
	struct vt_lc_subject s = { .key = r->key, .key_len = r->key_len,
	    .created_us = created_us, .is_upload = 1 };
	struct vt_lc_removal removal;
	char date[30];

	if (!doc_exists(r, VT_DOC_LIFECYCLE) || !removal_of(r, &s, &removal))
		return;
	vt_time_http(removal.due_us, date);
	req_set_header(r, "x-amz-abort-date", date);
	req_set_header(r, "x-amz-abort-rule-id",
	    encoded_id(r, removal.rule));
}
