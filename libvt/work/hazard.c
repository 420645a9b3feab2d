#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/work/hazard.h"

#define BINS 34		/* of idle time */

/* Classes of each feature; a group is one of each. */
#define DAYS30 6
#define PARTS 7
#define AGES 4
#define SIZES 4
#define GROUPS (DAYS30 * PARTS * AGES * SIZES)
#define NEXTS (GROUPS / SIZES)	/* a size never changes */

/* Sizes of which a table is made: each four times the one before. */
#define OCTAVES 16
#define OCTAVE_FIRST 16384.0	/* 2^14 */

/* The horizon: what is saved in so many days counts 1/e. */
#define DISCOUNT_DAYS 90

/* A group's rates lean on those of all objects as if so many had been seen
 * in each bin; what is read on so many days with reads. */
#define PRIOR_BINS 20
#define PRIOR_READS 5

#define LAST_BIN_DAYS 365	/* the last bin has no end */
#define CLOSE_ENOUGH 1e-4	/* change of values at which sweeps end */
#define PREFER_STAYING 1e-6	/* of the value: moves must earn more */
/* A self-moving tier may cost so much more than tier 0, as a share of the
 * value: it goes down by itself when the reads end that the past promises, and
 * asks nothing for those that it does not. */
#define HEDGE 0.01

static const double edge[BINS + 1] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 28, 33, 39, 46,
	54, 64, 75, 90, 106, 125, 150, 180, 220, 270, 330, 400, 500, 650,
	900, 1e9
};

/* The bin of a whole number of days: edges are whole. */
static const unsigned char bin_at[901] = {
	[0] = 0, [1] = 1, [2] = 2, [3] = 3, [4] = 4, [5] = 5, [6] = 6, [7] = 7,
	[8 ... 9] = 8, [10 ... 11] = 9, [12 ... 13] = 10, [14 ... 16] = 11,
	[17 ... 19] = 12, [20 ... 23] = 13, [24 ... 27] = 14, [28 ... 32] = 15,
	[33 ... 38] = 16, [39 ... 45] = 17, [46 ... 53] = 18, [54 ... 63] = 19,
	[64 ... 74] = 20, [75 ... 89] = 21, [90 ... 105] = 22,
	[106 ... 124] = 23, [125 ... 149] = 24, [150 ... 179] = 25,
	[180 ... 219] = 26, [220 ... 269] = 27, [270 ... 329] = 28,
	[330 ... 399] = 29, [400 ... 499] = 30, [500 ... 649] = 31,
	[650 ... 899] = 32, [900] = 33
};

struct vt_hazard {
	double exposure[GROUPS][BINS], events[GROUPS][BINS];
	double reads[GROUPS], gets[GROUPS], part[GROUPS];
	double follows[GROUPS][NEXTS];
	/* fitted */
	double rate[GROUPS][BINS];	/* a day */
	double mean_gets[GROUPS], mean_part[GROUPS];
	unsigned char known[GROUPS];
	unsigned short next[GROUPS][NEXTS];
	float chance[GROUPS][NEXTS];
	unsigned next_count[GROUPS];
};

/* What a group's bin costs to get through, the same for all tiers but where
 * they are. */
struct step {
	double read;		/* the chance of a read in it */
	double days;		/* of it */
	double worth, half;	/* discounts at its end and its middle */
};

struct vt_hazard_table {
	unsigned barred;
	size_t tiers;
	int self_moving;		/* tier that moves by itself, or -1 */
	int solved;
	double level_idle[VT_PRICE_LEVELS];
	size_t level_count;
	uint64_t level_min_bytes;
	struct vt_cost cost[OCTAVES];
	double level_day[OCTAVES][VT_PRICE_LEVELS];
	unsigned char used[OCTAVES];
	/* worked out once a solving, as they are the same in each sweep */
	struct step step[GROUPS][BINS];
	float left[GROUPS][BINS][VT_COST_TIERS];
	float value[OCTAVES][GROUPS][BINS][VT_COST_TIERS];
	unsigned char want[OCTAVES][GROUPS][BINS][VT_COST_TIERS];
};

/* --- groups --------------------------------------------------------------- */

static const unsigned days_from[DAYS30] = { 0, 1, 2, 3, 6, 13 };
static const double parts_from[PARTS] = {
	0, 0, 0.003, 0.03, 0.15, 0.5, 1.5
};
static const double ages_from[AGES] = { 0, 30, 120, 365 };
static const double sizes_from[SIZES] = { 0, 131072, 16e6, 4e9 };

unsigned
vt_hazard_group(uint64_t size_bytes, double age, unsigned days30,
    double bytes30)
{
	double part = bytes30 / (size_bytes > 0 ? (double)size_bytes : 1);
	unsigned d = DAYS30 - 1, p = PARTS - 1, a = AGES - 1, s = SIZES - 1;

	while (d > 0 && days30 < days_from[d])
		d--;
	while (p > 1 && part < parts_from[p])
		p--;
	if (part <= 0)
		p = 0;
	while (a > 0 && age < ages_from[a])
		a--;
	while (s > 0 && (double)size_bytes < sizes_from[s])
		s--;
	return ((d * PARTS + p) * AGES + a) * SIZES + s;
}

void
vt_hazard_group_text(unsigned group, char out[160])
{
	static const char *const days[DAYS30] = {
		"not read in 30 days", "read on 1 of 30 days",
		"read on 2 of 30 days", "read on 3 to 5 of 30 days",
		"read on 6 to 12 of 30 days", "read on 13 or more of 30 days"
	};
	static const char *const parts[PARTS] = {
		"", ", less than 0.3 % of it", ", 0.3 to 3 % of it",
		", 3 to 15 % of it", ", 15 to 50 % of it",
		", once or nearly so", ", more than 1.5 times its size"
	};
	static const char *const ages[AGES] = {
		"less than a month old", "1 to 4 months old",
		"4 to 12 months old", "more than a year old"
	};
	static const char *const sizes[SIZES] = {
		"under 128 KiB", "up to 16 MB", "up to 4 GB", "over 4 GB"
	};

	snprintf(out, 160, "%s%s, %s, %s",
	    days[group / (PARTS * AGES * SIZES) % DAYS30],
	    parts[group / (AGES * SIZES) % PARTS],
	    ages[group / SIZES % AGES], sizes[group % SIZES]);
}

static inline size_t
bin_of(double idle)
{
	return bin_at[idle < 900 ? (size_t)idle : 900];
}

double
vt_hazard_next_edge(double idle)
{
	size_t b = bin_of(idle) + 1;

	return b < BINS ? edge[b] : INFINITY;
}

static double
width(size_t bin)
{
	return bin == BINS - 1 ? LAST_BIN_DAYS : edge[bin + 1] - edge[bin];
}

/* --- counting ------------------------------------------------------------- */

struct vt_hazard *
vt_hazard_new(void)
{
	return calloc(1, sizeof(struct vt_hazard));
}

void
vt_hazard_free(struct vt_hazard *h)
{
	free(h);
}

void
vt_hazard_idle(struct vt_hazard *h, unsigned group, double a, double b,
    double weight)
{
	size_t i = bin_of(a);
	double to;

	for (; a < b && i < BINS; i++) {
		to = edge[i + 1] < b ? edge[i + 1] : b;
		h->exposure[group][i] += (to - a) * weight;
		a = to;
	}
}

void
vt_hazard_read(struct vt_hazard *h, unsigned group, double idle,
    unsigned next, double gets, double part, double weight)
{
	/* a part that is more than the reads could ask for is an error of
	 * sizes, and would drown all others */
	if (part > gets)
		part = gets;
	h->events[group][bin_of(idle)] += weight;
	h->follows[group][next / SIZES] += weight;
	h->reads[group] += weight;
	h->gets[group] += gets * weight;
	h->part[group] += part * weight;
}

void
vt_hazard_fade(struct vt_hazard *h, double keep)
{
	unsigned g, i;
	size_t b;

	for (g = 0; g < GROUPS; g++) {
		for (b = 0; b < BINS; b++) {
			h->exposure[g][b] *= keep;
			h->events[g][b] *= keep;
		}
		for (i = 0; i < NEXTS; i++)
			h->follows[g][i] *= keep;
		h->reads[g] *= keep;
		h->gets[g] *= keep;
		h->part[g] *= keep;
	}
}

/* --- rates ---------------------------------------------------------------- */

static void
fit_next(struct vt_hazard *h, unsigned g)
{
	unsigned n = 0, i;
	double sum = 0;

	for (i = 0; i < NEXTS; i++)
		sum += h->follows[g][i];
	for (i = 0; i < NEXTS && sum > 0; i++)
		if (h->follows[g][i] > 0) {
			h->next[g][n] = (unsigned short)(i * SIZES + g % SIZES);
			h->chance[g][n++] = (float)(h->follows[g][i] / sum);
		}
	if (n == 0) {
		h->next[g][0] = (unsigned short)g;
		h->chance[g][0] = 1;
		n = 1;
	}
	h->next_count[g] = n;
}

void
vt_hazard_fit(struct vt_hazard *h)
{
	double exposure[BINS] = { 0 }, events[BINS] = { 0 }, all, prior;
	double reads = PRIOR_READS, gets = PRIOR_READS, part = PRIOR_READS;
	unsigned g, i;
	size_t b;

	memset(h->known, 0, sizeof(h->known));
	for (g = 0; g < GROUPS; g++) {
		for (b = 0; b < BINS; b++) {
			exposure[b] += h->exposure[g][b];
			events[b] += h->events[g][b];
			if (h->exposure[g][b] > 0)
				h->known[g] = 1;
		}
		/* so that whatever has followers is known, and one step
		 * below finds all the others */
		if (h->reads[g] > 0)
			h->known[g] = 1;
		reads += h->reads[g];
		gets += h->gets[g];
		part += h->part[g];
	}
	for (g = 0; g < GROUPS; g++) {
		for (b = 0; b < BINS; b++) {
			all = (events[b] + 0.5) / (exposure[b] + 2 * width(b));
			prior = PRIOR_BINS * width(b);
			h->rate[g][b] = (h->events[g][b] + all * prior) /
			    (h->exposure[g][b] + prior);
		}
		h->mean_gets[g] = (h->gets[g] + PRIOR_READS * gets / reads) /
		    (h->reads[g] + PRIOR_READS);
		h->mean_part[g] = (h->part[g] + PRIOR_READS * part / reads) /
		    (h->reads[g] + PRIOR_READS);
		fit_next(h, g);
	}
	for (g = 0; g < GROUPS; g++)
		for (i = 0; h->known[g] && i < h->next_count[g]; i++)
			h->known[h->next[g][i]] = 1;
}

double
vt_hazard_within(const struct vt_hazard *h, unsigned group, double idle,
    double days)
{
	double stays = 0, end = idle + days, to;
	size_t b = bin_of(idle);

	for (; idle < end && b < BINS; b++) {
		to = edge[b + 1] < end ? edge[b + 1] : end;
		stays += h->rate[group][b] * (to - idle);
		idle = to;
	}
	return 1 - exp(-stays);
}

double
vt_hazard_gets(const struct vt_hazard *h, unsigned group)
{
	return h->mean_gets[group];
}

double
vt_hazard_part(const struct vt_hazard *h, unsigned group)
{
	return h->mean_part[group];
}

/* --- the policy ----------------------------------------------------------- */

static inline size_t
octave_of(uint64_t size_bytes)
{
	/* the second begins at twice the size of the first, 2^15 */
	size_t i = size_bytes >> 15 == 0 ? 0 :
	    (size_t)(63 - 15 - __builtin_clzll(size_bytes)) / 2 + 1;

	return i < OCTAVES ? i : OCTAVES - 1;
}

struct vt_hazard_table *
vt_hazard_table_new(const struct vt_cost_model *m, unsigned barred)
{
	struct vt_hazard_table *t = calloc(1, sizeof(*t));
	double size = OCTAVE_FIRST, gb, monitor;
	size_t i, k, l;

	if (t == NULL)
		return NULL;
	t->barred = barred;
	t->tiers = m->count;
	t->self_moving = -1;
	for (k = 0; k < m->count; k++)
		if (m->tier[k].price.level_count > 0)
			t->self_moving = (int)k;
	for (i = 0; i < OCTAVES; i++, size *= 4)
		vt_cost_of(m, (uint64_t)size, &t->cost[i]);
	if (t->self_moving < 0)
		return t;
	const struct vt_price *p = &m->tier[t->self_moving].price;
	t->level_count = p->level_count;
	t->level_min_bytes = p->monitor_min_bytes;
	for (l = 0; l < p->level_count; l++)
		t->level_idle[l] = p->level[l].idle_days;
	for (i = 0, size = OCTAVE_FIRST; i < OCTAVES; i++, size *= 4) {
		gb = size / m->bytes_per_gb;
		monitor = size < (double)p->monitor_min_bytes ? 0 :
		    p->monitor_month;
		for (l = 0; l < p->level_count; l++)
			t->level_day[i][l] = (monitor + gb *
			    p->level[monitor > 0 ? l : 0].storage_gb_month) /
			    m->month_days;
	}
	return t;
}

void
vt_hazard_table_free(struct vt_hazard_table *t)
{
	free(t);
}

static void
use(struct vt_hazard_table *t, size_t o)
{
	size_t b, k;
	unsigned g;

	if (t->used[o])
		return;
	t->used[o] = 1;
	/* of groups that nothing is known of: stay */
	for (g = 0; g < GROUPS; g++)
		for (b = 0; b < BINS; b++)
			for (k = 0; k < VT_COST_TIERS; k++)
				t->want[o][g][b][k] = (unsigned char)k;
}

void
vt_hazard_table_size(struct vt_hazard_table *t, uint64_t size_bytes)
{
	use(t, octave_of(size_bytes));
}

static void
make_steps(const struct vt_hazard *h, unsigned g, struct step s[BINS])
{
	size_t b;

	for (b = 0; b < BINS; b++) {
		s[b].days = width(b);
		s[b].read = 1 - exp(-h->rate[g][b] * s[b].days);
		s[b].worth = exp(-s[b].days / DISCOUNT_DAYS);
		s[b].half = exp(-s[b].days / 2 / DISCOUNT_DAYS);
	}
}

/* Days of a minimum of `min` that are expected to be left when the next read
 * ends a stay which begins in bin `b`. */
static double
days_left(const struct step s[BINS], size_t b, double min)
{
	double begun = edge[b], stays = 1, sum = 0, left;

	for (; min > 0 && b < BINS && edge[b] - begun < min; b++) {
		left = min - (edge[b] - begun + s[b].days / 2);
		if (left > 0)
			sum += stays * s[b].read * left;
		stays *= 1 - s[b].read;
	}
	return sum;
}

/* Storage of a self-moving tier at an idle time. */
static double
level_day(const struct vt_hazard_table *t, size_t o, double idle)
{
	size_t l = t->level_count - 1;

	while (l > 0 && idle < t->level_idle[l])
		l--;
	return t->level_day[o][l];
}

/* Who enters a self-moving tier late waits for its levels anew. */
static double
level_entry(const struct vt_hazard_table *t, size_t o, double idle)
{
	double usd = 0;
	size_t l;

	for (l = 1; l < t->level_count; l++)
		if (idle >= t->level_idle[l])
			usd += (t->level_day[o][l - 1] - t->level_day[o][l]) *
			    t->level_idle[l];
	return usd;
}

/* What the next day with reads costs on each tier, and all that follows it;
 * `back`: it is better brought back then. */
static void
after_read(const struct vt_hazard *h, const struct vt_hazard_table *t,
    size_t o, unsigned g, double then[VT_COST_TIERS],
    unsigned char back[VT_COST_TIERS])
{
	const struct vt_cost *c = &t->cost[o];
	double gets = h->mean_gets[g];
	double bytes = h->mean_part[g] * (double)c->size_bytes, hot;
	double follow[VT_COST_TIERS] = { 0 };
	size_t k;
	unsigned i;

	for (i = 0; i < h->next_count[g]; i++)
		for (k = 0; k < t->tiers; k++)
			follow[k] += (double)h->chance[g][i] *
			    (double)t->value[o][h->next[g][i]][0][k];
	for (k = 0; k < t->tiers; k++) {
		then[k] = vt_cost_serve(c, k, gets, bytes) + follow[k];
		back[k] = 0;
		if (k == 0)
			continue;
		hot = vt_cost_serve_promote(c, k, gets, bytes) + follow[0];
		if (hot < then[k]) {
			then[k] = hot;
			back[k] = 1;
		}
	}
}

/* Is there a self-moving tier that an octave's objects may take for tier 0? */
static int
hedges(const struct vt_hazard_table *t, size_t o)
{
	return t->self_moving >= 0 && !((t->barred >> t->self_moving) & 1) &&
	    t->cost[o].size_bytes >= t->level_min_bytes;
}

/* One group of one octave, from the longest idle time to the shortest.
 * Returns by how much the values at idle time 0 changed, of the largest. */
static double
sweep_group(const struct vt_hazard *h, struct vt_hazard_table *t, size_t o,
    unsigned g)
{
	const struct vt_cost *c = &t->cost[o];
	double then[VT_COST_TIERS], stay[VT_COST_TIERS];
	double enter[VT_COST_TIERS], best, x, changed = 0, most = 0;
	unsigned char back[VT_COST_TIERS];
	const struct step *s = t->step[g];
	size_t b, k, j, to;

	after_read(h, t, o, g, then, back);
	for (b = BINS; b-- > 0; ) {
		for (k = 0; k < t->tiers; k++) {
			double day = (int)k == t->self_moving ?
			    level_day(t, o, edge[b]) : c->day[k];
			double next = (double)t->value[o][g]
			    [b + 1 < BINS ? b + 1 : b][k];

			stay[k] = day * s[b].days * (1 - s[b].read / 2) +
			    s[b].read * s[b].half * then[k] +
			    (1 - s[b].read) * s[b].worth * next;
			enter[k] = 0;
			if ((int)k == t->self_moving)
				enter[k] = level_entry(t, o, edge[b]);
			else if (k > 0 && back[k])
				enter[k] = c->day[k] *
				    (double)t->left[g][b][k];
		}
		for (k = 0; k < t->tiers; k++) {
			best = stay[k] * (1 - PREFER_STAYING);
			to = k;
			for (j = 0; j < t->tiers; j++) {
				if (j == k || (t->barred >> j) & 1)
					continue;
				x = stay[j] + c->move[k][j] + enter[j];
				if (x < best) {
					best = x;
					to = j;
				}
			}
			if (to == 0 && hedges(t, o)) {
				j = (size_t)t->self_moving;
				x = stay[j] + (k == j ? 0 :
				    c->move[k][j] + enter[j]);
				if (x < best * (1 + HEDGE)) {
					best = x;
					to = j;
				}
			}
			t->want[o][g][b][k] = (unsigned char)to;
			if (b == 0) {
				x = fabs(best - (double)t->value[o][g][0][k]);
				changed = x > changed ? x : changed;
				most = best > most ? best : most;
			}
			t->value[o][g][b][k] = (float)best;
		}
	}
	return most > 0 ? changed / most : 0;
}

/* Does an octave have objects of the group's class of sizes? */
static int
has_size(size_t octave, unsigned g)
{
	double size = OCTAVE_FIRST * pow(4, (double)octave);
	unsigned s = g % SIZES;

	return (octave + 1 == OCTAVES || sizes_from[s] < size * 2) &&
	    (s + 1 == SIZES || octave == 0 ||
	    sizes_from[s + 1] > size / 2);
}

static void
prepare(const struct vt_hazard *h, struct vt_hazard_table *t)
{
	unsigned g;
	size_t b, k;

	for (g = 0; g < GROUPS; g++) {
		if (!h->known[g])
			continue;
		make_steps(h, g, t->step[g]);
		for (b = 0; b < BINS; b++)
			for (k = 0; k < t->tiers; k++)
				t->left[g][b][k] = (float)days_left(t->step[g],
				    b, t->cost[0].min_days[k]);
	}
}

void
vt_hazard_solve(const struct vt_hazard *h, struct vt_hazard_table *t,
    unsigned sweeps)
{
	double changed, x;
	unsigned i, g;
	size_t o;

	prepare(h, t);
	for (o = 0; o < OCTAVES; o++)
		for (i = 0; t->used[o] && i < sweeps; i++) {
			changed = 0;
			for (g = 0; g < GROUPS; g++) {
				if (!h->known[g] || !has_size(o, g))
					continue;
				x = sweep_group(h, t, o, g);
				changed = x > changed ? x : changed;
			}
			if (changed < CLOSE_ENOUGH)
				break;
		}
	t->solved = 1;
}

int
vt_hazard_solved(const struct vt_hazard_table *t)
{
	return t->solved;
}

size_t
vt_hazard_want(const struct vt_hazard_table *t, uint64_t size_bytes,
    unsigned group, double idle, size_t at)
{
	size_t o = octave_of(size_bytes);

	return t->used[o] ? t->want[o][group][bin_of(idle)][at] : at;
}

int
vt_hazard_rather(const struct vt_hazard_table *t, uint64_t size_bytes,
    unsigned group, double idle)
{
	const float *v = t->value[octave_of(size_bytes)][group][bin_of(idle)];

	return t->solved && hedges(t, octave_of(size_bytes)) &&
	    (double)v[t->self_moving] < (1 + HEDGE) * (double)v[0];
}

double
vt_hazard_value(const struct vt_hazard_table *t, uint64_t size_bytes,
    unsigned group, double idle, size_t k)
{
	size_t o = octave_of(size_bytes);
	double size = (double)t->cost[o].size_bytes;

	return (double)t->value[o][group][bin_of(idle)][k] *
	    ((double)size_bytes / size);
}

/* --- kept ----------------------------------------------------------------- */

void
vt_hazard_put(const struct vt_hazard *h, struct vt_buf *out)
{
	unsigned g;
	size_t b;

	for (g = 0; g < GROUPS; g++) {
		for (b = 0; b < BINS; b++)
			vt_exact_put_double(out, h->rate[g][b]);
		vt_exact_put_double(out, h->mean_gets[g]);
		vt_exact_put_double(out, h->mean_part[g]);
	}
}

/* A rate or a mean. */
static double
get_known(struct vt_exact *in)
{
	double d = vt_exact_get_double(in);

	if (!(d >= 0 && isfinite(d)))
		in->failed = 1;
	return d;
}

enum vt_code
vt_hazard_get(struct vt_exact *in, struct vt_hazard **out, struct vt_err *err)
{
	struct vt_hazard *h = vt_hazard_new();
	unsigned g;
	size_t b;

	*out = NULL;
	if (h == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for engines");
	for (g = 0; g < GROUPS && !in->failed; g++) {
		for (b = 0; b < BINS; b++)
			h->rate[g][b] = get_known(in);
		h->mean_gets[g] = get_known(in);
		h->mean_part[g] = get_known(in);
	}
	if (in->failed) {
		vt_hazard_free(h);
		return vt_fail(err, VT_CORRUPT, "these are no statistics");
	}
	*out = h;
	return VT_OK;
}

/* A group's objects stay where they are, however long they rest. */
static int
stays(const struct vt_hazard_table *t, size_t o, unsigned g)
{
	size_t b, k;

	for (b = 0; b < BINS; b++)
		for (k = 0; k < t->tiers; k++)
			if (t->want[o][g][b][k] != k)
				return 0;
	return 1;
}

static void
put_group(const struct vt_hazard_table *t, size_t o, unsigned g,
    struct vt_buf *out)
{
	size_t b;

	if (stays(t, o, g)) {
		(void)vt_buf_char(out, 0);	/* sticks, as all of them do */
		return;
	}
	(void)vt_buf_char(out, 1);
	for (b = 0; b < BINS; b++)
		(void)vt_buf_add(out, t->want[o][g][b], t->tiers);
}

void
vt_hazard_table_put(const struct vt_hazard_table *t, struct vt_buf *out)
{
	unsigned g;
	size_t o;

	vt_exact_put(out, t->tiers);
	vt_exact_put(out, t->barred);
	vt_exact_put(out, (uint64_t)t->solved);
	for (o = 0; o < OCTAVES; o++) {
		vt_exact_put(out, t->used[o]);
		for (g = 0; t->used[o] && g < GROUPS; g++)
			put_group(t, o, g, out);
	}
}

static void
get_group(struct vt_exact *in, struct vt_hazard_table *t, size_t o, unsigned g)
{
	const char *flag = vt_exact_bytes(in, 1), *want;
	size_t b, k;

	if (flag == NULL || *flag == 0)
		return;
	for (b = 0; b < BINS; b++) {
		want = vt_exact_bytes(in, t->tiers);
		for (k = 0; want != NULL && k < t->tiers; k++) {
			t->want[o][g][b][k] = (unsigned char)want[k];
			if ((unsigned char)want[k] >= t->tiers)
				in->failed = 1;
		}
	}
}

enum vt_code
vt_hazard_table_get(struct vt_exact *in, const struct vt_cost_model *m,
    struct vt_hazard_table **out, struct vt_err *err)
{
	uint64_t tiers = vt_exact_get_to(in, VT_COST_TIERS);
	unsigned barred = (unsigned)vt_exact_get_to(in, UINT32_MAX), g;
	struct vt_hazard_table *t;
	size_t o;

	*out = NULL;
	if (in->failed || tiers != m->count)
		return vt_fail(err, VT_CORRUPT, "this is no table of %zu tiers",
		    m->count);
	t = vt_hazard_table_new(m, barred);
	if (t == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for engines");
	t->solved = (int)vt_exact_get_to(in, 1);
	for (o = 0; o < OCTAVES && !in->failed; o++) {
		if (vt_exact_get_to(in, 1) == 0)
			continue;
		use(t, o);
		for (g = 0; g < GROUPS && !in->failed; g++)
			get_group(in, t, o, g);
	}
	if (in->failed) {
		vt_hazard_table_free(t);
		return vt_fail(err, VT_CORRUPT, "this is no table");
	}
	*out = t;
	return VT_OK;
}
