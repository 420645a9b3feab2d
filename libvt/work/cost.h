/*
 * The bill: what a tier charges for keeping, serving and taking in an object.
 * The one place that knows (DESIGN 9): planner, simulator, report and optimum
 * all ask here.  Prices are data, read from a dated file whose every figure
 * names its source; nothing is priced in code.
 *
 * Knows no log, no catalog and no decision; of the configuration its tiers.
 *
 * Units: dollars, bytes, days of 86,400 s.  A GB is what the file says (AWS
 * bills 2^30 bytes), a month too (AWS bills byte-hours over the hours of the
 * calendar month: 30.4375 days in the mean of four years).  Charges are of
 * the first volume band; taxes and free allowances are left out.
 */
#ifndef VT_WORK_COST_H
#define VT_WORK_COST_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

#include "libvt/work/config.h"

#define VT_COST_TIERS 8		/* tiers that one decision weighs */
#define VT_PRICE_NAME 48	/* bytes of a name, with its NUL */
#define VT_PRICE_LEVELS 4

/* A storage class.  Requests are priced each, not by the thousand. */
struct vt_price {
	char name[VT_PRICE_NAME];
	double storage_gb_month;
	double put, get, transition;	/* a request; transition: a move into
					   it that the provider itself makes */
	double retrieval_gb;
	int needs_restore;		/* reads need a restore first */
	double restore;			/* a restore request */
	double restore_days;		/* the restored copy is kept, hot */
	double min_days;		/* billed even if left earlier */
	uint64_t min_size_bytes;	/* billed even if smaller */
	uint64_t overhead_bytes;	/* billed beside, in this class */
	uint64_t overhead_hot_bytes;	/* billed beside, at the hot price */
	/* A class that moves objects between levels by itself, the idle days
	 * of each level ascending; none when level_count is 0. */
	double monitor_month;		/* for each object, each month */
	uint64_t monitor_min_bytes;	/* smaller ones stay on level 0, free */
	struct {
		double idle_days, storage_gb_month;
	} level[VT_PRICE_LEVELS];
	size_t level_count;
};

/* A price file, read. */
struct vt_prices;

/* VT_INVALID names file, entry and figure; every figure must name a source
 * the file describes.  Free with vt_prices_free. */
enum vt_code vt_prices_load(const char *path, struct vt_prices **out,
    struct vt_err *err) VT_MUST_CHECK;
void vt_prices_free(struct vt_prices *p);
/* 16 hex digits of the file's SHA-256. */
const char *vt_prices_digest(const struct vt_prices *p);
/* "AWS S3 us-east-1, 2026-08-22": for people. */
const char *vt_prices_title(const struct vt_prices *p);
/* Where its tiers are, when nothing else says. */
const char *vt_prices_location(const struct vt_prices *p);
/* NULL when there is no such class. */
const struct vt_price *vt_prices_find(const struct vt_prices *p,
    const char *name);
/* The class that moves objects between levels by itself which plans are
 * compared with: the one that the file names, or its first; NULL: none. */
const struct vt_price *vt_prices_auto(const struct vt_prices *p);
/* The tiers the file offers when there is no configuration: tier name and
 * class of the i-th; 0, or -1 beyond the last. */
int vt_prices_default_tier(const struct vt_prices *p, size_t i,
    const char **tier, const char **class_name);
/*
 * Dollars to carry a GB from one location to another, which the file must
 * state, also for one location to itself: a missing pair is VT_INVALID,
 * never 0.
 */
enum vt_code vt_prices_transfer(const struct vt_prices *p, const char *from,
    const char *to, double *usd_gb, struct vt_err *err) VT_MUST_CHECK;

/* --- the tiers of one installation ---------------------------------------- */

/* Who carries an object from tier to tier. */
enum vt_move_how {
	VT_MOVE_COPY,		/* vt-migrate reads and writes it */
	VT_MOVE_TRANSITION	/* the provider's lifecycle, when it goes to
				   cheaper storage; else as COPY */
};

struct vt_cost_tier {
	char name[VT_PRICE_NAME];
	struct vt_price price;
	double read_gb;		/* transfer from the tier to the server */
	double write_gb;	/* and back */
	int excluded;		/* never a target: constraints (P6) */
};

/*
 * Tier 0 is the hot one: where new and restored objects go.  Plain data:
 * copy it, change a price, compare.
 */
struct vt_cost_model {
	double bytes_per_gb, month_days;
	enum vt_move_how how;
	size_t count;
	struct vt_cost_tier tier[VT_COST_TIERS];
};

/* An empty model with the units of `p`. */
void vt_cost_model_init(struct vt_cost_model *m, const struct vt_prices *p);
/*
 * Add a tier priced as `class_name` at `location`, with the server (and
 * vt-migrate) at `server`.  VT_INVALID: unknown class, unknown pair of
 * locations, name twice; VT_TOO_LARGE: more than VT_COST_TIERS.
 */
enum vt_code vt_cost_model_add(struct vt_cost_model *m,
    const struct vt_prices *p, const char *tier, const char *class_name,
    const char *location, const char *server, struct vt_err *err)
    VT_MUST_CHECK;
/* An empty model gets the tiers of a configuration, in its order.  Codes as
 * vt_cost_model_add. */
enum vt_code vt_cost_model_config(struct vt_cost_model *m,
    const struct vt_prices *p, const struct vt_config *config,
    struct vt_err *err) VT_MUST_CHECK;
/* The index of a tier, or -1. */
int vt_cost_model_tier(const struct vt_cost_model *m, const char *name);

/* --- the bill of one object ----------------------------------------------- */

/* All that an object of one size is ever charged, worked out once. */
struct vt_cost {
	size_t count;
	uint64_t size_bytes;
	double day[VT_COST_TIERS];	/* keeping it a day */
	double min_days[VT_COST_TIERS];
	double get[VT_COST_TIERS];	/* a read request */
	double byte[VT_COST_TIERS];	/* a byte read */
	double restore[VT_COST_TIERS];	/* a day with reads: 0 unless the
					   tier needs restores */
	double move[VT_COST_TIERS][VT_COST_TIERS];	/* from, to; without
					   what early leaving costs */
	double promote[VT_COST_TIERS];	/* rewriting it hot with the bytes of
					   a whole read that is paid: the
					   request and transfer */
	int needs_restore[VT_COST_TIERS];
	int excluded[VT_COST_TIERS];	/* never a target */
};

void vt_cost_of(const struct vt_cost_model *m, uint64_t size_bytes,
    struct vt_cost *out);
/* Serving a day's reads from tier `k`: `gets` requests, `bytes` in all.  From
 * a tier that needs restores, the whole object is restored once for the day
 * and read from its hot copy. */
double vt_cost_serve(const struct vt_cost *c, size_t k, double gets,
    double bytes);
/* The same reads when the first one also rewrites the object to tier 0, which
 * serves the others.  The object is on tier 0 after. */
double vt_cost_serve_promote(const struct vt_cost *c, size_t k, double gets,
    double bytes);
/* What is still due for the minimum duration after `stayed` days. */
double vt_cost_early(const struct vt_cost *c, size_t k, double stayed);

#endif
