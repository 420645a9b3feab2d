/*
 * What http*.c share: the server as libmicrohttpd sees it.
 */
#ifndef VT_SERVE_HTTP_INTERNAL_H
#define VT_SERVE_HTTP_INTERNAL_H

#include <arpa/inet.h>

#include <microhttpd.h>

#include "request.h"
#include "route.h"
#include "tierqueue.h"

#define POOL_SIZE (32 * 1024)	/* of a connection: trap 1 of DESIGN 7 */

/* A connection: what its requests have in common. */
struct conn {
	char remote[INET6_ADDRSTRLEN];
	struct req *now;	/* the request that is not over yet */
};

struct http {
	struct server *srv;
	/* Set last: the admin listener may be asked before. */
	_Atomic(struct MHD_Daemon *) daemon;
	struct MHD_Daemon *admin;
	int port, admin_port;
	int tls;
	struct pool *pool;
	struct tierqueues *queues;
	struct budget *budget;
	struct auth *auth;
	uint64_t id_seed;
	atomic_uint_fast64_t id_count;

	/* Stopping: see http_stop. */
	atomic_int stopping;	/* new requests are turned away */
	atomic_int cancel;	/* requests in hand are cut */
	atomic_int inside;	/* callbacks that run right now */
	atomic_int suspended, in_hand;
	atomic_int at_tiers;		/* in hand, for tiers elsewhere */
	atomic_uint_fast64_t woken;	/* how often one was */

	pthread_t housekeeper;
	int has_housekeeper;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int ended;		/* (lock) */

	atomic_uint_fast64_t bytes_in, bytes_out;
	atomic_uint_fast64_t requests[OPS_MAX][6];
};

/* http.c: libmicrohttpd's callbacks */
void *on_target(void *cls, const char *target, struct MHD_Connection *c);
enum MHD_Result on_request(void *cls, struct MHD_Connection *c,
    const char *url, const char *method, const char *version,
    const char *data, size_t *len, void **con_cls);
void on_completed(void *cls, struct MHD_Connection *c, void **con_cls,
    enum MHD_RequestTerminationCode why);
void on_connection(void *cls, struct MHD_Connection *c, void **context,
    enum MHD_ConnectionNotificationCode what);

/* http_wait.c */
/* A callback of the connection: it is awake. */
void req_awake(struct req *r);
struct req *req_of_job(struct job *j);

#endif
