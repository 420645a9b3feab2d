#include "restore.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"
#include "libvt/base/num.h"
#include "libvt/proto/xml.h"
#include "libvt/work/restore.h"

#include "meta.h"
#include "object.h"
#include "notify.h"
#include "ops.h"

/* --- what is said of a version -------------------------------------------- */

int
restore_needed(const struct req *r, const char *tier)
{
	const struct vt_tier *t = vt_tiers_tier(r->srv->tiers, tier);
	struct vt_backend *b;

	if (t == NULL)
		return 0;
	b = vt_tiers_backend(r->srv->tiers, t->name);
	return b != NULL && vt_backend_caps(b)->restore;
}

/* 1: it is (out->until_us) or will be (0) restored; 0: not, or the time is
 * up. */
static int
restored(struct req *r, const struct vt_version *v, struct vt_restored *out)
{
	struct vt_err err;

	/* only a hint: without an answer it is left out */
	if (vt_catalog_restored(r->srv->catalog, v->seq, out, &err) != VT_OK)
		return 0;
	return out->until_us == 0 ||
	    out->until_us > vt_clock_now_us(r->srv->clock);
}

void
restore_header(struct req *r, const struct vt_version *v)
{
	struct vt_restored state;
	char date[30];

	if (!restored(r, v, &state))
		return;
	if (state.until_us == 0) {
		req_set_header(r, "x-amz-restore", "ongoing-request=\"true\"");
		return;
	}
	vt_time_http(state.until_us, date);
	req_set_headerf(r, "x-amz-restore", "ongoing-request=\"false\", "
	    "expiry-date=\"%s\"", date);
}

void
restore_xml(struct req *r, struct vt_buf *b, const struct vt_version *v)
{
	struct vt_restored state;

	if (!restore_needed(r, v->tier) || !restored(r, v, &state))
		return;
	vt_xml_open(b, "RestoreStatus");
	vt_xml_text(b, "IsRestoreInProgress",
	    state.until_us == 0 ? "true" : "false");
	if (state.until_us != 0)
		meta_time_xml(b, "RestoreExpiryDate", state.until_us);
	vt_xml_close(b, "RestoreStatus");
}

/* --- RestoreObject -------------------------------------------------------- */

struct ask {
	struct vt_cat_op op;
	struct vt_version *v;
};

static int
speed_by_name(const char *name)
{
	static const char *const names[] = { [VT_STANDARD] = "Standard",
	    [VT_EXPEDITED] = "Expedited", [VT_BULK] = "Bulk" };

	for (int i = 0; i < 3; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

/* What the body asks for; -1 after answering. */
static int
read_request(struct req *r, struct vt_cat_restore *w, const char *class)
{
	const struct vt_xml *root, *x;
	const char *text;
	uint64_t days;

	root = meta_xml(r, "RestoreRequest", "MalformedXML");
	if (root == NULL)
		return -1;
	text = vt_xml_child_text(root, "Type");
	if ((text != NULL && strcmp(text, "SELECT") == 0) ||
	    vt_xml_child(root, "SelectParameters") != NULL ||
	    vt_xml_child(root, "OutputLocation") != NULL) {
		req_error(r, "NotImplemented", "Restoring what a query "
		    "selects is not implemented");
		return -1;
	}
	text = vt_xml_child_text(root, "Days");
	if (text == NULL || vt_num_scan_u64(text, strlen(text), &days) < 0 ||
	    days == 0) {
		req_error(r, "MalformedXML", "Days must be a number, 1 or "
		    "more");
		return -1;
	}
	if (days > VT_RESTORE_DAYS_MAX) {
		req_error(r, "InvalidArgument", "Days must be at most %d",
		    VT_RESTORE_DAYS_MAX);
		return -1;
	}
	w->days = (unsigned)days;
	x = vt_xml_child(root, "GlacierJobParameters");
	text = vt_xml_child_text(x != NULL ? x : root, "Tier");
	w->speed = speed_by_name(text != NULL ? text : "Standard");
	if (w->speed < 0) {
		req_error(r, "MalformedXML", "The Tier must be Expedited, "
		    "Standard or Bulk");
		return -1;
	}
	if (w->speed == VT_EXPEDITED && strcmp(class, "DEEP_ARCHIVE") == 0) {
		req_error(r, "InvalidArgument", "The storage class "
		    "DEEP_ARCHIVE has no Expedited retrievals");
		return -1;
	}
	return 0;
}

static void restorer_wake(struct restorer *w);

static void
ask_done(struct vt_cat_op *op)
{
	struct req *r = op->ctx;
	struct ask *a = r->state;
	const struct vt_cat_restore *w = &op->u.restore;

	switch (op->code) {
	case VT_OK:
		restorer_wake(r->srv->restorer);
		meta_version_header(r, a->v);
		req_reply_empty(r, w->until_us != 0 ? 200 : 202);
		break;
	case VT_BUSY:
		req_error(r, "RestoreAlreadyInProgress", NULL);
		break;
	case VT_ABSENT:
		req_error_detail(r, "Key", r->key);
		req_error(r, "NoSuchKey", NULL);
		break;
	case VT_PRECONDITION:	/* it moved in this very moment */
		req_error(r, "OperationAborted", NULL);
		break;
	default:
		req_fail(r, op->code, &op->err);
	}
	req_resume(r);
}

void
op_restore_object(struct req *r)
{
	struct ask *a;
	const struct vt_copy *lasting = NULL;
	const char *class;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	a = req_alloc(r, sizeof(*a));
	if (a == NULL)
		return;
	r->state = a;
	a->v = object_find(r, 0);
	if (a->v == NULL)
		return;
	class = meta_class(r, a->v->tier);
	for (size_t i = 0; i < a->v->copy_count; i++)
		if (a->v->copies[i].until_us == 0 &&
		    strcmp(a->v->copies[i].tier, a->v->tier) == 0)
			lasting = &a->v->copies[i];
	if (lasting == NULL || !restore_needed(r, a->v->tier)) {
		req_error_detail(r, "StorageClass", class);
		req_error(r, "InvalidObjectState", "Restore is not allowed "
		    "for the object's current storage class");
		return;
	}
	if (read_request(r, &a->op.u.restore, class) < 0)
		return;
	a->op.kind = VT_CAT_RESTORE_ASK;
	a->op.u.restore.seq = a->v->seq;
	a->op.u.restore.source_copy_id = lasting->id;
	a->op.done = ask_done;
	a->op.ctx = r;
	if (notify_prepare(r, &a->op, a->v) < 0)
		return;
	req_async(r);
	vt_catalog_submit(r->srv->catalog, &a->op);
}

/* --- carrying them out ---------------------------------------------------- */

struct restorer {
	struct server *s;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int woken, stop;	/* (lock) */
};

static int
keep_going(void *ctx, size_t bytes)
{
	struct restorer *w = ctx;
	int stop;

	(void)bytes;
	pthread_mutex_lock(&w->lock);
	stop = w->stop;
	pthread_mutex_unlock(&w->lock);
	return stop;
}

/* A line of the log: bill, not heat. */
static void
told(void *ctx, enum vt_cat_kind kind, const char *bucket,
    const struct vt_version *v, const struct vt_restored *state)
{
	struct restorer *w = ctx;
	const struct vt_config *config = w->s->config;
	size_t to = vt_place_restored(config->places, vt_places_find(
	    config->places, bucket, v->key, v->key_len));
	struct vt_access a;

	(void)state;
	memset(&a, 0, sizeof(a));
	a.time_us = vt_clock_now_us(w->s->clock);
	a.node = config->node;
	a.actor = "restore";
	a.op = kind == VT_CAT_RESTORE_DONE ? "Restore" : "RestoreExpiry";
	a.bucket = bucket;
	a.key = v->key;
	a.key_len = v->key_len;
	a.version = v->version_id;
	a.source = v->tier;
	a.tier = config->tier[to != SIZE_MAX ? to : 0].name;
	a.range_first = a.range_length = a.ttfb_us = a.copy_id = -1;
	a.size = (int64_t)v->size_bytes;
	if (kind == VT_CAT_RESTORE_DONE)
		a.backend_bytes = a.size;
	vt_accesslog_write(w->s->log, &a);
}

/* Until woken, or until `at_us` by the server's clock. */
static void
wait_until(struct restorer *w, int64_t at_us)
{
	int64_t wait_us = at_us - vt_clock_now_us(w->s->clock), end_us;
	struct timespec t;

	/* a clock that is set, or moved, is noticed within a minute */
	if (wait_us > 60000000)
		wait_us = 60000000;
	if (wait_us < 20000)
		wait_us = 20000;
	end_us = vt_clock_mono_us() + wait_us;
	t.tv_sec = end_us / 1000000;
	t.tv_nsec = end_us % 1000000 * 1000;
	pthread_mutex_lock(&w->lock);
	while (!w->stop && !w->woken && vt_clock_mono_us() < end_us)
		pthread_cond_timedwait(&w->changed, &w->lock, &t);
	w->woken = 0;
	pthread_mutex_unlock(&w->lock);
}

static void *
run(void *arg)
{
	struct restorer *w = arg;
	struct vt_restore_options o = { .migrate = {
	    .catalog = w->s->catalog, .tiers = w->s->tiers,
	    .config = w->s->config, .clock = w->s->clock,
	    .grace_ms = w->s->config->grace_ms, .pace = keep_going,
	    .pace_ctx = w }, .told = told, .ctx = w };
	struct vt_restore_result result;
	char last[sizeof(((struct vt_err *)0)->text)] = "";
	struct vt_err err;
	enum vt_code rc;

	while (!keep_going(w, 0)) {
		rc = vt_restore_run(&o, &result, &err);
		/* What goes on failing is told once. */
		if (rc != VT_OK && rc != VT_CANCELLED &&
		    strcmp(last, err.text) != 0) {
			cli_warn_err(&err, "restoring");
			memcpy(last, err.text, sizeof(last));
		} else if (rc == VT_OK)
			last[0] = '\0';
		wait_until(w, rc == VT_OK || result.next_us != INT64_MAX ?
		    result.next_us : vt_clock_now_us(w->s->clock) + 60000000);
	}
	return NULL;
}

static void
restorer_wake(struct restorer *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->woken = 1;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

enum vt_code
restorer_start(struct server *s, struct restorer **out, struct vt_err *err)
{
	pthread_condattr_t attr;
	struct restorer *w;

	*out = NULL;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	w->s = s;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&w->thread, NULL, run, w) != 0) {
		pthread_mutex_destroy(&w->lock);
		pthread_cond_destroy(&w->changed);
		free(w);
		return vt_fail(err, VT_NOMEM, "cannot start a thread");
	}
	*out = w;
	return VT_OK;
}

void
restorer_stop(struct restorer *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = 1;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->changed);
	free(w);
}
