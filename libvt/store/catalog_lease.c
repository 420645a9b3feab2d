/* Leases: blocks of blob ids that a process holds. */
#include "libvt/store/catalog_row.h"

enum vt_code
vt_cat_op_lease(struct vt_catalog *c, struct vt_cat_lease *l, int64_t now_us,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_LEASE_ADD);

	if (l->count == 0)
		l->count = 4096;
	if (l->count > 1000000)
		return vt_fail(err, VT_INVALID, "a lease of %u ids is over "
		    "1000000", l->count);
	if (s == NULL)
		return vt_conn_fail(c->w, "take a lease", err);
	l->first_id = (uint64_t)c->next_blob;
	c->next_blob += l->count;
	c->ids_dirty = 1;
	sqlite3_bind_int64(s, 1, (int64_t)l->first_id);
	sqlite3_bind_int64(s, 2, l->count);
	bind_str(s, 3, c->owner);
	sqlite3_bind_int64(s, 4, now_us);
	return vt_conn_run(c->w, s, "take a lease", err);
}
