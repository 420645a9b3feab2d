/*
 * When an HTTP request to a store is tried again, and after how long: what
 * the clients of S3, Azure and Google share.  Pure but for vt_retry_wait:
 * time and dice come in as arguments.
 *
 * The pause before the next try has full jitter: anything from nothing to a
 * limit that doubles, since many clients that failed together must not come
 * back together.  A Retry-After is its least length.  A transfer that moves
 * forward starts the count of tries again: a limit on the whole would be a
 * limit on the size.
 */
#ifndef VT_PROTO_HTTPRETRY_H
#define VT_PROTO_HTTPRETRY_H

#include <stdint.h>

#include "libvt/base/err.h"

#define VT_RETRY_TRIES 6
#define VT_RETRY_BACKOFF_MS 200
#define VT_RETRY_BACKOFF_MAX_MS 20000
#define VT_RETRY_AFTER_MAX_MS 60000	/* a server is not obeyed longer */

struct vt_retry {
	unsigned tries;		/* of each request, the first included */
	int64_t backoff_ms;	/* first pause at most; doubles */
	int64_t backoff_max_ms;	/* no pause is longer, but for Retry-After */
};
/* A policy of these numbers; 0 is the default of each. */
struct vt_retry vt_retry_policy(unsigned tries, int64_t backoff_ms,
    int64_t backoff_max_ms);

/*
 * What an answer means whose body says no more: VT_OK (2xx), VT_ABSENT (404),
 * VT_DENIED (401, 403), VT_PRECONDITION (304, 412), VT_TOO_LARGE (413),
 * VT_NOSPACE (507), VT_BUSY (408, 425, 429 and 5xx but for 501 and 505: these
 * alone are worth another try), else VT_INVALID.
 */
enum vt_code vt_http_code(int status);
/* The same in words, for an answer without a message. */
const char *vt_http_words(int status);

/* A Retry-After in seconds or as a date, in milliseconds from `now_us`; -1:
 * NULL, or not understood. */
int64_t vt_retry_after_ms(const char *value, int64_t now_us);
/*
 * The pause before try number `attempt` + 1, in milliseconds; `retry_after_ms`
 * of the last answer, -1 for none; `dice` any 64 random bits.
 */
int64_t vt_retry_pause_ms(const struct vt_retry *r, unsigned attempt,
    int64_t retry_after_ms, uint64_t dice);
/* Blocks for so long; VT_CANCELLED soon after *cancel (may be NULL) is not
 * 0. */
enum vt_code vt_retry_wait(int64_t pause_ms, const volatile int *cancel,
    struct vt_err *err) VT_MUST_CHECK;

#endif
