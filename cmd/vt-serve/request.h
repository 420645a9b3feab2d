/*
 * The inside of a request: what http.c (the connection), head.c (what is
 * asked), body.c (what comes in) and reply.c (what goes out) share.  Nobody
 * else includes it.
 *
 * Threads.  A request is touched by its connection's epoll thread, or, while
 * the connection is suspended, by one worker or one completion; being queued,
 * woken and resumed orders their accesses.  The exception is a streamed body:
 * there the epoll thread fills a buffer while a worker writes the one before,
 * and `lock` guards what is marked (lock).
 *
 * Life.  `refs` counts the connection (until MHD says the request is over), a
 * worker busy with a streamed body, and a response read from a callback.  The
 * last to let go ends the request: cleanup, access log, memory.
 */
#ifndef VT_SERVE_REQUEST_H
#define VT_SERVE_REQUEST_H

#include <pthread.h>
#include <stdatomic.h>

#include "libvt/proto/awschunked.h"

#include "auth.h"
#include "http.h"
#include "pool.h"
#include "tierqueue.h"

#define QUEUE_MAX 1024		/* jobs waiting; beyond: 503 SlowDown */
#define BLOCK_SIZE (256 * 1024)	/* of a response from a callback */
#define BLOCK_SMALL (32 * 1024)	/* the same when the budget is used up */

struct MHD_Connection;
struct request;
struct ring;

enum phase {
	PHASE_HEAD,		/* the body is not asked for yet */
	PHASE_BODY,
	PHASE_RUN,		/* the operation is at work */
	PHASE_ANSWERED
};

enum body_mode {
	BODY_COLLECT,		/* into memory; also: no body */
	BODY_STREAM,		/* to op->write by way of buffers */
	BODY_DRAIN		/* thrown away: the answer is known */
};

enum reply_kind {
	REPLY_NONE, REPLY_BYTES, REPLY_OWNED, REPLY_FD, REPLY_STREAM,
	REPLY_HEAD
};

/* Who comes first, req_async or the req_resume it waits for? */
enum wait { WAIT_NONE, WAIT_ASYNC, WAIT_RESUMED };

struct reply_header {
	struct reply_header *next;
	const char *name, *value;
};

struct req_private {
	struct request *q;
	struct http *http;
	struct MHD_Connection *conn;
	atomic_int refs;
	enum phase phase;
	int begun, in_hand;
	int suspended;		/* by the epoll thread; it alone changes it */
	atomic_int wait;
	struct job job;
	void (*fn)(struct req *r);
	int worked;		/* was on a worker: may block at the end */
	/* the tier on another machine it works for, or NULL */
	_Atomic(struct tierqueue *) queue;
	int must_close;		/* the framing cannot be trusted */
	int expects;		/* Expect: 100-continue */
	int opening;		/* op->open before the 100 goes out */
	const char *target;	/* as received; NULL: too long */
	int outcome;		/* why the request ended: MHD's code */

	/* body.c */
	enum body_mode mode;
	uint64_t content_length, raw_received;
	int more;		/* bytes wait in the socket */
	int has_content_length, te_chunked;
	struct vt_chunked *chunked;
	uint8_t key[32];
	char seed[65];
	int hashing;		/* the body's SHA-256 is declared */
	uint8_t sha256[32];
	struct vt_hash sha;
	struct vt_buf body;	/* collected */
	uint64_t reserved;	/* bytes of the budget it holds */
	struct claim claim;
	atomic_int claimed;	/* 1 granted, -1 given up */
	uint64_t drained;
	int64_t linger_until_us;	/* a raw answer was sent: until then the
				   rest is thrown away */
	pthread_mutex_t lock;	/* of a streamed body */
	int has_lock;
	struct iobuf *fill;	/* (lock) being filled, or full */
	struct iobuf *ready;	/* (lock) on its way to the worker */
	int busy;		/* (lock) a worker is at it, or will be */
	int waiting;		/* (lock) suspended until it is done */
	int end;		/* (lock) no more will come */
	int failed;		/* (lock) the rest is not wanted */
	int gone;		/* (lock) the connection is over */
	int opened;		/* op->open was called */
	struct pool *on;	/* whose worker is busy with it */
	/* of a tier on another machine: its uploads, or NULL */
	struct budget *uploads;
	struct claim turn;	/* to be one of them */
	int uploading;		/* 1: it is, -1: it waited too long */

	/* reply.c */
	enum reply_kind reply;
	int status;
	struct reply_header *headers, **headers_tail;
	struct vt_buf details;	/* extra elements of an error document */
	const void *data;
	char *owned;
	int fd;
	uint64_t offset, length;
	ssize_t (*read)(void *ctx, void *data, size_t len);
	void (*close)(void *ctx);
	void *ctx;
	uint64_t block;		/* its part of the budget */

	/* a response read on workers */
	int filling;		/* a worker has, or had, the block */
	void *at;
	size_t room, filled;
	ssize_t got;
	struct ring *ring;	/* read ahead into it, or NULL */
	uint64_t sent;		/* of the body: handed to MHD; an estimate
				   when a file's answer was cut */
	uint64_t acked_before;	/* by the peer's TCP, before a file's answer */
};

struct request {
	struct req r;
	struct req_private p;
};

/* http.c, http_wait.c */
/* On the connection's epoll thread, inside its callback: do not call again
 * before req_wake.  May be repeated. */
void req_suspend(struct req *r);
/* From any thread, once for each suspension; `r` may be gone after it. */
void req_wake(struct req *r);
void req_hold(struct req *r);
void req_release(struct req *r);
/* The workers of the tier it works for, or the server's. */
struct pool *req_pool(const struct req *r);
struct pool *req_server_pool(const struct req *r);
/* It works for a tier on another machine. */
int req_is_remote(const struct req *r);
struct budget *req_budget(const struct req *r);
/* Run `fn` on this worker; wakes the connection unless fn passed it on. */
void req_run_here(struct req *r, void (*fn)(struct req *r));
/* The operation, if the body is what it was said to be. */
void req_run_op(struct req *r);
/* 1: no bytes of the body wait in the socket right now. */
int req_socket_empty(const struct req *r);
/* A line on stderr about a request. */
void req_complain(const struct req *r, const char *fmt, ...) VT_PRINTF(2, 3);

/* head.c */
/* From the headers in `r` to an operation that may be run, its bucket looked
 * up and its body planned; or to an answer. */
void head_read(struct req *r, const char *version, struct auth *auth,
    int stopping);

/* body.c: on the epoll thread but for body_open */
/* How the body will be taken, from the headers; may refuse (req_error). */
void body_plan(struct req *r);
enum body_step {
	BODY_MORE,		/* go on: all was taken */
	BODY_WAIT,		/* suspended: call again with the rest */
	BODY_STOP		/* more than DRAIN_MAX was refused */
};
/* *len: bytes offered, then bytes not taken. */
enum body_step body_data(struct req *r, const char *data, size_t *len);
/* The body has ended.  1: go on with the operation or the answer; 0: the
 * connection is suspended, a worker goes on when it has written the rest. */
int body_end(struct req *r);
/* Is the whole body what its length, hash and signatures say?  0, or -1
 * after answering.  Any thread; hashes what is collected. */
int body_check(struct req *r);
/* On a worker: call op->open, before the body is asked for. */
void body_open(struct req *r);
/* The connection is over. */
void body_gone(struct req *r);
void body_release(struct req *r);
const char *body_trailer(const struct req *r, const char *name);

/* reply.c */
void reply_init(struct req *r);
/* Free an answer that was never sent, and what it was made of. */
void reply_release(struct req *r);

#endif
