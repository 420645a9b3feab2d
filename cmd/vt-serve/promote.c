/* Bringing objects back: see promote.h. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/work/cost.h"
#include "libvt/work/migrate.h"
#include "libvt/work/promote.h"

#include "promote.h"

#define RENT_SLOTS 65536
#define QUEUE_MAX 256		/* more are counted anew by later reads */
#define DAY_US (86400.0 * 1e6)

struct wish {
	char *bucket, *key;
	size_t key_len;
	int64_t copy_id;
	struct wish *next;
};

struct promoter {
	struct server *s;
	struct vt_prices *prices;
	struct vt_cost_model model;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct vt_rent *rent;
	struct wish *head, **tail;
	unsigned queued;
	int stop;
};

static void
wish_free(struct wish *w)
{
	free(w->bucket);
	free(w->key);
	free(w);
}

void
promoter_note(struct promoter *p, const struct vt_access *a)
{
	struct vt_cost cost;
	struct wish *w;
	int k;

	if (p == NULL || a->tier == NULL || a->copy_id < 0 ||
	    a->bytes_out <= 0 || a->size <= 0 || a->bucket == NULL)
		return;
	k = vt_cost_model_tier(&p->model, a->tier);
	if (k <= 0)
		return;
	/* P6: not to where policies do not let it lie */
	if (!vt_place_allows(vt_places_find(p->s->config->places, a->bucket,
	    a->key, a->key_len), 0))
		return;
	vt_cost_of(&p->model, (uint64_t)a->size, &cost);
	pthread_mutex_lock(&p->lock);
	/* What leaving early costs is weighed by the thread, who knows when
	 * the copy came. */
	if (vt_rent_read(p->rent, &cost, (size_t)k, a->copy_id,
	    (double)a->time_us / DAY_US, (double)a->bytes_out, 0) &&
	    p->queued < QUEUE_MAX) {
		w = calloc(1, sizeof(*w));
		if (w != NULL) {
			w->bucket = strdup(a->bucket);
			w->key = malloc(a->key_len + 1);
			w->key_len = a->key_len;
			w->copy_id = a->copy_id;
			if (w->bucket == NULL || w->key == NULL) {
				wish_free(w);
			} else {
				memcpy(w->key, a->key, a->key_len);
				w->key[a->key_len] = '\0';
				*p->tail = w;
				p->tail = &w->next;
				p->queued++;
				pthread_cond_signal(&p->wake);
			}
		}
	}
	pthread_mutex_unlock(&p->lock);
}

static int
keep_going(void *ctx, size_t bytes)
{
	struct promoter *p = ctx;
	int stop;

	(void)bytes;
	pthread_mutex_lock(&p->lock);
	stop = p->stop;
	pthread_mutex_unlock(&p->lock);
	return stop;
}

/* Log the move: not heat, but bill. */
static void
log_move(struct promoter *p, const struct vt_move *m,
    const struct vt_move_result *res, enum vt_code rc, int64_t start_us)
{
	struct vt_access a;

	memset(&a, 0, sizeof(a));
	a.time_us = start_us;
	a.node = p->s->config->node;
	a.actor = "migrate";
	a.op = "Move";
	a.bucket = m->bucket;
	a.key = m->key;
	a.key_len = m->key_len;
	a.version = m->version;
	a.source = m->from;
	a.tier = m->to;
	a.error = rc != VT_OK ? vt_code_name(rc) : NULL;
	a.range_first = a.range_length = a.ttfb_us = -1;
	a.size = (int64_t)m->size_bytes;
	a.copy_id = res->copy_id != 0 ? res->copy_id : -1;
	a.backend_bytes = (int64_t)res->bytes;
	a.backend_requests = (int64_t)res->backend_requests;
	a.total_us = vt_clock_now_us(p->s->clock) - start_us;
	vt_accesslog_write(p->s->log, &a);
}

/*
 * Carry a wish out, if it is still true.  The version is the current one of
 * its key: an older one that is read often is left to the plan.
 */
static void
bring_back(struct promoter *p, const struct wish *w)
{
	struct vt_migrate_options o;
	struct vt_move_result res;
	struct vt_arena *a = vt_arena_new(64 << 20);
	struct vt_bucket b;
	struct vt_version *v;
	struct vt_cost cost;
	struct vt_move m;
	struct vt_err err;
	int64_t now_us = vt_clock_now_us(p->s->clock);
	double early;
	size_t i;
	int k, again;

	if (a == NULL || vt_catalog_bucket(p->s->catalog, a, w->bucket, &b,
	    &err) != VT_OK || vt_catalog_lookup(p->s->catalog, a, b.id,
	    w->key, w->key_len, NULL, 0, &v, &err) != VT_OK)
		goto out;
	for (i = 0; i < v->copy_count && v->copies[i].id != w->copy_id; i++)
		;
	if (i == v->copy_count || v->pin[0] != '\0')
		goto out;
	k = vt_cost_model_tier(&p->model, v->copies[i].tier);
	if (k <= 0)
		goto out;
	vt_cost_of(&p->model, v->size_bytes, &cost);
	early = vt_cost_early(&cost, (size_t)k,
	    (double)(now_us - v->copies[i].created_us) / DAY_US);
	if (early > 0) {
		/*
		 * A minimum is still due: the rent paid so far, which was the
		 * price of the move, is kept; more must be paid first.
		 */
		pthread_mutex_lock(&p->lock);
		again = vt_rent_early(p->rent, &cost, (size_t)k, w->copy_id,
		    early);
		pthread_mutex_unlock(&p->lock);
		if (!again)
			goto out;
	}
	memset(&m, 0, sizeof(m));
	m.plan = m.prices = m.reason = "";
	m.bucket = w->bucket;
	m.key = v->key;
	m.key_len = v->key_len;
	m.version = v->version_id;
	m.seq = v->seq;
	m.generation = v->generation;
	m.bucket_generation = b.generation;
	m.copy = w->copy_id;
	m.from = v->copies[i].tier;
	m.to = p->s->config->tier[0].name;
	m.size_bytes = v->size_bytes;
	memset(&o, 0, sizeof(o));
	o.catalog = p->s->catalog;
	o.tiers = p->s->tiers;
	o.config = p->s->config;
	o.clock = p->s->clock;
	o.grace_ms = p->s->config->grace_ms;
	o.pace = keep_going;
	o.pace_ctx = p;
	/* A refusal is no fault: the store has changed meanwhile. */
	err.code = vt_migrate_move(&o, &m, &res, &err);
	if (res.status != VT_MOVE_SKIPPED && res.status != VT_MOVE_REFUSED)
		log_move(p, &m, &res, err.code, now_us);
out:
	vt_arena_free(a);
}

static void *
run(void *arg)
{
	struct promoter *p = arg;
	struct wish *w;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		w = p->head;
		if (w == NULL) {
			pthread_cond_wait(&p->wake, &p->lock);
			continue;
		}
		p->head = w->next;
		if (p->head == NULL)
			p->tail = &p->head;
		p->queued--;
		pthread_mutex_unlock(&p->lock);
		bring_back(p, w);
		wish_free(w);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void
destroy(struct promoter *p)
{
	struct wish *w;

	while ((w = p->head) != NULL) {
		p->head = w->next;
		wish_free(w);
	}
	vt_rent_free(p->rent);
	vt_prices_free(p->prices);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	free(p);
}

enum vt_code
promoter_start(struct server *s, struct promoter **out, struct vt_err *err)
{
	struct promoter *p;
	enum vt_code rc;

	*out = NULL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	p->s = s;
	p->tail = &p->head;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	p->rent = vt_rent_new(RENT_SLOTS);
	rc = p->rent == NULL ? vt_fail(err, VT_NOMEM, "out of memory") :
	    vt_prices_load(s->config->price_file, &p->prices, err);
	if (rc == VT_OK)
		rc = vt_cost_model_config(&p->model, p->prices, s->config,
		    err);
	if (rc == VT_OK && pthread_create(&p->thread, NULL, run, p) != 0)
		rc = vt_fail(err, VT_NOMEM, "cannot start a thread");
	if (rc != VT_OK) {
		destroy(p);
		return rc;
	}
	*out = p;
	return VT_OK;
}

void
promoter_stop(struct promoter *p)
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
