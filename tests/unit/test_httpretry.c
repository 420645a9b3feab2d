/* When a request is tried again: libvt/proto/httpretry.h. */
#include <string.h>

#include "libvt/base/clock.h"

#include "libvt/proto/httpretry.h"
#include "tests/unit/test.h"

static struct vt_err err;

static void
test_codes(void)
{
	static const struct {
		int status;
		enum vt_code code;
	} want[] = {
		{ 200, VT_OK }, { 206, VT_OK }, { 299, VT_OK },
		{ 100, VT_INVALID }, { 301, VT_INVALID },
		{ 304, VT_PRECONDITION }, { 400, VT_INVALID },
		{ 401, VT_DENIED }, { 403, VT_DENIED }, { 404, VT_ABSENT },
		{ 408, VT_BUSY }, { 409, VT_INVALID },
		{ 412, VT_PRECONDITION }, { 413, VT_TOO_LARGE },
		{ 425, VT_BUSY }, { 429, VT_BUSY }, { 500, VT_BUSY },
		{ 501, VT_INVALID }, { 502, VT_BUSY }, { 503, VT_BUSY },
		{ 504, VT_BUSY }, { 505, VT_INVALID }, { 507, VT_NOSPACE },
		{ 599, VT_BUSY }, { 0, VT_INVALID },
	};
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		is_int(vt_http_code(want[i].status), want[i].code,
		    "status %d", want[i].status);
	is_str(vt_http_words(404), "not found", "in words");
	is_str(vt_http_words(418), "unexpected answer", "or none");
}

static void
test_retry_after(void)
{
	/* Thu, 26 Nov 2026 00:00:00 GMT */
	int64_t now = INT64_C(1795651200000000);

	is_int(vt_retry_after_ms(NULL, now), -1, "none");
	is_int(vt_retry_after_ms("", now), -1, "nothing");
	is_int(vt_retry_after_ms("soon", now), -1, "a word");
	is_int(vt_retry_after_ms("-5", now), -1, "negative");
	is_int(vt_retry_after_ms("0", now), 0, "now");
	is_int(vt_retry_after_ms("7", now), 7000, "seconds");
	is_int(vt_retry_after_ms("99999999999999", now), 3600000,
	    "an age is an hour");
	is_int(vt_retry_after_ms("Thu, 26 Nov 2026 00:00:09 GMT", now), 9000,
	    "a date");
	is_int(vt_retry_after_ms("Wed, 25 Nov 2026 23:00:00 GMT", now), 0,
	    "a date that has passed");
}

static void
test_pause(void)
{
	struct vt_retry r = vt_retry_policy(0, 0, 0);
	int64_t limit = VT_RETRY_BACKOFF_MS;
	unsigned i;

	ok(r.tries == VT_RETRY_TRIES && r.backoff_ms == VT_RETRY_BACKOFF_MS &&
	    r.backoff_max_ms == VT_RETRY_BACKOFF_MAX_MS, "defaults");
	for (i = 1; i < 12; i++) {
		is_int(vt_retry_pause_ms(&r, i, -1, 0), 0,
		    "try %u: from nothing", i);
		is_int(vt_retry_pause_ms(&r, i, -1, (uint64_t)limit), limit,
		    "to %lld ms", (long long)limit);
		is_int(vt_retry_pause_ms(&r, i, -1, (uint64_t)limit + 1), 0,
		    "and no more");
		limit = limit * 2 > VT_RETRY_BACKOFF_MAX_MS ?
		    VT_RETRY_BACKOFF_MAX_MS : limit * 2;
	}
	is_int(vt_retry_pause_ms(&r, 1, 5000, 100), 5000,
	    "a server asks for more");
	is_int(vt_retry_pause_ms(&r, 1, 50, 100), 100, "or for less");
	is_int(vt_retry_pause_ms(&r, 1, 3600000, 100), VT_RETRY_AFTER_MAX_MS,
	    "but not for an hour");
	r = vt_retry_policy(3, 10, 15);
	is_int(r.tries, 3, "own tries");
	is_int(vt_retry_pause_ms(&r, 1000000, -1, 15), 15,
	    "own limit, however often");
}

static void
test_wait(void)
{
	int64_t start = vt_clock_mono_us();
	volatile int cancel = 0;

	is_int(vt_retry_wait(0, NULL, &err), VT_OK, "no pause");
	is_int(vt_retry_wait(30, &cancel, &err), VT_OK, "a pause");
	ok(vt_clock_mono_us() - start >= 30000, "is as long as it says");
	cancel = 1;
	is_int(vt_retry_wait(INT64_C(3600000), &cancel, &err), VT_CANCELLED,
	    "an hour that ends when asked to");
}

int
main(void)
{
	test_codes();
	test_retry_after();
	test_pause();
	test_wait();
	return test_done();
}
