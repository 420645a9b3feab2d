/* A growing, bounded buffer: see buf.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/err.h"

#include "libvt/base/buf.h"

/* What an empty buffer points at.  Never written: cap 0 guards it. */
static char nothing[1];

/* For what there is no room yet. */
static char *
grow(struct vt_buf *b, size_t len)
{
	size_t need, cap;
	char *data;

	if (b->failed)
		return NULL;
	/* The NUL is not counted, so the memory is one larger than max. */
	if (len > b->max - b->len || b->len + len == SIZE_MAX) {
		b->failed = VT_TOO_LARGE;
		return NULL;
	}
	need = b->len + len + 1;
	if (need <= b->cap)
		return b->data + b->len;
	cap = b->cap < 64 ? 64 : b->cap;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	if (cap - 1 > b->max)
		cap = b->max + 1;
	data = realloc(b->cap == 0 ? NULL : b->data, cap);
	if (data == NULL) {
		b->failed = VT_NOMEM;
		return NULL;
	}
	data[b->len] = '\0';
	b->data = data;
	b->cap = cap;
	return b->data + b->len;
}

/* Where `len` bytes and a NUL go; memory is never more than may be used. */
static inline char *
room(struct vt_buf *b, size_t len)
{
	return len < b->cap - b->len && !b->failed ? b->data + b->len :
	    grow(b, len);
}

void
vt_buf_init(struct vt_buf *b, size_t max)
{
	b->data = nothing;
	b->len = 0;
	b->cap = 0;
	b->max = max;
	b->failed = 0;
}

void
vt_buf_release(struct vt_buf *b)
{
	if (b->cap != 0)
		free(b->data);
	vt_buf_init(b, b->max);
}

void
vt_buf_reset(struct vt_buf *b)
{
	b->len = 0;
	b->failed = 0;
	if (b->cap != 0)
		b->data[0] = '\0';
}

char *
vt_buf_reserve(struct vt_buf *b, size_t len)
{
	return room(b, len);
}

int
vt_buf_add(struct vt_buf *b, const void *data, size_t len)
{
	char *p;

	p = room(b, len);
	if (p == NULL)
		return -1;
	if (len != 0)
		memcpy(p, data, len);
	p[len] = '\0';
	b->len += len;
	return 0;
}

int
vt_buf_str(struct vt_buf *b, const char *s)
{
	return vt_buf_add(b, s, strlen(s));
}

int
vt_buf_char(struct vt_buf *b, char c)
{
	return vt_buf_add(b, &c, 1);
}

int
vt_buf_u64(struct vt_buf *b, uint64_t n)
{
	char text[20], *p = text + sizeof(text);

	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	return vt_buf_add(b, p, (size_t)(text + sizeof(text) - p));
}

int
vt_buf_i64(struct vt_buf *b, int64_t n)
{
	char text[21], *p = text + sizeof(text);
	uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	do {
		*--p = (char)('0' + u % 10);
		u /= 10;
	} while (u != 0);
	if (n < 0)
		*--p = '-';
	return vt_buf_add(b, p, (size_t)(text + sizeof(text) - p));
}

int
vt_buf_printf(struct vt_buf *b, const char *fmt, ...)
{
	va_list ap;
	size_t room;
	char *p;
	int n;

	/* Most texts fit into what is there: one pass then, not two. */
	p = grow(b, 0);
	if (p == NULL)
		return -1;
	room = b->cap - b->len;
	va_start(ap, fmt);
	n = vsnprintf(p, room, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < room) {
		b->len += (size_t)n;
		return 0;
	}
	*p = '\0';
	if (n < 0) {
		b->failed = VT_NOMEM;
		return -1;
	}
	p = grow(b, (size_t)n);
	if (p == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

enum vt_code
vt_buf_check(const struct vt_buf *b, const char *what, struct vt_err *err)
{
	if (b->failed == 0)
		return VT_OK;
	if (b->failed == VT_TOO_LARGE)
		return vt_fail(err, VT_TOO_LARGE, "'%s' is over %zu bytes",
		    what, b->max);
	return vt_fail(err, VT_NOMEM, "no memory for '%s'", what);
}

char *
vt_buf_take(struct vt_buf *b, size_t *len)
{
	char *data = NULL;

	if (len != NULL)
		*len = 0;
	if (b->failed) {
		vt_buf_release(b);
		return NULL;
	}
	data = b->cap == 0 ? calloc(1, 1) : b->data;
	if (data != NULL && len != NULL)
		*len = b->len;
	vt_buf_init(b, b->max);
	return data;
}
