#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/num.h"
#include "libvt/proto/xml.h"

#include "meta.h"
#include "permissions.h"
#include "users.h"

void *
req_alloc(struct req *r, size_t len)
{
	void *p = vt_arena_alloc(r->arena, len);

	if (p == NULL && !req_answered(r))
		req_fail(r, VT_NOMEM, NULL);
	return p;
}

const char *
req_dup(struct req *r, const char *s, size_t len)
{
	char *p = vt_arena_dup(r->arena, s, len);

	if (p != NULL)
		return p;
	if (!req_answered(r))
		req_fail(r, VT_NOMEM, NULL);
	return "";
}

struct vt_xml *
meta_xml_of(struct req *r, const char *text, size_t len, const char *name,
    const char *s3_code)
{
	struct vt_xml *root;
	struct vt_err err;
	enum vt_code rc;

	rc = vt_xml_parse(r->arena, text, len, &root, &err);
	if (rc == VT_NOMEM) {
		req_fail(r, rc, &err);
		return NULL;
	}
	if (rc != VT_OK) {
		req_error(r, s3_code, "The XML is not well-formed: %s",
		    err.text);
		return NULL;
	}
	if (strcmp(root->name, name) != 0) {
		req_error(r, s3_code, "The XML is a '%.64s', not a '%s'",
		    root->name, name);
		return NULL;
	}
	return root;
}

struct vt_xml *
meta_xml(struct req *r, const char *name, const char *s3_code)
{
	return meta_xml_of(r, r->body, r->body_len, name, s3_code);
}

/* --- a new object --------------------------------------------------------- */

/* Stored under the left name, sent under the right one. */
static const struct {
	const char *name, *wire, *override;
} described[] = {
	{ "content-type", "Content-Type", "response-content-type" },
	{ "content-encoding", "Content-Encoding",
	    "response-content-encoding" },
	{ "content-disposition", "Content-Disposition",
	    "response-content-disposition" },
	{ "content-language", "Content-Language",
	    "response-content-language" },
	{ "cache-control", "Cache-Control", "response-cache-control" },
	{ "expires", "Expires", "response-expires" },
	{ "x-amz-website-redirect-location",
	    "x-amz-website-redirect-location", NULL }
};
#define DESCRIBED (sizeof(described) / sizeof(described[0]))

static void
meta_add(struct vt_buf *b, const char *name, const char *value)
{
	vt_buf_add(b, name, strlen(name) + 1);
	vt_buf_add(b, value, strlen(value) + 1);
}

/* Content-Encoding without aws-chunked: that was for the way here only. */
static const char *
content_encoding(struct req *r, const char *value)
{
	struct vt_buf b;
	const char *out;

	if (strcasestr(value, "aws-chunked") == NULL)
		return value;
	vt_buf_init(&b, HEADERS_MAX);
	while (*value != '\0') {
		size_t len;

		value += strspn(value, " \t,");
		len = strcspn(value, ",");
		while (len > 0 && (value[len - 1] == ' ' ||
		    value[len - 1] == '\t'))
			len--;
		if (len > 0 && !(len == 11 &&
		    strncasecmp(value, "aws-chunked", 11) == 0)) {
			if (b.len > 0)
				vt_buf_char(&b, ',');
			vt_buf_add(&b, value, len);
		}
		value += strcspn(value, ",");
	}
	out = req_dup(r, b.data, b.len);
	vt_buf_release(&b);
	return out;
}

static int
read_described(struct req *r, struct vt_buf *b)
{
	for (size_t i = 0; i < DESCRIBED; i++) {
		const char *value = req_header(r, described[i].name);

		if (value != NULL && i == 1)
			value = content_encoding(r, value);
		if (value == NULL || *value == '\0') {
			if (i > 0)
				continue;
			value = "binary/octet-stream";
		}
		if (described[i].override == NULL && value[0] != '/' &&
		    strncmp(value, "http://", 7) != 0 &&
		    strncmp(value, "https://", 8) != 0) {
			req_error(r, "InvalidRedirectLocation",
			    "The website redirect location must have a "
			    "prefix of 'http://' or 'https://' or '/'.");
			return -1;
		}
		meta_add(b, described[i].name, value);
	}
	return 0;
}

/* The first earlier header of the same name, any case. */
static int
seen_before(const struct req *r, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcasecmp(r->headers[j].name, r->headers[i].name) == 0)
			return 1;
	return 0;
}

static int
read_user_meta(struct req *r, struct vt_buf *b)
{
	size_t total = 0;

	for (size_t i = 0; i < r->header_count; i++) {
		const struct vt_header *h = &r->headers[i];

		if (strncasecmp(h->name, "x-amz-meta-", 11) != 0 ||
		    seen_before(r, i))
			continue;
		for (const char *p = h->name; *p != '\0'; p++)
			vt_buf_char(b, (char)tolower((unsigned char)*p));
		vt_buf_char(b, '\0');
		total += strlen(h->name) - 11;
		/* several headers of one name are one list, RFC 9110 5.3 */
		for (size_t j = i; j < r->header_count; j++) {
			if (strcasecmp(r->headers[j].name, h->name) != 0)
				continue;
			if (j > i)
				vt_buf_char(b, ',');
			vt_buf_str(b, r->headers[j].value);
			total += strlen(r->headers[j].value) + (j > i);
		}
		vt_buf_char(b, '\0');
	}
	if (total > META_MAX) {
		req_error(r, "MetadataTooLarge", NULL);
		return -1;
	}
	return 0;
}

int
meta_refuse(struct req *r)
{
	for (size_t i = 0; i < r->header_count; i++) {
		const char *name = r->headers[i].name;

		/* most headers are not ours; look at those that are */
		if (strncasecmp(name, "x-amz-", 6) != 0)
			continue;
		name += 6;
		if (strncasecmp(name, "server-side-encryption", 22) == 0 ||
		    strncasecmp(name, "copy-source-server-side-encryption",
		    34) == 0) {
			r->says_sse = 1;
			continue;
		}
		if (strcasecmp(name, "write-offset-bytes") == 0) {
			req_error(r, "NotImplemented",
			    "Appending to an object is not implemented");
			return -1;
		}
	}
	return 0;
}

int
meta_read(struct req *r, struct object_meta *out)
{
	struct vt_buf b;
	const char *asked = req_header(r, "x-amz-storage-class");
	int rc = -1;

	if (meta_refuse(r) < 0 || lock_read(r, &out->lock) < 0 ||
	    tags_read(r, req_header(r, "x-amz-tagging"), &out->tags) < 0 ||
	    perm_new_object(r, &out->owner, &out->acl) < 0)
		return -1;
	out->storage_class = asked != NULL ? asked : "";
	vt_buf_init(&b, 2 * HEADERS_MAX);
	if (read_described(r, &b) < 0 || read_user_meta(r, &b) < 0)
		goto out;
	if (b.failed) {
		req_error(r, "MetadataTooLarge", NULL);
		goto out;
	}
	out->len = b.len;
	out->data = req_dup(r, b.data, b.len);
	rc = req_answered(r) ? -1 : 0;
out:
	vt_buf_release(&b);
	return rc;
}

void
meta_send(struct req *r, const char *meta, size_t len)
{
	const char *p = meta, *end = meta + len;
	unsigned overridden = 0;
	size_t i;

	if (r->query_count > 0)
		for (i = 0; i < DESCRIBED; i++) {
			const char *value = described[i].override != NULL ?
			    req_query(r, described[i].override) : NULL;

			if (value == NULL)
				continue;
			req_set_header(r, described[i].wire, value);
			overridden |= 1u << i;
		}
	while (p < end) {
		const char *name = p, *value;

		value = name + strlen(name) + 1;
		if (value >= end)
			break;
		p = value + strlen(value) + 1;
		for (i = 0; i < DESCRIBED; i++)
			if (strcmp(name, described[i].name) == 0)
				break;
		if (i == DESCRIBED)
			req_set_header(r, name, value);
		else if (!(overridden & (1u << i)))
			req_set_header(r, described[i].wire, value);
	}
}

unsigned
meta_tag_count(const char *tags)
{
	unsigned n = 0;

	if (*tags == '\0')
		return 0;
	for (n = 1; *tags != '\0'; tags++)
		n += *tags == '&';
	return n;
}

/* --- versions ------------------------------------------------------------- */

int
meta_version_valid(const char *id)
{
	return strcmp(id, "null") == 0 || (strlen(id) == VT_ID_LEN &&
	    strspn(id, "0123456789abcdef") == VT_ID_LEN);
}

int
meta_copy_source(struct req *r, const char *header, char **out, size_t *len,
    const char **version)
{
	static const char param[] = "?versionId=";
	char *text, *mark = NULL, *p;
	long n;

	header += *header == '/';
	text = vt_arena_str(r->arena, header);
	if (text == NULL) {
		if (!req_answered(r))
			req_fail(r, VT_NOMEM, NULL);
		return -1;
	}
	/* a key may hold the same words, encoded: look at the end */
	for (p = strstr(text, param); p != NULL; p = strstr(p + 1, param))
		mark = p;
	if (mark != NULL)
		*mark = '\0';
	*version = mark != NULL ? mark + sizeof(param) - 1 : NULL;
	/* AWS takes a bare '+' for a space here, as in forms, and some
	 * clients mean that by it; in a path it is itself. */
	n = vt_uri_decode(text, strlen(text), 1);
	if (n < 0)
		return -1;
	text[n] = '\0';
	*out = text;
	*len = (size_t)n;
	return 0;
}

int
meta_version_id(struct req *r, const char **out)
{
	const char *id = req_query(r, "versionId");

	*out = NULL;
	if (id == NULL)
		return 0;
	if (*id == '\0') {
		req_error(r, "InvalidArgument",
		    "Version id cannot be the empty string");
		return -1;
	}
	if (!meta_version_valid(id)) {
		req_error(r, "InvalidArgument",
		    "Invalid version id specified");
		return -1;
	}
	*out = id;
	return 0;
}

const char *
meta_version_name(const struct vt_version *v)
{
	return v->is_null ? "null" : v->version_id;
}

void
meta_version_header(struct req *r, const struct vt_version *v)
{
	if (r->bucket.versioning != 0)
		req_set_header(r, "x-amz-version-id", meta_version_name(v));
}

const char *
meta_class(const struct req *r, const char *tier)
{
	const struct vt_tier *t = NULL;

	if (tier != NULL)
		t = vt_tiers_tier(r->srv->tiers, tier);
	if (t == NULL || t->storage_class == NULL ||
	    *t->storage_class == '\0')
		return "STANDARD";
	return t->storage_class;
}

/* --- conditions ----------------------------------------------------------- */

/* The tag at *p of a list, without W/ and quotes; *p moves behind it and its
 * comma.  0 at the end. */
static int
next_tag(const char **p, const char **tag, size_t *len)
{
	const char *s = *p + strspn(*p, " \t,");
	size_t n;

	if (*s == '\0')
		return 0;
	if (s[0] == 'W' && s[1] == '/')
		s += 2;
	if (*s == '"') {
		s++;
		n = strcspn(s, "\"");
		*p = s + n + (s[n] == '"');
	} else {
		n = strcspn(s, ",");
		*p = s + n;
		while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
			n--;
	}
	*tag = s;
	*len = n;
	return 1;
}

const char *
meta_etag(struct req *r, const char *header)
{
	const char *tag;
	size_t len;

	if (!next_tag(&header, &tag, &len))
		return "";
	return req_dup(r, tag, len);
}

int
meta_marker_misfits(struct req *r, const struct vt_cat_delete *d)
{
	const struct vt_cat_cond *c = &d->cond;
	struct vt_version *v;

	if (vt_catalog_lookup(r->srv->catalog, r->arena, d->bucket_id,
	    d->key, d->key_len, d->version_id, 0, &v, NULL) != VT_OK ||
	    !v->is_marker)
		return 0;
	return (c->if_match != NULL && strcmp(c->if_match, "*") != 0) ||
	    (c->has_if_mtime &&
	    c->if_mtime_us / 1000000 != v->mtime_us / 1000000) ||
	    (c->has_if_size && c->if_size_bytes != 0);
}

static int
tag_in(const char *list, const char *etag)
{
	size_t etag_len = strlen(etag), len;
	const char *tag;

	while (next_tag(&list, &tag, &len))
		if ((len == 1 && tag[0] == '*') || (len == etag_len &&
		    memcmp(tag, etag, len) == 0))
			return 1;
	return 0;
}

#define COND_TRIES 16

int
meta_write_cond(struct req *r, struct write_cond *out)
{
	const char *match = req_header(r, "If-Match");
	const char *none = req_header(r, "If-None-Match");

	if (none != NULL && strcmp(none, "*") == 0)
		out->cond.if_none_match_any = 1;
	else
		out->none_match = none;
	if (match != NULL && out->none_match != NULL) {
		req_error(r, "NotImplemented", "If-Match together with an "
		    "If-None-Match that names ETags is not implemented");
		return -1;
	}
	if (match != NULL)
		out->cond.if_match = meta_etag(r, match);
	return req_answered(r) ? -1 : 0;
}

static void
cond_failed(struct req *r, const struct write_cond *c)
{
	req_error_detail(r, "Condition",
	    c->cond.if_match != NULL ? "If-Match" : "If-None-Match");
	req_error(r, "PreconditionFailed", NULL);
}

int
meta_cond_ready(struct req *r, struct write_cond *c)
{
	struct vt_version *v;
	struct vt_err err;
	enum vt_code rc;

	if (c->none_match == NULL)
		return 0;
	rc = vt_catalog_lookup(r->srv->catalog, r->arena, r->bucket.id,
	    r->key, r->key_len, NULL, 0, &v, &err);
	if (rc == VT_OK && !v->is_marker && tag_in(c->none_match, v->etag)) {
		cond_failed(r, c);
		return -1;
	}
	if (rc != VT_OK && rc != VT_ABSENT) {
		req_fail(r, rc, &err);
		return -1;
	}
	c->cond.has_if_seq = rc == VT_OK && !v->is_marker;
	c->cond.if_seq = c->cond.has_if_seq ? v->seq : 0;
	c->cond.if_none_match_any = !c->cond.has_if_seq;
	return 0;
}

int
meta_cond_again(struct req *r, struct write_cond *c, enum vt_code code)
{
	if (code != VT_PRECONDITION &&
	    (code != VT_ABSENT || c->none_match == NULL))
		return 0;
	if (c->none_match == NULL) {
		cond_failed(r, c);
		return 0;
	}
	if (c->tries++ == COND_TRIES) {
		if (code == VT_PRECONDITION)
			req_error(r, "ConditionalRequestConflict", NULL);
		return 0;
	}
	return meta_cond_ready(r, c) == 0;
}

/* 1 when the object changed after the date, 0 when not, -1: no date. */
static int
changed_since(const char *date, int64_t mtime_us)
{
	int64_t us;

	if (date == NULL || vt_time_parse_http(date, &us) < 0)
		return -1;
	/* dates on the wire have whole seconds */
	return mtime_us / 1000000 > us / 1000000;
}

int
meta_read_cond(const struct read_cond *c, const char *etag, int64_t mtime_us)
{
	if (c->if_match != NULL) {
		if (!tag_in(c->if_match, etag))
			return 412;
	} else if (changed_since(c->if_unmodified, mtime_us) == 1)
		return 412;
	if (c->if_none_match != NULL) {
		if (tag_in(c->if_none_match, etag))
			return 304;
	} else if (changed_since(c->if_modified, mtime_us) == 0)
		return 304;
	return 0;
}

/* --- requests in general -------------------------------------------------- */

int
meta_expected_owner_of(struct req *r, const char *header,
    const struct vt_bucket *b)
{
	const char *expected = req_header(r, header);
	char account[VT_ACCOUNT_LEN + 1];

	if (expected == NULL)
		return 0;
	if (b->owner != NULL) {
		vt_user_account(b->owner, account);
		if (strcmp(expected, b->owner) == 0 ||
		    strcmp(expected, account) == 0)
			return 0;
	}
	req_error(r, "AccessDenied", NULL);
	return -1;
}

int
meta_expected_owner(struct req *r, const char *header)
{
	return meta_expected_owner_of(r, header, &r->bucket);
}

int
meta_count(struct req *r, const char *name, unsigned fallback, unsigned cap,
    unsigned *out)
{
	const char *text = req_query(r, name);
	uint64_t n;

	*out = fallback;
	if (text == NULL || *text == '\0')
		return 0;
	if (vt_num_scan_u64(text, strlen(text), &n) < 0 || n > INT32_MAX) {
		req_error_detail(r, "ArgumentName", name);
		req_error_detail(r, "ArgumentValue", text);
		req_error(r, "InvalidArgument", "Argument %s must be an "
		    "integer between 0 and 2147483647", name);
		return -1;
	}
	*out = n > cap ? cap : (unsigned)n;
	return 0;
}

int
meta_encoding(struct req *r, int *url)
{
	const char *type = req_query(r, "encoding-type");

	*url = 0;
	if (type == NULL || *type == '\0')
		return 0;
	if (strcasecmp(type, "url") != 0) {
		req_error_detail(r, "ArgumentName", "encoding-type");
		req_error_detail(r, "ArgumentValue", type);
		req_error(r, "InvalidArgument",
		    "Invalid Encoding Method specified in Request");
		return -1;
	}
	*url = 1;
	return 0;
}

void
meta_key_xml(struct vt_buf *b, const char *element, const void *key,
    size_t len, int url)
{
	vt_xml_open(b, element);
	if (url)
		vt_uri_encode(b, key, len, 1);
	else
		vt_xml_escape(b, key, len);
	vt_xml_close(b, element);
}

void
meta_time_xml(struct vt_buf *b, const char *element, int64_t us)
{
	char text[25];

	vt_time_rfc3339_ms(us, text);
	vt_xml_open(b, element);
	vt_buf_add(b, text, 24);
	vt_xml_close(b, element);
}

void
meta_etag_xml(struct vt_buf *b, const char *etag)
{
	vt_buf_str(b, "<ETag>&quot;");
	vt_xml_escape(b, etag, strlen(etag));
	vt_buf_str(b, "&quot;</ETag>");
}

void
meta_location(const struct req *r, struct vt_buf *out)
{
	const char *host = req_header(r, "Host");

	vt_buf_printf(out, "%s://%s/%s/",
	    r->srv->config->tls_cert != NULL ? "https" : "http",
	    host != NULL ? host : "localhost", r->bucket_name);
	vt_uri_encode(out, r->key, r->key_len, 1);
}

void
meta_owner_xml(struct vt_buf *b, const char *element, const struct server *s,
    const char *id)
{
	vt_xml_open(b, element);
	meta_owner_text(b, s, id);
	vt_xml_close(b, element);
}

void
meta_owner_text(struct vt_buf *b, const struct server *s, const char *id)
{
	char name[VT_USER_NAME_MAX + 1];

	vt_xml_text(b, "ID", id);
	if (strcmp(id, s->owner_id) == 0)
		vt_xml_text(b, "DisplayName", s->owner_name);
	else {
		users_name(s->users, id, name);
		vt_xml_text(b, "DisplayName", name);
	}
}
