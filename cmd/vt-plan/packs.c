#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hex.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/num.h"

#include "plan.h"

#define HELD_MAX 500000		/* small objects whose pack is not decided */
/* Of more versions than these it is not told unasked what packs would save: to
 * find out takes twice as long as the plan. */
#define UNASKED_MAX 1000000

/* A small object until it is known if a pack comes of it. */
struct candidate {
	struct vt_pack_member m;	/* first: lists are of these */
	struct proposal p;	/* strings in `text` or the model */
	int is_move;		/* else: nothing, if no pack */
	enum vt_verdict verdict;
	char text[];
};

static const char *
copy_to(char **at, const char *s, size_t len)
{
	char *start = *at;

	if (len > 0)
		memcpy(start, s, len);
	start[len] = '\0';
	*at += len + 1;
	return start;
}

static struct candidate *
new_candidate(const struct proposal *p, enum vt_verdict verdict)
{
	size_t bucket = strlen(p->m.bucket), version = strlen(p->m.version);
	size_t reason = strlen(p->m.reason);
	struct candidate *c;
	char *at;

	c = cli_alloc(sizeof(*c) + bucket + version + reason + p->m.key_len +
	    4);
	at = c->text;
	c->p = *p;
	c->p.m.bucket = copy_to(&at, p->m.bucket, bucket);
	c->p.m.key = copy_to(&at, p->m.key, p->m.key_len);
	c->p.m.version = copy_to(&at, p->m.version, version);
	c->p.m.reason = copy_to(&at, p->m.reason, reason);
	c->verdict = verdict;
	c->is_move = verdict == VT_PLAN_MOVE;
	return c;
}

int
packs_take(struct run *r, const struct decided *d, const struct proposal *p)
{
	const struct vt_scan_record *rec = &d->rec;
	struct vt_pack_offer offer;
	struct candidate *c;
	uint32_t death_class;
	double expires;

	if (r->packer == NULL || rec->size_bytes > r->pack.max_bytes)
		return 0;
	vt_packer_saw(r->packer, rec->bucket, rec->key, rec->key_len,
	    &d->past);
	expires = expires_days(r, d);
	if (vt_pack_weigh(&r->terms, &d->cost, rec, &d->past, &d->d, expires,
	    &offer) != VT_PACK_YES)
		return 0;
	death_class = vt_pack_class(&offer, d->past.to, expires);
	if (!r->packs || r->simulate) {
		vt_packer_add(r->packer, &offer, death_class, NULL);
		return 0;
	}
	c = new_candidate(p, d->d.verdict);
	vt_packer_add(r->packer, &offer, death_class, &c->m);
	if (vt_packer_held(r->packer) > HELD_MAX)
		vt_packer_flush(r->packer);
	return 1;
}

/* --- what comes of them --------------------------------------------------- */

/* The pack's name: of its members and where they go. */
static void
name_pack(const struct run *r, const struct vt_pack *p, char id[17])
{
	const struct vt_pack_member *i;
	uint8_t sum[VT_HASH_MAX];
	struct vt_hash h;

	memset(&h, 0, sizeof(h));
	if (vt_hash_init(&h, VT_SHA256) < 0)
		plan_no_memory();
	vt_hash_update(&h, p->bucket, strlen(p->bucket) + 1);
	vt_hash_update(&h, r->model.tier[p->to].name,
	    strlen(r->model.tier[p->to].name) + 1);
	for (i = p->first; i != NULL; i = i->next) {
		const struct vt_move *m = &((const struct candidate *)i)->p.m;

		vt_hash_update(&h, m->key, m->key_len + 1);
		vt_hash_update(&h, m->version, strlen(m->version) + 1);
	}
	vt_hash_final(&h, sum);
	vt_hash_release(&h);
	vt_hex_encode(sum, 8, id);
}

static void
propose_pack(struct run *r, const struct vt_pack *p, const char *id)
{
	double month = r->model.month_days;
	char reason[128];
	struct proposal out;

	memset(&out, 0, sizeof(out));
	snprintf(reason, sizeof(reason), "none was read in %.0f days; pays "
	    "back in %.1f days", p->idle_days, p->payback_days);
	out.m.action = "pack";
	out.m.pack = id;
	out.m.rule = out.m.policy = out.m.version = "";
	out.m.bucket = p->bucket;
	out.m.key = p->prefix;
	out.m.key_len = p->prefix_len;
	out.m.to = r->model.tier[p->to].name;
	out.m.objects = p->objects;
	out.m.size_bytes = p->size_bytes;
	out.m.pack_bytes = (uint64_t)p->bytes;
	out.m.saving_usd_month = rounded(p->saving_day * month);
	out.m.cost_usd = rounded(p->cost);
	out.m.payback_days = rounded(p->payback_days);
	out.m.reason = reason;
	out.pack = r->found_packs.packs;
	out.prefix = p->prefix;
	out.prefix_len = p->prefix_len;
	out.worth_saving = out.m.saving_usd_month;
	out.worth_cost = out.m.cost_usd;
	out.more_month = p->more_day * month;
	keep_proposal(r, &out);
}

static void
propose_member(struct run *r, const struct vt_pack *p, const char *id,
    const struct candidate *c)
{
	const struct vt_pack_offer *o = &c->m.offer;
	double saving = (o->now_day - vt_pack_share(p, o)) *
	    r->model.month_days;
	char reason[128];
	struct proposal out = c->p;

	snprintf(reason, sizeof(reason), "no read in %.0f days; one of %llu "
	    "in a pack", o->idle_days, (unsigned long long)p->objects);
	out.m.action = "pack-member";
	out.m.pack = id;
	out.m.to = r->model.tier[p->to].name;
	out.to_tier = 1 + (unsigned)p->to;
	out.m.saving_usd_month = rounded(saving);
	out.m.cost_usd = rounded(o->move + p->bill.put * o->bytes / p->bytes);
	out.m.payback_days = rounded(p->payback_days);
	out.m.reason = reason;
	out.told = VT_TOLD_REASON;
	out.after_month = out.now_month - saving;
	out.pack = r->found_packs.packs;
	out.prefix = p->prefix;
	out.prefix_len = p->prefix_len;
	out.worth_saving = rounded(p->saving_day * r->model.month_days);
	out.worth_cost = rounded(p->cost);
	keep_proposal(r, &out);
}

static void
add_pack(struct pack_sums *s, const struct vt_pack *p, double month_days)
{
	s->packs++;
	s->objects += p->objects;
	s->bytes += p->size_bytes;
	s->saving += p->saving_day * month_days;
	s->more += p->more_day * month_days;
	s->payback += p->payback_days * p->saving_day * month_days;
}

/* A pack that pays, or objects that wait for more of their kind. */
static void
take_pack(void *ctx, const struct vt_pack *p)
{
	struct vt_pack_member *i, *next;
	struct run *r = ctx;
	char id[17];

	add_pack(p->pays ? &r->found_packs : &r->waiting_packs, p,
	    r->model.month_days);
	if (p->first == NULL)
		return;
	if (p->pays) {
		name_pack(r, p, id);
		propose_pack(r, p, id);
	}
	for (i = p->first; i != NULL; i = next) {
		struct candidate *c = (struct candidate *)i;

		next = i->next;
		if (p->pays) {
			r->sum.verdicts[c->verdict]--;
			propose_member(r, p, id, c);
		} else if (c->is_move) {
			keep_proposal(r, &c->p);
		}
		free(c);
	}
}

void
packs_begin(struct run *r)
{
	r->pack.payback_max_days = r->policy.payback_max_days;
	vt_pack_terms_of(&r->model, &r->pack, &r->terms);
	/* nobody would be told what packs would save */
	if (r->quiet && !r->packs && !r->simulate && r->report_path == NULL)
		return;
	r->packer = vt_packer_new(&r->terms, take_pack, r);
	if (r->packer == NULL)
		plan_no_memory();
}

void
packs_look(struct run *r)
{
	if (r->packer == NULL || r->packs || r->simulate ||
	    r->report != NULL || vt_spool_count(r->spool) <= UNASKED_MAX)
		return;
	packs_end(r);
	r->one_by_one = r->explain != NULL;
	r->packs_unknown = 1;
}

void
packs_end(struct run *r)
{
	if (r->packer != NULL)
		vt_packer_flush(r->packer);
	vt_packer_free(r->packer);
	r->packer = NULL;
}

/* --- for people ----------------------------------------------------------- */

void
packs_count(struct run *r, const struct proposal *p)
{
	struct pack_sums *s = &r->packed_sums;

	s->packs++;
	s->objects += p->m.objects;
	s->bytes += p->m.size_bytes;
	s->saving += p->m.saving_usd_month;
	s->more += p->more_month;
	s->payback += p->m.payback_days * p->m.saving_usd_month;
}

static const char *
months_text(const struct run *r, const struct pack_sums *s, char out[32])
{
	snprintf(out, 32, "%.2g", s->saving > 0 ? s->payback / s->saving /
	    r->model.month_days : 0);
	return out;
}

/* What moving its members alone would save; a sum's last digits are none. */
static double
alone(const struct pack_sums *s)
{
	double usd = s->saving - s->more;

	return fabs(usd) > 1e-5 * fabs(s->saving) ? usd : 0;
}

/* "3 packs of 4113 objects, 12.3 MiB," and what they save. */
static void
packs_text(const struct run *r, const struct pack_sums *s, char out[300])
{
	char size[16], with[32], without[32], months[32];

	snprintf(out, 300, "%llu pack%s of %llu small objects, %s, %s %s "
	    "dollars a month, %s without packing; paid back in %s months",
	    (unsigned long long)s->packs, s->packs == 1 ? "" : "s",
	    (unsigned long long)s->objects,
	    vt_num_human_bytes(s->bytes, size),
	    s->packs == 1 ? "saves" : "save", usd_text(s->saving, with),
	    usd_text(alone(s), without), months_text(r, s, months));
}

void
packs_summarize(const struct run *r)
{
	const struct pack_sums *f = &r->found_packs, *w = &r->waiting_packs;
	char text[300], size[16], usd[32];

	if (r->packs && r->packed_sums.packs > 0) {
		packs_text(r, &r->packed_sums, text);
		cli_warn("%s", text);
	}
	if (r->packs && w->objects > 0)
		cli_warn("%llu small objects, %s, wait for others to be packed "
		    "with", (unsigned long long)w->objects,
		    vt_num_human_bytes(w->bytes, size));
	if (r->packs_unknown)
		cli_warn("of more than %d versions it is not worked out what "
		    "packing small ones would save: see --packs",
		    UNASKED_MAX);
	if (!r->packs && f->packs > 0 && f->more > 0)
		cli_warn("packing %llu objects of up to %s would save %s "
		    "dollars a month more: see --packs",
		    (unsigned long long)f->objects,
		    vt_num_human_bytes(r->pack.max_bytes, size),
		    usd_text(f->more, usd));
}

void
packs_simulated(const struct run *r)
{
	char text[300];

	if (r->found_packs.packs == 0)
		return;
	packs_text(r, &r->found_packs, text);
	cli_printf("\n%s\n", text);
}

void
packs_json(const struct run *r, struct vt_buf *b)
{
	const struct pack_sums *s = &r->found_packs;

	if (s->packs == 0)
		return;
	vt_json_u64(b, "packs", s->packs);
	vt_json_u64(b, "pack_objects", s->objects);
	vt_json_u64(b, "pack_bytes", s->bytes);
	vt_json_double(b, "pack_saving_usd_month", s->saving);
	vt_json_double(b, "unpacked_saving_usd_month", alone(s));
	vt_json_double(b, "pack_payback_days",
	    s->saving > 0 ? s->payback / s->saving : 0);
}

/* What each tier would cost alone and in a full pack. */
static void
explain_tiers(const struct run *r, const struct vt_cost *cost,
    const struct vt_decision *d, double age_days)
{
	double month = r->model.month_days;
	struct vt_pack_offer q;
	char full[16];
	size_t k;

	cli_printf("\n  in a pack of %s\n  %-16s %13s %13s %13s %14s\n",
	    vt_num_human_bytes(r->pack.pack_bytes, full), "tier",
	    "alone $/month", "there $/month", "go there $",
	    "pays back days");
	for (k = 1; k < r->model.count; k++) {
		if ((int)k == d->from)
			continue;
		memset(&q, 0, sizeof(q));
		q.from = (size_t)d->from;
		q.age_days = age_days;
		vt_pack_quote(&r->terms, cost, k, &q);
		cli_printf("  %-16s %13.6g %13.6g %13.6g ",
		    r->model.tier[k].name, cost->day[k] * month,
		    q.packed_day * month, q.cost);
		if (cost->excluded[k])
			cli_printf("%14s\n", "excluded");
		else if (isinf(q.payback_days))
			cli_printf("%14s\n", "never");
		else
			cli_printf("%14.1f\n", q.payback_days);
	}
}

void
packs_explain(const struct run *r, const struct decided *p)
{
	double expires = expires_days(r, p);
	struct vt_pack_offer q;
	enum vt_pack_why why;

	why = vt_pack_weigh(&r->terms, &p->cost, &p->rec, &p->past, &p->d,
	    expires, &q);
	if (p->d.from >= 0 && why != VT_PACK_LARGE)
		explain_tiers(r, &p->cost, &p->d, expires < INFINITY ?
		    INFINITY : p->past.to - p->past.created);
	if (why == VT_PACK_YES)
		cli_printf("\n  packing to %s with its neighbours%s: it rested "
		    "for %.0f days, that pays back in %.1f\n",
		    r->model.tier[q.to].name, r->packs ? "" : " (--packs)",
		    q.idle_days, q.payback_days);
	else if (why == VT_PACK_SOON)
		cli_printf("\n  no packing: it counts on %.0f days of rest, "
		    "'%s' takes %.1f to pay back\n", q.horizon_days,
		    r->model.tier[q.to].name, q.payback_days);
	else
		cli_printf("\n  no packing: %s\n", vt_pack_why_text(why));
}
