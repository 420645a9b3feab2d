/* Work done by none, one and several threads, and taken in order. */
#include <stdint.h>

#include "libvt/base/crew.h"

#include "tests/unit/test.h"

#define ITEMS 20000
#define DEPTH 7

struct item {
	unsigned number, sum, worked;
};

static void
work(void *ctx, void *arg)
{
	const unsigned *factor = ctx;
	struct item *i = arg;
	unsigned k;

	i->sum = 0;
	for (k = 0; k < i->number % 100; k++)
		i->sum += *factor * k;
	i->worked++;
}

static void
test_order(unsigned threads)
{
	struct item item[DEPTH], *got;
	unsigned factor = 3, given = 0, taken = 0, wrong = 0, n;
	struct vt_crew *c;
	struct vt_err err;

	memset(item, 0, sizeof(item));
	is_int(vt_crew_start(threads, DEPTH, work, &factor, &c, &err), VT_OK,
	    "a crew of %u", threads);
	ok(vt_crew_take(c) == NULL, "has done nothing");
	while (taken < ITEMS) {
		while (given < ITEMS && vt_crew_pending(c) < DEPTH) {
			item[given % DEPTH].number = given;
			vt_crew_give(c, &item[given % DEPTH]);
			given++;
		}
		got = vt_crew_take(c);
		n = taken % 100;
		wrong += got->number != taken ||
		    got->worked != taken / DEPTH + 1 ||
		    got->sum != 3 * (n * (n > 0 ? n - 1 : 0) / 2);
		taken++;
	}
	is_int(wrong, 0, "works on each item once, and gives them in order");
	is_int(vt_crew_pending(c), 0, "and no more");
	vt_crew_give(c, &item[0]);
	vt_crew_give(c, &item[1]);
	vt_crew_stop(c);
	ok(1, "and stops with some of them in hand");
}

int
main(void)
{
	test_order(0);
	test_order(1);
	test_order(5);
	vt_crew_stop(NULL);
	return test_done();
}
