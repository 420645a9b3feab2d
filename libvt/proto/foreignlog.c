#include <stdlib.h>
#include <string.h>

#include "libvt/base/buf.h"
#include "libvt/base/clock.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/num.h"
#include "libvt/base/uri.h"

#include "libvt/proto/accessline.h"
#include "libvt/proto/foreignlog.h"

#define FIELDS_MAX 48
#define NAME_MAX_BYTES 8192	/* of a key as a log writes it */
#define COLUMNS_MAX 64

enum column { COL_TIME, COL_OP, COL_KEY, COL_SIZE, COL_COUNT, COL_BYTES,
	COLUMNS };

struct vt_logparser {
	enum vt_log_format format;
	const char *bucket;
	struct vt_buf text[4];	/* unescaped names of the current line */
	int column[COLUMNS];	/* of a csv, -1 when absent */
	int has_header;
	/* the last time read: lines of a log share their seconds */
	char stamp[20];
	int64_t stamp_us;
};

static const char *const format_names[] = {
	"vaultaire", "s3-access-log", "combined", "csv"
};

int
vt_log_format_find(const char *name, enum vt_log_format *out)
{
	size_t i;

	for (i = 0; i < sizeof(format_names) / sizeof(*format_names); i++)
		if (strcmp(format_names[i], name) == 0) {
			*out = (enum vt_log_format)i;
			return 0;
		}
	return -1;
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
	free(p);
}

void
vt_logparser_file(struct vt_logparser *p)
{
	p->has_header = 0;
}

/* --- ours ----------------------------------------------------------------- */

static int
equals(const struct vt_json_field *f, const char *text)
{
	return f != NULL && f->type == 's' && f->value_len == strlen(text) &&
	    memcmp(f->value, text, f->value_len) == 0;
}

/* A text field; 0 or -1.  Absent is "". */
static int
take_text(struct vt_logparser *p, int slot, const struct vt_json_field *f,
    const char **out, size_t *len)
{
	*out = "";
	*len = 0;
	if (f == NULL)
		return 0;
	if (f->type != 's')
		return -1;
	if (!f->escaped) {
		*out = f->value;
		*len = f->value_len;
		return 0;
	}
	vt_buf_reset(&p->text[slot]);
	if (vt_json_unescape(f, &p->text[slot]) < 0)
		return -1;
	*out = p->text[slot].data;
	*len = p->text[slot].len;
	return 0;
}

/* "2026-11-22T12:00:00.000Z", parsed once for all lines of a second. */
static int
read_time(struct vt_logparser *p, const char *s, size_t len, int64_t *us)
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
	return f != NULL && f->type == 's' ?
	    read_time(p, f->value, f->value_len, us) : -1;
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
	    take_text(p, 0, vt_json_find(f, n, "node"), &out->node,
	    &out->node_len) < 0)
		return vt_fail(err, VT_INVALID,
		    "a coverage record without from, to or node");
	out->time_us = out->to_us;
	out->dropped = take_size(vt_json_find(f, n, "dropped"));
	return VT_OK;
}

/* "bucket/key?versionId=x" */
static void
split_source(const char *s, size_t len, struct vt_log_name *out)
{
	static const char mark[] = "?versionId=";
	const char *slash, *v;

	memset(out, 0, sizeof(*out));
	if (len > 0 && *s == '/') {
		s++;
		len--;
	}
	slash = memchr(s, '/', len);
	if (slash == NULL)
		return;
	out->bucket = s;
	out->bucket_len = (size_t)(slash - s);
	out->key = slash + 1;
	out->key_len = len - out->bucket_len - 1;
	out->version = "";
	v = memmem(out->key, out->key_len, mark, sizeof(mark) - 1);
	if (v != NULL) {
		out->version = v + sizeof(mark) - 1;
		out->version_len = (size_t)(out->key + out->key_len -
		    out->version);
		out->key_len = (size_t)(v - out->key);
	}
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
	    read_time(p, a.time.s, a.time.len, &out->time_us) < 0)
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
	if (take_text(p, 0, vt_json_find(f, n, "bucket"),
	    &out->object.bucket, &out->object.bucket_len) < 0 ||
	    take_text(p, 1, vt_json_find(f, n, "key"), &out->object.key,
	    &out->object.key_len) < 0 ||
	    take_text(p, 2, vt_json_find(f, n, "version"),
	    &out->object.version, &out->object.version_len) < 0 ||
	    take_text(p, 3, vt_json_find(f, n, "source"), &source,
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
		split_source(source, source_len, &out->source);
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

/* --- lines of words ------------------------------------------------------- */

struct word {
	const char *s;
	size_t len;
};

/* The next word of a log line: bare, [bracketed] or "quoted", where a
 * backslash keeps a quote inside.  0 or -1. */
static int
next_word(const char **p, const char *end, struct word *out)
{
	const char *s = *p;
	char close = ' ';

	while (s < end && *s == ' ')
		s++;
	if (s == end)
		return -1;
	if (*s == '[' || *s == '"')
		close = *s++ == '[' ? ']' : '"';
	out->s = s;
	while (s < end && *s != close) {
		if (close == '"' && *s == '\\' && s + 1 < end)
			s++;
		s++;
	}
	if (close != ' ' && s == end)
		return -1;
	out->len = (size_t)(s - out->s);
	*p = close == ' ' ? s : s + 1;
	return 0;
}

static int
word_is(const struct word *w, const char *text)
{
	return w->len == strlen(text) && memcmp(w->s, text, w->len) == 0;
}

/* A number, "-" being 0 with *known 0; -1 for anything else. */
static int
word_u64(const struct word *w, uint64_t *n, int *known)
{
	*n = 0;
	*known = !word_is(w, "-");
	return *known ? vt_num_scan_u64(w->s, w->len, n) : 0;
}

static int
decode_key(struct vt_logparser *p, const char *s, size_t len,
    struct vt_log_name *out)
{
	long n;

	out->key = s;
	out->key_len = len;
	if (memchr(s, '%', len) == NULL)
		return 0;
	vt_buf_reset(&p->text[0]);
	if (vt_buf_add(&p->text[0], s, len) < 0)
		return -1;
	n = vt_uri_decode(p->text[0].data, len, 0);
	if (n < 0)
		return 0;	/* a '%' that is part of the name */
	out->key = p->text[0].data;
	out->key_len = (size_t)n;
	return 0;
}

/* owner bucket [time] remote requester request operation key "uri" status
 * error sent size ... */
static enum vt_code
line_s3(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	static const struct {
		const char *op;
		enum vt_log_kind kind;
	} ops[] = {
		{ "REST.GET.OBJECT", VT_LOG_READ },
		{ "WEBSITE.GET.OBJECT", VT_LOG_READ },
		{ "REST.COPY.OBJECT_GET", VT_LOG_READ },
		{ "REST.COPY.PART_GET", VT_LOG_READ },
		{ "REST.PUT.OBJECT", VT_LOG_WRITE },
		{ "REST.POST.OBJECT", VT_LOG_WRITE },
		{ "REST.POST.UPLOAD", VT_LOG_WRITE },
		{ "REST.COPY.OBJECT", VT_LOG_WRITE },
		{ "REST.DELETE.OBJECT", VT_LOG_DELETE },
		{ "BATCH.DELETE.OBJECT", VT_LOG_DELETE },
		{ "S3.EXPIRE.OBJECT", VT_LOG_DELETE },
	};
	const char *end = line + len;
	struct word w[13];
	uint64_t status, sent;
	int known, known_sent;
	size_t i;

	for (i = 0; i < sizeof(w) / sizeof(w[0]); i++)
		if (next_word(&line, end, &w[i]) < 0)
			return vt_fail(err, VT_INVALID,
			    "not an S3 access log line: %zu fields", i);
	if (vt_time_parse_clf(w[2].s, w[2].len, &out->time_us) < 0)
		return vt_fail(err, VT_INVALID,
		    "not an S3 access log line: no time in field 3");
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (word_is(&w[6], ops[i].op))
			break;
	if (i == sizeof(ops) / sizeof(ops[0]))
		return VT_ABSENT;
	out->kind = ops[i].kind;
	if (word_u64(&w[9], &status, &known) < 0 ||
	    word_u64(&w[11], &sent, &known_sent) < 0 ||
	    word_u64(&w[12], &out->size_bytes, &out->has_size) < 0)
		return vt_fail(err, VT_INVALID,
		    "status, bytes or size is not a number");
	/* expiry has no status */
	if (known && (status < 200 || status > 299))
		return VT_ABSENT;
	out->object.bucket = w[1].s;
	out->object.bucket_len = w[1].len;
	out->object.version = "";
	if (word_is(&w[7], "-") || decode_key(p, w[7].s, w[7].len,
	    &out->object) < 0)
		return vt_fail(err, VT_INVALID, "no key, or a broken one");
	out->count = 1;
	out->bytes = known_sent ? sent : out->size_bytes;
	return VT_OK;
}

/* remote ident user [time] "METHOD path HTTP/1.1" status bytes ... */
static enum vt_code
line_combined(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	const char *end = line + len, *q, *r;
	struct word w[7], method, path;
	uint64_t status, sent;
	int known;
	size_t i;

	for (i = 0; i < sizeof(w) / sizeof(w[0]); i++)
		if (next_word(&line, end, &w[i]) < 0)
			return vt_fail(err, VT_INVALID,
			    "not a web log line: %zu fields", i);
	if (vt_time_parse_clf(w[3].s, w[3].len, &out->time_us) < 0)
		return vt_fail(err, VT_INVALID,
		    "not a web log line: no time in field 4");
	if (word_u64(&w[5], &status, &known) < 0 || !known ||
	    word_u64(&w[6], &sent, &known) < 0)
		return vt_fail(err, VT_INVALID,
		    "status or bytes is not a number");
	q = w[4].s;
	r = w[4].s + w[4].len;
	if (next_word(&q, r, &method) < 0 || next_word(&q, r, &path) < 0)
		return VT_ABSENT;	/* what a port scanner sends */
	if (word_is(&method, "GET"))
		out->kind = VT_LOG_READ;
	else if (word_is(&method, "PUT"))
		out->kind = VT_LOG_WRITE;
	else if (word_is(&method, "DELETE"))
		out->kind = VT_LOG_DELETE;
	else
		return VT_ABSENT;
	if (status < 200 || status > 299)
		return VT_ABSENT;
	q = memchr(path.s, '?', path.len);
	if (q != NULL)
		path.len = (size_t)(q - path.s);
	while (path.len > 0 && *path.s == '/') {
		path.s++;
		path.len--;
	}
	if (path.len == 0) {
		/* the root is an object too, and needs a name */
		path.s = "index.html";
		path.len = strlen(path.s);
	}
	out->object.bucket = p->bucket;
	out->object.bucket_len = strlen(p->bucket);
	out->object.version = "";
	if (decode_key(p, path.s, path.len, &out->object) < 0)
		return vt_fail(err, VT_INVALID, "the path is too long");
	out->count = 1;
	out->bytes = sent;
	/* the size is the most that was sent of it */
	out->has_size = out->kind == VT_LOG_READ;
	out->size_bytes = sent;
	return VT_OK;
}

/* --- csv ------------------------------------------------------------------ */

/* Fields of a line (RFC 4180, no newline inside quotes); how many, or -1.
 * One quoted field may hold doubled quotes: they are undone in text[0]. */
static int
split_csv(struct vt_logparser *p, const char *line, size_t len,
    struct word *w, int max)
{
	const char *s = line, *end = line + len, *q;
	int n = 0;

	if (len > 0 && end[-1] == '\r')
		end--;
	for (;;) {
		if (n == max)
			return -1;
		if (s < end && *s == '"') {
			int doubled = 0;

			for (q = ++s; ; q++) {
				q = memchr(q, '"', (size_t)(end - q));
				if (q == NULL)
					return -1;
				if (q + 1 == end || q[1] != '"')
					break;
				doubled = 1;
				q++;
			}
			w[n].s = s;
			w[n].len = (size_t)(q - s);
			if (doubled) {
				vt_buf_reset(&p->text[0]);
				for (; s < q; s++) {
					vt_buf_char(&p->text[0], *s);
					s += *s == '"';
				}
				if (p->text[0].failed)
					return -1;
				w[n].s = p->text[0].data;
				w[n].len = p->text[0].len;
			}
			s = q + 1;
			if (s < end && *s != ',')
				return -1;
		} else {
			q = memchr(s, ',', (size_t)(end - s));
			if (q == NULL)
				q = end;
			w[n].s = s;
			w[n].len = (size_t)(q - s);
			s = q;
		}
		n++;
		if (s == end)
			return n;
		s++;
	}
}

static enum vt_code
read_header(struct vt_logparser *p, const struct word *w, int n,
    struct vt_err *err)
{
	static const char *const names[COLUMNS] = {
		"time_s", "op", "key", "size", "count", "bytes"
	};
	int i, c;

	for (c = 0; c < COLUMNS; c++) {
		p->column[c] = -1;
		for (i = 0; i < n; i++)
			if (word_is(&w[i], names[c]))
				p->column[c] = i;
		if (p->column[c] < 0 && c <= COL_SIZE)
			return vt_fail(err, VT_INVALID,
			    "the header line names no column '%s'", names[c]);
	}
	p->has_header = 1;
	return VT_ABSENT;
}

static int
csv_u64(const struct vt_logparser *p, enum column c, const struct word *w,
    int n, uint64_t standard, uint64_t *out)
{
	int i = p->column[c];

	*out = standard;
	if (i < 0 || i >= n || w[i].len == 0)
		return 0;
	return vt_num_scan_u64(w[i].s, w[i].len, out);
}

static enum vt_code
line_csv(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	struct word w[COLUMNS_MAX];
	const struct word *op, *key, *time;
	int n = split_csv(p, line, len, w, COLUMNS_MAX);
	double seconds;

	if (n < 0)
		return vt_fail(err, VT_INVALID, "not comma-separated fields");
	if (!p->has_header)
		return read_header(p, w, n, err);
	if (n <= p->column[COL_TIME] || n <= p->column[COL_OP] ||
	    n <= p->column[COL_KEY] || n <= p->column[COL_SIZE])
		return vt_fail(err, VT_INVALID, "%d fields are too few", n);
	time = &w[p->column[COL_TIME]];
	op = &w[p->column[COL_OP]];
	key = &w[p->column[COL_KEY]];
	if (vt_num_scan_double(time->s, time->len, &seconds) < 0 ||
	    seconds < 0 || seconds > 1e11)
		return vt_fail(err, VT_INVALID,
		    "the time is no number of seconds");
	if (word_is(op, "GET"))
		out->kind = VT_LOG_READ;
	else if (word_is(op, "PUT"))
		out->kind = VT_LOG_WRITE;
	else if (word_is(op, "DELETE"))
		out->kind = VT_LOG_DELETE;
	else if (word_is(op, "HEAD") || word_is(op, "POST"))
		return VT_ABSENT;
	else
		return vt_fail(err, VT_INVALID, "unknown operation '%.*s'",
		    (int)(op->len < 40 ? op->len : 40), op->s);
	if (key->len == 0)
		return vt_fail(err, VT_INVALID, "the key is empty");
	if (csv_u64(p, COL_SIZE, w, n, 0, &out->size_bytes) < 0 ||
	    csv_u64(p, COL_COUNT, w, n, 1, &out->count) < 0 ||
	    out->count > UINT64_C(1) << 40)
		return vt_fail(err, VT_INVALID,
		    "size or count is not a number");
	if (csv_u64(p, COL_BYTES, w, n, out->size_bytes * out->count,
	    &out->bytes) < 0)
		return vt_fail(err, VT_INVALID, "bytes is not a number");
	out->has_size = 1;
	out->time_us = (int64_t)(seconds * 1e6);
	if (out->time_us == 0)
		out->time_us = 1;	/* 0 is "not known" everywhere */
	out->object.bucket = p->bucket;
	out->object.bucket_len = strlen(p->bucket);
	out->object.key = key->s;
	out->object.key_len = key->len;
	out->object.version = "";
	return VT_OK;
}

enum vt_code
vt_logparser_line(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	memset(out, 0, sizeof(*out));
	if (len == 0)
		return VT_ABSENT;
	switch (p->format) {
	case VT_LOG_VAULTAIRE:
		return line_vaultaire(p, line, len, out, err);
	case VT_LOG_S3:
		return line_s3(p, line, len, out, err);
	case VT_LOG_COMBINED:
		return line_combined(p, line, len, out, err);
	case VT_LOG_CSV:
		return line_csv(p, line, len, out, err);
	}
	return vt_fail(err, VT_INVALID, "unknown format");
}
