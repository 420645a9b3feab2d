/*
 * Lifecycle rules of buckets, as their lines have them, what is due to be
 * removed by them, and what they make of the past that is replayed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

#define RULES_BYTES_MAX ((size_t)32 << 20)	/* of one bucket, parsed */

static void
rules_free(struct bucket_rules *b)
{
	vt_arena_free(b->arena);
	free(b);
}

void
rules_forget(struct run *r)
{
	size_t i;

	for (i = 0; i < r->rules_count; i++)
		rules_free(r->rules[i]);
	free(r->rules);
	r->rules = NULL;
	r->rules_count = r->rules_cap = 0;
}

enum vt_code
rules_new(const struct vt_scan_record *rec, struct bucket_rules **out,
    struct vt_err *err)
{
	struct bucket_rules *b = calloc(1, sizeof(*b));
	enum vt_code rc;

	*out = NULL;
	if (b == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for rules");
	b->arena = vt_arena_new(RULES_BYTES_MAX);
	if (b->arena == NULL) {
		free(b);
		return vt_fail(err, VT_NOMEM, "no memory for rules");
	}
	*out = b;
	rc = vt_lifecycle_parse(b->arena, rec->lifecycle, rec->lifecycle_len,
	    &b->lc, NULL, err);
	if (rc != VT_OK) {
		b->lc = NULL;
		return rc;
	}
	if (rec->day_ms != 0)
		b->lc->day_us = rec->day_ms * 1000;
	if (rec->has_min_bytes)
		b->lc->min_bytes = rec->min_bytes;
	snprintf(b->bucket, sizeof(b->bucket), "%s", rec->bucket);
	b->generation = rec->bucket_generation;
	b->at_us = rec->at_us;
	b->marks = *rec->versioning != '\0';
	return VT_OK;
}

/* A bucket's rules come before its versions. */
void
rules_take(struct run *r, struct bucket_rules *b)
{
	struct bucket_rules **more;

	if (r->rules_count == r->rules_cap) {
		r->rules_cap = r->rules_cap != 0 ? r->rules_cap * 2 : 64;
		more = realloc(r->rules, r->rules_cap * sizeof(*more));
		if (more == NULL)
			plan_no_memory();
		r->rules = more;
	}
	r->rules[r->rules_count++] = b;
}

/* Unless they were changed while it was scanned. */
const struct bucket_rules *
rules_for(const struct bucket_rules *b, const struct vt_scan_record *rec)
{
	return b != NULL && b->lc != NULL && rec->is_ruled &&
	    strcmp(b->bucket, rec->bucket) == 0 &&
	    b->generation == rec->bucket_generation ? b : NULL;
}

int64_t
rules_now(const struct run *r, const struct bucket_rules *b)
{
	return r->now_us != INT64_MAX ? r->now_us : b->at_us;
}

void
rules_classes(const struct run *r, const struct vt_place *w,
    const char **classes)
{
	size_t i;

	vt_place_classes(w, r->classes, r->model.count, classes);
	/* there for comparing alone */
	for (i = 0; r->config != NULL && i < r->model.count; i++)
		if (i >= r->config->tier_count)
			classes[i] = "";
}

uint32_t
rules_wait(const struct run *r)
{
	uint32_t mask = 0;
	size_t i;

	for (i = 0; r->tiers != NULL && i < r->model.count; i++)
		if (r->model.tier[i].excluded)
			mask |= UINT32_C(1) << i;
	return mask;
}

/* A lock always wins; a marker that is added removes nothing. */
static int
removal_locked(const struct run *r, const struct bucket_rules *b,
    const struct vt_scan_record *rec, const struct vt_lc_removal *removal)
{
	if (removal->action == VT_LC_EXPIRE && b->marks)
		return 0;
	return rec->legal_hold || (rec->lock != NULL && *rec->lock != '\0' &&
	    rec->retain_until_us > rules_now(r, b));
}

enum removal_state
find_removal(const struct run *r, const struct bucket_rules *b,
    const struct vt_scan_record *rec, struct vt_lc_removal *out)
{
	struct vt_lc_subject s;

	vt_rules_record(rec, &s);
	vt_lifecycle_removal(b->lc, &s, out);
	if (out->action == VT_LC_NONE || out->due_us >= INT64_MAX / 4)
		return REMOVAL_NONE;
	if (out->due_us > rules_now(r, b))
		return REMOVAL_LATER;
	return removal_locked(r, b, rec, out) ? REMOVAL_LOCKED : REMOVAL_DUE;
}

unsigned
rules_reach(const struct run *r, const struct bucket_rules *b,
    const struct vt_scan_record *rec, struct vt_past *p,
    struct vt_reach *reach, struct vt_reach_step step[VT_REACH_STEPS])
{
	const char *classes[VT_COST_TIERS];
	struct vt_reach_rules rules = { .lc = b->lc, .classes = classes,
	    .wait = rules_wait(r) };
	struct vt_lc_removal removal;
	unsigned what = 0;

	/* where there are versions, what expires stays as one of them */
	if (find_removal(r, b, rec, &removal) == REMOVAL_DUE &&
	    (removal.action != VT_LC_EXPIRE || !b->marks) &&
	    vt_reach_end(reach, p, (double)removal.due_us / (double)DAY_US))
		what |= RULES_END;
	vt_rules_record(rec, &rules.version);
	rules_classes(r, vt_places_find(r->places, rec->bucket, rec->key,
	    rec->key_len), classes);
	if (vt_reach_rules_of(reach, &r->model, &rules, p, step))
		what |= RULES_BIND;
	return what;
}
