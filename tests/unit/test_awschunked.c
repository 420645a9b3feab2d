/* The aws-chunked decoder: every form of body, in pieces of every size, and
 * what is refused.  AWS's own examples are in test_vectors.c. */
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/proto/awschunked.h"

#include "tests/unit/test.h"

#define SEED \
	"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
#define ZEROS \
	"0000000000000000000000000000000000000000000000000000000000000000"
#define NOW_US INT64_C(1369353600000000)

static struct vt_sig_auth auth = { .version = 4, .date = "20130524",
    .region = "us-east-1", .service = "s3", .time_us = NOW_US };
static uint8_t key[32];

/* --- a client ------------------------------------------------------------ */

static void
sign(const char *algorithm, const char *rest, char prev[65])
{
	char text[600];
	uint8_t mac[32];
	int n;

	n = snprintf(text, sizeof(text), "%s\n20130524T000000Z\n"
	    "20130524/us-east-1/s3/aws4_request\n%s\n%s", algorithm, prev,
	    rest);
	if (vt_hmac_sha256(key, 32, text, (size_t)n, mac) < 0)
		abort();
	vt_hex_encode(mac, 32, prev);
}

static void
digest_hex(const void *data, size_t len, char out[65])
{
	uint8_t digest[VT_HASH_MAX];

	if (vt_hash_once(VT_SHA256, data, len, digest) < 0)
		abort();
	vt_hex_encode(digest, 32, out);
}

/* A chunk with its head, signed when `prev` is given. */
static void
put_chunk(struct vt_buf *b, const char *data, size_t len, char *prev)
{
	char rest[130], hex[65], empty[65];

	vt_buf_printf(b, "%zx", len);
	if (prev != NULL) {
		digest_hex(data, len, hex);
		digest_hex("", 0, empty);
		snprintf(rest, sizeof(rest), "%s\n%s", empty, hex);
		sign("AWS4-HMAC-SHA256-PAYLOAD", rest, prev);
		vt_buf_printf(b, ";chunk-signature=%s", prev);
	}
	vt_buf_str(b, "\r\n");
	vt_buf_add(b, data, len);
	if (len > 0)
		vt_buf_str(b, "\r\n");
}

static void
put_trailer_signature(struct vt_buf *b, const char *canonical, char *prev)
{
	char hex[65];

	digest_hex(canonical, strlen(canonical), hex);
	sign("AWS4-HMAC-SHA256-TRAILER", hex, prev);
	vt_buf_printf(b, "x-amz-trailer-signature:%s", prev);
}

#define TEXT "The quick brown fox jumps over the lazy dog"

/* A whole body in chunks of `size`. */
static void
put_body(struct vt_buf *b, enum vt_sig_payload payload, const char *text,
    size_t size)
{
	int is_signed = payload != VT_PAYLOAD_UNSIGNED_TRAILER;
	char prev[65] = SEED, *p = is_signed ? prev : NULL;
	size_t len = strlen(text), at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < size ? len - at : size;
		put_chunk(b, text + at, n, p);
	}
	put_chunk(b, "", 0, p);
	if (payload != VT_PAYLOAD_CHUNKED)
		vt_buf_str(b, "x-amz-checksum-crc32c:sOO8/Q==\r\n");
	if (payload == VT_PAYLOAD_CHUNKED_TRAILER) {
		put_trailer_signature(b, "x-amz-checksum-crc32c:sOO8/Q==\n",
		    prev);
		vt_buf_str(b, "\r\n");
	}
	vt_buf_str(b, "\r\n");
}

/* --- a server ------------------------------------------------------------ */

static unsigned seed_of_random = 1;

static unsigned
random_below(unsigned n)
{
	seed_of_random = seed_of_random * 1103515245 + 12345;
	return (seed_of_random >> 8) % n;
}

/* How the input is cut: at `at` when it is not 0, else at random into pieces
 * of up to `piece`; `room` is what is offered to decode into. */
struct cut {
	size_t at, piece, room;
};

static struct vt_chunked *
open_body(enum vt_sig_payload payload, uint64_t declared)
{
	struct vt_chunked *c;

	auth.payload = payload;
	c = vt_chunked_new(&auth, key, SEED, declared);
	if (c == NULL)
		abort();
	return c;
}

static enum vt_code
decode(struct vt_chunked *c, const char *in, size_t len, struct cut cut,
    struct vt_buf *out, struct vt_err *err)
{
	size_t at = 0;

	while (at < len) {
		size_t want = len - at, got, room = cut.room;
		char plain[256], *piece;
		enum vt_code rc;

		if (cut.at > at)
			want = cut.at - at;
		else if (cut.piece > 0 && want > cut.piece)
			want = 1 + random_below((unsigned)cut.piece);
		/* Its own memory, so that a sanitizer sees its ends. */
		piece = malloc(want);
		if (piece == NULL)
			abort();
		memcpy(piece, in + at, want);
		got = want;
		rc = vt_chunked_push(c, piece, &got, plain, &room, err);
		free(piece);
		vt_buf_add(out, plain, room);
		at += got;
		if (rc != VT_OK)
			return rc;
		if (got < want && room < cut.room)
			return VT_CANCELLED;	/* stopped for no reason */
	}
	return vt_chunked_finish(c, err);
}

static const struct cut whole = { 0, 0, 256 };

static int
decodes(enum vt_sig_payload payload, const struct vt_buf *b,
    const char *text, struct cut cut)
{
	struct vt_chunked *c = open_body(payload, strlen(text));
	struct vt_err err = { VT_OK, "" };
	struct vt_buf out;
	enum vt_code rc;
	int good;

	vt_buf_init(&out, 1 << 20);
	rc = decode(c, b->data, b->len, cut, &out, &err);
	good = rc == VT_OK && strcmp(out.data, text) == 0 &&
	    vt_chunked_done(c) && out.len == strlen(text);
	if (good && payload != VT_PAYLOAD_CHUNKED)
		good = vt_chunked_trailer(c, "x-amz-checksum-crc32c") !=
		    NULL && strcmp(vt_chunked_trailer(c,
		    "x-amz-checksum-crc32c"), "sOO8/Q==") == 0;
	if (!good)
		printf("# code %d %s, '%s'\n", rc, err.text, out.data);
	vt_buf_release(&out);
	vt_chunked_free(c);
	return good;
}

static const enum vt_sig_payload forms[] = {
	VT_PAYLOAD_CHUNKED, VT_PAYLOAD_CHUNKED_TRAILER,
	VT_PAYLOAD_UNSIGNED_TRAILER
};

static void
test_forms(void)
{
	static const size_t sizes[] = { 4, 7, 16, 42, 43, 100 };
	struct vt_buf b;
	size_t f, s, i, bad;

	vt_buf_init(&b, 1 << 20);
	for (f = 0; f < 3; f++) {
		vt_buf_reset(&b);
		put_body(&b, forms[f], "", 1);
		ok(decodes(forms[f], &b, "", whole), "form %zu: empty", f);
		for (s = 0; s < 6; s++) {
			vt_buf_reset(&b);
			put_body(&b, forms[f], TEXT, sizes[s]);
			ok(decodes(forms[f], &b, TEXT, whole),
			    "form %zu: chunks of %zu", f, sizes[s]);
			for (i = 1, bad = 0; i < b.len; i++) {
				struct cut cut = { i, 0, 256 };

				bad += !decodes(forms[f], &b, TEXT, cut);
			}
			is_int(bad, 0, "cut in two at every byte");
			for (i = 0, bad = 0; i < 200; i++) {
				struct cut cut = { 0, 1 + random_below(40),
				    1 + random_below(7) };

				bad += !decodes(forms[f], &b, TEXT, cut);
			}
			is_int(bad, 0, "cut at random, little room");
		}
	}
	vt_buf_release(&b);
}

/* A body cut off anywhere is not whole. */
static void
test_cut_off(void)
{
	struct vt_err err;
	struct vt_buf b, out;
	size_t f, len, bad;

	vt_buf_init(&b, 1 << 20);
	vt_buf_init(&out, 1 << 20);
	for (f = 0; f < 3; f++) {
		vt_buf_reset(&b);
		put_body(&b, forms[f], TEXT, 16);
		for (len = 0, bad = 0; len < b.len; len++) {
			struct vt_chunked *c = open_body(forms[f],
			    UINT64_MAX);

			vt_buf_reset(&out);
			bad += decode(c, b.data, len, whole, &out, &err) !=
			    VT_INVALID;
			bad += vt_chunked_finish(c, &err) != VT_INVALID;
			vt_chunked_free(c);
		}
		is_int(bad, 0, "form %zu cut off at every byte", f);
	}
	vt_buf_release(&b);
	vt_buf_release(&out);
}

/* No byte of a signed body can change unseen. */
static void
test_flipped(void)
{
	struct vt_err err;
	struct vt_buf b, out;
	size_t f, i, bad, denied;

	vt_buf_init(&b, 1 << 20);
	vt_buf_init(&out, 1 << 20);
	for (f = 0; f < 2; f++) {
		vt_buf_reset(&b);
		put_body(&b, forms[f], TEXT, 16);
		for (i = 0, bad = denied = 0; i < b.len; i++) {
			struct vt_chunked *c = open_body(forms[f],
			    strlen(TEXT));
			enum vt_code rc;

			vt_buf_reset(&out);
			b.data[i] ^= 1;
			rc = decode(c, b.data, b.len, whole, &out, &err);
			b.data[i] ^= 1;
			bad += rc != VT_DENIED && rc != VT_INVALID;
			denied += rc == VT_DENIED;
			vt_chunked_free(c);
		}
		is_int(bad, 0, "form %zu with a bit flipped anywhere", f);
		ok(denied > strlen(TEXT) + 4 * 64, "mostly for signatures");
	}
	vt_buf_release(&b);
	vt_buf_release(&out);
}

/* --- liberties taken by clients ------------------------------------------ */

static void
accepts(enum vt_sig_payload payload, const char *body, const char *text,
    const char *what)
{
	struct vt_buf b;

	vt_buf_init(&b, 1 << 20);
	vt_buf_str(&b, body);
	ok(decodes(payload, &b, text, whole), "%s", what);
	vt_buf_release(&b);
}

static void
test_liberties(void)
{
	enum vt_sig_payload u = VT_PAYLOAD_UNSIGNED_TRAILER;

	accepts(u, "3\r\nabc\r\n0\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n\r\n",
	    "abc", "plain");
	accepts(u, "0003\r\nabc\r\n00\r\nx-amz-checksum-crc32c:sOO8/Q=="
	    "\r\n\r\n", "abc", "leading zeros");
	accepts(u, "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n"
	    "x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n", "01234567890123456789",
	    "upper and lower case");
	accepts(u, "3;chunk-signature=" ZEROS "\r\nabc\r\n0;chunk-signature="
	    ZEROS "\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n\r\n", "abc",
	    "signatures in an unsigned body are passed over");
	accepts(u, "3 ; a = b ; c\r\nabc\r\n0 \r\n"
	    "x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n", "abc",
	    "other extensions too");
	accepts(u, "3\r\nabc\r\n0\r\nX-Amz-Checksum-CRC32C: \t sOO8/Q== \r\n"
	    "other:\r\n\r\n", "abc", "case and blanks");
	accepts(u, "3\r\nabc\r\n0\r\nx-amz-checksum-crc32c:sOO8/Q==\n\n",
	    "abc", "LF in the trailers");
}

/* How SDKs end the lines before the trailers' signature. */
static void
test_trailer_ends(void)
{
	static const struct {
		const char *before, *after_name, *between, *end;
	} ends[] = {
		{ "", "\r\n", "", "\r\n\r\n" },		/* AWS */
		{ "", "\n", "\r\n", "\r\n\r\n" },	/* minio-go */
		{ "", "\n", "", "\r\n\r\n" },
		{ "", "\n", "", "\n\n" },
		{ "\r\n", "\r\n", "", "\r\n\r\n" },
		{ "\r\n", "\r\n", "\r\n", "\r\n\r\n" },
	};
	struct vt_buf b;
	size_t i;

	vt_buf_init(&b, 1 << 20);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char prev[65] = SEED;

		vt_buf_reset(&b);
		put_chunk(&b, "abc", 3, prev);
		put_chunk(&b, "", 0, prev);
		/* Signed sorted, however they are sent. */
		vt_buf_printf(&b, "%sX-Amz-Meta-Z: 1%s"
		    "x-amz-checksum-crc32c:sOO8/Q==%s%s", ends[i].before,
		    ends[i].after_name, ends[i].after_name, ends[i].between);
		put_trailer_signature(&b, "x-amz-checksum-crc32c:sOO8/Q==\n"
		    "x-amz-meta-z:1\n", prev);
		vt_buf_str(&b, ends[i].end);
		ok(decodes(VT_PAYLOAD_CHUNKED_TRAILER, &b, "abc", whole),
		    "ends of trailers %zu", i);
	}
	vt_buf_release(&b);
}

/* --- refusals ------------------------------------------------------------ */

static void
refuses(enum vt_sig_payload payload, const char *body, size_t len,
    uint64_t declared, enum vt_code want, const char *what)
{
	struct vt_chunked *c = open_body(payload, declared);
	struct vt_err err = { VT_OK, "" }, again = { VT_OK, "" };
	size_t one = 1, room = 0;
	struct vt_buf out;

	vt_buf_init(&out, 1 << 20);
	is_int(decode(c, body, len, whole, &out, &err), want, "%s", what);
	is_int(err.code, want, "%s", err.text);
	ok(vt_chunked_push(c, "x", &one, NULL, &room, &again) == want &&
	    one == 0 && strcmp(err.text, again.text) == 0 &&
	    vt_chunked_finish(c, NULL) == want, "for good");
	vt_buf_release(&out);
	vt_chunked_free(c);
}

static void
test_refusals(void)
{
	static const struct {
		const char *body, *what;
	} cases[] = {
		{ "", "nothing" },
		{ "\r\n", "no size" },
		{ "x\r\n", "no digits" },
		{ ";a=b\r\n", "an extension alone" },
		{ "-1\r\n", "a sign" },
		{ "0x3\r\nabc\r\n", "a prefix" },
		{ "3\nabc\r\n0\r\n\r\n", "a head that ends in LF" },
		{ "3 4\r\nabc\r\n0\r\n\r\n", "two sizes" },
		{ "3\r\nabcd\r\n0\r\n\r\n", "more than its size" },
		{ "3\r\nabc\n0\r\n\r\n", "data that ends in LF" },
		{ "3\r\nabc\rX0\r\n\r\n", "data that ends in CR" },
		{ "4000000000000001\r\n", "more than 2^62" },
		{ "fffffffffffffffff\r\n", "more than 64 bits" },
		{ "4000000000000000\r\n", "2^62 and no data" },
		{ "3\r\nabc\r\n0\r\n\r\n\r\n", "bytes after the end" },
		{ "0\r\na\r\n\r\n", "a trailer with no colon" },
		{ "0\r\n:a\r\n\r\n", "a trailer with no name" },
		{ "0\r\na b:c\r\n\r\n", "a blank in a name" },
		{ "0\r\na:b\rc\r\n\r\n", "a CR in a value" },
		{ "0\r\na:1\r\nA:2\r\n\r\n", "a trailer twice" },
		{ "0\r\na:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\ni:"
		    "\r\n\r\n", "nine trailers" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refuses(VT_PAYLOAD_UNSIGNED_TRAILER, cases[i].body,
		    strlen(cases[i].body), UINT64_MAX, VT_INVALID,
		    cases[i].what);
	refuses(VT_PAYLOAD_UNSIGNED_TRAILER, "0\r\na:\0b\r\n\r\n", 11,
	    UINT64_MAX, VT_INVALID, "a NUL in a trailer");
	refuses(VT_PAYLOAD_UNSIGNED_TRAILER, "3\r\nabc\r\n0\r\n\r\n", 13, 2,
	    VT_INVALID, "more than declared");
	refuses(VT_PAYLOAD_UNSIGNED_TRAILER, "3\r\nabc\r\n0\r\n\r\n", 13, 4,
	    VT_INVALID, "less than declared");
}

static void
test_long_lines(void)
{
	static char body[5000];
	size_t n;

	memset(body, '0', sizeof(body));
	refuses(VT_PAYLOAD_UNSIGNED_TRAILER, body, sizeof(body), UINT64_MAX,
	    VT_INVALID, "a head without end");
	n = (size_t)snprintf(body, 20, "0\r\nname:");
	memset(body + n, 'v', sizeof(body) - n);
	refuses(VT_PAYLOAD_UNSIGNED_TRAILER, body, sizeof(body), UINT64_MAX,
	    VT_INVALID, "a trailer without end");
}

static void
test_signed_refusals(void)
{
	static const char no_end[] = "x-amz-checksum-crc32c:sOO8/Q==\r\n"
	    "\r\n\r\n\r\n";
	enum vt_sig_payload s = VT_PAYLOAD_CHUNKED;
	enum vt_sig_payload t = VT_PAYLOAD_CHUNKED_TRAILER;
	char prev[65] = SEED;
	struct vt_buf b;
	size_t len;

	refuses(s, "3\r\nabc\r\n", 8, 3, VT_INVALID, "no signature");
	refuses(s, "3;chunk-signature=00\r\nabc\r\n", 27, 3, VT_INVALID,
	    "a short signature");
	refuses(s, "3;chunk-signature=" ZEROS "\r\nabc\r\n", 18 + 64 + 7, 3,
	    VT_DENIED, "a wrong signature");
	refuses(s, "3;chunk-signature=" ZEROS ";chunk-signature=" ZEROS
	    "\r\n", 18 + 64 + 17 + 64 + 2, 3, VT_INVALID, "two signatures");
	refuses(s, "0;chunk-signature=" ZEROS "\r\n", 18 + 64 + 2, 0,
	    VT_DENIED, "a wrong last one");

	vt_buf_init(&b, 1 << 20);
	put_chunk(&b, "abc", 3, prev);
	put_chunk(&b, "", 0, prev);
	len = b.len;
	vt_buf_str(&b, "a:b\r\n\r\n");
	refuses(s, b.data, b.len, 3, VT_INVALID, "trailers not announced");
	b.len = len;
	vt_buf_str(&b, no_end);
	refuses(t, b.data, b.len, 3, VT_INVALID, "trailers not signed");
	b.len = len;
	put_trailer_signature(&b, "a:b\n", prev);
	vt_buf_str(&b, "\r\n\r\n");
	refuses(t, b.data, b.len, 3, VT_DENIED, "a trailer gone");

	vt_buf_reset(&b);
	memcpy(prev, SEED, 65);
	put_chunk(&b, "", 0, prev);
	put_trailer_signature(&b, "", prev);
	vt_buf_str(&b, "\r\na:b\r\n\r\n");
	refuses(t, b.data, b.len, 0, VT_INVALID,
	    "a trailer after the signature");
	vt_buf_release(&b);

	/* The order of chunks is signed. */
	memcpy(prev, SEED, 65);
	vt_buf_init(&b, 1 << 20);
	put_chunk(&b, "abc", 3, prev);
	vt_buf_reset(&b);
	put_chunk(&b, "abc", 3, prev);
	refuses(s, b.data, b.len, 6, VT_DENIED, "the second chunk first");
	vt_buf_release(&b);
}

/* Framing needs no room, data waits for it; in place is allowed. */
static void
test_room(void)
{
	char body[] = "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", out[8];
	struct vt_chunked *c = open_body(VT_PAYLOAD_UNSIGNED_TRAILER, 5);
	size_t in = strlen(body), room = 0;
	struct vt_err err;

	is_int(vt_chunked_push(c, body, &in, out, &room, &err), VT_OK,
	    "no room");
	ok(in == 3 && room == 0, "stops at the data");
	in = strlen(body) - 3;
	room = 3;
	is_int(vt_chunked_push(c, body + 3, &in, out, &room, &err), VT_OK,
	    "room for a chunk");
	ok(in == 8 && room == 3, "stops at the next");
	ok(!vt_chunked_done(c), "not done");
	in = strlen(body) - 11;
	room = 2;
	is_int(vt_chunked_push(c, body + 11, &in, out, &room, &err), VT_OK,
	    "room for the rest");
	ok(in == strlen(body) - 11 && room == 2 && vt_chunked_done(c),
	    "goes to the end");
	ok(vt_chunked_trailer(c, "x") == NULL, "no such trailer");
	vt_chunked_free(c);

	c = open_body(VT_PAYLOAD_UNSIGNED_TRAILER, 5);
	in = room = strlen(body);
	is_int(vt_chunked_push(c, body, &in, body, &room, &err), VT_OK,
	    "in place");
	ok(room == 5 && memcmp(body, "abcde", 5) == 0, "decoded");
	vt_chunked_free(c);
	vt_chunked_free(NULL);
}

int
main(void)
{
	if (vt_sig_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524",
	    "us-east-1", "s3", key) < 0)
		return 1;
	test_forms();
	test_cut_off();
	test_flipped();
	test_liberties();
	test_trailer_ends();
	test_refusals();
	test_long_lines();
	test_signed_refusals();
	test_room();
	return test_done();
}
