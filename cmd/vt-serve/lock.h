/*
 * Object lock: what the headers of a write ask for, what a version answers,
 * and the operations on both.  Whether a lock holds is decided in the catalog,
 * in the transaction that would break it (P3); nothing here is asked for that.
 */
#ifndef VT_SERVE_LOCK_H
#define VT_SERVE_LOCK_H

#include "http.h"

/* What a new version is locked by; zeroed: nothing of its own. */
struct lock {
	enum vt_lock_mode mode;
	int64_t retain_until_us;
	enum vt_hold hold;
};

/*
 * Read a lock from the texts of mode, date and legal hold, any of which may be
 * NULL.  -1 after answering: the bucket has no object lock, or they make no
 * lock.
 */
int lock_parse(struct req *r, const char *mode, const char *until,
    const char *hold, struct lock *out);
/* The same from the x-amz-object-lock-* headers. */
int lock_read(struct req *r, struct lock *out);
/* A date as requests bring it: of RFC 3339, or a day alone; -1: none. */
int lock_date(const char *text, int64_t *us);
/* For the row of a new version. */
void lock_apply(const struct lock *lock, struct vt_version *v);
/*
 * 1 when a version that comes with this lock will be locked, by it or by the
 * bucket's default: then its bytes must come with a checksum of the client's.
 */
int lock_wanted(const struct req *r, const struct lock *lock);
/* Answer a body that came without; `what` is "Object" or "Part". */
void lock_needs_sum(struct req *r, const char *what);

/* The response headers of a version's lock. */
void lock_send(struct req *r, const struct vt_version *v);
/* 1 when the caller asked to pass over GOVERNANCE and may so for this version
 * (NULL: whatever is current) of a key; -1 after answering. */
int lock_bypass(struct req *r, const char *key, size_t key_len,
    const char *version_id);
/* The document of a bucket that is created with object lock. */
const struct vt_cat_doc *lock_first_document(void);

#endif
