/* What some commands share: items that threads work on. */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/clock.h"
#include "libvt/base/jsonl.h"

#include "cmd/cli.h"

#define QUEUE_MAX 1024		/* items found and not yet begun */

/* Begin the first of the queue.  Called and returns locked. */
static void
begin(struct cli_work *w)
{
	struct cli_item *it = w->first;

	w->first = it->next;
	if (w->first == NULL)
		w->last = &w->first;
	w->queued--;
	w->beginning++;
	pthread_cond_signal(&w->room);
	pthread_mutex_unlock(&w->lock);
	if (cli_stopping())
		w->cancel(it);
	else
		w->begin(it);
	pthread_mutex_lock(&w->lock);
	w->beginning--;
	pthread_cond_broadcast(&w->todo);
}

static void *
worker(void *arg)
{
	struct cli_work *w = arg;
	struct cli_open *o;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		for (o = w->active; o != NULL; o = o->next)
			if (w->has_part(o) || w->is_over(o))
				break;
		if (o != NULL) {
			if (w->has_part(o))
				w->do_part(o);
			else
				w->end(o);
			continue;
		}
		if (w->first != NULL) {
			begin(w);
			continue;
		}
		if (w->closed && w->active == NULL && w->beginning == 0)
			break;
		pthread_cond_wait(&w->todo, &w->lock);
	}
	pthread_cond_broadcast(&w->todo);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

void
cli_work_start(struct cli_work *w, unsigned jobs)
{
	sigset_t all, old;
	int n = 0;

	w->thread = cli_alloc(jobs * sizeof(*w->thread));
	/* Signals reach main alone: it may be waiting in poll. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (w->threads < jobs) {
		n = pthread_create(&w->thread[w->threads], NULL, worker, w);
		if (n != 0)
			break;
		w->threads++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (w->threads == 0)
		cli_die(CLI_FAILED, "cannot start a thread: %s", strerror(n));
}

void
cli_work_finish(struct cli_work *w)
{
	unsigned i;

	pthread_mutex_lock(&w->lock);
	w->closed = 1;
	pthread_cond_broadcast(&w->todo);
	pthread_mutex_unlock(&w->lock);
	for (i = 0; i < w->threads; i++)
		pthread_join(w->thread[i], NULL);
	free(w->thread);
}

void
cli_work_add(struct cli_work *w, struct cli_item *it)
{
	pthread_mutex_lock(&w->lock);
	while (w->queued >= QUEUE_MAX && !cli_stopping())
		pthread_cond_wait(&w->room, &w->lock);
	*w->last = it;
	w->last = &it->next;
	w->queued++;
	pthread_cond_signal(&w->todo);
	pthread_mutex_unlock(&w->lock);
}

void
cli_work_open(struct cli_work *w, struct cli_open *o)
{
	pthread_mutex_lock(&w->lock);
	o->next = w->active;
	w->active = o;
	pthread_cond_broadcast(&w->todo);
	pthread_mutex_unlock(&w->lock);
}

void
cli_work_remove(struct cli_work *w, struct cli_open *o)
{
	struct cli_open **pp;

	for (pp = &w->active; *pp != o; pp = &(*pp)->next)
		assert(*pp != NULL);
	*pp = o->next;
}

void
cli_work_count(struct cli_work *w, enum vt_code rc)
{
	pthread_mutex_lock(&w->lock);
	cli_tally_add(&w->tally, rc);
	pthread_mutex_unlock(&w->lock);
}

void
cli_work_line(struct vt_buf *b, int64_t start_us, enum vt_code rc,
    const struct vt_err *err)
{
	if (start_us > 0)
		vt_json_u64(b, "ms",
		    (uint64_t)(vt_clock_mono_us() - start_us) / 1000);
	if (rc != VT_OK) {
		vt_json_str(b, "code", vt_code_name(rc));
		vt_json_str(b, "error", err->text);
	}
	vt_json_end(b);
	/* A lost line is told by cli_finish; the copy goes on. */
	(void)!cli_out_buf(b);
}
