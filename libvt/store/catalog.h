/*
 * The catalog: buckets, versions, copies, extents, blobs, uploads, leases,
 * garbage.  It speaks of objects and never of SQL, knows no backend, and takes
 * every write asynchronously: an operation is submitted with its
 * preconditions, runs inside one transaction with others (group commit), and
 * has exactly one completion, after the transaction is on stable storage (P1).
 *
 * A handle may be shared by all threads of a process.  Reads take a
 * connection of a pool, block for microseconds, and never hold a read
 * transaction for longer than one call.
 *
 * One shape for everything: a version has copies, a copy has extents in
 * order, an extent is a range of a blob, a blob is one stored object on one
 * tier.  A blob becomes garbage in the transaction that removes its last
 * extent.
 */
#ifndef VT_STORE_CATALOG_H
#define VT_STORE_CATALOG_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/clock.h"
#include "libvt/base/err.h"
#include "libvt/proto/lifecycle.h"

#include "libvt/store/catalog_users.h"

#define VT_KEY_MAX 1024		/* bytes of a key */
#define VT_ID_LEN 32		/* hex digits of a version or upload id */
#define VT_DELETE_GRACE_MS 300000	/* for readers of what is deleted
					   meanwhile */

struct vt_catalog;

struct vt_catalog_options {
	const struct vt_clock *clock;	/* borrowed */
	/* The clock by which locks end, borrowed; NULL: `clock`.  For a
	 * program that may be told another time: no lock ends by that. */
	const struct vt_clock *lock_clock;
	int create;		/* make the file if it is missing */
	int read_only;
	int checkpointer;	/* this handle checkpoints (vt-serve); others
				   only when they close and nobody serves */
	unsigned group_max;	/* operations in a transaction; 0: 256 */
	uint64_t reserve_bytes;	/* kept free for deletes; 0: none */
	int64_t delete_grace_ms;	/* bytes of deleted and overwritten
				   versions stay this long for readers */
	/* Called once, from any thread, when a log sync failed: nothing
	 * acknowledged is lost, but the process must stop.  May be NULL. */
	void (*fatal)(void *ctx, const char *text);
	void *fatal_ctx;
};

/*
 * Open.  Numbered schema migrations run here; VT_INVALID when a newer program
 * wrote the file.  VT_ABSENT without `create`.
 */
enum vt_code vt_catalog_open(const char *path,
    const struct vt_catalog_options *o, struct vt_catalog **out,
    struct vt_err *err) VT_MUST_CHECK;
/* Finishes queued operations, ends this handle's leases (their unused ids are
 * never given again), closes.  NULL is accepted. */
void vt_catalog_close(struct vt_catalog *c);
/* Random, made with the catalog and changed by a rebuild; part of every blob
 * name, so that no two catalogs make the same one. */
uint64_t vt_catalog_incarnation(const struct vt_catalog *c);

/* --- what is stored ------------------------------------------------------- */

struct vt_blob {
	uint64_t id;
	const char *tier;
	const char *name;	/* on the tier; "" for inline bytes */
	const char *token;	/* what the backend returned, or "" */
	uint64_t size_bytes;	/* stored */
	uint64_t crc64;		/* CRC64NVME of the stored bytes */
	int owned;		/* 0: adopted, never ours to delete */
	int is_inline;		/* the bytes are in the catalog */
	const char *transform;	/* "" = stored as sent */
};

struct vt_extent {
	struct vt_blob blob;
	uint64_t offset, length;	/* of the stored bytes */
	uint64_t plain_length;		/* of the object's bytes */
	const void *data;	/* inline bytes of the whole blob, when the
				   lookup asked for them */
};

#define VT_COPY_FORM 32
struct vt_copy {
	int64_t id;		/* never used twice */
	const char *tier;
	int64_t created_us;	/* when it came to this tier */
	int64_t until_us;	/* a restore left it, it goes then; 0: stays */
	uint64_t stored_bytes;	/* of its extents together */
	int is_adopted;		/* some of its bytes are not ours */
	/* of a lean scan: when it is one extent of a blob that is transformed,
	 * how its transform begins (else ""), which blob it is, what that
	 * takes, and the bytes of all extents that are in it */
	char form[VT_COPY_FORM];
	uint64_t blob_id, blob_bytes, blob_live;
	const struct vt_extent *extents;	/* not of a lean scan */
	size_t extent_count;
};

/* Can whole reads be checked?  The chance that a sum is 0 is nothing. */
#define vt_crc_known(v) ((v)->crc64 != 0)

enum vt_lock_mode { VT_LOCK_NONE, VT_LOCK_GOVERNANCE, VT_LOCK_COMPLIANCE };
/* OFF: there was one, or the client said so; it locks nothing. */
enum vt_hold { VT_HOLD_NONE, VT_HOLD_ON, VT_HOLD_OFF };

/* One version of an object, or a delete marker. */
struct vt_version {
	int64_t bucket_id;
	const char *key;
	size_t key_len;
	int64_t seq;		/* order within a key; given at commit */
	char version_id[VT_ID_LEN + 1];	/* hex; also for null versions */
	int is_null;		/* goes by "null" on the wire */
	int is_marker;		/* a delete marker: no bytes */
	int is_current;
	int64_t generation;	/* grows with every change of metadata, tags,
				   locks, pin (not of copies) */
	uint64_t size_bytes;
	int64_t mtime_us;	/* never goes back within a key */
	const char *etag;	/* without quotes */
	uint64_t crc64;		/* of the whole body (P5); 0: not known, of
				   what was adopted and never read whole */
	/* "name\0value\0"...: content-type, cache-control, x-amz-meta-*...
	 * exactly as they go out again */
	const char *meta;
	size_t meta_len;
	/* "CRC32C FULL_OBJECT base64" or COMPOSITE; "" if the client asked
	 * for none */
	const char *checksum;
	const char *tags;	/* query-encoded, or "" */
	const char *owner;
	const char *pin;	/* tier it must stay on, or "" */
	const char *tier;	/* of the copy that LIST speaks of */
	uint32_t part_count;	/* 0: not a multipart object */
	enum vt_lock_mode lock_mode;
	int64_t retain_until_us;	/* 0 without a mode */
	enum vt_hold legal_hold;
	const char *acl;	/* who may beside the owner, or "" */
	const char *sse;	/* how the client had it encrypted, or "" */
	const struct vt_copy *copies;	/* filled by lookup, not by lists */
	size_t copy_count;
};

/* A bucket's sub-resource documents. */
enum vt_doc {
	VT_DOC_ACL, VT_DOC_CORS, VT_DOC_ENCRYPTION, VT_DOC_LIFECYCLE,
	VT_DOC_NOTIFICATION, VT_DOC_OBJECT_LOCK, VT_DOC_OWNERSHIP,
	VT_DOC_POLICY, VT_DOC_PUBLIC_ACCESS, VT_DOC_TAGGING,
	VT_DOCS
};
/* The sub-resource's name in a query: "cors". */
const char *vt_doc_name(enum vt_doc doc);

struct vt_bucket {
	int64_t id;
	const char *name, *owner, *location;
	int64_t created_us;
	int versioning;		/* 0 never, 1 enabled, 2 suspended */
	int object_lock;	/* versions may be locked: for ever, and
				   versioning stays enabled */
	/* retention of new versions that come without one of their own */
	enum vt_lock_mode lock_mode;
	unsigned lock_days;
	int64_t generation;	/* grows with every change of a document */
	unsigned docs;		/* 1 << vt_doc of those it has */
};

/* --- reading -------------------------------------------------------------- *
 * Results live in `a`.  VT_ABSENT when it is not there.
 */
enum vt_code vt_catalog_bucket(struct vt_catalog *c, struct vt_arena *a,
    const char *name, struct vt_bucket *out, struct vt_err *err)
    VT_MUST_CHECK;
/* The same by id; not from memory. */
enum vt_code vt_catalog_bucket_by_id(struct vt_catalog *c,
    struct vt_arena *a, int64_t id, struct vt_bucket *out,
    struct vt_err *err) VT_MUST_CHECK;
/* All buckets in name order; visit returns 0 to go on. */
enum vt_code vt_catalog_buckets(struct vt_catalog *c, struct vt_arena *a,
    int (*visit)(void *ctx, const struct vt_bucket *b), void *ctx,
    struct vt_err *err) VT_MUST_CHECK;
/* A document as it was stored; vt_bucket.docs says whether there is one. */
enum vt_code vt_catalog_doc(struct vt_catalog *c, struct vt_arena *a,
    int64_t bucket_id, enum vt_doc doc, const char **body, size_t *len,
    struct vt_err *err) VT_MUST_CHECK;

/*
 * A version with its copies: the current one (`version_id` NULL; may be a
 * delete marker), "null", or by id.  `inline_data`: also the bytes of inline
 * extents.
 */
enum vt_code vt_catalog_lookup(struct vt_catalog *c, struct vt_arena *a,
    int64_t bucket_id, const char *key, size_t key_len,
    const char *version_id, int inline_data, struct vt_version **out,
    struct vt_err *err) VT_MUST_CHECK;
/* The same by seq. */
enum vt_code vt_catalog_lookup_seq(struct vt_catalog *c, struct vt_arena *a,
    int64_t seq, int inline_data, struct vt_version **out,
    struct vt_err *err) VT_MUST_CHECK;

/* A version that is, or is being, brought back from an archive for a while. */
struct vt_restored {
	int64_t seq;
	int64_t source;		/* the copy it is read from */
	int speed;		/* enum vt_restore_speed */
	unsigned days;
	int64_t requested_us;
	int64_t until_us;	/* 0: under way */
};
/* The restore of a version; VT_ABSENT when it has none. */
enum vt_code vt_catalog_restored(struct vt_catalog *c, int64_t seq,
    struct vt_restored *out, struct vt_err *err) VT_MUST_CHECK;
/* Those with seq > `after`, in order, at most `max`: *count of them. */
enum vt_code vt_catalog_restores(struct vt_catalog *c, int64_t after,
    struct vt_restored *out, size_t max, size_t *count, struct vt_err *err)
    VT_MUST_CHECK;

/* Where a version stands among those of its key. */
struct vt_standing {
	int64_t after_us;	/* creation of the next newer one; 0: none */
	unsigned newer;		/* noncurrent versions newer than it, without
				   markers; counted up to 1,000 */
	int is_alone;		/* the key has no other */
};
enum vt_code vt_catalog_standing(struct vt_catalog *c,
    const struct vt_version *v, struct vt_standing *out, struct vt_err *err)
    VT_MUST_CHECK;

/* Sizes and checksums of a multipart object's parts, in order. */
struct vt_part_info {
	uint32_t number;
	uint64_t size_bytes;
	const char *checksum;	/* base64 in the object's algorithm, or "" */
};
enum vt_code vt_catalog_parts_of(struct vt_catalog *c, struct vt_arena *a,
    int64_t seq, struct vt_part_info **out, size_t *count,
    struct vt_err *err) VT_MUST_CHECK;

/* A page of a listing.  Keys compare as bytes. */
struct vt_list {
	int64_t bucket_id;
	int versions;		/* 0: current, no markers; 1: all */
	const char *prefix;
	size_t prefix_len;
	const char *delimiter;	/* "" for none */
	size_t delimiter_len;
	const char *after;	/* go on after this key (or common prefix) */
	size_t after_len;
	int has_after;
	int64_t after_seq;	/* with versions: after this one of `after`;
				   0: after all versions of the key */
	unsigned max;		/* entries, prefixes included; 0 gives none */
};
struct vt_list_item {
	int is_prefix;		/* key is a common prefix, v is NULL */
	const char *key;
	size_t key_len;
	const struct vt_version *v;	/* bucket_id key seq version_id is_null
				   is_marker is_current size mtime etag owner
				   tier checksum are set; borrowed during the
				   visit */
};
/* *truncated: there is more after the last item visited. */
enum vt_code vt_catalog_list(struct vt_catalog *c, const struct vt_list *l,
    int (*visit)(void *ctx, const struct vt_list_item *item), void *ctx,
    int *truncated, struct vt_err *err) VT_MUST_CHECK;

/* Uploads in progress. */
struct vt_upload {
	char id[VT_ID_LEN + 1];
	int64_t bucket_id;
	const char *key;
	size_t key_len;
	int64_t created_us;
	const char *owner;
	const char *meta;	/* as in vt_version */
	size_t meta_len;
	const char *checksum_alg;	/* "CRC32C"... or "" */
	const char *checksum_type;	/* FULL_OBJECT COMPOSITE or "" */
	const char *tier;	/* chosen at creation */
	const char *tags;
	int is_complete;	/* done: kept 24 h, see result_seq */
	int64_t result_seq;
	enum vt_lock_mode lock_mode;
	int64_t retain_until_us;
	enum vt_hold legal_hold;
	const char *acl, *sse;	/* as in vt_version */
};
struct vt_upload_part {
	int64_t id;		/* never used twice */
	uint32_t number;	/* 1..10,000 */
	uint64_t size_bytes;
	int64_t mtime_us;
	const char *etag;
	uint64_t crc64;
	const char *checksum;	/* "CRC32C base64" or "" */
	size_t extent_count;
};
enum vt_code vt_catalog_upload(struct vt_catalog *c, struct vt_arena *a,
    const char *upload_id, struct vt_upload **out, struct vt_err *err)
    VT_MUST_CHECK;
/* Parts with number > `after`, at most `max`, in order. */
enum vt_code vt_catalog_upload_parts(struct vt_catalog *c,
    struct vt_arena *a, const char *upload_id, uint32_t after, unsigned max,
    struct vt_upload_part **out, size_t *count, int *truncated,
    struct vt_err *err) VT_MUST_CHECK;
/* Uploads of a bucket ordered by key, then by time of creation, as list:
 * after (key, upload id).  Common prefixes come with id "" and key the
 * prefix. */
enum vt_code vt_catalog_uploads(struct vt_catalog *c,
    const struct vt_list *l, const char *after_upload_id,
    int (*visit)(void *ctx, int is_prefix, const struct vt_upload *u),
    void *ctx, int *truncated, struct vt_err *err) VT_MUST_CHECK;

/* Versions of all buckets in (bucket name, key, newest first) order, with
 * their copies, from `pos` (zeroed to start), a bounded page per call; *more 0
 * at the end.  Tolerates changes between calls. */
struct vt_scan_pos {
	char bucket[64];
	char key[VT_KEY_MAX];
	size_t key_len;
	int64_t seq;
	int started;
	/* Leave out what takes time to read and is not asked for: ETag, owner,
	 * headers, checksums, ACL, encryption, count of parts; the extents
	 * of copies. */
	int is_lean;
};
enum vt_code vt_catalog_scan(struct vt_catalog *c, struct vt_scan_pos *pos,
    unsigned max_rows,
    int (*visit)(void *ctx, const struct vt_bucket *b,
    const struct vt_version *v), void *ctx, int *more, struct vt_err *err)
    VT_MUST_CHECK;

struct vt_catalog_stats {
	uint64_t buckets, versions, markers, blobs, uploads, leases, garbage;
	uint64_t garbage_bytes, inline_bytes;
	uint64_t wal_bytes, commits, operations, checkpoints;
};
enum vt_code vt_catalog_stats(struct vt_catalog *c,
    struct vt_catalog_stats *out, struct vt_err *err) VT_MUST_CHECK;

/* What there is on a tier.  Looks at every blob: seconds on large stores. */
struct vt_tier_use {
	uint64_t blobs, bytes;	/* of versions and of uploads in progress */
	uint64_t adopted;	/* of the blobs: not ours */
	uint64_t garbage, garbage_bytes;	/* not collected yet */
	uint64_t intents;	/* names that may hold bytes */
};
enum vt_code vt_catalog_tier_use(struct vt_catalog *c, const char *tier,
    struct vt_tier_use *out, struct vt_err *err) VT_MUST_CHECK;

/* Bytes kept inline, counted since the start plus those found then; does not
 * block.  Exact for a lone writer, near enough for a limit. */
uint64_t vt_catalog_inline_bytes(const struct vt_catalog *c);

/* A consistent copy of the catalog as a new file, while it is in use. */
enum vt_code vt_catalog_snapshot(struct vt_catalog *c, const char *path,
    struct vt_err *err) VT_MUST_CHECK;

/* --- events --------------------------------------------------------------- *
 * What has been done and somebody is still to be told of: written in the
 * transaction that did it, removed when it was delivered.
 */
struct vt_event {
	int64_t id;		/* never used twice; rising */
	const char *dest;	/* who is to be told: the webhook's name */
	const char *name;	/* "ObjectCreated:Put" */
	const char *rule;	/* id of the bucket's rule that asked for it */
	const char *bucket, *owner;
	const char *key;
	size_t key_len;
	const char *version_id;	/* "" where the bucket has no versions */
	int64_t seq;		/* orders the events of a key; 0: none */
	uint64_t size_bytes;
	const char *etag;
	int64_t time_us;
	const char *requester;	/* canonical id, or "" */
	const char *remote, *request_id;
	const char *detail;	/* the rest of its record, JSON, or "" */
	unsigned attempts;	/* to deliver it */
};
/* Events for `dest` due at `now_us`, oldest first, in arena memory: at most
 * `max` of them. */
enum vt_code vt_catalog_events(struct vt_catalog *c, struct vt_arena *a,
    const char *dest, int64_t now_us, struct vt_event *out, size_t max,
    size_t *count, struct vt_err *err) VT_MUST_CHECK;
/* How many there are for `dest`, and when the oldest happened (0: none). */
enum vt_code vt_catalog_event_count(struct vt_catalog *c, const char *dest,
    uint64_t *count, int64_t *oldest_us, struct vt_err *err) VT_MUST_CHECK;

/* --- writing -------------------------------------------------------------- */

enum vt_cat_kind {
	VT_CAT_BUCKET_CREATE,	/* VT_EXISTS */
	VT_CAT_BUCKET_DELETE,	/* VT_ABSENT; VT_PRECONDITION: not empty */
	VT_CAT_DOC_SET,
	VT_CAT_VERSIONING_SET,	/* VT_PRECONDITION: the object lock wants it */
	VT_CAT_LOCK_SET,	/* object lock of a bucket, never to be undone;
				   VT_PRECONDITION: versioning is not enabled */
	VT_CAT_PUT,		/* a new version with its first copy */
	VT_CAT_DELETE,		/* a key or a version */
	VT_CAT_META_SET,	/* tags, pin, locks of a version */
	VT_CAT_UPLOAD_CREATE,
	VT_CAT_PART_PUT,
	VT_CAT_UPLOAD_COMPLETE,
	VT_CAT_UPLOAD_ABORT,
	VT_CAT_SWAP,		/* add a copy and drop another: a move (P3) */
	VT_CAT_PACK,		/* many of these into ranges of one blob */
	VT_CAT_RESTORE_ASK,	/* a version from an archive, for some days */
	VT_CAT_RESTORE_DONE,	/* here is its temporary copy */
	VT_CAT_RESTORE_END,	/* forget it, and the copy whose time is up */
	VT_CAT_LIFECYCLE,	/* a removal that a rule asks for (P3) */
	VT_CAT_LEASE,		/* a block of blob ids */
	VT_CAT_LEASE_END,
	VT_CAT_INTENT,		/* remember a name, or a multi-step upload, on
				   a tier; ends with the blob's row, or with
				   its garbage */
	VT_CAT_INTENT_END,
	VT_CAT_GARBAGE_ADD,	/* bytes under a name no row refers to */
	VT_CAT_GARBAGE_CLAIM,	/* rows due, for this process */
	VT_CAT_GARBAGE_DONE,
	VT_CAT_EVENTS_DONE,	/* delivered, or given up */
	VT_CAT_EVENT_RETRY,	/* not yet: again later */
	VT_CAT_NOTHING,		/* only its events */
	VT_CAT_EXPIRE,		/* completed uploads older than 24 h, events
				   older than VT_EVENT_KEEP_DAYS */
	VT_CAT_USER_CREATE,	/* VT_EXISTS: name, email or key are in use */
	VT_CAT_USER_SET,	/* VT_ABSENT; VT_EXISTS: the email is in use */
	VT_CAT_USER_DELETE,	/* VT_ABSENT; VT_PRECONDITION: owns buckets */
	VT_CAT_KEY_ADD,		/* VT_ABSENT; VT_PRECONDITION: has its two */
	VT_CAT_KEY_SET,		/* VT_ABSENT */
	VT_CAT_KEY_DELETE,	/* VT_ABSENT */
	VT_CAT_MASTER_KEY,	/* a master key is used: VT_PRECONDITION when
				   another was under its name */
	VT_CAT_REWRAP,		/* change transforms of blobs */
	VT_CAT_OWN,		/* adopted blobs become ours */
	VT_CAT_REPAIR,		/* a copy whose bytes are gone or wrong */
	VT_CAT_KINDS
};

/* Conditions on the current version of a key, checked in the transaction;
 * VT_PRECONDITION when one does not hold, VT_ABSENT when if_match meets no
 * object. */
struct vt_cat_cond {
	int if_none_match_any;	/* no current object may exist */
	const char *if_match;	/* ETag without quotes, "*" any, or NULL */
	int has_if_mtime;
	int64_t if_mtime_us;	/* equal in whole seconds */
	int has_if_size;
	uint64_t if_size_bytes;
	int has_if_seq;		/* the version must be this one... */
	int64_t if_seq;
	int64_t if_generation;	/* ...and this generation (0: any) */
};

/*
 * Where bytes of a new version, part or copy are.  Each extent refers to a
 * blob: a new one (`blob.id` from a lease of this process, all its fields
 * set) or one that exists (`is_ref`: by id; it must still be referred to by
 * the live version `ref_seq`, 0 meaning any, else VT_PRECONDITION).  Inline
 * bytes: is_inline
 * in the blob and `data`.
 */
struct vt_cat_extent {
	struct vt_extent e;
	int is_ref;
	int64_t ref_seq;
	uint64_t form_of;	/* not 0: a move of this blob, whose transform
				   as it is by then is taken over: its key may
				   have been wrapped anew meanwhile */
};

struct vt_cat_doc {
	enum vt_doc doc;
	const void *body;	/* NULL: remove it */
	size_t len;
};

/* One more copy of a new version, on another tier. */
struct vt_cat_more {
	const char *tier;
	const struct vt_cat_extent *extents;	/* of as many plain bytes */
	size_t extent_count;
};

struct vt_cat_put {
	/* in: bucket_id, key, and all descriptive fields of `v`; seq,
	 * version_id, mtime, is_null, generation are given at commit, and
	 * the bucket's retention where `v` has none */
	struct vt_version v;
	const char *tier;
	const struct vt_cat_extent *extents;	/* none for an empty object */
	size_t extent_count;
	const struct vt_cat_more *more;	/* PUT: each on a tier of its own */
	size_t more_count;
	const struct vt_part_info *parts;	/* v.part_count of them */
	struct vt_cat_cond cond;
	/* 1: mtime_us of `v` is kept (restore of a backup, adopt) */
	int keep_mtime;
	/* 1: so is its version_id, which nothing had before */
	int keep_version_id;
	/* out */
	int64_t seq, mtime_us;
	char version_id[VT_ID_LEN + 1];
	int is_null;
	int replaced;		/* an older null version went away */
};

struct vt_cat_delete {
	int64_t bucket_id;
	const char *key;
	size_t key_len;
	const char *version_id;	/* NULL: the key; "null"; or an id */
	struct vt_cat_cond cond;
	int bypass_governance;
	/* out; deleting what is not there is VT_OK with found 0 */
	int found;
	int made_marker;	/* a delete marker was added */
	int was_marker;		/* the version deleted was a marker */
	/* deleted or made; "" when the bucket has no versions */
	char out_version_id[VT_ID_LEN + 1];
	int out_is_null;
};

/*
 * Parts that share several blobs could double an object's blobs with each
 * copy: beyond so many in one upload such a part is VT_TOO_LARGE.  Parts of
 * one blob are always taken, so that an object has 14,000 at most (P9).
 */
#define VT_SHARED_MAX 4000

struct vt_cat_part {
	const char *upload_id;
	uint32_t number;
	uint64_t size_bytes, crc64;
	const char *etag, *checksum;
	const struct vt_cat_extent *extents;
	size_t extent_count;
	int64_t mtime_us;	/* out */
	int64_t part_id;	/* out */
};

struct vt_cat_complete {
	const char *upload_id;
	const int64_t *part_ids;	/* in order; each must still be that
				   upload's part, else VT_PRECONDITION */
	size_t part_count;
	struct vt_cat_put put;	/* v and cond as for PUT, without extents:
				   they come from the parts.  VT_ABSENT: no
				   such upload; VT_EXISTS: completed already,
				   put.seq tells the result */
};

#define VT_SWAP_OTHERS 8

struct vt_cat_swap {
	int64_t seq;
	int64_t source_copy_id;	/* must be live, else VT_PRECONDITION */
	int64_t version_generation;	/* as it was read */
	int64_t bucket_generation;	/* as it was read */
	int drop_source;
	unsigned min_copies;	/* that must be left after it */
	int64_t others[VT_SWAP_OTHERS];	/* ids of copies that it was decided
				   by: they must be there still */
	size_t other_count;
	int verified;		/* the new copy was read back: only then may
				   it replace that of a locked version */
	const char *tier;	/* of the new copy; must not have one yet */
	int in_place;		/* it is the source's own, whose bytes lie
				   elsewhere on it then; with drop_source */
	const struct vt_cat_extent *extents;
	size_t extent_count;
	int64_t grace_ms;	/* the source's bytes stay this long */
	uint64_t crc64;		/* of the whole body: the version's when its
				   own is not known; else 0 */
	int64_t copy_id;	/* out */
};

/* One of many swaps.  Its extents may refer to the blob of the operation as
 * `is_ref` with ref_seq 0. */
struct vt_cat_pack_member {
	struct vt_cat_swap swap;
	/* journaled when it was done; all known of them is given */
	const struct vt_cat_event *events;
	size_t event_count;
	enum vt_code code;	/* out: VT_OK, or why it was left out */
	struct vt_err err;
};

/*
 * Swaps into one blob: those that may be are done, the others are left out.
 * VT_PRECONDITION: none was done.  Keep it to VT_CAT_PACK_MAX members, so that
 * nobody waits long for the transaction, and go on with the same blob.
 */
#define VT_CAT_PACK_MAX 256
struct vt_cat_pack {
	struct vt_blob blob;	/* all its fields, for the first operation */
	int is_new;		/* this is it; later ones: still there, else
				   VT_PRECONDITION */
	struct vt_cat_pack_member *members;
	size_t count;
	size_t done;		/* out */
};

struct vt_cat_restore {
	int64_t seq;
	int64_t source_copy_id;	/* ASK, DONE: a lasting copy, else
				   VT_PRECONDITION */
	int speed;		/* ASK */
	unsigned days;		/* ASK: it stays until midnight UTC after so
				   many days.  When it is restored already it
				   stays so long from now (until_us not 0);
				   VT_BUSY: is under way, no slower */
	const char *tier;	/* DONE: of the temporary copy */
	const struct vt_cat_extent *extents;
	size_t extent_count;
	int64_t until_us;	/* out: of ASK (0: has been begun), DONE; END:
				   what it was when its time was found to be
				   up, else VT_PRECONDITION */
};

/*
 * A removal that a lifecycle rule asks for, if all is as it was when the rule
 * was asked, else VT_PRECONDITION; VT_ABSENT when it is gone, VT_DENIED when
 * it is locked.
 */
struct vt_cat_lifecycle {
	enum vt_lc_action action;
	int64_t bucket_id, bucket_generation;
	int64_t seq, version_generation;	/* not of an upload */
	unsigned keep_newer;	/* newer noncurrent versions there must be */
	const char *upload_id;
	/* out */
	int made_marker, marker_is_null;	/* a delete marker was added */
	char marker_id[VT_ID_LEN + 1];
};

struct vt_cat_lease {
	unsigned count;		/* ids wanted, 1..1,000,000; 0: 4,096 */
	uint64_t first_id;	/* out */
};

struct vt_garbage {
	int64_t id;
	uint64_t blob_id;
	const char *tier, *name, *token;
	uint64_t size_bytes;
	int64_t not_before_us;
};
struct vt_cat_garbage {
	unsigned max;		/* CLAIM: rows wanted, at most 1,000 */
	int ignore_grace;	/* CLAIM: also rows not due yet */
	const char *const *skip;	/* CLAIM: none of these tiers */
	size_t skip_count;
	struct vt_arena *arena;	/* CLAIM: results live here */
	struct vt_garbage *rows;	/* CLAIM out; ADD, DONE in */
	size_t count;
};

struct vt_cat_intent {
	uint64_t blob_id;
	const char *tier, *name, *upload;	/* backend's upload id */
};

/* Who delivers events gives up a day earlier, and says so; the catalog forgets
 * those that nobody delivers any more. */
#define VT_EVENT_KEEP_DAYS 8

/* An event of an operation.  `e`: dest, name, rule, bucket, owner, key,
 * requester, remote, request_id, detail; what a new version or a delete makes
 * known at commit is filled in then, else it is given too. */
struct vt_cat_event {
	struct vt_event e;
	int versioned;		/* the bucket has, or had, versions */
	enum {
		VT_EVENT_ALWAYS, VT_EVENT_IF_MARKER, VT_EVENT_IF_REMOVED
	} when;			/* what a delete did */
};

/* A master key by name, and what proves that it is the same one. */
struct vt_cat_master_key {
	const char *name, *proof;
};

/* A blob's transform, `to` instead of `from`; one that is another by now is
 * left alone. */
struct vt_cat_rewrap_row {
	uint64_t blob_id;
	const char *from, *to;
};
struct vt_cat_rewrap {
	const struct vt_cat_rewrap_row *rows;
	size_t count;
	size_t changed;		/* out */
};

/*
 * The bytes of a copy are gone, or not what they were: put another in its
 * place, on its tier or on one without a copy; or drop it, with the version
 * when no lasting copy is left, whatever locks that: nobody can read it.
 * VT_PRECONDITION: the copy is no longer there.
 */
struct vt_cat_repair {
	int64_t seq, copy_id;
	int is_lost;		/* there is nothing to put in its place */
	const char *tier;	/* of the new copy */
	const struct vt_cat_extent *extents;
	size_t extent_count;
	int64_t grace_ms;	/* what is left of the old bytes stays so
				   long */
	int64_t new_copy_id;	/* out */
	int version_gone;	/* out: it was the last copy */
};

struct vt_cat_op {
	enum vt_cat_kind kind;
	/* Journaled when the operation succeeds, in its transaction. */
	const struct vt_cat_event *events;
	size_t event_count;
	/*
	 * Called exactly once after the commit, on the catalog's thread; must
	 * not block.  `code` and `err` are set.  Everything the operation
	 * points to must live until then.
	 */
	void (*done)(struct vt_cat_op *op);
	void *ctx;
	enum vt_code code;
	struct vt_err err;
	struct vt_cat_op *next;	/* the catalog's */
	union {
		struct {
			struct vt_bucket b;	/* in; id out */
			const struct vt_cat_doc *docs;	/* it begins with */
			size_t doc_count;
			int same_owner;	/* out, VT_EXISTS: it is b.owner's */
		} bucket_create;
		struct {
			const char *name;
			int64_t id;	/* must be this one */
		} bucket_delete;
		struct {
			int64_t bucket_id;
			struct vt_cat_doc d;
		} doc;
		struct {
			int64_t bucket_id;
			int state;	/* 1 enabled, 2 suspended */
		} versioning;
		struct {
			int64_t bucket_id;
			enum vt_lock_mode mode;	/* of new versions */
			unsigned days;
			struct vt_cat_doc d;	/* VT_DOC_OBJECT_LOCK */
		} lock;
		struct vt_cat_put put;
		struct vt_cat_delete del;
		struct {
			int64_t seq;	/* changed if >= 0 or not NULL: */
			const char *tags, *pin, *acl;
			int lock_mode, legal_hold;	/* -1: as it is */
			int64_t retain_until_us;	/* -1: as it is */
			int bypass_governance;
		} meta;		/* VT_DENIED: it would weaken a lock */
		struct {
			struct vt_upload u;	/* in; id, created out */
		} upload_create;
		struct vt_cat_part part;
		struct vt_cat_complete complete;
		struct {
			const char *upload_id;
		} upload_abort;
		struct vt_cat_swap swap;
		struct vt_cat_pack pack;
		struct vt_cat_restore restore;
		struct vt_cat_lifecycle lifecycle;
		struct vt_cat_lease lease;
		struct {
			uint64_t first_id;
		} lease_end;
		struct vt_cat_intent intent;
		struct vt_cat_garbage garbage;
		struct vt_cat_user user;	/* USER_*, KEY_* */
		struct {
			const int64_t *ids;
			size_t count;
		} events_done;
		struct {
			int64_t id, not_before_us;
		} event_retry;
		struct vt_cat_master_key master_key;
		struct vt_cat_rewrap rewrap;
		struct {
			const uint64_t *blobs;
			size_t count;
		} own;
		struct vt_cat_repair repair;
	} u;
};

/* Queue an operation; any thread; does not block. */
void vt_catalog_submit(struct vt_catalog *c, struct vt_cat_op *op);
/* Submit and wait; returns op->code, with its words in `err` (may be NULL).
 * Not from a completion. */
enum vt_code vt_catalog_run(struct vt_catalog *c, struct vt_cat_op *op,
    struct vt_err *err) VT_MUST_CHECK;

/*
 * A fresh blob id of this process: from its lease in memory, taking a new
 * block when it runs out (then this blocks for a commit).
 */
enum vt_code vt_catalog_blob_id(struct vt_catalog *c, uint64_t *out,
    struct vt_err *err) VT_MUST_CHECK;
/*
 * The fate of an id is known without an operation: nothing was or is any more
 * stored under its name.  Call it once at most for an id; committed operations
 * do it by themselves.  A block whose ids are all settled ends its lease, so
 * that recovery has little to walk.
 */
void vt_catalog_blob_done(struct vt_catalog *c, uint64_t id);

/* --- recovery ------------------------------------------------------------- */

/* Leases whose process is gone.  For each id of such a lease that no blob row
 * has, and each intent, the caller removes the names, then ends the lease. */
struct vt_dead_lease {
	uint64_t first_id;
	unsigned count;
	const char *owner;
};
enum vt_code vt_catalog_dead_leases(struct vt_catalog *c,
    struct vt_arena *a, struct vt_dead_lease **out, size_t *count,
    struct vt_err *err) VT_MUST_CHECK;
/*
 * A name on another machine was given up, or may have been: a request that was
 * under way can still be carried out there.  It is garbage an hour from now,
 * with whatever its intent names.  Blocks for a commit; when it fails, what is
 * left is found once this process is gone.
 */
enum vt_code vt_catalog_give_up(struct vt_catalog *c, uint64_t blob_id,
    const char *tier, const char *name, struct vt_err *err);
/* Intents of blobs with an id of `count` from `first` on, in order, the first
 * 1,000 of them; in arena memory. */
enum vt_code vt_catalog_intents(struct vt_catalog *c, struct vt_arena *a,
    uint64_t first, uint64_t count, struct vt_cat_intent **out, size_t *n,
    struct vt_err *err) VT_MUST_CHECK;
/* 1: a blob row (or a garbage row) has this id, 0: none, -1: failure. */
int vt_catalog_blob_known(struct vt_catalog *c, uint64_t id,
    struct vt_err *err);
/* Whether any blob still refers to a name: for verify and tests. */
enum vt_code vt_catalog_blobs(struct vt_catalog *c, const char *tier,
    int (*visit)(void *ctx, const struct vt_blob *b), void *ctx,
    struct vt_err *err) VT_MUST_CHECK;
/* The master keys that were ever used. */
enum vt_code vt_catalog_master_keys(struct vt_catalog *c,
    int (*visit)(void *ctx, const struct vt_cat_master_key *key), void *ctx,
    struct vt_err *err) VT_MUST_CHECK;
/* Blobs with id > `after` that have a transform, at most `max`, in order, with
 * it as `from`; none: there are no more. */
enum vt_code vt_catalog_transforms(struct vt_catalog *c, struct vt_arena *a,
    uint64_t after, struct vt_cat_rewrap_row *rows, size_t max,
    size_t *count, struct vt_err *err) VT_MUST_CHECK;
/* SQLite's own integrity check and ours: every extent has its blob, counts
 * of references and live bytes are right, one current version a key. */
enum vt_code vt_catalog_check(struct vt_catalog *c, struct vt_err *err)
    VT_MUST_CHECK;

#endif
