/* What all commands share: see cli.h.  Start and end, output, signals. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/fs.h"

#include "cmd/cli_internal.h"

static const char *program = "vaultaire";
static const char *usage_text = "";
static int out_errno;		/* first failed write; under stdout's lock */

static volatile sig_atomic_t caught;
static volatile int cancelled;	/* the same, of the type libvt wants */
static int notify = -1;

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

const char *
cli_program(void)
{
	return program;
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
	cli_step_aside();
	fprintf(stderr, "%s: %s%s%s\n", program,
	    text != NULL ? text : "out of memory", tail != NULL ? ": " : "",
	    tail != NULL ? tail : "");
	cli_step_back();
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

char *
cli_shown(const char *line, size_t len, char out[CLI_SHOWN])
{
	size_t i, n = len < 60 ? len : 60;

	if (n == 0) {
		out[0] = '\0';
		return out;
	}
	strcpy(out, ": ");
	for (i = 0; i < n; i++)
		out[2 + i] = line[i] >= ' ' && line[i] < 127 ? line[i] : '?';
	strcpy(out + 2 + n, n < len ? "..." : "");
	return out;
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

void
cli_catalog_fatal(void *ctx, const char *text)
{
	(void)ctx;
	cli_die(CLI_FAILED, "%s", text);
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

/* What is large goes out in one piece: in stdio's way a page of it would be
 * written first, for which alone the reader of a pipe is woken. */
#define OUT_DIRECT ((size_t)64 << 10)

static int
put_out(const void *data, size_t len)
{
	if (len < OUT_DIRECT)
		return fwrite_unlocked(data, 1, len, stdout) < len ? -1 : 0;
	return fflush_unlocked(stdout) != 0 ? -1 :
	    vt_fs_write_all(STDOUT_FILENO, data, len);
}

int
cli_out(const void *data, size_t len)
{
	int rc;

	flockfile(stdout);
	if (out_errno == 0 && len > 0 && put_out(data, len) < 0)
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
