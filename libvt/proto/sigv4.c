/*
 * Signature Version 4 and, for old presigned links, 2; see sigv4.h.
 *
 * In order: text of a known size, canonical requests, verifying, parsing,
 * version 2, forms, signing.  Sizes are worked out before anything is
 * written, so that one verification takes a handful of arena allocations;
 * names are sorted and searched, so that no peer can buy quadratic work with
 * a long list of headers or parameters.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/clock.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/base/num.h"

#include "libvt/proto/sigv4.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"
#define UNSIGNED "UNSIGNED-PAYLOAD"
#define EMPTY_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define ACCESS_KEY_MAX 128
#define REGION_MAX 64
#define SERVICE_MAX 32
#define SECRET_MAX 512
#define EXPIRES_MAX_S 604800		/* a week */
/* Algorithm, time, scope and three digests: under 350 bytes with the limits
 * above; what does not fit is refused, never cut. */
#define STRING_TO_SIGN_MAX 512

/* --- text of a size worked out beforehand -------------------------------- */

struct text {
	char *p;
	size_t len, cap;
};

static int
text_init(struct text *t, struct vt_arena *a, size_t cap)
{
	t->p = vt_arena_alloc(a, cap);
	t->len = 0;
	t->cap = cap;
	return t->p == NULL ? -1 : 0;
}

static void
put(struct text *t, const char *s, size_t len)
{
	assert(len <= t->cap - t->len);
	memcpy(t->p + t->len, s, len);
	t->len += len;
}

static void
put_str(struct text *t, const char *s)
{
	put(t, s, strlen(s));
}

static void
put_char(struct text *t, char c)
{
	assert(t->len < t->cap);
	t->p[t->len++] = c;
}

static int
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* A header's value as it is signed: trimmed, inner runs of blanks one space.
 * Folded lines fall under the same rule. */
static void
put_value(struct text *t, const char *s)
{
	size_t start = t->len;
	int gap = 0;

	for (; *s != '\0'; s++) {
		if (is_space(*s)) {
			gap = t->len > start;
			continue;
		}
		if (gap)
			put_char(t, ' ');
		gap = 0;
		put_char(t, *s);
	}
}

static int
unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == '~';
}

enum { DECODE = 1, PLUS_IS_SPACE = 2, KEEP_SLASH = 4 };

/*
 * Append `len` bytes percent-encoded, with DECODE after undoing the escapes
 * they have: clients differ in what they escape, the signature must not.
 * Up to three bytes come out for one.  0, or -1 for a broken escape.
 */
static int
put_encoded(struct text *t, const char *s, size_t len, int how)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '%' && (how & DECODE)) {
			int hi, lo;

			if (len - i < 3)
				return -1;
			hi = vt_hex_digit(s[i + 1]);
			lo = vt_hex_digit(s[i + 2]);
			if (hi < 0 || lo < 0)
				return -1;
			c = (unsigned char)(hi << 4 | lo);
			i += 2;
		} else if (c == '+' && (how & PLUS_IS_SPACE)) {
			c = ' ';
		}
		if (unreserved(c) || (c == '/' && (how & KEEP_SLASH))) {
			put_char(t, (char)c);
		} else {
			put_char(t, '%');
			put_char(t, hex[c >> 4]);
			put_char(t, hex[c & 15]);
		}
	}
	return 0;
}

static enum vt_code
no_memory(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "no memory to work out a signature");
}

/* --- the query, still encoded -------------------------------------------- */

struct param {
	const char *name, *value;
	size_t name_len, value_len;
	int has_value;
};

/* The next parameter at *p, which moves on; 0 at the end.  Empty ones, as in
 * "a&&b", are passed over. */
static int
next_param(const char **p, struct param *out)
{
	const char *s = *p, *eq;
	size_t len;

	s += strspn(s, "&");
	if (*s == '\0')
		return 0;
	len = strcspn(s, "&");
	eq = memchr(s, '=', len);
	out->name = s;
	out->has_value = eq != NULL;
	out->name_len = eq != NULL ? (size_t)(eq - s) : len;
	out->value = eq != NULL ? eq + 1 : s + len;
	out->value_len = eq != NULL ? len - out->name_len - 1 : 0;
	*p = s + len;
	return 1;
}

static size_t
count_params(const char *query)
{
	struct param q;
	size_t n = 0;

	while (next_param(&query, &q))
		n++;
	return n;
}

/* Is the encoded name `s` the plain name `want`? */
static int
name_is(const char *s, size_t len, const char *want)
{
	size_t i;

	for (i = 0; i < len; i++, want++) {
		int c = (unsigned char)s[i];

		if (c == '%' && len - i >= 3) {
			int hi = vt_hex_digit(s[i + 1]);
			int lo = vt_hex_digit(s[i + 2]);

			if (hi < 0 || lo < 0)
				return 0;
			c = hi << 4 | lo;
			i += 2;
		}
		if (c == 0 || c != (unsigned char)*want)
			return 0;
	}
	return *want == '\0';
}

static int
compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (c != 0 || a_len == b_len)
		return c;
	return a_len < b_len ? -1 : 1;
}

static int
compare_params(const void *va, const void *vb)
{
	const struct param *a = va, *b = vb;
	int c = compare_bytes(a->name, a->name_len, b->name, b->name_len);

	if (c != 0)
		return c;
	return compare_bytes(a->value, a->value_len, b->value, b->value_len);
}

/* Name before value, not "name=value" as one: "a-b" sorts after "a". */
static enum vt_code
put_query(struct text *t, struct vt_arena *a, const char *query,
    size_t count, int presigned, struct vt_err *err)
{
	const char *rest = query;
	struct param q, *list;
	struct text scratch;
	size_t n = 0, i;

	if (count == 0)
		return VT_OK;
	list = vt_arena_alloc(a, count * sizeof(*list));
	if (list == NULL || text_init(&scratch, a, 3 * strlen(query)) < 0)
		return no_memory(err);
	while (next_param(&rest, &q)) {
		struct param *e = &list[n];

		if (presigned &&
		    name_is(q.name, q.name_len, "X-Amz-Signature"))
			continue;
		e->name = scratch.p + scratch.len;
		if (put_encoded(&scratch, q.name, q.name_len,
		    DECODE | PLUS_IS_SPACE) < 0)
			goto broken;
		e->name_len = (size_t)(scratch.p + scratch.len - e->name);
		e->value = scratch.p + scratch.len;
		if (put_encoded(&scratch, q.value, q.value_len,
		    DECODE | PLUS_IS_SPACE) < 0)
			goto broken;
		e->value_len = (size_t)(scratch.p + scratch.len - e->value);
		n++;
	}
	qsort(list, n, sizeof(*list), compare_params);
	for (i = 0; i < n; i++) {
		if (i > 0)
			put_char(t, '&');
		put(t, list[i].name, list[i].name_len);
		put_char(t, '=');
		put(t, list[i].value, list[i].value_len);
	}
	return VT_OK;
broken:
	return vt_fail(err, VT_INVALID,
	    "the query string has a broken percent escape");
}

/* --- headers by name ----------------------------------------------------- */

struct field {
	const char *name;	/* lower case */
	const char *value;
	size_t order;		/* as sent: repeated headers keep their order */
	int covered;		/* named in SignedHeaders */
};

struct fields {
	struct field *list;
	size_t count;
	size_t value_bytes;
};

static int
compare_fields(const void *va, const void *vb)
{
	const struct field *a = va, *b = vb;
	int c = strcmp(a->name, b->name);

	if (c != 0)
		return c;
	return a->order < b->order ? -1 : a->order > b->order;
}

static char *
put_lower(char *p, const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		*p++ = lower(s[i]);
	*p++ = '\0';
	return p;
}

/* Headers by name, in lower case. */
static enum vt_code
sort_fields(struct vt_arena *a, const struct vt_header *h, size_t count,
    struct fields *out, struct vt_err *err)
{
	size_t i, bytes = 0;
	char *p;

	memset(out, 0, sizeof(*out));
	if (count == 0)
		return VT_OK;
	for (i = 0; i < count; i++)
		bytes += strlen(h[i].name) + 1;
	p = vt_arena_alloc(a, bytes);
	out->list = vt_arena_alloc(a, count * sizeof(*out->list));
	if (p == NULL || out->list == NULL)
		return no_memory(err);
	for (i = 0; i < count; i++) {
		struct field *f = &out->list[i];

		f->name = p;
		f->value = h[i].value;
		f->order = i;
		p = put_lower(p, h[i].name, strlen(h[i].name));
		out->value_bytes += strlen(h[i].value) + 1;
	}
	out->count = count;
	qsort(out->list, count, sizeof(*out->list), compare_fields);
	return VT_OK;
}

/* The first field called `name`, or NULL; others of the name follow it. */
static struct field *
find_field(const struct fields *f, const char *name, size_t len)
{
	size_t low = 0, high = f->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *s = f->list[mid].name;

		if (compare_bytes(s, strlen(s), name, len) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == f->count || strlen(f->list[low].name) != len ||
	    memcmp(f->list[low].name, name, len) != 0)
		return NULL;
	return &f->list[low];
}

static int
is_amz(const char *lower_name)
{
	return strncmp(lower_name, "x-amz-", 6) == 0;
}

/* --- the canonical request ----------------------------------------------- */

struct canon {
	const struct vt_sig_request *r;
	const char *signed_headers;
	const char *payload;		/* the last line */
	int s3_path;
	int presigned;
	int must_cover;		/* refuse unless all that S3 asks is signed */
};

/* "name:value,value\n" of each signed header, in the order of the list, which
 * a correct client has sorted. */
static enum vt_code
put_headers(struct text *t, const struct canon *c, const struct fields *f,
    struct vt_err *err)
{
	const char *s = c->signed_headers;
	int host = 0;
	size_t i;

	for (;;) {
		size_t len = strcspn(s, ";");
		struct field *e = find_field(f, s, len);

		if (len == 4 && memcmp(s, "host", 4) == 0)
			host = 1;
		/* Also what keeps the text within its size. */
		if (e != NULL && e->covered)
			return vt_fail(err, VT_INVALID,
			    "header '%.*s' is listed twice in SignedHeaders",
			    (int)(len > 100 ? 100 : len), s);
		put(t, s, len);
		put_char(t, ':');
		/* One that did not arrive counts as empty: the signature
		 * then tells whether it was. */
		if (e != NULL) {
			const char *name = e->name;

			put_value(t, e->value);
			e->covered = 1;
			while (++e < f->list + f->count &&
			    strcmp(e->name, name) == 0) {
				put_char(t, ',');
				put_value(t, e->value);
				e->covered = 1;
			}
		}
		put_char(t, '\n');
		s += len;
		if (*s++ == '\0')
			break;
	}
	if (!c->must_cover)
		return VT_OK;
	if (!host)
		return vt_fail(err, VT_INVALID, "There were headers present "
		    "in the request which were not signed: host");
	for (i = 0; i < f->count; i++) {
		if (!f->list[i].covered && is_amz(f->list[i].name))
			return vt_fail(err, VT_INVALID, "There were headers "
			    "present in the request which were not signed: "
			    "%.100s", f->list[i].name);
	}
	return VT_OK;
}

/*
 * The path without empty, "." and ".." segments (RFC 3986 section 5.2.4), as
 * services other than S3 sign it.  Encoded as it is: an escape in it becomes
 * encoded twice.
 */
static int
put_normalised(struct text *t, struct vt_arena *a, const char *path)
{
	struct text n;
	int slash;

	if (text_init(&n, a, strlen(path) + 2) < 0)
		return -1;
	for (;;) {
		size_t len = strcspn(path, "/");

		slash = 1;
		if (len == 2 && memcmp(path, "..", 2) == 0) {
			while (n.len > 0 && n.p[--n.len] != '/')
				;
		} else if (len > 0 && !(len == 1 && path[0] == '.')) {
			put_char(&n, '/');
			put(&n, path, len);
			slash = 0;
		}
		path += len;
		if (*path++ == '\0')
			break;
	}
	if (n.len == 0 || slash)
		put_char(&n, '/');
	return put_encoded(t, n.p, n.len, KEEP_SLASH);
}

static enum vt_code
put_path(struct text *t, struct vt_arena *a, const struct canon *c,
    struct vt_err *err)
{
	const char *path = c->r->raw_path;

	if (!c->s3_path) {
		if (put_normalised(t, a, path) < 0)
			return no_memory(err);
		return VT_OK;
	}
	if (*path == '\0')
		path = "/";
	if (put_encoded(t, path, strlen(path), DECODE | KEEP_SLASH) < 0)
		return vt_fail(err, VT_INVALID,
		    "the path has a broken percent escape");
	return VT_OK;
}

static enum vt_code
canonical(struct vt_arena *a, const struct canon *c, struct text *t,
    struct vt_err *err)
{
	const struct vt_sig_request *r = c->r;
	size_t params = count_params(r->raw_query);
	size_t names = strlen(c->signed_headers);
	struct fields f;
	enum vt_code rc;

	rc = sort_fields(a, r->headers, r->header_count, &f, err);
	if (rc != VT_OK)
		return rc;
	/* Encoding makes three bytes of one; a name takes ':' and '\n', and
	 * there are at most as many names as bytes, plus one. */
	if (text_init(t, a, strlen(r->method) + 3 * strlen(r->raw_path) +
	    3 * strlen(r->raw_query) + 2 * params + f.value_bytes +
	    4 * names + strlen(c->payload) + 32) < 0)
		return no_memory(err);
	put_str(t, r->method);
	put_char(t, '\n');
	rc = put_path(t, a, c, err);
	if (rc != VT_OK)
		return rc;
	put_char(t, '\n');
	rc = put_query(t, a, r->raw_query, params, c->presigned, err);
	if (rc != VT_OK)
		return rc;
	put_char(t, '\n');
	rc = put_headers(t, c, &f, err);
	if (rc != VT_OK)
		return rc;
	put_char(t, '\n');
	put_str(t, c->signed_headers);
	put_char(t, '\n');
	put_str(t, c->payload);
	return VT_OK;
}

enum vt_code
vt_sig_canonical(struct vt_arena *a, const struct vt_sig_request *r,
    const char *signed_headers, const char *content_sha256, int s3_path,
    int presigned, struct vt_buf *out, struct vt_err *err)
{
	struct canon c = { r, signed_headers, content_sha256, s3_path,
	    presigned, 0 };
	enum vt_code rc;
	struct text t;

	rc = canonical(a, &c, &t, err);
	if (rc != VT_OK)
		return rc;
	vt_buf_add(out, t.p, t.len);
	return vt_buf_check(out, "the canonical request", err);
}

/* --- keys and signatures ------------------------------------------------- */

int
vt_sig_key(const char *secret, const char *date, const char *region,
    const char *service, uint8_t out[32])
{
	char first[4 + SECRET_MAX];
	size_t len = strlen(secret);
	uint8_t k[32];
	int rc = -1;

	if (len > SECRET_MAX)
		goto out;
	memcpy(first, "AWS4", 4);
	memcpy(first + 4, secret, len);
	if (vt_hmac_sha256(first, 4 + len, date, strlen(date), k) < 0 ||
	    vt_hmac_sha256(k, 32, region, strlen(region), out) < 0 ||
	    vt_hmac_sha256(out, 32, service, strlen(service), k) < 0 ||
	    vt_hmac_sha256(k, 32, TERMINATOR, strlen(TERMINATOR), out) < 0)
		goto out;
	rc = 0;
out:
	explicit_bzero(first, sizeof(first));
	explicit_bzero(k, sizeof(k));
	return rc;
}

struct to_sign {
	const char *algorithm;
	int64_t time_us;
	const char *date, *region, *service;
};

/* Write the string to sign, whose last lines are `rest`, and its signature in
 * hex.  0, or -1: too long, or no memory. */
static int
sign_text(const struct to_sign *s, const char *rest, const uint8_t key[32],
    char text[STRING_TO_SIGN_MAX], char out[65])
{
	char time[17];
	uint8_t mac[32];
	int n;

	vt_time_amz(s->time_us, time);
	n = snprintf(text, STRING_TO_SIGN_MAX, "%s\n%s\n%s/%s/%s/%s\n%s",
	    s->algorithm, time, s->date, s->region, s->service, TERMINATOR,
	    rest);
	if (n < 0 || n >= STRING_TO_SIGN_MAX)
		return -1;
	if (vt_hmac_sha256(key, 32, text, (size_t)n, mac) < 0)
		return -1;
	vt_hex_encode(mac, 32, out);
	return 0;
}

/* Canonical request, string to sign, signature. */
static enum vt_code
sign_request(struct vt_arena *a, const struct canon *c,
    const struct to_sign *s, const uint8_t key[32], struct text *creq,
    char text[STRING_TO_SIGN_MAX], char out[65], struct vt_err *err)
{
	uint8_t digest[VT_HASH_MAX];
	char hex[65];
	enum vt_code rc;

	rc = canonical(a, c, creq, err);
	if (rc != VT_OK)
		return rc;
	if (vt_hash_once(VT_SHA256, creq->p, creq->len, digest) < 0)
		return no_memory(err);
	vt_hex_encode(digest, 32, hex);
	if (sign_text(s, hex, key, text, out) < 0)
		return no_memory(err);
	return VT_OK;
}

static int
same_signature(const char *claimed, const char *right, size_t len)
{
	return strlen(claimed) == len && vt_equal_secret(claimed, right, len);
}

static enum vt_code
mismatch(struct vt_err *err)
{
	return vt_fail(err, VT_DENIED, "The request signature we calculated "
	    "does not match the signature you provided. Check your key and "
	    "signing method.");
}

enum vt_code
vt_sig_verify(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_auth *auth, const uint8_t key[32], char seed[65],
    struct vt_buf *detail, struct vt_err *err)
{
	struct canon c = { r, auth->signed_headers,
	    auth->content_sha256[0] != '\0' ? auth->content_sha256 : UNSIGNED,
	    1, auth->presigned, 1 };
	struct to_sign s = { ALGORITHM, auth->time_us, auth->date,
	    auth->region, auth->service };
	char text[STRING_TO_SIGN_MAX], right[65];
	enum vt_code rc;
	struct text creq;

	if (auth->version != 4)
		return vt_fail(err, VT_INVALID,
		    "not a signature of version 4");
	rc = sign_request(a, &c, &s, key, &creq, text, right, err);
	if (rc != VT_OK)
		return rc;
	if (same_signature(auth->signature, right, 64)) {
		memcpy(seed, right, 65);
		return VT_OK;
	}
	if (detail != NULL) {
		vt_buf_add(detail, creq.p, creq.len);
		vt_buf_char(detail, '\0');
		vt_buf_str(detail, text);
	}
	return mismatch(err);
}

static enum vt_code
verify_piece(const struct vt_sig_auth *auth, const char *algorithm,
    const char *rest, const uint8_t key[32], char prev[65],
    const char *claimed)
{
	struct to_sign s = { algorithm, auth->time_us, auth->date,
	    auth->region, auth->service };
	char text[STRING_TO_SIGN_MAX], right[65];

	if (sign_text(&s, rest, key, text, right) < 0)
		return VT_NOMEM;
	if (!same_signature(claimed, right, 64))
		return VT_DENIED;
	memcpy(prev, right, 65);
	return VT_OK;
}

enum vt_code
vt_sig_chunk(const struct vt_sig_auth *auth, const uint8_t key[32],
    char prev[65], const uint8_t sha256[32], const char *claimed)
{
	char rest[3 * 65], hex[65];

	vt_hex_encode(sha256, 32, hex);
	snprintf(rest, sizeof(rest), "%.64s\n" EMPTY_SHA256 "\n%s", prev,
	    hex);
	return verify_piece(auth, ALGORITHM "-PAYLOAD", rest, key, prev,
	    claimed);
}

enum vt_code
vt_sig_trailer(const struct vt_sig_auth *auth, const uint8_t key[32],
    char prev[65], const uint8_t sha256[32], const char *claimed)
{
	char rest[2 * 65], hex[65];

	vt_hex_encode(sha256, 32, hex);
	snprintf(rest, sizeof(rest), "%.64s\n%s", prev, hex);
	return verify_piece(auth, ALGORITHM "-TRAILER", rest, key, prev,
	    claimed);
}

/* --- parsing ------------------------------------------------------------- */

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

static const char *
trimmed(struct vt_arena *a, const char *s)
{
	size_t len;

	while (is_space(*s))
		s++;
	len = strlen(s);
	if (len == 0 || !is_space(s[len - 1]))
		return s;
	while (len > 0 && is_space(s[len - 1]))
		len--;
	return vt_arena_dup(a, s, len);
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
			if (name_is(q.name, q.name_len, query_names[k]))
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

/* A byte that may stand in a header's name, or close to it: what would end
 * the name or a list of names may not. */
static int
in_name(char c)
{
	return c > ' ' && c < 0x7f && c != ':' && c != ',' && c != ';';
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

/* --- version 2 ----------------------------------------------------------- */

/* Parameters that version 2 signs, sorted. */
static const char *const sub_resources[] = {
	"accelerate", "acl", "analytics", "cors", "delete", "encryption",
	"intelligent-tiering", "inventory", "legal-hold", "lifecycle",
	"location", "logging", "metrics", "notification", "object-lock",
	"ownershipControls", "partNumber", "policy", "policyStatus",
	"publicAccessBlock", "replication", "requestPayment",
	"response-cache-control", "response-content-disposition",
	"response-content-encoding", "response-content-language",
	"response-content-type", "response-expires", "restore", "retention",
	"select", "select-type", "tagging", "torrent", "uploadId", "uploads",
	"versionId", "versioning", "versions", "website"
};

static int
compare_name(const void *key, const void *member)
{
	return strcmp(key, *(const char *const *)member);
}

static const char *
first_header(const struct vt_sig_request *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->header_count; i++)
		if (strcasecmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	return "";
}

struct v2 {
	struct vt_header *amz;	/* x-amz-*, also from a presigned query */
	size_t amz_count;
	struct param *sub;	/* decoded */
	size_t sub_count;
};

/*
 * Sort out headers and parameters.  A presigned link of version 2 carries
 * the x-amz-* headers that it wants in its query, signed as headers.
 */
static enum vt_code
gather_v2(struct vt_arena *a, const struct vt_sig_request *r, int presigned,
    struct v2 *out, struct vt_err *err)
{
	size_t params = count_params(r->raw_query), i;
	const char *rest = r->raw_query;
	struct param q;

	memset(out, 0, sizeof(*out));
	out->amz = vt_arena_alloc(a,
	    (r->header_count + params + 1) * sizeof(*out->amz));
	out->sub = vt_arena_alloc(a, (params + 1) * sizeof(*out->sub));
	if (out->amz == NULL || out->sub == NULL)
		return no_memory(err);
	for (i = 0; i < r->header_count; i++)
		if (strncasecmp(r->headers[i].name, "x-amz-", 6) == 0)
			out->amz[out->amz_count++] = r->headers[i];
	while (next_param(&rest, &q)) {
		char *name = vt_arena_dup(a, q.name, q.name_len);
		char *value = vt_arena_dup(a, q.value, q.value_len);
		long n, v;

		if (name == NULL || value == NULL)
			return no_memory(err);
		n = vt_uri_decode(name, q.name_len, 1);
		v = vt_uri_decode(value, q.value_len, 1);
		if (n < 0 || v < 0 || memchr(name, '\0', (size_t)n) != NULL ||
		    memchr(value, '\0', (size_t)v) != NULL)
			return vt_fail(err, VT_INVALID,
			    "the query string is not well encoded");
		name[n] = value[v] = '\0';
		if (presigned && strncasecmp(name, "x-amz-", 6) == 0) {
			out->amz[out->amz_count].name = name;
			out->amz[out->amz_count++].value = value;
		} else if (bsearch(name, sub_resources,
		    sizeof(sub_resources) / sizeof(sub_resources[0]),
		    sizeof(sub_resources[0]), compare_name) != NULL) {
			struct param *s = &out->sub[out->sub_count++];

			s->name = name;
			s->value = value;
			s->name_len = (size_t)n;
			s->value_len = (size_t)v;
			s->has_value = q.has_value;
		}
	}
	qsort(out->sub, out->sub_count, sizeof(*out->sub), compare_params);
	return VT_OK;
}

static void
put_line(struct text *t, const char *value)
{
	put_value(t, value);
	put_char(t, '\n');
}

static enum vt_code
string_to_sign_v2(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_auth *auth, const char *bucket, struct text *t,
    struct vt_err *err)
{
	const char *md5 = first_header(r, "content-md5");
	const char *type = first_header(r, "content-type");
	const char *date = first_header(r, "date");
	char expires[24];
	struct fields f;
	enum vt_code rc;
	size_t i, names = 0;
	struct v2 v;

	rc = gather_v2(a, r, auth->presigned, &v, err);
	if (rc != VT_OK)
		return rc;
	rc = sort_fields(a, v.amz, v.amz_count, &f, err);
	if (rc != VT_OK)
		return rc;
	if (auth->presigned) {
		snprintf(expires, sizeof(expires), "%lld",
		    (long long)auth->expires_s);
		date = expires;
	} else if (find_field(&f, "x-amz-date", 10) != NULL) {
		date = "";	/* it is among the x-amz-* headers */
	}
	for (i = 0; i < f.count; i++)
		names += strlen(f.list[i].name) + 2;
	if (text_init(t, a, strlen(r->method) + strlen(md5) + strlen(type) +
	    strlen(date) + names + f.value_bytes +
	    (bucket != NULL ? strlen(bucket) : 0) + strlen(r->raw_path) +
	    strlen(r->raw_query) + 2 * v.sub_count + 16) < 0)
		return no_memory(err);
	put_line(t, r->method);
	put_line(t, md5);
	put_line(t, type);
	put_line(t, date);
	for (i = 0; i < f.count; i++) {
		int same = i > 0 &&
		    strcmp(f.list[i].name, f.list[i - 1].name) == 0;

		if (same) {
			put_char(t, ',');
		} else {
			if (i > 0)
				put_char(t, '\n');
			put_str(t, f.list[i].name);
			put_char(t, ':');
		}
		put_value(t, f.list[i].value);
	}
	if (f.count > 0)
		put_char(t, '\n');
	if (bucket != NULL) {
		put_char(t, '/');
		put_str(t, bucket);
	}
	put_str(t, *r->raw_path != '\0' ? r->raw_path : "/");
	for (i = 0; i < v.sub_count; i++) {
		put_char(t, i == 0 ? '?' : '&');
		put(t, v.sub[i].name, v.sub[i].name_len);
		if (!v.sub[i].has_value)
			continue;
		put_char(t, '=');
		put(t, v.sub[i].value, v.sub[i].value_len);
	}
	return VT_OK;
}

static enum vt_code
compare_v2(const struct vt_sig_auth *auth, const char *secret,
    const char *text, size_t len, struct vt_err *err)
{
	char right[4 * ((20 + 2) / 3) + 1];
	uint8_t mac[20];

	if (vt_hmac_sha1(secret, strlen(secret), text, len, mac) < 0)
		return no_memory(err);
	vt_b64_encode(mac, sizeof(mac), right);
	return same_signature(auth->signature, right, sizeof(right) - 1) ?
	    VT_OK : mismatch(err);
}

static enum vt_code
verify_v2(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_auth *auth, const char *secret,
    const char *resource_bucket, struct vt_err *err)
{
	enum vt_code rc;
	struct text t;

	rc = string_to_sign_v2(a, r, auth, resource_bucket, &t, err);
	if (rc != VT_OK)
		return rc;
	return compare_v2(auth, secret, t.p, t.len, err);
}

enum vt_code
vt_sig_verify_v2(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_auth *auth, const char *secret,
    const char *resource_bucket, struct vt_err *err)
{
	struct vt_sig_request slash = *r;
	enum vt_code rc;

	if (auth->version != 2)
		return vt_fail(err, VT_INVALID,
		    "not a signature of version 2");
	rc = verify_v2(a, r, auth, secret, resource_bucket, err);
	if (rc != VT_DENIED || resource_bucket != NULL ||
	    r->raw_path[0] != '/' || r->raw_path[1] == '\0' ||
	    strchr(r->raw_path + 1, '/') != NULL)
		return rc;
	/* A bucket alone: boto signs "/bucket/", as if the bucket came from
	 * the host, and sends "/bucket". */
	slash.raw_path = vt_arena_printf(a, "%s/", r->raw_path);
	if (slash.raw_path == NULL)
		return no_memory(err);
	return verify_v2(a, &slash, auth, secret, NULL, err);
}

int
vt_header_valid(const char *name, const char *value)
{
	if (*name == '\0')
		return 0;
	for (; *name != '\0'; name++)
		if (!in_name(*name))
			return 0;
	for (; *value != '\0'; value++)
		if (((unsigned char)*value < 0x20 && *value != '\t') ||
		    *value == 0x7f)
			return 0;
	return 1;
}

/* --- forms --------------------------------------------------------------- */

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

enum vt_code
vt_sig_verify_form(const struct vt_sig_auth *auth, const uint8_t key[32],
    const char *policy, struct vt_err *err)
{
	uint8_t mac[32];
	char right[65];

	if (vt_hmac_sha256(key, 32, policy, strlen(policy), mac) < 0)
		return no_memory(err);
	vt_hex_encode(mac, 32, right);
	return same_signature(auth->signature, right, 64) ? VT_OK :
	    mismatch(err);
}

enum vt_code
vt_sig_verify_form_v2(const struct vt_sig_auth *auth, const char *secret,
    const char *policy, struct vt_err *err)
{
	return compare_v2(auth, secret, policy, strlen(policy), err);
}

/* --- signing ------------------------------------------------------------- */

/* The names of all headers, each once, joined by ';'. */
static enum vt_code
all_names(struct vt_arena *a, const struct vt_sig_request *r, char **out,
    struct vt_err *err)
{
	struct fields f;
	struct text t;
	enum vt_code rc;
	size_t i, bytes = 1;

	*out = NULL;
	rc = sort_fields(a, r->headers, r->header_count, &f, err);
	if (rc != VT_OK)
		return rc;
	if (find_field(&f, "host", 4) == NULL)
		return vt_fail(err, VT_INVALID,
		    "cannot sign a request without a Host header");
	for (i = 0; i < f.count; i++) {
		const char *s = f.list[i].name;

		bytes += strlen(s) + 1;
		while (in_name(*s))
			s++;
		if (*s != '\0' || s == f.list[i].name)
			return vt_fail(err, VT_INVALID, "cannot sign a "
			    "header called '%.100s'", f.list[i].name);
	}
	if (text_init(&t, a, bytes) < 0)
		return no_memory(err);
	for (i = 0; i < f.count; i++) {
		if (i > 0 &&
		    strcmp(f.list[i].name, f.list[i - 1].name) == 0)
			continue;
		if (i > 0)
			put_char(&t, ';');
		put_str(&t, f.list[i].name);
	}
	put_char(&t, '\0');
	*out = t.p;
	return VT_OK;
}

static enum vt_code
check_cred(const struct vt_sig_cred *cred, struct vt_err *err)
{
	if (strlen(cred->secret_key) > SECRET_MAX)
		return vt_fail(err, VT_INVALID,
		    "the secret key is longer than %d bytes", SECRET_MAX);
	if (*cred->access_key == '\0' || *cred->region == '\0' ||
	    *cred->service == '\0')
		return vt_fail(err, VT_INVALID,
		    "signing needs an access key, a region and a service");
	if (strlen(cred->access_key) > ACCESS_KEY_MAX ||
	    strlen(cred->region) > REGION_MAX ||
	    strlen(cred->service) > SERVICE_MAX)
		return vt_fail(err, VT_INVALID,
		    "access key, region or service is too long to sign with");
	return VT_OK;
}

/* Derive the day's key, sign, forget the key. */
static enum vt_code
sign_with(struct vt_arena *a, const struct canon *c,
    const struct vt_sig_cred *cred, int64_t now_us, const char *day,
    char signature[65], struct vt_err *err)
{
	struct to_sign s = { ALGORITHM, now_us, day, cred->region,
	    cred->service };
	char text[STRING_TO_SIGN_MAX];
	struct text creq;
	enum vt_code rc;
	uint8_t key[32];

	if (vt_sig_key(cred->secret_key, day, cred->region, cred->service,
	    key) < 0)
		return no_memory(err);
	rc = sign_request(a, c, &s, key, &creq, text, signature, err);
	explicit_bzero(key, sizeof(key));
	return rc;
}

/* A header to send and sign, unless the caller has it among his own. */
static void
add_header(const struct vt_sig_request *r, const char *name,
    const char *value, struct vt_header *added, size_t *count)
{
	size_t i;

	for (i = 0; i < r->header_count; i++)
		if (strcasecmp(r->headers[i].name, name) == 0)
			return;
	added[*count].name = name;
	added[(*count)++].value = value;
}

enum vt_code
vt_sig_sign(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_cred *cred, int64_t now_us,
    const char *content_sha256, int s3_path, struct vt_header **out,
    size_t *out_count, struct vt_err *err)
{
	struct vt_sig_request full = *r;
	struct vt_header *all, *added;
	char day[9], signature[65];
	char *time, *names;
	struct canon c;
	enum vt_code rc;
	size_t n = 1;

	*out = NULL;
	*out_count = 0;
	rc = check_cred(cred, err);
	if (rc != VT_OK)
		return rc;
	time = vt_arena_alloc(a, 17);
	all = vt_arena_alloc(a, (r->header_count + 3) * sizeof(*all));
	added = vt_arena_alloc(a, 4 * sizeof(*added));
	if (time == NULL || all == NULL || added == NULL)
		return no_memory(err);
	vt_time_amz(now_us, time);
	snprintf(day, sizeof(day), "%.8s", time);
	add_header(r, "x-amz-date", time, added, &n);
	if (s3_path)
		add_header(r, "x-amz-content-sha256", content_sha256, added,
		    &n);
	if (cred->session_token != NULL)
		add_header(r, "x-amz-security-token", cred->session_token,
		    added, &n);
	if (r->header_count > 0)
		memcpy(all, r->headers, r->header_count * sizeof(*all));
	memcpy(all + r->header_count, added + 1, (n - 1) * sizeof(*all));
	full.headers = all;
	full.header_count += n - 1;
	rc = all_names(a, &full, &names, err);
	if (rc != VT_OK)
		return rc;
	c = (struct canon){ &full, names, content_sha256, s3_path, 0, 0 };
	rc = sign_with(a, &c, cred, now_us, day, signature, err);
	if (rc != VT_OK)
		return rc;
	added[0].name = "Authorization";
	added[0].value = vt_arena_printf(a, ALGORITHM " Credential=%s/%s/%s/"
	    "%s/" TERMINATOR ", SignedHeaders=%s, Signature=%s",
	    cred->access_key, day, cred->region, cred->service, names,
	    signature);
	if (added[0].value == NULL)
		return no_memory(err);
	*out = added;
	*out_count = n;
	return VT_OK;
}

static void
add_param(struct vt_buf *out, const char *name, const char *value)
{
	vt_buf_char(out, '&');
	vt_buf_str(out, name);
	vt_buf_char(out, '=');
	vt_uri_encode(out, value, strlen(value), 0);
}

enum vt_code
vt_sig_presign(struct vt_arena *a, const struct vt_sig_request *r,
    const struct vt_sig_cred *cred, int64_t now_us, int64_t expires_s,
    struct vt_buf *out, struct vt_err *err)
{
	const char *payload = first_header(r, "x-amz-content-sha256");
	struct vt_sig_request full = *r;
	char time[17], day[9], signature[65], *names, *credential;
	char expires[24];
	size_t start = out->len;
	struct canon c;
	enum vt_code rc;

	if (expires_s < 1 || expires_s > EXPIRES_MAX_S)
		return vt_fail(err, VT_INVALID,
		    "a presigned URL lives for 1 to %d seconds, not %lld",
		    EXPIRES_MAX_S, (long long)expires_s);
	rc = check_cred(cred, err);
	if (rc != VT_OK)
		return rc;
	vt_time_amz(now_us, time);
	snprintf(day, sizeof(day), "%.8s", time);
	snprintf(expires, sizeof(expires), "%lld", (long long)expires_s);
	rc = all_names(a, r, &names, err);
	if (rc != VT_OK)
		return rc;
	credential = vt_arena_printf(a, "%s/%s/%s/%s/" TERMINATOR,
	    cred->access_key, day, cred->region, cred->service);
	if (credential == NULL)
		return no_memory(err);
	vt_buf_str(out, r->raw_query);
	if (out->len > start)
		vt_buf_char(out, '&');
	vt_buf_str(out, "X-Amz-Algorithm=" ALGORITHM);
	add_param(out, "X-Amz-Credential", credential);
	add_param(out, "X-Amz-Date", time);
	add_param(out, "X-Amz-Expires", expires);
	if (cred->session_token != NULL)
		add_param(out, "X-Amz-Security-Token", cred->session_token);
	add_param(out, "X-Amz-SignedHeaders", names);
	rc = vt_buf_check(out, "the presigned URL", err);
	if (rc != VT_OK)
		return rc;
	full.raw_query = out->data + start;
	c = (struct canon){ &full, names, *payload != '\0' ? payload :
	    UNSIGNED, 1, 1, 0 };
	rc = sign_with(a, &c, cred, now_us, day, signature, err);
	if (rc != VT_OK)
		return rc;
	add_param(out, "X-Amz-Signature", signature);
	return vt_buf_check(out, "the presigned URL", err);
}
