/*
 * S3 server access logs: lines of words, in the order of "Amazon S3 server
 * access log format" in the S3 User Guide.  Fields were only ever added at the
 * end, and "-" is one that does not apply.
 */
#include <string.h>

#include "libvt/base/clock.h"
#include "libvt/base/uri.h"

#include "libvt/proto/foreignlog_internal.h"

enum { BUCKET = 1, TIME, OPERATION = 6, KEY, URI, STATUS, SENT = 11, SIZE,
	NEEDED, REFERRER = 15 };

/* --- fields with quotes in them ------------------------------------------- */

static int
is_status(const char *s, const char *end)
{
	if (end - s >= 2 && s[0] == '-' && s[1] == ' ')
		return 1;
	return end - s >= 4 && s[3] == ' ' && strspn(s, "0123456789") == 3;
}

static int
is_agent(const char *s, const char *end)
{
	return end - s >= 2 && (s[0] == '"' || (s[0] == '-' && s[1] == ' '));
}

/*
 * A field that begins with a quote and may hold more of them: request, referrer
 * and agent are as the client sent them, and nothing is escaped.  It ends
 * before the blank that the next field `follows`.
 */
static int
raw_word(const char **p, const char *end,
    int (*follows)(const char *, const char *), struct vt_log_word *out)
{
	const char *s = *p, *q;

	while (s < end && *s == ' ')
		s++;
	if (s == end || *s != '"')
		return vt_log_word(p, end, out);
	for (q = ++s; ; q++) {
		q = memchr(q, '"', (size_t)(end - q));
		if (q == NULL)
			return -1;
		if (end - q > 2 && q[1] == ' ' && follows(q + 2, end))
			break;
	}
	out->s = s;
	out->len = (size_t)(q - s);
	*p = q + 1;
	return 0;
}

/* The agent is the last field that may have a quote. */
static int
skip_agent(const char **p, const char *end)
{
	struct vt_log_word w;
	const char *s = *p;

	while (s < end && *s == ' ')
		s++;
	if (s == end || *s != '"')
		return vt_log_word(p, end, &w);
	*p = (const char *)memrchr(s, '"', (size_t)(end - s)) + 1;
	return 0;
}

/* --- what a line tells ---------------------------------------------------- */

/* Whether the path of a request ends with the key, both decoded. */
static int
path_ends_with(struct vt_logparser *p, const struct vt_log_word *uri,
    const char *key, size_t len)
{
	const char *s = uri->s, *end = uri->s + uri->len, *stop, *path;
	size_t path_len;

	s = memchr(s, ' ', (size_t)(end - s));
	if (s == NULL)
		return 0;
	s++;
	for (stop = s; stop < end && *stop != ' ' && *stop != '?'; stop++)
		;
	return vt_log_decode(p, 3, s, (size_t)(stop - s), 0, &path,
	    &path_len) == 0 && path_len > len &&
	    path[path_len - len - 1] == '/' &&
	    memcmp(path + path_len - len, key, len) == 0;
}

/*
 * The key is percent-encoded once in lines that S3 writes of itself and of
 * batches, twice in those of requests by AWS, once by those who write the
 * format too.  Where that makes a difference the request's own path tells, and
 * where it cannot, AWS is right.
 */
static int
take_key(struct vt_logparser *p, const struct vt_log_word *w,
    struct vt_log_name *out)
{
	const char *once, *twice;
	size_t once_len, twice_len;
	long n;

	if (vt_log_decode(p, 0, w[KEY].s, w[KEY].len, 0, &once, &once_len) < 0)
		return -1;
	out->key = once;
	out->key_len = once_len;
	if (once_len == w[KEY].len || memchr(once, '%', once_len) == NULL ||
	    w[URI].len <= 1 || path_ends_with(p, &w[URI], once, once_len))
		return 0;
	vt_buf_reset(&p->text[1]);
	if (vt_buf_add(&p->text[1], once, once_len) < 0)
		return -1;
	n = vt_uri_decode(p->text[1].data, once_len, 0);
	if (n < 0)
		return 0;
	twice = p->text[1].data;
	twice_len = (size_t)n;
	out->key = twice;
	out->key_len = twice_len;
	return 0;
}

/* The version a request named, which few lines do; "-" and older logs that end
 * before it: none. */
static void
take_version(const char *line, const char *end, struct vt_log_name *out)
{
	struct vt_log_word w;
	int i;

	for (i = NEEDED; i < REFERRER; i++)
		if (vt_log_word(&line, end, &w) < 0)
			return;
	if (raw_word(&line, end, is_agent, &w) < 0 ||
	    skip_agent(&line, end) < 0 || vt_log_word(&line, end, &w) < 0 ||
	    vt_log_word_is(&w, "-"))
		return;
	out->version = w.s;
	out->version_len = w.len;
}

static const struct operation {
	const char *name;
	enum vt_log_kind kind;
	int is_copy;
	const char *storage_class;	/* of MOVED */
} operations[] = {
	{ "REST.GET.OBJECT", VT_LOG_READ, 0, "" },
	{ "WEBSITE.GET.OBJECT", VT_LOG_READ, 0, "" },
	{ "REST.COPY.OBJECT_GET", VT_LOG_READ, 1, "" },
	{ "REST.COPY.PART_GET", VT_LOG_READ, 1, "" },
	{ "REST.PUT.OBJECT", VT_LOG_WRITE, 0, "" },
	{ "REST.POST.OBJECT", VT_LOG_WRITE, 0, "" },
	{ "REST.POST.UPLOAD", VT_LOG_WRITE, 0, "" },
	{ "REST.COPY.OBJECT", VT_LOG_WRITE, 0, "" },
	{ "REST.DELETE.OBJECT", VT_LOG_DELETE, 0, "" },
	{ "BATCH.DELETE.OBJECT", VT_LOG_DELETE, 0, "" },
	{ "S3.EXPIRE.OBJECT", VT_LOG_DELETE, 0, "" },
	{ "S3.CREATE.DELETEMARKER", VT_LOG_DELETE, 0, "" },
	{ "S3.TRANSITION_SIA.OBJECT", VT_LOG_MOVED, 0, "STANDARD_IA" },
	{ "S3.TRANSITION_ZIA.OBJECT", VT_LOG_MOVED, 0, "ONEZONE_IA" },
	{ "S3.TRANSITION_INT.OBJECT", VT_LOG_MOVED, 0,
	    "INTELLIGENT_TIERING" },
	{ "S3.TRANSITION_GIR.OBJECT", VT_LOG_MOVED, 0, "GLACIER_IR" },
	{ "S3.TRANSITION.OBJECT", VT_LOG_MOVED, 0, "GLACIER" },
	{ "S3.TRANSITION_GDA.OBJECT", VT_LOG_MOVED, 0, "DEEP_ARCHIVE" },
};

static const struct operation *
find_operation(const struct vt_log_word *w)
{
	size_t i;

	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (vt_log_word_is(w, operations[i].name))
			return &operations[i];
	return NULL;
}

enum vt_code
vt_log_line_s3(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	const char *end = line + len;
	const struct operation *op;
	struct vt_log_word w[NEEDED];
	uint64_t status, sent;
	int known, known_sent;
	size_t i;

	for (i = 0; i < NEEDED; i++)
		if ((i == URI ? raw_word(&line, end, is_status, &w[i]) :
		    vt_log_word(&line, end, &w[i])) < 0)
			return vt_fail(err, VT_INVALID,
			    "not an S3 access log line: %zu fields", i);
	if (vt_time_parse_clf(w[TIME].s, w[TIME].len, &out->time_us) < 0)
		return vt_fail(err, VT_INVALID,
		    "not an S3 access log line: no time in field 3");
	op = find_operation(&w[OPERATION]);
	if (op == NULL)
		return VT_ABSENT;
	out->kind = op->kind;
	out->storage_class = vt_log_class(op->storage_class,
	    strlen(op->storage_class));
	if (vt_log_word_u64(&w[STATUS], &status, &known) < 0 ||
	    vt_log_word_u64(&w[SENT], &sent, &known_sent) < 0 ||
	    vt_log_word_u64(&w[SIZE], &out->size_bytes, &out->has_size) < 0)
		return vt_fail(err, VT_INVALID,
		    "status, bytes or size is not a number");
	/* what S3 does by itself has no status */
	if (known && (status < 200 || status > 299))
		return VT_ABSENT;
	out->object.bucket = w[BUCKET].s;
	out->object.bucket_len = w[BUCKET].len;
	if (vt_log_word_is(&w[KEY], "-") || take_key(p, w, &out->object) < 0)
		return vt_fail(err, VT_INVALID, "no key, or a broken one");
	if (out->kind == VT_LOG_DELETE || out->kind == VT_LOG_MOVED ||
	    p->versions_apart)
		take_version(line, end, &out->object);
	out->count = 1;
	/* nothing is sent of an object copied, but all of it is read */
	out->bytes = known_sent || !op->is_copy ? sent : out->size_bytes;
	return vt_log_version(p, out);
}
