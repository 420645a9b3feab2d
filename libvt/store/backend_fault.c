/*
 * A wrapper that makes the n-th call fail, so that tests can walk every
 * failing call in turn.  A failing call never reaches the driver, except that
 * a failing commit aborts what lies inside, as a real one would.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/store/backend_internal.h"

struct fault {
	struct vt_backend base;
	struct vt_backend *inner;
	uint64_t fail_at;
	enum vt_code code;
	_Atomic uint64_t calls;
};

struct fault_put {
	struct vt_backend_put base;
	struct vt_backend_put *inner;
};

struct fault_get {
	struct vt_backend_get base;
	struct vt_backend_get *inner;
};

static struct fault *
fault_of(const struct vt_backend *b)
{
	return (struct fault *)b;
}

/* Count one call; VT_OK when it may go on. */
static enum vt_code
step(const struct vt_backend *b, const char *what, struct vt_err *err)
{
	struct fault *f = fault_of(b);
	uint64_t n;

	n = atomic_fetch_add(&f->calls, 1) + 1;
	if (n != f->fail_at)
		return VT_OK;
	return vt_fail(err, f->code, "%s failed as asked (call %llu)", what,
	    (unsigned long long)n);
}

static void
fault_close(struct vt_backend *b)
{
	struct fault *f = fault_of(b);

	vt_backend_close(f->inner);
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

static enum vt_code
fault_put_begin(struct vt_backend *b, const char *name,
    const struct vt_backend_put_info *info, struct vt_backend_put **out,
    struct vt_err *err)
{
	struct fault_put *p;
	enum vt_code rc;

	rc = step(b, "put", err);
	if (rc != VT_OK)
		return rc;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to put '%s'", name);
	rc = vt_backend_put_begin(fault_of(b)->inner, name, info, &p->inner,
	    err);
	if (rc != VT_OK) {
		free(p);
		return rc;
	}
	*out = &p->base;
	return VT_OK;
}

static enum vt_code
fault_put_write(struct vt_backend_put *put, const void *data, size_t len,
    struct vt_err *err)
{
	struct fault_put *p = (struct fault_put *)put;
	enum vt_code rc;

	rc = step(put->backend, "write", err);
	if (rc != VT_OK)
		return rc;
	return vt_backend_put_write(p->inner, data, len, err);
}

static enum vt_code
fault_put_meta(struct vt_backend_put *put, const struct vt_header_kv *meta,
    size_t count, struct vt_err *err)
{
	struct fault_put *p = (struct fault_put *)put;
	enum vt_code rc;

	rc = step(put->backend, "metadata", err);
	if (rc != VT_OK)
		return rc;
	return vt_backend_put_meta(p->inner, meta, count, err);
}

static enum vt_code
fault_put_commit(struct vt_backend_put *put,
    struct vt_backend_put_result *out, struct vt_err *err)
{
	struct fault_put *p = (struct fault_put *)put;
	enum vt_code rc;

	rc = step(put->backend, "commit", err);
	if (rc == VT_OK)
		rc = vt_backend_put_commit(p->inner, out, err);
	else
		vt_backend_put_abort(p->inner);
	free(p);
	return rc;
}

static void
fault_put_abort(struct vt_backend_put *put)
{
	struct fault_put *p = (struct fault_put *)put;

	vt_backend_put_abort(p->inner);
	free(p);
}

static enum vt_code
fault_abort_upload(struct vt_backend *b, const char *name,
    const char *upload, struct vt_err *err)
{
	enum vt_code rc;

	rc = step(b, "abort", err);
	if (rc != VT_OK)
		return rc;
	return vt_backend_abort_upload(fault_of(b)->inner, name, upload, err);
}

static enum vt_code
fault_get_begin(struct vt_backend *b, const char *name, const char *token,
    uint64_t offset, uint64_t length, struct vt_backend_get **out,
    struct vt_err *err)
{
	struct fault_get *g;
	enum vt_code rc;

	rc = step(b, "get", err);
	if (rc != VT_OK)
		return rc;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to get '%s'", name);
	rc = vt_backend_get_begin(fault_of(b)->inner, name, token, offset,
	    length, &g->inner, err);
	if (rc != VT_OK) {
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
	enum vt_code rc;

	rc = step(get->backend, "read", err);
	if (rc != VT_OK)
		return rc;
	return vt_backend_get_read(g->inner, data, len, got, err);
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
	enum vt_code rc;

	rc = step(b, "open", err);
	if (rc != VT_OK)
		return rc;
	return vt_backend_get_fd(fault_of(b)->inner, name, fd, size_bytes,
	    err);
}

static enum vt_code
fault_head(struct vt_backend *b, const char *name,
    struct vt_backend_head *out, struct vt_err *err)
{
	enum vt_code rc;

	rc = step(b, "head", err);
	if (rc != VT_OK)
		return rc;
	return vt_backend_head(fault_of(b)->inner, name, out, err);
}

static enum vt_code
fault_meta(struct vt_backend *b, const char *name,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
{
	enum vt_code rc;

	rc = step(b, "metadata", err);
	if (rc != VT_OK)
		return rc;
	return vt_backend_meta(fault_of(b)->inner, name, visit, ctx, err);
}

static enum vt_code
fault_del(struct vt_backend *b, const char *name, const char *token,
    struct vt_err *err)
{
	enum vt_code rc;

	rc = step(b, "delete", err);
	if (rc != VT_OK)
		return rc;
	return vt_backend_delete(fault_of(b)->inner, name, token, err);
}

static enum vt_code
fault_restore(struct vt_backend *b, const char *name, unsigned days,
    enum vt_restore_speed speed, struct vt_err *err)
{
	enum vt_code rc;

	rc = step(b, "restore", err);
	if (rc != VT_OK)
		return rc;
	return vt_backend_restore(fault_of(b)->inner, name, days, speed,
	    err);
}

static enum vt_code
fault_list(struct vt_backend *b, const char *prefix, vt_backend_visit *visit,
    void *ctx, struct vt_err *err)
{
	enum vt_code rc;

	rc = step(b, "list", err);
	if (rc != VT_OK)
		return rc;
	return vt_backend_list(fault_of(b)->inner, prefix, visit, ctx, err);
}

static void
fault_counts(const struct vt_backend *b, struct vt_backend_counts *out)
{
	vt_backend_counts(fault_of(b)->inner, out);
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
	.get_begin = fault_get_begin,
	.get_read = fault_get_read,
	.get_end = fault_get_end,
	.get_fd = fault_get_fd,
	.head = fault_head,
	.meta = fault_meta,
	.del = fault_del,
	.restore = fault_restore,
	.list = fault_list,
	.counts = fault_counts,
};

struct vt_backend *
vt_backend_fault(struct vt_backend *inner, uint64_t fail_at,
    enum vt_code code)
{
	struct fault *f;

	f = calloc(1, sizeof(*f));
	if (f != NULL)
		f->base.url = strdup(inner->url);
	if (f == NULL || f->base.url == NULL) {
		/* `inner` is ours from the moment of the call. */
		free(f);
		vt_backend_close(inner);
		return NULL;
	}
	f->base.ops = &fault_ops;
	f->base.caps = inner->caps;
	f->base.clock = inner->clock;
	f->inner = inner;
	f->fail_at = fail_at;
	f->code = code;
	return &f->base;
}

uint64_t
vt_backend_fault_calls(const struct vt_backend *b)
{
	return atomic_load(&fault_of(b)->calls);
}
