/* Objects that come back while they are read: see readthrough.h. */
#include <stdlib.h>
#include <string.h>

#include "libvt/work/migrate.h"
#include "libvt/work/note.h"

#include "promote.h"
#include "readthrough.h"

/* A client that reads more slowly than this holds a tee for too long. */
#define SLOW_BYTES_PER_S (256 * 1024)
#define SLOW_MS 60000		/* beside that */
#define ARENA_MAX (1 << 20)

struct tee {
	struct tee *next;
	struct server *s;
	struct vt_arena *arena;
	struct vt_move move;
	struct vt_blob_writer *writer;	/* or */
	char *memory;			/* of what goes into the catalog */
	uint64_t done_bytes;
	int64_t until_us;		/* monotonic */
};

void
tee_free(struct tee *t)
{
	vt_blob_writer_abort(t->writer);
	free(t->memory);
	promoter_tee_end(t->s->promoter);
	vt_arena_free(t->arena);
}

void
tee_abort(struct tee *t)
{
	if (t != NULL)
		tee_free(t);
}

const struct vt_move *
tee_move(const struct tee *t)
{
	return &t->move;
}

struct tee **
tee_next(struct tee *t)
{
	return &t->next;
}

/* May and should a hot copy come of this read? */
static int
is_wanted(struct server *s, const struct vt_bucket *b,
    const struct vt_version *v, const struct vt_copy *copy)
{
	const char *hot = s->config->tier[0].name;

	if (s->promoter == NULL || v->size_bytes == 0 ||
	    v->size_bytes > TEE_SIZE_MAX || v->pin[0] != '\0' ||
	    copy->until_us != 0 || vt_tiers_is_remote(s->tiers, hot))
		return 0;
	for (size_t i = 0; i < v->copy_count; i++)
		if (strcmp(v->copies[i].tier, hot) == 0)
			return 0;
	/* what a client had encrypted moves as it is stored, and what was
	 * never read whole has nothing to be compared with */
	if (*v->sse != '\0' || !vt_crc_known(v))
		return 0;
	for (size_t i = 0; i < copy->extent_count; i++)
		if (!copy->extents[i].blob.owned)
			return 0;
	return promoter_pays(s->promoter, b->name, v, copy);
}

/* The move that this will have been. */
static int
describe(struct tee *t, const struct vt_bucket *b,
    const struct vt_version *v, const struct vt_copy *copy)
{
	struct vt_move *m = &t->move;

	m->plan = m->prices = m->reason = "";
	m->bucket = vt_arena_str(t->arena, b->name);
	m->key = vt_arena_dup(t->arena, v->key, v->key_len);
	m->key_len = v->key_len;
	m->version = vt_arena_str(t->arena, v->version_id);
	m->seq = v->seq;
	m->generation = v->generation;
	m->bucket_generation = b->generation;
	m->copy = copy->id;
	m->from = vt_tiers_tier(t->s->tiers, copy->tier)->name;
	m->to = t->s->config->tier[0].name;
	m->size_bytes = v->size_bytes;
	t->until_us = vt_clock_mono_us() + SLOW_MS * 1000 +
	    (int64_t)(v->size_bytes / SLOW_BYTES_PER_S) * 1000000;
	return m->bucket != NULL && m->key != NULL && m->version != NULL ?
	    0 : -1;
}

/* Where the bytes go. */
static int
open_target(struct tee *t)
{
	const struct vt_move *m = &t->move;
	const struct vt_tier *to = vt_tiers_tier(t->s->tiers, m->to), *placed;
	int is_inline;

	if (vt_tiers_place(t->s->tiers, NULL, to->storage_class,
	    m->size_bytes, &placed, &is_inline, NULL) != VT_OK)
		return -1;
	if (is_inline && placed == to) {
		t->memory = malloc((size_t)m->size_bytes);
		return t->memory != NULL ? 0 : -1;
	}
	return vt_blob_writer_open(t->s->tiers, m->to, m->bucket, m->key,
	    m->key_len, m->size_bytes, NULL, &t->writer, NULL) == VT_OK ?
	    0 : -1;
}

struct tee *
tee_begin(struct server *s, const struct vt_bucket *b,
    const struct vt_version *v, const struct vt_copy *copy)
{
	struct vt_arena *a;
	struct tee *t;

	if (!is_wanted(s, b, v, copy) || !promoter_tee_begin(s->promoter))
		return NULL;
	a = vt_arena_new(ARENA_MAX);
	t = a != NULL ? vt_arena_alloc(a, sizeof(*t)) : NULL;
	if (t == NULL) {
		vt_arena_free(a);
		promoter_tee_end(s->promoter);
		return NULL;
	}
	t->s = s;
	t->arena = a;
	if (describe(t, b, v, copy) == 0 && open_target(t) == 0)
		return t;
	tee_free(t);
	return NULL;
}

struct tee *
tee_write(struct tee *t, const void *data, size_t len)
{
	int failed = vt_clock_mono_us() > t->until_us ||
	    len > t->move.size_bytes - t->done_bytes;

	if (!failed && t->memory != NULL)
		memcpy(t->memory + t->done_bytes, data, len);
	else if (!failed)
		failed = vt_blob_writer_write(t->writer, data, len, NULL) !=
		    VT_OK;
	t->done_bytes += len;
	if (!failed)
		return t;
	tee_free(t);
	return NULL;
}

void
tee_done(struct tee *t, const struct vt_version *v)
{
	struct vt_note note;
	int failed = t->done_bytes != t->move.size_bytes;

	if (!failed && t->writer != NULL) {
		vt_note_of_version(t->move.bucket, v, 0, v->size_bytes,
		    v->crc64, &note);
		failed = vt_blob_writer_note(t->writer, &note, NULL) != VT_OK;
	}
	if (failed)
		tee_free(t);
	else
		promoter_take(t->s->promoter, t);
}

enum vt_code
tee_adopt(struct tee *t, const struct vt_migrate_options *o,
    struct vt_move_result *out, struct vt_err *err)
{
	struct vt_blob_writer *w = t->writer;
	struct vt_cat_extent x;
	struct vt_new_copy n = { .x = &x };
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	out->status = VT_MOVE_FAILED;
	t->writer = NULL;
	if (t->memory != NULL)
		rc = vt_blob_inline_as(o->tiers, t->move.to, t->memory,
		    (size_t)t->move.size_bytes, NULL, t->arena, &x, err);
	else
		rc = vt_blob_writer_commit(w, t->arena, &x, err);
	if (rc != VT_OK)
		return rc;
	n.count = 1;
	out->backend_requests = t->memory == NULL;
	return vt_migrate_take(o, &t->move, &n, out, err);
}
