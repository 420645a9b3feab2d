#include <pthread.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "tests/unit/test.h"

static const char *
hex(const uint8_t *data, size_t len)
{
	static char text[2 * VT_HASH_MAX + 1];

	vt_hex_encode(data, len, text);
	return text;
}

static const char *
once(enum vt_hash_alg alg, const void *data, size_t len)
{
	uint8_t out[VT_HASH_MAX];

	if (vt_hash_once(alg, data, len, out) < 0)
		return NULL;
	return hex(out, vt_hash_len(alg));
}

static uint64_t
crc(enum vt_hash_alg alg, const uint8_t *data, size_t len)
{
	uint8_t out[VT_HASH_MAX];
	uint64_t v = 0;
	size_t i;

	vt_hash_once(alg, data, len, out);
	for (i = 0; i < vt_hash_len(alg); i++)
		v = v << 8 | out[i];
	return v;
}

/* RFC 1321, FIPS 180-4, the CRC catalogue's "check", AWS for NVME. */
static void
test_vectors(void)
{
	static const uint8_t zeros[4096], *const z = zeros;

	is_str(once(VT_MD5, "abc", 3), "900150983cd24fb0d6963f7d28e17f72",
	    "MD5");
	is_str(once(VT_MD5, NULL, 0), "d41d8cd98f00b204e9800998ecf8427e",
	    "of nothing");
	is_str(once(VT_SHA1, "abc", 3),
	    "a9993e364706816aba3e25717850c26c9cd0d89d", "SHA-1");
	is_str(once(VT_SHA256, "abc", 3),
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	    "SHA-256");
	is_str(once(VT_SHA256, "", 0),
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	    "of nothing");
	is_str(once(VT_CRC32, "123456789", 9), "cbf43926", "CRC32");
	is_str(once(VT_CRC32C, "123456789", 9), "e3069283", "CRC32C");
	is_str(once(VT_CRC64NVME, "123456789", 9), "ae8b14860a799888",
	    "CRC64NVME");
	is_str(once(VT_CRC32, "", 0), "00000000", "CRC32 of nothing");
	is_str(once(VT_CRC32C, NULL, 0), "00000000", "CRC32C of nothing");
	is_str(once(VT_CRC64NVME, "", 0), "0000000000000000",
	    "CRC64NVME of nothing");
	/* RFC 3720 section B.4 and the NVMe NVM command set specification,
	 * section 5.2.1.3.5. */
	is_str(once(VT_CRC32C, z, 32), "8a9136aa", "CRC32C of 32 zeros");
	is_str(once(VT_CRC64NVME, z, 4096), "6482d367eb22b64e",
	    "CRC64NVME of 4 KiB of zeros");
}

static void
test_hmac(void)
{
	/* RFC 4231 cases 1, 2, 6 and RFC 2202 case 1. */
	uint8_t key[131], out[32];

	memset(key, 0x0b, 20);
	vt_hmac_sha256(key, 20, "Hi There", 8, out);
	is_str(hex(out, 32),
	    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
	    "HMAC-SHA256 case 1");
	vt_hmac_sha1(key, 20, "Hi There", 8, out);
	is_str(hex(out, 20), "b617318655057264e28bc0b6fb378c8ef146be00",
	    "HMAC-SHA1 case 1");
	vt_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
	is_str(hex(out, 32),
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	    "HMAC-SHA256 case 2");
	memset(key, 0xaa, 131);
	vt_hmac_sha256(key, 131,
	    "Test Using Larger Than Block-Size Key - Hash Key First", 54, out);
	is_str(hex(out, 32),
	    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
	    "HMAC-SHA256 case 6");
	is_int(vt_hmac_sha256(NULL, 0, NULL, 0, out), 0, "no key, no data");
	is_str(hex(out, 32),
	    "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
	    "HMAC-SHA256 of nothing");
}

static void
test_streams(void)
{
	uint8_t *data = malloc(100000), out[VT_HASH_MAX], want[VT_HASH_MAX];
	struct vt_hash h = { 0 };
	size_t i, at, len;
	int alg, round, same;

	for (i = 0; i < 100000; i++)
		data[i] = (uint8_t)(rand() >> 5);
	for (alg = 0; alg < VT_HASH_ALGS; alg++) {
		vt_hash_once((enum vt_hash_alg)alg, data, 100000, want);
		same = 1;
		for (round = 0; round < 20; round++) {
			same &= vt_hash_init(&h, (enum vt_hash_alg)alg) == 0;
			for (at = 0; at < 100000; at += len) {
				len = (size_t)rand() %
				    (round % 2 ? 200 : 20000);
				if (len > 100000 - at)
					len = 100000 - at;
				vt_hash_update(&h, data + at, len);
			}
			vt_hash_final(&h, out);
			same &= memcmp(out, want,
			    vt_hash_len((enum vt_hash_alg)alg)) == 0;
		}
		ok(same, "algorithm %d in pieces of any length", alg);
	}
	vt_hash_release(&h);
	vt_hash_release(&h);
	is_int(vt_hash_init(&h, VT_MD5), 0, "init after release");
	vt_hash_release(&h);
	free(data);
}

/* One bit at a time, straight from the definition. */
static uint64_t
crc64_slow(uint64_t v, const uint8_t *p, size_t len)
{
	int i;

	v = ~v;
	for (; len > 0; len--, p++) {
		v ^= *p;
		for (i = 0; i < 8; i++)
			v = v >> 1 ^ (v & 1 ? 0x9a6c9329ac4bc9b5 : 0);
	}
	return ~v;
}

static void
test_crc64(void)
{
	uint8_t *data = malloc(70000);
	uint64_t start;
	int i, same = 1, slow = 1;
	size_t at, len;

	for (len = 0; len < 70000; len++)
		data[len] = (uint8_t)(rand() >> 5);
	for (len = 0; len < 700; len++) {
		at = len % 17;
		start = (uint64_t)rand() << 33 ^ (uint64_t)rand();
		slow &= vt_crc64nvme(start, data + at, len) ==
		    crc64_slow(start, data + at, len);
		same &= vt_crc64nvme(start, data + at, len) ==
		    vt_crc64nvme_sliced(start, data + at, len);
	}
	ok(slow, "CRC64NVME by its definition, each length up to 700");
	for (i = 0; i < 2000; i++) {
		at = (size_t)rand() % 64;
		len = (size_t)rand() % (i % 2 ? 1000 : 69000);
		start = (uint64_t)rand() << 33 ^ (uint64_t)rand();
		same &= vt_crc64nvme(start, data + at, len) ==
		    vt_crc64nvme_sliced(start, data + at, len);
	}
	ok(same, "folded and sliced agree on any length and alignment");
	free(data);
}

static void
test_combine(void)
{
	static const uint64_t far[] = {
		0, 1, 5, UINT64_C(1) << 40, (UINT64_C(1) << 61) - 1, UINT64_MAX
	};
	uint8_t data[5000];
	enum vt_hash_alg alg;
	size_t i, cut;
	uint64_t a, b, c;
	int same;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(rand() >> 5);
	for (alg = VT_CRC32; alg <= VT_CRC64NVME; alg++) {
		same = 1;
		for (i = 0; i < 300; i++) {
			cut = (size_t)rand() % (sizeof(data) + 1);
			same &= vt_crc_combine(alg, crc(alg, data, cut),
			    crc(alg, data + cut, sizeof(data) - cut),
			    sizeof(data) - cut) ==
			    crc(alg, data, sizeof(data));
		}
		ok(same, "algorithm %d: two parts combine", alg);
		/* Lengths nobody can hash: ((A B) C) is (A (B C)). */
		a = crc(alg, data, 100);
		b = crc(alg, data, 200);
		c = crc(alg, data, 300);
		same = 1;
		for (i = 0; i + 1 < sizeof(far) / sizeof(far[0]); i++)
			same &= vt_crc_combine(alg, vt_crc_combine(alg, a, b,
			    far[i]), c, 300) == vt_crc_combine(alg, a,
			    vt_crc_combine(alg, b, c, 300), far[i] + 300);
		ok(same, "algorithm %d: in any order", alg);
		ok(vt_crc_combine(alg, a, 0, 0) == a, "nothing added");
	}
}

static void *
hash_in_thread(void *arg)
{
	static const uint8_t want[4] = { 0x5b, 0xdc, 0xc1, 0x46 };
	uint8_t out[32];
	int *good = arg, i;

	*good = 1;
	for (i = 0; i < 2000; i++) {
		*good &= vt_hmac_sha256("Jefe", 4,
		    "what do ya want for nothing?", 28, out) == 0 &&
		    memcmp(out, want, 4) == 0;
		*good &= vt_hash_once(VT_MD5, "abc", 3, out) == 0 &&
		    out[0] == 0x90;
		*good &= vt_crc64nvme(0, "123456789", 9) ==
		    0xae8b14860a799888;
	}
	return NULL;
}

static void
test_threads(void)
{
	pthread_t threads[8];
	int good[8], i, all = 1;

	for (i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, hash_in_thread, &good[i]);
	for (i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		all &= good[i];
	}
	ok(all, "eight threads hash at once, from the first call on");
}

/* It is the same on every machine, and another of other bytes. */
static void
test_fingerprint(void)
{
	uint8_t zeros[64] = { 0 }, bytes[64];
	uint64_t seen[64 + 512], sum;
	size_t n = 0, i, j, equal = 0;

	for (i = 0; i < 64; i++)
		seen[n++] = vt_fingerprint(zeros, i);
	for (i = 0; i < 512; i++) {
		memcpy(bytes, zeros, sizeof(bytes));
		bytes[i / 8] = (uint8_t)(1 << i % 8);
		seen[n++] = vt_fingerprint(bytes, sizeof(bytes));
	}
	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			equal += seen[i] == seen[j];
	is_int(equal, 0, "lengths and single bits are told apart");
	sum = vt_fingerprint("123456789", 9);
	ok(sum == UINT64_C(0xcced10d415282b37), "a known one (%016llx)",
	    (unsigned long long)sum);
}

static void
test_secrets(void)
{
	uint8_t a[32], b[32];

	ok(vt_equal_secret("abc", "abc", 3), "equal");
	ok(!vt_equal_secret("abc", "abd", 3), "not equal");
	ok(vt_equal_secret(NULL, NULL, 0), "nothing equals nothing");
	is_int(vt_random(a, 32), 0, "random");
	vt_random(b, 32);
	ok(memcmp(a, b, 32) != 0, "twice is not the same");
}

int
main(void)
{
	test_threads();
	test_vectors();
	test_hmac();
	test_streams();
	test_crc64();
	test_combine();
	test_fingerprint();
	test_secrets();
	return test_done();
}
