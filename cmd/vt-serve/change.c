/*
 * A change of what a version says of itself: tags, locks, ACL.  See object.h.
 */
#include "meta.h"
#include "notify.h"
#include "object.h"

struct change {
	struct vt_cat_op op;
	const struct vt_version *v;
	int status;
};

struct vt_cat_op *
object_change(struct req *r, const struct vt_version *v)
{
	struct change *c = req_alloc(r, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->v = v;
	c->op.kind = VT_CAT_META_SET;
	c->op.u.meta.seq = v->seq;
	c->op.u.meta.lock_mode = c->op.u.meta.legal_hold = -1;
	c->op.u.meta.retain_until_us = -1;
	r->state = c;
	return &c->op;
}

static void
change_done(struct vt_cat_op *op)
{
	struct req *r = op->ctx;
	struct change *c = r->state;

	if (op->code == VT_ABSENT)	/* deleted a moment ago */
		req_error(r, req_query(r, "versionId") != NULL ?
		    "NoSuchVersion" : "NoSuchKey", NULL);
	else if (op->code == VT_DENIED)
		req_error(r, "AccessDenied", "Access Denied because object "
		    "protected by object lock.");
	else if (op->code != VT_OK)
		req_fail(r, op->code, &op->err);
	else {
		meta_version_header(r, c->v);
		req_reply_empty(r, c->status);
	}
	req_resume(r);
}

void
object_change_submit(struct req *r, int status)
{
	struct change *c = r->state;

	c->status = status;
	c->op.done = change_done;
	c->op.ctx = r;
	if (notify_prepare(r, &c->op, c->v) < 0)
		return;
	req_async(r);
	vt_catalog_submit(r->srv->catalog, &c->op);
}
