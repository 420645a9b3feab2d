/* What the files of vt-migrate share. */
#ifndef VT_MIGRATE_RUN_H
#define VT_MIGRATE_RUN_H

#include <pthread.h>

#include "libvt/base/jsonl.h"
#include "libvt/base/lines.h"
#include "libvt/proto/accesslog.h"
#include "libvt/work/expire.h"
#include "libvt/work/migrate.h"

#define WHERE_MAX 300

/* Packs to be written anew, until the rest of the plan is done. */
struct repacks {
	struct vt_move *list;
	struct vt_arena *a;
	size_t count, cap;
};

/* What the workers share; `lock` guards the input and the counters. */
struct run {
	struct vt_migrate_options o;
	struct vt_keyring *keyring;
	struct vt_accesslog *log;
	const char *node;
	pthread_mutex_t lock;
	char **paths;
	int path_count, next_path;
	struct vt_lines *lines;
	int fd;
	const char *path;
	struct vt_buf ahead;	/* a line that was read too early */
	char ahead_where[WHERE_MAX];
	int has_ahead;
	uint64_t moved, removed, already, skipped, refused, failed;
	uint64_t waiting;	/* for their archive */
	uint64_t bad_lines, bytes;
	uint64_t packs, packed, pack_bytes;	/* written; their members; what
						   they are stored in */
	unsigned packs_open;	/* being written */
	pthread_cond_t pack_done;
	struct repacks repacks;
	uint64_t repacked;
	int later;		/* a failure that may pass */
	int broken;		/* the input cannot be read on */

	pthread_mutex_t pace_lock;
	uint64_t bandwidth;	/* bytes a second, 0: any */
	int64_t ready_us;	/* when the next block may go */
};

/*
 * main.c: the next line of the plan, copied into `out`: 1, or 0 at the end.
 * The place of the line goes into `where`.  With the lock held.
 */
int read_line(struct run *r, struct vt_buf *out, char where[WHERE_MAX]);
/* What became of a line: to stdout, to the access log, into the sums.  `err`
 * NULL: nothing is to be said. */
void report_move(struct run *r, const struct vt_move *m,
    const struct vt_move_result *res, const struct vt_expire_result *gone,
    const struct vt_err *err);
void log_move(struct run *r, const struct vt_move *m,
    const struct vt_move_result *res, const struct vt_expire_result *gone,
    const struct vt_err *err, int64_t start_us, int64_t start_mono_us);
void count_move(struct run *r, const struct vt_move *m,
    enum vt_move_status status, enum vt_code rc);

/* packs.c: a pack of the plan and its members. */
struct pack;
/* Is the line that of a pack?  Then it and those of its members are taken from
 * the input; NULL: it is another line.  With the lock held. */
struct pack *pack_take(struct run *r, const struct vt_buf *line,
    const char *where);
/* Write it, tell what became of it, free it. */
void pack_run(struct run *r, const struct vt_migrate_options *o,
    struct pack *p);
/* A member that stands behind no pack. */
void pack_stray(struct run *r, const struct vt_move *m);

/* repacks.c: packs that are to be written anew are noted, and done together
 * when the plan is through. */
void repack_note(struct run *r, const struct vt_move *m);
void repacks_run(struct run *r);

/* repair.c: make the copies that are missing; the exit status. */
int run_repair(struct run *r, int quiet);

#endif
