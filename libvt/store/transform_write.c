/* Writing the stored form: see transform.h. */
#include <stdlib.h>
#include <string.h>

#include "libvt/store/transform_internal.h"

struct vt_encoder {
	struct vt_seal *seal;
	unsigned seal_bytes;
	int level;
	vt_encoder_put *put;
	void *ctx;
	uint8_t head[VT_STORED_HEAD];
	int begun;		/* the head was put */
	uint64_t number;	/* of the chunk being filled */
	uint64_t plain;		/* bytes of those before it */
	/* of a compressed blob: the lengths of the bodies so far */
	uint32_t *index;
	size_t room;
	unsigned chunk_bytes, len;
	uint8_t chunk[];	/* and room for the seal */
};

static enum vt_code
no_memory(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "no memory to transform a blob");
}

enum vt_code
vt_encoder_open(const struct vt_encoder_options *o,
    const uint8_t id[VT_STORED_ID], vt_encoder_put *put, void *ctx,
    struct vt_encoder **out, struct vt_stored_head *head, struct vt_err *err)
{
	struct vt_encoder *e;
	struct vt_seal *seal;
	enum vt_code rc;

	*out = NULL;
	rc = vt_seal_begin(o, id, head, &seal, err);
	if (rc != VT_OK)
		return rc;
	e = malloc(sizeof(*e) + head->chunk_bytes + SEAL_MAX);
	if (e == NULL) {
		vt_seal_free(seal);
		return no_memory(err);
	}
	memset(e, 0, sizeof(*e));
	e->seal = seal;
	e->seal_bytes = vt_stored_seal(head);
	e->level = o->level;
	e->put = put;
	e->ctx = ctx;
	e->chunk_bytes = head->chunk_bytes;
	memcpy(e->head, head->bytes, VT_STORED_HEAD);
	*out = e;
	return VT_OK;
}

int
vt_encoder_shrinks(const void *sample, size_t len, int level)
{
	/* what a blob of one chunk has beside its body, at most */
	const size_t more = VT_STORED_HEAD + 2 * (LENGTH + SEAL_MAX) +
	    VT_STORED_TAIL;
	uint8_t *out;
	size_t max;
	int shrinks;

	if (len / 8 * 7 <= more)
		return 0;
	max = len / 8 * 7 - more;
	out = malloc(max);
	shrinks = out != NULL &&
	    vt_frame_make(sample, len, level, out, max) > 0;
	free(out);
	return shrinks;
}

/* Seal what is in memory and put it; there is room for the seal behind. */
static enum vt_code
put_sealed(struct vt_encoder *e, uint64_t number, int last, uint8_t *data,
    size_t before, size_t len, struct vt_err *err)
{
	if (vt_seal_make(e->seal, number, last, data + before, len) < 0)
		return vt_fail(err, VT_IO, "encryption failed");
	return e->put(e->ctx, data, before + len + e->seal_bytes, err);
}

static enum vt_code
note_length(struct vt_encoder *e, uint32_t len, struct vt_err *err)
{
	size_t room = e->room > 0 ? e->room * 2 : 64;
	uint32_t *more;

	if (e->number == e->room) {
		more = realloc(e->index, room * sizeof(*more));
		if (more == NULL)
			return no_memory(err);
		e->index = more;
		e->room = room;
	}
	e->index[e->number] = len;
	return VT_OK;
}

/* The chunk as a frame, or as it is when that is no longer. */
static enum vt_code
put_frame(struct vt_encoder *e, int last, struct vt_err *err)
{
	size_t room = LENGTH + e->len + SEAL_MAX, n = 0;
	uint8_t *out = malloc(room);
	enum vt_code rc;

	if (out == NULL)
		return no_memory(err);
	if (e->len > 1)
		n = vt_frame_make(e->chunk, e->len, e->level, out + LENGTH,
		    e->len - 1);
	if (n == 0) {
		n = e->len;
		memcpy(out + LENGTH, e->chunk, n);
	}
	vt_stored_put(out, LENGTH, n);
	rc = note_length(e, (uint32_t)n, err);
	if (rc == VT_OK)
		rc = put_sealed(e, e->number, last, out, LENGTH, n, err);
	explicit_bzero(out, room);
	free(out);
	return rc;
}

static enum vt_code
put_chunk(struct vt_encoder *e, int last, struct vt_err *err)
{
	enum vt_code rc = VT_OK;

	if (!e->begun)
		rc = e->put(e->ctx, e->head, VT_STORED_HEAD, err);
	e->begun = 1;
	if (rc == VT_OK)
		rc = e->level > 0 ? put_frame(e, last, err) :
		    put_sealed(e, e->number, last, e->chunk, 0, e->len, err);
	e->number++;
	e->plain += e->len;
	e->len = 0;
	return rc;
}

enum vt_code
vt_encoder_write(struct vt_encoder *e, const void *data, size_t len,
    struct vt_err *err)
{
	const uint8_t *p = data;
	enum vt_code rc;
	size_t n;

	while (len > 0) {
		/* a full chunk waits: it may be the last */
		if (e->len == e->chunk_bytes) {
			rc = put_chunk(e, 0, err);
			if (rc != VT_OK)
				return rc;
		}
		n = e->chunk_bytes - e->len;
		if (n > len)
			n = len;
		memcpy(e->chunk + e->len, p, n);
		e->len += (unsigned)n;
		p += n;
		len -= n;
	}
	return VT_OK;
}

static enum vt_code
put_index(struct vt_encoder *e, struct vt_err *err)
{
	size_t len = (size_t)e->number * LENGTH;
	uint8_t *out = malloc(len + SEAL_MAX), tail[VT_STORED_TAIL];
	enum vt_code rc;

	if (out == NULL)
		return no_memory(err);
	for (size_t i = 0; i < e->number; i++)
		vt_stored_put(out + i * LENGTH, LENGTH, e->index[i]);
	rc = put_sealed(e, INDEX, 1, out, 0, len, err);
	free(out);
	if (rc != VT_OK)
		return rc;
	vt_stored_put(tail, sizeof(tail), e->plain);
	return e->put(e->ctx, tail, sizeof(tail), err);
}

enum vt_code
vt_encoder_finish(struct vt_encoder *e, struct vt_err *err)
{
	enum vt_code rc = put_chunk(e, 1, err);

	if (rc == VT_OK && e->level > 0)
		rc = put_index(e, err);
	return rc;
}

void
vt_encoder_close(struct vt_encoder *e)
{
	if (e == NULL)
		return;
	vt_seal_free(e->seal);
	/* a chunk that was encrypted in place is plain no more */
	explicit_bzero(e->chunk, e->level > 0 ? e->chunk_bytes : e->len);
	free(e->index);
	free(e);
}
