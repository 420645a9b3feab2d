/*
 * What drivers implement.  Included by backend*.c only.  A driver embeds
 * these structs first in its own and fills `ops`; backend.c checks arguments,
 * counts sizes and CRCs, and calls through.
 */
#ifndef VT_STORE_BACKEND_INTERNAL_H
#define VT_STORE_BACKEND_INTERNAL_H

#include "libvt/proto/parts.h"

#include "libvt/store/backend.h"

struct vt_backend_ops {
	void (*close)(struct vt_backend *b);
	enum vt_code (*name)(const struct vt_backend *b, uint64_t blob_id,
	    uint64_t incarnation, const char *bucket, const char *key,
	    size_t key_len, char out[VT_BLOB_NAME_MAX], struct vt_err *err);
	enum vt_code (*put_begin)(struct vt_backend *b, const char *name,
	    const struct vt_backend_put_info *info,
	    struct vt_backend_put **out, struct vt_err *err);
	enum vt_code (*put_write)(struct vt_backend_put *p, const void *data,
	    size_t len, struct vt_err *err);
	enum vt_code (*put_meta)(struct vt_backend_put *p,
	    const struct vt_header_kv *meta, size_t count,
	    struct vt_err *err);
	enum vt_code (*put_commit)(struct vt_backend_put *p,
	    struct vt_backend_put_result *out, struct vt_err *err);
	void (*put_abort)(struct vt_backend_put *p);
	enum vt_code (*abort_upload)(struct vt_backend *b, const char *name,
	    const char *upload, struct vt_err *err);	/* or NULL */
	enum vt_code (*copy)(struct vt_backend *b, const char *name,
	    const struct vt_backend_copy *c,
	    struct vt_backend_put_result *out,
	    struct vt_err *err);			/* or NULL */
	enum vt_code (*get_begin)(struct vt_backend *b, const char *name,
	    const char *token, uint64_t offset, uint64_t length,
	    struct vt_backend_get **out, struct vt_err *err);
	enum vt_code (*get_read)(struct vt_backend_get *g, void *data,
	    size_t len, size_t *got, struct vt_err *err);
	void (*get_end)(struct vt_backend_get *g);
	enum vt_code (*get_fd)(struct vt_backend *b, const char *name,
	    int *fd, uint64_t *size_bytes, struct vt_err *err); /* or NULL */
	enum vt_code (*head)(struct vt_backend *b, const char *name,
	    struct vt_backend_head *out, struct vt_err *err);
	enum vt_code (*meta)(struct vt_backend *b, const char *name,
	    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err);
	enum vt_code (*del)(struct vt_backend *b, const char *name,
	    const char *token, struct vt_err *err);
	enum vt_code (*restore)(struct vt_backend *b, const char *name,
	    unsigned days, enum vt_restore_speed speed,
	    struct vt_err *err);			/* or NULL */
	enum vt_code (*restore_end)(struct vt_backend *b, const char *name,
	    struct vt_err *err);			/* or NULL */
	enum vt_code (*list)(struct vt_backend *b, const char *prefix,
	    vt_backend_visit *visit, void *ctx, struct vt_err *err);
	enum vt_code (*objects)(struct vt_backend *b, const char *prefix,
	    const char *after, vt_backend_visit_object *visit, void *ctx,
	    struct vt_err *err);			/* or NULL */
	enum vt_code (*describe)(struct vt_backend *b, const char *name,
	    struct vt_backend_described *out, vt_backend_visit_meta *visit,
	    void *ctx, struct vt_err *err);		/* or NULL */
	void (*counts)(const struct vt_backend *b,
	    struct vt_backend_counts *out);		/* or NULL */
	void (*health)(const struct vt_backend *b,
	    struct vt_backend_health *out);		/* or NULL */
	struct vt_backend *(*inner)(struct vt_backend *b);	/* what a
							wrapper wraps */
};

struct vt_backend {
	const struct vt_backend_ops *ops;
	struct vt_backend_caps caps;
	const struct vt_clock *clock;
	char *url;
};

struct vt_backend_put {
	struct vt_backend *backend;
	uint64_t expected_bytes, size_bytes, crc64;
	int failed;		/* a write failed: commit must not succeed */
	int has_meta;
	int forsaken;		/* the other machine is known not to answer:
				   abort, or fail to commit, without asking it;
				   what is left there is for the intent */
};

struct vt_backend_get {
	struct vt_backend *backend;
	uint64_t left_bytes;
};

/* "<2 hex>/<2 hex>/<id>-<incarnation>", for drivers without hints. */
void vt_backend_plain_name(uint64_t blob_id, uint64_t incarnation,
    char out[VT_BLOB_NAME_MAX]);

/*
 * "<bucket>/<key, cut>/<id>-<incarnation>", for drivers of other machines: a
 * person finds his objects there.  Bytes that a store might refuse or rewrite
 * go in as "=XX", as do a slash behind a slash and a dot behind one.
 */
#define VT_KEY_IN_NAME 700
void vt_backend_key_name(uint64_t blob_id, uint64_t incarnation,
    const char *bucket, const char *key, size_t key_len,
    char out[VT_BLOB_NAME_MAX]);

/*
 * What a tier that plays a Glacier remembers of one blob; both 0: nothing.
 * Pure: file: and mem: keep it each in their way.
 */
struct vt_restore_state {
	int64_t ready_us;	/* readable from */
	int64_t expires_us;	/* readable until */
};
/* May the blob be read at `now_us`? */
int vt_restore_readable(const struct vt_restore_state *s, int64_t now_us);
/* Fill the three fields of a head. */
void vt_restore_describe(const struct vt_restore_state *s, int64_t now_us,
    struct vt_backend_head *h);
/*
 * Ask for `days` more at `now_us`, changing `s`.  VT_OK (readable, the expiry
 * was moved) or VT_BUSY (started, or under way).
 */
enum vt_code vt_restore_ask(struct vt_restore_state *s, int64_t now_us,
    int64_t delay_ms, unsigned days, const char *name, struct vt_err *err);

enum vt_code vt_backend_file_open(const char *url,
    const struct vt_backend_options *o, struct vt_backend **out,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_backend_azure_open(const char *url,
    const struct vt_backend_options *o, struct vt_backend **out,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_backend_gcs_open(const char *url,
    const struct vt_backend_options *o, struct vt_backend **out,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_backend_mem_open(const char *url,
    const struct vt_backend_options *o, struct vt_backend **out,
    struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_backend_s3_open(const char *url,
    const struct vt_backend_options *o, struct vt_backend **out,
    struct vt_err *err) VT_MUST_CHECK;

#endif
