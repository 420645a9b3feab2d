/*
 * A bucket's lifecycle rules where clients see them: the document, and the
 * dates of the headers that tell when an object or an upload will go.  Nothing
 * is removed here: that is the pipe's (vt-plan, vt-migrate).
 */
#ifndef VT_SERVE_EXPIRATION_H
#define VT_SERVE_EXPIRATION_H

#include "http.h"

/* As struct document wants them. */
int lifecycle_check(struct req *r, struct vt_cat_doc *d);
int lifecycle_send(struct req *r, const char **body, size_t *len);
void *lifecycle_parse(const char *body, size_t len, struct vt_err *err);
void lifecycle_free(void *parsed);

/*
 * Have the rules at hand for the headers below, which may then be set on any
 * thread; -1 after answering.  Costs nothing where there are none.
 */
int expiration_ready(struct req *r);
/* x-amz-expiration of a current version that was created at `mtime_us`; its
 * key, size and tags are set. */
void expiration_header(struct req *r, const struct vt_version *v,
    int64_t mtime_us);
/* x-amz-abort-date and x-amz-abort-rule-id of the request's key. */
void expiration_abort_headers(struct req *r, int64_t created_us);

#endif
