/* libvt/proto/cors.c */
#include "test.h"

#include "libvt/base/buf.h"

#include "libvt/proto/cors.h"

#define RULE(inside) "<CORSConfiguration><CORSRule>" inside \
	"</CORSRule></CORSConfiguration>"
#define ORIGIN(s) "<AllowedOrigin>" s "</AllowedOrigin>"
#define METHOD(s) "<AllowedMethod>" s "</AllowedMethod>"
#define HEADER(s) "<AllowedHeader>" s "</AllowedHeader>"

static void
invalid(const char *xml, const char *code, const char *words,
    const char *what)
{
	const char *got = "";
	struct vt_cors *c;
	struct vt_err err = { .code = VT_OK };

	is_int(vt_cors_parse(xml, strlen(xml), &c, &got, &err), VT_INVALID,
	    "%s", what);
	is_str(got, code, "%s: the code", what);
	ok(strstr(err.text, words) != NULL, "%s: the words", what);
	if (strstr(err.text, words) == NULL)
		printf("# %s\n", err.text);
	ok(c == NULL, "%s: nothing comes of it", what);
}

static void
many(size_t rules, enum vt_code want)
{
	const char *code = NULL;
	struct vt_cors *c;
	struct vt_buf b;
	struct vt_err err;
	size_t i;

	vt_buf_init(&b, 1 << 20);
	vt_buf_str(&b, "<CORSConfiguration>");
	for (i = 0; i < rules; i++)
		vt_buf_str(&b, "<CORSRule>" ORIGIN("*") METHOD("GET")
		    "</CORSRule>");
	vt_buf_str(&b, "</CORSConfiguration>");
	is_int(vt_cors_parse(b.data, b.len, &c, &code, &err), want,
	    "%zu rules", rules);
	vt_cors_free(c);
	vt_buf_release(&b);
}

static void
documents(void)
{
	invalid("<CORSConfiguration>", "MalformedXML", "", "an open element");
	invalid("<Cors/>", "MalformedXML", "root", "another root");
	invalid("<CORSConfiguration/>", "MalformedXML", "no CORSRule",
	    "no rules");
	invalid("<CORSConfiguration><Rule/></CORSConfiguration>",
	    "MalformedXML", "unknown element", "not a rule");
	invalid(RULE(METHOD("GET")), "MalformedXML", "AllowedOrigin",
	    "no origin");
	invalid(RULE(ORIGIN("*")), "MalformedXML", "AllowedMethod",
	    "no method");
	invalid(RULE(ORIGIN("*") METHOD("PATCH")), "InvalidRequest",
	    "Unsupported method is PATCH", "a method S3 has not");
	invalid(RULE(ORIGIN("*") METHOD("get")), "InvalidRequest",
	    "Unsupported method is get", "a method in lower case");
	invalid(RULE(ORIGIN("http://*.*") METHOD("GET")), "InvalidRequest",
	    "more than one wildcard", "two wildcards in an origin");
	invalid(RULE(ORIGIN("*") METHOD("GET") HEADER("*x*")),
	    "InvalidRequest", "more than one wildcard",
	    "two wildcards in a header");
	invalid(RULE(ORIGIN("*") METHOD("GET")
	    "<ExposeHeader>x-*</ExposeHeader>"), "InvalidRequest",
	    "contains wildcard", "a wildcard in ExposeHeader");
	invalid(RULE(ORIGIN("*") METHOD("GET")
	    "<MaxAgeSeconds>-1</MaxAgeSeconds>"), "MalformedXML",
	    "MaxAgeSeconds", "a negative age");
	invalid(RULE(ORIGIN("*") METHOD("GET") "<Else/>"), "MalformedXML",
	    "unknown element", "an unknown element in a rule");
	invalid(RULE(ORIGIN("a&#10;b") METHOD("GET")), "MalformedXML",
	    "control", "an origin of two lines");
	many(VT_CORS_RULES_MAX, VT_OK);
	many(VT_CORS_RULES_MAX + 1, VT_INVALID);
	many(2000, VT_TOO_LARGE);
}

static struct vt_cors *cors;

/* The number of the rule (its max age), 0 for none; negative: for any. */
static void
match(const char *origin, const char *method, const char *headers, long want)
{
	const struct vt_cors_rule *r;
	int any = -1;
	long got = 0;

	r = vt_cors_match(cors, origin, method, headers, &any);
	if (r != NULL)
		got = any ? -r->max_age_s : r->max_age_s;
	is_int(got, want, "%s from %s with %s", method, origin,
	    headers != NULL ? headers : "nothing");
}

static void
matching(void)
{
	static const char xml[] = "<CORSConfiguration "
	    "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
	    "<CORSRule><ID>first</ID>" ORIGIN("https://*.example.com")
	    ORIGIN("http://exact") METHOD("GET") METHOD("PUT")
	    HEADER("x-amz-*") HEADER("Content-Type") HEADER("*-end")
	    "<MaxAgeSeconds>1</MaxAgeSeconds></CORSRule>"
	    "<CORSRule>" ORIGIN("start*end") METHOD("DELETE") HEADER("*")
	    "<MaxAgeSeconds>2</MaxAgeSeconds></CORSRule>"
	    "<CORSRule>" ORIGIN("*") METHOD("HEAD")
	    "<MaxAgeSeconds>3</MaxAgeSeconds></CORSRule>"
	    "</CORSConfiguration>";
	char names[2 * VT_CORS_NAMES_MAX + 2];
	struct vt_err err;

	is_int(vt_cors_parse(xml, strlen(xml), &cors, NULL, &err), VT_OK,
	    "a configuration");
	match("https://www.example.com", "GET", NULL, 1);
	match("https://a.b.example.com", "PUT", "", 1);
	match("https://example.com", "GET", NULL, 0);
	match("http://www.example.com", "GET", NULL, 0);
	match("https://www.example.com.evil", "GET", NULL, 0);
	match("http://exact", "GET", NULL, 1);
	match("http://exact2", "GET", NULL, 0);
	match("HTTP://EXACT", "GET", NULL, 0);
	match("http://exact", "POST", NULL, 0);
	match("http://exact", "PUT", "X-AMZ-Meta-A, content-type", 1);
	match("http://exact", "PUT", "x-amz-date,the-end", 1);
	match("http://exact", "PUT", "x-amz-date,Authorization", 0);
	match("startend", "DELETE", "anything, at-all", 2);
	match("start-end", "DELETE", NULL, 2);
	match("staend", "DELETE", NULL, 0);
	match("starend", "DELETE", NULL, 0);
	match("null", "HEAD", NULL, -3);
	match("null", "HEAD", "x", 0);
	for (size_t i = 0; i < VT_CORS_NAMES_MAX; i++)
		memcpy(names + 2 * i, "a,", 3);
	match("startend", "DELETE", names, 2);
	memcpy(names + 2 * VT_CORS_NAMES_MAX, "a", 2);
	match("startend", "DELETE", names, 0);
	vt_cors_free(cors);
	vt_cors_free(NULL);
}

int
main(void)
{
	documents();
	matching();
	return test_done();
}
