/* Lines of a stream: see lines.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/lines.h"

#define LINES_BUFFER 262144
#define READ_BEYOND ((size_t)64 << 10)	/* a block, at most */

struct vt_lines {
	int fd;
	int at_end;		/* read() said so */
	int skipping;		/* the rest of a line over the maximum */
	int uncounted;		/* they come in blocks */
	size_t max_line;
	uint64_t number;	/* of the last */
	char *data;
	size_t cap;
	size_t start, end;	/* what is read and not given out */
	size_t looked;		/* no newline before this */
};

struct vt_lines *
vt_lines_open(int fd, size_t max_line)
{
	struct vt_lines *l;

	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return NULL;
	l->fd = fd;
	l->max_line = max_line;
	l->cap = LINES_BUFFER;
	l->data = malloc(l->cap);
	if (l->data == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

void
vt_lines_close(struct vt_lines *l)
{
	if (l == NULL)
		return;
	free(l->data);
	free(l);
}

void
vt_lines_begin(struct vt_lines *l, const char *data, size_t len)
{
	memcpy(l->data, data, len);
	l->end = len;
}

/* Make room behind `end`: move what is kept to the front, then grow. */
static int
make_room(struct vt_lines *l)
{
	size_t cap;
	char *data;

	if (l->start > 0) {
		memmove(l->data, l->data + l->start, l->end - l->start);
		l->end -= l->start;
		l->looked -= l->start;
		l->start = 0;
	}
	if (l->end < l->cap)
		return 0;
	cap = l->cap > SIZE_MAX / 2 ? SIZE_MAX : l->cap * 2;
	data = realloc(l->data, cap);
	if (data == NULL)
		return -1;
	l->data = data;
	l->cap = cap;
	return 0;
}

static enum vt_code
cannot_read(const struct vt_lines *l, struct vt_err *err)
{
	if (l->uncounted)
		return vt_fail_errno(err, "cannot read more lines");
	return vt_fail_errno(err, "cannot read line %llu",
	    (unsigned long long)l->number + 1);
}

static enum vt_code
too_large(const struct vt_lines *l, struct vt_err *err)
{
	if (l->uncounted)
		return vt_fail(err, VT_TOO_LARGE, "the line is over %zu bytes",
		    l->max_line);
	return vt_fail(err, VT_TOO_LARGE, "line %llu is over %zu bytes",
	    (unsigned long long)l->number, l->max_line);
}

enum vt_code
vt_lines_next(struct vt_lines *l, const char **line, size_t *len,
    uint64_t *number, struct vt_err *err)
{
	const char *newline;
	size_t have;
	ssize_t n;

	*line = NULL;
	*len = 0;
	for (;;) {
		newline = memchr(l->data + l->looked, '\n',
		    l->end - l->looked);
		if (newline == NULL && !l->at_end) {
			l->looked = l->end;
			have = l->end - l->start;
			/* Nothing of a line over the maximum is kept, so the
			 * buffer stays below twice the maximum. */
			if (l->skipping || have > l->max_line) {
				if (!l->skipping)
					goto large;
				l->start = l->end = l->looked = 0;
			}
			if (make_room(l) < 0)
				return vt_fail(err, VT_NOMEM,
				    "no memory for a line of %zu bytes",
				    have);
			n = read(l->fd, l->data + l->end, l->cap - l->end);
			if (n < 0) {
				if (errno == EINTR)
					continue;
				return cannot_read(l, err);
			}
			if (n == 0)
				l->at_end = 1;
			l->end += (size_t)n;
			continue;
		}
		/* A last line may lack its newline. */
		have = (newline != NULL ? (size_t)(newline - l->data) :
		    l->end) - l->start;
		if (newline == NULL && (have == 0 || l->skipping)) {
			l->start = l->looked = l->end;
			return VT_ABSENT;
		}
		if (!l->skipping && have > l->max_line)
			goto large;
		if (!l->skipping) {
			*line = l->data + l->start;
			*len = have;
		}
		l->start += have + (newline != NULL);
		l->looked = l->start;
		if (l->skipping) {
			l->skipping = 0;
			continue;
		}
		l->number++;
		if (number != NULL)
			*number = l->number;
		return VT_OK;
	}
large:
	/* Told at once; the next call reads on to the newline. */
	l->skipping = 1;
	l->number++;
	if (number != NULL)
		*number = l->number;
	return too_large(l, err);
}

/* Have `most` bytes at hand, or all that there are. */
static enum vt_code
read_ahead(struct vt_lines *l, size_t most, struct vt_err *err)
{
	size_t room;
	ssize_t n;

	while (l->end - l->start < most && !l->at_end) {
		if (l->cap - l->start <= most && make_room(l) < 0)
			return vt_fail(err, VT_NOMEM,
			    "no memory for %zu bytes of lines", most);
		room = l->cap - l->end;
		/* what is read beyond it will have to be moved */
		if (room > most + READ_BEYOND - (l->end - l->start))
			room = most + READ_BEYOND - (l->end - l->start);
		n = read(l->fd, l->data + l->end, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cannot_read(l, err);
		l->at_end = n == 0;
		l->end += (size_t)n;
	}
	return VT_OK;
}

/* The first `len` bytes that are read go to `out`, which is empty, with the
 * memory that they lie in; what is behind them gets that of `out`. */
static enum vt_code
hand_over(struct vt_lines *l, size_t len, struct vt_buf *out,
    struct vt_err *err)
{
	struct vt_buf mine = *out;

	/* which makes room for a NUL as well */
	if (vt_buf_reserve(&mine, l->cap - 1) == NULL) {
		*out = mine;
		return vt_buf_check(out, "lines", err);
	}
	memcpy(mine.data, l->data + len, l->end - len);
	*out = mine;
	out->data = l->data;
	out->cap = l->cap;
	out->len = len;
	out->data[len] = '\0';
	l->data = mine.data;
	l->cap = mine.cap;
	l->end -= len;
	l->looked = 0;
	return VT_OK;
}

enum vt_code
vt_lines_block(struct vt_lines *l, size_t most, struct vt_buf *out,
    struct vt_err *err)
{
	const char *start, *last, *line;
	enum vt_code rc = VT_OK;
	size_t len;

	l->uncounted = 1;
	if (!l->skipping)
		rc = read_ahead(l, most, err);
	if (rc != VT_OK)
		return rc;
	start = l->data + l->start;
	len = l->end - l->start < most ? l->end - l->start : most;
	last = l->skipping ? NULL : memrchr(start, '\n', len);
	if (last == NULL) {
		rc = vt_lines_next(l, &line, &len, NULL, err);
		if (rc != VT_OK)
			return rc;
		vt_buf_add(out, line, len);
		vt_buf_char(out, '\n');
		return vt_buf_check(out, "lines", err);
	}
	len = (size_t)(last - start) + 1;
	if (l->start == 0 && out->len == 0 && len < l->cap &&
	    l->cap < out->max)
		return hand_over(l, len, out, err);
	vt_buf_add(out, start, len);
	l->start = l->looked = l->start + len;
	return vt_buf_check(out, "lines", err);
}
