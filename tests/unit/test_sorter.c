/* The sorter: equal to qsort whatever memory it has, many passes or none. */
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>

#include "libvt/base/buf.h"
#include "libvt/base/sorter.h"

#include "tests/unit/test.h"

#define KEY_MAX 40

struct item {
	char key[KEY_MAX];
	size_t len;
	uint32_t number;
};

static struct vt_err err;
static uint32_t dice = 7;

static uint32_t
chance(uint32_t n)
{
	dice = dice * 1664525 + 1013904223;
	return (dice >> 8) % n;
}

static int
by_key(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int c = memcmp(x->key, y->key, len);

	if (c != 0)
		return c;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* Keys that share beginnings, end in zeros, are empty or equal. */
static struct item *
items(size_t n)
{
	struct item *list = calloc(n + 1, sizeof(*list));
	size_t i, k;

	for (i = 0; i < n; i++) {
		list[i].number = (uint32_t)i;
		list[i].len = chance(KEY_MAX + 1);
		for (k = 0; k < list[i].len; k++)
			list[i].key[k] = k < 12 && chance(8) != 0 ? 'p' :
			    (char)(chance(3) == 0 ? 0 : chance(256));
	}
	return list;
}

/* As vt_sorter_add_packed takes them. */
static void
put_packed(struct vt_buf *b, const struct item *i, const char *text,
    size_t payload)
{
	struct vt_sorter_head h = { (uint32_t)i->len, (uint32_t)payload };

	(void)vt_buf_add(b, &h, sizeof(h));
	(void)vt_buf_add(b, i->key, i->len);
	(void)vt_buf_add(b, text, payload);
}

static void
take_packed(struct vt_sorter *s, struct vt_buf *b)
{
	if (b->failed || vt_sorter_add_packed(s, b->data, b->len, &err) !=
	    VT_OK)
		exit(1);
	vt_buf_reset(b);
}

/* One by one and many together, by turns. */
static void
fill(struct vt_sorter *s, const struct item *list, size_t n, size_t payload)
{
	static char text[4096];
	struct vt_buf b;
	size_t i;

	vt_buf_init(&b, 1 << 20);
	for (i = 0; i < n; i++) {
		memcpy(text, &list[i].number, sizeof(list[i].number));
		if (i % 100 < 50) {
			put_packed(&b, &list[i], text, payload);
			continue;
		}
		take_packed(s, &b);
		if (vt_sorter_add(s, list[i].key, list[i].len, text, payload,
		    &err) != VT_OK)
			exit(1);
	}
	take_packed(s, &b);
	vt_buf_release(&b);
}

static void
check(size_t n, size_t memory, size_t payload, int is_spilled)
{
	struct vt_sorter *s = vt_sorter_new("/tmp", memory);
	struct item *list = items(n);
	struct vt_sorter_record r;
	size_t i, bad = 0;

	fill(s, list, n, payload);
	if (vt_sorter_finish(s, &err) != VT_OK)
		exit(1);
	qsort(list, n, sizeof(*list), by_key);
	for (i = 0; i < n; i++)
		bad += vt_sorter_next(s, &r, &err) != VT_OK ||
		    r.key_len != list[i].len || r.payload_len != payload ||
		    memcmp(r.key, list[i].key, r.key_len) != 0 ||
		    memcmp(r.payload, &list[i].number, 4) != 0;
	is_int(bad, 0, "%zu records in %zu bytes: as qsort has them", n,
	    memory);
	ok(vt_sorter_next(s, &r, &err) == VT_ABSENT &&
	    vt_sorter_next(s, &r, &err) == VT_ABSENT, "then there is none");
	ok((vt_sorter_spilled_bytes(s) > 0) == is_spilled, "%s",
	    is_spilled ? "the disk was used" : "the disk was not");
	is_int(vt_sorter_count(s), n, "all are counted");
	vt_sorter_free(s);
	free(list);
}

/* Keys of which each is another's beginning, thousands of bytes deep: few of
 * them and many. */
static void
test_deep(size_t n, size_t step)
{
	struct vt_sorter *s = vt_sorter_new("/tmp", (size_t)64 << 20);
	static char key[20000];
	struct vt_sorter_record r;
	size_t i, bad = 0;

	for (i = 0; i < n; i++)
		if (vt_sorter_add(s, key, (i * 7919 % n) * step, "", 0,
		    &err) != VT_OK)
			exit(1);
	if (vt_sorter_finish(s, &err) != VT_OK)
		exit(1);
	for (i = 0; i < n; i++)
		bad += vt_sorter_next(s, &r, &err) != VT_OK ||
		    r.key_len != i * step;
	is_int(bad, 0, "%zu long keys that begin alike", n);
	vt_sorter_free(s);
}

static void
test_refusals(void)
{
	struct vt_sorter *s = vt_sorter_new("/nonexistent", 1);
	struct rlimit limit = { 100000, 100000 };
	static char big[20000];
	enum vt_code rc = VT_OK;
	int i;

	ok(vt_sorter_add(s, big, sizeof(big), "", 0, &err) == VT_TOO_LARGE &&
	    strstr(err.text, "16384") != NULL, "a record over the limit: %s",
	    err.text);
	ok(vt_sorter_add(s, big, 1, big, SIZE_MAX, &err) == VT_TOO_LARGE,
	    "one as large as can be said");
	memset(big, 0xff, sizeof(struct vt_sorter_head));
	ok(vt_sorter_add_packed(s, big, sizeof(big), &err) == VT_TOO_LARGE,
	    "one that comes with others");
	memset(big, 0, sizeof(struct vt_sorter_head));
	for (i = 0; rc == VT_OK && i < 100; i++)
		rc = vt_sorter_add(s, big, 1000, "", 0, &err);
	ok(rc == VT_ABSENT && strstr(err.text, "/nonexistent") != NULL,
	    "no folder to spill to: %s", err.text);
	vt_sorter_free(s);

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		exit(1);
	s = vt_sorter_new("/tmp", 1);
	for (i = 0, rc = VT_OK; rc == VT_OK && i < 1000; i++)
		rc = vt_sorter_add(s, big, 1000, "", 0, &err);
	ok(rc == VT_TOO_LARGE && strstr(err.text, "'/tmp'") != NULL,
	    "a run that cannot be written: %s", err.text);
	vt_sorter_free(s);
	vt_sorter_free(NULL);
}

int
main(void)
{
	check(0, 1 << 20, 4, 0);
	check(1, 1 << 20, 4, 0);
	check(5000, 1 << 20, 4, 0);
	check(5000, VT_SORTER_MEMORY_MIN, 4, 1);
	check(40000, 1 << 20, 100, 1);
	/* hundreds of runs, records as large as they may be: several passes */
	check(20000, VT_SORTER_MEMORY_MIN, 4000, 1);
	test_deep(200, 100);
	test_deep(2000, 10);
	test_refusals();
	return test_done();
}
