/*
 * Access control lists: grants of permissions to users and groups, from XML,
 * canned names and headers, to XML and to the short text that the catalog
 * keeps.  It knows no HTTP and no users: who an id or an address belongs to
 * is asked through a callback.
 *
 * Reference: Amazon S3 User Guide, "Access control list (ACL) overview".
 */
#ifndef VT_PROTO_ACL_H
#define VT_PROTO_ACL_H

#include <stddef.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"

#include "libvt/proto/xml.h"

#define VT_ACL_GRANTS_MAX 100	/* as on AWS */

enum vt_acl_permission {
	VT_ACL_READ = 1, VT_ACL_WRITE = 2, VT_ACL_READ_ACP = 4,
	VT_ACL_WRITE_ACP = 8, VT_ACL_FULL_CONTROL = 15
};

enum vt_acl_grantee { VT_ACL_USER, VT_ACL_ALL, VT_ACL_AUTHENTICATED,
	VT_ACL_LOG_DELIVERY };

struct vt_acl_grant {
	enum vt_acl_grantee grantee;
	const char *id;			/* canonical, of VT_ACL_USER */
	enum vt_acl_permission permission;
};

struct vt_acl {
	struct vt_acl_grant grants[VT_ACL_GRANTS_MAX];
	size_t count;
};

/* The users there are: by canonical id or, `id` NULL, by e-mail address.  0
 * with the id and the name in memory that outlives the call's arena; -1:
 * nobody. */
struct vt_acl_users {
	int (*find)(void *ctx, const char *id, const char *email,
	    const char **out_id, const char **out_name);
	void *ctx;
};

/* VT_TOO_LARGE over VT_ACL_GRANTS_MAX. */
enum vt_code vt_acl_add(struct vt_acl *acl, enum vt_acl_grantee grantee,
    const char *id, enum vt_acl_permission permission, struct vt_err *err)
    VT_MUST_CHECK;
/*
 * A canned ACL by name, appended.  `owner` and `bucket_owner` are canonical
 * ids.  VT_INVALID for a name that S3 does not have for buckets or objects.
 */
enum vt_code vt_acl_canned(struct vt_acl *acl, const char *name,
    const char *owner, const char *bucket_owner, int is_bucket,
    struct vt_err *err) VT_MUST_CHECK;

/*
 * The value of an x-amz-grant-... header: id="...", uri="...",
 * emailAddress="..." with commas between.  On VT_INVALID *s3_code is the S3
 * error code that says so.
 */
enum vt_code vt_acl_header(struct vt_acl *acl, struct vt_arena *a,
    enum vt_acl_permission permission, const char *value,
    const struct vt_acl_users *users, const char **s3_code,
    struct vt_err *err) VT_MUST_CHECK;
/* The AccessControlList of an AccessControlPolicy; its Owner is returned in
 * *owner (NULL: none given). */
enum vt_code vt_acl_from_xml(struct vt_acl *acl, const struct vt_xml *root,
    const struct vt_acl_users *users, const char **owner,
    const char **s3_code, struct vt_err *err) VT_MUST_CHECK;
/* A whole AccessControlPolicy; groups come first. */
void vt_acl_to_xml(struct vt_buf *out, const struct vt_acl *acl,
    const char *owner_id, const char *owner_name,
    const struct vt_acl_users *users);

/* The text that is kept: never empty. */
void vt_acl_format(struct vt_buf *out, const struct vt_acl *acl);
/* And back, ids in arena memory; VT_CORRUPT. */
enum vt_code vt_acl_parse(struct vt_arena *a, const char *text,
    struct vt_acl *acl, struct vt_err *err) VT_MUST_CHECK;

/*
 * What the kept text grants: a sum of permissions.  `id` NULL: anybody, who
 * is not authenticated.  `ignore_public`: grants to groups that anybody may
 * join count for nothing.
 */
unsigned vt_acl_allows(const char *text, const char *id, int ignore_public);
/* Does it grant anything to everybody, or to everybody with a key? */
int vt_acl_is_public(const char *text);

#endif
