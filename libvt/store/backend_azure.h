/* What the files backend_azure*.c share; included by no other. */
#ifndef VT_STORE_BACKEND_AZURE_H
#define VT_STORE_BACKEND_AZURE_H

#include "libvt/store/backend_cloud.h"

#define VT_AZURE_LIST_MAX (16u << 20)	/* bytes of one answer */
#define VT_AZURE_HEADERS_MAX 320	/* of one request */

struct vt_azure {
	struct vt_cloud c;
	char *account;		/* NULL: what the SAS is for */
	char *key;		/* or NULL */
	char *sas;		/* without '?', or NULL */
	_Atomic int md5;	/* the server says nothing of its CRC64 */
};

struct vt_azure_call {
	struct vt_arena *a;	/* of all below */
	struct vt_header h[VT_AZURE_HEADERS_MAX];
	size_t n;
	struct vt_call q;
};

struct vt_azure *vt_azure_of(struct vt_cloud *c);
/* A request for `key` (NULL: the container); `query` without '?', encoded,
 * may be "".  With vt_azure_end it is over, also after a failure. */
enum vt_code vt_azure_begin(struct vt_azure *z, struct vt_azure_call *k,
    const char *method, const char *key, const char *query,
    enum vt_call_bill bill, struct vt_err *err) VT_MUST_CHECK;
void vt_azure_end(struct vt_azure *z, struct vt_azure_call *k);
/* `value` is borrowed until the end. */
void vt_azure_header(struct vt_azure_call *k, const char *name,
    const char *value);
/* An ETag in the quotes it came in; "" is none. */
void vt_azure_if_match(struct vt_azure_call *k, const char *name,
    const char *token);
enum vt_code vt_azure_run(struct vt_azure *z, struct vt_azure_call *k,
    struct vt_err *err) VT_MUST_CHECK;

enum vt_code vt_azure_list(struct vt_cloud *c, const char *prefix,
    vt_backend_visit *visit, void *ctx, struct vt_err *err) VT_MUST_CHECK;

/* What a blob's headers say; an archived one's are those of it alone. */
void vt_azure_facts(const struct vt_httpc_response *r,
    struct vt_cloud_facts *out);
/* The URL of a key with the SAS, in the arena of `k`; NULL: no memory. */
const char *vt_azure_url(struct vt_azure *z, struct vt_azure_call *k,
    const char *key, const char *query);

/*
 * Archived blobs.  A restore copies the blob to ".vtr/NAME", a hot blob that
 * the bill shows by itself, and leaves the archived one where it is: moving
 * that one up would be billed as leaving the archive early, and putting it
 * back as a new one.
 */
enum vt_code vt_azure_restore(struct vt_cloud *c, const char *key,
    unsigned days, enum vt_restore_speed speed, struct vt_err *err)
    VT_MUST_CHECK;
enum vt_code vt_azure_restore_end(struct vt_cloud *c, const char *key,
    struct vt_err *err) VT_MUST_CHECK;
/* Complete the facts of an archived blob. */
enum vt_code vt_azure_restored(struct vt_azure *z, const char *key,
    struct vt_cloud_facts *f, struct vt_err *err) VT_MUST_CHECK;
/* Read the restored copy of a blob that is archived: VT_NEEDS_RESTORE. */
enum vt_code vt_azure_get_restored(struct vt_azure *z, const char *key,
    const char *token, uint64_t offset, uint64_t length, struct vt_call *q,
    struct vt_err *err) VT_MUST_CHECK;
/* Is this name, behind the prefix, a restored copy's? */
int vt_azure_is_restored(const char *name);
/* The range request itself, `token` "" for any. */
enum vt_code vt_azure_get_range(struct vt_azure *z, const char *key,
    const char *token, uint64_t offset, uint64_t length, struct vt_call *q,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_azure_delete(struct vt_azure *z, const char *key,
    const char *token, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_azure_copy(struct vt_cloud *c, const char *key,
    struct vt_cloud *from, const char *from_key, const char *from_token,
    uint64_t size_bytes, const struct vt_cloud_meta *m,
    char token[VT_BLOB_TOKEN_MAX], struct vt_err *err) VT_MUST_CHECK;
/* Metadata, the mark of a companion and whose put this is, as headers. */
enum vt_code vt_azure_meta_headers(struct vt_azure_call *k,
    const struct vt_cloud_meta *m, const char *put_id, struct vt_err *err)
    VT_MUST_CHECK;
/* 18 hex digits that no other put has. */
enum vt_code vt_azure_put_id(char out[19], struct vt_err *err) VT_MUST_CHECK;
/* A new blob was refused because one is there: VT_OK when it is our own, made
 * by a request whose answer was lost; VT_EXISTS; VT_ABSENT: none is there. */
enum vt_code vt_azure_is_ours(struct vt_azure *z, const char *key,
    unsigned attempts, const char *put_id, char token[VT_BLOB_TOKEN_MAX],
    struct vt_err *err) VT_MUST_CHECK;

#endif
