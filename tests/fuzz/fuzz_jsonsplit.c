/*
 * Any bytes as a stream of JSON: the records found do not depend on how it is
 * cut, and no byte is in two of them.
 *
 * Input: first byte, how to cut; the rest, the stream.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/jsonsplit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORDS_MAX 4096

struct outcome {
	size_t begin[RECORDS_MAX], end[RECORDS_MAX], count;
	int is_whole;
};

static void
split(const char *s, size_t len, size_t piece, struct outcome *o)
{
	struct vt_jsonsplit split;
	size_t at = 0, begin = 0, used, room;
	int in_record = 0, idle = 0;

	memset(&split, 0, sizeof(split));
	memset(o, 0, sizeof(*o));
	while (at < len) {
		room = len - at < piece ? len - at : piece;
		switch (vt_jsonsplit_next(&split, s + at, room, &used)) {
		case VT_SPLIT_MORE:
			if (used != room)
				abort();
			break;
		case VT_SPLIT_BEGIN:
			if (in_record)
				abort();
			begin = at + used;
			in_record = 1;
			break;
		case VT_SPLIT_DROP:
			if (!in_record)
				abort();
			in_record = 0;
			break;
		case VT_SPLIT_END:
			if (!in_record)
				abort();
			in_record = 0;
			if (o->count < RECORDS_MAX) {
				o->begin[o->count] = begin;
				o->end[o->count++] = at + used;
			}
			break;
		}
		/* it must go on */
		idle = used == 0 ? idle + 1 : 0;
		if (used > room || idle > 2)
			abort();
		at += used;
	}
	o->is_whole = vt_jsonsplit_is_whole(&split);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome whole, cut;
	const char *s = (const char *)data + 1;
	size_t i;

	if (size < 1)
		return 0;
	split(s, size - 1, SIZE_MAX, &whole);
	split(s, size - 1, 1 + data[0] % 16, &cut);
	if (whole.count != cut.count || whole.is_whole != cut.is_whole)
		abort();
	for (i = 0; i < whole.count; i++)
		if (whole.begin[i] != cut.begin[i] ||
		    whole.end[i] != cut.end[i] ||
		    whole.begin[i] >= whole.end[i] ||
		    (i > 0 && whole.begin[i] < whole.end[i - 1]))
			abort();
	return 0;
}
