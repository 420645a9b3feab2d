/*
 * Heat: what access logs say of each object, gathered in memory.  Logs may
 * come in any order, from many nodes; the result does not depend on it (but
 * for an object read on many hundreds of days: how many days of an old month
 * those were, when its lines came neither forwards nor backwards).
 *
 * For each object the days with reads are kept, the most recent ones exactly
 * and older ones folded into spans of 30, then 360 days.  Beside them, the
 * time that the logs cover: what they did not see is unknown, never cold
 * (P12).
 *
 * Pure: no file, no clock.  A handle belongs to one thread at a time.
 */
#ifndef VT_WORK_HEAT_H
#define VT_WORK_HEAT_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"
#include "libvt/proto/foreignlog.h"
#include "libvt/proto/records.h"

struct vt_heat;

/* What is known of one object; borrowed from the handle. */
struct vt_heat_object {
	uint64_t hash;
	char *name;		/* bucket, key, version, each behind a NUL */
	uint32_t bucket_len, key_len, version_len;
	uint8_t has_size, has_created, deleted;
	int64_t created_us;	/* by the last write seen */
	int64_t first_us;	/* first line that speaks of it */
	int64_t last_read_us;	/* 0: none */
	uint64_t size_bytes;
	uint64_t reads, bytes_read;
	struct vt_heat_day *days;	/* ascending */
	uint32_t day_count, day_cap;
};

/* `exact_days`: days with reads kept exactly for an object; UINT32_MAX: all.
 * NULL: no memory. */
struct vt_heat *vt_heat_new(uint32_t exact_days);
/* NULL is accepted. */
void vt_heat_free(struct vt_heat *h);

/* Take in one event of a log.  VT_NOMEM. */
enum vt_code vt_heat_add(struct vt_heat *h, const struct vt_log_event *e,
    struct vt_err *err) VT_MUST_CHECK;
/* Say that the log covers this time, as a coverage record would. */
enum vt_code vt_heat_cover(struct vt_heat *h, const char *node,
    size_t node_len, int64_t from_us, int64_t to_us, uint64_t dropped,
    struct vt_err *err) VT_MUST_CHECK;

/* After the last event: sorts objects, joins coverage.  May be called again
 * when more has been added.  VT_NOMEM. */
enum vt_code vt_heat_finish(struct vt_heat *h, struct vt_err *err)
    VT_MUST_CHECK;

/* --- after finish --------------------------------------------------------- */

/* NULL: the logs say nothing of it. */
const struct vt_heat_object *vt_heat_find(const struct vt_heat *h,
    const char *bucket, size_t bucket_len, const char *key, size_t key_len,
    const char *version, size_t version_len);
/* All objects sorted by bucket, key, version as bytes. */
size_t vt_heat_count(const struct vt_heat *h);
const struct vt_heat_object *vt_heat_at(const struct vt_heat *h, size_t i);

/*
 * Put heat into a record: reads since r->mtime_us, windows that end at
 * `now_us`, coverage within the version's life.  `parts`: the object's
 * entries, as a version may go by several names ("null", its id, none);
 * NULLs are skipped.  The record's lists are borrowed from the handle until
 * its next call.  VT_NOMEM.
 */
enum vt_code vt_heat_fill(struct vt_heat *h,
    const struct vt_heat_object *const *parts, size_t count, int64_t now_us,
    struct vt_scan_record *r, struct vt_err *err) VT_MUST_CHECK;

/* Time covered by all logs: first, last and days without gaps; 0 when there
 * is none. */
void vt_heat_coverage(const struct vt_heat *h, int64_t *from_us,
    int64_t *to_us, double *days);
/* The time of the first and of the last event but writes, for logs that tell
 * no coverage; 0: none. */
void vt_heat_span(const struct vt_heat *h, int64_t *first_us,
    int64_t *last_us);

#endif
