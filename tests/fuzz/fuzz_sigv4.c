/*
 * Any bytes as a request: parsed and verified without a crash; and what
 * vt_sig_sign and vt_sig_presign make of it, vt_sig_verify takes.
 *
 * Input: lines.  Method, path, query, then one "name:value" a line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"

#include "libvt/proto/sigv4.h"

#define HEADERS 64
#define NOW_US INT64_C(1369353600000000)	/* 20130524T000000Z */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct vt_sig_cred cred = { "AKID", "secret", NULL,
    "us-east-1", "s3" };

static char *
next_line(char **rest)
{
	static char nothing[1];
	char *line = *rest, *end;

	if (line == NULL)
		return nothing;
	end = strchr(line, '\n');
	if (end != NULL)
		*end++ = '\0';
	*rest = end;
	return line;
}

static void
split(char *text, struct vt_sig_request *r, struct vt_header *h)
{
	r->method = next_line(&text);
	r->raw_path = next_line(&text);
	r->raw_query = next_line(&text);
	r->headers = h;
	r->header_count = 0;
	while (text != NULL && r->header_count < HEADERS) {
		char *line = next_line(&text), *colon = strchr(line, ':');

		if (colon == NULL)
			continue;
		*colon = '\0';
		h[r->header_count].name = line;
		h[r->header_count++].value = colon + 1;
	}
}

/* Whatever it says, it must not verify: nobody signed it. */
static void
verify(struct vt_arena *a, const struct vt_sig_request *r)
{
	static const uint8_t key[32] = "a key that no input can know";
	const char *code = NULL;
	struct vt_sig_auth auth;
	struct vt_buf detail;
	struct vt_err err;
	char seed[65];

	if (vt_sig_parse(a, r, &auth, &code, &err) != VT_OK) {
		if (code == NULL)
			abort();
		return;
	}
	vt_buf_init(&detail, 1 << 20);
	if (auth.version == 4 && vt_sig_verify(a, r, &auth, key, seed,
	    &detail, &err) == VT_OK)
		abort();
	if (auth.version == 2 && vt_sig_verify_v2(a, r, &auth, "unknown",
	    "bucket", &err) == VT_OK)
		abort();
	vt_buf_release(&detail);
}

static void
must_verify(struct vt_arena *a, const struct vt_sig_request *r)
{
	struct vt_sig_auth auth;
	struct vt_err err;
	uint8_t key[32];
	char seed[65];
	enum vt_code rc;

	rc = vt_sig_parse(a, r, &auth, NULL, &err);
	/* The query may hold an authentication of its own. */
	if (rc == VT_INVALID || rc == VT_NOMEM)
		return;
	if (rc != VT_OK || vt_sig_key(cred.secret_key, auth.date,
	    auth.region, auth.service, key) < 0)
		abort();
	rc = vt_sig_verify(a, r, &auth, key, seed, NULL, &err);
	if (rc != VT_OK && rc != VT_NOMEM)
		abort();
}

static int
is_ours(const char *name)
{
	return strcasecmp(name, "authorization") == 0 ||
	    strcasecmp(name, "x-amz-date") == 0 ||
	    strcasecmp(name, "x-amz-security-token") == 0 ||
	    strcasecmp(name, "x-amz-content-sha256") == 0 ||
	    strcasecmp(name, "date") == 0;
}

static void
round_trip(struct vt_arena *a, const struct vt_sig_request *r)
{
	struct vt_header h[HEADERS + 5], *added;
	struct vt_sig_request s = *r;
	struct vt_err err;
	struct vt_buf b;
	size_t i, n;

	s.headers = h;
	s.header_count = 0;
	h[s.header_count++] = (struct vt_header){ "Host", "h" };
	for (i = 0; i < r->header_count; i++)
		if (!is_ours(r->headers[i].name))
			h[s.header_count++] = r->headers[i];
	vt_buf_init(&b, 1 << 20);
	if (vt_sig_presign(a, &s, &cred, NOW_US, 60, &b, &err) == VT_OK) {
		s.raw_query = b.data;
		must_verify(a, &s);
		s.raw_query = r->raw_query;
	}
	if (vt_sig_sign(a, &s, &cred, NOW_US, "UNSIGNED-PAYLOAD", 1, &added,
	    &n, &err) == VT_OK) {
		memcpy(h + s.header_count, added, n * sizeof(*h));
		s.header_count += n;
		must_verify(a, &s);
	}
	vt_buf_release(&b);
	if (vt_sig_sign(a, r, &cred, NOW_US, "", 0, &added, &n, &err) ==
	    VT_OK && n == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vt_header h[HEADERS];
	struct vt_arena *a = vt_arena_new(4 << 20);
	struct vt_sig_request r;
	char *text;

	if (a == NULL)
		return 0;
	text = vt_arena_dup(a, data, size);
	if (text != NULL) {
		split(text, &r, h);
		verify(a, &r);
		round_trip(a, &r);
	}
	vt_arena_free(a);
	return 0;
}
