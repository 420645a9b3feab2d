/*
 * Proposals: packed, with their strings, until all are there and come in the
 * plan's order.
 */
#include <string.h>

#include "libvt/base/clear.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/packed.h"
#include "libvt/work/order.h"

#include "plan.h"

/* What rules and policies ask for before what pays. */
static int
rank(const struct proposal *p)
{
	return p->removal != VT_LC_NONE ? 0 : *p->m.rule != '\0' ||
	    *p->m.policy != '\0' ? 1 : 2;
}

int
is_pack(const struct proposal *p)
{
	return p->pack != 0 && p->m.objects > 0;
}

/* A pack stands where its worth is, and its members behind it. */
static char *
put_order(char *p, const struct proposal *o, size_t bucket_len)
{
	struct vt_move whole;

	if (o->pack == 0)
		return vt_order_move(p, rank(o), &o->m, bucket_len);
	whole = o->m;
	whole.saving_usd_month = o->worth_saving;
	whole.cost_usd = o->worth_cost;
	whole.key = o->prefix;
	whole.key_len = o->prefix_len;
	whole.seq = (int64_t)o->pack;
	p = vt_order_move(p, rank(o), &whole, bucket_len);
	*p++ = (char)!is_pack(o);
	p = vt_order_bytes(p, o->m.key, o->m.key_len);
	return vt_order_i64(p, o->m.seq);
}

/* --- packed --------------------------------------------------------------- */

/* What most moves have none of. */
enum {
	TOLD		= 3,		/* who tells the reason */
	HAS_ASKED	= 1 << 2,	/* by rules or policies, then */
	HAS_REMOVAL	= 1 << 3,
	HAS_UPLOAD	= 1 << 4,
	HAS_PACK	= 1 << 5,	/* with what is told of packs */
	HAS_PLACE	= 1 << 6,	/* with what the page tells */
	HAS_VERSION	= 1 << 7,
	IS_HEX		= 1 << 8,	/* the version, as it should be */
	HAS_NAMES	= 1 << 9	/* else the order says them */
};

#define FLAG_BYTES 2
#define HEX_BYTES 16
/* All that is no string, and the lengths of those. */
#define FIXED_BYTES 1024

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

/* Most strings are empty. */
static size_t
length(const char *s)
{
	return s == NULL || *s == '\0' ? 0 : strlen(s);
}

static unsigned
flags_of(const struct proposal *p)
{
	const struct vt_move *m = &p->m;
	unsigned f = (unsigned)p->told;

	f |= p->asked_us != 0 || *or_empty(m->rule) != '\0' ||
	    *or_empty(m->policy) != '\0' ? HAS_ASKED : 0;
	f |= p->removal != VT_LC_NONE ? HAS_REMOVAL : 0;
	f |= *or_empty(m->upload) != '\0' ? HAS_UPLOAD : 0;
	f |= p->pack != 0 || *or_empty(m->action) != '\0' ? HAS_PACK : 0;
	f |= p->is_placed ? HAS_PLACE : 0;
	f |= *or_empty(m->version) != '\0' ? HAS_VERSION : 0;
	return f;
}

static char *
put_text(char *p, const char *s)
{
	return vt_packed_put_text(p, or_empty(s), length(s));
}

static char *
put_version(char *p, const char *version, size_t len, unsigned *f)
{
	if (len == (size_t)2 * HEX_BYTES &&
	    vt_hex_decode_own(version, len, p) == 0) {
		*f |= IS_HEX;
		return p + HEX_BYTES;
	}
	return vt_packed_put_text(p, version, len);
}

static void
put_flags(char *p, unsigned f)
{
	p[0] = (char)(f & 0xff);
	p[1] = (char)(f >> 8);
}

/* As a number, where the model has it. */
static char *
put_tier(char *p, unsigned tier, const char *name)
{
	*p++ = (char)tier;
	return tier != 0 ? p : put_text(p, name);
}

/* Dollars and days: all 64 bits, as they are written again. */
static char *
put_numbers(char *p, const struct proposal *o, unsigned f)
{
	const struct vt_move *m = &o->m;

	p = vt_packed_put(p, (uint64_t)m->generation);
	p = vt_packed_put(p, (uint64_t)m->bucket_generation);
	/* mostly the one that came with the version, and is numbered next */
	p = vt_packed_put_signed(p, (int64_t)((uint64_t)m->copy -
	    (uint64_t)m->seq));
	p = vt_packed_put(p, m->size_bytes);
	p = vt_packed_put_double(p, m->saving_usd_month);
	p = vt_packed_put_double(p, m->cost_usd);
	p = vt_packed_put_double(p, m->payback_days);
	/* of moves the sums need no more than what they change */
	if ((f & (HAS_PLACE | HAS_REMOVAL)) == 0)
		return vt_packed_put_double(p, o->after_month -
		    o->now_month);
	p = vt_packed_put_double(p, o->now_month);
	return vt_packed_put_double(p, o->after_month);
}

/* The sentence, or what it is made of. */
static char *
put_reason(char *p, const struct proposal *o)
{
	if (o->told == VT_TOLD_REASON)
		return put_text(p, o->m.reason);
	if (o->told != VT_TOLD_IDLE)
		return p;
	p = vt_packed_put_double(p, o->idle_days);
	return vt_packed_put_double(p, o->share);
}

static char *
put_rest(char *p, const struct proposal *o, unsigned f)
{
	const struct vt_move *m = &o->m;

	if (f & HAS_ASKED) {
		p = vt_packed_put(p, (uint64_t)o->asked_us);
		p = put_text(put_text(p, m->rule), m->policy);
	}
	if (f & HAS_REMOVAL)
		*p++ = (char)o->removal;
	if (f & HAS_UPLOAD)
		p = put_text(p, m->upload);
	if (f & HAS_PACK) {
		p = put_text(put_text(p, m->action), m->pack);
		p = vt_packed_put(vt_packed_put(p, o->pack), m->blob);
		p = vt_packed_put(vt_packed_put(p, m->objects),
		    m->pack_bytes);
		p = vt_packed_put_double(p, o->more_month);
	}
	if (f & HAS_PLACE) {
		p = (char *)mempcpy(p, &o->place, sizeof(o->place));
		p = vt_packed_put_double(p, o->evidence_days);
	}
	return p;
}

/* What it takes at most, but for its bucket and version. */
static size_t
most_bytes(const struct proposal *o)
{
	const struct vt_move *m = &o->m;
	/* the key also behind the order */
	size_t n = FIXED_BYTES + VT_ORDER_MOST(0, m->key_len) + m->key_len;

	/* the prefix in the order's key, which is behind it */
	if (o->pack != 0)
		n += VT_ORDER_BYTES(o->prefix_len) + 16;
	if (o->from_tier == 0 || o->to_tier == 0)
		n += length(m->from) + length(m->to);
	return n + length(m->reason) + length(m->rule) + length(m->policy) +
	    length(m->upload) + length(m->action) + length(m->pack);
}

uint64_t
pack_proposal(struct vt_buf *b, const struct proposal *p)
{
	const struct vt_move *m = &p->m;
	size_t bucket_len = length(m->bucket), len = length(m->version);
	struct vt_sorter_head head;
	unsigned f = flags_of(p);
	char *start, *at, *first;

	start = vt_buf_reserve(b, most_bytes(p) + 2 * bucket_len + len);
	if (start == NULL)
		return 0;
	first = put_order(start + sizeof(head), p, bucket_len);
	head.key_len = (uint32_t)(first - start - sizeof(head));
	/* the order has the names as they are, but for NULs in keys */
	if (p->pack != 0 || head.key_len != VT_ORDER_PLAIN(bucket_len,
	    m->key_len))
		f |= HAS_NAMES;
	at = first + FLAG_BYTES;
	if (f & HAS_VERSION)
		at = put_version(at, m->version, len, &f);
	put_flags(first, f);
	at = put_numbers(at, p, f);
	at = put_tier(at, p->from_tier, m->from);
	at = put_tier(at, p->to_tier, m->to);
	at = put_reason(at, p);
	at = put_rest(at, p, f);
	if (f & HAS_NAMES) {
		at = vt_packed_put(at, (uint64_t)m->seq);
		at = vt_packed_put_text(at, m->bucket, bucket_len);
		at = vt_packed_put_text(at, m->key, m->key_len);
	}
	head.payload_len = (uint32_t)(at - first);
	memcpy(start, &head, sizeof(head));
	b->len = (size_t)(at - b->data);
	/* where it stands: what it saves and costs, and its name */
	return vt_fingerprint(start + sizeof(head), head.key_len);
}

void
keep_packed(struct run *r, struct vt_buf *b)
{
	struct vt_err err;

	if (vt_buf_check(b, "proposals", &err) != VT_OK ||
	    vt_sorter_add_packed(r->proposals, b->data, b->len, &err) !=
	    VT_OK)
		plan_die(&err);
	vt_buf_reset(b);
}

void
keep_proposal(struct run *r, const struct proposal *p)
{
	r->sum.proposed += pack_proposal(&r->packed, p);
	keep_packed(r, &r->packed);
}

/* --- unpacked ------------------------------------------------------------- */

void
proposals_end(struct run *r)
{
	const char *name;
	struct vt_err err;
	size_t i, len;

	if (vt_sorter_finish(r->proposals, &err) != VT_OK)
		plan_die(&err);
	for (i = 0; i < r->model.count; i++) {
		name = r->model.tier[i].name;
		len = strlen(name);
		r->tier_len[i] = vt_json_is_ascii(name, len) ? len : 0;
	}
}

static unsigned
get_flags(struct vt_exact *x)
{
	const char *p = vt_exact_bytes(x, FLAG_BYTES);

	return p == NULL ? 0 : (uint8_t)p[0] | (unsigned)(uint8_t)p[1] << 8;
}

static void
get_version(struct run *r, struct vt_exact *x, struct proposal *o, unsigned f)
{
	const char *raw;

	if (!(f & IS_HEX)) {
		o->m.version = f & HAS_VERSION ? vt_packed_get_text(x, NULL) :
		    "";
		return;
	}
	raw = vt_exact_bytes(x, HEX_BYTES);
	if (raw != NULL)
		vt_hex_encode(raw, HEX_BYTES, r->version);
	o->m.version = r->version;
	o->known.version = (size_t)2 * HEX_BYTES;
}

static const char *
get_tier(const struct run *r, struct vt_exact *x, unsigned *tier,
    size_t *known)
{
	const char *p = vt_exact_bytes(x, 1);

	*tier = p != NULL ? (uint8_t)*p : 0;
	if (*tier == 0)
		return vt_packed_get_text(x, NULL);
	*known = r->tier_len[*tier - 1];
	return r->model.tier[*tier - 1].name;
}

static void
get_numbers(struct vt_exact *x, struct proposal *o, unsigned f)
{
	struct vt_move *m = &o->m;

	m->generation = (int64_t)vt_packed_get(x);
	m->bucket_generation = (int64_t)vt_packed_get(x);
	m->copy = vt_packed_get_signed(x);	/* from seq on, still */
	m->size_bytes = vt_packed_get(x);
	m->saving_usd_month = vt_exact_get_double(x);
	m->cost_usd = vt_exact_get_double(x);
	m->payback_days = vt_exact_get_double(x);
	if (f & (HAS_PLACE | HAS_REMOVAL))
		o->now_month = vt_exact_get_double(x);
	o->after_month = vt_exact_get_double(x);
}

static void
get_reason(struct run *r, struct vt_exact *x, struct proposal *o)
{
	if (o->told == VT_TOLD_REASON) {
		o->m.reason = vt_packed_get_text(x, NULL);
		return;
	}
	if (o->told == VT_TOLD_IDLE) {
		o->idle_days = vt_exact_get_double(x);
		o->share = vt_exact_get_double(x);
	}
	o->known.reason = vt_plan_told_text(o->told, o->idle_days, o->share,
	    o->m.payback_days, r->reason);
	o->m.reason = r->reason;
}

static void
get_rest(struct vt_exact *x, struct proposal *o, unsigned f)
{
	struct vt_move *m = &o->m;
	const char *p;

	m->rule = m->policy = m->upload = m->action = m->pack = "";
	if (f & HAS_ASKED) {
		o->asked_us = (int64_t)vt_packed_get(x);
		m->rule = vt_packed_get_text(x, NULL);
		m->policy = vt_packed_get_text(x, NULL);
	}
	if (f & HAS_REMOVAL) {
		p = vt_exact_bytes(x, 1);
		o->removal = p != NULL ? (enum vt_lc_action)(uint8_t)*p :
		    VT_LC_NONE;
		m->action = vt_lc_action_name(o->removal);
	}
	if (f & HAS_UPLOAD)
		m->upload = vt_packed_get_text(x, NULL);
	if (f & HAS_PACK) {
		m->action = vt_packed_get_text(x, NULL);
		m->pack = vt_packed_get_text(x, NULL);
		o->pack = vt_packed_get(x);
		m->blob = vt_packed_get(x);
		m->objects = vt_packed_get(x);
		m->pack_bytes = vt_packed_get(x);
		o->more_month = vt_exact_get_double(x);
	}
	if (f & HAS_PLACE) {
		o->is_placed = 1;
		p = vt_exact_bytes(x, sizeof(o->place));
		if (p != NULL)
			memcpy(&o->place, p, sizeof(o->place));
		o->evidence_days = vt_exact_get_double(x);
	}
}

static void
get_names(const struct vt_sorter_record *rec, struct vt_exact *x,
    struct vt_move *m, unsigned f)
{
	if (f & HAS_NAMES) {
		m->seq = (int64_t)vt_packed_get(x);
		m->bucket = vt_packed_get_text(x, NULL);
		m->key = vt_packed_get_text(x, &m->key_len);
	} else {
		vt_order_names(rec->key, rec->key_len, m);
	}
	m->copy = (int64_t)((uint64_t)m->copy + (uint64_t)m->seq);
}

int
next_proposal(struct run *r, struct proposal *o)
{
	struct vt_sorter_record rec;
	struct vt_exact x;
	struct vt_err err;
	enum vt_code rc;
	unsigned f;

	rc = vt_sorter_next(r->proposals, &rec, &err);
	if (rc == VT_ABSENT)
		return 0;
	if (rc != VT_OK)
		plan_die(&err);
	vt_clear(o);
	x = (struct vt_exact){ rec.payload, rec.payload + rec.payload_len, 0 };
	f = get_flags(&x);
	o->told = (enum vt_told)(f & TOLD);
	get_version(r, &x, o, f);
	get_numbers(&x, o, f);
	o->m.from = get_tier(r, &x, &o->from_tier, &o->known.from);
	o->m.to = get_tier(r, &x, &o->to_tier, &o->known.to);
	get_reason(r, &x, o);
	get_rest(&x, o, f);
	get_names(&rec, &x, &o->m, f);
	if (x.failed) {
		(void)vt_fail(&err, VT_CORRUPT, "a proposal in '%s' is not "
		    "what was put there", r->temp_folder);
		plan_die(&err);
	}
	return 1;
}
