/* Emptying a tier: see drain.h. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/buf.h"
#include "libvt/base/num.h"

#include "cmd/cli.h"

#include "drain.h"

struct drain {
	const struct vt_drain_options *o;
	struct vt_drain_result result;
	struct vt_buf line;
	struct vt_err err;
	enum vt_code code;
	int fd;			/* to write to */
	pthread_t thread;
};

static int
write_move(void *ctx, const struct vt_move *m)
{
	struct drain *d = ctx;
	size_t done = 0;
	ssize_t n;

	vt_buf_reset(&d->line);
	vt_move_format(m, &d->line);
	if (vt_buf_check(&d->line, "a line of the plan", NULL) != VT_OK)
		return -1;
	while (done < d->line.len) {
		n = write(d->fd, d->line.data + done, d->line.len - done);
		if (n < 0 && errno == EINTR && !cli_stopping())
			continue;
		/* nobody reads on */
		if (n < 0)
			return -1;
		done += (size_t)n;
	}
	return cli_stopping();
}

static void *
plan(void *ctx)
{
	struct drain *d = ctx;

	d->code = vt_drain_plan(d->o, write_move, d, &d->result, &d->err);
	close(d->fd);
	return NULL;
}

struct drain *
drain_start(const struct vt_drain_options *o, int *fd)
{
	struct drain *d = cli_alloc(sizeof(*d));
	int ends[2];

	d->o = o;
	vt_buf_init(&d->line, VT_RECORD_LINE_MAX);
	if (pipe2(ends, O_CLOEXEC) < 0)
		cli_die(CLI_FAILED, "cannot make a pipe: %s", strerror(errno));
	*fd = ends[0];
	d->fd = ends[1];
	if (pthread_create(&d->thread, NULL, plan, d) != 0)
		cli_die(CLI_FAILED, "cannot start a thread");
	return d;
}

/* What is left, and what has to be done about it. */
static int
tell_rest(const struct drain *d, const struct vt_tier_use *use)
{
	const struct vt_tier *t = vt_config_tier(d->o->config, d->o->tier);
	char size[16];

	if (use->adopted > 0)
		cli_warn("%llu blobs on '%s' are adopted: they stay where "
		    "they are unless --take-ownership", (unsigned long long)
		    use->adopted, d->o->tier);
	if (use->blobs > use->adopted)
		cli_warn("%llu blobs (%s) are left on '%s': of moves that did "
		    "not come to pass, or of uploads in progress",
		    (unsigned long long)(use->blobs - use->adopted),
		    vt_num_human_bytes(use->bytes, size), d->o->tier);
	if (use->garbage > 0)
		cli_warn("%llu blobs of garbage (%s) are left on '%s': they "
		    "go when their grace is over (vt-migrate --gc)",
		    (unsigned long long)use->garbage,
		    vt_num_human_bytes(use->garbage_bytes, size), d->o->tier);
	if (!t->is_closed)
		cli_warn("'%s' takes new objects still: set \"closed\" in its "
		    "tier of the configuration", d->o->tier);
	if (use->blobs + use->garbage + use->intents == 0 && t->is_closed)
		cli_warn("'%s' is empty and may be taken out of the "
		    "configuration", d->o->tier);
	return use->blobs > 0 ? CLI_SOME : CLI_OK;
}

int
drain_finish(struct drain *d, int quiet, int dry_run)
{
	struct vt_tier_use use;
	struct vt_err err;
	int status = CLI_OK;

	pthread_join(d->thread, NULL);
	if (d->code != VT_OK && d->code != VT_CANCELLED) {
		cli_warn_err(&d->err, "cannot empty '%s'", d->o->tier);
		status = cli_status_of(d->code);
	}
	if (d->result.stuck > 0)
		cli_warn("%llu versions on '%s' may lie nowhere else: see the "
		    "policies", (unsigned long long)d->result.stuck,
		    d->o->tier);
	if (status == CLI_OK && d->code == VT_OK && !dry_run && !quiet) {
		if (vt_catalog_tier_use(d->o->catalog, d->o->tier, &use,
		    &err) == VT_OK)
			status = tell_rest(d, &use);
		else
			cli_warn_err(&err, "counting what is left");
	}
	if (status == CLI_OK && d->result.stuck > 0)
		status = CLI_SOME;
	vt_buf_release(&d->line);
	free(d);
	return status;
}
