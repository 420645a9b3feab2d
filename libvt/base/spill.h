/*
 * A file for what memory does not hold: without a name, so that no crash leaves
 * it behind, written in whole pages from its start to its end and read back
 * where they lie.
 *
 * It passes the page cache, where the file system can: what is read once would
 * only push out what others have there, and take memory to be found and cleared
 * for as many bytes.  Every call blocks.
 */
#ifndef VT_BASE_SPILL_H
#define VT_BASE_SPILL_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/bigmem.h"
#include "libvt/base/err.h"

/* What is written and read lies at multiples of it, in the file and in memory
 * (vt_bigmem_alloc), and is as long. */
#define VT_SPILL_PAGE VT_BIGMEM_SMALL

struct vt_spill {
	const char *folder;	/* borrowed */
	int fd;			/* -1: not made yet */
	uint64_t len;		/* bytes that were written */
};

/* The least of whole pages that hold so many bytes. */
static inline size_t
vt_spill_whole(size_t len)
{
	return (len + VT_SPILL_PAGE - 1) & ~(VT_SPILL_PAGE - 1);
}

/* Nothing is done in the folder before the first pages come. */
void vt_spill_init(struct vt_spill *f, const char *folder);
/* Give up what is in it; may be repeated, and it may be used again. */
void vt_spill_release(struct vt_spill *f);
/* Write behind what is there.  VT_NOSPACE, VT_IO or another code of errno,
 * naming the folder: then it is good for vt_spill_release alone. */
enum vt_code vt_spill_write(struct vt_spill *f, const void *pages,
    size_t len, struct vt_err *err) VT_MUST_CHECK;
/* Read what was written; by several threads, if they like.  VT_IO or another
 * code of errno. */
enum vt_code vt_spill_read(const struct vt_spill *f, void *pages,
    size_t len, uint64_t at, struct vt_err *err) VT_MUST_CHECK;

#endif
