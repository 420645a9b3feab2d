/* Notes beside blobs: see note.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/num.h"
#include "libvt/base/uri.h"

#include "libvt/work/note.h"

#define FORMAT 1

/* --- writing -------------------------------------------------------------- */

static int
plain(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '%';
}

/* One pair whose value is `len` bytes, encoded; 0, or -1 when there is no
 * room for it. */
static int
add(struct vt_note_text *t, const char *name, const char *data, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t room, i;
	char *at = t->text + t->len, *start = at;

	if (data == NULL || len == 0)
		return 0;
	/* names and values together are limited, and each has a NUL here */
	room = sizeof(t->text) - t->len;
	if (room < 512 + len)
		return -1;
	room -= 512;
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];

		if ((size_t)(at - start) + 4 > room)
			return -1;
		if (plain(c))
			*at++ = (char)c;
		else {
			*at++ = '%';
			*at++ = hex[c >> 4];
			*at++ = hex[c & 15];
		}
	}
	*at++ = '\0';
	t->kv[t->count].name = name;
	t->kv[t->count++].value = start;
	t->len = (size_t)(at - t->text);
	return 0;
}

static int
add_str(struct vt_note_text *t, const char *name, const char *s)
{
	return s == NULL ? 0 : add(t, name, s, strlen(s));
}

/* A value that is written as it stands. */
static void
add_numbers(struct vt_note_text *t, const char *name, const char *text)
{
	size_t len = strlen(text) + 1;

	memcpy(t->text + t->len, text, len);
	t->kv[t->count].name = name;
	t->kv[t->count++].value = t->text + t->len;
	t->len += len;
}

void
vt_note_format(const struct vt_note *n, struct vt_note_text *out)
{
	char text[256];
	int cut;

	out->count = out->len = 0;
	snprintf(text, sizeof(text), "%d %016" PRIx64 " %" PRIu64 " %" PRId64
	    " %" PRIu64 " %016" PRIx64, FORMAT, n->incarnation, n->blob_id,
	    n->written_us, n->plain_bytes, n->crc64);
	add_numbers(out, "vt", text);
	if (n->seq != 0) {
		snprintf(text, sizeof(text), "%" PRId64 " %.32s %d %" PRId64
		    " %" PRIu64 " %016" PRIx64 " %u %" PRIu64, n->seq,
		    n->version_id, n->is_null, n->mtime_us, n->size_bytes,
		    n->version_crc64, n->part_count, n->offset);
		add_numbers(out, "vt-version", text);
	}
	if (n->seq == 0 && n->version_id[0] != '\0') {
		snprintf(text, sizeof(text), "%.32s", n->version_id);
		add_numbers(out, "vt-id", text);
	}
	if (n->upload != NULL && *n->upload != '\0') {
		snprintf(text, sizeof(text), "%.32s %u", n->upload,
		    n->part_number);
		add_numbers(out, "vt-part", text);
	}
	if (n->lock_mode != VT_LOCK_NONE || n->legal_hold != VT_HOLD_NONE) {
		snprintf(text, sizeof(text), "%d %" PRId64 " %d",
		    (int)n->lock_mode, n->retain_until_us,
		    (int)n->legal_hold);
		add_numbers(out, "vt-lock", text);
	}
	if (n->is_pack)
		add_numbers(out, "vt-pack", "1");
	/* all of these have a length that leaves room */
	cut = add_str(out, "vt-bucket", n->bucket) < 0;
	cut |= add(out, "vt-key", n->key, n->key_len) < 0;
	cut |= add_str(out, "vt-etag", n->etag) < 0;
	cut |= add_str(out, "vt-owner", n->owner) < 0;
	cut |= add_str(out, "vt-sum", n->checksum) < 0;
	cut |= add_str(out, "vt-sse", n->sse) < 0;
	cut |= add_str(out, "vt-form", n->form) < 0;
	cut |= add(out, "vt-meta", n->meta, n->meta_len) < 0;
	cut |= add_str(out, "vt-acl", n->acl) < 0;
	cut |= add_str(out, "vt-tags", n->tags) < 0;
	if (cut)
		add_numbers(out, "vt-cut", "1");
}

void
vt_note_of_version(const char *bucket, const struct vt_version *v,
    uint64_t offset, uint64_t plain_bytes, uint64_t crc64,
    struct vt_note *out)
{
	memset(out, 0, sizeof(*out));
	out->plain_bytes = plain_bytes;
	out->crc64 = crc64;
	out->bucket = bucket;
	out->key = v->key;
	out->key_len = v->key_len;
	out->etag = v->etag;
	out->owner = v->owner;
	out->checksum = v->checksum;
	out->meta = v->meta;
	out->meta_len = v->meta_len;
	out->tags = v->tags;
	out->acl = v->acl;
	out->sse = v->sse;
	out->lock_mode = v->lock_mode;
	out->retain_until_us = v->retain_until_us;
	out->legal_hold = v->legal_hold;
	out->seq = v->seq;
	out->mtime_us = v->mtime_us;
	memcpy(out->version_id, v->version_id, sizeof(out->version_id));
	out->is_null = v->is_null;
	out->size_bytes = v->size_bytes;
	out->version_crc64 = v->crc64;
	out->offset = offset;
	out->part_count = v->part_count;
}

/* --- reading -------------------------------------------------------------- */

static int
take_text(struct vt_arena *a, const char *value, const char **out,
    size_t *len)
{
	size_t n = strlen(value);
	char *copy = vt_arena_dup(a, value, n);
	long got;

	if (copy == NULL)
		return -1;
	got = vt_uri_decode(copy, n, 0);
	/* a broken escape: as it stands, somebody may read it */
	if (got < 0) {
		memcpy(copy, value, n);
		got = (long)n;
	}
	copy[got] = '\0';
	*out = copy;
	if (len != NULL)
		*len = (size_t)got;
	return 0;
}

static int
take_head(struct vt_note *n, const char *value)
{
	int format;

	if (sscanf(value, "%d %16" SCNx64 " %" SCNu64 " %" SCNd64 " %" SCNu64
	    " %16" SCNx64, &format, &n->incarnation, &n->blob_id,
	    &n->written_us, &n->plain_bytes, &n->crc64) != 6 ||
	    format != FORMAT)
		n->blob_id = 0;
	return 0;
}

static int
take_version(struct vt_note *n, const char *value)
{
	if (sscanf(value, "%" SCNd64 " %32s %d %" SCNd64 " %" SCNu64
	    " %16" SCNx64 " %u %" SCNu64, &n->seq, n->version_id,
	    &n->is_null, &n->mtime_us, &n->size_bytes, &n->version_crc64,
	    &n->part_count, &n->offset) != 8)
		n->seq = 0;
	return 0;
}

static int
take_part(struct vt_note *n, struct vt_arena *a, const char *value)
{
	char id[VT_ID_LEN + 1];
	unsigned number;

	if (sscanf(value, "%32s %u", id, &number) != 2)
		return 0;
	n->part_number = number;
	n->upload = vt_arena_str(a, id);
	return n->upload != NULL ? 0 : -1;
}

static int
take_lock(struct vt_note *n, const char *value)
{
	int mode, hold;
	int64_t until;

	if (sscanf(value, "%d %" SCNd64 " %d", &mode, &until, &hold) != 3 ||
	    mode < VT_LOCK_NONE || mode > VT_LOCK_COMPLIANCE ||
	    hold < VT_HOLD_NONE || hold > VT_HOLD_OFF)
		return 0;
	n->lock_mode = (enum vt_lock_mode)mode;
	n->retain_until_us = until;
	n->legal_hold = (enum vt_hold)hold;
	return 0;
}

int
vt_note_take(struct vt_note *n, struct vt_arena *a, const char *name,
    const char *value)
{
	struct {
		const char *name, **to;
		size_t *len;
	} texts[] = {
		{ "vt-bucket", &n->bucket, NULL },
		{ "vt-key", &n->key, &n->key_len },
		{ "vt-etag", &n->etag, NULL },
		{ "vt-owner", &n->owner, NULL },
		{ "vt-sum", &n->checksum, NULL },
		{ "vt-meta", &n->meta, &n->meta_len },
		{ "vt-tags", &n->tags, NULL },
		{ "vt-acl", &n->acl, NULL },
		{ "vt-sse", &n->sse, NULL },
		{ "vt-form", &n->form, NULL },
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(name, texts[i].name) == 0)
			return take_text(a, value, texts[i].to,
			    texts[i].len);
	if (strcmp(name, "vt") == 0)
		return take_head(n, value);
	if (strcmp(name, "vt-version") == 0)
		return take_version(n, value);
	if (strcmp(name, "vt-part") == 0)
		return take_part(n, a, value);
	if (strcmp(name, "vt-lock") == 0)
		return take_lock(n, value);
	if (strcmp(name, "vt-id") == 0 && strlen(value) == VT_ID_LEN)
		memcpy(n->version_id, value, VT_ID_LEN + 1);
	if (strcmp(name, "vt-pack") == 0)
		n->is_pack = 1;
	if (strcmp(name, "vt-cut") == 0)
		n->is_cut = 1;
	return 0;
}

enum vt_code
vt_note_check(const struct vt_note *n, const char *name, struct vt_err *err)
{
	if (n->blob_id == 0 && n->bucket == NULL && n->key == NULL)
		return vt_fail(err, VT_ABSENT, "'%s' has no note", name);
	if (n->is_pack && n->blob_id != 0)
		return VT_OK;
	if (n->blob_id == 0 || n->bucket == NULL || n->key == NULL ||
	    n->key_len > VT_KEY_MAX || strlen(n->bucket) > 63 ||
	    n->part_number > 10000)
		return vt_fail(err, VT_INVALID, "the note of '%s' is broken, "
		    "or of a newer program", name);
	return VT_OK;
}

struct reading {
	struct vt_note *note;
	struct vt_arena *arena;
	int no_memory;
};

static int
take_pair(void *ctx, const char *name, const char *value)
{
	struct reading *r = ctx;

	r->no_memory = vt_note_take(r->note, r->arena, name, value) < 0;
	return r->no_memory;
}

enum vt_code
vt_note_read(struct vt_backend *b, const char *name, struct vt_arena *a,
    struct vt_note *out, struct vt_err *err)
{
	struct reading r = { out, a, 0 };
	const char **empty[] = { &out->etag, &out->owner, &out->checksum,
	    &out->meta, &out->tags, &out->acl, &out->sse, &out->form,
	    &out->upload };
	enum vt_code rc;
	size_t i;

	memset(out, 0, sizeof(*out));
	rc = vt_backend_meta(b, name, take_pair, &r, err);
	if (r.no_memory)
		return vt_fail(err, VT_NOMEM, "out of memory");
	if (rc != VT_OK)
		return rc;
	for (i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
		if (*empty[i] == NULL)
			*empty[i] = "";
	return vt_note_check(out, name, err);
}
