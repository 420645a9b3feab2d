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
	struct vt_keyring *keyring;	/* or NULL */
	struct vt_backend *backend[VT_TIERS_MAX];
};

/* Open a tier, with what it has to know of another machine and the guard of
 * such a one. */
static enum vt_code
open_tier(const struct vt_tier *d, struct vt_backend_options *o,
    struct vt_backend **out, struct vt_err *err)
{
	struct vt_backend_remote r = { .endpoint = d->endpoint,
	    .region = d->region, .object_class = d->object_class,
	    .ca_file = d->ca_file, .virtual_host = d->virtual_host,
	    .requester_pays = d->requester_pays, .part_bytes = d->part_bytes,
	    .tries = d->tries, .connect_ms = d->connect_ms,
	    .stall_ms = d->stall_ms };
	struct vt_guard_options g = { .calls_max = d->connections,
	    .bytes_per_s = d->bytes_per_s };
	struct vt_backend *b;
	struct vt_cred cred;
	enum vt_code rc = VT_OK;

	memset(&cred, 0, sizeof(cred));
	if (d->credentials != NULL) {
		rc = vt_cred_load(d->credentials, d->profile, 1, &cred, err);
		r.access_key = cred.access_key;
		r.secret_key = cred.secret_key;
		r.session_token = cred.session_token;
	}
	o->remote = &r;
	if (rc == VT_OK)
		rc = vt_backend_open(d->url, o, out, err);
	explicit_bzero(&cred, sizeof(cred));
	if (rc != VT_OK || !vt_backend_caps(*out)->remote)
		return rc;
	b = vt_backend_guard(*out, &g);
	*out = b;
	return b != NULL ? VT_OK : vt_fail(err, VT_NOMEM, "out of memory");
}

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
		rc = open_tier(&config->tier[i], &o, &t->backend[i], err);
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

void
vt_tiers_use_keyring(struct vt_tiers *t, struct vt_keyring *k)
{
	t->keyring = k;
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
vt_tiers_place(struct vt_tiers *t, const struct vt_place *place,
    const char *storage_class, uint64_t size_bytes,
    const struct vt_tier **tier, int *is_inline, struct vt_err *err)
{
	const struct vt_tier *d = &t->config->tier[vt_place_first(place)];
	char why[VT_PLACE_TEXT];
	size_t k;

	*is_inline = 0;
	*tier = NULL;
	if (storage_class != NULL && storage_class[0] != '\0') {
		d = vt_config_class(t->config, storage_class);
		if (d == NULL)
			return vt_fail(err, VT_INVALID,
			    "no tier answers for storage class '%.40s'",
			    storage_class);
		k = (size_t)(d - t->config->tier);
		if (!vt_place_allows(place, k))
			return vt_fail(err, VT_DENIED, "%s", vt_place_why(
			    t->config->places, place, k, why));
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
	const char *transform;	/* of bytes that come in their form */
	struct vt_encoder *encoder;	/* of others, or NULL */
	char text[VT_TRANSFORM_MAX];	/* what it makes of them */
	uint64_t plain_bytes;
};

static enum vt_code
put_encoded(void *ctx, const void *data, size_t len, struct vt_err *err)
{
	struct vt_blob_writer *w = ctx;

	return vt_backend_put_write(w->put, data, len, err);
}

/* Begin to encrypt a blob that is born with this id. */
static enum vt_code
encode(struct vt_tiers *t, uint64_t blob_id, const struct vt_wrap_key *wrap,
    vt_encoder_put *put, void *ctx, struct vt_encoder **out,
    char text[VT_TRANSFORM_MAX], struct vt_err *err)
{
	uint64_t part[2] = { vt_catalog_incarnation(t->catalog), blob_id };
	struct vt_stored_head head;
	uint8_t id[VT_STORED_ID];
	enum vt_code rc;

	for (int i = 0; i < VT_STORED_ID; i++)
		id[i] = (uint8_t)(part[i / 8] >> (56 - i % 8 * 8));
	rc = vt_encoder_open(wrap, id, put, ctx, out, &head, err);
	if (rc == VT_OK)
		vt_stored_text(&head, text);
	return rc;
}

/* Have it on disk that this name, or this upload to it, may hold bytes (P4). */
static enum vt_code
note_intent(struct vt_blob_writer *w, const char *upload, struct vt_err *err)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_INTENT;
	op.u.intent.blob_id = w->id;
	op.u.intent.tier = w->tier;
	op.u.intent.name = w->name;
	op.u.intent.upload = upload;
	return vt_catalog_run(w->t->catalog, &op, err);
}

static enum vt_code
upload_begun(void *ctx, const char *upload, struct vt_err *err)
{
	return note_intent(ctx, upload, err);
}

/*
 * A blob on another machine was given up, or may be: what was sent can arrive
 * after all, so it is garbage for later, with whatever the intent names.
 */
#define LATE_US (3600LL * 1000000)
static void
give_up_remote(struct vt_blob_writer *w)
{
	struct vt_garbage g = { .blob_id = w->id, .tier = w->tier,
	    .name = w->name, .token = "",
	    .not_before_us = vt_clock_now_us(w->t->clock) + LATE_US };
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_GARBAGE_ADD;
	op.u.garbage.rows = &g;
	op.u.garbage.count = 1;
	/* what fails here is found when this process has gone */
	if (vt_catalog_run(w->t->catalog, &op, NULL) != VT_OK)
		return;
}

static enum vt_code
begin_put(struct vt_blob_writer *w, struct vt_backend *b, const char *bucket,
    const char *key, size_t key_len, uint64_t size_bytes, struct vt_err *err)
{
	int is_remote = vt_backend_caps(b)->remote;
	struct vt_backend_put_info info = { .size_bytes = size_bytes,
	    .begun = is_remote ? upload_begun : NULL, .begun_ctx = w };
	struct vt_cat_op op;
	enum vt_code rc;

	rc = vt_backend_name(b, w->id, vt_catalog_incarnation(w->t->catalog),
	    bucket, key, key_len, w->name, err);
	if (rc == VT_OK && is_remote)
		rc = note_intent(w, "", err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_put_begin(b, w->name, &info, &w->put, err);
	if (rc == VT_OK || !is_remote)
		return rc;
	/* nothing was sent */
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_INTENT_END;
	op.u.intent.blob_id = w->id;
	if (vt_catalog_run(w->t->catalog, &op, NULL) != VT_OK)
		w->id = 0;
	return rc;
}

enum vt_code
vt_blob_writer_open(struct vt_tiers *t, const char *tier,
    const char *bucket, const char *key, size_t key_len, uint64_t size_bytes,
    const struct vt_blob_form *form, struct vt_blob_writer **out,
    struct vt_err *err)
{
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
	if (form != NULL && form->wrap != NULL && size_bytes != UINT64_MAX)
		size_bytes = vt_stored_size(size_bytes);
	/* The lease that holds the id is on disk before any byte is (P4). */
	rc = vt_catalog_blob_id(t->catalog, &w->id, err);
	if (rc == VT_OK) {
		rc = begin_put(w, b, bucket, key, key_len, size_bytes, err);
		if (rc != VT_OK && w->id != 0)
			vt_catalog_blob_done(t->catalog, w->id);
	}
	if (rc != VT_OK) {
		free(w);
		return rc;
	}
	if (form != NULL && form->transform != NULL) {
		w->transform = form->transform;
		w->plain_bytes = form->plain_bytes;
	}
	if (form != NULL && form->wrap != NULL) {
		w->transform = w->text;
		rc = encode(t, w->id, form->wrap, put_encoded, w, &w->encoder,
		    w->text, err);
		if (rc != VT_OK) {
			vt_blob_writer_abort(w);
			return rc;
		}
	}
	*out = w;
	return VT_OK;
}

enum vt_code
vt_blob_writer_write(struct vt_blob_writer *w, const void *data, size_t len,
    struct vt_err *err)
{
	if (w->encoder == NULL)
		return vt_backend_put_write(w->put, data, len, err);
	w->plain_bytes += len;
	return vt_encoder_write(w->encoder, data, len, err);
}

enum vt_code
vt_blob_writer_meta(struct vt_blob_writer *w, const struct vt_header_kv *meta,
    size_t count, struct vt_err *err)
{
	return vt_backend_put_meta(w->put, meta, count, err);
}

enum vt_code
vt_blob_writer_commit(struct vt_blob_writer *w, struct vt_arena *a,
    struct vt_cat_extent *out, struct vt_err *err)
{
	struct vt_backend_put_result r;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	if (w->encoder != NULL) {
		rc = vt_encoder_finish(w->encoder, err);
		if (rc != VT_OK) {
			vt_blob_writer_abort(w);
			return rc;
		}
	}
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
		if (w->transform != NULL) {
			out->e.blob.transform = vt_arena_str(a,
			    w->transform);
			out->e.plain_length = w->plain_bytes;
		}
		if (out->e.blob.name == NULL || out->e.blob.token == NULL ||
		    out->e.blob.transform == NULL) {
			rc = vt_fail(err, VT_NOMEM, "out of memory");
			out->e.blob.name = w->name;
			out->e.blob.token = r.token;
			vt_blob_discard(w->t, out);
		}
	}
	/*
	 * A failed commit: the backend removed what it could, but cannot be
	 * believed.  On this machine the id stays unsettled, so its lease
	 * stays, and recovery looks for the name once this process is gone.
	 */
	if (rc != VT_OK && vt_backend_caps(vt_tiers_backend(w->t,
	    w->tier))->remote)
		give_up_remote(w);
	vt_encoder_close(w->encoder);
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
	if (vt_backend_caps(b)->remote)
		give_up_remote(w);
	else if (vt_backend_head(b, w->name, &head, NULL) == VT_ABSENT)
		vt_catalog_blob_done(w->t->catalog, w->id);
	vt_encoder_close(w->encoder);
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

/* Where an encoder puts the stored form of inline bytes: there is room. */
struct memory {
	uint8_t *data;
	size_t len;
};

static enum vt_code
put_memory(void *ctx, const void *data, size_t len, struct vt_err *err)
{
	struct memory *m = ctx;

	(void)err;
	memcpy(m->data + m->len, data, len);
	m->len += len;
	return VT_OK;
}

enum vt_code
vt_blob_inline_as(struct vt_tiers *t, const char *tier, const void *data,
    size_t len, const struct vt_blob_form *form, struct vt_arena *a,
    struct vt_cat_extent *out, struct vt_err *err)
{
	char text[VT_TRANSFORM_MAX];
	struct memory m = { NULL, 0 };
	struct vt_encoder *e;
	enum vt_code rc;

	rc = vt_blob_inline(t, tier, data, len, out, err);
	if (rc != VT_OK || form == NULL)
		return rc;
	if (form->transform != NULL) {
		out->e.blob.transform = form->transform;
		out->e.plain_length = form->plain_bytes;
	}
	if (form->wrap == NULL)
		return VT_OK;
	m.data = vt_arena_alloc(a, (size_t)vt_stored_size(len));
	rc = m.data == NULL ? vt_fail(err, VT_NOMEM, "out of memory") :
	    encode(t, out->e.blob.id, form->wrap, put_memory, &m, &e, text,
	    err);
	if (rc == VT_OK) {
		rc = vt_encoder_write(e, data, len, err);
		if (rc == VT_OK)
			rc = vt_encoder_finish(e, err);
		vt_encoder_close(e);
	}
	if (rc == VT_OK) {
		out->e.data = m.data;
		out->e.length = out->e.blob.size_bytes = m.len;
		out->e.blob.crc64 = vt_crc64nvme(0, m.data, m.len);
		out->e.blob.transform = vt_arena_str(a, text);
		if (out->e.blob.transform == NULL)
			rc = vt_fail(err, VT_NOMEM, "out of memory");
	}
	if (rc != VT_OK)
		vt_catalog_blob_done(t->catalog, out->e.blob.id);
	return rc;
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
	struct vt_decoder *decoder;	/* of a transformed extent */
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

/* The key that opens this blob. */
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

/* Begin to decrypt `n` bytes at r->skip; *at and *count: of what is stored. */
static enum vt_code
begin_decoding(struct vt_copy_reader *r, const struct vt_extent *e,
    uint64_t n, uint64_t *at, uint64_t *count, struct vt_err *err)
{
	struct vt_stored_head h;
	struct vt_wrap_key key;
	enum vt_code rc;

	if (e->offset != 0 || e->length != e->blob.size_bytes)
		return vt_fail(err, VT_CORRUPT, "an extent is a range of the "
		    "transformed blob %llu", (unsigned long long)e->blob.id);
	rc = vt_stored_parse_text(e->blob.transform, &h, err);
	if (rc != VT_OK)
		return rc;
	rc = find_key(r, &h, &key, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_decoder_open(&h, &key, e->blob.size_bytes, &r->decoder, err);
	explicit_bzero(&key, sizeof(key));
	/* whoever asks was found to have the key: it is the wrapping that is
	 * wrong */
	if (rc == VT_DENIED)
		rc = VT_CORRUPT;
	if (rc == VT_OK && vt_decoder_size(r->decoder) != e->plain_length)
		rc = vt_fail(err, VT_CORRUPT, "blob %llu has %llu bytes and "
		    "not %llu", (unsigned long long)e->blob.id,
		    (unsigned long long)vt_decoder_size(r->decoder),
		    (unsigned long long)e->plain_length);
	if (rc == VT_OK)
		rc = vt_decoder_range(r->decoder, r->skip, n, at, count, err);
	return rc;
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

/* Open the next extent. */
static enum vt_code
next_extent(struct vt_copy_reader *r, struct vt_err *err)
{
	const struct vt_extent *e;
	struct vt_backend *b;
	uint64_t n, at, count;
	enum vt_code rc;

	vt_backend_get_end(r->get);
	r->get = NULL;
	r->data = NULL;
	vt_decoder_close(r->decoder);
	r->decoder = NULL;
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
		rc = begin_decoding(r, e, n, &at, &count, err);
		if (rc != VT_OK)
			return rc;
	}
	if (e->blob.is_inline) {
		if (e->data == NULL)
			return vt_fail(err, VT_CORRUPT,
			    "inline bytes of blob %llu are missing",
			    (unsigned long long)e->blob.id);
		r->data = (const char *)e->data + at;
		r->data_bytes = (size_t)count;
	} else {
		b = vt_tiers_backend(r->t, e->blob.tier);
		if (b == NULL)
			return vt_fail(err, VT_BUSY,
			    "tier '%s' is not configured", e->blob.tier);
		rc = vt_backend_get_begin(b, e->blob.name, e->blob.token, at,
		    count, &r->get, err);
		if (rc != VT_OK)
			return rc;
	}
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
	explicit_bzero(&r->key, sizeof(r->key));
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
