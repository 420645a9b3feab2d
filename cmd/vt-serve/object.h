/* The version that a request speaks of: object.c, attributes.c, tagging.c. */
#ifndef VT_SERVE_OBJECT_H
#define VT_SERVE_OBJECT_H

#include "http.h"

/* By key and versionId; NULL after answering, for delete markers too. */
struct vt_version *object_find(struct req *r, int inline_data);

#endif
