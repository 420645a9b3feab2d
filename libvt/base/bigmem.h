/*
 * Memory of many megabytes that is used all over: asked for in large pages,
 * where the system has some, as most of the time would else go into finding
 * small ones.
 */
#ifndef VT_BASE_BIGMEM_H
#define VT_BASE_BIGMEM_H

#include <stdlib.h>
#include <sys/mman.h>

#define VT_BIGMEM_PAGE ((size_t)2 << 20)

#define VT_BIGMEM_SMALL ((size_t)4096)

/* Not zeroed; NULL: no memory.  Free with free().  It begins at a multiple of
 * VT_BIGMEM_PAGE, or, of less than that, of VT_BIGMEM_SMALL. */
static inline void *
vt_bigmem_alloc(size_t len)
{
	size_t page = len < VT_BIGMEM_PAGE ? VT_BIGMEM_SMALL : VT_BIGMEM_PAGE;
	void *p;

	len = (len + page - 1) & ~(page - 1);
	p = aligned_alloc(page, len);
	/* small pages do as well, only slower */
	if (p != NULL && page == VT_BIGMEM_PAGE)
		(void)madvise(p, len, MADV_HUGEPAGE);
	return p;
}

#endif
