/*
 * The lines between vt-scan and vt-plan, made up and measured.
 *
 *	scan_lines COUNT		print COUNT lines of made-up versions
 *	scan_lines --parse FILE		parse them and format them again, in
 *					memory, and print the rates
 *
 * Two in five versions were never read, the rest on 1 to some 30 days; sizes
 * are log-normal about 200 kB.  The same COUNT gives the same bytes.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/arena.h"
#include "libvt/base/clock.h"
#include "libvt/base/fs.h"
#include "libvt/base/jsonl.h"
#include "libvt/proto/records.h"

#include "tests/bench/random.h"

#define DAY_US INT64_C(86400000000)
#define FIRST_DAY 20400		/* 2025-11-08 */
#define DAYS 360
#define END_US ((FIRST_DAY + DAYS) * DAY_US)

static void
die(const char *what)
{
	fprintf(stderr, "scan_lines: %s\n", what);
	exit(3);
}

static void
make_heat(struct rng *g, struct vt_scan_record *r, struct vt_heat_day *h)
{
	size_t want = 1 + (size_t)(3 * rng_exponential(g)), i;
	int day = FIRST_DAY + (int)rng_below(g, DAYS / 2);

	for (i = 0; i < want && i < 64; i++) {
		day += 1 + (int)(9 * rng_exponential(g));
		if (day >= FIRST_DAY + DAYS)
			break;
		h[i].day = h[i].last = day;
		h[i].days = 1;
		h[i].gets = 1 + rng_below(g, 4);
		h[i].bytes = h[i].gets * r->size_bytes;
		r->reads += h[i].gets;
		r->bytes_read += h[i].bytes;
		if (day >= FIRST_DAY + DAYS - 30)
			r->r30 += h[i].gets;
		if (day >= FIRST_DAY + DAYS - 90)
			r->r90 += h[i].gets;
		r->last_read_us = day * DAY_US + 43200000000;
	}
	r->h = h;
	r->h_count = i;
}

static void
make(struct rng *g, uint64_t i, struct vt_scan_record *r, char key[128],
    char version[33], struct vt_heat_day h[64])
{
	static const char *const buckets[] = { "logs", "media", "scratch" };
	int64_t age_us = (int64_t)(rng_unit(g) * 700 * (double)DAY_US);

	memset(r, 0, sizeof(*r));
	r->bucket = buckets[i % 3];
	r->key = key;
	r->key_len = (size_t)snprintf(key, 128, "team%02d/%04d/%02d/file%010llu"
	    ".bin", (int)rng_below(g, 40), 2020 + (int)rng_below(g, 6),
	    1 + (int)rng_below(g, 12), (unsigned long long)i);
	snprintf(version, 33, "%016llx%016llx", (unsigned long long)i,
	    (unsigned long long)rng_next(g));
	r->version = version;
	r->seq = (int64_t)i + 1;
	r->generation = 1;
	r->bucket_generation = 2;
	r->is_current = 1;
	r->size_bytes = (uint64_t)exp(12.2 + 2 * rng_normal(g));
	r->mtime_us = (END_US - age_us) / 1000 * 1000;
	r->tier = "hot";
	r->storage_class = "STANDARD";
	r->copy = r->seq;
	r->copy_since_us = r->mtime_us;
	r->stored_bytes = r->size_bytes;
	r->covered_from_us = r->mtime_us > FIRST_DAY * DAY_US ? r->mtime_us :
	    FIRST_DAY * DAY_US;
	r->covered_to_us = END_US;
	r->covered_days = (double)(END_US - r->covered_from_us) /
	    (double)DAY_US;
	r->covered_days = round(r->covered_days * 1e6) / 1e6;
	if (rng_below(g, 5) > 1)
		make_heat(g, r, h);
}

static void
print_lines(uint64_t count)
{
	struct rng g = { 1 };
	struct vt_scan_record r;
	struct vt_heat_day h[64];
	char key[128], version[33];
	struct vt_buf b;
	uint64_t i;

	vt_buf_init(&b, 1 << 22);
	for (i = 0; i < count; i++) {
		make(&g, i, &r, key, version, h);
		vt_scan_record_format(&r, &b);
		if (b.len < 1 << 20 && i + 1 < count)
			continue;
		if (fwrite(b.data, 1, b.len, stdout) != b.len)
			die("cannot write");
		vt_buf_reset(&b);
	}
	vt_buf_release(&b);
	if (fflush(stdout) != 0)
		die("cannot write");
}

static void
rate(const char *what, uint64_t lines, int64_t us)
{
	printf("{\"bench\":\"%s\",\"lines\":%llu,\"us\":%lld,"
	    "\"lines_per_second\":%.0f}\n", what, (unsigned long long)lines,
	    (long long)us, us > 0 ? (double)lines * 1e6 / (double)us : 0);
}

static void
measure(const char *path)
{
	struct vt_arena *a = vt_arena_new(1 << 26);
	int64_t parse_us = 0, format_us = 0, t0, t1, t2;
	struct vt_scan_record r;
	const char *p, *end, *stop;
	struct vt_buf b;
	struct vt_err err;
	uint64_t lines = 0;
	char *text;
	size_t len;

	if (a == NULL || vt_fs_read(path, (size_t)1 << 32, &text, &len,
	    &err) != VT_OK)
		die("cannot read the file");
	vt_buf_init(&b, 1 << 26);
	for (p = text, end = text + len; p < end; p = stop + 1, lines++) {
		stop = memchr(p, '\n', (size_t)(end - p));
		if (stop == NULL)
			break;
		t0 = vt_clock_mono_us();
		if (vt_scan_record_parse(p, (size_t)(stop - p), a, &r,
		    &err) != VT_OK)
			die(err.text);
		t1 = vt_clock_mono_us();
		vt_scan_record_format(&r, &b);
		t2 = vt_clock_mono_us();
		if (b.len != (size_t)(stop - p) + 1 ||
		    memcmp(b.data, p, b.len) != 0)
			die("a line came out otherwise");
		parse_us += t1 - t0;
		format_us += t2 - t1;
		vt_buf_reset(&b);
		vt_arena_reset(a);
	}
	rate("parse", lines, parse_us);
	rate("format", lines, format_us);
	free(text);
	vt_buf_release(&b);
	vt_arena_free(a);
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--parse") == 0)
		measure(argv[2]);
	else if (argc == 2)
		print_lines(strtoull(argv[1], NULL, 10));
	else
		return 2;
	return 0;
}
