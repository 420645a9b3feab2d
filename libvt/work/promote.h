/*
 * When reads of a cold copy have cost so much, above what they would have cost
 * from tier 0, that the object is brought back: rent until the rent has paid
 * for buying, three times over.  The bill of a burst of reads is then bounded,
 * whatever the plan believed.  What storage on the cold tier saves meanwhile
 * is taken off, so that a copy that is read a little each day for months stays
 * where it is cheaper.  A read of a part counts for the part only, so that
 * ranged reads of a huge object do not bring it back.
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

/* Found by replays of real logs, as in engine.c: 1 brings too much back. */
#define VT_RENT_TIMES 3

struct vt_rent;

/* A table for `slots` copies (a power of two is made of it); NULL: no memory.
 * Not for threads to share. */
struct vt_rent *vt_rent_new(size_t slots);
void vt_rent_free(struct vt_rent *r);
/*
 * Note that `bytes` were read by one request, at day `at`, from copy `copy_id`
 * on tier `k` of the model of `c`.  1: the rent has reached VT_RENT_TIMES the
 * price of bringing it to tier 0 with `early` dollars still due for its minimum
 * duration (or what vt_rent_early said, if more).  0: not yet, or never (k is
 * 0, tier 0 is excluded).  A read that comes with an earlier day than the last
 * one drains nothing.
 */
int vt_rent_read(struct vt_rent *r, const struct vt_cost *c, size_t k,
    int64_t copy_id, double at, double bytes, double early);
/* Would it, of this read?  Notes nothing. */
int vt_rent_would(const struct vt_rent *r, const struct vt_cost *c, size_t k,
    int64_t copy_id, double at, double bytes, double early);
/*
 * Say that `early` dollars are due beside the move.  1: the rent has paid for
 * that too; 0: not yet, vt_rent_read will tell.
 */
int vt_rent_early(struct vt_rent *r, const struct vt_cost *c, size_t k,
    int64_t copy_id, double early);

#endif
