/* What is packed comes back, and of what was cut off nothing is made up. */
#include <math.h>

#include "libvt/base/packed.h"

#include "tests/unit/test.h"

static const uint64_t numbers[] = {
	0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX
};
static const int64_t signeds[] = {
	0, 1, -1, 63, -64, 64, INT32_MIN, INT64_MAX, INT64_MIN
};
static const double doubles[] = { 0, 1.5, -0.1, 1e300, INFINITY };
static const char text[] = "a\0b";

static size_t
put(char *start)
{
	char *p = start;
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		p = vt_packed_put(p, numbers[i]);
	for (i = 0; i < sizeof(signeds) / sizeof(signeds[0]); i++)
		p = vt_packed_put_signed(p, signeds[i]);
	for (i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++)
		p = vt_packed_put_double(p, doubles[i]);
	p = vt_packed_put_text(p, "", 0);
	p = vt_packed_put_text(p, text, 3);
	return (size_t)(p - start);
}

/* How much of it is otherwise. */
static unsigned
get(struct vt_exact *x)
{
	unsigned wrong = 0;
	const char *s;
	size_t i, len;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		wrong += vt_packed_get(x) != numbers[i];
	for (i = 0; i < sizeof(signeds) / sizeof(signeds[0]); i++)
		wrong += vt_packed_get_signed(x) != signeds[i];
	for (i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++)
		wrong += vt_exact_get_double(x) != doubles[i];
	wrong += *vt_packed_get_text(x, NULL) != '\0';
	s = vt_packed_get_text(x, &len);
	return wrong + (len != 3 || memcmp(s, text, 4) != 0);
}

static void
test_texts(void)
{
	static const char *const bad[] = { "\3abc", "\2abc", "\1", "",
	    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1" };
	static const size_t lens[] = { 4, 4, 1, 0, 10 };
	struct vt_exact x;
	const char *s;
	size_t i, len;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		x = (struct vt_exact){ bad[i], bad[i] + lens[i], 0 };
		len = 7;
		s = vt_packed_get_text(&x, &len);
		ok(x.failed && *s == '\0' && len == 0,
		    "a text that is none: %zu", i);
		ok(vt_packed_get(&x) == 0 && x.failed, "nor what follows");
	}
}

int
main(void)
{
	char bytes[512], *cut;
	unsigned taken = 0;
	size_t len, n, i;
	struct vt_exact x;

	is_int(vt_packed_put_signed(bytes, -64) - bytes, 1,
	    "small numbers of either sign are short");
	len = put(bytes);
	x = (struct vt_exact){ bytes, bytes + len, 0 };
	is_int(get(&x), 0, "all comes back");
	ok(!x.failed && x.p == x.end, "and nothing is left");
	for (n = 0; n < len; n++) {
		cut = malloc(n + 1);
		for (i = 0; i < n; i++)
			cut[i] = bytes[i];
		x = (struct vt_exact){ cut, cut + n, 0 };
		(void)get(&x);
		taken += !x.failed || x.p > x.end;
		free(cut);
	}
	is_int(taken, 0, "what is cut off is noticed");
	test_texts();
	return test_done();
}
