/*
 * Signature Version 4 and, for old presigned links, 2; see sigv4.h.
 *
 * Here: keys, signatures, verifying and signing.  sigv4_canon.c makes canonical
 * requests, sigv4_parse.c takes requests and forms apart, sigv4_v2.c is
 * version 2.  Sizes are worked out before anything is written, so that one
 * verification takes a handful of arena allocations; names are sorted and
 * searched, so that no peer can buy quadratic work with a long list of headers
 * or parameters.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/clock.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/proto/sigv4_internal.h"

/* Algorithm, time, scope and three digests: under 350 bytes with the limits
 * of sigv4_internal.h; what does not fit is refused, never cut. */
#define STRING_TO_SIGN_MAX 512

/* --- keys and signatures -------------------------------------------------- */

int
vt_sig_key(const char *secret, const char *date, const char *region,
    const char *service, uint8_t out[32])
{
	char first[4 + SECRET_MAX];
	size_t len = strlen(secret);
	uint8_t k[32];
	int rc = -1;

	if (len > SECRET_MAX)
		goto out;
	memcpy(first, "AWS4", 4);
	memcpy(first + 4, secret, len);
	if (vt_hmac_sha256(first, 4 + len, date, strlen(date), k) < 0 ||
	    vt_hmac_sha256(k, 32, region, strlen(region), out) < 0 ||
	    vt_hmac_sha256(out, 32, service, strlen(service), k) < 0 ||
	    vt_hmac_sha256(k, 32, TERMINATOR, strlen(TERMINATOR), out) < 0)
		goto out;
	rc = 0;
out:
	explicit_bzero(first, sizeof(first));
	explicit_bzero(k, sizeof(k));
	return rc;
}

struct to_sign {
	const char *algorithm;
	int64_t time_us;
	const char *date, *region, *service;
};

/* Write the string to sign, whose last lines are `rest`, and its signature in
 * hex.  0, or -1: too long, or no memory. */
static int
sign_text(const struct to_sign *s, const char *rest, const uint8_t key[32],
    char text[STRING_TO_SIGN_MAX], char out[65])
{
	char time[17];
	uint8_t mac[32];
	int n;

	vt_time_amz(s->time_us, time);
	n = snprintf(text, STRING_TO_SIGN_MAX, "%s\n%s\n%s/%s/%s/%s\n%s",
	    s->algorithm, time, s->date, s->region, s->service, TERMINATOR,
	    rest);
	if (n < 0 || n >= STRING_TO_SIGN_MAX)
		return -1;
	if (vt_hmac_sha256(key, 32, text, (size_t)n, mac) < 0)
		return -1;
	vt_hex_encode(mac, 32, out);
	return 0;
}

/* Canonical request, string to sign, signature. */
static enum vt_code
sign_request(struct vt_arena *a, const struct canon *c,
    const struct to_sign *s, const uint8_t key[32], struct text *creq,
    char text[STRING_TO_SIGN_MAX], char out[65], struct vt_err *err)
{
	uint8_t digest[VT_HASH_MAX];
	char hex[65];
	enum vt_code rc;

	rc = vt_sig_canonical_text(a, c, creq, err);
	if (rc != VT_OK)
		return rc;
	if (vt_hash_once(VT_SHA256, creq->p, creq->len, digest) < 0)
		return no_memory(err);
	vt_hex_encode(digest, 32, hex);
	if (sign_text(s, hex, key, text, out) < 0)
		return no_memory(err);
	return VT_OK;
}

int
vt_sig_same(const char *claimed, const char *right, size_t len)
{
	return strlen(claimed) == len && vt_equal_secret(claimed, right, len);
}

enum vt_code
vt_sig_mismatch(struct vt_err *err)
{
	return vt_fail(err, VT_DENIED, "The request signature we calculated "
	    "does not match the signature you provided. Check your key and "
	    "signing method.");
}

enum vt_code
vt_sig_verify(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_auth *auth, const uint8_t key[32], char seed[65],
    struct vt_buf *detail, struct vt_err *err)
{
	struct canon c = { r, auth->signed_headers,
	    auth->content_sha256[0] != '\0' ? auth->content_sha256 : UNSIGNED,
	    1, auth->presigned, 1 };
	struct to_sign s = { ALGORITHM, auth->time_us, auth->date,
	    auth->region, auth->service };
	char text[STRING_TO_SIGN_MAX], right[65];
	enum vt_code rc;
	struct text creq;

	if (auth->version != 4)
		return vt_fail(err, VT_INVALID,
		    "not a signature of version 4");
	rc = sign_request(a, &c, &s, key, &creq, text, right, err);
	if (rc != VT_OK)
		return rc;
	if (vt_sig_same(auth->signature, right, 64)) {
		memcpy(seed, right, 65);
		return VT_OK;
	}
	if (detail != NULL) {
		vt_buf_add(detail, creq.p, creq.len);
		vt_buf_char(detail, '\0');
		vt_buf_str(detail, text);
	}
	return vt_sig_mismatch(err);
}

static enum vt_code
verify_piece(const struct vt_sig_auth *auth, const char *algorithm,
    const char *rest, const uint8_t key[32], char prev[65],
    const char *claimed)
{
	struct to_sign s = { algorithm, auth->time_us, auth->date,
	    auth->region, auth->service };
	char text[STRING_TO_SIGN_MAX], right[65];

	if (sign_text(&s, rest, key, text, right) < 0)
		return VT_NOMEM;
	if (!vt_sig_same(claimed, right, 64))
		return VT_DENIED;
	memcpy(prev, right, 65);
	return VT_OK;
}

enum vt_code
vt_sig_chunk(const struct vt_sig_auth *auth, const uint8_t key[32],
    char prev[65], const uint8_t sha256[32], const char *claimed)
{
	char rest[3 * 65], hex[65];

	vt_hex_encode(sha256, 32, hex);
	snprintf(rest, sizeof(rest), "%.64s\n" EMPTY_SHA256 "\n%s", prev,
	    hex);
	return verify_piece(auth, ALGORITHM "-PAYLOAD", rest, key, prev,
	    claimed);
}

enum vt_code
vt_sig_trailer(const struct vt_sig_auth *auth, const uint8_t key[32],
    char prev[65], const uint8_t sha256[32], const char *claimed)
{
	char rest[2 * 65], hex[65];

	vt_hex_encode(sha256, 32, hex);
	snprintf(rest, sizeof(rest), "%.64s\n%s", prev, hex);
	return verify_piece(auth, ALGORITHM "-TRAILER", rest, key, prev,
	    claimed);
}

int
vt_header_valid(const char *name, const char *value)
{
	if (*name == '\0')
		return 0;
	for (; *name != '\0'; name++)
		if (!in_name(*name))
			return 0;
	for (; *value != '\0'; value++)
		if (((unsigned char)*value < 0x20 && *value != '\t') ||
		    *value == 0x7f)
			return 0;
	return 1;
}

enum vt_code
vt_sig_verify_form(const struct vt_sig_auth *auth, const uint8_t key[32],
    const char *policy, struct vt_err *err)
{
	uint8_t mac[32];
	char right[65];

	if (vt_hmac_sha256(key, 32, policy, strlen(policy), mac) < 0)
		return no_memory(err);
	vt_hex_encode(mac, 32, right);
	return vt_sig_same(auth->signature, right, 64) ? VT_OK :
	    vt_sig_mismatch(err);
}

/* --- signing -------------------------------------------------------------- */

/* The names of all headers, each once, joined by ';'. */
static enum vt_code
all_names(struct vt_arena *a, const struct vt_sig_request *r, char **out,
    struct vt_err *err)
{
	struct fields f;
	struct text t;
	enum vt_code rc;
	size_t i, bytes = 1;

	*out = NULL;
	rc = vt_sig_sort_fields(a, r->headers, r->header_count, &f, err);
	if (rc != VT_OK)
		return rc;
	if (vt_sig_find_field(&f, "host", 4) == NULL)
		return vt_fail(err, VT_INVALID,
		    "cannot sign a request without a Host header");
	for (i = 0; i < f.count; i++) {
		const char *s = f.list[i].name;

		bytes += strlen(s) + 1;
		while (in_name(*s))
			s++;
		if (*s != '\0' || s == f.list[i].name)
			return vt_fail(err, VT_INVALID, "cannot sign a "
			    "header called '%.100s'", f.list[i].name);
	}
	if (text_init(&t, a, bytes) < 0)
		return no_memory(err);
	for (i = 0; i < f.count; i++) {
		if (i > 0 &&
		    strcmp(f.list[i].name, f.list[i - 1].name) == 0)
			continue;
		if (i > 0)
			put_char(&t, ';');
		put_str(&t, f.list[i].name);
	}
	put_char(&t, '\0');
	*out = t.p;
	return VT_OK;
}

static enum vt_code
check_cred(const struct vt_sig_cred *cred, struct vt_err *err)
{
	if (strlen(cred->secret_key) > SECRET_MAX)
		return vt_fail(err, VT_INVALID,
		    "the secret key is longer than %d bytes", SECRET_MAX);
	if (*cred->access_key == '\0' || *cred->region == '\0' ||
	    *cred->service == '\0')
		return vt_fail(err, VT_INVALID,
		    "signing needs an access key, a region and a service");
	if (strlen(cred->access_key) > ACCESS_KEY_MAX ||
	    strlen(cred->region) > REGION_MAX ||
	    strlen(cred->service) > SERVICE_MAX)
		return vt_fail(err, VT_INVALID,
		    "access key, region or service is too long to sign with");
	return VT_OK;
}

/* Derive the day's key, sign, forget the key. */
static enum vt_code
sign_with(struct vt_arena *a, const struct canon *c,
    const struct vt_sig_cred *cred, int64_t now_us, const char *day,
    char signature[65], struct vt_err *err)
{
	struct to_sign s = { ALGORITHM, now_us, day, cred->region,
	    cred->service };
	char text[STRING_TO_SIGN_MAX];
	struct text creq;
	enum vt_code rc;
	uint8_t key[32];

	if (vt_sig_key(cred->secret_key, day, cred->region, cred->service,
	    key) < 0)
		return no_memory(err);
	rc = sign_request(a, c, &s, key, &creq, text, signature, err);
	explicit_bzero(key, sizeof(key));
	return rc;
}

/* A header to send and sign, unless the caller has it among his own. */
static void
add_header(const struct vt_sig_request *r, const char *name,
    const char *value, struct vt_header *added, size_t *count)
{
	size_t i;

	for (i = 0; i < r->header_count; i++)
		if (strcasecmp(r->headers[i].name, name) == 0)
			return;
	added[*count].name = name;
	added[(*count)++].value = value;
}

enum vt_code
vt_sig_sign(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_cred *cred, int64_t now_us,
    const char *content_sha256, int s3_path, struct vt_header **out,
    size_t *out_count, struct vt_err *err)
{
	struct vt_sig_request full = *r;
	struct vt_header *all, *added;
	char day[9], signature[65];
	char *time, *names;
	struct canon c;
	enum vt_code rc;
	size_t n = 1;

	*out = NULL;
	*out_count = 0;
	rc = check_cred(cred, err);
	if (rc != VT_OK)
		return rc;
	time = vt_arena_alloc(a, 17);
	all = vt_arena_alloc(a, (r->header_count + 3) * sizeof(*all));
	added = vt_arena_alloc(a, 4 * sizeof(*added));
	if (time == NULL || all == NULL || added == NULL)
		return no_memory(err);
	vt_time_amz(now_us, time);
	snprintf(day, sizeof(day), "%.8s", time);
	add_header(r, "x-amz-date", time, added, &n);
	if (s3_path)
		add_header(r, "x-amz-content-sha256", content_sha256, added,
		    &n);
	if (cred->session_token != NULL)
		add_header(r, "x-amz-security-token", cred->session_token,
		    added, &n);
	if (r->header_count > 0)
		memcpy(all, r->headers, r->header_count * sizeof(*all));
	memcpy(all + r->header_count, added + 1, (n - 1) * sizeof(*all));
	full.headers = all;
	full.header_count += n - 1;
	rc = all_names(a, &full, &names, err);
	if (rc != VT_OK)
		return rc;
	c = (struct canon){ &full, names, content_sha256, s3_path, 0, 0 };
	rc = sign_with(a, &c, cred, now_us, day, signature, err);
	if (rc != VT_OK)
		return rc;
	added[0].name = "Authorization";
	added[0].value = vt_arena_printf(a, ALGORITHM " Credential=%s/%s/%s/"
	    "%s/" TERMINATOR ", SignedHeaders=%s, Signature=%s",
	    cred->access_key, day, cred->region, cred->service, names,
	    signature);
	if (added[0].value == NULL)
		return no_memory(err);
	*out = added;
	*out_count = n;
	return VT_OK;
}

static void
add_param(struct vt_buf *out, const char *name, const char *value)
{
	vt_buf_char(out, '&');
	vt_buf_str(out, name);
	vt_buf_char(out, '=');
	vt_uri_encode(out, value, strlen(value), 0);
}

enum vt_code
vt_sig_presign(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_cred *cred, int64_t now_us, int64_t expires_s,
    struct vt_buf *out, struct vt_err *err)
{
	const char *payload = vt_sig_first_header(r, "x-amz-content-sha256");
	struct vt_sig_request full = *r;
	char time[17], day[9], signature[65], *names, *credential;
	char expires[24];
	size_t start = out->len;
	struct canon c;
	enum vt_code rc;

	if (expires_s < 1 || expires_s > EXPIRES_MAX_S)
		return vt_fail(err, VT_INVALID,
		    "a presigned URL lives for 1 to %d seconds, not %lld",
		    EXPIRES_MAX_S, (long long)expires_s);
	rc = check_cred(cred, err);
	if (rc != VT_OK)
		return rc;
	vt_time_amz(now_us, time);
	snprintf(day, sizeof(day), "%.8s", time);
	snprintf(expires, sizeof(expires), "%lld", (long long)expires_s);
	rc = all_names(a, r, &names, err);
	if (rc != VT_OK)
		return rc;
	credential = vt_arena_printf(a, "%s/%s/%s/%s/" TERMINATOR,
	    cred->access_key, day, cred->region, cred->service);
	if (credential == NULL)
		return no_memory(err);
	vt_buf_str(out, r->raw_query);
	if (out->len > start)
		vt_buf_char(out, '&');
	vt_buf_str(out, "X-Amz-Algorithm=" ALGORITHM);
	add_param(out, "X-Amz-Credential", credential);
	add_param(out, "X-Amz-Date", time);
	add_param(out, "X-Amz-Expires", expires);
	if (cred->session_token != NULL)
		add_param(out, "X-Amz-Security-Token", cred->session_token);
	add_param(out, "X-Amz-SignedHeaders", names);
	rc = vt_buf_check(out, "the presigned URL", err);
	if (rc != VT_OK)
		return rc;
	full.raw_query = out->data + start;
	c = (struct canon){ &full, names, *payload != '\0' ? payload :
	    UNSIGNED, 1, 1, 0 };
	rc = sign_with(a, &c, cred, now_us, day, signature, err);
	if (rc != VT_OK)
		return rc;
	add_param(out, "X-Amz-Signature", signature);
	return vt_buf_check(out, "the presigned URL", err);
}
