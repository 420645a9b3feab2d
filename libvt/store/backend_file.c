/*
 * file:PATH, blobs as files below a directory.
 *
 * A blob is written straight to its final name, which nobody used before, and
 * its directory entry is synced in a sync that all who wait for the same
 * directory share.  Until its commit the file has mode 0200: that is how get,
 * head and list, in this process or another, before or after a crash, know an
 * unfinished blob.  Beside "<name>" may lie "<name>.vtm" (metadata that did
 * not fit into an extended attribute) and "<name>.vtr" (when a tier plays a
 * Glacier: until when the blob is restored).
 */
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/buf.h"
#include "libvt/base/fs.h"
#include "libvt/base/hash.h"

#include "libvt/store/backend_file_internal.h"

#define META_XATTR "user.vaultaire"
#define META_MAX_BYTES (2 * VT_BLOB_META_MAX)	/* with what parts it */
#define XATTR_MAX_BYTES 3800	/* ext4 has one block of 4 KiB for all */
#define STEP_BYTES (8 << 20)	/* of early write-back */
#define RESERVE_BYTES (64 << 20)	/* of space asked for ahead */

struct file_put {
	struct vt_backend_put base;
	struct vt_dir *dir;
	int fd, meta_fd;
	uint64_t written_bytes, flushed_bytes, reserved_bytes;
	char leaf[LEAF_MAX + 1];
};

struct file_get {
	struct vt_backend_get base;
	int fd;
	uint64_t offset;
};

/* --- names -----------------------------------------------------------------*/

static int
has_suffix(const char *s, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len >= n && memcmp(s + len - n, suffix, n) == 0;
}

/* What a component may be: nothing hidden, nothing that is ours. */
int
vt_file_component_ok(const char *s, size_t len)
{
	size_t i;

	if (len == 0 || len > LEAF_MAX || s[0] == '.' ||
	    has_suffix(s, len, META_SUFFIX) ||
	    has_suffix(s, len, RESTORE_SUFFIX))
		return 0;
	for (i = 0; i < len; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') &&
		    !(s[i] >= 'A' && s[i] <= 'Z') &&
		    !(s[i] >= '0' && s[i] <= '9') &&
		    s[i] != '.' && s[i] != '_' && s[i] != '-')
			return 0;
	return 1;
}

/* Split a checked name: the length of its directory, and its leaf. */
static enum vt_code
split_name(const char *name, size_t *dir_len, const char **leaf,
    struct vt_err *err)
{
	const char *part = name, *end;
	unsigned depth;

	for (depth = 1; depth <= DEPTH_MAX; depth++) {
		end = strchrnul(part, '/');
		if (!vt_file_component_ok(part, (size_t)(end - part)))
			break;
		if (*end == '\0') {
			*leaf = part;
			*dir_len = part == name ? 0 :
			    (size_t)(part - name) - 1;
			return VT_OK;
		}
		part = end + 1;
	}
	return vt_fail(err, VT_INVALID, "not a name for a file: '%s'", name);
}

/* --- opening blobs ---------------------------------------------------------*/

/*
 * Open `name` plus `suffix` below the root, never through a symlink.  -1 with
 * errno.  One call where the kernel has openat2, else step by step.
 */
static int
open_below(struct file *f, const char *name, const char *suffix, int flags)
{
	struct open_how how = {
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	char path[VT_BLOB_NAME_MAX + 8];
	struct vt_dir *d;
	size_t dir_len;
	const char *slash;
	int fd, saved;

	snprintf(path, sizeof(path), "%s%s", name, suffix);
	flags |= O_CLOEXEC | O_NOFOLLOW;
	/* A FIFO that someone left there must not hold us. */
	if (!(flags & O_PATH))
		flags |= O_NONBLOCK;
	how.flags = (uint64_t)flags;
	fd = (int)syscall(SYS_openat2, vt_dirs_root(f->dirs), path, &how,
	    sizeof(how));
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return fd;
	slash = strrchr(path, '/');
	dir_len = slash == NULL ? 0 : (size_t)(slash - path);
	switch (vt_dir_get(f->dirs, path, dir_len, 0, &d, NULL)) {
	case VT_OK:
		break;
	case VT_ABSENT:
		errno = ENOENT;
		return -1;
	default:
		errno = EIO;
		return -1;
	}
	fd = openat(vt_dir_fd(d), slash == NULL ? path : slash + 1, flags);
	saved = errno;
	vt_dir_put(d);
	errno = saved;
	return fd;
}

/* A committed blob: open it with `flags` and stat it. */
static enum vt_code
open_blob(struct file *f, const char *name, int flags, int *out,
    struct stat *st, struct vt_err *err)
{
	const char *leaf;
	enum vt_code rc;
	size_t dir_len;
	int fd;

	*out = -1;
	rc = split_name(name, &dir_len, &leaf, err);
	if (rc != VT_OK)
		return rc;
	fd = open_below(f, name, "", flags);
	/* An unfinished blob is unreadable unless we are root. */
	if (fd < 0 && errno == EACCES) {
		fd = open_below(f, name, "", O_PATH);
		if (fd >= 0 && fstat(fd, st) == 0 && st->st_mode & S_IRUSR) {
			close(fd);
			errno = EACCES;
			fd = -1;
		}
	}
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return vt_fail(err, VT_ABSENT, "no blob '%s'", name);
	if (fd < 0 && (errno == ELOOP || errno == EXDEV || errno == ENXIO))
		return vt_fail(err, VT_CORRUPT, "'%s' is not a file", name);
	if (fd < 0)
		return vt_disk_fail(err, "open", name);
	if (fstat(fd, st) < 0) {
		rc = vt_disk_fail(err, "stat", name);
		close(fd);
		return rc;
	}
	if (S_ISREG(st->st_mode) && st->st_mode & S_IRUSR) {
		*out = fd;
		return VT_OK;
	}
	close(fd);
	if (S_ISREG(st->st_mode))
		return vt_fail(err, VT_ABSENT, "'%s' is unfinished", name);
	if (S_ISDIR(st->st_mode))
		return vt_fail(err, VT_ABSENT, "no blob '%s'", name);
	return vt_fail(err, VT_CORRUPT, "'%s' is not a file", name);
}

/* --- restore state ---------------------------------------------------------*/

#define STATE_BYTES 54	/* "v1 ", two times and a CRC64 of them in hex */

static void
state_format(const struct vt_restore_state *s, char out[STATE_BYTES + 1])
{
	char times[34];

	snprintf(times, sizeof(times), "%016" PRIx64 " %016" PRIx64,
	    (uint64_t)s->ready_us, (uint64_t)s->expires_us);
	snprintf(out, STATE_BYTES + 1, "v1 %s %016" PRIx64 "\n", times,
	    vt_crc64nvme(0, times, strlen(times)));
}

/* What is not whole, say after a power cut, is as nothing: ask again. */
static void
state_parse(const char *text, size_t len, struct vt_restore_state *s)
{
	char again[STATE_BYTES + 1];
	uint64_t ready, expires;
	char copy[STATE_BYTES + 1];

	memset(s, 0, sizeof(*s));
	if (len != STATE_BYTES)
		return;
	memcpy(copy, text, STATE_BYTES);
	copy[STATE_BYTES] = '\0';
	if (sscanf(copy, "v1 %16" SCNx64 " %16" SCNx64, &ready,
	    &expires) != 2)
		return;
	s->ready_us = (int64_t)ready;
	s->expires_us = (int64_t)expires;
	state_format(s, again);
	if (memcmp(again, copy, STATE_BYTES) != 0)
		memset(s, 0, sizeof(*s));
}

/* The restore state behind an open .vtr, under its lock. */
static int
state_read(int fd, int lock, struct vt_restore_state *s)
{
	char text[STATE_BYTES];
	ssize_t n;

	while (flock(fd, lock) < 0)
		if (errno != EINTR)
			return -1;
	n = vt_fs_pread_all(fd, text, sizeof(text), 0);
	if (n < 0)
		return -1;
	state_parse(text, (size_t)n, s);
	return 0;
}

static enum vt_code
state_of(struct file *f, const char *name, struct vt_restore_state *s,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	int fd;

	memset(s, 0, sizeof(*s));
	fd = open_below(f, name, RESTORE_SUFFIX, O_RDONLY);
	if (fd < 0)
		return errno == ENOENT ? VT_OK :
		    vt_disk_fail(err, "open the restore state of", name);
	if (state_read(fd, LOCK_SH, s) < 0)
		rc = vt_disk_fail(err, "read the restore state of", name);
	close(fd);
	return rc;
}

static enum vt_code
check_restored(struct file *f, const char *name, struct vt_err *err)
{
	struct vt_restore_state state;
	enum vt_code rc;

	if (!f->base.caps.restore)
		return VT_OK;
	rc = state_of(f, name, &state, err);
	if (rc != VT_OK)
		return rc;
	if (vt_restore_readable(&state, vt_clock_now_us(f->base.clock)))
		return VT_OK;
	return vt_fail(err, VT_NEEDS_RESTORE, "'%s' is archived", name);
}

/* Ask for a restore in the locked state file `fd`. */
static enum vt_code
state_ask(struct file *f, int fd, const char *name, unsigned days,
    enum vt_restore_speed speed, struct vt_err *err)
{
	struct vt_restore_state state;
	char text[STATE_BYTES + 1];
	enum vt_code rc;

	if (state_read(fd, LOCK_EX, &state) < 0)
		return vt_disk_fail(err, "read the restore state of", name);
	rc = vt_restore_ask(&state, vt_clock_now_us(f->base.clock),
	    vt_restore_delay_ms(f->restore_delay_ms, speed), days, name,
	    err);
	state_format(&state, text);
	if (pwrite(fd, text, STATE_BYTES, 0) != STATE_BYTES ||
	    fdatasync(fd) < 0)
		return vt_disk_fail(err, "write the restore state of", name);
	return rc;
}

static enum vt_code
file_restore(struct vt_backend *b, const char *name, unsigned days,
    enum vt_restore_speed speed, struct vt_err *err)
{
	struct file *f = file_of(b);
	char side[LEAF_MAX + sizeof(RESTORE_SUFFIX)];
	struct vt_dir *d = NULL;
	const char *leaf;
	int fd = -1, blob = -1;
	enum vt_code rc, asked;
	struct stat st;
	size_t dir_len;

	rc = split_name(name, &dir_len, &leaf, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_dir_get(f->dirs, name, dir_len, 0, &d, err);
	if (rc != VT_OK)
		return rc;
	snprintf(side, sizeof(side), "%s" RESTORE_SUFFIX, leaf);
	fd = openat(vt_dir_fd(d), side,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		rc = vt_disk_fail(err, "create the restore state of", name);
		goto out;
	}
	/* After the creation: delete removes the blob first and this then,
	 * so one of us two sees the other. */
	rc = open_blob(f, name, O_PATH, &blob, &st, err);
	if (rc != VT_OK) {
		unlinkat(vt_dir_fd(d), side, 0);
		goto out;
	}
	asked = state_ask(f, fd, name, days, speed, err);
	rc = asked;
	if (asked == VT_OK || asked == VT_BUSY) {
		rc = vt_dir_sync(d, err);
		if (rc == VT_OK)
			rc = asked;
	}
out:
	if (blob >= 0)
		close(blob);
	if (fd >= 0)
		close(fd);
	vt_dir_put(d);
	return rc;
}

/* --- writing ---------------------------------------------------------------*/

/*
 * Keep `meta` as "name\0value\0..." in an extended attribute, or in a
 * companion file where that does not fit.
 */
static enum vt_code
file_put_meta(struct vt_backend_put *put, const struct vt_header_kv *meta,
    size_t count, struct vt_err *err)
{
	struct file_put *p = (struct file_put *)put;
	char side[LEAF_MAX + sizeof(META_SUFFIX)];
	struct vt_buf b;
	enum vt_code rc;
	size_t i;

	vt_buf_init(&b, META_MAX_BYTES);
	for (i = 0; i < count; i++) {
		vt_buf_str(&b, meta[i].name);
		vt_buf_char(&b, '\0');
		vt_buf_str(&b, meta[i].value);
		vt_buf_char(&b, '\0');
	}
	rc = vt_buf_check(&b, "metadata of a blob", err);
	if (rc != VT_OK)
		goto out;
	if (b.len <= XATTR_MAX_BYTES &&
	    fsetxattr(p->fd, META_XATTR, b.data, b.len, 0) == 0)
		goto out;
	/* Whatever the reason (no support, no room, not allowed), a file
	 * does it; if the disk is truly full that says so as well. */
	snprintf(side, sizeof(side), "%s" META_SUFFIX, p->leaf);
	p->meta_fd = openat(vt_dir_fd(p->dir), side,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (p->meta_fd < 0)
		rc = vt_disk_fail(err, "create the metadata of", p->leaf);
	else if (vt_fs_write_all(p->meta_fd, b.data, b.len) < 0)
		rc = vt_disk_fail(err, "write the metadata of", p->leaf);
out:
	vt_buf_release(&b);
	return rc;
}

/*
 * End a put: what a failed one leaves is removed, best effort, because the
 * caller knows the name and collects what we miss.  He forgets it when he
 * finds nothing there: an entry that another's sync has kept must not come
 * back with a power cut, so this is synced too.
 */
static void
put_end(struct file_put *p, int keep)
{
	char side[LEAF_MAX + sizeof(META_SUFFIX)];

	if (!keep && p->fd >= 0)
		unlinkat(vt_dir_fd(p->dir), p->leaf, 0);
	if (!keep && p->meta_fd >= 0) {
		snprintf(side, sizeof(side), "%s" META_SUFFIX, p->leaf);
		unlinkat(vt_dir_fd(p->dir), side, 0);
	}
	if (!keep && p->fd >= 0 && vt_dir_sync(p->dir, NULL) != VT_OK) {
		/* Nobody to tell; a disk that fails so fails others too. */
	}
	if (p->meta_fd >= 0)
		close(p->meta_fd);
	if (p->fd >= 0)
		close(p->fd);
	vt_dir_put(p->dir);
	free(p);
}

/*
 * Ask for disk space some way ahead of what is written, so that a full disk
 * shows early; only some way, because the size is a client's claim.
 */
static enum vt_code
reserve(struct file_put *p, uint64_t until_bytes, struct vt_err *err)
{
	uint64_t left, step;

	while (p->reserved_bytes < until_bytes) {
		left = p->base.expected_bytes - p->reserved_bytes;
		step = left < RESERVE_BYTES ? left : RESERVE_BYTES;
		if (fallocate(p->fd, FALLOC_FL_KEEP_SIZE,
		    (off_t)p->reserved_bytes, (off_t)step) < 0 &&
		    (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
			return vt_disk_fail(err, "reserve space for", p->leaf);
		/* Other failures: this file system cannot; writes tell. */
		p->reserved_bytes += step;
	}
	return VT_OK;
}

static enum vt_code
create(struct file *f, struct file_put *p, const char *name, size_t dir_len,
    struct vt_err *err)
{
	const int flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
	enum vt_code rc;
	int tries;

	for (tries = 0;; tries++) {
		rc = vt_dir_get(f->dirs, name, dir_len, 1, &p->dir, err);
		if (rc != VT_OK)
			return rc;
		p->fd = openat(vt_dir_fd(p->dir), p->leaf, flags, 0200);
		if (p->fd >= 0)
			return VT_OK;
		if (errno == EEXIST)
			rc = vt_fail(err, VT_EXISTS, "'%s' exists", name);
		else
			rc = vt_disk_fail(err, "create", name);
		if (tries > 0 || !vt_dir_is_gone(p->dir))
			break;
		vt_dir_forget(p->dir);
	}
	vt_dir_put(p->dir);
	return rc;
}

static enum vt_code
file_put_begin(struct vt_backend *b, const char *name,
    const struct vt_backend_put_info *info, struct vt_backend_put **out,
    struct vt_err *err)
{
	struct file *f = file_of(b);
	struct file_put *p;
	const char *leaf;
	enum vt_code rc;
	size_t dir_len;

	rc = split_name(name, &dir_len, &leaf, err);
	if (rc != VT_OK)
		return rc;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to put '%s'", name);
	p->base.backend = b;
	p->base.expected_bytes = info->size_bytes;
	p->fd = -1;
	p->meta_fd = -1;
	memcpy(p->leaf, leaf, strlen(leaf) + 1);
	rc = create(f, p, name, dir_len, err);
	if (rc != VT_OK) {
		free(p);
		return rc;
	}
	/* Small files find out at their one write. */
	if (info->size_bytes == UINT64_MAX || info->size_bytes <= 1 << 20)
		p->reserved_bytes = UINT64_MAX;
	else
		rc = reserve(p, 1, err);
	if (rc != VT_OK) {
		put_end(p, 0);
		return rc;
	}
	*out = &p->base;
	return VT_OK;
}

static enum vt_code
file_put_write(struct vt_backend_put *put, const void *data, size_t len,
    struct vt_err *err)
{
	struct file_put *p = (struct file_put *)put;
	uint64_t until = p->written_bytes + len;
	enum vt_code rc;

	rc = reserve(p, until, err);
	if (rc != VT_OK)
		return rc;
	if (vt_fs_write_all(p->fd, data, len) < 0)
		return vt_disk_fail(err, "write", p->leaf);
	p->written_bytes = until;
	if (until - p->flushed_bytes < STEP_BYTES)
		return VT_OK;
	/* Starts the write-back and does not wait: the sync at the end then
	 * finds little to do.  Its failure is the sync's to tell. */
	sync_file_range(p->fd, (off_t)p->flushed_bytes,
	    (off_t)(until - p->flushed_bytes), SYNC_FILE_RANGE_WRITE);
	p->flushed_bytes = until;
	return VT_OK;
}

static int
sync_file(int fd)
{
	int rc;

	do
		rc = fsync(fd);
	while (rc < 0 && errno == EINTR);
	return rc;
}

static enum vt_code
file_put_commit(struct vt_backend_put *put, struct vt_backend_put_result *out,
    struct vt_err *err)
{
	struct file_put *p = (struct file_put *)put;
	struct stat st;
	enum vt_code rc;

	/* Not fdatasync: the mode says that the blob is whole, and neither
	 * it nor the attribute need survive that.  For a new file both cost
	 * the same. */
	if (fchmod(p->fd, 0600) < 0)
		rc = vt_disk_fail(err, "finish", p->leaf);
	else if (sync_file(p->fd) < 0)
		rc = vt_disk_fail(err, "sync", p->leaf);
	else if (p->meta_fd >= 0 && sync_file(p->meta_fd) < 0)
		rc = vt_disk_fail(err, "sync the metadata of", p->leaf);
	else
		rc = vt_dir_sync(p->dir, err);
	if (rc == VT_OK && fstat(p->fd, &st) < 0)
		rc = vt_disk_fail(err, "stat", p->leaf);
	/* A collector that took us for dead, or a foreign hand. */
	if (rc == VT_OK && (st.st_nlink == 0 ||
	    (uint64_t)st.st_size != put->size_bytes))
		rc = vt_fail(err, VT_IO,
		    "'%s' was removed or changed while it was written",
		    p->leaf);
	put_end(p, rc == VT_OK);
	/* An empty token: a name is never used twice, so it says it all. */
	out->token[0] = '\0';
	return rc;
}

static void
file_put_abort(struct vt_backend_put *put)
{
	put_end((struct file_put *)put, 0);
}

/* --- reading ---------------------------------------------------------------*/

/* Our tokens are empty: another one belongs to another backend's blob. */
static enum vt_code
check_token(const char *name, const char *token, struct vt_err *err)
{
	if (token[0] == '\0')
		return VT_OK;
	return vt_fail(err, VT_CORRUPT, "'%s' has no token, not '%s'", name,
	    token);
}

static enum vt_code
file_get_begin(struct vt_backend *b, const char *name, const char *token,
    uint64_t offset, uint64_t length, struct vt_backend_get **out,
    struct vt_err *err)
{
	struct file *f = file_of(b);
	struct file_get *g;
	struct stat st;
	enum vt_code rc;
	int fd;

	rc = open_blob(f, name, O_RDONLY, &fd, &st, err);
	if (rc != VT_OK)
		return rc;
	rc = check_token(name, token, err);
	if (rc == VT_OK)
		rc = check_restored(f, name, err);
	if (rc == VT_OK && offset + length > (uint64_t)st.st_size)
		rc = vt_fail(err, VT_CORRUPT, "'%s' has %lld bytes, not %"
		    PRIu64, name, (long long)st.st_size, offset + length);
	g = rc == VT_OK ? calloc(1, sizeof(*g)) : NULL;
	if (rc == VT_OK && g == NULL)
		rc = vt_fail(err, VT_NOMEM, "no memory to get '%s'", name);
	if (rc != VT_OK) {
		close(fd);
		return rc;
	}
	if (length >= 1 << 20)
		posix_fadvise(fd, (off_t)offset, (off_t)length,
		    POSIX_FADV_SEQUENTIAL);
	g->fd = fd;
	g->offset = offset;
	*out = &g->base;
	return VT_OK;
}

static enum vt_code
file_get_read(struct vt_backend_get *get, void *data, size_t len,
    size_t *got, struct vt_err *err)
{
	struct file_get *g = (struct file_get *)get;
	ssize_t n;

	do
		n = pread(g->fd, data, len, (off_t)g->offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return vt_disk_fail(err, "read from", get->backend->url);
	g->offset += (uint64_t)n;
	*got = (size_t)n;
	return VT_OK;
}

static void
file_get_end(struct vt_backend_get *get)
{
	struct file_get *g = (struct file_get *)get;

	close(g->fd);
	free(g);
}

static enum vt_code
file_get_fd(struct vt_backend *b, const char *name, int *fd,
    uint64_t *size_bytes, struct vt_err *err)
{
	struct file *f = file_of(b);
	struct stat st;
	enum vt_code rc;

	rc = open_blob(f, name, O_RDONLY, fd, &st, err);
	if (rc != VT_OK)
		return rc;
	rc = check_restored(f, name, err);
	if (rc != VT_OK) {
		close(*fd);
		*fd = -1;
		return rc;
	}
	*size_bytes = (uint64_t)st.st_size;
	return VT_OK;
}

static enum vt_code
file_head(struct vt_backend *b, const char *name,
    struct vt_backend_head *out, struct vt_err *err)
{
	struct file *f = file_of(b);
	struct vt_restore_state state;
	struct stat st;
	enum vt_code rc;
	int fd;

	rc = open_blob(f, name, O_PATH, &fd, &st, err);
	if (rc != VT_OK)
		return rc;
	close(fd);
	out->size_bytes = (uint64_t)st.st_size;
	out->mtime_us = mtime_us_of(&st);
	if (!b->caps.restore)
		return VT_OK;
	rc = state_of(f, name, &state, err);
	if (rc == VT_OK)
		vt_restore_describe(&state, vt_clock_now_us(b->clock), out);
	return rc;
}

/* Give "name\0value\0..." to `visit`. */
static enum vt_code
visit_meta(const char *name, const char *data, size_t len,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
{
	const char *end = data + len, *value, *next;

	for (; data < end; data = next) {
		value = memchr(data, '\0', (size_t)(end - data));
		next = value == NULL ? NULL : memchr(value + 1, '\0',
		    (size_t)(end - value - 1));
		if (next++ == NULL)
			return vt_fail(err, VT_CORRUPT,
			    "the metadata of '%s' is cut", name);
		if (visit(ctx, data, value + 1) != 0)
			return vt_fail(err, VT_CANCELLED, "stopped");
	}
	return VT_OK;
}

static enum vt_code
file_meta(struct vt_backend *b, const char *name,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
{
	struct file *f = file_of(b);
	struct stat st;
	char *data;
	enum vt_code rc;
	ssize_t n;
	int fd;

	rc = open_blob(f, name, O_RDONLY, &fd, &st, err);
	if (rc != VT_OK)
		return rc;
	data = malloc(META_MAX_BYTES);
	if (data == NULL) {
		close(fd);
		return vt_fail(err, VT_NOMEM, "no memory for metadata");
	}
	n = fgetxattr(fd, META_XATTR, data, META_MAX_BYTES);
	close(fd);
	if (n < 0) {
		fd = open_below(f, name, META_SUFFIX, O_RDONLY);
		if (fd >= 0) {
			n = vt_fs_pread_all(fd, data, META_MAX_BYTES, 0);
			close(fd);
		}
	}
	if (n < 0 && errno != ENOENT)
		rc = vt_disk_fail(err, "read the metadata of", name);
	else if (n > 0)
		rc = visit_meta(name, data, (size_t)n, visit, ctx, err);
	free(data);
	return rc;
}

/* --- removing --------------------------------------------------------------*/

/* Remove `leaf` plus `suffix`: 1, 0 when it was not there, -1 with errno. */
static int
remove_one(const struct vt_dir *d, const char *leaf, const char *suffix)
{
	char name[LEAF_MAX + 8];

	snprintf(name, sizeof(name), "%s%s", leaf, suffix);
	if (unlinkat(vt_dir_fd(d), name, 0) == 0)
		return 1;
	return errno == ENOENT || errno == EISDIR ? 0 : -1;
}

/*
 * Unfinished blobs go too: that is what recovery is for.  The directory is
 * synced, because once the caller forgets the name, an entry that a power cut
 * brings back would be a leak.
 */
static enum vt_code
file_del(struct vt_backend *b, const char *name, const char *token,
    struct vt_err *err)
{
	struct file *f = file_of(b);
	int blob, meta, state;
	const char *leaf;
	struct vt_dir *d;
	enum vt_code rc;
	size_t dir_len;

	rc = split_name(name, &dir_len, &leaf, err);
	if (rc != VT_OK)
		return rc;
	rc = check_token(name, token, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_dir_get(f->dirs, name, dir_len, 0, &d, err);
	if (rc != VT_OK)
		return rc;
	blob = remove_one(d, leaf, "");
	if (blob < 0) {
		rc = vt_disk_fail(err, "remove", name);
		goto out;
	}
	/* Even when the blob is absent: a crash may have come between. */
	meta = remove_one(d, leaf, META_SUFFIX);
	state = meta < 0 ? -1 : remove_one(d, leaf, RESTORE_SUFFIX);
	if (state < 0) {
		rc = vt_disk_fail(err, "remove what belongs to", name);
		goto out;
	}
	if (blob + meta + state > 0)
		rc = vt_dir_sync(d, err);
	if (rc == VT_OK && blob == 0)
		rc = vt_fail(err, VT_ABSENT, "no blob '%s'", name);
out:
	vt_dir_put(d);
	return rc;
}

/* --- opening ---------------------------------------------------------------*/

static enum vt_code
file_name(const struct vt_backend *b, uint64_t blob_id, uint64_t incarnation,
    const char *bucket, const char *key, size_t key_len,
    char out[VT_BLOB_NAME_MAX], struct vt_err *err)
{
	(void)b, (void)bucket, (void)key, (void)key_len, (void)err;
	vt_backend_plain_name(blob_id, incarnation, out);
	return VT_OK;
}

static void
file_close(struct vt_backend *b)
{
	struct file *f = file_of(b);

	vt_dirs_close(f->dirs);
	free(b->url);
	free(f);
}

static const struct vt_backend_ops file_ops = {
	.close = file_close,
	.name = file_name,
	.put_begin = file_put_begin,
	.put_write = file_put_write,
	.put_meta = file_put_meta,
	.put_commit = file_put_commit,
	.put_abort = file_put_abort,
	.get_begin = file_get_begin,
	.get_read = file_get_read,
	.get_end = file_get_end,
	.get_fd = file_get_fd,
	.head = file_head,
	.meta = file_meta,
	.del = file_del,
	.restore = file_restore,
	.list = vt_file_list,
};

/* PATH of the URL, relative to base_dir: the caller's to free. */
static enum vt_code
root_path(const char *url, const char *base_dir, char **out,
    struct vt_err *err)
{
	const char *path = url + strlen("file:");
	int n;

	*out = NULL;
	/* "file://host/x" would quietly become "/host/x". */
	if (path[0] == '\0' || (strncmp(path, "//", 2) == 0 && path[2] != '/'))
		return vt_fail(err, VT_INVALID, "no path in '%s'", url);
	if (path[0] == '/' || base_dir == NULL)
		n = asprintf(out, "%s", path);
	else
		n = asprintf(out, "%s/%s", base_dir, path);
	if (n >= 0)
		return VT_OK;
	*out = NULL;
	return vt_fail(err, VT_NOMEM, "no memory for '%s'", url);
}

/*
 * Make the entry of the root durable.  It may be there and not be: another
 * program made it and died before the sync.
 */
static enum vt_code
sync_entry_of_root(const struct file *f, struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	int fd;

	fd = openat(vt_dirs_root(f->dirs), "..",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Not for us to read: then it was not for us to make either. */
	if (fd < 0)
		return errno == EACCES ? VT_OK :
		    vt_disk_fail(err, "open what holds", f->base.url);
	if (fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
		rc = vt_disk_fail(err, "sync what holds", f->base.url);
	close(fd);
	return rc;
}

enum vt_code
vt_backend_file_open(const char *url, const struct vt_backend_options *o,
    struct vt_backend **out, struct vt_err *err)
{
	char *path = NULL;
	struct file *f;
	enum vt_code rc;

	*out = NULL;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for '%s'", url);
	f->base.ops = &file_ops;
	f->base.clock = o->clock;
	f->base.caps.max_size_bytes = INT64_MAX;
	f->base.caps.fd = 1;
	f->base.caps.restore = o->restore_delay_ms > 0;
	f->base.caps.cheap_absent = 1;
	f->restore_delay_ms = o->restore_delay_ms;
	f->base.url = strdup(url);
	if (f->base.url == NULL)
		rc = vt_fail(err, VT_NOMEM, "no memory for '%s'", url);
	else
		rc = root_path(url, o->base_dir, &path, err);
	if (rc == VT_OK && o->create)
		rc = vt_fs_mkdirs(path, err);
	if (rc == VT_OK)
		rc = vt_dirs_open(path, &f->dirs, err);
	if (rc == VT_OK && o->create)
		rc = sync_entry_of_root(f, err);
	free(path);
	if (rc == VT_OK)
		*out = &f->base;
	else
		file_close(&f->base);
	return rc;
}
