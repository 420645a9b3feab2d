/*
 * Restores of archived versions: the operation that asks for them, what reads
 * say of them, and the thread that carries them out (libvt/work/restore.h).
 */
#ifndef VT_SERVE_RESTORE_H
#define VT_SERVE_RESTORE_H

#include "http.h"

struct restorer;

enum vt_code restorer_start(struct server *s, struct restorer **out,
    struct vt_err *err) VT_MUST_CHECK;
/* Give up what is in hand and stop; NULL is accepted. */
void restorer_stop(struct restorer *w);

/* Must the bytes of a version on this tier be restored before they are read?
 * Costs nothing. */
int restore_needed(const struct req *r, const char *tier);
/* x-amz-restore, for a version on such a tier; blocks for microseconds. */
void restore_header(struct req *r, const struct vt_version *v);
/* <RestoreStatus> of a listing, for versions that are or will be restored. */
void restore_xml(struct req *r, struct vt_buf *b, const struct vt_version *v);

#endif
