/* What the other files of a request need of the connection: how a request
 * waits, and on whose workers it goes on. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <strings.h>

#include "http_internal.h"

struct pool *
req_server_pool(const struct req *r)
{
	return r->priv->http->pool;
}

struct pool *
req_pool(const struct req *r)
{
	struct tierqueue *q = atomic_load(&r->priv->queue);

	return q != NULL ? tierqueue_pool(q) : r->priv->http->pool;
}

int
req_is_remote(const struct req *r)
{
	return atomic_load(&r->priv->queue) != NULL;
}

struct budget *
req_budget(const struct req *r)
{
	return r->priv->http->budget;
}

void
req_complain(const struct req *r, const char *fmt, ...)
{
	char text[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "vt-serve: %s %s: %s\n", r->id,
	    r->op != NULL ? r->op->name : r->method != NULL ? r->method : "-",
	    text);
}

int
req_socket_empty(const struct req *r)
{
	return !r->priv->more;
}

const char *
req_header(const struct req *r, const char *name)
{
	size_t i;

	/* Letters differ in the bit 0x20: most names part here. */
	for (i = 0; i < r->header_count; i++)
		if (((r->headers[i].name[0] ^ name[0]) & ~0x20) == 0 &&
		    strcasecmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	return NULL;
}

const char *
req_query(const struct req *r, const char *name)
{
	return vt_query_get(r->query, r->query_count, name);
}

const char *
req_trailer(const struct req *r, const char *name)
{
	return body_trailer(r, name);
}

/* --- waiting and going on ------------------------------------------------- */

/* Whether a function on this worker has passed its request on: it may not be
 * asked itself, for it may be over by then. */
static __thread int passed_on;

void
req_suspend(struct req *r)
{
	struct req_private *p = r->priv;

	if (p->suspended)
		return;
	p->suspended = 1;
	atomic_fetch_add(&p->http->suspended, 1);
	MHD_suspend_connection(p->conn);
}

void
req_wake(struct req *r)
{
	MHD_resume_connection(r->priv->conn);
}

/* A callback of the connection: it is awake. */
void
req_awake(struct req *r)
{
	struct req_private *p = r->priv;

	if (!p->suspended)
		return;
	p->suspended = 0;
	atomic_fetch_sub(&p->http->suspended, 1);
	atomic_fetch_add_explicit(&p->http->woken, 1, memory_order_relaxed);
}

void
req_run_here(struct req *r, void (*fn)(struct req *r))
{
	passed_on = 0;
	fn(r);
	if (!passed_on)
		req_wake(r);
	passed_on = 0;
}

struct req *
req_of_job(struct job *j)
{
	struct req_private *p = (struct req_private *)(void *)((char *)j -
	    offsetof(struct req_private, job));

	return &p->q->r;
}

static void
work_job(struct job *j)
{
	struct req *r = req_of_job(j);

	req_run_here(r, r->priv->fn);
}

/* To the workers of the request's tier, or the server's. */
static void
pass_on(struct req *r, void (*fn)(struct req *r))
{
	struct req_private *p = r->priv;

	if (!p->suspended)
		req_suspend(r);
	atomic_store(&p->wait, WAIT_NONE);
	p->fn = fn;
	p->worked = 1;
	p->job.run = work_job;
	passed_on = 1;
	pool_add(req_pool(r), &p->job);
}

void
req_work(struct req *r, void (*fn)(struct req *r))
{
	struct req_private *p = r->priv;

	if (!p->suspended && pool_length(p->http->pool) > QUEUE_MAX) {
		req_error(r, "SlowDown", NULL);
		return;
	}
	pass_on(r, fn);
}

/* Turn a request away from a tier; -1. */
static int
refuse(struct req *r, struct tierqueue *q, enum tierqueue_answer why,
    int64_t retry_ms)
{
	tierqueue_refused(q);
	if (why == TIERQUEUE_DOWN)
		req_later(r, "ServiceUnavailable", retry_ms);
	else
		req_later(r, "SlowDown", 1000);
	return -1;
}

/* From now on, for good, it works for that tier. */
static void
set_queue(struct req *r, struct tierqueue *q)
{
	struct tierqueue *before = atomic_exchange(&r->priv->queue, q);

	tierqueue_enter(q);
	if (before != NULL)
		tierqueue_leave(before);
	else
		atomic_fetch_add(&r->priv->http->at_tiers, 1);
}

int
req_enter_tier(struct req *r, const char *tier, uint64_t upload_bytes)
{
	struct req_private *p = r->priv;
	struct tierqueue *q = tierqueues_find(p->http->queues, tier);
	enum tierqueue_answer why;
	int64_t retry_ms;

	if (q == NULL || q == atomic_load(&p->queue))
		return 1;
	why = tierqueue_ask(q, upload_bytes > 0, &retry_ms);
	if (why != TIERQUEUE_OK)
		return refuse(r, q, why, retry_ms);
	if (upload_bytes > 0 && p->uploads == NULL) {
		p->uploads = tierqueue_uploads(q);
		p->turn.bytes = tierqueue_upload_bytes(q, upload_bytes);
	}
	set_queue(r, q);
	return 0;
}

void
req_work_tier(struct req *r, const char *tier, void (*fn)(struct req *r))
{
	if (tierqueues_find(r->priv->http->queues, tier) == NULL)
		req_work(r, fn);
	else if (req_enter_tier(r, tier, 0) >= 0)
		pass_on(r, fn);
}

void
req_move_tier(struct req *r, const char *tier)
{
	struct tierqueue *q = tierqueues_find(r->priv->http->queues, tier);

	if (q != NULL)
		set_queue(r, q);
}

void
req_async(struct req *r)
{
	struct req_private *p = r->priv;

	if (!p->suspended)
		req_suspend(r);
	passed_on = 1;
	if (atomic_exchange(&p->wait, WAIT_ASYNC) == WAIT_RESUMED) {
		atomic_store(&p->wait, WAIT_NONE);
		req_wake(r);
	}
}

void
req_resume(struct req *r)
{
	struct req_private *p = r->priv;
	int none = WAIT_NONE;

	/* Before its req_async: that will see it. */
	if (atomic_compare_exchange_strong(&p->wait, &none, WAIT_RESUMED))
		return;
	atomic_store(&p->wait, WAIT_NONE);
	req_wake(r);
}
