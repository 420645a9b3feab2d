/*
 * JSON lines: written fast by our own code, read by a scanner of flat objects
 * that never allocates; jansson for whole documents (configuration, prices)
 * and for a line the scanner finds foreign (nested).  A write error sticks
 * and is told at the end.
 */
#ifndef VT_BASE_JSONL_H
#define VT_BASE_JSONL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "libvt/base/buf.h"

/* --- writing one object into a buffer: {"a":1,"b":"x"} ------------------ */
void vt_json_begin(struct vt_buf *b);		/* '{' */
void vt_json_end(struct vt_buf *b);		/* '}' and '\n' */
void vt_json_str(struct vt_buf *b, const char *name, const char *s);
/* Bytes: invalid UTF-8 becomes \udcXX (surrogate escape), so that any key
 * survives the round trip through vt_json_unescape. */
void vt_json_bytes(struct vt_buf *b, const char *name, const void *s,
    size_t len);
void vt_json_u64(struct vt_buf *b, const char *name, uint64_t n);
void vt_json_i64(struct vt_buf *b, const char *name, int64_t n);
void vt_json_bool(struct vt_buf *b, const char *name, int v);
/* Shortest decimal that reads back the same; NaN and infinity become null. */
void vt_json_double(struct vt_buf *b, const char *name, double d);
/* Raw JSON text as the value (an array or object the caller built). */
void vt_json_raw(struct vt_buf *b, const char *name, const char *json,
    size_t len);
/* A JSON string literal with its quotes. */
void vt_json_quote(struct vt_buf *b, const void *s, size_t len);
/* Whether it would be written as it is, all of it being ASCII. */
int vt_json_is_ascii(const char *s, size_t len);

/* --- scanning one line --------------------------------------------------- */
struct vt_json_field {
	const char *name;	/* into the line, without quotes, as written */
	size_t name_len;
	const char *value;	/* strings: without quotes, still escaped;
				   others: the raw text, {...} whole */
	size_t value_len;
	char type;		/* 's' string, 'n' number, 't' true, 'f' false,
				   '0' null, 'o' object, 'a' array */
	char escaped;		/* a string holds a backslash */
};
/*
 * Split a flat or nested object into its top-level fields (nested values are
 * skipped whole and given raw).  Returns the number of fields, or -1 when the
 * line is not one JSON object or has more than `max` fields.
 */
int vt_json_scan(const char *line, size_t len, struct vt_json_field *f,
    int max);
/* The same for the elements of an array, which have no names. */
int vt_json_items(const char *text, size_t len, struct vt_json_field *f,
    int max);
/* The first byte of [p, end) that a string of JSON cannot hold as it is: a
 * quote, a backslash or a control; `end` when there is none. */
const char *vt_json_plain_end(const char *p, const char *end);
/* The field `name`, or NULL. */
const struct vt_json_field *vt_json_find(const struct vt_json_field *f,
    int count, const char *name);
/* Undo escapes of a string value: appends bytes to `out`; 0 or -1. */
int vt_json_unescape(const struct vt_json_field *f, struct vt_buf *out);
/* Typed reads: 0, or -1 when the field is missing, of another type or out of
 * range. */
int vt_json_get_u64(const struct vt_json_field *f, uint64_t *out);
int vt_json_get_i64(const struct vt_json_field *f, int64_t *out);
int vt_json_get_double(const struct vt_json_field *f, double *out);

/* --- whole documents ------------------------------------------------------ */
/* Parse a file; the error names path, line and column.  json_decref after. */
enum vt_code vt_json_load(const char *path, json_t **out, struct vt_err *err)
    VT_MUST_CHECK;

#endif
