/*
 * When reads of a cold copy have cost as much, above what they would have cost
 * from tier 0, as bringing the object back: rent until the rent has paid for
 * buying.  The bill of a burst of reads is then at most about twice the best
 * possible one, whatever the plan believed.  A read of a part counts for the
 * part only, so that ranged reads of a huge object do not bring it back.
 *
 * A bounded table of rents in memory; forgetting one (the table is full, the
 * process restarts) begins to count anew, which costs at most one rent more.
 * Pure: no clock, no catalog.
 */
#ifndef VT_WORK_PROMOTE_H
#define VT_WORK_PROMOTE_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/work/cost.h"

struct vt_rent;

/* A table for `slots` copies (a power of two is made of it); NULL: no memory.
 * Not for threads to share. */
struct vt_rent *vt_rent_new(size_t slots);
void vt_rent_free(struct vt_rent *r);
/*
 * Note that `bytes` were read by one request from copy `copy_id` on tier
 * `k` of the model of `c`.  1: the rent has reached the price of bringing it
 * to tier 0 with `early` dollars still due for its minimum duration (or what
 * vt_rent_early said, if more).  0: not yet, or never (k is 0, tier 0 is
 * excluded).
 */
int vt_rent_read(struct vt_rent *r, const struct vt_cost *c, size_t k,
    int64_t copy_id, double bytes, double early);
/*
 * Say that `early` dollars are due beside the move.  1: the rent has paid for
 * that too; 0: not yet, vt_rent_read will tell.
 */
int vt_rent_early(struct vt_rent *r, const struct vt_cost *c, size_t k,
    int64_t copy_id, double early);

#endif
