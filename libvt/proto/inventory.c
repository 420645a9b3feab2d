/* See "Inventory manifest" in the S3 User Guide for the fields. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/buf.h"
#include "libvt/base/fs.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/num.h"

#include "libvt/proto/inventory.h"

#define MANIFEST_MAX ((size_t)64 << 20)
#define FIELDS_MAX 32
#define FILES_MAX 100000

/* The text of a field, or NULL. */
static char *
take_text(struct vt_arena *a, const struct vt_json_field *f)
{
	struct vt_buf b;
	char *text = NULL;

	vt_buf_init(&b, MANIFEST_MAX);
	if (vt_json_unescape(f, &b) == 0)
		text = vt_arena_dup(a, b.data, b.len);
	vt_buf_release(&b);
	return text;
}

/* Where the file of this key is, as far as can be seen. */
static const char *
find_file(struct vt_arena *a, const char *manifest, const char *key)
{
	static const char *const places[] = { "", "data/", "files/",
	    "../data/" };
	const char *slash = strrchr(manifest, '/');
	const char *last = strrchr(key, '/'), *path;
	int len = slash != NULL ? (int)(slash + 1 - manifest) : 0;
	size_t i;

	last = last != NULL ? last + 1 : key;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		path = vt_arena_printf(a, "%.*s%s%s", len, manifest,
		    places[i], last);
		if (path == NULL || access(path, F_OK) == 0)
			return path;
	}
	return vt_arena_printf(a, "%.*s%s", len, manifest, last);
}

static enum vt_code
take_files(const char *path, const struct vt_json_field *list,
    struct vt_arena *a, struct vt_inventory *out, struct vt_err *err)
{
	struct vt_json_field *items, f[FIELDS_MAX];
	enum vt_code rc = VT_NOMEM;
	char *key;
	int n = 0, i, k;

	items = malloc(FILES_MAX * sizeof(*items));
	if (items == NULL)
		goto out;
	n = list != NULL && list->type == 'a' ? vt_json_items(list->value,
	    list->value_len, items, FILES_MAX) : -1;
	out->files = vt_arena_alloc(a, ((size_t)(n > 0 ? n : 0) + 1) *
	    sizeof(*out->files));
	if (out->files == NULL)
		goto out;
	rc = VT_INVALID;
	for (i = 0; i < n; i++) {
		k = vt_json_scan(items[i].value, items[i].value_len, f,
		    FIELDS_MAX);
		key = take_text(a, k < 0 ? NULL :
		    vt_json_find(f, k, "key"));
		if (key == NULL || *key == '\0')
			break;
		out->files[i] = find_file(a, path, key);
		if (out->files[i] == NULL) {
			rc = VT_NOMEM;
			goto out;
		}
		out->file_count++;
	}
	if (i == n)
		rc = VT_OK;
out:
	free(items);
	return rc == VT_OK ? rc : vt_fail(err, rc, rc == VT_NOMEM ?
	    "no memory for the manifest '%s'" :
	    "the manifest '%s' has no list of files", path);
}

static enum vt_code
parse(const char *path, const char *text, size_t len, struct vt_arena *a,
    struct vt_inventory *out, struct vt_err *err)
{
	struct vt_json_field f[FIELDS_MAX];
	int n = vt_json_scan(text, len, f, FIELDS_MAX);
	const char *format;
	const struct vt_json_field *made;
	uint64_t made_ms;

	if (n < 0)
		return vt_fail(err, VT_INVALID, "the manifest '%s' is no JSON "
		    "object", path);
	format = take_text(a, vt_json_find(f, n, "fileFormat"));
	out->schema = take_text(a, vt_json_find(f, n, "fileSchema"));
	if (format == NULL || out->schema == NULL)
		return vt_fail(err, VT_INVALID, "'%s' is no manifest of an S3 "
		    "Inventory: it has no fileFormat or fileSchema", path);
	if (strcmp(format, "CSV") != 0)
		return vt_fail(err, VT_INVALID, "'%s': an inventory in %.20s "
		    "cannot be read, only one in CSV", path, format);
	/* milliseconds, written as a text */
	made = vt_json_find(f, n, "creationTimestamp");
	if (made != NULL && vt_num_scan_u64(made->value, made->value_len,
	    &made_ms) == 0 && made_ms < INT64_MAX / 1000)
		out->at_us = (int64_t)made_ms * 1000;
	return take_files(path, vt_json_find(f, n, "files"), a, out, err);
}

enum vt_code
vt_inventory_load(const char *path, struct vt_arena *a,
    struct vt_inventory *out, struct vt_err *err)
{
	enum vt_code rc;
	char *text;
	size_t len;

	memset(out, 0, sizeof(*out));
	rc = vt_fs_read(path, MANIFEST_MAX, &text, &len, err);
	if (rc != VT_OK)
		return rc;
	rc = parse(path, text, len, a, out, err);
	free(text);
	return rc;
}
