/* Notes beside blobs: what is written comes back, and what does not fit is
 * cut and said to be. */
#include <stdlib.h>
#include <unistd.h>

#include "libvt/work/note.h"

#include "tests/unit/test.h"

static struct vt_err err;
static struct vt_arena *arena;

/* Format, and read again as a backend would give it. */
static enum vt_code
again(const struct vt_note *n, struct vt_note *out)
{
	static struct vt_note_text text;
	size_t i, bytes = 0;

	vt_note_format(n, &text);
	memset(out, 0, sizeof(*out));
	for (i = 0; i < text.count; i++) {
		bytes += strlen(text.kv[i].name) + strlen(text.kv[i].value);
		if (vt_note_take(out, arena, text.kv[i].name,
		    text.kv[i].value) < 0)
			return VT_NOMEM;
	}
	if (bytes > VT_BLOB_META_MAX || text.count > VT_NOTE_PAIRS)
		return VT_TOO_LARGE;
	return vt_note_check(out, "name", &err);
}

static void
test_round_trip(void)
{
	static const char key[] = "a b/\xc3\xa9%41\n\x01 ";
	static const char meta[] = "content-type\0text/x y\0x-amz-meta-a\0\xff";
	struct vt_note n = { .incarnation = 0x8000000000000001ULL,
	    .blob_id = UINT64_MAX, .written_us = 1800000000123456,
	    .plain_bytes = 5ULL << 40, .crc64 = 0xfedcba9876543210ULL,
	    .bucket = "bucket", .key = key, .key_len = sizeof(key),
	    .etag = "abc-12", .owner = "me", .checksum = "CRC32C x y",
	    .meta = meta, .meta_len = sizeof(meta), .tags = "a=b&c=%20",
	    .acl = "", .sse = "SSE", .form = "form",
	    .lock_mode = VT_LOCK_COMPLIANCE, .retain_until_us = 77,
	    .legal_hold = VT_HOLD_ON };
	struct vt_note m;

	is_int(again(&n, &m), VT_OK, "a note is read again");
	ok(m.incarnation == n.incarnation && m.blob_id == n.blob_id &&
	    m.written_us == n.written_us && m.plain_bytes == n.plain_bytes &&
	    m.crc64 == n.crc64, "whose it is");
	ok(m.key_len == n.key_len && memcmp(m.key, key, sizeof(key)) == 0,
	    "a key of any bytes");
	ok(m.meta_len == n.meta_len && memcmp(m.meta, meta,
	    sizeof(meta)) == 0, "headers of any bytes");
	is_str(m.bucket, n.bucket, "bucket");
	is_str(m.etag, n.etag, "ETag");
	is_str(m.checksum, n.checksum, "checksum");
	is_str(m.tags, n.tags, "tags");
	is_str(m.form, n.form, "form");
	ok(m.lock_mode == n.lock_mode && m.retain_until_us == 77 &&
	    m.legal_hold == VT_HOLD_ON, "locks");
	ok(m.seq == 0 && !m.is_cut && !m.is_pack, "and no more");
	n.upload = "0123456789abcdef0123456789abcdef";
	n.part_number = 10000;
	is_int(again(&n, &m), VT_OK, "of a part");
	is_str(m.upload, n.upload, "its upload");
	is_int(m.part_number, 10000, "its number");
	n.upload = NULL;
	n.seq = INT64_MAX;
	memset(n.version_id, 'f', VT_ID_LEN);
	n.is_null = 1;
	n.size_bytes = 9;
	n.offset = 3;
	n.part_count = 2;
	is_int(again(&n, &m), VT_OK, "of a version");
	ok(m.seq == n.seq && m.is_null && m.size_bytes == 9 &&
	    m.offset == 3 && m.part_count == 2, "which one, and where in it");
	is_str(m.version_id, n.version_id, "its id");
}

static void
test_too_much(void)
{
	char *key = malloc(VT_KEY_MAX), *meta = malloc(12000);
	struct vt_note n = { .blob_id = 1, .bucket = "bucket", .key = key,
	    .key_len = VT_KEY_MAX, .etag = "e", .meta = meta,
	    .meta_len = 12000, .tags = "t=1", .form = "form" };
	struct vt_note m;

	memset(key, 0xff, VT_KEY_MAX);
	memset(meta, 0xfe, 12000);
	is_int(again(&n, &m), VT_OK, "what does not fit fails nothing");
	ok(m.is_cut, "it is said that it was cut");
	ok(m.key_len == VT_KEY_MAX && m.meta_len == 0, "the key is whole");
	is_str(m.form, "form", "and how to read the bytes");
	is_str(m.tags, "t=1", "smaller things fit behind it");
	free(key);
	free(meta);
}

static void
test_broken(void)
{
	static const char *const heads[] = { "", "1", "2 0 1 2 3 4",
	    "1 zz 1 2 3 4", "1 0 0 0 0 0" };
	struct vt_note n;

	memset(&n, 0, sizeof(n));
	is_int(vt_note_check(&n, "x", &err), VT_ABSENT, "no note");
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		memset(&n, 0, sizeof(n));
		is_int(vt_note_take(&n, arena, "vt", heads[i]), 0, "taken");
		is_int(vt_note_take(&n, arena, "vt-bucket", "b"), 0, "taken");
		is_int(vt_note_take(&n, arena, "vt-key", "k%zz"), 0, "taken");
		is_int(vt_note_check(&n, "x", &err), VT_INVALID,
		    "'%s' is no head", heads[i]);
	}
	memset(&n, 0, sizeof(n));
	is_int(vt_note_take(&n, arena, "vt-version", "1 2"), 0, "taken");
	is_int(vt_note_take(&n, arena, "vt-lock", "9 9 9"), 0, "taken");
	is_int(vt_note_take(&n, arena, "vt-part", "x"), 0, "taken");
	is_int(vt_note_take(&n, arena, "vt-later", "x"), 0, "taken");
	ok(n.seq == 0 && n.lock_mode == VT_LOCK_NONE && n.upload == NULL,
	    "what is broken says nothing");
}

int
main(void)
{
	arena = vt_arena_new(1 << 20);
	test_round_trip();
	test_too_much();
	test_broken();
	vt_arena_free(arena);
	return test_done();
}
