/* Heat: counts, days, folding, coverage; in whatever order logs come, and
 * however they were split. */
#include <stdint.h>
#include <unistd.h>

#include "libvt/work/heat.h"
#include "libvt/work/heatfile.h"

#include "tests/unit/test.h"

#define DAY INT64_C(86400000000)
#define D0 20000

static struct vt_err err;
static struct vt_scan_record rec;

static struct vt_log_event
event(enum vt_log_kind kind, const char *key, int64_t time_us)
{
	struct vt_log_event e;

	memset(&e, 0, sizeof(e));
	e.kind = kind;
	e.time_us = time_us;
	e.object.bucket = "b";
	e.object.bucket_len = 1;
	e.object.key = key;
	e.object.key_len = strlen(key);
	e.object.version = "";
	e.count = 1;
	e.bytes = 100;
	e.has_size = 1;
	e.size_bytes = 1000;
	return e;
}

static void
must(enum vt_code rc)
{
	if (rc == VT_OK)
		return;
	printf("Bail out! %s\n", err.text);
	exit(1);
}

static void
add(struct vt_heat *h, enum vt_log_kind kind, const char *key, int day)
{
	struct vt_log_event e = event(kind, key, day * DAY + DAY / 3);

	must(vt_heat_add(h, &e, &err));
}

static void
cover(struct vt_coverage *c, const char *node, double from, double to,
    uint64_t dropped)
{
	must(vt_coverage_add(c, node, strlen(node),
	    (int64_t)((D0 + from) * DAY), (int64_t)((D0 + to) * DAY), dropped,
	    &err));
}

static struct vt_heat *
begin(void)
{
	struct vt_heat *h = vt_heat_new("/tmp", VT_HEAT_MEMORY_MIN);

	if (h == NULL)
		exit(1);
	return h;
}

/* What lists of the last record are borrowed from. */
static struct vt_heat_merge *merge;

/* What the gatherer knows of one key, told as of then; ends gathering. */
static struct vt_heat_teller *
fill(struct vt_heat *h, const char *key, uint32_t exact, double created,
    double now)
{
	struct vt_heat_source source = vt_heat_as_source(h);
	struct vt_heat_teller *t = vt_heat_teller_new(exact,
	    vt_heat_coverage(h));
	const struct vt_heat_object *o;
	struct vt_log_name name;
	struct vt_buf text;

	vt_heat_merge_free(merge);
	merge = vt_heat_merge_new(&source, 1);
	vt_buf_init(&text, 1000);
	must(vt_heat_finish(h, &err));
	must(vt_coverage_finish(vt_heat_coverage(h), &err));
	memset(&rec, 0, sizeof(rec));
	rec.mtime_us = (int64_t)((D0 + created) * DAY);
	while (vt_heat_merge_next(merge, &o, &err) == VT_OK) {
		must(vt_heat_name_split(o->name, o->name_len, &text, &name,
		    &err));
		if (strcmp(name.key, key) == 0)
			break;
	}
	must(vt_heat_tell(t, &o, 1, (int64_t)((D0 + now) * DAY), &rec, &err));
	vt_buf_release(&text);
	return t;
}

static void
test_counts(void)
{
	static const double created[] = { 0, 3 };
	struct vt_heat_teller *t;
	struct vt_heat *h;
	int i;

	for (i = 0; i < 3; i++) {
		h = begin();
		add(h, VT_LOG_READ, "a", D0 + 5);
		add(h, VT_LOG_READ, "a", D0 + 1);
		add(h, VT_LOG_READ, "a", D0 + 5);
		add(h, VT_LOG_READ, "ab", D0 + 90);
		add(h, VT_LOG_READ, "a", D0 + 80);
		cover(vt_heat_coverage(h), "n", 0, 100, 0);
		t = fill(h, i < 2 ? "a" : "zz", 64, created[i % 2], 100);
		if (i == 0) {
			is_int(rec.reads, 4, "reads");
			is_int(rec.bytes_read, 400, "bytes");
			is_int(rec.r30, 1, "of the last 30 days");
			is_int(rec.r90, 1, "of the last 90");
			is_int(rec.h_count, 3, "on three days");
			ok(rec.h[0].day == D0 + 1 && rec.h[1].day == D0 + 5 &&
			    rec.h[1].gets == 2 && rec.h[2].day == D0 + 80,
			    "in order");
			ok(rec.last_read_us / DAY == D0 + 80,
			    "the last of them");
		} else if (i == 1) {
			is_int(rec.reads, 3,
			    "what was before the version is not its heat");
		} else {
			is_int(rec.reads, 0, "an object that no line names");
			is_int(rec.covered_days, 100,
			    "is covered all the same");
		}
		vt_heat_teller_free(t);
		vt_heat_free(h);
	}
}

static void
life(struct vt_coverage *c, double created, double now)
{
	must(vt_coverage_finish(c, &err));
	memset(&rec, 0, sizeof(rec));
	vt_coverage_fill(c, (int64_t)((D0 + created) * DAY),
	    (int64_t)((D0 + now) * DAY), &rec);
}

static void
test_coverage(void)
{
	struct vt_coverage *c = vt_coverage_new();
	int i;

	for (i = 0; i < 10; i++)
		cover(c, "n", i, i + 1, 0);
	cover(c, "n", 20, 30, 0);
	life(c, 0, 40);
	is_int(rec.covered_days, 20, "P12 a hole in the log is not covered");
	ok(rec.gap_count == 1 && rec.gaps[0].from_us == (D0 + 10) * DAY &&
	    rec.gaps[0].length_us == 10 * DAY, "P12 and is told");
	ok(rec.covered_to_us == (D0 + 30) * DAY,
	    "P12 nor is the time since its end");
	life(c, 25, 40);
	ok(rec.covered_days == 5 && rec.gap_count == 0,
	    "coverage begins with the version");
	life(c, 35, 40);
	ok(rec.covered_days == 0 && rec.covered_from_us == 0,
	    "P12 one younger than the log is not covered at all");
	cover(c, "n", 22, 23, 5);
	life(c, 0, 40);
	is_int(rec.covered_days, 19, "P12 where lines were dropped: unknown");
	vt_coverage_free(c);

	c = vt_coverage_new();
	cover(c, "one", 0, 30, 0);
	cover(c, "two", 10, 12, 0);
	cover(c, "two", 15, 20, 0);
	life(c, 0, 30);
	is_int(rec.covered_days, 27,
	    "P12 while one of two nodes was silent: unknown");
	vt_coverage_free(c);

	c = vt_coverage_new();
	for (i = 0; i < 400; i++)
		cover(c, "n", i, i + 0.75, 0);
	life(c, 0, 400);
	ok(rec.gap_count <= 32, "hundreds of gaps become %zu",
	    rec.gap_count);
	ok(rec.covered_days > 299.7 && rec.covered_days < 300.3,
	    "and no unknown time is lost (%.2f days)", rec.covered_days);
	vt_coverage_free(c);

	c = vt_coverage_new();
	for (i = 0; i < 40; i++)
		cover(c, "n", i, i + 1 - 0.0003, 0);
	life(c, 0, 40);
	is_int(rec.gap_count, 0, "restarts of seconds are no gaps");
	vt_coverage_free(c);
}

/* As bytes and back, and joined with another's, it is the same. */
static void
test_coverage_bytes(void)
{
	struct vt_coverage *c = vt_coverage_new(), *a = vt_coverage_new(),
	    *b = vt_coverage_new();
	struct vt_buf one, two;
	int i;

	vt_buf_init(&one, 10000);
	vt_buf_init(&two, 10000);
	for (i = 0; i < 60; i++) {
		cover(c, i % 2 ? "n" : "m", i, i + 0.9, 0);
		cover(i < 30 ? a : b, i % 2 ? "n" : "m", i, i + 0.9, 0);
	}
	cover(c, "n", 3, 4, 1);
	cover(b, "n", 3, 4, 1);
	vt_coverage_saw(c, 5, 1);
	vt_coverage_saw(c, 9, 0);
	vt_coverage_saw(b, 5, 1);
	vt_coverage_saw(a, 9, 0);
	must(vt_coverage_encode(c, &one, &err));
	must(vt_coverage_merge(b, a, &err));
	must(vt_coverage_encode(b, &two, &err));
	ok(one.len == two.len && memcmp(one.data, two.data, one.len) == 0,
	    "coverage of two is that of one that saw all");
	vt_coverage_free(a);
	a = vt_coverage_new();
	must(vt_coverage_decode(a, one.data, one.len, &err));
	vt_buf_reset(&two);
	must(vt_coverage_encode(a, &two, &err));
	ok(one.len == two.len && memcmp(one.data, two.data, one.len) == 0,
	    "and comes back from bytes");
	for (i = 0; i < (int)one.len; i++)
		if (vt_coverage_decode(b, one.data, (size_t)i, &err) !=
		    VT_CORRUPT)
			break;
	is_int(i, one.len, "cut anywhere, it is refused");
	vt_coverage_free(a);
	vt_coverage_free(b);
	vt_coverage_free(c);
	vt_buf_release(&one);
	vt_buf_release(&two);
}

/* Thousands of days with reads, told exactly for the last 64. */
static void
test_folding(void)
{
	struct vt_heat *h = begin(), *g = begin(), *all = begin();
	struct vt_heat_teller *t;
	uint64_t gets = 0, days = 0;
	static char one[65536], two[65536];
	size_t used = 0, i;
	int d, good = 1;

	for (d = 0; d < 3000; d += 3) {
		add(h, VT_LOG_READ, "a", D0 + d);
		add(all, VT_LOG_READ, "a", D0 + d);
		days++;
	}
	for (d = 2999; d >= 0; d--)
		if (d % 3 == 0)
			add(g, VT_LOG_READ, "a", D0 + d);
	cover(vt_heat_coverage(h), "n", 0, 3000, 0);
	cover(vt_heat_coverage(g), "n", 0, 3000, 0);
	t = fill(all, "a", UINT32_MAX, 0, 3000);
	is_int(rec.h_count, days, "all days when asked for");
	vt_heat_teller_free(t);
	t = fill(h, "a", 64, 0, 3000);
	is_int(rec.reads, days, "no read is lost in folding");
	ok(rec.h_count > 64 && rec.h_count < 64 + 120,
	    "%zu entries are left", rec.h_count);
	for (i = 0; i < rec.h_count; i++) {
		gets += rec.h[i].gets;
		good = good && rec.h[i].days >= 1 &&
		    rec.h[i].last >= rec.h[i].day &&
		    (int64_t)rec.h[i].days <=
		    rec.h[i].last - rec.h[i].day + 1 &&
		    (i == 0 || rec.h[i - 1].last < rec.h[i].day);
		if (i + 64 >= rec.h_count)
			good = good && rec.h[i].days == 1;
		used += (size_t)snprintf(one + used, sizeof(one) - used,
		    "%d %d %u;", rec.h[i].day, rec.h[i].last, rec.h[i].days);
	}
	is_int(gets, days, "and all are told");
	ok(good, "folds are apart, the last 64 days exact");
	vt_heat_teller_free(t);
	t = fill(g, "a", 64, 0, 3000);
	for (i = used = 0; i < rec.h_count; i++)
		used += (size_t)snprintf(two + used, sizeof(two) - used,
		    "%d %d %u;", rec.h[i].day, rec.h[i].last, rec.h[i].days);
	ok(strcmp(one, two) == 0, "the same whatever order they came in");
	vt_heat_teller_free(t);
	vt_heat_free(h);
	vt_heat_free(g);
	vt_heat_free(all);
}

/* The next object, or NULL. */
static const struct vt_heat_object *
after(struct vt_heat_merge *m)
{
	const struct vt_heat_object *o = NULL;
	enum vt_code rc = vt_heat_merge_next(m, &o, &err);

	must(rc == VT_ABSENT ? VT_OK : rc);
	return o;
}

static void
test_writes(void)
{
	struct vt_heat *h = begin();
	struct vt_heat_source source = vt_heat_as_source(h);
	struct vt_heat_merge *m = vt_heat_merge_new(&source, 1);
	const struct vt_heat_object *o;
	struct vt_log_event e;
	int64_t first, last;

	add(h, VT_LOG_DELETE, "a", D0 + 5);
	add(h, VT_LOG_WRITE, "a", D0);
	e = event(VT_LOG_WRITE, "c", (D0 + 6) * DAY);
	e.has_source = 1;
	e.source = event(VT_LOG_READ, "src", 0).object;
	must(vt_heat_add(h, &e, &err));
	add(h, VT_LOG_WRITE, "d", D0 + 3);
	e = event(VT_LOG_WRITE, "d", (D0 + 7) * DAY);
	e.size_bytes = 10;
	must(vt_heat_add(h, &e, &err));
	add(h, VT_LOG_WRITE, "d", D0 + 1);
	add(h, VT_LOG_DELETE, "d", D0 + 1);
	must(vt_heat_finish(h, &err));
	o = after(m);
	ok(vt_heat_is_deleted(o) && vt_heat_last(o) / DAY == D0 + 5,
	    "a deleted object, last heard of then");
	(void)after(m);
	o = after(m);
	ok(o->created_us / DAY == D0 + 7 && o->size_bytes == 10 &&
	    !vt_heat_is_deleted(o), "the last write made what is there");
	o = after(m);
	ok(o->day_count == 1 && o->days[0].gets == 1,
	    "a copy is a read of its source");
	ok(after(m) == NULL, "four objects");
	vt_coverage_span(vt_heat_coverage(h), &first, &last);
	ok(first / DAY == D0 + 6 && last / DAY == D0 + 7,
	    "the span starts with the first read");
	vt_heat_merge_free(m);
	vt_heat_free(h);
}

/* Names that are hard to keep apart, in the order of their parts. */
static void
test_names(void)
{
	static const struct {
		const char *bucket, *key;
		size_t key_len;
		const char *version;
	} list[] = {
		{ "b", "", 0, "v" }, { "b", "\0", 1, "" },
		{ "b", "\0\377", 2, "" }, { "b", "a", 1, "" },
		{ "b", "a", 1, "null" }, { "b", "a\0", 2, "" },
		{ "b", "a\0\1", 3, "" }, { "b", "a\0b", 3, "" },
		{ "b", "a\1", 2, "" }, { "b", "ab", 2, "" },
		{ "b", "\377", 1, "\377" }, { "b1", "a", 1, "" },
	};
	struct vt_buf last, name, text;
	struct vt_log_name back;
	size_t i;
	int bad = 0, c;

	vt_buf_init(&last, 100);
	vt_buf_init(&name, 100);
	vt_buf_init(&text, 100);
	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		vt_buf_reset(&name);
		vt_heat_name(&name, list[i].bucket, strlen(list[i].bucket),
		    list[i].key, list[i].key_len, list[i].version,
		    strlen(list[i].version));
		c = memcmp(last.data, name.data, last.len < name.len ?
		    last.len : name.len);
		bad += c > 0 || (c == 0 && last.len >= name.len);
		must(vt_heat_name_split(name.data, name.len, &text, &back,
		    &err));
		bad += strcmp(back.bucket, list[i].bucket) != 0 ||
		    back.key_len != list[i].key_len ||
		    memcmp(back.key, list[i].key, back.key_len) != 0 ||
		    strcmp(back.version, list[i].version) != 0;
		vt_buf_reset(&last);
		vt_buf_add(&last, name.data, name.len);
	}
	is_int(bad, 0, "names keep their order and come back");
	ok(vt_heat_name_split("b\0\1k", 4, &text, &back, &err) ==
	    VT_CORRUPT && vt_heat_name_split("b\0\2k\0\1", 6, &text, &back,
	    &err) == VT_CORRUPT, "what is no name is refused");
	vt_buf_release(&last);
	vt_buf_release(&name);
	vt_buf_release(&text);
}

#define MANY 60000

/* Events of many objects, in an order that depends on `step`. */
static void
add_many(struct vt_heat *h, uint32_t step, uint32_t from, uint32_t to)
{
	struct vt_log_event e;
	char key[64];
	uint32_t i, n;

	for (i = from; i < to; i++) {
		n = (uint32_t)((uint64_t)i * step % (3 * MANY));
		snprintf(key, sizeof(key), "a/rather/long/name/for/k%u",
		    n % MANY);
		e = event(n % 7 == 0 ? VT_LOG_WRITE : VT_LOG_READ, key,
		    (D0 + n % 40) * DAY + n);
		e.bytes = n;
		e.size_bytes = n % 100;
		/* more than fit into the table's counts */
		if (n == 5)
			e.count = (uint64_t)10 << 32;
		must(vt_heat_add(h, &e, &err));
	}
}

/* The next object, its name seen first. */
static const struct vt_heat_object *
seen_first(struct vt_heat_merge *m)
{
	static struct vt_heat_object o;
	static char name[200];
	const char *seen;
	enum vt_code rc = vt_heat_merge_name(m, &seen, &o.name_len, &err);
	size_t len = o.name_len;

	must(rc == VT_ABSENT ? VT_OK : rc);
	if (rc == VT_ABSENT) {
		vt_heat_release(&o);
		return NULL;
	}
	if (len > sizeof(name))
		exit(1);
	memcpy(name, seen, len);
	must(vt_heat_merge_take(m, &o, &err));
	o.name = name;
	o.name_len = len;
	return &o;
}

/* The next object as bytes: taken apart, its name seen first or not, or as the
 * merge gives it. */
static enum vt_code
take(struct vt_heat_merge *m, int apart, struct vt_buf *bytes,
    struct vt_sorter_record *out)
{
	const struct vt_heat_object *o;

	if (!apart)
		return vt_heat_merge_bytes(m, out, &err);
	o = apart == 1 ? after(m) : seen_first(m);
	if (o == NULL)
		return VT_ABSENT;
	vt_buf_reset(bytes);
	vt_heat_encode(o, bytes);
	out->key = o->name;
	out->key_len = o->name_len;
	out->payload = bytes->data;
	out->payload_len = bytes->len;
	return VT_OK;
}

/* All that a merge gives, as a file. */
static char *
file_of(const struct vt_heat_source *sources, size_t count,
    struct vt_coverage *c, int apart, size_t *len)
{
	struct vt_heat_merge *m = vt_heat_merge_new(sources, count);
	struct vt_heatfile_writer *w;
	struct vt_sorter_record o;
	FILE *f = tmpfile();
	struct vt_buf text;
	enum vt_code rc;
	uint64_t bytes;
	char *data;

	vt_buf_init(&text, 1 << 20);
	must(vt_heatfile_begin(fileno(f), "f", c, &w, &err));
	while ((rc = take(m, apart, &text, &o)) == VT_OK)
		must(vt_heatfile_add(w, &o, &err));
	must(rc == VT_ABSENT ? VT_OK : rc);
	vt_buf_release(&text);
	must(vt_heatfile_end(w, &bytes, &err));
	vt_heatfile_writer_free(w);
	vt_heat_merge_free(m);
	*len = (size_t)bytes;
	data = malloc(*len);
	if (pread(fileno(f), data, *len, 0) != (ssize_t)*len)
		exit(1);
	fclose(f);
	return data;
}

static char *
gathered(struct vt_heat *h, size_t *len)
{
	struct vt_heat_source source = vt_heat_as_source(h);

	must(vt_heat_finish(h, &err));
	return file_of(&source, 1, vt_heat_coverage(h), 0, len);
}

/* A file of these bytes, open at its beginning. */
static FILE *
file_with(const char *data, size_t len)
{
	FILE *f = tmpfile();

	if (f == NULL || fwrite(data, 1, len, f) != len || fflush(f) != 0)
		exit(1);
	rewind(f);
	return f;
}

/* Two files as one. */
static char *
merged(char *const part[2], const size_t part_len[2], int apart, size_t *len)
{
	struct vt_coverage *c = vt_coverage_new();
	struct vt_heat_source sources[2];
	struct vt_heatfile *file[2];
	FILE *f[2];
	char *data;
	int i;

	for (i = 0; i < 2; i++) {
		f[i] = file_with(part[i], part_len[i]);
		must(vt_heatfile_open(fileno(f[i]), "f", c, &file[i], &err));
		sources[i] = vt_heatfile_as_source(file[i]);
	}
	data = file_of(sources, 2, c, apart, len);
	for (i = 0; i < 2; i++) {
		vt_heatfile_close(file[i]);
		fclose(f[i]);
	}
	vt_coverage_free(c);
	return data;
}

static enum vt_code
read_whole(const char *data, size_t len)
{
	struct vt_coverage *c = vt_coverage_new();
	struct vt_heatfile *file;
	struct vt_heat_source source;
	struct vt_sorter_record r;
	FILE *f = file_with(data, len);
	enum vt_code rc;

	rc = vt_heatfile_open(fileno(f), "f", c, &file, &err);
	if (rc == VT_OK) {
		source = vt_heatfile_as_source(file);
		do
			rc = source.next(source.ctx, &r, &err);
		while (rc == VT_OK);
	}
	vt_heatfile_close(file);
	vt_coverage_free(c);
	fclose(f);
	return rc;
}

/* Whatever the memory, the order and the split: the same bytes. */
static void
test_splits(void)
{
	struct vt_heat *much = vt_heat_new("/tmp", (size_t)256 << 20),
	    *little = begin(), *half = begin(), *rest = begin();
	char *want, *got, *part[2];
	size_t want_len, got_len, part_len[2], i, bad = 0;
	int apart;

	add_many(much, 1, 0, 3 * MANY);
	add_many(little, 7919, 0, 3 * MANY);
	add_many(half, 7919, 0, MANY);
	add_many(rest, 7919, MANY, 3 * MANY);
	want = gathered(much, &want_len);
	got = gathered(little, &got_len);
	ok(!vt_heat_is_spilled(much) && vt_heat_is_spilled(little),
	    "one has room for all, the other has not");
	ok(want_len == got_len && memcmp(want, got, want_len) == 0,
	    "little memory and another order: the same");
	free(got);
	part[0] = gathered(half, &part_len[0]);
	part[1] = gathered(rest, &part_len[1]);
	for (apart = 0; apart < 3; apart++) {
		got = merged(part, part_len, apart, &got_len);
		ok(want_len == got_len && memcmp(want, got, want_len) == 0,
		    "two files of parts merged: the same");
		free(got);
	}
	for (i = 0; i < want_len; i += 1 + want_len / 150)
		bad += read_whole(want, i) == VT_ABSENT;
	bad += read_whole(want, want_len - 1) == VT_ABSENT;
	is_int(bad, 0, "a file that was cut is refused");
	for (i = 0; i < want_len; i += 1 + want_len / 150) {
		want[i] ^= 4;
		bad += read_whole(want, want_len) == VT_ABSENT;
		want[i] ^= 4;
	}
	is_int(bad, 0, "and so is a damaged one");
	free(want);
	free(part[0]);
	free(part[1]);
	vt_heat_free(much);
	vt_heat_free(little);
	vt_heat_free(half);
	vt_heat_free(rest);
}

int
main(void)
{
	test_counts();
	test_coverage();
	test_coverage_bytes();
	test_folding();
	test_writes();
	test_names();
	test_splits();
	vt_heat_merge_free(merge);
	return test_done();
}
