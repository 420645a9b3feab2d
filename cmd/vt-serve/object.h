/*
 * What object.c does for others: finds the version that a request speaks of
 * (attributes.c, tagging.c), and stores a body that comes in another way than
 * PutObject's (form.c).
 */
#ifndef VT_SERVE_OBJECT_H
#define VT_SERVE_OBJECT_H

#include "ingest.h"
#include "meta.h"

/* By key and versionId; NULL after answering, for delete markers too. */
struct vt_version *object_find(struct req *r, int inline_data);

/*
 * Change what that version says of itself: an operation that changes nothing
 * yet, whose u.meta the caller fills (NULL after answering); then submit it
 * and answer with `status`.
 */
struct vt_cat_op *object_change(struct req *r, const struct vt_version *v);
void object_change_submit(struct req *r, int status);

/*
 * A body on its way to be the object r->key, with what r->headers say of it:
 * zeroed, the first member of r->state.
 */
struct put {
	struct ingest in;
	struct object_meta meta;
	struct write_cond cond;
	/* Answers, on the catalog's thread; the headers about what was stored
	 * are set.  NULL: 200. */
	void (*stored)(struct req *r);
};
/* Read the headers and choose a tier (size UINT64_MAX: unknown); then the body
 * goes in by ingest.h.  -1 after answering. */
int put_begin(struct req *r, uint64_t size_bytes);
/* The body is in: make it the object, and answer. */
void put_submit(struct req *r);
/* For r->cleanup. */
void put_cleanup(struct req *r);

#endif
