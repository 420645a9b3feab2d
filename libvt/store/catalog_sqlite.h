/*
 * Inside the catalog: what its files share.  No other file includes this.
 *
 *	catalog.c		opening, schema, closing
 *	catalog_sql.c		the schema and the statements
 *	catalog_conn.c		connections, statements, the reading pool
 *	catalog_owner.c		the write lock; which processes live
 *	catalog_reserve.c	room kept for a full disk
 *	catalog_commit.c	the committer: operations in groups
 *	catalog_write.c		what carries out an operation; numbers, names
 *	catalog_version.c	versions added, changed, removed
 *	catalog_copies.c	versions of several copies
 *	catalog_blob.c catalog_garbage.c	extents and blobs; garbage
 *	catalog_swap.c catalog_pack.c	what moves commit
 *	catalog_read.c catalog_list.c	versions looked up, scanned, listed
 *	catalog_scan.c catalog_window.c	the same scan, lean
 *	catalog_bucket.c catalog_upload.c catalog_restore.c catalog_event.c
 *	catalog_users.c catalog_master.c catalog_lease.c catalog_intent.c
 *				what each is called by, read and written
 *	catalog_tier.c catalog_check.c	figures; snapshot, check
 *	catalog_rebuild.c catalog_scratch.c	made anew from the tiers
 *
 * catalog_heat.c is of another file, heat.db.
 */
#ifndef VT_STORE_CATALOG_SQLITE_H
#define VT_STORE_CATALOG_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "libvt/store/catalog.h"

/*
 * Every statement, kept prepared per connection.  The numbers of the
 * parameters are those of the ?n in the text.
 */
enum vt_st {
	ST_BEGIN, ST_BEGIN_IMMEDIATE, ST_COMMIT, ST_ROLLBACK,
	ST_SAVEPOINT, ST_RELEASE, ST_ROLLBACK_TO,
	ST_META_GET, ST_META_SET,
	ST_TIER_NAME, ST_TIER_ID, ST_TIER_ADD,
	ST_OWNER_NAME, ST_OWNER_ID, ST_OWNER_ADD,
	ST_BUCKET_GET, ST_BUCKET_BY_ID, ST_BUCKET_NEXT, ST_BUCKET_ADD,
	ST_BUCKET_DEL, ST_BUCKET_USED, ST_BUCKET_DOCS, ST_BUCKET_VERSIONING,
	ST_BUCKET_LOCK,
	ST_DOC_GET, ST_DOC_SET, ST_DOC_DEL, ST_DOCS_DEL,
	ST_MASTER_KEY_GET, ST_MASTER_KEY_ADD, ST_MASTER_KEYS,
	ST_BLOB_REWRAP, ST_BLOB_FORM, ST_BLOBS_TRANSFORMED,
	ST_VERSION_CURRENT, ST_VERSION_NULL, ST_VERSION_ID, ST_VERSION_SEQ,
	ST_VERSION_ADD, ST_VERSION_DEL, ST_VERSION_SET_CURRENT,
	ST_VERSION_TOP, ST_VERSION_META, ST_VERSION_TIER,
	ST_VERSION_STANDING,
	ST_COPY_EXTENTS, ST_COPY_EXTENTS_INLINE, ST_COPY_ADD, ST_COPY_DEL,
	ST_COPIES, ST_COPY_AT, ST_COPY_UNTIL, ST_COPY_TEMPORARY,
	ST_EXTENT_ADD, ST_EXTENTS_OF, ST_EXTENTS_DEL, ST_EXTENTS_MOVE,
	ST_EXTENT_COUNT, ST_EXTENTS_OF_UPLOAD, ST_REF_CHECK,
	ST_BLOB_ADD, ST_BLOB_REF, ST_BLOB_UNREF, ST_BLOB_DEL, ST_BLOB_KNOWN,
	ST_BLOBS_OF_TIER,
	ST_INLINE_ADD, ST_INLINE_DEL,
	ST_PARTS_SET, ST_PARTS_GET, ST_PARTS_DEL,
	ST_LIST, ST_LIST_INCLUSIVE, ST_SCAN, ST_SCAN_AFTER, ST_SCAN_FROM,
	ST_LEAN_VERSIONS, ST_LEAN_OLDER, ST_LEAN_RARE,
	ST_LEAN_COPIES, ST_LEAN_EXTENTS, ST_LEAN_BLOBS,
	ST_UPLOAD_ADD, ST_UPLOAD_GET, ST_UPLOAD_DEL, ST_UPLOAD_COMPLETE,
	ST_UPLOAD_LIST, ST_UPLOAD_LIST_FROM, ST_UPLOADS_OF_BUCKET,
	ST_UPLOADS_OLD,
	ST_PART_ADD, ST_PART_GET, ST_PART_BY_ID, ST_PART_DEL, ST_PART_LIST,
	ST_PARTS_OF_UPLOAD,
	ST_RESTORE_GET, ST_RESTORES, ST_RESTORE_SET, ST_RESTORE_DEL,
	ST_EVENT_ADD, ST_EVENTS_DUE, ST_EVENT_COUNT, ST_EVENT_DEL,
	ST_EVENT_RETRY, ST_EVENTS_OLD,
	ST_LEASE_ADD, ST_LEASE_DEL, ST_LEASES,
	ST_INTENT_ADD, ST_INTENT_DEL, ST_INTENTS,
	ST_TIER_BLOBS, ST_TIER_GARBAGE, ST_TIER_UPLOADS, ST_BLOB_OWN,
	ST_VERSION_CRC,
	ST_GARBAGE_ADD, ST_GARBAGE_DUE, ST_GARBAGE_CLAIM, ST_GARBAGE_DEL,
	ST_GARBAGE_NAMES, ST_EXTENTS_FROM, ST_COPY_SEQ,
	ST_USER_GET, ST_USER_BY_ID, ST_USER_BY_EMAIL, ST_USER_NEXT,
	ST_USER_ADD, ST_USER_SET, ST_USER_DEL, ST_USER_BUCKETS,
	ST_KEY_GET, ST_KEYS_OF, ST_KEY_ADD, ST_KEY_SET, ST_KEY_DEL,
	ST_KEYS_DEL, ST_KEYS_ENDED, ST_USERS_CHANGED,
	ST_STATEMENTS
};

/* One connection: a thread at a time. */
struct vt_conn {
	sqlite3 *db;
	sqlite3_stmt *st[ST_STATEMENTS];
	struct vt_window *window;	/* what take_row fills */
	struct vt_conn *next;
};

/* For a version with all its copies: two of as many encrypted blobs as an
 * object has parts take 11 MB. */
#define VERSION_ARENA_MAX ((size_t)64 << 20)

#define WAL_CHECKPOINT_BYTES (32ULL << 20)
#define PAGE_ARENA_MAX (64 << 20)	/* for some rows of a listing or scan */

#define TIER_CACHE 64
#define DAY_US (24LL * 3600 * 1000000)

/* A bucket's row as it was read, for a moment. */
#define BUCKET_CACHE 64
#define BUCKET_CACHE_US 1000000
struct vt_bucket_slot {
	struct vt_bucket b;	/* its strings are those below */
	char name[64], owner[128], location[64];
	uint64_t epoch;
	int64_t read_us;	/* monotonic; 0: empty */
};

/* A block of blob ids that this process holds. */
struct vt_lease_block {
	uint64_t first, next, end;
	uint64_t resolved;	/* ids whose fate is known */
	struct vt_lease_block *older;
};

struct vt_catalog {
	char *path, *owner, *owner_path;
	int owner_fd;		/* locked as long as this handle lives */
	int turn_fd, lock_fd;	/* the turnstile and the write lock */
	int dir_fd;
	struct vt_catalog_options o;
	uint64_t incarnation;

	/* readers */
	pthread_mutex_t pool_lock;
	struct vt_conn *pool;

	/* the committer: its own connection and thread */
	struct vt_conn *w;
	pthread_t thread;
	int thread_started;
	pthread_mutex_t queue_lock;
	pthread_cond_t queue_cond;
	struct vt_cat_op *head, **tail;
	int stopping;		/* (queue_lock) */
	int64_t reserve_retry_us;	/* monotonic: look again then */
	/* what others read, too */
	atomic_int broken;
	_Atomic uint64_t wal_bytes, commits, operations, checkpoints;
	_Atomic int64_t inline_bytes;
	/* ids given inside the transaction that runs; written back once */
	int64_t next_id, next_blob;
	int ids_dirty;

	/* names of tiers and owners by id: append-only, read under the lock */
	pthread_mutex_t names_lock;
	char *tier_name[TIER_CACHE];

	/* buckets read lately; a change made by this process ends the epoch,
	 * one made by another is seen after BUCKET_CACHE_US */
	pthread_mutex_t bucket_lock;
	struct vt_bucket_slot bucket[BUCKET_CACHE];
	uint64_t bucket_epoch;

	/* leases */
	pthread_mutex_t lease_lock;
	pthread_cond_t lease_cond;
	struct vt_lease_block *leases;	/* newest first; [0] gives ids */
	struct vt_lease_block *spare;
	int lease_wanted;
};

/*
 * What the column `rare` of a version says, as an SQL expression: so that a
 * scan need not ask for what hardly any version has.
 */
#define VT_CAT_RARE(is_null, marker, tags, pin, mode, until, hold) \
	"(" is_null " + 2 * " marker " + 4 * (" tags " <> '' OR " pin \
	" <> '' OR " mode " <> 0 OR " until " <> 0 OR " hold " <> 0))"
#define VT_CAT_IS_NULL 1
#define VT_CAT_IS_MARKER 2
#define VT_CAT_HAS_RARE 4	/* -1, not known, has that bit too */

/* Text of every statement (catalog_sql.c), in the order of enum vt_st, and the
 * schema's migrations. */
extern const char *const vt_cat_sql[ST_STATEMENTS];
extern const char *const vt_cat_migrations[];
extern const int vt_cat_migration_count;

/* --- connections: catalog_conn.c ------------------------------------------ */

/* One with flags of sqlite3_open_v2.  `k` may be NULL. */
enum vt_code vt_conn_open(const char *path, int flags, struct vt_conn **out,
    struct vt_err *err) VT_MUST_CHECK;
void vt_conn_close(struct vt_conn *k);
/* A prepared statement, reset and without bindings; NULL on failure. */
sqlite3_stmt *vt_conn_st(struct vt_conn *k, enum vt_st which);
/* Take a reading connection with a read transaction begun / give it back. */
enum vt_code vt_conn_take(struct vt_catalog *c, struct vt_conn **out,
    struct vt_err *err) VT_MUST_CHECK;
void vt_conn_give(struct vt_catalog *c, struct vt_conn *k);
/* What SQLite's last failure on `db` means. */
enum vt_code vt_sqlite_code(sqlite3 *db);
/* The code for an SQLite failure, with its words. */
enum vt_code vt_conn_fail(struct vt_conn *k, const char *doing,
    struct vt_err *err);
/* Step a statement that returns no row.  SQLITE_DONE is VT_OK. */
enum vt_code vt_conn_run(struct vt_conn *k, sqlite3_stmt *s,
    const char *doing, struct vt_err *err) VT_MUST_CHECK;

/* The name of a tier id, "" for 0; owned by the catalog for its life. */
const char *vt_cat_tier_name(struct vt_catalog *c, struct vt_conn *k,
    int64_t id);

/* --- the handle ----------------------------------------------------------- */

/* catalog_owner.c: one writer at a time over all processes. */
enum vt_code vt_cat_write_lock(struct vt_catalog *c, struct vt_err *err)
    VT_MUST_CHECK;
void vt_cat_write_unlock(struct vt_catalog *c);
/* Make this handle's owner file; remove those of processes that were killed;
 * whether the owner of that name lives. */
enum vt_code vt_cat_become_owner(struct vt_catalog *c, struct vt_err *err)
    VT_MUST_CHECK;
void vt_cat_forget_dead_owners(struct vt_catalog *c);
int vt_cat_owner_alive(struct vt_catalog *c, const char *owner);

/* catalog_reserve.c: keep some disk back, or give back a slice; 0: there is no
 * more. */
void vt_cat_reserve_take(struct vt_catalog *c);
int vt_cat_reserve_give(struct vt_catalog *c);

/* catalog_commit.c: the thread (`arg` is the catalog).  A checkpoint is a
 * mode of sqlite3_wal_checkpoint_v2. */
void *vt_cat_committer(void *arg);
void vt_cat_checkpoint(struct vt_catalog *c, int mode);

/* catalog_lease.c: end those in memory, before the handle closes. */
void vt_cat_end_leases(struct vt_catalog *c);

/* --- inside a transaction of `k` ------------------------------------------ */

/* catalog_read.c: the version that a statement yields, with its copies. */
enum vt_code vt_cat_read_version(struct vt_catalog *c, struct vt_conn *k,
    struct vt_arena *a, sqlite3_stmt *s, int inline_data,
    struct vt_version **out, struct vt_err *err) VT_MUST_CHECK;
/* The one of that number. */
enum vt_code vt_cat_read_seq(struct vt_catalog *c, struct vt_conn *k,
    struct vt_arena *a, int64_t seq, int inline_data,
    struct vt_version **out, struct vt_err *err) VT_MUST_CHECK;
/*
 * catalog_read.c: versions from (key, seq) on, what is left of the key, then
 * the next keys, at most `limit`.  `row` returns 0 to go on.
 */
enum vt_code vt_cat_walk_versions(struct vt_catalog *c, struct vt_conn *k,
    int64_t bucket, const char *key, size_t key_len, int inclusive,
    int64_t seq, unsigned limit, int with_copies,
    int (*row)(void *ctx, const struct vt_version *v), void *ctx,
    unsigned *rows, int *stopped, struct vt_err *err) VT_MUST_CHECK;
/* See vt_catalog_standing. */
enum vt_code vt_cat_standing(struct vt_conn *k, const struct vt_version *v,
    struct vt_standing *out, struct vt_err *err) VT_MUST_CHECK;

/* catalog_bucket.c: the bucket that a statement over a name yields. */
enum vt_code vt_cat_read_bucket(struct vt_conn *k, struct vt_arena *a,
    sqlite3_stmt *s, const char *name, struct vt_bucket *out,
    struct vt_err *err) VT_MUST_CHECK;

/* catalog_upload.c: a row of uploads; an upload, and its row number. */
enum vt_code vt_cat_fill_upload(struct vt_catalog *c, struct vt_conn *k,
    struct vt_arena *a, sqlite3_stmt *s, struct vt_upload *u,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_get_upload(struct vt_catalog *c, struct vt_conn *k,
    struct vt_arena *a, const char *upload_id, struct vt_upload *u,
    int64_t *row, struct vt_err *err) VT_MUST_CHECK;

/*
 * catalog_scan.c: versions of a bucket, newest first within a key, from `key`
 * on (`seq` 0) or behind (key, seq), at most `limit`, for a scan that is
 * lean.  `row` returns 0 to go on.
 */
enum vt_code vt_cat_scan_lean(struct vt_catalog *c, struct vt_conn *k,
    int64_t bucket, const char *key, size_t key_len, int64_t seq,
    unsigned limit, int (*row)(void *ctx, const struct vt_version *v),
    void *ctx, unsigned *rows, int *stopped, struct vt_err *err)
    VT_MUST_CHECK;

/* --- inside the transaction of c->w --------------------------------------- */

/* catalog_write.c: run one operation. */
enum vt_code vt_cat_apply(struct vt_catalog *c, struct vt_cat_op *op,
    int64_t now_us, struct vt_err *err) VT_MUST_CHECK;
/* Load and store the id counters round a transaction. */
enum vt_code vt_cat_ids_load(struct vt_catalog *c, struct vt_err *err)
    VT_MUST_CHECK;
enum vt_code vt_cat_ids_store(struct vt_catalog *c, struct vt_err *err)
    VT_MUST_CHECK;
/* Blob ids this operation settled (committed): for the lease count. */
void vt_cat_settle(struct vt_catalog *c, const struct vt_cat_op *op);
/* A fresh number of the catalog. */
int64_t vt_cat_next_id(struct vt_catalog *c);
/* The number of a tier or an owner, added when it is new; 0 for no tier, that
 * of "root" for no owner. */
enum vt_code vt_cat_tier_id(struct vt_catalog *c, const char *name,
    int64_t *out, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_owner_id(struct vt_catalog *c, const char *name,
    int64_t *out, struct vt_err *err) VT_MUST_CHECK;
/* The first id that a statement over one number yields, 0 for none. */
enum vt_code vt_cat_first_id(struct vt_catalog *c, enum vt_st which,
    int64_t arg, int64_t *out, struct vt_err *err) VT_MUST_CHECK;

/* catalog_bucket.c: the numbers of a bucket; VT_ABSENT when it is gone.
 * `generation` may be NULL. */
enum vt_code vt_cat_bucket_now(struct vt_catalog *c, int64_t bucket,
    struct vt_bucket *b, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_bucket_state(struct vt_catalog *c, int64_t bucket,
    int *versioning, int64_t *generation, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_bucket_create(struct vt_catalog *c,
    struct vt_cat_op *op, int64_t now_us, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_bucket_delete(struct vt_catalog *c,
    struct vt_cat_op *op, int64_t now_us, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_doc(struct vt_catalog *c, struct vt_cat_op *op,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_versioning(struct vt_catalog *c, struct vt_cat_op *op,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_lock(struct vt_catalog *c, struct vt_cat_op *op,
    struct vt_err *err) VT_MUST_CHECK;

/*
 * catalog_blob.c.  Before any change the extents are taken: checked, and the
 * blobs that they refer to counted once more; then they are added to a copy
 * or part, or those of one dropped, their bytes becoming garbage at `due_us`.
 */
enum vt_code vt_cat_extents_take(struct vt_catalog *c,
    const struct vt_cat_extent *x, size_t n, uint64_t size_bytes,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_extents_add(struct vt_catalog *c, int64_t copy,
    const struct vt_cat_extent *x, size_t n, struct vt_err *err)
    VT_MUST_CHECK;
enum vt_code vt_cat_extents_drop(struct vt_catalog *c, int64_t copy,
    int64_t due_us, struct vt_err *err) VT_MUST_CHECK;
/* A copy without extents yet; `plain`: it will be as vt_cat_is_plain says. */
enum vt_code vt_cat_copy_add(struct vt_catalog *c, int64_t seq, int64_t tier,
    int plain, int64_t now_us, int64_t *copy, struct vt_err *err)
    VT_MUST_CHECK;
int vt_cat_is_plain(const struct vt_cat_extent *x, size_t n,
    uint64_t size_bytes);
/* Add a copy whose extents have been checked (at most once for a tier), or
 * remove one, its bytes becoming garbage at `due_us`. */
enum vt_code vt_cat_copy_put(struct vt_catalog *c, const struct vt_version *v,
    const char *tier, const struct vt_cat_extent *x, size_t n,
    int64_t now_us, int64_t *copy_id, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_copy_drop(struct vt_catalog *c, int64_t seq,
    const struct vt_copy *copy, int64_t due_us, struct vt_err *err)
    VT_MUST_CHECK;
/* A new blob with a reference that is no extent's, until it is let go. */
enum vt_code vt_cat_blob_hold(struct vt_catalog *c, const struct vt_blob *b,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_blob_let_go(struct vt_catalog *c, const struct vt_blob *b,
    int64_t due_us, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_own(struct vt_catalog *c, const struct vt_cat_op *op,
    struct vt_err *err) VT_MUST_CHECK;

/* catalog_copies.c: the further copies of a version that was made from `p`. */
enum vt_code vt_cat_copies_more(struct vt_catalog *c,
    const struct vt_cat_put *p, int64_t now_us, struct vt_err *err);
/* Those that a swap was decided by are there still. */
enum vt_code vt_cat_copies_there(const struct vt_version *v,
    const struct vt_cat_swap *w, struct vt_err *err);

/* catalog_garbage.c: a row of garbage. */
enum vt_code vt_cat_garbage_add(struct vt_catalog *c, uint64_t blob,
    int64_t tier, const char *name, const char *token, uint64_t size,
    int64_t due_us, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_garbage_add(struct vt_catalog *c,
    const struct vt_cat_garbage *g, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_garbage_claim(struct vt_catalog *c,
    struct vt_cat_garbage *g, int64_t now_us, struct vt_err *err)
    VT_MUST_CHECK;
enum vt_code vt_cat_op_garbage_done(struct vt_catalog *c,
    const struct vt_cat_garbage *g, struct vt_err *err) VT_MUST_CHECK;

/* catalog_intent.c, catalog_lease.c */
enum vt_code vt_cat_op_intent(struct vt_catalog *c,
    const struct vt_cat_intent *in, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_lease(struct vt_catalog *c, struct vt_cat_lease *l,
    int64_t now_us, struct vt_err *err) VT_MUST_CHECK;

/* catalog_swap.c: a swap; *has_changed: a failure must roll the operation
 * back. */
enum vt_code vt_cat_swap(struct vt_catalog *c, struct vt_cat_swap *w,
    int64_t now_us, int *has_changed, struct vt_err *err) VT_MUST_CHECK;

/* catalog_pack.c */
enum vt_code vt_cat_pack_apply(struct vt_catalog *c, struct vt_cat_pack *p,
    int64_t now_us, struct vt_err *err) VT_MUST_CHECK;

/* catalog_upload.c: remove an upload with its parts; the bytes become
 * garbage. */
enum vt_code vt_cat_upload_remove(struct vt_catalog *c, int64_t upload,
    int64_t now_us, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_upload_create(struct vt_catalog *c,
    struct vt_cat_op *op, int64_t now_us, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_upload_abort(struct vt_catalog *c,
    const char *upload_id, int64_t now_us, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_part_put(struct vt_catalog *c, struct vt_cat_part *p,
    int64_t now_us, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_complete(struct vt_catalog *c,
    struct vt_cat_complete *m, int64_t now_us, struct vt_err *err)
    VT_MUST_CHECK;

/* catalog_version.c: a new version of a key, without a copy yet, which goes
 * to *tier. */
enum vt_code vt_cat_version_new(struct vt_catalog *c, struct vt_cat_put *p,
    int64_t now_us, int64_t *tier, struct vt_err *err) VT_MUST_CHECK;
/* Remove a version whatever locks it, its bytes becoming garbage at `due_us`;
 * the one below it becomes current. */
enum vt_code vt_cat_version_forget(struct vt_catalog *c,
    const struct vt_version *v, int64_t due_us, struct vt_err *err)
    VT_MUST_CHECK;
/* LIST speaks of the copy on `tier`; NULL: of any lasting one but `not`. */
enum vt_code vt_cat_version_on(struct vt_catalog *c,
    const struct vt_version *v, const char *tier, const struct vt_copy *not,
    struct vt_err *err) VT_MUST_CHECK;
/* No restore of this version is under way or done. */
enum vt_code vt_cat_restore_forget(struct vt_catalog *c, int64_t seq,
    struct vt_err *err) VT_MUST_CHECK;
/* The time as locks know it. */
int64_t vt_cat_lock_now(const struct vt_catalog *c, int64_t now_us);
enum vt_code vt_cat_op_put(struct vt_catalog *c, struct vt_cat_put *p,
    int64_t now_us, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_delete(struct vt_catalog *c, struct vt_cat_delete *d,
    int64_t now_us, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_meta(struct vt_catalog *c, struct vt_cat_op *op,
    int64_t now_us, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_op_lifecycle(struct vt_catalog *c,
    struct vt_cat_lifecycle *l, int64_t now_us, struct vt_err *err)
    VT_MUST_CHECK;

/* catalog_rebuild.c */
enum vt_code vt_cat_repair(struct vt_catalog *c, struct vt_cat_repair *p,
    int64_t now_us, struct vt_err *err) VT_MUST_CHECK;

/* catalog_restore.c */
enum vt_code vt_cat_restore_apply(struct vt_catalog *c, struct vt_cat_op *op,
    int64_t now_us, struct vt_err *err) VT_MUST_CHECK;

/* catalog_event.c: the events of an operation that has succeeded, and the
 * operations on events. */
enum vt_code vt_cat_events_add(struct vt_catalog *c,
    const struct vt_cat_op *op, int64_t now_us, struct vt_err *err)
    VT_MUST_CHECK;
enum vt_code vt_cat_events_apply(struct vt_catalog *c,
    const struct vt_cat_op *op, struct vt_err *err) VT_MUST_CHECK;

/* catalog_master.c */
enum vt_code vt_cat_master_key_note(struct vt_catalog *c,
    const struct vt_cat_master_key *key, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_cat_rewrap(struct vt_catalog *c, struct vt_cat_rewrap *w,
    struct vt_err *err) VT_MUST_CHECK;

/* catalog_users.c: one of VT_CAT_USER_* and VT_CAT_KEY_*. */
enum vt_code vt_cat_apply_user(struct vt_catalog *c, struct vt_cat_op *op,
    int64_t now_us, struct vt_err *err) VT_MUST_CHECK;

#endif
