/* The queue of objects, and the workers. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/clock.h"

#include "cmd/cli.h"

#include "get.h"

/* Is the file there with the same contents?  1, 0, or -1 with rc. */
static int
is_same(struct item *it, struct vt_s3_head *head, enum vt_code *rc,
    struct vt_err *err)
{
	struct stat st;
	struct timespec t;
	uint8_t sum[VT_HASH_MAX];
	enum vt_hash_alg alg;
	int fd;

	*rc = VT_OK;
	if (stat(it->path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (it->known && (uint64_t)st.st_size != it->size)
		return 0;
	if (head->etag[0] == '\0') {
		*rc = vt_s3_head(client, it->bucket, it->key, opt.version,
		    head, err);
		if (*rc != VT_OK)
			return -1;
	}
	if ((uint64_t)st.st_size != head->size_bytes)
		return 0;
	t = object_time(head);
	if (t.tv_sec == st.st_mtim.tv_sec && t.tv_nsec == st.st_mtim.tv_nsec)
		return 1;
	alg = check_by(head);
	if (alg == VT_HASH_ALGS)
		return 0;
	fd = open(it->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	*rc = cli_hash_range(fd, 0, head->size_bytes, alg, sum, err);
	close(fd);
	return *rc != VT_OK ? -1 : compare(head, alg, sum, NULL) == VT_OK;
}

static void
begin_item(struct cli_item *in)
{
	struct item *it = (struct item *)in;
	struct outcome o = { "same", 0, NULL, VT_HASH_ALGS, 0, 0 };
	struct vt_err err = { VT_OK, "" };
	struct vt_s3_head head;
	struct download *d;
	struct stat st;
	enum vt_code rc = VT_OK;
	int same = 0;

	it->start_us = vt_clock_mono_us();
	memset(&head, 0, sizeof(head));
	if (stat(it->path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			rc = vt_fail(&err, VT_INVALID, "is a directory");
		else if (opt.no_overwrite)
			rc = vt_fail(&err, VT_EXISTS, "exists already");
		else if (opt.skip_same)
			same = is_same(it, &head, &rc, &err);
	}
	if (rc == VT_OK && same == 0 && opt.dry_run)
		o.result = "planned";
	if (rc != VT_OK || same == 1 || opt.dry_run) {
		o.bytes = head.etag[0] != '\0' ? head.size_bytes : it->size;
		cli_progress_add((int64_t)it->size, 0);
		finish_item(it, &o, rc, &err);
		return;
	}
	/* One request is enough for what is known to be small, and for a
	 * range of the user's. */
	if (opt.range != NULL ||
	    (it->known && it->size <= opt.part_size)) {
		get_small(it, head.etag[0] != '\0' ? head.etag : NULL, 0);
		return;
	}
	if (head.etag[0] == '\0')
		rc = vt_s3_head(client, it->bucket, it->key, opt.version,
		    &head, &err);
	if (rc != VT_OK) {
		fail_item(it, rc, &err);
		return;
	}
	if (head.size_bytes <= opt.part_size) {
		get_small(it, head.etag[0] != '\0' ? head.etag : NULL, 0);
		return;
	}
	cli_progress_expect(head.size_bytes - it->size, 0);
	it->size = head.size_bytes;
	d = new_download(it, &head);
	rc = open_part_file(d, &err);
	if (rc != VT_OK) {
		free_download(d);
		fail_item(it, rc, &err);
		return;
	}
	cli_work_open(&work, &d->in);
}

static void
cancel_item(struct cli_item *in)
{
	struct vt_err err;

	fail_item((struct item *)in, vt_fail(&err, VT_CANCELLED,
	    "interrupted"), &err);
}

struct cli_work work = {
	CLI_WORK_INIT(work), .begin = begin_item, .cancel = cancel_item,
	.has_part = download_has_part, .is_over = download_over,
	.do_part = work_on_part, .end = retire
};

struct item *
new_item(const char *bucket, const char *key, char *path)
{
	struct item *it = cli_alloc(sizeof(*it));

	it->bucket = cli_strdup(bucket);
	it->key = cli_strdup(key);
	it->path = path;
	return it;
}

void
enqueue(struct item *it)
{
	cli_progress_expect(it->size, 1);
	cli_work_add(&work, &it->in);
}
