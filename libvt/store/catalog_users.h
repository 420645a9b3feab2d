/*
 * Users and their access keys, kept in the catalog beside what they own.
 * Part of catalog.h, which includes it.  A user is an account in S3's sense:
 * it has a canonical id, which is what buckets and objects are owned by and
 * what access lists name; its name is for people.  What a user may do is not
 * decided here: the policy is text.
 *
 * The root user is not in the catalog: its key is in a file of its own, so
 * that no change of the catalog can lock its owner out.
 *
 * Every write (VT_CAT_USER_*, VT_CAT_KEY_*) changes one number, so that who
 * keeps something in memory sees cheaply that it is old.
 */
#ifndef VT_STORE_CATALOG_USERS_H
#define VT_STORE_CATALOG_USERS_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/err.h"

#define VT_CANONICAL_LEN 64	/* hex digits */
#define VT_USER_NAME_MAX 64
#define VT_USER_EMAIL_MAX 254
#define VT_USER_POLICY_MAX 20480	/* as AWS has it for a bucket's */
#define VT_USER_KEYS_MAX 2	/* as AWS: one in use, one to change to */
#define VT_ACCESS_KEY_MAX 128
#define VT_SECRET_KEY_MAX 128

struct vt_catalog;

struct vt_user {
	int64_t id;
	const char *name;
	const char *canonical;	/* VT_CANONICAL_LEN hex digits */
	const char *email;	/* "" for none; no two users share one */
	const char *policy;	/* "" for none */
	int64_t created_us;
	int disabled;		/* none of its keys is good */
};

struct vt_access_key {
	const char *access_key;
	const char *secret_key;	/* wipe what it is copied to */
	int64_t created_us;
	int64_t expires_us;	/* good until then; 0: for ever */
	int disabled;
};

/* The canonical id of the root user of every catalog, whatever its key.
 * 0, or -1 for no memory. */
#define VT_ROOT_NAME "root"
int vt_user_root(char canonical[VT_CANONICAL_LEN + 1]) VT_MUST_CHECK;
/* The account number of a canonical id, as ARNs and the header
 * x-amz-expected-bucket-owner have it: 12 digits made of the id's first. */
#define VT_ACCOUNT_LEN 12
void vt_user_account(const char *canonical, char out[VT_ACCOUNT_LEN + 1]);

/* --- reading -------------------------------------------------------------- *
 * Results live in `a`; VT_ABSENT when it is not there.
 */
/* A key and whose it is, whether they are disabled or not. */
enum vt_code vt_catalog_key(struct vt_catalog *c, struct vt_arena *a,
    const char *access_key, struct vt_access_key *key, struct vt_user *user,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_catalog_user(struct vt_catalog *c, struct vt_arena *a,
    const char *name, struct vt_user *out, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_catalog_user_by_id(struct vt_catalog *c, struct vt_arena *a,
    const char *canonical, struct vt_user *out, struct vt_err *err)
    VT_MUST_CHECK;
/* In any case of its letters. */
enum vt_code vt_catalog_user_by_email(struct vt_catalog *c,
    struct vt_arena *a, const char *email, struct vt_user *out,
    struct vt_err *err) VT_MUST_CHECK;
/* The first user whose name comes after `after` ("" for the first of all). */
enum vt_code vt_catalog_user_next(struct vt_catalog *c, struct vt_arena *a,
    const char *after, struct vt_user *out, struct vt_err *err)
    VT_MUST_CHECK;
/* The keys of a user, oldest first. */
enum vt_code vt_catalog_keys_of(struct vt_catalog *c, struct vt_arena *a,
    int64_t user_id, struct vt_access_key **out, size_t *count,
    struct vt_err *err) VT_MUST_CHECK;
/* How many buckets belong to a canonical id. */
enum vt_code vt_catalog_owned_buckets(struct vt_catalog *c,
    const char *canonical, uint64_t *out, struct vt_err *err) VT_MUST_CHECK;
/* Differs from what it was when any user or key has changed since, by
 * whatever process.  Some microseconds. */
enum vt_code vt_catalog_users_generation(struct vt_catalog *c, int64_t *out,
    struct vt_err *err) VT_MUST_CHECK;

/* --- writing -------------------------------------------------------------- *
 * What vt_cat_op.u.user holds; all kinds of operation are about the user
 * `name` but KEY_SET and KEY_DELETE, which go by the key alone.
 */
struct vt_cat_user {
	const char *name;
	const char *canonical;	/* CREATE: a new one */
	const char *email, *policy;	/* NULL: none (CREATE), as is (SET) */
	int disabled;		/* *_SET: -1 for as it is */
	int orphan;		/* USER_DELETE: even if it owns buckets */
	/* USER_CREATE: the first key; KEY_ADD: one more */
	const char *access_key, *secret_key;
	/* KEY_SET: -1 for as it is, 0 for ever, else good until then at most:
	 * an earlier end stays */
	int64_t expires_us;
};

#endif
