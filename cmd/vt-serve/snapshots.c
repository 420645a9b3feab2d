/* Snapshots of the catalog on a schedule: see snapshots.h. */
#include "snapshots.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/cli.h"
#include "libvt/work/snapshot.h"

#define RETRY_MS 60000		/* after one that failed */

struct snapshotter {
	struct server *s;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int stop;		/* (lock) */
	char told[sizeof(((struct vt_err *)0)->text)];
};

static int
stopping(void *ctx)
{
	struct snapshotter *p = ctx;
	int stop;

	pthread_mutex_lock(&p->lock);
	stop = p->stop;
	pthread_mutex_unlock(&p->lock);
	return stop;
}

static void
describe(struct snapshotter *p, struct vt_snapshot_options *o)
{
	const struct vt_config *c = p->s->config;

	memset(o, 0, sizeof(*o));
	o->catalog = p->s->catalog;
	o->tiers = p->s->tiers;
	o->config = c;
	o->clock = p->s->clock;
	o->tier = c->snapshots.tier;
	o->keep = c->snapshots.keep;
	o->stop = stopping;
	o->stop_ctx = p;
}

/* A tier that stays away is told once, not each minute. */
static void
tell_failure(struct snapshotter *p, const struct vt_err *err)
{
	if (err->code == VT_CANCELLED || strcmp(p->told, err->text) == 0)
		return;
	cli_warn_err(err, "no snapshot of the catalog was made");
	memcpy(p->told, err->text, sizeof(p->told));
}

/* Make one when it is time; how long until the next look. */
static int64_t
work(struct snapshotter *p)
{
	int64_t every_ms = p->s->config->snapshots.every_ms, left_ms;
	struct vt_snapshot_options o;
	struct vt_snapshot last;
	struct vt_err err;
	enum vt_code rc;

	describe(p, &o);
	rc = vt_snapshot_newest(&o, &last, &err);
	if (rc == VT_OK) {
		left_ms = every_ms - (vt_clock_now_us(p->s->clock) -
		    last.time_us) / 1000;
		/* one of the future is no reason to wait for it */
		if (left_ms > 0 && left_ms <= every_ms + 1000)
			return left_ms;
	}
	if (rc == VT_OK || rc == VT_ABSENT)
		rc = vt_snapshot_take(&o, &last, &err);
	if (rc == VT_OK) {
		p->told[0] = '\0';
		return every_ms;
	}
	tell_failure(p, &err);
	return RETRY_MS < every_ms ? RETRY_MS : every_ms;
}

static void *
run(void *arg)
{
	struct snapshotter *p = arg;
	struct timespec t;
	int64_t us;

	while (!stopping(p)) {
		us = vt_clock_mono_us() + work(p) * 1000;
		t.tv_sec = us / 1000000;
		t.tv_nsec = us % 1000000 * 1000;
		pthread_mutex_lock(&p->lock);
		while (!p->stop && vt_clock_mono_us() < us)
			pthread_cond_timedwait(&p->wake, &p->lock, &t);
		pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

static void
destroy(struct snapshotter *p)
{
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	free(p);
}

enum vt_code
snapshotter_start(struct server *s, struct snapshotter **out,
    struct vt_err *err)
{
	pthread_condattr_t attr;
	struct snapshotter *p;

	*out = NULL;
	if (s->config->snapshots.tier == NULL)
		return VT_OK;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	p->s = s;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	errno = pthread_create(&p->thread, NULL, run, p);
	if (errno != 0) {
		destroy(p);
		return vt_fail_errno(err, "cannot start a thread for "
		    "snapshots");
	}
	*out = p;
	return VT_OK;
}

void
snapshotter_stop(struct snapshotter *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = 1;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	destroy(p);
}

void
snapshotter_tell(const struct server *s)
{
	const struct vt_snapshot_schedule *c = &s->config->snapshots;
	char every[24];

	if (c->tier == NULL) {
		cli_warn("no snapshots of the catalog are made: who loses it "
		    "can salvage objects, and no more; see \"snapshots\" in "
		    "vaultaire.json(5)");
		return;
	}
	cli_warn("snapshots of the catalog go to tier '%s' every %s: when it "
	    "is lost, so is what was done since the last one, but for new "
	    "objects on the tiers", c->tier,
	    cli_human_seconds((double)c->every_ms / 1000, every));
}
