/* A plan that empties a tier: see drain.h. */
#include <string.h>

#include "libvt/work/drain.h"

#define PAGE_ROWS 1000

struct walk {
	const struct vt_drain_options *o;
	vt_drain_visit *visit;
	void *ctx;
	struct vt_drain_result *out;
	size_t from, to;	/* of the configuration; to SIZE_MAX: any */
	int stopped;
};

static enum vt_code
find_tier(const struct vt_config *c, const char *name, size_t *out,
    struct vt_err *err)
{
	const struct vt_tier *t = vt_config_tier(c, name);

	if (t == NULL)
		return vt_fail(err, VT_INVALID, "no tier '%.32s' is configured",
		    name);
	*out = (size_t)(t - c->tier);
	return VT_OK;
}

static int
has_copy(const struct vt_version *v, const char *tier)
{
	for (size_t i = 0; i < v->copy_count; i++)
		if (strcmp(v->copies[i].tier, tier) == 0 &&
		    v->copies[i].until_us == 0)
			return 1;
	return 0;
}

static int
may_go(const struct walk *w, const struct vt_place *place,
    const struct vt_version *v, size_t k)
{
	const struct vt_tier *t = &w->o->config->tier[k];

	return k != w->from && !t->is_closed && vt_place_allows(place, k) &&
	    !has_copy(v, t->name);
}

/* Where it goes; SIZE_MAX: nowhere. */
static size_t
choose(const struct walk *w, const char *bucket, const struct vt_version *v)
{
	const struct vt_config *c = w->o->config;
	const struct vt_place *place = vt_places_find(c->places, bucket,
	    v->key, v->key_len);
	size_t k;

	if (w->to != SIZE_MAX)
		return may_go(w, place, v, w->to) ? w->to : SIZE_MAX;
	for (k = w->from; k-- > 0;)
		if (may_go(w, place, v, k))
			return k;
	for (k = w->from + 1; k < c->tier_count; k++)
		if (may_go(w, place, v, k))
			return k;
	return SIZE_MAX;
}

static int
visit(void *ctx, const struct vt_bucket *b, const struct vt_version *v)
{
	struct walk *w = ctx;
	const struct vt_copy *copy = NULL;
	struct vt_move m;
	size_t to, i;

	for (i = 0; i < v->copy_count; i++)
		if (strcmp(v->copies[i].tier, w->o->tier) == 0 &&
		    v->copies[i].until_us == 0)
			copy = &v->copies[i];
	if (copy == NULL)
		return 0;
	to = choose(w, b->name, v);
	if (to == SIZE_MAX) {
		w->out->stuck++;
		return 0;
	}
	memset(&m, 0, sizeof(m));
	m.action = m.pack = m.rule = m.upload = m.plan = m.prices = "";
	m.policies = m.policy = "";
	m.reason = "the tier is being emptied";
	m.bucket = b->name;
	m.key = v->key;
	m.key_len = v->key_len;
	m.version = v->version_id;
	m.seq = v->seq;
	m.generation = v->generation;
	m.bucket_generation = b->generation;
	m.copy = copy->id;
	m.from = copy->tier;
	m.to = w->o->config->tier[to].name;
	m.size_bytes = v->size_bytes;
	w->out->moves++;
	w->out->bytes += v->size_bytes;
	w->stopped = w->visit(w->ctx, &m) != 0;
	return w->stopped;
}

enum vt_code
vt_drain_plan(const struct vt_drain_options *o, vt_drain_visit *v, void *ctx,
    struct vt_drain_result *out, struct vt_err *err)
{
	struct walk w = { .o = o, .visit = v, .ctx = ctx, .out = out,
	    .to = SIZE_MAX };
	struct vt_scan_pos pos;
	enum vt_code rc;
	int more = 1;

	memset(out, 0, sizeof(*out));
	rc = find_tier(o->config, o->tier, &w.from, err);
	if (rc == VT_OK && o->to != NULL)
		rc = find_tier(o->config, o->to, &w.to, err);
	if (rc == VT_OK && w.from == w.to)
		rc = vt_fail(err, VT_INVALID, "'%s' cannot be emptied into "
		    "itself", o->tier);
	if (rc != VT_OK)
		return rc;
	memset(&pos, 0, sizeof(pos));
	pos.is_lean = 1;
	while (rc == VT_OK && more && !w.stopped)
		rc = vt_catalog_scan(o->catalog, &pos, PAGE_ROWS, visit, &w,
		    &more, err);
	if (w.stopped)
		rc = vt_fail(err, VT_CANCELLED, "stopped");
	return rc;
}
