/* Files for what memory does not hold: see spill.h. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "libvt/base/fs.h"

#include "libvt/base/spill.h"

void
vt_spill_init(struct vt_spill *f, const char *folder)
{
	f->folder = folder;
	f->fd = -1;
	f->len = 0;
}

void
vt_spill_release(struct vt_spill *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->len = 0;
}

/* Past the page cache from now on, or (`on` 0) no longer: 0; -1: it cannot be
 * had. */
static int
set_direct(int fd, int on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT);
}

enum vt_code
vt_spill_write(struct vt_spill *f, const void *pages, size_t len,
    struct vt_err *err)
{
	enum vt_code rc;
	int failed;

	if (f->fd < 0) {
		rc = vt_fs_nameless(f->folder, &f->fd, err);
		if (rc != VT_OK)
			return rc;
		/* it is as well where that is not to be had */
		(void)set_direct(f->fd, 1);
	}
	failed = vt_fs_write_all(f->fd, pages, len) < 0;
	/* a file system may say that it can and then refuse what is written,
	 * or the rest of what it wrote a part of: then through its cache, for
	 * good */
	if (failed && errno == EINVAL && set_direct(f->fd, 0) == 0 &&
	    lseek(f->fd, (off_t)f->len, SEEK_SET) >= 0)
		failed = vt_fs_write_all(f->fd, pages, len) < 0;
	if (failed)
		return vt_fail_errno(err, "cannot write to a file in '%s'",
		    f->folder);
	f->len += len;
	return VT_OK;
}

enum vt_code
vt_spill_read(const struct vt_spill *f, void *pages, size_t len,
    uint64_t at, struct vt_err *err)
{
	ssize_t n = vt_fs_pread_all(f->fd, pages, len, at);

	/* as above; who else reads does as well without */
	if (n < 0 && errno == EINVAL && set_direct(f->fd, 0) == 0)
		n = vt_fs_pread_all(f->fd, pages, len, at);
	if (n < 0)
		return vt_fail_errno(err, "cannot read a file in '%s'",
		    f->folder);
	if ((size_t)n != len)
		return vt_fail(err, VT_IO, "a file in '%s' has lost its end",
		    f->folder);
	return VT_OK;
}
