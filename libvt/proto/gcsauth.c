/* Who we are for Google: see gcsauth.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hex.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/rsasign.h"
#include "libvt/base/uri.h"

#include "libvt/proto/gcsauth.h"

#define SCOPE "https://www.googleapis.com/auth/devstorage.read_write"
#define TOKEN_URI "https://oauth2.googleapis.com/token"
#define CLAIM_SECONDS 3600
#define FIELDS_MAX 64
#define TEXT_MAX 65536

static void
wipe_free(char **s)
{
	if (*s != NULL)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

void
vt_gcs_key_release(struct vt_gcs_key *k)
{
	wipe_free(&k->token_uri);
	wipe_free(&k->project);
	wipe_free(&k->email);
	wipe_free(&k->key_id);
	wipe_free(&k->private_key);
	wipe_free(&k->client_id);
	wipe_free(&k->client_secret);
	wipe_free(&k->refresh_token);
}

/* Wiped before it is freed. */
static void
wipe_buf(struct vt_buf *b)
{
	if (b->cap > 0)
		explicit_bzero(b->data, b->cap);
	vt_buf_release(b);
}

/* A field that is a string, malloc'ed; *out stays NULL when there is none. */
static enum vt_code
field(const struct vt_json_field *f, int count, const char *name, char **out,
    struct vt_err *err)
{
	const struct vt_json_field *x = vt_json_find(f, count, name);
	struct vt_buf b;
	enum vt_code rc;

	if (x == NULL || x->type != 's')
		return VT_OK;
	vt_buf_init(&b, TEXT_MAX);
	if (vt_json_unescape(x, &b) < 0 || strlen(b.data) != b.len) {
		wipe_buf(&b);
		return vt_fail(err, VT_INVALID, "its '%s' is not text", name);
	}
	rc = vt_buf_check(&b, name, err);
	if (rc == VT_OK) {
		*out = strdup(b.data);
		if (*out == NULL)
			rc = vt_fail(err, VT_NOMEM, "out of memory");
	}
	wipe_buf(&b);
	return rc;
}

static enum vt_code
missing(const char *type, const char *name, struct vt_err *err)
{
	return vt_fail(err, VT_INVALID, "the credentials of type '%.40s' lack "
	    "'%s'", type, name);
}

/* Is there all that its type needs? */
static enum vt_code
check_key(const struct vt_gcs_key *k, const char *type, struct vt_err *err)
{
	if (strcmp(type, "service_account") == 0) {
		if (k->email == NULL)
			return missing(type, "client_email", err);
		if (k->private_key == NULL)
			return missing(type, "private_key", err);
		return VT_OK;
	}
	if (strcmp(type, "authorized_user") == 0) {
		if (k->client_id == NULL)
			return missing(type, "client_id", err);
		if (k->client_secret == NULL)
			return missing(type, "client_secret", err);
		if (k->refresh_token == NULL)
			return missing(type, "refresh_token", err);
		return VT_OK;
	}
	return vt_fail(err, VT_INVALID, "credentials of type '%.40s' are not "
	    "known, only 'service_account' and 'authorized_user'", type);
}

enum vt_code
vt_gcs_key_parse(const char *text, size_t len, struct vt_gcs_key *out,
    struct vt_err *err)
{
	struct vt_json_field f[FIELDS_MAX];
	const struct {
		const char *name;
		char **to;
	} wanted[] = {
		{ "token_uri", &out->token_uri },
		{ "project_id", &out->project },
		{ "quota_project_id", &out->project },
		{ "client_email", &out->email },
		{ "private_key_id", &out->key_id },
		{ "private_key", &out->private_key },
		{ "client_id", &out->client_id },
		{ "client_secret", &out->client_secret },
		{ "refresh_token", &out->refresh_token },
	};
	char *type = NULL;
	enum vt_code rc;
	size_t i;
	int n;

	memset(out, 0, sizeof(*out));
	n = vt_json_scan(text, len, f, FIELDS_MAX);
	if (n < 0)
		return vt_fail(err, VT_INVALID,
		    "the credentials are not one JSON object");
	rc = field(f, n, "type", &type, err);
	for (i = 0; rc == VT_OK && i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (*wanted[i].to == NULL)
			rc = field(f, n, wanted[i].name, wanted[i].to, err);
	if (rc == VT_OK && out->token_uri == NULL) {
		out->token_uri = strdup(TOKEN_URI);
		if (out->token_uri == NULL)
			rc = vt_fail(err, VT_NOMEM, "out of memory");
	}
	if (rc == VT_OK)
		rc = check_key(out, type != NULL ? type : "", err);
	/* Service accounts have a client_id too, which is nobody's login. */
	if (rc == VT_OK && out->private_key != NULL)
		wipe_free(&out->refresh_token);
	free(type);
	if (rc != VT_OK)
		vt_gcs_key_release(out);
	return rc;
}

/* RFC 4648 section 5, without padding. */
static void
add_base64url(struct vt_buf *out, const void *data, size_t len)
{
	char *p = vt_buf_reserve(out, 4 * ((len + 2) / 3) + 1);
	size_t n;

	if (p == NULL)
		return;
	vt_b64_encode(data, len, p);
	n = strcspn(p, "=");
	p[n] = '\0';
	out->len += n;
	for (; *p != '\0'; p++)
		if (*p == '+')
			*p = '-';
		else if (*p == '/')
			*p = '_';
}

enum vt_code
vt_gcs_jwt(const struct vt_gcs_key *k, int64_t now_us, struct vt_buf *out,
    struct vt_err *err)
{
	uint8_t signature[VT_RSA_MAX];
	int64_t now = now_us / 1000000;
	struct vt_buf head, claim;
	size_t start = out->len, n = 0;
	enum vt_code rc;

	vt_buf_init(&head, TEXT_MAX);
	vt_buf_init(&claim, TEXT_MAX);
	vt_json_begin(&head);
	vt_json_str(&head, "alg", "RS256");
	vt_json_str(&head, "typ", "JWT");
	if (k->key_id != NULL)
		vt_json_str(&head, "kid", k->key_id);
	vt_json_end(&head);
	vt_json_begin(&claim);
	vt_json_str(&claim, "iss", k->email);
	vt_json_str(&claim, "scope", SCOPE);
	vt_json_str(&claim, "aud", k->token_uri);
	vt_json_i64(&claim, "iat", now);
	vt_json_i64(&claim, "exp", now + CLAIM_SECONDS);
	vt_json_end(&claim);
	rc = vt_buf_check(&head, "the claim's head", err);
	if (rc == VT_OK)
		rc = vt_buf_check(&claim, "the claim", err);
	if (rc == VT_OK) {
		add_base64url(out, head.data, head.len - 1);
		vt_buf_char(out, '.');
		add_base64url(out, claim.data, claim.len - 1);
		rc = vt_buf_check(out, "the signed claim", err);
	}
	if (rc == VT_OK)
		rc = vt_rsa_sha256_sign(k->private_key,
		    strlen(k->private_key), out->data + start,
		    out->len - start, signature, &n, err);
	if (rc == VT_OK) {
		vt_buf_char(out, '.');
		add_base64url(out, signature, n);
		rc = vt_buf_check(out, "the signed claim", err);
	}
	vt_buf_release(&head);
	vt_buf_release(&claim);
	return rc;
}

static void
add_form(struct vt_buf *out, const char *name, const char *value)
{
	if (out->len > 0)
		vt_buf_char(out, '&');
	vt_buf_printf(out, "%s=", name);
	vt_uri_encode(out, value, strlen(value), 0);
}

enum vt_code
vt_gcs_token_request(const struct vt_gcs_key *k, int64_t now_us,
    struct vt_buf *out, struct vt_err *err)
{
	struct vt_buf jwt;
	enum vt_code rc = VT_OK;

	if (k->private_key != NULL) {
		vt_buf_init(&jwt, TEXT_MAX);
		rc = vt_gcs_jwt(k, now_us, &jwt, err);
		add_form(out, "grant_type",
		    "urn:ietf:params:oauth:grant-type:jwt-bearer");
		add_form(out, "assertion", jwt.data);
		wipe_buf(&jwt);
	} else {
		add_form(out, "grant_type", "refresh_token");
		add_form(out, "client_id", k->client_id);
		add_form(out, "client_secret", k->client_secret);
		add_form(out, "refresh_token", k->refresh_token);
	}
	if (rc == VT_OK)
		rc = vt_buf_check(out, "the request for a token", err);
	return rc;
}

enum vt_code
vt_gcs_token_read(const char *text, size_t len, struct vt_buf *out,
    int64_t *life_ms, struct vt_err *err)
{
	struct vt_json_field f[FIELDS_MAX];
	const struct vt_json_field *token;
	uint64_t seconds = 0;
	int n = vt_json_scan(text, len, f, FIELDS_MAX);

	token = n < 0 ? NULL : vt_json_find(f, n, "access_token");
	if (token == NULL || token->type != 's' ||
	    vt_json_unescape(token, out) < 0 || out->len == 0)
		return vt_fail(err, VT_INVALID,
		    "the answer holds no access_token");
	/* RFC 6749 section 5.1 lets it be left out: then it is short. */
	if (vt_json_get_u64(vt_json_find(f, n, "expires_in"), &seconds) < 0 ||
	    seconds == 0)
		seconds = 600;
	if (seconds > 86400)
		seconds = 86400;
	*life_ms = (int64_t)seconds * 1000;
	return vt_buf_check(out, "the token", err);
}
