/* A guard around a backend of another machine: see vt_backend_guard. */
#include <stdlib.h>
#include <string.h>

#include "libvt/store/backend_guard.h"

struct guard_put {
	struct vt_backend_put base;
	struct vt_backend_put *inner;
};

struct guard_get {
	struct vt_backend_get base;
	struct vt_backend_get *inner;	/* NULL: broke, and could not resume */
	char *name;
	char token[VT_BLOB_TOKEN_MAX];
	uint64_t offset;		/* of what is read next */
	uint64_t done_bytes;
	unsigned resumed;
};

/* --- writing -------------------------------------------------------------- */

static void
put_ended(struct guard *g)
{
	pthread_mutex_lock(&g->lock);
	guard_leave_place(&g->puts);
	pthread_mutex_unlock(&g->lock);
}

static enum vt_code
guard_put_begin(struct vt_backend *b, const char *name,
    const struct vt_backend_put_info *info, struct vt_backend_put **out,
    struct vt_err *err)
{
	struct guard *g = guard_of(b);
	struct guard_put *p;
	uint64_t ticket;
	enum vt_code rc;

	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to put '%s'", name);
	guard_come_in(g);
	rc = guard_take_turn(g, &g->puts, &ticket, err);
	guard_go_out(g);
	if (rc != VT_OK) {
		free(p);
		return rc;
	}
	rc = guard_probe_first(g, name, &ticket, err);
	if (rc == VT_OK) {
		rc = vt_backend_put_begin(g->inner, name, info, &p->inner,
		    err);
		guard_note_under_way(g, ticket, guard_failure_only(rc), err);
	}
	if (rc != VT_OK) {
		put_ended(g);
		free(p);
		return rc;
	}
	*out = &p->base;
	return VT_OK;
}

/* The counts of the outer put are those of the inner: bytes are not counted
 * and summed twice. */
static struct vt_backend_put *
inner_put(struct guard_put *p)
{
	p->inner->size_bytes = p->base.size_bytes;
	p->inner->crc64 = p->base.crc64;
	return p->inner;
}

/* Refused while the breaker is not closed. */
static enum vt_code
enter_put(struct guard *g, uint64_t *ticket, struct vt_err *err)
{
	enum vt_code rc = VT_OK;

	*ticket = guard_ticket(g);
	if (*ticket == 0) {
		pthread_mutex_lock(&g->lock);
		rc = guard_refuse(g, err);
		pthread_mutex_unlock(&g->lock);
	}
	return rc;
}

static enum vt_code
guard_put_write(struct vt_backend_put *put, const void *data, size_t len,
    struct vt_err *err)
{
	struct guard *g = guard_of(put->backend);
	struct guard_put *p = (struct guard_put *)put;
	uint64_t ticket;
	enum vt_code rc;

	rc = guard_pace(g, &g->out, len, err);
	if (rc == VT_OK)
		rc = enter_put(g, &ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = p->inner->backend->ops->put_write(inner_put(p), data, len, err);
	guard_note_under_way(g, ticket, guard_failure_only(rc), err);
	return rc;
}

static enum vt_code
guard_put_meta(struct vt_backend_put *put, const struct vt_header_kv *meta,
    size_t count, struct vt_err *err)
{
	struct guard *g = guard_of(put->backend);
	struct guard_put *p = (struct guard_put *)put;
	uint64_t ticket;
	enum vt_code rc;

	rc = enter_put(g, &ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = p->inner->backend->ops->put_meta(inner_put(p), meta, count, err);
	guard_note_under_way(g, ticket, guard_failure_only(rc), err);
	return rc;
}

static void
guard_put_abort(struct vt_backend_put *put)
{
	struct guard *g = guard_of(put->backend);
	struct guard_put *p = (struct guard_put *)put;

	p->inner->forsaken = put->forsaken || guard_ticket(g) == 0;
	vt_backend_put_abort(p->inner);
	put_ended(g);
	free(p);
}

static enum vt_code
guard_put_commit(struct vt_backend_put *put,
    struct vt_backend_put_result *out, struct vt_err *err)
{
	struct guard *g = guard_of(put->backend);
	struct guard_put *p = (struct guard_put *)put;
	uint64_t ticket;
	enum vt_code rc;

	rc = enter_put(g, &ticket, err);
	if (rc != VT_OK) {
		guard_put_abort(put);
		return rc;
	}
	rc = p->inner->backend->ops->put_commit(inner_put(p), out, err);
	guard_note_under_way(g, ticket, vt_call_end_of(rc), err);
	put_ended(g);
	free(p);
	return rc;
}

static enum vt_code
guard_abort_upload(struct vt_backend *b, const char *name,
    const char *upload, struct vt_err *err)
{
	struct guard *g = guard_of(b);
	uint64_t ticket;
	enum vt_code rc;

	rc = guard_enter(g, &ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_abort_upload(g->inner, name, upload, err);
	/* a driver without uploads says absent by itself */
	guard_leave(g, ticket, rc == VT_ABSENT ? VT_CALL_UNKNOWN :
	    vt_call_end_of(rc), err);
	return rc;
}

static enum vt_code
guard_copy(struct vt_backend *b, const char *name,
    const struct vt_backend_copy *c, struct vt_backend_put_result *out,
    struct vt_err *err)
{
	struct guard *g = guard_of(b);
	uint64_t ticket;
	enum vt_code rc;

	rc = guard_enter(g, &ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = guard_probe_first(g, name, &ticket, err);
	if (rc == VT_OK)
		rc = vt_backend_copy(g->inner, name, c, out, err);
	guard_leave(g, ticket, vt_call_end_of(rc), err);
	return rc;
}

/* --- reading -------------------------------------------------------------- */

static enum vt_code
begin_read(struct guard *g, struct guard_get *get, uint64_t length,
    struct vt_err *err)
{
	uint64_t ticket;
	enum vt_code rc;

	rc = guard_enter(g, &ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_get_begin(g->inner, get->name, get->token,
	    get->offset, length, &get->inner, err);
	/* drivers may answer an empty range by themselves */
	guard_leave(g, ticket, length == 0 ? guard_failure_only(rc) :
	    vt_call_end_of(rc), err);
	return rc;
}

static void
guard_get_end(struct vt_backend_get *get)
{
	struct guard_get *r = (struct guard_get *)get;

	vt_backend_get_end(r->inner);
	free(r->name);
	free(r);
}

static enum vt_code
guard_get_begin(struct vt_backend *b, const char *name, const char *token,
    uint64_t offset, uint64_t length, struct vt_backend_get **out,
    struct vt_err *err)
{
	struct guard_get *r;
	enum vt_code rc;

	r = calloc(1, sizeof(*r));
	if (r != NULL)
		r->name = strdup(name);
	if (r == NULL || r->name == NULL) {
		free(r);
		return vt_fail(err, VT_NOMEM, "no memory to get '%s'", name);
	}
	if (strlen(token) >= sizeof(r->token)) {
		guard_get_end(&r->base);
		return vt_fail(err, VT_CORRUPT, "no such token of '%s'", name);
	}
	strcpy(r->token, token);
	r->offset = offset;
	rc = begin_read(guard_of(b), r, length, err);
	if (rc != VT_OK) {
		guard_get_end(&r->base);
		return rc;
	}
	*out = &r->base;
	return VT_OK;
}

static enum vt_code
read_once(struct guard *g, struct guard_get *r, void *data, size_t len,
    size_t *got, struct vt_err *err)
{
	uint64_t ticket = guard_ticket(g);
	enum vt_code rc;

	r->inner->left_bytes = r->base.left_bytes;
	rc = r->inner->backend->ops->get_read(r->inner, data, len, got, err);
	/* the end, where there must be more, is a break like any other */
	if (rc == VT_OK && *got == 0)
		rc = vt_fail(err, VT_BUSY, "'%s' ended %llu bytes early",
		    r->name, (unsigned long long)r->base.left_bytes);
	guard_note_under_way(g, ticket, guard_failure_only(rc), err);
	return rc;
}

static enum vt_code
guard_get_read(struct vt_backend_get *get, void *data, size_t len,
    size_t *got, struct vt_err *err)
{
	struct guard *g = guard_of(get->backend);
	struct guard_get *r = (struct guard_get *)get;
	enum vt_code rc;

	if (r->inner == NULL)
		return vt_fail(err, VT_INVALID, "an earlier read failed");
	for (;;) {
		rc = read_once(g, r, data, len, got, err);
		if (rc == VT_OK)
			break;
		if (vt_call_end_of(rc) != VT_CALL_FAILED ||
		    r->resumed >= g->o.resumes + (r->done_bytes >> 30))
			return rc;
		r->resumed++;
		vt_backend_get_end(r->inner);
		r->inner = NULL;
		/* the driver has tried this more than once itself */
		rc = begin_read(g, r, get->left_bytes, err);
		if (rc != VT_OK) {
			vt_err_prefix(err, "going on with '%s'", r->name);
			return rc;
		}
	}
	r->offset += *got;
	r->done_bytes += *got;
	return guard_pace(g, &g->in, *got, err);
}

static enum vt_code
guard_get_fd(struct vt_backend *b, const char *name, int *fd,
    uint64_t *size_bytes, struct vt_err *err)
{
	struct guard *g = guard_of(b);
	uint64_t ticket;
	enum vt_code rc;

	rc = guard_enter(g, &ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_get_fd(g->inner, name, fd, size_bytes, err);
	guard_leave(g, ticket, vt_call_end_of(rc), err);
	return rc;
}

static enum vt_code
guard_head(struct vt_backend *b, const char *name,
    struct vt_backend_head *out, struct vt_err *err)
{
	struct guard *g = guard_of(b);
	uint64_t ticket;
	enum vt_code rc;

	rc = guard_enter(g, &ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_head(g->inner, name, out, err);
	guard_leave(g, ticket, vt_call_end_of(rc), err);
	return rc;
}

/* --- visiting ------------------------------------------------------------- */

/* A visitor and what it must not have while it runs: the turn. */
struct visitor {
	struct guard *g;
	uint64_t ticket;
	int answered;
	vt_backend_visit *visit;
	vt_backend_visit_meta *visit_meta;
	vt_backend_visit_object *visit_object;
	void *ctx;
};

static void
step_aside(struct visitor *v)
{
	pthread_mutex_lock(&v->g->lock);
	/* A probe need not go on to the end of a long list. */
	if (!v->answered)
		guard_note(v->g, v->ticket, VT_CALL_ANSWERED, NULL);
	v->answered = 1;
	guard_leave_place(&v->g->calls);
	pthread_mutex_unlock(&v->g->lock);
}

/* Go on, over the limit rather than waiting in the middle of an answer. */
static void
step_back(struct visitor *v)
{
	pthread_mutex_lock(&v->g->lock);
	v->g->calls.used++;
	pthread_mutex_unlock(&v->g->lock);
}

static int
visit_aside(void *ctx, const char *name, uint64_t size_bytes,
    int64_t mtime_us)
{
	struct visitor *v = ctx;
	int stop;

	step_aside(v);
	stop = v->visit(v->ctx, name, size_bytes, mtime_us);
	step_back(v);
	return stop;
}

static int
visit_meta_aside(void *ctx, const char *name, const char *value)
{
	struct visitor *v = ctx;
	int stop;

	step_aside(v);
	stop = v->visit_meta(v->ctx, name, value);
	step_back(v);
	return stop;
}

static int
visit_object_aside(void *ctx, const struct vt_backend_object *o)
{
	struct visitor *v = ctx;
	int stop;

	step_aside(v);
	stop = v->visit_object(v->ctx, o);
	step_back(v);
	return stop;
}

static enum vt_code
guard_meta(struct vt_backend *b, const char *name,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
{
	struct visitor v = { .g = guard_of(b), .visit_meta = visit,
	    .ctx = ctx };
	enum vt_code rc;

	rc = guard_enter(v.g, &v.ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_meta(v.g->inner, name, visit_meta_aside, &v, err);
	guard_leave(v.g, v.ticket, vt_call_end_of(rc), err);
	return rc;
}

static enum vt_code
guard_list(struct vt_backend *b, const char *prefix, vt_backend_visit *visit,
    void *ctx, struct vt_err *err)
{
	struct visitor v = { .g = guard_of(b), .visit = visit, .ctx = ctx };
	enum vt_code rc;

	rc = guard_enter(v.g, &v.ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_list(v.g->inner, prefix, visit_aside, &v, err);
	guard_leave(v.g, v.ticket, vt_call_end_of(rc), err);
	return rc;
}

static enum vt_code
guard_objects(struct vt_backend *b, const char *prefix, const char *after,
    vt_backend_visit_object *visit, void *ctx, struct vt_err *err)
{
	struct visitor v = { .g = guard_of(b), .visit_object = visit,
	    .ctx = ctx };
	enum vt_code rc;

	rc = guard_enter(v.g, &v.ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_objects(v.g->inner, prefix, after,
	    visit_object_aside, &v, err);
	guard_leave(v.g, v.ticket, vt_call_end_of(rc), err);
	return rc;
}

static enum vt_code
guard_describe(struct vt_backend *b, const char *name,
    struct vt_backend_described *out, vt_backend_visit_meta *visit, void *ctx,
    struct vt_err *err)
{
	struct visitor v = { .g = guard_of(b), .visit_meta = visit,
	    .ctx = ctx };
	enum vt_code rc;

	rc = guard_enter(v.g, &v.ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_describe(v.g->inner, name, out, visit_meta_aside, &v,
	    err);
	guard_leave(v.g, v.ticket, vt_call_end_of(rc), err);
	return rc;
}

/* --- the rest ------------------------------------------------------------- */

static enum vt_code
guard_del(struct vt_backend *b, const char *name, const char *token,
    struct vt_err *err)
{
	struct guard *g = guard_of(b);
	uint64_t ticket;
	enum vt_code rc;

	rc = guard_enter(g, &ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_delete(g->inner, name, token, err);
	guard_leave(g, ticket, vt_call_end_of(rc), err);
	return rc;
}

static enum vt_code
guard_restore(struct vt_backend *b, const char *name, unsigned days,
    enum vt_restore_speed speed, struct vt_err *err)
{
	struct guard *g = guard_of(b);
	uint64_t ticket;
	enum vt_code rc;

	rc = guard_enter(g, &ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_restore(g->inner, name, days, speed, err);
	/* busy: one that is under way, or a tier that fails */
	guard_leave(g, ticket, rc == VT_BUSY ? VT_CALL_UNKNOWN :
	    vt_call_end_of(rc), err);
	return rc;
}

static enum vt_code
guard_restore_end(struct vt_backend *b, const char *name, struct vt_err *err)
{
	struct guard *g = guard_of(b);
	uint64_t ticket;
	enum vt_code rc;

	rc = guard_enter(g, &ticket, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_restore_end(g->inner, name, err);
	guard_leave(g, ticket, vt_call_end_of(rc), err);
	return rc;
}

static enum vt_code
guard_name(const struct vt_backend *b, uint64_t blob_id, uint64_t incarnation,
    const char *bucket, const char *key, size_t key_len,
    char out[VT_BLOB_NAME_MAX], struct vt_err *err)
{
	return vt_backend_name(guard_of(b)->inner, blob_id, incarnation,
	    bucket, key, key_len, out, err);
}

static void
guard_counts(const struct vt_backend *b, struct vt_backend_counts *out)
{
	vt_backend_counts(guard_of(b)->inner, out);
}

static void
guard_health(const struct vt_backend *b, struct vt_backend_health *out)
{
	struct guard *g = guard_of(b);
	int64_t left_us;

	pthread_mutex_lock(&g->lock);
	out->is_open = g->breaker.state != VT_BREAKER_CLOSED;
	left_us = g->breaker.state == VT_BREAKER_OPEN ?
	    g->breaker.until_us - guard_now_us(g) : 0;
	out->retry_ms = left_us > 0 ? (left_us + 999) / 1000 : 0;
	out->calls = g->calls.used;
	out->puts = g->puts.used;
	out->waiting = g->calls.waiting + g->puts.waiting;
	out->failures = g->failures;
	out->refused = g->refused;
	pthread_mutex_unlock(&g->lock);
}

static struct vt_backend *
guard_inner(struct vt_backend *b)
{
	return guard_of(b)->inner;
}

static void
guard_close(struct vt_backend *b)
{
	struct guard *g = guard_of(b);

	pthread_mutex_lock(&g->lock);
	g->closing = 1;
	guard_turn_away(&g->calls);
	guard_turn_away(&g->puts);
	guard_turn_away(&g->held_back);
	while (g->inside > 0)
		pthread_cond_wait(&g->quiet, &g->lock);
	pthread_mutex_unlock(&g->lock);
	vt_backend_close(g->inner);
	pthread_cond_destroy(&g->quiet);
	pthread_condattr_destroy(&g->monotonic);
	pthread_mutex_destroy(&g->lock);
	free(b->url);
	free(g);
}

static const struct vt_backend_ops guard_ops = {
	.close = guard_close,
	.name = guard_name,
	.put_begin = guard_put_begin,
	.put_write = guard_put_write,
	.put_meta = guard_put_meta,
	.put_commit = guard_put_commit,
	.put_abort = guard_put_abort,
	.abort_upload = guard_abort_upload,
	.copy = guard_copy,
	.get_begin = guard_get_begin,
	.get_read = guard_get_read,
	.get_end = guard_get_end,
	.get_fd = guard_get_fd,
	.head = guard_head,
	.meta = guard_meta,
	.del = guard_del,
	.restore = guard_restore,
	.restore_end = guard_restore_end,
	.list = guard_list,
	.objects = guard_objects,
	.describe = guard_describe,
	.counts = guard_counts,
	.health = guard_health,
	.inner = guard_inner,
};

static void
set_options(struct guard *g, const struct vt_guard_options *o)
{
	struct vt_guard_options *to = &g->o;

	*to = *o;
	if (to->calls_max == 0)
		to->calls_max = 32;
	if (to->puts_max == 0)
		to->puts_max = to->calls_max;
	if (to->waiting_max == 0)
		to->waiting_max = 256;
	if (to->wait_ms == 0)
		to->wait_ms = 30000;
	if (to->open_after == 0)
		to->open_after = 5;
	if (to->open_ms == 0)
		to->open_ms = 1000;
	if (to->resumes == 0)
		to->resumes = 5;
	g->calls.max = to->calls_max;
	g->puts.max = to->puts_max;
	g->in.per_s = g->out.per_s = to->bytes_per_s;
	g->calls.tail = &g->calls.head;
	g->puts.tail = &g->puts.head;
	g->held_back.tail = &g->held_back.head;
	vt_breaker_init(&g->breaker, to->open_after, to->open_ms * 1000);
}

/* Locks and the name; 0, or -1 with nothing left to release. */
static int
set_up(struct guard *g, const char *url)
{
	g->base.url = strdup(url);
	if (g->base.url == NULL)
		return -1;
	if (pthread_mutex_init(&g->lock, NULL) != 0)
		goto no_lock;
	if (pthread_condattr_init(&g->monotonic) != 0)
		goto no_attr;
	pthread_condattr_setclock(&g->monotonic, CLOCK_MONOTONIC);
	if (pthread_cond_init(&g->quiet, NULL) == 0)
		return 0;
	pthread_condattr_destroy(&g->monotonic);
no_attr:
	pthread_mutex_destroy(&g->lock);
no_lock:
	free(g->base.url);
	return -1;
}

struct vt_backend *
vt_backend_guard(struct vt_backend *inner, const struct vt_guard_options *o)
{
	static const struct vt_guard_options defaults;
	struct guard *g;

	g = calloc(1, sizeof(*g));
	if (g == NULL || set_up(g, inner->url) < 0) {
		/* `inner` is ours from the moment of the call. */
		free(g);
		vt_backend_close(inner);
		return NULL;
	}
	set_options(g, o == NULL ? &defaults : o);
	g->base.ops = &guard_ops;
	g->base.caps = inner->caps;
	g->base.clock = inner->clock;
	g->inner = inner;
	return &g->base;
}
