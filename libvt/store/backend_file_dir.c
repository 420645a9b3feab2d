/* Directories, opened once and synced for many: see backend_file_dir.h. */
#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/hex.h"

#include "libvt/store/backend_file_dir.h"

#define IDLE_MAX 256		/* descriptors kept open */
#define TABLE_SIZE 256
#define FANOUT_DIRS (65536 + 256)

enum dir_state { OPENING, READY, DEAD };

/* A directory in use, or used lately. */
struct vt_dir {
	struct vt_dirs *owner;
	struct vt_dir *next;	/* in its chain of the table */
	TAILQ_ENTRY(vt_dir) idle;	/* while refs is 0 */
	enum dir_state state;
	unsigned refs;
	int fd;
	int durable;		/* its own entry is known to be synced */
	/* Shared syncs: numbered from 1; one runs at a time. */
	int syncing;
	uint64_t sync_started, sync_done, sync_failed;
	int sync_errno;		/* of sync_failed */
	pthread_cond_t changed;
	char path[];		/* relative to the root, which is "" */
};

struct vt_dirs {
	pthread_mutex_t lock;	/* of all below */
	struct vt_dir *root;
	struct vt_dir *table[TABLE_SIZE];
	TAILQ_HEAD(, vt_dir) idle;
	unsigned idle_count;
	/* Fan-out directories whose entries are synced, "hh/hh" then "hh":
	 * remembered when they are no longer open. */
	uint8_t durable[(FANOUT_DIRS + 7) / 8];
};

enum vt_code
vt_disk_fail(struct vt_err *err, const char *doing, const char *what)
{
	enum vt_code rc;

	rc = vt_fail_errno(err, "cannot %s '%s'", doing,
	    what[0] == '\0' ? "." : what);
	switch (rc) {
	case VT_NOSPACE:
	case VT_DENIED:
	case VT_BUSY:
	case VT_TOO_LARGE:
	case VT_NOMEM:
		return rc;
	default:
		if (err != NULL)
			err->code = VT_IO;
		return VT_IO;
	}
}

/* The bit of a fan-out directory in s->durable, or -1. */
static long
fanout_bit(const char *path)
{
	uint8_t top, sub;

	if (strlen(path) < 2 || vt_hex_decode(path, &top, 1) < 0)
		return -1;
	if (path[2] == '\0')
		return 65536 + top;
	if (path[2] != '/' || strlen(path) != 5 ||
	    vt_hex_decode(path + 3, &sub, 1) < 0)
		return -1;
	return top << 8 | sub;
}

static unsigned
chain_of(const char *path, size_t len)
{
	unsigned h = 2166136261u;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)path[i]) * 16777619u;
	return (h ^ h >> 16) % TABLE_SIZE;
}

static void
dir_free(struct vt_dir *d)
{
	if (d->fd >= 0)
		close(d->fd);
	pthread_cond_destroy(&d->changed);
	free(d);
}

static struct vt_dir *
dir_new(struct vt_dirs *s, const char *path, size_t len)
{
	struct vt_dir *d;

	d = calloc(1, sizeof(*d) + len + 1);
	if (d == NULL)
		return NULL;
	memcpy(d->path, path, len);
	d->owner = s;
	d->fd = -1;
	d->refs = 1;
	pthread_cond_init(&d->changed, NULL);
	return d;
}

/* --- the table, under the lock ---------------------------------------------*/

/* Find `path` and take a reference. */
static struct vt_dir *
table_find(struct vt_dirs *s, const char *path, size_t len)
{
	struct vt_dir *d;

	for (d = s->table[chain_of(path, len)]; d != NULL; d = d->next)
		if (strncmp(d->path, path, len) == 0 && d->path[len] == '\0')
			break;
	if (d == NULL)
		return NULL;
	if (d->refs++ == 0) {
		TAILQ_REMOVE(&s->idle, d, idle);
		s->idle_count--;
	}
	return d;
}

static void
table_insert(struct vt_dirs *s, struct vt_dir *d)
{
	struct vt_dir **head = &s->table[chain_of(d->path, strlen(d->path))];

	d->next = *head;
	*head = d;
}

static void
table_remove(struct vt_dirs *s, struct vt_dir *d)
{
	struct vt_dir **link = &s->table[chain_of(d->path, strlen(d->path))];

	while (*link != d)
		link = &(*link)->next;
	*link = d->next;
}

static void
unref(struct vt_dirs *s, struct vt_dir *d)
{
	struct vt_dir *old;

	if (--d->refs > 0)
		return;
	if (d->state == DEAD) {
		/* Out of the table since it died. */
		dir_free(d);
		return;
	}
	TAILQ_INSERT_TAIL(&s->idle, d, idle);
	if (++s->idle_count <= IDLE_MAX)
		return;
	old = TAILQ_FIRST(&s->idle);
	TAILQ_REMOVE(&s->idle, old, idle);
	s->idle_count--;
	table_remove(s, old);
	dir_free(old);
}

/* --- one directory ---------------------------------------------------------*/

void
vt_dir_put(struct vt_dir *d)
{
	struct vt_dirs *s = d->owner;

	pthread_mutex_lock(&s->lock);
	unref(s, d);
	pthread_mutex_unlock(&s->lock);
}

int
vt_dir_fd(const struct vt_dir *d)
{
	return d->fd;
}

int
vt_dir_is_gone(const struct vt_dir *d)
{
	struct stat st;

	return fstat(d->fd, &st) == 0 && st.st_nlink == 0;
}

void
vt_dir_forget(struct vt_dir *d)
{
	struct vt_dirs *s = d->owner;
	long bit = fanout_bit(d->path);

	pthread_mutex_lock(&s->lock);
	if (d->state == READY && d != s->root) {
		table_remove(s, d);
		d->state = DEAD;
	}
	if (bit >= 0)
		s->durable[bit / 8] &= (uint8_t)~(1u << bit % 8);
	unref(s, d);
	pthread_mutex_unlock(&s->lock);
}

/*
 * One caller syncs for all who asked before it began; who asks later needs
 * the next sync, because the running one may have passed over his entry.
 */
enum vt_code
vt_dir_sync(struct vt_dir *d, struct vt_err *err)
{
	struct vt_dirs *s = d->owner;
	uint64_t mine, failed;
	int errnum;

	pthread_mutex_lock(&s->lock);
	mine = d->sync_started + 1;
	while (d->sync_done < mine) {
		if (d->syncing) {
			pthread_cond_wait(&d->changed, &s->lock);
			continue;
		}
		d->syncing = 1;
		d->sync_started++;
		pthread_mutex_unlock(&s->lock);
		/* EINVAL: this file system cannot sync directories. */
		errnum = fsync(d->fd) < 0 && errno != EINVAL ? errno : 0;
		pthread_mutex_lock(&s->lock);
		d->syncing = 0;
		d->sync_done = d->sync_started;
		if (errnum != 0) {
			d->sync_failed = d->sync_done;
			d->sync_errno = errnum;
		}
		pthread_cond_broadcast(&d->changed);
	}
	/* A later failure counts too: no harm, the put is given up. */
	failed = d->sync_failed;
	errnum = d->sync_errno;
	pthread_mutex_unlock(&s->lock);
	if (failed < mine)
		return VT_OK;
	errno = errnum;
	return vt_disk_fail(err, "sync directory", d->path);
}

/* --- opening ---------------------------------------------------------------*/

/* Make the entry of `d` in `parent` durable, once. */
static enum vt_code
settle(struct vt_dir *d, struct vt_dir *parent, struct vt_err *err)
{
	struct vt_dirs *s = d->owner;
	long bit = fanout_bit(d->path);
	enum vt_code rc;
	int settled;

	pthread_mutex_lock(&s->lock);
	if (bit >= 0 && (s->durable[bit / 8] & 1u << bit % 8))
		d->durable = 1;
	settled = d->durable;
	pthread_mutex_unlock(&s->lock);
	if (settled)
		return VT_OK;
	/* Found or made is the same: who made it may not have synced it. */
	rc = vt_dir_sync(parent, err);
	if (rc != VT_OK)
		return rc;
	pthread_mutex_lock(&s->lock);
	d->durable = 1;
	if (bit >= 0)
		s->durable[bit / 8] |= (uint8_t)(1u << bit % 8);
	pthread_mutex_unlock(&s->lock);
	return VT_OK;
}

/* Open `leaf` of `parent`, which is `path`, and make it with `make`. */
static enum vt_code
open_leaf(const struct vt_dir *parent, const char *leaf, const char *path,
    int make, int *out, struct vt_err *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

	*out = openat(parent->fd, leaf, flags);
	if (*out < 0 && errno == ENOENT && !make)
		return vt_fail(err, VT_ABSENT, "no directory '%s'", path);
	if (*out < 0 && errno == ENOENT) {
		if (mkdirat(parent->fd, leaf, 0700) < 0 && errno != EEXIST)
			return vt_disk_fail(err, "make directory", path);
		*out = openat(parent->fd, leaf, flags);
	}
	if (*out < 0)
		return vt_disk_fail(err, "open directory", path);
	return VT_OK;
}

/* Open `d` if it is not, and with `make` see that it is durable. */
static enum vt_code
dir_open(struct vt_dir *d, int make, struct vt_err *err)
{
	const char *slash = strrchr(d->path, '/');
	struct vt_dir *parent;
	enum vt_code rc;

	rc = vt_dir_get(d->owner, d->path, slash == NULL ? 0 :
	    (size_t)(slash - d->path), make, &parent, err);
	if (rc != VT_OK)
		return rc;
	if (d->fd < 0)
		rc = open_leaf(parent, slash == NULL ? d->path : slash + 1,
		    d->path, make, &d->fd, err);
	if (rc == VT_OK && make)
		rc = settle(d, parent, err);
	vt_dir_put(parent);
	return rc;
}

/*
 * The directory from the table, opened; or a new one there that is OPENING
 * and for the caller to open.  Under the lock; NULL: no memory.
 */
static struct vt_dir *
find_or_add(struct vt_dirs *s, const char *path, size_t len)
{
	struct vt_dir *d;

	for (;;) {
		d = table_find(s, path, len);
		if (d == NULL)
			break;
		while (d->state == OPENING)
			pthread_cond_wait(&d->changed, &s->lock);
		if (d->state == READY)
			return d;
		/* Who opened it failed: try for ourselves. */
		unref(s, d);
	}
	d = dir_new(s, path, len);
	if (d != NULL)
		table_insert(s, d);
	return d;
}

enum vt_code
vt_dir_get(struct vt_dirs *s, const char *path, size_t len, int make,
    struct vt_dir **out, struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	struct vt_dir *d;

	*out = NULL;
	pthread_mutex_lock(&s->lock);
	if (len == 0) {
		s->root->refs++;
		pthread_mutex_unlock(&s->lock);
		*out = s->root;
		return VT_OK;
	}
	d = find_or_add(s, path, len);
	if (d == NULL) {
		pthread_mutex_unlock(&s->lock);
		return vt_fail(err, VT_NOMEM, "no memory for a directory");
	}
	if (d->state == OPENING || (make && !d->durable)) {
		pthread_mutex_unlock(&s->lock);
		rc = dir_open(d, make, err);
		pthread_mutex_lock(&s->lock);
	}
	/* Nobody but us is past find_or_add with it OPENING. */
	if (d->state == OPENING) {
		d->state = rc == VT_OK ? READY : DEAD;
		if (rc != VT_OK)
			table_remove(s, d);
		pthread_cond_broadcast(&d->changed);
	}
	if (rc == VT_OK)
		*out = d;
	else
		unref(s, d);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* --- the root --------------------------------------------------------------*/

enum vt_code
vt_dirs_open(const char *path, struct vt_dirs **out, struct vt_err *err)
{
	struct vt_dirs *s;
	enum vt_code rc;

	*out = NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for '%s'", path);
	s->root = dir_new(s, "", 0);
	if (s->root == NULL) {
		free(s);
		return vt_fail(err, VT_NOMEM, "no memory for '%s'", path);
	}
	pthread_mutex_init(&s->lock, NULL);
	TAILQ_INIT(&s->idle);
	s->root->state = READY;
	s->root->durable = 1;
	s->root->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root->fd < 0) {
		rc = vt_fail_errno(err, "cannot open '%s'", path);
		vt_dirs_close(s);
		return rc;
	}
	*out = s;
	return VT_OK;
}

void
vt_dirs_close(struct vt_dirs *s)
{
	struct vt_dir *d, *next;
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < TABLE_SIZE; i++)
		for (d = s->table[i]; d != NULL; d = next) {
			next = d->next;
			dir_free(d);
		}
	dir_free(s->root);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int
vt_dirs_root(const struct vt_dirs *s)
{
	return s->root->fd;
}
