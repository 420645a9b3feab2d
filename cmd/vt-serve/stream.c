/* Bodies that workers read: see stream.h. */
#include <stddef.h>

#include "ring.h"
#include "stream.h"

#define RING_SIZE ((size_t)512 * 1024)
#define RING_BLOCK ((size_t)64 * 1024)	/* taken out of it at a time */
/* One reader gives way to others who wait for a worker. */
#define TURN_BYTES ((size_t)16 * 1024 * 1024)

static struct req *
req_of_job(struct job *j)
{
	struct req_private *p = (struct req_private *)(void *)((char *)j -
	    offsetof(struct req_private, job));

	return &p->q->r;
}

static void
queue(struct req *r, void (*run)(struct job *j))
{
	r->priv->job.run = run;
	pool_add(req_pool(r), &r->priv->job);
}

/* --- memory --------------------------------------------------------------- */

/*
 * A slow reader holds its block for as long as it likes.  When many read, they
 * get small blocks of the size that a connection costs anyway, and no ring.
 */
static size_t
take_block(struct req *r)
{
	struct req_private *p = r->priv;
	size_t block = BLOCK_SMALL;

	if (p->length <= BLOCK_SMALL)
		return block;
	if (req_is_remote(r)) {
		if (!budget_try_half(req_budget(r), RING_SIZE + RING_BLOCK))
			return block;
		p->block = RING_SIZE + RING_BLOCK;
		p->ring = ring_new(RING_SIZE);
		return p->ring != NULL ? RING_BLOCK : block;
	}
	if (!budget_try_half(req_budget(r), BLOCK_SIZE))
		return block;
	p->block = BLOCK_SIZE;
	return BLOCK_SIZE;
}

static void
give_block(struct req *r)
{
	struct req_private *p = r->priv;

	ring_free(p->ring);
	p->ring = NULL;
	if (p->block > 0)
		budget_give_half(req_budget(r), p->block);
	p->block = 0;
}

static void
close_job(struct job *j)
{
	struct req *r = req_of_job(j);
	struct req_private *p = r->priv;

	if (p->close != NULL)
		p->close(p->ctx);
	p->close = NULL;
	give_block(r);
	req_release(r);
}

/* --- by blocks ------------------------------------------------------------ */

/*
 * Straight into libmicrohttpd's buffer, which stays where it is while the
 * connection is suspended.
 */
static void
fill_job(struct job *j)
{
	struct req *r = req_of_job(j);
	struct req_private *p = r->priv;
	struct pool *here = req_pool(r);
	ssize_t n = 1;

	while (n > 0 && p->filled < p->room) {
		n = p->read(p->ctx, (char *)p->at + p->filled,
		    p->room - p->filled);
		if (n > 0)
			p->filled += (size_t)n;
		/* from another copy, maybe on another tier */
		if (n == STREAM_AGAIN && req_pool(r) != here) {
			queue(r, fill_job);
			return;
		}
		if (n == STREAM_AGAIN)
			n = 1;
	}
	/* What came before a failure is not sent: it may be what is wrong. */
	p->got = n < 0 ? -1 : (ssize_t)p->filled;
	req_wake(r);
}

static ssize_t
next_block(struct req *r, char *block, size_t max)
{
	struct req_private *p = r->priv;

	if (p->filling) {
		p->filling = 0;
		return p->got > 0 ? p->got : -1;
	}
	p->filling = 1;
	p->at = block;
	p->room = max;
	p->filled = 0;
	p->worked = 1;
	req_suspend(r);
	queue(r, fill_job);
	return 0;
}

/* --- ahead ---------------------------------------------------------------- */

/* 1: the worker goes on; 0: it must not touch the request any more. */
static int
go_on(struct req *r, enum ring_step step)
{
	switch (step) {
	case RING_WAKE:
		req_wake(r);
		break;
	case RING_GO:
		break;
	case RING_GONE:
		close_job(&r->priv->job);
		return 0;
	case RING_REST:
		return 0;
	}
	return 1;
}

/* Read until the ring is full, the body ends, or it is somebody else's turn. */
static void
ahead_job(struct job *j)
{
	struct req *r = req_of_job(j);
	struct req_private *p = r->priv;
	struct pool *here = req_pool(r);
	size_t done = 0, room;
	ssize_t n;
	char *at;

	while (go_on(r, ring_room(p->ring, &at, &room))) {
		n = p->read(p->ctx, at, room);
		if (n == 0 || n == -1) {
			(void)go_on(r, ring_end(p->ring, n < 0));
			return;
		}
		if (n > 0) {
			(void)go_on(r, ring_put(p->ring, (size_t)n));
			done += (size_t)n;
		}
		if (done >= TURN_BYTES || req_pool(r) != here) {
			queue(r, ahead_job);
			return;
		}
	}
}

static ssize_t
next_ahead(struct req *r, char *block, size_t max)
{
	struct ring *ring = r->priv->ring;
	int wake;
	ssize_t n;

	n = ring_take(ring, block, max, &wake);
	if (wake)
		queue(r, ahead_job);
	if (n != 0)
		return n;
	/* First, because it may be woken before we return. */
	req_suspend(r);
	if (!ring_wait(ring))
		req_wake(r);
	return 0;
}

/* --- the response --------------------------------------------------------- */

size_t
stream_begin(struct req *r)
{
	struct req_private *p = r->priv;
	size_t block = take_block(r);

	req_hold(r);
	if (p->ring != NULL) {
		p->worked = 1;
		queue(r, ahead_job);
	}
	return p->length < block && p->length > 0 ? (size_t)p->length : block;
}

ssize_t
stream_block(struct req *r, uint64_t pos, char *block, size_t max)
{
	struct req_private *p = r->priv;
	ssize_t n;

	n = p->ring != NULL ? next_ahead(r, block, max) :
	    next_block(r, block, max);
	if (n > 0)
		p->sent = pos + (uint64_t)n;
	if (n != 0 && pos == 0)
		r->log.ttfb_us = vt_clock_mono_us() - r->start_mono_us;
	return n;
}

void
stream_end(struct req *r)
{
	struct req_private *p = r->priv;

	/* Closing may block. */
	if (p->ring == NULL || ring_leave(p->ring))
		queue(r, close_job);
}
