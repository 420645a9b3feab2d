#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "libvt/base/fs.h"

#include "tests/unit/test.h"

static char top[] = "/tmp/vt-test-fs.XXXXXX";

static const char *
at(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static int
entries(const char *path)
{
	struct dirent *e;
	DIR *d = opendir(path);
	int n = -2;		/* "." and ".." */

	if (d == NULL)
		return -1;
	for (e = readdir(d); e != NULL; e = readdir(d))
		n++;
	closedir(d);
	return n;
}

static void
test_replace(void)
{
	struct vt_err err;
	struct stat st;
	char *data, name[300];
	size_t len;

	is_int(vt_fs_replace(at("f"), 0600, "one", 3, &err), VT_OK, "made");
	is_int(vt_fs_replace(at("f"), 0644, "second", 6, &err), VT_OK,
	    "replaced");
	is_int(vt_fs_read(at("f"), 100, &data, &len, &err), VT_OK, "read");
	ok(len == 6 && strcmp(data, "second") == 0, "what was written");
	free(data);
	stat(at("f"), &st);
	is_int(st.st_mode & 07777, 0644, "the mode is the one asked for");
	is_int(vt_fs_replace(at("no/f"), 0600, "x", 1, &err), VT_ABSENT,
	    "no directory");
	mkdir(at("dir"), 0700);
	ok(vt_fs_replace(at("dir"), 0600, "x", 1, &err) != VT_OK,
	    "a directory is not replaced");
	is_int(entries(top), 2, "no temporary file is left");
	rmdir(at("dir"));
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	is_int(vt_fs_replace(at(name), 0600, "x", 1, &err), VT_INVALID,
	    "a name that is too long");
	is_int(vt_fs_replace(at("e"), 0600, NULL, 0, &err), VT_OK,
	    "an empty file");
	is_int(vt_fs_read(at("e"), 0, &data, &len, &err), VT_OK,
	    "is read within 0 bytes");
	ok(len == 0 && data[0] == '\0', "and empty");
	free(data);
	unlink(at("e"));
}

static void
test_read(void)
{
	struct vt_err err;
	char *data, big[20000];
	size_t len;
	int fds[2];

	is_int(vt_fs_read(at("f"), 6, &data, &len, &err), VT_OK,
	    "the maximum");
	free(data);
	is_int(vt_fs_read(at("f"), 5, &data, &len, &err), VT_TOO_LARGE,
	    "over the maximum");
	ok(data == NULL && len == 0, "gives nothing");
	is_int(vt_fs_read(at("none"), 5, &data, &len, &err), VT_ABSENT,
	    "absent");
	ok(strstr(err.text, "none': No such file") != NULL, "and named");
	is_int(vt_fs_read(top, 5, &data, &len, &err), VT_INVALID,
	    "a directory");
	is_int(vt_fs_read("/proc/self/status", 100000, &data, &len, &err),
	    VT_OK, "a file that claims size 0");
	ok(len > 100 && strlen(data) == len, "has its bytes");
	free(data);
	memset(big, 'b', sizeof(big));
	if (pipe(fds) == 0) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
		is_int(vt_fs_write_all(fds[1], big, sizeof(big)), 0, "pipe");
		close(fds[1]);
		is_int(vt_fs_read(path, 20000, &data, &len, &err), VT_OK,
		    "a pipe is read");
		is_int(len, sizeof(big), "whole");
		free(data);
		close(fds[0]);
	}
}

static void
test_mkdirs(void)
{
	struct vt_err err;
	char path[PATH_MAX + 10];
	struct stat st;

	is_int(vt_fs_mkdirs(at("a/b//c/"), &err), VT_OK, "three at once");
	ok(stat(at("a/b/c"), &st) == 0 && S_ISDIR(st.st_mode) &&
	    (st.st_mode & 07777) == 0700, "are there, for us alone");
	is_int(vt_fs_mkdirs(at("a/b/c"), &err), VT_OK, "twice is no error");
	is_int(vt_fs_mkdirs(at("f"), &err), VT_EXISTS, "a file is one");
	is_int(vt_fs_mkdirs(at("f/x"), &err), VT_ABSENT, "as a parent too");
	is_int(vt_fs_mkdirs("", &err), VT_INVALID, "an empty path");
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	is_int(vt_fs_mkdirs(path, &err), VT_INVALID, "a path too long");
	if (symlink("/nowhere/at/all", at("link")) == 0)
		ok(vt_fs_mkdirs(at("link"), &err) != VT_OK, "a dangling link");
	if (chdir(top) == 0) {
		is_int(vt_fs_mkdirs("r/s", &err), VT_OK, "a relative path");
		ok(stat(at("r/s"), &st) == 0, "is there");
	}
	is_int(vt_fs_mkdirs("/", &err), VT_OK, "the root");
	is_int(vt_fs_sync_dir(top, &err), VT_OK, "a directory synced");
	is_int(vt_fs_sync_dir(at("f"), &err), VT_ABSENT, "a file is none");
}

static void
test_pread(void)
{
	char data[10];
	int fd;

	fd = open(at("f"), O_RDONLY);
	is_int(vt_fs_pread_all(fd, data, 10, 2), 4, "up to the end");
	ok(memcmp(data, "cond", 4) == 0, "the right bytes");
	is_int(vt_fs_pread_all(fd, data, 3, 0), 3, "as asked");
	is_int(vt_fs_pread_all(fd, data, 3, 100), 0, "past the end");
	errno = 0;
	is_int(vt_fs_pread_all(fd, data, 3, UINT64_MAX), -1, "far past it");
	is_int(errno, EINVAL, "says why");
	close(fd);
	is_int(vt_fs_pread_all(-1, data, 3, 0), -1, "no file");
	is_int(vt_fs_write_all(-1, data, 3), -1, "for writing neither");
	fd = open("/dev/full", O_WRONLY);
	is_int(vt_fs_write_all(fd, data, 3), -1, "a full disk");
	is_int(vt_code_of_errno(errno), VT_NOSPACE, "is told as such");
	close(fd);
}

static void
test_space(void)
{
	uint64_t unused = 0, total = 0;
	struct vt_err err;

	is_int(vt_fs_space(top, &unused, &total, &err), VT_OK, "space");
	ok(total > 0 && unused <= total, "is plausible");
	is_int(vt_fs_space(at("none"), &unused, &total, &err), VT_ABSENT,
	    "of nothing");
}

int
main(void)
{
	char command[100];

	if (mkdtemp(top) == NULL)
		return 1;
	test_replace();
	test_read();
	test_mkdirs();
	test_pread();
	test_space();
	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	ok(system(command) == 0, "cleaned up");
	return test_done();
}
