/*
 * May the caller do what the request asks for?  auth.c has said who it is and
 * head.c which bucket it speaks of; nothing of the body has been asked for.
 * What nothing allows is refused (P10).
 */
#ifndef VT_SERVE_AUTHZ_H
#define VT_SERVE_AUTHZ_H

#include "http.h"

/* The request itself, by its operation's action.  0, or -1 after answering
 * AccessDenied. */
int authz_check(struct req *r);

#endif
