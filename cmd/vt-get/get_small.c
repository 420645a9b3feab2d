/* A small object: one request, kept in memory until it is whole. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/fs.h"

#include "cmd/cli.h"

#include "get.h"

#define SMALL_MAX (1024 * 1024)	/* kept in memory until it is whole */

struct small {
	struct item *item;
	struct vt_s3_head head;
	struct vt_hash hash;
	enum vt_hash_alg alg;
	char *data;		/* or, when it is too large: */
	char *temp;
	int fd;
	int out;		/* to standard output, by cli_out */
	uint64_t len, got;
};

static enum vt_code
small_start(void *ctx, const struct vt_s3_head *head, uint64_t offset,
    uint64_t len, struct vt_err *err)
{
	struct small *s = ctx;
	enum vt_code rc;

	(void)offset;
	s->head = *head;
	s->len = len;
	s->alg = check_by(head);
	if (!s->item->known)
		cli_progress_expect(len, 0);
	else if (len != s->item->size)
		cli_progress_expect(len - s->item->size, 0);
	s->item->size = len;
	s->item->known = 1;
	if (s->alg != VT_HASH_ALGS && vt_hash_init(&s->hash, s->alg) < 0)
		return vt_fail(err, VT_NOMEM, "out of memory");
	if (s->out)
		return VT_OK;
	if (len <= SMALL_MAX) {
		s->data = malloc(len > 0 ? len : 1);
		return s->data != NULL ? VT_OK :
		    vt_fail(err, VT_NOMEM, "out of memory");
	}
	s->temp = temp_name(s->item->path, 1);
	s->fd = open_making(s->temp, O_RDWR | O_CREAT | O_EXCL, &rc, err);
	return rc;
}

static enum vt_code
small_sink(void *ctx, const char *data, size_t len, struct vt_err *err)
{
	struct small *s = ctx;

	if (s->alg != VT_HASH_ALGS)
		vt_hash_update(&s->hash, data, len);
	if (s->out) {
		/* cli_finish says why. */
		if (cli_out(data, len) < 0)
			return vt_fail(err, VT_IO, "output lost");
	} else if (s->data != NULL) {
		memcpy(s->data + s->got, data, len);
	} else if (vt_fs_write_all(s->fd, data, len) < 0) {
		return vt_fail_errno(err, "cannot write '%s'", s->temp);
	}
	s->got += len;
	cli_progress_add((int64_t)len, 0);
	return VT_OK;
}

static enum vt_code
small_finish(struct small *s, struct vt_err *err)
{
	uint8_t sum[VT_HASH_MAX];
	enum vt_code rc = VT_OK;

	if (s->alg != VT_HASH_ALGS) {
		vt_hash_final(&s->hash, sum);
		rc = compare(&s->head, s->alg, sum, err);
	}
	if (rc != VT_OK || s->out)
		return rc;
	if (s->data != NULL) {
		s->temp = temp_name(s->item->path, 1);
		s->fd = open_making(s->temp, O_RDWR | O_CREAT | O_EXCL, &rc,
		    err);
		if (rc != VT_OK)
			return rc;
		if (vt_fs_write_all(s->fd, s->data, s->len) < 0)
			return vt_fail_errno(err, "cannot write '%s'",
			    s->temp);
	}
	set_time(s->fd, &s->head);
	rc = close(s->fd) < 0 ?
	    vt_fail_errno(err, "cannot write '%s'", s->temp) : VT_OK;
	s->fd = -1;
	if (rc == VT_OK)
		rc = publish(s->temp, s->item->path, err);
	if (rc == VT_OK) {
		free(s->temp);
		s->temp = NULL;
	}
	return rc;
}

void
get_small(struct item *it, const char *if_match, int to_stdout)
{
	struct small s = { .item = it, .fd = -1, .alg = VT_HASH_ALGS,
	    .out = to_stdout };
	struct vt_s3_get g;
	struct vt_err err = { VT_OK, "" };
	struct outcome o = { "stored", 0, &s.head, VT_HASH_ALGS, 0, 0 };
	char range[96];
	enum vt_code rc;

	memset(&g, 0, sizeof(g));
	g.bucket = it->bucket;
	g.key = it->key;
	g.version = opt.version;
	g.if_match = if_match;
	g.len = UINT64_MAX;
	if (opt.range != NULL) {
		snprintf(range, sizeof(range), "bytes=%s", opt.range);
		g.range = range;
	}
	g.start = small_start;
	g.sink = small_sink;
	g.ctx = &s;
	rc = vt_s3_get_object(client, &g, NULL, &err);
	if (rc == VT_OK)
		rc = small_finish(&s, &err);
	if (s.fd >= 0)
		close(s.fd);
	if (s.temp != NULL)
		unlink(s.temp);
	vt_hash_release(&s.hash);
	free(s.temp);
	free(s.data);
	o.bytes = s.got;
	o.checked = s.alg;
	finish_item(it, &o, rc, &err);
}
