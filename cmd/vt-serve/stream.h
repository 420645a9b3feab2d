/*
 * A body that goes out as workers read it: block by block into
 * libmicrohttpd's buffer, or, from another machine, ahead of it into a ring,
 * so that one goes on reading while the peer takes what came (P9: both are of
 * the budget, and without it there is no ring).  What http.c makes a response
 * of; nobody else includes it.
 */
#ifndef VT_SERVE_STREAM_H
#define VT_SERVE_STREAM_H

#include "request.h"

/* Prepare to send the answer recorded; the size of block to ask for.  The
 * response holds the request from here on. */
size_t stream_begin(struct req *r);
/* On the epoll thread: up to `max` bytes at `pos`; 0: suspended, ask again; -1:
 * it broke off. */
ssize_t stream_block(struct req *r, uint64_t pos, char *block, size_t max);
/* The response is gone, or was never made: closes the reader on a worker and
 * lets go of the request. */
void stream_end(struct req *r);

#endif
