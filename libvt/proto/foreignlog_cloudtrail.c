/*
 * CloudTrail data events for S3: the record of "CloudTrail record contents" in
 * the CloudTrail User Guide, whose requestParameters are those of the S3
 * request.  Tables exported as JSON write names small and objects as texts.
 *
 * What the events do not tell: sizes of objects (but what was sent and
 * received), keys of a DeleteObjects, and anything that lifecycle rules did.
 */
#include <string.h>

#include "libvt/base/uri.h"

#include "libvt/proto/foreignlog_internal.h"

enum effect { NONE, READ, WRITE, UPLOAD, COPY, COPY_PART, DELETE };

static enum effect
effect_of(const struct vt_log_json *j)
{
	static const struct {
		const char *name;
		enum effect effect;
	} events[] = {
		{ "GetObject", READ },
		{ "PutObject", UPLOAD },
		{ "PostObject", WRITE },
		{ "CompleteMultipartUpload", WRITE },
		{ "CopyObject", COPY },
		{ "UploadPartCopy", COPY_PART },
		{ "DeleteObject", DELETE },
	};
	size_t i;

	if (!vt_log_json_is(j, "eventSource", "s3.amazonaws.com") &&
	    !vt_log_json_is(j, "eventSource", "s3express.amazonaws.com"))
		return NONE;
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (vt_log_json_is(j, "eventName", events[i].name))
			return events[i].effect;
	return NONE;
}

/* Bucket and key of "arn:aws:s3:::bucket/key" among the resources.  0, or -1
 * when there is none. */
static int
take_resource(struct vt_logparser *p, const struct vt_log_json *j,
    struct vt_log_name *out)
{
	static const char mark[] = ":s3:::";
	const struct vt_json_field *f = vt_log_json_find(j, "resources");
	struct vt_json_field items[8];
	const char *s, *arn;
	struct vt_log_json r;
	int i, n;
	size_t len;

	n = f != NULL && f->type == 'a' ?
	    vt_json_items(f->value, f->value_len, items, 8) : 0;
	for (i = 0; i < n; i++) {
		if (items[i].type != 'o' ||
		    vt_log_json(&r, items[i].value, items[i].value_len) < 0 ||
		    !vt_log_json_is(&r, "type", "AWS::S3::Object") ||
		    vt_log_json_text(p, 0, &r, "ARN", &s, &len) < 0)
			continue;
		arn = memmem(s, len, mark, sizeof(mark) - 1);
		if (arn == NULL)
			continue;
		arn += sizeof(mark) - 1;
		vt_log_source(arn, len - (size_t)(arn - s), out);
		if (out->key_len > 0)
			return 0;
	}
	return -1;
}

/* "bucket/key?versionId=x", percent-encoded. */
static int
take_source(struct vt_logparser *p, const struct vt_log_json *request,
    struct vt_log_event *out)
{
	const char *s;
	size_t len;

	if (vt_log_json_text(p, 3, request, "x-amz-copy-source", &s,
	    &len) < 0)
		return -1;
	vt_log_source(s, len, &out->source);
	if (out->source.key_len == 0) {
		/* the slash may be encoded too */
		if (vt_log_decode(p, 3, s, len, 0, &s, &len) < 0)
			return -1;
		vt_log_source(s, len, &out->source);
	}
	if (out->source.key_len == 0)
		return 0;
	out->has_source = 1;
	if (!p->versions_apart) {
		out->source.version = "";
		out->source.version_len = 0;
	}
	return vt_log_decode(p, 2, out->source.key, out->source.key_len, 0,
	    &out->source.key, &out->source.key_len);
}

static enum vt_code
take_request(struct vt_logparser *p, const struct vt_log_json *record,
    struct vt_log_event *out, struct vt_err *err)
{
	struct vt_log_json request;
	struct vt_log_name *o = &out->object;
	const char *class_name;
	size_t len;

	if (vt_log_json_object(p, record, "requestParameters", &request) < 0)
		request.n = 0;
	if (vt_log_json_text(p, 0, &request, "bucketName", &o->bucket,
	    &o->bucket_len) < 0 ||
	    vt_log_json_text(p, 1, &request, "key", &o->key,
	    &o->key_len) < 0 ||
	    vt_log_json_text(p, 2, &request, "versionId", &o->version,
	    &o->version_len) < 0 ||
	    vt_log_json_text(p, 3, &request, "x-amz-storage-class",
	    &class_name, &len) < 0)
		return vt_fail(err, VT_INVALID, "a name is not text");
	out->storage_class = vt_log_class(class_name, len);
	if ((o->bucket_len == 0 || o->key_len == 0) &&
	    take_resource(p, record, o) < 0)
		return vt_fail(err, VT_INVALID, "no bucket or key");
	/* text[2] may hold the version: what names one is no copy */
	if (o->version_len == 0 && take_source(p, &request, out) < 0)
		return vt_fail(err, VT_INVALID, "a broken copy source");
	return VT_OK;
}

static void
take_bytes(struct vt_logparser *p, const struct vt_log_json *record,
    enum effect effect, struct vt_log_event *out)
{
	struct vt_log_json more;

	if (vt_log_json_object(p, record, "additionalEventData", &more) < 0)
		return;
	if (effect == READ) {
		out->bytes = vt_log_json_u64(&more, "bytesTransferredOut", 0);
		out->size_bytes = out->bytes;
		out->has_size = out->size_is_least = 1;
	} else if (effect == UPLOAD && vt_log_json_find(&more,
	    "bytesTransferredIn") != NULL) {
		out->size_bytes = vt_log_json_u64(&more, "bytesTransferredIn",
		    0);
		out->has_size = 1;
	}
}

/* What is delivered beside the events, and tells of none: digests of log files
 * and insights. */
static int
is_beside(const struct vt_log_json *record)
{
	return vt_log_json_find(record, "digestStartTime") != NULL ||
	    vt_log_json_is(record, "eventCategory", "Insight");
}

enum vt_code
vt_log_line_cloudtrail(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	const struct vt_json_field *error;
	struct vt_log_json record;
	enum effect effect;
	enum vt_code rc;

	if (vt_log_json(&record, line, len) < 0)
		return vt_fail(err, VT_INVALID, "not a JSON object");
	if (vt_log_json_find(&record, "eventName") == NULL)
		return is_beside(&record) ? VT_ABSENT :
		    vt_fail(err, VT_INVALID, "no \"eventName\"");
	effect = effect_of(&record);
	error = vt_log_json_find(&record, "errorCode");
	if (effect == NONE ||
	    (error != NULL && error->type == 's' && error->value_len > 0))
		return VT_ABSENT;
	if (vt_log_json_time(p, &record, "eventTime", &out->time_us) < 0)
		return vt_fail(err, VT_INVALID, "no \"eventTime\"");
	out->count = 1;
	out->kind = effect == READ || effect == COPY_PART ? VT_LOG_READ :
	    effect == DELETE ? VT_LOG_DELETE : VT_LOG_WRITE;
	/* both may be texts that are undone in the same place */
	take_bytes(p, &record, effect, out);
	rc = take_request(p, &record, out, err);
	if (rc != VT_OK)
		return rc;
	if (effect != COPY && effect != COPY_PART)
		out->has_source = 0;
	if (effect == COPY_PART) {
		/* a part is no object yet: its source was read, no more */
		if (!out->has_source)
			return VT_ABSENT;
		out->object = out->source;
		out->has_source = 0;
	}
	return vt_log_version(p, out);
}
