/* Rules of notifications and the messages that tell of events. */
#include "libvt/base/jsonl.h"
#include "libvt/work/notify.h"

#include "test.h"

static struct vt_err err;

#define RULE(id, event, filter) \
	"<QueueConfiguration>" id "<Queue>arn:aws:sqs:r:0:q</Queue>" event \
	filter "</QueueConfiguration>"
#define EVENT(name) "<Event>s3:" name "</Event>"
#define FILTER(name, value) "<Filter><S3Key><FilterRule><Name>" name \
	"</Name><Value>" value "</Value></FilterRule></S3Key></Filter>"
#define DOC(rules) "<NotificationConfiguration>" rules \
	"</NotificationConfiguration>"

static enum vt_code
parse(const char *xml, struct vt_notify **n)
{
	return vt_notify_parse(xml, strlen(xml), NULL, n, &err);
}

static void
refused(const char *xml, enum vt_code code, const char *word)
{
	struct vt_notify *n;

	ok(parse(xml, &n) == code && n == NULL &&
	    strstr(err.text, word) != NULL, "refused: %s", err.text);
}

/* How many events `name` on `key` makes. */
static size_t
hits(const struct vt_notify *n, const char *name, const char *key)
{
	struct vt_notify_context x = { .bucket = "b", .owner = "o",
	    .key = key, .key_len = strlen(key), .requester = "",
	    .remote = "", .request_id = "" };
	struct vt_arena *a = vt_arena_new(1 << 16);
	struct vt_cat_event *events = NULL;
	size_t count = 0;

	if (vt_notify_events(n, a, &x, name, VT_EVENT_ALWAYS, &events,
	    &count, &err) != VT_OK)
		count = 999;
	vt_arena_free(a);
	return count;
}

static void
test_rules(void)
{
	struct vt_notify *n;

	ok(parse(DOC(RULE("", EVENT("ObjectCreated:*"),
	    FILTER("Prefix", "in/"))
	    RULE("", EVENT("ObjectCreated:Put") EVENT("ObjectRemoved:Delete"),
	    FILTER("suffix", ".jpg"))), &n) == VT_PRECONDITION,
	    "a prefix and a suffix may meet in one key: %s", err.text);
	ok(parse(DOC(RULE("", EVENT("ObjectCreated:*"),
	    FILTER("prefix", "in/"))
	    RULE("", EVENT("ObjectCreated:Put") EVENT("ObjectRemoved:*"),
	    FILTER("Prefix", "out/"))
	    RULE("", EVENT("ObjectTagging:Put"),
	    FILTER("suffix", ".jpg"))), &n) == VT_OK, "three rules");
	is_int(hits(n, "ObjectCreated:Copy", "in/a"), 1, "a family, a prefix");
	is_int(hits(n, "ObjectCreated:Copy", "out/a"), 0, "another prefix");
	is_int(hits(n, "ObjectCreated:Put", "out/a"), 1, "by name");
	is_int(hits(n, "ObjectRemoved:DeleteMarkerCreated", "out/"), 1,
	    "a key that is the prefix");
	is_int(hits(n, "ObjectRemoved:Delete", "ou"), 0, "a shorter key");
	is_int(hits(n, "ObjectTagging:Put", "x.jpg"), 1, "a suffix");
	is_int(hits(n, "ObjectTagging:Put", "x.jpg.gz"), 0, "not at the end");
	is_int(hits(n, "ObjectTagging:Delete", "x.jpg"), 0, "another event");
	is_str(vt_notify_dest(n, 0), "q", "where to");
	ok(vt_notify_dest(n, 1) == NULL, "once");
	vt_notify_free(n);
	ok(parse(DOC(""), &n) == VT_OK && vt_notify_dest(n, 0) == NULL,
	    "no rules at all");
	vt_notify_free(n);
}

static void
test_refused(void)
{
	struct vt_config config;
	struct vt_notify *n;
	const char *xml = DOC(RULE("", EVENT("ObjectCreated:Put"), ""));
	char name[] = "q";

	refused("<Other/>", VT_INVALID, "Other");
	refused("text", VT_INVALID, "XML");
	refused(DOC("<LambdaConfiguration/>"), VT_INVALID, "Lambda");
	refused(DOC("<QueueConfiguration><Queue>arn:a:q</Queue>"
	    "</QueueConfiguration>"), VT_INVALID, "Event");
	refused(DOC("<QueueConfiguration>" EVENT("ObjectCreated:Put")
	    "</QueueConfiguration>"), VT_INVALID, "Queue");
	refused(DOC("<QueueConfiguration><Queue>q</Queue>"
	    EVENT("ObjectCreated:Put") "</QueueConfiguration>"),
	    VT_PRECONDITION, "ARN");
	refused(DOC("<QueueConfiguration><Queue>arn:a:</Queue>"
	    EVENT("ObjectCreated:Put") "</QueueConfiguration>"),
	    VT_PRECONDITION, "ARN");
	refused(DOC(RULE("", EVENT("ObjectLost"), "")), VT_PRECONDITION,
	    "ObjectLost");
	refused(DOC(RULE("", EVENT("ObjectCreated:Put"),
	    FILTER("infix", "x"))), VT_PRECONDITION, "infix");
	refused(DOC(RULE("<Id>a</Id>", EVENT("ObjectCreated:Put"),
	    FILTER("prefix", "x")) RULE("<Id>a</Id>",
	    EVENT("ObjectCreated:Put"), FILTER("prefix", "y"))),
	    VT_PRECONDITION, "Id");
	refused(DOC(RULE("", EVENT("ObjectCreated:Put"),
	    FILTER("prefix", "a")) RULE("", EVENT("ObjectCreated:*"),
	    FILTER("prefix", "ab"))), VT_PRECONDITION, "overlap");
	memset(&config, 0, sizeof(config));
	ok(vt_notify_parse(xml, strlen(xml), &config, &n, &err) ==
	    VT_PRECONDITION && strstr(err.text, "'q'") != NULL,
	    "no webhook of that name: %s", err.text);
	config.webhook_count = 1;
	config.webhook[0].name = name;
	ok(vt_notify_parse(xml, strlen(xml), &config, &n, &err) == VT_OK,
	    "one of that name");
	vt_notify_free(n);
}

static void
test_xml(void)
{
	struct vt_notify *n, *again;
	struct vt_buf a, b;

	vt_buf_init(&a, 1 << 16);
	vt_buf_init(&b, 1 << 16);
	ok(parse(DOC(RULE("", EVENT("ObjectCreated:*"),
	    FILTER("prefix", "a&amp;&lt;b")) RULE("<Id>mine</Id>",
	    EVENT("ObjectAcl:Put"), "")), &n) == VT_OK, "two rules");
	vt_notify_xml(n, "5eed", &a);
	ok(strstr(a.data, "<Id>5eed-1</Id>") != NULL &&
	    strstr(a.data, "<Id>mine</Id>") != NULL, "each has an Id");
	ok(vt_notify_parse(a.data, a.len, NULL, &again, &err) == VT_OK,
	    "is read again");
	vt_notify_xml(again, "other", &b);
	is_str(b.data, a.data, "and written the same");
	vt_notify_free(n);
	vt_notify_free(again);
	vt_buf_release(&a);
	vt_buf_release(&b);
}

static void
test_message(void)
{
	struct vt_event e = { .name = "ObjectCreated:Put", .rule = "r\"1",
	    .bucket = "b", .owner = "o", .key = "a b/\xc3\xa4+&\"",
	    .key_len = 9, .version_id = "", .seq = 255, .size_bytes = 7,
	    .etag = "e", .time_us = 1700000000123456, .requester = "who",
	    .remote = "::1", .request_id = "id", .detail = "" };
	json_t *root, *record, *s3;
	struct vt_buf b;

	vt_buf_init(&b, 1 << 16);
	vt_notify_message(&e, "us-east-1", &b);
	root = json_loads(b.data, 0, NULL);
	ok(root != NULL, "JSON: %s", b.data);
	record = json_array_get(json_object_get(root, "Records"), 0);
	s3 = json_object_get(record, "s3");
	is_str(json_string_value(json_object_get(root, "EventName")),
	    "s3:ObjectCreated:Put", "its name");
	is_str(json_string_value(json_object_get(record, "eventTime")),
	    "2023-11-14T22:13:20.123Z", "its time");
	is_str(json_string_value(json_object_get(s3, "configurationId")),
	    "r\"1", "its rule");
	s3 = json_object_get(s3, "object");
	is_str(json_string_value(json_object_get(s3, "key")),
	    "a+b/%C3%A4%2B%26%22", "its key, as in a form");
	is_str(json_string_value(json_object_get(s3, "sequencer")),
	    "00000000000000FF", "its place");
	ok(json_object_get(s3, "versionId") == NULL, "no version");
	json_decref(root);
	vt_buf_release(&b);
}

int
main(void)
{
	test_rules();
	test_refused();
	test_xml();
	test_message();
	return test_done();
}
