/*
 * Packs that are there: what of them is dead is billed on, until they are
 * written anew.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/num.h"

#include "plan.h"

/* One that some version is in. */
struct entry {
	int64_t blob;		/* 0: free */
	uint32_t k;		/* its tier */
	uint32_t members;	/* that live */
	uint64_t bytes;
	double dead;
	int64_t since_us;
	double idle_days;	/* of the one that rested least */
	char bucket[64];
};

struct repack_table {
	struct entry *e;
	size_t count, cap;	/* cap is a power of two */
};

static struct entry *
find(struct repack_table *t, int64_t blob)
{
	size_t i = (size_t)((uint64_t)blob * UINT64_C(0x9e3779b97f4a7c15));

	for (i &= t->cap - 1; t->e[i].blob != 0 && t->e[i].blob != blob;
	    i = (i + 1) & (t->cap - 1))
		;
	return &t->e[i];
}

static void
grow(struct repack_table *t)
{
	struct repack_table more = { NULL, t->count,
	    t->cap != 0 ? t->cap * 2 : 256 };
	size_t i;

	more.e = calloc(more.cap, sizeof(*more.e));
	if (more.e == NULL)
		plan_no_memory();
	for (i = 0; i < t->cap; i++)
		if (t->e[i].blob != 0)
			*find(&more, t->e[i].blob) = t->e[i];
	free(t->e);
	*t = more;
}

void
repacks_note(struct vt_buf *b, const struct decided *p)
{
	const struct vt_scan_record *rec = &p->rec;
	struct entry e = { .blob = rec->pack, .k = (uint32_t)p->d.from,
	    .members = 1, .bytes = rec->pack_bytes, .dead = rec->pack_dead,
	    .since_us = rec->copy_since_us, .idle_days = p->d.idle_days };

	snprintf(e.bucket, sizeof(e.bucket), "%s", rec->bucket);
	(void)vt_buf_add(b, &e, sizeof(e));	/* sticks until it is taken */
}

static void
add(struct run *r, const struct entry *one)
{
	struct repack_table *t;
	struct entry *e;

	if (r->repacks == NULL)
		r->repacks = cli_alloc(sizeof(*r->repacks));
	t = r->repacks;
	if (t->count * 2 >= t->cap)
		grow(t);
	e = find(t, one->blob);
	if (e->blob == 0) {
		*e = *one;
		t->count++;
		return;
	}
	/* scans tolerate changes: the latest is as good as any */
	e->dead = one->dead;
	e->members++;
	if (one->since_us > e->since_us)
		e->since_us = one->since_us;
	e->idle_days = fmin(e->idle_days, one->idle_days);
}

void
repacks_saw(struct run *r, struct vt_buf *b)
{
	const struct entry *e = (const struct entry *)(const void *)b->data;
	size_t i;

	if (b->failed)
		plan_no_memory();
	for (i = 0; i < b->len / sizeof(*e); i++)
		add(r, &e[i]);
	vt_buf_reset(b);
}

static int
by_blob(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->blob < y->blob ? -1 : x->blob > y->blob;
}

static void
propose(struct run *r, const struct entry *e, const struct vt_repack *w)
{
	double month = r->model.month_days;
	char reason[128];
	struct proposal out;

	memset(&out, 0, sizeof(out));
	snprintf(reason, sizeof(reason), "%.0f %% of it is dead; pays back in "
	    "%.1f days", e->dead * 100, w->payback_days);
	out.m.action = "repack";
	out.m.rule = out.m.policy = out.m.version = out.m.pack = "";
	out.m.bucket = e->bucket;
	out.m.key = "";
	out.m.blob = (uint64_t)e->blob;
	out.m.seq = e->blob;	/* places the line, is not in it */
	out.m.to = r->model.tier[e->k].name;
	out.m.objects = e->members;
	out.m.size_bytes = out.m.pack_bytes = (uint64_t)((double)e->bytes *
	    (1 - e->dead));
	out.m.saving_usd_month = rounded(w->saving_day * month);
	out.m.cost_usd = rounded(w->cost);
	out.m.payback_days = rounded(w->payback_days);
	out.m.reason = reason;
	out.now_month = w->saving_day * month;
	out.prefix = "";
	keep_proposal(r, &out);
}

/* What is dead is on the bill, too. */
static void
weigh(struct run *r, const struct entry *e)
{
	const struct vt_cost_rates *rates = &r->rates;
	int64_t now = r->now_us != INT64_MAX ? r->now_us : r->covered_to;
	struct vt_pack_state s = { .bytes = (double)e->bytes,
	    .live_bytes = (double)e->bytes * (1 - e->dead),
	    .live_members = e->members, .stay_days = e->idle_days };
	struct vt_repack w;
	double dead = vt_cost_keep(rates, e->k, s.bytes) -
	    rates->day_byte[e->k] * s.live_bytes;

	r->sum.bill_now += dead * r->model.month_days;
	r->sum.bill_after += dead * r->model.month_days;
	if (now > e->since_us)
		s.stayed_days = (double)(now - e->since_us) / 86400e6;
	vt_pack_repack(&r->terms, e->k, &s, &w);
	/* what lies in an archive cannot be read anew at once */
	if (r->packs && w.due && !rates->zero.needs_restore[e->k])
		propose(r, e, &w);
}

void
repacks_end(struct run *r)
{
	struct repack_table *t = r->repacks;
	size_t i, n = 0;

	if (t == NULL)
		return;
	for (i = 0; i < t->cap; i++)
		if (t->e[i].blob != 0)
			t->e[n++] = t->e[i];
	qsort(t->e, n, sizeof(*t->e), by_blob);
	for (i = 0; i < n; i++)
		weigh(r, &t->e[i]);
	free(t->e);
	free(t);
	r->repacks = NULL;
}

int
is_repack(const struct proposal *p)
{
	return p->m.blob != 0;
}

void
repacks_summarize(const struct run *r)
{
	const struct pack_sums *s = &r->repack_sums;
	char size[16], usd[32];

	if (s->packs == 0)
		return;
	cli_warn("%llu pack%s with much that is dead, %s of it alive, %s "
	    "written anew to save %s dollars a month",
	    (unsigned long long)s->packs, s->packs == 1 ? "" : "s",
	    vt_num_human_bytes(s->bytes, size), s->packs == 1 ? "is" : "are",
	    usd_text(s->saving, usd));
}
