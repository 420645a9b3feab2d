/*
 * powercut-apply: leave of the tracked directory what a power cut would.
 *
 *	powercut-apply [-v] [-s SEED [-p PERCENT] [-b BYTES]] JOURNAL
 *
 * Everything that powercut.so saw and no sync covered is undone, the last
 * first.  With -s, each change survives by chance (PERCENT, 50) instead, as
 * on a disk that reorders: a write in pieces of BYTES (512) each on its own,
 * a size, a name, a mode on its own; a rename survives whole or not at all.
 * The same SEED over the same journal gives the same result.  Afterwards the
 * journal is empty, files that end in "-shm" are gone, and programs may start
 * again.
 *
 * One line tells how much was undone; -v adds one for each change.
 * Exit: 0 done, 2 wrong command line, 3 failed, 4 a program is still alive.
 */
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/shim/powercut.h"

/* What is known of an inode. */
struct node {
	struct node *next;
	uint64_t ino;
	uint64_t data_upto, file_upto, dir_upto;	/* synced before */
	uint64_t born;		/* the record, 0 when it was there before */
	char *path;		/* a file that has something to undo */
	int dir_fd;		/* a directory that has */
	int wanted;
};

/* A change that was undone and may yet come to pass. */
struct redo {
	const struct pc_record *r;
	uint64_t at;
	char *bytes;		/* what a PC_DATA wrote, or a new attribute */
	size_t len;
	uint64_t value;		/* new mode; 1 when an attribute is set */
};

#define NODES 65536

static struct node *nodes[NODES];
static struct pc_state state;
static char *log_bytes;
static uint64_t all_upto;
static int ino_dir, verbose, random_mode;
static uint64_t seed;
static unsigned percent = 50, piece = 512;
static struct redo *redos;
static size_t redo_count, redo_cap;
static unsigned long undone_data, undone_names, undone_other, survived;

__attribute__((format(printf, 1, 2), noreturn))
static void
die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "powercut-apply: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(3);
}

__attribute__((format(printf, 1, 2)))
static void
say(const char *fmt, ...)
{
	va_list ap;

	if (!verbose)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void *
need(void *p)
{
	if (p == NULL)
		die("no memory");
	return p;
}

static struct node *
node_of(uint64_t ino)
{
	struct node **head = &nodes[ino % NODES], *n;

	for (n = *head; n != NULL; n = n->next)
		if (n->ino == ino)
			return n;
	n = need(calloc(1, sizeof(*n)));
	n->ino = ino;
	n->dir_fd = -1;
	n->next = *head;
	*head = n;
	return n;
}

/* --- reading the journal ---------------------------------------------------*/

/* The record at `*at`, moving it on; NULL at the end. */
static const struct pc_record *
next_record(uint64_t *at)
{
	const struct pc_record *r;

	if (*at >= state.tail)
		return NULL;
	r = (const struct pc_record *)(log_bytes + *at);
	if (r->size < sizeof(*r) || *at + r->size > state.tail)
		die("the log is broken at %llu", (unsigned long long)*at);
	*at += r->size;
	return r;
}

static const char *
data_of(const struct pc_record *r)
{
	return (const char *)(r + 1);
}

static void
raise_to(uint64_t *upto, uint64_t value)
{
	if (*upto < value)
		*upto = value;
}

/* First pass: who was synced until when, who was born when. */
static void
read_syncs(void)
{
	const struct pc_record *r;
	struct pc_record *entry;
	uint64_t at = 0, here;

	for (here = 0; (r = next_record(&at)) != NULL; here = at) {
		switch (r->type) {
		case PC_SYNC_FILE:
			raise_to(&node_of(r->ino)->file_upto, r->upto);
			/* FALLTHROUGH */
		case PC_SYNC_DATA:
			raise_to(&node_of(r->ino)->data_upto, r->upto);
			break;
		case PC_SYNC_DIR:
			raise_to(&node_of(r->ino)->dir_upto, r->upto);
			break;
		case PC_SYNC_ALL:
			raise_to(&all_upto, r->upto);
			break;
		case PC_BORN:
			if (!r->old)
				node_of(r->new)->born = here;
			if (r->group == UINT64_MAX)
				break;
			entry = (struct pc_record *)(log_bytes + r->group);
			entry->new = r->new;
			break;
		}
	}
}

/* Is the record at `at` to be undone? */
static int
is_lost(const struct pc_record *r, uint64_t at)
{
	const struct node *n;

	if (at < all_upto)
		return 0;
	switch (r->type) {
	case PC_DATA:
		n = node_of(r->ino);
		return at >= n->data_upto && at >= n->born;
	case PC_MODE:
	case PC_XATTR:
		n = node_of(r->ino);
		return at >= n->file_upto && at >= n->born;
	case PC_ENTRY:
		return at >= node_of(r->ino)->dir_upto;
	default:
		return 0;
	}
}

/* --- finding inodes --------------------------------------------------------*/

static int
note(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct node *n;

	(void)type, (void)ftw;
	for (n = nodes[st->st_ino % NODES]; n != NULL; n = n->next)
		if (n->ino == st->st_ino)
			break;
	if (n == NULL || !n->wanted)
		return 0;
	if (S_ISDIR(st->st_mode) && n->dir_fd < 0) {
		n->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (n->dir_fd < 0)
			die("cannot open '%s': %s", path, strerror(errno));
	} else if (!S_ISDIR(st->st_mode) && n->path == NULL) {
		n->path = need(strdup(path));
	}
	return 0;
}

/* Find all that has something to undo, before anything moves. */
static void
find_inodes(const char *journal)
{
	const struct pc_record *r;
	char path[PATH_MAX];
	uint64_t at = 0, here;
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
	for (here = 0; (r = next_record(&at)) != NULL; here = at)
		if (is_lost(r, here))
			node_of(r->ino)->wanted = 1;
	snprintf(path, sizeof(path), "%s/ino", journal);
	if (nftw(state.root, note, 16, FTW_PHYS) < 0 ||
	    nftw(path, note, 16, FTW_PHYS) < 0)
		die("cannot walk '%s': %s", state.root, strerror(errno));
}

/* --- chance ----------------------------------------------------------------*/

static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Does piece `part` of the change at `at` survive? */
static int
lucky(uint64_t at, uint64_t part)
{
	return random_mode &&
	    mix(mix(seed ^ at) ^ part) % 100 < percent;
}

static struct redo *
remember(const struct pc_record *r, uint64_t at)
{
	struct redo *d;

	if (redo_count == redo_cap) {
		redo_cap = redo_cap == 0 ? 256 : redo_cap * 2;
		redos = need(realloc(redos, redo_cap * sizeof(*redos)));
	}
	d = &redos[redo_count++];
	memset(d, 0, sizeof(*d));
	d->r = r;
	d->at = at;
	return d;
}

/* --- files -----------------------------------------------------------------*/

/* The file of a record, open; -1 when it is gone for good (O_TMPFILE). */
static int
open_file(const struct pc_record *r)
{
	const struct node *n = node_of(r->ino);
	struct stat st;
	int fd;

	if (n->path == NULL)
		return -1;
	fd = open(n->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && stat(n->path, &st) == 0) {
		/* Ours, but not for us to read: an unfinished blob. */
		chmod(n->path, 0600);
		fd = open(n->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		chmod(n->path, st.st_mode & 07777);
	}
	if (fd < 0)
		die("cannot open '%s': %s", n->path, strerror(errno));
	return fd;
}

static void
write_at(int fd, const char *data, size_t len, uint64_t offset)
{
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, data, len, (off_t)offset);
		if (n <= 0)
			die("cannot write: %s", strerror(errno));
		data += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
}

static void
undo_data(const struct pc_record *r, uint64_t at)
{
	int fd = open_file(r);
	struct redo *d;
	ssize_t n;

	if (fd < 0)
		return;
	if (random_mode) {
		/* All later ones are undone: this is what it wrote. */
		d = remember(r, at);
		if (!r->truncates && r->new_len > 0) {
			d->bytes = need(malloc(r->new_len));
			n = pread(fd, d->bytes, r->new_len, (off_t)r->offset);
			d->len = n < 0 ? 0 : (size_t)n;
		}
	}
	write_at(fd, data_of(r), r->len, r->offset);
	if (ftruncate(fd, (off_t)r->old) < 0)
		die("cannot set a size: %s", strerror(errno));
	close(fd);
	undone_data++;
	say("undo %s of %llu at %llu: '%s' is %llu long again",
	    r->truncates ? "truncate" : "write",
	    (unsigned long long)r->new_len, (unsigned long long)r->offset,
	    node_of(r->ino)->path, (unsigned long long)r->old);
}

static void
redo_data(const struct redo *d)
{
	const struct pc_record *r = d->r;
	int fd = open_file(r), any = 0;
	uint64_t at, end, next;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die("cannot open '%s' again", node_of(r->ino)->path);
	/* The size is one thing, the bytes another: a size without its
	 * bytes gives zeros, bytes without the size are nowhere. */
	if (lucky(d->at, 0) && (r->truncates ?
	    (uint64_t)st.st_size > r->new : (uint64_t)st.st_size < r->new)) {
		if (ftruncate(fd, (off_t)r->new) < 0)
			die("cannot set a size: %s", strerror(errno));
		st.st_size = (off_t)r->new;
		any = 1;
	}
	end = r->offset + d->len;
	if (end > (uint64_t)st.st_size)
		end = (uint64_t)st.st_size;
	for (at = r->offset; !r->truncates && at < end; at = next) {
		next = (at / piece + 1) * piece;
		if (next > end)
			next = end;
		if (!lucky(d->at, 1 + at / piece))
			continue;
		write_at(fd, d->bytes + (at - r->offset), next - at, at);
		any = 1;
	}
	close(fd);
	survived += (unsigned)any;
}

static void
undo_mode(const struct pc_record *r, uint64_t at)
{
	const char *path = node_of(r->ino)->path;
	struct stat st;

	if (path == NULL)
		return;
	if (random_mode && stat(path, &st) == 0)
		remember(r, at)->value = st.st_mode & 07777;
	if (chmod(path, (mode_t)r->old) < 0)
		die("cannot set the mode of '%s': %s", path, strerror(errno));
	undone_other++;
	say("undo chmod: '%s' is %04o again", path, (unsigned)r->old);
}

static void
set_xattr(const char *path, const char *name, int there, const void *value,
    size_t len)
{
	int rc;

	rc = there ? setxattr(path, name, value, len, 0) :
	    removexattr(path, name);
	if (rc < 0 && errno != ENODATA)
		die("cannot set '%s' of '%s': %s", name, path,
		    strerror(errno));
}

static void
undo_xattr(const struct pc_record *r, uint64_t at)
{
	const char *path = node_of(r->ino)->path, *name = data_of(r);
	size_t n = strlen(name) + 1;
	struct redo *d;
	ssize_t len;

	if (path == NULL)
		return;
	if (random_mode) {
		d = remember(r, at);
		d->bytes = need(malloc(65536));
		len = getxattr(path, name, d->bytes, 65536);
		d->value = len >= 0;
		d->len = len < 0 ? 0 : (size_t)len;
	}
	set_xattr(path, name, r->old != 0, name + n, r->len - n);
	undone_other++;
	say("undo setxattr %s of '%s'", name, path);
}

/* --- names -----------------------------------------------------------------*/

static uint64_t
inode_at(int dir, const char *name, struct stat *st)
{
	if (fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return st->st_ino;
}

/* Make `name` in `dir` stand for inode `ino` (0: nothing). */
static int
set_entry(int dir, const char *name, uint64_t ino)
{
	char kept[32];
	struct stat st;
	uint64_t now = inode_at(dir, name, &st);

	if (now == ino)
		return 1;
	if (now != 0) {
		snprintf(kept, sizeof(kept), "%llu", (unsigned long long)now);
		if (S_ISDIR(st.st_mode)) {
			if (renameat(dir, name, ino_dir, kept) < 0)
				die("cannot move '%s': %s", name,
				    strerror(errno));
		} else {
			if (linkat(dir, name, ino_dir, kept, 0) < 0 &&
			    errno != EEXIST)
				die("cannot keep '%s': %s", name,
				    strerror(errno));
			if (unlinkat(dir, name, 0) < 0)
				die("cannot remove '%s': %s", name,
				    strerror(errno));
		}
	}
	if (ino == 0)
		return 1;
	snprintf(kept, sizeof(kept), "%llu", (unsigned long long)ino);
	if (inode_at(ino_dir, kept, &st) != ino)
		/* A directory whose other name is durable: it is there. */
		return 0;
	if (S_ISDIR(st.st_mode) ?
	    renameat(ino_dir, kept, dir, name) < 0 :
	    linkat(ino_dir, kept, dir, name, 0) < 0)
		die("cannot make '%s' again: %s", name, strerror(errno));
	return 1;
}

static void
undo_entry(const struct pc_record *r, uint64_t at)
{
	const struct node *n = node_of(r->ino);

	if (n->dir_fd < 0)
		die("directory %llu is lost", (unsigned long long)r->ino);
	if (random_mode)
		remember(r, at);
	set_entry(n->dir_fd, data_of(r), r->old);
	undone_names++;
	say("undo entry: '%s' is inode %llu again", data_of(r),
	    (unsigned long long)r->old);
}

/* Could the change be made now?  Not if one it builds on is lost. */
static int
entry_fits(const struct pc_record *r)
{
	struct stat st;

	return inode_at(node_of(r->ino)->dir_fd, data_of(r), &st) == r->old;
}

/*
 * Make a call's changes of names again, all of them or none: they stand one
 * after the other, in the order they were made.  Returns how many there are.
 */
static size_t
redo_entries(const struct redo *d, size_t left)
{
	size_t n, i;
	int fits = lucky(d->r->group, 0);

	for (n = 0; n < left && d[n].r->type == PC_ENTRY &&
	    d[n].r->group == d->r->group; n++)
		fits = fits && entry_fits(d[n].r);
	for (i = 0; fits && i < n; i++) {
		/* A creation that was killed half way has no inode. */
		if (d[i].r->old == 0 && d[i].r->new == 0)
			continue;
		survived += (unsigned)set_entry(node_of(d[i].r->ino)->dir_fd,
		    data_of(d[i].r), d[i].r->new);
	}
	return n;
}

/* --- all of it -------------------------------------------------------------*/

/* Undo what is lost of the names, or of all the rest; the last first. */
static void
undo(int names)
{
	const struct pc_record *r;
	uint64_t at = 0, here, *lost = NULL;
	size_t count = 0, cap = 0;

	for (here = 0; (r = next_record(&at)) != NULL; here = at) {
		if ((r->type == PC_ENTRY) != names || !is_lost(r, here))
			continue;
		if (count == cap) {
			cap = cap == 0 ? 1024 : cap * 2;
			lost = need(realloc(lost, cap * sizeof(*lost)));
		}
		lost[count++] = here;
	}
	while (count-- > 0) {
		r = (const struct pc_record *)(log_bytes + lost[count]);
		switch (r->type) {
		case PC_DATA:
			undo_data(r, lost[count]);
			break;
		case PC_MODE:
			undo_mode(r, lost[count]);
			break;
		case PC_XATTR:
			undo_xattr(r, lost[count]);
			break;
		case PC_ENTRY:
			undo_entry(r, lost[count]);
			break;
		}
	}
	free(lost);
}

/* Redo the lucky ones of what was undone, in the order they came. */
static void
redo(void)
{
	const struct redo *d;
	struct redo swap;
	size_t i, n;

	for (i = 0; i < redo_count / 2; i++) {
		swap = redos[i];
		redos[i] = redos[redo_count - 1 - i];
		redos[redo_count - 1 - i] = swap;
	}
	for (i = 0; i < redo_count; i += n) {
		d = &redos[i];
		n = 1;
		if (d->r->type == PC_ENTRY) {
			n = redo_entries(d, redo_count - i);
		} else if (d->r->type == PC_DATA) {
			redo_data(d);
		} else if (lucky(d->at, 0)) {
			survived++;
			if (d->r->type == PC_MODE)
				chmod(node_of(d->r->ino)->path,
				    (mode_t)d->value);
			else
				set_xattr(node_of(d->r->ino)->path,
				    data_of(d->r), d->value != 0, d->bytes,
				    d->len);
		}
	}
	for (i = 0; i < redo_count; i++)
		free(redos[i].bytes);
	redo_count = 0;
}

static int
is_shm(const char *path)
{
	size_t len = strlen(path);

	return len >= 4 && strcmp(path + len - 4, "-shm") == 0;
}

static int
remove_shm(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	if (type == FTW_F && is_shm(path) && unlink(path) < 0)
		die("cannot remove '%s': %s", path, strerror(errno));
	return 0;
}

static int
remove_any(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type;
	if (ftw->level > 0 && remove(path) < 0)
		die("cannot remove '%s': %s", path, strerror(errno));
	return 0;
}

/* Open and lock the journal, read its state and map its log. */
static int
open_journal(const char *path)
{
	int dir, live, fd;
	struct stat st;

	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		die("cannot open '%s': %s", path, strerror(errno));
	live = openat(dir, "live", O_RDWR | O_CLOEXEC);
	if (live < 0 && errno == ENOENT)
		die("'%s' is no journal: nothing ran under the shim", path);
	if (live < 0 || (flock(live, LOCK_EX | LOCK_NB) < 0 &&
	    errno != EWOULDBLOCK))
		die("cannot lock '%s': %s", path, strerror(errno));
	if (flock(live, LOCK_EX | LOCK_NB) < 0) {
		fprintf(stderr, "powercut-apply: a program is still alive\n");
		exit(4);
	}
	fd = openat(dir, "state", O_RDONLY | O_CLOEXEC);
	/* Applied already, and nobody has come since. */
	if (fd < 0 && errno == ENOENT)
		return -1;
	if (fd < 0 || read(fd, &state, sizeof(state)) != sizeof(state) ||
	    state.magic != PC_MAGIC)
		die("the state of '%s' is broken", path);
	close(fd);
	fd = openat(dir, "log", O_RDONLY | O_CLOEXEC);
	ino_dir = openat(dir, "ino", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || ino_dir < 0 || fstat(fd, &st) < 0 ||
	    (uint64_t)st.st_size < state.tail)
		die("the log of '%s' is broken", path);
	if (state.tail > 0) {
		/* Private: PC_BORN is written into its PC_ENTRY. */
		log_bytes = mmap(NULL, state.tail, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE, fd, 0);
		if (log_bytes == MAP_FAILED)
			die("cannot map the log: %s", strerror(errno));
	}
	close(fd);
	return dir;
}

int
main(int argc, char **argv)
{
	const char *journal;
	char path[PATH_MAX];
	int c, dir;

	while ((c = getopt(argc, argv, "+vs:p:b:")) != -1) {
		switch (c) {
		case 'v':
			verbose = 1;
			break;
		case 's':
			random_mode = 1;
			seed = strtoull(optarg, NULL, 10);
			break;
		case 'p':
			percent = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'b':
			piece = (unsigned)strtoul(optarg, NULL, 10);
			break;
		default:
			argc = 0;
		}
	}
	if (argc - optind != 1 || percent > 100 || piece == 0) {
		fprintf(stderr, "usage: powercut-apply [-v] [-s seed "
		    "[-p percent] [-b bytes]] journal\n");
		return 2;
	}
	journal = argv[optind];
	dir = open_journal(journal);
	if (dir < 0) {
		printf("nothing happened since the last power cut\n");
		return 0;
	}
	read_syncs();
	find_inodes(journal);
	/* What files hold first, while they lie where they were found: it
	 * is no matter of their names. */
	undo(0);
	redo();
	undo(1);
	redo();
	nftw(state.root, remove_shm, 16, FTW_PHYS);
	snprintf(path, sizeof(path), "%s/ino", journal);
	nftw(path, remove_any, 16, FTW_PHYS | FTW_DEPTH);
	if (unlinkat(dir, "log", 0) < 0 || unlinkat(dir, "state", 0) < 0)
		die("cannot empty '%s': %s", journal, strerror(errno));
	printf("%llu records: undone %lu writes, %lu names, %lu others; "
	    "%lu survived\n", (unsigned long long)state.count, undone_data,
	    undone_names, undone_other, survived);
	return 0;
}
