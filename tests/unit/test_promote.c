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

int
main(void)
{
	struct vt_rent *r = vt_rent_new(100);
	struct vt_cost c;

	two_tiers(&c);
	ok(r != NULL, "a table");
	is_int(vt_rent_read(r, &c, 1, 7, 100, 0), 0, "one read is rent");
	is_int(vt_rent_read(r, &c, 1, 7, 100, 0), 1,
	    "a second one has paid for the move");
	is_int(vt_rent_read(r, &c, 0, 8, 1e9, 0), 0,
	    "reads of the first tier never");
	is_int(vt_rent_read(r, &c, 1, 9, 10, 0), 0, "a part counts as a part");
	is_int(vt_rent_read(r, &c, 1, 9 + 128, 100, 0), 0,
	    "another copy of the same slot begins anew");
	is_int(vt_rent_read(r, &c, 1, 9, 100, 0), 0, "and so does the first");
	is_int(vt_rent_read(r, &c, 1, 9, 100, 0), 1, "in its turn");
	is_int(vt_rent_early(r, &c, 1, 9, 5), 0,
	    "a minimum still due must be paid too");
	is_int(vt_rent_read(r, &c, 1, 9, 50, 0), 0, "by more reads");
	is_int(vt_rent_read(r, &c, 1, 9, 100, 0), 1, "until it is");
	is_int(vt_rent_early(r, &c, 1, 9, 5), 1, "then it is time");
	c.excluded[0] = 1;
	is_int(vt_rent_read(r, &c, 1, 9, 100, 0), 0,
	    "P6 never to a tier that is not allowed");
	vt_rent_free(r);
	return test_done();
}
