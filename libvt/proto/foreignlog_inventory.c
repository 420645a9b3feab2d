/*
 * Rows of an S3 Inventory in CSV, whose columns manifest.json names: "Amazon
 * S3 Inventory list" in the S3 User Guide.  No log: each row is an object that
 * exists.
 */
#include <string.h>

#include "libvt/proto/foreignlog_internal.h"

enum { COL_BUCKET, COL_KEY, COL_SIZE, COL_MODIFIED, COL_VERSION, COL_LATEST,
	COL_MARKER, COL_CLASS, COLUMNS };
#define REQUIRED COL_VERSION

/* The names between commas and blanks. */
static int
split_schema(const char *s, struct vt_log_word *w, int max)
{
	int n = 0;

	for (; *s != '\0'; n++) {
		if (n == max)
			return -1;
		s += strspn(s, " \t");
		w[n].s = s;
		w[n].len = strcspn(s, " \t,");
		s += w[n].len;
		s += strspn(s, " \t");
		if (*s != ',' && *s != '\0')
			return -1;
		s += *s == ',';
	}
	return n;
}

enum vt_code
vt_logparser_schema(struct vt_logparser *p, const char *schema,
    int64_t at_us, int *has_versions, struct vt_err *err)
{
	static const char *const names[COLUMNS] = {
		"Bucket", "Key", "Size", "LastModifiedDate", "VersionId",
		"IsLatest", "IsDeleteMarker", "StorageClass"
	};
	struct vt_log_word w[VT_LOG_COLUMNS_MAX];
	int n = split_schema(schema, w, VT_LOG_COLUMNS_MAX);

	if (n < 0)
		return vt_fail(err, VT_INVALID, "the schema '%.80s' is no "
		    "list of columns", schema);
	if (vt_log_header(p, w, n, names, COLUMNS, REQUIRED, err) ==
	    VT_INVALID)
		return vt_fail(err, VT_INVALID, "the schema '%.80s' lacks one "
		    "of Bucket, Key, Size, LastModifiedDate", schema);
	p->at_us = at_us;
	if (has_versions != NULL)
		*has_versions = p->column[COL_VERSION] >= 0;
	return VT_OK;
}

static int
is_true(const struct vt_log_word *w)
{
	return w != NULL && (vt_log_word_is(w, "true") ||
	    vt_log_word_is(w, "True") || vt_log_word_is(w, "TRUE"));
}

static enum vt_code
take_row(struct vt_logparser *p, const struct vt_log_word *w, int n,
    struct vt_log_event *out, struct vt_err *err)
{
	const struct vt_log_word *bucket = vt_log_column(p, COL_BUCKET, w, n);
	const struct vt_log_word *key = vt_log_column(p, COL_KEY, w, n);
	const struct vt_log_word *size = vt_log_column(p, COL_SIZE, w, n);
	const struct vt_log_word *time = vt_log_column(p, COL_MODIFIED, w, n);
	const struct vt_log_word *version =
	    vt_log_column(p, COL_VERSION, w, n);
	const struct vt_log_word *latest = vt_log_column(p, COL_LATEST, w, n);
	const struct vt_log_word *class_name =
	    vt_log_column(p, COL_CLASS, w, n);
	int known;

	if (bucket == NULL || key == NULL || size == NULL || time == NULL)
		return vt_fail(err, VT_INVALID, "%d columns are not those of "
		    "the schema", n);
	if (is_true(vt_log_column(p, COL_MARKER, w, n)))
		return VT_ABSENT;
	if (size->len == 0 || vt_log_word_u64(size, &out->size_bytes,
	    &known) < 0 || !known)
		return vt_fail(err, VT_INVALID, "the size is not a number");
	if (vt_log_time(p, time->s, time->len, &out->time_us) < 0)
		return vt_fail(err, VT_INVALID,
		    "the date is none such as 2026-11-22T12:00:00.000Z");
	if (bucket->len == 0 || key->len == 0 || vt_log_decode(p, 1, key->s,
	    key->len, 1, &out->object.key, &out->object.key_len) < 0)
		return vt_fail(err, VT_INVALID, "no bucket or key");
	out->object.bucket = bucket->s;
	out->object.bucket_len = bucket->len;
	if (version != NULL) {
		out->object.version = version->s;
		out->object.version_len = version->len;
	}
	out->is_noncurrent = latest != NULL && !is_true(latest);
	if (class_name != NULL)
		out->storage_class = vt_log_class(class_name->s,
		    class_name->len);
	out->kind = VT_LOG_LISTED;
	out->has_size = 1;
	out->at_us = p->at_us;
	return VT_OK;
}

enum vt_code
vt_log_line_inventory(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	struct vt_log_word w[VT_LOG_COLUMNS_MAX];
	int n, is_first = !p->has_lines;

	p->has_lines = 1;
	if (is_first && ((len >= 4 && memcmp(line, "PAR1", 4) == 0) ||
	    (len >= 3 && memcmp(line, "ORC", 3) == 0)))
		return vt_fail(err, VT_INVALID, "an inventory in %s cannot be "
		    "read, only one in CSV", *line == 'P' ? "Parquet" :
		    "ORC");
	if (!p->has_header)
		return vt_fail(err, VT_INVALID, "its columns are not known: "
		    "read its manifest.json, or give --schema");
	n = vt_log_csv(p, line, len, w, VT_LOG_COLUMNS_MAX);
	if (n < 0)
		return vt_fail(err, VT_INVALID, "not comma-separated fields");
	return take_row(p, w, n, out, err);
}
