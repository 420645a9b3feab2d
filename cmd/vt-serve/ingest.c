#include "ingest.h"
#include "replicas.h"
#include "meta.h"
#include "notify.h"
#include "sse.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/hex.h"
#include "libvt/work/note.h"

/* --- MD5 beside the disk -------------------------------------------------- *
 * MD5 is the slowest thing done to a body and writing the next slowest, so
 * that a few threads hash what a worker writes at the same time.  A worker
 * never waits for a hand: with none idle it does the work itself.
 */
#define HANDS_MAX 4
#define HAND_WORTH (32 * 1024)	/* bytes worth waking another thread for */

struct hand_job {
	struct digest *digest;
	const void *data;
	size_t len;
	int done;
	pthread_cond_t finished;
	struct hand_job *next;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wanted;
	struct hand_job *first;
	unsigned threads, idle, queued;
} hands = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.wanted = PTHREAD_COND_INITIALIZER
};

static void *
hand_main(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&hands.lock);
	for (;;) {
		struct hand_job *j;

		hands.idle++;
		while (hands.first == NULL)
			pthread_cond_wait(&hands.wanted, &hands.lock);
		j = hands.first;
		hands.first = j->next;
		hands.queued--;
		hands.idle--;
		pthread_mutex_unlock(&hands.lock);
		digest_update_md5(j->digest, j->data, j->len);
		pthread_mutex_lock(&hands.lock);
		j->done = 1;
		pthread_cond_signal(&j->finished);
	}
	return NULL;
}

/* Under the lock: one more hand while there are processors for it. */
static void
hand_start(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;

	if (hands.threads >= HANDS_MAX || (long)hands.threads >= cpus - 1)
		return;
	if (pthread_attr_init(&attr) != 0)
		return;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* signals are for the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, &attr, hand_main, NULL) == 0)
		hands.threads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
}

/* 1: a hand has it, and hand_wait must be called. */
static int
hand_over(struct hand_job *j)
{
	int taken = 0;

	pthread_mutex_lock(&hands.lock);
	if (hands.idle > hands.queued) {
		struct hand_job **p = &hands.first;

		while (*p != NULL)
			p = &(*p)->next;
		j->next = NULL;
		*p = j;
		hands.queued++;
		pthread_cond_init(&j->finished, NULL);
		pthread_cond_signal(&hands.wanted);
		taken = 1;
	} else
		hand_start();
	pthread_mutex_unlock(&hands.lock);
	return taken;
}

static void
hand_wait(struct hand_job *j)
{
	struct hand_job **p;

	pthread_mutex_lock(&hands.lock);
	for (p = &hands.first; *p != NULL && *p != j; p = &(*p)->next)
		;
	if (*p == j) {
		/* not begun: the hand that was woken did not get to run */
		*p = j->next;
		hands.queued--;
		pthread_mutex_unlock(&hands.lock);
		digest_update_md5(j->digest, j->data, j->len);
		pthread_cond_destroy(&j->finished);
		return;
	}
	while (!j->done)
		pthread_cond_wait(&j->finished, &hands.lock);
	pthread_mutex_unlock(&hands.lock);
	pthread_cond_destroy(&j->finished);
}

/* --- a body --------------------------------------------------------------- */

int
ingest_promises(struct req *r, struct ingest *in)
{
	if (in->max_bytes == 0)
		in->max_bytes = PUT_MAX;
	if (r->has_length && r->length_bytes > in->max_bytes) {
		char text[24];

		snprintf(text, sizeof(text), "%llu",
		    (unsigned long long)r->length_bytes);
		req_error_detail(r, "ProposedSize", text);
		req_error(r, "EntityTooLarge", NULL);
		return -1;
	}
	return digest_promises(r, &in->digest);
}

int
ingest_place(struct req *r, struct ingest *in, const char *storage_class,
    uint64_t size_bytes)
{
	struct vt_err err;
	enum vt_code rc;

	rc = vt_tiers_place(r->srv->tiers,
	    vt_places_find(r->srv->config->places, r->bucket_name, r->key,
	    r->key_len), storage_class, size_bytes, &in->tier,
	    &in->is_inline, &err);
	if (rc == VT_INVALID || rc == VT_DENIED) {
		req_error_detail(r, "StorageClassRequested",
		    storage_class != NULL ? storage_class : "");
		if (rc == VT_DENIED)
			req_error(r, "InvalidStorageClass", "The storage "
			    "class is not allowed here: %s", err.text);
		else
			req_error(r, "InvalidStorageClass", NULL);
		return -1;
	}
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return -1;
	}
	r->log.tier = in->tier->name;
	replicas_plan(r, in);
	return 0;
}

static int
begin(struct req *r, struct ingest *in)
{
	if (digest_begin(&in->digest) == 0)
		return 0;
	req_fail(r, VT_NOMEM, NULL);
	return -1;
}

static int
open_writer(struct req *r, struct ingest *in)
{
	struct vt_blob_form form;
	struct vt_err err;
	enum vt_code rc;

	rc = vt_blob_writer_open(r->srv->tiers, in->tier->name,
	    r->bucket_name, r->key, r->key_len, in->will_bytes,
	    sse_form(in->sse, &form), &in->writer, &err);
	rc = replicas_open(r, in, rc, &err);
	if (rc == VT_OK)
		return 0;
	req_fail_tier(r, in->tier->name, rc, &err);
	return -1;
}

int
ingest_open(struct req *r, struct ingest *in, uint64_t size_bytes)
{
	if (begin(r, in) < 0)
		return -1;
	in->will_bytes = size_bytes;
	switch (req_enter_tier(r, replicas_queue(r, in), size_bytes)) {
	case 0:	/* with the first bytes, on a worker of that tier */
		return 0;
	case 1:
		return open_writer(r, in);
	default:
		return -1;
	}
}

int
ingest_write(struct req *r, struct ingest *in, const void *data, size_t len)
{
	struct hand_job job = { .digest = &in->digest, .data = data,
	    .len = len };
	struct vt_err err;
	enum vt_code rc;
	int shared;

	if (in->digest.size_bytes + len > in->max_bytes) {
		req_error(r, "EntityTooLarge", NULL);
		return -1;
	}
	if (in->writer == NULL && open_writer(r, in) < 0)
		return -1;
	shared = len >= HAND_WORTH && hand_over(&job);
	digest_update_sums(&in->digest, data, len);
	rc = vt_blob_writer_write(in->writer, data, len, &err);
	rc = replicas_write(r, in, data, len, rc, &err);
	if (shared)
		hand_wait(&job);
	else
		digest_update_md5(&in->digest, data, len);
	if (rc == VT_OK)
		return 0;
	req_fail_tier(r, in->tier->name, rc, &err);
	return -1;
}

/* What the object says of itself, for the note beside its bytes. */
static void
describe_object(const struct object_meta *meta, struct vt_note *n)
{
	n->owner = meta->owner;
	n->meta = meta->data;
	n->meta_len = meta->len;
	n->tags = meta->tags;
	n->acl = meta->acl;
	n->lock_mode = meta->lock.mode;
	n->retain_until_us = meta->lock.retain_until_us;
	n->legal_hold = meta->lock.hold;
}

/* The same of an upload, for that of a part. */
static void
describe_upload(const struct vt_upload *u, struct vt_note *n)
{
	n->upload = u->id;
	n->owner = u->owner;
	n->meta = u->meta;
	n->meta_len = u->meta_len;
	n->tags = u->tags;
	n->acl = u->acl;
	n->sse = u->sse;
	n->lock_mode = u->lock_mode;
	n->retain_until_us = u->retain_until_us;
	n->legal_hold = u->legal_hold;
}

#define SUM_MAX (DIGEST_TEXT_MAX + 32)

/* What is told beside the bytes of whose they are (P11), and which version
 * they are to be. */
static enum vt_code
describe(const struct req *r, struct ingest *in, char sum[SUM_MAX],
    struct vt_note *n, struct vt_err *err)
{
	uint8_t id[VT_ID_LEN / 2];

	*n = (struct vt_note){ .plain_bytes = in->digest.size_bytes,
	    .crc64 = in->digest.crc64, .bucket = r->bucket_name,
	    .key = r->key, .key_len = r->key_len, .etag = in->digest.etag,
	    .sse = in->sse != NULL ? in->sse->stored : "" };
	n->written_us = vt_clock_now_us(r->srv->clock);
	if (in->meta != NULL) {
		describe_object(in->meta, n);
		if (vt_random(id, sizeof(id)) < 0)
			return vt_fail(err, VT_BUSY, "no random numbers");
		vt_hex_encode(id, sizeof(id), in->version_id);
		memcpy(n->version_id, in->version_id, sizeof(n->version_id));
	}
	if (in->upload != NULL) {
		describe_upload(in->upload, n);
		n->part_number = in->part_number;
	}
	if (in->digest.has_sum) {
		/* as the row has it: a part's sum has no type */
		snprintf(sum, SUM_MAX, "%s %s%s",
		    sum_name(in->digest.alg),
		    in->upload != NULL ? "" : "FULL_OBJECT ",
		    in->digest.text);
		n->checksum = sum;
	}
	return VT_OK;
}

/* Commit the ingest's own blob: into in->extent. */
static enum vt_code
commit(struct req *r, struct ingest *in, const struct vt_note *n,
    struct vt_err *err)
{
	struct vt_blob_writer *w = in->writer;
	enum vt_code rc;

	in->writer = NULL;
	rc = vt_blob_writer_note(w, n, err);
	if (rc != VT_OK) {
		vt_blob_writer_abort(w);
		return rc;
	}
	rc = vt_blob_writer_commit(w, r->arena, &in->extent, err);
	if (rc != VT_OK)
		return rc;
	in->on_tier = 1;
	r->log.backend_requests++;
	r->log.backend_bytes += (int64_t)in->extent.e.blob.size_bytes;
	return VT_OK;
}

int
ingest_close(struct req *r, struct ingest *in)
{
	struct vt_blob_writer *w = in->writer;
	char sum[SUM_MAX];
	struct vt_note n;
	struct vt_err err;
	enum vt_code rc;

	digest_end(&in->digest);
	r->log.size = (int64_t)in->digest.size_bytes;
	if (digest_check(r, &in->digest) < 0 ||
	    sse_etag(r, in->sse, &in->digest) < 0)
		return -1;
	if (in->digest.size_bytes == 0) {
		in->writer = NULL;
		vt_blob_writer_abort(w);
		replicas_release(r, in);
		return 0;
	}
	rc = describe(r, in, sum, &n, &err);
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return -1;
	}
	rc = commit(r, in, &n, &err);
	rc = replicas_commit(r, in, &n, rc, &err);
	if (rc != VT_OK) {
		req_fail_tier(r, in->tier->name, rc, &err);
		return -1;
	}
	in->extent_count = 1;
	/* what reached the tier is what was hashed, unless transformed (P5) */
	if (*in->extent.e.blob.transform == '\0' &&
	    in->extent.e.blob.crc64 != in->digest.crc64) {
		vt_fail(&err, VT_CORRUPT, "the bytes written to tier '%s' "
		    "are not those received", in->tier->name);
		req_fail(r, VT_CORRUPT, &err);
		return -1;
	}
	return 0;
}

/* Hash, check and place bytes in the catalog: does not block. */
static int
inline_bytes(struct req *r, struct ingest *in, const void *data, size_t len)
{
	struct vt_blob_form form;
	struct vt_err err;
	enum vt_code rc;

	if (begin(r, in) < 0)
		return -1;
	digest_update(&in->digest, data, len);
	digest_end(&in->digest);
	r->log.size = (int64_t)len;
	if (digest_check(r, &in->digest) < 0 ||
	    sse_etag(r, in->sse, &in->digest) < 0)
		return -1;
	if (len == 0)
		return 0;
	rc = vt_blob_inline_as(r->srv->tiers, in->tier->name, data, len,
	    sse_form(in->sse, &form), r->arena, &in->extent, &err);
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return -1;
	}
	in->extent_count = 1;
	in->on_tier = 1;
	return 0;
}

int
ingest_blocks(const struct ingest *in, size_t len)
{
	return len > 0 && !in->is_inline;
}

int
ingest_whole(struct req *r, struct ingest *in, const void *data, size_t len)
{
	if (!ingest_blocks(in, len))
		return inline_bytes(r, in, data, len);
	if (ingest_open(r, in, len) < 0 ||
	    ingest_write(r, in, data, len) < 0)
		return -1;
	return ingest_close(r, in);
}

/* --- the row -------------------------------------------------------------- */

/* The blob is garbage now, or recovery will find it: go on either way. */
static void
dropped(struct vt_cat_op *op)
{
	req_resume(op->ctx);
}

/* One blob more that the collector is to remove. */
static void
note_garbage(struct ingest *in, const struct vt_blob *b)
{
	struct vt_garbage *g;

	g = &in->garbage[in->drop.u.garbage.count++];
	g->blob_id = b->id;
	g->tier = b->tier;
	g->name = b->name;
	g->token = b->token;
	g->size_bytes = b->size_bytes;
}

static void
settled(struct vt_cat_op *op)
{
	struct ingest *in = op->ctx;
	struct req *r = in->req;

	if (in->done(r)) {
		vt_catalog_submit(r->srv->catalog, op);
		return;
	}
	if (op->code == VT_OK)
		replicas_settled(in);
	/* Nothing lies anywhere; only its id is to be given back. */
	if (in->on_tier && in->extent.e.blob.is_inline) {
		in->on_tier = 0;
		vt_blob_discard(r->srv->tiers, &in->extent);
	}
	if (!in->on_tier) {
		req_resume(r);
		return;
	}
	/* removing bytes blocks and this is the catalog's thread: the
	 * collector does it */
	in->drop.kind = VT_CAT_GARBAGE_ADD;
	in->drop.u.garbage.rows = in->garbage;
	in->drop.u.garbage.count = 0;
	note_garbage(in, &in->extent.e.blob);
	for (unsigned i = 0; i < in->more_count; i++)
		note_garbage(in, &in->more[i].extent.e.blob);
	replicas_settled(in);
	in->drop.done = dropped;
	in->drop.ctx = r;
	vt_catalog_submit(r->srv->catalog, &in->drop);
}

void
ingest_version(struct ingest *in)
{
	struct vt_cat_put *row = &in->op.u.put;

	if (in->op.kind != VT_CAT_PUT || in->version_id[0] == '\0')
		return;
	memcpy(row->v.version_id, in->version_id, sizeof(in->version_id));
	row->keep_version_id = 1;
}

void
ingest_submit(struct req *r, struct ingest *in, int (*done)(struct req *r))
{
	in->req = r;
	in->done = done;
	in->op.done = settled;
	in->op.ctx = in;
	ingest_version(in);
	if (notify_prepare(r, &in->op, NULL) < 0)
		return;
	req_async(r);
	vt_catalog_submit(r->srv->catalog, &in->op);
}

void
ingest_release(struct req *r, struct ingest *in)
{
	digest_release(&in->digest);
	vt_blob_writer_abort(in->writer);
	in->writer = NULL;
	if (in->on_tier)
		vt_blob_discard(r->srv->tiers, &in->extent);
	in->on_tier = 0;
	replicas_release(r, in);
}
