#include <stdlib.h>
#include <string.h>

#include "libvt/work/rulebook.h"

#define RULES_BYTES_MAX ((size_t)32 << 20)

void
vt_rules_version(const struct vt_version *v, const struct vt_standing *st,
    struct vt_lc_subject *out)
{
	memset(out, 0, sizeof(*out));
	out->key = v->key;
	out->key_len = v->key_len;
	out->tags = v->tags;
	out->size_bytes = v->size_bytes;
	out->created_us = v->mtime_us;
	out->is_marker = v->is_marker;
	out->is_current = v->is_current;
	out->is_alone = st->is_alone;
	out->newer = st->newer;
	out->noncurrent_since_us = st->after_us != 0 ? st->after_us :
	    INT64_MAX / 4;
}

struct vt_rules {
	struct vt_catalog *catalog;
	const struct vt_config *config;
	struct vt_arena *arena;
	struct vt_lifecycle *lc;
	int64_t bucket_id, generation;
};

struct vt_rules *
vt_rules_new(struct vt_catalog *c, const struct vt_config *config)
{
	struct vt_rules *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->catalog = c;
	r->config = config;
	return r;
}

void
vt_rules_free(struct vt_rules *r)
{
	if (r == NULL)
		return;
	vt_arena_free(r->arena);
	free(r);
}

enum vt_code
vt_rules_of(struct vt_rules *r, const struct vt_bucket *b,
    const struct vt_lifecycle **out, struct vt_err *err)
{
	const char *body;
	size_t len;
	enum vt_code rc;

	*out = NULL;
	if (!((b->docs >> VT_DOC_LIFECYCLE) & 1))
		return VT_OK;
	if (r->lc != NULL && r->bucket_id == b->id &&
	    r->generation == b->generation) {
		*out = r->lc;
		return VT_OK;
	}
	vt_arena_free(r->arena);
	r->lc = NULL;
	r->arena = vt_arena_new(RULES_BYTES_MAX);
	if (r->arena == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_catalog_doc(r->catalog, r->arena, b->id, VT_DOC_LIFECYCLE,
	    &body, &len, err);
	if (rc == VT_ABSENT)	/* removed a moment ago */
		return VT_OK;
	if (rc == VT_OK)
		rc = vt_lifecycle_parse(r->arena, body, len, &r->lc, NULL,
		    err);
	if (rc == VT_INVALID) {
		vt_err_prefix(err, "the rules of bucket '%s'", b->name);
		err->code = VT_CORRUPT;
	}
	if (rc != VT_OK)
		return rc == VT_INVALID ? VT_CORRUPT : rc;
	r->lc->day_us = r->config->lifecycle_day_ms * 1000;
	r->lc->min_bytes = r->config->lifecycle_min_bytes;
	r->bucket_id = b->id;
	r->generation = b->generation;
	*out = r->lc;
	return VT_OK;
}
