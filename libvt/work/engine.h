/*
 * Engines: rules that say, for one object and its past, where it should be by
 * now.  A small interface behind which those live that pay in replays
 * (contest.h); they differ in what they look at, not in how they are asked.
 *
 * Pure.  Times are in days, money in dollars.
 */
#ifndef VT_WORK_ENGINE_H
#define VT_WORK_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/work/cost.h"
#include "libvt/work/hazard.h"
#include "libvt/work/past.h"

enum vt_engine_kind {
	VT_ENGINE_HOT, VT_ENGINE_AGE, VT_ENGINE_IDLE, VT_ENGINE_AUTO,
	VT_ENGINE_WORK, VT_ENGINE_HAZARD, VT_ENGINE_PLAN
};

struct vt_engine {
	enum vt_engine_kind kind;
	const char *name;
	/* WORK: which part of going there and back must have been lost
	 * before a cheaper tier is gone to (1: as published); the share of
	 * minimum durations in the distance is 1 throughout */
	double down;
	/* AGE */
	double age_days[2];
	size_t age_tier[2], age_count;
	uint64_t age_min_bytes;
	/* AUTO, and HAZARD if not -1; smaller objects would stay on its first
	 * level for ever, and are left where they are */
	int self_moving;
	uint64_t self_moving_min_bytes;
	const struct vt_hazard *hazard;		/* HAZARD; borrowed */
	const struct vt_hazard_table *table;
};

/* What is known of an object, whichever engine is asked. */
struct vt_track {
	double clock;		/* the day it has been followed to */
	double idle;		/* covered days since its last read */
	double covered;		/* covered days in all */
	size_t next;		/* event of the past that is to come */
	size_t first30;		/* first one of the last 30 days */
	double bytes30;		/* read in those */
	unsigned group;		/* of hazard.h */
};
/* Before the first event. */
void vt_track_begin(struct vt_track *t, const struct vt_past *p,
    uint64_t size_bytes);
/* Over the next event of the past: its read is counted. */
void vt_track_read(struct vt_track *t, const struct vt_past *p,
    uint64_t size_bytes);
/* Behind the last event, `first30` being the first one that is at most 30 days
 * older than that; how much was covered is not told. */
void vt_track_at(struct vt_track *t, const struct vt_past *p,
    uint64_t size_bytes, size_t first30);

/* An object under an engine. */
struct vt_seat {
	unsigned char at;	/* tier */
	double entered;		/* day it came there */
	double level_idle;	/* days that a self-moving class counts */
	double rent;		/* paid for reads there, net of what storage
				   there saves */
	double w[VT_COST_TIERS];	/* work function; of WORK alone */
};
/* On tier `at` since day `entered`. */
void vt_seat_begin(const struct vt_engine *e, const struct vt_cost *c,
    struct vt_seat *s, size_t at, double entered);
/* `days` covered days pass without a read; for engines that keep count. */
void vt_seat_idle(const struct vt_engine *e, const struct vt_cost *c,
    struct vt_seat *s, double days);
/* Covered days of further idleness after which it may want another tier;
 * INFINITY, and never 0. */
double vt_seat_patience(const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_track *t, const struct vt_seat *s);
/* The tier it should be on at day `now`; s->at: as it is. */
size_t vt_seat_want(const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_past *p, const struct vt_track *t,
    const struct vt_seat *s, double now);
/*
 * A day's reads, `gets` of `bytes` in all, `t` knowing of them: the number of
 * the read, from 1, that should bring the object to tier 0; more than `gets`:
 * none.  To be followed by vt_seat_read.
 */
double vt_seat_promote(const struct vt_engine *e, const struct vt_cost *c,
    const struct vt_track *t, const struct vt_seat *s, double gets,
    double bytes, double now);
/* The day's reads are over; for engines that keep count.  Before s->at is
 * changed by them. */
void vt_seat_read(const struct vt_engine *e, const struct vt_cost *c,
    struct vt_seat *s, double gets, double bytes);
/* It is on tier `to` now. */
void vt_seat_move(struct vt_seat *s, size_t to, double now);

#endif
