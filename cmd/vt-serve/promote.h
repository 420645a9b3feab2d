/*
 * Bringing objects back to the first tier when reads of their cold copies
 * have paid for it (libvt/work/promote.h): a meter that requests feed and a
 * thread that moves.  Without readable prices nothing is brought back, and
 * that is said at the start.
 */
#ifndef VT_SERVE_PROMOTE_H
#define VT_SERVE_PROMOTE_H

#include "http.h"

struct promoter;

/* Start the thread.  VT_INVALID: no usable price file. */
enum vt_code promoter_start(struct server *s, struct promoter **out,
    struct vt_err *err) VT_MUST_CHECK;
/* Finish the move in hand and stop; NULL is accepted. */
void promoter_stop(struct promoter *p);
/* A request is over.  Does not block; any thread; `p` may be NULL. */
void promoter_note(struct promoter *p, const struct vt_access *a);

#endif
