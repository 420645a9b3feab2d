/* Any bytes as a lifecycle document: no crash; what is taken reads the same
 * from its stored form and is complete there, and may be asked anything. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/lifecycle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
visit(void *ctx, const struct vt_lc_move *m)
{
	size_t *bytes = ctx;

	*bytes += strlen(m->storage_class) + strlen(m->rule->id);
}

static void
ask(const struct vt_lifecycle *lc, const uint8_t *data, size_t size)
{
	struct vt_lc_subject s;
	struct vt_lc_removal r;
	char tags[64];
	size_t bytes = 0;
	unsigned i;

	memset(&s, 0, sizeof(s));
	s.key = (const char *)data;
	s.key_len = size < 16 ? size : 16;
	memset(tags, 0, sizeof(tags));
	memcpy(tags, data, size < sizeof(tags) ? size : sizeof(tags) - 1);
	s.tags = tags;
	for (i = 0; i < 64; i++) {
		s.is_upload = i & 1;
		s.is_current = (i >> 1) & 1;
		s.is_marker = (i >> 2) & 1;
		s.is_alone = (i >> 3) & 1;
		s.newer = (i >> 4) * 7;
		s.size_bytes = (uint64_t)i << i;
		s.created_us = s.noncurrent_since_us =
		    (int64_t)i * 700000000000;
		vt_lifecycle_removal(lc, &s, &r);
		if (r.action != VT_LC_NONE && (!r.rule->enabled ||
		    vt_lc_action_find(vt_lc_action_name(r.action)) !=
		    r.action))
			abort();
		vt_lifecycle_transitions(lc, &s, visit, &bytes);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vt_arena *a = vt_arena_new(64 << 20);
	struct vt_lifecycle *lc, *again;
	const char *out, *twice, *code;
	size_t len, twice_len, skip, i;
	int varies = size > 0 && (data[size - 1] & 1);

	if (a == NULL)
		return 0;
	if (vt_lifecycle_parse(a, (const char *)data, size, &lc, NULL,
	    NULL) == VT_OK)
		ask(lc, data, size);
	if (vt_lifecycle_complete(a, (const char *)data, size, varies, &out,
	    &len, &lc, &code, NULL) == VT_OK) {
		if (lc->varies != varies)
			abort();
		for (i = 0; i < lc->count; i++)
			if (*lc->rule[i].id == '\0')
				abort();
		skip = vt_lifecycle_xml(out, len, NULL);
		if (vt_lifecycle_complete(a, out + skip, len - skip, varies,
		    &twice, &twice_len, &again, &code, NULL) != VT_OK ||
		    twice_len != len || memcmp(out, twice, len) != 0 ||
		    again->count != lc->count)
			abort();
		ask(lc, data, size);
	}
	vt_arena_free(a);
	return 0;
}
