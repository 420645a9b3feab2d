/* Requests and forms taken apart: what is claimed of their signature; see
 * sigv4.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/clock.h"
#include "libvt/base/hex.h"
#include "libvt/base/num.h"

#include "libvt/proto/sigv4_internal.h"

/* Query parameters that carry an authentication. */
enum {
	Q_ALGORITHM, Q_CREDENTIAL, Q_DATE, Q_EXPIRES, Q_SIGNED_HEADERS,
	Q_SIGNATURE, Q_TOKEN, Q_SHA256,
	Q2_KEY, Q2_EXPIRES, Q2_SIGNATURE, Q2_TOKEN, Q_COUNT
};

static const char *const query_names[Q_COUNT] = {
	"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
	"X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token",
	"X-Amz-Content-Sha256",
	"AWSAccessKeyId", "Expires", "Signature", "x-amz-security-token"
};

enum {
	H_AUTHORIZATION, H_AMZ_DATE, H_DATE, H_SHA256, H_TOKEN, H_COUNT
};

static const char *const header_names[H_COUNT] = {
	"authorization", "x-amz-date", "date", "x-amz-content-sha256",
	"x-amz-security-token"
};

/* What bears on authentication, gathered in one walk over the request. */
struct found {
	struct vt_arena *a;
	const char *header[H_COUNT];	/* trimmed, or NULL */
	const char *query[Q_COUNT];	/* decoded, or NULL */
	const char *repeated_header, *repeated_query;
	const char **s3_code;
};

/* Note the S3 error code; the texts below are what S3 answers, as clients
 * and people compare them. */
static enum vt_code
blame(const struct found *f, const char *s3_code)
{
	if (f->s3_code != NULL)
		*f->s3_code = s3_code;
	return VT_INVALID;
}

static enum vt_code
find_headers(const struct vt_sig_request *r, struct found *f,
    struct vt_err *err)
{
	size_t i, k;

	for (i = 0; i < r->header_count; i++) {
		const char *name = r->headers[i].name;
		char c = lower(name[0]);

		if (c != 'x' && c != 'a' && c != 'd')
			continue;
		for (k = 0; k < H_COUNT; k++)
			if (strcasecmp(name, header_names[k]) == 0)
				break;
		if (k == H_COUNT)
			continue;
		if (f->header[k] != NULL)
			f->repeated_header = header_names[k];
		f->header[k] = trimmed(f->a, r->headers[i].value);
		if (f->header[k] == NULL)
			return no_memory(err);
	}
	return VT_OK;
}

static enum vt_code
find_query(const struct vt_sig_request *r, struct found *f,
    struct vt_err *err)
{
	const char *rest = r->raw_query;
	struct param q;

	while (next_param(&rest, &q)) {
		char *value;
		long len;
		size_t k;

		for (k = 0; k < Q_COUNT; k++)
			if (vt_sig_name_is(q.name, q.name_len, query_names[k]))
				break;
		if (k == Q_COUNT)
			continue;
		if (f->query[k] != NULL)
			f->repeated_query = query_names[k];
		value = vt_arena_dup(f->a, q.value, q.value_len);
		if (value == NULL)
			return no_memory(err);
		/* Base64 holds '+', which some clients leave as it is. */
		len = vt_uri_decode(value, q.value_len, k != Q2_SIGNATURE);
		if (len < 0 || memchr(value, '\0', (size_t)len) != NULL)
			return vt_fail(err, blame(f, "InvalidURI"),
			    "query parameter '%s' is not well encoded",
			    query_names[k]);
		value[len] = '\0';
		f->query[k] = value;
	}
	return VT_OK;
}

static int
parse_payload(const char *s, enum vt_sig_payload *out)
{
	static const struct {
		const char *word;
		enum vt_sig_payload payload;
	} words[] = {
		{ UNSIGNED, VT_PAYLOAD_UNSIGNED },
		{ "STREAMING-" ALGORITHM "-PAYLOAD", VT_PAYLOAD_CHUNKED },
		{ "STREAMING-" ALGORITHM "-PAYLOAD-TRAILER",
		    VT_PAYLOAD_CHUNKED_TRAILER },
		{ "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
		    VT_PAYLOAD_UNSIGNED_TRAILER },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(s, words[i].word) == 0) {
			*out = words[i].payload;
			return 0;
		}
	}
	for (i = 0; s[i] != '\0'; i++)
		if (i == 64 || vt_hex_digit(s[i]) < 0)
			return -1;
	if (i != 64)
		return -1;
	*out = VT_PAYLOAD_HASHED;
	return 0;
}

/* The word for what the body is; `required` in the header form of version 4
 * alone. */
static enum vt_code
read_payload(const struct found *f, int required, struct vt_sig_auth *out,
    struct vt_err *err)
{
	const char *s = f->header[H_SHA256];

	if (out->presigned && f->query[Q_SHA256] != NULL)
		s = f->query[Q_SHA256];
	out->payload = VT_PAYLOAD_UNSIGNED;
	out->content_sha256 = s != NULL ? s : "";
	if (s == NULL) {
		if (!required)
			return VT_OK;
		return vt_fail(err, blame(f, "InvalidRequest"), "Missing "
		    "required header for this request: x-amz-content-sha256");
	}
	if (parse_payload(s, &out->payload) < 0)
		return vt_fail(err, blame(f, "InvalidArgument"),
		    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
		    "STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
		    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
		    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER "
		    "or a valid sha256 value.");
	return VT_OK;
}

/* HTTP's form of a date; also with +0000 for GMT, as RFC 5322 and with it
 * s3cmd and the examples of version 2 write it. */
static int
parse_http_date(const char *s, int64_t *time_us)
{
	size_t len = strlen(s);
	char copy[40];

	if (len < 6 || len >= sizeof(copy) ||
	    (strcmp(s + len - 6, " +0000") != 0 &&
	    strcmp(s + len - 6, " -0000") != 0))
		return vt_time_parse_http(s, time_us);
	snprintf(copy, sizeof(copy), "%.*s GMT", (int)(len - 6), s);
	return vt_time_parse_http(copy, time_us);
}

/* x-amz-date, else Date; HTTP's form of a date is allowed in both. */
static enum vt_code
read_date(const struct found *f, int64_t *time_us, struct vt_err *err)
{
	const char *s = f->header[H_AMZ_DATE];

	if (s == NULL)
		s = f->header[H_DATE];
	if (s == NULL || (vt_time_parse_amz(s, time_us) < 0 &&
	    parse_http_date(s, time_us) < 0) || *time_us < 0)
		return vt_fail(err, blame(f, "AccessDenied"), "AWS "
		    "authentication requires a valid Date or x-amz-date "
		    "header");
	return VT_OK;
}

static int
is_day(const char *s)
{
	return strlen(s) == 8 && strspn(s, "0123456789") == 8;
}

/* Split key/yyyymmdd/region/service/aws4_request in place, from the right:
 * a key of ours may hold a slash. */
static int
split_credential(char *s, struct vt_sig_auth *out)
{
	char *part[4];
	int i;

	for (i = 3; i >= 0; i--) {
		part[i] = strrchr(s, '/');
		if (part[i] == NULL)
			return -1;
		*part[i]++ = '\0';
	}
	out->access_key = s;
	out->date = part[0];
	out->region = part[1];
	out->service = part[2];
	if (*s == '\0' || strlen(s) > ACCESS_KEY_MAX || !is_day(part[0]) ||
	    *part[1] == '\0' || strlen(part[1]) > REGION_MAX ||
	    *part[2] == '\0' || strlen(part[2]) > SERVICE_MAX)
		return -1;
	return strcmp(part[3], TERMINATOR) == 0 ? 0 : -1;
}

/* A list of names to lower case, in place; -1 when it or a name is empty, or
 * a name is not one. */
static int
check_names(char *s)
{
	char before = ';';

	for (; *s != '\0'; s++) {
		if (!in_name(*s) && (*s != ';' || before == ';'))
			return -1;
		*s = before = lower(*s);
	}
	return before == ';' ? -1 : 0;
}

/* The scope's day must be that of the request: a stolen day's key would sign
 * others otherwise. */
static enum vt_code
check_day(const struct found *f, const struct vt_sig_auth *out,
    struct vt_err *err)
{
	char time[17];

	vt_time_amz(out->time_us, time);
	if (strncmp(time, out->date, 8) == 0)
		return VT_OK;
	if (out->presigned)
		return vt_fail(err,
		    blame(f, "AuthorizationQueryParametersError"),
		    "Invalid credential date \"%s\". This date is not the "
		    "same as X-Amz-Date: \"%.8s\".", out->date, time);
	return vt_fail(err, blame(f, "AuthorizationHeaderMalformed"),
	    "The authorization header is malformed; Invalid credential date "
	    "\"%s\". This date is not the same as X-Amz-Date: \"%.8s\".",
	    out->date, time);
}

static enum vt_code
malformed(const struct found *f, const char *why, struct vt_err *err)
{
	return vt_fail(err, blame(f, "AuthorizationHeaderMalformed"),
	    "The authorization header is malformed; %s", why);
}

/* --- headers -------------------------------------------------------------- */

/* "Credential=..., SignedHeaders=..., Signature=...", in any order. */
static enum vt_code
parse_v4_fields(const struct found *f, char *s, struct vt_sig_auth *out,
    struct vt_err *err)
{
	static const char *const names[] = {
		"Credential=", "SignedHeaders=", "Signature="
	};
	char *value[3] = { NULL, NULL, NULL }, *end, *next;
	size_t i;

	for (; s != NULL; s = next) {
		next = strchr(s, ',');
		if (next != NULL)
			*next++ = '\0';
		while (is_space(*s))
			s++;
		end = s + strlen(s);
		while (end > s && is_space(end[-1]))
			*--end = '\0';
		for (i = 0; i < 3; i++)
			if (strncmp(s, names[i], strlen(names[i])) == 0)
				break;
		if (i == 3 || value[i] != NULL)
			return malformed(f, "expecting one each of "
			    "Credential, SignedHeaders, Signature.", err);
		value[i] = s + strlen(names[i]);
	}
	if (value[0] == NULL)
		return malformed(f, "missing Credential.", err);
	if (value[1] == NULL)
		return malformed(f, "missing SignedHeaders.", err);
	if (value[2] == NULL || *value[2] == '\0')
		return malformed(f, "missing Signature.", err);
	if (split_credential(value[0], out) < 0)
		return malformed(f, "the Credential is mal-formed; expecting "
		    "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
		    err);
	if (check_names(value[1]) < 0)
		return malformed(f, "SignedHeaders is not a list of header "
		    "names.", err);
	out->signed_headers = value[1];
	out->signature = value[2];
	return VT_OK;
}

static enum vt_code
parse_v4_header(const struct found *f, const char *rest,
    struct vt_sig_auth *out, struct vt_err *err)
{
	enum vt_code rc;
	char *copy = vt_arena_str(f->a, rest);

	if (copy == NULL)
		return no_memory(err);
	out->version = 4;
	out->security_token = f->header[H_TOKEN];
	rc = parse_v4_fields(f, copy, out, err);
	if (rc != VT_OK)
		return rc;
	rc = read_date(f, &out->time_us, err);
	if (rc != VT_OK)
		return rc;
	rc = check_day(f, out, err);
	if (rc != VT_OK)
		return rc;
	return read_payload(f, 1, out, err);
}

/* A body whose chunks are signed has no key to check them with. */
static enum vt_code
read_payload_v2(const struct found *f, struct vt_sig_auth *out,
    struct vt_err *err)
{
	enum vt_code rc = read_payload(f, 0, out, err);

	if (rc != VT_OK)
		return rc;
	if (out->payload == VT_PAYLOAD_CHUNKED ||
	    out->payload == VT_PAYLOAD_CHUNKED_TRAILER)
		return vt_fail(err, blame(f, "InvalidArgument"),
		    "signed chunks need a signature of version 4");
	return VT_OK;
}

static enum vt_code
parse_v2_header(const struct found *f, const char *rest,
    struct vt_sig_auth *out, struct vt_err *err)
{
	char *copy = vt_arena_str(f->a, rest), *colon;
	enum vt_code rc;

	if (copy == NULL)
		return no_memory(err);
	colon = strrchr(copy, ':');
	if (colon == NULL || colon == copy || colon[1] == '\0' ||
	    colon - copy > ACCESS_KEY_MAX)
		return vt_fail(err, blame(f, "InvalidArgument"),
		    "AWS authorization header is invalid. Expected "
		    "AwsAccessKeyId:signature");
	*colon = '\0';
	out->version = 2;
	out->access_key = copy;
	out->signature = colon + 1;
	out->security_token = f->header[H_TOKEN];
	rc = read_date(f, &out->time_us, err);
	if (rc != VT_OK)
		return rc;
	return read_payload_v2(f, out, err);
}

static enum vt_code
parse_header(const struct found *f, struct vt_sig_auth *out,
    struct vt_err *err)
{
	const char *s = f->header[H_AUTHORIZATION];
	size_t len = strcspn(s, " \t");
	const char *rest = s + len + strspn(s + len, " \t");

	if (len == strlen(ALGORITHM) && memcmp(s, ALGORITHM, len) == 0)
		return parse_v4_header(f, rest, out, err);
	if (len == 3 && memcmp(s, "AWS", 3) == 0)
		return parse_v2_header(f, rest, out, err);
	if (strncmp(s, "AWS4-", 5) == 0)
		return vt_fail(err, blame(f, "InvalidRequest"),
		    "The authorization mechanism you have provided is not "
		    "supported. Please use AWS4-HMAC-SHA256.");
	return vt_fail(err, blame(f, "InvalidArgument"),
	    "Unsupported Authorization Type");
}

/* --- the query ------------------------------------------------------------ */

static enum vt_code
bad_query(const struct found *f, const char *why, struct vt_err *err)
{
	return vt_fail(err, blame(f, "AuthorizationQueryParametersError"),
	    "%s", why);
}

static enum vt_code
parse_v4_query(const struct found *f, struct vt_sig_auth *out,
    struct vt_err *err)
{
	char *credential, *names;
	enum vt_code rc;
	uint64_t n;
	int k;

	out->version = 4;
	out->presigned = 1;
	for (k = Q_ALGORITHM; k <= Q_SIGNATURE; k++)
		if (f->query[k] == NULL)
			return bad_query(f, "Query-string authentication "
			    "version 4 requires the X-Amz-Algorithm, "
			    "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, "
			    "X-Amz-SignedHeaders, and X-Amz-Expires "
			    "parameters.", err);
	if (strcmp(f->query[Q_ALGORITHM], ALGORITHM) != 0)
		return bad_query(f, "X-Amz-Algorithm only supports "
		    "\"AWS4-HMAC-SHA256\"", err);
	credential = vt_arena_str(f->a, f->query[Q_CREDENTIAL]);
	names = vt_arena_str(f->a, f->query[Q_SIGNED_HEADERS]);
	if (credential == NULL || names == NULL)
		return no_memory(err);
	if (split_credential(credential, out) < 0)
		return bad_query(f, "Error parsing the X-Amz-Credential "
		    "parameter; the Credential is mal-formed; expecting "
		    "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
		    err);
	if (check_names(names) < 0)
		return bad_query(f, "X-Amz-SignedHeaders is not a list of "
		    "header names", err);
	out->signed_headers = names;
	out->signature = f->query[Q_SIGNATURE];
	if (vt_time_parse_amz(f->query[Q_DATE], &out->time_us) < 0)
		return bad_query(f, "X-Amz-Date must be in the ISO8601 Long "
		    "Format \"yyyyMMdd'T'HHmmss'Z'\"", err);
	if (vt_num_scan_u64(f->query[Q_EXPIRES], strlen(f->query[Q_EXPIRES]),
	    &n) < 0 || n < 1)
		return bad_query(f, "X-Amz-Expires should be a number "
		    "greater than 0", err);
	if (n > EXPIRES_MAX_S)
		return bad_query(f, "X-Amz-Expires must be less than a week "
		    "(in seconds); that is, the given X-Amz-Expires must be "
		    "less than 604800 seconds", err);
	out->expires_s = (int64_t)n;
	out->security_token = f->query[Q_TOKEN];
	rc = check_day(f, out, err);
	if (rc != VT_OK)
		return rc;
	return read_payload(f, 0, out, err);
}

static enum vt_code
parse_v2_query(const struct found *f, struct vt_sig_auth *out,
    struct vt_err *err)
{
	uint64_t n;

	out->version = 2;
	out->presigned = 1;
	if (f->query[Q2_KEY] == NULL || f->query[Q2_EXPIRES] == NULL ||
	    f->query[Q2_SIGNATURE] == NULL)
		return vt_fail(err, blame(f, "AccessDenied"),
		    "Query-string authentication requires the Signature, "
		    "Expires and AWSAccessKeyId parameters");
	if (vt_num_scan_u64(f->query[Q2_EXPIRES],
	    strlen(f->query[Q2_EXPIRES]), &n) < 0 || n > INT64_MAX / 1000000)
		return vt_fail(err, blame(f, "AccessDenied"),
		    "Invalid date (should be seconds since epoch): %.40s",
		    f->query[Q2_EXPIRES]);
	if (strlen(f->query[Q2_KEY]) > ACCESS_KEY_MAX)
		return vt_fail(err, blame(f, "InvalidArgument"),
		    "AWSAccessKeyId is too long");
	out->access_key = f->query[Q2_KEY];
	out->signature = f->query[Q2_SIGNATURE];
	out->expires_s = (int64_t)n;
	out->security_token = f->query[Q2_TOKEN];
	return read_payload_v2(f, out, err);
}

enum vt_code
vt_sig_parse(struct vt_arena *a, const struct vt_sig_request *r,
    struct vt_sig_auth *out, const char **s3_code, struct vt_err *err)
{
	struct found f = { .a = a, .s3_code = s3_code };
	int header, v4, v2;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	out->access_key = out->date = out->region = out->service = "";
	out->signed_headers = out->signature = out->content_sha256 = "";
	out->payload = VT_PAYLOAD_UNSIGNED;
	if (s3_code != NULL)
		*s3_code = "InvalidRequest";
	rc = find_headers(r, &f, err);
	if (rc != VT_OK)
		return rc;
	rc = find_query(r, &f, err);
	if (rc != VT_OK)
		return rc;
	header = f.header[H_AUTHORIZATION] != NULL;
	v4 = f.query[Q_ALGORITHM] != NULL || f.query[Q_CREDENTIAL] != NULL ||
	    f.query[Q_SIGNATURE] != NULL;
	v2 = f.query[Q2_KEY] != NULL || f.query[Q2_SIGNATURE] != NULL;
	if (header + v4 + v2 == 0) {
		/* An anonymous upload may be chunked too. */
		rc = read_payload_v2(&f, out, err);
		if (rc != VT_OK)
			return rc;
		return vt_fail(err, VT_ABSENT, "the request is not signed");
	}
	if (header + v4 + v2 > 1)
		return vt_fail(err, blame(&f, "InvalidArgument"),
		    "Only one auth mechanism allowed; only the "
		    "X-Amz-Algorithm query parameter, Signature query string "
		    "parameter or the Authorization header should be "
		    "specified");
	/* Of two values it would depend on the reader which one counts. */
	if (f.repeated_header != NULL)
		return vt_fail(err, blame(&f, "InvalidArgument"),
		    "header '%s' is given twice", f.repeated_header);
	if (!header && f.repeated_query != NULL)
		return vt_fail(err, blame(&f, v4 ?
		    "AuthorizationQueryParametersError" : "InvalidArgument"),
		    "query parameter '%s' is given twice", f.repeated_query);
	if (header)
		return parse_header(&f, out, err);
	if (v4)
		return parse_v4_query(&f, out, err);
	return parse_v2_query(&f, out, err);
}

/* --- forms ---------------------------------------------------------------- */

static enum vt_code
missing_field(const char *name, const char **s3_code, struct vt_err *err)
{
	*s3_code = "InvalidArgument";
	return vt_fail(err, VT_INVALID, "Bucket POST must contain a field "
	    "named '%s'.  If it is specified, please check the order of the "
	    "fields.", name);
}

static enum vt_code
parse_form_v4(struct vt_arena *a, const struct vt_sig_form *form,
    struct vt_sig_auth *out, const char **s3_code, struct vt_err *err)
{
	char *credential;

	if (form->algorithm == NULL)
		return missing_field("X-Amz-Algorithm", s3_code, err);
	if (form->credential == NULL)
		return missing_field("X-Amz-Credential", s3_code, err);
	if (form->date == NULL)
		return missing_field("X-Amz-Date", s3_code, err);
	if (form->signature == NULL)
		return missing_field("X-Amz-Signature", s3_code, err);
	*s3_code = "InvalidArgument";
	if (strcmp(form->algorithm, ALGORITHM) != 0)
		return vt_fail(err, VT_INVALID, "X-Amz-Algorithm only "
		    "supports \"AWS4-HMAC-SHA256\"");
	if (vt_time_parse_amz(form->date, &out->time_us) < 0)
		return vt_fail(err, VT_INVALID, "X-Amz-Date must be in the "
		    "ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
	credential = vt_arena_str(a, form->credential);
	if (credential == NULL)
		return no_memory(err);
	*s3_code = "AuthorizationQueryParametersError";
	if (split_credential(credential, out) < 0)
		return vt_fail(err, VT_INVALID, "Error parsing the "
		    "X-Amz-Credential parameter; the Credential is "
		    "mal-formed; expecting "
		    "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
	out->version = 4;
	out->signature = form->signature;
	return VT_OK;
}

enum vt_code
vt_sig_parse_form(struct vt_arena *a, const struct vt_sig_form *form,
    struct vt_sig_auth *out, const char **s3_code, struct vt_err *err)
{
	int v4 = form->algorithm != NULL || form->credential != NULL ||
	    form->signature != NULL;
	int v2 = form->access_key != NULL || form->signature_v2 != NULL;

	memset(out, 0, sizeof(*out));
	out->access_key = out->date = out->region = out->service = "";
	out->signed_headers = out->signature = out->content_sha256 = "";
	out->payload = VT_PAYLOAD_UNSIGNED;
	out->presigned = 1;
	out->security_token = form->security_token;
	if (!v4 && !v2 && form->policy == NULL)
		return vt_fail(err, VT_ABSENT, "the form is not signed");
	if (v4 && v2) {
		*s3_code = "InvalidArgument";
		return vt_fail(err, VT_INVALID,
		    "Only one auth mechanism allowed");
	}
	if (form->policy == NULL)
		return missing_field("Policy", s3_code, err);
	if (v4)
		return parse_form_v4(a, form, out, s3_code, err);
	if (form->access_key == NULL)
		return missing_field("AWSAccessKeyId", s3_code, err);
	if (form->signature_v2 == NULL)
		return missing_field("Signature", s3_code, err);
	if (strlen(form->access_key) > ACCESS_KEY_MAX) {
		*s3_code = "InvalidArgument";
		return vt_fail(err, VT_INVALID, "AWSAccessKeyId is too long");
	}
	out->version = 2;
	out->access_key = form->access_key;
	out->signature = form->signature_v2;
	return VT_OK;
}
