/* Price files: what is refused and how it is told, and those we ship. */
#include <dirent.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "libvt/base/clock.h"
#include "libvt/base/fs.h"

#include "libvt/work/prices.h"

#include "tests/unit/test.h"

#define PRICES "tests/data/prices.json"
#define SHIPPED "scripts/prices"

static char *good;		/* the text of PRICES */

static int
close_to(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b)) + 1e-15;
}

static int64_t
at(const char *moment)
{
	int64_t us = -1;

	if (vt_time_parse_rfc3339(moment, strlen(moment), &us) < 0)
		printf("# %s\n", moment);
	return us;
}

static void
test_bands(void)
{
	struct vt_bands none = { 0 };
	struct vt_bands b = { 2, { { 100, 2 }, { 300, 1 } }, 0 };

	ok(close_to(vt_bands_sum(&none, 3, 1000), 3000), "no bands");
	ok(close_to(vt_bands_sum(&b, 3, 50), 150), "in the first");
	ok(close_to(vt_bands_sum(&b, 3, 100), 300), "up to its end");
	/* 100 at 3, 200 at 2, 50 at 1 */
	ok(close_to(vt_bands_sum(&b, 3, 350), 750), "over three");
	ok(close_to(vt_bands_at(&none, 3, 1000), 3), "the next without any");
	ok(close_to(vt_bands_at(&b, 3, 99), 3), "the next in the first");
	ok(close_to(vt_bands_at(&b, 3, 100), 2), "the next after it");
	ok(close_to(vt_bands_at(&b, 3, 1e9), 1), "the next in the last");
}

static void
test_read(void)
{
	const char *tier, *class_name, *name;
	const struct vt_price *c;
	struct vt_bands bands;
	struct vt_prices *p;
	struct vt_err err;
	double usd;

	if (!ok(vt_prices_load(PRICES, &p, &err) == VT_OK, "read")) {
		printf("# %s\n", err.text);
		return;
	}
	is_int(strlen(vt_prices_digest(p)), 16, "it has a digest");
	is_str(vt_prices_title(p), "Test nowhere, 2026-01-01", "a title");
	is_str(vt_prices_location(p), "here", "a place");
	is_str(vt_prices_class(p, 0)->name, "HOT", "its first class");
	is_str(vt_prices_class(p, 4)->name, "SELF", "its last");
	ok(vt_prices_class(p, 5) == NULL, "and no more");
	c = vt_prices_find(p, "HOT");
	ok(c->part == c->put, "a part is a write unless it says otherwise");
	is_int(c->storage_bands.count, 2, "bands of storage");
	c = vt_prices_find(p, "DEEP");
	ok(c->needs_restore && c->speed_count == 1 &&
	    close_to(c->speed[0].restore, 2.5e-5), "another speed");
	c = vt_prices_auto(p);
	ok(c != NULL && c->level_count == 3 &&
	    close_to(c->level[2].back, 5e-6), "the one that moves objects");
	ok(vt_prices_find(p, "hot") == NULL, "no such class");
	ok(vt_prices_default_tier(p, 3, &tier, &class_name) == 0 &&
	    strcmp(tier, "archive") == 0 && strcmp(class_name, "DEEP") == 0 &&
	    vt_prices_default_tier(p, 4, &tier, &class_name) < 0,
	    "four tiers");
	ok(vt_prices_fixed(p, 1, &name, &usd) == 0 &&
	    strcmp(name, "disk") == 0 && close_to(usd, 6) &&
	    vt_prices_fixed(p, 2, &name, &usd) < 0, "two fixed charges");
	is_int(vt_prices_transfer(p, "here", "here", &usd, NULL, &err), VT_OK,
	    "a location to itself is stated");
	ok(usd <= 0 && usd >= 0, "as free");
	ok(vt_prices_transfer(p, "here", "internet", &usd, &bands, &err) ==
	    VT_OK && close_to(usd, 0.09) && bands.count == 2,
	    "one with bands");
	is_int(vt_prices_transfer(p, "here", "mars", &usd, NULL, &err),
	    VT_INVALID, "a missing pair is an error, never 0");
	ok(strstr(err.text, "'mars'") != NULL, "that names it: %s", err.text);
	vt_prices_free(p);
	is_int(vt_prices_load("/nowhere", &p, &err), VT_ABSENT, "no file");
}

static void
test_age(void)
{
	struct vt_prices *p;
	struct vt_err err;

	if (vt_prices_load(PRICES, &p, &err) != VT_OK)
		return;
	ok(close_to(vt_prices_age_days(p, at("2026-01-11T12:00:00Z")), 10.5),
	    "ten days and a half after its date");
	is_int(vt_prices_fresh(p, at("2026-01-31T00:00:00Z"), 30, &err),
	    VT_OK, "fresh on the last day");
	is_int(vt_prices_fresh(p, at("2026-02-01T00:00:00Z"), 30, &err),
	    VT_INVALID, "stale a day later");
	ok(strstr(err.text, "2026-01-01, 31 days old, more than 30") != NULL,
	    "which says so: %s", err.text);
	is_int(vt_prices_fresh(p, at("2025-01-01T00:00:00Z"), 30, &err),
	    VT_OK, "a log from before them is no matter");
	is_int(vt_prices_arrived(p, at("2025-12-31T12:00:00Z"), &err),
	    VT_OK, "elsewhere it is tomorrow already");
	is_int(vt_prices_arrived(p, at("2025-12-30T00:00:00Z"), &err),
	    VT_INVALID, "but not two days ahead");
	ok(strstr(err.text, "to come") != NULL, "which says so: %s",
	    err.text);
	vt_prices_free(p);
}

/* The good file with the first `old` replaced is refused in these words. */
static void
refused(const char *old, const char *new, const char *words)
{
	char path[] = "/tmp/vt-test-prices-XXXXXX";
	const char *where = strstr(good, old);
	struct vt_prices *p;
	struct vt_err err;
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	enum vt_code rc;

	if (f == NULL || where == NULL) {
		ok(0, "'%s' to replace", old);
		return;
	}
	fprintf(f, "%.*s%s%s", (int)(where - good), good, new,
	    where + strlen(old));
	fclose(f);
	rc = vt_prices_load(path, &p, &err);
	ok(rc == VT_INVALID && p == NULL && strstr(err.text, words) != NULL,
	    "%s", rc == VT_OK ? new : err.text);
	vt_prices_free(p);
	unlink(path);
}

#define FIG(n) "\"usd\": " n ", \"source\": \"made\"}"

static void
test_refused(void)
{
	/* figures */
	refused("\"put_1000\": {" FIG("0.005") ",", "",
	    "HOT: 'put_1000' is missing");
	refused("\"put_1000\"", "\"put_100\"",
	    "HOT: unknown field 'put_100' in 'class'");
	refused(FIG("0.03"), FIG("-0.03"),
	    "HOT: 'storage_gb_month' is negative");
	refused(FIG("0.03"), FIG("3e7"),
	    "HOT: 'storage_gb_month' is over 1000000");
	refused(FIG("0.03"), FIG("\"0.03\""),
	    "'storage_gb_month' has neither");
	refused(FIG("0.03"), "\"usd\": 0.03}",
	    "'storage_gb_month' names no source");
	refused(FIG("0.03"), "\"usd\": 0.03, \"source\": \"heard\"}",
	    "'storage_gb_month' has the unknown source 'heard'");
	refused(FIG("0.03"), "\"eur\": 0.03, \"source\": \"made\"}",
	    "unknown field 'eur' in 'storage_gb_month'");
	refused("\"made up for tests\"", "\"\"",
	    "the source 'made' says not where to look");
	refused("\"min_size_bytes\": {\"value\": 100000",
	    "\"min_size_bytes\": {\"value\": 0.5",
	    "WARM: 'min_size_bytes' is no whole number");
	/* bands, levels, restores */
	refused("\"from_gb\": 1000, \"usd\": 0.015",
	    "\"from_gb\": 100, \"usd\": 0.015", "must grow");
	refused("\"from_gb\": 100, ", "", "must grow");
	refused("\"idle_days\": 30", "\"idle_days\": 90",
	    "'idle_days' must start at 0 and grow");
	refused("\"restore_days\": {\"value\": 2, \"source\": \"made\"},", "",
	    "DEEP: 'restore_days' is missing");
	refused("\"restore_1000\": {" FIG("0.1") ",", "",
	    "DEEP: 'restore_1000' is missing");
	refused("\"retrieval_gb\": {" FIG("0.0025"), "\"note\": \"\"",
	    "DEEP: 'retrieval_gb' is missing");
	/* the top */
	refused("\"v\": 1", "\"v\": 2", "top: \"v\" is not 1");
	refused("\"USD\"", "\"EUR\"", "top: 'currency' must be");
	refused("2026-01-01", "2026-13-01", "top: 'date' must be written");
	refused("2026-01-01", "January", "top: 'date' must be written");
	refused("\"region\"", "\"reigon\"", "unknown field 'reigon'");
	refused("\"value\": 30", "\"value\": 365", "'month_days' is over 31");
	refused("\"value\": 30", "\"value\": 3", "a month 28 to 31 days");
	refused("\"fixed\": [", "\"auto_class\": \"COLD\", \"fixed\": [",
	    "'auto_class' is no class with 'auto'");
	/* locations and tiers */
	refused("\"location\": \"here\"", "\"location\": \"hear\"",
	    "transfer: 'hear' to itself is missing");
	refused("\"from\": \"internet\"", "\"from\": \"outernet\"",
	    "transfer: 'here' to 'internet' is stated but not the way back");
	refused("\"to\": \"internet\"", "\"to\": \"here\"",
	    "transfer: 'here' to 'here' is stated twice");
	refused("\"class\": \"COLD\"", "\"class\": \"COOL\"",
	    "tiers: unknown class 'COOL'");
	refused("\"tier\": \"cold\"", "\"tier\": \"warm\"",
	    "tiers: 'warm' is named twice");
	refused("\"class\": \"HOT\"", "\"class\": \"DEEP\"",
	    "tiers: the first tier, 'hot', needs restores");
	refused("\"usd_month\"", "\"usd_year\"",
	    "fixed: unknown field 'usd_year' in 'fixed'");
	refused("{", "[", "line 2");
}

/* --- the shipped files ---------------------------------------------------- */

/* Down the tiers of a file: what is cheaper to keep is dearer to read. */
static void
check_order(const char *path, const struct vt_prices *p)
{
	const struct vt_price *above = NULL, *c;
	const char *tier, *class_name;
	size_t i;

	for (i = 0; vt_prices_default_tier(p, i, &tier, &class_name) == 0;
	    i++) {
		c = vt_prices_find(p, class_name);
		if (above != NULL) {
			ok(c->storage_gb_month < above->storage_gb_month,
			    "%s: %s is cheaper than %s", path, c->name,
			    above->name);
			ok(c->min_days >= above->min_days &&
			    (c->needs_restore || (c->put >= above->put &&
			    c->get >= above->get &&
			    c->retrieval_gb >= above->retrieval_gb)),
			    "%s: and no cheaper to fill and read", path);
		}
		above = c;
	}
	ok(i > 0, "%s: it offers tiers", path);
}

static void
check_class(const char *path, const struct vt_price *c)
{
	size_t i;
	double last = c->storage_gb_month;
	int good_bands = 1;

	for (i = 0; i < c->storage_bands.count; i++) {
		good_bands &= c->storage_bands.band[i].usd <= last;
		last = c->storage_bands.band[i].usd;
	}
	for (i = 1; i < c->level_count; i++)
		good_bands &= c->level[i].storage_gb_month <
		    c->level[i - 1].storage_gb_month;
	ok(good_bands, "%s: %s gets cheaper with volume and idle time", path,
	    c->name);
	ok(c->storage_gb_month > 0 && c->storage_gb_month < 0.1 &&
	    c->get < 0.001 && c->put < 0.001 && c->retrieval_gb < 0.2,
	    "%s: %s is within reason", path, c->name);
}

static void
check_shipped(const char *name)
{
	const struct vt_price *c;
	struct vt_prices *p;
	struct vt_err err;
	char path[512];
	double usd;
	size_t i;

	snprintf(path, sizeof(path), SHIPPED "/%s", name);
	if (!ok(vt_prices_load(path, &p, &err) == VT_OK, "%s", path)) {
		printf("# %s\n", err.text);
		return;
	}
	ok(strncmp(vt_prices_location(p), name, strlen(name) - 5) == 0,
	    "%s: is named after its location", path);
	is_int(vt_prices_transfer(p, vt_prices_location(p), "internet", &usd,
	    NULL, &err), VT_OK, "%s: what clients read has a price", path);
	for (i = 0; (c = vt_prices_class(p, i)) != NULL; i++)
		check_class(path, c);
	check_order(path, p);
	vt_prices_free(p);
}

static int
is_json(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && strcmp(d->d_name + n - 5, ".json") == 0;
}

int
main(void)
{
	struct dirent **list;
	struct vt_err err;
	size_t len;
	int i, n;

	if (vt_fs_read(PRICES, 1 << 20, &good, &len, &err) != VT_OK) {
		printf("Bail out! %s\n", err.text);
		return 1;
	}
	test_bands();
	test_read();
	test_age();
	test_refused();
	free(good);
	n = scandir(SHIPPED, &list, is_json, alphasort);
	ok(n > 1, "price files are shipped");
	for (i = 0; i < n; i++) {
		check_shipped(list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return test_done();
}
