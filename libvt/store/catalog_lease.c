/* Leases: blocks of blob ids that a process holds; those of dead processes. */
#include <stdlib.h>
#include <string.h>

#include "libvt/store/catalog_row.h"

#define LEASE_DEFAULT 4096

/* --- in the catalog ------------------------------------------------------- */

enum vt_code
vt_catalog_dead_leases(struct vt_catalog *c, struct vt_arena *a,
    struct vt_dead_lease **out, size_t *count, struct vt_err *err)
{
	struct vt_dead_lease *l, *grown;
	struct vt_conn *k;
	sqlite3_stmt *s;
	size_t cap = 0;
	const char *owner;
	enum vt_code rc;
	int r = SQLITE_DONE;

	*out = NULL;
	*count = 0;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_LEASES);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read leases", err);
		goto out;
	}
	while (rc == VT_OK && (r = sqlite3_step(s)) == SQLITE_ROW) {
		owner = (const char *)sqlite3_column_text(s, 2);
		if (vt_cat_owner_alive(c, owner))
			continue;
		if (*count == cap) {
			cap = cap != 0 ? cap * 2 : 8;
			grown = vt_arena_alloc(a, cap * sizeof(*grown));
			if (grown == NULL) {
				rc = nomem(err);
				break;
			}
			if (*count > 0)
				memcpy(grown, *out, *count * sizeof(*grown));
			*out = grown;
		}
		l = &(*out)[(*count)++];
		l->first_id = (uint64_t)sqlite3_column_int64(s, 0);
		l->count = (unsigned)sqlite3_column_int64(s, 1);
		l->owner = vt_arena_str(a, owner);
		if (l->owner == NULL)
			rc = nomem(err);
	}
	if (rc == VT_OK && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read leases", err);
	sqlite3_reset(s);
out:
	vt_conn_give(c, k);
	return rc;
}

enum vt_code
vt_cat_op_lease(struct vt_catalog *c, struct vt_cat_lease *l, int64_t now_us,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_LEASE_ADD);

	if (l->count == 0)
		l->count = 4096;
	if (l->count > 1000000)
		return vt_fail(err, VT_INVALID, "a lease of %u ids is over "
		    "1000000", l->count);
	if (s == NULL)
		return vt_conn_fail(c->w, "take a lease", err);
	l->first_id = (uint64_t)c->next_blob;
	c->next_blob += l->count;
	c->ids_dirty = 1;
	sqlite3_bind_int64(s, 1, (int64_t)l->first_id);
	sqlite3_bind_int64(s, 2, l->count);
	bind_str(s, 3, c->owner);
	sqlite3_bind_int64(s, 4, now_us);
	return vt_conn_run(c->w, s, "take a lease", err);
}

/* --- in memory ------------------------------------------------------------ */

static void
lease_arrived(struct vt_cat_op *op)
{
	struct vt_catalog *c = op->ctx;
	struct vt_lease_block *b = NULL;

	if (op->code == VT_OK)
		b = calloc(1, sizeof(*b));
	if (b != NULL) {
		b->first = b->next = op->u.lease.first_id;
		b->end = b->first + op->u.lease.count;
	}
	pthread_mutex_lock(&c->lease_lock);
	c->spare = b;
	c->lease_wanted = 0;
	pthread_cond_broadcast(&c->lease_cond);
	pthread_mutex_unlock(&c->lease_lock);
	free(op);
}

/* With the lock held: ask for another block, not waiting for it. */
static int
lease_ask(struct vt_catalog *c)
{
	struct vt_cat_op *op;

	if (c->spare != NULL || c->lease_wanted)
		return 0;
	op = calloc(1, sizeof(*op));
	if (op == NULL)
		return -1;
	op->kind = VT_CAT_LEASE;
	op->u.lease.count = LEASE_DEFAULT;
	op->done = lease_arrived;
	op->ctx = c;
	c->lease_wanted = 1;
	vt_catalog_submit(c, op);
	return 0;
}

enum vt_code
vt_catalog_blob_id(struct vt_catalog *c, uint64_t *out, struct vt_err *err)
{
	struct vt_lease_block *b;

	if (c->o.read_only)
		return vt_fail(err, VT_DENIED,
		    "the catalog is open for reading only");
	pthread_mutex_lock(&c->lease_lock);
	while (c->leases == NULL || c->leases->next == c->leases->end) {
		if (c->spare != NULL) {
			c->spare->older = c->leases;
			c->leases = c->spare;
			c->spare = NULL;
			continue;
		}
		if (lease_ask(c) < 0) {
			pthread_mutex_unlock(&c->lease_lock);
			return vt_fail(err, VT_NOMEM, "out of memory");
		}
		while (c->lease_wanted)
			pthread_cond_wait(&c->lease_cond, &c->lease_lock);
		/* Another waiter may have taken the block that came. */
		if (c->spare == NULL && (c->leases == NULL ||
		    c->leases->next == c->leases->end)) {
			pthread_mutex_unlock(&c->lease_lock);
			return vt_fail(err, VT_BUSY,
			    "no lease on blob names could be had");
		}
	}
	b = c->leases;
	*out = b->next++;
	/* The next block comes before this one runs out. */
	if (b->end - b->next == (b->end - b->first) / 2)
		(void)lease_ask(c);
	pthread_mutex_unlock(&c->lease_lock);
	return VT_OK;
}

static void
lease_ended(struct vt_cat_op *op)
{
	/* One that could not be ended is found by recovery later. */
	free(op);
}

void
vt_catalog_blob_done(struct vt_catalog *c, uint64_t id)
{
	struct vt_lease_block *b, **link;
	struct vt_cat_op *op = NULL;

	pthread_mutex_lock(&c->lease_lock);
	for (link = &c->leases; *link != NULL; link = &(*link)->older) {
		b = *link;
		if (id < b->first || id >= b->end)
			continue;
		b->resolved++;
		if (b->resolved == b->end - b->first) {
			op = calloc(1, sizeof(*op));
			if (op != NULL) {
				op->kind = VT_CAT_LEASE_END;
				op->u.lease_end.first_id = b->first;
				op->done = lease_ended;
				*link = b->older;
				free(b);
			}
		}
		break;
	}
	pthread_mutex_unlock(&c->lease_lock);
	if (op != NULL)
		vt_catalog_submit(c, op);
}

void
vt_cat_end_leases(struct vt_catalog *c)
{
	struct vt_lease_block *b, *older;
	struct vt_cat_op op;

	for (b = c->leases; b != NULL; b = older) {
		older = b->older;
		if (!c->broken) {
			memset(&op, 0, sizeof(op));
			op.kind = VT_CAT_LEASE_END;
			op.u.lease_end.first_id = b->first;
			/*
			 * A lease that stays is found dead by the next
			 * process and ended there.
			 */
			if (b->resolved == b->next - b->first &&
			    vt_catalog_run(c, &op, NULL) != VT_OK)
				c->broken = 1;
		}
		free(b);
	}
	if (c->spare != NULL && !c->broken) {
		memset(&op, 0, sizeof(op));
		op.kind = VT_CAT_LEASE_END;
		op.u.lease_end.first_id = c->spare->first;
		if (vt_catalog_run(c, &op, NULL) != VT_OK)
			c->broken = 1;
	}
	free(c->spare);
	c->leases = c->spare = NULL;
}
