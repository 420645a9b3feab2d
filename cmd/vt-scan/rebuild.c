/* vt-scan --rebuild and --salvage: a catalog made anew. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "libvt/base/jsonl.h"
#include "libvt/work/rebuild.h"
#include "libvt/work/snapshot.h"

#include "task.h"

static int
stopping(void *ctx)
{
	(void)ctx;
	return cli_stopping();
}

void
task_finding(struct task *t, const struct vt_finding *f)
{
	struct vt_buf *b = &t->out;
	char time[25];

	vt_json_begin(b);
	vt_json_u64(b, "v", 1);
	vt_json_str(b, "found", f->what);
	if (f->bucket != NULL)
		vt_json_str(b, "bucket", f->bucket);
	if (f->key != NULL)
		vt_json_bytes(b, "key", f->key, f->key_len);
	if (f->version != NULL && *f->version != '\0')
		vt_json_str(b, "version", f->version);
	if (f->upload != NULL && *f->upload != '\0')
		vt_json_str(b, "upload", f->upload);
	if (f->tier != NULL)
		vt_json_str(b, "tier", f->tier);
	if (f->name != NULL)
		vt_json_str(b, "name", f->name);
	if (f->size_bytes != 0)
		vt_json_u64(b, "size", f->size_bytes);
	if (f->time_us != 0) {
		vt_time_rfc3339_ms(f->time_us, time);
		vt_json_str(b, "time", time);
	}
	if (f->why != NULL)
		vt_json_str(b, "why", f->why);
	vt_json_end(b);
	cli_out_buf(b);
}

static void
tell(void *ctx, const struct vt_finding *f)
{
	task_finding(ctx, f);
}

/* The last line: how many of each. */
static void
put_result(struct task *t, const char *what, const struct vt_recreate_result *n)
{
	struct vt_buf *b = &t->out;

	vt_json_begin(b);
	vt_json_u64(b, "v", 1);
	vt_json_str(b, "done", what);
	vt_json_u64(b, "added", n->added);
	vt_json_u64(b, "moved", n->moved);
	vt_json_u64(b, "parts", n->parts);
	vt_json_u64(b, "lost", n->lost);
	vt_json_u64(b, "copies_lost", n->copies_lost);
	vt_json_u64(b, "unproved", n->unproved);
	vt_json_u64(b, "former", n->former);
	vt_json_u64(b, "foreign", n->foreign);
	vt_json_u64(b, "unneeded", n->unneeded);
	vt_json_end(b);
	cli_out_buf(b);
}

/* Whoever loses this one too must find the new incarnation's. */
static void
first_snapshot(struct task *t)
{
	const struct vt_config *c = t->config;
	struct vt_snapshot_options o = { .config = c, .clock = &t->clock,
	    .tier = c->snapshots.tier, .keep = c->snapshots.keep,
	    .stop = stopping };
	struct vt_snapshot s;
	struct vt_err err;

	if (o.tier == NULL)
		return;
	task_catalog(t, 1);
	task_tiers(t);
	o.catalog = t->catalog;
	o.tiers = t->tiers;
	if (vt_snapshot_take(&o, &s, &err) != VT_OK &&
	    err.code != VT_CANCELLED)
		cli_warn_err(&err, "the catalog is there, but no snapshot "
		    "of it");
}

int
task_rebuild(struct task *t)
{
	struct vt_rebuild_options o = { .clock = &t->clock, .env = environ,
	    .from = t->from, .accept_loss = t->accept_loss,
	    .force = t->force, .tell = tell, .stop = stopping, .ctx = t };
	struct vt_recreate_result n;
	struct vt_err err;

	task_config(t);
	task_lock(t);
	task_names_lock(t);
	o.config = t->config;
	if (vt_rebuild_run(&o, &n, &err) != VT_OK)
		return err.code == VT_CANCELLED ? CLI_OK : task_failed(&err);
	put_result(t, "rebuild", &n);
	first_snapshot(t);
	return n.lost > 0 || n.unproved > 0 ? CLI_SOME : CLI_OK;
}

int
task_salvage(struct task *t)
{
	struct vt_recreate r = { .tell = tell, .tell_ctx = t,
	    .stop = stopping, .into = t->into != NULL ? t->into : "",
	    .dry_run = t->dry_run };
	char path[4200];
	struct vt_err err;

	task_config(t);
	task_lock(t);
	task_names_lock(t);
	task_catalog(t, 1);
	task_tiers(t);
	r.catalog = t->catalog;
	r.tiers = t->tiers;
	r.config = t->config;
	r.clock = &t->clock;
	snprintf(path, sizeof(path), "%.4096s-salvage-seen",
	    t->config->catalog_path);
	if (vt_salvage_run(&r, path, &err) != VT_OK)
		return err.code == VT_CANCELLED ? CLI_OK : task_failed(&err);
	put_result(t, "salvage", &r.n);
	return r.n.unproved > 0 ? CLI_SOME : CLI_OK;
}
