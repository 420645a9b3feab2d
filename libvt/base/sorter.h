/*
 * Sorting more than memory holds: records of key and payload come in in any
 * order and go out sorted.  Keys are bytes, compared as memcmp does, then by
 * length; records of equal keys keep the order in which they came.
 *
 * Records gather in memory of a set size; full, it is sorted and written as a
 * run to an unlinked file in the caller's folder, and the runs are merged in
 * the end, in several passes where there are very many.  A small sort touches
 * no disk.  Knows nothing of what the records mean.
 *
 * A handle belongs to one thread at a time.
 */
#ifndef VT_BASE_SORTER_H
#define VT_BASE_SORTER_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

#define VT_SORTER_MEMORY_MIN ((size_t)64 << 10)

struct vt_sorter;

/* Borrowed from the sorter until its next call. */
struct vt_sorter_record {
	const char *key, *payload;
	size_t key_len, payload_len;
};

/*
 * `memory_bytes` are used, never less than VT_SORTER_MEMORY_MIN; a record of
 * more than a quarter of it is refused.  Runs go to `folder`, copied, which
 * is looked for only once there are some; each takes as many bytes there as
 * its records and 8 for each, in whole pages; all twice that while passes are
 * made over them.  NULL: no memory.
 */
struct vt_sorter *vt_sorter_new(const char *folder, size_t memory_bytes);
/* NULL is accepted. */
void vt_sorter_free(struct vt_sorter *s);

/* Copies both.  VT_TOO_LARGE; VT_NOSPACE, VT_IO or another code of errno when
 * a run cannot be written: the sorter is then good for vt_sorter_free alone. */
enum vt_code vt_sorter_add(struct vt_sorter *s, const void *key,
    size_t key_len, const void *payload, size_t payload_len,
    struct vt_err *err) VT_MUST_CHECK;

/* Before a record's key and payload, which follow one another. */
struct vt_sorter_head {
	uint32_t key_len, payload_len;
};
/* The same of all the records that lie one behind the other in `len` bytes. */
enum vt_code vt_sorter_add_packed(struct vt_sorter *s, const char *records,
    size_t len, struct vt_err *err) VT_MUST_CHECK;

/* After the last record, once.  Codes as above. */
enum vt_code vt_sorter_finish(struct vt_sorter *s, struct vt_err *err)
    VT_MUST_CHECK;
/* The next record in order; VT_ABSENT after the last, VT_IO. */
enum vt_code vt_sorter_next(struct vt_sorter *s, struct vt_sorter_record *out,
    struct vt_err *err) VT_MUST_CHECK;

/* Records taken in, and bytes written to disk so far. */
uint64_t vt_sorter_count(const struct vt_sorter *s);
uint64_t vt_sorter_spilled_bytes(const struct vt_sorter *s);

#endif
