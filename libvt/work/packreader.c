/* Reading one member of a pack: see packreader.h. */
#include <stdlib.h>

#include "libvt/work/packreader.h"

#define SKIP_BYTES ((size_t)16 << 10)

struct vt_pack_reader {
	struct vt_pack_frame *frame;
	struct vt_decoder *decoder;	/* of an encrypted pack, or NULL */
	uint64_t skip;
	/* during a read: where stored bytes come from */
	vt_decoder_get *get;
	void *ctx;
};

enum vt_code
vt_pack_reader_open(uint64_t plain_bytes, uint64_t skip,
    struct vt_decoder *decoder, struct vt_pack_reader **out,
    struct vt_err *err)
{
	struct vt_pack_reader *r = calloc(1, sizeof(*r));
	enum vt_code rc;

	*out = NULL;
	if (r == NULL) {
		vt_decoder_close(decoder);
		return vt_fail(err, VT_NOMEM, "out of memory");
	}
	r->decoder = decoder;
	r->skip = skip;
	rc = vt_pack_frame_open(plain_bytes, &r->frame, err);
	if (rc != VT_OK) {
		vt_pack_reader_close(r);
		return rc;
	}
	*out = r;
	return VT_OK;
}

void
vt_pack_reader_close(struct vt_pack_reader *r)
{
	if (r == NULL)
		return;
	vt_pack_frame_close(r->frame);
	vt_decoder_close(r->decoder);
	free(r);
}

/* Bytes of the frame. */
static enum vt_code
get_frame(void *ctx, void *data, size_t len, size_t *got, struct vt_err *err)
{
	struct vt_pack_reader *r = ctx;

	if (r->decoder == NULL)
		return r->get(r->ctx, data, len, got, err);
	return vt_decoder_read(r->decoder, r->get, r->ctx, data, len, got,
	    err);
}

enum vt_code
vt_pack_reader_read(struct vt_pack_reader *r, vt_decoder_get *get, void *ctx,
    void *data, size_t len, size_t *got, struct vt_err *err)
{
	char ignored[SKIP_BYTES];
	enum vt_code rc = VT_OK;

	r->get = get;
	r->ctx = ctx;
	while (rc == VT_OK && r->skip > 0) {
		rc = vt_pack_frame_read(r->frame, get_frame, r, ignored,
		    r->skip < sizeof(ignored) ? (size_t)r->skip :
		    sizeof(ignored), got, err);
		if (rc == VT_OK)
			r->skip -= *got;
	}
	if (rc != VT_OK)
		return rc;
	return vt_pack_frame_read(r->frame, get_frame, r, data, len, got,
	    err);
}
