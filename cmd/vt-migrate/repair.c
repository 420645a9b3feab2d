/* --repair: copies that policies ask for and that are missing, made. */
#include <string.h>

#include "libvt/base/num.h"
#include "libvt/work/replicate.h"

#include "cmd/cli.h"

#include "run.h"

/* One copy, as the other lines of results have it. */
static void
tell(void *ctx, const struct vt_replica_made *made)
{
	struct run *r = ctx;
	struct vt_move_result none, res;
	struct vt_expire_result gone;
	struct vt_move m;

	memset(&none, 0, sizeof(none));
	memset(&gone, 0, sizeof(gone));
	memset(&m, 0, sizeof(m));
	none.status = VT_MOVE_FAILED;
	res = made->result != NULL ? *made->result : none;
	m.plan = m.rule = m.pack = m.upload = m.reason = m.prices = "";
	m.action = "copy";
	m.bucket = made->bucket;
	m.key = made->v->key;
	m.key_len = made->v->key_len;
	m.version = made->v->version_id;
	m.seq = made->v->seq;
	m.from = made->from;
	m.to = made->to != NULL ? made->to : "";
	m.size_bytes = made->v->size_bytes;
	report_move(r, &m, &res, &gone, made->err);
	log_move(r, &m, &res, &gone, made->err,
	    vt_clock_now_us(r->o.clock), vt_clock_mono_us());
	cli_progress_add(m.size_bytes, 1);
}

static int
stop(void *ctx)
{
	(void)ctx;
	return cli_stopping() != 0;
}

int
run_repair(struct run *r, int quiet)
{
	const struct vt_replicate_options o = { .migrate = &r->o,
	    .tell = tell, .stop = stop, .ctx = r };
	struct vt_replicate_result res;
	struct vt_err err;
	enum vt_code rc;
	char size[16];

	cli_progress_start(quiet, r->o.dry_run ? "checked" : "copied");
	rc = vt_replicate_run(&o, &res, &err);
	cli_progress_stop();
	if (!quiet)
		cli_warn("policies ask for copies of %llu versions; %llu "
		    "lacked some: %s %llu (%s), %llu lack some still",
		    (unsigned long long)res.versions,
		    (unsigned long long)res.lacking,
		    r->o.dry_run ? "would make" : "made",
		    (unsigned long long)res.copies,
		    vt_num_human_bytes(res.bytes, size),
		    (unsigned long long)(r->o.dry_run ? res.lacking :
		    res.failed));
	if (rc == VT_CANCELLED)
		return CLI_OK;
	if (rc == VT_OK)
		return res.failed > 0 ? CLI_SOME : CLI_OK;
	cli_warn_err(&err, "looking for missing copies");
	return cli_status_of(rc);
}
