/*
 * The line that a field stands in: jansson tells it of broken syntax only, so
 * for a wrong field the text is walked again, which jansson has accepted.
 */
#ifndef VT_WORK_CONFIG_WHERE_H
#define VT_WORK_CONFIG_WHERE_H

#include <stddef.h>

/* Begins as { text, 1 }. */
struct vt_where {
	const char *p;		/* before a token or a blank; borrowed */
	unsigned line;		/* that it is in, from 1 */
};

/* Into the object at `p`, to the value of the member `name`: 1, or 0 when
 * there is none (then *w is as it was).  The line is the name's. */
int vt_where_member(struct vt_where *w, const char *name);
/* Into the array at `p`, to its element `index`. */
void vt_where_element(struct vt_where *w, size_t index);

#endif
