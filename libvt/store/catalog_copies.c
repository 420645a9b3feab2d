/*
 * Versions of several copies: written with them in one transaction, and never
 * taken below those that somebody counted on.
 */
#include "libvt/store/catalog_sqlite.h"

enum vt_code
vt_cat_copies_more(struct vt_catalog *c, const struct vt_cat_put *p,
    int64_t now_us, struct vt_err *err)
{
	struct vt_version v = { .seq = p->seq, .size_bytes = p->v.size_bytes };
	enum vt_code rc = VT_OK;
	int64_t copy;

	for (size_t i = 0; i < p->more_count && rc == VT_OK; i++)
		rc = vt_cat_copy_put(c, &v, p->more[i].tier,
		    p->more[i].extents, p->more[i].extent_count, now_us,
		    &copy, err);
	return rc;
}

static int
is_lasting(const struct vt_version *v, int64_t id)
{
	for (size_t i = 0; i < v->copy_count; i++)
		if (v->copies[i].id == id && v->copies[i].until_us == 0)
			return 1;
	return 0;
}

enum vt_code
vt_cat_copies_there(const struct vt_version *v, const struct vt_cat_swap *w,
    struct vt_err *err)
{
	for (size_t i = 0; i < w->other_count; i++)
		if (!is_lasting(v, w->others[i]))
			return vt_fail(err, VT_PRECONDITION,
			    "another copy of the version went meanwhile");
	return VT_OK;
}
