/* Workers and the memory for bodies: see pool.h. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "libvt/base/clock.h"

#include "pool.h"

/* Buffers kept for the next request: 8 MiB.  The rest goes back to the
 * system, so that a rush does not stay in memory for ever. */
#define SPARE_MAX 64
/* A job that waited this long starts another thread. */
#define LONG_US 50000

/* --- workers -------------------------------------------------------------- */

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *head, **tail;
	atomic_size_t length;
	unsigned idle;
	int stop;
	int eager;		/* threads start as jobs come */
	uint64_t ran;
	unsigned threads, max;
	pthread_t thread[];
};

static void *
work(void *arg)
{
	struct pool *p = arg;
	struct job *j;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (p->head == NULL && !p->stop) {
			p->idle++;
			pthread_cond_wait(&p->wake, &p->lock);
			p->idle--;
		}
		if (p->head == NULL)
			break;
		j = p->head;
		p->head = j->next;
		if (p->head == NULL)
			p->tail = &p->head;
		atomic_fetch_sub(&p->length, 1);
		pthread_mutex_unlock(&p->lock);
		j->run(j);
		pthread_mutex_lock(&p->lock);
		p->ran++;
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* One more thread; under the lock, or before there are others. */
static int
grow(struct pool *p)
{
	errno = pthread_create(&p->thread[p->threads], NULL, work, p);
	if (errno != 0)
		return -1;
	p->threads++;
	return 0;
}

enum vt_code
pool_start(unsigned threads, unsigned max, struct pool **out,
    struct vt_err *err)
{
	struct pool *p;

	*out = NULL;
	if (max < threads)
		max = threads;
	p = calloc(1, sizeof(*p) + max * sizeof(p->thread[0]));
	if (p == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for the workers");
	p->max = max;
	p->eager = threads == 0;
	p->tail = &p->head;
	if (pthread_mutex_init(&p->lock, NULL) != 0 ||
	    pthread_cond_init(&p->wake, NULL) != 0) {
		free(p);
		return vt_fail(err, VT_NOMEM, "cannot make a lock");
	}
	while (p->threads < threads) {
		if (grow(p) < 0) {
			vt_fail_errno(err, "cannot start a worker");
			pool_stop(p);
			return VT_NOMEM;
		}
	}
	*out = p;
	return VT_OK;
}

void
pool_add(struct pool *p, struct job *j)
{
	int wake;

	j->next = NULL;
	j->since_us = vt_clock_mono_us();
	pthread_mutex_lock(&p->lock);
	*p->tail = j;
	p->tail = &j->next;
	atomic_fetch_add(&p->length, 1);
	wake = p->idle > 0;
	/* Without the thread the job waits on: that is no failure. */
	if (p->threads < p->max && !p->stop && (p->eager ?
	    atomic_load(&p->length) > p->idle :
	    !wake && j->since_us - p->head->since_us > LONG_US))
		(void)grow(p);
	pthread_mutex_unlock(&p->lock);
	if (wake)
		pthread_cond_signal(&p->wake);
}

void
pool_tend(struct pool *p)
{
	int64_t now = vt_clock_mono_us();
	size_t n;

	pthread_mutex_lock(&p->lock);
	if (p->idle == 0 && p->head != NULL && !p->stop &&
	    now - p->head->since_us > LONG_US)
		for (n = atomic_load(&p->length); n > 0 &&
		    p->threads < p->max && grow(p) == 0; n--)
			continue;
	pthread_mutex_unlock(&p->lock);
}

size_t
pool_length(const struct pool *p)
{
	return atomic_load(&p->length);
}

int
pool_is_quiet(struct pool *p, uint64_t *ran)
{
	int quiet;

	pthread_mutex_lock(&p->lock);
	quiet = p->head == NULL && p->idle == p->threads;
	*ran += p->ran;
	pthread_mutex_unlock(&p->lock);
	return quiet;
}

void
pool_stop(struct pool *p)
{
	unsigned i;

	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = 1;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < p->threads; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* --- memory --------------------------------------------------------------- */

struct budget {
	pthread_mutex_t lock;
	uint64_t total, left;
	uint64_t halves;	/* of budget_try_half */
	uint64_t waiting;
	struct claim *head, **tail;
	struct iobuf *spare;
	unsigned spares;
};

struct budget *
budget_new(uint64_t bytes)
{
	struct budget *b;

	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return NULL;
	if (pthread_mutex_init(&b->lock, NULL) != 0) {
		free(b);
		return NULL;
	}
	b->total = b->left = bytes;
	b->tail = &b->head;
	return b;
}

static void
release(struct iobuf *buf)
{
	munmap(buf->data, IOBUF_SIZE);
	free(buf);
}

void
budget_free(struct budget *b)
{
	struct iobuf *next;

	if (b == NULL)
		return;
	for (; b->spare != NULL; b->spare = next) {
		next = b->spare->next;
		release(b->spare);
	}
	pthread_mutex_destroy(&b->lock);
	free(b);
}

int
budget_try(struct budget *b, uint64_t bytes)
{
	int taken;

	pthread_mutex_lock(&b->lock);
	taken = b->head == NULL && b->left >= bytes;
	if (taken)
		b->left -= bytes;
	pthread_mutex_unlock(&b->lock);
	return taken;
}

int
budget_try_half(struct budget *b, uint64_t bytes)
{
	int taken;

	pthread_mutex_lock(&b->lock);
	taken = b->head == NULL && b->left >= bytes &&
	    b->halves + bytes <= b->total / 2;
	if (taken) {
		b->left -= bytes;
		b->halves += bytes;
	}
	pthread_mutex_unlock(&b->lock);
	return taken;
}

void
budget_give_half(struct budget *b, uint64_t bytes)
{
	pthread_mutex_lock(&b->lock);
	b->halves -= bytes;
	pthread_mutex_unlock(&b->lock);
	budget_give(b, bytes);
}

int
budget_claim(struct budget *b, struct claim *c)
{
	int taken;

	c->next = NULL;
	c->since_us = vt_clock_mono_us();
	pthread_mutex_lock(&b->lock);
	taken = b->head == NULL && b->left >= c->bytes;
	if (taken) {
		b->left -= c->bytes;
	} else {
		*b->tail = c;
		b->tail = &c->next;
		b->waiting++;
	}
	pthread_mutex_unlock(&b->lock);
	return taken;
}

/* Take the first waiter off; under the lock. */
static struct claim *
shift(struct budget *b)
{
	struct claim *c = b->head;

	b->head = c->next;
	if (b->head == NULL)
		b->tail = &b->head;
	b->waiting--;
	return c;
}

void
budget_give(struct budget *b, uint64_t bytes)
{
	struct claim *c, *granted = NULL, **end = &granted;

	pthread_mutex_lock(&b->lock);
	b->left += bytes;
	/* Strictly in order: a large claim is not passed for ever. */
	while (b->head != NULL && b->left >= b->head->bytes) {
		c = shift(b);
		b->left -= c->bytes;
		c->next = NULL;
		*end = c;
		end = &c->next;
	}
	pthread_mutex_unlock(&b->lock);
	while (granted != NULL) {
		c = granted;
		granted = c->next;
		c->granted(c, 0);
	}
}

void
budget_expire(struct budget *b, int64_t before_us)
{
	struct claim *c, *gone = NULL, **end = &gone;

	pthread_mutex_lock(&b->lock);
	while (b->head != NULL && b->head->since_us < before_us) {
		c = shift(b);
		c->next = NULL;
		*end = c;
		end = &c->next;
	}
	pthread_mutex_unlock(&b->lock);
	while (gone != NULL) {
		c = gone;
		gone = c->next;
		c->granted(c, 1);
	}
	/* What waited behind a large claim may fit now. */
	budget_give(b, 0);
}

void
budget_stats(const struct budget *b, uint64_t *used, uint64_t *waiting)
{
	/* The lock is no part of what const promises. */
	pthread_mutex_t *lock = (pthread_mutex_t *)&b->lock;

	pthread_mutex_lock(lock);
	*used = b->total - b->left;
	*waiting = b->waiting;
	pthread_mutex_unlock(lock);
}

struct iobuf *
iobuf_new(struct budget *b)
{
	struct iobuf *buf;

	pthread_mutex_lock(&b->lock);
	buf = b->spare;
	if (buf != NULL) {
		b->spare = buf->next;
		b->spares--;
	}
	pthread_mutex_unlock(&b->lock);
	if (buf == NULL) {
		buf = malloc(sizeof(*buf));
		if (buf == NULL)
			return NULL;
		/* Not malloc, which would keep it in the heap of a thread. */
		buf->data = mmap(NULL, IOBUF_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (buf->data == MAP_FAILED) {
			free(buf);
			return NULL;
		}
	}
	buf->next = NULL;
	buf->len = 0;
	return buf;
}

void
iobuf_free(struct budget *b, struct iobuf *buf)
{
	int keep;

	if (buf == NULL)
		return;
	pthread_mutex_lock(&b->lock);
	keep = b->spares < SPARE_MAX;
	if (keep) {
		buf->next = b->spare;
		b->spare = buf;
		b->spares++;
	}
	pthread_mutex_unlock(&b->lock);
	if (!keep)
		release(buf);
}
