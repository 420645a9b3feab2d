/*
 * Who asks: finds the key of a signed request, checks its signature and its
 * time against the real clock, keeps derived signing keys.  Knows nothing of
 * what is asked for: that is authz.h.  Any thread.
 */
#ifndef VT_SERVE_AUTH_H
#define VT_SERVE_AUTH_H

#include <stdint.h>

#include "http.h"

struct auth;

/* What may change while serving. */
struct auth_settings {
	int sigv2;		/* accept the old signatures */
	int64_t clock_skew_ms;
};

/* NULL: no memory.  `root` is copied, and wiped by auth_free. */
struct auth *auth_new(const struct vt_cred *root,
    const struct auth_settings *settings);
void auth_free(struct auth *a);
/* Requests that come later are held against these. */
void auth_update(struct auth *a, const struct vt_cred *root,
    const struct auth_settings *settings);

/*
 * Fill r->auth, r->anonymous and r->who; a request without a signature is
 * anybody's (authz.h says what anybody may).  0, or -1 when the request is
 * refused: then the error is its answer.  For signed chunks that follow: the
 * signing key (wipe it) and the request's signature.
 */
int auth_check(struct auth *a, struct req *r, uint8_t key[32],
    char seed[65]);

/*
 * The same for a form (OP_FORM), whose fields are in by now: who signed its
 * policy.  One without a signature is whose the request is.  0, or -1 after
 * answering.
 */
int auth_form(struct auth *a, struct req *r, const struct vt_sig_form *form);

#endif
