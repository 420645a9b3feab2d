/* An object in parts: a large file, or a stream. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cli.h"

#include "put.h"

uint64_t
part_size_for(uint64_t size)
{
	uint64_t part = opt.part_size;
	uint64_t least = (size + VT_S3_PARTS_MAX - 1) / VT_S3_PARTS_MAX;

	if (part < least)
		part = (least + MIB - 1) / MIB * MIB;
	return part;
}

static uint64_t
part_len(const struct upload *u, unsigned index)
{
	uint64_t at = (uint64_t)index * u->part_size;

	return u->size - at < u->part_size ? u->size - at : u->part_size;
}

/* --- an upload that was interrupted --------------------------------------- */

struct found {
	const struct item *item;
	char *id;
	int64_t initiated_us;
	struct vt_s3_part *part;	/* VT_S3_PARTS_MAX of them */
	unsigned count;
};

static int
visit_upload(void *ctx, const char *key, const char *id, int64_t initiated_us)
{
	struct found *f = ctx;
	int64_t mtime_us = (int64_t)f->item->mtime.tv_sec * 1000000 +
	    f->item->mtime.tv_nsec / 1000;

	if (strcmp(key, f->item->key) != 0)
		return 0;
	/* Perhaps begun before the file got its present contents: not of this
	 * file.  Servers tell whole seconds or milliseconds, cut off, so that
	 * an upload begun right after a change is begun again: its bytes cost
	 * less than a mix of old and new ones. */
	if (initiated_us <= mtime_us)
		return 0;
	if (f->id != NULL && initiated_us <= f->initiated_us)
		return 0;
	free(f->id);
	f->id = cli_strdup(id);
	f->initiated_us = initiated_us;
	return 0;
}

static int
visit_part(void *ctx, const struct vt_s3_part *p)
{
	struct found *f = ctx;

	f->part[p->number - 1] = *p;
	f->count++;
	return 0;
}

/* The size of the parts that are stored, if the whole file can be cut so:
 * the run that was interrupted may have had another --part-size. */
static uint64_t
layout_of(const struct found *f, uint64_t size)
{
	uint64_t part = 0, last;
	unsigned i, parts;

	for (i = 0; i < VT_S3_PARTS_MAX; i++)
		if (f->part[i].size_bytes > part)
			part = f->part[i].size_bytes;
	/* One part alone may be the last, which is no measure. */
	if (f->count == 1 && f->part[0].number == 0)
		return 0;
	if (part < VT_S3_PART_MIN || part > size ||
	    (size + part - 1) / part > VT_S3_PARTS_MAX)
		return 0;
	parts = (unsigned)((size + part - 1) / part);
	last = size - (uint64_t)(parts - 1) * part;
	for (i = 0; i < VT_S3_PARTS_MAX; i++) {
		if (f->part[i].number == 0)
			continue;
		if (i >= parts ||
		    f->part[i].size_bytes != (i == parts - 1 ? last : part))
			return 0;
	}
	return part;
}

/*
 * Look for an upload of this file that was interrupted.  Whatever goes wrong
 * here, a new upload is always right.
 */
static int
find_upload(struct upload *u)
{
	struct found f;
	uint64_t part;

	memset(&f, 0, sizeof(f));
	f.item = u->item;
	/* Not all servers list uploads, and not all keys may. */
	if (vt_s3_list_uploads(client, opt.bucket, u->item->key, visit_upload,
	    &f, NULL) != VT_OK || f.id == NULL) {
		free(f.id);
		return 0;
	}
	f.part = cli_alloc(VT_S3_PARTS_MAX * sizeof(*f.part));
	if (vt_s3_list_parts(client, opt.bucket, u->item->key, f.id,
	    visit_part, &f, NULL) != VT_OK || f.count == 0)
		goto none;
	part = layout_of(&f, u->size);
	if (part == 0)
		goto none;
	u->id = f.id;
	u->part = f.part;
	u->part_size = part;
	return 1;
none:
	free(f.id);
	free(f.part);
	return 0;
}

/* --- the end of one ------------------------------------------------------- */

/* Remove what was sent, also when a signal has stopped the client. */
static void
abort_upload(const struct upload *u)
{
	unsigned tries = opt.s3.tries;
	struct vt_s3 *c;

	opt.s3.tries = 1;
	if (cli_s3_connect(&opt.s3, NULL, &c, NULL) == VT_OK) {
		/* Best effort: the reason is being told already. */
		if (vt_s3_abort_upload(c, opt.bucket, u->item->key, u->id,
		    NULL) != VT_OK && opt.verbose)
			cli_warn("'%s': parts of s3://%s/%s may be left on "
			    "the server", u->item->path, opt.bucket,
			    u->item->key);
		vt_s3_close(c);
	}
	opt.s3.tries = tries;
}

/* Parts the server keeps, of this run and of earlier ones. */
static unsigned
parts_kept(const struct upload *u)
{
	unsigned i, n = 0;

	for (i = 0; i < u->parts && u->fd >= 0; i++)
		n += u->part[i].number != 0;
	return n;
}

/* The last worker of an upload ends it. */
static void
end_upload(struct upload *u)
{
	struct vt_s3_put p = put_of(u->item);
	struct vt_s3_put_result res;
	struct outcome o = { "stored", u->size, &res, u->parts, u->resumed };
	unsigned kept = opt.no_resume ? 0 : parts_kept(u);
	struct vt_err err = { VT_OK, "" };

	if (u->rc == VT_OK && u->stored < u->parts)
		u->rc = vt_fail(&u->err, VT_CANCELLED, "interrupted");
	/* Parts of contents that are no more help nobody. */
	if (u->fd >= 0 && check_unchanged(u->fd, u->item, &err) != VT_OK) {
		kept = 0;
		if (u->rc == VT_OK) {
			u->rc = err.code;
			u->err = err;
		}
	}
	if (u->rc == VT_OK) {
		p.headers = &only_new;
		p.header_count = opt.if_none_match ? 1 : 0;
		u->rc = vt_s3_complete_upload(client, &p, u->id, u->part,
		    u->parts, &res, &u->err);
		u->rc = explain(u->rc, &u->err);
	}
	if (kept > 0 && (u->rc == VT_CANCELLED || u->rc == VT_BUSY)) {
		err = u->err;
		vt_fail(&u->err, u->rc, "%.300s; %u of %u parts are stored, "
		    "the same command goes on from there", err.text, kept,
		    u->parts);
		/* One of the few things worth saying after a signal. */
		if (u->rc == VT_CANCELLED)
			cli_warn("'%s': s3://%s/%s: %s", u->item->path,
			    opt.bucket, u->item->key, u->err.text);
	} else if (u->rc != VT_OK) {
		abort_upload(u);
	}
	if (u->fd >= 0)
		close(u->fd);
	finish_item(u->item, &o, u->rc, &u->err);
	u->item = NULL;
}

void
free_upload(struct upload *u)
{
	free(u->id);
	free(u->part);
	free(u);
}

/* Nothing is left to hand out or to wait for.  Under the lock. */
int
upload_over(const struct cli_open *o)
{
	const struct upload *u = (const struct upload *)o;

	if (u->running > 0)
		return 0;
	if (u->rc != VT_OK || cli_stopping())
		return 1;
	return u->eof && u->next_part >= u->parts && u->first == NULL;
}

int
upload_has_part(const struct cli_open *o)
{
	const struct upload *u = (const struct upload *)o;

	if (u->rc != VT_OK || cli_stopping())
		return 0;
	return u->fd >= 0 ? u->next_part < u->parts : u->first != NULL;
}

/* Take the upload off the list and end it.  Called and returns locked. */
void
retire(struct cli_open *o)
{
	struct upload *u = (struct upload *)o;
	struct chunk *c;
	int is_stream = u->fd < 0;

	cli_work_remove(&work, o);
	work.beginning++;	/* keeps the others from leaving */
	while (u->first != NULL) {
		c = u->first;
		u->first = c->next;
		c->next = spare;
		spare = c;
	}
	pthread_mutex_unlock(&work.lock);
	end_upload(u);
	pthread_mutex_lock(&work.lock);
	work.beginning--;
	u->ended = 1;
	pthread_cond_broadcast(&work.todo);
	pthread_cond_broadcast(&work.room);
	/* A stream is main's to free: it waits for it. */
	if (!is_stream)
		free_upload(u);
}

/* --- a part --------------------------------------------------------------- */

/* A part that an earlier run stored: is it this file's? */
static int
part_matches(const struct upload *u, const struct vt_s3_part *p,
    struct vt_s3_part *out)
{
	uint64_t at = (uint64_t)(p->number - 1) * u->part_size;
	uint8_t sum[VT_HASH_MAX], md5[16];
	uint64_t crc = 0;
	int i;

	*out = *p;
	if (p->has_crc64) {
		if (cli_hash_range(u->fd, at, p->size_bytes, VT_CRC64NVME,
		    sum, NULL) != VT_OK)
			return 0;
		for (i = 0; i < 8; i++)
			crc = crc << 8 | sum[i];
		return crc == p->crc64;
	}
	if (!vt_s3_etag_md5(p->etag, md5) ||
	    cli_hash_range(u->fd, at, p->size_bytes, VT_MD5, sum,
	    NULL) != VT_OK)
		return 0;
	return memcmp(sum, md5, 16) == 0;
}

/* One part.  Called and returns locked. */
void
work_on_part(struct cli_open *o)
{
	struct upload *u = (struct upload *)o;
	struct vt_s3_put p;
	struct vt_s3_part stored, was;
	struct vt_err err = { VT_OK, "" };
	struct chunk *c = NULL;
	unsigned number;
	enum vt_code rc = VT_OK;
	int resumed = 0;

	memset(&was, 0, sizeof(was));
	p = put_of(u->item);
	if (u->fd >= 0) {
		number = ++u->next_part;
		p.body.fd = u->fd;
		p.body.offset = (uint64_t)(number - 1) * u->part_size;
		p.body.len = part_len(u, number - 1);
		was = u->part[number - 1];
	} else {
		c = u->first;
		u->first = c->next;
		if (u->first == NULL)
			u->last = &u->first;
		u->next_part++;
		number = c->number;
		p.body.data = c->data;
		p.body.len = c->len;
	}
	u->running++;
	pthread_mutex_unlock(&work.lock);
	if (was.number != 0 && part_matches(u, &was, &stored)) {
		resumed = 1;
		cli_progress_add((int64_t)p.body.len, 0);
	} else {
		rc = vt_s3_upload_part(client, &p, u->id, number, &stored,
		    &err);
	}
	pthread_mutex_lock(&work.lock);
	u->running--;
	if (c != NULL) {
		c->next = spare;
		spare = c;
		pthread_cond_broadcast(&work.room);
	}
	if (rc == VT_OK) {
		u->part[number - 1] = stored;
		u->stored++;
		u->resumed += (unsigned)resumed;
	} else {
		/* What was not disproved may still serve the next run. */
		u->part[number - 1] = was;
		if (u->rc == VT_OK || u->rc == VT_CANCELLED) {
			u->rc = rc;
			u->err = err;
		}
	}
	if (upload_over(o))
		retire(o);
}

void
begin_upload(struct item *it, int fd)
{
	struct vt_s3_put p = put_of(it);
	struct vt_s3_head head;
	struct vt_err err = { VT_OK, "" };
	struct upload *u;
	enum vt_code rc = VT_OK;

	u = cli_alloc(sizeof(*u));
	u->item = it;
	u->fd = fd;
	u->size = it->size;
	u->part_size = part_size_for(it->size);
	u->eof = 1;
	u->last = &u->first;
	if (opt.if_none_match) {
		/* Complete will decide; this saves sending it all. */
		rc = vt_s3_head(client, opt.bucket, it->key, NULL, &head,
		    &err);
		rc = rc == VT_ABSENT ? VT_OK : rc != VT_OK ? rc :
		    vt_fail(&err, VT_EXISTS, "exists already");
	}
	if (rc == VT_OK && (opt.no_resume || !find_upload(u)))
		rc = vt_s3_create_upload(client, &p, &u->id, &err);
	if (rc != VT_OK) {
		free_upload(u);
		close(fd);
		fail_item(it, rc, &err);
		return;
	}
	u->parts = (unsigned)((u->size + u->part_size - 1) / u->part_size);
	if (u->part == NULL)
		u->part = cli_alloc(u->parts * sizeof(*u->part));
	cli_work_open(&work, &u->in);
}
