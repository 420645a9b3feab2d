/*
 * A client of the S3 API: one function a request, each signed, checked and
 * tried again when another try may help.  For vt-put, vt-get and the s3:
 * backend.  Knows no files, no catalog, no environment: endpoint, keys, clock
 * and cancellation arrive as options.
 *
 * Failures are told as "Code: message" of the server, or as libcurl puts it;
 * the caller adds the object.  Codes: VT_ABSENT (404), VT_DENIED (401, 403,
 * certificates), VT_NEEDS_RESTORE (InvalidObjectState), VT_PRECONDITION (412,
 * 304), VT_EXISTS, VT_INVALID (what will stay wrong), VT_CORRUPT (bytes that
 * arrived are not those that were sent), VT_NOSPACE (507), VT_TOO_LARGE,
 * VT_CANCELLED, and VT_BUSY: 5xx, 429, no connection, after all tries.
 *
 * Checks.  What is sent carries the CRC64NVME of its bytes, and over plain
 * http to another machine a signed SHA-256 too; over https the payload is
 * unsigned, TLS covers it.  An answer that repeats the checksum must repeat
 * the same; one without it has its ETag compared with the MD5, which is
 * computed only then, and Content-MD5 is sent from then on.
 */
#ifndef VT_PROTO_S3CLIENT_H
#define VT_PROTO_S3CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/clock.h"
#include "libvt/base/err.h"
#include "libvt/base/hash.h"
#include "libvt/proto/httpc.h"
#include "libvt/proto/httpretry.h"

#define VT_S3_PARTS_MAX 10000
#define VT_S3_PART_MIN (5u * 1024 * 1024)
#define VT_S3_PART_MAX (5ull * 1024 * 1024 * 1024)
#define VT_S3_KEY_MAX 1024
#define VT_S3_TRIES VT_RETRY_TRIES	/* default of the option */

/* Threads may share the handle: each request takes a connection of the pool
 * and gives it back. */
struct vt_s3;

struct vt_s3_options {
	const char *endpoint;	/* http[s]://host[:port][/base]; NULL: AWS */
	const char *region;
	const char *access_key;	/* NULL: anonymous, unsigned */
	const char *secret_key;
	const char *session_token;	/* NULL or "": none */
	int virtual_host;	/* bucket.host/key instead of host/bucket/key */
	int requester_pays;	/* say that we pay, also for others' buckets */
	const char *ca_file;
	const char *user_agent;
	const struct vt_clock *clock;	/* borrowed */
	unsigned tries;		/* of each request; 0: VT_S3_TRIES */
	int64_t connect_timeout_ms, stall_ms;	/* 0: those of httpc */
	int64_t backoff_ms;	/* first pause at most; doubles; 0: 200 */
	int64_t backoff_max_ms;	/* no pause is longer; 0: 20,000 */
	const volatile int *cancel;	/* may be NULL */
	/* Told before each pause; may be NULL; any thread. */
	void (*retrying)(void *ctx, const char *what, unsigned attempt,
	    int64_t pause_ms, const struct vt_err *why);
	void *retrying_ctx;
};

/* Strings are copied (and wiped by close). */
enum vt_code vt_s3_open(const struct vt_s3_options *o, struct vt_s3 **out,
    struct vt_err *err) VT_MUST_CHECK;
/* NULL is accepted; no request may be under way. */
void vt_s3_close(struct vt_s3 *s);

/* Requests that a provider bills, each try for itself, and bytes of bodies. */
struct vt_s3_counts {
	uint64_t writes;	/* PUT, POST, COPY, LIST */
	uint64_t reads, deletes;
	uint64_t bytes_in, bytes_out;
};
/* Since the handle was opened.  Does not block. */
void vt_s3_counts(const struct vt_s3 *s, struct vt_s3_counts *out);

/* --- checksums of objects ------------------------------------------------- */
/* What the server says of a whole object; alg VT_HASH_ALGS: nothing usable.
 * Composite checksums of multipart objects are not kept. */
struct vt_s3_checksum {
	enum vt_hash_alg alg;
	uint8_t value[VT_HASH_MAX];
};

/* --- writing -------------------------------------------------------------- */
/* Bytes of memory (data) or of a file (data NULL). */
struct vt_s3_body {
	const void *data;
	int fd;
	uint64_t offset;
	uint64_t len;
	int has_crc64;		/* the CRC64NVME is known already */
	uint64_t crc64;
};

struct vt_s3_put {
	const char *bucket, *key;
	/* content-type, x-amz-meta-*, x-amz-storage-class, if-none-match... */
	const struct vt_header *headers;
	size_t header_count;
	/*
	 * Not over an object that is there: VT_PRECONDITION, of a PUT or of
	 * the end of an upload.  A server that does not know that condition
	 * is not asked again, and replaces.
	 */
	int exclusive;
	struct vt_s3_body body;
	vt_httpc_moved *moved;	/* may be NULL; the sum is body.len on */
	void *moved_ctx;	/* success and 0 on failure */
};
struct vt_s3_put_result {
	char etag[128];		/* without quotes */
	char version[256];	/* "" if none */
	uint64_t crc64;		/* CRC64NVME of the body */
};
enum vt_code vt_s3_put_object(struct vt_s3 *s, const struct vt_s3_put *p,
    struct vt_s3_put_result *out, struct vt_err *err) VT_MUST_CHECK;

/* --- multipart ------------------------------------------------------------ */
struct vt_s3_part {
	unsigned number;	/* from 1 */
	uint64_t size_bytes;
	char etag[128];
	uint64_t crc64;		/* valid if has_crc64 */
	int has_crc64;
};
/* p->body is not looked at.  *upload_id is malloc'ed. */
enum vt_code vt_s3_create_upload(struct vt_s3 *s, const struct vt_s3_put *p,
    char **upload_id, struct vt_err *err) VT_MUST_CHECK;
/* p->headers are not sent. */
enum vt_code vt_s3_upload_part(struct vt_s3 *s, const struct vt_s3_put *p,
    const char *upload_id, unsigned number, struct vt_s3_part *out,
    struct vt_err *err) VT_MUST_CHECK;
/*
 * `parts` in order; when each has its crc64, the CRC64NVME of the whole goes
 * along and the answer's is compared.  p->headers: conditions only.
 * An answer that was lost is found again by looking at the object.
 */
enum vt_code vt_s3_complete_upload(struct vt_s3 *s,
    const struct vt_s3_put *p, const char *upload_id,
    const struct vt_s3_part *parts, size_t count,
    struct vt_s3_put_result *out, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_s3_abort_upload(struct vt_s3 *s, const char *bucket,
    const char *key, const char *upload_id, struct vt_err *err)
    VT_MUST_CHECK;
/* Visitors return 0 to go on; another value stops with VT_CANCELLED.  What
 * they are given is theirs until they return. */
typedef int vt_s3_visit_upload(void *ctx, const char *key,
    const char *upload_id, int64_t initiated_us);
enum vt_code vt_s3_list_uploads(struct vt_s3 *s, const char *bucket,
    const char *prefix, vt_s3_visit_upload *visit, void *ctx,
    struct vt_err *err) VT_MUST_CHECK;
typedef int vt_s3_visit_part(void *ctx, const struct vt_s3_part *part);
enum vt_code vt_s3_list_parts(struct vt_s3 *s, const char *bucket,
    const char *key, const char *upload_id, vt_s3_visit_part *visit,
    void *ctx, struct vt_err *err) VT_MUST_CHECK;

/* --- reading -------------------------------------------------------------- */
struct vt_s3_head {
	uint64_t size_bytes;	/* of the whole object */
	char etag[128];
	int etag_is_md5;	/* of the whole: 32 hex digits, no encryption
				   that makes them something else */
	char version[256];
	char content_type[256];
	char storage_class[64];	/* "" is STANDARD */
	char restore[128];	/* x-amz-restore as it came */
	char mtime[64];		/* x-amz-meta-mtime as it came */
	char archive_status[32];	/* x-amz-archive-status as it came */
	int64_t modified_us;	/* Last-Modified; 0 unknown */
	struct vt_s3_checksum checksum;
	/* Of the last answer, also of a refusal: its status (0: none came) and
	 * the code in it, "" of a HEAD. */
	int status;
	char code[64];
};
/* `version` may be NULL. */
enum vt_code vt_s3_head(struct vt_s3 *s, const char *bucket, const char *key,
    const char *version, struct vt_s3_head *out, struct vt_err *err)
    VT_MUST_CHECK;

/* The same, and each header of the answer, names in lower case. */
typedef int vt_s3_visit_header(void *ctx, const char *name,
    const char *value);
enum vt_code vt_s3_head_each(struct vt_s3 *s, const char *bucket,
    const char *key, const char *version, vt_s3_visit_header *visit,
    void *ctx, struct vt_s3_head *out, struct vt_err *err) VT_MUST_CHECK;

struct vt_s3_get {
	const char *bucket, *key;
	const char *version;	/* or NULL */
	const char *if_match;	/* an ETag without quotes, or NULL */
	uint64_t offset;
	uint64_t len;		/* UINT64_MAX: to the end; with offset 0 no
				   Range is sent */
	const char *range;	/* a Range header as it is, instead; or NULL */
	/* Called once, before the first byte, also of an empty body: offset
	 * and len are what the server is about to send; may be NULL. */
	enum vt_code (*start)(void *ctx, const struct vt_s3_head *head,
	    uint64_t offset, uint64_t len, struct vt_err *err);
	vt_httpc_sink *sink;
	void *ctx;		/* of both */
};
/*
 * Each byte reaches the sink once, in order: a broken transfer goes on where
 * it stopped, held to the same ETag.  Fewer bytes than announced is VT_BUSY
 * after all tries, never success.  *out (may be NULL) describes the object.
 */
enum vt_code vt_s3_get_object(struct vt_s3 *s, const struct vt_s3_get *g,
    struct vt_s3_head *out, struct vt_err *err) VT_MUST_CHECK;

/*
 * The same for those who pull (vt_httpc_begin): one try for the beginning,
 * with pauses; a transfer that breaks later is the caller's to begin again
 * at the offset it has reached.
 */
struct vt_s3_stream;
enum vt_code vt_s3_stream_open(struct vt_s3 *s, const struct vt_s3_get *g,
    struct vt_s3_head *head, struct vt_s3_stream **out, struct vt_err *err)
    VT_MUST_CHECK;
enum vt_code vt_s3_stream_read(struct vt_s3_stream *t, void *data, size_t len,
    size_t *got, struct vt_err *err) VT_MUST_CHECK;
void vt_s3_stream_close(struct vt_s3_stream *t);	/* NULL accepted */

struct vt_s3_entry {
	const char *key;	/* decoded, NUL-terminated; no key holds NUL */
	int is_prefix;		/* a common prefix, with a delimiter */
	uint64_t size_bytes;
	const char *etag;	/* without quotes */
	const char *storage_class;
	int64_t modified_us;
};
typedef int vt_s3_visit_entry(void *ctx, const struct vt_s3_entry *e);
/* Pages to the end.  `delimiter` and `start_after` may be NULL. */
enum vt_code vt_s3_list(struct vt_s3 *s, const char *bucket,
    const char *prefix, const char *delimiter, const char *start_after,
    vt_s3_visit_entry *visit, void *ctx, struct vt_err *err) VT_MUST_CHECK;

/* --- the rest ------------------------------------------------------------- */
enum vt_code vt_s3_delete_object(struct vt_s3 *s, const char *bucket,
    const char *key, const char *version, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_s3_create_bucket(struct vt_s3 *s, const char *bucket,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_s3_delete_bucket(struct vt_s3 *s, const char *bucket,
    struct vt_err *err) VT_MUST_CHECK;
typedef int vt_s3_visit_bucket(void *ctx, const char *name,
    int64_t created_us);
enum vt_code vt_s3_list_buckets(struct vt_s3 *s, vt_s3_visit_bucket *visit,
    void *ctx, struct vt_err *err) VT_MUST_CHECK;
/* Make an archived object readable for `days`; `tier` NULL: Standard.
 * VT_OK: readable, or the expiry was moved (200); VT_BUSY with *started 1:
 * accepted (202) or under way (409). */
enum vt_code vt_s3_restore_object(struct vt_s3 *s, const char *bucket,
    const char *key, const char *version, unsigned days, const char *tier,
    int *started, struct vt_err *err) VT_MUST_CHECK;
/* Is the bucket there, and do the keys open it?  One try, one entry of a
 * listing: a HEAD would not say why not.  *out: status and code alone. */
enum vt_code vt_s3_probe_bucket(struct vt_s3 *s, const char *bucket,
    struct vt_s3_head *out, struct vt_err *err) VT_MUST_CHECK;

/* --- copying there -------------------------------------------------------- */
struct vt_s3_source {
	const char *bucket, *key;
	const char *version;	/* or NULL */
	const char *if_match;	/* an ETag without quotes, or NULL */
};
struct vt_s3_copied {
	char etag[128];
	char version[256];	/* "" if none; not of a part */
	uint64_t crc64;		/* as the server computed it */
	int has_crc64;
};
/* An object of at most 5 GiB.  p->headers as of a PUT, p->exclusive is not
 * looked at; `own_meta`: the headers replace the source's metadata. */
enum vt_code vt_s3_copy_object(struct vt_s3 *s, const struct vt_s3_put *p,
    const struct vt_s3_source *from, int own_meta, struct vt_s3_copied *out,
    struct vt_err *err) VT_MUST_CHECK;
/* `len` bytes at `offset` as a part; out->crc64 only if the server says. */
enum vt_code vt_s3_copy_part(struct vt_s3 *s, const struct vt_s3_put *p,
    const struct vt_s3_source *from, const char *upload_id, unsigned number,
    uint64_t offset, uint64_t len, struct vt_s3_part *out,
    struct vt_err *err) VT_MUST_CHECK;

/* The number that these big-endian bytes of a checksum are. */
uint64_t vt_s3_crc64_number(const uint8_t in[8]);
/* Is this ETag a plain MD5?  Writes it. */
int vt_s3_etag_md5(const char *etag, uint8_t md5[16]);

#endif
