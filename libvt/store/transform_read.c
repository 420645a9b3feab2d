/* Reading the stored form: see transform.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/store/transform_internal.h"

struct vt_decoder {
	struct vt_seal *seal;
	struct vt_stored_head h;
	unsigned seal_bytes;
	uint64_t stored, size;	/* bytes of the blob, plain ones */
	uint64_t at, end;	/* of the plain range */
	int want_head;		/* the range begins with the head */
	uint8_t *index;		/* bodies' lengths, until the range is known */
	unsigned ready, used;	/* plain bytes in `chunk`, given out */
	uint8_t *chunk;		/* only while a chunk is given out in pieces,
				   or read: slow clients hold no more */
};

static enum vt_code
no_memory(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "no memory to read a transformed blob");
}

enum vt_code
vt_decoder_open(const struct vt_stored_head *h, const struct vt_wrap_key *key,
    uint64_t stored, uint64_t plain, struct vt_decoder **out,
    struct vt_err *err)
{
	uint8_t tail[VT_STORED_TAIL];
	struct vt_decoder *d;
	struct vt_seal *seal;
	uint64_t size = 0;
	enum vt_code rc;

	*out = NULL;
	rc = vt_seal_open(h, key, &seal, err);
	if (rc != VT_OK)
		return rc;
	vt_stored_put(tail, sizeof(tail), plain);
	rc = vt_stored_plain_size(h, stored, tail, &size, err);
	if (rc == VT_OK && size != plain)
		rc = vt_fail(err, VT_CORRUPT, "a transformed blob of %llu "
		    "bytes holds %llu and not %llu",
		    (unsigned long long)stored, (unsigned long long)size,
		    (unsigned long long)plain);
	d = rc == VT_OK ? calloc(1, sizeof(*d)) : NULL;
	if (d == NULL) {
		vt_seal_free(seal);
		return rc != VT_OK ? rc : no_memory(err);
	}
	d->seal = seal;
	d->h = *h;
	d->seal_bytes = vt_stored_seal(h);
	d->stored = stored;
	d->size = size;
	*out = d;
	return VT_OK;
}

/* --- where chunks are ----------------------------------------------------- */

static enum vt_code
get_all(vt_decoder_get *get, void *ctx, uint8_t *data, size_t len,
    struct vt_err *err)
{
	enum vt_code rc;
	size_t got;

	for (; len > 0; data += got, len -= got) {
		rc = get(ctx, data, len, &got, err);
		if (rc != VT_OK)
			return rc;
		if (got == 0)
			return vt_fail(err, VT_CORRUPT,
			    "a transformed blob ended too early");
	}
	return VT_OK;
}

/* Plain bytes of chunk `number`. */
static unsigned
chunk_len(const struct vt_decoder *d, uint64_t number)
{
	uint64_t left = d->size - number * d->h.chunk_bytes;

	return left < d->h.chunk_bytes ? (unsigned)left : d->h.chunk_bytes;
}

/* Where the index begins, which is where the chunks end. */
static uint64_t
index_at(const struct vt_decoder *d)
{
	return d->stored - VT_STORED_TAIL - vt_stored_index(&d->h, d->size);
}

/* The chunks of a range that has bytes. */
static void
chunks_in(const struct vt_decoder *d, uint64_t offset, uint64_t length,
    uint64_t *first, uint64_t *end)
{
	*first = offset / d->h.chunk_bytes;
	*end = vt_stored_chunks(offset + length, d->h.chunk_bytes);
}

void
vt_decoder_index(const struct vt_decoder *d, uint64_t offset, uint64_t length,
    uint64_t *stored_offset, uint64_t *stored_length)
{
	uint64_t first, end;

	*stored_offset = *stored_length = 0;
	if (!d->h.is_compressed || length == 0 || offset > d->size ||
	    length > d->size - offset)
		return;
	chunks_in(d, offset, length, &first, &end);
	if (end - first == vt_stored_chunks(d->size, d->h.chunk_bytes))
		return;
	*stored_offset = index_at(d);
	*stored_length = vt_stored_index(&d->h, d->size);
}

/* Every length is a possible one, and together they are what lies there. */
static int
is_index(const struct vt_decoder *d)
{
	uint64_t count = vt_stored_chunks(d->size, d->h.chunk_bytes);
	uint64_t at = VT_STORED_HEAD, len;

	for (uint64_t i = 0; i < count; i++) {
		len = vt_stored_get(d->index + i * LENGTH, LENGTH);
		if (len > chunk_len(d, i))
			return 0;
		at += LENGTH + len + d->seal_bytes;
	}
	return at == index_at(d);
}

enum vt_code
vt_decoder_index_read(struct vt_decoder *d, vt_decoder_get *get, void *ctx,
    struct vt_err *err)
{
	size_t len = (size_t)vt_stored_index(&d->h, d->size);
	enum vt_code rc;

	free(d->index);
	d->index = malloc(len);
	if (d->index == NULL)
		return no_memory(err);
	rc = get_all(get, ctx, d->index, len, err);
	if (rc == VT_OK && (vt_seal_check(d->seal, INDEX, 1, d->index,
	    len - d->seal_bytes) < 0 || !is_index(d)))
		rc = vt_fail(err, VT_CORRUPT, "the index of a transformed "
		    "blob is not what was written there");
	if (rc != VT_OK) {
		free(d->index);
		d->index = NULL;
	}
	return rc;
}

/* Where chunk `number` begins, or, of the one after the last, where that
 * ends. */
static uint64_t
chunk_at(const struct vt_decoder *d, uint64_t number)
{
	uint64_t full = (uint64_t)d->h.chunk_bytes + d->seal_bytes, at;
	uint64_t count = vt_stored_chunks(d->size, d->h.chunk_bytes);

	if (!d->h.is_compressed)
		return number == count ? d->stored :
		    VT_STORED_HEAD + number * full;
	if (number == count)
		return index_at(d);
	at = VT_STORED_HEAD;
	for (uint64_t i = 0; i < number; i++)
		at += LENGTH + d->seal_bytes +
		    vt_stored_get(d->index + i * LENGTH, LENGTH);
	return at;
}

static void
drop_chunk(struct vt_decoder *d)
{
	if (d->chunk != NULL)
		explicit_bzero(d->chunk, d->ready);
	free(d->chunk);
	d->chunk = NULL;
	d->ready = d->used = 0;
}

enum vt_code
vt_decoder_range(struct vt_decoder *d, uint64_t offset, uint64_t length,
    uint64_t *stored_offset, uint64_t *stored_length, struct vt_err *err)
{
	uint64_t first, end, at, index_length;

	if (offset > d->size || length > d->size - offset)
		return vt_fail(err, VT_INVALID, "range past the end");
	vt_decoder_index(d, offset, length, &at, &index_length);
	assert(index_length == 0 || d->index != NULL);
	drop_chunk(d);
	d->at = offset;
	d->end = offset + length;
	*stored_offset = *stored_length = 0;
	if (length == 0)
		return VT_OK;
	chunks_in(d, offset, length, &first, &end);
	d->want_head = first == 0;
	*stored_offset = first == 0 ? 0 : chunk_at(d, first);
	*stored_length = chunk_at(d, end) - *stored_offset;
	free(d->index);
	d->index = NULL;
	return VT_OK;
}

/* --- chunks --------------------------------------------------------------- */

/* The head at the blob's start is the one in force, but for its wrapping. */
static enum vt_code
check_head(struct vt_decoder *d, vt_decoder_get *get, void *ctx,
    struct vt_err *err)
{
	uint8_t bytes[VT_STORED_HEAD];
	enum vt_code rc;

	rc = get_all(get, ctx, bytes, sizeof(bytes), err);
	if (rc == VT_OK && memcmp(bytes, d->h.bytes, AT_NAME) != 0)
		rc = vt_fail(err, VT_CORRUPT,
		    "a transformed blob has another head");
	return rc;
}

static enum vt_code
bad_chunk(uint64_t number, struct vt_err *err)
{
	return vt_fail(err, VT_CORRUPT, "chunk %llu of a transformed blob is "
	    "not what was written there", (unsigned long long)number);
}

/* How long the body of a chunk of `len` plain bytes is. */
static enum vt_code
body_len(struct vt_decoder *d, uint64_t number, unsigned len,
    vt_decoder_get *get, void *ctx, unsigned *out, struct vt_err *err)
{
	uint8_t bytes[LENGTH];
	enum vt_code rc;

	*out = len;
	if (!d->h.is_compressed)
		return VT_OK;
	rc = get_all(get, ctx, bytes, sizeof(bytes), err);
	if (rc != VT_OK)
		return rc;
	*out = (unsigned)vt_stored_get(bytes, LENGTH);
	if (*out > len || (*out == 0 && len > 0))
		return bad_chunk(number, err);
	return VT_OK;
}

/* Read and check chunk `number`, of `len` plain bytes, into new memory. */
static enum vt_code
read_chunk(struct vt_decoder *d, uint64_t number, unsigned len,
    vt_decoder_get *get, void *ctx, uint8_t **out, struct vt_err *err)
{
	int last = number + 1 == vt_stored_chunks(d->size, d->h.chunk_bytes);
	uint8_t *body, *plain;
	unsigned n = 0;
	enum vt_code rc;

	*out = NULL;
	rc = body_len(d, number, len, get, ctx, &n, err);
	if (rc != VT_OK)
		return rc;
	body = malloc((size_t)n + SEAL_MAX);
	if (body == NULL)
		return no_memory(err);
	rc = get_all(get, ctx, body, n + d->seal_bytes, err);
	if (rc == VT_OK && vt_seal_check(d->seal, number, last, body, n) < 0)
		rc = bad_chunk(number, err);
	if (rc == VT_OK && n == len) {
		*out = body;
		return VT_OK;
	}
	if (rc == VT_OK) {
		plain = malloc(len);
		if (plain == NULL)
			rc = no_memory(err);
		else if (vt_frame_open(body, n, plain, len) < 0)
			rc = bad_chunk(number, err);
		if (rc == VT_OK)
			*out = plain;
		else
			free(plain);
	}
	explicit_bzero(body, n);
	free(body);
	return rc;
}

/* Read and check the chunk that holds d->at. */
static enum vt_code
next_chunk(struct vt_decoder *d, vt_decoder_get *get, void *ctx,
    struct vt_err *err)
{
	uint64_t number = d->at / d->h.chunk_bytes;
	unsigned len = chunk_len(d, number);
	enum vt_code rc = VT_OK;

	drop_chunk(d);
	if (d->want_head)
		rc = check_head(d, get, ctx, err);
	d->want_head = 0;
	if (rc == VT_OK)
		rc = read_chunk(d, number, len, get, ctx, &d->chunk, err);
	if (rc != VT_OK)
		return rc;
	d->ready = len;
	d->used = (unsigned)(d->at - number * d->h.chunk_bytes);
	return VT_OK;
}

enum vt_code
vt_decoder_read(struct vt_decoder *d, vt_decoder_get *get, void *ctx,
    void *data, size_t len, size_t *got, struct vt_err *err)
{
	uint8_t *out = data;
	enum vt_code rc;
	size_t n;

	*got = 0;
	while (len > 0 && d->at < d->end) {
		if (d->used == d->ready) {
			rc = next_chunk(d, get, ctx, err);
			if (rc != VT_OK)
				return rc;
		}
		n = d->ready - d->used;
		if (n > len)
			n = len;
		if (n > d->end - d->at)
			n = (size_t)(d->end - d->at);
		memcpy(out + *got, d->chunk + d->used, n);
		d->used += (unsigned)n;
		d->at += n;
		*got += n;
		len -= n;
	}
	if (d->used == d->ready || d->at == d->end)
		drop_chunk(d);
	return VT_OK;
}

void
vt_decoder_close(struct vt_decoder *d)
{
	if (d == NULL)
		return;
	drop_chunk(d);
	free(d->index);
	vt_seal_free(d->seal);
	free(d);
}
