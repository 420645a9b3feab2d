/*
 * What the tests of the shims run: does what its arguments say, in turn.
 *
 *	create F | empty F | write F TEXT | pwrite F AT TEXT | truncate F LEN
 *	append F TEXT | temp F TEXT (mkstemp, then rename) | tmpfile DIR F TEXT
 *	fsync F | fdatasync F | rename A B | link A B | unlink F
 *	mkdir D | rmdir D | chmod F MODE | setxattr F VALUE | getxattr F
 *	alloc BYTES | read F		say by exit status whether they work
 *	sql DB SQL			run SQL; the database stays open
 *	rows DB N			N commits, each told on stdout once done
 *	count DB			check the database, print its rows
 *	puts URL FIRST N THREADS	blobs; each name told once committed
 *	gets URL			names on stdin: each must be whole
 *	kill				SIGKILL to ourselves
 *
 * Exit: 0, or 1 at the first that fails, told on stderr.
 */
#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/hash.h"

#include "libvt/store/backend.h"

static char **args;

static const char *
arg(void)
{
	if (*args == NULL) {
		fprintf(stderr, "actor: an argument is missing\n");
		exit(2);
	}
	return *args++;
}

__attribute__((noreturn))
static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "actor: %s: %s\n", what, why);
	exit(1);
}

static long
check(const char *what, long rc)
{
	if (rc < 0)
		fail(what, strerror(errno));
	return rc;
}

static int
open_for(const char *path, int flags)
{
	return (int)check(path, open(path, flags | O_CLOEXEC, 0600));
}

static void
put_text(const char *path, int fd, const char *text, off_t at)
{
	size_t len = strlen(text);
	ssize_t n;

	n = at < 0 ? write(fd, text, len) : pwrite(fd, text, len, at);
	check(path, n);
	if ((size_t)n != len)
		fail(path, "short write");
}

/* --- files -----------------------------------------------------------------*/

static int
act_file(const char *what)
{
	const char *path = arg(), *text;
	char name[4096];
	int fd = -1;
	off_t at;

	if (strcmp(what, "create") == 0) {
		fd = open_for(path, O_WRONLY | O_CREAT | O_EXCL);
	} else if (strcmp(what, "empty") == 0) {
		fd = open_for(path, O_WRONLY | O_TRUNC);
	} else if (strcmp(what, "write") == 0) {
		fd = open_for(path, O_WRONLY | O_CREAT);
		put_text(path, fd, arg(), -1);
	} else if (strcmp(what, "append") == 0) {
		fd = open_for(path, O_WRONLY | O_CREAT | O_APPEND);
		put_text(path, fd, arg(), -1);
	} else if (strcmp(what, "pwrite") == 0) {
		fd = open_for(path, O_RDWR);
		at = atol(arg());
		put_text(path, fd, arg(), at);
	} else if (strcmp(what, "truncate") == 0) {
		fd = open_for(path, O_RDWR);
		check(path, ftruncate(fd, atol(arg())));
	} else if (strcmp(what, "temp") == 0) {
		snprintf(name, sizeof(name), "%s.XXXXXX", path);
		fd = (int)check(name, mkostemp(name, O_CLOEXEC));
		put_text(name, fd, arg(), -1);
		check(name, fsync(fd));
		check(name, rename(name, path));
	} else if (strcmp(what, "tmpfile") == 0) {
		fd = open_for(path, O_TMPFILE | O_RDWR);
		text = arg();
		put_text(text, fd, arg(), -1);
		check(text, fsync(fd));
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		check(text, linkat(AT_FDCWD, name, AT_FDCWD, text,
		    AT_SYMLINK_FOLLOW));
	} else if (strcmp(what, "fsync") == 0) {
		fd = open_for(path, O_RDONLY);
		check(path, fsync(fd));
	} else if (strcmp(what, "fdatasync") == 0) {
		fd = open_for(path, O_RDONLY);
		check(path, fdatasync(fd));
	} else if (strcmp(what, "read") == 0) {
		fd = open_for(path, O_RDONLY);
		check(path, read(fd, name, sizeof(name)));
	} else if (strcmp(what, "chmod") == 0) {
		fd = open_for(path, O_RDONLY);
		check(path, fchmod(fd, (mode_t)strtoul(arg(), NULL, 8)));
	} else if (strcmp(what, "setxattr") == 0) {
		fd = open_for(path, O_RDONLY);
		text = arg();
		check(path, fsetxattr(fd, "user.actor", text, strlen(text),
		    0));
	} else if (strcmp(what, "getxattr") == 0) {
		ssize_t n = getxattr(path, "user.actor", name, sizeof(name));

		if (n < 0 && errno == ENODATA)
			n = 0;
		printf("%.*s\n", (int)check(path, n), name);
	} else {
		args--;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return 1;
}

static int
act_name(const char *what)
{
	const char *path = arg();

	if (strcmp(what, "rename") == 0)
		check(path, rename(path, arg()));
	else if (strcmp(what, "link") == 0)
		check(path, link(path, arg()));
	else if (strcmp(what, "unlink") == 0)
		check(path, unlink(path));
	else if (strcmp(what, "mkdir") == 0)
		check(path, mkdir(path, 0700));
	else if (strcmp(what, "rmdir") == 0)
		check(path, rmdir(path));
	else
		args--;
	return *args != path;
}

/* --- SQLite ----------------------------------------------------------------*/

static sqlite3 *db;

static void
sql(const char *text)
{
	char *why = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail(text, why == NULL ? "?" : why);
}

static void
open_db(const char *path)
{
	if (db == NULL && sqlite3_open(path, &db) != SQLITE_OK)
		fail(path, sqlite3_errmsg(db));
}

static int
show(void *ctx, int n, char **values, char **names)
{
	(void)ctx, (void)names;
	if (n > 0)
		printf("%s\n", values[0]);
	return 0;
}

static int
act_sql(const char *what)
{
	const char *path = arg();
	char text[128];
	long i, n;

	if (strcmp(what, "sql") == 0) {
		open_db(path);
		sql(arg());
	} else if (strcmp(what, "rows") == 0) {
		open_db(path);
		n = atol(arg());
		for (i = 1; i <= n; i++) {
			snprintf(text, sizeof(text), "INSERT INTO t VALUES("
			    "%ld, randomblob(%ld))", i, i * 37 % 3000);
			sql(text);
			printf("%ld\n", i);
			fflush(stdout);
		}
	} else if (strcmp(what, "count") == 0) {
		open_db(path);
		if (sqlite3_exec(db, "PRAGMA integrity_check;"
		    "SELECT count(*) FROM t; SELECT coalesce(max(id), 0) "
		    "FROM t", show, NULL, NULL) != SQLITE_OK)
			fail(path, sqlite3_errmsg(db));
	} else {
		return 0;
	}
	return 1;
}

/* --- blobs -----------------------------------------------------------------*/

struct putter {
	struct vt_backend *b;
	uint64_t first, step, end;
};

static size_t
size_of_blob(uint64_t id)
{
	return (size_t)(id * 2654435761u % 20000);
}

static void
fill(unsigned char *p, size_t len, uint64_t id)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (unsigned char)((i * 31 + id) % 251 + 1);
}

static void *
put_blobs(void *ctx)
{
	struct putter *w = ctx;
	char name[VT_BLOB_NAME_MAX];
	struct vt_header_kv meta = { "id", "some" };
	struct vt_backend_put_info info = { 0 };
	struct vt_backend_put *p;
	unsigned char data[20000];
	struct vt_err err;
	uint64_t id;

	for (id = w->first; id < w->end; id += w->step) {
		info.size_bytes = size_of_blob(id);
		fill(data, size_of_blob(id), id);
		if (vt_backend_name(w->b, id, 7, NULL, NULL, 0, name,
		    &err) != VT_OK ||
		    vt_backend_put_begin(w->b, name, &info, &p, &err) !=
		    VT_OK)
			fail(name, err.text);
		if (vt_backend_put_write(p, data, info.size_bytes, &err) !=
		    VT_OK) {
			vt_backend_put_abort(p);
			fail(name, err.text);
		}
		if (vt_backend_put_meta(p, &meta, 1, &err) != VT_OK) {
			vt_backend_put_abort(p);
			fail(name, err.text);
		}
		if (vt_backend_put_commit(p, NULL, &err) != VT_OK)
			fail(name, err.text);
		/* One write for a line, so that threads do not mix. */
		flockfile(stdout);
		printf("%" PRIu64 " %s\n", id, name);
		fflush(stdout);
		funlockfile(stdout);
	}
	return NULL;
}

static void
get_blob(struct vt_backend *b, uint64_t id, const char *name)
{
	unsigned char want[20000], got[20000];
	size_t len = size_of_blob(id), n, done = 0;
	struct vt_backend_get *g;
	struct vt_err err;

	fill(want, len, id);
	if (vt_backend_get_begin(b, name, NULL, 0, len, &g, &err) != VT_OK)
		fail(name, err.text);
	for (n = 1; n > 0 && done <= len; done += n)
		if (vt_backend_get_read(g, got + done, len - done, &n,
		    &err) != VT_OK)
			fail(name, err.text);
	if (done != len || memcmp(want, got, len) != 0)
		fail(name, "its bytes are others");
	vt_backend_get_end(g);
}

static int
act_blob(const char *what)
{
	struct vt_backend_options o = { .create = 1 };
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend *b;
	struct putter w[64];
	pthread_t t[64];
	struct vt_err err;
	uint64_t id, first, end;
	unsigned i, n;

	if (vt_backend_open(arg(), &o, &b, &err) != VT_OK)
		fail(what, err.text);
	if (strcmp(what, "gets") == 0) {
		while (scanf("%" SCNu64 " %1000s", &id, name) == 2)
			get_blob(b, id, name);
		vt_backend_close(b);
		return 1;
	}
	first = strtoull(arg(), NULL, 10);
	end = first + strtoull(arg(), NULL, 10);
	n = (unsigned)atoi(arg());
	for (i = 0; i < n && i < 64; i++) {
		w[i] = (struct putter){ b, first + i, n, end };
		errno = pthread_create(&t[i], NULL, put_blobs, &w[i]);
		if (errno != 0)
			fail("thread", strerror(errno));
	}
	for (i = 0; i < n && i < 64; i++)
		pthread_join(t[i], NULL);
	vt_backend_close(b);
	return 1;
}

int
main(int argc, char **argv)
{
	const char *what;
	void *memory;

	(void)argc;
	/* libcrypto's setup, before a shim takes memory away. */
	vt_crc64nvme(0, "", 0);
	for (args = argv + 1; *args != NULL; ) {
		what = arg();
		if (strcmp(what, "kill") == 0) {
			kill(getpid(), SIGKILL);
		} else if (strcmp(what, "alloc") == 0) {
			memory = malloc((size_t)atol(arg()));
			if (memory == NULL)
				fail(what, strerror(errno));
			free(memory);
		} else if (strcmp(what, "puts") == 0 ||
		    strcmp(what, "gets") == 0) {
			act_blob(what);
		} else if (!act_file(what) && !act_name(what) &&
		    !act_sql(what)) {
			fail(what, "no such thing");
		}
	}
	if (db != NULL)
		sqlite3_close(db);
	return 0;
}
