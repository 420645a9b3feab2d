/* Buckets and their sub-resources. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/hex.h"
#include "libvt/proto/xml.h"

#include "digest.h"
#include "documents.h"
#include "meta.h"
#include "ops.h"
#include "permissions.h"

#define NEW_DOCS (PERM_NEW_DOCS + 1)
#define BUCKETS_MAX 10000	/* of one answer */

/* --- creating ------------------------------------------------------------- */

static int
looks_like_ip(const char *name)
{
	int dots = 0;

	for (; *name != '\0'; name++) {
		if (*name == '.')
			dots++;
		else if (!isdigit((unsigned char)*name))
			return 0;
	}
	return dots == 3;
}

static int
ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* AWS, "General purpose bucket naming rules". */
static int
good_name(const char *name)
{
	static const char *const starts[] = { "xn--", "sthree-",
	    "amzn-s3-demo-" };
	static const char *const ends[] = { "-s3alias", "--ol-s3", ".mrap",
	    "--x-s3", "--table-s3" };
	size_t len = strlen(name), i;

	if (len < 3 || len > 63)
		return 0;
	for (i = 0; i < len; i++) {
		char c = name[i];
		int edge = i == 0 || i == len - 1;

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			continue;
		if (edge || (c != '-' && c != '.'))
			return 0;
		if (c == '.' && (name[i + 1] == '.' || name[i + 1] == '-' ||
		    name[i - 1] == '-'))
			return 0;
	}
	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncmp(name, starts[i], strlen(starts[i])) == 0)
			return 0;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ends_with(name, ends[i]))
			return 0;
	return !looks_like_ip(name);
}


static void
create_done(struct vt_cat_op *op)
{
	struct req *r = op->ctx;
	const char *region = r->srv->config->region;

	if (op->code == VT_EXISTS && !op->u.bucket_create.same_owner) {
		req_error_detail(r, "BucketName", r->bucket_name);
		req_error(r, "BucketAlreadyExists", NULL);
	} else if (op->code == VT_EXISTS && (strcmp(region, "us-east-1") != 0 ||
	    op->u.bucket_create.b.object_lock))
		/* the bucket there is may have no object lock: say so */
		req_error(r, "BucketAlreadyOwnedByYou", NULL);
	else if (op->code != VT_OK && op->code != VT_EXISTS)
		req_fail(r, op->code, &op->err);
	else {
		/* in us-east-1 its owner may create a bucket again */
		req_set_headerf(r, "Location", "/%s", r->bucket_name);
		req_reply_empty(r, 200);
	}
	req_resume(r);
}

/* The LocationConstraint of the body, "" for none; -1 after answering. */
static int
read_location(struct req *r, const char **location)
{
	const char *region = r->srv->config->region, *text;
	struct vt_xml *root;

	*location = "";
	if (r->body_len == 0)
		return 0;
	root = meta_xml(r, "CreateBucketConfiguration", "MalformedXML");
	if (root == NULL)
		return -1;
	text = vt_xml_child_text(root, "LocationConstraint");
	if (text == NULL || *text == '\0')
		return 0;
	if (strcmp(text, region) != 0) {
		req_error(r, "IllegalLocationConstraintException",
		    "The %.64s location constraint is incompatible for the "
		    "region specific endpoint this request was sent to: this "
		    "is %s.", text, region);
		return -1;
	}
	*location = text;
	return 0;
}

static int
create_allowed(struct req *r)
{
	const char *lock = req_header(r, "x-amz-bucket-object-lock-enabled");

	if (!good_name(r->bucket_name)) {
		req_error_detail(r, "BucketName", r->bucket_name);
		req_error(r, "InvalidBucketName", NULL);
		return 0;
	}
	if (lock != NULL && strcasecmp(lock, "true") != 0 &&
	    strcasecmp(lock, "false") != 0) {
		req_error_detail(r, "ArgumentName",
		    "x-amz-bucket-object-lock-enabled");
		req_error_detail(r, "ArgumentValue", lock);
		req_error(r, "InvalidArgument", NULL);
		return 0;
	}
	return meta_refuse(r) == 0;
}

/* With object lock from the first moment on, when that is asked for. */
static int
create_lock(const struct req *r, struct vt_bucket *b)
{
	const char *lock = req_header(r, "x-amz-bucket-object-lock-enabled");

	if (lock == NULL || strcasecmp(lock, "true") != 0)
		return 0;
	b->object_lock = b->versioning = 1;
	return 1;
}

void
op_create_bucket(struct req *r)
{
	struct vt_cat_doc *docs;
	struct vt_cat_op *op;
	struct vt_bucket *b;
	size_t n;

	if (!create_allowed(r))
		return;
	op = req_alloc(r, sizeof(*op));
	if (op == NULL)
		return;
	b = &op->u.bucket_create.b;
	if (read_location(r, &b->location) < 0)
		return;
	op->kind = VT_CAT_BUCKET_CREATE;
	b->name = r->bucket_name;
	b->owner = r->who.id;
	docs = req_alloc(r, NEW_DOCS * sizeof(*docs));
	if (docs == NULL || perm_new_bucket(r, docs, &n) < 0)
		return;
	if (create_lock(r, b))
		docs[n++] = *lock_first_document();
	op->u.bucket_create.docs = docs;
	op->u.bucket_create.doc_count = n;
	op->done = create_done;
	op->ctx = r;
	req_async(r);
	vt_catalog_submit(r->srv->catalog, op);
}

/* --- one bucket ----------------------------------------------------------- */

static const char *
region_of(const struct req *r)
{
	return *r->bucket.location != '\0' ? r->bucket.location :
	    r->srv->config->region;
}

void
op_head_bucket(struct req *r)
{
	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	req_set_header(r, "x-amz-bucket-region", region_of(r));
	req_set_header(r, "x-amz-access-point-alias", "false");
	req_set_header(r, "Content-Type", "application/xml");
	req_reply_empty(r, 200);
}

static void
delete_done(struct vt_cat_op *op)
{
	struct req *r = op->ctx;

	if (op->code == VT_PRECONDITION)
		req_error(r, "BucketNotEmpty", NULL);
	else if (op->code == VT_ABSENT)
		req_error(r, "NoSuchBucket", NULL);
	else if (op->code != VT_OK)
		req_fail(r, op->code, &op->err);
	else
		req_reply_empty(r, 204);
	req_resume(r);
}

void
op_delete_bucket(struct req *r)
{
	struct vt_cat_op *op;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	op = req_alloc(r, sizeof(*op));
	if (op == NULL)
		return;
	op->kind = VT_CAT_BUCKET_DELETE;
	op->u.bucket_delete.name = r->bucket_name;
	op->u.bucket_delete.id = r->bucket.id;
	op->done = delete_done;
	op->ctx = r;
	req_async(r);
	vt_catalog_submit(r->srv->catalog, op);
}

/* An answer of one document; the buffer is released. */
static void
reply_document(struct req *r, struct vt_buf *b)
{
	req_reply_xml(r, 200, b);
	vt_buf_release(b);
}

static void
begin_document(struct vt_buf *b, const char *root)
{
	vt_buf_init(b, DOCUMENT_MAX);
	vt_xml_decl(b);
	vt_xml_open_ns(b, root);
}

void
op_get_bucket_location(struct req *r)
{
	const char *location = region_of(r);
	struct vt_buf b;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	/* us-east-1 is the empty constraint, unless it was asked for */
	if (*r->bucket.location == '\0' && strcmp(location, "us-east-1") == 0)
		location = "";
	begin_document(&b, "LocationConstraint");
	vt_xml_escape(&b, location, strlen(location));
	vt_xml_close(&b, "LocationConstraint");
	reply_document(r, &b);
}

void
op_get_bucket_versioning(struct req *r)
{
	struct vt_buf b;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	begin_document(&b, "VersioningConfiguration");
	if (r->bucket.versioning != 0)
		vt_xml_text(&b, "Status", r->bucket.versioning == 1 ?
		    "Enabled" : "Suspended");
	vt_xml_close(&b, "VersioningConfiguration");
	reply_document(r, &b);
}

/* --- versioning ----------------------------------------------------------- */

static void
versioning_done(struct vt_cat_op *op)
{
	struct req *r = op->ctx;

	if (op->code == VT_ABSENT)
		req_error(r, "NoSuchBucket", NULL);
	else if (op->code == VT_PRECONDITION)
		req_error(r, "InvalidBucketState", "An Object Lock "
		    "configuration is present on this bucket, so the "
		    "versioning state cannot be changed.");
	else if (op->code != VT_OK)
		req_fail(r, op->code, &op->err);
	else
		req_reply_empty(r, 200);
	req_resume(r);
}

void
op_put_bucket_versioning(struct req *r)
{
	const char *status, *mfa;
	struct vt_cat_op *op;
	struct vt_xml *root;
	int state;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	if (digest_body(r, 0) < 0)
		return;
	root = meta_xml(r, "VersioningConfiguration", "MalformedXML");
	if (root == NULL)
		return;
	mfa = vt_xml_child_text(root, "MfaDelete");
	if (mfa != NULL && strcmp(mfa, "Enabled") == 0) {
		req_error(r, "NotImplemented",
		    "MFA delete is not implemented");
		return;
	}
	status = vt_xml_child_text(root, "Status");
	if (status != NULL && strcmp(status, "Enabled") == 0)
		state = 1;
	else if (status != NULL && strcmp(status, "Suspended") == 0)
		state = 2;
	else {
		req_error(r, status == NULL ?
		    "IllegalVersioningConfigurationException" :
		    "MalformedXML", "The Status must be Enabled or "
		    "Suspended");
		return;
	}
	op = req_alloc(r, sizeof(*op));
	if (op == NULL)
		return;
	op->kind = VT_CAT_VERSIONING_SET;
	op->u.versioning.bucket_id = r->bucket.id;
	op->u.versioning.state = state;
	op->done = versioning_done;
	op->ctx = r;
	req_async(r);
	vt_catalog_submit(r->srv->catalog, op);
}

void
op_absent_document(struct req *r)
{
	/* what AWS answers for a bucket that never had the document: an
	 * error, or an empty document (root, and for one of them its text) */
	static const struct {
		const char *query, *error, *root, *child, *text;
	} documents[] = {
		{ "website", "NoSuchWebsiteConfiguration", NULL, NULL, NULL },
		{ "replication", "ReplicationConfigurationNotFoundError",
		    NULL, NULL, NULL },
		{ "logging", NULL, "BucketLoggingStatus", NULL, NULL },
		{ "accelerate", NULL, "AccelerateConfiguration", NULL,
		    NULL },
		{ "requestPayment", NULL, "RequestPaymentConfiguration",
		    "Payer", "BucketOwner" }
	};
	struct vt_buf b;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]);
	    i++) {
		if (req_query(r, documents[i].query) == NULL)
			continue;
		if (documents[i].error != NULL) {
			req_error_detail(r, "BucketName", r->bucket_name);
			req_error(r, documents[i].error, NULL);
			return;
		}
		begin_document(&b, documents[i].root);
		if (documents[i].child != NULL)
			vt_xml_text(&b, documents[i].child,
			    documents[i].text);
		vt_xml_close(&b, documents[i].root);
		reply_document(r, &b);
		return;
	}
	req_error(r, "NotImplemented", NULL);
}

/* --- all buckets ---------------------------------------------------------- */

struct buckets {
	struct req *r;
	const char *prefix, *after;
	unsigned max, count;
	int more;
	char last[64];
	struct vt_buf items;
};

static int
visit_bucket(void *ctx, const struct vt_bucket *b)
{
	struct buckets *s = ctx;

	if (strncmp(b->name, s->prefix, strlen(s->prefix)) != 0 ||
	    strcmp(b->name, s->after) <= 0 ||
	    (!s->r->who.is_root && strcmp(b->owner, s->r->who.id) != 0))
		return 0;
	if (s->count == s->max) {
		s->more = 1;
		return 1;
	}
	s->count++;
	vt_xml_open(&s->items, "Bucket");
	vt_xml_text(&s->items, "Name", b->name);
	meta_time_xml(&s->items, "CreationDate", b->created_us);
	vt_xml_text(&s->items, "BucketRegion", *b->location != '\0' ?
	    b->location : s->r->srv->config->region);
	vt_xml_close(&s->items, "Bucket");
	if (strlen(b->name) < sizeof(s->last))
		strcpy(s->last, b->name);
	return 0;
}

/* A token is base64 of the name to go on after. */
static int
read_token(struct req *r, const char **after)
{
	const char *token = req_query(r, "continuation-token");
	char *name;
	int len;

	*after = "";
	if (token == NULL || *token == '\0')
		return 0;
	name = req_alloc(r, 64);
	if (name == NULL)
		return -1;
	len = vt_b64_decode(token, strlen(token), name, 63);
	if (len < 0) {
		req_error(r, "InvalidArgument",
		    "The continuation token provided is incorrect");
		return -1;
	}
	*after = name;
	return 0;
}

void
op_list_buckets(struct req *r)
{
	struct buckets s = { .r = r };
	const char *prefix = req_query(r, "prefix");
	const char *region = req_query(r, "bucket-region");
	char token[96];
	struct vt_err err;
	struct vt_buf b;
	enum vt_code rc;

	if (meta_count(r, "max-buckets", BUCKETS_MAX, BUCKETS_MAX,
	    &s.max) < 0 || read_token(r, &s.after) < 0)
		return;
	if (s.max == 0) {
		req_error(r, "InvalidArgument", "Argument max-buckets must "
		    "be an integer between 1 and %d", BUCKETS_MAX);
		return;
	}
	s.prefix = prefix != NULL ? prefix : "";
	vt_buf_init(&s.items, 16 << 20);
	if (region == NULL || strcmp(region, r->srv->config->region) == 0) {
		rc = vt_catalog_buckets(r->srv->catalog, r->arena,
		    visit_bucket, &s, &err);
		/* stopping early is no failure */
		if (rc != VT_OK && !(rc == VT_CANCELLED && s.more)) {
			req_fail(r, rc, &err);
			goto out;
		}
	}
	vt_buf_init(&b, 17 << 20);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, "ListAllMyBucketsResult");
	meta_owner_xml(&b, "Owner", r->srv, r->who.id);
	vt_xml_open(&b, "Buckets");
	vt_buf_add(&b, s.items.data, s.items.len);
	vt_xml_close(&b, "Buckets");
	if (prefix != NULL)
		vt_xml_text(&b, "Prefix", prefix);
	if (s.more) {
		vt_b64_encode(s.last, strlen(s.last), token);
		vt_xml_text(&b, "ContinuationToken", token);
	}
	vt_xml_close(&b, "ListAllMyBucketsResult");
	reply_document(r, &b);
out:
	vt_buf_release(&s.items);
}
