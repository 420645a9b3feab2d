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

/* Not zeroed; NULL: no memory.  Free with free().  From VT_BIGMEM_PAGE bytes on
 * it begins at a multiple of that. */
static inline void *
vt_bigmem_alloc(size_t len)
{
	void *p;

	if (len < VT_BIGMEM_PAGE)
		return malloc(len);
	len = (len + VT_BIGMEM_PAGE - 1) & ~(VT_BIGMEM_PAGE - 1);
	p = aligned_alloc(VT_BIGMEM_PAGE, len);
	/* small pages do as well, only slower */
	if (p != NULL)
		(void)madvise(p, len, MADV_HUGEPAGE);
	return p;
}

#endif
