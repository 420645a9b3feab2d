/* A pack's frames, read: see pack.h. */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "libvt/store/pack.h"

#define WINDOW_LOG 20		/* what is written needs no more */
#define IN_BYTES ((size_t)64 << 10)

struct vt_pack_frame {
	ZSTD_DCtx *z;
	uint64_t left;		/* plain bytes still to be given out */
	ZSTD_inBuffer in;
	int has_ended;		/* the frame, and its checksum was right */
	uint8_t data[IN_BYTES];
};

enum vt_code
vt_pack_frame_open(uint64_t plain_bytes, struct vt_pack_frame **out,
    struct vt_err *err)
{
	struct vt_pack_frame *f = calloc(1, sizeof(*f));

	*out = NULL;
	if (f != NULL)
		f->z = ZSTD_createDCtx();
	if (f == NULL || f->z == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(
	    f->z, ZSTD_d_windowLogMax, WINDOW_LOG))) {
		vt_pack_frame_close(f);
		return vt_fail(err, VT_NOMEM, "out of memory");
	}
	f->left = plain_bytes;
	f->in.src = f->data;
	*out = f;
	return VT_OK;
}

void
vt_pack_frame_close(struct vt_pack_frame *f)
{
	if (f == NULL)
		return;
	ZSTD_freeDCtx(f->z);
	free(f);
}

static enum vt_code
corrupt(struct vt_err *err, const char *what)
{
	return vt_fail(err, VT_CORRUPT, "a member's frame in a pack %s", what);
}

/* Decompress into `o` until there is something in it or the frame ends. */
static enum vt_code
decompress(struct vt_pack_frame *f, ZSTD_outBuffer *o, vt_pack_get *get,
    void *ctx, struct vt_err *err)
{
	size_t r, got;
	enum vt_code rc;

	while (!f->has_ended && o->pos == 0) {
		if (f->in.pos == f->in.size) {
			rc = get(ctx, f->data, sizeof(f->data), &got, err);
			if (rc != VT_OK)
				return rc;
			if (got == 0)
				return corrupt(err, "ends too early");
			f->in.pos = 0;
			f->in.size = got;
		}
		r = ZSTD_decompressStream(f->z, o, &f->in);
		if (ZSTD_isError(r))
			return corrupt(err, ZSTD_getErrorName(r));
		f->has_ended = r == 0;
	}
	return VT_OK;
}

/* All bytes are there: so must be the end, and nothing behind it. */
static enum vt_code
expect_end(struct vt_pack_frame *f, vt_pack_get *get, void *ctx,
    struct vt_err *err)
{
	uint8_t more;
	ZSTD_outBuffer o = { &more, sizeof(more), 0 };
	enum vt_code rc;

	rc = decompress(f, &o, get, ctx, err);
	if (rc == VT_OK && o.pos > 0)
		rc = corrupt(err, "has more bytes than the member");
	if (rc == VT_OK && f->in.pos != f->in.size)
		rc = corrupt(err, "is not all of what is stored for it");
	return rc;
}

enum vt_code
vt_pack_frame_read(struct vt_pack_frame *f, vt_pack_get *get, void *ctx,
    void *data, size_t len, size_t *got, struct vt_err *err)
{
	ZSTD_outBuffer o = { data, len < f->left ? len : (size_t)f->left, 0 };
	enum vt_code rc;

	*got = 0;
	if (o.size == 0)
		return VT_OK;
	rc = decompress(f, &o, get, ctx, err);
	if (rc == VT_OK && o.pos == 0)
		rc = corrupt(err, "has fewer bytes than the member");
	if (rc == VT_OK && o.pos == f->left)
		rc = expect_end(f, get, ctx, err);
	if (rc != VT_OK)
		return rc;
	f->left -= o.pos;
	*got = o.pos;
	return VT_OK;
}

static uint64_t
big_endian(const uint8_t *p)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return n;
}

enum vt_code
vt_pack_trailer(const uint8_t t[VT_PACK_TRAILER], uint64_t bytes,
    uint64_t *offset, uint64_t *length, uint64_t *members,
    struct vt_err *err)
{
	static const uint8_t head[16] = { 0x5e, 0x2a, 0x4d, 0x18, 32, 0, 0, 0,
	    'V', 'T', 'P', 'A', 'C', 'K', '1', '\n' };

	if (memcmp(t, head, sizeof(head)) != 0)
		return vt_fail(err, VT_INVALID, "does not end as a pack does");
	*offset = big_endian(t + 16);
	*length = big_endian(t + 24);
	*members = big_endian(t + 32);
	if (bytes < VT_PACK_TRAILER || *offset > bytes - VT_PACK_TRAILER ||
	    *length > bytes - VT_PACK_TRAILER - *offset)
		return vt_fail(err, VT_INVALID, "the index of the pack lies "
		    "outside of it");
	return VT_OK;
}
