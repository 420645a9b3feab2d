/* Collection of garbage and recovery of leases: see gc.h. */
#include <string.h>

#include "libvt/work/gc.h"

#define BATCH 500

static int
stopped(const struct vt_gc_options *o)
{
	return o->stop != NULL && o->stop(o->stop_ctx) != 0;
}

/* Remember the first failure; the run goes on. */
static void
note_failure(struct vt_gc_result *r, struct vt_err *first,
    const struct vt_err *err)
{
	if (r->failed++ == 0)
		*first = *err;
}

/* Remove a blob, and an upload to its name that never ended. */
static enum vt_code
collect(const struct vt_gc_options *o, struct vt_backend *b,
    const struct vt_garbage *g, struct vt_arena *a, struct vt_err *err)
{
	struct vt_cat_intent *in;
	enum vt_code rc;
	size_t n;

	if (vt_backend_caps(b)->remote) {
		rc = vt_catalog_intents(o->catalog, a, g->blob_id, 1, &in, &n,
		    err);
		if (rc == VT_OK && n > 0 && *in->upload != '\0')
			rc = vt_backend_abort_upload(b, in->name, in->upload,
			    err);
		if (rc != VT_OK && rc != VT_ABSENT)
			return rc;
	}
	return vt_backend_delete(b, g->name, g->token, err);
}

static enum vt_code
collect_batch(const struct vt_gc_options *o, struct vt_arena *a,
    struct vt_gc_result *r, struct vt_err *first, size_t *claimed,
    size_t *removed, struct vt_err *err)
{
	struct vt_cat_op op;
	struct vt_garbage *g;
	struct vt_backend *b;
	struct vt_err e;
	enum vt_code rc;
	size_t i, done = 0;

	*removed = 0;
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_GARBAGE_CLAIM;
	op.u.garbage.max = BATCH;
	op.u.garbage.ignore_grace = o->ignore_grace;
	op.u.garbage.arena = a;
	rc = vt_catalog_run(o->catalog, &op, err);
	if (rc != VT_OK)
		return rc;
	*claimed = op.u.garbage.count;
	for (i = 0; i < *claimed; i++) {
		g = &op.u.garbage.rows[i];
		b = vt_tiers_backend(o->tiers, g->tier);
		memset(&e, 0, sizeof(e));
		if (b == NULL)
			rc = vt_fail(&e, VT_INVALID,
			    "tier '%s' is not configured", g->tier);
		else
			rc = collect(o, b, g, a, &e);
		if (rc == VT_OK || rc == VT_ABSENT) {
			r->blobs++;
			r->bytes += g->size_bytes;
			op.u.garbage.rows[done++] = *g;
		} else
			note_failure(r, first, &e);
	}
	if (done == 0)
		return VT_OK;
	*removed = done;
	op.kind = VT_CAT_GARBAGE_DONE;
	op.u.garbage.count = done;
	return vt_catalog_run(o->catalog, &op, err);
}

/*
 * What a process that is gone may have left on other machines becomes garbage:
 * a request that was under way may still be carried out there, so not at once.
 */
#define LATE_US (3600LL * 1000000)
static enum vt_code
recover_intents(const struct vt_gc_options *o, const struct vt_dead_lease *l,
    struct vt_gc_result *r, struct vt_err *err)
{
	struct vt_cat_intent *in;
	struct vt_garbage g;
	struct vt_cat_op op;
	struct vt_arena *a;
	uint64_t id = l->first_id, end = id + l->count;
	enum vt_code rc;
	size_t n, i;
	int known;

	do {
		a = vt_arena_new(16 << 20);
		if (a == NULL)
			return vt_fail(err, VT_NOMEM, "out of memory");
		rc = vt_catalog_intents(o->catalog, a, id, end - id, &in, &n,
		    err);
		for (i = 0; i < n && rc == VT_OK; i++) {
			id = in[i].blob_id + 1;
			known = vt_catalog_blob_known(o->catalog,
			    in[i].blob_id, err);
			if (known < 0)
				rc = VT_IO;
			if (known != 0)
				continue;
			memset(&g, 0, sizeof(g));
			g.blob_id = in[i].blob_id;
			g.tier = in[i].tier;
			g.name = in[i].name;
			g.token = "";
			g.not_before_us = vt_clock_now_us(o->clock) + LATE_US;
			memset(&op, 0, sizeof(op));
			op.kind = VT_CAT_GARBAGE_ADD;
			op.u.garbage.rows = &g;
			op.u.garbage.count = 1;
			rc = vt_catalog_run(o->catalog, &op, err);
			r->leaked += rc == VT_OK;
		}
		vt_arena_free(a);
	} while (rc == VT_OK && n > 0);
	return rc;
}

/*
 * Walk a lease whose process is gone: nobody can give its ids a row any more,
 * so a name without one is a leak.
 */
static enum vt_code
recover_lease(const struct vt_gc_options *o, const struct vt_dead_lease *l,
    struct vt_gc_result *r, struct vt_err *first, struct vt_err *err)
{
	char name[VT_BLOB_NAME_MAX];
	struct vt_backend *b;
	struct vt_cat_op op;
	struct vt_err e;
	uint64_t id, failed = r->failed;
	size_t i;
	enum vt_code rc;
	int known;

	rc = recover_intents(o, l, r, err);
	if (rc != VT_OK)
		return rc;
	for (id = l->first_id; id < l->first_id + l->count; id++) {
		if (id % BATCH == 0 && stopped(o))
			return vt_fail(err, VT_CANCELLED, "stopped");
		known = vt_catalog_blob_known(o->catalog, id, err);
		if (known < 0)
			return VT_IO;
		if (known)
			continue;
		for (i = 0; i < o->config->tier_count; i++) {
			b = vt_tiers_backend(o->tiers,
			    o->config->tier[i].name);
			if (b == NULL || !vt_backend_caps(b)->cheap_absent)
				continue;
			memset(&e, 0, sizeof(e));
			rc = vt_backend_name(b, id,
			    vt_catalog_incarnation(o->catalog), NULL, NULL, 0,
			    name, &e);
			if (rc == VT_OK)
				rc = vt_backend_delete(b, name, NULL, &e);
			if (rc == VT_OK)
				r->leaked++;
			else if (rc != VT_ABSENT)
				note_failure(r, first, &e);
		}
	}
	if (r->failed != failed)
		return VT_OK;	/* the lease stays for the next run */
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_LEASE_END;
	op.u.lease_end.first_id = l->first_id;
	rc = vt_catalog_run(o->catalog, &op, err);
	if (rc == VT_OK)
		r->leases++;
	return rc;
}

enum vt_code
vt_gc_run(const struct vt_gc_options *o, struct vt_gc_result *out,
    struct vt_err *err)
{
	struct vt_dead_lease *leases;
	struct vt_catalog_stats stats;
	struct vt_cat_op op;
	struct vt_arena *a;
	struct vt_err first;
	size_t n, i, removed;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	memset(&first, 0, sizeof(first));
	if (o->dry_run) {
		rc = vt_catalog_stats(o->catalog, &stats, err);
		out->blobs = stats.garbage;
		out->bytes = stats.garbage_bytes;
		return rc;
	}
	a = vt_arena_new(64 << 20);
	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_catalog_dead_leases(o->catalog, a, &leases, &n, err);
	for (i = 0; i < n && rc == VT_OK; i++)
		rc = recover_lease(o, &leases[i], out, &first, err);
	vt_arena_free(a);
	do {
		if (rc == VT_OK && stopped(o))
			rc = vt_fail(err, VT_CANCELLED, "stopped");
		if (rc != VT_OK)
			return rc;
		a = vt_arena_new(16 << 20);
		if (a == NULL)
			return vt_fail(err, VT_NOMEM, "out of memory");
		rc = collect_batch(o, a, out, &first, &n, &removed, err);
		vt_arena_free(a);
		/* Rows that failed come again first: no progress, no loop. */
	} while (rc == VT_OK && n == BATCH && removed > 0);
	if (rc == VT_OK) {
		memset(&op, 0, sizeof(op));
		op.kind = VT_CAT_EXPIRE;
		rc = vt_catalog_run(o->catalog, &op, err);
	}
	if (rc == VT_OK && out->failed > 0) {
		if (err != NULL)
			*err = first;
		vt_err_prefix(err, "%llu blobs could not be removed, first",
		    (unsigned long long)out->failed);
		return VT_BUSY;
	}
	return rc;
}
