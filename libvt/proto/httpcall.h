/*
 * Requests to one store that speaks HTTP, over a pool of connections, tried
 * again when another try may help: what clients share whose signatures and
 * refusals differ.  Knows neither: who opens it brings a function that signs
 * a request and one that reads a refusal.  Counts what the store bills.
 */
#ifndef VT_PROTO_HTTPCALL_H
#define VT_PROTO_HTTPCALL_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/clock.h"
#include "libvt/base/err.h"
#include "libvt/proto/httpc.h"

/* Threads may share it; a call belongs to one. */
struct vt_caller;

#define VT_CALL_HEADERS_MAX 16	/* that `sign` may add */

enum vt_call_bill { VT_CALL_FREE, VT_CALL_READ, VT_CALL_WRITE, VT_CALL_DELETE };

struct vt_call {
	const char *method;
	const char *url;	/* whole, percent-encoded */
	const struct vt_header *headers;
	size_t header_count;
	const void *body;
	uint64_t body_len;
	size_t max_body;	/* of the answer; 0: 64 KiB */
	int64_t stall_ms;	/* 0: the caller's */
	enum vt_call_bill bill;
	int plain;		/* not for `sign`: another service's */
	int pull;		/* the answer's body is read by vt_call_read */
	int once;		/* do not try again */
	int accept;		/* a status beside 2xx that is no refusal */
	/* Set by run: */
	unsigned attempts;
	int status;		/* of the last answer; 0: none came */
	char code[64];		/* of a refusal, as the store calls it */
	const struct vt_httpc_response *resp;	/* until vt_call_end */
	struct vt_call_conn *conn;
};

struct vt_caller_options {
	const char *ca_file;
	const struct vt_clock *clock;	/* borrowed */
	unsigned tries;		/* of each request; 0: VT_RETRY_TRIES */
	int64_t connect_ms, stall_ms;	/* 0: those of httpc */
	const volatile int *cancel;	/* borrowed; may be NULL */
	/*
	 * Before each try: put what authorizes the request into `added`, at
	 * most VT_CALL_HEADERS_MAX, strings in `a`.  May be NULL.
	 */
	enum vt_code (*sign)(void *ctx, const struct vt_call *q,
	    struct vt_arena *a, struct vt_header *added, size_t *count,
	    struct vt_err *err);
	/*
	 * An answer that is neither 2xx nor q->accept: its meaning, never
	 * VT_OK, with words in `err` and the store's code in q->code.
	 * VT_BUSY is tried again.
	 */
	enum vt_code (*refused)(void *ctx, struct vt_call *q,
	    struct vt_err *err);
	void *ctx;
};

/* Strings are copied.  VT_NOMEM, VT_INVALID. */
enum vt_code vt_caller_open(const struct vt_caller_options *o,
    struct vt_caller **out, struct vt_err *err) VT_MUST_CHECK;
/* NULL is accepted; every call must have ended. */
void vt_caller_close(struct vt_caller *c);

/*
 * Send, wait for the answer, try again on VT_BUSY.  VT_OK: q->status and
 * q->resp are the answer's until vt_call_end, which must come.  Otherwise the
 * call has ended and `err` says why, in the store's words where it had any.
 */
enum vt_code vt_call_run(struct vt_caller *c, struct vt_call *q,
    struct vt_err *err) VT_MUST_CHECK;
/* With q->pull: up to `len` bytes of the body, *got 0 only at its end. */
enum vt_code vt_call_read(struct vt_caller *c, struct vt_call *q, void *data,
    size_t len, size_t *got, struct vt_err *err) VT_MUST_CHECK;
/* May be repeated, and called on what has not run. */
void vt_call_end(struct vt_caller *c, struct vt_call *q);
/* The pause that a client makes who tries again itself: before try number
 * `attempt` + 1.  VT_CANCELLED. */
enum vt_code vt_call_pause(struct vt_caller *c, unsigned attempt,
    struct vt_err *err) VT_MUST_CHECK;

/* Requests since it was opened, tries again included. */
struct vt_call_counts {
	uint64_t writes, reads, deletes;
	uint64_t bytes_in, bytes_out;	/* of bodies */
};
void vt_caller_counts(const struct vt_caller *c, struct vt_call_counts *out);

/* "bytes 0-99/1234" of an answer; 0 or -1. */
int vt_call_range(const char *header, uint64_t *first, uint64_t *last,
    uint64_t *size);
/* What a body of another status than was hoped for says, for people: control
 * bytes become blanks, it ends at a line break. */
void vt_call_words(char *text);

#endif
