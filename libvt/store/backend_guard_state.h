/*
 * What a guard remembers of a tier, without threads and without a clock: when
 * to stop asking it, and how long to hold bytes back.  Times are microseconds
 * of any clock that does not go back.
 */
#ifndef VT_STORE_BACKEND_GUARD_STATE_H
#define VT_STORE_BACKEND_GUARD_STATE_H

#include <stdint.h>

#include "libvt/base/err.h"

/* --- the breaker ---------------------------------------------------------- */
#define VT_BREAKER_PAUSE_MAX_US (60 * INT64_C(1000000))

/* What a call told of the tier: it answered, it failed, or neither. */
enum vt_call_end { VT_CALL_ANSWERED, VT_CALL_FAILED, VT_CALL_UNKNOWN };
/* Of the code of a call that cannot have succeeded without an answer. */
enum vt_call_end vt_call_end_of(enum vt_code code);

struct vt_breaker {
	unsigned open_after;	/* failures in a row */
	int64_t pause_us;	/* of the first opening */
	enum { VT_BREAKER_CLOSED, VT_BREAKER_OPEN, VT_BREAKER_PROBING } state;
	unsigned failures;	/* in a row, while closed */
	int64_t now_pause_us, until_us;		/* of this opening */
	uint64_t generation;	/* of the state; never 0 */
};
void vt_breaker_init(struct vt_breaker *b, unsigned open_after,
    int64_t pause_us);
/* May a call go on now?  Changes nothing. */
int vt_breaker_passes(const struct vt_breaker *b, int64_t now_us);
/*
 * The ticket of a call that goes on, or 0: refused.  While it is open and its
 * pause is over, one call is the probe: state is VT_BREAKER_PROBING then, and
 * all others are refused until its end was told.
 */
uint64_t vt_breaker_enter(struct vt_breaker *b, int64_t now_us);
/*
 * How a call ended.  One that began in another state of the breaker says
 * nothing of this one: what hung for a minute must not open it again.  1: it
 * is open now and was not.
 */
int vt_breaker_leave(struct vt_breaker *b, uint64_t ticket,
    enum vt_call_end end, int64_t now_us);

/* --- the rate ------------------------------------------------------------- */
struct vt_pace {
	uint64_t per_s;		/* bytes; 0: no limit */
	int64_t free_us;	/* when all that was taken will have passed */
	uint64_t rest;		/* of the last division */
};
/* Take so many bytes (at most 2^44): for how many microseconds whoever moves
 * them has to wait.  What was not used is kept for a second. */
int64_t vt_pace_take(struct vt_pace *p, uint64_t bytes, int64_t now_us);

#endif
