/*
 * The published signing vectors, one directory a case under tests/vectors;
 * the README there says whose they are and how their readings differ.
 * Run from the top of the tree.
 */
#include <dirent.h>
#include <jansson.h>
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/base/clock.h"
#include "libvt/base/fs.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/proto/awschunked.h"
#include "libvt/proto/sigv4.h"

#include "tests/unit/test.h"

#define ROOT "tests/vectors/"
#define HEADERS 32
#define EMPTY \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* A raw HTTP message, split in place of its own memory. */
struct message {
	char *text;
	struct vt_sig_request r;
	struct vt_header h[HEADERS];
	const char *body;
	char payload[65];		/* SHA-256 of the body */
};

static struct vt_arena *arena;

static char *
slurp(const char *dir, const char *name)
{
	char path[512], *out;
	struct vt_err err;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (vt_fs_read(path, 1 << 20, &out, &len, &err) != VT_OK) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	return out;
}

static void
sha256_hex(const char *s, size_t len, char out[65])
{
	uint8_t digest[VT_HASH_MAX];

	if (vt_hash_once(VT_SHA256, s, len, digest) < 0)
		abort();
	vt_hex_encode(digest, 32, out);
}

static void
add_header(struct message *m, const char *name, const char *value)
{
	if (m->r.header_count == HEADERS)
		abort();
	m->h[m->r.header_count].name = name;
	m->h[m->r.header_count++].value = value;
}

/* Header lines up to the blank one.  `fold_repeats`: a continuation line
 * counts as the header once more. */
static char *
split_headers(struct message *m, char *s, int fold_repeats)
{
	while (s != NULL && *s != '\0' && *s != '\n') {
		char *end = strchr(s, '\n'), *colon;

		while (!fold_repeats && end != NULL &&
		    (end[1] == ' ' || end[1] == '\t'))
			end = strchr(end + 1, '\n');
		if (end != NULL)
			*end++ = '\0';
		if (*s == ' ' || *s == '\t') {
			add_header(m, m->h[m->r.header_count - 1].name, s);
		} else {
			colon = strchr(s, ':');
			*colon = '\0';
			add_header(m, s, colon + 1);
		}
		s = end;
	}
	return s;
}

static void
read_message(const char *dir, const char *name, int fold_repeats,
    struct message *m)
{
	char *s, *end, *query;

	memset(m, 0, sizeof(*m));
	m->text = s = slurp(dir, name);
	m->r.headers = m->h;
	end = strchr(s, '\n');
	*end++ = '\0';
	m->r.method = s;
	s = strchr(s, ' ');
	*s++ = '\0';
	m->r.raw_path = s;
	*strrchr(s, ' ') = '\0';	/* the path itself may hold spaces */
	query = strchr(s, '?');
	if (query != NULL)
		*query++ = '\0';
	m->r.raw_query = query != NULL ? query : "";
	s = split_headers(m, end, fold_repeats);
	m->body = s != NULL && *s == '\n' ? s + 1 : "";
	sha256_hex(m->body, strlen(m->body), m->payload);
}

/* The signature of a string to sign, by its own scope line. */
static void
sign_sts(const char *secret, const char *sts, char out[65])
{
	char scope[256], *date, *region, *service;
	uint8_t key[32], mac[32];
	const char *line;

	line = strchr(strchr(sts, '\n') + 1, '\n') + 1;
	snprintf(scope, sizeof(scope), "%.*s", (int)strcspn(line, "\n"),
	    line);
	date = scope;
	region = strchr(date, '/');
	*region++ = '\0';
	service = strchr(region, '/');
	*service++ = '\0';
	*strchr(service, '/') = '\0';
	if (vt_sig_key(secret, date, region, service, key) < 0 ||
	    vt_hmac_sha256(key, 32, sts, strlen(sts), mac) < 0)
		abort();
	vt_hex_encode(mac, 32, out);
}

static int
check_canonical(const char *what, const struct vt_sig_request *r,
    const char *signed_headers, const char *payload, int s3_path,
    int presigned, const char *want)
{
	struct vt_err err = { VT_OK, "" };
	struct vt_buf b;
	int good;

	vt_buf_init(&b, 1 << 20);
	good = vt_sig_canonical(arena, r, signed_headers, payload, s3_path,
	    presigned, &b, &err) == VT_OK && strcmp(b.data, want) == 0;
	if (!ok(good, "%s: canonical request", what))
		printf("# %s\n# got:\n%s\n# want:\n%s\n", err.text, b.data,
		    want);
	vt_buf_release(&b);
	return good;
}

/* The line of SignedHeaders in a canonical request: the last but one. */
static char *
names_of(const char *creq)
{
	const char *last = strrchr(creq, '\n'), *s = last;

	while (s[-1] != '\n')
		s--;
	return vt_arena_dup(arena, s, (size_t)(last - s));
}

/* Parse and verify as S3 would, its peculiar demands on the payload aside. */
static enum vt_code
verify(const struct vt_sig_request *r, const char *secret,
    const char *payload, char seed[65])
{
	struct vt_sig_auth auth;
	struct vt_err err;
	const char *code = NULL;
	uint8_t key[32];
	enum vt_code rc;

	rc = vt_sig_parse(arena, r, &auth, &code, &err);
	if (rc != VT_OK && (rc != VT_INVALID ||
	    strcmp(code, "InvalidRequest") != 0)) {
		printf("# %s: %s\n", code, err.text);
		return rc;
	}
	if (auth.content_sha256[0] == '\0')
		auth.content_sha256 = payload;
	if (vt_sig_key(secret, auth.date, auth.region, auth.service, key) < 0)
		abort();
	return vt_sig_verify(arena, r, &auth, key, seed, NULL, &err);
}

/* --- aws-c-auth ---------------------------------------------------------- */

struct context {
	json_t *json;
	struct vt_sig_cred cred;
	const char *token;
	int64_t now_us;
	int normalize, sign_body, omit_token, agrees_with_s3;
};

static void
read_context(const char *dir, const char *name, struct context *c)
{
	char path[512];
	json_t *cred;

	memset(c, 0, sizeof(*c));
	snprintf(path, sizeof(path), "%s/context.json", dir);
	c->json = json_load_file(path, 0, NULL);
	if (c->json == NULL)
		abort();
	cred = json_object_get(c->json, "credentials");
	c->cred.access_key = json_string_value(json_object_get(cred,
	    "access_key_id"));
	c->cred.secret_key = json_string_value(json_object_get(cred,
	    "secret_access_key"));
	c->token = json_string_value(json_object_get(cred, "token"));
	c->cred.region = json_string_value(json_object_get(c->json,
	    "region"));
	c->cred.service = json_string_value(json_object_get(c->json,
	    "service"));
	c->normalize = json_is_true(json_object_get(c->json, "normalize"));
	c->sign_body = json_is_true(json_object_get(c->json, "sign_body"));
	c->omit_token = json_is_true(json_object_get(c->json,
	    "omit_session_token"));
	c->cred.session_token = c->omit_token ? NULL : c->token;
	if (vt_time_parse_rfc3339(json_string_value(json_object_get(c->json,
	    "timestamp")), strlen("2015-08-30T12:36:00Z"), &c->now_us) < 0)
		abort();
	/* "/example space/" and its like have nothing to normalise. */
	c->agrees_with_s3 = !c->normalize ||
	    strstr(name, "-normalized") == NULL ||
	    strstr(name, "get-space") != NULL;
}

static void
c_auth_header(const char *dir, const char *name, const struct context *c)
{
	char what[128], seed[65] = "", want_seed[65];
	char *creq = slurp(dir, "header-canonical-request.txt");
	char *sts = slurp(dir, "header-string-to-sign.txt");
	char *signature = slurp(dir, "header-signature.txt");
	const char *payload, *names = names_of(creq);
	struct vt_header *added = NULL;
	struct message m, sent;
	struct vt_err err;
	enum vt_code rc, want;
	char time[17];
	size_t n = 0;

	snprintf(what, sizeof(what), "aws-c-auth %s header", name);
	read_message(dir, "request.txt", 0, &m);
	payload = c->sign_body ? m.payload : EMPTY;
	if (c->sign_body)
		add_header(&m, "x-amz-content-sha256", payload);
	if (c->normalize) {
		rc = vt_sig_sign(arena, &m.r, &c->cred, c->now_us, payload,
		    0, &added, &n, &err);
		ok(rc == VT_OK && strstr(added[0].value, signature) != NULL,
		    "%s: signed", what);
	}
	vt_time_amz(c->now_us, time);
	add_header(&m, "X-Amz-Date", time);
	if (c->cred.session_token != NULL)
		add_header(&m, "X-Amz-Security-Token", c->token);
	check_canonical(what, &m.r, names, payload, !c->normalize, 0, creq);
	sign_sts(c->cred.secret_key, sts, want_seed);
	is_str(want_seed, signature, "%s: signature", what);

	read_message(dir, "header-signed-request.txt", 0, &sent);
	want = c->agrees_with_s3 ? VT_OK : VT_DENIED;
	if (c->token != NULL && c->omit_token)
		want = VT_INVALID;	/* S3 wants every x-amz-* signed */
	rc = verify(&sent.r, c->cred.secret_key, payload, seed);
	is_int(rc, want, "%s: verified as S3 does", what);
	if (want == VT_OK)
		is_str(seed, signature, "%s: seed", what);
	free(m.text);
	free(sent.text);
	free(creq);
	free(sts);
	free(signature);
}

/* The query without the parameter `name`. */
static char *
without(const char *query, const char *name)
{
	char *copy = vt_arena_str(arena, query), *at = strstr(copy, name);
	size_t len;

	if (at == NULL)
		return copy;
	len = strcspn(at, "&");
	if (at[len] == '&')
		len++;
	memmove(at, at + len, strlen(at + len) + 1);
	return copy;
}

static void
c_auth_query(const char *dir, const char *name, const struct context *c)
{
	char what[128], seed[65] = "", right[65];
	char *creq = slurp(dir, "query-canonical-request.txt");
	char *sts = slurp(dir, "query-string-to-sign.txt");
	char *signature = slurp(dir, "query-signature.txt");
	const char *payload, *names = names_of(creq);
	struct vt_sig_request r;
	struct message m;
	enum vt_code want;

	snprintf(what, sizeof(what), "aws-c-auth %s query", name);
	read_message(dir, "query-signed-request.txt", 0, &m);
	payload = c->sign_body ? m.payload : EMPTY;
	r = m.r;
	if (c->omit_token)
		r.raw_query = without(r.raw_query, "X-Amz-Security-Token");
	check_canonical(what, &r, names, payload, !c->normalize, 1, creq);
	sign_sts(c->cred.secret_key, sts, right);
	is_str(right, signature, "%s: signature", what);

	want = c->agrees_with_s3 && !(c->token != NULL && c->omit_token) ?
	    VT_OK : VT_DENIED;
	is_int(verify(&m.r, c->cred.secret_key, payload, seed), want,
	    "%s: verified as S3 does", what);
	if (want == VT_OK)
		is_str(seed, signature, "%s: seed", what);
	free(m.text);
	free(creq);
	free(sts);
	free(signature);
}

static void
c_auth(const char *dir, const char *name)
{
	struct context c;

	read_context(dir, name, &c);
	c_auth_header(dir, name, &c);
	c_auth_query(dir, name, &c);
	json_decref(c.json);
}

/* --- the suite of 2019 --------------------------------------------------- */

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static char *
slurp_ext(const char *dir, const char *name, const char *ext)
{
	char file[128];

	snprintf(file, sizeof(file), "%s.%s", name, ext);
	return slurp(dir, file);
}

static void
suite_2019(const char *dir, const char *name)
{
	static const struct vt_sig_cred cred = { "AKIDEXAMPLE", SECRET, NULL,
	    "us-east-1", "service" };
	int stale = strncmp(name, "post-x-www-form", 15) == 0;
	char *creq = slurp_ext(dir, name, "creq");
	char *sts = slurp_ext(dir, name, "sts");
	char *authz = slurp_ext(dir, name, "authz");
	char file[128], what[128], right[65], hex[65];
	const char *names = names_of(creq);
	struct vt_header *added = NULL;
	struct message m;
	struct vt_err err;
	int64_t now_us;
	size_t n;

	snprintf(what, sizeof(what), "aws-sig-v4-test-suite %s", name);
	snprintf(file, sizeof(file), "%s.req", name);
	read_message(dir, file, 1, &m);
	check_canonical(what, &m.r, names, m.payload, 0, 0, creq);
	sha256_hex(creq, strlen(creq), hex);
	if (!stale)
		ok(strstr(sts, hex) != NULL, "%s: its hash", what);
	sign_sts(SECRET, sts, right);
	ok(strstr(authz, right) != NULL, "%s: signature", what);
	if (vt_time_parse_amz("20150830T123600Z", &now_us) < 0)
		abort();
	if (!stale) {
		ok(vt_sig_sign(arena, &m.r, &cred, now_us, m.payload, 0,
		    &added, &n, &err) == VT_OK, "%s: signing", what);
		is_str(added[0].value, authz, "%s: Authorization", what);
		/* What is there already is not sent twice. */
		is_int(n, 1, "%s: nothing else to add", what);
	}
	free(m.text);
	free(creq);
	free(sts);
	free(authz);
}

/* --- the examples of the S3 API reference -------------------------------- */

struct example {
	json_t *json;
	const char *name;
	struct vt_sig_cred cred;
	struct message m;
	int64_t now_us;
};

static const char *
text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

static void
read_example(const char *dir, const char *name, struct example *e)
{
	const char *key;
	char path[512];
	json_t *value;

	memset(e, 0, sizeof(*e));
	snprintf(path, sizeof(path), "%s/case.json", dir);
	e->json = json_load_file(path, 0, NULL);
	if (e->json == NULL)
		abort();
	e->name = name;
	e->cred.access_key = text_of(e->json, "access_key");
	e->cred.secret_key = text_of(e->json, "secret_key");
	e->cred.region = text_of(e->json, "region");
	e->cred.service = text_of(e->json, "service");
	e->m.r.method = text_of(e->json, "method");
	e->m.r.raw_path = text_of(e->json, "canonical_uri");
	e->m.r.raw_query = text_of(e->json, "canonical_query");
	e->m.r.headers = e->m.h;
	json_object_foreach(json_object_get(e->json, "headers"), key, value)
		add_header(&e->m, key, json_string_value(value));
	if (vt_time_parse_amz(text_of(e->json, "timestamp"), &e->now_us) < 0)
		e->now_us = -1;
}

/* The body as the page has it, decoded by the chunk decoder. */
static void
decode_example(const struct example *e, const struct vt_sig_auth *auth,
    const uint8_t key[32], const char seed[65])
{
	const json_t *chunks = json_object_get(e->json, "chunks");
	const char *trailer = text_of(e->json, "trailer");
	static char a[65536], out[1 << 17];
	size_t i, len, room, total = 0, bad = 0;
	struct vt_chunked *c;
	struct vt_err err = { VT_OK, "" };
	struct vt_buf b;
	json_t *chunk;

	memset(a, 'a', sizeof(a));
	vt_buf_init(&b, 1 << 20);
	json_array_foreach(chunks, i, chunk) {
		size_t n = (size_t)json_integer_value(json_object_get(chunk,
		    "size"));

		vt_buf_printf(&b, "%zx;chunk-signature=%s\r\n", n,
		    text_of(chunk, "signature"));
		vt_buf_add(&b, a, n);
		if (n > 0)
			vt_buf_str(&b, "\r\n");
	}
	if (*trailer != '\0')
		vt_buf_printf(&b, "%.*s\r\nx-amz-trailer-signature:%s\r\n",
		    (int)strcspn(trailer, "\n"), trailer,
		    text_of(e->json, "trailer_signature"));
	vt_buf_str(&b, "\r\n");

	c = vt_chunked_new(auth, key, seed, 66560);
	len = b.len;
	room = sizeof(out);
	is_int(vt_chunked_push(c, b.data, &len, out, &room, &err), VT_OK,
	    "s3-docs %s: body decodes", e->name);
	total = room;
	for (i = 0; i < total; i++)
		bad += out[i] != 'a';
	ok(len == b.len && total == 66560 && bad == 0,
	    "s3-docs %s: to 66560 letters a", e->name);
	is_int(vt_chunked_finish(c, &err), VT_OK, "s3-docs %s: body ends",
	    e->name);
	if (*trailer != '\0')
		is_str(vt_chunked_trailer(c, "x-amz-checksum-crc32c"),
		    "sOO8/Q==", "s3-docs %s: trailer", e->name);
	if (err.text[0] != '\0')
		printf("# %s\n", err.text);
	vt_chunked_free(c);
	vt_buf_release(&b);
}

static void
example_header(struct example *e)
{
	const char *payload = text_of(e->json, "payload_hash");
	const char *signature = text_of(e->json, "signature");
	struct vt_sig_auth auth;
	struct vt_header *added = NULL;
	struct vt_err err;
	char seed[65] = "";
	uint8_t key[32];
	size_t n;

	is_int(vt_sig_sign(arena, &e->m.r, &e->cred, e->now_us, payload, 1,
	    &added, &n, &err), VT_OK, "s3-docs %s: signing", e->name);
	add_header(&e->m, added[0].name, added[0].value);
	is_int(vt_sig_parse(arena, &e->m.r, &auth, NULL, &err), VT_OK,
	    "s3-docs %s: parsing", e->name);
	is_str(auth.signature, signature, "s3-docs %s: signature", e->name);
	is_str(auth.signed_headers, text_of(e->json, "signed_headers"),
	    "s3-docs %s: signed headers", e->name);
	if (vt_sig_key(e->cred.secret_key, auth.date, auth.region,
	    auth.service, key) < 0)
		abort();
	is_int(vt_sig_verify(arena, &e->m.r, &auth, key, seed, NULL, &err),
	    VT_OK, "s3-docs %s: verified", e->name);
	is_str(seed, signature, "s3-docs %s: seed", e->name);
	if (json_object_get(e->json, "chunks") != NULL)
		decode_example(e, &auth, key, seed);
}

static void
example_presigned(struct example *e)
{
	const char *signature = text_of(e->json, "signature");
	struct vt_sig_request r = e->m.r;
	struct vt_err err;
	struct vt_buf b;
	char seed[65] = "";

	vt_buf_init(&b, 4096);
	r.raw_query = "";
	is_int(vt_sig_presign(arena, &r, &e->cred, e->now_us, 86400, &b,
	    &err), VT_OK, "s3-docs %s: signing", e->name);
	ok(strstr(b.data, signature) != NULL, "s3-docs %s: signature",
	    e->name);
	r.raw_query = b.data;
	is_int(verify(&r, e->cred.secret_key, "", seed), VT_OK,
	    "s3-docs %s: verified", e->name);
	is_str(seed, signature, "s3-docs %s: seed", e->name);
	vt_buf_release(&b);
}

/* A POST form signs its policy's base64 with the day's key. */
static void
example_policy(struct example *e)
{
	const char *text = text_of(e->json, "string_to_sign");
	uint8_t key[32], mac[32];
	char hex[65];

	if (vt_sig_key(e->cred.secret_key, text_of(e->json, "date"),
	    e->cred.region, e->cred.service, key) < 0 ||
	    vt_hmac_sha256(key, 32, text, strlen(text), mac) < 0)
		abort();
	vt_hex_encode(mac, 32, hex);
	is_str(hex, text_of(e->json, "signature"), "s3-docs %s: signature",
	    e->name);
}

static void
s3_docs(const char *dir, const char *name)
{
	struct example e;
	char what[128], right[65];

	read_example(dir, name, &e);
	if (strcmp(name, "post-policy") == 0) {
		example_policy(&e);
	} else {
		int presigned = strncmp(name, "presigned", 9) == 0;

		snprintf(what, sizeof(what), "s3-docs %s", name);
		check_canonical(what, &e.m.r,
		    text_of(e.json, "signed_headers"),
		    text_of(e.json, "payload_hash"), 1, presigned,
		    text_of(e.json, "canonical_request"));
		sign_sts(e.cred.secret_key, text_of(e.json,
		    "string_to_sign"), right);
		is_str(right, text_of(e.json, "signature"),
		    "%s: string to sign", what);
		if (presigned)
			example_presigned(&e);
		else
			example_header(&e);
	}
	json_decref(e.json);
}

/* --- all of them --------------------------------------------------------- */

static int
is_case(const struct dirent *d)
{
	return d->d_type == DT_DIR && d->d_name[0] != '.';
}

static void
each_case(const char *suite, void (*run)(const char *, const char *),
    int want)
{
	struct dirent **list;
	char dir[512];
	int i, n, failed = 0;

	snprintf(dir, sizeof(dir), ROOT "%s", suite);
	n = scandir(dir, &list, is_case, alphasort);
	for (i = 0; i < n; i++) {
		int before = test_failures;

		snprintf(dir, sizeof(dir), ROOT "%s/%s", suite,
		    list[i]->d_name);
		arena = vt_arena_new(1 << 20);
		run(dir, list[i]->d_name);
		vt_arena_free(arena);
		failed += test_failures > before;
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	is_int(n, want, "%s: number of cases", suite);
	printf("# %s: %d of %d cases pass\n", suite, n - failed, n);
}

int
main(void)
{
	each_case("aws-c-auth", c_auth, 38);
	each_case("aws-sig-v4-test-suite", suite_2019, 31);
	each_case("s3-docs", s3_docs, 8);
	return test_done();
}
