/*
 * Preloaded: remembers how to forget what was not synced.
 *
 *	POWERCUT_ROOT=dir POWERCUT_JOURNAL=dir LD_PRELOAD=powercut.so program
 *
 * SIGKILL is no power cut: the page cache survives it.  So this shim writes
 * down, before every call that changes something under POWERCUT_ROOT, how to
 * undo it, and after every sync, what now is safe.  When all programs are
 * dead, powercut-apply undoes what no sync covered.  Several programs may run
 * on one root.
 *
 * POWERCUT_ROOT	must exist; changes below it are tracked
 * POWERCUT_JOURNAL	must exist, outside of the root, on its file system
 * POWERCUT_AT	cut the power just before the n-th record (counted over all
 *		programs since the last apply, which tells how many there
 *		were): the program that comes there is killed before its call,
 *		or before its sync returns; the others at their next change
 * POWERCUT_FAST	when set, syncs are recorded and not made
 * POWERCUT_DELAY	microseconds that every sync takes longer, so that more
 *		goes on in the meantime
 * POWERCUT_LIE	"file", "dir" or "file,dir": these syncs do nothing, as on a
 *		disk that lies; shows that a test can fail
 *
 * Strict where POSIX lets it be: fsync of a file does not keep its name, nor
 * fsync of a directory what its files hold; fdatasync keeps neither mode nor
 * attributes; sync_file_range keeps nothing.  Refused: shared writable
 * mappings, stdio, splice, reflinks and renames over the edge of the root.
 * Files that end in "-shm" are SQLite's shared memory: not tracked, and gone
 * after the cut.
 */
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/shim/powercut.h"

#define IOV_BYTES_MAX (1 << 30)

/* The functions behind us, all found before the first call. */
#define NEXT(X)								\
	X(int, open, (const char *, int, ...))				\
	X(int, openat, (int, const char *, int, ...))			\
	X(FILE *, fopen, (const char *, const char *))			\
	X(FILE *, fopen64, (const char *, const char *))		\
	X(FILE *, fdopen, (int, const char *))				\
	X(ssize_t, write, (int, const void *, size_t))			\
	X(ssize_t, writev, (int, const struct iovec *, int))		\
	X(ssize_t, pwrite, (int, const void *, size_t, off_t))		\
	X(ssize_t, pwritev, (int, const struct iovec *, int, off_t))	\
	X(int, ftruncate, (int, off_t))					\
	X(int, fallocate, (int, int, off_t, off_t))			\
	X(int, fsync, (int))						\
	X(int, fdatasync, (int))					\
	X(int, syncfs, (int))						\
	X(void, sync, (void))						\
	X(int, renameat2, (int, const char *, int, const char *, unsigned)) \
	X(int, unlinkat, (int, const char *, int))			\
	X(int, mkdirat, (int, const char *, mode_t))			\
	X(int, linkat, (int, const char *, int, const char *, int))	\
	X(int, symlinkat, (const char *, int, const char *))		\
	X(int, fchmod, (int, mode_t))					\
	X(int, fchmodat, (int, const char *, mode_t, int))		\
	X(int, fsetxattr, (int, const char *, const void *, size_t, int)) \
	X(int, fremovexattr, (int, const char *))			\
	X(void *, mmap, (void *, size_t, int, int, int, off_t))		\
	X(ssize_t, sendfile, (int, int, off_t *, size_t))		\
	X(ssize_t, copy_file_range,					\
	    (int, off64_t *, int, off64_t *, size_t, unsigned))		\
	X(ssize_t, splice,						\
	    (int, off64_t *, int, off64_t *, size_t, unsigned))		\
	X(int, ioctl, (int, unsigned long, ...))

#define DECLARE(type, name, args) static type (*next_##name) args;
NEXT(DECLARE)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct pc_state *state;	/* NULL: not under the shim */
static int log_fd = -1, ino_fd = -1, live_fd = -1;
static char root[PATH_MAX];
static size_t root_len;
static uint64_t root_dev;
static unsigned long cut_at;
static int fast, lie_file, lie_dir;
static useconds_t delay_us;

/* A shim that cannot do its work must not let a test pass. */
__attribute__((format(printf, 1, 2), noreturn))
static void
die(const char *fmt, ...)
{
	char text[PATH_MAX + 256];
	va_list ap;
	int n;

	n = snprintf(text, sizeof(text), "powercut: ");
	va_start(ap, fmt);
	n += vsnprintf(text + n, sizeof(text) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	text[n++] = '\n';
	if (next_write != NULL && next_write(2, text, (size_t)n) < 0)
		_exit(98);
	_exit(99);
}

static void
complain(const char *what, const char *path)
{
	dprintf(2, "powercut: refused: %s '%s'\n", what, path);
}

/* --- setting up ------------------------------------------------------------*/

/* Out of the way of the low numbers that programs like to choose. */
static int
open_high(int dir, const char *name, int flags)
{
	int fd, high;

	fd = next_openat(dir, name, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		die("cannot open '%s' of the journal: %s", name,
		    strerror(errno));
	high = fcntl(fd, F_DUPFD_CLOEXEC, 800);
	if (high < 0)
		return fd;
	close(fd);
	return high;
}

/* Under the lock on "init": the first of all programs fills the state. */
static void
init_state(void)
{
	pthread_mutexattr_t attr;

	if (state->magic == PC_MAGIC) {
		if (strcmp(state->root, root) != 0)
			die("the journal is of '%s', not '%s'", state->root,
			    root);
		return;
	}
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&state->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	memcpy(state->root, root, sizeof(root));
	state->dev = root_dev;
	state->magic = PC_MAGIC;
}

static void
open_journal(const char *path)
{
	char real_journal[PATH_MAX];
	int dir, init, fd;
	struct stat st;

	if (realpath(path, real_journal) == NULL)
		die("no journal directory '%s'", path);
	if (strncmp(real_journal, root, root_len) == 0 &&
	    (real_journal[root_len] == '/' || real_journal[root_len] == '\0'))
		die("the journal must lie outside of '%s'", root);
	dir = next_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st) < 0 || st.st_dev != root_dev)
		die("the journal must be on the file system of '%s'", root);
	init = open_high(dir, "init", O_RDWR | O_CREAT);
	if (flock(init, LOCK_EX) < 0)
		die("cannot lock the journal: %s", strerror(errno));
	if (next_mkdirat(dir, "ino", 0700) < 0 && errno != EEXIST)
		die("cannot make 'ino' of the journal: %s", strerror(errno));
	fd = open_high(dir, "state", O_RDWR | O_CREAT);
	if (next_ftruncate(fd, sizeof(*state)) < 0)
		die("cannot size the state: %s", strerror(errno));
	state = next_mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (state == MAP_FAILED)
		die("cannot map the state: %s", strerror(errno));
	close(fd);
	init_state();
	/* Never unlocked: the kernel does, when we are dead. */
	live_fd = open_high(dir, "live", O_RDWR | O_CREAT);
	if (flock(live_fd, LOCK_SH) < 0)
		die("cannot lock the journal: %s", strerror(errno));
	log_fd = open_high(dir, "log", O_RDWR | O_CREAT);
	ino_fd = open_high(dir, "ino", O_RDONLY | O_DIRECTORY);
	close(init);
	close(dir);
}

static void
setup(void)
{
	const char *at = getenv("POWERCUT_AT"), *lie = getenv("POWERCUT_LIE");
	const char *journal = getenv("POWERCUT_JOURNAL");
	const char *delay = getenv("POWERCUT_DELAY");
	const char *path = getenv("POWERCUT_ROOT");
	struct stat st;

#define FIND(type, name, args)						\
	next_##name = (type (*) args)dlsym(RTLD_NEXT, #name);		\
	if (next_##name == NULL)					\
		die("libc has no %s", #name);
	NEXT(FIND)
	if (path == NULL && journal == NULL)
		return;
	if (path == NULL || journal == NULL)
		die("POWERCUT_ROOT and POWERCUT_JOURNAL go together");
	if (realpath(path, root) == NULL || stat(root, &st) < 0)
		die("no directory '%s'", path);
	root_len = strlen(root);
	root_dev = st.st_dev;
	cut_at = at == NULL ? 0 : strtoul(at, NULL, 10);
	fast = getenv("POWERCUT_FAST") != NULL;
	delay_us = delay == NULL ? 0 : (useconds_t)strtoul(delay, NULL, 10);
	lie_file = lie != NULL && strstr(lie, "file") != NULL;
	lie_dir = lie != NULL && strstr(lie, "dir") != NULL;
	open_journal(journal);
}

/* Other libraries' constructors may come before ours. */
__attribute__((constructor))
static void
start(void)
{
	pthread_once(&once, setup);
}

/* --- the journal -----------------------------------------------------------*/

/*
 * One lock for all: a record and the call it undoes are one step, so that the
 * order of the log is the order of the calls.  errno is as it was.
 */
static void
lock(void)
{
	int saved = errno, rc;
	struct timespec t;

	do {
		/* Never for long: a waiter that is killed just after it was
		 * woken can take the wake-up with it, and the rest would
		 * sleep before a free lock. */
		clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_nsec += 50000000;
		if (t.tv_nsec >= 1000000000) {
			t.tv_nsec -= 1000000000;
			t.tv_sec++;
		}
		rc = pthread_mutex_clocklock(&state->lock, CLOCK_MONOTONIC,
		    &t);
	} while (rc == ETIMEDOUT);
	if (rc == EOWNERDEAD)
		/* Killed before the tail moved, or after: either is whole. */
		rc = pthread_mutex_consistent(&state->lock);
	if (rc != 0)
		die("cannot lock: %s", strerror(rc));
	errno = saved;
}

static void
unlock(void)
{
	int saved = errno;

	pthread_mutex_unlock(&state->lock);
	errno = saved;
}

__attribute__((noreturn))
static void
power_off(void)
{
	for (;;)
		kill(getpid(), SIGKILL);
}

/* Append a record, under the lock; returns its offset. */
static uint64_t
append(struct pc_record *r, const void *data, size_t len)
{
	static const char zeros[8];
	uint64_t at = state->tail;
	struct iovec iov[3];
	ssize_t n;

	if (state->cut || state->count + 1 == cut_at) {
		state->cut = 1;
		power_off();
	}
	r->len = (uint32_t)len;
	r->size = (uint32_t)((sizeof(*r) + len + 7) & ~(size_t)7);
	iov[0].iov_base = r;
	iov[0].iov_len = sizeof(*r);
	iov[1].iov_base = (void *)(uintptr_t)data;
	iov[1].iov_len = len;
	iov[2].iov_base = (void *)(uintptr_t)zeros;
	iov[2].iov_len = r->size - sizeof(*r) - len;
	n = next_pwritev(log_fd, iov, 3, (off_t)at);
	if (n != (ssize_t)r->size)
		die("cannot write the log: %s",
		    n < 0 ? strerror(errno) : "short write");
	state->tail = at + r->size;
	state->count++;
	return at;
}

/* --- what is tracked -------------------------------------------------------*/

static int
below_root(const char *path)
{
	return strncmp(path, root, root_len) == 0 &&
	    (path[root_len] == '/' || path[root_len] == '\0');
}

static int
is_shm(const char *path)
{
	static const char deleted[] = " (deleted)";
	size_t len = strlen(path), n = sizeof(deleted) - 1;

	if (len > n && strcmp(path + len - n, deleted) == 0)
		len -= n;
	return len >= 4 && memcmp(path + len - 4, "-shm", 4) == 0;
}

static int
path_of_fd(int fd, char out[PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_MAX - 1);
	if (n < 0)
		return -1;
	out[n] = '\0';
	return 0;
}

/* Is `fd` a file or directory under the root?  errno is as it was. */
static int
tracked(int fd, struct stat *st)
{
	int saved = errno, yes = 0;
	char path[PATH_MAX];

	start();
	if (state != NULL && fstat(fd, st) == 0 &&
	    (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) &&
	    st->st_dev == root_dev && path_of_fd(fd, path) == 0)
		yes = below_root(path) && !is_shm(path);
	errno = saved;
	return yes;
}

/* A name in a directory, which need not be there. */
struct where {
	int dir;		/* O_PATH, or -1 */
	uint64_t dir_ino;
	char leaf[NAME_MAX + 1];
};

/* Find where `path` is: 1 when it is tracked, 0 when not, or not a name. */
static int
locate(int dir, const char *path, struct where *w)
{
	char parent[PATH_MAX], full[PATH_MAX];
	int saved = errno, yes = 0;
	size_t len = strlen(path);
	const char *leaf;
	struct stat st;

	start();
	w->dir = -1;
	if (state == NULL)
		return 0;
	while (len > 1 && path[len - 1] == '/')
		len--;
	for (leaf = path + len; leaf > path && leaf[-1] != '/'; leaf--)
		;
	len -= (size_t)(leaf - path);
	if (len == 0 || len > NAME_MAX || leaf - path >= PATH_MAX)
		return 0;
	memcpy(w->leaf, leaf, len);
	w->leaf[len] = '\0';
	if (strcmp(w->leaf, ".") == 0 || strcmp(w->leaf, "..") == 0 ||
	    is_shm(w->leaf))
		return 0;
	memcpy(parent, path, (size_t)(leaf - path));
	parent[leaf - path] = '\0';
	w->dir = next_openat(dir, parent[0] == '\0' ? "." : parent,
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->dir >= 0 && fstat(w->dir, &st) == 0 && st.st_dev == root_dev &&
	    path_of_fd(w->dir, full) == 0 && below_root(full)) {
		w->dir_ino = st.st_ino;
		yes = 1;
	} else if (w->dir >= 0) {
		close(w->dir);
		w->dir = -1;
	}
	errno = saved;
	return yes;
}

static void
leave(struct where *w)
{
	int saved = errno;

	if (w->dir >= 0)
		close(w->dir);
	w->dir = -1;
	errno = saved;
}

/* What the name stands for now: 1, or 0 when there is nothing. */
static int
present(const struct where *w, struct stat *st)
{
	int saved = errno, rc;

	rc = fstatat(w->dir, w->leaf, st, AT_SYMLINK_NOFOLLOW);
	errno = saved;
	if (rc < 0)
		memset(st, 0, sizeof(*st));
	return rc == 0;
}

/* --- recording, all under the lock -----------------------------------------*/

/*
 * A descriptor to read old bytes from.  Opening the file anew would, when
 * closed, drop this process's fcntl locks on it, which SQLite holds: so only
 * where there is no other way.
 */
static int
reader_of(int fd, int *opened)
{
	char link[64];
	int flags = fcntl(fd, F_GETFL);

	*opened = 0;
	if (flags >= 0 && (flags & O_ACCMODE) != O_WRONLY)
		return fd;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	fd = next_open(link, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("cannot read what is overwritten: %s", strerror(errno));
	*opened = 1;
	return fd;
}

/* `len` bytes at `offset` of `fd` will change, and the size from st_size. */
static void
log_data(int fd, const struct stat *st, uint64_t offset, uint64_t len,
    uint64_t new_size)
{
	uint64_t size = (uint64_t)st->st_size, end = offset + len, n, old;
	struct pc_record r;
	int from = -1, opened = 0;
	char *buf = NULL;
	ssize_t got;

	if (len == 0 && new_size == size)
		return;
	if (offset < size && len > 0) {
		from = reader_of(fd, &opened);
		buf = malloc(PC_DATA_MAX);
		if (buf == NULL)
			die("no memory");
	}
	do {
		n = end - offset < PC_DATA_MAX ? end - offset : PC_DATA_MAX;
		/* Past the end one record tells as much as many. */
		if (offset >= size)
			n = end - offset;
		old = offset >= size ? 0 :
		    n < size - offset ? n : size - offset;
		got = old == 0 ? 0 : pread(from, buf, old, (off_t)offset);
		if (got != (ssize_t)old)
			die("cannot read what is overwritten: %s",
			    strerror(errno));
		r = (struct pc_record){
			.type = PC_DATA, .ino = st->st_ino, .old = size,
			.new = new_size, .offset = offset, .new_len = n,
			.truncates = new_size < size,
		};
		append(&r, buf, old);
		offset += n;
	} while (offset < end);
	free(buf);
	if (opened)
		close(from);
}

static uint64_t
log_entry(const struct where *w, uint64_t old, uint64_t new, uint64_t group)
{
	struct pc_record r = {
		.type = PC_ENTRY, .ino = w->dir_ino, .old = old, .new = new,
	};

	r.group = group == UINT64_MAX ? state->tail : group;
	return append(&r, w->leaf, strlen(w->leaf) + 1);
}

static void
log_born(uint64_t ino, uint64_t entry)
{
	struct pc_record r = { .type = PC_BORN, .new = ino, .group = entry };

	append(&r, NULL, 0);
}

static void
log_sync(enum pc_type type, uint64_t ino, uint64_t upto)
{
	struct pc_record r = { .type = type, .ino = ino, .upto = upto };

	append(&r, NULL, 0);
}

/* Keep an inode that is about to lose a name. */
static void
keep(const struct where *w, const struct stat *st)
{
	char name[32];
	int saved = errno;

	if (S_ISDIR(st->st_mode))
		return;
	snprintf(name, sizeof(name), "%llu", (unsigned long long)st->st_ino);
	if (next_linkat(w->dir, w->leaf, ino_fd, name, 0) < 0 &&
	    errno != EEXIST)
		die("cannot keep '%s': %s", w->leaf, strerror(errno));
	errno = saved;
}

/* --- opening ---------------------------------------------------------------*/

/* Under the lock: the file exists and is about to become empty. */
static void
log_emptying(const struct where *w, const struct stat *st)
{
	int fd;

	if (!S_ISREG(st->st_mode) || st->st_size == 0)
		return;
	fd = next_openat(w->dir, w->leaf, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		die("cannot read '%s' before it is cut: %s", w->leaf,
		    strerror(errno));
	log_data(fd, st, 0, (uint64_t)st->st_size, 0);
	close(fd);
}

static int
do_open(int dir, const char *path, int flags, mode_t mode)
{
	int unnamed = (flags & O_TMPFILE) == O_TMPFILE, fd, there;
	uint64_t entry = 0;
	struct where w;
	struct stat st;

	if (unnamed || !(flags & (O_CREAT | O_TRUNC)) ||
	    !locate(dir, path, &w))
		goto pass;
	lock();
	there = present(&w, &st);
	if (!there && flags & O_CREAT)
		entry = log_entry(&w, 0, 0, UINT64_MAX);
	else if (there && flags & O_TRUNC && !(flags & O_EXCL))
		log_emptying(&w, &st);
	fd = next_openat(dir, path, flags, mode);
	if (fd >= 0 && !there && fstat(fd, &st) == 0)
		log_born(st.st_ino, entry);
	unlock();
	leave(&w);
	return fd;
pass:
	start();
	fd = next_openat(dir, path, flags, mode);
	/* Its inode number may have been another file's before. */
	if (fd >= 0 && unnamed && tracked(fd, &st)) {
		lock();
		log_born(st.st_ino, UINT64_MAX);
		unlock();
	}
	return fd;
}

#define GET_MODE(flags, mode)						\
	do {								\
		va_list ap_;						\
		if (flags & O_CREAT ||					\
		    (flags & O_TMPFILE) == O_TMPFILE) {			\
			va_start(ap_, flags);				\
			mode = va_arg(ap_, mode_t);			\
			va_end(ap_);					\
		}							\
	} while (0)

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	GET_MODE(flags, mode);
	return do_open(AT_FDCWD, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	GET_MODE(flags, mode);
	return do_open(AT_FDCWD, path, flags, mode);
}

int
openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	GET_MODE(flags, mode);
	return do_open(dir, path, flags, mode);
}

int
openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	GET_MODE(flags, mode);
	return do_open(dir, path, flags, mode);
}

/* What _FORTIFY_SOURCE makes of open without a mode. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

int
__open_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

int
__open64_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

int
__openat_2(int dir, const char *path, int flags)
{
	return do_open(dir, path, flags, 0);
}

int
__openat64_2(int dir, const char *path, int flags)
{
	return do_open(dir, path, flags, 0);
}

int
creat(const char *path, mode_t mode)
{
	return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int
creat64(const char *path, mode_t mode)
{
	return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* libc's own would open behind our back.  `suffix` bytes stay at the end. */
static int
make_temp(char *template, int suffix, int flags, int directory)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	static _Atomic unsigned counter;
	size_t len = strlen(template);
	char *x;
	uint64_t v;
	struct timespec t;
	int i, tries, fd;

	if (len < (size_t)suffix + 6) {
		errno = EINVAL;
		return -1;
	}
	x = template + len - (size_t)suffix - 6;
	for (tries = 0; tries < 1000; tries++) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		v = ((uint64_t)t.tv_nsec ^ (uint64_t)getpid() << 20 ^
		    atomic_fetch_add(&counter, 1)) *
		    UINT64_C(0x9e3779b97f4a7c15) >> 16;
		for (i = 0; i < 6; i++, v >>= 5)
			x[i] = letters[v & 31];
		fd = directory ? mkdir(template, 0700) :
		    do_open(AT_FDCWD, template, O_RDWR | O_CREAT | O_EXCL |
		    flags, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

int
mkstemp(char *template)
{
	return make_temp(template, 0, 0, 0);
}

int
mkstemp64(char *template)
{
	return make_temp(template, 0, 0, 0);
}

int
mkostemp(char *template, int flags)
{
	return make_temp(template, 0, flags, 0);
}

int
mkostemp64(char *template, int flags)
{
	return make_temp(template, 0, flags, 0);
}

int
mkstemps(char *template, int suffix)
{
	return make_temp(template, suffix, 0, 0);
}

int
mkostemps(char *template, int suffix, int flags)
{
	return make_temp(template, suffix, flags, 0);
}

char *
mkdtemp(char *template)
{
	return make_temp(template, 0, 0, 1) < 0 ? NULL : template;
}

/* stdio writes from within libc, where nobody can see it. */
static int
refuse_stdio(const char *path, const char *mode)
{
	struct where w;

	if (strpbrk(mode, "wa+") == NULL || !locate(AT_FDCWD, path, &w))
		return 0;
	leave(&w);
	complain("fopen for writing", path);
	errno = EACCES;
	return 1;
}

FILE *
fopen(const char *path, const char *mode)
{
	start();
	return refuse_stdio(path, mode) ? NULL : next_fopen(path, mode);
}

FILE *
fopen64(const char *path, const char *mode)
{
	start();
	return refuse_stdio(path, mode) ? NULL : next_fopen64(path, mode);
}

FILE *
fdopen(int fd, const char *mode)
{
	struct stat st;

	start();
	if (strpbrk(mode, "wa+") == NULL || !tracked(fd, &st))
		return next_fdopen(fd, mode);
	complain("fdopen for writing", "of a tracked file");
	errno = EACCES;
	return NULL;
}

/* --- writing ---------------------------------------------------------------*/

/*
 * Begin a write of `len` bytes at `offset`, or where the descriptor stands
 * (-1).  1: recorded, under the lock until after_write; 0: not tracked.
 */
static int
before_write(int fd, off_t offset, size_t len)
{
	int saved = errno, flags;
	uint64_t at, end;
	struct stat st;

	if (!tracked(fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	lock();
	flags = fcntl(fd, F_GETFL);
	if (fstat(fd, &st) < 0 || flags < 0)
		die("cannot stat: %s", strerror(errno));
	if (flags & O_APPEND)
		offset = st.st_size;
	else if (offset < 0)
		offset = lseek(fd, 0, SEEK_CUR);
	at = (uint64_t)offset;
	end = at + len;
	log_data(fd, &st, at, len,
	    end > (uint64_t)st.st_size ? end : (uint64_t)st.st_size);
	errno = saved;
	return 1;
}

static ssize_t
after_write(int fd, ssize_t rc)
{
	int saved = errno, flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (rc > 0 && flags & O_DSYNC && !lie_file && fstat(fd, &st) == 0)
		log_sync((flags & O_SYNC) == O_SYNC ? PC_SYNC_FILE :
		    PC_SYNC_DATA, st.st_ino, state->tail);
	unlock();
	errno = saved;
	return rc;
}

static size_t
iov_bytes(const struct iovec *iov, int count)
{
	size_t sum = 0;
	int i;

	for (i = 0; i < count && sum < IOV_BYTES_MAX; i++)
		sum += iov[i].iov_len;
	return sum;
}

ssize_t
write(int fd, const void *buf, size_t len)
{
	if (!before_write(fd, -1, len))
		return next_write(fd, buf, len);
	return after_write(fd, next_write(fd, buf, len));
}

ssize_t
writev(int fd, const struct iovec *iov, int count)
{
	if (!before_write(fd, -1, iov_bytes(iov, count)))
		return next_writev(fd, iov, count);
	return after_write(fd, next_writev(fd, iov, count));
}

ssize_t
pwrite(int fd, const void *buf, size_t len, off_t at)
{
	if (!before_write(fd, at, len))
		return next_pwrite(fd, buf, len, at);
	return after_write(fd, next_pwrite(fd, buf, len, at));
}

ssize_t
pwrite64(int fd, const void *buf, size_t len, off64_t at)
{
	return pwrite(fd, buf, len, at);
}

ssize_t
pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	if (!before_write(fd, at, iov_bytes(iov, count)))
		return next_pwritev(fd, iov, count, at);
	return after_write(fd, next_pwritev(fd, iov, count, at));
}

ssize_t
pwritev64(int fd, const struct iovec *iov, int count, off64_t at)
{
	return pwritev(fd, iov, count, at);
}

ssize_t
pwritev2(int fd, const struct iovec *iov, int count, off_t at, int flags)
{
	struct stat st;

	if (flags != 0 && tracked(fd, &st)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return at < 0 ? writev(fd, iov, count) : pwritev(fd, iov, count, at);
}

int
vdprintf(int fd, const char *fmt, va_list ap)
{
	char *text;
	int n, rc;

	n = vasprintf(&text, fmt, ap);
	if (n < 0)
		return -1;
	rc = (int)write(fd, text, (size_t)n);
	free(text);
	return rc;
}

int
dprintf(int fd, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = vdprintf(fd, fmt, ap);
	va_end(ap);
	return rc;
}

int
ftruncate(int fd, off_t len)
{
	struct stat st;
	int rc;

	if (!tracked(fd, &st) || len < 0)
		return next_ftruncate(fd, len);
	lock();
	if (fstat(fd, &st) < 0)
		die("cannot stat: %s", strerror(errno));
	if (len < st.st_size)
		log_data(fd, &st, (uint64_t)len, (uint64_t)(st.st_size - len),
		    (uint64_t)len);
	else
		log_data(fd, &st, (uint64_t)st.st_size, 0, (uint64_t)len);
	rc = next_ftruncate(fd, len);
	unlock();
	return rc;
}

int
ftruncate64(int fd, off64_t len)
{
	return ftruncate(fd, len);
}

int
truncate(const char *path, off_t len)
{
	int fd, rc, saved;

	start();
	fd = next_open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = ftruncate(fd, len);
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

int
truncate64(const char *path, off64_t len)
{
	return truncate(path, len);
}

int
fallocate(int fd, int mode, off_t at, off_t len)
{
	const int known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE |
	    FALLOC_FL_ZERO_RANGE;
	uint64_t size, end;
	struct stat st;
	int rc;

	/* Room alone is nothing that a reader could see. */
	if (!tracked(fd, &st) || mode == FALLOC_FL_KEEP_SIZE || at < 0 ||
	    len <= 0)
		return next_fallocate(fd, mode, at, len);
	if (mode & ~known) {
		complain("fallocate", "collapse or insert");
		errno = EOPNOTSUPP;
		return -1;
	}
	lock();
	if (fstat(fd, &st) < 0)
		die("cannot stat: %s", strerror(errno));
	size = (uint64_t)st.st_size;
	end = (uint64_t)(at + len);
	if (mode & FALLOC_FL_KEEP_SIZE || end < size)
		end = size;
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		log_data(fd, &st, (uint64_t)at, (uint64_t)len, end);
	else
		log_data(fd, &st, size, 0, end);
	rc = next_fallocate(fd, mode, at, len);
	unlock();
	return rc;
}

int
fallocate64(int fd, int mode, off64_t at, off64_t len)
{
	return fallocate(fd, mode, at, len);
}

int
posix_fallocate(int fd, off_t at, off_t len)
{
	int saved = errno, rc;

	rc = fallocate(fd, 0, at, len) < 0 ? errno : 0;
	errno = saved;
	return rc;
}

int
posix_fallocate64(int fd, off64_t at, off64_t len)
{
	return posix_fallocate(fd, at, len);
}

/* --- syncing ---------------------------------------------------------------*/

static int
do_sync(int fd, int data_only)
{
	enum pc_type type;
	struct stat st;
	uint64_t upto;
	int rc = 0;

	if (!tracked(fd, &st))
		return data_only ? next_fdatasync(fd) : next_fsync(fd);
	if (S_ISDIR(st.st_mode) ? lie_dir : lie_file)
		return 0;
	/* What is recorded has been done, because both are one step under
	 * the lock: so all of it comes before the sync that begins now. */
	lock();
	upto = state->tail;
	unlock();
	if (delay_us > 0)
		usleep(delay_us);
	if (!fast)
		rc = data_only ? next_fdatasync(fd) : next_fsync(fd);
	if (rc != 0)
		return rc;
	if (S_ISDIR(st.st_mode))
		type = PC_SYNC_DIR;
	else
		type = data_only ? PC_SYNC_DATA : PC_SYNC_FILE;
	lock();
	log_sync(type, st.st_ino, upto);
	unlock();
	return 0;
}

int
fsync(int fd)
{
	return do_sync(fd, 0);
}

int
fdatasync(int fd)
{
	return do_sync(fd, 1);
}

static void
log_sync_all(uint64_t upto)
{
	if (lie_file || lie_dir)
		return;
	lock();
	log_sync(PC_SYNC_ALL, 0, upto);
	unlock();
}

int
syncfs(int fd)
{
	uint64_t upto = 0;
	struct stat st;
	int ours, rc = 0;

	ours = tracked(fd, &st);
	if (ours) {
		lock();
		upto = state->tail;
		unlock();
	}
	if (!ours || !fast)
		rc = next_syncfs(fd);
	if (ours && rc == 0)
		log_sync_all(upto);
	return rc;
}

void
sync(void)
{
	uint64_t upto = 0;

	start();
	if (state != NULL) {
		lock();
		upto = state->tail;
		unlock();
	}
	next_sync();
	if (state != NULL)
		log_sync_all(upto);
}

/* --- names -----------------------------------------------------------------*/

int
renameat2(int old_dir, const char *old, int new_dir, const char *new,
    unsigned flags)
{
	struct where from, to;
	struct stat of, nf;
	uint64_t group;
	int a, b, rc;

	a = locate(old_dir, old, &from);
	b = locate(new_dir, new, &to);
	if (!a && !b)
		return next_renameat2(old_dir, old, new_dir, new, flags);
	if (a != b || flags & ~(unsigned)RENAME_NOREPLACE) {
		complain("rename", old);
		leave(&from);
		leave(&to);
		errno = a != b ? EXDEV : EINVAL;
		return -1;
	}
	lock();
	/* Links of one file: the call does nothing. */
	if (present(&from, &of) && !(present(&to, &nf) &&
	    nf.st_ino == of.st_ino)) {
		if (S_ISDIR(nf.st_mode))
			die("rename over the directory '%s'", new);
		keep(&from, &of);
		if (nf.st_ino != 0)
			keep(&to, &nf);
		group = log_entry(&from, of.st_ino, 0, UINT64_MAX);
		log_entry(&to, nf.st_ino, of.st_ino, group);
	}
	rc = next_renameat2(old_dir, old, new_dir, new, flags);
	unlock();
	leave(&from);
	leave(&to);
	return rc;
}

int
renameat(int old_dir, const char *old, int new_dir, const char *new)
{
	return renameat2(old_dir, old, new_dir, new, 0);
}

int
rename(const char *old, const char *new)
{
	return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0);
}

static int
is_empty_dir(const struct where *w)
{
	struct dirent *e;
	int n = 0, fd;
	DIR *d;

	fd = next_openat(w->dir, w->leaf,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL)
		die("cannot look into '%s': %s", w->leaf, strerror(errno));
	for (e = readdir(d); e != NULL; e = readdir(d))
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0)
			n++;
	closedir(d);
	return n == 0;
}

int
unlinkat(int dir, const char *path, int flags)
{
	struct where w;
	struct stat st;
	char name[32];
	int rc;

	if (!locate(dir, path, &w))
		return next_unlinkat(dir, path, flags);
	lock();
	if (!present(&w, &st) ||
	    !(flags & AT_REMOVEDIR) != !S_ISDIR(st.st_mode) ||
	    (S_ISDIR(st.st_mode) && !is_empty_dir(&w))) {
		/* It will fail, and knows best how. */
		rc = next_unlinkat(dir, path, flags);
	} else if (S_ISDIR(st.st_mode)) {
		/* Put away instead, so that its number is not used again. */
		log_entry(&w, st.st_ino, 0, UINT64_MAX);
		snprintf(name, sizeof(name), "%llu",
		    (unsigned long long)st.st_ino);
		rc = next_renameat2(w.dir, w.leaf, ino_fd, name, 0);
	} else {
		keep(&w, &st);
		log_entry(&w, st.st_ino, 0, UINT64_MAX);
		rc = next_unlinkat(dir, path, flags);
	}
	unlock();
	leave(&w);
	return rc;
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int
rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int
remove(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -1;
	return unlinkat(AT_FDCWD, path,
	    S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

int
mkdirat(int dir, const char *path, mode_t mode)
{
	struct where w;
	struct stat st;
	uint64_t entry;
	int rc;

	if (!locate(dir, path, &w))
		return next_mkdirat(dir, path, mode);
	lock();
	if (present(&w, &st)) {
		rc = next_mkdirat(dir, path, mode);
	} else {
		entry = log_entry(&w, 0, 0, UINT64_MAX);
		rc = next_mkdirat(dir, path, mode);
		if (rc == 0 && present(&w, &st))
			log_born(st.st_ino, entry);
	}
	unlock();
	leave(&w);
	return rc;
}

int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

int
linkat(int old_dir, const char *old, int new_dir, const char *new, int flags)
{
	struct where w;
	struct stat st;
	uint64_t entry;
	int rc;

	if (!locate(new_dir, new, &w))
		return next_linkat(old_dir, old, new_dir, new, flags);
	lock();
	entry = present(&w, &st) ? UINT64_MAX :
	    log_entry(&w, 0, 0, UINT64_MAX);
	rc = next_linkat(old_dir, old, new_dir, new, flags);
	/* Not a birth: the file may be old, and its records still count. */
	if (rc == 0 && entry != UINT64_MAX && present(&w, &st)) {
		struct pc_record r = {
			.type = PC_BORN, .new = st.st_ino, .old = 1,
			.group = entry,
		};

		append(&r, NULL, 0);
	}
	unlock();
	leave(&w);
	return rc;
}

int
link(const char *old, const char *new)
{
	return linkat(AT_FDCWD, old, AT_FDCWD, new, 0);
}

int
symlinkat(const char *target, int dir, const char *path)
{
	struct where w;
	struct stat st;
	uint64_t entry;
	int rc;

	if (!locate(dir, path, &w))
		return next_symlinkat(target, dir, path);
	lock();
	if (present(&w, &st)) {
		rc = next_symlinkat(target, dir, path);
	} else {
		entry = log_entry(&w, 0, 0, UINT64_MAX);
		rc = next_symlinkat(target, dir, path);
		if (rc == 0 && present(&w, &st))
			log_born(st.st_ino, entry);
	}
	unlock();
	leave(&w);
	return rc;
}

int
symlink(const char *target, const char *path)
{
	return symlinkat(target, AT_FDCWD, path);
}

/* --- modes and attributes --------------------------------------------------*/

static void
log_mode(const struct stat *st)
{
	struct pc_record r = {
		.type = PC_MODE, .ino = st->st_ino,
		.old = st->st_mode & 07777,
	};

	append(&r, NULL, 0);
}

int
fchmod(int fd, mode_t mode)
{
	struct stat st;
	int rc;

	if (!tracked(fd, &st) || !S_ISREG(st.st_mode))
		return next_fchmod(fd, mode);
	lock();
	if (fstat(fd, &st) < 0)
		die("cannot stat: %s", strerror(errno));
	log_mode(&st);
	rc = next_fchmod(fd, mode);
	unlock();
	return rc;
}

int
fchmodat(int dir, const char *path, mode_t mode, int flags)
{
	struct where w;
	struct stat st;
	int rc;

	if (!locate(dir, path, &w))
		return next_fchmodat(dir, path, mode, flags);
	lock();
	if (present(&w, &st) && S_ISREG(st.st_mode))
		log_mode(&st);
	rc = next_fchmodat(dir, path, mode, flags);
	unlock();
	leave(&w);
	return rc;
}

int
chmod(const char *path, mode_t mode)
{
	return fchmodat(AT_FDCWD, path, mode, 0);
}

static void
log_xattr(int fd, const struct stat *st, const char *name)
{
	char buf[256 + 65536];
	size_t n = strlen(name) + 1;
	struct pc_record r = { .type = PC_XATTR, .ino = st->st_ino };
	ssize_t old;

	if (n > 256)
		die("the name of an attribute is too long");
	memcpy(buf, name, n);
	old = fgetxattr(fd, name, buf + n, sizeof(buf) - n);
	r.old = old >= 0;
	append(&r, buf, n + (old > 0 ? (size_t)old : 0));
}

int
fsetxattr(int fd, const char *name, const void *value, size_t len, int flags)
{
	struct stat st;
	int rc;

	if (!tracked(fd, &st) || !S_ISREG(st.st_mode))
		return next_fsetxattr(fd, name, value, len, flags);
	lock();
	log_xattr(fd, &st, name);
	rc = next_fsetxattr(fd, name, value, len, flags);
	unlock();
	return rc;
}

int
fremovexattr(int fd, const char *name)
{
	struct stat st;
	int rc;

	if (!tracked(fd, &st) || !S_ISREG(st.st_mode))
		return next_fremovexattr(fd, name);
	lock();
	log_xattr(fd, &st, name);
	rc = next_fremovexattr(fd, name);
	unlock();
	return rc;
}

/* By path they are all handled by descriptor. */
int
setxattr(const char *path, const char *name, const void *value, size_t len,
    int flags)
{
	int fd, rc, saved;

	start();
	fd = next_open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsetxattr(fd, name, value, len, flags);
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

/* --- what changes files without our seeing it ------------------------------*/

void *
mmap(void *addr, size_t len, int prot, int flags, int fd, off_t at)
{
	struct stat st;

	start();
	if (fd >= 0 && prot & PROT_WRITE && flags & MAP_SHARED &&
	    state != NULL && tracked(fd, &st)) {
		complain("shared writable mapping", "of a file");
		errno = EACCES;
		return MAP_FAILED;
	}
	return next_mmap(addr, len, prot, flags, fd, at);
}

void *
mmap64(void *addr, size_t len, int prot, int flags, int fd, off64_t at)
{
	return mmap(addr, len, prot, flags, fd, at);
}

/* The errors are those after which programs copy by hand. */
ssize_t
sendfile(int out, int in, off_t *at, size_t len)
{
	struct stat st;

	if (tracked(out, &st)) {
		errno = EINVAL;
		return -1;
	}
	return next_sendfile(out, in, at, len);
}

ssize_t
sendfile64(int out, int in, off64_t *at, size_t len)
{
	return sendfile(out, in, at, len);
}

ssize_t
copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t len,
    unsigned flags)
{
	struct stat st;

	if (tracked(out, &st)) {
		errno = EXDEV;
		return -1;
	}
	return next_copy_file_range(in, in_at, out, out_at, len, flags);
}

ssize_t
splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t len,
    unsigned flags)
{
	struct stat st;

	if (tracked(out, &st)) {
		errno = EINVAL;
		return -1;
	}
	return next_splice(in, in_at, out, out_at, len, flags);
}

int
ioctl(int fd, unsigned long request, ...)
{
	struct stat st;
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if ((request == FICLONE || request == FICLONERANGE ||
	    request == FIDEDUPERANGE) && tracked(fd, &st)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	start();
	return next_ioctl(fd, request, arg);
}
