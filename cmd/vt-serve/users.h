/*
 * The catalog's users and access keys, held in memory while requests ask for
 * them.  Another process changes them (vt-key): a number in the catalog that
 * is looked at twice a second says so, and everything held is forgotten.
 * Knows no HTTP, no signatures, and not the root user.  Any thread.
 */
#ifndef VT_SERVE_USERS_H
#define VT_SERVE_USERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "libvt/proto/policy.h"

#include "libvt/store/catalog.h"

#define USERS_KEYS_MAX 1024	/* keys held: the rest is read each time */
#define USERS_NAMES_MAX 256	/* names of owners held */
#define USERS_LOOK_MS 500	/* a change is seen after that at most */

/*
 * Signing keys derived from one secret.  A client uses one region and service
 * a day; more than a few at once are strangers trying, and cost them the
 * derivation each time.  auth.c fills and guards it.
 */
#define SIGNERS_MAX 8
#define SCOPE_MAX 128
struct signers {
	struct {
		char scope[SCOPE_MAX];	/* date/region/service; "" is free */
		uint8_t key[32];
	} slot[SIGNERS_MAX];
	unsigned next;		/* the one to replace */
};

/* An access key with its user, as they were read; shared, never changed but
 * for `signers`. */
struct user_key {
	char access_key[VT_ACCESS_KEY_MAX + 1];
	char secret_key[VT_SECRET_KEY_MAX + 1];
	char name[VT_USER_NAME_MAX + 1];	/* the user's */
	char id[VT_CANONICAL_LEN + 1];		/* canonical */
	char *policy;		/* JSON; "" for none */
	struct vt_policy *rules;	/* the same; NULL: none, or it cannot
					   be understood and allows nothing */
	int64_t expires_us;	/* 0: never */
	int disabled;		/* the key, or its user */
	struct signers signers;
	atomic_int refs;	/* users.c */
};

struct users;

/* NULL: no memory.  The catalog is borrowed. */
struct users *users_new(struct vt_catalog *c);
/* Every key must have been given back.  Wipes the secrets. */
void users_free(struct users *u);

/*
 * A key that is good at `now_us`; give it back.  VT_ABSENT: there is none, it
 * or its user is disabled, or it has ended.  Blocks for microseconds.
 */
enum vt_code users_take(struct users *u, const char *access_key,
    int64_t now_us, struct user_key **out, struct vt_err *err) VT_MUST_CHECK;
/* NULL is accepted. */
void users_give(struct user_key *k);

/* The name of a canonical id, "" when it is nobody's (any more) or cannot be
 * read: it is for people only. */
void users_name(struct users *u, const char *id,
    char name[VT_USER_NAME_MAX + 1]);

/* How many keys are held. */
size_t users_held(struct users *u);

#endif
