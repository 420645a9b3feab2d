#include <stdlib.h>
#include <string.h>

#include "libvt/base/buf.h"
#include "libvt/base/clock.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/num.h"
#include "libvt/base/uri.h"

#include "libvt/proto/accessline.h"
#include "libvt/proto/foreignlog_internal.h"

#define FIELDS_MAX 48
#define NAME_MAX_BYTES 8192	/* of a key as a log writes it */
#define NESTED_MAX_BYTES ((size_t)256 << 10)

static const char *const format_names[VT_LOG_FORMATS] = {
	[VT_LOG_VAULTAIRE] = "vaultaire",
	[VT_LOG_S3] = "s3-access-log",
	[VT_LOG_COMBINED] = "combined",
	[VT_LOG_CSV] = "csv",
	[VT_LOG_CLOUDTRAIL] = "cloudtrail",
	[VT_LOG_INVENTORY] = "s3-inventory",
	[VT_LOG_AZURE] = "azure-storage-log",
	[VT_LOG_GCS] = "gcs-storage-log",
	[VT_LOG_CLOUDFRONT] = "cloudfront"
};

int
vt_log_format_find(const char *name, enum vt_log_format *out)
{
	size_t i;

	for (i = 0; i < VT_LOG_FORMATS; i++)
		if (strcmp(format_names[i], name) == 0) {
			*out = (enum vt_log_format)i;
			return 0;
		}
	return -1;
}

const char *
vt_log_format_name(enum vt_log_format format)
{
	return format_names[format];
}

int
vt_log_format_is_json(enum vt_log_format format)
{
	return format == VT_LOG_CLOUDTRAIL || format == VT_LOG_AZURE ||
	    format == VT_LOG_GCS;
}

struct vt_logparser *
vt_logparser_new(enum vt_log_format format, const char *bucket)
{
	struct vt_logparser *p = calloc(1, sizeof(*p));
	size_t i;

	if (p == NULL)
		return NULL;
	p->format = format;
	p->bucket = bucket;
	for (i = 0; i < sizeof(p->text) / sizeof(p->text[0]); i++)
		vt_buf_init(&p->text[i], NAME_MAX_BYTES);
	vt_buf_init(&p->nested, NESTED_MAX_BYTES);
	return p;
}

void
vt_logparser_free(struct vt_logparser *p)
{
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < sizeof(p->text) / sizeof(p->text[0]); i++)
		vt_buf_release(&p->text[i]);
	vt_buf_release(&p->nested);
	free(p);
}

void
vt_logparser_versions(struct vt_logparser *p, int apart)
{
	p->versions_apart = apart;
}

void
vt_logparser_file(struct vt_logparser *p)
{
	p->has_lines = p->is_other = 0;
	/* an inventory has no header but its schema */
	if (p->format != VT_LOG_INVENTORY)
		p->has_header = 0;
}

/* --- ours ----------------------------------------------------------------- */

static int
equals(const struct vt_json_field *f, const char *text)
{
	return f != NULL && f->type == 's' && f->value_len == strlen(text) &&
	    memcmp(f->value, text, f->value_len) == 0;
}

int
vt_log_time(struct vt_logparser *p, const char *s, size_t len, int64_t *us)
{
	int64_t t;

	if (len == 24 && s[23] == 'Z' && s[19] == '.' &&
	    memcmp(s, p->stamp, 19) == 0) {
		unsigned a = (unsigned)(s[20] - '0'), b, c;

		b = (unsigned)(s[21] - '0');
		c = (unsigned)(s[22] - '0');
		if (a > 9 || b > 9 || c > 9)
			return -1;
		*us = p->stamp_us + (a * 100 + b * 10 + c) * 1000;
		return 0;
	}
	if (vt_time_parse_rfc3339(s, len, &t) < 0)
		return -1;
	*us = t;
	if (len == 24 && s[23] == 'Z' && s[19] == '.') {
		memcpy(p->stamp, s, 19);
		p->stamp_us = t - t % 1000000;
		if (t < 0)
			p->stamp[0] = '\0';
	}
	return 0;
}

static int
take_time(struct vt_logparser *p, const struct vt_json_field *f, int64_t *us)
{
	return f == NULL || f->type != 's' ? -1 :
	    vt_log_time(p, f->value, f->value_len, us);
}

static uint64_t
take_size(const struct vt_json_field *f)
{
	uint64_t n = 0;

	return f != NULL && vt_json_get_u64(f, &n) == 0 ? n : 0;
}

static enum vt_code
take_coverage(struct vt_logparser *p, const struct vt_json_field *f, int n,
    struct vt_log_event *out, struct vt_err *err)
{
	out->kind = VT_LOG_COVERAGE;
	if (take_time(p, vt_json_find(f, n, "from"), &out->from_us) < 0 ||
	    take_time(p, vt_json_find(f, n, "to"), &out->to_us) < 0 ||
	    out->to_us < out->from_us ||
	    vt_log_text(p, 0, vt_json_find(f, n, "node"), &out->node,
	    &out->node_len) < 0)
		return vt_fail(err, VT_INVALID,
		    "a coverage record without from, to or node");
	out->time_us = out->to_us;
	out->dropped = take_size(vt_json_find(f, n, "dropped"));
	return VT_OK;
}

/* What an operation does to heat; vt-accesslog(5) has the table. */
enum effect { NONE, READ, WRITE, COPY, COPY_PART, DELETE, COVERAGE };

static enum effect
effect_of(const char *op, size_t len)
{
	static const struct {
		const char *name;
		enum effect effect;
	} ops[] = {
		{ "GetObject", READ },
		{ "PutObject", WRITE },
		{ "CopyObject", COPY },
		{ "UploadPartCopy", COPY_PART },
		{ "CompleteMultipartUpload", WRITE },
		{ "PostObject", WRITE },
		/* of DeleteObjects each object has such a line, beside the
		 * request's own */
		{ "DeleteObject", DELETE },
		{ "log", COVERAGE },
	};
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strncmp(op, ops[i].name, len) == 0 &&
		    ops[i].name[len] == '\0')
			return ops[i].effect;
	return NONE;
}

/*
 * Most lines are reads, written by ourselves.  1: *rc is what line_vaultaire
 * would say, and `out` is set; 0: look closer.
 */
static int
line_quick(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, enum vt_code *rc)
{
	struct vt_accessline a;
	enum effect effect;

	if (!vt_accessline_read(line, len, &a))
		return 0;
	*rc = VT_ABSENT;
	effect = effect_of(a.op.s, a.op.len);
	if (effect == NONE)
		return 1;
	if (effect != READ && effect != WRITE && effect != DELETE)
		return 0;
	if (a.actor.len != 6 || memcmp(a.actor.s, "client", 6) != 0 ||
	    a.status < 200 || a.status > 299)
		return 1;
	if (a.bucket.len == 0 || a.key.len == 0 ||
	    vt_log_time(p, a.time.s, a.time.len, &out->time_us) < 0)
		return 0;
	out->kind = effect == READ ? VT_LOG_READ :
	    effect == WRITE ? VT_LOG_WRITE : VT_LOG_DELETE;
	out->object.bucket = a.bucket.s;
	out->object.bucket_len = a.bucket.len;
	out->object.key = a.key.s;
	out->object.key_len = a.key.len;
	out->object.version = a.version.s != NULL ? a.version.s : "";
	out->object.version_len = a.version.len;
	out->has_size = a.has_size;
	out->size_bytes = a.size;
	out->count = 1;
	out->bytes = effect == READ ? a.out : 0;
	*rc = VT_OK;
	return 1;
}

static enum vt_code
line_vaultaire(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	struct vt_json_field f[FIELDS_MAX];
	const struct vt_json_field *op, *size;
	uint64_t status, bytes;
	enum effect effect;
	const char *source;
	size_t source_len;
	enum vt_code rc;
	int n;

	if (line_quick(p, line, len, out, &rc))
		return rc;
	n = vt_json_scan(line, len, f, FIELDS_MAX);
	if (n < 0)
		return vt_fail(err, VT_INVALID, "not a JSON object");
	op = vt_json_find(f, n, "op");
	if (op == NULL || op->type != 's')
		return vt_fail(err, VT_INVALID, "no \"op\"");
	effect = effect_of(op->value, op->value_len);
	if (effect == NONE)
		return VT_ABSENT;
	if (effect == COVERAGE)
		return take_coverage(p, f, n, out, err);
	/* Our own programs' reads are bill, never heat. */
	if (!equals(vt_json_find(f, n, "actor"), "client"))
		return VT_ABSENT;
	status = take_size(vt_json_find(f, n, "status"));
	if (status < 200 || status > 299)
		return VT_ABSENT;
	if (take_time(p, vt_json_find(f, n, "time"), &out->time_us) < 0)
		return vt_fail(err, VT_INVALID, "no \"time\"");
	if (vt_log_text(p, 0, vt_json_find(f, n, "bucket"),
	    &out->object.bucket, &out->object.bucket_len) < 0 ||
	    vt_log_text(p, 1, vt_json_find(f, n, "key"), &out->object.key,
	    &out->object.key_len) < 0 ||
	    vt_log_text(p, 2, vt_json_find(f, n, "version"),
	    &out->object.version, &out->object.version_len) < 0 ||
	    vt_log_text(p, 3, vt_json_find(f, n, "source"), &source,
	    &source_len) < 0)
		return vt_fail(err, VT_INVALID, "a name is not text");
	if (out->object.bucket_len == 0 || out->object.key_len == 0)
		return vt_fail(err, VT_INVALID, "no \"bucket\" or \"key\"");
	size = vt_json_find(f, n, "size");
	if (size != NULL && vt_json_get_u64(size, &out->size_bytes) == 0)
		out->has_size = 1;
	out->count = 1;
	switch (effect) {
	case READ:
		out->kind = VT_LOG_READ;
		out->bytes = take_size(vt_json_find(f, n, "out"));
		return VT_OK;
	case DELETE:
		out->kind = VT_LOG_DELETE;
		return VT_OK;
	case COPY:
	case COPY_PART:
		bytes = effect == COPY_PART &&
		    vt_json_find(f, n, "length") != NULL ?
		    take_size(vt_json_find(f, n, "length")) :
		    out->size_bytes;
		vt_log_source(source, source_len, &out->source);
		out->has_source = out->source.key_len > 0;
		out->bytes = bytes;
		out->kind = VT_LOG_WRITE;
		if (effect == COPY)
			return VT_OK;
		/* A part is no object yet: the source was read, no more. */
		if (!out->has_source)
			return VT_ABSENT;
		out->object = out->source;
		out->has_source = 0;
		out->has_size = 0;
		out->kind = VT_LOG_READ;
		return VT_OK;
	default:
		out->kind = VT_LOG_WRITE;
		return VT_OK;
	}
}

/* --- dispatch ---------------------------------------------------- */

enum vt_code
vt_log_version(const struct vt_logparser *p, struct vt_log_event *out)
{
	if (out->object.version_len == 0 || p->versions_apart)
		return VT_OK;
	/* which version is the current one is not known */
	if (out->kind == VT_LOG_DELETE || out->kind == VT_LOG_MOVED)
		return VT_ABSENT;
	out->object.version = "";
	out->object.version_len = 0;
	return VT_OK;
}

enum vt_code
vt_logparser_line(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	memset(out, 0, sizeof(*out));
	if (len == 0)
		return VT_ABSENT;
	out->object.version = out->source.version = "";
	switch (p->format) {
	case VT_LOG_VAULTAIRE:
		return line_vaultaire(p, line, len, out, err);
	case VT_LOG_S3:
		return vt_log_line_s3(p, line, len, out, err);
	case VT_LOG_COMBINED:
		return vt_log_line_combined(p, line, len, out, err);
	case VT_LOG_CSV:
		return vt_log_line_csv(p, line, len, out, err);
	case VT_LOG_CLOUDTRAIL:
		return vt_log_line_cloudtrail(p, line, len, out, err);
	case VT_LOG_INVENTORY:
		return vt_log_line_inventory(p, line, len, out, err);
	case VT_LOG_AZURE:
		return vt_log_line_azure(p, line, len, out, err);
	case VT_LOG_GCS:
		return vt_log_line_gcs(p, line, len, out, err);
	case VT_LOG_CLOUDFRONT:
		return vt_log_line_cloudfront(p, line, len, out, err);
	case VT_LOG_FORMATS:
		break;
	}
	return vt_fail(err, VT_INVALID, "unknown format");
}
