#include <time.h>

#include "libvt/base/clock.h"

#include "tests/unit/test.h"

#define S INT64_C(1000000)

static void
test_clocks(void)
{
	struct vt_clock fixed = VT_CLOCK_FIXED(42), now = VT_CLOCK_REAL;
	struct vt_clock ahead = { 0, 3600 * S };
	int64_t a, b, us;

	is_int(vt_clock_now_us(&fixed), 42, "a fixed clock");
	us = vt_clock_now_us(&now);
	ok(us / S - time(NULL) <= 1 && time(NULL) - us / S <= 1,
	    "a real one");
	ok(vt_clock_now_us(&ahead) - us >= 3600 * S, "an offset");
	a = vt_clock_mono_us();
	b = vt_clock_mono_us();
	ok(b >= a, "the monotonic clock does not go back");
}

static void
test_format(void)
{
	static const struct {
		int64_t us;
		const char *rfc3339, *http, *amz;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z",
		    "Thu, 01 Jan 1970 00:00:00 GMT", "19700101T000000Z" },
		{ -1, "1969-12-31T23:59:59.999Z",
		    "Wed, 31 Dec 1969 23:59:59 GMT", "19691231T235959Z" },
		{ 784111777 * S, "1994-11-06T08:49:37.000Z",
		    "Sun, 06 Nov 1994 08:49:37 GMT", "19941106T084937Z" },
		{ 951782400 * S + 123999, "2000-02-29T00:00:00.123Z",
		    "Tue, 29 Feb 2000 00:00:00 GMT", "20000229T000000Z" },
		{ INT64_MAX, "9999-12-31T23:59:59.999Z",
		    "Fri, 31 Dec 9999 23:59:59 GMT", "99991231T235959Z" },
		{ INT64_MIN, "0000-01-01T00:00:00.000Z",
		    "Sat, 01 Jan 0000 00:00:00 GMT", "00000101T000000Z" }
	};
	char a[25], b[30], c[17];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vt_time_rfc3339_ms(cases[i].us, a);
		vt_time_http(cases[i].us, b);
		vt_time_amz(cases[i].us, c);
		is_str(a, cases[i].rfc3339, "RFC 3339");
		is_str(b, cases[i].http, "HTTP");
		is_str(c, cases[i].amz, "basic ISO 8601");
	}
}

/* Four centuries, day by day, beside the C library. */
static void
test_calendar(void)
{
	int64_t day, back;
	int same = 1;
	char got[30], want[30], ms[25];
	struct tm tm;
	time_t t;

	for (day = -120000; day < 180000; day++) {
		t = (time_t)(day * 86400 + (day * 7919 % 86400 + 86400) %
		    86400);
		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT",
		    &tm);
		vt_time_http(t * S, got);
		same &= strcmp(got, want) == 0;
		same &= vt_time_parse_http(got, &back) == 0 && back == t * S;
	}
	ok(same, "every day of 800 years as gmtime has it, and back");
	/* the years 0 to 9999 */
	for (day = -719528; day <= 2932896; day += 5) {
		t = day * 86400 + (day * 7919 % 86400 + 86400) % 86400;
		vt_time_rfc3339_ms(t * S + 123000, ms);
		same &= vt_time_parse_rfc3339(ms, 24, &back) == 0 &&
		    back == t * S + 123000;
	}
	ok(same, "and of all years that have four digits");
}

/* The usual form is read at once, any other one byte by byte: each byte of it
 * changed to each other must be the same to both. */
static void
test_usual_form(void)
{
	static const char *const texts[] = {
		"2026-11-22T12:34:56.789Z", "1999-12-31T23:59:59.999Z",
		"2024-02-29T00:00:00.000Z"
	};
	char text[25], slow[26];
	int64_t us, slow_us;
	unsigned wrong = 0, read = 0;
	size_t i, at;
	int c, rc;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (at = 0; at < 24; at++)
			for (c = 0; c < 256; c++) {
				strcpy(text, texts[i]);
				text[at] = (char)c;
				/* with one more digit it is not usual */
				memcpy(slow, text, 23);
				memcpy(slow + 23, "0", 1);
				slow[24] = text[23];
				us = slow_us = 0;
				rc = vt_time_parse_rfc3339(text, 24, &us);
				read += rc == 0;
				wrong += rc != vt_time_parse_rfc3339(slow, 25,
				    &slow_us) || us != slow_us;
			}
	is_int(wrong, 0, "of %u texts that are times all are the same", read);
	ok(read > 3 * 24, "there are more than the first ones");
}

static void
test_parse_rfc3339(void)
{
	static const struct {
		const char *text;
		int64_t want;
	} good[] = {
		{ "1994-11-06T08:49:37Z", 784111777 * S },
		{ "1994-11-06t08:49:37z", 784111777 * S },
		{ "1994-11-06 08:49:37Z", 784111777 * S },
		{ "1994-11-06T08:49:37.5Z", 784111777 * S + 500000 },
		{ "1994-11-06T08:49:37.000001Z", 784111777 * S + 1 },
		{ "1994-11-06T08:49:37.123456789Z", 784111777 * S + 123456 },
		{ "1994-11-06T10:49:37+02:00", 784111777 * S },
		{ "1994-11-06T03:19:37.000-05:30", 784111777 * S },
		{ "2016-12-31T23:59:60Z", 1483228800 * S },
		{ "2000-02-29T00:00:00Z", 951782400 * S }
	};
	static const char *const bad[] = {
		"", "1994", "1994-11-06", "1994-11-06T08:49:37",
		"1994-11-06T08:49:37.Z", "1994-11-06T08:49Z",
		"1994-13-06T08:49:37Z", "1994-00-06T08:49:37Z",
		"1994-11-31T08:49:37Z", "1994-11-00T08:49:37Z",
		"1900-02-29T08:49:37Z", "2023-02-29T08:49:37Z",
		"1994-11-06T24:00:00Z", "1994-11-06T08:60:37Z",
		"1994-11-06T08:49:61Z", "1994-11-06T08:49:37Zx",
		"1994-11-06T08:49:37+0200", "1994-11-06T08:49:37+24:00",
		"1994-11-06T08:49:37+02", "+994-11-06T08:49:37Z",
		"1994-11- 6T08:49:37Z"
	};
	int64_t us;
	char *p;
	size_t i, len;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		us = -1;
		vt_time_parse_rfc3339(good[i].text, strlen(good[i].text), &us);
		is_int(us, good[i].want, "'%s'", good[i].text);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		/* Without a NUL, so that ASan sees a read beyond. */
		len = strlen(bad[i]);
		p = malloc(len + (len == 0));
		memcpy(p, bad[i], len);
		is_int(vt_time_parse_rfc3339(p, len, &us), -1,
		    "'%s' is none", bad[i]);
		free(p);
	}
}

static void
test_parse_others(void)
{
	/* The three forms of RFC 9110 section 5.6.7. */
	static const char *const http[] = {
		"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994"
	};
	static const char *const bad[] = {
		"", "Sun", "Sun,", "Sun, ", "Sunday", "Sunday,",
		"Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Foo, 06 Nov 1994 08:49:37 GMT",
		"Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT", "Sun Nov 06 08:49:37 94",
		"Sunday, 06-Nov-1994 08:49:37 GMT", "1994-11-06T08:49:37Z"
	};
	static const char *const bad_clf[] = {
		"", "06/Nov/1994:08:49:37", "06/Nov/1994:08:49:37 0000",
		"6/Nov/1994:08:49:37 +0000", "06/11/1994:08:49:37 +0000",
		"06/Nov/1994:08:49:37 +0000]", "06/Nov/1994 08:49:37 +0000"
	};
	static const char clf[] = "06/Nov/1994:10:19:37 +0130";
	int64_t us;
	size_t i;

	for (i = 0; i < sizeof(http) / sizeof(http[0]); i++) {
		us = -1;
		vt_time_parse_http(http[i], &us);
		is_int(us, 784111777 * S, "'%s'", http[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(vt_time_parse_http(bad[i], &us), -1, "'%s' is none",
		    bad[i]);
	vt_time_parse_http("Wednesday, 01-Jan-70 00:00:00 GMT", &us);
	is_int(us, 0, "a two-digit year of the past century");
	vt_time_parse_http("Sun, 22 Nov 2026 12:00:00 GMT", &us);
	is_int(us, 1795348800 * S, "2026");
	is_int(vt_time_parse_amz("19941106T084937Z", &us), 0, "basic form");
	is_int(us, 784111777 * S, "is the same");
	is_int(vt_time_parse_amz("19941106T084937", &us), -1, "cut");
	is_int(vt_time_parse_amz("19941106T084937Zz", &us), -1, "longer");
	is_int(vt_time_parse_amz("19941106T0849", &us), -1, "shorter");
	is_int(vt_time_parse_clf(clf, strlen(clf), &us), 0, "log form");
	is_int(us, 784111777 * S, "east of Greenwich is earlier");
	for (i = 0; i < sizeof(bad_clf) / sizeof(bad_clf[0]); i++)
		is_int(vt_time_parse_clf(bad_clf[i], strlen(bad_clf[i]), &us),
		    -1, "'%s' is none", bad_clf[i]);
}

int
main(void)
{
	test_clocks();
	test_format();
	test_calendar();
	test_parse_rfc3339();
	test_usual_form();
	test_parse_others();
	return test_done();
}
