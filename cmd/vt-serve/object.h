/* The version that a request speaks of: object.c, attributes.c, tagging.c. */
#ifndef VT_SERVE_OBJECT_H
#define VT_SERVE_OBJECT_H

#include "http.h"

/* By key and versionId; NULL after answering, for delete markers too. */
struct vt_version *object_find(struct req *r, int inline_data);

/*
 * Change what that version says of itself: an operation that changes nothing
 * yet, whose u.meta the caller fills (NULL after answering); then submit it
 * and answer with `status`.
 */
struct vt_cat_op *object_change(struct req *r, const struct vt_version *v);
void object_change_submit(struct req *r, int status);

#endif
