/*
 * Method, path and query to operation, and the table of errors: both are part
 * of vt-serve and pure, so they are compiled in here.
 */
#include "cmd/vt-serve/route.c"
#include "cmd/vt-serve/s3error.c"

#include "test.h"

/* The operations themselves are not asked for. */
#define NOTHING(name) void name(struct req *r) { (void)r; }
NOTHING(op_list_buckets) NOTHING(op_create_bucket) NOTHING(op_head_bucket)
NOTHING(op_delete_bucket) NOTHING(op_get_bucket_location)
NOTHING(op_get_bucket_versioning) NOTHING(op_absent_document)
NOTHING(op_get_bucket_acl) NOTHING(op_get_object_acl)
NOTHING(op_put_bucket_acl) NOTHING(op_put_object_acl)
NOTHING(op_get_bucket_policy_status) NOTHING(op_list_objects)
NOTHING(op_list_objects_v2) NOTHING(op_list_versions)
NOTHING(op_delete_objects) NOTHING(op_get_object) NOTHING(op_head_object)
NOTHING(op_delete_object) NOTHING(op_put_object) NOTHING(op_copy_object)
NOTHING(op_upload_part_copy) NOTHING(op_create_upload)
NOTHING(op_upload_part) NOTHING(op_complete_upload)
NOTHING(op_abort_upload) NOTHING(op_list_parts) NOTHING(op_list_uploads)
NOTHING(op_put_bucket_versioning) NOTHING(op_get_object_attributes)
NOTHING(op_get_object_tagging) NOTHING(op_put_object_tagging)
NOTHING(op_delete_object_tagging) NOTHING(op_get_document)
NOTHING(op_restore_object) NOTHING(op_get_object_torrent)
NOTHING(op_put_document)
NOTHING(op_delete_document)
NOTHING(op_put_object_lock) NOTHING(op_get_object_retention)
NOTHING(op_put_object_retention) NOTHING(op_get_object_legal_hold)
NOTHING(op_put_object_legal_hold)
NOTHING(op_preflight) NOTHING(op_post_object)
int op_put_object_open(struct req *r) { (void)r; return 0; }
int op_post_object_open(struct req *r) { (void)r; return 0; }
int op_upload_part_open(struct req *r) { (void)r; return 0; }
int
op_put_object_write(struct req *r, const void *data, size_t len)
{
	(void)r;
	(void)data;
	(void)len;
	return 0;
}
int
op_upload_part_write(struct req *r, const void *data, size_t len)
{
	return op_put_object_write(r, data, len);
}
int
op_post_object_write(struct req *r, const void *data, size_t len)
{
	return op_put_object_write(r, data, len);
}

/* "GET /b/k?acl" -> the operation's name or the refusal's code. */
static const char *
route(const char *request, int is_copy)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	char method[16], target[256], *mark;
	const char *bucket, *key, *code, *result;
	struct vt_query *query;
	size_t key_len, count;
	const struct op *op;
	struct vt_err err;

	sscanf(request, "%15s %255s", method, target);
	mark = strchr(target, '?');
	if (mark != NULL)
		*mark++ = '\0';
	else
		mark = target + strlen(target);
	if (route_split(a, "localhost:9000", NULL, target, &bucket, &key,
	    &key_len, &err) != VT_OK ||
	    vt_uri_query(a, mark, strlen(mark), 64, &query, &count,
	    &err) != VT_OK) {
		vt_arena_free(a);
		return "broken";
	}
	op = route_find(method, bucket != NULL, key != NULL, query, count,
	    is_copy, &code);
	result = op != NULL ? op->name : code;
	vt_arena_free(a);
	return result;
}

static void
test_operations(void)
{
	static const struct {
		const char *request, *result;
	} t[] = {
		{ "GET /", "ListBuckets" },
		{ "GET /?x-id=ListBuckets", "ListBuckets" },
		{ "PUT /", "MethodNotAllowed" },
		{ "DELETE /", "MethodNotAllowed" },
		{ "PUT /b", "CreateBucket" },
		{ "PUT /b/", "CreateBucket" },
		{ "HEAD /b", "HeadBucket" },
		{ "DELETE /b", "DeleteBucket" },
		{ "GET /b", "ListObjects" },
		{ "GET /b?prefix=a&delimiter=/", "ListObjects" },
		{ "GET /b?list-type=2", "ListObjectsV2" },
		{ "GET /b?list-type=3", "InvalidArgument" },
		{ "GET /b?versions", "ListObjectVersions" },
		{ "GET /b?versions=", "ListObjectVersions" },
		{ "GET /b?uploads", "ListMultipartUploads" },
		{ "GET /b?location", "GetBucketLocation" },
		{ "GET /b?versioning", "GetBucketVersioning" },
		{ "PUT /b?versioning", "PutBucketVersioning" },
		{ "GET /b?acl", "GetBucketAcl" },
		{ "PUT /b?acl", "PutBucketAcl" },
		{ "DELETE /b?acl", "MethodNotAllowed" },
		{ "POST /b?delete", "DeleteObjects" },
		{ "GET /b?delete", "MethodNotAllowed" },
		{ "POST /b", "PostObject" },
		{ "OPTIONS /b", "Preflight" },
		{ "OPTIONS /b/k?versionId=x", "Preflight" },
		{ "OPTIONS /", "MethodNotAllowed" },
		{ "PATCH /b", "MethodNotAllowed" },
		{ "GET /b?policy", "GetBucketPolicy" },
		{ "GET /b?cors", "GetBucketCors" },
		{ "PUT /b?cors", "PutBucketCors" },
		/* These must never reach DeleteBucket. */
		{ "DELETE /b?policy", "DeleteBucketPolicy" },
		{ "DELETE /b?lifecycle", "DeleteBucketLifecycle" },
		{ "DELETE /b?tagging", "DeleteBucketTagging" },
		{ "DELETE /b?website", "NotImplemented" },
		{ "DELETE /b?analytics&id=x", "NotImplemented" },
		{ "DELETE /b?uploads", "MethodNotAllowed" },
		{ "GET /b?inventory", "NotImplemented" },
		{ "PUT /b?metadataJournalTable", "NotImplemented" },
		{ "DELETE /b?colour", "DeleteBucket" },
		{ "GET /b/k", "GetObject" },
		{ "GET /b/k?versionId=x&response-expires=y", "GetObject" },
		{ "GET /b/k?partNumber=1", "GetObject" },
		{ "HEAD /b/k", "HeadObject" },
		{ "HEAD /b/k?acl", "HeadObject" },
		{ "PUT /b/k", "PutObject" },
		{ "PUT /b/k?partNumber=1&uploadId=u", "UploadPart" },
		{ "PUT /b/k?partNumber=1", "InvalidArgument" },
		{ "POST /b/k?uploads", "CreateMultipartUpload" },
		{ "POST /b/k?uploadId=u", "CompleteMultipartUpload" },
		{ "GET /b/k?uploadId=u", "ListParts" },
		{ "DELETE /b/k?uploadId=u", "AbortMultipartUpload" },
		{ "DELETE /b/k", "DeleteObject" },
		{ "DELETE /b/k?versionId=null", "DeleteObject" },
		{ "GET /b/k?acl", "GetObjectAcl" },
		{ "PUT /b/k?acl", "PutObjectAcl" },
		{ "POST /b/k", "MethodNotAllowed" },
		/* ... nor these PutObject and DeleteObject. */
		{ "PUT /b/k?tagging", "PutObjectTagging" },
		{ "DELETE /b/k?tagging", "DeleteObjectTagging" },
		{ "PUT /b/k?annotation&annotationName=x", "NotImplemented" },
		{ "DELETE /b/k?annotation&annotationName=x",
		    "NotImplemented" },
		{ "PUT /b/k?legal-hold", "PutObjectLegalHold" },
		{ "DELETE /b/k?retention", "MethodNotAllowed" },
		{ "POST /b/k?restore", "RestoreObject" },
		{ "POST /b/k?select&select-type=2", "NotImplemented" },
		{ "GET /b/k?attributes", "GetObjectAttributes" },
		/* Of another level: a parameter nobody knows. */
		{ "GET /b/k?location", "GetObject" },
		{ "DELETE /b?uploadId=u", "DeleteBucket" },
		{ "get /b/k", "MethodNotAllowed" },
	};
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		is_str(route(t[i].request, 0), t[i].result, "%s",
		    t[i].request);
	is_str(route("PUT /b/k", 1), "CopyObject", "a copy");
	is_str(route("PUT /b/k?partNumber=1&uploadId=u", 1),
	    "UploadPartCopy", "a part that is a copy");
	is_str(route("PUT /b", 1), "CreateBucket", "no copy of a bucket");
}

static void
split(const char *host, const char *domain, const char *path,
    enum vt_code code, const char *bucket, const char *key)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	const char *b, *k;
	struct vt_err err;
	enum vt_code rc;
	size_t len;

	rc = route_split(a, host, domain, path, &b, &k, &len, &err);
	ok(rc == code && (rc != VT_OK || (
	    (b == NULL ? bucket == NULL : bucket != NULL &&
	    strcmp(b, bucket) == 0) &&
	    (k == NULL ? key == NULL : key != NULL && strcmp(k, key) == 0 &&
	    len == strlen(key)))), "%s %s", host, path);
	vt_arena_free(a);
}

static void
test_split(void)
{
	static const char d[] = "s3.example.org";
	char long_key[2 * VT_KEY_MAX];
	struct vt_arena *a;
	const char *b, *k;
	struct vt_err err;
	size_t len;

	split("h", NULL, "/", VT_OK, NULL, NULL);
	split("h", NULL, "/b", VT_OK, "b", NULL);
	split("h", NULL, "/b/", VT_OK, "b", NULL);
	split("h", NULL, "/b/k", VT_OK, "b", "k");
	split("h", NULL, "/b//k", VT_OK, "b", "/k");
	split("h", NULL, "/b/k/", VT_OK, "b", "k/");
	split("h", NULL, "/b/a%2Fb%20c+d", VT_OK, "b", "a/b c+d");
	split("h", NULL, "/b/..%2f../x", VT_OK, "b", "../../x");
	split("h", NULL, "/b/./k", VT_OK, "b", "./k");
	split("h", NULL, "/b/%c3%a9%F0%9F%8C%8D", VT_OK, "b",
	    "\xc3\xa9\xf0\x9f\x8c\x8d");
	split("h", NULL, "/b/%ef%bf%bf%f4%8f%bf%bf", VT_OK, "b",
	    "\xef\xbf\xbf\xf4\x8f\xbf\xbf");
	split("h", NULL, "/b/%e4%ff", VT_INVALID, NULL, NULL);
	split("h", NULL, "/b/%c0%80", VT_INVALID, NULL, NULL);
	split("h", NULL, "/b/%e0%9f%bf", VT_INVALID, NULL, NULL);
	split("h", NULL, "/b/%ed%a0%80", VT_INVALID, NULL, NULL);
	split("h", NULL, "/b/%f4%90%80%80", VT_INVALID, NULL, NULL);
	split("h", NULL, "/b/x%c3", VT_INVALID, NULL, NULL);
	split("h", NULL, "/b/%00", VT_INVALID, NULL, NULL);
	split("h", NULL, "/b%00c/k", VT_INVALID, NULL, NULL);
	split("h", NULL, "/b/%4", VT_INVALID, NULL, NULL);
	split("h", NULL, "/b/%zz", VT_INVALID, NULL, NULL);
	split("h", NULL, "b/k", VT_INVALID, NULL, NULL);
	split("h", NULL, "*", VT_INVALID, NULL, NULL);

	split("b.s3.example.org", d, "/k", VT_OK, "b", "k");
	split("b.s3.example.org:9000", d, "/", VT_OK, "b", NULL);
	split("B.S3.Example.Org", d, "/K", VT_OK, "b", "K");
	split("a.b.s3.example.org", d, "/b/k", VT_OK, "a.b", "b/k");
	split("s3.example.org", d, "/b/k", VT_OK, "b", "k");
	split("xs3.example.org", d, "/b/k", VT_OK, "b", "k");
	split(".s3.example.org", d, "/b/k", VT_OK, "b", "k");
	split("localhost:9000", d, "/b/k", VT_OK, "b", "k");
	split("127.0.0.1", d, "/b/k", VT_OK, "b", "k");
	split("[::1]:9000", d, "/b/k", VT_OK, "b", "k");
	split("b.s3.example.org", NULL, "/c/k", VT_OK, "c", "k");

	a = vt_arena_new(1 << 20);
	memset(long_key, 'x', sizeof(long_key));
	memcpy(long_key, "/b/", 3);
	long_key[3 + VT_KEY_MAX] = '\0';
	ok(route_split(a, "h", NULL, long_key, &b, &k, &len, &err) == VT_OK &&
	    len == VT_KEY_MAX, "the longest key");
	long_key[3 + VT_KEY_MAX] = 'x';
	long_key[4 + VT_KEY_MAX] = '\0';
	ok(route_split(a, "h", NULL, long_key, &b, &k, &len, &err) ==
	    VT_TOO_LARGE, "one byte more");
	vt_arena_free(a);
}

static void
test_table(void)
{
	const struct op *list;
	size_t n, i, j;

	list = route_ops(&n);
	ok(n < OPS_MAX, "operations fit the counters");
	for (i = 0; i < n; i++) {
		for (j = 0; j < i; j++)
			if (strcmp(list[i].name, list[j].name) == 0)
				ok(0, "%s is there twice", list[i].name);
		if (list[i].run == NULL || (list[i].open == NULL) !=
		    !(list[i].flags & OP_STREAM))
			ok(0, "%s lacks a function", list[i].name);
		/* authz.c knows of the one that asks for each key */
		if (list[i].action == NULL || (*list[i].action == '\0') !=
		    (strcmp(list[i].name, "DeleteObjects") == 0 ||
		    (list[i].flags & OP_OPEN)))
			ok(0, "%s does not say what the caller must be "
			    "allowed to do", list[i].name);
	}
}

static void
test_errors(void)
{
	size_t i, n = sizeof(table) / sizeof(table[0]);
	struct vt_buf b;
	int bad = 0;

	for (i = 1; i < n; i++)
		if (strcmp(table[i - 1].code, table[i].code) >= 0) {
			printf("# %s\n", table[i].code);
			bad++;
		}
	is_int(bad, 0, "error codes are in order");
	is_int(s3error_status("NoSuchKey"), 404, "a status");
	is_int(s3error_status("XAmzContentSHA256Mismatch"), 400, "the last");
	is_int(s3error_status("AccessDenied"), 403, "an early one");
	is_int(s3error_status("NoSuchCode"), 500, "an unknown one");
	is_str(s3error_of(VT_ABSENT), "NoSuchKey", "of a code");
	vt_buf_init(&b, 4096);
	s3error_xml(&b, "NoSuchKey", "", "/b/<k>", "ID",
	    "<Key>&lt;k></Key>");
	is_str(b.data, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<Error><Code>NoSuchKey</Code>"
	    "<Message>There is no such key.</Message><Key>&lt;k></Key>"
	    "<Resource>/b/&lt;k&gt;</Resource><RequestId>ID</RequestId>"
	    "</Error>", "the document, its message never empty");
	vt_buf_release(&b);
}

int
main(void)
{
	test_operations();
	test_split();
	test_table();
	test_errors();
	return test_done();
}
