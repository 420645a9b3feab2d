/* When a request is tried again, and after how long: see httpretry.h. */
#include <string.h>
#include <time.h>

#include "libvt/base/clock.h"
#include "libvt/base/num.h"

#include "libvt/proto/httpretry.h"

struct vt_retry
vt_retry_policy(unsigned tries, int64_t backoff_ms, int64_t backoff_max_ms)
{
	return (struct vt_retry){
		.tries = tries > 0 ? tries : VT_RETRY_TRIES,
		.backoff_ms = backoff_ms > 0 ? backoff_ms :
		    VT_RETRY_BACKOFF_MS,
		.backoff_max_ms = backoff_max_ms > 0 ? backoff_max_ms :
		    VT_RETRY_BACKOFF_MAX_MS,
	};
}

enum vt_code
vt_http_code(int status)
{
	switch (status) {
	case 304:
	case 412:
		return VT_PRECONDITION;
	case 401:
	case 403:
		return VT_DENIED;
	case 404:
		return VT_ABSENT;
	case 408:
	case 425:
	case 429:
		return VT_BUSY;
	case 413:
		return VT_TOO_LARGE;
	case 501:
	case 505:
		return VT_INVALID;
	case 507:
		return VT_NOSPACE;
	default:
		if (status >= 200 && status < 300)
			return VT_OK;
		return status >= 500 ? VT_BUSY : VT_INVALID;
	}
}

const char *
vt_http_words(int status)
{
	static const struct {
		int status;
		const char *words;
	} known[] = {
		{ 301, "it is at another endpoint" },
		{ 304, "not modified" },
		{ 307, "it is at another endpoint" },
		{ 400, "bad request" },
		{ 401, "who asks is not known" },
		{ 403, "access denied" },
		{ 404, "not found" },
		{ 405, "method not allowed" },
		{ 408, "the request took too long" },
		{ 409, "conflict" },
		{ 412, "precondition failed" },
		{ 413, "too large" },
		{ 416, "range not satisfiable" },
		{ 429, "too many requests" },
		{ 500, "internal error" },
		{ 501, "not implemented" },
		{ 502, "bad gateway" },
		{ 503, "service unavailable" },
		{ 504, "gateway timeout" },
		{ 507, "insufficient storage" },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return known[i].words;
	return "unexpected answer";
}

int64_t
vt_retry_after_ms(const char *value, int64_t now_us)
{
	uint64_t n;
	int64_t at;

	if (value == NULL)
		return -1;
	if (vt_num_scan_u64(value, strlen(value), &n) == 0)
		return n > 3600 ? 3600000 : (int64_t)n * 1000;
	if (vt_time_parse_http(value, &at) < 0)
		return -1;
	return at > now_us ? (at - now_us) / 1000 : 0;
}

int64_t
vt_retry_pause_ms(const struct vt_retry *r, unsigned attempt,
    int64_t retry_after_ms, uint64_t dice)
{
	int64_t limit = r->backoff_ms, pause;
	unsigned i;

	for (i = 1; i < attempt && limit < r->backoff_max_ms; i++)
		limit *= 2;
	if (limit > r->backoff_max_ms)
		limit = r->backoff_max_ms;
	pause = (int64_t)(dice % ((uint64_t)limit + 1));
	if (retry_after_ms > VT_RETRY_AFTER_MAX_MS)
		retry_after_ms = VT_RETRY_AFTER_MAX_MS;
	return pause < retry_after_ms ? retry_after_ms : pause;
}

enum vt_code
vt_retry_wait(int64_t pause_ms, const volatile int *cancel,
    struct vt_err *err)
{
	int64_t until = vt_clock_mono_us() + pause_ms * 1000, left;
	struct timespec ts = { 0, 0 };

	for (;;) {
		if (cancel != NULL &&
		    __atomic_load_n(cancel, __ATOMIC_RELAXED) != 0)
			return vt_fail(err, VT_CANCELLED, "interrupted");
		left = until - vt_clock_mono_us();
		if (left <= 0)
			return VT_OK;
		/* a signal handler sets the flag and wakes nobody */
		ts.tv_nsec = (left < 20000 ? left : 20000) * 1000;
		nanosleep(&ts, NULL);
	}
}
