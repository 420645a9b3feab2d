/*
 * ListObjects, ListObjectsV2, ListObjectVersions: on workers.  The XML is
 * written while the catalog visits; a page is at most 1,000 entries, so its
 * size is bounded by that of a thousand escaped keys.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/hex.h"
#include "libvt/proto/xml.h"

#include "digest.h"
#include "meta.h"
#include "ops.h"
#include "restore.h"

#define PAGE_MAX 1000
/* 1,000 keys of 1,024 bytes that all become "&quot;", and the rest */
#define PAGE_BYTES_MAX (PAGE_MAX * (VT_KEY_MAX * 6 + 2048))
#define TOKEN_MAX (((VT_KEY_MAX + 1 + 2) / 3) * 4 + 1)

struct listing {
	struct req *r;
	struct vt_list l;
	unsigned max;
	int url;		/* keys are written percent-encoded */
	int owners;		/* write <Owner> */
	int restores;		/* write <RestoreStatus> */
	unsigned count;
	int truncated;
	struct vt_buf items, prefixes, out;
	/* the last entry visited */
	char last[VT_KEY_MAX];
	size_t last_len;
	int64_t last_seq;
	char last_version[VT_ID_LEN + 1];
	/* the class of a tier, remembered: entries mostly share one */
	char tier[64];
	const char *class;
};

/* --- what all lists have -------------------------------------------------- */

static int
list_params(struct req *r, struct listing *s)
{
	const char *prefix = req_query(r, "prefix");
	const char *delimiter = req_query(r, "delimiter");
	const char *optional;

	s->r = r;
	s->l.bucket_id = r->bucket.id;
	s->l.prefix = prefix != NULL ? prefix : "";
	s->l.prefix_len = strlen(s->l.prefix);
	s->l.delimiter = delimiter != NULL ? delimiter : "";
	s->l.delimiter_len = strlen(s->l.delimiter);
	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0 ||
	    meta_count(r, "max-keys", PAGE_MAX, PAGE_MAX, &s->max) < 0 ||
	    meta_encoding(r, &s->url) < 0)
		return -1;
	s->l.max = s->max;
	optional = req_header(r, "x-amz-optional-object-attributes");
	s->restores = optional != NULL &&
	    strstr(optional, "RestoreStatus") != NULL;
	vt_buf_init(&s->items, PAGE_BYTES_MAX);
	vt_buf_init(&s->prefixes, PAGE_BYTES_MAX);
	vt_buf_init(&s->out, PAGE_BYTES_MAX + (1 << 16));
	return 0;
}

static void
list_release(struct listing *s)
{
	vt_buf_release(&s->items);
	vt_buf_release(&s->prefixes);
	vt_buf_release(&s->out);
}

static const char *
class_of(struct listing *s, const char *tier)
{
	if (tier == NULL)
		tier = "";
	if (s->class == NULL || strcmp(s->tier, tier) != 0) {
		s->class = meta_class(s->r, tier);
		if (strlen(tier) < sizeof(s->tier))
			strcpy(s->tier, tier);
	}
	return s->class;
}

static void
remember(struct listing *s, const struct vt_list_item *item)
{
	s->last_len = item->key_len < sizeof(s->last) ? item->key_len :
	    sizeof(s->last);
	memcpy(s->last, item->key, s->last_len);
	s->last_seq = item->v != NULL ? item->v->seq : 0;
	s->last_version[0] = '\0';
	if (item->v != NULL)
		memcpy(s->last_version, item->v->version_id,
		    sizeof(s->last_version));
}

/* Everything but the key of an entry that has bytes. */
static void
entry_body(struct listing *s, const struct vt_version *v)
{
	struct vt_buf *b = &s->items;
	struct sum_stored sum;

	meta_time_xml(b, "LastModified", v->mtime_us);
	meta_etag_xml(b, v->etag);
	if (*v->checksum != '\0' && sum_parse(v->checksum, &sum) == 0) {
		vt_xml_text(b, "ChecksumAlgorithm", sum_name(sum.alg));
		vt_xml_text(b, "ChecksumType", sum.type);
	}
	vt_xml_u64(b, "Size", v->size_bytes);
	vt_xml_text(b, "StorageClass", class_of(s, v->tier));
	if (s->restores)
		restore_xml(s->r, b, v);
	if (s->owners)
		meta_owner_xml(b, "Owner", s->r->srv, v->owner);
}

static void
prefix_entry(struct listing *s, const struct vt_list_item *item)
{
	vt_xml_open(&s->prefixes, "CommonPrefixes");
	meta_key_xml(&s->prefixes, "Prefix", item->key, item->key_len,
	    s->url);
	vt_xml_close(&s->prefixes, "CommonPrefixes");
}

static int
visit_object(void *ctx, const struct vt_list_item *item)
{
	struct listing *s = ctx;

	s->count++;
	remember(s, item);
	if (item->is_prefix) {
		prefix_entry(s, item);
		return 0;
	}
	vt_xml_open(&s->items, "Contents");
	meta_key_xml(&s->items, "Key", item->key, item->key_len, s->url);
	entry_body(s, item->v);
	vt_xml_close(&s->items, "Contents");
	return 0;
}

static int
visit_version(void *ctx, const struct vt_list_item *item)
{
	struct listing *s = ctx;
	const struct vt_version *v = item->v;
	struct vt_buf *b = &s->items;
	const char *element;

	s->count++;
	remember(s, item);
	if (item->is_prefix) {
		prefix_entry(s, item);
		return 0;
	}
	element = v->is_marker ? "DeleteMarker" : "Version";
	vt_xml_open(b, element);
	meta_key_xml(b, "Key", item->key, item->key_len, s->url);
	vt_xml_text(b, "VersionId", meta_version_name(v));
	vt_xml_text(b, "IsLatest", v->is_current ? "true" : "false");
	if (v->is_marker) {
		meta_time_xml(b, "LastModified", v->mtime_us);
		meta_owner_xml(b, "Owner", s->r->srv, v->owner);
	} else
		entry_body(s, v);
	vt_xml_close(b, element);
	return 0;
}

/* Run it; -1 after answering. */
static int
list_run(struct listing *s, int (*visit)(void *,
    const struct vt_list_item *))
{
	struct vt_err err;
	enum vt_code rc;

	/* an empty page is at its end, whatever follows, as on AWS */
	if (s->max == 0)
		return 0;
	rc = vt_catalog_list(s->r->srv->catalog, &s->l, visit, s,
	    &s->truncated, &err);
	if (rc == VT_OK)
		return 0;
	req_fail(s->r, rc, &err);
	return -1;
}

static void
begin(struct listing *s, const char *root, int url)
{
	vt_xml_decl(&s->out);
	vt_xml_open_ns(&s->out, root);
	vt_xml_text(&s->out, "Name", s->r->bucket_name);
	meta_key_xml(&s->out, "Prefix", s->l.prefix, s->l.prefix_len, url);
}

/* What follows the parameters of the particular list, and the answer. */
static void
finish(struct listing *s, const char *root)
{
	struct vt_buf *b = &s->out;

	vt_xml_u64(b, "MaxKeys", s->max);
	if (s->l.delimiter_len > 0)
		meta_key_xml(b, "Delimiter", s->l.delimiter,
		    s->l.delimiter_len, s->url);
	if (s->url)
		vt_xml_text(b, "EncodingType", "url");
	vt_xml_text(b, "IsTruncated", s->truncated ? "true" : "false");
	if (s->items.failed || s->prefixes.failed) {
		req_fail(s->r, VT_NOMEM, NULL);
		return;
	}
	vt_buf_add(b, s->items.data, s->items.len);
	vt_buf_add(b, s->prefixes.data, s->prefixes.len);
	vt_xml_close(b, root);
	req_reply_xml(s->r, 200, b);
}

/* --- ListObjects ---------------------------------------------------------- */

void
op_list_objects(struct req *r)
{
	struct listing s = { .owners = 1 };
	const char *marker = req_query(r, "marker");

	if (list_params(r, &s) < 0)
		return;
	if (marker == NULL)
		marker = "";
	s.l.after = marker;
	s.l.after_len = strlen(marker);
	s.l.has_after = *marker != '\0';
	if (list_run(&s, visit_object) < 0)
		goto out;
	/* botocore decodes every name of this answer but the prefix */
	begin(&s, "ListBucketResult", 0);
	meta_key_xml(&s.out, "Marker", marker, s.l.after_len, s.url);
	/* without a delimiter clients go on after the last key themselves */
	if (s.truncated && s.l.delimiter_len > 0)
		meta_key_xml(&s.out, "NextMarker", s.last, s.last_len, s.url);
	finish(&s, "ListBucketResult");
out:
	list_release(&s);
}

/* --- ListObjectsV2 -------------------------------------------------------- */

/* A token is base64 of a version byte and the key to go on after. */
static void
token_make(const struct listing *s, char out[TOKEN_MAX])
{
	char raw[VT_KEY_MAX + 1];

	raw[0] = '1';
	memcpy(raw + 1, s->last, s->last_len);
	vt_b64_encode(raw, s->last_len + 1, out);
}

static int
token_read(struct req *r, const char *token, struct listing *s)
{
	char *raw = req_alloc(r, VT_KEY_MAX + 2);
	int len;

	if (raw == NULL)
		return -1;
	len = vt_b64_decode(token, strlen(token), raw, VT_KEY_MAX + 1);
	if (len < 1 || raw[0] != '1') {
		req_error_detail(r, "ArgumentName", "continuation-token");
		req_error(r, "InvalidArgument",
		    "The continuation token provided is incorrect");
		return -1;
	}
	s->l.after = raw + 1;
	s->l.after_len = (size_t)len - 1;
	s->l.has_after = 1;
	return 0;
}

void
op_list_objects_v2(struct req *r)
{
	struct listing s = { .owners = 0 };
	const char *token = req_query(r, "continuation-token");
	const char *start = req_query(r, "start-after");
	const char *fetch = req_query(r, "fetch-owner");
	char next[TOKEN_MAX];

	if (list_params(r, &s) < 0)
		return;
	s.owners = fetch != NULL && strcasecmp(fetch, "true") == 0;
	if (token != NULL && *token != '\0') {
		if (token_read(r, token, &s) < 0)
			goto out;
	} else if (start != NULL && *start != '\0') {
		s.l.after = start;
		s.l.after_len = strlen(start);
		s.l.has_after = 1;
	}
	if (list_run(&s, visit_object) < 0)
		goto out;
	begin(&s, "ListBucketResult", s.url);
	if (token != NULL)
		vt_xml_text(&s.out, "ContinuationToken", token);
	if (s.truncated) {
		token_make(&s, next);
		vt_xml_text(&s.out, "NextContinuationToken", next);
	}
	if (start != NULL)
		meta_key_xml(&s.out, "StartAfter", start, strlen(start),
		    s.url);
	vt_xml_u64(&s.out, "KeyCount", s.count);
	finish(&s, "ListBucketResult");
out:
	list_release(&s);
}

/* --- ListObjectVersions --------------------------------------------------- *
 * The marker we give out is the version id with its place in the key's order,
 * "<id>.<seq>": clients that empty a bucket page by page have deleted that
 * version when they come back with it.
 */
static int
version_marker(struct req *r, struct listing *s, const char *marker)
{
	const char *dot = strchr(marker, '.');
	struct vt_version *v;
	struct vt_err err;
	enum vt_code rc;
	char *end;

	if (dot != NULL && dot[1] != '\0') {
		s->l.after_seq = strtoll(dot + 1, &end, 16);
		if (*end == '\0' && s->l.after_seq > 0)
			return 0;
	} else if (meta_version_valid(marker)) {
		rc = vt_catalog_lookup(r->srv->catalog, r->arena,
		    r->bucket.id, s->l.after, s->l.after_len, marker, 0, &v,
		    &err);
		if (rc == VT_OK) {
			s->l.after_seq = v->seq;
			return 0;
		}
		/* gone: the other versions of the key count as seen */
		if (rc == VT_ABSENT)
			return 0;
		req_fail(r, rc, &err);
		return -1;
	}
	req_error_detail(r, "ArgumentName", "version-id-marker");
	req_error_detail(r, "ArgumentValue", marker);
	req_error(r, "InvalidArgument", "Invalid version id specified");
	return -1;
}

void
op_list_versions(struct req *r)
{
	struct listing s = { .owners = 1 };
	const char *key = req_query(r, "key-marker");
	const char *version = req_query(r, "version-id-marker");

	if (list_params(r, &s) < 0)
		return;
	s.l.versions = 1;
	if (key == NULL)
		key = "";
	s.l.after = key;
	s.l.after_len = strlen(key);
	s.l.has_after = *key != '\0';
	if (version != NULL && *version != '\0') {
		if (*key == '\0') {
			req_error(r, "InvalidArgument", "A version-id marker "
			    "cannot be specified without a key marker.");
			goto out;
		}
		if (version_marker(r, &s, version) < 0)
			goto out;
	}
	if (list_run(&s, visit_version) < 0)
		goto out;
	begin(&s, "ListVersionsResult", s.url);
	meta_key_xml(&s.out, "KeyMarker", key, s.l.after_len, s.url);
	vt_xml_text(&s.out, "VersionIdMarker",
	    version != NULL ? version : "");
	if (s.truncated) {
		meta_key_xml(&s.out, "NextKeyMarker", s.last, s.last_len,
		    s.url);
		if (s.last_seq != 0)
			vt_buf_printf(&s.out, "<NextVersionIdMarker>%s.%llx"
			    "</NextVersionIdMarker>", s.last_version,
			    (unsigned long long)s.last_seq);
	}
	finish(&s, "ListVersionsResult");
out:
	list_release(&s);
}
