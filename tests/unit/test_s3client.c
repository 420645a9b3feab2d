/*
 * httpc and s3client against a server in a thread that plays back what the
 * test wrote down, and remembers what it was asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/proto/s3client.h"

#include "tests/unit/test.h"

#define MAX 16
#define BIG (5 * 1024 * 1024)

/* --- the server ----------------------------------------------------------- */

struct answer {
	const char *text;	/* status line, headers, empty line, body */
	const char *body;	/* more body, of body_len bytes, or NULL */
	size_t body_len;
	int close;		/* the connection, afterwards */
	int hang_ms;		/* before closing: silence */
};

static struct {
	int fd, port;
	pthread_t thread;
	pthread_mutex_t lock;
	struct answer answer[MAX];
	int answers, asked, accepted;
	char request[MAX][8192];
	size_t body_len[MAX];
	atomic_int stop;
} server = { .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

static char base[64];

static int
read_request(int fd, char *head, size_t size, size_t *body_len)
{
	size_t got = 0, want = 0;
	char *end = NULL, *p;
	char scrap[65536];
	ssize_t n;

	while (end == NULL) {
		n = read(fd, head + got, size - 1 - got);
		if (n <= 0)
			return -1;
		got += (size_t)n;
		head[got] = '\0';
		end = strstr(head, "\r\n\r\n");
	}
	p = strcasestr(head, "\r\nContent-Length:");
	if (p != NULL)
		want = strtoul(p + 17, NULL, 10);
	*body_len = want;
	got -= (size_t)(end + 4 - head);
	/* What follows the head is kept as far as it came with it. */
	while (got < want) {
		n = read(fd, scrap, want - got < sizeof(scrap) ? want - got :
		    sizeof(scrap));
		if (n <= 0)
			return -1;
		got += (size_t)n;
	}
	return 0;
}

static void
serve_connection(int fd)
{
	struct answer a;
	struct pollfd p = { fd, POLLIN, 0 };
	char head[sizeof(server.request[0])];
	size_t body_len;
	int i, answers, bad;

	for (;;) {
		while (poll(&p, 1, 20) == 0)
			if (server.stop)
				return;
		pthread_mutex_lock(&server.lock);
		i = server.asked;
		answers = server.answers;
		pthread_mutex_unlock(&server.lock);
		if (i >= answers || i >= MAX ||
		    read_request(fd, head, sizeof(head), &body_len) < 0)
			return;
		/* Held while answering: who has the answer and takes the
		 * lock knows that nobody reads the text any more. */
		pthread_mutex_lock(&server.lock);
		memcpy(server.request[i], head, sizeof(head));
		server.body_len[i] = body_len;
		server.asked++;
		a = server.answer[i];
		bad = vt_fs_write_all(fd, a.text, strlen(a.text)) < 0 ||
		    (a.body != NULL &&
		    vt_fs_write_all(fd, a.body, a.body_len) < 0);
		pthread_mutex_unlock(&server.lock);
		if (bad)
			return;
		if (a.hang_ms > 0)
			usleep((useconds_t)a.hang_ms * 1000);
		if (a.close)
			return;
	}
}

static void *
serve(void *unused)
{
	struct pollfd p = { server.fd, POLLIN, 0 };
	int fd;

	(void)unused;
	while (!server.stop) {
		if (poll(&p, 1, 20) <= 0)
			continue;
		fd = accept(server.fd, NULL, NULL);
		if (fd < 0)
			continue;
		pthread_mutex_lock(&server.lock);
		server.accepted++;
		pthread_mutex_unlock(&server.lock);
		serve_connection(fd);
		close(fd);
	}
	return NULL;
}

static void
start(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.fd = socket(AF_INET, SOCK_STREAM, 0);
	if (server.fd < 0 ||
	    bind(server.fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    listen(server.fd, 8) < 0 ||
	    getsockname(server.fd, (struct sockaddr *)&sa, &len) < 0 ||
	    pthread_create(&server.thread, NULL, serve, NULL) != 0) {
		printf("Bail out! no server: %s\n", strerror(errno));
		exit(1);
	}
	server.port = ntohs(sa.sin_port);
	snprintf(base, sizeof(base), "http://127.0.0.1:%d", server.port);
}

static void
expect(const struct answer *a, int n)
{
	pthread_mutex_lock(&server.lock);
	memcpy(server.answer, a, (size_t)n * sizeof(*a));
	server.answers = n;
	server.asked = server.accepted = 0;
	pthread_mutex_unlock(&server.lock);
}
#define EXPECT(...)							\
	do {								\
		const struct answer list_[] = { __VA_ARGS__ };		\
		expect(list_, (int)(sizeof(list_) / sizeof(*list_)));	\
	} while (0)

static int
asked(void)
{
	int n;

	pthread_mutex_lock(&server.lock);
	n = server.asked;
	pthread_mutex_unlock(&server.lock);
	return n;
}

static const char *
has(int i, const char *text)
{
	const char *found;

	pthread_mutex_lock(&server.lock);
	found = strcasestr(server.request[i], text);
	pthread_mutex_unlock(&server.lock);
	return found;
}

#define OK0 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
#define E0 "\r\n"

/* --- httpc ---------------------------------------------------------------- */

static struct vt_httpc *http;
static struct vt_httpc_response resp;
static struct vt_err err;
static char *big;

static struct vt_httpc_request
request(const char *method, const char *path)
{
	static char url[256];
	struct vt_httpc_request r;

	memset(&r, 0, sizeof(r));
	snprintf(url, sizeof(url), "%s%s", base, path);
	r.method = method;
	r.url = url;
	r.body_fd = -1;
	return r;
}

static enum vt_code
take(void *ctx, const char *data, size_t len, struct vt_err *e)
{
	(void)e;
	vt_buf_add(ctx, data, len);
	return VT_OK;
}

static enum vt_code
refuse(void *ctx, const char *data, size_t len, struct vt_err *e)
{
	(void)ctx, (void)data, (void)len;
	return vt_fail(e, VT_NOSPACE, "no room");
}

static void
sum(void *ctx, int64_t bytes)
{
	*(int64_t *)ctx += bytes;
}

static void
test_answers(void)
{
	struct vt_httpc_request r = request("GET", "/a/../b?x=%2F");
	struct vt_buf b;

	EXPECT({ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Two:  b c \r\n"
	    "ETag: \"q\"\r\n\r\nabc", NULL, 0, 0, 0 },
	    { "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone",
	    NULL, 0, 0, 0 });
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_OK, "an answer");
	is_int(resp.status, 200, "its status");
	is_str(resp.body.data, "abc", "its body");
	is_str(vt_httpc_header(&resp, "x-two"), "b c", "a header, trimmed");
	is_str(vt_httpc_header(&resp, "etag"), "\"q\"", "lower case names");
	ok(vt_httpc_header(&resp, "x-three") == NULL, "no such header");
	ok(has(0, "GET /a/../b?x=%2F HTTP/1.1\r\n"), "the path as it is");

	vt_buf_init(&b, 1000);
	r.sink = take;
	r.sink_ctx = &b;
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_OK, "a refusal");
	is_int(resp.status, 404, "its status");
	ok(b.len == 0, "a refusal's body is not for the sink");
	is_str(resp.body.data, "gone", "but for the response");
	is_int(server.accepted, 1, "one connection for both");
	vt_buf_release(&b);
}

static void
test_limits(void)
{
	struct vt_httpc_request r = request("GET", "/");
	struct vt_header h = { "x-a", "b\r\nx-evil: c" };
	char *head = malloc(80000);

	strcpy(head, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
	while (strlen(head) < 76000)
		strcat(head, "x-long: 0123456789012345678901234567890123456789"
		    "0123456789012345678901234567890123456789\r\n");
	strcat(head, "\r\n");
	EXPECT({ head, NULL, 0, 1, 0 });
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_TOO_LARGE,
	    "headers over the limit");
	EXPECT({ "HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n", big,
	    BIG, 1, 0 });
	r.max_body = 1000;
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_TOO_LARGE,
	    "a body over the limit");
	EXPECT({ "HTTP/1.1 500 Oh\r\nContent-Length: 5242880\r\n\r\n", big,
	    BIG, 1, 0 });
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_OK,
	    "of a refusal the beginning is enough");
	ok(resp.body.len <= 1000, "and no more is kept");
	EXPECT({ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdefghi",
	    NULL, 0, 1, 0 });
	r.sink = refuse;
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_NOSPACE,
	    "what the sink says is the result");
	is_str(err.text, "no room", "in its words");
	r.headers = &h;
	r.header_count = 1;
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_INVALID,
	    "a line break in a header");
	free(head);
}

static void
test_breaks(void)
{
	struct vt_httpc_request r = request("GET", "/");
	int64_t t;

	EXPECT({ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", NULL, 0,
	    1, 0 });
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_BUSY,
	    "a body that is cut");
	EXPECT({ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", NULL, 0,
	    1, 2000 });
	r.stall_ms = 1000;
	t = vt_clock_mono_us();
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_BUSY,
	    "a body that stands still");
	t = vt_clock_mono_us() - t;
	ok(t > 500000 && t < 1900000, "is given up in time (%d ms)",
	    (int)(t / 1000));
	r.url = "http://127.0.0.1:1/";
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_BUSY, "refused");
	r.url = "file:///etc/passwd";
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_INVALID,
	    "not a file of this machine");
}

static void
test_bodies(void)
{
	struct vt_httpc_request r = request("PUT", "/up");
	char path[] = "/tmp/vt-test-XXXXXX";
	int fd = mkstemp(path);
	int64_t moved = 0;

	unlink(path);
	ok(fd >= 0 && vt_fs_write_all(fd, big, BIG) == 0, "a file");
	EXPECT({ OK0 E0, NULL, 0, 0, 0 }, { OK0 E0, NULL, 0, 0, 0 });
	r.body = big;
	r.body_len = BIG;
	r.moved = sum;
	r.moved_ctx = &moved;
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_OK, "from memory");
	is_int(server.body_len[0], BIG, "all of it");
	is_int(moved, BIG, "and told");
	ok(!has(0, "\r\nExpect:"), "without waiting");
	r.body = NULL;
	r.body_fd = fd;
	r.body_offset = 1000;
	r.body_len = BIG - 1000;
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_OK, "from a file");
	is_int(server.body_len[1], BIG - 1000, "all of it");
	EXPECT({ OK0 E0, NULL, 0, 0, 0 });
	r.body_len = BIG;
	is_int(vt_httpc_perform(http, &r, &resp, &err), VT_INVALID,
	    "a file that became shorter");
	close(fd);
}

static void
test_pull(void)
{
	struct vt_httpc_request r = request("GET", "/big");
	struct vt_buf b;
	char part[10007];
	size_t got = 1;
	enum vt_code rc = VT_OK;

	vt_buf_init(&b, BIG + 1);
	EXPECT({ "HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n", big,
	    BIG, 0, 0 },
	    { "HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n", big,
	    BIG, 1, 0 },
	    { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", NULL, 0, 1,
	    0 },
	    { "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno", NULL, 0, 1,
	    0 });
	is_int(vt_httpc_begin(http, &r, &resp, &err), VT_OK, "begin");
	is_int(resp.status, 200, "the status is there");
	while (rc == VT_OK && got > 0) {
		rc = vt_httpc_read(http, part, sizeof(part), &got, &err);
		vt_buf_add(&b, part, got);
	}
	is_int(rc, VT_OK, "read to the end");
	ok(b.len == BIG && memcmp(b.data, big, BIG) == 0, "all bytes");
	is_int(vt_httpc_read(http, part, sizeof(part), &got, &err), VT_OK,
	    "read at the end");
	is_int(got, 0, "gives nothing");
	vt_httpc_end(http);

	is_int(vt_httpc_begin(http, &r, &resp, &err), VT_OK, "again");
	is_int(vt_httpc_read(http, part, sizeof(part), &got, &err), VT_OK,
	    "a little");
	vt_httpc_end(http);

	is_int(vt_httpc_begin(http, &r, &resp, &err), VT_OK, "and again");
	rc = vt_httpc_read(http, part, sizeof(part), &got, &err);
	is_int(rc, VT_OK, "the beginning");
	rc = vt_httpc_read(http, part, sizeof(part), &got, &err);
	is_int(rc, VT_BUSY, "of what was cut is no end");
	vt_httpc_end(http);

	is_int(vt_httpc_begin(http, &r, &resp, &err), VT_OK, "a refusal");
	is_int(resp.status, 404, "its status");
	is_str(resp.body.data, "no", "its body");
	vt_httpc_end(http);
	vt_buf_release(&b);
}

/* --- s3client ------------------------------------------------------------- */

static struct vt_s3 *s3;
static int retries;

static void
count_retry(void *ctx, const char *what, unsigned attempt, int64_t pause_ms,
    const struct vt_err *why)
{
	(void)ctx, (void)what, (void)attempt, (void)pause_ms, (void)why;
	retries++;
}

static void
open_client(int how)	/* 1: the bucket in the host; 2: by another address */
{
	static const struct vt_clock clock = { 1, 1700000000000000 };
	struct vt_s3_options o;
	char local[64];

	vt_s3_close(s3);
	memset(&o, 0, sizeof(o));
	/* curl knows that all of .localhost is here. */
	snprintf(local, sizeof(local), "http://%s:%d", how == 2 ? "0.0.0.0" :
	    "localhost", server.port);
	o.endpoint = how != 0 ? local : base;
	o.region = "us-east-1";
	o.access_key = "AK";
	o.secret_key = "SK";
	o.session_token = "TOKEN";
	o.virtual_host = how == 1;
	o.clock = &clock;
	o.tries = 3;
	o.backoff_ms = 1;
	o.backoff_max_ms = 2;
	o.retrying = count_retry;
	if (vt_s3_open(&o, &s3, &err) != VT_OK) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	retries = 0;
}

static enum vt_code
put(const char *text, struct vt_s3_put_result *out)
{
	struct vt_s3_put p;

	memset(&p, 0, sizeof(p));
	p.bucket = "b";
	p.key = "k /+%";
	p.body.data = text;
	p.body.len = strlen(text);
	return vt_s3_put_object(s3, &p, out, &err);
}

/* CRC64NVME of "abc", and its MD5. */
#define ABC_MD5 "900150983cd24fb0d6963f7d28e17f72"
static char abc_crc[16];

static void
make_abc(void)
{
	uint64_t crc = vt_crc64nvme(0, "abc", 3);
	uint8_t bytes[8];
	int i;

	for (i = 7; i >= 0; i--, crc >>= 8)
		bytes[i] = (uint8_t)crc;
	vt_b64_encode(bytes, 8, abc_crc);
}

static void
test_put(void)
{
	struct vt_s3_put_result out;
	char good[256], head[256];

	snprintf(good, sizeof(good), OK0 "ETag: \"e1\"\r\n"
	    "x-amz-checksum-crc64nvme: %s\r\nx-amz-version-id: v1\r\n\r\n",
	    abc_crc);
	open_client(0);
	EXPECT({ "HTTP/1.1 503 Slow\r\nRetry-After: 0\r\nContent-Length: 0"
	    "\r\n\r\n", NULL, 0, 0, 0 }, { good, NULL, 0, 0, 0 });
	is_int(put("abc", &out), VT_OK, "put after a 503");
	is_int(retries, 1, "one pause");
	is_str(out.etag, "e1", "ETag without quotes");
	is_str(out.version, "v1", "version");
	ok(has(1, "PUT /b/k%20/%2B%25 HTTP/1.1\r\n"), "the key is encoded");
	ok(has(1, "x-amz-content-sha256: UNSIGNED-PAYLOAD"),
	    "no hash of the body on this machine");
	ok(has(1, "x-amz-security-token: TOKEN"), "the session token");
	ok(has(1, "/us-east-1/s3/aws4_request"), "the scope");
	ok(!has(1, "Content-MD5"), "no MD5 where CRC64NVME is known");

	/* The same server by a name that is not known to be here. */
	open_client(2);
	EXPECT({ good, NULL, 0, 0, 0 });
	is_int(put("abc", &out), VT_OK, "put to another machine");
	ok(has(0, "x-amz-content-sha256: ba7816bf8f01cfea414140de5dae2223b003"
	    "61a396177a9cb410ff61f20015ad"), "the body's hash over http");
	open_client(0);

	/* The object is made, its answer is lost, and the condition that
	 * nothing be there refuses our own second try. */
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
	    "ETag: \"e2\"\r\nx-amz-checksum-crc64nvme: %s\r\n"
	    "x-amz-checksum-type: FULL_OBJECT\r\n\r\n", abc_crc);
	EXPECT({ "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", NULL, 0, 0,
	    0 }, { "HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n", NULL, 0, 0,
	    0 }, { head, NULL, 0, 1, 0 });
	is_int(put("abc", &out), VT_OK, "refused by its own object");
	is_str(out.etag, "e2", "which is found");
	EXPECT({ "HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n", NULL, 0, 0,
	    0 });
	is_int(put("abc", &out), VT_PRECONDITION, "another's is not ours");

	open_client(1);
	EXPECT({ good, NULL, 0, 0, 0 });
	is_int(put("abc", &out), VT_OK, "virtual host");
	ok(has(0, "PUT /k%20/%2B%25 HTTP/1.1\r\n") &&
	    has(0, "\r\nHost: b.localhost:"), "the bucket is in the host");
}

static void
test_put_fallbacks(void)
{
	struct vt_s3_put_result out;

	open_client(0);
	EXPECT({ OK0 "ETag: \"" ABC_MD5 "\"\r\n" E0, NULL, 0, 0, 0 },
	    { OK0 "ETag: \"" ABC_MD5 "\"\r\n" E0, NULL, 0, 0, 0 });
	is_int(put("abc", &out), VT_OK, "no checksum, but the MD5 as ETag");
	is_int(put("abc", &out), VT_OK, "again");
	ok(!has(0, "Content-MD5") && has(1, "Content-MD5: kAFQmDzST7DWlj99KOF"
	    "/cg=="), "Content-MD5 from then on");

	open_client(0);
	EXPECT({ OK0 "ETag: \"other\"\r\n" E0, NULL, 0, 0, 0 },
	    { OK0 "ETag: \"other\"\r\n" E0, NULL, 0, 0, 0 });
	is_int(put("abc", &out), VT_OK, "an ETag that tells nothing");
	ok(asked() == 2 && has(1, "Content-MD5"), "sent again with MD5");

	open_client(0);
	EXPECT({ OK0 "x-amz-checksum-crc64nvme: AAAAAAAAAAA=\r\n" E0, NULL, 0,
	    0, 0 }, { OK0 "x-amz-checksum-crc64nvme: AAAAAAAAAAA=\r\n" E0,
	    NULL, 0, 0, 0 }, { OK0 "x-amz-checksum-crc64nvme: AAAAAAAAAAA="
	    "\r\n" E0, NULL, 0, 0, 0 });
	is_int(put("abc", &out), VT_CORRUPT, "other bytes were stored");

	open_client(0);
	EXPECT({ "HTTP/1.1 400 Bad\r\nContent-Length: 91\r\n\r\n<Error><Code>"
	    "InvalidRequest</Code><Message>Unknown checksum algorithm"
	    "</Message></Error>     ", NULL, 0, 1, 0 },
	    { OK0 "ETag: \"x\"\r\n" E0, NULL, 0, 0, 0 });
	is_int(put("abc", &out), VT_OK, "a server that refuses CRC64NVME");
	ok(!has(1, "x-amz-checksum") && has(1, "Content-MD5"),
	    "gets Content-MD5 alone");
}

static void
test_refusals(void)
{
	struct vt_s3_put_result out;
	struct vt_s3_head head;
	int started;

	open_client(0);
	EXPECT({ "HTTP/1.1 403 No\r\nContent-Length: 66\r\n\r\n<Error><Code>"
	    "AccessDenied</Code><Message>No\nway</Message></Error> ", NULL, 0,
	    1, 0 });
	is_int(put("abc", &out), VT_DENIED, "403");
	is_str(err.text, "AccessDenied: No way", "code and message");
	is_int(asked(), 1, "not tried again");

	EXPECT({ "HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-1\r\n"
	    "Content-Length: 0\r\n\r\n", NULL, 0, 0, 0 },
	    { OK0 "ETag: \"e\"\r\n" E0, NULL, 0, 0, 0 });
	is_int(vt_s3_head(s3, "b", "k", NULL, &head, &err), VT_OK,
	    "a bucket of another region");
	ok(has(1, "/eu-west-1/s3/aws4_request"), "signed for that");

	EXPECT({ "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", NULL, 0, 0,
	    0 }, { "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", NULL, 0, 0,
	    0 }, { "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", NULL, 0, 0,
	    0 });
	is_int(vt_s3_head(s3, "b", "k", NULL, &head, &err), VT_BUSY,
	    "500 three times");
	is_int(asked(), 3, "as many tries as were set");

	EXPECT({ "HTTP/1.1 403 No\r\nContent-Length: 53\r\n\r\n<Error><Code>"
	    "InvalidObjectState</Code></Error>       ", NULL, 0, 1, 0 });
	is_int(put("abc", &out), VT_NEEDS_RESTORE, "archived");

	EXPECT({ "HTTP/1.1 202 Soon\r\nContent-Length: 0\r\n\r\n", NULL, 0, 0,
	    0 }, { "HTTP/1.1 409 No\r\nContent-Length: 54\r\n\r\n<Error><Code>"
	    "RestoreAlreadyInProgress</Code></Error>  ", NULL, 0, 0, 0 },
	    { OK0 E0, NULL, 0, 0, 0 });
	is_int(vt_s3_restore_object(s3, "b", "k", NULL, 3, NULL, &started,
	    &err), VT_BUSY, "a restore begins");
	ok(started && has(0, "POST /b/k?restore= "), "asked for rightly");
	is_int(vt_s3_restore_object(s3, "b", "k", NULL, 3, NULL, &started,
	    &err), VT_BUSY, "a restore is under way");
	ok(started && asked() == 2, "and is not asked for again and again");
	is_int(vt_s3_restore_object(s3, "b", "k", NULL, 3, NULL, &started,
	    &err), VT_OK, "a restore is done");
}

static void
test_complete(void)
{
	struct vt_s3_part part = { 1, 3, "e1", 0, 1 };
	struct vt_s3_put_result out;
	struct vt_s3_put p;
	char head[512];

	part.crc64 = vt_crc64nvme(0, "abc", 3);
	memset(&p, 0, sizeof(p));
	p.bucket = "b";
	p.key = "k";
	open_client(0);
	EXPECT({ "HTTP/1.1 200 OK\r\nContent-Length: 49\r\n\r\n<Error><Code>"
	    "InternalError</Code></Error>        ", NULL, 0, 0, 0 },
	    { "HTTP/1.1 200 OK\r\nContent-Length: 107\r\n\r\n<CompleteMultipar"
	    "tUploadResult><ETag>&quot;e-1&quot;</ETag>"
	    "</CompleteMultipartUploadResult>                ", NULL, 0, 0,
	    0 });
	is_int(vt_s3_complete_upload(s3, &p, "id", &part, 1, &out, &err),
	    VT_OK, "a 200 that was an error is tried again");
	is_str(out.etag, "e-1", "the ETag of the body");
	ok(has(0, "x-amz-checksum-type: FULL_OBJECT"), "with the whole CRC");

	/* The first answer is lost, the upload is gone, the object is there. */
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
	    "ETag: \"e-1\"\r\nx-amz-checksum-crc64nvme: %s\r\n"
	    "x-amz-checksum-type: FULL_OBJECT\r\n\r\n", abc_crc);
	EXPECT({ "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", NULL, 0, 0,
	    0 }, { "HTTP/1.1 404 No\r\nContent-Length: 42\r\n\r\n<Error><Code>"
	    "NoSuchUpload</Code></Error>  ", NULL, 0, 0, 0 },
	    { head, NULL, 0, 1, 0 });
	is_int(vt_s3_complete_upload(s3, &p, "id", &part, 1, &out, &err),
	    VT_OK, "an answer that was lost");
	is_str(out.etag, "e-1", "is found at the object");
}

static int
collect(void *ctx, const struct vt_s3_entry *e)
{
	vt_buf_printf(ctx, "%s%s:%llu ", e->key, e->is_prefix ? "*" : "",
	    (unsigned long long)e->size_bytes);
	return 0;
}

static char *
page(const char *xml)
{
	char *s = NULL;

	if (asprintf(&s, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
	    strlen(xml), xml) < 0)
		abort();
	return s;
}

static void
test_list(void)
{
	char *one = page("<ListBucketResult><EncodingType>url</EncodingType>"
	    "<IsTruncated>true</IsTruncated><NextContinuationToken>t/1="
	    "</NextContinuationToken><Contents><Key>a+b%2Bc</Key>"
	    "<Size>7</Size></Contents></ListBucketResult>");
	char *two = page("<ListBucketResult><EncodingType>url</EncodingType>"
	    "<IsTruncated>false</IsTruncated><Contents><Key>d</Key><Size>8"
	    "</Size></Contents><CommonPrefixes><Prefix>e%2F</Prefix>"
	    "</CommonPrefixes></ListBucketResult>");
	char *html = page("<html></html>");
	struct vt_buf b;

	vt_buf_init(&b, 1000);
	open_client(0);
	EXPECT({ one, NULL, 0, 0, 0 }, { two, NULL, 0, 0, 0 });
	is_int(vt_s3_list(s3, "b", "p", "/", NULL, collect, &b, &err), VT_OK,
	    "two pages");
	is_str(b.data, "a b+c:7 d:8 e/*:0 ", "their keys, decoded");
	ok(has(1, "continuation-token=t%2F1%3D"), "the token went back");
	EXPECT({ one, NULL, 0, 0, 0 }, { one, NULL, 0, 0, 0 });
	is_int(vt_s3_list(s3, "b", "p", "/", NULL, collect, &b, &err),
	    VT_INVALID, "a listing that turns in circles");
	EXPECT({ html, NULL, 0, 0, 0 });
	is_int(vt_s3_list(s3, "b", NULL, NULL, NULL, collect, &b, &err),
	    VT_INVALID, "a page that is no listing");
	ok(strstr(err.text, "html") != NULL, "and it says what it is");
	(void)asked();
	vt_buf_release(&b);
	free(one);
	free(two);
	free(html);
}

static void
test_get(void)
{
	struct vt_s3_get g;
	struct vt_s3_head head;
	struct vt_buf b;

	vt_buf_init(&b, 1000);
	memset(&g, 0, sizeof(g));
	g.bucket = "b";
	g.key = "k";
	g.len = UINT64_MAX;
	g.sink = take;
	g.ctx = &b;
	open_client(0);
	EXPECT({ "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 6\r\n\r\n"
	    "abc", NULL, 0, 1, 0 },
	    { "HTTP/1.1 206 Part\r\nETag: \"e\"\r\nContent-Length: 3\r\n"
	    "Content-Range: bytes 3-5/6\r\n\r\ndef", NULL, 0, 0, 0 });
	is_int(vt_s3_get_object(s3, &g, &head, &err), VT_OK,
	    "a broken transfer");
	is_str(b.data, "abcdef", "goes on where it stopped");
	ok(has(1, "Range: bytes=3-5\r\n") && has(1, "If-Match: \"e\"\r\n"),
	    "held to the same object");
	is_int(head.size_bytes, 6, "size");

	vt_buf_reset(&b);
	EXPECT({ "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 6\r\n\r\n"
	    "abc", NULL, 0, 1, 0 },
	    { "HTTP/1.1 206 Part\r\nETag: \"f\"\r\nContent-Length: 3\r\n"
	    "Content-Range: bytes 3-5/6\r\n\r\nxyz", NULL, 0, 1, 0 });
	is_int(vt_s3_get_object(s3, &g, &head, &err), VT_PRECONDITION,
	    "another object in its place");
	is_str(b.data, "abc", "is not mixed in");

	vt_buf_reset(&b);
	g.offset = 2;
	g.len = 2;
	EXPECT({ "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 6\r\n\r\n"
	    "abcdef", NULL, 0, 1, 0 });
	is_int(vt_s3_get_object(s3, &g, &head, &err), VT_INVALID,
	    "a server without ranges");
	EXPECT({ "HTTP/1.1 206 Part\r\nETag: \"e\"\r\nContent-Length: 2\r\n"
	    "Content-Range: bytes 0-1/6\r\n\r\nab", NULL, 0, 1, 0 });
	is_int(vt_s3_get_object(s3, &g, &head, &err), VT_INVALID,
	    "another range than was asked for");
	ok(b.len == 0, "no byte of it");
	vt_buf_release(&b);
}

static void
test_stream(void)
{
	struct vt_s3_get g;
	struct vt_s3_head head;
	struct vt_s3_stream *t = NULL;
	struct vt_buf b;
	char part[70000];
	size_t got = 1;
	enum vt_code rc = VT_OK;

	vt_buf_init(&b, BIG + 1);
	memset(&g, 0, sizeof(g));
	g.bucket = "b";
	g.key = "k";
	g.len = UINT64_MAX;
	open_client(0);
	EXPECT({ "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", NULL, 0, 0,
	    0 }, { "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 5242880"
	    "\r\n\r\n", big, BIG, 0, 0 },
	    { "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", NULL, 0, 0, 0 },
	    { "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 9\r\n\r\nabc",
	    NULL, 0, 1, 0 });
	is_int(vt_s3_stream_open(s3, &g, &head, &t, &err), VT_OK,
	    "a stream after a 503");
	is_int(head.size_bytes, BIG, "its size");
	while (rc == VT_OK && got > 0) {
		rc = vt_s3_stream_read(t, part, sizeof(part), &got, &err);
		vt_buf_add(&b, part, got);
	}
	is_int(rc, VT_OK, "read to the end");
	ok(b.len == BIG && memcmp(b.data, big, BIG) == 0, "all bytes");
	vt_s3_stream_close(t);
	is_int(vt_s3_stream_open(s3, &g, &head, &t, &err), VT_ABSENT,
	    "an absent object");
	ok(t == NULL, "opens nothing");
	is_int(vt_s3_stream_open(s3, &g, &head, &t, &err), VT_OK, "a cut one");
	got = 1;
	while (rc == VT_OK && got > 0)
		rc = vt_s3_stream_read(t, part, sizeof(part), &got, &err);
	is_int(rc, VT_BUSY, "is no whole one");
	vt_s3_stream_close(t);
	vt_buf_release(&b);
}

int
main(void)
{
	struct vt_httpc_options o = { "test/1", NULL, 2000, 0, NULL };
	size_t i;

	/* the server here writes on when the client has had enough */
	signal(SIGPIPE, SIG_IGN);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	big = malloc(BIG);
	for (i = 0; i < BIG; i++)
		big[i] = (char)(i * 7 + i / 253);
	make_abc();
	start();
	if (vt_httpc_open(&o, &http, &err) != VT_OK) {
		printf("Bail out! %s\n", err.text);
		return 1;
	}
	test_answers();
	test_limits();
	test_breaks();
	test_bodies();
	test_pull();
	vt_httpc_close(http);
	vt_httpc_response_release(&resp);
	test_put();
	test_put_fallbacks();
	test_refusals();
	test_complete();
	test_list();
	test_get();
	test_stream();
	vt_s3_close(s3);
	server.stop = 1;
	pthread_join(server.thread, NULL);
	close(server.fd);
	free(big);
	return test_done();
}
