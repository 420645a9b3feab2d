/*
 * A load of one kind over keep-alive HTTP/1.1 connections, as cheap as it can
 * be on this side: requests are signed before the clock starts, answers are
 * read and dropped.  Prints one JSON line.
 *
 *	load --endpoint HOST:PORT --path /bucket/key [--keys N] [--query Q]
 *	     [--put BYTES] [--clients N] [--seconds S | --count N] [--plain]
 *	     [--name TEXT] [--range]
 *
 * With --keys the path gets a number, 0 to N - 1, one after the other.
 * Credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.  --plain: unsigned.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libvt/base/buf.h"
#include "libvt/base/clock.h"
#include "libvt/base/hash.h"
#include "libvt/proto/sigv4.h"

#define CLIENTS_MAX 4096
#define HEAD_MAX 16384
#define BUCKETS 100000		/* of 10 us */

struct conn {
	int fd;
	const struct vt_buf *req;
	size_t sent;		/* of the head, then of the body */
	char head[HEAD_MAX];
	size_t head_len;
	int in_body;
	uint64_t body_left;
	int64_t start_us;
	int idle;
};

static struct vt_buf *requests;
static unsigned long request_count = 1, next_request;
static char *body;
static uint64_t body_len, received, done, errors, limit;
static int64_t end_us;
static unsigned histogram[BUCKETS + 1];
static int epoll_fd;
static char first_error[200];

static void
die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(3);
}

static void
watch(struct conn *c, int op, unsigned events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (epoll_ctl(epoll_fd, op, c->fd, &ev) < 0)
		die("epoll_ctl");
}

/* Send what is left; 1 when all is out. */
static int
push(struct conn *c)
{
	const char *p;
	size_t left;
	ssize_t n;

	for (;;) {
		if (c->sent < c->req->len) {
			p = c->req->data + c->sent;
			left = c->req->len - c->sent;
		} else if (c->sent < c->req->len + body_len) {
			p = body + (c->sent - c->req->len);
			left = (size_t)(c->req->len + body_len - c->sent);
			if (left > (1 << 20))
				left = 1 << 20;
		} else
			return 1;
		n = send(c->fd, p, left, MSG_NOSIGNAL |
		    (c->sent < c->req->len && body_len > 0 ? MSG_MORE : 0));
		if (n < 0) {
			if (errno == EAGAIN)
				return 0;
			die("send");
		}
		c->sent += (size_t)n;
	}
}

static void
begin(struct conn *c)
{
	if (vt_clock_mono_us() >= end_us || (limit != 0 &&
	    next_request >= limit)) {
		c->idle = 1;
		return;
	}
	c->req = &requests[next_request++ % request_count];
	c->sent = 0;
	c->head_len = 0;
	c->in_body = 0;
	c->start_us = vt_clock_mono_us();
	watch(c, EPOLL_CTL_MOD, push(c) ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

static void
finished(struct conn *c)
{
	int64_t us = vt_clock_mono_us() - c->start_us;

	histogram[us / 10 < BUCKETS ? us / 10 : BUCKETS]++;
	done++;
	begin(c);
}

/* Take the head apart once it is whole. */
static void
parse_head(struct conn *c, size_t body_start)
{
	char *line, *value;
	int status;

	c->head[body_start - 1] = '\0';
	status = atoi(c->head + 9);
	if (status < 200 || status > 299) {
		if (errors++ == 0)
			snprintf(first_error, sizeof(first_error), "%.190s",
			    c->head);
	}
	c->body_left = 0;
	for (line = strchr(c->head, '\n'); line != NULL;
	    line = strchr(line + 1, '\n')) {
		value = strchr(line, ':');
		if (value != NULL &&
		    strncasecmp(line + 1, "content-length:", 15) == 0)
			c->body_left = strtoull(value + 1, NULL, 10);
	}
	c->in_body = 1;
	received += c->head_len - body_start;
	c->body_left -= c->head_len - body_start;
}

static void
pull(struct conn *c)
{
	static char sink[1 << 20];
	char *end;
	ssize_t n;

	for (;;) {
		if (c->in_body) {
			n = recv(c->fd, sink, c->body_left < sizeof(sink) ?
			    (size_t)c->body_left : sizeof(sink), 0);
		} else
			n = recv(c->fd, c->head + c->head_len,
			    HEAD_MAX - 1 - c->head_len, 0);
		if (n < 0) {
			if (errno == EAGAIN)
				return;
			die("recv");
		}
		if (n == 0) {
			fprintf(stderr, "load: the server closed\n");
			exit(3);
		}
		if (c->in_body) {
			c->body_left -= (uint64_t)n;
			received += (uint64_t)n;
		} else {
			c->head_len += (size_t)n;
			c->head[c->head_len] = '\0';
			end = strstr(c->head, "\r\n\r\n");
			if (end == NULL)
				continue;
			parse_head(c, (size_t)(end + 4 - c->head));
		}
		if (c->in_body && c->body_left == 0) {
			finished(c);
			return;
		}
	}
}

static void
build(struct vt_buf *out, const char *method, const char *host,
    const char *path, const char *query, int plain, int range)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_header in[4] = { { "host", host } }, *extra = NULL;
	struct vt_sig_request r = { method, path, query, in, 1 };
	struct vt_sig_cred cred = { getenv("AWS_ACCESS_KEY_ID"),
	    getenv("AWS_SECRET_ACCESS_KEY"), NULL, "us-east-1", "s3" };
	struct vt_err err;
	size_t n = 0, i;

	vt_buf_init(out, HEAD_MAX);
	vt_buf_printf(out, "%s %s%s%s HTTP/1.1\r\nHost: %s\r\n", method, path,
	    query[0] != '\0' ? "?" : "", query, host);
	if (strcmp(method, "PUT") == 0)
		vt_buf_printf(out, "Content-Length: %llu\r\n",
		    (unsigned long long)body_len);
	if (range)
		vt_buf_str(out, "Range: bytes=0-4095\r\n");
	if (!plain) {
		if (cred.access_key == NULL || cred.secret_key == NULL ||
		    vt_sig_sign(a, &r, &cred, vt_clock_now_us(
		    &VT_CLOCK_REAL), "UNSIGNED-PAYLOAD", 1, &extra, &n,
		    &err) != VT_OK) {
			fprintf(stderr, "load: cannot sign\n");
			exit(3);
		}
		for (i = 0; i < n; i++)
			vt_buf_printf(out, "%s: %s\r\n", extra[i].name,
			    extra[i].value);
	}
	vt_buf_str(out, "\r\n");
	vt_arena_free(a);
}

static double
percentile(double share)
{
	uint64_t want = (uint64_t)(share * (double)done), seen = 0;
	int i;

	for (i = 0; i <= BUCKETS; i++) {
		seen += histogram[i];
		if (seen > want)
			break;
	}
	return i * 10;
}

int
main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "endpoint", 1, NULL, 'e' }, { "path", 1, NULL, 'p' },
		{ "keys", 1, NULL, 'k' }, { "query", 1, NULL, 'q' },
		{ "put", 1, NULL, 'u' }, { "clients", 1, NULL, 'c' },
		{ "seconds", 1, NULL, 's' }, { "count", 1, NULL, 'n' },
		{ "plain", 0, NULL, 'P' }, { "name", 1, NULL, 'N' },
		{ "range", 0, NULL, 'r' }, { NULL, 0, NULL, 0 }
	};
	const char *endpoint = NULL, *path = NULL, *query = "", *name = "load";
	struct epoll_event events[256];
	struct sockaddr_in sin;
	struct conn *conns, *c;
	unsigned long clients = 1, i, idle;
	double seconds = 0, took;
	char host[64], full[2048];
	int64_t start_us;
	int ch, plain = 0, put = 0, range = 0, keys = 0, n, one = 1;

	while ((ch = getopt_long(argc, argv, "", opts, NULL)) != -1)
		switch (ch) {
		case 'e': endpoint = optarg; break;
		case 'p': path = optarg; break;
		case 'k': request_count = strtoul(optarg, NULL, 10);
			keys = 1; break;
		case 'q': query = optarg; break;
		case 'u': body_len = strtoull(optarg, NULL, 10);
			put = 1; break;
		case 'c': clients = strtoul(optarg, NULL, 10); break;
		case 's': seconds = atof(optarg); break;
		case 'n': limit = strtoull(optarg, NULL, 10); break;
		case 'P': plain = 1; break;
		case 'N': name = optarg; break;
		case 'r': range = 1; break;
		default: return 2;
		}
	if (endpoint == NULL || path == NULL || clients < 1 ||
	    clients > CLIENTS_MAX || request_count < 1)
		return 2;
	snprintf(host, sizeof(host), "%s", endpoint);
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	if (strchr(host, ':') == NULL)
		return 2;
	sin.sin_port = htons((uint16_t)atoi(strchr(host, ':') + 1));
	*strchr(host, ':') = '\0';
	if (inet_pton(AF_INET, host, &sin.sin_addr) != 1)
		return 2;
	body = malloc(body_len + 1);
	requests = calloc(request_count, sizeof(*requests));
	conns = calloc(clients, sizeof(*conns));
	if (body == NULL || requests == NULL || conns == NULL)
		die("memory");
	if (put && vt_random(body, (size_t)(body_len < 65536 ? body_len :
	    65536)) < 0)
		die("random");
	for (i = 65536; i < body_len; i += 65536)
		memcpy(body + i, body, body_len - i < 65536 ?
		    (size_t)(body_len - i) : 65536);
	for (i = 0; i < request_count; i++) {
		if (keys)
			snprintf(full, sizeof(full), "%s%lu", path, i);
		else
			snprintf(full, sizeof(full), "%s", path);
		build(&requests[i], put ? "PUT" : "GET", endpoint, full,
		    query, plain, range);
	}
	epoll_fd = epoll_create1(0);
	for (i = 0; i < clients; i++) {
		c = &conns[i];
		c->fd = socket(AF_INET, SOCK_STREAM, 0);
		if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&sin,
		    sizeof(sin)) < 0)
			die("connect");
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		fcntl(c->fd, F_SETFL, O_NONBLOCK);
		watch(c, EPOLL_CTL_ADD, 0);
	}
	start_us = vt_clock_mono_us();
	end_us = seconds > 0 ? start_us + (int64_t)(seconds * 1e6) :
	    INT64_MAX;
	for (i = 0; i < clients; i++)
		begin(&conns[i]);
	do {
		n = epoll_wait(epoll_fd, events, 256, 1000);
		for (ch = 0; ch < n; ch++) {
			c = events[ch].data.ptr;
			if (c->idle)
				continue;
			if (events[ch].events & EPOLLOUT && push(c))
				watch(c, EPOLL_CTL_MOD, EPOLLIN);
			if (events[ch].events & (EPOLLIN | EPOLLHUP))
				pull(c);
		}
		for (idle = 0; idle < clients && conns[idle].idle; idle++)
			;
	} while (idle < clients);
	took = (double)(vt_clock_mono_us() - start_us) / 1e6;
	printf("{\"bench\":\"%s\",\"clients\":%lu,\"requests\":%llu,"
	    "\"per_second\":%.1f,\"mb_per_second\":%.1f,\"p50_us\":%.0f,"
	    "\"p99_us\":%.0f,\"errors\":%llu}\n", name, clients,
	    (unsigned long long)done, (double)done / took,
	    (double)(put ? done * body_len : received) / 1e6 / took,
	    percentile(0.5), percentile(0.99), (unsigned long long)errors);
	if (errors > 0)
		fprintf(stderr, "load: %s\n", first_error);
	return errors > 0;
}
