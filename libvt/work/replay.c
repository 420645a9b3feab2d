#include <math.h>
#include <string.h>

#include "libvt/work/promote.h"
#include "libvt/work/replay.h"

/* The tier an object is on in a replay, and its bill. */
struct stay {
	const struct vt_cost *c;
	struct vt_replay *r;
	size_t at;
	double entered, paid_to;
	double rent;		/* of reads since it came, see promote.h */
};

static void
stay_begin(struct stay *s, const struct vt_cost *c, double from,
    struct vt_replay *r)
{
	memset(r, 0, sizeof(*r));
	s->c = c;
	s->r = r;
	s->rent = 0;
	s->at = 0;
	/* whatever minimum tier 0 has was served before */
	s->entered = from - c->min_days[0];
	s->paid_to = from;
}

static void
stay_until(struct stay *s, double t)
{
	if (t <= s->paid_to)
		return;
	s->r->storage += s->c->day[s->at] * (t - s->paid_to);
	s->paid_to = t;
}

static void
stay_move(struct stay *s, double t, size_t to, double cost)
{
	stay_until(s, t);
	s->r->moving += cost + vt_cost_early(s->c, s->at, t - s->entered);
	s->r->moves++;
	s->at = to;
	s->entered = t;
	s->rent = 0;
}

static void
stay_end(struct stay *s, double t)
{
	stay_until(s, t);
	s->r->end = s->at;
	s->r->usd = s->r->storage + s->r->reads + s->r->moving;
}

void
vt_replay_hot(const struct vt_cost *c, const struct vt_past *p,
    double score_from, struct vt_replay *out)
{
	struct stay s;
	size_t i;

	stay_begin(&s, c, score_from > p->from ? score_from : p->from, out);
	for (i = 0; i < p->count; i++)
		if (p->e[i].at >= score_from)
			out->reads += vt_cost_serve(c, 0, p->e[i].gets,
			    p->e[i].bytes);
	stay_end(&s, p->to);
}

void
vt_replay_age(const struct vt_cost *c, const struct vt_past *p,
    double score_from, const double *days, const size_t *tiers, size_t count,
    uint64_t min_size, struct vt_replay *out)
{
	double from = score_from > p->from ? score_from : p->from, t;
	struct stay s;
	size_t i, k;

	if (c->size_bytes < min_size)
		count = 0;
	stay_begin(&s, c, from, out);
	/* What is past the second age at the start goes there directly. */
	for (k = 0; k + 1 < count && p->created + days[k + 1] <= from; )
		k++;
	for (i = 0; i <= p->count; i++) {
		double until = i < p->count ? p->e[i].at : p->to;

		for (; k < count; k++) {
			t = p->created + days[k];
			if (t < from)
				t = from;
			if (t >= until)
				break;
			stay_move(&s, t, tiers[k], c->move[s.at][tiers[k]]);
		}
		if (i < p->count && until >= score_from) {
			stay_until(&s, until);
			out->reads += vt_cost_serve(c, s.at, p->e[i].gets,
			    p->e[i].bytes);
		}
	}
	stay_end(&s, p->to);
}

/* Storage of [a, b] in a self-moving class, idle since `since`. */
static double
auto_storage(const struct vt_price *p, double gb, double month_days,
    double since, double a, double b)
{
	double usd = 0, from, to;
	size_t i;

	for (i = 0; i < p->level_count; i++) {
		from = since + p->level[i].idle_days;
		to = i + 1 < p->level_count ?
		    since + p->level[i + 1].idle_days : INFINITY;
		if (from < a)
			from = a;
		if (to > b)
			to = b;
		if (to > from)
			usd += p->level[i].storage_gb_month * gb *
			    (to - from) / month_days;
	}
	return usd;
}

/* What a read costs that brings the object back after so many idle days. */
static double
auto_back(const struct vt_price *p, double idle)
{
	size_t i = p->level_count;

	while (i > 0 && p->level[i - 1].idle_days > idle)
		i--;
	return i > 0 ? p->level[i - 1].back : 0;
}

void
vt_replay_auto(const struct vt_cost_model *m, const struct vt_price *price,
    uint64_t size_bytes, const struct vt_past *p, double score_from,
    struct vt_replay *out)
{
	double from = score_from > p->from ? score_from : p->from;
	double gb = (double)size_bytes / m->bytes_per_gb;
	double since = p->from, t = from;
	struct vt_price flat = *price;
	size_t i;

	memset(out, 0, sizeof(*out));
	if (p->created < from) {
		out->moving += price->transition;
		out->moves++;
	}
	if (size_bytes < price->monitor_min_bytes)
		flat.level_count = 1;
	else
		out->storage += price->monitor_month * (p->to - from) /
		    m->month_days;
	for (i = 0; i < p->count; i++) {
		if (p->e[i].at < score_from) {
			since = p->e[i].at;
			continue;
		}
		out->storage += auto_storage(&flat, gb, m->month_days, since,
		    t, p->e[i].at);
		out->reads += p->e[i].gets * price->get + p->e[i].bytes *
		    (price->retrieval_gb + m->tier[0].read_gb) /
		    m->bytes_per_gb;
		out->moving += auto_back(&flat, p->e[i].at - since);
		since = t = p->e[i].at;
	}
	out->storage += auto_storage(&flat, gb, m->month_days, since, t,
	    p->to);
	out->usd = out->storage + out->reads + out->moving;
}

/* A plan is run at time `t`. */
static void
replay_tick(const struct vt_work *w, struct stay *s,
    const struct vt_replay_options *o, double t)
{
	struct vt_choice c;

	if (w->at == s->at || w->clock < o->min_history)
		return;
	vt_work_choose(w, s->at, t - s->entered, &c);
	if (c.why == VT_GO || o->plain)
		stay_move(s, t, c.to, s->c->move[s->at][c.to]);
}

/*
 * Plans run while nobody reads: from `a` to `b`, `idle` of it covered, the
 * uncovered part first.  While the object is where the algorithm is, nothing
 * happens until that moves on.
 */
static void
replay_idle(struct vt_work *w, struct stay *s,
    const struct vt_replay_options *o, double a, double b, double idle)
{
	double left = idle, t = b - idle, wait;

	if (t < a)
		t = a;
	while (left > 0) {
		wait = w->at == s->at ? vt_work_patience(w) : 0;
		if (wait >= left)
			break;
		if (o->tick > 0)
			wait = (vt_days_floor((t + wait) / o->tick) + 1) *
			    o->tick - t;
		else if (w->at != s->at)
			wait = 1;	/* refused: asked again a day later */
		if (wait > left)
			break;
		vt_work_idle(w, wait);
		left -= wait;
		t += wait;
		replay_tick(w, s, o, t);
	}
	vt_work_idle(w, left);
}

/* The reads of a day: served from where the object is until, with `promote`,
 * they have paid for bringing it back, as vt-serve does (promote.h). */
static void
replay_read(struct vt_work *w, struct stay *s,
    const struct vt_replay_options *o, const struct vt_event *e)
{
	double n, each = e->gets > 0 ? e->bytes / e->gets : 0;

	stay_until(s, e->at);
	vt_work_read(w, e->gets, e->bytes, o->promote);
	if (o->promote && s->at != 0) {
		n = vt_rent_reads_until(s->c, s->at, e->gets, each,
		    vt_cost_early(s->c, s->at, e->at - s->entered), &s->rent);
		if (n <= e->gets) {
			s->r->reads += vt_cost_serve(s->c, s->at, n,
			    n * each) + vt_cost_serve(s->c, 0, e->gets - n,
			    (e->gets - n) * each);
			stay_move(s, e->at, 0, s->c->move[s->at][0]);
			return;
		}
	}
	s->r->reads += vt_cost_serve(s->c, s->at, e->gets, e->bytes);
	/* the textbook does not wait for a plan */
	if (o->tick <= 0)
		replay_tick(w, s, o, e->at);
}

void
vt_replay_plan(const struct vt_cost *c, const struct vt_past *p,
    double score_from, const struct vt_replay_options *o,
    struct vt_replay *out)
{
	double before = p->from, at, idle, head;
	struct vt_work w;
	struct stay s;
	size_t i;

	vt_work_init(&w, c, 0, o->minimums);
	stay_begin(&s, c, score_from > p->from ? score_from : p->from, out);
	for (i = 0; i <= p->count; i++) {
		at = i < p->count ? p->e[i].at : p->to;
		idle = i < p->count ? p->e[i].idle : p->tail_idle;
		head = idle;
		if (at >= score_from)
			head = before < score_from ?
			    idle - (at - score_from) : 0;
		if (head > 0) {
			/* known, but not billed */
			vt_work_idle(&w, head);
			idle -= head;
		}
		if (at >= score_from)
			replay_idle(&w, &s, o, before < score_from ?
			    score_from : before, at, idle);
		before = at;
		if (i == p->count)
			break;
		if (at >= score_from)
			replay_read(&w, &s, o, &p->e[i]);
		else
			vt_work_read(&w, p->e[i].gets, p->e[i].bytes,
			    o->promote);
	}
	stay_end(&s, p->to);
}
