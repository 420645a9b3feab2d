/*
 * What comes of versions that are decided on one by one and forgotten, as far
 * as sums, proposals and packs that are there go: gathered by a thread of the
 * lines it has in hand, and taken in their order.
 */
#include <string.h>

#include "plan.h"

void
settled_init(struct settled *s)
{
	memset(s, 0, sizeof(*s));
	vt_buf_init(&s->proposals, SIZE_MAX / 2);
	vt_buf_init(&s->in_packs, SIZE_MAX / 2);
}

void
settled_release(struct settled *s)
{
	vt_buf_release(&s->proposals);
	vt_buf_release(&s->in_packs);
}

void
settled_reset(struct settled *s)
{
	memset(&s->sum, 0, sizeof(s->sum));
	vt_buf_reset(&s->proposals);
	vt_buf_reset(&s->in_packs);
}

void
settle(const struct run *r, struct settled *s, const struct decided *p)
{
	struct outcome o;
	int k;

	if (p->rec.kind == VT_SCAN_VERSION) {
		work_out(r, p, &o);
		s->sum.beyond += (uint64_t)p->is_beyond;
		if (p->rec.pack != 0 && p->d.from >= 0)
			repacks_note(&s->in_packs, p);
	} else {
		work_out_other(r, p, &o, &k);
	}
	count_one(&s->sum, p, &o);
	if (o.is_proposed)
		s->sum.proposed += pack_proposal(&s->proposals, &o.p);
}

void
take_settled(struct run *r, struct settled *s)
{
	add_tally(&r->sum, &s->sum);
	repacks_saw(r, &s->in_packs);
	keep_packed(r, &s->proposals);
}
