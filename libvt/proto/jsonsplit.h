/*
 * Where records begin and end in a stream of JSON that need not be lines: the
 * objects at its top, those of an array at its top, and those of the array
 * "Records", "records" or "entries" of an object at its top; as many such
 * documents behind each other as there are, with newlines anywhere.
 *
 * Bytes come as they come; the records are the caller's to keep and to parse.
 * What is no JSON is told as a record too, so that a parser refuses it and the
 * rest is found again: at a newline in a string, or at an object where none
 * can be.  Never allocates, never fails.
 */
#ifndef VT_PROTO_JSONSPLIT_H
#define VT_PROTO_JSONSPLIT_H

#include <stddef.h>

/* All zero: at the beginning. */
struct vt_jsonsplit {
	int where, parent;
	unsigned depth;
	int in_string, is_escaped;
	char prev;		/* the last byte that was no blank */
	char name[8];		/* the last text at the top of a record */
	unsigned name_len;
	int is_envelope;
};

enum vt_jsonsplit_event {
	VT_SPLIT_MORE,		/* all of `len` is looked at */
	VT_SPLIT_BEGIN,		/* the next byte is a record's first */
	VT_SPLIT_END,		/* the byte before was a record's last */
	VT_SPLIT_DROP		/* what was begun is no record but holds some */
};

/* Look at bytes up to the next event; *used gets how many. */
enum vt_jsonsplit_event vt_jsonsplit_next(struct vt_jsonsplit *s,
    const char *data, size_t len, size_t *used);
/* 1: the stream may end here, with no document half read. */
int vt_jsonsplit_is_whole(const struct vt_jsonsplit *s);

#endif
