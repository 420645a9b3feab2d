/*
 * What requests share: worker threads, where blocking is allowed, and the
 * memory for bodies, one budget for the whole server (P9).  Knows no request
 * and no HTTP.  All functions may be called from any thread.
 */
#ifndef VT_SERVE_POOL_H
#define VT_SERVE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

/* --- workers -------------------------------------------------------------- */

/* Lives inside what it works on, so that queueing cannot fail. */
struct job {
	struct job *next;
	int64_t since_us;		/* monotonic, in the queue */
	void (*run)(struct job *j);	/* may free or queue `j` again */
};

struct pool;
/*
 * `threads` at once, and more, up to `max`, when jobs wait long because all
 * hang on something slow.  With `threads` 0 they start as jobs come that find
 * none idle.
 */
enum vt_code pool_start(unsigned threads, unsigned max, struct pool **out,
    struct vt_err *err) VT_MUST_CHECK;
void pool_add(struct pool *p, struct job *j);
/* Now and then, for jobs that wait though no other comes. */
void pool_tend(struct pool *p);
/* Jobs that wait for a thread. */
size_t pool_length(const struct pool *p);
/* 1: nothing runs or waits here; *ran grows by how many jobs ever ran. */
int pool_is_quiet(struct pool *p, uint64_t *ran);
/* Runs what is queued, then ends the threads.  NULL is accepted. */
void pool_stop(struct pool *p);

/* --- memory --------------------------------------------------------------- */

/* A wait for bytes of the budget, in order of arrival. */
struct claim {
	struct claim *next;
	uint64_t bytes;
	int64_t since_us;	/* monotonic */
	/* Called once, without a lock: the bytes are the caller's now, or
	 * (`expired`) the wait was given up. */
	void (*granted)(struct claim *c, int expired);
	void *ctx;
};

struct budget;
struct budget *budget_new(uint64_t bytes);
void budget_free(struct budget *b);
/* 1: taken; 0: there is not enough, or others wait already. */
int budget_try(struct budget *b, uint64_t bytes);
/* 1: taken; 0: queued, and `c` belongs to the budget until c->granted. */
int budget_claim(struct budget *b, struct claim *c);
void budget_give(struct budget *b, uint64_t bytes);
/* Give up waits that began before this monotonic time. */
void budget_expire(struct budget *b, int64_t before_us);
/*
 * The same for what a peer may hold as long as it likes, such as a block of an
 * answer that it reads slowly: all of these have one half of the budget, and
 * uploads the other.
 */
int budget_try_half(struct budget *b, uint64_t bytes);
void budget_give_half(struct budget *b, uint64_t bytes);
/* Bytes taken now, and how many wait. */
void budget_stats(const struct budget *b, uint64_t *used, uint64_t *waiting);

/* A buffer for bytes on their way to a worker; not counted by itself. */
#define IOBUF_SIZE ((size_t)128 * 1024)
struct iobuf {
	struct iobuf *next;
	size_t len;
	char *data;		/* IOBUF_SIZE bytes */
};
/* NULL: no memory. */
struct iobuf *iobuf_new(struct budget *b);
void iobuf_free(struct budget *b, struct iobuf *buf);

#endif
