/* Scan records of any kind but a bucket's, made up of a seed; for tests. */
#ifndef TESTS_UNIT_MADE_RECORD_H
#define TESTS_UNIT_MADE_RECORD_H

#include <stdint.h>
#include <string.h>

#include "libvt/proto/records.h"

#include "tests/bench/random.h"

#define KEY_MAX 1000

/* A made-up record and what it points to. */
struct made {
	struct vt_scan_record r;
	char key[KEY_MAX + 1], version[33];
	struct vt_heat_gap gaps[3];
	struct vt_heat_day days[40];
	const char *also[2];
};

static const char *
pick(struct rng *g, const char *a, const char *b)
{
	return rng_below(g, 4) == 0 ? a : b;
}

/* Of any size. */
static int64_t
number(struct rng *g)
{
	return (int64_t)(rng_next(g) >> (1 + rng_below(g, 63)));
}

/* To the millisecond, before 1970 too. */
static int64_t
when(struct rng *g)
{
	return (number(g) >> 8) / 1000 * 1000 - 1000000000;
}

static void
make_lists(struct rng *g, struct made *m)
{
	struct vt_scan_record *r = &m->r;
	int day = (int)rng_below(g, 30000) - 1000;
	size_t i;

	r->also_count = rng_below(g, 8) == 0 ? 1 + rng_below(g, 2) : 0;
	m->also[0] = "warm";
	m->also[1] = "";
	r->also = r->also_count > 0 ? m->also : NULL;
	r->gap_count = rng_below(g, 10) == 0 ? rng_below(g, 4) : 1;
	for (i = 0; i < r->gap_count; i++) {
		m->gaps[i].from_us = (int64_t)(i + 1) * 9000000;
		m->gaps[i].length_us = rng_below(g, 10) == 0 ? 1000000 :
		    7000000;
	}
	r->gaps = r->gap_count > 0 ? m->gaps : NULL;
	r->h_count = rng_below(g, 2) * rng_below(g, 40);
	for (i = 0; i < r->h_count; i++) {
		day += 1 + (int)rng_below(g, rng_below(g, 9) == 0 ? 6000 : 60);
		m->days[i].day = day;
		day += (int)(rng_below(g, 3) * rng_below(g, 30));
		m->days[i].last = day;
		m->days[i].days = m->days[i].last == m->days[i].day ? 1 :
		    1 + (uint32_t)rng_below(g, (uint64_t)(m->days[i].last -
		    m->days[i].day));
		m->days[i].gets = rng_below(g, 2) ? 1 : (uint64_t)number(g);
		/* all of it, the same part as before, or another */
		switch (rng_below(g, 3)) {
		case 0:
			m->days[i].bytes = m->days[i].gets * r->size_bytes;
			break;
		case 1:
			m->days[i].bytes = i > 0 ? m->days[i - 1].bytes : 0;
			break;
		default:
			m->days[i].bytes = (uint64_t)number(g);
		}
	}
	r->h = r->h_count > 0 ? m->days : NULL;
}

static void __attribute__((unused))
make_record(struct rng *g, struct made *m)
{
	static const enum vt_scan_kind kinds[] = {
		VT_SCAN_VERSION, VT_SCAN_MARKER, VT_SCAN_UPLOAD
	};
	struct vt_scan_record *r = &m->r;
	size_t i;

	memset(m, 0, sizeof(*m));
	r->kind = kinds[rng_below(g, 3)];
	r->bucket = pick(g, "b", "photos");
	r->key = m->key;
	r->key_len = rng_below(g, 50) == 0 ? KEY_MAX : rng_below(g, 60);
	for (i = 0; i < r->key_len; i++)
		m->key[i] = (char)rng_next(g);	/* NULs too */
	r->version = pick(g, "", "0123456789abcdef0123456789abcdef");
	r->seq = rng_below(g, 9) == 0 ? 0 : number(g) - number(g);
	r->generation = rng_below(g, 3) == 0 ? 0 : number(g);
	r->bucket_generation = (int64_t)rng_below(g, 3);
	r->is_current = (int)rng_below(g, 2);
	r->size_bytes = (uint64_t)number(g);
	r->mtime_us = when(g);
	r->tier = pick(g, "cold", "hot");
	r->storage_class = pick(g, "", "STANDARD");
	r->copy = (int64_t)rng_below(g, 2) * number(g);
	r->copy_since_us = rng_below(g, 2) ? r->mtime_us : when(g);
	r->stored_bytes = rng_below(g, 2) ? r->size_bytes : 5;
	r->adopted = rng_below(g, 9) == 0;
	if (rng_below(g, 9) == 0) {
		r->pack = 7;
		r->pack_bytes = 1000;
		r->pack_dead = 0.25;
	}
	r->is_ruled = (int)rng_below(g, 2);
	r->tags = pick(g, "a=b&c=d", "");
	r->upload = pick(g, "feed", "");
	r->noncurrent_since_us = (int64_t)rng_below(g, 2) * when(g);
	r->newer = rng_below(g, 4) == 0 ? UINT32_MAX : 0;
	r->is_alone = rng_below(g, 9) == 0;
	r->pin = pick(g, "hot", "");
	r->lock = pick(g, "compliance", "");
	r->retain_until_us = *r->lock != '\0' ? when(g) : 0;
	r->legal_hold = rng_below(g, 9) == 0;
	r->reads = rng_below(g, 2) * (uint64_t)number(g);
	r->bytes_read = r->reads * 3;
	r->r30 = r->reads / 3;
	r->r90 = r->reads / 2;
	r->last_read_us = r->reads != 0 ? when(g) : 0;
	r->covered_from_us = rng_below(g, 2) ? r->mtime_us : -77000;
	r->covered_to_us = rng_below(g, 99) == 0 ? 200000000000000000 :
	    210000000000000000;
	r->covered_days = rng_unit(g) * 400;
	make_lists(g, m);
}

/* Of a bucket's rules. */
static void __attribute__((unused))
make_bucket(struct vt_scan_record *r)
{
	memset(r, 0, sizeof(*r));
	r->kind = VT_SCAN_BUCKET;
	r->bucket = "photos";
	r->bucket_generation = 3;
	r->key = r->version = r->tier = r->storage_class = "";
	r->pin = r->lock = "";
	r->versioning = "enabled";
	r->at_us = 1790000000000000;
	r->day_ms = 86400000;
	r->has_min_bytes = 1;
	r->min_bytes = 131072;
	r->lifecycle = "<LifecycleConfiguration/>";
	r->lifecycle_len = strlen(r->lifecycle);
}

#endif
