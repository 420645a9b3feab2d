/*
 * The CORS rules of a bucket: read from the XML that PutBucketCors sends and
 * asked whether a page of some origin may do something.  Strings in and
 * strings out: knows neither requests nor responses.
 * Sources: Amazon S3 User Guide "Using cross-origin resource sharing (CORS)",
 * API Reference "PutBucketCors" and "OPTIONS object"; Fetch standard,
 * "CORS protocol".
 */
#ifndef VT_PROTO_CORS_H
#define VT_PROTO_CORS_H

#include <stddef.h>

#include "libvt/base/err.h"

#define VT_CORS_RULES_MAX 100
#define VT_CORS_BYTES_MAX (64 * 1024)	/* of the XML */
#define VT_CORS_ID_MAX 255
#define VT_CORS_NAMES_MAX 256	/* headers asked for at once */

/* A list of texts, each one line of the XML. */
struct vt_cors_list {
	const char **text;
	size_t count;
};

struct vt_cors_rule {
	struct vt_cors_list origins, methods, headers, expose;
	long max_age_s;		/* -1: not said */
};

struct vt_cors;			/* never changed: threads may share it */

/*
 * Read a configuration.  VT_INVALID: not the XML it should be, or a rule is
 * not sound; `s3_code` (may be NULL) then gets the S3 error code and err S3's
 * message, in S3's own capitals.  VT_TOO_LARGE, VT_NOMEM.
 */
enum vt_code vt_cors_parse(const char *xml, size_t len, struct vt_cors **out,
    const char **s3_code, struct vt_err *err) VT_MUST_CHECK;
void vt_cors_free(struct vt_cors *c);

/*
 * The first rule that lets `origin` use `method` with all of `headers` (the
 * text of Access-Control-Request-Headers, or NULL), borrowed from `c`; NULL
 * for none.  *any: the rule is for every origin ("*").
 */
const struct vt_cors_rule *vt_cors_match(const struct vt_cors *c,
    const char *origin, const char *method, const char *headers, int *any);

#endif
