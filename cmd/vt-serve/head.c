/*
 * What the head of a request says, once it is taken from libmicrohttpd: is
 * its framing sound, what does it ask for, may it, of which bucket.  What is
 * wrong becomes the answer.
 */
#include <string.h>
#include <strings.h>

#include "libvt/base/num.h"

#include "authz.h"
#include "cors.h"
#include "request.h"
#include "route.h"

#define QUERY_MAX 128		/* parameters */

/* Whatever two readers could take differently is refused, and the connection
 * with it (RFC 9112 section 6.3: request smuggling). */
static int
check_framing(struct req *r, const char *version)
{
	struct req_private *p = r->priv;
	const char *length = NULL, *coding = NULL, *host = NULL, *name;
	size_t i;

	p->must_close = 1;
	for (i = 0; i < r->header_count; i++) {
		name = r->headers[i].name;
		if (strcasecmp(name, "Content-Length") == 0) {
			if (length != NULL &&
			    strcmp(length, r->headers[i].value) != 0) {
				req_error(r, "BadRequest",
				    "There are several Content-Length "
				    "headers");
				return -1;
			}
			length = r->headers[i].value;
		} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
			if (coding != NULL) {
				req_error(r, "BadRequest", "There are several "
				    "Transfer-Encoding headers");
				return -1;
			}
			coding = r->headers[i].value;
		} else if (strcasecmp(name, "Host") == 0) {
			if (host != NULL &&
			    strcmp(host, r->headers[i].value) != 0) {
				req_error(r, "BadRequest",
				    "There are several Host headers");
				return -1;
			}
			host = r->headers[i].value;
		} else if (strcasecmp(name, "Expect") == 0) {
			p->expects = strcmp(version, "HTTP/1.1") == 0 &&
			    strcasecmp(r->headers[i].value,
			    "100-continue") == 0;
		}
	}
	if (length != NULL && coding != NULL) {
		req_error(r, "BadRequest", "Content-Length and "
		    "Transfer-Encoding exclude each other");
		return -1;
	}
	if (coding != NULL && strcasecmp(coding, "chunked") != 0) {
		req_error(r, "NotImplemented",
		    "The only Transfer-Encoding is chunked");
		return -1;
	}
	if (host == NULL && strcmp(version, "HTTP/1.0") != 0) {
		req_error(r, "BadRequest", "A Host header is needed");
		return -1;
	}
	if (length != NULL && vt_num_scan_u64(length, strlen(length),
	    &p->content_length) < 0) {
		req_error(r, "BadRequest", "Content-Length is not a number");
		return -1;
	}
	p->must_close = 0;
	p->has_content_length = length != NULL;
	p->te_chunked = coding != NULL;
	return 0;
}

/* The target into path and query, neither decoded. */
static int
split_target(struct req *r)
{
	struct req_private *p = r->priv;
	const char *path = p->target, *s;
	struct vt_err err;
	enum vt_code rc;
	char *copy, *mark;

	if (path == NULL) {
		req_error(r, "MaxMessageLengthExceeded",
		    "The request target is longer than %d bytes",
		    TARGET_MAX);
		return -1;
	}
	/* The absolute form (RFC 9112 section 3.2.2). */
	if (strncasecmp(path, "http://", 7) == 0 ||
	    strncasecmp(path, "https://", 8) == 0) {
		path = strstr(path, "://") + 3;
		path += strcspn(path, "/?");
	}
	for (s = path; *s != '\0'; s++)
		if ((unsigned char)*s <= 0x20 || *s == 0x7f)
			break;
	if (*s != '\0' || *path != '/') {
		req_error(r, "InvalidURI", NULL);
		return -1;
	}
	copy = vt_arena_str(r->arena, path);
	if (copy == NULL) {
		req_error(r, "SlowDown", NULL);
		return -1;
	}
	r->raw_path = copy;
	mark = strchr(copy, '?');
	if (mark != NULL) {
		*mark = '\0';
		r->raw_query = mark + 1;
	}
	rc = vt_uri_query(r->arena, r->raw_query, strlen(r->raw_query),
	    QUERY_MAX, (struct vt_query **)&r->query, &r->query_count, &err);
	if (rc == VT_OK)
		return 0;
	if (rc == VT_NOMEM)
		req_fail(r, rc, &err);
	else
		req_error(r, "InvalidURI", "%s", err.text);
	return -1;
}

/* A parameter that the signer of a presigned URL put there for a header. */
static int
stands_for_header(const char *name)
{
	/* what authenticates, and what S3 takes as a header alone: a checksum
	 * there is one of the body the signer did not have */
	static const char *const not[] = { "algorithm", "credential", "date",
	    "expires", "signedheaders", "signature", "security-token",
	    "content-sha256", "checksum-", "sdk-checksum-", "tagging",
	    "trailer", "decoded-content-length" };
	size_t i;

	if (strncasecmp(name, "x-amz-", 6) != 0)
		return 0;
	for (i = 0; i < sizeof(not) / sizeof(not[0]); i++)
		if (strncasecmp(name + 6, not[i], strlen(not[i])) == 0)
			return 0;
	return 1;
}

/*
 * A presigned URL may bring x-amz- headers in its query, where the SDKs hoist
 * them; its signature covers them there.  A header itself comes first.
 */
static int
lower_headers(struct req *r)
{
	struct vt_header *out;
	size_t count = 0, i;

	for (i = 0; i < r->query_count; i++)
		count += (size_t)stands_for_header(r->query[i].name);
	if (count == 0)
		return 0;
	out = vt_arena_alloc(r->arena,
	    (r->header_count + count) * sizeof(*out));
	if (out == NULL) {
		req_error(r, "SlowDown", NULL);
		return -1;
	}
	memcpy(out, r->headers, r->header_count * sizeof(*out));
	count = r->header_count;
	for (i = 0; i < r->query_count; i++) {
		const struct vt_query *q = &r->query[i];

		if (!stands_for_header(q->name) ||
		    req_header(r, q->name) != NULL)
			continue;
		if (!vt_header_valid(q->name, q->value)) {
			req_error(r, "InvalidArgument", "The parameter "
			    "'%.64s' is no header", q->name);
			return -1;
		}
		out[count].name = q->name;
		out[count++].value = q->value;
	}
	r->headers = out;
	r->header_count = count;
	return 0;
}

/* Also in the query of a presigned URL: a copy must never become a PUT of
 * nothing. */
static int
is_copy(const struct req *r)
{
	size_t i;

	if (req_header(r, "x-amz-copy-source") != NULL)
		return 1;
	if (req_query(r, "X-Amz-Signature") == NULL &&
	    req_query(r, "Signature") == NULL)
		return 0;
	/* it stands for a header, whose name has no case */
	for (i = 0; i < r->query_count; i++)
		if (strcasecmp(r->query[i].name, "x-amz-copy-source") == 0)
			return 1;
	return 0;
}

static int
find_operation(struct req *r, const char **refusal)
{
	struct vt_err err;
	enum vt_code rc;

	rc = route_split(r->arena, req_header(r, "Host"),
	    r->srv->config->domain, r->raw_path, &r->bucket_name, &r->key,
	    &r->key_len, &err);
	if (rc == VT_TOO_LARGE) {
		req_error(r, "KeyTooLongError", NULL);
		return -1;
	}
	if (rc == VT_INVALID) {
		req_error(r, "InvalidURI", "%s", err.text);
		return -1;
	}
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return -1;
	}
	r->op = route_find(r->method, r->bucket_name != NULL, r->key != NULL,
	    r->query, r->query_count, is_copy(r), refusal);
	/* Object Lambda's, which comes as a form to a bucket that none may be
	 * called */
	if (r->op != NULL && (r->op->flags & OP_FORM) &&
	    strcmp(r->bucket_name, "WriteGetObjectResponse") == 0) {
		r->op = NULL;
		*refusal = "NotImplemented";
	}
	r->log.op = r->op != NULL ? r->op->name : "Refused";
	r->log.bucket = r->bucket_name;
	r->log.key = r->key;
	r->log.key_len = r->key_len;
	return 0;
}

static int
find_bucket(struct req *r)
{
	struct vt_err err;
	enum vt_code rc;

	if (r->op->flags & OP_NO_BUCKET)
		return 0;
	rc = vt_catalog_bucket(r->srv->catalog, r->arena, r->bucket_name,
	    &r->bucket, &err);
	if (rc == VT_OK)
		return 0;
	if (rc == VT_ABSENT) {
		req_error_detail(r, "BucketName", r->bucket_name);
		req_error(r, "NoSuchBucket", NULL);
	} else {
		req_fail(r, rc, &err);
	}
	return -1;
}

void
head_read(struct req *r, const char *version, struct auth *auth,
    int stopping)
{
	struct req_private *p = r->priv;
	const char *refusal = NULL;

	if (check_framing(r, version) < 0)
		return;
	if (stopping) {
		p->must_close = 1;
		req_error(r, "ServiceUnavailable", "The server is stopping");
		return;
	}
	if (split_target(r) < 0 || find_operation(r, &refusal) < 0)
		return;
	if (r->op != NULL && (r->op->flags & OP_OPEN)) {
		r->anonymous = 1;
		r->who.id = r->who.name = r->who.policy = "";
		if (find_bucket(r) == 0)
			body_plan(r);
		return;
	}
	if (r->op != NULL && !(r->op->flags & OP_NO_BUCKET) &&
	    req_header(r, "Origin") != NULL)
		cors_headers(r);
	if (req_answered(r) || auth_check(auth, r, p->key, p->seed) < 0)
		return;
	r->log.key_id = r->auth.access_key;
	if (r->op == NULL) {
		req_error(r, r->anonymous ? "AccessDenied" : refusal, NULL);
		return;
	}
	if (r->auth.presigned && lower_headers(r) < 0)
		return;
	if (find_bucket(r) == 0 &&
	    ((r->op->flags & OP_FORM) || authz_check(r) == 0))
		body_plan(r);
}
