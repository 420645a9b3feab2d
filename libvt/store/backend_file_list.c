/* file:PATH, listed: walks the directories below the root. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "libvt/store/backend_file_internal.h"

struct walk {
	const char *prefix;
	size_t prefix_len;
	vt_backend_visit *visit;
	void *ctx;
	struct vt_err *err;
	char name[VT_BLOB_NAME_MAX + 2];
};

/* Could a name that starts with w->name[0..len) start with the prefix? */
static int
leads_to(const struct walk *w, size_t len)
{
	if (len > w->prefix_len)
		len = w->prefix_len;
	return memcmp(w->name, w->prefix, len) == 0;
}

static enum vt_code walk_dir(struct walk *w, int fd, size_t len,
    unsigned depth) VT_MUST_CHECK;

/* One entry, whose name stands in w->name[0..len). */
static enum vt_code
walk_entry(struct walk *w, int dir_fd, const char *leaf, size_t len,
    unsigned depth)
{
	struct stat st;
	int fd;

	if (fstatat(dir_fd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		/* Removed since it was read. */
		return errno == ENOENT ? VT_OK :
		    vt_disk_fail(w->err, "stat", w->name);
	if (S_ISREG(st.st_mode)) {
		if (len < w->prefix_len || !leads_to(w, len) ||
		    !(st.st_mode & S_IRUSR))
			return VT_OK;
		if (w->visit(w->ctx, w->name, (uint64_t)st.st_size,
		    mtime_us_of(&st)) != 0)
			return vt_fail(w->err, VT_CANCELLED,
			    "list was stopped at '%s'", w->name);
		return VT_OK;
	}
	if (!S_ISDIR(st.st_mode) || depth == DEPTH_MAX)
		return VT_OK;
	w->name[len++] = '/';
	w->name[len] = '\0';
	if (!leads_to(w, len))
		return VT_OK;
	fd = openat(dir_fd, leaf,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? VT_OK :
		    vt_disk_fail(w->err, "open directory", w->name);
	return walk_dir(w, fd, len, depth + 1);
}

/* Walk the directory `fd`, which is closed, with `len` bytes of w->name. */
static enum vt_code
walk_dir(struct walk *w, int fd, size_t len, unsigned depth)
{
	enum vt_code rc = VT_OK;
	struct dirent *e;
	size_t n;
	DIR *dir;

	dir = fdopendir(fd);
	if (dir == NULL) {
		rc = vt_disk_fail(w->err, "read directory", w->name);
		close(fd);
		return rc;
	}
	while (rc == VT_OK) {
		errno = 0;
		e = readdir(dir);
		if (e == NULL) {
			w->name[len] = '\0';
			if (errno != 0)
				rc = vt_disk_fail(w->err, "read directory",
				    w->name);
			break;
		}
		/* Hidden, ours, or foreign: nothing that put would make. */
		n = strlen(e->d_name);
		if (!vt_file_component_ok(e->d_name, n) ||
		    len + n >= VT_BLOB_NAME_MAX)
			continue;
		memcpy(w->name + len, e->d_name, n + 1);
		rc = walk_entry(w, dirfd(dir), e->d_name, len + n, depth);
	}
	closedir(dir);
	return rc;
}

enum vt_code
vt_file_list(struct vt_backend *b, const char *prefix, vt_backend_visit *visit,
    void *ctx, struct vt_err *err)
{
	struct walk w = {
		.prefix = prefix, .prefix_len = strlen(prefix),
		.visit = visit, .ctx = ctx, .err = err,
	};
	int fd;

	/* Not a dup of the root: that would share its reading position. */
	fd = openat(vt_dirs_root(file_of(b)->dirs), ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return vt_disk_fail(err, "open directory", b->url);
	return walk_dir(&w, fd, 0, 1);
}
