/*
 * The bare group-commit rate of the catalog: durable PUTs of 4 KiB inline
 * objects kept in flight by a few producers, no HTTP.  Prints one JSON line.
 *
 *	catalog_rate DIR [IN_FLIGHT [SECONDS]]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/store/catalog.h"

#define BODY 4096
#define MAX_IN_FLIGHT 1024

struct slot {
	struct vt_cat_op op;
	struct vt_cat_extent x;
	char key[40];
};

static struct vt_catalog *catalog;
static int64_t bucket, end_us;
static char body[BODY];
static unsigned long done_count, running;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void
submit(struct slot *s, unsigned long n)
{
	memset(&s->x, 0, sizeof(s->x));
	if (vt_catalog_blob_id(catalog, &s->x.e.blob.id, NULL) != VT_OK)
		abort();
	snprintf(s->key, sizeof(s->key), "bench/%08lx", n * 2654435761u);
	s->x.e.blob.tier = "hot";
	s->x.e.blob.size_bytes = s->x.e.length = s->x.e.plain_length = BODY;
	s->x.e.blob.owned = s->x.e.blob.is_inline = 1;
	s->x.e.data = body;
	s->op.u.put.v.key = s->key;
	s->op.u.put.v.key_len = strlen(s->key);
	vt_catalog_submit(catalog, &s->op);
}

/* Slots that completed wait here for a producer: a completion must not take
 * blob ids, which can block. */
static struct slot *free_slots[MAX_IN_FLIGHT];
static unsigned long free_count;

static void
done(struct vt_cat_op *op)
{
	struct slot *s = op->ctx;

	if (op->code != VT_OK) {
		fprintf(stderr, "%s\n", op->err.text);
		abort();
	}
	pthread_mutex_lock(&lock);
	done_count++;
	running--;
	free_slots[free_count++] = s;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
}

int
main(int argc, char **argv)
{
	struct vt_clock clock = VT_CLOCK_REAL;
	struct vt_catalog_options o;
	struct vt_catalog_stats st;
	struct vt_cat_op op;
	struct vt_err err;
	struct slot *slots, *s;
	unsigned long n = 0, in_flight = 64;
	int64_t start_us;
	double seconds = 3;
	char path[1024];

	if (argc < 2)
		return 2;
	if (argc > 2)
		in_flight = strtoul(argv[2], NULL, 10);
	if (argc > 3)
		seconds = atof(argv[3]);
	if (in_flight < 1 || in_flight > MAX_IN_FLIGHT)
		return 2;
	memset(&o, 0, sizeof(o));
	o.clock = &clock;
	o.create = 1;
	o.checkpointer = 1;
	snprintf(path, sizeof(path), "%s/rate.db", argv[1]);
	if (vt_catalog_open(path, &o, &catalog, &err) != VT_OK) {
		fprintf(stderr, "%s\n", err.text);
		return 3;
	}
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_BUCKET_CREATE;
	op.u.bucket_create.b.name = "bench";
	if (vt_catalog_run(catalog, &op, &err) != VT_OK)
		return 3;
	bucket = op.u.bucket_create.b.id;
	if (vt_random(body, sizeof(body)) < 0)
		return 3;
	slots = calloc(in_flight, sizeof(*slots));
	for (; free_count < in_flight; free_count++) {
		s = free_slots[free_count] = &slots[free_count];
		s->op.kind = VT_CAT_PUT;
		s->op.done = done;
		s->op.ctx = s;
		s->op.u.put.v.bucket_id = bucket;
		s->op.u.put.v.size_bytes = BODY;
		s->op.u.put.v.etag = "0123456789abcdef0123456789abcdef";
		s->op.u.put.tier = "hot";
		s->op.u.put.extents = &s->x;
		s->op.u.put.extent_count = 1;
	}
	start_us = vt_clock_mono_us();
	end_us = start_us + (int64_t)(seconds * 1e6);
	pthread_mutex_lock(&lock);
	while (vt_clock_mono_us() < end_us || running > 0) {
		if (free_count == 0 || vt_clock_mono_us() >= end_us) {
			pthread_cond_wait(&cond, &lock);
			continue;
		}
		s = free_slots[--free_count];
		running++;
		pthread_mutex_unlock(&lock);
		submit(s, n++);
		pthread_mutex_lock(&lock);
	}
	pthread_mutex_unlock(&lock);
	seconds = (double)(vt_clock_mono_us() - start_us) / 1e6;
	if (vt_catalog_stats(catalog, &st, &err) != VT_OK)
		return 3;
	printf("{\"bench\":\"catalog_put_4k\",\"in_flight\":%lu,"
	    "\"per_second\":%.0f,\"per_commit\":%.1f}\n", in_flight,
	    (double)done_count / seconds,
	    (double)st.operations / (double)st.commits);
	vt_catalog_close(catalog);
	free(slots);
	return 0;
}
