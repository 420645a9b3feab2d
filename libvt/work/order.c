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
#define PLACE_ENDS 4		/* behind bucket and key */

char *
vt_order_move(char *p, int rank, const struct vt_move *m, size_t bucket_len)
{
	int is_free = m->cost_usd <= 0;

	*p++ = (char)rank;
	*p++ = (char)!is_free;
	p = put_falling(p, is_free ? m->saving_usd_month :
	    m->saving_usd_month / m->cost_usd);
	p = (char *)mempcpy(p, m->bucket, bucket_len);
	*p++ = '\0';
	*p++ = '\0';
	p = vt_order_bytes(p, m->key, m->key_len);
	return vt_order_i64(p, m->seq);
}

void
vt_order_names(const char *place, size_t len, struct vt_move *out)
{
	size_t bucket_len;
	uint64_t n;

	out->bucket = place + PLACE_BUCKET;
	bucket_len = strlen(out->bucket);
	out->key = out->bucket + bucket_len + 2;
	out->key_len = len - PLACE_BUCKET - bucket_len - PLACE_ENDS - 8;
	memcpy(&n, place + len - 8, sizeof(n));
	out->seq = (int64_t)(be64toh(n) ^ (UINT64_C(1) << 63));
}
