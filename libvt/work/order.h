/*
 * The order of a plan's lines, as bytes for vt_sorter that compare so.
 */
#ifndef VT_WORK_ORDER_H
#define VT_WORK_ORDER_H

#include "libvt/proto/records.h"

/* Bytes that the place of a line takes at most, and bytes of any kind. */
#define VT_ORDER_BYTES(len) (2 * (len) + 2)
size_t vt_order_most(const struct vt_move *m);
/*
 * Write the place of a line at `p`; where it ends.  Lower ranks first, then
 * what costs nothing, then what saves most per dollar of moving (saves most,
 * where that is free); bucket, key and seq decide the rest, so that the same
 * input makes the same plan.
 */
char *vt_order_move(char *p, int rank, const struct vt_move *m);
/* Back from such a place, if the key has no NUL: strings that lie in it, and
 * seq. */
void vt_order_names(const char *place, const char **bucket, const char **key,
    int64_t *seq);

/* The parts of it, likewise: numbers that rise, in eight bytes, and bytes of
 * any kind, which come before all bytes that begin with them. */
char *vt_order_i64(char *p, int64_t n);
char *vt_order_bytes(char *p, const char *from, size_t len);

#endif
