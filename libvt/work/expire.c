#include <stdlib.h>
#include <string.h>

#include "libvt/work/expire.h"
#include "libvt/work/notify.h"

/* Is the removal that the rules ask for the planned one, and due? */
static enum vt_code
check_due(const struct vt_migrate_options *o, const struct vt_move *m,
    const struct vt_lifecycle *lc, const struct vt_lc_subject *s,
    struct vt_lc_removal *removal, struct vt_err *err)
{
	char due[25];

	vt_lifecycle_removal(lc, s, removal);
	if (removal->action != vt_lc_action_find(m->action))
		return vt_fail(err, VT_PRECONDITION, "no rule of the bucket "
		    "asks for this");
	if (removal->due_us > vt_clock_now_us(o->clock)) {
		vt_time_rfc3339_ms(removal->due_us, due);
		return vt_fail(err, VT_PRECONDITION, "rule '%.255s' does not "
		    "ask for this before %s", removal->rule->id, due);
	}
	if (m->not_after_us != 0 &&
	    vt_clock_now_us(o->clock) > m->not_after_us)
		return vt_fail(err, VT_PRECONDITION, "the plan is too old");
	return VT_OK;
}

/* The version as the plan names it, and what rules ask of it. */
static enum vt_code
find_version(const struct vt_migrate_options *o, const struct vt_move *m,
    const struct vt_bucket *b, struct vt_arena *a, struct vt_version **v,
    struct vt_lc_subject *s, struct vt_err *err)
{
	struct vt_standing st;
	enum vt_code rc;

	rc = vt_catalog_lookup_seq(o->catalog, a, m->seq, 0, v, err);
	if (rc == VT_ABSENT)
		return vt_fail(err, VT_ABSENT, "the version is gone");
	if (rc != VT_OK)
		return rc;
	if ((*v)->bucket_id != b->id || (*v)->key_len != m->key_len ||
	    memcmp((*v)->key, m->key, m->key_len) != 0 ||
	    (m->version[0] != '\0' &&
	    strcmp(m->version, (*v)->version_id) != 0))
		return vt_fail(err, VT_PRECONDITION, "the plan's version %lld "
		    "is not of this bucket and key", (long long)m->seq);
	if (m->generation != 0 && m->generation != (*v)->generation)
		return vt_fail(err, VT_PRECONDITION,
		    "the version was changed after the plan");
	rc = vt_catalog_standing(o->catalog, *v, &st, err);
	if (rc == VT_OK)
		vt_rules_version(*v, &st, s);
	return rc;
}

static enum vt_code
find_upload(const struct vt_migrate_options *o, const struct vt_move *m,
    const struct vt_bucket *b, struct vt_arena *a, struct vt_lc_subject *s,
    struct vt_err *err)
{
	struct vt_upload *u;
	enum vt_code rc;

	rc = vt_catalog_upload(o->catalog, a, m->upload, &u, err);
	if (rc == VT_ABSENT || (rc == VT_OK && u->is_complete))
		return vt_fail(err, VT_ABSENT, "the upload is over");
	if (rc != VT_OK)
		return rc;
	if (u->bucket_id != b->id || u->key_len != m->key_len ||
	    memcmp(u->key, m->key, m->key_len) != 0)
		return vt_fail(err, VT_PRECONDITION, "the plan's upload is "
		    "not of this bucket and key");
	memset(s, 0, sizeof(*s));
	s->is_upload = 1;
	s->key = u->key;
	s->key_len = u->key_len;
	s->created_us = u->created_us;
	return VT_OK;
}

/* Would the deletion meet a lock?  For the dry run: else it is asked there. */
static enum vt_code
check_lock(const struct vt_migrate_options *o, const struct vt_bucket *b,
    const struct vt_version *v, struct vt_err *err)
{
	/* where there are versions, the current one only gets a marker */
	if (v == NULL || (v->is_current && !v->is_marker &&
	    (b->versioning == 1 || (b->versioning == 2 && !v->is_null))))
		return VT_OK;
	if (v->legal_hold == VT_HOLD_ON)
		return vt_fail(err, VT_DENIED,
		    "the version is under a legal hold");
	if (v->lock_mode != VT_LOCK_NONE &&
	    v->retain_until_us > vt_clock_now_us(o->lock_clock != NULL ?
	    o->lock_clock : o->clock))
		return vt_fail(err, VT_DENIED,
		    "the version is locked against deletion");
	return VT_OK;
}

static enum vt_code
remove_it(const struct vt_migrate_options *o, const struct vt_move *m,
    const struct vt_bucket *b, const struct vt_version *v,
    const struct vt_lc_removal *removal, struct vt_arena *a,
    struct vt_expire_result *out, struct vt_err *err)
{
	int marks = removal->action == VT_LC_EXPIRE && b->versioning != 0;
	struct vt_cat_event *events = NULL;
	struct vt_cat_op op;
	struct vt_cat_lifecycle *l = &op.u.lifecycle;
	enum vt_code rc;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_LIFECYCLE;
	l->action = removal->action;
	l->bucket_id = b->id;
	l->bucket_generation = b->generation;
	l->keep_newer = removal->keep_newer;
	l->upload_id = m->upload;
	if (v != NULL) {
		l->seq = v->seq;
		l->version_generation = v->generation;
		rc = vt_notify_version(o->catalog, a, b, v, marks ?
		    "LifecycleExpiration:DeleteMarkerCreated" :
		    "LifecycleExpiration:Delete", "", &events,
		    &op.event_count, err);
		if (rc != VT_OK)
			return rc;
		op.events = events;
	}
	rc = vt_catalog_run(o->catalog, &op, err);
	if (rc == VT_OK) {
		out->status = VT_MOVE_DONE;
		out->made_marker = l->made_marker;
		if (l->made_marker)
			memcpy(out->marker_id, l->marker_id,
			    sizeof(out->marker_id));
	}
	return rc;
}

enum vt_code
vt_expire(const struct vt_migrate_options *o, const struct vt_move *m,
    struct vt_expire_result *out, struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(64 << 20);
	struct vt_rules *own = NULL, *rules = o->rules;
	const struct vt_lifecycle *lc = NULL;
	struct vt_lc_removal removal;
	struct vt_lc_subject s;
	struct vt_version *v = NULL;
	struct vt_bucket b;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	out->status = VT_MOVE_FAILED;
	if (rules == NULL)
		rules = own = vt_rules_new(o->catalog, o->config);
	if (a == NULL || rules == NULL) {
		rc = vt_fail(err, VT_NOMEM, "out of memory");
		goto out;
	}
	rc = vt_catalog_bucket(o->catalog, a, m->bucket, &b, err);
	if (rc == VT_OK && m->bucket_generation != 0 &&
	    m->bucket_generation != b.generation)
		rc = vt_fail(err, VT_PRECONDITION,
		    "the bucket's rules were changed after the plan");
	if (rc == VT_OK)
		rc = vt_rules_of(rules, &b, &lc, err);
	if (rc == VT_OK && lc == NULL)
		rc = vt_fail(err, VT_PRECONDITION,
		    "the bucket has no lifecycle rules");
	if (rc == VT_OK)
		rc = *m->upload != '\0' ?
		    find_upload(o, m, &b, a, &s, err) :
		    find_version(o, m, &b, a, &v, &s, err);
	if (rc == VT_OK)
		rc = check_due(o, m, lc, &s, &removal, err);
	if (rc == VT_OK)
		rc = check_lock(o, &b, v, err);
	if (rc == VT_OK && o->dry_run)
		out->status = VT_MOVE_DONE;
	else if (rc == VT_OK)
		rc = remove_it(o, m, &b, v, &removal, a, out, err);
out:
	if (rc == VT_PRECONDITION || rc == VT_ABSENT || rc == VT_DENIED)
		out->status = VT_MOVE_SKIPPED;
	vt_rules_free(own);
	vt_arena_free(a);
	return rc;
}
