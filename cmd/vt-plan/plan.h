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
#include "libvt/work/learned.h"
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
	struct vt_move_known known;	/* of those that come back */
	/* 1 + the tier of the model whose name m.from or m.to is; 0: it may be
	 * of none */
	unsigned from_tier, to_tier;
	enum vt_told told;	/* not in m.reason, but of this: */
	double idle_days, share;	/* see vt_plan_told_text */
	enum vt_lc_action removal;
	int64_t asked_us;	/* by rules, then; 0: it is the log that asks */
	double now_month, after_month;	/* of moves that come back the first
					   is 0, unless they are placed */
	/* of a pack and its members: which (from 1; 0: none), what all their
	 * keys begin with, what all of it saves and costs, and what a pack
	 * saves beyond what would be done without */
	uint64_t pack;
	const char *prefix;		/* until it is kept */
	size_t prefix_len;
	double worth_saving, worth_cost, more_month;
	int is_placed;			/* with --report, and then: */
	double evidence_days;
	struct vt_report_place place;
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
	int marks;		/* expiring adds a delete marker */
};

/* A version, or another record of the spool, and what is worked out of it
 * alone, by any thread. */
struct decided {
	struct vt_scan_record rec;
	const struct vt_heat_day *all_days;	/* rec.h, if it is a part */
	size_t all_day_count;
	const struct bucket_rules *rules;	/* that came last, or NULL */
	struct vt_past past;
	const struct vt_place *place;	/* what policies ask, or NULL */
	struct vt_cost cost;		/* as rules and policies leave it */
	int is_priced;			/* 0 at first; it is as the run's rates
					   left it, of this or another one */
	int is_beyond;			/* no engine knows of so late a log */
	double now_month;		/* its bill where it is, if known */
	struct vt_err err;		/* err.code: it could not be done */
	struct vt_decision d;
};

/* What comes of it. */
enum removal_state { REMOVAL_NONE, REMOVAL_LATER, REMOVAL_LOCKED,
	REMOVAL_DUE };
struct outcome {
	enum removal_state state;
	double now_month;
	int is_proposed;		/* else `p` is what there is of one */
	struct proposal p;
	char text[VT_RULES_TEXT];	/* the reason, of a removal */
};

/* What is added up over versions: of a block by a thread, then of them all. */
struct tally {
	uint64_t versions, bytes, verdicts[VT_PLAN_VERDICTS], locked;
	double bill_now, bill_after;
	double read_day;	/* bytes that clients read in a day */
	uint64_t proposed;	/* a digest of what is proposed */
	uint64_t beyond;	/* is_beyond */
};

/* What comes of the versions of a block or a batch, as far as sums, proposals
 * and packs that are there go: made by a thread, then taken in order. */
struct settled {
	struct tally sum;
	struct vt_buf proposals, in_packs;
};

/* What is gathered of a batch of lines before anything is decided. */
struct first_pass {
	struct vt_days_room room;
	uint64_t seen;
	int64_t ends_us;		/* of the log, as the first has it */
	int64_t covered_from, covered_to;
	double covered_days;
	int explained;			/* one is of the key of --explain */
	/* what the sample may want, and what it will not */
	struct vt_buf candidates;
	struct vt_arena *kept;
	struct vt_past past;		/* of the version at hand */
	uint64_t passed;
};

struct run {
	/* options */
	const char *config_path, *data, *price_path, *tiers, *explain;
	const char *policy_path;
	const char *model_path;		/* --model */
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

	/* the lifecycle rules of buckets in the order of their lines */
	struct bucket_rules **rules;
	size_t rules_count, rules_cap;
	char class_name[VT_COST_TIERS][VT_PRICE_NAME];
	const char *classes[VT_COST_TIERS];

	/* the page */
	struct vt_report *report;	/* NULL: none is asked for */
	struct vt_buf command;

	/* the input */
	char plan_id[17];
	char *temp_folder;
	struct vt_spool *spool;		/* what waits for the second pass */
	struct vt_sample *sample;	/* that engines are tried on */
	struct vt_contest *contest;	/* NULL: there was nothing to try, or
					   it is over and learned from */
	double contest_seconds;
	/* what was learned of it, now or in a run before; NULL: nothing, and
	 * the work function decides */
	struct vt_learned *learned;
	int64_t learned_until_us;	/* of what ends later it says nothing */
	int is_kept;			/* it was learned before */
	int is_direct;			/* and lines are decided on at once */
	struct vt_learned *kept;	/* what --model has, not yet used */
	int model_chosen;		/* it is known if it will be */
	int model_foreign;		/* the file is somebody else's */
	int model_failed;
	uint8_t terms_digest[32];
	char model_why[512];		/* it is not used */
	int64_t first_ends_us;		/* covered_to of the first with any */
	struct vt_packer *packer;	/* NULL: nobody asks for packs, */
	int packs_unknown;		/* and it is told that they may be */
	struct vt_sorter *proposals;
	struct vt_buf packed;		/* a proposal on its way there */
	/* of the one that came back last */
	char version[33], reason[VT_PLAN_TOLD];
	size_t tier_len[VT_COST_TIERS];	/* of names: struct vt_move_known */
	uint64_t lines, bad_lines, found;
	int one_by_one;			/* more is asked for than a plan */
	int failed;

	/* sums */
	struct tally sum;
	uint64_t lines_out, moves, moved_bytes, capped;
	struct repack_table *repacks;	/* NULL: none seen */
	struct pack_sums repack_sums;	/* proposed, within the caps */
	uint64_t pack_out;	/* the pack whose members are to follow */
	uint64_t asked;		/* moves that rules ask for */
	uint64_t placed;	/* moves that policies ask for */
	uint64_t removals[VT_LC_ACTIONS], removed_bytes;
	uint64_t ruled, ended, ended_bytes;	/* simulated: by rules */
	int explains;		/* a version that is there, with --explain */
	uint64_t bound;		/* by policies, pins or locks; of what is
				   simulated */
	struct pack_sums found_packs, waiting_packs, packed_sums;
	double moving, saving;
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

/* model.c: --model. */
void model_open(struct run *r);
/* By the end of the log, as the first versions have it (0: they do not), before
 * any is decided on. */
void model_choose(struct run *r, int64_t first_end_us);
/* The contest is over: learn of it, and keep that. */
void model_learn(struct run *r);
/* Is what the log covers of it too new for what was learned? */
int is_beyond(const struct run *r, const struct vt_scan_record *rec);
void model_summarize(const struct run *r);
void model_end(struct run *r);

/* read.c: the lines or records, read once; kept, or decided on at once. */
void read_files(struct run *r);

/* first.c: what has to be known of all versions before any is decided on.
 * -1: no memory. */
int first_init(struct first_pass *f);
void first_release(struct first_pass *f);
void first_reset(struct first_pass *f);
/* `floor` is the sample's; `buckets`: whose lines came before it in the batch.
 * VT_NOMEM; VT_CORRUPT: its days are no days. */
enum vt_code first_see(const struct run *r, struct first_pass *f,
    struct vt_scan_record *rec, double floor, uint64_t buckets);
/* `buckets`: whose lines came before the batch; those in it were taken. */
void first_take(struct run *r, struct first_pass *f, uint64_t buckets);
void first_end(struct run *r);

/* input.c: both passes. */
struct vt_crew *start_crew(const struct run *r,
    void (*work)(void *ctx, void *item), void *ctx);
/* What threads have in hand beside what is being taken. */
size_t crew_depth(const struct run *r);
void read_input(struct run *r);

/* settle.c: by a thread, and by the one who takes. */
void settled_init(struct settled *s);
void settled_release(struct settled *s);
void settled_reset(struct settled *s);
void settle(const struct run *r, struct settled *s, const struct decided *p);
void take_settled(struct run *r, struct settled *s);

/* decide.c: what is decided of one line, and what comes of it.  They only read
 * the run: several threads may be at it.  `room`: the thread's. */
void decide(const struct run *r, struct vt_days_room *room,
    struct decided *p);
void place_foreign(const struct run *r, struct vt_scan_record *rec);
void work_out(const struct run *r, const struct decided *p,
    struct outcome *out);
/* Of a delete marker or an upload; `k` gets its tier. */
void work_out_other(const struct run *r, const struct decided *p,
    struct outcome *out, int *k);
void count_one(struct tally *t, const struct decided *p,
    const struct outcome *o);
void add_tally(struct tally *to, const struct tally *t);
/* Days until its bytes are removed, as far as rules tell. */
double expires_days(const struct run *r, const struct decided *p);
double rounded(double d);

/* rules.c: lifecycle rules of buckets, as their lines have them.  What cannot
 * be understood makes rules that bind nobody, beside the error; NULL with
 * VT_NOMEM. */
enum vt_code rules_new(const struct vt_scan_record *rec,
    struct bucket_rules **out, struct vt_err *err) VT_MUST_CHECK;
void rules_take(struct run *r, struct bucket_rules *b);
void rules_forget(struct run *r);
/* Those that hold for a line, or NULL; `b`: what came last, or NULL. */
const struct bucket_rules *rules_for(const struct bucket_rules *b,
    const struct vt_scan_record *rec);
static inline const struct bucket_rules *
rules_of(const struct decided *p)
{
	return p->rules != NULL ? rules_for(p->rules, &p->rec) : NULL;
}
/* The storage classes of tiers as rules may name them (of VT_COST_TIERS). */
void rules_classes(const struct run *r, const struct vt_place *w,
    const char **classes);
/* 1 << tier: --tiers is for this run; a rule must wait for another. */
uint32_t rules_wait(const struct run *r);
/*
 * What they make of a version's past, which may be cut, and of its reach, which
 * borrows `step`: RULES_BIND: less is left of the tiers at some time in it;
 * RULES_END: it is removed in it.
 */
enum { RULES_BIND = 1, RULES_END = 2 };
unsigned rules_reach(const struct run *r, const struct bucket_rules *b,
    const struct vt_scan_record *rec, struct vt_past *p,
    struct vt_reach *reach, struct vt_reach_step step[VT_REACH_STEPS]);
int64_t rules_now(const struct run *r, const struct bucket_rules *b);
enum removal_state find_removal(const struct run *r,
    const struct bucket_rules *b, const struct vt_scan_record *rec,
    struct vt_lc_removal *out);

/*
 * rulechain.c: which rules came last before a batch of lines, for threads that
 * each have one.  Batches are numbered from 0, at most `depth` of them in hand,
 * and each must be told of.
 */
struct rule_chain;
struct rule_chain *rule_chain_new(size_t depth,
    const struct bucket_rules *last);
void rule_chain_free(struct rule_chain *c);
/* The last rules in the batch; NULL: there are none. */
void rule_chain_tell(struct rule_chain *c, uint64_t batch,
    const struct bucket_rules *last);
/* Those before it into *out, NULL if there are none: 1; 0: all before it have
 * not been told of yet.  With `wait` it waits until they are. */
int rule_chain_ask(struct rule_chain *c, uint64_t batch, int wait,
    const struct bucket_rules **out);

/* explain.c: --explain. */
int is_explained(const struct run *r, const struct vt_scan_record *rec);
void explain(struct run *r, const struct decided *p);

/* packs.c: small objects that go together. */
void packs_begin(struct run *r);
/* Before any is decided on: is it worth looking for them, if nobody asks? */
void packs_look(struct run *r);
/* `p`: what is proposed of it, or would be its line as a member.  1: it is
 * kept until it is known if there is a pack for it; then it is proposed. */
int packs_take(struct run *r, const struct decided *d,
    const struct proposal *p);
void packs_end(struct run *r);
void packs_count(struct run *r, const struct proposal *p);
void packs_summarize(const struct run *r);
void packs_simulated(const struct run *r);
void packs_json(const struct run *r, struct vt_buf *b);
void packs_explain(const struct run *r, const struct decided *d);
/* repacks.c: packs that are there, of which much is dead.  A version that lies
 * in one, as it is noted, and taken. */
void repacks_note(struct vt_buf *b, const struct decided *p);
void repacks_saw(struct run *r, struct vt_buf *b);
void repacks_end(struct run *r);
int is_repack(const struct proposal *p);
void repacks_summarize(const struct run *r);
/* What a month on tier `k` costs, reads being as in the last one; and what of
 * that is due for keeping it there. */
double month_bill(const struct run *r, const struct decided *p, size_t k);
double month_keep(const struct run *r, const struct decided *p, size_t k);

/* simulate.c: what the past would have cost. */
void hold_contest(struct run *r);
/* In charge, if the log is not beyond what was learned; NULL: none is. */
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

/* propose.c: proposals, kept until all are there and come in their order. */
/* Append it with its strings; a digest of it. */
uint64_t pack_proposal(struct vt_buf *b, const struct proposal *p);
/* Take all that were packed, and empty the buffer. */
void keep_packed(struct run *r, struct vt_buf *b);
void keep_proposal(struct run *r, const struct proposal *p);
/* They were the last ones. */
void proposals_end(struct run *r);
/* The next one, its strings borrowed until the next call; 0: there is none. */
int next_proposal(struct run *r, struct proposal *p);
int is_pack(const struct proposal *p);

/* output.c: the plan and its summary. */
void print_plan(struct run *r);
void summarize(const struct run *r);
/* The i-th thing that is paid wherever the objects lie, as no move changes it;
 * -1 beyond the last. */
#define BESIDE_TEXT 240
int beside_text(const struct run *r, size_t i, char out[BESIDE_TEXT]);

/* Replace what the path points at by the bytes, as a whole. */
enum vt_code replace_file(const char *path, const struct vt_buf *b,
    struct vt_err *err) VT_MUST_CHECK;

/* report.c: the page of --report; without it, these do nothing. */
void report_start(struct run *r);
void report_note_command(struct run *r, int argc, char **argv);
struct vt_report_place report_version(struct run *r, const struct decided *p,
    const struct outcome *o);
struct vt_report_place report_other(struct run *r,
    const struct vt_scan_record *rec, int tier, double now);
void report_proposal(struct run *r, const struct proposal *p, int capped);
void report_write(struct run *r);
void report_end(struct run *r);

#endif
