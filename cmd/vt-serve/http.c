/*
 * The connection: libmicrohttpd's callbacks, the life of a request.  Only
 * http*.c know libmicrohttpd (0.9.75).
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
#include <linux/tcp.h>	/* libc's tcp_info is short */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "documents.h"
#include "http_internal.h"
#include "notify.h"
#include "promote.h"
#include "sse.h"
#include "stream.h"
#include "users.h"

#define LINGER_US 10000000	/* after an answer that cut a body short */
#define ESTIMATE_MIN 65536	/* smaller answers are sent or not */

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

static int
socket_of(const struct req *r)
{
	const union MHD_ConnectionInfo *i;

	i = MHD_get_connection_info(r->priv->conn,
	    MHD_CONNECTION_INFO_CONNECTION_FD);
	return i != NULL ? i->connect_fd : -1;
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
	req_awake(r);
	body_gone(r);
	req_release(r);
}

void
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
	req_awake(r);
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
void *
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

enum MHD_Result
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
	req_awake(r);
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

/* --- a connection --------------------------------------------------------- */

void
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
