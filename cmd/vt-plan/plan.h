/*
 * What the files of vt-plan share: one run of it.
 */
#ifndef CMD_VT_PLAN_PLAN_H
#define CMD_VT_PLAN_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/base/sorter.h"
#include "libvt/proto/records.h"
#include "libvt/work/config.h"
#include "libvt/work/cost.h"
#include "libvt/work/contest.h"
#include "libvt/work/packplan.h"
#include "libvt/work/plan.h"
#include "libvt/work/report.h"
#include "libvt/work/rules.h"
#include "libvt/work/spool.h"

#include "cmd/cli.h"

#define DAY_US INT64_C(86400000000)

/* The age rule that plans are compared with: what most buckets have. */
#define AGE_FIRST 30
#define AGE_SECOND 90
#define AGE_MIN_SIZE 131072	/* smaller ones are not moved by default */

/* A move that may be printed, and what the summary needs of it. */
struct proposal {
	struct vt_move m;	/* strings are borrowed */
	enum vt_lc_action removal;
	int64_t asked_us;	/* by rules, then; 0: it is the log that asks */
	double now_month, after_month;
	/* of a pack and its members: which (from 1; 0: none), what all their
	 * keys begin with, what all of it saves and costs, and what a pack
	 * saves beyond what would be done without */
	uint64_t pack;
	const char *prefix;		/* until it is kept */
	size_t prefix_len;
	double worth_saving, worth_cost, more_month;
	double evidence_days;
	struct vt_report_place place;	/* with --report */
};

/* Packs, in dollars a month. */
struct pack_sums {
	uint64_t packs, objects, bytes;
	double saving, more;	/* more than without packs */
	double payback;		/* days, weighed by saving */
};

/* A bucket's lifecycle rules. */
struct bucket_rules {
	struct vt_arena *arena;
	struct vt_lifecycle *lc;	/* NULL: they were not understood */
	char bucket[64];
	int64_t generation, at_us;
	int marks;
};

/* A version, or another record of the spool, and what is worked out of it
 * alone: by any thread, before take_record. */
struct decided {
	struct vt_scan_record rec;
	size_t rules;			/* as use_rules takes it */
	struct vt_past past;
	const struct vt_place *place;	/* what policies ask, or NULL */
	/* the latter by rules and policies, if there are */
	struct vt_cost cost, bound;
	int is_bound;
	struct vt_decision d;
	double now_month;		/* its bill where it is, if known */
	struct vt_err err;		/* err.code: it could not be done */
};

struct run {
	/* options */
	const char *config_path, *data, *price_path, *tiers, *explain;
	const char *policy_path;
	const char *volumes, *restore_speed, *clients;
	const char *engines;
	const char *report_path;	/* --report */
	int report_first, report_last;	/* the arguments that say so */
	int report_only;		/* in the place of the plan */
	int allow_restore, simulate, json, quiet, split_half, packs;
	int list_prices, stale_prices;
	double prices_max_age;		/* days */
	enum vt_move_how how;
	int64_t now_us, split_us;
	uint64_t max_bytes, max_objects, memory_bytes;
	unsigned threads;
	double max_usd;
	int64_t valid_ms;
	struct vt_policy policy;
	struct vt_pack_options pack;
	struct vt_pack_terms terms;	/* of these and the model */
	char **paths;
	int path_count;

	/* the installation */
	struct vt_config *config;	/* NULL: the price file's tiers */
	const struct vt_places *places;	/* NULL: no policies */
	struct vt_places *own_places;	/* of --policy */
	struct vt_prices *prices;
	int prices_checked;
	struct vt_cost_model model;
	struct vt_cost_rates rates;	/* of it */
	int self_moving;		/* tier of the model, or -1 */
	int may_self_move;		/* it is a target as well */
	size_t age_tier[2], age_count;

	/* the lifecycle rules of buckets in the order of their lines, and
	 * those of the line that came last before the version at hand */
	struct bucket_rules *rules;
	size_t rules_count;
	struct vt_lifecycle *lc;
	const char *rules_bucket;
	int64_t rules_generation, rules_at_us;
	int rules_marks;	/* expiring adds a delete marker */
	char class_name[VT_COST_TIERS][VT_PRICE_NAME];
	const char *classes[VT_COST_TIERS];

	/* the page */
	struct vt_report *report;	/* NULL: none is asked for */
	struct vt_report_place place;	/* of the version at hand */
	struct vt_buf command;

	/* the input */
	uint64_t id;		/* CRC64NVME of its lines */
	char plan_id[17];
	char *temp_folder;
	struct vt_spool *spool;		/* what waits for the second pass */
	struct vt_past past;		/* of the version at hand, borrowed */
	struct vt_sample *sample;	/* that engines are tried on */
	struct vt_contest *contest;	/* NULL: there was nothing to try */
	int guards;			/* it took some prefixes back */
	double contest_seconds;
	struct vt_packer *packer;	/* NULL: nobody asks for packs */
	struct vt_sorter *proposals;
	struct vt_buf packed;		/* a proposal on its way there */
	uint64_t lines, bad_lines, found;
	int failed;

	/* sums */
	uint64_t versions, bytes, verdicts[VT_PLAN_VERDICTS];
	uint64_t lines_out, moves, moved_bytes, capped;
	struct repack_table *repacks;	/* NULL: none seen */
	struct pack_sums repack_sums;	/* proposed, within the caps */
	uint64_t pack_out;	/* the pack whose members are to follow */
	uint64_t asked;		/* moves that rules ask for */
	uint64_t placed;	/* moves that policies ask for */
	uint64_t removals[VT_LC_ACTIONS], removed_bytes, locked;
	struct pack_sums found_packs, waiting_packs, packed_sums;
	double bill_now, bill_after, moving, saving;
	double read_day;	/* bytes that clients read in a day */
	double payback;		/* days, weighed by saving */
	int64_t covered_from, covered_to;
	double covered_days;
};

/* Ends the program with the message and its status. */
void plan_die(const struct vt_err *err) __attribute__((noreturn));
void plan_no_memory(void) __attribute__((noreturn));

/* tiers.c: where things can be, at what price. */
struct vt_config *load_config(struct run *r);
void make_model(struct run *r, const struct vt_config *config);
void load_policies(struct run *r);
void set_volumes(struct run *r);
void exclude(struct run *r);
void choose_rivals(struct run *r);

/* pricelist.c: which price file, whether it is fresh, which there are. */
char *file_in(const char *folder, const char *name);	/* NULL: none */
void load_prices(struct run *r, const struct vt_config *config);
/* Once: prices too old for a log that ends then end the program. */
void check_prices(struct run *r, int64_t as_of_us);
int list_prices(const struct run *r);

/* input.c: the lines, read once and kept, then decided on one by one. */
void read_input(struct run *r);

/* first.c: what has to be known of all versions before any is decided on. */
void first_pass(struct run *r, const struct vt_scan_record *rec);
void first_pass_end(struct run *r);

/* decide.c: one line's decision, its explanation, its proposal.  decide() only
 * reads the run; the others are for one thread. */
void decide(const struct run *r, struct decided *p);
enum vt_code take_bucket(struct run *r, const struct vt_scan_record *rec,
    struct vt_err *err) VT_MUST_CHECK;
void use_rules(struct run *r, size_t count);
void take_other(struct run *r, const struct vt_scan_record *rec);
void take_record(struct run *r, const struct decided *p);
void rules_forget(struct run *r);
double rounded(double d);

/* packs.c: small objects that go together. */
void packs_begin(struct run *r);
/* `p`: what is proposed of it, or would be its line as a member.  1: it is
 * kept until it is known if there is a pack for it; then it is proposed. */
int packs_take(struct run *r, const struct vt_scan_record *rec,
    const struct vt_cost *cost, const struct vt_decision *d,
    double expires_days, const struct proposal *p);
void packs_end(struct run *r);
void packs_count(struct run *r, const struct proposal *p);
void packs_summarize(const struct run *r);
void packs_simulated(const struct run *r);
void packs_json(const struct run *r, struct vt_buf *b);
void packs_explain(const struct run *r, const struct vt_scan_record *rec,
    const struct vt_cost *cost, const struct vt_decision *d,
    double expires_days);
/* repacks.c: packs that are there, of which much is dead. */
void repacks_saw(struct run *r, const struct vt_scan_record *rec,
    const struct vt_decision *d);
void repacks_end(struct run *r);
int is_repack(const struct proposal *p);
void repacks_summarize(const struct run *r);
/* What a month on tier `k` costs, reads being as in the last one. */
double month_bill(const struct run *r, const struct vt_past *p,
    const struct vt_cost *c, size_t k);

/* simulate.c: what the past would have cost. */
void hold_contest(struct run *r);
const struct vt_engine *engine_for(const struct run *r,
    const struct vt_scan_record *rec);
void print_simulation(struct run *r);
/* One engine's dollars; 0 when it took no part. */
double engine_usd(const struct run *r, enum vt_engine_kind kind);
/* What to call an engine. */
const char *engine_label(const struct run *r, const struct vt_score *s,
    char out[80]);
double ratio(double a, double b);
char *usd_text(double usd, char out[32]);
void day_text(int64_t us, char out[11]);

/* output.c: proposals in their order; the plan and its summary. */
void keep_proposal(struct run *r, const struct proposal *p);
void print_plan(struct run *r);
void summarize(const struct run *r);
/* The i-th thing that is paid wherever the objects lie, as no move changes it;
 * -1 beyond the last. */
#define BESIDE_TEXT 240
int beside_text(const struct run *r, size_t i, char out[BESIDE_TEXT]);

/* report.c: the page of --report; without it, these do nothing. */
void report_start(struct run *r);
void report_note_command(struct run *r, int argc, char **argv);
void report_version(struct run *r, const struct vt_scan_record *rec,
    const struct vt_cost *cost, const struct vt_decision *d, int removed,
    double now);
void report_other(struct run *r, const struct vt_scan_record *rec, int tier,
    double now);
void report_proposal(struct run *r, const struct proposal *p, int capped);
void report_write(struct run *r);
void report_end(struct run *r);

#endif
