/*
 * Lifecycle rules: a bucket's LifecycleConfiguration read and checked as AWS
 * does, and what its rules say of one version or upload: when it is to be
 * removed, and which classes it is to go to when.  Pure: no clock, no catalog,
 * no price; who removes and moves is vt-migrate, after vt-plan.
 *
 * Arithmetic.  A day is 24 hours, and whatever is counted in such days is due
 * at the next midnight UTC, as on AWS.  Tests may make a day shorter; nothing
 * is rounded then.
 */
#ifndef VT_PROTO_LIFECYCLE_H
#define VT_PROTO_LIFECYCLE_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/err.h"

#define VT_LC_RULES_MAX 1000
#define VT_LC_ID_MAX 255
#define VT_LC_DAY_US INT64_C(86400000000)
#define VT_LC_MIN_BYTES 131072	/* smaller ones do not change class, unless a
				   rule asks by size */

/* Which of the two meanings of the least size a document was put with
 * (x-amz-transition-default-minimum-object-size). */
#define VT_LC_ALL_CLASSES "all_storage_classes_128K"
#define VT_LC_VARIES "varies_by_storage_class"

/* So many days after an event, or a date; neither: no such action. */
struct vt_lc_when {
	int has_days, has_date;
	int64_t days;
	int64_t date_us;
};

struct vt_lc_transition {
	struct vt_lc_when when;
	uint32_t keep_newer;	/* noncurrent: so many newer ones stay */
	const char *storage_class;
};

struct vt_lc_tag {
	const char *key, *value;
	size_t key_len, value_len;
};

struct vt_lc_rule {
	const char *id;		/* "" until vt_lifecycle_complete */
	int enabled;
	const char *prefix;
	size_t prefix_len;
	const struct vt_lc_tag *tag;	/* all of them */
	size_t tag_count;
	int has_larger, has_smaller;
	uint64_t larger_than, smaller_than;	/* bytes, both exclusive */

	struct vt_lc_when expire;	/* of current versions */
	int expire_marker;	/* markers without versions, at once */
	struct vt_lc_when noncurrent;	/* days only */
	uint32_t keep_newer;
	struct vt_lc_when abort;	/* days only */
	const struct vt_lc_transition *transition;
	size_t transition_count;
	const struct vt_lc_transition *noncurrent_transition;
	size_t noncurrent_transition_count;
};

struct vt_lifecycle {
	const struct vt_lc_rule *rule;
	size_t count;
	int varies;		/* VT_LC_VARIES */
	/* Settings of the installation: the length of a day and the least
	 * size of a transition.  Parsing sets them as AWS has them. */
	int64_t day_us;
	uint64_t min_bytes;
};

/*
 * Read a document into arena memory: XML, before it maybe a line with
 * VT_LC_VARIES, as it is stored.  VT_INVALID says what is wrong and sets
 * *s3_code (may be NULL) to AWS's word for it; VT_NOMEM.
 */
enum vt_code vt_lifecycle_parse(struct vt_arena *a, const char *text,
    size_t len, struct vt_lifecycle **out, const char **s3_code,
    struct vt_err *err) VT_MUST_CHECK;
/*
 * Check a document that a client sent (XML alone) and make the one to be
 * stored: the same bytes, in which each rule without an ID was given one, and
 * with `varies` the line before it.  The same document gets the same IDs.
 * Codes as above.
 */
enum vt_code vt_lifecycle_complete(struct vt_arena *a, const char *xml,
    size_t len, int varies, const char **out, size_t *out_len,
    struct vt_lifecycle **rules, const char **s3_code, struct vt_err *err)
    VT_MUST_CHECK;
/* Where the XML begins in a stored document; *varies (may be NULL) as it was
 * put. */
size_t vt_lifecycle_xml(const char *text, size_t len, int *varies);

/* A version, a delete marker or an upload in progress. */
struct vt_lc_subject {
	const char *key;
	size_t key_len;
	const char *tags;	/* query-encoded; NULL and "": none */
	uint64_t size_bytes;
	int64_t created_us;	/* its creation, or the upload's */
	int is_upload, is_current, is_marker;
	int is_alone;		/* a marker, the only version of its key */
	int64_t noncurrent_since_us;	/* creation of the one after it */
	uint32_t newer;		/* noncurrent versions newer than it, without
				   markers */
};

enum vt_lc_action {
	VT_LC_NONE,
	VT_LC_EXPIRE,		/* delete the key: where there are versions
				   this adds a marker */
	VT_LC_EXPIRE_VERSION,	/* remove a noncurrent version */
	VT_LC_EXPIRE_MARKER,	/* remove a marker that hides nothing */
	VT_LC_ABORT_UPLOAD,
	VT_LC_ACTIONS
};
/* "expire", "expire-version", "expire-marker", "abort-upload"; "". */
const char *vt_lc_action_name(enum vt_lc_action action);
/* VT_LC_NONE for a name that is none of them. */
enum vt_lc_action vt_lc_action_find(const char *name);

struct vt_lc_removal {
	enum vt_lc_action action;
	const struct vt_lc_rule *rule;
	int64_t due_us;		/* may lie ahead */
	int64_t days;		/* that the rule says; -1: a date */
	int64_t since_us;	/* what the days are counted from */
	uint32_t keep_newer;	/* of the rule: VT_LC_EXPIRE_VERSION */
};
/* The removal that comes first, by whichever rule; VT_LC_NONE if none ever
 * does as things are.  Locks are not asked here. */
void vt_lifecycle_removal(const struct vt_lifecycle *lc,
    const struct vt_lc_subject *s, struct vt_lc_removal *out);

struct vt_lc_move {
	const struct vt_lc_rule *rule;
	const char *storage_class;
	int64_t due_us;		/* not before, and at the latest by then;
				   INT64_MAX: not as long as it is among the
				   newest noncurrent ones */
	int64_t days, since_us;	/* as above */
};
/* Visit each transition that rules in force name for a version, in the
 * document's order. */
void vt_lifecycle_transitions(const struct vt_lifecycle *lc,
    const struct vt_lc_subject *s,
    void (*visit)(void *ctx, const struct vt_lc_move *m), void *ctx);

#endif
