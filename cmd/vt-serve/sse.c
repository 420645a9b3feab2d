#include "sse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/hex.h"
#include "libvt/proto/xml.h"

#include "documents.h"
#include "meta.h"

#define SSE "x-amz-server-side-encryption"
#define KMS_KEY SSE "-aws-kms-key-id"
#define CUSTOMER SSE "-customer-"
#define SOURCE "x-amz-copy-source-server-side-encryption-customer-"

/*
 * vt_version.sse: "AES256", or "SSE-C SALT PROOF", both in hex: what tells the
 * key from others without being it.
 */
#define STORED_S3 "AES256"
#define STORED_C "SSE-C "
#define SALT_LEN 16
#define PROOF_LEN 32
#define PROOF_LABEL "vaultaire sse-c proof 1"
#define ETAG_LABEL "vaultaire sse-c etag 1"

int
sse_asked(const struct req *r)
{
	return r->says_sse;
}

static int
is_customer(const char *stored)
{
	return strncmp(stored, STORED_C, sizeof(STORED_C) - 1) == 0;
}

static struct sse *
sse_new(struct req *r)
{
	struct sse *s = req_alloc(r, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->next = r->sse;
	r->sse = s;
	return s;
}

void
sse_release(struct req *r)
{
	for (struct sse *s = r->sse; s != NULL; s = s->next)
		explicit_bzero(&s->key, sizeof(s->key));
	r->sse = NULL;
}

static int
bad_argument(struct req *r, const char *name, const char *value,
    const char *words)
{
	req_error_detail(r, "ArgumentName", name);
	req_error_detail(r, "ArgumentValue", value != NULL ? value : "null");
	req_error(r, "InvalidArgument", "%s", words);
	return -1;
}

/* --- a customer's key ----------------------------------------------------- */

/* HMAC of `label` and `data` under the key. */
static int
under_key(struct req *r, const struct sse *s, const char *label,
    const void *data, size_t len, uint8_t out[32])
{
	uint8_t text[64];
	size_t n = strlen(label);

	memcpy(text, label, n);
	memcpy(text + n, data, len);
	if (vt_hmac_sha256(s->key.key, sizeof(s->key.key), text, n + len,
	    out) == 0)
		return 0;
	req_fail(r, VT_NOMEM, NULL);
	return -1;
}

/* Is the key the one that `stored` was made with?  1, 0, -1 answered. */
static int
is_key(struct req *r, const struct sse *s, const char *stored)
{
	uint8_t salt[SALT_LEN], want[PROOF_LEN], got[PROOF_LEN];
	const char *hex = stored + sizeof(STORED_C) - 1;

	if (strlen(hex) != 2 * (SALT_LEN + PROOF_LEN) + 1 ||
	    vt_hex_decode(hex, salt, SALT_LEN) < 0 ||
	    vt_hex_decode(hex + 2 * SALT_LEN + 1, want, PROOF_LEN) < 0) {
		struct vt_err err;

		req_fail(r, vt_fail(&err, VT_CORRUPT, "the catalog has '%.40s'"
		    " for a customer's key", stored), &err);
		return -1;
	}
	if (under_key(r, s, PROOF_LABEL, salt, SALT_LEN, got) < 0)
		return -1;
	return vt_equal_secret(want, got, PROOF_LEN);
}

/* What the catalog keeps of the key. */
static int
store_proof(struct req *r, struct sse *s)
{
	uint8_t salt[SALT_LEN], proof[PROOF_LEN];
	char a[2 * SALT_LEN + 1], b[2 * PROOF_LEN + 1];

	if (vt_random(salt, sizeof(salt)) < 0) {
		req_fail(r, VT_NOMEM, NULL);
		return -1;
	}
	if (under_key(r, s, PROOF_LABEL, salt, SALT_LEN, proof) < 0)
		return -1;
	vt_hex_encode(salt, sizeof(salt), a);
	vt_hex_encode(proof, sizeof(proof), b);
	s->stored = vt_arena_printf(r->arena, "%s%s %s", STORED_C, a, b);
	if (s->stored != NULL)
		return 0;
	req_fail(r, VT_NOMEM, NULL);
	return -1;
}

int
sse_etag(struct req *r, const struct sse *s, struct digest *d)
{
	uint8_t mac[32];

	if (s == NULL || !s->by_customer)
		return 0;
	if (under_key(r, s, ETAG_LABEL, d->md5_bytes, sizeof(d->md5_bytes),
	    mac) < 0)
		return -1;
	vt_hex_encode(mac, 16, d->etag);
	return 0;
}

/* One of the three headers, which begin with `prefix`. */
static const char *
customer_header(struct req *r, const char *prefix, const char *name)
{
	char text[96];

	snprintf(text, sizeof(text), "%s%s", prefix, name);
	return req_header(r, text);
}

/* Read the three: 1 with *out, 0 there are none, -1 after answering. */
static int
customer_read(struct req *r, const char *prefix, struct sse **out)
{
	const char *alg = customer_header(r, prefix, "algorithm");
	const char *key = customer_header(r, prefix, "key");
	const char *md5 = customer_header(r, prefix, "key-MD5");
	char bytes[33], name[96];
	uint8_t sum[VT_HASH_MAX];
	struct sse *s;
	int len;

	*out = NULL;
	if (alg == NULL && key == NULL && md5 == NULL)
		return 0;
	snprintf(name, sizeof(name), "%salgorithm", prefix);
	if (alg == NULL)
		return bad_argument(r, name, NULL, "Requests specifying "
		    "Server Side Encryption with Customer provided keys must "
		    "provide a valid encryption algorithm.");
	if (strcmp(alg, "AES256") != 0) {
		req_error_detail(r, "ArgumentName", name);
		req_error_detail(r, "ArgumentValue", alg);
		req_error(r, "InvalidEncryptionAlgorithmError", "The "
		    "encryption request you specified is not valid. "
		    "Supported value: AES256.");
		return -1;
	}
	if (key == NULL)
		return bad_argument(r, name, alg, "Requests specifying "
		    "Server Side Encryption with Customer provided keys must "
		    "provide an appropriate secret key.");
	if (md5 == NULL)
		return bad_argument(r, name, alg, "Requests specifying "
		    "Server Side Encryption with Customer provided keys must "
		    "provide the client calculated MD5 of the secret key.");
	s = sse_new(r);
	if (s == NULL)
		return -1;
	len = vt_b64_decode(key, strlen(key), bytes, sizeof(bytes));
	if (len == 32)
		memcpy(s->key.key, bytes, 32);
	explicit_bzero(bytes, sizeof(bytes));
	/* the value is a secret and goes into no answer */
	if (len != 32)
		return bad_argument(r, name, alg, "The secret key was invalid "
		    "for the specified algorithm.");
	s->by_customer = 1;
	if (vt_hash_once(VT_MD5, s->key.key, 32, sum) < 0) {
		req_fail(r, VT_NOMEM, NULL);
		return -1;
	}
	vt_b64_encode(sum, 16, s->md5);
	if (strcmp(s->md5, md5) != 0)
		return bad_argument(r, name, alg, "The calculated MD5 hash of "
		    "the key did not match the hash that was provided.");
	*out = s;
	return 1;
}

/* --- writing -------------------------------------------------------------- */

/* A bucket's default, parsed. */
struct defaults {
	int encrypt;		/* SSE-S3 */
	int no_customer;	/* SSE-C is not taken */
};

static int
master(struct req *r, const struct sse **out)
{
	struct sse *s = sse_new(r);
	struct vt_err err;
	enum vt_code rc;

	if (s == NULL)
		return -1;
	s->stored = STORED_S3;
	rc = vt_keyring_newest(r->srv->keyring, &s->key, &err);
	if (rc == VT_OK) {
		*out = s;
		return 0;
	}
	/* what is wrong with a key is for who runs the server */
	req_fail(r, rc == VT_BUSY || rc == VT_NOMEM ? rc : VT_IO, &err);
	return -1;
}

/* What x-amz-server-side-encryption asks for: 1 SSE-S3, 0 nothing, -1. */
static int
method(struct req *r, int has_customer)
{
	const char *sse = req_header(r, SSE);
	const char *kms = req_header(r, KMS_KEY);

	if (sse != NULL && has_customer)
		return bad_argument(r, SSE, sse, "Server Side Encryption with "
		    "Customer provided key is incompatible with the "
		    "encryption method specified");
	if (sse != NULL && (strcmp(sse, "aws:kms") == 0 ||
	    strcmp(sse, "aws:kms:dsse") == 0)) {
		req_error(r, "NotImplemented", "There is no key management "
		    "service here: %s takes AES256", SSE);
		return -1;
	}
	if (sse != NULL && strcmp(sse, "AES256") != 0)
		return bad_argument(r, SSE, sse, "The encryption method "
		    "specified is not supported");
	if (kms != NULL)
		return bad_argument(r, SSE, sse, "Server Side Encryption with "
		    "AWS KMS managed key requires HTTP header "
		    "x-amz-server-side-encryption : aws:kms");
	return sse != NULL;
}

int
sse_write(struct req *r, const struct sse **out)
{
	const struct defaults *d = NULL;
	struct sse *s = NULL;
	int rc;

	*out = NULL;
	if (doc_exists(r, VT_DOC_ENCRYPTION)) {
		d = doc_get(r, VT_DOC_ENCRYPTION);
		if (d == NULL && req_answered(r))
			return -1;
	}
	if (r->says_sse) {
		rc = customer_read(r, CUSTOMER, &s);
		if (rc >= 0)
			rc = method(r, rc);
		if (rc < 0)
			return -1;
		if (rc > 0)
			return master(r, out);
	}
	if (s != NULL && d != NULL && d->no_customer) {
		req_error(r, "AccessDenied", "The bucket's encryption "
		    "configuration blocks customers' keys");
		return -1;
	}
	if (s != NULL) {
		*out = s;
		return store_proof(r, s);
	}
	return d != NULL && d->encrypt ? master(r, out) : 0;
}

/* Not for requests that ask for nothing new. */
static int
refuse_method(struct req *r)
{
	const char *sse = req_header(r, SSE);

	if (sse == NULL)
		return 0;
	return bad_argument(r, SSE, sse, SSE " header is not supported for "
	    "this operation.");
}

static int
invalid(struct req *r, const char *words)
{
	req_error(r, "InvalidRequest", "%s", words);
	return -1;
}

static int
of_upload(struct req *r, const struct vt_upload *u, int complete,
    const struct sse **out)
{
	struct sse *s = NULL;
	int rc;

	*out = NULL;
	if (*u->sse == '\0' && !r->says_sse)
		return 0;
	rc = customer_read(r, CUSTOMER, &s);
	if (rc < 0)
		return -1;
	if (!is_customer(u->sse)) {
		if (s != NULL)
			return invalid(r, "The multipart upload was not "
			    "begun with a customer's key.");
		if (*u->sse == '\0')
			return 0;
		if (!complete)
			return master(r, out);
		s = sse_new(r);
		if (s != NULL)
			s->stored = STORED_S3;
		*out = s;
		return s != NULL ? 0 : -1;
	}
	if (s == NULL) {
		/* it writes nothing; AWS wants the key when there are
		 * checksums */
		if (complete && *u->checksum_alg == '\0')
			return 0;
		return invalid(r, "The multipart upload was begun with a "
		    "customer's key: its requests must bring the same one.");
	}
	rc = is_key(r, s, u->sse);
	if (rc == 0)
		return invalid(r, "The provided encryption parameters did "
		    "not match the ones used originally.");
	s->stored = u->sse;
	*out = s;
	return rc < 0 ? -1 : 0;
}

int
sse_part(struct req *r, const struct vt_upload *u, const struct sse **out)
{
	*out = NULL;
	if (r->says_sse && refuse_method(r) < 0)
		return -1;
	return of_upload(r, u, 0, out);
}

int
sse_complete(struct req *r, const struct vt_upload *u,
    const struct sse **out)
{
	return of_upload(r, u, 1, out);
}

/* --- reading -------------------------------------------------------------- */

static int
open_with(struct req *r, const char *prefix, const char *stored,
    const struct sse **out)
{
	struct sse *s = NULL;
	int rc;

	*out = NULL;
	rc = r->says_sse ? customer_read(r, prefix, &s) : 0;
	if (rc < 0)
		return -1;
	if (is_customer(stored)) {
		if (s == NULL)
			return invalid(r, "The object was stored using a form "
			    "of Server Side Encryption. The correct "
			    "parameters must be provided to retrieve the "
			    "object.");
		rc = is_key(r, s, stored);
		if (rc == 0)
			req_error(r, "AccessDenied", "The key is not the one "
			    "that the object was stored with");
		s->stored = stored;
		*out = s;
		return rc > 0 ? 0 : -1;
	}
	if (s != NULL)
		return invalid(r, "The encryption parameters are not "
		    "applicable to this object.");
	if (*stored == '\0')
		return 0;
	s = sse_new(r);
	if (s == NULL)
		return -1;
	s->stored = stored;
	*out = s;
	return 0;
}

int
sse_read(struct req *r, const char *stored, const struct sse **out)
{
	*out = NULL;
	if (*stored == '\0' && !r->says_sse)
		return 0;
	if (refuse_method(r) < 0)
		return -1;
	return open_with(r, CUSTOMER, stored, out);
}

int
sse_source(struct req *r, const char *stored, const struct sse **out)
{
	*out = NULL;
	if (*stored == '\0' && !r->says_sse)
		return 0;
	return open_with(r, SOURCE, stored, out);
}

int
sse_shares(const char *stored, const struct sse *to)
{
	if (is_customer(stored) || (to != NULL && to->by_customer))
		return 0;
	return (*stored != '\0') == (to != NULL);
}

void
sse_send(struct req *r, const struct sse *s)
{
	if (s == NULL)
		return;
	if (!s->by_customer) {
		req_set_header(r, SSE, "AES256");
		return;
	}
	req_set_header(r, CUSTOMER "algorithm", "AES256");
	req_set_header(r, CUSTOMER "key-MD5", s->md5);
}

void
sse_send_stored(struct req *r, const char *stored)
{
	if (strcmp(stored, STORED_S3) == 0)
		req_set_header(r, SSE, "AES256");
}

const struct vt_blob_form *
sse_form(const struct sse *s, struct vt_blob_form *form)
{
	memset(form, 0, sizeof(*form));
	if (s == NULL)
		return NULL;
	form->wrap = &s->key;
	return form;
}

/* --- a bucket's default --------------------------------------------------- */

/* From the document's root.  NULL, or what is wrong: *code says how. */
static const char *
read_defaults(const struct vt_xml *root, struct defaults *out,
    const char **code)
{
	const struct vt_xml *rule, *x, *y;
	const char *alg, *kms;
	int rules = 0;

	memset(out, 0, sizeof(*out));
	*code = "MalformedXML";
	for (rule = root->child; rule != NULL; rule = rule->next) {
		if (strcmp(rule->name, "Rule") != 0 || ++rules > 1)
			return "There must be one Rule";
		for (x = rule->child; x != NULL; x = x->next) {
			if (strcmp(x->name, "BlockedEncryptionTypes") == 0) {
				for (y = x->child; y != NULL; y = y->next)
					out->no_customer |=
					    strcmp(y->text, "SSE-C") == 0;
				continue;
			}
			if (strcmp(x->name, "BucketKeyEnabled") == 0)
				continue;	/* of KMS: saves nothing */
			if (strcmp(x->name,
			    "ApplyServerSideEncryptionByDefault") != 0)
				return "A Rule has an element that is none "
				    "of its own";
			alg = vt_xml_child_text(x, "SSEAlgorithm");
			kms = vt_xml_child_text(x, "KMSMasterKeyID");
			if (alg == NULL)
				return "There is no SSEAlgorithm";
			if (strncmp(alg, "aws:kms", 7) == 0) {
				*code = "NotImplemented";
				return "There is no key management service "
				    "here: the SSEAlgorithm is AES256";
			}
			if (strcmp(alg, "AES256") != 0)
				return "The SSEAlgorithm is AES256";
			if (kms != NULL) {
				*code = "InvalidArgument";
				return "a KMSMasterKeyID is not applicable if "
				    "the default sse algorithm is not "
				    "aws:kms";
			}
			out->encrypt = 1;
		}
	}
	return rules == 1 ? NULL : "There must be one Rule";
}

int
sse_document_check(struct req *r, struct vt_cat_doc *d)
{
	struct defaults defaults;
	const char *code, *words;
	struct vt_xml *root;

	root = meta_xml(r, "ServerSideEncryptionConfiguration",
	    "MalformedXML");
	if (root == NULL)
		return -1;
	words = read_defaults(root, &defaults, &code);
	if (words != NULL) {
		req_error(r, code, "%s", words);
		return -1;
	}
	d->body = r->body;
	d->len = r->body_len;
	return 0;
}

void *
sse_document_parse(const char *body, size_t len, struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct defaults *out = calloc(1, sizeof(*out));
	const char *code, *words = NULL;
	struct vt_xml *root;

	if (a == NULL || out == NULL)
		(void)vt_fail(err, VT_NOMEM, "out of memory");
	else if (vt_xml_parse(a, body, len, &root, err) == VT_OK) {
		words = read_defaults(root, out, &code);
		if (words == NULL) {
			vt_arena_free(a);
			return out;
		}
		(void)vt_fail(err, VT_CORRUPT, "encryption configuration: %s",
		    words);
	}
	vt_arena_free(a);
	free(out);
	return NULL;
}

void
sse_document_free(void *parsed)
{
	free(parsed);
}
