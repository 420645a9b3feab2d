/* The committer: a thread that runs queued operations in groups. */
#include <string.h>

#include "libvt/store/catalog_sqlite.h"

#define WAL_REFUSE_BYTES (4ULL << 30)

void
vt_cat_checkpoint(struct vt_catalog *c, int mode)
{
	int log_pages = 0, done_pages = 0;

	if (vt_cat_write_lock(c, NULL) != VT_OK)
		return;
	if (sqlite3_wal_checkpoint_v2(c->w->db, NULL, mode, &log_pages,
	    &done_pages) == SQLITE_OK) {
		c->checkpoints++;
		if (log_pages == done_pages)
			c->wal_bytes = 0;
	}
	vt_cat_write_unlock(c);
}

/* Operations that need room; the others make some, or are small. */
static int
needs_space(enum vt_cat_kind kind)
{
	return kind == VT_CAT_PUT || kind == VT_CAT_PART_PUT ||
	    kind == VT_CAT_UPLOAD_CREATE || kind == VT_CAT_BUCKET_CREATE ||
	    kind == VT_CAT_DOC_SET || kind == VT_CAT_LOCK_SET;
}

static void
fatal(struct vt_catalog *c, const struct vt_err *err)
{
	if (!c->broken && c->o.fatal != NULL)
		c->o.fatal(c->o.fatal_ctx, err->text);
	c->broken = 1;
}

/*
 * Run a group inside one transaction.  Without savepoints first: they copy
 * every page an operation touches, and operations check before they write.
 * Returns VT_OK when committed; VT_PRECONDITION when an operation failed after
 * it had written (run the group again with savepoints); else the failure of
 * the whole.
 */
static enum vt_code
run_group(struct vt_catalog *c, struct vt_cat_op *first, int savepoints,
    struct vt_err *err)
{
	struct vt_conn *k = c->w;
	struct vt_cat_op *op;
	int64_t now_us = vt_clock_now_us(c->o.clock);
	enum vt_code rc;
	sqlite3_int64 changes;
	int64_t inline_bytes;

	rc = vt_conn_run(k, vt_conn_st(k, ST_BEGIN_IMMEDIATE), "begin", err);
	if (rc != VT_OK)
		return rc;
	rc = vt_cat_ids_load(c, err);
	for (op = first; op != NULL && rc == VT_OK; op = op->next) {
		op->err.text[0] = '\0';
		changes = sqlite3_total_changes64(k->db);
		inline_bytes = c->inline_bytes;
		if (savepoints) {
			rc = vt_conn_run(k, vt_conn_st(k, ST_SAVEPOINT),
			    "begin", err);
			if (rc != VT_OK)
				break;
		}
		op->code = vt_cat_apply(c, op, now_us, &op->err);
		op->err.code = op->code;
		if (op->code == VT_NOSPACE || op->code == VT_IO ||
		    op->code == VT_CORRUPT || op->code == VT_NOMEM) {
			/* The transaction itself may be gone by now. */
			*err = op->err;
			rc = op->code;
			break;
		}
		if (op->code != VT_OK &&
		    sqlite3_total_changes64(k->db) != changes) {
			if (!savepoints) {
				rc = VT_PRECONDITION;
				break;
			}
			rc = vt_conn_run(k, vt_conn_st(k, ST_ROLLBACK_TO),
			    "undo", err);
			if (rc != VT_OK)
				break;
			/* Ids may be lost, bytes are counted. */
			c->inline_bytes = inline_bytes;
		}
		if (savepoints)
			rc = vt_conn_run(k, vt_conn_st(k, ST_RELEASE),
			    "release", err);
	}
	if (rc == VT_OK)
		rc = vt_cat_ids_store(c, err);
	if (rc == VT_OK)
		rc = vt_conn_run(k, vt_conn_st(k, ST_COMMIT), "commit", err);
	if (rc != VT_OK && !sqlite3_get_autocommit(k->db)) {
		struct vt_err ignored;	/* the first failure counts */

		if (vt_conn_run(k, vt_conn_st(k, ST_ROLLBACK), "roll back",
		    &ignored) != VT_OK && rc == VT_PRECONDITION) {
			*err = ignored;
			rc = ignored.code;
		}
	}
	return rc;
}

static void
fail_all(struct vt_cat_op *first, enum vt_code rc, const struct vt_err *err)
{
	struct vt_cat_op *op;

	for (op = first; op != NULL; op = op->next) {
		op->code = rc;
		op->err = *err;
		op->err.code = rc;
	}
}

/*
 * On a full disk: an operation that makes room, on its own and with the help
 * of the reserve.
 */
static enum vt_code
run_in_reserve(struct vt_catalog *c, struct vt_cat_op *op, struct vt_err *err)
{
	enum vt_code rc;
	int given = 0;

	do {
		/* The log's pages move home while there is room for them: it
		 * then begins anew in the space it has. */
		if (given && c->wal_bytes > 0)
			vt_cat_checkpoint(c, SQLITE_CHECKPOINT_PASSIVE);
		rc = vt_cat_write_lock(c, err);
		if (rc == VT_OK) {
			rc = run_group(c, op, 1, err);
			vt_cat_write_unlock(c);
		}
		given = rc == VT_NOSPACE && vt_cat_reserve_give(c);
	} while (given);
	return rc;
}

/* Before anybody is told that a bucket changed. */
static void
forget_buckets(struct vt_catalog *c, const struct vt_cat_op *op)
{
	for (; op != NULL; op = op->next)
		if (op->kind == VT_CAT_BUCKET_CREATE ||
		    op->kind == VT_CAT_BUCKET_DELETE ||
		    op->kind == VT_CAT_DOC_SET ||
		    op->kind == VT_CAT_LOCK_SET ||
		    op->kind == VT_CAT_VERSIONING_SET) {
			pthread_mutex_lock(&c->bucket_lock);
			c->bucket_epoch++;
			pthread_mutex_unlock(&c->bucket_lock);
			return;
		}
}

static void
commit_group(struct vt_catalog *c, struct vt_cat_op *first)
{
	struct vt_err err;
	struct vt_cat_op *op, *next;
	enum vt_code rc;

	memset(&err, 0, sizeof(err));
	if (c->broken) {
		vt_fail(&err, VT_IO, "the catalog stopped after a failure");
		fail_all(first, VT_IO, &err);
		goto complete;
	}
	rc = vt_cat_write_lock(c, &err);
	if (rc == VT_OK) {
		rc = run_group(c, first, 0, &err);
		if (rc == VT_PRECONDITION)
			rc = run_group(c, first, 1, &err);
		vt_cat_write_unlock(c);
	}
	if (rc == VT_NOSPACE) {
		/* What does not make room waits for it. */
		for (op = first; op != NULL; op = next) {
			next = op->next;
			op->next = NULL;
			if (needs_space(op->kind)) {
				op->code = VT_NOSPACE;
				op->err = err;
				op->err.code = VT_NOSPACE;
			} else {
				rc = run_in_reserve(c, op, &err);
				if (rc != VT_OK)
					fail_all(op, rc, &err);
			}
			op->next = next;
		}
	} else if (rc != VT_OK) {
		fail_all(first, rc, &err);
		if (rc == VT_IO || rc == VT_CORRUPT)
			fatal(c, &err);
	}
complete:
	c->commits++;
	forget_buckets(c, first);
	for (op = first; op != NULL; op = next) {
		next = op->next;
		c->operations++;
		vt_cat_settle(c, op);
		op->done(op);	/* op may be gone after this */
	}
}

void *
vt_cat_committer(void *arg)
{
	struct vt_catalog *c = arg;
	struct vt_cat_op *first, **last;
	struct vt_err err;
	unsigned n;

	for (;;) {
		pthread_mutex_lock(&c->queue_lock);
		while (c->head == NULL && !c->stopping)
			pthread_cond_wait(&c->queue_cond, &c->queue_lock);
		first = c->head;
		last = &first;
		for (n = 0; *last != NULL && n < c->o.group_max; n++)
			last = &(*last)->next;
		c->head = *last;
		if (c->head == NULL)
			c->tail = &c->head;
		*last = NULL;
		pthread_mutex_unlock(&c->queue_lock);
		if (first == NULL)
			break;
		if (c->wal_bytes > WAL_REFUSE_BYTES) {
			/* A reader that never ends keeps the log growing. */
			vt_cat_checkpoint(c, SQLITE_CHECKPOINT_PASSIVE);
			if (c->wal_bytes > WAL_REFUSE_BYTES) {
				struct vt_cat_op *op, *next;

				vt_fail(&err, VT_BUSY, "catalog log is over "
				    "%llu bytes", WAL_REFUSE_BYTES);
				fail_all(first, VT_BUSY, &err);
				for (op = first; op != NULL; op = next) {
					next = op->next;
					op->done(op);
				}
				continue;
			}
		}
		commit_group(c, first);
		if (c->o.checkpointer && !c->broken &&
		    c->wal_bytes > WAL_CHECKPOINT_BYTES)
			vt_cat_checkpoint(c, SQLITE_CHECKPOINT_PASSIVE);
		vt_cat_reserve_take(c);
	}
	return NULL;
}

/* --- submitting ----------------------------------------------------------- */

void
vt_catalog_submit(struct vt_catalog *c, struct vt_cat_op *op)
{
	op->next = NULL;
	op->code = VT_OK;
	op->err.text[0] = '\0';
	if (c->o.read_only) {
		op->code = vt_fail(&op->err, VT_DENIED,
		    "the catalog is open for reading only");
		op->done(op);
		return;
	}
	pthread_mutex_lock(&c->queue_lock);
	*c->tail = op;
	c->tail = &op->next;
	pthread_cond_signal(&c->queue_cond);
	pthread_mutex_unlock(&c->queue_lock);
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int done;
};

static void
wake(struct vt_cat_op *op)
{
	struct waiter *w = op->ctx;

	pthread_mutex_lock(&w->lock);
	w->done = 1;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

enum vt_code
vt_catalog_run(struct vt_catalog *c, struct vt_cat_op *op, struct vt_err *err)
{
	struct waiter w = { PTHREAD_MUTEX_INITIALIZER,
	    PTHREAD_COND_INITIALIZER, 0 };

	op->done = wake;
	op->ctx = &w;
	vt_catalog_submit(c, op);
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.cond, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_mutex_destroy(&w.lock);
	pthread_cond_destroy(&w.cond);
	if (op->code != VT_OK && err != NULL) {
		*err = op->err;
		err->code = op->code;
	}
	return op->code;
}
