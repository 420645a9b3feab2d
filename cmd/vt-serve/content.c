#include <string.h>

#include "content.h"
#include "meta.h"
#include "sse.h"

#define HEAD_SIZE (32 * 1024)	/* read of a tier before the answer */

void
content_fail(struct req *r, const struct vt_version *v, enum vt_code code,
    const struct vt_err *err)
{
	if (code == VT_NEEDS_RESTORE) {
		req_error_detail(r, "StorageClass", meta_class(r, v->tier));
		req_error(r, "InvalidObjectState",
		    "The operation is not valid for the object's storage "
		    "class");
	} else if (code == VT_ABSENT) {
		struct vt_err lost;

		/* the catalog has the version and no tier has its bytes:
		 * saying that there is no such key would be believed */
		vt_fail(&lost, VT_CORRUPT, "no readable copy of '%.200s': %s",
		    v->key, err != NULL ? err->text : "bytes are missing");
		req_fail(r, VT_CORRUPT, &lost);
	} else
		req_fail(r, code, err);
}

/* --- which copy ----------------------------------------------------------- */

static int
has_failed(const struct content *c, int64_t id)
{
	for (unsigned i = 0; i < c->failed_count; i++)
		if (c->failed[i] == id)
			return 1;
	return 0;
}

/* The best copy of those that have not failed, or NULL. */
static const struct vt_copy *
best(struct content *c)
{
	struct vt_version some;
	struct vt_copy *copies;
	size_t n = 0;

	if (c->failed_count == 0)
		return vt_tiers_best_copy(c->r->srv->tiers, c->v);
	copies = vt_arena_alloc(c->r->arena,
	    (c->v->copy_count + 1) * sizeof(*copies));
	if (copies == NULL)
		return NULL;
	for (size_t i = 0; i < c->v->copy_count; i++)
		if (!has_failed(c, c->v->copies[i].id))
			copies[n++] = c->v->copies[i];
	some = *c->v;
	some.copies = copies;
	some.copy_count = n;
	return vt_tiers_best_copy(c->r->srv->tiers, &some);
}

/* A tier that may be back soon is worth more to the client than what an
 * archive says of the same version. */
static int
is_passing(enum vt_code code)
{
	return code == VT_BUSY || code == VT_IO || code == VT_CANCELLED;
}

/*
 * The copy in hand failed with `code`.  VT_OK: c->copy is another one; else
 * the code to answer with, unless the version itself is gone (c->gone).
 */
static enum vt_code
another(struct content *c, enum vt_code code, struct vt_err *err)
{
	struct vt_version *v;
	struct vt_err lookup_err;
	enum vt_code rc;

	if (c->copy != NULL) {
		if (c->tier == NULL || is_passing(code))
			c->tier = c->copy->tier;
		if (is_passing(code) && c->passing == VT_OK) {
			c->passing = code;
			c->passing_err = *err;
		}
	}
	if (c->copy != NULL && c->failed_count <
	    sizeof(c->failed) / sizeof(c->failed[0]))
		c->failed[c->failed_count++] = c->copy->id;
	else if (c->copy != NULL)
		return code;
	c->copy = best(c);
	if (c->copy != NULL)
		return VT_OK;
	/* a move may have put it elsewhere since: once, and only when that
	 * explains the failure */
	if (c->lookups++ > 0 || code == VT_NEEDS_RESTORE)
		return code;
	rc = vt_catalog_lookup_seq(c->r->srv->catalog, c->r->arena,
	    c->v->seq, 1, &v, &lookup_err);
	if (rc == VT_ABSENT)
		c->gone = 1;
	if (rc == VT_ABSENT)
		return code;
	if (rc != VT_OK) {
		*err = lookup_err;
		return rc;
	}
	c->v = v;
	c->copy = best(c);
	return c->copy != NULL ? VT_OK : code;
}

static int
is_remote(const struct content *c)
{
	return vt_tiers_is_remote(c->r->srv->tiers, c->copy->tier);
}

/* What was read of another machine is counted as it is read. */
static void
note_copy(struct content *c, int at_backend)
{
	struct vt_access *log = &c->r->log;

	log->copy_id = c->copy->id;
	log->tier = c->copy->tier;
	if (at_backend && !c->remote) {
		log->backend_requests++;
		log->backend_bytes += (int64_t)c->length;
	}
}

/* --- a reader ------------------------------------------------------------- */

static void
close_reader(struct content *c)
{
	if (c->reader == NULL)
		return;
	if (c->remote)
		c->r->log.backend_requests += (int64_t)
		    vt_copy_reader_requests(c->reader);
	c->crc64 = vt_copy_reader_crc64(c->reader);
	vt_copy_reader_close(c->reader);
	c->reader = NULL;
}

/* Open the rest at c->copy. */
static enum vt_code
open_reader(struct content *c, struct vt_err *err)
{
	enum vt_code rc;

	rc = vt_copy_reader_open(c->r->srv->tiers, c->v, c->copy, c->offset,
	    c->length, &c->reader, err);
	if (rc != VT_OK)
		return rc;
	c->remote = is_remote(c);
	if (c->whole && c->offset > 0)
		vt_copy_reader_continue(c->reader, c->crc64);
	if (c->sse != NULL && c->sse->by_customer)
		vt_copy_reader_key(c->reader, &c->sse->key);
	/* bytes that must be restored first, or a key that is missing, must be
	 * known before any answer begins */
	rc = vt_copy_reader_begin(c->reader, err);
	if (rc != VT_OK)
		close_reader(c);
	return rc;
}

/*
 * Up to `len` bytes; STREAM_AGAIN: the copy failed and another is there, which
 * the next call opens; -1 with *code.
 */
static ssize_t
read_some(struct content *c, void *data, size_t len, struct vt_err *err,
    enum vt_code *code)
{
	enum vt_code rc = VT_OK;
	size_t got = 0;
	int opened = c->reader != NULL;

	if (c->length == 0)
		return 0;
	if (!opened)
		rc = open_reader(c, err);
	if (rc == VT_OK) {
		opened = 1;
		rc = vt_copy_reader_read(c->reader, data, len, &got, err);
	}
	if (rc == VT_OK) {
		c->offset += got;
		c->length -= got;
		if (c->remote)
			c->r->log.backend_bytes += (int64_t)got;
		if (c->tee != NULL)
			c->tee = tee_write(c->tee, data, got);
		return (ssize_t)got;
	}
	close_reader(c);
	/* wrong bytes have gone out already: stop here */
	if (rc != VT_CORRUPT || !opened)
		rc = another(c, rc, err);
	if (rc == VT_OK) {
		req_move_tier(c->r, c->copy->tier);
		return STREAM_AGAIN;
	}
	*code = rc;
	return -1;
}

static void
answer_failure(struct content *c, enum vt_code code, const struct vt_err *err)
{
	if (c->gone)
		req_error(c->r, "NoSuchKey", NULL);
	else if (c->passing != VT_OK)
		req_fail_tier(c->r, c->tier, c->passing, &c->passing_err);
	else if (code == VT_NEEDS_RESTORE || code == VT_ABSENT)
		content_fail(c->r, c->v, code, err);
	else
		req_fail_tier(c->r, c->tier, code, err);
}

int
content_open(struct content *c)
{
	struct vt_err err = { VT_OK, "" };
	enum vt_code rc = VT_OK;

	c->whole = c->offset == 0 && c->length == c->v->size_bytes;
	c->copy = best(c);
	if (c->copy == NULL)
		rc = another(c, VT_ABSENT, &err);
	while (rc == VT_OK) {
		rc = open_reader(c, &err);
		if (rc == VT_OK) {
			note_copy(c, 1);
			return 0;
		}
		rc = another(c, rc, &err);
	}
	answer_failure(c, rc, &err);
	return -1;
}

long
content_read(struct content *c, void *data, size_t len)
{
	struct vt_err err = { VT_OK, "" };
	enum vt_code code = VT_OK;
	ssize_t got;

	do
		got = read_some(c, data, len, &err, &code);
	while (got == STREAM_AGAIN);
	if (got < 0)
		answer_failure(c, code, &err);
	return got;
}

void
content_close(struct content *c)
{
	close_reader(c);
	/* it did not come to its end */
	tee_abort(c->tee);
	c->tee = NULL;
}

/* --- an answer ------------------------------------------------------------ */

/* All was read, and had the version's checksum. */
static void
finish_tee(struct content *c)
{
	if (c->tee == NULL)
		return;
	c->r->comes_back = 1;
	tee_done(c->tee, c->v);
	c->tee = NULL;
}

static ssize_t
stream_read(void *ctx, void *data, size_t len)
{
	struct content *c = ctx;
	struct vt_err err = { VT_OK, "" };
	enum vt_code code = VT_OK;
	ssize_t n;

	if (c->head_len > 0) {
		if (len > c->head_len)
			len = c->head_len;
		memcpy(data, c->head, len);
		c->head += len;
		c->head_len -= len;
		return (ssize_t)len;
	}
	n = read_some(c, data, len, &err, &code);
	if (c->length == 0)
		finish_tee(c);
	return n;
}

static void
stream_close(void *ctx)
{
	content_close(ctx);
}

/* The whole answer from inline bytes; VT_INVALID: it is not of that shape. */
static enum vt_code
reply_inline(struct content *c, struct vt_err *err)
{
	const struct vt_extent *x = c->copy->extents;
	const char *data;

	if (c->copy->extent_count != 1 || x->data == NULL ||
	    *x->blob.transform != '\0')
		return VT_INVALID;
	if (x->offset + x->length > x->blob.size_bytes ||
	    c->offset + c->length > x->length)
		return vt_fail(err, VT_CORRUPT, "inline bytes are too short");
	data = (const char *)x->data + x->offset + c->offset;
	if (c->length == c->v->size_bytes &&
	    vt_crc64nvme(0, data, c->length) != c->v->crc64)
		return vt_fail(err, VT_CORRUPT,
		    "inline bytes do not have their checksum");
	note_copy(c, 0);
	c->headers(c->r);
	req_reply_bytes(c->r, c->status, data, c->length);
	return VT_OK;
}

/* The same from transformed ones: decoded before the answer begins, so that
 * what is wrong with them can still be answered. */
static enum vt_code
reply_decoded(struct content *c, struct vt_err *err)
{
	size_t len = (size_t)c->length, at = 0, got = 0;
	enum vt_code rc;
	char *data;

	if (c->copy->extent_count != 1 || c->copy->extents[0].data == NULL)
		return VT_INVALID;
	data = vt_arena_alloc(c->r->arena, len);
	if (data == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = open_reader(c, err);
	while (rc == VT_OK && at < len) {
		rc = vt_copy_reader_read(c->reader, data + at, len - at, &got,
		    err);
		at += got;
	}
	content_close(c);
	if (rc != VT_OK)
		return rc;
	note_copy(c, 0);
	c->headers(c->r);
	req_reply_bytes(c->r, c->status, data, len);
	return VT_OK;
}

static enum vt_code
reply_fd(struct content *c, struct vt_err *err)
{
	enum vt_code rc;
	uint64_t offset;
	int fd;

	rc = vt_copy_fd(c->r->srv->tiers, c->copy, c->offset, c->length, &fd,
	    &offset, err);
	if (rc != VT_OK)
		return rc;
	note_copy(c, 1);
	c->headers(c->r);
	req_reply_fd(c->r, c->status, fd, offset, c->length);
	return VT_OK;
}

static enum vt_code
reply_stream(struct content *c, struct vt_err *err)
{
	enum vt_code rc;

	rc = open_reader(c, err);
	if (rc != VT_OK)
		return rc;
	note_copy(c, 1);
	c->headers(c->r);
	req_reply_stream(c->r, c->status, c->length, stream_read,
	    stream_close, c);
	return VT_OK;
}

/*
 * From another machine, on a worker of its tier.  The first bytes are read
 * before the answer begins, so that a tier that fails by then can still be
 * answered for, or another take its place; a small object is read whole.
 */
static enum vt_code
reply_remote(struct content *c, struct vt_err *err)
{
	size_t len = c->length < HEAD_SIZE ? (size_t)c->length : HEAD_SIZE;
	size_t got = 1, n = 0;
	enum vt_code rc;

	if (c->head == NULL)
		c->head = vt_arena_alloc(c->r->arena, len);
	if (c->head == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = open_reader(c, err);
	while (rc == VT_OK && n < len && got > 0 &&
	    (n == 0 || c->length <= HEAD_SIZE)) {
		rc = vt_copy_reader_read(c->reader, c->head + n, len - n,
		    &got, err);
		n += got;
	}
	c->r->log.backend_bytes += (int64_t)n;
	if (rc != VT_OK) {
		close_reader(c);
		return rc;
	}
	note_copy(c, 1);
	c->headers(c->r);
	if (c->wants_tee)
		c->tee = tee_begin(c->r->srv, &c->r->bucket, c->v, c->copy);
	if (c->tee != NULL)
		c->tee = tee_write(c->tee, c->head, n);
	if (n == c->length) {
		req_reply_bytes(c->r, c->status, c->head, n);
		finish_tee(c);
		close_reader(c);
		return VT_OK;
	}
	req_reply_stream(c->r, c->status, c->length, stream_read,
	    stream_close, c);
	c->head_len = n;
	c->offset += n;
	c->length -= n;
	return VT_OK;
}

static void
reply_on_worker(struct req *r)
{
	content_reply(r->state);
}

/* Answer from c->copy.  *passed: another thread does, or the answer is that
 * none can now: do not touch it any more. */
static enum vt_code
reply_copy(struct content *c, int *passed, struct vt_err *err)
{
	enum vt_code rc;

	*passed = 0;
	rc = reply_inline(c, err);
	if (rc == VT_INVALID)
		rc = reply_decoded(c, err);
	if (rc != VT_INVALID)
		return rc;
	c->remote = is_remote(c);
	if (c->remote) {
		if (c->at != NULL && strcmp(c->at, c->copy->tier) == 0)
			return reply_remote(c, err);
		c->at = c->copy->tier;
		*passed = 1;
		req_work_tier(c->r, c->at, reply_on_worker);
		return VT_OK;
	}
	rc = reply_fd(c, err);
	if (rc == VT_INVALID)
		rc = reply_stream(c, err);
	return rc;
}

void
content_reply(struct content *c)
{
	struct vt_err err = { VT_OK, "" };
	enum vt_code rc;
	int passed;

	if (c->length == 0) {
		c->headers(c->r);
		req_reply_bytes(c->r, c->status, "", 0);
		return;
	}
	c->whole = c->offset == 0 && c->length == c->v->size_bytes;
	if (c->copy == NULL)
		c->copy = best(c);
	rc = c->copy != NULL ? VT_OK : another(c, VT_ABSENT, &err);
	while (rc == VT_OK) {
		rc = reply_copy(c, &passed, &err);
		if (rc == VT_OK || passed)
			return;
		rc = another(c, rc, &err);
	}
	answer_failure(c, rc, &err);
}
