/* Bytes that compare as a plan's lines: see order.h. */
#include <endian.h>
#include <string.h>

#include "libvt/work/order.h"

static char *
put_eight(char *p, uint64_t n)
{
	uint64_t big = htobe64(n);

	memcpy(p, &big, sizeof(big));
	return p + sizeof(big);
}

char *
vt_order_i64(char *p, int64_t n)
{
	return put_eight(p, (uint64_t)n ^ (UINT64_C(1) << 63));
}

/* A double that falls, no NaN. */
static char *
put_falling(char *p, double d)
{
	uint64_t bits;

	d += 0;			/* the zeros are one */
	memcpy(&bits, &d, sizeof(bits));
	/* of doubles of one sign the bits are in order of their size */
	return put_eight(p, bits >> 63 ? bits : ~bits & INT64_MAX);
}

char *
vt_order_bytes(char *p, const char *from, size_t len)
{
	const char *end = from + len, *nul;

	while ((nul = memchr(from, '\0', (size_t)(end - from))) != NULL) {
		p = mempcpy(p, from, (size_t)(nul - from));
		*p++ = '\0';
		*p++ = '\1';
		from = nul + 1;
	}
	p = mempcpy(p, from, (size_t)(end - from));
	*p++ = '\0';
	*p++ = '\0';
	return p;
}

#define PLACE_BUCKET 10		/* behind the rank and the worth */

size_t
vt_order_most(const struct vt_move *m)
{
	return PLACE_BUCKET + VT_ORDER_BYTES(strlen(m->bucket)) +
	    VT_ORDER_BYTES(m->key_len) + 8;
}

char *
vt_order_move(char *p, int rank, const struct vt_move *m)
{
	int is_free = m->cost_usd <= 0;

	*p++ = (char)rank;
	*p++ = (char)!is_free;
	p = put_falling(p, is_free ? m->saving_usd_month :
	    m->saving_usd_month / m->cost_usd);
	p = vt_order_bytes(p, m->bucket, strlen(m->bucket));
	p = vt_order_bytes(p, m->key, m->key_len);
	return vt_order_i64(p, m->seq);
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
