/*
 * The access log: one JSON line per object touched, written by one thread,
 * never blocking a request, losing nothing on an orderly stop.  The format is
 * vt-accesslog(5).  A coverage record ("op":"log") each minute, at start, stop
 * and after drops says which time the log speaks of (P12).
 */
#ifndef VT_PROTO_ACCESSLOG_H
#define VT_PROTO_ACCESSLOG_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/base/clock.h"
#include "libvt/base/err.h"

/* Strings may be NULL: the field is left out.  Numbers marked * are left out
 * when negative. */
struct vt_access {
	int64_t time_us;	/* when the request arrived */
	const char *request_id, *node;
	const char *actor;	/* client migrate verify restore replicate */
	const char *remote;	/* peer address */
	const char *key_id;	/* access key, never a secret */
	const char *op;		/* GetObject, PutObject... as S3 names them */
	const char *bucket;
	const char *key;
	size_t key_len;
	const char *version;
	const char *source;	/* bucket/key?versionId= of a copy */
	int status;		/* HTTP, or 0 */
	const char *error;	/* S3 error code */
	int64_t range_first, range_length;	/* * as asked for */
	int64_t bytes_in, bytes_out;		/* bodies, decoded */
	int64_t size;				/* * of the object */
	int64_t copy_id;			/* * served from */
	const char *tier;
	int64_t backend_bytes, backend_requests;
	int64_t ttfb_us, total_us;
	int aborted;		/* the peer went away, or we cut */
	const char *agent;
};

struct vt_accesslog;
struct vt_accesslog_options {
	const char *path;	/* opened for append, mode 0600 */
	const char *node;
	const struct vt_clock *clock;	/* borrowed */
	size_t queue_bytes;	/* lines waiting at most; beyond: dropped
				   and counted in the coverage record */
	int64_t coverage_ms;	/* between coverage records; 0: 60,000; < 0:
				   none, for programs that only add lines */
};

/* Opens the file and starts the writer.  *out NULL on failure. */
enum vt_code vt_accesslog_open(const struct vt_accesslog_options *o,
    struct vt_accesslog **out, struct vt_err *err) VT_MUST_CHECK;
/* Queue a line.  Never blocks on the disk.  Any thread. */
void vt_accesslog_write(struct vt_accesslog *l, const struct vt_access *a);
/* Ask the writer to re-open the path (after a rename by logrotate). */
void vt_accesslog_reopen(struct vt_accesslog *l);
/* Lines dropped and bytes written since the start. */
void vt_accesslog_stats(const struct vt_accesslog *l, uint64_t *dropped,
    uint64_t *written_bytes);
/* Write what is queued, a last coverage record, sync, close.  NULL is
 * accepted.  Returns the first write error, told once. */
enum vt_code vt_accesslog_close(struct vt_accesslog *l, struct vt_err *err);

/* The line for a record, with its newline, appended to `out`. */
void vt_accesslog_format(const struct vt_access *a, struct vt_buf *out);

#endif
