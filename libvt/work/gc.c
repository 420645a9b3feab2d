/* Collection of garbage and recovery of leases: see gc.h. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/crew.h"

#include "libvt/work/gc.h"

#define BATCH 500
#define THREADS 8	/* that wait for other machines */

/* One blob to remove there. */
struct removal {
	struct run *run;
	const struct vt_garbage *g;
	/* To its name, that never ended; "": there may be one that its writer
	 * did not live to note (P4); NULL: there is none. */
	const char *upload;
	size_t tier;		/* of the configuration */
	enum vt_code rc;
	struct vt_err err;
};

/* One run. */
struct run {
	const struct vt_gc_options *o;
	struct vt_gc_result *r;
	struct vt_err first;
	struct vt_crew *crew;		/* once there is something to remove */
	atomic_int sick[VT_TIERS_MAX];	/* that are left alone */
	struct removal removal[BATCH];
};

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

static size_t
tier_index(const struct vt_gc_options *o, const char *name)
{
	size_t i;

	for (i = 0; i < o->config->tier_count; i++)
		if (strcmp(o->config->tier[i].name, name) == 0)
			break;
	return i;
}

/* Does a failure say that the tier would fail with the next one too? */
static int
is_sick(enum vt_code code)
{
	return code == VT_BUSY || code == VT_IO || code == VT_CANCELLED ||
	    code == VT_DENIED;
}

/* On a thread of the crew: remove a blob of another machine, and an upload to
 * its name that never ended. */
static void
remove_remote(void *ctx, void *item)
{
	struct run *run = ctx;
	struct removal *x = item;
	struct vt_backend *b = vt_tiers_backend(run->o->tiers, x->g->tier);

	memset(&x->err, 0, sizeof(x->err));
	if (atomic_load(&run->sick[x->tier])) {
		x->rc = vt_fail(&x->err, VT_BUSY, "tier '%s' does not work",
		    x->g->tier);
		return;
	}
	x->rc = VT_OK;
	if (x->upload != NULL && *x->upload != '\0')
		x->rc = vt_backend_abort_upload(b, x->g->name, x->upload,
		    &x->err);
	/* Also when one has an id that was noted: the answer with another's
	 * may have been lost. */
	if (x->upload != NULL && (x->rc == VT_OK || x->rc == VT_ABSENT))
		x->rc = vt_backend_abort_upload(b, x->g->name, "", &x->err);
	if (x->rc == VT_OK || x->rc == VT_ABSENT)
		x->rc = vt_backend_delete(b, x->g->name, x->g->token,
		    &x->err);
	if (is_sick(x->rc)) {
		atomic_store(&run->sick[x->tier], 1);
		vt_err_prefix(&x->err, "tier '%s'", x->g->tier);
	}
}

/* Give one of another machine to the crew. */
static enum vt_code
give_remote(struct run *run, struct removal *x, struct vt_arena *a,
    struct vt_err *err)
{
	struct vt_cat_intent *in;
	enum vt_code rc;
	size_t n;

	if (run->crew == NULL) {
		rc = vt_crew_start(THREADS, BATCH, remove_remote, run,
		    &run->crew, err);
		if (rc != VT_OK)
			return rc;
	}
	rc = vt_catalog_intents(run->o->catalog, a, x->g->blob_id, 1, &in, &n,
	    err);
	if (rc != VT_OK)
		return rc;
	x->upload = n > 0 ? in->upload : NULL;
	vt_crew_give(run->crew, x);
	return VT_OK;
}

/* What does not work now, for the catalog to leave out. */
static size_t
sick_tiers(struct run *run, const char *names[VT_TIERS_MAX])
{
	const struct vt_config *c = run->o->config;
	struct vt_backend_health h;
	const struct vt_backend *b;
	size_t i, n = 0;

	for (i = 0; i < c->tier_count; i++) {
		b = vt_tiers_backend(run->o->tiers, c->tier[i].name);
		if (b == NULL)
			continue;
		vt_backend_health(b, &h);
		if (h.is_open && h.retry_ms > 0)
			atomic_store(&run->sick[i], 1);
		if (atomic_load(&run->sick[i]))
			names[n++] = c->tier[i].name;
	}
	return n;
}

/* The end of one: `*done` of the rows are gone. */
static void
settle(struct run *run, const struct vt_garbage *g, enum vt_code rc,
    const struct vt_err *e, struct vt_garbage *rows, size_t *done)
{
	if (rc == VT_OK || rc == VT_ABSENT) {
		run->r->blobs++;
		run->r->bytes += g->size_bytes;
		rows[(*done)++] = *g;
	} else
		note_failure(run->r, &run->first, e);
}

static enum vt_code
collect_batch(struct run *run, struct vt_arena *a, int *more,
    struct vt_err *err)
{
	const struct vt_gc_options *o = run->o;
	const char *skip[VT_TIERS_MAX];
	struct vt_garbage *g, *gone;
	struct vt_cat_op op;
	struct vt_backend *b;
	struct vt_err e;
	struct removal *x;
	enum vt_code rc;
	size_t i, given = 0, done = 0, sick;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_GARBAGE_CLAIM;
	op.u.garbage.max = BATCH;
	op.u.garbage.ignore_grace = o->ignore_grace;
	op.u.garbage.arena = a;
	sick = op.u.garbage.skip_count = sick_tiers(run, skip);
	op.u.garbage.skip = skip;
	rc = vt_catalog_run(o->catalog, &op, err);
	if (rc != VT_OK)
		return rc;
	gone = vt_arena_alloc(a, (op.u.garbage.count + 1) * sizeof(*gone));
	if (gone == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	for (i = 0; i < op.u.garbage.count && rc == VT_OK; i++) {
		g = &op.u.garbage.rows[i];
		b = vt_tiers_backend(o->tiers, g->tier);
		memset(&e, 0, sizeof(e));
		if (b == NULL) {
			(void)vt_fail(&e, VT_INVALID,
			    "tier '%s' is not configured", g->tier);
			settle(run, g, VT_INVALID, &e, gone, &done);
		} else if (vt_backend_caps(b)->remote) {
			x = &run->removal[given++];
			x->run = run;
			x->g = g;
			x->tier = tier_index(o, g->tier);
			rc = give_remote(run, x, a, err);
		} else {
			settle(run, g, vt_backend_delete(b, g->name, g->token,
			    &e), &e, gone, &done);
		}
	}
	/* all of them, whatever has failed: they use the arena */
	while (run->crew != NULL && (x = vt_crew_take(run->crew)) != NULL)
		settle(run, x->g, x->rc, &x->err, gone, &done);
	/* Rows that failed come again first, but for those of tiers that are
	 * left alone: without progress or such a one it would never end. */
	*more = op.u.garbage.count == BATCH && (done > 0 ||
	    sick_tiers(run, skip) > sick);
	if (rc != VT_OK || done == 0)
		return rc;
	op.kind = VT_CAT_GARBAGE_DONE;
	op.u.garbage.rows = gone;
	op.u.garbage.count = done;
	return vt_catalog_run(o->catalog, &op, err);
}

/*
 * What a process that is gone may have left on other machines becomes garbage:
 * a request that was under way may still be carried out there, so not at once.
 */
static enum vt_code
recover_intents(const struct vt_gc_options *o, const struct vt_dead_lease *l,
    struct vt_gc_result *r, struct vt_err *err)
{
	struct vt_cat_intent *in;
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
			rc = vt_catalog_give_up(o->catalog, in[i].blob_id,
			    in[i].tier, in[i].name, err);
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

static enum vt_code
collect_all(struct run *run, struct vt_err *err)
{
	struct vt_arena *a;
	enum vt_code rc;
	int more;

	do {
		if (stopped(run->o))
			return vt_fail(err, VT_CANCELLED, "stopped");
		a = vt_arena_new(16 << 20);
		if (a == NULL)
			return vt_fail(err, VT_NOMEM, "out of memory");
		rc = collect_batch(run, a, &more, err);
		vt_arena_free(a);
	} while (rc == VT_OK && more);
	return rc;
}

static enum vt_code
recover_leases(struct run *run, struct vt_err *err)
{
	struct vt_dead_lease *leases;
	struct vt_arena *a = vt_arena_new(64 << 20);
	enum vt_code rc;
	size_t n, i;

	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_catalog_dead_leases(run->o->catalog, a, &leases, &n, err);
	for (i = 0; i < n && rc == VT_OK; i++)
		rc = recover_lease(run->o, &leases[i], run->r, &run->first,
		    err);
	vt_arena_free(a);
	return rc;
}

/* What the run has left behind, if anything. */
static enum vt_code
tell(struct run *run, struct vt_err *err)
{
	const char *skip[VT_TIERS_MAX];

	run->r->skipped = (unsigned)sick_tiers(run, skip);
	if (run->r->failed > 0) {
		if (err != NULL)
			*err = run->first;
		vt_err_prefix(err, "%llu blobs could not be removed, first",
		    (unsigned long long)run->r->failed);
		return VT_BUSY;
	}
	if (run->r->skipped > 0)
		return vt_fail(err, VT_BUSY, "tier '%s' does not work: its "
		    "garbage stays", skip[0]);
	return VT_OK;
}

enum vt_code
vt_gc_run(const struct vt_gc_options *o, struct vt_gc_result *out,
    struct vt_err *err)
{
	struct vt_catalog_stats stats;
	struct vt_cat_op op;
	struct run *run;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	if (o->dry_run) {
		rc = vt_catalog_stats(o->catalog, &stats, err);
		out->blobs = stats.garbage;
		out->bytes = stats.garbage_bytes;
		return rc;
	}
	run = calloc(1, sizeof(*run));
	if (run == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	run->o = o;
	run->r = out;
	rc = recover_leases(run, err);
	if (rc == VT_OK)
		rc = collect_all(run, err);
	if (rc == VT_OK) {
		memset(&op, 0, sizeof(op));
		op.kind = VT_CAT_EXPIRE;
		rc = vt_catalog_run(o->catalog, &op, err);
	}
	if (rc == VT_OK)
		rc = tell(run, err);
	vt_crew_stop(run->crew);
	free(run);
	return rc;
}
