/* The configured tiers, opened: see tiers.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/hash.h"

#include "libvt/work/tiers.h"

struct vt_tiers {
	const struct vt_config *config;
	struct vt_catalog *catalog;
	const struct vt_clock *clock;
	struct vt_backend *backend[VT_TIERS_MAX];
};

enum vt_code
vt_tiers_open(const struct vt_config *config, struct vt_catalog *catalog,
    const struct vt_clock *clock, int create, struct vt_tiers **out,
    struct vt_err *err)
{
	struct vt_backend_options o;
	struct vt_tiers *t;
	enum vt_code rc = VT_OK;
	size_t i;

	*out = NULL;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	t->config = config;
	t->catalog = catalog;
	t->clock = clock;
	for (i = 0; i < config->tier_count && rc == VT_OK; i++) {
		memset(&o, 0, sizeof(o));
		o.clock = clock;
		o.base_dir = config->data_dir;
		o.create = create;
		o.restore_delay_ms = config->tier[i].restore_delay_ms;
		rc = vt_backend_open(config->tier[i].url, &o, &t->backend[i],
		    err);
		if (rc != VT_OK)
			vt_err_prefix(err, "tier '%s'", config->tier[i].name);
	}
	if (rc != VT_OK) {
		vt_tiers_close(t);
		return rc;
	}
	*out = t;
	return VT_OK;
}

void
vt_tiers_close(struct vt_tiers *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < VT_TIERS_MAX; i++)
		vt_backend_close(t->backend[i]);
	free(t);
}

const struct vt_tier *
vt_tiers_tier(const struct vt_tiers *t, const char *name)
{
	return vt_config_tier(t->config, name);
}

struct vt_backend *
vt_tiers_backend(const struct vt_tiers *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->config->tier_count; i++)
		if (strcmp(t->config->tier[i].name, name) == 0)
			return t->backend[i];
	return NULL;
}

enum vt_code
vt_tiers_place(struct vt_tiers *t, const char *storage_class,
    uint64_t size_bytes, const struct vt_tier **tier, int *is_inline,
    struct vt_err *err)
{
	const struct vt_tier *d = &t->config->tier[0];

	*is_inline = 0;
	*tier = NULL;
	if (storage_class != NULL && storage_class[0] != '\0') {
		d = vt_config_class(t->config, storage_class);
		if (d == NULL)
			return vt_fail(err, VT_INVALID,
			    "no tier answers for storage class '%.40s'",
			    storage_class);
	}
	*tier = d;
	*is_inline = d->is_inline && size_bytes <= d->inline_max_bytes &&
	    vt_catalog_inline_bytes(t->catalog) <
	    t->config->inline_max_total_bytes;
	return VT_OK;
}

/* --- a new blob ----------------------------------------------------------- */

struct vt_blob_writer {
	struct vt_tiers *t;
	const char *tier;
	uint64_t id;
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend_put *put;
};

enum vt_code
vt_blob_writer_open(struct vt_tiers *t, const char *tier, const char *bucket,
    const char *key, size_t key_len, uint64_t size_bytes,
    const struct vt_header_kv *meta, size_t meta_count,
    struct vt_blob_writer **out, struct vt_err *err)
{
	struct vt_backend_put_info info = { size_bytes, meta, meta_count };
	struct vt_backend *b = vt_tiers_backend(t, tier);
	struct vt_blob_writer *w;
	enum vt_code rc;

	*out = NULL;
	if (b == NULL)
		return vt_fail(err, VT_INVALID, "no tier '%s' is configured",
		    tier);
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	w->t = t;
	w->tier = vt_tiers_tier(t, tier)->name;
	/* The lease that holds the id is on disk before any byte is (P4). */
	rc = vt_catalog_blob_id(t->catalog, &w->id, err);
	if (rc == VT_OK) {
		rc = vt_backend_name(b, w->id,
		    vt_catalog_incarnation(t->catalog), bucket, key, key_len,
		    w->name, err);
		if (rc == VT_OK)
			rc = vt_backend_put_begin(b, w->name, &info, &w->put,
			    err);
		if (rc != VT_OK)
			vt_catalog_blob_done(t->catalog, w->id);
	}
	if (rc != VT_OK) {
		free(w);
		return rc;
	}
	*out = w;
	return VT_OK;
}

enum vt_code
vt_blob_writer_write(struct vt_blob_writer *w, const void *data, size_t len,
    struct vt_err *err)
{
	return vt_backend_put_write(w->put, data, len, err);
}

enum vt_code
vt_blob_writer_commit(struct vt_blob_writer *w, struct vt_arena *a,
    struct vt_cat_extent *out, struct vt_err *err)
{
	struct vt_backend_put_result r;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	rc = vt_backend_put_commit(w->put, &r, err);
	if (rc == VT_OK) {
		out->e.blob.id = w->id;
		out->e.blob.tier = w->tier;
		out->e.blob.name = vt_arena_str(a, w->name);
		out->e.blob.token = vt_arena_str(a, r.token);
		out->e.blob.size_bytes = r.size_bytes;
		out->e.blob.crc64 = r.crc64;
		out->e.blob.owned = 1;
		out->e.blob.transform = "";
		out->e.length = out->e.plain_length = r.size_bytes;
		if (out->e.blob.name == NULL || out->e.blob.token == NULL) {
			rc = vt_fail(err, VT_NOMEM, "out of memory");
			out->e.blob.name = w->name;
			out->e.blob.token = r.token;
			vt_blob_discard(w->t, out);
		}
	}
	/*
	 * A failed commit: the backend removed what it could, but cannot be
	 * believed.  The id stays unsettled, so its lease stays, and recovery
	 * looks for the name once this process is gone.
	 */
	free(w);
	return rc;
}

void
vt_blob_writer_abort(struct vt_blob_writer *w)
{
	struct vt_backend *b;
	struct vt_backend_head head;

	if (w == NULL)
		return;
	vt_backend_put_abort(w->put);
	b = vt_tiers_backend(w->t, w->tier);
	if (!vt_backend_caps(b)->remote &&
	    vt_backend_head(b, w->name, &head, NULL) == VT_ABSENT)
		vt_catalog_blob_done(w->t->catalog, w->id);
	free(w);
}

void
vt_blob_discard(struct vt_tiers *t, const struct vt_cat_extent *e)
{
	struct vt_backend *b;
	enum vt_code rc;

	if (e->is_ref)
		return;
	if (e->e.blob.is_inline) {
		vt_catalog_blob_done(t->catalog, e->e.blob.id);
		return;
	}
	b = vt_tiers_backend(t, e->e.blob.tier);
	if (b == NULL)
		return;
	rc = vt_backend_delete(b, e->e.blob.name, e->e.blob.token, NULL);
	if (rc == VT_OK || rc == VT_ABSENT)
		vt_catalog_blob_done(t->catalog, e->e.blob.id);
}

enum vt_code
vt_blob_inline(struct vt_tiers *t, const char *tier, const void *data,
    size_t len, struct vt_cat_extent *out, struct vt_err *err)
{
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	rc = vt_catalog_blob_id(t->catalog, &out->e.blob.id, err);
	if (rc != VT_OK)
		return rc;
	out->e.blob.tier = vt_tiers_tier(t, tier)->name;
	out->e.blob.name = "";
	out->e.blob.token = "";
	out->e.blob.size_bytes = len;
	out->e.blob.crc64 = vt_crc64nvme(0, data, len);
	out->e.blob.owned = 1;
	out->e.blob.is_inline = 1;
	out->e.blob.transform = "";
	out->e.length = out->e.plain_length = len;
	out->e.data = data;
	return VT_OK;
}

/* --- reading a copy ------------------------------------------------------- */

const struct vt_copy *
vt_tiers_best_copy(const struct vt_tiers *t, const struct vt_version *v)
{
	const struct vt_copy *best = NULL;
	const struct vt_tier *d;
	int64_t best_ms = INT64_MAX;
	size_t i;

	for (i = 0; i < v->copy_count; i++) {
		d = vt_config_tier(t->config, v->copies[i].tier);
		/* A tier taken out of the configuration cannot be read. */
		if (d == NULL)
			continue;
		/* The time of a restored copy is up before it is dropped. */
		if (v->copies[i].until_us != 0 &&
		    v->copies[i].until_us <= vt_clock_now_us(t->clock))
			continue;
		if (d->first_byte_ms + d->restore_delay_ms < best_ms) {
			best_ms = d->first_byte_ms + d->restore_delay_ms;
			best = &v->copies[i];
		}
	}
	return best;
}

struct vt_copy_reader {
	struct vt_tiers *t;
	const struct vt_copy *copy;
	size_t extent;		/* the one that is read next */
	uint64_t skip;		/* into it */
	uint64_t left_bytes;
	struct vt_backend_get *get;
	const char *data;	/* inline bytes left */
	uint64_t piece_bytes;	/* left in the extent that is open */
	int whole;		/* check the CRC at the end */
	uint64_t crc64, expected_crc64;
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
	r->whole = offset == 0 && length == v->size_bytes;
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

/* Open the next extent. */
static enum vt_code
next_extent(struct vt_copy_reader *r, struct vt_err *err)
{
	const struct vt_extent *e;
	struct vt_backend *b;
	uint64_t n;
	enum vt_code rc;

	vt_backend_get_end(r->get);
	r->get = NULL;
	r->data = NULL;
	if (r->extent >= r->copy->extent_count)
		return vt_fail(err, VT_CORRUPT,
		    "the copy on '%s' is shorter than its object",
		    r->copy->tier);
	e = &r->copy->extents[r->extent++];
	n = e->plain_length - r->skip;
	if (n > r->left_bytes)
		n = r->left_bytes;
	r->piece_bytes = n;
	if (e->blob.is_inline) {
		if (e->data == NULL)
			return vt_fail(err, VT_CORRUPT,
			    "inline bytes of blob %llu are missing",
			    (unsigned long long)e->blob.id);
		r->data = (const char *)e->data + e->offset + r->skip;
	} else {
		b = vt_tiers_backend(r->t, e->blob.tier);
		if (b == NULL)
			return vt_fail(err, VT_BUSY,
			    "tier '%s' is not configured", e->blob.tier);
		if (e->blob.transform[0] != '\0')
			return vt_fail(err, VT_INVALID,
			    "unknown transform '%s'", e->blob.transform);
		rc = vt_backend_get_begin(b, e->blob.name, e->blob.token,
		    e->offset + r->skip, n, &r->get, err);
		if (rc != VT_OK)
			return rc;
	}
	r->skip = 0;
	return VT_OK;
}

enum vt_code
vt_copy_reader_read(struct vt_copy_reader *r, void *data, size_t len,
    size_t *got, struct vt_err *err)
{
	enum vt_code rc;

	*got = 0;
	if (r->left_bytes == 0)
		return VT_OK;
	while (r->piece_bytes == 0) {
		rc = next_extent(r, err);
		if (rc != VT_OK)
			return rc;
	}
	if (len > r->piece_bytes)
		len = (size_t)r->piece_bytes;
	if (r->data != NULL) {
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
	free(r);
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
