/* The queue of files, and the workers. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/clock.h"

#include "cmd/cli.h"

#include "put.h"

#define QUEUE_MAX 1024		/* files found and not yet begun */

struct put_state state = {
	.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER,
	.room = PTHREAD_COND_INITIALIZER, .last = &state.first
};

/* A file from the queue: look at it again and send it. */
static void
begin_item(struct item *it)
{
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

void *
worker(void *unused)
{
	struct upload *u;
	struct item *it;
	struct vt_err err = { VT_OK, "" };

	(void)unused;
	pthread_mutex_lock(&state.lock);
	for (;;) {
		for (u = state.active; u != NULL; u = u->next)
			if (upload_has_part(u) || upload_over(u))
				break;
		if (u != NULL) {
			if (upload_has_part(u))
				work_on_part(u);
			else
				retire(u);
			continue;
		}
		it = state.first;
		if (it != NULL) {
			state.first = it->next;
			if (state.first == NULL)
				state.last = &state.first;
			state.queued--;
			state.beginning++;
			pthread_cond_signal(&state.room);
			pthread_mutex_unlock(&state.lock);
			if (cli_stopping())
				fail_item(it, vt_fail(&err, VT_CANCELLED,
				    "interrupted"), &err);
			else
				begin_item(it);
			pthread_mutex_lock(&state.lock);
			state.beginning--;
			pthread_cond_broadcast(&state.work);
			continue;
		}
		if (state.closed && state.active == NULL &&
		    state.beginning == 0)
			break;
		pthread_cond_wait(&state.work, &state.lock);
	}
	pthread_cond_broadcast(&state.work);
	pthread_mutex_unlock(&state.lock);
	return NULL;
}

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
	pthread_mutex_lock(&state.lock);
	while (state.queued >= QUEUE_MAX && !cli_stopping())
		pthread_cond_wait(&state.room, &state.lock);
	*state.last = it;
	state.last = &it->next;
	state.queued++;
	pthread_cond_signal(&state.work);
	pthread_mutex_unlock(&state.lock);
}
