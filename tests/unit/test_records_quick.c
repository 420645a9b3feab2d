/* The quick way through the pipe's lines holds to the plain one: over lines as
 * vt-scan writes them, and over each of them with one thing changed. */
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/proto/records_internal.h"

#include "tests/unit/same_record.h"
#include "tests/unit/test.h"

#define HEAD "{\"v\":1,\"bucket\":\"b\",\"key\":\"dir/k\""
#define STATE ",\"current\":true,\"size\":5"
#define PLACE ",\"tier\":\"hot\",\"stored_bytes\":5"
#define HEAT ",\"reads\":0,\"bytes_read\":0,\"r30\":0,\"r90\":0," \
    "\"covered_days\":0"

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
	HEAD STATE PLACE ",\"pack\":71,\"pack_bytes\":64000000,"
	    "\"pack_dead\":0.25" HEAT "}",
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
	char *copy;

	vt_arena_reset(arena);
	copy = vt_arena_alloc(arena, len + VT_RECORD_BEHIND);
	if (copy == NULL)
		return -1;
	memcpy(copy, line, len);
	was_quick = vt_scan_record_parse_quick(copy, len, arena, &quick);
	if (!was_quick && memcmp(copy, line, len) != 0)
		return -1;
	bad = vt_scan_record_parse_plain(line, len, arena, &plain, &err) !=
	    VT_OK;
	if (was_quick && (bad || !same_record(&quick, &plain)))
		return -1;
	return was_quick;
}

/* Every byte of the line in turn another one, left out, and doubled. */
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
	size_t i, n;

	for (i = 0; i < LINES; i++) {
		is_int(compare(lines[i], strlen(lines[i])), 1,
		    "a line of vt-scan goes the quick way");
		spoil(lines[i]);
		for (n = 0; n < strlen(lines[i]); n++)
			if (compare(lines[i], n) != 0)
				break;
		is_int(n, strlen(lines[i]), "cut short it does not");
	}
}

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
		r.also_count = r.gap_count = 0;
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
	struct vt_buf a, b;
	int was_quick;

	vt_buf_init(&a, 1 << 20);
	vt_buf_init(&b, 1 << 20);
	vt_move_format_plain(m, &a);
	was_quick = vt_move_format_quick(m, &b);
	is_int(was_quick, want, "a move, %s: %s", what,
	    want ? "quick" : "plain");
	is_str(b.data, was_quick ? a.data : "", "and the bytes");
	vt_buf_release(&a);
	vt_buf_release(&b);
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
	test_writing();
	test_moves();
	vt_arena_free(arena);
	return test_done();
}
