/* Encryption of blobs: see transform.h. */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/store/transform.h"

#define TAG 16
#define CHUNK_LOG 16		/* of new blobs: each reader and writer holds
				   one chunk, whatever the number of clients */
#define CHUNK_LOG_MIN 12
#define CHUNK_LOG_MAX 24
#define TEXT_PREFIX "vt1:"
#define LABEL "vaultaire wrap 1"

static const uint8_t magic[8] = { 0x89, 'V', 'T', 'X', 0x0d, 0x0a, 0x1a,
    0x0a };

/* Where the fields of a head are. */
enum {
	AT_VERSION = 8, AT_CODEC, AT_CIPHER, AT_BY, AT_CHUNK, AT_ZERO,
	AT_ID = 16, AT_NAME = 32, AT_SALT = 64, AT_WRAPPED = 80
};
#define NAME_LEN 32
#define SALT_LEN 16
#define BY_MASTER 1
#define BY_CUSTOMER 2

static pthread_once_t gcm_once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *gcm;

static void
gcm_fetch(void)
{
	gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

static EVP_CIPHER_CTX *
gcm_new(const uint8_t key[32], int encrypt)
{
	EVP_CIPHER_CTX *c;

	pthread_once(&gcm_once, gcm_fetch);
	if (gcm == NULL)
		return NULL;
	c = EVP_CIPHER_CTX_new();
	if (c == NULL || EVP_CipherInit_ex2(c, gcm, key, NULL, encrypt,
	    NULL) != 1) {
		EVP_CIPHER_CTX_free(c);
		return NULL;
	}
	return c;
}

static void
put_u64(uint8_t *out, uint64_t n)
{
	for (int i = 7; i >= 0; i--, n >>= 8)
		out[i] = (uint8_t)n;
}

/*
 * One message in place, under the context's key.  The tag stands behind it:
 * written, or checked.  0, or -1: it does not fit, or libcrypto failed.
 */
static int
gcm_run(EVP_CIPHER_CTX *c, int encrypt, const uint8_t nonce[12],
    const void *aad, size_t aad_len, uint8_t *data, size_t len)
{
	int n;

	if (EVP_CipherInit_ex2(c, NULL, NULL, nonce, -1, NULL) != 1 ||
	    EVP_CipherUpdate(c, NULL, &n, aad, (int)aad_len) != 1 ||
	    EVP_CipherUpdate(c, data, &n, data, (int)len) != 1)
		return -1;
	if (!encrypt && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG,
	    data + len) != 1)
		return -1;
	if (EVP_CipherFinal_ex(c, data + len, &n) != 1)
		return -1;
	if (encrypt && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG,
	    data + len) != 1)
		return -1;
	return 0;
}

static int
chunk_run(EVP_CIPHER_CTX *c, int encrypt, const uint8_t *id, uint64_t number,
    int last, uint8_t *data, size_t len)
{
	uint8_t nonce[12] = { 0 }, aad[VT_STORED_ID + 9];

	put_u64(nonce + 4, number);
	memcpy(aad, id, VT_STORED_ID);
	put_u64(aad + VT_STORED_ID, number);
	aad[VT_STORED_ID + 8] = last != 0;
	return gcm_run(c, encrypt, nonce, aad, sizeof(aad), data, len);
}

/* --- heads ---------------------------------------------------------------- */

static int
is_name(const uint8_t *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') ||
		    (s[i] >= 'A' && s[i] <= 'Z') ||
		    (s[i] >= '0' && s[i] <= '9') || s[i] == '.' ||
		    s[i] == '_' || s[i] == '-'))
			return 0;
	return 1;
}

enum vt_code
vt_stored_parse(const void *bytes, size_t len, struct vt_stored_head *out,
    struct vt_err *err)
{
	static const uint8_t zeros[NAME_LEN];
	const uint8_t *b = bytes, *end;
	size_t name;

	memset(out, 0, sizeof(*out));
	if (len < VT_STORED_HEAD || memcmp(b, magic, sizeof(magic)) != 0)
		return vt_fail(err, VT_INVALID,
		    "no head of a transformed blob");
	if (b[AT_VERSION] != 1 || b[AT_CODEC] != 0 || b[AT_CIPHER] != 1 ||
	    b[AT_CHUNK] < CHUNK_LOG_MIN || b[AT_CHUNK] > CHUNK_LOG_MAX ||
	    memcmp(b + AT_ZERO, zeros, AT_ID - AT_ZERO) != 0)
		return vt_fail(err, VT_INVALID, "a blob stored in a form of "
		    "version %u, codec %u, cipher %u cannot be read",
		    b[AT_VERSION], b[AT_CODEC], b[AT_CIPHER]);
	end = memchr(b + AT_NAME, 0, NAME_LEN);
	name = end != NULL ? (size_t)(end - b) - AT_NAME : NAME_LEN;
	if ((b[AT_BY] != BY_MASTER && b[AT_BY] != BY_CUSTOMER) ||
	    (b[AT_BY] == BY_MASTER) != (name > 0) ||
	    !is_name(b + AT_NAME, name) ||
	    memcmp(b + AT_NAME + name, zeros, NAME_LEN - name) != 0)
		return vt_fail(err, VT_INVALID,
		    "the head of a transformed blob names no key");
	memcpy(out->bytes, b, VT_STORED_HEAD);
	memcpy(out->key_name, b + AT_NAME, name);
	out->by_customer = b[AT_BY] == BY_CUSTOMER;
	out->chunk_bytes = 1u << b[AT_CHUNK];
	return VT_OK;
}

enum vt_code
vt_stored_parse_text(const char *transform, struct vt_stored_head *out,
    struct vt_err *err)
{
	uint8_t bytes[VT_STORED_HEAD];
	const size_t skip = sizeof(TEXT_PREFIX) - 1;

	if (strncmp(transform, TEXT_PREFIX, skip) != 0 ||
	    vt_b64_decode(transform + skip, strlen(transform + skip), bytes,
	    sizeof(bytes)) != VT_STORED_HEAD)
		return vt_fail(err, VT_INVALID, "unknown transform '%.40s'",
		    transform);
	return vt_stored_parse(bytes, sizeof(bytes), out, err);
}

void
vt_stored_text(const struct vt_stored_head *h, char out[VT_TRANSFORM_MAX])
{
	memcpy(out, TEXT_PREFIX, sizeof(TEXT_PREFIX));
	vt_b64_encode(h->bytes, VT_STORED_HEAD, out + sizeof(TEXT_PREFIX) - 1);
}

/* The context under the key that wraps a data key with this salt, or NULL. */
static EVP_CIPHER_CTX *
wrapping(const struct vt_wrap_key *key, const uint8_t *salt, int encrypt)
{
	uint8_t text[sizeof(LABEL) - 1 + SALT_LEN], wrap[32];
	EVP_CIPHER_CTX *c = NULL;

	memcpy(text, LABEL, sizeof(LABEL) - 1);
	memcpy(text + sizeof(LABEL) - 1, salt, SALT_LEN);
	if (vt_hmac_sha256(key->key, sizeof(key->key), text, sizeof(text),
	    wrap) == 0)
		c = gcm_new(wrap, encrypt);
	explicit_bzero(wrap, sizeof(wrap));
	return c;
}

/* Name `key` in the head, and wrap `data_key` by it under a new salt. */
static enum vt_code
wrap(struct vt_stored_head *h, const struct vt_wrap_key *key,
    const uint8_t data_key[32], struct vt_err *err)
{
	static const uint8_t nonce[12];
	size_t len = strlen(key->name);
	EVP_CIPHER_CTX *c;
	int r;

	assert(len <= NAME_LEN && is_name((const uint8_t *)key->name, len));
	h->by_customer = len == 0;
	h->bytes[AT_BY] = len == 0 ? BY_CUSTOMER : BY_MASTER;
	memset(h->bytes + AT_NAME, 0, NAME_LEN);
	memcpy(h->bytes + AT_NAME, key->name, len);
	memcpy(h->key_name, key->name, len + 1);
	if (vt_random(h->bytes + AT_SALT, SALT_LEN) < 0)
		return vt_fail(err, VT_IO, "no random bytes to be had");
	c = wrapping(key, h->bytes + AT_SALT, 1);
	if (c == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to encrypt");
	memcpy(h->bytes + AT_WRAPPED, data_key, 32);
	r = gcm_run(c, 1, nonce, h->bytes, AT_SALT, h->bytes + AT_WRAPPED,
	    32);
	EVP_CIPHER_CTX_free(c);
	if (r < 0) {
		explicit_bzero(h->bytes + AT_WRAPPED, 32);
		return vt_fail(err, VT_NOMEM, "no memory to encrypt");
	}
	return VT_OK;
}

static enum vt_code
unwrap(const struct vt_stored_head *h, const struct vt_wrap_key *key,
    uint8_t data_key[32], struct vt_err *err)
{
	static const uint8_t nonce[12];
	uint8_t copy[32 + TAG];
	EVP_CIPHER_CTX *c;
	int r;

	if (strcmp(key->name, h->key_name) != 0)
		return vt_fail(err, VT_DENIED, "the key '%s' is not '%s'",
		    key->name, h->key_name);
	c = wrapping(key, h->bytes + AT_SALT, 0);
	if (c == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to decrypt");
	memcpy(copy, h->bytes + AT_WRAPPED, sizeof(copy));
	r = gcm_run(c, 0, nonce, h->bytes, AT_SALT, copy, 32);
	if (r == 0)
		memcpy(data_key, copy, 32);
	explicit_bzero(copy, sizeof(copy));
	EVP_CIPHER_CTX_free(c);
	if (r == 0)
		return VT_OK;
	return vt_fail(err, VT_DENIED, h->by_customer ?
	    "the data key was not wrapped by the customer's key" :
	    "the data key was not wrapped by the master key '%s'",
	    h->key_name);
}

enum vt_code
vt_stored_rewrap(struct vt_stored_head *h, const struct vt_wrap_key *from,
    const struct vt_wrap_key *to, struct vt_err *err)
{
	struct vt_stored_head fresh = *h;
	uint8_t data_key[32];
	enum vt_code rc;

	assert(*to->name != '\0');
	rc = unwrap(h, from, data_key, err);
	if (rc == VT_OK)
		rc = wrap(&fresh, to, data_key, err);
	explicit_bzero(data_key, sizeof(data_key));
	if (rc == VT_OK)
		*h = fresh;
	return rc;
}

/* --- sizes ---------------------------------------------------------------- */

static uint64_t
chunks_of(uint64_t plain, unsigned chunk_bytes)
{
	return plain == 0 ? 1 : (plain - 1) / chunk_bytes + 1;
}

uint64_t
vt_stored_size(uint64_t plain)
{
	return VT_STORED_HEAD + plain + TAG * chunks_of(plain,
	    1u << CHUNK_LOG);
}

enum vt_code
vt_stored_plain_size(const struct vt_stored_head *h, uint64_t stored,
    uint64_t *plain, struct vt_err *err)
{
	uint64_t full = (uint64_t)h->chunk_bytes + TAG, left, chunks;

	left = stored - VT_STORED_HEAD;
	chunks = left == 0 ? 0 : (left - 1) / full + 1;
	*plain = left - chunks * TAG;
	/* of a last chunk there is at least the tag, and a byte unless it is
	 * the only one */
	if (stored >= VT_STORED_HEAD + TAG &&
	    left - (chunks - 1) * full >= TAG + (chunks > 1))
		return VT_OK;
	return vt_fail(err, VT_CORRUPT, "a transformed blob cannot have %llu "
	    "bytes", (unsigned long long)stored);
}

/* --- writing -------------------------------------------------------------- */

struct vt_encoder {
	EVP_CIPHER_CTX *c;
	vt_encoder_put *put;
	void *ctx;
	uint8_t head[VT_STORED_HEAD];
	int begun;		/* the head was put */
	uint64_t number;	/* of the chunk being filled */
	unsigned chunk_bytes, len;
	uint8_t chunk[];	/* and room for the tag */
};

enum vt_code
vt_encoder_open(const struct vt_wrap_key *key,
    const uint8_t id[VT_STORED_ID], vt_encoder_put *put, void *ctx,
    struct vt_encoder **out, struct vt_stored_head *head, struct vt_err *err)
{
	struct vt_encoder *e;
	uint8_t data_key[32];
	enum vt_code rc;

	*out = NULL;
	memset(head, 0, sizeof(*head));
	memcpy(head->bytes, magic, sizeof(magic));
	head->bytes[AT_VERSION] = 1;
	head->bytes[AT_CIPHER] = 1;
	head->bytes[AT_CHUNK] = CHUNK_LOG;
	head->chunk_bytes = 1u << CHUNK_LOG;
	memcpy(head->bytes + AT_ID, id, VT_STORED_ID);
	if (vt_random(data_key, sizeof(data_key)) < 0)
		return vt_fail(err, VT_IO, "no random bytes to be had");
	e = malloc(sizeof(*e) + head->chunk_bytes + TAG);
	if (e == NULL) {
		rc = vt_fail(err, VT_NOMEM, "no memory to encrypt");
		goto out;
	}
	memset(e, 0, sizeof(*e));
	e->put = put;
	e->ctx = ctx;
	e->chunk_bytes = head->chunk_bytes;
	rc = wrap(head, key, data_key, err);
	if (rc != VT_OK)
		goto out;
	memcpy(e->head, head->bytes, VT_STORED_HEAD);
	e->c = gcm_new(data_key, 1);
	if (e->c == NULL)
		rc = vt_fail(err, VT_NOMEM, "no memory to encrypt");
out:
	explicit_bzero(data_key, sizeof(data_key));
	if (rc == VT_OK)
		*out = e;
	else
		vt_encoder_close(e);
	return rc;
}

static enum vt_code
put_chunk(struct vt_encoder *e, int last, struct vt_err *err)
{
	enum vt_code rc = VT_OK;

	if (!e->begun)
		rc = e->put(e->ctx, e->head, VT_STORED_HEAD, err);
	e->begun = 1;
	if (rc != VT_OK)
		return rc;
	if (chunk_run(e->c, 1, e->head + AT_ID, e->number, last, e->chunk,
	    e->len) < 0)
		return vt_fail(err, VT_IO, "encryption failed");
	rc = e->put(e->ctx, e->chunk, e->len + TAG, err);
	e->number++;
	e->len = 0;
	return rc;
}

enum vt_code
vt_encoder_write(struct vt_encoder *e, const void *data, size_t len,
    struct vt_err *err)
{
	const uint8_t *p = data;
	enum vt_code rc;
	size_t n;

	while (len > 0) {
		/* a full chunk waits: it may be the last */
		if (e->len == e->chunk_bytes) {
			rc = put_chunk(e, 0, err);
			if (rc != VT_OK)
				return rc;
		}
		n = e->chunk_bytes - e->len;
		if (n > len)
			n = len;
		memcpy(e->chunk + e->len, p, n);
		e->len += (unsigned)n;
		p += n;
		len -= n;
	}
	return VT_OK;
}

enum vt_code
vt_encoder_finish(struct vt_encoder *e, struct vt_err *err)
{
	return put_chunk(e, 1, err);
}

void
vt_encoder_close(struct vt_encoder *e)
{
	if (e == NULL)
		return;
	EVP_CIPHER_CTX_free(e->c);	/* wipes its key */
	explicit_bzero(e->chunk, e->len);
	free(e);
}

/* --- reading -------------------------------------------------------------- */

struct vt_decoder {
	EVP_CIPHER_CTX *c;
	uint8_t head[VT_STORED_HEAD];
	unsigned chunk_bytes;
	uint64_t size;		/* plain bytes */
	uint64_t at, end;	/* of the plain range */
	int want_head;		/* the range begins with the head */
	unsigned ready, used;	/* plain bytes in `chunk`, given out */
	uint8_t *chunk;		/* only while a chunk is given out in pieces,
				   or read: slow clients hold no more */
};

enum vt_code
vt_decoder_open(const struct vt_stored_head *h, const struct vt_wrap_key *key,
    uint64_t stored, struct vt_decoder **out, struct vt_err *err)
{
	struct vt_decoder *d;
	uint8_t data_key[32];
	uint64_t size;
	enum vt_code rc;

	*out = NULL;
	rc = unwrap(h, key, data_key, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_stored_plain_size(h, stored, &size, err);
	if (rc != VT_OK) {
		explicit_bzero(data_key, sizeof(data_key));
		return rc;
	}
	d = calloc(1, sizeof(*d));
	if (d != NULL) {
		d->chunk_bytes = h->chunk_bytes;
		d->size = size;
		memcpy(d->head, h->bytes, VT_STORED_HEAD);
		d->c = gcm_new(data_key, 0);
	}
	explicit_bzero(data_key, sizeof(data_key));
	if (d == NULL || d->c == NULL) {
		vt_decoder_close(d);
		return vt_fail(err, VT_NOMEM, "no memory to decrypt");
	}
	*out = d;
	return VT_OK;
}

uint64_t
vt_decoder_size(const struct vt_decoder *d)
{
	return d->size;
}

static void
drop_chunk(struct vt_decoder *d)
{
	if (d->chunk != NULL)
		explicit_bzero(d->chunk, d->ready);
	free(d->chunk);
	d->chunk = NULL;
	d->ready = d->used = 0;
}

enum vt_code
vt_decoder_range(struct vt_decoder *d, uint64_t offset, uint64_t length,
    uint64_t *stored_offset, uint64_t *stored_length, struct vt_err *err)
{
	uint64_t full = (uint64_t)d->chunk_bytes + TAG, first, end;

	if (offset > d->size || length > d->size - offset)
		return vt_fail(err, VT_INVALID, "range past the end");
	drop_chunk(d);
	d->at = offset;
	d->end = offset + length;
	*stored_offset = *stored_length = 0;
	if (length == 0)
		return VT_OK;
	first = offset / d->chunk_bytes;
	d->want_head = first == 0;
	*stored_offset = first == 0 ? 0 : VT_STORED_HEAD + first * full;
	end = chunks_of(d->end, d->chunk_bytes) * d->chunk_bytes;
	if (end > d->size)
		end = d->size;
	*stored_length = VT_STORED_HEAD + end +
	    chunks_of(end, d->chunk_bytes) * TAG - *stored_offset;
	return VT_OK;
}

static enum vt_code
get_all(vt_decoder_get *get, void *ctx, uint8_t *data, size_t len,
    struct vt_err *err)
{
	enum vt_code rc;
	size_t got;

	for (; len > 0; data += got, len -= got) {
		rc = get(ctx, data, len, &got, err);
		if (rc != VT_OK)
			return rc;
		if (got == 0)
			return vt_fail(err, VT_CORRUPT,
			    "a transformed blob ended too early");
	}
	return VT_OK;
}

/* The head at the blob's start is the one in force, but for its wrapping. */
static enum vt_code
check_head(struct vt_decoder *d, vt_decoder_get *get, void *ctx,
    struct vt_err *err)
{
	uint8_t bytes[VT_STORED_HEAD];
	enum vt_code rc;

	rc = get_all(get, ctx, bytes, sizeof(bytes), err);
	if (rc == VT_OK && memcmp(bytes, d->head, AT_NAME) != 0)
		rc = vt_fail(err, VT_CORRUPT,
		    "a transformed blob has another head");
	return rc;
}

/* Read and check the chunk that holds d->at. */
static enum vt_code
next_chunk(struct vt_decoder *d, vt_decoder_get *get, void *ctx,
    struct vt_err *err)
{
	uint64_t number = d->at / d->chunk_bytes;
	uint64_t start = number * d->chunk_bytes;
	int last = d->size - start <= d->chunk_bytes;
	unsigned len = last ? (unsigned)(d->size - start) : d->chunk_bytes;
	enum vt_code rc = VT_OK;

	if (d->want_head)
		rc = check_head(d, get, ctx, err);
	d->want_head = 0;
	if (rc != VT_OK)
		return rc;
	if (d->chunk == NULL)
		d->chunk = malloc(d->chunk_bytes + TAG);
	if (d->chunk == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to decrypt");
	rc = get_all(get, ctx, d->chunk, len + TAG, err);
	if (rc == VT_OK && chunk_run(d->c, 0, d->head + AT_ID, number, last,
	    d->chunk, len) < 0) {
		explicit_bzero(d->chunk, len);
		rc = vt_fail(err, VT_CORRUPT, "chunk %llu of a transformed "
		    "blob is not what was written there",
		    (unsigned long long)number);
	}
	if (rc != VT_OK)
		return rc;
	d->ready = len;
	d->used = (unsigned)(d->at - start);
	return VT_OK;
}

enum vt_code
vt_decoder_read(struct vt_decoder *d, vt_decoder_get *get, void *ctx,
    void *data, size_t len, size_t *got, struct vt_err *err)
{
	uint8_t *out = data;
	enum vt_code rc;
	size_t n;

	*got = 0;
	while (len > 0 && d->at < d->end) {
		if (d->used == d->ready) {
			rc = next_chunk(d, get, ctx, err);
			if (rc != VT_OK)
				return rc;
		}
		n = d->ready - d->used;
		if (n > len)
			n = len;
		if (n > d->end - d->at)
			n = (size_t)(d->end - d->at);
		memcpy(out + *got, d->chunk + d->used, n);
		d->used += (unsigned)n;
		d->at += n;
		*got += n;
		len -= n;
	}
	if (d->used == d->ready || d->at == d->end)
		drop_chunk(d);
	return VT_OK;
}

void
vt_decoder_close(struct vt_decoder *d)
{
	if (d == NULL)
		return;
	drop_chunk(d);
	EVP_CIPHER_CTX_free(d->c);	/* wipes its key */
	free(d);
}
