/*
 * Which time the logs speak of: what they did not see is unknown, never cold
 * (P12); and which buckets an inventory lists, when.  Gathered from coverage
 * records of many nodes in any order, joined with what others gathered, and
 * told of a version's life.
 *
 * Pure: no file, no clock.  A handle belongs to one thread at a time.
 */
#ifndef VT_WORK_COVERAGE_H
#define VT_WORK_COVERAGE_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/base/err.h"
#include "libvt/proto/records.h"

struct vt_coverage;

/* NULL: no memory. */
struct vt_coverage *vt_coverage_new(void);
/* NULL is accepted. */
void vt_coverage_free(struct vt_coverage *c);

/* What a coverage record says: the log of `node` knows this time, but for
 * `dropped` lines.  VT_NOMEM. */
enum vt_code vt_coverage_add(struct vt_coverage *c, const char *node,
    size_t node_len, int64_t from_us, int64_t to_us, uint64_t dropped,
    struct vt_err *err) VT_MUST_CHECK;
/* A line of this time was read; for logs that tell no coverage. */
void vt_coverage_saw(struct vt_coverage *c, int64_t us, int is_read);
/* Not of logs: an inventory of that date lists the bucket.  VT_NOMEM. */
enum vt_code vt_coverage_listed(struct vt_coverage *c, const char *bucket,
    size_t bucket_len, int64_t at_us, struct vt_err *err) VT_MUST_CHECK;
/* The date of the newest that does, of any bucket when that is NULL; 0:
 * none. */
int64_t vt_coverage_listed_us(const struct vt_coverage *c,
    const char *bucket, size_t bucket_len);
/* Take in all that `from` knows.  VT_NOMEM. */
enum vt_code vt_coverage_merge(struct vt_coverage *c,
    const struct vt_coverage *from, struct vt_err *err) VT_MUST_CHECK;

/* Joins the nodes; call it after the last of the above and before the
 * questions below.  May be repeated.  VT_NOMEM. */
enum vt_code vt_coverage_finish(struct vt_coverage *c, struct vt_err *err)
    VT_MUST_CHECK;
/* The time of the first read and of the last line; 0: none. */
void vt_coverage_span(const struct vt_coverage *c, int64_t *first_us,
    int64_t *last_us);
/* Time covered by all logs: first, last and days without gaps; 0 when there
 * is none. */
void vt_coverage_total(const struct vt_coverage *c, int64_t *from_us,
    int64_t *to_us, double *days);
/* What of [from_us, to_us] is covered, into the record; its gaps are borrowed
 * from the handle until the next call. */
void vt_coverage_fill(struct vt_coverage *c, int64_t from_us, int64_t to_us,
    struct vt_scan_record *r);

/*
 * All that is known as bytes, the same whatever order it came in, and back
 * (joined to what `c` knows).  vt-heat(5) describes them.  VT_CORRUPT,
 * VT_NOMEM.
 */
enum vt_code vt_coverage_encode(struct vt_coverage *c, struct vt_buf *out,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_coverage_decode(struct vt_coverage *c, const char *data,
    size_t len, struct vt_err *err) VT_MUST_CHECK;

#endif
