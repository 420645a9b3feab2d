/*
 * What the log saw of one version, as the deciding sees it: days with reads,
 * and the covered time between them.  Pure: no clock, no file.
 *
 * Times are in days since 1970-01-01 UTC, as double.
 */
#ifndef VT_WORK_PAST_H
#define VT_WORK_PAST_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"
#include "libvt/proto/records.h"

/* The last midnight before or at a time in days. */
double vt_days_floor(double days);

/* The reads of one day. */
struct vt_event {
	double at;		/* noon of the day, or creation if later */
	double idle;		/* days covered by the log since the event
				   before, or since `from` */
	double gets, bytes;
};

/* What the log saw of one version.  Re-used from object to object. */
struct vt_past {
	double created;		/* may lie before `from` */
	double from, to;	/* covered by the log, within its life */
	double tail_idle;	/* covered days between the last event and to */
	struct vt_event *e;
	size_t count, cap;
	int is_tail;		/* events are missing, of more than 30 days
				   before the last one: those here have them
				   all, but for the first one's `idle` */
};

/* Cannot fail; release may be repeated. */
void vt_past_init(struct vt_past *p);
void vt_past_release(struct vt_past *p);
/*
 * Read a record's history up to `until_us` (INT64_MAX: all of it).  Time the
 * log did not cover never counts as idle (P12).  VT_NOMEM.
 */
enum vt_code vt_past_fill(struct vt_past *p, const struct vt_scan_record *r,
    int64_t until_us, struct vt_err *err) VT_MUST_CHECK;

#endif
