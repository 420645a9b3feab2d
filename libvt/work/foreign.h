/*
 * From what foreign logs and inventories say of one key, the versions there
 * are, which one is current, and whose reads are whose.  Pure.
 */
#ifndef VT_WORK_FOREIGN_H
#define VT_WORK_FOREIGN_H

#include <stddef.h>

#include "libvt/work/coverage.h"
#include "libvt/work/heat.h"

/* What is known of one name: a key with a version, or without. */
struct vt_foreign_entry {
	struct vt_log_name name;
	const struct vt_heat_object *object;
};

struct vt_foreign {
	const struct vt_foreign_entry *entry;
	/* its own heat, and that of other names it goes by; NULLs last */
	const struct vt_heat_object *parts[3];
	int is_current;
};

/*
 * Of `count` entries of one bucket and key, sorted, the versions that exist,
 * into `out`, which has room for as many.  Without an inventory each entry is
 * an object of its own.  With one, reads that name no version are the current
 * one's, and what is not listed counts only if lines after the inventory speak
 * of it: *gone are not.  The number put.
 */
size_t vt_foreign_group(const struct vt_coverage *c,
    const struct vt_foreign_entry *group, size_t count,
    struct vt_foreign *out, size_t *gone);
/* Make `r` the version's record, all but its heat. */
void vt_foreign_fill(const struct vt_foreign *f, struct vt_scan_record *r);

#endif
