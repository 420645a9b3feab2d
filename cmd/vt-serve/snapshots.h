/*
 * The thread that copies the catalog to a tier when it is time
 * (libvt/work/snapshot.h), as "snapshots" of the configuration asks.
 */
#ifndef VT_SERVE_SNAPSHOTS_H
#define VT_SERVE_SNAPSHOTS_H

#include "http.h"

struct snapshotter;

/* *out is NULL, and all is well, when no snapshots are asked for. */
enum vt_code snapshotter_start(struct server *s, struct snapshotter **out,
    struct vt_err *err) VT_MUST_CHECK;
/* Give up the one in hand and stop; NULL is accepted. */
void snapshotter_stop(struct snapshotter *p);
/* Say what would be lost with the catalog. */
void snapshotter_tell(const struct server *s);

#endif
