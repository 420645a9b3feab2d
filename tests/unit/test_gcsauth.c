/* Keys of Google: read, turned into a signed claim that the public half of a
 * fresh key confirms, and the answers to it. */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "libvt/base/buf.h"
#include "libvt/base/hex.h"
#include "libvt/base/jsonl.h"

#include "libvt/proto/gcsauth.h"

#include "tests/unit/test.h"

#define NOW_US INT64_C(1795770611500000)

static struct vt_err err;

/* A new private key in PEM, into `out`. */
static EVP_PKEY *
new_key(struct vt_buf *out)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	if (key == NULL || bio == NULL || PEM_write_bio_PrivateKey(bio, key,
	    NULL, NULL, 0, NULL, NULL) != 1)
		abort();
	n = BIO_get_mem_data(bio, &text);
	vt_buf_add(out, text, (size_t)n);
	BIO_free(bio);
	return key;
}

/* base64url without padding, decoded; the length. */
static int
decode(const char *text, size_t len, void *out, size_t max)
{
	char b64[4096];
	size_t i;

	for (i = 0; i < len; i++)
		b64[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
	while (i % 4 != 0)
		b64[i++] = '=';
	return vt_b64_decode(b64, i, out, max);
}

static void
test_claim(void)
{
	struct vt_buf pem, file, jwt, form;
	char part[3][4096];
	const char *dot[2];
	struct vt_gcs_key k;
	EVP_MD_CTX *ctx;
	EVP_PKEY *key;
	int n[3];

	vt_buf_init(&pem, 65536);
	vt_buf_init(&file, 65536);
	vt_buf_init(&jwt, 65536);
	vt_buf_init(&form, 65536);
	key = new_key(&pem);
	/* As gcloud writes it: line by line, line breaks of the key escaped. */
	vt_buf_str(&file, "{\n  \"type\": \"service_account\",\n"
	    "  \"project_id\": \"p-1\",\n  \"private_key_id\": \"0a1b\",\n"
	    "  \"private_key\": ");
	vt_json_quote(&file, pem.data, pem.len);
	vt_buf_str(&file, ",\n  \"client_email\": \"vt@p-1.example\",\n"
	    "  \"client_id\": \"1\",\n"
	    "  \"token_uri\": \"https://token.example/t\"\n}\n");
	is_int(vt_gcs_key_parse(file.data, file.len, &k, &err), VT_OK,
	    "a key file");
	ok(strcmp(k.email, "vt@p-1.example") == 0 &&
	    strcmp(k.project, "p-1") == 0 &&
	    strcmp(k.private_key, pem.data) == 0, "what it holds");
	is_int(vt_gcs_jwt(&k, NOW_US, &jwt, &err), VT_OK, "a claim");
	dot[0] = strchr(jwt.data, '.');
	dot[1] = dot[0] != NULL ? strchr(dot[0] + 1, '.') : NULL;
	ok(dot[1] != NULL && strpbrk(jwt.data, "=+/\n") == NULL,
	    "of three parts of base64url");
	if (dot[1] == NULL)
		exit(1);
	n[0] = decode(jwt.data, (size_t)(dot[0] - jwt.data), part[0], 4096);
	n[1] = decode(dot[0] + 1, (size_t)(dot[1] - dot[0] - 1), part[1],
	    4096);
	n[2] = decode(dot[1] + 1, strlen(dot[1] + 1), part[2], 4096);
	if (n[0] < 0 || n[1] < 0 || n[2] < 0)
		exit(1);
	part[0][n[0]] = part[1][n[1]] = '\0';
	is_str(part[0], "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"0a1b\"}",
	    "its head");
	is_str(part[1], "{\"iss\":\"vt@p-1.example\",\"scope\":"
	    "\"https://www.googleapis.com/auth/devstorage.read_write\","
	    "\"aud\":\"https://token.example/t\",\"iat\":1795770611,"
	    "\"exp\":1795774211}", "what it claims, for an hour");
	ctx = EVP_MD_CTX_new();
	ok(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, (unsigned char *)part[2], (size_t)n[2],
	    (unsigned char *)jwt.data, (size_t)(dot[1] - jwt.data)) == 1,
	    "the public key confirms the signature");
	is_int(vt_gcs_token_request(&k, NOW_US, &form, &err), VT_OK,
	    "a request for a token");
	ok(strncmp(form.data, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3A"
	    "grant-type%3Ajwt-bearer&assertion=", 75) == 0 &&
	    strcmp(form.data + 75, jwt.data) == 0, "shows the claim");
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	vt_gcs_key_release(&k);
	vt_gcs_key_release(&k);
	vt_buf_release(&pem);
	vt_buf_release(&file);
	vt_buf_release(&jwt);
	vt_buf_release(&form);
}

static enum vt_code
parse(const char *text)
{
	struct vt_gcs_key k;
	enum vt_code rc = vt_gcs_key_parse(text, strlen(text), &k, &err);

	vt_gcs_key_release(&k);
	return rc;
}

static void
test_files(void)
{
	static const char person[] = "{\"type\":\"authorized_user\","
	    "\"client_id\":\"i d\",\"client_secret\":\"s\","
	    "\"refresh_token\":\"1//r\",\"quota_project_id\":\"q\"}";
	static const char broken[] = "{\"type\":\"service_account\","
	    "\"client_email\":\"a\",\"private_key\":\"-----BEGIN NONE\"}";
	struct vt_gcs_key k;
	struct vt_buf form;

	vt_buf_init(&form, 4096);
	is_int(vt_gcs_key_parse(person, strlen(person), &k, &err), VT_OK,
	    "a person's credentials");
	is_str(k.token_uri, "https://oauth2.googleapis.com/token",
	    "go to Google");
	ok(vt_gcs_token_request(&k, NOW_US, &form, &err) == VT_OK &&
	    strcmp(form.data, "grant_type=refresh_token&client_id=i%20d"
	    "&client_secret=s&refresh_token=1%2F%2Fr") == 0,
	    "by their refresh token");
	vt_buf_release(&form);
	vt_gcs_key_release(&k);
	is_int(parse("ya29.token"), VT_INVALID, "no JSON");
	is_int(parse("{\"type\":\"service_account\",\"client_email\":\"a\"}"),
	    VT_INVALID, "no private key");
	ok(strstr(err.text, "'private_key'") != NULL, "is named");
	is_int(parse("{\"type\":\"external_account\"}"), VT_INVALID,
	    "another type");
	ok(strstr(err.text, "'external_account'") != NULL, "is named too");
	is_int(vt_gcs_key_parse(broken, strlen(broken), &k, &err), VT_OK,
	    "a broken key is found");
	vt_buf_init(&form, 4096);
	is_int(vt_gcs_jwt(&k, NOW_US, &form, &err), VT_INVALID,
	    "when it shall sign");
	ok(strstr(err.text, "BEGIN") == NULL, "and is not shown");
	vt_buf_release(&form);
	vt_gcs_key_release(&k);
}

static void
test_answers(void)
{
	static const char good[] = "{\n \"access_token\": \"ya29.a\\/b\",\n"
	    " \"expires_in\": 3599, \"token_type\": \"Bearer\" }";
	struct vt_buf token;
	int64_t life_ms = 0;

	vt_buf_init(&token, 4096);
	ok(vt_gcs_token_read(good, strlen(good), &token, &life_ms, &err) ==
	    VT_OK && strcmp(token.data, "ya29.a/b") == 0 &&
	    life_ms == 3599000, "a token and how long it is good");
	vt_buf_reset(&token);
	ok(vt_gcs_token_read("{\"access_token\":\"t\"}", 20, &token, &life_ms,
	    &err) == VT_OK && life_ms == 600000, "not told: not long");
	vt_buf_reset(&token);
	is_int(vt_gcs_token_read("{\"access_token\":\"\"}", 19, &token,
	    &life_ms, &err), VT_INVALID, "an empty one");
	is_int(vt_gcs_token_read("<html>", 6, &token, &life_ms, &err),
	    VT_INVALID, "or another page");
	vt_buf_release(&token);
}

int
main(void)
{
	test_claim();
	test_files();
	test_answers();
	return test_done();
}
