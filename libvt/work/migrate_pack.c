/* Carrying out a pack of a plan: see migrate_pack.h. */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"

#include "libvt/work/packbuild.h"

#define LEAST 2			/* members that a pack is written for */

struct run {
	struct vt_pack_build b;
	struct vt_pack_job *jobs;
	size_t count;
	unsigned char *is_odd;	/* by job */
	const char *prefix;
	size_t prefix_len;
	uint64_t size_bytes;	/* of those that are in */
	struct vt_arena *a;	/* of one member */
	char *data;		/* its bytes */
	size_t data_max;
};

/* Keys in order, of a key the newest version first: it keeps the name. */
static int
compare(const void *a, const void *b)
{
	const struct vt_move *x = ((const struct vt_pack_job *)a)->move;
	const struct vt_move *y = ((const struct vt_pack_job *)b)->move;
	size_t n = x->key_len < y->key_len ? x->key_len : y->key_len;
	int c = memcmp(x->key, y->key, n);

	if (c != 0)
		return c;
	if (x->key_len != y->key_len)
		return x->key_len < y->key_len ? -1 : 1;
	return x->seq > y->seq ? -1 : x->seq < y->seq;
}

static void
note(struct run *r, struct vt_pack_job *j, enum vt_move_status status,
    enum vt_code code, const char *reason)
{
	j->res.status = status;
	j->code = code;
	/* without memory for the words there is still the code */
	j->reason = vt_arena_str(r->b.a, reason);
}

static enum vt_move_status
status_of(enum vt_code code)
{
	return code == VT_OK ? VT_MOVE_DONE :
	    code == VT_PRECONDITION || code == VT_ABSENT ? VT_MOVE_SKIPPED :
	    VT_MOVE_FAILED;
}

/* Which names tar could not unpack beside those of all the others. */
static enum vt_code
find_odd_names(struct run *r, struct vt_err *err)
{
	struct vt_pack_key *keys = calloc(r->count + 1, sizeof(*keys));

	r->is_odd = calloc(r->count + 1, 1);
	if (keys == NULL || r->is_odd == NULL) {
		free(keys);
		return vt_fail(err, VT_NOMEM, "out of memory");
	}
	for (size_t i = 0; i < r->count; i++) {
		keys[i].key = r->jobs[i].move->key;
		keys[i].len = r->jobs[i].move->key_len;
	}
	vt_pack_odd_keys(keys, r->count, r->is_odd);
	free(keys);
	return VT_OK;
}

/* May it go into a pack, as things are now? */
static enum vt_code
check(struct run *r, struct vt_pack_job *j, struct vt_subject *s,
    struct vt_err *err)
{
	enum vt_code rc;

	if (strcmp(j->move->to, r->b.to) != 0) {
		j->res.status = VT_MOVE_FAILED;
		return vt_fail(err, VT_INVALID, "is to go to '%.32s' and its "
		    "pack to '%.32s'", j->move->to, r->b.to);
	}
	rc = vt_migrate_check(r->b.o, j->move, r->a, s, &j->res.status, err);
	if (rc != VT_OK)
		return rc;
	if (*s->v->sse != '\0')
		rc = vt_fail(err, VT_PRECONDITION, "it is encrypted for a "
		    "client, and what is in packs is not");
	else if (s->v->size_bytes > VT_PACK_MEMBER_MAX)
		rc = vt_fail(err, VT_PRECONDITION, "it has over %u bytes, too "
		    "many for a pack", VT_PACK_MEMBER_MAX);
	if (rc != VT_OK)
		j->res.status = VT_MOVE_SKIPPED;
	return rc;
}

/* All its bytes, into memory: what cannot be read must not be begun. */
static enum vt_code
read_member(struct run *r, struct vt_pack_job *j, const struct vt_subject *s,
    struct vt_err *err)
{
	const struct vt_migrate_options *o = r->b.o;
	size_t size = (size_t)s->v->size_bytes, at = 0, got;
	struct vt_copy_reader *reader;
	enum vt_code rc;
	char *more;

	if (o->pace != NULL && o->pace(o->pace_ctx, size) != 0)
		return vt_fail(err, VT_CANCELLED, "interrupted");
	if (size > r->data_max) {
		more = realloc(r->data, size);
		if (more == NULL)
			return vt_fail(err, VT_NOMEM, "out of memory");
		r->data = more;
		r->data_max = size;
	}
	rc = vt_copy_reader_open(o->tiers, s->v, s->source, 0, size, &reader,
	    err);
	if (rc != VT_OK)
		return rc;
	j->res.backend_requests += s->source->extent_count;
	while (rc == VT_OK && at < size) {
		rc = vt_copy_reader_read(reader, r->data + at, size - at,
		    &got, err);
		at += rc == VT_OK ? got : 0;
	}
	vt_copy_reader_close(reader);
	if (rc == VT_NEEDS_RESTORE) {
		rc = vt_migrate_ask_archive(o, s->source, err);
		if (rc == VT_BUSY)
			j->res.status = VT_MOVE_WAITING;
	}
	return rc;
}

/* Its bytes are in memory: put them into the pack.  What fails here fails the
 * whole pack, but for VT_TOO_LARGE. */
static enum vt_code
add_member(struct run *r, size_t i, const struct vt_subject *s,
    struct vt_err *err)
{
	struct vt_pack_build *b = &r->b;
	struct vt_pack_slot *slot = &b->slots[b->slot_count];
	struct vt_pack_place *p = &b->places[b->place_count];
	size_t size = (size_t)s->v->size_bytes;
	struct vt_pack_entry e;
	enum vt_code rc;

	p->plain_bytes = size;
	p->crc64 = vt_crc_known(s->v) ? s->v->crc64 :
	    vt_crc64nvme(0, r->data, size);
	vt_pack_build_entry(&s->bucket, s->v, r->is_odd[i], &e);
	e.crc64 = p->crc64;
	rc = vt_pack_build_open(b, s->bucket.name, r->prefix, r->prefix_len,
	    err);
	if (rc == VT_OK)
		rc = vt_pack_writer_begin(b->w, &e, err);
	if (rc == VT_OK && size > 0)
		rc = vt_pack_writer_data(b->w, r->data, size, err);
	if (rc == VT_OK)
		rc = vt_pack_writer_end(b->w, &p->offset, &p->length, err);
	if (rc != VT_OK)
		return rc;
	vt_migrate_swap(b->o, s, b->to, &slot->swap);
	slot->job = i;
	slot->size_bytes = size;
	slot->place = SIZE_MAX;
	if (size > 0)
		slot->place = b->place_count++;
	else
		slot->swap.verified = 1;
	if (!vt_crc_known(s->v))
		slot->swap.crc64 = p->crc64;
	b->slot_count++;
	r->size_bytes += size;
	return VT_OK;
}

/* One member: VT_OK also when it is left out. */
static enum vt_code
take_member(struct run *r, size_t i, int *is_full, struct vt_err *err)
{
	struct vt_pack_job *j = &r->jobs[i];
	struct vt_subject s;
	struct vt_err e;
	enum vt_code rc;

	vt_arena_reset(r->a);
	rc = check(r, j, &s, &e);
	if (rc == VT_EXISTS && j->res.status == VT_MOVE_ALREADY) {
		j->code = VT_OK;
		return VT_OK;
	}
	if (rc == VT_OK && *is_full) {
		j->res.status = VT_MOVE_SKIPPED;
		rc = vt_fail(&e, VT_PRECONDITION, "the pack is full");
	}
	if (rc != VT_OK) {
		note(r, j, j->res.status, rc, e.text);
		return VT_OK;
	}
	if (r->b.o->dry_run)
		return VT_OK;
	j->res.status = VT_MOVE_FAILED;
	rc = read_member(r, j, &s, &e);
	if (rc == VT_CANCELLED) {
		*err = e;
		return rc;
	}
	if (rc != VT_OK) {
		note(r, j, j->res.status == VT_MOVE_WAITING ?
		    VT_MOVE_WAITING : status_of(rc), rc, e.text);
		return VT_OK;
	}
	rc = add_member(r, i, &s, err);
	if (rc == VT_TOO_LARGE) {
		note(r, j, VT_MOVE_SKIPPED, VT_PRECONDITION, err->text);
		*is_full = 1;
		rc = VT_OK;
	}
	return rc;
}

/* Those that are in it, whatever became of them. */
static void
note_slots(struct run *r)
{
	size_t i;

	for (i = 0; i < r->b.slot_count; i++) {
		const struct vt_pack_slot *s = &r->b.slots[i];
		struct vt_pack_job *j = &r->jobs[s->job];

		if (s->code == VT_OK) {
			j->res.status = VT_MOVE_DONE;
			j->res.copy_id = s->swap.copy_id;
			j->res.bytes = s->size_bytes;
			j->code = VT_OK;
		} else {
			note(r, j, status_of(s->code), s->code,
			    s->reason != NULL ? s->reason : "");
		}
	}
}

static void
fail_slots(struct run *r, enum vt_code code, const char *reason)
{
	for (size_t i = 0; i < r->b.slot_count; i++)
		note(r, &r->jobs[r->b.slots[i].job], status_of(code), code,
		    reason);
}

static enum vt_code
write_pack(struct run *r, uint64_t size_bytes, struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	int is_full = 0;
	size_t i;

	for (i = 0; i < r->count && rc == VT_OK; i++)
		rc = take_member(r, i, &is_full, err);
	if (rc == VT_OK && r->b.slot_count == 0)
		return VT_OK;
	if (rc == VT_OK && (r->b.slot_count < LEAST ||
	    r->size_bytes < size_bytes / 2)) {
		fail_slots(r, VT_PRECONDITION,
		    "too little of its pack is left");
		return VT_OK;
	}
	if (rc == VT_OK)
		rc = vt_pack_build_commit(&r->b, err);
	if (rc == VT_CANCELLED)
		return rc;
	if (rc != VT_OK) {
		/* none that was left out for a reason of its own */
		for (i = 0; i < r->count; i++)
			if (r->jobs[i].code == VT_OK &&
			    r->jobs[i].res.status == VT_MOVE_FAILED)
				note(r, &r->jobs[i], VT_MOVE_FAILED, rc,
				    err->text);
		return rc;
	}
	rc = vt_pack_build_swap(&r->b, err);
	note_slots(r);
	return rc;
}

enum vt_code
vt_migrate_pack(const struct vt_migrate_options *o, const char *bucket,
    const char *to, const char *prefix, size_t prefix_len,
    uint64_t size_bytes, struct vt_pack_job *jobs, size_t count,
    struct vt_arena *a, struct vt_pack_result *out, struct vt_err *err)
{
	struct run r;
	enum vt_code rc;
	size_t i;

	memset(&r, 0, sizeof(r));
	r.jobs = jobs;
	r.count = count;
	r.prefix = prefix;
	r.prefix_len = prefix_len;
	for (i = 0; i < count; i++) {
		memset(&jobs[i].res, 0, sizeof(jobs[i].res));
		jobs[i].res.status = VT_MOVE_FAILED;
		jobs[i].code = VT_OK;
		jobs[i].reason = NULL;
	}
	rc = vt_pack_build_init(&r.b, o, to, count, a, out, err);
	if (rc != VT_OK)
		return rc;
	qsort(jobs, count, sizeof(*jobs), compare);
	for (i = 0; i < count && rc == VT_OK; i++)
		if (strcmp(jobs[i].move->bucket, bucket) != 0)
			rc = vt_fail(err, VT_INVALID, "a pack is of one "
			    "bucket");
	r.a = vt_arena_new(64 << 20);
	if (rc == VT_OK && r.a == NULL)
		rc = vt_fail(err, VT_NOMEM, "out of memory");
	if (rc == VT_OK)
		rc = find_odd_names(&r, err);
	if (rc == VT_OK)
		rc = write_pack(&r, size_bytes, err);
	vt_pack_build_release(&r.b);
	vt_arena_free(r.a);
	free(r.is_odd);
	free(r.data);
	return rc;
}
