/*
 * What vt-scan does beside scanning: snapshots of the catalog, a catalog made
 * anew from them and the tiers, a check of the tiers against it.
 *
 *	task.c		options, the catalog and tiers opened
 *	snapshot.c	--snapshot
 *	rebuild.c	--rebuild, --salvage
 *	verify.c	--verify
 */
#ifndef CMD_VT_SCAN_TASK_H
#define CMD_VT_SCAN_TASK_H

#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/work/config.h"
#include "libvt/work/keyring.h"
#include "libvt/work/tiers.h"

struct task {
	enum { TASK_NONE, TASK_SNAPSHOT, TASK_REBUILD, TASK_SALVAGE,
	    TASK_VERIFY } kind;
	const char *data, *config_path;	/* the scan's own options */
	const char *snapshot;		/* --snapshot */
	const char *from;		/* --from-snapshot */
	const char *into;		/* --into */
	const char *tier;		/* --tier */
	uint64_t bytes_per_s;		/* --rate; 0: no limit */
	unsigned keep;			/* --keep; 0: the configuration's */
	int force, accept_loss, resume, no_repair, delete_orphans, dry_run;

	struct vt_config *config;
	struct vt_clock clock;
	struct vt_catalog *catalog;
	struct vt_tiers *tiers;
	struct vt_keyring *keyring;
	int lock_fd;			/* of the data folder */
	int names_fd;			/* of orphans */
	struct vt_buf out;
};

/* They stand in main.c's table. */
enum {
	TASK_OPT_ACCEPT_LOSS = 0x5000, TASK_OPT_DELETE_ORPHANS,
	TASK_OPT_DRY_RUN, TASK_OPT_FORCE, TASK_OPT_FROM_SNAPSHOT,
	TASK_OPT_INTO, TASK_OPT_KEEP, TASK_OPT_NO_REPAIR, TASK_OPT_RATE,
	TASK_OPT_REBUILD, TASK_OPT_RESUME, TASK_OPT_SALVAGE,
	TASK_OPT_SNAPSHOT, TASK_OPT_TIER, TASK_OPT_VERIFY
};

/* Take an option: 1 when `c` was one of them, 0; -1 after complaining. */
int task_option(struct task *t, int c, const char *arg);
/* Options that only some of them take, also when none was asked for: CLI_OK, or
 * the status after complaining. */
int task_check(const struct task *t);
/* Do what was asked for; the exit status. */
int task_run(struct task *t);

/* For the files of this family.  What is no option gets its first value; */
void task_open(struct task *t);
/* then what is needed, in this order.  Each ends the program when it fails: the
 * configuration; nobody else serves the folder or changes its catalog; the
 * catalog; the tiers with their keys. */
void task_config(struct task *t);
void task_lock(struct task *t);
/* Nobody makes rows for names that were orphans, or removes such names. */
void task_names_lock(struct task *t);
void task_catalog(struct task *t, int create);
void task_tiers(struct task *t);
void task_close(struct task *t);
/* Complain of a failure; the exit status it means. */
int task_failed(const struct vt_err *err);

/* One JSON line of what was found. */
struct vt_finding;
void task_finding(struct task *t, const struct vt_finding *f);

int task_snapshot(struct task *t);
int task_rebuild(struct task *t);
int task_salvage(struct task *t);
int task_verify(struct task *t);

#endif
