/*
 * Lines of access logs, ours and others', turned into one kind of event.  Of a
 * log only what says something of an object's heat is kept.  Knows no catalog
 * and keeps no counts.
 *
 *	vaultaire	vt-accesslog(5)
 *	s3-access-log	S3 server access logs, as AWS delivers them
 *	combined	web servers: the common log format, also combined
 *	csv		time_s,op,key,size[,count[,bytes]] with that header
 */
#ifndef VT_PROTO_FOREIGNLOG_H
#define VT_PROTO_FOREIGNLOG_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

enum vt_log_format {
	VT_LOG_VAULTAIRE, VT_LOG_S3, VT_LOG_COMBINED, VT_LOG_CSV
};
/* By name; 0 or -1. */
int vt_log_format_find(const char *name, enum vt_log_format *out);

enum vt_log_kind {
	VT_LOG_READ,		/* `count` reads of `bytes` in all */
	VT_LOG_WRITE,		/* the object was created or replaced */
	VT_LOG_DELETE,
	VT_LOG_COVERAGE		/* from_us..to_us is known to the log, but
				   for `dropped` lines */
};

/* Borrowed until the parser's next call.  Bytes, not NUL-terminated. */
struct vt_log_name {
	const char *bucket, *key, *version;
	size_t bucket_len, key_len, version_len;
};
struct vt_log_event {
	enum vt_log_kind kind;
	int64_t time_us;
	struct vt_log_name object;
	int has_size;		/* of the object */
	uint64_t size_bytes;
	uint64_t count, bytes;
	/* A copy reads its source while it writes the object. */
	int has_source;
	struct vt_log_name source;
	/* COVERAGE */
	const char *node;
	size_t node_len;
	int64_t from_us, to_us;
	uint64_t dropped;
};

struct vt_logparser;
/* `bucket`: the name for objects of logs that have none (web, csv); borrowed.
 * NULL: no memory. */
struct vt_logparser *vt_logparser_new(enum vt_log_format format,
    const char *bucket);
void vt_logparser_free(struct vt_logparser *p);
/* A new file begins: a csv header is expected again. */
void vt_logparser_file(struct vt_logparser *p);
/*
 * VT_OK: *out is set.  VT_ABSENT: a line in order that is no access (a
 * listing, a failed request, one of our own programs).  VT_INVALID: malformed,
 * `err` says how.
 */
enum vt_code vt_logparser_line(struct vt_logparser *p, const char *line,
    size_t len, struct vt_log_event *out, struct vt_err *err) VT_MUST_CHECK;

#endif
