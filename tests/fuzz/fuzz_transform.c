/*
 * Any bytes as a head and as a transform text; then as plain bytes, which come
 * back whole, and never when a stored bit was changed.
 *
 * Input: first byte, which stored byte to spoil; second, how to cut; the rest,
 * the bytes.
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

/* Read all of `stored`: what comes must be `plain`, or when it was spoilt a
 * beginning of it and VT_CORRUPT. */
static void
read_back(const struct vt_stored_head *h, const uint8_t *stored, size_t len,
    size_t piece, const uint8_t *plain, size_t plain_len, int spoilt)
{
	struct source s = { stored, 0, len, piece };
	uint8_t out[5000];
	struct vt_decoder *d;
	uint64_t at, n;
	size_t got, sum = 0;
	enum vt_code rc;

	if (vt_decoder_open(h, &key, len, &d, NULL) != VT_OK ||
	    vt_decoder_range(d, 0, vt_decoder_size(d), &at, &n, NULL) !=
	    VT_OK || at != 0 || (n != len && n != 0))
		abort();
	do {
		rc = vt_decoder_read(d, give, &s, out, sizeof(out), &got,
		    NULL);
		if (rc != VT_OK)
			break;
		if (sum + got > plain_len ||
		    memcmp(plain + sum, out, got) != 0)
			abort();
		sum += got;
	} while (got > 0);
	if (spoilt ? rc != VT_CORRUPT : rc != VT_OK || sum != plain_len)
		abort();
	vt_decoder_close(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t id[VT_STORED_ID] = "born in a fuzzer";
	char text[VT_TRANSFORM_MAX], again[VT_TRANSFORM_MAX];
	struct vt_stored_head h, other;
	struct vt_encoder *e;
	struct vt_decoder *d;
	struct vt_buf b;
	size_t piece, at;
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
		/* nobody can have wrapped a key but us */
		if (vt_decoder_open(&h, &key, size, &d, NULL) == VT_OK)
			abort();
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
	/* the bytes as plain ones, encrypted, and perhaps spoilt */
	vt_buf_init(&b, BLOB_MAX);
	if (size > BLOB_MAX / 2)
		size = BLOB_MAX / 2;
	if (vt_encoder_open(&key, id, take, &b, &e, &h, NULL) != VT_OK)
		abort();
	for (at = 0; at < size; at += piece)
		if (vt_encoder_write(e, data + at,
		    size - at < piece ? size - at : piece, NULL) != VT_OK)
			abort();
	if (vt_encoder_finish(e, NULL) != VT_OK)
		abort();
	vt_encoder_close(e);
	if (b.len != vt_stored_size(size))
		abort();
	read_back(&h, (const uint8_t *)b.data, b.len, piece, data, size, 0);
	at = VT_STORED_HEAD + (size_t)what * 257 % (b.len - VT_STORED_HEAD);
	b.data[at] = (char)(b.data[at] ^ 1);
	if (size > 0)
		read_back(&h, (const uint8_t *)b.data, b.len, piece, data,
		    size, 1);
	vt_buf_release(&b);
	return 0;
}
