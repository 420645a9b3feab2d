/*
 * What a policy may ask about a request: see facts.h.
 *
 * A value for which there is no memory fails the request: taken for one that
 * the request does not have, it would make a deny pass.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "facts.h"
#include "lock.h"
#include "meta.h"

#define TAGS_MAX 64		/* of a request: more are refused anyway */

/* Text that was made for the request; NULL fails it. */
static const char *
made(struct req *r, const char *text)
{
	if (text == NULL && !req_answered(r))
		req_fail(r, VT_NOMEM, NULL);
	return text;
}

/* --- who ------------------------------------------------------------------ */

void
facts_caller(struct req *r, struct vt_policy_caller *out)
{
	char account[VT_ACCOUNT_LEN + 1];

	memset(out, 0, sizeof(*out));
	if (r->anonymous)
		return;
	vt_user_account(r->who.id, account);
	out->canonical_id = r->who.id;
	/* every user is an account of its own */
	out->account = req_dup(r, account, VT_ACCOUNT_LEN);
	out->is_root = 1;
	if (r->who.is_root)
		out->arn = made(r, vt_arena_printf(r->arena,
		    "arn:aws:iam::%s:root", account));
	else
		out->arn = made(r, vt_arena_printf(r->arena,
		    "arn:aws:iam::%s:user/%s", account, r->who.name));
}

/* --- values --------------------------------------------------------------- */

/* One value, in the arena; NULL is none. */
static const char *const *
one(struct facts *f, const char *value, size_t *count)
{
	const char **list;

	if (value == NULL)
		return NULL;
	list = req_alloc(f->r, sizeof(*list));
	if (list == NULL)
		return NULL;
	list[0] = value;
	*count = 1;
	return list;
}

static const char *
account_of(struct facts *f, const char *id)
{
	char account[VT_ACCOUNT_LEN + 1];

	if (id == NULL || *id == '\0')
		return NULL;
	vt_user_account(id, account);
	return req_dup(f->r, account, VT_ACCOUNT_LEN);
}

static const char *
source_ip(struct facts *f)
{
	return f->r->remote;
}

static const char *
secure(struct facts *f)
{
	return f->r->srv->config->tls_cert != NULL ? "true" : "false";
}

static const char *
username(struct facts *f)
{
	return f->r->anonymous || f->r->who.is_root ? NULL : f->r->who.name;
}

static const char *
userid(struct facts *f)
{
	return f->r->anonymous ? "anonymous" : f->r->who.id;
}

static const char *
principal_arn(struct facts *f)
{
	struct vt_policy_caller c;

	facts_caller(f->r, &c);
	return c.arn;
}

static const char *
principal_account(struct facts *f)
{
	return f->r->anonymous ? NULL : account_of(f, f->r->who.id);
}

static const char *
principal_type(struct facts *f)
{
	return f->r->anonymous ? "Anonymous" : f->r->who.is_root ? "Account" :
	    "User";
}

static const char *
resource_account(struct facts *f)
{
	return f->bucket != NULL ? account_of(f, f->bucket->owner) : NULL;
}

static const char *
current_time(struct facts *f)
{
	char text[25];

	vt_time_rfc3339_ms(f->r->start_us, text);
	return req_dup(f->r, text, strlen(text));
}

static const char *
epoch_time(struct facts *f)
{
	return made(f->r, vt_arena_printf(f->r->arena, "%" PRId64,
	    f->r->start_us / 1000000));
}

static const char *
region(struct facts *f)
{
	return f->r->srv->config->region;
}

static const char *
prefix(struct facts *f)
{
	return f->prefix != NULL ? f->prefix : req_query(f->r, "prefix");
}

static const char *
version_id(struct facts *f)
{
	return f->version_id;
}

/* The source as a policy writes it: "bucket/key". */
static const char *
copy_source(struct facts *f)
{
	const char *header = req_header(f->r, "x-amz-copy-source");
	const char *version;
	char *text;
	size_t len;

	if (header == NULL)
		return NULL;
	/* what is no source copies nothing */
	return meta_copy_source(f->r, header, &text, &len, &version) == 0 ?
	    text : header;
}

static const char *
content_sha256(struct facts *f)
{
	const char *value = req_header(f->r, "x-amz-content-sha256");

	return value != NULL ? value :
	    req_query(f->r, "X-Amz-Content-Sha256");
}

static const char *
auth_type(struct facts *f)
{
	if (f->r->anonymous)
		return NULL;
	if (strcmp(f->r->op->name, "PostObject") == 0)
		return "POST";
	return f->r->auth.presigned ? "REST-QUERY-STRING" : "REST-HEADER";
}

static const char *
signature_version(struct facts *f)
{
	if (f->r->anonymous)
		return NULL;
	return f->r->auth.version == 4 ? "AWS4-HMAC-SHA256" : "AWS";
}

/* Milliseconds. */
static const char *
signature_age(struct facts *f)
{
	const struct vt_clock clock = VT_CLOCK_REAL;
	int64_t age;

	if (f->r->anonymous || f->r->auth.time_us == 0)
		return NULL;
	age = vt_clock_now_us(&clock) - f->r->auth.time_us;
	return made(f->r, vt_arena_printf(f->r->arena, "%" PRId64,
	    age > 0 ? age / 1000 : 0));
}

static const char *
lock_mode(struct facts *f)
{
	return f->r->brings.lock_mode != NULL ? f->r->brings.lock_mode :
	    req_header(f->r, "x-amz-object-lock-mode");
}

static const char *
lock_until(struct facts *f)
{
	return f->r->brings.lock_until != NULL ? f->r->brings.lock_until :
	    req_header(f->r, "x-amz-object-lock-retain-until-date");
}

static const char *
lock_hold(struct facts *f)
{
	return f->r->brings.lock_hold != NULL ? f->r->brings.lock_hold :
	    req_header(f->r, "x-amz-object-lock-legal-hold");
}

static const char *
retention_days(struct facts *f)
{
	const char *until = lock_until(f);
	int64_t us;

	if (until == NULL || lock_date(until, &us) < 0)
		return NULL;
	us -= f->r->start_us;
	return made(f->r, vt_arena_printf(f->r->arena, "%" PRId64,
	    us > 0 ? us / INT64_C(86400000000) : 0));
}

static const struct {
	const char *key;
	const char *(*get)(struct facts *f);
	const char *header, *query;	/* when it is only that */
} keys[] = {
	{ "aws:SourceIp", source_ip, NULL, NULL },
	{ "aws:SecureTransport", secure, NULL, NULL },
	{ "aws:username", username, NULL, NULL },
	{ "aws:userid", userid, NULL, NULL },
	{ "aws:PrincipalArn", principal_arn, NULL, NULL },
	{ "aws:PrincipalAccount", principal_account, NULL, NULL },
	{ "aws:PrincipalType", principal_type, NULL, NULL },
	{ "aws:ResourceAccount", resource_account, NULL, NULL },
	{ "s3:ResourceAccount", resource_account, NULL, NULL },
	{ "aws:CurrentTime", current_time, NULL, NULL },
	{ "aws:EpochTime", epoch_time, NULL, NULL },
	{ "aws:RequestedRegion", region, NULL, NULL },
	{ "aws:UserAgent", NULL, "User-Agent", NULL },
	{ "aws:Referer", NULL, "Referer", NULL },
	{ "s3:prefix", prefix, NULL, NULL },
	{ "s3:delimiter", NULL, NULL, "delimiter" },
	{ "s3:max-keys", NULL, NULL, "max-keys" },
	{ "s3:VersionId", version_id, NULL, NULL },
	{ "s3:x-amz-copy-source", copy_source, NULL, NULL },
	{ "s3:x-amz-content-sha256", content_sha256, NULL, NULL },
	{ "s3:authType", auth_type, NULL, NULL },
	{ "s3:signatureversion", signature_version, NULL, NULL },
	{ "s3:signatureAge", signature_age, NULL, NULL },
	{ "s3:object-lock-mode", lock_mode, NULL, NULL },
	{ "s3:object-lock-legal-hold", lock_hold, NULL, NULL },
	{ "s3:object-lock-retain-until-date", lock_until, NULL, NULL },
	{ "s3:object-lock-remaining-retention-days", retention_days, NULL,
	    NULL },
	{ "s3:if-match", NULL, "If-Match", NULL },
	{ "s3:if-none-match", NULL, "If-None-Match", NULL }
};

/* --- tags ----------------------------------------------------------------- */

/* Tags apart; -1: there are none, or they are not sound. */
static int
read_tags(struct facts *f, const char *tags, struct vt_query **q, size_t *n)
{
	enum vt_code rc;

	if (tags == NULL)
		return -1;
	rc = vt_uri_query(f->r->arena, tags, strlen(tags), TAGS_MAX, q, n,
	    NULL);
	if (rc == VT_NOMEM && !req_answered(f->r))
		req_fail(f->r, rc, NULL);
	return rc == VT_OK ? 0 : -1;
}

/* The value of a tag; its key has no case here, as all condition keys, but of
 * two that differ in that the one that is written so is meant. */
static const char *const *
tag(struct facts *f, const char *tags, const char *name, size_t *count)
{
	struct vt_query *q;
	size_t n;

	if (read_tags(f, tags, &q, &n) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strcmp(q[i].name, name) == 0)
			return one(f, q[i].value, count);
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(q[i].name, name) == 0)
			return one(f, q[i].value, count);
	return NULL;
}

static const char *
request_tags(struct facts *f)
{
	return f->r->brings.tags != NULL ? f->r->brings.tags :
	    req_header(f->r, "x-amz-tagging");
}

static const char *const *
tag_keys(struct facts *f, size_t *count)
{
	const char **list;
	struct vt_query *q;
	size_t n;

	if (read_tags(f, request_tags(f), &q, &n) < 0)
		return NULL;
	list = req_alloc(f->r, (n + 1) * sizeof(*list));
	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		list[i] = q[i].name;
	*count = n;
	return list;
}

static const char *
after(const char *key, const char *start)
{
	size_t len = strlen(start);

	return strncasecmp(key, start, len) == 0 ? key + len : NULL;
}

const char *const *
facts_values(void *ctx, const char *key, size_t *count)
{
	struct facts *f = ctx;
	const char *rest;

	*count = 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcasecmp(keys[i].key, key) != 0)
			continue;
		if (keys[i].get != NULL)
			return one(f, keys[i].get(f), count);
		if (keys[i].header != NULL)
			return one(f, req_header(f->r, keys[i].header),
			    count);
		return one(f, req_query(f->r, keys[i].query), count);
	}
	rest = after(key, "s3:ExistingObjectTag/");
	if (rest != NULL)
		return tag(f, f->tags != NULL ? f->tags(f) : NULL, rest,
		    count);
	rest = after(key, "s3:RequestObjectTag/");
	if (rest != NULL)
		return tag(f, request_tags(f), rest, count);
	if (strcasecmp(key, "s3:RequestObjectTagKeys") == 0)
		return tag_keys(f, count);
	/* the headers that are conditions by their own name */
	rest = after(key, "s3:");
	if (rest != NULL && strncasecmp(rest, "x-amz-", 6) == 0)
		return one(f, req_header(f->r, rest), count);
	return NULL;
}
