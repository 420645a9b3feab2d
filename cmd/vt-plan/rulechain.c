/*
 * Rules from batch to batch.  A bucket's rules come before its versions, but
 * threads have batches in hand that follow each other: one that meets a version
 * with rules waits until all before it have been read, and so needs a crew
 * that begins batches in their order.
 */
#include <pthread.h>
#include <stdlib.h>

#include "plan.h"

struct link {
	int is_told;
	const struct bucket_rules *last;	/* in the batch */
	const struct bucket_rules *before;	/* it, once that is known */
};

struct rule_chain {
	pthread_mutex_t lock;
	pthread_cond_t told;
	uint64_t known;		/* batches whose `before` is: up to this one */
	size_t count;
	struct link link[];
};

struct rule_chain *
rule_chain_new(size_t depth, const struct bucket_rules *last)
{
	struct rule_chain *c;

	/* one more than are in hand: what a batch is told of the last one must
	 * not be lost while that is still looked up */
	c = cli_alloc(sizeof(*c) + (depth + 1) * sizeof(c->link[0]));
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->told, NULL);
	c->count = depth + 1;
	c->link[0].before = last;
	return c;
}

void
rule_chain_free(struct rule_chain *c)
{
	pthread_cond_destroy(&c->told);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct link *
link_of(struct rule_chain *c, uint64_t batch)
{
	return &c->link[batch % c->count];
}

void
rule_chain_tell(struct rule_chain *c, uint64_t batch,
    const struct bucket_rules *last)
{
	struct link *k;

	pthread_mutex_lock(&c->lock);
	k = link_of(c, batch);
	k->is_told = 1;
	k->last = last;
	for (k = link_of(c, c->known); k->is_told; k = link_of(c, c->known)) {
		last = k->last != NULL ? k->last : k->before;
		k->is_told = 0;
		link_of(c, ++c->known)->before = last;
	}
	pthread_cond_broadcast(&c->told);
	pthread_mutex_unlock(&c->lock);
}

int
rule_chain_ask(struct rule_chain *c, uint64_t batch, int wait,
    const struct bucket_rules **out)
{
	int is_known;

	pthread_mutex_lock(&c->lock);
	while (wait && c->known < batch)
		pthread_cond_wait(&c->told, &c->lock);
	is_known = c->known >= batch;
	if (is_known)
		*out = link_of(c, batch)->before;
	pthread_mutex_unlock(&c->lock);
	return is_known;
}
