/*
 * Packs: plain tar finds in them what went in; a member is read by its frame
 * alone; what was changed on the way is never given out whole (P5).
 */
#include <archive.h>
#include <archive_entry.h>

#include "libvt/base/buf.h"
#include "libvt/base/hash.h"
#include "libvt/base/jsonl.h"
#include "libvt/store/pack.h"

#include "tests/unit/test.h"

#define MEMBERS 8

struct member {
	const char *key;
	size_t size;
	int64_t mtime_us;
	int is_odd;
	uint64_t offset, length;
	char version[33];
};

static struct member members[MEMBERS] = {
	{ "a", 0, 1700000000000000, 0, 0, 0, "" },
	{ "a", 10, 1700000001500000, 1, 0, 0, "" },
	{ "b/c", 512, 1700000000000001, 0, 0, 0, "" },
	{ "d\xc3\xa9j\xc3\xa0", 513, 0, 0, 0, 0, "" },
	{ "e", 1 << 20, 1, 0, 0, 0, "" },
	{ "f", 3000000, -2000000, 0, 0, 0, "" },
	{ "g", 1, 1700000000000000, 0, 0, 0, "" },
	{ "h", 65536, 1700000000000000, 0, 0, 0, "" },
};
static char long_key[700];

static enum vt_code
take(void *ctx, const void *data, size_t len, struct vt_err *err)
{
	if (vt_buf_add(ctx, data, len) == 0)
		return VT_OK;
	return vt_fail(err, VT_NOMEM, "out of memory");
}

static enum vt_code
refuse(void *ctx, const void *data, size_t len, struct vt_err *err)
{
	size_t *left = ctx;

	(void)data;
	if (len > *left)
		return vt_fail(err, VT_NOSPACE, "full");
	*left -= len;
	return VT_OK;
}

/* The bytes of a member: half of it shrinks. */
static void
fill(char *data, size_t len, int seed)
{
	uint32_t x = (uint32_t)seed * 2654435761u + 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		data[i] = i < len / 2 ? 'x' : (char)(x >> 24);
	}
}

static enum vt_code
write_pack(vt_pack_put *put, void *ctx, size_t piece, struct vt_pack_sum *sum)
{
	static char data[3 << 20];
	struct vt_pack_writer *w;
	struct vt_err err;
	enum vt_code rc;

	rc = vt_pack_writer_open(put, ctx, &w, &err);
	for (int i = 0; i < MEMBERS && rc == VT_OK; i++) {
		struct member *m = &members[i];
		struct vt_pack_entry e = { .bucket = "bucket", .key = m->key,
		    .key_len = strlen(m->key), .is_odd = m->is_odd,
		    .version_id = m->version, .size_bytes = m->size,
		    .mtime_us = m->mtime_us, .etag = "etag\"1",
		    .meta = "content-type\0text/plain\0x-amz-meta-a\0\"b\n\0",
		    .meta_len = 41 };

		snprintf(m->version, sizeof(m->version), "%032d", i);
		fill(data, m->size, i);
		e.crc64 = vt_crc64nvme(0, data, m->size);
		rc = vt_pack_writer_begin(w, &e, &err);
		for (size_t at = 0; rc == VT_OK && at < m->size; at += piece)
			rc = vt_pack_writer_data(w, data + at,
			    m->size - at < piece ? m->size - at : piece,
			    &err);
		if (rc == VT_OK)
			rc = vt_pack_writer_end(w, &m->offset, &m->length,
			    &err);
	}
	if (rc == VT_OK)
		rc = vt_pack_writer_finish(w, sum, &err);
	vt_pack_writer_close(w);
	return rc;
}

struct source {
	const char *data;
	size_t left, piece;
};

static enum vt_code
give(void *ctx, void *data, size_t len, size_t *got, struct vt_err *err)
{
	struct source *s = ctx;

	(void)err;
	*got = len < s->left ? len : s->left;
	if (*got > s->piece)
		*got = s->piece;
	memcpy(data, s->data, *got);
	s->data += *got;
	s->left -= *got;
	return VT_OK;
}

/* VT_OK when all of `m` came out of `len` bytes at `data` as it went in. */
static enum vt_code
read_frame(const struct member *m, uint64_t size, const char *data,
    size_t len, size_t piece)
{
	static char want[3 << 20], is[3 << 20];
	struct source s = { data, len, piece };
	struct vt_pack_frame *f;
	struct vt_err err;
	size_t at = 0, got = 1;
	enum vt_code rc;

	fill(want, m->size, (int)(m - members));
	rc = vt_pack_frame_open(size, &f, &err);
	while (rc == VT_OK && got > 0) {
		rc = vt_pack_frame_read(f, give, &s, is + at, piece, &got,
		    &err);
		at += rc == VT_OK ? got : 0;
	}
	vt_pack_frame_close(f);
	if (rc != VT_OK)
		return rc;
	return at == m->size && memcmp(is, want, at) == 0 ? VT_OK : VT_IO;
}

/* As libarchive reads it, which knows nothing of us. */
static int
unpack(const struct vt_buf *b, struct vt_buf *index)
{
	static char want[3 << 20], is[3 << 20];
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	int i, bad = 0;

	archive_read_support_filter_zstd(a);
	archive_read_support_format_tar(a);
	bad |= archive_read_open_memory(a, b->data, b->len) != ARCHIVE_OK;
	for (i = 0; !bad && archive_read_next_header(a, &e) == ARCHIVE_OK;
	    i++) {
		const struct member *m = &members[i];
		char odd[64];

		if (i == MEMBERS) {
			bad |= strcmp(archive_entry_pathname(e),
			    ".vt/index.jsonl") != 0;
			vt_buf_reserve(index,
			    (size_t)archive_entry_size(e));
			index->len = (size_t)archive_read_data(a, index->data,
			    (size_t)archive_entry_size(e));
			continue;
		}
		snprintf(odd, sizeof(odd), ".vt/%s", m->version);
		fill(want, m->size, i);
		bad |= strcmp(archive_entry_pathname(e), m->is_odd ? odd :
		    m->key) != 0 ||
		    archive_entry_size(e) != (int64_t)m->size ||
		    archive_entry_filetype(e) != AE_IFREG ||
		    archive_entry_mtime(e) * 1000000 +
		    archive_entry_mtime_nsec(e) / 1000 != m->mtime_us ||
		    archive_read_data(a, is, sizeof(is)) !=
		    (ssize_t)m->size || memcmp(is, want, m->size) != 0;
		if (bad)
			printf("# member %d is '%s' of %lld bytes at %lld\n",
			    i, archive_entry_pathname(e),
			    (long long)archive_entry_size(e),
			    (long long)archive_entry_mtime(e));
	}
	bad |= i != MEMBERS + 1 || archive_errno(a) != 0;
	if (bad && archive_error_string(a) != NULL)
		printf("# %s\n", archive_error_string(a));
	archive_read_free(a);
	return !bad;
}

static void
test_format(struct vt_buf *pack, struct vt_pack_sum *sum)
{
	struct vt_buf again, index;
	struct vt_pack_sum other;
	uint64_t offset, length, count, frames = 0;
	int i, bad = 0;

	vt_buf_init(&again, 16 << 20);
	vt_buf_init(&index, 1 << 20);
	ok(write_pack(take, pack, 1 << 20, sum) == VT_OK, "a pack is written");
	ok(write_pack(take, &again, 1000, &other) == VT_OK &&
	    sum->members == MEMBERS && sum->bytes == pack->len &&
	    sum->crc64 == vt_crc64nvme(0, pack->data, pack->len),
	    "and its sums are right");
	ok(again.len == pack->len && memcmp(again.data, pack->data,
	    pack->len) == 0, "whatever the pieces, the bytes are the same");
	ok(unpack(pack, &index), "libarchive finds names, times and bytes");
	for (i = 0; i < MEMBERS; i++) {
		const struct member *m = &members[i];

		frames += m->length;
		bad |= (m->length == 0) != (m->size == 0);
		if (m->size > 0)
			bad |= read_frame(m, m->size, pack->data + m->offset,
			    m->length, 1 << 20) != VT_OK ||
			    read_frame(m, m->size, pack->data + m->offset,
			    m->length, 999) != VT_OK;
	}
	ok(!bad, "each is read by its frame alone");
	is_int(frames, sum->frame_bytes, "and they add up");
	ok(vt_pack_trailer((const uint8_t *)pack->data + pack->len -
	    VT_PACK_TRAILER, pack->len, &offset, &length, &count, NULL) ==
	    VT_OK && count == MEMBERS && offset + length < pack->len,
	    "the end says where the index is");
	for (i = 0, bad = 0; i < MEMBERS; i++) {
		static char line[4096];
		const char *from = index.data;
		struct vt_json_field f[16];
		uint64_t n = 0;

		for (int k = 0; k < i; k++)
			from = strchr(from, '\n') + 1;
		snprintf(line, sizeof(line), "%.*s",
		    (int)(strchr(from, '\n') - from), from);
		int fields = vt_json_scan(line, strlen(line), f, 16);

		bad |= vt_json_get_u64(vt_json_find(f, fields, "offset"),
		    &n) < 0 || n != members[i].offset ||
		    vt_json_get_u64(vt_json_find(f, fields, "size"), &n) < 0 ||
		    n != members[i].size || strstr(line, "\"headers\":{"
		    "\"content-type\":\"text/plain\",\"x-amz-meta-a\":"
		    "\"\\\"b\\n\"}") == NULL;
	}
	ok(!bad, "and the index has a line for each");
	((uint8_t *)pack->data)[pack->len - 16] ^= 0x80;
	ok(vt_pack_trailer((const uint8_t *)pack->data + pack->len -
	    VT_PACK_TRAILER, pack->len, &offset, &length, &count, NULL) ==
	    VT_INVALID, "an index outside of the pack is refused");
	((uint8_t *)pack->data)[pack->len - 16] ^= 0x80;
	vt_buf_release(&again);
	vt_buf_release(&index);
}

static void
test_damage(struct vt_buf *pack)
{
	const struct member *m = &members[2];
	char *frame = pack->data + m->offset;
	int i, given = 0, strange = 0;
	enum vt_code rc;

	for (i = 0; i < (int)m->length * 8; i++) {
		frame[i / 8] ^= (char)(1 << i % 8);
		rc = read_frame(m, m->size, frame, m->length, 4096);
		given += rc == VT_OK;
		/* a window that is too large is an error of memory */
		strange += rc != VT_OK && rc != VT_CORRUPT;
		frame[i / 8] ^= (char)(1 << i % 8);
	}
	/* a frame's header has bits that change no byte of the member */
	ok(given <= 4 && strange == 0,
	    "P5 a frame with a bit turned is corrupt (%d passed)", given);
	for (i = 0, given = 0; i < (int)m->length; i++)
		given += read_frame(m, m->size, frame, (size_t)i, 64) !=
		    VT_CORRUPT;
	is_int(given, 0, "P5 a frame that is cut short is corrupt");
	ok(read_frame(m, m->size, frame, m->length + 1, 4096) == VT_CORRUPT &&
	    read_frame(m, m->size, frame, m->length + 1, 1) == VT_OK,
	    "P5 what is behind it in the same range is noticed");
	ok(read_frame(m, m->size - 1, frame, m->length, 4096) == VT_CORRUPT &&
	    read_frame(m, m->size + 1, frame, m->length, 4096) == VT_CORRUPT,
	    "P5 a member is as long as the catalog says");
}

static void
test_failing(size_t bytes)
{
	struct vt_pack_sum sum;
	int bad = 0;

	for (size_t n = 0; n < bytes; n += bytes / 50) {
		size_t left = n;

		bad |= write_pack(refuse, &left, 1 << 20, &sum) != VT_NOSPACE;
	}
	ok(!bad, "a failure of who takes the bytes comes back as it is");
}

static void
test_sizes(void)
{
	struct vt_pack_entry e = { .bucket = "b", .key = "k", .key_len = 1,
	    .version_id = "0", .size_bytes = 5 };
	struct vt_pack_writer *w;
	struct vt_buf b;
	uint64_t o, l;

	vt_buf_init(&b, 1 << 20);
	ok(vt_pack_writer_open(take, &b, &w, NULL) == VT_OK &&
	    vt_pack_writer_begin(w, &e, NULL) == VT_OK &&
	    vt_pack_writer_data(w, "abcd", 4, NULL) == VT_OK &&
	    vt_pack_writer_end(w, &o, &l, NULL) == VT_CORRUPT &&
	    vt_pack_writer_data(w, "ef", 2, NULL) == VT_CORRUPT,
	    "a member has as many bytes as was said");
	vt_pack_writer_close(w);
	vt_buf_release(&b);
}

static void
test_names(void)
{
	static const struct {
		const char *key;
		int is_odd;
	} k[] = {
		{ "", 1 }, { ".", 1 }, { "..", 1 }, { "../x", 1 }, { "./x", 1 },
		{ ".vt", 1 }, { ".vt/x", 1 }, { ".vtx", 0 }, { "/x", 1 },
		{ "a", 1 }, { "a!", 0 }, { "a.b", 0 }, { "a/b", 0 },
		{ "a/b!", 0 }, { "a0", 0 }, { "b", 0 }, { "b", 1 }, { "b", 1 },
		{ "c", 1 }, { "c/d", 1 }, { "c/d/e", 0 }, { "d", 0 },
		{ "d!/x", 0 }, { "d0/x", 0 }, { "e/", 1 }, { "e//f", 1 },
		{ "f/../g", 1 }, { "f/...", 0 }, { "g\nh", 1 }, { "h\x7f", 1 },
		{ "i\xc3\xa9", 0 }, { "i\xc3", 1 }, { "i\xed\xa0\x80", 1 },
		{ "j k", 0 }, { "k\\l", 0 }
	};
	enum { N = sizeof(k) / sizeof(k[0]) };
	struct vt_pack_key keys[N];
	unsigned char odd[N];
	char part[300];
	int i, bad = 0;

	for (i = 0; i < N; i++) {
		keys[i].key = k[i].key;
		keys[i].len = strlen(k[i].key);
	}
	vt_pack_odd_keys(keys, N, odd);
	for (i = 0; i < N; i++)
		if (odd[i] != k[i].is_odd) {
			printf("# '%s': %d\n", k[i].key, odd[i]);
			bad = 1;
		}
	ok(!bad, "names that tar cannot unpack beside each other are odd");
	memset(part, 'x', sizeof(part));
	keys[0] = (struct vt_pack_key){ part, 255 };
	keys[1] = (struct vt_pack_key){ part, 256 };
	vt_pack_odd_keys(keys, 2, odd);
	ok(!odd[0] && odd[1], "and so is what no file can be called");
	keys[0] = (struct vt_pack_key){ "a\0b", 3 };
	vt_pack_odd_keys(keys, 1, odd);
	ok(odd[0], "and what has a NUL");
}

static void
test_text(void)
{
	static const char *const others[] = { "", "pack", "pack ", "pack x",
	    "pack 1x", "pack 1 ", "pack 1 2", "pack 1 2 ", "pack 1 x h",
	    "pack 99999999999999999999", "packs 1", "head" };
	struct vt_pack_form p = { 12345, 0, "" }, q;
	char text[VT_PACK_TEXT], large[VT_PACK_TEXT];
	size_t i;
	int bad = 0;

	ok(vt_pack_text(&p, text) == 0 && strcmp(text, "pack 12345") == 0 &&
	    vt_pack_parse_text(text, 99, &q) && q.frame_bytes == 12345 &&
	    q.pack_bytes == 99 && *q.form == '\0',
	    "a blob's text says that it is a pack");
	p = (struct vt_pack_form){ UINT64_MAX, 7, "head" };
	ok(vt_pack_text(&p, text) == 0 && vt_pack_parse_text(text, 99, &q) &&
	    q.frame_bytes == UINT64_MAX && q.pack_bytes == 7 &&
	    strcmp(q.form, "head") == 0, "and how it is stored");
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	p.form = large;
	ok(vt_pack_text(&p, text) < 0, "a form that is too long is none");
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		bad |= vt_pack_parse_text(others[i], 99, &q);
	ok(!bad, "other texts are of no pack");
}

int
main(void)
{
	struct vt_pack_sum sum;
	struct vt_buf pack;
	size_t i;

	/* one that a header takes in two, and one that it cannot */
	memset(long_key, 'd', sizeof(long_key) - 1);
	for (i = 60; i < 600; i += 60)
		long_key[i] = '/';
	members[6].key = long_key;
	members[4].key = strdup(long_key + 500);
	members[7].key = strdup(long_key + 540);
	vt_buf_init(&pack, 16 << 20);
	test_format(&pack, &sum);
	test_damage(&pack);
	test_failing(pack.len);
	test_sizes();
	test_names();
	test_text();
	vt_buf_release(&pack);
	free((char *)members[4].key);
	free((char *)members[7].key);
	return test_done();
}
