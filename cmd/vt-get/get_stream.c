/* An object to standard output: its ranges are written in order by main. */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/clock.h"

#include "cmd/cli.h"

#include "get.h"

/* Write the parts in order as they come. */
static enum vt_code
drain(struct download *d, struct vt_hash *hash, enum vt_hash_alg alg,
    struct vt_err *err)
{
	struct slot *slot;
	enum vt_code rc = VT_OK;
	uint64_t i;

	for (i = 0; i < d->parts && rc == VT_OK; i++) {
		slot = &d->slot[i % opt.jobs];
		pthread_mutex_lock(&work.lock);
		while (!slot->ready && !d->ended)
			pthread_cond_wait(&work.room, &work.lock);
		if (!slot->ready) {
			rc = d->rc;
			*err = d->err;
		}
		pthread_mutex_unlock(&work.lock);
		if (rc != VT_OK)
			break;
		if (alg != VT_HASH_ALGS)
			vt_hash_update(hash, slot->data, slot->len);
		/* cli_finish says why. */
		if (cli_out(slot->data, slot->len) < 0)
			rc = vt_fail(err, VT_IO, "output lost");
		pthread_mutex_lock(&work.lock);
		slot->ready = 0;
		d->written++;
		pthread_cond_broadcast(&work.todo);
		pthread_mutex_unlock(&work.lock);
	}
	pthread_mutex_lock(&work.lock);
	if (rc != VT_OK && d->rc == VT_OK)
		d->rc = rc;
	pthread_cond_broadcast(&work.todo);
	while (!d->ended)
		pthread_cond_wait(&work.room, &work.lock);
	pthread_mutex_unlock(&work.lock);
	return rc;
}

void
get_stream(struct item *it)
{
	struct outcome o = { "stored", 0, NULL, VT_HASH_ALGS, 0, 0 };
	struct vt_err err = { VT_OK, "" };
	struct vt_s3_head head;
	struct vt_hash hash = { 0 };
	struct download *d;
	uint8_t sum[VT_HASH_MAX];
	enum vt_code rc;

	it->start_us = vt_clock_mono_us();
	if (opt.dry_run) {
		o.result = "planned";
		finish_item(it, &o, VT_OK, &err);
		return;
	}
	if (opt.range != NULL) {
		get_small(it, NULL, 1);
		return;
	}
	rc = vt_s3_head(client, it->bucket, it->key, opt.version, &head,
	    &err);
	if (rc != VT_OK) {
		fail_item(it, rc, &err);
		return;
	}
	if (head.size_bytes <= opt.part_size) {
		get_small(it, head.etag[0] != '\0' ? head.etag : NULL, 1);
		return;
	}
	cli_progress_expect(head.size_bytes, 0);
	o.bytes = head.size_bytes;
	o.head = &head;
	o.checked = check_by(&head);
	if (o.checked != VT_HASH_ALGS && vt_hash_init(&hash, o.checked) < 0)
		cli_die(CLI_FAILED, "out of memory");
	d = new_download(it, &head);
	o.parts = d->parts;
	d->slot = cli_alloc(opt.jobs * sizeof(*d->slot));
	cli_work_open(&work, &d->in);
	rc = drain(d, &hash, o.checked, &err);
	free_download(d);
	if (rc == VT_OK && o.checked != VT_HASH_ALGS) {
		vt_hash_final(&hash, sum);
		rc = compare(&head, o.checked, sum, &err);
	}
	vt_hash_release(&hash);
	finish_item(it, &o, rc, &err);
}
