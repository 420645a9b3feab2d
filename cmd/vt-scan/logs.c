/*
 * Logs are read by several threads, each into a table of its own: a large
 * uncompressed file in parts that are cut at line ends, all else a log a
 * thread.  What comes out does not depend on who read what.
 *
 * When places are kept, now and then all threads stop between two lines, and
 * what they have read is committed with the places.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/fs.h"

#include "scan.h"

#define PART_BYTES ((uint64_t)16 << 20)
#define LINE_BYTES 256		/* of a common line, or fewer */
#define WINDOW_BYTES 65536
/* Lines of a stream between two looks at what others want. */
#define STREAM_LINES 0xffff
/* Logs that are open to change at most, so that looking for twins is quick. */
#define OPEN_LOGS 1000

struct part {
	struct log *log;
	size_t number;
	uint64_t start, end;
};

struct worker {
	struct run *r;
	struct vt_heat *heat;
	struct vt_logparser **parsers;	/* of each source */
	struct vt_logparser *parser;	/* of the log being read */
	pthread_t thread;
	/* of the part being read */
	uint64_t lines, bad_lines;
	struct bad bad;
	int64_t first_us, last_us;	/* of its first read and last line */
};

/* --- malformed lines ------------------------------------------------------ */

/* The first of a part is kept, in words; the rest is counted. */
static void
note_bad(struct worker *w, const struct part *p, uint64_t line,
    const char *text, size_t len, const struct vt_err *err)
{
	char shown[CLI_SHOWN];

	if (w->bad_lines++ > 0)
		return;
	w->bad.log = p->log->number;
	w->bad.part = p->number;
	w->bad.line = line;
	snprintf(w->bad.text, sizeof(w->bad.text), "%s%s", err->text,
	    cli_shown(text, len, shown));
}

static int
is_earlier(const struct bad *a, const struct bad *b)
{
	return a->log != b->log ? a->log < b->log : a->part < b->part;
}

/* --- a part --------------------------------------------------------------- */

/* Wait until what was read is committed; under the lock. */
static void
park(struct run *r)
{
	r->parked++;
	pthread_cond_broadcast(&r->changed);
	while (r->want_commit)
		pthread_cond_wait(&r->changed, &r->lock);
	r->parked--;
}

/* When the source's first read and last line were; under the lock. */
static void
note_span(struct worker *w, struct source *s)
{
	if (w->first_us != 0 && (s->first_us == 0 ||
	    w->first_us < s->first_us))
		s->first_us = w->first_us;
	if (w->last_us > s->last_us)
		s->last_us = w->last_us;
	w->first_us = w->last_us = 0;
}

static void
see(struct worker *w, const struct vt_log_event *e)
{
	if (e->kind == VT_LOG_LISTED || e->kind == VT_LOG_COVERAGE)
		return;
	if ((e->kind == VT_LOG_READ || e->has_source) &&
	    (w->first_us == 0 || e->time_us < w->first_us))
		w->first_us = e->time_us;
	if (e->time_us > w->last_us)
		w->last_us = e->time_us;
}

/* Counts of a part go to the run; under the lock. */
static void
report(struct worker *w, const struct part *p)
{
	struct run *r = w->r;

	p->log->part_lines[p->number] += w->lines;
	r->lines += w->lines;
	r->uncommitted_lines += w->lines;
	if (w->bad_lines > 0 && (r->bad_lines == 0 ||
	    is_earlier(&w->bad, &r->bad))) {
		free(r->bad.path);
		r->bad = w->bad;
		r->bad.path = cli_strdup(p->log->path);
		/* streams number their lines themselves */
		r->bad.is_settled = p->log->is_stream;
	}
	r->bad_lines += w->bad_lines;
	note_span(w, &r->sources[p->log->source - r->sources]);
	cli_progress_add(0, w->lines);
	w->lines = w->bad_lines = 0;
	if (r->db != NULL && r->uncommitted_lines >= r->commit_lines)
		r->want_commit = 1;
}

/* Where a stream stands now; under the lock. */
static void
mark_stream(struct log *l)
{
	const char *tail = vt_zlines_tail(l->z, &l->tail_len);

	memcpy(l->tail, tail, l->tail_len);
	l->next = vt_zlines_offset(l->z);
}

/* Between two lines of a stream: others may want to commit. */
static void
pause_stream(struct worker *w, const struct part *p)
{
	struct run *r = w->r;

	pthread_mutex_lock(&r->lock);
	report(w, p);
	mark_stream(p->log);
	if (r->want_commit)
		park(r);
	pthread_mutex_unlock(&r->lock);
}

static void
take_line(struct worker *w, const struct part *p, uint64_t number,
    const char *line, size_t len)
{
	struct vt_log_event event;
	struct vt_err err;
	enum vt_code rc;

	w->lines++;
	rc = vt_logparser_line(w->parser, line, len, &event, &err);
	if (rc == VT_OK && event.time_us < 0)
		rc = vt_fail(&err, VT_INVALID, "a time before 1970");
	if (rc == VT_OK) {
		rc = vt_heat_add(w->heat, &event, &err);
		if (rc == VT_OK && w->r->log_source_count > 1)
			see(w, &event);
	}
	if (rc == VT_INVALID)
		note_bad(w, p, number, line, len, &err);
	else if (rc != VT_OK && rc != VT_ABSENT)
		die(&err);
}

static void
read_lines(struct worker *w, const struct part *p, struct vt_zlines *z)
{
	struct log *l = p->log;
	uint64_t number = 0;
	const char *line;
	enum vt_code rc;
	struct vt_err err;
	size_t len;

	for (;;) {
		rc = vt_zlines_next(z, &line, &len, &number, &err);
		if (rc == VT_TOO_LARGE) {
			w->lines++;
			note_bad(w, p, number, "", 0, &err);
			continue;
		}
		if (rc != VT_OK)
			break;
		take_line(w, p, number, line, len);
		if (l->is_stream && (number & STREAM_LINES) == 0) {
			pause_stream(w, p);
			if (cli_stopping())
				return;
		}
	}
	if (l->is_stream)
		l->at_end = rc == VT_ABSENT;
	if (rc == VT_ABSENT)
		return;
	/* nothing of this may be kept: parts behind it were read already */
	if (!l->is_stream && w->r->db != NULL)
		cli_die(CLI_FAILED, "%s: %s", l->path, err.text);
	cli_warn("%s: %s", l->path, err.text);
	pthread_mutex_lock(&w->r->lock);
	w->r->failed = cli_status_of(rc);
	pthread_mutex_unlock(&w->r->lock);
}

static void
read_part(struct worker *w, const struct part *p)
{
	struct log *l = p->log;
	struct vt_log_event event;
	struct vt_zlines *z = l->z;

	w->parser = w->parsers[l->source - w->r->sources];
	vt_logparser_file(w->parser);
	/* it was judged with the part that it is in */
	if (p->start > 0 && l->header != NULL)
		(void)!vt_logparser_line(w->parser, l->header, l->header_len,
		    &event, NULL);
	if (!l->is_stream) {
		z = vt_zlines_open_part(l->fd, VT_SCAN_LINE_MAX, p->start,
		    p->end - p->start);
		if (z == NULL)
			out_of_memory();
	}
	read_lines(w, p, z);
	if (!l->is_stream)
		vt_zlines_close(z);
}

/* --- opening -------------------------------------------------------------- */

static void
log_free(struct log *l)
{
	vt_zlines_close(l->z);
	if (l->fd > STDIN_FILENO)
		close(l->fd);
	free(l->header);
	free(l->part_lines);
	free(l->path);
	free(l);
}

/* The end of the line that byte `at` of the file is in; its size when there
 * is none. */
static uint64_t
line_end(struct log *l, uint64_t at, uint64_t size)
{
	char data[WINDOW_BYTES], *newline;
	ssize_t n;

	for (; at < size; at += (uint64_t)n) {
		n = vt_fs_pread_all(l->fd, data, sizeof(data), at);
		if (n <= 0)
			return size;	/* reading it will tell */
		newline = memchr(data, '\n', (size_t)n);
		if (newline != NULL && at + (uint64_t)(newline - data) < size)
			return at + (uint64_t)(newline - data) + 1;
	}
	return size;
}

/* Where the last whole line before `size` ends, not before `start`. */
static uint64_t
last_line_end(struct log *l, uint64_t start, uint64_t size)
{
	char data[WINDOW_BYTES], *newline;
	uint64_t at;
	ssize_t n;

	while (size > start) {
		at = size - start > sizeof(data) ? size - sizeof(data) : start;
		n = vt_fs_pread_all(l->fd, data, (size_t)(size - at), at);
		if (n <= 0)
			return start;
		newline = memrchr(data, '\n', (size_t)n);
		if (newline != NULL)
			return at + (uint64_t)(newline - data) + 1;
		size = at;
	}
	return start;
}

/* A csv's first line names the columns for all parts. */
static void
keep_header(struct log *l, const char *data, size_t len)
{
	const char *newline = memchr(data, '\n', len);

	if (newline == NULL)
		return;
	l->header_len = (size_t)(newline - data);
	l->header = cli_alloc(l->header_len + 1);
	memcpy(l->header, data, l->header_len);
}

static int
open_file(struct run *r, struct log *l)
{
	if (strcmp(l->path, "-") == 0) {
		free(l->path);
		l->path = cli_strdup("standard input");
		l->fd = STDIN_FILENO;
		return 0;
	}
	l->fd = open(l->path, O_RDONLY | O_CLOEXEC);
	if (l->fd >= 0)
		return 0;
	/* rotated since the folder was read: the next scan's */
	if (errno == ENOENT && r->db != NULL && !r->foreign)
		return -1;
	cli_warn("cannot open '%s': %s", l->path, strerror(errno));
	r->failed = CLI_FAILED;
	return -1;
}

struct vt_zlines *
open_lines(struct log *l)
{
	int is_json = vt_log_format_is_json(l->source->format);
	struct vt_zlines *z = vt_zlines_open(l->fd, is_json ?
	    VT_SCAN_RECORD_MAX : VT_SCAN_LINE_MAX);

	if (z == NULL)
		out_of_memory();
	if (is_json)
		vt_zlines_records(z);
	return z;
}

/* A stream of the log from its start on, and whether it is compressed. */
static int
open_stream(struct run *r, struct log *l, int *is_compressed)
{
	struct vt_err err;
	const char *data;
	enum vt_code rc;
	size_t len;

	l->z = open_lines(l);
	rc = vt_zlines_peek(l->z, &data, &len, is_compressed, &err);
	if (rc == VT_OK) {
		if (l->source->format == VT_LOG_CSV)
			keep_header(l, data, len);
		return 0;
	}
	cli_warn("%s: %s", l->path, err.text);
	r->failed = cli_status_of(rc);
	return -1;
}

/* Can the log not be read in parts?  Records need not be lines, and lines may
 * need some that are before them. */
static int
is_whole_only(const struct log *l)
{
	return vt_log_format_is_json(l->source->format) ||
	    l->source->format == VT_LOG_CLOUDFRONT ||
	    (l->source->format == VT_LOG_CSV && l->header == NULL);
}

/*
 * Ready to be read, or NULL: a log that cannot be opened, or has nothing new.
 * With a twin among those being read, *twin is set.
 */
static struct log *
open_log(struct run *r, size_t number, int *twin)
{
	struct log *l = cli_alloc(sizeof(*l));
	enum found found = FOUND_NEW;
	int is_compressed = 0;
	struct stat st;

	*twin = 0;
	l->fd = -1;
	l->number = number;
	l->path = cli_strdup(r->logs[number]);
	l->source = &r->sources[r->log_sources[number]];
	if (open_file(r, l) < 0 || open_stream(r, l, &is_compressed) < 0)
		goto none;
	if (fstat(l->fd, &st) < 0)
		memset(&st, 0, sizeof(st));
	l->size = (uint64_t)st.st_size;
	l->is_stream = is_compressed || l->fd == STDIN_FILENO ||
	    !S_ISREG(st.st_mode) || is_whole_only(l);
	if (r->db != NULL && !S_ISREG(st.st_mode))
		cli_die(CLI_FAILED, "'%s' is no file: no place in it can be "
		    "kept", l->path);
	if (r->db != NULL)
		found = find_place(r, l);
	*twin = found == FOUND_TWIN;
	if (found == FOUND_TWIN || found == FOUND_DONE)
		goto none;
	l->next = l->place.known.pos;
	l->lines_before = l->place.known.lines;
	if (!l->is_stream) {
		vt_zlines_close(l->z);
		l->z = NULL;
		l->end = l->size;
		/* a line that is being written is the next scan's */
		if (r->db != NULL)
			l->end = last_line_end(l, l->next, l->end);
	}
	return l;
none:
	log_free(l);
	return NULL;
}

/* --- handing out ---------------------------------------------------------- */

static void
keep_open(struct run *r, struct log *l)
{
	if (r->open_count == r->open_cap) {
		r->open_cap = r->open_cap != 0 ? r->open_cap * 2 : 64;
		r->open = realloc(r->open, r->open_cap * sizeof(*r->open));
		if (r->open == NULL)
			out_of_memory();
	}
	r->open[r->open_count++] = l;
}

/* Places are kept between parts: none has more lines than between commits. */
static uint64_t
part_bytes(const struct run *r)
{
	if (r->db == NULL || r->commit_lines > PART_BYTES / LINE_BYTES)
		return PART_BYTES;
	return r->commit_lines * LINE_BYTES;
}

static void
cut(struct run *r, struct part *p)
{
	struct log *l = r->cutting;
	uint64_t bytes = part_bytes(r);

	if (l->parts % 64 == 0) {
		l->part_lines = realloc(l->part_lines,
		    (l->parts + 64) * sizeof(*l->part_lines));
		if (l->part_lines == NULL)
			out_of_memory();
	}
	l->part_lines[l->parts] = 0;
	p->log = l;
	p->number = l->parts++;
	p->start = l->next;
	l->open_parts++;
	if (l->is_stream) {
		r->cutting = NULL;
		return;
	}
	p->end = l->end - l->next > bytes ?
	    line_end(l, l->next + bytes - 1, l->end) : l->end;
	l->next = p->end;
	if (l->next == l->end)
		r->cutting = NULL;
}

static int
is_reading(const struct run *r)
{
	size_t i;

	for (i = 0; i < r->open_count; i++)
		if (r->open[i]->open_parts > 0)
			return 1;
	return 0;
}

/* The next part to read; -1 when there is none.  Under the lock. */
static int
take_part(struct run *r, struct part *p)
{
	int twin;

	for (;;) {
		if (r->want_commit) {
			park(r);
			continue;
		}
		if (cli_stopping())
			return -1;
		if (r->cutting != NULL) {
			cut(r, p);
			return 0;
		}
		if (r->next_log == r->log_count)
			return -1;
		if (r->db != NULL && r->open_count >= OPEN_LOGS) {
			r->want_commit = 1;
			continue;
		}
		r->cutting = open_log(r, r->next_log, &twin);
		if (twin) {
			if (is_reading(r))
				pthread_cond_wait(&r->changed, &r->lock);
			else
				r->want_commit = 1;
			continue;
		}
		r->next_log++;
		if (r->cutting != NULL)
			keep_open(r, r->cutting);
	}
}

static void
end_part(struct worker *w, const struct part *p)
{
	struct log *l = p->log;

	report(w, p);
	if (l->is_stream)
		mark_stream(l);
	l->open_parts--;
	pthread_cond_broadcast(&w->r->changed);
	/* what is to be kept of it is still looked at */
	if (w->r->db == NULL && l->open_parts == 0 && l != w->r->cutting) {
		vt_zlines_close(l->z);
		l->z = NULL;
		if (l->fd > STDIN_FILENO)
			close(l->fd);
		l->fd = -1;
	}
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct run *r = w->r;
	struct part p;

	pthread_mutex_lock(&r->lock);
	while (take_part(r, &p) == 0) {
		pthread_mutex_unlock(&r->lock);
		read_part(w, &p);
		pthread_mutex_lock(&r->lock);
		end_part(w, &p);
	}
	r->running--;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* --- the whole ------------------------------------------------------------ */

static void
tell_bad(const struct run *r)
{
	if (r->bad_lines == 0)
		return;
	cli_warn("%s:%llu: %s", r->bad.path,
	    (unsigned long long)r->bad.line, r->bad.text);
	if (r->bad_lines > 1)
		cli_warn("%llu malformed lines of %llu were left out",
		    (unsigned long long)r->bad_lines,
		    (unsigned long long)r->lines);
}

/* Which line of its log the malformed one is. */
static void
settle_bad(struct bad *bad, const struct log *l)
{
	size_t i;

	if (bad->is_settled || bad->log != l->number)
		return;
	bad->is_settled = 1;
	bad->line += l->lines_before;
	for (i = 0; i < bad->part; i++)
		bad->line += l->part_lines[i];
}

/* Forget the logs that are done with; under the lock. */
static void
close_logs(struct run *r)
{
	size_t i, keep = 0;

	for (i = 0; i < r->open_count; i++) {
		struct log *l = r->open[i];

		if (l->open_parts > 0 || l == r->cutting) {
			r->open[keep++] = l;
			continue;
		}
		if (r->bad_lines > 0)
			settle_bad(&r->bad, l);
		log_free(l);
	}
	r->open_count = keep;
}

static void
make_parsers(struct worker *w)
{
	const struct run *r = w->r;
	const struct source *s;
	struct vt_logparser *p;
	struct vt_err err;
	size_t i;

	w->parsers = cli_alloc((r->source_count + 1) * sizeof(*w->parsers));
	for (i = 0; i < r->source_count; i++) {
		s = &r->sources[i];
		p = vt_logparser_new(s->format, s->bucket != NULL ?
		    s->bucket : r->bucket);
		if (p == NULL)
			out_of_memory();
		vt_logparser_versions(p, r->versions_apart);
		if (s->schema != NULL && vt_logparser_schema(p, s->schema,
		    s->at_us, NULL, &err) != VT_OK)
			die(&err);
		w->parsers[i] = p;
	}
}

static void
start_workers(struct run *r, struct worker *workers)
{
	unsigned i;

	for (i = 0; i < r->threads; i++) {
		struct worker *w = &workers[i];

		w->r = r;
		w->heat = r->heats[i];
		make_parsers(w);
		r->running++;
	}
	for (i = 0; i < r->threads; i++) {
		errno = pthread_create(&workers[i].thread, NULL, work,
		    &workers[i]);
		if (errno != 0)
			cli_die(CLI_LATER, "cannot start a thread: %s",
			    strerror(errno));
	}
}

void
read_logs(struct run *r)
{
	struct worker *workers = cli_alloc(THREADS_MAX * sizeof(*workers));
	unsigned i;
	size_t k;

	cli_progress_start(r->quiet, "reading logs");
	pthread_mutex_lock(&r->lock);
	start_workers(r, workers);
	while (r->running > 0) {
		if (r->want_commit && r->parked == r->running) {
			commit(r);
			close_logs(r);
			r->want_commit = 0;
			r->uncommitted_lines = 0;
			pthread_cond_broadcast(&r->changed);
		}
		pthread_cond_wait(&r->changed, &r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	for (i = 0; i < r->threads; i++) {
		pthread_join(workers[i].thread, NULL);
		for (k = 0; k < r->source_count; k++)
			vt_logparser_free(workers[i].parsers[k]);
		free(workers[i].parsers);
	}
	if (r->db != NULL)
		commit(r);
	cli_progress_stop();
	r->cutting = NULL;
	close_logs(r);
	tell_bad(r);
	free(r->open);
	r->open = NULL;
	free(workers);
}
