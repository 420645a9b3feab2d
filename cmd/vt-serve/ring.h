/*
 * Bytes on their way from one thread to another, so many at once: what a
 * worker reads of a tier ahead of what the peer has taken.  One writes, one
 * reads; neither ever waits here, but is told that it has to, and the other
 * is told to wake it.  Knows no request and no HTTP.
 */
#ifndef VT_SERVE_RING_H
#define VT_SERVE_RING_H

#include <stddef.h>
#include <sys/types.h>

struct ring;

/* NULL: no memory.  The writer counts as at work. */
struct ring *ring_new(size_t size_bytes);
void ring_free(struct ring *r);

/* --- the writer ----------------------------------------------------------- */
enum ring_step {
	RING_GO,		/* go on */
	RING_WAKE,		/* wake the reader, then go on */
	RING_REST,		/* full, or ended: the writer is no longer at
				   work and must not touch a thing */
	RING_GONE		/* nobody reads any more: clean up */
};
/* Where to write, and how much: *len > 0 with RING_GO; else RING_REST: when
 * there is room ring_take asks for the writer; or RING_GONE. */
enum ring_step ring_room(struct ring *r, char **at, size_t *len);
/* So much was written there.  RING_GO, RING_WAKE. */
enum ring_step ring_put(struct ring *r, size_t len);
/* There will be no more; `failed`: what is in it is thrown away.  RING_REST;
 * RING_WAKE: wake the reader and rest; RING_GONE. */
enum ring_step ring_end(struct ring *r, int failed);

/* --- the reader ----------------------------------------------------------- */
/* Up to `len` bytes; 0: none yet; -1: the writer failed.  *wake: the writer is
 * at work again, and must be made so. */
ssize_t ring_take(struct ring *r, void *data, size_t len, int *wake);
/* 1: the reader waits now, and will be woken; 0: there is something. */
int ring_wait(struct ring *r);
/* It wants no more.  1: the writer rests, so the caller cleans up; 0: the
 * writer will be told RING_GONE. */
int ring_leave(struct ring *r);

#endif
