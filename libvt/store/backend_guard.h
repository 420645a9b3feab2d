/*
 * What the two files of the guard share: see vt_backend_guard.
 *
 *	backend_guard.c		the operations
 *	backend_guard_turn.c	turns, tickets, the rate: who may go on when
 *
 * One lock for everything; it is never held across a call of the backend.
 * Two gates: requests, whose turn lasts as long as the call, and open puts.
 * Nobody waits for anything else while having the turn of a request: list and
 * meta step aside while their visitor runs and go on without waiting.
 */
#ifndef VT_STORE_BACKEND_GUARD_H
#define VT_STORE_BACKEND_GUARD_H

#include <pthread.h>

#include "libvt/store/backend_guard_state.h"
#include "libvt/store/backend_internal.h"

/* One that waits: for its turn, or for bytes to pass. */
struct waiter {
	struct waiter *next;
	pthread_cond_t wake;
	enum { WAITING, GRANTED, TURNED_AWAY } state;
};

struct gate {
	unsigned max, used, waiting;
	struct waiter *head, **tail;
};

struct guard {
	struct vt_backend base;
	struct vt_backend *inner;
	struct vt_guard_options o;	/* defaults filled in */
	pthread_mutex_t lock;
	pthread_condattr_t monotonic;
	pthread_cond_t quiet;
	unsigned inside;		/* threads that close waits for */
	int closing;
	struct gate calls, puts, held_back;
	struct vt_breaker breaker;
	struct vt_pace in, out;
	uint64_t failures, refused;
	char why[256];			/* the last failure */
};

struct guard *guard_of(const struct vt_backend *b);
/* Of a clock that tests set, or one that does not go back. */
int64_t guard_now_us(const struct guard *g);

/* --- under the lock ------------------------------------------------------- */
/* Wake all who wait here, in vain. */
void guard_turn_away(struct gate *q);
/* That the breaker is open, as a failure. */
enum vt_code guard_refuse(struct guard *g, struct vt_err *err);
/* A place, waiting for it if need be, and a ticket; either or none. */
enum vt_code guard_take_turn(struct guard *g, struct gate *q,
    uint64_t *ticket, struct vt_err *err) VT_MUST_CHECK;
/* Give the place to the first who waits. */
void guard_leave_place(struct gate *q);
/* What a call told of the tier. */
void guard_note(struct guard *g, uint64_t ticket, enum vt_call_end end,
    const struct vt_err *err);

/* --- the lock is taken here ----------------------------------------------- */
/* Take the lock, and let close wait for us until go_out gives it back. */
void guard_come_in(struct guard *g);
void guard_go_out(struct guard *g);
/* The turn of a request; nothing is held when it is refused. */
enum vt_code guard_enter(struct guard *g, uint64_t *ticket,
    struct vt_err *err) VT_MUST_CHECK;
void guard_leave(struct guard *g, uint64_t ticket, enum vt_call_end end,
    const struct vt_err *err);
/* The ticket of a call under way, 0 unless the tier is believed well. */
uint64_t guard_ticket(struct guard *g);
void guard_note_under_way(struct guard *g, uint64_t ticket,
    enum vt_call_end end, const struct vt_err *err);
/* Something that does not surely ask the other machine: only its failure
 * tells of it. */
enum vt_call_end guard_failure_only(enum vt_code rc);
/*
 * A call that is the probe, but may take long or may not ask the other
 * machine at all: look first whether it is back.  *ticket is renewed.
 */
enum vt_code guard_probe_first(struct guard *g, const char *name,
    uint64_t *ticket, struct vt_err *err) VT_MUST_CHECK;
/* Hold bytes back, or those that come next. */
enum vt_code guard_pace(struct guard *g, struct vt_pace *p, size_t bytes,
    struct vt_err *err) VT_MUST_CHECK;

#endif
