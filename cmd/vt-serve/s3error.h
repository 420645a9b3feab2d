/* S3 error codes: HTTP status, standard message, XML document; pure. */
#ifndef VT_SERVE_S3ERROR_H
#define VT_SERVE_S3ERROR_H

#include "libvt/base/buf.h"
#include "libvt/base/err.h"

/* Status and standard message of an S3 code; 500 and "InternalError"'s words
 * for an unknown one.  Source: AWS S3 API Reference, "Error responses". */
int s3error_status(const char *s3_code);
const char *s3error_message(const char *s3_code);
/* The S3 code that stands for a failure of the store. */
const char *s3error_of(enum vt_code code);
/* The document.  `details`: ready XML of extra elements, or NULL. */
void s3error_xml(struct vt_buf *out, const char *s3_code,
    const char *message, const char *resource, const char *request_id,
    const char *details);

#endif
