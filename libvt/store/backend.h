/*
 * What users of backends call.  A backend keeps blobs: immutable byte strings
 * under names that the caller chooses and never uses twice.  It knows nothing
 * of buckets, keys, versions or the catalog.
 *
 * A handle may be shared by threads; a put, get or list handle belongs to one
 * thread at a time.  Every call may block unless its comment says otherwise.
 */
#ifndef VT_STORE_BACKEND_H
#define VT_STORE_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/clock.h"
#include "libvt/base/err.h"

#define VT_BLOB_NAME_MAX 1024	/* bytes of a name, NUL included */
#define VT_BLOB_TOKEN_MAX 256	/* bytes of a token, NUL included */
#define VT_RESTORE_DAYS_MAX 36500

/*
 * Names are relative paths of visible characters: no "/" at either end, no
 * empty, "." or ".." component, no control byte.  file: wants the components
 * to be of A-Z a-z 0-9 . _ - and not to start with a dot or end in .vtm or
 * .vtr.  Anything else is VT_INVALID before the backend is touched.
 */

/* Is it such a name, as far as every driver goes? */
int vt_blob_name_ok(const char *name);

struct vt_backend;
struct vt_backend_put;
struct vt_backend_get;

/* What a driver can do. */
struct vt_backend_caps {
	uint64_t max_size_bytes;	/* of one blob */
	uint64_t min_part_bytes;	/* of a multi-step upload; 0: any */
	unsigned fd : 1;	/* vt_backend_get_fd works */
	unsigned restore : 1;	/* reads may answer VT_NEEDS_RESTORE */
	unsigned cheap_absent : 1;	/* deleting an absent name costs
					   nothing: recovery may walk leases */
	unsigned remote : 1;	/* another machine: needs intents, workers */
	unsigned copy : 1;	/* vt_backend_copy may work */
	unsigned objects : 1;	/* vt_backend_objects works */
	/*
	 * A name that is taken is refused by commit and not by put_begin: to
	 * ask before costs a request.  Servers that know no such condition
	 * (B2, Google's S3, old gateways) do not refuse it at all, which is
	 * well since no name is ever used twice.
	 */
	unsigned late_exists : 1;
	unsigned compares : 1;	/* a commit that succeeds means that the other
				   machine compared what it stored with a
				   digest */
	unsigned tells_crc : 1;	/* commit tells the CRC, which the driver
				   computes while it keeps a part */
	unsigned find_uploads : 1;	/* vt_backend_abort_upload of "" */
};

/*
 * What a driver of another machine has to know beside its URL.  Strings are
 * copied by open; NULL or 0 is the default.  s3: wants a pair of keys, azure:
 * the name of the account and its key, or that and a SAS as the token, gcs:
 * the text of a key file as the token, or a bearer token as it is.
 */
struct vt_backend_remote {
	const char *endpoint;	/* http[s]://host[:port]; the provider's */
	const char *region;	/* us-east-1 */
	const char *access_key, *secret_key;	/* none: anonymous */
	const char *session_token;
	const char *object_class;	/* storage class or access tier there */
	const char *ca_file;	/* PEM; the system's */
	int virtual_host;	/* bucket.host/key */
	int requester_pays;
	uint64_t part_bytes;	/* of a multi-step upload; 16 MiB */
	unsigned tries;		/* of each request; VT_S3_TRIES */
	int64_t connect_ms, stall_ms;	/* those of httpc */
	const volatile int *cancel;	/* not 0: give up; borrowed */
};

struct vt_backend_options {
	const struct vt_clock *clock;	/* borrowed for the handle's life */
	const char *base_dir;	/* relative file: paths start here, or NULL */
	int create;		/* make the place if it is missing */
	int64_t restore_delay_ms;	/* file: and mem: play a Glacier when
					   > 0: reads need a restore that takes
					   this long */
	const struct vt_backend_remote *remote;	/* borrowed during open;
					   NULL: all defaults */
};

/*
 * Open by URL: "file:PATH", "mem:NAME", "s3://BUCKET[/PREFIX]",
 * "azure://CONTAINER[/PREFIX]", "gcs://BUCKET[/PREFIX]"; with `create` a
 * missing bucket is made.  *out is NULL on failure.
 * VT_INVALID (unknown scheme, bad URL), VT_ABSENT (no such place and no
 * `create`), VT_IO, VT_DENIED.
 */
enum vt_code vt_backend_open(const char *url,
    const struct vt_backend_options *o, struct vt_backend **out,
    struct vt_err *err) VT_MUST_CHECK;
/* NULL is accepted.  Every put and get must have ended. */
void vt_backend_close(struct vt_backend *b);
/* Does not block; borrowed as long as the handle. */
const struct vt_backend_caps *vt_backend_caps(const struct vt_backend *b);
const char *vt_backend_url(const struct vt_backend *b);

/*
 * The name under which a new blob of this id is kept on this kind of backend
 * (DESIGN 6: "<2 hex>/<2 hex>/<blob id>" on file:, so that 256 ids in a row
 * share a directory and its sync; "<prefix>/<bucket>/<key cut>/<blob id>"
 * elsewhere).  `incarnation` is the catalog's: no two catalogs ever make the
 * same name.  Does not block.  The hints may be NULL.
 */
enum vt_code vt_backend_name(const struct vt_backend *b, uint64_t blob_id,
    uint64_t incarnation, const char *bucket, const char *key,
    size_t key_len, char out[VT_BLOB_NAME_MAX], struct vt_err *err)
    VT_MUST_CHECK;

/* --- writing ---------------------------------------------------------------
 * begin, write..., then commit or abort: exactly one of the two, which frees
 * the handle whatever it returns.  Until commit returns VT_OK the blob is not
 * visible to get and head, and a crash leaves at most bytes under `name`.
 */
struct vt_header_kv {
	const char *name, *value;
};
struct vt_backend_put_info {
	uint64_t size_bytes;	/* what will come, UINT64_MAX if unknown */
	/*
	 * Told how the backend calls a multi-step upload before the first byte
	 * of it leaves, for vt_backend_abort_upload after a crash; a failure
	 * fails the put.  May be NULL.
	 */
	enum vt_code (*begun)(void *ctx, const char *upload,
	    struct vt_err *err);
	void *begun_ctx;
};
struct vt_backend_put_result {
	uint64_t size_bytes;	/* stored */
	uint64_t crc64;		/* CRC64NVME of the stored bytes */
	char token[VT_BLOB_TOKEN_MAX];	/* what the backend calls it, or "" */
};
/* VT_EXISTS when the name is taken (see caps.late_exists); VT_NOSPACE;
 * VT_BUSY; VT_IO... */
enum vt_code vt_backend_put_begin(struct vt_backend *b, const char *name,
    const struct vt_backend_put_info *info, struct vt_backend_put **out,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_backend_put_write(struct vt_backend_put *p, const void *data,
    size_t len, struct vt_err *err) VT_MUST_CHECK;
/*
 * Keep `meta` beside the blob, at most VT_BLOB_META_MAX bytes of names and
 * values together: what tells, without a catalog, whose bytes these are (P11).
 * Names are of a-z, 0-9 and '-', values of visible ASCII and blanks.  Once at
 * most, after the last write.  Where it does not fit the blob itself it lies
 * beside it as "<name>.vtm", which list leaves out and delete removes too.
 */
#define VT_BLOB_META_MAX 16384
enum vt_code vt_backend_put_meta(struct vt_backend_put *p,
    const struct vt_header_kv *meta, size_t count, struct vt_err *err)
    VT_MUST_CHECK;
/* VT_OK means: the bytes and the name are on stable storage (P1).  Syncs of
 * one directory asked for at the same time are done once for all. */
enum vt_code vt_backend_put_commit(struct vt_backend_put *p,
    struct vt_backend_put_result *out, struct vt_err *err) VT_MUST_CHECK;
/* Gives up and removes what was written, best effort.  NULL is accepted. */
void vt_backend_put_abort(struct vt_backend_put *p);
/*
 * End a multi-step upload that a process left behind; "": any of that name, in
 * case it ended before it was told what its upload is called.  VT_ABSENT when
 * there is none (any more), where the server says so.
 */
enum vt_code vt_backend_abort_upload(struct vt_backend *b, const char *name,
    const char *upload, struct vt_err *err) VT_MUST_CHECK;
/*
 * Have the other machine copy a blob of `size_bytes` and `crc64` from a tier
 * to this one (two classes of one bucket), `meta` with it, without its bytes
 * coming here.  VT_INVALID when these two cannot do that, which costs no
 * request: then get and put are the way.  What was copied is what was stored,
 * as far as the other machine can tell; *out as of a commit, its crc64 that of
 * the source.
 */
struct vt_backend_copy {
	struct vt_backend *from;
	const char *from_name, *from_token;
	uint64_t size_bytes, crc64;
	struct vt_backend_put_info info;
	const struct vt_header_kv *meta;	/* NULL: the source's */
	size_t meta_count;
};
enum vt_code vt_backend_copy(struct vt_backend *b, const char *name,
    const struct vt_backend_copy *c, struct vt_backend_put_result *out,
    struct vt_err *err) VT_MUST_CHECK;

/* --- reading --------------------------------------------------------------*/
/*
 * Read `length` bytes at `offset` of a blob.  `token` is what put returned
 * ("" or NULL: whatever is there).  VT_ABSENT; VT_NEEDS_RESTORE; VT_CORRUPT
 * (token differs, or the blob is shorter than offset + length).
 */
enum vt_code vt_backend_get_begin(struct vt_backend *b, const char *name,
    const char *token, uint64_t offset, uint64_t length,
    struct vt_backend_get **out, struct vt_err *err) VT_MUST_CHECK;
/* Up to `len` bytes; *got 0 only at the end of the range. */
enum vt_code vt_backend_get_read(struct vt_backend_get *g, void *data,
    size_t len, size_t *got, struct vt_err *err) VT_MUST_CHECK;
/* NULL is accepted. */
void vt_backend_get_end(struct vt_backend_get *g);
/* A read-only descriptor of the whole blob (caps.fd), the caller's to close;
 * *size_bytes is the blob's length. */
enum vt_code vt_backend_get_fd(struct vt_backend *b, const char *name,
    int *fd, uint64_t *size_bytes, struct vt_err *err) VT_MUST_CHECK;

struct vt_backend_head {
	uint64_t size_bytes;
	int64_t mtime_us;
	char token[VT_BLOB_TOKEN_MAX];
	int archived;		/* reads need a restore */
	int restoring;		/* one is under way */
	int64_t restored_until_us;	/* 0: not restored */
};
enum vt_code vt_backend_head(struct vt_backend *b, const char *name,
    struct vt_backend_head *out, struct vt_err *err) VT_MUST_CHECK;
/* What was kept beside a blob: `visit` is called for each pair, and returns 0
 * to go on (else VT_CANCELLED).  A blob without any is VT_OK. */
typedef int vt_backend_visit_meta(void *ctx, const char *name,
    const char *value);
enum vt_code vt_backend_meta(struct vt_backend *b, const char *name,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
    VT_MUST_CHECK;

/* Remove; VT_ABSENT when there was nothing. */
enum vt_code vt_backend_delete(struct vt_backend *b, const char *name,
    const char *token, struct vt_err *err) VT_MUST_CHECK;

/* How much in a hurry (AWS, "Understanding archive retrieval options"). */
enum vt_restore_speed { VT_STANDARD, VT_EXPEDITED, VT_BULK };
/* What a tier that plays a Glacier takes for it, from its restore delay:
 * Glacier's proportions are minutes, hours and half a day. */
int64_t vt_restore_delay_ms(int64_t delay_ms, enum vt_restore_speed speed);
/* Make an archived blob readable for `days`.  VT_OK: readable already or the
 * expiry was moved; VT_BUSY: started or under way; VT_INVALID: no such need. */
enum vt_code vt_backend_restore(struct vt_backend *b, const char *name,
    unsigned days, enum vt_restore_speed speed, struct vt_err *err)
    VT_MUST_CHECK;

/* A restored blob has been read and is not needed any longer: a store that
 * bills the restored copy by itself (Azure) drops it now, elsewhere nothing
 * happens.  VT_OK also when there is none. */
enum vt_code vt_backend_restore_end(struct vt_backend *b, const char *name,
    struct vt_err *err) VT_MUST_CHECK;

/*
 * Visit every blob whose name starts with `prefix`, in no particular order,
 * paging to the end.  `visit` returns 0 to go on; another value stops with
 * VT_CANCELLED.  Memory does not grow with the number of blobs.
 */
typedef int vt_backend_visit(void *ctx, const char *name,
    uint64_t size_bytes, int64_t mtime_us);
enum vt_code vt_backend_list(struct vt_backend *b, const char *prefix,
    vt_backend_visit *visit, void *ctx, struct vt_err *err) VT_MUST_CHECK;

/*
 * What others keep there: objects under names that need not be those of blobs.
 * Only of drivers with caps.objects.
 */
struct vt_backend_object {
	const char *name;	/* any bytes but NUL */
	uint64_t size_bytes;
	int64_t mtime_us;
	const char *etag;	/* without quotes; "": not told */
	const char *object_class;	/* "": not told */
};
/* Visit those whose name starts with `prefix` and, when `after` is not NULL,
 * comes behind it, in order of their bytes; else as vt_backend_list. */
typedef int vt_backend_visit_object(void *ctx,
    const struct vt_backend_object *o);
enum vt_code vt_backend_objects(struct vt_backend *b, const char *prefix,
    const char *after, vt_backend_visit_object *visit, void *ctx,
    struct vt_err *err) VT_MUST_CHECK;
/* One of them, with the headers that it is served with: content-type,
 * x-amz-meta-... */
struct vt_backend_described {
	struct vt_backend_head head;
	char etag[128];		/* without quotes, or "" */
	int has_crc64;
	uint64_t crc64;		/* CRC64NVME of its bytes */
};
enum vt_code vt_backend_describe(struct vt_backend *b, const char *name,
    struct vt_backend_described *out, vt_backend_visit_meta *visit,
    void *ctx, struct vt_err *err) VT_MUST_CHECK;

/*
 * What went to the other machine since the handle was opened: one for each
 * request that the provider bills, tries again included.  Zero of local
 * drivers.  Does not block.
 */
struct vt_backend_counts {
	uint64_t writes;	/* PUT, POST, COPY, LIST: the dearer kind */
	uint64_t reads;		/* GET, HEAD */
	uint64_t deletes;
	uint64_t bytes_in, bytes_out;	/* read from, written to it */
};
void vt_backend_counts(const struct vt_backend *b,
    struct vt_backend_counts *out);

/*
 * Wrap a backend of another machine.
 *
 * Turns: so many requests at once (of a read: until its bytes come) and so
 * many open puts, each of which may keep a part in memory (P9).  Others wait
 * in order; a wait ends after wait_ms, when there are too many (VT_BUSY), and
 * with `cancel` or close (VT_CANCELLED).  Whoever has the turn of a request
 * waits for nothing else, so these cannot wait for each other, however many
 * tiers and open handles are involved.  Who keeps puts open on several tiers
 * begins them in the order of the tiers.  A read or put under way needs no
 * further turn; how many reads are open is for the caller to bound.
 *
 * Breaker: opens after failures in a row (VT_BUSY, VT_IO; what is absent,
 * denied or archived is an answer).  Then whatever begins, and writing, is
 * VT_BUSY at once; what waits for its turn is woken with that.  After a while
 * one request is let through to see whether the tier is back; the pause
 * doubles until one is answered.  Reads under way go on as long as bytes come.
 *
 * Reads that break in the middle, or end early, go on at their offset under
 * the same token.  Bytes are held back to a rate.  Owns `inner`; NULL: no
 * memory.
 */
struct vt_guard_options {
	unsigned calls_max;	/* requests at once; 0: 32 */
	unsigned puts_max;	/* open at once; 0: calls_max */
	unsigned waiting_max;	/* for either; 0: 256 */
	int64_t wait_ms;	/* at most; 0: 30,000 */
	unsigned open_after;	/* failures in a row; 0: 5 */
	int64_t open_ms;	/* until one is let through, doubles up to
				   60 s; 0: 1,000 */
	uint64_t bytes_per_s;	/* each way; 0: no limit */
	unsigned resumes;	/* of one read, and one more for each GiB that
				   came; 0: 5 */
	const volatile int *cancel;	/* not 0: waits end; or NULL */
};
struct vt_backend *vt_backend_guard(struct vt_backend *inner,
    const struct vt_guard_options *o);
struct vt_backend_health {
	int is_open;		/* the breaker: calls are refused */
	int64_t retry_ms;	/* then: until one may be let through; 0: one
				   is under way, or may be */
	unsigned calls, puts, waiting;	/* now */
	uint64_t failures, refused;	/* since the handle was opened */
};
/* All zero of a backend without a guard.  Does not block. */
void vt_backend_health(const struct vt_backend *b,
    struct vt_backend_health *out);

/*
 * Faults for tests.  A rule strikes the `at`-th call, counted from 1 over the
 * calls that it is for, and then every `every`-th; of several that strike, the
 * first counts.  Closing, names, counts and health are no calls; an abort is
 * one, but cannot fail.
 */
struct vt_fault {
	char op[12];	/* "put", "write", "metadata", "commit", "abort",
			   "copy", "get", "read", "open", "head", "meta",
			   "delete", "restore", "list"; "" is any */
	uint64_t at, every;	/* every 0: once */
	enum vt_fault_act {
		VT_FAULT_FAIL,	/* with `code`, without asking the driver; a
				   commit aborts */
		VT_FAULT_HANG,	/* for ms (0: until the rules change, or
				   `cancel`), then fail */
		VT_FAULT_SLOW,	/* the same, then go on */
		VT_FAULT_KILL,	/* SIGKILL for the process */
		VT_FAULT_CUT,	/* of read: the end, too early */
		VT_FAULT_FLIP,	/* of read and write: one bit is wrong */
		VT_FAULT_DRIP	/* of read: one byte, after ms */
	} act;
	enum vt_code code;
	int is_late;	/* FAIL, HANG and KILL: only after the driver did what
			   was asked and did not fail */
	int64_t ms;
	uint64_t seen;	/* calls; the wrapper's */
};
#define VT_FAULTS_MAX 8
/*
 * Rules as text, separated by commas: ACTION[:OP]@AT[+EVERY].  ACTION is the
 * name of a code ("busy", "absent"...), hang, slow, kill, cut, flip or drip,
 * with "-late" behind it where that may be, and "=MS" behind that.
 * "kill-late:commit@1,busy:read@2+3".  VT_INVALID.
 */
enum vt_code vt_fault_parse(const char *text,
    struct vt_fault rules[VT_FAULTS_MAX], size_t *count, struct vt_err *err)
    VT_MUST_CHECK;
/* Owns `inner`; NULL: no memory.  `cancel` is borrowed, may be NULL. */
struct vt_backend *vt_backend_faults(struct vt_backend *inner,
    const struct vt_fault *rules, size_t count, const volatile int *cancel);
/* Other rules from now on, with counts from 0; what hangs goes on. */
void vt_backend_faults_set(struct vt_backend *b,
    const struct vt_fault *rules, size_t count);
/* One rule: the n-th call (0: none) fails with `code`. */
struct vt_backend *vt_backend_fault(struct vt_backend *inner,
    uint64_t fail_at, enum vt_code code);
/* Calls seen so far by a fault wrapper, and those that hang now. */
uint64_t vt_backend_fault_calls(const struct vt_backend *b);
unsigned vt_backend_fault_hanging(const struct vt_backend *b);

#endif
