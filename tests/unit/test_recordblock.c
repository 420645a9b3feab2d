/* Records in blocks and streams of them: they come back as they were, say what
 * lines say, and damage of any kind is told and never followed. */
#include <endian.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/proto/recordstream.h"

#include "tests/unit/made_record.h"
#include "tests/unit/same_record.h"
#include "tests/unit/test.h"

#define RECORDS 20000

static struct vt_block_reader reader;
static struct vt_days_room room;

/* The last days of `m` alone: as many as there should be, and the same. */
static int
same_end(const struct made *m, const struct vt_scan_record *got, double within)
{
	const struct vt_heat_day *h = m->r.h + m->r.h_count, *g;

	while (h > m->r.h && m->r.h[m->r.h_count - 1].last - h[-1].last <=
	    within)
		h--;
	if (got->h_count != (size_t)(m->r.h + m->r.h_count - h))
		return 0;
	for (g = got->h; g < got->h + got->h_count; g++, h++)
		if (g->day != h->day || g->last != h->last ||
		    g->gets != h->gets || g->bytes != h->bytes)
			return 0;
	return 1;
}

/* The block, to be read. */
static void
open_block(struct vt_block *k)
{
	if (vt_buf_reserve(&k->bytes, VT_BLOCK_BEHIND) == NULL)
		abort();
	vt_block_open(&reader, k->bytes.data + VT_BLOCK_HEADER,
	    vt_block_len(k));
}

static void
test_there_and_back(void)
{
	size_t i, wrong = 0, ends = 0, buckets = 0;
	struct vt_scan_record bucket, got;
	struct rng g = { 3 };
	struct vt_block k;
	struct made m;

	vt_block_init(&k);
	make_bucket(&bucket);
	for (i = 0; i < RECORDS; i++) {
		make_record(&g, &m);
		wrong += vt_block_add(&k, &m.r) < 0;
		if (i % 100 == 99)
			wrong += vt_block_add(&k, &bucket) < 0;
	}
	is_int(wrong, 0, "%d records are added", RECORDS);
	g.state = 3;
	open_block(&k);
	for (i = 0; i < RECORDS; i++) {
		make_record(&g, &m);
		wrong += vt_block_next(&reader, &got) != VT_OK ||
		    vt_record_days(&got, 400, &room) != VT_OK ||
		    !same_end(&m, &got, 400);
		ends += got.h_count > 0 && got.h_count < m.r.h_count;
		wrong += vt_record_days(&got, 0, &room) != VT_OK ||
		    !same_end(&m, &got, 0) ||
		    vt_record_days(&got, INFINITY, &room) != VT_OK ||
		    !same_record(&m.r, &got);
		if (i % 100 == 99) {
			wrong += vt_block_next(&reader, &got) != VT_OK ||
			    !same_record(&bucket, &got);
			buckets++;
		}
	}
	is_int(wrong, 0, "and come back as they were, with %zu of buckets",
	    buckets);
	ok(ends > 1000, "of %zu the last days alone", ends);
	is_int(vt_block_next(&reader, &got), VT_ABSENT, "to the end");
	vt_block_release(&k);
}

/* --- what is told by what came before ------------------------------------- */

/* A key of `len` bytes that others begin like, but for its end. */
static void
name(char *key, size_t len, unsigned number)
{
	memset(key, 'x', len);
	key[len] = '\0';
	if (len >= 4) {
		key[len - 4] = (char)('0' + number / 100 % 10);
		key[len - 3] = (char)('0' + number / 10 % 10);
		key[len - 2] = (char)('0' + number % 10);
	}
}

/* One of a scan: numbers in a row, times to the microsecond, and days that are
 * those of the covered time. */
static void
make_usual(struct vt_scan_record *r, char *key, unsigned i)
{
	static const size_t len[] = { 0, 1, 3, 8, 20, 40, 254, 255, 256, 300,
	    509, 510, 511, 512, 900 };
	static const char *const version[] = {
		"0123456789abcdef0123456789abcdef", "",
		"0123456789ABCDEF0123456789abcdef", "null",
		"0123456789abcdef0123456789abcde", "another, of many words"
	};

	memset(r, 0, sizeof(*r));
	r->kind = VT_SCAN_VERSION;
	r->bucket = i % 100 < 50 ? "b" : "photos";
	name(key, len[i / 3 % (sizeof(len) / sizeof(*len))], i % 999);
	r->key = key;
	r->key_len = strlen(key);
	r->version = version[i % 7 % 6];
	r->tier = r->storage_class = r->tags = r->upload = "";
	r->pin = r->lock = "";
	r->seq = (int64_t)((uint64_t)1 << i % 64);
	r->copy = i % 5 == 0 ? 3 : r->seq | 1;
	r->generation = i % 200 == 0;
	r->size_bytes = UINT64_MAX >> i % 65 % 64;
	r->mtime_us = 1700000000000000 + (int64_t)i * 1000003000;
	r->copy_since_us = r->mtime_us - i % 2 * 5000;
	r->stored_bytes = r->size_bytes - i % 3;
	r->reads = UINT64_MAX >> i % 63;
	r->bytes_read = i % 3 == 0 ? 7 : r->reads * r->size_bytes;
	r->r90 = i % 4;
	r->last_read_us = i % 6 == 0 ? 0 : r->mtime_us + 77000000;
	if (i % 10 == 0)
		return;
	r->covered_from_us = i % 3 == 0 ? 1700000000123000 : r->mtime_us;
	r->covered_to_us = 1780000000000000;
	r->covered_days = (double)((r->covered_to_us - r->covered_from_us) *
	    10 / 864 + i % 4) / 1e9;
	if (i % 11 == 0)
		r->covered_days = i % 2 ? 1e-300 : 1e300;
}

static void
test_usual(void)
{
	size_t i, wrong = 0, sum = 0;
	struct vt_scan_record r, got, first = { .key = "", .version = "" };
	struct vt_block k;
	char key[KEY_MAX + 1], kept[KEY_MAX + 1] = "";

	vt_block_init(&k);
	for (i = 0; i < RECORDS; i++) {
		make_usual(&r, key, (unsigned)i);
		sum += r.key_len;
		wrong += vt_block_add(&k, &r) < 0;
	}
	is_int(wrong, 0, "%d as of a scan are added", RECORDS);
	ok(vt_block_len(&k) < sum, "in %zu bytes, with keys of %zu",
	    vt_block_len(&k), sum);
	open_block(&k);
	for (i = 0; i < RECORDS; i++) {
		make_usual(&r, key, (unsigned)i);
		if (vt_block_next(&reader, &got) != VT_OK ||
		    vt_record_days(&got, INFINITY, &room) != VT_OK ||
		    !same_record(&r, &got))
			wrong++;
		if (i == 20) {
			first = got;
			memcpy(kept, key, sizeof(kept));
		}
	}
	is_int(wrong, 0, "and come back as they were");
	ok(strcmp(first.key, kept) == 0 && first.key_len == strlen(kept) &&
	    strcmp(first.version, "") != 0,
	    "what was read first is still there");
	is_int(vt_block_next(&reader, &got), VT_ABSENT, "to the end");
	vt_block_release(&k);
}

/* Keys can be many times what they take in a block. */
static void
test_text_limit(void)
{
	/* the first is a string in the block */
	const size_t most = 1 + (VT_BLOCK_MAX - 34) / (256 + 34);
	char key[300], *more;
	size_t count = 0, one = 0, before = 0;
	struct vt_scan_record r, got;
	struct vt_block k;

	make_usual(&r, key, 10);
	name(key, 256, 0);
	r.key = key;
	r.key_len = 256;
	r.version = "";
	vt_block_init(&k);
	while (count < 1000000 && vt_block_add(&k, &r) == 0) {
		count++;
		one = vt_block_len(&k) - before;
		before = vt_block_len(&k);
	}
	is_int(count, most, "keys of a block have an end");
	ok(k.count == count && vt_block_len(&k) == before &&
	    one < 64, "which is none of its %zu bytes", before);
	open_block(&k);
	while (count > 0 && vt_block_next(&reader, &got) == VT_OK)
		count--;
	is_int(count, 0, "all that fit are read");
	is_int(vt_block_next(&reader, &got), VT_ABSENT, "to the end");
	/* another one like the last */
	more = malloc(before + one + VT_BLOCK_BEHIND);
	memcpy(more, k.bytes.data + VT_BLOCK_HEADER, before);
	memcpy(more + before, more + before - one, one);
	vt_block_open(&reader, more, before + one);
	while (vt_block_next(&reader, &got) == VT_OK)
		count++;
	is_int(count, most, "and no more than that");
	is_int(vt_block_next(&reader, &got), VT_CORRUPT, "of anybody's");
	free(more);
	vt_block_release(&k);
}

/* Beginnings of a record that none has: VT_CORRUPT. */
static void
test_heads(void)
{
	static const struct {
		const char *what;
		uint64_t bits;
	} t[] = {
		{ "of a flag that is not known", 1 << 15 },
		{ "of bytes of a key that is not there", 1 << 16 },
		{ "of more bytes of a key than there are", 0xff << 24 },
		{ "of a number of 9 bytes", UINT64_C(9) << 32 },
		{ "of a last number of 15", UINT64_C(15) << 60 },
		{ "of more numbers than there are", UINT64_C(0x8888) << 48 },
		{ "of days that are not there", 1 << 14 },
		{ "of a version that is not there", 1 << 3 },
	};
	char bytes[16 + VT_BLOCK_BEHIND] = "";
	struct vt_scan_record got;
	uint64_t bits;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		bits = htole64(t[i].bits | 1 << 6 | 1 << 7);
		memcpy(bytes, &bits, sizeof(bits));
		vt_block_open(&reader, bytes, 8);
		is_int(vt_block_next(&reader, &got), VT_CORRUPT,
		    "a beginning %s", t[i].what);
	}
	bits = htole64(1 << 2 | 1 << 6 | 1 << 7);
	memcpy(bytes, &bits, sizeof(bits));
	bytes[9] = (char)0x80;
	vt_block_open(&reader, bytes, 10);
	is_int(vt_block_next(&reader, &got), VT_CORRUPT,
	    "more flags that are not known");
	bytes[9] = 0;
	vt_block_open(&reader, bytes, 10);
	is_int(vt_block_next(&reader, &got), VT_OK,
	    "without them it would be one");
}

/* What a line drops is dropped here: both say the same. */
static void
test_as_lines(void)
{
	struct vt_arena *a = vt_arena_new(64 << 20);
	struct vt_heat_gap gap = { 5999999, 7999999 };
	struct vt_scan_record line, got;
	struct rng g = { 11 };
	struct vt_block k;
	struct vt_buf text;
	struct made m;
	struct vt_err err;
	size_t i, wrong = 0;

	vt_block_init(&k);
	vt_buf_init(&text, 64 << 20);
	for (i = 0; i < 3000; i++) {
		make_record(&g, &m);
		m.r.kind = VT_SCAN_VERSION;
		m.r.is_ruled = 1;
		m.r.upload = "";
		m.r.also_count = 0;
		m.r.seq |= 1;
		m.r.gaps = &gap;
		m.r.gap_count = 1;
		m.r.mtime_us = 1700000000123456 + (int64_t)i;
		m.r.copy_since_us = i % 2 ? m.r.mtime_us : -1234567;
		m.r.covered_from_us = m.r.mtime_us;
		m.r.size_bytes >>= 4;
		m.r.noncurrent_since_us = 0;
		m.r.last_read_us = 1700000000999999;
		while (m.r.h_count > 0 && m.r.h[m.r.h_count - 1].gets >> 59)
			m.r.h_count--;
		vt_arena_reset(a);
		vt_buf_reset(&text);
		vt_block_reset(&k);
		vt_scan_record_format(&m.r, &text);
		if (vt_scan_record_parse(text.data, text.len - 1, a, &line,
		    &err) != VT_OK)
			continue;	/* numbers that no line has */
		wrong += vt_block_add(&k, &m.r) < 0;
		open_block(&k);
		if (vt_block_next(&reader, &got) != VT_OK ||
		    vt_record_days(&got, INFINITY, &room) != VT_OK ||
		    !same_record(&line, &got))
			wrong++;
	}
	is_int(wrong, 0, "a block says what a line says, no more exactly");
	vt_block_release(&k);
	vt_buf_release(&text);
	vt_arena_free(a);
}

/* A block of a few records, sealed. */
static void
fill(struct vt_block *k, uint64_t seed, int count, uint64_t before)
{
	struct rng g = { seed };
	struct made m;

	vt_block_init(k);
	while (count-- > 0) {
		make_record(&g, &m);
		m.r.key_len = m.r.key_len > 30 ? 30 : m.r.key_len;
		m.key[m.r.key_len] = '\0';
		if (vt_block_add(k, &m.r) < 0)
			abort();
	}
	if (vt_block_seal(k, before) < 0)
		abort();
}

/* Read all that can be read; how it ended. */
static enum vt_code
read_through(const char *records, size_t len)
{
	struct vt_scan_record got;
	enum vt_code rc, days;

	vt_block_open(&reader, records, len);
	while ((rc = vt_block_next(&reader, &got)) == VT_OK) {
		days = vt_record_days(&got, INFINITY, &room);
		if (days != VT_OK && days != VT_CORRUPT)
			return days;
	}
	return rc;
}

static void
test_damage(void)
{
	size_t i, len, bad = 0, quiet = 0, cut = 0;
	struct vt_block k;
	char *copy;
	enum vt_code rc;
	int bit;

	fill(&k, 21, 12, 0);
	len = vt_block_len(&k);
	is_int(vt_block_verify(&k), 0, "a block is what was sealed");
	copy = malloc(len + VT_BLOCK_BEHIND);
	for (i = 0; i < k.bytes.len; i++)
		for (bit = 0; bit < 8; bit++) {
			k.bytes.data[i] ^= (char)(1 << bit);
			quiet += vt_block_verify(&k) == 0;
			if (i >= VT_BLOCK_HEADER) {
				memcpy(copy, k.bytes.data + VT_BLOCK_HEADER,
				    len);
				memset(copy + len, 0xff, VT_BLOCK_BEHIND);
				rc = read_through(copy, len);
				bad += rc != VT_ABSENT && rc != VT_CORRUPT;
			}
			k.bytes.data[i] ^= (char)(1 << bit);
		}
	is_int(quiet, 0, "with any bit of its %zu bytes changed it is not",
	    k.bytes.len);
	is_int(bad, 0, "and if it is read all the same, it is read safely");
	free(copy);
	for (i = 1; i < len; i++) {
		copy = malloc(i + VT_BLOCK_BEHIND);
		memcpy(copy, k.bytes.data + VT_BLOCK_HEADER, i);
		memset(copy + i, 0, VT_BLOCK_BEHIND);
		rc = read_through(copy, i);
		bad += rc != VT_ABSENT && rc != VT_CORRUPT;
		cut += rc == VT_ABSENT;
		free(copy);
	}
	is_int(bad, 0, "cut at any byte too");
	is_int(cut, 11, "which only between two records goes unnoticed");
	vt_block_release(&k);
}

static void
test_limit(void)
{
	struct vt_scan_record r;
	struct vt_block k;
	uint32_t count = 0;
	size_t len = 0;
	char *key;

	make_bucket(&r);
	key = calloc(1, (10 << 20) + 1);
	memset(key, 'x', 10 << 20);
	r.lifecycle = key;
	r.lifecycle_len = 10 << 20;
	vt_block_init(&k);
	while (count < 10 && vt_block_add(&k, &r) == 0) {
		count++;
		len = vt_block_len(&k);
	}
	is_int(count, 6, "a block has an end");
	ok(k.count == 6 && vt_block_len(&k) == len && len <= VT_BLOCK_MAX,
	    "and what does not fit is not in it");
	vt_block_release(&k);
	free(key);
}

/* --- streams -------------------------------------------------------------- */

/* Bytes as a file that is at its start. */
static int
as_file(const char *data, size_t len)
{
	char path[] = "/tmp/test_recordblock.XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len ||
	    lseek(fd, 0, SEEK_SET) < 0)
		abort();
	unlink(path);
	return fd;
}

/* Records of all blocks, or how it ended. */
static enum vt_code
count_records(const char *data, size_t len, uint64_t *count, struct vt_err *err)
{
	struct vt_record_stream s;
	struct vt_block k;
	int fd = as_file(data, len);
	enum vt_code rc = VT_INVALID;

	vt_block_init(&k);
	*count = 0;
	if (vt_record_stream_begin(&s, fd, err) == 1)
		while ((rc = vt_record_stream_next(&s, &k, err)) == VT_OK)
			*count += vt_block_verify(&k) == 0 ? k.count : 1000;
	vt_block_release(&k);
	close(fd);
	return rc;
}

static void
test_streams(void)
{
	struct vt_block a, b, end, begin;
	uint64_t count;
	struct vt_buf whole;
	struct vt_err err;
	size_t i, wrong = 0, one;

	fill(&a, 1, 5, 0);
	fill(&b, 2, 7, 5);
	fill(&end, 3, 0, 12);
	fill(&begin, 4, 0, 0);
	vt_buf_init(&whole, 1 << 20);
	vt_buf_add(&whole, a.bytes.data, a.bytes.len);
	vt_buf_add(&whole, b.bytes.data, b.bytes.len);
	vt_buf_add(&whole, end.bytes.data, end.bytes.len);
	one = whole.len;
	is_int(count_records(whole.data, one, &count, &err), VT_ABSENT,
	    "a stream ends");
	is_int(count, 12, "with all its records");
	vt_buf_add(&whole, begin.bytes.data, begin.bytes.len);
	/* it must not move while it is added to itself */
	if (vt_buf_reserve(&whole, one) == NULL)
		abort();
	vt_buf_add(&whole, whole.data, one);
	is_int(count_records(whole.data, whole.len, &count, &err), VT_ABSENT,
	    "so do three, one of them empty");
	is_int(count, 24, "with all of theirs");
	for (i = 8; i < one; i++)
		wrong += count_records(whole.data, i, &count, &err) !=
		    VT_CORRUPT;
	is_int(wrong, 0, "one that is cut anywhere is not whole");
	ok(strstr(err.text, "end before their last block") != NULL,
	    "which is told: %s", err.text);
	wrong = 0;
	for (i = one - VT_BLOCK_HEADER; i < one; i++) {
		whole.data[i] ^= 1;
		wrong += count_records(whole.data, one, &count, &err) ==
		    VT_ABSENT;
		whole.data[i] ^= 1;
	}
	is_int(wrong, 0, "nor is one whose last block is another");
	vt_buf_reset(&whole);
	vt_buf_add(&whole, b.bytes.data, b.bytes.len);
	is_int(count_records(whole.data, whole.len, &count, &err), VT_CORRUPT,
	    "blocks that are missing are missed: %s", err.text);
	vt_buf_release(&whole);
	vt_block_release(&a);
	vt_block_release(&b);
	vt_block_release(&end);
	vt_block_release(&begin);
}

static void
test_beginnings(void)
{
	static const struct {
		const char *what, *data;
		size_t len, read;
		int is_stream;
	} t[] = {
		{ "nothing", "", 0, 0, 0 },
		{ "a line", "{\"v\":1}\n", 8, 1, 0 },
		{ "a byte of a stream", "\x89", 1, 1, 0 },
		{ "a picture", "\x89PNG\r\n\x1a\n", 8, 8, 0 },
		{ "a stream", VT_BLOCK_MAGIC, 8, 8, 1 }
	};
	char future[VT_BLOCK_HEADER] = "\x89vtscan\x03";
	char large[VT_BLOCK_HEADER] = VT_BLOCK_MAGIC "\xff\xff\xff\x7f";
	struct vt_record_stream s;
	struct vt_err err;
	uint64_t count;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		fd = as_file(t[i].data, t[i].len);
		is_int(vt_record_stream_begin(&s, fd, &err), t[i].is_stream,
		    "%s is known for what it is", t[i].what);
		ok(s.first_len == t[i].read &&
		    memcmp(s.first, t[i].data, t[i].read) == 0,
		    "and nothing of it is lost");
		close(fd);
	}
	is_int(vt_record_stream_begin(&s, -1, &err), -1, "a broken one fails");
	is_int(count_records(future, sizeof(future), &count, &err), VT_INVALID,
	    "a format of later is named: %s", err.text);
	is_int(count_records(large, sizeof(large), &count, &err),
	    VT_TOO_LARGE, "so is a block that is too large: %s", err.text);
}

int
main(void)
{
	if (vt_block_reader_init(&reader) < 0)
		return 1;
	test_there_and_back();
	test_usual();
	test_text_limit();
	test_heads();
	test_as_lines();
	test_damage();
	test_limit();
	test_streams();
	test_beginnings();
	vt_block_reader_release(&reader);
	free(room.h);
	return test_done();
}
