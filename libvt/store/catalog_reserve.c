/* The file beside the catalog that keeps room for it on a full disk. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/store/catalog_sqlite.h"

#define RESERVE_STEP_BYTES (256 << 10)
#define RESERVE_MIN_BYTES (64 << 10)
#define RESERVE_RETRY_US 1000000

/* The file beside the catalog that keeps room for it, or -1. */
static int
reserve_open(const struct vt_catalog *c, int flags, off_t *size)
{
	char path[4096];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s-reserve", c->path);
	fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
	if (fd >= 0 && fstat(fd, &st) < 0) {
		close(fd);
		return -1;
	}
	*size = fd >= 0 ? st.st_size : 0;
	return fd;
}

/*
 * Keep some disk back, so that deletes work when it is full: as much of
 * `reserve_bytes` as there is.  Looked at now and then only, because on a full
 * disk a failed attempt is as dear as a good one.
 */
void
vt_cat_reserve_take(struct vt_catalog *c)
{
	off_t have, more, most = (off_t)c->o.reserve_bytes;
	int fd;

	if (c->o.reserve_bytes == 0 ||
	    vt_clock_mono_us() < c->reserve_retry_us)
		return;
	c->reserve_retry_us = vt_clock_mono_us() + RESERVE_RETRY_US;
	fd = reserve_open(c, O_CREAT, &have);
	if (fd < 0)
		return;
	for (more = most - have; have < most &&
	    more >= RESERVE_MIN_BYTES; more /= 2) {
		if (posix_fallocate(fd, have, more) == 0)
			have += more;
		/* A failed attempt may leave some behind it. */
		else if (ftruncate(fd, have) < 0)
			break;
	}
	close(fd);
}

/*
 * Give back a slice, for the catalog to grow into: not all at once, or bodies
 * would take it.  Whoever put it aside: the disk is one.  0: there is no more.
 */
int
vt_cat_reserve_give(struct vt_catalog *c)
{
	off_t have, slice;
	int fd, given;

	fd = reserve_open(c, 0, &have);
	if (fd < 0)
		return 0;
	slice = have / 64 > RESERVE_STEP_BYTES ? have / 64 :
	    RESERVE_STEP_BYTES;
	given = have > 0 &&
	    ftruncate(fd, have > slice ? have - slice : 0) == 0;
	close(fd);
	return given;
}
