/* Canonical requests: see sigv4.c. */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hex.h"

#include "libvt/proto/sigv4_internal.h"

/* --- text ----------------------------------------------------------------- */

static int
unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == '~';
}

enum { DECODE = 1, PLUS_IS_SPACE = 2, KEEP_SLASH = 4 };

/*
 * Append `len` bytes percent-encoded, with DECODE after undoing the escapes
 * they have: clients differ in what they escape, the signature must not.
 * Up to three bytes come out for one.  0, or -1 for a broken escape.
 */
static int
put_encoded(struct text *t, const char *s, size_t len, int how)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '%' && (how & DECODE)) {
			int hi, lo;

			if (len - i < 3)
				return -1;
			hi = vt_hex_digit(s[i + 1]);
			lo = vt_hex_digit(s[i + 2]);
			if (hi < 0 || lo < 0)
				return -1;
			c = (unsigned char)(hi << 4 | lo);
			i += 2;
		} else if (c == '+' && (how & PLUS_IS_SPACE)) {
			c = ' ';
		}
		if (unreserved(c) || (c == '/' && (how & KEEP_SLASH))) {
			put_char(t, (char)c);
		} else {
			put_char(t, '%');
			put_char(t, hex[c >> 4]);
			put_char(t, hex[c & 15]);
		}
	}
	return 0;
}

/* --- the query, still encoded --------------------------------------------- */

/* Is the encoded name `s` the plain name `want`? */
int
vt_sig_name_is(const char *s, size_t len, const char *want)
{
	size_t i;

	for (i = 0; i < len; i++, want++) {
		int c = (unsigned char)s[i];

		if (c == '%' && len - i >= 3) {
			int hi = vt_hex_digit(s[i + 1]);
			int lo = vt_hex_digit(s[i + 2]);

			if (hi < 0 || lo < 0)
				return 0;
			c = hi << 4 | lo;
			i += 2;
		}
		if (c == 0 || c != (unsigned char)*want)
			return 0;
	}
	return *want == '\0';
}

static int
compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (c != 0 || a_len == b_len)
		return c;
	return a_len < b_len ? -1 : 1;
}

int
vt_sig_compare_params(const void *va, const void *vb)
{
	const struct param *a = va, *b = vb;
	int c = compare_bytes(a->name, a->name_len, b->name, b->name_len);

	if (c != 0)
		return c;
	return compare_bytes(a->value, a->value_len, b->value, b->value_len);
}

/* Name before value, not "name=value" as one: "a-b" sorts after "a". */
static enum vt_code
put_query(struct text *t, struct vt_arena *a, const char *query,
    size_t count, int presigned, struct vt_err *err)
{
	const char *rest = query;
	struct param q, *list;
	struct text scratch;
	size_t n = 0, i;

	if (count == 0)
		return VT_OK;
	list = vt_arena_alloc(a, count * sizeof(*list));
	if (list == NULL || text_init(&scratch, a, 3 * strlen(query)) < 0)
		return no_memory(err);
	while (next_param(&rest, &q)) {
		struct param *e = &list[n];

		if (presigned &&
		    vt_sig_name_is(q.name, q.name_len, "X-Amz-Signature"))
			continue;
		e->name = scratch.p + scratch.len;
		if (put_encoded(&scratch, q.name, q.name_len,
		    DECODE | PLUS_IS_SPACE) < 0)
			goto broken;
		e->name_len = (size_t)(scratch.p + scratch.len - e->name);
		e->value = scratch.p + scratch.len;
		if (put_encoded(&scratch, q.value, q.value_len,
		    DECODE | PLUS_IS_SPACE) < 0)
			goto broken;
		e->value_len = (size_t)(scratch.p + scratch.len - e->value);
		n++;
	}
	qsort(list, n, sizeof(*list), vt_sig_compare_params);
	for (i = 0; i < n; i++) {
		if (i > 0)
			put_char(t, '&');
		put(t, list[i].name, list[i].name_len);
		put_char(t, '=');
		put(t, list[i].value, list[i].value_len);
	}
	return VT_OK;
broken:
	return vt_fail(err, VT_INVALID,
	    "the query string has a broken percent escape");
}

/* --- headers by name ------------------------------------------------------ */

static int
compare_fields(const void *va, const void *vb)
{
	const struct field *a = va, *b = vb;
	int c = strcmp(a->name, b->name);

	if (c != 0)
		return c;
	return a->order < b->order ? -1 : a->order > b->order;
}

static char *
put_lower(char *p, const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		*p++ = lower(s[i]);
	*p++ = '\0';
	return p;
}

/* Headers by name, in lower case. */
enum vt_code
vt_sig_sort_fields(struct vt_arena *a, const struct vt_header *h, size_t count,
    struct fields *out, struct vt_err *err)
{
	size_t i, bytes = 0;
	char *p;

	memset(out, 0, sizeof(*out));
	if (count == 0)
		return VT_OK;
	for (i = 0; i < count; i++)
		bytes += strlen(h[i].name) + 1;
	p = vt_arena_alloc(a, bytes);
	out->list = vt_arena_alloc(a, count * sizeof(*out->list));
	if (p == NULL || out->list == NULL)
		return no_memory(err);
	for (i = 0; i < count; i++) {
		struct field *f = &out->list[i];

		f->name = p;
		f->value = h[i].value;
		f->order = i;
		p = put_lower(p, h[i].name, strlen(h[i].name));
		out->value_bytes += strlen(h[i].value) + 1;
	}
	out->count = count;
	qsort(out->list, count, sizeof(*out->list), compare_fields);
	return VT_OK;
}

/* The first field called `name`, or NULL; others of the name follow it. */
struct field *
vt_sig_find_field(const struct fields *f, const char *name, size_t len)
{
	size_t low = 0, high = f->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *s = f->list[mid].name;

		if (compare_bytes(s, strlen(s), name, len) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == f->count || strlen(f->list[low].name) != len ||
	    memcmp(f->list[low].name, name, len) != 0)
		return NULL;
	return &f->list[low];
}

static int
is_amz(const char *lower_name)
{
	return strncmp(lower_name, "x-amz-", 6) == 0;
}

/* --- the canonical request ------------------------------------------------ */

/* "name:value,value\n" of each signed header, in the order of the list, which
 * a correct client has sorted. */
static enum vt_code
put_headers(struct text *t, const struct canon *c, const struct fields *f,
    struct vt_err *err)
{
	const char *s = c->signed_headers;
	int host = 0;
	size_t i;

	for (;;) {
		size_t len = strcspn(s, ";");
		struct field *e = vt_sig_find_field(f, s, len);

		if (len == 4 && memcmp(s, "host", 4) == 0)
			host = 1;
		/* Also what keeps the text within its size. */
		if (e != NULL && e->covered)
			return vt_fail(err, VT_INVALID,
			    "header '%.*s' is listed twice in SignedHeaders",
			    (int)(len > 100 ? 100 : len), s);
		put(t, s, len);
		put_char(t, ':');
		/* One that did not arrive counts as empty: the signature
		 * then tells whether it was. */
		if (e != NULL) {
			const char *name = e->name;

			put_value(t, e->value);
			e->covered = 1;
			while (++e < f->list + f->count &&
			    strcmp(e->name, name) == 0) {
				put_char(t, ',');
				put_value(t, e->value);
				e->covered = 1;
			}
		}
		put_char(t, '\n');
		s += len;
		if (*s++ == '\0')
			break;
	}
	if (!c->must_cover)
		return VT_OK;
	if (!host)
		return vt_fail(err, VT_INVALID, "There were headers present "
		    "in the request which were not signed: host");
	for (i = 0; i < f->count; i++) {
		if (!f->list[i].covered && is_amz(f->list[i].name))
			return vt_fail(err, VT_INVALID, "There were headers "
			    "present in the request which were not signed: "
			    "%.100s", f->list[i].name);
	}
	return VT_OK;
}

/*
 * The path without empty, "." and ".." segments (RFC 3986 section 5.2.4), as
 * services other than S3 sign it.  Encoded as it is: an escape in it becomes
 * encoded twice.
 */
static int
put_normalised(struct text *t, struct vt_arena *a, const char *path)
{
	struct text n;
	int slash;

	if (text_init(&n, a, strlen(path) + 2) < 0)
		return -1;
	for (;;) {
		size_t len = strcspn(path, "/");

		slash = 1;
		if (len == 2 && memcmp(path, "..", 2) == 0) {
			while (n.len > 0 && n.p[--n.len] != '/')
				;
		} else if (len > 0 && !(len == 1 && path[0] == '.')) {
			put_char(&n, '/');
			put(&n, path, len);
			slash = 0;
		}
		path += len;
		if (*path++ == '\0')
			break;
	}
	if (n.len == 0 || slash)
		put_char(&n, '/');
	return put_encoded(t, n.p, n.len, KEEP_SLASH);
}

static enum vt_code
put_path(struct text *t, struct vt_arena *a, const struct canon *c,
    struct vt_err *err)
{
	const char *path = c->r->raw_path;

	if (!c->s3_path) {
		if (put_normalised(t, a, path) < 0)
			return no_memory(err);
		return VT_OK;
	}
	if (*path == '\0')
		path = "/";
	if (put_encoded(t, path, strlen(path), DECODE | KEEP_SLASH) < 0)
		return vt_fail(err, VT_INVALID,
		    "the path has a broken percent escape");
	return VT_OK;
}

enum vt_code
vt_sig_canonical_text(struct vt_arena *a, const struct canon *c, struct text *t,
    struct vt_err *err)
{
	const struct vt_sig_request *r = c->r;
	size_t params = count_params(r->raw_query);
	size_t names = strlen(c->signed_headers);
	struct fields f;
	enum vt_code rc;

	rc = vt_sig_sort_fields(a, r->headers, r->header_count, &f, err);
	if (rc != VT_OK)
		return rc;
	/* Encoding makes three bytes of one; a name takes ':' and '\n', and
	 * there are at most as many names as bytes, plus one. */
	if (text_init(t, a, strlen(r->method) + 3 * strlen(r->raw_path) +
	    3 * strlen(r->raw_query) + 2 * params + f.value_bytes +
	    4 * names + strlen(c->payload) + 32) < 0)
		return no_memory(err);
	put_str(t, r->method);
	put_char(t, '\n');
	rc = put_path(t, a, c, err);
	if (rc != VT_OK)
		return rc;
	put_char(t, '\n');
	rc = put_query(t, a, r->raw_query, params, c->presigned, err);
	if (rc != VT_OK)
		return rc;
	put_char(t, '\n');
	rc = put_headers(t, c, &f, err);
	if (rc != VT_OK)
		return rc;
	put_char(t, '\n');
	put_str(t, c->signed_headers);
	put_char(t, '\n');
	put_str(t, c->payload);
	return VT_OK;
}

enum vt_code
vt_sig_canonical(struct vt_arena *a, const struct vt_sig_request *r,
    const char *signed_headers, const char *content_sha256, int s3_path,
    int presigned, struct vt_buf *out, struct vt_err *err)
{
	struct canon c = { r, signed_headers, content_sha256, s3_path,
	    presigned, 0 };
	enum vt_code rc;
	struct text t;

	rc = vt_sig_canonical_text(a, &c, &t, err);
	if (rc != VT_OK)
		return rc;
	vt_buf_add(out, t.p, t.len);
	return vt_buf_check(out, "the canonical request", err);
}
