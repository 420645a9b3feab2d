/*
 * What the headers of a request say about an object, and the headers that say
 * it back: metadata, tags, class, conditions, version ids.  No storage, no
 * bodies.  A function that returns int answers the request itself when it
 * returns -1.
 */
#ifndef VT_SERVE_META_H
#define VT_SERVE_META_H

#include "http.h"
#include "lock.h"
#include "tagging.h"

/* Arena memory for the request, or NULL after answering. */
void *req_alloc(struct req *r, size_t len);
/* `s` copied there; "" when there is no memory (and it was answered). */
const char *req_dup(struct req *r, const char *s, size_t len);

/* --- a new object --------------------------------------------------------- */
struct object_meta {
	const char *data;	/* as in struct vt_version */
	size_t len;
	const char *tags;	/* as in struct vt_version */
	const char *storage_class;	/* asked for, or "" */
	struct lock lock;
	const char *owner, *acl;	/* as in struct vt_version */
};
/* Read the headers that describe a new object, refuse those that ask for what
 * we do not do, and note whether any speaks of encryption. */
int meta_read(struct req *r, struct object_meta *out);
/* Only refusals and note: for requests that make no object of their own. */
int meta_refuse(struct req *r);
/* The response headers of stored metadata, with the overrides
 * (response-content-type...) of the query. */
void meta_send(struct req *r, const char *meta, size_t len);
/* How many tags a query-encoded string holds. */
unsigned meta_tag_count(const char *tags);

/* --- versions ------------------------------------------------------------- */
/* An x-amz-copy-source, "/bucket/key?versionId=id", encoded as in forms, the
 * first slash optional: "bucket/key" into *out, in arena memory, the rest into
 * *version or NULL.  -1: it is broken, or answered. */
int meta_copy_source(struct req *r, const char *header, char **out,
    size_t *len, const char **version);
/* The versionId of the query: NULL for none, "null", or 32 hex digits. */
int meta_version_id(struct req *r, const char **out);
/* 1 when `id` can be a version id at all. */
int meta_version_valid(const char *id);
/* What a version goes by on the wire. */
const char *meta_version_name(const struct vt_version *v);
/* x-amz-version-id, when the bucket is versioned or has been. */
void meta_version_header(struct req *r, const struct vt_version *v);
/* The storage class a tier answers for; "STANDARD" for one not known. */
const char *meta_class(const struct req *r, const char *tier);

/* --- conditions ----------------------------------------------------------- */
/* An entity tag without quotes and W/, in arena memory. */
const char *meta_etag(struct req *r, const char *header);
/*
 * If-Match and If-None-Match of a write.  An If-None-Match with an ETag (AWS
 * only takes "*") becomes a condition on the version that is current when the
 * write is submitted, and is tried again when another came between: atomic
 * like the others.
 */
struct write_cond {
	struct vt_cat_cond cond;	/* for the catalog */
	const char *none_match;		/* ETags, or NULL */
	unsigned tries;
};
int meta_write_cond(struct req *r, struct write_cond *out);
/* Right before the write: -1 after answering 412. */
int meta_cond_ready(struct req *r, struct write_cond *c);
/* After it: 1: submit it again, the condition is set anew; 0: `code` is
 * final, and answered when it says that a condition failed; then
 * req_answered. */
int meta_cond_again(struct req *r, struct write_cond *c, enum vt_code code);
/* After a conditional delete that met no object (VT_ABSENT): 1 when a delete
 * marker is current and it does not fit either.  Nothing at all fits any
 * condition, as on S3. */
int meta_marker_misfits(struct req *r, const struct vt_cat_delete *d);
/* The conditions of a read or of a copy's source, any may be NULL. */
struct read_cond {
	const char *if_match, *if_none_match;
	const char *if_modified, *if_unmodified;
};
/* RFC 9110 section 13.2.2: 0 go on, 304 or 412. */
int meta_read_cond(const struct read_cond *c, const char *etag,
    int64_t mtime_us);

/* --- requests in general -------------------------------------------------- */
/* x-amz-expected-bucket-owner (or another header of that meaning): the
 * canonical id or the account of who owns the request's bucket (or another);
 * 0, or -1 after answering AccessDenied. */
int meta_expected_owner(struct req *r, const char *header);
int meta_expected_owner_of(struct req *r, const char *header,
    const struct vt_bucket *b);
/* A number of the query within [0, cap]; larger ones become `cap`, absent
 * and empty ones `fallback`.  InvalidArgument for anything else. */
int meta_count(struct req *r, const char *name, unsigned fallback,
    unsigned cap, unsigned *out);
/* encoding-type=url: *url becomes 1. */
int meta_encoding(struct req *r, int *url);
/* <element> with a key, written as the encoding type asks. */
void meta_key_xml(struct vt_buf *b, const char *element, const void *key,
    size_t len, int url);
void meta_time_xml(struct vt_buf *b, const char *element, int64_t us);
void meta_etag_xml(struct vt_buf *b, const char *etag);
/* The URL of the request's object. */
void meta_location(const struct req *r, struct vt_buf *out);
/* <element> with <ID> and <DisplayName> of a canonical id; the two alone. */
void meta_owner_xml(struct vt_buf *b, const char *element,
    const struct server *s, const char *id);
void meta_owner_text(struct vt_buf *b, const struct server *s,
    const char *id);

/* The body as a document whose root is a `name`, in arena memory; NULL after
 * answering `s3_code` with what is wrong and where. */
struct vt_xml *meta_xml(struct req *r, const char *name,
    const char *s3_code);
/* The same of another text. */
struct vt_xml *meta_xml_of(struct req *r, const char *text, size_t len,
    const char *name, const char *s3_code);

#endif
