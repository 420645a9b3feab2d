#include <string.h>
#include <strings.h>

#include "libvt/proto/jsonsplit.h"

enum { TOP, ARRAY, RECORD, JUNK, TAIL };

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A name whose array holds records. */
static int
is_list_name(const struct vt_jsonsplit *s)
{
	return s->name_len == 7 && (strncasecmp(s->name, "records", 7) == 0 ||
	    strncasecmp(s->name, "entries", 7) == 0);
}

static void
begin(struct vt_jsonsplit *s, int where)
{
	s->parent = s->where;
	s->where = where;
	s->depth = 0;
	s->in_string = s->is_escaped = 0;
	s->prev = ':';		/* behind which a value may stand */
	s->name_len = 0;
}

static void
end(struct vt_jsonsplit *s)
{
	s->where = s->parent;
	s->prev = 0;
}

/* Bytes of a text; the index behind them.  1 in *broken for a newline, which
 * no text can hold. */
static size_t
pass_string(struct vt_jsonsplit *s, const char *data, size_t i, size_t len,
    int *broken)
{
	for (; i < len; i++) {
		char c = data[i];

		if (s->is_escaped) {
			s->is_escaped = 0;
		} else if (c == '"') {
			s->in_string = 0;
			s->prev = '"';
			return i + 1;
		} else if (c == '\\') {
			s->is_escaped = 1;
		} else if (c == '\n') {
			*broken = 1;
			return i;
		}
		if (s->depth == 1 && s->name_len <= sizeof(s->name)) {
			if (s->name_len < sizeof(s->name))
				s->name[s->name_len] = c;
			s->name_len++;
		}
	}
	return i;
}

/* Within a record, or behind the array of one that holds others. */
static enum vt_jsonsplit_event
pass_record(struct vt_jsonsplit *s, const char *data, size_t len, size_t *used)
{
	size_t i = 0;
	int broken = 0;

	while (i < len) {
		if (s->in_string) {
			i = pass_string(s, data, i, len, &broken);
			if (broken)
				goto over;
			continue;
		}
		switch (data[i]) {
		case '"':
			s->in_string = 1;
			s->name_len = 0;
			break;
		case '[':
			if (s->where == RECORD && s->depth == 1 &&
			    s->parent == TOP && s->prev == ':' &&
			    is_list_name(s)) {
				s->where = ARRAY;
				s->is_envelope = 1;
				s->prev = 0;
				*used = i + 1;
				return VT_SPLIT_DROP;
			}
			s->depth++;
			break;
		case '{':
			/* here none can begin: the last one was cut */
			if (s->prev != ':' && s->prev != ',' &&
			    s->prev != '[')
				goto over;
			s->depth++;
			break;
		case '}':
		case ']':
			if (s->depth > 1) {
				s->depth--;
				break;
			}
			i++;
			goto over;
		default:
			break;
		}
		if (!is_blank(data[i]))
			s->prev = data[i];
		i++;
	}
	*used = i;
	return VT_SPLIT_MORE;
over:
	*used = i;
	if (s->where == TAIL) {
		s->where = TOP;
		s->prev = 0;
		return VT_SPLIT_MORE;
	}
	end(s);
	return VT_SPLIT_END;
}

/* Between records. */
static enum vt_jsonsplit_event
pass_gap(struct vt_jsonsplit *s, const char *data, size_t len, size_t *used)
{
	size_t i;

	for (i = 0; i < len; i++) {
		/* at the top also what closes a document begun elsewhere */
		if (is_blank(data[i]) || data[i] == ',' || (s->where == TOP &&
		    (data[i] == ']' || data[i] == '}')))
			continue;
		if (data[i] == '[' && s->where == TOP) {
			s->where = ARRAY;
			s->is_envelope = 0;
		} else if (data[i] == ']' && s->where == ARRAY) {
			s->where = TOP;
			if (s->is_envelope) {
				begin(s, TAIL);
				s->depth = 1;
				s->prev = 0;
				*used = i + 1;
				return VT_SPLIT_MORE;
			}
		} else {
			begin(s, data[i] == '{' ? RECORD : JUNK);
			*used = i;
			return VT_SPLIT_BEGIN;
		}
	}
	*used = i;
	return VT_SPLIT_MORE;
}

static enum vt_jsonsplit_event
pass_junk(struct vt_jsonsplit *s, const char *data, size_t len, size_t *used)
{
	size_t i;

	for (i = 0; i < len; i++)
		/* its own first byte may be one of these */
		if (data[i] == '\n' || (s->depth > 0 && (data[i] == '{' ||
		    data[i] == ',' || data[i] == ']'))) {
			end(s);
			*used = i;
			return VT_SPLIT_END;
		} else {
			s->depth = 1;
		}
	*used = i;
	return VT_SPLIT_MORE;
}

enum vt_jsonsplit_event
vt_jsonsplit_next(struct vt_jsonsplit *s, const char *data, size_t len,
    size_t *used)
{
	enum vt_jsonsplit_event event;
	size_t at = 0, n;

	/* a change of place alone is no event */
	do {
		int where = s->where;

		event = where == RECORD || where == TAIL ?
		    pass_record(s, data + at, len - at, &n) :
		    where == JUNK ? pass_junk(s, data + at, len - at, &n) :
		    pass_gap(s, data + at, len - at, &n);
		at += n;
	} while (event == VT_SPLIT_MORE && at < len);
	*used = at;
	return event;
}

int
vt_jsonsplit_is_whole(const struct vt_jsonsplit *s)
{
	return s->where == TOP || (s->where == JUNK && s->parent == TOP);
}
