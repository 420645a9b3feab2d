/* vt-scan --snapshot: the catalog copied to a file or to a tier. */
#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"
#include "libvt/base/jsonl.h"
#include "libvt/work/snapshot.h"

#include "task.h"

static int
stopping(void *ctx)
{
	(void)ctx;
	return cli_stopping();
}

/* To "TIER:". */
static int
to_tier(struct task *t, const char *tier)
{
	struct vt_snapshot_options o = { .catalog = t->catalog,
	    .tiers = t->tiers, .config = t->config, .clock = &t->clock,
	    .tier = tier, .keep = t->keep, .stop = stopping };
	struct vt_snapshot s;
	struct vt_err err;
	char time[25];

	if (o.keep == 0 && t->config->snapshots.tier != NULL &&
	    strcmp(t->config->snapshots.tier, tier) == 0)
		o.keep = t->config->snapshots.keep;
	if (vt_snapshot_take(&o, &s, &err) != VT_OK)
		return err.code == VT_CANCELLED ? CLI_OK : task_failed(&err);
	vt_time_rfc3339_ms(s.time_us, time);
	vt_json_begin(&t->out);
	vt_json_u64(&t->out, "v", 1);
	vt_json_str(&t->out, "snapshot", s.name);
	vt_json_str(&t->out, "tier", s.tier);
	vt_json_str(&t->out, "time", time);
	vt_json_u64(&t->out, "size", s.size_bytes);
	vt_json_end(&t->out);
	cli_out_buf(&t->out);
	return CLI_OK;
}

int
task_snapshot(struct task *t)
{
	size_t len = strlen(t->snapshot);
	struct vt_err err;
	int status;
	char *tier;

	if (len == 0)
		return cli_usage_error("--snapshot: the name is empty");
	if (strchr(t->snapshot, '/') == NULL &&
	    strcspn(t->snapshot, ":") < len - 1)
		return cli_usage_error("--snapshot '%s': a tier is 'NAME:', a "
		    "file with a colon './%s'", t->snapshot, t->snapshot);
	task_config(t);
	task_catalog(t, 0);
	if (t->snapshot[len - 1] != ':') {
		if (vt_catalog_snapshot(t->catalog, t->snapshot, &err) !=
		    VT_OK)
			return task_failed(&err);
		return CLI_OK;
	}
	task_tiers(t);
	tier = cli_strdup(t->snapshot);
	tier[len - 1] = '\0';
	status = to_tier(t, tier);
	free(tier);
	return status;
}
