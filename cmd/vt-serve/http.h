/*
 * Request in, response out.  Only http*.c include microhttpd.h.  An operation
 * sees a struct req and answers it by one of the reply calls; on which thread
 * it runs, and how it waits, is said here.
 *
 * Life of a request: the headers arrive on an epoll thread; http.c parses and
 * authenticates (auth.c), routes (route.c) and, for operations that take a
 * bucket, looks the bucket up.  Then
 *
 *   - no body, or a body of known length up to SMALL_BODY_MAX: the body is
 *     collected, `op->run(req)` is called on the epoll thread;
 *   - otherwise, for an operation with OP_STREAM: `op->open`, `op->write`...,
 *     `op->run` are called in this order on worker threads (one at a time);
 *     a body that is too large for an operation without OP_STREAM is refused.
 *
 * With OP_WORKER `run` is called on a worker thread in either case.
 * A function that runs on the epoll thread must not block: it answers at
 * once, or passes on with req_work (go on with `fn` on a worker, where
 * blocking is allowed) or req_async (somebody calls req_resume later, for
 * instance a catalog completion).  After either it must return and not touch
 * the request.  A worker function that returns without passing on again has
 * answered.  No answer at all is a 500 and a line in the server's log.
 */
#ifndef VT_SERVE_HTTP_H
#define VT_SERVE_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/base/clock.h"
#include "libvt/base/hash.h"
#include "libvt/base/uri.h"
#include "libvt/proto/accesslog.h"
#include "libvt/proto/sigv4.h"
#include "libvt/store/catalog.h"
#include "libvt/work/config.h"
#include "libvt/work/tiers.h"

/* Limits, with names; vt-serve(1) documents them. */
#define SMALL_BODY_MAX (64 * 1024)	/* collected in memory */
#define XML_BODY_MAX (2 * 1024 * 1024)	/* DeleteObjects, Complete... */
#define HEADERS_MAX (12 * 1024)		/* all request headers */
#define TARGET_MAX (8 * 1024)		/* request target */
#define META_MAX 2048			/* x-amz-meta-* names and values */
#define OBJECT_MAX (5ULL << 40)		/* 5 TiB */
#define PART_MIN (5ULL << 20)		/* all but the last part */
#define PUT_MAX (5ULL << 30)		/* one PUT or part: 5 GiB */
#define DRAIN_MAX (8 * 1024 * 1024)	/* of a body that was refused */
#define REQ_ARENA_MAX (16 * 1024 * 1024)

struct server {
	const struct vt_config *config;
	const struct vt_clock *clock;
	struct vt_catalog *catalog;
	struct users *users;		/* of the catalog */
	struct vt_tiers *tiers;
	struct vt_keyring *keyring;
	struct vt_accesslog *log;
	struct vt_cred root;		/* wiped at the end */
	char owner_id[65];		/* canonical id of root: 64 hex */
	char owner_name[65];
	struct promoter *promoter;	/* or NULL */
	struct snapshotter *snapshotter;	/* or NULL */
	struct restorer *restorer;
	struct notifier *notifier;	/* NULL: no webhooks */
	struct http *http;
};

struct req;

/* Who asks. */
struct caller {
	const char *id;		/* canonical: 64 hex; "" for anybody */
	const char *name;	/* for people */
	int is_root;		/* may do everything */
	const char *policy;	/* the user's own, JSON; "" for none */
	struct user_key *key;	/* held while the request lives; root: NULL */
};

enum op_flags {
	OP_STREAM = 1,		/* takes bodies of any size */
	OP_WORKER = 2,		/* run() blocks */
	OP_NO_BUCKET = 4,	/* do not look the bucket up before */
	OP_XML = 8,		/* body up to XML_BODY_MAX, collected */
	OP_OPEN = 16,		/* for anybody: who asks is not looked at */
	OP_FORM = 32		/* its body says who asks, and run() or write()
				   whether they may */
};

struct op {
	const char *name;	/* as S3 calls it: GetObject */
	/* What the caller must be allowed to do (AWS, "Actions, resources,
	 * and condition keys for Amazon S3"): "s3:GetObject"; with a
	 * versionId `version_action` where there is one.  "": the operation
	 * asks for each of its objects (authz_object). */
	const char *action, *version_action;
	enum vt_doc doc;	/* of operations on a bucket's document */
	unsigned flags;
	void (*run)(struct req *r);
	/* OP_STREAM, on worker threads; a failure is recorded by a reply and
	 * by returning -1: the rest of the body is drained. */
	int (*open)(struct req *r);
	int (*write)(struct req *r, const void *data, size_t len);
};

struct req {
	struct server *srv;
	struct vt_arena *arena;
	char id[33];		/* x-amz-request-id */
	int64_t start_us;	/* by the server's clock */
	int64_t start_mono_us;

	/* as received; borrowed for the request's life */
	const char *method;
	const char *raw_path, *raw_query;
	const struct vt_header *headers;
	size_t header_count;
	const char *remote;
	const struct vt_query *query;
	size_t query_count;

	/* routed */
	const struct op *op;
	const char *bucket_name;	/* NULL for the service */
	const char *key;		/* decoded bytes, NUL after */
	size_t key_len;
	struct vt_bucket bucket;	/* filled unless OP_NO_BUCKET */

	/* authenticated */
	struct vt_sig_auth auth;
	int anonymous;
	struct caller who;
	int notifies;			/* an operation journals events */
	int comes_back;			/* what it read gets a hot copy */
	struct doc_held *docs;		/* documents.c: parsed, held for it */
	int authz_looked;		/* authz.c: the decision was about... */
	int64_t authz_seq;		/* ...this version; 0: none was there */
	/* what the body brings, for authz_body: NULL when it does not */
	struct {
		const char *tags;	/* query-encoded */
		const char *lock_mode, *lock_until, *lock_hold;
	} brings;
	int says_sse;			/* a header speaks of encryption */
	struct sse *sse;		/* sse.c: keys to wipe */

	/* body */
	int has_length;			/* decoded length is known */
	uint64_t length_bytes;		/* decoded */
	const char *body;		/* collected bodies */
	size_t body_len;
	int streamed;			/* open/write were used */
	uint64_t received_bytes;	/* decoded, so far */

	/* the operation's own, from its arena; `cleanup` (may be NULL) is
	 * called exactly once when the request ends in whatever way */
	void *state;
	void (*cleanup)(struct req *r);

	struct vt_access log;		/* op, bucket, key, status... are filled
					   by http.c; operations add version,
					   size, copy, tier, source, range */
	struct req_private *priv;
};

/* The first header of that name (any case), or NULL. */
const char *req_header(const struct req *r, const char *name);
/* A trailer of an aws-chunked body (complete when run() is called), or NULL. */
const char *req_trailer(const struct req *r, const char *name);
/* The value of a query parameter ("" when it has none), or NULL. */
const char *req_query(const struct req *r, const char *name);

/* --- going on elsewhere --------------------------------------------------- */
void req_work(struct req *r, void (*fn)(struct req *r));
/*
 * Work for a tier: on workers of its own when it is on another machine, so
 * that one that hangs holds nobody else (P8).  Answers, 503 with Retry-After,
 * when that tier does not work or too many wait for it.
 */
void req_work_tier(struct req *r, const char *tier, void (*fn)(struct req *r));
/*
 * The same for what is under way: 1: it may block here; 0: only from the next
 * op->write on, or the next function passed on; -1: answered.
 * `upload_bytes`: of a body that comes, UINT64_MAX if unknown; 0: none.
 */
int req_enter_tier(struct req *r, const char *tier, uint64_t upload_bytes);
/* What goes on as it must is not turned away: from the next block on. */
void req_move_tier(struct req *r, const char *tier);
void req_async(struct req *r);
void req_resume(struct req *r);

/* --- answering: one body call each request; headers before it ------------- */
/* Copies both; sticky failure becomes a 500.  Values with control characters
 * are dropped. */
void req_set_header(struct req *r, const char *name, const char *value);
void req_set_headerf(struct req *r, const char *name, const char *fmt, ...)
    VT_PRINTF(3, 4);
/* No body. */
void req_reply_empty(struct req *r, int status);
/* Takes over the contents of `body` (which is reset). */
void req_reply_xml(struct req *r, int status, struct vt_buf *body);
/* Bytes that live as long as the request's arena. */
void req_reply_bytes(struct req *r, int status, const void *data,
    size_t len);
/* `length` bytes of `fd` from `offset` by sendfile; takes over fd. */
void req_reply_fd(struct req *r, int status, int fd, uint64_t offset,
    uint64_t length);
/*
 * Bytes from a reader, called on a worker; close is called exactly once.  -1
 * cuts the connection; STREAM_AGAIN: none yet, and after req_move_tier to be
 * called on another worker.
 */
#define STREAM_AGAIN (-2)
void req_reply_stream(struct req *r, int status, uint64_t length,
    ssize_t (*read)(void *ctx, void *data, size_t len),
    void (*close)(void *ctx), void *ctx);
/* HEAD: headers of a body of `length` bytes that is not sent. */
void req_reply_head(struct req *r, int status, uint64_t length);
/* An S3 error document (s3error.h): code is one of its names, e.g.
 * "NoSuchKey"; the message may be NULL for the standard one.  Never empty on
 * the wire.  extra XML elements come from req_error_detail before it. */
void req_error(struct req *r, const char *s3_code, const char *fmt, ...)
    VT_PRINTF(3, 4);
/* A 503, and when to come again: whole seconds, at least one. */
void req_later(struct req *r, const char *s3_code, int64_t retry_ms);
/* What a tier's failure is to the client: one on another machine that cannot
 * be reached, or does not take our key, is no fault of the request's. */
void req_fail_tier(struct req *r, const char *tier, enum vt_code code,
    const struct vt_err *err);
void req_error_detail(struct req *r, const char *element, const char *value);
/* The S3 error for a vt_code of the store, with err's words. */
void req_fail(struct req *r, enum vt_code code, const struct vt_err *err);
/* 1 once an answer was recorded. */
int req_answered(const struct req *r);

/* --- the listener --------------------------------------------------------- */
struct http;
/* Opens both sockets and starts the threads; s->http is it before the first
 * of them looks, NULL after a failure. */
enum vt_code http_start(struct server *s, struct vt_err *err) VT_MUST_CHECK;
/* Stops accepting, finishes requests in hand (at most `grace_ms`), stops. */
void http_stop(struct http *h, int64_t grace_ms);
/* Take over what may change while serving: the root key, "sigv2" and
 * "clock_skew". */
void http_reload(struct http *h, const struct vt_cred *root,
    const struct vt_config *config);
/* Who knows the keys: auth.h. */
struct auth *http_auth(const struct http *h);
/* Figures for /metrics. */
#define OPS_MAX 128
struct http_stats {
	uint64_t requests[OPS_MAX][6];	/* by route_ops index + 1 (0: none
					   found) and status / 100 (0: cut) */
	uint64_t connections, in_hand, suspended, queued;
	uint64_t buffer_bytes, buffer_waiting;
	uint64_t bytes_in, bytes_out;
	int stopping;
};
void http_stats(const struct http *h, struct http_stats *out);
/* Of the workers of the i-th tier on another machine; 0: there is none. */
struct tierqueue_stats {
	const char *tier;
	uint64_t queued;	/* jobs that wait for one of them */
	uint64_t in_hand;	/* requests */
	uint64_t upload_bytes;	/* of memory that streamed uploads may take */
	uint64_t uploads_waiting;	/* for such memory */
	uint64_t refused;	/* requests turned away with a 503 */
};
int http_tier_stats(const struct http *h, size_t i,
    struct tierqueue_stats *out);
/* The ports in use, for port 0. */
int http_port(const struct http *h);
int http_admin_port(const struct http *h);

#endif
