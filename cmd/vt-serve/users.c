/* Users and keys in memory: see users.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "users.h"

#define WAYS 4			/* keys of one hash that live side by side */
#define SETS (USERS_KEYS_MAX / WAYS)
#define ROW_ARENA_MAX (4 * VT_USER_POLICY_MAX)

struct named {
	char id[VT_CANONICAL_LEN + 1];	/* "" is free */
	char name[VT_USER_NAME_MAX + 1];
};

struct users {
	struct vt_catalog *catalog;
	atomic_llong looked_us;	/* monotonic: when `generation` was right */
	pthread_mutex_t lock;	/* all below */
	int64_t generation;	/* of the catalog's users; -1: unknown */
	uint64_t epoch;		/* ends when everything is forgotten */
	struct user_key *keys[SETS][WAYS];
	unsigned next[SETS];	/* the one to replace */
	struct named names[USERS_NAMES_MAX];
};

struct users *
users_new(struct vt_catalog *c)
{
	struct users *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	if (pthread_mutex_init(&u->lock, NULL) != 0) {
		free(u);
		return NULL;
	}
	u->catalog = c;
	u->generation = -1;
	atomic_init(&u->looked_us, INT64_MIN / 2);
	return u;
}

void
users_give(struct user_key *k)
{
	if (k == NULL || atomic_fetch_sub(&k->refs, 1) != 1)
		return;
	free(k->policy);
	vt_policy_free(k->rules);
	explicit_bzero(k, sizeof(*k));
	free(k);
}

/* With the lock held. */
static void
forget(struct users *u)
{
	size_t i, j;

	for (i = 0; i < SETS; i++)
		for (j = 0; j < WAYS; j++) {
			users_give(u->keys[i][j]);
			u->keys[i][j] = NULL;
		}
	memset(u->names, 0, sizeof(u->names));
	u->epoch++;
}

void
users_free(struct users *u)
{
	if (u == NULL)
		return;
	forget(u);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

/*
 * Forget everything if anything has changed.  What is read meanwhile by others
 * is not kept: its epoch is over.
 */
static enum vt_code
look(struct users *u, struct vt_err *err)
{
	int64_t now_us = vt_clock_mono_us(), generation;
	enum vt_code rc;

	if (now_us - atomic_load(&u->looked_us) < USERS_LOOK_MS * 1000)
		return VT_OK;
	rc = vt_catalog_users_generation(u->catalog, &generation, err);
	if (rc != VT_OK)
		return rc;
	pthread_mutex_lock(&u->lock);
	if (generation != u->generation) {
		forget(u);
		u->generation = generation;
	}
	atomic_store(&u->looked_us, now_us);
	pthread_mutex_unlock(&u->lock);
	return VT_OK;
}

static unsigned
hash(const char *text)
{
	unsigned h = 2166136261u;

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return h;
}

/* --- keys ----------------------------------------------------------------- */

static struct user_key *
recall(struct users *u, const char *access_key, uint64_t *epoch)
{
	struct user_key **set = u->keys[hash(access_key) % SETS];
	struct user_key *k = NULL;
	size_t i;

	pthread_mutex_lock(&u->lock);
	*epoch = u->epoch;
	for (i = 0; i < WAYS && k == NULL; i++)
		if (set[i] != NULL &&
		    strcmp(set[i]->access_key, access_key) == 0)
			k = set[i];
	if (k != NULL)
		atomic_fetch_add(&k->refs, 1);
	pthread_mutex_unlock(&u->lock);
	return k;
}

/* Keep what was read in `epoch`, if that is still the one. */
static void
keep(struct users *u, struct user_key *k, uint64_t epoch)
{
	unsigned n = hash(k->access_key) % SETS;
	struct user_key **at;
	size_t i;

	pthread_mutex_lock(&u->lock);
	if (epoch == u->epoch) {
		at = NULL;
		for (i = 0; i < WAYS && at == NULL; i++)
			if (u->keys[n][i] == NULL ||
			    strcmp(u->keys[n][i]->access_key,
			    k->access_key) == 0)
				at = &u->keys[n][i];
		if (at == NULL)
			at = &u->keys[n][u->next[n]++ % WAYS];
		users_give(*at);
		*at = k;
		atomic_fetch_add(&k->refs, 1);
	}
	pthread_mutex_unlock(&u->lock);
}

static enum vt_code
copy(char *out, size_t size, const char *text, const char *what,
    struct vt_err *err)
{
	size_t len = strlen(text);

	if (len >= size)
		return vt_fail(err, VT_CORRUPT, "catalog: %s of %zu bytes, "
		    "more than %zu", what, len, size - 1);
	memcpy(out, text, len + 1);
	return VT_OK;
}

static enum vt_code
fill(struct user_key *k, const struct vt_access_key *key,
    const struct vt_user *user, struct vt_err *err)
{
	enum vt_code rc;

	rc = copy(k->access_key, sizeof(k->access_key), key->access_key,
	    "an access key", err);
	if (rc == VT_OK)
		rc = copy(k->secret_key, sizeof(k->secret_key),
		    key->secret_key, "a secret key", err);
	if (rc == VT_OK)
		rc = copy(k->name, sizeof(k->name), user->name,
		    "a user's name", err);
	if (rc == VT_OK)
		rc = copy(k->id, sizeof(k->id), user->canonical,
		    "a user's id", err);
	if (rc != VT_OK)
		return rc;
	k->policy = strdup(user->policy);
	if (k->policy == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for a user");
	/* an unsound one, of another program perhaps, allows nothing */
	if (*k->policy != '\0' && vt_policy_parse(k->policy,
	    strlen(k->policy), NULL, &k->rules, err) == VT_NOMEM)
		return VT_NOMEM;
	k->expires_us = key->expires_us;
	k->disabled = key->disabled || user->disabled;
	return VT_OK;
}

static enum vt_code
load(struct users *u, const char *access_key, struct user_key **out,
    struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(ROW_ARENA_MAX);
	struct user_key *k = calloc(1, sizeof(*k));
	struct vt_access_key key;
	struct vt_user user;
	enum vt_code rc;

	*out = NULL;
	if (a == NULL || k == NULL) {
		rc = vt_fail(err, VT_NOMEM, "no memory for a user");
		goto out;
	}
	atomic_init(&k->refs, 1);
	rc = vt_catalog_key(u->catalog, a, access_key, &key, &user, err);
	if (rc == VT_OK)
		rc = fill(k, &key, &user, err);
	if (rc == VT_OK) {
		*out = k;
		k = NULL;
	}
out:
	users_give(k);
	vt_arena_free(a);
	return rc;
}

enum vt_code
users_take(struct users *u, const char *access_key, int64_t now_us,
    struct user_key **out, struct vt_err *err)
{
	struct user_key *k;
	uint64_t epoch;
	enum vt_code rc;

	*out = NULL;
	rc = look(u, err);
	if (rc != VT_OK)
		return rc;
	k = recall(u, access_key, &epoch);
	if (k == NULL) {
		rc = load(u, access_key, &k, err);
		if (rc != VT_OK)
			return rc;
		keep(u, k, epoch);
	}
	if (k->disabled || (k->expires_us != 0 && k->expires_us <= now_us)) {
		users_give(k);
		return vt_fail(err, VT_ABSENT, "the access key is disabled");
	}
	*out = k;
	return VT_OK;
}

size_t
users_held(struct users *u)
{
	size_t i, n = 0;

	pthread_mutex_lock(&u->lock);
	for (i = 0; i < SETS * WAYS; i++)
		n += u->keys[i / WAYS][i % WAYS] != NULL;
	pthread_mutex_unlock(&u->lock);
	return n;
}

/* --- names ---------------------------------------------------------------- */

static int
recall_name(struct users *u, struct named *at, const char *id,
    char name[VT_USER_NAME_MAX + 1], uint64_t *epoch)
{
	int found;

	pthread_mutex_lock(&u->lock);
	*epoch = u->epoch;
	found = strcmp(at->id, id) == 0;
	if (found)
		memcpy(name, at->name, sizeof(at->name));
	pthread_mutex_unlock(&u->lock);
	return found;
}

void
users_name(struct users *u, const char *id, char name[VT_USER_NAME_MAX + 1])
{
	struct named *at = &u->names[hash(id) % USERS_NAMES_MAX];
	struct vt_arena *a;
	struct vt_user user;
	struct vt_err err;
	uint64_t epoch;
	enum vt_code rc;

	name[0] = '\0';
	if (strlen(id) != VT_CANONICAL_LEN || look(u, &err) != VT_OK ||
	    recall_name(u, at, id, name, &epoch))
		return;
	a = vt_arena_new(ROW_ARENA_MAX);
	if (a == NULL)
		return;
	rc = vt_catalog_user_by_id(u->catalog, a, id, &user, &err);
	if (rc == VT_OK)
		snprintf(name, VT_USER_NAME_MAX + 1, "%s", user.name);
	vt_arena_free(a);
	if (rc != VT_OK && rc != VT_ABSENT)
		return;
	pthread_mutex_lock(&u->lock);
	if (epoch == u->epoch) {
		memcpy(at->id, id, sizeof(at->id));
		memcpy(at->name, name, sizeof(at->name));
	}
	pthread_mutex_unlock(&u->lock);
}
