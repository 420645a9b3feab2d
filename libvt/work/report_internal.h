/*
 * What the files of the report share: its sums, and how figures and names are
 * written.  For report*.c only.
 */
#ifndef VT_WORK_REPORT_INTERNAL_H
#define VT_WORK_REPORT_INTERNAL_H

#include "libvt/work/report.h"

#define REPORT_BUCKETS 9	/* of ages, the last unknown; of sizes */
#define REPORT_TOP_MOVES 50
#define REPORT_TOP_PREFIXES 15
#define REPORT_PREFIXES 4096	/* watched at each depth */
#define REPORT_PREFIX_MAX 256	/* bytes of one that is shown */
#define REPORT_DAYS_MAX 40000	/* of a time line */
#define REPORT_MONTHS 12	/* of the cash flow */
#define REPORT_PAYBACKS 8
#define REPORT_GONE VT_COST_TIERS	/* the "tier" of what is removed */

enum report_dim { REPORT_AGE, REPORT_IDLE, REPORT_SIZE, REPORT_DIMS };

struct report_sum {
	uint64_t objects, bytes;
	double usd;		/* a month */
};

/* One of the prefixes with the largest bills. */
struct report_prefix {
	uint64_t hash;
	size_t len, kept;	/* its bytes, and how many of them are here: */
	char name[REPORT_PREFIX_MAX];	/* bucket/prefix, zeros behind */
	struct report_sum now;	/* since it is watched */
	double saving_usd;	/* of a month */
	uint64_t moves;
	double missed_usd;	/* that it may have had before */
};

/* The prefixes of one depth: a hash table of the heaviest. */
struct report_prefixes {
	struct report_prefix *p;	/* REPORT_PREFIXES */
	size_t count;
	uint16_t *slot;			/* 2 * REPORT_PREFIXES; 0: free */
	double floor_usd;		/* none that was let go had more */
};

struct report_top {
	struct vt_report_move m;	/* its strings lie in text */
	uint64_t order;
	char *text;
};

/* What engines spend, so that a stay of years is two entries: of each day what
 * falls to it alone, and how much the daily rate changes at its start. */
struct report_day {
	double once[VT_REPORT_ENGINES], rate[VT_REPORT_ENGINES];
};

struct vt_report {
	struct vt_cost_model model;

	struct report_sum all;		/* versions */
	double least_usd;
	struct report_sum held[VT_REPORT_HELD];
	/* [tier]: VT_COST_TIERS is one that is not configured */
	struct report_sum now[REPORT_DIMS][REPORT_BUCKETS][VT_COST_TIERS + 1];
	struct report_sum after[REPORT_DIMS][REPORT_BUCKETS][VT_COST_TIERS + 1];
	struct report_prefixes prefixes[2];	/* of depth 1 and 2 */

	/* the plan */
	struct report_sum moved, removed, ruled;
	double after_usd;		/* the bill after it, less all.usd */
	double cost_usd, saving_usd, payback;	/* payback: days, weighed by
						   saving */
	/* [from][to]; its usd are the saving */
	struct report_sum route[VT_COST_TIERS][VT_COST_TIERS];
	double route_cost[VT_COST_TIERS][VT_COST_TIERS];
	struct report_sum paid[REPORT_PAYBACKS];
	double paid_cost[REPORT_PAYBACKS];
	double earned[REPORT_MONTHS + 1];	/* if it stays so */
	double sure[REPORT_MONTHS + 1];		/* as long as was seen */
	struct report_top *top;		/* a heap, least saving first */
	size_t top_count;

	struct vt_report_engine engine[VT_REPORT_ENGINES];
	int has_engine[VT_REPORT_ENGINES], has_line[VT_REPORT_ENGINES];
	struct report_day *day;		/* from day0 */
	int64_t day0;
	size_t days, day_cap;
};

/* report.c: tell the buckets' names and bounds. */
const char *report_bucket_name(enum report_dim dim, size_t i);
const char *report_payback_name(size_t i);
/* The heaviest first, into out[REPORT_TOP_PREFIXES]; how many. */
size_t report_prefixes_top(const struct vt_report *r,
    const struct report_prefix **out);
/* The moves that save most first, into out[REPORT_TOP_MOVES]; how many. */
size_t report_moves_top(const struct vt_report *r,
    const struct report_top **out);

/* report_text.c: figures and names, as HTML text. */
void report_text(struct vt_buf *b, const char *s);
/* At most about `max` bytes of it, the middle left out. */
void report_name(struct vt_buf *b, const void *s, size_t len, size_t max);
void report_usd(struct vt_buf *b, double usd);
/* In a column whose largest is `most`: all with as many digits. */
void report_usd_of(struct vt_buf *b, double usd, double most);
/* The same with the exact figure for programs: <data value>. */
void report_usd_data(struct vt_buf *b, const char *id, double usd,
    double most);
/* Short, for axes: "$1.2 k". */
void report_usd_axis(struct vt_buf *b, double usd, double step);
void report_count(struct vt_buf *b, uint64_t n);
void report_bytes(struct vt_buf *b, uint64_t bytes);
void report_percent(struct vt_buf *b, double share);
void report_days(struct vt_buf *b, double days);
void report_date(struct vt_buf *b, double day);
void report_civil(double day, int *year, int *month, int *dom);
/* A number for SVG and CSS: at most two decimals, no more digits than that. */
void report_number(struct vt_buf *b, double x);
/* A length as a part of the longest, 0 to 1; what is no number is 0. */
void report_share(struct vt_buf *b, double share);

/* report_chart.c: pictures, each with the table of its figures. */
void report_chart_past(struct vt_buf *b, const struct vt_report *r,
    const struct vt_report_facts *f);
void report_chart_cash(struct vt_buf *b, const struct vt_report *r);
/* The order in which engines are listed: dearest first; how many. */
size_t report_engines_order(const struct vt_report *r,
    size_t out[VT_REPORT_ENGINES]);

/* report_style.c */
extern const char report_style[];

#endif
