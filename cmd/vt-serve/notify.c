#include "notify.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"
#include "libvt/base/fs.h"
#include "libvt/base/hex.h"
#include "libvt/proto/httpc.h"
#include "libvt/proto/xml.h"
#include "libvt/work/notify.h"

#include "documents.h"
#include "meta.h"

#define PAGE 64			/* events read at a time */
#define POLL_US 1000000		/* for what other programs journal */
#define BACKOFF_MAX_US 300000000	/* between two tries of one event */
#define KEEP_US (7LL * 86400 * 1000000)	/* then an event is given up */
#define WAITING_MAX 1000000	/* for one webhook; beyond: the oldest go */
#define TOKEN_MAX 4096
#define MESSAGE_MAX (64 * 1024)
#define STALL_MS 30000

/* --- the document --------------------------------------------------------- */

int
notify_check(struct req *r, struct vt_cat_doc *d)
{
	struct vt_notify *n;
	struct vt_err err;
	struct vt_buf b;
	uint8_t seed[8];
	char hex[17];
	enum vt_code rc;

	rc = vt_notify_parse(r->body, r->body_len, r->srv->config, &n, &err);
	if (rc == VT_INVALID || rc == VT_PRECONDITION) {
		req_error(r, rc == VT_INVALID ? "MalformedXML" :
		    "InvalidArgument", "%s", err.text);
		return -1;
	}
	if (rc == VT_OK && vt_random(seed, sizeof(seed)) < 0)
		rc = vt_fail(&err, VT_BUSY, "no random numbers");
	if (rc != VT_OK) {
		vt_notify_free(n);
		req_fail(r, rc, &err);
		return -1;
	}
	/* kept with an Id for each rule, as AWS does; without rules not at
	 * all */
	if (vt_notify_dest(n, 0) != NULL) {
		vt_hex_encode(seed, sizeof(seed), hex);
		vt_buf_init(&b, DOCUMENT_MAX);
		vt_notify_xml(n, hex, &b);
		if (b.failed)
			req_fail(r, VT_NOMEM, NULL);
		else
			d->body = req_dup(r, b.data, b.len);
		d->len = b.len;
		vt_buf_release(&b);
	}
	vt_notify_free(n);
	return req_answered(r) ? -1 : 0;
}

void *
notify_parse(const char *body, size_t len, struct vt_err *err)
{
	struct vt_notify *n;

	/* a webhook that is no longer there keeps its events for a while */
	if (vt_notify_parse(body, len, NULL, &n, err) != VT_OK)
		return NULL;
	return n;
}

void
notify_free(void *parsed)
{
	vt_notify_free(parsed);
}

/* --- what happens --------------------------------------------------------- */

/* Events by catalog operation and, where that is not enough, by S3's. */
static const struct {
	enum vt_cat_kind kind;
	const char *op, *event;
	int when;
} events[] = {
	{ VT_CAT_PUT, "CopyObject", "ObjectCreated:Copy", VT_EVENT_ALWAYS },
	{ VT_CAT_PUT, "PostObject", "ObjectCreated:Post", VT_EVENT_ALWAYS },
	{ VT_CAT_PUT, "PutObject", "ObjectCreated:Put", VT_EVENT_ALWAYS },
	{ VT_CAT_UPLOAD_COMPLETE, NULL,
	    "ObjectCreated:CompleteMultipartUpload", VT_EVENT_ALWAYS },
	{ VT_CAT_DELETE, NULL, "ObjectRemoved:Delete",
	    VT_EVENT_IF_REMOVED },
	{ VT_CAT_DELETE, NULL, "ObjectRemoved:DeleteMarkerCreated",
	    VT_EVENT_IF_MARKER },
	{ VT_CAT_META_SET, "PutObjectTagging", "ObjectTagging:Put",
	    VT_EVENT_ALWAYS },
	{ VT_CAT_META_SET, "DeleteObjectTagging", "ObjectTagging:Delete",
	    VT_EVENT_ALWAYS },
	{ VT_CAT_META_SET, "PutObjectAcl", "ObjectAcl:Put",
	    VT_EVENT_ALWAYS },
	{ VT_CAT_RESTORE_ASK, NULL, "ObjectRestore:Post", VT_EVENT_ALWAYS }
};

static void
subject(struct vt_notify_context *x, const struct vt_cat_op *op)
{
	if (op->kind == VT_CAT_DELETE) {
		x->key = op->u.del.key;
		x->key_len = op->u.del.key_len;
	}
}

int
notify_prepare(struct req *r, struct vt_cat_op *op,
    const struct vt_version *v)
{
	struct vt_notify_context x = { .bucket = r->bucket_name,
	    .owner = r->bucket.owner, .key = r->key, .key_len = r->key_len,
	    .requester = r->who.id, .remote = r->remote,
	    .request_id = r->id, .versioned = r->bucket.versioning != 0 };
	const struct vt_notify *n;
	struct vt_cat_event *list = NULL;
	struct vt_err err;
	enum vt_code rc = VT_OK;
	size_t count = 0, i;

	if (!doc_exists(r, VT_DOC_NOTIFICATION))
		return 0;
	n = doc_get(r, VT_DOC_NOTIFICATION);
	if (n == NULL)
		return req_answered(r) ? -1 : 0;
	subject(&x, op);
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i].kind == op->kind && (events[i].op == NULL ||
		    strcmp(events[i].op, r->op->name) == 0)) {
			rc = vt_notify_events(n, r->arena, &x,
			    events[i].event, events[i].when, &list, &count,
			    &err);
			if (rc != VT_OK)
				break;
		}
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return -1;
	}
	for (i = 0; v != NULL && i < count; i++) {
		list[i].e.version_id = r->bucket.versioning == 0 ? "" :
		    meta_version_name(v);
		list[i].e.size_bytes = v->size_bytes;
		list[i].e.etag = v->etag;
	}
	op->events = list;
	op->event_count = count;
	r->notifies |= count > 0;
	return 0;
}

/* --- delivering ----------------------------------------------------------- */

struct sender {
	struct notifier *n;
	const struct vt_webhook *hook;
	pthread_t thread;
	int running;
	struct vt_httpc *http;
	struct vt_httpc_response answer;
	char told[sizeof(((struct vt_err *)0)->text)];
	int64_t counted_us;	/* monotonic: when the waiting were counted */
	atomic_uint_fast64_t delivered, failed, dropped;
};

struct notifier {
	struct server *s;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t wakes;		/* (lock) */
	volatile int stop;	/* by __atomic: vt_httpc looks at it, too */
	struct sender senders[VT_WEBHOOKS_MAX];
	size_t count;
};

void
notifier_wake(struct notifier *n)
{
	if (n == NULL)
		return;
	pthread_mutex_lock(&n->lock);
	n->wakes++;
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
}

static int
stopped(const struct notifier *n)
{
	return __atomic_load_n(&n->stop, __ATOMIC_RELAXED);
}

/* Until somebody wakes (`seen` not NULL), or so long. */
static void
wait_for(struct notifier *n, uint64_t *seen, int64_t us)
{
	int64_t end_us = vt_clock_mono_us() + us;
	struct timespec t = { .tv_sec = end_us / 1000000,
	    .tv_nsec = end_us % 1000000 * 1000 };

	pthread_mutex_lock(&n->lock);
	while (!stopped(n) && (seen == NULL || n->wakes == *seen) &&
	    vt_clock_mono_us() < end_us)
		pthread_cond_timedwait(&n->changed, &n->lock, &t);
	if (seen != NULL)
		*seen = n->wakes;
	pthread_mutex_unlock(&n->lock);
}

/* What goes on failing is told once, and again after it has worked. */
static void
complain(struct sender *d, const struct vt_err *err)
{
	if (strcmp(d->told, err->text) == 0)
		return;
	memcpy(d->told, err->text, sizeof(d->told));
	cli_warn("webhook '%s': %s", d->hook->name, err->text);
}

/* "Bearer ..." of the token file, read each time: it may be rotated. */
static enum vt_code
authorization(const struct sender *d, struct vt_buf *out, struct vt_err *err)
{
	char *text;
	size_t len;
	enum vt_code rc;

	if (d->hook->token_file == NULL)
		return VT_OK;
	rc = vt_fs_read(d->hook->token_file, TOKEN_MAX, &text, &len, err);
	if (rc != VT_OK)
		return rc;
	while (len > 0 && (unsigned char)text[len - 1] <= ' ')
		len--;
	vt_buf_str(out, "Bearer ");
	vt_buf_add(out, text, len);
	explicit_bzero(text, len);
	free(text);
	return VT_OK;
}

/* VT_OK: it has it.  VT_DENIED: this event was refused, others may go
 * through; other codes: the webhook cannot be reached. */
static enum vt_code
deliver(struct sender *d, const struct vt_event *e, struct vt_err *err)
{
	struct vt_header headers[2] = { { "Content-Type",
	    "application/json" } };
	struct vt_httpc_request q = { .method = "POST", .url = d->hook->url,
	    .headers = headers, .header_count = 1, .body_fd = -1,
	    .stall_ms = STALL_MS };
	struct vt_buf body, token;
	enum vt_code rc;

	vt_buf_init(&body, MESSAGE_MAX);
	vt_buf_init(&token, TOKEN_MAX + 16);
	vt_notify_message(e, d->n->s->config->region, &body);
	rc = vt_buf_check(&body, "a notification", err);
	if (rc == VT_OK)
		rc = authorization(d, &token, err);
	if (rc == VT_OK && token.len > 0) {
		headers[q.header_count].name = "Authorization";
		headers[q.header_count++].value = token.data;
	}
	q.body = body.data;
	q.body_len = body.len;
	if (rc == VT_OK)
		rc = vt_httpc_perform(d->http, &q, &d->answer, err);
	if (rc == VT_OK && d->answer.status / 100 != 2)
		rc = vt_fail(err, VT_DENIED, "answered with status %d",
		    d->answer.status);
	if (token.len > 0)
		explicit_bzero(token.data, token.len);
	vt_buf_release(&token);
	vt_buf_release(&body);
	return rc;
}

/* Twice as long each time, between a half and the whole of it. */
static int64_t
backoff_us(unsigned attempts)
{
	int64_t us = 1000000LL << (attempts < 9 ? attempts : 9);
	uint32_t r = 0;

	if (us > BACKOFF_MAX_US)
		us = BACKOFF_MAX_US;
	/* without random numbers: all at once */
	(void)vt_random(&r, sizeof(r));
	return us / 2 + (int64_t)(r % (uint32_t)(us / 2 + 1));
}

static void
put_off(struct sender *d, const struct vt_event *e, int64_t now_us)
{
	struct vt_cat_op op;
	struct vt_err err;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_EVENT_RETRY;
	op.u.event_retry.id = e->id;
	op.u.event_retry.not_before_us = now_us + backoff_us(e->attempts);
	if (vt_catalog_run(d->n->s->catalog, &op, &err) != VT_OK)
		complain(d, &err);
}

static void
forget(struct sender *d, const int64_t *ids, size_t count)
{
	struct vt_cat_op op;
	struct vt_err err;

	if (count == 0)
		return;
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_EVENTS_DONE;
	op.u.events_done.ids = ids;
	op.u.events_done.count = count;
	/* then they are delivered once more */
	if (vt_catalog_run(d->n->s->catalog, &op, &err) != VT_OK)
		complain(d, &err);
}

/* A page of events; how many there were, -1 when there is no use in going
 * on now. */
static int
send_page(struct sender *d, struct vt_arena *a)
{
	struct vt_event page[PAGE];
	int64_t ids[PAGE], now_us = vt_clock_now_us(d->n->s->clock);
	size_t count, i, done = 0;
	struct vt_err err;
	enum vt_code rc;

	rc = vt_catalog_events(d->n->s->catalog, a, d->hook->name, now_us,
	    page, PAGE, &count, &err);
	if (rc != VT_OK) {
		complain(d, &err);
		return -1;
	}
	for (i = 0; i < count && !stopped(d->n); i++) {
		if (page[i].time_us < now_us - KEEP_US) {
			vt_fail(&err, VT_BUSY, "events older than a week are "
			    "given up");
			complain(d, &err);
			atomic_fetch_add(&d->dropped, 1);
			ids[done++] = page[i].id;
			continue;
		}
		rc = deliver(d, &page[i], &err);
		if (rc == VT_OK) {
			atomic_fetch_add(&d->delivered, 1);
			d->told[0] = '\0';
			ids[done++] = page[i].id;
			continue;
		}
		if (rc == VT_CANCELLED)
			break;
		complain(d, &err);
		atomic_fetch_add(&d->failed, 1);
		put_off(d, &page[i], now_us);
		if (rc != VT_DENIED)
			break;
	}
	forget(d, ids, done);
	return i < count ? -1 : (int)count;
}

/* Once a minute: the journal must not fill the disk. */
static void
keep_bounded(struct sender *d)
{
	struct vt_event page[PAGE];
	int64_t oldest_us, ids[PAGE], mono_us = vt_clock_mono_us();
	uint64_t waiting;
	struct vt_arena *a;
	struct vt_err err;
	size_t count, i;

	if (d->counted_us != 0 && mono_us - d->counted_us < 60000000)
		return;
	d->counted_us = mono_us;
	while (!stopped(d->n) && vt_catalog_event_count(d->n->s->catalog,
	    d->hook->name, &waiting, &oldest_us, &err) == VT_OK &&
	    waiting > WAITING_MAX) {
		a = vt_arena_new(PAGE * 16384);
		if (a == NULL || vt_catalog_events(d->n->s->catalog, a,
		    d->hook->name, INT64_MAX, page, PAGE, &count, &err) !=
		    VT_OK) {
			vt_arena_free(a);
			break;
		}
		for (i = 0; i < count; i++)
			ids[i] = page[i].id;
		forget(d, ids, count);
		vt_arena_free(a);
		atomic_fetch_add(&d->dropped, count);
		vt_fail(&err, VT_NOSPACE, "more than %d events wait: the "
		    "oldest are given up", WAITING_MAX);
		complain(d, &err);
	}
}

static void *
run(void *arg)
{
	struct sender *d = arg;
	struct vt_arena *a;
	uint64_t seen = 0;
	unsigned failures = 0;
	int n;

	while (!stopped(d->n)) {
		keep_bounded(d);
		a = vt_arena_new(PAGE * 16384);
		n = a != NULL ? send_page(d, a) : -1;
		vt_arena_free(a);
		if (n == PAGE)
			continue;
		failures = n < 0 ? failures + 1 : 0;
		/* no use in trying at each new event */
		if (failures > 0)
			wait_for(d->n, NULL,
			    backoff_us(failures < 5 ? failures - 1 : 4));
		else
			wait_for(d->n, &seen, POLL_US);
	}
	return NULL;
}

enum vt_code
notifier_start(struct server *s, struct notifier **out, struct vt_err *err)
{
	struct vt_httpc_options o = { .cancel = NULL };
	pthread_condattr_t attr;
	struct notifier *n;
	enum vt_code rc = VT_OK;

	*out = NULL;
	if (s->config->webhook_count == 0)
		return VT_OK;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	n->s = s;
	pthread_mutex_init(&n->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&n->changed, &attr);
	pthread_condattr_destroy(&attr);
	o.cancel = &n->stop;
	for (size_t i = 0; i < s->config->webhook_count && rc == VT_OK; i++) {
		struct sender *d = &n->senders[i];

		d->n = n;
		d->hook = &s->config->webhook[i];
		n->count++;
		rc = vt_httpc_open(&o, &d->http, err);
		if (rc == VT_OK && pthread_create(&d->thread, NULL, run,
		    d) != 0)
			rc = vt_fail(err, VT_NOMEM, "cannot start a thread");
		d->running = rc == VT_OK;
	}
	if (rc != VT_OK) {
		notifier_stop(n);
		return rc;
	}
	*out = n;
	return VT_OK;
}

void
notifier_stop(struct notifier *n)
{
	if (n == NULL)
		return;
	pthread_mutex_lock(&n->lock);
	__atomic_store_n(&n->stop, 1, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
	for (size_t i = 0; i < n->count; i++) {
		struct sender *d = &n->senders[i];

		if (d->running)
			pthread_join(d->thread, NULL);
		vt_httpc_response_release(&d->answer);
		vt_httpc_close(d->http);
	}
	pthread_cond_destroy(&n->changed);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

int
notifier_figures(struct notifier *n, size_t i, struct notify_figures *out)
{
	int64_t oldest_us;
	struct vt_err err;

	if (n == NULL || i >= n->count)
		return 0;
	memset(out, 0, sizeof(*out));
	out->webhook = n->senders[i].hook->name;
	out->delivered = atomic_load(&n->senders[i].delivered);
	out->failed = atomic_load(&n->senders[i].failed);
	out->dropped = atomic_load(&n->senders[i].dropped);
	/* without an answer: 0 */
	(void)!vt_catalog_event_count(n->s->catalog, out->webhook,
	    &out->waiting, &oldest_us, &err);
	return 1;
}
