/*
 * Bucket notifications: which events a bucket's owner wants to hear of, and
 * the record that tells of one.  Pure: delivering is vt-serve's work.  Source:
 * AWS, "Amazon S3 Event Notifications" and "Event message structure".
 */
#ifndef VT_WORK_NOTIFY_H
#define VT_WORK_NOTIFY_H

#include "libvt/base/buf.h"
#include "libvt/store/catalog.h"
#include "libvt/work/config.h"

#define VT_NOTIFY_RULES_MAX 100
#define VT_NOTIFY_EVENTS_MAX 64		/* of one rule */

/* A bucket's rules; any number of threads may read them. */
struct vt_notify;

/*
 * Read a NotificationConfiguration.  `config`: the webhooks that ARNs may
 * name by their last part ("arn:aws:sqs:us-east-1:0:orders"); NULL: any.
 * VT_INVALID: malformed; VT_PRECONDITION: well-formed and not sound (unknown
 * event or destination, rules that overlap); both with words for the client.
 * VT_NOMEM.
 */
enum vt_code vt_notify_parse(const char *xml, size_t len,
    const struct vt_config *config, struct vt_notify **out,
    struct vt_err *err) VT_MUST_CHECK;
/* NULL is accepted. */
void vt_notify_free(struct vt_notify *n);
/* The configuration as XML, each rule with its Id; those that came without
 * one get `seed` (hex) and their number. */
void vt_notify_xml(const struct vt_notify *n, const char *seed,
    struct vt_buf *out);
/* The destinations of all rules, each once: the `i`-th, or NULL. */
const char *vt_notify_dest(const struct vt_notify *n, size_t i);

/* What all the events of one operation have in common. */
struct vt_notify_context {
	const char *bucket, *owner;
	const char *key;
	size_t key_len;
	const char *requester, *remote, *request_id;
	int versioned;
};
/*
 * The events that an operation will journal, in arena memory: one for each
 * rule that asks for `name` ("ObjectCreated:Put") of this key, appended to
 * the *count events at *events.  `when` as in struct vt_cat_event.  VT_NOMEM.
 */
enum vt_code vt_notify_events(const struct vt_notify *n, struct vt_arena *a,
    const struct vt_notify_context *x, const char *name, int when,
    struct vt_cat_event **events, size_t *count, struct vt_err *err)
    VT_MUST_CHECK;

/*
 * The same for work outside a request, by the bucket's document as it is now;
 * `version`: what the events are about.  Nothing without a document.
 */
enum vt_code vt_notify_version(struct vt_catalog *c, struct vt_arena *a,
    const struct vt_bucket *b, const struct vt_version *version,
    const char *name, const char *detail, struct vt_cat_event **events,
    size_t *count, struct vt_err *err) VT_MUST_CHECK;

/* The message that tells of one event, JSON. */
void vt_notify_message(const struct vt_event *e, const char *region,
    struct vt_buf *out);

#endif
