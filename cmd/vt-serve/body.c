/*
 * What comes in: see request.h.
 *
 * A body is collected in memory, streamed to op->write on workers, or thrown
 * away because the answer is known.  Its bytes as received are copied into a
 * buffer on the epoll thread and nothing else is done to them there:
 * decoding, hashing and writing happen on the worker that takes the buffer.
 * A request has at most two buffers, one being filled and one being written;
 * while both are full, or the budget is used up, its connection is suspended.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/hex.h"
#include "libvt/base/num.h"

#include "request.h"

#define DECODE_SIZE 65536

/* --- the plan ------------------------------------------------------------- */

static int
is_chunked(const struct req *r)
{
	switch (r->auth.payload) {
	case VT_PAYLOAD_CHUNKED:
	case VT_PAYLOAD_CHUNKED_TRAILER:
	case VT_PAYLOAD_UNSIGNED_TRAILER:
		return 1;
	case VT_PAYLOAD_HASHED:
	case VT_PAYLOAD_UNSIGNED:
		break;
	}
	return 0;
}

/* The aws-chunked coding: its length is the one of the object. */
static int
plan_chunked(struct req *r)
{
	const char *text = req_header(r, "x-amz-decoded-content-length");
	struct req_private *p = r->priv;
	const uint8_t *key = p->key;

	if (text == NULL) {
		req_error(r, "MissingContentLength",
		    "An x-amz-decoded-content-length header is needed");
		return -1;
	}
	if (vt_num_scan_u64(text, strlen(text), &r->length_bytes) < 0) {
		req_error(r, "InvalidArgument",
		    "x-amz-decoded-content-length is not a number");
		return -1;
	}
	r->has_length = 1;
	if (r->auth.payload == VT_PAYLOAD_UNSIGNED_TRAILER)
		key = NULL;
	p->chunked = vt_chunked_new(&r->auth, key, p->seed,
	    r->length_bytes);
	if (p->chunked == NULL) {
		req_error(r, "SlowDown", NULL);
		return -1;
	}
	return 0;
}

static int
plan_length(struct req *r)
{
	struct req_private *p = r->priv;

	if (!p->has_content_length && !p->te_chunked) {
		if (r->op->flags & OP_STREAM) {
			req_error(r, "MissingContentLength", NULL);
			return -1;
		}
		r->has_length = 1;
		return 0;
	}
	if (is_chunked(r))
		return plan_chunked(r);
	r->has_length = p->has_content_length;
	r->length_bytes = p->content_length;
	return 0;
}

static int
plan_hash(struct req *r)
{
	struct req_private *p = r->priv;

	if (r->auth.payload != VT_PAYLOAD_HASHED || r->anonymous)
		return 0;
	/* What a GET says of the body it has not is nobody's business. */
	if (r->has_length && r->length_bytes == 0 &&
	    strcmp(r->method, "PUT") != 0 && strcmp(r->method, "POST") != 0)
		return 0;
	if (strlen(r->auth.content_sha256) != 64 ||
	    vt_hex_decode(r->auth.content_sha256, p->sha256, 32) < 0) {
		req_error(r, "InvalidArgument",
		    "x-amz-content-sha256 is not a SHA-256");
		return -1;
	}
	p->hashing = 1;
	return 0;
}

static size_t
collect_max(const struct req *r)
{
	return r->op->flags & OP_XML ? XML_BODY_MAX : SMALL_BODY_MAX;
}

static int
plan_stream(struct req *r)
{
	struct req_private *p = r->priv;

	if (pool_length(req_pool(r)) > QUEUE_MAX) {
		req_error(r, "SlowDown", NULL);
		return -1;
	}
	if (pthread_mutex_init(&p->lock, NULL) != 0) {
		req_error(r, "SlowDown", NULL);
		return -1;
	}
	p->has_lock = 1;
	p->mode = BODY_STREAM;
	if (p->hashing && vt_hash_init(&p->sha, VT_SHA256) < 0) {
		req_error(r, "SlowDown", NULL);
		return -1;
	}
	return 0;
}

void
body_plan(struct req *r)
{
	struct req_private *p = r->priv;
	char text[24];

	if (plan_length(r) < 0 || plan_hash(r) < 0)
		return;
	if (r->op->flags & OP_STREAM) {
		if (r->has_length && r->length_bytes > PUT_MAX) {
			snprintf(text, sizeof(text), "%llu",
			    (unsigned long long)r->length_bytes);
			req_error_detail(r, "ProposedSize", text);
			snprintf(text, sizeof(text), "%llu", PUT_MAX);
			req_error_detail(r, "MaxSizeAllowed", text);
			req_error(r, "EntityTooLarge", NULL);
			return;
		}
		if (!r->has_length || r->length_bytes > SMALL_BODY_MAX) {
			(void)plan_stream(r);
			return;
		}
	}
	if (r->has_length && r->length_bytes > collect_max(r)) {
		snprintf(text, sizeof(text), "%zu", collect_max(r));
		req_error_detail(r, "MaxMessageLengthBytes", text);
		req_error(r, "MaxMessageLengthExceeded", NULL);
		return;
	}
	p->mode = BODY_COLLECT;
	/* One more than declared, so that the decoder always has room to see
	 * the end, and one for what is too much. */
	vt_buf_init(&p->body, (r->has_length ? (size_t)r->length_bytes :
	    collect_max(r)) + 1);
}

/* --- memory --------------------------------------------------------------- */

static void
claim_granted(struct claim *c, int expired)
{
	struct req *r = c->ctx;

	/* Given up: the epoll thread answers, a worker may be busy. */
	atomic_store(&r->priv->claimed, expired ? -1 : 1);
	req_wake(r);
}

/* `bytes` of the budget: 1 taken, 0 suspended until they are there, -1 they
 * were waited for too long. */
static int
reserve(struct req *r, uint64_t bytes)
{
	struct req_private *p = r->priv;
	int claimed;

	claimed = atomic_exchange(&p->claimed, 0);
	if (claimed < 0)
		return -1;
	if (claimed == 0 && !budget_try(req_budget(r), bytes)) {
		p->claim.bytes = bytes;
		p->claim.granted = claim_granted;
		p->claim.ctx = r;
		/* First, because it may be granted before we return. */
		req_suspend(r);
		if (budget_claim(req_budget(r), &p->claim))
			claim_granted(&p->claim, 0);
		return 0;
	}
	p->reserved += bytes;
	return 1;
}

/* Give up a buffer and its bytes of the budget; any thread. */
static void
drop_buffer(struct req *r, struct iobuf *buf)
{
	if (buf == NULL)
		return;
	iobuf_free(req_budget(r), buf);
	budget_give(req_budget(r), IOBUF_SIZE);
}

/* --- collecting ----------------------------------------------------------- */

/* What a decoder's refusal means. */
static void
refuse_chunks(struct req *r, enum vt_code code, const struct vt_err *err)
{
	if (code == VT_DENIED)
		req_error(r, "SignatureDoesNotMatch", "%s", err->text);
	else if (code == VT_INVALID)
		req_error(r, "IncompleteBody", "%s", err->text);
	else
		req_fail(r, code, err);
}

static void
collect_chunks(struct req *r, const char *data, size_t len)
{
	struct req_private *p = r->priv;
	size_t in, out;
	struct vt_err err;
	enum vt_code rc;
	char *room;

	while (len > 0) {
		out = (size_t)r->length_bytes + 1 - p->body.len;
		room = out > 0 ? vt_buf_reserve(&p->body, out) : NULL;
		if (room == NULL) {
			req_error(r, "IncompleteBody",
			    "The body is longer than declared");
			return;
		}
		in = len;
		rc = vt_chunked_push(p->chunked, data, &in, room, &out, &err);
		if (rc != VT_OK) {
			refuse_chunks(r, rc, &err);
			return;
		}
		p->body.len += out;
		data += in;
		len -= in;
	}
}

static enum body_step
collect(struct req *r, const char *data, size_t *len)
{
	struct req_private *p = r->priv;
	uint64_t bytes;

	if (p->reserved == 0) {
		bytes = (r->has_length ? r->length_bytes : collect_max(r)) +
		    1;
		switch (reserve(r, bytes)) {
		case 0:
			return BODY_WAIT;
		case -1:
			req_error(r, "SlowDown", NULL);
			return BODY_MORE;
		}
		(void)vt_buf_reserve(&p->body, r->has_length ?
		    (size_t)r->length_bytes : 0);
	}
	if (p->chunked != NULL)
		collect_chunks(r, data, *len);
	else if (p->body.len + *len > p->body.max - 1)
		req_error(r, "MaxMessageLengthExceeded", NULL);
	else if (vt_buf_add(&p->body, data, *len) < 0)
		req_error(r, "SlowDown", NULL);
	r->received_bytes = p->body.len;
	*len = 0;
	return BODY_MORE;
}

/* --- streaming: on a worker ----------------------------------------------- */

/* The rest is not wanted: an answer has been recorded. */
static void
fail(struct req *r)
{
	struct req_private *p = r->priv;
	int wake;

	if (!req_answered(r)) {
		req_complain(r, "the operation failed without an answer");
		req_error(r, "InternalError", NULL);
	}
	pthread_mutex_lock(&p->lock);
	p->failed = 1;
	wake = p->waiting;
	p->waiting = 0;
	pthread_mutex_unlock(&p->lock);
	if (wake)
		req_wake(r);
}

void
body_open(struct req *r)
{
	struct req_private *p = r->priv;

	if (p->opened)
		return;
	p->opened = 1;
	r->streamed = 1;
	p->worked = 1;
	if (r->op->open(r) < 0)
		fail(r);
}

static int
write_plain(struct req *r, const char *data, size_t len)
{
	struct req_private *p = r->priv;

	r->received_bytes += len;
	if (r->received_bytes > PUT_MAX) {
		req_error(r, "EntityTooLarge", NULL);
		return -1;
	}
	if (p->hashing)
		vt_hash_update(&p->sha, data, len);
	return r->op->write(r, data, len);
}

static int
write_chunks(struct req *r, const char *data, size_t len)
{
	struct req_private *p = r->priv;
	char plain[DECODE_SIZE];
	size_t in, out;
	struct vt_err err;
	enum vt_code rc;

	while (len > 0) {
		in = len;
		out = sizeof(plain);
		rc = vt_chunked_push(p->chunked, data, &in, plain, &out,
		    &err);
		if (rc != VT_OK) {
			refuse_chunks(r, rc, &err);
			return -1;
		}
		if (out > 0 && write_plain(r, plain, out) < 0)
			return -1;
		data += in;
		len -= in;
	}
	return 0;
}

static void
write_buffer(struct req *r, const struct iobuf *buf)
{
	struct req_private *p = r->priv;
	int rc;

	body_open(r);
	/* Only this worker sets `failed` now: no lock to read it. */
	if (p->failed)
		return;
	if (p->chunked != NULL)
		rc = write_chunks(r, buf->data, buf->len);
	else
		rc = write_plain(r, buf->data, buf->len);
	if (rc < 0)
		fail(r);
}

/* All is written: the connection is suspended, this worker goes on. */
static void
finish(struct req *r)
{
	/* A body of unknown length may turn out to be empty. */
	body_open(r);
	if (!r->priv->failed)
		req_run_here(r, req_run_op);
	else
		req_wake(r);
}

static void stream_job(struct job *j);

/* It may upload to its tier, or has waited for that too long. */
static void
turn_came(struct claim *c, int expired)
{
	struct req *r = c->ctx;
	struct req_private *p = r->priv;

	p->uploading = expired ? -1 : 1;
	pool_add(expired ? req_server_pool(r) : p->on, &p->job);
}

/* Have the buffer written on a worker of the tier it is for. */
static void
to_worker(struct req *r)
{
	struct req_private *p = r->priv;

	p->on = req_pool(r);
	p->job.run = stream_job;
	if (p->uploads == NULL || p->uploading != 0) {
		pool_add(p->on, &p->job);
		return;
	}
	p->turn.granted = turn_came;
	p->turn.ctx = r;
	if (budget_claim(p->uploads, &p->turn))
		turn_came(&p->turn, 0);
}

/*
 * Write what is there until there is nothing.  A buffer that is not full yet
 * is taken all the same: pieces grow by themselves when the peer is faster
 * than the tier, and the buffer of a slow peer goes back to the budget.
 */
static void
stream_job(struct job *j)
{
	struct req_private *p = (struct req_private *)(void *)((char *)j -
	    offsetof(struct req_private, job));
	struct req *r = &p->q->r;
	struct iobuf *buf;
	int wake, gone, end;

	if (p->uploading < 0 && !p->failed) {
		req_later(r, "SlowDown", 1000);
		fail(r);
	}
	body_open(r);
	do {
		/* for a tier on another machine, as has turned out */
		if (req_pool(r) != p->on && !p->failed) {
			to_worker(r);
			return;
		}
		pthread_mutex_lock(&p->lock);
		buf = p->ready;
		p->ready = NULL;
		if (buf == NULL) {
			buf = p->fill;
			p->fill = NULL;
		}
		gone = p->gone;
		end = p->end;
		if (buf == NULL || gone)
			p->busy = 0;
		wake = p->waiting;
		p->waiting = 0;
		pthread_mutex_unlock(&p->lock);
		if (wake)
			req_wake(r);
		if (buf != NULL && !gone)
			write_buffer(r, buf);
		drop_buffer(r, buf);
	} while (buf != NULL && !gone);
	if (end && !gone)
		finish(r);
	req_release(r);
}

/* --- streaming: on the epoll thread --------------------------------------- */

/* Give the buffer to a worker; under the lock, when none is busy. */
static void
dispatch(struct req *r)
{
	struct req_private *p = r->priv;

	p->ready = p->fill;
	p->fill = NULL;
	p->busy = 1;
	req_hold(r);
	to_worker(r);
}

/* Wait until the worker has done what it has; under the lock. */
static enum body_step
wait_for_worker(struct req *r)
{
	r->priv->waiting = 1;
	req_suspend(r);
	return BODY_WAIT;
}

/* Make sure there is a buffer with room; under the lock.  BODY_STOP: no. */
static enum body_step
need_room(struct req *r)
{
	struct req_private *p = r->priv;

	if (p->fill != NULL && p->fill->len < IOBUF_SIZE)
		return BODY_MORE;
	if (p->fill != NULL)
		return wait_for_worker(r);
	/* Only the idle may be refused: a worker may be answering. */
	if (atomic_load(&p->claimed) < 0 && p->busy)
		return wait_for_worker(r);
	switch (reserve(r, IOBUF_SIZE)) {
	case 0:
		return BODY_WAIT;
	case 1:
		/* From here on the buffer stands for these bytes. */
		p->reserved -= IOBUF_SIZE;
		p->fill = iobuf_new(req_budget(r));
		if (p->fill != NULL)
			return BODY_MORE;
		budget_give(req_budget(r), IOBUF_SIZE);
	}
	return BODY_STOP;
}

static enum body_step
stream(struct req *r, const char *data, size_t *len)
{
	struct req_private *p = r->priv;
	enum body_step step = BODY_MORE;
	size_t n;

	pthread_mutex_lock(&p->lock);
	while (*len > 0 && !p->failed) {
		step = need_room(r);
		if (step != BODY_MORE)
			break;
		n = IOBUF_SIZE - p->fill->len;
		if (n > *len)
			n = *len;
		memcpy(p->fill->data + p->fill->len, data, n);
		p->fill->len += n;
		data += n;
		*len -= n;
		if (p->fill->len == IOBUF_SIZE && !p->busy)
			dispatch(r);
	}
	if (step == BODY_STOP) {
		if (p->busy) {
			step = wait_for_worker(r);
		} else {
			req_error(r, "SlowDown", NULL);
			p->failed = 1;
		}
	}
	/* A buffer of a peer that pauses must not wait to be full. */
	if (step == BODY_MORE && !p->failed && p->fill != NULL && !p->busy &&
	    req_socket_empty(r))
		dispatch(r);
	pthread_mutex_unlock(&p->lock);
	return step == BODY_STOP ? BODY_MORE : step;
}

static int
has_failed(struct req *r)
{
	struct req_private *p = r->priv;
	int failed;

	if (p->mode != BODY_STREAM)
		return req_answered(r);
	pthread_mutex_lock(&p->lock);
	failed = p->failed;
	pthread_mutex_unlock(&p->lock);
	return failed;
}

enum body_step
body_data(struct req *r, const char *data, size_t *len)
{
	struct req_private *p = r->priv;
	enum body_step step = BODY_MORE;
	size_t before = *len;

	if (!has_failed(r)) {
		step = p->mode == BODY_STREAM ? stream(r, data, len) :
		    collect(r, data, len);
		if (step != BODY_MORE || *len == 0)
			return step;
		before = *len;
	}
	/* No answer can go out before the body is in; libmicrohttpd refuses
	 * to queue one, and most clients would not read it. */
	p->drained += before;
	*len = 0;
	return p->drained > DRAIN_MAX ? BODY_STOP : BODY_MORE;
}

int
body_end(struct req *r)
{
	struct req_private *p = r->priv;
	int go_on = 0;

	if (p->mode != BODY_STREAM)
		return 1;
	pthread_mutex_lock(&p->lock);
	p->end = 1;
	if (p->failed && !p->busy) {
		go_on = 1;
	} else {
		req_suspend(r);
		if (!p->busy)
			dispatch(r);
	}
	pthread_mutex_unlock(&p->lock);
	return go_on;
}

int
body_check(struct req *r)
{
	struct req_private *p = r->priv;
	uint8_t sum[VT_HASH_MAX];
	struct vt_err err;
	enum vt_code rc;
	char hex[65];

	if (p->chunked != NULL) {
		rc = vt_chunked_finish(p->chunked, &err);
		if (rc != VT_OK) {
			refuse_chunks(r, rc, &err);
			return -1;
		}
	}
	/* Whatever the framing said: never less than was declared. */
	if (r->has_length && r->received_bytes != r->length_bytes) {
		req_error(r, "IncompleteBody", "%llu bytes of %llu came in",
		    (unsigned long long)r->received_bytes,
		    (unsigned long long)r->length_bytes);
		return -1;
	}
	if (p->mode == BODY_COLLECT) {
		r->body = p->body.data;
		r->body_len = p->body.len;
	}
	if (!p->hashing)
		return 0;
	if (p->mode == BODY_STREAM) {
		vt_hash_final(&p->sha, sum);
	} else if (vt_hash_once(VT_SHA256, r->body, r->body_len, sum) < 0) {
		req_error(r, "SlowDown", NULL);
		return -1;
	}
	if (memcmp(sum, p->sha256, 32) == 0)
		return 0;
	req_error_detail(r, "ClientComputedContentSHA256",
	    r->auth.content_sha256);
	vt_hex_encode(sum, 32, hex);
	req_error_detail(r, "S3ComputedContentSHA256", hex);
	req_error(r, "XAmzContentSHA256Mismatch", NULL);
	return -1;
}

/* --- the end -------------------------------------------------------------- */

void
body_gone(struct req *r)
{
	struct req_private *p = r->priv;
	struct iobuf *buf = NULL;

	if (!p->has_lock)
		return;
	pthread_mutex_lock(&p->lock);
	p->gone = 1;
	if (!p->busy) {
		buf = p->fill;
		p->fill = NULL;
	}
	pthread_mutex_unlock(&p->lock);
	drop_buffer(r, buf);
}

void
body_release(struct req *r)
{
	struct req_private *p = r->priv;

	drop_buffer(r, p->fill);
	p->fill = NULL;
	/* Granted at the moment the connection ended. */
	if (atomic_exchange(&p->claimed, 0) > 0)
		p->reserved += p->claim.bytes;
	if (p->reserved > 0)
		budget_give(req_budget(r), p->reserved);
	p->reserved = 0;
	vt_buf_release(&p->body);
	vt_hash_release(&p->sha);
	vt_chunked_free(p->chunked);
	p->chunked = NULL;
	if (p->has_lock)
		pthread_mutex_destroy(&p->lock);
	p->has_lock = 0;
	explicit_bzero(p->key, sizeof(p->key));
}

const char *
body_trailer(const struct req *r, const char *name)
{
	const struct req_private *p = r->priv;

	return p->chunked != NULL ? vt_chunked_trailer(p->chunked, name) :
	    NULL;
}
