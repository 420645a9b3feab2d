/* What backend_gcs.c and backend_gcs_call.c share; included by no other. */
#ifndef VT_STORE_BACKEND_GCS_H
#define VT_STORE_BACKEND_GCS_H

#include <pthread.h>

#include "libvt/base/jsonl.h"
#include "libvt/proto/gcsauth.h"
#include "libvt/store/backend_cloud.h"

#define VT_GCS_FIELDS_MAX 128	/* of one object in an answer */

struct vt_gcs {
	struct vt_cloud c;
	char *credential;	/* as it was given; NULL: anonymous */
	int is_bearer;		/* it is the token itself */
	struct vt_gcs_key key;
	pthread_mutex_t lock;
	/* Under the lock: */
	struct vt_buf token;
	int64_t token_until_us;	/* time to get another; 0: none yet */
};

struct vt_gcs_call {
	struct vt_buf url, body;
	struct vt_header h[4];
	struct vt_call q;
	struct vt_json_field f[VT_GCS_FIELDS_MAX];	/* of its answer */
	int field_count;
};

struct vt_gcs *vt_gcs_of(struct vt_cloud *c);
/* Who signs requests and reads refusals: for vt_caller_open. */
enum vt_code vt_gcs_sign(void *ctx, const struct vt_call *q,
    struct vt_arena *a, struct vt_header *added, size_t *count,
    struct vt_err *err);
enum vt_code vt_gcs_refused(void *ctx, struct vt_call *q, struct vt_err *err);

/* A request; vt_gcs_end it also after a failure.  The URL is the endpoint,
 * `path`, and what is added by the two below. */
void vt_gcs_begin(struct vt_gcs *g, struct vt_gcs_call *k,
    const char *method, const char *path, enum vt_call_bill bill);
void vt_gcs_end(struct vt_gcs *g, struct vt_gcs_call *k);
void vt_gcs_add(struct vt_gcs_call *k, const char *text, const char *encode);
void vt_gcs_header(struct vt_gcs_call *k, const char *name,
    const char *value);
/* Send it, with what is in k->body as JSON when there is any. */
enum vt_code vt_gcs_run(struct vt_gcs *g, struct vt_gcs_call *k,
    struct vt_err *err) VT_MUST_CHECK;
/* The answer's fields, into k->f. */
enum vt_code vt_gcs_fields(struct vt_gcs_call *k, struct vt_err *err)
    VT_MUST_CHECK;

/* Fields of an answer: numbers come as strings.  -1: missing or not one. */
const struct vt_json_field *vt_gcs_field(const struct vt_gcs_call *k,
    const char *name);
int vt_gcs_text(const struct vt_json_field *x, char *out, size_t size);
int vt_gcs_number(const struct vt_json_field *x, uint64_t *out);

#endif
