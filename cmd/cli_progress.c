/* What all commands share: the line of progress on a terminal. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "libvt/base/clock.h"
#include "libvt/base/num.h"

#include "cmd/cli_internal.h"

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

void
cli_step_aside(void)
{
	pthread_mutex_lock(&progress.lock);
	erase_line();
}

void
cli_step_back(void)
{
	pthread_mutex_unlock(&progress.lock);
}

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
