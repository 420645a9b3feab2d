/* The listeners, for requests and for whoever watches: start, figures, stop. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "libvt/base/fs.h"

#include "admin.h"
#include "http_internal.h"

#define WORKERS_MIN 16
#define WORKERS_MAX 128		/* when they hang on a tier that is slow */
#define TICK_MS 1000		/* of the housekeeper */
#define STOP_POLL_US 5000
#define STOP_STUCK_US 5000000	/* nothing comes of a tier that hangs */
#define STOP_ANSWER_US 1000000	/* to say so */
#define STOP_LAST_MS 30000	/* for workers, after the grace period */
#define TLS_FILE_MAX (1 << 20)

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

/* --- the housekeeper ------------------------------------------------------ */

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

/* --- start and stop ------------------------------------------------------- */

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
