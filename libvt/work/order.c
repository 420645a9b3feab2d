/* Bytes that compare as a plan's lines: see order.h. */
#include <endian.h>
#include <string.h>

#include "libvt/work/order.h"

static void
put_eight(struct vt_buf *b, uint64_t n)
{
	uint64_t big = htobe64(n);

	vt_buf_add(b, &big, sizeof(big));
}

void
vt_order_i64(struct vt_buf *b, int64_t n)
{
	put_eight(b, (uint64_t)n ^ (UINT64_C(1) << 63));
}

void
vt_order_falling(struct vt_buf *b, double d)
{
	uint64_t bits;

	d += 0;			/* the zeros are one */
	memcpy(&bits, &d, sizeof(bits));
	/* of doubles of one sign the bits are in order of their size */
	put_eight(b, bits >> 63 ? bits : ~bits & INT64_MAX);
}

void
vt_order_bytes(struct vt_buf *b, const char *p, size_t len)
{
	const char *end = p + len, *nul;

	while ((nul = memchr(p, '\0', (size_t)(end - p))) != NULL) {
		vt_buf_add(b, p, (size_t)(nul - p));
		vt_buf_add(b, "\0\1", 2);
		p = nul + 1;
	}
	vt_buf_add(b, p, (size_t)(end - p));
	vt_buf_add(b, "\0", 2);
}

#define PLACE_BUCKET 10		/* behind the rank and the worth */

void
vt_order_move(struct vt_buf *b, int rank, const struct vt_move *m)
{
	int is_free = m->cost_usd <= 0;

	vt_buf_char(b, (char)rank);
	vt_buf_char(b, (char)!is_free);
	vt_order_falling(b, is_free ? m->saving_usd_month :
	    m->saving_usd_month / m->cost_usd);
	vt_order_bytes(b, m->bucket, strlen(m->bucket));
	vt_order_bytes(b, m->key, m->key_len);
	vt_order_i64(b, m->seq);
}

void
vt_order_names(const char *place, const char **bucket, const char **key,
    int64_t *seq)
{
	const char *p = place + PLACE_BUCKET;
	uint64_t n;

	*bucket = p;
	p += strlen(p) + 2;
	*key = p;
	p += strlen(p) + 2;
	memcpy(&n, p, sizeof(n));
	*seq = (int64_t)(be64toh(n) ^ (UINT64_C(1) << 63));
}
