/*
 * Preloaded: the n-th call of some kind fails.
 *
 *	FAILIO_OP=write,pwrite FAILIO_AT=3 FAILIO_ERRNO=ENOSPC \
 *	    LD_PRELOAD=failio.so program
 *
 * FAILIO_OP	kinds, with commas between: open read pread write pwrite fsync
 *		fdatasync truncate fallocate rename unlink mkdir chmod setxattr
 *		mmap malloc; "io" is all of them but malloc
 * FAILIO_AT	which matching call fails, counted from 1 over all threads
 * FAILIO_ERRNO	a name below or a number (EIO); SHORT moves half the bytes;
 *		malloc always says ENOMEM
 * FAILIO_STICKY	when set, all later matching calls fail as well
 * FAILIO_PATH	only files whose absolute path starts so count
 * FAILIO_START	counting begins when the program opens this absolute path: some
 *		libraries do not survive lack of memory while they set up
 * FAILIO_LOG	a line is appended here for every call that was failed: a walk
 *		over n is at its end when nothing is
 *
 * What libc does inside itself (stdio, mkstemp) passes by unseen.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum op {
	OPEN, READ, PREAD, WRITE, PWRITE, FSYNC, FDATASYNC, TRUNCATE,
	FALLOCATE, RENAME, UNLINK, MKDIR, CHMOD, SETXATTR, MMAP, MALLOC, OPS
};

static const char *const op_names[OPS] = {
	"open", "read", "pread", "write", "pwrite", "fsync", "fdatasync",
	"truncate", "fallocate", "rename", "unlink", "mkdir", "chmod",
	"setxattr", "mmap", "malloc",
};

static const struct {
	const char *name;
	int errnum;
} errors[] = {
	{ "EIO", EIO }, { "ENOSPC", ENOSPC }, { "ENOMEM", ENOMEM },
	{ "EINTR", EINTR }, { "EAGAIN", EAGAIN }, { "EACCES", EACCES },
	{ "EROFS", EROFS }, { "EDQUOT", EDQUOT }, { "EMFILE", EMFILE },
	{ "ENFILE", ENFILE }, { "EFBIG", EFBIG }, { "ENOTSUP", ENOTSUP },
};

enum { PASS, FAIL, HALF };

static int watched[OPS], sticky, want_errno = EIO, half;
static unsigned long fail_at;
static const char *path_prefix, *log_path, *start_path;
static _Atomic int started;
static _Atomic unsigned long calls;
/* Set while we are at work: what we, or dlsym, call does not count. */
static _Thread_local int inside;

__attribute__((constructor))
static void
setup(void)
{
	const char *ops = getenv("FAILIO_OP"), *at = getenv("FAILIO_AT");
	const char *name = getenv("FAILIO_ERRNO");
	size_t i, len;

	path_prefix = getenv("FAILIO_PATH");
	log_path = getenv("FAILIO_LOG");
	start_path = getenv("FAILIO_START");
	started = start_path == NULL;
	sticky = getenv("FAILIO_STICKY") != NULL;
	for (; ops != NULL && *ops != '\0'; ops += len + (ops[len] == ',')) {
		len = strcspn(ops, ",");
		for (i = 0; i < OPS; i++)
			if ((strlen(op_names[i]) == len &&
			    memcmp(op_names[i], ops, len) == 0) ||
			    (i != MALLOC && len == 2 &&
			    memcmp(ops, "io", 2) == 0))
				watched[i] = 1;
	}
	if (name != NULL) {
		half = strcmp(name, "SHORT") == 0;
		if (name[0] >= '0' && name[0] <= '9')
			want_errno = atoi(name);
		for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
			if (strcmp(errors[i].name, name) == 0)
				want_errno = errors[i].errnum;
	}
	/* Last: from here on calls are counted. */
	if (at != NULL)
		fail_at = strtoul(at, NULL, 10);
}

/* The absolute path of what a call is about, as far as we can tell. */
static void
path_of(int fd, const char *path, char out[2 * PATH_MAX])
{
	char link[64];
	ssize_t n = 0;

	if (path != NULL && path[0] == '/') {
		snprintf(out, 2 * PATH_MAX, "%s", path);
		return;
	}
	if (fd == AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/self/cwd");
	else
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_MAX - 1);
	if (n < 0)
		n = 0;
	out[n] = '\0';
	if (path != NULL)
		snprintf(out + n, PATH_MAX, "/%s", path);
}

static void
tell(enum op op, unsigned long n, const char *path)
{
	char line[2 * PATH_MAX + 64];
	int fd, len;

	if (log_path == NULL)
		return;
	len = snprintf(line, sizeof(line), "%s %lu %s\n", op_names[op], n,
	    path);
	fd = (int)syscall(SYS_openat, AT_FDCWD, log_path,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	syscall(SYS_write, fd, line, (size_t)len);
	syscall(SYS_close, fd);
}

/* What shall become of this call?  FAIL sets errno. */
static int
verdict(enum op op, int fd, const char *path)
{
	char full[2 * PATH_MAX] = "";
	unsigned long n;
	int saved = errno, what = PASS;

	if (op == OPEN && start_path != NULL &&
	    strcmp(path, start_path) == 0) {
		started = 1;
		return PASS;
	}
	if (!watched[op] || !started || fail_at == 0 || inside)
		return PASS;
	inside = 1;
	if (op != MALLOC && (path_prefix != NULL || log_path != NULL))
		path_of(fd, path, full);
	if (path_prefix == NULL || op == MALLOC ||
	    strncmp(full, path_prefix, strlen(path_prefix)) == 0) {
		n = atomic_fetch_add(&calls, 1) + 1;
		if (n == fail_at || (sticky && n > fail_at)) {
			tell(op, n, full);
			what = half && op <= PWRITE && op != OPEN ? HALF :
			    FAIL;
		}
	}
	inside = 0;
	errno = what != FAIL ? saved : op == MALLOC ? ENOMEM : want_errno;
	return what;
}

static void *
real(const char *name)
{
	void *f;

	inside++;
	f = dlsym(RTLD_NEXT, name);
	inside--;
	if (f == NULL)
		abort();
	return f;
}

/*
 * One wrapper: PARAMS with their names, ARGS to pass them on, and what to ask
 * verdict().  `bad` is what a failing call returns.
 */
#define WRAP(type, name, PARAMS, ARGS, op, fd, path, bad)		\
type name PARAMS;							\
type									\
name PARAMS								\
{									\
	static type (*next) PARAMS;					\
									\
	if (next == NULL)						\
		next = (type (*) PARAMS)real(#name);			\
	if (verdict(op, fd, path) != PASS)				\
		return bad;						\
	return next ARGS;						\
}

/* The same where SHORT can halve `len`, which stays at least 1. */
#define WRAP_MOVE(type, name, PARAMS, ARGS, op, fd, len)		\
type name PARAMS;							\
type									\
name PARAMS								\
{									\
	static type (*next) PARAMS;					\
									\
	if (next == NULL)						\
		next = (type (*) PARAMS)real(#name);			\
	switch (verdict(op, fd, NULL)) {				\
	case FAIL:							\
		return -1;						\
	case HALF:							\
		len = len > 1 ? len / 2 : len;				\
		break;							\
	}								\
	return next ARGS;						\
}

/* open is variadic: the mode is there only when something may be made. */
#define WRAP_OPEN(name, PARAMS, ARGS, TYPES, dir)			\
int name PARAMS;							\
int									\
name PARAMS								\
{									\
	static int (*next) TYPES;					\
	mode_t mode = 0;						\
	va_list ap;							\
									\
	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {	\
		va_start(ap, flags);					\
		mode = va_arg(ap, mode_t);				\
		va_end(ap);						\
	}								\
	if (next == NULL)						\
		next = (int (*) TYPES)real(#name);			\
	if (verdict(OPEN, dir, path) != PASS)				\
		return -1;						\
	return next ARGS;						\
}

WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode),
    (const char *, int, ...), AT_FDCWD)
WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode),
    (const char *, int, ...), AT_FDCWD)
WRAP_OPEN(openat, (int dir, const char *path, int flags, ...),
    (dir, path, flags, mode), (int, const char *, int, ...), dir)
WRAP_OPEN(openat64, (int dir, const char *path, int flags, ...),
    (dir, path, flags, mode), (int, const char *, int, ...), dir)
WRAP(int, __open_2, (const char *path, int flags), (path, flags), OPEN,
    AT_FDCWD, path, -1)
WRAP(int, __open64_2, (const char *path, int flags), (path, flags), OPEN,
    AT_FDCWD, path, -1)
WRAP(int, __openat_2, (int dir, const char *path, int flags),
    (dir, path, flags), OPEN, dir, path, -1)
WRAP(int, __openat64_2, (int dir, const char *path, int flags),
    (dir, path, flags), OPEN, dir, path, -1)

WRAP_MOVE(ssize_t, read, (int fd, void *buf, size_t len), (fd, buf, len),
    READ, fd, len)
WRAP_MOVE(ssize_t, readv, (int fd, const struct iovec *iov, int count),
    (fd, iov, count), READ, fd, count)
WRAP_MOVE(ssize_t, pread, (int fd, void *buf, size_t len, off_t at),
    (fd, buf, len, at), PREAD, fd, len)
WRAP_MOVE(ssize_t, pread64, (int fd, void *buf, size_t len, off64_t at),
    (fd, buf, len, at), PREAD, fd, len)
WRAP_MOVE(ssize_t, preadv, (int fd, const struct iovec *iov, int count,
    off_t at), (fd, iov, count, at), PREAD, fd, count)
WRAP_MOVE(ssize_t, write, (int fd, const void *buf, size_t len),
    (fd, buf, len), WRITE, fd, len)
WRAP_MOVE(ssize_t, writev, (int fd, const struct iovec *iov, int count),
    (fd, iov, count), WRITE, fd, count)
WRAP_MOVE(ssize_t, pwrite, (int fd, const void *buf, size_t len, off_t at),
    (fd, buf, len, at), PWRITE, fd, len)
WRAP_MOVE(ssize_t, pwrite64, (int fd, const void *buf, size_t len,
    off64_t at), (fd, buf, len, at), PWRITE, fd, len)
WRAP_MOVE(ssize_t, pwritev, (int fd, const struct iovec *iov, int count,
    off_t at), (fd, iov, count, at), PWRITE, fd, count)

WRAP(int, fsync, (int fd), (fd), FSYNC, fd, NULL, -1)
WRAP(int, fdatasync, (int fd), (fd), FDATASYNC, fd, NULL, -1)
WRAP(int, syncfs, (int fd), (fd), FSYNC, fd, NULL, -1)
WRAP(int, ftruncate, (int fd, off_t len), (fd, len), TRUNCATE, fd, NULL, -1)
WRAP(int, ftruncate64, (int fd, off64_t len), (fd, len), TRUNCATE, fd, NULL,
    -1)
WRAP(int, fallocate, (int fd, int mode, off_t at, off_t len),
    (fd, mode, at, len), FALLOCATE, fd, NULL, -1)
WRAP(int, fallocate64, (int fd, int mode, off64_t at, off64_t len),
    (fd, mode, at, len), FALLOCATE, fd, NULL, -1)
/* These two return the error. */
WRAP(int, posix_fallocate, (int fd, off_t at, off_t len), (fd, at, len),
    FALLOCATE, fd, NULL, want_errno)
WRAP(int, posix_fallocate64, (int fd, off64_t at, off64_t len),
    (fd, at, len), FALLOCATE, fd, NULL, want_errno)

WRAP(int, rename, (const char *old, const char *new), (old, new), RENAME,
    AT_FDCWD, new, -1)
WRAP(int, renameat, (int od, const char *old, int nd, const char *new),
    (od, old, nd, new), RENAME, nd, new, -1)
WRAP(int, renameat2, (int od, const char *old, int nd, const char *new,
    unsigned flags), (od, old, nd, new, flags), RENAME, nd, new, -1)
WRAP(int, unlink, (const char *path), (path), UNLINK, AT_FDCWD, path, -1)
WRAP(int, unlinkat, (int dir, const char *path, int flags),
    (dir, path, flags), UNLINK, dir, path, -1)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), MKDIR,
    AT_FDCWD, path, -1)
WRAP(int, mkdirat, (int dir, const char *path, mode_t mode),
    (dir, path, mode), MKDIR, dir, path, -1)
WRAP(int, chmod, (const char *path, mode_t mode), (path, mode), CHMOD,
    AT_FDCWD, path, -1)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), CHMOD, fd, NULL, -1)
WRAP(int, fsetxattr, (int fd, const char *name, const void *value,
    size_t len, int flags), (fd, name, value, len, flags), SETXATTR, fd,
    NULL, -1)
WRAP(void *, mmap, (void *addr, size_t len, int prot, int flags, int fd,
    off_t at), (addr, len, prot, flags, fd, at), fd < 0 ? MALLOC : MMAP, fd,
    NULL, MAP_FAILED)

/* --- memory: through libc's own names, because dlsym allocates ------------ */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

void *
malloc(size_t len)
{
	return verdict(MALLOC, -1, NULL) != PASS ? NULL : __libc_malloc(len);
}

void *
calloc(size_t n, size_t len)
{
	return verdict(MALLOC, -1, NULL) != PASS ? NULL :
	    __libc_calloc(n, len);
}

void *
realloc(void *old, size_t len)
{
	return verdict(MALLOC, -1, NULL) != PASS ? NULL :
	    __libc_realloc(old, len);
}
