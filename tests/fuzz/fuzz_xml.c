/* Any bytes as an XML document: no crash, and what was read can be written
 * and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_tree(struct vt_buf *out, const struct vt_xml *x)
{
	/* a local name alone may not be a name: "p:1" */
	vt_buf_printf(out, "<x%s>", x->name);
	vt_xml_escape(out, x->text, x->text_len);
	for (const struct vt_xml *c = x->child; c != NULL; c = c->next)
		write_tree(out, c);
	vt_buf_printf(out, "</x%s>", x->name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vt_arena *a = vt_arena_new(16 << 20);
	struct vt_xml *root, *again;
	struct vt_buf b;

	if (a == NULL)
		return 0;
	vt_buf_init(&b, 16 << 20);
	if (vt_xml_parse(a, (const char *)data, size, &root, NULL) == VT_OK) {
		write_tree(&b, root);
		if (!b.failed && b.len < (1 << 20) &&
		    vt_xml_parse(a, b.data, b.len, &again, NULL) != VT_OK)
			abort();
	}
	vt_buf_reset(&b);
	vt_xml_escape(&b, data, size);
	vt_buf_release(&b);
	vt_arena_free(a);
	return 0;
}
