/* ACLs, ownership controls, public access block, policy: see permissions.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/proto/acl.h"

#include "documents.h"
#include "meta.h"
#include "object.h"
#include "ops.h"
#include "permissions.h"
#include "users.h"

/* --- users ---------------------------------------------------------------- */

static int
find_user(void *ctx, const char *id, const char *email, const char **out_id,
    const char **out_name)
{
	struct req *r = ctx;
	struct vt_user u;
	struct vt_err err;
	enum vt_code rc;

	if (id != NULL && strcmp(id, r->srv->owner_id) == 0) {
		*out_id = r->srv->owner_id;
		*out_name = r->srv->owner_name;
		return 0;
	}
	rc = id != NULL ? vt_catalog_user_by_id(r->srv->catalog, r->arena,
	    id, &u, &err) : vt_catalog_user_by_email(r->srv->catalog,
	    r->arena, email, &u, &err);
	if (rc != VT_OK)
		return -1;
	*out_id = u.canonical;
	*out_name = u.name;
	return 0;
}

static struct vt_acl_users
users_of(struct req *r)
{
	struct vt_acl_users u = { find_user, r };

	return u;
}

enum vt_policy_result
perm_ask_user_policy(struct req *r, const struct vt_policy_request *q)
{
	const struct user_key *k = r->who.key;

	return k != NULL && k->rules != NULL ? vt_policy_eval(k->rules, q) :
	    VT_POLICY_DENY;
}

/* --- ownership controls --------------------------------------------------- */

static const char *const ownerships[] = {
	[OWNERSHIP_WRITER] = "ObjectWriter",
	[OWNERSHIP_PREFERRED] = "BucketOwnerPreferred",
	[OWNERSHIP_ENFORCED] = "BucketOwnerEnforced"
};

static int
ownership_by_name(const char *name, enum ownership *out)
{
	for (int i = OWNERSHIP_WRITER; i <= OWNERSHIP_ENFORCED; i++)
		if (name != NULL && strcmp(ownerships[i], name) == 0) {
			*out = (enum ownership)i;
			return 0;
		}
	return -1;
}

enum ownership
perm_ownership(struct req *r, const struct vt_bucket *b)
{
	const enum ownership *o = doc_get_of(r, b, VT_DOC_OWNERSHIP);

	return o != NULL ? *o : OWNERSHIP_WRITER;
}

static int
read_ownership(const struct vt_xml *root, enum ownership *out)
{
	const struct vt_xml *rule = vt_xml_child(root, "Rule");

	if (strcmp(root->name, "OwnershipControls") != 0 || rule == NULL ||
	    root->child->next != NULL)
		return -1;
	return ownership_by_name(vt_xml_child_text(rule, "ObjectOwnership"),
	    out);
}

/* Does the text grant anything to another than the owner? */
static int
grants_others(struct req *r, const char *text, const char *owner)
{
	struct vt_acl acl;
	struct vt_err err;

	if (vt_acl_parse(r->arena, text, &acl, &err) != VT_OK)
		return 1;
	for (size_t i = 0; i < acl.count; i++)
		if (acl.grants[i].grantee != VT_ACL_USER ||
		    strcmp(acl.grants[i].id, owner) != 0)
			return 1;
	return 0;
}

int
perm_check_ownership(struct req *r, struct vt_cat_doc *d)
{
	enum ownership o;
	struct vt_xml *root;
	const char *acl;

	root = meta_xml(r, "OwnershipControls", "MalformedXML");
	if (root == NULL)
		return -1;
	if (read_ownership(root, &o) < 0) {
		req_error(r, "MalformedXML", "There must be one Rule with an "
		    "ObjectOwnership of BucketOwnerEnforced, "
		    "BucketOwnerPreferred or ObjectWriter");
		return -1;
	}
	acl = doc_get(r, VT_DOC_ACL);
	if (req_answered(r))
		return -1;
	if (o == OWNERSHIP_ENFORCED && acl != NULL &&
	    grants_others(r, acl, r->bucket.owner)) {
		req_error(r, "InvalidBucketAclWithObjectOwnership", NULL);
		return -1;
	}
	d->body = r->body;
	d->len = r->body_len;
	return 0;
}

void *
perm_parse_ownership(const char *body, size_t len, struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	enum ownership *o = malloc(sizeof(*o));
	struct vt_xml *root;
	enum vt_code rc = VT_NOMEM;

	if (a != NULL && o != NULL)
		rc = vt_xml_parse(a, body, len, &root, err);
	else
		vt_fail(err, rc, "no memory for ownership controls");
	if (rc == VT_OK && read_ownership(root, o) < 0)
		rc = vt_fail(err, VT_CORRUPT,
		    "these are no ownership controls");
	vt_arena_free(a);
	if (rc == VT_OK)
		return o;
	free(o);
	return NULL;
}

/* --- public access block -------------------------------------------------- */

static const struct {
	const char *name;
	size_t offset;
} switches[] = {
	{ "BlockPublicAcls", offsetof(struct access_block, block_acls) },
	{ "IgnorePublicAcls", offsetof(struct access_block, ignore_acls) },
	{ "BlockPublicPolicy", offsetof(struct access_block, block_policy) },
	{ "RestrictPublicBuckets",
	    offsetof(struct access_block, restrict_buckets) }
};
#define SWITCHES (sizeof(switches) / sizeof(switches[0]))
#define BLOCK_ROOT "PublicAccessBlockConfiguration"

static int *
switch_of(struct access_block *b, size_t i)
{
	return (int *)(void *)((char *)b + switches[i].offset);
}

static int
read_block(const struct vt_xml *root, struct access_block *out)
{
	const char *text;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < SWITCHES; i++) {
		text = vt_xml_child_text(root, switches[i].name);
		if (text == NULL)
			continue;
		*switch_of(out, i) = strcasecmp(text, "true") == 0;
		if (!*switch_of(out, i) && strcasecmp(text, "false") != 0)
			return -1;
	}
	return strcmp(root->name, BLOCK_ROOT) == 0 ? 0 : -1;
}

/* All four, as AWS gives them back; NULL after answering. */
static int
write_block(struct req *r, struct access_block *block, struct vt_cat_doc *d)
{
	struct vt_buf b;

	vt_buf_init(&b, 4096);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, BLOCK_ROOT);
	for (size_t i = 0; i < SWITCHES; i++)
		vt_xml_text(&b, switches[i].name, *switch_of(block, i) ?
		    "true" : "false");
	vt_xml_close(&b, BLOCK_ROOT);
	d->doc = VT_DOC_PUBLIC_ACCESS;
	d->len = b.len;
	d->body = req_dup(r, b.data, b.len);
	vt_buf_release(&b);
	return req_answered(r) ? -1 : 0;
}

int
perm_check_block(struct req *r, struct vt_cat_doc *d)
{
	struct access_block block;
	struct vt_xml *root;

	root = meta_xml(r, BLOCK_ROOT, "MalformedXML");
	if (root == NULL)
		return -1;
	if (read_block(root, &block) < 0) {
		req_error(r, "MalformedXML", "The four settings are true or "
		    "false");
		return -1;
	}
	return write_block(r, &block, d);
}

void *
perm_parse_block(const char *body, size_t len, struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct access_block *block = malloc(sizeof(*block));
	struct vt_xml *root;
	enum vt_code rc = VT_NOMEM;

	if (a != NULL && block != NULL)
		rc = vt_xml_parse(a, body, len, &root, err);
	else
		vt_fail(err, rc, "no memory for a public access block");
	if (rc == VT_OK && read_block(root, block) < 0)
		rc = vt_fail(err, VT_CORRUPT, "this is no public access "
		    "block");
	vt_arena_free(a);
	if (rc == VT_OK)
		return block;
	free(block);
	return NULL;
}

/* May this ACL be set here, public as it may be? */
static int
acl_unblocked(struct req *r, const char *text)
{
	const struct access_block *block;

	if (!vt_acl_is_public(text))
		return 1;
	block = doc_get(r, VT_DOC_PUBLIC_ACCESS);
	if (req_answered(r))
		return 0;
	if (block == NULL || !block->block_acls)
		return 1;
	req_error(r, "AccessDenied", "Public ACLs are blocked by the "
	    "BlockPublicAcls setting of the bucket's public access block.");
	return 0;
}

/* --- policy --------------------------------------------------------------- */

int
perm_check_policy(struct req *r, struct vt_cat_doc *d)
{
	const struct access_block *block;
	struct vt_policy *p;
	struct vt_err err;
	enum vt_code rc;
	int public;

	rc = vt_policy_parse(r->body, r->body_len, r->bucket.name, &p, &err);
	if (rc == VT_NOMEM) {
		req_fail(r, rc, &err);
		return -1;
	}
	if (rc != VT_OK) {
		req_error(r, "MalformedPolicy", "%s", err.text);
		return -1;
	}
	public = vt_policy_is_public(p);
	vt_policy_free(p);
	block = doc_get(r, VT_DOC_PUBLIC_ACCESS);
	if (req_answered(r))
		return -1;
	if (public && block != NULL && block->block_policy) {
		req_error(r, "AccessDenied", "Public policies are blocked by "
		    "the BlockPublicPolicy setting of the bucket's public "
		    "access block.");
		return -1;
	}
	d->body = r->body;
	d->len = r->body_len;
	return 0;
}

void *
perm_parse_policy(const char *body, size_t len, struct vt_err *err)
{
	struct vt_policy *p;

	return vt_policy_parse(body, len, "", &p, err) == VT_OK ? p : NULL;
}

void
perm_free_policy(void *parsed)
{
	vt_policy_free(parsed);
}

void
op_get_bucket_policy_status(struct req *r)
{
	const struct vt_policy *p;
	const char *acl;
	struct vt_buf b;
	int public;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	p = doc_get(r, VT_DOC_POLICY);
	acl = doc_get(r, VT_DOC_ACL);
	if (req_answered(r))
		return;
	public = (p != NULL && vt_policy_is_public(p)) || (acl != NULL &&
	    vt_acl_is_public(acl) &&
	    perm_ownership(r, &r->bucket) != OWNERSHIP_ENFORCED);
	vt_buf_init(&b, 4096);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, "PolicyStatus");
	vt_xml_text(&b, "IsPublic", public ? "true" : "false");
	vt_xml_close(&b, "PolicyStatus");
	req_reply_xml(r, 200, &b);
	vt_buf_release(&b);
}

/* --- ACLs of requests ----------------------------------------------------- */

static const struct {
	const char *header;
	enum vt_acl_permission permission;
} grant_headers[] = {
	{ "x-amz-grant-read", VT_ACL_READ },
	{ "x-amz-grant-write", VT_ACL_WRITE },
	{ "x-amz-grant-read-acp", VT_ACL_READ_ACP },
	{ "x-amz-grant-write-acp", VT_ACL_WRITE_ACP },
	{ "x-amz-grant-full-control", VT_ACL_FULL_CONTROL }
};
#define GRANT_HEADERS (sizeof(grant_headers) / sizeof(grant_headers[0]))

static int
acl_failed(struct req *r, enum vt_code rc, const char *s3_code,
    const struct vt_err *err)
{
	if (rc == VT_NOMEM)
		req_fail(r, rc, err);
	else
		req_error(r, s3_code, "%s", err->text);
	return -1;
}

/* One look at each header; the common request has none of these. */
static int
has_acl_headers(const struct req *r)
{
	for (size_t i = 0; i < r->header_count; i++) {
		const char *name = r->headers[i].name;

		if (strncasecmp(name, "x-amz-", 6) == 0 &&
		    (strcasecmp(name + 6, "acl") == 0 ||
		    strncasecmp(name + 6, "grant-", 6) == 0))
			return 1;
	}
	return 0;
}

static int
acl_from_canned(struct req *r, struct vt_acl *acl, const char *canned,
    const char *owner, const char *bucket_owner, int is_bucket)
{
	struct vt_err err;
	enum vt_code rc;

	rc = vt_acl_canned(acl, canned, owner, bucket_owner, is_bucket, &err);
	if (rc == VT_OK)
		return 0;
	req_error_detail(r, "ArgumentName", "x-amz-acl");
	req_error_detail(r, "ArgumentValue", canned);
	return acl_failed(r, rc, "InvalidArgument", &err);
}

/* From the headers: 1 with an ACL, 0: there are none, -1 after answering. */
static int
acl_from_headers(struct req *r, struct vt_acl *acl, const char *owner,
    const char *bucket_owner, int is_bucket)
{
	const char *canned = req_header(r, "x-amz-acl"), *value;
	const char *s3_code = "InvalidArgument";
	struct vt_acl_users users = users_of(r);
	struct vt_err err;
	enum vt_code rc;
	int grants = 0;

	acl->count = 0;
	if (!has_acl_headers(r))
		return 0;
	for (size_t i = 0; i < GRANT_HEADERS; i++) {
		value = req_header(r, grant_headers[i].header);
		if (value == NULL)
			continue;
		grants = 1;
		rc = vt_acl_header(acl, r->arena, grant_headers[i].permission,
		    value, &users, &s3_code, &err);
		if (rc != VT_OK)
			return acl_failed(r, rc, s3_code, &err);
	}
	if (canned == NULL || *canned == '\0')
		return grants;
	if (grants) {
		req_error(r, "InvalidRequest", "Specifying both Canned ACLs "
		    "and Header Grants is not allowed");
		return -1;
	}
	return acl_from_canned(r, acl, canned, owner, bucket_owner,
	    is_bucket) < 0 ? -1 : 1;
}

/* The text to keep, in arena memory: "" for the owner's full control alone,
 * which is what there is without an ACL.  NULL after answering. */
static const char *
acl_text(struct req *r, const struct vt_acl *acl, const char *owner)
{
	const struct vt_acl_grant *g = acl->grants;
	const char *text;
	struct vt_buf b;

	if (acl->count == 1 && g->grantee == VT_ACL_USER &&
	    g->permission == VT_ACL_FULL_CONTROL && strcmp(g->id, owner) == 0)
		return "";
	vt_buf_init(&b, DOCUMENT_MAX);
	vt_acl_format(&b, acl);
	text = req_dup(r, b.data, b.len);
	vt_buf_release(&b);
	return req_answered(r) ? NULL : text;
}

/* Where ACLs are switched off, only one that says what is so anyway. */
static int
acl_says_nothing(struct req *r, const struct vt_acl *acl, const char *owner,
    const char *canned)
{
	const char *text;

	if (canned != NULL && strcmp(canned, "bucket-owner-full-control") == 0)
		return 1;
	text = acl_text(r, acl, owner);
	if (text == NULL)
		return 0;
	if (*text == '\0')
		return 1;
	req_error(r, "AccessControlListNotSupported", NULL);
	return 0;
}

/* --- new objects ---------------------------------------------------------- */

static int
new_object(struct req *r, const struct vt_acl *given, const char *canned,
    const char *writer, const char **owner, const char **acl)
{
	const char *bucket_owner = r->bucket.owner;
	enum ownership o = OWNERSHIP_WRITER;

	*acl = "";
	*owner = writer;
	/* the plain case: an owner writes into its own bucket */
	if (given == NULL && strcmp(writer, bucket_owner) == 0)
		return 0;
	o = perm_ownership(r, &r->bucket);
	if (req_answered(r))
		return -1;
	if (o == OWNERSHIP_ENFORCED) {
		*owner = bucket_owner;
		return given == NULL || acl_says_nothing(r, given,
		    bucket_owner, canned) ? 0 : -1;
	}
	if (given == NULL)
		return 0;
	if (o == OWNERSHIP_PREFERRED && canned != NULL &&
	    strcmp(canned, "bucket-owner-full-control") == 0) {
		*owner = bucket_owner;
		return 0;
	}
	*acl = acl_text(r, given, writer);
	return *acl != NULL && acl_unblocked(r, *acl) ? 0 : -1;
}

/* What nobody signed belongs to the bucket's owner. */
static const char *
writer_of(const struct req *r)
{
	return r->anonymous ? r->bucket.owner : r->who.id;
}

int
perm_new_object(struct req *r, const char **owner, const char **acl)
{
	const char *writer = writer_of(r);
	struct vt_acl given;
	int rc;

	rc = acl_from_headers(r, &given, writer, r->bucket.owner, 0);
	if (rc < 0)
		return -1;
	return new_object(r, rc > 0 ? &given : NULL,
	    rc > 0 ? req_header(r, "x-amz-acl") : NULL, writer, owner, acl);
}

int
perm_canned_object(struct req *r, const char *canned, const char **owner,
    const char **acl)
{
	const char *writer = writer_of(r);
	struct vt_acl given = { .count = 0 };

	if (canned == NULL || *canned == '\0')
		return new_object(r, NULL, NULL, writer, owner, acl);
	if (acl_from_canned(r, &given, canned, writer, r->bucket.owner,
	    0) < 0)
		return -1;
	return new_object(r, &given, canned, writer, owner, acl);
}

/* --- new buckets ---------------------------------------------------------- */

static int
write_ownership(struct req *r, enum ownership o, struct vt_cat_doc *d)
{
	struct vt_buf b;

	vt_buf_init(&b, 4096);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, "OwnershipControls");
	vt_xml_open(&b, "Rule");
	vt_xml_text(&b, "ObjectOwnership", ownerships[o]);
	vt_xml_close(&b, "Rule");
	vt_xml_close(&b, "OwnershipControls");
	d->doc = VT_DOC_OWNERSHIP;
	d->len = b.len;
	d->body = req_dup(r, b.data, b.len);
	vt_buf_release(&b);
	return req_answered(r) ? -1 : 0;
}

/* The ACL a bucket begins with. */
static int
new_bucket_acl(struct req *r, enum ownership o, struct vt_cat_doc *d,
    size_t *count)
{
	const char *owner = r->who.id, *text;
	struct vt_acl acl;
	int rc;

	rc = acl_from_headers(r, &acl, owner, owner, 1);
	if (rc <= 0)
		return rc;
	text = acl_text(r, &acl, owner);
	if (text == NULL)
		return -1;
	if (*text == '\0')
		return 0;
	if (o == OWNERSHIP_ENFORCED) {
		req_error(r, "InvalidBucketAclWithObjectOwnership", NULL);
		return -1;
	}
	if (r->srv->config->block_public_access && vt_acl_is_public(text)) {
		req_error(r, "InvalidBucketAclWithBlockPublicAccessError",
		    NULL);
		return -1;
	}
	d->doc = VT_DOC_ACL;
	d->body = text;
	d->len = strlen(text);
	(*count)++;
	return 0;
}

int
perm_new_bucket(struct req *r, struct vt_cat_doc docs[PERM_NEW_DOCS],
    size_t *count)
{
	const char *asked = req_header(r, "x-amz-object-ownership");
	struct access_block all = { 1, 1, 1, 1 };
	enum ownership o;

	*count = 0;
	if (ownership_by_name(asked != NULL ? asked :
	    r->srv->config->object_ownership, &o) < 0) {
		req_error_detail(r, "ArgumentName", "x-amz-object-ownership");
		req_error_detail(r, "ArgumentValue", asked);
		req_error(r, "InvalidArgument", "Invalid "
		    "x-amz-object-ownership header: %.64s", asked);
		return -1;
	}
	/* none at all means the same as ObjectWriter */
	if ((asked != NULL || o != OWNERSHIP_WRITER) &&
	    write_ownership(r, o, &docs[(*count)++]) < 0)
		return -1;
	if (r->srv->config->block_public_access &&
	    write_block(r, &all, &docs[(*count)++]) < 0)
		return -1;
	return new_bucket_acl(r, o, &docs[*count], count);
}

/* --- the operations ------------------------------------------------------- */

void *
perm_parse_acl(const char *body, size_t len, struct vt_err *err)
{
	char *text = strndup(body, len);

	if (text == NULL)
		vt_fail(err, VT_NOMEM, "no memory for an ACL");
	return text;
}

/* `text` "" or NULL: the owner's full control. */
static void
reply_acl(struct req *r, const char *text, const char *owner)
{
	struct vt_acl_users users = users_of(r);
	struct vt_acl acl = { .count = 0 };
	const char *id, *name = NULL;
	struct vt_err err;
	struct vt_buf b;
	enum vt_code rc;

	if (text == NULL || *text == '\0')
		rc = vt_acl_add(&acl, VT_ACL_USER, owner,
		    VT_ACL_FULL_CONTROL, &err);
	else
		rc = vt_acl_parse(r->arena, text, &acl, &err);
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return;
	}
	if (users.find(users.ctx, owner, NULL, &id, &name) < 0)
		name = NULL;
	vt_buf_init(&b, DOCUMENT_MAX);
	vt_acl_to_xml(&b, &acl, owner, name, &users);
	req_reply_xml(r, 200, &b);
	vt_buf_release(&b);
}

void
op_get_bucket_acl(struct req *r)
{
	const char *acl = NULL;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	if (perm_ownership(r, &r->bucket) != OWNERSHIP_ENFORCED)
		acl = doc_get(r, VT_DOC_ACL);
	if (!req_answered(r))
		reply_acl(r, acl, r->bucket.owner);
}

void
op_get_object_acl(struct req *r)
{
	const struct vt_version *v;
	int acls;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	v = object_find(r, 0);
	if (v == NULL)
		return;
	acls = perm_ownership(r, &r->bucket) != OWNERSHIP_ENFORCED;
	if (req_answered(r))
		return;
	meta_version_header(r, v);
	reply_acl(r, acls ? v->acl : "", acls ? v->owner : r->bucket.owner);
}

/* What a PUT ?acl brings: a document or headers, not both; NULL after
 * answering, also that there is nothing to store. */
static const char *
acl_of_request(struct req *r, const char *owner, int is_bucket)
{
	struct vt_acl_users users = users_of(r);
	const char *s3_code = "MalformedACLError", *named, *text;
	enum ownership o = perm_ownership(r, &r->bucket);
	struct vt_xml *root;
	struct vt_acl acl;
	struct vt_err err;
	enum vt_code rc;
	int given;

	if (req_answered(r))
		return NULL;
	/* A document that says what is so anyway is let pass: s3cmd copies
	 * each object's. */
	if (o == OWNERSHIP_ENFORCED) {
		if (r->body_len == 0) {
			req_error(r, "AccessControlListNotSupported", NULL);
			return NULL;
		}
		owner = r->bucket.owner;
	}
	given = acl_from_headers(r, &acl, owner, r->bucket.owner, is_bucket);
	if (given < 0)
		return NULL;
	if (given && r->body_len > 0) {
		req_error(r, "UnexpectedContent", NULL);
		return NULL;
	}
	if (!given && r->body_len == 0) {
		req_error(r, "MissingSecurityHeader", "An ACL is needed, in "
		    "the body or in x-amz-acl or x-amz-grant-... headers");
		return NULL;
	}
	if (!given) {
		root = meta_xml(r, "AccessControlPolicy",
		    "MalformedACLError");
		if (root == NULL)
			return NULL;
		rc = vt_acl_from_xml(&acl, root, &users, &named, &s3_code,
		    &err);
		if (rc != VT_OK) {
			acl_failed(r, rc, s3_code, &err);
			return NULL;
		}
		/* an ACL does not change whose it is */
		if (named != NULL && strcmp(named, owner) != 0) {
			req_error(r, "AccessDenied", "The Owner of an ACL "
			    "cannot be changed");
			return NULL;
		}
	}
	if (o == OWNERSHIP_ENFORCED) {
		if (acl_says_nothing(r, &acl, owner, NULL))
			req_reply_empty(r, 200);
		return NULL;
	}
	text = acl_text(r, &acl, owner);
	return text != NULL && acl_unblocked(r, text) ? text : NULL;
}

void
op_put_bucket_acl(struct req *r)
{
	struct vt_cat_doc *d;
	const char *text;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	text = acl_of_request(r, r->bucket.owner, 1);
	d = req_alloc(r, sizeof(*d));
	if (text == NULL || d == NULL)
		return;
	d->doc = VT_DOC_ACL;
	if (*text != '\0') {
		d->body = text;
		d->len = strlen(text);
	} else if (!doc_exists(r, VT_DOC_ACL)) {
		req_reply_empty(r, 200);
		return;
	}
	doc_store(r, d, 200);
}

static void
put_acl_done(struct vt_cat_op *op)
{
	struct req *r = op->ctx;

	if (op->code == VT_ABSENT)
		req_error(r, "NoSuchKey", NULL);
	else if (op->code != VT_OK)
		req_fail(r, op->code, &op->err);
	else
		req_reply_empty(r, 200);
	req_resume(r);
}

void
op_put_object_acl(struct req *r)
{
	const struct vt_version *v;
	struct vt_cat_op *op;
	const char *text;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	v = object_find(r, 0);
	if (v == NULL)
		return;
	text = acl_of_request(r, v->owner, 0);
	op = req_alloc(r, sizeof(*op));
	if (text == NULL || op == NULL)
		return;
	meta_version_header(r, v);
	op->kind = VT_CAT_META_SET;
	op->u.meta.seq = v->seq;
	op->u.meta.acl = text;
	op->u.meta.lock_mode = op->u.meta.legal_hold = -1;
	op->u.meta.retain_until_us = -1;
	op->done = put_acl_done;
	op->ctx = r;
	req_async(r);
	vt_catalog_submit(r->srv->catalog, op);
}
