/*
 * What the files of a contest share: one of them, as it stands.  For contest.c,
 * which replays the past, and contest_told.c, which tells what came of it.
 */
#ifndef VT_WORK_CONTEST_INTERNAL_H
#define VT_WORK_CONTEST_INTERNAL_H

#include "libvt/work/contest.h"

#define VT_CONTEST_ENGINES 12

/* One engine's objects and sums. */
struct side {
	struct vt_engine e;
	struct vt_seat *seat;
	double usd, storage, reads, moving, moves, before;
	double *week;
	double *object;		/* dollars of each; older ones fade */
	double weeks_in_charge;
	int candidate;		/* may be in charge */
};

struct mark {
	double plan, hot, work;		/* a prefix's bills */
	double grace;			/* a month on tier 0 and a move of
					   each of its objects */
	unsigned char guarded;
};

/* What an object comes to next: kept, as most weeks pass without a read, and
 * looking at its past would take longer than the week. */
struct ahead {
	double at;		/* its next event, or the end */
	double share;		/* of the time until then that is covered */
	int is_end;
	unsigned step;		/* of its reach that comes next */
};

struct vt_contest {
	const struct vt_cost_model *m;
	struct vt_sample *sample;
	struct vt_contest_options o;
	double from, to;	/* of all pasts */
	size_t weeks, week;
	size_t count;		/* objects */
	unsigned excluded;	/* 1 << tier: by options */
	struct vt_cost *cost;
	struct vt_track *track;
	struct ahead *ahead;
	unsigned char *begun;	/* the object is there, or GONE */
	unsigned char *scored;	/* it has passed score_from */
	double *learn;		/* weight in what is learned */
	struct side side[VT_CONTEST_ENGINES];
	size_t sides;
	int hot, work, plan;	/* sides; plan is the last */
	size_t in_charge;
	size_t changed_at;	/* week it took charge */
	struct vt_hazard *hazard;
	struct vt_hazard_table *table, *table_auto;	/* NULL: no side
							   has it */
	size_t solved_at;	/* week; 0: not yet */
	double events, solved_events;	/* learned from, by now and then */
	struct mark *mark;
	size_t marks;
	double worst_guard;
	double optimum;		/* < 0: not yet */
};

#endif
