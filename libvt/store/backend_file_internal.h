/*
 * What backend_file.c and backend_file_list.c share of file:PATH.
 */
#ifndef VT_STORE_BACKEND_FILE_INTERNAL_H
#define VT_STORE_BACKEND_FILE_INTERNAL_H

#include <sys/stat.h>

#include "libvt/store/backend_file_dir.h"
#include "libvt/store/backend_internal.h"

#define META_SUFFIX ".vtm"
#define RESTORE_SUFFIX ".vtr"
#define LEAF_MAX 250		/* with a suffix it fits NAME_MAX */
#define DEPTH_MAX 8

struct file {
	struct vt_backend base;
	int64_t restore_delay_ms;
	struct vt_dirs *dirs;
};

static inline struct file *
file_of(const struct vt_backend *b)
{
	return (struct file *)b;
}

static inline int64_t
mtime_us_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000 +
	    st->st_mtim.tv_nsec / 1000;
}

/* What a component may be: nothing hidden, nothing that is ours. */
int vt_file_component_ok(const char *s, size_t len);

enum vt_code vt_file_list(struct vt_backend *b, const char *prefix,
    vt_backend_visit *visit, void *ctx, struct vt_err *err) VT_MUST_CHECK;

#endif
