/* Copies on several tiers: see replicate.h. */
#include <stdlib.h>
#include <string.h>

#include "libvt/work/replicate.h"

#define PAGE 1000
#define TRIES 5			/* of a version that changes under us */

static size_t
index_of(const struct vt_config *c, const char *tier)
{
	size_t k;

	for (k = 0; k < c->tier_count; k++)
		if (strcmp(c->tier[k].name, tier) == 0)
			return k;
	return SIZE_MAX;
}

uint32_t
vt_replica_tiers(const struct vt_config *c, const struct vt_version *v)
{
	uint32_t tiers = 0;
	size_t i, k;

	for (i = 0; i < v->copy_count; i++) {
		k = index_of(c, v->copies[i].tier);
		if (k != SIZE_MAX && v->copies[i].until_us == 0)
			tiers |= UINT32_C(1) << k;
	}
	return tiers;
}

/* How unlike the wish a tier is. */
static int
unlikeness(const struct vt_config *c, size_t k, size_t like)
{
	return 2 * (strcmp(c->tier[k].storage_class,
	    c->tier[like].storage_class) != 0) +
	    (c->tier[k].restore_delay_ms > 0);
}

size_t
vt_replica_next(const struct vt_config *c, const struct vt_place *w,
    uint32_t have, uint32_t without, size_t like)
{
	unsigned count = vt_place_spread(c->places, w, have);
	size_t best = SIZE_MAX, k;

	for (k = 0; k < c->tier_count; k++) {
		if ((((have | without) >> k) & 1) ||
		    vt_place_spread(c->places, w, have | UINT32_C(1) << k) <=
		    count)
			continue;
		if (best == SIZE_MAX || unlikeness(c, k, like) <
		    unlikeness(c, best, like))
			best = k;
	}
	return best;
}

enum vt_code
vt_replica_keeps(const struct vt_config *c, const struct vt_place *w,
    const struct vt_version *v, const struct vt_copy *source,
    const char *to, int64_t others[VT_SWAP_OTHERS], size_t *count,
    struct vt_err *err)
{
	size_t k = index_of(c, to), i;
	uint32_t tiers = k != SIZE_MAX ? UINT32_C(1) << k : 0;

	*count = 0;
	if (w == NULL || w->copies < 2)
		return VT_OK;
	for (i = 0; i < v->copy_count; i++) {
		k = index_of(c, v->copies[i].tier);
		if (&v->copies[i] == source || v->copies[i].until_us != 0 ||
		    k == SIZE_MAX || *count == VT_SWAP_OTHERS)
			continue;
		tiers |= UINT32_C(1) << k;
		others[(*count)++] = v->copies[i].id;
	}
	if (vt_place_spread(c->places, w, tiers) >= w->copies)
		return VT_OK;
	return vt_fail(err, VT_DENIED, "policy '%s' asks for %u copies %s: "
	    "there would be %u", w->name, w->copies, w->by_tier ?
	    "on as many tiers" : "at as many locations",
	    vt_place_spread(c->places, w, tiers));
}

/* --- making them ---------------------------------------------------------- */

/* Write one more copy, on `tier`, beside `source`. */
static enum vt_code
write_copy(const struct vt_migrate_options *o, const struct vt_bucket *b,
    const struct vt_version *v, const struct vt_copy *source,
    const char *tier, struct vt_arena *a, struct vt_move_result *out,
    struct vt_err *err)
{
	struct vt_new_copy n;
	struct vt_cat_op op;
	enum vt_code rc;

	rc = vt_migrate_copy(o, b->name, v, source, tier, a, &n, out, err);
	if (rc != VT_OK)
		return rc;
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_SWAP;
	op.u.swap.seq = v->seq;
	op.u.swap.source_copy_id = source->id;
	op.u.swap.version_generation = v->generation;
	op.u.swap.bucket_generation = b->generation;
	op.u.swap.tier = tier;
	op.u.swap.extents = n.x;
	op.u.swap.extent_count = n.count;
	op.u.swap.grace_ms = o->grace_ms;
	rc = vt_catalog_run(o->catalog, &op, err);
	if (rc == VT_OK) {
		out->status = VT_MOVE_DONE;
		out->copy_id = op.u.swap.copy_id;
		out->bytes = v->size_bytes;
		n.count = 0;
	}
	vt_new_copy_discard(o->tiers, &n);
	vt_new_copy_release(&n);
	return rc;
}

static void
tell(const struct vt_replicate_options *o, const char *bucket,
    const struct vt_version *v, const char *from, const char *to,
    const struct vt_move_result *result, const struct vt_err *err)
{
	struct vt_replica_made made = { bucket, v, from, to, result, err };

	if (o->tell != NULL)
		o->tell(o->ctx, &made);
}

/* The same, on tier `k`, told and counted; in a dry run only that. */
static enum vt_code
add_copy(const struct vt_replicate_options *o, const struct vt_bucket *b,
    const struct vt_version *v, const struct vt_copy *source, size_t k,
    struct vt_arena *a, struct vt_replicate_result *out, struct vt_err *err)
{
	const char *to = o->migrate->config->tier[k].name;
	struct vt_move_result moved;
	enum vt_code rc = VT_OK;

	memset(&moved, 0, sizeof(moved));
	moved.status = VT_MOVE_FAILED;
	if (o->migrate->dry_run)
		moved.status = VT_MOVE_DONE;
	else
		rc = write_copy(o->migrate, b, v, source, to, a, &moved,
		    err);
	if (rc == VT_PRECONDITION || rc == VT_ABSENT)
		moved.status = VT_MOVE_SKIPPED;
	tell(o, b->name, v, source->tier, to, &moved,
	    rc == VT_OK ? NULL : err);
	if (rc == VT_OK) {
		out->copies++;
		out->bytes += v->size_bytes;
	}
	return rc;
}

/* What a round came to: 1 there is more to do, 0 all is done, -1 failed. */
static int
replicate_once(const struct vt_replicate_options *o, const char *bucket,
    int64_t seq, unsigned want, uint32_t *tried,
    struct vt_replicate_result *out, enum vt_code *code, struct vt_err *err)
{
	const struct vt_migrate_options *m = o->migrate;
	struct vt_arena *a = vt_arena_new(64 << 20);
	const struct vt_config *c = m->config;
	const struct vt_copy *source;
	const struct vt_place *w;
	struct vt_version *v;
	struct vt_bucket b;
	uint32_t have;
	size_t k, from;
	int result = -1;

	*code = a == NULL ? vt_fail(err, VT_NOMEM, "out of memory") :
	    vt_catalog_bucket(m->catalog, a, bucket, &b, err);
	if (*code == VT_OK)
		*code = vt_catalog_lookup_seq(m->catalog, a, seq, 1, &v, err);
	if (*code != VT_OK)
		goto out;
	w = vt_places_find(c->places, bucket, v->key, v->key_len);
	have = vt_replica_tiers(c, v);
	if (v->is_marker || vt_place_spread(c->places, w, have) >= want) {
		result = 0;
		goto out;
	}
	/* the swap would not have it elsewhere */
	if (*v->pin != '\0') {
		*code = vt_fail(err, VT_DENIED, "is pinned to '%s'", v->pin);
		goto out;
	}
	source = vt_tiers_best_copy(m->tiers, v);
	from = source != NULL ? index_of(c, source->tier) : SIZE_MAX;
	k = from == SIZE_MAX ? SIZE_MAX :
	    vt_replica_next(c, w, have, *tried, from);
	if (k == SIZE_MAX) {
		/* of a tier that was tried the words are there */
		if (*tried == 0 || from == SIZE_MAX) {
			vt_fail(err, VT_BUSY, source == NULL ?
			    "there is no copy to be read" :
			    "no tier is left for another copy");
			tell(o, bucket, v, source != NULL ? source->tier :
			    "", NULL, NULL, err);
		}
		*code = err->code;
		goto out;
	}
	*code = add_copy(o, &b, v, source, k, a, out, err);
	result = !m->dry_run;
	/* what changed meanwhile is looked at again, another tier may do */
	if (*code != VT_OK && *code != VT_PRECONDITION)
		*tried |= UINT32_C(1) << k;
	if (*code == VT_ABSENT || *code == VT_CANCELLED)
		result = -1;
out:
	vt_arena_free(a);
	return result;
}

enum vt_code
vt_replicate_version(const struct vt_replicate_options *o, const char *bucket,
    int64_t seq, unsigned want, struct vt_replicate_result *out,
    struct vt_err *err)
{
	struct vt_err why = { VT_OK, "" };
	uint32_t tried = 0;
	enum vt_code rc = VT_OK;
	int more = 1, changed = 0;

	while (more == 1 && changed < TRIES) {
		more = replicate_once(o, bucket, seq, want, &tried, out, &rc,
		    &why);
		changed += rc == VT_PRECONDITION;
	}
	if (more == 0)
		return VT_OK;
	if (err != NULL)
		*err = why;
	return rc;
}

/* --- all of them ---------------------------------------------------------- */

struct lacking {
	char *bucket;
	int64_t seq;
	unsigned want;
};

struct scan {
	const struct vt_config *c;
	struct vt_replicate_result *out;
	struct lacking *found;	/* of this page */
	size_t count;
	int no_memory;
};

static int
look(void *ctx, const struct vt_bucket *b, const struct vt_version *v)
{
	struct scan *s = ctx;
	const struct vt_place *w = vt_places_find(s->c->places, b->name,
	    v->key, v->key_len);
	struct lacking *l = &s->found[s->count];

	if (v->is_marker || w == NULL || w->copies < 2 || *v->pin != '\0')
		return 0;
	s->out->versions++;
	if (vt_place_spread(s->c->places, w, vt_replica_tiers(s->c, v)) >=
	    w->copies)
		return 0;
	s->out->lacking++;
	l->bucket = strdup(b->name);
	l->seq = v->seq;
	l->want = w->copies;
	s->no_memory |= l->bucket == NULL;
	s->count += l->bucket != NULL;
	return s->no_memory;
}

/* Of the page, outside the scan's transaction. */
static enum vt_code
make_page(const struct vt_replicate_options *o, struct scan *s,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK, one;

	for (size_t i = 0; i < s->count; i++) {
		if (rc == VT_OK && o->stop != NULL && o->stop(o->ctx) != 0)
			rc = vt_fail(err, VT_CANCELLED, "interrupted");
		if (rc == VT_OK) {
			one = vt_replicate_version(o, s->found[i].bucket,
			    s->found[i].seq, s->found[i].want, s->out, NULL);
			s->out->failed += one != VT_OK && one != VT_ABSENT;
		}
		free(s->found[i].bucket);
	}
	s->count = 0;
	return rc;
}

enum vt_code
vt_replicate_run(const struct vt_replicate_options *o,
    struct vt_replicate_result *out, struct vt_err *err)
{
	struct scan s = { .c = o->migrate->config, .out = out };
	struct vt_scan_pos pos;
	enum vt_code rc = VT_OK;
	int more = 1;

	memset(out, 0, sizeof(*out));
	/* then there is nothing to look for */
	if (vt_places_copies(s.c->places) < 2)
		return VT_OK;
	memset(&pos, 0, sizeof(pos));
	pos.is_lean = 1;
	s.found = calloc(PAGE, sizeof(*s.found));
	if (s.found == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	while (rc == VT_OK && more) {
		rc = vt_catalog_scan(o->migrate->catalog, &pos, PAGE, look,
		    &s, &more, err);
		if (s.no_memory)
			rc = vt_fail(err, VT_NOMEM, "out of memory");
		if (rc == VT_OK)
			rc = make_page(o, &s, err);
	}
	for (size_t i = 0; i < s.count; i++)
		free(s.found[i].bucket);
	free(s.found);
	return rc;
}
