/*
 * Packs that have lost many members, written anew.  The catalog does not know
 * who is in a pack: its versions are gone through once, for many packs.
 */
#include <stdlib.h>
#include <string.h>

#include "libvt/work/migrate_pack.h"

#include "cmd/cli.h"

#include "run.h"

#define AT_ONCE 256		/* packs that one pass looks for */
#define PAGE_ROWS 4096

struct found {
	const struct vt_move *m;
	int64_t *seqs;
	size_t count, cap;
};

struct pass {
	struct found pack[AT_ONCE];	/* by blob */
	size_t count;
};

void
repack_note(struct run *r, const struct vt_move *m)
{
	struct repacks *p = &r->repacks;
	struct vt_move *n;

	pthread_mutex_lock(&r->lock);
	if (p->a == NULL)
		p->a = vt_arena_new((size_t)256 << 20);
	if (p->count == p->cap) {
		p->cap = p->cap != 0 ? p->cap * 2 : 64;
		p->list = realloc(p->list, p->cap * sizeof(*p->list));
	}
	if (p->a == NULL || p->list == NULL)
		cli_die(CLI_FAILED, "out of memory");
	n = &p->list[p->count++];
	*n = *m;
	n->action = "repack";
	n->pack = n->rule = n->upload = n->version = n->from = "";
	n->plan = vt_arena_str(p->a, m->plan);
	n->bucket = vt_arena_str(p->a, m->bucket);
	n->key = "";
	n->key_len = 0;
	n->to = vt_arena_str(p->a, m->to);
	if (n->plan == NULL || n->bucket == NULL || n->to == NULL)
		cli_die(CLI_FAILED, "out of memory");
	pthread_mutex_unlock(&r->lock);
}

static int
by_blob(const void *a, const void *b)
{
	uint64_t x = ((const struct vt_move *)a)->blob;
	uint64_t y = ((const struct vt_move *)b)->blob;

	return x < y ? -1 : x > y;
}

static struct found *
find(struct pass *p, uint64_t blob)
{
	size_t low = 0, high = p->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (p->pack[middle].m->blob == blob)
			return &p->pack[middle];
		if (p->pack[middle].m->blob < blob)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static void
add_seq(struct found *f, int64_t seq)
{
	if (f->count == f->cap) {
		f->cap = f->cap != 0 ? f->cap * 2 : 256;
		f->seqs = realloc(f->seqs, f->cap * sizeof(*f->seqs));
		if (f->seqs == NULL)
			cli_die(CLI_FAILED, "out of memory");
	}
	f->seqs[f->count++] = seq;
}

static int
visit(void *ctx, const struct vt_bucket *b, const struct vt_version *v)
{
	struct pass *p = ctx;
	struct found *f;
	size_t i;

	(void)b;
	for (i = 0; i < v->copy_count; i++) {
		/* of more extents none is a member as a whole */
		if (v->copies[i].extent_count != 1)
			continue;
		f = find(p, v->copies[i].extents[0].blob.id);
		if (f != NULL)
			add_seq(f, v->seq);
	}
	return cli_stopping();
}

static enum vt_code
find_members(struct run *r, struct pass *p, struct vt_err *err)
{
	struct vt_scan_pos *pos = calloc(1, sizeof(*pos));
	enum vt_code rc = VT_OK;
	int more = 1;

	if (pos == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	while (rc == VT_OK && more)
		rc = vt_catalog_scan(r->o.catalog, pos, PAGE_ROWS, visit, p,
		    &more, err);
	free(pos);
	return rc;
}

static void
report(struct run *r, const struct vt_move *m,
    const struct vt_pack_result *out, enum vt_move_status status,
    const char *reason)
{
	struct vt_buf b;

	vt_buf_init(&b, 64 << 10);
	vt_json_begin(&b);
	vt_json_u64(&b, "v", 1);
	vt_json_str(&b, "plan", m->plan);
	vt_json_str(&b, "action", m->action);
	vt_json_str(&b, "bucket", m->bucket);
	vt_json_str(&b, "to", m->to);
	vt_json_u64(&b, "blob", m->blob);
	vt_json_u64(&b, "objects", out->members);
	vt_json_u64(&b, "size", out->member_bytes);
	if (out->blob_id != 0) {
		vt_json_u64(&b, "new_blob", out->blob_id);
		vt_json_u64(&b, "bytes", out->bytes);
	}
	vt_json_str(&b, "status", vt_move_status_name(status));
	if (r->o.dry_run)
		vt_json_bool(&b, "dry_run", 1);
	if (reason != NULL)
		vt_json_str(&b, "reason", reason);
	vt_json_end(&b);
	(void)cli_out_buf(&b);	/* sticks; told by cli_finish */
	vt_buf_release(&b);
}

static void
run_one(struct run *r, const struct vt_migrate_options *o, struct found *f)
{
	const struct vt_move *m = f->m;
	int64_t start_us = vt_clock_now_us(o->clock);
	int64_t start_mono_us = vt_clock_mono_us();
	struct vt_expire_result gone;
	struct vt_pack_result out;
	struct vt_move_result res;
	struct vt_err err;
	enum vt_code rc;

	memset(&err, 0, sizeof(err));
	memset(&res, 0, sizeof(res));
	memset(&gone, 0, sizeof(gone));
	rc = vt_migrate_repack(o, m->blob, m->to, f->seqs, f->count, &out,
	    &err);
	if (rc == VT_CANCELLED)
		return;
	res.status = rc == VT_OK ? VT_MOVE_DONE :
	    rc == VT_PRECONDITION || rc == VT_ABSENT ? VT_MOVE_SKIPPED :
	    VT_MOVE_FAILED;
	res.bytes = out.bytes;
	res.backend_requests = out.backend_requests;
	report(r, m, &out, res.status, rc != VT_OK ? err.text : NULL);
	err.code = rc;
	log_move(r, m, &res, &gone, rc != VT_OK ? &err : NULL, start_us,
	    start_mono_us);
	if (res.status == VT_MOVE_FAILED)
		cli_warn("pack %llu of '%s': %s", (unsigned long long)m->blob,
		    m->bucket, err.text);
	if (rc == VT_OK)
		r->repacked++;
	else
		count_move(r, m, res.status, rc);
}

void
repacks_run(struct run *r)
{
	struct repacks *list = &r->repacks;
	struct vt_migrate_options o = r->o;
	struct pass *p = calloc(1, sizeof(*p));
	struct vt_err err;
	enum vt_code rc = VT_OK;
	size_t i, k;

	if (p == NULL)
		cli_die(CLI_FAILED, "out of memory");
	if (list->count > 0)
		qsort(list->list, list->count, sizeof(*list->list), by_blob);
	for (i = 0; i < list->count && rc == VT_OK && !cli_stopping();) {
		for (p->count = 0; p->count < AT_ONCE && i < list->count; i++)
			if (p->count == 0 || list->list[i].blob !=
			    p->pack[p->count - 1].m->blob)
				p->pack[p->count++].m = &list->list[i];
		rc = find_members(r, p, &err);
		for (k = 0; k < p->count; k++) {
			if (rc == VT_OK && !cli_stopping())
				run_one(r, &o, &p->pack[k]);
			free(p->pack[k].seqs);
			memset(&p->pack[k], 0, sizeof(p->pack[k]));
		}
	}
	if (rc != VT_OK && rc != VT_CANCELLED) {
		cli_warn_err(&err, "looking for members of packs");
		r->failed++;
	}
	free(p);
	free(list->list);
	vt_arena_free(list->a);
	memset(list, 0, sizeof(*list));
}
