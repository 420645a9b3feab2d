/*
 * The page for the person who pays: sums that are gathered while versions
 * stream by, and one self-contained HTML document made of them.  Memory is
 * bounded by constants and by the days of the log, whatever the number of
 * versions, moves and prefixes.
 *
 * Pure: no file, no clock, no environment; the same calls give the same bytes.
 * It decides nothing and prices nothing: figures arrive as arguments.  Names
 * are other people's bytes and are escaped here.
 *
 * Times are in days since 1970-01-01 UTC, as double.  Money is in dollars.  A
 * handle belongs to one thread at a time.
 */
#ifndef VT_WORK_REPORT_H
#define VT_WORK_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/base/err.h"
#include "libvt/work/cost.h"

#define VT_REPORT_ENGINES 16
#define VT_REPORT_TEXT 160		/* bytes of a label, with its NUL */
/* The page is far smaller; a buffer for it needs no more. */
#define VT_REPORT_BYTES_MAX ((size_t)4 << 20)

struct vt_report;

/* A report over the tiers of `m`, which is copied.  NULL: no memory. */
struct vt_report *vt_report_new(const struct vt_cost_model *m);
/* NULL is accepted. */
void vt_report_free(struct vt_report *r);

/* --- versions ------------------------------------------------------------- */

/* Why a version is not moved; VT_REPORT_MOVE: it may be. */
enum vt_report_held {
	VT_REPORT_MOVE,
	VT_REPORT_BEST,		/* it is where it should be */
	VT_REPORT_WAIT,		/* another tier is better, not yet by enough */
	VT_REPORT_HISTORY,	/* too little covered time (P12) */
	VT_REPORT_PINNED,
	VT_REPORT_LOCKED,
	VT_REPORT_ADOPTED,
	VT_REPORT_COPIED,
	VT_REPORT_UNKNOWN_TIER,
	VT_REPORT_CAPPED,	/* beyond what the user allowed this run */
	VT_REPORT_HELD
};

struct vt_report_version {
	const char *bucket, *key;	/* borrowed for the call */
	size_t key_len;
	uint64_t size_bytes;
	int tier;			/* of the model; -1: unknown */
	double age_days;		/* since its creation; negative:
					   unknown */
	double idle_days;		/* covered days since the last read, or
					   of its life; negative: unknown */
	double month_usd;		/* its bill, reads as in the last
					   month */
	double least_usd;		/* the same where it would be
					   cheapest */
	enum vt_report_held held;
};

/* Where a version counts: kept with its proposal and given back with the
 * move, so that what sits where after it can be told. */
struct vt_report_place {
	int8_t tier;
	uint8_t age, idle, size;
};

struct vt_report_place vt_report_version(struct vt_report *r,
    const struct vt_report_version *v);

/* --- moves ---------------------------------------------------------------- */

struct vt_report_move {
	const char *bucket, *key, *reason;	/* borrowed for the call */
	size_t key_len;
	struct vt_report_place place;	/* as vt_report_version gave it */
	int to;				/* tier; -1: removed by a rule */
	uint64_t size_bytes;
	double now_usd, after_usd;	/* its bill of a month */
	/* as the line of the plan has them */
	double saving_usd_month, cost_usd, payback_days;
	double evidence_days;		/* how long it is expected to last */
	int by_rule;			/* asked for by a lifecycle rule */
};

/* A move of the plan.  VT_NOMEM. */
enum vt_code vt_report_move(struct vt_report *r,
    const struct vt_report_move *m, struct vt_err *err) VT_MUST_CHECK;
/* One that the caps left out: it stays where it is. */
void vt_report_capped(struct vt_report *r, const struct vt_report_move *m);

/* --- what the past would have cost ---------------------------------------- */

enum vt_report_role {
	VT_REPORT_HOT,		/* everything on tier 0 */
	VT_REPORT_AGE,		/* a rule by age */
	VT_REPORT_AUTO,		/* the provider's automatic class */
	VT_REPORT_PLAN,		/* this planner */
	VT_REPORT_LEAST,	/* the optimum */
	VT_REPORT_OTHER
};

struct vt_report_engine {
	enum vt_report_role role;
	char label[VT_REPORT_TEXT];	/* "everything hot" */
	char note[VT_REPORT_TEXT];	/* what it does, or why it was chosen */
	int chosen;
	double usd, storage_usd, reads_usd, moving_usd;	/* of the whole past;
					   parts all 0: not known */
	uint64_t moves;
};

/* Give or replace the sums of engine `i` (below VT_REPORT_ENGINES). */
void vt_report_engine(struct vt_report *r, size_t i,
    const struct vt_report_engine *e);
/* It spends `usd`, evenly over from..to, or at once when they are equal.
 * Order does not matter.  VT_NOMEM. */
enum vt_code vt_report_spend(struct vt_report *r, size_t i, double from,
    double to, double usd, struct vt_err *err) VT_MUST_CHECK;

/* --- the page ------------------------------------------------------------- */

/* What the page says about itself.  Strings are borrowed for the call and may
 * be NULL or "". */
struct vt_report_facts {
	int64_t covered_from_us, covered_to_us;
	int64_t scored_from_us;		/* what engines cost is since then */
	double covered_days;		/* 0: no log covers any time */
	double min_history_days;
	int is_estimate;		/* there is no installation yet */
	const char *prices_title, *prices_digest, *plan_id;
	const char *version;		/* of the program */
	const char *command;		/* as it was typed, without secrets */
	const char *const *notes;	/* further caveats, a sentence each */
	size_t note_count;
	/* Small objects that would be packed; 0: no such line. */
	uint64_t pack_objects, pack_bytes, pack_count;
	double pack_saving_usd_month, pack_cost_usd, pack_payback_days;
};

/* Append the document to `out` (vt_buf's failures stick, see buf.h). */
void vt_report_html(const struct vt_report *r,
    const struct vt_report_facts *f, struct vt_buf *out);

#endif
