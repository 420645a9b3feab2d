/*
 * DeleteObjects: all deletes of a request are submitted at once, so that they
 * share the catalog's transactions, and the worker waits for the last.
 */
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/num.h"
#include "libvt/proto/xml.h"

#include "digest.h"
#include "authz.h"
#include "meta.h"
#include "notify.h"
#include "ops.h"
#include "s3error.h"

#define DELETES_MAX 1000
#define ANSWER_MAX (DELETES_MAX * (VT_KEY_MAX * 6 + 2048))

struct one {
	struct vt_cat_op op;
	const char *version_id;	/* as asked for, or NULL */
	const char *refused;	/* S3 code of an item never submitted */
};

struct batch {
	struct req *r;
	struct one *items;
	size_t count;
	int quiet;
	pthread_mutex_t lock;
	pthread_cond_t finished;
	size_t waiting;
};

static int
malformed(struct req *r, const char *what)
{
	req_error(r, "MalformedXML", "%s", what);
	return -1;
}

static int
read_item(struct batch *b, const struct vt_xml *x, struct one *o)
{
	struct vt_cat_delete *d = &o->op.u.del;
	const struct vt_xml *key = vt_xml_child(x, "Key");
	const char *etag = vt_xml_child_text(x, "ETag");
	const char *mtime = vt_xml_child_text(x, "LastModifiedTime");
	const char *size = vt_xml_child_text(x, "Size");

	if (key == NULL || key->text_len == 0)
		return malformed(b->r, "An Object needs a Key");
	o->op.kind = VT_CAT_DELETE;
	d->bucket_id = b->r->bucket.id;
	d->key = key->text;
	d->key_len = key->text_len;
	if (key->text_len > VT_KEY_MAX)
		o->refused = "KeyTooLongError";
	o->version_id = vt_xml_child_text(x, "VersionId");
	if (o->version_id != NULL && *o->version_id == '\0')
		o->version_id = NULL;
	d->version_id = o->version_id;
	if (o->version_id != NULL && !meta_version_valid(o->version_id))
		o->refused = "NoSuchVersion";
	if (etag != NULL)
		d->cond.if_match = meta_etag(b->r, etag);
	if (mtime != NULL) {
		if (vt_time_parse_rfc3339(mtime, strlen(mtime),
		    &d->cond.if_mtime_us) < 0 &&
		    vt_time_parse_http(mtime, &d->cond.if_mtime_us) < 0)
			return malformed(b->r,
			    "A LastModifiedTime is not a date");
		d->cond.has_if_mtime = 1;
	}
	if (size != NULL) {
		if (vt_num_scan_u64(size, strlen(size),
		    &d->cond.if_size_bytes) < 0)
			return malformed(b->r, "A Size is not a number");
		d->cond.has_if_size = 1;
	}
	return 0;
}

/* Does the item guess at what the object is?  See authz.c. */
static int
guesses(const struct vt_cat_cond *c)
{
	return c->has_if_mtime || c->has_if_size ||
	    (c->if_match != NULL && strcmp(c->if_match, "*") != 0);
}

/* May the caller delete it, and past a lock in governance mode? */
static int
allow_item(struct req *r, struct one *o)
{
	struct vt_cat_delete *d = &o->op.u.del;
	const struct authz_subject s = { .bucket = &r->bucket, .key = d->key,
	    .key_len = d->key_len, .version_id = d->version_id };
	int may;

	if (o->refused != NULL)
		return 0;
	may = authz_may(r, d->version_id != NULL ? "s3:DeleteObjectVersion" :
	    "s3:DeleteObject", &s);
	if (may > 0 && guesses(&d->cond))
		may = authz_may(r, d->version_id != NULL ?
		    "s3:GetObjectVersion" : "s3:GetObject", &s);
	if (may == 0)
		o->refused = "AccessDenied";
	else if (may > 0) {
		may = lock_bypass(r, d->key, d->key_len, d->version_id);
		d->bypass_governance = may > 0;
	}
	return may < 0 ? -1 : 0;
}

static int
read_body(struct batch *b)
{
	struct req *r = b->r;
	struct vt_xml *root;
	const struct vt_xml *x;
	const char *quiet;
	size_t n = 0;

	root = meta_xml(r, "Delete", "MalformedXML");
	if (root == NULL)
		return -1;
	quiet = vt_xml_child_text(root, "Quiet");
	b->quiet = quiet != NULL && strcasecmp(quiet, "true") == 0;
	for (x = root->child; x != NULL; x = x->next)
		n += strcmp(x->name, "Object") == 0;
	if (n == 0 || n > DELETES_MAX) {
		req_error(r, "MalformedXML", "There are %zu Object elements; "
		    "there must be 1 to %d", n, DELETES_MAX);
		return -1;
	}
	b->items = req_alloc(r, n * sizeof(*b->items));
	if (b->items == NULL)
		return -1;
	for (x = root->child; x != NULL; x = x->next) {
		struct one *o = &b->items[b->count];

		if (strcmp(x->name, "Object") != 0)
			continue;
		if (read_item(b, x, o) < 0 ||
		    notify_prepare(r, &o->op, NULL) < 0 ||
		    allow_item(r, o) < 0)
			return -1;
		b->count++;
	}
	return 0;
}

static void
deleted(struct vt_cat_op *op)
{
	struct batch *b = op->ctx;

	pthread_mutex_lock(&b->lock);
	if (--b->waiting == 0)
		pthread_cond_signal(&b->finished);
	pthread_mutex_unlock(&b->lock);
}

static void
run_all(struct batch *b)
{
	size_t i;

	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->finished, NULL);
	for (i = 0; i < b->count; i++)
		b->waiting += b->items[i].refused == NULL;
	for (i = 0; i < b->count; i++) {
		struct one *o = &b->items[i];

		if (o->refused != NULL)
			continue;
		o->op.done = deleted;
		o->op.ctx = b;
		vt_catalog_submit(b->r->srv->catalog, &o->op);
	}
	pthread_mutex_lock(&b->lock);
	while (b->waiting > 0)
		pthread_cond_wait(&b->finished, &b->lock);
	pthread_mutex_unlock(&b->lock);
	pthread_cond_destroy(&b->finished);
	pthread_mutex_destroy(&b->lock);
}

/* The S3 code of an item's failure, or NULL when it is gone. */
static const char *
failure(struct batch *b, const struct one *o)
{
	if (o->refused != NULL)
		return o->refused;
	switch (o->op.code) {
	case VT_OK:
		return NULL;
	case VT_ABSENT:		/* deleted before: as good */
		return meta_marker_misfits(b->r, &o->op.u.del) ?
		    "PreconditionFailed" : NULL;
	case VT_PRECONDITION:
		return "PreconditionFailed";
	case VT_DENIED:
		return "AccessDenied";
	default:
		return s3error_of(o->op.code);
	}
}

static void
log_item(struct batch *b, const struct one *o, const char *error)
{
	const struct vt_cat_delete *d = &o->op.u.del;
	struct vt_access line = b->r->log;

	line.op = "DeleteObject";
	line.bucket = b->r->bucket_name;
	line.key = d->key;
	line.key_len = d->key_len;
	line.version = *d->out_version_id != '\0' ? d->out_version_id :
	    o->version_id;
	line.error = error;
	line.status = error != NULL ? s3error_status(error) : 204;
	line.bytes_in = line.bytes_out = 0;
	line.total_us = vt_clock_mono_us() - b->r->start_mono_us;
	line.ttfb_us = line.total_us;
	vt_accesslog_write(b->r->srv->log, &line);
}

static void
describe(struct batch *b, struct vt_buf *out, const struct one *o,
    const char *error)
{
	const struct vt_cat_delete *d = &o->op.u.del;

	if (error != NULL) {
		vt_xml_open(out, "Error");
		vt_xml_bytes(out, "Key", d->key, d->key_len);
		if (o->version_id != NULL)
			vt_xml_text(out, "VersionId", o->version_id);
		vt_xml_text(out, "Code", error);
		vt_xml_text(out, "Message", s3error_message(error));
		vt_xml_close(out, "Error");
		return;
	}
	if (b->quiet)
		return;
	vt_xml_open(out, "Deleted");
	vt_xml_bytes(out, "Key", d->key, d->key_len);
	if (o->version_id != NULL)
		vt_xml_text(out, "VersionId", o->version_id);
	if (d->made_marker || d->was_marker) {
		vt_xml_text(out, "DeleteMarker", "true");
		vt_xml_text(out, "DeleteMarkerVersionId",
		    d->out_is_null ? "null" : d->out_version_id);
	}
	vt_xml_close(out, "Deleted");
}

void
op_delete_objects(struct req *r)
{
	struct batch b = { .r = r };
	struct vt_buf out;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0 ||
	    digest_body(r, 0) < 0 || read_body(&b) < 0)
		return;
	run_all(&b);
	vt_buf_init(&out, ANSWER_MAX);
	vt_xml_decl(&out);
	vt_xml_open_ns(&out, "DeleteResult");
	for (size_t i = 0; i < b.count; i++) {
		const char *error = failure(&b, &b.items[i]);

		log_item(&b, &b.items[i], error);
		describe(&b, &out, &b.items[i], error);
	}
	vt_xml_close(&out, "DeleteResult");
	req_reply_xml(r, 200, &out);
	vt_buf_release(&out);
}
