/*
 * Metadata of blobs on S3: as x-amz-meta-vt-NAME headers of the object, where
 * it fits and is known before the object begins, else as the lines of an
 * object beside it.
 *
 * Servers trim and join the blanks of a value, and drop an empty one: what
 * would be lost goes as %XX, and nothing as "%".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/buf.h"
#include "libvt/base/uri.h"

#include "libvt/store/backend_s3.h"

/* Every byte may become three, each pair has its prefix and two NULs. */
#define COMPANION_MAX (VT_BLOB_META_MAX * 20)

static void
encode_value(struct vt_buf *b, const char *value)
{
	const char *p;

	if (*value == '\0')
		vt_buf_char(b, '%');
	for (p = value; *p != '\0'; p++)
		if (*p == '%' || (p == value && *p == '=') || (*p == ' ' &&
		    (p == value || p[-1] == ' ' || p[1] == '\0')))
			vt_buf_printf(b, "%%%02X", (unsigned char)*p);
		else
			vt_buf_char(b, *p);
}

/* In place.  What we did not write stays as it is. */
static void
decode_value(char *value)
{
	long n;

	if (strcmp(value, "%") == 0) {
		value[0] = '\0';
		return;
	}
	n = vt_uri_decode(value, strlen(value), 0);
	if (n >= 0)
		value[n] = '\0';
}

enum vt_code
s3_meta_init(struct s3_meta *m, const struct vt_header_kv *meta, size_t count,
    struct vt_err *err)
{
	struct vt_buf b;
	char *p;
	size_t i;
	enum vt_code rc;

	memset(m, 0, sizeof(*m));
	vt_buf_init(&b, COMPANION_MAX);
	for (i = 0; i < count; i++) {
		vt_buf_str(&b, S3_META_PREFIX);
		vt_buf_str(&b, meta[i].name);
		vt_buf_char(&b, '\0');
		encode_value(&b, meta[i].value);
		vt_buf_char(&b, '\0');
	}
	rc = vt_buf_check(&b, "metadata", err);
	if (rc == VT_OK) {
		m->headers = calloc(count + 1, sizeof(*m->headers));
		m->bytes = b.len - 2 * count;
		m->text = vt_buf_take(&b, NULL);
		if (m->headers == NULL || m->text == NULL)
			rc = vt_fail(err, VT_NOMEM, "no memory for metadata");
	}
	vt_buf_release(&b);
	if (rc != VT_OK) {
		s3_meta_release(m);
		return rc;
	}
	for (p = m->text; m->count < count; m->count++) {
		m->headers[m->count].name = p;
		p += strlen(p) + 1;
		m->headers[m->count].value = p;
		p += strlen(p) + 1;
	}
	return VT_OK;
}

int
s3_meta_fits(const struct s3_meta *m)
{
	return m->bytes <= S3_META_MAX && m->count <= S3_META_COUNT;
}

void
s3_meta_release(struct s3_meta *m)
{
	free(m->headers);
	free(m->text);
	memset(m, 0, sizeof(*m));
}

enum vt_code
s3_meta_put(struct s3 *s, const char *name, const struct s3_meta *m,
    struct vt_err *err)
{
	static const struct vt_header type = { "Content-Type", "text/plain" };
	struct vt_s3_put put = { .bucket = s->bucket, .headers = &type,
	    .header_count = 1 };
	struct vt_s3_put_result result;
	char key[S3_KEY_SIZE];
	struct vt_buf b;
	size_t i;
	enum vt_code rc;

	vt_buf_init(&b, COMPANION_MAX);
	for (i = 0; i < m->count; i++)
		vt_buf_printf(&b, "%s: %s\n",
		    m->headers[i].name + strlen(S3_META_PREFIX),
		    m->headers[i].value);
	rc = vt_buf_check(&b, "metadata", err);
	if (rc == VT_OK)
		rc = s3_key(s, name, 1, key, err);
	if (rc == VT_OK) {
		put.key = key;
		put.body.data = b.data;
		put.body.len = b.len;
		rc = vt_s3_put_object(s->client, &put, &result, err);
	}
	vt_buf_release(&b);
	return rc;
}

/* --- reading it back ------------------------------------------------------ */

/* The pairs of a head, kept: a visitor may take its time, and the connection
 * is in use while headers are read. */
struct gathering {
	struct vt_buf pairs;	/* "name\0value\0"... */
	int beside;
};

static int
gather(void *ctx, const char *name, const char *value)
{
	struct gathering *g = ctx;
	size_t n = strlen(S3_META_PREFIX);

	if (strcmp(name, S3_BESIDE) == 0) {
		g->beside = 1;
	} else if (strncmp(name, S3_META_PREFIX, n) == 0) {
		vt_buf_add(&g->pairs, name + n, strlen(name + n) + 1);
		vt_buf_add(&g->pairs, value, strlen(value) + 1);
	}
	return 0;
}

static enum vt_code
collect(void *ctx, const char *data, size_t len, struct vt_err *err)
{
	struct vt_buf *b = ctx;

	vt_buf_add(b, data, len);
	return vt_buf_check(b, "the companion", err);
}

/* "name: value\n" becomes "name\0value\0", in place. */
static enum vt_code
split_lines(struct vt_buf *b, const char *name, struct vt_err *err)
{
	char *p = b->data, *end, *colon, *out = b->data;
	size_t n;

	while (*p != '\0') {
		end = strchr(p, '\n');
		colon = end == NULL ? NULL : memchr(p, ':', (size_t)(end - p));
		if (colon == NULL || colon[1] != ' ')
			return vt_fail(err, VT_CORRUPT, "the metadata beside "
			    "'%s' cannot be read", name);
		n = (size_t)(colon - p);
		memmove(out, p, n);
		out += n;
		*out++ = '\0';
		n = (size_t)(end - colon - 2);
		memmove(out, colon + 2, n);
		out += n;
		*out++ = '\0';
		p = end + 1;
	}
	b->len = (size_t)(out - b->data);
	return VT_OK;
}

/* The companion's pairs; one that was never written is no failure. */
static enum vt_code
read_companion(struct s3 *s, const char *name, struct vt_buf *out,
    struct vt_err *err)
{
	struct vt_s3_get g = { .bucket = s->bucket, .len = UINT64_MAX,
	    .sink = collect, .ctx = out };
	struct vt_s3_head head;
	char key[S3_KEY_SIZE];
	enum vt_code rc;

	vt_buf_reset(out);
	rc = s3_key(s, name, 1, key, err);
	if (rc != VT_OK)
		return rc;
	g.key = key;
	rc = s3_failed(vt_s3_get_object(s->client, &g, &head, err), &head,
	    name, err);
	if (rc == VT_ABSENT)
		return VT_OK;
	if (rc == VT_OK)
		rc = split_lines(out, name, err);
	return rc;
}

enum vt_code
s3_meta_visit(struct vt_backend *b, const char *name,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
{
	struct s3 *s = (struct s3 *)b;
	struct gathering g = { .beside = 0 };
	struct vt_s3_head head;
	char key[S3_KEY_SIZE], *p, *value;
	enum vt_code rc;

	vt_buf_init(&g.pairs, COMPANION_MAX);
	rc = s3_key(s, name, 0, key, err);
	if (rc == VT_OK) {
		rc = vt_s3_head_each(s->client, s->bucket, key, NULL, gather,
		    &g, &head, err);
		rc = rc == VT_ABSENT ?
		    s3_confirm_absent(s, key, NULL, name, err) :
		    s3_failed(rc, &head, name, err);
	}
	if (rc == VT_OK)
		rc = vt_buf_check(&g.pairs, "metadata", err);
	if (rc == VT_OK && g.beside)
		rc = read_companion(s, name, &g.pairs, err);
	for (p = g.pairs.data; rc == VT_OK &&
	    p < g.pairs.data + g.pairs.len; ) {
		value = p + strlen(p) + 1;
		/* before it becomes shorter */
		char *next = value + strlen(value) + 1;

		decode_value(value);
		if (visit(ctx, p, value) != 0)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
		p = next;
	}
	vt_buf_release(&g.pairs);
	return rc;
}

/* --- objects of others ---------------------------------------------------- */

struct describing {
	vt_backend_visit_meta *visit;
	void *ctx;
	int beside;
};

/* Headers that are the object's own, and not of the answer. */
static int
tell_header(void *ctx, const char *name, const char *value)
{
	static const char *const own[] = { "cache-control",
		"content-disposition", "content-encoding", "content-language",
		"content-type", "expires" };
	struct describing *d = ctx;
	size_t i;

	if (strcmp(name, S3_BESIDE) == 0)
		d->beside = 1;
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(name, own[i]) == 0)
			return d->visit(d->ctx, name, value);
	if (strncmp(name, "x-amz-meta-", strlen("x-amz-meta-")) == 0)
		return d->visit(d->ctx, name, value);
	return 0;
}

enum vt_code
s3_describe(struct vt_backend *b, const char *name,
    struct vt_backend_described *out, vt_backend_visit_meta *visit, void *ctx,
    struct vt_err *err)
{
	struct s3 *s = (struct s3 *)b;
	struct describing d = { visit, ctx, 0 };
	struct vt_s3_head head;
	char key[S3_KEY_SIZE];
	enum vt_code rc;

	rc = s3_key(s, name, 0, key, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_s3_head_each(s->client, s->bucket, key, NULL, tell_header, &d,
	    &head, err);
	if (rc == VT_ABSENT)
		return s3_confirm_absent(s, key, NULL, name, err);
	if (rc != VT_OK)
		return s3_failed(rc, &head, name, err);
	memcpy(out->etag, head.etag, sizeof(out->etag));
	out->has_crc64 = head.checksum.alg == VT_CRC64NVME;
	if (out->has_crc64)
		out->crc64 = vt_s3_crc64_number(head.checksum.value);
	return s3_tell_head(&head, d.beside, &out->head, err);
}
