/*
 * Server-side encryption as the headers have it: which a request asks for,
 * whether it brings the key that an object wants, what is said of it in the
 * answer; and a bucket's default.  How bytes are encrypted is libvt's.
 *
 * A struct sse lives in the request's arena and is wiped when the request
 * ends; NULL is no encryption everywhere here.  A function that returns int
 * answers the request itself when it returns -1.
 */
#ifndef VT_SERVE_SSE_H
#define VT_SERVE_SSE_H

#include "digest.h"

struct sse {
	int by_customer;	/* SSE-C; else SSE-S3 */
	/* of a write: what wraps its data keys; of a read with a customer's
	 * key: that one */
	struct vt_wrap_key key;
	char md5[25];		/* of a customer's key, as it came */
	const char *stored;	/* for the catalog: vt_version.sse */
	struct sse *next;	/* of the same request */
};

/* How a new object or upload is to be encrypted: the headers, else the
 * bucket's default.  May block when the first master key is made. */
int sse_write(struct req *r, const struct sse **out);
/* The same of a part of an upload, and of the request that completes it. */
int sse_part(struct req *r, const struct vt_upload *u,
    const struct sse **out);
int sse_complete(struct req *r, const struct vt_upload *u,
    const struct sse **out);
/* May it be read?  `stored` is the version's; the key is in *out when there
 * must be one. */
int sse_read(struct req *r, const char *stored, const struct sse **out);
/* The same for the source of a copy. */
int sse_source(struct req *r, const char *stored, const struct sse **out);
/* 1 when a copy may share the bytes of what was stored so. */
int sse_shares(const char *stored, const struct sse *to);
/* 1 when the request says anything of encryption. */
int sse_asked(const struct req *r);

/* The headers of an answer. */
void sse_send(struct req *r, const struct sse *s);
/* What a version's `sse` says of itself, without its key. */
void sse_send_stored(struct req *r, const char *stored);
/* An object of a customer's key does not tell the MD5 of its bytes: its ETag
 * is made of that and the key. */
int sse_etag(struct req *r, const struct sse *s, struct digest *d);
/* The form that new blobs are kept in; NULL: as they come. */
const struct vt_blob_form *sse_form(const struct sse *s,
    struct vt_blob_form *form);
/* The request ends: wipe its keys. */
void sse_release(struct req *r);

/* ?encryption: see documents.c. */
int sse_document_check(struct req *r, struct vt_cat_doc *d);
void *sse_document_parse(const char *body, size_t len, struct vt_err *err);
void sse_document_free(void *parsed);

#endif
