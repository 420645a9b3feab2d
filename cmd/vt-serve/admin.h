/*
 * The pages of the admin listener: /healthz, /readyz, /metrics.  No request
 * of S3 goes through here and nothing waits for a tier, so that health does
 * not depend on cold storage (P8).
 */
#ifndef VT_SERVE_ADMIN_H
#define VT_SERVE_ADMIN_H

#include "http.h"

/* Write the page of `path` into `out` (initialised) and say its type; the
 * HTTP status. */
int admin_page(const struct server *s, const char *path, struct vt_buf *out,
    const char **type);

#endif
