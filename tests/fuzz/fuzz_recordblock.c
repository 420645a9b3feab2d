/* Any bytes as the records of a block: no crash, also when only the last days
 * are asked for; and what is read of them goes into a block and comes back the
 * same. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/recordblock.h"

#include "tests/unit/same_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A record once more, through a block of its own. */
static void
there_and_back(const struct vt_scan_record *r)
{
	struct vt_days_room room = { NULL, 0 };
	struct vt_block_reader reader;
	struct vt_scan_record again;
	struct vt_block k;

	vt_block_init(&k);
	if (vt_block_reader_init(&reader) < 0 || vt_block_add(&k, r) < 0 ||
	    vt_buf_reserve(&k.bytes, VT_BLOCK_BEHIND) == NULL)
		abort();
	vt_block_open(&reader, k.bytes.data + VT_BLOCK_HEADER,
	    vt_block_len(&k));
	if (vt_block_next(&reader, &again) != VT_OK ||
	    vt_record_days(&again, INFINITY, &room) != VT_OK ||
	    !same_record(r, &again) ||
	    vt_block_next(&reader, &again) != VT_ABSENT)
		abort();
	vt_block_reader_release(&reader);
	vt_block_release(&k);
	free(room.h);
}

/* Times as they are said. */
static void
to_milliseconds(struct vt_scan_record *r)
{
	int64_t *t[] = { &r->at_us, &r->noncurrent_since_us, &r->mtime_us,
	    &r->copy_since_us, &r->retain_until_us, &r->last_read_us,
	    &r->covered_from_us, &r->covered_to_us };
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(*t); i++)
		*t[i] = *t[i] / 1000 * 1000 - (*t[i] % 1000 < 0 ? 1000 : 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vt_days_room room = { NULL, 0 };
	struct vt_block_reader reader;
	struct vt_scan_record r;
	char *copy;

	copy = malloc(size + VT_BLOCK_BEHIND);
	if (copy == NULL || vt_block_reader_init(&reader) < 0)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	memset(copy + size, 0, VT_BLOCK_BEHIND);
	vt_block_open(&reader, copy, size);
	while (vt_block_next(&reader, &r) == VT_OK) {
		(void)!vt_record_days(&r, 30, &room);
		if (vt_record_days(&r, INFINITY, &room) != VT_OK)
			continue;
		to_milliseconds(&r);
		there_and_back(&r);
	}
	vt_block_reader_release(&reader);
	free(copy);
	free(room.h);
	return 0;
}
