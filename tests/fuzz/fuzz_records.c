/* Any bytes as a line of vt-scan: no crash; the quick way and the plain one
 * read the same, and write the same of what was read, which comes back as it
 * was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/records_internal.h"

#include "tests/unit/same_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
there_and_back(const struct vt_scan_record *r, struct vt_arena *a,
    struct vt_buf *b, struct vt_scan_record *out)
{
	struct vt_err err;

	vt_buf_reset(b);
	vt_scan_record_format(r, b);
	return !b->failed && vt_scan_record_parse(b->data, b->len - 1, a, out,
	    &err) == VT_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vt_arena *a = vt_arena_new(64 << 20);
	struct vt_scan_record quick, plain, again, same;
	struct vt_buf b, c;
	struct vt_err err;
	int was_quick;
	enum vt_code rc;
	char *copy, *stop;

	if (a == NULL)
		return 0;
	/* what may be read behind it, and no more */
	copy = malloc(size + 1 + VT_RECORD_BEHIND);
	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	copy[size] = '\n';
	memset(copy + size + 1, '"', VT_RECORD_BEHIND);
	vt_buf_init(&b, 64 << 20);
	vt_buf_init(&c, 64 << 20);
	stop = vt_scan_record_parse_quick(copy, size + 1, a, &quick);
	was_quick = stop == copy + size;
	/* a line that it has inside */
	if (stop != NULL && !was_quick)
		vt_scan_record_mend(copy, stop);
	/* who goes the plain way finds the line as it was */
	if (!was_quick && size > 0 && memcmp(copy, data, size) != 0)
		abort();
	rc = vt_scan_record_parse_plain((const char *)data, size, a, &plain,
	    &err);
	if (was_quick && (rc != VT_OK || !same_record(&quick, &plain)))
		abort();
	if (rc == VT_OK) {
		vt_scan_record_format_plain(&plain, &b);
		if (vt_scan_record_format_quick(&plain, &c) &&
		    (b.len != c.len || memcmp(b.data, c.data, b.len) != 0))
			abort();
		/* what is written is read, but for names of tiers that no
		 * configuration takes; what goes once, without fields of
		 * other kinds and microseconds, comes back the same */
		if (plain.also_count == 0 && (!there_and_back(&plain, a, &b,
		    &again) || !there_and_back(&again, a, &b, &same) ||
		    !same_record(&again, &same)))
			abort();
	}
	vt_buf_release(&b);
	vt_buf_release(&c);
	vt_arena_free(a);
	free(copy);
	return 0;
}
