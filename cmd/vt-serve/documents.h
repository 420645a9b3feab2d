/*
 * The documents of a bucket: policy, CORS rules, lifecycle rules...  Stored as
 * they were sent, checked when they come, parsed once for all the requests
 * that ask for them.  What a document means is told by the file that checks
 * and parses it; documents.c has the table.
 */
#ifndef VT_SERVE_DOCUMENTS_H
#define VT_SERVE_DOCUMENTS_H

#include "http.h"

#define DOCUMENT_MAX (1 << 20)	/* bytes of one */

/* Does the request's bucket have it?  Costs nothing. */
static inline int
doc_exists(const struct req *r, enum vt_doc doc)
{
	return (r->bucket.docs >> doc) & 1;
}

/*
 * The document of the request's bucket as its `parse` made it, borrowed for
 * the request's life; NULL when there is none, or after answering when it
 * cannot be read (then req_answered).  Blocks for microseconds at most.
 */
const void *doc_get(struct req *r, enum vt_doc doc);
/* The same of another bucket. */
const void *doc_get_of(struct req *r, const struct vt_bucket *b,
    enum vt_doc doc);
/* Its stored bytes, in arena memory; 1, 0 for none, -1 after answering. */
int doc_text(struct req *r, enum vt_doc doc, const char **body, size_t *len);
/*
 * Store a document (d->body NULL: remove it) and answer with `status`.  `d`
 * points to memory that lives as long as the request.
 */
void doc_store(struct req *r, const struct vt_cat_doc *d, int status);
/* The request ends: let go of what it held. */
void doc_release(struct req *r);

#endif
