/*
 * Lines of access logs, ours and others', turned into one kind of event.  Of a
 * log only what says something of an object's heat is kept.  Knows no catalog
 * and keeps no counts.
 *
 *	vaultaire	vt-accesslog(5)
 *	s3-access-log	S3 server access logs, as AWS delivers them
 *	cloudtrail	data events of AWS CloudTrail, in JSON
 *	s3-inventory	S3 Inventory, in CSV: what exists, no log
 *	azure-storage-log	Storage Analytics logs, or resource logs in JSON
 *	gcs-storage-log	usage logs, or Cloud Audit Logs in JSON
 *	combined	web servers: the common log format, also combined, also
 *			with the virtual host before it
 *	cloudfront	CloudFront standard logs
 *	csv		time_s,op,key,size[,count[,bytes]] with that header
 */
#ifndef VT_PROTO_FOREIGNLOG_H
#define VT_PROTO_FOREIGNLOG_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

enum vt_log_format {
	VT_LOG_VAULTAIRE, VT_LOG_S3, VT_LOG_COMBINED, VT_LOG_CSV,
	VT_LOG_CLOUDTRAIL, VT_LOG_INVENTORY, VT_LOG_AZURE, VT_LOG_GCS,
	VT_LOG_CLOUDFRONT, VT_LOG_FORMATS
};
/* By name; 0 or -1. */
int vt_log_format_find(const char *name, enum vt_log_format *out);
const char *vt_log_format_name(enum vt_log_format format);
/* 1: records of the format may be JSON objects that are no lines: give the
 * parser what vt_zlines_records finds. */
int vt_log_format_is_json(enum vt_log_format format);

/* --- storage classes ------------------------------------------------------ *
 * As logs and inventories of providers name them; small enough to keep one for
 * each object.  0: not known.
 */
/* The class `name`, in any case; 0 when there is no such class. */
uint8_t vt_log_class(const char *name, size_t len);
/* Its name, "" for 0; and the tier of vt-serve that is most like it. */
const char *vt_log_class_name(uint8_t storage_class);
const char *vt_log_class_tier(uint8_t storage_class);

/* --- events --------------------------------------------------------------- */

enum vt_log_kind {
	VT_LOG_READ,		/* `count` reads of `bytes` in all */
	VT_LOG_WRITE,		/* the object was created or replaced */
	VT_LOG_DELETE,
	VT_LOG_COVERAGE,	/* from_us..to_us is known to the log, but
				   for `dropped` lines */
	VT_LOG_MOVED,		/* no access: it came to another class */
	VT_LOG_LISTED		/* no access: an inventory of `at_us` (0: not
				   known) has the object, made at time_us */
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
	int size_is_least;	/* it may be larger: so much was sent */
	uint64_t size_bytes;
	uint64_t count, bytes;
	uint8_t storage_class;	/* of WRITE, MOVED and LISTED; 0: not told */
	/* A copy reads its source while it writes the object. */
	int has_source;
	struct vt_log_name source;
	/* COVERAGE */
	const char *node;
	size_t node_len;
	int64_t from_us, to_us;
	uint64_t dropped;
	/* LISTED */
	int64_t at_us;
	int is_noncurrent;
};

struct vt_logparser;
/* `bucket`: the name for objects of logs that have none (web, csv); borrowed.
 * NULL: no memory. */
struct vt_logparser *vt_logparser_new(enum vt_log_format format,
    const char *bucket);
void vt_logparser_free(struct vt_logparser *p);
/* Keep versions of a key apart; else lines of S3 logs that name one speak of
 * the key, but for deletions and moves to a class, which then say nothing.
 * Wanted when an inventory lists versions. */
void vt_logparser_versions(struct vt_logparser *p, int apart);
/*
 * Of an inventory: its columns as manifest.json names them, "Bucket, Key,
 * Size, ...", and when it was made (0: not known, then each row is as old as
 * its object).  Rows before a schema are malformed.  VT_INVALID: a column that
 * is needed is missing.  *has_versions (may be NULL): rows name versions.
 */
enum vt_code vt_logparser_schema(struct vt_logparser *p, const char *schema,
    int64_t at_us, int *has_versions, struct vt_err *err) VT_MUST_CHECK;
/* A new file begins: a header is expected again. */
void vt_logparser_file(struct vt_logparser *p);
/*
 * VT_OK: *out is set.  VT_ABSENT: a line in order that is no access (a
 * listing, a failed request, one of our own programs).  VT_INVALID: malformed,
 * `err` says how.
 */
enum vt_code vt_logparser_line(struct vt_logparser *p, const char *line,
    size_t len, struct vt_log_event *out, struct vt_err *err) VT_MUST_CHECK;

#endif
