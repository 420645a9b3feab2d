/*
 * One signed S3 request, tried again when that may help: what s3client.c and
 * s3list.c are made of, and included by nobody else.
 */
#ifndef VT_PROTO_S3REQ_H
#define VT_PROTO_S3REQ_H

#include <pthread.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/proto/httpretry.h"
#include "libvt/proto/xml.h"

#include "libvt/proto/s3client.h"

/* A connection with what its last answer was. */
struct vt_s3_conn {
	struct vt_s3_conn *next;
	struct vt_httpc *http;
	struct vt_httpc_response resp;
	/* Of a refusal: */
	char code[64];		/* "NoSuchKey", or "" */
};

struct vt_s3 {
	char *scheme, *host, *base;	/* host NULL: AWS by region */
	int port;			/* 0: the scheme's */
	int https, virtual_host, requester_pays;
	int sign_payload;	/* plain http beyond this machine */
	char *access_key, *secret_key, *session_token;
	char *ca_file, *user_agent;
	const struct vt_clock *clock;
	struct vt_retry retry;
	int64_t connect_ms, stall_ms;
	const volatile int *cancel;
	void (*retrying)(void *, const char *, unsigned, int64_t,
	    const struct vt_err *);
	void *retrying_ctx;

	struct vt_s3_counts counts;	/* atomic */
	pthread_mutex_t lock;
	/* Under the lock: */
	struct vt_s3_conn *idle;
	char region[64];	/* corrected when the server names another */
	int md5;		/* the server knows no CRC64NVME: Content-MD5 */
	int no_crc;		/* it refuses the header: do not send it */
	int no_condition;	/* nor does it know If-None-Match of a PUT */
};

struct vt_s3_call {
	const char *what;	/* "PutObject", for messages */
	const char *method;
	const char *bucket;	/* NULL: the service itself */
	const char *key;	/* NULL: the bucket itself */
	const char *query;	/* raw, encoded, or NULL */
	const struct vt_header *headers;
	size_t header_count;
	struct vt_s3_body body;
	const char *sha256;	/* hex of the body; NULL: the empty body */
	vt_httpc_sink *sink;
	void *sink_ctx;
	size_t max_body;
	int64_t stall_ms;
	vt_httpc_moved *moved;
	void *moved_ctx;
	int pull;		/* begin only: the caller reads and ends */
	int once;		/* do not try again */
	/* Set by run: */
	struct vt_s3_conn *conn;	/* in use: a sink finds headers there */
	unsigned attempts;
	int resent;		/* curl sent the body twice by itself */
	int64_t retry_after_ms;	/* of the last answer; -1: not said */
	int status;		/* of the last answer, 0: none came */
	char code[64];		/* of its error document */
};

/*
 * Send, and try again on VT_BUSY.  VT_OK: a 2xx answer, whose connection is
 * in *out until vt_s3_release.  Otherwise *out is NULL and q->status, q->code
 * and err say what came.
 */
enum vt_code vt_s3_run(struct vt_s3 *s, struct vt_s3_call *q,
    struct vt_s3_conn **out, struct vt_err *err) VT_MUST_CHECK;
/* Back to the pool; NULL is accepted. */
void vt_s3_release(struct vt_s3 *s, struct vt_s3_conn *c);
/* Pause before try number `attempt` + 1; VT_CANCELLED when asked to stop. */
enum vt_code vt_s3_pause(struct vt_s3 *s, const char *what, unsigned attempt,
    int64_t retry_after_ms, const struct vt_err *why, struct vt_err *err)
    VT_MUST_CHECK;
/* A 200 whose body is an <Error> (CompleteMultipartUpload): its code. */
enum vt_code vt_s3_error_document(struct vt_s3_conn *c, struct vt_err *err)
    VT_MUST_CHECK;

/* --- what the operations share -------------------------------------------- */
/* `text`, cut to `size`; NULL is "". */
void vt_s3_copy_text(char *out, size_t size, const char *text);
/* An ETag without the quotes around it; "" for NULL. */
void vt_s3_copy_etag(char *out, size_t size, const char *etag);
/* "&name=value", encoded; no '&' at the beginning of the buffer. */
void vt_s3_query_add(struct vt_buf *b, const char *name, const char *value);
/* "versionId=..." if there is one: neither NULL nor "". */
void vt_s3_query_version(struct vt_buf *b, const char *version);
/* Body bytes that moved. */
void vt_s3_count_bytes(struct vt_s3 *s, int sent, uint64_t bytes);
/* Flags of the handle, under its lock. */
int vt_s3_flag(struct vt_s3 *s, const int *flag);
void vt_s3_flag_set(struct vt_s3 *s, int *flag);
/* Is the refusal about a checksum header that the server does not know? */
int vt_s3_refuses_checksum(const struct vt_s3_call *q,
    const struct vt_err *err);
void vt_s3_crc64_base64(uint64_t crc, char out[16]);
/* A request with a small XML body whose answer is only its status. */
enum vt_code vt_s3_send_xml(struct vt_s3 *s, struct vt_s3_call *q,
    const struct vt_buf *body, struct vt_err *err) VT_MUST_CHECK;
/* Parse the answer's XML, whose root must have that name; *a is the
 * caller's to free, NULL on failure. */
enum vt_code vt_s3_parse_body(const struct vt_s3_conn *c,
    const char *root_name, struct vt_arena **a, struct vt_xml **root,
    struct vt_err *err) VT_MUST_CHECK;

#endif
