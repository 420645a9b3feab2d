/* The meter of reads from cold copies. */
#include "libvt/work/promote.h"

#include "tests/unit/test.h"

/* Two tiers: a read of the whole costs 3 on the cold one, moving costs 4. */
static void
two_tiers(struct vt_cost *c)
{
	memset(c, 0, sizeof(*c));
	c->count = 2;
	c->size_bytes = 100;
	c->byte[1] = 0.03;
	c->move[1][0] = 4;
}

/* Half a dollar a day is saved by lying there. */
static void
test_drain(void)
{
	struct vt_rent *r = vt_rent_new(16);
	struct vt_cost c;
	double day;
	int came = 0;

	two_tiers(&c);
	c.day[0] = 0.5;
	for (day = 1; day <= 400; day++)
		came |= vt_rent_read(r, &c, 1, 7, day, 15, 0);
	is_int(came, 0, "a little each day never brings it back");
	for (day = 401; day <= 404; day++)
		came |= vt_rent_read(r, &c, 1, 7, day, 100, 0);
	is_int(came, 0, "four days of whole reads are not enough");
	is_int(vt_rent_read(r, &c, 1, 7, 405, 100, 0), 1, "five are");
	is_int(vt_rent_read(r, &c, 1, 7, 300, 0, 0), 1,
	    "a read that is told late drains nothing");
	is_int(vt_rent_read(r, &c, 1, 7, 500, 300, 0), 0,
	    "a long rest begins anew, and saves nothing ahead");
	is_int(vt_rent_read(r, &c, 1, 7, 500, 100, 0), 1,
	    "of what is paid in one day nothing drains");
	vt_rent_free(r);
}

int
main(void)
{
	struct vt_rent *r = vt_rent_new(100);
	struct vt_cost c;

	two_tiers(&c);
	ok(r != NULL, "a table");
	is_int(vt_rent_read(r, &c, 1, 7, 1, 100, 0), 0, "one read is rent");
	is_int(vt_rent_read(r, &c, 1, 7, 1, 100, 0), 0, "and so are two");
	is_int(vt_rent_read(r, &c, 1, 7, 1, 100, 0), 0, "and three");
	is_int(vt_rent_would(r, &c, 1, 7, 1, 99, 0), 0,
	    "a little less than a fourth would not pay");
	is_int(vt_rent_would(r, &c, 1, 7, 1, 100, 0), 1, "a fourth would");
	is_int(vt_rent_would(r, &c, 1, 7, 1, 100, 1), 0,
	    "unless more is due for leaving early");
	is_int(vt_rent_would(r, &c, 1, 7, 1, 99, 0), 0,
	    "asking notes nothing");
	is_int(vt_rent_read(r, &c, 1, 7, 1, 100, 0), 1,
	    "a fourth has paid for the move three times");
	is_int(vt_rent_read(r, &c, 0, 8, 1, 1e9, 0), 0,
	    "reads of the first tier never");
	is_int(vt_rent_read(r, &c, 1, 9, 1, 300, 0), 0, "another copy");
	is_int(vt_rent_read(r, &c, 1, 9 + 128, 1, 100, 0), 0,
	    "one of the same slot begins anew");
	is_int(vt_rent_read(r, &c, 1, 9, 1, 300, 0), 0,
	    "and so does the first");
	is_int(vt_rent_read(r, &c, 1, 9, 1, 10, 0), 0,
	    "a part counts as a part");
	is_int(vt_rent_read(r, &c, 1, 9, 1, 100, 0), 1, "in its turn");
	is_int(vt_rent_early(r, &c, 1, 9, 1), 0,
	    "a minimum still due must be paid too");
	is_int(vt_rent_read(r, &c, 1, 9, 1, 50, 0), 0, "by more reads");
	is_int(vt_rent_read(r, &c, 1, 9, 1, 50, 0), 1, "until it is");
	is_int(vt_rent_early(r, &c, 1, 9, 1), 1, "then it is time");
	c.excluded[0] = 1;
	is_int(vt_rent_read(r, &c, 1, 9, 1, 100, 0), 0,
	    "P6 never to a tier that is not allowed");
	vt_rent_free(r);
	test_drain();
	return test_done();
}
