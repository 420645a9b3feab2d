/* Restores, carried out: see restore.h. */
#include <stdlib.h>
#include <string.h>

#include "libvt/work/notify.h"
#include "libvt/work/restore.h"

#define PAGE 100
#define POLL_US (60LL * 1000000)	/* of a tier that does not say when */
#define POLL_MIN_US 1000000	/* each costs a request */

#define USED_MAX 1000

/* A blob that an archive brought back for us. */
struct used {
	struct vt_backend *b;
	char *name;
};

struct run {
	const struct vt_restore_options *o;
	struct vt_restore_result *out;
	int64_t now_us;
	struct used *used;	/* USED_MAX of them, or NULL so far */
	size_t used_count;
	/* tiers on other machines that do not work: left alone for the rest
	 * of the run, so that others do not wait for each of their failures */
	const char *sick[VT_TIERS_MAX];
	size_t sick_count;
};

static void
again_at(struct run *r, int64_t us)
{
	if (us < r->out->next_us)
		r->out->next_us = us;
}

static const char *
class_of(const struct run *r, const char *tier)
{
	const struct vt_tier *t = vt_tiers_tier(r->o->migrate.tiers, tier);

	return t != NULL ? t->storage_class : "";
}

static int
is_sick(const struct run *r, const char *tier)
{
	for (size_t i = 0; i < r->sick_count; i++)
		if (strcmp(r->sick[i], tier) == 0)
			return 1;
	return 0;
}

/* The tier failed with this; will it fail with the next one too? */
static void
note_sick(struct run *r, const char *tier, enum vt_code code)
{
	const struct vt_tier *t = vt_tiers_tier(r->o->migrate.tiers, tier);

	if (t != NULL && vt_tiers_is_remote(r->o->migrate.tiers, tier) &&
	    (code == VT_BUSY || code == VT_IO || code == VT_DENIED) &&
	    !is_sick(r, tier))
		r->sick[r->sick_count++] = t->name;
}

/*
 * Is a blob readable by now?  VT_BUSY: it is on its way.  Another machine is
 * asked what it knows first, which is cheaper than to ask for it again.
 */
static enum vt_code
ask_blob(struct run *r, struct vt_backend *b, const struct vt_blob *blob,
    enum vt_restore_speed speed, struct vt_err *err)
{
	struct vt_backend_head head;
	enum vt_code rc;

	if (vt_backend_caps(b)->remote) {
		rc = vt_backend_head(b, blob->name, &head, err);
		if (rc == VT_BUSY)	/* it is the tier that is */
			return VT_IO;
		if (rc != VT_OK)
			return rc;
		if (!head.archived || head.restored_until_us > r->now_us)
			return VT_OK;
		if (head.restoring)
			return vt_fail(err, VT_BUSY, "under way");
	}
	/* a day at the tier: our own copy stays the days asked for */
	return vt_backend_restore(b, blob->name, 1, speed, err);
}

/* Is every byte of the copy readable by now?  VT_BUSY: it is on its way. */
static enum vt_code
ask_tier(struct run *r, const struct vt_restored *row,
    const struct vt_copy *source, struct vt_err *err)
{
	enum vt_code rc, all = VT_OK;
	struct vt_backend *b;
	size_t i;

	for (i = 0; i < source->extent_count; i++) {
		const struct vt_blob *blob = &source->extents[i].blob;

		if (blob->is_inline)
			continue;
		b = vt_tiers_backend(r->o->migrate.tiers, blob->tier);
		if (b == NULL)
			return vt_fail(err, VT_INVALID,
			    "no tier '%s' is configured", blob->tier);
		if (!vt_backend_caps(b)->restore)
			continue;
		rc = ask_blob(r, b, blob, (enum vt_restore_speed)row->speed,
		    err);
		if (rc == VT_BUSY)
			all = VT_BUSY;
		else if (rc != VT_OK)
			return rc;
	}
	return all;
}

/*
 * What was brought back here is not needed there any more.  Best effort: the
 * bytes are ours, and a copy that stays goes when its blob does.
 */
static void
end_used(struct run *r)
{
	while (r->used_count > 0) {
		struct used *u = &r->used[--r->used_count];

		if (u->name != NULL &&
		    vt_backend_restore_end(u->b, u->name, NULL) != VT_OK)
			r->out->left++;
		free(u->name);
	}
}

/* Not at once: another version may lie in the same pack. */
static void
remember_used(struct run *r, const struct vt_copy *source)
{
	size_t i;

	if (r->used == NULL)
		r->used = calloc(USED_MAX, sizeof(*r->used));
	for (i = 0; r->used != NULL && i < source->extent_count; i++) {
		const struct vt_blob *blob = &source->extents[i].blob;
		struct vt_backend *b = vt_tiers_backend(
		    r->o->migrate.tiers, blob->tier);

		if (blob->is_inline || b == NULL ||
		    !vt_backend_caps(b)->restore)
			continue;
		if (r->used_count == USED_MAX)
			end_used(r);
		r->used[r->used_count].b = b;
		r->used[r->used_count++].name = strdup(blob->name);
	}
}

/* Who wants to hear of it?  Not knowing is no reason to give up the bytes. */
static void
notify(struct run *r, struct vt_cat_op *op, const struct vt_bucket *b,
    const struct vt_version *v, const char *name, const char *detail,
    struct vt_arena *a)
{
	struct vt_cat_event *events = NULL;
	struct vt_err err;
	size_t count = 0;

	if (vt_notify_version(r->o->migrate.catalog, a, b, v, name, detail,
	    &events, &count, &err) != VT_OK)
		return;
	op->events = events;
	op->event_count = count;
}

static enum vt_code
bring_back(struct run *r, const struct vt_bucket *b,
    const struct vt_version *v, const struct vt_restored *row,
    const struct vt_copy *source, struct vt_arena *a, struct vt_err *err)
{
	const struct vt_migrate_options *o = &r->o->migrate;
	const struct vt_place *place = vt_places_find(o->config->places,
	    b->name, v->key, v->key_len);
	size_t to = vt_place_restored(o->config->places, place);
	struct vt_move_result moved;
	struct vt_restored now = *row;
	struct vt_new_copy n;
	struct vt_cat_op op;
	enum vt_code rc;

	if (to == SIZE_MAX)
		return vt_fail(err, VT_DENIED, "policy '%s' leaves no tier "
		    "that a restored copy may lie on", place->name);
	memset(&moved, 0, sizeof(moved));
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_RESTORE_DONE;
	op.u.restore.seq = v->seq;
	op.u.restore.source_copy_id = source->id;
	op.u.restore.tier = o->config->tier[to].name;
	rc = vt_migrate_copy(o, b->name, v, source, op.u.restore.tier, a, &n,
	    &moved, err);
	if (rc != VT_OK)
		return rc;
	op.u.restore.extents = n.x;
	op.u.restore.extent_count = n.count;
	notify(r, &op, b, v, "ObjectRestore:Completed",
	    vt_arena_printf(a, ",\"glacierEventData\":{\"restoreEventData\":"
	    "{\"lifecycleRestoreStorageClass\":\"%s\"}}",
	    class_of(r, source->tier)), a);
	rc = vt_catalog_run(o->catalog, &op, err);
	if (rc == VT_OK) {
		r->out->done++;
		now.until_us = op.u.restore.until_us;
		again_at(r, now.until_us);
		if (r->o->told != NULL)
			r->o->told(r->o->ctx, op.kind, b->name, v, &now);
	} else
		vt_new_copy_discard(o->tiers, &n);
	vt_new_copy_release(&n);
	/* The version was moved or deleted, or another process was first. */
	return rc == VT_PRECONDITION || rc == VT_ABSENT ? VT_OK : rc;
}

/* `v` NULL: the version is gone. */
static enum vt_code
forget(struct run *r, const struct vt_bucket *b, const struct vt_version *v,
    const struct vt_restored *row, struct vt_arena *a, struct vt_err *err)
{
	struct vt_cat_op op;
	enum vt_code rc;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_RESTORE_END;
	op.u.restore.seq = row->seq;
	op.u.restore.until_us = row->until_us;
	if (v != NULL && row->until_us != 0)
		notify(r, &op, b, v, "ObjectRestore:Delete", "", a);
	rc = vt_catalog_run(r->o->migrate.catalog, &op, err);
	if (rc == VT_PRECONDITION)	/* prolonged or asked for anew */
		return VT_OK;
	if (rc == VT_OK) {
		r->out->ended++;
		if (r->o->told != NULL && v != NULL && row->until_us != 0)
			r->o->told(r->o->ctx, op.kind, b->name, v, row);
	}
	return rc;
}

/*
 * When the tier may have it: one that plays a Glacier says how long it takes,
 * and one on another machine may be told of here; past that, or of another, it
 * is asked each minute, or more often as long as it has not taken long.
 */
static int64_t
ready_us(const struct run *r, const struct vt_restored *row,
    const struct vt_copy *source)
{
	const struct vt_tier *t = vt_tiers_tier(r->o->migrate.tiers,
	    source->tier);
	int64_t us = r->now_us + POLL_US, late_us;

	if (t == NULL || t->restore_delay_ms <= 0)
		return us;
	us = row->requested_us + 1000 * vt_restore_delay_ms(
	    t->restore_delay_ms, (enum vt_restore_speed)row->speed);
	if (us > r->now_us)
		return us;
	/* asked of the tier later than of us */
	if (!vt_tiers_is_remote(r->o->migrate.tiers, source->tier))
		return r->now_us + 100000;
	late_us = (r->now_us - row->requested_us) / 8;
	return r->now_us + (late_us < POLL_MIN_US ? POLL_MIN_US :
	    late_us > POLL_US ? POLL_US : late_us);
}

static const struct vt_bucket *
bucket_of(struct run *r, struct vt_arena *a, int64_t id)
{
	struct vt_bucket *b = vt_arena_alloc(a, sizeof(*b));

	if (b == NULL || vt_catalog_bucket_by_id(r->o->migrate.catalog, a, id,
	    b, NULL) != VT_OK)
		return NULL;
	return b;
}

static enum vt_code
one(struct run *r, const struct vt_restored *row, struct vt_arena *a,
    struct vt_err *err)
{
	const struct vt_copy *source = NULL;
	const struct vt_bucket *b;
	struct vt_version *v;
	enum vt_code rc;
	size_t i;

	rc = vt_catalog_lookup_seq(r->o->migrate.catalog, a, row->seq, 1, &v,
	    err);
	if (rc == VT_ABSENT)
		return forget(r, NULL, NULL, row, a, err);
	if (rc != VT_OK)
		return rc;
	b = bucket_of(r, a, v->bucket_id);
	if (b == NULL)
		return vt_fail(err, VT_BUSY, "cannot read the bucket of a "
		    "restore");
	if (row->until_us != 0) {
		if (row->until_us <= r->now_us)
			return forget(r, b, v, row, a, err);
		again_at(r, row->until_us);
		return VT_OK;
	}
	for (i = 0; i < v->copy_count; i++)
		if (v->copies[i].id == row->source)
			source = &v->copies[i];
	/* moved meanwhile: then it is where the plan wants it */
	if (source == NULL)
		return forget(r, b, v, row, a, err);
	if (is_sick(r, source->tier))
		return vt_fail(err, VT_BUSY, "tier '%s' does not work",
		    source->tier);
	rc = ask_tier(r, row, source, err);
	if (rc != VT_OK && rc != VT_BUSY)
		note_sick(r, source->tier, rc);
	if (rc == VT_BUSY) {
		r->out->waiting++;
		again_at(r, ready_us(r, row, source));
		return VT_OK;
	}
	if (rc == VT_OK) {
		rc = bring_back(r, b, v, row, source, a, err);
		note_sick(r, source->tier, rc);
		if (rc == VT_OK)
			remember_used(r, source);
	}
	return rc;
}

static enum vt_code
run_all(struct run *r, struct vt_err *err)
{
	const struct vt_restore_options *o = r->o;
	struct vt_restore_result *out = r->out;
	struct vt_restored rows[PAGE];
	enum vt_code rc, first = VT_OK;
	struct vt_arena *a;
	struct vt_err e;
	int64_t after = 0;
	size_t n, i;

	do {
		rc = vt_catalog_restores(o->migrate.catalog, after, rows, PAGE,
		    &n, err);
		if (rc != VT_OK)
			return rc;
		for (i = 0; i < n; i++) {
			after = rows[i].seq;
			a = vt_arena_new(64 << 20);
			if (a == NULL)
				return vt_fail(err, VT_NOMEM,
				    "out of memory");
			rc = one(r, &rows[i], a, &e);
			vt_arena_free(a);
			if (rc == VT_OK)
				continue;
			out->failed++;
			again_at(r, r->now_us + POLL_US);
			if (first == VT_OK && err != NULL)
				*err = e;
			if (first == VT_OK)
				first = rc;
			if (rc == VT_CANCELLED)
				return rc;
		}
	} while (n == PAGE);
	return first;
}

enum vt_code
vt_restore_run(const struct vt_restore_options *o,
    struct vt_restore_result *out, struct vt_err *err)
{
	struct run r = { .o = o, .out = out };
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	out->next_us = INT64_MAX;
	r.now_us = vt_clock_now_us(o->migrate.clock);
	rc = run_all(&r, err);
	end_used(&r);
	free(r.used);
	return rc;
}
