/* A catalog made anew from a snapshot and the tiers: see rebuild.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/fs.h"

#include "libvt/work/rebuild.h"
#include "libvt/work/snapshot.h"

#define ARENA_MAX ((size_t)64 << 20)
/*
 * A blob of before the snapshot that no row of it speaks of was being written
 * then, when it is no older than this: what is deleted stays garbage for
 * longer (VT_DELETE_GRACE_MS), and bytes go before their garbage row.
 */
#define BEFORE_US (60LL * 1000000)
#define PAGE 1000

struct rebuild {
	const struct vt_rebuild_options *o;
	struct vt_recreate r;
	struct vt_arena *a;
	struct vt_keyring *keyring;
	char path[4096];	/* the file that is to be the catalog */
	/* copies without bytes, of one page of the scan */
	struct {
		int64_t seq, copy_id;
		char *bucket, *key;
		size_t key_len;
		char version_id[VT_ID_LEN + 1];
		char tier[33];
		uint64_t size_bytes;
		int is_locked;
	} *lost;
	size_t lost_count, lost_cap;
};

static void
tell(struct rebuild *b, const struct vt_finding *f)
{
	if (b->o->tell != NULL)
		b->o->tell(b->o->ctx, f);
}

/* --- the snapshot --------------------------------------------------------- */

/* What belongs to a catalog's file, and goes with it. */
static void
remove_catalog(const char *path)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-turn",
	    "-lock", "-reserve" };
	char name[4200];
	size_t i;

	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
	snprintf(name, sizeof(name), "%s-owners", path);
	rmdir(name);
}

static enum vt_code
open_catalog(struct rebuild *b, struct vt_err *err)
{
	struct vt_catalog_options co = { .clock = b->o->clock,
	    .checkpointer = 1, .delete_grace_ms = VT_DELETE_GRACE_MS };

	return vt_catalog_open(b->path, &co, &b->r.catalog, err);
}

/* Is the file that was fetched a whole catalog?  What it was in the middle of
 * is remembered, and it gets its new identity. */
static enum vt_code
adopt_file(struct rebuild *b, struct vt_err *err)
{
	struct vt_id_block *ids;
	enum vt_code rc;

	rc = open_catalog(b, err);
	if (rc == VT_OK)
		rc = vt_catalog_check(b->r.catalog, err);
	if (rc == VT_OK) {
		rc = vt_catalog_open_ids(b->r.catalog, b->a,
		    &b->r.next_blob, &ids, &b->r.open_count, err);
		b->r.open_ids = ids;
		b->r.incarnation = vt_catalog_incarnation(b->r.catalog);
	}
	vt_catalog_close(b->r.catalog);
	b->r.catalog = NULL;
	return rc == VT_OK ? vt_catalog_reborn(b->path, err) : rc;
}

static enum vt_code
take_snapshot(struct rebuild *b, const struct vt_snapshot *s,
    struct vt_err *err)
{
	struct vt_finding f = { .what = "snapshot", .tier = s->tier,
	    .name = s->name, .size_bytes = s->size_bytes,
	    .time_us = s->time_us };
	enum vt_code rc;

	remove_catalog(b->path);
	rc = vt_snapshot_fetch(b->r.tiers, s, b->path, err);
	if (rc == VT_OK)
		rc = adopt_file(b, err);
	if (rc == VT_OK) {
		b->r.since_us = s->time_us - BEFORE_US;
		tell(b, &f);
	}
	return rc;
}

static int
by_age(const void *a, const void *b)
{
	const struct vt_snapshot *x = a, *y = b;

	return x->time_us < y->time_us ? 1 : x->time_us > y->time_us ? -1 :
	    0;
}

/* Those of all tiers that can be asked, newest first. */
static enum vt_code
all_snapshots(struct rebuild *b, struct vt_snapshot **out, size_t *count,
    struct vt_err *err)
{
	const struct vt_config *c = b->o->config;
	struct vt_snapshot *one, *all;
	size_t i, n;
	enum vt_code rc = VT_OK;

	*count = 0;
	*out = all = vt_arena_alloc(b->a,
	    c->tier_count * PAGE * sizeof(*all));
	if (all == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	for (i = 0; i < c->tier_count && rc == VT_OK; i++) {
		rc = vt_snapshot_list(b->r.tiers, c->tier[i].name, b->a, &one,
		    &n, err);
		if (rc != VT_OK)
			break;
		if (n > 0)
			memcpy(all + *count, one, n * sizeof(*one));
		*count += n;
	}
	qsort(all, *count, sizeof(*all), by_age);
	return rc;
}

/* Another store's snapshots on the same tiers: which is meant? */
static enum vt_code
check_alone(struct rebuild *b, const struct vt_snapshot *all, size_t count,
    struct vt_err *err)
{
	size_t i;
	enum vt_code rc;

	rc = open_catalog(b, err);
	for (i = 0; i < count && rc == VT_OK; i++)
		if (!vt_catalog_descends(b->r.catalog, all[i].incarnation))
			rc = vt_fail(err, VT_PRECONDITION, "'%s' on '%s' is "
			    "of another store than the newest snapshot: name "
			    "one (--from-snapshot)", all[i].name,
			    all[i].tier);
	vt_catalog_close(b->r.catalog);
	b->r.catalog = NULL;
	return rc;
}

static enum vt_code
newest_snapshot(struct rebuild *b, struct vt_err *err)
{
	struct vt_finding f = { .what = "broken snapshot" };
	struct vt_snapshot *all;
	size_t n, i;
	enum vt_code rc;

	rc = all_snapshots(b, &all, &n, err);
	if (rc != VT_OK)
		return rc;
	if (n == 0)
		return vt_fail(err, VT_ABSENT, "no tier has a snapshot of "
		    "the catalog (--salvage needs none)");
	for (i = 0; i < n; i++) {
		rc = take_snapshot(b, &all[i], err);
		if (rc != VT_CORRUPT && rc != VT_ABSENT)
			break;
		f.tier = all[i].tier;
		f.name = all[i].name;
		f.why = err->text;
		f.time_us = all[i].time_us;
		tell(b, &f);
	}
	return rc == VT_OK ? check_alone(b, all, n, err) : rc;
}

/* The one that was named: "TIER:NAME" or a file. */
static enum vt_code
named_snapshot(struct rebuild *b, struct vt_err *err)
{
	const char *from = b->o->from, *colon = strchr(from, ':');
	struct vt_finding f = { .what = "snapshot", .name = from };
	struct vt_snapshot s;
	enum vt_code rc;

	if (colon != NULL && vt_snapshot_parse(colon + 1, &s) &&
	    colon - from < (long)sizeof(s.tier)) {
		memcpy(s.tier, from, (size_t)(colon - from));
		s.tier[colon - from] = '\0';
		return take_snapshot(b, &s, err);
	}
	remove_catalog(b->path);
	rc = vt_snapshot_copy(from, b->path, err);
	if (rc == VT_OK)
		rc = adopt_file(b, err);
	if (rc != VT_OK)
		return rc;
	/* when it was made nobody says: its ids alone tell what came later */
	b->r.since_us = INT64_MIN;
	tell(b, &f);
	return VT_OK;
}

/* --- what came later ------------------------------------------------------ */

/* Names of ids that the snapshot knew to be free, written since. */
static int
is_later(struct vt_recreate *r, const struct vt_note *n)
{
	size_t i;

	if (n->incarnation != r->incarnation) {
		r->n.foreign++;
		return 0;
	}
	if (n->blob_id >= r->next_blob)
		return 1;
	for (i = 0; i < r->open_count; i++)
		if (n->blob_id >= r->open_ids[i].first && n->blob_id <
		    r->open_ids[i].first + r->open_ids[i].count &&
		    n->written_us >= r->since_us)
			return 1;
	r->n.former++;
	return 0;
}

static int
mark_gone(void *ctx, const struct vt_blob *blob)
{
	struct rebuild *b = ctx;

	b->r.failed = vt_scratch_mark(b->r.scratch, blob->id, &b->r.err);
	return b->r.failed != VT_OK;
}

/* A lasting copy some of whose bytes are gone. */
static int
is_broken(struct vt_recreate *r, const struct vt_copy *c)
{
	for (size_t i = 0; i < c->extent_count; i++)
		if (vt_scratch_is_marked(r->scratch, c->extents[i].blob.id))
			return 1;
	return 0;
}

/* The bytes of a copy that is gone have moved: there they are. */
static enum vt_code
attach(struct vt_recreate *r, const struct vt_version *v,
    const struct vt_copy *broken, const struct vt_pieces *p,
    struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(ARENA_MAX);
	struct vt_cat_extent *x;
	enum vt_code rc;
	size_t i;

	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_recreate_extents(r, p, v, a, &x, err);
	/* of the same stored bytes the snapshot knows better: their data key
	 * may have been wrapped anew before it */
	for (i = 0; rc == VT_OK && i < p->count &&
	    p->count == broken->extent_count; i++) {
		const struct vt_blob *was = &broken->extents[i].blob;

		if (x[i].e.blob.crc64 == was->crc64 &&
		    x[i].e.blob.size_bytes == was->size_bytes)
			x[i].e.blob.transform = was->transform;
	}
	if (rc == VT_OK) {
		rc = vt_recreate_attach(r, v, broken, p->tier, x, p->count,
		    err);
		if (rc != VT_OK)
			vt_extents_forget(r, x, p->count);
	}
	vt_arena_free(a);
	return rc;
}

static int
known(struct vt_recreate *r, const struct vt_version *v,
    const struct vt_pieces *p)
{
	struct vt_finding f = { .what = "moved", .tier = p->tier,
	    .key = v->key, .key_len = v->key_len, .version = v->version_id,
	    .size_bytes = v->size_bytes };
	const struct vt_copy *broken = vt_recreate_broken(r, v);
	struct vt_bucket bucket;
	struct vt_arena *a;
	struct vt_err err, ignored;
	enum vt_code rc;

	/* the one it was copied from is still there, and as good */
	if (broken == NULL) {
		r->n.unneeded += p->count;
		return 0;
	}
	rc = attach(r, v, broken, p, &err);
	if (rc == VT_OK)
		r->n.moved++;
	else if (rc == VT_NOMEM || rc == VT_NOSPACE || rc == VT_CANCELLED ||
	    rc == VT_BUSY || rc == VT_IO) {
		r->failed = rc;
		r->err = err;
		return 1;
	} else {
		r->n.unproved += p->count;
		f.what = "unproved";
		f.name = p->p[0].name;
		f.why = err.text;
	}
	a = vt_arena_new(ARENA_MAX);
	if (a != NULL && vt_catalog_bucket_by_id(r->catalog, a, v->bucket_id,
	    &bucket, &ignored) == VT_OK)
		f.bucket = bucket.name;
	vt_recreate_tell(r, &f);
	vt_arena_free(a);
	return 0;
}

/* --- parts ---------------------------------------------------------------- */

static enum vt_code
put_part(struct vt_recreate *r, const struct vt_scratch_row *row,
    struct vt_arena *a, struct vt_note *n, struct vt_err *err)
{
	struct vt_pieces p = { .tier = vt_tiers_tier(r->tiers,
	    row->tier)->name };
	struct vt_version whole;
	struct vt_cat_extent *x = NULL;
	struct vt_upload *u;
	struct vt_cat_op op;
	enum vt_code rc;

	memset(&whole, 0, sizeof(whole));
	rc = vt_note_read(vt_tiers_backend(r->tiers, row->tier), row->name, a,
	    n, err);
	if (rc == VT_OK)
		rc = vt_catalog_upload(r->catalog, a, row->upload, &u, err);
	if (rc == VT_OK && (u->is_complete || strcmp(u->tier, p.tier) != 0))
		rc = vt_fail(err, VT_ABSENT, "the upload is complete");
	whole.size_bytes = n->plain_bytes;
	whole.crc64 = n->crc64;
	if (rc == VT_OK && vt_pieces_add(&p, row) < 0)
		rc = vt_fail(err, VT_NOMEM, "out of memory");
	if (rc == VT_OK)
		rc = vt_recreate_extents(r, &p, &whole, a, &x, err);
	if (rc == VT_OK) {
		memset(&op, 0, sizeof(op));
		op.kind = VT_CAT_PART_PUT;
		op.u.part.upload_id = row->upload;
		op.u.part.number = row->part_number;
		op.u.part.size_bytes = n->plain_bytes;
		op.u.part.crc64 = n->crc64;
		op.u.part.etag = n->etag;
		op.u.part.checksum = n->checksum;
		op.u.part.extents = x;
		op.u.part.extent_count = 1;
		rc = vt_catalog_run(r->catalog, &op, err);
		if (rc != VT_OK)
			vt_extents_forget(r, x, 1);
	}
	vt_pieces_release(&p);
	return rc;
}

/* A part goes back into its upload; of an upload that the snapshot does not
 * know nobody can say whether, and of which parts, it became an object. */
static int
see_part(void *ctx, const struct vt_scratch_row *row)
{
	struct rebuild *b = ctx;
	struct vt_recreate *r = &b->r;
	struct vt_finding f = { .what = "unproved", .tier = row->tier,
	    .name = row->name, .upload = row->upload,
	    .size_bytes = row->size_bytes };
	struct vt_arena *a;
	struct vt_note n;
	struct vt_err err;
	enum vt_code rc;

	if (vt_recreate_stopped(r))
		return 1;
	a = vt_arena_new(ARENA_MAX);
	if (a == NULL) {
		r->failed = vt_fail(&r->err, VT_NOMEM, "out of memory");
		return 1;
	}
	memset(&n, 0, sizeof(n));
	rc = put_part(r, row, a, &n, &err);
	f.bucket = n.bucket;
	f.key = n.key;
	f.key_len = n.key_len;
	if (rc == VT_OK)
		r->n.parts++;
	else if (rc == VT_NOMEM || rc == VT_NOSPACE || rc == VT_CANCELLED ||
	    rc == VT_BUSY) {
		r->failed = rc;
		r->err = err;
	} else {
		r->n.unproved++;
		f.why = rc == VT_ABSENT ? "a part of an upload that the "
		    "snapshot does not have in progress" : err.text;
		vt_recreate_tell(r, &f);
	}
	vt_arena_free(a);
	return r->failed != VT_OK;
}

/* --- what is lost --------------------------------------------------------- */

static int
note_lost(struct rebuild *b, const struct vt_bucket *bucket,
    const struct vt_version *v, const struct vt_copy *c)
{
	void *grown;
	size_t i;

	if (b->lost_count == b->lost_cap) {
		b->lost_cap = b->lost_cap != 0 ? 2 * b->lost_cap : 64;
		grown = realloc(b->lost, b->lost_cap * sizeof(*b->lost));
		if (grown == NULL)
			return -1;
		b->lost = grown;
	}
	i = b->lost_count;
	memset(&b->lost[i], 0, sizeof(b->lost[i]));
	b->lost[i].seq = v->seq;
	b->lost[i].copy_id = c->id;
	b->lost[i].bucket = strdup(bucket->name);
	b->lost[i].key = malloc(v->key_len + 1);
	if (b->lost[i].key != NULL)
		memcpy(b->lost[i].key, v->key, v->key_len);
	b->lost[i].key_len = v->key_len;
	memcpy(b->lost[i].version_id, v->version_id,
	    sizeof(b->lost[i].version_id));
	snprintf(b->lost[i].tier, sizeof(b->lost[i].tier), "%s", c->tier);
	b->lost[i].size_bytes = v->size_bytes;
	b->lost[i].is_locked = v->legal_hold == VT_HOLD_ON ||
	    (v->lock_mode != VT_LOCK_NONE && v->retain_until_us >
	    vt_clock_now_us(b->o->clock));
	b->lost_count++;
	return b->lost[i].bucket != NULL && b->lost[i].key != NULL ? 0 : -1;
}

static int
see_version(void *ctx, const struct vt_bucket *bucket,
    const struct vt_version *v)
{
	struct rebuild *b = ctx;
	size_t i;

	for (i = 0; i < v->copy_count; i++)
		if (is_broken(&b->r, &v->copies[i]) &&
		    note_lost(b, bucket, v, &v->copies[i]) < 0) {
			b->r.failed = vt_fail(&b->r.err, VT_NOMEM,
			    "out of memory");
			return 1;
		}
	return vt_recreate_stopped(&b->r);
}

static void
forget_lost(struct rebuild *b)
{
	while (b->lost_count > 0) {
		b->lost_count--;
		free(b->lost[b->lost_count].bucket);
		free(b->lost[b->lost_count].key);
	}
}

/* An empty place where a tier should be is another place, not a loss. */
static enum vt_code
check_loss(const struct rebuild *b, const char *tier, struct vt_err *err)
{
	const struct vt_config *c = b->o->config;
	size_t i;

	for (i = 0; i < c->tier_count && !b->o->accept_loss; i++)
		if (b->r.is_empty[i] > 0 &&
		    strcmp(c->tier[i].name, tier) == 0)
			return vt_fail(err, VT_PRECONDITION, "tier '%s' has "
			    "none of the %llu blobs that the snapshot knows "
			    "there: is it the right place? (--accept-loss)",
			    tier, (unsigned long long)b->r.is_empty[i]);
	return VT_OK;
}

static enum vt_code
drop_lost(struct rebuild *b, struct vt_err *err)
{
	struct vt_finding f;
	struct vt_cat_op op;
	enum vt_code rc = VT_OK;
	size_t i;

	for (i = 0; i < b->lost_count && rc == VT_OK; i++) {
		rc = check_loss(b, b->lost[i].tier, err);
		if (rc != VT_OK)
			break;
		memset(&op, 0, sizeof(op));
		op.kind = VT_CAT_REPAIR;
		op.u.repair.seq = b->lost[i].seq;
		op.u.repair.copy_id = b->lost[i].copy_id;
		op.u.repair.is_lost = 1;
		op.u.repair.grace_ms = b->o->config->grace_ms;
		rc = vt_catalog_run(b->r.catalog, &op, err);
		if (rc != VT_OK)
			break;
		f = (struct vt_finding){ .what = op.u.repair.version_gone ?
		    "lost" : "copy lost", .bucket = b->lost[i].bucket,
		    .key = b->lost[i].key, .key_len = b->lost[i].key_len,
		    .version = b->lost[i].version_id,
		    .tier = b->lost[i].tier,
		    .size_bytes = b->lost[i].size_bytes,
		    .why = b->lost[i].is_locked ? "it was locked" : NULL };
		if (op.u.repair.version_gone)
			b->r.n.lost++;
		else
			b->r.n.copies_lost++;
		tell(b, &f);
	}
	forget_lost(b);
	return rc;
}

/* An upload some of whose parts are gone: it was completed or aborted after
 * the snapshot. */
static int
see_user(void *ctx, const struct vt_blob_user *u)
{
	struct rebuild *b = ctx;
	struct vt_finding f = { .what = "upload lost",
	    .upload = u->upload_id };
	struct vt_cat_op op;
	enum vt_code rc;

	if (u->seq != 0 || u->upload_id[0] == '\0')
		return 0;
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_UPLOAD_ABORT;
	op.u.upload_abort.upload_id = u->upload_id;
	rc = vt_catalog_run(b->r.catalog, &op, &b->r.err);
	if (rc == VT_OK)
		tell(b, &f);
	else if (rc != VT_ABSENT)
		b->r.failed = rc;
	return b->r.failed != VT_OK;
}

static enum vt_code
lose_uploads(struct rebuild *b, struct vt_err *err)
{
	struct vt_catalog_stats stats;
	uint64_t ids[PAGE], after = 0;
	size_t n = 0;
	enum vt_code rc;

	rc = vt_catalog_stats(b->r.catalog, &stats, err);
	if (rc != VT_OK || stats.uploads == 0)
		return rc;
	do {
		rc = vt_scratch_marked(b->r.scratch, after, ids, PAGE, &n,
		    err);
		if (rc == VT_OK && n > 0) {
			after = ids[n - 1];
			rc = vt_catalog_blob_users(b->r.catalog, ids, n,
			    see_user, b, err);
		}
		if (b->r.failed != VT_OK) {
			*err = b->r.err;
			return b->r.failed;
		}
	} while (rc == VT_OK && n == PAGE);
	return rc;
}

static enum vt_code
lose(struct rebuild *b, struct vt_err *err)
{
	struct vt_scan_pos pos;
	enum vt_code rc;
	int more = 1;

	memset(&pos, 0, sizeof(pos));
	do {
		rc = vt_catalog_scan(b->r.catalog, &pos, PAGE, see_version, b,
		    &more, err);
		if (b->r.failed != VT_OK) {
			*err = b->r.err;
			rc = b->r.failed;
		}
		if (rc == VT_OK)
			rc = drop_lost(b, err);
	} while (rc == VT_OK && more);
	forget_lost(b);
	return rc == VT_OK ? lose_uploads(b, err) : rc;
}

/* --- the whole ------------------------------------------------------------ */

static enum vt_code
rebuild(struct rebuild *b, struct vt_err *err)
{
	char scratch[4200];
	enum vt_code rc;

	/* tiers for looking: their catalog is not there yet */
	rc = vt_tiers_open(b->o->config, NULL, b->o->clock, 0, &b->r.tiers,
	    err);
	if (rc == VT_OK)
		rc = b->o->from != NULL ? named_snapshot(b, err) :
		    newest_snapshot(b, err);
	vt_tiers_close(b->r.tiers);
	b->r.tiers = NULL;
	if (rc == VT_OK)
		rc = open_catalog(b, err);
	if (rc == VT_OK)
		rc = vt_tiers_open(b->o->config, b->r.catalog, b->o->clock, 0,
		    &b->r.tiers, err);
	if (rc == VT_OK)
		rc = vt_keyring_open(b->o->config, b->r.catalog, b->o->env,
		    NULL, &b->keyring, err);
	if (rc != VT_OK)
		return rc;
	vt_tiers_use_keyring(b->r.tiers, b->keyring);
	snprintf(scratch, sizeof(scratch), "%s-seen", b->path);
	rc = vt_scratch_open(scratch, &b->r.scratch, err);
	if (rc == VT_OK)
		rc = vt_recreate_list(&b->r, err);
	if (rc == VT_OK)
		rc = vt_recreate_claim(&b->r, mark_gone, b, err);
	if (rc == VT_OK)
		rc = vt_recreate_notes(&b->r, err);
	if (rc == VT_OK)
		rc = vt_recreate_moved(&b->r, known, err);
	/* what was overwritten since is no loss */
	if (rc == VT_OK)
		rc = vt_recreate_objects(&b->r, err);
	if (rc == VT_OK)
		rc = lose(b, err);
	if (rc == VT_OK) {
		rc = vt_scratch_rows(b->r.scratch, VT_SCRATCH_PARTS, see_part,
		    b, err);
		if (b->r.failed != VT_OK) {
			*err = b->r.err;
			rc = b->r.failed;
		}
	}
	return rc;
}

/* The old catalog steps aside, with its log, and the new one in its place. */
static enum vt_code
install(const struct rebuild *b, struct vt_err *err)
{
	const char *path = b->o->config->catalog_path;
	char from[4200], to[4200], dir[4096], time[17];
	const char *const logs[] = { "", "-wal", "-shm" };
	char *slash;
	size_t i;

	vt_time_amz(vt_clock_now_us(b->o->clock), time);
	for (i = 0; i < 3 && access(path, F_OK) == 0; i++) {
		/* the log first: the catalog's file says that all is done */
		snprintf(from, sizeof(from), "%s%s", path, logs[2 - i]);
		snprintf(to, sizeof(to), "%s.%s%s", path, time, logs[2 - i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			return vt_fail_errno(err, "cannot put '%s' aside",
			    from);
	}
	/* a log without its catalog would be taken for the new one's */
	for (i = 1; i < 3; i++) {
		snprintf(from, sizeof(from), "%s%s", path, logs[i]);
		if (unlink(from) < 0 && errno != ENOENT)
			return vt_fail_errno(err, "cannot remove '%s'", from);
	}
	if (rename(b->path, path) < 0)
		return vt_fail_errno(err, "cannot name '%s'", path);
	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash != NULL)
		*slash = '\0';
	return vt_fs_sync_dir(slash != NULL ? dir : ".", err);
}

enum vt_code
vt_rebuild_run(const struct vt_rebuild_options *o,
    struct vt_recreate_result *out, struct vt_err *err)
{
	struct rebuild b = { .o = o };
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	if (access(o->config->catalog_path, F_OK) == 0 && !o->force)
		return vt_fail(err, VT_EXISTS, "there is a catalog at '%s' "
		    "(--force puts it aside)", o->config->catalog_path);
	if ((size_t)snprintf(b.path, sizeof(b.path), "%s-rebuild",
	    o->config->catalog_path) >= sizeof(b.path) - 100)
		return vt_fail(err, VT_INVALID, "path too long: '%s'",
		    o->config->catalog_path);
	b.a = vt_arena_new(ARENA_MAX);
	if (b.a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	b.r.config = o->config;
	b.r.clock = o->clock;
	b.r.tell = o->tell;
	b.r.tell_ctx = o->ctx;
	b.r.stop = o->stop;
	b.r.stop_ctx = o->ctx;
	b.r.wanted = is_later;
	rc = rebuild(&b, err);
	vt_scratch_close(b.r.scratch);
	vt_recreate_packs_release(&b.r);
	if (rc == VT_OK)
		rc = vt_catalog_check(b.r.catalog, err);
	vt_tiers_close(b.r.tiers);
	vt_keyring_close(b.keyring);
	vt_catalog_close(b.r.catalog);
	if (rc == VT_OK)
		rc = install(&b, err);
	/* what lies beside it belongs to nobody any more */
	remove_catalog(b.path);
	*out = b.r.n;
	free(b.lost);
	vt_arena_free(b.a);
	return rc;
}
