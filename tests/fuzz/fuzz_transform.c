/*
 * Any bytes as a head, as a stored blob and as a transform text; then as plain
 * bytes, which come back whole, also in ranges, and never when a stored bit was
 * changed.
 *
 * Input: first byte, what is done to the bytes and which stored one to spoil;
 * second, how to cut; the rest, the bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/buf.h"
#include "libvt/store/transform.h"

#define BLOB_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct vt_wrap_key key = { "fuzz",
    "any key of 32 bytes will do here" };

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

static enum vt_code
take(void *ctx, const void *data, size_t len, struct vt_err *err)
{
	if (vt_buf_add(ctx, data, len) < 0)
		return vt_fail(err, VT_NOMEM, "out of memory");
	return VT_OK;
}

/*
 * Read `length` bytes at `offset` of `stored`: what comes must be those of
 * `plain`, if that is known.  VT_OK: they all came.
 */
static enum vt_code
read_back(const struct vt_stored_head *h, const uint8_t *stored, size_t len,
    size_t piece, uint64_t size, uint64_t offset, uint64_t length,
    const uint8_t *plain)
{
	struct source s = { stored, 0, len, piece };
	uint8_t out[5000];
	struct vt_decoder *d;
	uint64_t at, n, sum = 0;
	size_t got;
	enum vt_code rc;

	rc = vt_decoder_open(h, h->is_encrypted ? &key : NULL, len, size, &d,
	    NULL);
	if (rc != VT_OK)
		return rc;
	vt_decoder_index(d, offset, length, &at, &n);
	if (at > len || n > len - at)
		abort();
	s.at = (size_t)at;
	s.end = (size_t)(at + n);
	if (n > 0)
		rc = vt_decoder_index_read(d, give, &s, NULL);
	if (rc == VT_OK && vt_decoder_range(d, offset, length, &at, &n,
	    NULL) != VT_OK)
		abort();
	if (rc == VT_OK && (at > len || n > len - at))
		abort();
	s.at = (size_t)at;
	s.end = (size_t)(at + n);
	while (rc == VT_OK) {
		rc = vt_decoder_read(d, give, &s, out, sizeof(out), &got,
		    NULL);
		if (rc != VT_OK || got == 0)
			break;
		if (sum + got > length || (plain != NULL &&
		    memcmp(plain + offset + sum, out, got) != 0))
			abort();
		sum += got;
	}
	if (rc == VT_OK && (sum != length || s.at != s.end))
		abort();
	vt_decoder_close(d);
	return rc;
}

/* Bytes that somebody else put on a tier. */
static void
read_any(const struct vt_stored_head *h, const uint8_t *data, size_t size,
    size_t piece)
{
	uint64_t plain;

	if (vt_stored_plain_size(h, size, data + size - VT_STORED_TAIL,
	    &plain, NULL) != VT_OK)
		return;
	/* nobody can have wrapped a key but us */
	if (read_back(h, data, size, piece, plain, 0, plain, NULL) ==
	    VT_OK && h->is_encrypted)
		abort();
	(void)read_back(h, data, size, piece, plain, plain / 3, plain / 2,
	    NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t id[VT_STORED_ID] = "born in a fuzzer";
	char text[VT_TRANSFORM_MAX], again[VT_TRANSFORM_MAX];
	struct vt_encoder_options o = { .key = &key };
	struct vt_stored_head h, other;
	struct vt_encoder *e;
	struct vt_buf b;
	size_t piece, at, end;
	int what;

	if (size < 2)
		return 0;
	what = data[0];
	piece = 1 + (size_t)data[1] * 37;
	data += 2;
	size -= 2;
	if (vt_stored_parse(data, size, &h, NULL) == VT_OK) {
		vt_stored_text(&h, text);
		if (vt_stored_parse_text(text, &other, NULL) != VT_OK ||
		    memcmp(&h, &other, sizeof(h)) != 0)
			abort();
		read_any(&h, data, size, piece);
	}
	if (size < sizeof(text)) {
		memcpy(text, data, size);
		text[size] = '\0';
		if (vt_stored_parse_text(text, &h, NULL) == VT_OK) {
			vt_stored_text(&h, again);
			if (strcmp(text, again) != 0)
				abort();
		}
	}
	/* the bytes as plain ones, transformed, and perhaps spoilt */
	vt_buf_init(&b, BLOB_MAX);
	if (size > BLOB_MAX / 2)
		size = BLOB_MAX / 2;
	o.size_bytes = what & 4 ? size : UINT64_MAX;
	if (what & 1)
		o.level = 1;
	if ((what & 3) == 3)
		o.key = NULL;
	if (vt_encoder_open(&o, id, take, &b, &e, &h, NULL) != VT_OK)
		abort();
	for (at = 0; at < size; at += piece)
		if (vt_encoder_write(e, data + at,
		    size - at < piece ? size - at : piece, NULL) != VT_OK)
			abort();
	if (vt_encoder_finish(e, NULL) != VT_OK)
		abort();
	vt_encoder_close(e);
	if ((what & 1) == 0 && b.len != vt_stored_size(size))
		abort();
	if (read_back(&h, (const uint8_t *)b.data, b.len, piece, size, 0,
	    size, data) != VT_OK || read_back(&h, (const uint8_t *)b.data,
	    b.len, piece, size, size / 3, size / 2, data) != VT_OK)
		abort();
	/* a whole read does not look at the index and what is behind it */
	end = b.len;
	if (what & 1)
		end -= VT_STORED_TAIL + (o.key != NULL ? 16 : 8) + 4 *
		    (size == 0 ? 1 : (size - 1) / h.chunk_bytes + 1);
	at = VT_STORED_HEAD + (size_t)what * 257 % (end - VT_STORED_HEAD);
	b.data[at] = (char)(b.data[at] ^ 1);
	if (size > 0 && read_back(&h, (const uint8_t *)b.data, b.len, piece,
	    size, 0, size, data) != VT_CORRUPT)
		abort();
	vt_buf_release(&b);
	return 0;
}
