/*
 * Web servers: the common log format and those that add to it, at the end
 * (combined) or the virtual host before it; and CloudFront's standard logs,
 * whose columns a line "#Fields:" names.
 */
#include <string.h>

#include "libvt/base/clock.h"
#include "libvt/base/num.h"

#include "libvt/proto/foreignlog_internal.h"

/* A path without query and leading slashes is a key. */
static int
take_path(struct vt_logparser *p, const char *s, size_t len,
    struct vt_log_name *out)
{
	const char *q = memchr(s, '?', len);

	if (q != NULL)
		len = (size_t)(q - s);
	while (len > 0 && *s == '/') {
		s++;
		len--;
	}
	if (len == 0) {
		/* the root is an object too, and needs a name */
		s = "index.html";
		len = strlen(s);
	}
	return vt_log_decode(p, 0, s, len, 0, &out->key, &out->key_len);
}

static void
take_sent(struct vt_log_event *out, uint64_t sent)
{
	out->count = 1;
	out->bytes = sent;
	/* the size is the most that was sent of it */
	out->has_size = out->size_is_least = out->kind == VT_LOG_READ;
	out->size_bytes = sent;
}

/* --- combined ------------------------------------------------------------- */

/* [host] remote ident user [time] "METHOD path HTTP/1.1" status bytes ... */
enum vt_code
vt_log_line_combined(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	const char *end = line + len, *q, *r;
	struct vt_log_word words[8], *w = words, method, path;
	uint64_t status, sent;
	int known, has_host;
	size_t i;

	for (i = 0; i < 7; i++)
		if (vt_log_word(&line, end, &w[i]) < 0)
			return vt_fail(err, VT_INVALID,
			    "not a web log line: %zu fields", i);
	has_host = vt_time_parse_clf(w[3].s, w[3].len, &out->time_us) < 0;
	if (has_host && (vt_time_parse_clf(w[4].s, w[4].len,
	    &out->time_us) < 0 || vt_log_word(&line, end, &w[7]) < 0))
		return vt_fail(err, VT_INVALID,
		    "not a web log line: no time in field 4 or 5");
	out->object.bucket = p->bucket;
	out->object.bucket_len = strlen(p->bucket);
	if (has_host) {
		/* "host:port" */
		q = memchr(w->s, ':', w->len);
		out->object.bucket = w->s;
		out->object.bucket_len = q != NULL ? (size_t)(q - w->s) :
		    w->len;
		w++;
	}
	if (vt_log_word_u64(&w[5], &status, &known) < 0 || !known ||
	    vt_log_word_u64(&w[6], &sent, &known) < 0)
		return vt_fail(err, VT_INVALID,
		    "status or bytes is not a number");
	q = w[4].s;
	r = w[4].s + w[4].len;
	if (vt_log_word(&q, r, &method) < 0 || vt_log_word(&q, r, &path) < 0)
		return VT_ABSENT;	/* what a port scanner sends */
	if (vt_log_method(&method, &out->kind) < 0 || status < 200 ||
	    status > 299)
		return VT_ABSENT;
	if (out->object.bucket_len == 0)
		return vt_fail(err, VT_INVALID, "the host is empty");
	if (take_path(p, path.s, path.len, &out->object) < 0)
		return vt_fail(err, VT_INVALID, "the path is too long");
	take_sent(out, sent);
	return VT_OK;
}

/* --- CloudFront ----------------------------------------------------------- */

enum { COL_DATE, COL_TIME, COL_METHOD, COL_STEM, COL_STATUS, COL_SENT,
	COL_RESULT, COLUMNS };

static int
split_at(char c, const char *s, const char *end, struct vt_log_word *w,
    int max)
{
	const char *stop;
	int n;

	if (s < end && end[-1] == '\r')
		end--;
	for (n = 0; s <= end; n++, s = stop + 1) {
		if (n == max)
			return -1;
		stop = memchr(s, c, (size_t)(end - s));
		if (stop == NULL)
			stop = end;
		w[n].s = s;
		w[n].len = (size_t)(stop - s);
		if (stop == end)
			return n + 1;
	}
	return n;
}

/* "2026-11-22" and "12:00:00", in UTC. */
static int
join_time(struct vt_logparser *p, const struct vt_log_word *date,
    const struct vt_log_word *time, int64_t *us)
{
	char text[25];

	if (date->len != 10 || time->len != 8)
		return -1;
	memcpy(text, date->s, 10);
	text[10] = 'T';
	memcpy(text + 11, time->s, 8);
	memcpy(text + 19, ".000Z", 5);
	return vt_log_time(p, text, 24, us);
}

enum vt_code
vt_log_line_cloudfront(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_event *out, struct vt_err *err)
{
	static const char *const names[COLUMNS] = {
		"date", "time", "cs-method", "cs-uri-stem", "sc-status",
		"sc-bytes", "x-edge-result-type"
	};
	static const char mark[] = "#Fields: ";
	struct vt_log_word w[VT_LOG_COLUMNS_MAX];
	const struct vt_log_word *f[COLUMNS];
	uint64_t status, sent;
	int n, i;

	if (*line == '#') {
		if (len < sizeof(mark) ||
		    memcmp(line, mark, sizeof(mark) - 1) != 0)
			return VT_ABSENT;
		n = split_at(' ', line + sizeof(mark) - 1, line + len, w,
		    VT_LOG_COLUMNS_MAX);
		return n < 0 ? vt_fail(err, VT_INVALID, "too many columns") :
		    vt_log_header(p, w, n, names, COLUMNS, COLUMNS, err);
	}
	if (!p->has_header)
		return vt_fail(err, VT_INVALID, "no line \"#Fields:\" before");
	n = split_at('\t', line, line + len, w, VT_LOG_COLUMNS_MAX);
	for (i = 0; i < COLUMNS; i++) {
		f[i] = n < 0 ? NULL : vt_log_column(p, i, w, n);
		if (f[i] == NULL)
			return vt_fail(err, VT_INVALID,
			    "the fields are not those of the header");
	}
	if (vt_num_scan_u64(f[COL_STATUS]->s, f[COL_STATUS]->len,
	    &status) < 0 || vt_num_scan_u64(f[COL_SENT]->s, f[COL_SENT]->len,
	    &sent) < 0)
		return vt_fail(err, VT_INVALID,
		    "status or bytes is not a number");
	if (join_time(p, f[COL_DATE], f[COL_TIME], &out->time_us) < 0)
		return vt_fail(err, VT_INVALID, "no date and time");
	/* what the cache answers does not reach the object */
	if (vt_log_method(f[COL_METHOD], &out->kind) < 0 || status < 200 ||
	    status > 299 || (out->kind == VT_LOG_READ &&
	    !vt_log_word_is(f[COL_RESULT], "Miss")))
		return VT_ABSENT;
	out->object.bucket = p->bucket;
	out->object.bucket_len = strlen(p->bucket);
	if (take_path(p, f[COL_STEM]->s, f[COL_STEM]->len, &out->object) < 0)
		return vt_fail(err, VT_INVALID, "the path is too long");
	take_sent(out, sent);
	return VT_OK;
}
