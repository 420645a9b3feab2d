/*
 * The order of a plan's lines, as bytes for vt_sorter that compare so.
 */
#ifndef VT_WORK_ORDER_H
#define VT_WORK_ORDER_H

#include "libvt/proto/records.h"

/* What bytes of any kind take at most, and the place of a line; what it takes
 * when its key has no NUL. */
#define VT_ORDER_BYTES(len) (2 * (len) + 2)
#define VT_ORDER_MOST(bucket_len, key_len) \
	(VT_ORDER_PLAIN(bucket_len, key_len) + (key_len))
#define VT_ORDER_PLAIN(bucket_len, key_len) ((bucket_len) + (key_len) + 22)
/*
 * Write the place of a line at `p`; where it ends.  Lower ranks first, then
 * what costs nothing, then what saves most per dollar of moving (saves most,
 * where that is free); bucket, key and seq decide the rest, so that the same
 * input makes the same plan.
 */
char *vt_order_move(char *p, int rank, const struct vt_move *m,
    size_t bucket_len);
/* Back from such a place of `len` bytes, if the key has no NUL: strings that
 * lie in it, and seq. */
void vt_order_names(const char *place, size_t len, struct vt_move *out);

/* The parts of it, likewise: numbers that rise, in eight bytes, and bytes of
 * any kind, which come before all bytes that begin with them. */
char *vt_order_i64(char *p, int64_t n);
char *vt_order_bytes(char *p, const char *from, size_t len);

#endif
