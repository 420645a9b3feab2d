/*
 * Users and keys: in the catalog, and as vt-serve holds them.  The second is
 * part of vt-serve and knows no HTTP, so it is compiled in here.
 */
#include "cmd/vt-serve/users.c"

#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/fs.h"

#include "tests/unit/test.h"

#define MANY (USERS_KEYS_MAX + USERS_KEYS_MAX / 2)
#define ANA "a00000000000000000000000000000000000000000000000000000000000000a"
#define BOB "b00000000000000000000000000000000000000000000000000000000000000b"

static char dir[256];
static struct vt_clock now = { 1, 1000000000LL * 1000000 };
static struct vt_err err;

static struct vt_catalog *
open_catalog(const char *name)
{
	struct vt_catalog_options o = { .clock = &now, .create = 1 };
	struct vt_catalog *c = NULL;
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (vt_catalog_open(path, &o, &c, &err) != VT_OK)
		printf("# open: %s\n", err.text);
	return c;
}

static enum vt_code
run(struct vt_catalog *c, enum vt_cat_kind kind, struct vt_cat_user u)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = kind;
	op.u.user = u;
	return vt_catalog_run(c, &op, &err);
}

static enum vt_code
create(struct vt_catalog *c, const char *name, const char *id,
    const char *email, const char *key)
{
	return run(c, VT_CAT_USER_CREATE, (struct vt_cat_user){ .name = name,
	    .canonical = id, .email = email, .access_key = key,
	    .secret_key = "secret" });
}

static enum vt_code
add_key(struct vt_catalog *c, const char *name, const char *key)
{
	return run(c, VT_CAT_KEY_ADD, (struct vt_cat_user){ .name = name,
	    .access_key = key, .secret_key = "secret" });
}

static enum vt_code
set_key(struct vt_catalog *c, const char *key, int disabled, int64_t ends)
{
	return run(c, VT_CAT_KEY_SET, (struct vt_cat_user){
	    .access_key = key, .disabled = disabled, .expires_us = ends });
}

static enum vt_code
make_bucket(struct vt_catalog *c, const char *name, const char *owner,
    int *same_owner)
{
	struct vt_cat_op op;
	enum vt_code rc;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_BUCKET_CREATE;
	op.u.bucket_create.b.name = name;
	op.u.bucket_create.b.owner = owner;
	op.u.bucket_create.b.location = "";
	rc = vt_catalog_run(c, &op, &err);
	*same_owner = op.u.bucket_create.same_owner;
	return rc;
}

/* --- the catalog ---------------------------------------------------------- */

static void
test_create(void)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_catalog *c = open_catalog("create.db");
	struct vt_access_key key, *keys;
	struct vt_user u;
	int64_t first, second;
	size_t count;

	is_int(vt_catalog_users_generation(c, &first, &err), VT_OK,
	    "a generation before any user");
	is_int(create(c, "ana", ANA, "Ana@example.org", "KEYA"), VT_OK,
	    "a user");
	is_int(vt_catalog_users_generation(c, &second, &err), VT_OK, "read");
	ok(first != second, "a user changes the generation");
	is_int(create(c, "ana", BOB, NULL, "KEYB"), VT_EXISTS,
	    "no second of its name");
	is_int(create(c, "bob", BOB, "ana@EXAMPLE.org", "KEYB"), VT_EXISTS,
	    "none with its address, in whatever case");
	is_int(create(c, "bob", BOB, NULL, "KEYA"), VT_EXISTS,
	    "none with its key");
	is_int(vt_catalog_user(c, a, "bob", &u, &err), VT_ABSENT,
	    "none of them came to be");
	is_int(vt_catalog_users_generation(c, &first, &err), VT_OK, "read");
	is_int(first, second, "nor changed anything");
	is_int(create(c, "bob", BOB, NULL, "KEYB"), VT_OK,
	    "another, without an address");

	is_int(vt_catalog_key(c, a, "KEYA", &key, &u, &err), VT_OK, "a key");
	is_str(u.name, "ana", "whose it is");
	is_str(u.canonical, ANA, "by id");
	is_str(key.secret_key, "secret", "with its secret");
	is_int(u.disabled || key.disabled || key.expires_us != 0, 0,
	    "as good as new");
	is_int(vt_catalog_key(c, a, "KEYC", &key, &u, &err), VT_ABSENT,
	    "no such key");
	is_int(vt_catalog_user_by_id(c, a, BOB, &u, &err), VT_OK, "by id");
	is_str(u.name, "bob", "is bob");
	is_int(vt_catalog_user_by_email(c, a, "ANA@example.ORG", &u, &err),
	    VT_OK, "by address");
	is_str(u.name, "ana", "is ana");
	is_int(vt_catalog_user_by_email(c, a, "", &u, &err), VT_ABSENT,
	    "nobody is found by no address");
	is_int(vt_catalog_user_next(c, a, "ana", &u, &err), VT_OK,
	    "the next by name");
	is_str(u.name, "bob", "is bob");
	is_int(vt_catalog_user_next(c, a, "bob", &u, &err), VT_ABSENT,
	    "who is the last");
	is_int(vt_catalog_keys_of(c, a, u.id, &keys, &count, &err), VT_OK,
	    "keys of bob");
	is_int(count, 1, "are one");
	vt_catalog_close(c);
	vt_arena_free(a);
}

static void
test_keys(void)
{
	const int64_t day = 86400LL * 1000000;
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_catalog *c = open_catalog("keys.db");
	struct vt_access_key key, *keys;
	struct vt_user u;
	size_t count;

	is_int(create(c, "ana", ANA, NULL, "KEY1"), VT_OK, "a user");
	is_int(add_key(c, "bob", "KEY2"), VT_ABSENT, "a key for nobody");
	is_int(add_key(c, "ana", "KEY2"), VT_OK, "a second key");
	is_int(add_key(c, "ana", "KEY3"), VT_PRECONDITION, "but no third");
	is_int(set_key(c, "KEY1", -1, now.offset_us + day), VT_OK,
	    "the first ends tomorrow");
	is_int(add_key(c, "ana", "KEY3"), VT_PRECONDITION,
	    "and is one until then");
	is_int(set_key(c, "KEY1", -1, now.offset_us + 2 * day), VT_OK,
	    "a later end");
	is_int(vt_catalog_key(c, a, "KEY1", &key, &u, &err), VT_OK, "read");
	is_int(key.expires_us, now.offset_us + day, "lengthens no life");
	now.offset_us += day;
	is_int(add_key(c, "ana", "KEY3"), VT_OK, "ended, it makes room");
	is_int(vt_catalog_key(c, a, "KEY1", &key, &u, &err), VT_ABSENT,
	    "and is gone");
	is_int(set_key(c, "KEY2", 1, -1), VT_OK, "a key is disabled");
	is_int(vt_catalog_keys_of(c, a, u.id, &keys, &count, &err), VT_OK,
	    "keys");
	is_int(count, 2, "two");
	is_str(keys[0].access_key, "KEY2", "the older first");
	ok(keys[0].disabled && !keys[1].disabled, "one is disabled");
	is_int(set_key(c, "KEY1", 1, -1), VT_ABSENT, "no such key");
	is_int(set_key(c, "KEY3", -1, 1), VT_OK, "a key that has ended");
	is_int(set_key(c, "KEY3", 0, 0), VT_OK, "is enabled");
	is_int(vt_catalog_key(c, a, "KEY3", &key, &u, &err), VT_OK, "read");
	is_int(key.expires_us, 0, "without an end");
	is_int(run(c, VT_CAT_KEY_DELETE, (struct vt_cat_user){
	    .access_key = "KEY2" }), VT_OK, "a key is deleted");
	is_int(run(c, VT_CAT_KEY_DELETE, (struct vt_cat_user){
	    .access_key = "KEY2" }), VT_ABSENT, "once");
	vt_catalog_close(c);
	vt_arena_free(a);
}

static void
test_set_and_delete(void)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_catalog *c = open_catalog("set.db");
	struct vt_access_key key;
	struct vt_user u;
	uint64_t buckets;
	int same;

	is_int(create(c, "ana", ANA, NULL, "KEY1"), VT_OK, "a user");
	is_int(create(c, "bob", BOB, "b@x", "KEY2"), VT_OK, "another");
	is_int(run(c, VT_CAT_USER_SET, (struct vt_cat_user){ .name = "ana",
	    .policy = "{}", .disabled = -1 }), VT_OK, "a policy");
	is_int(run(c, VT_CAT_USER_SET, (struct vt_cat_user){ .name = "ana",
	    .email = "a@x", .disabled = 1 }), VT_OK, "an address, disabled");
	is_int(vt_catalog_user(c, a, "ana", &u, &err), VT_OK, "read");
	ok(strcmp(u.policy, "{}") == 0 && strcmp(u.email, "a@x") == 0 &&
	    u.disabled, "each change leaves the rest as it was");
	is_int(run(c, VT_CAT_USER_SET, (struct vt_cat_user){ .name = "ana",
	    .email = "a@x", .disabled = 0 }), VT_OK, "its own address");
	is_int(run(c, VT_CAT_USER_SET, (struct vt_cat_user){ .name = "ana",
	    .email = "b@x", .disabled = 0 }), VT_EXISTS, "not another's");
	is_int(run(c, VT_CAT_USER_SET, (struct vt_cat_user){ .name = "eve",
	    .disabled = 0 }), VT_ABSENT, "nobody");

	is_int(make_bucket(c, "mine", ANA, &same), VT_OK, "a bucket");
	is_int(make_bucket(c, "mine", ANA, &same), VT_EXISTS, "again");
	is_int(same, 1, "its owner has it");
	is_int(make_bucket(c, "mine", BOB, &same), VT_EXISTS, "by another");
	is_int(same, 0, "who has not");
	is_int(vt_catalog_owned_buckets(c, ANA, &buckets, &err), VT_OK,
	    "buckets");
	is_int(buckets, 1, "are one");
	is_int(vt_catalog_owned_buckets(c, BOB, &buckets, &err), VT_OK,
	    "buckets of another");
	is_int(buckets, 0, "are none");
	is_int(run(c, VT_CAT_USER_DELETE, (struct vt_cat_user){
	    .name = "ana" }), VT_PRECONDITION, "an owner stays");
	is_int(vt_catalog_key(c, a, "KEY1", &key, &u, &err), VT_OK,
	    "with its key");
	is_int(run(c, VT_CAT_USER_DELETE, (struct vt_cat_user){
	    .name = "ana", .orphan = 1 }), VT_OK, "unless it must go");
	is_int(vt_catalog_key(c, a, "KEY1", &key, &u, &err), VT_ABSENT,
	    "then its keys go too");
	is_int(run(c, VT_CAT_USER_DELETE, (struct vt_cat_user){
	    .name = "ana" }), VT_ABSENT, "once");
	vt_catalog_close(c);
	vt_arena_free(a);
}

static void
test_account(void)
{
	char id[VT_CANONICAL_LEN + 1], number[VT_ACCOUNT_LEN + 1];

	is_int(vt_user_root(id), 0, "root has an id");
	is_int(strlen(id), VT_CANONICAL_LEN, "of full length");
	vt_user_account(
	    "000000e8d4a51001000000000000000000000000000000000000000000000000",
	    number);
	is_str(number, "000000000001", "an account is a number of 12 digits");
}

static void
test_private(void)
{
	struct vt_catalog *c = open_catalog("mode.db");
	const char *const names[] = { "mode.db", "mode.db-wal", "snapshot.db" };
	char path[600];
	struct stat st;
	size_t i;

	umask(0);
	is_int(create(c, "ana", ANA, NULL, "KEY1"), VT_OK, "a user");
	snprintf(path, sizeof(path), "%s/snapshot.db", dir);
	is_int(vt_catalog_snapshot(c, path, &err), VT_OK, "a snapshot");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		ok(stat(path, &st) == 0 && (st.st_mode & 077) == 0,
		    "P10 others may not read '%s'", names[i]);
	}
	vt_catalog_close(c);
}

/* --- in memory ------------------------------------------------------------ */

static enum vt_code
take(struct users *u, const char *key, const char **id)
{
	struct user_key *k;
	enum vt_code rc;

	rc = users_take(u, key, now.offset_us, &k, &err);
	if (id != NULL)
		*id = rc == VT_OK && strcmp(k->id, ANA) == 0 ? ANA : "";
	users_give(k);
	return rc;
}

/* Until a key is answered as it should be, for 5 s at most. */
static int
becomes(struct users *u, const char *key, enum vt_code want)
{
	int64_t end_us = vt_clock_mono_us() + 5000000;

	while (take(u, key, NULL) != want) {
		if (vt_clock_mono_us() > end_us)
			return 0;
		usleep(10000);
	}
	return 1;
}

static void
test_changes(void)
{
	struct vt_catalog *c = open_catalog("changes.db");
	struct vt_catalog *other = open_catalog("changes.db");
	struct users *u = users_new(c);
	char name[VT_USER_NAME_MAX + 1];
	struct user_key *held;
	const char *id;

	is_int(take(u, "KEY1", NULL), VT_ABSENT, "no key yet");
	is_int(create(other, "ana", ANA, NULL, "KEY1"), VT_OK, "one is made");
	is_int(take(u, "KEY1", &id), VT_OK, "and found at once");
	is_str(id, ANA, "with its user");
	users_name(u, ANA, name);
	is_str(name, "ana", "whose name is told");
	users_name(u, BOB, name);
	is_str(name, "", "nobody's is not");

	is_int(users_take(u, "KEY1", now.offset_us, &held, &err), VT_OK,
	    "a request in hand");
	is_int(set_key(other, "KEY1", 1, -1), VT_OK, "the key is disabled");
	ok(becomes(u, "KEY1", VT_ABSENT), "P10 which is seen");
	is_str(held->secret_key, "secret", "but not by who holds it");
	users_give(held);
	is_int(set_key(other, "KEY1", 0, 0), VT_OK, "enabled");
	ok(becomes(u, "KEY1", VT_OK), "it is good again");
	is_int(run(other, VT_CAT_USER_SET, (struct vt_cat_user){
	    .name = "ana", .disabled = 1 }), VT_OK, "the user is disabled");
	ok(becomes(u, "KEY1", VT_ABSENT), "P10 and so is the key");
	is_int(run(other, VT_CAT_USER_SET, (struct vt_cat_user){
	    .name = "ana", .disabled = 0 }), VT_OK, "enabled");
	ok(becomes(u, "KEY1", VT_OK), "it is good again");
	is_int(set_key(other, "KEY1", -1, now.offset_us + 1000000), VT_OK,
	    "it ends in a second");
	is_int(users_take(u, "KEY1", now.offset_us + 999999, &held, &err),
	    VT_OK, "good until then");
	users_give(held);
	now.offset_us += 1000000;
	ok(becomes(u, "KEY1", VT_ABSENT), "P10 and no longer");
	is_int(run(other, VT_CAT_USER_DELETE, (struct vt_cat_user){
	    .name = "ana" }), VT_OK, "the user is deleted");
	is_int(create(other, "bob", BOB, NULL, "KEY1"), VT_OK,
	    "another gets its key");
	ok(becomes(u, "KEY1", VT_OK), "which is good");
	is_int(take(u, "KEY1", &id), VT_OK, "again");
	is_str(id, "", "P10 but for the other");
	users_name(u, ANA, name);
	is_str(name, "", "the first has no name any more");
	users_free(u);
	vt_catalog_close(other);
	vt_catalog_close(c);
}

static void
not_waited_for(struct vt_cat_op *op)
{
	(void)op;
}

/* Many users, in few transactions. */
static void
create_many(struct vt_catalog *c)
{
	static struct vt_cat_op ops[MANY];
	static char names[MANY][16], ids[MANY][VT_CANONICAL_LEN + 1];
	int i;

	for (i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "user%d", i);
		snprintf(ids[i], sizeof(ids[i]), "%064d", i);
		ops[i].kind = VT_CAT_USER_CREATE;
		ops[i].u.user = (struct vt_cat_user){ .name = names[i],
		    .canonical = ids[i], .access_key = names[i],
		    .secret_key = "secret" };
		ops[i].done = not_waited_for;
		if (i < MANY - 1)
			vt_catalog_submit(c, &ops[i]);
	}
	/* One after the other: the last is done when all are. */
	is_int(vt_catalog_run(c, &ops[MANY - 1], &err), VT_OK, "many users");
}

static void
test_bounded(void)
{
	struct vt_catalog *c = open_catalog("many.db");
	struct users *u = users_new(c);
	char name[VT_USER_NAME_MAX + 1], id[VT_CANONICAL_LEN + 1];
	int i, round, good = 0, named = 0;

	create_many(c);
	for (round = 0; round < 2; round++)
		for (i = 0; i < MANY; i++) {
			snprintf(name, sizeof(name), "user%d", i);
			good += take(u, name, NULL) == VT_OK;
			snprintf(id, sizeof(id), "%064d", i);
			users_name(u, id, name);
			named += atoi(name + 4) == i;
		}
	is_int(good, 2 * MANY, "P9 each of %d keys is good", MANY);
	is_int(named, 2 * MANY, "and each id has its name");
	ok(users_held(u) <= USERS_KEYS_MAX, "P9 %zu are held, not more than "
	    "%d", users_held(u), USERS_KEYS_MAX);
	ok(users_held(u) > USERS_KEYS_MAX / 2, "nor much less");
	users_free(u);
	vt_catalog_close(c);
}

int
main(void)
{
	char command[300];

	snprintf(dir, sizeof(dir), "/tmp/test_users.XXXXXX");
	if (mkdtemp(dir) == NULL) {
		printf("Bail out! no temporary folder\n");
		return 1;
	}
	test_create();
	test_keys();
	test_set_and_delete();
	test_account();
	test_private();
	test_changes();
	test_bounded();
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ok(system(command) == 0, "cleaned up");
	return test_done();
}
