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
struct tee;

/* Start the thread.  VT_INVALID: no usable price file. */
enum vt_code promoter_start(struct server *s, struct promoter **out,
    struct vt_err *err) VT_MUST_CHECK;
/* Finish the move in hand and stop; NULL is accepted. */
void promoter_stop(struct promoter *p);
/* A request is over.  `comes`: what it read is being brought back already.
 * Does not block; any thread; `p` may be NULL. */
void promoter_note(struct promoter *p, const struct vt_access *a, int comes);

/* --- read-through (readthrough.h); none of these blocks ------------------- */
/* Does a hot copy pay when `copy` is read whole once more? */
int promoter_pays(struct promoter *p, const char *bucket,
    const struct vt_version *v, const struct vt_copy *copy);
/* One more at once: 1, or 0 when there are too many. */
int promoter_tee_begin(struct promoter *p);
void promoter_tee_end(struct promoter *p);
/* Make it a copy. */
void promoter_take(struct promoter *p, struct tee *t);

#endif
