/* Records through the spool: all of them, as they were and in order, whether
 * memory holds them or not; and a disk that does not take them. */
#include <sys/resource.h>

#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include "libvt/work/spool.h"

#include "tests/bench/random.h"
#include "tests/unit/same_record.h"
#include "tests/unit/test.h"

#define RECORDS 30000
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
		m->gaps[i].from_us = (int64_t)(i + 1) * 1000000;
		m->gaps[i].length_us = rng_below(g, 10) == 0 ? 1 : 7;
	}
	r->gaps = r->gap_count > 0 ? m->gaps : NULL;
	r->h_count = rng_below(g, 2) * rng_below(g, 40);
	for (i = 0; i < r->h_count; i++) {
		day += 1 + (int)rng_below(g, 500);
		m->days[i].day = day;
		day += (int)(rng_below(g, 3) * rng_below(g, 30));
		m->days[i].last = day;
		m->days[i].days = m->days[i].last == m->days[i].day ? 1 :
		    1 + (uint32_t)rng_below(g, (uint64_t)(m->days[i].last -
		    m->days[i].day));
		m->days[i].gets = (uint64_t)number(g);
		m->days[i].bytes = (uint64_t)number(g);
	}
	r->h = r->h_count > 0 ? m->days : NULL;
}

static void
make(struct rng *g, struct made *m)
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
	r->mtime_us = number(g);
	r->tier = pick(g, "cold", "hot");
	r->storage_class = pick(g, "", "STANDARD");
	r->copy = (int64_t)rng_below(g, 2) * number(g);
	r->copy_since_us = rng_below(g, 2) ? r->mtime_us : number(g);
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
	r->noncurrent_since_us = (int64_t)rng_below(g, 2) * number(g);
	r->newer = rng_below(g, 4) == 0 ? UINT32_MAX : 0;
	r->is_alone = rng_below(g, 9) == 0;
	r->pin = pick(g, "hot", "");
	r->lock = pick(g, "compliance", "");
	r->retain_until_us = *r->lock != '\0' ? number(g) : 0;
	r->legal_hold = rng_below(g, 9) == 0;
	r->reads = rng_below(g, 2) * (uint64_t)number(g);
	r->bytes_read = r->reads * 3;
	r->r30 = r->reads / 3;
	r->r90 = r->reads / 2;
	r->last_read_us = r->reads != 0 ? number(g) : 0;
	r->covered_from_us = rng_below(g, 2) ? r->mtime_us : 77;
	r->covered_to_us = rng_below(g, 99) == 0 ? 5 : 1790000000000000;
	r->covered_days = rng_unit(g) * 400;
	make_lists(g, m);
}

static struct vt_spool *
filled(size_t memory_bytes, struct vt_err *err)
{
	struct vt_spool *s = vt_spool_new("/tmp", memory_bytes);
	struct vt_spool_block *k = vt_spool_block_new();
	struct rng g = { 7 };
	struct made m;
	enum vt_code rc = VT_OK;
	int i;

	for (i = 0; i < RECORDS && rc == VT_OK; i++) {
		make(&g, &m);
		if (vt_spool_pack(k, &m.r, (uint64_t)(i % 1000 / 300)) < 0)
			rc = VT_NOMEM;
		if (rc == VT_OK && i % 1000 == 999)
			rc = vt_spool_put(s, k, (uint64_t)i, err);
	}
	vt_spool_block_free(k);
	err->code = rc;
	return s;
}

/* The number that is found with a record. */
static uint64_t
tag_of(size_t at)
{
	return at - at % 1000 + 999 + at % 1000 / 300;
}

/* The last days of `m` alone: as many as there should be, and the same. */
static int
same_end(const struct made *m, const struct vt_scan_record *got, double within)
{
	size_t n = m->r.h_count, i = n;

	while (i > 0 && m->r.h[n - 1].last - m->r.h[i - 1].last <= within)
		i--;
	return got->h_count == n - i && (n == i || memcmp(got->h, m->r.h + i,
	    (n - i) * sizeof(*got->h)) == 0);
}

/* The blocks, last first. */
static void
check(const struct vt_spool *s)
{
	struct vt_spool_reader *r = vt_spool_reader_new(s);
	size_t *first = calloc(vt_spool_blocks(s) + 1, sizeof(*first)), k;
	size_t at = 0, wrong = 0, ends = 0;
	struct vt_scan_record got;
	struct rng g = { 7 };
	struct made m;
	struct vt_err err;
	uint64_t tag, i;

	/* how many are in each, backwards; then all, forwards */
	for (k = vt_spool_blocks(s); k > 0; k--) {
		if (vt_spool_open(r, k - 1, &err) != VT_OK)
			wrong++;
		while (vt_spool_next(r, &got, &tag) > 0)
			first[k]++;
	}
	for (k = 0; k < vt_spool_blocks(s); k++) {
		if (vt_spool_open(r, k, &err) != VT_OK)
			wrong++;
		for (i = 0; vt_spool_next(r, &got, &tag) > 0; i++, at++) {
			make(&g, &m);
			if (vt_spool_days(r, 400, &got) < 0)
				wrong++;
			ends += m.r.h_count > 0 && got.h_count < m.r.h_count;
			wrong += !same_end(&m, &got, 400);
			if (vt_spool_days(r, INFINITY, &got) < 0)
				wrong++;
			wrong += !same_record(&m.r, &got) ||
			    tag != tag_of(at);
		}
		wrong += i != first[k + 1] ||
		    i != vt_spool_block_count(s, k);
	}
	is_int(at, RECORDS, "all records come back");
	is_int(wrong, 0, "as they were, in order, with their numbers");
	ok(ends > 1000, "and of %zu the last days alone", ends);
	vt_spool_reader_free(r);
	free(first);
}

static void
test_places(void)
{
	struct vt_spool *all, *some, *none;
	struct vt_err err;

	all = filled((size_t)1 << 30, &err);
	is_int(err.code, VT_OK, "a spool with memory");
	is_int(vt_spool_count(all), RECORDS, "counts");
	ok(vt_spool_blocks(all) > 3, "has %zu blocks",
	    vt_spool_blocks(all));
	is_int(vt_spool_file_bytes(all), 0, "and no file");
	check(all);
	some = filled((size_t)2 << 20, &err);
	is_int(err.code, VT_OK, "one with little");
	ok(vt_spool_file_bytes(some) > 0, "has a file");
	check(some);
	none = filled(0, &err);
	is_int(err.code, VT_OK, "one with none");
	ok(vt_spool_file_bytes(none) > vt_spool_file_bytes(some),
	    "has all there");
	check(none);
	ok(vt_spool_blocks(all) == vt_spool_blocks(none) &&
	    vt_spool_blocks(all) == vt_spool_blocks(some),
	    "the same blocks whatever memory there is");
	vt_spool_free(all);
	vt_spool_free(some);
	vt_spool_free(none);
}

static void
test_refusals(void)
{
	struct rlimit little = { 2000000, RLIM_INFINITY }, before;
	struct vt_spool_block *k;
	struct vt_spool *s;
	struct vt_err err;
	struct made m;
	struct rng g = { 1 };

	vt_spool_free(NULL);
	vt_spool_block_free(NULL);
	vt_spool_reader_free(NULL);
	s = vt_spool_new("/tmp", 0);
	k = vt_spool_block_new();
	is_int(vt_spool_put(s, k, 1, &err), VT_OK, "nothing is something");
	is_int(vt_spool_blocks(s), 0, "of no blocks");
	vt_spool_free(s);
	s = vt_spool_new("/nonexistent", 0);
	make(&g, &m);
	is_int(vt_spool_pack(k, &m.r, 0), 0,
	    "the folder is not looked for before it is needed");
	ok(vt_spool_put(s, k, 0, &err) != VT_OK &&
	    strstr(err.text, "'/nonexistent'") != NULL,
	    "and named when it is missing: %s", err.text);
	vt_spool_block_free(k);
	vt_spool_free(s);
	getrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &little);
	s = filled(0, &err);
	setrlimit(RLIMIT_FSIZE, &before);
	ok(err.code != VT_OK && strstr(err.text, "'/tmp'") != NULL,
	    "a file that may not grow is told: %s", err.text);
	vt_spool_free(s);
}

int
main(void)
{
	test_places();
	test_refusals();
	return test_done();
}
