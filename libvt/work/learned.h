/*
 * What a contest of engines has taught (contest.h), as it is kept from one plan
 * to the next: the engine in charge, the prefixes that the guard took back, the
 * statistics and the table that an engine goes by, and how the contest went.
 * What is decided by it is what would be decided by the contest, to the last
 * digit.
 *
 * The bytes are a magic, a version and a length, then numbers as exact.h has
 * them, and a CRC64NVME of all before it.  They hold digests of prefixes and no
 * name.  Nothing else is taken for that: whoever reads them gets all that was
 * written or an error.
 *
 * Pure: no clock, no file.  Whether it is too old, and what it was learned
 * under, is for the caller to judge: both are among the facts.  Threads may
 * share it.
 */
#ifndef VT_WORK_LEARNED_H
#define VT_WORK_LEARNED_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/base/err.h"
#include "libvt/work/contest.h"

/* No more bytes than that are ever written. */
#define VT_LEARNED_MAX ((size_t)8 << 20)

/* Beside what decisions need. */
struct vt_learned_facts {
	uint8_t terms[32];	/* a digest of the prices, tiers and options
				   that hold; the caller knows of which */
	size_t tiers;		/* of the cost model */
	int64_t as_of_us;	/* that age is counted from */
	int64_t covered_from_us, covered_to_us;	/* by the log, of any version */
	double log_days;	/* of that, without gaps */
	uint64_t versions, sampled;
	/* the bills of the time that was scored: of the plan, of everything on
	 * the first tier, and the least possible (< 0: not worked out) */
	double plan_usd, hot_usd, best_usd;
};

struct vt_learned;

/* Append what a contest over `s`, which is over, has taught.  As vt_buf_add:
 * sticky failure. */
void vt_learned_format(const struct vt_contest *k, const struct vt_sample *s,
    const struct vt_learned_facts *f, struct vt_buf *out);
/*
 * Read it.  VT_INVALID: this is something else; VT_CORRUPT: it was that, and is
 * damaged or cut; VT_PRECONDITION: it is sound, but of another version or of
 * other tiers than those of `m`.  VT_NOMEM.  Free with vt_learned_free.
 */
enum vt_code vt_learned_parse(const char *data, size_t len,
    const struct vt_cost_model *m, struct vt_learned **out,
    struct vt_err *err) VT_MUST_CHECK;
/* NULL is accepted. */
void vt_learned_free(struct vt_learned *l);

/* Borrowed. */
const struct vt_learned_facts *vt_learned_facts(const struct vt_learned *l);
/* The engine in charge, and the one for a key; borrowed. */
const struct vt_engine *vt_learned_winner(const struct vt_learned *l);
const struct vt_engine *vt_learned_engine(const struct vt_learned *l,
    const char *bucket, const char *key, size_t key_len);

#endif
