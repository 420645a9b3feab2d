/* Inventories beside logs: what is joined, in whatever order and parts. */
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/work/foreign.h"

#include "tests/unit/test.h"

#define DAY INT64_C(86400000000)
#define D0 INT64_C(20000)

static struct vt_err err;
static struct vt_coverage *coverage;
static struct vt_foreign versions[8];
static size_t count, gone;

static void
must(enum vt_code rc)
{
	if (rc == VT_OK)
		return;
	printf("Bail out! %s\n", err.text);
	exit(1);
}

static struct vt_log_event
event(enum vt_log_kind kind, const char *version, double day)
{
	struct vt_log_event e;

	memset(&e, 0, sizeof(e));
	e.kind = kind;
	e.time_us = (int64_t)(((double)D0 + day) * (double)DAY);
	e.object.bucket = "b";
	e.object.bucket_len = 1;
	e.object.key = "k";
	e.object.key_len = 1;
	e.object.version = version;
	e.object.version_len = strlen(version);
	e.count = 1;
	e.bytes = 5;
	return e;
}

static struct vt_log_event
listed(const char *version, double created, double at, uint64_t size,
    int is_noncurrent)
{
	struct vt_log_event e = event(VT_LOG_LISTED, version, created);

	e.at_us = (int64_t)(((double)D0 + at) * (double)DAY);
	e.has_size = 1;
	e.size_bytes = size;
	e.is_noncurrent = is_noncurrent;
	e.storage_class = vt_log_class("GLACIER_IR", 10);
	return e;
}

/*
 * Feed the events to two gatherers, every other one, merge them, and group
 * what there is of the key: versions[0..count).
 */
static void
run(const struct vt_log_event *events, size_t n, int backwards)
{
	static struct vt_heat_object objects[8];
	static struct vt_buf texts[8];
	static struct vt_foreign_entry entries[8];
	struct vt_heat_source sources[2];
	struct vt_heat *h[2];
	struct vt_heat_merge *m;
	const struct vt_heat_object *o;
	struct vt_buf bytes;
	size_t i, k = 0;

	vt_coverage_free(coverage);
	coverage = vt_coverage_new();
	vt_buf_init(&bytes, 1 << 20);
	for (i = 0; i < 2; i++) {
		h[i] = vt_heat_new("/tmp", VT_HEAT_MEMORY_MIN);
		if (h[i] == NULL || coverage == NULL)
			exit(1);
	}
	for (i = 0; i < n; i++)
		must(vt_heat_add(h[i % 2],
		    &events[backwards ? n - 1 - i : i], &err));
	for (i = 0; i < 2; i++) {
		must(vt_heat_finish(h[i], &err));
		/* as a partial result carries it */
		vt_buf_reset(&bytes);
		must(vt_coverage_encode(vt_heat_coverage(h[i]), &bytes,
		    &err));
		must(vt_coverage_decode(coverage, bytes.data, bytes.len,
		    &err));
		sources[i] = vt_heat_as_source(h[i]);
	}
	m = vt_heat_merge_new(sources, 2);
	if (m == NULL)
		exit(1);
	while (vt_heat_merge_next(m, &o, &err) == VT_OK && k < 8) {
		vt_buf_reset(&bytes);
		vt_heat_encode(o, &bytes);
		vt_heat_clear(&objects[k]);
		must(vt_heat_decode(&objects[k], bytes.data, bytes.len,
		    &err));
		vt_buf_release(&texts[k]);
		vt_buf_init(&texts[k], 4096);
		must(vt_heat_name_split(o->name, o->name_len, &texts[k],
		    &entries[k].name, &err));
		entries[k].object = &objects[k];
		k++;
	}
	count = vt_foreign_group(coverage, entries, k, versions, &gone);
	vt_heat_merge_free(m);
	vt_heat_free(h[0]);
	vt_heat_free(h[1]);
	vt_buf_release(&bytes);
}

static const char *
told(void)
{
	static char text[512];
	struct vt_scan_record r;
	char *p = text;
	size_t i;

	*p = '\0';
	for (i = 0; i < count; i++) {
		vt_foreign_fill(&versions[i], &r);
		p += sprintf(p, "%s%s=%llu@%g%s%s%s ", r.version,
		    r.is_current ? "*" : "",
		    (unsigned long long)r.size_bytes,
		    (double)r.mtime_us / (double)DAY - (double)D0,
		    *r.storage_class != '\0' ? ":" : "", r.tier,
		    versions[i].parts[1] != NULL ? "+" : "");
	}
	if (gone > 0)
		sprintf(p, "gone %zu", gone);
	return text;
}

static void
check(const struct vt_log_event *events, size_t n, const char *want,
    const char *what)
{
	run(events, n, 0);
	is_str(told(), want, "%s", what);
	run(events, n, 1);
	is_str(told(), want, "%s, backwards", what);
}

#define CHECK(events, want, what) \
	check(events, sizeof(events) / sizeof(*(events)), want, what)

static void
test_plain(void)
{
	struct vt_log_event read = event(VT_LOG_READ, "", 10);
	struct vt_log_event sized = event(VT_LOG_READ, "", 12);
	struct vt_log_event write = event(VT_LOG_WRITE, "", 20);
	struct vt_log_event old = event(VT_LOG_WRITE, "", 5);

	sized.has_size = write.has_size = old.has_size = 1;
	sized.size_bytes = 7;
	write.size_bytes = 8;
	old.size_bytes = 99;
	{
		struct vt_log_event e[] = { read, sized };

		CHECK(e, "*=7@10hot ", "a log alone");
	}
	{
		struct vt_log_event e[] = { read, sized,
		    listed("", 1, 15, 50, 0) };

		CHECK(e, "*=50@1:cold ", "an inventory tells size, age and "
		    "class");
	}
	{
		struct vt_log_event e[] = { listed("", 1, 15, 50, 0), read,
		    listed("", 2, 16, 60, 0) };

		CHECK(e, "*=60@2:cold ", "of two inventories the newer");
	}
	{
		struct vt_log_event e[] = { old, listed("", 1, 15, 50, 0),
		    write, read };

		CHECK(e, "*=8@20:cold ", "a write since wins, one before not");
	}
	{
		struct vt_log_event e[] = { listed("", 1, 15, 50, 0),
		    event(VT_LOG_DELETE, "", 14), read };

		CHECK(e, "*=50@1:cold ", "a deletion before the inventory");
		e[1] = event(VT_LOG_DELETE, "", 16);
		CHECK(e, "", "or after it");
	}
	{
		struct vt_log_event moved = event(VT_LOG_MOVED, "", 30);
		struct vt_log_event e[] = { listed("", 1, 15, 50, 0), moved,
		    read };

		e[1].storage_class = vt_log_class("DEEP_ARCHIVE", 12);
		CHECK(e, "*=50@1:archive ", "a move since");
		e[1].time_us = e[0].time_us;
		CHECK(e, "*=50@1:cold ", "or one before it");
	}
}

static void
test_coverage(void)
{
	struct vt_log_event other = listed("", 1, 15, 50, 0);
	struct vt_log_event e[] = { event(VT_LOG_READ, "", 10), other };

	e[1].object.key = "l";
	run(e, 2, 0);
	ok(vt_coverage_listed_us(coverage, "b", 1) == e[1].at_us &&
	    vt_coverage_listed_us(coverage, "c", 1) == 0 &&
	    vt_coverage_listed_us(coverage, NULL, 0) == e[1].at_us,
	    "a bucket is listed, others are not");
	vt_coverage_free(coverage);
	coverage = NULL;
}

static void
test_versions(void)
{
	{
		struct vt_log_event e[] = { listed("v1", 1, 15, 10, 1),
		    listed("v2", 2, 15, 20, 0), event(VT_LOG_READ, "", 10),
		    event(VT_LOG_READ, "v1", 11) };

		CHECK(e, "v1=10@1:cold v2*=20@2:cold+ ",
		    "reads without a version are the current one's");
	}
	{
		struct vt_log_event write = event(VT_LOG_WRITE, "", 20);
		struct vt_log_event e[] = { listed("v1", 1, 15, 10, 1), write,
		    listed("v2", 2, 15, 20, 0), event(VT_LOG_READ, "", 10) };

		CHECK(e, "*=0@20hot v1=10@1:cold v2=20@2:cold ",
		    "what is written since is current instead");
		e[1].kind = VT_LOG_DELETE;
		CHECK(e, "v1=10@1:cold v2=20@2:cold+ ",
		    "after a deletion none is");
		e[1].object.version = "v2";
		e[1].object.version_len = 2;
		CHECK(e, "v1=10@1:cold ", "a version deleted is no more");
	}
	{
		struct vt_log_event e[] = { listed("", 1, 15, 10, 0),
		    event(VT_LOG_READ, "null", 10), event(VT_LOG_READ, "v7",
		    11), event(VT_LOG_READ, "v8", 16) };

		CHECK(e, "*=10@1:cold+ v8=0@16hot gone 1",
		    "null is the one without a version");
	}
}

int
main(void)
{
	test_plain();
	test_versions();
	test_coverage();
	return test_done();
}
