/* The sums of the report: see report.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/work/report_internal.h"

/* Upper bounds; the last is open. */
static const double age_days[REPORT_BUCKETS - 1] = {
	7, 30, 90, 180, 365, 730, 1825, INFINITY
};
static const uint64_t size_bytes[REPORT_BUCKETS] = {
	UINT64_C(4) << 10, UINT64_C(32) << 10, UINT64_C(128) << 10,
	UINT64_C(1) << 20, UINT64_C(16) << 20, UINT64_C(128) << 20,
	UINT64_C(1) << 30, UINT64_C(8) << 30, UINT64_MAX
};
static const double payback_days[REPORT_PAYBACKS] = {
	0, 7, 14, 30, 60, 90, 180, INFINITY
};

const char *
report_bucket_name(enum report_dim dim, size_t i)
{
	static const char *const ages[REPORT_BUCKETS] = {
		"up to 7 days", "7 to 30 days", "30 to 90 days",
		"90 to 180 days", "180 days to 1 year", "1 to 2 years",
		"2 to 5 years", "over 5 years", "not known"
	};
	static const char *const sizes[REPORT_BUCKETS] = {
		"up to 4 KiB", "4 to 32 KiB", "32 to 128 KiB",
		"128 KiB to 1 MiB", "1 to 16 MiB", "16 to 128 MiB",
		"128 MiB to 1 GiB", "1 to 8 GiB", "over 8 GiB"
	};

	return dim == REPORT_SIZE ? sizes[i] : ages[i];
}

const char *
report_payback_name(size_t i)
{
	static const char *const names[REPORT_PAYBACKS] = {
		"at once", "up to 7 days", "7 to 14 days", "14 to 30 days",
		"30 to 60 days", "60 to 90 days", "90 to 180 days",
		"over 180 days"
	};

	return names[i];
}

/* --- start and end -------------------------------------------------------- */

struct vt_report *
vt_report_new(const struct vt_cost_model *m)
{
	struct vt_report *r = calloc(1, sizeof(*r));
	size_t i;

	if (r == NULL)
		return NULL;
	r->model = *m;
	r->top = calloc(REPORT_TOP_MOVES, sizeof(*r->top));
	for (i = 0; i < 2; i++) {
		r->prefixes[i].p = calloc(REPORT_PREFIXES,
		    sizeof(*r->prefixes[i].p));
		r->prefixes[i].slot = calloc(2 * REPORT_PREFIXES,
		    sizeof(*r->prefixes[i].slot));
	}
	if (r->top == NULL || r->prefixes[0].p == NULL ||
	    r->prefixes[0].slot == NULL || r->prefixes[1].p == NULL ||
	    r->prefixes[1].slot == NULL) {
		vt_report_free(r);
		return NULL;
	}
	return r;
}

void
vt_report_free(struct vt_report *r)
{
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < r->top_count; i++)
		free(r->top[i].text);
	for (i = 0; i < 2; i++) {
		free(r->prefixes[i].p);
		free(r->prefixes[i].slot);
	}
	free(r->top);
	free(r->day);
	free(r);
}

/* --- prefixes ------------------------------------------------------------- *
 * The heaviest of them, at two depths.  When the table is full the lighter
 * half goes, and who comes after that may have been there before, with at
 * most what the heaviest of those had: `missed_usd`, which the page tells.
 */

/* bucket/first/ or bucket/first/second/ of a key; without a slash, bucket/.
 * Returns its bytes in the key. */
static size_t
prefix_len(const char *key, size_t len, size_t depth)
{
	size_t i, end = 0;

	for (i = 0; i < len && depth > 0; i++)
		if (key[i] == '/') {
			end = i + 1;
			depth--;
		}
	return end;
}

/* FNV-1a: who makes it collide on purpose slows down this table alone, by a
 * constant. */
static uint64_t
hash_more(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(1099511628211);
	return h;
}

static uint16_t *
prefix_slot(struct report_prefixes *t, uint64_t hash, const char *name,
    size_t kept, size_t len)
{
	size_t i = (size_t)(hash >> 32) % (2 * REPORT_PREFIXES);
	struct report_prefix *p;

	for (; t->slot[i] != 0; i = (i + 1) % (2 * REPORT_PREFIXES)) {
		p = &t->p[t->slot[i] - 1];
		if (p->hash == hash && p->len == len &&
		    memcmp(p->name, name, kept) == 0)
			break;
	}
	return &t->slot[i];
}

static double
prefix_weight(const struct report_prefix *p)
{
	return p->now.usd + p->missed_usd;
}

static int
name_order(const struct report_prefix *x, const struct report_prefix *y)
{
	int c = memcmp(x->name, y->name, REPORT_PREFIX_MAX);

	if (c != 0)
		return c;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static int
by_weight(const void *a, const void *b)
{
	double x = prefix_weight(a), y = prefix_weight(b);

	if (x != y)
		return x > y ? -1 : 1;
	return name_order(a, b);
}

static void
prefixes_prune(struct report_prefixes *t)
{
	struct report_prefix *p;
	size_t i;

	qsort(t->p, t->count, sizeof(*t->p), by_weight);
	t->count /= 2;
	t->floor_usd = prefix_weight(&t->p[t->count]);
	memset(t->p + t->count, 0, (REPORT_PREFIXES - t->count) *
	    sizeof(*t->p));
	memset(t->slot, 0, 2 * REPORT_PREFIXES * sizeof(*t->slot));
	for (i = 0; i < t->count; i++) {
		p = &t->p[i];
		*prefix_slot(t, p->hash, p->name, p->kept, p->len) =
		    (uint16_t)(i + 1);
	}
}

/* The entry of a key's prefix; NULL when there is none and `add` is 0. */
static struct report_prefix *
prefix_of(struct vt_report *r, size_t depth, const char *bucket,
    const char *key, size_t key_len, int add)
{
	struct report_prefixes *t = &r->prefixes[depth - 1];
	char name[REPORT_PREFIX_MAX] = { 0 };
	size_t bucket_len = strlen(bucket);
	size_t end = prefix_len(key, key_len, depth), kept, n;
	uint64_t hash = UINT64_C(14695981039346656037);
	struct report_prefix *p;
	uint16_t *slot;

	hash = hash_more(hash, bucket, bucket_len + 1);
	hash = hash_more(hash, key, end);
	kept = bucket_len < sizeof(name) - 1 ? bucket_len : sizeof(name) - 1;
	memcpy(name, bucket, kept);
	name[kept++] = '/';
	n = end < sizeof(name) - kept ? end : sizeof(name) - kept;
	memcpy(name + kept, key, n);
	kept += n;
	slot = prefix_slot(t, hash, name, kept, bucket_len + 1 + end);
	if (*slot != 0)
		return &t->p[*slot - 1];
	if (!add)
		return NULL;
	if (t->count == REPORT_PREFIXES) {
		prefixes_prune(t);
		slot = prefix_slot(t, hash, name, kept, bucket_len + 1 + end);
	}
	p = &t->p[t->count++];
	*slot = (uint16_t)t->count;
	p->hash = hash;
	p->len = bucket_len + 1 + end;
	p->kept = kept;
	memcpy(p->name, name, sizeof(name));
	p->missed_usd = t->floor_usd;
	return p;
}

/* What is known for sure. */
static int
by_bill(const void *a, const void *b)
{
	const struct report_prefix *x = *(const struct report_prefix *const *)a;
	const struct report_prefix *y = *(const struct report_prefix *const *)b;

	if (x->now.usd != y->now.usd)
		return x->now.usd > y->now.usd ? -1 : 1;
	return name_order(x, y);
}

/* The second depth when one prefix of the first has most of the bill and is
 * itself divided. */
static const struct report_prefixes *
prefixes_shown(const struct vt_report *r)
{
	const struct report_prefixes *t = &r->prefixes[0];
	double most = 0;
	size_t i;

	for (i = 0; i < t->count; i++)
		if (t->p[i].now.usd > most)
			most = t->p[i].now.usd;
	return most > r->all.usd * 0.6 && r->prefixes[1].count > t->count ?
	    &r->prefixes[1] : t;
}

size_t
report_prefixes_top(const struct vt_report *r,
    const struct report_prefix **out)
{
	const struct report_prefixes *t = prefixes_shown(r);
	const struct report_prefix **all;
	size_t i, n;

	all = calloc(t->count + 1, sizeof(*all));
	if (all == NULL)
		return 0;
	for (i = 0; i < t->count; i++)
		all[i] = &t->p[i];
	qsort(all, t->count, sizeof(*all), by_bill);
	n = t->count < REPORT_TOP_PREFIXES ? t->count : REPORT_TOP_PREFIXES;
	memcpy(out, all, n * sizeof(*out));
	free(all);
	return n;
}

/* --- versions ------------------------------------------------------------- */

static void
add(struct report_sum *s, uint64_t bytes, double usd)
{
	s->objects++;
	s->bytes += bytes;
	s->usd += usd;
}

static void
take(struct report_sum *s, uint64_t bytes, double usd)
{
	s->objects--;
	s->bytes -= bytes;
	s->usd -= usd;
}

static uint8_t
age_bucket(double days)
{
	uint8_t i = 0;

	if (days < 0)
		return REPORT_BUCKETS - 1;
	while (days >= age_days[i])
		i++;
	return i;
}

static uint8_t
size_bucket(uint64_t bytes)
{
	uint8_t i = 0;

	while (bytes > size_bytes[i])
		i++;
	return i;
}

static size_t
place_bucket(const struct vt_report_place *p, enum report_dim dim)
{
	return dim == REPORT_AGE ? p->age : dim == REPORT_IDLE ? p->idle :
	    p->size;
}

struct vt_report_place
vt_report_version(struct vt_report *r, const struct vt_report_version *v)
{
	struct vt_report_place p;
	struct report_prefix *prefix;
	size_t tier, depth, i, k;

	p.tier = (int8_t)v->tier;
	p.age = age_bucket(v->age_days);
	p.idle = age_bucket(v->idle_days);
	p.size = size_bucket(v->size_bytes);
	tier = v->tier < 0 ? VT_COST_TIERS : (size_t)v->tier;
	for (i = 0; i < REPORT_DIMS; i++) {
		k = place_bucket(&p, i);
		add(&r->now[i][k][tier], v->size_bytes, v->month_usd);
		add(&r->after[i][k][tier], v->size_bytes, v->month_usd);
	}
	add(&r->all, v->size_bytes, v->month_usd);
	add(&r->held[v->held], v->size_bytes, v->month_usd);
	r->least_usd += v->least_usd;
	for (depth = 1; depth <= 2; depth++) {
		prefix = prefix_of(r, depth, v->bucket, v->key, v->key_len, 1);
		add(&prefix->now, v->size_bytes, v->month_usd);
	}
	return p;
}

/* --- moves ---------------------------------------------------------------- */

/* The move that saves less, or comes later in the plan. */
static int
top_less(const struct report_top *x, const struct report_top *y)
{
	if (x->m.saving_usd_month != y->m.saving_usd_month)
		return x->m.saving_usd_month < y->m.saving_usd_month;
	return x->order > y->order;
}

static void
top_sink(struct report_top *t, size_t n, size_t i)
{
	struct report_top x = t[i];
	size_t child;

	while ((child = 2 * i + 1) < n) {
		if (child + 1 < n && top_less(&t[child + 1], &t[child]))
			child++;
		if (!top_less(&t[child], &x))
			break;
		t[i] = t[child];
		i = child;
	}
	t[i] = x;
}

static char *
append(char *at, const void *s, size_t len)
{
	memcpy(at, s, len);
	at[len] = '\0';
	return at + len + 1;
}

static enum vt_code
top_add(struct vt_report *r, const struct vt_report_move *m,
    struct vt_err *err)
{
	size_t bucket = strlen(m->bucket), reason = strlen(m->reason), i;
	struct report_top x;
	char *end;

	memset(&x, 0, sizeof(x));
	x.m = *m;
	x.order = r->moved.objects;
	if (r->top_count == REPORT_TOP_MOVES && !top_less(&r->top[0], &x))
		return VT_OK;
	x.text = malloc(bucket + m->key_len + reason + 3);
	if (x.text == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for the report");
	x.m.bucket = x.text;
	x.m.key = end = append(x.text, m->bucket, bucket);
	x.m.reason = end = append(end, m->key, m->key_len);
	append(end, m->reason, reason);
	if (r->top_count < REPORT_TOP_MOVES) {
		r->top[r->top_count++] = x;
		for (i = r->top_count / 2; i-- > 0; )
			top_sink(r->top, r->top_count, i);
	} else {
		free(r->top[0].text);
		r->top[0] = x;
		top_sink(r->top, r->top_count, 0);
	}
	return VT_OK;
}

static int
by_saving(const void *a, const void *b)
{
	const struct report_top *x = *(const struct report_top *const *)a;
	const struct report_top *y = *(const struct report_top *const *)b;

	return top_less(x, y) - top_less(y, x);
}

size_t
report_moves_top(const struct vt_report *r, const struct report_top **out)
{
	size_t i;

	for (i = 0; i < r->top_count; i++)
		out[i] = &r->top[i];
	qsort(out, r->top_count, sizeof(*out), by_saving);
	return r->top_count;
}

/* It leaves where it was, in all tables. */
static void
shift(struct vt_report *r, const struct vt_report_move *m)
{
	size_t from = m->place.tier < 0 ? VT_COST_TIERS :
	    (size_t)m->place.tier, i, k;

	for (i = 0; i < REPORT_DIMS; i++) {
		k = place_bucket(&m->place, i);
		take(&r->after[i][k][from], m->size_bytes, m->now_usd);
		if (m->to >= 0)
			add(&r->after[i][k][m->to], m->size_bytes,
			    m->after_usd);
	}
}

/* Money that has come back by each month's end, if the saving lasts, and if
 * it lasts only as long as the evidence for it did. */
static void
earn(struct vt_report *r, const struct vt_report_move *m)
{
	double month = r->model.month_days, t, sure;
	size_t i;

	for (i = 0; i <= REPORT_MONTHS; i++) {
		t = (double)i;
		sure = m->evidence_days / month;
		r->earned[i] += m->saving_usd_month * t;
		r->sure[i] += m->saving_usd_month * (sure < t ? sure : t);
	}
}

static size_t
payback_bucket(const struct vt_report_move *m)
{
	size_t i = 0;

	if (m->cost_usd <= 0)
		return 0;
	for (i = 1; m->payback_days > payback_days[i]; )
		i++;
	return i;
}

enum vt_code
vt_report_move(struct vt_report *r, const struct vt_report_move *m,
    struct vt_err *err)
{
	struct report_prefix *prefix;
	size_t from, i;

	r->after_usd += m->after_usd - m->now_usd;
	for (i = 1; i <= 2; i++) {
		prefix = prefix_of(r, i, m->bucket, m->key, m->key_len, 0);
		if (prefix != NULL) {
			prefix->moves++;
			prefix->saving_usd += m->now_usd - m->after_usd;
		}
	}
	if (m->to < 0) {
		/* a marker that is put on top removes nothing yet */
		if (m->after_usd <= 0)
			shift(r, m);
		add(&r->removed, m->size_bytes, m->now_usd - m->after_usd);
		return VT_OK;
	}
	shift(r, m);
	add(&r->moved, m->size_bytes, m->saving_usd_month);
	if (m->by_rule)
		add(&r->ruled, m->size_bytes, m->saving_usd_month);
	r->cost_usd += m->cost_usd;
	r->saving_usd += m->saving_usd_month;
	r->payback += m->payback_days * m->saving_usd_month;
	from = (size_t)m->place.tier;
	add(&r->route[from][m->to], m->size_bytes, m->saving_usd_month);
	r->route_cost[from][m->to] += m->cost_usd;
	i = payback_bucket(m);
	add(&r->paid[i], m->size_bytes, m->saving_usd_month);
	r->paid_cost[i] += m->cost_usd;
	earn(r, m);
	return top_add(r, m, err);
}

void
vt_report_capped(struct vt_report *r, const struct vt_report_move *m)
{
	take(&r->held[VT_REPORT_MOVE], m->size_bytes, m->now_usd);
	add(&r->held[VT_REPORT_CAPPED], m->size_bytes, m->now_usd);
}

/* --- what the past would have cost ---------------------------------------- */

void
vt_report_engine(struct vt_report *r, size_t i,
    const struct vt_report_engine *e)
{
	r->engine[i] = *e;
	r->has_engine[i] = 1;
}

/* Room for a day, at either end; its entry, or NULL. */
static struct report_day *
day_of(struct vt_report *r, int64_t day)
{
	int64_t first, last;
	struct report_day *d;
	size_t cap, before;

	if (r->days == 0)
		r->day0 = day;
	first = day < r->day0 ? day : r->day0;
	last = r->day0 + (int64_t)r->days - 1;
	if (day > last)
		last = day;
	if (last - first >= REPORT_DAYS_MAX)
		/* time beyond any log: into the nearest day there is */
		return &r->day[day < r->day0 ? 0 : r->days - 1];
	if (day < r->day0 || (size_t)(last - first) >= r->day_cap) {
		/* grow at both ends, for both will be asked for */
		before = (size_t)(r->day0 - first);
		if (before > 0)
			before += 256;
		cap = before + (size_t)(last - r->day0) + 257;
		d = calloc(cap, sizeof(*d));
		if (d == NULL)
			return NULL;
		if (r->days > 0)
			memcpy(d + before, r->day, r->days * sizeof(*d));
		free(r->day);
		r->day = d;
		r->day_cap = cap;
		r->day0 -= (int64_t)before;
		r->days += before;
	}
	if (day >= r->day0 + (int64_t)r->days)
		r->days = (size_t)(day - r->day0) + 1;
	return &r->day[day - r->day0];
}

enum vt_code
vt_report_spend(struct vt_report *r, size_t i, double from, double to,
    double usd, struct vt_err *err)
{
	struct report_day *d;
	double rate, day;

	r->has_line[i] = 1;
	day = floor(from);
	d = day_of(r, (int64_t)day);
	if (d == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for the report");
	if (!(to > from)) {
		d->once[i] += usd;
		return VT_OK;
	}
	rate = usd / (to - from);
	d->once[i] -= rate * (from - day);
	d->rate[i] += rate;
	day = floor(to);
	d = day_of(r, (int64_t)day);
	if (d == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for the report");
	d->once[i] += rate * (to - day);
	d->rate[i] -= rate;
	return VT_OK;
}
