/* Files that objects become: their names, places and times; checksums. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/hash.h"

#include "cmd/cli.h"

#include "get.h"

#define PART_SUFFIX ".vtpart"

static atomic_uint temp_number;

/* Make the directories above `path`, as mkdir -p does. */
enum vt_code
make_parents(const char *path, struct vt_err *err)
{
	char *copy = cli_strdup(path), *p;
	enum vt_code rc = VT_OK;

	for (p = copy + 1; rc == VT_OK; p++) {
		p = strchr(p, '/');
		if (p == NULL)
			break;
		*p = '\0';
		if (mkdir(copy, 0777) < 0 && errno != EEXIST)
			rc = vt_fail_errno(err, "cannot make '%s'", copy);
		*p = '/';
	}
	free(copy);
	return rc;
}

int
open_making(const char *path, int flags, enum vt_code *rc, struct vt_err *err)
{
	int fd = open(path, flags | O_CLOEXEC, 0666);

	*rc = VT_OK;
	if (fd < 0 && errno == ENOENT) {
		*rc = make_parents(path, err);
		if (*rc != VT_OK)
			return -1;
		fd = open(path, flags | O_CLOEXEC, 0666);
	}
	if (fd < 0)
		*rc = vt_fail_errno(err, "cannot create '%s'", path);
	return fd;
}

char *
temp_name(const char *path, int unique)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	int dir = (int)(base - path), n;
	char number[48] = "", *out = NULL;

	if (unique)
		snprintf(number, sizeof(number), ".%ld-%u", (long)getpid(),
		    atomic_fetch_add(&temp_number, 1));
	/* Beside a name of 255 bytes there is no longer one. */
	if (strlen(base) + strlen(number) + sizeof(PART_SUFFIX) > NAME_MAX)
		n = asprintf(&out, "%.*s.%016llx%s%s", dir, path,
		    (unsigned long long)vt_crc64nvme(0, base, strlen(base)),
		    number, PART_SUFFIX);
	else
		n = asprintf(&out, "%s%s%s", path, number, PART_SUFFIX);
	if (n < 0)
		cli_die(CLI_FAILED, "out of memory");
	return out;
}

struct timespec
object_time(const struct vt_s3_head *head)
{
	struct timespec t;

	if (cli_parse_mtime(head->mtime, &t) < 0) {
		t.tv_sec = head->modified_us / 1000000;
		t.tv_nsec = head->modified_us % 1000000 * 1000;
	}
	return t;
}

void
set_time(int fd, const struct vt_s3_head *head)
{
	struct timespec t[2];

	t[0].tv_sec = 0;
	t[0].tv_nsec = UTIME_OMIT;
	t[1] = object_time(head);
	/* A time before 1970 or a file system without times: no reason to
	 * call the copy failed. */
	if (t[1].tv_sec != 0 || t[1].tv_nsec != 0)
		(void)!futimens(fd, t);
}

enum vt_code
publish(const char *temp, const char *path, struct vt_err *err)
{
	struct stat st;

	if (opt.no_overwrite) {
		/* link fails where rename would replace. */
		if (link(temp, path) == 0) {
			unlink(temp);
			return VT_OK;
		}
		if (errno == EEXIST)
			return vt_fail(err, VT_EXISTS, "exists already");
		/* A file system without links: look, then rename. */
		if (lstat(path, &st) == 0)
			return vt_fail(err, VT_EXISTS, "exists already");
	}
	if (rename(temp, path) < 0)
		return vt_fail_errno(err, "cannot rename '%s'", temp);
	return VT_OK;
}

/* --- checking ------------------------------------------------------------- */

/* By what this object can be checked when all bytes pass by in order. */
enum vt_hash_alg
check_by(const struct vt_s3_head *head)
{
	if (opt.no_check || opt.range != NULL)
		return VT_HASH_ALGS;
	if (head->checksum.alg != VT_HASH_ALGS)
		return head->checksum.alg;
	return head->etag_is_md5 ? VT_MD5 : VT_HASH_ALGS;
}

enum vt_code
compare(const struct vt_s3_head *head, enum vt_hash_alg alg,
    const uint8_t *sum, struct vt_err *err)
{
	uint8_t md5[16];
	const uint8_t *want = head->checksum.value;

	if (alg == VT_HASH_ALGS)
		return VT_OK;
	if (alg == VT_MD5) {
		if (!vt_s3_etag_md5(head->etag, md5))
			return VT_OK;
		want = md5;
	}
	if (memcmp(sum, want, vt_hash_len(alg)) == 0)
		return VT_OK;
	return vt_fail(err, VT_CORRUPT, "what arrived does not match the "
	    "object's %s", alg_name(alg));
}
