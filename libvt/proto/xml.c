#include <stdint.h>
#include <string.h>

#include <expat.h>

#include "libvt/proto/xml.h"

#define S3_NS "http://s3.amazonaws.com/doc/2006-03-01/"
#define REPLACEMENT "\xef\xbf\xbd"	/* U+FFFD */
#define TEXT_MAX (4 * 1024 * 1024)

void
vt_xml_decl(struct vt_buf *out)
{
	vt_buf_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

void
vt_xml_open(struct vt_buf *out, const char *name)
{
	vt_buf_char(out, '<');
	vt_buf_str(out, name);
	vt_buf_char(out, '>');
}

void
vt_xml_open_ns(struct vt_buf *out, const char *name)
{
	vt_buf_char(out, '<');
	vt_buf_str(out, name);
	vt_buf_str(out, " xmlns=\"" S3_NS "\">");
}

void
vt_xml_close(struct vt_buf *out, const char *name)
{
	vt_buf_add(out, "</", 2);
	vt_buf_str(out, name);
	vt_buf_char(out, '>');
}

/*
 * Bytes of the well-formed UTF-8 sequence at s (RFC 3629 section 4) that XML
 * 1.0 can hold, or 0.  Only called for bytes over 0x7f.
 */
static size_t
utf8_len(const unsigned char *s, size_t left)
{
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return left >= 2 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
	if ((s[0] & 0xf0) == 0xe0) {
		if (left < 3 || (s[1] & 0xc0) != 0x80 ||
		    (s[2] & 0xc0) != 0x80)
			return 0;
		if (s[0] == 0xe0 && s[1] < 0xa0)	/* overlong */
			return 0;
		if (s[0] == 0xed && s[1] > 0x9f)	/* surrogates */
			return 0;
		/* U+FFFE and U+FFFF are no characters in XML */
		if (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe)
			return 0;
		return 3;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		if (left < 4 || (s[1] & 0xc0) != 0x80 ||
		    (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
			return 0;
		if (s[0] == 0xf0 && s[1] < 0x90)
			return 0;
		if (s[0] == 0xf4 && s[1] > 0x8f)
			return 0;
		return 4;
	}
	return 0;
}

/* What an ASCII byte is written as; NULL: as it is. */
static const char *
escape_of(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	/* parsers turn a bare CR into LF, and some trim white space */
	case '\t':
		return "&#9;";
	case '\n':
		return "&#10;";
	case '\r':
		return "&#13;";
	default:
		return c < 0x20 ? REPLACEMENT : NULL;
	}
}

void
vt_xml_escape(struct vt_buf *out, const void *text, size_t len)
{
	const unsigned char *s = text;
	size_t start = 0, i = 0;

	while (i < len) {
		const char *escape = NULL;

		if (s[i] >= 0x80) {
			size_t n = utf8_len(s + i, len - i);

			if (n > 0) {
				i += n;
				continue;
			}
			escape = REPLACEMENT;
		} else {
			escape = escape_of(s[i]);
			if (escape == NULL) {
				i++;
				continue;
			}
		}
		if (i > start)
			vt_buf_add(out, s + start, i - start);
		vt_buf_str(out, escape);
		start = ++i;
	}
	if (i > start)
		vt_buf_add(out, s + start, i - start);
}

void
vt_xml_bytes(struct vt_buf *out, const char *name, const void *s, size_t len)
{
	vt_xml_open(out, name);
	vt_xml_escape(out, s, len);
	vt_xml_close(out, name);
}

void
vt_xml_text(struct vt_buf *out, const char *name, const char *text)
{
	vt_xml_bytes(out, name, text, strlen(text));
}

void
vt_xml_u64(struct vt_buf *out, const char *name, uint64_t n)
{
	vt_xml_open(out, name);
	vt_buf_u64(out, n);
	vt_xml_close(out, name);
}

/* --- reading -------------------------------------------------------------- */

struct parse {
	XML_Parser parser;
	struct vt_arena *arena;
	struct vt_xml *root;
	/* the open elements, outermost first, with what each gathers */
	struct vt_xml *node[VT_XML_DEPTH_MAX];
	struct vt_xml *last[VT_XML_DEPTH_MAX];	/* last child so far */
	struct vt_buf text[VT_XML_DEPTH_MAX];
	int depth;
	int nodes;
	enum vt_code code;	/* the first failure, told at the end */
	const char *what;
};

static void
give_up(struct parse *p, enum vt_code code, const char *what)
{
	if (p->code == VT_OK) {
		p->code = code;
		p->what = what;
	}
	XML_StopParser(p->parser, XML_FALSE);
}

static void XMLCALL
on_doctype(void *ctx, const XML_Char *name, const XML_Char *sysid,
    const XML_Char *pubid, int has_subset)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)has_subset;
	give_up(ctx, VT_INVALID, "a document type is not allowed");
}

static void XMLCALL
on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
	struct parse *p = ctx;
	const char *colon = strrchr(name, ':');
	struct vt_xml *x;

	(void)attributes;
	/* expat may call on after XML_StopParser */
	if (p->code != VT_OK)
		return;
	if (p->depth == VT_XML_DEPTH_MAX) {
		give_up(p, VT_INVALID, "elements are nested too deeply");
		return;
	}
	if (++p->nodes > VT_XML_NODES_MAX) {
		give_up(p, VT_INVALID, "too many elements");
		return;
	}
	x = vt_arena_alloc(p->arena, sizeof(*x));
	if (x != NULL)
		x->name = vt_arena_str(p->arena,
		    colon != NULL ? colon + 1 : name);
	if (x == NULL || x->name == NULL) {
		give_up(p, VT_NOMEM, "out of memory");
		return;
	}
	x->text = "";
	x->tag = (size_t)XML_GetCurrentByteIndex(p->parser);
	x->inside = x->tag + (size_t)XML_GetCurrentByteCount(p->parser);
	if (p->depth == 0)
		p->root = x;
	else if (p->last[p->depth - 1] != NULL)
		p->last[p->depth - 1]->next = x;
	else
		p->node[p->depth - 1]->child = x;
	if (p->depth > 0)
		p->last[p->depth - 1] = x;
	p->node[p->depth] = x;
	p->last[p->depth] = NULL;
	vt_buf_reset(&p->text[p->depth]);
	p->depth++;
}

static void XMLCALL
on_text(void *ctx, const XML_Char *s, int len)
{
	struct parse *p = ctx;

	if (p->code != VT_OK || p->depth == 0)
		return;
	if (vt_buf_add(&p->text[p->depth - 1], s, (size_t)len) < 0)
		give_up(p, VT_NOMEM, "out of memory");
}

static void XMLCALL
on_end(void *ctx, const XML_Char *name)
{
	struct parse *p = ctx;
	struct vt_buf *text;
	struct vt_xml *x;

	(void)name;
	if (p->code != VT_OK || p->depth == 0)
		return;
	p->depth--;
	x = p->node[p->depth];
	text = &p->text[p->depth];
	/* the line breaks between children are nobody's text */
	if (text->len == 0 || (x->child != NULL &&
	    strspn(text->data, " \t\r\n") == text->len))
		return;
	x->text = vt_arena_dup(p->arena, text->data, text->len);
	if (x->text == NULL) {
		x->text = "";
		give_up(p, VT_NOMEM, "out of memory");
		return;
	}
	x->text_len = text->len;
}

enum vt_code
vt_xml_parse(struct vt_arena *a, const char *data, size_t len,
    struct vt_xml **root, struct vt_err *err)
{
	struct parse p = { .arena = a, .code = VT_OK };
	enum XML_Status status;
	enum vt_code rc;
	int i;

	*root = NULL;
	if (len > TEXT_MAX)
		return vt_fail(err, VT_INVALID, "an XML document of %zu bytes"
		    " is too large", len);
	p.parser = XML_ParserCreate(NULL);
	if (p.parser == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for an XML parser");
	for (i = 0; i < VT_XML_DEPTH_MAX; i++)
		vt_buf_init(&p.text[i], TEXT_MAX);
	XML_SetUserData(p.parser, &p);
	XML_SetElementHandler(p.parser, on_start, on_end);
	XML_SetCharacterDataHandler(p.parser, on_text);
	XML_SetStartDoctypeDeclHandler(p.parser, on_doctype);
	status = XML_Parse(p.parser, data, (int)len, 1);
	if (p.code != VT_OK)
		rc = vt_fail(err, p.code, "XML line %lu: %s",
		    (unsigned long)XML_GetCurrentLineNumber(p.parser),
		    p.what);
	else if (status != XML_STATUS_OK)
		rc = vt_fail(err, VT_INVALID, "XML line %lu: %s",
		    (unsigned long)XML_GetCurrentLineNumber(p.parser),
		    XML_ErrorString(XML_GetErrorCode(p.parser)));
	else {
		*root = p.root;
		rc = VT_OK;
	}
	XML_ParserFree(p.parser);
	for (i = 0; i < VT_XML_DEPTH_MAX; i++)
		vt_buf_release(&p.text[i]);
	return rc;
}

const struct vt_xml *
vt_xml_child(const struct vt_xml *x, const char *name)
{
	if (x == NULL)
		return NULL;
	for (x = x->child; x != NULL; x = x->next)
		if (strcmp(x->name, name) == 0)
			return x;
	return NULL;
}

const char *
vt_xml_child_text(const struct vt_xml *x, const char *name)
{
	x = vt_xml_child(x, name);
	return x != NULL ? x->text : NULL;
}
