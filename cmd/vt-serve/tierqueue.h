/*
 * The workers of each tier on another machine: so many and no more (P8), so
 * that a tier that is slow, or never answers, holds only those who want its
 * bytes.  Beyond them a short queue; who finds that full, or the tier's
 * breaker open, is turned away at once.  Local tiers have none: theirs are the
 * server's workers.  All functions may be called from any thread.
 */
#ifndef VT_SERVE_TIERQUEUE_H
#define VT_SERVE_TIERQUEUE_H

#include "http.h"
#include "pool.h"

#define TIERQUEUE_MAX 64	/* jobs that wait for one tier's workers, and
				   uploads that wait to begin */
#define TIERQUEUE_TIMES 16	/* requests in hand for each worker: most of
				   them wait for their peers */

/* Memory that the uploads to one tier take together, beside their buffers: a
 * driver keeps up to three parts of each. */
#define TIERQUEUE_BYTES (UINT64_C(256) << 20)
#define TIERQUEUE_PARTS 3

struct tierqueue;
struct tierqueues;

/*
 * No thread starts before there is work.  `budget_bytes`: of it the uploads to
 * one tier may hold a quarter in buffers.
 */
enum vt_code tierqueues_start(const struct vt_config *config,
    const struct vt_tiers *tiers, uint64_t budget_bytes,
    struct tierqueues **out, struct vt_err *err) VT_MUST_CHECK;
/* Runs what is queued, then ends the threads.  NULL is accepted. */
void tierqueues_stop(struct tierqueues *all);
/* As pool_is_quiet, of all of them. */
int tierqueues_are_quiet(struct tierqueues *all, uint64_t *ran);
/* Now and then: for jobs that wait though no other comes, and to give up
 * uploads that have waited since before this monotonic time. */
void tierqueues_tend(struct tierqueues *all, int64_t before_us);
/* Borrowed; NULL: a local tier, or none. */
struct tierqueue *tierqueues_find(const struct tierqueues *all,
    const char *tier);
struct pool *tierqueue_pool(const struct tierqueue *q);

enum tierqueue_answer {
	TIERQUEUE_OK,
	TIERQUEUE_FULL,		/* it is busy: later */
	TIERQUEUE_DOWN		/* it does not work: after *retry_ms */
};
/* May one more come, to send a body (`upload`) or not?  Takes nothing: two who
 * ask at the same time may both come. */
enum tierqueue_answer tierqueue_ask(const struct tierqueue *q, int upload,
    int64_t *retry_ms);
/* A request is in hand for the tier, until it leaves. */
void tierqueue_enter(struct tierqueue *q);
void tierqueue_leave(struct tierqueue *q);
/*
 * A streamed upload has some bytes of this budget from its first byte to its
 * end, and others wait for them, without a worker: how many for one of
 * `size_bytes` (UINT64_MAX if unknown).  So there are never more of them than
 * workers, nor more memory than TIERQUEUE_BYTES, and those of slow peers leave
 * workers to others.
 */
struct budget *tierqueue_uploads(const struct tierqueue *q);
uint64_t tierqueue_upload_bytes(const struct tierqueue *q,
    uint64_t size_bytes);

/* The figures of the i-th; 0: there are not so many. */
int tierqueues_stats(const struct tierqueues *all, size_t i,
    struct tierqueue_stats *out);
void tierqueue_refused(struct tierqueue *q);

#endif
