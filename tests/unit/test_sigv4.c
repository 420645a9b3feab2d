/* What the published vectors (test_vectors.c) do not say: parsing, refusals,
 * equivalent spellings, presigned links, version 2. */
#include <stdint.h>
#include <time.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/base/clock.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/proto/sigv4.h"

#include "tests/unit/test.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EMPTY \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define NOW_US INT64_C(1369353600000000)	/* 20130524T000000Z */
#define CRED "AKID/20130524/us-east-1/s3/aws4_request"
#define V4 "AWS4-HMAC-SHA256 "
#define HEADERS_MAX 16

static const struct vt_sig_cred cred = { "AKID", SECRET, NULL, "us-east-1",
    "s3" };
static struct vt_arena *arena;

static void
fresh(void)
{
	vt_arena_free(arena);
	arena = vt_arena_new(4 << 20);
	if (arena == NULL)
		abort();
}

static void
day_key(uint8_t key[32])
{
	if (vt_sig_key(SECRET, "20130524", "us-east-1", "s3", key) < 0)
		abort();
}

/* --- parsing ------------------------------------------------------------- */

static void
test_parse_header(void)
{
	static const char *const spellings[] = {
		V4 "Credential=" CRED ", SignedHeaders=host;x-amz-date, "
		    "Signature=abc",
		V4 "Credential=" CRED ",SignedHeaders=host;x-amz-date,"
		    "Signature=abc",
		V4 "  Signature=abc ,\tSignedHeaders=Host;X-Amz-Date ,"
		    "Credential=" CRED " ",
	};
	size_t i;

	for (i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		struct vt_header h[] = {
			{ "authorization", spellings[i] },
			{ "X-AMZ-Date", " 20130524T000000Z " },
			{ "Date", "nonsense" },
			{ "x-amz-Content-SHA256", "UNSIGNED-PAYLOAD" },
			{ "X-Amz-Security-Token", "tok" }
		};
		struct vt_sig_request r = { "GET", "/", "a=b", h, 5 };
		struct vt_sig_auth auth;
		struct vt_err err;

		fresh();
		is_int(vt_sig_parse(arena, &r, &auth, NULL, &err), VT_OK,
		    "spelling %zu of a header", i);
		is_int(auth.version, 4, "version");
		is_int(auth.presigned, 0, "not presigned");
		is_str(auth.access_key, "AKID", "access key");
		is_str(auth.date, "20130524", "date");
		is_str(auth.region, "us-east-1", "region");
		is_str(auth.service, "s3", "service");
		is_str(auth.signed_headers, "host;x-amz-date", "names");
		is_str(auth.signature, "abc", "signature");
		is_str(auth.security_token, "tok", "token");
		is_int(auth.time_us, NOW_US, "time");
		is_int(auth.payload, VT_PAYLOAD_UNSIGNED, "payload");
		is_str(auth.content_sha256, "UNSIGNED-PAYLOAD", "its word");
	}
}

static void
test_parse_words(void)
{
	static const struct {
		const char *word;
		int payload;
	} words[] = {
		{ EMPTY, VT_PAYLOAD_HASHED },
		{ "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991"
		    "B7852B855", VT_PAYLOAD_HASHED },
		{ "UNSIGNED-PAYLOAD", VT_PAYLOAD_UNSIGNED },
		{ "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", VT_PAYLOAD_CHUNKED },
		{ "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
		    VT_PAYLOAD_CHUNKED_TRAILER },
		{ "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
		    VT_PAYLOAD_UNSIGNED_TRAILER },
		{ "", -1 },
		{ "e3b0", -1 },
		{ EMPTY "0", -1 },
		{ "g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991"
		    "b7852b855", -1 },
		{ "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", -1 },
		{ "unsigned-payload", -1 },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct vt_header h[] = {
			{ "Authorization", V4 "Credential=" CRED
			    ",SignedHeaders=host,Signature=abc" },
			{ "Date", "Fri, 24 May 2013 00:00:00 GMT" },
			{ "x-amz-content-sha256", words[i].word }
		};
		struct vt_sig_request r = { "PUT", "/", "", h, 3 };
		struct vt_sig_auth auth;
		const char *code = "";
		struct vt_err err;
		enum vt_code rc;

		fresh();
		rc = vt_sig_parse(arena, &r, &auth, &code, &err);
		if (words[i].payload >= 0) {
			is_int(rc, VT_OK, "payload '%s'", words[i].word);
			is_int(auth.payload, words[i].payload, "its kind");
		} else {
			is_int(rc, VT_INVALID, "payload '%s'", words[i].word);
			is_str(code, "InvalidArgument", "its code");
		}
		r.header_count = 1;
		h[0].name = "x-amz-content-sha256";
		h[0].value = words[i].word;
		rc = vt_sig_parse(arena, &r, &auth, &code, &err);
		is_int(rc, words[i].payload < 0 ||
		    words[i].payload == VT_PAYLOAD_CHUNKED ||
		    words[i].payload == VT_PAYLOAD_CHUNKED_TRAILER ?
		    VT_INVALID : VT_ABSENT, "anonymous");
		if (rc == VT_ABSENT)
			is_int(auth.payload, words[i].payload, "told anyway");
	}
}

#define Q(cred, date, expires, names)					\
	"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" cred	\
	"&X-Amz-Date=" date "&X-Amz-Expires=" expires			\
	"&X-Amz-SignedHeaders=" names "&X-Amz-Signature=abc"
#define QCRED "AKID%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
#define QDATE "20130524T000000Z"
#define A(credential, names) \
	V4 "Credential=" credential ",SignedHeaders=" names ",Signature=abc"
#define LONG65 \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
test_refusals(void)
{
	static const struct {
		const char *authorization, *date, *query;
		const char *code;
	} cases[] = {
		{ "Basic dTpw", QDATE, "", "InvalidArgument" },
		{ "", QDATE, "", "InvalidArgument" },
		{ "AWS4-ECDSA-P256-SHA256 Credential=a", QDATE, "",
		    "InvalidRequest" },
		{ V4, QDATE, "", "AuthorizationHeaderMalformed" },
		{ V4 "Credential=" CRED, QDATE, "",
		    "AuthorizationHeaderMalformed" },
		{ V4 "Credential=" CRED ",SignedHeaders=host", QDATE, "",
		    "AuthorizationHeaderMalformed" },
		{ V4 "Credential=" CRED ",Signature=abc", QDATE, "",
		    "AuthorizationHeaderMalformed" },
		{ V4 "SignedHeaders=host,Signature=abc", QDATE, "",
		    "AuthorizationHeaderMalformed" },
		{ A(CRED, "host") ",Signature=abd", QDATE, "",
		    "AuthorizationHeaderMalformed" },
		{ A(CRED, "host") ",Other=1", QDATE, "",
		    "AuthorizationHeaderMalformed" },
		{ A(CRED, ""), QDATE, "", "AuthorizationHeaderMalformed" },
		{ A(CRED, "host;"), QDATE, "",
		    "AuthorizationHeaderMalformed" },
		{ A(CRED, "a;;b"), QDATE, "",
		    "AuthorizationHeaderMalformed" },
		{ A(CRED, "a b"), QDATE, "",
		    "AuthorizationHeaderMalformed" },
		{ A("AKID", "host"), QDATE, "",
		    "AuthorizationHeaderMalformed" },
		{ A("/20130524/us-east-1/s3/aws4_request", "host"), QDATE,
		    "", "AuthorizationHeaderMalformed" },
		{ A("AKID/2013052/us-east-1/s3/aws4_request", "host"), QDATE,
		    "", "AuthorizationHeaderMalformed" },
		{ A("AKID/20130524//s3/aws4_request", "host"), QDATE,
		    "", "AuthorizationHeaderMalformed" },
		{ A("AKID/20130524/us-east-1//aws4_request", "host"), QDATE,
		    "", "AuthorizationHeaderMalformed" },
		{ A("AKID/20130524/us-east-1/s3/aws3_request", "host"), QDATE,
		    "", "AuthorizationHeaderMalformed" },
		{ A("AKID/20130524/" LONG65 "/s3/aws4_request", "host"),
		    QDATE, "", "AuthorizationHeaderMalformed" },
		{ A("AKID/20130524/us/" LONG65 "/aws4_request", "host"),
		    QDATE, "", "AuthorizationHeaderMalformed" },
		{ A(LONG65 LONG65 "/20130524/us/s3/aws4_request", "host"),
		    QDATE, "", "AuthorizationHeaderMalformed" },
		{ A("AKID/20130525/us-east-1/s3/aws4_request", "host"),
		    QDATE, "", "AuthorizationHeaderMalformed" },
		{ A(CRED, "host"), "yesterday", "", "AccessDenied" },
		{ A(CRED, "host"), NULL, "", "AccessDenied" },
		{ A(CRED, "host"), QDATE, Q(QCRED, QDATE, "60", "host"),
		    "InvalidArgument" },
		{ A(CRED, "host"), QDATE, "Signature=a&AWSAccessKeyId=b",
		    "InvalidArgument" },
		{ NULL, NULL, "Signature=a&" Q(QCRED, QDATE, "60", "host"),
		    "InvalidArgument" },
		{ NULL, NULL, "X-Amz-Signature=abc",
		    "AuthorizationQueryParametersError" },
		{ NULL, NULL, "X-Amz-Algorithm=AWS4-HMAC-SHA256",
		    "AuthorizationQueryParametersError" },
		{ NULL, NULL, Q(QCRED, QDATE, "0", "host"),
		    "AuthorizationQueryParametersError" },
		{ NULL, NULL, Q(QCRED, QDATE, "-1", "host"),
		    "AuthorizationQueryParametersError" },
		{ NULL, NULL, Q(QCRED, QDATE, "", "host"),
		    "AuthorizationQueryParametersError" },
		{ NULL, NULL, Q(QCRED, QDATE, "604801", "host"),
		    "AuthorizationQueryParametersError" },
		{ NULL, NULL, Q(QCRED, QDATE, "99999999999999999999", "host"),
		    "AuthorizationQueryParametersError" },
		{ NULL, NULL, Q(QCRED, "Fri", "60", "host"),
		    "AuthorizationQueryParametersError" },
		{ NULL, NULL, Q(QCRED, "20130525T000000Z", "60", "host"),
		    "AuthorizationQueryParametersError" },
		{ NULL, NULL, Q("AKID", QDATE, "60", "host"),
		    "AuthorizationQueryParametersError" },
		{ NULL, NULL, Q(QCRED, QDATE, "60", ""),
		    "AuthorizationQueryParametersError" },
		{ NULL, NULL, Q(QCRED, QDATE, "60", "host")
		    "&X-Amz-Expires=600",
		    "AuthorizationQueryParametersError" },
		{ NULL, NULL, Q(QCRED, QDATE, "60", "host")
		    "&X%2DAmz-Expires=600",
		    "AuthorizationQueryParametersError" },
		{ NULL, NULL, Q(QCRED "%", QDATE, "60", "host"),
		    "InvalidURI" },
		{ NULL, NULL, Q(QCRED "%00", QDATE, "60", "host"),
		    "InvalidURI" },
		{ "AWS key", QDATE, "", "InvalidArgument" },
		{ "AWS :sig", QDATE, "", "InvalidArgument" },
		{ "AWS key:", QDATE, "", "InvalidArgument" },
		{ "AWS key:sig", NULL, "", "AccessDenied" },
		{ NULL, NULL, "Signature=a&Expires=1", "AccessDenied" },
		{ NULL, NULL, "AWSAccessKeyId=a&Expires=1", "AccessDenied" },
		{ NULL, NULL, "AWSAccessKeyId=a&Signature=b",
		    "AccessDenied" },
		{ NULL, NULL, "AWSAccessKeyId=a&Signature=b&Expires=x",
		    "AccessDenied" },
		{ NULL, NULL, "AWSAccessKeyId=a&Signature=b&"
		    "Expires=18446744073709551615", "AccessDenied" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vt_header h[HEADERS_MAX];
		struct vt_sig_request r = { "GET", "/", cases[i].query, h,
		    0 };
		struct vt_sig_auth auth;
		const char *code = "";
		struct vt_err err = { VT_OK, "" };
		enum vt_code rc;

		fresh();
		if (cases[i].authorization != NULL)
			h[r.header_count++] = (struct vt_header){
			    "Authorization", cases[i].authorization };
		if (cases[i].date != NULL)
			h[r.header_count++] = (struct vt_header){
			    "x-amz-date", cases[i].date };
		rc = vt_sig_parse(arena, &r, &auth, &code, &err);
		is_int(rc, VT_INVALID, "refused: %s ? %s",
		    cases[i].authorization ? cases[i].authorization : "-",
		    cases[i].query);
		is_str(code, cases[i].code, "%s", err.text);
		is_int(err.code, VT_INVALID, "told so");
	}
}

static void
test_refusals_else(void)
{
	struct vt_header h[] = {
		{ "Authorization", A(CRED, "host") },
		{ "x-amz-date", QDATE },
		{ "authorization", A(CRED, "host") },
	};
	struct vt_sig_request r = { "GET", "/", "", h, 2 };
	struct vt_sig_auth auth;
	const char *code = "";
	struct vt_err err;

	fresh();
	is_int(vt_sig_parse(arena, &r, &auth, &code, &err), VT_INVALID,
	    "no x-amz-content-sha256");
	is_str(code, "InvalidRequest", "code");
	is_str(err.text, "Missing required header for this request: "
	    "x-amz-content-sha256", "text");
	r.header_count = 3;
	is_int(vt_sig_parse(arena, &r, &auth, &code, &err), VT_INVALID,
	    "Authorization twice");
	is_str(code, "InvalidArgument", "code");
	r.header_count = 0;
	is_int(vt_sig_parse(arena, &r, &auth, NULL, NULL), VT_ABSENT,
	    "no headers, no code, no err");
	r.raw_query = "Expires=never&list-type=2&response-expires=x";
	is_int(vt_sig_parse(arena, &r, &auth, NULL, NULL), VT_ABSENT,
	    "other parameters make no signature");
	h[0].value = A("a/b/c/20130524/r/s3/aws4_request", "host");
	h[2] = (struct vt_header){ "x-amz-content-sha256", EMPTY };
	r.header_count = 3;
	is_int(vt_sig_parse(arena, &r, &auth, &code, &err), VT_OK,
	    "slashes in an access key");
	is_str(auth.access_key, "a/b/c", "are part of it");
	vt_arena_free(arena);
	arena = vt_arena_new(16);
	is_int(vt_sig_parse(arena, &r, &auth, &code, &err), VT_NOMEM,
	    "a full arena");
}

/* --- canonical requests -------------------------------------------------- */

static void
canonical_is(const struct vt_sig_request *r, const char *names, int s3,
    const char *want, const char *what)
{
	struct vt_err err = { VT_OK, "" };
	struct vt_buf b;

	fresh();
	vt_buf_init(&b, 1 << 20);
	is_int(vt_sig_canonical(arena, r, names, "P", s3, 0, &b, &err),
	    VT_OK, "%s", what);
	is_str(b.data, want, "%s: text", what);
	vt_buf_release(&b);
}

static void
test_paths(void)
{
	static const struct {
		const char *raw, *s3, *other;
	} paths[] = {
		{ "/", "/", "/" },
		{ "", "/", "/" },
		{ "/a/../b//c/./", "/a/../b//c/./", "/b/c/" },
		{ "/..", "/..", "/" },
		{ "/a/..", "/a/..", "/" },
		{ "/a/b/.", "/a/b/.", "/a/b/" },
		{ "/.../..a/a..", "/.../..a/a..", "/.../..a/a.." },
		{ "/a%20b", "/a%20b", "/a%2520b" },
		{ "/a b", "/a%20b", "/a%20b" },
		{ "/a+b", "/a%2Bb", "/a%2Bb" },
		{ "/%7Euser/%2f/%41", "/~user///A", "/%257Euser/%252f/%2541" },
		{ "/(x)*!'$&,;=:@", "/%28x%29%2A%21%27%24%26%2C%3B%3D%3A%40",
		    "/%28x%29%2A%21%27%24%26%2C%3B%3D%3A%40" },
		{ "/\xc3\xa9", "/%C3%A9", "/%C3%A9" },
		{ "/%c3%a9", "/%C3%A9", "/%25c3%25a9" },
	};
	struct vt_header h = { "host", "h" };
	char want[200];
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct vt_sig_request r = { "GET", paths[i].raw, "", &h, 1 };

		snprintf(want, sizeof(want), "GET\n%s\n\nhost:h\n\nhost\nP",
		    paths[i].s3);
		canonical_is(&r, "host", 1, want, paths[i].raw);
		snprintf(want, sizeof(want), "GET\n%s\n\nhost:h\n\nhost\nP",
		    paths[i].other);
		canonical_is(&r, "host", 0, want, paths[i].raw);
	}
}

static void
test_queries(void)
{
	static const struct {
		const char *raw, *want;
	} queries[] = {
		{ "", "" },
		{ "&&", "" },
		{ "acl", "acl=" },
		{ "acl=", "acl=" },
		{ "=x", "=x" },
		{ "b=2&a=1&&", "a=1&b=2" },
		{ "a=2&a=1&a=10&A=3", "A=3&a=1&a=10&a=2" },
		{ "a-b=1&a=2&aa=3", "a=2&a-b=1&aa=3" },
		{ "p=a+b&q=a%20b&r=a%2Bb&s=a%2bb",
		    "p=a%20b&q=a%20b&r=a%2Bb&s=a%2Bb" },
		{ "prefix=a/b&x=a%2Fb", "prefix=a%2Fb&x=a%2Fb" },
		{ "a=b=c&%61b=1", "a=b%3Dc&ab=1" },
		{ "X-Amz-Signature=1", "X-Amz-Signature=1" },
	};
	struct vt_header h = { "host", "h" };
	struct vt_sig_request bad = { "GET", "/", "a=%4", &h, 1 };
	char want[300];
	struct vt_buf b;
	size_t i;

	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct vt_sig_request r = { "GET", "/", queries[i].raw, &h,
		    1 };

		snprintf(want, sizeof(want), "GET\n/\n%s\nhost:h\n\nhost\nP",
		    queries[i].want);
		canonical_is(&r, "host", 1, want, queries[i].raw);
	}
	vt_buf_init(&b, 100);
	is_int(vt_sig_canonical(arena, &bad, "host", "P", 1, 0, &b, NULL),
	    VT_INVALID, "a broken escape in the query");
	bad.raw_query = "%zz=1";
	is_int(vt_sig_canonical(arena, &bad, "host", "P", 1, 0, &b, NULL),
	    VT_INVALID, "or in a name");
	bad.raw_query = "";
	bad.raw_path = "/%";
	is_int(vt_sig_canonical(arena, &bad, "host", "P", 1, 0, &b, NULL),
	    VT_INVALID, "or in the path");
	vt_buf_release(&b);
	bad.raw_path = "/";
	vt_buf_init(&b, 10);
	is_int(vt_sig_canonical(arena, &bad, "host", "P", 1, 0, &b, NULL),
	    VT_TOO_LARGE, "a small buffer");
	vt_buf_release(&b);
}

static void
test_headers(void)
{
	struct vt_header h[] = {
		{ "X-Amz-Meta-B", "  one \t two\r\n  three  " },
		{ "host", "h:80" },
		{ "x-amz-meta-b", "" },
		{ "X-AMZ-META-B", "\"a  b\"" },
		{ "unsigned", "u" },
		{ "x-amz-meta", "m" },
	};
	struct vt_sig_request r = { "PUT", "/", "", h, 6 };
	struct vt_buf b;

	canonical_is(&r, "host;x-amz-meta;x-amz-meta-b", 1,
	    "PUT\n/\n\nhost:h:80\nx-amz-meta:m\n"
	    "x-amz-meta-b:one two three,,\"a b\"\n\n"
	    "host;x-amz-meta;x-amz-meta-b\nP", "values");
	canonical_is(&r, "absent;host", 1,
	    "PUT\n/\n\nabsent:\nhost:h:80\n\nabsent;host\nP",
	    "a header that did not arrive");
	vt_buf_init(&b, 1000);
	is_int(vt_sig_canonical(arena, &r, "host;host", "P", 1, 0, &b, NULL),
	    VT_INVALID, "a name listed twice");
	vt_buf_release(&b);
}

/* --- signing and verifying ----------------------------------------------- */

/* Sign `r`, whose headers have room for the new ones. */
static void
sign(struct vt_sig_request *r, struct vt_header *h,
    const struct vt_sig_cred *c, const char *payload)
{
	struct vt_header *added;
	struct vt_err err;
	size_t n;

	if (vt_sig_sign(arena, r, c, NOW_US, payload, 1, &added, &n, &err) !=
	    VT_OK) {
		ok(0, "signing: %s", err.text);
		return;
	}
	memcpy(h + r->header_count, added, n * sizeof(*h));
	r->header_count += n;
}

static enum vt_code
check(const struct vt_sig_request *r, struct vt_buf *detail,
    struct vt_err *err)
{
	struct vt_sig_auth auth;
	char seed[65] = "";
	uint8_t key[32];
	enum vt_code rc;

	rc = vt_sig_parse(arena, r, &auth, NULL, err);
	if (rc != VT_OK)
		return rc;
	day_key(key);
	rc = vt_sig_verify(arena, r, &auth, key, seed, detail, err);
	if (rc == VT_OK && strcmp(seed, auth.signature) != 0)
		return VT_CORRUPT;
	return rc;
}

static void
test_round_trip(void)
{
	static const char *const paths[] = {
		"/b/k", "/b/a%20b%2Bc", "/b//x/../y/", "/b/%E1%88%B4",
		"/b/(a)!*'", "/", "/b/~%25"
	};
	static const char *const queries[] = {
		"", "acl", "list-type=2&prefix=a%2Fb&delimiter=%2F",
		"uploadId=x&partNumber=3", "z=1&y=%20&y=&x"
	};
	size_t i, j, k;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
	for (j = 0; j < sizeof(queries) / sizeof(queries[0]); j++)
	for (k = 0; k < 2; k++) {
		struct vt_header h[HEADERS_MAX] = {
			{ "Host", "s3.example:9000" },
			{ "Content-Type", "text/plain;  charset=utf-8" },
			{ "X-Amz-Meta-A", " a  b " },
		};
		struct vt_sig_request r = { "PUT", paths[i], queries[j], h,
		    3 };
		struct vt_sig_cred c = cred;
		struct vt_err err = { VT_OK, "" };

		fresh();
		c.session_token = k ? "tok/en+=" : NULL;
		sign(&r, h, &c, k ? "UNSIGNED-PAYLOAD" : EMPTY);
		is_int(r.header_count, 6 + k, "headers added");
		is_int(check(&r, NULL, &err), VT_OK, "PUT %s?%s %s",
		    paths[i], queries[j], err.text);
	}
}

static void
test_tampering(void)
{
	struct vt_header h[HEADERS_MAX] = {
		{ "Host", "s3.example" }, { "x-amz-acl", "private" },
		{ "Range", "bytes=0-1" }
	};
	struct vt_sig_request r = { "GET", "/b/k+1~", "a=1&b=2", h, 3 }, t;
	struct vt_header saved;
	struct vt_buf detail;
	struct vt_err err;
	size_t i;

	fresh();
	sign(&r, h, &cred, EMPTY);
	is_int(check(&r, NULL, &err), VT_OK, "untouched");
	t = r;
	t.raw_path = "/b/k%2b1%7E";
	is_int(check(&t, NULL, &err), VT_OK, "another spelling of the path");
	t = r;
	t.raw_query = "&b=%32&%61=1&";
	is_int(check(&t, NULL, &err), VT_OK, "another spelling of the query");
	t = r;
	t.method = "PUT";
	is_int(check(&t, NULL, &err), VT_DENIED, "the method");
	t = r;
	t.raw_path = "/b/k+1~/";
	is_int(check(&t, NULL, &err), VT_DENIED, "the path");
	t = r;
	t.raw_query = "a=1&b=2&c";
	vt_buf_init(&detail, 4096);
	is_int(check(&t, &detail, &err), VT_DENIED, "the query");
	ok(strncmp(detail.data, "GET\n/b/k%2B1~\na=1&b=2&c=\nhost:", 30) == 0,
	    "detail starts with the canonical request");
	ok(strlen(detail.data) < detail.len &&
	    strncmp(detail.data + strlen(detail.data) + 1,
	    "AWS4-HMAC-SHA256\n20130524T000000Z\n"
	    "20130524/us-east-1/s3/aws4_request\n", 69) == 0,
	    "and holds the string to sign");
	vt_buf_release(&detail);
	for (i = 0; i < r.header_count; i++) {
		if (strcmp(h[i].name, "Authorization") == 0 ||
		    strcmp(h[i].name, "x-amz-date") == 0 ||
		    strcmp(h[i].name, "x-amz-content-sha256") == 0)
			continue;
		saved = h[i];
		h[i].value = "other";
		is_int(check(&r, NULL, &err), VT_DENIED, "header %s",
		    saved.name);
		h[i] = saved;
	}
	h[r.header_count++] = (struct vt_header){ "x-amz-acl", "public" };
	is_int(check(&r, NULL, &err), VT_DENIED, "a second value");
	h[r.header_count - 1].name = "X-Amz-Tagging";
	is_int(check(&r, NULL, &err), VT_INVALID, "an unsigned x-amz header");
	ok(strstr(err.text, "x-amz-tagging") != NULL, "is named");
	h[r.header_count - 1].name = "x-amzn-trace-id";
	is_int(check(&r, NULL, &err), VT_OK, "x-amzn- is another's");
	h[r.header_count - 1].name = "Content-Type";
	is_int(check(&r, NULL, &err), VT_OK, "Content-Type may be unsigned");
}

static void
test_host_unsigned(void)
{
	struct vt_header h[] = {
		{ "Host", "h" },
		{ "x-amz-date", QDATE },
		{ "x-amz-content-sha256", EMPTY },
		{ "Authorization", A(CRED,
		    "x-amz-content-sha256;x-amz-date") },
	};
	struct vt_sig_request r = { "GET", "/", "", h, 4 };
	struct vt_err err;

	fresh();
	is_int(check(&r, NULL, &err), VT_INVALID, "host must be signed");
	ok(strstr(err.text, ": host") != NULL, "and is named");
	h[3].value = A(CRED, "host;host;x-amz-content-sha256;x-amz-date");
	is_int(check(&r, NULL, &err), VT_INVALID, "not twice");
	h[3].value = A(CRED, "host;x-amz-content-sha256;x-amz-date");
	is_int(check(&r, NULL, &err), VT_DENIED, "a short signature");
}

static void
test_presigned(void)
{
	struct vt_header h[HEADERS_MAX] = { { "Host", "h" } };
	struct vt_sig_request r = { "GET", "/b/k", "versionId=3&response-"
	    "content-type=a%2Fb", h, 1 };
	struct vt_sig_cred c = cred;
	struct vt_sig_auth auth;
	struct vt_buf b;
	struct vt_err err;

	fresh();
	vt_buf_init(&b, 4096);
	c.session_token = "to+k/en==";
	vt_buf_str(&b, "http://h/b/k?");
	is_int(vt_sig_presign(arena, &r, &c, NOW_US, 604800, &b, &err), VT_OK,
	    "presigned");
	ok(strncmp(b.data, "http://h/b/k?versionId=3&", 25) == 0,
	    "is appended");
	r.raw_query = b.data + 13;
	is_int(vt_sig_parse(arena, &r, &auth, NULL, &err), VT_OK, "parsed");
	is_int(auth.presigned, 1, "presigned");
	is_int(auth.expires_s, 604800, "expires");
	is_int(auth.time_us, NOW_US, "time");
	is_str(auth.security_token, "to+k/en==", "token");
	is_int(auth.payload, VT_PAYLOAD_UNSIGNED, "payload");
	is_str(auth.content_sha256, "", "not told");
	is_int(check(&r, NULL, &err), VT_OK, "verified");
	h[1] = (struct vt_header){ "x-amz-acl", "public-read" };
	r.header_count = 2;
	is_int(check(&r, NULL, &err), VT_INVALID, "an unsigned x-amz header");
	h[1] = (struct vt_header){ "User-Agent", "curl" };
	is_int(check(&r, NULL, &err), VT_OK, "others may come");
	r.method = "DELETE";
	is_int(check(&r, NULL, &err), VT_DENIED, "another method");

	vt_buf_reset(&b);
	r.method = "PUT";
	r.raw_query = "";
	h[1] = (struct vt_header){ "X-Amz-Content-Sha256", EMPTY };
	is_int(vt_sig_presign(arena, &r, &cred, NOW_US, 1, &b, &err), VT_OK,
	    "presigned with a digest");
	r.raw_query = b.data;
	is_int(check(&r, NULL, &err), VT_OK, "verified");
	h[1].value = "UNSIGNED-PAYLOAD";
	is_int(check(&r, NULL, &err), VT_DENIED, "not without it");
	is_int(vt_sig_presign(arena, &r, &cred, NOW_US, 0, &b, &err),
	    VT_INVALID, "no seconds");
	is_int(vt_sig_presign(arena, &r, &cred, NOW_US, 604801, &b, &err),
	    VT_INVALID, "more than a week");
	vt_buf_release(&b);
}

static void
test_cannot_sign(void)
{
	struct vt_header h[] = { { "Host", "h" }, { "bad name", "x" } };
	struct vt_sig_request r = { "GET", "/", "", h, 0 };
	struct vt_sig_cred c = cred;
	static char secret[600];
	struct vt_header *out;
	struct vt_err err;
	uint8_t key[32];
	size_t n;

	fresh();
	is_int(vt_sig_sign(arena, &r, &c, NOW_US, EMPTY, 1, &out, &n, &err),
	    VT_INVALID, "no Host");
	ok(out == NULL && n == 0, "gives nothing");
	r.header_count = 2;
	is_int(vt_sig_sign(arena, &r, &c, NOW_US, EMPTY, 1, &out, &n, &err),
	    VT_INVALID, "a name that is none");
	h[1].name = "a;b";
	is_int(vt_sig_sign(arena, &r, &c, NOW_US, EMPTY, 1, &out, &n, &err),
	    VT_INVALID, "a name that would be two in the list");
	r.header_count = 1;
	r.raw_path = "/%";
	is_int(vt_sig_sign(arena, &r, &c, NOW_US, EMPTY, 1, &out, &n, &err),
	    VT_INVALID, "a broken path");
	r.raw_path = "/";
	c.region = "";
	is_int(vt_sig_sign(arena, &r, &c, NOW_US, EMPTY, 1, &out, &n, &err),
	    VT_INVALID, "no region");
	c.region = LONG65;
	is_int(vt_sig_sign(arena, &r, &c, NOW_US, EMPTY, 1, &out, &n, &err),
	    VT_INVALID, "a long region");
	c.region = "r";
	memset(secret, 'x', sizeof(secret) - 1);
	c.secret_key = secret;
	is_int(vt_sig_sign(arena, &r, &c, NOW_US, EMPTY, 1, &out, &n, &err),
	    VT_INVALID, "a long secret");
	is_int(vt_sig_key(secret, "20130524", "r", "s3", key), -1,
	    "no key of it either");
	vt_arena_free(arena);
	arena = vt_arena_new(100);
	is_int(vt_sig_sign(arena, &r, &cred, NOW_US, EMPTY, 1, &out, &n,
	    &err), VT_NOMEM, "a full arena");
}

/* However little memory there is, the answer is yes or "no memory". */
static void
test_short_of_memory(void)
{
	struct vt_header h[HEADERS_MAX] = { { "Host", "h" } };
	struct vt_sig_request r = { "GET", "/b/k", "a=b", h, 1 };
	struct vt_arena *whole;
	struct vt_err err;
	size_t max, bad = 0, good = 0;

	fresh();
	sign(&r, h, &cred, EMPTY);
	whole = arena;
	for (max = 1; max < 4000; max += 7) {
		enum vt_code rc;

		arena = vt_arena_new(max);
		rc = check(&r, NULL, &err);
		good += rc == VT_OK;
		bad += rc != VT_OK && rc != VT_NOMEM;
		vt_arena_free(arena);
	}
	arena = whole;
	ok(good > 0 && bad == 0, "every size of arena");
}

/* A peer's longest lists must not cost more than sorting them. */
static void
test_many(void)
{
	enum { N = 4000 };
	static struct vt_header h[N + HEADERS_MAX];
	static char names[N][8];
	struct vt_sig_request r = { "GET", "/", NULL, h, N + 1 };
	clock_t start;
	struct vt_buf q;
	struct vt_err err;
	int i;

	fresh();
	vt_buf_init(&q, 1 << 20);
	for (i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "h%d", N - i);
		h[i] = (struct vt_header){ names[i], "v" };
		vt_buf_printf(&q, "q%d&", (i * 7919) % N);
	}
	h[N] = (struct vt_header){ "Host", "h" };
	r.raw_query = q.data;
	sign(&r, h, &cred, EMPTY);
	start = clock();
	is_int(check(&r, NULL, &err), VT_OK, "4000 headers, 4000 parameters");
	ok((double)(clock() - start) / CLOCKS_PER_SEC < 1.0,
	    "in a moment");
	vt_buf_release(&q);
}

/* --- chunks -------------------------------------------------------------- */

static void
test_chunk(void)
{
	struct vt_sig_auth auth = { .version = 4, .date = "20130524",
	    .region = "us-east-1", .service = "s3", .time_us = NOW_US };
	/* From the S3 API reference: the first chunk of the example. */
	static const char right[] =
	    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648";
	char prev[65] =
	    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
	uint8_t key[32], digest[VT_HASH_MAX];
	static char a[65536];
	char before[65];

	day_key(key);
	memset(a, 'a', sizeof(a));
	if (vt_hash_once(VT_SHA256, a, sizeof(a), digest) < 0)
		abort();
	memcpy(before, prev, 65);
	is_int(vt_sig_chunk(&auth, key, prev, digest, before), VT_DENIED,
	    "a wrong signature");
	is_str(prev, before, "leaves the one before");
	is_int(vt_sig_chunk(&auth, key, prev, digest, ""), VT_DENIED,
	    "no signature");
	is_int(vt_sig_chunk(&auth, key, prev, digest, right), VT_OK,
	    "the right one");
	is_str(prev, right, "becomes the one before");
	is_int(vt_sig_trailer(&auth, key, prev, digest, right), VT_DENIED,
	    "a trailer is signed otherwise");
}

/* --- version 2 ----------------------------------------------------------- */

/* AWS "Signing and authenticating REST requests", its worked examples. */
static void
test_v2_header(void)
{
#define CK "AWS AKIAIOSFODNN7EXAMPLE:"
	static const struct {
		const char *method, *path, *query, *bucket;
		struct vt_header h[10];
	} cases[] = {
		{ "GET", "/photos/puppy.jpg", "", "awsexamplebucket1", {
		    { "Host", "awsexamplebucket1.us-west-1.s3.amazonaws.com" },
		    { "Date", "Tue, 27 Mar 2007 19:36:42 +0000" },
		    { "Authorization", CK "qgk2+6Sv9/oM7G3qLEjTH1a1l1g=" } } },
		{ "GET", "/johnsmith/photos/puppy.jpg", "", NULL, {
		    { "Date", "Tue, 27 Mar 2007 19:36:42 +0000" },
		    { "Authorization", CK "bWq2s1WEIj+Ydj0vQ697zp+IXMU=" } } },
		{ "PUT", "/photos/puppy.jpg", "", "johnsmith", {
		    { "Content-Type", "image/jpeg" },
		    { "Content-Length", "94328" },
		    { "Date", "Tue, 27 Mar 2007 21:15:45 +0000" },
		    { "Authorization", CK "MyyxeRY7whkBe+bq8fHCL/2kKUg=" } } },
		{ "GET", "/", "prefix=photos&max-keys=50&marker=puppy",
		    "johnsmith", {
		    { "Date", "Tue, 27 Mar 2007 19:42:41 +0000" },
		    { "Authorization", CK "htDYFYduRNen8P9ZfE/s9SuKy0U=" } } },
		/* the bucket in the path, signed as if it were not */
		{ "GET", "/johnsmith", "prefix=photos&max-keys=50&marker=puppy",
		    NULL, {
		    { "Date", "Tue, 27 Mar 2007 19:42:41 +0000" },
		    { "Authorization", CK "htDYFYduRNen8P9ZfE/s9SuKy0U=" } } },
		{ "GET", "/", "acl", "johnsmith", {
		    { "Date", "Tue, 27 Mar 2007 19:44:46 +0000" },
		    { "Authorization", CK "c2WLPFtWHVgbEmeEG93a4cG37dM=" } } },
		{ "PUT", "/db-backup.dat.gz", "", "static.johnsmith.net", {
		    { "Date", "Tue, 27 Mar 2007 21:06:08 +0000" },
		    { "x-amz-acl", "public-read" },
		    { "content-type", "application/x-download" },
		    { "Content-MD5", "4gJE4saaMU4BqNR0kLY+lw==" },
		    { "X-Amz-Meta-ReviewedBy", "joe@johnsmith.net" },
		    { "X-Amz-Meta-ReviewedBy", "jane@johnsmith.net" },
		    { "X-Amz-Meta-FileChecksum", "0x02661779" },
		    { "X-Amz-Meta-ChecksumAlgorithm", "crc32" },
		    { "Authorization", CK "ilyl83RwaSoYIEdixDQcA4OnAnc=" } } },
		{ "GET", "/", "", NULL, {
		    { "Date", "Wed, 28 Mar 2007 01:29:59 +0000" },
		    { "Authorization", CK "qGdzdERIC03wnaRNKh6OqZehG9s=" } } },
		{ "GET", "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re", "",
		    NULL, {
		    { "Date", "Wed, 28 Mar 2007 01:49:49 +0000" },
		    { "Authorization", CK "DNEZGsoieTZ92F3bUfSPQcbGmlM=" } } },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vt_sig_request r = { cases[i].method, cases[i].path,
		    cases[i].query, cases[i].h, 0 };
		struct vt_sig_auth auth;
		struct vt_err err = { VT_OK, "" };

		fresh();
		while (r.header_count < 10 &&
		    cases[i].h[r.header_count].name != NULL)
			r.header_count++;
		is_int(vt_sig_parse(arena, &r, &auth, NULL, &err), VT_OK,
		    "v2 example %zu parsed %s", i, err.text);
		is_int(auth.version, 2, "version");
		is_str(auth.access_key, "AKIAIOSFODNN7EXAMPLE", "key");
		is_int(vt_sig_verify_v2(arena, &r, &auth, SECRET,
		    cases[i].bucket, &err), VT_OK, "verified");
		is_int(vt_sig_verify_v2(arena, &r, &auth, "other",
		    cases[i].bucket, &err), VT_DENIED, "another secret");
		r.raw_query = "versionId=1";
		is_int(vt_sig_verify_v2(arena, &r, &auth, SECRET,
		    cases[i].bucket, &err), VT_DENIED, "a sub-resource more");
	}
}

static void
test_v2_query(void)
{
	struct vt_sig_request r = { "GET", "/photos/puppy.jpg",
	    "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature="
	    "NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620", NULL, 0 };
	struct vt_sig_auth auth;
	struct vt_err err;
	uint8_t key[32] = { 0 };
	char seed[65];

	fresh();
	is_int(vt_sig_parse(arena, &r, &auth, NULL, &err), VT_OK,
	    "v2 presigned");
	is_int(auth.version, 2, "version");
	is_int(auth.presigned, 1, "presigned");
	is_int(auth.expires_s, 1175139620, "expires");
	is_int(vt_sig_verify_v2(arena, &r, &auth, SECRET, "johnsmith", &err),
	    VT_OK, "verified");
	is_int(vt_sig_verify_v2(arena, &r, &auth, SECRET, NULL, &err),
	    VT_DENIED, "another bucket");
	is_int(vt_sig_verify(arena, &r, &auth, key, seed, NULL, &err),
	    VT_INVALID, "not as version 4");
	r.raw_query = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature="
	    "NpgCjnDzrM+WFzoENXmpNDUsSn8=&Expires=1175139620";
	is_int(vt_sig_parse(arena, &r, &auth, NULL, &err), VT_OK,
	    "with a bare plus");
	is_int(vt_sig_verify_v2(arena, &r, &auth, SECRET, "johnsmith", &err),
	    VT_OK, "verified");
}

/* Sub-resources sorted and decoded, x-amz- parameters taken for headers. */
static void
test_v2_resource(void)
{
	static const char text[] = "PUT\n\n\n99\nx-amz-acl:private\n"
	    "x-amz-security-token:t,u\n/b/k%20?partNumber=1&"
	    "response-content-type=a b/c&torrent&uploadId=";
	struct vt_header h[] = { { "X-Amz-Security-Token", "t" } };
	struct vt_sig_request r = { "PUT", "/b/k%20", "uploadId=&torrent&"
	    "x-amz-security-token=u&partNumber=1&x=1&X-Amz-Acl=private&"
	    "response-content-type=a%20b%2Fc", h, 1 };
	struct vt_sig_auth auth = { .version = 2, .presigned = 1,
	    .expires_s = 99, .content_sha256 = "" };
	struct vt_err err;
	uint8_t mac[20];
	char b64[29];

	fresh();
	if (vt_hmac_sha1(SECRET, strlen(SECRET), text, strlen(text),
	    mac) < 0)
		abort();
	vt_b64_encode(mac, sizeof(mac), b64);
	auth.signature = b64;
	is_int(vt_sig_verify_v2(arena, &r, &auth, SECRET, NULL, &err), VT_OK,
	    "resource and headers of a v2 link");
	r.raw_query = "%";
	is_int(vt_sig_verify_v2(arena, &r, &auth, SECRET, NULL, &err),
	    VT_INVALID, "a broken escape");
}

/* The example of "Example: Browser-Based Upload using HTTP POST (Using AWS
 * Signature Version 4)", Amazon S3 API Reference. */
static void
test_form(void)
{
	static const char policy[] =
	    "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KIC"
	    "AiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVi"
	    "dWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2"
	    "VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3Vj"
	    "Y2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2"
	    "tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwN"
	    "CiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl"
	    "0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwN"
	    "CiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In"
	    "0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0s"
	    "DQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU"
	    "1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAg"
	    "IHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgIC"
	    "B7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
	struct vt_sig_form f = { .policy = policy,
	    .algorithm = "AWS4-HMAC-SHA256",
	    .credential = "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/"
	    "aws4_request", .date = "20151229T000000Z",
	    .signature = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749"
	    "a66d7f09699e" }, g;
	struct vt_sig_auth auth;
	struct vt_err err;
	const char *code = "";
	uint8_t key[32];

	is_int(vt_sig_parse_form(arena, &f, &auth, &code, &err), VT_OK,
	    "a form of version 4");
	is_str(auth.access_key, "AKIAIOSFODNN7EXAMPLE", "its access key");
	ok(vt_sig_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", auth.date,
	    auth.region, auth.service, key) == 0, "a key for it");
	is_int(vt_sig_verify_form(&auth, key, policy, &err), VT_OK,
	    "AWS's signature of AWS's policy");
	is_int(vt_sig_verify_form(&auth, key, policy + 4, &err), VT_DENIED,
	    "another policy");
	memset(&g, 0, sizeof(g));
	is_int(vt_sig_parse_form(arena, &g, &auth, &code, &err), VT_ABSENT,
	    "a form that nobody signed");
	g = f;
	g.policy = NULL;
	is_int(vt_sig_parse_form(arena, &g, &auth, &code, &err), VT_INVALID,
	    "a signature of nothing");
	is_str(code, "InvalidArgument", "its code");
	g = f;
	g.access_key = "x";
	is_int(vt_sig_parse_form(arena, &g, &auth, &code, &err), VT_INVALID,
	    "two signatures");
	g = f;
	g.credential = "AKIAIOSFODNN7EXAMPLE";
	is_int(vt_sig_parse_form(arena, &g, &auth, &code, &err), VT_INVALID,
	    "a credential without scope");
	is_str(code, "AuthorizationQueryParametersError", "its code");

	memset(&g, 0, sizeof(g));
	g.policy = "cG9saWN5";
	g.access_key = "old";
	is_int(vt_sig_parse_form(arena, &g, &auth, &code, &err), VT_INVALID,
	    "version 2 without a signature");
	/* openssl dgst -sha1 -hmac secret -binary | base64 */
	g.signature_v2 = "xjcOd3+I0tu58AF8jUmwdfvwgBU=";
	is_int(vt_sig_parse_form(arena, &g, &auth, &code, &err), VT_OK,
	    "a form of version 2");
	is_int(vt_sig_verify_form_v2(&auth, "secret", g.policy, &err), VT_OK,
	    "its signature");
	is_int(vt_sig_verify_form_v2(&auth, "Secret", g.policy, &err),
	    VT_DENIED, "by another secret");
}

/* A header, from wherever. */
static void
test_header_valid(void)
{
	ok(vt_header_valid("x-amz-meta-a", "b c\t\xc3\xa4"), "a header");
	ok(vt_header_valid("a", ""), "an empty value");
	ok(!vt_header_valid("", "b"), "no name");
	ok(!vt_header_valid("a b", "c"), "a blank in the name");
	ok(!vt_header_valid("a:", "c"), "a colon in the name");
	ok(!vt_header_valid("a", "b\r\nc: d"), "two lines");
	ok(!vt_header_valid("a", "b\x7f"), "DEL");
}

int
main(void)
{
	test_parse_header();
	test_parse_words();
	test_refusals();
	test_refusals_else();
	test_paths();
	test_queries();
	test_headers();
	test_round_trip();
	test_tampering();
	test_host_unsigned();
	test_presigned();
	test_cannot_sign();
	test_short_of_memory();
	test_many();
	test_chunk();
	test_v2_header();
	test_v2_query();
	test_v2_resource();
	test_form();
	test_header_valid();
	vt_arena_free(arena);
	return test_done();
}
