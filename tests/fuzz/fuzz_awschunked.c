/*
 * Any bytes as an aws-chunked body: no crash, and the answer does not depend
 * on how the bytes are cut or how much room there is.  Then the same bytes as
 * text: encoded in signed chunks, they decode to themselves.
 *
 * Input: first byte, the form (low two bits) and whether a length is
 * declared; second, how to cut; the rest, the body.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/buf.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/proto/awschunked.h"

#define SEED \
	"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
#define OUT_MAX (4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[32] = "any key will do";

struct outcome {
	enum vt_code code;
	struct vt_buf out;
	char trailer[2048];
};

static void
decode(enum vt_sig_payload payload, uint64_t declared, const char *in,
    size_t len, size_t piece, size_t room_max, struct outcome *o)
{
	struct vt_sig_auth auth = { .version = 4, .date = "20130524",
	    .region = "r", .service = "s3", .payload = payload };
	struct vt_chunked *c = vt_chunked_new(&auth, key, SEED, declared);
	char plain[4096];
	const char *t;
	size_t at = 0;

	memset(o, 0, sizeof(*o));
	vt_buf_init(&o->out, OUT_MAX);
	if (c == NULL)
		abort();
	while (at < len && o->code == VT_OK) {
		size_t n = len - at < piece ? len - at : piece;
		size_t offered = n, room = room_max;

		o->code = vt_chunked_push(c, in + at, &n, plain, &room,
		    NULL);
		if (n > offered || room > room_max)
			abort();
		if (o->code == VT_OK && n < offered && room < room_max)
			abort();	/* it must go on */
		vt_buf_add(&o->out, plain, room);
		at += n;
	}
	if (o->code == VT_OK)
		o->code = vt_chunked_finish(c, NULL);
	if (o->code == VT_OK && (!vt_chunked_done(c) || at != len ||
	    (declared != UINT64_MAX && o->out.len != declared)))
		abort();
	t = vt_chunked_trailer(c, "x-amz-checksum-crc32");
	if (t != NULL)
		memcpy(o->trailer, t, strlen(t));
	vt_chunked_free(c);
}

static void
put_chunk(struct vt_buf *b, const char *data, size_t len, char prev[65])
{
	char text[600], hex[65];
	uint8_t d[VT_HASH_MAX];
	int n;

	if (vt_hash_once(VT_SHA256, data, len, d) < 0)
		abort();
	vt_hex_encode(d, 32, hex);
	n = snprintf(text, sizeof(text), "AWS4-HMAC-SHA256-PAYLOAD\n"
	    "19700101T000000Z\n20130524/r/s3/aws4_request\n%s\n"
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	    "\n%s", prev, hex);
	if (vt_hmac_sha256(key, 32, text, (size_t)n, d) < 0)
		abort();
	vt_hex_encode(d, 32, prev);
	vt_buf_printf(b, "%zx;chunk-signature=%s\r\n", len, prev);
	vt_buf_add(b, data, len);
	vt_buf_str(b, "\r\n");
}

static void
round_trip(const char *text, size_t len, size_t chunk, size_t piece)
{
	char prev[65] = SEED;
	struct outcome o;
	struct vt_buf b;
	size_t at, n;

	vt_buf_init(&b, OUT_MAX);
	for (at = 0; at < len; at += n) {
		n = len - at < chunk ? len - at : chunk;
		put_chunk(&b, text + at, n, prev);
	}
	put_chunk(&b, "", 0, prev);
	if (!b.failed) {
		decode(VT_PAYLOAD_CHUNKED, len, b.data, b.len, piece, piece,
		    &o);
		if (o.code != VT_OK || o.out.len != len ||
		    memcmp(o.out.data, text, len) != 0)
			abort();
		vt_buf_release(&o.out);
	}
	vt_buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum vt_sig_payload forms[4] = {
		VT_PAYLOAD_CHUNKED, VT_PAYLOAD_CHUNKED_TRAILER,
		VT_PAYLOAD_UNSIGNED_TRAILER, VT_PAYLOAD_UNSIGNED_TRAILER
	};
	struct outcome whole, cut;
	const char *body;
	uint64_t declared;
	size_t len, piece;

	if (size < 2)
		return 0;
	declared = data[0] & 4 ? data[0] >> 3 : UINT64_MAX;
	piece = 1 + data[1];
	body = (const char *)data + 2;
	len = size - 2;
	decode(forms[data[0] & 3], declared, body, len, SIZE_MAX, 4096,
	    &whole);
	decode(forms[data[0] & 3], declared, body, len, piece,
	    1 + piece % 7, &cut);
	if (whole.code != cut.code || whole.out.len != cut.out.len ||
	    memcmp(whole.out.data, cut.out.data, cut.out.len) != 0 ||
	    strcmp(whole.trailer, cut.trailer) != 0)
		abort();
	vt_buf_release(&whole.out);
	vt_buf_release(&cut.out);
	if (len <= 4096)
		round_trip(body, len, 1 + piece * 3, piece);
	return 0;
}
