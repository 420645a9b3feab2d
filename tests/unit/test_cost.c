/*
 * The bill of an object, worked out by hand from tests/data/prices.json: a
 * GB of 10^9 bytes, a month of 30 days, and
 *
 *	     $/GB-day  PUT   GET   move in  $/GB  least    else
 *	hot  0.001     5e-6  4e-7  0        0              0.0008 from 100 GB
 *	warm 0.0005    1e-5  1e-6  1e-5     0.01  30 d, 100,000 bytes
 *	cold 0.0002    2e-5  1e-5  2e-5     0.03  90 d, 100,000 bytes
 *	arch 0.0001    5e-5  4e-7  5e-5     0.02  180 d
 *		+ 32,000 bytes and 8,000 hot; restore 1e-4, 2 days hot;
 *		bulk: 2.5e-5 and 0.0025
 */
#include <math.h>
#include <stdint.h>

#include "libvt/work/cost.h"

#include "tests/unit/test.h"

#define PRICES "tests/data/prices.json"
#define GB UINT64_C(1000000000)

static int
close_to(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b)) + 1e-15;
}

static void
build(struct vt_cost_model *m, const struct vt_prices *p)
{
	const char *tier, *class_name, *here = vt_prices_location(p);
	struct vt_err err;
	size_t i;

	vt_cost_model_init(m, p);
	for (i = 0; vt_prices_default_tier(p, i, &tier, &class_name) == 0;
	    i++)
		if (vt_cost_model_add(m, p, tier, class_name, here, here,
		    &err) != VT_OK)
			printf("# %s\n", err.text);
}

static void
test_keep(struct vt_cost_model *m)
{
	struct vt_cost c;

	is_int(m->count, 4, "four tiers");
	vt_cost_of(m, GB, &c);
	ok(close_to(c.day[0], 0.001), "a hot GB-day");
	ok(close_to(c.day[1], 0.0005), "a warm one");
	ok(close_to(c.day[2], 0.0002), "a cold one");
	/* 1.000032 GB at 0.0001, 0.000008 GB at 0.001 */
	ok(close_to(c.day[3], 0.0001000032 + 8e-9),
	    "an archived one, with both overheads");
	vt_cost_of(m, 50000, &c);
	ok(close_to(c.day[0], 5e-8), "50,000 bytes are that much hot");
	/* 0.0001 GB at 0.0002 */
	ok(close_to(c.day[2], 2e-8), "and 100,000 cold");
	vt_cost_of(m, 19999, &c);
	ok(c.day[2] > c.day[0], "19,999 bytes are never cheaper in cold");
	vt_cost_of(m, 20001, &c);
	ok(c.day[2] < c.day[0], "20,001 are: 100,000 / 5 = 20,000");
	vt_cost_of(m, 0, &c);
	ok(c.day[0] <= 0 && c.day[2] > 0, "an empty object has a minimum");
	m->tier[0].volume_gb = 99;
	vt_cost_of(m, GB, &c);
	ok(close_to(c.day[0], 0.001), "the first band, 99 GB being there");
	m->tier[0].volume_gb = 100;
	vt_cost_of(m, GB, &c);
	ok(close_to(c.day[0], 0.0008), "the next one from 100 GB on");
	ok(close_to(c.day[3], 0.0001000032 + 6.4e-9),
	    "for what the archive keeps hot too");
	m->tier[0].volume_gb = 0;
}

static void
test_read(const struct vt_cost_model *m)
{
	struct vt_cost c;

	vt_cost_of(m, GB, &c);
	ok(close_to(vt_cost_serve(&c, 0, 10, 10e9), 4e-6), "ten hot reads");
	ok(close_to(vt_cost_serve(&c, 2, 10, 10e9), 1e-4 + 0.3),
	    "ten cold ones");
	ok(close_to(vt_cost_serve(&c, 2, 1, 0.25e9), 1e-5 + 0.0075),
	    "a range of a quarter");
	ok(close_to(vt_cost_serve(&c, 2, 0, 0), 0), "no read");
	/* one request, 2 GB-days hot, 1 GB retrieved, five hot GETs */
	ok(close_to(vt_cost_serve(&c, 3, 5, 5e9),
	    1e-4 + 0.002 + 0.02 + 5 * 4e-7),
	    "a day's reads of the archive are one restore");
	ok(close_to(vt_cost_serve_promote(&c, 1, 3, 3e9),
	    1e-6 + 0.01 + 5e-6 + 2 * 4e-7),
	    "promoted by the first of three reads");
}

static void
test_move(struct vt_cost_model *m)
{
	struct vt_cost c;

	vt_cost_of(m, GB, &c);
	ok(close_to(c.move[0][2], 4e-7 + 2e-5), "a copy hot to cold");
	ok(close_to(c.move[2][0], 1e-5 + 0.03 + 5e-6), "and back");
	ok(close_to(c.move[3][0], 1e-4 + 0.002 + 4e-7 + 0.02 + 5e-6),
	    "from the archive, with its restore");
	ok(c.move[2][2] <= 0, "staying is none");
	ok(close_to(c.move[1][2], 1e-6 + 0.01 + 2e-5), "a copy retrieves");
	ok(close_to(vt_cost_early(&c, 2, 10), 0.0002 * 80),
	    "80 days of the minimum are left");
	ok(vt_cost_early(&c, 2, 90) <= 0 && vt_cost_early(&c, 0, 0) <= 0,
	    "none is left");
	m->how = VT_MOVE_TRANSITION;
	vt_cost_of(m, GB, &c);
	ok(close_to(c.move[1][2], 2e-5), "a lifecycle move costs its request");
	ok(close_to(c.move[2][1], 1e-5 + 0.03 + 1e-5), "none goes up");
	ok(vt_cost_by_provider(m, 1, 2) && !vt_cost_by_provider(m, 2, 1),
	    "and is told apart");
	m->how = VT_MOVE_COPY;
}

#define MIB (UINT64_C(1) << 20)

/* What is large is written in parts, as the tier's driver does it: one request
 * each, and one or two beside, of which the last is a PUT. */
static void
test_parts(struct vt_cost_model m)
{
	static const struct {
		const char *url;
		uint64_t part_bytes, size_bytes, requests;
	} t[] = {
		{ "s3://b/p", 0, 0, 1 }, { "s3://b/p", 0, 16 * MIB, 1 },
		{ "s3://b/p", 0, 16 * MIB + 1, 2 + 2 },
		{ "s3://b", 0, 1024 * MIB, 64 + 2 },
		{ "s3:", 64 * MIB, 1024 * MIB, 16 + 2 },
		/* 5 TiB in parts of 525 MiB, as S3 takes 10,000 of them */
		{ "s3://b", 0, UINT64_C(5) << 40, 9987 + 2 },
		{ "azure://c", 0, 1024 * MIB, 64 + 1 },
		{ "gcs://b", 0, 1024 * MIB, 1 }, { "mem:x", 0, GB, 1 },
		{ "file:/x", 0, UINT64_C(5) << 40, 1 }
	};
	struct vt_parts parts;
	struct vt_cost whole, c;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		vt_parts_of(t[i].url, t[i].part_bytes, &parts);
		is_int(vt_parts_count(&parts, t[i].size_bytes),
		    (long long)t[i].requests, "%s", t[i].url);
	}
	vt_cost_of(&m, 1024 * MIB, &whole);
	ok(close_to(vt_cost_put(&m, 2, 1024 * MIB), 2e-5),
	    "of a tier that is not configured nothing is known");
	vt_parts_of("s3:", 0, &m.tier[0].parts);
	vt_parts_of("azure:", 64 * MIB, &m.tier[2].parts);
	vt_parts_of("s3:", 0, &m.tier[3].parts);
	m.tier[3].price.part = 5e-6;
	vt_cost_of(&m, 1024 * MIB, &c);
	ok(close_to(c.move[0][2] - whole.move[0][2], 16 * 2e-5),
	    "to cold: 16 blocks more than the list of them");
	ok(close_to(c.move[2][0] - whole.move[2][0], 65 * 5e-6) &&
	    close_to(c.promote[1] - whole.promote[1], 65 * 5e-6) &&
	    close_to(c.promote[2] - whole.promote[2], 65 * 5e-6),
	    "to hot: 64 parts and their beginning more than the end");
	ok(close_to(c.move[0][3] - whole.move[0][3], 65 * 5e-6) &&
	    close_to(vt_cost_put(&m, 3, 1024 * MIB), 5e-5 + 65 * 5e-6),
	    "to the archive: at the price of a part, the end a PUT");
	ok(close_to(c.move[0][1], whole.move[0][1]) && c.move[2][2] <= 0,
	    "to warm, which takes it whole, as before");
	vt_cost_of(&m, 16 * MIB, &c);
	ok(close_to(c.move[0][3], 4e-7 + 5e-5), "what fits one part is a PUT");
	m.how = VT_MOVE_TRANSITION;
	vt_cost_of(&m, 1024 * MIB, &c);
	ok(close_to(c.move[0][2], 2e-5), "the provider moves it whole");
}

/* But for moves and promote. */
static int
same_stay(const struct vt_cost *a, const struct vt_cost *b)
{
	int same = a->count == b->count && a->size_bytes == b->size_bytes;
	size_t i;

	for (i = 0; i < a->count; i++)
		same &= close_to(a->day[i], b->day[i]) &&
		    close_to(a->min_days[i], b->min_days[i]) &&
		    close_to(a->get[i], b->get[i]) &&
		    close_to(a->byte[i], b->byte[i]) &&
		    close_to(a->restore[i], b->restore[i]) &&
		    a->needs_restore[i] == b->needs_restore[i] &&
		    a->excluded[i] == b->excluded[i];
	return same;
}

static int
same_moves(const struct vt_cost *a, const struct vt_cost *b, size_t from)
{
	int same = 1;
	size_t i;

	for (i = 0; i < a->count; i++)
		same &= close_to(a->move[from][i], b->move[from][i]);
	return same;
}

/* All ways of asking, over sizes on either side of every threshold; of what
 * leaves one tier, one after the other. */
static void
test_rates(const struct vt_cost_model *model)
{
	static const uint64_t sizes[] = {
		0, 1, 99999, 100000, 100001, 5000000, GB, 5000 * GB
	};
	struct vt_cost_model m = *model;
	struct vt_cost_rates r;
	struct vt_cost a, b, c;
	int same = 1, leaving = 1;
	size_t i, k;

	vt_parts_of("s3:", 0, &m.tier[0].parts);
	vt_parts_of("azure:", 64 * MIB, &m.tier[2].parts);
	m.tier[1].excluded = 1;
	vt_cost_rates_of(&m, &r);
	vt_cost_at(&r, GB / 3, &c);
	for (k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		vt_cost_of(&m, sizes[k], &a);
		vt_cost_at(&r, sizes[k], &b);
		same &= same_stay(&a, &b);
		for (i = 0; i < a.count; i++) {
			same &= close_to(a.promote[i], b.promote[i]) &&
			    same_moves(&a, &b, i);
			vt_cost_leaving_next(&r, sizes[k], i, &c);
			leaving &= same_stay(&a, &c) && same_moves(&a, &c, i);
			vt_cost_leaving(&r, sizes[k], i, &c);
			leaving &= same_stay(&a, &c) && same_moves(&a, &c, i);
		}
	}
	ok(same, "rates give the same bills");
	ok(leaving, "and so they do of one tier, into the last bill");
}

static void
test_speed(struct vt_cost_model *m)
{
	struct vt_cost c;
	struct vt_err err;

	is_int(vt_cost_model_speed(m, 3, "standard", &err), VT_OK,
	    "the file's own speed");
	is_int(vt_cost_model_speed(m, 3, "bulk", &err), VT_OK, "another");
	vt_cost_of(m, GB, &c);
	ok(close_to(vt_cost_serve(&c, 3, 1, 1e9),
	    2.5e-5 + 0.002 + 0.0025 + 4e-7), "has its own prices");
	is_int(vt_cost_model_speed(m, 3, "soon", &err), VT_INVALID,
	    "an unknown one");
	ok(strstr(err.text, "'soon'") != NULL, "is named: %s", err.text);
	is_int(vt_cost_model_speed(m, 0, "bulk", &err), VT_INVALID,
	    "and none where nothing is restored");
}

static void
test_transfer(const struct vt_prices *p)
{
	struct vt_cost_model m;
	struct vt_cost c;
	struct vt_err err;

	vt_cost_model_init(&m, p);
	is_int(vt_cost_model_add(&m, p, "disk", "HOT", "here", "here", &err),
	    VT_OK, "a tier here");
	is_int(vt_cost_model_add(&m, p, "far", "WARM", "there", "here", &err),
	    VT_OK, "and one far away");
	is_int(vt_cost_model_add(&m, p, "far", "WARM", "there", "here", &err),
	    VT_INVALID, "names are unique");
	is_int(vt_cost_model_add(&m, p, "x", "NONE", "here", "here", &err),
	    VT_INVALID, "an unknown class");
	is_int(vt_cost_model_add(&m, p, "x", "HOT", "mars", "here", &err),
	    VT_INVALID, "an unknown location");
	vt_cost_of(&m, GB, &c);
	ok(close_to(vt_cost_serve(&c, 1, 1, 1e9), 1e-6 + 0.01 + 0.02),
	    "reading from afar pays the way");
	ok(close_to(c.move[1][0], 1e-6 + 0.01 + 0.02 + 5e-6),
	    "so does moving back");
	ok(close_to(c.move[0][1], 4e-7 + 1e-5 + 0.01), "and moving there");
	m.tier[0].price.write_gb = 0.04;
	vt_cost_of(&m, GB, &c);
	ok(close_to(c.move[1][0], 1e-6 + 0.01 + 0.02 + 5e-6 + 0.04),
	    "what writing a GB costs is paid too");
	ok(close_to(c.promote[1], 5e-6 + 0.04), "also by a read");
	m.tier[0].price.write_gb = 0;
	is_int(vt_cost_model_tier(&m, "far"), 1, "found by name");
	is_int(vt_cost_model_tier(&m, "near"), -1, "or not");
	is_int(vt_cost_model_clients(&m, p, "here", "internet", &err), VT_OK,
	    "clients elsewhere");
	is_int(vt_cost_model_clients(&m, p, "here", "moon", &err), VT_INVALID,
	    "whose way must be stated");
}

/* A class that moves objects itself, as a tier: its first level and fee. */
static void
test_self(const struct vt_prices *p)
{
	struct vt_cost_model m;
	struct vt_cost c;
	struct vt_err err;

	vt_cost_model_init(&m, p);
	is_int(vt_cost_model_add(&m, p, "self", "SELF", "here", "here", &err),
	    VT_OK, "a tier that moves objects itself");
	vt_cost_of(&m, GB, &c);
	/* 0.003 for 1,000 objects and 30 days */
	ok(close_to(c.day[0], 0.001 + 1e-7), "pays for being watched");
	vt_cost_of(&m, 99999, &c);
	ok(close_to(c.day[0], 9.9999e-8), "small objects do not");
}

/* What a tier compresses is billed as it is stored, and would be elsewhere. */
static void
test_stored(const struct vt_cost_model *model)
{
	struct vt_cost_model m = *model;
	struct vt_cost_rates r;
	struct vt_cost c, small;
	size_t last = m.count - 1;

	m.tier[1].compresses = 1;
	vt_cost_rates_of(&m, &r);
	vt_cost_at(&r, GB / 4, &small);
	vt_cost_at(&r, GB, &c);
	vt_cost_stored(&r, 1, GB / 4, &c);
	ok(close_to(c.day[1], small.day[1]) && c.day[1] > 0,
	    "kept as it is stored");
	vt_cost_at(&r, GB, &small);
	ok(close_to(c.day[0], small.day[0]) &&
	    close_to(c.day[last], small.day[last]),
	    "elsewhere as it is");
	m.tier[last].compresses = 1;
	vt_cost_rates_of(&m, &r);
	vt_cost_at(&r, GB / 4, &small);
	vt_cost_at(&r, GB, &c);
	vt_cost_stored(&r, 1, GB / 4, &c);
	ok(close_to(c.day[last], small.day[last]),
	    "unless that compresses too");
}

/* 1,000 GB at 0.09, 9,000 at 0.08, what is more at 0.05. */
static void
test_clients(struct vt_cost_model m, const struct vt_prices *p)
{
	struct vt_err err;

	ok(vt_cost_clients(&m, 0, 12000e9) <= 0, "nobody asks for it");
	is_int(vt_cost_model_clients(&m, p, "here", "internet", &err), VT_OK,
	    "clients that are elsewhere");
	ok(close_to(vt_cost_clients(&m, 0, 12000e9), 90 + 720 + 100),
	    "what they read, by bands");
	m.client_bands.free_times_stored = 2;
	/* 10 GB stored make 20 GB free; the other 5 cost 0.09 each */
	ok(close_to(vt_cost_clients(&m, 10e9, 25e9), 5 * 0.09),
	    "is free up to so many times what is stored");
	ok(vt_cost_clients(&m, 20e9, 25e9) <= 0, "or all of it");
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
	test_keep(&m);
	test_read(&m);
	test_move(&m);
	test_parts(m);
	test_clients(m, p);
	test_rates(&m);
	test_speed(&m);
	test_stored(&m);
	test_transfer(p);
	test_self(p);
	vt_prices_free(p);
	return test_done();
}
