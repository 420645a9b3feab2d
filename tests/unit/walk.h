/*
 * One object under one engine, followed as an adversary would: who calls says
 * how long it rests and when it is read, and may watch for demotions.  The
 * past is written as it happens.
 */
#ifndef WALK_H
#define WALK_H

#include "libvt/work/engine.h"

struct walk {
	const struct vt_engine *e;
	const struct vt_cost *c;
	struct vt_past *p;	/* borrowed, with room for the events */
	struct vt_track t;
	struct vt_seat s;
	double usd;
	unsigned moves;
};

/* A past without events that begins at day 0, on tier 0. */
__attribute__((unused))
static void
walk_begin(struct walk *w, const struct vt_engine *e, const struct vt_cost *c,
    struct vt_past *p)
{
	p->created = p->from = p->to = p->tail_idle = 0;
	p->count = 0;
	w->e = e;
	w->c = c;
	w->p = p;
	w->usd = 0;
	w->moves = 0;
	vt_track_begin(&w->t, p, c->size_bytes);
	vt_seat_begin(e, c, &w->s, 0, 0);
}

/* It goes where it wants to be now.  Returns whether that is cheaper. */
__attribute__((unused))
static int
walk_settle(struct walk *w)
{
	const struct vt_cost *c = w->c;
	size_t from = w->s.at, to;

	to = vt_seat_want(w->e, c, w->p, &w->t, &w->s, w->t.clock);
	if (to == from)
		return 0;
	w->usd += c->move[from][to] + vt_cost_early(c, from,
	    w->t.clock - w->s.entered);
	vt_seat_move(&w->s, to, w->t.clock);
	w->moves++;
	return c->day[to] < c->day[from];
}

/* `days` without a read, or fewer: until it has gone to a cheaper tier.
 * Returns whether it has. */
__attribute__((unused))
static int
walk_idle(struct walk *w, double days, int until_down)
{
	double step;

	while (days > 0) {
		if (walk_settle(w) && until_down)
			return 1;
		step = vt_seat_patience(w->e, w->c, &w->t, &w->s);
		step = step < days ? step : days;
		w->usd += w->c->day[w->s.at] * step;
		vt_seat_idle(w->e, w->c, &w->s, step);
		w->t.idle += step;
		w->t.clock += step;
		w->p->to = w->t.clock;
		w->p->tail_idle = w->t.idle;
		days -= step;
	}
	return 0;
}

/* So many reads of `bytes` in all, now. */
__attribute__((unused))
static void
walk_read(struct walk *w, double gets, double bytes)
{
	const struct vt_cost *c = w->c;
	struct vt_event *v = &w->p->e[w->p->count++];
	double n, each = bytes / gets;
	size_t at = w->s.at;

	v->at = w->t.clock;
	v->idle = w->t.idle;
	v->gets = gets;
	v->bytes = bytes;
	w->p->tail_idle = 0;
	vt_track_read(&w->t, w->p, c->size_bytes);
	n = vt_seat_promote(w->e, c, &w->t, &w->s, gets, bytes, v->at);
	vt_seat_read(w->e, c, &w->s, gets, bytes);
	if (!(n <= gets)) {
		w->usd += vt_cost_serve(c, at, gets, bytes);
		return;
	}
	w->usd += vt_cost_serve(c, at, n - 1, (n - 1) * each) +
	    vt_cost_serve_promote(c, at, gets - n + 1,
	    (gets - n + 1) * each) + vt_cost_early(c, at,
	    v->at - w->s.entered);
	vt_seat_move(&w->s, 0, v->at);
	w->moves++;
}

#endif
