/* The quick way through the pipe's lines holds to the plain one: over lines as
 * vt-scan writes them, and over each of them with one thing changed.  Either
 * way a record comes back as it was, and lines that tell what goes without
 * saying, as earlier ones did, are the same records. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/proto/records_internal.h"

#include "tests/bench/random.h"
#include "tests/unit/same_record.h"
#include "tests/unit/test.h"

#define HEAD "{\"v\":1,\"bucket\":\"b\",\"key\":\"dir/k\""
#define STATE ",\"current\":true,\"size\":5"
#define PLACE ",\"tier\":\"hot\",\"stored_bytes\":5"
#define HEAT ",\"reads\":0,\"bytes_read\":0,\"r30\":0,\"r90\":0," \
    "\"covered_days\":0"

#define OLD_HEAT ",\"reads\":2,\"bytes_read\":10,\"r30\":0,\"r90\":0"
#define HEAT_OF ",\"reads\":2,\"bytes_read\":10"
#define SINCE ",\"mtime\":\"2025-02-01T00:00:00.000Z\""
#define TO ",\"covered_to\":\"2026-04-01T00:00:00.000Z\"," \
    "\"covered_days\":9"
#define SEQ ",\"seq\":9,\"generation\":2,\"bucket_generation\":3"
#define EPOCH "\"1970-01-01T00:00:00.000Z\""

static struct vt_arena *arena;

static const char *const lines[] = {
	HEAD STATE PLACE HEAT "}",
	HEAD ",\"version\":\"00ff\",\"seq\":9,\"generation\":2,"
	    "\"bucket_generation\":3,\"current\":false,\"size\":123456789,"
	    "\"mtime\":\"2025-01-31T23:59:59.999Z\",\"tier\":\"hot\","
	    "\"class\":\"STANDARD\",\"copy\":4,"
	    "\"copy_since\":\"2025-02-28T00:00:00.000Z\","
	    "\"stored_bytes\":123456789,\"adopted\":true,"
	    "\"also\":[\"warm\",\"cold\"],\"ruled\":true,\"tags\":\"a=b\","
	    "\"noncurrent_since\":\"2025-03-01T10:20:30.400Z\",\"newer\":7,"
	    "\"alone\":true,\"pin\":\"hot\",\"lock\":\"governance\","
	    "\"retain_until\":\"2030-03-01T10:20:30.400Z\","
	    "\"legal_hold\":true,\"reads\":42,\"bytes_read\":4200,"
	    "\"last_read\":\"2026-03-01T10:20:30.400Z\",\"r30\":1,\"r90\":2,"
	    "\"covered_from\":\"2025-02-01T00:00:00.000Z\","
	    "\"covered_to\":\"2026-04-01T00:00:00.000Z\","
	    "\"covered_days\":423.5,\"gaps\":[[1738368000,60],"
	    "[1738468000,61]],\"h\":[[20150,9,90,3,20160],[20161,1,10]]}",
	HEAD STATE ",\"tier\":\"cold\",\"stored_bytes\":0,"
	    "\"legal_hold\":true" HEAT ",\"h\":[[1,1,1]]}",
	HEAD STATE ",\"tier\":\"hot\",\"reads\":4,\"bytes_read\":21,"
	    "\"r90\":1,\"covered_to\":\"2026-04-01T00:00:00.000Z\","
	    "\"covered_days\":1,\"h\":[20445,20448,[20450,2,6],99999,100000]}",
	HEAD STATE PLACE ",\"pack\":71,\"pack_bytes\":64000000,"
	    "\"pack_dead\":0.25" HEAT "}",
	HEAD ",\"version\":\"00ff\",\"seq\":9,\"generation\":1,"
	    "\"bucket_generation\":1" STATE ",\"tier\":\"hot\","
	    "\"class\":\"\",\"copy\":4,\"reads\":0,\"bytes_read\":0,"
	    "\"covered_from\":\"2025-02-01T00:00:00.000Z\","
	    "\"covered_to\":\"2026-04-01T00:00:00.000Z\","
	    "\"covered_days\":300,\"h\":[1,7,[9998,1,5],9999,10000,"
	    "[10001,0,12345678],[10002,12,123456789012345678],"
	    "[10003,1,5,1,10003],[10004,1,5,1,10009],10010,[99998,9,99],"
	    "[100001,1,5],[100002,3,12]]}",
};
#define LINES (sizeof(lines) / sizeof(lines[0]))

/* Both ways over one line: 1 quick, 0 not, -1 they differ, or a line that went
 * the plain way is not what it was. */
static int
compare(const char *line, size_t len)
{
	struct vt_scan_record quick, plain;
	struct vt_err err;
	int was_quick, bad;
	char *copy, *stop;

	vt_arena_reset(arena);
	copy = vt_arena_alloc(arena, len + 1 + VT_RECORD_BEHIND);
	if (copy == NULL)
		return -1;
	memcpy(copy, line, len);
	copy[len] = '\n';
	stop = vt_scan_record_parse_quick(copy, len + 1, arena, &quick);
	was_quick = stop == copy + len;
	if (stop != NULL && !was_quick)
		vt_scan_record_mend(copy, stop);
	if (!was_quick && memcmp(copy, line, len) != 0)
		return -1;
	bad = vt_scan_record_parse_plain(line, len, arena, &plain, &err) !=
	    VT_OK;
	if (was_quick && (bad || !same_record(&quick, &plain)))
		return -1;
	return was_quick;
}

/* It is the line before the next one, which is read by what this one said: 1
 * the quick way, as compare() has it. */
static int
go_before(const char *line)
{
	return compare(line, strlen(line));
}

/* Every byte of the line in turn another one, left out, and doubled, behind the
 * line as it is. */
static void
spoil(const char *line)
{
	static const char others[] = "\"\\,:{}[]0159.-eZt \n\x01\xff";
	size_t len = strlen(line), i, k;
	unsigned differ = 0, quick = 0, all = 0;
	char text[2048];
	int c;

	for (i = 0; i < len; i++)
		for (k = 0; k < sizeof(others) + 2; k++) {
			memcpy(text, line, len);
			if (k < sizeof(others))	/* its NUL too */
				text[i] = others[k];
			else if (k == sizeof(others))
				memmove(text + i, text + i + 1, len - i);
			else
				memmove(text + i + 1, text + i, len - i);
			differ += go_before(line) != 1;
			c = compare(text, len - (k == sizeof(others)) +
			    (k > sizeof(others)));
			differ += c < 0;
			quick += c > 0;
			all++;
		}
	ok(differ == 0, "%u lines spoilt, %u of them read the quick way",
	    all, quick);
	ok(quick > 0 && quick < all, "some of them are lines still");
}

static void
test_reading(void)
{
	static const char bracket[] = HEAD STATE PLACE HEAT ",\"h\":[[20445]]}";
	size_t i, n;

	is_int(compare(bracket, sizeof(bracket) - 1), 0,
	    "a day alone in brackets does not");

	for (i = 0; i < LINES; i++) {
		is_int(compare(lines[i], strlen(lines[i])), 1,
		    "a line of vt-scan goes the quick way");
		spoil(lines[i]);
		for (n = 0; n < strlen(lines[i]); n++)
			if (go_before(lines[i]) != 1 ||
			    compare(lines[i], n) != 0)
				break;
		is_int(n, strlen(lines[i]), "cut short it does not");
	}
}

/* Rows of "h", and whether they are read the quick way. */
static void
test_rows(void)
{
	static const struct {
		const char *h;
		int want;
	} rows[] = {
		{ "20445", 1 }, { "20445,20446", 1 }, { "20445,20445", 0 },
		{ "20446,20445", 0 }, { "20445,[20445,1,5]", 0 },
		{ "[20445,1,5],20445", 0 }, { "[20445,1,5],[20446,1,5]", 1 },
		{ "[20445,1,5],[20444,1,5]", 0 },
		{ "[20445,1,5,2,20449],20449", 0 },
		{ "[20445,1,5,2,20449],20450", 1 },
		{ "[20445,1,5,2,20449],[20449,1,5]", 0 },
		{ "[20445,1,5,9,20449]", 0 }, { "[20445,1,5,2]", 0 },
		{ "[20445,1]", 0 }, { "[20445]", 0 }, { "[]", 0 },
		{ "[20445,1,]", 0 }, { "[20445,,5]", 0 }, { "[20445,1,5", 0 },
		{ "[20445,1,5],", 0 }, { ",20445", 0 }, { "20445 ", 0 },
		{ "[20445,01,5]", 0 }, { "[20445,1,05]", 0 },
		{ "[20445,0,0]", 1 }, { "[20445,10,0]", 1 },
		{ "[20445,123456789,123456789012345678]", 1 },
		{ "[20445,123456789012345678,1]", 1 },
		{ "[20445,1,1234567890123456789]", 0 },
		{ "[20445,1234567890123456789,1]", 0 },
		{ "[20445,1,-5]", 0 }, { "[20445,-1,5]", 0 },
		{ "[20445,1,5.0]", 0 }, { "20445.5", 0 }, { "2044e1", 0 },
		{ "9999", 1 }, { "9999,10000", 1 }, { "09999", 0 },
		{ "00000", 0 }, { "[09999,1,5]", 0 }, { "10000,9999", 0 },
		{ "1,9999,[9999,1,5]", 0 }, { "1,[9999,1,5],10000", 1 },
		{ "1,09999", 0 }, { "1,[09999,1,5]", 0 },
		{ "99999,100000", 1 }, { "10000000", 1 }, { "10000001", 0 },
		{ "20445,\"20446\"", 0 }, { "20445,\\u0032", 0 },
		{ "2044:", 0 }, { "2044/", 0 }, { "/0445", 0 },
		{ "[2044:,1,5]", 0 }, { "[20445,:,5]", 0 },
		{ "[20445,1,:]", 0 }, { "[[20445,1,5]]", 0 },
		{ "[20445,1,5}", 0 }, { "20445}", 0 },
	};
	char line[256];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line), HEAD STATE PLACE HEAT
		    ",\"h\":[%s]}", rows[i].h);
		is_int(compare(line, strlen(line)), rows[i].want, "rows: %s",
		    rows[i].h);
	}
}

/* What is as in the line before is found by its bytes, and the rest all the
 * same: other buckets, tiers and times that begin alike, are shorter or longer,
 * or so long that nobody keeps them. */
static void
test_known(void)
{
	static const char *const buckets[] = {
		"b", "bb", "", "archive", "archives", "archive", "b\\u0062",
		"a-name-of-sixty-three-characters-"
		"as-many-as-S3-allows-a-bucket",
		"one-that-is-longer-than-any-that-S3-knows-of-one-that-is-"
		"longer-than-any-that-S3-knows-of-one-that-is-longer-than-any"
	};
	static const char *const tiers[] = {
		"hot\",\"class\":\"STANDARD", "hot", "cold",
		"hot\",\"class\":\"STANDARD_IA", "hot\",\"class\":\"",
		"\",\"class\":\"STANDARD", "hot\",\"class\":\"STANDARD"
	};
	static const char *const covers[] = {
		",\"covered_from\":\"2025-02-01T00:00:00.000Z\"" TO,
		",\"covered_from\":\"2025-02-01T00:00:00.000Z\"" TO "9",
		",\"covered_from\":\"2025-02-01T00:00:00.000Z\"" TO ".5",
		",\"covered_from\":\"2025-02-01T00:00:00.001Z\"" TO, TO,
		",\"covered_from\":\"2027-02-01T00:00:00.000Z\"" TO,
		",\"covered_from\":\"2025-02-01T00:00:00.000Z\""
		    ",\"covered_days\":9", ",\"covered_days\":9",
		",\"covered_from\":\"2025-02-01T00:00:00.000Z\"" TO "e1",
	};
	unsigned wrong = 0, quick = 0, n, i;
	struct rng g = { 3 };
	char line[1024];
	int c;

	for (n = 0; n < 20000; n++) {
		i = (unsigned)rng_below(&g, 9);
		snprintf(line, sizeof(line), "{\"v\":1,\"bucket\":\"%s\","
		    "\"key\":\"k%u\"" STATE ",\"tier\":\"%s\"%s"
		    HEAT_OF "%s%s}", buckets[i], n,
		    tiers[rng_below(&g, 7)], n % 3 > 0 ? ",\"copy\":17" : "",
		    covers[rng_below(&g, 9)],
		    n % 5 == 0 ? ",\"h\":[20150]" : "");
		c = compare(line, strlen(line));
		wrong += c < 0 || (i == 6 && c != 0);
		quick += c > 0;
	}
	is_int(wrong, 0, "lines behind any other are what they say");
	ok(quick > n / 2 && quick < n, "%u of %u the quick way", quick, n);
}

/* As many as a year has, alone in the memory at hand or with others before
 * them. */
static void
test_many_days(void)
{
	struct vt_scan_record r;
	int count, rc, wrong = 0;
	struct vt_buf b;
	int i;

	vt_buf_init(&b, 1 << 20);
	for (count = 1; count < 400; count += 3) {
		vt_buf_reset(&b);
		vt_buf_str(&b, HEAD STATE PLACE HEAT ",\"h\":[");
		for (i = 0; i < count; i++)
			vt_buf_printf(&b, i % 3 != 0 ? "%d," : "[%d,2,7],",
			    20000 + i);
		b.len--;
		vt_buf_str(&b, "]}");
		rc = compare(b.data, b.len);
		wrong += rc != 1;
		/* not from the start of an empty arena */
		vt_arena_reset(arena);
		wrong += vt_scan_record_parse(b.data, b.len, arena, &r,
		    NULL) != VT_OK || r.h_count != (size_t)count;
		for (i = 0; i < count; i++)
			wrong += r.h[i].day != 20000 + i ||
			    r.h[i].gets != (i % 3 != 0 ? 1 : 2);
	}
	is_int(wrong, 0, "up to 400 days are read the quick way");
	vt_buf_release(&b);
}

/* Lines behind each other, each read up to its own end. */
static void
test_following(void)
{
	static const char bad[] = "{\"v\":1,\"bucket\":\"b";
	static const char spaced[] = HEAD STATE PLACE HEAT " }";
	struct vt_scan_record r;
	size_t at = 0, i, len, read = 0;
	struct vt_buf b;

	vt_buf_init(&b, 1 << 20);
	for (i = 0; i < LINES; i++)
		vt_buf_printf(&b, "%s\n%s\n%s\n", lines[i], bad, spaced);
	if (vt_buf_reserve(&b, VT_RECORD_BEHIND) == NULL)
		return;
	memset(b.data + b.len, '"', VT_RECORD_BEHIND);
	for (i = 0; at < b.len; i++, at += len + 1) {
		vt_arena_reset(arena);
		read += vt_scan_record_parse_first(b.data + at, b.len - at,
		    &len, arena, &r, NULL) == VT_OK;
		if (len != (i % 3 == 0 ? strlen(lines[i / 3]) : i % 3 == 1 ?
		    sizeof(bad) : sizeof(spaced)) - (i % 3 != 0))
			break;
	}
	is_int(i, 3 * LINES, "lines behind each other end where they do");
	is_int(read, 2 * LINES, "one that is cut short takes none of the next");
	vt_buf_release(&b);
}

/* --- there and back ------------------------------------------------------- */

/* A line as earlier ones were, and what is written of it now. */
static const struct {
	const char *old, *now, *what;
} pairs[] = {
	{ HEAD SEQ STATE SINCE ",\"tier\":\"hot\",\"copy\":4,"
	    "\"copy_since\":\"2025-02-01T00:00:00.000Z\","
	    "\"stored_bytes\":5" OLD_HEAT
	    ",\"covered_from\":\"2025-02-01T00:00:00.000Z\"" TO
	    ",\"h\":[[20150,1,5],[20161,1,5]]}",
	  HEAD SEQ STATE SINCE ",\"tier\":\"hot\",\"copy\":4" HEAT_OF TO
	    ",\"h\":[20150,20161]}", "a version that came with its copy" },
	{ HEAD STATE SINCE ",\"tier\":\"hot\","
	    "\"copy_since\":\"2025-02-01T00:00:00.000Z\","
	    "\"stored_bytes\":5" OLD_HEAT ",\"covered_days\":0}",
	  HEAD STATE SINCE ",\"tier\":\"hot\"" HEAT_OF
	    ",\"covered_days\":0}", "one of a foreign log" },
	{ HEAD SEQ STATE SINCE ",\"tier\":\"hot\",\"stored_bytes\":0"
	    OLD_HEAT ",\"covered_days\":0}",
	  HEAD SEQ STATE SINCE ",\"tier\":\"hot\"" HEAT_OF
	    ",\"covered_days\":0}", "one without a copy" },
	{ HEAD SEQ STATE SINCE ",\"tier\":\"hot\",\"copy\":4,"
	    "\"copy_since\":\"2025-02-01T00:00:00.001Z\","
	    "\"stored_bytes\":4" OLD_HEAT
	    ",\"covered_from\":\"2025-02-01T00:00:00.002Z\"" TO
	    ",\"h\":[[20150,2,5],[20161,1,4],[20162,1,5,1,20163],"
	    "[99999,1,5],[100000,1,5]]}",
	  HEAD SEQ STATE SINCE ",\"tier\":\"hot\",\"copy\":4,"
	    "\"copy_since\":\"2025-02-01T00:00:00.001Z\","
	    "\"stored_bytes\":4" HEAT_OF
	    ",\"covered_from\":\"2025-02-01T00:00:00.002Z\"" TO
	    ",\"h\":[[20150,2,5],[20161,1,4],[20162,1,5,1,20163],"
	    "99999,100000]}", "one of which all is otherwise" },
};

static int
round_trip(const char *line, struct vt_scan_record *r, struct vt_buf *out)
{
	struct vt_err err;

	vt_buf_reset(out);
	if (vt_scan_record_parse(line, strlen(line), arena, r, &err) != VT_OK)
		return 0;
	vt_scan_record_format(r, out);
	return !out->failed;
}

static void
test_earlier(void)
{
	struct vt_scan_record old, now;
	struct vt_buf b;
	size_t i;

	vt_buf_init(&b, 1 << 20);
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		ok(round_trip(pairs[i].old, &old, &b), "%s is read",
		    pairs[i].what);
		b.data[b.len - 1] = '\0';
		is_str(b.data, pairs[i].now, "and written shorter");
		ok(round_trip(pairs[i].now, &now, &b) &&
		    same_record(&old, &now), "which is the same record");
		is_int(compare(pairs[i].now, strlen(pairs[i].now)), 1,
		    "the quick way");
	}
	vt_buf_release(&b);
}

/* What is not usual is said, be it 0. */
static void
test_unusual(void)
{
	static const char line[] = HEAD SEQ STATE SINCE ",\"tier\":\"hot\","
	    "\"copy\":4,\"copy_since\":" EPOCH ",\"stored_bytes\":0" HEAT_OF
	    ",\"covered_from\":" EPOCH TO "}\n";
	static const char none[] = HEAD SEQ STATE SINCE ",\"tier\":\"hot\","
	    "\"copy_since\":\"2025-02-01T00:00:00.000Z\","
	    "\"stored_bytes\":5" HEAT_OF ",\"covered_days\":0}\n";
	struct vt_scan_record r;
	struct vt_buf b;

	vt_buf_init(&b, 1 << 20);
	ok(round_trip(line, &r, &b) && r.copy_since_us == 0 &&
	    r.stored_bytes == 0 && r.covered_from_us == 0, "zeros are read");
	is_str(b.data, line, "and written");
	ok(round_trip(none, &r, &b) && r.copy_since_us == r.mtime_us &&
	    r.stored_bytes == 5, "so is what a version without a copy has");
	is_str(b.data, none, "if it should");
	vt_buf_release(&b);
}

/* A made-up record and what it points to. */
struct made {
	struct vt_scan_record r;
	char key[64];
	struct vt_heat_gap gaps[2];
	struct vt_heat_day days[40];
};

static int
chance(struct rng *g, unsigned of)
{
	return rng_below(g, of) == 0;
}

/* Of up to 59 bits, so that all its digits are read. */
static int64_t
number(struct rng *g)
{
	return (int64_t)(rng_next(g) >> (5 + rng_below(g, 59)));
}

/* Milliseconds, of dates and of none; mostly that one. */
static int64_t
a_time(struct rng *g, int64_t usual)
{
	if (chance(g, 9))
		return 0;
	if (chance(g, 9))
		return (int64_t)rng_below(g, 9) * 1000;
	return chance(g, 2) ? usual : INT64_C(1700000000000000) +
	    (int64_t)rng_below(g, 100000000) * 1000000;
}

static void
make_lists(struct rng *g, struct made *m)
{
	struct vt_scan_record *r = &m->r;
	int day = chance(g, 9) ? (int)rng_below(g, 200000) - 100000 : 20000;
	size_t i;

	r->gap_count = chance(g, 9) ? 1 + rng_below(g, 2) : 0;
	for (i = 0; i < r->gap_count; i++) {
		m->gaps[i].from_us = (int64_t)(i + 1) * 1000000000;
		m->gaps[i].length_us = number(g) % 1000 * 1000000;
	}
	r->gaps = m->gaps;
	r->h_count = rng_below(g, 2) * rng_below(g, 40);
	for (i = 0; i < r->h_count; i++) {
		day += 1 + (int)rng_below(g, 500);
		m->days[i].day = m->days[i].last = day;
		m->days[i].days = 1;
		m->days[i].gets = chance(g, 3) ? (uint64_t)number(g) : 1;
		m->days[i].bytes = chance(g, 3) ? (uint64_t)number(g) :
		    r->size_bytes;
		if (!chance(g, 9))
			continue;
		day += 1 + (int)rng_below(g, 30);
		m->days[i].days = 1 + (uint32_t)rng_below(g, (uint64_t)(day -
		    m->days[i].day));
		m->days[i].last = day;
	}
	r->h = m->days;
}

static void
make(struct rng *g, struct made *m)
{
	struct vt_scan_record *r = &m->r;
	size_t i;

	memset(m, 0, sizeof(*m));
	r->bucket = "photos";
	r->key = m->key;
	r->key_len = rng_below(g, 60);
	for (i = 0; i < r->key_len; i++)
		m->key[i] = (char)('a' + rng_below(g, 26));
	if (chance(g, 9) && r->key_len > 0)
		m->key[0] = (char)rng_next(g);
	r->version = chance(g, 9) ? "" : "0123456789abcdef0123456789abcdef";
	if (!chance(g, 5)) {
		r->seq = 1 + number(g);
		r->generation = number(g);
		r->bucket_generation = number(g);
	}
	r->is_current = chance(g, 2);
	r->size_bytes = chance(g, 9) ? 0 : (uint64_t)number(g);
	r->mtime_us = a_time(g, 1720000000000000);
	r->tier = chance(g, 3) ? "cold" : "hot";
	r->storage_class = chance(g, 9) ? "" : "STANDARD";
	r->copy = chance(g, 5) ? 0 : 1 + number(g);
	r->copy_since_us = a_time(g, r->mtime_us);
	r->stored_bytes = chance(g, 5) ? 0 : chance(g, 5) ?
	    (uint64_t)number(g) : r->size_bytes;
	r->adopted = chance(g, 9);
	if (chance(g, 9)) {
		r->pack = 1 + number(g);
		r->pack_bytes = (uint64_t)number(g);
		r->pack_dead = rng_unit(g);
	}
	r->is_ruled = chance(g, 9);
	r->tags = r->is_ruled && chance(g, 2) ? "a=b&c=d" : "";
	r->noncurrent_since_us = r->is_ruled ? a_time(g, 0) : 0;
	r->newer = r->is_ruled ? (uint32_t)rng_below(g, 3) : 0;
	r->upload = "";
	r->pin = chance(g, 9) ? "hot" : "";
	r->lock = chance(g, 9) ? "compliance" : "";
	r->retain_until_us = a_time(g, 0);
	r->legal_hold = chance(g, 9);
	r->reads = chance(g, 2) ? (uint64_t)number(g) : 0;
	r->bytes_read = r->reads / 2;
	r->r30 = chance(g, 2) ? r->reads / 3 : 0;
	r->r90 = chance(g, 2) ? r->reads / 3 : 0;
	r->last_read_us = a_time(g, 0);
	r->covered_to_us = a_time(g, 1790000000000000);
	r->covered_from_us = a_time(g, r->mtime_us);
	if (r->covered_from_us > r->covered_to_us)
		r->covered_from_us = r->covered_to_us;
	r->covered_days = chance(g, 3) ? 0 : rng_unit(g) * 400;
	/* mostly it is of so many milliseconds or microseconds */
	if (chance(g, 2))
		r->covered_days = (double)rng_below(g, 400000000) /
		    (chance(g, 2) ? 1e6 : 1e3);
	make_lists(g, m);
}

#define RECORDS 20000

static void
test_any(void)
{
	unsigned quick = 0, differ = 0, changed = 0, lost = 0;
	struct vt_scan_record got;
	struct vt_buf plain, b;
	struct rng g = { 11 };
	struct vt_err err;
	struct made m;
	int i, was_quick;

	vt_buf_init(&plain, 1 << 20);
	vt_buf_init(&b, 1 << 20);
	for (i = 0; i < RECORDS; i++) {
		make(&g, &m);
		vt_buf_reset(&plain);
		vt_buf_reset(&b);
		vt_scan_record_format_plain(&m.r, &plain);
		was_quick = vt_scan_record_format_quick(&m.r, &b);
		differ += was_quick && strcmp(b.data, plain.data) != 0;
		/* both ways of reading, which agree */
		if (compare(plain.data, plain.len - 1) < 0)
			lost++;
		vt_arena_reset(arena);
		if (vt_scan_record_parse(plain.data, plain.len - 1, arena,
		    &got, &err) != VT_OK)
			lost++;
		else
			changed += !same_record(&m.r, &got);
		quick += was_quick;
	}
	ok(quick > RECORDS / 2, "%u records of %d, %u the quick way", i, i,
	    quick);
	is_int(differ, 0, "which has the same bytes");
	is_int(lost, 0, "all are read");
	is_int(changed, 0, "and as they were");
	vt_buf_release(&plain);
	vt_buf_release(&b);
}

/* --- writing -------------------------------------------------------------- */

static void
agree(const struct vt_scan_record *r, int want, const char *what)
{
	struct vt_buf a, b;
	int was_quick;

	vt_buf_init(&a, 1 << 20);
	vt_buf_init(&b, 1 << 20);
	vt_scan_record_format_plain(r, &a);
	was_quick = vt_scan_record_format_quick(r, &b);
	is_int(was_quick, want, "%s: %s", what, want ? "quick" : "plain");
	if (was_quick)
		is_str(b.data, a.data, "and the same bytes");
	else
		is_int(b.len, 0, "and nothing of it was written");
	vt_buf_release(&a);
	vt_buf_release(&b);
}

static void
test_writing(void)
{
	static const uint64_t sizes[] = {
		0, 9, 10, 99, 100, 101, 999, 1000, 12345, 99999, 100000,
		UINT32_MAX, 1000000007, UINT64_MAX / 10, UINT64_MAX
	};
	static const double days[] = {
		0, -0.0, 1, 360, 0.5, 173.1058, 29.999999999, 1e-9, 1.5e-10,
		1 / 3.0, 999999.999999999, 999999.9999999999, 1e6, 1e18, -1.5
	};
	struct vt_scan_record r;
	uint64_t n;
	struct vt_err err;
	struct vt_buf b;
	size_t i;

	for (i = 0; i < LINES; i++) {
		if (vt_scan_record_parse(lines[i], strlen(lines[i]), arena,
		    &r, &err) != VT_OK)
			return;
		agree(&r, i != 1, "as it was read");
		r.also_count = 0;
		r.is_ruled = 0;
		agree(&r, 1, "without lists");
		r.is_ruled = 1;
		agree(&r, 1, "in a bucket with rules");
		r.tags = "a=b";
		r.noncurrent_since_us = INT64_C(1800000000000000);
		r.newer = 3;
		r.is_alone = 1;
		agree(&r, 1, "with all that rules ask");
		r.tags = "a=\"";
		agree(&r, 0, "with a tag that is escaped");
		r.is_ruled = 0;
		agree(&r, 1, "nobody asks for tags");
		r.pack = 7;
		r.pack_bytes = 1000000;
		r.pack_dead = 0.1 * (double)i;
		agree(&r, 1, "in a pack");
		r.pack_dead = 1 / 3.0;
		agree(&r, 1, "in one with a long fraction");
		r.pack = 0;
	}
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		r.size_bytes = sizes[i];
		r.copy = -(int64_t)(sizes[i] / 2);
		r.copy_since_us = (int64_t)(sizes[i] / 2);
		r.covered_days = (double)sizes[i] / 7;
		agree(&r, 1, "a number");
	}
	for (i = 0, n = 1; i < 20; i++, n *= 10) {
		r.size_bytes = n;
		r.stored_bytes = n - 1;
		r.reads = n + 1;
		agree(&r, 1, "a power of ten and its neighbours");
	}
	for (i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		r.covered_days = days[i];
		agree(&r, 1, "days");
	}
	r.key = "caf\xc3\xa9";
	r.key_len = 5;
	agree(&r, 0, "a name beyond ASCII");
	r.key = "a\"b";
	r.key_len = 3;
	agree(&r, 0, "a name with a quote");
	r.key = "k";
	r.key_len = 1;
	vt_buf_init(&b, 600);
	vt_scan_record_format(&r, &b);
	is_int(b.failed, 0, "a buffer that holds the line takes it");
	vt_buf_release(&b);
	vt_buf_init(&b, 60);
	vt_scan_record_format(&r, &b);
	is_int(b.failed, VT_TOO_LARGE, "one that does not says so");
	vt_buf_release(&b);
}

static void
agree_move(const struct vt_move *m, int want, const char *what)
{
	static const struct vt_move_known nothing;
	struct vt_move_known known = {
		m->version != NULL ? strlen(m->version) : 0, strlen(m->from),
		strlen(m->to), 0
	};
	struct vt_move_frame none = { .head_len = 0 }, own, others;
	struct vt_buf a, b, c, d;
	int was_quick;

	vt_buf_init(&a, 1 << 20);
	vt_buf_init(&b, 1 << 20);
	vt_buf_init(&c, 1 << 20);
	vt_buf_init(&d, 1 << 20);
	vt_move_format_plain(m, &a);
	was_quick = vt_move_format_quick(&none, m, &nothing, &b);
	is_int(was_quick, want, "a move, %s: %s", what,
	    want ? "quick" : "plain");
	is_str(b.data, was_quick ? a.data : "", "and the bytes");
	vt_move_frame_init(&own, m->plan, m->prices, m->policies);
	vt_move_format_in(&own, m, &known, &c);
	is_str(c.data, a.data, "and in a frame of its own");
	vt_move_frame_init(&others, "00", "11", "22");
	vt_move_format_in(&others, m, &known, &d);
	is_str(d.data, a.data, "and in another's");
	vt_buf_release(&a);
	vt_buf_release(&b);
	vt_buf_release(&c);
	vt_buf_release(&d);
}

static void
test_moves(void)
{
	struct vt_move m;

	memset(&m, 0, sizeof(m));
	m.bucket = "b";
	m.key = "dir/k";
	m.key_len = 5;
	m.from = "hot";
	m.to = "cold";
	agree_move(&m, 1, "of little");
	m.action = m.rule = m.upload = m.version = m.reason = "";
	agree_move(&m, 1, "of empty strings");
	m.rule = "old";
	m.plan = "0123456789abcdef";
	m.prices = "fedcba9876543210";
	m.policies = "00112233445566ff";
	m.policy = "photos/raw/";
	m.version = "00ff";
	m.seq = INT64_MIN;
	m.generation = 2;
	m.bucket_generation = -3;
	m.copy = 4;
	m.size_bytes = UINT64_MAX;
	m.saving_usd_month = 1.23456e-7;
	m.cost_usd = -0.1;
	m.payback_days = 1e300;
	m.reason = "no read in 90 days";
	m.not_after_us = 1795348800123000;
	agree_move(&m, 1, "of all");
	m.rule = m.policy = "";
	agree_move(&m, 1, "that nobody asked for");
	m.plan = "so \"called\"";
	agree_move(&m, 0, "of a plan with a quote");
	m.plan = "0123456789abcdef";
	m.reason = "so he said: \"no\"";
	agree_move(&m, 0, "with a quote");
	m.reason = "";
	m.action = "expire";
	agree_move(&m, 0, "that is a removal");
}

int
main(void)
{
	arena = vt_arena_new(1 << 24);
	if (arena == NULL)
		return 1;
	test_reading();
	test_rows();
	test_known();
	test_many_days();
	test_following();
	test_earlier();
	test_unusual();
	test_any();
	test_writing();
	test_moves();
	vt_arena_free(arena);
	return test_done();
}
