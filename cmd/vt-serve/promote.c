/* Bringing objects back: see promote.h. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/work/cost.h"
#include "libvt/work/migrate.h"
#include "libvt/work/promote.h"

#include "promote.h"
#include "readthrough.h"

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
	struct tee *tees, **tees_tail;	/* read whole, to be made copies */
	unsigned tee_count;		/* these, and those being read */
	int stop;
};

static void
wish_free(struct wish *w)
{
	free(w->bucket);
	free(w->key);
	free(w);
}

/* What reads of it cost, and the tier in the model that it lies on; 0: none
 * that is left. */
static size_t
cost_of(const struct promoter *p, const char *bucket, const char *key,
    size_t key_len, const char *tier, uint64_t size, struct vt_cost *cost)
{
	int k = vt_cost_model_tier(&p->model, tier);

	if (k <= 0)
		return 0;
	/* P6: not to where policies do not let it lie */
	if (!vt_place_allows(vt_places_find(p->s->config->places, bucket, key,
	    key_len), 0))
		return 0;
	vt_cost_of(&p->model, size, cost);
	return (size_t)k;
}

/* Dollars still due for the minimum duration of a copy. */
static double
early_of(const struct vt_cost *cost, size_t k, const struct vt_copy *copy,
    int64_t now_us)
{
	return vt_cost_early(cost, k, (double)(now_us - copy->created_us) /
	    DAY_US);
}

/* Under the lock. */
static void
wish_for(struct promoter *p, const struct vt_access *a)
{
	struct wish *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return;
	w->bucket = strdup(a->bucket);
	w->key = malloc(a->key_len + 1);
	w->key_len = a->key_len;
	w->copy_id = a->copy_id;
	if (w->bucket == NULL || w->key == NULL) {
		wish_free(w);
		return;
	}
	memcpy(w->key, a->key, a->key_len);
	w->key[a->key_len] = '\0';
	*p->tail = w;
	p->tail = &w->next;
	p->queued++;
	pthread_cond_signal(&p->wake);
}

void
promoter_note(struct promoter *p, const struct vt_access *a, int comes)
{
	struct vt_cost cost;
	size_t k;

	if (p == NULL || a->tier == NULL || a->copy_id < 0 ||
	    a->bytes_out <= 0 || a->size <= 0 || a->bucket == NULL)
		return;
	k = cost_of(p, a->bucket, a->key, a->key_len, a->tier,
	    (uint64_t)a->size, &cost);
	if (k == 0)
		return;
	pthread_mutex_lock(&p->lock);
	/* What leaving early costs is weighed by the thread, who knows when
	 * the copy came. */
	if (vt_rent_read(p->rent, &cost, k, a->copy_id,
	    (double)a->time_us / DAY_US, (double)a->bytes_out, 0) &&
	    !comes && p->queued < QUEUE_MAX)
		wish_for(p, a);
	pthread_mutex_unlock(&p->lock);
}

/* --- read-through --------------------------------------------------------- */

int
promoter_pays(struct promoter *p, const char *bucket,
    const struct vt_version *v, const struct vt_copy *copy)
{
	int64_t now_us = vt_clock_now_us(p->s->clock);
	struct vt_cost cost;
	size_t k;
	int pays;

	k = cost_of(p, bucket, v->key, v->key_len, copy->tier, v->size_bytes,
	    &cost);
	if (k == 0)
		return 0;
	pthread_mutex_lock(&p->lock);
	pays = vt_rent_would(p->rent, &cost, k, copy->id,
	    (double)now_us / DAY_US, (double)v->size_bytes,
	    early_of(&cost, k, copy, now_us));
	pthread_mutex_unlock(&p->lock);
	return pays;
}

int
promoter_tee_begin(struct promoter *p)
{
	int begun;

	pthread_mutex_lock(&p->lock);
	begun = !p->stop && p->tee_count < TEES_MAX;
	p->tee_count += (unsigned)begun;
	pthread_mutex_unlock(&p->lock);
	return begun;
}

void
promoter_tee_end(struct promoter *p)
{
	pthread_mutex_lock(&p->lock);
	p->tee_count--;
	pthread_mutex_unlock(&p->lock);
}

void
promoter_take(struct promoter *p, struct tee *t)
{
	pthread_mutex_lock(&p->lock);
	*p->tees_tail = t;
	p->tees_tail = tee_next(t);
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

/* --- the thread ----------------------------------------------------------- */

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

static void
move_options(struct promoter *p, struct vt_migrate_options *o)
{
	memset(o, 0, sizeof(*o));
	o->catalog = p->s->catalog;
	o->tiers = p->s->tiers;
	o->config = p->s->config;
	o->clock = p->s->clock;
	o->grace_ms = p->s->config->grace_ms;
	o->pace = keep_going;
	o->pace_ctx = p;
}

/* Make what was written while it was read a copy. */
static void
adopt(struct promoter *p, struct tee *t)
{
	int64_t now_us = vt_clock_now_us(p->s->clock);
	struct vt_migrate_options o;
	struct vt_move_result res;
	struct vt_err err;

	move_options(p, &o);
	err.code = tee_adopt(t, &o, &res, &err);
	if (res.status != VT_MOVE_SKIPPED && res.status != VT_MOVE_REFUSED)
		log_move(p, tee_move(t), &res, err.code, now_us);
	tee_free(t);
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
	size_t i, k;
	int again;

	if (a == NULL || vt_catalog_bucket(p->s->catalog, a, w->bucket, &b,
	    &err) != VT_OK || vt_catalog_lookup(p->s->catalog, a, b.id,
	    w->key, w->key_len, NULL, 0, &v, &err) != VT_OK)
		goto out;
	for (i = 0; i < v->copy_count && v->copies[i].id != w->copy_id; i++)
		;
	if (i == v->copy_count || v->pin[0] != '\0')
		goto out;
	k = cost_of(p, w->bucket, v->key, v->key_len, v->copies[i].tier,
	    v->size_bytes, &cost);
	if (k == 0)
		goto out;
	early = early_of(&cost, k, &v->copies[i], now_us);
	if (early > 0) {
		/*
		 * A minimum is still due: the rent paid so far, which was the
		 * price of the move, is kept; more must be paid first.
		 */
		pthread_mutex_lock(&p->lock);
		again = vt_rent_early(p->rent, &cost, k, w->copy_id, early);
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
	move_options(p, &o);
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
	struct tee *t;
	struct wish *w;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		t = p->tees;
		w = p->head;
		if (t != NULL) {
			p->tees = *tee_next(t);
			if (p->tees == NULL)
				p->tees_tail = &p->tees;
		} else if (w != NULL) {
			p->head = w->next;
			if (p->head == NULL)
				p->tail = &p->head;
			p->queued--;
		} else {
			pthread_cond_wait(&p->wake, &p->lock);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		if (t != NULL) {
			adopt(p, t);
		} else {
			bring_back(p, w);
			wish_free(w);
		}
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void
destroy(struct promoter *p)
{
	struct tee *t;
	struct wish *w;

	while ((w = p->head) != NULL) {
		p->head = w->next;
		wish_free(w);
	}
	while ((t = p->tees) != NULL) {
		p->tees = *tee_next(t);
		tee_free(t);
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
	p->tees_tail = &p->tees;
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
