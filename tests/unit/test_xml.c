/* libvt/proto/xml.c */
#include "test.h"

#include "libvt/proto/xml.h"

static struct vt_arena *arena;

static void
escapes(const char *in, size_t len, const char *want, const char *name)
{
	struct vt_buf b;

	vt_buf_init(&b, 4096);
	vt_xml_escape(&b, in, len);
	is_str(b.data, want, "%s", name);
	vt_buf_release(&b);
}

static void
writing(void)
{
	struct vt_buf b;

	escapes("plain/key 1~", 12, "plain/key 1~", "plain text");
	escapes("<a&b>\"'", 7, "&lt;a&amp;b&gt;&quot;'", "markup");
	escapes("a\r\n\tb", 5, "a&#13;&#10;&#9;b", "white space");
	escapes("\x01x\x1f", 3, "\xef\xbf\xbdx\xef\xbf\xbd", "controls");
	escapes("\0z", 2, "\xef\xbf\xbdz", "NUL");
	escapes("caf\xc3\xa9", 5, "caf\xc3\xa9", "two bytes");
	escapes("\xe2\x82\xac", 3, "\xe2\x82\xac", "three bytes");
	escapes("\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80", "four bytes");
	escapes("\xff", 1, "\xef\xbf\xbd", "not UTF-8");
	escapes("\xc3", 1, "\xef\xbf\xbd", "cut short");
	escapes("\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd", "overlong");
	escapes("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
	    "a surrogate");
	escapes("\xef\xbf\xbf", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
	    "U+FFFF");
	escapes("\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
	    "\xef\xbf\xbd", "over U+10FFFF");

	vt_buf_init(&b, 4096);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, "R");
	vt_xml_text(&b, "K", "a<b");
	vt_xml_u64(&b, "N", 18446744073709551615ULL);
	vt_xml_close(&b, "R");
	is_str(b.data, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<R xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
	    "<K>a&lt;b</K><N>18446744073709551615</N></R>", "a document");
	vt_buf_release(&b);
}

static enum vt_code
parse(const char *text, struct vt_xml **root)
{
	struct vt_err err;

	return vt_xml_parse(arena, text, strlen(text), root, &err);
}

static void
reading(void)
{
	struct vt_xml *x;
	const struct vt_xml *o;
	char deep[VT_XML_DEPTH_MAX * 7 + 32] = "";
	int i;

	ok(parse("<?xml version=\"1.0\"?>\n<s3:Delete xmlns:s3=\"urn:x\">\n"
	    " <s3:Object><s3:Key>a&amp;b&#x20;c</s3:Key></s3:Object>\n"
	    " <Object><Key>caf\xc3\xa9</Key><VersionId/></Object>\n"
	    " <Quiet>true</Quiet></s3:Delete>", &x) == VT_OK, "parses");
	is_str(x->name, "Delete", "the prefix is dropped");
	is_str(x->text, "", "white space between children is no text");
	is_str(vt_xml_child_text(x, "Quiet"), "true", "a child's text");
	o = vt_xml_child(x, "Object");
	is_str(vt_xml_child_text(o, "Key"), "a&b c", "references");
	is_int(vt_xml_child(o, "Key")->text_len, 5, "length");
	o = o->next;
	is_str(vt_xml_child_text(o, "Key"), "caf\xc3\xa9", "UTF-8");
	is_str(vt_xml_child_text(o, "VersionId"), "", "an empty element");
	ok(vt_xml_child_text(o, "ETag") == NULL, "no such child");
	ok(vt_xml_child(NULL, "ETag") == NULL, "no such parent");

	ok(parse("<a> x <b/> y </a>", &x) == VT_OK, "mixed content");
	is_str(x->text, " x  y ", "its text is joined");
	ok(parse("<a>  </a>", &x) == VT_OK, "blanks");
	is_str(x->text, "  ", "are text in a leaf");
	ok(parse("<a><![CDATA[<&]]></a>", &x) == VT_OK, "CDATA");
	is_str(x->text, "<&", "is text");

	is_int(parse("", &x), VT_INVALID, "nothing");
	ok(x == NULL, "leaves no tree");
	is_int(parse("<a>", &x), VT_INVALID, "not closed");
	is_int(parse("<a></b>", &x), VT_INVALID, "closed by another");
	is_int(parse("<a/><b/>", &x), VT_INVALID, "two roots");
	is_int(parse("<a>&nope;</a>", &x), VT_INVALID, "unknown entity");
	is_int(parse("<a>\xff</a>", &x), VT_INVALID, "not UTF-8");
	is_int(parse("<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>", &x),
	    VT_INVALID, "a DTD is refused");
	is_int(parse("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", &x),
	    VT_INVALID, "an external DTD is refused");

	for (i = 0; i < VT_XML_DEPTH_MAX; i++)
		strcat(deep, "<d>");
	for (i = 0; i < VT_XML_DEPTH_MAX; i++)
		strcat(deep, "</d>");
	is_int(parse(deep, &x), VT_OK, "the deepest allowed");
	strcpy(deep, "");
	for (i = 0; i <= VT_XML_DEPTH_MAX; i++)
		strcat(deep, "<d>");
	is_int(parse(deep, &x), VT_INVALID, "too deep");
}

static void
bounds(void)
{
	struct vt_buf b;
	struct vt_xml *x;
	struct vt_err err;
	int i;

	vt_buf_init(&b, 1 << 20);
	vt_buf_str(&b, "<r>");
	for (i = 0; i < VT_XML_NODES_MAX - 1; i++)
		vt_buf_str(&b, "<n/>");
	vt_buf_str(&b, "</r>");
	is_int(vt_xml_parse(arena, b.data, b.len, &x, &err), VT_OK,
	    "as many nodes as allowed");
	vt_buf_reset(&b);
	vt_buf_str(&b, "<r>");
	for (i = 0; i < VT_XML_NODES_MAX; i++)
		vt_buf_str(&b, "<n/>");
	vt_buf_str(&b, "</r>");
	is_int(vt_xml_parse(arena, b.data, b.len, &x, &err), VT_INVALID,
	    "one more");
	vt_buf_release(&b);
}

int
main(void)
{
	arena = vt_arena_new(64 << 20);
	writing();
	reading();
	bounds();
	vt_arena_free(arena);
	return test_done();
}
