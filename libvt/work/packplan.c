#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/work/packplan.h"

#define DEAD_STEP 0.05		/* of the shares that repacking is tried at */
#define DEAD_END 0.96
#define EULER 0.5772156649	/* the last of n leaves after (ln n + this)
				   mean stays */
#define EXPIRY_CLASS_DAYS 30
#define EXPIRY_CLASS UINT32_C(0x80000000)

void
vt_pack_defaults(struct vt_pack_options *o)
{
	memset(o, 0, sizeof(*o));
	o->pack_bytes = UINT64_C(64) << 20;
	o->max_bytes = UINT64_C(1) << 20;
	o->header_bytes = VT_PACK_HEADER;
	o->index_bytes = VT_PACK_INDEX;
	o->ratio = 1;
	o->dead_max = 0.3;
}

void
vt_pack_terms_of(const struct vt_cost_model *m,
    const struct vt_pack_options *o, struct vt_pack_terms *out)
{
	double dead;

	out->o = *o;
	out->m = m;
	vt_cost_rates_of(m, &out->rates);
	out->step_count = 0;
	for (dead = fmax(o->dead_max, DEAD_STEP); dead < DEAD_END;
	    dead += DEAD_STEP) {
		out->step[out->step_count].dead = dead;
		out->step[out->step_count++].stays = -log1p(-dead);
	}
}

uint64_t
vt_pack_member_bytes(const struct vt_pack_options *o, uint64_t size_bytes)
{
	double blocks = ceil((double)size_bytes * o->ratio / VT_PACK_BLOCK);

	return (uint64_t)(blocks * VT_PACK_BLOCK) + o->header_bytes;
}

/* --- the price of a pack -------------------------------------------------- */

/* What writing a pack anew, in part, is made of. */
struct rewriting {
	double read, byte;	/* all of the old one, and a byte that lives */
	double put, write_byte;
	double day, min_days;	/* keeping the old one */
};

static void
rewriting_of(const struct vt_pack_terms *t, size_t k, double bytes,
    struct rewriting *out)
{
	const struct vt_cost_rates *r = &t->rates;

	out->read = r->zero.restore[k] + r->restore_byte[k] * bytes +
	    r->zero.get[k];
	out->byte = r->zero.byte[k];
	out->put = vt_cost_put(t->m, k, (uint64_t)bytes);
	out->write_byte = vt_cost_write_byte(t->m, k);
	out->day = vt_cost_keep(r, k, bytes);
	out->min_days = r->zero.min_days[k];
}

/* To read what lives and write it as a new one, where the old one's minimum
 * has `early` days to go. */
static double
rewrite(const struct rewriting *w, double live, double early)
{
	double usd = w->read + w->byte * live + w->put + w->write_byte * live;

	return early > 0 ? usd + w->day * early : usd;
}

/*
 * What leaves leaves its bytes behind.  With a constant rate the share e^-rt is
 * alive after t days, so a pack that lasts until the share q is dead is billed
 * for -ln(1-q)/rate days while its members live q/rate between them.
 */
static double
day_until(const struct rewriting *w, double bytes, double leave,
    const struct vt_pack_step *s, double *repack)
{
	double lasts = s->stays / leave;

	*repack = rewrite(w, (1 - s->dead) * bytes, w->min_days - lasts);
	return (w->day * lasts + *repack) * leave / s->dead;
}

/* The same when it is never written anew. */
static double
day_to_the_last(const struct vt_pack_terms *t, size_t k, double bytes,
    double members, double leave)
{
	double lasts = fmax(1, log(fmax(1, members)) + EULER) / leave;

	return vt_cost_keep(&t->rates, k, bytes) *
	    fmax(lasts, t->rates.zero.min_days[k]) * leave;
}

void
vt_pack_price(const struct vt_pack_terms *t, size_t k, double bytes,
    double members, double leave, struct vt_pack_bill *out)
{
	const struct vt_cost_rates *r = &t->rates;
	double index = r->day_byte[0] * t->o.index_bytes * members;
	double store, repack, usd, last = INFINITY;
	struct rewriting w;
	size_t i;

	rewriting_of(t, k, bytes, &w);
	store = w.day;
	memset(out, 0, sizeof(*out));
	out->bare_day = store + index;
	out->waste_day = store - r->day_byte[k] * bytes;
	out->day = store;
	out->dead_at = 1;
	out->put = vt_cost_put(t->m, k, (uint64_t)bytes);
	if (r->zero.needs_restore[k])
		out->restore = r->zero.restore[k] +
		    (r->restore_byte[k] + r->zero.byte[k]) * bytes;
	if (leave > 0) {
		out->day = day_to_the_last(t, k, bytes, members, leave);
		for (i = 0; i < t->step_count; i++) {
			usd = day_until(&w, bytes, leave, &t->step[i],
			    &repack);
			if (usd >= last)	/* convex: past the best */
				break;
			last = usd;
			if (usd < out->day) {
				out->day = usd;
				out->dead_at = t->step[i].dead;
				out->repack = repack;
			}
		}
	}
	out->day += index;
}

/* Does the user wait so long? */
static int
is_patient(const struct vt_pack_terms *t, double payback_days)
{
	return t->o.payback_max_days <= 0 ||
	    payback_days <= t->o.payback_max_days;
}

void
vt_pack_repack(const struct vt_pack_terms *t, size_t k,
    const struct vt_pack_state *s, struct vt_repack *out)
{
	double day = vt_cost_keep(&t->rates, k, s->live_bytes);
	double min_days = t->rates.zero.min_days[k];
	struct rewriting w;

	memset(out, 0, sizeof(*out));
	if (s->bytes > 0)
		out->dead = 1 - s->live_bytes / s->bytes;
	/* without members it is garbage, not worth a copy */
	if (s->live_members <= 0 || s->live_bytes <= 0) {
		out->payback_days = INFINITY;
		return;
	}
	rewriting_of(t, k, s->bytes, &w);
	out->cost = rewrite(&w, s->live_bytes, min_days - s->stayed_days);
	out->saving_day = w.day - day;
	out->payback_days = vt_work_payback(out->cost, out->saving_day, day,
	    min_days);
	out->due = out->dead > t->o.dead_max &&
	    out->payback_days <= s->stay_days &&
	    is_patient(t, out->payback_days);
}

/* --- one object ----------------------------------------------------------- */

void
vt_pack_quote(const struct vt_pack_terms *t, const struct vt_cost *alone,
    size_t k, struct vt_pack_offer *out)
{
	double full = (double)t->o.pack_bytes, share;
	size_t from = out->from;
	struct vt_pack_bill bill;

	out->to = k;
	out->size_bytes = alone->size_bytes;
	out->bytes = (double)vt_pack_member_bytes(&t->o, alone->size_bytes);
	share = out->bytes / full;
	vt_pack_price(t, k, full, 1 / share,
	    out->age_days > 0 ? 1 / out->age_days : 0, &bill);
	out->now_day = alone->day[from];
	out->packed_day = bill.day * share;
	out->move = alone->restore[from] + alone->get[from] +
	    alone->byte[from] * (double)alone->size_bytes +
	    vt_cost_write_byte(t->m, k) * out->bytes;
	out->cost = out->move + bill.put * share;
	out->payback_days = vt_work_payback(out->cost, out->now_day -
	    out->packed_day, out->packed_day, alone->min_days[k]);
}

/* What is paid until the horizon, the minimum included. */
static double
total(const struct vt_pack_terms *t, const struct vt_pack_offer *q)
{
	return q->cost + q->packed_day *
	    fmax(q->horizon_days, t->rates.zero.min_days[q->to]);
}

/* What vt_plan_decide held back, packs hold back. */
static enum vt_pack_why
may_pack(const struct vt_pack_terms *t, const struct vt_cost *alone,
    const struct vt_scan_record *r, const struct vt_decision *d)
{
	if (alone->size_bytes > t->o.max_bytes)
		return VT_PACK_LARGE;
	if (d->from < 0 || r->pack != 0 ||
	    strlen(r->bucket) >= VT_PACK_BUCKET)
		return VT_PACK_HELD;
	switch (d->verdict) {
	case VT_PLAN_KEEP:
		break;
	case VT_PLAN_MOVE:
	case VT_PLAN_WAIT:
		if (d->rule != NULL || d->policy != NULL)
			return VT_PACK_RULED;
		if (alone->day[d->to] > alone->day[d->from])
			return VT_PACK_WARM;
		break;
	default:
		return VT_PACK_HELD;
	}
	if (d->idle_days <= 0)
		return VT_PACK_WARM;
	if (vt_cost_early(alone, (size_t)d->from, d->stayed_days) > 0)
		return VT_PACK_MINIMUM;
	return VT_PACK_YES;
}

enum vt_pack_why
vt_pack_weigh(const struct vt_pack_terms *t, const struct vt_cost *alone,
    const struct vt_scan_record *r, const struct vt_past *past,
    const struct vt_decision *d, double expires_days,
    struct vt_pack_offer *out)
{
	enum vt_pack_why why = may_pack(t, alone, r, d);
	struct vt_pack_offer best, q;
	size_t k;

	memset(out, 0, sizeof(*out));
	if (why != VT_PACK_YES)
		return why;
	out->from = (size_t)d->from;
	out->idle_days = d->idle_days;
	out->horizon_days = fmin(d->idle_days, expires_days);
	out->age_days = expires_days < INFINITY ? INFINITY :
	    fmax(past->to - past->created, d->idle_days);
	out->serve_now = vt_cost_serve(alone, out->from, 1,
	    (double)alone->size_bytes);
	if (d->verdict == VT_PLAN_MOVE) {
		out->else_cost = d->choice.cost;
		out->else_day = alone->day[d->to];
	} else {
		out->else_day = alone->day[out->from];
	}
	best = *out;
	for (k = 1; k < t->m->count; k++) {
		if (k == out->from || alone->excluded[k] ||
		    t->rates.day_byte[k] >= t->rates.day_byte[out->from] ||
		    vt_plan_has_copy(r, t->m->tier[k].name))
			continue;
		q = *out;
		vt_pack_quote(t, alone, k, &q);
		if (q.packed_day < q.now_day &&
		    (best.to == 0 || total(t, &q) < total(t, &best)))
			best = q;
	}
	*out = best;
	if (best.to == 0)
		return VT_PACK_NO_SAVING;
	if (best.payback_days > best.horizon_days ||
	    !is_patient(t, best.payback_days))
		return VT_PACK_SOON;
	return total(t, &best) < best.else_cost +
	    best.else_day * best.horizon_days ? VT_PACK_YES : VT_PACK_ALONE;
}

const char *
vt_pack_why_text(enum vt_pack_why why)
{
	static const char *const words[VT_PACK_WHYS] = {
		[VT_PACK_YES] = "it pays back while it rests",
		[VT_PACK_LARGE] = "it is larger than what is packed",
		[VT_PACK_HELD] = "it is not to be moved",
		[VT_PACK_RULED] = "a rule or a policy asks for its move",
		[VT_PACK_WARM] = "it is read too often",
		[VT_PACK_MINIMUM] = "the minimum of its tier is paid for "
		    "anyway",
		[VT_PACK_NO_SAVING] = "no tier would be cheaper",
		[VT_PACK_SOON] = "it has not rested for as long as that takes "
		    "to pay back",
		[VT_PACK_ALONE] = "it costs no less than moving it alone",
	};

	return words[why];
}

static int
octave(double days)
{
	if (!(days >= 1))
		return 0;
	if (days >= 1 << (VT_PACK_OCTAVES - 1))
		return VT_PACK_OCTAVES - 1;
	return 31 - __builtin_clz((unsigned)days);
}

uint32_t
vt_pack_class(const struct vt_pack_offer *o, double now_days,
    double expires_days)
{
	if (expires_days < INFINITY)
		return EXPIRY_CLASS |
		    (uint32_t)fmin(fmax(0, (now_days + expires_days) /
		    EXPIRY_CLASS_DAYS), 1e9);
	return (uint32_t)octave(o->age_days) << 8 |
	    (uint32_t)octave(o->idle_days);
}

/* --- putting them together ------------------------------------------------ */

/* By octave of rest: days spent in it, and reads that ended it. */
struct rests {
	double days[VT_PACK_OCTAVES], reads[VT_PACK_OCTAVES];
};

/* Sums are all that a pack's price asks for, so groups may be added up. */
struct group {
	size_t to;
	uint32_t death_class;
	uint64_t objects, size_bytes;
	double bytes, move, now_day, serve_now, else_cost, else_day;
	double byte_ages;	/* bytes by days of age */
	double idle_min, horizon_min;
	double waited;		/* dollars that waiting has cost by now */
	struct vt_pack_member *first, *last;
};

/* A folder on the way to the last key. */
struct level {
	size_t end;		/* of its name in the path */
	struct rests rests;	/* what is in it, not in those below */
	struct group group[VT_PACK_GROUPS];
	size_t groups;
};

struct vt_packer {
	const struct vt_pack_terms *t;
	vt_pack_visit *visit;
	void *ctx;
	char bucket[VT_PACK_BUCKET];
	char path[VT_PACK_PREFIX];
	size_t depth;		/* the level of the last key's folder */
	uint64_t held;
	struct level level[VT_PACK_DEPTH + 1];
	struct group mixed[VT_COST_TIERS];	/* what is left of a bucket */
};

struct vt_packer *
vt_packer_new(const struct vt_pack_terms *t, vt_pack_visit *visit, void *ctx)
{
	struct vt_packer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->t = t;
	p->visit = visit;
	p->ctx = ctx;
	return p;
}

void
vt_packer_free(struct vt_packer *p)
{
	free(p);
}

uint64_t
vt_packer_held(const struct vt_packer *p)
{
	return p->held;
}

static void
note_rest(struct rests *r, double days, int read)
{
	double from = 1;
	int i, last = octave(days);

	if (days < 1)
		return;
	for (i = 0; i < last; i++, from *= 2)
		r->days[i] += from;
	r->days[last] += days - from;
	r->reads[last] += read;
}

static void
add_rests(struct rests *to, const struct rests *from)
{
	int i;

	for (i = 0; i < VT_PACK_OCTAVES; i++) {
		to->days[i] += from->days[i];
		to->reads[i] += from->reads[i];
	}
}

/*
 * Reads a day to be expected of an object that has rested so long: those of
 * its folder's that had rested at least half as long, and one more, for none
 * seen is no proof.
 */
static double
read_rate(const struct vt_packer *p, size_t depth, double idle_days)
{
	int from = octave(idle_days) - 1, i;
	double days = 0, reads = 1;
	size_t d;

	for (d = depth; d <= p->depth; d++)
		for (i = from > 0 ? from : 0; i < VT_PACK_OCTAVES; i++) {
			days += p->level[d].rests.days[i];
			reads += p->level[d].rests.reads[i];
		}
	return reads / fmax(days, fmax(1, idle_days / 2));
}

/* Reading each member once whole, where it may then be rewritten hot: one
 * ranged GET, or the whole pack must be restored. */
static double
serve_all(const struct vt_pack_terms *t, const struct group *g,
    const struct vt_pack_bill *bill)
{
	const struct vt_cost *z = &t->rates.zero;
	double size = (double)g->size_bytes, usd;

	usd = (double)g->objects * (z->get[g->to] + z->promote[g->to]) +
	    (z->byte[g->to] + t->rates.promote_byte[g->to]) * size;
	if (z->needs_restore[g->to])
		usd += (double)g->objects * bill->restore;
	return usd;
}

/* What a pack of the group would be, and if it pays. */
static void
weigh_group(const struct vt_packer *p, size_t depth, const struct group *g,
    struct vt_pack *out)
{
	double reads = read_rate(p, depth, g->idle_min), day;
	double min_days = p->t->rates.zero.min_days[g->to];

	memset(out, 0, sizeof(*out));
	out->bucket = p->bucket;
	out->prefix = p->path;
	out->prefix_len = p->level[depth].end;
	out->to = g->to;
	out->objects = g->objects;
	out->size_bytes = g->size_bytes;
	out->bytes = g->bytes;
	out->idle_days = g->idle_min;
	out->first = g->first;
	vt_pack_price(p->t, g->to, g->bytes, (double)g->objects,
	    reads + g->bytes / g->byte_ages, &out->bill);
	out->reads_day = reads * (serve_all(p->t, g, &out->bill) -
	    g->serve_now);
	day = out->bill.day + out->reads_day;
	out->cost = g->move + out->bill.put;
	out->saving_day = g->now_day - day;
	out->more_day = g->else_day - day;
	out->else_cost = g->else_cost;
	out->payback_days = vt_work_payback(out->cost, out->saving_day, day,
	    min_days);
	out->pays = g->objects >= VT_PACK_LEAST &&
	    out->payback_days <= g->horizon_min &&
	    is_patient(p->t, out->payback_days) &&
	    out->cost + day * fmax(g->horizon_min, min_days) <
	    g->else_cost + g->else_day * g->horizon_min;
}

double
vt_pack_share(const struct vt_pack *p, const struct vt_pack_offer *o)
{
	return (p->bill.day + p->reads_day) * (o->bytes / p->bytes);
}

/* The group is over, as a pack or not. */
static void
hand_out(struct vt_packer *p, struct group *g, struct vt_pack *out, int pays)
{
	out->pays = pays;
	if (g->first != NULL)
		p->held -= g->objects;
	p->visit(p->ctx, out);
	g->objects = 0;
}

/* Nothing more fits into it. */
static void
close_full(struct vt_packer *p, size_t depth, struct group *g)
{
	struct vt_pack out;

	weigh_group(p, depth, g, &out);
	hand_out(p, g, &out, out.pays);
}

static void
absorb(struct vt_packer *p, size_t depth, struct group *t,
    const struct group *g)
{
	double full = (double)p->t->o.pack_bytes;

	if (t->objects > 0 && (t->bytes + g->bytes > full ||
	    t->objects + g->objects > VT_PACK_MEMBERS))
		close_full(p, depth, t);
	if (t->objects == 0) {
		*t = *g;
		return;
	}
	t->objects += g->objects;
	t->size_bytes += g->size_bytes;
	t->bytes += g->bytes;
	t->move += g->move;
	t->now_day += g->now_day;
	t->serve_now += g->serve_now;
	t->else_cost += g->else_cost;
	t->else_day += g->else_day;
	t->byte_ages += g->byte_ages;
	t->idle_min = fmin(t->idle_min, g->idle_min);
	t->horizon_min = fmin(t->horizon_min, g->horizon_min);
	t->waited += g->waited;
	if (t->last != NULL)
		t->last->next = g->first;
	t->last = g->last;
}

/* No more is to come in this run.  Has waiting cost by now what a full pack
 * would save?  Else these may go with others that are left. */
static void
close_last(struct vt_packer *p, struct group *g)
{
	double share = g->bytes / (double)p->t->o.pack_bytes, gain;
	int ends = g == &p->mixed[g->to] ||
	    (g->death_class & EXPIRY_CLASS) != 0;
	struct vt_pack out;

	if (g->objects == 0)
		return;
	out.pays = 0;
	if (ends || g->objects >= VT_PACK_LEAST) {
		weigh_group(p, 0, g, &out);
		gain = (out.bill.put + out.bill.waste_day * g->horizon_min) *
		    (1 - fmin(share, 1));
		out.pays = out.pays && g->waited >= gain;
	}
	if (out.pays || ends)
		hand_out(p, g, &out, out.pays);
	else
		absorb(p, 0, &p->mixed[g->to], g);
}

static struct group *
find_group(struct vt_packer *p, size_t depth, size_t to, uint32_t death_class);

/* The folder is over: half a pack stays by itself, less goes on above. */
static void
leave_group(struct vt_packer *p, size_t depth, struct group *g)
{
	struct vt_pack out;

	if (g->objects == 0)
		return;
	if (depth == 0) {
		close_last(p, g);
		return;
	}
	out.pays = 0;
	if (g->bytes * 2 >= (double)p->t->o.pack_bytes)
		weigh_group(p, depth, g, &out);
	if (out.pays)
		hand_out(p, g, &out, 1);
	else
		absorb(p, depth - 1, find_group(p, depth - 1, g->to,
		    g->death_class), g);
}

/* The group of a kind, maybe empty.  When there are too many, the largest
 * makes room. */
static struct group *
find_group(struct vt_packer *p, size_t depth, size_t to, uint32_t death_class)
{
	struct level *l = &p->level[depth];
	size_t i, most = 0;

	for (i = 0; i < l->groups; i++) {
		if (l->group[i].to == to &&
		    l->group[i].death_class == death_class)
			return &l->group[i];
		if (l->group[i].bytes > l->group[most].bytes)
			most = i;
	}
	if (l->groups == VT_PACK_GROUPS) {
		leave_group(p, depth, &l->group[most]);
		memmove(&l->group[most], &l->group[most + 1],
		    (l->groups - most - 1) * sizeof(*l->group));
		l->groups--;
	}
	memset(&l->group[l->groups], 0, sizeof(*l->group));
	l->group[l->groups].to = to;
	l->group[l->groups].death_class = death_class;
	return &l->group[l->groups++];
}

/* Leave folders until the last key's is at `depth`. */
static void
ascend(struct vt_packer *p, size_t depth)
{
	struct level *l;
	size_t i;

	for (; p->depth > depth; p->depth--) {
		l = &p->level[p->depth];
		for (i = 0; i < l->groups; i++)
			leave_group(p, p->depth, &l->group[i]);
		l->groups = 0;
		add_rests(&p->level[p->depth - 1].rests, &l->rests);
		memset(&l->rests, 0, sizeof(l->rests));
	}
}

void
vt_packer_flush(struct vt_packer *p)
{
	size_t i;

	ascend(p, 0);
	for (i = 0; i < p->level[0].groups; i++)
		leave_group(p, 0, &p->level[0].group[i]);
	p->level[0].groups = 0;
	for (i = 0; i < p->t->m->count; i++)
		close_last(p, &p->mixed[i]);
}

static void
enter_bucket(struct vt_packer *p, const char *bucket)
{
	size_t len = strlen(bucket);

	vt_packer_flush(p);
	memset(&p->level[0].rests, 0, sizeof(p->level[0].rests));
	if (len >= sizeof(p->bucket))
		len = sizeof(p->bucket) - 1;
	memcpy(p->bucket, bucket, len);
	p->bucket[len] = '\0';
}

void
vt_packer_saw(struct vt_packer *p, const char *bucket, const char *key,
    size_t key_len, const struct vt_past *past)
{
	struct rests *r;
	size_t depth = 0, end = 0, i;
	const char *slash;

	if (strncmp(p->bucket, bucket, sizeof(p->bucket) - 1) != 0)
		enter_bucket(p, bucket);
	while (depth < VT_PACK_DEPTH) {
		slash = memchr(key + end, '/', key_len - end);
		if (slash == NULL ||
		    (size_t)(slash + 1 - key) > sizeof(p->path))
			break;
		i = (size_t)(slash + 1 - key);
		if (depth < p->depth && (p->level[depth + 1].end != i ||
		    memcmp(p->path + end, key + end, i - end) != 0))
			ascend(p, depth);
		depth++;
		if (depth > p->depth) {
			memcpy(p->path + end, key + end, i - end);
			p->level[depth].end = i;
			p->depth = depth;
		}
		end = i;
	}
	ascend(p, depth);
	r = &p->level[depth].rests;
	for (i = 0; i < past->count; i++)
		note_rest(r, past->e[i].idle, 1);
	note_rest(r, past->tail_idle, 0);
}

void
vt_packer_add(struct vt_packer *p, const struct vt_pack_offer *o,
    uint32_t death_class, struct vt_pack_member *member)
{
	struct group g;

	memset(&g, 0, sizeof(g));
	g.to = o->to;
	g.death_class = death_class;
	g.objects = 1;
	g.size_bytes = o->size_bytes;
	g.bytes = o->bytes;
	g.move = o->move;
	g.now_day = o->now_day;
	g.serve_now = o->serve_now;
	g.else_cost = o->else_cost;
	g.else_day = o->else_day;
	g.byte_ages = o->bytes * o->age_days;
	g.idle_min = o->idle_days;
	g.horizon_min = o->horizon_days;
	g.waited = (o->now_day - o->packed_day) *
	    (o->horizon_days - o->payback_days);
	if (member != NULL) {
		member->next = NULL;
		member->offer = *o;
		p->held++;
	}
	g.first = g.last = member;
	absorb(p, p->depth, find_group(p, p->depth, g.to, death_class), &g);
}
