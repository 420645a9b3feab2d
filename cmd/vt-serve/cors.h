/*
 * CORS: which pages of other origins may use a bucket.  The rules are a
 * document of the bucket (documents.c); here they are checked, and the
 * headers that tell a browser of them are added to answers.
 */
#ifndef VT_SERVE_CORS_H
#define VT_SERVE_CORS_H

#include "http.h"

/* For the table of documents.c. */
int cors_check(struct req *r, struct vt_cat_doc *d);
void *cors_parse(const char *body, size_t len, struct vt_err *err);
void cors_free(void *rules);

/*
 * A request with an Origin: the headers of the rule that lets it, for
 * whatever its answer will be.  Called before the request is authenticated:
 * a page is to see refusals too.
 */
void cors_headers(struct req *r);

#endif
