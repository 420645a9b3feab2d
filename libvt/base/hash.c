/*
 * Digests and checksums: see hash.h.
 *
 * The statics below are written once, under pthread_once, and only read from
 * then on; contexts of HMACs and one-call digests belong to their thread.
 */
#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/crc.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "libvt/base/hash.h"

/* Polynomials, reflected: bit 0 is the highest power but one. */
#define POLY_CRC32 UINT64_C(0xedb88320)
#define POLY_CRC32C UINT64_C(0x82f63b78)
#define POLY_CRC64NVME UINT64_C(0x9a6c9329ac4bc9b5)

#define MDS 3			/* MD5, SHA-1, SHA-256 head vt_hash_alg */
#define HMAC_BLOCK 64		/* of all three */
#define SHA1_LEN 20
#define SHA256_LEN 32

static const uint8_t hash_lens[VT_HASH_ALGS] = { 16, 20, 32, 4, 4, 8 };

static EVP_MD *mds[MDS];
static pthread_key_t contexts_key;
static int contexts_key_made;

/* crc_tables[k][b]: byte b followed by k zero bytes. */
static uint64_t crc_tables[8][256];
/* shifts[alg][k] is x^(8 * 2^k) mod P: what 2^k zero bytes multiply by. */
static uint64_t shifts[VT_HASH_ALGS][64];
/* Multipliers that move 128 bits ahead by 128 and by 1,024. */
static uint64_t fold_128[2], fold_1024[2];
static int have_clmul;

/* --- arithmetic of polynomials over GF(2), modulo a CRC's ---------------- */

static unsigned
crc_bits(enum vt_hash_alg alg)
{
	return alg == VT_CRC64NVME ? 64 : 32;
}

static uint64_t
crc_poly(enum vt_hash_alg alg)
{
	if (alg == VT_CRC64NVME)
		return POLY_CRC64NVME;
	return alg == VT_CRC32C ? POLY_CRC32C : POLY_CRC32;
}

static uint64_t
times_x(enum vt_hash_alg alg, uint64_t a)
{
	return a >> 1 ^ ((0 - (a & 1)) & crc_poly(alg));
}

static uint64_t
times(enum vt_hash_alg alg, uint64_t a, uint64_t b)
{
	uint64_t bit = (uint64_t)1 << (crc_bits(alg) - 1), product = 0;

	/* The top bit is x^0, the next x^1... */
	for (; a != 0; a &= ~bit, bit >>= 1) {
		product ^= b & (0 - (uint64_t)((a & bit) != 0));
		b = times_x(alg, b);
	}
	return product;
}

static uint64_t
x_to_the(enum vt_hash_alg alg, unsigned n)
{
	uint64_t a = (uint64_t)1 << (crc_bits(alg) - 1);

	while (n-- > 0)
		a = times_x(alg, a);
	return a;
}

static void
make_tables(void)
{
	unsigned b, k;
	int alg;

	for (b = 0; b < 256; b++) {
		crc_tables[0][b] = b;
		for (k = 0; k < 8; k++)
			crc_tables[0][b] = times_x(VT_CRC64NVME,
			    crc_tables[0][b]);
	}
	for (k = 1; k < 8; k++)
		for (b = 0; b < 256; b++)
			crc_tables[k][b] = crc_tables[k - 1][b] >> 8 ^
			    crc_tables[0][crc_tables[k - 1][b] & 255];
	for (alg = VT_CRC32; alg <= VT_CRC64NVME; alg++) {
		shifts[alg][0] = x_to_the((enum vt_hash_alg)alg, 8);
		for (k = 1; k < 64; k++)
			shifts[alg][k] = times((enum vt_hash_alg)alg,
			    shifts[alg][k - 1], shifts[alg][k - 1]);
	}
	/*
	 * To move 128 bits, A * x^64 + B, ahead by d bits is to find
	 * A * x^(64 + d) + B * x^d.  A carry-less product of two reflected
	 * 64-bit numbers has 127 bits and so stands one bit too low in the
	 * 128: it is multiplied by x already, and the exponents are one less.
	 */
	fold_128[0] = x_to_the(VT_CRC64NVME, 64 + 128 - 1);
	fold_128[1] = x_to_the(VT_CRC64NVME, 128 - 1);
	fold_1024[0] = x_to_the(VT_CRC64NVME, 64 + 1024 - 1);
	fold_1024[1] = x_to_the(VT_CRC64NVME, 1024 - 1);
}

/* --- what each thread keeps ---------------------------------------------- */

struct contexts {
	EVP_MD_CTX *md[MDS];
};

static __thread struct contexts *mine;

static void
contexts_free(void *arg)
{
	struct contexts *c = arg;
	int i;

	for (i = 0; i < MDS; i++)
		EVP_MD_CTX_free(c->md[i]);
	free(c);
	/* A later destructor of this thread may hash: it starts afresh. */
	mine = NULL;
}

static void
setup(void)
{
	make_tables();
#if defined(__x86_64__)
	have_clmul = __builtin_cpu_supports("pclmul") &&
	    __builtin_cpu_supports("sse4.1");
#endif
	/* A provider may refuse MD5; then its init fails, and alone. */
	mds[VT_MD5] = EVP_MD_fetch(NULL, "MD5", NULL);
	mds[VT_SHA1] = EVP_MD_fetch(NULL, "SHA1", NULL);
	mds[VT_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
	contexts_key_made = pthread_key_create(&contexts_key,
	    contexts_free) == 0;
}

static void
setup_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, setup);
}

/* This thread's context for `alg`, ready for updates, or NULL. */
static EVP_MD_CTX *
thread_md(enum vt_hash_alg alg)
{
	struct contexts *c = mine;

	if (c == NULL) {
		setup_once();
		if (!contexts_key_made)
			return NULL;
		c = calloc(1, sizeof(*c));
		if (c == NULL)
			return NULL;
		if (pthread_setspecific(contexts_key, c) != 0) {
			free(c);
			return NULL;
		}
		mine = c;
	}
	if (c->md[alg] == NULL) {
		if (mds[alg] == NULL)
			return NULL;
		c->md[alg] = EVP_MD_CTX_new();
		if (c->md[alg] == NULL)
			return NULL;
	}
	if (EVP_DigestInit_ex2(c->md[alg], mds[alg], NULL) != 1)
		return NULL;
	return c->md[alg];
}

/* --- CRCs: each continues a finished value, 0 at the start --------------- */

static uint64_t
load_le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

/* Slicing by 8: eight bytes a step, each through its own table. */
static uint64_t
crc64_sliced(uint64_t crc, const uint8_t *p, size_t len)
{
	for (; len >= 8; len -= 8, p += 8) {
		crc ^= load_le64(p);
		crc = crc_tables[7][crc & 255] ^
		    crc_tables[6][crc >> 8 & 255] ^
		    crc_tables[5][crc >> 16 & 255] ^
		    crc_tables[4][crc >> 24 & 255] ^
		    crc_tables[3][crc >> 32 & 255] ^
		    crc_tables[2][crc >> 40 & 255] ^
		    crc_tables[1][crc >> 48 & 255] ^
		    crc_tables[0][crc >> 56];
	}
	for (; len > 0; len--, p++)
		crc = crc >> 8 ^ crc_tables[0][(crc ^ *p) & 255];
	return crc;
}

#if defined(__x86_64__)
#define CLMUL __attribute__((target("pclmul,sse4.1")))

CLMUL static inline __m128i
fold(__m128i x, __m128i k)
{
	return _mm_xor_si128(_mm_clmulepi64_si128(x, k, 0x00),
	    _mm_clmulepi64_si128(x, k, 0x11));
}

CLMUL static inline __m128i
load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/*
 * Fold the data onto its own last 16 bytes, which have the same remainder as
 * all of it, and leave these and the odd bytes to the tables.  Eight lanes
 * hide the latency of the multiplier.  Needs 128 bytes.
 */
CLMUL static uint64_t
crc64_clmul(uint64_t crc, const uint8_t *p, size_t len)
{
	__m128i k, x[8];
	uint8_t last[16];
	int i;

	for (i = 0; i < 8; i++)
		x[i] = load(p + 16 * i);
	x[0] = _mm_xor_si128(x[0], _mm_cvtsi64_si128((long long)crc));
	p += 128;
	len -= 128;
	k = _mm_set_epi64x((long long)fold_1024[1], (long long)fold_1024[0]);
	for (; len >= 128; len -= 128, p += 128) {
		x[0] = _mm_xor_si128(fold(x[0], k), load(p));
		x[1] = _mm_xor_si128(fold(x[1], k), load(p + 16));
		x[2] = _mm_xor_si128(fold(x[2], k), load(p + 32));
		x[3] = _mm_xor_si128(fold(x[3], k), load(p + 48));
		x[4] = _mm_xor_si128(fold(x[4], k), load(p + 64));
		x[5] = _mm_xor_si128(fold(x[5], k), load(p + 80));
		x[6] = _mm_xor_si128(fold(x[6], k), load(p + 96));
		x[7] = _mm_xor_si128(fold(x[7], k), load(p + 112));
	}
	k = _mm_set_epi64x((long long)fold_128[1], (long long)fold_128[0]);
	for (i = 1; i < 8; i++)
		x[0] = _mm_xor_si128(fold(x[0], k), x[i]);
	for (; len >= 16; len -= 16, p += 16)
		x[0] = _mm_xor_si128(fold(x[0], k), load(p));
	_mm_storeu_si128((__m128i *)(void *)last, x[0]);
	return crc64_sliced(crc64_sliced(0, last, sizeof(last)), p, len);
}
#endif

uint64_t
vt_crc64nvme(uint64_t crc, const void *data, size_t len)
{
	setup_once();
#if defined(__x86_64__)
	if (len >= 128 && have_clmul)
		return ~crc64_clmul(~crc, data, len);
#endif
	return ~crc64_sliced(~crc, data, len);
}

uint64_t
vt_crc64nvme_sliced(uint64_t crc, const void *data, size_t len)
{
	setup_once();
	return ~crc64_sliced(~crc, data, len);
}

/* ISA-L's gzip CRC inverts at both ends itself, its iSCSI one does neither
 * and counts in int. */
static uint32_t
crc32c(uint32_t crc, const uint8_t *p, size_t len)
{
	unsigned char *at = (unsigned char *)(uintptr_t)p;
	size_t piece;

	crc = ~crc;
	while (len > 0) {
		piece = len < (1U << 30) ? len : 1U << 30;
		crc = crc32_iscsi(at, (int)piece, crc);
		at += piece;
		len -= piece;
	}
	return ~crc;
}

static uint64_t
crc_more(enum vt_hash_alg alg, uint64_t crc, const void *data, size_t len)
{
	if (len == 0)
		return crc;
	if (alg == VT_CRC32)
		return crc32_gzip_refl((uint32_t)crc, data, len);
	if (alg == VT_CRC32C)
		return crc32c((uint32_t)crc, data, len);
	return vt_crc64nvme(crc, data, len);
}

/*
 * crc(AB) = crc(A) * x^(8 * len B) + crc(B): the inversions at the start of B
 * and at the end of A cancel out.
 */
uint64_t
vt_crc_combine(enum vt_hash_alg alg, uint64_t a, uint64_t b, uint64_t b_len)
{
	int k;

	assert(alg >= VT_CRC32 && alg <= VT_CRC64NVME);
	setup_once();
	for (k = 0; b_len != 0; k++, b_len >>= 1)
		if (b_len & 1)
			a = times(alg, shifts[alg][k], a);
	return a ^ b;
}

/* --- fingerprints --------------------------------------------------------- */

/* Odd, with about as many ones as zeros: the golden ratio's fraction. */
#define FINGER UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t
finger_more(uint64_t sum, uint64_t v)
{
	sum = (sum ^ v) * FINGER;
	return sum ^ sum >> 32;
}

uint64_t
vt_fingerprint(const void *data, size_t len)
{
	const uint8_t *p = data, *end = p + len;
	uint64_t sum = FINGER ^ len, last = 0;

	for (; end - p >= 16; p += 16)
		sum = finger_more(finger_more(sum, load_le64(p)),
		    load_le64(p + 8));
	if (end - p >= 8) {
		sum = finger_more(sum, load_le64(p));
		p += 8;
	}
	for (; p < end; p++)
		last = last << 8 | *p;
	return finger_more(finger_more(finger_more(sum, last), 0), 0);
}

/* --- digests ------------------------------------------------------------- */

size_t
vt_hash_len(enum vt_hash_alg alg)
{
	assert(alg < VT_HASH_ALGS);
	return hash_lens[alg];
}

/* libcrypto's built-in digests fail here on misuse alone: our bug. */
static void
md_update(EVP_MD_CTX *md, const void *data, size_t len)
{
	int done = EVP_DigestUpdate(md, data, len);

	assert(done == 1);
	(void)done;
}

static void
md_final(EVP_MD_CTX *md, uint8_t *out)
{
	int done = EVP_DigestFinal_ex(md, out, NULL);

	assert(done == 1);
	(void)done;
}

static void
crc_write(enum vt_hash_alg alg, uint64_t crc, uint8_t *out)
{
	size_t len = hash_lens[alg], i;

	for (i = 0; i < len; i++)
		out[i] = (uint8_t)(crc >> 8 * (len - 1 - i));
}

int
vt_hash_init(struct vt_hash *h, enum vt_hash_alg alg)
{
	assert(alg < VT_HASH_ALGS);
	h->alg = alg;
	h->crc = 0;
	if (alg >= MDS)
		return 0;
	setup_once();
	if (mds[alg] == NULL)
		return -1;
	if (h->md == NULL) {
		h->md = EVP_MD_CTX_new();
		if (h->md == NULL)
			return -1;
	}
	return EVP_DigestInit_ex2(h->md, mds[alg], NULL) == 1 ? 0 : -1;
}

void
vt_hash_update(struct vt_hash *h, const void *data, size_t len)
{
	if (h->alg >= MDS)
		h->crc = crc_more(h->alg, h->crc, data, len);
	else
		md_update(h->md, data, len);
}

void
vt_hash_final(struct vt_hash *h, uint8_t out[VT_HASH_MAX])
{
	if (h->alg >= MDS)
		crc_write(h->alg, h->crc, out);
	else
		md_final(h->md, out);
}

void
vt_hash_release(struct vt_hash *h)
{
	EVP_MD_CTX_free(h->md);
	h->md = NULL;
}

int
vt_hash_once(enum vt_hash_alg alg, const void *data, size_t len,
    uint8_t out[VT_HASH_MAX])
{
	EVP_MD_CTX *md;

	assert(alg < VT_HASH_ALGS);
	if (alg >= MDS) {
		crc_write(alg, crc_more(alg, 0, data, len), out);
		return 0;
	}
	md = thread_md(alg);
	if (md == NULL)
		return -1;
	md_update(md, data, len);
	md_final(md, out);
	return 0;
}

/*
 * RFC 2104 over the thread's digest context.  EVP_MAC would allocate a
 * context and fetch parameters for every call, at several times the cost.
 */
static int
hmac(enum vt_hash_alg alg, const void *key, size_t key_len,
    const void *data, size_t len, uint8_t *out)
{
	uint8_t pad[HMAC_BLOCK] = { 0 };
	EVP_MD_CTX *md;
	size_t i;
	int rc = -1;

	if (key_len > sizeof(pad)) {
		if (vt_hash_once(alg, key, key_len, pad) < 0)
			goto out;
	} else if (key_len != 0) {
		memcpy(pad, key, key_len);
	}
	for (i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	md = thread_md(alg);
	if (md == NULL)
		goto out;
	md_update(md, pad, sizeof(pad));
	md_update(md, data, len);
	md_final(md, out);
	for (i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	md = thread_md(alg);
	if (md == NULL)
		goto out;
	md_update(md, pad, sizeof(pad));
	md_update(md, out, hash_lens[alg]);
	md_final(md, out);
	rc = 0;
out:
	explicit_bzero(pad, sizeof(pad));
	return rc;
}

int
vt_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
    uint8_t out[SHA256_LEN])
{
	return hmac(VT_SHA256, key, key_len, data, len, out);
}

int
vt_hmac_sha1(const void *key, size_t key_len, const void *data, size_t len,
    uint8_t out[SHA1_LEN])
{
	return hmac(VT_SHA1, key, key_len, data, len, out);
}

/* --- secrets and chance -------------------------------------------------- */

int
vt_equal_secret(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

int
vt_random(void *out, size_t len)
{
	if (len > INT_MAX)
		return -1;
	return RAND_bytes(out, (int)len) == 1 ? 0 : -1;
}
