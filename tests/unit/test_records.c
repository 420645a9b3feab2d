/* The lines of the pipe there and back, foreign logs, compressed lines. */
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/proto/accesslog.h"
#include "libvt/proto/foreignlog.h"
#include "libvt/proto/records.h"
#include "libvt/proto/zstream.h"

#include "tests/unit/test.h"

static struct vt_arena *arena;
static struct vt_err err;

/* --- moves ---------------------------------------------------------------- */

static void
test_move(void)
{
	static const char key[] = "a\xff\"\n\xc3\xa9";
	struct vt_move m, n;
	struct vt_buf b;

	memset(&m, 0, sizeof(m));
	m.plan = "0123456789abcdef";
	m.prices = "fedcba9876543210";
	m.policies = "00112233445566ff";
	m.policy = "photos/raw/";
	m.bucket = "photos";
	m.key = key;
	m.key_len = sizeof(key) - 1;
	m.version = "00000000000000000000000000000001";
	m.seq = INT64_MAX;
	m.generation = 3;
	m.bucket_generation = 4;
	m.copy = 5;
	m.from = "hot";
	m.to = "cold";
	m.size_bytes = UINT64_MAX;
	m.saving_usd_month = 0.0196;
	m.cost_usd = 0.00002;
	m.payback_days = 15.7;
	m.reason = "no read in 90 days";
	m.not_after_us = INT64_C(1795348800000000);
	vt_buf_init(&b, 4096);
	vt_move_format(&m, &b);
	ok(b.len > 0 && b.data[b.len - 1] == '\n', "a move is a line");
	is_int(vt_move_parse(b.data, b.len - 1, arena, &n, &err), VT_OK,
	    "that is read back");
	ok(n.key_len == m.key_len && memcmp(n.key, key, n.key_len) == 0,
	    "any bytes are a key");
	ok(n.seq == m.seq && n.generation == 3 && n.bucket_generation == 4 &&
	    n.copy == 5 && n.size_bytes == UINT64_MAX,
	    "numbers keep all their digits");
	is_str(n.from, "hot", "from");
	is_str(n.to, "cold", "to");
	is_str(n.plan, m.plan, "plan");
	is_str(n.prices, m.prices, "prices");
	is_str(n.policies, m.policies, "policies");
	is_str(n.policy, m.policy, "policy");
	is_str(n.version, m.version, "version");
	is_str(n.reason, m.reason, "reason");
	ok(n.not_after_us == m.not_after_us, "not_after");
	ok(n.saving_usd_month == 0.0196 && n.cost_usd == 0.00002 &&
	    n.payback_days == 15.7, "dollars and days");
	vt_buf_release(&b);
}

/* There and back; 1 when the line names `field`. */
static int
again(const struct vt_move *m, struct vt_move *out, const char *field)
{
	struct vt_buf b;
	int has;

	vt_buf_init(&b, 4096);
	vt_move_format(m, &b);
	if (vt_move_parse(b.data, b.len - 1, arena, out, &err) != VT_OK)
		printf("# %s\n", err.text);
	has = strstr(b.data, field) != NULL;
	vt_buf_release(&b);
	return has;
}

static void
test_pack(void)
{
	struct vt_move m, n;

	memset(&m, 0, sizeof(m));
	m.action = "pack";
	m.pack = "0123456789abcdef";
	m.bucket = "photos";
	m.key = "a/\xff";
	m.key_len = 3;
	m.to = "cold";
	m.objects = 658;
	m.pack_bytes = 67042304;
	m.size_bytes = 65800000;
	ok(!again(&m, &n, "\"key\""), "a pack has no key");
	ok(vt_move_is_packing(&n) && n.objects == 658 &&
	    n.pack_bytes == 67042304 && n.size_bytes == 65800000 &&
	    n.key_len == 3 && memcmp(n.key, "a/\xff", 3) == 0,
	    "but a prefix, members and bytes");
	is_str(n.pack, m.pack, "and a name");
	is_str(n.to, "cold", "and a tier");
	m.action = "pack-member";
	m.seq = 7;
	m.copy = 8;
	m.from = "hot";
	ok(again(&m, &n, "\"key\""), "a member has one");
	ok(vt_move_is_packing(&n) && n.seq == 7 && n.copy == 8,
	    "and all of a move");
	is_str(n.pack, m.pack, "and its pack");
	n.action = "expire";
	ok(!vt_move_is_packing(&n), "a removal has nothing to do with it");
	m.action = "repack";
	m.pack = "";
	m.blob = 4097;
	ok(!again(&m, &n, "\"key\"") && !vt_move_is_packing(&n) &&
	    n.blob == 4097 && n.objects == 658 && n.pack_bytes == 67042304,
	    "a pack to be written anew is a blob");
}

static void
bad_move(const char *line, const char *words)
{
	struct vt_move m;

	ok(vt_move_parse(line, strlen(line), arena, &m, &err) == VT_INVALID &&
	    strstr(err.text, words) != NULL, "refused: %s", err.text);
}

static void
test_bad_moves(void)
{
	static const char least[] = "{\"v\":1,\"bucket\":\"b\",\"key\":\"k\","
	    "\"seq\":1,\"copy\":2,\"from\":\"a\",\"to\":\"b\",\"new\":[1]}";
	struct vt_move m;

	is_int(vt_move_parse(least, strlen(least), arena, &m, &err), VT_OK,
	    "the least of a move, and fields of the future");
	is_str(m.reason, "", "what is absent is empty");
	is_int(m.not_after_us, 0, "or 0");
	bad_move("", "not a JSON object");
	bad_move("{\"v\":1", "not a JSON object");
	bad_move("{}", "'v' is missing");
	bad_move("{\"v\":2}", "'v' is not 1");
	bad_move("{\"v\":1,\"key\":\"k\"}", "'bucket' is missing");
	bad_move("{\"v\":1,\"bucket\":7}", "'bucket' is not text");
	bad_move("{\"v\":1,\"bucket\":\"a\\u0000b\",\"key\":\"k\"}", "NUL");
	bad_move("{\"v\":1,\"bucket\":\"b\",\"key\":\"k\",\"seq\":1.5}",
	    "'seq' is not a whole number");
	bad_move("{\"v\":1,\"bucket\":\"b\",\"key\":\"k\",\"seq\":1,"
	    "\"copy\":2,\"from\":\"a\",\"to\":\"b\",\"not_after\":\"soon\"}",
	    "RFC 3339");
	bad_move("{\"v\":1,\"bucket\":\"b\",\"key\":\"k\",\"seq\":1,"
	    "\"copy\":2,\"from\":\"a\",\"to\":\"b\",\"pack\":\"01\"}",
	    "'pack' goes with the actions of packs alone");
	bad_move("{\"v\":1,\"action\":\"pack-member\",\"bucket\":\"b\","
	    "\"key\":\"k\",\"seq\":1,\"copy\":2,\"from\":\"a\","
	    "\"to\":\"b\"}", "'pack' is missing");
	bad_move("{\"v\":1,\"action\":\"pack\",\"bucket\":\"b\","
	    "\"pack\":\"01\"}", "'to' is missing");
	bad_move("{\"v\":1,\"action\":\"unpack\",\"bucket\":\"b\","
	    "\"key\":\"k\",\"pack\":\"01\"}", "'action' is none");
	bad_move("{\"v\":1,\"action\":\"repack\",\"bucket\":\"b\","
	    "\"to\":\"b\"}", "'blob' is missing");
	bad_move("{\"v\":1,\"bucket\":\"b\",\"key\":\"k\",\"seq\":1,"
	    "\"copy\":2,\"from\":\"a\",\"to\":\"b\",\"blob\":3}",
	    "'blob' goes with the action repack alone");
}

/* --- versions ------------------------------------------------------------- */

static void
test_record(void)
{
	struct vt_heat_day h[] = {
		{ 20000, 20029, 12, 40, 4000 },
		{ 20030, 20030, 1, 2, 200 },
	};
	struct vt_heat_gap g[] = { { 1728000000000000, 60000000 } };
	const char *also[] = { "warm", "cold" };
	struct vt_scan_record r, s;
	struct vt_buf b;

	memset(&r, 0, sizeof(r));
	r.bucket = "photos";
	r.key = "2026/\xe9";
	r.key_len = 6;
	r.version = "00000000000000000000000000000001";
	r.seq = 9;
	r.generation = 2;
	r.is_current = 1;
	r.size_bytes = 123;
	r.mtime_us = 1727000000123000;
	r.tier = "hot";
	r.storage_class = "STANDARD";
	r.copy = 4;
	r.copy_since_us = 1727000000123000;
	r.stored_bytes = 100;
	r.adopted = 1;
	r.pack = 11;
	r.pack_bytes = 1000;
	r.pack_dead = 0.25;
	r.also = also;
	r.also_count = 2;
	r.pin = "hot";
	r.lock = "compliance";
	r.retain_until_us = 1827000000000000;
	r.legal_hold = 1;
	r.reads = 42;
	r.bytes_read = 4200;
	r.r30 = 2;
	r.r90 = 42;
	r.last_read_us = 1730592000000000;
	r.covered_from_us = 1727000000123000;
	r.covered_to_us = 1730600000000000;
	r.covered_days = 41.66;
	r.gaps = g;
	r.gap_count = 1;
	r.h = h;
	r.h_count = 2;
	vt_buf_init(&b, 4096);
	vt_scan_record_format(&r, &b);
	is_int(vt_scan_record_parse(b.data, b.len - 1, arena, &s, &err),
	    VT_OK, "a version is written and read back");
	ok(s.key_len == 6 && memcmp(s.key, r.key, 6) == 0, "its key");
	ok(s.seq == 9 && s.generation == 2 && s.is_current &&
	    s.size_bytes == 123 && s.mtime_us == r.mtime_us && s.copy == 4 &&
	    s.stored_bytes == 100 && s.adopted && s.legal_hold &&
	    s.retain_until_us == r.retain_until_us, "its fields");
	ok(s.reads == 42 && s.bytes_read == 4200 && s.r30 == 2 &&
	    s.r90 == 42 && s.last_read_us == r.last_read_us &&
	    s.covered_days == 41.66 &&
	    s.covered_to_us == r.covered_to_us, "its heat");
	ok(s.pack == 11 && s.pack_bytes == 1000 && s.pack_dead == 0.25,
	    "its pack");
	is_int(s.also_count, 2, "other copies");
	is_str(s.also[1], "cold", "are named");
	is_str(s.lock, "compliance", "lock");
	is_str(s.pin, "hot", "pin");
	ok(s.h_count == 2 && s.h[0].days == 12 && s.h[0].last == 20029 &&
	    s.h[1].days == 1 && s.h[1].gets == 2 && s.h[1].bytes == 200,
	    "its history, folded and not");
	ok(s.gap_count == 1 && s.gaps[0].from_us == g[0].from_us &&
	    s.gaps[0].length_us == 60000000, "its gaps");
	vt_buf_release(&b);
}

static void
bad_record(const char *rest)
{
	struct vt_scan_record r;
	char line[512];

	snprintf(line, sizeof(line), "{\"v\":1,\"bucket\":\"b\","
	    "\"key\":\"k\",\"size\":1,\"tier\":\"hot\",%s}", rest);
	ok(vt_scan_record_parse(line, strlen(line), arena, &r, &err) ==
	    VT_INVALID, "refused: %s", err.text);
}

static void
test_bad_records(void)
{
	bad_record("\"h\":7");
	bad_record("\"h\":[1,3,2]");
	bad_record("\"h\":[1,1]");
	bad_record("\"h\":[[1]]");
	bad_record("\"h\":[[1,1,1],1]");
	bad_record("\"h\":[1 2]");
	bad_record("\"h\":[1,\"2\"]");
	bad_record("\"h\":[1,2.5]");
	bad_record("\"h\":[-]");
	bad_record("\"h\":[10000001]");
	bad_record("\"h\":[[1,2]]");
	bad_record("\"h\":[[]]");
	bad_record("\"h\":[[1,2,-3]]");
	bad_record("\"h\":[[2,1,1],[1,1,1]]");
	bad_record("\"h\":[[1,1,1],[1,1,1]]");
	bad_record("\"h\":[[1,1,1,5,2]]");
	bad_record("\"h\":[[1,1,1,2,2,2]]");
	bad_record("\"h\":[[1,1,99999999999999999999]]");
	bad_record("\"gaps\":[[5,5],[9,1]]");
	bad_record("\"gaps\":[[5]]");
	bad_record("\"gaps\":[5]");
	bad_record("\"covered_from\":\"2026-01-02T00:00:00Z\","
	    "\"covered_to\":\"2026-01-01T00:00:00Z\"");
	bad_record("\"size\":-1,\"covered_days\":-1");
	bad_record("\"legal_hold\":\"yes\"");
	bad_record("\"also\":\"warm\"");
	bad_record("\"pack_dead\":1.5");
}

/* --- logs ----------------------------------------------------------------- */

static struct vt_logparser *parser;
static struct vt_log_event event;

static enum vt_code
feed(const char *line)
{
	return vt_logparser_line(parser, line, strlen(line), &event, &err);
}

static int
named(const struct vt_log_name *n, const char *bucket, const char *key)
{
	return n->bucket_len == strlen(bucket) &&
	    memcmp(n->bucket, bucket, n->bucket_len) == 0 &&
	    n->key_len == strlen(key) && memcmp(n->key, key, n->key_len) == 0;
}

static void
use(enum vt_log_format format)
{
	vt_logparser_free(parser);
	parser = vt_logparser_new(format, "site");
	if (parser == NULL)
		exit(1);
}

static enum vt_code
feed_access(struct vt_access *a)
{
	static struct vt_buf b;
	enum vt_code rc;

	vt_buf_release(&b);	/* the last event's names die here */
	vt_buf_init(&b, 4096);
	vt_accesslog_format(a, &b);
	rc = vt_logparser_line(parser, b.data, b.len - 1, &event, &err);
	return rc;
}

static void
test_ours(void)
{
	struct vt_access a;

	use(VT_LOG_VAULTAIRE);
	memset(&a, 0, sizeof(a));
	a.time_us = INT64_C(1795348800123000);
	a.actor = "client";
	a.op = "GetObject";
	a.bucket = "b";
	a.key = "k\"\xff";
	a.key_len = 3;
	a.version = "null";
	a.status = 206;
	a.range_first = a.range_length = a.copy_id = -1;
	a.bytes_out = 77;
	a.size = 1000;
	is_int(feed_access(&a), VT_OK, "a GET that the server wrote");
	ok(event.kind == VT_LOG_READ && event.count == 1 &&
	    event.bytes == 77 && event.has_size && event.size_bytes == 1000 &&
	    event.time_us == a.time_us && named(&event.object, "b", a.key) &&
	    event.object.version_len == 4, "is a read of its range");
	a.time_us += 500000;
	is_int(feed_access(&a), VT_OK, "another of that second");
	ok(event.time_us == a.time_us, "has its own time");
	a.actor = "migrate";
	is_int(feed_access(&a), VT_ABSENT, "our own reads are no heat");
	a.actor = "client";
	a.status = 404;
	is_int(feed_access(&a), VT_ABSENT, "nor are failed ones");
	a.status = 304;
	is_int(feed_access(&a), VT_ABSENT, "nor is 304");
	a.status = 200;
	a.op = "HeadObject";
	is_int(feed_access(&a), VT_ABSENT, "nor is HEAD");
	a.op = "CopyObject";
	a.source = "src/dir/x?versionId=v1";
	is_int(feed_access(&a), VT_OK, "a copy");
	ok(event.kind == VT_LOG_WRITE && event.has_source &&
	    named(&event.source, "src", "dir/x") &&
	    event.source.version_len == 2 && event.bytes == 1000,
	    "reads its source");
	a.op = "UploadPartCopy";
	a.range_first = 0;
	a.range_length = 10;
	is_int(feed_access(&a), VT_OK, "a part copied");
	ok(event.kind == VT_LOG_READ && event.bytes == 10 &&
	    named(&event.object, "src", "dir/x"), "is a read of a range");
	is_int(feed("{\"v\":1,\"op\":\"log\",\"time\":\"2026-11-22T12:01:00Z\","
	    "\"node\":\"n\",\"from\":\"2026-11-22T12:00:00.000Z\","
	    "\"to\":\"2026-11-22T12:01:00.000Z\",\"dropped\":2}"), VT_OK,
	    "coverage");
	ok(event.kind == VT_LOG_COVERAGE && event.dropped == 2 &&
	    event.to_us - event.from_us == 60000000, "of a minute");
	is_int(feed("{\"v\":1,\"op\":\"log\"}"), VT_INVALID, "or of nothing");
	is_int(feed("{"), VT_INVALID, "half a line");
	is_int(feed(""), VT_ABSENT, "an empty one");
}

static void
test_foreign(void)
{
	use(VT_LOG_S3);
	is_int(feed("79a5 awsbucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3 "
	    "79a5 3E57 REST.GET.OBJECT photos/a%20b.jpg \"GET /awsbucket/"
	    "photos/a%2520b.jpg HTTP/1.1\" 200 - 113 1130 7 5 \"-\" \"S3/0.4\" "
	    "-"), VT_OK, "an S3 access log line");
	ok(event.kind == VT_LOG_READ && event.bytes == 113 &&
	    event.size_bytes == 1130 &&
	    event.time_us == INT64_C(1549411238000000) &&
	    named(&event.object, "awsbucket", "photos/a b.jpg"),
	    "its key decoded");
	is_int(feed("79a5 b [06/Feb/2019:00:00:38 +0000] - - 3E57 "
	    "S3.EXPIRE.OBJECT k \"-\" - - - 5 - - \"-\" \"-\" -"), VT_OK,
	    "an expiry");
	is_int(event.kind, VT_LOG_DELETE, "deletes");
	is_int(feed("79a5 b [06/Feb/2019:00:00:38 +0000] 1.2.3.4 a 3E57 "
	    "REST.GET.VERSIONING - \"GET /b?versioning HTTP/1.1\" 200 - 113 - "
	    "7 - \"-\" \"S3/0.4\" -"), VT_ABSENT, "no object's");
	is_int(feed("79a5 b 06/Feb/2019 x"), VT_INVALID, "cut short");

	use(VT_LOG_COMBINED);
	is_int(feed("83.149.9.216 - - [17/May/2015:10:05:03 +0000] \"GET "
	    "/images/a%2Bb.png?x=1 HTTP/1.1\" 200 203023 \"http://r\" \"a "
	    "\\\"b\\\"\""), VT_OK, "a web log line");
	ok(event.kind == VT_LOG_READ && event.bytes == 203023 &&
	    named(&event.object, "site", "images/a+b.png"),
	    "its path without query, decoded");
	is_int(feed("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET / "
	    "HTTP/1.0\" 200 5"), VT_OK, "the common format, the root");
	ok(named(&event.object, "site", "index.html"), "has a name");
	is_int(feed("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"\\x16\" 400 "
	    "0"), VT_ABSENT, "a scanner's line");
	is_int(feed("hello"), VT_INVALID, "no log line");
}

static void
test_csv(void)
{
	use(VT_LOG_CSV);
	is_int(feed("1,GET,a,5"), VT_INVALID, "csv wants its header");
	vt_logparser_file(parser);
	is_int(feed("time_s,op,key,size,count,bytes"), VT_ABSENT, "header");
	is_int(feed("1.5,GET,a,5,3,7"), VT_OK, "a row");
	ok(event.time_us == 1500000 && event.count == 3 && event.bytes == 7 &&
	    event.size_bytes == 5 && named(&event.object, "site", "a"),
	    "with all its columns");
	is_int(feed("2,GET,\"a,\"\"b\"\"\",5,2"), VT_OK, "a quoted key");
	ok(named(&event.object, "site", "a,\"b\"") && event.bytes == 10,
	    "undone; bytes are size times count");
	is_int(feed("2,HEAD,a,5"), VT_ABSENT, "HEAD is no access");
	is_int(feed("2,EAT,a,5"), VT_INVALID, "an unknown operation");
	is_int(feed("x,GET,a,5"), VT_INVALID, "no time");
	is_int(feed("2,GET,a"), VT_INVALID, "too few");
	is_int(feed("2,GET,a,b"), VT_INVALID, "no size");
	is_int(feed("2,GET,\"a,5"), VT_INVALID, "an open quote");
	is_int(feed("2,GET,,5"), VT_INVALID, "no key");
	vt_logparser_file(parser);
	is_int(feed("size,key,op,time_s\r"), VT_ABSENT, "any order, CRLF");
	is_int(feed("5,k,PUT,9\r"), VT_OK, "a row of it");
	ok(event.kind == VT_LOG_WRITE && event.time_us == 9000000 &&
	    event.size_bytes == 5, "is understood");
}

/* --- compressed lines ----------------------------------------------------- */

static uint64_t
count_lines(const char *command, size_t max, int *large, enum vt_code *last)
{
	FILE *f = popen(command, "r");
	struct vt_zlines *z = vt_zlines_open(fileno(f), max);
	const char *line;
	uint64_t n = 0, number;
	size_t len;

	*large = 0;
	while ((*last = vt_zlines_next(z, &line, &len, &number, &err)) ==
	    VT_OK || *last == VT_TOO_LARGE) {
		*large += *last == VT_TOO_LARGE;
		n += *last == VT_OK;
	}
	vt_zlines_close(z);
	pclose(f);
	return n;
}

static void
test_lines(void)
{
	enum vt_code last;
	int large;

	is_int(count_lines("seq 100000", 100, &large, &last), 100000,
	    "plain lines");
	is_int(count_lines("seq 100000 | gzip", 100, &large, &last), 100000,
	    "gzip");
	is_int(count_lines("(seq 10 | gzip; seq 10 | gzip)", 100, &large,
	    &last), 20, "two members of gzip");
	is_int(count_lines("seq 100000 | zstd -q", 100, &large, &last),
	    100000, "zstd");
	is_int(count_lines("printf 'a\\nb'", 100, &large, &last), 2,
	    "no newline at the end");
	is_int(count_lines("true", 100, &large, &last), 0, "nothing");
	is_int(last, VT_ABSENT, "is an end");
	is_int(count_lines("true | gzip", 100, &large, &last), 0,
	    "nothing, compressed");
	is_int(last, VT_ABSENT, "is an end too");
	is_int(count_lines("echo a; head -c 1000000 /dev/zero; echo; echo b",
	    100, &large, &last), 2, "a line over the maximum is skipped");
	is_int(large, 1, "and told");
	count_lines("seq 100000 | gzip | head -c 1000", 100, &large, &last);
	is_int(last, VT_CORRUPT, "a cut stream is corrupt");
}

int
main(void)
{
	arena = vt_arena_new(1 << 20);
	if (arena == NULL)
		return 1;
	test_move();
	test_pack();
	test_bad_moves();
	test_record();
	test_bad_records();
	test_ours();
	test_foreign();
	test_csv();
	test_lines();
	vt_logparser_free(parser);
	vt_arena_free(arena);
	return test_done();
}
