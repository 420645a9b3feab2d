/* Work done ahead, taken in order: see crew.h. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "libvt/base/crew.h"

struct slot {
	void *item;
	int is_done;
};

struct vt_crew {
	void (*work)(void *ctx, void *item);
	void *ctx;
	pthread_mutex_t lock;
	pthread_cond_t given, done;
	int stopping;
	/* a ring: given and not taken are taken..given, not begun begun.. */
	struct slot *slot;
	size_t depth;
	unsigned long long given_count, begun, taken;
	pthread_t *thread;
	unsigned threads;
};

static struct slot *
slot_of(struct vt_crew *c, unsigned long long number)
{
	return &c->slot[number % c->depth];
}

static void *
run(void *arg)
{
	struct vt_crew *c = arg;
	struct slot *s;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		while (!c->stopping && c->begun == c->given_count)
			pthread_cond_wait(&c->given, &c->lock);
		if (c->stopping)
			break;
		s = slot_of(c, c->begun++);
		pthread_mutex_unlock(&c->lock);
		c->work(c->ctx, s->item);
		pthread_mutex_lock(&c->lock);
		s->is_done = 1;
		pthread_cond_signal(&c->done);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

enum vt_code
vt_crew_start(unsigned threads, size_t depth,
    void (*work)(void *ctx, void *item), void *ctx, struct vt_crew **out,
    struct vt_err *err)
{
	struct vt_crew *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (c == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for threads");
	c->work = work;
	c->ctx = ctx;
	c->depth = depth;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->given, NULL);
	pthread_cond_init(&c->done, NULL);
	c->slot = calloc(depth, sizeof(*c->slot));
	c->thread = calloc(threads + 1, sizeof(*c->thread));
	if (c->slot == NULL || c->thread == NULL) {
		vt_crew_stop(c);
		return vt_fail(err, VT_NOMEM, "no memory for threads");
	}
	for (; c->threads < threads; c->threads++) {
		errno = pthread_create(&c->thread[c->threads], NULL, run, c);
		if (errno != 0) {
			(void)vt_fail_errno(err, "cannot start a thread");
			vt_crew_stop(c);
			return VT_BUSY;
		}
	}
	*out = c;
	return VT_OK;
}

void
vt_crew_stop(struct vt_crew *c)
{
	unsigned i;

	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = 1;
	pthread_cond_broadcast(&c->given);
	pthread_mutex_unlock(&c->lock);
	for (i = 0; i < c->threads; i++)
		pthread_join(c->thread[i], NULL);
	pthread_cond_destroy(&c->done);
	pthread_cond_destroy(&c->given);
	pthread_mutex_destroy(&c->lock);
	free(c->slot);
	free(c->thread);
	free(c);
}

size_t
vt_crew_pending(const struct vt_crew *c)
{
	return (size_t)(c->given_count - c->taken);
}

void
vt_crew_give(struct vt_crew *c, void *item)
{
	struct slot *s;

	assert(vt_crew_pending(c) < c->depth);
	pthread_mutex_lock(&c->lock);
	s = slot_of(c, c->given_count);
	s->item = item;
	s->is_done = 0;
	c->given_count++;
	pthread_cond_signal(&c->given);
	pthread_mutex_unlock(&c->lock);
}

void *
vt_crew_take(struct vt_crew *c)
{
	struct slot *s;

	if (c->taken == c->given_count)
		return NULL;
	s = slot_of(c, c->taken);
	if (c->threads == 0) {
		c->begun++;
		c->work(c->ctx, s->item);
	} else {
		pthread_mutex_lock(&c->lock);
		while (!s->is_done)
			pthread_cond_wait(&c->done, &c->lock);
		pthread_mutex_unlock(&c->lock);
	}
	c->taken++;
	return s->item;
}
