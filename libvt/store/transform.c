/* Heads, keys, seals and frames of transformed blobs: see transform.h. */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <zstd.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/store/transform_internal.h"

#define TAG 16
#define CRC 8
/* of new blobs: that are only encrypted; compressed; of more than 64 MiB */
#define CHUNK_LOG 16
#define CHUNK_LOG_ZSTD 18
#define CHUNK_LOG_LARGE 20
#define LARGE (UINT64_C(64) << 20)
#define CHUNKS_MAX 65536	/* more make larger chunks, while they can */
#define CHUNK_LOG_MIN 12
#define CHUNK_LOG_MAX 24
#define TEXT_PREFIX "vt1:"
#define LABEL "vaultaire wrap 1"

static const uint8_t magic[8] = { 0x89, 'V', 'T', 'X', 0x0d, 0x0a, 0x1a,
    0x0a };

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

int
vt_stored_is_head(const void *bytes)
{
	return memcmp(bytes, magic, sizeof(magic)) == 0;
}

enum vt_code
vt_stored_parse(const void *bytes, size_t len, struct vt_stored_head *out,
    struct vt_err *err)
{
	static const uint8_t zeros[NAME_LEN];
	static const uint8_t no_key[VT_STORED_HEAD - AT_NAME];
	const uint8_t *b = bytes, *end;
	size_t name;

	memset(out, 0, sizeof(*out));
	if (len < VT_STORED_HEAD || !vt_stored_is_head(b))
		return vt_fail(err, VT_INVALID,
		    "no head of a transformed blob");
	if (b[AT_VERSION] != 1 || b[AT_CODEC] > 1 || b[AT_CIPHER] > 1 ||
	    (b[AT_CODEC] == 0 && b[AT_CIPHER] == 0) ||
	    b[AT_CHUNK] < CHUNK_LOG_MIN || b[AT_CHUNK] > CHUNK_LOG_MAX ||
	    memcmp(b + AT_ZERO, zeros, AT_ID - AT_ZERO) != 0)
		return vt_fail(err, VT_INVALID, "a blob stored in a form of "
		    "version %u, codec %u, cipher %u cannot be read",
		    b[AT_VERSION], b[AT_CODEC], b[AT_CIPHER]);
	end = memchr(b + AT_NAME, 0, NAME_LEN);
	name = end != NULL ? (size_t)(end - b) - AT_NAME : NAME_LEN;
	if (b[AT_CIPHER] == 0) {
		if (b[AT_BY] != 0 || memcmp(b + AT_NAME, no_key,
		    sizeof(no_key)) != 0)
			return vt_fail(err, VT_INVALID, "the head of a blob "
			    "that is not encrypted names a key");
	} else if ((b[AT_BY] != BY_MASTER && b[AT_BY] != BY_CUSTOMER) ||
	    (b[AT_BY] == BY_MASTER) != (name > 0) ||
	    !is_name(b + AT_NAME, name) ||
	    memcmp(b + AT_NAME + name, zeros, NAME_LEN - name) != 0)
		return vt_fail(err, VT_INVALID,
		    "the head of a transformed blob names no key");
	memcpy(out->bytes, b, VT_STORED_HEAD);
	memcpy(out->key_name, b + AT_NAME, name);
	out->is_compressed = b[AT_CODEC] == 1;
	out->is_encrypted = b[AT_CIPHER] == 1;
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

	assert(*to->name != '\0' && h->is_encrypted);
	rc = unwrap(h, from, data_key, err);
	if (rc == VT_OK)
		rc = wrap(&fresh, to, data_key, err);
	explicit_bzero(data_key, sizeof(data_key));
	if (rc == VT_OK)
		*h = fresh;
	return rc;
}

/* --- sizes ---------------------------------------------------------------- */

uint64_t
vt_stored_chunks(uint64_t plain, unsigned chunk_bytes)
{
	return plain == 0 ? 1 : (plain - 1) / chunk_bytes + 1;
}

unsigned
vt_stored_seal(const struct vt_stored_head *h)
{
	return h->is_encrypted ? TAG : CRC;
}

uint64_t
vt_stored_size(uint64_t plain)
{
	return VT_STORED_HEAD + plain + TAG * vt_stored_chunks(plain,
	    1u << CHUNK_LOG);
}

uint64_t
vt_stored_index(const struct vt_stored_head *h, uint64_t plain)
{
	return LENGTH * vt_stored_chunks(plain, h->chunk_bytes) +
	    vt_stored_seal(h);
}

/* Of a compressed blob.  Any count of plain bytes may stand at its end. */
static int
fits(const struct vt_stored_head *h, uint64_t stored, uint64_t plain)
{
	uint64_t least;

	if (plain > UINT64_C(1) << 62)
		return 0;
	least = VT_STORED_HEAD + VT_STORED_TAIL + vt_stored_index(h, plain) +
	    vt_stored_chunks(plain, h->chunk_bytes) *
	    (LENGTH + vt_stored_seal(h));
	return stored >= least && stored - least <= plain;
}

enum vt_code
vt_stored_plain_size(const struct vt_stored_head *h, uint64_t stored,
    const uint8_t *tail, uint64_t *plain, struct vt_err *err)
{
	uint64_t full = (uint64_t)h->chunk_bytes + TAG, left, chunks;

	if (h->is_compressed) {
		*plain = vt_stored_get(tail, VT_STORED_TAIL);
		if (fits(h, stored, *plain))
			return VT_OK;
	} else {
		left = stored - VT_STORED_HEAD;
		chunks = left == 0 ? 0 : (left - 1) / full + 1;
		*plain = left - chunks * TAG;
		/* of a last chunk there is at least the tag, and a byte
		 * unless it is the only one */
		if (stored >= VT_STORED_HEAD + TAG &&
		    left - (chunks - 1) * full >= TAG + (chunks > 1))
			return VT_OK;
	}
	return vt_fail(err, VT_CORRUPT, "a transformed blob cannot have %llu "
	    "bytes", (unsigned long long)stored);
}

/* --- seals ---------------------------------------------------------------- */

struct vt_seal {
	EVP_CIPHER_CTX *c;	/* NULL: not encrypted */
	uint8_t id[VT_STORED_ID];
};

static enum vt_code
seal_new(const struct vt_stored_head *h, const uint8_t data_key[32],
    int encrypt, struct vt_seal **out, struct vt_err *err)
{
	struct vt_seal *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (s != NULL && h->is_encrypted)
		s->c = gcm_new(data_key, encrypt);
	if (s == NULL || (h->is_encrypted && s->c == NULL)) {
		vt_seal_free(s);
		return vt_fail(err, VT_NOMEM, "no memory to %s",
		    encrypt ? "encrypt" : "decrypt");
	}
	memcpy(s->id, h->bytes + AT_ID, VT_STORED_ID);
	*out = s;
	return VT_OK;
}

void
vt_seal_free(struct vt_seal *s)
{
	if (s == NULL)
		return;
	EVP_CIPHER_CTX_free(s->c);	/* wipes its key */
	free(s);
}

static unsigned
chunk_log(const struct vt_encoder_options *o)
{
	unsigned n;

	if (o->level == 0)
		return CHUNK_LOG;
	if (o->size_bytes == UINT64_MAX || o->size_bytes <= LARGE)
		return CHUNK_LOG_ZSTD;
	n = CHUNK_LOG_LARGE;
	while (n < CHUNK_LOG_MAX && o->size_bytes >> n > CHUNKS_MAX)
		n++;
	return n;
}

enum vt_code
vt_seal_begin(const struct vt_encoder_options *o,
    const uint8_t id[VT_STORED_ID], struct vt_stored_head *head,
    struct vt_seal **out, struct vt_err *err)
{
	uint8_t data_key[32] = { 0 };
	enum vt_code rc = VT_OK;

	assert(o->level > 0 || o->key != NULL);
	*out = NULL;
	memset(head, 0, sizeof(*head));
	head->is_compressed = o->level > 0;
	head->is_encrypted = o->key != NULL;
	head->chunk_bytes = 1u << chunk_log(o);
	memcpy(head->bytes, magic, sizeof(magic));
	head->bytes[AT_VERSION] = 1;
	head->bytes[AT_CODEC] = head->is_compressed ? 1 : 0;
	head->bytes[AT_CIPHER] = head->is_encrypted ? 1 : 0;
	head->bytes[AT_CHUNK] = (uint8_t)chunk_log(o);
	memcpy(head->bytes + AT_ID, id, VT_STORED_ID);
	if (o->key != NULL) {
		if (vt_random(data_key, sizeof(data_key)) < 0)
			return vt_fail(err, VT_IO,
			    "no random bytes to be had");
		rc = wrap(head, o->key, data_key, err);
	}
	if (rc == VT_OK)
		rc = seal_new(head, data_key, 1, out, err);
	explicit_bzero(data_key, sizeof(data_key));
	return rc;
}

enum vt_code
vt_seal_open(const struct vt_stored_head *h, const struct vt_wrap_key *key,
    struct vt_seal **out, struct vt_err *err)
{
	uint8_t data_key[32] = { 0 };
	enum vt_code rc = VT_OK;

	*out = NULL;
	if (h->is_encrypted && key == NULL)
		return vt_fail(err, VT_DENIED, "the blob is encrypted");
	if (h->is_encrypted)
		rc = unwrap(h, key, data_key, err);
	if (rc == VT_OK)
		rc = seal_new(h, data_key, 0, out, err);
	explicit_bzero(data_key, sizeof(data_key));
	return rc;
}

#define AAD (VT_STORED_ID + 9)

static void
additional(const struct vt_seal *s, uint64_t number, int last,
    uint8_t out[AAD])
{
	memcpy(out, s->id, VT_STORED_ID);
	vt_stored_put(out + VT_STORED_ID, 8, number);
	out[VT_STORED_ID + 8] = last != 0;
}

static int
encrypted(const struct vt_seal *s, int encrypt, uint64_t number, int last,
    uint8_t *data, size_t len)
{
	uint8_t nonce[12] = { 0 }, aad[AAD];

	vt_stored_put(nonce + 4, 8, number);
	additional(s, number, last, aad);
	return gcm_run(s->c, encrypt, nonce, aad, sizeof(aad), data, len);
}

static uint64_t
checksum(const struct vt_seal *s, uint64_t number, int last,
    const uint8_t *data, size_t len)
{
	uint8_t aad[AAD];

	additional(s, number, last, aad);
	return vt_crc64nvme(vt_crc64nvme(0, aad, sizeof(aad)), data, len);
}

int
vt_seal_make(const struct vt_seal *s, uint64_t number, int last,
    uint8_t *data, size_t len)
{
	if (s->c != NULL)
		return encrypted(s, 1, number, last, data, len);
	vt_stored_put(data + len, CRC, checksum(s, number, last, data, len));
	return 0;
}

int
vt_seal_check(const struct vt_seal *s, uint64_t number, int last,
    uint8_t *data, size_t len)
{
	if (s->c != NULL)
		return encrypted(s, 0, number, last, data, len);
	return vt_stored_get(data + len, CRC) ==
	    checksum(s, number, last, data, len) ? 0 : -1;
}

/* --- frames --------------------------------------------------------------- */

size_t
vt_frame_make(const uint8_t *data, size_t len, int level, uint8_t *out,
    size_t max)
{
	size_t n = ZSTD_compress(out, max, data, len, level);

	return ZSTD_isError(n) ? 0 : n;
}

int
vt_frame_open(const uint8_t *data, size_t len, uint8_t *out, size_t size)
{
	return ZSTD_decompress(out, size, data, len) == size ? 0 : -1;
}
