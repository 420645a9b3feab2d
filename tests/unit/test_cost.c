/* The bill: figures worked out by hand. */
#include <math.h>
#include <stdint.h>
#include <unistd.h>

#include "libvt/work/cost.h"

#include "tests/unit/test.h"

#define PRICES "scripts/prices/aws-us-east-1.json"
#define GIB (UINT64_C(1) << 30)

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
test_gib(const struct vt_cost_model *m)
{
	double month = m->month_days;
	struct vt_cost c;

	is_int(m->count, 4, "four tiers");
	vt_cost_of(m, GIB, &c);
	ok(close_to(c.day[0] * month, 0.023), "a hot GiB-month");
	ok(close_to(c.day[1] * month, 0.0125), "a warm one");
	ok(close_to(c.day[2] * month, 0.004), "a cold one");
	ok(close_to(c.day[3] * month, 0.00099 + 0.00099 * 32768 / GIB +
	    0.023 * 8192 / GIB), "an archived one, with both overheads");
	ok(close_to(vt_cost_serve(&c, 0, 10, 10.0 * GIB), 4e-6),
	    "ten hot reads");
	ok(close_to(vt_cost_serve(&c, 2, 10, 10.0 * GIB), 1e-4 + 0.3),
	    "ten cold ones");
	ok(close_to(vt_cost_serve(&c, 2, 1, GIB / 4), 1e-5 + 0.0075),
	    "a range of a quarter");
	ok(close_to(vt_cost_serve(&c, 2, 0, 0), 0), "no read");
	ok(close_to(vt_cost_serve(&c, 3, 5, 5.0 * GIB),
	    1e-4 + 0.023 / month + 0.02 + 5 * 4e-7),
	    "a day's reads of the archive are one restore");
	ok(close_to(vt_cost_serve_promote(&c, 1, 3, 3.0 * GIB),
	    1e-6 + 0.01 + 5e-6 + 2 * 4e-7),
	    "promoted by the first of three reads");
	ok(close_to(vt_cost_early(&c, 2, 10), 0.004 * 80 / month),
	    "80 days of the minimum are left");
	ok(vt_cost_early(&c, 2, 90) <= 0 && vt_cost_early(&c, 0, 0) <= 0,
	    "none is left");
	ok(close_to(c.move[0][2], 4e-7 + 2e-5), "a copy hot to cold");
	ok(close_to(c.move[2][0], 1e-5 + 0.03 + 5e-6), "and back");
	ok(close_to(c.move[3][0], 1e-4 + 0.023 / month + 4e-7 + 0.02 + 5e-6),
	    "from the archive, with its restore");
}

static void
test_small(struct vt_cost_model *m)
{
	struct vt_cost c;

	vt_cost_of(m, 22000, &c);
	ok(c.day[2] > c.day[0], "22,000 bytes are never cheaper in cold");
	vt_cost_of(m, 23000, &c);
	ok(c.day[2] < c.day[0], "23,000 bytes are, TIERING 3.6");
	vt_cost_of(m, 9700, &c);
	ok(c.day[3] > c.day[0], "nor 9,700 in the archive");
	vt_cost_of(m, 10100, &c);
	ok(c.day[3] < c.day[0], "10,100 are");
	vt_cost_of(m, 0, &c);
	ok(c.day[0] <= 0 && c.day[2] > 0, "an empty object has a minimum");
	m->how = VT_MOVE_TRANSITION;
	vt_cost_of(m, GIB, &c);
	ok(close_to(c.move[1][2], 2e-5), "a lifecycle move costs its request");
	ok(close_to(c.move[2][1], 1e-5 + 0.03 + 1e-5), "none goes up");
	m->how = VT_MOVE_COPY;
	vt_cost_of(m, GIB, &c);
	ok(close_to(c.move[1][2], 1e-6 + 0.01 + 2e-5), "a copy retrieves");
}

static void
test_transfer(const struct vt_prices *p)
{
	struct vt_cost_model m;
	struct vt_cost c;
	struct vt_err err;
	double usd = -1;

	is_int(vt_prices_transfer(p, "aws-us-east-1", "aws-us-east-1", &usd,
	    &err), VT_OK, "a location to itself is stated");
	ok(usd <= 0 && usd >= 0, "as free");
	is_int(vt_prices_transfer(p, "aws-us-east-1", "mars", &usd, &err),
	    VT_INVALID, "a missing pair is an error, never 0");
	ok(strstr(err.text, "'mars'") != NULL, "that names it: %s", err.text);
	vt_cost_model_init(&m, p);
	is_int(vt_cost_model_add(&m, p, "disk", "STANDARD", "local", "local",
	    &err), VT_OK, "a local tier");
	is_int(vt_cost_model_add(&m, p, "far", "STANDARD_IA",
	    "aws-us-east-1", "local", &err), VT_OK, "and one far away");
	is_int(vt_cost_model_add(&m, p, "far", "STANDARD_IA",
	    "aws-us-east-1", "local", &err), VT_INVALID, "names are unique");
	is_int(vt_cost_model_add(&m, p, "x", "NONE", "local", "local", &err),
	    VT_INVALID, "an unknown class");
	vt_cost_of(&m, GIB, &c);
	ok(close_to(vt_cost_serve(&c, 1, 1, GIB), 1e-6 + 0.01 + 0.09),
	    "reading from afar pays the way");
	ok(close_to(c.move[1][0], 1e-6 + 0.01 + 0.09 + 5e-6),
	    "so does moving back");
	is_int(vt_cost_model_tier(&m, "far"), 1, "found by name");
	is_int(vt_cost_model_tier(&m, "near"), -1, "or not");
}

static void
test_gcs(void)
{
	struct vt_prices *p;
	const struct vt_price *a;
	struct vt_cost_model m;
	struct vt_cost c;
	struct vt_err err;

	if (!ok(vt_prices_load("scripts/prices/gcs-us-central1.json", &p,
	    &err) == VT_OK, "the prices of Google are in order")) {
		printf("# %s\n", err.text);
		return;
	}
	build(&m, p);
	is_int(m.count, 4, "four tiers, none with restores");
	vt_cost_of(&m, GIB, &c);
	ok(!c.needs_restore[3] && close_to(c.day[3] * m.month_days, 0.0012),
	    "the archive is read at once");
	ok(close_to(vt_cost_serve(&c, 3, 1, GIB), 5e-5 + 0.05),
	    "and dearly");
	a = vt_prices_auto(p);
	ok(a != NULL && strcmp(a->name, "AUTOCLASS") == 0 &&
	    a->level_count == 4, "the class that moves objects itself");
	vt_prices_free(p);
}

static void
refused(const char *text, const char *words)
{
	char path[] = "/tmp/vt-test-prices-XXXXXX";
	struct vt_prices *p;
	struct vt_err err;
	int fd = mkstemp(path);
	enum vt_code rc;

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		exit(1);
	close(fd);
	rc = vt_prices_load(path, &p, &err);
	ok(rc == VT_INVALID && p == NULL && strstr(err.text, words) != NULL,
	    "refused: %s", rc == VT_OK ? "no" : err.text);
	vt_prices_free(p);
	unlink(path);
}

#define HEAD "{\"v\":1,\"provider\":\"P\",\"region\":\"r\"," \
	"\"date\":\"2026-01-01\",\"location\":\"l\"," \
	"\"sources\":{\"s\":\"a page\"}," \
	"\"bytes_per_gb\":{\"value\":1e9,\"source\":\"s\"}," \
	"\"month_days\":{\"value\":30,\"source\":\"s\"},"
#define FIG(v, s) "{\"usd\":" v ",\"source\":\"" s "\"}"
#define CLASS(st, src) "\"classes\":{\"A\":{\"storage_gb_month\":" \
	FIG(st, src) ",\"put_1000\":" FIG("0", "s") ",\"get_1000\":" \
	FIG("0", "s") ",\"transition_1000\":" FIG("0", "s") \
	",\"retrieval_gb\":" FIG("0", "s") "}}"
#define PAIR ",\"transfer\":[{\"from\":\"l\",\"to\":\"l\",\"gb\":" \
	FIG("0", "s") "}]"

int
main(void)
{
	struct vt_cost_model m;
	struct vt_prices *p;
	struct vt_err err;

	if (!ok(vt_prices_load(PRICES, &p, &err) == VT_OK,
	    "the shipped price file is in order")) {
		printf("# %s\n", err.text);
		return test_done();
	}
	is_int(strlen(vt_prices_digest(p)), 16, "it has a digest");
	ok(strncmp(vt_prices_title(p), "AWS S3 us-east-1, 20", 20) == 0,
	    "and a title: %s", vt_prices_title(p));
	build(&m, p);
	test_gib(&m);
	test_small(&m);
	test_transfer(p);
	ok(vt_prices_auto(p) == vt_prices_find(p, "INTELLIGENT_TIERING"),
	    "the first class that moves objects itself");
	vt_prices_free(p);
	test_gcs();

	refused(HEAD CLASS("1", "t") PAIR "}", "unknown source 't'");
	refused(HEAD CLASS("-1", "s") PAIR "}", "negative");
	refused(HEAD CLASS("\"1\"", "s") PAIR "}", "neither");
	refused(HEAD CLASS("1", "s") "}", "transfer");
	refused(HEAD "\"classes\":{}" PAIR "}", "classes");
	refused(HEAD CLASS("1", "s") PAIR
	    ",\"tiers\":[{\"tier\":\"x\",\"class\":\"B\"}]}",
	    "unknown class 'B'");
	refused("{\"v\":2}", "\"v\" is not 1");
	refused("[", "line 1");
	is_int(vt_prices_load("/nowhere", &p, &err), VT_ABSENT, "no file");
	return test_done();
}
