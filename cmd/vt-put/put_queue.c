/* The queue of files, and the workers. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/clock.h"

#include "cmd/cli.h"

#include "put.h"

/* A file from the queue: look at it again and send it. */
static void
begin_item(struct cli_item *in)
{
	struct item *it = (struct item *)in;
	struct vt_err err = { VT_OK, "" };
	struct outcome same = { "same", 0, NULL, 0, 0 };
	struct stat st;
	enum vt_code rc;
	int fd, yes;

	it->start_us = vt_clock_mono_us();
	fd = open(it->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
	    (it->follow ? 0 : O_NOFOLLOW));
	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = vt_fail_errno(&err, "cannot open");
		if (fd >= 0)
			close(fd);
		fail_item(it, rc, &err);
		return;
	}
	/* It may have grown since the directory was read. */
	cli_progress_expect((uint64_t)st.st_size - it->size, 0);
	it->size = (uint64_t)st.st_size;
	it->mtime = st.st_mtim;
	it->has_mtime = 1;
	make_headers(it);
	rc = VT_OK;
	if (!S_ISREG(st.st_mode))
		rc = vt_fail(&err, VT_INVALID, "is no longer a regular file");
	else if (it->size > OBJECT_MAX)
		rc = vt_fail(&err, VT_TOO_LARGE, "is over 5 TiB");
	yes = 0;
	if (rc == VT_OK && opt.skip_same) {
		yes = is_same(it, fd, &rc, &err);
		/* Absent is what makes it worth putting. */
		if (yes == 0)
			rc = VT_OK;
	}
	if (rc != VT_OK || yes == 1) {
		close(fd);
		cli_progress_add((int64_t)it->size, 0);
		same.bytes = it->size;
		finish_item(it, &same, rc, &err);
	} else if (opt.dry_run) {
		close(fd);
		same.result = "planned";
		same.bytes = it->size;
		finish_item(it, &same, VT_OK, &err);
	} else if (it->size > part_size_for(it->size)) {
		begin_upload(it, fd);
	} else {
		put_whole(it, fd);
	}
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
	.has_part = upload_has_part, .is_over = upload_over,
	.do_part = work_on_part, .end = retire
};

struct item *
new_item(const char *path, const char *key_tail)
{
	struct item *it = cli_alloc(sizeof(*it));

	it->path = cli_strdup(path);
	if (asprintf(&it->key, "%s%s", opt.prefix, key_tail) < 0)
		cli_die(CLI_FAILED, "out of memory");
	if (strlen(it->key) > VT_S3_KEY_MAX || it->key[0] == '\0') {
		struct vt_err err;

		fail_item(it, vt_fail(&err, VT_INVALID, it->key[0] == '\0' ?
		    "the key is empty" : "the key is over %d bytes",
		    VT_S3_KEY_MAX), &err);
		return NULL;
	}
	return it;
}

void
enqueue(const char *path, const char *key_tail, const struct stat *st,
    int follow)
{
	struct item *it = new_item(path, key_tail);

	if (it == NULL)
		return;
	it->size = (uint64_t)st->st_size;
	it->follow = follow;
	cli_progress_expect(it->size, 1);
	cli_work_add(&work, &it->in);
}
