/*
 * httpcall, and how the drivers of Azure and Google go on after failures that
 * no stand-in makes: over a server in a thread that plays back what the test
 * wrote down, one answer a connection, and remembers what it was asked.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "libvt/base/buf.h"
#include "libvt/base/jsonl.h"
#include "libvt/proto/httpcall.h"
#include "libvt/proto/httpretry.h"
#include "libvt/store/backend.h"

#include "tests/unit/test.h"

#define MAX 16
#define OK_JSON "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

static struct {
	int fd, port;
	pthread_t thread;
	const char *const *answer;
	int answers, asked;
	char request[MAX][16384];
} server;

static char base[64];
static struct vt_err err;
static struct vt_clock now = { 0, 0 };

/* The head and what came with it, until all of the body is there. */
static void
read_request(int fd, char *out, size_t size)
{
	size_t got = 0, want = SIZE_MAX;
	char *end, *p;
	ssize_t n;

	while (got < want && got < size - 1) {
		n = read(fd, out + got, size - 1 - got);
		if (n <= 0)
			break;
		got += (size_t)n;
		out[got] = '\0';
		end = strstr(out, "\r\n\r\n");
		if (end == NULL)
			continue;
		p = strcasestr(out, "\r\nContent-Length:");
		want = (size_t)(end + 4 - out) +
		    (p != NULL && p < end ? strtoul(p + 17, NULL, 10) : 0);
	}
}

/* @PUT@ of an answer stands for what the put before it called itself. */
static const char *
fill_in(const char *text, char *out, size_t size)
{
	const char *at = strstr(text, "@PUT@"), *id;

	if (at == NULL)
		return text;
	id = strstr(server.request[server.asked - 1], "x-ms-meta-vtput: ");
	snprintf(out, size, "%.*s%.18s%s", (int)(at - text), text,
	    id != NULL ? id + 17 : "", at + 5);
	return out;
}

static void *
serve(void *ctx)
{
	char filled[1024];
	const char *text;
	int fd;

	(void)ctx;
	while (server.asked < server.answers) {
		fd = accept(server.fd, NULL, NULL);
		if (fd < 0)
			break;
		read_request(fd, server.request[server.asked], 16384);
		text = fill_in(server.answer[server.asked], filled,
		    sizeof(filled));
		server.asked++;
		if (write(fd, text, strlen(text)) < 0)
			perror("write");
		close(fd);
	}
	return NULL;
}

static void
start(const char *const *answer, int answers)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	memset(&server, 0, sizeof(server));
	server.answer = answer;
	server.answers = answers;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.fd = socket(AF_INET, SOCK_STREAM, 0);
	if (server.fd < 0 || bind(server.fd, (struct sockaddr *)&a, len) < 0 ||
	    listen(server.fd, 8) < 0 ||
	    getsockname(server.fd, (struct sockaddr *)&a, &len) < 0 ||
	    pthread_create(&server.thread, NULL, serve, NULL) != 0)
		abort();
	server.port = ntohs(a.sin_port);
	snprintf(base, sizeof(base), "http://127.0.0.1:%d", server.port);
}

/* All answers were asked for. */
static void
stop(void)
{
	shutdown(server.fd, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.fd);
	is_int(server.asked, server.answers, "so many requests");
}

static enum vt_code
refused(void *ctx, struct vt_call *q, struct vt_err *e)
{
	(void)ctx;
	return vt_fail(e, vt_http_code(q->status), "status %d", q->status);
}

static struct vt_caller *
caller(void)
{
	struct vt_caller_options o = { .clock = &now, .tries = 3,
	    .refused = refused };
	struct vt_caller *c;

	if (vt_caller_open(&o, &c, &err) != VT_OK)
		abort();
	return c;
}

static void
test_calls(void)
{
	static const char *const answers[] = {
		"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour",
		"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 308 More\r\nRange: bytes=0-4\r\n"
		    "Content-Length: 0\r\n\r\n",
		"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
	};
	struct vt_caller *c;
	struct vt_call q = { .method = "PUT", .body = "hello", .body_len = 5,
	    .bill = VT_CALL_WRITE };
	struct vt_call_counts n;

	start(answers, 6);
	c = caller();
	q.url = base;
	is_int(vt_call_run(c, &q, &err), VT_OK,
	    "busy, then broken off, then well");
	ok(q.attempts == 3 && q.status == 200 &&
	    strcmp(q.resp->body.data, "four") == 0, "the third answer counts");
	vt_call_end(c, &q);
	is_int(vt_call_run(c, &q, &err), VT_ABSENT, "a refusal is one");
	is_int(q.attempts, 1, "and not tried again");
	q.accept = 308;
	is_int(vt_call_run(c, &q, &err), VT_OK, "but what is no refusal");
	vt_call_end(c, &q);
	vt_call_end(c, &q);
	q.once = 1;
	is_int(vt_call_run(c, &q, &err), VT_BUSY, "once is once");
	vt_caller_counts(c, &n);
	ok(n.writes == 6 && n.reads == 0 && n.bytes_out == 30,
	    "each try is counted");
	vt_caller_close(c);
	stop();
}

/* A key file, with a fresh key, for a token from this server. */
static char *
key_file(void)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	BIO *bio = BIO_new(BIO_s_mem());
	struct vt_buf b;
	char *text;
	long n;

	if (key == NULL || bio == NULL || PEM_write_bio_PrivateKey(bio, key,
	    NULL, NULL, 0, NULL, NULL) != 1)
		abort();
	n = BIO_get_mem_data(bio, &text);
	vt_buf_init(&b, 65536);
	vt_buf_str(&b, "{\"type\":\"service_account\",\"private_key\":");
	vt_json_quote(&b, text, (size_t)n);
	vt_buf_printf(&b, ",\"client_email\":\"a@b\",\"token_uri\":"
	    "\"%s/token\"}", base);
	BIO_free(bio);
	EVP_PKEY_free(key);
	return vt_buf_take(&b, NULL);
}

/* A token is got, kept, got anew in time, and when it is refused. */
static void
test_tokens(void)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\n\r\n"
		    "{\"access_token\":\"first\",\"expires_in\":3600} ",
		OK_JSON,
		"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n"
		    "{\"access_token\":\"second\",\"expires_in\":3600} ",
		"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 400 No\r\n\r\n"
		    "{\"error\":\"invalid_grant\",\"error_description\":"
		    "\"the account is disabled\"} ",
	};
	struct vt_backend_remote r = { .tries = 3 };
	struct vt_backend_options o = { .clock = &now, .remote = &r };
	struct vt_backend_head h;
	struct vt_backend *b;
	char *key;

	start(answers, 7);
	key = key_file();
	r.endpoint = base;
	r.session_token = key;
	is_int(vt_backend_open("gcs://bucket/p", &o, &b, &err), VT_OK,
	    "open with a key file");
	if (b == NULL)
		exit(1);
	ok(strncmp(server.request[0], "POST /token ", 12) == 0 &&
	    strstr(server.request[0], "&assertion=ey") != NULL &&
	    strstr(server.request[0], "Authorization") == NULL,
	    "the key is exchanged for a token");
	ok(strstr(server.request[1], "Authorization: Bearer first\r\n") !=
	    NULL, "which is shown");
	is_int(vt_backend_head(b, "a", &h, &err), VT_ABSENT, "another call");
	ok(strstr(server.request[2], "Bearer first\r\n") != NULL,
	    "has the same");
	now.offset_us = INT64_C(3400) * 1000000;
	is_int(vt_backend_head(b, "a", &h, &err), VT_ABSENT,
	    "shortly before its end");
	ok(strncmp(server.request[3], "POST /token ", 12) == 0 &&
	    strstr(server.request[4], "Bearer second\r\n") != NULL,
	    "there is another");
	is_int(vt_backend_head(b, "a", &h, &err), VT_DENIED,
	    "one that is refused is got anew, unless that is refused");
	ok(strstr(err.text, "invalid_grant: the account is disabled") != NULL,
	    "in Google's words");
	vt_backend_close(b);
	now.offset_us = 0;
	free(key);
	stop();
}

#define CRC_32 "DUoRhQ=="	/* not that of our bytes */

/* What a resumable upload has not kept is sent again; what the server stored
 * in the end is compared, and removed when it is something else. */
static void
test_resumable(void)
{
	static const char *const answers[] = {
		OK_JSON, NULL,
		"HTTP/1.1 308 More\r\nRange: bytes=0-99999\r\n"
		    "Content-Length: 0\r\n\r\n",
		"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 308 More\r\nRange: bytes=0-262143\r\n"
		    "Content-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n"
		    "{\"generation\":\"77\",\"size\":\"262154\",\"crc32c\":\""
		    CRC_32 "\"}  ",
		"HTTP/1.1 204 Gone\r\n\r\n",
		"HTTP/1.1 499 Ended\r\nContent-Length: 0\r\n\r\n",
	};
	static char data[262154], session[256];
	const char *script[8];
	struct vt_backend_remote r = { .tries = 3, .part_bytes = 300000 };
	struct vt_backend_options o = { .clock = &now, .remote = &r };
	struct vt_backend_counts before, n;
	struct vt_backend_put *p;
	struct vt_backend *b;

	memcpy(script, answers, sizeof(script));
	script[1] = session;
	start(script, 8);
	snprintf(session, sizeof(session), "HTTP/1.1 200 OK\r\nLocation: "
	    "%s/session?id=1\r\nContent-Length: 0\r\n\r\n", base);
	r.endpoint = base;
	if (vt_backend_open("gcs://bucket/p", &o, &b, &err) != VT_OK)
		abort();
	vt_backend_counts(b, &before);
	if (vt_backend_put_begin(b, "a", NULL, &p, &err) != VT_OK)
		abort();
	is_int(vt_backend_put_write(p, data, sizeof(data), &err), VT_OK,
	    "a part of which half was kept");
	ok(strstr(server.request[1], "uploadType=resumable") != NULL &&
	    strstr(server.request[1], "ifGenerationMatch=0") != NULL,
	    "the upload claims its name");
	ok(strncmp(server.request[2], "PUT /session?id=1 ", 18) == 0 &&
	    strstr(server.request[2], "Content-Range: bytes 0-262143/*\r\n"),
	    "it goes to the session, whole");
	ok(strstr(server.request[3], "bytes 100000-262143/*\r\n") != NULL &&
	    strstr(server.request[4], "bytes 100000-262143/*\r\n") != NULL,
	    "the other half again, and again when that was busy");
	is_int(vt_backend_put_commit(p, NULL, &err), VT_CORRUPT,
	    "what the server stored is not what was sent");
	ok(strstr(server.request[5], "bytes 262144-262153/262154\r\n") !=
	    NULL, "the last part tells the size");
	ok(strncmp(server.request[6], "DELETE ", 7) == 0 &&
	    strstr(server.request[6], "ifGenerationMatch=77") != NULL,
	    "that very object is removed");
	vt_backend_counts(b, &n);
	is_int(n.writes, before.writes + 1,
	    "an upload is billed as one, whatever it took");
	vt_backend_close(b);
	stop();
}

/* The answer to a put was lost: the blob that is there is ours, or not. */
static void
test_lost_answer(void)
{
	static const char *const answers[] = {
		OK_JSON,
		"",		/* nothing: the connection breaks */
		"HTTP/1.1 409 Taken\r\nx-ms-error-code: BlobAlreadyExists\r\n"
		    "Content-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nETag: \"0x1\"\r\nx-ms-meta-vtput: @PUT@"
		    "\r\nContent-Length: 1\r\n\r\n",
		"",
		"HTTP/1.1 409 Taken\r\nx-ms-error-code: BlobAlreadyExists\r\n"
		    "Content-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nETag: \"0x2\"\r\nx-ms-meta-vtput: other"
		    "\r\nContent-Length: 1\r\n\r\n",
	};
	struct vt_backend_remote r = { .tries = 3, .access_key = "acc",
	    .secret_key = "a2V5" };
	struct vt_backend_options o = { .clock = &now, .remote = &r };
	struct vt_backend_put_result result;
	struct vt_backend_put *p;
	struct vt_backend *b;
	int i;

	start(answers, 7);
	r.endpoint = base;
	is_int(vt_backend_open("azure://box/p", &o, &b, &err), VT_OK, "open");
	for (i = 0; i < 2 && b != NULL; i++) {
		if (vt_backend_put_begin(b, "a", NULL, &p, &err) != VT_OK ||
		    vt_backend_put_write(p, "x", 1, &err) != VT_OK)
			abort();
		is_int(vt_backend_put_commit(p, &result, &err), i == 0 ?
		    VT_OK : VT_EXISTS, i == 0 ? "it is ours" :
		    "it is another's");
		if (i == 0)
			is_str(result.token, "0x1", "whatever was lost");
	}
	vt_backend_close(b);
	stop();
}

int
main(void)
{
	test_calls();
	test_tokens();
	test_resumable();
	test_lost_answer();
	return test_done();
}
