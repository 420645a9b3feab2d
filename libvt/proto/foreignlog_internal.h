/*
 * What the parsers of foreignlog*.c share: the parser itself, words of a line,
 * fields of a JSON record.  For those files alone.
 */
#ifndef VT_PROTO_FOREIGNLOG_INTERNAL_H
#define VT_PROTO_FOREIGNLOG_INTERNAL_H

#include "libvt/base/buf.h"
#include "libvt/base/jsonl.h"

#include "libvt/proto/foreignlog.h"

#define VT_LOG_FIELDS_MAX 64	/* of a JSON record */
#define VT_LOG_COLUMNS_MAX 64
#define VT_LOG_COLUMNS 10	/* those a format asks for */

struct vt_logparser {
	enum vt_log_format format;
	const char *bucket;
	int versions_apart;
	int64_t at_us;		/* of an inventory */
	struct vt_buf text[4];	/* unescaped names of the current line */
	struct vt_buf nested;	/* a JSON document that was a string */
	int column[VT_LOG_COLUMNS];	/* of a header, -1 when absent */
	int has_header;
	int has_lines;		/* of this file */
	int is_other;		/* it tells of no accesses, by its header */
	/* the last time read: lines of a log share their seconds */
	char stamp[20];
	int64_t stamp_us;
};

struct vt_log_word {
	const char *s;
	size_t len;
};

/* The next word of a log line: bare, [bracketed] or "quoted", where a
 * backslash keeps a quote inside.  0 or -1. */
int vt_log_word(const char **p, const char *end, struct vt_log_word *out);
int vt_log_word_is(const struct vt_log_word *w, const char *text);
/* A number, "-" being 0 with *known 0; -1 for anything else. */
int vt_log_word_u64(const struct vt_log_word *w, uint64_t *n, int *known);
/* "GET" and the like: 0, or -1 for a method that is no access. */
int vt_log_method(const struct vt_log_word *w, enum vt_log_kind *out);

/* Fields of a line (RFC 4180, no newline inside quotes); how many, or -1.
 * One quoted field may hold doubled quotes: they are undone in text[0]. */
int vt_log_csv(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_word *w, int max);
/* Where the columns `names` are: into p->column, -1 for none.  VT_INVALID when
 * one of the first `required` is missing. */
enum vt_code vt_log_header(struct vt_logparser *p, const struct vt_log_word *w,
    int n, const char *const *names, int count, int required,
    struct vt_err *err);
/* The field in a column, or NULL when the line has none. */
const struct vt_log_word *vt_log_column(const struct vt_logparser *p,
    int column, const struct vt_log_word *w, int n);

/* Take `len` bytes as a name in percent encoding; kept in text[slot].  `plus`
 * as in vt_uri_decode.  A '%' that begins no escape is part of the name: then
 * nothing is decoded.  0, or -1 when it is too long. */
int vt_log_decode(struct vt_logparser *p, int slot, const char *s, size_t len,
    int plus, const char **out, size_t *out_len);

/* --- JSON records --------------------------------------------------------- */

struct vt_log_json {
	struct vt_json_field f[VT_LOG_FIELDS_MAX];
	int n;
};
/* 0, or -1 when it is no JSON object. */
int vt_log_json(struct vt_log_json *j, const char *text, size_t len);
/* A field in any case, as exports of tables write all names small; NULL. */
const struct vt_json_field *vt_log_json_find(const struct vt_log_json *j,
    const char *name);
/* The object in a field, or in the text of a field, which is kept in
 * p->nested; -1 when there is none. */
int vt_log_json_object(struct vt_logparser *p, const struct vt_log_json *j,
    const char *name, struct vt_log_json *out);
/* As vt_log_text; null is "" too. */
int vt_log_json_text(struct vt_logparser *p, int slot,
    const struct vt_log_json *j, const char *name, const char **out,
    size_t *len);
int vt_log_json_is(const struct vt_log_json *j, const char *name,
    const char *text);
int vt_log_json_time(struct vt_logparser *p, const struct vt_log_json *j,
    const char *name, int64_t *us);
/* A number, maybe written as a text; `standard` when there is none. */
uint64_t vt_log_json_u64(const struct vt_log_json *j, const char *name,
    uint64_t standard);

/* A text field, unescaped in text[slot] when it must be; 0 or -1.  Absent is
 * "". */
int vt_log_text(struct vt_logparser *p, int slot,
    const struct vt_json_field *f, const char **out, size_t *len);
/* "bucket/key?versionId=x" */
void vt_log_source(const char *s, size_t len, struct vt_log_name *out);
/* "2026-11-22T12:00:00.000Z", parsed once for all lines of a second. */
int vt_log_time(struct vt_logparser *p, const char *s, size_t len,
    int64_t *us);

/* Drop the version of an event, unless they are kept apart.  VT_OK; VT_ABSENT
 * for a deletion that says nothing of the key. */
enum vt_code vt_log_version(const struct vt_logparser *p,
    struct vt_log_event *out);

/* --- the formats ---------------------------------------------------------- *
 * As vt_logparser_line, with *out all zero.
 */
enum vt_code vt_log_line_s3(struct vt_logparser *p, const char *line,
    size_t len, struct vt_log_event *out, struct vt_err *err);
enum vt_code vt_log_line_cloudtrail(struct vt_logparser *p, const char *line,
    size_t len, struct vt_log_event *out, struct vt_err *err);
enum vt_code vt_log_line_inventory(struct vt_logparser *p, const char *line,
    size_t len, struct vt_log_event *out, struct vt_err *err);
enum vt_code vt_log_line_azure(struct vt_logparser *p, const char *line,
    size_t len, struct vt_log_event *out, struct vt_err *err);
enum vt_code vt_log_line_gcs(struct vt_logparser *p, const char *line,
    size_t len, struct vt_log_event *out, struct vt_err *err);
enum vt_code vt_log_line_combined(struct vt_logparser *p, const char *line,
    size_t len, struct vt_log_event *out, struct vt_err *err);
enum vt_code vt_log_line_cloudfront(struct vt_logparser *p, const char *line,
    size_t len, struct vt_log_event *out, struct vt_err *err);
enum vt_code vt_log_line_csv(struct vt_logparser *p, const char *line,
    size_t len, struct vt_log_event *out, struct vt_err *err);

#endif
