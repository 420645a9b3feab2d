/*
 * The directories below a root: opened one by one and never through a
 * symlink, on stable storage before they are used, synced once for all who
 * ask at the same time.  Knows nothing of blobs.  Included by backend_file*.c.
 *
 * Threads may share a vt_dirs and every vt_dir.
 */
#ifndef VT_STORE_BACKEND_FILE_DIR_H
#define VT_STORE_BACKEND_FILE_DIR_H

#include <stddef.h>

#include "libvt/base/err.h"

struct vt_dirs;
struct vt_dir;

/* Open the root.  *out is NULL on failure. */
enum vt_code vt_dirs_open(const char *path, struct vt_dirs **out,
    struct vt_err *err) VT_MUST_CHECK;
/* NULL is accepted.  Every vt_dir must have been put back. */
void vt_dirs_close(struct vt_dirs *s);
/* The root's descriptor, borrowed. */
int vt_dirs_root(const struct vt_dirs *s);

/*
 * A reference to the directory `path` of `len` bytes, relative to the root
 * ("" is the root itself), whose components are names that open would take
 * ("a/b": no "..", no empty ones).  With `make` it is made if need be, and
 * its entry and those above it are on stable storage.  VT_ABSENT when it is
 * missing and not to be made.
 */
enum vt_code vt_dir_get(struct vt_dirs *s, const char *path, size_t len,
    int make, struct vt_dir **out, struct vt_err *err) VT_MUST_CHECK;
/* Drop the reference. */
void vt_dir_put(struct vt_dir *d);
/* Its descriptor, borrowed as long as the reference. */
int vt_dir_fd(const struct vt_dir *d);
/*
 * Sync a directory: VT_OK means that what was done to its entries before the
 * call is on stable storage.
 */
enum vt_code vt_dir_sync(struct vt_dir *d, struct vt_err *err) VT_MUST_CHECK;
/* Was the directory removed under us?  By hand, as we never do. */
int vt_dir_is_gone(const struct vt_dir *d);
/* Drop the reference, and let the next get look at the disk again. */
void vt_dir_forget(struct vt_dir *d);

/*
 * A failure of the disk, in errno, while "cannot `doing` '`what`'".  What an
 * errno says of a path the caller gave ("absent", "invalid") is not so of
 * files of our own: that is VT_IO.  What the caller can act on stays.
 */
enum vt_code vt_disk_fail(struct vt_err *err, const char *doing,
    const char *what);

#endif
