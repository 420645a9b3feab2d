/*
 * GetObject, HeadObject, PutObject, DeleteObject.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/num.h"

#include "authz.h"
#include "content.h"
#include "expiration.h"
#include "ingest.h"
#include "meta.h"
#include "object.h"
#include "notify.h"
#include "ops.h"
#include "replicas.h"
#include "restore.h"
#include "sse.h"

/* --- reading -------------------------------------------------------------- */

struct get {
	struct content content;		/* first: content_reply wants it */
	int is_head;
	int ranged, by_part;
	uint64_t size;
	uint32_t part_count;		/* of a request by part, else 0 */
	const char *part_sum;		/* of the part asked for, or "" */
};

static void
no_such_version(struct req *r, const char *version_id)
{
	if (version_id != NULL) {
		req_error_detail(r, "Key", r->key);
		req_error_detail(r, "VersionId", version_id);
		req_error(r, "NoSuchVersion", NULL);
	} else {
		req_error_detail(r, "Key", r->key);
		req_error(r, "NoSuchKey", NULL);
	}
}

static void
marker_found(struct req *r, const struct vt_version *v,
    const char *version_id)
{
	char date[30];

	req_set_header(r, "x-amz-delete-marker", "true");
	meta_version_header(r, v);
	if (version_id == NULL) {
		no_such_version(r, NULL);
		return;
	}
	vt_time_http(v->mtime_us, date);
	req_set_header(r, "Last-Modified", date);
	req_set_header(r, "Allow", "DELETE");
	req_error_detail(r, "Method", r->method);
	req_error_detail(r, "ResourceType", "DeleteMarker");
	req_error(r, "MethodNotAllowed", NULL);
}

struct vt_version *
object_find(struct req *r, int inline_data)
{
	const char *version_id;
	struct vt_version *v;
	struct vt_err err;
	enum vt_code rc;

	if (meta_version_id(r, &version_id) < 0)
		return NULL;
	rc = vt_catalog_lookup(r->srv->catalog, r->arena, r->bucket.id,
	    r->key, r->key_len, version_id, inline_data, &v, &err);
	if (rc == VT_ABSENT) {
		if (authz_absent(r, NULL) == 0)
			no_such_version(r, version_id);
		return NULL;
	}
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return NULL;
	}
	r->log.version = v->version_id;
	if (v->is_marker ? authz_absent(r, NULL) < 0 :
	    authz_version(r, v) < 0)
		return NULL;
	if (v->is_marker) {
		marker_found(r, v, version_id);
		return NULL;
	}
	r->log.size = (int64_t)v->size_bytes;
	return v;
}

/* Headers that an answer without a body has too (RFC 9110 section 15.4.5). */
static void
validator_headers(struct req *r, const struct vt_version *v)
{
	char date[30];

	vt_time_http(v->mtime_us, date);
	req_set_header(r, "Last-Modified", date);
	req_set_headerf(r, "ETag", "\"%s\"", v->etag);
	meta_version_header(r, v);
}

static void
checksum_headers(struct req *r, const struct get *g)
{
	const char *mode = req_header(r, "x-amz-checksum-mode");
	char text[DIGEST_TEXT_MAX];
	struct sum_stored s;

	if (mode == NULL || strcasecmp(mode, "ENABLED") != 0)
		return;
	/* nobody could check the sum of the whole against a range */
	if (g->ranged)
		return;
	if (sum_of_version(g->content.v, &s, text) < 0)
		return;
	if (g->part_count > 0) {
		if (*g->part_sum == '\0')
			return;
		s.value = g->part_sum;
	}
	sum_send(r, &s);
}

static void
get_headers(struct req *r)
{
	struct get *g = r->state;
	const struct vt_version *v = g->content.v;
	const char *class = meta_class(r, v->tier);
	unsigned tags = meta_tag_count(v->tags);

	validator_headers(r, v);
	req_set_header(r, "Accept-Ranges", "bytes");
	meta_send(r, v->meta, v->meta_len);
	if (strcmp(class, "STANDARD") != 0)
		req_set_header(r, "x-amz-storage-class", class);
	if (tags > 0)
		req_set_headerf(r, "x-amz-tagging-count", "%u", tags);
	lock_send(r, v);
	if (g->part_count > 0)
		req_set_headerf(r, "x-amz-mp-parts-count", "%u",
		    g->part_count);
	if (g->ranged || (g->by_part && g->content.length > 0))
		req_set_headerf(r, "Content-Range", "bytes %llu-%llu/%llu",
		    (unsigned long long)g->content.offset,
		    (unsigned long long)(g->content.offset +
		    g->content.length - 1), (unsigned long long)g->size);
	if (v->is_current)
		expiration_header(r, v, v->mtime_us);
	checksum_headers(r, g);
	if (restore_needed(r, v->tier))
		restore_header(r, v);
	sse_send(r, g->content.sse);
}

static int
conditions_hold(struct req *r, const struct vt_version *v)
{
	struct read_cond c = {
		.if_match = req_header(r, "If-Match"),
		.if_none_match = req_header(r, "If-None-Match"),
		.if_modified = req_header(r, "If-Modified-Since"),
		.if_unmodified = req_header(r, "If-Unmodified-Since")
	};

	switch (meta_read_cond(&c, v->etag, v->mtime_us)) {
	case 304:
		validator_headers(r, v);
		req_reply_empty(r, 304);
		return 0;
	case 412:
		req_error_detail(r, "Condition", c.if_match != NULL ?
		    "If-Match" : "If-Unmodified-Since");
		req_error(r, "PreconditionFailed", NULL);
		return 0;
	default:
		return 1;
	}
}

/* The bytes of one part: those of the whole for part 1 of an object that was
 * not uploaded by parts. */
static int
select_part(struct req *r, struct get *g, const char *text)
{
	const struct vt_version *v = g->content.v;
	struct vt_part_info *parts;
	struct vt_err err;
	enum vt_code rc;
	uint64_t number, offset = 0;
	size_t count = 0, i;

	if (req_header(r, "Range") != NULL) {
		req_error(r, "InvalidRequest", "Cannot specify both Range "
		    "header and partNumber query parameter");
		return -1;
	}
	if (vt_num_scan_u64(text, strlen(text), &number) < 0 || number < 1 ||
	    number > 10000) {
		req_error(r, "InvalidArgument", "Part number must be an "
		    "integer between 1 and 10000, inclusive");
		return -1;
	}
	g->content.status = 206;
	g->by_part = 1;
	if (v->part_count == 0 && number == 1) {
		if (g->size == 0)
			g->content.status = 200;
		return 0;
	}
	rc = vt_catalog_parts_of(r->srv->catalog, r->arena, v->seq, &parts,
	    &count, &err);
	if (rc != VT_OK && rc != VT_ABSENT) {
		req_fail(r, rc, &err);
		return -1;
	}
	/* an upload may have been completed from parts 2, 5 and 7 */
	for (i = 0; i < count && parts[i].number != number; i++)
		offset += parts[i].size_bytes;
	if (i == count) {
		req_error_detail(r, "PartNumberRequested", text);
		req_error(r, "InvalidPartNumber", NULL);
		return -1;
	}
	g->content.offset = offset;
	g->content.length = parts[i].size_bytes;
	g->part_count = (uint32_t)count;
	g->part_sum = parts[i].checksum;
	return 0;
}

/* If-Range (RFC 9110 section 13.1.5): without its match the whole is sent. */
static int
range_stands(struct req *r, const struct vt_version *v)
{
	const char *cond = req_header(r, "If-Range");
	int64_t us;

	if (cond == NULL)
		return 1;
	if (vt_time_parse_http(cond, &us) == 0)
		return us / 1000000 == v->mtime_us / 1000000;
	return strcmp(meta_etag(r, cond), v->etag) == 0;
}

static int
select_range(struct req *r, struct get *g)
{
	const struct vt_version *v = g->content.v;
	const char *range = req_header(r, "Range");
	const char *part = req_query(r, "partNumber");
	char text[24];

	g->size = g->content.length = v->size_bytes;
	g->content.status = 200;
	g->part_sum = "";
	if (part != NULL)
		return select_part(r, g, part);
	if (range == NULL || !range_stands(r, v))
		return 0;
	switch (vt_num_range(range, g->size, &g->content.offset,
	    &g->content.length)) {
	case VT_OK:
		g->ranged = 1;
		g->content.status = 206;
		r->log.range_first = (int64_t)g->content.offset;
		r->log.range_length = (int64_t)g->content.length;
		return 0;
	case VT_PRECONDITION:
		req_set_headerf(r, "Content-Range", "bytes */%llu",
		    (unsigned long long)g->size);
		req_error_detail(r, "RangeRequested", range);
		snprintf(text, sizeof(text), "%llu",
		    (unsigned long long)g->size);
		req_error_detail(r, "ActualObjectSize", text);
		req_error(r, "InvalidRange", NULL);
		return -1;
	default:
		/* several ranges, or another unit: the whole, as on AWS */
		g->content.offset = 0;
		g->content.length = g->size;
		return 0;
	}
}

static void
head_reply(struct req *r)
{
	struct get *g = r->state;

	get_headers(r);
	req_reply_head(r, g->content.status, g->content.length);
}

/* response-content-type... change what others see: not for strangers. */
static int
overrides_allowed(struct req *r)
{
	if (!r->anonymous)
		return 1;
	for (size_t i = 0; i < r->query_count; i++)
		if (strncmp(r->query[i].name, "response-", 9) == 0) {
			req_error(r, "InvalidRequest", "Request specific "
			    "response headers cannot be used for anonymous "
			    "GET requests.");
			return 0;
		}
	return 1;
}

static void
get(struct req *r, int is_head)
{
	struct get *g;

	if (!overrides_allowed(r) ||
	    meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0 ||
	    meta_refuse(r) < 0 || expiration_ready(r) < 0)
		return;
	g = req_alloc(r, sizeof(*g));
	if (g == NULL)
		return;
	r->state = g;
	g->is_head = is_head;
	g->content.r = r;
	g->content.headers = get_headers;
	g->content.v = object_find(r, !is_head);
	if (g->content.v == NULL ||
	    sse_read(r, g->content.v->sse, &g->content.sse) < 0 ||
	    !conditions_hold(r, g->content.v) ||
	    select_range(r, g) < 0)
		return;
	if (is_head)
		head_reply(r);
	else {
		g->content.wants_tee = !g->ranged && !g->by_part;
		content_reply(&g->content);
	}
}

void
op_get_object(struct req *r)
{
	get(r, 0);
}

void
op_head_object(struct req *r)
{
	get(r, 1);
}

/* S3 makes none any more either. */
void
op_get_object_torrent(struct req *r)
{
	if (object_find(r, 0) == NULL)
		return;
	req_error_detail(r, "Key", r->key);
	req_error(r, "NoSuchKey", "There is no torrent of this object");
}

/* --- writing -------------------------------------------------------------- */

static uint64_t
body_size(const struct req *r)
{
	return r->has_length ? r->length_bytes : UINT64_MAX;
}

void
put_cleanup(struct req *r)
{
	struct put *p = r->state;

	ingest_release(r, &p->in);
}

int
put_begin(struct req *r, uint64_t size_bytes)
{
	struct put *p = r->state;

	p->in.meta = &p->meta;
	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0 ||
	    meta_read(r, &p->meta) < 0 ||
	    meta_write_cond(r, &p->cond) < 0 ||
	    sse_write(r, &p->in.sse) < 0 ||
	    ingest_promises(r, &p->in) < 0 || expiration_ready(r) < 0)
		return -1;
	if (lock_wanted(r, &p->meta.lock) &&
	    !digest_promised(&p->in.digest)) {
		lock_needs_sum(r, "Object");
		return -1;
	}
	return ingest_place(r, &p->in, p->meta.storage_class, size_bytes);
}

static int
begin(struct req *r)
{
	r->state = req_alloc(r, sizeof(struct put));
	if (r->state == NULL)
		return -1;
	r->cleanup = put_cleanup;
	return put_begin(r, body_size(r));
}

static int
put_done(struct req *r)
{
	struct put *p = r->state;
	struct vt_cat_op *op = &p->in.op;
	struct vt_cat_put *row = &op->u.put;
	struct sum_stored s;
	char text[DIGEST_TEXT_MAX];

	if (meta_cond_again(r, &p->cond, op->code)) {
		row->cond = p->cond.cond;
		return 1;
	}
	if (req_answered(r))
		return 0;
	if (op->code == VT_ABSENT) {
		/* without a condition only the bucket can be missing: it was
		 * deleted while the body came */
		if (p->cond.cond.if_match != NULL)
			no_such_version(r, NULL);
		else
			req_error(r, "NoSuchBucket", NULL);
		return 0;
	}
	if (op->code != VT_OK) {
		req_fail(r, op->code, &op->err);
		return 0;
	}
	r->log.version = row->version_id;
	req_set_headerf(r, "ETag", "\"%s\"", p->in.digest.etag);
	if (r->bucket.versioning != 0)
		req_set_header(r, "x-amz-version-id",
		    row->is_null ? "null" : row->version_id);
	expiration_header(r, &row->v, row->mtime_us);
	if (sum_of_version(&row->v, &s, text) == 0)
		sum_send(r, &s);
	sse_send(r, p->in.sse);
	if (p->stored != NULL)
		p->stored(r);
	else
		req_reply_empty(r, 200);
	return 0;
}

void
put_submit(struct req *r)
{
	struct put *p = r->state;
	struct vt_cat_put *row = &p->in.op.u.put;
	const struct digest *d = &p->in.digest;

	p->in.op.kind = VT_CAT_PUT;
	row->v.bucket_id = r->bucket.id;
	row->v.key = r->key;
	row->v.key_len = r->key_len;
	row->v.size_bytes = d->size_bytes;
	row->v.etag = d->etag;
	row->v.crc64 = d->crc64;
	row->v.meta = p->meta.data;
	row->v.meta_len = p->meta.len;
	row->v.tags = p->meta.tags;
	lock_apply(&p->meta.lock, &row->v);
	row->v.owner = p->meta.owner;
	row->v.acl = p->meta.acl;
	row->v.pin = "";
	row->v.sse = p->in.sse != NULL ? p->in.sse->stored : "";
	row->v.tier = row->tier = p->in.tier->name;
	row->v.checksum = "";
	if (d->has_sum) {
		row->v.checksum = vt_arena_printf(r->arena,
		    "%s FULL_OBJECT %s", sum_name(d->alg), d->text);
		if (row->v.checksum == NULL) {
			req_fail(r, VT_NOMEM, NULL);
			return;
		}
	}
	row->extents = &p->in.extent;
	row->extent_count = p->in.extent_count;
	if (replicas_row(r, &p->in, row) < 0)
		return;
	if (meta_cond_ready(r, &p->cond) < 0)
		return;
	row->cond = p->cond.cond;
	ingest_submit(r, &p->in, put_done);
}

int
op_put_object_open(struct req *r)
{
	struct put *p;

	if (begin(r) < 0)
		return -1;
	p = r->state;
	return ingest_open(r, &p->in, body_size(r));
}

int
op_put_object_write(struct req *r, const void *data, size_t len)
{
	struct put *p = r->state;

	return ingest_write(r, &p->in, data, len);
}

static void
put_collected(struct req *r)
{
	struct put *p = r->state;

	if (ingest_whole(r, &p->in, r->body, r->body_len) == 0)
		put_submit(r);
}

void
op_put_object(struct req *r)
{
	struct put *p;

	if (r->streamed) {
		p = r->state;
		if (ingest_close(r, &p->in) == 0)
			put_submit(r);
		return;
	}
	if (begin(r) < 0)
		return;
	p = r->state;
	if (ingest_blocks(&p->in, r->body_len))
		req_work_tier(r, replicas_queue(r, &p->in), put_collected);
	else
		put_collected(r);
}

/* --- deleting ------------------------------------------------------------- */

static void
delete_done(struct vt_cat_op *op)
{
	struct req *r = op->ctx;
	const struct vt_cat_delete *d = &op->u.del;

	if (op->code == VT_PRECONDITION || (op->code == VT_ABSENT &&
	    meta_marker_misfits(r, d)))
		req_error(r, "PreconditionFailed", NULL);
	else if (op->code == VT_DENIED)
		req_error(r, "AccessDenied", "Access Denied because object "
		    "protected by object lock.");
	else if (op->code != VT_OK && op->code != VT_ABSENT)
		req_fail(r, op->code, &op->err);
	else {
		/* what is not there is deleted, also under a condition */
		if (*d->out_version_id != '\0')
			r->log.version = d->out_version_id;
		if (d->made_marker || d->was_marker)
			req_set_header(r, "x-amz-delete-marker", "true");
		if (d->version_id != NULL)
			req_set_header(r, "x-amz-version-id", d->version_id);
		else if (d->made_marker)
			req_set_header(r, "x-amz-version-id",
			    d->out_is_null ? "null" : d->out_version_id);
		req_reply_empty(r, 204);
	}
	req_resume(r);
}

static int
delete_cond(struct req *r, struct vt_cat_cond *c)
{
	const char *match = req_header(r, "If-Match");
	const char *mtime = req_header(r, "x-amz-if-match-last-modified-time");
	const char *size = req_header(r, "x-amz-if-match-size");

	if (match != NULL)
		c->if_match = meta_etag(r, match);
	if (mtime != NULL) {
		if (vt_time_parse_http(mtime, &c->if_mtime_us) < 0 &&
		    vt_time_parse_rfc3339(mtime, strlen(mtime),
		    &c->if_mtime_us) < 0) {
			req_error(r, "InvalidArgument", "Invalid value for "
			    "x-amz-if-match-last-modified-time");
			return -1;
		}
		c->has_if_mtime = 1;
	}
	if (size != NULL) {
		if (vt_num_scan_u64(size, strlen(size),
		    &c->if_size_bytes) < 0) {
			req_error(r, "InvalidArgument",
			    "Invalid value for x-amz-if-match-size");
			return -1;
		}
		c->has_if_size = 1;
	}
	return req_answered(r) ? -1 : 0;
}

void
op_delete_object(struct req *r)
{
	struct vt_cat_op *op;
	struct vt_cat_delete *d;
	int bypass;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	op = req_alloc(r, sizeof(*op));
	if (op == NULL)
		return;
	d = &op->u.del;
	if (meta_version_id(r, &d->version_id) < 0 ||
	    delete_cond(r, &d->cond) < 0)
		return;
	op->kind = VT_CAT_DELETE;
	d->bucket_id = r->bucket.id;
	d->key = r->key;
	d->key_len = r->key_len;
	bypass = lock_bypass(r, r->key, r->key_len, d->version_id);
	if (bypass < 0)
		return;
	d->bypass_governance = bypass;
	op->done = delete_done;
	op->ctx = r;
	if (notify_prepare(r, op, NULL) < 0)
		return;
	req_async(r);
	vt_catalog_submit(r->srv->catalog, op);
}
