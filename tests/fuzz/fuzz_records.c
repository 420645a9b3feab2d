/* Any bytes as a line of vt-scan: no crash; the quick way and the plain one
 * read the same, whatever line was read before, and write the same of what was
 * read, which comes back as it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/records_internal.h"

#include "tests/unit/same_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the quick way reads next may be found by what it read last: always this
 * line first, so that an input does the same each time. */
static void
begin(struct vt_arena *a)
{
	static const char line[] = "{\"v\":1,\"bucket\":\"b\",\"key\":\"k\","
	    "\"current\":true,\"size\":5,\"tier\":\"hot\",\"class\":\"C\","
	    "\"copy\":4,\"reads\":0,\"bytes_read\":0,"
	    "\"covered_from\":\"2025-02-01T00:00:00.000Z\","
	    "\"covered_to\":\"2026-04-01T00:00:00.000Z\","
	    "\"covered_days\":9}\n";
	char copy[sizeof(line) + VT_RECORD_BEHIND] = { 0 };
	struct vt_scan_record r;

	memcpy(copy, line, sizeof(line));
	if (vt_scan_record_parse_quick(copy, sizeof(line) - 1, a, &r) == NULL)
		abort();
}

/* The quick way over a copy of it, which has to stay while `out` is used: was
 * it read? */
static int
read_quick(char *copy, const uint8_t *data, size_t size, struct vt_arena *a,
    struct vt_scan_record *out)
{
	char *stop;
	int was_quick;

	if (size > 0)
		memcpy(copy, data, size);
	copy[size] = '\n';
	memset(copy + size + 1, '"', VT_RECORD_BEHIND);
	stop = vt_scan_record_parse_quick(copy, size + 1, a, out);
	was_quick = stop == copy + size;
	/* a line that it has inside */
	if (stop != NULL && !was_quick)
		vt_scan_record_mend(copy, stop);
	/* who goes the plain way finds the line as it was */
	if (!was_quick && size > 0 && memcmp(copy, data, size) != 0)
		abort();
	return was_quick;
}

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
	char *copy;

	if (a == NULL)
		return 0;
	/* what may be read behind it, and no more */
	copy = malloc(size + 1 + VT_RECORD_BEHIND);
	if (copy == NULL)
		abort();
	vt_buf_init(&b, 64 << 20);
	vt_buf_init(&c, 64 << 20);
	begin(a);
	was_quick = read_quick(copy, data, size, a, &quick);
	rc = vt_scan_record_parse_plain((const char *)data, size, a, &plain,
	    &err);
	if (was_quick && (rc != VT_OK || !same_record(&quick, &plain)))
		abort();
	/* behind itself */
	if (read_quick(copy, data, size, a, &again) != was_quick ||
	    (was_quick && !same_record(&again, &plain)))
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
