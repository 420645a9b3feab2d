/* Bytes from one thread to another: see ring.h. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ring.h"

struct ring {
	pthread_mutex_t lock;
	size_t size, at, len;	/* `len` bytes from `at` on */
	int working;		/* the writer */
	int waiting;		/* the reader */
	int ended, failed, gone;
	char *data;
};

struct ring *
ring_new(size_t size_bytes)
{
	struct ring *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	/* Not malloc, which would keep it in the heap of a thread. */
	r->data = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r->data == MAP_FAILED || pthread_mutex_init(&r->lock, NULL) != 0) {
		if (r->data != MAP_FAILED)
			munmap(r->data, size_bytes);
		free(r);
		return NULL;
	}
	r->size = size_bytes;
	r->working = 1;
	return r;
}

void
ring_free(struct ring *r)
{
	if (r == NULL)
		return;
	pthread_mutex_destroy(&r->lock);
	munmap(r->data, r->size);
	free(r);
}

enum ring_step
ring_room(struct ring *r, char **at, size_t *len)
{
	enum ring_step step = RING_GO;
	size_t end;

	pthread_mutex_lock(&r->lock);
	end = (r->at + r->len) % r->size;
	*at = r->data + end;
	*len = r->size - r->len;
	if (*len > r->size - end)
		*len = r->size - end;
	if (r->gone)
		step = RING_GONE;
	else if (*len == 0) {
		r->working = 0;
		step = RING_REST;
	}
	pthread_mutex_unlock(&r->lock);
	return step;
}

/* Under the lock: does the reader have to be woken? */
static int
must_wake(struct ring *r)
{
	int wake = r->waiting;

	r->waiting = 0;
	return wake;
}

enum ring_step
ring_put(struct ring *r, size_t len)
{
	int wake;

	pthread_mutex_lock(&r->lock);
	r->len += len;
	wake = must_wake(r);
	pthread_mutex_unlock(&r->lock);
	return wake ? RING_WAKE : RING_GO;
}

enum ring_step
ring_end(struct ring *r, int failed)
{
	enum ring_step step;

	pthread_mutex_lock(&r->lock);
	r->ended = 1;
	r->failed = failed;
	if (failed)
		r->len = 0;
	/* who is told that nobody reads is still at work, and cleans up */
	r->working = r->gone;
	step = r->gone ? RING_GONE : must_wake(r) ? RING_WAKE : RING_REST;
	pthread_mutex_unlock(&r->lock);
	return step;
}

ssize_t
ring_take(struct ring *r, void *data, size_t len, int *wake)
{
	ssize_t n;

	*wake = 0;
	pthread_mutex_lock(&r->lock);
	if (len > r->len)
		len = r->len;
	if (len > r->size - r->at)
		len = r->size - r->at;
	memcpy(data, r->data + r->at, len);
	r->at = (r->at + len) % r->size;
	r->len -= len;
	n = len > 0 ? (ssize_t)len : r->ended ? -1 : 0;
	/* Not for each byte that comes free. */
	if (!r->working && !r->ended && r->len <= r->size / 2)
		*wake = r->working = 1;
	pthread_mutex_unlock(&r->lock);
	return n;
}

int
ring_wait(struct ring *r)
{
	int waits;

	pthread_mutex_lock(&r->lock);
	waits = r->len == 0 && !r->ended;
	r->waiting = waits;
	pthread_mutex_unlock(&r->lock);
	return waits;
}

int
ring_leave(struct ring *r)
{
	int resting;

	pthread_mutex_lock(&r->lock);
	r->gone = 1;
	resting = !r->working;
	pthread_mutex_unlock(&r->lock);
	return resting;
}
