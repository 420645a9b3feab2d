/*
 * PostObject: a file that a browser uploads with a form.
 *
 * The fields before the file say what headers say of a PUT, and who asks;
 * when they are in, the form becomes a PutObject: its fields take the place
 * of the request's own headers and the file goes the way of every body
 * (object.h, ingest.h).  A form that turns out to be broken after that has
 * stored nothing: only a whole one reaches the catalog.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libvt/proto/formdata.h"
#include "libvt/proto/postpolicy.h"
#include "libvt/proto/xml.h"

#include "auth.h"
#include "authz.h"
#include "object.h"
#include "ops.h"
#include "replicas.h"
#include "route.h"
#include "tagging.h"

#define REDIRECT_MAX 4096	/* bytes of a success_action_redirect */
#define LOCATION_MAX (REDIRECT_MAX + 3 * VT_KEY_MAX + 512)

struct form {
	struct put put;		/* first: object.c wants it */
	struct req *req;
	struct vt_formdata *data;
	const char *filename;	/* without its path */
	uint64_t size_bytes;	/* of the file, so far */
	uint64_t min_bytes, max_bytes;
	const char *file;	/* where it begins; of a collected form also
				   where all of it lies: in r->body */
	const char *redirect;	/* NULL: none, or not a URL */
	int status;		/* success_action_status */
};

/* --- fields --------------------------------------------------------------- */

static const struct vt_form_field *
find(const struct form *f, const char *name)
{
	const struct vt_form_field *fields;
	size_t count, i;

	fields = vt_formdata_fields(f->data, &count);
	for (i = 0; i < count; i++)
		if (strcasecmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

static const char *
value_of(const struct form *f, const char *name)
{
	const struct vt_form_field *field = find(f, name);

	return field != NULL ? field->value : NULL;
}

static int
refuse_field(struct req *r, const char *name, const char *why)
{
	req_error_detail(r, "ArgumentName", name);
	req_error(r, "InvalidArgument", "The form's field '%.100s' %s", name,
	    why);
	return -1;
}

/* What two readers could take differently, or not read whole. */
static int
check_fields(struct req *r, const struct form *f)
{
	const struct vt_form_field *fields;
	size_t count, i;

	fields = vt_formdata_fields(f->data, &count);
	for (i = 0; i < count; i++) {
		if (strncasecmp(fields[i].name, "x-ignore-", 9) == 0)
			continue;
		if (strlen(fields[i].value) != fields[i].value_len)
			return refuse_field(r, fields[i].name,
			    "holds a NUL");
		if (find(f, fields[i].name) != &fields[i])
			return refuse_field(r, fields[i].name,
			    "is given twice");
	}
	return 0;
}

/* r->key, with the file's name where it is asked for. */
static int
take_key(struct req *r, const struct form *f)
{
	static const char variable[] = "${filename}";
	const char *key = value_of(f, "key"), *at;
	struct vt_err err;
	struct vt_buf b;
	enum vt_code rc;

	if (key == NULL) {
		req_error_detail(r, "ArgumentName", "key");
		req_error_detail(r, "ArgumentValue", "");
		req_error(r, "InvalidArgument", "Bucket POST must contain a "
		    "field named 'key'.  If it is specified, please check "
		    "the order of the fields.");
		return -1;
	}
	vt_buf_init(&b, 2 * VT_FORM_HEAD_MAX);
	for (; (at = strstr(key, variable)) != NULL;
	    key = at + sizeof(variable) - 1) {
		vt_buf_add(&b, key, (size_t)(at - key));
		vt_buf_str(&b, f->filename);
	}
	vt_buf_str(&b, key);
	/* what does not fit is over any key's limit anyway */
	r->key_len = b.failed ? VT_KEY_MAX + 1 : b.len;
	r->key = req_dup(r, b.data, b.len);
	vt_buf_release(&b);
	if (req_answered(r))
		return -1;
	r->log.key = r->key;
	r->log.key_len = r->key_len;
	if (r->key_len == 0) {
		req_error(r, "InvalidArgument",
		    "User key must have a length greater than 0.");
		return -1;
	}
	rc = route_check_key(r->key, r->key_len, &err);
	if (rc == VT_TOO_LARGE)
		req_error(r, "KeyTooLongError", NULL);
	else if (rc != VT_OK)
		req_error(r, "InvalidArgument", "%s", err.text);
	return rc == VT_OK ? 0 : -1;
}

/* --- who, and whether ----------------------------------------------------- */

static int
check_signature(struct req *r, const struct form *f)
{
	struct vt_sig_form form = {
		.policy = value_of(f, "policy"),
		.algorithm = value_of(f, "x-amz-algorithm"),
		.credential = value_of(f, "x-amz-credential"),
		.date = value_of(f, "x-amz-date"),
		.signature = value_of(f, "x-amz-signature"),
		.access_key = value_of(f, "AWSAccessKeyId"),
		.signature_v2 = value_of(f, "signature"),
		.security_token = value_of(f, "x-amz-security-token")
	};

	return auth_form(http_auth(r->srv->http), r, &form);
}

/* The fields as the policy is to see them: with the key that it will be. */
static const struct vt_form_field *
fields_with_key(struct req *r, const struct form *f, size_t *count)
{
	const struct vt_form_field *fields;
	struct vt_form_field *copy;
	size_t i;

	fields = vt_formdata_fields(f->data, count);
	copy = req_alloc(r, *count * sizeof(*copy));
	for (i = 0; copy != NULL && i < *count; i++) {
		copy[i] = fields[i];
		if (strcasecmp(copy[i].name, "key") == 0) {
			copy[i].value = r->key;
			copy[i].value_len = r->key_len;
		}
	}
	return copy;
}

static int
check_policy(struct req *r, struct form *f)
{
	/* As for requests, it is the client's clock that must be near. */
	const struct vt_clock clock = VT_CLOCK_REAL;
	const struct vt_form_field *policy = find(f, "policy"), *fields;
	struct vt_post_policy *p;
	struct vt_err err;
	enum vt_code rc;
	size_t count;

	f->max_bytes = PUT_MAX;
	/* without one it is unsigned, and anybody's */
	if (policy == NULL)
		return 0;
	fields = fields_with_key(r, f, &count);
	if (fields == NULL)
		return -1;
	rc = vt_post_policy_parse(r->arena, policy->value, policy->value_len,
	    &p, &err);
	if (rc == VT_OK)
		rc = vt_post_policy_check(p, vt_clock_now_us(&clock),
		    r->bucket_name, fields, count, &err);
	switch (rc) {
	case VT_OK:
		f->min_bytes = p->min_bytes;
		if (p->max_bytes < f->max_bytes)
			f->max_bytes = p->max_bytes;
		return 0;
	case VT_INVALID:
		req_error(r, "InvalidPolicyDocument", "%s", err.text);
		return -1;
	case VT_DENIED:
		req_error(r, "AccessDenied", "%s", err.text);
		return -1;
	default:
		req_fail(r, rc, &err);
		return -1;
	}
}

/* --- what the fields say of the object ------------------------------------ */

static int
in_list(const char *name, const char *const *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcasecmp(name, list[i]) == 0)
			return 1;
	return 0;
}
#define IN_LIST(name, list) \
	in_list(name, list, sizeof(list) / sizeof((list)[0]))

/* A field under the name of the header that says the same of a PUT; NULL for
 * those that are none. */
static const char *
header_name(const char *field)
{
	static const char *const same[] = { "Cache-Control", "Content-Type",
	    "Content-Disposition", "Content-Encoding", "Content-Language",
	    "Content-MD5", "Expires" };
	/* of the form itself, or of another way to send a body */
	static const char *const not_ours[] = { "x-amz-algorithm",
	    "x-amz-credential", "x-amz-date", "x-amz-signature",
	    "x-amz-security-token", "x-amz-content-sha256",
	    "x-amz-decoded-content-length", "x-amz-trailer",
	    "x-amz-sdk-checksum-algorithm", "x-amz-copy-source" };

	if (strcasecmp(field, "acl") == 0)
		return "x-amz-acl";
	if (strcasecmp(field, "tagging") == 0)
		return "x-amz-tagging";
	if (IN_LIST(field, same))
		return field;
	if (strncasecmp(field, "x-amz-", 6) == 0 && !IN_LIST(field, not_ours))
		return field;
	return NULL;
}

/* A header of the request that says something of the form, not of the file
 * in it. */
static int
is_forms(const char *name)
{
	static const char *const names[] = { "Cache-Control", "Expires",
	    "Range", "Authorization", "Transfer-Encoding" };

	if (strcasecmp(name, "x-amz-expected-bucket-owner") == 0)
		return 0;
	return strncasecmp(name, "x-amz-", 6) == 0 ||
	    strncasecmp(name, "Content-", 8) == 0 ||
	    strncasecmp(name, "If-", 3) == 0 || IN_LIST(name, names);
}

/* Put the fields in the place of the request's headers. */
static int
take_headers(struct req *r, const struct form *f)
{
	const struct vt_form_field *fields;
	struct vt_header *out;
	size_t count, n = 0, i;

	fields = vt_formdata_fields(f->data, &count);
	out = req_alloc(r, (r->header_count + count + 1) * sizeof(*out));
	if (out == NULL)
		return -1;
	for (i = 0; i < r->header_count; i++)
		if (!is_forms(r->headers[i].name))
			out[n++] = r->headers[i];
	for (i = 0; i < count; i++) {
		const char *name = header_name(fields[i].name);

		if (name == NULL)
			continue;
		out[n].name = name;
		out[n].value = fields[i].value;
		if (strcasecmp(fields[i].name, "tagging") == 0)
			(void)tags_parse(r, fields[i].value,
			    fields[i].value_len, &out[n].value);
		else if (!vt_header_valid(name, fields[i].value))
			return refuse_field(r, fields[i].name,
			    "holds control characters");
		if (req_answered(r))
			return -1;
		n++;
	}
	r->headers = out;
	r->header_count = n;
	return 0;
}

/* What to answer when it is stored. */
static int
take_success(struct req *r, struct form *f)
{
	const struct vt_form_field *to = find(f, "success_action_redirect");
	const char *status = value_of(f, "success_action_status");

	if (to == NULL)
		to = find(f, "redirect");	/* its older name */
	if (to != NULL && to->value_len > REDIRECT_MAX) {
		char why[48];

		snprintf(why, sizeof(why), "is longer than %d bytes",
		    REDIRECT_MAX);
		return refuse_field(r, to->name, why);
	}
	/* What is no URL is taken for none, as on S3. */
	if (to != NULL && vt_header_valid(to->name, to->value) &&
	    strchr(to->value, ' ') == NULL &&
	    (strncasecmp(to->value, "http://", 7) == 0 ||
	    strncasecmp(to->value, "https://", 8) == 0))
		f->redirect = to->value;
	f->status = 204;
	if (status != NULL && (strcmp(status, "200") == 0 ||
	    strcmp(status, "201") == 0))
		f->status = status[2] == '0' ? 200 : 201;
	return 0;
}

/* The fields are in: from here on it is a PutObject, or refused. */
static int
accept_fields(struct req *r, struct form *f, uint64_t size_bytes)
{
	if (check_fields(r, f) < 0 || take_key(r, f) < 0 ||
	    check_signature(r, f) < 0 || check_policy(r, f) < 0 ||
	    take_headers(r, f) < 0 || authz_check(r) < 0 ||
	    take_success(r, f) < 0)
		return -1;
	return put_begin(r, size_bytes);
}

/* --- the answer ----------------------------------------------------------- */

static void
redirect(struct req *r, const struct form *f)
{
	size_t before = strcspn(f->redirect, "#");
	struct vt_buf b;

	vt_buf_init(&b, LOCATION_MAX);
	vt_buf_add(&b, f->redirect, before);
	vt_buf_char(&b, memchr(f->redirect, '?', before) != NULL ? '&' : '?');
	vt_buf_printf(&b, "bucket=%s&key=", r->bucket_name);
	vt_uri_encode(&b, r->key, r->key_len, 0);
	vt_buf_printf(&b, "&etag=%%22%s%%22%s", f->put.in.digest.etag,
	    f->redirect + before);
	req_set_header(r, "Location", b.data);
	vt_buf_release(&b);
	req_reply_empty(r, 303);
}

static void
created(struct req *r, const struct form *f, const char *location)
{
	struct vt_buf b;

	vt_buf_init(&b, 2 * LOCATION_MAX + 6 * VT_KEY_MAX);
	vt_xml_decl(&b);
	vt_xml_open(&b, "PostResponse");
	vt_xml_text(&b, "Location", location);
	vt_xml_text(&b, "Bucket", r->bucket_name);
	vt_xml_bytes(&b, "Key", r->key, r->key_len);
	meta_etag_xml(&b, f->put.in.digest.etag);
	vt_xml_close(&b, "PostResponse");
	req_reply_xml(r, 201, &b);
	vt_buf_release(&b);
}

static void
stored(struct req *r)
{
	const struct form *f = r->state;
	struct vt_buf location;

	if (f->redirect != NULL) {
		redirect(r, f);
		return;
	}
	vt_buf_init(&location, LOCATION_MAX + HEADERS_MAX);
	meta_location(r, &location);
	req_set_header(r, "Location", location.data);
	if (f->status == 201)
		created(r, f, location.data);
	else
		req_reply_empty(r, f->status);
	vt_buf_release(&location);
}

/* --- the body ------------------------------------------------------------- */

static int
on_file(void *ctx, const char *name)
{
	struct form *f = ctx;
	struct req *r = f->req;
	const char *s;

	/* Some browsers send the path, too. */
	for (s = name; *s != '\0'; s++)
		if (*s == '/' || *s == '\\')
			name = s + 1;
	f->filename = req_dup(r, name, strlen(name));
	if (req_answered(r))
		return -1;
	/* A collected form's file has a size as soon as it is whole. */
	if (!r->streamed)
		return 0;
	if (accept_fields(r, f, UINT64_MAX) < 0)
		return -1;
	return ingest_open(r, &f->put.in, UINT64_MAX);
}

static void
too_large(struct req *r, const struct form *f)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)
	    f->max_bytes);
	req_error_detail(r, "MaxSizeAllowed", text);
	req_error(r, "EntityTooLarge",
	    "Your proposed upload exceeds the maximum allowed size");
}

static int
on_data(void *ctx, const void *data, size_t len)
{
	struct form *f = ctx;
	struct req *r = f->req;

	/* The file of a collected form is one piece, as the form was. */
	if (f->size_bytes == 0)
		f->file = data;
	f->size_bytes += len;
	if (!r->streamed)
		return 0;
	if (f->size_bytes > f->max_bytes) {
		too_large(r, f);
		return -1;
	}
	return ingest_write(r, &f->put.in, data, len);
}

static int
begin(struct req *r)
{
	struct vt_form_sink sink = { on_file, on_data, NULL };
	char boundary[VT_FORM_BOUNDARY_MAX + 1];
	struct form *f;
	struct vt_err err;
	enum vt_code rc;

	rc = vt_formdata_boundary(req_header(r, "Content-Type"), boundary,
	    &err);
	if (rc == VT_ABSENT) {
		req_error_detail(r, "Condition", "Bucket POST must be of the "
		    "enclosure-type multipart/form-data");
		req_error(r, "PreconditionFailed", NULL);
		return -1;
	}
	if (rc != VT_OK) {
		req_error(r, "MalformedPOSTRequest", "%s", err.text);
		return -1;
	}
	f = req_alloc(r, sizeof(*f));
	if (f == NULL)
		return -1;
	sink.ctx = f;
	f->req = r;
	f->put.stored = stored;
	f->file = "";
	f->data = vt_formdata_new(r->arena, boundary, &sink);
	if (f->data == NULL) {
		req_fail(r, VT_NOMEM, NULL);
		return -1;
	}
	r->state = f;
	r->cleanup = put_cleanup;
	return 0;
}

/* What the parser's refusal means. */
static int
refuse(struct req *r, enum vt_code rc, const struct vt_err *err)
{
	switch (rc) {
	case VT_OK:
		return 0;
	case VT_CANCELLED:	/* by on_file or on_data: answered */
		return -1;
	case VT_TOO_LARGE:
		req_error(r, "MaxPostPreDataLengthExceeded", "%s", err->text);
		return -1;
	case VT_ABSENT:
	case VT_EXISTS:
		req_error(r, "IncorrectNumberOfFilesInPostRequest", NULL);
		return -1;
	default:
		req_error(r, "MalformedPOSTRequest", "The body of your POST "
		    "request is not well-formed multipart/form-data: %s",
		    err->text);
		return -1;
	}
}

static int
push(struct req *r, const void *data, size_t len)
{
	struct form *f = r->state;
	struct vt_err err;

	return refuse(r, vt_formdata_push(f->data, data, len, &err), &err);
}

int
op_post_object_open(struct req *r)
{
	return begin(r);
}

int
op_post_object_write(struct req *r, const void *data, size_t len)
{
	return push(r, data, len);
}

/* Is the form whole, and its file of a size that it may have? */
static int
check_whole(struct req *r, const struct form *f)
{
	struct vt_err err;
	char text[24];

	if (refuse(r, vt_formdata_finish(f->data, &err), &err) < 0)
		return -1;
	if (f->size_bytes > f->max_bytes) {
		too_large(r, f);
		return -1;
	}
	if (f->size_bytes >= f->min_bytes)
		return 0;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)
	    f->size_bytes);
	req_error_detail(r, "ProposedSize", text);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)
	    f->min_bytes);
	req_error_detail(r, "MinSizeAllowed", text);
	req_error(r, "EntityTooSmall",
	    "Your proposed upload is smaller than the minimum allowed size");
	return -1;
}

static void
store_collected(struct req *r)
{
	struct form *f = r->state;

	if (ingest_whole(r, &f->put.in, f->file, f->size_bytes) == 0)
		put_submit(r);
}

void
op_post_object(struct req *r)
{
	struct form *f;

	if (r->streamed) {
		f = r->state;
		if (check_whole(r, f) == 0 && ingest_close(r, &f->put.in) == 0)
			put_submit(r);
		return;
	}
	if (begin(r) < 0)
		return;
	f = r->state;
	if (push(r, r->body, r->body_len) < 0)
		return;
	/* until the policy says otherwise, so that only framing is looked at */
	f->max_bytes = UINT64_MAX;
	if (check_whole(r, f) < 0 ||
	    accept_fields(r, f, f->size_bytes) < 0 || check_whole(r, f) < 0)
		return;
	if (ingest_blocks(&f->put.in, f->size_bytes))
		req_work_tier(r, replicas_queue(r, &f->put.in),
		    store_collected);
	else
		store_collected(r);
}
