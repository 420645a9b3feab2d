/*
 * Tags of objects and buckets, kept as x-amz-tagging sends them: a query
 * string, "" for none.  A function that returns int answers the request itself
 * when it returns -1.
 */
#ifndef VT_SERVE_TAGGING_H
#define VT_SERVE_TAGGING_H

#include "http.h"

/* Check the tags of a header, or none at all (NULL). */
int tags_read(struct req *r, const char *header, const char **out);
/* The tags of an object as a <Tagging> of `len` bytes. */
int tags_parse(struct req *r, const char *xml, size_t len, const char **out);
/* For documents.c: the tags of a bucket. */
int tags_check_bucket(struct req *r, struct vt_cat_doc *d);

#endif
