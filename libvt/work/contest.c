/* The past, replayed by each engine week by week: see contest.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/work/contest_internal.h"
#include "libvt/work/expect.h"
#include "libvt/work/levels.h"
#include "libvt/work/workfn.h"

#define WEEKS_MAX 5200		/* a century; what is longer ends there */

/* An engine is in charge until another was cheaper by so much, both in the
 * last half of the time known and in the last quarter: who switches for less
 * follows noise, and pays for the moves. */
#define BETTER 0.95
/* ... and until that is the work of many objects, so many deviations of it; or
 * of a few, but by so much. */
#define EVIDENCE 2
#define MUCH_BETTER 0.75
/* Who took charge less than so many weeks ago leaves for the latter alone: the
 * windows are of the time before still, and of few of the reads that come once
 * a month. */
#define TENURE 13

/* Of fewer objects too little is known to put an engine in charge that has no
 * bound: they teach no survival statistics, and a class that would have moved
 * these few well says nothing of the next. */
#define LEARN_OBJECTS 10

#define GONE 2			/* begun once, and removed by a rule */

#define GUARD 1.2		/* times the plain work function's bill */

/* Sweeps of the first solving, and of each one after it: when what was learned
 * has grown by so much, or after so many weeks. */
#define SWEEPS_FIRST 200
#define SWEEPS_AGAIN 4
#define GROWN 1.02
#define WEEKS_AT_MOST 2
/* What was learned counts half after so many weeks: uses change. */
#define HALF_LIFE 52.0
/* Large objects count for more in what is learned: bytes to this power. */
#define LEARN_POWER 0.7

/* --- setting up ----------------------------------------------------------- */

static struct side *
add_side(struct vt_contest *k, enum vt_engine_kind kind, const char *name,
    int candidate)
{
	struct side *d = &k->side[k->sides++];

	d->e.kind = kind;
	d->e.name = name;
	d->e.self_moving = -1;
	d->e.down = 1;
	d->candidate = candidate && (k->o.only == 0 ||
	    (k->o.only >> kind) & 1);
	/* who asks for the class alone gets it */
	if (k->count < LEARN_OBJECTS && (kind == VT_ENGINE_HAZARD ||
	    (kind == VT_ENGINE_AUTO && k->o.only == 0)))
		d->candidate = 0;
	return d;
}

static void
use_self_moving(const struct vt_contest *k, struct side *d)
{
	d->e.self_moving = k->o.self_moving;
	d->e.self_moving_min_bytes =
	    k->m->tier[k->o.self_moving].price.monitor_min_bytes;
}

/* May objects be kept in a class that moves them by itself? */
static int
with_auto(const struct vt_contest *k)
{
	return k->o.self_moving >= 0 && k->o.allow_self_moving;
}

/* Survival statistics without that class are no candidate beside the same with
 * it: what it is good for is reads that nobody expects, which a quiet past has
 * none of.  Then they are there for who wants to compare. */
static int
without_auto(const struct vt_contest *k)
{
	return !with_auto(k) || k->o.baselines;
}

static void
add_sides(struct vt_contest *k)
{
	const struct vt_contest_options *o = &k->o;
	struct side *d;

	k->hot = (int)k->sides;
	add_side(k, VT_ENGINE_HOT, "hot", 1);
	if (o->baselines && o->age_count > 0) {
		d = add_side(k, VT_ENGINE_AGE, "age", 0);
		memcpy(d->e.age_days, o->age_days, sizeof(o->age_days));
		memcpy(d->e.age_tier, o->age_tier, sizeof(o->age_tier));
		d->e.age_count = o->age_count;
		d->e.age_min_bytes = o->age_min_bytes;
	}
	if (o->baselines)
		add_side(k, VT_ENGINE_IDLE, "idle", 0);
	if (o->self_moving >= 0) {
		d = add_side(k, VT_ENGINE_AUTO, "auto", o->allow_self_moving);
		use_self_moving(k, d);
	}
	k->work = (int)k->sides;
	add_side(k, VT_ENGINE_WORK, "work", 1);
	/* never in charge: in no replay did it pay against hazard, and it
	 * fails badly where restores are due */
	if (o->baselines)
		add_side(k, VT_ENGINE_WORK, "work-quick", 0)->e.down = 0.25;
	if (without_auto(k)) {
		d = add_side(k, VT_ENGINE_HAZARD, "hazard", !with_auto(k));
		d->e.hazard = k->hazard;
		d->e.table = k->table;
	}
	if (with_auto(k)) {
		d = add_side(k, VT_ENGINE_HAZARD, "hazard+auto", 1);
		d->e.hazard = k->hazard;
		d->e.table = k->table_auto;
		use_self_moving(k, d);
	}
	k->plan = (int)k->sides;
	add_side(k, VT_ENGINE_PLAN, "plan", 0);
}

static int
allocate(struct vt_contest *k)
{
	size_t i;

	k->cost = calloc(k->count + 1, sizeof(*k->cost));
	k->track = calloc(k->count + 1, sizeof(*k->track));
	k->ahead = calloc(k->count + 1, sizeof(*k->ahead));
	k->begun = calloc(k->count + 1, 1);
	k->scored = calloc(k->count + 1, 1);
	k->learn = calloc(k->count + 1, sizeof(*k->learn));
	k->marks = vt_sample_prefix_count(k->sample);
	k->mark = calloc(k->marks + 1, sizeof(*k->mark));
	if (k->cost == NULL || k->track == NULL || k->ahead == NULL ||
	    k->begun == NULL ||
	    k->scored == NULL || k->learn == NULL || k->mark == NULL)
		return -1;
	for (i = 0; i < k->sides; i++) {
		k->side[i].seat = calloc(k->count + 1, sizeof(struct vt_seat));
		k->side[i].week = calloc(k->weeks + 1, sizeof(double));
		k->side[i].object = calloc(k->count + 1, sizeof(double));
		if (k->side[i].seat == NULL || k->side[i].week == NULL ||
		    k->side[i].object == NULL)
			return -1;
	}
	return 0;
}

static unsigned
excluded_mask(const struct vt_cost_model *m, int but)
{
	unsigned mask = 0;
	size_t i;

	for (i = 0; i < m->count; i++)
		if ((int)i != but && m->tier[i].excluded)
			mask |= 1u << i;
	return mask;
}

static void
weigh(struct vt_contest *k)
{
	double sum = 0, each;
	size_t i;

	for (i = 0; i < k->count; i++) {
		const struct vt_object *o = vt_sample_at(k->sample, i);

		k->learn[i] = o->stands_for *
		    pow((double)o->size_bytes + 1, LEARN_POWER);
		sum += k->learn[i];
	}
	each = sum > 0 ? (double)k->count / sum : 1;
	for (i = 0; i < k->count; i++)
		k->learn[i] *= each;
}

static enum vt_code
prepare(struct vt_contest *k, struct vt_err *err)
{
	int move = k->o.self_moving;
	unsigned mask = excluded_mask(k->m, move);
	struct vt_cost_rates rates;
	size_t i;

	k->excluded = excluded_mask(k->m, -1);
	k->hazard = vt_hazard_new();
	if (without_auto(k))
		k->table = vt_hazard_table_new(k->m,
		    move >= 0 ? mask | 1u << move : mask);
	if (with_auto(k))
		k->table_auto = vt_hazard_table_new(k->m, mask);
	if (k->hazard == NULL || (without_auto(k) && k->table == NULL) ||
	    (with_auto(k) && k->table_auto == NULL))
		return vt_fail(err, VT_NOMEM, "no memory for engines");
	add_sides(k);
	if (allocate(k) < 0)
		return vt_fail(err, VT_NOMEM, "no memory for engines");
	vt_cost_rates_of(k->m, &rates);
	for (i = 0; i < k->count; i++) {
		const struct vt_object *o = vt_sample_at(k->sample, i);
		uint64_t size = o->size_bytes;

		vt_cost_at(&rates, size, &k->cost[i]);
		/* only who asks for it may go there */
		if (move >= 0)
			k->cost[i].excluded[move] = 1;
		vt_reach_bar(o->reach.barred, &k->cost[i]);
		if (k->table != NULL)
			vt_hazard_table_size(k->table, size);
		if (k->table_auto != NULL)
			vt_hazard_table_size(k->table_auto, size);
	}
	weigh(k);
	/* the last of them, hazard if it may; where none may, the one with
	 * the bound */
	k->in_charge = (size_t)k->work;
	for (i = 0; i < k->sides; i++)
		if (k->side[i].candidate &&
		    (k->side[i].e.kind == VT_ENGINE_HAZARD ||
		    !k->side[k->in_charge].candidate))
			k->in_charge = i;
	return VT_OK;
}

enum vt_code
vt_contest_new(const struct vt_cost_model *m, struct vt_sample *s,
    const struct vt_contest_options *o, struct vt_contest **out,
    struct vt_err *err)
{
	struct vt_contest *k = calloc(1, sizeof(*k));
	enum vt_code rc;

	*out = NULL;
	if (k == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for engines");
	k->m = m;
	k->sample = s;
	k->o = *o;
	k->optimum = -1;
	k->count = vt_sample_count(s);
	vt_sample_span(s, &k->from, &k->to);
	/* 0 is no day, even for a past that begins before 1970 */
	if (k->o.score_from == 0 || k->o.score_from < k->from)
		k->o.score_from = k->from;
	k->weeks = (size_t)ceil((k->to - k->from) / VT_CONTEST_WEEK);
	if (k->weeks > WEEKS_MAX)
		k->weeks = WEEKS_MAX;
	rc = prepare(k, err);
	if (rc != VT_OK) {
		vt_contest_free(k);
		return rc;
	}
	*out = k;
	return VT_OK;
}

void
vt_contest_free(struct vt_contest *k)
{
	size_t i;

	if (k == NULL)
		return;
	for (i = 0; i < k->sides; i++) {
		free(k->side[i].seat);
		free(k->side[i].week);
		free(k->side[i].object);
	}
	vt_hazard_free(k->hazard);
	vt_hazard_table_free(k->table);
	vt_hazard_table_free(k->table_auto);
	free(k->cost);
	free(k->track);
	free(k->ahead);
	free(k->begun);
	free(k->scored);
	free(k->learn);
	free(k->mark);
	free(k);
}

/* --- the bill ------------------------------------------------------------- */

enum item { STORAGE, READS, MOVING };

/* One object in the week that is replayed. */
struct turn {
	struct vt_contest *k;
	size_t i;
	const struct vt_object *o;
	const struct vt_past *p;
	const struct vt_cost *c;
	struct vt_track *t;
	uint32_t barred;	/* of its reach, by now */
	/* the work function as it was before the step at hand: it is the same
	 * for all who follow it, wherever they have the object */
	double w[VT_COST_TIERS];
};

static void
pay(const struct turn *u, struct side *d, enum item what, double usd)
{
	struct vt_contest *k = u->k;
	struct mark *m;

	usd *= u->o->stands_for;
	d->week[k->week] += usd;
	d->object[u->i] += usd;
	if (!k->scored[u->i]) {
		d->before += usd;
		return;
	}
	d->usd += usd;
	if (what == STORAGE)
		d->storage += usd;
	else if (what == READS)
		d->reads += usd;
	else
		d->moving += usd;
	if (u->o->prefix >= k->marks)
		return;
	m = &k->mark[u->o->prefix];
	if (d == &k->side[k->plan])
		m->plan += usd;
	else if (d == &k->side[k->work])
		m->work += usd;
	else if (d == &k->side[k->hot])
		m->hot += usd;
}

static double
storage(const struct turn *u, const struct vt_seat *s, double days)
{
	if ((int)s->at == u->k->o.self_moving)
		return vt_levels_storage(u->k->m, s->at, u->o->size_bytes,
		    s->level_idle, days);
	return u->c->day[s->at] * days;
}

/* Brought back from a level that charges for it. */
static double
level_back(const struct turn *u, const struct vt_seat *s)
{
	if ((int)s->at != u->k->o.self_moving)
		return 0;
	return vt_levels_back(u->k->m, s->at, u->o->size_bytes,
	    s->level_idle);
}

/* The age rule's moves are the provider's. */
static double
move_price(const struct turn *u, const struct side *d, size_t from, size_t to)
{
	if (d->e.kind == VT_ENGINE_AGE)
		return u->k->m->tier[to].price.transition;
	return u->c->move[from][to];
}

static void
move(const struct turn *u, struct side *d, struct vt_seat *s, size_t to,
    double now)
{
	pay(u, d, MOVING, move_price(u, d, s->at, to) +
	    vt_cost_early(u->c, s->at, now - s->entered));
	if (u->k->scored[u->i])
		d->moves += u->o->stands_for;
	vt_seat_move(s, to, now);
}

/* --- who decides ---------------------------------------------------------- */

/* An object that may not be everywhere: engines that know nothing of one
 * object's bounds leave it to the work function; the self-moving class, as a
 * baseline, leaves it where it is.  Few are: kept out of the way of others. */
__attribute__((noinline)) static const struct vt_engine *
engine_within(const struct turn *u, const struct side *d,
    const struct vt_engine *e)
{
	const struct vt_contest *k = u->k;
	uint32_t barred = u->barred;

	if (d->e.kind == VT_ENGINE_AUTO)
		return barred >> e->self_moving & 1 ? &k->side[k->hot].e : e;
	if (e->kind != VT_ENGINE_AUTO && e->kind != VT_ENGINE_HAZARD)
		return e;
	return barred & ~k->excluded ? &k->side[k->work].e : e;
}

static inline const struct vt_engine *
engine_for(const struct turn *u, const struct side *d)
{
	const struct vt_contest *k = u->k;
	const struct vt_engine *e = &d->e;

	if (e->kind == VT_ENGINE_PLAN)
		e = u->o->prefix < k->marks && k->mark[u->o->prefix].guarded ?
		    &k->side[k->work].e : &k->side[k->in_charge].e;
	return u->barred != 0 ? engine_within(u, d, e) : e;
}

/* The plan keeps no work function of its own: it follows the work engine's
 * when that decides. */
static void
follow_work(const struct turn *u, const struct side *d,
    const struct vt_engine *e, struct vt_seat *s)
{
	if (d->e.kind == VT_ENGINE_PLAN && e->kind == VT_ENGINE_WORK)
		memcpy(s->w, u->w, sizeof(s->w));
}

static void
note_work(struct turn *u)
{
	const struct vt_contest *k = u->k;

	memcpy(u->w, k->side[k->work].seat[u->i].w, sizeof(u->w));
}

/* Time that the log did not cover is no history (P12); what was before the
 * object is taken to have been covered.  The age rule is the provider's, and
 * waits for no log. */
static int
may_move(const struct turn *u, const struct side *d, const struct vt_track *t)
{
	double asked = u->k->o.min_history;

	if (asked < u->o->reach.min_history)
		asked = u->o->reach.min_history;
	return d->e.kind == VT_ENGINE_AGE ||
	    u->p->from - u->k->from + t->covered >= asked;
}

/* To cheaper storage, soon enough; what reads ask for they pay for, and what
 * the provider moves is not ours to ask. */
static int
pays_back(const struct turn *u, const struct side *d,
    const struct vt_engine *e, const struct vt_seat *s,
    const struct vt_track *t, size_t to, double now)
{
	double most = u->o->reach.payback_max;
	struct vt_choice h;

	if (most <= 0)
		most = u->k->o.payback_max;
	if (most <= 0 || u->c->day[to] >= u->c->day[s->at] ||
	    d->e.kind == VT_ENGINE_AGE || d->e.kind == VT_ENGINE_AUTO)
		return 1;
	vt_expect(u->k->m, e, u->c, u->p, t, s->at, to, now - s->entered, &h);
	return h.payback_days <= most;
}

/* P6: constraints first. */
static int
may_go(const struct turn *u, const struct side *d, const struct vt_engine *e,
    const struct vt_seat *s, const struct vt_track *t, size_t to, double now)
{
	return !(u->c->excluded[to] & VT_COST_BARRED) && may_move(u, d, t) &&
	    pays_back(u, d, e, s, t, to, now);
}

/* What another engine left on a colder tier comes back with its reads, that
 * pay for reading it anyway; to bring all of it back at once would pay also
 * for what is never asked for. */
static int
comes_with_reads(const struct vt_engine *e, const struct vt_seat *s)
{
	return s->at != 0 && (e->kind == VT_ENGINE_HOT ||
	    e->kind == VT_ENGINE_AUTO);
}

/* Idle from the track's clock: `days` covered ones in `real` days.  The engine
 * is asked at the start and whenever its patience ends. */
static void
idle(const struct turn *u, struct side *d, double days, double real)
{
	const struct vt_engine *e = engine_for(u, d);
	struct vt_seat *s = &d->seat[u->i];
	double now = u->t->clock, left = days, step, slow;
	struct vt_track t = *u->t;
	size_t to;

	follow_work(u, d, e, s);
	slow = days > 0 ? real / days : 0;
	/* nothing is known of the time, but it is billed */
	if (days <= 0) {
		pay(u, d, STORAGE, storage(u, s, real));
		s->level_idle += real;
	}
	while (left > 0) {
		to = vt_seat_want(e, u->c, u->p, &t, s, now);
		if (to != s->at && !comes_with_reads(e, s) &&
		    may_go(u, d, e, s, &t, to, now))
			move(u, d, s, to, now);
		step = vt_seat_patience(e, u->c, &t, s);
		if (step > left)
			step = left;
		pay(u, d, STORAGE, storage(u, s, step * slow));
		vt_seat_idle(e, u->c, s, step);
		s->level_idle += step * slow;
		t.idle += step;
		t.covered += step;
		now += step * slow;
		left -= step;
	}
}

/* The reads of the event that the track has just passed. */
static void
read_day(const struct turn *u, struct side *d, const struct vt_event *v)
{
	const struct vt_engine *e = engine_for(u, d);
	struct vt_seat *s = &d->seat[u->i];
	double each = v->gets > 0 ? v->bytes / v->gets : 0, n = INFINITY;
	size_t at = s->at;

	follow_work(u, d, e, s);
	if (may_move(u, d, u->t))
		n = vt_seat_promote(e, u->c, u->t, s, v->gets, v->bytes,
		    v->at);
	vt_seat_read(e, u->c, s, v->gets, v->bytes);
	if (!(n <= v->gets)) {
		pay(u, d, READS, vt_cost_serve(u->c, at, v->gets, v->bytes) +
		    level_back(u, s));
		s->level_idle = 0;
		return;
	}
	pay(u, d, READS, vt_cost_serve(u->c, at, n - 1, (n - 1) * each) +
	    vt_cost_serve_promote(u->c, at, v->gets - n + 1,
	    (v->gets - n + 1) * each));
	pay(u, d, MOVING, vt_cost_early(u->c, at, v->at - s->entered));
	if (u->k->scored[u->i])
		d->moves += u->o->stands_for;
	vt_seat_move(s, 0, v->at);
}

/* --- one object's week ---------------------------------------------------- */

/* Would the plan rather have the object in the self-moving class, and have it
 * created there?  Asked where every side begins. */
static int
rather_self_moving(const struct turn *u, const struct side *d)
{
	const struct vt_engine *e = engine_for(u, d);
	int k = e->self_moving;

	if (k < 0 || u->o->size_bytes < e->self_moving_min_bytes)
		return 0;
	if (e->kind == VT_ENGINE_AUTO)
		return 1;
	return e->kind == VT_ENGINE_HAZARD && vt_hazard_rather(e->table,
	    u->o->size_bytes, u->t->group, u->t->idle);
}

/* The step of its reach that came last, or NULL. */
static const struct vt_reach_step *
step_of(const struct turn *u)
{
	unsigned n = u->k->ahead[u->i].step;

	return n > 0 ? &u->o->reach.step[n - 1] : NULL;
}

/* What one object may cost more than the bound: the guard looks after each rest
 * and each day with reads, and handing over takes a move. */
static double
grace_of(const struct vt_contest *k, const struct vt_cost *c, size_t home)
{
	double dearest = 0, x;
	size_t j;

	for (j = 0; j < c->count; j++) {
		x = c->move[home][j];
		if ((int)j == k->o.self_moving)
			x = k->m->tier[j].price.transition;
		if (!k->m->tier[j].excluded && x > dearest)
			dearest = x;
	}
	return c->day[home] * k->m->month_days + dearest;
}

/* Every side's object on its first tier, or where the self-moving class would
 * have it had it been there all along; `old`: it was there before, which its
 * own lifecycle transition brought about. */
static void
begin(const struct turn *u, double now, int old)
{
	struct vt_contest *k = u->k;
	const struct vt_reach_step *last = step_of(u);
	size_t home = last != NULL ? last->home : u->o->reach.home, x;

	if (k->scored[u->i] && u->o->prefix < k->marks)
		k->mark[u->o->prefix].grace += u->o->stands_for *
		    grace_of(k, u->c, home);
	for (x = 0; x < k->sides; x++) {
		struct side *d = &k->side[x];
		struct vt_seat *s = &d->seat[u->i];
		double w[VT_COST_TIERS];

		memcpy(w, s->w, sizeof(w));
		vt_seat_begin(&d->e, u->c, s, home, old ? -1e9 : now);
		if (k->scored[u->i] && old && u->t->clock > u->p->from)
			memcpy(s->w, w, sizeof(w));
		if ((int)home == k->o.self_moving) {
			s->level_idle = u->t->idle;
			continue;
		}
		if (!rather_self_moving(u, d))
			continue;
		s->at = (unsigned char)engine_for(u, d)->self_moving;
		s->level_idle = u->t->idle;
		if (old)
			pay(u, d, MOVING,
			    k->m->tier[s->at].price.transition);
	}
}

/* After each day with reads and each rest: is the object's prefix still the
 * plan's? */
static void
guard(const struct turn *u)
{
	struct vt_contest *k = u->k;
	struct mark *m;
	double allowed, ratio;

	if (!k->scored[u->i] || u->o->prefix >= k->marks)
		return;
	m = &k->mark[u->o->prefix];
	allowed = GUARD * m->work + m->grace;
	ratio = allowed > 0 ? m->plan / allowed : 0;
	m->guarded = ratio > 1;
	if (ratio > k->worst_guard)
		k->worst_guard = ratio;
}

/* Days pass for all sides, until `to`. */
static void
pass(struct turn *u, double to, double covered_share)
{
	struct vt_contest *k = u->k;
	double real = to - u->t->clock, days = real * covered_share;
	size_t x;

	if (real <= 0)
		return;
	note_work(u);
	for (x = 0; x < k->sides; x++)
		idle(u, &k->side[x], days, real);
	guard(u);
	vt_hazard_idle(k->hazard, u->t->group, u->t->idle,
	    u->t->idle + days, k->learn[u->i]);
	u->t->idle += days;
	u->t->covered += days;
	u->t->clock = to;
}

static void
pass_event(struct turn *u)
{
	struct vt_contest *k = u->k;
	const struct vt_event *v = &u->p->e[u->t->next];
	double idle_before = u->t->idle;
	unsigned before = u->t->group;
	double size = u->o->size_bytes > 0 ? (double)u->o->size_bytes : 1;
	size_t x;

	vt_track_read(u->t, u->p, u->o->size_bytes);
	vt_hazard_read(k->hazard, before, idle_before, u->t->group, v->gets,
	    v->bytes / size, k->learn[u->i]);
	k->events += k->learn[u->i];
	note_work(u);
	for (x = 0; x < k->sides; x++)
		read_day(u, &k->side[x], v);
	guard(u);
}

/* A lifecycle transition is due: whoever has it on a tier before that one pays
 * for the move, as a plan has it made whether it pays or not.  What the work
 * function may count on is another from now on. */
static void
take_step(struct turn *u, const struct vt_reach_step *s)
{
	struct vt_contest *k = u->k;
	struct vt_seat *seat, *work = &k->side[k->work].seat[u->i];
	size_t x;

	vt_reach_bar(s->barred, &k->cost[u->i]);
	u->barred = s->barred;
	if (s->must >= 0)
		vt_workfn_force(u->c, work->w, (size_t)s->must);
	for (x = 0; x < k->sides; x++) {
		seat = &k->side[x].seat[u->i];
		memcpy(seat->w, work->w, sizeof(seat->w));
		if (seat->at < s->must)
			move(u, &k->side[x], seat, (size_t)s->must, s->at);
	}
	guard(u);
}

__attribute__((noinline)) static void
take_steps(struct turn *u, double now)
{
	const struct vt_reach *r = &u->o->reach;
	struct ahead *a = &u->k->ahead[u->i];

	while (a->step < r->steps && r->step[a->step].at <= now)
		take_step(u, &r->step[a->step++]);
}

/* A rule has removed it: a minimum that is not over is paid all the same. */
static void
end_life(const struct turn *u)
{
	struct vt_contest *k = u->k;
	size_t x;

	for (x = 0; x < k->sides; x++) {
		struct vt_seat *s = &k->side[x].seat[u->i];

		pay(u, &k->side[x], MOVING, vt_cost_early(u->c, s->at,
		    u->p->to - s->entered));
	}
	guard(u);
	k->begun[u->i] = GONE;
}

static void
look(const struct vt_past *p, const struct vt_track *t, struct ahead *out)
{
	double covered, before, span;

	out->is_end = t->next >= p->count;
	out->at = out->is_end ? p->to : p->e[t->next].at;
	covered = out->is_end ? p->tail_idle : p->e[t->next].idle;
	before = t->next > 0 ? p->e[t->next - 1].at : p->from;
	span = out->at - before;
	out->share = span > 0 ? covered / span : 1;
}

static void
run_object(struct vt_contest *k, size_t i, double end)
{
	const struct vt_object *o = vt_sample_at(k->sample, i);
	struct turn u = { k, i, o, &o->past, &k->cost[i], &k->track[i],
	    o->reach.barred, { 0 } };
	struct ahead *a = &k->ahead[i];
	double next;

	if (u.p->from >= end || k->begun[i] == GONE)
		return;
	if (a->step > 0)
		u.barred = step_of(&u)->barred;
	if (!k->begun[i]) {
		k->begun[i] = 1;
		vt_track_begin(u.t, u.p, o->size_bytes);
		look(u.p, u.t, a);
		k->scored[i] = u.p->from >= k->o.score_from;
		begin(&u, u.p->from, u.p->created < u.p->from);
	}
	for (;;) {
		next = a->at < end ? a->at : end;
		if (a->step < o->reach.steps &&
		    o->reach.step[a->step].at < next)
			next = o->reach.step[a->step].at;
		if (!k->scored[i] && next >= k->o.score_from) {
			pass(&u, k->o.score_from, a->share);
			take_steps(&u, k->o.score_from);
			k->scored[i] = 1;
			begin(&u, k->o.score_from, 1);
		}
		pass(&u, next, a->share);
		if (a->step < o->reach.steps)
			take_steps(&u, next);
		if (next < a->at && next < end)
			continue;
		if (a->is_end && next == a->at && o->reach.ends)
			end_life(&u);
		if (a->is_end || a->at >= end)
			return;
		pass_event(&u);
		look(u.p, u.t, a);
	}
}

/* --- weeks ---------------------------------------------------------------- */

static double
paid_since(const struct vt_contest *k, size_t side, size_t week)
{
	double sum = 0;

	for (; week <= k->week; week++)
		sum += k->side[side].week[week];
	return sum;
}

/*
 * What side `x` has paid less than `y`, object by object, in deviations of such
 * sums: of two that are as good the sum is as often below as above, and its
 * deviation is that of its parts.  A lead that rests on a few heavy objects,
 * which is to say on a few moves, is never many of them.
 */
static double
evidence(const struct vt_contest *k, size_t x, size_t y)
{
	double sum = 0, squares = 0, d;
	size_t i;

	for (i = 0; i < k->count; i++) {
		d = k->side[y].object[i] - k->side[x].object[i];
		sum += d;
		squares += d * d;
	}
	return squares > 0 ? sum / sqrt(squares) : 0;
}

/* Has `x` been cheaper than the side in charge, so that it matters? */
static int
is_better(const struct vt_contest *k, size_t x, size_t half, size_t quarter)
{
	size_t y = k->in_charge;
	double less = paid_since(k, x, half) / paid_since(k, y, half);
	double recent = paid_since(k, x, quarter) / paid_since(k, y, quarter);

	if (!(less < BETTER && recent < BETTER))
		return 0;
	if (less < MUCH_BETTER && recent < MUCH_BETTER)
		return 1;
	return k->week - k->changed_at >= TENURE &&
	    evidence(k, x, y) >= EVIDENCE;
}

static void
choose(struct vt_contest *k)
{
	size_t known = k->week + 1, half = known / 2, x, best = k->in_charge;
	size_t quarter = known - known / 4;

	for (x = 0; x < k->sides; x++)
		if (k->side[x].candidate && is_better(k, x, half, quarter) &&
		    (best == k->in_charge ||
		    paid_since(k, x, half) < paid_since(k, best, half)))
			best = x;
	if (best != k->in_charge)
		k->changed_at = k->week;
	k->in_charge = best;
}

/* What was paid is forgotten as fast as more is known. */
static void
fade(struct vt_contest *k)
{
	double keep = 1 - 1 / (double)(k->week + 1);
	size_t x, i;

	for (x = 0; x < k->sides; x++)
		for (i = 0; k->side[x].candidate && i < k->count; i++)
			k->side[x].object[i] *= keep;
}

/* At the end of a week: a new policy, when there is enough to learn. */
static void
learn(struct vt_contest *k, double end)
{
	unsigned sweeps = k->solved_at > 0 ? SWEEPS_AGAIN : SWEEPS_FIRST;

	if (end - k->from < k->o.min_history - 2 * VT_CONTEST_WEEK ||
	    (k->solved_at > 0 && k->week + 1 < k->weeks &&
	    k->week - k->solved_at < WEEKS_AT_MOST &&
	    k->events < k->solved_events * GROWN))
		return;
	vt_hazard_fit(k->hazard);
	if (k->table != NULL)
		vt_hazard_solve(k->hazard, k->table, sweeps);
	if (k->table_auto != NULL)
		vt_hazard_solve(k->hazard, k->table_auto, sweeps);
	k->solved_at = k->week;
	k->solved_events = k->events;
}

static void
forget(struct vt_contest *k)
{
	double keep = exp2(-1 / HALF_LIFE);

	vt_hazard_fade(k->hazard, keep);
	k->events *= keep;
	k->solved_events *= keep;
}

int
vt_contest_step(struct vt_contest *k)
{
	double end;
	size_t i;

	if (k->week >= k->weeks)
		return 0;
	end = k->from + VT_CONTEST_WEEK * (double)(k->week + 1);
	if (k->week + 1 == k->weeks)
		end = k->to + 1;
	for (i = 0; i < k->count; i++)
		run_object(k, i, end);
	if (end > k->o.score_from)
		k->side[k->in_charge].weeks_in_charge++;
	learn(k, end);
	forget(k);
	choose(k);
	fade(k);
	return ++k->week < k->weeks;
}

size_t
vt_contest_weeks(const struct vt_contest *k)
{
	return k->weeks;
}

double
vt_contest_week_at(const struct vt_contest *k, size_t week)
{
	return k->from + VT_CONTEST_WEEK * (double)week;
}
