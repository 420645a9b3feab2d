/*
 * Percent encoding (RFC 3986 section 2) as S3 uses it, and query strings.
 */
#ifndef VT_BASE_URI_H
#define VT_BASE_URI_H

#include <stddef.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"

/* Append the bytes with all but A-Z a-z 0-9 - . _ ~ written %XX (upper
 * case).  `keep_slash`: '/' stays.  As buf appends: sticky failure. */
void vt_uri_encode(struct vt_buf *out, const void *data, size_t len,
    int keep_slash);
/* Decode %XX (and '+' as space when `plus`) in place; the new length, or -1
 * for a broken escape.  The result may hold any byte, NUL included. */
long vt_uri_decode(char *text, size_t len, int plus);

/* One parameter of a query string, decoded ('+' is a space, as in forms);
 * value is "" when there is no '='. */
struct vt_query {
	const char *name;
	const char *value;
	size_t value_len;
	int has_value;		/* there was an '=' */
};

/*
 * Split the raw text after '?' (not decoded, no '?') into at most `max`
 * parameters in arena memory, in the order given; empty pieces ("a&&b") are
 * none.  VT_INVALID (broken escape, NUL), VT_TOO_LARGE, VT_NOMEM.
 */
enum vt_code vt_uri_query(struct vt_arena *a, const char *raw, size_t len,
    size_t max, struct vt_query **out, size_t *count, struct vt_err *err)
    VT_MUST_CHECK;
/* The value of the first parameter `name`, or NULL. */
const char *vt_query_get(const struct vt_query *q, size_t count,
    const char *name);

/* 1 when the bytes are UTF-8 (RFC 3629): no overlong forms, no surrogates,
 * nothing past U+10FFFF. */
int vt_utf8_valid(const char *text, size_t len);

/* scheme://host[:port]/path split in arena memory; port 0 when absent,
 * path "" or starting with '/', its query included.  The scheme is in lower
 * case, an IPv6 host keeps its brackets, "file:///x" has the host "".  A user
 * or password is refused: it would end in logs. */
struct vt_url {
	const char *scheme, *host, *path;
	int port;
};
enum vt_code vt_uri_split(struct vt_arena *a, const char *url,
    struct vt_url *out, struct vt_err *err) VT_MUST_CHECK;

#endif
