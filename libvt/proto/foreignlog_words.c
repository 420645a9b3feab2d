/* Words of lines: bare, quoted, comma-separated, percent-encoded. */
#include <string.h>

#include "libvt/base/num.h"
#include "libvt/base/uri.h"

#include "libvt/proto/foreignlog_internal.h"

/* The quote that ends a text; NULL when none does. */
static const char *
closing_quote(const char *s, const char *end)
{
	const char *q, *slash;

	for (;;) {
		q = memchr(s, '"', (size_t)(end - s));
		if (q == NULL)
			return NULL;
		slash = memchr(s, '\\', (size_t)(q - s));
		if (slash == NULL)
			return q;
		s = slash + 2;
	}
}

int
vt_log_word(const char **p, const char *end, struct vt_log_word *out)
{
	const char *s = *p, *stop;

	while (s < end && *s == ' ')
		s++;
	if (s == end)
		return -1;
	if (*s == '"' || *s == '[') {
		stop = *s == '"' ? closing_quote(s + 1, end) :
		    memchr(s + 1, ']', (size_t)(end - s - 1));
		if (stop == NULL)
			return -1;
		out->s = s + 1;
		*p = stop + 1;
	} else {
		stop = memchr(s, ' ', (size_t)(end - s));
		if (stop == NULL)
			stop = end;
		out->s = s;
		*p = stop;
	}
	out->len = (size_t)(stop - out->s);
	return 0;
}

int
vt_log_word_is(const struct vt_log_word *w, const char *text)
{
	return w->len == strlen(text) && memcmp(w->s, text, w->len) == 0;
}

int
vt_log_word_u64(const struct vt_log_word *w, uint64_t *n, int *known)
{
	*n = 0;
	*known = !vt_log_word_is(w, "-");
	return *known ? vt_num_scan_u64(w->s, w->len, n) : 0;
}

int
vt_log_method(const struct vt_log_word *w, enum vt_log_kind *out)
{
	if (vt_log_word_is(w, "GET"))
		*out = VT_LOG_READ;
	else if (vt_log_word_is(w, "PUT"))
		*out = VT_LOG_WRITE;
	else if (vt_log_word_is(w, "DELETE"))
		*out = VT_LOG_DELETE;
	else
		return -1;
	return 0;
}

int
vt_log_decode(struct vt_logparser *p, int slot, const char *s, size_t len,
    int plus, const char **out, size_t *out_len)
{
	long n;

	*out = s;
	*out_len = len;
	if (memchr(s, '%', len) == NULL &&
	    (!plus || memchr(s, '+', len) == NULL))
		return 0;
	vt_buf_reset(&p->text[slot]);
	if (vt_buf_add(&p->text[slot], s, len) < 0)
		return -1;
	n = vt_uri_decode(p->text[slot].data, len, plus);
	if (n < 0)
		return 0;	/* a '%' that is part of the name */
	*out = p->text[slot].data;
	*out_len = (size_t)n;
	return 0;
}

/* --- comma-separated ------------------------------------------------------ */

/* The quoted field that begins at *s, its doubled quotes undone into
 * p->nested, where there is room; *s is left behind it.  0 or -1. */
static int
quoted(struct vt_logparser *p, const char **s, const char *end,
    struct vt_log_word *out)
{
	const char *q, *from = *s + 1;
	char *to;
	int doubled = 0;

	q = from;
	for (;;) {
		q = memchr(q, '"', (size_t)(end - q));
		if (q == NULL)
			return -1;
		if (q + 1 == end || q[1] != '"')
			break;
		doubled = 1;
		q += 2;
	}
	out->s = from;
	out->len = (size_t)(q - from);
	*s = q + 1;
	if (!doubled)
		return 0;
	to = p->nested.data + p->nested.len;
	out->s = to;
	for (; from < q; from++) {
		*to++ = *from;
		from += *from == '"';
	}
	out->len = (size_t)(to - out->s);
	p->nested.len += out->len;
	return 0;
}

int
vt_log_csv(struct vt_logparser *p, const char *line, size_t len,
    struct vt_log_word *w, int max)
{
	const char *s = line, *end = line + len, *q;
	int n = 0;

	if (len > 0 && end[-1] == '\r')
		end--;
	/* room for all fields at once: words point into it */
	vt_buf_reset(&p->nested);
	if (memchr(line, '"', len) != NULL &&
	    vt_buf_reserve(&p->nested, len) == NULL)
		return -1;
	for (;;) {
		if (n == max)
			return -1;
		if (s < end && *s == '"') {
			if (quoted(p, &s, end, &w[n]) < 0 ||
			    (s < end && *s != ','))
				return -1;
		} else {
			q = memchr(s, ',', (size_t)(end - s));
			if (q == NULL)
				q = end;
			w[n].s = s;
			w[n].len = (size_t)(q - s);
			s = q;
		}
		n++;
		if (s == end)
			return n;
		s++;
	}
}

enum vt_code
vt_log_header(struct vt_logparser *p, const struct vt_log_word *w, int n,
    const char *const *names, int count, int required, struct vt_err *err)
{
	int i, c;

	for (c = 0; c < count; c++) {
		p->column[c] = -1;
		for (i = 0; i < n; i++)
			if (vt_log_word_is(&w[i], names[c]))
				p->column[c] = i;
		if (p->column[c] < 0 && c < required)
			return vt_fail(err, VT_INVALID,
			    "the header line names no column '%s'", names[c]);
	}
	p->has_header = 1;
	return VT_ABSENT;
}

const struct vt_log_word *
vt_log_column(const struct vt_logparser *p, int column,
    const struct vt_log_word *w, int n)
{
	int i = p->column[column];

	return i >= 0 && i < n ? &w[i] : NULL;
}
