/*
 * A catalog as an older program left it: opened, read, gone on with.
 */
#include <stdlib.h>

#include <sqlite3.h>

#include "libvt/base/buf.h"
#include "libvt/store/catalog_sqlite.h"

#include "tests/unit/test.h"

static struct vt_err err;
static const struct vt_clock now = { 1, INT64_C(1800000000000000) };

/*
 * Schema 1: a bucket with versions, of which one is replaced, one hidden by a
 * delete marker; an upload with a part; all bytes inline.
 */
static const char old[] =
"INSERT INTO meta(name, value) VALUES('incarnation', 4711), ('next_id', 100),"
" ('next_blob', 5000), ('inline_bytes', 16);"
"INSERT INTO tier(id, name) VALUES(1, 'hot');"
"INSERT INTO owner(id, name) VALUES(1, 'root');"
"INSERT INTO bucket VALUES(2, 'b', 1, 'here', 5, 1, 0, 3);"
"INSERT INTO version VALUES"
" (10, 2, x'6b', x'00000000000000000000000000000001',"
"  0, 0, 0, 1, 5, 7, 'e1', 0, x'', '',"
"  '', 't=1', 1, '', 1, 0, 0, 0, 0),"
" (11, 2, x'6b', x'00000000000000000000000000000002',"
"  0, 0, 1, 1, 6, 8, 'e2', 0, x'', '',"
"  '', '', 1, 'hot', 1, 0, 0, 0, 0),"
" (12, 2, x'6d', x'00000000000000000000000000000003',"
"  0, 1, 1, 1, 0, 9, '', 0, x'', '',"
"  '', '', 1, '', 1, 0, 0, 0, 0);"
"INSERT INTO copy VALUES(10, 1, 20, 7), (11, 1, 21, 8);"
"INSERT INTO upload VALUES(30, x'00000000000000000000000000000009', 2, x'75',"
" 5, 1, x'', '', '', 1, '', 0, 0, 0, 0, 0, 0);"
"INSERT INTO part VALUES(31, 30, 1, 5, 5, 'p1', 0, '');"
"INSERT INTO extent VALUES(20, 0, 1, 0, 5, 5), (21, 0, 2, 0, 6, 6),"
" (31, 0, 3, 0, 5, 5);"
"INSERT INTO blob VALUES(1, 1, '', '', 5, 0, 1, 1, '', 1, 5),"
" (2, 1, '', '', 6, 0, 1, 1, '', 1, 6), (3, 1, '', '', 5, 0, 1, 1, '', 1, 5);"
"INSERT INTO inline_data VALUES(1, x'6f6c646572'),"
" (2, x'6e6577657374'), (3, x'7061727473');"
"PRAGMA user_version = 1;";

static void
make(const char *path)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, vt_cat_migrations[0], NULL, NULL, NULL) !=
	    SQLITE_OK || sqlite3_exec(db, old, NULL, NULL, NULL) !=
	    SQLITE_OK) {
		printf("# %s\n", sqlite3_errmsg(db));
		exit(1);
	}
	sqlite3_close(db);
}

/*
 * It cannot end in the middle: what fails, as `sql` makes it, leaves the file
 * as it was before that step, so that `refused` fails: it asks for what is not
 * there, or makes what is there.
 */
static void
test_undone(const char *path, const char *sql, const char *undo,
    const char *refused)
{
	struct vt_catalog_options o = { .clock = &now };
	struct vt_catalog *c;
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, sql,
	    NULL, NULL, NULL) != SQLITE_OK)
		exit(1);
	ok(vt_catalog_open(path, &o, &c, &err) != VT_OK,
	    "an upgrade that fails at its end: %s", err.text);
	ok(sqlite3_exec(db, undo, NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_exec(db, refused, NULL, NULL, NULL) == SQLITE_ERROR,
	    "P4 leaves nothing behind");
	sqlite3_close(db);
}

/* What a lean scan tells of what no column says. */
static int
note_version(void *ctx, const struct vt_bucket *b, const struct vt_version *v)
{
	struct vt_buf *out = ctx;

	vt_buf_printf(out, "%s/%.*s %lld %d%d%d '%s' '%s' %llu\n", b->name,
	    (int)v->key_len, v->key, (long long)v->seq, v->is_null,
	    v->is_marker, v->is_current, v->tags, v->pin,
	    v->copy_count == 1 ?
	    (unsigned long long)v->copies[0].stored_bytes : 0);
	return 0;
}

static void
test_scanned(struct vt_catalog *c)
{
	struct vt_scan_pos pos;
	struct vt_buf out;
	int more;

	memset(&pos, 0, sizeof(pos));
	pos.is_lean = 1;
	vt_buf_init(&out, 10000);
	is_int(vt_catalog_scan(c, &pos, 100, note_version, &out, &more, &err),
	    VT_OK, "it is scanned");
	is_str(out.data, "b/k 11 001 '' 'hot' 6\nb/k 10 000 't=1' '' 5\n"
	    "b/m 12 011 '' '' 0\n", "what old rows have is looked up");
	vt_buf_release(&out);
}

static const char *
bytes(const struct vt_version *v)
{
	return v->copy_count == 1 && v->copies[0].extent_count == 1 &&
	    v->copies[0].until_us == 0 ? v->copies[0].extents[0].data : NULL;
}

static void
test_upgraded(const char *path)
{
	struct vt_catalog_options o = { .clock = &now, .checkpointer = 1 };
	const int64_t part = 31;
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_catalog *c;
	struct vt_version *v;
	struct vt_bucket b;
	struct vt_cat_op op;

	if (vt_catalog_open(path, &o, &c, &err) != VT_OK) {
		printf("# %s\n", err.text);
		exit(1);
	}
	is_int(vt_catalog_check(c, &err), VT_OK, "the catalog is sound: %s",
	    err.text);
	is_int(vt_catalog_bucket(c, a, "b", &b, &err), VT_OK, "its bucket");
	ok(b.versioning == 1 && b.docs == 0 && b.lock_mode == VT_LOCK_NONE,
	    "as it was, with nothing new");
	is_int(vt_catalog_lookup(c, a, b.id, "k", 1, NULL, 1, &v, &err),
	    VT_OK, "a version");
	ok(bytes(v) != NULL && memcmp(bytes(v), "newest", 6) == 0,
	    "P5 its bytes");
	ok(strcmp(v->pin, "hot") == 0 && *v->acl == '\0' && *v->sse == '\0',
	    "private, not encrypted, where it was pinned to");
	is_int(vt_catalog_lookup(c, a, b.id, "k", 1,
	    "00000000000000000000000000000001", 1, &v, &err), VT_OK,
	    "an older one");
	ok(bytes(v) != NULL && memcmp(bytes(v), "older", 5) == 0 &&
	    strcmp(v->tags, "t=1") == 0, "P5 its bytes and tags");
	is_int(vt_catalog_lookup(c, a, b.id, "m", 1, NULL, 0, &v, &err),
	    VT_OK, "a delete marker");
	ok(v->is_marker, "is one");
	test_scanned(c);

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_UPLOAD_COMPLETE;
	op.u.complete.upload_id = "00000000000000000000000000000009";
	op.u.complete.part_ids = &part;
	op.u.complete.part_count = 1;
	op.u.complete.put.v.bucket_id = b.id;
	op.u.complete.put.v.key = "u";
	op.u.complete.put.v.key_len = 1;
	op.u.complete.put.v.size_bytes = 5;
	op.u.complete.put.tier = "hot";
	is_int(vt_catalog_run(c, &op, &err), VT_OK, "an upload is completed: "
	    "%s", err.text);
	is_int(vt_catalog_lookup(c, a, b.id, "u", 1, NULL, 1, &v, &err),
	    VT_OK, "it is an object");
	ok(bytes(v) != NULL && memcmp(bytes(v), "parts", 5) == 0,
	    "P5 of its part");
	is_int(vt_catalog_check(c, &err), VT_OK, "still sound: %s", err.text);
	vt_catalog_close(c);
	vt_arena_free(a);
}

int
main(void)
{
	char dir[] = "/tmp/vt-test-upgrade-XXXXXX", path[64], command[64];

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/catalog.db", dir);
	make(path);
	test_undone(path, "CREATE TABLE master_key(x)",
	    "DROP TABLE master_key", "SELECT acl FROM version");
	test_undone(path, "ALTER TABLE version ADD COLUMN rare",
	    "ALTER TABLE version DROP COLUMN rare", "SELECT plain FROM copy");
	test_undone(path, "ALTER TABLE version RENAME COLUMN mtime_us TO m",
	    "ALTER TABLE version RENAME COLUMN m TO mtime_us",
	    "CREATE INDEX version_key ON version(seq)");
	test_upgraded(path);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return test_done();
}
