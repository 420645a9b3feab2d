/* Comma-separated logs with a header of our own. */
#include <string.h>

#include "libvt/base/num.h"

#include "libvt/proto/foreignlog_internal.h"

enum { COL_TIME, COL_OP, COL_KEY, COL_SIZE, COL_COUNT, COL_BYTES, COL_BUCKET,
	COL_VERSION, COLUMNS };

static int
column_u64(const struct vt_logparser *p, int c, const struct vt_log_word *w,
    int n, uint64_t standard, uint64_t *out)
{
	const struct vt_log_word *f = vt_log_column(p, c, w, n);

	*out = standard;
	return f == NULL || f->len == 0 ? 0 :
	    vt_num_scan_u64(f->s, f->len, out);
}

static void
take_names(const struct vt_logparser *p, const struct vt_log_word *w, int n,
    struct vt_log_name *out)
{
	const struct vt_log_word *bucket = vt_log_column(p, COL_BUCKET, w, n);
	const struct vt_log_word *version =
	    vt_log_column(p, COL_VERSION, w, n);

	out->bucket = p->bucket;
	out->bucket_len = strlen(p->bucket);
	if (bucket != NULL && bucket->len > 0) {
		out->bucket = bucket->s;
		out->bucket_len = bucket->len;
	}
	if (version != NULL) {
		out->version = version->s;
		out->version_len = version->len;
	}
}

enum vt_code
vt_log_line_csv(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	static const char *const names[COLUMNS] = {
		"time_s", "op", "key", "size", "count", "bytes", "bucket",
		"version"
	};
	struct vt_log_word w[VT_LOG_COLUMNS_MAX];
	const struct vt_log_word *op, *key, *time, *size;
	int n = vt_log_csv(p, line, len, w, VT_LOG_COLUMNS_MAX);
	double seconds;

	if (n < 0)
		return vt_fail(err, VT_INVALID, "not comma-separated fields");
	if (!p->has_header)
		return vt_log_header(p, w, n, names, COLUMNS, COL_SIZE + 1,
		    err);
	time = vt_log_column(p, COL_TIME, w, n);
	op = vt_log_column(p, COL_OP, w, n);
	key = vt_log_column(p, COL_KEY, w, n);
	size = vt_log_column(p, COL_SIZE, w, n);
	if (time == NULL || op == NULL || key == NULL || size == NULL)
		return vt_fail(err, VT_INVALID, "%d fields are too few", n);
	if (vt_num_scan_double(time->s, time->len, &seconds) < 0 ||
	    seconds < 0 || seconds > 1e11)
		return vt_fail(err, VT_INVALID,
		    "the time is no number of seconds");
	if (vt_log_word_is(op, "HEAD") || vt_log_word_is(op, "POST"))
		return VT_ABSENT;
	if (vt_log_method(op, &out->kind) < 0)
		return vt_fail(err, VT_INVALID, "unknown operation '%.*s'",
		    (int)(op->len < 40 ? op->len : 40), op->s);
	if (key->len == 0)
		return vt_fail(err, VT_INVALID, "the key is empty");
	if (column_u64(p, COL_SIZE, w, n, 0, &out->size_bytes) < 0 ||
	    column_u64(p, COL_COUNT, w, n, 1, &out->count) < 0 ||
	    out->count > UINT64_C(1) << 40)
		return vt_fail(err, VT_INVALID,
		    "size or count is not a number");
	if (column_u64(p, COL_BYTES, w, n, out->size_bytes * out->count,
	    &out->bytes) < 0)
		return vt_fail(err, VT_INVALID, "bytes is not a number");
	out->has_size = 1;
	out->time_us = (int64_t)(seconds * 1e6);
	if (out->time_us == 0)
		out->time_us = 1;	/* 0 is "not known" everywhere */
	take_names(p, w, n, &out->object);
	out->object.key = key->s;
	out->object.key_len = key->len;
	return VT_OK;
}
