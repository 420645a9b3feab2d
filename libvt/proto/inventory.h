/*
 * The manifest.json of an S3 Inventory: which files hold its rows and what
 * their columns are.  Rows are foreignlog.h's business.
 */
#ifndef VT_PROTO_INVENTORY_H
#define VT_PROTO_INVENTORY_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/err.h"

struct vt_inventory {
	const char *schema;	/* "Bucket, Key, ..." */
	int64_t at_us;		/* when it was made; 0: not told */
	const char **files;	/* paths */
	size_t file_count;
};

/*
 * Read the manifest at `path`.  Its files are looked for by their last name
 * beside it, in "data" or "files" beside it and in "../data", which is where
 * they are after a copy of the whole inventory; one that is nowhere is taken
 * to be beside it.  All memory is the arena's.
 * VT_INVALID: no manifest, or of an inventory in ORC or Parquet; codes of
 * vt_fs_read; VT_NOMEM.
 */
enum vt_code vt_inventory_load(const char *path, struct vt_arena *a,
    struct vt_inventory *out, struct vt_err *err) VT_MUST_CHECK;

#endif
