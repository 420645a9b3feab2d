/*
 * The sums of the report and its page.  With an argument, the page of a made-up
 * year is written there, to be looked at.
 */
#include <math.h>

#include "libvt/base/fs.h"
#include "libvt/base/uri.h"
#include "libvt/work/report_internal.h"

#include "tests/unit/test.h"

#define DAY_US INT64_C(86400000000)
#define DAY0 20000			/* 2024-10-04 */

static struct vt_err err;

static void
model(struct vt_cost_model *m)
{
	static const char *const names[] = { "hot", "warm", "cold",
		"archive" };
	static const char *const classes[] = { "STANDARD", "STANDARD_IA",
		"GLACIER_IR", "DEEP_ARCHIVE" };
	static const double usd[] = { 0.023, 0.0125, 0.004, 0.00099 };
	size_t i;

	memset(m, 0, sizeof(*m));
	m->bytes_per_gb = 1073741824;
	m->month_days = 30.4375;
	m->count = 4;
	for (i = 0; i < m->count; i++) {
		snprintf(m->tier[i].name, sizeof(m->tier[i].name), "%s",
		    names[i]);
		snprintf(m->tier[i].price.name,
		    sizeof(m->tier[i].price.name), "%s", classes[i]);
		m->tier[i].price.storage_gb_month = usd[i];
	}
	m->tier[3].price.needs_restore = 1;
}

static struct vt_report *
new_report(void)
{
	struct vt_cost_model m;
	struct vt_report *r;

	model(&m);
	r = vt_report_new(&m);
	if (r == NULL)
		exit(99);
	return r;
}

static struct vt_report_place
version(struct vt_report *r, const char *key, uint64_t size, double idle,
    double usd)
{
	struct vt_report_version v = {
		.bucket = "b", .key = key, .key_len = strlen(key),
		.size_bytes = size, .age_days = idle + 1, .idle_days = idle,
		.month_usd = usd, .least_usd = usd / 4, .held = VT_REPORT_MOVE
	};

	return vt_report_version(r, &v);
}

static void
move(struct vt_report *r, const char *key, size_t key_len,
    struct vt_report_place place, uint64_t size, double usd)
{
	struct vt_report_move m = {
		.bucket = "b", .key = key, .key_len = key_len,
		.reason = "no read in 200 days; pays back in 16 days if it "
		    "rests as long again",
		.place = place, .to = 2, .size_bytes = size, .now_usd = usd,
		.after_usd = usd / 4, .saving_usd_month = usd * 3 / 4,
		.cost_usd = usd / 3, .payback_days = 16, .evidence_days = 200
	};

	if (vt_report_move(r, &m, &err) != VT_OK)
		exit(99);
}

static char *
page(const struct vt_report *r, size_t *len)
{
	static const char *const notes[] = {
		"Times are stretched 4 times: a day of the log counts as four."
	};
	struct vt_report_facts f = {
		.covered_from_us = DAY0 * DAY_US,
		.covered_to_us = (DAY0 + 400) * DAY_US,
		.covered_days = 396.5, .min_history_days = 30,
		.prices_title = "AWS S3 us-east-1, 2026-11-22",
		.prices_digest = "77ef63bcdc6bdcd2",
		.plan_id = "431db27fa8f759c4", .version = "vt-plan 1",
		.command = "vt-plan --max-usd 5", .notes = notes,
		.note_count = 1, .pack_objects = 120000,
		.pack_bytes = UINT64_C(3) << 30, .pack_count = 48,
		.pack_saving_usd_month = 0.41, .pack_cost_usd = 0.09,
		.pack_payback_days = 7
	};
	struct vt_buf b;

	vt_buf_init(&b, VT_REPORT_BYTES_MAX);
	vt_report_html(r, &f, &b);
	return vt_buf_take(&b, len);
}

static int
near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b));
}

static void
test_sums(void)
{
	struct vt_report *r = new_report();
	struct vt_report_place p, q;

	p = version(r, "logs/a", 1 << 30, 200, 2.0);
	q = version(r, "logs/b", 1 << 20, 3, 0.5);
	version(r, "top", 10, -1, 0.001);
	is_int(p.idle, 4, "200 days are under a year");
	is_int(q.idle, 0, "3 days are under a week");
	move(r, "logs/a", 6, p, 1 << 30, 2.0);
	is_int((long long)r->all.objects, 3, "versions are counted");
	ok(near(r->all.usd, 2.501), "and their bills");
	ok(near(r->after_usd, -1.5), "a move lowers the bill");
	is_int((long long)r->now[REPORT_IDLE][4][0].objects, 1,
	    "it was on the first tier");
	is_int((long long)r->after[REPORT_IDLE][4][0].objects, 0,
	    "and is not after the move");
	is_int((long long)r->after[REPORT_IDLE][4][2].bytes, 1 << 30,
	    "but on the third");
	is_int((long long)r->now[REPORT_IDLE][8][0].objects, 1,
	    "P12 no covered time is unknown, never idle");
	ok(near(r->earned[12], 18.0), "twelve months of savings");
	ok(near(r->sure[12], 1.5 * 200 / 30.4375),
	    "no longer than the evidence");
	vt_report_free(r);
}

/* What a removal takes away, and what a cap holds back. */
static void
test_removal(void)
{
	struct vt_report *r = new_report();
	struct vt_report_move m = { .bucket = "b", .key = "k", .key_len = 1,
		.reason = "expired", .to = -1, .size_bytes = 100,
		.now_usd = 1 };

	m.place = version(r, "k", 100, 50, 1);
	ok(vt_report_move(r, &m, &err) == VT_OK, "a removal");
	is_int((long long)r->after[REPORT_SIZE][0][0].objects, 0,
	    "leaves nothing");
	is_int((long long)r->removed.objects, 1, "and is counted");
	is_int((long long)r->moved.objects, 0, "as no move");
	m.place = version(r, "l", 100, 50, 1);
	vt_report_capped(r, &m);
	is_int((long long)r->held[VT_REPORT_CAPPED].objects, 1,
	    "what the caps leave out stays");
	is_int((long long)r->after[REPORT_SIZE][0][0].objects, 1, "there");
	vt_report_free(r);
}

static double
spent(const struct vt_report *r, int64_t day, size_t i)
{
	double rate = 0;
	size_t k;

	for (k = 0; k < r->days; k++) {
		rate += r->day[k].rate[i];
		if (r->day0 + (int64_t)k == day)
			return r->day[k].once[i] + rate;
	}
	return 0;
}

static void
test_spending(void)
{
	struct vt_report *r = new_report();
	double sum = 0;
	int64_t day;

	ok(vt_report_spend(r, 0, 100.25, 110.5, 20.5, &err) == VT_OK &&
	    vt_report_spend(r, 0, 105.5, 105.5, 7, &err) == VT_OK &&
	    vt_report_spend(r, 0, 20.5, 20.75, 3, &err) == VT_OK &&
	    vt_report_spend(r, 0, 5000, 5001, 4, &err) == VT_OK &&
	    vt_report_spend(r, 1, 105, 106, 9, &err) == VT_OK,
	    "dollars over time");
	ok(near(spent(r, 100, 0), 1.5), "a part of the first day");
	ok(near(spent(r, 104, 0), 2), "a day between");
	ok(near(spent(r, 105, 0), 9), "one with a payment");
	ok(near(spent(r, 110, 0), 1), "a part of the last day");
	ok(near(spent(r, 20, 0), 3), "earlier than all before");
	ok(near(spent(r, 105, 1), 9), "another engine");
	for (day = 0; day < 5010; day++)
		sum += spent(r, day, 0);
	ok(near(sum, 34.5), "it adds up");
	ok(vt_report_spend(r, 0, -1e6, 1e6, 1, &err) == VT_OK &&
	    r->days <= REPORT_DAYS_MAX, "time has an end");
	vt_report_free(r);
}

/* More prefixes than are watched: the heavy ones are there all the same. */
static void
test_prefixes(void)
{
	const struct report_prefix *top[REPORT_TOP_PREFIXES];
	struct vt_report *r = new_report();
	char key[64], *html;
	size_t n, i, len;

	for (i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "p%05zu/x", i * 7919 % 20000);
		version(r, key, 10, 5, 0.001);
		if (i % 10 == 0)
			version(r, "heavy/x", 1000, 5, 1);
	}
	n = report_prefixes_top(r, top);
	is_int((long long)n, REPORT_TOP_PREFIXES, "so many are shown");
	is_str(top[0]->name, "b/heavy/", "the heaviest first");
	ok(near(top[0]->now.usd, 2000), "with all it has");
	ok(top[1]->missed_usd > 0, "of light ones some may be missing");
	ok(r->prefixes[0].count <= REPORT_PREFIXES, "in bounded memory");
	html = page(r, &len);
	ok(html != NULL && strstr(html, "All others") != NULL &&
	    strstr(html, "more prefixes than") != NULL,
	    "the page says that there are others");
	free(html);
	vt_report_free(r);
}

static void
test_depth(void)
{
	const struct report_prefix *top[REPORT_TOP_PREFIXES];
	struct vt_report *r = new_report();

	version(r, "data/2024/a", 10, 5, 10);
	version(r, "data/2025/a", 10, 5, 20);
	version(r, "other", 10, 5, 1);
	is_int((long long)report_prefixes_top(r, top), 3,
	    "a prefix that has nearly all is divided");
	is_str(top[0]->name, "b/data/2025/", "by the next part of its keys");
	is_str(top[2]->name, "b/", "keys without a prefix are their bucket's");
	vt_report_free(r);
}

/* Keys are anybody's bytes. */
static void
test_names(void)
{
	static const char key[] = "<script>alert(1)</script>\"'&amp;\xff\xc0"
	    "\xe2\x80\xae" "cod.exe\x01\xef\xbb\xbf\xf4\x90\x80\x80"
	    "\xd9\x85\xef\xb7\x90";
	struct vt_report *r = new_report();
	struct vt_report_place p;
	char *html, *again, large[1025];
	size_t len, len2, i;

	p = version(r, "<b>/x", 100, 50, 1);
	move(r, key, sizeof(key) - 1, p, 100, 1);
	html = page(r, &len);
	again = page(r, &len2);
	ok(html != NULL && strstr(html, "<script") == NULL &&
	    strstr(html, "<b>/x") == NULL, "no markup of theirs");
	ok(strstr(html, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;"
	    "&amp;amp;<i>\\xff</i><i>\\xc0</i><i>\\u202e</i>cod.exe"
	    "<i>\\x01</i><i>\\ufeff</i>") != NULL, "bytes are told as such");
	ok(strstr(html, "\\xf4</i><i>\\x90</i><i>\\x80</i><i>\\x80</i>"
	    "\xd9\x85<i>\\ufdd0</i>") != NULL, "letters stay letters");
	ok(vt_utf8_valid(html, len), "the page is UTF-8");
	ok(strlen(html) == len, "without a NUL");
	ok(again != NULL && len == len2 && memcmp(html, again, len) == 0,
	    "the same calls make the same bytes");
	free(html);
	free(again);
	memset(large, '\xff', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	for (i = 0; i < 200; i++) {
		memset(large, (int)(128 + i), 300);
		p = version(r, large, i, 50, (double)i);
		move(r, large, sizeof(large) - 1, p, i, (double)i);
	}
	html = page(r, &len);
	ok(html != NULL && len < 500 * 1024 && vt_utf8_valid(html, len),
	    "long names are cut: %zu bytes", len);
	ok(html != NULL && strstr(html, " bytes \xe2\x80\xa6</i>") != NULL,
	    "and it is told");
	free(html);
	vt_report_free(r);
}

static void
test_empty(void)
{
	struct vt_report_facts f = { .covered_days = 0 };
	struct vt_report *r = new_report();
	struct vt_buf b;

	vt_buf_init(&b, VT_REPORT_BYTES_MAX);
	vt_report_html(r, &f, &b);
	ok(strstr(b.data, "no objects in the input") != NULL,
	    "a page about nothing");
	vt_buf_reset(&b);
	version(r, "k", 100, -1, 1);
	vt_report_html(r, &f, &b);
	ok(strstr(b.data, "No log covers any") != NULL,
	    "P12 one without a log says so");
	ok(strstr(b.data, "nan") == NULL && strstr(b.data, "inf") == NULL,
	    "with figures that are some");
	vt_buf_release(&b);
	vt_buf_init(&b, 1000);
	vt_report_html(r, &f, &b);
	ok(vt_buf_check(&b, "it", &err) == VT_TOO_LARGE,
	    "a buffer too small is told");
	vt_buf_release(&b);
	vt_report_free(r);
}

/* --- a made-up year ------------------------------------------------------- */

static double
noise(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return (double)(*seed >> 8) / (1 << 24);
}

static void
made_up_engines(struct vt_report *r)
{
	static const struct {
		enum vt_report_role role;
		const char *label;
		double day, rise;
	} e[] = {
		{ VT_REPORT_HOT, "Everything hot", 40, 0.06 },
		{ VT_REPORT_AGE, "By age: warm after 30 days, cold after 90",
		    25, 0.45 },
		{ VT_REPORT_AUTO, "INTELLIGENT_TIERING", 33, 0.035 },
		{ VT_REPORT_PLAN, "This plan, run daily, with vt-serve", 22,
		    0.025 },
		{ VT_REPORT_LEAST, "The best possible, in hindsight", 20,
		    0.02 }
	};
	uint32_t seed = 1;
	size_t i;
	int day;

	for (i = 0; i < sizeof(e) / sizeof(e[0]); i++) {
		struct vt_report_engine g = { .role = e[i].role,
			.chosen = e[i].role == VT_REPORT_PLAN };

		snprintf(g.label, sizeof(g.label), "%s", e[i].label);
		for (day = 0; day < 400; day++) {
			double usd = (e[i].day + e[i].rise * day) *
			    (0.9 + 0.2 * noise(&seed));

			if (day == 31 && e[i].role == VT_REPORT_PLAN)
				usd += 200;
			g.usd += usd;
			if (vt_report_spend(r, i, DAY0 + day, DAY0 + day + 1,
			    usd, &err) != VT_OK)
				exit(99);
		}
		g.storage_usd = g.usd * 0.7;
		g.reads_usd = g.usd * 0.3;
		vt_report_engine(r, i, &g);
	}
}

static int
write_sample(const char *path)
{
	struct vt_report *r = new_report();
	struct vt_report_place p;
	uint32_t seed = 7;
	char key[200], *html;
	size_t len, i;

	for (i = 0; i < 3000; i++) {
		double idle = pow(noise(&seed), 3) * 2000;
		uint64_t size = (uint64_t)exp(noise(&seed) * 22 + 3);
		double usd = (double)size / 1073741824 * 0.023;

		snprintf(key, sizeof(key), "photos/%d/%zu.jpg",
		    (int)(2024 - idle / 365), i);
		p = version(r, key, size, idle, usd);
		if (idle > 60 && size > 100000)
			move(r, key, strlen(key), p, size, usd);
	}
	made_up_engines(r);
	html = page(r, &len);
	if (html == NULL ||
	    vt_fs_replace(path, 0644, html, len, &err) != VT_OK)
		return 1;
	free(html);
	vt_report_free(r);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		return write_sample(argv[1]);
	test_sums();
	test_removal();
	test_spending();
	test_prefixes();
	test_depth();
	test_names();
	test_empty();
	return test_done();
}
