/*
 * Any requests to a whole server, signed by root so that they come through:
 * vt-serve runs in this process, on a store of its own.  No crash; every
 * request has an answer, none is 500, and an answer in XML is XML.  Each body
 * that an operation reads (XML, policies in JSON) comes by here.
 *
 * Input: requests, "====" on a line of its own between them.  A request is a
 * line of method and target, a "name:value" a line, an empty line, the body.
 * $U, $V and $E are the last upload id, version and ETag that were answered.
 * There are buckets /bkt and /ver, the latter with versions, each with an
 * object k.  What is stored stays for the next inputs, until the store is made
 * anew.
 */
#include <ctype.h>
#include <ftw.h>

int serve_main(int argc, char **argv);
#define main serve_main
#include "cmd/vt-serve/main.c"
#undef main

#include "libvt/base/hex.h"
#include "libvt/proto/httpc.h"
#include "libvt/proto/xml.h"

#define HEADERS 24
#define STORE_INPUTS 2000	/* then a new store */
#define REQUESTS 8		/* of an input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct serve server = { .lock_fd = -1 };
static char folder[64], host[64];
static unsigned inputs;
static struct vt_httpc *http;
static struct vt_httpc_response answer;
static char upload[128], version[128], etag[128];

static void
give_up(const char *what, const char *why)
{
	fprintf(stderr, "fuzz_server: %s: %s\n", what, why);
	abort();
}

/* --- the store ------------------------------------------------------------ */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path);
}

static void
close_store(void)
{
	if (server.data == NULL)
		return;
	(void)stop(&server);
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(server.data);
	free(server.config_path);
	server = (struct serve){ .lock_fd = -1 };
}

static void one_request(char *text, size_t len);

static void
open_store(void)
{
	static const char versions[] = "PUT /ver?versioning=\n\n"
	    "<VersioningConfiguration><Status>Enabled</Status>"
	    "</VersioningConfiguration>";
	static const char *const first[] = { "PUT /bkt\n\n",
	    "PUT /ver\n\n", versions, "PUT /bkt/k\n\nhello",
	    "PUT /ver/k\n\nhello" };
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" :
	    "/tmp";
	char text[256];
	struct vt_err err;
	size_t i;

	snprintf(folder, sizeof(folder), "%s/vt-fuzz-XXXXXX", base);
	if (mkdtemp(folder) == NULL)
		give_up(folder, strerror(errno));
	signal(SIGPIPE, SIG_IGN);
	server.data = strdup(folder);
	server.config_path = in_folder(folder, "vaultaire.json");
	server.listen = "127.0.0.1:0";
	server.admin = "none";
	if (start(&server, &err) != VT_OK)
		give_up("cannot start", err.text);
	snprintf(host, sizeof(host), "127.0.0.1:%d",
	    http_port(server.srv.http));
	for (i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		snprintf(text, sizeof(text), "%s", first[i]);
		one_request(text, strlen(text));
		if (answer.status != 200)
			give_up(first[i], "refused");
	}
}

/* --- a request ------------------------------------------------------------ */

static char *
next_line(char **rest)
{
	char *line = *rest, *end = strchr(line, '\n');

	if (end == NULL)
		end = line + strlen(line);
	else
		*end++ = '\0';
	*rest = end;
	return line;
}

/* What libcurl puts on the wire as it is: nothing that ends a line there. */
static int
is_sendable(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return 0;
	return 1;
}

static int
is_token(const char *s)
{
	if (*s == '\0')
		return 0;
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && *s != '-')
			return 0;
	return 1;
}

/* How the bytes travel, and what is signed, is said by us. */
static int
is_ours(const char *name)
{
	static const char *const ours[] = { "host", "content-length",
	    "transfer-encoding", "expect", "connection", "authorization",
	    "x-amz-date", "x-amz-content-sha256", "x-amz-security-token",
	    "date", "te", "upgrade", "trailer" };
	size_t i;

	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcasecmp(name, ours[i]) == 0)
			return 1;
	return 0;
}

/* The text with what was answered before put in; in the arena. */
static char *
expand(struct vt_arena *a, const char *text, size_t len, size_t *out_len)
{
	struct vt_buf b;
	char *out;
	size_t i;

	vt_buf_init(&b, 1 << 20);
	for (i = 0; i < len; i++) {
		const char *word = i + 1 == len || text[i] != '$' ? NULL :
		    text[i + 1] == 'U' ? upload : text[i + 1] == 'V' ?
		    version : text[i + 1] == 'E' ? etag : NULL;

		if (word != NULL) {
			vt_buf_str(&b, word);
			i++;
		} else
			vt_buf_char(&b, text[i]);
	}
	*out_len = b.len;
	out = b.failed ? NULL : vt_arena_dup(a, b.data != NULL ? b.data : "",
	    b.len);
	vt_buf_release(&b);
	return out;
}

static size_t
read_headers(char **text, struct vt_header *h, size_t max)
{
	size_t n = 0;

	while (**text != '\0') {
		char *line = next_line(text), *colon = strchr(line, ':');

		if (*line == '\0')
			break;
		if (colon == NULL || n == max)
			continue;
		*colon = '\0';
		if (is_token(line) && !is_ours(line) &&
		    is_sendable(colon + 1))
			h[n++] = (struct vt_header){ line, colon + 1 };
	}
	return n;
}

/* As AWS asks of those that delete: what most inputs would stumble over. */
static int
add_md5(struct vt_header *h, size_t n, const char *body, size_t len,
    char text[32])
{
	uint8_t sum[VT_HASH_MAX];

	for (size_t i = 0; i < n; i++)
		if (strcasecmp(h[i].name, "content-md5") == 0)
			return 0;
	if (vt_hash_once(VT_MD5, body, len, sum) < 0)
		give_up("MD5", "no memory");
	vt_b64_encode(sum, 16, text);
	h[n] = (struct vt_header){ "Content-MD5", text };
	return 1;
}

/* --- its answer ----------------------------------------------------------- */

static void
keep(char out[128], const char *text)
{
	size_t n;

	if (text == NULL)
		return;
	n = strcspn(text + (*text == '"'), "\"");
	snprintf(out, 128, "%.*s", (int)n, text + (*text == '"'));
}

static void
judge(struct vt_arena *a, const char *method, const char *target)
{
	const char *type = vt_httpc_header(&answer, "content-type");
	struct vt_xml *root;

	if (answer.status >= 500 && answer.status != 501 &&
	    answer.status != 503) {
		fprintf(stderr, "%s %s: HTTP %d\n%.*s\n", method, target,
		    answer.status, (int)answer.body.len,
		    answer.body.len > 0 ? answer.body.data : "");
		abort();
	}
	keep(version, vt_httpc_header(&answer, "x-amz-version-id"));
	keep(etag, vt_httpc_header(&answer, "etag"));
	/* The type of an object is whatever its writer says. */
	if (type == NULL || strcmp(type, "application/xml") != 0 ||
	    vt_httpc_header(&answer, "accept-ranges") != NULL ||
	    answer.body.len == 0)
		return;
	if (vt_xml_parse(a, answer.body.data, answer.body.len, &root,
	    NULL) != VT_OK)
		give_up(target, "the answer is no XML");
	keep(upload, vt_xml_child_text(root, "UploadId"));
	keep(etag, vt_xml_child_text(root, "ETag"));
}

static void
send_request(struct vt_arena *a, const char *method, char *target,
    struct vt_header *h, size_t n, const char *body, size_t len)
{
	struct vt_sig_cred cred = { server.srv.root.access_key,
	    server.srv.root.secret_key, NULL, "us-east-1", "s3" };
	struct vt_sig_request sig = { method, target, "", h, n };
	struct vt_httpc_request r;
	struct vt_header *added;
	char *mark = strchr(target, '?');
	struct vt_err err;
	const char *url = vt_arena_printf(a, "http://%s%s", host, target);
	size_t added_count;

	if (mark != NULL) {
		*mark = '\0';
		sig.raw_query = mark + 1;
	}
	if (vt_sig_sign(a, &sig, &cred, vt_clock_now_us(&server.clock),
	    "UNSIGNED-PAYLOAD", 1, &added, &added_count, &err) != VT_OK)
		return;
	memcpy(h + n, added, added_count * sizeof(*h));
	memset(&r, 0, sizeof(r));
	r.method = method;
	r.url = url;
	r.headers = h;
	r.header_count = n + added_count;
	r.body = len > 0 ? body : "";
	r.body_len = len;
	r.max_body = 16 << 20;
	if (url == NULL)
		return;
	if (vt_httpc_perform(http, &r, &answer, &err) != VT_OK)
		give_up(target, err.text);
	judge(a, method, target);
}

static void
one_request(char *text, size_t len)
{
	struct vt_arena *a = vt_arena_new(32 << 20);
	struct vt_header h[HEADERS + 8];
	char *line, *method, *target, md5[32], *body, *end;
	size_t n = 0, body_len, i;

	if (a == NULL)
		return;
	end = text + len;
	line = next_line(&text);
	target = strchr(line, ' ');
	if (target != NULL)
		*target++ = '\0';
	method = line;
	h[n++] = (struct vt_header){ "Host", host };
	n += read_headers(&text, h + n, HEADERS);
	body = expand(a, text, (size_t)(end - text), &body_len);
	for (i = 1; i < n; i++)
		h[i].value = expand(a, h[i].value, strlen(h[i].value), &len);
	if (target != NULL)
		target = expand(a, target, strlen(target), &len);
	/* What a URL cannot say, and what libcurl would make something else
	 * of, is for fuzz_target and the tests of raw sockets. */
	if (target != NULL && target[0] == '/' && is_token(method) &&
	    is_sendable(target) && strpbrk(target, " #\\") == NULL &&
	    strstr(target, "/.") == NULL && strlen(target) < 4096 &&
	    strcmp(method, "CONNECT") != 0 && body != NULL) {
		if (body_len > 0)
			n += (size_t)add_md5(h, n, body, body_len, md5);
		send_request(a, method, target, h, n, body, body_len);
	}
	vt_arena_free(a);
}

/* --- inputs --------------------------------------------------------------- */

static void
begin(void)
{
	struct vt_httpc_options o;
	struct vt_err err;

	if (http == NULL) {
		memset(&o, 0, sizeof(o));
		if (vt_httpc_open(&o, &http, &err) != VT_OK)
			give_up("libcurl", err.text);
		atexit(close_store);
	}
	if (inputs++ % STORE_INPUTS != 0)
		return;
	close_store();
	open_store();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char between[] = "\n====\n";
	char *text, *p, *end, *cut;
	int n;

	begin();
	upload[0] = version[0] = etag[0] = '\0';
	text = malloc(size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	end = text + size;
	for (p = text, n = 0; p < end && n < REQUESTS; p = cut, n++) {
		cut = memmem(p, (size_t)(end - p), between,
		    sizeof(between) - 1);
		if (cut == NULL)
			cut = end;
		*cut = '\0';
		one_request(p, (size_t)(cut - p));
		if (cut < end)
			cut += sizeof(between) - 1;
	}
	free(text);
	return 0;
}
