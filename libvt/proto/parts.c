#include <string.h>

#include "libvt/proto/parts.h"
#include "libvt/proto/s3client.h"

void
vt_parts_of(const char *url, uint64_t part_bytes, struct vt_parts *out)
{
	size_t n = strcspn(url, ":");

	memset(out, 0, sizeof(*out));
	if (n == 2 && strncmp(url, "s3", n) == 0) {
		out->parts_max = VT_S3_PARTS_MAX;
		out->beside = 2;	/* it is begun and completed */
	} else if (n == 5 && strncmp(url, "azure", n) == 0) {
		out->parts_max = VT_AZURE_BLOCKS_MAX;
		out->beside = 1;	/* the list of them is put */
	} else {
		return;
	}
	out->part_bytes = part_bytes != 0 ? part_bytes : VT_PARTS_BYTES;
}

uint64_t
vt_parts_bytes(uint64_t part_bytes, unsigned parts_max,
    uint64_t size_bytes)
{
	const uint64_t mib = UINT64_C(1) << 20;

	if (size_bytes == UINT64_MAX || parts_max == 0 ||
	    size_bytes / parts_max < part_bytes)
		return part_bytes;
	return (size_bytes / parts_max / mib + 1) * mib;
}

uint64_t
vt_parts_count(const struct vt_parts *p, uint64_t size_bytes)
{
	uint64_t each;

	if (p->part_bytes == 0 || size_bytes <= p->part_bytes)
		return 1;
	each = vt_parts_bytes(p->part_bytes, p->parts_max, size_bytes);
	return size_bytes / each + (size_bytes % each != 0) + p->beside;
}
