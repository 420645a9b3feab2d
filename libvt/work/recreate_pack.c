/*
 * Members of packs made versions anew: a pack's index says of each whose bytes
 * it is and where its frame lies.  One stored blob stands for many versions:
 * the first row brings it into the catalog, the others refer to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/lines.h"
#include "libvt/proto/zfile.h"
#include "libvt/store/pack.h"

#include "libvt/work/recreate.h"

#define LINE_MAX_BYTES ((size_t)256 << 10)
#define FIELDS 32

/* A pack that was found. */
struct vt_found_pack {
	char *tier, *name, *token;
	uint64_t size_bytes, crc64;	/* stored */
	uint64_t plain_crc64;
	char form[VT_TRANSFORM_MAX];
	char text[VT_PACK_TEXT];	/* the transform that the catalog has */
	uint64_t blob_id;	/* 0: no row has it yet */
	int is_summed;		/* crc64 is known, and right */
	struct vt_found_pack *next;
};

static void
pack_free(struct vt_found_pack *p)
{
	if (p == NULL)
		return;
	free(p->tier);
	free(p->name);
	free(p->token);
	free(p);
}

void
vt_recreate_packs_release(struct vt_recreate *r)
{
	struct vt_found_pack *p;

	while ((p = r->packs) != NULL) {
		r->packs = p->next;
		pack_free(p);
	}
}

static struct vt_found_pack *
find(struct vt_recreate *r, const struct vt_scratch_row *row)
{
	struct vt_found_pack *p;

	for (p = r->packs; p != NULL; p = p->next)
		if (strcmp(p->name, row->name) == 0 &&
		    strcmp(p->tier, row->tier) == 0)
			return p;
	return NULL;
}

/* --- the index ------------------------------------------------------------ */

/* The plain bytes of a pack from `offset` on. */
struct plain {
	struct vt_extent e;
	struct vt_copy copy;
	struct vt_version v;
	struct vt_copy_reader *r;
};

static enum vt_code
plain_open(struct vt_recreate *r, const struct vt_found_pack *p,
    const struct vt_note *n, uint64_t offset, uint64_t length,
    struct plain *out, struct vt_err *err)
{
	memset(out, 0, sizeof(*out));
	out->e.blob.tier = p->tier;
	out->e.blob.name = p->name;
	out->e.blob.token = p->token;
	out->e.blob.size_bytes = out->e.length = p->size_bytes;
	out->e.blob.owned = 1;
	out->e.blob.transform = p->form;
	out->e.plain_length = n->plain_bytes;
	out->copy.tier = p->tier;
	out->copy.extents = &out->e;
	out->copy.extent_count = 1;
	out->v.size_bytes = n->plain_bytes;
	out->v.crc64 = n->crc64;
	out->v.sse = "";
	return vt_copy_reader_open(r->tiers, &out->v, &out->copy, offset,
	    length, &out->r, err);
}

static enum vt_code
plain_get(void *ctx, void *data, size_t len, size_t *got, struct vt_err *err)
{
	struct plain *p = ctx;

	return vt_copy_reader_read(p->r, data, len, got, err);
}

/* The index, decompressed, in a file without a name. */
static enum vt_code
read_index(struct vt_recreate *r, const struct vt_found_pack *p,
    const struct vt_note *n, int fd, struct vt_err *err)
{
	uint8_t trailer[VT_PACK_TRAILER];
	uint64_t offset, length, members, bytes;
	struct plain plain;
	size_t at = 0, got = 1;
	enum vt_code rc;

	if (n->plain_bytes < sizeof(trailer))
		return vt_fail(err, VT_INVALID, "it is no pack");
	rc = plain_open(r, p, n, n->plain_bytes - sizeof(trailer),
	    sizeof(trailer), &plain, err);
	while (rc == VT_OK && at < sizeof(trailer) && got > 0) {
		rc = vt_copy_reader_read(plain.r, trailer + at,
		    sizeof(trailer) - at, &got, err);
		at += rc == VT_OK ? got : 0;
	}
	vt_copy_reader_close(plain.r);
	if (rc == VT_OK)
		rc = vt_pack_trailer(trailer, n->plain_bytes, &offset,
		    &length, &members, err);
	if (rc != VT_OK)
		return rc;
	rc = plain_open(r, p, n, offset, length, &plain, err);
	if (rc == VT_OK)
		rc = vt_zfile_unpack(plain_get, &plain, fd, &bytes, err);
	vt_copy_reader_close(plain.r);
	if (rc == VT_OK && lseek(fd, 0, SEEK_SET) < 0)
		rc = vt_fail_errno(err, "cannot read an index again");
	return rc;
}

/* A row for each line; *frame_bytes of all. */
static enum vt_code
add_members(struct vt_recreate *r, const struct vt_scratch_row *seen,
    int fd, uint64_t *frame_bytes, struct vt_err *err)
{
	struct vt_lines *lines = vt_lines_open(fd, LINE_MAX_BYTES);
	struct vt_json_field f[FIELDS];
	struct vt_scratch_row row;
	const char *line;
	uint64_t length;
	char *text;
	size_t len;
	enum vt_code rc = VT_OK;
	int n;

	*frame_bytes = 0;
	if (lines == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	for (;;) {
		rc = vt_lines_next(lines, &line, &len, NULL, err);
		if (rc != VT_OK)
			break;
		n = vt_json_scan(line, len, f, FIELDS);
		row = *seen;
		row.is_group = 1;
		row.upload = "";
		if (n < 0 || vt_json_get_i64(vt_json_find(f, n, "mtime_us"),
		    &row.written_us) < 0 ||
		    vt_json_get_u64(vt_json_find(f, n, "length"),
		    &length) < 0) {
			rc = vt_fail(err, VT_INVALID, "its index is broken");
			break;
		}
		*frame_bytes += length;
		text = strndup(line, len);
		row.detail = text;
		rc = text == NULL ? vt_fail(err, VT_NOMEM, "out of memory") :
		    vt_scratch_add(r->scratch, &row, err);
		free(text);
		if (rc != VT_OK)
			break;
	}
	vt_lines_close(lines);
	return rc == VT_ABSENT ? VT_OK : rc;
}

static enum vt_code
describe(struct vt_recreate *r, const struct vt_scratch_row *seen,
    const struct vt_note *n, struct vt_found_pack *p, struct vt_err *err)
{
	struct vt_backend_head head;
	enum vt_code rc;

	rc = vt_backend_head(vt_tiers_backend(r->tiers, seen->tier),
	    seen->name, &head, err);
	if (rc != VT_OK)
		return rc;
	p->tier = strdup(seen->tier);
	p->name = strdup(seen->name);
	p->token = strdup(head.token);
	p->size_bytes = head.size_bytes;
	p->plain_crc64 = n->crc64;
	snprintf(p->form, sizeof(p->form), "%s", n->form);
	return p->tier != NULL && p->name != NULL && p->token != NULL ?
	    VT_OK : vt_fail(err, VT_NOMEM, "out of memory");
}

/* Of one pack that cannot be read no run fails. */
static int
is_fatal(enum vt_code rc)
{
	return rc == VT_NOMEM || rc == VT_NOSPACE || rc == VT_BUSY ||
	    rc == VT_CANCELLED;
}

enum vt_code
vt_recreate_pack(struct vt_recreate *r, const struct vt_scratch_row *seen,
    const struct vt_note *n, struct vt_err *err)
{
	struct vt_finding told = { .what = "unproved", .tier = seen->tier,
	    .name = seen->name, .size_bytes = seen->size_bytes };
	struct vt_found_pack *p = calloc(1, sizeof(*p));
	struct vt_pack_form form = { .pack_bytes = n->plain_bytes,
	    .form = n->form };
	enum vt_code rc;
	int fd = -1;

	rc = p == NULL ? vt_fail(err, VT_NOMEM, "out of memory") :
	    describe(r, seen, n, p, err);
	if (rc == VT_OK)
		rc = vt_fs_nameless(r->config->data_dir, &fd, err);
	if (rc == VT_OK)
		rc = read_index(r, p, n, fd, err);
	if (rc == VT_OK)
		rc = add_members(r, seen, fd, &form.frame_bytes, err);
	if (rc == VT_OK && vt_pack_text(&form, p->text) < 0)
		rc = vt_fail(err, VT_INVALID, "its transform is too long");
	if (fd >= 0)
		close(fd);
	if (rc == VT_OK) {
		p->next = r->packs;
		r->packs = p;
		return VT_OK;
	}
	pack_free(p);
	if (is_fatal(rc))
		return rc;
	r->n.unproved++;
	told.why = err->text;
	vt_recreate_tell(r, &told);
	return VT_OK;
}

/* --- one member ----------------------------------------------------------- */

/* A string of the line, "" when it is not there; NULL: no memory. */
static const char *
text_of(struct vt_arena *a, const struct vt_json_field *f, int n,
    const char *name, size_t *len)
{
	const struct vt_json_field *v = vt_json_find(f, n, name);
	const char *copy = "";
	struct vt_buf b;

	vt_buf_init(&b, LINE_MAX_BYTES);
	if (v != NULL && v->type == 's')
		copy = vt_json_unescape(v, &b) < 0 ? NULL :
		    vt_arena_dup(a, b.data, b.len);
	if (len != NULL)
		*len = b.len;
	vt_buf_release(&b);
	return copy;
}

/* "headers", an object, as vt_version.meta. */
static const char *
headers_of(struct vt_arena *a, const struct vt_json_field *f, int n,
    size_t *len)
{
	const struct vt_json_field *v = vt_json_find(f, n, "headers");
	struct vt_json_field h[256];
	const char *copy = "";
	struct vt_buf b;
	int count, i;

	*len = 0;
	if (v == NULL || v->type != 'o')
		return copy;
	count = vt_json_scan(v->value, v->value_len, h, 256);
	vt_buf_init(&b, LINE_MAX_BYTES);
	for (i = 0; i < count; i++) {
		struct vt_json_field name = { .value = h[i].name,
		    .value_len = h[i].name_len, .type = 's', .escaped = 1 };

		if (vt_json_unescape(&name, &b) < 0)
			break;
		vt_buf_char(&b, '\0');
		if (vt_json_unescape(&h[i], &b) < 0)
			break;
		vt_buf_char(&b, '\0');
	}
	copy = count < 0 || i < count || b.failed ? NULL :
	    vt_arena_dup(a, b.data, b.len);
	*len = b.len;
	vt_buf_release(&b);
	return copy;
}

enum vt_code
vt_recreate_member(const struct vt_scratch_row *row, struct vt_arena *a,
    struct vt_note *out, uint64_t *offset, uint64_t *length,
    struct vt_err *err)
{
	struct vt_json_field f[FIELDS];
	const struct vt_json_field *null;
	const char *version, *crc;
	char *end;
	int n;

	memset(out, 0, sizeof(*out));
	n = vt_json_scan(row->detail, strlen(row->detail), f, FIELDS);
	if (n < 0 || vt_json_get_u64(vt_json_find(f, n, "size"),
	    &out->plain_bytes) < 0 ||
	    vt_json_get_u64(vt_json_find(f, n, "offset"), offset) < 0 ||
	    vt_json_get_u64(vt_json_find(f, n, "length"), length) < 0)
		return vt_fail(err, VT_INVALID, "its line of the index is "
		    "broken");
	out->bucket = text_of(a, f, n, "bucket", NULL);
	out->key = text_of(a, f, n, "key", &out->key_len);
	out->etag = text_of(a, f, n, "etag", NULL);
	out->checksum = text_of(a, f, n, "checksum", NULL);
	out->tags = text_of(a, f, n, "tags", NULL);
	out->owner = text_of(a, f, n, "owner", NULL);
	out->meta = headers_of(a, f, n, &out->meta_len);
	version = text_of(a, f, n, "version", NULL);
	crc = text_of(a, f, n, "crc64", NULL);
	out->acl = out->sse = out->form = out->upload = "";
	if (out->bucket == NULL || out->key == NULL || out->etag == NULL ||
	    out->checksum == NULL || out->tags == NULL ||
	    out->owner == NULL || out->meta == NULL || version == NULL ||
	    crc == NULL)
		return vt_fail(err, VT_INVALID, "its line of the index "
		    "cannot be read");
	out->crc64 = strtoull(crc, &end, 16);
	if (*crc == '\0' || *end != '\0' || out->key_len > VT_KEY_MAX ||
	    *out->bucket == '\0' || strlen(out->bucket) > 63 ||
	    strlen(version) > VT_ID_LEN)
		return vt_fail(err, VT_INVALID, "its line of the index is "
		    "broken");
	snprintf(out->version_id, sizeof(out->version_id), "%s", version);
	null = vt_json_find(f, n, "null");
	out->is_null = null != NULL && null->type == 't';
	return VT_OK;
}

/* All of a pack that is not encrypted has the checksum of its note: then all
 * of its members have theirs. */
static enum vt_code
sum_pack(struct vt_recreate *r, struct vt_found_pack *p, struct vt_err *err)
{
	struct vt_backend *b = vt_tiers_backend(r->tiers, p->tier);
	struct vt_backend_head head;
	enum vt_code rc;

	if (p->is_summed)
		return VT_OK;
	rc = vt_backend_head(b, p->name, &head, err);
	if (rc == VT_OK && head.archived && *p->form == '\0')
		p->crc64 = p->plain_crc64;
	else if (rc == VT_OK)
		rc = vt_recreate_sum(r, b, p->name, p->token, p->size_bytes,
		    &p->crc64, err);
	if (rc == VT_OK && *p->form == '\0' && p->crc64 != p->plain_crc64)
		rc = vt_fail(err, VT_CORRUPT, "the pack's bytes are not "
		    "those that were written");
	p->is_summed = rc == VT_OK;
	return rc;
}

enum vt_code
vt_recreate_packed_extents(struct vt_recreate *r,
    const struct vt_scratch_row *row, uint64_t offset, uint64_t length,
    const struct vt_version *v, struct vt_arena *a,
    struct vt_cat_extent **out, size_t *count, struct vt_err *err)
{
	struct vt_found_pack *p = find(r, row);
	struct vt_cat_extent *x;
	enum vt_code rc;

	*out = NULL;
	*count = 0;
	if (v->size_bytes == 0)
		return VT_OK;
	if (p == NULL)
		return vt_fail(err, VT_INVALID, "its pack cannot be read");
	rc = sum_pack(r, p, err);
	if (rc != VT_OK)
		return rc;
	x = vt_arena_alloc(a, sizeof(*x));
	if (x == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	x->e.blob.id = p->blob_id;
	x->e.blob.tier = p->tier;
	x->e.blob.name = p->name;
	x->e.blob.token = p->token;
	x->e.blob.size_bytes = p->size_bytes;
	x->e.blob.crc64 = p->crc64;
	x->e.blob.owned = 1;
	x->e.blob.transform = p->text;
	x->e.offset = offset;
	x->e.length = length;
	x->e.plain_length = v->size_bytes;
	x->is_ref = p->blob_id != 0;
	if (*p->form != '\0')
		rc = vt_recreate_prove(r, v, x, 1, a, err);
	if (rc == VT_OK && !x->is_ref)
		rc = vt_catalog_blob_id(r->catalog, &x->e.blob.id, err);
	if (rc != VT_OK)
		return rc;
	*out = x;
	*count = 1;
	return VT_OK;
}

void
vt_recreate_packed(struct vt_recreate *r, const struct vt_cat_extent *x)
{
	struct vt_scratch_row row = { .tier = x->e.blob.tier,
	    .name = x->e.blob.name };
	struct vt_found_pack *p = find(r, &row);

	if (p != NULL)
		p->blob_id = x->e.blob.id;
}
