/* Events: the journal of what somebody is still to be told of. */
#include <string.h>

#include "libvt/store/catalog_row.h"

/* --- reading -------------------------------------------------------------- */

static const char *
column(struct vt_arena *a, sqlite3_stmt *s, int i, int *failed)
{
	const char *text = (const char *)sqlite3_column_text(s, i);
	const char *copy = vt_arena_str(a, text != NULL ? text : "");

	*failed |= copy == NULL;
	return copy;
}

static enum vt_code
fill(struct vt_arena *a, sqlite3_stmt *s, struct vt_event *e,
    struct vt_err *err)
{
	int failed = 0;

	e->id = sqlite3_column_int64(s, 0);
	e->dest = column(a, s, 1, &failed);
	e->name = column(a, s, 2, &failed);
	e->rule = column(a, s, 3, &failed);
	e->bucket = column(a, s, 4, &failed);
	e->owner = column(a, s, 5, &failed);
	e->key_len = (size_t)sqlite3_column_bytes(s, 6);
	e->key = vt_arena_dup(a, e->key_len > 0 ?
	    sqlite3_column_blob(s, 6) : "", e->key_len);
	e->version_id = column(a, s, 7, &failed);
	e->seq = sqlite3_column_int64(s, 8);
	e->size_bytes = (uint64_t)sqlite3_column_int64(s, 9);
	e->etag = column(a, s, 10, &failed);
	e->time_us = sqlite3_column_int64(s, 11);
	e->requester = column(a, s, 12, &failed);
	e->remote = column(a, s, 13, &failed);
	e->request_id = column(a, s, 14, &failed);
	e->detail = column(a, s, 15, &failed);
	e->attempts = (unsigned)sqlite3_column_int64(s, 16);
	if (failed || e->key == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for events");
	return VT_OK;
}

enum vt_code
vt_catalog_events(struct vt_catalog *c, struct vt_arena *a, const char *dest,
    int64_t now_us, struct vt_event *out, size_t max, size_t *count,
    struct vt_err *err)
{
	struct vt_conn *k;
	sqlite3_stmt *s;
	enum vt_code rc;
	int r = SQLITE_DONE;

	*count = 0;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_EVENTS_DUE);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read events", err);
		goto out;
	}
	sqlite3_bind_text(s, 1, dest, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, now_us);
	sqlite3_bind_int64(s, 3, (int64_t)max);
	while (rc == VT_OK && (r = sqlite3_step(s)) == SQLITE_ROW)
		rc = fill(a, s, &out[(*count)++], err);
	if (rc == VT_OK && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read events", err);
	sqlite3_reset(s);
out:
	vt_conn_give(c, k);
	return rc;
}

enum vt_code
vt_catalog_event_count(struct vt_catalog *c, const char *dest,
    uint64_t *count, int64_t *oldest_us, struct vt_err *err)
{
	struct vt_conn *k;
	sqlite3_stmt *s;
	enum vt_code rc;

	*count = 0;
	*oldest_us = 0;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_EVENT_COUNT);
	if (s == NULL) {
		rc = vt_conn_fail(k, "count events", err);
		goto out;
	}
	sqlite3_bind_text(s, 1, dest, -1, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW) {
		*count = (uint64_t)sqlite3_column_int64(s, 0);
		*oldest_us = sqlite3_column_int64(s, 1);
	} else
		rc = vt_conn_fail(k, "count events", err);
	sqlite3_reset(s);
out:
	vt_conn_give(c, k);
	return rc;
}

/* --- writing -------------------------------------------------------------- */

/* What the operation made known; 0: this event did not happen. */
static int
complete(const struct vt_cat_event *in, const struct vt_cat_op *op,
    struct vt_event *e)
{
	const struct vt_cat_put *p = NULL;
	const struct vt_cat_delete *d = &op->u.del;

	*e = in->e;
	if (op->kind == VT_CAT_PUT)
		p = &op->u.put;
	else if (op->kind == VT_CAT_UPLOAD_COMPLETE)
		p = &op->u.complete.put;
	if (p != NULL) {
		e->version_id = !in->versioned ? "" :
		    p->is_null ? "null" : p->version_id;
		e->seq = p->seq;
		e->size_bytes = p->v.size_bytes;
		e->etag = p->v.etag;
		e->time_us = p->mtime_us;
	} else if (op->kind == VT_CAT_DELETE) {
		if (!d->found ||
		    (in->when == VT_EVENT_IF_MARKER && !d->made_marker) ||
		    (in->when == VT_EVENT_IF_REMOVED && d->made_marker))
			return 0;
		e->version_id = !in->versioned ? "" :
		    d->out_is_null ? "null" : d->made_marker ?
		    d->out_version_id : d->version_id;
	} else if (op->kind == VT_CAT_LIFECYCLE &&
	    op->u.lifecycle.made_marker) {
		e->version_id = op->u.lifecycle.marker_is_null ? "null" :
		    op->u.lifecycle.marker_id;
	}
	return 1;
}

enum vt_code
vt_cat_events_add(struct vt_catalog *c, const struct vt_cat_op *op,
    int64_t now_us, struct vt_err *err)
{
	struct vt_event e;
	sqlite3_stmt *s;
	enum vt_code rc;

	for (size_t i = 0; i < op->event_count; i++) {
		if (!complete(&op->events[i], op, &e))
			continue;
		s = vt_conn_st(c->w, ST_EVENT_ADD);
		if (s == NULL)
			return vt_conn_fail(c->w, "note an event", err);
		e.id = vt_cat_next_id(c);
		sqlite3_bind_int64(s, 1, e.id);
		bind_str(s, 2, e.dest);
		bind_str(s, 3, e.name);
		bind_str(s, 4, e.rule);
		bind_str(s, 5, e.bucket);
		bind_str(s, 6, e.owner);
		sqlite3_bind_blob64(s, 7, e.key != NULL ? e.key : "",
		    e.key_len, SQLITE_STATIC);
		bind_str(s, 8, e.version_id);
		/* a delete has no place of its own among the versions */
		sqlite3_bind_int64(s, 9, e.seq != 0 ? e.seq : e.id);
		sqlite3_bind_int64(s, 10, (int64_t)e.size_bytes);
		bind_str(s, 11, e.etag);
		sqlite3_bind_int64(s, 12, e.time_us != 0 ? e.time_us :
		    now_us);
		bind_str(s, 13, e.requester);
		bind_str(s, 14, e.remote);
		bind_str(s, 15, e.request_id);
		bind_str(s, 16, e.detail);
		rc = vt_conn_run(c->w, s, "note an event", err);
		if (rc != VT_OK)
			return rc;
	}
	return VT_OK;
}

enum vt_code
vt_cat_events_apply(struct vt_catalog *c, const struct vt_cat_op *op,
    struct vt_err *err)
{
	sqlite3_stmt *s;
	enum vt_code rc = VT_OK;

	if (op->kind == VT_CAT_EVENT_RETRY) {
		s = vt_conn_st(c->w, ST_EVENT_RETRY);
		if (s == NULL)
			return vt_conn_fail(c->w, "put an event off", err);
		sqlite3_bind_int64(s, 1, op->u.event_retry.id);
		sqlite3_bind_int64(s, 2, op->u.event_retry.not_before_us);
		return vt_conn_run(c->w, s, "put an event off", err);
	}
	for (size_t i = 0; i < op->u.events_done.count && rc == VT_OK; i++) {
		s = vt_conn_st(c->w, ST_EVENT_DEL);
		if (s == NULL)
			return vt_conn_fail(c->w, "forget an event", err);
		sqlite3_bind_int64(s, 1, op->u.events_done.ids[i]);
		rc = vt_conn_run(c->w, s, "forget an event", err);
	}
	return rc;
}
