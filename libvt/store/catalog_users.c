/* Users and access keys: see catalog_users.h. */
#include <stdio.h>
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/store/catalog_sqlite.h"

int
vt_user_root(char canonical[VT_CANONICAL_LEN + 1])
{
	uint8_t id[VT_HASH_MAX];

	if (vt_hash_once(VT_SHA256, "vaultaire root", 14, id) < 0)
		return -1;
	vt_hex_encode(id, 32, canonical);
	return 0;
}

void
vt_user_account(const char *canonical, char out[VT_ACCOUNT_LEN + 1])
{
	uint64_t n = 0;
	int i, digit;

	for (i = 0; i < 16 && canonical[i] != '\0'; i++) {
		digit = vt_hex_digit(canonical[i]);
		n = n * 16 + (unsigned)(digit >= 0 ? digit : 0);
	}
	snprintf(out, VT_ACCOUNT_LEN + 1, "%012llu",
	    (unsigned long long)(n % 1000000000000));
}

/* --- reading -------------------------------------------------------------- */

static enum vt_code
nomem(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "out of memory reading users");
}

static char *
col(struct vt_arena *a, sqlite3_stmt *s, int i)
{
	return vt_arena_str(a, (const char *)sqlite3_column_text(s, i));
}

/* USER_COLUMNS, from column `at`. */
static enum vt_code
fill_user(struct vt_arena *a, sqlite3_stmt *s, int at, struct vt_user *u,
    struct vt_err *err)
{
	u->id = sqlite3_column_int64(s, at);
	u->name = col(a, s, at + 1);
	u->canonical = col(a, s, at + 2);
	u->email = col(a, s, at + 3);
	u->policy = col(a, s, at + 4);
	u->created_us = sqlite3_column_int64(s, at + 5);
	u->disabled = sqlite3_column_int(s, at + 6);
	if (u->name == NULL || u->canonical == NULL || u->email == NULL ||
	    u->policy == NULL)
		return nomem(err);
	return VT_OK;
}

/* KEY_COLUMNS, from column 0. */
static enum vt_code
fill_key(struct vt_arena *a, sqlite3_stmt *s, struct vt_access_key *k,
    struct vt_err *err)
{
	k->access_key = col(a, s, 0);
	k->secret_key = col(a, s, 1);
	k->created_us = sqlite3_column_int64(s, 2);
	k->expires_us = sqlite3_column_int64(s, 3);
	k->disabled = sqlite3_column_int(s, 4);
	if (k->access_key == NULL || k->secret_key == NULL)
		return nomem(err);
	return VT_OK;
}

/* The one row that a text finds: a user, or with `key` a key and its user. */
static enum vt_code
read_row(struct vt_conn *k, struct vt_arena *a, enum vt_st which,
    const char *text, struct vt_access_key *key, struct vt_user *user,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, which);
	enum vt_code rc = VT_OK;
	int r;

	if (s == NULL)
		return vt_conn_fail(k, "read users", err);
	sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		if (key != NULL)
			rc = fill_key(a, s, key, err);
		if (rc == VT_OK)
			rc = fill_user(a, s, key != NULL ? 5 : 0, user, err);
	} else if (r == SQLITE_DONE)
		rc = vt_fail(err, VT_ABSENT, "no %s '%.128s'",
		    key != NULL ? "access key" : "user", text);
	else
		rc = vt_conn_fail(k, "read users", err);
	sqlite3_reset(s);
	return rc;
}

static enum vt_code
find(struct vt_catalog *c, struct vt_arena *a, enum vt_st which,
    const char *text, struct vt_access_key *key, struct vt_user *user,
    struct vt_err *err)
{
	struct vt_conn *k;
	enum vt_code rc;

	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	rc = read_row(k, a, which, text, key, user, err);
	vt_conn_give(c, k);
	return rc;
}

enum vt_code
vt_catalog_key(struct vt_catalog *c, struct vt_arena *a,
    const char *access_key, struct vt_access_key *key, struct vt_user *user,
    struct vt_err *err)
{
	return find(c, a, ST_KEY_GET, access_key, key, user, err);
}

enum vt_code
vt_catalog_user(struct vt_catalog *c, struct vt_arena *a, const char *name,
    struct vt_user *out, struct vt_err *err)
{
	return find(c, a, ST_USER_GET, name, NULL, out, err);
}

enum vt_code
vt_catalog_user_by_id(struct vt_catalog *c, struct vt_arena *a,
    const char *canonical, struct vt_user *out, struct vt_err *err)
{
	return find(c, a, ST_USER_BY_ID, canonical, NULL, out, err);
}

enum vt_code
vt_catalog_user_by_email(struct vt_catalog *c, struct vt_arena *a,
    const char *email, struct vt_user *out, struct vt_err *err)
{
	return find(c, a, ST_USER_BY_EMAIL, email, NULL, out, err);
}

enum vt_code
vt_catalog_user_next(struct vt_catalog *c, struct vt_arena *a,
    const char *after, struct vt_user *out, struct vt_err *err)
{
	return find(c, a, ST_USER_NEXT, after, NULL, out, err);
}

/* The keys of a user; *out has room for `max`, more are not looked at. */
static enum vt_code
read_keys(struct vt_conn *k, struct vt_arena *a, int64_t user_id,
    struct vt_access_key *out, size_t max, size_t *count, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, ST_KEYS_OF);
	enum vt_code rc = VT_OK;
	int r = SQLITE_DONE;

	*count = 0;
	if (s == NULL)
		return vt_conn_fail(k, "read access keys", err);
	sqlite3_bind_int64(s, 1, user_id);
	while (rc == VT_OK && *count < max &&
	    (r = sqlite3_step(s)) == SQLITE_ROW)
		rc = fill_key(a, s, &out[(*count)++], err);
	if (rc == VT_OK && r != SQLITE_ROW && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read access keys", err);
	sqlite3_reset(s);
	return rc;
}

enum vt_code
vt_catalog_keys_of(struct vt_catalog *c, struct vt_arena *a, int64_t user_id,
    struct vt_access_key **out, size_t *count, struct vt_err *err)
{
	struct vt_conn *k;
	enum vt_code rc;

	*out = vt_arena_alloc(a, VT_USER_KEYS_MAX * sizeof(**out));
	if (*out == NULL)
		return nomem(err);
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	rc = read_keys(k, a, user_id, *out, VT_USER_KEYS_MAX, count, err);
	vt_conn_give(c, k);
	return rc;
}

/* The number in the one row of a statement over a text; 0 for no row. */
static enum vt_code
read_number(struct vt_conn *k, enum vt_st which, const char *text,
    int64_t *out, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(k, which);
	int r;

	if (s == NULL)
		return vt_conn_fail(k, "read users", err);
	sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC);
	r = sqlite3_step(s);
	*out = r == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	sqlite3_reset(s);
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		return vt_conn_fail(k, "read users", err);
	return VT_OK;
}

static enum vt_code
number(struct vt_catalog *c, enum vt_st which, const char *text, int64_t *out,
    struct vt_err *err)
{
	struct vt_conn *k;
	enum vt_code rc;

	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	rc = read_number(k, which, text, out, err);
	vt_conn_give(c, k);
	return rc;
}

enum vt_code
vt_catalog_owned_buckets(struct vt_catalog *c, const char *canonical,
    uint64_t *out, struct vt_err *err)
{
	int64_t n = 0;
	enum vt_code rc;

	rc = number(c, ST_USER_BUCKETS, canonical, &n, err);
	*out = (uint64_t)n;
	return rc;
}

enum vt_code
vt_catalog_users_generation(struct vt_catalog *c, int64_t *out,
    struct vt_err *err)
{
	return number(c, ST_META_GET, "users", out, err);
}

/* --- writing -------------------------------------------------------------- */

/* Bind a text, or NULL for "as it is". */
static void
bind(sqlite3_stmt *s, int i, const char *text)
{
	if (text != NULL)
		sqlite3_bind_text(s, i, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(s, i);
}

/* A name that refers to nobody is VT_ABSENT. */
static enum vt_code
user_id(struct vt_catalog *c, const char *name, int64_t *out,
    struct vt_err *err)
{
	enum vt_code rc;

	rc = read_number(c->w, ST_USER_GET, name, out, err);
	if (rc == VT_OK && *out == 0)
		rc = vt_fail(err, VT_ABSENT, "no user '%.64s'", name);
	return rc;
}

/* VT_EXISTS: the address is that of another than `own_id`. */
static enum vt_code
email_free(struct vt_catalog *c, const char *email, int64_t own_id,
    struct vt_err *err)
{
	int64_t id;
	enum vt_code rc;

	if (email == NULL || *email == '\0')
		return VT_OK;
	rc = read_number(c->w, ST_USER_BY_EMAIL, email, &id, err);
	if (rc == VT_OK && id != 0 && id != own_id)
		rc = vt_fail(err, VT_EXISTS, "another user has the email "
		    "address '%.254s'", email);
	return rc;
}

static enum vt_code
key_free(struct vt_catalog *c, const char *access_key, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_KEY_GET);
	int r;

	if (s == NULL)
		return vt_conn_fail(c->w, "read access keys", err);
	bind(s, 1, access_key);
	r = sqlite3_step(s);
	sqlite3_reset(s);
	if (r == SQLITE_ROW)
		return vt_fail(err, VT_EXISTS, "the access key '%.128s' "
		    "exists", access_key);
	if (r != SQLITE_DONE)
		return vt_conn_fail(c->w, "read access keys", err);
	return VT_OK;
}

static enum vt_code
key_insert(struct vt_catalog *c, const struct vt_cat_user *u, int64_t user,
    int64_t now_us, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_KEY_ADD);

	if (s == NULL)
		return vt_conn_fail(c->w, "add an access key", err);
	bind(s, 1, u->access_key);
	bind(s, 2, u->secret_key);
	sqlite3_bind_int64(s, 3, user);
	sqlite3_bind_int64(s, 4, now_us);
	return vt_conn_run(c->w, s, "add an access key", err);
}

static enum vt_code
user_create(struct vt_catalog *c, const struct vt_cat_user *u, int64_t now_us,
    struct vt_err *err)
{
	sqlite3_stmt *s;
	int64_t id;
	enum vt_code rc;

	rc = read_number(c->w, ST_USER_GET, u->name, &id, err);
	if (rc == VT_OK && id != 0)
		rc = vt_fail(err, VT_EXISTS, "the user '%.64s' exists",
		    u->name);
	if (rc == VT_OK)
		rc = email_free(c, u->email, 0, err);
	if (rc == VT_OK)
		rc = key_free(c, u->access_key, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(c->w, ST_USER_ADD);
	if (s == NULL)
		return vt_conn_fail(c->w, "add a user", err);
	bind(s, 1, u->name);
	bind(s, 2, u->canonical);
	bind(s, 3, u->email != NULL ? u->email : "");
	bind(s, 4, u->policy != NULL ? u->policy : "");
	sqlite3_bind_int64(s, 5, now_us);
	rc = vt_conn_run(c->w, s, "add a user", err);
	if (rc == VT_OK)
		rc = key_insert(c, u, sqlite3_last_insert_rowid(c->w->db),
		    now_us, err);
	return rc;
}

static enum vt_code
user_set(struct vt_catalog *c, const struct vt_cat_user *u,
    struct vt_err *err)
{
	sqlite3_stmt *s;
	int64_t id;
	enum vt_code rc;

	rc = user_id(c, u->name, &id, err);
	if (rc == VT_OK)
		rc = email_free(c, u->email, id, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(c->w, ST_USER_SET);
	if (s == NULL)
		return vt_conn_fail(c->w, "change a user", err);
	bind(s, 1, u->name);
	bind(s, 2, u->email);
	bind(s, 3, u->policy);
	sqlite3_bind_int(s, 4, u->disabled);
	return vt_conn_run(c->w, s, "change a user", err);
}

/* Run a statement over one number. */
static enum vt_code
run_id(struct vt_catalog *c, enum vt_st which, int64_t id, const char *doing,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, which);

	if (s == NULL)
		return vt_conn_fail(c->w, doing, err);
	sqlite3_bind_int64(s, 1, id);
	return vt_conn_run(c->w, s, doing, err);
}

static enum vt_code
user_delete(struct vt_catalog *c, const struct vt_cat_user *u,
    struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(2 * VT_USER_POLICY_MAX);
	struct vt_user user;
	int64_t buckets = 0;
	enum vt_code rc;

	if (a == NULL)
		return nomem(err);
	rc = read_row(c->w, a, ST_USER_GET, u->name, NULL, &user, err);
	if (rc == VT_OK && !u->orphan)
		rc = read_number(c->w, ST_USER_BUCKETS, user.canonical,
		    &buckets, err);
	if (rc == VT_OK && buckets > 0)
		rc = vt_fail(err, VT_PRECONDITION, "the user '%.64s' owns "
		    "%lld bucket%s", u->name, (long long)buckets,
		    buckets == 1 ? "" : "s");
	if (rc == VT_OK)
		rc = run_id(c, ST_KEYS_DEL, user.id, "remove access keys",
		    err);
	if (rc == VT_OK)
		rc = run_id(c, ST_USER_DEL, user.id, "remove a user", err);
	vt_arena_free(a);
	return rc;
}

/* Keys that have ended make room, and are of no use to anybody. */
static enum vt_code
key_add(struct vt_catalog *c, const struct vt_cat_user *u, int64_t now_us,
    struct vt_err *err)
{
	sqlite3_stmt *s;
	int64_t id;
	unsigned good = 0;
	enum vt_code rc;
	int r;

	rc = user_id(c, u->name, &id, err);
	if (rc == VT_OK)
		rc = key_free(c, u->access_key, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(c->w, ST_KEYS_OF);
	if (s == NULL)
		return vt_conn_fail(c->w, "read access keys", err);
	sqlite3_bind_int64(s, 1, id);
	while ((r = sqlite3_step(s)) == SQLITE_ROW)
		if (sqlite3_column_int64(s, 3) == 0 ||
		    sqlite3_column_int64(s, 3) > now_us)
			good++;
	sqlite3_reset(s);
	if (r != SQLITE_DONE)
		return vt_conn_fail(c->w, "read access keys", err);
	if (good >= VT_USER_KEYS_MAX)
		return vt_fail(err, VT_PRECONDITION, "the user '%.64s' has "
		    "%u access keys, which is the most", u->name, good);
	s = vt_conn_st(c->w, ST_KEYS_ENDED);
	if (s == NULL)
		return vt_conn_fail(c->w, "remove access keys", err);
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int64(s, 2, now_us);
	rc = vt_conn_run(c->w, s, "remove access keys", err);
	if (rc == VT_OK)
		rc = key_insert(c, u, id, now_us, err);
	return rc;
}

/* KEY_SET and KEY_DELETE: a statement that finds its key or not. */
static enum vt_code
key_change(struct vt_catalog *c, enum vt_st which,
    const struct vt_cat_user *u, struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, which);
	enum vt_code rc;

	if (s == NULL)
		return vt_conn_fail(c->w, "change an access key", err);
	bind(s, 1, u->access_key);
	if (which == ST_KEY_SET) {
		sqlite3_bind_int(s, 2, u->disabled);
		sqlite3_bind_int64(s, 3, u->expires_us);
	}
	rc = vt_conn_run(c->w, s, "change an access key", err);
	if (rc == VT_OK && sqlite3_changes(c->w->db) == 0)
		rc = vt_fail(err, VT_ABSENT, "no access key '%.128s'",
		    u->access_key);
	return rc;
}

enum vt_code
vt_cat_apply_user(struct vt_catalog *c, struct vt_cat_op *op, int64_t now_us,
    struct vt_err *err)
{
	const struct vt_cat_user *u = &op->u.user;
	sqlite3_stmt *s;
	enum vt_code rc;

	switch (op->kind) {
	case VT_CAT_USER_CREATE:
		rc = user_create(c, u, now_us, err);
		break;
	case VT_CAT_USER_SET:
		rc = user_set(c, u, err);
		break;
	case VT_CAT_USER_DELETE:
		rc = user_delete(c, u, err);
		break;
	case VT_CAT_KEY_ADD:
		rc = key_add(c, u, now_us, err);
		break;
	case VT_CAT_KEY_SET:
		rc = key_change(c, ST_KEY_SET, u, err);
		break;
	case VT_CAT_KEY_DELETE:
		rc = key_change(c, ST_KEY_DEL, u, err);
		break;
	default:
		return vt_fail(err, VT_INVALID, "not about users");
	}
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(c->w, ST_USERS_CHANGED);
	return vt_conn_run(c->w, s, "count a change", err);
}
