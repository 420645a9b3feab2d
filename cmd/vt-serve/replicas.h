/*
 * A body that goes to several tiers at once, as a policy asks for copies: one
 * writer each beside that of the ingest itself.  One that fails is given up as
 * long as enough are left to acknowledge the write; the rest is repaired by
 * the pipe.
 */
#ifndef VT_SERVE_REPLICAS_H
#define VT_SERVE_REPLICAS_H

#include "ingest.h"

/* What the policy of the request's key asks for; parts of an upload are
 * written once.  Before anything is opened. */
void replicas_plan(struct req *r, struct ingest *in);
/* Whose workers write: those of a tier on another machine, if there is one. */
const char *replicas_queue(struct req *r, const struct ingest *in);

/*
 * Each after the ingest's own writer did the same with the result `rc`, which
 * they return unless that is made good by another copy.  A writer of the
 * ingest that failed was aborted or committed.
 */
enum vt_code replicas_open(struct req *r, struct ingest *in, enum vt_code rc,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code replicas_write(struct req *r, struct ingest *in,
    const void *data, size_t len, enum vt_code rc, struct vt_err *err)
    VT_MUST_CHECK;
enum vt_code replicas_commit(struct req *r, struct ingest *in,
    const struct vt_note *note, enum vt_code rc, struct vt_err *err)
    VT_MUST_CHECK;
/* The further copies of the row; -1 after answering. */
int replicas_row(struct req *r, struct ingest *in, struct vt_cat_put *row);

/*
 * On a worker: the version that a completed upload made has, or gets, as many
 * copies as its policy acknowledges.  -1 after answering that it may later.
 */
int replicas_ensure(struct req *r, int64_t seq);

/* All blobs have their row now: none is to be given up. */
void replicas_settled(struct ingest *in);
/* Gives up what is open, and blobs that reached no row; may block. */
void replicas_release(struct req *r, struct ingest *in);

#endif
