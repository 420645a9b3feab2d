#include <stdlib.h>
#include <string.h>

#include "libvt/base/varint.h"

#include "libvt/work/coverage.h"

#define DAY_US INT64_C(86400000000)
#define MINUTE_US INT64_C(60000000)

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
	struct spans spans;
};

/* A bucket that an inventory lists, and when the newest was made. */
struct listing {
	char *bucket;
	size_t len;
	int64_t at_us;
};

struct vt_coverage {
	struct listing *listings;
	size_t listing_count;
	struct node *nodes;
	size_t node_count;
	struct spans dropped;	/* time in which lines were lost */
	int64_t first_us, last_us;
	/* after finish */
	struct spans covered;	/* ascending, apart */
	struct vt_heat_gap all_gaps[GAPS_MAX], gaps[GAPS_MAX];
	size_t all_gap_count;
};

static enum vt_code
no_memory(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "no memory for the time logs cover");
}

struct vt_coverage *
vt_coverage_new(void)
{
	return calloc(1, sizeof(struct vt_coverage));
}

void
vt_coverage_free(struct vt_coverage *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < c->listing_count; i++)
		free(c->listings[i].bucket);
	free(c->listings);
	for (i = 0; i < c->node_count; i++) {
		free(c->nodes[i].name);
		free(c->nodes[i].spans.s);
	}
	free(c->nodes);
	free(c->dropped.s);
	free(c->covered.s);
	free(c);
}

/* --- spans ---------------------------------------------------------------- */

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

/* --- gathering ------------------------------------------------------------ */

static struct node *
node_of(struct vt_coverage *c, const char *name, size_t len)
{
	struct node *n;
	size_t i;

	for (i = 0; i < c->node_count; i++)
		if (c->nodes[i].name_len == len &&
		    memcmp(c->nodes[i].name, name, len) == 0)
			return &c->nodes[i];
	n = realloc(c->nodes, (c->node_count + 1) * sizeof(*n));
	if (n == NULL)
		return NULL;
	c->nodes = n;
	n = &n[c->node_count];
	memset(n, 0, sizeof(*n));
	n->name = malloc(len + 1);
	if (n->name == NULL)
		return NULL;
	memcpy(n->name, name, len);
	n->name_len = len;
	c->node_count++;
	return n;
}

enum vt_code
vt_coverage_add(struct vt_coverage *c, const char *node, size_t node_len,
    int64_t from_us, int64_t to_us, uint64_t dropped, struct vt_err *err)
{
	struct spans *s = &c->dropped;
	struct node *n;

	/* no log is that old */
	if (from_us < 0)
		from_us = 0;
	if (to_us < from_us)
		return VT_OK;
	if (dropped == 0) {
		n = node_of(c, node, node_len);
		if (n == NULL)
			return no_memory(err);
		s = &n->spans;
	}
	/* Logs that were interleaved make many: now and then, tidy up. */
	if (s->count == s->cap && s->count > 1)
		tidy(s, 0);
	return add_span(s, from_us, to_us) < 0 ? no_memory(err) : VT_OK;
}

void
vt_coverage_saw(struct vt_coverage *c, int64_t us, int is_read)
{
	if (is_read && (c->first_us == 0 || us < c->first_us))
		c->first_us = us;
	if (c->last_us == 0 || us > c->last_us)
		c->last_us = us;
}

static struct listing *
listing_of(const struct vt_coverage *c, const char *bucket, size_t len)
{
	size_t i;

	/* rows of an inventory are of one bucket: the last comes again */
	for (i = c->listing_count; i-- > 0;)
		if (c->listings[i].len == len &&
		    memcmp(c->listings[i].bucket, bucket, len) == 0)
			return &c->listings[i];
	return NULL;
}

enum vt_code
vt_coverage_listed(struct vt_coverage *c, const char *bucket,
    size_t bucket_len, int64_t at_us, struct vt_err *err)
{
	struct listing *l = listing_of(c, bucket, bucket_len);

	if (l == NULL) {
		l = realloc(c->listings, (c->listing_count + 1) * sizeof(*l));
		if (l == NULL)
			return no_memory(err);
		c->listings = l;
		l = &l[c->listing_count];
		l->bucket = malloc(bucket_len + 1);
		if (l->bucket == NULL)
			return no_memory(err);
		memcpy(l->bucket, bucket, bucket_len);
		l->len = bucket_len;
		l->at_us = 0;
		c->listing_count++;
	}
	if (at_us > l->at_us)
		l->at_us = at_us;
	return VT_OK;
}

int64_t
vt_coverage_listed_us(const struct vt_coverage *c, const char *bucket,
    size_t bucket_len)
{
	const struct listing *l;
	int64_t at_us = 0;
	size_t i;

	if (bucket != NULL) {
		l = listing_of(c, bucket, bucket_len);
		return l != NULL ? l->at_us : 0;
	}
	for (i = 0; i < c->listing_count; i++)
		if (c->listings[i].at_us > at_us)
			at_us = c->listings[i].at_us;
	return at_us;
}

enum vt_code
vt_coverage_merge(struct vt_coverage *c, const struct vt_coverage *from,
    struct vt_err *err)
{
	const struct node *n;
	enum vt_code rc = VT_OK;
	size_t i, j;

	if (from->first_us != 0)
		vt_coverage_saw(c, from->first_us, 1);
	if (from->last_us != 0)
		vt_coverage_saw(c, from->last_us, 0);
	for (i = 0; i < from->dropped.count && rc == VT_OK; i++)
		rc = vt_coverage_add(c, "", 0, from->dropped.s[i].from,
		    from->dropped.s[i].to, 1, err);
	for (i = 0; i < from->listing_count && rc == VT_OK; i++)
		rc = vt_coverage_listed(c, from->listings[i].bucket,
		    from->listings[i].len, from->listings[i].at_us, err);
	for (i = 0; i < from->node_count; i++) {
		n = &from->nodes[i];
		for (j = 0; j < n->spans.count && rc == VT_OK; j++)
			rc = vt_coverage_add(c, n->name, n->name_len,
			    n->spans.s[j].from, n->spans.s[j].to, 0, err);
	}
	return rc;
}

/* --- joining -------------------------------------------------------------- */

/*
 * Covered is what some node covers, less each node's own holes: while one
 * node of several did not write, its reads are not known.  Before its first
 * record and after its last a node is taken not to serve.
 */
static int
join_nodes(struct vt_coverage *c)
{
	struct spans holes = { NULL, 0, 0 };
	size_t i, j;
	int rc = -1;

	for (i = 0; i < c->node_count; i++) {
		struct spans *s = &c->nodes[i].spans;

		/* a restart of less than a minute is no hole */
		tidy(s, MINUTE_US);
		for (j = 0; j < s->count; j++) {
			if (add_span(&c->covered, s->s[j].from,
			    s->s[j].to) < 0)
				goto out;
			if (j > 0 && add_span(&holes, s->s[j - 1].to,
			    s->s[j].from) < 0)
				goto out;
		}
	}
	tidy(&c->covered, 0);
	tidy(&holes, 0);
	tidy(&c->dropped, 0);
	rc = subtract(&c->covered, &holes);
	if (rc == 0)
		rc = subtract(&c->covered, &c->dropped);
out:
	free(holes.s);
	return rc;
}

/* The holes of the covered time, at most GAPS_MAX. */
static void
list_gaps(struct vt_coverage *c)
{
	const struct spans *s = &c->covered;
	int64_t unit = 0, from, length;
	size_t i, n;

	do {
		for (i = 1, n = 0; i < s->count; i++) {
			from = s->s[i - 1].to;
			length = s->s[i].from - from;
			if (unit != 0 && n > 0 &&
			    c->all_gaps[n - 1].from_us / unit == from / unit) {
				c->all_gaps[n - 1].length_us += length;
				continue;
			}
			if (n == GAPS_MAX)
				break;
			c->all_gaps[n].from_us = from;
			c->all_gaps[n++].length_us = length;
		}
		unit = unit == 0 ? 30 * DAY_US : unit * 2;
	} while (i < s->count);
	c->all_gap_count = n;
}

enum vt_code
vt_coverage_finish(struct vt_coverage *c, struct vt_err *err)
{
	c->covered.count = 0;
	if (join_nodes(c) < 0)
		return no_memory(err);
	list_gaps(c);
	return VT_OK;
}

void
vt_coverage_span(const struct vt_coverage *c, int64_t *first_us,
    int64_t *last_us)
{
	*first_us = c->first_us;
	*last_us = c->last_us;
}

void
vt_coverage_total(const struct vt_coverage *c, int64_t *from_us,
    int64_t *to_us, double *days)
{
	const struct spans *s = &c->covered;
	size_t i;

	*from_us = *to_us = 0;
	*days = 0;
	if (s->count == 0)
		return;
	*from_us = s->s[0].from;
	*to_us = s->s[s->count - 1].to;
	for (i = 0; i < s->count; i++)
		*days += (double)(s->s[i].to - s->s[i].from) / (double)DAY_US;
}

void
vt_coverage_fill(struct vt_coverage *c, int64_t from, int64_t to,
    struct vt_scan_record *r)
{
	const struct spans *s = &c->covered;
	int64_t known, a, b;
	size_t i, n = 0;

	r->covered_from_us = r->covered_to_us = 0;
	r->covered_days = 0;
	r->gap_count = 0;
	if (s->count == 0)
		return;
	if (from < s->s[0].from)
		from = s->s[0].from;
	if (to > s->s[s->count - 1].to)
		to = s->s[s->count - 1].to;
	if (to <= from)
		return;
	known = to - from;
	for (i = 0; i < c->all_gap_count; i++) {
		a = c->all_gaps[i].from_us;
		b = a + c->all_gaps[i].length_us;
		a = a > from ? a : from;
		b = b < to ? b : to;
		if (b <= a)
			continue;
		c->gaps[n].from_us = a;
		c->gaps[n++].length_us = b - a;
		known -= b - a;
	}
	r->covered_from_us = from;
	r->covered_to_us = to;
	/* in billionths of a day, which are short to write */
	r->covered_days = (double)((known * 10 + 432) / 864) / 1e9;
	r->gaps = c->gaps;
	r->gap_count = n;
}

/* --- as bytes ------------------------------------------------------------- */

static void
put(struct vt_buf *out, uint64_t n)
{
	char text[VT_VARINT_MAX];

	vt_buf_add(out, text, vt_varint_put(text, n));
}

/* How many, then each as the time since the one before and its length. */
static void
put_spans(struct vt_buf *out, const struct spans *s)
{
	int64_t last = 0;
	size_t i;

	put(out, s->count);
	for (i = 0; i < s->count; i++) {
		put(out, (uint64_t)(s->s[i].from - last));
		put(out, (uint64_t)(s->s[i].to - s->s[i].from));
		last = s->s[i].to;
	}
}

static int
compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return c != 0 ? c : a_len < b_len ? -1 : a_len > b_len;
}

static int
by_name(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return compare(x->name, x->name_len, y->name, y->name_len);
}

static int
by_bucket(const void *a, const void *b)
{
	const struct listing *x = a, *y = b;

	return compare(x->bucket, x->len, y->bucket, y->len);
}

enum vt_code
vt_coverage_encode(struct vt_coverage *c, struct vt_buf *out,
    struct vt_err *err)
{
	size_t i;

	if (c->node_count > 1)
		qsort(c->nodes, c->node_count, sizeof(*c->nodes), by_name);
	put(out, (uint64_t)c->first_us);
	put(out, (uint64_t)c->last_us);
	tidy(&c->dropped, 0);
	put_spans(out, &c->dropped);
	put(out, c->node_count);
	for (i = 0; i < c->node_count; i++) {
		put(out, c->nodes[i].name_len);
		vt_buf_add(out, c->nodes[i].name, c->nodes[i].name_len);
		/* as finish does: what others know may not undo it */
		tidy(&c->nodes[i].spans, MINUTE_US);
		put_spans(out, &c->nodes[i].spans);
	}
	if (c->listing_count > 1)
		qsort(c->listings, c->listing_count, sizeof(*c->listings),
		    by_bucket);
	put(out, c->listing_count);
	for (i = 0; i < c->listing_count; i++) {
		put(out, c->listings[i].len);
		vt_buf_add(out, c->listings[i].bucket, c->listings[i].len);
		put(out, (uint64_t)c->listings[i].at_us);
	}
	return vt_buf_check(out, "the time logs cover", err);
}

static enum vt_code
corrupt(struct vt_err *err)
{
	return vt_fail(err, VT_CORRUPT, "the time that logs cover is broken");
}

static enum vt_code
get_spans(struct vt_coverage *c, const char **p, const char *end,
    const char *node, size_t node_len, uint64_t dropped, struct vt_err *err)
{
	uint64_t count, gap, length, at = 0;
	enum vt_code rc = VT_OK;

	if (vt_varint_get(p, end, &count) < 0)
		return corrupt(err);
	for (; count > 0 && rc == VT_OK; count--) {
		if (vt_varint_get(p, end, &gap) < 0 ||
		    vt_varint_get(p, end, &length) < 0 ||
		    gap > INT64_MAX - at || length > INT64_MAX - at - gap)
			return corrupt(err);
		rc = vt_coverage_add(c, node, node_len, (int64_t)(at + gap),
		    (int64_t)(at + gap + length), dropped, err);
		at += gap + length;
	}
	return rc;
}

enum vt_code
vt_coverage_decode(struct vt_coverage *c, const char *data, size_t len,
    struct vt_err *err)
{
	const char *p = data, *end = data + len, *name;
	uint64_t first, last, nodes, name_len;
	enum vt_code rc;

	if (vt_varint_get(&p, end, &first) < 0 || first > INT64_MAX ||
	    vt_varint_get(&p, end, &last) < 0 || last > INT64_MAX)
		return corrupt(err);
	if (first != 0)
		vt_coverage_saw(c, (int64_t)first, 1);
	if (last != 0)
		vt_coverage_saw(c, (int64_t)last, 0);
	rc = get_spans(c, &p, end, "", 0, 1, err);
	if (rc != VT_OK)
		return rc;
	if (vt_varint_get(&p, end, &nodes) < 0)
		return corrupt(err);
	for (; nodes > 0; nodes--) {
		if (vt_varint_get(&p, end, &name_len) < 0 ||
		    name_len > (size_t)(end - p))
			return corrupt(err);
		name = p;
		p += name_len;
		rc = get_spans(c, &p, end, name, name_len, 0, err);
		if (rc != VT_OK)
			return rc;
	}
	if (vt_varint_get(&p, end, &nodes) < 0)
		return corrupt(err);
	for (; nodes > 0; nodes--) {
		if (vt_varint_get(&p, end, &name_len) < 0 ||
		    name_len > (size_t)(end - p))
			return corrupt(err);
		name = p;
		p += name_len;
		if (vt_varint_get(&p, end, &last) < 0 || last > INT64_MAX)
			return corrupt(err);
		rc = vt_coverage_listed(c, name, name_len, (int64_t)last, err);
		if (rc != VT_OK)
			return rc;
	}
	return p == end ? VT_OK : corrupt(err);
}
