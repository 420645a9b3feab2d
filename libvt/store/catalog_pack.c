/* Many versions into ranges of one blob, in one transaction. */
#include <string.h>

#include "libvt/store/catalog_sqlite.h"

/* Journal what is to be told of one. */
static enum vt_code
tell(struct vt_catalog *c, const struct vt_cat_pack_member *m, int64_t now_us,
    struct vt_err *err)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_SWAP;
	op.events = m->events;
	op.event_count = m->event_count;
	return vt_cat_events_add(c, &op, now_us, err);
}

enum vt_code
vt_cat_pack_apply(struct vt_catalog *c, struct vt_cat_pack *p, int64_t now_us,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	int has_changed;
	size_t i;

	p->done = 0;
	/* held meanwhile: whoever refers to it may be any of them */
	if (p->is_new)
		rc = vt_cat_blob_hold(c, &p->blob, err);
	for (i = 0; i < p->count && rc == VT_OK; i++) {
		struct vt_cat_pack_member *m = &p->members[i];

		m->code = vt_cat_swap(c, &m->swap, now_us, &has_changed,
		    &m->err);
		if (m->code == VT_OK) {
			p->done++;
			rc = tell(c, m, now_us, err);
		} else if (has_changed || (m->code != VT_PRECONDITION &&
		    m->code != VT_ABSENT)) {
			rc = m->code;
			if (err != NULL)
				*err = m->err;
		}
	}
	if (rc == VT_OK && p->done == 0)
		rc = vt_fail(err, VT_PRECONDITION,
		    "no member of the pack may move any more");
	if (rc == VT_OK && p->is_new)
		rc = vt_cat_blob_let_go(c, &p->blob, now_us, err);
	return rc;
}
