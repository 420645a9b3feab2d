/* libvt/proto/postpolicy.c */
#include "test.h"

#include "libvt/base/clock.h"
#include "libvt/base/hex.h"

#include "libvt/proto/postpolicy.h"

#define HEAD "{\"expiration\": \"2030-01-01T12:00:00.000Z\", " \
	"\"conditions\": ["
#define NOW INT64_C(1700000000000000)

static struct vt_arena *arena;

static enum vt_code
parse(const char *json, struct vt_post_policy **p, struct vt_err *err)
{
	size_t len = strlen(json);
	char *text = vt_arena_alloc(arena, 2 * len + 8);

	vt_b64_encode(json, len, text);
	return vt_post_policy_parse(arena, text, strlen(text), p, err);
}

static void
invalid(const char *json, const char *words, const char *what)
{
	struct vt_post_policy *p;
	struct vt_err err = { .code = VT_OK };

	is_int(parse(json, &p, &err), VT_INVALID, "%s", what);
	ok(strncmp(err.text, "Invalid Policy: ", 16) == 0 &&
	    strstr(err.text, words) != NULL, "%s: the words", what);
	if (strstr(err.text, words) == NULL)
		printf("# %s\n", err.text);
}

#define FIELDS_MAX 12

/* Fields as name, value pairs. */
static void
check(const char *json, const char *const *pairs, const char *words,
    const char *what)
{
	struct vt_form_field fields[FIELDS_MAX];
	struct vt_post_policy *p;
	struct vt_err err = { .code = VT_OK };
	size_t count = 0;
	enum vt_code rc;

	for (; *pairs != NULL && count < FIELDS_MAX; pairs += 2, count++)
		fields[count] = (struct vt_form_field){ pairs[0], pairs[1],
		    strlen(pairs[1]) };
	ok(*pairs == NULL, "%s: the fields fit", what);
	rc = parse(json, &p, &err);
	if (rc == VT_OK)
		rc = vt_post_policy_check(p, NOW, "buck", fields, count,
		    &err);
	is_int(rc, words == NULL ? VT_OK : VT_DENIED, "%s", what);
	if (words != NULL)
		is_str(err.text, words, "%s: the words", what);
	else if (rc != VT_OK)
		printf("# %s\n", err.text);
}
#define FIELDS(...) (const char *const[]){ __VA_ARGS__, NULL }

static void
documents(void)
{
	struct vt_post_policy *p;
	struct vt_err err;

	invalid("rubbish", "Invalid JSON", "no JSON");
	invalid("[]", "not an object", "a list");
	invalid("{\"conditions\": []}", "missing expiration",
	    "no expiration");
	invalid("{\"Expiration\": \"2030-01-01T12:00:00Z\", \"conditions\": "
	    "[]}", "missing expiration", "names have their case");
	invalid("{\"expiration\": \"2030-01-01 12:00:00\", \"conditions\": "
	    "[]}", "Invalid 'expiration' value", "no T in the expiration");
	invalid("{\"expiration\": 7, \"conditions\": []}",
	    "Invalid 'expiration' value", "expiration a number");
	invalid("{\"expiration\": \"2030-01-01T12:00:00Z\"}",
	    "missing conditions", "no conditions");
	invalid("{\"expiration\": \"2030-01-01T12:00:00Z\", \"conditions\": "
	    "{}}", "must be a List", "conditions an object");
	invalid("{\"expiration\": \"2030-01-01T12:00:00Z\", \"expiration\": "
	    "\"2040-01-01T12:00:00Z\", \"conditions\": []}", "Invalid JSON",
	    "expiration twice");
	invalid(HEAD "{}]}", "exactly one property", "an empty condition");
	invalid(HEAD "{\"a\": \"1\", \"b\": \"2\"}]}", "exactly one property",
	    "two in one condition");
	invalid(HEAD "{\"a\": 1}]}", "must be a string", "a number");
	invalid(HEAD "7]}", "neither", "a condition that is a number");
	invalid(HEAD "[]]}", "names no operation", "an empty list");
	invalid(HEAD "[\"ends-with\", \"$a\", \"b\"]]}", "unknown operation",
	    "an unknown operation");
	invalid(HEAD "[\"eq\", \"$a\"]]}", "number of arguments",
	    "too few arguments");
	invalid(HEAD "[\"eq\", \"a\", \"b\"]]}", "begin with '$'",
	    "a field without $");
	invalid(HEAD "[\"content-length-range\", 1]]}",
	    "number of arguments", "half a range");
	invalid(HEAD "[\"content-length-range\", -1, 5]]}", "two sizes",
	    "a negative range");
	invalid(HEAD "[\"content-length-range\", 6, 5]]}", "two sizes",
	    "a reversed range");
	is_int(vt_post_policy_parse(arena, "????", 4, &p, &err), VT_INVALID,
	    "not base64");

	is_int(parse(HEAD "[\"content-length-range\", 2, \"30\"],"
	    "[\"Content-Length-Range\", 1, 40]]}", &p, &err), VT_OK,
	    "two ranges");
	is_int(p->min_bytes, 2, "the larger minimum counts");
	is_int(p->max_bytes, 30, "the smaller maximum counts");
	is_int(parse(HEAD "{\"a\": \"b\"},]}", &p, &err), VT_OK,
	    "a comma at the end, as in AWS's own examples");
	is_int(p->max_bytes == UINT64_MAX && p->min_bytes == 0, 1,
	    "no range is no limit");
}

static void
conditions(void)
{
	check(HEAD "{\"bucket\": \"buck\"}, [\"starts-with\", \"$key\", "
	    "\"user/\"], {\"acl\": \"private\"}]}",
	    FIELDS("key", "user/x", "acl", "private", "policy", "...",
	    "x-amz-signature", "...", "x-ignore-me", "1", "file", "",
	    "signature", "", "AWSAccessKeyId", "", "x-amz-checksum-crc32",
	    "AAAAAA=="), NULL, "all fields are named or need not be");
	check(HEAD "{\"bUCKET\": \"buck\"}, [\"STARTS-with\", \"$KEY\", "
	    "\"user/\"]]}", FIELDS("Key", "user/x"), NULL,
	    "names have no case");
	check(HEAD "{\"bucket\": \"other\"}, {\"key\": \"x\"}]}",
	    FIELDS("key", "x"), "Invalid according to Policy: Policy "
	    "Condition failed: [\"eq\", \"$bucket\", \"other\"]",
	    "another bucket");
	check(HEAD "{\"key\": \"x\"}]}", FIELDS("key", "X"),
	    "Invalid according to Policy: Policy Condition failed: [\"eq\", "
	    "\"$key\", \"x\"]", "values have their case");
	check(HEAD "{\"key\": \"x\"}]}", FIELDS("key", "x", "acl", "private"),
	    "Invalid according to Policy: Extra input fields: acl",
	    "a field that is not named");
	check(HEAD "{\"key\": \"x\"}, [\"starts-with\", \"$x-amz-meta-a\", "
	    "\"1\"]]}", FIELDS("key", "x"), "Invalid according to Policy: "
	    "Policy Condition failed: [\"starts-with\", \"$x-amz-meta-a\", "
	    "\"1\"]", "a field that is missing");
	check(HEAD "{\"key\": \"x\"}, [\"starts-with\", \"$x-amz-meta-a\", "
	    "\"\"]]}", FIELDS("key", "x"), NULL,
	    "what may be anything may be missing");
	check(HEAD "[\"starts-with\", \"$key\", \"a\"], [\"eq\", \"$key\", "
	    "\"ab\"]]}", FIELDS("key", "ac"), "Invalid according to Policy: "
	    "Policy Condition failed: [\"eq\", \"$key\", \"ab\"]",
	    "two conditions on one field");
	check(HEAD "[\"starts-with\", \"$Content-Type\", \"image/\"]]}",
	    FIELDS("Content-Type", "image/png, image/gif"), NULL,
	    "a list of types");
	check(HEAD "[\"starts-with\", \"$Content-Type\", \"image/\"]]}",
	    FIELDS("Content-Type", "image/png,text/html"),
	    "Invalid according to Policy: Policy Condition failed: "
	    "[\"starts-with\", \"$Content-Type\", \"image/\"]",
	    "one wrong type in a list");
	check(HEAD "{\"key\": \"\\$a\\v\\\\\\u0041,]\"}]}", FIELDS("key",
	    "$a\v\\A,]"), NULL, "the escapes of S3");
	check("{\"expiration\": \"2020-01-01T00:00:00Z\", \"conditions\": "
	    "[{\"key\": \"x\"}]}", FIELDS("key", "x"),
	    "Invalid according to Policy: Policy expired.", "expired");
}

int
main(void)
{
	arena = vt_arena_new(1 << 24);
	documents();
	conditions();
	vt_arena_free(arena);
	return test_done();
}
