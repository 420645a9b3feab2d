/* Objects from tiers alone: see rebuild.h. */
#include <stdlib.h>
#include <string.h>

#include "libvt/work/rebuild.h"

/* All that has a note. */
static int
any(struct vt_recreate *r, const struct vt_note *n)
{
	(void)r, (void)n;
	return 1;
}

/* The version is in the catalog: this is a copy that a move left behind. */
static int
known(struct vt_recreate *r, const struct vt_version *v,
    const struct vt_pieces *p)
{
	(void)v;
	r->n.unneeded += p->count;
	return 0;
}

/* One row for each upload, at the time of its newest part. */
struct uploads {
	struct vt_recreate *r;
	struct vt_scratch_row row;	/* strings are copies */
};

static int
end_upload(struct uploads *u)
{
	struct vt_recreate *r = u->r;

	if (u->row.upload == NULL)
		return 0;
	u->row.is_group = 1;
	r->failed = vt_scratch_add(r->scratch, &u->row, &r->err);
	free((char *)u->row.tier);
	free((char *)u->row.name);
	free((char *)u->row.upload);
	memset(&u->row, 0, sizeof(u->row));
	return r->failed != VT_OK;
}

static int
see_part(void *ctx, const struct vt_scratch_row *row)
{
	struct uploads *u = ctx;
	struct vt_recreate *r = u->r;

	if (u->row.upload != NULL &&
	    strcmp(u->row.upload, row->upload) == 0) {
		if (row->written_us > u->row.written_us)
			u->row.written_us = row->written_us;
		return vt_recreate_stopped(r);
	}
	if (end_upload(u) != 0)
		return 1;
	u->row = *row;
	u->row.tier = strdup(row->tier);
	u->row.name = strdup(row->name);
	u->row.upload = strdup(row->upload);
	if (u->row.tier != NULL && u->row.name != NULL &&
	    u->row.upload != NULL)
		return vt_recreate_stopped(r);
	r->failed = vt_fail(&r->err, VT_NOMEM, "out of memory");
	return 1;
}

static enum vt_code
group_uploads(struct vt_recreate *r, struct vt_err *err)
{
	struct uploads u = { .r = r };
	enum vt_code rc;

	rc = vt_scratch_rows(r->scratch, VT_SCRATCH_PARTS, see_part, &u, err);
	if (rc == VT_OK)
		(void)end_upload(&u);
	free((char *)u.row.tier);
	free((char *)u.row.name);
	free((char *)u.row.upload);
	if (r->failed != VT_OK) {
		rc = r->failed;
		*err = r->err;
		r->failed = VT_OK;
	}
	return rc;
}

enum vt_code
vt_salvage_run(struct vt_recreate *r, const char *scratch_path,
    struct vt_err *err)
{
	enum vt_code rc;

	r->wanted = any;
	rc = vt_scratch_open(scratch_path, &r->scratch, err);
	if (rc == VT_OK)
		rc = vt_recreate_list(r, err);
	if (rc == VT_OK)
		rc = vt_recreate_claim(r, NULL, NULL, err);
	if (rc == VT_OK)
		rc = vt_recreate_notes(r, err);
	if (rc == VT_OK)
		rc = vt_recreate_moved(r, known, err);
	if (rc == VT_OK)
		rc = group_uploads(r, err);
	if (rc == VT_OK)
		rc = vt_recreate_objects(r, err);
	vt_scratch_close(r->scratch);
	vt_recreate_packs_release(r);
	r->scratch = NULL;
	return rc;
}
