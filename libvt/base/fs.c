/* Files: see fs.h. */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/fs.h"

int
vt_fs_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t
vt_fs_read_all(int fd, void *data, size_t len)
{
	char *p = data;
	size_t done = 0;
	ssize_t n;

	if (len > SSIZE_MAX) {
		errno = EINVAL;
		return -1;
	}
	while (done < len) {
		n = read(fd, p + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t
vt_fs_pread_all(int fd, void *data, size_t len, uint64_t offset)
{
	char *p = data;
	size_t done = 0;
	ssize_t n;

	if (len > SSIZE_MAX || offset > (uint64_t)INT64_MAX - len) {
		errno = EINVAL;
		return -1;
	}
	while (done < len) {
		n = pread(fd, p + done, len - done, (off_t)(offset + done));
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

enum vt_code
vt_fs_sync_dir(const char *path, struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	int fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return vt_fail_errno(err, "cannot open '%s'", path);
	/* EINVAL: this file system cannot sync directories (some FUSE and
	 * network ones); there is nothing more that anyone could do. */
	if (fsync(fd) < 0 && errno != EINVAL)
		rc = vt_fail_errno(err, "cannot sync '%s'", path);
	close(fd);
	return rc;
}

/* The directory that holds `path`; no trailing slash but for the root. */
static int
parent_of(const char *path, char out[PATH_MAX])
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len >= PATH_MAX)
		return -1;
	if (len == 0) {
		memcpy(out, ".", 2);
		return 0;
	}
	memcpy(out, path, len);
	out[len] = '\0';
	return 0;
}

enum vt_code
vt_fs_replace(const char *path, mode_t mode, const void *data, size_t len,
    struct vt_err *err)
{
	char tmp[PATH_MAX], dir[PATH_MAX];
	enum vt_code rc;
	int fd, n;

	n = snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path);
	if (n < 0 || (size_t)n >= sizeof(tmp) || parent_of(path, dir) < 0)
		return vt_fail(err, VT_INVALID, "path is too long: '%s'",
		    path);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return vt_fail_errno(err, "cannot create '%s'", tmp);
	if (fchmod(fd, mode) < 0) {
		rc = vt_fail_errno(err, "cannot set the mode of '%s'", tmp);
		goto out;
	}
	if (vt_fs_write_all(fd, data, len) < 0) {
		rc = vt_fail_errno(err, "cannot write '%s'", tmp);
		goto out;
	}
	if (fsync(fd) < 0) {
		rc = vt_fail_errno(err, "cannot sync '%s'", tmp);
		goto out;
	}
	if (rename(tmp, path) < 0) {
		rc = vt_fail_errno(err, "cannot rename '%s' to '%s'", tmp,
		    path);
		goto out;
	}
	close(fd);
	return vt_fs_sync_dir(dir, err);
out:
	unlink(tmp);
	close(fd);
	return rc;
}

enum vt_code
vt_fs_read(const char *path, size_t max, char **out, size_t *len,
    struct vt_err *err)
{
	char *data = NULL, *more;
	size_t cap, used = 0;
	enum vt_code rc;
	struct stat st;
	ssize_t n;
	int fd;

	*out = NULL;
	*len = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return vt_fail_errno(err, "cannot open '%s'", path);
	if (fstat(fd, &st) < 0) {
		rc = vt_fail_errno(err, "cannot stat '%s'", path);
		goto out;
	}
	/* The size is a hint: pipes and /proc say 0, and files grow.  Two
	 * more than it: one for the NUL, one to see the end in one read. */
	cap = 4096;
	if (S_ISREG(st.st_mode)) {
		if ((uint64_t)st.st_size > max)
			goto large;
		if ((size_t)st.st_size + 2 > cap)
			cap = (size_t)st.st_size + 2;
	}
	for (;;) {
		if (data == NULL || cap - used < 2) {
			if (data != NULL)
				cap *= 2;
			more = realloc(data, cap);
			if (more == NULL) {
				rc = vt_fail(err, VT_NOMEM,
				    "no memory to read '%s'", path);
				goto out;
			}
			data = more;
		}
		n = read(fd, data + used, cap - used - 1);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			rc = vt_fail_errno(err, "cannot read '%s'", path);
			goto out;
		}
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > max)
			goto large;
	}
	data[used] = '\0';
	*out = data;
	*len = used;
	data = NULL;
	rc = VT_OK;
	goto out;
large:
	rc = vt_fail(err, VT_TOO_LARGE, "'%s' is over %zu bytes", path, max);
out:
	free(data);
	close(fd);
	return rc;
}

/* Sync the entry of a directory that exists in its parent, best effort: where
 * the parent is not ours to open, the entry was not ours to make. */
static void
sync_entry(const char *path)
{
	int dir, fd;

	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	fd = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!fsync(fd);
		close(fd);
	}
	close(dir);
}

enum vt_code
vt_fs_mkdirs(const char *path, struct vt_err *err)
{
	char part[PATH_MAX], dir[PATH_MAX];
	size_t len = strlen(path), i;
	int made, were_made = 0;
	enum vt_code rc;
	struct stat st;

	if (len == 0 || len >= sizeof(part))
		return vt_fail(err, VT_INVALID,
		    "path is empty or too long: '%s'", path);
	memcpy(part, path, len + 1);
	for (i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		if (path[i - 1] == '/')
			continue;
		part[i] = '\0';
		made = mkdir(part, 0700) == 0;
		if (!made && errno != EEXIST && errno != EROFS &&
		    stat(part, &st) < 0)
			return vt_fail_errno(err, "cannot make '%s'", part);
		if (made && !were_made) {
			/*
			 * The deepest one found may be the work of another
			 * program that died before its sync.
			 */
			if (parent_of(part, dir) == 0)
				sync_entry(dir);
			were_made = 1;
		}
		if (made) {
			if (parent_of(part, dir) < 0)
				return vt_fail(err, VT_INVALID,
				    "path is too long: '%s'", part);
			rc = vt_fs_sync_dir(dir, err);
			if (rc != VT_OK)
				return rc;
		}
		part[i] = path[i];
	}
	if (!were_made)
		sync_entry(path);
	/* What was there already may be a file or a dangling link. */
	if (stat(path, &st) < 0)
		return vt_fail_errno(err, "cannot make '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return vt_fail(err, VT_EXISTS, "'%s' is not a directory",
		    path);
	return VT_OK;
}

enum vt_code
vt_fs_space(const char *path, uint64_t *free_bytes, uint64_t *total_bytes,
    struct vt_err *err)
{
	struct statvfs st;

	if (statvfs(path, &st) < 0)
		return vt_fail_errno(err, "cannot ask for the space of '%s'",
		    path);
	/* f_bavail, not f_bfree: what root keeps back is not for us. */
	*free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
	*total_bytes = (uint64_t)st.f_blocks * st.f_frsize;
	return VT_OK;
}

enum vt_code
vt_fs_nameless(const char *folder, int *fd, struct vt_err *err)
{
	char path[PATH_MAX];
	int n;

	*fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	/* Not every file system can: then it has a name for a moment. */
	if (*fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		n = snprintf(path, sizeof(path), "%s/vt-XXXXXX", folder);
		if (n < 0 || (size_t)n >= sizeof(path))
			return vt_fail(err, VT_INVALID,
			    "path is too long: '%s'", folder);
		*fd = mkostemp(path, O_CLOEXEC);
		if (*fd >= 0)
			unlink(path);
	}
	if (*fd < 0)
		return vt_fail_errno(err, "cannot make a file in '%s'",
		    folder);
	return VT_OK;
}
