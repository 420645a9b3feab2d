/*
 * HTTP requests out, by libcurl; httpc.c is the only file that includes it.
 * HTTP/1.1 with kept connections: for bulk moves one multiplexed connection
 * is slower than several.  Knows nothing of S3, of signatures, of retrying or
 * of the meaning of a status: whatever the server answers is VT_OK here.
 *
 * Deadlines are on connecting and on standing still, never on a whole
 * request: that would be a size limit.  Redirects are not followed: a signed
 * request is for one host.  Proxies come from the environment as libcurl
 * reads it (https_proxy, no_proxy).
 */
#ifndef VT_PROTO_HTTPC_H
#define VT_PROTO_HTTPC_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/base/err.h"
#include "libvt/proto/sigv4.h"		/* struct vt_header, nothing else */

#define VT_HTTPC_CONNECT_MS 10000	/* defaults of the options below */
#define VT_HTTPC_STALL_MS 60000
#define VT_HTTPC_HEADERS_MAX 65536

/*
 * A handle keeps one connection or a few; one thread at a time.  The process
 * must make its first handle before it has threads that call libcurl or
 * OpenSSL elsewhere (vt_httpc_open sets libcurl up once).
 */
struct vt_httpc;

struct vt_httpc_options {
	const char *user_agent;		/* NULL: "vaultaire" */
	const char *ca_file;		/* PEM; NULL: the system's */
	int64_t connect_timeout_ms;	/* 0: VT_HTTPC_CONNECT_MS */
	int64_t stall_ms;		/* no byte moves for so long: give up;
					   0: VT_HTTPC_STALL_MS */
	const volatile int *cancel;	/* not 0: stop with VT_CANCELLED,
					   within a second; may be NULL */
};

/* Strings are copied, `cancel` is borrowed.  VT_NOMEM, VT_INVALID. */
enum vt_code vt_httpc_open(const struct vt_httpc_options *o,
    struct vt_httpc **out, struct vt_err *err) VT_MUST_CHECK;
/* NULL is accepted. */
void vt_httpc_close(struct vt_httpc *h);

/*
 * Takes body bytes of a 2xx answer as they come.  Another result than VT_OK
 * stops the transfer and becomes the result of the request, with what was
 * written into `err`.
 */
typedef enum vt_code vt_httpc_sink(void *ctx, const char *data, size_t len,
    struct vt_err *err);
/* Bytes that moved, body only, either way; negative when sent bytes have to
 * be sent again. */
typedef void vt_httpc_moved(void *ctx, int64_t bytes);

struct vt_httpc_request {
	const char *method;
	const char *url;		/* percent-encoded; sent as it is */
	const struct vt_header *headers;	/* with Host, when signed */
	size_t header_count;
	/* The body: bytes of memory, or of a file read with pread. */
	const void *body;		/* NULL: body_fd */
	int body_fd;
	uint64_t body_offset;		/* in body_fd */
	uint64_t body_len;
	/* The answer's body: to the sink when the status is 2xx, collected in
	 * the response otherwise, or when there is no sink. */
	vt_httpc_sink *sink;
	void *sink_ctx;
	size_t max_body;		/* collected at most; 0: 64 KiB */
	int64_t stall_ms;		/* 0: the handle's */
	vt_httpc_moved *moved;		/* may be NULL */
	void *moved_ctx;
};

/* What came back.  Zero it before the first use; it may be used again, and
 * is emptied by each request. */
struct vt_httpc_response {
	int status;
	int ready;			/* the buffers are initialised */
	int resent;			/* the body went out again, over a new
					   connection: the first answer may
					   have been lost */
	struct vt_buf headers;		/* "name\0value\0"..., lower case */
	struct vt_buf body;
};
void vt_httpc_response_release(struct vt_httpc_response *r);
/* The first header of that (lower case) name, or NULL; borrowed until the
 * next request. */
const char *vt_httpc_header(const struct vt_httpc_response *r,
    const char *name);
/* Iterate: *pos 0 to start; 0 at the end. */
int vt_httpc_header_next(const struct vt_httpc_response *r, size_t *pos,
    const char **name, const char **value);

/*
 * Send and wait for the whole answer.  VT_OK: there is an answer, see
 * `status`.  VT_BUSY: no connection, a broken one, or a stall: another try
 * may help.  VT_DENIED: the server's certificate.  VT_INVALID: the URL, the
 * proxy, a body that is shorter than body_len.  VT_TOO_LARGE: headers or
 * collected body.  VT_CANCELLED, VT_NOMEM, or what the sink returned.
 */
enum vt_code vt_httpc_perform(struct vt_httpc *h,
    const struct vt_httpc_request *r, struct vt_httpc_response *out,
    struct vt_err *err) VT_MUST_CHECK;

/*
 * The same in steps, for those who want to pull: begin returns when the
 * status and headers are there (in `out`, borrowed until end); read gives up
 * to `len` bytes of a 2xx body, *got 0 only at its end; a body of another
 * status is in out->body when begin returns.  `r->sink` is not used; what
 * `r` points to must live until begin has returned.  While no one reads, the
 * server is held back.  end may come at any time, and must; a body not read
 * to its end costs the connection.
 */
enum vt_code vt_httpc_begin(struct vt_httpc *h,
    const struct vt_httpc_request *r, struct vt_httpc_response *out,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_httpc_read(struct vt_httpc *h, void *data, size_t len,
    size_t *got, struct vt_err *err) VT_MUST_CHECK;
void vt_httpc_end(struct vt_httpc *h);

#endif
