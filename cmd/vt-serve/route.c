/*
 * Method, path and query to operation: see route.h.
 *
 * A request is looked at in this order: how deep it goes (service, bucket,
 * object), the sub-resource its query names, then the method.  A sub-resource
 * that S3 has and we do not serve is refused by name: DELETE ?policy must
 * never delete the bucket.
 */
#include <string.h>
#include <strings.h>

#include "libvt/base/uri.h"

#include "ops.h"
#include "route.h"

enum level { SERVICE, BUCKET, OBJECT };

enum {
	O_NONE,
	O_LIST_BUCKETS, O_CREATE_BUCKET, O_HEAD_BUCKET, O_DELETE_BUCKET,
	O_GET_LOCATION, O_GET_VERSIONING, O_PUT_VERSIONING, O_GET_BUCKET_ACL,
	O_PUT_BUCKET_ACL, O_LIST_OBJECTS, O_LIST_OBJECTS_V2, O_LIST_VERSIONS,
	O_LIST_UPLOADS, O_DELETE_OBJECTS, O_GET_OBJECT, O_HEAD_OBJECT,
	O_DELETE_OBJECT, O_PUT_OBJECT, O_COPY_OBJECT, O_GET_OBJECT_ACL,
	O_PUT_OBJECT_ACL, O_GET_OBJECT_TAGS, O_PUT_OBJECT_TAGS,
	O_DELETE_OBJECT_TAGS, O_GET_ATTRIBUTES, O_CREATE_UPLOAD,
	O_UPLOAD_PART, O_UPLOAD_PART_COPY, O_COMPLETE_UPLOAD, O_ABORT_UPLOAD,
	O_LIST_PARTS, O_RESTORE_OBJECT, O_GET_TORRENT,
	O_GET_ACCELERATE, O_GET_LOGGING,
	O_GET_REPLICATION, O_GET_PAYMENT, O_GET_WEBSITE, O_GET_POLICY_STATUS,
	O_GET_CORS, O_PUT_CORS, O_DELETE_CORS,
	O_GET_ENCRYPTION, O_PUT_ENCRYPTION, O_DELETE_ENCRYPTION,
	O_GET_LIFECYCLE, O_PUT_LIFECYCLE, O_DELETE_LIFECYCLE,
	O_GET_NOTIFICATION, O_PUT_NOTIFICATION, O_GET_OBJECT_LOCK,
	O_PUT_OBJECT_LOCK, O_GET_OWNERSHIP, O_PUT_OWNERSHIP,
	O_DELETE_OWNERSHIP, O_GET_POLICY, O_PUT_POLICY, O_DELETE_POLICY,
	O_GET_PUBLIC_ACCESS, O_PUT_PUBLIC_ACCESS, O_DELETE_PUBLIC_ACCESS,
	O_GET_TAGGING, O_PUT_TAGGING, O_DELETE_TAGGING,
	O_GET_RETENTION, O_PUT_RETENTION, O_GET_LEGAL_HOLD, O_PUT_LEGAL_HOLD,
	O_PREFLIGHT, O_POST_OBJECT,
	O_COUNT
};

static const struct op ops[O_COUNT] = {
	[O_LIST_BUCKETS] = { .name = "ListBuckets",
	    .action = "s3:ListAllMyBuckets",
	    .flags = OP_NO_BUCKET,
	    .run = op_list_buckets },
	[O_CREATE_BUCKET] = { .name = "CreateBucket",
	    .action = "s3:CreateBucket",
	    .flags = OP_XML | OP_NO_BUCKET,
	    .run = op_create_bucket },
	[O_HEAD_BUCKET] = { .name = "HeadBucket",
	    .action = "s3:ListBucket", .run = op_head_bucket },
	[O_DELETE_BUCKET] = { .name = "DeleteBucket",
	    .action = "s3:DeleteBucket", .run = op_delete_bucket },
	[O_GET_LOCATION] = { .name = "GetBucketLocation",
	    .action = "s3:GetBucketLocation",
	    .run = op_get_bucket_location },
	[O_GET_VERSIONING] = { .name = "GetBucketVersioning",
	    .action = "s3:GetBucketVersioning",
	    .run = op_get_bucket_versioning },
	[O_PUT_VERSIONING] = { .name = "PutBucketVersioning",
	    .action = "s3:PutBucketVersioning",
	    .flags = OP_XML,
	    .run = op_put_bucket_versioning },
	[O_GET_BUCKET_ACL] = { .name = "GetBucketAcl",
	    .action = "s3:GetBucketAcl", .run = op_get_bucket_acl },
	[O_PUT_BUCKET_ACL] = { .name = "PutBucketAcl",
	    .action = "s3:PutBucketAcl",
	    .flags = OP_XML,
	    .run = op_put_bucket_acl },
	[O_LIST_OBJECTS] = { .name = "ListObjects",
	    .action = "s3:ListBucket",
	    .flags = OP_WORKER,
	    .run = op_list_objects },
	[O_LIST_OBJECTS_V2] = { .name = "ListObjectsV2",
	    .action = "s3:ListBucket",
	    .flags = OP_WORKER,
	    .run = op_list_objects_v2 },
	[O_LIST_VERSIONS] = { .name = "ListObjectVersions",
	    .action = "s3:ListBucketVersions",
	    .flags = OP_WORKER,
	    .run = op_list_versions },
	[O_LIST_UPLOADS] = { .name = "ListMultipartUploads",
	    .action = "s3:ListBucketMultipartUploads",
	    .flags = OP_WORKER,
	    .run = op_list_uploads },
	[O_DELETE_OBJECTS] = { .name = "DeleteObjects",
	    .action = "",
	    .flags = OP_XML | OP_WORKER,
	    .run = op_delete_objects },
	[O_GET_OBJECT] = { .name = "GetObject",
	    .action = "s3:GetObject",
	    .version_action = "s3:GetObjectVersion",
	    .run = op_get_object },
	[O_HEAD_OBJECT] = { .name = "HeadObject",
	    .action = "s3:GetObject",
	    .version_action = "s3:GetObjectVersion",
	    .run = op_head_object },
	[O_DELETE_OBJECT] = { .name = "DeleteObject",
	    .action = "s3:DeleteObject",
	    .version_action = "s3:DeleteObjectVersion",
	    .run = op_delete_object },
	[O_PUT_OBJECT] = { .name = "PutObject",
	    .action = "s3:PutObject",
	    .flags = OP_STREAM,
	    .run = op_put_object,
	    .open = op_put_object_open,
	    .write = op_put_object_write },
	[O_COPY_OBJECT] = { .name = "CopyObject",
	    .action = "s3:PutObject",
	    .flags = OP_WORKER,
	    .run = op_copy_object },
	[O_GET_OBJECT_ACL] = { .name = "GetObjectAcl",
	    .action = "s3:GetObjectAcl",
	    .version_action = "s3:GetObjectVersionAcl",
	    .run = op_get_object_acl },
	[O_PUT_OBJECT_ACL] = { .name = "PutObjectAcl",
	    .action = "s3:PutObjectAcl",
	    .version_action = "s3:PutObjectVersionAcl",
	    .flags = OP_XML,
	    .run = op_put_object_acl },
	[O_GET_OBJECT_TAGS] = { .name = "GetObjectTagging",
	    .action = "s3:GetObjectTagging",
	    .version_action = "s3:GetObjectVersionTagging",
	    .run = op_get_object_tagging },
	[O_PUT_OBJECT_TAGS] = { .name = "PutObjectTagging",
	    .action = "s3:PutObjectTagging",
	    .version_action = "s3:PutObjectVersionTagging",
	    .flags = OP_XML,
	    .run = op_put_object_tagging },
	[O_DELETE_OBJECT_TAGS] = { .name = "DeleteObjectTagging",
	    .action = "s3:DeleteObjectTagging",
	    .version_action = "s3:DeleteObjectVersionTagging",
	    .run = op_delete_object_tagging },
	[O_GET_ATTRIBUTES] = { .name = "GetObjectAttributes",
	    .action = "s3:GetObjectAttributes",
	    .version_action = "s3:GetObjectVersionAttributes",
	    .run = op_get_object_attributes },
	[O_CREATE_UPLOAD] = { .name = "CreateMultipartUpload",
	    .action = "s3:PutObject", .run = op_create_upload },
	[O_UPLOAD_PART] = { .name = "UploadPart",
	    .action = "s3:PutObject",
	    .flags = OP_STREAM,
	    .run = op_upload_part,
	    .open = op_upload_part_open,
	    .write = op_upload_part_write },
	[O_UPLOAD_PART_COPY] = { .name = "UploadPartCopy",
	    .action = "s3:PutObject",
	    .flags = OP_WORKER,
	    .run = op_upload_part_copy },
	[O_COMPLETE_UPLOAD] = { .name = "CompleteMultipartUpload",
	    .action = "s3:PutObject",
	    .flags = OP_XML | OP_WORKER,
	    .run = op_complete_upload },
	[O_ABORT_UPLOAD] = { .name = "AbortMultipartUpload",
	    .action = "s3:AbortMultipartUpload",
	    .run = op_abort_upload },
	[O_LIST_PARTS] = { .name = "ListParts",
	    .action = "s3:ListMultipartUploadParts",
	    .flags = OP_WORKER,
	    .run = op_list_parts },
	[O_GET_TORRENT] = { .name = "GetObjectTorrent",
	    .action = "s3:GetObjectTorrent",
	    .version_action = "s3:GetObjectVersionTorrent",
	    .run = op_get_object_torrent },
	[O_RESTORE_OBJECT] = { .name = "RestoreObject",
	    .action = "s3:RestoreObject",
	    .flags = OP_XML,
	    .run = op_restore_object },
	[O_GET_ACCELERATE] = { .name = "GetBucketAccelerateConfiguration",
	    .action = "s3:GetAccelerateConfiguration",
	    .run = op_absent_document },
	[O_GET_LOGGING] = { .name = "GetBucketLogging",
	    .action = "s3:GetBucketLogging", .run = op_absent_document },
	[O_GET_REPLICATION] = { .name = "GetBucketReplication",
	    .action = "s3:GetReplicationConfiguration",
	    .run = op_absent_document },
	[O_GET_PAYMENT] = { .name = "GetBucketRequestPayment",
	    .action = "s3:GetBucketRequestPayment",
	    .run = op_absent_document },
	[O_GET_WEBSITE] = { .name = "GetBucketWebsite",
	    .action = "s3:GetBucketWebsite", .run = op_absent_document },
	[O_GET_POLICY_STATUS] = { .name = "GetBucketPolicyStatus",
	    .action = "s3:GetBucketPolicyStatus",
	    .run = op_get_bucket_policy_status },
	[O_GET_CORS] = { .name = "GetBucketCors",
	    .action = "s3:GetBucketCORS",
	    .doc = VT_DOC_CORS,
	    .run = op_get_document },
	[O_PUT_CORS] = { .name = "PutBucketCors",
	    .action = "s3:PutBucketCORS",
	    .flags = OP_XML, .doc = VT_DOC_CORS,
	    .run = op_put_document },
	[O_DELETE_CORS] = { .name = "DeleteBucketCors",
	    .action = "s3:PutBucketCORS",
	    .doc = VT_DOC_CORS,
	    .run = op_delete_document },
	[O_GET_ENCRYPTION] = { .name = "GetBucketEncryption",
	    .action = "s3:GetEncryptionConfiguration",
	    .doc = VT_DOC_ENCRYPTION,
	    .run = op_get_document },
	[O_PUT_ENCRYPTION] = { .name = "PutBucketEncryption",
	    .action = "s3:PutEncryptionConfiguration",
	    .flags = OP_XML, .doc = VT_DOC_ENCRYPTION,
	    .run = op_put_document },
	[O_DELETE_ENCRYPTION] = { .name = "DeleteBucketEncryption",
	    .action = "s3:PutEncryptionConfiguration",
	    .doc = VT_DOC_ENCRYPTION,
	    .run = op_delete_document },
	[O_GET_LIFECYCLE] = { .name = "GetBucketLifecycleConfiguration",
	    .action = "s3:GetLifecycleConfiguration",
	    .doc = VT_DOC_LIFECYCLE,
	    .run = op_get_document },
	[O_PUT_LIFECYCLE] = { .name = "PutBucketLifecycleConfiguration",
	    .action = "s3:PutLifecycleConfiguration",
	    .flags = OP_XML, .doc = VT_DOC_LIFECYCLE,
	    .run = op_put_document },
	[O_DELETE_LIFECYCLE] = { .name = "DeleteBucketLifecycle",
	    .action = "s3:PutLifecycleConfiguration",
	    .doc = VT_DOC_LIFECYCLE,
	    .run = op_delete_document },
	[O_GET_NOTIFICATION] = { .name = "GetBucketNotificationConfiguration",
	    .action = "s3:GetBucketNotification",
	    .doc = VT_DOC_NOTIFICATION,
	    .run = op_get_document },
	[O_PUT_NOTIFICATION] = { .name = "PutBucketNotificationConfiguration",
	    .action = "s3:PutBucketNotification",
	    .flags = OP_XML, .doc = VT_DOC_NOTIFICATION,
	    .run = op_put_document },
	[O_GET_OBJECT_LOCK] = { .name = "GetObjectLockConfiguration",
	    .action = "s3:GetBucketObjectLockConfiguration",
	    .doc = VT_DOC_OBJECT_LOCK,
	    .run = op_get_document },
	[O_PUT_OBJECT_LOCK] = { .name = "PutObjectLockConfiguration",
	    .action = "s3:PutBucketObjectLockConfiguration",
	    .flags = OP_XML, .doc = VT_DOC_OBJECT_LOCK,
	    .run = op_put_object_lock },
	[O_GET_OWNERSHIP] = { .name = "GetBucketOwnershipControls",
	    .action = "s3:GetBucketOwnershipControls",
	    .doc = VT_DOC_OWNERSHIP,
	    .run = op_get_document },
	[O_PUT_OWNERSHIP] = { .name = "PutBucketOwnershipControls",
	    .action = "s3:PutBucketOwnershipControls",
	    .flags = OP_XML, .doc = VT_DOC_OWNERSHIP,
	    .run = op_put_document },
	[O_DELETE_OWNERSHIP] = { .name = "DeleteBucketOwnershipControls",
	    .action = "s3:PutBucketOwnershipControls",
	    .doc = VT_DOC_OWNERSHIP,
	    .run = op_delete_document },
	[O_GET_POLICY] = { .name = "GetBucketPolicy",
	    .action = "s3:GetBucketPolicy",
	    .doc = VT_DOC_POLICY,
	    .run = op_get_document },
	[O_PUT_POLICY] = { .name = "PutBucketPolicy",
	    .action = "s3:PutBucketPolicy",
	    .flags = OP_XML, .doc = VT_DOC_POLICY,
	    .run = op_put_document },
	[O_DELETE_POLICY] = { .name = "DeleteBucketPolicy",
	    .action = "s3:DeleteBucketPolicy",
	    .doc = VT_DOC_POLICY,
	    .run = op_delete_document },
	[O_GET_PUBLIC_ACCESS] = { .name = "GetPublicAccessBlock",
	    .action = "s3:GetBucketPublicAccessBlock",
	    .doc = VT_DOC_PUBLIC_ACCESS,
	    .run = op_get_document },
	[O_PUT_PUBLIC_ACCESS] = { .name = "PutPublicAccessBlock",
	    .action = "s3:PutBucketPublicAccessBlock",
	    .flags = OP_XML, .doc = VT_DOC_PUBLIC_ACCESS,
	    .run = op_put_document },
	[O_DELETE_PUBLIC_ACCESS] = { .name = "DeletePublicAccessBlock",
	    .action = "s3:PutBucketPublicAccessBlock",
	    .doc = VT_DOC_PUBLIC_ACCESS,
	    .run = op_delete_document },
	[O_GET_TAGGING] = { .name = "GetBucketTagging",
	    .action = "s3:GetBucketTagging",
	    .doc = VT_DOC_TAGGING,
	    .run = op_get_document },
	[O_PUT_TAGGING] = { .name = "PutBucketTagging",
	    .action = "s3:PutBucketTagging",
	    .flags = OP_XML, .doc = VT_DOC_TAGGING,
	    .run = op_put_document },
	[O_DELETE_TAGGING] = { .name = "DeleteBucketTagging",
	    .action = "s3:PutBucketTagging",
	    .doc = VT_DOC_TAGGING,
	    .run = op_delete_document },
	[O_GET_RETENTION] = { .name = "GetObjectRetention",
	    .action = "s3:GetObjectRetention",
	    .run = op_get_object_retention },
	[O_PUT_RETENTION] = { .name = "PutObjectRetention",
	    .action = "s3:PutObjectRetention",
	    .flags = OP_XML,
	    .run = op_put_object_retention },
	[O_GET_LEGAL_HOLD] = { .name = "GetObjectLegalHold",
	    .action = "s3:GetObjectLegalHold",
	    .run = op_get_object_legal_hold },
	[O_PUT_LEGAL_HOLD] = { .name = "PutObjectLegalHold",
	    .action = "s3:PutObjectLegalHold",
	    .flags = OP_XML,
	    .run = op_put_object_legal_hold },
	[O_PREFLIGHT] = { .name = "Preflight",
	    .action = "",
	    .flags = OP_OPEN,
	    .run = op_preflight },
	[O_POST_OBJECT] = { .name = "PostObject",
	    .action = "s3:PutObject",
	    .flags = OP_STREAM | OP_FORM,
	    .run = op_post_object,
	    .open = op_post_object_open,
	    .write = op_post_object_write },
};

/*
 * What a query parameter may make of a request.  Methods without an operation
 * here are MethodNotAllowed where S3 has none either, else NotImplemented.
 */
struct sub {
	const char *name;
	enum level level;
	int complete;		/* we serve every method S3 has */
	unsigned char get, put, post, delete;	/* numbers of operations */
};

static const struct sub subs[] = {
	{ "acl", BUCKET, 1, .get = O_GET_BUCKET_ACL,
	    .put = O_PUT_BUCKET_ACL },
	{ "delete", BUCKET, 1, .post = O_DELETE_OBJECTS },
	{ "location", BUCKET, 1, .get = O_GET_LOCATION },
	{ "uploads", BUCKET, 1, .get = O_LIST_UPLOADS },
	{ "versioning", BUCKET, 1, .get = O_GET_VERSIONING,
	    .put = O_PUT_VERSIONING },
	{ "versions", BUCKET, 1, .get = O_LIST_VERSIONS },

	/* Documents a bucket may have: documents.c. */
	{ "cors", BUCKET, 1, .get = O_GET_CORS, .put = O_PUT_CORS,
	    .delete = O_DELETE_CORS },
	{ "encryption", BUCKET, 1, .get = O_GET_ENCRYPTION,
	    .put = O_PUT_ENCRYPTION, .delete = O_DELETE_ENCRYPTION },
	{ "lifecycle", BUCKET, 1, .get = O_GET_LIFECYCLE,
	    .put = O_PUT_LIFECYCLE, .delete = O_DELETE_LIFECYCLE },
	{ "notification", BUCKET, 1, .get = O_GET_NOTIFICATION,
	    .put = O_PUT_NOTIFICATION },
	{ "object-lock", BUCKET, 1, .get = O_GET_OBJECT_LOCK,
	    .put = O_PUT_OBJECT_LOCK },
	{ "ownershipControls", BUCKET, 1, .get = O_GET_OWNERSHIP,
	    .put = O_PUT_OWNERSHIP, .delete = O_DELETE_OWNERSHIP },
	{ "policy", BUCKET, 1, .get = O_GET_POLICY, .put = O_PUT_POLICY,
	    .delete = O_DELETE_POLICY },
	{ "policyStatus", BUCKET, 1, .get = O_GET_POLICY_STATUS },
	{ "publicAccessBlock", BUCKET, 1, .get = O_GET_PUBLIC_ACCESS,
	    .put = O_PUT_PUBLIC_ACCESS, .delete = O_DELETE_PUBLIC_ACCESS },
	{ "tagging", BUCKET, 1, .get = O_GET_TAGGING, .put = O_PUT_TAGGING,
	    .delete = O_DELETE_TAGGING },

	/* Documents it never has here. */
	{ "accelerate", BUCKET, 0, .get = O_GET_ACCELERATE },
	{ "logging", BUCKET, 0, .get = O_GET_LOGGING },
	{ "replication", BUCKET, 0, .get = O_GET_REPLICATION },
	{ "requestPayment", BUCKET, 0, .get = O_GET_PAYMENT },
	{ "website", BUCKET, 0, .get = O_GET_WEBSITE },

	{ "abac", BUCKET, 0, .get = O_NONE },
	{ "analytics", BUCKET, 0, .get = O_NONE },
	{ "intelligent-tiering", BUCKET, 0, .get = O_NONE },
	{ "inventory", BUCKET, 0, .get = O_NONE },
	{ "metadataAnnotationTable", BUCKET, 0, .get = O_NONE },
	{ "metadataConfiguration", BUCKET, 0, .get = O_NONE },
	{ "metadataInventoryTable", BUCKET, 0, .get = O_NONE },
	{ "metadataJournalTable", BUCKET, 0, .get = O_NONE },
	{ "metadataTable", BUCKET, 0, .get = O_NONE },
	{ "metrics", BUCKET, 0, .get = O_NONE },
	{ "session", BUCKET, 0, .get = O_NONE },

	{ "acl", OBJECT, 1, .get = O_GET_OBJECT_ACL,
	    .put = O_PUT_OBJECT_ACL },
	{ "uploadId", OBJECT, 1, .get = O_LIST_PARTS, .put = O_UPLOAD_PART,
	    .post = O_COMPLETE_UPLOAD, .delete = O_ABORT_UPLOAD },
	{ "uploads", OBJECT, 1, .post = O_CREATE_UPLOAD },
	{ "restore", OBJECT, 1, .post = O_RESTORE_OBJECT },
	{ "attributes", OBJECT, 1, .get = O_GET_ATTRIBUTES },
	{ "tagging", OBJECT, 1, .get = O_GET_OBJECT_TAGS,
	    .put = O_PUT_OBJECT_TAGS, .delete = O_DELETE_OBJECT_TAGS },
	{ "legal-hold", OBJECT, 1, .get = O_GET_LEGAL_HOLD,
	    .put = O_PUT_LEGAL_HOLD },
	{ "retention", OBJECT, 1, .get = O_GET_RETENTION,
	    .put = O_PUT_RETENTION },

	{ "annotation", OBJECT, 0, .get = O_NONE },
	{ "encryption", OBJECT, 0, .get = O_NONE },
	{ "renameObject", OBJECT, 0, .get = O_NONE },
	{ "select", OBJECT, 0, .get = O_NONE },
	{ "torrent", OBJECT, 1, .get = O_GET_TORRENT },
};

const struct op *
route_ops(size_t *count)
{
	*count = O_COUNT - 1;
	return ops + 1;
}

static const struct sub *
find_sub(enum level level, const struct vt_query *q, size_t count)
{
	size_t i, j;

	for (i = 0; i < count; i++)
		for (j = 0; j < sizeof(subs) / sizeof(subs[0]); j++)
			if (subs[j].name[0] == q[i].name[0] &&
			    subs[j].level == level &&
			    strcmp(subs[j].name, q[i].name) == 0)
				return &subs[j];
	return NULL;
}

static const struct op *
refuse(const char **s3_code, const char *code)
{
	*s3_code = code;
	return NULL;
}

static const struct op *
find_in_sub(const struct sub *s, const char *method, int is_copy,
    const char **s3_code)
{
	unsigned number = O_NONE;

	if (strcmp(method, "GET") == 0)
		number = s->get;
	else if (strcmp(method, "PUT") == 0)
		number = s->put;
	else if (strcmp(method, "POST") == 0)
		number = s->post;
	else if (strcmp(method, "DELETE") == 0)
		number = s->delete;
	if (number == O_UPLOAD_PART && is_copy)
		number = O_UPLOAD_PART_COPY;
	if (number == O_NONE)
		return refuse(s3_code,
		    s->complete ? "MethodNotAllowed" : "NotImplemented");
	return &ops[number];
}

static const struct op *
find_object(const char *method, const struct vt_query *q, size_t count,
    int is_copy, const char **s3_code)
{
	if (strcmp(method, "GET") == 0)
		return &ops[O_GET_OBJECT];
	if (strcmp(method, "PUT") == 0) {
		/* A part without its upload must not become the object. */
		if (vt_query_get(q, count, "partNumber") != NULL)
			return refuse(s3_code, "InvalidArgument");
		return is_copy ? &ops[O_COPY_OBJECT] : &ops[O_PUT_OBJECT];
	}
	if (strcmp(method, "DELETE") == 0)
		return &ops[O_DELETE_OBJECT];
	return refuse(s3_code, "MethodNotAllowed");
}

static const struct op *
find_bucket(const char *method, const struct vt_query *q, size_t count,
    const char **s3_code)
{
	const char *type;

	if (strcmp(method, "GET") == 0) {
		type = vt_query_get(q, count, "list-type");
		if (type == NULL || strcmp(type, "1") == 0)
			return &ops[O_LIST_OBJECTS];
		if (strcmp(type, "2") == 0)
			return &ops[O_LIST_OBJECTS_V2];
		return refuse(s3_code, "InvalidArgument");
	}
	if (strcmp(method, "PUT") == 0)
		return &ops[O_CREATE_BUCKET];
	if (strcmp(method, "DELETE") == 0)
		return &ops[O_DELETE_BUCKET];
	if (strcmp(method, "POST") == 0)
		return &ops[O_POST_OBJECT];
	return refuse(s3_code, "MethodNotAllowed");
}

const struct op *
route_find(const char *method, int has_bucket, int has_key,
    const struct vt_query *query, size_t query_count, int is_copy,
    const char **s3_code)
{
	enum level level;
	const struct sub *s;

	*s3_code = NULL;
	level = !has_bucket ? SERVICE : !has_key ? BUCKET : OBJECT;
	if (level == SERVICE) {
		if (strcmp(method, "GET") == 0)
			return &ops[O_LIST_BUCKETS];
		return refuse(s3_code, "MethodNotAllowed");
	}
	/* HEAD has no sub-resources: it asks for the thing itself. */
	if (strcmp(method, "HEAD") == 0)
		return &ops[level == BUCKET ? O_HEAD_BUCKET : O_HEAD_OBJECT];
	/* Nor has a browser's question: it is about the method to come. */
	if (strcmp(method, "OPTIONS") == 0)
		return &ops[O_PREFLIGHT];
	s = find_sub(level, query, query_count);
	if (s != NULL)
		return find_in_sub(s, method, is_copy, s3_code);
	if (level == BUCKET)
		return find_bucket(method, query, query_count, s3_code);
	return find_object(method, query, query_count, is_copy, s3_code);
}

/* Length of the host's bucket label(s) in virtual-host style, or 0. */
static size_t
host_bucket(const char *host, const char *domain)
{
	size_t len, dlen;

	if (host == NULL || domain == NULL || *host == '[')
		return 0;
	len = strcspn(host, ":");
	dlen = strlen(domain);
	if (len < dlen + 2 || host[len - dlen - 1] != '.' ||
	    strncasecmp(host + len - dlen, domain, dlen) != 0)
		return 0;
	return len - dlen - 1;
}

static enum vt_code
decode(struct vt_arena *a, const char *raw, size_t raw_len,
    const char **out, size_t *len, struct vt_err *err)
{
	char *text;
	long n;

	text = vt_arena_dup(a, raw, raw_len);
	if (text == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for the path");
	n = vt_uri_decode(text, raw_len, 0);
	if (n < 0)
		return vt_fail(err, VT_INVALID,
		    "the path holds a broken escape");
	if (memchr(text, '\0', (size_t)n) != NULL)
		return vt_fail(err, VT_INVALID, "the path holds %%00");
	text[n] = '\0';
	*out = text;
	*len = (size_t)n;
	return VT_OK;
}

enum vt_code
route_check_key(const char *key, size_t len, struct vt_err *err)
{
	if (len > VT_KEY_MAX)
		return vt_fail(err, VT_TOO_LARGE,
		    "the key has %zu bytes, over %d", len, VT_KEY_MAX);
	if (memchr(key, '\0', len) != NULL)
		return vt_fail(err, VT_INVALID, "the key holds a NUL");
	/* A listing could not tell it. */
	if (!vt_utf8_valid(key, len))
		return vt_fail(err, VT_INVALID, "the key is not UTF-8");
	return VT_OK;
}

enum vt_code
route_split(struct vt_arena *a, const char *host, const char *domain,
    const char *raw_path, const char **bucket, const char **key,
    size_t *key_len, struct vt_err *err)
{
	size_t n, bucket_len;
	enum vt_code rc;
	char *name;

	*bucket = NULL;
	*key = NULL;
	*key_len = 0;
	if (*raw_path != '/')
		return vt_fail(err, VT_INVALID,
		    "the path does not begin with '/'");
	raw_path++;
	n = host_bucket(host, domain);
	if (n > 0) {
		name = vt_arena_dup(a, host, n);
		if (name == NULL)
			return vt_fail(err, VT_NOMEM,
			    "no memory for the path");
		*bucket = name;
		/* Host names have no case, bucket names are lower case. */
		for (; *name != '\0'; name++)
			if (*name >= 'A' && *name <= 'Z')
				*name = (char)(*name - 'A' + 'a');
	} else {
		n = strcspn(raw_path, "/");
		if (n == 0 && raw_path[n] == '\0')
			return VT_OK;
		rc = decode(a, raw_path, n, bucket, &bucket_len, err);
		if (rc != VT_OK)
			return rc;
		raw_path += n;
		if (*raw_path == '/')
			raw_path++;
	}
	if (*raw_path == '\0')
		return VT_OK;
	rc = decode(a, raw_path, strlen(raw_path), key, key_len, err);
	if (rc != VT_OK)
		return rc;
	return route_check_key(*key, *key_len, err);
}
