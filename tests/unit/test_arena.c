#include <stdint.h>

#include "libvt/base/arena.h"

#include "tests/unit/test.h"

static void
test_arena(void)
{
	struct vt_arena *a;
	int i, zero = 1, aligned = 1;
	char *p, *q, *big;
	size_t len, j;

	vt_arena_free(NULL);
	a = vt_arena_new(10000000);
	for (i = 0; i < 2000; i++) {
		len = (size_t)(i * 7 % 900);
		p = vt_arena_alloc(a, len);
		for (j = 0; j < len; j++)
			zero &= p[j] == 0;
		aligned &= (uintptr_t)p % 16 == 0;
		memset(p, 0xff, len);
	}
	ok(zero, "allocations are zeroed");
	ok(aligned, "and aligned");
	p = vt_arena_str(a, "text");
	big = vt_arena_alloc(a, 300000);
	memset(big, 1, 300000);
	q = vt_arena_str(a, "more");
	is_str(p, "text", "str");
	is_str(q, "more", "after a large one");
	is_str(vt_arena_dup(a, "abc", 2), "ab", "dup ends in NUL");
	is_str(vt_arena_dup(a, NULL, 0), "", "of nothing");
	is_str(vt_arena_printf(a, "%s %d", "n", 5), "n 5", "printf");
	is_int(strlen(vt_arena_printf(a, "%1000d", 5)), 1000, "a long one");
	ok(vt_arena_alloc(a, 0) != vt_arena_alloc(a, 0),
	    "empty allocations differ");
	vt_arena_free(a);
	a = vt_arena_new(10);
	ok(vt_arena_alloc(a, 11) == NULL, "over the maximum");
	ok(vt_arena_alloc(a, 10) != NULL, "the maximum");
	ok(vt_arena_alloc(a, 1) == NULL, "is over all allocations");
	ok(vt_arena_alloc(a, SIZE_MAX) == NULL, "sizes do not wrap");
	ok(vt_arena_dup(a, "", SIZE_MAX) == NULL, "in dup neither");
	vt_arena_reset(a);
	ok(vt_arena_alloc(a, 10) != NULL, "reset, the maximum is whole again");
	vt_arena_free(a);
	a = vt_arena_new(10000000);
	for (i = 0; i < 300; i++) {
		big = vt_arena_alloc(a, (size_t)i * 100);
		for (j = 0; j < (size_t)i * 100; j++)
			zero &= big[j] == 0;
		memset(big, 0xff, (size_t)i * 100);
		if (i % 3 == 0)
			vt_arena_reset(a);
	}
	ok(zero, "what is handed out again is zeroed");
	vt_arena_free(a);
}

/* A list that is filled where it will lie. */
static void
test_room(void)
{
	struct vt_arena *a = vt_arena_new(10000);
	size_t len, before, i;
	char *p, *q, *big;
	int zero = 1;

	p = vt_arena_room(a, &len);
	ok(len > 1000 && len < 10000, "there is room in the first block");
	memset(p, 'x', len);
	vt_arena_keep(a, 0);
	is_int(vt_arena_room(a, &before) == p && before == len, 1,
	    "of which nothing was taken");
	vt_arena_keep(a, 33);
	q = vt_arena_room(a, &before);
	ok(q > p + 32 && (uintptr_t)q % 16 == 0 && before < len - 32,
	    "some of it is kept, and what is behind it aligned");
	q = vt_arena_alloc(a, 100);
	for (i = 0; i < 100; i++)
		zero &= q[i] == 0;
	ok(q > p + 32 && zero, "the next allocation is behind it, and zeroed");
	ok(p[0] == 'x' && p[32] == 'x', "and it is as it was");
	vt_arena_room(a, &len);
	vt_arena_keep(a, len);
	vt_arena_room(a, &len);
	is_int(len, 0, "all of it can be kept");
	big = vt_arena_alloc(a, 5000);
	ok(big != NULL, "what is asked for then is elsewhere");
	vt_arena_free(a);
	a = vt_arena_new(20);
	vt_arena_room(a, &len);
	is_int(len, 20, "no room is over the maximum");
	vt_arena_keep(a, 20);
	ok(vt_arena_alloc(a, 1) == NULL, "to which it counts");
	vt_arena_free(a);
}

int
main(void)
{
	test_arena();
	test_room();
	return test_done();
}
