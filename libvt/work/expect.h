/*
 * What is expected of a move: what it saves a day, as an engine sees it, and
 * when that has paid for it.  Pure.  Times are in days, money in dollars.
 */
#ifndef VT_WORK_EXPECT_H
#define VT_WORK_EXPECT_H

#include "libvt/work/engine.h"
#include "libvt/work/workfn.h"

/*
 * Of going from `from`, after `stayed` days, to `to`, `t` having followed the
 * past so far.  An engine that has survival statistics expects the reads of
 * the next 30 days, any other one that the rest goes on.  The evidence is the
 * rest so far; VT_WAIT_PAYBACK: it saves nothing.
 */
void vt_expect(const struct vt_cost_model *m, const struct vt_engine *e,
    const struct vt_cost *c, const struct vt_past *past,
    const struct vt_track *t, size_t from, size_t to, double stayed,
    struct vt_choice *out);

/* What the past would have cost on tier `k` all along, its reads included; the
 * levels of a class that moves objects by itself as these would have gone. */
double vt_expect_always(const struct vt_cost_model *m,
    const struct vt_cost *c, const struct vt_past *past, size_t k);

#endif
