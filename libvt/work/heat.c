#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"

#include "libvt/work/heat.h"

#define DAY_US INT64_C(86400000000)
#define MINUTE_US INT64_C(60000000)
#define NAME_BLOCK ((size_t)1 << 20)

/* Spans into which days older than the exact ones are folded. */
#define FOLD_DAYS 30
#define FOLD_FAR_DAYS 360

/* Gaps a record may carry: when there are more, those of a month (two, four...)
 * are told as one of their whole length, so that no unknown time is lost. */
#define GAPS_MAX 32

struct span {
	int64_t from, to;
};

struct spans {
	struct span *s;
	size_t count, cap;
};

struct node {
	char *name;
	size_t name_len;
	struct spans covered;
};

struct block {
	struct block *next;
	size_t used;
	char data[];
};

struct vt_heat {
	uint32_t exact;
	uint64_t seed;
	struct vt_heat_object **table;	/* open addressing */
	size_t table_size, count;
	struct vt_heat_object **sorted;
	struct block *names;
	struct vt_heat_object *pool;	/* objects not given out yet */
	size_t pool_left;
	struct block *pools;
	struct node *nodes;
	size_t node_count;
	struct spans dropped;	/* time in which lines were lost */
	struct spans covered;	/* after finish: ascending, apart */
	int64_t first_us, last_us;
	/* scratch of vt_heat_fill */
	struct vt_heat_day *days;
	size_t day_cap;
	struct vt_heat_gap all_gaps[GAPS_MAX], gaps[GAPS_MAX];
	size_t all_gap_count;
};

struct vt_heat *
vt_heat_new(uint32_t exact_days)
{
	struct vt_heat *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->exact = exact_days;
	h->table_size = 1024;
	h->table = calloc(h->table_size, sizeof(*h->table));
	/* Keys are chosen by strangers: the hash must not be foreseeable. */
	if (h->table == NULL || vt_random(&h->seed, sizeof(h->seed)) < 0) {
		free(h->table);
		free(h);
		return NULL;
	}
	return h;
}

void
vt_heat_free(struct vt_heat *h)
{
	struct block *b, *next;
	size_t i;

	if (h == NULL)
		return;
	for (i = 0; i < h->table_size; i++)
		if (h->table[i] != NULL)
			free(h->table[i]->days);
	for (b = h->names; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	for (b = h->pools; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	for (i = 0; i < h->node_count; i++) {
		free(h->nodes[i].name);
		free(h->nodes[i].covered.s);
	}
	free(h->nodes);
	free(h->dropped.s);
	free(h->covered.s);
	free(h->table);
	free(h->sorted);
	free(h->days);
	free(h);
}

static enum vt_code
no_memory(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "no memory for heat");
}

/* --- objects -------------------------------------------------------------- */

static uint64_t
mix(uint64_t h, const char *s, size_t len)
{
	uint64_t v;

	for (; len >= 8; s += 8, len -= 8) {
		memcpy(&v, s, 8);
		h = (h ^ v) * UINT64_C(0x9fb21c651e98df25);
		h ^= h >> 29;
	}
	v = len;
	while (len > 0)
		v = v << 8 | (uint8_t)s[--len];
	h = (h ^ v) * UINT64_C(0x9fb21c651e98df25);
	return h ^ h >> 32;
}

static uint64_t
hash_name(const struct vt_heat *h, const char *bucket, size_t bucket_len,
    const char *key, size_t key_len, const char *version, size_t version_len)
{
	return mix(mix(mix(h->seed, bucket, bucket_len), key, key_len),
	    version, version_len);
}

static const char *
object_key(const struct vt_heat_object *o)
{
	return o->name + o->bucket_len + 1;
}

static const char *
object_version(const struct vt_heat_object *o)
{
	return object_key(o) + o->key_len + 1;
}

static struct vt_heat_object **
slot_of(const struct vt_heat *h, uint64_t hash, const char *bucket,
    size_t bucket_len, const char *key, size_t key_len, const char *version,
    size_t version_len)
{
	size_t i = hash & (h->table_size - 1);
	struct vt_heat_object *o;

	for (;; i = (i + 1) & (h->table_size - 1)) {
		o = h->table[i];
		if (o == NULL || (o->hash == hash &&
		    o->bucket_len == bucket_len && o->key_len == key_len &&
		    o->version_len == version_len &&
		    memcmp(o->name, bucket, bucket_len) == 0 &&
		    memcmp(object_key(o), key, key_len) == 0 &&
		    memcmp(object_version(o), version, version_len) == 0))
			return &h->table[i];
	}
}

static int
grow(struct vt_heat *h)
{
	size_t size = h->table_size * 2, i, j;
	struct vt_heat_object **table = calloc(size, sizeof(*table));

	if (table == NULL)
		return -1;
	for (i = 0; i < h->table_size; i++) {
		if (h->table[i] == NULL)
			continue;
		j = h->table[i]->hash & (size - 1);
		while (table[j] != NULL)
			j = (j + 1) & (size - 1);
		table[j] = h->table[i];
	}
	free(h->table);
	h->table = table;
	h->table_size = size;
	return 0;
}

static char *
name_room(struct vt_heat *h, size_t len)
{
	struct block *b = h->names;
	size_t size = len > NAME_BLOCK ? len : NAME_BLOCK;
	char *p;

	if (b == NULL || b->used + len > NAME_BLOCK) {
		b = malloc(sizeof(*b) + size);
		if (b == NULL)
			return NULL;
		b->used = 0;
		b->next = h->names;
		h->names = b;
	}
	p = b->data + b->used;
	b->used += len;
	return p;
}

static struct vt_heat_object *
new_object(struct vt_heat *h)
{
	enum { EACH = 1024 };
	struct block *b;

	if (h->pool_left == 0) {
		b = calloc(1, sizeof(*b) + EACH * sizeof(*h->pool));
		if (b == NULL)
			return NULL;
		b->next = h->pools;
		h->pools = b;
		h->pool = (struct vt_heat_object *)(void *)b->data;
		h->pool_left = EACH;
	}
	h->pool_left--;
	return h->pool++;
}

static struct vt_heat_object *
get(struct vt_heat *h, const struct vt_log_name *n)
{
	uint64_t hash = hash_name(h, n->bucket, n->bucket_len, n->key,
	    n->key_len, n->version, n->version_len);
	struct vt_heat_object **slot, *o;
	char *p;

	if (h->count >= h->table_size / 2 && grow(h) < 0)
		return NULL;
	slot = slot_of(h, hash, n->bucket, n->bucket_len, n->key, n->key_len,
	    n->version, n->version_len);
	if (*slot != NULL)
		return *slot;
	p = name_room(h, n->bucket_len + n->key_len + n->version_len + 3);
	if (p == NULL)
		return NULL;
	o = new_object(h);
	if (o == NULL)
		return NULL;
	o->hash = hash;
	o->name = p;
	o->bucket_len = (uint32_t)n->bucket_len;
	o->key_len = (uint32_t)n->key_len;
	o->version_len = (uint32_t)n->version_len;
	memcpy(p, n->bucket, n->bucket_len);
	p += n->bucket_len;
	*p++ = '\0';
	memcpy(p, n->key, n->key_len);
	p += n->key_len;
	*p++ = '\0';
	memcpy(p, n->version, n->version_len);
	p[n->version_len] = '\0';
	*slot = o;
	h->count++;
	return o;
}

/* --- days ----------------------------------------------------------------- */

static int32_t
floor_to(int32_t day, int32_t unit)
{
	int32_t n = day / unit;

	return (day < 0 && day % unit != 0 ? n - 1 : n) * unit;
}

/* Which fold an entry belongs to when it is `back` places from the newest
 * day; 0: none, it stays exact. */
static int32_t
fold_unit(size_t back, uint32_t exact)
{
	if (exact == UINT32_MAX || back < exact)
		return 0;
	/* as many spans of a month again, then of a year */
	return back < 2 * (size_t)exact + 24 ? FOLD_DAYS : FOLD_FAR_DAYS;
}

static void
join(struct vt_heat_day *into, const struct vt_heat_day *d)
{
	if (d->last > into->last)
		into->last = d->last;
	if (d->day < into->day)
		into->day = d->day;
	into->days += d->days;
	into->gets += d->gets;
	into->bytes += d->bytes;
}

/*
 * Fold what lies before the exact days: first into months, and when there are
 * many of those, the older into years.  Returns the new count.
 */
static size_t
fold(struct vt_heat_day *d, size_t n, uint32_t exact)
{
	size_t old, keep = 0, i, months;
	int32_t unit;

	if (exact == UINT32_MAX || n <= exact)
		return n;
	old = n - exact;
	for (i = 0; i < old; i++) {
		if (keep > 0 && floor_to(d[keep - 1].day, FOLD_DAYS) ==
		    floor_to(d[i].day, FOLD_DAYS))
			join(&d[keep - 1], &d[i]);
		else
			d[keep++] = d[i];
	}
	months = keep;
	for (i = keep = 0; i < months; i++) {
		unit = fold_unit(exact + months - 1 - i, exact);
		if (unit == FOLD_FAR_DAYS && keep > 0 &&
		    floor_to(d[keep - 1].day, unit) ==
		    floor_to(d[i].day, unit))
			join(&d[keep - 1], &d[i]);
		else
			d[keep++] = d[i];
	}
	memmove(&d[keep], &d[old], exact * sizeof(*d));
	return keep + exact;
}

/* Keep memory bounded while reading: when twice the exact days and some have
 * come, fold months (which later lines may still join). */
static void
fold_early(struct vt_heat_object *o, uint32_t exact)
{
	size_t old, keep = 0, i;

	/* r90 is counted before the last folding and wants 90 of them */
	if (exact < 100)
		exact = 100;
	if (exact == UINT32_MAX || o->day_count < 2 * (size_t)exact + 512)
		return;
	old = o->day_count - exact;
	for (i = 0; i < old; i++) {
		if (keep > 0 && floor_to(o->days[keep - 1].day, FOLD_DAYS) ==
		    floor_to(o->days[i].day, FOLD_DAYS))
			join(&o->days[keep - 1], &o->days[i]);
		else
			o->days[keep++] = o->days[i];
	}
	memmove(&o->days[keep], &o->days[old], exact * sizeof(*o->days));
	o->day_count = (uint32_t)(keep + exact);
}

static int
add_day(struct vt_heat *h, struct vt_heat_object *o, int32_t day,
    uint64_t gets, uint64_t bytes)
{
	uint32_t i = o->day_count;
	struct vt_heat_day *d;

	while (i > 0 && o->days[i - 1].day > day)
		i--;
	if (i > 0 && o->days[i - 1].last >= day) {
		/* A folded span does not know which of its days had reads:
		 * another in it is taken as one of them. */
		o->days[i - 1].gets += gets;
		o->days[i - 1].bytes += bytes;
		return 0;
	}
	if (o->day_count == o->day_cap) {
		uint32_t cap = o->day_cap != 0 ? o->day_cap * 2 : 4;

		d = realloc(o->days, cap * sizeof(*d));
		if (d == NULL)
			return -1;
		o->days = d;
		o->day_cap = cap;
	}
	d = &o->days[i];
	memmove(d + 1, d, (o->day_count - i) * sizeof(*d));
	d->day = d->last = day;
	d->days = 1;
	d->gets = gets;
	d->bytes = bytes;
	o->day_count++;
	fold_early(o, h->exact);
	return 0;
}

/* --- events --------------------------------------------------------------- */

static void
saw(struct vt_heat *h, struct vt_heat_object *o, int64_t us)
{
	if (o->first_us == 0 || us < o->first_us)
		o->first_us = us;
	if (h->last_us == 0 || us > h->last_us)
		h->last_us = us;
}

static int
add_read(struct vt_heat *h, const struct vt_log_name *n,
    const struct vt_log_event *e)
{
	struct vt_heat_object *o = get(h, n);
	int64_t day = e->time_us / DAY_US;

	if (o == NULL)
		return -1;
	saw(h, o, e->time_us);
	if (h->first_us == 0 || e->time_us < h->first_us)
		h->first_us = e->time_us;
	if (e->time_us > o->last_read_us)
		o->last_read_us = e->time_us;
	/* of a web server's answers the longest was the whole object */
	if (e->has_size && n == &e->object) {
		if (e->size_bytes > o->size_bytes)
			o->size_bytes = e->size_bytes;
		o->has_size = 1;
	}
	o->reads += e->count;
	o->bytes_read += e->bytes;
	return add_day(h, o, (int32_t)day, e->count, e->bytes);
}

static int
add_write(struct vt_heat *h, const struct vt_log_event *e)
{
	struct vt_heat_object *o = get(h, &e->object);

	if (o == NULL)
		return -1;
	saw(h, o, e->time_us);
	/* Of several writes the last one made what is there now. */
	if (!o->has_created || e->time_us >= o->created_us) {
		o->created_us = e->time_us;
		o->has_created = 1;
		o->deleted = 0;
		if (e->has_size) {
			o->size_bytes = e->size_bytes;
			o->has_size = 1;
		}
	}
	return 0;
}

static int
add_delete(struct vt_heat *h, const struct vt_log_event *e)
{
	struct vt_heat_object *o = get(h, &e->object);

	if (o == NULL)
		return -1;
	saw(h, o, e->time_us);
	if (!o->has_created || e->time_us >= o->created_us)
		o->deleted = 1;
	return 0;
}

enum vt_code
vt_heat_add(struct vt_heat *h, const struct vt_log_event *e,
    struct vt_err *err)
{
	int rc = 0;

	/* a day number must fit, and no log is that old */
	if (e->time_us < 0)
		return VT_OK;
	switch (e->kind) {
	case VT_LOG_READ:
		rc = add_read(h, &e->object, e);
		break;
	case VT_LOG_WRITE:
		rc = add_write(h, e);
		if (rc == 0 && e->has_source)
			rc = add_read(h, &e->source, e);
		break;
	case VT_LOG_DELETE:
		rc = add_delete(h, e);
		break;
	case VT_LOG_COVERAGE:
		return vt_heat_cover(h, e->node, e->node_len, e->from_us,
		    e->to_us, e->dropped, err);
	}
	return rc < 0 ? no_memory(err) : VT_OK;
}

/* --- coverage ------------------------------------------------------------- */

static int
add_span(struct spans *s, int64_t from, int64_t to)
{
	struct span *p;

	/* Records follow each other minute by minute: join at once. */
	if (s->count > 0 && s->s[s->count - 1].from <= from &&
	    s->s[s->count - 1].to >= from) {
		if (s->s[s->count - 1].to < to)
			s->s[s->count - 1].to = to;
		return 0;
	}
	if (s->count == s->cap) {
		size_t cap = s->cap != 0 ? s->cap * 2 : 16;

		p = realloc(s->s, cap * sizeof(*p));
		if (p == NULL)
			return -1;
		s->s = p;
		s->cap = cap;
	}
	s->s[s->count].from = from;
	s->s[s->count].to = to;
	s->count++;
	return 0;
}

static int
by_from(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/* Sorted and apart; holes of at most `bridge` are closed. */
static void
tidy(struct spans *s, int64_t bridge)
{
	size_t i, keep = 0;

	if (s->count == 0)
		return;
	qsort(s->s, s->count, sizeof(*s->s), by_from);
	for (i = 1; i < s->count; i++) {
		if (s->s[i].from <= s->s[keep].to + bridge) {
			if (s->s[i].to > s->s[keep].to)
				s->s[keep].to = s->s[i].to;
		} else {
			s->s[++keep] = s->s[i];
		}
	}
	s->count = keep + 1;
}

/* What of `a` lies in none of `b`; both tidy.  0 or -1. */
static int
subtract(struct spans *a, const struct spans *b)
{
	struct spans out = { NULL, 0, 0 };
	size_t i, j = 0;

	for (i = 0; i < a->count; i++) {
		int64_t from = a->s[i].from, to = a->s[i].to;

		while (j < b->count && b->s[j].to <= from)
			j++;
		for (; j < b->count && b->s[j].from < to; j++) {
			if (b->s[j].from > from &&
			    add_span(&out, from, b->s[j].from) < 0)
				goto fail;
			from = b->s[j].to;
			if (from >= to)
				break;
		}
		if (from < to && add_span(&out, from, to) < 0)
			goto fail;
	}
	free(a->s);
	*a = out;
	return 0;
fail:
	free(out.s);
	return -1;
}

enum vt_code
vt_heat_cover(struct vt_heat *h, const char *node, size_t node_len,
    int64_t from_us, int64_t to_us, uint64_t dropped, struct vt_err *err)
{
	struct node *n;
	size_t i;

	if (dropped > 0)
		return add_span(&h->dropped, from_us, to_us) < 0 ?
		    no_memory(err) : VT_OK;
	for (i = 0; i < h->node_count; i++)
		if (h->nodes[i].name_len == node_len &&
		    memcmp(h->nodes[i].name, node, node_len) == 0)
			break;
	if (i == h->node_count) {
		n = realloc(h->nodes, (h->node_count + 1) * sizeof(*n));
		if (n == NULL)
			return no_memory(err);
		h->nodes = n;
		n = &n[h->node_count];
		memset(n, 0, sizeof(*n));
		n->name = malloc(node_len + 1);
		if (n->name == NULL)
			return no_memory(err);
		memcpy(n->name, node, node_len);
		n->name_len = node_len;
		h->node_count++;
	}
	return add_span(&h->nodes[i].covered, from_us, to_us) < 0 ?
	    no_memory(err) : VT_OK;
}

/*
 * Covered is what some node covers, less each node's own holes: while one
 * node of several did not write, its reads are not known.  Before its first
 * record and after its last a node is taken not to serve.
 */
static int
join_nodes(struct vt_heat *h)
{
	struct spans holes = { NULL, 0, 0 };
	size_t i, j;
	int rc = -1;

	for (i = 0; i < h->node_count; i++) {
		struct spans *c = &h->nodes[i].covered;

		/* a restart of less than a minute is no hole */
		tidy(c, MINUTE_US);
		for (j = 0; j < c->count; j++) {
			if (add_span(&h->covered, c->s[j].from,
			    c->s[j].to) < 0)
				goto out;
			if (j > 0 && add_span(&holes, c->s[j - 1].to,
			    c->s[j].from) < 0)
				goto out;
		}
	}
	tidy(&h->covered, 0);
	tidy(&holes, 0);
	tidy(&h->dropped, 0);
	rc = subtract(&h->covered, &holes);
	if (rc == 0)
		rc = subtract(&h->covered, &h->dropped);
out:
	free(holes.s);
	return rc;
}

/* The holes of the covered time, at most GAPS_MAX. */
static void
list_gaps(struct vt_heat *h)
{
	const struct spans *c = &h->covered;
	int64_t unit = 0, from, length;
	size_t i, n;

	do {
		for (i = 1, n = 0; i < c->count; i++) {
			from = c->s[i - 1].to;
			length = c->s[i].from - from;
			if (unit != 0 && n > 0 &&
			    h->all_gaps[n - 1].from_us / unit == from / unit) {
				h->all_gaps[n - 1].length_us += length;
				continue;
			}
			if (n == GAPS_MAX)
				break;
			h->all_gaps[n].from_us = from;
			h->all_gaps[n++].length_us = length;
		}
		unit = unit == 0 ? 30 * DAY_US : unit * 2;
	} while (i < c->count);
	h->all_gap_count = n;
}

/* --- after ---------------------------------------------------------------- */

static int
compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return c != 0 ? c : a_len < b_len ? -1 : a_len > b_len;
}

static int
by_name(const void *a, const void *b)
{
	const struct vt_heat_object *x = *(struct vt_heat_object *const *)a;
	const struct vt_heat_object *y = *(struct vt_heat_object *const *)b;
	int c = compare_bytes(x->name, x->bucket_len, y->name, y->bucket_len);

	if (c == 0)
		c = compare_bytes(object_key(x), x->key_len, object_key(y),
		    y->key_len);
	return c != 0 ? c : compare_bytes(object_version(x), x->version_len,
	    object_version(y), y->version_len);
}

enum vt_code
vt_heat_finish(struct vt_heat *h, struct vt_err *err)
{
	size_t i, n = 0;

	free(h->sorted);
	h->covered.count = 0;
	h->sorted = malloc((h->count + 1) * sizeof(*h->sorted));
	if (h->sorted == NULL || join_nodes(h) < 0)
		return no_memory(err);
	list_gaps(h);
	for (i = 0; i < h->table_size; i++)
		if (h->table[i] != NULL)
			h->sorted[n++] = h->table[i];
	qsort(h->sorted, n, sizeof(*h->sorted), by_name);
	return VT_OK;
}

const struct vt_heat_object *
vt_heat_find(const struct vt_heat *h, const char *bucket, size_t bucket_len,
    const char *key, size_t key_len, const char *version, size_t version_len)
{
	return *slot_of(h, hash_name(h, bucket, bucket_len, key, key_len,
	    version, version_len), bucket, bucket_len, key, key_len, version,
	    version_len);
}

size_t
vt_heat_count(const struct vt_heat *h)
{
	return h->count;
}

const struct vt_heat_object *
vt_heat_at(const struct vt_heat *h, size_t i)
{
	return h->sorted[i];
}

void
vt_heat_coverage(const struct vt_heat *h, int64_t *from_us, int64_t *to_us,
    double *days)
{
	size_t i;

	*from_us = *to_us = 0;
	*days = 0;
	if (h->covered.count == 0)
		return;
	*from_us = h->covered.s[0].from;
	*to_us = h->covered.s[h->covered.count - 1].to;
	for (i = 0; i < h->covered.count; i++)
		*days += (double)(h->covered.s[i].to - h->covered.s[i].from) /
		    (double)DAY_US;
}

void
vt_heat_span(const struct vt_heat *h, int64_t *first_us, int64_t *last_us)
{
	*first_us = h->first_us;
	*last_us = h->last_us;
}

/* What of [from, to] is covered, and the gaps in that. */
static void
fill_coverage(struct vt_heat *h, int64_t from, int64_t to,
    struct vt_scan_record *r)
{
	const struct spans *c = &h->covered;
	int64_t known, a, b;
	size_t i, n = 0;

	r->covered_from_us = r->covered_to_us = 0;
	r->covered_days = 0;
	r->gap_count = 0;
	if (c->count == 0)
		return;
	if (from < c->s[0].from)
		from = c->s[0].from;
	if (to > c->s[c->count - 1].to)
		to = c->s[c->count - 1].to;
	if (to <= from)
		return;
	known = to - from;
	for (i = 0; i < h->all_gap_count; i++) {
		a = h->all_gaps[i].from_us;
		b = a + h->all_gaps[i].length_us;
		a = a > from ? a : from;
		b = b < to ? b : to;
		if (b <= a)
			continue;
		h->gaps[n].from_us = a;
		h->gaps[n++].length_us = b - a;
		known -= b - a;
	}
	r->covered_from_us = from;
	r->covered_to_us = to;
	r->covered_days = (double)known / (double)DAY_US;
	r->gaps = h->gaps;
	r->gap_count = n;
}

static int
by_day(const void *a, const void *b)
{
	const struct vt_heat_day *x = a, *y = b;

	return x->day < y->day ? -1 : x->day > y->day;
}

/* Reads of the parts since creation, joined and folded. */
static int
fill_days(struct vt_heat *h, const struct vt_heat_object *const *parts,
    size_t count, int32_t today, struct vt_scan_record *r)
{
	int32_t born = (int32_t)(r->mtime_us / DAY_US);
	size_t n = 0, i, k, keep = 0;

	for (i = 0; i < count; i++)
		n += parts[i] != NULL ? parts[i]->day_count : 0;
	if (n > h->day_cap) {
		free(h->days);
		h->day_cap = 0;
		h->days = malloc(n * 2 * sizeof(*h->days));
		if (h->days == NULL)
			return -1;
		h->day_cap = n * 2;
	}
	for (i = n = 0; i < count; i++)
		for (k = 0; parts[i] != NULL && k < parts[i]->day_count; k++)
			if (parts[i]->days[k].last >= born)
				h->days[n++] = parts[i]->days[k];
	if (n > 1)
		qsort(h->days, n, sizeof(*h->days), by_day);
	for (i = 0; i < n; i++) {
		if (keep > 0 && h->days[keep - 1].last >= h->days[i].day) {
			uint32_t days = h->days[keep - 1].days;

			join(&h->days[keep - 1], &h->days[i]);
			/* days that both know are one */
			if (h->days[keep - 1].last == h->days[keep - 1].day)
				days = 1;
			else if (h->days[i].days > days)
				days = h->days[i].days;
			h->days[keep - 1].days = days;
		} else {
			h->days[keep++] = h->days[i];
		}
	}
	for (i = 0; i < keep; i++) {
		const struct vt_heat_day *d = &h->days[i];

		r->reads += d->gets;
		r->bytes_read += d->bytes;
		if (d->day > today - 30)
			r->r30 += d->gets;
		if (d->day > today - 90)
			r->r90 += d->gets;
	}
	r->h_count = fold(h->days, keep, h->exact);
	r->h = h->days;
	return 0;
}

enum vt_code
vt_heat_fill(struct vt_heat *h, const struct vt_heat_object *const *parts,
    size_t count, int64_t now_us, struct vt_scan_record *r,
    struct vt_err *err)
{
	size_t i;

	r->reads = r->bytes_read = r->r30 = r->r90 = 0;
	r->last_read_us = 0;
	fill_coverage(h, r->mtime_us, now_us, r);
	if (fill_days(h, parts, count, (int32_t)(now_us / DAY_US), r) < 0)
		return no_memory(err);
	for (i = 0; i < count; i++)
		if (parts[i] != NULL &&
		    parts[i]->last_read_us > r->last_read_us &&
		    parts[i]->last_read_us >= r->mtime_us)
			r->last_read_us = parts[i]->last_read_us;
	return VT_OK;
}
