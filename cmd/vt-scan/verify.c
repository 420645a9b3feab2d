/* vt-scan --verify: the tiers compared with the catalog. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/cli.h"
#include "libvt/base/jsonl.h"
#include "libvt/work/verify.h"

#include "task.h"

struct verifying {
	struct task *t;
	int64_t ready_us;	/* monotonic: the rate allows more then */
};

static int
stopping(void *ctx)
{
	(void)ctx;
	return cli_stopping();
}

static void
tell(void *ctx, const struct vt_finding *f)
{
	struct verifying *v = ctx;

	task_finding(v->t, f);
}

/* Keep the rate: so many bytes are read next. */
static int
pace(void *ctx, size_t bytes)
{
	struct verifying *v = ctx;
	int64_t now_us = vt_clock_mono_us(), wait_us;
	struct timespec ts;

	if (v->t->bytes_per_s == 0)
		return cli_stopping() != 0;
	if (v->ready_us < now_us)
		v->ready_us = now_us;
	wait_us = v->ready_us - now_us;
	v->ready_us += (int64_t)((double)bytes * 1e6 /
	    (double)v->t->bytes_per_s);
	ts.tv_sec = wait_us / 1000000;
	ts.tv_nsec = wait_us % 1000000 * 1000;
	/* a signal ends the wait */
	while (wait_us > 0 && !cli_stopping() &&
	    nanosleep(&ts, &ts) < 0 && errno == EINTR)
		continue;
	return cli_stopping() != 0;
}

static void
put_result(struct task *t, const struct vt_verify_result *n)
{
	struct vt_buf *b = &t->out;

	vt_json_begin(b);
	vt_json_u64(b, "v", 1);
	vt_json_str(b, "done", "verify");
	vt_json_u64(b, "blobs", n->blobs);
	vt_json_u64(b, "bytes", n->bytes);
	vt_json_u64(b, "unread", n->unread);
	vt_json_u64(b, "missing", n->missing);
	vt_json_u64(b, "corrupt", n->corrupt);
	vt_json_u64(b, "repaired", n->repaired);
	vt_json_u64(b, "failed", n->failed);
	vt_json_u64(b, "orphans", n->orphans);
	vt_json_u64(b, "orphan_bytes", n->orphan_bytes);
	vt_json_u64(b, "deleted", n->deleted);
	vt_json_u64(b, "young", n->young);
	vt_json_u64(b, "foreign", n->foreign);
	vt_json_end(b);
	cli_out_buf(b);
}

int
task_verify(struct task *t)
{
	struct verifying v = { .t = t };
	struct vt_verify_options o = { .tier = t->tier,
	    .no_repair = t->no_repair, .delete_orphans = t->delete_orphans,
	    .dry_run = t->dry_run, .resume = t->resume, .tell = tell,
	    .stop = stopping, .ctx = &v };
	char scratch[4200], place[4200];
	struct vt_verify_result n;
	struct vt_err err;
	enum vt_code rc;

	task_config(t);
	task_catalog(t, 0);
	if (t->delete_orphans)
		task_names_lock(t);
	task_tiers(t);
	o.m.catalog = t->catalog;
	o.m.tiers = t->tiers;
	o.m.config = t->config;
	o.m.clock = &t->clock;
	o.m.grace_ms = t->config->grace_ms;
	o.m.pace = pace;
	o.m.pace_ctx = &v;
	snprintf(scratch, sizeof(scratch), "%.4096s-verify-seen",
	    t->config->catalog_path);
	snprintf(place, sizeof(place), "%.4096s-verify",
	    t->config->catalog_path);
	o.scratch = scratch;
	o.place = place;
	rc = vt_verify_run(&o, &n, &err);
	if (rc != VT_OK && rc != VT_CANCELLED)
		return task_failed(&err);
	put_result(t, &n);
	/* copies that were repaired are a finding, too: the disk was bad */
	return n.missing + n.corrupt + n.failed + n.orphans - n.deleted > 0 ?
	    CLI_SOME : CLI_OK;
}
