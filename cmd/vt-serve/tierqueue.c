/* The workers of tiers on other machines: see tierqueue.h. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tierqueue.h"

struct tierqueue {
	const char *tier;
	struct vt_backend *backend;
	struct pool *pool;
	struct budget *uploads;
	uint64_t least_bytes, most_bytes;	/* that one of these takes */
	unsigned in_hand_max;
	atomic_uint in_hand;
	atomic_uint_fast64_t refused;
};

struct tierqueues {
	size_t count;
	struct tierqueue queue[VT_TIERS_MAX];
};

static enum vt_code
start(struct tierqueue *q, const struct vt_tier *t, struct vt_backend *b,
    uint64_t budget_bytes, struct vt_err *err)
{
	/* an upload has two buffers, and so have those that wait */
	uint64_t uploads = budget_bytes / 4 / (2 * IOBUF_SIZE);

	uploads = uploads > 2 * TIERQUEUE_MAX ? uploads - TIERQUEUE_MAX :
	    uploads / 2;
	q->tier = t->name;
	q->backend = b;
	q->in_hand_max = t->connections * TIERQUEUE_TIMES;
	if (uploads > t->connections)
		uploads = t->connections;
	q->least_bytes = TIERQUEUE_BYTES / (uploads > 0 ? uploads : 1);
	q->most_bytes = t->part_bytes * TIERQUEUE_PARTS;
	if (q->most_bytes > TIERQUEUE_BYTES)
		q->most_bytes = TIERQUEUE_BYTES;
	q->uploads = budget_new(TIERQUEUE_BYTES);
	if (q->uploads == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for the workers");
	return pool_start(0, t->connections, &q->pool, err);
}

enum vt_code
tierqueues_start(const struct vt_config *config, const struct vt_tiers *tiers,
    uint64_t budget_bytes, struct tierqueues **out, struct vt_err *err)
{
	struct tierqueues *all;
	struct vt_backend *b;
	enum vt_code rc = VT_OK;
	size_t i;

	*out = NULL;
	all = calloc(1, sizeof(*all));
	if (all == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for the workers");
	for (i = 0; i < config->tier_count && rc == VT_OK; i++) {
		b = vt_tiers_backend(tiers, config->tier[i].name);
		if (b == NULL || !vt_backend_caps(b)->remote)
			continue;
		rc = start(&all->queue[all->count++], &config->tier[i], b,
		    budget_bytes, err);
	}
	if (rc != VT_OK) {
		tierqueues_stop(all);
		return rc;
	}
	*out = all;
	return VT_OK;
}

void
tierqueues_stop(struct tierqueues *all)
{
	if (all == NULL)
		return;
	for (size_t i = 0; i < all->count; i++) {
		pool_stop(all->queue[i].pool);
		budget_free(all->queue[i].uploads);
	}
	free(all);
}

int
tierqueues_are_quiet(struct tierqueues *all, uint64_t *ran)
{
	int quiet = 1;

	for (size_t i = 0; i < all->count; i++)
		quiet &= pool_is_quiet(all->queue[i].pool, ran);
	return quiet;
}

void
tierqueues_tend(struct tierqueues *all, int64_t before_us)
{
	for (size_t i = 0; i < all->count; i++) {
		pool_tend(all->queue[i].pool);
		budget_expire(all->queue[i].uploads, before_us);
	}
}

struct tierqueue *
tierqueues_find(const struct tierqueues *all, const char *tier)
{
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->queue[i].tier, tier) == 0)
			return (struct tierqueue *)&all->queue[i];
	return NULL;
}

struct pool *
tierqueue_pool(const struct tierqueue *q)
{
	return q->pool;
}

enum tierqueue_answer
tierqueue_ask(const struct tierqueue *q, int upload, int64_t *retry_ms)
{
	struct vt_backend_health h;
	uint64_t used, waiting = 0;

	vt_backend_health(q->backend, &h);
	*retry_ms = h.is_open ? h.retry_ms : 0;
	/* somebody must try whether it is back: the guard lets one through */
	if (h.is_open && h.retry_ms > 0)
		return TIERQUEUE_DOWN;
	if (upload)
		budget_stats(q->uploads, &used, &waiting);
	return waiting >= TIERQUEUE_MAX ||
	    pool_length(q->pool) >= TIERQUEUE_MAX ||
	    atomic_load(&q->in_hand) >= q->in_hand_max ? TIERQUEUE_FULL :
	    TIERQUEUE_OK;
}

void
tierqueue_enter(struct tierqueue *q)
{
	atomic_fetch_add(&q->in_hand, 1);
}

void
tierqueue_leave(struct tierqueue *q)
{
	atomic_fetch_sub(&q->in_hand, 1);
}

struct budget *
tierqueue_uploads(const struct tierqueue *q)
{
	return q->uploads;
}

uint64_t
tierqueue_upload_bytes(const struct tierqueue *q, uint64_t size_bytes)
{
	uint64_t n = size_bytes < q->most_bytes ? size_bytes : q->most_bytes;

	return n > q->least_bytes ? n : q->least_bytes;
}

void
tierqueue_refused(struct tierqueue *q)
{
	atomic_fetch_add(&q->refused, 1);
}

int
tierqueues_stats(const struct tierqueues *all, size_t i,
    struct tierqueue_stats *out)
{
	const struct tierqueue *q;

	if (i >= all->count)
		return 0;
	q = &all->queue[i];
	out->tier = q->tier;
	out->queued = pool_length(q->pool);
	out->in_hand = atomic_load(&q->in_hand);
	budget_stats(q->uploads, &out->upload_bytes, &out->uploads_waiting);
	out->refused = atomic_load(&q->refused);
	return 1;
}
