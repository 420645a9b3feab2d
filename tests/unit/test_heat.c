/* Heat: counts, days, folding, coverage; in whatever order logs come. */
#include <stdint.h>

#include "libvt/work/heat.h"

#include "tests/unit/test.h"

#define DAY INT64_C(86400000000)
#define D0 20000

static struct vt_err err;
static struct vt_scan_record rec;

static struct vt_log_event
event(enum vt_log_kind kind, const char *key, int64_t time_us)
{
	struct vt_log_event e;

	memset(&e, 0, sizeof(e));
	e.kind = kind;
	e.time_us = time_us;
	e.object.bucket = "b";
	e.object.bucket_len = 1;
	e.object.key = key;
	e.object.key_len = strlen(key);
	e.object.version = "";
	e.count = 1;
	e.bytes = 100;
	e.has_size = 1;
	e.size_bytes = 1000;
	return e;
}

static void
add(struct vt_heat *h, enum vt_log_kind kind, const char *key, int day)
{
	struct vt_log_event e = event(kind, key, day * DAY + DAY / 3);

	if (vt_heat_add(h, &e, &err) != VT_OK)
		exit(1);
}

static void
cover(struct vt_heat *h, const char *node, double from, double to,
    uint64_t dropped)
{
	if (vt_heat_cover(h, node, strlen(node),
	    (int64_t)((D0 + from) * DAY), (int64_t)((D0 + to) * DAY), dropped,
	    &err) != VT_OK)
		exit(1);
}

static struct vt_heat *
begin(uint32_t exact)
{
	struct vt_heat *h = vt_heat_new(exact);

	if (h == NULL)
		exit(1);
	return h;
}

static void
fill(struct vt_heat *h, const char *key, double created, double now)
{
	const struct vt_heat_object *o;

	if (vt_heat_finish(h, &err) != VT_OK)
		exit(1);
	o = vt_heat_find(h, "b", 1, key, strlen(key), "", 0);
	memset(&rec, 0, sizeof(rec));
	rec.mtime_us = (int64_t)((D0 + created) * DAY);
	if (vt_heat_fill(h, &o, 1, (int64_t)((D0 + now) * DAY), &rec,
	    &err) != VT_OK)
		exit(1);
}

static void
test_counts(void)
{
	struct vt_heat *h = begin(64);

	add(h, VT_LOG_READ, "a", D0 + 5);
	add(h, VT_LOG_READ, "a", D0 + 1);
	add(h, VT_LOG_READ, "a", D0 + 5);
	add(h, VT_LOG_READ, "ab", D0 + 90);
	add(h, VT_LOG_READ, "a", D0 + 80);
	cover(h, "n", 0, 100, 0);
	fill(h, "a", 0, 100);
	is_int(rec.reads, 4, "reads");
	is_int(rec.bytes_read, 400, "bytes");
	is_int(rec.r30, 1, "of the last 30 days");
	is_int(rec.r90, 1, "of the last 90");
	is_int(rec.h_count, 3, "on three days");
	ok(rec.h[0].day == D0 + 1 && rec.h[1].day == D0 + 5 &&
	    rec.h[1].gets == 2 && rec.h[2].day == D0 + 80, "in order");
	ok(rec.last_read_us / DAY == D0 + 80, "the last of them");
	fill(h, "a", 3, 100);
	is_int(rec.reads, 3, "what was before the version is not its heat");
	fill(h, "zz", 0, 100);
	is_int(rec.reads, 0, "an object that no line names");
	is_int(rec.covered_days, 100, "is covered all the same");
	is_int(vt_heat_count(h), 2, "two objects");
	ok(memcmp(vt_heat_at(h, 0)->name, "b\0a", 4) == 0 &&
	    memcmp(vt_heat_at(h, 1)->name, "b\0ab", 5) == 0, "sorted");
	vt_heat_free(h);
}

static void
test_coverage(void)
{
	struct vt_heat *h = begin(64);
	int i;

	for (i = 0; i < 10; i++)
		cover(h, "n", i, i + 1, 0);
	cover(h, "n", 20, 30, 0);
	fill(h, "a", 0, 40);
	is_int(rec.covered_days, 20, "P12 a hole in the log is not covered");
	ok(rec.gap_count == 1 && rec.gaps[0].from_us == (D0 + 10) * DAY &&
	    rec.gaps[0].length_us == 10 * DAY, "P12 and is told");
	ok(rec.covered_to_us == (D0 + 30) * DAY,
	    "P12 nor is the time since its end");
	fill(h, "a", 25, 40);
	ok(rec.covered_days == 5 && rec.gap_count == 0,
	    "coverage begins with the version");
	fill(h, "a", 35, 40);
	ok(rec.covered_days == 0 && rec.covered_from_us == 0,
	    "P12 one younger than the log is not covered at all");
	cover(h, "n", 22, 23, 5);
	fill(h, "a", 0, 40);
	is_int(rec.covered_days, 19, "P12 where lines were dropped: unknown");
	vt_heat_free(h);

	h = begin(64);
	cover(h, "one", 0, 30, 0);
	cover(h, "two", 10, 12, 0);
	cover(h, "two", 15, 20, 0);
	fill(h, "a", 0, 30);
	is_int(rec.covered_days, 27,
	    "P12 while one of two nodes was silent: unknown");
	vt_heat_free(h);

	h = begin(64);
	for (i = 0; i < 400; i++)
		cover(h, "n", i, i + 0.75, 0);
	fill(h, "a", 0, 400);
	ok(rec.gap_count <= 32, "hundreds of gaps become %zu",
	    rec.gap_count);
	ok(rec.covered_days > 299.7 && rec.covered_days < 300.3,
	    "and no unknown time is lost (%.2f days)", rec.covered_days);
	vt_heat_free(h);

	h = begin(64);
	for (i = 0; i < 40; i++)
		cover(h, "n", i, i + 1 - 0.0003, 0);
	fill(h, "a", 0, 40);
	is_int(rec.gap_count, 0, "restarts of seconds are no gaps");
	vt_heat_free(h);
}

/* Thousands of days with reads, told exactly for the last 64. */
static void
test_folding(void)
{
	struct vt_heat *h = begin(64), *g = begin(64), *all;
	uint64_t gets = 0, days = 0;
	static char one[65536], two[65536];
	size_t used = 0, i;
	int d, good = 1;

	all = begin(UINT32_MAX);
	for (d = 0; d < 3000; d += 3) {
		add(h, VT_LOG_READ, "a", D0 + d);
		add(all, VT_LOG_READ, "a", D0 + d);
		days++;
	}
	for (d = 2999; d >= 0; d--)
		if (d % 3 == 0)
			add(g, VT_LOG_READ, "a", D0 + d);
	cover(h, "n", 0, 3000, 0);
	cover(g, "n", 0, 3000, 0);
	fill(all, "a", 0, 3000);
	is_int(rec.h_count, days, "all days when asked for");
	fill(h, "a", 0, 3000);
	is_int(rec.reads, days, "no read is lost in folding");
	ok(rec.h_count > 64 && rec.h_count < 64 + 120,
	    "%zu entries are left", rec.h_count);
	for (i = 0; i < rec.h_count; i++) {
		gets += rec.h[i].gets;
		good = good && rec.h[i].days >= 1 &&
		    rec.h[i].last >= rec.h[i].day &&
		    (int64_t)rec.h[i].days <=
		    rec.h[i].last - rec.h[i].day + 1 &&
		    (i == 0 || rec.h[i - 1].last < rec.h[i].day);
		if (i + 64 >= rec.h_count)
			good = good && rec.h[i].days == 1;
		used += (size_t)snprintf(one + used, sizeof(one) - used,
		    "%d %d %u;", rec.h[i].day, rec.h[i].last, rec.h[i].days);
	}
	is_int(gets, days, "and all are told");
	ok(good, "folds are apart, the last 64 days exact");
	fill(g, "a", 0, 3000);
	for (i = used = 0; i < rec.h_count; i++)
		used += (size_t)snprintf(two + used, sizeof(two) - used,
		    "%d %d %u;", rec.h[i].day, rec.h[i].last, rec.h[i].days);
	ok(strcmp(one, two) == 0, "the same whatever order they came in");
	vt_heat_free(h);
	vt_heat_free(g);
	vt_heat_free(all);
}

static void
test_writes(void)
{
	struct vt_heat *h = begin(64);
	const struct vt_heat_object *o;
	struct vt_log_event e;
	int64_t first, last;

	add(h, VT_LOG_WRITE, "a", D0);
	add(h, VT_LOG_DELETE, "a", D0 + 5);
	e = event(VT_LOG_WRITE, "c", (D0 + 6) * DAY);
	e.has_source = 1;
	e.source = event(VT_LOG_READ, "src", 0).object;
	if (vt_heat_add(h, &e, &err) != VT_OK)
		exit(1);
	add(h, VT_LOG_WRITE, "d", D0 + 3);
	add(h, VT_LOG_WRITE, "d", D0 + 7);
	add(h, VT_LOG_WRITE, "d", D0 + 1);
	if (vt_heat_finish(h, &err) != VT_OK)
		exit(1);
	o = vt_heat_find(h, "b", 1, "a", 1, "", 0);
	ok(o != NULL && o->deleted, "a deleted object");
	o = vt_heat_find(h, "b", 1, "src", 3, "", 0);
	ok(o != NULL && o->reads == 1, "a copy is a read of its source");
	o = vt_heat_find(h, "b", 1, "d", 1, "", 0);
	ok(o != NULL && o->created_us / DAY == D0 + 7,
	    "the last write made what is there");
	vt_heat_span(h, &first, &last);
	ok(first / DAY == D0 + 6 && last / DAY == D0 + 7,
	    "the span starts with the first read");
	vt_heat_free(h);
}

/* Many objects: the table grows, names stay apart. */
static void
test_many(void)
{
	struct vt_heat *h = begin(8);
	const struct vt_heat_object *o;
	char key[32];
	int i, bad = 0;

	for (i = 0; i < 50000; i++) {
		snprintf(key, sizeof(key), "k%d", i % 25000);
		add(h, VT_LOG_READ, key, D0 + i / 25000);
	}
	if (vt_heat_finish(h, &err) != VT_OK)
		exit(1);
	for (i = 0; i < 25000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		o = vt_heat_find(h, "b", 1, key, strlen(key), "", 0);
		bad += o == NULL || o->reads != 2 || o->day_count != 2;
	}
	is_int(bad, 0, "25,000 objects, each read twice");
	vt_heat_free(h);
}

int
main(void)
{
	test_counts();
	test_coverage();
	test_folding();
	test_writes();
	test_many();
	return test_done();
}
