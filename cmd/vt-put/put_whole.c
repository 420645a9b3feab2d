/* A file in one request. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/fs.h"

#include "cmd/cli.h"

#include "put.h"

#define SMALL_MAX (1024 * 1024)	/* read into memory at once: one read */

static int
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Has the file changed since `it` was made from it? */
enum vt_code
check_unchanged(int fd, const struct item *it, struct vt_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return vt_fail_errno(err, "cannot stat");
	if ((uint64_t)st.st_size != it->size ||
	    !same_time(&st.st_mtim, &it->mtime))
		return vt_fail(err, VT_BUSY, "changed while it was read");
	return VT_OK;
}

/* Is the object there with the same contents?  1, 0, or -1 with rc. */
int
is_same(struct item *it, int fd, enum vt_code *rc, struct vt_err *err)
{
	struct vt_s3_head head;
	struct timespec t;
	uint8_t sum[VT_HASH_MAX], md5[16];

	*rc = vt_s3_head(client, opt.bucket, it->key, NULL, &head, err);
	if (*rc == VT_ABSENT)
		return 0;
	if (*rc != VT_OK)
		return -1;
	if (head.size_bytes != it->size)
		return 0;
	if (cli_parse_mtime(head.mtime, &t) == 0 && same_time(&t, &it->mtime))
		return 1;
	/* The times say nothing: compare what is inside. */
	if (head.checksum.alg != VT_HASH_ALGS) {
		*rc = cli_hash_range(fd, 0, it->size, head.checksum.alg,
		    sum, err);
		return *rc != VT_OK ? -1 : memcmp(sum, head.checksum.value,
		    vt_hash_len(head.checksum.alg)) == 0;
	}
	if (!head.etag_is_md5 || !vt_s3_etag_md5(head.etag, md5))
		return 0;
	*rc = cli_hash_range(fd, 0, it->size, VT_MD5, sum, err);
	return *rc != VT_OK ? -1 : memcmp(sum, md5, 16) == 0;
}

void
put_whole(struct item *it, int fd)
{
	struct vt_s3_put p = put_of(it);
	struct vt_s3_put_result res;
	struct vt_err err = { VT_OK, "" };
	struct outcome o = { "stored", it->size, &res, 0, 0 };
	char *data = NULL;
	ssize_t n;
	enum vt_code rc = VT_OK;

	p.body.len = it->size;
	p.body.fd = fd;
	if (it->size <= SMALL_MAX) {
		data = malloc(it->size > 0 ? it->size : 1);
		n = data == NULL ? -1 : vt_fs_pread_all(fd, data, it->size, 0);
		if (n < 0)
			rc = vt_fail_errno(&err, "cannot read");
		else if ((uint64_t)n < it->size)
			rc = vt_fail(&err, VT_BUSY,
			    "changed while it was read");
		else
			rc = check_unchanged(fd, it, &err);
		p.body.data = data;
	}
	if (rc == VT_OK) {
		add_condition(&p, it);
		rc = vt_s3_put_object(client, &p, &res, &err);
		rc = explain(rc, &err);
		if (rc == VT_OK && data == NULL)
			rc = check_unchanged(fd, it, &err);
	}
	free(data);
	close(fd);
	finish_item(it, &o, rc, &err);
}
