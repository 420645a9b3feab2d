/*
 * mem:NAME, blobs in memory for tests.  All handles of one NAME in a process
 * see the same blobs, which live until the last of them is closed.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/store/backend_internal.h"

struct blob {
	unsigned refs;		/* one for the place, one a reader */
	int committed;
	char *data;
	size_t size_bytes, cap_bytes;
	int64_t mtime_us;
	uint64_t number;	/* the token: no two blobs share one */
	struct vt_restore_state restore;
	char *meta;		/* "name\0value\0..." */
	size_t meta_bytes;
	char name[];
};

/*
 * Sorted by name, so that list can go on after the last name it visited
 * while others add and remove.  Names mostly come in ascending order.
 */
struct place {
	struct place *next;
	unsigned refs;		/* handles */
	char *name;
	pthread_mutex_t lock;	/* of all below */
	struct blob **blobs;
	size_t count, cap;
	uint64_t last_number;
};

struct mem {
	struct vt_backend base;
	struct place *place;
	int64_t restore_delay_ms;
};

struct mem_put {
	struct vt_backend_put base;
	struct blob *blob;
};

struct mem_get {
	struct vt_backend_get base;
	struct blob *blob;
	size_t at;
};

/* The one mutable global of libvt: sharing between opens is the point. */
static pthread_mutex_t places_lock = PTHREAD_MUTEX_INITIALIZER;
static struct place *places;

static struct place *
place_of(const struct vt_backend *b)
{
	return ((const struct mem *)b)->place;
}

/* Under the place's lock. */
static void
blob_drop(struct blob *blob)
{
	if (--blob->refs > 0)
		return;
	free(blob->data);
	free(blob->meta);
	free(blob);
}

/* The index of the first blob whose name is not less; under the lock. */
static size_t
lower_bound(const struct place *pl, const char *name)
{
	size_t lo = 0, hi = pl->count, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (strcmp(pl->blobs[mid]->name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct blob *
find(const struct place *pl, const char *name)
{
	size_t i = lower_bound(pl, name);

	if (i < pl->count && strcmp(pl->blobs[i]->name, name) == 0)
		return pl->blobs[i];
	return NULL;
}

/* A committed blob, or NULL with `err` filled. */
static struct blob *
find_visible(const struct place *pl, const char *name, struct vt_err *err)
{
	struct blob *blob = find(pl, name);

	if (blob != NULL && blob->committed)
		return blob;
	/* NULL says it all; the caller returns VT_ABSENT. */
	vt_fail(err, VT_ABSENT, "no blob '%s'", name);
	return NULL;
}

static void
take_out(struct place *pl, struct blob *blob)
{
	size_t i = lower_bound(pl, blob->name);

	pl->count--;
	memmove(pl->blobs + i, pl->blobs + i + 1,
	    (pl->count - i) * sizeof(*pl->blobs));
	blob_drop(blob);
}

static void
token_of(const struct blob *blob, char token[VT_BLOB_TOKEN_MAX])
{
	snprintf(token, VT_BLOB_TOKEN_MAX, "m%" PRIu64, blob->number);
}

static enum vt_code
check_token(const struct blob *blob, const char *token, struct vt_err *err)
{
	char have[VT_BLOB_TOKEN_MAX];

	token_of(blob, have);
	if (token[0] == '\0' || strcmp(token, have) == 0)
		return VT_OK;
	return vt_fail(err, VT_CORRUPT, "'%s' is '%s' and not '%s'",
	    blob->name, have, token);
}

static void
mem_close(struct vt_backend *b)
{
	struct place *pl = place_of(b), **link;
	size_t i;

	pthread_mutex_lock(&places_lock);
	if (--pl->refs == 0) {
		for (link = &places; *link != pl; link = &(*link)->next)
			;
		*link = pl->next;
		for (i = 0; i < pl->count; i++)
			blob_drop(pl->blobs[i]);
		free(pl->blobs);
		pthread_mutex_destroy(&pl->lock);
		free(pl->name);
		free(pl);
	}
	pthread_mutex_unlock(&places_lock);
	free(b->url);
	free(b);
}

static enum vt_code
mem_name(const struct vt_backend *b, uint64_t blob_id, uint64_t incarnation,
    const char *bucket, const char *key, size_t key_len,
    char out[VT_BLOB_NAME_MAX], struct vt_err *err)
{
	(void)b, (void)bucket, (void)key, (void)key_len, (void)err;
	vt_backend_plain_name(blob_id, incarnation, out);
	return VT_OK;
}

/* --- writing ---------------------------------------------------------------*/

/* Put a new, invisible blob in its place in the order; under the lock. */
static enum vt_code
add(struct place *pl, const char *name, struct blob **out, struct vt_err *err)
{
	size_t i = lower_bound(pl, name), len = strlen(name), cap;
	struct blob **more, *blob;

	if (i < pl->count && strcmp(pl->blobs[i]->name, name) == 0)
		return vt_fail(err, VT_EXISTS, "'%s' exists", name);
	if (pl->count == pl->cap) {
		cap = pl->cap == 0 ? 64 : pl->cap * 2;
		more = realloc(pl->blobs, cap * sizeof(*more));
		if (more == NULL)
			return vt_fail(err, VT_NOMEM,
			    "no memory to put '%s'", name);
		pl->blobs = more;
		pl->cap = cap;
	}
	blob = calloc(1, sizeof(*blob) + len + 1);
	if (blob == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to put '%s'", name);
	memcpy(blob->name, name, len + 1);
	blob->refs = 1;
	blob->number = ++pl->last_number;
	memmove(pl->blobs + i + 1, pl->blobs + i,
	    (pl->count - i) * sizeof(*pl->blobs));
	pl->blobs[i] = blob;
	pl->count++;
	*out = blob;
	return VT_OK;
}

static enum vt_code
mem_put_begin(struct vt_backend *b, const char *name,
    const struct vt_backend_put_info *info, struct vt_backend_put **out,
    struct vt_err *err)
{
	struct place *pl = place_of(b);
	struct mem_put *p;
	enum vt_code rc;

	(void)info;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to put '%s'", name);
	pthread_mutex_lock(&pl->lock);
	rc = add(pl, name, &p->blob, err);
	pthread_mutex_unlock(&pl->lock);
	if (rc != VT_OK) {
		free(p);
		return rc;
	}
	*out = &p->base;
	return VT_OK;
}

/* No lock: until the commit only this put touches the bytes. */
static enum vt_code
mem_put_write(struct vt_backend_put *put, const void *data, size_t len,
    struct vt_err *err)
{
	struct blob *blob = ((struct mem_put *)put)->blob;
	size_t cap = blob->cap_bytes;
	char *more;

	if (len > cap - blob->size_bytes) {
		if (len > SIZE_MAX / 4 - blob->size_bytes)
			goto full;
		cap = cap * 2 < 256 ? 256 : cap * 2;
		if (cap < blob->size_bytes + len)
			cap = blob->size_bytes + len;
		more = realloc(blob->data, cap);
		if (more == NULL)
			goto full;
		blob->data = more;
		blob->cap_bytes = cap;
	}
	memcpy(blob->data + blob->size_bytes, data, len);
	blob->size_bytes += len;
	return VT_OK;
full:
	return vt_fail(err, VT_NOMEM, "no memory for '%s'", blob->name);
}

/* No lock, as with the bytes. */
static enum vt_code
mem_put_meta(struct vt_backend_put *put, const struct vt_header_kv *meta,
    size_t count, struct vt_err *err)
{
	struct blob *blob = ((struct mem_put *)put)->blob;
	size_t len = 0, i;
	char *p;

	for (i = 0; i < count; i++)
		len += strlen(meta[i].name) + strlen(meta[i].value) + 2;
	blob->meta = p = malloc(len + 1);
	if (p == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for metadata");
	for (i = 0; i < count; i++) {
		p = stpcpy(p, meta[i].name) + 1;
		p = stpcpy(p, meta[i].value) + 1;
	}
	blob->meta_bytes = len;
	return VT_OK;
}

static enum vt_code
mem_put_commit(struct vt_backend_put *put, struct vt_backend_put_result *out,
    struct vt_err *err)
{
	struct mem_put *p = (struct mem_put *)put;
	struct place *pl = place_of(put->backend);

	(void)err;
	pthread_mutex_lock(&pl->lock);
	p->blob->mtime_us = vt_clock_now_us(put->backend->clock);
	p->blob->committed = 1;
	token_of(p->blob, out->token);
	pthread_mutex_unlock(&pl->lock);
	free(p);
	return VT_OK;
}

static void
mem_put_abort(struct vt_backend_put *put)
{
	struct mem_put *p = (struct mem_put *)put;
	struct place *pl = place_of(put->backend);

	pthread_mutex_lock(&pl->lock);
	take_out(pl, p->blob);
	pthread_mutex_unlock(&pl->lock);
	free(p);
}

/* --- reading ---------------------------------------------------------------*/

static enum vt_code
check_restored(const struct vt_backend *b, const struct blob *blob,
    struct vt_err *err)
{
	if (!b->caps.restore ||
	    vt_restore_readable(&blob->restore, vt_clock_now_us(b->clock)))
		return VT_OK;
	return vt_fail(err, VT_NEEDS_RESTORE, "'%s' is archived", blob->name);
}

static enum vt_code
mem_get_begin(struct vt_backend *b, const char *name, const char *token,
    uint64_t offset, uint64_t length, struct vt_backend_get **out,
    struct vt_err *err)
{
	struct place *pl = place_of(b);
	struct blob *blob;
	struct mem_get *g;
	enum vt_code rc;

	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to get '%s'", name);
	pthread_mutex_lock(&pl->lock);
	blob = find_visible(pl, name, err);
	if (blob == NULL) {
		rc = VT_ABSENT;
		goto out;
	}
	rc = check_token(blob, token, err);
	if (rc != VT_OK)
		goto out;
	rc = check_restored(b, blob, err);
	if (rc != VT_OK)
		goto out;
	if (offset + length > blob->size_bytes) {
		rc = vt_fail(err, VT_CORRUPT, "'%s' has %zu bytes, not %"
		    PRIu64, name, blob->size_bytes, offset + length);
		goto out;
	}
	blob->refs++;
	g->blob = blob;
	g->at = (size_t)offset;
	*out = &g->base;
out:
	pthread_mutex_unlock(&pl->lock);
	if (rc != VT_OK)
		free(g);
	return rc;
}

/* No lock: the bytes of a committed blob never change. */
static enum vt_code
mem_get_read(struct vt_backend_get *get, void *data, size_t len, size_t *got,
    struct vt_err *err)
{
	struct mem_get *g = (struct mem_get *)get;

	(void)err;
	memcpy(data, g->blob->data + g->at, len);
	g->at += len;
	*got = len;
	return VT_OK;
}

static void
mem_get_end(struct vt_backend_get *get)
{
	struct mem_get *g = (struct mem_get *)get;
	struct place *pl = place_of(get->backend);

	pthread_mutex_lock(&pl->lock);
	blob_drop(g->blob);
	pthread_mutex_unlock(&pl->lock);
	free(g);
}

static enum vt_code
mem_head(struct vt_backend *b, const char *name, struct vt_backend_head *out,
    struct vt_err *err)
{
	struct place *pl = place_of(b);
	enum vt_code rc = VT_ABSENT;
	struct blob *blob;

	pthread_mutex_lock(&pl->lock);
	blob = find_visible(pl, name, err);
	if (blob != NULL) {
		out->size_bytes = blob->size_bytes;
		out->mtime_us = blob->mtime_us;
		token_of(blob, out->token);
		if (b->caps.restore)
			vt_restore_describe(&blob->restore,
			    vt_clock_now_us(b->clock), out);
		rc = VT_OK;
	}
	pthread_mutex_unlock(&pl->lock);
	return rc;
}

/* The blob's memory lives as long as a reader holds it. */
static enum vt_code
mem_meta(struct vt_backend *b, const char *name,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
{
	struct place *pl = place_of(b);
	struct blob *blob;
	const char *p, *value;
	enum vt_code rc = VT_OK;

	pthread_mutex_lock(&pl->lock);
	blob = find_visible(pl, name, err);
	if (blob != NULL)
		blob->refs++;
	pthread_mutex_unlock(&pl->lock);
	if (blob == NULL)
		return VT_ABSENT;
	for (p = blob->meta; rc == VT_OK && p < blob->meta +
	    blob->meta_bytes; p = value + strlen(value) + 1) {
		value = p + strlen(p) + 1;
		if (visit(ctx, p, value) != 0)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
	}
	pthread_mutex_lock(&pl->lock);
	blob_drop(blob);
	pthread_mutex_unlock(&pl->lock);
	return rc;
}

static enum vt_code
mem_del(struct vt_backend *b, const char *name, const char *token,
    struct vt_err *err)
{
	struct place *pl = place_of(b);
	enum vt_code rc = VT_ABSENT;
	struct blob *blob;

	pthread_mutex_lock(&pl->lock);
	blob = find_visible(pl, name, err);
	if (blob != NULL) {
		rc = check_token(blob, token, err);
		if (rc == VT_OK)
			take_out(pl, blob);
	}
	pthread_mutex_unlock(&pl->lock);
	return rc;
}

static enum vt_code
mem_restore(struct vt_backend *b, const char *name, unsigned days,
    enum vt_restore_speed speed, struct vt_err *err)
{
	struct place *pl = place_of(b);
	enum vt_code rc = VT_ABSENT;
	struct blob *blob;

	pthread_mutex_lock(&pl->lock);
	blob = find_visible(pl, name, err);
	if (blob != NULL)
		rc = vt_restore_ask(&blob->restore, vt_clock_now_us(b->clock),
		    vt_restore_delay_ms(((struct mem *)b)->restore_delay_ms,
		    speed), days, name, err);
	pthread_mutex_unlock(&pl->lock);
	return rc;
}

static enum vt_code
mem_list(struct vt_backend *b, const char *prefix, vt_backend_visit *visit,
    void *ctx, struct vt_err *err)
{
	char name[VT_BLOB_NAME_MAX] = "";
	struct place *pl = place_of(b);
	size_t i, len = strlen(prefix);
	struct blob *blob;
	uint64_t size_bytes;
	int64_t mtime_us;
	int visible;

	for (;;) {
		/* Found anew each time, so that `visit` may call us. */
		pthread_mutex_lock(&pl->lock);
		i = lower_bound(pl, name[0] == '\0' ? prefix : name);
		if (i < pl->count && strcmp(pl->blobs[i]->name, name) == 0)
			i++;
		if (i >= pl->count ||
		    strncmp(pl->blobs[i]->name, prefix, len) != 0) {
			pthread_mutex_unlock(&pl->lock);
			return VT_OK;
		}
		blob = pl->blobs[i];
		memcpy(name, blob->name, strlen(blob->name) + 1);
		/* An unfinished blob's size belongs to its writer. */
		visible = blob->committed;
		size_bytes = visible ? blob->size_bytes : 0;
		mtime_us = blob->mtime_us;
		pthread_mutex_unlock(&pl->lock);
		if (visible && visit(ctx, name, size_bytes, mtime_us) != 0)
			return vt_fail(err, VT_CANCELLED,
			    "list was stopped at '%s'", name);
	}
}

static const struct vt_backend_ops mem_ops = {
	.close = mem_close,
	.name = mem_name,
	.put_begin = mem_put_begin,
	.put_write = mem_put_write,
	.put_meta = mem_put_meta,
	.put_commit = mem_put_commit,
	.put_abort = mem_put_abort,
	.get_begin = mem_get_begin,
	.get_read = mem_get_read,
	.get_end = mem_get_end,
	.head = mem_head,
	.meta = mem_meta,
	.del = mem_del,
	.restore = mem_restore,
	.list = mem_list,
};

/* One more handle on the place `name`, made if `create`. */
static enum vt_code
place_open(const char *name, int create, struct place **out,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	struct place *pl;

	pthread_mutex_lock(&places_lock);
	for (pl = places; pl != NULL; pl = pl->next)
		if (strcmp(pl->name, name) == 0)
			break;
	if (pl == NULL && !create) {
		rc = vt_fail(err, VT_ABSENT, "no place 'mem:%s'", name);
	} else if (pl == NULL) {
		pl = calloc(1, sizeof(*pl));
		if (pl != NULL)
			pl->name = strdup(name);
		if (pl == NULL || pl->name == NULL) {
			free(pl);
			pl = NULL;
			rc = vt_fail(err, VT_NOMEM, "no memory for 'mem:%s'",
			    name);
		} else {
			pthread_mutex_init(&pl->lock, NULL);
			pl->next = places;
			places = pl;
		}
	}
	if (rc == VT_OK)
		pl->refs++;
	pthread_mutex_unlock(&places_lock);
	*out = pl;
	return rc;
}

enum vt_code
vt_backend_mem_open(const char *url, const struct vt_backend_options *o,
    struct vt_backend **out, struct vt_err *err)
{
	const char *name = url + strlen("mem:");
	enum vt_code rc;
	struct mem *m;

	*out = NULL;
	if (name[0] == '\0')
		return vt_fail(err, VT_INVALID, "no name in '%s'", url);
	m = calloc(1, sizeof(*m));
	if (m != NULL)
		m->base.url = strdup(url);
	if (m == NULL || m->base.url == NULL) {
		free(m);
		return vt_fail(err, VT_NOMEM, "no memory for '%s'", url);
	}
	rc = place_open(name, o->create, &m->place, err);
	if (rc != VT_OK) {
		free(m->base.url);
		free(m);
		return rc;
	}
	m->base.ops = &mem_ops;
	m->base.clock = o->clock;
	m->base.caps.max_size_bytes = SIZE_MAX / 4;
	m->base.caps.restore = o->restore_delay_ms > 0;
	m->base.caps.cheap_absent = 1;
	m->restore_delay_ms = o->restore_delay_ms;
	*out = &m->base;
	return VT_OK;
}
