/* Reading a copy, whatever its extents and tier: see tiers.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/hash.h"

#include "libvt/work/packreader.h"
#include "libvt/work/tiers_internal.h"

struct vt_copy_reader {
	struct vt_tiers *t;
	const struct vt_copy *copy;
	size_t extent;		/* the one that is read next */
	uint64_t skip;		/* into it */
	uint64_t left_bytes;
	struct vt_backend_get *get;
	const char *data;	/* inline bytes left */
	uint64_t piece_bytes;	/* left in the extent that is open */
	uint64_t requests;
	int whole;		/* check the CRC at the end */
	uint64_t crc64, expected_crc64;
	struct vt_decoder *decoder;	/* of a transformed extent */
	struct vt_pack_reader *member;	/* of one in a pack */
	size_t data_bytes;	/* then: inline bytes left, stored ones */
	struct vt_wrap_key key;	/* a customer's */
	int has_key;
	struct vt_copy one;	/* of vt_stored_reader_open */
	struct vt_extent stored;
};

enum vt_code
vt_copy_reader_open(struct vt_tiers *t, const struct vt_version *v,
    const struct vt_copy *copy, uint64_t offset, uint64_t length,
    struct vt_copy_reader **out, struct vt_err *err)
{
	struct vt_copy_reader *r;

	*out = NULL;
	if (offset > v->size_bytes || length > v->size_bytes - offset)
		return vt_fail(err, VT_INVALID, "range past the end");
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	r->t = t;
	r->copy = copy;
	r->left_bytes = length;
	r->whole = offset == 0 && length == v->size_bytes && vt_crc_known(v);
	r->expected_crc64 = v->crc64;
	while (r->extent < copy->extent_count &&
	    offset >= copy->extents[r->extent].plain_length) {
		offset -= copy->extents[r->extent].plain_length;
		r->extent++;
	}
	r->skip = offset;
	*out = r;
	return VT_OK;
}

enum vt_code
vt_stored_reader_open(struct vt_tiers *t, const struct vt_extent *e,
    struct vt_copy_reader **out, struct vt_err *err)
{
	struct vt_copy_reader *r;

	*out = NULL;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	r->t = t;
	r->stored = *e;
	r->stored.blob.transform = "";
	r->stored.plain_length = e->length;
	r->one.tier = e->blob.tier;
	r->one.extents = &r->stored;
	r->one.extent_count = 1;
	r->copy = &r->one;
	r->left_bytes = e->length;
	r->whole = e->offset == 0 && e->length == e->blob.size_bytes;
	r->expected_crc64 = e->blob.crc64;
	*out = r;
	return VT_OK;
}

void
vt_copy_reader_key(struct vt_copy_reader *r, const struct vt_wrap_key *key)
{
	r->key = *key;
	r->has_key = 1;
}

/* The key that opens this blob, which is encrypted. */
static enum vt_code
find_key(struct vt_copy_reader *r, const struct vt_stored_head *h,
    struct vt_wrap_key *out, struct vt_err *err)
{
	if (!h->by_customer && r->t->keyring != NULL)
		return vt_keyring_find(r->t->keyring, h->key_name, out, err);
	if (h->by_customer && r->has_key) {
		*out = r->key;
		return VT_OK;
	}
	return vt_fail(err, VT_IO, h->by_customer ?
	    "the customer's key is needed" : "there are no master keys");
}

/* Open stored bytes of a blob that has `count` of them at `at`. */
static enum vt_code
open_stored(struct vt_copy_reader *r, const struct vt_extent *e, uint64_t at,
    uint64_t count, struct vt_err *err)
{
	struct vt_backend *b;

	vt_backend_get_end(r->get);
	r->get = NULL;
	r->data = NULL;
	if (e->blob.is_inline) {
		if (e->data == NULL)
			return vt_fail(err, VT_CORRUPT,
			    "inline bytes of blob %llu are missing",
			    (unsigned long long)e->blob.id);
		r->data = (const char *)e->data + at;
		r->data_bytes = (size_t)count;
		return VT_OK;
	}
	b = vt_tiers_backend(r->t, e->blob.tier);
	if (b == NULL)
		return vt_fail(err, VT_BUSY, "tier '%s' is not configured",
		    e->blob.tier);
	r->requests++;
	return vt_backend_get_begin(b, e->blob.name, e->blob.token, at,
	    count, &r->get, err);
}

/* Stored bytes for the decoder. */
static enum vt_code
get_stored(void *ctx, void *data, size_t len, size_t *got,
    struct vt_err *err)
{
	struct vt_copy_reader *r = ctx;

	if (r->data == NULL)
		return vt_backend_get_read(r->get, data, len, got, err);
	*got = len < r->data_bytes ? len : r->data_bytes;
	memcpy(data, r->data, *got);
	r->data += *got;
	r->data_bytes -= *got;
	return VT_OK;
}

/* Open a blob that is stored as `form` says and `plain` bytes long. */
static enum vt_code
open_decoder(struct vt_copy_reader *r, const struct vt_blob *b,
    const char *form, uint64_t plain, struct vt_decoder **out,
    struct vt_err *err)
{
	struct vt_stored_head h;
	struct vt_wrap_key key = { .name = "" };
	enum vt_code rc;

	rc = vt_stored_parse_text(form, &h, err);
	if (rc != VT_OK)
		return rc;
	if (h.is_encrypted)
		rc = find_key(r, &h, &key, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_decoder_open(&h, h.is_encrypted ? &key : NULL, b->size_bytes,
	    plain, out, err);
	explicit_bzero(&key, sizeof(key));
	/* whoever asks was found to have the key: it is the wrapping that is
	 * wrong */
	return rc == VT_DENIED ? VT_CORRUPT : rc;
}

/* Where `n` plain bytes at `offset` are stored. */
static enum vt_code
find_range(struct vt_copy_reader *r, const struct vt_extent *e,
    struct vt_decoder *d, uint64_t offset, uint64_t n, uint64_t *at,
    uint64_t *count, struct vt_err *err)
{
	enum vt_code rc = VT_OK;

	/* a range of chunks that are not all as long: where they are */
	vt_decoder_index(d, offset, n, at, count);
	if (*count > 0) {
		rc = open_stored(r, e, *at, *count, err);
		if (rc == VT_OK)
			rc = vt_decoder_index_read(d, get_stored, r, err);
	}
	if (rc == VT_OK)
		rc = vt_decoder_range(d, offset, n, at, count, err);
	return rc;
}

/* Begin to decode `n` bytes at r->skip; *at and *count: of what is stored. */
static enum vt_code
begin_decoding(struct vt_copy_reader *r, const struct vt_extent *e,
    uint64_t n, uint64_t *at, uint64_t *count, struct vt_err *err)
{
	enum vt_code rc;

	if (e->offset != 0 || e->length != e->blob.size_bytes)
		return vt_fail(err, VT_CORRUPT, "an extent is a range of the "
		    "transformed blob %llu", (unsigned long long)e->blob.id);
	rc = open_decoder(r, &e->blob, e->blob.transform, e->plain_length,
	    &r->decoder, err);
	if (rc == VT_OK)
		rc = find_range(r, e, r->decoder, r->skip, n, at, count, err);
	return rc;
}

/* The same of a member of a pack. */
static enum vt_code
begin_member(struct vt_copy_reader *r, const struct vt_extent *e,
    const struct vt_pack_form *p, uint64_t *at, uint64_t *count,
    struct vt_err *err)
{
	struct vt_decoder *d = NULL;
	enum vt_code rc = VT_OK;

	*at = e->offset;
	*count = e->length;
	if (e->offset > p->pack_bytes ||
	    e->length > p->pack_bytes - e->offset)
		return vt_fail(err, VT_CORRUPT, "an extent lies outside of "
		    "the pack, blob %llu", (unsigned long long)e->blob.id);
	if (*p->form != '\0') {
		rc = open_decoder(r, &e->blob, p->form, p->pack_bytes, &d,
		    err);
		if (rc == VT_OK)
			rc = find_range(r, e, d, e->offset, e->length, at,
			    count, err);
		if (rc != VT_OK) {
			vt_decoder_close(d);
			return rc;
		}
	}
	return vt_pack_reader_open(e->plain_length, r->skip, d, &r->member,
	    err);
}

/* Begin to undo what was done to the bytes. */
static enum vt_code
begin_transformed(struct vt_copy_reader *r, const struct vt_extent *e,
    uint64_t n, uint64_t *at, uint64_t *count, struct vt_err *err)
{
	struct vt_pack_form p;

	if (vt_pack_parse_text(e->blob.transform, e->blob.size_bytes, &p))
		return begin_member(r, e, &p, at, count, err);
	return begin_decoding(r, e, n, at, count, err);
}

/* Open the next extent. */
static enum vt_code
next_extent(struct vt_copy_reader *r, struct vt_err *err)
{
	const struct vt_extent *e;
	uint64_t n, at, count;
	enum vt_code rc;

	vt_decoder_close(r->decoder);
	r->decoder = NULL;
	vt_pack_reader_close(r->member);
	r->member = NULL;
	if (r->extent >= r->copy->extent_count)
		return vt_fail(err, VT_CORRUPT,
		    "the copy on '%s' is shorter than its object",
		    r->copy->tier);
	e = &r->copy->extents[r->extent++];
	n = e->plain_length - r->skip;
	if (n > r->left_bytes)
		n = r->left_bytes;
	at = e->offset + r->skip;
	count = n;
	if (e->blob.transform[0] != '\0') {
		rc = begin_transformed(r, e, n, &at, &count, err);
		if (rc != VT_OK)
			return rc;
	}
	rc = open_stored(r, e, at, count, err);
	if (rc != VT_OK)
		return rc;
	r->piece_bytes = n;
	r->skip = 0;
	return VT_OK;
}

enum vt_code
vt_copy_reader_begin(struct vt_copy_reader *r, struct vt_err *err)
{
	enum vt_code rc = VT_OK;

	while (rc == VT_OK && r->left_bytes > 0 && r->piece_bytes == 0)
		rc = next_extent(r, err);
	return rc;
}

enum vt_code
vt_copy_reader_read(struct vt_copy_reader *r, void *data, size_t len,
    size_t *got, struct vt_err *err)
{
	enum vt_code rc;

	*got = 0;
	if (r->left_bytes == 0)
		return VT_OK;
	rc = vt_copy_reader_begin(r, err);
	if (rc != VT_OK)
		return rc;
	if (len > r->piece_bytes)
		len = (size_t)r->piece_bytes;
	if (r->decoder != NULL) {
		rc = vt_decoder_read(r->decoder, get_stored, r, data, len,
		    got, err);
		if (rc != VT_OK)
			return rc;
	} else if (r->member != NULL) {
		rc = vt_pack_reader_read(r->member, get_stored, r, data, len,
		    got, err);
		if (rc != VT_OK)
			return rc;
	} else if (r->data != NULL) {
		memcpy(data, r->data, len);
		r->data += len;
		*got = len;
	} else {
		rc = vt_backend_get_read(r->get, data, len, got, err);
		if (rc != VT_OK)
			return rc;
		if (*got == 0)
			return vt_fail(err, VT_CORRUPT,
			    "a blob on '%s' ended too early", r->copy->tier);
	}
	r->piece_bytes -= *got;
	r->left_bytes -= *got;
	if (r->whole) {
		r->crc64 = vt_crc64nvme(r->crc64, data, *got);
		if (r->left_bytes == 0 && r->crc64 != r->expected_crc64)
			return vt_fail(err, VT_CORRUPT, "the bytes on '%s' "
			    "are not those that were stored", r->copy->tier);
	}
	return VT_OK;
}

void
vt_copy_reader_close(struct vt_copy_reader *r)
{
	if (r == NULL)
		return;
	vt_backend_get_end(r->get);
	vt_decoder_close(r->decoder);
	vt_pack_reader_close(r->member);
	explicit_bzero(&r->key, sizeof(r->key));
	free(r);
}

uint64_t
vt_copy_reader_crc64(const struct vt_copy_reader *r)
{
	return r->crc64;
}

void
vt_copy_reader_continue(struct vt_copy_reader *r, uint64_t crc64)
{
	r->whole = r->expected_crc64 != 0;
	r->crc64 = crc64;
}

uint64_t
vt_copy_reader_requests(const struct vt_copy_reader *r)
{
	return r->requests;
}

enum vt_code
vt_copy_fd(struct vt_tiers *t, const struct vt_copy *copy, uint64_t offset,
    uint64_t length, int *fd, uint64_t *fd_offset, struct vt_err *err)
{
	const struct vt_extent *e = copy->extents;
	struct vt_backend *b;
	uint64_t size;
	enum vt_code rc;

	*fd = -1;
	if (copy->extent_count != 1 || e->blob.is_inline ||
	    e->blob.transform[0] != '\0')
		return vt_fail(err, VT_INVALID, "not one plain extent");
	b = vt_tiers_backend(t, e->blob.tier);
	if (b == NULL || !vt_backend_caps(b)->fd)
		return vt_fail(err, VT_INVALID, "no descriptors on '%s'",
		    copy->tier);
	rc = vt_backend_get_fd(b, e->blob.name, fd, &size, err);
	if (rc != VT_OK)
		return rc;
	*fd_offset = e->offset + offset;
	if (size != e->blob.size_bytes || offset + length > e->length) {
		close(*fd);
		*fd = -1;
		return vt_fail(err, VT_CORRUPT,
		    "blob '%s' on '%s' has %llu bytes instead of %llu",
		    e->blob.name, copy->tier, (unsigned long long)size,
		    (unsigned long long)e->blob.size_bytes);
	}
	return VT_OK;
}
