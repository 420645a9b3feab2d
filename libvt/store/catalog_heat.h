/*
 * Where scans of access logs stand: heat.db in a folder, with the place in
 * each log and the list of files of heat, which lie in heat/ beside it.  Knows
 * neither what a log says nor what is in such a file.
 *
 * Places and files change together, in one synced transaction, so that after
 * a crash at any instant no line of a log is lost or counted twice.  One
 * process at a time has it open.  Not for threads to share.
 */
#ifndef VT_STORE_CATALOG_HEAT_H
#define VT_STORE_CATALOG_HEAT_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

#define VT_HEATDB_DIGEST 16

struct vt_heatdb;

/*
 * A log, however it is called or compressed by now: known by its first bytes
 * and by those before the place.
 */
struct vt_heatdb_log {
	int64_t id;		/* 0: not kept yet */
	/* the file as it was seen last */
	uint64_t dev, ino, size_bytes;
	int64_t mtime_ns;
	int is_done;		/* all of that file was read */
	/* what is read of it, uncompressed */
	uint64_t pos, lines;
	uint32_t head_len, tail_len;
	uint8_t head[VT_HEATDB_DIGEST], tail[VT_HEATDB_DIGEST];
};

struct vt_heatdb_run {
	int64_t id;
	uint64_t bytes;
};

/*
 * Open or make it in `folder`, which is made when it is missing.  Waits while
 * another process has it open, unless *cancel is set meanwhile; not with NULL.
 * `source` says what logs it is about; with `fresh` all it knew is forgotten.
 * VT_INVALID: of other logs, or of a later version; VT_DENIED: not ours to
 * write; VT_BUSY: open elsewhere; VT_CANCELLED, VT_CORRUPT, VT_IO,
 * VT_NOSPACE...; *out NULL on failure.
 */
enum vt_code vt_heatdb_open(const char *folder, const char *source, int fresh,
    const volatile int *cancel, struct vt_heatdb **out, struct vt_err *err)
    VT_MUST_CHECK;
/* NULL is accepted. */
void vt_heatdb_close(struct vt_heatdb *db);

/* The log that this very file was, unchanged since: VT_ABSENT when none. */
enum vt_code vt_heatdb_find_file(struct vt_heatdb *db, uint64_t dev,
    uint64_t ino, uint64_t size_bytes, int64_t mtime_ns,
    struct vt_heatdb_log *out, struct vt_err *err) VT_MUST_CHECK;
/* Logs that begin with these bytes, the furthest read first, until `visit`
 * returns other than 0. */
enum vt_code vt_heatdb_find_head(struct vt_heatdb *db, uint32_t head_len,
    const uint8_t head[VT_HEATDB_DIGEST],
    int (*visit)(void *ctx, const struct vt_heatdb_log *l), void *ctx,
    struct vt_err *err) VT_MUST_CHECK;

/* The files of heat, oldest first; *out is the caller's to free. */
enum vt_code vt_heatdb_runs(struct vt_heatdb *db, struct vt_heatdb_run **out,
    size_t *count, struct vt_err *err) VT_MUST_CHECK;
/* Open one of them; the descriptor is the caller's and outlives the file. */
enum vt_code vt_heatdb_run_open(struct vt_heatdb *db, int64_t id, int *fd,
    struct vt_err *err) VT_MUST_CHECK;
/* Where they are. */
const char *vt_heatdb_folder(const struct vt_heatdb *db);
/* A new one, empty; without commit it is gone when next somebody opens. */
enum vt_code vt_heatdb_run_create(struct vt_heatdb *db, int64_t *id, int *fd,
    struct vt_err *err) VT_MUST_CHECK;

/*
 * Sync `fd`, the new run's, and its folder, then keep it, forget the `dropped`
 * ones and keep the places, whose ids are filled in: all or nothing.
 * fd -1: there is none.
 */
enum vt_code vt_heatdb_commit(struct vt_heatdb *db, int64_t run_id, int fd,
    uint64_t run_bytes, const int64_t *dropped, size_t dropped_count,
    struct vt_heatdb_log *const *logs, size_t log_count, struct vt_err *err)
    VT_MUST_CHECK;

#endif
