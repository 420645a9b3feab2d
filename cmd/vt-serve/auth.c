/* Signed requests: see auth.h. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "route.h"
#include "users.h"

#define DAY_US INT64_C(86400000000)
#define EXPIRES_MAX_S 604800	/* of a presigned URL: a week */

struct auth {
	pthread_mutex_t lock;	/* also of every user_key's signers */
	struct vt_cred root;
	struct auth_settings settings;
	struct signers signers;	/* of root */
};

struct auth *
auth_new(const struct vt_cred *root, const struct auth_settings *settings)
{
	struct auth *a;

	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return NULL;
	if (pthread_mutex_init(&a->lock, NULL) != 0) {
		free(a);
		return NULL;
	}
	a->root = *root;
	a->settings = *settings;
	return a;
}

void
auth_free(struct auth *a)
{
	if (a == NULL)
		return;
	pthread_mutex_destroy(&a->lock);
	explicit_bzero(a, sizeof(*a));
	free(a);
}

void
auth_update(struct auth *a, const struct vt_cred *root,
    const struct auth_settings *settings)
{
	pthread_mutex_lock(&a->lock);
	a->root = *root;
	a->settings = *settings;
	/* The keys in it come from the old secret. */
	explicit_bzero(&a->signers, sizeof(a->signers));
	pthread_mutex_unlock(&a->lock);
}

/* The key of the request's day, region and service, if it was derived before.
 * With the lock held. */
static int
signer_find(const struct signers *s, const char *scope, uint8_t key[32])
{
	unsigned i;

	for (i = 0; i < SIGNERS_MAX; i++)
		if (strcmp(s->slot[i].scope, scope) == 0) {
			memcpy(key, s->slot[i].key, 32);
			return 1;
		}
	return 0;
}

static void
signer_keep(struct signers *s, const char *scope, const uint8_t key[32])
{
	unsigned i = s->next++ % SIGNERS_MAX;

	snprintf(s->slot[i].scope, SCOPE_MAX, "%s", scope);
	memcpy(s->slot[i].key, key, 32);
}

/* The signing key of the request's day, region and service: the user's, or
 * root's when `user` is NULL.  VT_ABSENT: root has another key by now. */
static enum vt_code
signing_key(struct auth *a, const struct vt_sig_auth *auth,
    struct user_key *user, uint8_t key[32], struct vt_err *err)
{
	struct signers *s = user != NULL ? &user->signers : &a->signers;
	char scope[SCOPE_MAX], secret[VT_SECRET_KEY_MAX + 1];
	int n, found = 0, fits;
	enum vt_code rc = VT_OK;

	n = snprintf(scope, sizeof(scope), "%s/%s/%s", auth->date,
	    auth->region, auth->service);
	fits = n > 0 && (size_t)n < sizeof(scope);
	pthread_mutex_lock(&a->lock);
	if (user == NULL &&
	    strcmp(a->root.access_key, auth->access_key) != 0) {
		pthread_mutex_unlock(&a->lock);
		return VT_ABSENT;
	}
	if (fits)
		found = signer_find(s, scope, key);
	if (!found)
		memcpy(secret, user != NULL ? user->secret_key :
		    a->root.secret_key, sizeof(secret));
	pthread_mutex_unlock(&a->lock);
	if (found)
		return VT_OK;
	if (vt_sig_key(secret, auth->date, auth->region, auth->service,
	    key) < 0) {
		rc = vt_fail(err, VT_NOMEM, "cannot derive a signing key");
		goto out;
	}
	pthread_mutex_lock(&a->lock);
	/* auth_update may have come between. */
	if (fits && (user != NULL ||
	    strcmp(a->root.secret_key, secret) == 0))
		signer_keep(s, scope, key);
	pthread_mutex_unlock(&a->lock);
out:
	explicit_bzero(secret, sizeof(secret));
	return rc;
}

static int
refuse(struct req *r, const char *code, const char *text)
{
	req_error(r, code, "%s", text);
	return -1;
}

static int
refuse_skewed(struct req *r, int64_t now_us, int64_t skew_ms)
{
	char text[25];

	vt_time_rfc3339_ms(r->auth.time_us, text);
	req_error_detail(r, "RequestTime", text);
	vt_time_rfc3339_ms(now_us, text);
	req_error_detail(r, "ServerTime", text);
	snprintf(text, sizeof(text), "%" PRId64, skew_ms);
	req_error_detail(r, "MaxAllowedSkewMilliseconds", text);
	req_error(r, "RequestTimeTooSkewed", NULL);
	return -1;
}

static int
refuse_expired(struct req *r, int64_t expired_us, int64_t now_us)
{
	char text[25];

	if (r->auth.version == 4) {
		snprintf(text, sizeof(text), "%" PRId64, r->auth.expires_s);
		req_error_detail(r, "X-Amz-Expires", text);
	}
	vt_time_rfc3339_ms(expired_us, text);
	req_error_detail(r, "Expires", text);
	vt_time_rfc3339_ms(now_us, text);
	req_error_detail(r, "ServerTime", text);
	return refuse(r, "AccessDenied", "Request has expired");
}

static int
check_time(struct req *r, const struct auth_settings *s)
{
	const struct vt_clock clock = VT_CLOCK_REAL;
	const struct vt_sig_auth *auth = &r->auth;
	int64_t now, skew, expired;

	/* Not the server's clock, which a demonstration may have moved: it
	 * is the client's clock that must be near. */
	now = vt_clock_now_us(&clock);
	skew = s->clock_skew_ms * 1000;
	if (auth->presigned && auth->version == 2) {
		expired = auth->expires_s * 1000000;
		if (now > expired)
			return refuse_expired(r, expired, now);
		return 0;
	}
	if (auth->presigned) {
		if (auth->expires_s < 1 || auth->expires_s > EXPIRES_MAX_S)
			return refuse(r, "AuthorizationQueryParametersError",
			    "X-Amz-Expires must be from 1 to 604800 seconds");
		if (auth->time_us > now + skew)
			return refuse(r, "AccessDenied",
			    "Request is not yet valid");
		expired = auth->time_us + auth->expires_s * 1000000;
		if (now > expired)
			return refuse_expired(r, expired, now);
		return 0;
	}
	if (auth->time_us > now + skew || auth->time_us < now - skew)
		return refuse_skewed(r, now, s->clock_skew_ms);
	return 0;
}

static const char *
malformed(const struct req *r)
{
	return r->auth.presigned ? "AuthorizationQueryParametersError" :
	    "AuthorizationHeaderMalformed";
}

/* The scope must fit the request.  Any region is taken: the signature is
 * bound to it anyway, and clients set to "auto" or to another region then
 * work as they are. */
static int
check_scope(struct req *r)
{
	const struct vt_sig_auth *auth = &r->auth;
	char day[17];

	vt_time_amz(auth->time_us, day);
	if (strlen(auth->date) != 8 || strncmp(auth->date, day, 8) != 0) {
		req_error(r, malformed(r),
		    "The credential's date '%.32s' is not the request's, "
		    "'%.8s'", auth->date, day);
		return -1;
	}
	if (strcmp(auth->service, "s3") != 0) {
		req_error(r, malformed(r),
		    "The credential is for the service '%.32s', not 's3'",
		    auth->service);
		return -1;
	}
	return 0;
}

static int
refuse_key(struct req *r)
{
	req_error_detail(r, "AWSAccessKeyId", r->auth.access_key);
	req_error(r, "InvalidAccessKeyId", NULL);
	return -1;
}

/* Tell what was signed here, so that the client's author sees where the two
 * sides part. */
static int
refuse_signature(struct req *r, struct vt_buf *detail, const char *words)
{
	size_t len;

	req_error_detail(r, "AWSAccessKeyId", r->auth.access_key);
	req_error_detail(r, "SignatureProvided", r->auth.signature);
	len = strlen(detail->data);
	if (len < detail->len) {
		req_error_detail(r, "StringToSign", detail->data + len + 1);
		req_error_detail(r, "CanonicalRequest", detail->data);
	}
	return refuse(r, "SignatureDoesNotMatch", words);
}

static int
refuse_v2(struct req *r)
{
	return refuse(r, "InvalidRequest", "The authorization mechanism you "
	    "have provided is not supported. Please use AWS4-HMAC-SHA256. "
	    "(The server takes version 2 with \"sigv2\": true in its "
	    "vaultaire.json.)");
}

/* What came out of verifying a form's signature. */
static int
refuse_form(struct req *r, enum vt_code rc, const char *policy,
    const struct vt_err *err)
{
	if (rc == VT_OK)
		return 0;
	if (rc != VT_DENIED) {
		req_fail(r, rc, err);
		return -1;
	}
	req_error_detail(r, "AWSAccessKeyId", r->auth.access_key);
	req_error_detail(r, "SignatureProvided", r->auth.signature);
	req_error_detail(r, "StringToSign", policy);
	return refuse(r, "SignatureDoesNotMatch", err->text);
}

static int
check_v4(struct auth *a, struct req *r, const struct vt_sig_request *sr,
    uint8_t key[32], char seed[65])
{
	struct vt_buf detail;
	struct vt_err err;
	enum vt_code rc;
	int result;

	if (check_scope(r) < 0)
		return -1;
	rc = signing_key(a, &r->auth, r->who.key, key, &err);
	if (rc == VT_ABSENT)
		return refuse_key(r);
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return -1;
	}
	vt_buf_init(&detail, 4 * HEADERS_MAX + 4 * TARGET_MAX);
	rc = vt_sig_verify(r->arena, sr, &r->auth, key, seed, &detail, &err);
	switch (rc) {
	case VT_OK:
		result = 0;
		break;
	case VT_DENIED:
		result = refuse_signature(r, &detail, err.text);
		break;
	case VT_INVALID:
		/* A header that must be signed is not. */
		result = refuse(r, "AccessDenied", err.text);
		break;
	default:
		req_fail(r, rc, &err);
		result = -1;
	}
	vt_buf_release(&detail);
	return result;
}

/* Of the request's key; wipe it. */
static void
copy_secret(struct auth *a, const struct req *r,
    char out[VT_SECRET_KEY_MAX + 1])
{
	pthread_mutex_lock(&a->lock);
	memcpy(out, r->who.key != NULL ? r->who.key->secret_key :
	    a->root.secret_key, VT_SECRET_KEY_MAX + 1);
	pthread_mutex_unlock(&a->lock);
}

static int
check_v2(struct auth *a, struct req *r, const struct vt_sig_request *sr,
    const struct auth_settings *s, const char *host_bucket)
{
	char secret[VT_SECRET_KEY_MAX + 1];
	struct vt_err err;
	enum vt_code rc;

	if (!s->sigv2)
		return refuse_v2(r);
	copy_secret(a, r, secret);
	rc = vt_sig_verify_v2(r->arena, sr, &r->auth, secret, host_bucket,
	    &err);
	explicit_bzero(secret, sizeof(secret));
	if (rc == VT_DENIED)
		return refuse(r, "SignatureDoesNotMatch", err.text);
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return -1;
	}
	return 0;
}

/* In virtual-host style a signature of version 2 covers the bucket though
 * the path does not hold it. */
static const char *
bucket_of_host(const struct req *r)
{
	const char *bucket, *key;
	size_t key_len;

	if (route_split(r->arena, req_header(r, "host"),
	    r->srv->config->domain, "/", &bucket, &key, &key_len,
	    NULL) != VT_OK)
		return NULL;
	return bucket;
}

/* A key that is not root's, held for the request. */
static int
find_key(struct req *r)
{
	const struct vt_clock clock = VT_CLOCK_REAL;
	struct vt_err err;
	enum vt_code rc;

	rc = users_take(r->srv->users, r->auth.access_key,
	    vt_clock_now_us(&clock), &r->who.key, &err);
	if (rc == VT_ABSENT)
		return refuse_key(r);
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return -1;
	}
	return 0;
}

/* The signature is good. */
static int
admit(struct req *r, int has_token)
{
	const struct user_key *k = r->who.key;

	if (r->auth.security_token != NULL &&
	    r->auth.security_token[0] != '\0' && !has_token)
		return refuse(r, "InvalidToken",
		    "This access key takes no session token");
	r->who.is_root = k == NULL;
	r->who.id = k != NULL ? k->id : r->srv->owner_id;
	r->who.name = k != NULL ? k->name : r->srv->owner_name;
	r->who.policy = k != NULL ? k->policy : "";
	return 0;
}

static void
read_settings(struct auth *a, const struct req *r, struct auth_settings *out,
    int *is_root, int *has_token)
{
	pthread_mutex_lock(&a->lock);
	*out = a->settings;
	*is_root = strcmp(a->root.access_key, r->auth.access_key) == 0;
	*has_token = *is_root && a->root.session_token[0] != '\0';
	pthread_mutex_unlock(&a->lock);
}

int
auth_check(struct auth *a, struct req *r, uint8_t key[32], char seed[65])
{
	struct vt_sig_request sr = { r->method, r->raw_path, r->raw_query,
	    r->headers, r->header_count };
	struct auth_settings settings;
	const char *code = NULL;
	struct vt_err err;
	enum vt_code rc;
	int is_root, has_token;

	r->who.id = r->who.name = r->who.policy = "";
	rc = vt_sig_parse(r->arena, &sr, &r->auth, &code, &err);
	if (rc == VT_ABSENT) {
		r->anonymous = 1;
		return 0;
	}
	if (rc == VT_NOMEM) {
		req_fail(r, rc, &err);
		return -1;
	}
	if (rc != VT_OK)
		return refuse(r, code != NULL ? code : "InvalidRequest",
		    err.text);
	read_settings(a, r, &settings, &is_root, &has_token);
	if (check_time(r, &settings) < 0 || (!is_root && find_key(r) < 0))
		return -1;
	if (r->auth.version == 2) {
		if (check_v2(a, r, &sr, &settings, bucket_of_host(r)) < 0)
			return -1;
	} else {
		if (check_v4(a, r, &sr, key, seed) < 0)
			return -1;
	}
	return admit(r, has_token);
}

/* --- forms ---------------------------------------------------------------- */

static int
check_form_v4(struct auth *a, struct req *r, const char *policy)
{
	struct vt_err err;
	enum vt_code rc;
	uint8_t key[32];

	if (check_scope(r) < 0)
		return -1;
	rc = signing_key(a, &r->auth, r->who.key, key, &err);
	if (rc == VT_ABSENT)
		return refuse_key(r);
	if (rc == VT_OK)
		rc = vt_sig_verify_form(&r->auth, key, policy, &err);
	explicit_bzero(key, sizeof(key));
	return refuse_form(r, rc, policy, &err);
}

static int
check_form_v2(struct auth *a, struct req *r, const char *policy,
    const struct auth_settings *s)
{
	char secret[VT_SECRET_KEY_MAX + 1];
	struct vt_err err;
	enum vt_code rc;

	if (!s->sigv2)
		return refuse_v2(r);
	copy_secret(a, r, secret);
	rc = vt_sig_verify_form_v2(&r->auth, secret, policy, &err);
	explicit_bzero(secret, sizeof(secret));
	return refuse_form(r, rc, policy, &err);
}

int
auth_form(struct auth *a, struct req *r, const struct vt_sig_form *form)
{
	struct auth_settings settings;
	const char *code = NULL;
	struct vt_sig_auth found;
	struct vt_err err;
	enum vt_code rc;
	int is_root, has_token;

	rc = vt_sig_parse_form(r->arena, form, &found, &code, &err);
	if (rc == VT_ABSENT)
		return 0;	/* it is whoever the headers say */
	if (rc == VT_NOMEM) {
		req_fail(r, rc, &err);
		return -1;
	}
	if (rc != VT_OK)
		return refuse(r, code, err.text);
	if (!r->anonymous)
		return refuse(r, "InvalidArgument",
		    "Only one auth mechanism allowed");
	r->auth = found;
	read_settings(a, r, &settings, &is_root, &has_token);
	if (!is_root && find_key(r) < 0)
		return -1;
	if (r->auth.version == 2) {
		if (check_form_v2(a, r, form->policy, &settings) < 0)
			return -1;
	} else {
		if (check_form_v4(a, r, form->policy) < 0)
			return -1;
	}
	r->anonymous = 0;
	r->log.key_id = r->auth.access_key;
	return admit(r, has_token);
}
