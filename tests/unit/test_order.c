/* The bytes of a plan's order against a comparison that is easily read. */
#include <stdint.h>
#include <stdlib.h>

#include "libvt/work/order.h"

#include "tests/bench/random.h"
#include "tests/unit/test.h"

#define MOVES 3000

struct line {
	int rank;
	struct vt_move m;
	struct vt_buf place;
};

/* As people say it. */
static int
by_worth(const void *a, const void *b)
{
	const struct line *p = a, *q = b;
	const struct vt_move *x = &p->m, *y = &q->m;
	double left, right;
	size_t n;
	int c;

	if (p->rank != q->rank)
		return p->rank < q->rank ? -1 : 1;
	if ((x->cost_usd <= 0) != (y->cost_usd <= 0))
		return x->cost_usd <= 0 ? -1 : 1;
	left = x->saving_usd_month * (x->cost_usd <= 0 ? 1 : y->cost_usd);
	right = y->saving_usd_month * (y->cost_usd <= 0 ? 1 : x->cost_usd);
	if (left != right)
		return left > right ? -1 : 1;
	c = strcmp(x->bucket, y->bucket);
	if (c != 0)
		return c;
	n = x->key_len < y->key_len ? x->key_len : y->key_len;
	c = memcmp(x->key, y->key, n);
	if (c != 0)
		return c;
	if (x->key_len != y->key_len)
		return x->key_len < y->key_len ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
by_place(const struct line *p, const struct line *q)
{
	size_t n = p->place.len < q->place.len ? p->place.len : q->place.len;
	int c = memcmp(p->place.data, q->place.data, n);

	return c != 0 ? c : p->place.len < q->place.len ? -1 :
	    p->place.len > q->place.len;
}

static int
sign(int n)
{
	return n < 0 ? -1 : n > 0;
}

/* Few values, so that there are many ties. */
static void
make(struct rng *g, struct line *l)
{
	static const char *const buckets[] = { "a", "a-b", "b", "b\xff" };
	static const char *const keys[] = {
		"", "\0", "\0\0", "\0\1", "a", "a\0", "a\0b", "a\1", "ab",
		"\xff"
	};
	static const size_t lens[] = { 0, 1, 2, 2, 1, 2, 3, 2, 2, 1 };
	static const double costs[] = { 0, -0.0, 0.00002, 0.01, 1234.5 };
	static const double savings[] = {
		0, -0.0, 0.0196, 0.0000001, 77777.7, -0.5, -123456
	};
	size_t key = rng_below(g, 10), len;
	char *p;

	memset(l, 0, sizeof(*l));
	l->rank = (int)rng_below(g, 3);
	l->m.bucket = buckets[rng_below(g, 4)];
	l->m.key = keys[key];
	l->m.key_len = lens[key];
	l->m.seq = (int64_t)rng_below(g, 3) - 1;
	l->m.cost_usd = costs[rng_below(g, 5)];
	l->m.saving_usd_month = savings[rng_below(g, 7)];
	if (rng_below(g, 4) == 0) {
		l->m.cost_usd *= rng_unit(g);
		l->m.saving_usd_month *= rng_unit(g);
	}
	vt_buf_init(&l->place, 4096);
	len = strlen(l->m.bucket);
	p = vt_buf_reserve(&l->place, VT_ORDER_MOST(len, l->m.key_len));
	if (p == NULL)
		exit(3);
	l->place.len = (size_t)(vt_order_move(p, l->rank, &l->m, len) -
	    l->place.data);
}

/* What a place takes, with a NUL in the key and without. */
static int
is_long(const struct line *l)
{
	size_t len = strlen(l->m.bucket), key = l->m.key_len;

	if (memchr(l->m.key, '\0', key) == NULL)
		return l->place.len != VT_ORDER_PLAIN(len, key);
	return l->place.len <= VT_ORDER_PLAIN(len, key) ||
	    l->place.len > VT_ORDER_MOST(len, key);
}

/* What a place tells of its line, unless the key has a NUL. */
static int
names_back(const struct line *l)
{
	struct vt_move m;

	if (memchr(l->m.key, '\0', l->m.key_len) != NULL)
		return 1;
	vt_order_names(l->place.data, l->place.len, &m);
	return strcmp(m.bucket, l->m.bucket) == 0 && m.seq == l->m.seq &&
	    m.key_len == l->m.key_len && strlen(m.key) == m.key_len &&
	    memcmp(m.key, l->m.key, l->m.key_len) == 0;
}

int
main(void)
{
	struct line *l = calloc(MOVES, sizeof(*l));
	unsigned wrong = 0, equal = 0;
	struct rng g = { 3 };
	size_t i, j;
	int c;

	for (i = 0; i < MOVES; i++)
		make(&g, &l[i]);
	for (i = 0; i < MOVES; i++)
		for (j = 0; j < MOVES; j++) {
			c = sign(by_worth(&l[i], &l[j]));
			wrong += c != sign(by_place(&l[i], &l[j]));
			equal += c == 0;
		}
	is_int(wrong, 0, "places compare as the lines do");
	for (i = wrong = 0; i < MOVES; i++)
		wrong += !names_back(&l[i]);
	is_int(wrong, 0, "and tell their names");
	for (i = wrong = 0; i < MOVES; i++)
		wrong += is_long(&l[i]);
	is_int(wrong, 0, "they take what is said");
	ok(equal > MOVES, "some lines are equal");
	for (i = 0; i < MOVES; i++)
		vt_buf_release(&l[i].place);
	free(l);
	return test_done();
}
