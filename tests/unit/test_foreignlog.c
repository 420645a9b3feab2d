/* Logs and inventories of other systems: the samples of tests/data/logs, then
 * what each format has of its own. */
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "libvt/proto/foreignlog.h"
#include "libvt/proto/jsonsplit.h"
#include "libvt/proto/zstream.h"

#include "tests/unit/test.h"

#define LOGS "tests/data/logs/"

static struct vt_err err;
static struct vt_logparser *parser;
static struct vt_log_event event;

static void
use(enum vt_log_format format)
{
	vt_logparser_free(parser);
	parser = vt_logparser_new(format, "site");
	if (parser == NULL)
		exit(1);
}

static enum vt_code
feed(const char *line)
{
	return vt_logparser_line(parser, line, strlen(line), &event, &err);
}

static int
same(const char *a, size_t len, const char *b)
{
	return len == strlen(b) && memcmp(a, b, len) == 0;
}

static int
named(const char *bucket, const char *key, const char *version)
{
	const struct vt_log_name *n = &event.object;

	return same(n->bucket, n->bucket_len, bucket) &&
	    same(n->key, n->key_len, key) &&
	    same(n->version, n->version_len, version);
}

/* A line for each event of a file: what it is, of what, when it is, sizes. */
static const char *
events_of(enum vt_log_format format, const char *path)
{
	static const char kinds[] = "RWD-ML";
	static char text[8192];
	struct vt_zlines *z;
	const char *line;
	char *p = text;
	size_t len;
	enum vt_code rc;
	int fd = open(path, O_RDONLY);

	use(format);
	z = vt_zlines_open(fd, 1 << 18);
	if (fd < 0 || z == NULL)
		exit(1);
	if (vt_log_format_is_json(format))
		vt_zlines_records(z);
	while ((rc = vt_zlines_next(z, &line, &len, NULL, &err)) == VT_OK) {
		rc = vt_logparser_line(parser, line, len, &event, &err);
		if (rc == VT_INVALID)
			p += sprintf(p, "INVALID %s\n", err.text);
		if (rc != VT_OK)
			continue;
		p += sprintf(p, "%c %.*s/%.*s", kinds[event.kind],
		    (int)event.object.bucket_len, event.object.bucket,
		    (int)event.object.key_len, event.object.key);
		if (event.kind == VT_LOG_READ)
			p += sprintf(p, " %llu",
			    (unsigned long long)event.bytes);
		if (event.has_size)
			p += sprintf(p, " %s%llu",
			    event.size_is_least ? ">=" : "=",
			    (unsigned long long)event.size_bytes);
		if (event.storage_class != 0)
			p += sprintf(p, " %s",
			    vt_log_class_name(event.storage_class));
		if (event.has_source)
			p += sprintf(p, " <%.*s", (int)event.source.key_len,
			    event.source.key);
		*p++ = '\n';
	}
	*p = '\0';
	if (rc != VT_ABSENT)
		sprintf(p, "%s\n", err.text);
	vt_zlines_close(z);
	close(fd);
	return text;
}

static void
test_samples(void)
{
	static const char trail[] =
	    "W trail/a b/\xc3\xbc.bin =5000 STANDARD_IA\n"
	    "R trail/a b/\xc3\xbc.bin 5000 >=5000\n"
	    "R trail/a b/\xc3\xbc.bin 100 >=100\n"
	    "W trail/copy <a b/\xc3\xbc.bin\n"
	    "W trail/multi\n"
	    "R trail/multi 70000 >=70000\n"
	    "D trail/copy\n";

	is_str(events_of(VT_LOG_S3, LOGS "s3-access-log"),
	    "R owner-bucket/photos/trip.jpg 2048 =2048\n"
	    "R owner-bucket/photos/trip.jpg 100 =2048\n"
	    "R owner-bucket/with space 10 =10\n"
	    "W owner-bucket/new =4406\n"
	    "R owner-bucket/new 4406 =4406\n"
	    "W owner-bucket/copy =4406\n"
	    "D owner-bucket/with space =10\n"
	    "D owner-bucket/copy =4406\n"
	    "M owner-bucket/new =4406 GLACIER_IR\n", "S3 access log");
	is_str(events_of(VT_LOG_CLOUDTRAIL, LOGS "cloudtrail.json"), trail,
	    "CloudTrail, one document in a line");
	is_str(events_of(VT_LOG_CLOUDTRAIL, LOGS "cloudtrail.jsonl"), trail,
	    "CloudTrail, exported from a table");
	is_str(events_of(VT_LOG_AZURE, LOGS "azure-resource.jsonl"),
	    "W box/a b.txt =99\n"
	    "R box/a b.txt 99 >=99\n"
	    "R box/a b.txt 10 >=10\n"
	    "W box/big\n"
	    "R box/big 800000 >=800000\n"
	    "W box/old =5\n"
	    "D box/old\n", "Azure resource logs");
	is_str(events_of(VT_LOG_AZURE, LOGS "azure-analytics-1.0.log"),
	    "W box/a b.txt =99\n"
	    "R box/a b.txt 99 >=99\n"
	    "R box/r&d;1 10 >=10\n", "Azure Storage Analytics 1.0");
	is_str(events_of(VT_LOG_AZURE, LOGS "azure-analytics-2.0.log"),
	    "D box/gone\n", "and 2.0");
	is_str(events_of(VT_LOG_GCS, LOGS "gcs-usage.csv"),
	    "W pail/a b >=500\n"
	    "R pail/a b 500 >=500\n"
	    "R pail/say \"hi\" 20 >=20\n"
	    "D pail/old\n", "GCS usage log");
	is_str(events_of(VT_LOG_GCS, LOGS "gcs-audit.json"),
	    "W pail/a/objects/b\n"
	    "R pail/a/objects/b 0\n"
	    "D pail/old\n", "Cloud Audit Logs, pretty-printed");
	is_str(events_of(VT_LOG_COMBINED, LOGS "vhost-combined"),
	    "R www.example.org/a b 77 >=77\n"
	    "R cdn.example.org/a b 7 >=7\n", "a web log with virtual hosts");
	is_str(events_of(VT_LOG_CLOUDFRONT, LOGS "cloudfront"),
	    "R site/a b 1045 >=1045\n", "CloudFront: what missed the cache");
}

/* --- S3 access logs ------------------------------------------------------- */

#define S3(op, key, uri, rest) "o b [06/Feb/2026:00:00:38 +0000] 192.0.2.3 o " \
    "R " op " " key " \"" uri "\" " rest

static void
test_s3(void)
{
	use(VT_LOG_S3);
	is_int(feed(S3("REST.GET.OBJECT", "foo-%2525Y", "GET /b/foo-%25Y "
	    "HTTP/1.1", "200 - 5 5 1 1 \"-\" \"c\" -")), VT_OK,
	    "a key encoded twice");
	ok(named("b", "foo-%Y", ""), "is the one its request asked for");
	is_int(feed(S3("REST.GET.OBJECT", "foo-%2525Y", "GET /foo-%2525Y?x=/ "
	    "HTTP/1.1", "200 - 5 5 1 1 \"-\" \"c\" -")), VT_OK,
	    "one encoded once");
	ok(named("b", "foo-%25Y", ""), "too");
	is_int(feed(S3("BATCH.DELETE.OBJECT", "foo-%2525Y", "-",
	    "204 - - - - - - - -")), VT_OK, "batches encode once");
	ok(named("b", "foo-%25Y", ""), "always");
	is_int(feed(S3("REST.COPY.OBJECT_GET", "foo-%2525Y", "PUT /b/other "
	    "HTTP/1.1", "200 - - 9 1 1 \"-\" \"c\" -")), VT_OK,
	    "a source, which the request does not show");
	ok(named("b", "foo-%Y", "") && event.bytes == 9,
	    "is encoded twice, and read whole");
	is_int(feed(S3("REST.GET.OBJECT", "100%25", "GET /b/100%25 HTTP/1.1",
	    "200 - - 9 1 1 \"-\" \"c\" -")), VT_OK, "a bare sign");
	ok(named("b", "100%", "") && event.bytes == 0,
	    "stays; '-' is nothing sent");
	is_int(feed(S3("REST.GET.OBJECT", "k", "GET /b/k HTTP/1.1",
	    "304 - - 9 1 1 \"-\" \"c\" -")), VT_ABSENT, "304 reads nothing");
	is_int(feed(S3("REST.DELETE.OBJECT", "k", "DELETE /b/k?versionId=v9 "
	    "HTTP/1.1", "204 - - - 1 1 \"-\" \"c\" v9 host= SigV4")),
	    VT_ABSENT, "a version deleted says nothing of the key");
	is_int(feed(S3("S3.TRANSITION.OBJECT", "k", "-", "- - - 9 - - \"-\" "
	    "\"-\" v9 host=")), VT_ABSENT, "nor does one moved");
	is_int(feed(S3("REST.GET.OBJECT", "k", "GET /b/k?versionId=v9 "
	    "HTTP/1.1", "200 - 5 5 1 1 \"-\" \"c\" v9")), VT_OK,
	    "a version read");
	ok(named("b", "k", ""), "is a read of the key");
	vt_logparser_versions(parser, 1);
	is_int(feed(S3("REST.DELETE.OBJECT", "k", "DELETE /b/k?versionId=v9 "
	    "HTTP/1.1", "204 - - - 1 1 \"-\" \"c \\\"x\\\"\" v9 host= SigV4 "
	    "- AuthHeader - - - Yes us-east-1")), VT_OK,
	    "kept apart, it is its own");
	ok(event.kind == VT_LOG_DELETE && named("b", "k", "v9"), "version");
	is_int(feed(S3("REST.GET.OBJECT", "a%2522", "GET /b/a%22?x=\"y\" "
	    "HTTP/1.1", "206 - 5 9 1 1 \"http://h/\"q\" -\" \"c \"x\\\" v8 y\" "
	    "v9 host= SigV4 - AuthHeader - - - Yes us-east-1")), VT_OK,
	    "quotes as the client sent them");
	ok(named("b", "a\"", "v9") && event.bytes == 5,
	    "end no field before it ends");
	is_int(feed(S3("REST.GET.OBJECT", "k", "GET /b/k HTTP/1.1",
	    "200 - 5 5 1 1 \"h\" - v9 host=")), VT_OK, "no agent");
	ok(named("b", "k", "v9"), "is none to look for the end of");
	is_int(feed(S3("REST.GET.OBJECT", "k", "GET /b/k HTTP/1.1 ",
	    "200")), VT_INVALID, "a line cut in its status");
	is_int(feed(S3("REST.GET.OBJECT", "k", "GET /b/k HTTP/1.1",
	    "200 - 5 5 1 1 \"-\" \"c\"")), VT_OK, "a line of 2007 ends here");
	is_int(feed(S3("REST.GET.OBJECT", "-", "GET /b/ HTTP/1.1",
	    "200 - 5 5 1 1 \"-\" \"c\" -")), VT_INVALID, "no key");
	is_int(feed(S3("REST.GET.OBJECT", "k", "GET /b/k HTTP/1.1",
	    "OK - 5 5 1 1 \"-\" \"c\" -")), VT_INVALID, "no status");
}

/* --- CloudTrail ----------------------------------------------------------- */

#define TRAIL(name, rest) "{\"eventTime\":\"2026-02-06T00:00:01Z\"," \
    "\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"" name "\"," rest "}"

static void
test_cloudtrail(void)
{
	use(VT_LOG_CLOUDTRAIL);
	is_int(feed(TRAIL("GetObject", "\"requestParameters\":{\"key\":null},"
	    "\"resources\":[{\"type\":\"AWS::S3::Bucket\",\"ARN\":\"arn:aws:"
	    "s3:::b\"},{\"type\":\"AWS::S3::Object\",\"ARN\":\"arn:aws:s3:::"
	    "b/x\\/y\"}]")), VT_OK, "a name that only the resources tell");
	ok(named("b", "x/y", "") && !event.has_size, "and no size");
	is_int(feed(TRAIL("UploadPartCopy", "\"requestParameters\":{"
	    "\"bucketName\":\"b\",\"key\":\"k\",\"x-amz-copy-source\":"
	    "\"b2%2Fsrc%20x?versionId=v1\"}")), VT_OK, "a part copied");
	ok(event.kind == VT_LOG_READ && named("b2", "src x", "") &&
	    !event.has_source, "is a read of its source");
	is_int(feed(TRAIL("DeleteObject", "\"requestParameters\":{"
	    "\"bucketName\":\"b\",\"key\":\"k\",\"versionId\":\"v1\"}")),
	    VT_ABSENT, "a version deleted");
	vt_logparser_versions(parser, 1);
	is_int(feed(TRAIL("DeleteObject", "\"requestParameters\":{"
	    "\"bucketName\":\"b\",\"key\":\"k\",\"versionId\":\"v1\"}")),
	    VT_OK, "or kept apart");
	ok(event.kind == VT_LOG_DELETE && named("b", "k", "v1"), "is one");
	is_int(feed(TRAIL("PutObject", "\"requestParameters\":{"
	    "\"bucketName\":\"b\",\"key\":\"k\"},\"additionalEventData\":{"
	    "\"bytesTransferredIn\":1.2E3}")), VT_OK, "a number of a table");
	is_int(event.size_bytes, 1200, "is understood");
	is_int(feed(TRAIL("GetObject", "\"requestParameters\":{}")),
	    VT_INVALID, "no name at all");
	is_int(feed("{\"eventName\":\"GetObject\",\"eventSource\":"
	    "\"s3.amazonaws.com\",\"eventTime\":\"yesterday\"}"), VT_INVALID,
	    "no time");
	is_int(feed("{\"eventName\":\"AssumeRole\",\"eventSource\":"
	    "\"sts.amazonaws.com\"}"), VT_ABSENT, "another service");
	is_int(feed("{\"awsAccountId\":\"1\",\"digestStartTime\":"
	    "\"2026-02-06T00:00:01Z\",\"logFiles\":[]}"), VT_ABSENT,
	    "a digest");
	is_int(feed("{\"eventCategory\":\"Insight\",\"insightDetails\":{"
	    "\"eventName\":\"GetObject\"}}"), VT_ABSENT, "an insight");
	is_int(feed("{\"a\":1}"), VT_INVALID, "no event");
	is_int(feed("hello"), VT_INVALID, "no JSON");
}

/* --- S3 Inventory --------------------------------------------------------- */

static void
test_inventory(void)
{
	int has_versions = -1;

	use(VT_LOG_INVENTORY);
	is_int(feed("\"b\",\"k\",\"5\",\"2026-02-06T00:00:01.000Z\""),
	    VT_INVALID, "rows without a schema");
	is_int(feed("PAR1\x15\x04"), VT_INVALID, "Parquet");
	vt_logparser_file(parser);
	is_int(feed("PAR1\x15\x04"), VT_INVALID, "at the beginning");
	ok(strstr(err.text, "Parquet") != NULL, "is named");
	is_int(vt_logparser_schema(parser, "Bucket, Key, Size", 0, NULL, &err),
	    VT_INVALID, "a schema without dates");
	is_int(vt_logparser_schema(parser, "Bucket Key", 0, NULL, &err),
	    VT_INVALID, "one without commas");
	is_int(vt_logparser_schema(parser, "Bucket,Key , Size, "
	    "LastModifiedDate,StorageClass", 7, &has_versions, &err), VT_OK,
	    "one of current versions");
	is_int(has_versions, 0, "tells none");
	is_int(feed("\"b\",\"a+%2B%25\",\"5\",\"2026-02-06T00:00:01.000Z\","
	    "\"GLACIER\""), VT_OK, "a row");
	ok(event.kind == VT_LOG_LISTED && named("b", "a +%", "") &&
	    event.size_bytes == 5 && event.at_us == 7 &&
	    event.time_us == INT64_C(1770336001000000) &&
	    !event.is_noncurrent, "with its key decoded");
	is_str(vt_log_class_name(event.storage_class), "GLACIER", "its class");
	is_str(vt_log_class_tier(event.storage_class), "archive",
	    "and the tier most like it");
	is_int(feed("\"b\",\"k\",\"5\",\"2026-02-06T00:00:01.000Z\","
	    "\"NEW_CLASS\""), VT_OK, "a class that is not known");
	is_str(vt_log_class_tier(event.storage_class), "hot", "is hot");
	is_int(feed("\"b\",\"k\",\"\",\"2026-02-06T00:00:01.000Z\",\"\""),
	    VT_INVALID, "no size");
	is_int(feed("\"b\",\"k\",\"5\",\"\",\"\""), VT_INVALID, "no date");
	is_int(feed("\"b\",\"k\",\"5\""), VT_INVALID, "too few");
	vt_logparser_file(parser);
	is_int(feed("b,k,5,2026-02-06T00:00:01Z,STANDARD"), VT_OK,
	    "the schema outlives a file, quotes need not be");
	is_int(vt_logparser_schema(parser, "Bucket, Key, VersionId, IsLatest, "
	    "IsDeleteMarker, Size, LastModifiedDate", 7, &has_versions, &err),
	    VT_OK, "one of all versions");
	is_int(has_versions, 1, "tells them");
	is_int(feed("b,k,v1,false,false,5,2026-02-06T00:00:01Z"), VT_OK,
	    "a noncurrent one");
	ok(event.is_noncurrent && named("b", "k", "v1"), "is told");
	is_int(feed("b,k,v2,true,true,,2026-02-06T00:00:01Z"), VT_ABSENT,
	    "a delete marker is no object");
}

/* --- the rest ------------------------------------------------------------- */

static void
test_azure(void)
{
	use(VT_LOG_AZURE);
	is_int(feed("{\"TimeGenerated\":\"2026-02-06T00:00:01Z\","
	    "\"OperationName\":\"GetBlob\",\"StatusCode\":\"200\","
	    "\"ObjectKey\":\"/acc/box/k\",\"ServiceType\":\"blob\","
	    "\"ResponseBodySize\":\"7\"}"), VT_OK, "a row of a table");
	ok(named("box", "k", "") && event.bytes == 7, "is understood");
	is_int(feed("{\"time\":\"2026-02-06T00:00:01Z\",\"operationName\":"
	    "\"GetBlob\",\"statusCode\":200,\"properties\":{\"objectKey\":"
	    "\"/acc\"}}"), VT_INVALID, "a key without a container");
	is_int(feed("3.0;2026-02-06T00:00:01Z;GetBlob;Success;200;1;1;a;;a;"
	    "blob;\"u\";\"/a/b/c\";r;0;i;v;1;1;1;1;1"), VT_INVALID,
	    "a version to come");
	is_int(feed("1.0;2026-02-06T00:00:01Z;GetBlob;Success;200;1;1;a;;a;"
	    "blob;\"u\";\"/a/b/c"), VT_INVALID, "a line that is cut");
	is_int(feed("1.0;2026-02-06T00:00:01Z;GetBlob;Success;200;1;1;a;;a;"
	    "blob;;\"/a/b/&#60;&lt;&#x26;&bogus;&\";r;0;i;v;1;1;1;1;1"), VT_OK,
	    "entities");
	ok(named("b", "<<&#x26;&bogus;&", ""), "those that are known");
	is_int(feed("2.0;2026-02-06T00:00:01Z;GetBlob;SASSuccess;200;1;1;sas;;"
	    "a;blob;https://a/b/c?se=1&amp;sig=x&amp;sp=r;\"/a/b/c\";r;0;i;v;1"
	    ";1;1;9;0"), VT_OK, "an address without quotes");
	ok(named("b", "c", "") && event.bytes == 9, "has ampersands");
	is_int(feed("1.0;2026-02-06T00:00:01Z;PutBlob;Success;201;1;1;a;;a;"
	    "blob;;\"/a/b/page\";r;0;i;v;1;1;1;1;0"), VT_OK, "a page blob");
	ok(!event.has_size, "is filled later");
}

static void
test_gcs(void)
{
	use(VT_LOG_GCS);
	is_int(feed("\"a\",\"b\""), VT_INVALID, "another csv");
	is_int(feed("time_micros,sc_status,cs_operation,cs_bucket,cs_object,"
	    "sc_bytes,cs_bytes,cs_uri"), VT_ABSENT, "a header");
	is_int(feed("1770336001000000,200,GET_Object,b,k,5,0,/b/k"), VT_OK,
	    "a row");
	is_int(feed("time_micros,sc_status,cs_operation,cs_bucket,cs_object,"
	    "sc_bytes,cs_bytes,cs_uri"), VT_ABSENT, "the next file's header");
	is_int(feed("x,200,GET_Object,b,k,5,0,/b/k"), VT_INVALID, "no time");
	is_int(feed("1,,DELETE_Object,b,k,,,"), VT_OK, "what a rule deleted");
	ok(event.kind == VT_LOG_DELETE && named("b", "k", ""), "is gone");
	is_int(feed("1,,GET_Object,b,k,x,,"), VT_INVALID,
	    "bytes that are none");
	is_int(feed("\"bucket\",\"storage_byte_hours\""), VT_ABSENT,
	    "a storage log");
	is_int(feed("\"bucket\",\"552\""), VT_ABSENT, "tells of no request");
	is_int(feed("time_micros,sc_status,cs_operation,cs_bucket,cs_object,"
	    "sc_bytes,cs_bytes,cs_uri"), VT_ABSENT, "a usage log behind it");
	is_int(feed("1770336001000000,200,GET_Object,b,k,5,0,/b/k"), VT_OK,
	    "does");
	is_int(feed("1,200,GET_Object,b"), VT_INVALID, "too few");
	is_int(feed("{\"jsonPayload\":{}}"), VT_ABSENT, "no audit");
	is_int(feed("{\"protoPayload\":{\"methodName\":"
	    "\"storage.objects.get\",\"resourceName\":\"projects/_/buckets/"
	    "b\"},\"timestamp\":\"2026-02-06T00:00:01Z\"}"), VT_INVALID,
	    "no object");
}

static void
test_csv(void)
{
	use(VT_LOG_CSV);
	is_int(feed("time_s,op,key,size,bucket,version"), VT_ABSENT,
	    "a header with buckets");
	is_int(feed("2,GET,k,5,mine,v1"), VT_OK, "a row of it");
	ok(named("mine", "k", "v1"), "names all");
	is_int(feed("2,GET,k,5,,"), VT_OK, "an empty one");
	ok(named("site", "k", ""), "leaves it to the option");
	is_int(feed("2,GET,\"a\"\"\",5,\"a bucket whose name is so long that "
	    "no room was made for it when the key was undone \"\" here\",v"),
	    VT_OK, "two fields with doubled quotes");
	ok(named("a bucket whose name is so long that no room was made for it "
	    "when the key was undone \" here", "a\"", "v"), "are both undone");
}

static void
test_cloudfront(void)
{
	use(VT_LOG_CLOUDFRONT);
	is_int(feed("2026-02-06\t00:00:01\tx"), VT_INVALID, "no fields named");
	is_int(feed("#Fields: date time"), VT_INVALID, "too few named");
	is_int(feed("#Version: 1.0"), VT_ABSENT, "a comment");
	is_int(feed("#Fields: time date sc-status sc-bytes cs-method "
	    "cs-uri-stem x-edge-result-type"), VT_ABSENT, "in any order");
	is_int(feed("00:00:01\t2026-02-06\t206\t5\tGET\t/a/b\tMiss\r"), VT_OK,
	    "a row");
	ok(named("site", "a/b", "") &&
	    event.time_us == INT64_C(1770336001000000), "of it");
	is_int(feed("00:00:01\t2026-02-06\t200\t5\tGET\t/a/b\tRefreshHit"),
	    VT_ABSENT, "answered by the cache");
	is_int(feed("00:00:01\t2026-02-06\t200"), VT_INVALID, "cut");
}

/* --- records -------------------------------------------------------------- */

/* The records of a stream, one a line, in pieces of `piece` bytes. */
static const char *
split(const char *text, size_t piece)
{
	static char out[4096];
	struct vt_jsonsplit s;
	size_t len = strlen(text), at = 0, begin = 0, n = 0, used, room;
	int in_record = 0;

	memset(&s, 0, sizeof(s));
	while (at < len) {
		room = piece - at % piece < len - at ? piece - at % piece :
		    len - at;
		switch (vt_jsonsplit_next(&s, text + at, room, &used)) {
		case VT_SPLIT_BEGIN:
			begin = at + used;
			in_record = 1;
			break;
		case VT_SPLIT_DROP:
			in_record = 0;
			break;
		case VT_SPLIT_END:
			n += (size_t)sprintf(out + n, "%.*s|",
			    (int)(at + used - begin), text + begin);
			in_record = 0;
			break;
		case VT_SPLIT_MORE:
			break;
		}
		at += used;
	}
	if (in_record)
		n += (size_t)sprintf(out + n, "%s|", text + begin);
	out[n] = '\0';
	if (!vt_jsonsplit_is_whole(&s))
		strcpy(out + n, "CUT");
	return out;
}

static void
test_split(void)
{
	static const struct {
		const char *text, *want, *name;
	} cases[] = {
		{ "{\"a\":1}\n{\"b\":{}}\n", "{\"a\":1}|{\"b\":{}}|",
		    "objects as lines" },
		{ "{\"a\":1} {\"b\":\"}{\"}", "{\"a\":1}|{\"b\":\"}{\"}|",
		    "without newlines, braces in a text" },
		{ "[{\"a\":[{}]},\n {\"b\":2}]", "{\"a\":[{}]}|{\"b\":2}|",
		    "an array" },
		{ "{\"Records\":[{\"a\":1},{\"b\":2}]}",
		    "{\"a\":1}|{\"b\":2}|", "an array in an object" },
		{ "{\"x\":{\"y\":[1]},\"records\" : [ {\"a\":1} ],\"z\":[{}]}"
		    "{\"c\":3}", "{\"a\":1}|{\"c\":3}|",
		    "with more before and behind it" },
		{ "{\"Records\":[]}{\"Records\":[{\"a\":1}]}", "{\"a\":1}|",
		    "documents behind each other" },
		{ "{\"Records\":7}{\"r\":{\"Records\":[{}]}}",
		    "{\"Records\":7}|{\"r\":{\"Records\":[{}]}}|",
		    "names that are no such array" },
		{ "{\"a\":\"\\\"}\\\\\"}{}", "{\"a\":\"\\\"}\\\\\"}|{}|",
		    "escapes" },
		{ "{\"a\":\"cut\n{\"b\":1}\n", "{\"a\":\"cut|{\"b\":1}|",
		    "a line cut in a text" },
		{ "{\"a\":1\n{\"b\":1}\n", "{\"a\":1\n|{\"b\":1}|",
		    "a line cut behind a value" },
		{ "[1,{\"a\":1},nonsense\n,{\"b\":1}]",
		    "1|{\"a\":1}|nonsense|{\"b\":1}|", "what is no object" },
		{ "{\"Records\":[{\"a\":1},{\"b\"", "{\"a\":1}|{\"b\"|CUT",
		    "a document cut in a record" },
		{ "{\"Records\":[{\"a\":1},", "{\"a\":1}|CUT",
		    "and between two" },
		{ "},]{\"a\":1}]}\n{}", "{\"a\":1}|{}|",
		    "what closes a document begun elsewhere" },
	};
	size_t i, piece;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		is_str(split(cases[i].text, SIZE_MAX / 2), cases[i].want,
		    "%s", cases[i].name);
		for (piece = 1; piece < 8; piece++)
			if (strcmp(split(cases[i].text, piece),
			    cases[i].want) != 0)
				break;
		is_int(piece, 8, "%s, in pieces", cases[i].name);
	}
}

static uint64_t
count_records(const char *command, size_t max, int *large, enum vt_code *last)
{
	FILE *f = popen(command, "r");
	struct vt_zlines *z = vt_zlines_open(fileno(f), max);
	const char *line;
	uint64_t n = 0, number;
	size_t len;

	vt_zlines_records(z);
	*large = 0;
	while ((*last = vt_zlines_next(z, &line, &len, &number, &err)) ==
	    VT_OK || *last == VT_TOO_LARGE) {
		*large += *last == VT_TOO_LARGE;
		n += *last == VT_OK;
	}
	vt_zlines_close(z);
	pclose(f);
	return n;
}

static void
test_stream(void)
{
	enum vt_code last;
	int large;

	is_int(count_records("(printf '{\"Records\":['; seq 100000 | "
	    "sed 's/.*/{\"n\":\"&\"},/' | tr -d '\\n'; echo '{}]}') | gzip",
	    1000, &large, &last), 100001, "one line of a megabyte, in gzip");
	is_int(last, VT_ABSENT, "to its end");
	is_int(count_records("printf ' \\n[{\"a\":1},{\"b\":\"'; "
	    "head -c 1000000 /dev/zero | tr '\\0' x; echo '\"},{}]'", 1000,
	    &large, &last), 2, "a record over the maximum is skipped");
	is_int(large, 1, "and told");
	is_int(last, VT_ABSENT, "and the rest is read");
	is_int(count_records("printf '{\"Records\":[{\"a\":1}'", 1000, &large,
	    &last), 1, "a document that is cut");
	is_int(last, VT_CORRUPT, "is told after its records");
	is_int(count_records("printf 'a\\nb\\n'", 1000, &large, &last), 2,
	    "what is no JSON is lines");
	is_int(count_records("printf '\\357\\273\\277{}'", 1000, &large,
	    &last), 1, "a byte order mark is passed over");
	is_int(count_records("true", 1000, &large, &last), 0, "nothing");
	is_int(last, VT_ABSENT, "is an end");
	is_int(count_records("printf '[%0100000d'", 1000, &large, &last), 0,
	    "junk without an end");
	is_int(large, 1, "is one record that is too large");
}

int
main(void)
{
	test_samples();
	test_s3();
	test_cloudtrail();
	test_inventory();
	test_azure();
	test_gcs();
	test_csv();
	test_cloudfront();
	test_split();
	test_stream();
	vt_logparser_free(parser);
	return test_done();
}
