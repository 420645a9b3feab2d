/* How requests to Azure Blob Storage are authorized: see azureauth.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/base/uri.h"

#include "libvt/proto/azureauth.h"

#define PARAMETERS_MAX 64
#define STRING_MAX (256 * 1024)
#define HEADERS_MAX 256

static const char *
header(const struct vt_azure_request *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->header_count; i++)
		if (strcasecmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	return "";
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static void
add_lower(struct vt_buf *out, const char *s)
{
	for (; *s != '\0'; s++)
		vt_buf_char(out, lower(*s));
}

/* Names of headers, by their lower-case bytes. */
static int
by_name(const void *a, const void *b)
{
	const struct vt_header *x = *(const struct vt_header *const *)a;
	const struct vt_header *y = *(const struct vt_header *const *)b;

	return strcasecmp(x->name, y->name);
}

static int
by_parameter(const void *a, const void *b)
{
	const struct vt_query *x = a, *y = b;
	int n = strcasecmp(x->name, y->name);

	return n != 0 ? n : strcmp(x->value, y->value);
}

static enum vt_code
add_headers(const struct vt_azure_request *r, struct vt_buf *out,
    struct vt_err *err)
{
	const struct vt_header *own[HEADERS_MAX];
	const char *v;
	size_t i, n = 0, len;

	for (i = 0; i < r->header_count; i++) {
		if (strncasecmp(r->headers[i].name, "x-ms-", 5) != 0)
			continue;
		if (n == HEADERS_MAX)
			return vt_fail(err, VT_TOO_LARGE, "over %d headers",
			    HEADERS_MAX);
		own[n++] = &r->headers[i];
	}
	if (n > 0)
		qsort(own, n, sizeof(own[0]), by_name);
	for (i = 0; i < n; i++) {
		add_lower(out, own[i]->name);
		vt_buf_char(out, ':');
		v = own[i]->value;
		v += strspn(v, " \t");
		len = strlen(v);
		while (len > 0 && (v[len - 1] == ' ' || v[len - 1] == '\t'))
			len--;
		vt_buf_add(out, v, len);
		vt_buf_char(out, '\n');
	}
	return VT_OK;
}

/* "/account/path", then the parameters, each on a line of its own. */
static enum vt_code
add_resource(const struct vt_azure_request *r, struct vt_arena *a,
    struct vt_buf *out, struct vt_err *err)
{
	struct vt_query *q;
	struct vt_url url;
	const char *query;
	size_t n = 0, i;
	enum vt_code rc;

	rc = vt_uri_split(a, r->url, &url, err);
	if (rc != VT_OK)
		return rc;
	query = strchrnul(url.path, '?');
	vt_buf_printf(out, "/%s", r->account);
	vt_buf_add(out, url.path, (size_t)(query - url.path));
	if (*query == '\0')
		return VT_OK;
	rc = vt_uri_query(a, query + 1, strlen(query + 1), PARAMETERS_MAX, &q,
	    &n, err);
	if (rc != VT_OK)
		return rc;
	if (n > 0)
		qsort(q, n, sizeof(*q), by_parameter);
	for (i = 0; i < n; i++) {
		/* one line a name, its values joined by commas */
		if (i > 0 && strcasecmp(q[i].name, q[i - 1].name) == 0) {
			vt_buf_char(out, ',');
		} else {
			vt_buf_char(out, '\n');
			add_lower(out, q[i].name);
			vt_buf_char(out, ':');
		}
		vt_buf_add(out, q[i].value, q[i].value_len);
	}
	return VT_OK;
}

enum vt_code
vt_azure_string_to_sign(const struct vt_azure_request *r, struct vt_arena *a,
    struct vt_buf *out, struct vt_err *err)
{
	static const char *const standard[] = { "Content-MD5", "Content-Type",
	    "Date", "If-Modified-Since", "If-Match", "If-None-Match",
	    "If-Unmodified-Since", "Range" };
	const char *name;
	enum vt_code rc;
	size_t i;

	vt_buf_printf(out, "%s\n%s\n%s\n", r->method,
	    header(r, "Content-Encoding"), header(r, "Content-Language"));
	if (r->body_len > 0)
		vt_buf_u64(out, r->body_len);
	vt_buf_char(out, '\n');
	for (i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
		name = standard[i];
		/* x-ms-date goes before Date, which is signed empty then. */
		if (strcmp(name, "Date") != 0 ||
		    *header(r, "x-ms-date") == '\0')
			vt_buf_str(out, header(r, name));
		vt_buf_char(out, '\n');
	}
	rc = add_headers(r, out, err);
	if (rc == VT_OK)
		rc = add_resource(r, a, out, err);
	if (rc == VT_OK)
		rc = vt_buf_check(out, "the request", err);
	return rc;
}

enum vt_code
vt_azure_authorization(const struct vt_azure_request *r, const char *key,
    struct vt_arena *a, const char **out, struct vt_err *err)
{
	uint8_t secret[VT_AZURE_KEY_MAX], sum[32];
	char text[45];
	struct vt_buf b;
	enum vt_code rc;
	int n;

	*out = NULL;
	vt_buf_init(&b, STRING_MAX);
	n = vt_b64_decode(key, strlen(key), secret, sizeof(secret));
	if (n <= 0) {
		rc = vt_fail(err, VT_INVALID, "the key of account '%s' is not "
		    "base64 of at most %d bytes", r->account,
		    VT_AZURE_KEY_MAX);
		goto out;
	}
	rc = vt_azure_string_to_sign(r, a, &b, err);
	if (rc != VT_OK)
		goto out;
	if (vt_hmac_sha256(secret, (size_t)n, b.data, b.len, sum) < 0) {
		rc = vt_fail(err, VT_NOMEM, "out of memory");
		goto out;
	}
	vt_b64_encode(sum, sizeof(sum), text);
	*out = vt_arena_printf(a, "SharedKey %s:%s", r->account, text);
	if (*out == NULL)
		rc = vt_fail(err, VT_NOMEM, "out of memory");
out:
	explicit_bzero(secret, sizeof(secret));
	vt_buf_release(&b);
	return rc;
}

/* --- metadata ------------------------------------------------------------- */

void
vt_azure_meta_name(struct vt_buf *out, const char *name)
{
	vt_buf_str(out, VT_AZURE_META);
	for (; *name != '\0'; name++)
		vt_buf_char(out, *name == '-' ? '_' : *name);
}

/* Would proxies, the signature or Azure make something else of it? */
static int
is_odd(const char *value)
{
	size_t n = strlen(value);

	return n == 0 || value[0] == ' ' || value[n - 1] == ' ' ||
	    value[0] == '=' || strstr(value, "  ") != NULL;
}

void
vt_azure_meta_value(struct vt_buf *out, const char *value)
{
	if (!is_odd(value)) {
		vt_buf_str(out, value);
		return;
	}
	vt_buf_char(out, '=');
	vt_uri_encode(out, value, strlen(value), 1);
}

int
vt_azure_meta_read(const char *name_there, const char *text,
    struct vt_arena *a, const char **name, const char **value)
{
	size_t prefix = strlen(VT_AZURE_META);
	char *n, *v;
	long len;

	if (strncasecmp(name_there, VT_AZURE_META, prefix) != 0)
		return 0;
	n = vt_arena_str(a, name_there + prefix);
	v = vt_arena_str(a, *text == '=' ? text + 1 : text);
	if (n == NULL || v == NULL)
		return -1;
	*name = n;
	*value = v;
	for (; *n != '\0'; n++)
		*n = *n == '_' ? '-' : lower(*n);
	if (*text != '=')
		return 1;
	len = vt_uri_decode(v, strlen(v), 0);
	if (len < 0)	/* not written by us */
		return 0;
	v[len] = '\0';
	return 1;
}
