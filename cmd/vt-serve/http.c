/*
 * The connection: libmicrohttpd's callbacks, the life of a request, the
 * listeners.  The only file that knows libmicrohttpd (0.9.75).
 *
 * The handler is called once when the headers are in (PHASE_HEAD), then for
 * each piece of the body and once at its end (PHASE_BODY), and again after
 * each suspension.  A call with no bytes says nothing by itself: after a
 * suspension it comes before the body (trap 2 of DESIGN 7), so the phase
 * decides, and body_check holds what came in against what was declared.
 *
 * An answer may be queued in PHASE_HEAD, where it closes the connection, or
 * after the end of the body, and nowhere between.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/tcp.h>	/* libc's tcp_info is short */
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "libvt/base/fs.h"

#include "admin.h"
#include "documents.h"
#include "notify.h"
#include "promote.h"
#include "request.h"
#include "route.h"
#include "sse.h"
#include "stream.h"
#include "tierqueue.h"
#include "users.h"

#define POOL_SIZE (32 * 1024)	/* of a connection: trap 1 of DESIGN 7 */
#define WORKERS_MIN 16
#define WORKERS_MAX 128		/* when they hang on a tier that is slow */
#define TICK_MS 1000		/* of the housekeeper */
#define STOP_POLL_US 5000
#define STOP_STUCK_US 5000000	/* nothing comes of a tier that hangs */
#define STOP_ANSWER_US 1000000	/* to say so */
#define STOP_LAST_MS 30000	/* for workers, after the grace period */
#define LINGER_US 10000000	/* after an answer that cut a body short */
#define ESTIMATE_MIN 65536	/* smaller answers are sent or not */
#define TLS_FILE_MAX (1 << 20)

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

/* --- what the other files of a request need ------------------------------- */

struct pool *
req_server_pool(const struct req *r)
{
	return r->priv->http->pool;
}

struct pool *
req_pool(const struct req *r)
{
	struct tierqueue *q = atomic_load(&r->priv->queue);

	return q != NULL ? tierqueue_pool(q) : r->priv->http->pool;
}

int
req_is_remote(const struct req *r)
{
	return atomic_load(&r->priv->queue) != NULL;
}

struct budget *
req_budget(const struct req *r)
{
	return r->priv->http->budget;
}

void
req_complain(const struct req *r, const char *fmt, ...)
{
	char text[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "vt-serve: %s %s: %s\n", r->id,
	    r->op != NULL ? r->op->name : r->method != NULL ? r->method : "-",
	    text);
}

static int
socket_of(const struct req *r)
{
	const union MHD_ConnectionInfo *i;

	i = MHD_get_connection_info(r->priv->conn,
	    MHD_CONNECTION_INFO_CONNECTION_FD);
	return i != NULL ? i->connect_fd : -1;
}

int
req_socket_empty(const struct req *r)
{
	return !r->priv->more;
}

const char *
req_header(const struct req *r, const char *name)
{
	size_t i;

	/* Letters differ in the bit 0x20: most names part here. */
	for (i = 0; i < r->header_count; i++)
		if (((r->headers[i].name[0] ^ name[0]) & ~0x20) == 0 &&
		    strcasecmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	return NULL;
}

const char *
req_query(const struct req *r, const char *name)
{
	return vt_query_get(r->query, r->query_count, name);
}

const char *
req_trailer(const struct req *r, const char *name)
{
	return body_trailer(r, name);
}

/* --- waiting and going on ------------------------------------------------- */

/* Whether a function on this worker has passed its request on: it may not be
 * asked itself, for it may be over by then. */
static __thread int passed_on;

void
req_suspend(struct req *r)
{
	struct req_private *p = r->priv;

	if (p->suspended)
		return;
	p->suspended = 1;
	atomic_fetch_add(&p->http->suspended, 1);
	MHD_suspend_connection(p->conn);
}

void
req_wake(struct req *r)
{
	MHD_resume_connection(r->priv->conn);
}

/* A callback of the connection: it is awake. */
static void
awake(struct req *r)
{
	struct req_private *p = r->priv;

	if (!p->suspended)
		return;
	p->suspended = 0;
	atomic_fetch_sub(&p->http->suspended, 1);
	atomic_fetch_add_explicit(&p->http->woken, 1, memory_order_relaxed);
}

void
req_run_here(struct req *r, void (*fn)(struct req *r))
{
	passed_on = 0;
	fn(r);
	if (!passed_on)
		req_wake(r);
	passed_on = 0;
}

static struct req *
req_of_job(struct job *j)
{
	struct req_private *p = (struct req_private *)(void *)((char *)j -
	    offsetof(struct req_private, job));

	return &p->q->r;
}

static void
work_job(struct job *j)
{
	struct req *r = req_of_job(j);

	req_run_here(r, r->priv->fn);
}

/* To the workers of the request's tier, or the server's. */
static void
pass_on(struct req *r, void (*fn)(struct req *r))
{
	struct req_private *p = r->priv;

	if (!p->suspended)
		req_suspend(r);
	atomic_store(&p->wait, WAIT_NONE);
	p->fn = fn;
	p->worked = 1;
	p->job.run = work_job;
	passed_on = 1;
	pool_add(req_pool(r), &p->job);
}

void
req_work(struct req *r, void (*fn)(struct req *r))
{
	struct req_private *p = r->priv;

	if (!p->suspended && pool_length(p->http->pool) > QUEUE_MAX) {
		req_error(r, "SlowDown", NULL);
		return;
	}
	pass_on(r, fn);
}

/* Turn a request away from a tier; -1. */
static int
refuse(struct req *r, struct tierqueue *q, enum tierqueue_answer why,
    int64_t retry_ms)
{
	tierqueue_refused(q);
	if (why == TIERQUEUE_DOWN)
		req_later(r, "ServiceUnavailable", retry_ms);
	else
		req_later(r, "SlowDown", 1000);
	return -1;
}

/* From now on, for good, it works for that tier. */
static void
set_queue(struct req *r, struct tierqueue *q)
{
	struct tierqueue *before = atomic_exchange(&r->priv->queue, q);

	tierqueue_enter(q);
	if (before != NULL)
		tierqueue_leave(before);
	else
		atomic_fetch_add(&r->priv->http->at_tiers, 1);
}

int
req_enter_tier(struct req *r, const char *tier, uint64_t upload_bytes)
{
	struct req_private *p = r->priv;
	struct tierqueue *q = tierqueues_find(p->http->queues, tier);
	enum tierqueue_answer why;
	int64_t retry_ms;

	if (q == NULL || q == atomic_load(&p->queue))
		return 1;
	why = tierqueue_ask(q, upload_bytes > 0, &retry_ms);
	if (why != TIERQUEUE_OK)
		return refuse(r, q, why, retry_ms);
	if (upload_bytes > 0 && p->uploads == NULL) {
		p->uploads = tierqueue_uploads(q);
		p->turn.bytes = tierqueue_upload_bytes(q, upload_bytes);
	}
	set_queue(r, q);
	return 0;
}

void
req_work_tier(struct req *r, const char *tier, void (*fn)(struct req *r))
{
	if (tierqueues_find(r->priv->http->queues, tier) == NULL)
		req_work(r, fn);
	else if (req_enter_tier(r, tier, 0) >= 0)
		pass_on(r, fn);
}

void
req_move_tier(struct req *r, const char *tier)
{
	struct tierqueue *q = tierqueues_find(r->priv->http->queues, tier);

	if (q != NULL)
		set_queue(r, q);
}

void
req_async(struct req *r)
{
	struct req_private *p = r->priv;

	if (!p->suspended)
		req_suspend(r);
	passed_on = 1;
	if (atomic_exchange(&p->wait, WAIT_ASYNC) == WAIT_RESUMED) {
		atomic_store(&p->wait, WAIT_NONE);
		req_wake(r);
	}
}

void
req_resume(struct req *r)
{
	struct req_private *p = r->priv;
	int none = WAIT_NONE;

	/* Before its req_async: that will see it. */
	if (atomic_compare_exchange_strong(&p->wait, &none, WAIT_RESUMED))
		return;
	atomic_store(&p->wait, WAIT_NONE);
	req_wake(r);
}

/* --- the end of a request ------------------------------------------------- */

/* How much of an answer the peer may have got when it was cut. */
static uint64_t
sent_bytes(const struct req *r)
{
	const struct req_private *p = r->priv;

	if (p->phase != PHASE_ANSWERED || p->reply == REPLY_HEAD ||
	    strcmp(r->method, "HEAD") == 0 || p->status == 204 ||
	    p->status == 304)
		return 0;
	if (p->outcome == MHD_REQUEST_TERMINATED_COMPLETED_OK)
		return p->length;
	return p->sent < p->length ? p->sent : p->length;
}

static void
count(struct req *r)
{
	struct req_private *p = r->priv;
	struct http *h = p->http;
	size_t i = 0, n;
	int class = 0;

	if (r->op != NULL)
		i = (size_t)(r->op - route_ops(&n)) + 1;
	if (p->phase == PHASE_ANSWERED && p->status >= 100 &&
	    p->status < 600)
		class = p->status / 100;
	if (i < OPS_MAX)
		atomic_fetch_add_explicit(&h->requests[i][class], 1,
		    memory_order_relaxed);
	atomic_fetch_add_explicit(&h->bytes_in, r->received_bytes,
	    memory_order_relaxed);
	atomic_fetch_add_explicit(&h->bytes_out, (uint64_t)r->log.bytes_out,
	    memory_order_relaxed);
}

static void
log_request(struct req *r)
{
	struct req_private *p = r->priv;
	struct vt_access *a = &r->log;

	a->bytes_in = (int64_t)r->received_bytes;
	a->bytes_out = (int64_t)sent_bytes(r);
	a->aborted = p->outcome != MHD_REQUEST_TERMINATED_COMPLETED_OK &&
	    p->linger_until_us == 0;
	if (p->phase == PHASE_ANSWERED)
		a->status = p->status;
	a->total_us = vt_clock_mono_us() - r->start_mono_us;
	count(r);
	vt_accesslog_write(r->srv->log, a);
	if (r->op != NULL && strcmp(r->op->name, "GetObject") == 0)
		promoter_note(r->srv->promoter, a, r->comes_back);
}

/* The last has let go of it. */
static void
destroy(struct req *r)
{
	struct req_private *p = r->priv;
	struct http *h = p->http;

	if (r->cleanup != NULL)
		r->cleanup(r);
	doc_release(r);
	users_give(r->who.key);
	if (r->notifies)
		notifier_wake(r->srv->notifier);
	sse_release(r);
	if (p->begun)
		log_request(r);
	reply_release(r);
	body_release(r);
	if (p->uploading > 0)
		budget_give(p->uploads, p->turn.bytes);
	if (atomic_load(&p->queue) != NULL) {
		tierqueue_leave(atomic_load(&p->queue));
		atomic_fetch_sub(&h->at_tiers, 1);
	}
	if (p->in_hand)
		atomic_fetch_sub(&h->in_hand, 1);
	vt_arena_free(r->arena);
}

static void
destroy_job(struct job *j)
{
	destroy(req_of_job(j));
}

void
req_hold(struct req *r)
{
	atomic_fetch_add(&r->priv->refs, 1);
}

void
req_release(struct req *r)
{
	struct req_private *p = r->priv;

	if (atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	/* What worked on a worker may block there again: an upload given up
	 * removes its file. */
	if (p->worked && r->cleanup != NULL) {
		p->job.run = destroy_job;
		pool_add(req_pool(r), &p->job);
	} else {
		destroy(r);
	}
}

/* Bytes the peer's TCP has acknowledged since the connection began: all that
 * can be known of a sendfile that was cut, its headers included. */
static uint64_t
acked(const struct req *r)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(socket_of(r), IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return 0;
	return info.tcpi_bytes_acked;
}

static struct conn *
conn_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i;

	i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return i != NULL ? i->socket_context : NULL;
}

/* The connection has done with a request. */
static void
complete(struct req *r, int why)
{
	r->priv->outcome = why;
	awake(r);
	body_gone(r);
	req_release(r);
}

static void
on_completed(void *cls, struct MHD_Connection *c, void **con_cls,
    enum MHD_RequestTerminationCode why)
{
	struct req *r = *con_cls;
	struct conn *conn = conn_of(c);

	(void)cls;
	*con_cls = NULL;
	if (conn != NULL)
		conn->now = NULL;
	if (r == NULL)
		return;
	/* The figures of the socket are gone when we let go. */
	if (r->priv->acked_before > 0 &&
	    why != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		r->priv->sent = acked(r) - r->priv->acked_before;
	complete(r, (int)why);
}

/* --- the answer ----------------------------------------------------------- */

static ssize_t
on_read(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct req *r = cls;
	struct http *h = r->priv->http;
	ssize_t n = -1;

	atomic_fetch_add(&h->inside, 1);
	awake(r);
	if (!atomic_load(&h->cancel))
		n = stream_block(r, pos, buf, max);
	atomic_fetch_sub(&h->inside, 1);
	return n >= 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void
on_read_end(void *cls)
{
	stream_end(cls);
}

static ssize_t
read_nothing(void *cls, uint64_t pos, char *buf, size_t max)
{
	(void)cls;
	(void)pos;
	(void)buf;
	(void)max;
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *
make_stream(struct req *r)
{
	struct MHD_Response *m;
	size_t block = stream_begin(r);

	m = MHD_create_response_from_callback(r->priv->length, block, on_read,
	    r, on_read_end);
	if (m == NULL)
		stream_end(r);
	return m;
}

static struct MHD_Response *
make_response(struct req *r)
{
	struct req_private *p = r->priv;
	struct reply_header *h;
	struct MHD_Response *m = NULL;

	switch (p->reply) {
	case REPLY_NONE:
	case REPLY_BYTES:
		/* Lives as long as the request, and so longer. */
		m = MHD_create_response_from_buffer((size_t)p->length,
		    (void *)p->data, MHD_RESPMEM_PERSISTENT);
		break;
	case REPLY_OWNED:
		m = MHD_create_response_from_buffer((size_t)p->length,
		    p->owned, MHD_RESPMEM_MUST_FREE);
		if (m != NULL)
			p->owned = NULL;
		break;
	case REPLY_FD:
		m = MHD_create_response_from_fd_at_offset64(p->length, p->fd,
		    p->offset);
		if (m != NULL)
			p->fd = -1;
		break;
	case REPLY_STREAM:
		m = make_stream(r);
		break;
	case REPLY_HEAD:
		m = MHD_create_response_from_callback(p->length, 1,
		    read_nothing, NULL, NULL);
		break;
	}
	if (m == NULL)
		return NULL;
	MHD_add_response_header(m, "x-amz-request-id", r->id);
	MHD_add_response_header(m, MHD_HTTP_HEADER_SERVER, "Vaultaire");
	for (h = p->headers; h != NULL; h = h->next)
		MHD_add_response_header(m, h->name, h->value);
	if (p->must_close || atomic_load(&p->http->stopping))
		MHD_add_response_header(m, MHD_HTTP_HEADER_CONNECTION,
		    "close");
	return m;
}

/* Queue the answer; only where libmicrohttpd takes one. */
static enum MHD_Result
answer(struct req *r)
{
	struct req_private *p = r->priv;
	struct MHD_Response *m;
	enum MHD_Result rc;

	if (!req_answered(r)) {
		req_complain(r, "the operation gave no answer");
		req_error(r, "InternalError", NULL);
	}
	m = make_response(r);
	if (m == NULL)
		return MHD_NO;
	if (p->reply == REPLY_FD && p->length >= ESTIMATE_MIN)
		p->acked_before = acked(r);
	p->phase = PHASE_ANSWERED;
	r->log.ttfb_us = vt_clock_mono_us() - r->start_mono_us;
	rc = MHD_queue_response(p->conn, (unsigned)p->status, m);
	MHD_destroy_response(m);
	return rc;
}

/*
 * Answer in mid-upload, past libmicrohttpd, which cannot: onto the socket
 * itself.  What follows of the body is thrown away for a while, because
 * closing with bytes unread would take the answer back out of the peer's
 * hands (RFC 9293 section 3.10.7.4: a reset).
 */
static enum MHD_Result
answer_raw(struct req *r)
{
	struct req_private *p = r->priv;
	const struct reply_header *h;
	struct vt_buf head;
	int fd, sent;

	if (p->http->tls || p->reply != REPLY_OWNED)
		return MHD_NO;
	fd = socket_of(r);
	vt_buf_init(&head, POOL_SIZE);
	vt_buf_printf(&head, "HTTP/1.1 %d %s\r\n"
	    "Server: Vaultaire\r\nx-amz-request-id: %s\r\n"
	    "Content-Length: %ju\r\n", p->status,
	    MHD_get_reason_phrase_for((unsigned)p->status), r->id,
	    (uintmax_t)p->length);
	for (h = p->headers; h != NULL; h = h->next)
		vt_buf_printf(&head, "%s: %s\r\n", h->name, h->value);
	vt_buf_str(&head, "Connection: close\r\n\r\n");
	sent = !head.failed && send(fd, head.data, head.len, MSG_DONTWAIT |
	    MSG_NOSIGNAL | MSG_MORE) == (ssize_t)head.len &&
	    send(fd, p->owned, (size_t)p->length, MSG_DONTWAIT |
	    MSG_NOSIGNAL) == (ssize_t)p->length;
	vt_buf_release(&head);
	if (!sent)
		return MHD_NO;
	shutdown(fd, SHUT_WR);
	p->phase = PHASE_ANSWERED;
	p->sent = p->length;
	r->log.ttfb_us = vt_clock_mono_us() - r->start_mono_us;
	p->linger_until_us = vt_clock_mono_us() + LINGER_US;
	return MHD_YES;
}

/* --- the head of a request ------------------------------------------------ */

/* A bijection of the counter: never twice in a process, and not to be guessed
 * from the one before (splitmix64, Vigna 2015). */
static void
make_id(struct http *h, char id[33])
{
	static const char hex[] = "0123456789ABCDEF";
	uint64_t z;
	int i;

	z = h->id_seed + UINT64_C(0x9e3779b97f4a7c15) *
	    atomic_fetch_add_explicit(&h->id_count, 1, memory_order_relaxed);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	for (i = 15; i >= 0; i--, z >>= 4)
		id[i] = hex[z & 15];
	id[16] = '\0';
}

/*
 * Some errors inside libmicrohttpd, such as a query that does not fit its
 * pool, end a request that it has shown to us without a word.
 */
static void
forget(struct conn *conn)
{
	struct req *r = conn->now;

	conn->now = NULL;
	if (r != NULL)
		complete(r, MHD_REQUEST_TERMINATED_WITH_ERROR);
}

/*
 * libmicrohttpd goes on to decode the query into its pool.  We have no use for
 * that, and some 500 parameters fill the pool, which leaves the connection
 * hanging until it is idle for too long.  So the query ends here: the text is
 * in the connection's own buffer, behind a '?' that has been found already.
 */
static void
hide_query(const char *uri)
{
	char *mark = uri != NULL ? strchr((char *)uri, '?') : NULL;

	if (mark != NULL)
		mark[1] = '\0';
}

/* The request line is in.  The target must be taken here: later it is
 * decoded in place and cut at %00 (trap 5). */
static void *
on_target(void *cls, const char *uri, struct MHD_Connection *c)
{
	struct conn *conn = conn_of(c);
	struct http *h = cls;
	struct vt_arena *arena;
	struct request *q;
	struct req_private *p;
	struct req *r;

	if (conn != NULL)
		forget(conn);
	arena = vt_arena_new(REQ_ARENA_MAX);
	if (arena == NULL)
		return NULL;
	q = vt_arena_alloc(arena, sizeof(*q));
	if (q == NULL) {
		vt_arena_free(arena);
		return NULL;
	}
	r = &q->r;
	p = &q->p;
	r->priv = p;
	p->q = q;
	r->srv = h->srv;
	r->arena = arena;
	make_id(h, r->id);
	r->start_us = vt_clock_now_us(h->srv->clock);
	r->start_mono_us = vt_clock_mono_us();
	r->method = r->raw_path = r->raw_query = "";
	p->http = h;
	p->conn = c;
	atomic_store(&p->refs, 1);
	reply_init(r);
	vt_buf_init(&p->body, 0);
	if (conn != NULL) {
		r->remote = vt_arena_str(arena, conn->remote);
		conn->now = r;
	}
	if (uri == NULL)
		p->target = "";
	else if (strlen(uri) <= TARGET_MAX)
		p->target = vt_arena_str(arena, uri);
	hide_query(uri);
	return r;
}

struct headers {
	struct vt_header *at;
	char *text;
	size_t count, bytes;
	int broken;
};

static enum MHD_Result
measure_header(void *cls, enum MHD_ValueKind kind, const char *name,
    size_t name_len, const char *value, size_t value_len)
{
	struct headers *s = cls;
	size_t i;

	(void)kind;
	s->count++;
	s->bytes += name_len + value_len + 4;
	/* "Content-Length : 5" would be no Content-Length to us and one to
	 * the proxy before us. */
	for (i = 0; i < name_len; i++)
		if ((unsigned char)name[i] <= 0x20 ||
		    (unsigned char)name[i] >= 0x7f)
			s->broken = 1;
	if (name_len == 0 || (value_len > 0 &&
	    memchr(value, '\0', value_len) != NULL))
		s->broken = 1;
	return MHD_YES;
}

static enum MHD_Result
copy_header(void *cls, enum MHD_ValueKind kind, const char *name,
    size_t name_len, const char *value, size_t value_len)
{
	struct headers *s = cls;

	(void)kind;
	s->at->name = s->text;
	memcpy(s->text, name, name_len);
	s->text[name_len] = '\0';
	s->text += name_len + 1;
	s->at->value = s->text;
	if (value_len > 0)
		memcpy(s->text, value, value_len);
	s->text[value_len] = '\0';
	s->text += value_len + 1;
	s->at++;
	return MHD_YES;
}

/* Copy the headers: the originals go when the connection does, and a worker
 * may still look at them.  -1: refused. */
static int
take_headers(struct req *r)
{
	struct req_private *p = r->priv;
	struct headers s = { NULL, NULL, 0, 0, 0 };
	struct vt_header *headers;

	MHD_get_connection_values_n(p->conn, MHD_HEADER_KIND, measure_header,
	    &s);
	if (s.bytes > HEADERS_MAX) {
		req_error(r, "RequestHeaderSectionTooLarge", "The request's "
		    "headers have %zu bytes; at most %d are taken", s.bytes,
		    HEADERS_MAX);
		return -1;
	}
	if (s.broken) {
		p->must_close = 1;
		req_error(r, "BadRequest", "A header is malformed");
		return -1;
	}
	headers = vt_arena_alloc(r->arena,
	    (s.count + 1) * sizeof(*headers) + s.bytes);
	if (headers == NULL) {
		req_error(r, "SlowDown", NULL);
		return -1;
	}
	s.at = headers;
	s.text = (char *)(headers + s.count + 1);
	MHD_get_connection_values_n(p->conn, MHD_HEADER_KIND, copy_header,
	    &s);
	r->headers = headers;
	r->header_count = s.count;
	return 0;
}

/* All that the headers say; what is wrong is recorded as the answer. */
static void
begin(struct req *r, const char *method, const char *version)
{
	struct req_private *p = r->priv;

	p->begun = 1;
	r->log.time_us = r->start_us;
	r->log.request_id = r->id;
	r->log.node = r->srv->config->node;
	r->log.actor = "client";
	r->log.remote = r->remote;
	r->log.op = "Refused";
	r->log.range_first = r->log.range_length = -1;
	r->log.size = r->log.copy_id = -1;
	p->in_hand = 1;
	atomic_fetch_add(&p->http->in_hand, 1);
	r->method = vt_arena_str(r->arena, method);
	if (r->method == NULL) {
		r->method = "";
		req_error(r, "SlowDown", NULL);
		return;
	}
	if (take_headers(r) < 0)
		return;
	r->log.agent = req_header(r, "User-Agent");
	head_read(r, version, p->http->auth,
	    atomic_load(&p->http->stopping));
}

static int
has_body(const struct req *r)
{
	const struct req_private *p = r->priv;

	return p->te_chunked || p->content_length > 0;
}

/*
 * What waits in the socket?  libmicrohttpd takes a short read for an empty
 * socket and waits for the next edge of epoll.  When the peer's FIN came with
 * its last bytes there is none, and a body that broke off would hold its
 * request for the whole idle timeout.  1: the peer has closed; what is left,
 * if anything, is in libmicrohttpd's buffer.
 */
static int
peer_closed(struct req *r)
{
	ssize_t n;
	char c;

	n = recv(socket_of(r), &c, 1, MSG_PEEK | MSG_DONTWAIT);
	r->priv->more = n > 0;
	return n == 0;
}

/* Close the connection a second after the last it has to say. */
static void
expect_end(struct req *r)
{
	MHD_set_connection_option(r->priv->conn,
	    MHD_CONNECTION_OPTION_TIMEOUT, 1u);
}

static enum MHD_Result
on_head(struct req *r, const char *method, const char *version)
{
	struct req_private *p = r->priv;

	if (!p->begun)
		begin(r, method, version);
	if (req_answered(r)) {
		/* Before the 100 goes out the body is not on its way: saying
		 * no now spares it. */
		if (p->must_close || (p->expects && has_body(r)))
			return answer(r);
		p->mode = BODY_DRAIN;
	} else if (p->expects && p->mode == BODY_STREAM && !p->opening) {
		/* The operation may say no, too. */
		p->opening = 1;
		req_work(r, body_open);
		if (p->suspended)
			return MHD_YES;
		return answer(r);
	}
	p->phase = PHASE_BODY;
	if (has_body(r) && peer_closed(r))
		expect_end(r);
	return MHD_YES;
}

/* --- the body and the operation ------------------------------------------- */

void
req_run_op(struct req *r)
{
	if (body_check(r) == 0)
		r->op->run(r);
}

/* -1: the body broke off, these `len` bytes are its last. */
static int
look_ahead(struct req *r, size_t len)
{
	struct req_private *p = r->priv;

	if (!peer_closed(r))
		return 0;
	if (p->has_content_length && !p->http->tls &&
	    p->raw_received + len < p->content_length)
		return -1;
	/* Whether the last chunk is in only libmicrohttpd knows, and with TLS
	 * there may be more in a record that is decrypted already. */
	expect_end(r);
	return 0;
}

static enum MHD_Result
on_body(struct req *r, const char *data, size_t *len)
{
	struct req_private *p = r->priv;
	size_t before = *len;

	if (look_ahead(r, before) < 0)
		return MHD_NO;
	if (p->linger_until_us != 0) {
		p->drained += *len;
		*len = 0;
		return p->drained > 2 * DRAIN_MAX ||
		    vt_clock_mono_us() > p->linger_until_us ? MHD_NO :
		    MHD_YES;
	}
	if (body_data(r, data, len) == BODY_STOP)
		return answer_raw(r);
	p->raw_received += before - *len;
	return MHD_YES;
}

static enum MHD_Result
on_end(struct req *r)
{
	struct req_private *p = r->priv;

	if (p->linger_until_us != 0)
		return MHD_NO;
	p->phase = PHASE_RUN;
	if (!body_end(r))
		return MHD_YES;
	if (!req_answered(r)) {
		if ((r->op->flags & OP_WORKER) ||
		    r->received_bytes > SMALL_BODY_MAX)
			req_work(r, req_run_op);
		else
			req_run_op(r);
		if (p->suspended)
			return MHD_YES;
	}
	return answer(r);
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *len,
    void **con_cls)
{
	struct http *h = cls;
	struct req *r = *con_cls;
	enum MHD_Result rc = MHD_NO;

	(void)c;
	(void)url;
	if (r == NULL)
		return MHD_NO;
	/* The order matters: http_stop sets `cancel`, then looks inside. */
	atomic_fetch_add(&h->inside, 1);
	awake(r);
	if (!atomic_load(&h->cancel)) {
		switch (r->priv->phase) {
		case PHASE_HEAD:
			rc = on_head(r, method, version);
			break;
		case PHASE_BODY:
			rc = *len > 0 ? on_body(r, data, len) : on_end(r);
			break;
		case PHASE_RUN:
			rc = answer(r);
			break;
		case PHASE_ANSWERED:
			if (*len > 0)
				rc = on_body(r, data, len);
			break;
		}
	}
	atomic_fetch_sub(&h->inside, 1);
	return rc;
}

static void
on_connection(void *cls, struct MHD_Connection *c, void **context,
    enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *info;
	const struct sockaddr *sa;
	struct conn *conn;
	const void *addr = NULL;

	(void)cls;
	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		conn = *context;
		*context = NULL;
		if (conn != NULL)
			forget(conn);
		free(conn);
		return;
	}
	conn = calloc(1, sizeof(*conn));
	*context = conn;
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (conn == NULL || info == NULL || info->client_addr == NULL)
		return;
	sa = info->client_addr;
	if (sa->sa_family == AF_INET) {
		addr = &((const struct sockaddr_in *)(const void *)sa)->
		    sin_addr;
		inet_ntop(AF_INET, addr, conn->remote, sizeof(conn->remote));
	} else if (sa->sa_family == AF_INET6) {
		addr = &((const struct sockaddr_in6 *)(const void *)sa)->
		    sin6_addr;
		/* An IPv4 peer of a socket for both is one all the same. */
		if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)addr))
			inet_ntop(AF_INET, (const char *)addr + 12,
			    conn->remote, sizeof(conn->remote));
		else
			inet_ntop(AF_INET6, addr, conn->remote,
			    sizeof(conn->remote));
	}
}

/* --- the admin listener --------------------------------------------------- */

static enum MHD_Result
on_admin(void *cls, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *len,
    void **con_cls)
{
	static int seen;
	struct http *h = cls;
	struct MHD_Response *m;
	struct vt_buf page;
	enum MHD_Result rc;
	const char *type = "text/plain";
	size_t size;
	char *text;
	int status;

	(void)version;
	(void)data;
	/* An answer in the first call would close the connection. */
	if (*con_cls == NULL) {
		*con_cls = &seen;
		return MHD_YES;
	}
	if (*len > 0) {
		*len = 0;
		return MHD_YES;
	}
	vt_buf_init(&page, 1 << 20);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		vt_buf_str(&page, "method not allowed\n");
		status = 405;
	} else {
		status = admin_page(h->srv, url, &page, &type);
	}
	text = vt_buf_take(&page, &size);
	if (text == NULL)
		return MHD_NO;
	m = MHD_create_response_from_buffer(size, text,
	    MHD_RESPMEM_MUST_FREE);
	if (m == NULL) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(m, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	rc = MHD_queue_response(c, (unsigned)status, m);
	MHD_destroy_response(m);
	return rc;
}

/* --- listening ------------------------------------------------------------ */

/* "host:port" or "[v6]:port" or ":port", checked by the configuration, into
 * a listening socket; -1 after filling err. */
static int
listen_on(const char *where, int *port, struct vt_err *err)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	    .ai_socktype = SOCK_STREAM }, *list = NULL;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	const char *colon = strrchr(where, ':');
	char host[256];
	int fd, rc, on = 1, off = 0;

	if (colon == NULL || (size_t)(colon - where) >= sizeof(host)) {
		vt_fail(err, VT_INVALID, "'%s' is not HOST:PORT", where);
		return -1;
	}
	if (*where == '[')
		snprintf(host, sizeof(host), "%.*s",
		    (int)(colon - where - 2), where + 1);
	else
		snprintf(host, sizeof(host), "%.*s", (int)(colon - where),
		    where);
	/* All addresses: one socket for both families, where there are. */
	if (host[0] == '\0' || strcmp(host, "*") == 0)
		rc = getaddrinfo("::", colon + 1, &hints, &list);
	else
		rc = getaddrinfo(host, colon + 1, &hints, &list);
	if (rc != 0) {
		vt_fail(err, VT_INVALID, "cannot listen on '%s': %s", where,
		    gai_strerror(rc));
		return -1;
	}
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (list->ai_family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
			    sizeof(off));
	}
	if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) < 0 ||
	    listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) < 0) {
		vt_fail_errno(err, "cannot listen on '%s'", where);
		if (fd >= 0)
			close(fd);
		fd = -1;
	} else {
		*port = ntohs(sa.ss_family == AF_INET6 ?
		    ((struct sockaddr_in6 *)&sa)->sin6_port :
		    ((struct sockaddr_in *)&sa)->sin_port);
	}
	freeaddrinfo(list);
	return fd;
}

/*
 * While we stop nobody new comes in.  MHD_quiesce_daemon would do it, but in
 * 0.9.75 it removes the listening socket from each thread's epoll set while
 * that thread does the same, and aborts the process when it comes second.
 */
static enum MHD_Result
on_accept(void *cls, const struct sockaddr *addr, socklen_t len)
{
	struct http *h = cls;

	(void)addr;
	(void)len;
	return atomic_load(&h->stopping) ? MHD_NO : MHD_YES;
}

static enum vt_code
start_daemon(struct http *h, int fd, struct vt_err *err)
{
	const struct vt_config *c = h->srv->config;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD |
	    MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO;
	struct MHD_OptionItem o[16];
	char *cert = NULL, *key = NULL;
	enum vt_code rc = VT_OK;
	size_t len = 0;
	long cores;
	int n = 0;

	cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (cores > 1)
		o[n++] = (struct MHD_OptionItem){
		    MHD_OPTION_THREAD_POOL_SIZE, cores, NULL };
	o[n++] = (struct MHD_OptionItem){
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_SIZE, NULL };
	o[n++] = (struct MHD_OptionItem){ MHD_OPTION_CONNECTION_LIMIT,
	    (intptr_t)c->max_connections, NULL };
	o[n++] = (struct MHD_OptionItem){ MHD_OPTION_CONNECTION_TIMEOUT,
	    (intptr_t)((c->idle_timeout_ms + 999) / 1000), NULL };
	o[n++] = (struct MHD_OptionItem){ MHD_OPTION_URI_LOG_CALLBACK,
	    (intptr_t)on_target, h };
	o[n++] = (struct MHD_OptionItem){ MHD_OPTION_NOTIFY_COMPLETED,
	    (intptr_t)on_completed, h };
	o[n++] = (struct MHD_OptionItem){ MHD_OPTION_NOTIFY_CONNECTION,
	    (intptr_t)on_connection, h };
	if (c->tls_cert != NULL) {
		if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
			rc = vt_fail(err, VT_INVALID,
			    "this libmicrohttpd has no TLS");
			goto out;
		}
		rc = vt_fs_read(c->tls_cert, TLS_FILE_MAX, &cert, &len, err);
		if (rc == VT_OK)
			rc = vt_fs_read(c->tls_key, TLS_FILE_MAX, &key, &len,
			    err);
		if (rc != VT_OK)
			goto out;
		flags |= MHD_USE_TLS;
		h->tls = 1;
		o[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT,
		    0, cert };
		o[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY,
		    0, key };
	}
	o[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	h->daemon = MHD_start_daemon(flags, 0, on_accept, h, on_request, h,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_ARRAY, o,
	    MHD_OPTION_END);
	if (h->daemon == NULL)
		rc = vt_fail(err, VT_INVALID, "cannot start the server on "
		    "'%s'%s", c->listen, c->tls_cert != NULL ?
		    ": is the certificate's key the right one?" : "");
out:
	if (key != NULL)
		explicit_bzero(key, len);
	free(key);
	free(cert);
	return rc;
}

static enum vt_code
start_admin(struct http *h, int fd, struct vt_err *err)
{
	h->admin = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD |
	    MHD_USE_ITC, 0, NULL, NULL, on_admin, h,
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, 64u,
	    MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_END);
	if (h->admin == NULL)
		return vt_fail(err, VT_IO, "cannot start the admin listener");
	return VT_OK;
}

/* What libmicrohttpd does not watch: waits of suspended connections. */
static void *
keep_house(void *arg)
{
	struct http *h = arg;
	struct timespec t;
	int64_t us, before_us;

	pthread_mutex_lock(&h->lock);
	while (!h->ended) {
		us = vt_clock_mono_us() + TICK_MS * 1000;
		t.tv_sec = us / 1000000;
		t.tv_nsec = us % 1000000 * 1000;
		pthread_cond_timedwait(&h->wake, &h->lock, &t);
		pthread_mutex_unlock(&h->lock);
		pool_tend(h->pool);
		before_us = vt_clock_mono_us() -
		    h->srv->config->idle_timeout_ms * 1000;
		tierqueues_tend(h->queues, before_us);
		budget_expire(h->budget, before_us);
		pthread_mutex_lock(&h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static enum vt_code
start_housekeeper(struct http *h, struct vt_err *err)
{
	pthread_condattr_t attr;

	if (pthread_mutex_init(&h->lock, NULL) != 0 ||
	    pthread_condattr_init(&attr) != 0)
		return vt_fail(err, VT_NOMEM, "cannot make a lock");
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (pthread_cond_init(&h->wake, &attr) != 0)
		return vt_fail(err, VT_NOMEM, "cannot make a lock");
	pthread_condattr_destroy(&attr);
	errno = pthread_create(&h->housekeeper, NULL, keep_house, h);
	if (errno != 0)
		return vt_fail_errno(err, "cannot start a thread");
	h->has_housekeeper = 1;
	return VT_OK;
}

static void
stop_housekeeper(struct http *h)
{
	if (!h->has_housekeeper)
		return;
	pthread_mutex_lock(&h->lock);
	h->ended = 1;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->housekeeper, NULL);
	pthread_cond_destroy(&h->wake);
	pthread_mutex_destroy(&h->lock);
}

/*
 * The last jobs clean up after requests, and may pass that on to the workers
 * of another tier: none must be gone before all have nothing to do, and had
 * nothing to do since we asked the first of them.
 */
static void
wait_for_workers(struct http *h)
{
	uint64_t ran = 0, before;
	int quiet;

	do {
		usleep(STOP_POLL_US);
		before = ran;
		ran = 1;
		quiet = pool_is_quiet(h->pool, &ran);
		quiet &= tierqueues_are_quiet(h->queues, &ran);
	} while (!quiet || ran != before);
}

static void
destroy_http(struct http *h)
{
	if (h->pool != NULL && h->queues != NULL)
		wait_for_workers(h);
	stop_housekeeper(h);
	tierqueues_stop(h->queues);
	pool_stop(h->pool);
	budget_free(h->budget);
	auth_free(h->auth);
	free(h);
}

static enum vt_code
prepare(struct http *h, struct vt_err *err)
{
	const struct vt_config *c = h->srv->config;
	struct auth_settings settings = { c->sigv2, c->clock_skew_ms };
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	enum vt_code rc;

	if (vt_random(&h->id_seed, sizeof(h->id_seed)) < 0)
		return vt_fail(err, VT_IO, "no random bytes to be had");
	h->budget = budget_new(c->buffer_budget_bytes);
	h->auth = auth_new(&h->srv->root, &settings);
	if (h->budget == NULL || h->auth == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for the server");
	rc = pool_start(cores > WORKERS_MIN / 4 ? (unsigned)cores * 4 :
	    WORKERS_MIN, WORKERS_MAX, &h->pool, err);
	if (rc == VT_OK)
		rc = tierqueues_start(c, h->srv->tiers,
		    c->buffer_budget_bytes, &h->queues, err);
	if (rc == VT_OK)
		rc = start_housekeeper(h, err);
	return rc;
}

enum vt_code
http_start(struct server *s, struct vt_err *err)
{
	struct http *h;
	int fd = -1, admin_fd = -1;
	enum vt_code rc;

	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for the server");
	h->srv = s;
	/* Requests come in before this returns and look for it there. */
	s->http = h;
	rc = prepare(h, err);
	if (rc != VT_OK)
		goto fail;
	fd = listen_on(s->config->listen, &h->port, err);
	if (fd < 0) {
		rc = VT_IO;
		goto fail;
	}
	if (s->config->admin != NULL) {
		admin_fd = listen_on(s->config->admin, &h->admin_port, err);
		if (admin_fd < 0) {
			rc = VT_IO;
			goto fail;
		}
		rc = start_admin(h, admin_fd, err);
		if (rc != VT_OK)
			goto fail;
		admin_fd = -1;
	}
	rc = start_daemon(h, fd, err);
	if (rc != VT_OK)
		goto fail;
	return VT_OK;
fail:
	if (h->admin != NULL)
		MHD_stop_daemon(h->admin);
	if (admin_fd >= 0)
		close(admin_fd);
	if (fd >= 0)
		close(fd);
	s->http = NULL;
	destroy_http(h);
	return rc;
}

void
http_reload(struct http *h, const struct vt_cred *root,
    const struct vt_config *config)
{
	struct auth_settings settings = { config->sigv2,
	    config->clock_skew_ms };

	auth_update(h->auth, root, &settings);
}

struct auth *
http_auth(const struct http *h)
{
	return h->auth;
}

/* All in hand wait for tiers elsewhere, and not one has been woken for long. */
static int
is_stuck(const struct http *h, uint64_t *woken, int64_t *since_us)
{
	uint64_t now = atomic_load(&h->woken);
	int n = atomic_load(&h->in_hand);

	if (now != *woken || atomic_load(&h->at_tiers) < n ||
	    atomic_load(&h->suspended) < n) {
		*woken = now;
		*since_us = vt_clock_mono_us();
	}
	return vt_clock_mono_us() - *since_us > STOP_STUCK_US;
}

/*
 * Stopping libmicrohttpd with a suspended connection aborts the process (trap
 * 4).  So: no new connections; requests in hand get their time; then
 * `cancel` makes every callback say no, which suspends none, and the waits
 * that only we can end are ended.  When no callback is inside and none is
 * suspended after that, there never will be one again.  Nor do they get all
 * their time when every one of them waits for a tier elsewhere that is silent.
 */
void
http_stop(struct http *h, int64_t grace_ms)
{
	int64_t until, since_us = vt_clock_mono_us();
	uint64_t woken = 0;

	if (h == NULL)
		return;
	atomic_store(&h->stopping, 1);
	until = vt_clock_mono_us() + grace_ms * 1000;
	while (atomic_load(&h->in_hand) > 0 && vt_clock_mono_us() < until &&
	    !is_stuck(h, &woken, &since_us))
		usleep(STOP_POLL_US);
	/* what waits for these can be answered yet */
	vt_tiers_cancel(h->srv->tiers);
	until = vt_clock_mono_us() + STOP_ANSWER_US;
	while (atomic_load(&h->in_hand) > 0 && vt_clock_mono_us() < until)
		usleep(STOP_POLL_US);
	atomic_store(&h->cancel, 1);
	until = vt_clock_mono_us() + STOP_LAST_MS * 1000;
	while (atomic_load(&h->inside) > 0 ||
	    atomic_load(&h->suspended) > 0) {
		budget_expire(h->budget, INT64_MAX);
		tierqueues_tend(h->queues, INT64_MAX);
		if (vt_clock_mono_us() > until) {
			/* A disk hangs.  Everything acknowledged is on
			 * stable storage; recovery does the rest (P4). */
			fprintf(stderr, "vt-serve: a request cannot be "
			    "ended; leaving without it\n");
			_exit(4);
		}
		usleep(STOP_POLL_US);
	}
	/* First the one that asks the other for its figures. */
	if (h->admin != NULL)
		MHD_stop_daemon(h->admin);
	MHD_stop_daemon(h->daemon);
	h->srv->http = NULL;
	destroy_http(h);
}

int
http_tier_stats(const struct http *h, size_t i, struct tierqueue_stats *out)
{
	return tierqueues_stats(h->queues, i, out);
}

int
http_port(const struct http *h)
{
	return h->port;
}

int
http_admin_port(const struct http *h)
{
	return h->admin_port;
}

void
http_stats(const struct http *h, struct http_stats *out)
{
	struct MHD_Daemon *daemon = atomic_load(&h->daemon);
	const union MHD_DaemonInfo *info;
	size_t i, j;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < OPS_MAX; i++)
		for (j = 0; j < 6; j++)
			out->requests[i][j] =
			    atomic_load(&h->requests[i][j]);
	info = daemon != NULL ? MHD_get_daemon_info(daemon,
	    MHD_DAEMON_INFO_CURRENT_CONNECTIONS) : NULL;
	if (info != NULL)
		out->connections = info->num_connections;
	out->in_hand = (uint64_t)atomic_load(&h->in_hand);
	out->suspended = (uint64_t)atomic_load(&h->suspended);
	out->queued = pool_length(h->pool);
	budget_stats(h->budget, &out->buffer_bytes, &out->buffer_waiting);
	out->bytes_in = atomic_load(&h->bytes_in);
	out->bytes_out = atomic_load(&h->bytes_out);
	out->stopping = atomic_load(&h->stopping);
}
