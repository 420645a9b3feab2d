/*
 * Locks on files beside the catalog: the write lock behind a turnstile, and the
 * owner files, which tell what processes live.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/store/catalog_sqlite.h"

/* --- the write lock ------------------------------------------------------- */

static int
lock_file(int fd, int op)
{
	int rc;

	do
		rc = flock(fd, op);
	while (rc < 0 && errno == EINTR);
	return rc;
}

/*
 * One writer at a time over all processes.  The turnstile keeps a process
 * that commits without pause from starving others: the next one in line
 * already holds it, so the last holder must queue behind.
 */
enum vt_code
vt_cat_write_lock(struct vt_catalog *c, struct vt_err *err)
{
	int rc;

	if (lock_file(c->turn_fd, LOCK_EX) < 0)
		return vt_fail_errno(err, "cannot lock '%s'", c->path);
	rc = lock_file(c->lock_fd, LOCK_EX);
	lock_file(c->turn_fd, LOCK_UN);
	if (rc < 0)
		return vt_fail_errno(err, "cannot lock '%s'", c->path);
	return VT_OK;
}

void
vt_cat_write_unlock(struct vt_catalog *c)
{
	lock_file(c->lock_fd, LOCK_UN);
}

/* --- owner files ---------------------------------------------------------- */

/*
 * Make this handle's owner file and lock it.  Its lock is what tells others
 * that we live: it ends with the process, whatever ends that.  It gets its
 * name when it is locked, so that one without a lock is of nobody.
 */
enum vt_code
vt_cat_become_owner(struct vt_catalog *c, struct vt_err *err)
{
	uint8_t id[8];
	char hex[17], path[4096], fresh[4096];
	enum vt_code rc;

	if (vt_random(id, sizeof(id)) < 0)
		return vt_fail(err, VT_IO, "no random numbers");
	vt_hex_encode(id, sizeof(id), hex);
	snprintf(path, sizeof(path), "%s-owners", c->path);
	rc = vt_fs_mkdirs(path, err);
	if (rc != VT_OK)
		return rc;
	snprintf(path, sizeof(path), "%s-owners/%s", c->path, hex);
	snprintf(fresh, sizeof(fresh), "%s-owners/%s.new", c->path, hex);
	c->owner = strdup(hex);
	c->owner_path = strdup(path);
	if (c->owner == NULL || c->owner_path == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	for (;;) {
		c->owner_fd = open(fresh,
		    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (c->owner_fd < 0)
			return vt_fail_errno(err, "cannot create '%s'",
			    fresh);
		if (lock_file(c->owner_fd, LOCK_EX) < 0)
			return vt_fail_errno(err, "cannot lock '%s'", fresh);
		if (rename(fresh, path) == 0)
			return VT_OK;
		if (errno != ENOENT)
			return vt_fail_errno(err, "cannot name '%s'", path);
		/* Taken for a dead one's before it was locked: again. */
		close(c->owner_fd);
	}
}

/* Remove the owner files of processes that were killed: an absent one says the
 * same of their leases.  Best effort. */
void
vt_cat_forget_dead_owners(struct vt_catalog *c)
{
	struct dirent *e;
	char path[4096];
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%s-owners", c->path);
	dir = opendir(path);
	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, c->owner) == 0)
			continue;
		fd = openat(dirfd(dir), e->d_name,
		    O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			unlinkat(dirfd(dir), e->d_name, 0);
		close(fd);
	}
	closedir(dir);
}

/* A process is gone when nobody holds the lock of its owner file. */
int
vt_cat_owner_alive(struct vt_catalog *c, const char *owner)
{
	char path[4096];
	int fd, alive;

	if (c->owner != NULL && strcmp(owner, c->owner) == 0)
		return 1;
	snprintf(path, sizeof(path), "%s-owners/%s", c->path, owner);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT;
	alive = flock(fd, LOCK_EX | LOCK_NB) < 0;
	close(fd);
	return alive;
}
