/*
 * May the caller?  See authz.h.
 *
 * The plain case costs nothing: root, or a bucket's owner without a policy of
 * its own, on a bucket without a policy, is let through before anything is
 * looked at.  Whatever is not let through by a rule below is refused, so that
 * an operation added later is closed until somebody opens it.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libvt/proto/acl.h"

#include "authz.h"
#include "documents.h"
#include "facts.h"
#include "meta.h"
#include "permissions.h"

/* --- the subject ---------------------------------------------------------- */

/* One question, and what was found out for it. */
struct question {
	struct req *r;
	const char *action;
	struct authz_subject s;
	int looked;		/* s.v and s.absent are known */
	int failed;		/* answered: it could not be told */
	const char *prefix;	/* asked about as if listed */
};

/* The version the question is about, or NULL; delete markers are none. */
static const struct vt_version *
version(struct question *q)
{
	struct vt_version *v;
	struct vt_err err;
	enum vt_code rc;

	if (q->looked || q->s.key == NULL || q->s.bucket == NULL)
		return q->s.v;
	q->looked = 1;
	if (q->s.v != NULL || q->s.absent)
		return q->s.v;
	rc = vt_catalog_lookup(q->r->srv->catalog, q->r->arena,
	    q->s.bucket->id, q->s.key, q->s.key_len, q->s.version_id, 0, &v,
	    &err);
	if (rc == VT_OK && !v->is_marker)
		q->s.v = v;
	else if (rc == VT_OK || rc == VT_ABSENT)
		q->s.absent = 1;
	else {
		req_fail(q->r, rc, &err);
		q->failed = 1;
	}
	return q->s.v;
}

static const char *
existing_tags(struct facts *f)
{
	const struct vt_version *v = version(f->ctx);

	return v != NULL ? v->tags : NULL;
}

/* --- policies ------------------------------------------------------------- */

static const char *
resource_of(struct question *q, size_t *len)
{
	static const char arn[] = "arn:aws:s3:::";
	const char *bucket = q->s.bucket != NULL ? q->s.bucket->name :
	    q->r->bucket_name;
	size_t bucket_len;
	char *text;

	if (bucket == NULL)
		bucket = "*";	/* all buckets there are */
	bucket_len = strlen(bucket);
	*len = sizeof(arn) - 1 + bucket_len;
	if (q->s.key != NULL)
		*len += 1 + q->s.key_len;
	text = req_alloc(q->r, *len + 1);
	if (text == NULL)
		return NULL;
	memcpy(text, arn, sizeof(arn) - 1);
	memcpy(text + sizeof(arn) - 1, bucket, bucket_len);
	if (q->s.key != NULL) {
		text[sizeof(arn) - 1 + bucket_len] = '/';
		memcpy(text + sizeof(arn) + bucket_len, q->s.key,
		    q->s.key_len);
	}
	return text;
}

struct verdicts {
	enum vt_policy_result user, bucket;
	int bucket_is_public;
};

static int
ask_policies(struct question *q, struct verdicts *out)
{
	struct req *r = q->r;
	struct facts f = { .r = r, .bucket = q->s.bucket,
	    .version_id = q->s.version_id, .prefix = q->prefix,
	    .tags = existing_tags, .ctx = q };
	struct vt_policy_request pr = { .action = q->action,
	    .values = facts_values, .ctx = &f };
	const struct vt_policy *policy = NULL;

	out->user = out->bucket = VT_POLICY_NOTHING;
	out->bucket_is_public = 0;
	if (q->s.bucket != NULL)
		policy = doc_get_of(r, q->s.bucket, VT_DOC_POLICY);
	if (req_answered(r))
		return -1;
	if (policy == NULL && !perm_has_user_policy(r))
		return 0;
	pr.resource = resource_of(q, &pr.resource_len);
	if (pr.resource == NULL)
		return -1;
	facts_caller(r, &pr.caller);
	if (policy != NULL) {
		out->bucket = vt_policy_eval(policy, &pr);
		out->bucket_is_public = vt_policy_is_public(policy);
	}
	if (perm_has_user_policy(r))
		out->user = perm_ask_user_policy(r, &pr);
	return q->failed || req_answered(r) ? -1 : 0;
}

/* --- ACLs ----------------------------------------------------------------- */

enum acl_of { ACL_NONE, ACL_BUCKET, ACL_OBJECT,
	ACL_OWN,		/* of the bucket, on one's own objects */
	ACL_UPLOAD };		/* whoever began the upload */

/* What a grant allows (AWS, "Mapping of ACL permissions and access policy
 * permissions"). */
static const struct grant_rule {
	const char *action;
	enum acl_of of;
	enum vt_acl_permission permission;
} grant_rules[] = {
	{ "s3:ListBucket", ACL_BUCKET, VT_ACL_READ },
	{ "s3:ListBucketVersions", ACL_BUCKET, VT_ACL_READ },
	{ "s3:ListBucketMultipartUploads", ACL_BUCKET, VT_ACL_READ },
	{ "s3:GetBucketAcl", ACL_BUCKET, VT_ACL_READ_ACP },
	{ "s3:PutBucketAcl", ACL_BUCKET, VT_ACL_WRITE_ACP },
	{ "s3:PutObject", ACL_BUCKET, VT_ACL_WRITE },
	{ "s3:DeleteObject", ACL_OWN, VT_ACL_WRITE },
	{ "s3:AbortMultipartUpload", ACL_UPLOAD, VT_ACL_WRITE },
	{ "s3:ListMultipartUploadParts", ACL_UPLOAD, VT_ACL_WRITE },
	{ "s3:GetObject", ACL_OBJECT, VT_ACL_READ },
	{ "s3:GetObjectVersion", ACL_OBJECT, VT_ACL_READ },
	{ "s3:GetObjectAttributes", ACL_OBJECT, VT_ACL_READ },
	{ "s3:GetObjectVersionAttributes", ACL_OBJECT, VT_ACL_READ },
	{ "s3:GetObjectAcl", ACL_OBJECT, VT_ACL_READ_ACP },
	{ "s3:GetObjectVersionAcl", ACL_OBJECT, VT_ACL_READ_ACP },
	{ "s3:PutObjectAcl", ACL_OBJECT, VT_ACL_WRITE_ACP },
	{ "s3:PutObjectVersionAcl", ACL_OBJECT, VT_ACL_WRITE_ACP }
};

static const struct grant_rule *
rule_of(const char *action)
{
	for (size_t i = 0; i < sizeof(grant_rules) / sizeof(grant_rules[0]);
	    i++)
		if (strcmp(grant_rules[i].action, action) == 0)
			return &grant_rules[i];
	return NULL;
}

static int
is_me(const struct req *r, const char *owner)
{
	return !r->anonymous && owner != NULL && *owner != '\0' &&
	    strcmp(r->who.id, owner) == 0;
}

static unsigned
bucket_grants(struct question *q, int ignore_public)
{
	const char *acl = doc_get_of(q->r, q->s.bucket, VT_DOC_ACL);

	if (acl == NULL)
		return 0;
	return vt_acl_allows(acl, q->r->anonymous ? NULL : q->r->who.id,
	    ignore_public);
}

static int
began_upload(struct question *q)
{
	const char *id = req_query(q->r, "uploadId");
	struct vt_upload *u;
	struct vt_err err;

	return id != NULL && vt_catalog_upload(q->r->srv->catalog,
	    q->r->arena, id, &u, &err) == VT_OK &&
	    u->bucket_id == q->s.bucket->id && is_me(q->r, u->owner);
}

static int may(struct question *q);

/* A key that is not there: to know that takes the right to list. */
static int
may_list(struct question *q)
{
	struct question list = { .r = q->r, .action = "s3:ListBucket",
	    .s = { .bucket = q->s.bucket } };

	list.prefix = req_dup(q->r, q->s.key, q->s.key_len);
	return req_answered(q->r) ? -1 : may(&list);
}

static int
granted(struct question *q)
{
	const struct grant_rule *rule = rule_of(q->action);
	const struct access_block *block;
	const struct vt_version *v;
	unsigned have;
	int ignore;

	if (rule == NULL || q->s.bucket == NULL)
		return 0;
	block = doc_get_of(q->r, q->s.bucket, VT_DOC_PUBLIC_ACCESS);
	ignore = block != NULL && block->ignore_acls;
	switch (rule->of) {
	case ACL_BUCKET:
		have = bucket_grants(q, ignore);
		break;
	case ACL_OWN:
		v = version(q);
		have = v == NULL || is_me(q->r, v->owner) ?
		    bucket_grants(q, ignore) : 0;
		break;
	case ACL_UPLOAD:
		return began_upload(q);
	case ACL_OBJECT:
		v = version(q);
		if (v == NULL)
			return q->failed ? -1 : may_list(q);
		if (is_me(q->r, v->owner))
			return 1;
		have = vt_acl_allows(v->acl, q->r->anonymous ? NULL :
		    q->r->who.id, ignore);
		break;
	case ACL_NONE:
	default:
		return 0;
	}
	if (q->failed || req_answered(q->r))
		return -1;
	return (have & rule->permission) != 0;
}

/* An object in the bucket that belongs to another than the bucket: neither
 * the bucket's owner nor its policy may give it away. */
static int
is_foreign(struct question *q)
{
	const struct grant_rule *rule = rule_of(q->action);
	const struct vt_version *v;

	if (rule == NULL || rule->of != ACL_OBJECT)
		return 0;
	v = version(q);
	return v != NULL && strcmp(v->owner, q->s.bucket->owner) != 0;
}

/* --- the decision --------------------------------------------------------- */

/* These a bucket's policy can deny neither root nor the bucket's owner, who
 * could not take the deny back. */
static int
changes_policy(const char *action)
{
	return strcmp(action, "s3:GetBucketPolicy") == 0 ||
	    strcmp(action, "s3:PutBucketPolicy") == 0 ||
	    strcmp(action, "s3:DeleteBucketPolicy") == 0;
}

static int
owns_bucket(const struct question *q)
{
	return q->s.bucket != NULL && is_me(q->r, q->s.bucket->owner);
}

/* 1, 0, or -1 after answering that it cannot be told. */
static int
may(struct question *q)
{
	struct req *r = q->r;
	const struct access_block *block;
	struct verdicts policy;
	int acls, foreign;

	if (ask_policies(q, &policy) < 0)
		return -1;
	if (policy.user == VT_POLICY_DENY)
		return 0;
	if (policy.bucket == VT_POLICY_DENY)
		return changes_policy(q->action) && (r->who.is_root ||
		    (owns_bucket(q) && !perm_has_user_policy(r)));
	if (r->who.is_root)
		return 1;
	/* the operator's word, and the whole of it */
	if (perm_has_user_policy(r))
		return policy.user == VT_POLICY_ALLOW;
	/* an account makes and lists buckets of its own */
	if (q->s.bucket == NULL)
		return !r->anonymous;
	acls = perm_ownership(r, q->s.bucket) != OWNERSHIP_ENFORCED;
	foreign = acls && is_foreign(q);
	if (q->failed || req_answered(r))
		return -1;
	if (!foreign && owns_bucket(q))
		return 1;
	if (!foreign && policy.bucket >= VT_POLICY_ALLOW_ACCOUNT) {
		block = doc_get_of(r, q->s.bucket, VT_DOC_PUBLIC_ACCESS);
		if (req_answered(r))
			return -1;
		if (!policy.bucket_is_public || block == NULL ||
		    !block->restrict_buckets)
			return 1;
	}
	return acls ? granted(q) : 0;
}

/* AWS names the action and, for those it knows, the caller. */
static int
refuse(struct question *q)
{
	struct vt_policy_caller c;
	size_t len;

	facts_caller(q->r, &c);
	if (c.arn == NULL)
		req_error(q->r, "AccessDenied", "The request is not signed, "
		    "and nothing allows this to everybody");
	else {
		const char *resource = resource_of(q, &len);

		req_error(q->r, "AccessDenied", "User: %s is not authorized "
		    "to perform: %s on resource: \"%s\"", c.arn, q->action,
		    resource != NULL ? resource : "");
	}
	return -1;
}

static int
need(struct question *q)
{
	int rc = may(q);

	if (rc > 0)
		return 0;
	return rc == 0 ? refuse(q) : -1;
}

static struct question
ask(struct req *r, const char *action, const struct authz_subject *s)
{
	struct question q = { .r = r, .action = action, .s = *s };

	return q;
}

/* Nothing can refuse it: see the opening comment. */
static int
is_plain(const struct req *r, const struct vt_bucket *b)
{
	if (b->docs & (1u << VT_DOC_POLICY))
		return 0;
	return r->who.is_root || (!perm_has_user_policy(r) &&
	    is_me(r, b->owner));
}

int
authz_may(struct req *r, const char *action, const struct authz_subject *s)
{
	struct question q = ask(r, action, s);

	if (s->bucket != NULL && is_plain(r, s->bucket) && (r->who.is_root ||
	    s->v == NULL || is_me(r, s->v->owner)))
		return 1;
	return may(&q);
}

int
authz_need(struct req *r, const char *action, const struct authz_subject *s)
{
	struct question q = ask(r, action, s);
	int rc = authz_may(r, action, s);

	if (rc > 0)
		return 0;
	return rc == 0 ? refuse(&q) : -1;
}

/* --- the request ---------------------------------------------------------- */

/* "If-Match: *" asks no more than that something is there. */
static int
is_any(const struct vt_header *h)
{
	return strcasecmp(h->name, "If-Match") == 0 &&
	    strcmp(h->value, "*") == 0;
}

static int
has_header(const struct req *r, const char *start)
{
	size_t len = start != NULL ? strlen(start) : 0;

	for (size_t i = 0; i < r->header_count && len > 0; i++)
		if (strncasecmp(r->headers[i].name, start, len) == 0 &&
		    !is_any(&r->headers[i]))
			return 1;
	return len == 0;
}

/* What headers ask for beside the operation.  An owner may set the ACL of
 * what it makes: that is only ever denied, but to users whose own policy says
 * all that they may. */
static const struct also {
	const char *action;	/* of the operation */
	const char *header;	/* the beginning of its name */
	const char *needs;
	int unless_denied;
} also[] = {
	{ "s3:PutObject", "x-amz-tagging", "s3:PutObjectTagging", 0 },
	{ "s3:PutObject", "x-amz-acl", "s3:PutObjectAcl", 1 },
	{ "s3:PutObject", "x-amz-grant-", "s3:PutObjectAcl", 1 },
	{ "s3:PutObject", "x-amz-object-lock-mode", "s3:PutObjectRetention",
	    0 },
	{ "s3:PutObject", "x-amz-object-lock-retain", "s3:PutObjectRetention",
	    0 },
	{ "s3:PutObject", "x-amz-object-lock-legal", "s3:PutObjectLegalHold",
	    0 },
	{ "s3:CreateBucket", "x-amz-acl", "s3:PutBucketAcl", 0 },
	{ "s3:CreateBucket", "x-amz-grant-", "s3:PutBucketAcl", 0 },
	{ "s3:CreateBucket", "x-amz-object-ownership",
	    "s3:PutBucketOwnershipControls", 0 },
	{ "s3:CreateBucket", "x-amz-bucket-object-lock-enabled",
	    "s3:PutBucketObjectLockConfiguration", 0 },
	/* an answer tells whether a guess of the object was right */
	{ "s3:PutObject", "if-match", "s3:GetObject", 0 },
	{ "s3:DeleteObject", "if-match", "s3:GetObject", 0 },
	{ "s3:DeleteObject", "x-amz-if-match-", "s3:GetObject", 0 },
	{ "s3:DeleteObjectVersion", "if-match", "s3:GetObjectVersion", 0 },
	{ "s3:DeleteObjectVersion", "x-amz-if-match-", "s3:GetObjectVersion",
	    0 },
	/* with or without headers */
	{ "s3:GetObjectAttributes", NULL, "s3:GetObject", 0 },
	{ "s3:GetObjectVersionAttributes", NULL, "s3:GetObjectVersion", 0 }
};

/* A canned ACL that gives nothing to others, which programs send by habit. */
static int
gives_nothing(const struct req *r, const char *header)
{
	const char *canned = req_header(r, "x-amz-acl");

	return strcmp(header, "x-amz-acl") == 0 && canned != NULL &&
	    (*canned == '\0' || strcmp(canned, "private") == 0 ||
	    strcmp(canned, "bucket-owner-read") == 0 ||
	    strcmp(canned, "bucket-owner-full-control") == 0);
}

static int
need_also(const struct question *first)
{
	struct verdicts policy;

	for (size_t i = 0; i < sizeof(also) / sizeof(also[0]); i++) {
		struct question q = *first;

		if (strcmp(also[i].action, first->action) != 0 ||
		    !has_header(q.r, also[i].header))
			continue;
		q.action = also[i].needs;
		if (!also[i].unless_denied || (perm_has_user_policy(q.r) &&
		    !gives_nothing(q.r, also[i].header))) {
			if (need(&q) < 0)
				return -1;
			continue;
		}
		if (ask_policies(&q, &policy) < 0)
			return -1;
		if (policy.bucket == VT_POLICY_DENY ||
		    policy.user == VT_POLICY_DENY)
			return refuse(&q);
	}
	return 0;
}

/* What is asked for is only known from the body: keys, tags.  A caller that
 * nothing could allow any of it is told at once; of others the operation asks
 * when it knows. */
static int
need_some(struct question *q)
{
	struct req *r = q->r;

	if (*q->action == '\0')
		q->action = "s3:DeleteObject";

	if (r->who.is_root || perm_has_user_policy(r) || owns_bucket(q) ||
	    (r->bucket.docs & (1u << VT_DOC_POLICY)) ||
	    perm_ownership(r, &r->bucket) != OWNERSHIP_ENFORCED)
		return req_answered(r) ? -1 : 0;
	return refuse(q);
}

/* Operations that call authz_may for each key, or authz_body. */
static int
asks_later(const struct op *op)
{
	static const char *const names[] = { "DeleteObjects",
	    "PutObjectTagging", "PutObjectRetention",
	    "PutObjectLegalHold" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], op->name) == 0)
			return 1;
	return 0;
}

/* What the request is about, by its target. */
static struct question
ask_request(struct req *r)
{
	const struct op *op = r->op;
	struct question q = { .r = r, .action = op->action };
	const char *id;

	if (!(op->flags & OP_NO_BUCKET))
		q.s.bucket = &r->bucket;
	q.s.key = r->key;
	q.s.key_len = r->key_len;
	id = r->key != NULL ? req_query(r, "versionId") : NULL;
	if (id == NULL || *id == '\0')
		return q;
	q.s.version_id = id;
	q.s.absent = !meta_version_valid(id);
	if (op->version_action != NULL)
		q.action = op->version_action;
	return q;
}

int
authz_check(struct req *r)
{
	const struct op *op = r->op;
	struct question q;

	if (op->flags & OP_NO_BUCKET ? r->who.is_root :
	    is_plain(r, &r->bucket))
		return 0;
	q = ask_request(r);
	if (asks_later(op))
		return need_some(&q);
	if (need(&q) < 0 || need_also(&q) < 0)
		return -1;
	if (q.looked) {
		r->authz_looked = 1;
		r->authz_seq = q.s.v != NULL ? q.s.v->seq : 0;
	}
	return 0;
}

int
authz_body(struct req *r)
{
	struct question q;

	if (is_plain(r, &r->bucket))
		return 0;
	q = ask_request(r);
	return need(&q);
}

int
authz_version(struct req *r, const struct vt_version *v)
{
	struct question q;

	if (r->authz_looked ? r->authz_seq == v->seq : r->who.is_root ||
	    strcmp(v->owner, r->bucket.owner) == 0)
		return 0;
	q = ask_request(r);
	q.s.v = v;
	return need(&q);
}

int
authz_absent(struct req *r, const struct authz_subject *s)
{
	struct question q = { .r = r, .action = "s3:ListBucket",
	    .s = { .bucket = &r->bucket, .key = r->key,
	    .key_len = r->key_len } };
	int rc;

	if (s != NULL)
		q.s = *s;
	if (is_plain(r, q.s.bucket))
		return 0;
	rc = may_list(&q);
	if (rc > 0)
		return 0;
	q.s.key = NULL;
	return rc == 0 ? refuse(&q) : -1;
}
