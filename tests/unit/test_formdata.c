/* libvt/proto/formdata.c: forms as browsers and libraries send them, in
 * pieces of every size, and what is no form. */
#include "test.h"

#include "libvt/base/buf.h"

#include "libvt/proto/formdata.h"

#define FIELD(name, value) "--xyz\r\nContent-Disposition: form-data; " \
	"name=\"" name "\"\r\n\r\n" value "\r\n"
#define FILE_PART(filename, data) "--xyz\r\nContent-Disposition: " \
	"form-data; name=\"file\"; filename=\"" filename "\"\r\n" \
	"Content-Type: text/plain\r\n\r\n" data "\r\n"
#define END "--xyz--\r\n"

struct got {
	char name[256];
	struct vt_buf data;
	int files;
	int refuse;		/* the file, or its data */
};

static int
on_file(void *ctx, const char *name)
{
	struct got *g = ctx;

	g->files++;
	snprintf(g->name, sizeof(g->name), "%s", name);
	return g->refuse == 1 ? -1 : 0;
}

static int
on_data(void *ctx, const void *data, size_t len)
{
	struct got *g = ctx;

	vt_buf_add(&g->data, data, len);
	return g->refuse == 2 ? -1 : 0;
}

/* The form in pieces of `step` bytes: fields as "name=value;...". */
static enum vt_code
parse(const char *form, size_t len, size_t step, struct got *g,
    struct vt_buf *fields, struct vt_err *err)
{
	struct vt_form_sink sink = { on_file, on_data, g };
	struct vt_arena *a = vt_arena_new(1 << 20);
	const struct vt_form_field *list;
	struct vt_formdata *f = vt_formdata_new(a, "xyz", &sink);
	enum vt_code rc = VT_OK;
	size_t count, i, n;

	vt_buf_reset(&g->data);
	vt_buf_reset(fields);
	g->files = 0;
	g->name[0] = '\0';
	for (i = 0; rc == VT_OK && i < len; i += n) {
		n = len - i < step ? len - i : step;
		rc = vt_formdata_push(f, form + i, n, err);
	}
	if (rc == VT_OK)
		rc = vt_formdata_finish(f, err);
	list = vt_formdata_fields(f, &count);
	for (i = 0; i < count; i++) {
		vt_buf_printf(fields, "%s=", list[i].name);
		vt_buf_add(fields, list[i].value, list[i].value_len);
		vt_buf_char(fields, ';');
	}
	vt_arena_free(a);
	return rc;
}

static void
reads_len(const char *form, size_t len, const char *fields, const char *name,
    const char *data, size_t data_len, const char *what)
{
	struct got g = { .refuse = 0 };
	struct vt_buf b;
	struct vt_err err;
	size_t step, wrong = 0;

	vt_buf_init(&g.data, 1 << 20);
	vt_buf_init(&b, 1 << 20);
	for (step = 1; step <= len; step++)
		if (parse(form, len, step, &g, &b, &err) != VT_OK ||
		    strcmp(b.data, fields) != 0 || strcmp(g.name, name) != 0 ||
		    g.data.len != data_len ||
		    memcmp(g.data.data, data, data_len) != 0)
			wrong = step;
	ok(wrong == 0, "%s", what);
	if (wrong != 0)
		printf("# pieces of %zu: fields '%s', file '%s', data '%s'\n",
		    wrong, b.data, g.name, g.data.data);
	vt_buf_release(&g.data);
	vt_buf_release(&b);
}

static void
reads(const char *form, const char *fields, const char *name,
    const char *data, const char *what)
{
	reads_len(form, strlen(form), fields, name, data, strlen(data), what);
}

static void
forms(void)
{
	reads(FIELD("key", "a/b") FIELD("acl", "private")
	    FILE_PART("x.txt", "hello") END, "key=a/b;acl=private;", "x.txt",
	    "hello", "two fields and a file");
	reads(FIELD("key", "") FILE_PART("", "") END, "key=;", "", "",
	    "empty field, name and file");
	reads("\r\n" FIELD("key", "a") FILE_PART("x", "y") END, "key=a;", "x",
	    "y", "a line before the first boundary");
	reads("words\r\nmore" "\r\n" FIELD("key", "a") FILE_PART("x", "y")
	    END "after\r\n--xyz\r\n", "key=a;", "x", "y",
	    "preamble and epilogue");
	reads(FIELD("key", "a") FILE_PART("x", "\r\n--xy\r\n--xyZ\r\r\n--x"
	    "\r\n\r\n--\r") END, "key=a;", "x", "\r\n--xy\r\n--xyZ\r\r\n--x"
	    "\r\n\r\n--\r", "data that is almost a boundary");
	reads(FIELD("key", "1\r\n2\r\n--") FILE_PART("x", "y") END,
	    "key=1\r\n2\r\n--;", "x", "y", "a value of several lines");
	reads(FIELD("key", "a") FILE_PART("x", "y") FIELD("submit", "Go")
	    FIELD("key", "b") END, "key=a;", "x", "y",
	    "fields after the file are not looked at");
	reads("--xyz \t\r\ncontent-disposition:form-data;name=key\r\n\r\nv\r\n"
	    "--xyz\r\nContent-Type: a/b\r\nCONTENT-DISPOSITION: Form-Data; "
	    "filename=\"f\"; NAME=file\r\n\r\nd\r\n--xyz--", "key=v;", "f",
	    "d", "tokens, blanks, any case, no line after the end");
	reads("--xyz\r\nContent-Disposition: form-data; name=\"file\"; "
	    "filename=\"C:\\a\\b c.txt\"; filename*=UTF-8''x\r\n\r\nd\r\n"
	    END, "", "C:\\a\\b c.txt", "d", "a Windows path");
	reads("--xyz\r\nContent-Disposition: form-data; name=\"file\"; "
	    "filename=\"a\\\"b\\\\c\"\r\n\r\nd\r\n" END, "", "a\"b\\c", "d",
	    "escaped quotes");
	reads("--xyz\r\nContent-Disposition: form-data; name=\"FILE\"\r\n"
	    "Content-Transfer-Encoding: binary\r\n\r\nd\r\n" END, "", "",
	    "d", "a file without a name");
	reads_len(FIELD("k", "a\0b") FILE_PART("x", "\0\n\0") END,
	    sizeof(FIELD("k", "a\0b") FILE_PART("x", "\0\n\0") END) - 1,
	    "k=a", "x", "\0\n\0", 3, "NULs in a value and the file");
}

static void
fails(const char *form, enum vt_code want, const char *what)
{
	struct got g = { .refuse = 0 };
	size_t len = strlen(form), step;
	struct vt_buf b;
	struct vt_err err;
	enum vt_code rc = want;

	vt_buf_init(&g.data, 1 << 20);
	vt_buf_init(&b, 1 << 20);
	for (step = 1; rc == want && step <= len; step++)
		rc = parse(form, len, step, &g, &b, &err);
	is_int(rc, want, "%s", what);
	vt_buf_release(&g.data);
	vt_buf_release(&b);
}

static void
no_forms(void)
{
	static const char whole[] = FIELD("key", "a") FILE_PART("x", "y")
	    "--xyz--";
	char part[sizeof(whole)];
	struct got g = { .refuse = 0 };
	struct vt_buf b;
	struct vt_err err;
	size_t i, wrong = 0;

	vt_buf_init(&g.data, 1 << 20);
	vt_buf_init(&b, 1 << 20);
	for (i = 0; i < sizeof(whole) - 1; i++) {
		memcpy(part, whole, i);
		if (parse(part, i, 7, &g, &b, &err) != VT_INVALID)
			wrong = i + 1;
	}
	is_int(wrong, 0, "cut anywhere it is no form");
	g.refuse = 1;
	is_int(parse(whole, sizeof(whole) - 1, 9, &g, &b, &err),
	    VT_CANCELLED, "a file that is refused");
	g.refuse = 2;
	is_int(parse(whole, sizeof(whole) - 1, 9, &g, &b, &err),
	    VT_CANCELLED, "data that is refused");
	vt_buf_release(&g.data);
	vt_buf_release(&b);

	fails("no form at all", VT_INVALID, "no boundary");
	fails(FIELD("key", "a") END, VT_ABSENT, "no file");
	fails(FILE_PART("x", "1") FILE_PART("y", "2") END, VT_EXISTS,
	    "two files");
	fails("--xyzz\r\n", VT_INVALID, "a longer boundary");
	fails("--xyz\n", VT_INVALID, "a boundary that ends in LF");
	fails("--xyz\r\n\r\nx\r\n" END, VT_INVALID, "no headers");
	fails("--xyz\r\nContent-Type: a\r\n\r\nx\r\n" END, VT_INVALID,
	    "no Content-Disposition");
	fails("--xyz\r\nContent-Disposition: form-data; name=a\n\r\n",
	    VT_INVALID, "a header that ends in LF");
	fails("--xyz\r\nContent-Disposition: form-data\r\n\r\nx\r\n" END,
	    VT_INVALID, "no name");
	fails("--xyz\r\nContent-Disposition: attachment; name=a\r\n\r\n",
	    VT_INVALID, "not form-data");
	fails("--xyz\r\nContent-Disposition: form-data; name=a; name=b\r\n"
	    "\r\n", VT_INVALID, "a name twice");
	fails("--xyz\r\nContent-Disposition: form-data; name=\"a\r\n\r\n",
	    VT_INVALID, "an open quote");
	fails("--xyz\r\nContent-Disposition: form-data; name=a\r\n"
	    "Content-Disposition: form-data; name=b\r\n\r\n", VT_INVALID,
	    "two Content-Dispositions");
	fails("--xyz\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\n",
	    VT_INVALID, "a folded header");
	fails("--xyz\r\nContent-Disposition: form-data; name=file\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\n" END,
	    VT_INVALID, "base64");
}

/* What is kept of a form has a limit, and the limit is the promised one. */
static void
limits(void)
{
	static const char head[] = "--xyz\r\nContent-Disposition: form-data; "
	    "name=\"key\"\r\n\r\n", file[] = "\r\n--xyz\r\nContent-"
	    "Disposition: form-data; name=\"file\"\r\n\r\n";
	struct got g = { .refuse = 0 };
	struct vt_buf form, b;
	struct vt_err err;
	size_t value, i;
	int more;

	vt_buf_init(&g.data, 1 << 20);
	vt_buf_init(&b, 1 << 20);
	vt_buf_init(&form, 1 << 20);
	value = VT_FORM_HEAD_MAX - (sizeof(head) - 1) - (sizeof(file) - 1);
	for (more = 0; more < 2; more++) {
		vt_buf_reset(&form);
		vt_buf_str(&form, head);
		for (i = 0; i < value + (size_t)more; i++)
			vt_buf_char(&form, 'v');
		vt_buf_str(&form, file);
		vt_buf_str(&form, "d\r\n" END);
		is_int(parse(form.data, form.len, 4096, &g, &b, &err),
		    more ? VT_TOO_LARGE : VT_OK, more ?
		    "one byte too many before the file" :
		    "as many bytes before the file as may be");
	}
	vt_buf_reset(&form);
	for (i = 0; i < 30000; i++)
		vt_buf_char(&form, '-');
	is_int(parse(form.data, form.len, 100, &g, &b, &err), VT_TOO_LARGE,
	    "nothing but a preamble");
	vt_buf_reset(&form);
	vt_buf_str(&form, FILE_PART("x", "y") "--xyz\r\nX: ");
	for (i = 0; i < 30000; i++)
		vt_buf_char(&form, 'x');
	is_int(parse(form.data, form.len, 100, &g, &b, &err), VT_INVALID,
	    "endless headers after the file");
	vt_buf_release(&form);
	vt_buf_release(&b);
	vt_buf_release(&g.data);
}

static void
boundary(const char *type, enum vt_code want, const char *text)
{
	char out[VT_FORM_BOUNDARY_MAX + 1] = "";
	struct vt_err err;

	is_int(vt_formdata_boundary(type, out, &err), want, "code of %s",
	    type != NULL ? type : "no type");
	if (want == VT_OK)
		is_str(out, text, "boundary of %s", type);
}

#define SEVENTY "1234567890123456789012345678901234567890123456789012345678" \
	"901234567890"

static void
boundaries(void)
{
	boundary(NULL, VT_ABSENT, NULL);
	boundary("application/xml", VT_ABSENT, NULL);
	boundary("multipart/form-data-x; boundary=a", VT_ABSENT, NULL);
	boundary("multipart/form-data; boundary=xyz", VT_OK, "xyz");
	boundary("Multipart/Form-Data;charset=utf-8; Boundary=\"x y\"", VT_OK,
	    "x y");
	boundary("multipart/form-data; boundary=----WebKitFormBoundaryAb9",
	    VT_OK, "----WebKitFormBoundaryAb9");
	boundary("multipart/form-data; boundary=" SEVENTY, VT_OK, SEVENTY);
	boundary("multipart/form-data; boundary=" SEVENTY "1", VT_INVALID,
	    NULL);
	boundary("multipart/form-data", VT_INVALID, NULL);
	boundary("multipart/form-data; boundary=", VT_INVALID, NULL);
	boundary("multipart/form-data; boundary=\"a \"", VT_INVALID, NULL);
	boundary("multipart/form-data; boundary=a; boundary=b", VT_INVALID,
	    NULL);
	boundary("multipart/form-data; boundary=\"a", VT_INVALID, NULL);
	boundary("multipart/form-data; boundary=a\xc3\xa4", VT_INVALID, NULL);
}

int
main(void)
{
	forms();
	no_forms();
	limits();
	boundaries();
	return test_done();
}
