/*
 * Notifications: the document that asks for them, the events that operations
 * journal, and the threads that deliver these, one for each webhook.  At least
 * once: an event is forgotten when its webhook has answered 2xx.
 */
#ifndef VT_SERVE_NOTIFY_H
#define VT_SERVE_NOTIFY_H

#include "http.h"

struct notifier;

/* Starts a thread for each webhook of the configuration. */
enum vt_code notifier_start(struct server *s, struct notifier **out,
    struct vt_err *err) VT_MUST_CHECK;
/* Give up what is in hand and stop; NULL is accepted. */
void notifier_stop(struct notifier *n);
/* There may be events.  Any thread; does not block; NULL is accepted. */
void notifier_wake(struct notifier *n);

/*
 * Right before an operation of the request is given to the catalog: the
 * events that the bucket's owner wants to hear of when it succeeds.  `v`: the
 * version it is about, when that is known.  Costs nothing when the bucket has
 * no such document.  -1 after answering.
 */
int notify_prepare(struct req *r, struct vt_cat_op *op,
    const struct vt_version *v);

struct notify_figures {
	const char *webhook;
	uint64_t waiting, delivered, failed, dropped;
};
/* Of the i-th webhook; 0 when there is none. */
int notifier_figures(struct notifier *n, size_t i,
    struct notify_figures *out);

/* documents.c */
int notify_check(struct req *r, struct vt_cat_doc *d);
void *notify_parse(const char *body, size_t len, struct vt_err *err);
void notify_free(void *parsed);

#endif
