/*
 * Packs in the plan: the price of one by hand, who may go into one, and that
 * what comes together never costs more than what would be done without.
 */
#include <math.h>
#include <stdint.h>

#include "libvt/work/packplan.h"

#include "tests/unit/test.h"

#define DAY_US INT64_C(86400000000)
#define GIB 1073741824.0
#define MIB 1048576.0
#define MONTH 30.4375
#define HOT 0
#define COLD 1
#define ARCHIVE 2

static struct vt_cost_model model;
static struct vt_pack_options defaults;
static uint64_t seed = 88172645463325252u;

static unsigned
rnd(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % below;
}

static int
near(double a, double b)
{
	return fabs(a - b) <= 1e-5 * fabs(b);
}

/* AWS us-east-1 of November 2026: STANDARD, GLACIER_IR, DEEP_ARCHIVE. */
static void
make_model(void)
{
	static const struct vt_price prices[] = {
		{ .name = "hot", .storage_gb_month = 0.023, .put = 5e-6,
		    .get = 4e-7 },
		{ .name = "cold", .storage_gb_month = 0.004, .put = 2e-5,
		    .get = 1e-5, .transition = 2e-5, .retrieval_gb = 0.03,
		    .min_days = 90, .min_size_bytes = 131072 },
		{ .name = "archive", .storage_gb_month = 0.00099,
		    .put = 5e-5, .get = 4e-7, .transition = 5e-5,
		    .retrieval_gb = 0.02, .min_days = 180,
		    .overhead_bytes = 32768, .overhead_hot_bytes = 8192,
		    .needs_restore = 1, .restore = 1e-4,
		    .restore_days = 1 },
	};
	size_t i;

	memset(&model, 0, sizeof(model));
	model.bytes_per_gb = GIB;
	model.month_days = MONTH;
	model.count = sizeof(prices) / sizeof(prices[0]);
	for (i = 0; i < model.count; i++) {
		strcpy(model.tier[i].name, prices[i].name);
		model.tier[i].price = prices[i];
	}
	model.tier[ARCHIVE].excluded = 1;
	vt_pack_defaults(&defaults);
}

/* --- prices by hand ------------------------------------------------------- */

static double
alone_months(uint64_t size, size_t k)
{
	struct vt_cost c;

	model.how = VT_MOVE_TRANSITION;
	vt_cost_of(&model, size, &c);
	model.how = VT_MOVE_COPY;
	return c.move[HOT][k] / ((c.day[HOT] - c.day[k]) * MONTH);
}

static int
is_cheaper_alone(uint64_t size, size_t k)
{
	struct vt_cost c;

	vt_cost_of(&model, size, &c);
	return c.day[k] < c.day[HOT];
}

static void
test_alone(void)
{
	/* 131072 * 0.004 / 0.023 = 22795.1 */
	ok(!is_cheaper_alone(22795, COLD) && is_cheaper_alone(22796, COLD),
	    "alone GLACIER_IR is never cheaper below 22.3 KiB");
	/* (32768 * 0.00099 + 8192 * 0.023) / (0.023 - 0.00099) = 10034.3 */
	ok(!is_cheaper_alone(10034, ARCHIVE) &&
	    is_cheaper_alone(10035, ARCHIVE),
	    "DEEP_ARCHIVE never below 9.8 KiB");
	/* 2e-5 / ((102400 * 0.023 - 131072 * 0.004) / GIB) */
	ok(near(alone_months(102400, COLD), 11.729),
	    "100 KiB: the transition takes 11.7 months to earn back");
	ok(near(alone_months(1048576, COLD), 1.07789), "1 MiB: 1.1 months");
	ok(near(alone_months(131072, ARCHIVE), 20.1525),
	    "DEEP_ARCHIVE at 128 KiB: 20 months");
}

static struct vt_pack_offer
quote(const struct vt_pack_options *o, uint64_t size, size_t k)
{
	struct vt_pack_terms terms;
	struct vt_pack_offer q;
	struct vt_cost c;

	memset(&q, 0, sizeof(q));
	q.age_days = INFINITY;
	vt_cost_of(&model, size, &c);
	vt_pack_terms_of(&model, o, &terms);
	vt_pack_quote(&terms, &c, k, &q);
	return q;
}

static double
earned_back(const struct vt_pack_offer *q)
{
	return q->cost / ((q->now_day - q->packed_day) * MONTH);
}

static void
test_member(void)
{
	struct vt_pack_options o = defaults;
	struct vt_pack_offer q;

	is_int(vt_pack_member_bytes(&o, 0), 1536, "an empty member: headers");
	is_int(vt_pack_member_bytes(&o, 1), 2048, "a byte: a block more");
	is_int(vt_pack_member_bytes(&o, 512), 2048, "a block: the same");
	is_int(vt_pack_member_bytes(&o, 513), 2560, "a byte more: two");
	o.ratio = 0.5;
	is_int(vt_pack_member_bytes(&o, 2048), 2560, "compressed to a half");
	o = defaults;
	q = quote(&o, 4096, COLD);
	/* 4e-7 + 2e-5 * 5632 / 2^26 */
	ok(near(q.cost, 4.01678e-7), "a GET and its share of a PUT");
	/* (4096 * 0.023 - 5632 * 0.004 - 100 * 0.023) / GIB */
	ok(near((q.now_day - q.packed_day) * MONTH, 6.46151e-8),
	    "a month of 4 KiB, headers and index entry paid");
	ok(near(earned_back(&q), 6.21648) &&
	    near(q.payback_days, 6.21648 * MONTH),
	    "4 KiB pays back in 6.2 months with its headers");
	o.header_bytes = 0;
	q = quote(&o, 4096, COLD);
	/* 4.01221e-7 / ((4096 * 0.019 - 2.3) / GIB) */
	ok(near(earned_back(&q), 5.70424), "in 5.7 without");
	q = quote(&o, 102400, COLD);
	/* (4e-7 + 2e-5 * 102400 / 2^26) / ((102400 * 0.019 - 2.3) / GIB) */
	ok(near(earned_back(&q), 0.237876), "100 KiB in 0.24 months");
	/* (4.30518e-7 + 90 * d) / h: a day packed, and hot */
	ok(near(q.payback_days, 21.7142),
	    "with the 90 days that it commits to: 22 days");
	ok(isinf(quote(&o, 100, COLD).payback_days),
	    "100 bytes never: the index entry costs as much");
}

static void
price(const struct vt_pack_options *o, size_t k, double bytes, double members,
    double leave, struct vt_pack_bill *out)
{
	struct vt_pack_terms terms;

	vt_pack_terms_of(&model, o, &terms);
	vt_pack_price(&terms, k, bytes, members, leave, out);
}

static void
test_price(void)
{
	double day = 64 * MIB * 0.004 / GIB / MONTH;
	double index = 1000 * 100 * 0.023 / GIB / MONTH, factor;
	struct vt_pack_options o = defaults;
	struct vt_pack_bill b;

	price(&o, COLD, 64 * MIB, 1000, 0, &b);
	ok(near(b.day, day + index) && near(b.bare_day, b.day) &&
	    near(b.put, 2e-5) && b.waste_day == 0 && b.restore == 0,
	    "a full pack: its bytes, the index entries, one PUT");
	price(&o, COLD, 50000, 1, 0, &b);
	ok(near(b.waste_day, (131072 - 50000) * 0.004 / GIB / MONTH),
	    "a small one is billed as 128 KiB");
	price(&o, ARCHIVE, 64 * MIB, 1000, 0, &b);
	/* 1e-4 + 2^26 * 0.023 / GIB / MONTH + 2^26 * 0.02 / GIB */
	ok(near(b.restore, 1.39723e-3), "a restore is of the whole pack");
	ok(near(b.waste_day, (32768 * 0.00099 + 8192 * 0.023) / GIB / MONTH),
	    "and an archive's overheads are the pack's");

	/* 30 % dead after 35.667 days, 30 live days a member in them */
	factor = 35.6675 / 30;
	model.tier[COLD].price.retrieval_gb = model.tier[COLD].price.put =
	    model.tier[COLD].price.get = model.tier[COLD].price.min_days = 0;
	price(&o, COLD, 64 * MIB, 1000, 0.01, &b);
	ok(near(b.day, day * factor + index) && near(b.dead_at, 0.3),
	    "where repacking is free it is done at 30 %%: x %.3f", factor);
	o.dead_max = 0.5;
	price(&o, COLD, 64 * MIB, 1000, 0.01, &b);
	ok(near(b.day, day * (69.3147 / 50) + index), "or at 50 %%, if asked");
	o = defaults;
	make_model();
	price(&o, COLD, 64 * MIB, 1000, 0.01, &b);
	ok(b.dead_at > 0.3, "GLACIER_IR's retrieval makes it wait: %.0f %%",
	    100 * b.dead_at);
	/* lasts 35.667 days, 54.33 early, 44.8 MiB read and written */
	factor = (day * 35.6675 + 1e-5 + 44.8 / 1024 * 0.03 + 2e-5 +
	    day * (90 - 35.6675)) / 30;
	ok(b.day - index < factor, "and costs less than at 30 %%");
}

static void
repack(const struct vt_pack_options *o, size_t k,
    const struct vt_pack_state *s, struct vt_repack *out)
{
	struct vt_pack_terms terms;

	vt_pack_terms_of(&model, o, &terms);
	vt_pack_repack(&terms, k, s, out);
}

static void
test_repack(void)
{
	struct vt_pack_state s = { 64 * MIB, 38.4 * MIB, 100, 100, 400 };
	struct vt_pack_options o = defaults;
	struct vt_repack r;

	repack(&o, COLD, &s, &r);
	/* 38.4 / 1024 * 0.03 + 1e-5 + 2e-5 */
	ok(near(r.cost, 0.001155), "repacking: read what lives, write it");
	ok(near(r.dead, 0.4) && near(r.saving_day * MONTH, 1e-4),
	    "25.6 MiB less are billed");
	ok(near(r.payback_days, 11.55 * MONTH), "pays back in 11.6 months");
	ok(r.due, "worth it for what stays 400 days");
	s.stay_days = 300;
	repack(&o, COLD, &s, &r);
	ok(!r.due, "not for what stays 300");
	s.stay_days = 400;
	o.payback_max_days = 100;
	repack(&o, COLD, &s, &r);
	ok(!r.due, "nor when the user does not want to wait");
	o = defaults;
	s.stayed_days = 60;
	repack(&o, COLD, &s, &r);
	/* 64 / 1024 * 0.004 / MONTH * 30 */
	ok(near(r.cost, 0.001155 + 2.46407e-4),
	    "leaving before the minimum costs the rest of it");
	s.stayed_days = 100;
	s.stay_days = INFINITY;
	s.live_bytes = 46 * MIB;
	repack(&o, COLD, &s, &r);
	ok(!r.due && r.payback_days < INFINITY, "28 %% dead: not yet");
	s.live_bytes = s.live_members = 0;
	repack(&o, COLD, &s, &r);
	ok(!r.due && r.dead == 1, "all dead: garbage, nothing to write");
	s.live_bytes = 30 * MIB;
	s.live_members = 10;
	repack(&o, ARCHIVE, &s, &r);
	ok(r.cost > 1e-4 + 64 * MIB * 0.023 / GIB / MONTH,
	    "an archive restores the whole pack first");
}

/* --- who may -------------------------------------------------------------- */

static struct vt_scan_record
record(uint64_t size, int days)
{
	struct vt_scan_record r;

	memset(&r, 0, sizeof(r));
	r.bucket = "b";
	r.key = "k";
	r.key_len = 1;
	r.version = r.pin = r.lock = "";
	r.tier = "hot";
	r.size_bytes = size;
	r.mtime_us = r.copy_since_us = r.covered_from_us = 20000 * DAY_US;
	r.covered_to_us = (20000 + days) * DAY_US;
	r.covered_days = days;
	return r;
}

static enum vt_pack_why
weigh(const struct vt_pack_options *o, const struct vt_scan_record *r,
    double expires, struct vt_past *past, struct vt_pack_offer *out)
{
	static const struct vt_policy policy = {
		.min_history_days = 30 };
	struct vt_pack_terms terms;
	struct vt_decision d;
	struct vt_cost c;

	if (vt_past_fill(past, r, INT64_MAX, NULL) != VT_OK)
		exit(1);
	vt_cost_of(&model, r->size_bytes, &c);
	vt_plan_decide(&model, &policy, NULL, &c, r, past, NULL, &d);
	vt_pack_terms_of(&model, o, &terms);
	return vt_pack_weigh(&terms, &c, r, past, &d, expires, out);
}

static enum vt_pack_why
why(const struct vt_scan_record *r)
{
	struct vt_pack_offer offer;
	enum vt_pack_why out;
	struct vt_past past;

	vt_past_init(&past);
	out = weigh(&defaults, r, INFINITY, &past, &offer);
	vt_past_release(&past);
	return out;
}

static void
test_held(void)
{
	static const char *const also[] = { "cold" };
	struct vt_scan_record r = record(100000, 200);

	is_int(why(&r), VT_PACK_YES, "100 KB at rest for 200 days is packed");
	r = record(100000, 29);
	is_int(why(&r), VT_PACK_HELD,
	    "P12 nothing is packed on less than 30 covered days");
	r = record(100000, 200);
	r.covered_days = 29;
	is_int(why(&r), VT_PACK_HELD, "P12 however long ago they began");
	r = record(100000, 200);
	r.pin = "hot";
	is_int(why(&r), VT_PACK_HELD, "P6 nor what is pinned");
	r = record(100000, 200);
	r.legal_hold = 1;
	is_int(why(&r), VT_PACK_HELD, "P6 nor under a legal hold");
	r = record(100000, 200);
	r.lock = "compliance";
	r.retain_until_us = INT64_MAX;
	is_int(why(&r), VT_PACK_HELD, "P6 nor under retention");
	r = record(100000, 200);
	r.adopted = 1;
	is_int(why(&r), VT_PACK_HELD, "nor what is not ours");
	r = record(100000, 200);
	r.pack = 7;
	is_int(why(&r), VT_PACK_HELD, "nor what is in a pack");
	r = record(100000, 200);
	r.also = also;
	r.also_count = 1;
	is_int(why(&r), VT_PACK_NO_SAVING, "nor where it has a copy");
	model.tier[COLD].excluded = 1;
	r = record(100000, 200);
	is_int(why(&r), VT_PACK_NO_SAVING, "P6 nor to a tier ruled out");
	make_model();
}

static void
test_weigh(void)
{
	struct vt_heat_day h = { 20190, 20190, 1, 1, 100000 };
	struct vt_heat_gap gap = { 20010 * DAY_US, 180 * DAY_US };
	struct vt_scan_record r = record(1048577, 200);
	struct vt_pack_offer offer;
	struct vt_past past;

	is_int(why(&r), VT_PACK_LARGE, "over a MiB: alone");
	r = record(1048576, 400);
	is_int(why(&r), VT_PACK_ALONE, "a MiB goes by itself: what dies "
	    "beside it would cost more than its PUT");
	r = record(200000, 400);
	is_int(why(&r), VT_PACK_YES, "200 KB do not");
	r = record(4096, 200);
	is_int(why(&r), VT_PACK_SOON, "4 KiB: 200 days of rest are too few");
	r = record(4096, 400);
	is_int(why(&r), VT_PACK_YES, "but 400 are enough");
	r = record(60, 4000);
	is_int(why(&r), VT_PACK_NO_SAVING, "60 bytes: never");
	r = record(100000, 200);
	r.h = &h;
	r.h_count = 1;
	is_int(why(&r), VT_PACK_SOON, "read ten days ago: not yet");
	r = record(100000, 200);
	r.gaps = &gap;
	r.gap_count = 1;
	is_int(why(&r), VT_PACK_SOON,
	    "P12 what the log did not see is no rest");
	r = record(100000, 200);
	r.tier = "cold";
	r.mtime_us = r.copy_since_us = 19900 * DAY_US;
	is_int(why(&r), VT_PACK_NO_SAVING, "nothing is colder");

	vt_past_init(&past);
	r = record(100000, 200);
	is_int(weigh(&defaults, &r, 20, &past, &offer), VT_PACK_SOON,
	    "what a rule removes in 20 days is left");
	is_int(weigh(&defaults, &r, 300, &past, &offer), VT_PACK_YES,
	    "in 300 it is packed");
	ok(isinf(offer.age_days), "and is not expected to die before");
	vt_past_release(&past);
}

/* --- putting them together ------------------------------------------------ */

#define MEMBERS 20000

struct item {
	struct vt_pack_member m;	/* first */
	char bucket[8], key[40];
	int seen;
};

struct outcome {
	uint64_t packs, packed, waiting, largest, smallest;
	double saved;		/* by hand, against not packing */
	int bad;		/* a promise was broken */
	char prefix[64];	/* of the last pack */
};

/* Every pack by hand: is it in bounds, does it cost less than without? */
static void
judge(void *ctx, const struct vt_pack *p)
{
	const struct vt_price *to = &model.tier[p->to].price;
	struct outcome *out = ctx;
	double other = 0, usd, bytes = 0, horizon = INFINITY, idle = INFINITY;
	struct vt_pack_member *i;
	uint64_t n = 0;

	for (i = p->first; i != NULL; i = i->next) {
		struct item *item = (struct item *)i;

		item->seen++;
		n++;
		bytes += i->offer.bytes;
		horizon = fmin(horizon, i->offer.horizon_days);
		idle = fmin(idle, i->offer.idle_days);
		out->bad |= i->offer.to != p->to ||
		    strcmp(item->bucket, p->bucket) != 0 ||
		    strncmp(item->key, p->prefix, p->prefix_len) != 0;
	}
	out->bad |= n != p->objects || fabs(bytes - p->bytes) > 0.5 ||
	    p->idle_days != idle;
	if (!p->pays) {
		out->waiting += n;
		return;
	}
	usd = to->put + (fmax(bytes, (double)to->min_size_bytes) +
	    (double)to->overhead_bytes) * to->storage_gb_month / GIB /
	    MONTH * fmax(horizon, to->min_days);
	for (i = p->first; i != NULL; i = i->next) {
		usd += model.tier[HOT].price.get + 100 * 0.023 / GIB / MONTH *
		    fmax(horizon, to->min_days);
		other += i->offer.else_cost + i->offer.else_day * horizon;
	}
	out->bad |= usd >= other || bytes > (double)defaults.pack_bytes ||
	    n < 2;
	out->saved += other - usd;
	out->packs++;
	out->packed += n;
	if (n > out->largest)
		out->largest = n;
	if (out->packs == 1 || n < out->smallest)
		out->smallest = n;
	snprintf(out->prefix, sizeof(out->prefix), "%.*s", (int)p->prefix_len,
	    p->prefix);
}

/* Offers all that may go; returns how many. */
static size_t
pack_all(struct item *items, const struct vt_scan_record *r, size_t n,
    struct outcome *out)
{
	struct vt_pack_terms terms;
	struct vt_pack_offer offer;
	struct vt_packer *p;
	struct vt_past past;
	size_t i, count = 0;
	int is_one;

	memset(out, 0, sizeof(*out));
	vt_pack_terms_of(&model, &defaults, &terms);
	p = vt_packer_new(&terms, judge, out);
	vt_past_init(&past);
	for (i = 0; i < n; i++) {
		items[i].seen = 0;
		snprintf(items[i].bucket, 8, "%s", r[i].bucket);
		snprintf(items[i].key, 40, "%.*s", (int)r[i].key_len,
		    r[i].key);
		is_one = weigh(&defaults, &r[i], INFINITY, &past, &offer) ==
		    VT_PACK_YES;
		vt_packer_saw(p, r[i].bucket, r[i].key, r[i].key_len, &past);
		if (is_one)
			vt_packer_add(p, &offer, vt_pack_class(&offer, 20500,
			    INFINITY), &items[i].m);
		count += (size_t)is_one;
	}
	out->bad |= vt_packer_held(p) != count - out->packed - out->waiting;
	vt_packer_flush(p);
	out->bad |= vt_packer_held(p) != 0;
	vt_packer_free(p);
	vt_past_release(&past);
	return count;
}

static char keys[MEMBERS][40];
static struct item items[MEMBERS];
static struct vt_scan_record records[MEMBERS];

static void
set(size_t i, const char *key, uint64_t size, int days)
{
	snprintf(keys[i], sizeof(keys[i]), "%s", key);
	records[i] = record(size, days);
	records[i].key = keys[i];
	records[i].key_len = strlen(keys[i]);
}

static void
test_folders(void)
{
	struct outcome out;
	char key[40];
	size_t i;

	/* 660 * 101,888 bytes are 64 MiB and a little */
	for (i = 0; i < 700; i++) {
		snprintf(key, sizeof(key), "a/%04zu", i);
		set(i, key, 100000, 200);
	}
	pack_all(items, records, 700, &out);
	ok(!out.bad && out.packs == 2 && out.largest == 658 &&
	    out.smallest == 42, "a full pack, and the rest");
	is_str(out.prefix, "", "the rest of a folder goes on above");
	pack_all(items, records, 400, &out);
	ok(!out.bad && out.packs == 1, "more than half a pack");
	is_str(out.prefix, "a/", "stays in its folder");
	for (i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "a/%03zu/x", i);
		set(i, key, 150000, 300);
	}
	pack_all(items, records, 300, &out);
	ok(!out.bad && out.packs == 1 && out.packed == 300,
	    "many folders with one object each: one pack");
	is_str(out.prefix, "a/", "of the folder above");
	for (i = 0; i < 100; i++)
		records[i].bucket = i < 50 ? "b" : "c";
	pack_all(items, records, 100, &out);
	ok(!out.bad && out.packs == 2 && out.packed == 100,
	    "buckets are never mixed");
	set(0, "a/1", 100000, 200);
	pack_all(items, records, 1, &out);
	ok(!out.bad && out.packs == 0 && out.waiting == 1,
	    "one object is no pack, but waits");
}

/* When did it begin to be worth it? */
static void
test_waiting(void)
{
	struct outcome out;
	int days, first = 0;
	char key[40];
	size_t i;

	for (days = 31; days <= 500; days++) {
		for (i = 0; i < 20; i++) {
			snprintf(key, sizeof(key), "%04zu", i);
			set(i, key, 50000, days);
		}
		pack_all(items, records, 20, &out);
		if (first == 0 && out.packs > 0)
			first = days;
		if (out.bad || (first != 0 && out.packs == 0))
			break;
	}
	ok(days == 501 && first > 50 && first < 300, "a million bytes wait "
	    "for more until day %d, and are a pack from then on", first);
}

/* The same twenty offers, but for what `edit` makes of them. */
static void
offer_twenty(void (*edit)(struct vt_pack_offer *o), struct outcome *out)
{
	struct vt_scan_record r = record(50000, 300);
	struct vt_pack_terms terms;
	struct vt_pack_offer offer;
	struct vt_past past;
	struct vt_packer *p;
	size_t i;

	memset(out, 0, sizeof(*out));
	vt_pack_terms_of(&model, &defaults, &terms);
	p = vt_packer_new(&terms, judge, out);
	vt_past_init(&past);
	weigh(&defaults, &r, INFINITY, &past, &offer);
	edit(&offer);
	for (i = 0; i < 20; i++) {
		snprintf(items[i].bucket, 8, "b");
		snprintf(items[i].key, 40, "k");
		vt_packer_saw(p, "b", "k", 1, &past);
		vt_packer_add(p, &offer, 0, &items[i].m);
	}
	vt_packer_flush(p);
	vt_packer_free(p);
	vt_past_release(&past);
}

static void
as_it_is(struct vt_pack_offer *o)
{
	(void)o;
}

static void
just_now(struct vt_pack_offer *o)
{
	o->payback_days = o->horizon_days;
}

static void
dear_else(struct vt_pack_offer *o)
{
	o->horizon_days = 30;
	o->payback_days = -10000;
	o->else_cost = 1;
}

static void
good_else(struct vt_pack_offer *o)
{
	o->else_day = o->packed_day / 2;
}

static void
test_offers(void)
{
	struct outcome out;

	offer_twenty(as_it_is, &out);
	ok(!out.bad && out.packs == 1, "twenty that were long worth it: a "
	    "small pack");
	offer_twenty(just_now, &out);
	ok(!out.bad && out.packs == 0 && out.waiting == 20,
	    "that are worth it only now: they wait for more");
	offer_twenty(dear_else, &out);
	ok(!out.bad && out.packs == 0, "that do not rest for long: none, "
	    "whatever else would cost");
	offer_twenty(good_else, &out);
	ok(!out.bad && out.packs == 0, "that cost less alone: none");
}

static void
test_mixed(void)
{
	struct outcome out;

	set(0, "a", 110000, 400);
	set(1, "b", 110000, 600);
	pack_all(items, records, 2, &out);
	ok(!out.bad && out.packs == 1 && out.packed == 2,
	    "what is left at the end goes together, whenever it may die");
	pack_all(items, records, 1, &out);
	ok(!out.bad && out.waiting == 1, "or waits");
}

static void
test_reads(void)
{
	static struct vt_heat_day h[2] = {
		{ 20150, 20150, 1, 1, 50000 }, { 20299, 20299, 1, 1, 50000 }
	};
	struct outcome out;
	char key[40];
	size_t i;

	for (i = 0; i < 2000; i++) {
		snprintf(key, sizeof(key), "%04zu", i);
		set(i, key, 50000, 300);
	}
	pack_all(items, records, 2000, &out);
	ok(!out.bad && out.packed == 2000, "none was ever read: packed");
	/* as many were read again after months of rest */
	for (i = 1; i < 2000; i += 2) {
		records[i].h = h;
		records[i].h_count = 2;
	}
	pack_all(items, records, 2000, &out);
	ok(!out.bad && out.packs == 0, "where every other one is read after "
	    "months, none is");
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct vt_scan_record *)a)->key,
	    ((const struct vt_scan_record *)b)->key);
}

static void
test_any(void)
{
	uint64_t offered, first_packs;
	struct outcome out, again;
	int round, bad = 0, lost = 0, packs = 0;
	char key[40];
	size_t i, n;

	for (round = 0; round < 40; round++) {
		n = 200 + rnd(round < 4 ? MEMBERS - 200 : 2000);
		for (i = 0; i < n; i++) {
			snprintf(key, sizeof(key), rnd(2) ? "%u/%u/%zu" :
			    "%u/%u%zu", rnd(3), rnd(6), i);
			set(i, key, 1 + rnd(rnd(2) ? 20000 : 300000),
			    31 + (int)rnd(1000));
			records[i].bucket = round % 2 ? "b" : rnd(2) ? "b" :
			    "c";
		}
		if (round % 2)
			qsort(records, n, sizeof(records[0]), by_name);
		offered = pack_all(items, records, n, &out);
		bad |= out.bad || out.packed + out.waiting != offered;
		for (i = 0; i < n; i++)
			lost |= items[i].seen > 1;
		first_packs = out.packs;
		packs += (int)out.packs;
		pack_all(items, records, n, &again);
		bad |= again.packs != first_packs || again.saved != out.saved;
	}
	ok(!lost && !bad, "in any order each object comes once, in a pack "
	    "that costs less than without, or waits");
	ok(packs > 100, "of %d packs", packs);
}

/* What one pack of these saves, by hand; 0 if it does not. */
static double
saved_by(const struct item *it, size_t n, unsigned mask)
{
	double usd = 2e-5, other = 0, bytes = 0, h = INFINITY;
	size_t i;

	for (i = 0; i < n; i++)
		if ((mask >> i & 1) != 0)
			h = fmin(h, it[i].m.offer.horizon_days);
	for (i = 0; i < n; i++)
		if ((mask >> i & 1) != 0) {
			bytes += it[i].m.offer.bytes;
			usd += it[i].m.offer.move + 2.3 / GIB / MONTH *
			    fmax(h, 90);
			other += it[i].m.offer.else_cost +
			    it[i].m.offer.else_day * h;
		}
	usd += fmax(bytes, 131072) * 0.004 / GIB / MONTH * fmax(h, 90);
	return fmax(0, other - usd);
}

/* Of all ways to put six objects together, the best. */
static double
best_partition(const struct item *it)
{
	double pack[64], best[64] = { 0 };
	unsigned mask, sub;

	for (mask = 1; mask < 64; mask++)
		pack[mask] = saved_by(it, 6, mask);
	for (mask = 1; mask < 64; mask++)
		for (sub = mask; sub > 0; sub = (sub - 1) & mask)
			best[mask] = fmax(best[mask],
			    pack[sub] + best[mask ^ sub]);
	return best[63];
}

static void
test_six(void)
{
	int round, lost = 0, found = 0, some = 0;
	struct outcome out;
	double best;
	char key[40];
	size_t i;

	for (round = 0; round < 2000; round++) {
		for (i = 0; i < 6; i++) {
			snprintf(key, sizeof(key), "%u/%zu", rnd(2), i);
			set(i, key, 1000 + rnd(200000), 100 + (int)rnd(800));
		}
		qsort(records, 6, sizeof(records[0]), by_name);
		pack_all(items, records, 6, &out);
		best = best_partition(items);
		lost |= out.bad || out.saved < 0 || out.saved > best * 1.0001;
		some += best > 0;
		found += out.packs > 0;
	}
	ok(!lost, "of six objects what is packed saves, and never more than "
	    "the best of all ways");
	ok(found > 100 && some >= found, "%d of %d times something is packed",
	    found, some);
}

int
main(void)
{
	make_model();
	test_alone();
	test_member();
	test_price();
	test_repack();
	test_held();
	test_weigh();
	test_folders();
	test_waiting();
	test_offers();
	test_mixed();
	test_reads();
	test_any();
	test_six();
	return test_done();
}
