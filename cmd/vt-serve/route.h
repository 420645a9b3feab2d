/*
 * Method, path and query to operation: pure, no I/O.  The table of operations
 * lives in route.c; the functions in object.c, copy.c, multipart.c, bucket.c,
 * list.c and batch.c.
 */
#ifndef VT_SERVE_ROUTE_H
#define VT_SERVE_ROUTE_H

#include "http.h"

/*
 * The operation for a request, or NULL with an S3 code in *s3_code:
 * MethodNotAllowed, or NotImplemented for sub-resources of S3 that we do not
 * serve (named in vt-serve(1)).  Sub-resource parameters are looked at before
 * the method; unknown query parameters are ignored, as on AWS.
 */
const struct op *route_find(const char *method, int has_bucket, int has_key,
    const struct vt_query *query, size_t query_count, int is_copy,
    const char **s3_code);
/* All operations, for those who count by operation: `op - route_ops(&n)` is
 * a small number for every op that route_find returns. */
const struct op *route_ops(size_t *count);

/*
 * Split host and raw path into bucket and key, path style or virtual-host
 * style under `domain` (may be NULL).  Decoded key bytes in arena memory.
 * VT_INVALID: bad escape, %00, key over VT_KEY_MAX (VT_TOO_LARGE).
 */
enum vt_code route_split(struct vt_arena *a, const char *host,
    const char *domain, const char *raw_path, const char **bucket,
    const char **key, size_t *key_len, struct vt_err *err) VT_MUST_CHECK;
/* The rules for a key that came in another way. */
enum vt_code route_check_key(const char *key, size_t len, struct vt_err *err)
    VT_MUST_CHECK;

#endif
