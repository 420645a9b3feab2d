/*
 * Azure Blob Storage: Storage Analytics logs of version 1.0 and 2.0, whose
 * fields "Storage Analytics Log Format" lists, and resource logs of Azure
 * Monitor in JSON (StorageBlobLogs), as they are archived, streamed or
 * exported from tables.
 *
 * Neither tells the size of a blob that is read, but what was sent of it.
 */
#include <string.h>

#include "libvt/base/num.h"

#include "libvt/proto/foreignlog_internal.h"

enum { VERSION, TIME, OPERATION, STATUS = 4, SERVICE = 10, OBJECT = 12,
	SENT = 20, RECEIVED, NEEDED };

enum effect { NONE, READ, WRITE, UPLOAD, DELETE };

static enum effect
effect_of(const char *name, size_t len)
{
	static const struct {
		const char *name;
		enum effect effect;
	} ops[] = {
		{ "GetBlob", READ },
		{ "ReadFile", READ },
		{ "CopyBlobSource", READ },
		{ "PutBlob", UPLOAD },
		{ "PutBlockList", WRITE },
		{ "PutBlobFromURL", WRITE },
		{ "CopyBlob", WRITE },
		{ "CopyBlobDestination", WRITE },
		{ "CreatePathFile", WRITE },
		{ "FlushFile", WRITE },
		{ "DeleteBlob", DELETE },
		{ "DeleteFile", DELETE },
		{ "DeletePathFile", DELETE },
	};
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strlen(ops[i].name) == len &&
		    memcmp(ops[i].name, name, len) == 0)
			return ops[i].effect;
	return NONE;
}

static void
set_effect(struct vt_log_event *out, enum effect effect, uint64_t sent,
    uint64_t received)
{
	out->count = 1;
	switch (effect) {
	case READ:
		out->kind = VT_LOG_READ;
		out->bytes = out->size_bytes = sent;
		out->has_size = out->size_is_least = 1;
		break;
	case DELETE:
		out->kind = VT_LOG_DELETE;
		break;
	case UPLOAD:
		/* without a body it is filled later, by pages or blocks */
		out->size_bytes = received;
		out->has_size = received > 0;
		out->kind = VT_LOG_WRITE;
		break;
	default:
		out->kind = VT_LOG_WRITE;
		break;
	}
}

/* "/account/container/blob": a container is a bucket. */
static int
take_object(const char *s, size_t len, struct vt_log_name *out)
{
	const char *account = len > 0 && *s == '/' ?
	    memchr(s + 1, '/', len - 1) : NULL;

	if (account == NULL)
		return -1;
	vt_log_source(account, len - (size_t)(account - s), out);
	return out->key_len > 0 ? 0 : -1;
}

/* --- Storage Analytics ---------------------------------------------------- */

/* Is the semicolon at `at` that of an ampersand? */
static int
is_ampersand(const char *s, const char *at)
{
	return at - s >= 4 && memcmp(at - 4, "&amp", 4) == 0;
}

/* A field up to a semicolon.  One in quotes may hold some, as its quotes and
 * other signs are written as entities of HTML; an address without quotes has
 * some behind its ampersands. */
static int
next_field(const char **p, const char *end, struct vt_log_word *out)
{
	const char *s = *p, *stop;
	int is_quoted = s != NULL && s < end && *s == '"';

	if (s == NULL)
		return -1;
	stop = s += is_quoted;
	if (is_quoted) {
		for (; ; stop++) {
			stop = memchr(stop, '"', (size_t)(end - stop));
			if (stop == NULL)
				return -1;
			if (stop + 1 == end || stop[1] == ';')
				break;
		}
	} else {
		for (; ; stop++) {
			stop = memchr(stop, ';', (size_t)(end - stop));
			if (stop == NULL)
				stop = end;
			if (stop == end || !is_ampersand(s, stop))
				break;
		}
	}
	out->s = s;
	out->len = (size_t)(stop - s);
	stop += is_quoted;
	*p = stop == end ? NULL : stop + 1;
	return 0;
}

/* Undo the entities of HTML: the named ones that a name may need, and all
 * numbered ones below 256. */
static int
unescape_html(struct vt_logparser *p, struct vt_log_word *w)
{
	static const struct {
		const char *name;
		char byte;
	} entities[] = {
		{ "&amp;", '&' }, { "&quot;", '"' }, { "&lt;", '<' },
		{ "&gt;", '>' }, { "&apos;", '\'' },
	};
	const char *s = w->s, *end = w->s + w->len;
	size_t i, len;

	if (memchr(s, '&', w->len) == NULL)
		return 0;
	vt_buf_reset(&p->text[0]);
	while (s < end) {
		const char *stop = memchr(s, ';', (size_t)(end - s));
		uint64_t n = 256;

		len = stop != NULL ? (size_t)(stop + 1 - s) : 0;
		if (*s != '&' || len < 4) {
			vt_buf_char(&p->text[0], *s++);
			continue;
		}
		for (i = 0; i < 5; i++)
			if (strlen(entities[i].name) == len &&
			    memcmp(entities[i].name, s, len) == 0)
				n = (unsigned char)entities[i].byte;
		if (s[1] == '#' && vt_num_scan_u64(s + 2, len - 3, &n) < 0)
			n = 256;
		if (n > 255) {
			vt_buf_char(&p->text[0], *s++);
			continue;
		}
		vt_buf_char(&p->text[0], (char)n);
		s += len;
	}
	if (p->text[0].failed)
		return -1;
	w->s = p->text[0].data;
	w->len = p->text[0].len;
	return 0;
}

static enum vt_code
line_analytics(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	const char *end = line + len;
	struct vt_log_word w[NEEDED];
	uint64_t status, sent = 0, received = 0;
	enum effect effect;
	int i;

	if (len > 0 && end[-1] == '\r')
		end--;
	for (i = 0; i < NEEDED; i++)
		if (next_field(&line, end, &w[i]) < 0)
			return vt_fail(err, VT_INVALID, "not a Storage "
			    "Analytics line: %d fields", i);
	if (!vt_log_word_is(&w[VERSION], "1.0") &&
	    !vt_log_word_is(&w[VERSION], "2.0"))
		return vt_fail(err, VT_INVALID, "not a Storage Analytics line "
		    "of version 1.0 or 2.0");
	effect = effect_of(w[OPERATION].s, w[OPERATION].len);
	if (effect == NONE || !vt_log_word_is(&w[SERVICE], "blob"))
		return VT_ABSENT;
	if (vt_num_scan_u64(w[STATUS].s, w[STATUS].len, &status) < 0 ||
	    (w[SENT].len > 0 &&
	    vt_num_scan_u64(w[SENT].s, w[SENT].len, &sent) < 0) ||
	    (w[RECEIVED].len > 0 &&
	    vt_num_scan_u64(w[RECEIVED].s, w[RECEIVED].len, &received) < 0))
		return vt_fail(err, VT_INVALID,
		    "status or bytes is not a number");
	if (status < 200 || status > 299)
		return VT_ABSENT;
	if (vt_log_time(p, w[TIME].s, w[TIME].len, &out->time_us) < 0)
		return vt_fail(err, VT_INVALID, "no time in field 2");
	if (unescape_html(p, &w[OBJECT]) < 0 ||
	    take_object(w[OBJECT].s, w[OBJECT].len, &out->object) < 0)
		return vt_fail(err, VT_INVALID, "no object key in field 13");
	set_effect(out, effect, sent, received);
	return VT_OK;
}

/* --- resource logs -------------------------------------------------------- */

/* A field of the properties, which exports of tables have beside the rest. */
static const struct vt_log_json *
holder(const struct vt_log_json *record, const struct vt_log_json *properties,
    const char *name)
{
	return vt_log_json_find(properties, name) != NULL ? properties :
	    record;
}

static enum vt_code
line_resource(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	const struct vt_json_field *op;
	struct vt_log_json r, props;
	const char *key;
	size_t key_len;
	enum effect effect;
	uint64_t status;

	if (vt_log_json(&r, line, len) < 0)
		return vt_fail(err, VT_INVALID, "not a JSON object");
	op = vt_log_json_find(&r, "operationName");
	if (op == NULL || op->type != 's')
		return vt_fail(err, VT_INVALID, "no \"operationName\"");
	if (vt_log_json_object(p, &r, "properties", &props) < 0)
		props.n = 0;
	effect = effect_of(op->value, op->value_len);
	status = vt_log_json_u64(&r, "statusCode", 0);
	if (effect == NONE || status < 200 || status > 299 ||
	    (vt_log_json_find(holder(&r, &props, "serviceType"),
	    "serviceType") != NULL && !vt_log_json_is(holder(&r, &props,
	    "serviceType"), "serviceType", "blob")))
		return VT_ABSENT;
	if (vt_log_json_time(p, &r, "time", &out->time_us) < 0 &&
	    vt_log_json_time(p, &r, "TimeGenerated", &out->time_us) < 0)
		return vt_fail(err, VT_INVALID, "no \"time\"");
	if (vt_log_json_text(p, 0, holder(&r, &props, "objectKey"),
	    "objectKey", &key, &key_len) < 0 ||
	    take_object(key, key_len, &out->object) < 0)
		return vt_fail(err, VT_INVALID, "no \"objectKey\"");
	set_effect(out, effect, vt_log_json_u64(holder(&r, &props,
	    "responseBodySize"), "responseBodySize", 0),
	    vt_log_json_u64(holder(&r, &props, "requestBodySize"),
	    "requestBodySize", 0));
	return VT_OK;
}

enum vt_code
vt_log_line_azure(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	return *line == '{' ? line_resource(p, line, len, out, err) :
	    line_analytics(p, line, len, out, err);
}
