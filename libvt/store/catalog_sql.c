/* The catalog's schema and statements: SQL as data, nothing else. */
#include "libvt/store/catalog_sqlite.h"

/*
 * Migration n brings a file from schema n to n + 1.  Never edit one that was
 * released; add the next.
 */
const char *const vt_cat_migrations[] = {
	/* 0: empty file -> 1 */
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE tier(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" scope TEXT NOT NULL DEFAULT 'shared',"
	" location TEXT NOT NULL DEFAULT '');"
	"CREATE TABLE owner(id INTEGER PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE);"
	"CREATE TABLE bucket(id INTEGER PRIMARY KEY, name TEXT NOT NULL"
	" UNIQUE, owner INTEGER NOT NULL, location TEXT NOT NULL,"
	" created_us INTEGER NOT NULL, versioning INTEGER NOT NULL,"
	" object_lock INTEGER NOT NULL, generation INTEGER NOT NULL);"
	"CREATE TABLE bucket_doc(bucket INTEGER NOT NULL, kind TEXT NOT NULL,"
	" body BLOB NOT NULL, PRIMARY KEY(bucket, kind)) WITHOUT ROWID;"
	/*
	 * seq orders the versions of a key and is the row's own number, so
	 * that new versions append.  `current` marks the highest seq of a key.
	 */
	"CREATE TABLE version(seq INTEGER PRIMARY KEY, bucket INTEGER NOT NULL,"
	" key BLOB NOT NULL, version_id BLOB NOT NULL,"
	" is_null INTEGER NOT NULL, marker INTEGER NOT NULL,"
	" current INTEGER NOT NULL, generation INTEGER NOT NULL,"
	" size INTEGER NOT NULL, mtime_us INTEGER NOT NULL,"
	" etag TEXT NOT NULL, crc64 INTEGER NOT NULL, meta BLOB NOT NULL,"
	" checksum TEXT NOT NULL, checksum_kind TEXT NOT NULL,"
	" tags TEXT NOT NULL, owner INTEGER NOT NULL, pin TEXT NOT NULL,"
	" tier INTEGER NOT NULL, part_count INTEGER NOT NULL,"
	" lock_mode INTEGER NOT NULL, retain_until_us INTEGER NOT NULL,"
	" legal_hold INTEGER NOT NULL);"
	"CREATE UNIQUE INDEX version_key ON version(bucket, key, seq);"
	/* Holds no delete markers and covers what LIST prints. */
	"CREATE INDEX version_current ON version(bucket, key, size, mtime_us,"
	" etag, tier, owner, checksum_kind)"
	" WHERE current = 1 AND marker = 0;"
	"CREATE TABLE copy(seq INTEGER NOT NULL, tier INTEGER NOT NULL,"
	" id INTEGER NOT NULL, created_us INTEGER NOT NULL,"
	" PRIMARY KEY(seq, tier)) WITHOUT ROWID;"
	/* `copy` is the id of a copy or of an upload's part. */
	"CREATE TABLE extent(copy INTEGER NOT NULL, idx INTEGER NOT NULL,"
	" blob INTEGER NOT NULL, offset INTEGER NOT NULL,"
	" length INTEGER NOT NULL, plain_length INTEGER NOT NULL,"
	" PRIMARY KEY(copy, idx)) WITHOUT ROWID;"
	"CREATE TABLE blob(id INTEGER PRIMARY KEY, tier INTEGER NOT NULL,"
	" name TEXT NOT NULL, token TEXT NOT NULL, size INTEGER NOT NULL,"
	" crc64 INTEGER NOT NULL, owned INTEGER NOT NULL,"
	" inline INTEGER NOT NULL, transform TEXT NOT NULL,"
	" refs INTEGER NOT NULL, live_bytes INTEGER NOT NULL);"
	"CREATE TABLE inline_data(blob INTEGER PRIMARY KEY,"
	" data BLOB NOT NULL);"
	"CREATE TABLE version_parts(seq INTEGER PRIMARY KEY,"
	" data BLOB NOT NULL);"
	"CREATE TABLE upload(id INTEGER PRIMARY KEY, upload_id BLOB NOT NULL"
	" UNIQUE, bucket INTEGER NOT NULL, key BLOB NOT NULL,"
	" created_us INTEGER NOT NULL, owner INTEGER NOT NULL,"
	" meta BLOB NOT NULL, checksum_alg TEXT NOT NULL,"
	" checksum_type TEXT NOT NULL, tier INTEGER NOT NULL,"
	" tags TEXT NOT NULL, lock_mode INTEGER NOT NULL,"
	" retain_until_us INTEGER NOT NULL, legal_hold INTEGER NOT NULL,"
	" complete INTEGER NOT NULL, result_seq INTEGER NOT NULL,"
	" complete_us INTEGER NOT NULL);"
	"CREATE INDEX upload_list ON upload(bucket, key, id)"
	" WHERE complete = 0;"
	"CREATE TABLE part(id INTEGER PRIMARY KEY, upload INTEGER NOT NULL,"
	" number INTEGER NOT NULL, size INTEGER NOT NULL,"
	" mtime_us INTEGER NOT NULL, etag TEXT NOT NULL,"
	" crc64 INTEGER NOT NULL, checksum TEXT NOT NULL,"
	" UNIQUE(upload, number));"
	"CREATE TABLE lease(first_id INTEGER PRIMARY KEY,"
	" count INTEGER NOT NULL, owner TEXT NOT NULL,"
	" created_us INTEGER NOT NULL);"
	"CREATE TABLE intent(blob INTEGER PRIMARY KEY, tier INTEGER NOT NULL,"
	" name TEXT NOT NULL, upload TEXT NOT NULL);"
	"CREATE TABLE garbage(id INTEGER PRIMARY KEY, blob INTEGER NOT NULL,"
	" tier INTEGER NOT NULL, name TEXT NOT NULL, token TEXT NOT NULL,"
	" size INTEGER NOT NULL, not_before_us INTEGER NOT NULL,"
	" claimed_by TEXT NOT NULL, claimed_us INTEGER NOT NULL);"
	"CREATE INDEX garbage_due ON garbage(not_before_us);"
	"CREATE INDEX garbage_blob ON garbage(blob);",
	/* 1 -> 2: who may, how it is encrypted, which documents there are */
	"ALTER TABLE version ADD COLUMN acl TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE version ADD COLUMN sse TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE upload ADD COLUMN acl TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE upload ADD COLUMN sse TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE bucket ADD COLUMN docs INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE user(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" canonical TEXT NOT NULL UNIQUE, email TEXT NOT NULL COLLATE NOCASE,"
	" policy TEXT NOT NULL, created_us INTEGER NOT NULL,"
	" disabled INTEGER NOT NULL);"
	"CREATE UNIQUE INDEX user_email ON user(email) WHERE email != '';"
	"CREATE TABLE access_key(access_key TEXT PRIMARY KEY,"
	" secret_key TEXT NOT NULL, user INTEGER NOT NULL,"
	" created_us INTEGER NOT NULL, expires_us INTEGER NOT NULL,"
	" disabled INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX access_key_user ON access_key(user, created_us);"
	/* When a restored copy goes again, 0 for copies that stay. */
	"ALTER TABLE copy ADD COLUMN until_us INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE restore(seq INTEGER PRIMARY KEY, source INTEGER NOT"
	" NULL, speed INTEGER NOT NULL, days INTEGER NOT NULL,"
	" requested_us INTEGER NOT NULL, until_us INTEGER NOT NULL);"
	"CREATE TABLE event(id INTEGER PRIMARY KEY, dest TEXT NOT NULL,"
	" name TEXT NOT NULL, rule TEXT NOT NULL, bucket TEXT NOT NULL,"
	" owner TEXT NOT NULL, key BLOB NOT NULL, version_id TEXT NOT NULL,"
	" seq INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,"
	" time_us INTEGER NOT NULL, requester TEXT NOT NULL,"
	" remote TEXT NOT NULL, request_id TEXT NOT NULL,"
	" detail TEXT NOT NULL, attempts INTEGER NOT NULL,"
	" not_before_us INTEGER NOT NULL);"
	"CREATE INDEX event_due ON event(dest, not_before_us, id);"
	"ALTER TABLE bucket ADD COLUMN lock_mode INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE bucket ADD COLUMN lock_days INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE master_key(name TEXT PRIMARY KEY,"
	" proof TEXT NOT NULL);",
	/*
	 * 2 -> 3: copies of one extent that is as long as the version, ours
	 * and not transformed: 1.  0: one must look.
	 */
	"ALTER TABLE copy ADD COLUMN plain INTEGER NOT NULL DEFAULT 0;"
	/* Bits: the version is null, a delete marker, has one of VT_CAT_RARE;
	 * -1: one must look. */
	"ALTER TABLE version ADD COLUMN rare INTEGER NOT NULL DEFAULT -1;",
	/*
	 * 3 -> 4: version_key covers what scans tell of a version, so that
	 * they go through one tree instead of looking each version up.  Not
	 * `current`, which each newer version would change: it is that with
	 * the highest seq.
	 */
	"DROP INDEX version_key;"
	"CREATE UNIQUE INDEX version_key ON version(bucket, key, seq,"
	" version_id, generation, size, mtime_us, tier, rare);"
};
const int vt_cat_migration_count =
    sizeof(vt_cat_migrations) / sizeof(vt_cat_migrations[0]);

/* Columns that read_version() expects, in its order. */
#define VERSION_COLUMNS \
	"v.bucket, v.key, v.seq, v.version_id, v.is_null, v.marker," \
	" v.current, v.generation, v.size, v.mtime_us, v.etag, v.crc64," \
	" v.meta, v.checksum, v.tags, o.name, v.pin, v.tier, v.part_count," \
	" v.lock_mode, v.retain_until_us, v.legal_hold, v.acl, v.sse"
#define VERSION_FROM " FROM version v JOIN owner o ON o.id = v.owner"
#define BUCKET_COLUMNS \
	"b.id, b.name, o.name, b.location, b.created_us, b.versioning," \
	" b.object_lock, b.generation, b.docs, b.lock_mode, b.lock_days"
#define BUCKET_FROM " FROM bucket b JOIN owner o ON o.id = b.owner"
#define EXTENT_COLUMNS \
	"c.id, c.tier, c.created_us, e.idx, e.offset, e.length," \
	" e.plain_length, l.id, l.tier, l.name, l.token, l.size, l.crc64," \
	" l.owned, l.inline, l.transform, c.until_us"
#define UPLOAD_COLUMNS \
	"u.id, u.upload_id, u.bucket, u.key, u.created_us, o.name, u.meta," \
	" u.checksum_alg, u.checksum_type, u.tier, u.tags, u.lock_mode," \
	" u.retain_until_us, u.legal_hold, u.complete, u.result_seq," \
	" u.acl, u.sse"
#define UPLOAD_FROM " FROM upload u JOIN owner o ON o.id = u.owner"
#define PART_COLUMNS \
	"p.id, p.number, p.size, p.mtime_us, p.etag, p.crc64, p.checksum," \
	" (SELECT count(*) FROM extent e WHERE e.copy = p.id)"
#define USER_COLUMNS \
	"u.id, u.name, u.canonical, u.email, u.policy, u.created_us," \
	" u.disabled"
#define USER_FROM " FROM user u"
#define KEY_COLUMNS \
	"k.access_key, k.secret_key, k.created_us, k.expires_us, k.disabled"
#define RESTORE_COLUMNS "seq, source, speed, days, requested_us, until_us"
#define EVENT_COLUMNS \
	"id, dest, name, rule, bucket, owner, key, version_id, seq, size," \
	" etag, time_us, requester, remote, request_id, detail, attempts"
/* All of them are in the index version_key. */
#define LEAN_COLUMNS \
	"seq, key, version_id, generation, size, mtime_us, tier, rare"
#define LIST_COLUMNS \
	"key, seq, size, mtime_us, etag, tier, owner, checksum_kind"

const char *const vt_cat_sql[ST_STATEMENTS] = {
	[ST_BEGIN] = "BEGIN",
	[ST_BEGIN_IMMEDIATE] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_SAVEPOINT] = "SAVEPOINT op",
	[ST_RELEASE] = "RELEASE op",
	[ST_ROLLBACK_TO] = "ROLLBACK TO op",
	[ST_META_GET] = "SELECT value FROM meta WHERE name = ?1",
	[ST_META_SET] = "INSERT OR REPLACE INTO meta(name, value)"
	    " VALUES(?1, ?2)",
	[ST_TIER_NAME] = "SELECT name FROM tier WHERE id = ?1",
	[ST_TIER_ID] = "SELECT id FROM tier WHERE name = ?1",
	[ST_TIER_ADD] = "INSERT INTO tier(name) VALUES(?1)",
	[ST_OWNER_NAME] = "SELECT name FROM owner WHERE id = ?1",
	[ST_OWNER_ID] = "SELECT id FROM owner WHERE name = ?1",
	[ST_OWNER_ADD] = "INSERT INTO owner(name) VALUES(?1)",

	[ST_BUCKET_GET] = "SELECT " BUCKET_COLUMNS BUCKET_FROM
	    " WHERE b.name = ?1",
	[ST_BUCKET_BY_ID] = "SELECT " BUCKET_COLUMNS BUCKET_FROM
	    " WHERE b.id = ?1",
	[ST_BUCKET_NEXT] = "SELECT " BUCKET_COLUMNS BUCKET_FROM
	    " WHERE b.name >= ?1 ORDER BY b.name",
	[ST_BUCKET_ADD] = "INSERT INTO bucket(id, name, owner, location,"
	    " created_us, versioning, object_lock, generation, docs)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, 0)",
	[ST_BUCKET_DEL] = "DELETE FROM bucket WHERE id = ?1",
	[ST_BUCKET_USED] = "SELECT 1 FROM version WHERE bucket = ?1 LIMIT 1",
	[ST_BUCKET_DOCS] = "UPDATE bucket SET docs = (docs | ?2) & ~?3,"
	    " generation = generation + 1 WHERE id = ?1",
	[ST_BUCKET_VERSIONING] = "UPDATE bucket SET versioning = ?2,"
	    " generation = generation + 1 WHERE id = ?1",
	[ST_BUCKET_LOCK] = "UPDATE bucket SET object_lock = 1,"
	    " lock_mode = ?2, lock_days = ?3 WHERE id = ?1",
	[ST_DOC_GET] = "SELECT body FROM bucket_doc WHERE bucket = ?1"
	    " AND kind = ?2",
	[ST_DOC_SET] = "INSERT OR REPLACE INTO bucket_doc(bucket, kind, body)"
	    " VALUES(?1, ?2, ?3)",
	[ST_DOC_DEL] = "DELETE FROM bucket_doc WHERE bucket = ?1"
	    " AND kind = ?2",
	[ST_DOCS_DEL] = "DELETE FROM bucket_doc WHERE bucket = ?1",

	[ST_MASTER_KEY_GET] = "SELECT proof FROM master_key WHERE name = ?1",
	[ST_MASTER_KEY_ADD] = "INSERT INTO master_key(name, proof)"
	    " VALUES(?1, ?2)",
	[ST_MASTER_KEYS] = "SELECT name, proof FROM master_key",
	[ST_BLOB_REWRAP] = "UPDATE blob SET transform = ?3 WHERE id = ?1"
	    " AND transform = ?2",
	[ST_BLOB_FORM] = "UPDATE blob SET transform = (SELECT transform"
	    " FROM blob WHERE id = ?2) WHERE id = ?1",
	[ST_BLOBS_TRANSFORMED] = "SELECT id, transform FROM blob"
	    " WHERE id > ?1 AND transform != '' ORDER BY id LIMIT ?2",

	[ST_VERSION_CURRENT] = "SELECT " VERSION_COLUMNS VERSION_FROM
	    " WHERE v.bucket = ?1 AND v.key = ?2 ORDER BY v.seq DESC LIMIT 1",
	[ST_VERSION_NULL] = "SELECT " VERSION_COLUMNS VERSION_FROM
	    " WHERE v.bucket = ?1 AND v.key = ?2 AND v.is_null = 1"
	    " ORDER BY v.seq DESC LIMIT 1",
	[ST_VERSION_ID] = "SELECT " VERSION_COLUMNS VERSION_FROM
	    " WHERE v.bucket = ?1 AND v.key = ?2 AND v.version_id = ?3",
	[ST_VERSION_SEQ] = "SELECT " VERSION_COLUMNS VERSION_FROM
	    " WHERE v.seq = ?1",
	[ST_VERSION_ADD] = "INSERT INTO version(seq, bucket, key, version_id,"
	    " is_null, marker, current, generation, size, mtime_us, etag,"
	    " crc64, meta, checksum, checksum_kind, tags, owner, pin, tier,"
	    " part_count, lock_mode, retain_until_us, legal_hold, acl, sse,"
	    " rare) VALUES(?1, ?2, ?3, ?4, ?5, ?6, 1, 1, ?7, ?8, ?9, ?10, ?11,"
	    " ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, "
	    VT_CAT_RARE("?5", "?6", "?14", "?16", "?19", "?20", "?21") ")",
	[ST_VERSION_DEL] = "DELETE FROM version WHERE seq = ?1",
	[ST_VERSION_SET_CURRENT] = "UPDATE version SET current = ?2"
	    " WHERE seq = ?1",
	[ST_VERSION_TOP] = "SELECT seq, is_null, marker, mtime_us, etag, size,"
	    " lock_mode, retain_until_us, legal_hold, generation"
	    " FROM version WHERE bucket = ?1 AND key = ?2"
	    " ORDER BY seq DESC LIMIT 1",
	[ST_VERSION_META] = "UPDATE version SET tags = ?2, pin = ?3,"
	    " lock_mode = ?4, retain_until_us = ?5, legal_hold = ?6,"
	    " acl = ?7, generation = generation + 1, rare = "
	    VT_CAT_RARE("is_null", "marker", "?2", "?3", "?4", "?5", "?6")
	    " WHERE seq = ?1",
	[ST_VERSION_STANDING] = "SELECT coalesce((SELECT mtime_us FROM version"
	    " WHERE bucket = ?1 AND key = ?2 AND seq > ?3"
	    " ORDER BY seq LIMIT 1), 0),"
	    " (SELECT count(*) FROM (SELECT 1 FROM version"
	    " WHERE bucket = ?1 AND key = ?2 AND seq > ?3 AND current = 0"
	    " AND marker = 0 LIMIT 1000)),"
	    " NOT EXISTS (SELECT 1 FROM version WHERE bucket = ?1"
	    " AND key = ?2 AND seq <> ?3)",
	[ST_VERSION_TIER] = "UPDATE version SET tier = ?2 WHERE seq = ?1",

	[ST_COPY_EXTENTS] = "SELECT " EXTENT_COLUMNS ", NULL FROM copy c"
	    " LEFT JOIN extent e ON e.copy = c.id"
	    " LEFT JOIN blob l ON l.id = e.blob"
	    " WHERE c.seq = ?1 ORDER BY c.tier, e.idx",
	[ST_COPY_EXTENTS_INLINE] = "SELECT " EXTENT_COLUMNS
	    ", CASE WHEN l.inline THEN (SELECT data FROM inline_data d"
	    " WHERE d.blob = l.id) END"
	    " FROM copy c LEFT JOIN extent e ON e.copy = c.id"
	    " LEFT JOIN blob l ON l.id = e.blob"
	    " WHERE c.seq = ?1 ORDER BY c.tier, e.idx",
	[ST_COPY_ADD] = "INSERT INTO copy(seq, tier, id, created_us,"
	    " until_us, plain) VALUES(?1, ?2, ?3, ?4, 0, ?5)",
	[ST_COPY_UNTIL] = "UPDATE copy SET until_us = ?2 WHERE seq = ?1"
	    " AND until_us <> 0",
	[ST_COPY_TEMPORARY] = "UPDATE copy SET until_us = ?2"
	    " WHERE seq = ?3 AND id = ?1",
	[ST_COPY_DEL] = "DELETE FROM copy WHERE seq = ?1 AND tier = ?2",
	[ST_COPIES] = "SELECT tier, id FROM copy WHERE seq = ?1",
	[ST_COPY_AT] = "SELECT id FROM copy WHERE seq = ?1 AND tier = ?2",

	[ST_EXTENT_ADD] = "INSERT INTO extent(copy, idx, blob, offset, length,"
	    " plain_length) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[ST_EXTENTS_OF] = "SELECT blob, length FROM extent WHERE copy = ?1",
	[ST_EXTENTS_DEL] = "DELETE FROM extent WHERE copy = ?1",
	[ST_EXTENTS_MOVE] = "UPDATE extent SET copy = ?2, idx = idx + ?3"
	    " WHERE copy = ?1",
	[ST_EXTENT_COUNT] = "SELECT count(*) FROM extent WHERE copy = ?1",
	[ST_EXTENTS_OF_UPLOAD] = "SELECT count(*) FROM part p"
	    " JOIN extent e ON e.copy = p.id WHERE p.upload = ?1",
	[ST_REF_CHECK] = "SELECT 1 FROM copy c JOIN extent e ON e.copy = c.id"
	    " WHERE c.seq = ?1 AND e.blob = ?2 LIMIT 1",

	[ST_BLOB_ADD] = "INSERT INTO blob(id, tier, name, token, size, crc64,"
	    " owned, inline, transform, refs, live_bytes)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10)",
	[ST_BLOB_REF] = "UPDATE blob SET refs = refs + 1,"
	    " live_bytes = live_bytes + ?2 WHERE id = ?1",
	[ST_BLOB_UNREF] = "UPDATE blob SET refs = refs - 1,"
	    " live_bytes = live_bytes - ?2 WHERE id = ?1"
	    " RETURNING refs, tier, name, token, size, owned, inline",
	[ST_BLOB_DEL] = "DELETE FROM blob WHERE id = ?1",
	[ST_BLOB_KNOWN] = "SELECT 1 FROM blob WHERE id = ?1 UNION ALL"
	    " SELECT 1 FROM garbage WHERE blob = ?1 LIMIT 1",
	[ST_BLOBS_OF_TIER] = "SELECT id, tier, name, token, size, crc64,"
	    " owned, inline, transform FROM blob WHERE id > ?1 AND tier = ?2"
	    " ORDER BY id LIMIT 1000",
	[ST_INLINE_ADD] = "INSERT INTO inline_data(blob, data) VALUES(?1, ?2)",
	[ST_INLINE_DEL] = "DELETE FROM inline_data WHERE blob = ?1",
	[ST_PARTS_SET] = "INSERT INTO version_parts(seq, data)"
	    " VALUES(?1, ?2)",
	[ST_PARTS_GET] = "SELECT data FROM version_parts WHERE seq = ?1",
	[ST_PARTS_DEL] = "DELETE FROM version_parts WHERE seq = ?1",

	[ST_LIST] = "SELECT " LIST_COLUMNS " FROM version"
	    " WHERE current = 1 AND marker = 0 AND bucket = ?1 AND key > ?2"
	    " ORDER BY key LIMIT ?3",
	[ST_LIST_INCLUSIVE] = "SELECT " LIST_COLUMNS " FROM version"
	    " WHERE current = 1 AND marker = 0 AND bucket = ?1 AND key >= ?2"
	    " ORDER BY key LIMIT ?3",
	/* The rest of a key's versions, then the keys after it. */
	[ST_SCAN] = "SELECT " VERSION_COLUMNS VERSION_FROM
	    " WHERE v.bucket = ?1 AND v.key = ?2 AND v.seq < ?3"
	    " ORDER BY v.seq DESC LIMIT ?4",
	[ST_SCAN_AFTER] = "SELECT " VERSION_COLUMNS VERSION_FROM
	    " WHERE v.bucket = ?1 AND v.key > ?2"
	    " ORDER BY v.key, v.seq DESC LIMIT ?3",
	[ST_SCAN_FROM] = "SELECT " VERSION_COLUMNS VERSION_FROM
	    " WHERE v.bucket = ?1 AND v.key >= ?2"
	    " ORDER BY v.key, v.seq DESC LIMIT ?3",
	/* Each walks one index or table in its own order: no sort, no join. */
	[ST_LEAN_VERSIONS] = "SELECT 1 FROM version WHERE bucket = ?1"
	    " AND key >= ?2 AND take_row(" LEAN_COLUMNS ")"
	    " ORDER BY key, seq",
	[ST_LEAN_OLDER] = "SELECT 1 FROM version WHERE bucket = ?1"
	    " AND key = ?2 AND seq < ?3 AND take_row(" LEAN_COLUMNS ")"
	    " ORDER BY seq DESC",
	[ST_LEAN_RARE] = "SELECT 1 FROM version WHERE seq >= ?1"
	    " AND take_row(seq, is_null, marker, tags, pin, lock_mode,"
	    " retain_until_us, legal_hold) ORDER BY seq",
	[ST_LEAN_COPIES] = "SELECT 1 FROM copy WHERE seq >= ?1"
	    " AND take_row(seq, tier, id, created_us, until_us, plain)"
	    " ORDER BY seq, tier",
	[ST_LEAN_EXTENTS] = "SELECT 1 FROM extent WHERE copy >= ?1"
	    " AND take_row(copy, length, blob) ORDER BY copy, idx",
	[ST_LEAN_BLOBS] = "SELECT 1 FROM blob WHERE id >= ?1"
	    " AND take_row(id, owned, inline, transform, size, live_bytes)"
	    " ORDER BY id",

	[ST_UPLOAD_ADD] = "INSERT INTO upload(id, upload_id, bucket, key,"
	    " created_us, owner, meta, checksum_alg, checksum_type, tier,"
	    " tags, lock_mode, retain_until_us, legal_hold, complete,"
	    " result_seq, complete_us, acl, sse) VALUES(?1, ?2, ?3, ?4, ?5,"
	    " ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 0, 0, 0, ?15, ?16)",
	[ST_UPLOAD_GET] = "SELECT " UPLOAD_COLUMNS UPLOAD_FROM
	    " WHERE u.upload_id = ?1",
	[ST_UPLOAD_DEL] = "DELETE FROM upload WHERE id = ?1",
	[ST_UPLOAD_COMPLETE] = "UPDATE upload SET complete = 1,"
	    " result_seq = ?2, complete_us = ?3, meta = x'' WHERE id = ?1",
	[ST_UPLOAD_LIST] = "SELECT " UPLOAD_COLUMNS UPLOAD_FROM
	    " WHERE u.complete = 0 AND u.bucket = ?1 AND u.key >= ?2"
	    " ORDER BY u.key, u.id LIMIT 1001",
	[ST_UPLOAD_LIST_FROM] = "SELECT " UPLOAD_COLUMNS UPLOAD_FROM
	    " WHERE u.complete = 0 AND u.bucket = ?1 AND u.key = ?2"
	    " AND u.id > ?3 ORDER BY u.id LIMIT 1001",
	[ST_UPLOADS_OF_BUCKET] = "SELECT id FROM upload WHERE bucket = ?1"
	    " LIMIT 1",
	[ST_UPLOADS_OLD] = "SELECT id FROM upload WHERE complete = 1"
	    " AND complete_us < ?1 LIMIT 1000",
	[ST_PART_ADD] = "INSERT INTO part(id, upload, number, size, mtime_us,"
	    " etag, crc64, checksum) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[ST_PART_GET] = "SELECT id FROM part WHERE upload = ?1"
	    " AND number = ?2",
	[ST_PART_BY_ID] = "SELECT upload, number, size FROM part"
	    " WHERE id = ?1",
	[ST_PART_DEL] = "DELETE FROM part WHERE id = ?1",
	[ST_PART_LIST] = "SELECT " PART_COLUMNS " FROM part p"
	    " WHERE p.upload = ?1 AND p.number > ?2"
	    " ORDER BY p.number LIMIT ?3",
	[ST_PARTS_OF_UPLOAD] = "SELECT id FROM part WHERE upload = ?1"
	    " LIMIT 1",

	[ST_RESTORE_GET] = "SELECT " RESTORE_COLUMNS " FROM restore"
	    " WHERE seq = ?1",
	[ST_RESTORES] = "SELECT " RESTORE_COLUMNS " FROM restore"
	    " WHERE seq > ?1 ORDER BY seq LIMIT ?2",
	[ST_RESTORE_SET] = "INSERT OR REPLACE INTO restore("
	    RESTORE_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[ST_RESTORE_DEL] = "DELETE FROM restore WHERE seq = ?1",

	[ST_EVENT_ADD] = "INSERT INTO event(" EVENT_COLUMNS
	    ", not_before_us) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
	    " ?10, ?11, ?12, ?13, ?14, ?15, ?16, 0, 0)",
	[ST_EVENTS_DUE] = "SELECT " EVENT_COLUMNS " FROM event"
	    " WHERE dest = ?1 AND not_before_us <= ?2"
	    " ORDER BY not_before_us, id LIMIT ?3",
	[ST_EVENT_COUNT] = "SELECT count(*), min(time_us) FROM event"
	    " WHERE dest = ?1",
	[ST_EVENT_DEL] = "DELETE FROM event WHERE id = ?1",
	/* their numbers rise with the time */
	[ST_EVENTS_OLD] = "DELETE FROM event WHERE id IN (SELECT id FROM"
	    " (SELECT id, time_us FROM event ORDER BY id LIMIT 1000)"
	    " WHERE time_us < ?1)",
	[ST_EVENT_RETRY] = "UPDATE event SET attempts = attempts + 1,"
	    " not_before_us = ?2 WHERE id = ?1",

	[ST_LEASE_ADD] = "INSERT INTO lease(first_id, count, owner,"
	    " created_us) VALUES(?1, ?2, ?3, ?4)",
	[ST_LEASE_DEL] = "DELETE FROM lease WHERE first_id = ?1",
	[ST_LEASES] = "SELECT first_id, count, owner FROM lease",
	[ST_INTENT_ADD] = "INSERT OR REPLACE INTO intent(blob, tier, name,"
	    " upload) VALUES(?1, ?2, ?3, ?4)",
	[ST_TIER_BLOBS] = "SELECT count(*), coalesce(sum(size), 0),"
	    " coalesce(sum(owned = 0), 0) FROM blob WHERE tier = ?1",
	[ST_TIER_GARBAGE] = "SELECT count(*), coalesce(sum(size), 0), 0"
	    " FROM garbage WHERE tier = ?1",
	[ST_TIER_UPLOADS] = "SELECT count(*), 0, 0 FROM intent"
	    " WHERE tier = ?1",
	[ST_BLOB_OWN] = "UPDATE blob SET owned = 1 WHERE id = ?1",
	[ST_VERSION_CRC] = "UPDATE version SET crc64 = ?2 WHERE seq = ?1"
	    " AND crc64 = 0",
	[ST_INTENTS] = "SELECT blob, tier, name, upload FROM intent WHERE"
	    " blob >= ?1 AND blob < ?2 ORDER BY blob LIMIT ?3",
	[ST_INTENT_DEL] = "DELETE FROM intent WHERE blob = ?1",
	[ST_GARBAGE_ADD] = "INSERT INTO garbage(id, blob, tier, name, token,"
	    " size, not_before_us, claimed_by, claimed_us)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, '', 0)",
	[ST_GARBAGE_DUE] = "SELECT id, blob, tier, name, token, size,"
	    " not_before_us FROM garbage g WHERE not_before_us <= ?1"
	    " AND (claimed_by = '' OR claimed_by = ?2 OR claimed_us < ?3)"
	    " AND NOT EXISTS (SELECT 1 FROM blob l WHERE l.id = g.blob)"
	    " AND instr(?5, ',' || tier || ',') = 0"
	    " ORDER BY not_before_us LIMIT ?4",
	[ST_GARBAGE_CLAIM] = "UPDATE garbage SET claimed_by = ?2,"
	    " claimed_us = ?3 WHERE id = ?1",
	[ST_GARBAGE_DEL] = "DELETE FROM garbage WHERE id = ?1",
	[ST_GARBAGE_NAMES] = "SELECT g.id, g.name FROM garbage g JOIN tier t"
	    " ON t.id = g.tier WHERE g.id > ?1 AND t.name = ?2 ORDER BY g.id",
	[ST_EXTENTS_FROM] = "SELECT copy, idx, blob FROM extent"
	    " WHERE (copy, idx) > (?1, ?2) ORDER BY copy, idx",
	[ST_COPY_SEQ] = "SELECT seq, NULL FROM copy WHERE id = ?1 UNION ALL"
	    " SELECT 0, u.upload_id FROM part p JOIN upload u"
	    " ON u.id = p.upload WHERE p.id = ?1 AND u.complete = 0 LIMIT 1",

	[ST_USER_GET] = "SELECT " USER_COLUMNS USER_FROM " WHERE u.name = ?1",
	[ST_USER_BY_ID] = "SELECT " USER_COLUMNS USER_FROM
	    " WHERE u.canonical = ?1",
	[ST_USER_BY_EMAIL] = "SELECT " USER_COLUMNS USER_FROM
	    " WHERE u.email = ?1 AND u.email != ''",
	[ST_USER_NEXT] = "SELECT " USER_COLUMNS USER_FROM
	    " WHERE u.name > ?1 ORDER BY u.name LIMIT 1",
	[ST_USER_ADD] = "INSERT INTO user(name, canonical, email, policy,"
	    " created_us, disabled) VALUES(?1, ?2, ?3, ?4, ?5, 0)",
	[ST_USER_SET] = "UPDATE user SET email = coalesce(?2, email),"
	    " policy = coalesce(?3, policy), disabled = CASE WHEN ?4 < 0"
	    " THEN disabled ELSE ?4 END WHERE name = ?1",
	[ST_USER_DEL] = "DELETE FROM user WHERE id = ?1",
	[ST_USER_BUCKETS] = "SELECT count(*) FROM bucket b"
	    " JOIN owner o ON o.id = b.owner WHERE o.name = ?1",
	[ST_KEY_GET] = "SELECT " KEY_COLUMNS ", " USER_COLUMNS
	    " FROM access_key k JOIN user u ON u.id = k.user"
	    " WHERE k.access_key = ?1",
	[ST_KEYS_OF] = "SELECT " KEY_COLUMNS " FROM access_key k"
	    " WHERE k.user = ?1 ORDER BY k.created_us, k.access_key",
	[ST_KEY_ADD] = "INSERT INTO access_key(access_key, secret_key, user,"
	    " created_us, expires_us, disabled) VALUES(?1, ?2, ?3, ?4, 0, 0)",
	[ST_KEY_SET] = "UPDATE access_key SET disabled = CASE WHEN ?2 < 0"
	    " THEN disabled ELSE ?2 END, expires_us = CASE"
	    " WHEN ?3 < 0 OR (?3 > 0 AND expires_us > 0 AND expires_us < ?3)"
	    " THEN expires_us ELSE ?3 END WHERE access_key = ?1",
	[ST_KEY_DEL] = "DELETE FROM access_key WHERE access_key = ?1",
	[ST_KEYS_DEL] = "DELETE FROM access_key WHERE user = ?1",
	[ST_KEYS_ENDED] = "DELETE FROM access_key WHERE user = ?1"
	    " AND expires_us > 0 AND expires_us <= ?2",
	[ST_USERS_CHANGED] = "INSERT INTO meta(name, value) VALUES('users', 1)"
	    " ON CONFLICT(name) DO UPDATE SET value = value + 1",
};
