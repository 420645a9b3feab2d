/* A breaker and a rate, without threads or a clock: see
 * backend_guard_state.h. */
#include "libvt/store/backend_guard_state.h"

#define SECOND_US INT64_C(1000000)

/* --- the breaker ---------------------------------------------------------- */

enum vt_call_end
vt_call_end_of(enum vt_code code)
{
	switch (code) {
	case VT_BUSY:
	case VT_IO:
		return VT_CALL_FAILED;
	case VT_INVALID:	/* may have been found out on this side */
	case VT_CANCELLED:
	case VT_NOMEM:
		return VT_CALL_UNKNOWN;
	default:
		return VT_CALL_ANSWERED;
	}
}

void
vt_breaker_init(struct vt_breaker *b, unsigned open_after, int64_t pause_us)
{
	*b = (struct vt_breaker){ .open_after = open_after,
	    .pause_us = pause_us < VT_BREAKER_PAUSE_MAX_US ? pause_us :
	    VT_BREAKER_PAUSE_MAX_US, .generation = 1 };
}

int
vt_breaker_passes(const struct vt_breaker *b, int64_t now_us)
{
	return b->state == VT_BREAKER_CLOSED ||
	    (b->state == VT_BREAKER_OPEN && now_us >= b->until_us);
}

uint64_t
vt_breaker_enter(struct vt_breaker *b, int64_t now_us)
{
	if (!vt_breaker_passes(b, now_us))
		return 0;
	if (b->state == VT_BREAKER_OPEN) {
		b->state = VT_BREAKER_PROBING;
		b->generation++;
	}
	return b->generation;
}

static void
open_until(struct vt_breaker *b, int64_t until_us)
{
	b->state = VT_BREAKER_OPEN;
	b->until_us = until_us;
	b->generation++;
}

/* The end of the one that was let through. */
static void
probed(struct vt_breaker *b, enum vt_call_end end, int64_t now_us)
{
	switch (end) {
	case VT_CALL_ANSWERED:
		b->state = VT_BREAKER_CLOSED;
		b->failures = 0;
		b->generation++;
		break;
	case VT_CALL_FAILED:
		b->now_pause_us = b->now_pause_us < VT_BREAKER_PAUSE_MAX_US /
		    2 ? b->now_pause_us * 2 : VT_BREAKER_PAUSE_MAX_US;
		open_until(b, now_us + b->now_pause_us);
		break;
	case VT_CALL_UNKNOWN:
		/* the next one finds out */
		open_until(b, now_us);
		break;
	}
}

int
vt_breaker_leave(struct vt_breaker *b, uint64_t ticket, enum vt_call_end end,
    int64_t now_us)
{
	if (ticket != b->generation)
		return 0;
	if (b->state == VT_BREAKER_PROBING) {
		probed(b, end, now_us);
		return 0;
	}
	if (end == VT_CALL_ANSWERED)
		b->failures = 0;
	if (end != VT_CALL_FAILED || ++b->failures < b->open_after)
		return 0;
	b->now_pause_us = b->pause_us;
	open_until(b, now_us + b->now_pause_us);
	return 1;
}

/* --- the rate ------------------------------------------------------------- */

int64_t
vt_pace_take(struct vt_pace *p, uint64_t bytes, int64_t now_us)
{
	uint64_t scaled;

	if (p->per_s == 0)
		return 0;
	if (p->free_us < now_us - SECOND_US)
		p->free_us = now_us - SECOND_US;
	/* what is under a microsecond is kept for the next time */
	scaled = bytes * (uint64_t)SECOND_US + p->rest;
	p->free_us += (int64_t)(scaled / p->per_s);
	p->rest = scaled % p->per_s;
	return p->free_us > now_us ? p->free_us - now_us : 0;
}
