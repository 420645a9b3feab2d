/*
 * Master keys, and encrypted blobs over real folders: what they wrap, how they
 * are rotated, that a lost or mixed-up one wraps nothing, and that encrypted
 * bytes move without them (P5).
 */
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/hash.h"
#include "libvt/work/migrate.h"

#include "tests/unit/test.h"

#define HEX_A \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEX_B \
	"FF0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define BASE64_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static char dir[256];
static struct vt_err err;
static struct vt_clock now = { 1, 1800000000LL * 1000000 };
static struct vt_config *config;
static struct vt_catalog *catalog;
static struct vt_tiers *tiers;
static int64_t bucket;
static char *env[] = { (char *)"KEY=" HEX_A, NULL };

static char *
path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
write_keys(const char *text, mode_t mode)
{
	if (vt_fs_replace(path_of("master.keys"), mode, text, strlen(text),
	    &err) != VT_OK)
		abort();
}

static struct vt_keyring *
ring(const struct vt_config *c)
{
	struct vt_keyring *k;

	if (vt_keyring_open(c, catalog, env, NULL, &k, &err) != VT_OK)
		abort();
	return k;
}

/* What loading these lines says. */
static enum vt_code
lines(const char *text)
{
	struct vt_keyring *k = ring(config);
	enum vt_code rc;

	write_keys(text, 0600);
	rc = vt_keyring_load(k, 0, &err);
	vt_keyring_close(k);
	return rc;
}

static void
test_lines(void)
{
	struct vt_keyring *k;
	struct vt_wrap_key a, b;

	is_int(lines("# none\n\n"), VT_INVALID, "a file without a key");
	is_int(lines("a " HEX_A " more\n"), VT_INVALID, "a third word");
	is_int(lines("a\n"), VT_INVALID, "a name alone");
	is_int(lines("a/b " HEX_A "\n"), VT_INVALID, "a name with a slash");
	is_int(lines("a 0123\n"), VT_INVALID, "a short key");
	ok(strstr(err.text, ":1:") != NULL &&
	    strstr(err.text, "0123") == NULL,
	    "the error tells the line and not the key: %s", err.text);
	is_int(lines("a " HEX_A "\na " HEX_B "\n"), VT_INVALID,
	    "one name twice");
	ok(strstr(err.text, ":2:") != NULL, "on the second line");
	is_int(lines("a123456789012345678901234567890123 " HEX_A),
	    VT_INVALID, "a long name");
	is_int(lines("# two\nhex\t" HEX_A "\r\n b64 " BASE64_A), VT_OK,
	    "hex, base64, comments and blanks");
	k = ring(config);
	is_int(vt_keyring_find(k, "hex", &a, &err), VT_OK, "by name");
	is_int(vt_keyring_find(k, "b64", &b, &err), VT_OK, "and the other");
	ok(memcmp(a.key, b.key, 32) == 0 && a.key[31] == 0x1f,
	    "the same bytes");
	is_int(vt_keyring_find(k, "none", &a, &err), VT_IO,
	    "a key that there is not");
	vt_keyring_close(k);
	write_keys("a " HEX_A "\n", 0644);
	k = ring(config);
	is_int(vt_keyring_load(k, 0, &err), VT_DENIED,
	    "P10 a file that others may read");
	vt_keyring_close(k);
	unlink(path_of("master.keys"));
}

static void
test_made(void)
{
	struct vt_keyring *k = ring(config), *other = ring(config);
	struct vt_wrap_key first, again;
	char *before, *after;
	size_t len, len2;
	struct stat st;

	is_int(vt_keyring_load(k, 0, &err), VT_ABSENT, "no file at first");
	is_int(vt_keyring_newest(k, &first, &err), VT_OK,
	    "made when it is needed");
	ok(stat(path_of("master.keys"), &st) == 0 &&
	    (st.st_mode & 07777) == 0600, "P10 for us alone");
	is_int(vt_fs_read(path_of("master.keys"), 4096, &before, &len, &err),
	    VT_OK, "it is read");
	is_int(vt_keyring_newest(other, &again, &err), VT_OK,
	    "by another process too");
	ok(memcmp(&first, &again, sizeof(first)) == 0, "the same key");
	is_int(vt_fs_read(path_of("master.keys"), 4096, &after, &len2, &err),
	    VT_OK, "read again");
	ok(len == len2 && memcmp(before, after, len) == 0,
	    "it is never replaced");
	vt_keyring_close(other);

	/* lost: no other is made in its place */
	unlink(path_of("master.keys"));
	is_int(vt_keyring_newest(k, &again, &err), VT_OK,
	    "who has read it goes on");
	is_int(vt_keyring_load(k, 1, &err), VT_IO,
	    "a lost file is an error");
	other = ring(config);
	is_int(vt_keyring_load(other, 0, &err), VT_IO, "for all");
	is_int(vt_keyring_newest(other, &again, &err), VT_IO,
	    "also who would write");
	ok(strstr(err.text, first.name) != NULL, "it names the key: %s",
	    err.text);
	ok(access(path_of("master.keys"), F_OK) < 0, "and none is made");
	vt_keyring_close(other);

	/* mixed up: another key under its name */
	other = ring(config);
	snprintf(after, len, "%s " HEX_B "\n", first.name);
	write_keys(after, 0600);
	is_int(vt_keyring_newest(other, &again, &err), VT_PRECONDITION,
	    "another key under a name that was used wraps nothing");
	write_keys(before, 0600);
	is_int(vt_keyring_newest(other, &again, &err), VT_OK,
	    "the file is back, and all is well");
	vt_keyring_close(other);
	vt_keyring_close(k);
	free(before);
	free(after);
}

static void
test_command(void)
{
	char text[512];
	struct vt_config *c;
	struct vt_keyring *k;
	struct vt_wrap_key key;

	static const struct {
		const char *script, *what;
		enum vt_code code;
	} cases[] = {
		{ "echo cmd $KEY", "what a command prints", VT_OK },
		{ "echo cmd $KEY; exit 3", "a failure", VT_BUSY },
		{ "kill -9 $$", "a signal", VT_BUSY },
		{ "yes", "an endless output", VT_TOO_LARGE },
		{ "true", "no output", VT_INVALID },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "{\"tiers\":[{\"name\":\"t\","
		    "\"url\":\"mem:t\",\"storage_class\":\"STANDARD\"}],"
		    "\"encryption\":{\"master_key_command\":[\"/bin/sh\","
		    "\"-c\",\"%s\"]}}", cases[i].script);
		if (vt_fs_replace(path_of("config.json"), 0600, text,
		    strlen(text), &err) != VT_OK ||
		    vt_config_load(path_of("config.json"), dir, &c, &err) !=
		    VT_OK)
			abort();
		k = ring(c);
		is_int(vt_keyring_newest(k, &key, &err), cases[i].code,
		    "%s", cases[i].what);
		if (cases[i].code == VT_OK)
			ok(strcmp(key.name, "cmd") == 0 && key.key[31] ==
			    0x1f, "is the key");
		vt_keyring_close(k);
		vt_config_free(c);
	}
}

/* --- encrypted objects ---------------------------------------------------- */

static void
fill(char *data, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245u + 12345u;
		data[i] = (char)(seed >> 16);
	}
}

/* Store `len` bytes in `parts` blobs, each under its own data key. */
static enum vt_code
store(const char *key, const char *tier, size_t len, int parts,
    const struct vt_wrap_key *wrap, int is_inline)
{
	struct vt_blob_form form = { .wrap = wrap };
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_cat_extent *x = vt_arena_alloc(a, 8 * sizeof(*x));
	struct vt_blob_writer *w;
	struct vt_cat_op op;
	char *data = malloc(len);
	size_t at = 0, n;
	enum vt_code rc = VT_OK;

	fill(data, len, 7);
	memset(&op, 0, sizeof(op));
	for (int i = 0; i < parts && rc == VT_OK; i++, at += n) {
		n = i == parts - 1 ? len - at : len / (size_t)parts;
		if (is_inline) {
			rc = vt_blob_inline_as(tiers, tier, data + at, n,
			    &form, a, &x[i], &err);
			continue;
		}
		rc = vt_blob_writer_open(tiers, tier, "b", key,
		    strlen(key), i % 2 == 0 ? n : UINT64_MAX, &form, &w,
		    &err);
		if (rc == VT_OK)
			rc = vt_blob_writer_write(w, data + at, n, &err);
		if (rc == VT_OK)
			rc = vt_blob_writer_commit(w, a, &x[i], &err);
	}
	op.kind = VT_CAT_PUT;
	op.u.put.v.bucket_id = bucket;
	op.u.put.v.key = key;
	op.u.put.v.key_len = strlen(key);
	op.u.put.v.size_bytes = len;
	op.u.put.v.crc64 = vt_crc64nvme(0, data, len);
	op.u.put.v.etag = "etag";
	op.u.put.v.sse = "AES256";
	op.u.put.v.tier = op.u.put.tier = tier;
	op.u.put.extents = x;
	op.u.put.extent_count = (size_t)parts;
	if (rc == VT_OK)
		rc = vt_catalog_run(catalog, &op, &err);
	if (rc != VT_OK)
		printf("# %s\n", err.text);
	free(data);
	vt_arena_free(a);
	return rc;
}

static struct vt_version *
look(struct vt_arena *a, const char *key)
{
	struct vt_version *v = NULL;

	if (vt_catalog_lookup(catalog, a, bucket, key, strlen(key), NULL, 1,
	    &v, &err) != VT_OK)
		abort();
	return v;
}

/* Read `length` bytes of an object; VT_EXISTS: they are others. */
static enum vt_code
read_object(const char *key, uint64_t offset, size_t length,
    const struct vt_wrap_key *customer)
{
	struct vt_arena *a = vt_arena_new(8 << 20);
	struct vt_version *v = look(a, key);
	struct vt_copy_reader *r;
	char *want = malloc((size_t)v->size_bytes), *got = malloc(length);
	size_t n, at = 0;
	enum vt_code rc;

	fill(want, (size_t)v->size_bytes, 7);
	rc = vt_copy_reader_open(tiers, v, vt_tiers_best_copy(tiers, v),
	    offset, length, &r, &err);
	if (rc == VT_OK && customer != NULL)
		vt_copy_reader_key(r, customer);
	while (rc == VT_OK && at < length) {
		rc = vt_copy_reader_read(r, got + at, length - at, &n, &err);
		if (memcmp(got + at, want + offset + at, rc == VT_OK ? n :
		    0) != 0)
			rc = VT_EXISTS;
		at += rc == VT_OK ? n : 0;
	}
	vt_copy_reader_close(r);
	free(want);
	free(got);
	vt_arena_free(a);
	return rc;
}

static enum vt_code
move(const char *key, const char *to)
{
	struct vt_migrate_options o = { .catalog = catalog, .tiers = tiers,
	    .config = config, .clock = &now };
	struct vt_arena *a = vt_arena_new(8 << 20);
	struct vt_version *v = look(a, key);
	struct vt_move_result result;
	struct vt_move m;
	enum vt_code rc;

	memset(&m, 0, sizeof(m));
	m.plan = m.prices = m.reason = "";
	m.bucket = "b";
	m.key = key;
	m.key_len = strlen(key);
	m.version = v->version_id;
	m.seq = v->seq;
	m.copy = v->copies[0].id;
	m.from = v->copies[0].tier;
	m.to = to;
	rc = vt_migrate_move(&o, &m, &result, &err);
	vt_arena_free(a);
	return rc;
}

/* Change a byte of the file of an object's first blob. */
static void
spoil(const char *key, long at)
{
	struct vt_arena *a = vt_arena_new(8 << 20);
	struct vt_version *v = look(a, key);
	char path[700];
	FILE *f;
	int c;

	snprintf(path, sizeof(path), "%s/tiers/%s/%s", dir,
	    v->copies[0].tier, v->copies[0].extents[0].blob.name);
	f = fopen(path, "r+b");
	if (f == NULL || fseek(f, at, SEEK_SET) < 0)
		abort();
	c = fgetc(f);
	if (fseek(f, at, SEEK_SET) < 0 || fputc(c ^ 1, f) == EOF ||
	    fclose(f) != 0)
		abort();
	vt_arena_free(a);
}

static const char *
form_of(struct vt_arena *a, const char *key)
{
	return look(a, key)->copies[0].extents[0].blob.transform;
}

static void
test_objects(struct vt_keyring *k)
{
	static const struct vt_wrap_key mine = { "",
	    "the customer's own key, not ours" };
	struct vt_arena *a = vt_arena_new(8 << 20);
	struct vt_wrap_key master, newest;
	struct vt_rewrap_result res;
	struct vt_version *v;
	char *text, *more, before[VT_TRANSFORM_MAX];
	size_t len;

	if (vt_keyring_newest(k, &master, &err) != VT_OK)
		abort();
	is_int(store("one", "hot", 300000, 1, &master, 0), VT_OK,
	    "an object under a master key");
	is_int(store("parts", "hot", 200001, 3, &master, 0), VT_OK,
	    "one of three blobs");
	is_int(store("small", "hot", 100, 1, &master, 1), VT_OK,
	    "one in the catalog");
	is_int(store("mine", "hot", 70000, 1, &mine, 0), VT_OK,
	    "one under a customer's key");
	v = look(a, "one");
	is_int(v->copies[0].extents[0].blob.size_bytes,
	    vt_stored_size(300000), "its blob has the size it should");
	v = look(a, "small");
	ok(v->copies[0].extents[0].data != NULL &&
	    memcmp(v->copies[0].extents[0].data, "\x89VTX", 4) == 0,
	    "the catalog's bytes are encrypted too");

	is_int(read_object("one", 0, 300000, NULL), VT_OK, "read whole");
	is_int(read_object("parts", 66000, 70000, NULL), VT_OK,
	    "read across blobs");
	is_int(read_object("small", 7, 20, NULL), VT_OK,
	    "read from the catalog");
	is_int(read_object("mine", 65000, 4000, &mine), VT_OK,
	    "read with the customer's key");
	is_int(read_object("mine", 0, 1, NULL), VT_IO, "not without it");
	is_int(read_object("mine", 0, 1, &master), VT_CORRUPT,
	    "and with no other");

	/* moves see no key at all */
	vt_tiers_use_keyring(tiers, NULL);
	is_int(read_object("one", 0, 1, NULL), VT_IO,
	    "without master keys nothing is read");
	is_int(move("one", "warm"), VT_OK, "P5 moved without a key");
	is_int(move("parts", "cold"), VT_OK, "P5 and of three blobs");
	is_int(move("small", "warm"), VT_OK, "P5 and out of the catalog");
	is_int(move("mine", "warm"), VT_OK, "P5 and of a customer's key");
	v = look(a, "parts");
	is_int(v->copies[0].extent_count, 3, "blob by blob");
	is_int(move("small", "hot"), VT_OK, "P5 back into the catalog");
	v = look(a, "small");
	is_int(v->copies[0].extents[0].blob.is_inline, 1, "as it was");
	vt_tiers_use_keyring(tiers, k);
	is_int(read_object("one", 0, 300000, NULL), VT_OK,
	    "P5 what was moved is what it was");
	is_int(read_object("parts", 0, 200001, NULL), VT_OK, "P5 all of it");
	is_int(read_object("small", 0, 100, NULL), VT_OK, "P5 the small");
	is_int(read_object("mine", 0, 70000, &mine), VT_OK, "P5 and mine");

	/* rotation */
	strcpy(before, form_of(a, "one"));
	if (vt_fs_read(path_of("master.keys"), 4096, &text, &len, &err) !=
	    VT_OK || asprintf(&more, "%s\nnewer " HEX_B "\n", text) < 0)
		abort();
	write_keys(more, 0600);
	is_int(vt_keyring_load(k, 1, &err), VT_OK, "a key more");
	is_int(vt_keyring_newest(k, &newest, &err), VT_OK, "is the newest");
	is_str(newest.name, "newer", "by being last");
	is_int(vt_keyring_rewrap(k, NULL, NULL, &res, &err), VT_OK,
	    "wrapped anew");
	ok(res.seen == 5 && res.rewrapped == 5 && res.failed == 0,
	    "all five blobs of master keys");
	ok(strcmp(form_of(a, "one"), before) != 0, "in the catalog");
	is_int(vt_keyring_rewrap(k, NULL, NULL, &res, &err), VT_OK, "again");
	is_int(res.rewrapped, 0, "there is nothing left to do");
	write_keys("newer " HEX_B "\n", 0600);
	is_int(vt_keyring_load(k, 1, &err), VT_OK, "the old key removed");
	is_int(read_object("one", 0, 300000, NULL), VT_OK,
	    "the bytes written before open with the new one");
	is_int(read_object("parts", 0, 200001, NULL), VT_OK, "all of them");
	is_int(read_object("small", 0, 100, NULL), VT_OK, "also the small");
	is_int(move("one", "cold"), VT_OK, "moved after that");
	is_int(read_object("one", 0, 300000, NULL), VT_OK,
	    "P5 it opens with the new key still");
	write_keys("third " HEX_A "\n", 0600);
	is_int(vt_keyring_load(k, 1, &err), VT_OK, "both lost");
	is_int(vt_keyring_rewrap(k, NULL, NULL, &res, &err), VT_OK,
	    "nothing can be wrapped");
	ok(res.failed == 5 && strstr(err.text, "newer") != NULL,
	    "and it says which key is missing: %s", err.text);
	write_keys(more, 0600);
	is_int(vt_keyring_load(k, 1, &err), VT_OK, "both back");
	free(text);
	free(more);

	/* rot */
	spoil("mine", VT_STORED_HEAD + 100);
	is_int(read_object("mine", 0, 10, &mine), VT_CORRUPT,
	    "P5 a changed bit is found by a range");
	is_int(read_object("mine", 66000, 10, &mine), VT_OK,
	    "one of another chunk is served");
	is_int(move("mine", "cold"), VT_CORRUPT, "P5 and by a move");
	v = look(a, "mine");
	is_str(v->copies[0].tier, "warm", "which leaves it where it was");
	is_int(vt_catalog_check(catalog, &err), VT_OK, "the catalog is whole");
	vt_arena_free(a);
}

/* A move that began before the keys were wrapped anew ends after it. */
struct racing {
	struct vt_keyring *k;
	int done;
};

static int
rewrap_meanwhile(void *ctx, size_t bytes)
{
	struct racing *r = ctx;
	struct vt_rewrap_result res;

	(void)bytes;
	if (!r->done && vt_keyring_rewrap(r->k, NULL, NULL, &res, &err) !=
	    VT_OK)
		abort();
	r->done = 1;
	return 0;
}

static void
test_race(struct vt_keyring *k)
{
	struct racing r = { k, 0 };
	struct vt_migrate_options o = { .catalog = catalog, .tiers = tiers,
	    .config = config, .clock = &now, .pace = rewrap_meanwhile,
	    .pace_ctx = &r };
	struct vt_arena *a = vt_arena_new(8 << 20);
	struct vt_version *v = look(a, "parts");
	struct vt_move_result result;
	struct vt_stored_head h;
	struct vt_move m;

	write_keys("newer " HEX_B "\nlast " HEX_A "\n", 0600);
	is_int(vt_keyring_load(k, 1, &err), VT_OK, "a third key");
	memset(&m, 0, sizeof(m));
	m.plan = m.prices = m.reason = "";
	m.bucket = "b";
	m.key = "parts";
	m.key_len = 5;
	m.version = v->version_id;
	m.seq = v->seq;
	m.copy = v->copies[0].id;
	m.from = v->copies[0].tier;
	m.to = "archive";
	is_int(vt_migrate_move(&o, &m, &result, &err), VT_OK,
	    "P3 a move while keys are wrapped anew");
	v = look(a, "parts");
	ok(vt_stored_parse_text(v->copies[0].extents[2].blob.transform, &h,
	    &err) == VT_OK && strcmp(h.key_name, "last") == 0,
	    "P3 does not bring the old wrapping back");
	is_int(read_object("parts", 0, 200001, NULL), VT_OK, "and opens");
	vt_arena_free(a);
}

int
main(void)
{
	struct vt_catalog_options co = { .clock = &now, .create = 1,
	    .checkpointer = 1 };
	struct vt_keyring *k;
	struct vt_cat_op op;
	char cmd[300];

	snprintf(dir, sizeof(dir), "%s/vt-keyring-XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(dir) == NULL ||
	    vt_config_load(NULL, dir, &config, &err) != VT_OK ||
	    vt_catalog_open(config->catalog_path, &co, &catalog, &err) !=
	    VT_OK || vt_tiers_open(config, catalog, &now, 1, &tiers, &err) !=
	    VT_OK) {
		printf("# %s\n", err.text);
		return 1;
	}
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_BUCKET_CREATE;
	op.u.bucket_create.b.name = "b";
	if (vt_catalog_run(catalog, &op, &err) != VT_OK)
		return 1;
	bucket = op.u.bucket_create.b.id;
	test_lines();
	test_made();
	k = ring(config);
	vt_tiers_use_keyring(tiers, k);
	test_objects(k);
	test_race(k);
	test_command();
	vt_tiers_close(tiers);
	vt_keyring_close(k);
	vt_catalog_close(catalog);
	vt_config_free(config);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	if (system(cmd) != 0)
		printf("# cannot remove %s\n", dir);
	return test_done();
}
