/*
 * A wrapper that does harm as its rules say, so that tests can walk every
 * failing call in turn: see vt_backend_faults.  A call that fails never
 * reaches the driver unless its rule says late, except that a failing commit
 * aborts what lies inside, as a real one would.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libvt/store/backend_internal.h"

#define POLL_US 100000		/* how often what hangs looks at `cancel` */
#define DATA_MAX 65536		/* what is written with a wrong bit, at once */

struct fault {
	struct vt_backend base;
	struct vt_backend *inner;
	const volatile int *cancel;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct vt_fault rule[VT_FAULTS_MAX];
	size_t count;
	uint64_t generation;		/* of the rules */
	uint64_t calls;
	unsigned hanging;
};

struct fault_put {
	struct vt_backend_put base;
	struct vt_backend_put *inner;
};

struct fault_get {
	struct vt_backend_get base;
	struct vt_backend_get *inner;
};

/* What strikes one call. */
struct strike {
	struct fault *f;
	const char *op;
	int hit;
	struct vt_fault rule;
	uint64_t call, generation;
};

static struct fault *
fault_of(const struct vt_backend *b)
{
	return (struct fault *)b;
}

static int
strikes(struct vt_fault *r, const char *op)
{
	if (r->op[0] != '\0' && strcmp(r->op, op) != 0)
		return 0;
	r->seen++;
	return r->seen == r->at || (r->every != 0 && r->at != 0 &&
	    r->seen > r->at && (r->seen - r->at) % r->every == 0);
}

static void
count_call(struct fault *f, const char *op, struct strike *s)
{
	memset(s, 0, sizeof(*s));
	s->f = f;
	s->op = op;
	pthread_mutex_lock(&f->lock);
	s->call = ++f->calls;
	s->generation = f->generation;
	for (size_t i = 0; i < f->count; i++)
		if (strikes(&f->rule[i], op) && !s->hit) {
			s->hit = 1;
			s->rule = f->rule[i];
		}
	pthread_mutex_unlock(&f->lock);
}

/* Hang for ms; 0: until other rules come; -1: cancelled. */
static int
hang(const struct strike *s)
{
	struct fault *f = s->f;
	int64_t end_us = vt_clock_mono_us() + s->rule.ms * 1000, now;
	struct timespec t;
	int stopped = 0;

	pthread_mutex_lock(&f->lock);
	f->hanging++;
	while (f->generation == s->generation && !stopped) {
		now = vt_clock_mono_us();
		if (s->rule.ms != 0 && now >= end_us)
			break;
		now += POLL_US;
		if (s->rule.ms != 0 && now > end_us)
			now = end_us;
		t.tv_sec = (time_t)(now / 1000000);
		t.tv_nsec = (long)(now % 1000000 * 1000);
		pthread_cond_timedwait(&f->changed, &f->lock, &t);
		stopped = f->cancel != NULL &&
		    __atomic_load_n(f->cancel, __ATOMIC_RELAXED) != 0;
	}
	f->hanging--;
	pthread_mutex_unlock(&f->lock);
	return stopped ? -1 : 0;
}

static enum vt_code
strike(const struct strike *s, struct vt_err *err)
{
	switch (s->rule.act) {
	case VT_FAULT_HANG:
	case VT_FAULT_SLOW:
		if (hang(s) < 0)
			return vt_fail(err, VT_CANCELLED, "%s was stopped",
			    s->op);
		if (s->rule.act == VT_FAULT_SLOW)
			return VT_OK;
		break;
	case VT_FAULT_FAIL:
		break;
	case VT_FAULT_KILL:
		raise(SIGKILL);
		break;
	default:
		return VT_OK;
	}
	return vt_fail(err, s->rule.code, "%s failed as asked (call %llu)",
	    s->op, (unsigned long long)s->call);
}

/* Count one call; VT_OK when it may go on. */
static enum vt_code
before(const struct vt_backend *b, const char *op, struct strike *s,
    struct vt_err *err)
{
	count_call(fault_of(b), op, s);
	return s->hit && !s->rule.is_late ? strike(s, err) : VT_OK;
}

/* The driver is done: its result, or that of a late fault. */
static enum vt_code
after(const struct strike *s, enum vt_code rc, struct vt_err *err)
{
	return rc == VT_OK && s->hit && s->rule.is_late ? strike(s, err) : rc;
}

static void
fault_close(struct vt_backend *b)
{
	struct fault *f = fault_of(b);

	vt_backend_close(f->inner);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	free(b->url);
	free(f);
}

/* Not counted: it does no I/O and cannot fail for the disk's sake. */
static enum vt_code
fault_name(const struct vt_backend *b, uint64_t blob_id, uint64_t incarnation,
    const char *bucket, const char *key, size_t key_len,
    char out[VT_BLOB_NAME_MAX], struct vt_err *err)
{
	return vt_backend_name(fault_of(b)->inner, blob_id, incarnation,
	    bucket, key, key_len, out, err);
}

/* --- writing -------------------------------------------------------------- */

static enum vt_code
fault_put_begin(struct vt_backend *b, const char *name,
    const struct vt_backend_put_info *info, struct vt_backend_put **out,
    struct vt_err *err)
{
	struct fault_put *p;
	struct strike s;
	enum vt_code rc;

	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to put '%s'", name);
	rc = before(b, "put", &s, err);
	if (rc == VT_OK)
		rc = vt_backend_put_begin(fault_of(b)->inner, name, info,
		    &p->inner, err);
	rc = after(&s, rc, err);
	if (rc != VT_OK) {
		vt_backend_put_abort(p->inner);
		free(p);
		return rc;
	}
	*out = &p->base;
	return VT_OK;
}

/* Write with one bit that is wrong, the first. */
static enum vt_code
write_flipped(struct fault_put *p, const void *data, size_t len,
    struct vt_err *err)
{
	size_t n = len < DATA_MAX ? len : DATA_MAX;
	unsigned char *wrong;
	enum vt_code rc;

	wrong = malloc(n);
	if (wrong == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	memcpy(wrong, data, n);
	wrong[0] ^= 1;
	rc = vt_backend_put_write(p->inner, wrong, n, err);
	free(wrong);
	if (rc == VT_OK && n < len)
		rc = vt_backend_put_write(p->inner, (const char *)data + n,
		    len - n, err);
	return rc;
}

static enum vt_code
fault_put_write(struct vt_backend_put *put, const void *data, size_t len,
    struct vt_err *err)
{
	struct fault_put *p = (struct fault_put *)put;
	struct strike s;
	enum vt_code rc;

	rc = before(put->backend, "write", &s, err);
	if (rc != VT_OK)
		return rc;
	if (s.hit && s.rule.act == VT_FAULT_FLIP)
		return write_flipped(p, data, len, err);
	return after(&s, vt_backend_put_write(p->inner, data, len, err), err);
}

static enum vt_code
fault_put_meta(struct vt_backend_put *put, const struct vt_header_kv *meta,
    size_t count, struct vt_err *err)
{
	struct fault_put *p = (struct fault_put *)put;
	struct strike s;
	enum vt_code rc;

	rc = before(put->backend, "metadata", &s, err);
	if (rc != VT_OK)
		return rc;
	return after(&s, vt_backend_put_meta(p->inner, meta, count, err),
	    err);
}

static enum vt_code
fault_put_commit(struct vt_backend_put *put,
    struct vt_backend_put_result *out, struct vt_err *err)
{
	struct fault_put *p = (struct fault_put *)put;
	uint64_t crc64 = out->crc64;
	struct strike s;
	enum vt_code rc;

	rc = before(put->backend, "commit", &s, err);
	if (rc == VT_OK)
		rc = vt_backend_put_commit(p->inner, out, err);
	else
		vt_backend_put_abort(p->inner);
	/* what was meant, whatever a wrong bit made of it */
	out->crc64 = crc64;
	free(p);
	return after(&s, rc, err);
}

static void
fault_put_abort(struct vt_backend_put *put)
{
	struct fault_put *p = (struct fault_put *)put;
	struct strike s;

	/* It cannot fail, but the process can die before or after. */
	(void)before(put->backend, "abort", &s, NULL);
	p->inner->forsaken = put->forsaken;
	vt_backend_put_abort(p->inner);
	free(p);
	(void)after(&s, VT_OK, NULL);
}

static enum vt_code
fault_abort_upload(struct vt_backend *b, const char *name,
    const char *upload, struct vt_err *err)
{
	struct strike s;
	enum vt_code rc;

	rc = before(b, "abort", &s, err);
	if (rc != VT_OK)
		return rc;
	return after(&s, vt_backend_abort_upload(fault_of(b)->inner, name,
	    upload, err), err);
}

static enum vt_code
fault_copy(struct vt_backend *b, const char *name,
    const struct vt_backend_copy *c, struct vt_backend_put_result *out,
    struct vt_err *err)
{
	struct strike s;
	enum vt_code rc;

	rc = before(b, "copy", &s, err);
	if (rc != VT_OK)
		return rc;
	return after(&s, vt_backend_copy(fault_of(b)->inner, name, c, out,
	    err), err);
}

/* --- reading -------------------------------------------------------------- */

static enum vt_code
fault_get_begin(struct vt_backend *b, const char *name, const char *token,
    uint64_t offset, uint64_t length, struct vt_backend_get **out,
    struct vt_err *err)
{
	struct fault_get *g;
	struct strike s;
	enum vt_code rc;

	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to get '%s'", name);
	rc = before(b, "get", &s, err);
	if (rc == VT_OK)
		rc = vt_backend_get_begin(fault_of(b)->inner, name, token,
		    offset, length, &g->inner, err);
	rc = after(&s, rc, err);
	if (rc != VT_OK) {
		vt_backend_get_end(g->inner);
		free(g);
		return rc;
	}
	*out = &g->base;
	return VT_OK;
}

static enum vt_code
fault_get_read(struct vt_backend_get *get, void *data, size_t len,
    size_t *got, struct vt_err *err)
{
	struct fault_get *g = (struct fault_get *)get;
	struct strike s;
	enum vt_code rc;

	*got = 0;
	rc = before(get->backend, "read", &s, err);
	if (rc != VT_OK || (s.hit && s.rule.act == VT_FAULT_CUT))
		return rc;
	if (s.hit && s.rule.act == VT_FAULT_DRIP) {
		if (s.rule.ms != 0 && hang(&s) < 0)
			return vt_fail(err, VT_CANCELLED, "read was stopped");
		len = 1;
	}
	rc = vt_backend_get_read(g->inner, data, len, got, err);
	if (rc == VT_OK && s.hit && s.rule.act == VT_FAULT_FLIP)
		((unsigned char *)data)[*got - 1] ^= 1;
	return after(&s, rc, err);
}

static void
fault_get_end(struct vt_backend_get *get)
{
	struct fault_get *g = (struct fault_get *)get;

	vt_backend_get_end(g->inner);
	free(g);
}

static enum vt_code
fault_get_fd(struct vt_backend *b, const char *name, int *fd,
    uint64_t *size_bytes, struct vt_err *err)
{
	struct strike s;
	enum vt_code rc;

	rc = before(b, "open", &s, err);
	if (rc != VT_OK)
		return rc;
	return vt_backend_get_fd(fault_of(b)->inner, name, fd, size_bytes,
	    err);
}

static enum vt_code
fault_head(struct vt_backend *b, const char *name,
    struct vt_backend_head *out, struct vt_err *err)
{
	struct strike s;
	enum vt_code rc;

	rc = before(b, "head", &s, err);
	if (rc != VT_OK)
		return rc;
	return after(&s, vt_backend_head(fault_of(b)->inner, name, out, err),
	    err);
}

static enum vt_code
fault_meta(struct vt_backend *b, const char *name,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
{
	struct strike s;
	enum vt_code rc;

	rc = before(b, "meta", &s, err);
	if (rc != VT_OK)
		return rc;
	return after(&s, vt_backend_meta(fault_of(b)->inner, name, visit,
	    ctx, err), err);
}

static enum vt_code
fault_list(struct vt_backend *b, const char *prefix, vt_backend_visit *visit,
    void *ctx, struct vt_err *err)
{
	struct strike s;
	enum vt_code rc;

	rc = before(b, "list", &s, err);
	if (rc != VT_OK)
		return rc;
	return after(&s, vt_backend_list(fault_of(b)->inner, prefix, visit,
	    ctx, err), err);
}

static enum vt_code
fault_objects(struct vt_backend *b, const char *prefix, const char *after_key,
    vt_backend_visit_object *visit, void *ctx, struct vt_err *err)
{
	struct strike s;
	enum vt_code rc;

	rc = before(b, "list", &s, err);
	if (rc != VT_OK)
		return rc;
	return after(&s, vt_backend_objects(fault_of(b)->inner, prefix,
	    after_key, visit, ctx, err), err);
}

static enum vt_code
fault_describe(struct vt_backend *b, const char *name,
    struct vt_backend_described *out, vt_backend_visit_meta *visit, void *ctx,
    struct vt_err *err)
{
	struct strike s;
	enum vt_code rc;

	rc = before(b, "meta", &s, err);
	if (rc != VT_OK)
		return rc;
	return after(&s, vt_backend_describe(fault_of(b)->inner, name, out,
	    visit, ctx, err), err);
}

/* --- the rest ------------------------------------------------------------- */

static enum vt_code
fault_del(struct vt_backend *b, const char *name, const char *token,
    struct vt_err *err)
{
	struct strike s;
	enum vt_code rc;

	rc = before(b, "delete", &s, err);
	if (rc != VT_OK)
		return rc;
	return after(&s, vt_backend_delete(fault_of(b)->inner, name, token,
	    err), err);
}

static enum vt_code
fault_restore(struct vt_backend *b, const char *name, unsigned days,
    enum vt_restore_speed speed, struct vt_err *err)
{
	struct strike s;
	enum vt_code rc;

	rc = before(b, "restore", &s, err);
	if (rc != VT_OK)
		return rc;
	return after(&s, vt_backend_restore(fault_of(b)->inner, name, days,
	    speed, err), err);
}

static enum vt_code
fault_restore_end(struct vt_backend *b, const char *name, struct vt_err *err)
{
	struct strike s;
	enum vt_code rc;

	rc = before(b, "restore", &s, err);
	if (rc != VT_OK)
		return rc;
	return after(&s, vt_backend_restore_end(fault_of(b)->inner, name,
	    err), err);
}

static void
fault_counts(const struct vt_backend *b, struct vt_backend_counts *out)
{
	vt_backend_counts(fault_of(b)->inner, out);
}

static void
fault_health(const struct vt_backend *b, struct vt_backend_health *out)
{
	vt_backend_health(fault_of(b)->inner, out);
}

static struct vt_backend *
fault_inner(struct vt_backend *b)
{
	return fault_of(b)->inner;
}

static const struct vt_backend_ops fault_ops = {
	.close = fault_close,
	.name = fault_name,
	.put_begin = fault_put_begin,
	.put_write = fault_put_write,
	.put_meta = fault_put_meta,
	.put_commit = fault_put_commit,
	.put_abort = fault_put_abort,
	.abort_upload = fault_abort_upload,
	.copy = fault_copy,
	.get_begin = fault_get_begin,
	.get_read = fault_get_read,
	.get_end = fault_get_end,
	.get_fd = fault_get_fd,
	.head = fault_head,
	.meta = fault_meta,
	.del = fault_del,
	.restore = fault_restore,
	.restore_end = fault_restore_end,
	.list = fault_list,
	.objects = fault_objects,
	.describe = fault_describe,
	.counts = fault_counts,
	.health = fault_health,
	.inner = fault_inner,
};

static int
make_locks(struct fault *f)
{
	pthread_condattr_t attr;
	int made;

	if (pthread_mutex_init(&f->lock, NULL) != 0)
		return -1;
	made = pthread_condattr_init(&attr) == 0;
	if (made) {
		pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
		made = pthread_cond_init(&f->changed, &attr) == 0;
		pthread_condattr_destroy(&attr);
	}
	if (!made)
		pthread_mutex_destroy(&f->lock);
	return made ? 0 : -1;
}

struct vt_backend *
vt_backend_faults(struct vt_backend *inner, const struct vt_fault *rules,
    size_t count, const volatile int *cancel)
{
	struct fault *f;

	f = calloc(1, sizeof(*f));
	if (f != NULL)
		f->base.url = strdup(inner->url);
	if (f == NULL || f->base.url == NULL || make_locks(f) < 0) {
		/* `inner` is ours from the moment of the call. */
		if (f != NULL)
			free(f->base.url);
		free(f);
		vt_backend_close(inner);
		return NULL;
	}
	f->base.ops = &fault_ops;
	f->base.caps = inner->caps;
	/* of what was meant, and not of what a wrong bit made of it */
	f->base.caps.tells_crc = f->base.caps.compares = 0;
	f->base.clock = inner->clock;
	f->inner = inner;
	f->cancel = cancel;
	vt_backend_faults_set(&f->base, rules, count);
	return &f->base;
}

void
vt_backend_faults_set(struct vt_backend *b, const struct vt_fault *rules,
    size_t count)
{
	struct fault *f = fault_of(b);

	pthread_mutex_lock(&f->lock);
	f->count = count < VT_FAULTS_MAX ? count : VT_FAULTS_MAX;
	for (size_t i = 0; i < f->count; i++) {
		f->rule[i] = rules[i];
		f->rule[i].seen = 0;
	}
	f->generation++;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

struct vt_backend *
vt_backend_fault(struct vt_backend *inner, uint64_t fail_at,
    enum vt_code code)
{
	struct vt_fault rule = { .at = fail_at, .act = VT_FAULT_FAIL,
	    .code = code };

	return vt_backend_faults(inner, &rule, 1, NULL);
}

uint64_t
vt_backend_fault_calls(const struct vt_backend *b)
{
	struct fault *f = fault_of(b);
	uint64_t calls;

	pthread_mutex_lock(&f->lock);
	calls = f->calls;
	pthread_mutex_unlock(&f->lock);
	return calls;
}

unsigned
vt_backend_fault_hanging(const struct vt_backend *b)
{
	struct fault *f = fault_of(b);
	unsigned hanging;

	pthread_mutex_lock(&f->lock);
	hanging = f->hanging;
	pthread_mutex_unlock(&f->lock);
	return hanging;
}
