/*
 * Placement policies: what a bucket, or the keys of it that begin alike, ask
 * of the tiers that their bytes may lie on, before cost has a say (P6).  The
 * configuration lists them; who plans, moves or writes asks here.
 *
 * A policy is of one bucket, or of all ("*"), and of the keys behind one
 * prefix.  Of the policies that match a key each field is taken from the most
 * specific one that names it: one of the bucket goes before one of all
 * buckets, then a longer prefix before a shorter one.
 *
 * Pure; knows tiers by what is said of them.  Threads may share what is made.
 */
#ifndef VT_WORK_PLACE_H
#define VT_WORK_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

#define VT_PLACE_POLICIES 1000	/* at most */
#define VT_PLACE_TIERS 32
#define VT_PLACE_NAME 80	/* bytes of a policy's name, with the NUL */
#define VT_PLACE_TEXT 256	/* of a sentence */
#define VT_PLACE_COPIES_MAX 4

enum vt_place_field {
	VT_PLACE_TIER_LIST, VT_PLACE_LOCATIONS, VT_PLACE_DURABILITY,
	VT_PLACE_FIRST_BYTE, VT_PLACE_PIN, VT_PLACE_HISTORY,
	VT_PLACE_PAYBACK, VT_PLACE_COPIES, VT_PLACE_ACK, VT_PLACE_SPREAD,
	VT_PLACE_FIELDS
};
/* As the configuration calls them. */
extern const char *const vt_place_field_name[VT_PLACE_FIELDS];

/* A tier, as far as policies look at it; strings are borrowed. */
struct vt_place_tier {
	const char *name, *location;
	unsigned durability_nines;
	int64_t first_byte_ms;
	int needs_restore;
	int is_closed;		/* to be emptied: nothing may lie there,
				   whatever policies say */
};

/* What was written down.  A field that is named with an empty value (NULL, 0)
 * lifts what a less specific policy asks. */
struct vt_place_policy {
	char *bucket;			/* or "*" */
	char *prefix;			/* "": every key */
	unsigned given;			/* 1 << field: it is named */
	char **tiers, **locations;	/* ended by NULL; a location may end
					   in '*' */
	char *pin;
	unsigned max_first_byte_ms, min_durability_nines;
	unsigned min_history_days, payback_max_days;
	unsigned copies, ack;
	char *spread;			/* "location" or "tier" */
	/* made by vt_places_make */
	size_t index;			/* in the list as it came */
	char name[VT_PLACE_NAME];	/* "photos/raw/", for people */
};

/* What holds for a key. */
struct vt_place {
	const char *name;	/* of the most specific policy */
	uint32_t allowed;	/* 1 << tier: may lie there; never 0 */
	int pin;		/* the one tier that is left, or -1 */
	unsigned min_history_days;	/* 0: not asked */
	unsigned payback_max_days;	/* 0: not asked */
	unsigned copies;	/* 1 when not asked */
	unsigned ack;		/* of them, before a write is acknowledged */
	int by_tier;		/* copies count on other tiers; else only at
				   other locations */
	/* who asks; NULL: nobody */
	const struct vt_place_policy *by[VT_PLACE_FIELDS];
};

struct vt_places;

/* What is wrong with a list. */
struct vt_place_fault {
	size_t index;			/* of the policy */
	const char *field;		/* or NULL */
};

/*
 * Make a list ready to be asked: `count` policies, malloc'ed with all that
 * they point to, become the handle's when VT_OK is returned.  `tiers` is
 * copied, its strings are borrowed.  VT_INVALID: `fault` and the text say
 * which policy names a tier that is not there, comes twice or leaves no tier.
 */
enum vt_code vt_places_make(struct vt_place_policy *policies, size_t count,
    const struct vt_place_tier *tiers, size_t tier_count,
    struct vt_places **out, struct vt_place_fault *fault, struct vt_err *err)
    VT_MUST_CHECK;
/* NULL is accepted. */
void vt_places_free(struct vt_places *p);
/* A list that was not given to vt_places_make. */
void vt_place_policies_free(struct vt_place_policy *policies, size_t count);

/* What holds for this key, borrowed; NULL: nothing does.  `p` may be NULL. */
const struct vt_place *vt_places_find(const struct vt_places *p,
    const char *bucket, const char *key, size_t key_len);
/* 16 hex digits of the SHA-256 of the list, whatever its order; borrowed.
 * "": there are none. */
const char *vt_places_digest(const struct vt_places *p);

/* The most copies that any policy asks for; 1: none does. */
unsigned vt_places_copies(const struct vt_places *p);
/* How many copies on these tiers (1 << tier) are what policies count: on tiers
 * that it may lie on, each at a location, or on a tier, of its own.  `w` may
 * be NULL: then each does. */
unsigned vt_place_spread(const struct vt_places *p, const struct vt_place *w,
    uint32_t tiers);

/* May it lie on tier `k`?  `w` may be NULL: then it may. */
int vt_place_allows(const struct vt_place *w, size_t k);
/* The first tier it may lie on; of NULL tier 0. */
size_t vt_place_first(const struct vt_place *w);
/* The first tier that a restored copy may lie on for some days: one that the
 * version may, else one at a location that it may.  SIZE_MAX: there is none. */
size_t vt_place_restored(const struct vt_places *p, const struct vt_place *w);
/* The storage classes of tiers as lifecycle rules may see them: "" where it
 * must not lie, so that a rule asks for nothing there.  `w` may be NULL. */
void vt_place_classes(const struct vt_place *w, const char *const *classes,
    size_t count, const char **out);
/* "policy 'photos/raw/' does not list 'cold'": why it must not lie on tier
 * `k`. */
const char *vt_place_why(const struct vt_places *p, const struct vt_place *w,
    size_t k, char out[VT_PLACE_TEXT]);

#endif
