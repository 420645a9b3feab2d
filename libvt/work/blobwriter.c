/* Writing a new blob under a leased name: see tiers.h. */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"

#include "libvt/work/note.h"
#include "libvt/work/tiers_internal.h"

/* What is done to the bytes of a blob, by whoever asked for it. */
struct what {
	int is_encrypted;
	struct vt_wrap_key key;	/* then: what wraps the data key */
	int level;		/* of zstd, when that shrinks it; 0: not */
};

struct vt_blob_writer {
	struct vt_tiers *t;
	const char *tier;
	uint64_t id;
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend_put *put;
	const char *transform;	/* of bytes that come in their form */
	struct what what;
	uint64_t size_bytes;	/* of what comes, or UINT64_MAX */
	int noted;		/* the catalog has an intent */
	int begun;		/* the backend was asked for it */
	/* the first bytes, until it is known whether they shrink */
	uint8_t *sample;
	size_t sample_len;
	struct vt_encoder *encoder;	/* of bytes that do not, or NULL */
	char text[VT_TRANSFORM_MAX];	/* what it makes of them */
	uint64_t plain_bytes;
	int is_ended;		/* all its bytes are with the backend */
};

/*
 * What becomes of bytes that come to a tier in this form.  The tier's own
 * encryption is for what the client has not encrypted already; bytes of a
 * customer's key are not to tell by their length what they are.  A key that
 * cannot be had is an error: nothing is written as it is instead.
 */
static enum vt_code
decide(struct vt_tiers *t, const struct vt_tier *tier,
    const struct vt_blob_form *form, struct what *out, struct vt_err *err)
{
	enum vt_code rc = VT_OK;

	memset(out, 0, sizeof(*out));
	if (form != NULL && form->transform != NULL)
		return VT_OK;
	if (form == NULL || !form->is_packed)
		out->level = (int)tier->compress;
	if (form != NULL && form->wrap != NULL) {
		out->is_encrypted = 1;
		out->key = *form->wrap;
		if (*form->wrap->name == '\0')
			out->level = 0;
	} else if (tier->encrypt != NULL) {
		out->is_encrypted = 1;
		rc = t->keyring == NULL ? vt_fail(err, VT_IO,
		    "there are no master keys") : vt_keyring_wrap(t->keyring,
		    tier->encrypt, &out->key, err);
		if (rc != VT_OK)
			vt_err_prefix(err, "tier '%s' encrypts", tier->name);
		if (rc == VT_ABSENT)
			rc = VT_IO;
	}
	return rc;
}

static enum vt_code
put_encoded(void *ctx, const void *data, size_t len, struct vt_err *err)
{
	struct vt_blob_writer *w = ctx;

	return vt_backend_put_write(w->put, data, len, err);
}

/* Begin to encode a blob that is born with this id. */
static enum vt_code
encode(struct vt_tiers *t, uint64_t blob_id, const struct what *what,
    uint64_t size_bytes, vt_encoder_put *put, void *ctx,
    struct vt_encoder **out, char text[VT_TRANSFORM_MAX], struct vt_err *err)
{
	struct vt_encoder_options o = {
	    .key = what->is_encrypted ? &what->key : NULL,
	    .level = what->level, .size_bytes = size_bytes };
	uint64_t part[2] = { vt_catalog_incarnation(t->catalog), blob_id };
	struct vt_stored_head head;
	uint8_t id[VT_STORED_ID];
	enum vt_code rc;

	for (int i = 0; i < VT_STORED_ID; i++)
		id[i] = (uint8_t)(part[i / 8] >> (56 - i % 8 * 8));
	rc = vt_encoder_open(&o, id, put, ctx, out, &head, err);
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

/* Nobody else is to be told of this id: nothing was or is stored. */
static void
settle(struct vt_blob_writer *w)
{
	struct vt_cat_op op;

	if (w->noted) {
		memset(&op, 0, sizeof(op));
		op.kind = VT_CAT_INTENT_END;
		op.u.intent.blob_id = w->id;
		/* it stays, then, and its lease */
		if (vt_catalog_run(w->t->catalog, &op, NULL) != VT_OK)
			return;
	}
	vt_catalog_blob_done(w->t->catalog, w->id);
}

/* Ask the backend, and begin to encode what is to be. */
static enum vt_code
begin_put(struct vt_blob_writer *w, struct vt_err *err)
{
	struct vt_backend *b = vt_tiers_backend(w->t, w->tier);
	int is_remote = vt_backend_caps(b)->remote;
	int encodes = w->what.is_encrypted || w->what.level > 0;
	struct vt_backend_put_info info = { .size_bytes = w->size_bytes,
	    .begun = is_remote ? upload_begun : NULL, .begun_ctx = w };
	enum vt_code rc = VT_OK;

	if (w->what.level > 0)
		info.size_bytes = UINT64_MAX;
	else if (encodes && w->size_bytes != UINT64_MAX)
		info.size_bytes = vt_stored_size(w->size_bytes);
	if (encodes) {
		w->transform = w->text;
		rc = encode(w->t, w->id, &w->what, w->size_bytes, put_encoded,
		    w, &w->encoder, w->text, err);
		explicit_bzero(&w->what.key, sizeof(w->what.key));
	}
	/* The lease that holds the id is on disk before any byte is (P4). */
	if (rc == VT_OK && is_remote) {
		rc = note_intent(w, "", err);
		w->noted = rc == VT_OK;
	}
	if (rc == VT_OK)
		rc = vt_backend_put_begin(b, w->name, &info, &w->put, err);
	w->begun = rc == VT_OK;
	return rc;
}

/* The sample is whole, or there is no more: compress, or not. */
static enum vt_code
begin_sampled(struct vt_blob_writer *w, struct vt_err *err)
{
	uint8_t *sample = w->sample;
	enum vt_code rc;

	if (!vt_encoder_shrinks(sample, w->sample_len, w->what.level))
		w->what.level = 0;
	w->sample = NULL;
	rc = begin_put(w, err);
	if (rc == VT_OK)
		rc = w->encoder != NULL ? vt_encoder_write(w->encoder,
		    sample, w->sample_len, err) : vt_backend_put_write(w->put,
		    sample, w->sample_len, err);
	explicit_bzero(sample, w->sample_len);
	free(sample);
	return rc;
}

static void
writer_free(struct vt_blob_writer *w)
{
	if (w->sample != NULL)
		explicit_bzero(w->sample, w->sample_len);
	free(w->sample);
	vt_encoder_close(w->encoder);
	explicit_bzero(&w->what, sizeof(w->what));
	free(w);
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
	w->size_bytes = size_bytes;
	if (form != NULL && form->transform != NULL) {
		w->transform = form->transform;
		w->plain_bytes = form->plain_bytes;
	}
	rc = decide(t, vt_tiers_tier(t, tier), form, &w->what, err);
	if (rc == VT_OK && w->what.level > 0) {
		w->sample = malloc(VT_ENCODER_SAMPLE);
		if (w->sample == NULL)
			rc = vt_fail(err, VT_NOMEM, "out of memory");
	}
	if (rc == VT_OK)
		rc = vt_catalog_blob_id(t->catalog, &w->id, err);
	if (rc != VT_OK) {
		writer_free(w);
		return rc;
	}
	rc = vt_backend_name(b, w->id, vt_catalog_incarnation(t->catalog),
	    bucket, key, key_len, w->name, err);
	if (rc == VT_OK && w->sample == NULL)
		rc = begin_put(w, err);
	if (rc != VT_OK) {
		vt_blob_writer_abort(w);
		return rc;
	}
	*out = w;
	return VT_OK;
}

enum vt_code
vt_blob_writer_write(struct vt_blob_writer *w, const void *data, size_t len,
    struct vt_err *err)
{
	size_t n;
	enum vt_code rc;

	if (w->what.is_encrypted || w->what.level > 0 || w->encoder != NULL)
		w->plain_bytes += len;
	if (w->sample != NULL) {
		n = VT_ENCODER_SAMPLE - w->sample_len;
		if (n > len)
			n = len;
		memcpy(w->sample + w->sample_len, data, n);
		w->sample_len += n;
		data = (const uint8_t *)data + n;
		len -= n;
		if (w->sample_len < VT_ENCODER_SAMPLE)
			return VT_OK;
		rc = begin_sampled(w, err);
		if (rc != VT_OK || len == 0)
			return rc;
	}
	if (w->encoder == NULL)
		return vt_backend_put_write(w->put, data, len, err);
	return vt_encoder_write(w->encoder, data, len, err);
}

/* No more bytes come: what the encoder holds back goes out. */
static enum vt_code
end_bytes(struct vt_blob_writer *w, struct vt_err *err)
{
	enum vt_code rc;

	if (w->is_ended)
		return VT_OK;
	w->is_ended = 1;
	rc = w->sample != NULL ? begin_sampled(w, err) : VT_OK;
	if (rc != VT_OK)
		return rc;
	return w->encoder != NULL ? vt_encoder_finish(w->encoder, err) :
	    VT_OK;
}

enum vt_code
vt_blob_writer_meta(struct vt_blob_writer *w, const struct vt_header_kv *meta,
    size_t count, struct vt_err *err)
{
	enum vt_code rc = end_bytes(w, err);

	return rc != VT_OK ? rc :
	    vt_backend_put_meta(w->put, meta, count, err);
}

enum vt_code
vt_blob_writer_note(struct vt_blob_writer *w, const struct vt_note *note,
    struct vt_err *err)
{
	struct vt_note n = *note;
	struct vt_note_text text;

	n.incarnation = vt_catalog_incarnation(w->t->catalog);
	n.blob_id = w->id;
	if (n.written_us == 0)
		n.written_us = vt_clock_now_us(w->t->clock);
	n.form = w->transform;
	vt_note_format(&n, &text);
	return vt_blob_writer_meta(w, text.kv, text.count, err);
}

enum vt_code
vt_blob_writer_commit(struct vt_blob_writer *w, struct vt_arena *a,
    struct vt_cat_extent *out, struct vt_err *err)
{
	struct vt_backend_put_result r;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	rc = end_bytes(w, err);
	if (rc != VT_OK) {
		vt_blob_writer_abort(w);
		return rc;
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
		vt_catalog_give_up(w->t->catalog, w->id, w->tier, w->name,
		    NULL);
	writer_free(w);
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
	if (!w->begun)
		settle(w);
	else if (vt_backend_caps(b)->remote)
		vt_catalog_give_up(w->t->catalog, w->id, w->tier, w->name,
		    NULL);
	else if (vt_backend_head(b, w->name, &head, NULL) == VT_ABSENT)
		vt_catalog_blob_done(w->t->catalog, w->id);
	writer_free(w);
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

/* Bytes for the catalog, as they come. */
static enum vt_code
inline_plain(struct vt_tiers *t, const char *tier, const void *data,
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
	struct what what;
	enum vt_code rc;

	rc = decide(t, vt_tiers_tier(t, tier), form, &what, err);
	if (rc == VT_OK)
		rc = inline_plain(t, tier, data, len, out, err);
	if (rc != VT_OK)
		return rc;
	if (form != NULL && form->transform != NULL) {
		out->e.blob.transform = form->transform;
		out->e.plain_length = form->plain_bytes;
	}
	if (!what.is_encrypted)
		return VT_OK;
	/* so few bytes save nothing */
	what.level = 0;
	m.data = vt_arena_alloc(a, (size_t)vt_stored_size(len));
	rc = m.data == NULL ? vt_fail(err, VT_NOMEM, "out of memory") :
	    encode(t, out->e.blob.id, &what, len, put_memory, &m, &e, text,
	    err);
	explicit_bzero(&what, sizeof(what));
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
