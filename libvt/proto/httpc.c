/* HTTP requests out: the only file that includes curl. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <curl/curl.h>

#include "libvt/base/clock.h"
#include "libvt/base/fs.h"

#include "libvt/proto/httpc.h"

/* Pulled bodies: curl is paused when this much waits to be read. */
#define PULL_MAX (1024 * 1024)
/* Per call of the sink or of pread: fits the second-level cache. */
#define IO_BYTES (256 * 1024)

struct vt_httpc {
	CURL *easy;
	CURLM *multi;
	char *user_agent, *ca_file;
	int64_t connect_ms, stall_ms;
	const volatile int *cancel;
	char text[CURL_ERROR_SIZE];

	/* The request under way. */
	struct vt_httpc_request req;	/* copied: `moved` outlives begin */
	struct vt_httpc_response *resp;
	struct curl_slist *headers;
	uint64_t sent;		/* of the body */
	/* When bytes last moved either way, by curl's count: our callbacks
	 * see whole buffers, which a slow line takes minutes to empty. */
	curl_off_t moved_sum;
	int64_t moved_us;
	int active;		/* the easy handle is in the multi */
	int done;		/* the transfer ended: result */
	CURLcode result;
	int head_done;		/* the headers are complete */
	enum vt_code own;	/* one of our callbacks stopped it: why */
	struct vt_err own_err;

	/* Pull mode. */
	int pull, paused;
	char *buf;
	size_t buf_pos, buf_len, buf_cap;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode once_result;

static void
global_init(void)
{
	once_result = curl_global_init(CURL_GLOBAL_ALL);
}

enum vt_code
vt_httpc_open(const struct vt_httpc_options *o, struct vt_httpc **out,
    struct vt_err *err)
{
	struct vt_httpc *h;

	*out = NULL;
	pthread_once(&once, global_init);
	if (once_result != CURLE_OK)
		return vt_fail(err, VT_IO, "cannot set up libcurl: %s",
		    curl_easy_strerror(once_result));
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	h->user_agent = strdup(o->user_agent ? o->user_agent : "vaultaire");
	if (o->ca_file != NULL)
		h->ca_file = strdup(o->ca_file);
	h->connect_ms = o->connect_timeout_ms > 0 ? o->connect_timeout_ms :
	    VT_HTTPC_CONNECT_MS;
	h->stall_ms = o->stall_ms > 0 ? o->stall_ms : VT_HTTPC_STALL_MS;
	h->cancel = o->cancel;
	h->easy = curl_easy_init();
	h->multi = curl_multi_init();
	if (h->easy == NULL || h->multi == NULL || h->user_agent == NULL ||
	    (o->ca_file != NULL && h->ca_file == NULL)) {
		vt_httpc_close(h);
		return vt_fail(err, VT_NOMEM, "out of memory");
	}
	*out = h;
	return VT_OK;
}

void
vt_httpc_close(struct vt_httpc *h)
{
	if (h == NULL)
		return;
	vt_httpc_end(h);
	if (h->easy != NULL)
		curl_easy_cleanup(h->easy);
	if (h->multi != NULL)
		curl_multi_cleanup(h->multi);
	free(h->user_agent);
	free(h->ca_file);
	free(h->buf);
	free(h);
}

void
vt_httpc_response_release(struct vt_httpc_response *r)
{
	if (!r->ready)
		return;
	vt_buf_release(&r->headers);
	vt_buf_release(&r->body);
	r->ready = 0;
}

int
vt_httpc_header_next(const struct vt_httpc_response *r, size_t *pos,
    const char **name, const char **value)
{
	if (!r->ready || *pos >= r->headers.len)
		return 0;
	*name = r->headers.data + *pos;
	*value = *name + strlen(*name) + 1;
	*pos = (size_t)(*value - r->headers.data) + strlen(*value) + 1;
	return 1;
}

const char *
vt_httpc_header(const struct vt_httpc_response *r, const char *name)
{
	const char *n, *v;
	size_t pos = 0;

	while (vt_httpc_header_next(r, &pos, &n, &v))
		if (strcmp(n, name) == 0)
			return v;
	return NULL;
}

/* A callback refuses to go on; its reason outranks what curl will say. */
static size_t
refuse(struct vt_httpc *h, enum vt_code code)
{
	if (h->own == VT_OK)
		h->own = code;
	return 0;
}

static size_t
on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct vt_httpc *h = ctx;
	struct vt_buf *b = &h->resp->headers;
	size_t len = size * count, name_len, start, i;
	const char *colon, *value;

	/* A new status line: what came before was a 100 or another answer
	 * that does not count. */
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
		vt_buf_reset(b);
		return len;
	}
	if (len <= 2) {		/* the empty line */
		long status = 0;

		curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
		h->resp->status = (int)status;
		h->head_done = status >= 200;
		return len;
	}
	colon = memchr(data, ':', len);
	if (colon == NULL)
		return len;
	name_len = (size_t)(colon - data);
	value = colon + 1;
	i = len - name_len - 1;
	while (i > 0 && (value[0] == ' ' || value[0] == '\t'))
		value++, i--;
	while (i > 0 && (value[i - 1] == '\r' || value[i - 1] == '\n' ||
	    value[i - 1] == ' ' || value[i - 1] == '\t'))
		i--;
	/* A NUL would break the framing of the list; no server sends one. */
	if (memchr(data, '\0', len) != NULL)
		return len;
	start = b->len;
	if (vt_buf_add(b, data, name_len) < 0 || vt_buf_char(b, '\0') < 0 ||
	    vt_buf_add(b, value, i) < 0 || vt_buf_char(b, '\0') < 0) {
		vt_fail(&h->own_err, VT_TOO_LARGE,
		    "the answer's headers are over %d bytes",
		    VT_HTTPC_HEADERS_MAX);
		return refuse(h, VT_TOO_LARGE);
	}
	for (i = start; i < start + name_len; i++)
		if (b->data[i] >= 'A' && b->data[i] <= 'Z')
			b->data[i] |= 0x20;
	return len;
}

static int
buffered(struct vt_httpc *h, const char *data, size_t len)
{
	size_t want;
	char *p;

	if (h->buf_pos > 0) {
		memmove(h->buf, h->buf + h->buf_pos, h->buf_len - h->buf_pos);
		h->buf_len -= h->buf_pos;
		h->buf_pos = 0;
	}
	want = h->buf_len + len;
	if (want > h->buf_cap) {
		/* Bounded: curl hands at most one buffer beyond PULL_MAX. */
		p = realloc(h->buf, want);
		if (p == NULL)
			return -1;
		h->buf = p;
		h->buf_cap = want;
	}
	memcpy(h->buf + h->buf_len, data, len);
	h->buf_len += len;
	return 0;
}

static size_t
on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct vt_httpc *h = ctx;
	size_t len = size * count;
	int good = h->resp->status >= 200 && h->resp->status < 300;
	enum vt_code rc;

	if (len == 0)
		return 0;
	if (good && h->pull) {
		if (h->buf_len - h->buf_pos >= PULL_MAX) {
			h->paused = 1;
			return CURL_WRITEFUNC_PAUSE;
		}
		if (buffered(h, data, len) < 0) {
			vt_fail(&h->own_err, VT_NOMEM, "out of memory");
			return refuse(h, VT_NOMEM);
		}
	} else if (good && h->req.sink != NULL) {
		rc = h->req.sink(h->req.sink_ctx, data, len, &h->own_err);
		if (rc != VT_OK)
			return refuse(h, rc);
	} else if (vt_buf_add(&h->resp->body, data, len) < 0) {
		/* Of a refusal the beginning is enough. */
		if (!good)
			return len;
		vt_fail(&h->own_err, VT_TOO_LARGE,
		    "the answer is over %zu bytes", h->resp->body.max);
		return refuse(h, VT_TOO_LARGE);
	}
	if (good && h->req.moved != NULL && h->req.body_len == 0)
		h->req.moved(h->req.moved_ctx, (int64_t)len);
	return len;
}

static size_t
on_read(char *data, size_t size, size_t count, void *ctx)
{
	struct vt_httpc *h = ctx;
	const struct vt_httpc_request *r = &h->req;
	uint64_t left = r->body_len - h->sent;
	size_t len = size * count;
	ssize_t n;

	if (len > left)
		len = (size_t)left;
	if (len == 0)
		return 0;
	if (r->body != NULL) {
		memcpy(data, (const char *)r->body + h->sent, len);
	} else {
		n = vt_fs_pread_all(r->body_fd, data, len,
		    r->body_offset + h->sent);
		if (n < 0) {
			refuse(h, vt_fail_errno(&h->own_err, "cannot read"));
			return CURL_READFUNC_ABORT;
		}
		if ((size_t)n < len) {
			refuse(h, vt_fail(&h->own_err, VT_INVALID,
			    "became shorter while it was read"));
			return CURL_READFUNC_ABORT;
		}
	}
	h->sent += len;
	if (r->moved != NULL)
		r->moved(r->moved_ctx, (int64_t)len);
	return len;
}

/* curl sends the body again, over a new connection. */
static int
on_seek(void *ctx, curl_off_t offset, int origin)
{
	struct vt_httpc *h = ctx;

	if (origin != SEEK_SET || offset < 0 ||
	    (uint64_t)offset > h->req.body_len)
		return CURL_SEEKFUNC_CANTSEEK;
	if (h->req.moved != NULL)
		h->req.moved(h->req.moved_ctx,
		    (int64_t)offset - (int64_t)h->sent);
	h->resp->resent |= h->sent > 0;
	h->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* A signal handler of any thread may write it. */
static int
asked_to_stop(const struct vt_httpc *h)
{
	return h->cancel != NULL &&
	    __atomic_load_n(h->cancel, __ATOMIC_RELAXED) != 0;
}

static int
on_progress(void *ctx, curl_off_t dl_all, curl_off_t dl, curl_off_t ul_all,
    curl_off_t ul)
{
	struct vt_httpc *h = ctx;

	(void)dl_all, (void)ul_all;
	if (dl + ul != h->moved_sum) {
		h->moved_sum = dl + ul;
		h->moved_us = vt_clock_mono_us();
	}
	return asked_to_stop(h);
}

static int
add_header(struct vt_httpc *h, const char *name, const char *value)
{
	struct curl_slist *l;
	size_t n = strlen(name), v = strlen(value);
	char small[512], *line = small;

	if (n + v + 3 > sizeof(small)) {
		line = malloc(n + v + 3);
		if (line == NULL)
			return -1;
	}
	memcpy(line, name, n);
	/* "Name;" is curl's way to say: send it, without a value. */
	if (v == 0)
		strcpy(line + n, ";");
	else {
		memcpy(line + n, ": ", 2);
		memcpy(line + n + 2, value, v + 1);
	}
	l = curl_slist_append(h->headers, line);
	if (line != small) {
		explicit_bzero(line, n + v + 3);
		free(line);
	}
	if (l == NULL)
		return -1;
	h->headers = l;
	return 0;
}

static int
safe_header(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s == '\r' || *s == '\n')
			return 0;
	return 1;
}

static enum vt_code
prepare(struct vt_httpc *h, const struct vt_httpc_request *r,
    struct vt_httpc_response *out, struct vt_err *err)
{
	CURL *e = h->easy;
	struct curl_slist *l;
	size_t i;
	int bad = 0;

	assert(!h->active);
	if (!out->ready) {
		vt_buf_init(&out->headers, VT_HTTPC_HEADERS_MAX);
		vt_buf_init(&out->body, 0);
		out->ready = 1;
	}
	vt_buf_reset(&out->headers);
	vt_buf_reset(&out->body);
	out->body.max = r->max_body > 0 ? r->max_body : 65536;
	out->status = 0;
	out->resent = 0;
	h->req = *r;
	h->resp = out;
	h->sent = 0;
	h->moved_sum = 0;
	h->moved_us = vt_clock_mono_us();
	h->done = h->head_done = h->paused = 0;
	h->buf_pos = h->buf_len = 0;
	h->result = CURLE_OK;
	h->own = VT_OK;
	h->own_err.text[0] = '\0';
	h->text[0] = '\0';

	for (i = 0; i < r->header_count; i++) {
		if (!safe_header(r->headers[i].name) ||
		    !safe_header(r->headers[i].value))
			return vt_fail(err, VT_INVALID,
			    "a line break in the header '%s'",
			    r->headers[i].name);
		bad |= add_header(h, r->headers[i].name,
		    r->headers[i].value);
	}
	/* Waiting for "100 Continue" costs a round trip each; a refusal in
	 * mid-body costs at most the part that is on its way. */
	l = curl_slist_append(h->headers, "Expect:");
	if (bad || l == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	h->headers = l;

	/* Forgets the options, keeps connections and TLS sessions. */
	curl_easy_reset(e);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->text);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, h->user_agent);
	if (h->ca_file != NULL)
		curl_easy_setopt(e, CURLOPT_CAINFO, h->ca_file);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)h->connect_ms);
	curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(e, CURLOPT_XFERINFODATA, h);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)IO_BYTES);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->headers);
	if (curl_easy_setopt(e, CURLOPT_URL, r->url) != CURLE_OK)
		return vt_fail(err, VT_NOMEM, "out of memory");
	if (strcmp(r->method, "HEAD") == 0) {
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	} else if (strcmp(r->method, "GET") == 0 && r->body_len == 0) {
		curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
	} else if (strcmp(r->method, "DELETE") == 0 && r->body_len == 0) {
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
	} else {
		curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
		curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE,
		    (curl_off_t)r->body_len);
		curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, (long)IO_BYTES);
		curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(e, CURLOPT_READDATA, h);
		curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(e, CURLOPT_SEEKDATA, h);
	}
	if (curl_multi_add_handle(h->multi, e) != CURLM_OK)
		return vt_fail(err, VT_NOMEM, "out of memory");
	h->active = 1;
	return VT_OK;
}

void
vt_httpc_end(struct vt_httpc *h)
{
	if (h->active)
		curl_multi_remove_handle(h->multi, h->easy);
	h->active = 0;
	if (h->headers != NULL) {
		struct curl_slist *l;

		/* Session tokens are among them. */
		for (l = h->headers; l != NULL; l = l->next)
			explicit_bzero(l->data, strlen(l->data));
		curl_slist_free_all(h->headers);
	}
	h->headers = NULL;
	memset(&h->req, 0, sizeof(h->req));
	h->pull = 0;
}

/* One step: move what can be moved, wait if nothing could. */
static enum vt_code
step(struct vt_httpc *h, struct vt_err *err)
{
	CURLMsg *m;
	CURLMcode mc;
	int running = 0, queued;
	int64_t stall_ms = h->req.stall_ms > 0 ? h->req.stall_ms :
	    h->stall_ms;

	mc = curl_multi_perform(h->multi, &running);
	if (mc != CURLM_OK)
		return vt_fail(err, VT_IO, "libcurl: %s",
		    curl_multi_strerror(mc));
	for (;;) {
		m = curl_multi_info_read(h->multi, &queued);
		if (m == NULL)
			break;
		if (m->msg == CURLMSG_DONE) {
			h->done = 1;
			h->result = m->data.result;
		}
	}
	if (asked_to_stop(h))
		return vt_fail(err, VT_CANCELLED, "interrupted");
	if (h->done || h->paused)
		return VT_OK;
	/* Connecting has a deadline of its own. */
	if (vt_clock_mono_us() - h->moved_us >
	    (stall_ms + (h->head_done || h->moved_sum > 0 ? 0 :
	    h->connect_ms)) * 1000)
		return vt_fail(err, VT_BUSY, "nothing moved for %.0f s",
		    (double)stall_ms / 1000);
	mc = curl_multi_poll(h->multi, NULL, 0, 300, NULL);
	if (mc != CURLM_OK)
		return vt_fail(err, VT_IO, "libcurl: %s",
		    curl_multi_strerror(mc));
	return VT_OK;
}

/* What a finished transfer means. */
static enum vt_code
verdict(struct vt_httpc *h, struct vt_err *err)
{
	const char *text;
	enum vt_code code = VT_BUSY;

	if (h->own != VT_OK) {
		if (err != NULL)
			*err = h->own_err;
		if (h->own_err.text[0] == '\0')
			vt_fail(err, h->own, "stopped");
		return h->own;
	}
	switch (h->result) {
	case CURLE_OK:
		return VT_OK;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		/* The server answered and closed before it had the whole
		 * body: the answer is what counts. */
		if (h->head_done && h->resp->status >= 300)
			return VT_OK;
		break;
	case CURLE_ABORTED_BY_CALLBACK:
		return vt_fail(err, VT_CANCELLED, "interrupted");
	case CURLE_OUT_OF_MEMORY:
		return vt_fail(err, VT_NOMEM, "out of memory");
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		code = VT_DENIED;
		break;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_NOT_BUILT_IN:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_COULDNT_RESOLVE_PROXY:
		code = VT_INVALID;
		break;
	default:
		/* Connections refused, broken, silent: all may pass. */
		break;
	}
	text = h->text[0] != '\0' ? h->text : curl_easy_strerror(h->result);
	return vt_fail(err, code, "%s", text);
}

enum vt_code
vt_httpc_perform(struct vt_httpc *h, const struct vt_httpc_request *r,
    struct vt_httpc_response *out, struct vt_err *err)
{
	enum vt_code rc;

	rc = prepare(h, r, out, err);
	while (rc == VT_OK && !h->done)
		rc = step(h, err);
	if (rc == VT_OK)
		rc = verdict(h, err);
	vt_httpc_end(h);
	return rc;
}

enum vt_code
vt_httpc_begin(struct vt_httpc *h, const struct vt_httpc_request *r,
    struct vt_httpc_response *out, struct vt_err *err)
{
	enum vt_code rc;
	int good = 0;

	rc = prepare(h, r, out, err);
	h->pull = 1;
	while (rc == VT_OK && !h->done && !good) {
		rc = step(h, err);
		good = h->head_done && out->status >= 200 && out->status < 300;
	}
	/* A good answer that broke already: read tells, behind its bytes. */
	if (rc == VT_OK && h->done && !good)
		rc = verdict(h, err);
	if (rc != VT_OK)
		vt_httpc_end(h);
	return rc;
}

enum vt_code
vt_httpc_read(struct vt_httpc *h, void *data, size_t len, size_t *got,
    struct vt_err *err)
{
	enum vt_code rc;
	size_t have;

	*got = 0;
	/* The time the caller took does not count. */
	h->moved_us = vt_clock_mono_us();
	while (h->buf_pos == h->buf_len && !h->done) {
		if (h->paused) {
			h->paused = 0;
			/* May call on_body, and so pause again. */
			if (curl_easy_pause(h->easy, CURLPAUSE_CONT) !=
			    CURLE_OK)
				return vt_fail(err, VT_IO, "cannot resume");
			continue;
		}
		rc = step(h, err);
		if (rc != VT_OK)
			return rc;
	}
	have = h->buf_len - h->buf_pos;
	if (have == 0)
		return verdict(h, err);
	if (have > len)
		have = len;
	memcpy(data, h->buf + h->buf_pos, have);
	h->buf_pos += have;
	*got = have;
	return VT_OK;
}
