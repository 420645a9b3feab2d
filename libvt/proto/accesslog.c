/*
 * The access log: see accesslog.h.
 *
 * Requests format their line straight into the filling buffer, under the
 * lock; the writer swaps it with an empty one and writes that, so that a line
 * costs a request neither a copy nor a system call.  The writer is woken for
 * the first line of a batch only and then gathers for a moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libvt/base/jsonl.h"

#include "libvt/proto/accesslog.h"

#define GATHER_MS 50		/* lines wait this long for company */
#define EAGER_BYTES 65536	/* ... unless there are this many */
#define RETRY_MS 1000		/* after a failed write */
#define NODE_MAX 256
#define COVERAGE_MAX 2048	/* bytes of a coverage record: room for it is
				   kept beside a full queue */

struct vt_accesslog {
	char *path, *node;
	const struct vt_clock *clock;
	int64_t coverage_ms;
	size_t queue_bytes;

	pthread_t writer;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct vt_buf filling;	/* lines, whole ones only */
	int stop, reopen;
	uint64_t dropped;	/* since the start... */
	uint64_t written_bytes;

	/* the writer's own */
	int fd;
	struct vt_buf going;	/* being written; `going_done` bytes are */
	size_t going_done;
	uint64_t told_dropped;	/* ...of which in a coverage record */
	int64_t covered_us;	/* end of the last coverage record */
	int64_t next_coverage_us;	/* monotonic */
	struct vt_err first;	/* the first failure, VT_OK if none */
};

static void
put_time(struct vt_buf *out, const char *name, int64_t us)
{
	char text[25];

	vt_time_rfc3339_ms(us, text);
	vt_json_str(out, name, text);
}

static void
put_str(struct vt_buf *out, const char *name, const char *s)
{
	/* Peers choose most of them: bytes, not text. */
	if (s != NULL)
		vt_json_bytes(out, name, s, strlen(s));
}

static void
put_known(struct vt_buf *out, const char *name, int64_t n)
{
	if (n >= 0)
		vt_json_i64(out, name, n);
}

void
vt_accesslog_format(const struct vt_access *a, struct vt_buf *out)
{
	vt_json_begin(out);
	vt_json_u64(out, "v", 1);
	put_time(out, "time", a->time_us);
	put_str(out, "id", a->request_id);
	put_str(out, "node", a->node);
	put_str(out, "actor", a->actor);
	put_str(out, "remote", a->remote);
	put_str(out, "key_id", a->key_id);
	put_str(out, "op", a->op);
	put_str(out, "bucket", a->bucket);
	if (a->key != NULL)
		vt_json_bytes(out, "key", a->key, a->key_len);
	put_str(out, "version", a->version);
	put_str(out, "source", a->source);
	vt_json_i64(out, "status", a->status);
	put_str(out, "error", a->error);
	put_known(out, "first", a->range_first);
	put_known(out, "length", a->range_length);
	vt_json_i64(out, "in", a->bytes_in);
	vt_json_i64(out, "out", a->bytes_out);
	put_known(out, "size", a->size);
	put_known(out, "copy", a->copy_id);
	put_str(out, "tier", a->tier);
	vt_json_i64(out, "backend_bytes", a->backend_bytes);
	vt_json_i64(out, "backend_requests", a->backend_requests);
	vt_json_i64(out, "ttfb_us", a->ttfb_us);
	vt_json_i64(out, "total_us", a->total_us);
	vt_json_bool(out, "aborted", a->aborted);
	put_str(out, "agent", a->agent);
	vt_json_end(out);
}

void
vt_accesslog_write(struct vt_accesslog *l, const struct vt_access *a)
{
	size_t before;

	pthread_mutex_lock(&l->lock);
	before = l->filling.len;
	vt_accesslog_format(a, &l->filling);
	if (l->filling.failed || l->filling.len > l->queue_bytes) {
		/* No room: take back what there is of the line. */
		l->filling.len = before;
		l->filling.failed = 0;
		l->dropped++;
	}
	if (before == 0 ||
	    (before < EAGER_BYTES && l->filling.len >= EAGER_BYTES))
		pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
}

void
vt_accesslog_reopen(struct vt_accesslog *l)
{
	pthread_mutex_lock(&l->lock);
	l->reopen = 1;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
}

void
vt_accesslog_stats(const struct vt_accesslog *l, uint64_t *dropped,
    uint64_t *written_bytes)
{
	/* The lock is no part of what const promises. */
	pthread_mutex_t *lock = (pthread_mutex_t *)&l->lock;

	pthread_mutex_lock(lock);
	*dropped = l->dropped;
	*written_bytes = l->written_bytes;
	pthread_mutex_unlock(lock);
}

/* --- the writer ----------------------------------------------------------- */

static void
note_failure(struct vt_accesslog *l, const char *what)
{
	if (l->first.code == VT_OK)
		(void)vt_fail_errno(&l->first, "cannot %s access log '%s'",
		    what, l->path);
}

static int
open_log(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void
do_reopen(struct vt_accesslog *l)
{
	int fd;

	fd = open_log(l->path);
	if (fd < 0) {
		/* Lines go on into the old file rather than nowhere. */
		note_failure(l, "re-open");
		return;
	}
	close(l->fd);
	l->fd = fd;
}

/* Write what is going; 0, or -1 when some of it is left. */
static int
write_going(struct vt_accesslog *l)
{
	ssize_t n;

	while (l->going_done < l->going.len) {
		n = write(l->fd, l->going.data + l->going_done,
		    l->going.len - l->going_done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			note_failure(l, "write");
			return -1;
		}
		l->going_done += (size_t)n;
		pthread_mutex_lock(&l->lock);
		l->written_bytes += (uint64_t)n;
		pthread_mutex_unlock(&l->lock);
	}
	vt_buf_reset(&l->going);
	l->going_done = 0;
	/* The disk was full for a while: late is not lost. */
	if (l->first.code == VT_NOSPACE)
		l->first.code = VT_OK;
	return 0;
}

/* Append a coverage record up to now to what is going.  `dropped`: lines lost
 * since the start. */
static void
put_coverage(struct vt_accesslog *l, uint64_t dropped)
{
	size_t before = l->going.len;
	int64_t now;

	if (l->coverage_ms < 0) {
		l->told_dropped = dropped;
		l->next_coverage_us = INT64_MAX;
		return;
	}
	now = vt_clock_now_us(l->clock);
	/* A clock set back must not make time run backwards in the log. */
	if (now < l->covered_us)
		now = l->covered_us;
	vt_json_begin(&l->going);
	vt_json_u64(&l->going, "v", 1);
	vt_json_str(&l->going, "op", "log");
	put_time(&l->going, "time", now);
	put_str(&l->going, "node", l->node);
	put_time(&l->going, "from", l->covered_us);
	put_time(&l->going, "to", now);
	vt_json_u64(&l->going, "dropped", dropped - l->told_dropped);
	vt_json_end(&l->going);
	l->next_coverage_us = vt_clock_mono_us() + l->coverage_ms * 1000;
	if (l->going.failed) {
		/* No memory: the next record will cover this time too. */
		l->going.len = before;
		l->going.failed = 0;
		return;
	}
	l->told_dropped = dropped;
	l->covered_us = now;
}

/* Sleep until woken or until `us` of monotonic time; under the lock. */
static void
sleep_until(struct vt_accesslog *l, int64_t us)
{
	struct timespec t;

	if (us == INT64_MAX) {
		pthread_cond_wait(&l->wake, &l->lock);
		return;
	}
	t.tv_sec = us / 1000000;
	t.tv_nsec = us % 1000000 * 1000;
	pthread_cond_timedwait(&l->wake, &l->lock, &t);
}

/*
 * Wait for lines, a drop, a request to stop or re-open, or the minute's
 * coverage record; under the lock.
 */
static void
wait_for_work(struct vt_accesslog *l, int failing)
{
	int64_t until;

	if (failing) {
		until = vt_clock_mono_us() + RETRY_MS * 1000;
		while (!l->stop && !l->reopen && vt_clock_mono_us() < until)
			sleep_until(l, until);
		return;
	}
	while (l->filling.len == 0 && !l->stop && !l->reopen &&
	    l->dropped == l->told_dropped &&
	    vt_clock_mono_us() < l->next_coverage_us)
		sleep_until(l, l->next_coverage_us);
	until = vt_clock_mono_us() + GATHER_MS * 1000;
	while (l->filling.len < EAGER_BYTES && !l->stop && !l->reopen &&
	    vt_clock_mono_us() < until)
		sleep_until(l, until);
}

static void *
run_writer(void *arg)
{
	struct vt_accesslog *l = arg;
	struct vt_buf swap;
	uint64_t dropped;
	int stop, reopen, failing = 0;

	do {
		pthread_mutex_lock(&l->lock);
		wait_for_work(l, failing);
		if (l->going.len == 0) {
			swap = l->going;
			l->going = l->filling;
			l->filling = swap;
		}
		stop = l->stop;
		reopen = l->reopen;
		l->reopen = 0;
		dropped = l->dropped;
		pthread_mutex_unlock(&l->lock);

		/* Lines that came before the rename belong to the old file,
		 * and so does the record that covers them. */
		if (stop || (!failing && (reopen ||
		    dropped != l->told_dropped ||
		    vt_clock_mono_us() >= l->next_coverage_us)))
			put_coverage(l, dropped);
		failing = write_going(l) < 0;
		if (reopen)
			do_reopen(l);
	} while (!stop);

	/* A last batch waited behind one that could not be written. */
	pthread_mutex_lock(&l->lock);
	if (!failing && l->filling.len > 0) {
		swap = l->going;
		l->going = l->filling;
		l->filling = swap;
	}
	pthread_mutex_unlock(&l->lock);
	if (!failing)
		(void)write_going(l);
	if (fdatasync(l->fd) < 0 && errno != EINVAL && errno != EROFS)
		note_failure(l, "sync");
	return NULL;
}

/* --- open and close ------------------------------------------------------- */

static void
destroy(struct vt_accesslog *l)
{
	if (l->fd >= 0)
		close(l->fd);
	vt_buf_release(&l->filling);
	vt_buf_release(&l->going);
	free(l->path);
	free(l->node);
	free(l);
}

static enum vt_code
start_writer(struct vt_accesslog *l, struct vt_err *err)
{
	pthread_condattr_t attr;

	if (pthread_mutex_init(&l->lock, NULL) != 0)
		return vt_fail(err, VT_NOMEM, "cannot make a lock");
	if (pthread_condattr_init(&attr) != 0)
		goto no_attr;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (pthread_cond_init(&l->wake, &attr) != 0)
		goto no_cond;
	errno = pthread_create(&l->writer, NULL, run_writer, l);
	if (errno != 0)
		goto no_thread;
	pthread_condattr_destroy(&attr);
	return VT_OK;
no_thread:
	pthread_cond_destroy(&l->wake);
no_cond:
	pthread_condattr_destroy(&attr);
no_attr:
	pthread_mutex_destroy(&l->lock);
	return vt_fail(err, VT_NOMEM, "cannot start the access log's writer");
}

enum vt_code
vt_accesslog_open(const struct vt_accesslog_options *o,
    struct vt_accesslog **out, struct vt_err *err)
{
	struct vt_accesslog *l;
	enum vt_code rc;

	*out = NULL;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for the access log");
	l->fd = -1;
	l->clock = o->clock;
	l->coverage_ms = o->coverage_ms != 0 ? o->coverage_ms : 60000;
	l->queue_bytes = o->queue_bytes;
	/* Two records at most are waiting: the stop's and one before. */
	vt_buf_init(&l->filling, o->queue_bytes + 2 * COVERAGE_MAX);
	vt_buf_init(&l->going, o->queue_bytes + 2 * COVERAGE_MAX);
	l->path = strdup(o->path);
	l->node = o->node != NULL ? strndup(o->node, NODE_MAX) : NULL;
	if (l->path == NULL || (o->node != NULL && l->node == NULL)) {
		rc = vt_fail(err, VT_NOMEM, "no memory for the access log");
		goto fail;
	}
	l->fd = open_log(l->path);
	if (l->fd < 0) {
		rc = vt_fail_errno(err, "cannot open access log '%s'",
		    l->path);
		goto fail;
	}
	l->covered_us = vt_clock_now_us(l->clock);
	put_coverage(l, 0);
	/* A full disk may have room later; the writer tries again. */
	if (write_going(l) < 0 && l->first.code != VT_NOSPACE) {
		rc = l->first.code;
		if (err != NULL)
			*err = l->first;
		goto fail;
	}
	rc = start_writer(l, err);
	if (rc != VT_OK)
		goto fail;
	*out = l;
	return VT_OK;
fail:
	destroy(l);
	return rc;
}

enum vt_code
vt_accesslog_close(struct vt_accesslog *l, struct vt_err *err)
{
	enum vt_code rc;

	if (l == NULL)
		return VT_OK;
	pthread_mutex_lock(&l->lock);
	l->stop = 1;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->writer, NULL);
	rc = l->first.code;
	if (rc != VT_OK && err != NULL)
		*err = l->first;
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->lock);
	destroy(l);
	return rc;
}
