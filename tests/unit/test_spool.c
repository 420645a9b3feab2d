/* Records through the spool: all of them, as they were and in order, whether
 * memory holds them or not; and a disk that does not take them. */
#include <sys/resource.h>

#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include "libvt/work/spool.h"

#include "tests/unit/made_record.h"
#include "tests/unit/same_record.h"
#include "tests/unit/test.h"

#define RECORDS 30000
#define EXTENT 300000		/* bytes: a few blocks */

static struct vt_spool *
filled_in(const char *folder, size_t memory_bytes, size_t extent_bytes,
    struct vt_err *err)
{
	struct vt_spool *s = vt_spool_new(folder, memory_bytes, extent_bytes);
	struct vt_scan_record bucket;
	struct rng g = { 7 };
	enum vt_code rc = VT_OK;
	struct vt_block k;
	struct made m;
	int i;

	make_bucket(&bucket);
	vt_block_init(&k);

	for (i = 0; i < RECORDS && rc == VT_OK; i++) {
		make_record(&g, &m);
		if ((i % 1000 > 0 && i % 300 == 0 &&
		    vt_block_add(&k, &bucket) < 0) ||
		    vt_block_add(&k, &m.r) < 0)
			rc = VT_NOMEM;
		if (rc == VT_OK && i % 1000 == 999)
			rc = vt_spool_put(s, &k, (uint64_t)i, err);
	}
	vt_block_release(&k);
	err->code = rc;
	return s;
}

static struct vt_spool *
filled(size_t memory_bytes, struct vt_err *err)
{
	return filled_in("/tmp", memory_bytes, EXTENT, err);
}

/* The number that is found with a record: its block's, and the buckets that are
 * before it there. */
static uint64_t
tag_of(size_t at)
{
	size_t i, tag = at - at % 1000 + 999;

	for (i = at - at % 1000 + 1; i <= at; i++)
		tag += i % 300 == 0;
	return tag;
}

/* The extents, last first. */
static void
check(const struct vt_spool *s)
{
	struct vt_spool_reader *r = vt_spool_reader_new(s);
	size_t *first = calloc(vt_spool_extents(s) + 1, sizeof(*first)), k;
	size_t at = 0, wrong = 0;
	struct vt_days_room room = { NULL, 0 };
	struct vt_scan_record got;
	struct rng g = { 7 };
	struct made m;
	struct vt_err err;
	uint64_t tag, i;

	/* how many are in each, backwards; then all, forwards */
	for (k = vt_spool_extents(s); k > 0; k--) {
		if (vt_spool_open(r, k - 1, &err) != VT_OK)
			wrong++;
		while (vt_spool_next(r, &got, &tag) == VT_OK)
			first[k]++;
	}
	for (k = 0; k < vt_spool_extents(s); k++) {
		if (vt_spool_open(r, k, &err) != VT_OK)
			wrong++;
		for (i = 0; vt_spool_next(r, &got, &tag) == VT_OK; i++, at++) {
			make_record(&g, &m);
			wrong += vt_record_days(&got, INFINITY, &room) !=
			    VT_OK;
			wrong += !same_record(&m.r, &got) ||
			    tag != tag_of(at);
		}
		wrong += i != first[k + 1] ||
		    i > vt_spool_extent_count(s, k);
	}
	is_int(at, RECORDS, "all records come back");
	is_int(wrong, 0, "as they were, in order, with their numbers");
	vt_spool_reader_free(r);
	free(room.h);
	free(first);
}

static void
test_places(void)
{
	struct vt_spool *all, *some, *none, *one;
	struct vt_err err;

	all = filled((size_t)1 << 30, &err);
	is_int(err.code, VT_OK, "a spool with memory");
	ok(vt_spool_count(all) > RECORDS, "counts buckets too");
	ok(vt_spool_extents(all) > 3, "has %zu extents",
	    vt_spool_extents(all));
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
	ok(vt_spool_extents(all) == vt_spool_extents(none) &&
	    vt_spool_extents(all) == vt_spool_extents(some),
	    "the same extents whatever memory there is");
	one = filled_in("/tmp", 0, SIZE_MAX / 2, &err);
	is_int(vt_spool_extents(one), 1, "one that is never full");
	is_int(vt_spool_file_bytes(one), 0, "is never written");
	check(one);
	vt_spool_free(one);
	/* whose files are nowhere but in the page cache */
	one = filled_in("/dev/shm", 0, EXTENT, &err);
	is_int(vt_spool_file_bytes(one), (long long)vt_spool_file_bytes(none),
	    "in memory that is a file system");
	check(one);
	vt_spool_free(one);
	vt_spool_free(all);
	vt_spool_free(some);
	vt_spool_free(none);
}

static void
test_refusals(void)
{
	struct rlimit little = { 2000000, RLIM_INFINITY }, before;
	struct vt_spool *s;
	struct vt_block k;
	struct vt_err err;
	struct made m;
	struct rng g = { 1 };

	vt_spool_free(NULL);
	vt_spool_reader_free(NULL);
	s = vt_spool_new("/tmp", 0, EXTENT);
	vt_block_init(&k);
	is_int(vt_spool_put(s, &k, 1, &err), VT_OK, "nothing is something");
	is_int(vt_spool_extents(s), 0, "of no extents");
	vt_spool_free(s);
	s = vt_spool_new("/nonexistent", 0, 1);
	make_record(&g, &m);
	is_int(vt_block_add(&k, &m.r), 0,
	    "the folder is not looked for before it is needed");
	ok(vt_spool_put(s, &k, 0, &err) != VT_OK &&
	    strstr(err.text, "'/nonexistent'") != NULL,
	    "and named when it is missing: %s", err.text);
	vt_block_release(&k);
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
