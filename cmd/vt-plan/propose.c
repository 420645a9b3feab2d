/*
 * Proposals: packed, with their strings, until all are there and come in the
 * plan's order.
 */
#include <string.h>

#include "libvt/base/clear.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/base/varint.h"
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
put_order(char *p, const struct proposal *o)
{
	struct vt_move whole;

	if (o->pack == 0)
		return vt_order_move(p, rank(o), &o->m);
	whole = o->m;
	whole.saving_usd_month = o->worth_saving;
	whole.cost_usd = o->worth_cost;
	whole.key = o->prefix;
	whole.key_len = o->prefix_len;
	whole.seq = (int64_t)o->pack;
	p = vt_order_move(p, rank(o), &whole);
	*p++ = (char)!is_pack(o);
	p = vt_order_bytes(p, o->m.key, o->m.key_len);
	return vt_order_i64(p, o->m.seq);
}

/* --- packed --------------------------------------------------------------- */

/* What most moves have none of. */
enum {
	HAS_ASKED	= 1 << 0,	/* by rules or policies, then */
	HAS_REMOVAL	= 1 << 1,
	HAS_UPLOAD	= 1 << 2,
	HAS_PACK	= 1 << 3,	/* with what is told of packs */
	HAS_PLACE	= 1 << 4,	/* with what the page tells */
	HAS_VERSION	= 1 << 5,
	IS_HEX		= 1 << 6,	/* the version, as it should be */
	HAS_NAMES	= 1 << 7,	/* else the order says them */
	IS_EXPECTED	= 1 << 8	/* numbers in the place of a reason */
};

/* Before it in a buffer. */
struct head {
	uint32_t order_len, len;
};

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

static unsigned
flags_of(const struct proposal *p)
{
	const struct vt_move *m = &p->m;
	unsigned f = 0;

	f |= p->asked_us != 0 || *or_empty(m->rule) != '\0' ||
	    *or_empty(m->policy) != '\0' ? HAS_ASKED : 0;
	f |= p->removal != VT_LC_NONE ? HAS_REMOVAL : 0;
	f |= *or_empty(m->upload) != '\0' ? HAS_UPLOAD : 0;
	f |= p->pack != 0 || *or_empty(m->action) != '\0' ? HAS_PACK : 0;
	f |= p->is_placed ? HAS_PLACE : 0;
	f |= *or_empty(m->version) != '\0' ? HAS_VERSION : 0;
	/* it has them as they are, but for NULs in keys */
	f |= p->pack != 0 || memchr(m->key, '\0', m->key_len) != NULL ?
	    HAS_NAMES : 0;
	f |= p->is_expected ? IS_EXPECTED : 0;
	return f;
}

static char *
put_bits(char *p, uint64_t n)
{
	return p + vt_varint_put(p, n);
}

static char *
put_raw(char *p, const void *from, size_t len)
{
	return (char *)mempcpy(p, from, len);
}

/* With its length before and a NUL behind. */
static char *
put_text(char *p, const char *s)
{
	size_t len;

	s = or_empty(s);
	len = strlen(s);
	p = put_bits(p, len);
	return put_raw(p, s, len + 1);
}

static char *
put_version(char *p, const char *version, unsigned *f)
{
	char again[33];

	if (strlen(version) == 32 && vt_hex_decode(version, p, 16) == 0) {
		vt_hex_encode(p, 16, again);
		if (memcmp(again, version, 32) == 0) {
			*f |= IS_HEX;
			return p + 16;
		}
	}
	return put_text(p, version);
}

#define FLAG_BYTES 2

static void
put_flags(char *p, unsigned f)
{
	p[0] = (char)(f & 0xff);
	p[1] = (char)(f >> 8);
}

static unsigned
get_flags(const char **p)
{
	unsigned f = (uint8_t)(*p)[0] | (unsigned)(uint8_t)(*p)[1] << 8;

	*p += FLAG_BYTES;
	return f;
}

/* The sentence, or what it is made of. */
static char *
put_reason(char *p, const struct proposal *o)
{
	if (!o->is_expected)
		return put_text(p, o->m.reason);
	p = put_raw(p, &o->idle_days, 8);
	return put_raw(p, &o->share, 8);
}

/* Dollars and days: all 64 bits, as they are written again. */
static char *
put_numbers(char *p, const struct proposal *o)
{
	const struct vt_move *m = &o->m;

	p = put_bits(p, (uint64_t)m->generation);
	p = put_bits(p, (uint64_t)m->bucket_generation);
	p = put_bits(p, (uint64_t)m->copy);
	p = put_bits(p, m->size_bytes);
	p = put_raw(p, &m->saving_usd_month, 8);
	p = put_raw(p, &m->cost_usd, 8);
	p = put_raw(p, &m->payback_days, 8);
	p = put_raw(p, &o->now_month, 8);
	return put_raw(p, &o->after_month, 8);
}

static char *
put_rest(char *p, const struct proposal *o, unsigned f)
{
	const struct vt_move *m = &o->m;

	if (f & HAS_ASKED) {
		p = put_raw(p, &o->asked_us, 8);
		p = put_text(put_text(p, m->rule), m->policy);
	}
	if (f & HAS_REMOVAL)
		*p++ = (char)o->removal;
	if (f & HAS_UPLOAD)
		p = put_text(p, m->upload);
	if (f & HAS_PACK) {
		p = put_text(put_text(p, m->action), m->pack);
		p = put_bits(put_bits(p, o->pack), m->blob);
		p = put_bits(put_bits(p, m->objects), m->pack_bytes);
		p = put_raw(p, &o->more_month, 8);
	}
	if (f & HAS_PLACE) {
		p = put_raw(p, &o->place, sizeof(o->place));
		p = put_raw(p, &o->evidence_days, 8);
	}
	return p;
}

/* Most strings are empty. */
static size_t
length(const char *s)
{
	return s == NULL || *s == '\0' ? 0 : strlen(s);
}

/* What it takes at most. */
static size_t
most_bytes(const struct proposal *o)
{
	const struct vt_move *m = &o->m;
	size_t n = 1024 + vt_order_most(m) + m->key_len + length(m->bucket);

	/* the prefix in the order's key, which is behind it */
	if (o->pack != 0)
		n += VT_ORDER_BYTES(o->prefix_len) + 16;
	return n + length(m->version) + length(m->from) + length(m->to) +
	    length(m->reason) + length(m->rule) + length(m->policy) +
	    length(m->upload) + length(m->action) + length(m->pack);
}

uint64_t
pack_proposal(struct vt_buf *b, const struct proposal *p)
{
	const struct vt_move *m = &p->m;
	unsigned f = flags_of(p);
	struct head head;
	char *start, *at, *first;

	start = vt_buf_reserve(b, most_bytes(p));
	if (start == NULL)
		return 0;
	first = put_order(start + sizeof(head), p);
	head.order_len = (uint32_t)(first - start - sizeof(head));
	at = first + FLAG_BYTES;
	if (f & HAS_VERSION)
		at = put_version(at, m->version, &f);
	put_flags(first, f);
	at = put_numbers(at, p);
	at = put_text(put_text(at, m->from), m->to);
	at = put_reason(at, p);
	at = put_rest(at, p, f);
	if (f & HAS_NAMES) {
		at = put_text(put_bits(at, (uint64_t)m->seq), m->bucket);
		at = put_bits(at, m->key_len);
		at = put_raw(at, m->key, m->key_len);
		*at++ = '\0';
	}
	head.len = (uint32_t)(at - first);
	memcpy(start, &head, sizeof(head));
	b->len = (size_t)(at - b->data);
	/* where it stands: what it saves and costs, and its name */
	return vt_crc64nvme(0, start + sizeof(head), head.order_len);
}

void
keep_packed(struct run *r, struct vt_buf *b)
{
	const char *p = b->data, *end = p + b->len;
	struct vt_err err;
	struct head head;

	if (vt_buf_check(b, "proposals", &err) != VT_OK)
		plan_die(&err);
	while (p < end) {
		memcpy(&head, p, sizeof(head));
		p += sizeof(head);
		if (vt_sorter_add(r->proposals, p, head.order_len,
		    p + head.order_len, head.len, &err) != VT_OK)
			plan_die(&err);
		p += head.order_len + head.len;
	}
	vt_buf_reset(b);
}

void
keep_proposal(struct run *r, const struct proposal *p)
{
	r->sum.proposed += pack_proposal(&r->packed, p);
	keep_packed(r, &r->packed);
}

/* --- unpacked ------------------------------------------------------------- */

/* They were put by this process, so each number is there. */
static uint64_t
get_bits(const char **p)
{
	uint64_t n = 0;

	(void)vt_varint_get(p, *p + VT_VARINT_MAX, &n);
	return n;
}

static void
get_raw(const char **p, void *to, size_t len)
{
	memcpy(to, *p, len);
	*p += len;
}

static const char *
get_text(const char **p)
{
	size_t len = (size_t)get_bits(p);
	const char *s = *p;

	*p += len + 1;
	return s;
}

static void
get_numbers(const char **p, struct proposal *o)
{
	struct vt_move *m = &o->m;

	m->generation = (int64_t)get_bits(p);
	m->bucket_generation = (int64_t)get_bits(p);
	m->copy = (int64_t)get_bits(p);
	m->size_bytes = get_bits(p);
	get_raw(p, &m->saving_usd_month, 8);
	get_raw(p, &m->cost_usd, 8);
	get_raw(p, &m->payback_days, 8);
	get_raw(p, &o->now_month, 8);
	get_raw(p, &o->after_month, 8);
}

static void
get_reason(struct run *r, const char **p, struct proposal *o, unsigned f)
{
	if (!(f & IS_EXPECTED)) {
		o->m.reason = get_text(p);
		return;
	}
	get_raw(p, &o->idle_days, 8);
	get_raw(p, &o->share, 8);
	vt_plan_expected_text(o->idle_days, o->share, o->m.payback_days,
	    r->reason);
	o->m.reason = r->reason;
}

static void
get_rest(const char **p, struct proposal *o, unsigned f)
{
	struct vt_move *m = &o->m;

	if (f & HAS_ASKED) {
		get_raw(p, &o->asked_us, 8);
		m->rule = get_text(p);
		m->policy = get_text(p);
	}
	if (f & HAS_REMOVAL) {
		o->removal = (enum vt_lc_action)(uint8_t)*(*p)++;
		m->action = vt_lc_action_name(o->removal);
	}
	if (f & HAS_UPLOAD)
		m->upload = get_text(p);
	if (f & HAS_PACK) {
		m->action = get_text(p);
		m->pack = get_text(p);
		o->pack = get_bits(p);
		m->blob = get_bits(p);
		m->objects = get_bits(p);
		m->pack_bytes = get_bits(p);
		get_raw(p, &o->more_month, 8);
	}
	if (f & HAS_PLACE) {
		o->is_placed = 1;
		get_raw(p, &o->place, sizeof(o->place));
		get_raw(p, &o->evidence_days, 8);
	}
}

int
next_proposal(struct run *r, struct proposal *o)
{
	struct vt_sorter_record rec;
	struct vt_move *m = &o->m;
	struct vt_err err;
	enum vt_code rc;
	const char *p;
	unsigned f;

	rc = vt_sorter_next(r->proposals, &rec, &err);
	if (rc == VT_ABSENT)
		return 0;
	if (rc != VT_OK)
		plan_die(&err);
	vt_clear(o);
	m->rule = m->policy = m->upload = m->action = m->pack = "";
	m->version = "";
	p = rec.payload;
	f = get_flags(&p);
	if (f & IS_HEX) {
		vt_hex_encode((const uint8_t *)p, 16, r->version);
		m->version = r->version;
		p += 16;
	} else if (f & HAS_VERSION) {
		m->version = get_text(&p);
	}
	get_numbers(&p, o);
	m->from = get_text(&p);
	m->to = get_text(&p);
	get_reason(r, &p, o, f);
	get_rest(&p, o, f);
	if (!(f & HAS_NAMES)) {
		vt_order_names(rec.key, &m->bucket, &m->key, &m->seq);
		m->key_len = strlen(m->key);
		return 1;
	}
	m->seq = (int64_t)get_bits(&p);
	m->bucket = get_text(&p);
	m->key_len = (size_t)get_bits(&p);
	m->key = p;
	return 1;
}
