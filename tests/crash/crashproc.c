/* The programs under test: see crash.h. */
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/crash/crash.h"
#include "tests/shim/powercut.h"

#define ARGS_MAX 32
#define READY "http://127.0.0.1:"

static void
set_shim(const struct world *w)
{
	char text[1024];

	if (w->cut.dir == NULL)
		return;
	snprintf(text, sizeof(text), "%s/powercut.so", w->cut.dir);
	setenv("LD_PRELOAD", text, 1);
	setenv("POWERCUT_ROOT", w->data, 1);
	setenv("POWERCUT_JOURNAL", w->cut.journal, 1);
	/* What a sync keeps is known to the journal: the disk need not. */
	setenv("POWERCUT_FAST", "1", 1);
	if (w->cut.at > 0) {
		snprintf(text, sizeof(text), "%llu",
		    (unsigned long long)w->cut.at);
		setenv("POWERCUT_AT", text, 1);
	}
}

/* Start a program with stdout and stderr as given; its pid. */
static pid_t
spawn(const struct world *w, const char *name, const char *const *args,
    int out, int err)
{
	const char *argv[ARGS_MAX + 2];
	char path[1024];
	pid_t pid, parent = getpid();
	int n = 0, null;

	snprintf(path, sizeof(path), "%s%s%s", w->bin != NULL ? w->bin : "",
	    w->bin != NULL ? "/" : "", name);
	argv[n++] = path;
	while (args[n - 1] != NULL && n < ARGS_MAX) {
		argv[n] = args[n - 1];
		n++;
	}
	argv[n] = NULL;
	pid = fork();
	if (pid < 0)
		give_up("cannot fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	/* Nobody outlives this test. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	set_shim(w);
	null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(err, 2) < 0)
		_exit(127);
	execvp(path, (char *const *)(uintptr_t)argv);
	dprintf(2, "cannot run '%s': %s\n", path, strerror(errno));
	_exit(127);
}

static int
open_log(const struct world *w)
{
	int fd = open(w->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
	    0600);

	if (fd < 0)
		give_up("cannot open '%s': %s", w->log, strerror(errno));
	return fd;
}

int
proc_wait(struct proc *p)
{
	int status = 0;

	while (waitpid(p->pid, &status, 0) < 0)
		if (errno != EINTR)
			give_up("cannot wait: %s", strerror(errno));
	p->pid = 0;
	if (p->draining)
		pthread_join(p->drain, NULL);
	p->draining = 0;
	if (p->out >= 0)
		close(p->out);
	p->out = -1;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* --- vt-serve ------------------------------------------------------------- */

struct drain {
	int from, to;
};

static void *
drain(void *arg)
{
	struct drain *d = arg;
	char block[4096];
	ssize_t n;

	while ((n = read(d->from, block, sizeof(block))) > 0)
		if (write(d->to, block, (size_t)n) < 0)
			break;
	close(d->to);
	free(d);
	return NULL;
}

/* The port of the first or second address that the server tells (S3 comes
 * before admin), or 0. */
static unsigned
find_port(const char *text, int second)
{
	const char *p = strstr(text, READY);
	char *end;
	unsigned long n;

	if (p != NULL && second)
		p = strstr(p + 1, READY);
	if (p == NULL)
		return 0;
	n = strtoul(p + strlen(READY), &end, 10);
	return *end == '\0' || n > 65535 ? 0 : (unsigned)n;
}

/* Read what the server says until it says where it listens. */
static unsigned
wait_ready(struct world *w, int log, int patience_ms)
{
	int64_t until = vt_clock_mono_us() + patience_ms * INT64_C(1000);
	struct pollfd pf = { .fd = w->server.out, .events = POLLIN };
	char text[8192];
	size_t len = 0;
	unsigned port = 0;
	ssize_t n;
	int64_t left;
	int r;

	w->admin_port = 0;
	while (w->admin_port == 0 && len < sizeof(text) - 1) {
		left = patience_ms < 0 ? 60000 :
		    (until - vt_clock_mono_us()) / 1000;
		if (left < 0)
			left = 0;
		r = poll(&pf, 1, (int)left);
		if (r == 0 && patience_ms < 0)
			give_up("vt-serve is not ready after a minute");
		if (r <= 0)
			break;
		n = read(pf.fd, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			break;
		if (write(log, text + len, (size_t)n) < 0)
			give_up("cannot write '%s'", w->log);
		len += (size_t)n;
		text[len] = '\0';
		port = find_port(text, 0);
		w->admin_port = find_port(text, 1);
	}
	return w->admin_port != 0 ? port : 0;
}

int
server_start(struct world *w, int patience_ms)
{
	const char *args[ARGS_MAX] = { "--data", w->data, "--listen",
	    "127.0.0.1:0", "--admin", "127.0.0.1:0" };
	struct drain *d;
	int fds[2], log = open_log(w), i, n = 6;
	unsigned port;

	for (i = 0; i < w->server_arg_count && n < ARGS_MAX - 1; i++)
		args[n++] = w->server_args[i];
	if (pipe2(fds, O_CLOEXEC) < 0)
		give_up("cannot make a pipe: %s", strerror(errno));
	w->server.pid = spawn(w, "vt-serve", args, fds[1], fds[1]);
	w->server.out = fds[0];
	close(fds[1]);
	w->starts++;
	port = wait_ready(w, log, patience_ms);
	if (port == 0) {
		close(log);
		return -1;
	}
	snprintf(w->endpoint, sizeof(w->endpoint), "http://127.0.0.1:%u",
	    port);
	d = malloc(sizeof(*d));
	if (d == NULL)
		give_up("out of memory");
	*d = (struct drain){ fds[0], log };
	if (pthread_create(&w->server.drain, NULL, drain, d) != 0)
		give_up("cannot start a thread");
	w->server.draining = 1;
	return 0;
}

int
server_end(struct world *w, int sig, char why[300])
{
	int status;

	kill(w->server.pid, sig);
	status = proc_wait(&w->server);
	w->kills += sig == SIGKILL;
	if (status == -sig || (sig == SIGTERM && status == 0))
		return 0;
	if (status < 0)
		snprintf(why, 300, "vt-serve died by signal %d", -status);
	else
		snprintf(why, 300, "vt-serve ended with %d", status);
	return -1;
}

int
server_wait(struct world *w, char why[300])
{
	int status = proc_wait(&w->server);

	w->kills++;
	if (status == -SIGKILL)
		return 0;
	snprintf(why, 300, "vt-serve ended with %d instead of the power cut",
	    status);
	return -1;
}

/* --- vt-migrate ----------------------------------------------------------- */

static void
migrate_args(const struct world *w, const char *const *args,
    const char *out[ARGS_MAX])
{
	int n = 0;

	out[n++] = "--data";
	out[n++] = w->data;
	while (*args != NULL && n < ARGS_MAX - 1)
		out[n++] = *args++;
	out[n] = NULL;
}

void
migrate_start(struct world *w, const char *const *args, const char *out,
    struct proc *p)
{
	const char *all[ARGS_MAX];
	int fds[2] = { -1, -1 }, log = open_log(w), to;

	migrate_args(w, args, all);
	if (out != NULL)
		to = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0600);
	else if (pipe2(fds, O_CLOEXEC) == 0)
		to = fds[1];
	else
		to = -1;
	if (to < 0)
		give_up("cannot open '%s': %s", out != NULL ? out : "a pipe",
		    strerror(errno));
	memset(p, 0, sizeof(*p));
	p->pid = spawn(w, "vt-migrate", all, to, log);
	p->out = fds[0];
	close(to);
	close(log);
}

int
migrate_run(struct world *w, const char *const *args)
{
	struct proc p;

	migrate_start(w, args, "/dev/null", &p);
	return proc_wait(&p);
}

/* --- the power ------------------------------------------------------------ */

/* Changes that the journal has seen.  A program that was killed before its
 * first may leave a journal without a beginning: that goes away. */
static uint64_t
changes(const struct world *w)
{
	struct pc_state s;
	char path[600];
	int fd;

	memset(&s, 0, sizeof(s));
	snprintf(path, sizeof(path), "%s/state", w->cut.journal);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;		/* none since the last cut */
	if (pread(fd, &s, sizeof(s), 0) != sizeof(s) || s.magic != PC_MAGIC)
		unlink(path);
	close(fd);
	return s.count;
}

void
power_cut_at(struct world *w, uint64_t change)
{
	w->cut.at = changes(w) + change;
}

int
power_cut(struct world *w, struct rng *r)
{
	char program[1024], seed[32], percent[16];
	const char *argv[] = { program, "-s", seed, "-p", percent,
	    w->cut.journal, NULL };
	int log, status, strict = rng_one_in(r, 2);
	struct proc p = { .out = -1 };

	w->cut.at = 0;
	if (w->cut.dir == NULL || changes(w) == 0)
		return 0;
	snprintf(program, sizeof(program), "%s/powercut_apply", w->cut.dir);
	snprintf(seed, sizeof(seed), "%llu",
	    (unsigned long long)(rng_next(r) >> 1));
	/* A quarter, half or most of what was not synced survives. */
	snprintf(percent, sizeof(percent), "%llu",
	    (unsigned long long)(25 + 30 * rng_below(r, 3)));
	if (strict) {
		argv[1] = w->cut.journal;
		argv[2] = NULL;
	}
	log = open_log(w);
	dprintf(log, "power cut: %s%s%s%s\n", strict ? "nothing survives" :
	    "-s ", strict ? "" : seed, strict ? "" : " -p ",
	    strict ? "" : percent);
	p.pid = fork();
	if (p.pid < 0)
		give_up("cannot fork: %s", strerror(errno));
	if (p.pid == 0) {
		if (dup2(log, 1) < 0 || dup2(log, 2) < 0)
			_exit(127);
		execv(program, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(log);
	status = proc_wait(&p);
	w->cuts++;
	if (status != 0)
		give_up("powercut_apply ended with %d: see %s", status,
		    w->log);
	return 0;
}
