/*
 * Any bytes as an ACL: as the text that is kept, as a grant header, as an XML
 * document.  No crash; what was read comes back the same from what is kept
 * and grants the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/acl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every word is a user. */
static int
find(void *ctx, const char *id, const char *email, const char **out_id,
    const char **out_name)
{
	(void)ctx;
	*out_id = id != NULL ? id : email;
	*out_name = "x";
	return **out_id != '\0' && strchr(*out_id, ' ') == NULL ? 0 : -1;
}

static void
round_trip(struct vt_arena *a, const struct vt_acl *acl,
    const struct vt_acl_users *users)
{
	struct vt_acl again;
	struct vt_buf kept, xml;

	vt_buf_init(&kept, 1 << 20);
	vt_buf_init(&xml, 1 << 20);
	vt_acl_format(&kept, acl);
	if (vt_acl_parse(a, kept.data, &again, NULL) != VT_OK ||
	    again.count != acl->count)
		abort();
	for (size_t i = 0; i < acl->count; i++)
		if (acl->grants[i].grantee == VT_ACL_USER &&
		    (vt_acl_allows(kept.data, acl->grants[i].id, 1) &
		    acl->grants[i].permission) != acl->grants[i].permission)
			abort();
	vt_acl_to_xml(&xml, acl, "o", NULL, users);
	vt_buf_release(&xml);
	vt_buf_release(&kept);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vt_acl_users users = { find, NULL };
	struct vt_arena *a = vt_arena_new(16 << 20);
	const char *owner, *code;
	struct vt_acl acl;
	struct vt_xml *root;
	char *text;

	if (a == NULL)
		return 0;
	text = vt_arena_dup(a, data, size);
	if (text == NULL) {
		vt_arena_free(a);
		return 0;
	}
	(void)vt_acl_is_public(text);
	(void)vt_acl_allows(text, "aa", 0);
	if (vt_acl_parse(a, text, &acl, NULL) == VT_OK)
		round_trip(a, &acl, &users);
	acl.count = 0;
	if (vt_acl_header(&acl, a, VT_ACL_READ, text, &users, &code,
	    NULL) == VT_OK)
		round_trip(a, &acl, &users);
	acl.count = 0;
	if (vt_xml_parse(a, text, size, &root, NULL) == VT_OK &&
	    vt_acl_from_xml(&acl, root, &users, &owner, &code, NULL) == VT_OK)
		round_trip(a, &acl, &users);
	vt_arena_free(a);
	return 0;
}
