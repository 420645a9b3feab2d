/*
 * CopyObject and UploadPartCopy, on workers.  On the tier where the source
 * has a copy no byte moves: the new version refers to the source's blobs, and
 * the catalog checks in the transaction that the source is still there.  To
 * another tier the bytes go through here, and so do parts of so many blobs
 * that the object's own would have no end.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/num.h"
#include "libvt/proto/xml.h"

#include "authz.h"
#include "content.h"
#include "expiration.h"
#include "meta.h"
#include "multipart.h"
#include "notify.h"
#include "ops.h"
#include "replicas.h"
#include "sse.h"

#define COPY_TRIES 20		/* of a source that changes under us */

struct source {
	struct vt_bucket bucket;
	const char *key;
	size_t key_len;
	const char *version_id;	/* NULL: the current one */
	struct vt_version *v;
	const struct sse *sse;	/* how that is encrypted */
};

/* --- the source ----------------------------------------------------------- */

static int
bad_source(struct req *r)
{
	req_error_detail(r, "ArgumentName", "x-amz-copy-source");
	req_error_detail(r, "ArgumentValue",
	    req_header(r, "x-amz-copy-source"));
	req_error(r, "InvalidArgument", "Copy Source must mention the source "
	    "bucket and key: sourcebucket/sourcekey");
	return -1;
}

static int
source_parse(struct req *r, struct source *s, const char **bucket)
{
	const char *header = req_header(r, "x-amz-copy-source"), *version;
	char *text, *slash;
	size_t len;

	if (header == NULL ||
	    meta_copy_source(r, header, &text, &len, &version) < 0)
		return req_answered(r) ? -1 : bad_source(r);
	if (version != NULL && !meta_version_valid(version)) {
		req_error(r, "InvalidArgument",
		    "Invalid version id specified");
		return -1;
	}
	slash = memchr(text, '/', len);
	if (slash == NULL || slash == text || slash + 1 == text + len ||
	    memchr(text, '\0', len) != NULL)
		return bad_source(r);
	*slash = '\0';
	*bucket = text;
	s->key = slash + 1;
	s->key_len = (size_t)(text + len - s->key);
	s->version_id = version;
	if (s->key_len > VT_KEY_MAX) {
		req_error(r, "KeyTooLongError", NULL);
		return -1;
	}
	r->log.source = vt_arena_printf(r->arena, "%s/%s%s%s", text, s->key,
	    version != NULL ? "?versionId=" : "",
	    version != NULL ? version : "");
	return 0;
}

static int
source_conditions(struct req *r, const struct source *s)
{
	struct read_cond c = {
		.if_match = req_header(r, "x-amz-copy-source-if-match"),
		.if_none_match = req_header(r,
		    "x-amz-copy-source-if-none-match"),
		.if_modified = req_header(r,
		    "x-amz-copy-source-if-modified-since"),
		.if_unmodified = req_header(r,
		    "x-amz-copy-source-if-unmodified-since")
	};

	if (meta_read_cond(&c, s->v->etag, s->v->mtime_us) == 0)
		return 0;
	req_error_detail(r, "Condition", "x-amz-copy-source-If-...");
	req_error(r, "PreconditionFailed", NULL);
	return -1;
}

/* Reading the source takes the right to, and its tags go along. */
static int
source_allowed(struct req *r, const struct source *s, enum vt_code found)
{
	const char *id = s->version_id;
	const char *directive = req_header(r, "x-amz-tagging-directive");
	struct authz_subject a = { .bucket = &s->bucket, .key = s->key,
	    .key_len = s->key_len, .version_id = id };
	const struct authz_subject to = { .bucket = &r->bucket,
	    .key = r->key, .key_len = r->key_len };

	a.absent = found == VT_ABSENT || (found == VT_OK && s->v->is_marker);
	if (found == VT_OK && !a.absent)
		a.v = s->v;
	if (authz_need(r, id != NULL ? "s3:GetObjectVersion" :
	    "s3:GetObject", &a) < 0)
		return -1;
	if (a.absent)
		return authz_absent(r, &a);
	if (a.v == NULL || *a.v->tags == '\0' ||
	    strcmp(r->op->name, "CopyObject") != 0 ||
	    (directive != NULL && strcmp(directive, "REPLACE") == 0))
		return 0;
	if (authz_need(r, id != NULL ? "s3:GetObjectVersionTagging" :
	    "s3:GetObjectTagging", &a) < 0)
		return -1;
	return authz_need(r, "s3:PutObjectTagging", &to);
}

/* Read the version again: at the start, and after it changed under us. */
static int
source_lookup(struct req *r, struct source *s)
{
	struct vt_err err;
	enum vt_code rc;

	rc = vt_catalog_lookup(r->srv->catalog, r->arena, s->bucket.id,
	    s->key, s->key_len, s->version_id, 1, &s->v, &err);
	if (source_allowed(r, s, rc) < 0)
		return -1;
	if (rc == VT_OK && s->v->is_marker && s->version_id != NULL) {
		req_error(r, "InvalidRequest", "The source of a copy request "
		    "may not specifically refer to a delete marker by "
		    "version id.");
		return -1;
	}
	if (rc == VT_ABSENT || (rc == VT_OK && s->v->is_marker)) {
		req_error_detail(r, "Key", s->key);
		req_error(r, s->version_id != NULL ? "NoSuchVersion" :
		    "NoSuchKey", NULL);
		return -1;
	}
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return -1;
	}
	if (sse_source(r, s->v->sse, &s->sse) < 0)
		return -1;
	return source_conditions(r, s);
}

static int
source_find(struct req *r, struct source *s)
{
	const char *bucket = NULL;
	struct vt_err err;
	enum vt_code rc;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0 ||
	    source_parse(r, s, &bucket) < 0)
		return -1;
	rc = vt_catalog_bucket(r->srv->catalog, r->arena, bucket, &s->bucket,
	    &err);
	if (rc == VT_ABSENT) {
		req_error_detail(r, "BucketName", bucket);
		req_error(r, "NoSuchBucket", NULL);
		return -1;
	}
	if (rc != VT_OK) {
		req_fail(r, rc, &err);
		return -1;
	}
	if (meta_expected_owner_of(r, "x-amz-source-expected-bucket-owner",
	    &s->bucket) < 0)
		return -1;
	return source_lookup(r, s);
}

static void
source_header(struct req *r, const struct source *s)
{
	if (s->bucket.versioning != 0)
		req_set_header(r, "x-amz-copy-source-version-id",
		    meta_version_name(s->v));
}

/* Its copy on a tier whose bytes may be shared by what is written like `in`,
 * or NULL. */
static const struct vt_copy *
source_copy_on(const struct source *s, const struct ingest *in)
{
	const char *tier = in->tier->name;

	/* shared bytes are one copy, until the pipe has made the others */
	if (!sse_shares(s->v->sse, in->sse) || in->ack > 1)
		return NULL;
	for (size_t i = 0; i < s->v->copy_count; i++)
		/* what others keep may go without our knowing */
		if (strcmp(s->v->copies[i].tier, tier) == 0 &&
		    !s->v->copies[i].is_adopted)
			return &s->v->copies[i];
	return NULL;
}

/* --- extents that refer to the source's blobs ----------------------------- */

/*
 * `length` bytes at `offset` of a copy as references.  -1 after answering; 0
 * with *count 0 when the range cuts a transformed blob, whose stored bytes
 * are no range of its plain ones.
 */
static int
refer(struct req *r, const struct source *s, const struct vt_copy *copy,
    uint64_t offset, uint64_t length, struct vt_cat_extent **out,
    size_t *count)
{
	uint64_t at = 0;

	*count = 0;
	*out = req_alloc(r, (copy->extent_count + 1) * sizeof(**out));
	if (*out == NULL)
		return -1;
	for (size_t i = 0; i < copy->extent_count && length > 0; i++) {
		const struct vt_extent *x = &copy->extents[i];
		struct vt_cat_extent *n = &(*out)[*count];
		uint64_t skip, take;

		if (at + x->plain_length <= offset) {
			at += x->plain_length;
			continue;
		}
		skip = offset - at;
		take = x->plain_length - skip;
		if (take > length)
			take = length;
		n->e = *x;
		n->is_ref = 1;
		n->ref_seq = s->v->seq;
		if (take != x->plain_length) {
			if (*x->blob.transform != '\0') {
				*count = 0;
				return 0;
			}
			n->e.offset += skip;
			n->e.length = n->e.plain_length = take;
		}
		at += x->plain_length;
		offset += take;
		length -= take;
		(*count)++;
	}
	return 0;
}

/* --- bytes of the source -------------------------------------------------- */

/* Feed the range to `take`; -1 after answering. */
static int
read_range(struct req *r, const struct source *s, uint64_t offset,
    uint64_t length, int (*take)(struct req *r, struct ingest *in,
    const void *data, size_t len), struct ingest *in)
{
	struct content c = { .r = r, .v = s->v, .offset = offset,
	    .length = length, .sse = s->sse };
	char *block;
	long got;
	int rc = -1;

	if (length == 0)
		return 0;
	block = malloc(CONTENT_BLOCK);
	if (block == NULL) {
		req_fail(r, VT_NOMEM, NULL);
		return -1;
	}
	if (content_open(&c) < 0)
		goto out;
	while ((got = content_read(&c, block, CONTENT_BLOCK)) > 0)
		if (take(r, in, block, (size_t)got) < 0)
			goto out;
	if (got < 0)
		goto out;
	if (c.length > 0) {
		req_fail(r, VT_CORRUPT, NULL);
		goto out;
	}
	rc = 0;
out:
	content_close(&c);
	free(block);
	return rc;
}

static int
take_digest(struct req *r, struct ingest *in, const void *data, size_t len)
{
	(void)r;
	digest_update(&in->digest, data, len);
	return 0;
}

/* Read the range for its digests alone. */
static int
hash_range(struct req *r, const struct source *s, uint64_t offset,
    uint64_t length, struct ingest *in)
{
	if (digest_begin(&in->digest) < 0) {
		req_fail(r, VT_NOMEM, NULL);
		return -1;
	}
	if (read_range(r, s, offset, length, take_digest, in) < 0)
		return -1;
	digest_end(&in->digest);
	return 0;
}


/* Write the range to in->tier as a blob of its own. */
static int
write_range(struct req *r, const struct source *s, uint64_t offset,
    uint64_t length, struct ingest *in)
{
	struct content c = { .r = r, .v = s->v, .offset = offset,
	    .length = length, .sse = s->sse };
	char *small;
	size_t at = 0;
	long got;

	if (ingest_blocks(in, length)) {
		if (ingest_open(r, in, length) < 0 ||
		    read_range(r, s, offset, length, ingest_write, in) < 0)
			return -1;
		return ingest_close(r, in);
	}
	/* inline, so a few KiB, or nothing */
	small = req_alloc(r, length + 1);
	if (small == NULL)
		return -1;
	if (length > 0) {
		if (content_open(&c) < 0)
			return -1;
		do {
			got = content_read(&c, small + at, length - at);
			at += got > 0 ? (size_t)got : 0;
		} while (got > 0);
		content_close(&c);
		if (got < 0)
			return -1;
	}
	return ingest_whole(r, in, small, at);
}

/*
 * Go on with `fn`, which moves bytes: for the tier that takes them, or else the
 * one that they come from, when that is on another machine.
 */
static void
work_between(struct req *r, const struct source *s, const struct ingest *in,
    void (*fn)(struct req *r))
{
	const struct vt_tiers *t = r->srv->tiers;
	const struct vt_copy *from = vt_tiers_best_copy(t, s->v);
	const char *tier = in->tier->name;

	if (from != NULL && !vt_tiers_is_remote(t, tier))
		tier = from->tier;
	if (vt_tiers_is_remote(t, tier))
		req_work_tier(r, tier, fn);
	else
		fn(r);
}

/* --- CopyObject ----------------------------------------------------------- */

struct copy {
	struct ingest in;	/* first: the cleanup finds it */
	struct source src;
	struct object_meta meta;
	struct write_cond cond;
	int replace, replace_tags;	/* they come with the request */
	int has_alg;		/* a checksum was asked for */
	enum vt_hash_alg alg;
	struct vt_cat_extent *extents;	/* references, when shared */
	size_t extent_count;
	const char *checksum;
	struct vt_part_info *parts;
};

static void
copy_cleanup(struct req *r)
{
	struct copy *c = r->state;

	ingest_release(r, &c->in);
}

/* COPY (the default, 0) or REPLACE (1); -1 after answering. */
static int
directive(struct req *r, const char *header)
{
	const char *value = req_header(r, header);

	if (value == NULL || strcmp(value, "COPY") == 0)
		return 0;
	if (strcmp(value, "REPLACE") == 0)
		return 1;
	req_error_detail(r, "ArgumentName", header);
	req_error_detail(r, "ArgumentValue", value);
	req_error(r, "InvalidArgument", "Unknown %s directive.",
	    strstr(header, "tagging") != NULL ? "tagging" : "metadata");
	return -1;
}

/* The source's headers but for the redirect, which never goes along. */
static int
copied_meta(struct req *r, struct copy *c)
{
	static const char redirect[] = "x-amz-website-redirect-location";
	const char *asked = req_header(r, redirect);
	const char *p = c->src.v->meta, *end = p + c->src.v->meta_len;
	struct vt_buf b;

	vt_buf_init(&b, 4 * HEADERS_MAX);
	while (p < end) {
		const char *value = p + strlen(p) + 1;
		const char *next = value + strlen(value) + 1;

		if (strcmp(p, redirect) != 0)
			vt_buf_add(&b, p, (size_t)(next - p));
		p = next;
	}
	if (asked != NULL) {
		vt_buf_add(&b, redirect, sizeof(redirect));
		vt_buf_add(&b, asked, strlen(asked) + 1);
	}
	c->meta.len = b.len;
	c->meta.data = req_dup(r, b.data, b.len);
	vt_buf_release(&b);
	return req_answered(r) ? -1 : 0;
}

/* A copy onto itself must change something. */
static int
changes_something(struct req *r, const struct copy *c)
{
	const struct source *s = &c->src;

	if (s->bucket.id != r->bucket.id || s->key_len != r->key_len ||
	    memcmp(s->key, r->key, r->key_len) != 0 ||
	    s->version_id != NULL || c->replace || c->has_alg ||
	    sse_asked(r) ||
	    req_header(r, "x-amz-website-redirect-location") != NULL)
		return 1;
	if (*c->meta.storage_class != '\0' &&
	    strcmp(c->meta.storage_class, meta_class(r, s->v->tier)) != 0)
		return 1;
	req_error(r, "InvalidRequest", "This copy request is illegal because "
	    "it is trying to copy an object to itself without changing the "
	    "object's metadata, storage class, website redirect location or "
	    "encryption attributes.");
	return 0;
}

static int
copy_headers(struct req *r, struct copy *c)
{
	if (meta_read(r, &c->meta) < 0 || meta_write_cond(r, &c->cond) < 0 ||
	    sse_write(r, &c->in.sse) < 0 || expiration_ready(r) < 0)
		return -1;
	c->replace = directive(r, "x-amz-metadata-directive");
	c->replace_tags = directive(r, "x-amz-tagging-directive");
	if (c->replace < 0 || c->replace_tags < 0)
		return -1;
	c->has_alg = sum_alg_header(r, "x-amz-checksum-algorithm", &c->alg);
	return c->has_alg < 0 ? -1 : source_find(r, &c->src);
}

/* What the copy takes from its source besides bytes: from the very version
 * whose bytes it takes. */
static int
copy_take_source(struct req *r, struct copy *c)
{
	r->log.size = (int64_t)c->src.v->size_bytes;
	if (c->src.v->size_bytes > PUT_MAX) {
		req_error(r, "InvalidRequest", "The specified copy source is "
		    "larger than the maximum allowable size for a copy "
		    "source: %llu", PUT_MAX);
		return -1;
	}
	if (!changes_something(r, c))
		return -1;
	if (!c->replace_tags)
		c->meta.tags = c->src.v->tags;
	return c->replace ? 0 : copied_meta(r, c);
}

/* The checksum of a version that shares its bytes with the source. */
static int
shared_checksum(struct req *r, struct copy *c)
{
	const struct vt_version *v = c->src.v;
	struct ingest in = { .is_inline = 0 };
	struct sum_stored s;
	char text[DIGEST_TEXT_MAX];
	int rc;

	c->checksum = v->checksum;
	if (!c->has_alg)
		return 0;
	if (sum_parse(v->checksum, &s) == 0 && s.alg == c->alg &&
	    strcmp(s.type, "FULL_OBJECT") == 0)
		return 0;
	if (c->alg == VT_CRC64NVME)
		sum_text_u64(VT_CRC64NVME, v->crc64, text);
	else {
		digest_want(&in.digest, c->alg);
		rc = hash_range(r, &c->src, 0, v->size_bytes, &in);
		memcpy(text, in.digest.text, sizeof(text));
		digest_release(&in.digest);
		if (rc < 0)
			return -1;
	}
	c->checksum = vt_arena_printf(r->arena, "%s FULL_OBJECT %s",
	    sum_name(c->alg), text);
	if (c->checksum != NULL)
		return 0;
	req_fail(r, VT_NOMEM, NULL);
	return -1;
}

/* The parts of the source, whose sums only fit its own checksum. */
static int
shared_parts(struct req *r, struct copy *c)
{
	struct vt_err err;
	enum vt_code rc;
	size_t count;

	c->parts = NULL;
	if (c->src.v->part_count == 0)
		return 0;
	rc = vt_catalog_parts_of(r->srv->catalog, r->arena, c->src.v->seq,
	    &c->parts, &count, &err);
	if (rc != VT_OK && rc != VT_ABSENT) {
		req_fail(r, rc, &err);
		return -1;
	}
	if (rc == VT_ABSENT || count != c->src.v->part_count) {
		c->parts = NULL;
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		if (strcmp(c->checksum, c->src.v->checksum) != 0)
			c->parts[i].checksum = "";
	return 0;
}

static void
copy_row(struct req *r, struct copy *c, int shared)
{
	struct vt_cat_put *row = &c->in.op.u.put;
	const struct vt_version *src = c->src.v;
	struct vt_version *v = &row->v;

	memset(row, 0, sizeof(*row));
	c->in.op.kind = VT_CAT_PUT;
	v->bucket_id = r->bucket.id;
	v->key = r->key;
	v->key_len = r->key_len;
	v->size_bytes = src->size_bytes;
	v->crc64 = src->crc64;
	v->meta = c->meta.data;
	v->meta_len = c->meta.len;
	v->tags = c->meta.tags;
	lock_apply(&c->meta.lock, v);
	v->owner = c->meta.owner;
	v->acl = c->meta.acl;
	v->pin = "";
	v->sse = c->in.sse != NULL ? c->in.sse->stored : "";
	v->tier = row->tier = c->in.tier->name;
	v->checksum = c->checksum;
	if (shared) {
		/* the ETag of parts comes with the parts */
		v->etag = src->etag;
		if (c->parts != NULL) {
			v->part_count = src->part_count;
			row->parts = c->parts;
		}
		row->extents = c->extents;
		row->extent_count = c->extent_count;
	} else {
		v->etag = c->in.digest.etag;
		row->extents = &c->in.extent;
		row->extent_count = c->in.extent_count;
		ingest_version(&c->in);
	}
}

static void
copy_reply(struct req *r, struct copy *c)
{
	const struct vt_cat_put *row = &c->in.op.u.put;
	struct sum_stored s;
	struct vt_buf b;

	r->log.version = row->version_id;
	source_header(r, &c->src);
	sse_send(r, c->in.sse);
	if (r->bucket.versioning != 0)
		req_set_header(r, "x-amz-version-id",
		    row->is_null ? "null" : row->version_id);
	expiration_header(r, &row->v, row->mtime_us);
	vt_buf_init(&b, 1 << 14);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, "CopyObjectResult");
	meta_time_xml(&b, "LastModified", row->mtime_us);
	meta_etag_xml(&b, row->v.etag);
	if (sum_parse(row->v.checksum, &s) == 0)
		sum_xml(&b, &s);
	vt_xml_close(&b, "CopyObjectResult");
	req_reply_xml(r, 200, &b);
	vt_buf_release(&b);
}

/* 1: the row was refused because the copy that it refers to is gone: the
 * source was deleted, overwritten or moved. */
static int
source_changed(struct req *r, const struct source *s,
    const struct vt_copy *from, enum vt_code code)
{
	struct vt_version *v;

	if (from == NULL || code != VT_PRECONDITION)
		return 0;
	if (vt_catalog_lookup_seq(r->srv->catalog, r->arena, s->v->seq, 0,
	    &v, NULL) != VT_OK)
		return 1;
	for (size_t i = 0; i < v->copy_count; i++)
		if (v->copies[i].id == from->id)
			return 0;
	return 1;
}

/* 1 when the row is made; 0 after answering, or with *changed set. */
static int
copy_commit(struct req *r, struct copy *c, const struct vt_copy *from,
    int *changed)
{
	struct vt_cat_op *op = &c->in.op;
	enum vt_code rc;

	*changed = 0;
	if (meta_cond_ready(r, &c->cond) < 0)
		return 0;
	if (notify_prepare(r, op, NULL) < 0)
		return 0;
	for (;;) {
		op->u.put.cond = c->cond.cond;
		rc = vt_catalog_run(r->srv->catalog, op, NULL);
		if (rc == VT_OK)
			return 1;
		*changed = source_changed(r, &c->src, from, rc);
		if (*changed || !meta_cond_again(r, &c->cond, rc))
			return 0;
	}
}

static void
copy_failed(struct req *r, const struct copy *c)
{
	const struct vt_cat_op *op = &c->in.op;

	if (req_answered(r))
		return;
	if (op->code == VT_ABSENT)
		req_error(r, c->cond.cond.if_match != NULL ? "NoSuchKey" :
		    "NoSuchBucket", NULL);
	else
		req_fail(r, op->code, &op->err);
}

/* One try: 0 when answered, 1 when the source changed meanwhile. */
static int
copy_shared(struct req *r, struct copy *c, const struct vt_copy *from)
{
	int changed;

	if (refer(r, &c->src, from, 0, c->src.v->size_bytes, &c->extents,
	    &c->extent_count) < 0 || shared_checksum(r, c) < 0 ||
	    shared_parts(r, c) < 0)
		return 0;
	copy_row(r, c, 1);
	if (copy_commit(r, c, from, &changed))
		copy_reply(r, c);
	else if (!changed)
		copy_failed(r, c);
	return changed;
}

static void
copy_bytes(struct req *r)
{
	struct copy *c = r->state;
	struct digest *d = &c->in.digest;
	struct sum_stored s;
	char text[DIGEST_TEXT_MAX];
	int changed;

	/* the new object has one part: a full sum in the source's algorithm,
	 * unless another was asked for */
	if (c->has_alg)
		digest_want(d, c->alg);
	else if (sum_parse(c->src.v->checksum, &s) == 0)
		digest_want(d, s.alg);
	if (write_range(r, &c->src, 0, c->src.v->size_bytes, &c->in) < 0)
		return;
	if (vt_crc_known(c->src.v) && d->crc64 != c->src.v->crc64) {
		req_fail(r, VT_CORRUPT, NULL);
		return;
	}
	c->checksum = "";
	if (d->has_sum) {
		memcpy(text, d->text, sizeof(text));
		c->checksum = vt_arena_printf(r->arena, "%s FULL_OBJECT %s",
		    sum_name(d->alg), text);
		if (c->checksum == NULL) {
			req_fail(r, VT_NOMEM, NULL);
			return;
		}
	}
	copy_row(r, c, 0);
	if (replicas_row(r, &c->in, &c->in.op.u.put) < 0)
		return;
	if (copy_commit(r, c, NULL, &changed)) {
		replicas_settled(&c->in);
		copy_reply(r, c);
	} else
		copy_failed(r, c);	/* the cleanup discards the blob */
}

void
op_copy_object(struct req *r)
{
	struct copy *c = req_alloc(r, sizeof(*c));
	const struct vt_copy *from;

	if (c == NULL)
		return;
	r->state = c;
	r->cleanup = copy_cleanup;
	if (copy_headers(r, c) < 0)
		return;
	c->in.max_bytes = PUT_MAX;
	c->in.meta = &c->meta;
	for (int tries = 0; tries < COPY_TRIES; tries++) {
		if (tries > 0 && source_lookup(r, &c->src) < 0)
			return;
		if (copy_take_source(r, c) < 0)
			return;
		if (ingest_place(r, &c->in, c->meta.storage_class,
		    c->src.v->size_bytes) < 0)
			return;
		from = source_copy_on(&c->src, &c->in);
		if (from == NULL) {
			work_between(r, &c->src, &c->in, copy_bytes);
			return;
		}
		if (copy_shared(r, c, from) == 0)
			return;
	}
	req_error(r, "OperationAborted", "The source changed %d times while "
	    "it was copied", COPY_TRIES);
}

/* --- UploadPartCopy ------------------------------------------------------- */

struct part_copy {
	struct part part;	/* first: its cleanup finds it */
	struct source src;
	uint64_t offset, length;
	struct vt_cat_extent *extents;
	size_t extent_count;
};

/* "bytes=first-last", both given, within the source. */
static int
copy_range(struct req *r, struct part_copy *c)
{
	const char *text = req_header(r, "x-amz-copy-source-range"), *dash;
	uint64_t size = c->src.v->size_bytes, first, last;

	c->offset = 0;
	c->length = size;
	if (text != NULL) {
		dash = strchr(text, '-');
		if (strncmp(text, "bytes=", 6) != 0 || dash == NULL ||
		    vt_num_scan_u64(text + 6, (size_t)(dash - text) - 6,
		    &first) < 0 ||
		    vt_num_scan_u64(dash + 1, strlen(dash + 1), &last) < 0 ||
		    first > last) {
			req_error_detail(r, "ArgumentName",
			    "x-amz-copy-source-range");
			req_error_detail(r, "ArgumentValue", text);
			req_error(r, "InvalidArgument", "The "
			    "x-amz-copy-source-range value must be of the "
			    "form bytes=first-last where first and last are "
			    "the zero-based offsets of the first and last "
			    "bytes to copy");
			return -1;
		}
		if (last >= size) {
			req_error_detail(r, "RangeRequested", text);
			req_error(r, "InvalidRange", "Range specified is not "
			    "valid for source object of size: %llu",
			    (unsigned long long)size);
			return -1;
		}
		c->offset = first;
		c->length = last - first + 1;
		r->log.range_first = (int64_t)first;
		r->log.range_length = (int64_t)c->length;
	}
	if (c->length > PUT_MAX) {
		req_error(r, "InvalidRequest", "The specified copy source is "
		    "larger than the maximum allowable size for a copy "
		    "source: %llu", PUT_MAX);
		return -1;
	}
	return 0;
}

/*
 * The digests of the range: known when it is the whole of an object sent in
 * one piece, and the upload wants no checksum that was not kept.
 */
static int
part_digests(struct req *r, struct part_copy *c)
{
	struct digest *d = &c->part.in.digest;
	const struct vt_version *v = c->src.v;
	struct sum_stored s;

	if (c->offset == 0 && c->length == v->size_bytes &&
	    strlen(v->etag) == 32) {
		int known = 1;

		if (d->has_sum && d->alg == VT_CRC64NVME)
			sum_text_u64(VT_CRC64NVME, v->crc64, d->text);
		else if (d->has_sum && sum_parse(v->checksum, &s) == 0 &&
		    s.alg == d->alg && strlen(s.value) < sizeof(d->text))
			strcpy(d->text, s.value);
		else
			known = !d->has_sum;
		if (known) {
			d->size_bytes = v->size_bytes;
			d->crc64 = v->crc64;
			memcpy(d->etag, v->etag, 33);
			return 0;
		}
	}
	digest_release(d);
	d->crc64 = d->size_bytes = 0;
	return hash_range(r, &c->src, c->offset, c->length, &c->part.in);
}

static void
part_copy_reply(struct req *r, struct part_copy *c)
{
	const struct vt_cat_part *row = &c->part.in.op.u.part;
	struct sum_stored s;
	struct vt_buf b;

	source_header(r, &c->src);
	sse_send(r, c->part.in.sse);
	vt_buf_init(&b, 1 << 14);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, "CopyPartResult");
	meta_time_xml(&b, "LastModified", row->mtime_us);
	meta_etag_xml(&b, row->etag);
	if (sum_parse(row->checksum, &s) == 0)
		sum_xml(&b, &s);
	vt_xml_close(&b, "CopyPartResult");
	req_reply_xml(r, 200, &b);
	vt_buf_release(&b);
}

/* One try: 0 when answered, 1 when the source changed meanwhile. */
static int
part_copy_try(struct req *r, struct part_copy *c)
{
	struct part *p = &c->part;
	const struct vt_copy *from;
	enum vt_code rc;

	if (copy_range(r, c) < 0 || part_place(r, p, c->length) < 0)
		return 0;
	from = source_copy_on(&c->src, &p->in);
	if (from != NULL && refer(r, &c->src, from, c->offset, c->length,
	    &c->extents, &c->extent_count) < 0)
		return 0;
	if (from != NULL && (c->extent_count > 0 || c->length == 0)) {
		if (part_digests(r, c) < 0)
			return 0;
		part_row(r, p, c->extents, c->extent_count);
	} else {
		if (write_range(r, &c->src, c->offset, c->length,
		    &p->in) < 0)
			return 0;
		part_row(r, p, &p->in.extent, p->in.extent_count);
	}
	rc = vt_catalog_run(r->srv->catalog, &p->in.op, NULL);
	if (rc == VT_TOO_LARGE && p->in.extent_count == 0 &&
	    c->extent_count > 1) {
		/* of too many blobs: it becomes one of its own */
		digest_release(&p->in.digest);
		p->in.digest.crc64 = p->in.digest.size_bytes = 0;
		if (write_range(r, &c->src, c->offset, c->length,
		    &p->in) < 0)
			return 0;
		part_row(r, p, &p->in.extent, p->in.extent_count);
		rc = vt_catalog_run(r->srv->catalog, &p->in.op, NULL);
	}
	if (rc == VT_OK) {
		p->in.on_tier = 0;
		part_copy_reply(r, c);
		return 0;
	}
	if (p->in.extent_count == 0 &&
	    source_changed(r, &c->src, from, rc))
		return 1;
	(void)part_failed(r, p);
	return 0;
}

static void
part_copy_tries(struct req *r)
{
	struct part_copy *c = r->state;

	for (int tries = 0; tries < COPY_TRIES; tries++) {
		if (tries > 0 && source_lookup(r, &c->src) < 0)
			return;
		if (part_copy_try(r, c) == 0)
			return;
	}
	req_error(r, "OperationAborted", "The source changed %d times while "
	    "it was copied", COPY_TRIES);
}

void
op_upload_part_copy(struct req *r)
{
	struct part_copy *c = req_alloc(r, sizeof(*c));

	if (c == NULL || part_begin(r, &c->part) < 0 ||
	    meta_refuse(r) < 0 ||
	    sse_part(r, c->part.upload, &c->part.in.sse) < 0)
		return;
	if (*c->part.upload->checksum_alg != '\0')
		digest_want(&c->part.in.digest, (enum vt_hash_alg)
		    sum_by_name(c->part.upload->checksum_alg));
	c->part.in.max_bytes = PUT_MAX;
	if (source_find(r, &c->src) < 0 || copy_range(r, c) < 0 ||
	    part_place(r, &c->part, c->length) < 0)
		return;
	work_between(r, &c->src, &c->part.in, part_copy_tries);
}
