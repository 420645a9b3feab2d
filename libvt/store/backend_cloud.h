/*
 * What the drivers of Azure and Google share: parts held in memory until they
 * are sent, names below a prefix, metadata that does not fit a blob and lies
 * beside it as "<name>.vtm".  Included by backend_cloud.c, backend_azure*.c
 * and backend_gcs*.c only.
 *
 * A driver makes requests; each of the functions below is one or a few, for a
 * key, which is the whole name of an object in the bucket.
 */
#ifndef VT_STORE_BACKEND_CLOUD_H
#define VT_STORE_BACKEND_CLOUD_H

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/base/hash.h"
#include "libvt/proto/httpcall.h"
#include "libvt/store/backend_internal.h"

/* Room around the bytes of an upload, the driver's to write in: a request may
 * need something before and behind them. */
#define VT_CLOUD_HEAD (64 * 1024)
#define VT_CLOUD_TAIL 256
#define VT_CLOUD_KEY_MAX 1025	/* bytes of a key, NUL included */
#define VT_CLOUD_UPLOAD_MAX 2048	/* of what an upload is called */
#define VT_CLOUD_MARK "vtm"	/* metadata of a blob that has such a
				   companion; no name of ours is like it */

struct vt_cloud;

/* An upload of many steps. */
struct vt_cloud_upload {
	char id[VT_CLOUD_UPLOAD_MAX];
	uint64_t sent_bytes;
	unsigned parts;
	struct vt_hash sum;	/* VT_CRC32C, of what was sent: google's */
};

/* The bytes of a put or of a part. */
struct vt_cloud_bytes {
	char *data;
	size_t len;
};

struct vt_cloud_meta {
	const struct vt_header_kv *pair;
	size_t count;
	int mark;		/* beside these, VT_CLOUD_MARK */
};

struct vt_cloud_facts {
	uint64_t size_bytes;
	int64_t mtime_us;
	char token[VT_BLOB_TOKEN_MAX];
	int mark;
	int archived, restoring;
	int64_t restored_until_us;
};

struct vt_cloud_ops {
	/* Free what is the driver's in `c`, not `c` itself. */
	void (*release)(struct vt_cloud *c);
	/* VT_EXISTS when the key is taken, of these two */
	enum vt_code (*put)(struct vt_cloud *c, const char *key,
	    struct vt_cloud_bytes *b, const struct vt_cloud_meta *m,
	    char token[VT_BLOB_TOKEN_MAX], struct vt_err *err);
	enum vt_code (*finish)(struct vt_cloud *c, const char *key,
	    struct vt_cloud_upload *u, struct vt_cloud_bytes *last,
	    const struct vt_cloud_meta *m, char token[VT_BLOB_TOKEN_MAX],
	    struct vt_err *err);
	/* Fills u->id. */
	enum vt_code (*begin)(struct vt_cloud *c, const char *key,
	    struct vt_cloud_upload *u, struct vt_err *err);
	enum vt_code (*part)(struct vt_cloud *c, const char *key,
	    struct vt_cloud_upload *u, struct vt_cloud_bytes *b,
	    struct vt_err *err);
	enum vt_code (*abort)(struct vt_cloud *c, const char *key,
	    const char *upload, struct vt_err *err);
	/* Leaves the answer open in `q`. */
	enum vt_code (*get)(struct vt_cloud *c, const char *key,
	    const char *token, uint64_t offset, uint64_t length,
	    struct vt_call *q, struct vt_err *err);
	/* `visit` NULL: the facts alone */
	enum vt_code (*head)(struct vt_cloud *c, const char *key,
	    struct vt_cloud_facts *out, vt_backend_visit_meta *visit,
	    void *ctx, struct vt_err *err);
	enum vt_code (*del)(struct vt_cloud *c, const char *key,
	    const char *token, struct vt_err *err);
	enum vt_code (*list)(struct vt_cloud *c, const char *prefix,
	    vt_backend_visit *visit, void *ctx, struct vt_err *err);
	enum vt_code (*copy)(struct vt_cloud *c, const char *key,
	    struct vt_cloud *from, const char *from_key,
	    const char *from_token, uint64_t size_bytes,
	    const struct vt_cloud_meta *m, char token[VT_BLOB_TOKEN_MAX],
	    struct vt_err *err);
	enum vt_code (*restore)(struct vt_cloud *c, const char *key,
	    unsigned days, enum vt_restore_speed speed,
	    struct vt_err *err);		/* or NULL, as the next */
	enum vt_code (*restore_end)(struct vt_cloud *c, const char *key,
	    struct vt_err *err);
};

struct vt_cloud {
	struct vt_backend base;
	const struct vt_cloud_ops *ops;
	struct vt_caller *caller;
	char *endpoint;		/* without a slash at its end */
	char *bucket;
	char *prefix;		/* "" or with a slash at its end */
	char *object_class;	/* or NULL */
	uint64_t part_bytes;
	unsigned parts_max;	/* of one upload; 0: any */
	size_t meta_max;	/* bytes of names and values in a blob */
	size_t meta_each;	/* what each pair costs of that beside them */
};

/*
 * Fill what is common of `c`, which is the driver's struct, zeroed: endpoint
 * (`r`'s or `standard`), bucket and prefix from the URL behind `scheme`, and
 * c->ops, which is set before.  vt_cloud_close also after a failure.
 */
enum vt_code vt_cloud_init(struct vt_cloud *c, const char *url,
    const char *scheme, const char *standard, const struct vt_clock *clock,
    const struct vt_backend_remote *r, struct vt_err *err) VT_MUST_CHECK;
/* The options of a caller whose functions are still to be set. */
struct vt_caller_options vt_cloud_caller(const struct vt_clock *clock,
    const struct vt_backend_remote *r);
/* Frees `c` too, of which c->ops alone must be set. */
void vt_cloud_close(struct vt_backend *b);
/* Is this blob of ours, which lists leave out? */
int vt_cloud_is_companion(const char *key, size_t len);

#endif
