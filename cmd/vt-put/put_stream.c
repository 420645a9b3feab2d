/* A stream: main reads it into buffers, the workers send them. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "libvt/base/clock.h"

#include "cmd/cli.h"

#include "put.h"

struct chunk *spare;
static unsigned buffers;	/* made so far, under the lock too */

/* Up to `len` bytes, less only at the end; -1 with rc in `err`. */
static ssize_t
read_stream(int fd, char *data, size_t len, struct vt_err *err)
{
	struct pollfd p = { fd, POLLIN, 0 };
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		/* poll, as a read would go on after a signal. */
		n = poll(&p, 1, 250);
		if (cli_stopping()) {
			vt_fail(err, VT_CANCELLED, "interrupted");
			return -1;
		}
		if (n == 0)
			continue;
		n = read(fd, data + got, len - got);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0) {
			vt_fail_errno(err, "cannot read");
			return -1;
		}
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* A buffer, when the workers leave one; NULL when the upload has failed. */
static struct chunk *
take_chunk(size_t size, const struct upload *u)
{
	struct chunk *c = NULL;

	pthread_mutex_lock(&work.lock);
	for (;;) {
		if (u != NULL && (u->rc != VT_OK || u->ended))
			break;
		c = spare;
		if (c != NULL) {
			spare = c->next;
			break;
		}
		/* One for each worker, and one being filled. */
		if (buffers <= opt.jobs) {
			buffers++;
			c = cli_alloc(sizeof(*c));
			c->data = malloc(size);
			if (c->data == NULL)
				cli_die(CLI_FAILED, "no memory for a part of "
				    "%zu bytes", size);
			break;
		}
		pthread_cond_wait(&work.room, &work.lock);
	}
	pthread_mutex_unlock(&work.lock);
	if (c != NULL)
		c->next = NULL;
	return c;
}

static void
give_chunk(struct chunk *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&work.lock);
	c->next = spare;
	spare = c;
	pthread_mutex_unlock(&work.lock);
}

static void
submit_chunk(struct upload *u, struct chunk *c)
{
	pthread_mutex_lock(&work.lock);
	c->number = ++u->parts;
	u->size += c->len;
	c->next = NULL;
	*u->last = c;
	u->last = &c->next;
	cli_progress_expect(c->len, 0);
	pthread_cond_signal(&work.todo);
	pthread_mutex_unlock(&work.lock);
}

/* The whole stream is in one buffer. */
static void
put_buffer(struct item *it, const struct chunk *c)
{
	struct vt_s3_put p = put_of(it);
	struct vt_s3_put_result res;
	struct outcome o = { "stored", c->len, &res, 0, 0 };
	struct vt_err err = { VT_OK, "" };
	enum vt_code rc;

	cli_progress_expect(c->len, 0);
	p.body.data = c->data;
	p.body.len = c->len;
	add_condition(&p, it);
	rc = vt_s3_put_object(client, &p, &res, &err);
	rc = explain(rc, &err);
	finish_item(it, &o, rc, &err);
}

void
put_stream(int fd, const char *name, const char *key_tail)
{
	struct item *it = new_item(name, key_tail);
	struct upload *u = NULL;
	struct chunk *c, *next;
	struct vt_err err = { VT_OK, "" };
	struct vt_s3_put p;
	size_t part;
	ssize_t n;
	enum vt_code rc;

	if (it == NULL)
		return;
	it->start_us = vt_clock_mono_us();
	cli_progress_expect(0, 1);
	make_headers(it);
	if (opt.dry_run) {
		struct outcome o = { "planned", 0, NULL, 0, 0 };

		finish_item(it, &o, VT_OK, &err);
		return;
	}
	part = (size_t)part_size_for(opt.expected_size);
	c = take_chunk(part, NULL);
	n = read_stream(fd, c->data, part, &err);
	next = n == (ssize_t)part ? take_chunk(part, NULL) : NULL;
	c->len = n < 0 ? 0 : (size_t)n;
	if (next != NULL) {
		n = read_stream(fd, next->data, part, &err);
		next->len = n < 0 ? 0 : (size_t)n;
	}
	if (n < 0) {
		give_chunk(c);
		give_chunk(next);
		fail_item(it, err.code, &err);
		return;
	}
	if (next == NULL || next->len == 0) {
		put_buffer(it, c);
		give_chunk(c);
		give_chunk(next);
		return;
	}

	u = cli_alloc(sizeof(*u));
	u->item = it;
	u->fd = -1;
	u->last = &u->first;
	u->part_size = part;
	u->part = cli_alloc(VT_S3_PARTS_MAX * sizeof(*u->part));
	p = put_of(it);
	rc = vt_s3_create_upload(client, &p, &u->id, &err);
	if (rc != VT_OK) {
		give_chunk(c);
		give_chunk(next);
		free_upload(u);
		fail_item(it, rc, &err);
		return;
	}
	cli_work_open(&work, &u->in);
	submit_chunk(u, c);
	submit_chunk(u, next);
	rc = VT_OK;
	while (next->len == part) {
		next = take_chunk(part, u);
		if (next == NULL)
			break;
		n = read_stream(fd, next->data, part, &err);
		if (n > 0 && u->parts >= VT_S3_PARTS_MAX) {
			vt_fail(&err, VT_TOO_LARGE, "the stream is over %d "
			    "parts of %zu bytes: give --expected-size",
			    VT_S3_PARTS_MAX, part);
			n = -1;
		}
		if (n <= 0) {
			rc = n < 0 ? err.code : VT_OK;
			give_chunk(next);
			break;
		}
		next->len = (size_t)n;
		submit_chunk(u, next);
	}
	pthread_mutex_lock(&work.lock);
	u->eof = 1;
	if (rc != VT_OK && u->rc == VT_OK) {
		u->rc = rc;
		u->err = err;
	}
	pthread_cond_broadcast(&work.todo);
	while (!u->ended)
		pthread_cond_wait(&work.room, &work.lock);
	pthread_mutex_unlock(&work.lock);
	free_upload(u);
}
