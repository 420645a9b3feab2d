/* Requests to one store over a pool of connections: see httpcall.h. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/base/num.h"
#include "libvt/proto/httpretry.h"

#include "libvt/proto/httpcall.h"

#define SIGN_ARENA (1024 * 1024)

struct vt_call_conn {
	struct vt_call_conn *next;
	struct vt_httpc *http;
	struct vt_httpc_response resp;
	int begun;		/* a pulled answer is not at its end */
};

struct vt_caller {
	struct vt_caller_options o;
	char *ca_file;
	struct vt_retry retry;
	pthread_mutex_t lock;
	/* Under the lock: */
	struct vt_call_conn *idle;
	struct vt_call_counts counts;
};

static enum vt_code
conn_open(struct vt_caller *c, struct vt_call_conn **out, struct vt_err *err)
{
	struct vt_httpc_options h = { NULL, c->ca_file, c->o.connect_ms,
	    c->o.stall_ms, c->o.cancel };
	struct vt_call_conn *k = calloc(1, sizeof(*k));
	enum vt_code rc;

	*out = NULL;
	if (k == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_httpc_open(&h, &k->http, err);
	if (rc != VT_OK) {
		free(k);
		return rc;
	}
	*out = k;
	return VT_OK;
}

static void
conn_close(struct vt_call_conn *k)
{
	vt_httpc_close(k->http);
	vt_httpc_response_release(&k->resp);
	free(k);
}

enum vt_code
vt_caller_open(const struct vt_caller_options *o, struct vt_caller **out,
    struct vt_err *err)
{
	struct vt_caller *c;
	enum vt_code rc = VT_OK;

	*out = NULL;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	pthread_mutex_init(&c->lock, NULL);
	c->o = *o;
	c->o.ca_file = NULL;
	c->retry = vt_retry_policy(o->tries, 0, 0);
	if (o->ca_file != NULL) {
		c->ca_file = strdup(o->ca_file);
		if (c->ca_file == NULL)
			rc = vt_fail(err, VT_NOMEM, "out of memory");
	}
	/* The first handle, now: libcurl is set up before threads start. */
	if (rc == VT_OK)
		rc = conn_open(c, &c->idle, err);
	if (rc != VT_OK) {
		vt_caller_close(c);
		return rc;
	}
	*out = c;
	return VT_OK;
}

void
vt_caller_close(struct vt_caller *c)
{
	struct vt_call_conn *k;

	if (c == NULL)
		return;
	while (c->idle != NULL) {
		k = c->idle;
		c->idle = k->next;
		conn_close(k);
	}
	pthread_mutex_destroy(&c->lock);
	free(c->ca_file);
	free(c);
}

static enum vt_code
take(struct vt_caller *c, struct vt_call_conn **out, struct vt_err *err)
{
	struct vt_call_conn *k;

	pthread_mutex_lock(&c->lock);
	k = c->idle;
	if (k != NULL)
		c->idle = k->next;
	pthread_mutex_unlock(&c->lock);
	if (k == NULL)
		return conn_open(c, out, err);
	k->next = NULL;
	*out = k;
	return VT_OK;
}

static void
count(struct vt_caller *c, const struct vt_call *q)
{
	pthread_mutex_lock(&c->lock);
	c->counts.writes += q->bill == VT_CALL_WRITE;
	c->counts.reads += q->bill == VT_CALL_READ;
	c->counts.deletes += q->bill == VT_CALL_DELETE;
	c->counts.bytes_out += q->body_len;
	pthread_mutex_unlock(&c->lock);
}

static void
count_in(struct vt_caller *c, uint64_t bytes)
{
	pthread_mutex_lock(&c->lock);
	c->counts.bytes_in += bytes;
	pthread_mutex_unlock(&c->lock);
}

void
vt_caller_counts(const struct vt_caller *c, struct vt_call_counts *out)
{
	struct vt_caller *writable = (struct vt_caller *)c;

	pthread_mutex_lock(&writable->lock);
	*out = c->counts;
	pthread_mutex_unlock(&writable->lock);
}

static enum vt_code
send_once(struct vt_caller *c, struct vt_call_conn *k,
    const struct vt_call *q, struct vt_err *err)
{
	struct vt_header added[VT_CALL_HEADERS_MAX], *all;
	struct vt_httpc_request r;
	struct vt_arena *a;
	size_t n = 0;
	enum vt_code rc = VT_OK;

	a = vt_arena_new(SIGN_ARENA);
	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	if (!q->plain && c->o.sign != NULL)
		rc = c->o.sign(c->o.ctx, q, a, added, &n, err);
	all = vt_arena_alloc(a, (q->header_count + n + 1) * sizeof(*all));
	if (rc == VT_OK && all == NULL)
		rc = vt_fail(err, VT_NOMEM, "out of memory");
	if (rc != VT_OK)
		goto out;
	if (q->header_count > 0)
		memcpy(all, q->headers, q->header_count * sizeof(*all));
	if (n > 0)
		memcpy(all + q->header_count, added, n * sizeof(*all));
	memset(&r, 0, sizeof(r));
	r.method = q->method;
	r.url = q->url;
	r.headers = all;
	r.header_count = q->header_count + n;
	r.body = q->body;
	r.body_fd = -1;
	r.body_len = q->body_len;
	r.max_body = q->max_body;
	r.stall_ms = q->stall_ms;
	count(c, q);
	rc = q->pull ? vt_httpc_begin(k->http, &r, &k->resp, err) :
	    vt_httpc_perform(k->http, &r, &k->resp, err);
	k->begun = q->pull && rc == VT_OK;
out:
	vt_arena_free(a);
	return rc;
}

/* `after_ms`: what the last answer asked for, or -1. */
static enum vt_code
wait_turn(struct vt_caller *c, unsigned attempt, int64_t after_ms,
    struct vt_err *err)
{
	uint64_t dice = 0;

	if (vt_random(&dice, sizeof(dice)) < 0)
		dice = UINT64_MAX / 2;
	return vt_retry_wait(vt_retry_pause_ms(&c->retry, attempt, after_ms,
	    dice), c->o.cancel, err);
}

enum vt_code
vt_call_pause(struct vt_caller *c, unsigned attempt, struct vt_err *err)
{
	return wait_turn(c, attempt, -1, err);
}

enum vt_code
vt_call_run(struct vt_caller *c, struct vt_call *q, struct vt_err *err)
{
	struct vt_err own = { VT_OK, "" };
	struct vt_call_conn *k = NULL;
	enum vt_code rc;

	q->attempts = 0;
	q->conn = NULL;
	rc = take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	q->resp = &k->resp;
	for (;;) {
		q->attempts++;
		q->status = 0;
		q->code[0] = '\0';
		rc = send_once(c, k, q, &own);
		if (rc == VT_OK) {
			q->status = k->resp.status;
			count_in(c, k->resp.body.len);
			if ((q->status >= 200 && q->status < 300) ||
			    (q->accept != 0 && q->status == q->accept)) {
				q->conn = k;
				return VT_OK;
			}
			rc = c->o.refused(c->o.ctx, q, &own);
		}
		if (k->begun)
			vt_httpc_end(k->http);
		k->begun = 0;
		if (rc != VT_BUSY || q->once || q->attempts >= c->retry.tries)
			break;
		rc = wait_turn(c, q->attempts, q->status == 0 ? -1 :
		    vt_retry_after_ms(vt_httpc_header(&k->resp,
		    "retry-after"), vt_clock_now_us(c->o.clock)), &own);
		if (rc != VT_OK)
			break;
	}
	q->conn = k;
	vt_call_end(c, q);
	if (err != NULL) {
		*err = own;
		err->code = rc;
	}
	return rc;
}

enum vt_code
vt_call_read(struct vt_caller *c, struct vt_call *q, void *data, size_t len,
    size_t *got, struct vt_err *err)
{
	enum vt_code rc = vt_httpc_read(q->conn->http, data, len, got, err);

	count_in(c, *got);
	return rc;
}

void
vt_call_end(struct vt_caller *c, struct vt_call *q)
{
	struct vt_call_conn *k = q->conn;

	q->conn = NULL;
	q->resp = NULL;
	if (k == NULL)
		return;
	if (k->begun)
		vt_httpc_end(k->http);
	k->begun = 0;
	pthread_mutex_lock(&c->lock);
	k->next = c->idle;
	c->idle = k;
	pthread_mutex_unlock(&c->lock);
}

int
vt_call_range(const char *v, uint64_t *first, uint64_t *last, uint64_t *size)
{
	const char *dash, *slash;

	if (v == NULL || strncmp(v, "bytes ", 6) != 0)
		return -1;
	v += 6;
	dash = strchr(v, '-');
	slash = strchr(v, '/');
	if (dash == NULL || slash == NULL || slash < dash)
		return -1;
	if (vt_num_scan_u64(v, (size_t)(dash - v), first) < 0 ||
	    vt_num_scan_u64(dash + 1, (size_t)(slash - dash - 1), last) < 0 ||
	    vt_num_scan_u64(slash + 1, strlen(slash + 1), size) < 0 ||
	    *last < *first || *last >= *size)
		return -1;
	return 0;
}

void
vt_call_words(char *text)
{
	text[strcspn(text, "\r\n")] = '\0';
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
}
