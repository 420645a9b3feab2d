/*
 * What the files of the s3: driver share: backend_s3.c (opening, reading,
 * removing, listing), backend_s3_put.c (writing and copying) and
 * backend_s3_meta.c (metadata as headers and as a companion).
 */
#ifndef VT_STORE_BACKEND_S3_H
#define VT_STORE_BACKEND_S3_H

#include "libvt/proto/s3client.h"
#include "libvt/store/backend_internal.h"

#define S3_KEY_SIZE (VT_S3_KEY_MAX + 1)
#define S3_COMPANION ".vtm"
#define S3_META_PREFIX "x-amz-meta-vt-"
/* S3 takes 2 KiB of names and values; their prefix is counted too, in case a
 * server does. */
#define S3_META_MAX 2048
#define S3_META_COUNT 40
/* Tells in the blob's own metadata that a companion may lie beside it. */
#define S3_BESIDE S3_META_PREFIX "beside"

struct s3 {
	struct vt_backend base;
	struct vt_s3 *client;
	char *bucket;
	char *prefix;		/* "" or "a/b/" */
	char *object_class;	/* NULL: the bucket's default */
	/* Two handles with the same can copy between them; NUL-divided, wiped
	 * at close. */
	char *identity;
	size_t identity_len;
	uint64_t part_bytes;
};

/*
 * A token is a kind, '+' when a companion may lie beside the blob or else
 * '-', and the rest: "E-<etag>"; "V-<version>" in a bucket with versions;
 * "N-<etag>" for the null version of a bucket whose versions are suspended.
 */
struct s3_token {
	char kind;		/* '\0': whatever is there */
	int beside;
	char version[256];	/* "" none */
	char etag[128];		/* "" none */
};
/* VT_CORRUPT: not of this driver, so not of this blob. */
enum vt_code s3_token_parse(const char *text, struct s3_token *out,
    struct vt_err *err) VT_MUST_CHECK;
/* VT_INVALID: the server's version id is too long. */
enum vt_code s3_token_make(const char *version, const char *etag, int beside,
    char out[VT_BLOB_TOKEN_MAX], struct vt_err *err) VT_MUST_CHECK;

/* The key of a blob or, with `companion`, of what lies beside it. */
enum vt_code s3_key(const struct s3 *s, const char *name, int companion,
    char out[S3_KEY_SIZE], struct vt_err *err) VT_MUST_CHECK;

/* What a refusal of the client means to a user of backends, who knows blobs
 * and no buckets; `head` tells what was answered, or is NULL. */
enum vt_code s3_failed(enum vt_code rc, const struct vt_s3_head *head,
    const char *name, struct vt_err *err);
enum vt_code s3_not_the_one(const char *name, struct vt_err *err);
/* What was absent was an object and not the whole bucket: VT_OK. */
enum vt_code s3_bucket_is_there(struct s3 *s, struct vt_err *err)
    VT_MUST_CHECK;
/* A HEAD was answered with 404, which says not of what: VT_ABSENT if there is
 * no such object. */
enum vt_code s3_confirm_absent(struct s3 *s, const char *key,
    const char *version, const char *name, struct vt_err *err)
    VT_MUST_CHECK;
/* HEAD of a blob, whose answer can be relied on; *beside: a companion may lie
 * there. */
enum vt_code s3_look(struct s3 *s, const char *name, const char *version,
    struct vt_s3_head *head, int *beside, struct vt_err *err) VT_MUST_CHECK;
/* A head as users of backends see it. */
enum vt_code s3_tell_head(const struct vt_s3_head *head, int beside,
    struct vt_backend_head *out, struct vt_err *err) VT_MUST_CHECK;
/* Remove the companion of a blob, if there is one. */
enum vt_code s3_drop_companion(struct s3 *s, const char *name, int versioned,
    int *found, struct vt_err *err) VT_MUST_CHECK;

/* --- backend_s3_meta.c ---------------------------------------------------- */
/* Metadata on its way: as headers, or as the text of a companion. */
struct s3_meta {
	struct vt_header *headers;	/* S3_META_PREFIX... */
	size_t count;
	size_t bytes;		/* of names and values together */
	char *text;		/* holds the strings */
};
enum vt_code s3_meta_init(struct s3_meta *m, const struct vt_header_kv *meta,
    size_t count, struct vt_err *err) VT_MUST_CHECK;
void s3_meta_release(struct s3_meta *m);
/* Does it fit the blob's own headers? */
int s3_meta_fits(const struct s3_meta *m);
/* Put it beside the blob. */
enum vt_code s3_meta_put(struct s3 *s, const char *name,
    const struct s3_meta *m, struct vt_err *err) VT_MUST_CHECK;
/* Objects of others, with their own headers. */
enum vt_code s3_describe(struct vt_backend *b, const char *name,
    struct vt_backend_described *out, vt_backend_visit_meta *visit, void *ctx,
    struct vt_err *err);
enum vt_code s3_meta_visit(struct vt_backend *b, const char *name,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
    VT_MUST_CHECK;

/* --- backend_s3_put.c ----------------------------------------------------- */
enum vt_code s3_put_begin(struct vt_backend *b, const char *name,
    const struct vt_backend_put_info *info, struct vt_backend_put **out,
    struct vt_err *err);
enum vt_code s3_put_write(struct vt_backend_put *put, const void *data,
    size_t len, struct vt_err *err);
enum vt_code s3_put_meta(struct vt_backend_put *put,
    const struct vt_header_kv *meta, size_t count, struct vt_err *err);
enum vt_code s3_put_commit(struct vt_backend_put *put,
    struct vt_backend_put_result *out, struct vt_err *err);
void s3_put_abort(struct vt_backend_put *put);
enum vt_code s3_abort_upload(struct vt_backend *b, const char *name,
    const char *upload, struct vt_err *err);
enum vt_code s3_copy(struct vt_backend *b, const char *name,
    const struct vt_backend_copy *c, struct vt_backend_put_result *out,
    struct vt_err *err);
int s3_is_s3(const struct vt_backend *b);

#endif
