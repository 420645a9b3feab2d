/*
 * When objects are read again: survival statistics of groups of alike
 * objects, and the policy that is cheapest if the future resembles them.
 *
 * An object's group follows from how many of the last 30 days it was read on,
 * which part of its bytes was read in them, its age and its size.  For each
 * group are known: by idle time, the rate of the next read (events over
 * exposure, so that objects still waiting count for what they are, as in
 * Kaplan and Meier's estimate); what reads on such a day ask for; and which
 * group comes next.  Groups of which little is known lean on all objects.
 *
 * Over these runs a dynamic programme (value iteration over idle time, group
 * and tier, for each octave of sizes): its result is a table that tells where
 * an object of a group should be after so many idle days.
 *
 * Pure: no clock, no file.  Times are in covered days, money in dollars.  A
 * handle belongs to one thread at a time; looking up in a solved table may be
 * done from many.
 */
#ifndef VT_WORK_HAZARD_H
#define VT_WORK_HAZARD_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/base/err.h"
#include "libvt/base/exact.h"
#include "libvt/work/cost.h"

/* What was counted, and the rates that follow. */
struct vt_hazard;
/* NULL: no memory. */
struct vt_hazard *vt_hazard_new(void);
/* NULL is accepted. */
void vt_hazard_free(struct vt_hazard *h);

/* The group of an object of `size_bytes`, `age` days old, read on `days30`
 * of the last 30 days, `bytes30` in all of them. */
unsigned vt_hazard_group(uint64_t size_bytes, double age, unsigned days30,
    double bytes30);
/* In words: "read on 3 to 5 of 30 days, ...", into 160 bytes. */
void vt_hazard_group_text(unsigned group, char out[160]);
/* Idle times come in bins: the days at which the one after that of `idle`
 * begins, INFINITY when that is the last. */
double vt_hazard_next_edge(double idle);

/* An object of the group was idle from `a` to `b` days after its last read.
 * `weight` says how much it counts. */
void vt_hazard_idle(struct vt_hazard *h, unsigned group, double a, double b,
    double weight);
/* It was read at `idle` days, `gets` times, `part` of its size in all, and
 * was of group `next` after. */
void vt_hazard_read(struct vt_hazard *h, unsigned group, double idle,
    unsigned next, double gets, double part, double weight);
/* From now on all of that counts `keep` times as much. */
void vt_hazard_fade(struct vt_hazard *h, double keep);
/* Work out rates from what was counted until now. */
void vt_hazard_fit(struct vt_hazard *h);
/* The share of the group's objects that are read within `days` when they have
 * been idle for `idle`; of 0 to 1. */
double vt_hazard_within(const struct vt_hazard *h, unsigned group,
    double idle, double days);
/* Reads on a day with reads, expected. */
double vt_hazard_gets(const struct vt_hazard *h, unsigned group);
/* The part of their size that they ask for. */
double vt_hazard_part(const struct vt_hazard *h, unsigned group);

/* Append the rates, exactly; what was counted is not kept.  As vt_buf_add:
 * sticky failure. */
void vt_hazard_put(const struct vt_hazard *h, struct vt_buf *out);
/* Statistics with these rates, that can be asked and not learn.  VT_NOMEM;
 * VT_CORRUPT: there are none. */
enum vt_code vt_hazard_get(struct vt_exact *in, struct vt_hazard **out,
    struct vt_err *err) VT_MUST_CHECK;

/* A solved policy. */
struct vt_hazard_table;
/* For the tiers of `m`, but never to those of `barred` (a bit each).  NULL: no
 * memory. */
struct vt_hazard_table *vt_hazard_table_new(const struct vt_cost_model *m,
    unsigned barred);
void vt_hazard_table_free(struct vt_hazard_table *t);
/* Say that objects of this size will be asked for.  Before solving. */
void vt_hazard_table_size(struct vt_hazard_table *t, uint64_t size_bytes);
/* Improve the policy by at most `sweeps` sweeps, from where it stands. */
void vt_hazard_solve(const struct vt_hazard *h, struct vt_hazard_table *t,
    unsigned sweeps);
/* 0 before the first solving. */
int vt_hazard_solved(const struct vt_hazard_table *t);
/* Where an object of the group on tier `at` should be by now: there, when
 * nothing is known of its group or size. */
size_t vt_hazard_want(const struct vt_hazard_table *t, uint64_t size_bytes,
    unsigned group, double idle, size_t at);
/* Would it rather have the object in the self-moving tier than on tier 0?  In
 * doubt, yes: where both are expected to cost the same within a hundredth, the
 * one that follows what nobody expected is wanted. */
int vt_hazard_rather(const struct vt_hazard_table *t, uint64_t size_bytes,
    unsigned group, double idle);
/* The expected bill of the future, discounted, of an object on tier `k`. */
double vt_hazard_value(const struct vt_hazard_table *t, uint64_t size_bytes,
    unsigned group, double idle, size_t k);
/* The same as for statistics: where objects should be, and not what that is
 * worth. */
void vt_hazard_table_put(const struct vt_hazard_table *t, struct vt_buf *out);
/* A table of which vt_hazard_want and vt_hazard_solved can be asked.  VT_NOMEM;
 * VT_CORRUPT: there is none, or not of the tiers of `m`. */
enum vt_code vt_hazard_table_get(struct vt_exact *in,
    const struct vt_cost_model *m, struct vt_hazard_table **out,
    struct vt_err *err) VT_MUST_CHECK;

#endif
