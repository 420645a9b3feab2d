/*
 * The bill of an installation, worked out by hand from the prices of
 * tests/data/prices.json (test_cost.c shows them), and against the sum of
 * what each object costs.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "libvt/work/bill.h"

#include "tests/unit/test.h"

#define PRICES "tests/data/prices.json"
#define GB UINT64_C(1000000000)

static int
close_to(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b)) + 1e-12;
}

static void
build(struct vt_cost_model *m, const struct vt_prices *p)
{
	const char *tier, *class_name;
	struct vt_err err;
	size_t i;

	vt_cost_model_init(m, p);
	for (i = 0; vt_prices_default_tier(p, i, &tier, &class_name) == 0;
	    i++)
		if (vt_cost_model_add(m, p, tier, class_name,
		    i == 1 ? "there" : "here", "here", &err) != VT_OK)
			printf("# %s\n", err.text);
	if (vt_cost_model_clients(m, p, "here", "internet", &err) != VT_OK)
		printf("# %s\n", err.text);
}

static void
test_bands(const struct vt_cost_model *m)
{
	double lines[VT_BILL_LINES];
	struct vt_bill b;

	/* 2,000 GB for 60 days: each month 100 at 0.03, 900 at 0.024 and
	 * 1,000 at 0.015: 3 + 21.6 + 15 */
	vt_bill_init(&b, m, 60);
	vt_bill_keep(&b, 0, 2000 * GB, 60);
	ok(close_to(vt_bill_usd(&b, 0, VT_BILL_STORAGE), 2 * 39.6),
	    "three bands, two months");
	/* 4,000 GB for half the time are the same mean */
	vt_bill_init(&b, m, 60);
	vt_bill_keep(&b, 0, 4000 * GB, 30);
	ok(close_to(vt_bill_usd(&b, 0, VT_BILL_STORAGE), 2 * 39.6),
	    "bands are of the month's mean");
	/* 12,000 GB out in a month: 1,000 at 0.09, 9,000 at 0.08, 2,000 at
	 * 0.05: 90 + 720 + 100; 6,000 in half a month are as dear */
	vt_bill_init(&b, m, 30);
	vt_bill_clients(&b, 12000e9);
	ok(close_to(vt_bill_usd(&b, 0, VT_BILL_CLIENTS), 910),
	    "so has what clients read");
	vt_bill_init(&b, m, 15);
	vt_bill_clients(&b, 6000e9);
	ok(close_to(vt_bill_total(&b, lines), 455 + 18), "for half a month");
	ok(close_to(lines[VT_BILL_FIXED], 18) &&
	    close_to(lines[VT_BILL_CLIENTS], 455) &&
	    lines[VT_BILL_STORAGE] <= 0, "line by line");
	vt_bill_init(&b, m, 0);
	ok(vt_bill_total(&b, NULL) <= 0, "no days, no bill");
}

/* 10 GB stored make 20 GB free; the other 5 cost 0.09 each. */
static void
test_free(struct vt_cost_model m)
{
	struct vt_bill b;

	m.client_bands.free_times_stored = 2;
	vt_bill_init(&b, &m, 15);
	vt_bill_keep(&b, 0, 20 * GB, 7.5);
	vt_bill_clients(&b, 12.5e9);
	ok(close_to(vt_bill_usd(&b, 0, VT_BILL_CLIENTS), 5 * 0.09 / 2),
	    "what clients read is free up to so many times what is stored");
	vt_bill_keep(&b, 0, 20 * GB, 7.5);
	ok(vt_bill_usd(&b, 0, VT_BILL_CLIENTS) <= 0, "or all of it");
}

static void
test_lines(const struct vt_cost_model *m)
{
	double lines[VT_BILL_LINES], total, sum = 0;
	struct vt_bill b;
	size_t i;

	vt_bill_init(&b, m, 30);
	/* 1 GB archived for 20 days: 1.000032 GB at 0.0001, 8 KB hot */
	vt_bill_keep(&b, 3, GB, 20);
	/* read three times on one day: restored, 2 days hot, read hot */
	vt_bill_serve(&b, 3, GB, 3, 3e9);
	/* deleted 160 days early */
	vt_bill_early(&b, 3, GB, 160);
	/* 1 GB put warm, far away, by its owner, and moved to cold */
	vt_bill_put(&b, 1, GB);
	vt_bill_move(&b, 1, 2, GB);
	total = vt_bill_total(&b, lines);
	ok(close_to(lines[VT_BILL_STORAGE], 20 * 0.0001000032 +
	    180 * 8e-9 + 0.002), "storage: kept, overheads, restored copy");
	ok(close_to(lines[VT_BILL_EARLY], 160 * 0.0001000032),
	    "early deletion");
	ok(close_to(lines[VT_BILL_REQUESTS], 3 * 4e-7 + 1e-5 + 1e-6 + 2e-5),
	    "requests: three hot GETs, a PUT, a GET and a PUT to move");
	ok(close_to(lines[VT_BILL_RETRIEVAL], 0.02 + 0.01),
	    "retrieval: a restored GB, a warm one");
	ok(close_to(lines[VT_BILL_RESTORES], 1e-4), "one restore");
	ok(close_to(lines[VT_BILL_TRANSFER], 0.01 + 0.02),
	    "transfer: there, and back when moved");
	ok(close_to(lines[VT_BILL_FIXED], 36), "a machine and a disk");
	for (i = 0; i < VT_BILL_LINES; i++) {
		sum += lines[i];
		ok(*vt_bill_line_name((enum vt_bill_line)i) != '\0',
		    "line %zu: %s", i,
		    vt_bill_line_name((enum vt_bill_line)i));
	}
	ok(close_to(sum, total), "the total is of its lines");
}

/* Where there are no bands, the total is the sum over objects, whatever they
 * go through. */
static void
test_sum(struct vt_cost_model m, enum vt_move_how how)
{
	double by_object, days, gets, bytes;
	struct vt_bill b;
	struct vt_cost c;
	size_t k, to;
	int i, bad = 0;

	m.how = how;
	for (k = 0; k < m.count; k++)
		m.tier[k].price.storage_bands.count = 0;
	m.client_bands.count = 0;
	m.tier[0].price.write_gb = 0.05;
	m.tier[2].price.write_gb = 0.02;
	vt_parts_of("s3:", 0, &m.tier[0].parts);
	vt_parts_of("azure:", 5000000, &m.tier[2].parts);
	for (i = 0; i < 2000; i++) {
		uint64_t size = (uint64_t)(rand() % 100000) *
		    (uint64_t)(1 + rand() % 100000);

		vt_cost_of(&m, size, &c);
		k = (size_t)rand() % m.count;
		to = (size_t)rand() % m.count;
		days = rand() % 400;
		gets = rand() % 4;
		bytes = gets * (double)size / (1 + rand() % 3);
		vt_bill_init(&b, &m, 100);
		vt_bill_keep(&b, k, size, days);
		vt_bill_serve(&b, k, size, gets, bytes);
		by_object = c.day[k] * days + vt_cost_serve(&c, k, gets,
		    bytes);
		vt_bill_serve_promote(&b, k, size, gets, bytes);
		by_object += vt_cost_serve_promote(&c, k, gets, bytes);
		vt_bill_move(&b, k, to, size);
		by_object += c.move[k][to];
		if (days < c.min_days[k])
			vt_bill_early(&b, k, size, c.min_days[k] - days);
		by_object += vt_cost_early(&c, k, days);
		by_object += 36.0 * 100 / 30;
		if (!close_to(vt_bill_total(&b, NULL), by_object) &&
		    bad++ == 0)
			printf("# %.12g, want %.12g\n",
			    vt_bill_total(&b, NULL), by_object);
	}
	is_int(bad, 0, "2000 objects cost what their bill says, %s",
	    how == VT_MOVE_COPY ? "copied" : "moved by the provider");
}

static void
test_watched(const struct vt_prices *p)
{
	struct vt_cost_model m;
	struct vt_bill b;
	struct vt_err err;

	vt_cost_model_init(&m, p);
	is_int(vt_cost_model_add(&m, p, "self", "SELF", "here", "here", &err),
	    VT_OK, "a class that moves objects itself");
	vt_bill_init(&b, &m, 30);
	vt_bill_keep(&b, 0, 100000, 30);
	vt_bill_keep(&b, 0, 100000, 15);
	vt_bill_keep(&b, 0, 99999, 30);
	/* 1.5 object-months at 0.003 for 1,000 */
	ok(close_to(vt_bill_usd(&b, 0, VT_BILL_MONITORING), 4.5e-6),
	    "watches what is large enough, for a fee");
}

int
main(void)
{
	struct vt_cost_model m;
	struct vt_prices *p;
	struct vt_err err;

	if (!ok(vt_prices_load(PRICES, &p, &err) == VT_OK,
	    "the prices of the tests")) {
		printf("# %s\n", err.text);
		return test_done();
	}
	build(&m, p);
	test_bands(&m);
	test_free(m);
	test_lines(&m);
	srand(1);
	test_sum(m, VT_MOVE_COPY);
	test_sum(m, VT_MOVE_TRANSITION);
	test_watched(p);
	vt_prices_free(p);
	return test_done();
}
