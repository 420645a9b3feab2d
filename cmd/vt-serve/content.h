/*
 * The bytes of a version, as the body of an answer or read on a worker: from
 * the best copy, from another when that one fails, and across a move that
 * takes the copy away in the middle.
 */
#ifndef VT_SERVE_CONTENT_H
#define VT_SERVE_CONTENT_H

#include "http.h"
#include "readthrough.h"

#define CONTENT_BLOCK (256 * 1024)	/* read at a time */

struct content {
	struct req *r;
	struct vt_version *v;	/* looked up with inline data; replaced when
				   it is looked up again */
	uint64_t offset, length;	/* of the object, still to come */
	const struct sse *sse;		/* how it is encrypted, or NULL */
	const struct vt_copy *copy;
	struct vt_copy_reader *reader;
	/* copies that failed, not to be asked again; and how often the
	 * catalog was asked */
	int64_t failed[8];
	unsigned failed_count, lookups;
	const char *tier;		/* of a copy that failed */
	enum vt_code passing;		/* how, when it may work again */
	struct vt_err passing_err;
	int gone;			/* the version is */
	int remote;			/* the reader's copy is */
	int whole;			/* from the first byte to the last */
	uint64_t crc64;			/* of what closed readers gave */
	/* of an answer */
	int status;
	const char *at;			/* whose worker it is on, or NULL */
	void (*headers)(struct req *r);
	char *head;			/* read before it began */
	size_t head_len;
	int wants_tee;			/* set by who asks for the whole */
	struct tee *tee;		/* that leaves a hot copy, or NULL */
};

/*
 * Answer with `status` and the bytes; `headers` is called right before, and
 * only when there will be bytes (an error has other headers).  On an epoll
 * thread: goes on on a worker when the copy's tier may block.  `c` must be
 * the request's state, or what that begins with.
 */
void content_reply(struct content *c);

/* On a worker: open, then read up to `len` bytes (0 at the end).  -1 after
 * answering. */
int content_open(struct content *c);
long content_read(struct content *c, void *data, size_t len);
void content_close(struct content *c);

/* What a failure to read a version is to the client. */
void content_fail(struct req *r, const struct vt_version *v,
    enum vt_code code, const struct vt_err *err);

#endif
