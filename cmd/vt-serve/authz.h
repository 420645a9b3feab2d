/*
 * May the caller do what the request asks for?  auth.c has said who it is and
 * head.c which bucket it speaks of; nothing of the body has been asked for.
 * What nothing allows is refused (P10).
 *
 * In this order, as on AWS: a deny in the bucket's policy or the user's own
 * refuses, root and the bucket's owner too (who may always read and change the
 * policy); root may; a user with a policy may what it allows and no more; a
 * bucket's owner may;
 * whom the bucket's policy allows may; whom an ACL grants it may, unless the
 * bucket's ownership controls switch ACLs off.  Objects that belong to
 * somebody else than their bucket are their owner's to give.
 */
#ifndef VT_SERVE_AUTHZ_H
#define VT_SERVE_AUTHZ_H

#include "http.h"

/* The request itself, by its operation's action.  0, or -1 after answering
 * AccessDenied. */
int authz_check(struct req *r);

/* What else an operation touches: the source of a copy, one of many keys. */
struct authz_subject {
	const struct vt_bucket *bucket;
	const char *key;		/* NULL: the bucket itself */
	size_t key_len;
	const char *version_id;		/* NULL: the current version */
	/* of a key: as it was looked up, or NULL with `absent` set when there
	 * is none, or left alone to be looked up when that is needed */
	const struct vt_version *v;
	int absent;
};
/* 1: it may, 0: it may not, -1: after answering that it cannot be told. */
int authz_may(struct req *r, const char *action,
    const struct authz_subject *s);
/* 0, or -1 after answering AccessDenied. */
int authz_need(struct req *r, const char *action,
    const struct authz_subject *s);

/* Once r->brings tells what the body brings: 0, or -1 after answering
 * AccessDenied.  Operations whose body policies may ask about
 * (PutObjectTagging, PutObjectRetention, PutObjectLegalHold) are allowed by
 * this alone. */
int authz_body(struct req *r);

/*
 * The version that the request turned out to be about, as the operation has
 * it in hand: what was decided for another one is decided again.  0, or -1
 * after answering.
 */
int authz_version(struct req *r, const struct vt_version *v);
/* The key (of `s`, or NULL: of the request) is not there: 0 when the caller
 * may know, which takes the right to list the bucket; -1 after answering
 * AccessDenied. */
int authz_absent(struct req *r, const struct authz_subject *s);

#endif
