/* Restores: which versions are, or will be, back from an archive, and until
 * when.  Rows of versions that are gone go when they are looked at. */
#include <string.h>

#include "libvt/store/catalog_sqlite.h"

/* --- reading -------------------------------------------------------------- */

static void
fill(sqlite3_stmt *s, struct vt_restored *r)
{
	r->seq = sqlite3_column_int64(s, 0);
	r->source = sqlite3_column_int64(s, 1);
	r->speed = sqlite3_column_int(s, 2);
	r->days = (unsigned)sqlite3_column_int64(s, 3);
	r->requested_us = sqlite3_column_int64(s, 4);
	r->until_us = sqlite3_column_int64(s, 5);
}

static enum vt_code
get(struct vt_conn *k, int64_t seq, struct vt_restored *out,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, ST_RESTORE_GET);
	enum vt_code rc = VT_OK;
	int r;

	if (s == NULL)
		return vt_conn_fail(k, "read a restore", err);
	sqlite3_bind_int64(s, 1, seq);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		fill(s, out);
	else if (r == SQLITE_DONE)
		rc = vt_fail(err, VT_ABSENT, "the version is not restored");
	else
		rc = vt_conn_fail(k, "read a restore", err);
	sqlite3_reset(s);
	return rc;
}

enum vt_code
vt_catalog_restored(struct vt_catalog *c, int64_t seq,
    struct vt_restored *out, struct vt_err *err)
{
	struct vt_conn *k;
	enum vt_code rc;

	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	rc = get(k, seq, out, err);
	vt_conn_give(c, k);
	return rc;
}

enum vt_code
vt_catalog_restores(struct vt_catalog *c, int64_t after,
    struct vt_restored *out, size_t max, size_t *count, struct vt_err *err)
{
	struct vt_conn *k;
	sqlite3_stmt *s;
	enum vt_code rc;
	int r;

	*count = 0;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_RESTORES);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read restores", err);
		goto out;
	}
	sqlite3_bind_int64(s, 1, after);
	sqlite3_bind_int64(s, 2, (int64_t)max);
	while ((r = sqlite3_step(s)) == SQLITE_ROW)
		fill(s, &out[(*count)++]);
	if (r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read restores", err);
	sqlite3_reset(s);
out:
	vt_conn_give(c, k);
	return rc;
}

/* --- writing -------------------------------------------------------------- */

/* AWS: the days, rounded up to the next midnight UTC. */
static int64_t
until(int64_t now_us, unsigned days)
{
	return (now_us + days * DAY_US + DAY_US - 1) / DAY_US * DAY_US;
}

static enum vt_code
set(struct vt_catalog *c, const struct vt_restored *r, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_RESTORE_SET);

	if (s == NULL)
		return vt_conn_fail(c->w, "note a restore", err);
	sqlite3_bind_int64(s, 1, r->seq);
	sqlite3_bind_int64(s, 2, r->source);
	sqlite3_bind_int(s, 3, r->speed);
	sqlite3_bind_int64(s, 4, r->days);
	sqlite3_bind_int64(s, 5, r->requested_us);
	sqlite3_bind_int64(s, 6, r->until_us);
	return vt_conn_run(c->w, s, "note a restore", err);
}

/* Temporary copies of a version stay until then. */
static enum vt_code
prolong(struct vt_catalog *c, int64_t seq, int64_t until_us,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_COPY_UNTIL);

	if (s == NULL)
		return vt_conn_fail(c->w, "prolong a restore", err);
	sqlite3_bind_int64(s, 1, seq);
	sqlite3_bind_int64(s, 2, until_us);
	return vt_conn_run(c->w, s, "prolong a restore", err);
}

static const struct vt_copy *
copy_by_id(const struct vt_version *v, int64_t id)
{
	for (size_t i = 0; i < v->copy_count; i++)
		if (v->copies[i].id == id)
			return &v->copies[i];
	return NULL;
}

static enum vt_code
source_of(const struct vt_version *v, int64_t id,
    const struct vt_copy **out, struct vt_err *err)
{
	*out = copy_by_id(v, id);
	if (*out == NULL || (*out)->until_us != 0)
		return vt_fail(err, VT_PRECONDITION,
		    "the copy to restore from is no longer there");
	return VT_OK;
}

/* How fast a speed is: enum vt_restore_speed has the standard one first. */
static int
rank(int speed)
{
	static const int ranks[] = { 1, 2, 0 };

	return ranks[speed];
}

/* The order of the checks is that of their answers. */
static enum vt_code
ask(struct vt_catalog *c, struct vt_cat_restore *w,
    const struct vt_version *v, int64_t now_us, struct vt_err *err)
{
	struct vt_restored r;
	const struct vt_copy *source;
	enum vt_code rc;

	rc = source_of(v, w->source_copy_id, &source, err);
	if (rc != VT_OK)
		return rc;
	rc = get(c->w, w->seq, &r, err);
	if (rc != VT_OK && rc != VT_ABSENT)
		return rc;
	if (rc == VT_OK && r.until_us > now_us) {
		r.days = w->days;
		r.until_us = w->until_us = until(now_us, w->days);
		rc = prolong(c, w->seq, r.until_us, err);
		return rc == VT_OK ? set(c, &r, err) : rc;
	}
	/* only a hurry is taken anew, as on AWS */
	if (rc == VT_OK && r.until_us == 0 &&
	    rank(w->speed) <= rank(r.speed))
		return vt_fail(err, VT_BUSY, "a restore is under way");
	if (rc == VT_ABSENT || r.until_us != 0)
		r.requested_us = now_us;
	r.seq = w->seq;
	r.source = source->id;
	r.speed = w->speed;
	r.days = w->days;
	r.until_us = w->until_us = 0;
	return set(c, &r, err);
}

static enum vt_code
done(struct vt_catalog *c, struct vt_cat_restore *w,
    const struct vt_version *v, int64_t now_us, struct vt_err *err)
{
	const struct vt_copy *source, *there = NULL;
	struct vt_restored r;
	sqlite3_stmt *s;
	int64_t id;
	size_t i;
	enum vt_code rc;

	rc = source_of(v, w->source_copy_id, &source, err);
	if (rc == VT_OK)
		rc = get(c->w, w->seq, &r, err);
	if (rc != VT_OK)
		return rc;
	for (i = 0; i < v->copy_count; i++)
		if (strcmp(v->copies[i].tier, w->tier) == 0)
			there = &v->copies[i];
	if (r.until_us > now_us || (there != NULL && there->until_us == 0))
		return vt_fail(err, VT_PRECONDITION,
		    "the version is restored already");
	/* an earlier restore's, whose time is up */
	for (i = 0; i < v->copy_count && rc == VT_OK; i++)
		if (v->copies[i].until_us != 0)
			rc = vt_cat_copy_drop(c, w->seq, &v->copies[i],
			    now_us + c->o.delete_grace_ms * 1000, err);
	r.until_us = w->until_us = until(now_us, r.days);
	if (rc == VT_OK)
		rc = vt_cat_copy_put(c, v, w->tier, w->extents,
		    w->extent_count, now_us, &id, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(c->w, ST_COPY_TEMPORARY);
	if (s == NULL)
		return vt_conn_fail(c->w, "note a restored copy", err);
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int64(s, 2, r.until_us);
	sqlite3_bind_int64(s, 3, w->seq);
	rc = vt_conn_run(c->w, s, "note a restored copy", err);
	return rc == VT_OK ? set(c, &r, err) : rc;
}

/* `v` NULL: the version is gone, and its copies with it. */
static enum vt_code
end(struct vt_catalog *c, struct vt_cat_restore *w,
    const struct vt_version *v, int64_t now_us, struct vt_err *err)
{
	struct vt_restored r;
	sqlite3_stmt *s;
	size_t i;
	enum vt_code rc;

	rc = get(c->w, w->seq, &r, err);
	if (rc == VT_OK && r.until_us != w->until_us)
		rc = vt_fail(err, VT_PRECONDITION,
		    "the restore was asked for anew");
	if (rc == VT_ABSENT)	/* a move or another process ended it */
		rc = VT_OK;
	for (i = 0; v != NULL && i < v->copy_count && rc == VT_OK; i++) {
		const struct vt_copy *copy = &v->copies[i];

		if (copy->until_us == 0)
			continue;
		if (copy->until_us > now_us)
			return vt_fail(err, VT_PRECONDITION,
			    "the restored copy stays longer by now");
		rc = vt_cat_copy_drop(c, w->seq, copy,
		    now_us + c->o.delete_grace_ms * 1000, err);
	}
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(c->w, ST_RESTORE_DEL);
	if (s == NULL)
		return vt_conn_fail(c->w, "end a restore", err);
	sqlite3_bind_int64(s, 1, w->seq);
	return vt_conn_run(c->w, s, "end a restore", err);
}

enum vt_code
vt_cat_restore_apply(struct vt_catalog *c, struct vt_cat_op *op,
    int64_t now_us, struct vt_err *err)
{
	struct vt_cat_restore *w = &op->u.restore;
	struct vt_arena *a = vt_arena_new(VERSION_ARENA_MAX);
	struct vt_version *v = NULL;
	enum vt_code rc;

	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_cat_read_seq(c, c->w, a, w->seq, 0, &v, err);
	if (rc == VT_ABSENT && op->kind == VT_CAT_RESTORE_END)
		rc = VT_OK;
	if (rc != VT_OK)
		goto out;
	if (op->kind == VT_CAT_RESTORE_ASK)
		rc = ask(c, w, v, now_us, err);
	else if (op->kind == VT_CAT_RESTORE_DONE)
		rc = done(c, w, v, now_us, err);
	else
		rc = end(c, w, v, now_us, err);
out:
	vt_arena_free(a);
	return rc;
}
