/*
 * Lines of our own access log read the quick way: fields in the order in which
 * accesslog.c writes them, nothing escaped, nothing unknown.  Whatever is
 * unusual is for the parser of JSON, and what is read here it reads the same.
 */
#ifndef VT_PROTO_ACCESSLINE_H
#define VT_PROTO_ACCESSLINE_H

#include <stddef.h>
#include <stdint.h>

struct vt_accessline_text {
	const char *s;		/* borrowed from the line; NULL: absent */
	size_t len;
};

struct vt_accessline {
	struct vt_accessline_text time, actor, op, bucket, key, version;
	uint64_t status, out, size;
	int has_size;
};

/* 1: *a is what the line says; 0: it is not of that kind. */
int vt_accessline_read(const char *line, size_t len, struct vt_accessline *a);

#endif
