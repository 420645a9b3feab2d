/*
 * The parts in which what is large is written to an object store, so that more
 * fits and less is sent again when a connection breaks.  One place for those
 * who cut them and for those who price them: many providers bill each part as
 * a request.
 *
 * Pure; knows no server.
 */
#ifndef VT_PROTO_PARTS_H
#define VT_PROTO_PARTS_H

#include <stdint.h>

#define VT_PARTS_BYTES (16u << 20)	/* of one, by default */
#define VT_AZURE_BLOCKS_MAX 50000

struct vt_parts {
	uint64_t part_bytes;	/* what is larger goes by so large ones; 0:
				   nothing does */
	unsigned parts_max;	/* with more they are larger; 0: any number */
	unsigned beside;	/* requests beside them: to begin, to end */
};

/*
 * Of a tier with this URL, of which the scheme is enough, and parts of
 * `part_bytes` (0: the default).  An upload that is billed as one request, as
 * Google's, has none here.
 */
void vt_parts_of(const char *url, uint64_t part_bytes, struct vt_parts *out);
/* The requests that writing so many bytes takes. */
uint64_t vt_parts_count(const struct vt_parts *p, uint64_t size_bytes);
/* The size of each part of so many bytes (UINT64_MAX: not known): whole MiB
 * when they must be larger than `part_bytes`. */
uint64_t vt_parts_bytes(uint64_t part_bytes, unsigned parts_max,
    uint64_t size_bytes);

#endif
