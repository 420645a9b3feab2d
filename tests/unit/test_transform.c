/*
 * The stored form: what goes in comes out, by any pieces and ranges; what was
 * changed on the way never does (P5).
 */
#include "libvt/base/buf.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/store/transform.h"

#include "tests/unit/test.h"

#define CHUNK 65536
#define TAG 16

static const struct vt_wrap_key master = { "2026-a",
    "0123456789abcdef0123456789abcde" };
static const struct vt_wrap_key newer = { "2027.b",
    "another key, another key, anoth" };
static const struct vt_wrap_key customer = { "",
    "the customer's own key, not ours" };
static const uint8_t id[VT_STORED_ID] = "catalog1blob0001";

static enum vt_code
take(void *ctx, const void *data, size_t len, struct vt_err *err)
{
	if (vt_buf_add(ctx, data, len) == 0)
		return VT_OK;
	return vt_fail(err, VT_NOMEM, "out of memory");
}

/* What the tests below have done to the bytes: the level of zstd, or 0, and
 * whether they are encrypted by the key of a test. */
static int level, is_plain;

/* Encode `len` bytes in pieces of `piece`. */
static int
encode(const struct vt_wrap_key *key, const uint8_t *blob_id,
    const uint8_t *plain, size_t len, size_t piece, struct vt_buf *out,
    struct vt_stored_head *head)
{
	struct vt_encoder_options o = { .key = is_plain ? NULL : key,
	    .level = level, .size_bytes = len };
	struct vt_encoder *e;
	int good;

	vt_buf_init(out, 16 << 20);
	good = vt_encoder_open(&o, blob_id, take, out, &e, head, NULL) ==
	    VT_OK;
	for (size_t at = 0; good && at < len; at += piece)
		good = vt_encoder_write(e, plain + at,
		    len - at < piece ? len - at : piece, NULL) == VT_OK;
	good = good && vt_encoder_finish(e, NULL) == VT_OK;
	vt_encoder_close(e);
	return good;
}

struct source {
	const uint8_t *data;
	size_t at, end, piece;
};

static enum vt_code
give(void *ctx, void *data, size_t len, size_t *got, struct vt_err *err)
{
	struct source *s = ctx;

	(void)err;
	*got = len < s->piece ? len : s->piece;
	if (*got > s->end - s->at)
		*got = s->end - s->at;
	memcpy(data, s->data + s->at, *got);
	s->at += *got;
	return VT_OK;
}

/* Read a range from stored bytes that are `len` long and were said to be
 * `said`; *out_len bytes came before the result. */
static enum vt_code
decode(const struct vt_stored_head *h, const struct vt_wrap_key *key,
    const void *stored, size_t len, uint64_t said, uint64_t offset,
    uint64_t length, size_t piece, uint8_t *out, size_t *out_len)
{
	const uint8_t *tail = stored;
	struct source s = { stored, 0, len, piece };
	struct vt_decoder *d = NULL;
	uint64_t at = 0, n = 0, plain;
	enum vt_code rc;
	size_t got;

	*out_len = 0;
	rc = vt_stored_plain_size(h, said, tail + said - VT_STORED_TAIL,
	    &plain, NULL);
	if (rc == VT_OK)
		rc = vt_decoder_open(h, h->is_encrypted ? key : NULL, said,
		    plain, &d, NULL);
	if (rc == VT_OK)
		vt_decoder_index(d, offset, length, &at, &n);
	if (rc == VT_OK && n > 0) {
		s.at = at < len ? (size_t)at : len;
		s.end = at + n < len ? (size_t)(at + n) : len;
		rc = vt_decoder_index_read(d, give, &s, NULL);
		if (rc == VT_OK && s.at != s.end)
			rc = VT_EXISTS;
		s.end = len;
	}
	if (rc == VT_OK)
		rc = vt_decoder_range(d, offset, length, &at, &n, NULL);
	if (rc == VT_OK) {
		s.at = at < len ? (size_t)at : len;
		if (at + n < len)
			s.end = (size_t)(at + n);
		do {
			rc = vt_decoder_read(d, give, &s, out + *out_len,
			    piece, &got, NULL);
			if (rc == VT_OK)
				*out_len += got;
		} while (rc == VT_OK && got > 0);
		/* what was asked for is what is needed, no more */
		if (rc == VT_OK && s.at != s.end)
			rc = VT_EXISTS;
	}
	vt_decoder_close(d);
	return rc;
}

static uint8_t *
pattern(size_t len)
{
	uint8_t *p = malloc(len + 1);

	for (size_t i = 0; p != NULL && i < len; i++)
		p[i] = (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
	return p;
}

static void
test_sizes(void)
{
	static const size_t sizes[] = { 1, 13, 4096, CHUNK - 1, CHUNK,
	    CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 77 };
	static const size_t pieces[] = { 1000, CHUNK, 200000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *plain = pattern(sizes[i]), *out = malloc(1 << 20);
		struct vt_stored_head h;
		struct vt_buf b;
		uint64_t back;
		int good = 1;
		size_t n;

		for (size_t k = 0; k < 3; k++) {
			good &= encode(&master, id, plain, sizes[i],
			    pieces[k], &b, &h);
			good &= level > 0 || b.len == vt_stored_size(sizes[i]);
			good &= vt_stored_plain_size(&h, b.len,
			    (uint8_t *)b.data + b.len - VT_STORED_TAIL, &back,
			    NULL) == VT_OK && back == sizes[i];
			good &= decode(&h, &master, b.data, b.len, b.len, 0,
			    sizes[i], pieces[k], out, &n) == VT_OK &&
			    n == sizes[i] && memcmp(out, plain, n) == 0;
			good &= is_plain || memmem(b.data, b.len, plain,
			    sizes[i] < 64 ? sizes[i] : 64) == NULL ||
			    sizes[i] < 8;
			vt_buf_release(&b);
		}
		ok(good, "%zu bytes come back, in pieces of any size, level "
		    "%d%s", sizes[i], level, is_plain ? "" : ", encrypted");
		free(plain);
		free(out);
	}
}

static void
test_ranges(void)
{
	static const struct {
		uint64_t offset, length;
	} r[] = { { 0, 1 }, { 1, 1 }, { CHUNK - 1, 2 }, { CHUNK, CHUNK },
	    { CHUNK - 5, CHUNK + 10 }, { 3 * CHUNK, 77 },
	    { 3 * CHUNK + 76, 1 }, { 5, 0 }, { 2 * CHUNK + 9, CHUNK + 60 },
	    { 0, 3 * CHUNK + 77 } };
	size_t len = 3 * CHUNK + 77, n;
	uint8_t *plain = pattern(len), *out = malloc(len);
	struct vt_decoder *d;
	struct vt_stored_head h;
	struct vt_buf b;
	uint64_t at, count;

	ok(encode(&customer, id, plain, len, 5000, &b, &h), "a blob of a "
	    "customer's key");
	for (size_t i = 0; i < sizeof(r) / sizeof(r[0]); i++)
		ok(decode(&h, &customer, b.data, b.len, b.len, r[i].offset,
		    r[i].length, 999, out, &n) == VT_OK &&
		    n == r[i].length &&
		    memcmp(out, plain + r[i].offset, n) == 0,
		    "range of %llu at %llu", (unsigned long long)r[i].length,
		    (unsigned long long)r[i].offset);
	is_int(vt_decoder_open(&h, &customer, b.len, len + 1, &d, NULL),
	    VT_CORRUPT, "P5 its length tells the plain size");
	ok(vt_decoder_open(&h, &customer, b.len, len, &d, NULL) == VT_OK,
	    "opened");
	is_int(vt_decoder_range(d, 2 * CHUNK + 3, 5, &at, &count, NULL),
	    VT_OK, "a short range");
	ok(at == VT_STORED_HEAD + 2 * (CHUNK + TAG) && count == CHUNK + TAG,
	    "reads one chunk and no other");
	is_int(vt_decoder_range(d, len, 1, &at, &count, NULL), VT_INVALID,
	    "a range past the end");
	is_int(vt_decoder_range(d, 1, UINT64_MAX, &at, &count, NULL),
	    VT_INVALID, "a range past every end");
	vt_decoder_close(d);
	vt_buf_release(&b);
	free(plain);
	free(out);
}

/* What came out of a spoiled blob must be VT_CORRUPT, and only bytes of the
 * chunks before the bad one. */
static void
refused(const struct vt_stored_head *h, const void *stored, size_t len,
    uint64_t said, const uint8_t *plain, size_t plain_len, uint64_t bad,
    const char *what)
{
	uint8_t *out = malloc(plain_len + 1);
	size_t n;
	enum vt_code rc = decode(h, &master, stored, len, said, 0, plain_len,
	    1000, out, &n);

	ok(rc == VT_CORRUPT && n <= bad && memcmp(out, plain, n) == 0,
	    "P5 %s", what);
	if (rc != VT_CORRUPT || n > bad)
		printf("# got %s after %zu bytes\n", vt_code_name(rc), n);
	free(out);
}

static void
test_attacks(void)
{
	const size_t full = CHUNK + TAG, len = 3 * CHUNK + 77;
	uint8_t *plain = pattern(len), *spoilt, *out = malloc(len);
	static const uint8_t other_id[VT_STORED_ID] = "catalog1blob0002";
	struct vt_stored_head h, other_head;
	struct vt_buf b, other;
	struct vt_decoder *d;
	size_t n, i;
	char *at;
	int good;

	good = encode(&master, id, plain, len, 4096, &b, &h) &&
	    encode(&master, other_id, plain, len, 4096, &other,
	    &other_head);
	ok(good, "two blobs of the same bytes");
	ok(memcmp(b.data + VT_STORED_HEAD, other.data + VT_STORED_HEAD,
	    full) != 0, "have nothing in common");
	spoilt = malloc(b.len);
	at = (char *)spoilt;
#define FRESH memcpy(spoilt, b.data, b.len)
	FRESH;
	spoilt[VT_STORED_HEAD + full + 1000] ^= 1;
	refused(&h, spoilt, b.len, b.len, plain, len, CHUNK,
	    "a flipped bit in the second chunk");
	FRESH;
	spoilt[VT_STORED_HEAD + 2 * full - 1] ^= 0x80;
	refused(&h, spoilt, b.len, b.len, plain, len, CHUNK,
	    "a flipped bit in its tag");
	for (i = 0, good = 1; i < 32; i++) {
		FRESH;
		spoilt[i] ^= 4;
		good &= decode(&h, &master, spoilt, b.len, b.len, 0, 5, 5,
		    out, &n) == VT_CORRUPT && n == 0;
	}
	ok(good, "P5 a flipped bit in any byte of the fixed head");
	FRESH;
	memcpy(at + VT_STORED_HEAD, b.data + VT_STORED_HEAD + full, full);
	memcpy(at + VT_STORED_HEAD + full, b.data + VT_STORED_HEAD, full);
	refused(&h, spoilt, b.len, b.len, plain, len, 0,
	    "two chunks swapped");
	FRESH;
	memcpy(at + VT_STORED_HEAD + full, b.data + VT_STORED_HEAD, full);
	refused(&h, spoilt, b.len, b.len, plain, len, CHUNK,
	    "a chunk repeated");
	FRESH;
	memcpy(at + VT_STORED_HEAD + full, other.data + VT_STORED_HEAD + full,
	    full);
	refused(&h, spoilt, b.len, b.len, plain, len, CHUNK,
	    "a chunk of another blob");
	refused(&h, other.data, other.len, other.len, plain, len, 0,
	    "another blob in its place");
	memcpy(spoilt, other.data, b.len);
	memcpy(spoilt, b.data, VT_STORED_HEAD);
	refused(&h, spoilt, b.len, b.len, plain, len, 0,
	    "another blob under its head");
	refused(&h, b.data, b.len - 20, b.len, plain, len, 3 * CHUNK,
	    "bytes missing at the end");
	refused(&h, b.data, VT_STORED_HEAD + 2 * full,
	    VT_STORED_HEAD + 2 * full, plain, 2 * CHUNK, CHUNK,
	    "cut between two chunks, and believed to be so short");
	refused(&h, b.data, b.len - 20, b.len - 20, plain, len - 20,
	    3 * CHUNK, "cut in the last chunk, and believed");
	FRESH;
	at = malloc(b.len + 20);
	memcpy(at, b.data, b.len);
	memset(at + b.len, 0, 20);
	refused(&h, at, b.len + 20, b.len + 20, plain, len + 20, 3 * CHUNK,
	    "bytes added, and believed");
	free(at);
	is_int(vt_decoder_open(&h, &master, VT_STORED_HEAD + 3, 1, &d, NULL),
	    VT_CORRUPT, "P5 too short for a tag");
	is_int(vt_decoder_open(&h, &master, VT_STORED_HEAD + full + TAG,
	    CHUNK, &d, NULL), VT_CORRUPT,
	    "P5 a last chunk of nothing but a tag");
	is_int(vt_decoder_open(&h, &master, 3, 1, &d, NULL), VT_CORRUPT,
	    "P5 shorter than a head");
#undef FRESH
	vt_buf_release(&b);
	vt_buf_release(&other);
	free(plain);
	free(out);
	free(spoilt);
}

static void
test_keys(void)
{
	struct vt_wrap_key wrong = master;
	struct vt_stored_head h, again, changed;
	struct vt_decoder *d;
	char text[VT_TRANSFORM_MAX], fresh[VT_TRANSFORM_MAX];
	uint8_t plain[100] = "some text", out[100];
	struct vt_buf b;
	struct vt_err err;
	size_t n, i;
	int good;

	wrong.key[31] ^= 1;
	ok(encode(&master, id, plain, 100, 100, &b, &h), "a blob");
	is_str(h.key_name, "2026-a", "its head names the key");
	is_int(vt_decoder_open(&h, &wrong, b.len, 100, &d, &err), VT_DENIED,
	    "a wrong key of the right name");
	ok(d == NULL && strstr(err.text, "2026-a") != NULL,
	    "the failure names it: %s", err.text);
	is_int(vt_decoder_open(&h, &newer, b.len, 100, &d, &err), VT_DENIED,
	    "a key of another name");
	is_int(vt_decoder_open(&h, &customer, b.len, 100, &d, &err),
	    VT_DENIED, "a customer's key for a master's blob");
	is_int(vt_decoder_open(&h, NULL, b.len, 100, &d, &err), VT_DENIED,
	    "none at all");
	for (i = 12, good = 1; i < VT_STORED_HEAD; i++) {
		uint8_t bytes[VT_STORED_HEAD];

		memcpy(bytes, h.bytes, sizeof(bytes));
		bytes[i] ^= 1;
		if (vt_stored_parse(bytes, sizeof(bytes), &changed, NULL) !=
		    VT_OK)
			continue;
		good &= vt_decoder_open(&changed, &master, b.len, 100, &d,
		    NULL) == VT_DENIED;
		vt_decoder_close(d);
	}
	ok(good, "a head changed in any byte opens nothing");

	vt_stored_text(&h, text);
	is_int(vt_stored_parse_text(text, &again, NULL), VT_OK,
	    "the text of a head is one");
	ok(memcmp(&again, &h, sizeof(h)) == 0, "the same");
	is_int(vt_stored_parse(b.data, b.len, &again, NULL), VT_OK,
	    "the blob begins with its head");
	ok(memcmp(&again, &h, sizeof(h)) == 0, "the same too");

	is_int(vt_stored_rewrap(&again, &wrong, &newer, NULL), VT_DENIED,
	    "wrapped anew only by who can unwrap");
	ok(memcmp(&again, &h, sizeof(h)) == 0, "else it is as it was");
	is_int(vt_stored_rewrap(&again, &master, &newer, NULL), VT_OK,
	    "wrapped anew");
	vt_stored_text(&again, fresh);
	ok(strcmp(fresh, text) != 0 && strcmp(again.key_name, "2027.b") == 0,
	    "by the newer key");
	is_int(decode(&again, &newer, b.data, b.len, b.len, 0, 100, 7, out,
	    &n), VT_OK, "it opens the bytes that were written before");
	ok(n == 100 && memcmp(out, plain, 100) == 0, "as they were");
	is_int(vt_decoder_open(&again, &master, b.len, 100, &d, NULL),
	    VT_DENIED,
	    "the old key does not any more");
	vt_buf_release(&b);

	is_int(vt_stored_parse_text("", &again, NULL), VT_INVALID,
	    "an empty text");
	is_int(vt_stored_parse_text("zstd", &again, NULL), VT_INVALID,
	    "a text of another kind");
	is_int(vt_stored_parse("short", 5, &again, NULL), VT_INVALID,
	    "a short head");
	memcpy(changed.bytes, h.bytes, sizeof(h.bytes));
	changed.bytes[8] = 2;
	is_int(vt_stored_parse(changed.bytes, VT_STORED_HEAD, &again, &err),
	    VT_INVALID, "a newer version");
	ok(strstr(err.text, "version 2") != NULL, "says so: %s", err.text);
}

/* --- compressed ----------------------------------------------------------- */

#define BIG (256 * 1024)	/* plain bytes of a compressed chunk */

/* Some that shrink, then some that do not, then others that do. */
static uint8_t *
mixture(size_t len)
{
	uint8_t *p = malloc(len + 1);
	uint32_t seed = 1;

	for (size_t i = 0; p != NULL && i < len; i++) {
		seed = seed * 1103515245u + 12345u;
		p[i] = i >= BIG && i < 2 * BIG ? (uint8_t)(seed >> 16) :
		    (uint8_t)"compressible "[i * i / 64 % 13];
	}
	return p;
}

/* How many bytes of the blob a range is read from, index and chunks. */
static uint64_t
reads(const struct vt_stored_head *h, const struct vt_buf *b, size_t plain,
    uint64_t offset, uint64_t length)
{
	struct source s = { (uint8_t *)b->data, 0, b->len, b->len };
	struct vt_decoder *d;
	uint64_t at, n, sum;

	if (vt_decoder_open(h, &master, b->len, plain, &d, NULL) != VT_OK)
		return 0;
	vt_decoder_index(d, offset, length, &at, &n);
	sum = n;
	s.at = (size_t)at;
	if (n > 0 && vt_decoder_index_read(d, give, &s, NULL) != VT_OK)
		sum = UINT64_MAX;
	else if (vt_decoder_range(d, offset, length, &at, &n, NULL) == VT_OK)
		sum += n;
	vt_decoder_close(d);
	return sum;
}

static void
test_compressed_ranges(void)
{
	static const struct {
		uint64_t offset, length;
	} r[] = { { 0, 1 }, { 0, BIG }, { BIG - 1, 2 }, { BIG, BIG },
	    { 2 * BIG - 7, 9 }, { 3 * BIG, 7777 }, { 3 * BIG + 7776, 1 },
	    { 9, 0 }, { BIG + 3, 2 * BIG + 5 }, { 0, 3 * BIG + 7777 } };
	size_t len = 3 * BIG + 7777, n;
	uint8_t *plain = mixture(len), *out = malloc(len);
	struct vt_stored_head h;
	struct vt_buf b;
	uint64_t whole;

	ok(encode(&master, id, plain, len, 5000, &b, &h) &&
	    b.len < len / 2, "%zu bytes are stored as %zu", len, b.len);
	ok(memmem(b.data, b.len, plain + BIG, 64) == NULL ||
	    is_plain, "what does not shrink is hidden too");
	for (size_t i = 0; i < sizeof(r) / sizeof(r[0]); i++)
		ok(decode(&h, &master, b.data, b.len, b.len, r[i].offset,
		    r[i].length, 999, out, &n) == VT_OK &&
		    n == r[i].length &&
		    memcmp(out, plain + r[i].offset, n) == 0,
		    "range of %llu at %llu", (unsigned long long)r[i].length,
		    (unsigned long long)r[i].offset);
	whole = reads(&h, &b, len, 0, len);
	ok(whole < b.len && whole > BIG, "the whole without its index");
	ok(reads(&h, &b, len, 5, 10) < BIG / 8 &&
	    reads(&h, &b, len, BIG, 10) > BIG &&
	    reads(&h, &b, len, 2 * BIG, 10) < BIG / 8,
	    "a range reads the chunks it is in, and the index");
	vt_buf_release(&b);
	free(plain);
	free(out);
}

/* Every byte, one bit in it: nothing but the right bytes ever comes. */
static void
test_compressed_rot(void)
{
	size_t len = BIG + 3000, n, bad = 0, passed = 0, want;
	uint8_t *plain = mixture(len), *out = malloc(len), *spoilt;
	struct vt_stored_head h;
	struct vt_buf b;
	enum vt_code rc;

	if (!encode(&master, id, plain, len, 5000, &b, &h))
		abort();
	spoilt = malloc(b.len);
	memcpy(spoilt, b.data, b.len);
	for (size_t i = 0; i < b.len; i++) {
		spoilt[i] ^= (uint8_t)(1 << i % 8);
		rc = decode(&h, &master, spoilt, b.len, b.len, 0, len, 70000,
		    out, &n);
		if (rc == VT_OK)
			passed++;
		if (n > len || memcmp(out, plain, n) != 0)
			bad++;
		/* a range of the second chunk */
		rc = decode(&h, &master, spoilt, b.len, b.len, BIG + 9, 900,
		    70000, out, &n);
		if (n > 900 || memcmp(out, plain + BIG + 9, n) != 0)
			bad++;
		spoilt[i] = (uint8_t)b.data[i];
	}
	is_int(bad, 0, "P5 a flipped bit never gives a wrong byte");
	/* a whole read needs neither what the head says of keys, which the
	 * catalog has, nor the index */
	want = VT_STORED_HEAD - 32 + 8 + (is_plain ? 8 : 16);
	is_int(passed, want, "P5 and is found, wherever it matters");
	for (size_t cut = 1; cut < 300; cut += 7)
		passed += decode(&h, &master, b.data, b.len - cut,
		    b.len - cut, 0, len, 70000, out, &n) == VT_OK;
	is_int(passed, want, "P5 one cut short is none");
	vt_buf_release(&b);
	free(plain);
	free(out);
	free(spoilt);
}

static void
test_shrinks(void)
{
	uint8_t *plain = mixture(2 * BIG);

	ok(vt_encoder_shrinks(plain, VT_ENCODER_SAMPLE, 3), "text shrinks");
	ok(!vt_encoder_shrinks(plain + BIG, VT_ENCODER_SAMPLE, 3),
	    "noise does not");
	ok(!vt_encoder_shrinks(plain, 190, 3) &&
	    vt_encoder_shrinks(plain, 2000, 3),
	    "few bytes do not: the form needs some");
	ok(!vt_encoder_shrinks("", 0, 3), "nothing neither");
	free(plain);
}

static void
test_compressed(void)
{
	test_shrinks();
	for (is_plain = 0; is_plain < 2; is_plain++) {
		level = 3;
		test_sizes();
		test_compressed_ranges();
		test_compressed_rot();
	}
	level = is_plain = 0;
}

/* A blob made by the words of transform.h alone, by another program: what is
 * written today can be read for ever. */
static void
test_vector(void)
{
	static const char hex[] =
	    "895654580d0a1a0a0100010110000000101112131415161718191a1b1c1d1e1f"
	    "766563746f720000000000000000000000000000000000000000000000000000"
	    "404142434445464748494a4b4c4d4e4f3e17e547e1ce18178cdb0984c2c8ef5d"
	    "560cc9630e0ee840209863e75d8d17ba1e95bd54faa4cd466830ce9a1843c369"
	    "2124838d324a9d254e011c5f14ef46ce17de1c4c215885116aff5be4bdd57b06"
	    "b7c46fb4e3b371ce4efc27d09144d02b7c1eec";
	static const char want[] = "Vaultaire keeps what it was given.\n";
	struct vt_wrap_key key = { "vector", "" };
	uint8_t stored[(sizeof(hex) - 1) / 2], out[sizeof(want)];
	struct vt_stored_head h;
	size_t n = 0;

	for (int i = 0; i < 32; i++)
		key.key[i] = (uint8_t)i;
	ok(vt_hex_decode(hex, stored, sizeof(stored)) == 0 &&
	    vt_stored_parse(stored, sizeof(stored), &h, NULL) == VT_OK &&
	    decode(&h, &key, stored, sizeof(stored), sizeof(stored), 0,
	    sizeof(want) - 1, sizeof(out), out, &n) == VT_OK &&
	    n == sizeof(want) - 1 && memcmp(out, want, n) == 0,
	    "a blob written by another program is read");
}

/* The same of compressed ones: its line, over and over, in chunks of 4 KiB,
 * without a key and with it. */
static void
test_compressed_vectors(void)
{
	static const char *const hex[] = {
	    "895654580d0a1a0a010100000c000000101112131415161718191a1b1c1d1e1f"
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "0000003528b52ffd006865010034025661756c7461697265206b656570732077"
	    "6861742069742077617320676976656e2e0a0100d3bef1d513d87af6195a6475"
	    "b80000003528b52ffd0068650100340261756c7461697265206b656570732077"
	    "6861742069742077617320676976656e2e0a560100e3c2fcea09234f881dad56"
	    "0e740000003500000035e2434cfc073530ab0000000000001482",
	    "895654580d0a1a0a010101010c000000101112131415161718191a1b1c1d1e1f"
	    "766563746f720000000000000000000000000000000000000000000000000000"
	    "404142434445464748494a4b4c4d4e4f3e17e547e1ce18178cdb0984c2c8ef5d"
	    "560cc9630e0ee840209863e75d8d17ba923045519e2c81b30b3b49ff96ab5495"
	    "000000355ff0d91c464391562b15756c10ea599a01df0f5d215a94546ded08b3"
	    "b2dd7943b09e45b1132c6fea468ee1220baeb345607f86da6a50a3713b8e9c0b"
	    "81a9d02300ef96541100000035f91ab7a98499344c69c6981eb2ae5d94b5c347"
	    "521a78ea2185f27eee97e4b4a44a65b6ce65055c2a71d1641c7c77cb406767dd"
	    "338db0ebfc4a0266de060c01f3e3e75dbe06239f7ce6e4692fdf0f74e52e70ea"
	    "60a63410d6e71a121ef10000000000001482"
	};
	static const char line[] = "Vaultaire keeps what it was given.\n";
	struct vt_wrap_key key = { "vector", "" };
	uint8_t stored[400], out[150 * (sizeof(line) - 1)];
	struct vt_stored_head h;
	size_t n = 0, len, i;
	int good;

	for (i = 0; i < 32; i++)
		key.key[i] = (uint8_t)i;
	for (size_t k = 0; k < 2; k++) {
		len = strlen(hex[k]) / 2;
		good = vt_hex_decode(hex[k], stored, len) == 0 &&
		    vt_stored_parse(stored, len, &h, NULL) == VT_OK &&
		    decode(&h, &key, stored, len, len, 0, sizeof(out), 900,
		    out, &n) == VT_OK && n == sizeof(out);
		for (i = 0; good && i < 150; i++)
			good = memcmp(out + i * (sizeof(line) - 1), line,
			    sizeof(line) - 1) == 0;
		ok(good, "a compressed blob written by another program is "
		    "read");
		ok(decode(&h, &key, stored, len, len, 5000, 100, 900, out,
		    &n) == VT_OK && n == 100 && memcmp(out, line + 5000 %
		    (sizeof(line) - 1), 5) == 0, "and a range of it");
	}
}

int
main(void)
{
	test_sizes();
	test_ranges();
	test_attacks();
	test_keys();
	test_vector();
	test_compressed_vectors();
	test_compressed();
	return test_done();
}
