/*
 * Work that is done ahead by several threads and taken in order by one: what
 * comes of it does not depend on how many they are.  Knows nothing of the work.
 */
#ifndef VT_BASE_CREW_H
#define VT_BASE_CREW_H

#include <stddef.h>

#include "libvt/base/err.h"

struct vt_crew;

/*
 * `threads` do `work(ctx, item)`, several at a time, each on an item of its
 * own; what else it touches they must be able to share.  At most `depth`
 * items may have been given and not taken.  threads 0: the taker works.
 * VT_NOMEM; VT_BUSY when threads cannot be started.
 */
enum vt_code vt_crew_start(unsigned threads, size_t depth,
    void (*work)(void *ctx, void *item), void *ctx, struct vt_crew **out,
    struct vt_err *err) VT_MUST_CHECK;
/* Waits for work in hand; what was given and not worked on is not.  NULL is
 * accepted. */
void vt_crew_stop(struct vt_crew *c);

/* Items given and not taken. */
size_t vt_crew_pending(const struct vt_crew *c);
/* Giving and taking belong to one thread.  Never blocks; not beyond `depth`. */
void vt_crew_give(struct vt_crew *c, void *item);
/* The oldest one given, once it has been worked on; NULL: there is none. */
void *vt_crew_take(struct vt_crew *c);

#endif
