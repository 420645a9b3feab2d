/*
 * The order of a plan's lines, as bytes for vt_sorter that compare so.
 */
#ifndef VT_WORK_ORDER_H
#define VT_WORK_ORDER_H

#include "libvt/base/buf.h"
#include "libvt/proto/records.h"

/*
 * Append the place of a line: lower ranks first, then what costs nothing, then
 * what saves most per dollar of moving (saves most, where that is free);
 * bucket, key and seq decide the rest, so that the same input makes the same
 * plan.  As vt_buf_add: sticky failure.
 */
void vt_order_move(struct vt_buf *b, int rank, const struct vt_move *m);
/* Back from such a place, if the key has no NUL: strings that lie in it, and
 * seq. */
void vt_order_names(const char *place, const char **bucket, const char **key,
    int64_t *seq);

/* The parts of it: numbers that rise, a double that falls (no NaN), bytes of
 * any kind, which come before all bytes that begin with them. */
void vt_order_i64(struct vt_buf *b, int64_t n);
void vt_order_falling(struct vt_buf *b, double d);
void vt_order_bytes(struct vt_buf *b, const char *p, size_t len);

#endif
