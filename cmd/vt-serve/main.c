/*
 * vt-serve: the S3 endpoint.  Options, start, signals, stop.
 *
 *	main.c		this
 *	http.c		libmicrohttpd: connections, the life of a request
 *	http_wait.c	how a request waits and goes on
 *	http_listen.c	the listeners
 *	head.c		what a request asks for, from its headers
 *	body.c		what comes in: collected, streamed to workers, drained
 *	reply.c		what goes out, as operations record it
 *	request.h	what these four share; http.h is for operations
 *	stream.c ring.c	what goes out as workers read it
 *	pool.c		worker threads, the memory for bodies
 *	tierqueue.c	the workers of each tier on another machine
 *	route.c		method, path and query to operation
 *	auth.c		signatures: who it is
 *	users.c		users and their keys, in memory
 *	authz.c		what they may
 *	permissions.c	what owners write down about that
 *	facts.c		what policies may ask of a request
 *	s3error.c	error codes
 *	admin.c		health and figures
 *	object.c copy.c multipart.c uploads.c bucket.c list.c batch.c
 *	attributes.c tagging.c	the operations
 *	documents.c	what a bucket is told: policy, rules, defaults
 *	sse.c		encryption, as the headers have it
 *	promote.c readthrough.c	reads that bring objects back
 *	notify.c	who is told of what happened
 *	restore.c	what comes back from an archive for some days
 *	snapshots.c	copies of the catalog on a tier
 *	ingest.c content.c meta.c digest.c	what operations share
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "libvt/base/fs.h"
#include "libvt/base/num.h"
#include "libvt/work/gc.h"

#include "http.h"
#include "notify.h"
#include "promote.h"
#include "users.h"
#include "restore.h"
#include "snapshots.h"

#define LOG_QUEUE_BYTES (16 << 20)
#define LOG_COVERAGE_MS 60000
#define STOP_GRACE_MS 30000	/* for requests in hand */
#define RESERVE_BYTES (64 << 20)	/* deletes work on a full disk */
#define OFFSET_MAX_MS INT64_C(3153600000000)	/* a century */

static const char usage_text[] =
"usage: vt-serve [options]\n"
"\n"
"Serve a data folder by the S3 API.  Without options: the folder\n"
"./vaultaire-data, made with four local tiers and a root key if it is\n"
"missing, on 127.0.0.1:9000.\n"
"\n"
"  -a, --admin HOST:PORT    health and metrics; \"none\" for no listener\n"
"  -c, --config FILE        instead of DIR/vaultaire.json\n"
"      --clock-offset TIME  move the server's clock, for tests and\n"
"                           demonstrations: \"40d\", \"-1h\"\n"
"  -d, --data DIR           the data folder\n"
"  -l, --listen HOST:PORT   where to serve; port 0 for any free one\n"
"      --no-gc              collect no garbage: others do (vt-migrate --gc)\n"
"  -q, --quiet              say nothing at the start\n"
"  -h, --help               this text\n"
"  -V, --version            the version\n"
"\n"
"SIGTERM and SIGINT stop it when the requests in hand are done, at most 30 s\n"
"later.  SIGHUP re-opens the access log and reads the root key, the master\n"
"keys, \"sigv2\" and \"clock_skew\" again.\n";

enum { OPT_CLOCK_OFFSET = 256, OPT_NO_GC };

static const struct option options[] = {
	{ "admin", required_argument, NULL, 'a' },
	{ "clock-offset", required_argument, NULL, OPT_CLOCK_OFFSET },
	{ "config", required_argument, NULL, 'c' },
	{ "data", required_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ "listen", required_argument, NULL, 'l' },
	{ "no-gc", no_argument, NULL, OPT_NO_GC },
	{ "quiet", no_argument, NULL, 'q' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

struct serve {
	/* options */
	char *data, *config_path;
	const char *listen, *admin;
	int own_config;		/* --config: never written by us */
	int no_gc, quiet;
	struct vt_clock clock;

	int lock_fd;
	char *lock_path;
	struct vt_config *config;
	int new_key;		/* the root key was made just now */
	struct server srv;

	/* the collector's thread */
	pthread_t gc;
	int has_gc;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int stop;		/* (lock) */
};

/* --- the data folder ------------------------------------------------------ */

static char *
in_folder(const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		cli_die(CLI_FAILED, "no memory");
	return path;
}

/* One process serves a folder.  The lock lives as long as the descriptor. */
static int
lock_folder(struct serve *s)
{
	char holder[32] = "";
	ssize_t n;

	s->lock_path = in_folder(s->data, "serve.lock");
	s->lock_fd = open(s->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0) {
		cli_warn("cannot open '%s': %s", s->lock_path,
		    strerror(errno));
		return -1;
	}
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK) {
		cli_warn("cannot lock '%s': %s", s->lock_path,
		    strerror(errno));
		return -1;
	}
	n = pread(s->lock_fd, holder, sizeof(holder) - 1, 0);
	holder[n > 0 ? n : 0] = '\0';
	holder[strcspn(holder, " \n")] = '\0';
	cli_warn("another vt-serve (process %s) serves '%s'",
	    holder[0] != '\0' ? holder : "unknown", s->data);
	return -1;
}

/* Who serves and where, for people and scripts. */
static void
write_lock(const struct serve *s, const char *url)
{
	char text[256];
	int n;

	n = snprintf(text, sizeof(text), "%ld %s\n", (long)getpid(), url);
	/* Only a hint: the lock holds without it. */
	if (ftruncate(s->lock_fd, 0) < 0 ||
	    pwrite(s->lock_fd, text, (size_t)n, 0) < 0)
		cli_warn("cannot write '%s': %s", s->lock_path,
		    strerror(errno));
}

static enum vt_code
make_config(const struct serve *s, struct vt_err *err)
{
	enum vt_code rc;
	char *text;

	if (s->own_config || access(s->config_path, F_OK) == 0)
		return VT_OK;
	text = vt_config_default_text();
	if (text == NULL)
		return vt_fail(err, VT_NOMEM, "no memory");
	rc = vt_fs_replace(s->config_path, 0600, text, strlen(text), err);
	free(text);
	return rc;
}

static void
replace_string(char **at, const char *value)
{
	free(*at);
	*at = value != NULL ? cli_strdup(value) : NULL;
}

/* The share folder beside the program, when it runs from the source tree:
 * build/MODE/bin/vt-serve has its price files in scripts/prices. */
static char *
share_in_tree(void)
{
	char exe[4096], *slash, *path;
	ssize_t n;
	int i;

	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n <= 0)
		return NULL;
	exe[n] = '\0';
	for (i = 0; i < 4; i++) {
		slash = strrchr(exe, '/');
		if (slash == NULL)
			return NULL;
		*slash = '\0';
	}
	path = in_folder(exe, "scripts");
	strncat(exe, "/scripts/prices", sizeof(exe) - strlen(exe) - 1);
	if (access(exe, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static enum vt_code
find_share(struct vt_config *c, struct vt_err *err)
{
	char *share = cli_env("VAULTAIRE_SHARE");
	enum vt_code rc = VT_OK;

	if (share == NULL && access(c->price_file, F_OK) < 0)
		share = share_in_tree();
	if (share != NULL)
		rc = vt_config_set_share(c, share, err);
	free(share);
	return rc;
}

static enum vt_code
load_config(const struct serve *s, struct vt_config **out,
    struct vt_err *err)
{
	enum vt_code rc;

	rc = vt_config_load(s->config_path, s->data, out, err);
	if (rc != VT_OK)
		return rc;
	if (s->listen != NULL)
		replace_string(&(*out)->listen, s->listen);
	if (s->admin != NULL)
		replace_string(&(*out)->admin,
		    strcmp(s->admin, "none") == 0 ? NULL : s->admin);
	rc = find_share(*out, err);
	if (rc != VT_OK) {
		vt_config_free(*out);
		*out = NULL;
	}
	return rc;
}

/* --- starting ------------------------------------------------------------- */

static void
on_fatal(void *ctx, const char *text)
{
	(void)ctx;
	/* What was acknowledged is on stable storage, what was not must not
	 * be believed any more: no orderly stop, which would go on serving. */
	fprintf(stderr, "vt-serve: %s\n", text);
	_exit(CLI_LATER);
}

static enum vt_code
name_owner(struct server *srv, struct vt_err *err)
{
	if (vt_user_root(srv->owner_id) < 0)
		return vt_fail(err, VT_NOMEM, "no memory");
	snprintf(srv->owner_name, sizeof(srv->owner_name), VT_ROOT_NAME);
	return VT_OK;
}

static enum vt_code
load_key(struct serve *s, struct vt_err *err)
{
	enum vt_code rc;

	rc = vt_cred_load(s->config->credentials, "default", 1, &s->srv.root,
	    err);
	if (rc != VT_ABSENT ||
	    access(s->config->credentials, F_OK) == 0)
		return rc;
	s->new_key = 1;
	return vt_cred_create(s->config->credentials, &s->srv.root, err);
}

/* Keys that are there must be right; a file that is made when it is needed
 * need not be there. */
static enum vt_code
open_keyring(struct serve *s, struct vt_err *err)
{
	struct server *srv = &s->srv;
	enum vt_code rc;

	rc = vt_keyring_open(s->config, srv->catalog, environ,
	    cli_tell_keys, &srv->keyring, err);
	if (rc != VT_OK)
		return rc;
	vt_tiers_use_keyring(srv->tiers, srv->keyring);
	rc = vt_keyring_load(srv->keyring, 0, err);
	if (rc == VT_ABSENT)
		return VT_OK;
	if (rc != VT_OK)
		(void)vt_err_prefix(err, "master keys");
	return rc;
}

static enum vt_code
start(struct serve *s, struct vt_err *err)
{
	struct vt_accesslog_options lo = { .clock = &s->clock,
	    .queue_bytes = LOG_QUEUE_BYTES, .coverage_ms = LOG_COVERAGE_MS };
	struct vt_catalog_options co = { .clock = &s->clock, .create = 1,
	    .checkpointer = 1, .reserve_bytes = RESERVE_BYTES,
	    .delete_grace_ms = VT_DELETE_GRACE_MS, .fatal = on_fatal };
	struct server *srv = &s->srv;
	enum vt_code rc;

	rc = make_config(s, err);
	if (rc == VT_OK)
		rc = load_config(s, &s->config, err);
	if (rc == VT_OK)
		rc = load_key(s, err);
	if (rc == VT_OK)
		rc = name_owner(srv, err);
	if (rc != VT_OK)
		return rc;
	srv->config = s->config;
	srv->clock = &s->clock;
	lo.path = s->config->access_log;
	lo.node = s->config->node;
	rc = vt_accesslog_open(&lo, &srv->log, err);
	if (rc == VT_OK)
		rc = vt_catalog_open(s->config->catalog_path, &co,
		    &srv->catalog, err);
	if (rc == VT_OK) {
		srv->users = users_new(srv->catalog);
		if (srv->users == NULL)
			rc = vt_fail(err, VT_NOMEM, "no memory for users");
	}
	if (rc == VT_OK)
		rc = vt_tiers_open(s->config, srv->catalog, &s->clock, 1,
		    &srv->tiers, err);
	if (rc == VT_OK)
		rc = open_keyring(s, err);
	if (rc == VT_OK && s->config->promote &&
	    promoter_start(srv, &srv->promoter, err) != VT_OK)
		cli_warn("reads will not bring objects back: %s", err->text);
	if (rc == VT_OK)
		rc = restorer_start(srv, &srv->restorer, err);
	if (rc == VT_OK)
		rc = notifier_start(srv, &srv->notifier, err);
	if (rc == VT_OK)
		rc = snapshotter_start(srv, &srv->snapshotter, err);
	if (rc == VT_OK)
		rc = http_start(srv, err);
	return rc;
}

/* A socket for each connection and a file for each answer. */
static void
raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		/* As many as there are, then. */
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
	/* Threads come and go from blocking work; an arena for each would
	 * keep what the largest request ever took, times eight a core. */
	mallopt(M_ARENA_MAX, 4);
}

/* --- collecting ----------------------------------------------------------- */

static int
gc_stop(void *ctx)
{
	struct serve *s = ctx;
	int stop;

	pthread_mutex_lock(&s->lock);
	stop = s->stop;
	pthread_mutex_unlock(&s->lock);
	return stop;
}

static void *
run_gc(void *arg)
{
	struct serve *s = arg;
	struct vt_gc_options o = { .catalog = s->srv.catalog,
	    .tiers = s->srv.tiers, .config = s->config,
	    .stop = gc_stop,
	    .stop_ctx = s };
	struct vt_gc_result result;
	char told[sizeof(((struct vt_err *)0)->text)] = "";
	struct timespec t;
	struct vt_err err;
	enum vt_code rc;
	int64_t us;

	while (!gc_stop(s)) {
		rc = vt_gc_run(&o, &result, &err);
		/* A tier that stays away is told once, not each minute. */
		if (rc != VT_OK && rc != VT_CANCELLED &&
		    strcmp(told, err.text) != 0) {
			cli_warn_err(&err, "collecting garbage");
			memcpy(told, err.text, sizeof(told));
		} else if (rc == VT_OK) {
			told[0] = '\0';
		}
		pthread_mutex_lock(&s->lock);
		us = vt_clock_mono_us() + s->config->gc_interval_ms * 1000;
		t.tv_sec = us / 1000000;
		t.tv_nsec = us % 1000000 * 1000;
		while (!s->stop && vt_clock_mono_us() < us)
			pthread_cond_timedwait(&s->wake, &s->lock, &t);
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

static void
start_gc(struct serve *s)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	errno = pthread_create(&s->gc, NULL, run_gc, s);
	if (errno != 0)
		cli_warn("cannot start the collector: %s", strerror(errno));
	else
		s->has_gc = 1;
}

static void
stop_gc(struct serve *s)
{
	if (!s->has_gc)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = 1;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->gc, NULL);
	s->has_gc = 0;
}

/* --- telling -------------------------------------------------------------- */

/* systemd's readiness protocol, sd_notify(3), without its library. */
static void
notify(const char *state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	len = strlen(path);
	if (len >= sizeof(sa.sun_path))
		return;
	memcpy(sa.sun_path, path, len);
	if (path[0] == '@')
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Who does not listen does not want to know. */
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	    (struct sockaddr *)&sa, (socklen_t)(offsetof(struct sockaddr_un,
	    sun_path) + len));
	close(fd);
}

/* "http://host:port" of a listener; all addresses are told as loopback. */
static void
url_of(const char *where, int port, int tls, char *out, size_t size)
{
	const char *colon = strrchr(where, ':');
	int len = (int)(colon - where);

	if (len == 0 || strncmp(where, "*", (size_t)len) == 0 ||
	    strncmp(where, "0.0.0.0", (size_t)len) == 0 ||
	    strncmp(where, "[::]", (size_t)len) == 0) {
		where = "127.0.0.1";
		len = (int)strlen(where);
	}
	snprintf(out, size, "%s://%.*s:%d", tls ? "https" : "http", len,
	    where, port);
}

static void
tell(const struct serve *s)
{
	const struct vt_config *c = s->config;
	char url[300], admin[300] = "none";

	url_of(c->listen, http_port(s->srv.http), c->tls_cert != NULL, url,
	    sizeof(url));
	if (c->admin != NULL)
		url_of(c->admin, http_admin_port(s->srv.http), 0, admin,
		    sizeof(admin));
	write_lock(s, url);
	if (s->quiet)
		return;
	cli_warn("listening on %s, admin %s, data in %s", url, admin,
	    s->data);
	cli_warn("%s %s; to use it:", s->new_key ?
	    "a root key was made in" : "the root key is in", c->credentials);
	cli_warn("  export AWS_SHARED_CREDENTIALS_FILE=%s "
	    "AWS_ENDPOINT_URL=%s AWS_REGION=%s", c->credentials, url,
	    c->region);
	if (c->master_key_file != NULL &&
	    access(c->master_key_file, F_OK) == 0)
		cli_tell_keys(c->master_key_file);
	snapshotter_tell(&s->srv);
}

/* --- signals -------------------------------------------------------------- */

static void
reload(struct serve *s)
{
	struct vt_config *c;
	struct vt_cred root;
	struct vt_err err;

	vt_accesslog_reopen(s->srv.log);
	if (load_config(s, &c, &err) != VT_OK) {
		cli_warn_err(&err, "going on with the old configuration");
		return;
	}
	if (vt_cred_load(s->config->credentials, "default", 1, &root,
	    &err) != VT_OK) {
		cli_warn_err(&err, "going on with the old root key");
		root = s->srv.root;
	}
	/* Only this thread looks at it: auth.c has a copy. */
	s->srv.root = root;
	http_reload(s->srv.http, &root, c);
	explicit_bzero(&root, sizeof(root));
	vt_config_free(c);
	if (vt_keyring_load(s->srv.keyring, 1, &err) != VT_OK &&
	    err.code != VT_ABSENT)
		cli_warn_err(&err, "going on with the old master keys");
	if (!s->quiet)
		cli_warn("re-opened the access log; read the root key, "
		    "master keys, sigv2 and clock_skew again; all else needs "
		    "a restart");
}

/* Blocked before any thread starts, so that all arrive here. */
static void
block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void
serve_until_signal(struct serve *s, const sigset_t *set)
{
	int n;

	do {
		if (sigwait(set, &n) != 0)
			continue;
		if (n == SIGHUP)
			reload(s);
	} while (n != SIGTERM && n != SIGINT);
	/* A second one kills at once. */
	pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

/* --- stopping ------------------------------------------------------------- */

/* Also of what was started in part. */
static int
stop(struct serve *s)
{
	struct vt_err err;
	int status = CLI_OK;

	http_stop(s->srv.http, STOP_GRACE_MS);
	/* the threads below may wait for one that hangs */
	vt_tiers_cancel(s->srv.tiers);
	promoter_stop(s->srv.promoter);
	restorer_stop(s->srv.restorer);
	notifier_stop(s->srv.notifier);
	snapshotter_stop(s->srv.snapshotter);
	stop_gc(s);
	users_free(s->srv.users);
	vt_tiers_close(s->srv.tiers);
	vt_keyring_close(s->srv.keyring);
	vt_catalog_close(s->srv.catalog);
	if (vt_accesslog_close(s->srv.log, &err) != VT_OK) {
		cli_warn_err(&err, "the access log is not complete");
		status = CLI_FAILED;
	}
	explicit_bzero(&s->srv.root, sizeof(s->srv.root));
	vt_config_free(s->config);
	return status;
}

/* What it starts from is no item of many that failed. */
static int
failed_start(enum vt_code rc)
{
	int status = cli_status_of(rc);

	return status == CLI_SOME ? CLI_FAILED : status;
}

static int
run(struct serve *s)
{
	struct vt_err err;
	enum vt_code rc;
	sigset_t set;
	int status;

	rc = vt_fs_mkdirs(s->data, &err);
	if (rc != VT_OK) {
		cli_warn_err(&err, "cannot make the data folder");
		return failed_start(rc);
	}
	if (lock_folder(s) < 0)
		return CLI_LATER;
	raise_limits();
	block_signals(&set);
	rc = start(s, &err);
	if (rc != VT_OK) {
		cli_warn("%s", err.text);
		(void)stop(s);
		return failed_start(rc);
	}
	if (!s->no_gc)
		start_gc(s);
	tell(s);
	notify("READY=1");
	serve_until_signal(s, &set);
	notify("STOPPING=1");
	status = stop(s);
	if (ftruncate(s->lock_fd, 0) < 0)
		cli_warn("cannot clear '%s': %s", s->lock_path,
		    strerror(errno));
	return status;
}

/* "40d" or "-1h". */
static int64_t
clock_offset_us(const char *text)
{
	int64_t ms;

	ms = cli_opt_duration("--clock-offset", text + (*text == '-'),
	    OFFSET_MAX_MS);
	return (*text == '-' ? -ms : ms) * 1000;
}

int
main(int argc, char **argv)
{
	static struct serve s = { .lock_fd = -1 };
	char *data = NULL, *env;
	int c, status;

	cli_init(argv, usage_text);
	while ((c = getopt_long(argc, argv, "+a:c:d:hl:qV", options,
	    NULL)) != -1) {
		switch (c) {
		case 'a':
			s.admin = optarg;
			break;
		case 'c':
			s.own_config = 1;
			s.config_path = cli_absolute(optarg);
			break;
		case 'd':
			data = optarg;
			break;
		case 'l':
			s.listen = optarg;
			break;
		case 'q':
			s.quiet = 1;
			break;
		case OPT_CLOCK_OFFSET:
			s.clock.offset_us = clock_offset_us(optarg);
			break;
		case OPT_NO_GC:
			s.no_gc = 1;
			break;
		case 'h':
			return cli_help();
		case 'V':
			return cli_version();
		default:
			return cli_usage();
		}
	}
	if (optind < argc)
		return cli_usage_error("there is no argument '%s' to take",
		    argv[optind]);
	env = cli_env("VAULTAIRE_DATA");
	if (data == NULL)
		data = env != NULL ? env : (char *)"vaultaire-data";
	s.data = cli_absolute(data);
	free(env);
	if (s.config_path == NULL)
		s.config_path = in_folder(s.data, "vaultaire.json");
	status = run(&s);
	free(s.config_path);
	free(s.lock_path);
	free(s.data);
	return cli_finish(status);
}
