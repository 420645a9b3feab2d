#include <math.h>

#include "libvt/base/jsonl.h"
#include "libvt/base/num.h"

#include "tests/unit/test.h"

static void
test_u64(void)
{
	static const char *const bad[] = {
		"", " 1", "1 ", "+1", "-1", "1x", "0x1",
		"18446744073709551616", "99999999999999999999"
	};
	struct vt_err err;
	uint64_t n;
	size_t i;

	is_int(vt_num_u64("42", 0, 100, "count", &n, &err), VT_OK, "42");
	is_int(n, 42, "is 42");
	is_int(vt_num_scan_u64("18446744073709551615xx", 20, &n), 0, "2^64-1");
	ok(n == UINT64_MAX, "is 2^64-1");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(vt_num_scan_u64(bad[i], strlen(bad[i]), &n), -1,
		    "'%s' is no number", bad[i]);
	is_int(vt_num_u64("7", 8, 9, "--parts", &n, &err), VT_INVALID,
	    "below the range");
	is_str(err.text, "--parts '7' is not a number from 8 to 9",
	    "which is named");
	is_int(vt_num_u64("10", 8, 9, "--parts", &n, NULL), VT_INVALID,
	    "above the range");
}

static void
test_size(void)
{
	static const struct {
		const char *text;
		long long want;
	} cases[] = {
		{ "0", 0 }, { "512", 512 }, { "4K", 4096 }, { "4k", 4096 },
		{ "4KiB", 4096 }, { "16MiB", 16 << 20 }, { "2G", 2LL << 30 },
		{ "1T", 1LL << 40 }, { "4KB", -1 }, { "4Ki", -1 },
		{ "K", -1 }, { "1.5G", -1 }, { "-1", -1 }, { "4 K", -1 },
		{ "4X", -1 }, { "", -1 }, { "16777216T", -1 },
		{ "18446744073709551615K", -1 }
	};
	uint64_t n;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (vt_num_size(cases[i].text, UINT64_MAX, "size", &n, NULL) !=
		    VT_OK)
			n = (uint64_t)-1;
		is_int(n, cases[i].want, "size '%s'", cases[i].text);
	}
	is_int(vt_num_size("5K", 5000, "size", &n, NULL), VT_INVALID,
	    "over the maximum");
}

static void
test_duration(void)
{
	static const struct {
		const char *text;
		long long want;
	} cases[] = {
		{ "5", 5000 }, { "5s", 5000 }, { "500ms", 500 },
		{ "2m", 120000 }, { "12h", 43200000 }, { "7d", 604800000 },
		{ "1w", 604800000 }, { "1y", 31536000000 }, { "0", 0 },
		{ "5 s", -1 }, { "s", -1 }, { "-5s", -1 }, { "5S", -1 },
		{ "1.5h", -1 }, { "300000000y", -1 }, { "", -1 }
	};
	int64_t ms;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (vt_num_duration(cases[i].text, INT64_MAX, "age", &ms,
		    NULL) != VT_OK)
			ms = -1;
		is_int(ms, cases[i].want, "duration '%s'", cases[i].text);
	}
	is_int(vt_num_duration("2s", 1999, "age", &ms, NULL), VT_INVALID,
	    "over the maximum");
}

static void
test_double(void)
{
	static const char *const good[] = {
		"0", "-0", "0.023", "1", "-1.5", "1e3", "1E+3", "1.5e-7",
		"0.1", "123456789.123456789", "1.7976931348623157e308",
		"5e-324", "2.2250738585072011e-308", "9007199254740993",
		"0.30000000000000004", "1e22", "1e23", "1e-400",
		"123456789012345678901234567890",
		"0.000000000000000000000000000000000000000000000000000000000"
		"0000000000000000000000000000000000000001"
	};
	static const char *const bad[] = {
		"", "-", ".5", "5.", "+1", "01", "1e", "1e+", "inf", "nan",
		"0x10", "1 ", " 1", "1,5", "1e309", "--1", "1.5.2", "1e5x"
	};
	struct vt_err err;
	double d;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		d = 42;
		is_int(vt_num_scan_double(good[i], strlen(good[i]), &d), 0,
		    "'%s' is a number", good[i]);
		ok(d == strtod(good[i], NULL) &&
		    !signbit(d) == (good[i][0] != '-'), "as strtod reads it");
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(vt_num_scan_double(bad[i], strlen(bad[i]), &d), -1,
		    "'%s' is none", bad[i]);
	is_int(vt_num_scan_double("1.5xyz", 3, &d), 0, "needs no NUL");
	is_int(vt_num_double("2.5", 0, 2, "--usd", &d, &err), VT_INVALID,
	    "over the range");
	is_str(err.text, "--usd '2.5' is not a number from 0 to 2", "told");
}

static void
test_human(void)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} cases[] = {
		{ 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" },
		{ 1536, "1.5 KiB" }, { 1048575, "1.0 MiB" },
		{ 1047527, "1023.0 KiB" }, { 12897485, "12.3 MiB" },
		{ UINT64_C(1) << 40, "1.0 TiB" }, { UINT64_MAX, "16.0 EiB" }
	};
	char text[16];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_str(vt_num_human_bytes(cases[i].bytes, text),
		    cases[i].want, "%llu bytes",
		    (unsigned long long)cases[i].bytes);
}

static void
test_range(void)
{
	static const struct {
		const char *header;
		uint64_t size;
		enum vt_code want;
		uint64_t first, length;
	} cases[] = {
		{ "bytes=0-499", 1000, VT_OK, 0, 500 },
		{ "bytes=500-999", 1000, VT_OK, 500, 500 },
		{ "bytes=500-5000", 1000, VT_OK, 500, 500 },
		{ "bytes=500-", 1000, VT_OK, 500, 500 },
		{ "bytes=-300", 1000, VT_OK, 700, 300 },
		{ "bytes=-3000", 1000, VT_OK, 0, 1000 },
		{ "bytes=0-0", 1, VT_OK, 0, 1 },
		{ "Bytes=0-0", 1, VT_OK, 0, 1 },
		{ "bytes= 0-0 ", 1, VT_OK, 0, 1 },
		{ "bytes=0-99999999999999999999999", 9, VT_OK, 0, 9 },
		{ "bytes=-99999999999999999999999", 9, VT_OK, 0, 9 },
		{ "bytes=1000-", 1000, VT_PRECONDITION, 0, 0 },
		{ "bytes=1000-2000", 1000, VT_PRECONDITION, 0, 0 },
		{ "bytes=99999999999999999999-", 9, VT_PRECONDITION, 0, 0 },
		{ "bytes=0-", 0, VT_PRECONDITION, 0, 0 },
		{ "bytes=-5", 0, VT_PRECONDITION, 0, 0 },
		{ "bytes=-0", 10, VT_PRECONDITION, 0, 0 },
		{ "bytes=5-4", 10, VT_ABSENT, 0, 0 },
		{ "bytes=0-1,3-4", 10, VT_ABSENT, 0, 0 },
		{ "bytes=", 10, VT_ABSENT, 0, 0 },
		{ "bytes=-", 10, VT_ABSENT, 0, 0 },
		{ "bytes=a-b", 10, VT_ABSENT, 0, 0 },
		{ "bytes=1", 10, VT_ABSENT, 0, 0 },
		{ "bytes=1 - 2", 10, VT_ABSENT, 0, 0 },
		{ "bytes=--2", 10, VT_ABSENT, 0, 0 },
		{ "lines=0-1", 10, VT_ABSENT, 0, 0 },
		{ "", 10, VT_ABSENT, 0, 0 }
	};
	uint64_t first, length;
	enum vt_code rc;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		first = length = 0;
		rc = vt_num_range(cases[i].header, cases[i].size, &first,
		    &length);
		ok(rc == cases[i].want && first == cases[i].first &&
		    length == cases[i].length, "range '%s' of %llu",
		    cases[i].header, (unsigned long long)cases[i].size);
	}
}

/* Against printf: over all sizes, and about the halves that it rounds. */
static void
test_six_digits(void)
{
	static const double some[] = {
		0, -0.0, 1, -1, 0.1, 999999, 999999.5, 999999.4, 9999995,
		1234565, 1234575, 0.0001234565, 5e-324, 1e300, -1e-15, 1e-16,
		1e20, 1e-14, 99999.95, 100000, 1e-5, 123456.5, 123457.5
	};
	unsigned wrong = 0, i;
	uint64_t bits = 1;
	char text[40];
	double d;

	for (i = 0; i < 400000; i++) {
		bits = bits * UINT64_C(6364136223846793005) + 1;
		d = (double)(int64_t)bits * pow(10, (int)(i % 80) - 50);
		if (i % 3 == 0)		/* seven digits that end in 5 */
			d = (double)(bits >> 44) * 10 + 5;
		if (i % 6 == 0)
			d /= pow(10, i % 15);
		if (i < sizeof(some) / sizeof(some[0]))
			d = some[i];
		snprintf(text, sizeof(text), "%.6g", d);
		wrong += vt_num_six_digits(d) != strtod(text, NULL);
	}
	is_int(wrong, 0, "six digits are those of printf");
}

/* The doubles about each power of ten. */
static void
test_six_powers(void)
{
	char text[40], six[VT_NUM_SIX_MAX + 1];
	double d, back;
	int e, step, wrong = 0;
	size_t len;

	for (e = -20; e <= 25; e++)
		for (step = -5; step <= 5; step++) {
			snprintf(text, sizeof(text), "1e%d", e);
			d = strtod(text, NULL) * (1 + step * 0x1p-52);
			snprintf(text, sizeof(text), "%.6g", d);
			back = strtod(text, NULL);
			wrong += vt_num_six_digits(d) != back;
			len = vt_num_put_six(six, back);
			six[len] = '\0';
			wrong += (len > 0) != (e > -15 && e < 15) ||
			    (len > 0 && strtod(six, NULL) != back);
		}
	is_int(wrong, 0, "nor is it otherwise beside powers of ten");
}

/* The shortest text of a double, as JSON has it. */
static void
shortest(double d, char out[64])
{
	struct vt_buf b;

	vt_buf_init(&b, 64);
	vt_json_begin(&b);
	vt_json_double(&b, "", d);
	strcpy(out, b.data + strlen("{\"\":"));
	vt_buf_release(&b);
}

/* Numbers of up to six digits are written as all doubles are; others not. */
static void
test_put_six(void)
{
	static const double others[] = {
		0, -0.0, 1234567, 0.1234567, 1.0000001, 1e15, 1e300, 1e-15,
		5e-324, NAN, INFINITY, -INFINITY
	};
	unsigned wrong = 0, longer = 0, i;
	char six[VT_NUM_SIX_MAX + 1], text[64];
	uint64_t bits = 1;
	size_t len;
	double d;

	for (i = 0; i < 300000; i++) {
		bits = bits * UINT64_C(6364136223846793005) + 1;
		d = (double)(bits >> 33) * pow(10, (int)(i % 30) - 24);
		d = vt_num_six_digits(i % 7 == 0 ? -d : d);
		len = vt_num_put_six(six, d);
		six[len] = '\0';
		shortest(d, text);
		if (len > VT_NUM_SIX_MAX)
			longer++;
		if (!(fabs(d) > 1e-15 && fabs(d) < 1e15))
			wrong += len != 0;
		else if (strcmp(six, text) != 0 && wrong++ == 0)
			printf("# %.17g: %s, %s\n", d, six, text);
	}
	is_int(wrong, 0, "six digits are written as all doubles");
	is_int(longer, 0, "none is longer than said");
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		is_int(vt_num_put_six(six, others[i]), 0,
		    "%.17g is not written so", others[i]);
}

int
main(void)
{
	test_six_digits();
	test_six_powers();
	test_put_six();
	test_u64();
	test_size();
	test_duration();
	test_double();
	test_human();
	test_range();
	return test_done();
}
