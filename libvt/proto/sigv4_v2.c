/* Signature Version 2, for old presigned links; see sigv4.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/proto/sigv4_internal.h"

/* Parameters that version 2 signs, sorted. */
static const char *const sub_resources[] = {
	"accelerate", "acl", "analytics", "cors", "delete", "encryption",
	"intelligent-tiering", "inventory", "legal-hold", "lifecycle",
	"location", "logging", "metrics", "notification", "object-lock",
	"ownershipControls", "partNumber", "policy", "policyStatus",
	"publicAccessBlock", "replication", "requestPayment",
	"response-cache-control", "response-content-disposition",
	"response-content-encoding", "response-content-language",
	"response-content-type", "response-expires", "restore", "retention",
	"select", "select-type", "tagging", "torrent", "uploadId", "uploads",
	"versionId", "versioning", "versions", "website"
};

static int
compare_name(const void *key, const void *member)
{
	return strcmp(key, *(const char *const *)member);
}

const char *
vt_sig_first_header(const struct vt_sig_request *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->header_count; i++)
		if (strcasecmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	return "";
}

struct v2 {
	struct vt_header *amz;	/* x-amz-*, also from a presigned query */
	size_t amz_count;
	struct param *sub;	/* decoded */
	size_t sub_count;
};

/*
 * Sort out headers and parameters.  A presigned link of version 2 carries
 * the x-amz-* headers that it wants in its query, signed as headers.
 */
static enum vt_code
gather_v2(struct vt_arena *a, const struct vt_sig_request *r, int presigned,
    struct v2 *out, struct vt_err *err)
{
	size_t params = count_params(r->raw_query), i;
	const char *rest = r->raw_query;
	struct param q;

	memset(out, 0, sizeof(*out));
	out->amz = vt_arena_alloc(a,
	    (r->header_count + params + 1) * sizeof(*out->amz));
	out->sub = vt_arena_alloc(a, (params + 1) * sizeof(*out->sub));
	if (out->amz == NULL || out->sub == NULL)
		return no_memory(err);
	for (i = 0; i < r->header_count; i++)
		if (strncasecmp(r->headers[i].name, "x-amz-", 6) == 0)
			out->amz[out->amz_count++] = r->headers[i];
	while (next_param(&rest, &q)) {
		char *name = vt_arena_dup(a, q.name, q.name_len);
		char *value = vt_arena_dup(a, q.value, q.value_len);
		long n, v;

		if (name == NULL || value == NULL)
			return no_memory(err);
		n = vt_uri_decode(name, q.name_len, 1);
		v = vt_uri_decode(value, q.value_len, 1);
		if (n < 0 || v < 0 || memchr(name, '\0', (size_t)n) != NULL ||
		    memchr(value, '\0', (size_t)v) != NULL)
			return vt_fail(err, VT_INVALID,
			    "the query string is not well encoded");
		name[n] = value[v] = '\0';
		if (presigned && strncasecmp(name, "x-amz-", 6) == 0) {
			out->amz[out->amz_count].name = name;
			out->amz[out->amz_count++].value = value;
		} else if (bsearch(name, sub_resources,
		    sizeof(sub_resources) / sizeof(sub_resources[0]),
		    sizeof(sub_resources[0]), compare_name) != NULL) {
			struct param *s = &out->sub[out->sub_count++];

			s->name = name;
			s->value = value;
			s->name_len = (size_t)n;
			s->value_len = (size_t)v;
			s->has_value = q.has_value;
		}
	}
	qsort(out->sub, out->sub_count, sizeof(*out->sub),
	    vt_sig_compare_params);
	return VT_OK;
}

static void
put_line(struct text *t, const char *value)
{
	put_value(t, value);
	put_char(t, '\n');
}

static enum vt_code
string_to_sign_v2(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_auth *auth, const char *bucket, struct text *t,
    struct vt_err *err)
{
	const char *md5 = vt_sig_first_header(r, "content-md5");
	const char *type = vt_sig_first_header(r, "content-type");
	const char *date = vt_sig_first_header(r, "date");
	char expires[24];
	struct fields f;
	enum vt_code rc;
	size_t i, names = 0;
	struct v2 v;

	rc = gather_v2(a, r, auth->presigned, &v, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_sig_sort_fields(a, v.amz, v.amz_count, &f, err);
	if (rc != VT_OK)
		return rc;
	if (auth->presigned) {
		snprintf(expires, sizeof(expires), "%lld",
		    (long long)auth->expires_s);
		date = expires;
	} else if (vt_sig_find_field(&f, "x-amz-date", 10) != NULL) {
		date = "";	/* it is among the x-amz-* headers */
	}
	for (i = 0; i < f.count; i++)
		names += strlen(f.list[i].name) + 2;
	if (text_init(t, a, strlen(r->method) + strlen(md5) + strlen(type) +
	    strlen(date) + names + f.value_bytes +
	    (bucket != NULL ? strlen(bucket) : 0) + strlen(r->raw_path) +
	    strlen(r->raw_query) + 2 * v.sub_count + 16) < 0)
		return no_memory(err);
	put_line(t, r->method);
	put_line(t, md5);
	put_line(t, type);
	put_line(t, date);
	for (i = 0; i < f.count; i++) {
		int same = i > 0 &&
		    strcmp(f.list[i].name, f.list[i - 1].name) == 0;

		if (same) {
			put_char(t, ',');
		} else {
			if (i > 0)
				put_char(t, '\n');
			put_str(t, f.list[i].name);
			put_char(t, ':');
		}
		put_value(t, f.list[i].value);
	}
	if (f.count > 0)
		put_char(t, '\n');
	if (bucket != NULL) {
		put_char(t, '/');
		put_str(t, bucket);
	}
	put_str(t, *r->raw_path != '\0' ? r->raw_path : "/");
	for (i = 0; i < v.sub_count; i++) {
		put_char(t, i == 0 ? '?' : '&');
		put(t, v.sub[i].name, v.sub[i].name_len);
		if (!v.sub[i].has_value)
			continue;
		put_char(t, '=');
		put(t, v.sub[i].value, v.sub[i].value_len);
	}
	return VT_OK;
}

static enum vt_code
compare_v2(const struct vt_sig_auth *auth, const char *secret,
    const char *text, size_t len, struct vt_err *err)
{
	char right[4 * ((20 + 2) / 3) + 1];
	uint8_t mac[20];

	if (vt_hmac_sha1(secret, strlen(secret), text, len, mac) < 0)
		return no_memory(err);
	vt_b64_encode(mac, sizeof(mac), right);
	return vt_sig_same(auth->signature, right, sizeof(right) - 1) ?
	    VT_OK : vt_sig_mismatch(err);
}

static enum vt_code
verify_v2(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_auth *auth, const char *secret,
    const char *resource_bucket, struct vt_err *err)
{
	enum vt_code rc;
	struct text t;

	rc = string_to_sign_v2(a, r, auth, resource_bucket, &t, err);
	if (rc != VT_OK)
		return rc;
	return compare_v2(auth, secret, t.p, t.len, err);
}

enum vt_code
vt_sig_verify_v2(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_auth *auth, const char *secret,
    const char *resource_bucket, struct vt_err *err)
{
	struct vt_sig_request slash = *r;
	enum vt_code rc;

	if (auth->version != 2)
		return vt_fail(err, VT_INVALID,
		    "not a signature of version 2");
	rc = verify_v2(a, r, auth, secret, resource_bucket, err);
	if (rc != VT_DENIED || resource_bucket != NULL ||
	    r->raw_path[0] != '/' || r->raw_path[1] == '\0' ||
	    strchr(r->raw_path + 1, '/') != NULL)
		return rc;
	/* A bucket alone: boto signs "/bucket/", as if the bucket came from
	 * the host, and sends "/bucket". */
	slash.raw_path = vt_arena_printf(a, "%s/", r->raw_path);
	if (slash.raw_path == NULL)
		return no_memory(err);
	return verify_v2(a, &slash, auth, secret, NULL, err);
}

enum vt_code
vt_sig_verify_form_v2(const struct vt_sig_auth *auth, const char *secret,
    const char *policy, struct vt_err *err)
{
	return compare_v2(auth, secret, policy, strlen(policy), err);
}
