/* Options of what vt-scan does beside scanning: see task.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cmd/cli.h"

#include "task.h"

#define OUT_MAX ((size_t)1 << 20)

static int
set_kind(struct task *t, int kind)
{
	if (t->kind != TASK_NONE && (int)t->kind != kind) {
		cli_usage_error("--snapshot, --rebuild, --salvage and "
		    "--verify exclude each other");
		return -1;
	}
	t->kind = kind;
	return 1;
}

int
task_option(struct task *t, int c, const char *arg)
{
	switch (c) {
	case TASK_OPT_ACCEPT_LOSS:
		t->accept_loss = 1;
		break;
	case TASK_OPT_DELETE_ORPHANS:
		t->delete_orphans = 1;
		break;
	case TASK_OPT_DRY_RUN:
		t->dry_run = 1;
		break;
	case TASK_OPT_FORCE:
		t->force = 1;
		break;
	case TASK_OPT_FROM_SNAPSHOT:
		t->from = arg;
		break;
	case TASK_OPT_INTO:
		t->into = arg;
		break;
	case TASK_OPT_KEEP:
		t->keep = (unsigned)cli_opt_u64("--keep", arg, 1, 1000);
		break;
	case TASK_OPT_NO_REPAIR:
		t->no_repair = 1;
		break;
	case TASK_OPT_RATE:
		t->bytes_per_s = cli_opt_size("--rate", arg, 1024,
		    (uint64_t)1 << 40);
		break;
	case TASK_OPT_REBUILD:
		return set_kind(t, TASK_REBUILD);
	case TASK_OPT_RESUME:
		t->resume = 1;
		break;
	case TASK_OPT_SALVAGE:
		return set_kind(t, TASK_SALVAGE);
	case TASK_OPT_SNAPSHOT:
		t->snapshot = arg;
		return set_kind(t, TASK_SNAPSHOT);
	case TASK_OPT_TIER:
		t->tier = arg;
		break;
	case TASK_OPT_VERIFY:
		return set_kind(t, TASK_VERIFY);
	default:
		return 0;
	}
	return 1;
}

int
task_failed(const struct vt_err *err)
{
	int status = cli_status_of(err->code);

	cli_warn("%s", err->text);
	return status == CLI_SOME ? CLI_FAILED : status;
}

static void
must(enum vt_code rc, const struct vt_err *err)
{
	if (rc != VT_OK)
		cli_die(task_failed(err), "nothing was done");
}

void
task_config(struct task *t)
{
	struct vt_err err;

	must(cli_config_load(t->config_path, t->data, &t->config, &err),
	    &err);
}

void
task_lock(struct task *t)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/serve.lock",
	    t->config->data_dir) >= sizeof(path))
		cli_die(CLI_FAILED, "path too long: '%s'",
		    t->config->data_dir);
	t->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (t->lock_fd < 0)
		cli_die(CLI_FAILED, "cannot open '%s': %s", path,
		    strerror(errno));
	if (flock(t->lock_fd, LOCK_EX | LOCK_NB) < 0)
		cli_die(CLI_LATER, "a vt-serve serves '%s': stop it first",
		    t->config->data_dir);
}

void
task_names_lock(struct task *t)
{
	char path[4200];

	snprintf(path, sizeof(path), "%.4096s-names.lock",
	    t->config->catalog_path);
	t->names_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (t->names_fd < 0)
		cli_die(CLI_FAILED, "cannot open '%s': %s", path,
		    strerror(errno));
	if (flock(t->names_fd, LOCK_EX | LOCK_NB) < 0)
		cli_die(CLI_LATER, "another vt-scan is at work on names that "
		    "nothing refers to");
}

void
task_catalog(struct task *t, int create)
{
	struct vt_catalog_options o = { .clock = &t->clock,
	    .create = create, .checkpointer = create,
	    .fatal = cli_catalog_fatal,
	    .delete_grace_ms = VT_DELETE_GRACE_MS };
	struct vt_err err;

	must(vt_catalog_open(t->config->catalog_path, &o, &t->catalog, &err),
	    &err);
}

void
task_tiers(struct task *t)
{
	struct vt_err err;

	must(vt_tiers_open(t->config, t->catalog, &t->clock, 0, &t->tiers,
	    &err), &err);
	must(vt_keyring_open(t->config, t->catalog, environ, NULL,
	    &t->keyring, &err), &err);
	vt_tiers_use_keyring(t->tiers, t->keyring);
	/* without keys what they encrypt is only not looked into */
	if (vt_keyring_load(t->keyring, 0, &err) != VT_OK &&
	    err.code != VT_ABSENT)
		cli_warn_err(&err, "master keys");
}

void
task_close(struct task *t)
{
	vt_tiers_close(t->tiers);
	vt_keyring_close(t->keyring);
	vt_catalog_close(t->catalog);
	vt_config_free(t->config);
	vt_buf_release(&t->out);
	if (t->lock_fd >= 0)
		close(t->lock_fd);
	if (t->names_fd >= 0)
		close(t->names_fd);
}

int
task_check(const struct task *t)
{
	if ((t->from != NULL || t->accept_loss || t->force) &&
	    t->kind != TASK_REBUILD)
		return cli_usage_error("--from-snapshot, --force and "
		    "--accept-loss are for --rebuild");
	if (t->into != NULL && t->kind != TASK_SALVAGE)
		return cli_usage_error("--into is for --salvage");
	if (t->keep != 0 && t->kind != TASK_SNAPSHOT)
		return cli_usage_error("--keep is for --snapshot");
	if ((t->resume || t->no_repair || t->delete_orphans ||
	    t->bytes_per_s != 0 || t->tier != NULL) &&
	    t->kind != TASK_VERIFY)
		return cli_usage_error("--tier, --rate, --resume, "
		    "--no-repair and --delete-orphans are for --verify");
	if (t->dry_run && t->kind != TASK_VERIFY && t->kind != TASK_SALVAGE)
		return cli_usage_error("--dry-run is for --salvage and "
		    "--verify");
	return CLI_OK;
}

void
task_open(struct task *t)
{
	t->lock_fd = t->names_fd = -1;
	t->clock = VT_CLOCK_REAL;
	vt_buf_init(&t->out, OUT_MAX);
}

int
task_run(struct task *t)
{
	int status = CLI_OK;

	task_open(t);
	switch (t->kind) {
	case TASK_SNAPSHOT:
		status = task_snapshot(t);
		break;
	case TASK_REBUILD:
		status = task_rebuild(t);
		break;
	case TASK_SALVAGE:
		status = task_salvage(t);
		break;
	case TASK_VERIFY:
		status = task_verify(t);
		break;
	case TASK_NONE:
		break;
	}
	task_close(t);
	return status;
}
