/*
 * Files: replace, read whole, make directories, sync.  Every call blocks.
 */
#ifndef VT_BASE_FS_H
#define VT_BASE_FS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libvt/base/err.h"

/*
 * Replace the file `path` (mode as given) by `len` bytes of `data`.  A reader,
 * or a reboot after a crash, finds the old contents or the new and never a
 * mix.  A failed call leaves `path` as it was and no temporary file beside it,
 * but for one case: when the last step, syncing the directory, fails, the new
 * contents are in place and may not survive a crash.
 */
enum vt_code vt_fs_replace(const char *path, mode_t mode, const void *data,
    size_t len, struct vt_err *err) VT_MUST_CHECK;
/* Read a whole file of at most `max` bytes; *out is the caller's to free and
 * has a NUL after its *len bytes.  VT_ABSENT, VT_TOO_LARGE, VT_IO. */
enum vt_code vt_fs_read(const char *path, size_t max, char **out, size_t *len,
    struct vt_err *err) VT_MUST_CHECK;
/* Make `path` and its missing parents (mode 0700 for the ones made); each
 * made entry is synced in its parent. */
enum vt_code vt_fs_mkdirs(const char *path, struct vt_err *err) VT_MUST_CHECK;
/* Sync a directory, so that entries made or removed in it survive. */
enum vt_code vt_fs_sync_dir(const char *path, struct vt_err *err)
    VT_MUST_CHECK;
/* Write all bytes, through EINTR and short writes.  0 or -1 with errno. */
int vt_fs_write_all(int fd, const void *data, size_t len);
/* read until `len` bytes or the end; bytes read, or -1 with errno. */
ssize_t vt_fs_read_all(int fd, void *data, size_t len);
/* pread until `len` bytes or end of file; bytes read, or -1 with errno. */
ssize_t vt_fs_pread_all(int fd, void *data, size_t len, uint64_t offset);
/* A file without a name in `folder`, so that no crash leaves it behind, for
 * reading and writing; *fd is the caller's to close, -1 on failure. */
enum vt_code vt_fs_nameless(const char *folder, int *fd, struct vt_err *err)
    VT_MUST_CHECK;
/* Free and total bytes of the file system that holds `path`. */
enum vt_code vt_fs_space(const char *path, uint64_t *free_bytes,
    uint64_t *total_bytes, struct vt_err *err) VT_MUST_CHECK;

#endif
