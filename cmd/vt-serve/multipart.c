/*
 * Multipart uploads: create, part, complete, abort; their lists are in
 * uploads.c.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/hex.h"
#include "libvt/base/num.h"
#include "libvt/proto/xml.h"

#include "expiration.h"
#include "meta.h"
#include "multipart.h"
#include "notify.h"
#include "ops.h"
#include "replicas.h"
#include "sse.h"


static void
no_such_upload(struct req *r)
{
	const char *id = req_query(r, "uploadId");

	req_error_detail(r, "UploadId", id != NULL ? id : "");
	req_error(r, "NoSuchUpload", NULL);
}

struct vt_upload *
upload_find(struct req *r, int also_complete)
{
	const char *id = req_query(r, "uploadId");
	struct vt_upload *u;
	struct vt_err err;
	enum vt_code rc;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return NULL;
	if (id == NULL || strlen(id) != VT_ID_LEN) {
		no_such_upload(r);
		return NULL;
	}
	rc = vt_catalog_upload(r->srv->catalog, r->arena, id, &u, &err);
	if (rc == VT_ABSENT || (rc == VT_OK &&
	    (u->bucket_id != r->bucket.id || u->key_len != r->key_len ||
	    memcmp(u->key, r->key, r->key_len) != 0 ||
	    (u->is_complete && !also_complete)))) {
		no_such_upload(r);
		return NULL;
	}
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return NULL;
	}
	return u;
}

/* --- CreateMultipartUpload ------------------------------------------------ */

struct create {
	struct vt_cat_op op;
	struct ingest in;	/* for its placement only */
	const struct sse *sse;
};

static void
create_done(struct vt_cat_op *op)
{
	struct req *r = op->ctx;
	const struct create *c = (struct create *)(void *)op;
	const struct vt_upload *u = &op->u.upload_create.u;
	struct vt_buf b;

	if (op->code == VT_ABSENT)
		req_error(r, "NoSuchBucket", NULL);
	else if (op->code != VT_OK)
		req_fail(r, op->code, &op->err);
	else {
		if (*u->checksum_alg != '\0') {
			req_set_header(r, "x-amz-checksum-algorithm",
			    u->checksum_alg);
			req_set_header(r, "x-amz-checksum-type",
			    u->checksum_type);
		}
		expiration_abort_headers(r, u->created_us);
		sse_send(r, c->sse);
		vt_buf_init(&b, 1 << 16);
		vt_xml_decl(&b);
		vt_xml_open_ns(&b, "InitiateMultipartUploadResult");
		vt_xml_text(&b, "Bucket", r->bucket_name);
		vt_xml_bytes(&b, "Key", r->key, r->key_len);
		vt_xml_text(&b, "UploadId", u->id);
		vt_xml_close(&b, "InitiateMultipartUploadResult");
		req_reply_xml(r, 200, &b);
		vt_buf_release(&b);
	}
	req_resume(r);
}

/* The algorithm and how parts make the whole; -1 after answering. */
static int
create_checksum(struct req *r, struct vt_upload *u)
{
	const char *type = req_header(r, "x-amz-checksum-type");
	enum vt_hash_alg alg;
	int full, rc;

	u->checksum_alg = u->checksum_type = "";
	rc = sum_alg_header(r, "x-amz-checksum-algorithm", &alg);
	if (rc < 0)
		return -1;
	if (rc == 0) {
		if (type == NULL || *type == '\0')
			return 0;
		req_error(r, "InvalidRequest", "The x-amz-checksum-type "
		    "header can only be used with the "
		    "x-amz-checksum-algorithm header.");
		return -1;
	}
	full = alg == VT_CRC64NVME;
	if (type != NULL && *type != '\0') {
		full = strcasecmp(type, "FULL_OBJECT") == 0;
		if (!full && strcasecmp(type, "COMPOSITE") != 0) {
			req_error(r, "InvalidRequest",
			    "Value for x-amz-checksum-type header is "
			    "invalid.");
			return -1;
		}
		/* sums of parts do not make that of the whole, or, for
		 * CRC64NVME, nothing else is offered */
		if (full ? !sum_combines(alg) : alg == VT_CRC64NVME) {
			req_error(r, "InvalidRequest", "The %s checksum type "
			    "cannot be used with the %s checksum algorithm.",
			    full ? "FULL_OBJECT" : "COMPOSITE",
			    sum_name(alg));
			return -1;
		}
	}
	u->checksum_alg = sum_name(alg);
	u->checksum_type = full ? "FULL_OBJECT" : "COMPOSITE";
	return 0;
}

void
op_create_upload(struct req *r)
{
	struct create *c = req_alloc(r, sizeof(*c));
	struct object_meta meta;
	struct vt_upload *u;

	if (c == NULL ||
	    meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0)
		return;
	u = &c->op.u.upload_create.u;
	if (meta_read(r, &meta) < 0 || create_checksum(r, u) < 0 ||
	    expiration_ready(r) < 0 ||
	    sse_write(r, &c->sse) < 0 ||
	    ingest_place(r, &c->in, meta.storage_class, UINT64_MAX) < 0)
		return;
	u->bucket_id = r->bucket.id;
	u->key = r->key;
	u->key_len = r->key_len;
	u->owner = meta.owner;
	u->acl = meta.acl;
	u->meta = meta.data;
	u->meta_len = meta.len;
	u->tags = meta.tags;
	u->lock_mode = meta.lock.mode;
	u->retain_until_us = meta.lock.retain_until_us;
	u->legal_hold = meta.lock.hold;
	u->tier = c->in.tier->name;
	u->sse = c->sse != NULL ? c->sse->stored : "";
	c->op.kind = VT_CAT_UPLOAD_CREATE;
	c->op.done = create_done;
	c->op.ctx = r;
	req_async(r);
	vt_catalog_submit(r->srv->catalog, &c->op);
}

/* --- UploadPart ----------------------------------------------------------- */

static void
part_cleanup(struct req *r)
{
	struct part *p = r->state;

	ingest_release(r, &p->in);
}

int
part_begin(struct req *r, struct part *p)
{
	const char *text = req_query(r, "partNumber");
	uint64_t number;

	r->state = p;
	r->cleanup = part_cleanup;
	if (text == NULL || vt_num_scan_u64(text, strlen(text),
	    &number) < 0 || number < 1 || number > PART_NUMBER_MAX) {
		req_error_detail(r, "ArgumentName", "partNumber");
		req_error_detail(r, "ArgumentValue", text != NULL ? text :
		    "");
		req_error(r, "InvalidArgument", "Part number must be an "
		    "integer between 1 and 10000, inclusive");
		return -1;
	}
	p->number = (uint32_t)number;
	p->in.upload = p->upload = upload_find(r, 0);
	p->in.part_number = p->number;
	return p->upload != NULL ? 0 : -1;
}

int
part_place(struct req *r, struct part *p, uint64_t size_bytes)
{
	struct ingest *in = &p->in;
	const char *tier = p->upload->tier;

	if (ingest_place(r, in, meta_class(r, tier), size_bytes) < 0)
		return -1;
	if (strcmp(in->tier->name, tier) == 0)
		return 0;
	/* another tier answers for the class since the upload began: the
	 * parts of one copy stay together */
	in->tier = vt_tiers_tier(r->srv->tiers, tier);
	in->is_inline = 0;
	if (in->tier != NULL)
		return 0;
	req_error(r, "ServiceUnavailable", "The tier '%s' of this upload is "
	    "not configured any more", tier);
	return -1;
}

/* What the headers promise, and what the upload wants computed. */
static int
part_headers(struct req *r, struct part *p)
{
	struct ingest *in = &p->in;
	const char *alg = p->upload->checksum_alg;
	struct lock lock = { .mode = VT_LOCK_NONE };

	if (meta_refuse(r) < 0 || ingest_promises(r, in) < 0 ||
	    sse_part(r, p->upload, &in->sse) < 0)
		return -1;
	lock.mode = p->upload->lock_mode;
	lock.hold = p->upload->legal_hold;
	if (lock_wanted(r, &lock) && !digest_promised(&in->digest)) {
		lock_needs_sum(r, "Part");
		return -1;
	}
	if (*alg != '\0') {
		int want = sum_by_name(alg);

		if (in->digest.has_sum && (int)in->digest.alg != want) {
			req_error(r, "InvalidRequest", "Checksum Type "
			    "mismatch occurred, expected checksum Type: %s, "
			    "actual checksum Type: %s", alg,
			    sum_name(in->digest.alg));
			return -1;
		}
		digest_want(&in->digest, (enum vt_hash_alg)want);
	}
	return 0;
}

void
part_row(struct req *r, struct part *p, const struct vt_cat_extent *extents,
    size_t extent_count)
{
	struct vt_cat_part *row = &p->in.op.u.part;
	const struct digest *d = &p->in.digest;

	p->in.op.kind = VT_CAT_PART_PUT;
	row->upload_id = p->upload->id;
	row->number = p->number;
	row->size_bytes = d->size_bytes;
	row->crc64 = d->crc64;
	row->etag = d->etag;
	row->checksum = "";
	if (d->has_sum) {
		row->checksum = vt_arena_printf(r->arena, "%s %s",
		    sum_name(d->alg), d->text);
		if (row->checksum == NULL)
			row->checksum = "";
	}
	row->extents = extents;
	row->extent_count = extent_count;
}

int
part_failed(struct req *r, struct part *p)
{
	const struct vt_cat_op *op = &p->in.op;

	if (op->code == VT_OK)
		return 0;
	if (op->code == VT_ABSENT)
		no_such_upload(r);
	else
		req_fail(r, op->code, &op->err);
	return 1;
}

static int
part_done(struct req *r)
{
	struct part *p = r->state;
	const struct digest *d = &p->in.digest;

	if (part_failed(r, p))
		return 0;
	req_set_headerf(r, "ETag", "\"%s\"", d->etag);
	if (d->has_sum)
		req_set_header(r, sum_header(d->alg), d->text);
	sse_send(r, p->in.sse);
	req_reply_empty(r, 200);
	return 0;
}

static void
part_submit(struct req *r, struct part *p)
{
	part_row(r, p, &p->in.extent, p->in.extent_count);
	ingest_submit(r, &p->in, part_done);
}

static struct part *
part_new(struct req *r)
{
	struct part *p = req_alloc(r, sizeof(*p));

	if (p == NULL || part_begin(r, p) < 0 || part_headers(r, p) < 0 ||
	    part_place(r, p, r->has_length ? r->length_bytes :
	    UINT64_MAX) < 0)
		return NULL;
	return p;
}

int
op_upload_part_open(struct req *r)
{
	struct part *p = part_new(r);

	if (p == NULL)
		return -1;
	return ingest_open(r, &p->in,
	    r->has_length ? r->length_bytes : UINT64_MAX);
}

int
op_upload_part_write(struct req *r, const void *data, size_t len)
{
	struct part *p = r->state;

	return ingest_write(r, &p->in, data, len);
}

static void
part_collected(struct req *r)
{
	struct part *p = r->state;

	if (ingest_whole(r, &p->in, r->body, r->body_len) == 0)
		part_submit(r, p);
}

void
op_upload_part(struct req *r)
{
	struct part *p;

	if (r->streamed) {
		p = r->state;
		if (ingest_close(r, &p->in) == 0)
			part_submit(r, p);
		return;
	}
	p = part_new(r);
	if (p == NULL)
		return;
	if (ingest_blocks(&p->in, r->body_len))
		req_work_tier(r, p->in.tier->name, part_collected);
	else
		part_collected(r);
}

/* --- CompleteMultipartUpload ---------------------------------------------- */

struct complete {
	struct vt_cat_op op;
	struct vt_upload *upload;
	struct write_cond cond;
	const struct sse *sse;
	/* the parts that the upload has */
	struct vt_upload_part *have;
	size_t have_count;
	/* those that the request names */
	int64_t *ids;
	struct vt_part_info *infos;
	size_t count;
	/* over those */
	uint64_t size, crc64, sum_crc;
	struct vt_hash etag, composite;
	int has_sum, full;
	enum vt_hash_alg alg;
	char etag_text[33 + 6];
	char sum[DIGEST_TEXT_MAX + 6];
};

static void
complete_cleanup(struct req *r)
{
	struct complete *c = r->state;

	vt_hash_release(&c->etag);
	vt_hash_release(&c->composite);
}

static void
complete_reply(struct req *r, const char *etag, const char *checksum)
{
	struct sum_stored s;
	struct vt_buf b, url;

	vt_buf_init(&b, 1 << 16);
	vt_buf_init(&url, 1 << 14);
	meta_location(r, &url);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, "CompleteMultipartUploadResult");
	vt_xml_text(&b, "Location", url.data);
	vt_xml_text(&b, "Bucket", r->bucket_name);
	vt_xml_bytes(&b, "Key", r->key, r->key_len);
	meta_etag_xml(&b, etag);
	if (sum_parse(checksum, &s) == 0)
		sum_xml(&b, &s);
	vt_xml_close(&b, "CompleteMultipartUploadResult");
	req_reply_xml(r, 200, &b);
	vt_buf_release(&url);
	vt_buf_release(&b);
}

/* The result of an upload completed before: SDKs repeat Complete when the
 * answer got lost. */
static void
complete_again(struct req *r, int64_t seq)
{
	struct vt_version *v;
	struct vt_err err;
	enum vt_code rc;

	rc = vt_catalog_lookup_seq(r->srv->catalog, r->arena, seq, 0, &v,
	    &err);
	if (rc == VT_ABSENT)
		no_such_upload(r);	/* overwritten or deleted since */
	else if (rc != VT_OK)
		req_fail(r, rc, &err);
	else if (replicas_ensure(r, seq) == 0) {
		r->log.version = v->version_id;
		r->log.size = (int64_t)v->size_bytes;
		r->log.tier = v->tier;
		if (!v->is_null)
			meta_version_header(r, v);
		sse_send_stored(r, v->sse);
		complete_reply(r, v->etag, v->checksum);
	}
}

static void
too_small(struct req *r, const struct vt_upload_part *part)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu",
	    (unsigned long long)part->size_bytes);
	req_error_detail(r, "ProposedSize", text);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)PART_MIN);
	req_error_detail(r, "MinSizeAllowed", text);
	snprintf(text, sizeof(text), "%u", part->number);
	req_error_detail(r, "PartNumber", text);
	req_error_detail(r, "ETag", part->etag);
	req_error(r, "EntityTooSmall", NULL);
}

/* The upload does not have the part; always -1. */
static int
invalid_part(struct req *r, uint64_t number, const char *etag)
{
	const struct vt_upload *u = upload_find(r, 1);
	char text[24];

	/* Completed or aborted meanwhile, its parts are gone: a client that
	 * repeats Complete while the first is in hand must hear its result. */
	if (u == NULL)
		return -1;
	if (u->is_complete) {
		complete_again(r, u->result_seq);
		return -1;
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	req_error_detail(r, "UploadId", req_query(r, "uploadId"));
	req_error_detail(r, "PartNumber", text);
	req_error_detail(r, "ETag", etag);
	req_error(r, "InvalidPart", NULL);
	return -1;
}

/* The checksums a <Part> names must be those the part has. */
static int
part_sums_agree(const struct vt_xml *x, const struct vt_upload_part *part)
{
	struct sum_stored s;

	if (sum_parse(part->checksum, &s) < 0)
		return 1;
	for (x = x->child; x != NULL; x = x->next)
		if (strcmp(x->name, sum_element(s.alg)) == 0 &&
		    strcmp(x->text, s.value) != 0)
			return 0;
	return 1;
}

/* Take one part into the sums over the whole. */
static int
take_part(struct complete *c, const struct vt_upload_part *part)
{
	uint8_t bytes[VT_HASH_MAX];
	struct sum_stored s;
	struct vt_part_info *info = &c->infos[c->count];

	c->ids[c->count] = part->id;
	info->number = part->number;
	info->size_bytes = part->size_bytes;
	info->checksum = "";
	c->crc64 = c->count == 0 ? part->crc64 : vt_crc_combine(VT_CRC64NVME,
	    c->crc64, part->crc64, part->size_bytes);
	if (vt_hex_decode(part->etag, bytes, 16) < 0)
		return -1;
	vt_hash_update(&c->etag, bytes, 16);
	if (c->has_sum) {
		if (sum_parse(part->checksum, &s) < 0 || s.alg != c->alg ||
		    vt_b64_decode(s.value, strlen(s.value), bytes,
		    sizeof(bytes)) != (int)vt_hash_len(c->alg))
			return -1;
		info->checksum = s.value;
		if (!c->full)
			vt_hash_update(&c->composite, bytes,
			    vt_hash_len(c->alg));
		else if (c->count == 0)
			c->sum_crc = sum_value(c->alg, s.value);
		else
			c->sum_crc = vt_crc_combine(c->alg, c->sum_crc,
			    sum_value(c->alg, s.value), part->size_bytes);
	}
	c->size += part->size_bytes;
	c->count++;
	return 0;
}

/* The same part named again right behind: the later one counts. */
static int
named_again(const struct vt_xml *x, const char *number)
{
	const char *next;

	for (x = x->next; x != NULL; x = x->next) {
		if (strcmp(x->name, "Part") != 0)
			continue;
		next = vt_xml_child_text(x, "PartNumber");
		return next != NULL && strcmp(next, number) == 0;
	}
	return 0;
}

/* Both the upload's parts and the request's come in ascending order. */
static int
match_parts(struct req *r, struct complete *c, const struct vt_xml *root)
{
	const struct vt_upload_part *last = NULL;
	const struct vt_xml *x;
	uint64_t number, before = 0;
	size_t h = 0;

	for (x = root->child; x != NULL; x = x->next) {
		const char *text = vt_xml_child_text(x, "PartNumber");
		const char *etag = vt_xml_child_text(x, "ETag");

		if (strcmp(x->name, "Part") != 0)
			continue;
		if (text == NULL || etag == NULL ||
		    vt_num_scan_u64(text, strlen(text), &number) < 0) {
			req_error(r, "MalformedXML",
			    "A Part needs a PartNumber and an ETag");
			return -1;
		}
		if (number < 1 || number > PART_NUMBER_MAX) {
			req_error(r, "InvalidArgument", "Part number must be "
			    "an integer between 1 and 10000, inclusive");
			return -1;
		}
		if (named_again(x, text))
			continue;
		if (number <= before) {
			req_error_detail(r, "UploadId", c->upload->id);
			req_error(r, "InvalidPartOrder", NULL);
			return -1;
		}
		before = number;
		while (h < c->have_count && c->have[h].number < number)
			h++;
		if (h == c->have_count || c->have[h].number != number ||
		    strcasecmp(meta_etag(r, etag), c->have[h].etag) != 0 ||
		    !part_sums_agree(x, &c->have[h]))
			return invalid_part(r, number, etag);
		if (last != NULL && last->size_bytes < PART_MIN) {
			too_small(r, last);
			return -1;
		}
		last = &c->have[h];
		if (take_part(c, last) < 0)
			return invalid_part(r, number, etag);
	}
	return 0;
}

static int
read_parts(struct req *r, struct complete *c)
{
	struct vt_xml *root;
	const struct vt_xml *x;
	struct vt_err err;
	enum vt_code rc;
	size_t n = 0;
	int truncated;

	root = meta_xml(r, "CompleteMultipartUpload", "MalformedXML");
	if (root == NULL)
		return -1;
	for (x = root->child; x != NULL; x = x->next)
		n += strcmp(x->name, "Part") == 0;
	if (n == 0 || n > PART_NUMBER_MAX) {
		req_error(r, "MalformedXML", "There are %zu Part elements; "
		    "there must be 1 to %d", n, PART_NUMBER_MAX);
		return -1;
	}
	rc = vt_catalog_upload_parts(r->srv->catalog, r->arena,
	    c->upload->id, 0, PART_NUMBER_MAX, &c->have, &c->have_count,
	    &truncated, &err);
	if (rc == VT_ABSENT) {
		no_such_upload(r);	/* aborted since it was found */
		return -1;
	}
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return -1;
	}
	c->ids = req_alloc(r, n * sizeof(*c->ids));
	c->infos = req_alloc(r, n * sizeof(*c->infos));
	if (c->ids == NULL || c->infos == NULL)
		return -1;
	return match_parts(r, c, root);
}

static int
sums_begin(struct req *r, struct complete *c)
{
	int alg = *c->upload->checksum_alg != '\0' ?
	    sum_by_name(c->upload->checksum_alg) : -1;

	if (alg >= 0) {
		c->has_sum = 1;
		c->alg = (enum vt_hash_alg)alg;
		c->full = strcmp(c->upload->checksum_type,
		    "FULL_OBJECT") == 0;
	}
	if (vt_hash_init(&c->etag, VT_MD5) < 0 || (c->has_sum && !c->full &&
	    vt_hash_init(&c->composite, c->alg) < 0)) {
		req_fail(r, VT_NOMEM, NULL);
		return -1;
	}
	return 0;
}

static void
sums_end(struct complete *c)
{
	uint8_t bytes[VT_HASH_MAX];
	char text[DIGEST_TEXT_MAX];

	vt_hash_final(&c->etag, bytes);
	vt_hex_encode(bytes, 16, text);
	snprintf(c->etag_text, sizeof(c->etag_text), "%.32s-%u", text,
	    (unsigned)c->count);
	if (!c->has_sum)
		return;
	if (c->full) {
		sum_text_u64(c->alg, c->sum_crc, c->sum);
		return;
	}
	vt_hash_final(&c->composite, bytes);
	sum_text(c->alg, bytes, text);
	snprintf(c->sum, sizeof(c->sum), "%s-%u", text, (unsigned)c->count);
}

/* What the request says the whole should be. */
static int
check_whole(struct req *r, struct complete *c)
{
	const char *size = req_header(r, "x-amz-mp-object-size");
	const char *type = req_header(r, "x-amz-checksum-type");
	const char *value;
	char crc64[DIGEST_TEXT_MAX];
	enum vt_hash_alg alg;
	uint64_t want;
	size_t len;
	int given;

	if (c->size > OBJECT_MAX) {
		req_error(r, "EntityTooLarge", NULL);
		return -1;
	}
	if (size != NULL && (vt_num_scan_u64(size, strlen(size),
	    &want) < 0 || want != c->size)) {
		req_error(r, "InvalidRequest", "The provided "
		    "'x-amz-mp-object-size' header value %.32s does not "
		    "match what was computed: %llu", size,
		    (unsigned long long)c->size);
		return -1;
	}
	if (type != NULL && *type != '\0' &&
	    *c->upload->checksum_type != '\0' &&
	    strcasecmp(type, c->upload->checksum_type) != 0) {
		req_error(r, "InvalidRequest", "The upload was created using "
		    "the %s checksum mode. The complete request must use the "
		    "same checksum mode.", c->upload->checksum_type);
		return -1;
	}
	given = sum_from_headers(r, &alg, &value);
	if (given <= 0)
		return given;
	sum_text_u64(VT_CRC64NVME, c->crc64, crc64);
	if (alg == VT_CRC64NVME && strcmp(value, crc64) == 0)
		return 0;
	if (!c->has_sum || alg != c->alg) {
		if (alg != VT_CRC64NVME) {
			req_error(r, "InvalidRequest", "Checksum Type "
			    "mismatch occurred, expected checksum Type: %s, "
			    "actual checksum Type: %s",
			    c->has_sum ? sum_name(c->alg) : "null",
			    sum_name(alg));
			return -1;
		}
	} else {
		/* a composite sum may come without its count of parts */
		len = strlen(value);
		if (strcmp(value, c->sum) == 0 || (!c->full && len > 0 &&
		    strncmp(value, c->sum, len) == 0 && c->sum[len] == '-'))
			return 0;
	}
	req_error(r, "BadDigest", "The %s you specified did not match the "
	    "calculated checksum.", sum_name(alg));
	return -1;
}

static void
complete_failed(struct req *r, struct complete *c)
{
	if (req_answered(r))
		return;
	switch (c->op.code) {
	case VT_EXISTS:
		complete_again(r, c->op.u.complete.put.seq);
		break;
	case VT_ABSENT:
		if (c->cond.cond.if_match == NULL)
			no_such_upload(r);
		else
			req_error(r, "NoSuchKey", NULL);
		break;
	case VT_PRECONDITION:
		/* a part was sent again while this ran */
		req_error(r, "InvalidPart", NULL);
		break;
	default:
		req_fail(r, c->op.code, &c->op.err);
	}
}

static int
conditional(const struct complete *c)
{
	return c->cond.cond.if_match != NULL || c->cond.none_match != NULL ||
	    c->cond.cond.if_none_match_any;
}

static void
complete_run(struct req *r, struct complete *c)
{
	struct vt_cat_complete *row = &c->op.u.complete;
	struct vt_version *v = &row->put.v;
	const struct vt_upload *u = c->upload;
	enum vt_code rc;

	row->upload_id = u->id;
	row->part_ids = c->ids;
	row->part_count = c->count;
	row->put.tier = u->tier;
	row->put.parts = c->infos;
	v->bucket_id = r->bucket.id;
	v->key = r->key;
	v->key_len = r->key_len;
	v->size_bytes = c->size;
	v->etag = c->etag_text;
	v->crc64 = c->crc64;
	v->meta = u->meta;
	v->meta_len = u->meta_len;
	v->tags = u->tags;
	v->owner = u->owner;
	v->acl = u->acl;
	v->pin = "";
	v->tier = u->tier;
	v->part_count = (uint32_t)c->count;
	v->lock_mode = u->lock_mode;
	v->retain_until_us = u->retain_until_us;
	v->legal_hold = u->legal_hold;
	v->sse = u->sse;
	v->checksum = "";
	if (c->has_sum) {
		v->checksum = vt_arena_printf(r->arena, "%s %s %s",
		    sum_name(c->alg), u->checksum_type, c->sum);
		if (v->checksum == NULL) {
			req_fail(r, VT_NOMEM, NULL);
			return;
		}
	}
	c->op.kind = VT_CAT_UPLOAD_COMPLETE;
	if (meta_cond_ready(r, &c->cond) < 0)
		return;
	if (notify_prepare(r, &c->op, NULL) < 0)
		return;
	do {
		row->put.cond = c->cond.cond;
		rc = vt_catalog_run(r->srv->catalog, &c->op, NULL);
	} while (conditional(c) && meta_cond_again(r, &c->cond, rc));
	if (rc != VT_OK) {
		complete_failed(r, c);
		return;
	}
	if (replicas_ensure(r, row->put.seq) < 0)
		return;
	r->log.version = row->put.version_id;
	r->log.size = (int64_t)c->size;
	r->log.tier = u->tier;
	if (!row->put.is_null)
		req_set_header(r, "x-amz-version-id", row->put.version_id);
	expiration_header(r, v, row->put.mtime_us);
	sse_send(r, c->sse);
	complete_reply(r, c->etag_text, v->checksum);
}

void
op_complete_upload(struct req *r)
{
	struct complete *c = req_alloc(r, sizeof(*c));

	if (c == NULL)
		return;
	r->state = c;
	r->cleanup = complete_cleanup;
	c->upload = upload_find(r, 1);
	if (c->upload == NULL)
		return;
	if (c->upload->is_complete) {
		complete_again(r, c->upload->result_seq);
		return;
	}
	if (meta_refuse(r) < 0 ||
	    meta_write_cond(r, &c->cond) < 0 ||
	    expiration_ready(r) < 0 ||
	    sse_complete(r, c->upload, &c->sse) < 0 ||
	    sums_begin(r, c) < 0 || read_parts(r, c) < 0)
		return;
	sums_end(c);
	if (check_whole(r, c) == 0)
		complete_run(r, c);
}

/* --- AbortMultipartUpload ------------------------------------------------- */

static void
abort_done(struct vt_cat_op *op)
{
	struct req *r = op->ctx;

	if (op->code == VT_ABSENT)
		no_such_upload(r);
	else if (op->code != VT_OK)
		req_fail(r, op->code, &op->err);
	else
		req_reply_empty(r, 204);
	req_resume(r);
}

void
op_abort_upload(struct req *r)
{
	struct vt_upload *u = upload_find(r, 0);
	struct vt_cat_op *op;

	if (u == NULL)
		return;
	op = req_alloc(r, sizeof(*op));
	if (op == NULL)
		return;
	op->kind = VT_CAT_UPLOAD_ABORT;
	op->u.upload_abort.upload_id = u->id;
	op->done = abort_done;
	op->ctx = r;
	req_async(r);
	vt_catalog_submit(r->srv->catalog, op);
}
