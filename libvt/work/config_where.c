/* Where a field of the configuration stands: see config_where.h. */
#include <string.h>

#include "libvt/work/config_where.h"

static void
walk_blank(struct vt_where *w)
{
	for (; strchr(" \t\r\n", *w->p) != NULL && *w->p != '\0'; w->p++)
		if (*w->p == '\n')
			w->line++;
}

/* Over a string; its first quote is at `p`. */
static void
walk_string(struct vt_where *w)
{
	for (w->p++; *w->p != '"' && *w->p != '\0'; w->p++)
		if (*w->p == '\\' && w->p[1] != '\0')
			w->p++;
	if (*w->p != '\0')
		w->p++;
}

/* Over one value of any kind, at whatever depth. */
static void
walk_value(struct vt_where *w)
{
	unsigned depth = 0;

	walk_blank(w);
	do {
		walk_blank(w);
		if (*w->p == '\0')
			return;
		if (*w->p == '"') {
			walk_string(w);
			continue;
		}
		if (*w->p == '{' || *w->p == '[')
			depth++;
		else if (*w->p == '}' || *w->p == ']')
			depth--;
		else if (*w->p != ',' && *w->p != ':') {
			w->p += strcspn(w->p, " \t\r\n,]}");
			continue;
		}
		w->p++;
	} while (depth > 0);
}

int
vt_where_member(struct vt_where *w, const char *name)
{
	struct vt_where at = *w;
	size_t len = strlen(name);
	const char *start;
	unsigned line;
	int same;

	walk_blank(&at);
	if (*at.p != '{')
		return 0;
	at.p++;
	for (;;) {
		walk_blank(&at);
		if (*at.p == ',') {
			at.p++;
			continue;
		}
		if (*at.p != '"')
			return 0;
		start = at.p + 1;
		line = at.line;
		walk_string(&at);
		same = (size_t)(at.p - 1 - start) == len &&
		    memcmp(start, name, len) == 0;
		walk_blank(&at);
		if (*at.p == ':')
			at.p++;
		if (same) {
			walk_blank(&at);
			w->p = at.p;
			w->line = line;
			return 1;
		}
		walk_value(&at);
	}
}

void
vt_where_element(struct vt_where *w, size_t index)
{
	walk_blank(w);
	if (*w->p == '[')
		w->p++;
	for (; index > 0; index--) {
		walk_value(w);
		walk_blank(w);
		if (*w->p == ',')
			w->p++;
	}
	walk_blank(w);
}
