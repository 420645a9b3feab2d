/* What the files of vt-get share. */
#ifndef VT_GET_GET_H
#define VT_GET_GET_H

#include "libvt/proto/s3client.h"

/* A name beside `path`, to be freed; `unique`: of this process and call
 * alone. */
char *temp_name(const char *path, int unique);
/* Put the finished file in its place. */
enum vt_code publish(const char *temp, const char *path, struct vt_err *err)
    VT_MUST_CHECK;

/*
 * --decode: write the plain bytes of a stored blob, a file or an object that
 * `s3` reads, to the file `dest` or "-".  What failed has been told.
 */
enum vt_code decode(struct vt_s3 *s3, const char *stored, const char *version,
    const char *key_file, const char *dest) VT_MUST_CHECK;

#endif
