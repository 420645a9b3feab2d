/*
 * Fill a catalog with empty objects, for benchmarks of listings: the server
 * must be stopped.
 *
 *	catalog_fill CATALOG BUCKET COUNT
 *
 * Keys are dir%03d/file%07d, 1,000 to a folder.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/store/catalog.h"

#define IN_FLIGHT 512

struct slot {
	struct vt_cat_op op;
	char key[64];
};

static sem_t room;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot *free_slots[IN_FLIGHT];
static int free_count;

static void
done(struct vt_cat_op *op)
{
	if (op->code != VT_OK) {
		fprintf(stderr, "catalog_fill: %s\n", op->err.text);
		exit(3);
	}
	pthread_mutex_lock(&lock);
	free_slots[free_count++] = op->ctx;
	pthread_mutex_unlock(&lock);
	sem_post(&room);
}

int
main(int argc, char **argv)
{
	static struct slot slots[IN_FLIGHT];
	struct vt_clock clock = VT_CLOCK_REAL;
	struct vt_catalog_options o;
	struct vt_catalog *c;
	struct vt_bucket b;
	struct vt_arena *a = vt_arena_new(1 << 16);
	struct vt_err err;
	struct slot *s;
	unsigned long i, n;

	if (argc != 4)
		return 2;
	n = strtoul(argv[3], NULL, 10);
	memset(&o, 0, sizeof(o));
	o.clock = &clock;
	o.checkpointer = 1;
	if (vt_catalog_open(argv[1], &o, &c, &err) != VT_OK ||
	    vt_catalog_bucket(c, a, argv[2], &b, &err) != VT_OK) {
		fprintf(stderr, "catalog_fill: %s\n", err.text);
		return 3;
	}
	sem_init(&room, 0, IN_FLIGHT);
	for (; free_count < IN_FLIGHT; free_count++) {
		s = free_slots[free_count] = &slots[free_count];
		s->op.kind = VT_CAT_PUT;
		s->op.done = done;
		s->op.ctx = s;
		s->op.u.put.v.bucket_id = b.id;
		s->op.u.put.v.etag = "d41d8cd98f00b204e9800998ecf8427e";
		s->op.u.put.tier = "hot";
	}
	for (i = 0; i < n; i++) {
		sem_wait(&room);
		pthread_mutex_lock(&lock);
		s = free_slots[--free_count];
		pthread_mutex_unlock(&lock);
		snprintf(s->key, sizeof(s->key), "dir%03lu/file%07lu",
		    i / 1000, i);
		s->op.u.put.v.key = s->key;
		s->op.u.put.v.key_len = strlen(s->key);
		vt_catalog_submit(c, &s->op);
	}
	vt_catalog_close(c);
	vt_arena_free(a);
	return 0;
}
