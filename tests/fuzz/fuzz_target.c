/*
 * Any bytes as a request line and Host: split, routed and its query taken
 * apart without a crash, and what came out holds to what the headers say of
 * it: a key is UTF-8 of no more than VT_KEY_MAX bytes with no NUL in it, and
 * encoded again it is the same key; an operation that was found is one of the
 * table; a refusal has a code.
 *
 * Input: lines.  Method, Host, raw target, domain of virtual hosts (may be
 * missing).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/uri.h"

#include "cmd/vt-serve/route.h"

#define PARAMETERS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int truth)
{
	if (!truth)
		abort();
}

static char *
next_line(char **rest)
{
	char *line = *rest, *end;

	if (line == NULL)
		return NULL;
	end = strchr(line, '\n');
	if (end != NULL)
		*end++ = '\0';
	*rest = end;
	return line;
}

/* The same names and values, encoded by us, are the same query. */
static void
query_again(struct vt_arena *a, const struct vt_query *q, size_t count)
{
	struct vt_query *again;
	struct vt_buf b;
	size_t i, n;

	vt_buf_init(&b, 1 << 20);
	for (i = 0; i < count; i++) {
		vt_buf_char(&b, '&');
		vt_uri_encode(&b, q[i].name, strlen(q[i].name), 0);
		if (q[i].has_value)
			vt_buf_char(&b, '=');
		vt_uri_encode(&b, q[i].value, q[i].value_len, 0);
		must(strlen(q[i].value) == q[i].value_len);
		must(q[i].has_value || q[i].value_len == 0);
	}
	must(!b.failed);
	if (vt_uri_query(a, b.data, b.len, PARAMETERS, &again, &n, NULL) ==
	    VT_OK) {
		/* "=" alone is a parameter without a name. */
		must(n <= count);
		for (i = 0; n == count && i < n; i++)
			must(strcmp(q[i].name, again[i].name) == 0 &&
			    strcmp(q[i].value, again[i].value) == 0);
	}
	vt_buf_release(&b);
}

static void
find(const char *method, const char *bucket, const char *key,
    const struct vt_query *q, size_t count)
{
	const struct op *op, *ops;
	const char *code;
	size_t n;
	int is_copy;

	ops = route_ops(&n);
	for (is_copy = 0; is_copy < 2; is_copy++) {
		op = route_find(method, bucket != NULL, key != NULL, q, count,
		    is_copy, &code);
		must(op != NULL ? op >= ops && op < ops + n : code != NULL);
	}
}

static void
split_again(struct vt_arena *a, const char *bucket, const char *key,
    size_t key_len)
{
	const char *bucket2, *key2;
	struct vt_buf b;
	size_t len2;

	/* Of the virtual host, any bytes; only S3's names are looked for. */
	if (bucket[0] == '\0' || strchr(bucket, '/') != NULL)
		return;
	vt_buf_init(&b, 1 << 20);
	vt_buf_char(&b, '/');
	vt_uri_encode(&b, bucket, strlen(bucket), 0);
	vt_buf_char(&b, '/');
	vt_uri_encode(&b, key, key_len, 1);
	must(!b.failed && route_split(a, NULL, NULL, b.data, &bucket2, &key2,
	    &len2, NULL) == VT_OK);
	must(strcmp(bucket, bucket2) == 0 && len2 == key_len &&
	    memcmp(key, key2, len2) == 0);
	vt_buf_release(&b);
}

static void
request(struct vt_arena *a, char *text)
{
	const char *method = next_line(&text), *host = next_line(&text);
	char *target = next_line(&text), *domain = next_line(&text), *mark;
	const char *bucket = NULL, *key = NULL;
	struct vt_query *q = NULL;
	size_t key_len = 0, count = 0;
	enum vt_code rc;

	if (target == NULL)
		return;
	mark = strchr(target, '?');
	if (mark != NULL)
		*mark++ = '\0';
	rc = route_split(a, host, domain, target, &bucket, &key, &key_len,
	    NULL);
	if (rc == VT_OK && key != NULL) {
		must(key_len <= VT_KEY_MAX && strlen(key) == key_len);
		must(bucket != NULL);
		split_again(a, bucket, key, key_len);
	}
	if (mark != NULL && vt_uri_query(a, mark, strlen(mark), PARAMETERS,
	    &q, &count, NULL) != VT_OK)
		return;
	must(count <= PARAMETERS);
	query_again(a, q, count);
	if (rc == VT_OK)
		find(method, bucket, key, q, count);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vt_arena *a = vt_arena_new(4 << 20);
	char *text;

	if (a == NULL)
		return 0;
	text = vt_arena_dup(a, data, size);
	if (text != NULL)
		request(a, text);
	vt_arena_free(a);
	return 0;
}
