/* Copies of a body on several tiers: see replicas.h. */
#include "meta.h"
#include "replicas.h"
#include "request.h"
#include "sse.h"

#include <string.h>

#include "libvt/work/note.h"
#include "libvt/work/replicate.h"

static size_t
index_of(struct req *r, const struct vt_tier *t)
{
	return (size_t)(t - r->srv->config->tier);
}

static uint32_t
bit_of(struct req *r, const struct vt_tier *t)
{
	return UINT32_C(1) << index_of(r, t);
}

/* Tiers whose breaker is open are not asked. */
static uint32_t
open_breakers(struct req *r)
{
	const struct vt_config *c = r->srv->config;
	struct vt_backend_health h;
	uint32_t tiers = 0;

	for (size_t k = 0; k < c->tier_count; k++) {
		vt_backend_health(vt_tiers_backend(r->srv->tiers,
		    c->tier[k].name), &h);
		if (h.is_open)
			tiers |= UINT32_C(1) << k;
	}
	return tiers;
}

void
replicas_plan(struct req *r, struct ingest *in)
{
	in->place = vt_places_find(r->srv->config->places, r->bucket_name,
	    r->key, r->key_len);
	in->copies = in->ack = 1;
	if (in->upload != NULL || in->place == NULL)
		return;
	in->copies = in->place->copies;
	in->ack = in->place->ack;
	/* the catalog is one place: each copy is a blob */
	if (in->copies > 1)
		in->is_inline = 0;
}

/* The next tier to try beside those in `have`; NULL: there is none. */
static const struct vt_tier *
next_tier(struct req *r, const struct ingest *in, uint32_t have,
    uint32_t without)
{
	const struct vt_config *c = r->srv->config;
	size_t k = vt_replica_next(c, in->place, have, without,
	    index_of(r, in->tier));

	return k != SIZE_MAX ? &c->tier[k] : NULL;
}

const char *
replicas_queue(struct req *r, const struct ingest *in)
{
	const struct vt_tier *t = in->tier;
	uint32_t have = bit_of(r, t), without;

	if (in->copies < 2)
		return t->name;
	without = open_breakers(r);
	for (unsigned n = 1; n < in->copies && t != NULL; n++) {
		if (vt_tiers_is_remote(r->srv->tiers, t->name))
			return t->name;
		t = next_tier(r, in, have, without);
		if (t != NULL)
			have |= bit_of(r, t);
	}
	return t != NULL && vt_tiers_is_remote(r->srv->tiers, t->name) ?
	    t->name : in->tier->name;
}

/* How many copies there are, or are being written. */
static unsigned
count(const struct ingest *in)
{
	return in->lost_first ? in->more_count : in->more_count + 1;
}

/* The ingest's own copy takes the place of one that is well. */
static void
promote(struct req *r, struct ingest *in)
{
	const struct replica *m;

	if (!in->lost_first || in->more_count == 0)
		return;
	m = &in->more[--in->more_count];
	in->tier = m->tier;
	in->writer = m->writer;
	in->extent = m->extent;
	in->on_tier = m->on_tier;
	in->lost_first = 0;
	r->log.tier = in->tier->name;
}

/* One copy less, which the log tells; the failure stands when too few are
 * left: then it may work later. */
static void
lost(struct req *r, const struct vt_tier *t, enum vt_code code,
    const struct vt_err *err)
{
	req_complain(r, "copy on tier '%s': %s: %s", t->name,
	    vt_code_name(code), err->text);
}

static enum vt_code
enough(struct req *r, struct ingest *in, struct vt_err *err)
{
	promote(r, in);
	if (count(in) >= in->ack)
		return VT_OK;
	return vt_fail(err, VT_BUSY, "%u copies of '%.200s' can be written "
	    "and the policy acknowledges %u", count(in), r->key, in->ack);
}

static enum vt_code
open_one(struct req *r, const struct ingest *in, const struct vt_tier *t,
    struct vt_blob_writer **w, struct vt_err *err)
{
	struct vt_blob_form form;

	return vt_blob_writer_open(r->srv->tiers, t->name, r->bucket_name,
	    r->key, r->key_len, in->will_bytes, sse_form(in->sse, &form), w,
	    err);
}

enum vt_code
replicas_open(struct req *r, struct ingest *in, enum vt_code rc,
    struct vt_err *err)
{
	uint32_t have = rc == VT_OK ? bit_of(r, in->tier) : 0, without;
	const struct vt_tier *t;
	struct replica *m;
	struct vt_err why;
	enum vt_code one;

	if (in->copies < 2)
		return rc;
	without = open_breakers(r);
	if (rc != VT_OK) {
		in->lost_first = 1;
		without |= bit_of(r, in->tier);
		lost(r, in->tier, rc, err);
	}
	while (count(in) < in->copies) {
		t = next_tier(r, in, have, without);
		if (t == NULL)
			break;
		m = &in->more[in->more_count];
		memset(m, 0, sizeof(*m));
		m->tier = t;
		one = open_one(r, in, t, &m->writer, &why);
		if (one == VT_OK) {
			have |= bit_of(r, t);
			in->more_count++;
		} else {
			without |= bit_of(r, t);
			lost(r, t, one, &why);
		}
	}
	return enough(r, in, err);
}

/* Take replica `i` off the list. */
static void
drop(struct ingest *in, unsigned i)
{
	in->more[i] = in->more[--in->more_count];
}

enum vt_code
replicas_write(struct req *r, struct ingest *in, const void *data,
    size_t len, enum vt_code rc, struct vt_err *err)
{
	struct vt_err why;
	enum vt_code one;
	unsigned i = 0;

	if (in->copies < 2)
		return rc;
	if (rc != VT_OK) {
		lost(r, in->tier, rc, err);
		vt_blob_writer_abort(in->writer);
		in->writer = NULL;
		in->lost_first = 1;
	}
	while (i < in->more_count) {
		one = vt_blob_writer_write(in->more[i].writer, data, len,
		    &why);
		if (one == VT_OK) {
			i++;
			continue;
		}
		lost(r, in->more[i].tier, one, &why);
		vt_blob_writer_abort(in->more[i].writer);
		drop(in, i);
	}
	return enough(r, in, err);
}

/* What reached the tier is what was hashed, unless transformed (P5). */
static enum vt_code
commit_one(struct req *r, const struct ingest *in, struct replica *m,
    const struct vt_note *note, struct vt_err *err)
{
	struct vt_blob_writer *w = m->writer;
	const struct vt_blob *b = &m->extent.e.blob;
	enum vt_code rc;

	rc = vt_blob_writer_note(w, note, err);
	m->writer = NULL;
	if (rc != VT_OK) {
		vt_blob_writer_abort(w);
		return rc;
	}
	rc = vt_blob_writer_commit(w, r->arena, &m->extent, err);
	if (rc != VT_OK)
		return rc;
	r->log.backend_requests++;
	r->log.backend_bytes += (int64_t)b->size_bytes;
	if (*b->transform == '\0' && b->crc64 != in->digest.crc64) {
		vt_blob_discard(r->srv->tiers, &m->extent);
		return vt_fail(err, VT_CORRUPT, "the bytes written are not "
		    "those received");
	}
	m->on_tier = 1;
	return VT_OK;
}

enum vt_code
replicas_commit(struct req *r, struct ingest *in, const struct vt_note *note,
    enum vt_code rc, struct vt_err *err)
{
	struct vt_err why;
	enum vt_code one;
	unsigned i = 0;

	if (in->copies < 2)
		return rc;
	if (rc != VT_OK) {
		lost(r, in->tier, rc, err);
		in->lost_first = 1;
	}
	while (i < in->more_count) {
		one = commit_one(r, in, &in->more[i], note, &why);
		if (one == VT_OK) {
			i++;
			continue;
		}
		lost(r, in->more[i].tier, one, &why);
		drop(in, i);
	}
	return enough(r, in, err);
}

int
replicas_row(struct req *r, struct ingest *in, struct vt_cat_put *row)
{
	uint32_t have = bit_of(r, in->tier);
	const struct vt_tier *t;
	struct vt_cat_more *more;
	size_t n = 0;

	row->more_count = 0;
	if (in->copies < 2)
		return 0;
	more = req_alloc(r, in->copies * sizeof(*more));
	if (more == NULL)
		return -1;
	for (unsigned i = 0; i < in->more_count; i++, n++) {
		more[n].tier = in->more[i].tier->name;
		more[n].extents = &in->more[i].extent;
		more[n].extent_count = 1;
	}
	/* an empty object has no bytes anywhere, and copies all the same */
	while (in->extent_count == 0 && n + 1 < in->copies) {
		t = next_tier(r, in, have, 0);
		if (t == NULL)
			break;
		have |= bit_of(r, t);
		more[n++].tier = t->name;
	}
	row->more = more;
	row->more_count = n;
	return 0;
}

int
replicas_ensure(struct req *r, int64_t seq)
{
	const struct server *s = r->srv;
	const struct vt_place *w = vt_places_find(s->config->places,
	    r->bucket_name, r->key, r->key_len);
	const struct vt_migrate_options m = { .catalog = s->catalog,
	    .tiers = s->tiers, .config = s->config, .clock = s->clock,
	    .grace_ms = s->config->grace_ms };
	const struct vt_replicate_options o = { .migrate = &m };
	struct vt_replicate_result res = { 0, 0, 0, 0, 0 };
	struct vt_err err;
	enum vt_code rc;

	if (w == NULL || w->ack < 2)
		return 0;
	rc = vt_replicate_version(&o, r->bucket_name, seq, w->ack, &res,
	    &err);
	/* overwritten or deleted since: it was complete then */
	if (rc == VT_OK || rc == VT_ABSENT)
		return 0;
	req_complain(r, "copies: %s: %s", vt_code_name(rc), err.text);
	req_later(r, "ServiceUnavailable", 1000);
	return -1;
}

void
replicas_settled(struct ingest *in)
{
	in->on_tier = 0;
	for (unsigned i = 0; i < in->more_count; i++)
		in->more[i].on_tier = 0;
}

void
replicas_release(struct req *r, struct ingest *in)
{
	for (unsigned i = 0; i < in->more_count; i++) {
		vt_blob_writer_abort(in->more[i].writer);
		if (in->more[i].on_tier)
			vt_blob_discard(r->srv->tiers, &in->more[i].extent);
	}
	in->more_count = 0;
}
