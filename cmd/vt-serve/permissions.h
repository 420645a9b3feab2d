/*
 * What owners write down about who may: ACLs, ownership controls, the public
 * access block and the bucket's policy.  Checked when they come, and read for
 * authz.c, which decides by them.
 */
#ifndef VT_SERVE_PERMISSIONS_H
#define VT_SERVE_PERMISSIONS_H

#include "libvt/proto/policy.h"

#include "http.h"

/* Who owns new objects, and whether ACLs count (AWS, "Controlling ownership
 * of objects"). */
enum ownership {
	OWNERSHIP_WRITER,	/* who wrote it; also without controls */
	OWNERSHIP_PREFERRED,	/* the bucket's owner, if the ACL says so */
	OWNERSHIP_ENFORCED	/* the bucket's owner; there are no ACLs */
};
enum ownership perm_ownership(struct req *r, const struct vt_bucket *b);

/* As doc_get gives VT_DOC_PUBLIC_ACCESS. */
struct access_block {
	int block_acls, ignore_acls, block_policy, restrict_buckets;
};

/* --- users ---------------------------------------------------------------- */
/* Does the caller have a policy of its own?  Costs nothing. */
static inline int
perm_has_user_policy(const struct req *r)
{
	return r->who.policy != NULL && *r->who.policy != '\0';
}
/* What it says; VT_POLICY_DENY when it cannot be read. */
enum vt_policy_result perm_ask_user_policy(struct req *r,
    const struct vt_policy_request *q);

/* --- new objects and buckets ---------------------------------------------- */
/*
 * The owner and the ACL (as in struct vt_version) of an object that the
 * request makes, from its x-amz-acl and x-amz-grant-... headers.  0, or -1
 * after answering.
 */
int perm_new_object(struct req *r, const char **owner, const char **acl);
/* The same from a canned ACL alone (NULL: none), as forms have it. */
int perm_canned_object(struct req *r, const char *canned,
    const char **owner, const char **acl);
/* The documents that a new bucket begins with; 0, or -1 after answering. */
#define PERM_NEW_DOCS 3
int perm_new_bucket(struct req *r, struct vt_cat_doc docs[PERM_NEW_DOCS],
    size_t *count);

/* --- documents.c ---------------------------------------------------------- */
int perm_check_ownership(struct req *r, struct vt_cat_doc *d);
int perm_check_block(struct req *r, struct vt_cat_doc *d);
int perm_check_policy(struct req *r, struct vt_cat_doc *d);
void *perm_parse_acl(const char *body, size_t len, struct vt_err *err);
void *perm_parse_ownership(const char *body, size_t len, struct vt_err *err);
void *perm_parse_block(const char *body, size_t len, struct vt_err *err);
void *perm_parse_policy(const char *body, size_t len, struct vt_err *err);
void perm_free_policy(void *parsed);

#endif
