/*
 * multipart/form-data (RFC 7578; boundaries: RFC 2046 section 5.1) as it
 * comes in: a push parser of the form that a browser sends with one file.
 * Fields before the file are kept; the file's bytes are handed on as they
 * come and never held; what follows the file is read for its framing only.
 * Memory is one block whatever the form's size.  Knows nothing of S3 but
 * that the file is the field named "file".
 */
#ifndef VT_PROTO_FORMDATA_H
#define VT_PROTO_FORMDATA_H

#include <stddef.h>

#include "libvt/base/arena.h"
#include "libvt/base/err.h"

#define VT_FORM_HEAD_MAX 20480	/* bytes before the file's first */
#define VT_FORM_FIELDS_MAX 256
#define VT_FORM_PART_MAX 4096	/* headers of a part after the file */
#define VT_FORM_BOUNDARY_MAX 70	/* RFC 2046 */

struct vt_form_field {
	const char *name;	/* as sent */
	const char *value;	/* any bytes, and a NUL after them */
	size_t value_len;
};

/* What the parser calls; other than 0 ends it (VT_CANCELLED). */
struct vt_form_sink {
	/* The file begins: all fields are known.  `name` is what the client
	 * calls it, "" when it does not say. */
	int (*file)(void *ctx, const char *name);
	int (*data)(void *ctx, const void *data, size_t len);
	void *ctx;
};

struct vt_formdata;

/*
 * The boundary that a Content-Type (may be NULL) names.  VT_ABSENT: it is not
 * multipart/form-data; VT_INVALID: it names no boundary, or not a valid one.
 */
enum vt_code vt_formdata_boundary(const char *content_type,
    char out[VT_FORM_BOUNDARY_MAX + 1], struct vt_err *err) VT_MUST_CHECK;

/* In arena memory, with all that it will ever hold; NULL: no memory. */
struct vt_formdata *vt_formdata_new(struct vt_arena *a, const char *boundary,
    const struct vt_form_sink *sink);

/*
 * The next bytes of the body.  VT_INVALID: not a form; VT_TOO_LARGE: more
 * than VT_FORM_HEAD_MAX bytes or VT_FORM_FIELDS_MAX fields before the file;
 * VT_EXISTS: a second file; VT_CANCELLED: the sink said no.  A failure is
 * final.
 */
enum vt_code vt_formdata_push(struct vt_formdata *f, const void *data,
    size_t len, struct vt_err *err) VT_MUST_CHECK;
/* The body has ended.  VT_INVALID: in the midst of the form; VT_ABSENT: there
 * was no file.  Only after VT_OK is what the sink got the whole file. */
enum vt_code vt_formdata_finish(const struct vt_formdata *f,
    struct vt_err *err) VT_MUST_CHECK;

/* The fields before the file, in their order; they live as long as the
 * arena. */
const struct vt_form_field *vt_formdata_fields(const struct vt_formdata *f,
    size_t *count);

#endif
