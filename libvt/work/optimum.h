/*
 * The bill of one who knew the future, against which every policy is judged.
 * Pure.  Times are in days since 1970-01-01 UTC, money in dollars.
 */
#ifndef VT_WORK_OPTIMUM_H
#define VT_WORK_OPTIMUM_H

#include "libvt/base/err.h"
#include "libvt/work/cost.h"
#include "libvt/work/past.h"
#include "libvt/work/reach.h"
#include "libvt/work/spending.h"

/*
 * The least that anyone could have paid who knew the future: exact, over all
 * times of moving to the tiers that are not excluded, from tier `start` on,
 * which may be.  Not for threads to share; NULL: no memory.
 */
struct vt_optimum;
struct vt_optimum *vt_optimum_new(void);
void vt_optimum_free(struct vt_optimum *o);
double vt_optimum_usd(struct vt_optimum *o, const struct vt_cost *c,
    const struct vt_past *p, size_t start, double score_from);
/*
 * Tier `k` of the model moves objects by itself, and bills what lies there by
 * the days since it was read, or came.  Exact where it is excluded, so that
 * nothing comes there but by a rule; which is when it has to be called.
 */
void vt_optimum_levels(struct vt_optimum *o, const struct vt_cost_model *m,
    size_t k);
/*
 * The least of what may not be everywhere, all the time: what `r` bars, which
 * need not be in the bill, is excluded, and what lifecycle rules make of it
 * day by day holds.  `told`, if not NULL, is told how, which adds up to *usd.
 * VT_NOMEM.
 */
enum vt_code vt_optimum_bound(struct vt_optimum *o, const struct vt_cost *c,
    const struct vt_past *p, const struct vt_reach *r, double score_from,
    const struct vt_spending *told, double *usd, struct vt_err *err)
    VT_MUST_CHECK;

#endif
