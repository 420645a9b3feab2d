/* Turns at a backend of another machine, and who may go on when: see
 * backend_guard.h. */
#include <string.h>
#include <time.h>

#include "libvt/store/backend_guard.h"

#define POLL_US 200000		/* how often a wait looks at `cancel` */

struct guard *
guard_of(const struct vt_backend *b)
{
	return (struct guard *)b;
}

int64_t
guard_now_us(const struct guard *g)
{
	const struct vt_clock *c = g->base.clock;

	return c != NULL && c->fixed ? vt_clock_now_us(c) :
	    vt_clock_mono_us();
}

/* --- waiting; all of it under the lock ------------------------------------ */

static void
append(struct gate *q, struct waiter *w)
{
	w->next = NULL;
	*q->tail = w;
	q->tail = &w->next;
	q->waiting++;
}

static void
take_off(struct gate *q, struct waiter *w)
{
	struct waiter **p = &q->head;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	if (*p == NULL)
		q->tail = p;
	q->waiting--;
}

static void
wake_first(struct gate *q, int state)
{
	struct waiter *w = q->head;

	take_off(q, w);
	w->state = state;
	pthread_cond_signal(&w->wake);
}

void
guard_turn_away(struct gate *q)
{
	while (q->head != NULL)
		wake_first(q, TURNED_AWAY);
}

static int
is_cancelled(const struct guard *g)
{
	return g->closing || (g->o.cancel != NULL &&
	    __atomic_load_n(g->o.cancel, __ATOMIC_RELAXED) != 0);
}

static enum vt_code
cancelled(const struct guard *g, struct vt_err *err)
{
	return vt_fail(err, VT_CANCELLED, "stopped waiting for '%s'",
	    g->base.url);
}

/* Wait in `q` until woken, at most until then; the state it ended in. */
static int
wait_in(struct guard *g, struct gate *q, int64_t until_us)
{
	struct waiter w = { .state = WAITING };
	struct timespec t;
	int64_t at;

	if (pthread_cond_init(&w.wake, &g->monotonic) != 0)
		return TURNED_AWAY;
	append(q, &w);
	while (w.state == WAITING) {
		at = vt_clock_mono_us();
		if (at >= until_us || is_cancelled(g)) {
			take_off(q, &w);
			break;
		}
		if (g->o.cancel != NULL && until_us - at > POLL_US)
			at += POLL_US;
		else
			at = until_us;
		t.tv_sec = (time_t)(at / 1000000);
		t.tv_nsec = (long)(at % 1000000 * 1000);
		pthread_cond_timedwait(&w.wake, &g->lock, &t);
	}
	pthread_cond_destroy(&w.wake);
	return w.state;
}

enum vt_code
guard_refuse(struct guard *g, struct vt_err *err)
{
	g->refused++;
	return vt_fail(err, VT_BUSY, "'%s' is left alone for a while, as it "
	    "failed: %s", g->base.url, g->why);
}

/* Take a place, waiting for it if need be. */
static enum vt_code
take_place(struct guard *g, struct gate *q, struct vt_err *err)
{
	if (q->head == NULL && q->used < q->max) {
		q->used++;
		return VT_OK;
	}
	if (q->waiting >= g->o.waiting_max) {
		g->refused++;
		return vt_fail(err, VT_BUSY, "%u others wait for '%s'",
		    q->waiting, g->base.url);
	}
	switch (wait_in(g, q, vt_clock_mono_us() + g->o.wait_ms * 1000)) {
	case GRANTED:
		return VT_OK;
	case TURNED_AWAY:
		return is_cancelled(g) ? cancelled(g, err) :
		    guard_refuse(g, err);
	default:
		break;
	}
	if (is_cancelled(g))
		return cancelled(g, err);
	g->refused++;
	return vt_fail(err, VT_BUSY, "no turn at '%s' within %lld ms",
	    g->base.url, (long long)g->o.wait_ms);
}

void
guard_leave_place(struct gate *q)
{
	if (q->head != NULL && q->used <= q->max)
		wake_first(q, GRANTED);
	else
		q->used--;
}

/* --- a call --------------------------------------------------------------- */

void
guard_come_in(struct guard *g)
{
	pthread_mutex_lock(&g->lock);
	g->inside++;
}

void
guard_go_out(struct guard *g)
{
	if (--g->inside == 0)
		pthread_cond_broadcast(&g->quiet);
	pthread_mutex_unlock(&g->lock);
}

enum vt_code
guard_take_turn(struct guard *g, struct gate *q, uint64_t *ticket,
    struct vt_err *err)
{
	enum vt_code rc;

	if (g->closing)
		return cancelled(g, err);
	if (!vt_breaker_passes(&g->breaker, guard_now_us(g)))
		return guard_refuse(g, err);
	rc = take_place(g, q, err);
	if (rc != VT_OK)
		return rc;
	*ticket = vt_breaker_enter(&g->breaker, guard_now_us(g));
	if (*ticket != 0)
		return VT_OK;
	guard_leave_place(q);
	return guard_refuse(g, err);
}

void
guard_note(struct guard *g, uint64_t ticket, enum vt_call_end end,
    const struct vt_err *err)
{
	if (end == VT_CALL_FAILED) {
		g->failures++;
		if (err != NULL) {
			memcpy(g->why, err->text, sizeof(g->why) - 1);
			g->why[sizeof(g->why) - 1] = '\0';
		}
	}
	if (vt_breaker_leave(&g->breaker, ticket, end, guard_now_us(g))) {
		guard_turn_away(&g->calls);
		guard_turn_away(&g->puts);
	}
}

enum vt_code
guard_enter(struct guard *g, uint64_t *ticket, struct vt_err *err)
{
	enum vt_code rc;

	guard_come_in(g);
	rc = guard_take_turn(g, &g->calls, ticket, err);
	if (rc != VT_OK) {
		guard_go_out(g);
		return rc;
	}
	pthread_mutex_unlock(&g->lock);
	return VT_OK;
}

void
guard_leave(struct guard *g, uint64_t ticket, enum vt_call_end end,
    const struct vt_err *err)
{
	pthread_mutex_lock(&g->lock);
	guard_note(g, ticket, end, err);
	guard_leave_place(&g->calls);
	guard_go_out(g);
}

uint64_t
guard_ticket(struct guard *g)
{
	uint64_t ticket = 0;

	pthread_mutex_lock(&g->lock);
	if (g->breaker.state == VT_BREAKER_CLOSED)
		ticket = vt_breaker_enter(&g->breaker, guard_now_us(g));
	pthread_mutex_unlock(&g->lock);
	return ticket;
}

void
guard_note_under_way(struct guard *g, uint64_t ticket, enum vt_call_end end,
    const struct vt_err *err)
{
	pthread_mutex_lock(&g->lock);
	guard_note(g, ticket, end, err);
	pthread_mutex_unlock(&g->lock);
}

enum vt_call_end
guard_failure_only(enum vt_code rc)
{
	return vt_call_end_of(rc) == VT_CALL_FAILED ? VT_CALL_FAILED :
	    VT_CALL_UNKNOWN;
}

enum vt_code
guard_probe_first(struct guard *g, const char *name, uint64_t *ticket,
    struct vt_err *err)
{
	struct vt_backend_head h;
	enum vt_code rc;
	int is_probe;

	pthread_mutex_lock(&g->lock);
	is_probe = g->breaker.state == VT_BREAKER_PROBING &&
	    g->breaker.generation == *ticket;
	pthread_mutex_unlock(&g->lock);
	if (!is_probe)
		return VT_OK;
	rc = vt_backend_head(g->inner, name, &h, err);
	pthread_mutex_lock(&g->lock);
	guard_note(g, *ticket, vt_call_end_of(rc), err);
	if (vt_call_end_of(rc) == VT_CALL_ANSWERED) {
		*ticket = vt_breaker_enter(&g->breaker, guard_now_us(g));
		rc = *ticket != 0 ? VT_OK : guard_refuse(g, err);
	}
	pthread_mutex_unlock(&g->lock);
	return rc;
}

enum vt_code
guard_pace(struct guard *g, struct vt_pace *p, size_t bytes,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	int64_t wait_us;

	if (p->per_s == 0)
		return VT_OK;
	guard_come_in(g);
	wait_us = vt_pace_take(p, bytes, guard_now_us(g));
	if (wait_us > 0) {
		wait_in(g, &g->held_back, vt_clock_mono_us() + wait_us);
		if (is_cancelled(g))
			rc = cancelled(g, err);
	}
	guard_go_out(g);
	return rc;
}
