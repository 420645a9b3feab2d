/* What all commands share: see cli.h. */
#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "libvt/base/clock.h"
#include "libvt/base/fs.h"
#include "libvt/base/num.h"

#include "cmd/cli.h"

#ifndef VT_VERSION
#define VT_VERSION "unknown"
#endif

#define INI_MAX (1024 * 1024)	/* no profile file is larger */

static const char *program = "vaultaire";
static const char *usage_text = "";
static int out_errno;		/* first failed write; under stdout's lock */

static volatile sig_atomic_t caught;
static volatile int cancelled;	/* the same, of the type libvt wants */
static int notify = -1;

/* --- progress state: first, as everything that prints steps around it ----- */

static struct {
	pthread_mutex_t lock;	/* the line, and who may write to stderr */
	pthread_cond_t wake;
	pthread_t thread;
	int running, stop, drawn;
	const char *verb;
	int64_t start_us;
	atomic_llong done_bytes, want_bytes;
	atomic_ullong done_items, want_items;
	/* Of the drawing thread: a rate smoothed over some seconds. */
	int64_t last_us;
	long long last_bytes;
	double rate;
} progress = {
	.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER
};

/* Under progress.lock. */
static void
erase_line(void)
{
	if (progress.drawn)
		fputs("\r\033[K", stderr);
	progress.drawn = 0;
}

/* --- start and end -------------------------------------------------------- */

void
cli_init(char **argv, const char *usage)
{
	char *slash;

	usage_text = usage;
	if (argv[0] != NULL) {
		slash = strrchr(argv[0], '/');
		if (slash != NULL)
			argv[0] = slash + 1;
		program = argv[0];
	}
}

int
cli_help(void)
{
	cli_printf("%s", usage_text);
	return cli_finish(CLI_OK);
}

int
cli_version(void)
{
	cli_printf("%s %s\n", program, VT_VERSION);
	return cli_finish(CLI_OK);
}

int
cli_usage(void)
{
	fprintf(stderr, "try '%s --help'\n", program);
	return CLI_USAGE;
}

__attribute__((format(printf, 2, 0)))
static void
say(const char *tail, const char *fmt, va_list ap)
{
	char *text = NULL, *p;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	for (p = text; p != NULL && *p != '\0'; p++)
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			*p = '?';
	pthread_mutex_lock(&progress.lock);
	erase_line();
	fprintf(stderr, "%s: %s%s%s\n", program,
	    text != NULL ? text : "out of memory", tail != NULL ? ": " : "",
	    tail != NULL ? tail : "");
	pthread_mutex_unlock(&progress.lock);
	free(text);
}

int
cli_usage_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(NULL, fmt, ap);
	va_end(ap);
	return cli_usage();
}

void
cli_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(NULL, fmt, ap);
	va_end(ap);
}

void
cli_warn_err(const struct vt_err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(err->text, fmt, ap);
	va_end(ap);
}

void
cli_tell_keys(const char *path)
{
	cli_warn("encrypted objects are lost without the master keys in %s: "
	    "keep a copy of it elsewhere", path);
}

void
cli_die(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(NULL, fmt, ap);
	va_end(ap);
	_exit(status);
}

int
cli_finish(int status)
{
	struct sigaction sa;
	int failed;

	cli_progress_stop();
	flockfile(stdout);
	failed = out_errno;
	/* fclose tells what a full disk or a network file system kept to
	 * itself until now. */
	if (fclose(stdout) != 0 && failed == 0)
		failed = errno;
	if (failed != 0) {
		cli_warn("cannot write standard output: %s",
		    strerror(failed));
		status = CLI_FAILED;
	}
	if (caught != 0) {
		memset(&sa, 0, sizeof(sa));
		sa.sa_handler = SIG_DFL;
		sigemptyset(&sa.sa_mask);
		sigaction(caught, &sa, NULL);
		raise(caught);
	}
	return status;
}

/* --- output --------------------------------------------------------------- */

int
cli_out(const void *data, size_t len)
{
	int rc;

	flockfile(stdout);
	if (out_errno == 0 && len > 0 &&
	    fwrite_unlocked(data, 1, len, stdout) < len)
		out_errno = errno != 0 ? errno : EIO;
	rc = out_errno == 0 ? 0 : -1;
	funlockfile(stdout);
	return rc;
}

int
cli_printf(const char *fmt, ...)
{
	va_list ap;
	int rc;

	flockfile(stdout);
	if (out_errno == 0) {
		va_start(ap, fmt);
		if (vprintf(fmt, ap) < 0)
			out_errno = errno != 0 ? errno : EIO;
		va_end(ap);
	}
	rc = out_errno == 0 ? 0 : -1;
	funlockfile(stdout);
	return rc;
}

int
cli_out_buf(struct vt_buf *b)
{
	int rc;

	if (b->failed)
		cli_die(CLI_FAILED, "out of memory");
	rc = cli_out(b->data, b->len);
	vt_buf_reset(b);
	return rc;
}

int
cli_flush(void)
{
	int rc;

	flockfile(stdout);
	if (out_errno == 0 && fflush_unlocked(stdout) != 0)
		out_errno = errno != 0 ? errno : EIO;
	rc = out_errno == 0 ? 0 : -1;
	funlockfile(stdout);
	return rc;
}

/* --- exit statuses -------------------------------------------------------- */

int
cli_status_of(enum vt_code code)
{
	switch (code) {
	case VT_OK:
		return CLI_OK;
	case VT_ABSENT:
	case VT_EXISTS:
	case VT_PRECONDITION:
	case VT_CANCELLED:
		return CLI_SOME;
	case VT_BUSY:
		return CLI_LATER;
	default:
		/* NEEDS_RESTORE too: it fails until somebody asks for one. */
		return CLI_FAILED;
	}
}

void
cli_tally_add(struct cli_tally *t, enum vt_code code)
{
	switch (cli_status_of(code)) {
	case CLI_OK:
		t->ok++;
		break;
	case CLI_SOME:
		t->some++;
		break;
	case CLI_LATER:
		t->later++;
		break;
	default:
		t->failed++;
		break;
	}
}

int
cli_tally_status(const struct cli_tally *t)
{
	if (t->some == 0 && t->failed == 0 && t->later == 0)
		return CLI_OK;
	if (t->ok > 0 || t->some > 0)
		return CLI_SOME;
	return t->failed > 0 ? CLI_FAILED : CLI_LATER;
}

/* --- arguments of options ------------------------------------------------- */

static void
check_opt(enum vt_code rc, const struct vt_err *err)
{
	if (rc == VT_OK)
		return;
	cli_warn("%s", err->text);
	cli_usage();
	_exit(CLI_USAGE);
}

uint64_t
cli_opt_u64(const char *name, const char *text, uint64_t min, uint64_t max)
{
	struct vt_err err = { VT_OK, "" };
	uint64_t n = 0;

	check_opt(vt_num_u64(text, min, max, name, &n, &err), &err);
	return n;
}

uint64_t
cli_opt_size(const char *name, const char *text, uint64_t min, uint64_t max)
{
	struct vt_err err = { VT_OK, "" };
	char low[16], high[16];
	uint64_t n = 0;

	check_opt(vt_num_size(text, max, name, &n, &err), &err);
	if (n < min)
		check_opt(vt_fail(&err, VT_INVALID,
		    "%s '%s' is not from %s to %s", name, text,
		    vt_num_human_bytes(min, low),
		    vt_num_human_bytes(max, high)), &err);
	return n;
}

int64_t
cli_opt_duration(const char *name, const char *text, int64_t max_ms)
{
	struct vt_err err = { VT_OK, "" };
	int64_t n = 0;

	check_opt(vt_num_duration(text, max_ms, name, &n, &err), &err);
	return n;
}

double
cli_opt_double(const char *name, const char *text, double min, double max)
{
	struct vt_err err = { VT_OK, "" };
	double d = 0;

	check_opt(vt_num_double(text, min, max, name, &d, &err), &err);
	return d;
}

int64_t
cli_opt_time(const char *name, const char *text)
{
	struct vt_err err = { VT_OK, "" };
	int64_t us = 0;

	if (vt_time_parse_rfc3339(text, strlen(text), &us) < 0)
		check_opt(vt_fail(&err, VT_INVALID, "%s '%s' is not a time "
		    "such as 2026-11-22T12:00:00Z", name, text), &err);
	return us;
}

void
cli_opt_pair(const char *name, const char *text, char **key, char **value)
{
	struct vt_err err = { VT_OK, "" };
	const char *eq = strchr(text, '=');

	if (eq == NULL || eq == text)
		check_opt(vt_fail(&err, VT_INVALID,
		    "%s '%s' is not of the form name=value", name, text),
		    &err);
	*key = strndup(text, (size_t)(eq - text));
	if (*key == NULL)
		cli_die(CLI_FAILED, "out of memory");
	*value = cli_strdup(eq + 1);
}

char *
cli_absolute(const char *path)
{
	char *cwd, *out = NULL;

	if (path[0] == '/')
		return cli_strdup(path);
	cwd = getcwd(NULL, 0);
	if (cwd == NULL)
		cli_die(CLI_FAILED, "cannot tell the working directory: %s",
		    strerror(errno));
	if (asprintf(&out, "%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd,
	    path) < 0)
		cli_die(CLI_FAILED, "out of memory");
	free(cwd);
	return out;
}

char *
cli_env(const char *name)
{
	const char *v = getenv(name);

	return v == NULL || v[0] == '\0' ? NULL : cli_strdup(v);
}

char *
cli_temp_folder(void)
{
	char *folder = cli_env("TMPDIR");

	return folder != NULL ? folder : cli_strdup("/tmp");
}

void *
cli_alloc(size_t size)
{
	void *p = calloc(1, size > 0 ? size : 1);

	if (p == NULL)
		cli_die(CLI_FAILED, "out of memory");
	return p;
}

char *
cli_strdup(const char *s)
{
	char *p = strdup(s);

	if (p == NULL)
		cli_die(CLI_FAILED, "out of memory");
	return p;
}

enum vt_code
cli_config_load(const char *path, const char *data, struct vt_config **out,
    struct vt_err *err)
{
	char *folder, *env = NULL, *file = NULL;
	enum vt_code rc;

	if (data == NULL)
		env = cli_env("VAULTAIRE_DATA");
	folder = cli_absolute(data != NULL ? data :
	    env != NULL ? env : "vaultaire-data");
	free(env);
	if (path == NULL) {
		if (asprintf(&file, "%s/vaultaire.json", folder) < 0)
			cli_die(CLI_FAILED, "out of memory");
		if (access(file, F_OK) == 0)
			path = file;
	}
	rc = vt_config_load(path, folder, out, err);
	free(file);
	free(folder);
	return rc;
}

/* --- files of objects ----------------------------------------------------- */

enum vt_code
cli_hash_range(int fd, uint64_t offset, uint64_t len, enum vt_hash_alg alg,
    uint8_t out[VT_HASH_MAX], struct vt_err *err)
{
	struct vt_hash h = { 0 };
	size_t cap = 256 * 1024, n;
	char *buf = malloc(cap);
	ssize_t got;
	enum vt_code rc = VT_OK;

	if (buf == NULL || vt_hash_init(&h, alg) < 0) {
		free(buf);
		return vt_fail(err, VT_NOMEM, "out of memory");
	}
	while (len > 0 && rc == VT_OK) {
		n = len < cap ? (size_t)len : cap;
		got = vt_fs_pread_all(fd, buf, n, offset);
		if (got < 0)
			rc = vt_fail_errno(err, "cannot read");
		else if ((size_t)got < n)
			rc = vt_fail(err, VT_BUSY,
			    "became shorter while it was read");
		else if (cli_stopping())
			rc = vt_fail(err, VT_CANCELLED, "interrupted");
		else
			vt_hash_update(&h, buf, n);
		offset += n;
		len -= n;
	}
	if (rc == VT_OK)
		vt_hash_final(&h, out);
	vt_hash_release(&h);
	free(buf);
	return rc;
}

int
cli_parse_mtime(const char *text, struct timespec *out)
{
	char *end;
	long scale = 100000000;

	errno = 0;
	out->tv_sec = strtoll(text, &end, 10);
	out->tv_nsec = 0;
	if (end == text || errno != 0)
		return -1;
	/* As many decimals as the writer needed; beyond the ninth nothing. */
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9'; end++, scale /= 10)
			out->tv_nsec += (*end - '0') * scale;
	return *end == '\0' ? 0 : -1;
}

/* --- signals -------------------------------------------------------------- */

static void
on_signal(int number)
{
	int saved = errno;

	caught = number;
	__atomic_store_n(&cancelled, number, __ATOMIC_RELAXED);
	if (notify >= 0) {
		ssize_t n = write(notify, "", 1);

		/* A full pipe wakes its reader as well. */
		(void)n;
	}
	errno = saved;
}

void
cli_catch_signals(int notify_fd)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa, old;
	size_t i;

	notify = notify_fd;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	/* RESETHAND: the second one kills at once. */
	sa.sa_flags = SA_RESTART | (int)SA_RESETHAND;
	sigemptyset(&sa.sa_mask);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		/* nohup and `&` in a shell have set it to be ignored. */
		if (sigaction(signals[i], NULL, &old) == 0 &&
		    old.sa_handler == SIG_IGN)
			continue;
		sigaction(signals[i], &sa, NULL);
	}
}

int
cli_stopping(void)
{
	return __atomic_load_n(&cancelled, __ATOMIC_RELAXED);
}

const volatile int *
cli_cancel_flag(void)
{
	return &cancelled;
}

/* --- progress ------------------------------------------------------------- */

static int
plain_terminal(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && (term == NULL || strcmp(term, "dumb") != 0);
}

int
cli_colour(int fd)
{
	const char *no = getenv("NO_COLOR");

	return (no == NULL || no[0] == '\0') && plain_terminal(fd);
}

char *
cli_human_rate(double bytes_per_s, char out[24])
{
	char b[16];

	if (!(bytes_per_s > 0))
		bytes_per_s = 0;
	snprintf(out, 24, "%s/s", vt_num_human_bytes((uint64_t)bytes_per_s,
	    b));
	return out;
}

char *
cli_human_seconds(double seconds, char out[24])
{
	unsigned long long s;

	if (!(seconds >= 0) || seconds > 359999) {
		strcpy(out, "--:--");
		return out;
	}
	s = (unsigned long long)(seconds + 0.5);
	if (s >= 3600)
		snprintf(out, 24, "%llu:%02llu:%02llu", s / 3600,
		    s / 60 % 60, s % 60);
	else
		snprintf(out, 24, "%llu:%02llu", s / 60, s % 60);
	return out;
}

/* Under progress.lock. */
static void
draw_line(void)
{
	char done[16], want[16], rate[24], left[24], line[256];
	long long bytes = atomic_load(&progress.done_bytes);
	long long total = atomic_load(&progress.want_bytes);
	unsigned long long items = atomic_load(&progress.done_items);
	unsigned long long all = atomic_load(&progress.want_items);
	int64_t now = vt_clock_mono_us();
	double dt = (double)(now - progress.last_us) / 1e6, r;
	struct winsize ws;
	int n, width = 80;

	if (bytes < 0)
		bytes = 0;
	if (dt > 0) {
		r = (double)(bytes - progress.last_bytes) / dt;
		/* The mean since the start until there is a history. */
		if (progress.rate <= 0)
			progress.rate = (double)bytes /
			    ((double)(now - progress.start_us) / 1e6 + 1e-6);
		progress.rate += (r - progress.rate) * (dt / (dt + 3));
		if (progress.rate < 0)
			progress.rate = 0;
		progress.last_us = now;
		progress.last_bytes = bytes;
	}
	vt_num_human_bytes((uint64_t)bytes, done);
	n = snprintf(line, sizeof(line), "%s %s", progress.verb, done);
	if (total > 0)
		n += snprintf(line + n, sizeof(line) - (size_t)n,
		    " of %s, %d%%", vt_num_human_bytes((uint64_t)total, want),
		    (int)(bytes >= total ? 100 : 100.0 * (double)bytes /
		    (double)total));
	n += snprintf(line + n, sizeof(line) - (size_t)n, ", %s",
	    cli_human_rate(progress.rate, rate));
	if (total > bytes && progress.rate > 0)
		n += snprintf(line + n, sizeof(line) - (size_t)n, ", %s left",
		    cli_human_seconds((double)(total - bytes) / progress.rate,
		    left));
	if (all > 1)
		n += snprintf(line + n, sizeof(line) - (size_t)n,
		    ", %llu of %llu", items, all);
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		width = ws.ws_col;
	if (n >= width)
		line[width - 1] = '\0';
	fprintf(stderr, "\r%s\033[K", line);
	fflush(stderr);
	progress.drawn = 1;
}

static void *
draw_loop(void *unused)
{
	struct timespec until;

	(void)unused;
	pthread_mutex_lock(&progress.lock);
	while (!progress.stop) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 200000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&progress.wake, &progress.lock,
		    &until);
		if (!progress.stop)
			draw_line();
	}
	erase_line();
	fflush(stderr);
	pthread_mutex_unlock(&progress.lock);
	return NULL;
}

void
cli_progress_start(int quiet, const char *verb)
{
	sigset_t all, old;

	if (quiet || progress.running || !plain_terminal(STDERR_FILENO))
		return;
	progress.verb = verb;
	progress.start_us = progress.last_us = vt_clock_mono_us();
	/* Signals are for the threads that work. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	progress.running = pthread_create(&progress.thread, NULL, draw_loop,
	    NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
cli_progress_expect(uint64_t bytes, uint64_t items)
{
	atomic_fetch_add(&progress.want_bytes, (long long)bytes);
	atomic_fetch_add(&progress.want_items, items);
}

void
cli_progress_add(int64_t bytes, uint64_t items)
{
	atomic_fetch_add(&progress.done_bytes, bytes);
	atomic_fetch_add(&progress.done_items, items);
}

void
cli_progress_stop(void)
{
	if (!progress.running)
		return;
	pthread_mutex_lock(&progress.lock);
	progress.stop = 1;
	pthread_cond_signal(&progress.wake);
	pthread_mutex_unlock(&progress.lock);
	pthread_join(progress.thread, NULL);
	progress.running = 0;
}

/* --- profile files -------------------------------------------------------- */

static const char *
skip_space(const char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

static size_t
trimmed(const char *s, size_t len)
{
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t' ||
	    s[len - 1] == '\r'))
		len--;
	return len;
}

/* "[ profile  x ]" is the section "profile x". */
static int
is_section(const char *line, size_t len, const char *want)
{
	const char *p = line + 1, *end = memchr(line, ']', len);

	if (end == NULL)
		return 0;
	p = skip_space(p);
	while (p < end && *want != '\0') {
		if (*want == ' ') {
			if (*p != ' ' && *p != '\t')
				return 0;
			p = skip_space(p);
			want++;
		} else if (*p++ != *want++) {
			return 0;
		}
	}
	p = skip_space(p);
	return *want == '\0' && p >= end;
}

/*
 * The value of `key` in a section of an AWS profile file, malloc'ed, or NULL.
 * With `parent`: of the indented lines under "parent =".
 */
static char *
ini_find(const char *text, const char *section, const char *parent,
    const char *key)
{
	const char *line, *end, *p, *eq;
	char *found = NULL;
	size_t len, n;
	int here = 0, below = 0, indented;

	for (line = text; line != NULL && *line != '\0'; line = end) {
		end = strchr(line, '\n');
		len = end != NULL ? (size_t)(end - line) : strlen(line);
		if (end != NULL)
			end++;
		len = trimmed(line, len);
		indented = line[0] == ' ' || line[0] == '\t';
		p = skip_space(line);
		if ((size_t)(p - line) >= len || *p == '#' || *p == ';')
			continue;
		len -= (size_t)(p - line);
		if (*p == '[') {
			here = is_section(p, len, section);
			below = 0;
			continue;
		}
		eq = memchr(p, '=', len);
		if (!here || eq == NULL)
			continue;
		n = trimmed(p, (size_t)(eq - p));
		if (!indented)
			below = parent != NULL && n == strlen(parent) &&
			    memcmp(p, parent, n) == 0;
		if ((parent != NULL) != indented ||
		    (parent != NULL && !below))
			continue;
		if (n != strlen(key) || memcmp(p, key, n) != 0)
			continue;
		len -= (size_t)(eq + 1 - p);
		p = skip_space(eq + 1);
		len -= (size_t)(p - eq - 1);
		/* The last one counts, as in the AWS tools. */
		if (found != NULL)
			explicit_bzero(found, strlen(found));
		free(found);
		found = len > 0 ? strndup(p, len) : NULL;
	}
	return found;
}

static char *
home_file(const char *variable, const char *name)
{
	char *path = cli_env(variable), *home, *out = NULL;
	struct passwd *pw;

	if (path != NULL)
		return path;
	home = cli_env("HOME");
	if (home == NULL) {
		pw = getpwuid(getuid());
		if (pw == NULL || pw->pw_dir == NULL)
			return NULL;
		home = cli_strdup(pw->pw_dir);
	}
	if (asprintf(&out, "%s/%s", home, name) < 0)
		cli_die(CLI_FAILED, "out of memory");
	free(home);
	return out;
}

static void
set_if_null(char **slot, char *value)
{
	if (*slot == NULL)
		*slot = value;
	else
		free(value);
}

/* Key, secret and token from texts that may be NULL; 1 when complete. */
static int
take_keys(struct vt_cred *cred, const char *key, const char *secret,
    const char *token)
{
	if (key == NULL || secret == NULL ||
	    strlen(key) >= sizeof(cred->access_key) ||
	    strlen(secret) >= sizeof(cred->secret_key) ||
	    (token != NULL && strlen(token) >= sizeof(cred->session_token)))
		return 0;
	strcpy(cred->access_key, key);
	strcpy(cred->secret_key, secret);
	strcpy(cred->session_token, token != NULL ? token : "");
	return 1;
}

static void
wipe_free(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

/* Credentials from the config file's own section. */
static int
keys_of_config(struct vt_cred *cred, const char *text, const char *section)
{
	char *key = ini_find(text, section, NULL, "aws_access_key_id");
	char *secret = ini_find(text, section, NULL, "aws_secret_access_key");
	char *token = ini_find(text, section, NULL, "aws_session_token");
	int ok = take_keys(cred, key, secret, token);

	wipe_free(key);
	wipe_free(secret);
	wipe_free(token);
	return ok;
}

static enum vt_code
load_cred(struct cli_s3 *s, const char *profile, int explicit_profile,
    const char *config_text, const char *section, const char *config_path,
    struct vt_err *err)
{
	char *path;
	enum vt_code rc;

	if (!explicit_profile && take_keys(&s->cred,
	    getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"),
	    getenv("AWS_SESSION_TOKEN")) && s->cred.access_key[0] != '\0' &&
	    s->cred.secret_key[0] != '\0')
		return VT_OK;
	memset(&s->cred, 0, sizeof(s->cred));
	path = home_file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
	rc = path == NULL ? VT_ABSENT :
	    vt_cred_load(path, profile, 0, &s->cred, err);
	if (rc == VT_ABSENT && config_text != NULL &&
	    keys_of_config(&s->cred, config_text, section))
		rc = VT_OK;
	if (rc == VT_ABSENT)
		vt_fail(err, VT_ABSENT, "no credentials: neither "
		    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor profile "
		    "'%s' in '%s' or '%s' (anonymous: --no-sign-request)",
		    profile, path != NULL ? path : "~/.aws/credentials",
		    config_path != NULL ? config_path : "~/.aws/config");
	free(path);
	return rc;
}

enum vt_code
cli_s3_load(struct cli_s3 *s, struct vt_err *err)
{
	char *config_path, *text = NULL, *section = NULL, *services, *style;
	const char *ignore = getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
	int explicit_profile = s->profile != NULL, use_endpoint;
	enum vt_code rc;

	set_if_null(&s->profile, cli_env("AWS_PROFILE"));
	set_if_null(&s->profile, cli_strdup("default"));
	config_path = home_file("AWS_CONFIG_FILE", ".aws/config");
	if (config_path != NULL) {
		size_t len;

		rc = vt_fs_read(config_path, INI_MAX, &text, &len, err);
		/* A missing file says nothing; a broken one must be told. */
		if (rc != VT_OK && rc != VT_ABSENT)
			goto out;
	}
	/* All but [default] carry the word. */
	if (strcmp(s->profile, "default") == 0)
		section = cli_strdup("default");
	else if (asprintf(&section, "profile %s", s->profile) < 0)
		cli_die(CLI_FAILED, "out of memory");

	use_endpoint = ignore == NULL || strcasecmp(ignore, "true") != 0;
	if (use_endpoint) {
		set_if_null(&s->endpoint, cli_env("AWS_ENDPOINT_URL_S3"));
		set_if_null(&s->endpoint, cli_env("AWS_ENDPOINT_URL"));
	}
	set_if_null(&s->region, cli_env("AWS_REGION"));
	set_if_null(&s->region, cli_env("AWS_DEFAULT_REGION"));
	set_if_null(&s->ca_file, cli_env("AWS_CA_BUNDLE"));
	if (text != NULL) {
		services = use_endpoint ?
		    ini_find(text, section, NULL, "services") : NULL;
		if (services != NULL) {
			char *name = NULL;

			if (asprintf(&name, "services %s", services) < 0)
				cli_die(CLI_FAILED, "out of memory");
			set_if_null(&s->endpoint,
			    ini_find(text, name, "s3", "endpoint_url"));
			free(name);
			free(services);
		}
		if (use_endpoint)
			set_if_null(&s->endpoint, ini_find(text, section,
			    NULL, "endpoint_url"));
		set_if_null(&s->region, ini_find(text, section, NULL,
		    "region"));
		set_if_null(&s->ca_file, ini_find(text, section, NULL,
		    "ca_bundle"));
		style = ini_find(text, section, "s3", "addressing_style");
		if (style != NULL && strcmp(style, "virtual") == 0)
			s->virtual_host = 1;
		free(style);
	}
	set_if_null(&s->region, cli_strdup("us-east-1"));
	/* AWS itself wants names; everyone else has them rarely set up. */
	s->path_style = s->endpoint != NULL && !s->virtual_host;
	rc = s->anonymous ? VT_OK : load_cred(s, s->profile, explicit_profile,
	    text, section, config_path, err);
out:
	wipe_free(text);
	free(section);
	free(config_path);
	return rc;
}

int
cli_s3_option(struct cli_s3 *s, int c, const char *arg)
{
	char **slot;

	switch (c) {
	case CLI_OPT_CA_FILE:
		slot = &s->ca_file;
		break;
	case CLI_OPT_ENDPOINT:
		slot = &s->endpoint;
		break;
	case CLI_OPT_PROFILE:
		slot = &s->profile;
		break;
	case CLI_OPT_REGION:
		slot = &s->region;
		break;
	case CLI_OPT_NO_SIGN_REQUEST:
		s->anonymous = 1;
		return 1;
	case CLI_OPT_RETRIES:
		s->tries = (unsigned)cli_opt_u64("--retries", arg, 0, 100) + 1;
		return 1;
	case CLI_OPT_VIRTUAL_HOST:
		s->virtual_host = 1;
		return 1;
	default:
		return 0;
	}
	free(*slot);
	*slot = cli_strdup(arg);
	return 1;
}

static void
tell_retry(void *ctx, const char *what, unsigned attempt, int64_t pause_ms,
    const struct vt_err *why)
{
	const struct cli_s3 *s = ctx;

	if (s->verbose)
		cli_warn_err(why, "%s: try %u failed, next in %.1f s", what,
		    attempt, (double)pause_ms / 1000);
}

enum vt_code
cli_s3_connect(struct cli_s3 *s, const volatile int *cancel,
    struct vt_s3 **out, struct vt_err *err)
{
	static const struct vt_clock real = { 0, 0 };
	struct vt_s3_options o;
	char agent[64];

	snprintf(agent, sizeof(agent), "%s/%s", program, VT_VERSION);
	memset(&o, 0, sizeof(o));
	o.endpoint = s->endpoint;
	o.region = s->region;
	if (!s->anonymous) {
		o.access_key = s->cred.access_key;
		o.secret_key = s->cred.secret_key;
		o.session_token = s->cred.session_token;
	}
	o.virtual_host = !s->path_style;
	o.ca_file = s->ca_file;
	o.user_agent = agent;
	o.clock = &real;
	o.tries = s->tries;
	o.cancel = cancel;
	o.retrying = tell_retry;
	o.retrying_ctx = s;
	return vt_s3_open(&o, out, err);
}

void
cli_s3_release(struct cli_s3 *s)
{
	free(s->endpoint);
	free(s->region);
	free(s->profile);
	free(s->ca_file);
	explicit_bzero(s, sizeof(*s));
}

void
cli_s3_url(const char *text, char **bucket, char **key)
{
	const char *b, *slash;
	size_t n;

	if (strncmp(text, "s3://", 5) != 0) {
		cli_warn("'%s' is not s3://bucket/key", text);
		cli_usage();
		_exit(CLI_USAGE);
	}
	b = text + 5;
	slash = strchr(b, '/');
	n = slash != NULL ? (size_t)(slash - b) : strlen(b);
	if (n == 0 || n > 255) {
		cli_warn("'%s' names no bucket", text);
		cli_usage();
		_exit(CLI_USAGE);
	}
	*bucket = strndup(b, n);
	if (*bucket == NULL)
		cli_die(CLI_FAILED, "out of memory");
	*key = cli_strdup(slash != NULL ? slash + 1 : "");
}
