/*
 * Packs in the plan: which small objects are worth putting into one large
 * one, and with which others.  A cold tier bills a least size, a request and a
 * minimum duration for each object; a pack pays them once for all its members.
 *
 * The tier is decided first (plan.h), packing second: what is held back there
 * is held back here, and a pack is proposed only where it costs less than what
 * was decided without.
 *
 * Pure: no clock, no file, no catalog.  Times are in days, money in dollars.
 */
#ifndef VT_WORK_PACKPLAN_H
#define VT_WORK_PACKPLAN_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"
#include "libvt/work/cost.h"
#include "libvt/work/past.h"
#include "libvt/work/plan.h"

/*
 * A member has three blocks of 512 bytes before its own bytes: the header of
 * its pax extended header, a block of records in it (bucket, key, version,
 * ETag), and the header of the file; its bytes are filled up to a block
 * (POSIX.1-2017, pax, "pax Interchange Format").  What the compression of a
 * frame makes of headers is not counted on.
 */
#define VT_PACK_BLOCK 512
#define VT_PACK_HEADER (3 * VT_PACK_BLOCK)
#define VT_PACK_INDEX 100	/* bytes of a member's index entry, kept hot */
#define VT_PACK_LEAST 2		/* members; at most, whatever their size: */
#define VT_PACK_MEMBERS 65536
#define VT_PACK_DEPTH 8		/* folders of a key that are told apart, */
#define VT_PACK_PREFIX 1024	/* within so many bytes */
#define VT_PACK_BUCKET 256	/* bytes of a bucket's name, with its NUL */
#define VT_PACK_GROUPS 64	/* open at once, of each depth */
#define VT_PACK_OCTAVES 14	/* of idle days: the last begins with 8192 */

struct vt_pack_options {
	uint64_t pack_bytes;	/* of a full one; 64 MiB */
	uint64_t max_bytes;	/* larger objects are left alone; 1 MiB */
	uint32_t header_bytes, index_bytes;	/* as above */
	double ratio;		/* bytes stored for one of an object; 1 */
	double dead_max;	/* written anew from this dead share on; 0.3 */
	double payback_max_days;	/* 0: any */
};
void vt_pack_defaults(struct vt_pack_options *o);
/* A dead share at which writing a pack anew is weighed. */
#define VT_PACK_STEPS 20
struct vt_pack_step {
	double dead;
	double stays;		/* mean stays until so much is dead */
};
/* What is asked for, and the prices it meets; plain data. */
struct vt_pack_terms {
	struct vt_pack_options o;
	const struct vt_cost_model *m;	/* borrowed; stale when it changes */
	struct vt_cost_rates rates;
	struct vt_pack_step step[VT_PACK_STEPS];
	size_t step_count;
};
void vt_pack_terms_of(const struct vt_cost_model *m,
    const struct vt_pack_options *o, struct vt_pack_terms *out);
/* What an object takes in a pack. */
uint64_t vt_pack_member_bytes(const struct vt_pack_options *o,
    uint64_t size_bytes);

/* --- the price of a pack -------------------------------------------------- */

struct vt_pack_bill {
	double bare_day;	/* keeping it a day, index entries included */
	double waste_day;	/* of that: least size and overheads */
	/*
	 * The same with what members that leave cost those that stay: their
	 * bytes are billed on until the pack is written anew, at `dead_at`, or
	 * is dropped with its last member (dead_at 1); whichever is cheaper.
	 */
	double day;
	double dead_at, repack;	/* that share; what writing it anew costs */
	double put;		/* writing it */
	double restore;		/* a restore of all of it; else 0 */
};
/*
 * A pack of `bytes` with `members` on tier `k`.  `leave`: the share of the
 * members that goes each day, deleted, promoted or moved.
 */
void vt_pack_price(const struct vt_pack_terms *t, size_t k, double bytes,
    double members, double leave, struct vt_pack_bill *out);

/* A pack that exists, some of its members gone. */
struct vt_pack_state {
	double bytes, live_bytes;
	double live_members;
	double stayed_days;	/* on its tier */
	double stay_days;	/* how long the rest is expected to stay */
};
struct vt_repack {
	int due;		/* dead enough, and pays back */
	double dead;		/* share, 0..1 */
	double cost;		/* read what lives, write it, leave early */
	double saving_day;
	double payback_days;	/* also of the new pack's minimum */
};
void vt_pack_repack(const struct vt_pack_terms *t, size_t k,
    const struct vt_pack_state *s, struct vt_repack *out);

/* --- one object ----------------------------------------------------------- */

enum vt_pack_why {
	VT_PACK_YES,
	VT_PACK_LARGE,		/* pays by itself, or not at all */
	VT_PACK_HELD,		/* not to be moved: see the verdict */
	VT_PACK_RULED,		/* a rule or a policy asks for its move */
	VT_PACK_WARM,		/* it is read, or is going to a dearer tier */
	VT_PACK_MINIMUM,	/* its tier's minimum is paid for anyway */
	VT_PACK_NO_SAVING,	/* no tier would be cheaper, packed or not */
	VT_PACK_SOON,		/* pays back, but not within the evidence */
	VT_PACK_ALONE,		/* costs no less than what was decided */
	VT_PACK_WHYS
};
/* What a full pack would make of it; also filled in when the answer is no,
 * as far as the question came: `to` is 0 when it did not come to tiers. */
struct vt_pack_offer {
	size_t from, to;
	uint64_t size_bytes;
	double bytes;		/* in the pack */
	double now_day;		/* keeping it where it is */
	double packed_day;	/* keeping its share of a full pack */
	double move;		/* reading it and carrying it over */
	double cost;		/* that, and its share of the writing */
	double payback_days;
	double idle_days;	/* covered: the evidence */
	double horizon_days;	/* that, or until it expires */
	double age_days;	/* INFINITY when it is known when it expires */
	double serve_now;	/* reading it once whole where it is */
	/* what was decided without packs, at the least */
	double else_cost, else_day;
};
/* Fill in what follows from tier `k`, and from `from` and `age_days`. */
void vt_pack_quote(const struct vt_pack_terms *t, const struct vt_cost *alone,
    size_t k, struct vt_pack_offer *out);
/*
 * Weigh an object, `alone` being its bill and `d` its decision, for a full
 * pack.  `expires_days`: from the end of its past until a rule removes it, or
 * INFINITY.
 */
enum vt_pack_why vt_pack_weigh(const struct vt_pack_terms *t,
    const struct vt_cost *alone, const struct vt_scan_record *r,
    const struct vt_past *past, const struct vt_decision *d,
    double expires_days, struct vt_pack_offer *out);
/* "it is larger than what is packed": the words of a no, for a sentence. */
const char *vt_pack_why_text(enum vt_pack_why why);
/*
 * Members that are expected to die together: those of one octave of age and
 * of rest, or those that a rule removes within the same 30 days from
 * `now_days`.
 */
uint32_t vt_pack_class(const struct vt_pack_offer *o, double now_days,
    double expires_days);

/* --- putting them together ------------------------------------------------ */

/* A member, for the list of a pack.  Place it in what you know of it. */
struct vt_pack_member {
	struct vt_pack_member *next;
	struct vt_pack_offer offer;
};

/* What came together.  Valid during the call. */
struct vt_pack {
	int pays;		/* else: these wait, or stay as decided */
	const char *bucket;
	const char *prefix;	/* not NUL-terminated */
	size_t prefix_len;
	size_t to;
	uint64_t objects, size_bytes;
	double bytes;		/* of the pack */
	double cost;		/* all of it */
	double saving_day;	/* against where they are */
	double more_day;	/* against what was decided without packs, */
	double else_cost;	/* which costs that */
	double payback_days;
	double idle_days;	/* of the one that rested least */
	double reads_day;	/* expected dollars, more than now */
	struct vt_pack_bill bill;
	struct vt_pack_member *first;	/* when members were given */
};
/* Of a day: the member's part of the pack, by its bytes. */
double vt_pack_share(const struct vt_pack *p, const struct vt_pack_offer *o);

/* Each object comes once, in a pack or left over.  The list is the callee's. */
typedef void vt_pack_visit(void *ctx, const struct vt_pack *p);

/*
 * Objects come by bucket and key in order; what lies in one folder is put
 * together, what is left of a folder goes on with the folder above.  A folder
 * gets packs of its own when they are at least half full.  What is left at the
 * bucket's end becomes a smaller pack if that pays back by itself and waiting
 * for a full one has cost more by now than a full one would save; what is left
 * of that, whenever it may die, is tried once more as one.
 *
 * Order is a matter of worth alone: in any, each object comes once.
 */
struct vt_packer;
/* Terms and `ctx` are borrowed.  NULL: no memory. */
struct vt_packer *vt_packer_new(const struct vt_pack_terms *t,
    vt_pack_visit *visit, void *ctx);
void vt_packer_free(struct vt_packer *p);
/*
 * The next small object and what the log saw of it: how often such objects
 * are read after a rest is learned from all, packed or not.
 */
void vt_packer_saw(struct vt_packer *p, const char *bucket, const char *key,
    size_t key_len, const struct vt_past *past);
/*
 * Offer the object seen last.  `member` NULL: only sums are wanted; else it is
 * borrowed until it comes back with a pack, and its offer is `o`.
 */
void vt_packer_add(struct vt_packer *p, const struct vt_pack_offer *o,
    uint32_t death_class, struct vt_pack_member *member);
/* Members that wait inside. */
uint64_t vt_packer_held(const struct vt_packer *p);
/* Close all that is open; may be called at any time. */
void vt_packer_flush(struct vt_packer *p);

#endif
