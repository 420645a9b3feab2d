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

static const struct op ops[] = {
#define LIST_BUCKETS (&ops[0])
	{ "ListBuckets", OP_NO_BUCKET, op_list_buckets, NULL, NULL },
#define CREATE_BUCKET (&ops[1])
	{ "CreateBucket", OP_XML | OP_NO_BUCKET, op_create_bucket, NULL,
	    NULL },
#define HEAD_BUCKET (&ops[2])
	{ "HeadBucket", 0, op_head_bucket, NULL, NULL },
#define DELETE_BUCKET (&ops[3])
	{ "DeleteBucket", 0, op_delete_bucket, NULL, NULL },
#define GET_LOCATION (&ops[4])
	{ "GetBucketLocation", 0, op_get_bucket_location, NULL, NULL },
#define GET_VERSIONING (&ops[5])
	{ "GetBucketVersioning", 0, op_get_bucket_versioning, NULL, NULL },
#define GET_BUCKET_DOC (&ops[6])
	{ "GetBucketDocument", 0, op_absent_document, NULL, NULL },
#define GET_BUCKET_ACL (&ops[7])
	{ "GetBucketAcl", 0, op_get_bucket_acl, NULL, NULL },
#define PUT_BUCKET_ACL (&ops[8])
	{ "PutBucketAcl", OP_XML, op_put_canned_acl, NULL, NULL },
#define LIST_OBJECTS (&ops[9])
	{ "ListObjects", OP_WORKER, op_list_objects, NULL, NULL },
#define LIST_OBJECTS_V2 (&ops[10])
	{ "ListObjectsV2", OP_WORKER, op_list_objects_v2, NULL, NULL },
#define LIST_VERSIONS (&ops[11])
	{ "ListObjectVersions", OP_WORKER, op_list_versions, NULL, NULL },
#define LIST_UPLOADS (&ops[12])
	{ "ListMultipartUploads", OP_WORKER, op_list_uploads, NULL, NULL },
#define DELETE_OBJECTS (&ops[13])
	{ "DeleteObjects", OP_XML | OP_WORKER, op_delete_objects, NULL,
	    NULL },
#define GET_OBJECT (&ops[14])
	{ "GetObject", 0, op_get_object, NULL, NULL },
#define HEAD_OBJECT (&ops[15])
	{ "HeadObject", 0, op_head_object, NULL, NULL },
#define DELETE_OBJECT (&ops[16])
	{ "DeleteObject", 0, op_delete_object, NULL, NULL },
#define PUT_OBJECT (&ops[17])
	{ "PutObject", OP_STREAM, op_put_object, op_put_object_open,
	    op_put_object_write },
#define COPY_OBJECT (&ops[18])
	{ "CopyObject", OP_WORKER, op_copy_object, NULL, NULL },
#define GET_OBJECT_ACL (&ops[19])
	{ "GetObjectAcl", 0, op_get_object_acl, NULL, NULL },
#define PUT_OBJECT_ACL (&ops[20])
	{ "PutObjectAcl", OP_XML, op_put_canned_acl, NULL, NULL },
#define CREATE_UPLOAD (&ops[21])
	{ "CreateMultipartUpload", 0, op_create_upload, NULL, NULL },
#define UPLOAD_PART (&ops[22])
	{ "UploadPart", OP_STREAM, op_upload_part, op_upload_part_open,
	    op_upload_part_write },
#define UPLOAD_PART_COPY (&ops[23])
	{ "UploadPartCopy", OP_WORKER, op_upload_part_copy, NULL, NULL },
#define COMPLETE_UPLOAD (&ops[24])
	{ "CompleteMultipartUpload", OP_XML | OP_WORKER, op_complete_upload,
	    NULL, NULL },
#define ABORT_UPLOAD (&ops[25])
	{ "AbortMultipartUpload", 0, op_abort_upload, NULL, NULL },
#define LIST_PARTS (&ops[26])
	{ "ListParts", OP_WORKER, op_list_parts, NULL, NULL },
#define PUT_VERSIONING (&ops[27])
	{ "PutBucketVersioning", OP_XML, op_put_bucket_versioning, NULL,
	    NULL },
#define GET_ATTRIBUTES (&ops[28])
	{ "GetObjectAttributes", 0, op_get_object_attributes, NULL, NULL },
#define GET_OBJECT_TAGS (&ops[29])
	{ "GetObjectTagging", 0, op_get_object_tagging, NULL, NULL },
#define PUT_OBJECT_TAGS (&ops[30])
	{ "PutObjectTagging", OP_XML, op_put_object_tagging, NULL, NULL },
#define DELETE_OBJECT_TAGS (&ops[31])
	{ "DeleteObjectTagging", 0, op_delete_object_tagging, NULL, NULL },
};

/*
 * What a query parameter may make of a request.  Methods without an operation
 * here are MethodNotAllowed where S3 has none either, else NotImplemented.
 */
struct sub {
	const char *name;
	enum level level;
	int complete;		/* we serve every method S3 has */
	const struct op *get, *put, *post, *delete;
};

static const struct sub subs[] = {
	{ "acl", BUCKET, 1, GET_BUCKET_ACL, PUT_BUCKET_ACL, NULL, NULL },
	{ "delete", BUCKET, 1, NULL, NULL, DELETE_OBJECTS, NULL },
	{ "location", BUCKET, 1, GET_LOCATION, NULL, NULL, NULL },
	{ "uploads", BUCKET, 1, LIST_UPLOADS, NULL, NULL, NULL },
	{ "versioning", BUCKET, 1, GET_VERSIONING, PUT_VERSIONING, NULL,
	    NULL },
	{ "versions", BUCKET, 1, LIST_VERSIONS, NULL, NULL, NULL },

	/* Documents a bucket may have; ours has none of them yet. */
	{ "accelerate", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "cors", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "encryption", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "lifecycle", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "logging", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "notification", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "object-lock", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "ownershipControls", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "policy", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "policyStatus", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "publicAccessBlock", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "replication", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "requestPayment", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "tagging", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },
	{ "website", BUCKET, 0, GET_BUCKET_DOC, NULL, NULL, NULL },

	{ "abac", BUCKET, 0, NULL, NULL, NULL, NULL },
	{ "analytics", BUCKET, 0, NULL, NULL, NULL, NULL },
	{ "intelligent-tiering", BUCKET, 0, NULL, NULL, NULL, NULL },
	{ "inventory", BUCKET, 0, NULL, NULL, NULL, NULL },
	{ "metadataConfiguration", BUCKET, 0, NULL, NULL, NULL, NULL },
	{ "metadataTable", BUCKET, 0, NULL, NULL, NULL, NULL },
	{ "metrics", BUCKET, 0, NULL, NULL, NULL, NULL },
	{ "session", BUCKET, 0, NULL, NULL, NULL, NULL },

	{ "acl", OBJECT, 1, GET_OBJECT_ACL, PUT_OBJECT_ACL, NULL, NULL },
	{ "uploadId", OBJECT, 1, LIST_PARTS, UPLOAD_PART, COMPLETE_UPLOAD,
	    ABORT_UPLOAD },
	{ "uploads", OBJECT, 1, NULL, NULL, CREATE_UPLOAD, NULL },
	{ "attributes", OBJECT, 1, GET_ATTRIBUTES, NULL, NULL, NULL },
	{ "tagging", OBJECT, 1, GET_OBJECT_TAGS, PUT_OBJECT_TAGS, NULL,
	    DELETE_OBJECT_TAGS },

	{ "encryption", OBJECT, 0, NULL, NULL, NULL, NULL },
	{ "legal-hold", OBJECT, 0, NULL, NULL, NULL, NULL },
	{ "renameObject", OBJECT, 0, NULL, NULL, NULL, NULL },
	{ "restore", OBJECT, 0, NULL, NULL, NULL, NULL },
	{ "retention", OBJECT, 0, NULL, NULL, NULL, NULL },
	{ "select", OBJECT, 0, NULL, NULL, NULL, NULL },
	{ "torrent", OBJECT, 0, NULL, NULL, NULL, NULL },
};

const struct op *
route_ops(size_t *count)
{
	*count = sizeof(ops) / sizeof(ops[0]);
	return ops;
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
	const struct op *op = NULL;

	if (strcmp(method, "GET") == 0)
		op = s->get;
	else if (strcmp(method, "PUT") == 0)
		op = s->put;
	else if (strcmp(method, "POST") == 0)
		op = s->post;
	else if (strcmp(method, "DELETE") == 0)
		op = s->delete;
	if (op == UPLOAD_PART && is_copy)
		op = UPLOAD_PART_COPY;
	if (op == NULL)
		return refuse(s3_code,
		    s->complete ? "MethodNotAllowed" : "NotImplemented");
	return op;
}

static const struct op *
find_object(const char *method, const struct vt_query *q, size_t count,
    int is_copy, const char **s3_code)
{
	if (strcmp(method, "GET") == 0)
		return GET_OBJECT;
	if (strcmp(method, "PUT") == 0) {
		/* A part without its upload must not become the object. */
		if (vt_query_get(q, count, "partNumber") != NULL)
			return refuse(s3_code, "InvalidArgument");
		return is_copy ? COPY_OBJECT : PUT_OBJECT;
	}
	if (strcmp(method, "DELETE") == 0)
		return DELETE_OBJECT;
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
			return LIST_OBJECTS;
		if (strcmp(type, "2") == 0)
			return LIST_OBJECTS_V2;
		return refuse(s3_code, "InvalidArgument");
	}
	if (strcmp(method, "PUT") == 0)
		return CREATE_BUCKET;
	if (strcmp(method, "DELETE") == 0)
		return DELETE_BUCKET;
	/* The browser's form upload. */
	if (strcmp(method, "POST") == 0)
		return refuse(s3_code, "NotImplemented");
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
			return LIST_BUCKETS;
		return refuse(s3_code, "MethodNotAllowed");
	}
	/* HEAD has no sub-resources: it asks for the thing itself. */
	if (strcmp(method, "HEAD") == 0)
		return level == BUCKET ? HEAD_BUCKET : HEAD_OBJECT;
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

/* RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF. */
static int
is_utf8(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text, *end = s + len;
	unsigned more, low, high;

	while (s < end) {
		if (*s < 0x80) {
			s++;
			continue;
		}
		if (*s < 0xc2 || *s > 0xf4)
			return 0;
		more = 1 + (*s >= 0xe0) + (*s >= 0xf0);
		low = *s == 0xe0 ? 0xa0 : *s == 0xf0 ? 0x90 : 0x80;
		high = *s == 0xed ? 0x9f : *s == 0xf4 ? 0x8f : 0xbf;
		for (s++; more > 0; more--, s++, low = 0x80, high = 0xbf)
			if (s == end || *s < low || *s > high)
				return 0;
	}
	return 1;
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
	if (*key_len > VT_KEY_MAX)
		return vt_fail(err, VT_TOO_LARGE,
		    "the key has %zu bytes, over %d", *key_len, VT_KEY_MAX);
	/* A listing could not tell it. */
	if (!is_utf8(*key, *key_len))
		return vt_fail(err, VT_INVALID, "the key is not UTF-8");
	return VT_OK;
}
