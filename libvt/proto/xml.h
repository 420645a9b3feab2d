/*
 * The XML of S3.  Writing: escaped text into a buffer.  Reading: expat, entity
 * expansion off, depth, node count and size bounded, into a small tree.
 */
#ifndef VT_PROTO_XML_H
#define VT_PROTO_XML_H

#include <stddef.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"

#define VT_XML_DEPTH_MAX 16
#define VT_XML_NODES_MAX 50000

/* "<?xml version=...?>" and a newline. */
void vt_xml_decl(struct vt_buf *out);
void vt_xml_open(struct vt_buf *out, const char *name);
/* The S3 namespace on the root element. */
void vt_xml_open_ns(struct vt_buf *out, const char *name);
void vt_xml_close(struct vt_buf *out, const char *name);
/* <name>text</name>, escaped; characters that XML 1.0 cannot hold are
 * written as U+FFFD. */
void vt_xml_text(struct vt_buf *out, const char *name, const char *text);
void vt_xml_bytes(struct vt_buf *out, const char *name, const void *s,
    size_t len);
void vt_xml_u64(struct vt_buf *out, const char *name, uint64_t n);
void vt_xml_escape(struct vt_buf *out, const void *s, size_t len);

struct vt_xml {
	const char *name;	/* local name: the namespace is dropped */
	const char *text;	/* all character data directly inside */
	size_t text_len;
	/* where its start tag begins in the document, and what is behind it:
	 * bytes, for who wants to add to a text as it came */
	size_t tag, inside;
	struct vt_xml *child, *next;	/* document order */
};
/* Parse a whole document into arena memory.  VT_INVALID (malformed, a DTD,
 * too deep, too many nodes). */
enum vt_code vt_xml_parse(struct vt_arena *a, const char *data, size_t len,
    struct vt_xml **root, struct vt_err *err) VT_MUST_CHECK;
/* The first child of that name, or NULL (also for a NULL node). */
const struct vt_xml *vt_xml_child(const struct vt_xml *x, const char *name);
/* Its text, or NULL when there is no such child. */
const char *vt_xml_child_text(const struct vt_xml *x, const char *name);

#endif
