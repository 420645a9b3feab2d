/*
 * Google Cloud Storage: usage logs, comma-separated with the header that
 * "Usage logs & storage logs" describes, and data access entries of Cloud
 * Audit Logs in JSON, which tell no bytes.
 */
#include <string.h>

#include "libvt/base/num.h"

#include "libvt/proto/foreignlog_internal.h"

enum { COL_TIME, COL_STATUS, COL_OPERATION, COL_BUCKET, COL_OBJECT, COL_SENT,
	COL_RECEIVED, COL_URI, COLUMNS };

enum effect { NONE, READ, READ_JSON, WRITE, DELETE };

static enum effect
effect_of(const char *name, size_t len)
{
	static const struct {
		const char *name;
		enum effect effect;
	} ops[] = {
		{ "GET_Object", READ },
		{ "PUT_Object", WRITE },
		{ "POST_Object", WRITE },
		{ "DELETE_Object", DELETE },
		{ "storage.objects.get", READ_JSON },
		{ "storage.objects.create", WRITE },
		{ "storage.objects.insert", WRITE },
		{ "storage.objects.compose", WRITE },
		{ "storage.objects.delete", DELETE },
	};
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strlen(ops[i].name) == len &&
		    memcmp(ops[i].name, name, len) == 0)
			return ops[i].effect;
	return NONE;
}

static enum vt_log_kind
kind_of(enum effect effect)
{
	return effect == WRITE ? VT_LOG_WRITE :
	    effect == DELETE ? VT_LOG_DELETE : VT_LOG_READ;
}

/* --- usage logs ----------------------------------------------------------- */

/* The JSON interface reads metadata by the same operation as data. */
static int
is_metadata(const struct vt_log_word *uri)
{
	return memmem(uri->s, uri->len, "alt=media", 9) == NULL &&
	    memmem(uri->s, uri->len, "/download/", 10) == NULL;
}

/* A number; what lifecycle rules did has neither status nor bytes.  0 or -1. */
static int
take_number(const struct vt_log_word *w, uint64_t standard, uint64_t *out)
{
	*out = standard;
	return w->len == 0 ? 0 : vt_num_scan_u64(w->s, w->len, out);
}

/* Of storage logs, delivered to the same place: of no request. */
static int
is_storage_header(const struct vt_log_word *w, int n)
{
	return n == 2 && vt_log_word_is(&w[0], "bucket") &&
	    vt_log_word_is(&w[1], "storage_byte_hours");
}

static enum vt_code
take_header(struct vt_logparser *p, const struct vt_log_word *w, int n,
    struct vt_err *err)
{
	static const char *const names[COLUMNS] = {
		"time_micros", "sc_status", "cs_operation", "cs_bucket",
		"cs_object", "sc_bytes", "cs_bytes", "cs_uri"
	};

	p->is_other = is_storage_header(w, n);
	if (p->is_other)
		return VT_ABSENT;
	return vt_log_header(p, w, n, names, COLUMNS, COLUMNS, err);
}

static enum vt_code
line_usage(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	struct vt_log_word w[VT_LOG_COLUMNS_MAX];
	const struct vt_log_word *f[COLUMNS];
	uint64_t time_us, status, sent, received;
	int n = vt_log_csv(p, line, len, w, VT_LOG_COLUMNS_MAX), i;
	enum effect effect;

	if (n < 0)
		return vt_fail(err, VT_INVALID, "not comma-separated fields");
	/* files put behind each other have their headers within */
	if (vt_log_word_is(&w[0], "time_micros") || is_storage_header(w, n) ||
	    (!p->has_header && !p->is_other))
		return take_header(p, w, n, err);
	if (p->is_other)
		return VT_ABSENT;
	for (i = 0; i < COLUMNS; i++) {
		f[i] = vt_log_column(p, i, w, n);
		if (f[i] == NULL)
			return vt_fail(err, VT_INVALID,
			    "%d fields are too few", n);
	}
	effect = effect_of(f[COL_OPERATION]->s, f[COL_OPERATION]->len);
	if (effect == NONE ||
	    (effect == READ_JSON && is_metadata(f[COL_URI])))
		return VT_ABSENT;
	if (vt_num_scan_u64(f[COL_TIME]->s, f[COL_TIME]->len, &time_us) < 0 ||
	    time_us > INT64_MAX / 2)
		return vt_fail(err, VT_INVALID, "time_micros is no time");
	if (take_number(f[COL_STATUS], 200, &status) < 0 ||
	    take_number(f[COL_SENT], 0, &sent) < 0 ||
	    take_number(f[COL_RECEIVED], 0, &received) < 0)
		return vt_fail(err, VT_INVALID,
		    "status or bytes is not a number");
	if (status < 200 || status > 299)
		return VT_ABSENT;
	if (f[COL_BUCKET]->len == 0 || f[COL_OBJECT]->len == 0)
		return vt_fail(err, VT_INVALID, "no bucket or object");
	out->kind = kind_of(effect);
	out->time_us = (int64_t)time_us;
	out->object.bucket = f[COL_BUCKET]->s;
	out->object.bucket_len = f[COL_BUCKET]->len;
	out->object.key = f[COL_OBJECT]->s;
	out->object.key_len = f[COL_OBJECT]->len;
	out->count = 1;
	/* what is sent of an object, or in one request of an upload */
	out->bytes = out->kind == VT_LOG_READ ? sent : 0;
	out->size_bytes = out->kind == VT_LOG_READ ? sent : received;
	out->has_size = out->size_is_least = out->kind != VT_LOG_DELETE;
	return VT_OK;
}

/* --- audit logs ----------------------------------------------------------- */

/* "projects/_/buckets/B/objects/KEY" */
static int
take_resource(const char *s, size_t len, struct vt_log_name *out)
{
	static const char buckets[] = "/buckets/", objects[] = "/objects/";
	const char *b = memmem(s, len, buckets, sizeof(buckets) - 1), *o;

	if (b == NULL)
		return -1;
	b += sizeof(buckets) - 1;
	o = memmem(b, len - (size_t)(b - s), objects, sizeof(objects) - 1);
	if (o == NULL)
		return -1;
	out->bucket = b;
	out->bucket_len = (size_t)(o - b);
	out->key = o + sizeof(objects) - 1;
	out->key_len = (size_t)(s + len - out->key);
	return out->bucket_len > 0 && out->key_len > 0 ? 0 : -1;
}

static enum vt_code
line_audit(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	const struct vt_json_field *method;
	struct vt_log_json r, payload, status;
	enum effect effect;
	const char *name;
	size_t name_len;

	if (vt_log_json(&r, line, len) < 0)
		return vt_fail(err, VT_INVALID, "not a JSON object");
	if (vt_log_json_object(p, &r, "protoPayload", &payload) < 0)
		return VT_ABSENT;	/* an entry, but of no audit */
	method = vt_log_json_find(&payload, "methodName");
	if (method == NULL || method->type != 's')
		return vt_fail(err, VT_INVALID, "no \"methodName\"");
	effect = effect_of(method->value, method->value_len);
	if (effect == NONE)
		return VT_ABSENT;
	/* a google.rpc.Status: none, {} and code 0 are success */
	if (vt_log_json_object(p, &payload, "status", &status) == 0 &&
	    vt_log_json_u64(&status, "code", 0) != 0)
		return VT_ABSENT;
	if (vt_log_json_time(p, &r, "timestamp", &out->time_us) < 0)
		return vt_fail(err, VT_INVALID, "no \"timestamp\"");
	if (vt_log_json_text(p, 0, &payload, "resourceName", &name,
	    &name_len) < 0 || take_resource(name, name_len, &out->object) < 0)
		return vt_fail(err, VT_INVALID, "no \"resourceName\" of an "
		    "object");
	out->kind = kind_of(effect);
	out->count = 1;
	return VT_OK;
}

enum vt_code
vt_log_line_gcs(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	return *line == '{' ? line_audit(p, line, len, out, err) :
	    line_usage(p, line, len, out, err);
}
