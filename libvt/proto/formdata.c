#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libvt/proto/formdata.h"

/* What is looked for between two parts, and a NUL. */
#define DELIMITER_MAX (4 + VT_FORM_BOUNDARY_MAX)

enum state {
	BETWEEN,	/* before the first delimiter */
	DELIMITED,	/* right after one: "--", or the end of its line */
	DASH,		/* after one and a '-' */
	PADDING,	/* blanks after one */
	LINE_END,	/* the CR of its line is in */
	HEADERS,
	FIELD, FILE_DATA, SKIPPED,	/* the contents of a part */
	ENDED
};

struct vt_formdata {
	struct vt_form_sink sink;
	enum state state;
	int had_file;
	char delimiter[DELIMITER_MAX + 1];	/* CRLF -- boundary */
	size_t delimiter_len;
	size_t matched;		/* bytes of it that came last */
	size_t head;		/* bytes so far, up to the file */
	struct vt_form_field fields[VT_FORM_FIELDS_MAX];
	size_t field_count;
	/*
	 * Headers and values as they came.  Each byte of the form is in it at
	 * most once and each value's NUL has a delimiter to stand for it, so
	 * that the limit on the head is also that of the store.
	 */
	size_t used, part;	/* of the store; where this part begins */
	char store[VT_FORM_HEAD_MAX + VT_FORM_PART_MAX + 1];
};

/* --- Content-Type and its like -------------------------------------------- */

static int
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* RFC 9110's tchar, what may stand in a token. */
static int
is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/*
 * The next of the parameters "; name=value" at *p, in place: the value moves
 * one to the left, over the '=', so that it can end in a NUL.  1, 0 at the
 * end, -1: malformed.
 */
static int
next_param(char **p, char **name, size_t *name_len, char **value)
{
	char *s = *p, *out;

	while (is_blank(*s))
		s++;
	if (*s == '\0')
		return 0;
	if (*s++ != ';')
		return -1;
	while (is_blank(*s))
		s++;
	if (*s == '\0')
		return 0;	/* a ';' at the end */
	*name = s;
	while (is_token_char(*s))
		s++;
	*name_len = (size_t)(s - *name);
	if (*name_len == 0 || *s != '=')
		return -1;
	*value = out = s++;
	if (*s == '"') {
		for (s++; *s != '"'; s++) {
			/* Browsers do not escape, and Windows has paths. */
			if (s[0] == '\\' && (s[1] == '"' || s[1] == '\\'))
				s++;
			if (*s == '\0')
				return -1;
			*out++ = *s;
		}
		s++;
	} else {
		while (*s != '\0' && *s != ';' && !is_blank(*s))
			*out++ = *s++;
	}
	*out = '\0';
	*p = s;
	return 1;
}

static int
name_is(const char *s, size_t len, const char *want)
{
	return strlen(want) == len && strncasecmp(s, want, len) == 0;
}

static int
boundary_valid(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > VT_FORM_BOUNDARY_MAX || s[len - 1] == ' ')
		return 0;
	for (; *s != '\0'; s++)
		if (!(*s >= '0' && *s <= '9') && !(*s >= 'A' && *s <= 'Z') &&
		    !(*s >= 'a' && *s <= 'z') &&
		    strchr("'()+_,-./:=? ", *s) == NULL)
			return 0;
	return 1;
}

enum vt_code
vt_formdata_boundary(const char *content_type,
    char out[VT_FORM_BOUNDARY_MAX + 1], struct vt_err *err)
{
	static const char type[] = "multipart/form-data";
	char text[1024], *p = text, *name, *value;
	size_t name_len, len = sizeof(type) - 1;
	int found = 0, more;

	if (content_type == NULL ||
	    strncasecmp(content_type, type, len) != 0 ||
	    (content_type[len] != '\0' && content_type[len] != ';' &&
	    !is_blank(content_type[len])))
		return vt_fail(err, VT_ABSENT,
		    "the Content-Type is not multipart/form-data");
	if (strlen(content_type + len) >= sizeof(text))
		return vt_fail(err, VT_INVALID, "the Content-Type is longer "
		    "than %zu bytes", sizeof(text));
	strcpy(text, content_type + len);
	for (;;) {
		more = next_param(&p, &name, &name_len, &value);
		if (more <= 0)
			break;
		if (!name_is(name, name_len, "boundary"))
			continue;
		/* Two readers might take one each. */
		if (found || !boundary_valid(value))
			return vt_fail(err, VT_INVALID,
			    "the Content-Type's boundary is not valid");
		strcpy(out, value);
		found = 1;
	}
	if (more < 0 || !found)
		return vt_fail(err, VT_INVALID,
		    "the Content-Type names no boundary");
	return VT_OK;
}

/* --- a part --------------------------------------------------------------- */

struct part {
	char *name, *filename;	/* NULL: not said */
};

static enum vt_code
bad(struct vt_err *err, const char *what)
{
	return vt_fail(err, VT_INVALID, "%s", what);
}

/* Names and values are undone in place. */
static enum vt_code
read_disposition(char *p, struct part *out, struct vt_err *err)
{
	char *name, *value, **slot;
	size_t name_len;
	int more;

	if (out->name != NULL)
		return bad(err, "a part has two Content-Disposition headers");
	if (strncasecmp(p, "form-data", 9) != 0)
		return bad(err, "a part is not form-data");
	p += 9;
	for (;;) {
		more = next_param(&p, &name, &name_len, &value);
		if (more <= 0)
			break;
		if (name_is(name, name_len, "name"))
			slot = &out->name;
		else if (name_is(name, name_len, "filename"))
			slot = &out->filename;
		else
			continue;
		if (*slot != NULL)
			return bad(err, "a Content-Disposition says a name "
			    "twice");
		*slot = value;
	}
	if (more < 0 || out->name == NULL)
		return bad(err, "a Content-Disposition is malformed");
	return VT_OK;
}

static enum vt_code
read_header(char *line, struct part *out, struct vt_err *err)
{
	char *colon = strchr(line, ':'), *value;
	size_t len;

	if (colon == NULL || colon == line || is_blank(colon[-1]) ||
	    is_blank(*line))
		return bad(err, "a header of a part is malformed");
	len = (size_t)(colon - line);
	for (value = colon + 1; is_blank(*value); value++)
		;
	if (name_is(line, len, "Content-Disposition"))
		return read_disposition(value, out, err);
	/* RFC 7578 section 4.7 knows none, and 8-bit is no coding.  Base64
	 * would be stored as it is. */
	if (name_is(line, len, "Content-Transfer-Encoding") &&
	    strcasecmp(value, "binary") != 0 &&
	    strcasecmp(value, "8bit") != 0 && strcasecmp(value, "7bit") != 0)
		return bad(err, "a part has a Content-Transfer-Encoding");
	return VT_OK;
}

/* The headers of a part are in the store, each with its CRLF. */
static enum vt_code
read_headers(struct vt_formdata *f, struct part *out, struct vt_err *err)
{
	char *line = f->store + f->part, *end = f->store + f->used, *eol;
	enum vt_code rc;

	out->name = out->filename = NULL;
	if (memchr(line, '\0', (size_t)(end - line)) != NULL)
		return bad(err, "a header of a part holds a NUL");
	*end = '\0';
	while (line < end) {
		eol = strstr(line, "\r\n");
		if (eol == NULL)
			return bad(err, "a header of a part has no end");
		*eol = '\0';
		rc = read_header(line, out, err);
		if (rc != VT_OK)
			return rc;
		line = eol + 2;
	}
	if (out->name == NULL)
		return bad(err, "a part has no Content-Disposition");
	return VT_OK;
}

/* The empty line after the headers is in: what part is it? */
static enum vt_code
begin_part(struct vt_formdata *f, struct vt_err *err)
{
	struct part part;
	enum vt_code rc;

	rc = read_headers(f, &part, err);
	if (rc != VT_OK)
		return rc;
	if (strcasecmp(part.name, "file") == 0) {
		if (f->had_file)
			return vt_fail(err, VT_EXISTS,
			    "the form has two files");
		f->had_file = 1;
		f->state = FILE_DATA;
		if (f->sink.file(f->sink.ctx,
		    part.filename != NULL ? part.filename : "") != 0)
			return vt_fail(err, VT_CANCELLED, "file refused");
		return VT_OK;
	}
	if (f->had_file) {
		f->state = SKIPPED;
		return VT_OK;
	}
	if (f->field_count == VT_FORM_FIELDS_MAX)
		return vt_fail(err, VT_TOO_LARGE,
		    "the form has more than %d fields before the file",
		    VT_FORM_FIELDS_MAX);
	f->state = FIELD;
	f->fields[f->field_count].name = part.name;
	/* after the NUL that read_headers put there */
	f->fields[f->field_count].value = f->store + ++f->used;
	return VT_OK;
}

/* --- bytes ---------------------------------------------------------------- */

static enum vt_code
head_full(struct vt_err *err)
{
	return vt_fail(err, VT_TOO_LARGE,
	    "the form has more than %d bytes before the file",
	    VT_FORM_HEAD_MAX);
}

static enum vt_code
keep(struct vt_formdata *f, const char *data, size_t len, struct vt_err *err)
{
	/* one for a NUL */
	if (len >= sizeof(f->store) - f->used)
		return f->had_file ? bad(err, "the headers of a part are too "
		    "long") : head_full(err);
	memcpy(f->store + f->used, data, len);
	f->used += len;
	return VT_OK;
}

/* Contents of the part that is being read. */
static enum vt_code
emit(struct vt_formdata *f, const char *data, size_t len, struct vt_err *err)
{
	if (len == 0)
		return VT_OK;
	if (f->state == FIELD)
		return keep(f, data, len, err);
	if (f->state == FILE_DATA &&
	    f->sink.data(f->sink.ctx, data, len) != 0)
		return vt_fail(err, VT_CANCELLED, "data refused");
	return VT_OK;
}

/* A part has ended, or what was before the first. */
static void
end_part(struct vt_formdata *f)
{
	struct vt_form_field *field = &f->fields[f->field_count];

	if (f->state == FIELD) {
		field->value_len =
		    (size_t)(f->store + f->used - field->value);
		f->store[f->used++] = '\0';
		f->field_count++;
		f->part = f->used;
	} else {
		f->used = f->part;
	}
	f->state = DELIMITED;
}

/*
 * Contents up to the next delimiter; returns the bytes used.  No CR stands in
 * a delimiter but at its start, so that a match that fails can only begin
 * again at the byte that broke it.
 */
static enum vt_code
contents(struct vt_formdata *f, const char *data, size_t len, size_t *used,
    struct vt_err *err)
{
	const char *found;
	size_t n = f->matched, i = 0;
	enum vt_code rc;

	if (n > 0) {
		while (i < len && n < f->delimiter_len &&
		    data[i] == f->delimiter[n]) {
			i++;
			n++;
		}
		*used = i;
		f->matched = n;
		if (n == f->delimiter_len) {
			f->matched = 0;
			end_part(f);
			return VT_OK;
		}
		if (i == len)
			return VT_OK;
		f->matched = 0;
		return emit(f, f->delimiter, n, err);
	}
	found = memmem(data, len, f->delimiter, f->delimiter_len);
	if (found != NULL) {
		rc = emit(f, data, (size_t)(found - data), err);
		*used = (size_t)(found - data) + f->delimiter_len;
		if (rc == VT_OK)
			end_part(f);
		return rc;
	}
	/* Does a delimiter begin at the end of these bytes? */
	n = len < f->delimiter_len ? len : f->delimiter_len - 1;
	found = memrchr(data + len - n, '\r', n);
	if (found != NULL) {
		n = (size_t)(data + len - found);
		if (memcmp(found, f->delimiter, n) == 0)
			f->matched = n;
	}
	*used = len;
	return emit(f, data, len - f->matched, err);
}

/* The headers of a part, up to the empty line. */
static enum vt_code
header_byte(struct vt_formdata *f, char c, struct vt_err *err)
{
	const char *s;
	size_t len;
	enum vt_code rc;

	rc = keep(f, &c, 1, err);
	if (rc != VT_OK || c != '\n')
		return rc;
	s = f->store + f->part;
	len = f->used - f->part;
	if (f->had_file && len > VT_FORM_PART_MAX)
		return bad(err, "the headers of a part are too long");
	if (len < 2 || s[len - 2] != '\r')
		return bad(err, "a line of a part's headers ends in LF "
		    "alone");
	if (len > 2 && (len < 4 || memcmp(s + len - 4, "\r\n", 2) != 0))
		return VT_OK;
	f->used -= 2;
	return begin_part(f, err);
}

/* After a delimiter: the end of the form, or of the delimiter's line. */
static enum vt_code
delimiter_byte(struct vt_formdata *f, char c, struct vt_err *err)
{
	if (f->state == DASH && c == '-')
		f->state = ENDED;
	else if (f->state == DELIMITED && c == '-')
		f->state = DASH;
	else if (f->state == LINE_END && c == '\n')
		f->state = HEADERS;
	else if ((f->state == DELIMITED || f->state == PADDING) && c == '\r')
		f->state = LINE_END;
	else if ((f->state == DELIMITED || f->state == PADDING) &&
	    is_blank(c))
		f->state = PADDING;
	else
		return bad(err, "a boundary does not end its line");
	return VT_OK;
}

enum vt_code
vt_formdata_push(struct vt_formdata *f, const void *data, size_t len,
    struct vt_err *err)
{
	const char *p = data;
	size_t used, room;
	enum vt_code rc = VT_OK;

	while (rc == VT_OK && len > 0 && f->state != ENDED) {
		/* Before the file begins it is known that it may. */
		room = f->had_file ? len : VT_FORM_HEAD_MAX - f->head;
		if (room == 0)
			return head_full(err);
		if (room > len)
			room = len;
		used = 1;
		if (!f->had_file)
			f->head++;
		if (f->state == HEADERS)
			rc = header_byte(f, *p, err);
		else if (f->state >= DELIMITED && f->state < HEADERS)
			rc = delimiter_byte(f, *p, err);
		else
			rc = contents(f, p, room, &used, err);
		if (!f->had_file)
			f->head += used - 1;
		p += used;
		len -= used;
	}
	return rc;
}

enum vt_code
vt_formdata_finish(const struct vt_formdata *f, struct vt_err *err)
{
	if (f->state != ENDED)
		return bad(err, "the form broke off before its last "
		    "boundary");
	if (!f->had_file)
		return vt_fail(err, VT_ABSENT, "the form has no file");
	return VT_OK;
}

struct vt_formdata *
vt_formdata_new(struct vt_arena *a, const char *boundary,
    const struct vt_form_sink *sink)
{
	struct vt_formdata *f;

	f = vt_arena_alloc(a, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->sink = *sink;
	f->delimiter_len = (size_t)snprintf(f->delimiter,
	    sizeof(f->delimiter), "\r\n--%s", boundary);
	/* The first may begin the body: as if a line had ended before it. */
	f->matched = 2;
	return f;
}

const struct vt_form_field *
vt_formdata_fields(const struct vt_formdata *f, size_t *count)
{
	*count = f->field_count;
	return f->fields;
}
