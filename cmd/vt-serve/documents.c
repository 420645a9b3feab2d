#include "documents.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/xml.h"

#include "cors.h"
#include "digest.h"
#include "expiration.h"
#include "meta.h"
#include "notify.h"
#include "ops.h"
#include "permissions.h"
#include "sse.h"

struct document {
	/* GET of what is not there: this error, or an empty document of this
	 * root */
	const char *absent, *empty;
	const char *type;	/* Content-Type; NULL: XML */
	int put_status, delete_status;	/* 0: 200 and 204 */
	/*
	 * PUT: is the body of the request a sound document?  Fills d->body and
	 * d->len (with the body itself, unless the form that is kept differs;
	 * left NULL, the document is removed); -1 after answering.  NULL: not
	 * implemented.
	 */
	int (*check)(struct req *r, struct vt_cat_doc *d);
	/*
	 * GET: what of the stored bytes goes out, and headers beside it; -1
	 * after answering.  NULL: all of it.
	 */
	int (*send)(struct req *r, const char **body, size_t *len);
	/* For doc_get: from the stored bytes to something that any thread may
	 * read; NULL with `err` set on failure. */
	void *(*parse)(const char *body, size_t len, struct vt_err *err);
	void (*free)(void *parsed);
};

static const struct document documents[VT_DOCS] = {
	[VT_DOC_ACL] = { .parse = perm_parse_acl, .free = free },
	[VT_DOC_CORS] = { .absent = "NoSuchCORSConfiguration",
	    .check = cors_check, .parse = cors_parse, .free = cors_free },
	[VT_DOC_ENCRYPTION] = {
	    .absent = "ServerSideEncryptionConfigurationNotFoundError",
	    .check = sse_document_check, .parse = sse_document_parse,
	    .free = sse_document_free },
	[VT_DOC_LIFECYCLE] = { .absent = "NoSuchLifecycleConfiguration",
	    .check = lifecycle_check, .send = lifecycle_send,
	    .parse = lifecycle_parse, .free = lifecycle_free },
	[VT_DOC_NOTIFICATION] = { .empty = "NotificationConfiguration",
	    .check = notify_check, .parse = notify_parse,
	    .free = notify_free },
	[VT_DOC_OBJECT_LOCK] = {
	    .absent = "ObjectLockConfigurationNotFoundError" },
	[VT_DOC_OWNERSHIP] = { .absent = "OwnershipControlsNotFoundError",
	    .check = perm_check_ownership, .parse = perm_parse_ownership,
	    .free = free },
	[VT_DOC_POLICY] = { .absent = "NoSuchBucketPolicy",
	    .type = "application/json", .put_status = 204,
	    .check = perm_check_policy, .parse = perm_parse_policy,
	    .free = perm_free_policy },
	[VT_DOC_PUBLIC_ACCESS] = {
	    .absent = "NoSuchPublicAccessBlockConfiguration",
	    .check = perm_check_block, .parse = perm_parse_block,
	    .free = free },
	[VT_DOC_TAGGING] = { .absent = "NoSuchTagSet", .put_status = 204,
	    .check = tags_check_bucket }
};

/* --- parsed once ---------------------------------------------------------- */

/* A parsed document: in a slot of the cache, or only still held. */
struct parsed {
	unsigned refs;		/* (lock) the slot and each holder */
	int64_t bucket_id, generation;
	enum vt_doc doc;
	void *data;
};

struct doc_held {
	struct parsed *p;
	struct doc_held *next;
};

#define SLOTS 256

static struct {
	pthread_mutex_t lock;
	struct parsed *slot[SLOTS];
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Under the lock. */
static void
unref(struct parsed *p)
{
	if (p == NULL || --p->refs > 0)
		return;
	documents[p->doc].free(p->data);
	free(p);
}

static struct parsed **
slot_of(int64_t bucket_id, enum vt_doc doc)
{
	return &cache.slot[((uint64_t)bucket_id * VT_DOCS + doc) % SLOTS];
}

static struct parsed *
recall(const struct vt_bucket *b, enum vt_doc doc)
{
	struct parsed *p;

	pthread_mutex_lock(&cache.lock);
	p = *slot_of(b->id, doc);
	if (p != NULL && p->bucket_id == b->id && p->doc == doc &&
	    p->generation == b->generation)
		p->refs++;
	else
		p = NULL;
	pthread_mutex_unlock(&cache.lock);
	return p;
}

static void
keep(struct parsed *p)
{
	struct parsed **slot = slot_of(p->bucket_id, p->doc);

	pthread_mutex_lock(&cache.lock);
	unref(*slot);
	*slot = p;
	p->refs++;
	pthread_mutex_unlock(&cache.lock);
}

static int
text_of(struct req *r, const struct vt_bucket *b, enum vt_doc doc,
    const char **body, size_t *len)
{
	struct vt_err err;
	enum vt_code rc;

	if (((b->docs >> doc) & 1) == 0)
		return 0;
	rc = vt_catalog_doc(r->srv->catalog, r->arena, b->id, doc, body, len,
	    &err);
	if (rc == VT_OK)
		return 1;
	if (rc == VT_ABSENT)	/* removed a moment ago */
		return 0;
	req_fail(r, rc, &err);
	return -1;
}

int
doc_text(struct req *r, enum vt_doc doc, const char **body, size_t *len)
{
	return text_of(r, &r->bucket, doc, body, len);
}

static struct parsed *
parse(struct req *r, const struct vt_bucket *b, enum vt_doc doc)
{
	const char *body;
	struct parsed *p;
	struct vt_err err;
	size_t len;

	if (text_of(r, b, doc, &body, &len) <= 0)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (p == NULL) {
		req_fail(r, VT_NOMEM, NULL);
		return NULL;
	}
	p->refs = 1;
	p->bucket_id = b->id;
	p->generation = b->generation;
	p->doc = doc;
	p->data = documents[doc].parse(body, len, &err);
	if (p->data == NULL) {
		/* it was checked before it was stored */
		free(p);
		req_fail(r, VT_CORRUPT, &err);
		return NULL;
	}
	keep(p);
	return p;
}

const void *
doc_get(struct req *r, enum vt_doc doc)
{
	return doc_get_of(r, &r->bucket, doc);
}

const void *
doc_get_of(struct req *r, const struct vt_bucket *b, enum vt_doc doc)
{
	struct doc_held *h;
	struct parsed *p;

	if (((b->docs >> doc) & 1) == 0 || documents[doc].parse == NULL)
		return NULL;
	for (h = r->docs; h != NULL; h = h->next)
		if (h->p->doc == doc && h->p->bucket_id == b->id)
			return h->p->data;
	h = req_alloc(r, sizeof(*h));
	if (h == NULL)
		return NULL;
	p = recall(b, doc);
	if (p == NULL)
		p = parse(r, b, doc);
	if (p == NULL)
		return NULL;
	h->p = p;
	h->next = r->docs;
	r->docs = h;
	return p->data;
}

void
doc_release(struct req *r)
{
	struct doc_held *h;

	if (r->docs == NULL)
		return;
	pthread_mutex_lock(&cache.lock);
	for (h = r->docs; h != NULL; h = h->next)
		unref(h->p);
	pthread_mutex_unlock(&cache.lock);
	r->docs = NULL;
}

/* --- the operations ------------------------------------------------------- */

static void
not_there(struct req *r, const struct document *d)
{
	struct vt_buf b;

	if (d->absent != NULL) {
		req_error_detail(r, "BucketName", r->bucket_name);
		req_error(r, d->absent, NULL);
		return;
	}
	vt_buf_init(&b, DOCUMENT_MAX);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, d->empty);
	vt_xml_close(&b, d->empty);
	req_reply_xml(r, 200, &b);
	vt_buf_release(&b);
}

void
op_get_document(struct req *r)
{
	const struct document *d = &documents[r->op->doc];
	const char *body;
	size_t len;
	int found;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	found = doc_text(r, r->op->doc, &body, &len);
	if (found < 0)
		return;
	if (found == 0) {
		not_there(r, d);
		return;
	}
	if (d->send != NULL && d->send(r, &body, &len) < 0)
		return;
	req_set_header(r, "Content-Type",
	    d->type != NULL ? d->type : "application/xml");
	req_reply_bytes(r, 200, body, len);
}

struct store {
	struct vt_cat_op op;
	int status;
};

static void
store_done(struct vt_cat_op *op)
{
	struct req *r = op->ctx;
	const struct store *s = r->state;

	if (op->code == VT_ABSENT)
		req_error(r, "NoSuchBucket", NULL);
	else if (op->code != VT_OK)
		req_fail(r, op->code, &op->err);
	else
		req_reply_empty(r, s->status);
	req_resume(r);
}

void
doc_store(struct req *r, const struct vt_cat_doc *d, int status)
{
	struct store *s = req_alloc(r, sizeof(*s));

	if (s == NULL)
		return;
	r->state = s;
	s->status = status;
	s->op.kind = VT_CAT_DOC_SET;
	s->op.u.doc.bucket_id = r->bucket.id;
	s->op.u.doc.d = *d;
	s->op.done = store_done;
	s->op.ctx = r;
	req_async(r);
	vt_catalog_submit(r->srv->catalog, &s->op);
}

void
op_put_document(struct req *r)
{
	const struct document *d = &documents[r->op->doc];
	struct vt_cat_doc row = { .doc = r->op->doc };

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	if (d->check == NULL) {
		req_error(r, "NotImplemented", NULL);
		return;
	}
	if (r->body_len > DOCUMENT_MAX) {
		req_error(r, "MaxMessageLengthExceeded", "The document has "
		    "%zu bytes, over %d", r->body_len, DOCUMENT_MAX);
		return;
	}
	if (digest_body(r, 0) == 0 && d->check(r, &row) == 0)
		doc_store(r, &row, d->put_status != 0 ? d->put_status : 200);
}

void
op_delete_document(struct req *r)
{
	const struct document *d = &documents[r->op->doc];
	struct vt_cat_doc row = { .doc = r->op->doc };

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	if (d->check == NULL)
		req_error(r, "NotImplemented", NULL);
	else
		doc_store(r, &row,
		    d->delete_status != 0 ? d->delete_status : 204);
}
