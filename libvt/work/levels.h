/*
 * What a class that moves objects by itself bills: by the days that it has
 * counted since an object was last read, or came.  Pure.
 */
#ifndef VT_WORK_LEVELS_H
#define VT_WORK_LEVELS_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/work/cost.h"
#include "libvt/work/past.h"

/* Storage on `tier` of the model, which is of that kind, for `days` when it has
 * counted `idle`. */
double vt_levels_storage(const struct vt_cost_model *m, size_t tier,
    uint64_t size_bytes, double idle, double days);
/* Bringing it back from a level that charges for that, with a read. */
double vt_levels_back(const struct vt_cost_model *m, size_t tier,
    uint64_t size_bytes, double idle);
/* Both, of the month that ends with the log, but for the reads' requests and
 * bytes.  It came at `since` (days since 1970; -INFINITY: always there); what
 * nobody saw of it is taken for reads (P12). */
double vt_levels_month(const struct vt_cost_model *m, size_t tier,
    uint64_t size_bytes, const struct vt_past *past, double since);

#endif
